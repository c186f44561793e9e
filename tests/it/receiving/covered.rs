//! What a proof covers is what is read: whatever can be put beside it changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use warroom::clock::Clock;
use warroom::receiver;
use warroom::signature::{KEPT_HEADERS, sns};
use warroom::source::{Source, SourceKind};

use super::{Answer, Delivery, SENDERS, Sender, world};
use crate::harness::{Options, TOKEN, World, listen};

const TOPIC: &str = "arn:aws:sns:eu-west-3:998877665544:covered";
const CERTIFICATE: &[u8] = include_bytes!("../sns/leaf.pem");
const KEY: &[u8] = include_bytes!("../sns/key.pem");

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Kind, name, body and headers.
type Fixture = (SourceKind, String, Vec<u8>, Vec<(String, String)>);

fn fixtures() -> Vec<Fixture> {
    let mut all = Vec::new();
    for kind in SourceKind::ALL {
        for entry in fs::read_dir(folder("tests/fixtures").join(kind.as_str())).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let mut body = fs::read(&path).unwrap();
            let mut headers = Vec::new();
            if path.extension().is_some_and(|ending| ending == "http") {
                let blank = body.windows(2).position(|two| two == b"\n\n").unwrap();
                let head = String::from_utf8(body[..blank].to_vec()).unwrap();
                let lines = head.lines().filter_map(|line| line.split_once(':'));
                headers = lines.map(|(n, v)| (n.trim().to_lowercase(), v.trim().to_owned())).collect();
                body = body[blank + 2..].to_vec();
            }
            all.push((kind, name, body, headers));
        }
    }
    all.sort_by(|one, other| (one.0.as_str(), &one.1).cmp(&(other.0.as_str(), &other.1)));
    all
}

