//! What monitoring tools get to see: every way to prove oneself, every answer, and what stays behind.
//!
//! The senders here sign by themselves, with the plain HMAC and not with the crate's own signing, so that
//! one mistake cannot be on both sides.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};
use warroom::clock::Timestamp;
use warroom::source::SourceKind;

use crate::harness::{Options, World};

mod answers;
mod covered;
mod crowd;
mod form_field;
mod leniently;
mod limits;
mod log_lines;
mod outage;
mod replays;
mod verifying;

/// How a sender makes its proof: secret, delivery's id, Unix seconds and body in, headers and query out.
type Prove = fn(&str, &str, i64, &[u8]) -> (Vec<(&'static str, String)>, Option<String>);

/// A monitoring tool that proves itself in one way.
struct Sender {
    /// Its name in the config.
    name: &'static str,
    kind: SourceKind,
    /// What stands under `verify:`, with `SECRETS` for the list of them.
    verify: &'static str,
    prove: Prove,
    /// The body is part of the proof.
    signs: bool,
    /// The sending time is part of the proof.
    times: bool,
}

const SENDERS: [Sender; 11] = [
    Sender {
        name: "bearer",
        kind: SourceKind::Generic,
        verify: "{ bearer: SECRETS }",
        prove: |secret, _, _, _| (vec![("authorization", format!("Bearer {secret}"))], None),
        signs: false,
        times: false,
    },
    Sender {
        name: "basic",
        kind: SourceKind::Alertmanager,
        verify: "{ basic: { user: monitor, password: SECRETS } }",
        prove: |secret, _, _, _| {
            (vec![("authorization", format!("Basic {}", STANDARD.encode(format!("monitor:{secret}"))))], None)
        },
        signs: false,
        times: false,
    },
    Sender {
        name: "header",
        kind: SourceKind::Generic,
        verify: "{ header: { name: X-Webhook-Token, secret: SECRETS } }",
        prove: |secret, _, _, _| (vec![("x-webhook-token", secret.to_owned())], None),
        signs: false,
        times: false,
    },
    Sender {
        name: "query",
        kind: SourceKind::Generic,
        verify: "{ query: { name: token, secret: SECRETS } }",
        prove: |secret, _, _, _| (Vec::new(), Some(format!("token={secret}"))),
        signs: false,
        times: false,
    },
    Sender {
        name: "hmac-hex",
        kind: SourceKind::Generic,
        verify: "{ hmac: SECRETS }",
        prove: |secret, _, _, body| {
            let mac = hex::encode(mac(secret.as_bytes(), &[body]));
            (vec![("x-hub-signature-256", format!("sha256={mac}"))], None)
        },
        signs: true,
        times: false,
    },
    Sender {
        name: "hmac-base64",
        kind: SourceKind::Generic,
        verify: "{ hmac: { secrets: SECRETS, header: X-Body-Signature, encoding: base64 } }",
        prove: |secret, _, _, body| {
            (vec![("x-body-signature", STANDARD.encode(mac(secret.as_bytes(), &[body])))], None)
        },
        signs: true,
        times: false,
    },
    Sender {
        name: "grafana",
        kind: SourceKind::Grafana,
        verify: "{ hmac: SECRETS }",
        prove: |secret, _, _, body| {
            let mac = hex::encode(mac(secret.as_bytes(), &[body]));
            (vec![("x-grafana-alerting-signature", mac)], None)
        },
        signs: true,
        times: false,
    },
    Sender {
        name: "grafana-timed",
        kind: SourceKind::Grafana,
        verify: "{ hmac: { secrets: SECRETS, timestamp_header: X-Grafana-Alerting-Time } }",
        prove: |secret, _, at, body| {
            let time = at.to_string();
            let mac = hex::encode(mac(secret.as_bytes(), &[time.as_bytes(), b":", body]));
            (vec![("x-grafana-alerting-signature", mac), ("x-grafana-alerting-time", time)], None)
        },
        signs: true,
        times: true,
    },
    Sender {
        name: "pagerduty",
        kind: SourceKind::Pagerduty,
        verify: "{ hmac: SECRETS }",
        prove: |secret, _, _, body| {
            let mac = hex::encode(mac(secret.as_bytes(), &[body]));
            (vec![("x-pagerduty-signature", format!("v1={},v1={mac}", "00".repeat(32)))], None)
        },
        signs: true,
        times: false,
    },
    Sender {
        name: "standard-webhooks",
        kind: SourceKind::Generic,
        verify: "{ standard_webhooks: SECRETS }",
        prove: |secret, id, at, body| {
            let time = at.to_string();
            let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
            let signed: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", body];
            let signature = format!("v1,{}", STANDARD.encode(mac(&key, &signed)));
            let headers = vec![
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", time),
                ("webhook-signature", signature),
            ];
            (headers, None)
        },
        signs: true,
        times: true,
    },
    Sender {
        name: "rootly",
        kind: SourceKind::Rootly,
        verify: "{ hmac: SECRETS }",
        prove: |secret, _, at, body| {
            let time = at.to_string();
            let mac = hex::encode(mac(secret.as_bytes(), &[time.as_bytes(), body]));
            (vec![("x-rootly-signature", format!("t={time},v1={},v1={mac}", "00".repeat(32)))], None)
        },
        signs: true,
        times: true,
    },
];

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// One request to a hook; sent twice, it is the same to the last byte.
#[derive(Clone)]
struct Delivery {
    to: String,
    headers: Vec<(&'static str, String)>,
    query: Option<String>,
    body: Vec<u8>,
}

impl Sender {
    /// A secret of its own, by what it is for.
    fn secret(&self, which: &str) -> String {
        let text = format!("{which}-secret-of-{}", self.name);
        if self.name == "standard-webhooks" { format!("whsec_{}", STANDARD.encode(text)) } else { text }
    }

    /// The secret that is in use.
    fn new_secret(&self) -> String {
        self.secret("todays")
    }

    /// The one before, which is still accepted.
    fn old_secret(&self) -> String {
        self.secret("yesterdays")
    }

    fn yaml(&self) -> String {
        let secrets = format!("[ \"{}\", \"{}\" ]", self.new_secret(), self.old_secret());
        let verify = self.verify.replace("SECRETS", &secrets);
        format!("  {}:\n    kind: {}\n    verify: {verify}\n", self.name, self.kind)
    }

    fn send(&self, body: impl Into<Vec<u8>>, secret: &str, at: Timestamp) -> Delivery {
        let body = body.into();
        // The sender's own retries keep the id, so it comes from what is sent.
        let id = format!("msg_{}", hex::encode(&Sha256::digest(&body)[..8]));
        let (headers, query) = (self.prove)(secret, &id, at.as_second(), &body);
        Delivery { to: self.name.to_owned(), headers, query, body }
    }

    /// A Sev-1 condition begins.
    fn fire(&self, at: Timestamp, key: &str) -> Delivery {
        self.send(self.kind.sample(at, key), &self.new_secret(), at)
    }

    /// And ends.
    fn resolve(&self, at: Timestamp, key: &str) -> Delivery {
        self.send(self.kind.sample_resolved(at, key), &self.new_secret(), at)
    }
}

impl Delivery {
    /// The same with another value in a header.
    fn with(&self, name: &str, change: impl Fn(&str) -> String) -> Self {
        let mut other = self.clone();
        for (_, value) in other.headers.iter_mut().filter(|(n, _)| *n == name) {
            *value = change(value);
        }
        other
    }

    /// The same without a header.
    fn without(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.headers.retain(|(n, _)| *n != name);
        other
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// It is an error with this code, in the form that all errors have.
    fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!((&problem["code"], &problem["status"]), (&code.into(), &status.into()), "{self:?}");
    }

    /// What became of the only incident in the body.
    fn outcome(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        let receipt = self.json();
        assert!(receipt["receipt"].as_str().is_some_and(|id| !id.is_empty()), "{self:?}");
        receipt["incidents"][0]["outcome"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }

    fn incident(&self) -> String {
        self.json()["incidents"][0]["id"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }
}

/// A world in which every sender is known.
async fn world() -> World {
    World::with(options()).await
}

fn options() -> Options {
    Options {
        sources: SENDERS.iter().map(Sender::yaml).collect(),
        // A room for each, one after the other.
        rooms_per_hour: 11,
        rooms: "  close_after: 1m\n".to_owned(),
        ..Options::default()
    }
}

impl World {
    async fn take(&self, delivery: &Delivery) -> Answer {
        let query = delivery.query.as_ref().map(|q| format!("?{q}")).unwrap_or_default();
        let mut request = self.http.post(format!("http://{}/hooks/{}{query}", self.public, delivery.to));
        for (name, value) in &delivery.headers {
            request = request.header(*name, value);
        }
        self.answer(request.body(delivery.body.clone())).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let text = |v: &http::HeaderValue| v.to_str().unwrap().to_owned();
        let mut headers: Vec<_> = response.headers().iter().map(|(n, v)| (n.to_string(), text(v))).collect();
        headers.retain(|(name, _)| name != "date");
        headers.sort();
        Answer { status: response.status().as_u16(), headers, body: response.text().await.unwrap() }
    }

    /// How many hooks are kept.
    fn receipts(&self) -> i64 {
        self.kept.number("SELECT count(*) FROM receipts")
    }

    async fn incidents(&self) -> usize {
        self.store.incidents(warroom::store::IncidentQuery::default()).await.unwrap().len()
    }

    /// The value of a metric line, 0 if it is not there.
    fn metric(&self, line: &str) -> u64 {
        let text = self.bridge.receiver.metrics.render();
        let value = text.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' '));
        value.map_or(0, |v| v.parse().unwrap())
    }

    /// Every text in every group, and everything anybody got 1:1.
    fn everything_said(&self) -> Vec<String> {
        let mut said = Vec::new();
        for group in self.sandbox.groups() {
            said.extend(group.texts().into_iter().map(|text| format!("{}: {text}", group.id)));
        }
        for phone in self.sandbox.phones() {
            let chat = self.sandbox.chat(&phone.digits);
            said.extend(chat.into_iter().map(|m| format!("{}: {}", phone.digits, m.text)));
        }
        said
    }
}
