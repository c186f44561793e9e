//! When no number works: the fallback webhook is told of each incident once, signed, and rooms go on by themselves.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use warroom::clock::{Clock, TestClock};
use warroom::gateway::{GatewayError, Refusal};
use warroom::room::PhaseName;
use warroom::sandbox::{BANNED, Setup};
use warroom::signature::{RawHook, Scheme, Verifier, verify};

use super::{ban, pass, two_numbers};
use crate::harness::{ADA, Options, SECOND_ID, World, alertmanager, listen};
use crate::odd_gateway::{Odd, OddGateway};

const SECRET: &str = "whsec_c2Vjb25kLXdheS1mb3ItdGhlLXRlc3RzLW9ubHk=";

/// Somebody else's pager.
#[derive(Clone)]
pub(crate) struct Receiver {
    /// What it answers, in turn; 200 when there is nothing left.
    answers: Arc<Mutex<Vec<u16>>>,
    /// What it took and answered, with the signed id.
    got: Arc<Mutex<Vec<(u16, String, Value)>>>,
    clock: Arc<Mutex<Option<Arc<TestClock>>>>,
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let now = receiver.clock.lock().unwrap().as_ref().unwrap().now();
    let hook = RawHook { source: "warroom".to_owned(), headers, query: None, body };
    let verifier = Verifier::new(Scheme::StandardWebhooks { secrets: vec![SECRET.into()] });
    let verified = verify(hook, &verifier, now).expect("it is signed");
    let status = {
        let mut answers = receiver.answers.lock().unwrap();
        if answers.is_empty() { 200 } else { answers.remove(0) }
    };
    let body: Value = serde_json::from_slice(verified.body()).unwrap();
    receiver.got.lock().unwrap().push((status, verified.signed_id().unwrap().to_owned(), body));
    StatusCode::from_u16(status).unwrap()
}

impl Receiver {
    /// A receiver, and the lines of config that lead to it.
    pub(crate) async fn start(answers: &[u16]) -> (Self, String) {
        let receiver = Self {
            answers: Arc::new(Mutex::new(answers.to_vec())),
            got: Arc::default(),
            clock: Arc::default(),
        };
        let (address, _) =
            listen(Router::new().route("/told", post(take)).with_state(receiver.clone())).await;
        let lines = format!("  fallback_webhook: {{ url: \"http://{address}/told\", secret: {SECRET} }}");
        (receiver, lines)
    }

    pub(crate) fn watch(&self, world: &World) {
        *self.clock.lock().unwrap() = Some(world.clock.clone());
    }

    pub(crate) fn got(&self) -> Vec<(u16, String, Value)> {
        self.got.lock().unwrap().clone()
    }
}

async fn attention(world: &World, id: &str) -> Value {
    let url = format!("http://{}/api/incidents/{id}", world.operator);
    let shown: Value = world.http.get(url).send().await.unwrap().json().await.unwrap();
    shown["attention"].clone()
}

#[tokio::test]
async fn when_all_numbers_are_down_each_incident_is_told_once_and_rooms_go_on_by_themselves() {
    let (receiver, gateway) = Receiver::start(&[]).await;
    let world = World::with(Options { gateway, ..two_numbers() }).await;
    receiver.watch(&world);
    let living = world.fire("Checkout").await;
    pass(&world, 120).await;
    ban(&world, Setup::INSTANCE_ID);
    ban(&world, SECOND_ID);
    pass(&world, 30).await;
    let wanted = world.fire("Login").await;
    world.post(&alertmanager("Checkout", "firing", "warning")).await;
    pass(&world, 20).await;
    let told = |id: &str| receiver.got().iter().any(|(_, _, body)| body["incident"]["id"] == id);
    assert!(told(&wanted), "nobody knows of the new one otherwise");
    assert!(!told(&living), "those in a group that is there know of it: not at once");
    pass(&world, 600).await;

    let got = receiver.got();
    assert_eq!(got.len(), 2, "{got:#?}");
    for id in [&living, &wanted] {
        let (_, webhook_id, body) = got.iter().find(|(_, _, body)| body["incident"]["id"] == **id).unwrap();
        assert!(webhook_id.starts_with(id.as_str()) && webhook_id.ends_with("numbers-down"), "{webhook_id}");
        assert_eq!(body["reason"], "numbers-down");
        assert_eq!(body["incident"]["route"], "everything");
        assert_eq!(body["people"].as_array().unwrap().len(), 4);
        assert_eq!(
            (&body["people"][0]["name"], &body["people"][0]["role"]),
            (&"Ada Obi".into(), &"commander".into())
        );
        assert!(!body.to_string().contains(ADA), "no full phone number");
        assert!(attention(&world, id).await.to_string().contains("the fallback webhook was told"));
        let has_room = *id == living;
        let shown = attention(&world, id).await.to_string();
        assert_eq!(shown.contains("no_room"), !has_room, "{shown}");
        let timeline = format!("{:?}", world.dossier(id).await.timeline);
        assert!(timeline.contains("fallback_webhook numbers-down"), "{timeline}");
    }

    world.sandbox.set_session(SECOND_ID, "WORKING");
    pass(&world, 120).await;
    assert!(world.room(&wanted).await.is_complete(), "the new one is made");
    assert_eq!(world.room(&living).await.instance.as_deref(), Some("second"));
    assert_eq!(world.updates(&living), 1, "the other goes on");
    assert_eq!((receiver.got().len(), world.sandbox.groups().len()), (2, 2));
    for id in [&living, &wanted] {
        world.assert_sound(id).await;
    }
}

