//! Messages that Amazon has signed, with the certificates of their day.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use warroom::clock::{SignedDuration, Timestamp};
use warroom::signature::{Rejected, SnsAction, certificate_for};

use super::{OTHER_TOPIC, assert_nothing_can_be_changed, hook, judge, terms};

/// They are kept outside this repository; these tests only run beside them.
fn messages() -> Vec<(String, Value, Vec<u8>)> {
    #[expect(clippy::disallowed_methods, reason = "a folder of the machine, asked for in a test only")]
    let told = std::env::var_os("WARROOM_SAMPLES").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples");
    let Some(folder) = told.or_else(|| beside.is_dir().then_some(beside)) else { return Vec::new() };
    let folder = folder.join("sns-cloudwatch");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let messages: Vec<_> = files
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("aws_real_"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let message: Value = serde_json::from_str(&text).unwrap();
            let file = message["SigningCertURL"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            (text, message, fs::read(folder.join("certs").join(file)).unwrap())
        })
        .collect();
    assert!(messages.len() >= 7, "{}", messages.len());
    messages
}

#[test]
fn real_messages_verify_with_the_clock_of_their_day_and_in_no_other_form() {
    for (text, message, certificate) in messages() {
        let topic = message["TopicArn"].as_str().unwrap();
        let sent_at: Timestamp = message["Timestamp"].as_str().unwrap().parse().unwrap();
        let verifier = terms(&[topic]);
        let address = certificate_for(&hook(&text), &verifier, sent_at).unwrap().unwrap();
        assert_eq!(address.as_str(), message["SigningCertURL"].as_str().unwrap());
        let verified = judge(&text, &verifier, &certificate, sent_at).unwrap();
        if let Some(SnsAction::ConfirmSubscription { address, .. }) = verified.action() {
            assert_eq!(address.as_str(), message["SubscribeURL"].as_str().unwrap(), "built as Amazon does");
        }
        assert_eq!(
            (message["Type"] == "Notification", message["Type"] == "SubscriptionConfirmation"),
            (
                verified.action().is_none(),
                matches!(verified.action(), Some(SnsAction::ConfirmSubscription { .. }))
            )
        );
        assert_nothing_can_be_changed(&message, &verifier, &certificate, sent_at);
        let other_topic = terms(&[OTHER_TOPIC]);
        assert_eq!(judge(&text, &other_topic, &certificate, sent_at).unwrap_err(), Rejected::Wrong);
        let late = sent_at + SignedDuration::from_mins(66);
        assert_eq!(judge(&text, &verifier, &certificate, late).unwrap_err(), Rejected::Stale);
    }
}

#[test]
fn the_certificate_of_another_year_does_not_fit() {
    let messages = messages();
    for (text, message, certificate) in &messages {
        let sent_at: Timestamp = message["Timestamp"].as_str().unwrap().parse().unwrap();
        let verifier = terms(&[message["TopicArn"].as_str().unwrap()]);
        for (_, _, other) in messages.iter().filter(|(_, _, other)| other != certificate) {
            assert_eq!(judge(text, &verifier, other, sent_at).unwrap_err(), Rejected::Stale);
        }
    }
}
