//! What is sent: whole requests made beforehand, in which only digits and the signature change.

use std::ops::Range;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use warroom::clock::{Clock, SystemClock};

pub(crate) const SECRET: &str = "a-secret-for-this-benchmark-only";
/// Where one source and route has more incidents at once than groups can be made, they join one incident. So new ones
/// come from this many sources and clients with a route each: the limit of 60 for each of 400 is never met.
pub(crate) const SOURCES: u64 = 20;
pub(crate) const CLIENTS: u64 = 20;
/// Incidents that are repeated in turn.
pub(crate) const REPEATED: u64 = 100;

/// What the bodies of one load have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Each is of another group, so each opens an incident.
    New,
    /// The groups take turns, and a value differs that only people look at.
    Repeat,
    /// The groups take turns, and each body of a group is the same to the byte.
    Replay,
    /// All of one group, each with another alert in the place of the one before.
    Changed,
}

/// Digits that differ.
#[derive(Debug, Clone, Copy)]
enum Number {
    Source,
    Client,
    Group,
    Alert,
    Value,
}

const MARKS: [(&str, Number); 5] = [
    ("~~", Number::Source),
    ("^^", Number::Client),
    ("@@@@@@@@", Number::Group),
    ("$$$$$$$$", Number::Alert),
    ("########", Number::Value),
];

/// A request, again and again.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    kind: Kind,
    text: Vec<u8>,
    places: Vec<(Range<usize>, Number)>,
    signature: Range<usize>,
    body: usize,
    mac: Hmac<Sha256>,
}

impl Requests {
    /// As a tool posts them that is told of this path, in which `~~` is the number of a source.
    pub(crate) fn new(kind: Kind, path: &str, body: &str) -> Self {
        let unsigned = "0".repeat(64);
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             X-Hub-Signature-256: sha256={unsigned}\r\n\r\n",
            body.len(),
        );
        let text = format!("{head}{body}");
        let places = MARKS.iter().flat_map(|(mark, number)| {
            text.match_indices(mark).map(|(at, _)| (at..at + mark.len(), *number)).collect::<Vec<_>>()
        });
        let signature = text.find(&unsigned).unwrap();
        Self {
            kind,
            places: places.collect(),
            signature: signature..signature + unsigned.len(),
            body: head.len(),
            text: text.into_bytes(),
            mac: Hmac::new_from_slice(SECRET.as_bytes()).unwrap(),
        }
    }

    /// The request with this number, signed.
    pub(crate) fn make(&mut self, n: u64) -> &[u8] {
        let (group, alert, value) = match self.kind {
            Kind::New => (n, n, n),
            Kind::Repeat => (n % REPEATED, n % REPEATED, n),
            Kind::Replay => (n % REPEATED, n % REPEATED, 0),
            Kind::Changed => (0, n, n),
        };
        for (place, number) in &self.places {
            let mut rest = match number {
                Number::Source => group % SOURCES,
                Number::Client => group / SOURCES % CLIENTS,
                Number::Group => group,
                Number::Alert => alert,
                Number::Value => value,
            };
            for digit in self.text[place.clone()].iter_mut().rev() {
                *digit = b"0123456789"[usize::try_from(rest % 10).unwrap()];
                rest /= 10;
            }
        }
        let mut mac = self.mac.clone();
        mac.update(&self.text[self.body..]);
        hex::encode_to_slice(mac.finalize().into_bytes(), &mut self.text[self.signature.clone()]).unwrap();
        &self.text
    }
}

/// What Alertmanager posts to a webhook: 1.4 kB about one firing alert.
pub(crate) fn notification() -> String {
    let labels = labels();
    json!({
        "version": "4",
        "groupKey": "{}/{severity=\"critical\"}:{alertname=\"CheckoutErrorsHigh\", client=\"c^^\", group=\"@@@@@@@@\"}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "warroom",
        "groupLabels": { "alertname": "CheckoutErrorsHigh", "client": "c^^", "group": "@@@@@@@@" },
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "https://alertmanager.acme.example",
        "alerts": [{
            "status": "firing",
            "labels": labels,
            "annotations": annotations(),
            "startsAt": SystemClock.now().to_string(),
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://prometheus.acme.example/graph?g0.expr=checkout%3Aerrors+%3E+0.2&g0.tab=1",
            "fingerprint": "@@@@@@@@$$$$$$$$",
        }],
    })
    .to_string()
}

/// What Prometheus posts to Alertmanager about the same alert, as long as the other.
pub(crate) fn alerts() -> String {
    let mut annotations = annotations();
    annotations["details"] = "5xx from checkout-7 and its siblings. ".repeat(16).into();
    json!([{
        "labels": labels(),
        "annotations": annotations,
        "startsAt": SystemClock.now().to_string(),
        "generatorURL": "https://prometheus.acme.example/graph?g0.expr=checkout%3Aerrors+%3E+0.2&g0.tab=1",
    }])
    .to_string()
}

fn labels() -> serde_json::Value {
    json!({
        "alertname": "CheckoutErrorsHigh",
        "severity": "critical",
        "client": "c^^",
        "environment": "production",
        "service": "checkout",
        "instance": "checkout-$$$$$$$$.acme.example:9102",
        "group": "@@@@@@@@",
    })
}

fn annotations() -> serde_json::Value {
    json!({
        "summary": "Checkout: more than 40 % of requests fail",
        "description": "5xx from checkout and its siblings since the 14:02 rollout.",
        "runbook_url": "https://runbooks.example/checkout/errors",
        "dashboard_url": "https://graphs.example/d/checkout",
        "value": "########",
    })
}