/// Names of headers for which a parser looks, as its file says; one that ends in a hyphen is a beginning.
fn headers_in_the_code() -> BTreeSet<String> {
    let calls = regex::Regex::new(r#"\.header(?:s_after)?\(\s*"([^"]+)""#).unwrap();
    let files = fs::read_dir(folder("src/source")).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .flat_map(|path| {
            let code = fs::read_to_string(path).unwrap();
            calls.captures_iter(&code).map(|found| found[1].to_owned()).collect::<Vec<_>>()
        })
        .collect()
}

/// Every header that a parser reads or that a tool sends to say how its body is to be read, saying something else.
fn misleading_headers() -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = [
        ("x-github-event", "ping"),
        ("x-gitea-event", "ping"),
        ("x-gitlab-event", "ping"),
        ("x-event-key", "ping"),
        ("sentry-hook-resource", "installation"),
        ("x-amz-sns-topic-arn", "arn:aws:sns:eu-west-3:1:sev1"),
        ("x-amz-sns-message-type", "SubscriptionConfirmation"),
        ("ce-specversion", "1.0"),
        ("ce-id", "another"),
        ("ce-source", "/elsewhere"),
        ("ce-type", "org.acme.resolved"),
        ("ce-subject", "something else"),
        ("ce-severity", "sev1"),
        ("ce-time", "2026-03-01T00:00:00Z"),
        ("content-type", "multipart/form-data; boundary=x"),
        ("content-language", "xx"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let read = headers_in_the_code();
    let of_samples =
        SourceKind::ALL.into_iter().flat_map(|kind| kind.sample(crate::harness::beginning(), "x").headers);
    let named = of_samples.map(|(name, _)| name.to_owned());
    for name in read.into_iter().chain(named).chain(KEPT_HEADERS.map(str::to_owned)) {
        let name = if name.ends_with('-') { format!("{name}more") } else { name };
        headers.entry(name).or_insert_with(|| "something else".to_owned());
    }
    for (_, _, _, own) in fixtures() {
        for (name, value) in own.into_iter().filter(|(name, _)| !name.starts_with("content-")) {
            headers.entry(name).or_insert(value);
        }
    }
    headers
}

/// How a source of this kind signs its bodies: in its own way, and by Standard Webhooks.
fn signers(kind: SourceKind) -> Vec<&'static Sender> {
    let own = SENDERS.iter().find(|sender| sender.kind == kind && sender.signs);
    let usual = SENDERS.iter().find(|sender| sender.name == "standard-webhooks").unwrap();
    own.into_iter().chain([usual]).collect()
}

fn path(kind: SourceKind, sender: &Sender) -> String {
    format!("{}-by-{}", kind.as_str().replace('_', "-"), sender.name)
}

fn envelopes(kind: SourceKind) -> String {
    let file = folder("tests/it/sns/leaf.pem");
    let fields = match kind {
        SourceKind::Generic => {
            "    fields:\n      key: Message.detail.id\n      severity: Message.detail.grade\n      \
             title: Message.detail.title\n      \
             state: { path: Message.detail.state, firing: [ down ], resolved: [ up ] }\n"
        }
        _ => "",
    };
    format!(
        "  enveloped-{kind}:\n    kind: {kind}\n    verify: {{ sns: {{ topics: [ \"{TOPIC}\" ], \
         certificates: [ {{ file: {file} }} ] }} }}\n{fields}",
        file = file.display()
    )
}

fn sources() -> String {
    let signed = SourceKind::ALL.into_iter().flat_map(|kind| {
        signers(kind).into_iter().map(move |sender| {
            let secrets = format!("[ \"{}\" ]", sender.new_secret());
            let verify = sender.verify.replace("SECRETS", &secrets);
            format!("  {}:\n    kind: {kind}\n    verify: {verify}\n", path(kind, sender))
        })
    });
    signed.chain([SourceKind::Sns, SourceKind::Generic].map(envelopes)).collect()
}

async fn big_world() -> World {
    World::with(Options { sources: sources(), ..Options::default() }).await
}

/// Posts with further headers, none of which takes the place of the proof's own.
async fn post(world: &World, delivery: &Delivery, more: &BTreeMap<String, String>) -> Answer {
    let mut request = world.http.post(format!("http://{}/hooks/{}", world.public, delivery.to));
    for (name, value) in more.iter().filter(|(name, _)| delivery.headers.iter().all(|(n, _)| n != name)) {
        request = request.header(name, value);
    }
    for (name, value) in &delivery.headers {
        request = request.header(*name, value);
    }
    world.answer(request.body(delivery.body.clone())).await
}

/// The answer without what is new each time.
fn told(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut receipt = answer.json();
    receipt.as_object_mut().unwrap().remove("receipt");
    receipt
}

/// Every incident as it is stored, with the alerts in it.
async fn state(world: &World, id: i64) -> Option<Value> {
    let dossier = world.store.dossier(warroom::incident::IncidentId(id)).await.unwrap()?;
    Some(serde_json::to_value(dossier.incident).unwrap())
}

/// Everything that a message to the topic can be about.
fn messages() -> Vec<(&'static str, String)> {
    let sns = fixtures().into_iter().filter(|(kind, ..)| *kind == SourceKind::Sns);
    let sns = sns.map(|(_, _, body, _)| {
        let body = String::from_utf8(body).unwrap();
        let read: Value = serde_json::from_str(&body).unwrap_or_default();
        ("enveloped-sns", read["Message"].as_str().map_or(body, str::to_owned))
    });
    let detail = |state: &str| json!({ "detail": { "id": "pump-7", "state": state, "grade": "sev1" } });
    sns.chain(["down", "up"].map(|state| ("enveloped-generic", detail(state).to_string()))).collect()
}

/// What no signature of Amazon's covers: every member that any fixture has, and some of an attacker's.
fn unsigned_members() -> Map<String, Value> {
    let mut members = Map::new();
    for (_, _, body, _) in fixtures() {
        if let Ok(Value::Object(own)) = serde_json::from_slice::<Value>(&body) {
            members.extend(own);
        }
    }
    let alarm =
        json!({ "AlarmName": "invented", "NewStateValue": "ALARM", "AlarmDescription": "severity: sev1" });
    let record =
        json!({ "Sns": { "Type": "Notification", "TopicArn": TOPIC, "Message": alarm.to_string() } });
    members.extend(alarm.as_object().unwrap().clone());
    members.insert("Records".to_owned(), json!([record, record]));
    for (path, value) in [("id", "invented"), ("state", "up"), ("grade", "sev1"), ("title", "invented")] {
        members.insert(format!("Message.detail.{path}"), json!(value));
    }
    members.insert("Token".to_owned(), json!("ffff"));
    members.insert("SubscribeURL".to_owned(), json!("https://evil.example/"));
    let signed = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
    let proof = ["Signature", "SignatureVersion", "SigningCertURL"];
    members.retain(|name, _| !signed.contains(&name.as_str()) && !proof.contains(&name.as_str()));
    assert!(members.len() > 100, "{}", members.len());
    members
}

#[tokio::test]
async fn nothing_beside_what_is_signed_makes_a_difference() {
    let (plain, beset) = (big_world().await, big_world().await);
    let (none, headers) = (BTreeMap::new(), misleading_headers());
    let now = plain.clock.now();
    let mut outcomes = BTreeSet::new();
    let mut same = async |delivery: &Delivery, other: &Delivery, what: &str| {
        let (one, two) = (post(&plain, delivery, &none).await, post(&beset, other, &headers).await);
        assert_eq!(told(&one), told(&two), "{what}");
        let receipt = one.json();
        outcomes.insert(receipt["incidents"][0]["outcome"].as_str().unwrap_or("none").to_owned());
    };
    for (kind, name, body, _) in fixtures() {
        for sender in signers(kind) {
            let delivery =
                Delivery { to: path(kind, sender), ..sender.send(body.clone(), &sender.new_secret(), now) };
            same(&delivery, &delivery, &format!("{} {name}", delivery.to)).await;
        }
    }
    let terms = sns::Terms {
        topics: vec![TOPIC.parse().unwrap()],
        raw: None,
        pinned: vec![sns::Certificate::from_pem(CERTIFICATE).unwrap()],
    };
    for (place, (to, message)) in messages().into_iter().enumerate() {
        let signed = sns::sign(&terms, message.as_bytes(), KEY, &format!("message-{place}"), now).unwrap();
        let body = signed.body.unwrap();
        let mut more = unsigned_members();
        more.extend(serde_json::from_slice::<Map<String, Value>>(&body).unwrap());
        let enveloped = |body: Vec<u8>| Delivery { to: to.to_owned(), headers: vec![], query: None, body };
        let beset = enveloped(serde_json::to_vec(&more).unwrap());
        same(&enveloped(body), &beset, &format!("{to} {message}")).await;
    }
    for wanted in ["opened", "updated", "resolved", "repeated", "ignored", "none"] {
        assert!(outcomes.contains(wanted), "{wanted} is among {outcomes:?}");
    }
    for id in 1.. {
        let (one, other) = (state(&plain, id).await, state(&beset, id).await);
        assert_eq!(one, other, "INCIDENT-{id}");
        if one.is_none() {
            assert!(id > 50, "{id}");
            break;
        }
    }
}

#[test]
fn the_headers_that_parsers_read_are_kept_for_an_operators_replay() {
    let read = headers_in_the_code();
    assert!(!read.is_empty());
    let is_kept = |name: &String| KEPT_HEADERS.contains(&name.as_str()) || name.starts_with("ce-");
    assert!(read.iter().all(is_kept), "{read:?}");
}

/// The same store behind a source that is read in another way: what a restart with another config does.
async fn reread(world: &World, name: &str, change: impl FnOnce(&mut Source)) -> std::net::SocketAddr {
    let own = &world.bridge.receiver;
    let mut sources = own.sources.clone();
    change(sources.get_mut(name).unwrap());
    let receiver = receiver::Receiver {
        sources,
        event_channels: BTreeMap::new(),
        alarm: Arc::clone(&own.alarm),
        store: own.store.clone(),
        roster: own.roster.clone(),
        rules: own.rules,
        most_rooms: own.most_rooms,
        clock: Arc::clone(&own.clock),
        metrics: Arc::clone(&own.metrics),
        wake_worker: Arc::clone(&own.wake_worker),
        certificates: Arc::clone(&own.certificates),
        body_budget: own.body_budget.clone(),
        commit_timeout: own.commit_timeout,
        readiness: receiver::Readiness::default(),
        troubles: warroom::receiver::Troubles::default(),
        numbers: warroom::clock::Numbers::default(),
        handover: Arc::clone(&own.handover),
        readings: receiver::Readings::default(),
    };
    listen(receiver::router(Arc::new(receiver))).await.0
}

#[tokio::test]
async fn what_a_mistake_in_the_config_kept_from_being_read_is_read_when_it_comes_again() {
    const FIELDS: &str = "    fields:\n      key: KEY\n      severity: SEVERITY\n      \
                          state: { path: lamp, firing: [ red ], resolved: [ green ] }\n";
    for (wrong, said) in [
        (FIELDS.replace("KEY", "pomp").replace("SEVERITY", "grade"), None),
        (FIELDS.replace("KEY", "pump").replace("SEVERITY", "grad"), Some("ignored")),
    ] {
        let hmac = SENDERS.iter().find(|sender| sender.name == "hmac-hex").unwrap();
        let mut world =
            World::with(Options { sources: format!("{}{wrong}", hmac.yaml()), ..Options::default() }).await;
        let body = json!({ "pump": "north", "grade": "critical", "lamp": "red" }).to_string();
        let delivery = hmac.send(body, &hmac.new_secret(), world.clock.now());
        let first = world.take(&delivery).await;
        assert_eq!(first.json()["incidents"][0]["outcome"].as_str(), said, "{first:?}");
        assert_eq!(world.take(&delivery).await, first, "a copy that changes nothing is answered alike");
        assert_eq!(world.receipts(), 1, "and kept once");
        world.public = reread(&world, hmac.name, |source| {
            let fields = source.fields.as_mut().unwrap();
            fields.key = "pump".parse().unwrap();
            fields.severity = Some("grade".parse().unwrap());
        })
        .await;
        assert_eq!(world.take(&delivery).await.outcome(), "opened", "{wrong}");
        assert_eq!(world.take(&delivery).await.outcome(), "repeated");
    }
}

fn binary(world: &World, to: &str, id: &str, kind: &str) -> reqwest::RequestBuilder {
    let request = world.http.post(format!("http://{}/hooks/{to}", world.public));
    let attributes =
        [("ce-specversion", "1.0"), ("ce-source", "/pumps"), ("ce-subject", "pump-3"), ("ce-id", id)];
    attributes
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value))
        .header("ce-type", kind)
}

