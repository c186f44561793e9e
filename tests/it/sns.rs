//! Amazon SNS: what its signature proves and what it does not, and what is fetched to judge it.
//!
//! The messages beside this file are signed by a key made for these tests, under a certificate in the form of
//! Amazon's; [`real`] has messages that Amazon has signed, where a collection of them is at hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use warroom::clock::{SignedDuration, Timestamp};
use warroom::gateway::fetch::{Fetch, NotFetched};
use warroom::signature::sns::{self, Certificate, TOLERANCE, Terms, Topic};
use warroom::signature::{
    CannotSign, RawHook, Rejected, Scheme, SnsAction, VerifiedBody, Verifier, certificate_for, verify,
    verify_with,
};

use crate::harness::beginning;

mod fetching;
mod real;

const TOPIC: &str = "arn:aws:sns:eu-central-1:210987654321:production-alarms";
const OTHER_TOPIC: &str = "arn:aws:sns:eu-central-1:210987654321:staging-alarms";
const CERTIFICATE: &[u8] = include_bytes!("sns/leaf.pem");
const CERTIFICATE_OF_ANOTHER_SERVICE: &[u8] = include_bytes!("sns/other.pem");
const KEY: &[u8] = include_bytes!("sns/key.pem");
const AT: &str =
    "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem";

/// Versions 1 and 2, with and without a subject, of every type.
const MESSAGES: [&str; 4] = [
    include_str!("sns/notification_v1.json"),
    include_str!("sns/notification_v2_subject.json"),
    include_str!("sns/subscription_v1.json"),
    include_str!("sns/unsubscribe_v2.json"),
];

