//! The whole way over HTTP, with the certificates on a [`Shelf`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use warroom::clock::{Clock, Numbers, SignedDuration};
use warroom::peer::Peer;
use warroom::receiver::certificates::CertificateCache;
use warroom::receiver::{self, Readiness, Receiver};

use super::{
    AT, CERTIFICATE, MESSAGES, OTHER_TOPIC, Shelf, TOPIC, message, set, shelf_with_certificate, sign,
};
use crate::harness::{Options, World, listen};

/// A bridge that looks for certificates on a shelf.
struct Bridge {
    world: World,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Bridge {
    async fn before(shelf: &Arc<Shelf>) -> Self {
        let sources = format!(
            "  aws:\n    kind: sns\n    verify: {{ sns: {{ topics: [ \"{TOPIC}\" ] }} }}\n  \
             aws-raw:\n    kind: sns\n    verify: {{ sns: {{ topics: [ \"{TOPIC}\" ], \
             raw: {{ query: {{ name: token, secret: raw-secret }} }} }} }}\n"
        );
        let world = World::with(Options { sources, ..Options::default() }).await;
        let (address, server) = Self::serve(&world, shelf).await;
        Self { world, address, server }
    }

    /// Another process over the same store.
    async fn restart(&mut self, shelf: &Arc<Shelf>) {
        self.server.abort();
        (self.address, self.server) = Self::serve(&self.world, shelf).await;
    }

    async fn serve(world: &World, shelf: &Arc<Shelf>) -> (SocketAddr, JoinHandle<()>) {
        let own = &world.bridge.receiver;
        let receiver = Receiver {
            sources: own.sources.clone(),
            event_channels: BTreeMap::new(),
            alarm: Arc::clone(&own.alarm),
            store: own.store.clone(),
            roster: own.roster.clone(),
            rules: own.rules,
            most_rooms: own.most_rooms,
            clock: Arc::clone(&own.clock),
            metrics: Arc::clone(&own.metrics),
            wake_worker: Arc::clone(&own.wake_worker),
            certificates: Arc::new(CertificateCache::new(shelf.clone(), own.store.clone())),
            body_budget: own.body_budget.clone(),
            commit_timeout: own.commit_timeout,
            readiness: Readiness::default(),
            numbers: Numbers::default(),
            handover: Arc::clone(&own.handover),
            troubles: warroom::receiver::Troubles::default(),
            readings: receiver::Readings::default(),
        };
        // The listener says whose request it is; here a header does.
        let router =
            receiver::router(Arc::new(receiver)).layer(from_fn(async |mut request: Request, next: Next| {
                let from =
                    request.headers().get("x-from").map(|from| from.to_str().unwrap().parse().unwrap());
                if let Some(from) = from {
                    request.extensions_mut().insert(Peer::direct(from));
                }
                next.run(request).await
            }));
        listen(router).await
    }

    async fn post(&self, to: &str, body: impl Into<String>) -> (StatusCode, Value) {
        let request = self.world.http.post(format!("http://{}/hooks/{to}", self.address));
        let request = request
            .header("content-type", "text/plain; charset=UTF-8")
            .header("x-amz-sns-topic-arn", TOPIC)
            .body(body.into());
        let response = request.send().await.unwrap();
        let status = response.status();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            assert!(response.headers().contains_key("retry-after"));
        }
        (status, response.json().await.unwrap())
    }

    /// The only incident's outcome, or that of the whole.
    async fn outcome(&self, body: impl Into<String>) -> String {
        let (status, receipt) = self.post("aws", body).await;
        assert_eq!(status, StatusCode::OK, "{receipt}");
        let one = receipt["incidents"].get(0).map(|incident| &incident["outcome"]);
        one.unwrap_or(&receipt["outcome"]).as_str().unwrap().to_owned()
    }

    fn pass(&self, seconds: i64) {
        let now = self.world.clock.now();
        self.world.clock.advance_to(now + SignedDuration::from_secs(seconds));
    }
}

/// The alarm under another message id, in this state.
fn another(id: u32, state: &str) -> String {
    let mut message = message(MESSAGES[0]);
    let alarm = message["Message"].as_str().unwrap().replace("\"ALARM\"", &format!("\"{state}\""));
    message["MessageId"] = json!(format!("7c1b9a52-0000-5000-8000-{id:012}"));
    message["Message"] = json!(alarm);
    sign(message)
}