#[tokio::test]
async fn events_of_equal_data_are_told_apart_where_their_ids_are_proven_and_not_read_where_they_are_not() {
    let hmac = SENDERS.iter().find(|sender| sender.name == "hmac-hex").unwrap();
    let sources = format!(
        "  open:\n    kind: cloudevents\n    verify: {{ bearer: \"{TOKEN}\" }}\n  \
         signed:\n    kind: cloudevents\n    verify: {{ hmac: \"{}\" }}\n",
        hmac.new_secret()
    );
    let world = World::with(Options { sources, ..Options::default() }).await;
    let data = r#"{"severity":1,"title":"Pump 3 stands still"}"#;
    let down = "com.example.incident.triggered";
    let up = "com.example.incident.resolved";
    for (id, kind, outcome) in
        [("1", down, "opened"), ("2", up, "resolved"), ("1", down, "repeated"), ("3", down, "updated")]
    {
        let answer = world.answer(binary(&world, "open", id, kind).bearer_auth(TOKEN).body(data)).await;
        assert_eq!(answer.outcome(), outcome, "{id}");
    }
    let proof = hmac.send(data, &hmac.new_secret(), world.clock.now());
    for (id, kind) in [("1", down), ("2", up)] {
        let (name, value) = &proof.headers[0];
        let answer = world.answer(binary(&world, "signed", id, kind).header(*name, value).body(data)).await;
        let receipt = answer.json();
        assert_eq!((answer.status, &receipt["outcome"]), (200, &json!("ignored")), "{receipt}");
        assert!(receipt["reason"].as_str().unwrap().contains("covers the whole request"), "{receipt}");
    }
}