fn message(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn terms(topics: &[&str]) -> Verifier {
    let topics = topics.iter().map(|arn| arn.parse().unwrap()).collect();
    Verifier { scheme: Scheme::Sns(Terms { topics, raw: None, pinned: Vec::new() }), tolerance: TOLERANCE }
}

fn hook(body: &str) -> RawHook {
    RawHook { source: "aws".to_owned(), headers: HeaderMap::new(), query: None, body: body.to_owned().into() }
}

/// Both steps, with this certificate wherever it was to be fetched from.
fn judge(
    body: &str,
    verifier: &Verifier,
    certificate: &[u8],
    now: Timestamp,
) -> Result<VerifiedBody, Rejected> {
    certificate_for(&hook(body), verifier, now)?.expect("a signed message names its certificate");
    verify_with(hook(body), verifier, Some(&Certificate::from_pem(certificate).unwrap()), now)
}

/// Signs it anew, as SNS does in version 2.
fn sign(mut message: Value) -> String {
    let names: &[&str] = match message["Type"].as_str() {
        Some("Notification") => &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
        _ => &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
    };
    let lines = names.iter().filter_map(|name| Some(format!("{name}\n{}\n", message.get(*name)?.as_str()?)));
    let text: String = lines.collect();
    let key = PrivatePkcs8KeyDer::from_pem_slice(KEY).unwrap();
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    message["SignatureVersion"] = json!("2");
    message["Signature"] = json!(STANDARD.encode(signature));
    message.to_string()
}

fn set(message: &Value, name: &str, value: impl Into<Value>) -> String {
    let mut message = message.clone();
    message[name] = value.into();
    message.to_string()
}

fn without(message: &Value, name: &str) -> String {
    let mut message = message.clone();
    message.as_object_mut().unwrap().remove(name);
    message.to_string()
}

/// Everything that can be done to a message that verifies at `now`, none of which may verify.
fn assert_nothing_can_be_changed(message: &Value, verifier: &Verifier, certificate: &[u8], now: Timestamp) {
    let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
    let refused = |body: &str| match judge(body, verifier, certificate, now) {
        Err(why) => why,
        Ok(_) => panic!("accepted: {body}"),
    };
    let is_notification = message["Type"] == "Notification";
    for name in ["Message", "MessageId", "Subject", "Token", "SubscribeURL"] {
        let value = text(name);
        if value.is_empty() {
            continue;
        }
        let signed = is_notification == (name == "Subject") || name.starts_with("Message");
        if !signed {
            continue;
        }
        assert_eq!(refused(&set(message, name, format!("{value} "))), Rejected::Wrong, "{name}");
        let last = value.chars().last().unwrap();
        let flipped = char::from_u32(u32::from(last) ^ 1).unwrap();
        let flipped = format!("{}{flipped}", &value[..value.len() - last.len_utf8()]);
        assert_eq!(refused(&set(message, name, flipped)), Rejected::Wrong, "{name}");
        let why = refused(&without(message, name));
        assert_eq!(why, if name == "Subject" { Rejected::Wrong } else { Rejected::Malformed }, "{name}");
    }
    if is_notification && message.get("Subject").is_none() {
        assert_eq!(refused(&set(message, "Subject", "ALARM")), Rejected::Wrong);
    }
    let other_version = if text("SignatureVersion") == "1" { "2" } else { "1" };
    assert_eq!(refused(&set(message, "SignatureVersion", other_version)), Rejected::Wrong);
    for odd in ["3", "", "01", "1 "] {
        assert_eq!(refused(&set(message, "SignatureVersion", odd)), Rejected::Malformed);
    }
    assert_eq!(refused(&set(message, "SignatureVersion", 1)), Rejected::Malformed, "a number is no text");
    // The same moment in other words.
    let rewritten = text("Timestamp").replace('Z', "+00:00");
    assert_eq!(refused(&set(message, "Timestamp", rewritten)), Rejected::Wrong);
    assert_eq!(refused(&set(message, "Timestamp", "yesterday")), Rejected::Malformed);
    for kind in ["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation", "Odd"] {
        if message["Type"] != kind {
            refused(&set(message, "Type", kind));
        }
    }
    let signature = STANDARD.decode(text("Signature")).unwrap();
    for bit in [0, 7, 1000, signature.len() * 8 - 1] {
        let mut other = signature.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(refused(&set(message, "Signature", STANDARD.encode(other))), Rejected::Wrong);
    }
    assert_eq!(refused(&set(message, "Signature", "")), Rejected::Wrong);
    assert_eq!(refused(&set(message, "Signature", "not base64!")), Rejected::Malformed);
    let twice = message.to_string().replacen('{', "{\"Message\":\"something else\",", 1);
    assert_eq!(refused(&twice), Rejected::Malformed, "which of two would count?");
    assert_no_other_certificate_is_asked_for(message, verifier, now);
}

/// Where the certificate is said to be.
fn assert_no_other_certificate_is_asked_for(message: &Value, verifier: &Verifier, now: Timestamp) {
    let url = message["SigningCertURL"].as_str().unwrap();
    let host = url.strip_prefix("https://").unwrap().split('/').next().unwrap();
    let file = url.rsplit('/').next().unwrap();
    for other in [
        format!("http://{host}/{file}"),
        format!("https://{host}.evil.example/{file}"),
        format!("https://{host}@evil.example/{file}"),
        format!("https://user:{host}@evil.example/{file}"),
        format!("https://evil.example/{host}/{file}"),
        format!("https://evil.example#{host}/{file}"),
        format!("https://{host}:8443/{file}"),
        format!("https://{host}\\@evil.example/{file}"),
        format!("https://{host}//evil.example/{file}"),
        format!("https://{host}/../{file}"),
        format!("https://{host}/{file}?x=y.pem"),
        format!("https://{host}/{file}#y.pem"),
        format!("https://{host}/{}", file.replace(".pem", ".txt")),
        format!("https://{host}/.pem"),
        format!("https://{host}/%2e%2e/{file}"),
        format!("https://{host}/a\n{file}"),
        format!("https://{}/{file}", host.replace("sns.", "s3.")),
        format!("https://{}/{file}", host.replace("sns.", "sns-bucket.")),
        format!("https://{}/{file}", host.replace("amazonaws.com", "amazonaws.com.cn")),
        format!("https://{}/{file}", host.replace("amazonaws.com", "amazonaws.org")),
        format!("https://sns.amazonaws.com/{file}"),
        format!("https://sns.mars-north-1.amazonaws.com/{file}"),
        format!("https://{}/{file}", host.to_uppercase()),
        format!(" {url}"),
        format!("{url} "),
        format!("https://{host}/{}.pem", "a".repeat(300)),
        format!("https://{host}/a0001.pem"),
        format!("https://{host}/{}", file.replace(".pem", "0.pem")),
        format!("https://{host}/{}", file.to_uppercase().replace(".PEM", ".pem")),
        format!("https://{host}/{}", file.replace("Service-", "Service-g")),
        String::new(),
    ] {
        let body = set(message, "SigningCertURL", other.clone());
        assert_eq!(certificate_for(&hook(&body), verifier, now), Err(Rejected::Wrong), "{other}");
        let certificate = Certificate::from_pem(CERTIFICATE).unwrap();
        assert!(verify_with(hook(&body), verifier, Some(&certificate), now).is_err(), "{other}");
    }
}

#[test]
fn messages_of_an_allowed_topic_verify_and_nothing_in_them_can_be_changed() {
    let verifier = terms(&[OTHER_TOPIC, TOPIC]);
    for text in MESSAGES {
        let message = message(text);
        let verified = judge(text, &verifier, CERTIFICATE, beginning()).unwrap();
        assert_eq!(verified.signed_id(), message["MessageId"].as_str());
        assert_eq!(verified.replay_key().unwrap().len(), 64);
        assert_nothing_can_be_changed(&message, &verifier, CERTIFICATE, beginning());
        assert_eq!(judge(&sign(message), &verifier, CERTIFICATE, beginning()).map(|_| ()), Ok(()));
    }
}

#[test]
fn a_right_signature_of_a_topic_that_is_not_allowed_opens_nothing() {
    let verifier = terms(&[OTHER_TOPIC]);
    for text in MESSAGES {
        assert_eq!(judge(text, &verifier, CERTIFICATE, beginning()).unwrap_err(), Rejected::Wrong);
        // Nor does saying that it was another one.
        let moved = set(&message(text), "TopicArn", OTHER_TOPIC);
        assert_eq!(judge(&moved, &verifier, CERTIFICATE, beginning()).unwrap_err(), Rejected::Wrong);
    }
}

#[test]
fn a_message_counts_for_an_hour_and_a_certificate_within_its_dates() {
    let verifier = terms(&[TOPIC]);
    let judge_at = |now: Timestamp, verifier: &Verifier| {
        judge(MESSAGES[0], verifier, CERTIFICATE, now).map(|_| ()).map_err(Rejected::as_str)
    };
    let after = |minutes: i64| beginning() + SignedDuration::from_mins(minutes);
    for (minutes, verdict) in
        [(0, Ok(())), (65, Ok(())), (66, Err("stale")), (-5, Ok(())), (-6, Err("stale"))]
    {
        assert_eq!(judge_at(after(minutes), &verifier), verdict, "{minutes}");
    }
    // Only the certificate's own dates are left to refuse it: 2026, and not a day more.
    let patient = Verifier { tolerance: SignedDuration::from_hours(24 * 900), ..verifier };
    for (now, verdict) in [
        ("2026-12-31T23:59:59Z", Ok(())),
        ("2027-01-01T00:00:01Z", Err("stale")),
        ("2028-01-01T00:00:00Z", Err("stale")),
    ] {
        assert_eq!(judge_at(now.parse().unwrap(), &patient), verdict, "{now}");
    }
    let mut early = message(MESSAGES[0]);
    early["Timestamp"] = json!("2025-12-31T23:59:00.000Z");
    let why = judge(&sign(early), &patient, CERTIFICATE, "2025-12-31T23:59:30Z".parse().unwrap());
    assert_eq!(why.unwrap_err(), Rejected::Stale);
}

#[test]
fn a_certificate_of_another_service_or_none_proves_nothing() {
    let verifier = terms(&[TOPIC]);
    for text in MESSAGES {
        let why = judge(text, &verifier, CERTIFICATE_OF_ANOTHER_SERVICE, beginning()).unwrap_err();
        assert_eq!(why, Rejected::Wrong);
        assert_eq!(verify(hook(text), &verifier, beginning()).unwrap_err(), Rejected::Missing);
    }
    for pem in [&b""[..], b"<html>", KEY, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(Certificate::from_pem(pem).is_err());
    }
}

#[test]
fn what_the_signer_asks_for_is_known_from_the_signed_message_only() {
    let verifier = terms(&[TOPIC]);
    let errands: Vec<Option<SnsAction>> = MESSAGES
        .iter()
        .map(|text| judge(text, &verifier, CERTIFICATE, beginning()).unwrap().action().cloned())
        .collect();
    assert_eq!(errands[..2], [None, None]);
    let Some(SnsAction::ConfirmSubscription { topic, address }) = &errands[2] else { panic!("{errands:?}") };
    assert_eq!(topic, TOPIC);
    assert_eq!(address.as_str(), message(MESSAGES[2])["SubscribeURL"].as_str().unwrap());
    assert!(!format!("{address:?}").contains("Token"), "it is a secret");
    assert_eq!(errands[3], Some(SnsAction::NoticeUnsubscribed { topic: TOPIC.to_owned() }));
    // Whatever address stands in the message, even rightly signed, the one that is asked is built here.
    let mut elsewhere = message(MESSAGES[2]);
    elsewhere["SubscribeURL"] = json!("https://evil.example/");
    let verified = judge(&sign(elsewhere), &verifier, CERTIFICATE, beginning()).unwrap();
    assert_eq!(verified.action(), errands[2].as_ref());
    for token in ["", "a b", "a&TopicArn=arn", "a#b", "%41"] {
        let mut odd = message(MESSAGES[2]);
        odd["Token"] = json!(token);
        let why = judge(&sign(odd), &verifier, CERTIFICATE, beginning()).unwrap_err();
        assert_eq!(why, Rejected::Malformed, "{token}");
    }
}

#[test]
fn only_whole_topics_of_sns_can_be_allowed() {
    for arn in [
        TOPIC,
        "arn:aws-cn:sns:cn-north-1:210987654321:alarms",
        "arn:aws-us-gov:sns:us-gov-west-1:210987654321:alarms_1",
    ] {
        assert_eq!(arn.parse::<Topic>().unwrap().to_string(), arn);
    }
    for arn in [
        "",
        "production-alarms",
        "arn:aws:sns:eu-central-1:210987654321",
        "arn:aws:sns:eu-central-1:210987654321:",
        "arn:aws:sns:eu-central-1:210987654321:*",
        "arn:aws:sns:*:210987654321:alarms",
        "arn:aws:sns:evil.example/:210987654321:alarms",
        "arn:aws:sns:eu@evil:210987654321:alarms",
        "arn:aws:sqs:eu-central-1:210987654321:alarms",
        "arn:other:sns:eu-central-1:210987654321:alarms",
        "arn:aws:sns:eu-central-1:210987654321:alarms:1234",
        "arn:aws:sns:eu-central-1:me:alarms",
    ] {
        assert!(arn.parse::<Topic>().is_err(), "{arn}");
    }
}

#[test]
fn raw_deliveries_need_a_secret_and_an_allowed_topic() {
    let raw = |body: &str, token: Option<&str>, topic: Option<&str>, verifier: &Verifier| {
        let mut hook = hook(body);
        hook.query = token.map(|token| format!("token={token}"));
        if let Some(topic) = topic {
            let name = HeaderName::from_static("x-amz-sns-topic-arn");
            hook.headers.insert(name, HeaderValue::from_str(topic).unwrap());
        }
        assert_eq!(certificate_for(&hook, verifier, beginning()).map(|wanted| wanted.is_some()), Ok(false));
        verify(hook, verifier, beginning()).map(|body| body.action().is_some())
    };
    let alarm = r#"{"AlarmName":"x","NewStateValue":"ALARM"}"#;
    let strict = terms(&[TOPIC]);
    assert_eq!(raw(alarm, Some("right"), Some(TOPIC), &strict), Err(Rejected::Missing));
    let by_query = Scheme::Query { name: "token".to_owned(), secrets: vec!["right".into()] };
    let Scheme::Sns(terms) = strict.scheme else { panic!() };
    let lenient = Verifier {
        scheme: Scheme::Sns(Terms { raw: Some(Box::new(by_query)), ..terms }),
        tolerance: TOLERANCE,
    };
    assert_eq!(raw(alarm, Some("right"), Some(TOPIC), &lenient), Ok(false));
    assert_eq!(raw(alarm, Some("wrong"), Some(TOPIC), &lenient), Err(Rejected::Wrong));
    assert_eq!(raw(alarm, None, Some(TOPIC), &lenient), Err(Rejected::Missing));
    assert_eq!(raw(alarm, Some("right"), Some(OTHER_TOPIC), &lenient), Err(Rejected::Wrong));
    assert_eq!(raw(alarm, Some("right"), None, &lenient), Err(Rejected::Missing));
    // An envelope without its signature is no way around it: it confirms nothing.
    let mut naked = message(MESSAGES[2]);
    for name in ["Signature", "SigningCertURL"] {
        naked.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(raw(&naked.to_string(), Some("right"), Some(TOPIC), &lenient), Ok(false));
    // And whoever holds the secret cannot pass off an envelope with a wrong one.
    let forged = set(&message(MESSAGES[0]), "Message", "{}");
    assert_eq!(judge(&forged, &lenient, CERTIFICATE, beginning()).unwrap_err(), Rejected::Wrong);
}

#[test]
fn with_a_pinned_certificate_nothing_is_fetched_and_nobody_else_is_believed() {
    let pinned = |pem: &[u8]| {
        let Scheme::Sns(terms) = terms(&[TOPIC]).scheme else { panic!() };
        Terms { pinned: vec![Certificate::from_pem(pem).unwrap()], ..terms }
    };
    let verifier = |terms: &Terms| Verifier { scheme: Scheme::Sns(terms.clone()), tolerance: TOLERANCE };
    let ours = pinned(CERTIFICATE);
    let own = sns::sign(&ours, b"{\"AlarmName\":\"x\"}", KEY, "0192-sample", beginning()).unwrap();
    let own = String::from_utf8(own.body.unwrap()).unwrap();
    let other = pinned(CERTIFICATE_OF_ANOTHER_SERVICE);
    let several = Terms { pinned: [other.pinned.clone(), ours.pinned.clone()].concat(), ..ours.clone() };
    for text in MESSAGES.into_iter().chain([own.as_str()]) {
        for terms in [&ours, &several] {
            assert_eq!(certificate_for(&hook(text), &verifier(terms), beginning()), Ok(None));
            assert!(verify(hook(text), &verifier(terms), beginning()).is_ok(), "{text}");
        }
        let why = verify(hook(text), &verifier(&other), beginning()).unwrap_err();
        assert_eq!(why, Rejected::Wrong);
        // What somebody else says it fetched is not asked.
        let fetched = Certificate::from_pem(CERTIFICATE).unwrap();
        assert!(verify_with(hook(text), &verifier(&other), Some(&fetched), beginning()).is_err());
        // Dates, topic and every field count as ever.
        let late = "2027-06-01T00:00:00Z".parse().unwrap();
        assert_eq!(verify(hook(text), &verifier(&ours), late).unwrap_err(), Rejected::Stale);
        let changed = set(&message(text), "MessageId", "another");
        assert_eq!(verify(hook(&changed), &verifier(&ours), beginning()).unwrap_err(), Rejected::Wrong);
        let moved = set(&message(text), "TopicArn", OTHER_TOPIC);
        assert_eq!(verify(hook(&moved), &verifier(&ours), beginning()).unwrap_err(), Rejected::Wrong);
    }
    for key in [&b""[..], b"no key", CERTIFICATE] {
        assert_eq!(sns::sign(&ours, b"{}", key, "id", beginning()).unwrap_err(), CannotSign::UnusableSecret);
    }
}

/// Answers from a list, and writes down what it was asked.
#[derive(Debug, Default)]
struct Shelf {
    documents: Mutex<BTreeMap<String, Vec<u8>>>,
    asked: Mutex<Vec<String>>,
}

impl Shelf {
    fn put(&self, address: &str, document: &[u8]) {
        self.documents.lock().unwrap().insert(address.to_owned(), document.to_vec());
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Fetch for Shelf {
    async fn fetch(&self, address: &str) -> Result<Vec<u8>, NotFetched> {
        self.asked.lock().unwrap().push(address.to_owned());
        self.documents.lock().unwrap().get(address).cloned().ok_or(NotFetched::Status(404))
    }
}

fn shelf_with_certificate() -> Arc<Shelf> {
    let shelf = Arc::new(Shelf::default());
    shelf.put(AT, CERTIFICATE);
    shelf
}