#[tokio::test]
async fn a_signed_alarm_opens_a_room_and_its_end_ends_it_with_the_certificate_fetched_once() {
    let shelf = shelf_with_certificate();
    let bridge = Bridge::before(&shelf).await;
    assert_eq!(bridge.outcome(MESSAGES[0]).await, "opened");
    assert_eq!(bridge.outcome(MESSAGES[0]).await, "repeated", "SNS repeats under the same id");
    assert_eq!(bridge.outcome(another(1, "ALARM")).await, "repeated");
    bridge.world.work().await;
    assert_eq!(bridge.world.sandbox.groups().len(), 1);
    assert_eq!(bridge.outcome(another(2, "INSUFFICIENT_DATA")).await, "ignored");
    assert_eq!(bridge.outcome(another(3, "OK")).await, "resolved");
    assert_eq!(shelf.asked(), [AT]);
}

#[tokio::test]
async fn a_certificate_that_cannot_be_had_is_our_trouble_and_not_the_senders() {
    let shelf = Arc::new(Shelf::default());
    let bridge = Bridge::before(&shelf).await;
    for document in [None, Some(&b"<html>not found</html>"[..])] {
        if let Some(document) = document {
            bridge.pass(31);
            shelf.put(AT, document);
        }
        let asked = shelf.asked().len();
        for _ in 0..5 {
            let (status, problem) = bridge.post("aws", MESSAGES[0]).await;
            assert_eq!((status.as_u16(), &problem["code"]), (503, &json!("unavailable")));
        }
        assert_eq!(shelf.asked().len(), asked + 1, "it is not asked for again at once");
    }
    shelf.put(AT, CERTIFICATE);
    bridge.pass(31);
    assert_eq!(bridge.outcome(MESSAGES[0]).await, "opened");
}