#[tokio::test]
async fn an_event_that_is_sent_again_under_a_new_signature_is_the_same_event() {
    let sender = SENDERS.iter().find(|sender| sender.name == "standard-webhooks").unwrap();
    let verify = sender.verify.replace("SECRETS", &format!("\"{}\"", sender.new_secret()));
    let sources = format!("  events:\n    kind: cloudevents\n    verify: {verify}\n");
    let world = World::with(Options { sources, ..Options::default() }).await;
    let sent = |event: Vec<u8>, id: &str| {
        let now = world.clock.now();
        let (headers, query) = (sender.prove)(&sender.new_secret(), id, now.as_second(), &event);
        Delivery { to: "events".to_owned(), headers, query, body: event }
    };
    let now = world.clock.now();
    let begins: Vec<u8> = SourceKind::CloudEvents.sample(now, "pump").into();
    assert_eq!(world.take(&sent(begins.clone(), "a")).await.outcome(), "opened");
    world.clock.advance(warroom::clock::SignedDuration::from_secs(40));
    let ends: Vec<u8> = SourceKind::CloudEvents.sample_resolved(world.clock.now(), "pump").into();
    assert_eq!(world.take(&sent(ends, "b")).await.outcome(), "resolved");
    assert_eq!(world.take(&sent(begins, "c")).await.outcome(), "repeated", "it is no new beginning");
}

#[tokio::test]
async fn a_captured_body_under_other_headers_does_what_it_says_and_nothing_is_lost() {
    let world = world().await;
    for sender in SENDERS.iter().filter(|sender| sender.signs) {
        let delivery = sender.fire(world.clock.now(), sender.name);
        let captured = post(&world, &delivery, &misleading_headers()).await;
        assert_eq!(captured.outcome(), "opened", "{}", sender.name);
        assert_eq!(world.take(&delivery).await.incident(), captured.incident(), "{}", sender.name);
    }
}