#[tokio::test]
async fn a_second_outage_during_one_incident_is_told_again() {
    let (receiver, gateway) = Receiver::start(&[]).await;
    let world = World::with(Options { gateway, ..two_numbers() }).await;
    receiver.watch(&world);
    let id = world.fire("Checkout").await;
    pass(&world, 120).await;
    for outage in 1..=3 {
        ban(&world, Setup::INSTANCE_ID);
        ban(&world, SECOND_ID);
        pass(&world, 300).await;
        assert_eq!(receiver.got().len(), outage, "{:#?}", receiver.got());
        for instance in [Setup::INSTANCE_ID, SECOND_ID] {
            world.sandbox.set_session(instance, "WORKING");
        }
        pass(&world, 300).await;
    }
    let ids: std::collections::BTreeSet<String> = receiver.got().into_iter().map(|(_, id, _)| id).collect();
    assert_eq!(ids.len(), 3, "each is news: {ids:?}");
    assert!(ids.iter().all(|one| one.starts_with(&id) && one.ends_with("numbers-down")));
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn a_receiver_that_stumbles_is_told_again_under_the_same_id() {
    let (receiver, gateway) = Receiver::start(&[500, 503, 429]).await;
    let world = World::with(Options { gateway, ..Options::default() }).await;
    receiver.watch(&world);
    ban(&world, Setup::INSTANCE_ID);
    pass(&world, 1).await;
    world.fire("Down").await;
    pass(&world, 300).await;
    let got = receiver.got();
    let statuses: Vec<u16> = got.iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses, [500, 503, 429, 200]);
    assert!(got.iter().all(|(_, id, _)| *id == got[0].1), "{got:#?}");
}

#[tokio::test]
async fn a_receiver_that_refuses_is_given_up_visibly() {
    let (receiver, gateway) = Receiver::start(&[401; 20]).await;
    let world = World::with(Options { gateway, ..Options::default() }).await;
    receiver.watch(&world);
    ban(&world, Setup::INSTANCE_ID);
    pass(&world, 1).await;
    let id = world.fire("Down").await;
    pass(&world, 600).await;
    assert_eq!(receiver.got().len(), 3);
    let attention = attention(&world, &id).await.to_string();
    assert!(attention.contains("the fallback webhook could not be told either"), "{attention}");
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    pass(&world, 60).await;
    assert!(world.room(&id).await.is_complete());
}

#[tokio::test]
async fn an_incident_that_is_over_by_then_is_not_told() {
    let (receiver, gateway) = Receiver::start(&[]).await;
    let world = World::with(Options { gateway, ..Options::default() }).await;
    receiver.watch(&world);
    world.sandbox.set_session(Setup::INSTANCE_ID, BANNED);
    pass(&world, 1).await;
    world.fire("Down").await;
    pass(&world, 10).await;
    world.resolve("Down").await;
    pass(&world, 600).await;
    assert!(receiver.got().is_empty());
}

#[tokio::test]
async fn a_parked_room_whose_people_could_not_be_told_is_told_by_the_fallback_webhook() {
    let (receiver, gateway) = Receiver::start(&[]).await;
    let mut world = World::with(Options { gateway, ..Options::default() }).await;
    receiver.watch(&world);
    OddGateway::before(&mut world, |call, nth| {
        let refused = |reason| Some(Odd::Before(GatewayError::Refused { reason, detail: "odd".to_owned() }));
        match (call, nth) {
            ("create_group", _) => refused(Refusal::Plan),
            // One of the four hears of it.
            ("send_to_person", 1..) => refused(Refusal::Forbidden),
            _ => None,
        }
    });
    let id = world.fire("Down").await;
    pass(&world, 900).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Parked);
    let got = receiver.got();
    assert_eq!(got.len(), 1, "{got:#?}");
    assert_eq!(got[0].2["reason"], "unreached");
    let told: Vec<bool> =
        got[0].2["people"].as_array().unwrap().iter().map(|p| p["told"].as_bool().unwrap()).collect();
    assert_eq!(told, [true, false, false, false]);
}

#[tokio::test]
async fn a_parked_room_whose_people_were_told_needs_no_fallback_webhook() {
    let (receiver, gateway) = Receiver::start(&[]).await;
    let mut world = World::with(Options { gateway, ..Options::default() }).await;
    receiver.watch(&world);
    OddGateway::before(&mut world, |call, _| {
        let detail = "odd".to_owned();
        let refused = GatewayError::Refused { reason: Refusal::Plan, detail };
        (call == "create_group").then_some(Odd::Before(refused))
    });
    let id = world.fire("Down").await;
    pass(&world, 900).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Parked);
    assert!(receiver.got().is_empty());
}