#[tokio::test]
async fn strangers_cannot_make_us_ask_for_much() {
    let shelf = Arc::new(Shelf::default());
    let bridge = Bridge::before(&shelf).await;
    let signed = message(MESSAGES[0]);
    for body in [
        set(&signed, "TopicArn", OTHER_TOPIC),
        set(&signed, "SigningCertURL", "https://evil.example/x.pem"),
        set(&signed, "Timestamp", "2026-03-02T08:00:00.000Z"),
        "{}".to_owned(),
        "[".repeat(100_000),
        String::new(),
    ] {
        let (status, problem) = bridge.post("aws", body).await;
        assert_eq!((status.as_u16(), &problem["code"]), (401, &json!("unauthorized")));
    }
    assert_eq!(shelf.asked(), Vec::<String>::new());
    for i in 0..50 {
        let body = set(&signed, "SigningCertURL", AT.replace("0123", &format!("{i:04}")));
        assert_eq!(bridge.post("aws", body).await.0.as_u16(), 503);
    }
    assert_eq!(shelf.asked().len(), 5, "as often as one address can make us");
    // A minute later there is room again.
    bridge.pass(61);
    shelf.put(AT, CERTIFICATE);
    assert_eq!(bridge.outcome(MESSAGES[0]).await, "opened");
    assert_eq!(
        bridge.world.store.incidents(warroom::store::IncidentQuery::default()).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_stranger_who_invents_certificates_uses_up_nobody_elses_tries() {
    let shelf = Arc::new(Shelf::default());
    let bridge = Bridge::before(&shelf).await;
    let url = format!("http://{}/hooks/aws", bridge.address);
    let post = async |from: &str, body: String| {
        let answer = bridge.world.http.post(&url).header("x-from", from).body(body).send().await.unwrap();
        answer.status().as_u16()
    };
    for i in 0..40 {
        let body = set(&message(MESSAGES[0]), "SigningCertURL", AT.replace("0123", &format!("{i:04}")));
        // Of one network, whichever address of it he takes.
        assert_eq!(post(&format!("2001:db8:0:7::{i:x}"), body).await, 503);
    }
    assert_eq!(shelf.asked().len(), 5);
    shelf.put(AT, CERTIFICATE);
    assert_eq!(post("192.0.2.17", MESSAGES[0].to_owned()).await, 200, "nothing was ever fetched before");
}

#[tokio::test]
async fn a_subscription_is_confirmed_at_amazons_own_address_and_only_for_an_allowed_topic() {
    let shelf = shelf_with_certificate();
    let bridge = Bridge::before(&shelf).await;
    let confirmation = message(MESSAGES[2])["SubscribeURL"].as_str().unwrap().to_owned();
    let (status, _) = bridge.post("aws", MESSAGES[2]).await;
    assert_eq!(status.as_u16(), 503, "it did not work, so SNS shall come again");
    shelf.put(&confirmation, b"<ConfirmSubscriptionResponse/>");
    let (status, receipt) = bridge.post("aws", MESSAGES[2]).await;
    assert_eq!((status.as_u16(), &receipt["outcome"]), (200, &json!("ignored")));
    assert_eq!(receipt["reason"], "the topic's subscription was confirmed");
    assert_eq!(shelf.asked(), [AT, &confirmation, &confirmation]);

    let elsewhere = sign(message(&set(&message(MESSAGES[2]), "TopicArn", OTHER_TOPIC)));
    let tampered = set(&message(MESSAGES[2]), "Token", "ffff");
    for body in [elsewhere, tampered] {
        assert_eq!(bridge.post("aws", body).await.0.as_u16(), 401);
    }
    // A copy that somebody has captured makes us ask for nothing, before and after a restart.
    let mut bridge = bridge;
    for _ in 0..2 {
        assert_eq!(bridge.post("aws", MESSAGES[2]).await, (StatusCode::OK, receipt.clone()));
        bridge.restart(&shelf).await;
    }
    assert_eq!(shelf.asked().len(), 3, "nothing more was asked for");
}

#[tokio::test]
async fn after_a_restart_invented_names_of_certificates_keep_nobody_out() {
    let mut bridge = Bridge::before(&shelf_with_certificate()).await;
    assert_eq!(bridge.outcome(MESSAGES[0]).await, "opened");
    let empty = Arc::new(Shelf::default());
    bridge.restart(&empty).await;
    for i in 0..50 {
        let invented = set(&message(MESSAGES[0]), "SigningCertURL", AT.replace("0123", &format!("{i:04}")));
        assert_eq!(bridge.post("aws", invented).await.0.as_u16(), 503);
        assert_eq!(bridge.outcome(another(i, "ALARM")).await, "repeated");
    }
    assert!(!empty.asked().contains(&AT.to_owned()), "{:?}", empty.asked());
    let no_name = set(&message(MESSAGES[0]), "SigningCertURL", AT.replace("0123456789", "invented"));
    let asked = empty.asked().len();
    assert_eq!(bridge.post("aws", no_name).await.0.as_u16(), 401);
    assert_eq!(empty.asked().len(), asked, "it is none of Amazon's names");
}

#[tokio::test]
async fn raw_deliveries_with_a_password_are_told_that_it_is_wanted() {
    let sources = format!(
        "  aws:\n    kind: sns\n    verify: {{ sns: {{ topics: [ \"{TOPIC}\" ], \
         raw: {{ basic: {{ user: sns, password: for-raw-deliveries }} }} }} }}\n"
    );
    let world = World::with(Options { sources, ..Options::default() }).await;
    let alarm = message(MESSAGES[0])["Message"].as_str().unwrap().to_owned();
    let post = || {
        let request = world.http.post(format!("http://{}/hooks/aws", world.public)).body(alarm.clone());
        request.header("x-amz-sns-topic-arn", TOPIC)
    };
    // As SNS does: without a password, and with it once it is asked for.
    let answer = post().send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 401);
    assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic realm="));
    let answer = post().basic_auth("sns", Some("for-raw-deliveries")).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
}

#[tokio::test]
async fn an_unsubscription_is_answered_kept_and_never_undone() {
    let shelf = shelf_with_certificate();
    let bridge = Bridge::before(&shelf).await;
    let (status, receipt) = bridge.post("aws", MESSAGES[3]).await;
    assert_eq!(status.as_u16(), 200);
    assert_eq!(receipt["reason"], "UNSUBSCRIBED: no alert will come from this topic any more");
    assert_eq!(shelf.asked(), [AT]);
}

#[tokio::test]
async fn raw_deliveries_come_in_by_their_secret() {
    let shelf = Arc::new(Shelf::default());
    let bridge = Bridge::before(&shelf).await;
    let alarm = message(MESSAGES[0])["Message"].as_str().unwrap().to_owned();
    assert_eq!(bridge.post("aws", alarm.clone()).await.0.as_u16(), 401);
    assert_eq!(bridge.post("aws-raw", alarm.clone()).await.0.as_u16(), 401);
    assert_eq!(bridge.post("aws-raw?token=other", alarm.clone()).await.0.as_u16(), 401);
    let (status, receipt) = bridge.post("aws-raw?token=raw-secret", alarm).await;
    assert_eq!((status.as_u16(), &receipt["incidents"][0]["outcome"]), (200, &json!("opened")));
    assert_eq!(shelf.asked(), Vec::<String>::new());
}
