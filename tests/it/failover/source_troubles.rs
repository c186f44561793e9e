//! What a source sends that cannot be taken: told in the log, in the console and by the fallback webhook.

use serde_json::Value;
use warroom::clock::SignedDuration;

use super::fallback_webhook::Receiver;
use crate::harness::{Options, TOKEN, World, firing};

/// An alert in which somebody forgot to escape what a person wrote.
const BROKEN: &str =
    r#"{"status":"firing","groupKey":"g","alerts":[{"labels":{"alertname":"the "red" one"}}]}"#;

async fn world(answers: &[u16]) -> (World, Receiver) {
    let (receiver, gateway) = Receiver::start(answers).await;
    let sources = format!("  quiet: {{ kind: generic, verify: {{ bearer: {TOKEN} }} }}\n");
    let world = World::with(Options { sources, gateway, ..Options::default() }).await;
    receiver.watch(&world);
    (world, receiver)
}

async fn send(world: &World, to: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let url = format!("http://{}/hooks/{to}", world.public);
    let response = world.http.post(url).bearer_auth(TOKEN).body(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn page(world: &World) -> String {
    world.http.get(format!("http://{}/", world.operator)).send().await.unwrap().text().await.unwrap()
}

fn later(world: &World, minutes: i64) {
    world.clock.advance(SignedDuration::from_mins(minutes));
}

#[tokio::test]
async fn a_source_that_opens_rooms_and_is_not_understood_any_more_is_told_once_an_hour() {
    let (world, receiver) = world(&[]).await;
    world.fire("Checkout").await;
    world.pass(20).await;
    for to in ["prometheus", "quiet"] {
        let (status, answer) = send(&world, to, BROKEN).await;
        assert_eq!((status, &answer["outcome"]), (200, &"ignored".into()), "{answer}");
        let reason = answer["reason"].as_str().unwrap();
        assert!(reason.starts_with("not understood: not readable as JSON"), "{reason}");
    }
    world.work().await;
    world.work().await;
    let got = receiver.got();
    assert_eq!(got.len(), 1, "not for one that never opened a room: {got:#?}");
    let body = &got[0].2;
    assert_eq!((&body["reason"], &body["source"]["name"]), (&"not-understood".into(), &"prometheus".into()));
    assert!(!body.to_string().contains("the red"), "nothing of the body: {body}");

    for _ in 0..5 {
        later(&world, 10);
        send(&world, "prometheus", BROKEN).await;
        world.work().await;
    }
    assert_eq!(receiver.got().len(), 1, "once an hour");
    later(&world, 11);
    world.work().await;
    let got = receiver.got();
    assert_eq!(got.len(), 2, "what came meanwhile is told then: {got:#?}");
    assert_eq!(got[1].2["source"]["times"], 6);
    assert_ne!(got[0].1, got[1].1);
    later(&world, 180);
    world.work().await;
    assert_eq!(receiver.got().len(), 2, "nothing new has come");

    let page = page(&world).await;
    for words in
        ["`prometheus` sent what was not understood 6 times", "`quiet` sent what was not understood:"]
    {
        assert!(page.contains(words), "{page}");
    }
    let metrics = world.bridge.receiver.metrics.render();
    assert!(
        metrics.contains(r#"warroom_hooks_total{source="quiet",outcome="not_understood"} 1"#),
        "{metrics}"
    );
    later(&world, 24 * 60);
    assert!(!self::page(&world).await.contains("not understood"));
}

#[tokio::test]
async fn a_source_that_was_not_understood_before_it_opened_its_first_room_is_told_all_the_same() {
    let (world, receiver) = world(&[]).await;
    send(&world, "prometheus", BROKEN).await;
    world.work().await;
    assert!(receiver.got().is_empty(), "it has opened nothing yet");
    later(&world, 5);
    world.fire("Checkout").await;
    world.pass(20).await;
    later(&world, 5);
    send(&world, "prometheus", BROKEN).await;
    world.work().await;
    assert_eq!(receiver.got().len(), 1, "not an hour after it was asked about");
}

#[tokio::test]
async fn another_bridge_over_the_same_store_does_not_tell_it_again() {
    let (world, receiver) = world(&[503, 200]).await;
    world.fire("Checkout").await;
    world.pass(20).await;
    send(&world, "prometheus", BROKEN).await;
    let tries = |receiver: &Receiver| receiver.got().iter().map(|(status, ..)| *status).collect::<Vec<_>>();
    world.work().await;
    assert_eq!(tries(&receiver), [503]);
    world.work().await;
    assert_eq!(tries(&receiver), [503], "not at once");
    later(&world, 1);
    world.work().await;
    assert_eq!(tries(&receiver), [503, 200]);
    assert_eq!(receiver.got()[0].1, receiver.got()[1].1, "a repeat is known by its id");
    // What a second process asks is what this store answers.
    assert_eq!(
        world.store.take_trouble_call(warroom::clock::Clock::now(world.clock.as_ref())).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_part_that_is_not_understood_is_told_too() {
    let (world, receiver) = world(&[]).await;
    let mut body = firing("Half");
    let odd = serde_json::json!({ "status": "on fire", "labels": { "alertname": "Other" } });
    body["alerts"].as_array_mut().unwrap().push(odd);
    let (_, answer) = world.post(&body).await;
    assert_eq!(answer["incidents"][0]["outcome"], "opened");
    world.work().await;
    assert_eq!(receiver.got().len(), 1);
}

#[tokio::test]
async fn addresses_of_no_source_are_shown_and_their_number_is_bounded() {
    let (world, receiver) = world(&[]).await;
    for n in 0..40 {
        assert_eq!(send(&world, &format!("prometheus-{n}"), "{}").await.0, 404);
    }
    let url = format!("http://{}/webhook", world.public);
    world.http.post(url).body("{}").send().await.unwrap();
    let page = page(&world).await;
    assert!(page.contains("`/hooks/prometheus-0`, which is the address of no source"), "{page}");
    assert!(page.contains("`others` 2") && !page.contains("prometheus-30"), "{page}");
    world.work().await;
    assert!(receiver.got().is_empty(), "strangers call nobody");
}

#[tokio::test]
async fn who_is_proven_by_his_head_may_send_a_large_group_and_what_is_too_large_is_told() {
    let (world, receiver) = world(&[]).await;
    let mut body = firing("Large");
    let one = body["alerts"][0].clone();
    let alerts: Vec<Value> = (0..4000)
        .map(|n| {
            let mut alert = one.clone();
            alert["fingerprint"] = format!("{n:016x}").into();
            alert["labels"]["instance"] = format!("node-{n}.of.a.large.place.example").into();
            alert
        })
        .collect();
    body["alerts"] = alerts.into();
    let text = body.to_string();
    assert!(text.len() > 1 << 20, "{}", text.len());
    let (status, answer) = send(&world, "prometheus", text).await;
    assert_eq!((status, &answer["incidents"][0]["outcome"]), (200, &"opened".into()), "{answer}");

    let (status, answer) = send(&world, "prometheus", vec![b' '; (16 << 20) + 1]).await;
    assert_eq!((status, &answer["code"]), (413, &"body_too_large".into()));
    world.work().await;
    let got = receiver.got();
    assert_eq!(got.len(), 1, "{got:#?}");
    assert_eq!(got[0].2["reason"], "too-large");
    assert!(page(&world).await.contains("`prometheus` sent more than may be sent (16385 KiB)"));
}
