//! Every scheme: no panic, and nobody is believed who does not have the secret.

use http::HeaderName;
use warroom::clock::Timestamp;
use warroom::signature::sns::{Certificate, Terms};
use warroom::signature::{
    Before, Encoding, Scheme, TimestampHeader, Verifier, certificate_for, verify, verify_with,
};
use warroom::source::SourceKind;

use crate::input::hook;

/// Nobody can guess it, least of all a search that never sees it.
const SECRET: &str = "whsec_bm9ib2R5IGNhbiBndWVzcyB0aGlzIG9uZSwgbGVhc3Qgb2YgYWxs";

/// Judges the input by every scheme.
pub fn check(bytes: &[u8]) {
    let now: Timestamp = "2026-03-02T10:00:00Z".parse().expect("a time");
    let by_kind = SourceKind::ALL.iter().filter_map(|kind| kind.default_hmac(secrets()));
    for scheme in schemes().into_iter().chain(by_kind) {
        let accepted = verify(hook(bytes), &Verifier::new(scheme), now);
        assert!(accepted.is_err(), "believed without the secret");
    }
    let certificate =
        Certificate::from_pem(include_bytes!("../../tests/it/sns/leaf.pem")).expect("it is one");
    let sns = Verifier::new(Scheme::Sns(topics()));
    let asked = certificate_for(&hook(bytes), &sns, now);
    if let Ok(Some(address)) = &asked {
        let host = "https://sns.eu-central-1.amazonaws.com/";
        assert!(address.as_str().starts_with(host) && !address.as_str()[host.len()..].contains('/'));
    }
    if let Ok(body) = verify_with(hook(bytes), &sns, Some(&certificate), now) {
        // The search starts from messages that are rightly signed; what stays accepted must be just those.
        assert!(asked.is_ok_and(|address| address.is_some()), "judged by no certificate");
        assert!(KNOWN.iter().any(|known| body.signed_id() == Some(*known)), "a forged message was believed");
    }
    let _ = Certificate::from_pem(bytes);
}

/// The ids of the messages that the search starts from.
const KNOWN: [&str; 4] = [
    "7c1b9a52-0000-5000-8000-0000000000a1",
    "7c1b9a52-0000-5000-8000-0000000000a2",
    "7c1b9a52-0000-5000-8000-0000000000a3",
    "7c1b9a52-0000-5000-8000-0000000000a4",
];

fn topics() -> Terms {
    let topic = "arn:aws:sns:eu-central-1:210987654321:production-alarms".parse().expect("a topic");
    let raw = Scheme::Query { name: "token".to_owned(), secrets: secrets() };
    Terms { topics: vec![topic], raw: Some(Box::new(raw)), pinned: Vec::new() }
}

fn secrets() -> Vec<secrecy::SecretString> {
    vec![SECRET.into()]
}

fn schemes() -> Vec<Scheme> {
    let timed = |before| Some(TimestampHeader { header: HeaderName::from_static("x-time"), before });
    let hmac = |encoding, prefix: Option<&str>, timestamp| Scheme::Hmac {
        secrets: secrets(),
        header: HeaderName::from_static("x-signature"),
        encoding,
        prefix: prefix.map(str::to_owned),
        timestamp,
    };
    vec![
        Scheme::Bearer { secrets: secrets() },
        Scheme::Basic { user: "monitor".to_owned(), passwords: secrets() },
        Scheme::Header { name: HeaderName::from_static("x-token"), secrets: secrets() },
        Scheme::Query { name: "token".to_owned(), secrets: secrets() },
        hmac(Encoding::Hex, None, None),
        hmac(Encoding::Base64, Some("v1="), None),
        hmac(Encoding::Hex, None, timed(Before::Body(":".to_owned()))),
        hmac(Encoding::Hex, None, timed(Before::Secret)),
        hmac(Encoding::Hex, Some("sha256="), timed(Before::Body(String::new()))),
        Scheme::PagerDuty { secrets: secrets() },
        Scheme::StandardWebhooks { secrets: secrets() },
    ]
}
