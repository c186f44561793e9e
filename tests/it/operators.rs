//! What operators see and do, over real HTTP: wishes, second groups, replays.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use warroom::clock::{Clock, SignedDuration};
use warroom::gateway::GatewayError;
use warroom::pacing::Pace;
use warroom::room::{PhaseName, Task, Wish};
use warroom::sandbox::{Effect, Fault, FaultKind, Operation};
use warroom::store::{Began, DuplicateState, Intent, Slots, WishTaken};

use crate::gates::{Gate, Gates, Mishap, Moment};
use crate::harness::{ADA, Options, TOKEN, World, firing, resolved};
use crate::place::Place;
use crate::sweep::sweep;

impl World {
    async fn ask(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("http://{}{path}", self.operator);
        let request = self.http.request(method, url);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask(reqwest::Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn act(&self, id: &str, action: &str, group: Option<&str>) -> (u16, Value) {
        let body = group.map(|group| json!({ "group": group }));
        self.ask(reqwest::Method::POST, &format!("/api/rooms/{id}/{action}"), body).await
    }

    async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.operator);
        self.http.get(url).send().await.unwrap().text().await.unwrap()
    }

    /// An incident with two groups: the create was lost, and the list showed the group much too late. Returns
    /// the incident, the room's group and the other one.
    async fn doubled(&self, name: &str) -> (String, String, String) {
        self.sandbox.set_list_lag(SignedDuration::from_secs(60));
        let lost = Fault::on(Operation::CreateGroup, FaultKind::InternalError).with_effect(Effect::Done);
        self.sandbox.add_fault(lost);
        let id = self.fire(name).await;
        self.pass(600).await;
        self.sandbox.set_list_lag(SignedDuration::ZERO);
        let dossier = self.dossier(&id).await;
        let own = dossier.room.unwrap().phase.group().unwrap().to_string();
        let [orphan] = &dossier.duplicates[..] else { panic!("{:?}", dossier.duplicates) };
        assert_eq!(orphan.instance.as_deref(), Some("main"));
        (id, own, orphan.group.to_string())
    }

    fn group_of(&self, group: &str) -> warroom::sandbox::GroupView {
        self.sandbox.groups().into_iter().find(|g| g.id == group).unwrap()
    }
}

/// The number that makes the groups of [`World`].
fn has_left(world: &World, group: &str) -> bool {
    let view = world.group_of(group);
    !view.has(&view.creator)
}

#[tokio::test]
async fn a_cancel_outlives_the_process_that_was_making_the_group() {
    let world = World::new().await;
    let id = world.fire("Down").await;
    let now = world.clock.now();
    let [lease] =
        &world.store.lease_rooms(now, Slots::any(10), SignedDuration::from_secs(120)).await.unwrap()[..]
    else {
        panic!("the room is due")
    };
    // The wish comes after the worker has read what is wanted, and before it writes its intent.
    let taken = world.store.wish(id.parse().unwrap(), Wish::Cancel, now).await.unwrap();
    assert_eq!(taken, WishTaken::Yes);
    let step = Task::Create { people: vec![] };
    let mut room = lease.room.clone();
    let event = room.begin((&step, Some("INCIDENT-1 | Down")), "main", &lease.wanted, now).unwrap();
    let intent = Intent { room, step, instance: "main".to_owned(), event, pace: Pace::Free, covers: None };
    assert!(matches!(world.store.begin_step(lease, intent, now).await.unwrap(), Began::Yes(_)));
    // Here the process dies.
    world.pass(1200).await;
    let dossier = world.dossier(&id).await;
    assert_eq!((dossier.room.unwrap().phase.name(), dossier.wish), (PhaseName::Parked, None));
    assert!(world.sandbox.groups().is_empty(), "nobody wants a room any more");
    let told = world.get(&format!("/api/incidents/{id}")).await;
    let kinds: Vec<&str> =
        told["timeline"].as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"asked") && !kinds.contains(&"refused"), "{kinds:?}");
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn a_cancel_is_taken_while_the_group_is_being_made_and_shown_until_it_is_done() {
    let world = World::new().await;
    let id = world.fire("Down").await;
    let place = world.clock.now();
    let leases =
        world.store.lease_rooms(place, Slots::any(10), SignedDuration::from_secs(120)).await.unwrap();
    let step = Task::Create { people: vec![] };
    let mut room = leases[0].room.clone();
    let event = room.begin((&step, Some("INCIDENT-1 | Down")), "main", &leases[0].wanted, place).unwrap();
    let intent = Intent { room, step, instance: "main".to_owned(), event, pace: Pace::Free, covers: None };
    world.store.begin_step(&leases[0], intent, place).await.unwrap();
    let (status, answer) = world.act(&id, "cancel", None).await;
    assert_eq!(status, 202, "{answer}");
    let shown = world.get(&format!("/api/incidents/{id}")).await;
    assert_eq!((&shown["room"]["phase"], &shown["wish"]), (&json!("creating"), &json!("end the room")));
    world.pass(600).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Parked);
    assert_eq!(world.get(&format!("/api/incidents/{id}")).await["wish"], Value::Null);
}

#[tokio::test]
async fn a_second_group_is_told_where_the_room_is_and_left() {
    let world = World::new().await;
    let (id, own, orphan) = world.doubled("Down").await;
    let listed = world.get("/api/incidents").await;
    assert_eq!(listed["incidents"][0]["second_groups"], 1);
    assert!(world.metrics().await.contains("\nwarroom_orphans 1\n"));
    let (status, answer) = world.act(&id, "close", Some(&orphan)).await;
    assert_eq!(status, 202, "{answer}");
    world.pass(60).await;

    let left = world.group_of(&orphan);
    assert!(has_left(&world, &orphan), "{:?}", left.members);
    let texts = left.texts();
    let [pointer] = &texts[..] else { panic!("one message: {texts:?}") };
    assert!(pointer.contains("this group is a duplicate"), "{pointer}");
    assert!(!pointer.contains("chat.whatsapp.com"), "links go to single people: {pointer}");
    assert!(left.subject.starts_with(&format!("{id} | wrong group")), "{}", left.subject);

    let room = world.group_of(&own);
    assert!(room.has(ADA) && !has_left(&world, &own) && !room.subject.contains("wrong group"));
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Live, "the room goes on");
    let dossier = world.dossier(&id).await;
    assert_eq!(dossier.duplicates[0].state, DuplicateState::Closed);
    assert!(world.metrics().await.contains("\nwarroom_orphans 0\n"));
    let shown = world.get(&format!("/api/incidents/{id}")).await;
    assert_eq!(shown["attention"], json!([]));
    let steps: BTreeSet<&str> =
        shown["timeline"].as_array().unwrap().iter().map(|row| row["what"].as_str().unwrap()).collect();
    for step in [format!("say pointer {orphan}"), format!("leave_duplicate {orphan}")] {
        assert!(steps.contains(step.as_str()), "{steps:?}");
    }
    // A second time there is nothing to close.
    assert_eq!(world.act(&id, "close", Some(&orphan)).await.0, 409);
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn a_second_group_can_be_closed_after_the_room_is_over() {
    let world = World::new().await;
    let (id, _, orphan) = world.doubled("Down").await;
    world.resolve("Down").await;
    world.pass(3600).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Closed);
    assert_eq!(world.act(&id, "close", Some(&orphan)).await.0, 202);
    world.pass(60).await;
    assert!(has_left(&world, &orphan));
    assert_eq!(world.store.next_wake().await.unwrap(), None, "nothing is left to do");
}

#[tokio::test]
async fn a_second_group_that_cannot_be_left_keeps_calling_for_a_person() {
    let world = World::new().await;
    let (id, _, orphan) = world.doubled("Down").await;
    world.sandbox.add_fault(Fault::on(Operation::LeaveGroup, FaultKind::InternalError).always());
    assert_eq!(world.act(&id, "close", Some(&orphan)).await.0, 202);
    world.pass(3 * 3600).await;
    let dossier = world.dossier(&id).await;
    assert_eq!(dossier.duplicates[0].state, DuplicateState::Open);
    let shown = world.get(&format!("/api/incidents/{id}")).await;
    assert!(shown["attention"][0]["what"].as_str().unwrap().contains("could not be left"), "{shown}");
    world.sandbox.clear_faults();
    assert_eq!(world.act(&id, "close", Some(&orphan)).await.0, 202);
    world.pass(60).await;
    assert!(has_left(&world, &orphan));
    assert_eq!(world.group_of(&orphan).texts().len(), 1, "its people are not told again");
}

#[tokio::test]
async fn a_second_group_takes_the_place_of_a_live_room() {
    let world = World::new().await;
    let (id, own, orphan) = world.doubled("Down").await;
    let stranger = "120363000000000099@g.us";
    assert_eq!(world.act(&id, "adopt", Some(stranger)).await.0, 409, "only a recorded one");
    assert_eq!(world.act(&id, "adopt", Some(&own)).await.0, 409, "it is the room already");
    assert_eq!(world.act(&id, "adopt", Some(&orphan)).await.0, 202);
    world.pass(120).await;
    let dossier = world.dossier(&id).await;
    let room = dossier.room.unwrap();
    assert_eq!(room.phase.group().unwrap().as_str(), orphan);
    assert!(room.is_complete(), "{room:?}");
    let beside: Vec<&str> = dossier.duplicates.iter().map(|o| o.group.as_str()).collect();
    assert_eq!(beside, [own.as_str()], "the group that was the room is on record");
    assert!(world.group_of(&orphan).texts()[0].contains("needs you here"), "it is briefed");
    assert!(!world.metrics().await.contains(r#"warroom_room_moves_total{phase="parked"} 1"#), "no alarm");
    assert_eq!(world.act(&id, "close", Some(&own)).await.0, 202);
    world.pass(60).await;
    assert!(has_left(&world, &own));
    world.assert_sound(&id).await;
}

/// Two groups, and an operator who has the second one closed; the process dies at each gate of that.
#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn closing_a_second_group_survives_a_crash_at_every_gate() {
    let closing = async |stop: Option<usize>| {
        let place = Place::new().await;
        place.sandbox.set_list_lag(SignedDuration::from_secs(60));
        let lost = GatewayError::Unknown { detail: "lost".to_owned() };
        let calm = Gates::new(&[], &[(0, Mishap { moment: Moment::After, error: lost })]);
        let gate: std::sync::Arc<dyn Gate> = calm.clone();
        let first = place.start(&gate);
        place.post_what_is_due(&first).await;
        place.pass_until(place.clock.now() + SignedDuration::from_secs(500), &first).await;
        let store = place.open();
        let dossier = store.dossier(warroom::incident::IncidentId(1)).await.unwrap().unwrap();
        let orphan = dossier.duplicates[0].group.clone();
        let taken =
            store.close_duplicate(dossier.incident.id, orphan.clone(), place.clock.now()).await.unwrap();
        assert_eq!(taken, WishTaken::Yes);
        drop(first);

        let stops: Vec<usize> = stop.into_iter().collect();
        let gates = Gates::new(&stops, &[]);
        let until = place.clock.now() + SignedDuration::from_secs(400);
        loop {
            let gate: std::sync::Arc<dyn Gate> = gates.clone();
            let process = place.start(&gate);
            tokio::select! {
                () = place.pass_until(until, &process) => break,
                () = gates.fallen() => {}
            }
            drop(process);
            place.clock.advance(place.lease());
        }
        let mut bad = Vec::new();
        let mut expect = |holds: bool, what: String| {
            if !holds {
                bad.push(format!("crash at {stop:?}: {what}"));
            }
        };
        let dossier = store.dossier(dossier.incident.id).await.unwrap().unwrap();
        expect(dossier.duplicates[0].state == DuplicateState::Closed, format!("{:?}", dossier.duplicates));
        let groups = place.sandbox.groups();
        expect(groups.len() == 2, format!("{} groups", groups.len()));
        let left = groups.iter().find(|g| g.id == orphan.as_str()).unwrap();
        expect(!left.has(&left.creator), "our number is still in it".to_owned());
        expect(left.texts().len() == 1, format!("{:?}", left.texts()));
        expect(left.subject.contains("wrong group"), left.subject.clone());
        let room = dossier.room.unwrap();
        expect(room.phase.name() == PhaseName::Live, format!("{:?}", room.phase));
        (gates.count(), bad)
    };
    let clean = sweep(&[()], async |()| closing(None).await);
    assert!(clean.violations.is_empty(), "{:?}", clean.violations);
    let gates = clean.results[0];
    let stops: Vec<usize> = (0..gates).collect();
    let swept = sweep(&stops, async |stop| closing(Some(*stop)).await);
    swept.conclude(&format!("crash at each of {gates} gates of closing a second group"));
}

#[tokio::test]
async fn everything_is_shown_from_memory_while_the_gateway_is_dead() {
    let world = World::new().await;
    let (id, own, orphan) = world.doubled("Down").await;
    let calls = world.sandbox.calls().len();
    world.sandbox.add_fault(Fault::on(warroom::sandbox::Target::Any, FaultKind::Reset).always());
    let shown = world.get(&format!("/api/incidents/{id}")).await;
    assert_eq!((&shown["room"]["group"], &shown["orphans"][0]["group"]), (&json!(own), &json!(orphan)));
    // The second create had fewer people in it, so the others were invited.
    let seats: Vec<&str> =
        shown["room"]["seats"].as_array().unwrap().iter().map(|s| s["state"].as_str().unwrap()).collect();
    assert_eq!(seats, ["in", "in", "invited", "invited"], "{shown}");
    assert_eq!(shown["room"]["has_link"], true);
    assert!(!shown["room"]["messages"].as_array().unwrap().is_empty());
    assert!(shown["room"]["subject"].as_str().unwrap().starts_with(&id));
    world.get("/api/incidents").await;
    for page in ["/".to_owned(), format!("/incidents/{id}")] {
        let url = format!("http://{}{page}", world.operator);
        let answer = world.http.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.text().await.unwrap().contains(&id));
    }
    assert!(world.metrics().await.contains("warroom_orphans"));
    assert_eq!(world.sandbox.calls().len(), calls, "nobody asked the gateway");
}

impl World {
    async fn replay(&self, receipt: &str) -> (u16, Value) {
        self.ask(reqwest::Method::POST, &format!("/api/receipts/{receipt}/replay"), None).await
    }
}

/// The same folder and gateway with another config.
fn with_page_as_sev3() -> Options {
    Options {
        sources:
            "  strict:\n    kind: alertmanager\n    verify: { bearer: a-token-for-the-strict-one }\n    \
                  severity: { rules: [ { match: [ 'client = acme' ], is: sev3 } ] }"
                .to_owned(),
        ..Options::default()
    }
}

#[tokio::test]
async fn an_ignored_hook_opens_its_room_once_the_config_is_mended() {
    let mut world = World::with(with_page_as_sev3()).await;
    let body = firing("Down");
    let url = format!("http://{}/hooks/strict", world.public);
    let answer = world.http.post(url).bearer_auth("a-token-for-the-strict-one").json(&body).send().await;
    let first: Value = answer.unwrap().json().await.unwrap();
    assert_eq!(first["incidents"][0]["outcome"], "ignored", "{first}");
    let receipt = first["receipt"].as_str().unwrap();

    // The rule is taken out, and the bridge started again.
    world.loaded.config.sources.get_mut("strict").unwrap().severity =
        warroom::source::severity::SeverityRules::default();
    let numbers = warroom::app::link_numbers(&world.loaded.config, &(world.clock.clone() as _)).unwrap();
    let (config, now) = (&world.loaded.config, world.clock.now());
    let roster = warroom::roster_in_force::RosterInForce::of(&world.loaded, now);
    world.bridge =
        warroom::app::Bridge::assemble(config, roster, world.store.clone(), numbers, world.clock.clone())
            .unwrap();
    let (operator, server) =
        crate::harness::listen(warroom::console::router(world.bridge.console.clone())).await;
    world.operator = operator;

    let (status, again) = world.replay(receipt).await;
    assert_eq!(status, 200, "{again}");
    assert_eq!((&again["replays"], &again["incidents"][0]["outcome"]), (&json!(receipt), &json!("opened")));
    assert_ne!(again["receipt"], receipt, "it is a receipt of its own");
    let id = again["incidents"][0]["id"].as_str().unwrap().to_owned();
    world.pass(60).await;
    assert!(world.room(&id).await.is_complete());

    // Twice is a repeat: one incident, one room.
    let (_, twice) = world.replay(receipt).await;
    assert_eq!(twice["incidents"][0]["outcome"], "repeated", "{twice}");
    world.pass(60).await;
    assert_eq!(world.sandbox.groups().len(), 1);
    server.abort();
}

#[tokio::test]
async fn a_replay_after_the_end_is_a_fresh_alert() {
    let world = World::new().await;
    let (_, first) = world.post(&firing("Down")).await;
    let receipt = first["receipt"].as_str().unwrap();
    world.pass(60).await;
    world.post(&resolved("Down")).await;
    let (_, back) = world.replay(receipt).await;
    assert_eq!(back["incidents"][0]["outcome"], "updated", "it fires again in the quiet time");
    world.post(&resolved("Down")).await;
    world.pass(3600).await;
    let (_, anew) = world.replay(receipt).await;
    assert_eq!(
        (&anew["incidents"][0]["id"], &anew["incidents"][0]["outcome"]),
        (&json!("INCIDENT-2"), &json!("opened"))
    );
}

#[tokio::test]
async fn what_cannot_be_replayed_says_why() {
    let world = World::new().await;
    assert_eq!(world.replay("nothing").await.0, 404);
    let (_, first) = world.post(&firing("Down")).await;
    let receipt = first["receipt"].as_str().unwrap().to_owned();
    world.kept.execute("UPDATE receipts SET source = 'removed'");
    let (status, answer) = world.replay(&receipt).await;
    assert_eq!(status, 409);
    assert!(answer["detail"].as_str().unwrap().contains("`removed`"), "{answer}");
    assert!(!answer.to_string().contains(TOKEN));
}

#[tokio::test]
async fn old_bodies_are_emptied_and_what_came_of_them_stays() {
    let world = World::new().await;
    let body = firing("Down");
    let (_, first) = world.post(&body).await;
    let old = first["receipt"].as_str().unwrap().to_owned();
    world.clock.advance(SignedDuration::from_hours(29 * 24));
    let (_, second) = world.post(&firing("Slow")).await;
    let young = second["receipt"].as_str().unwrap().to_owned();
    world.clock.advance(SignedDuration::from_hours(24) + SignedDuration::from_secs(1));
    world.bridge.worker.forget_bodies().await;

    let (status, answer) = world.replay(&old).await;
    assert_eq!(status, 409, "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("`keep_bodies`"), "{answer}");
    assert_eq!(world.replay(&young).await.0, 200);
    let stored = world.store.receipt(old.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((stored.body, stored.receipt.incidents.len()), (None, 1));
    assert_eq!(
        world.post(&body).await.1["incidents"][0]["outcome"],
        "repeated",
        "the alert is known as before"
    );
}

#[tokio::test]
async fn however_many_bodies_are_too_old_all_of_them_are_emptied() {
    let world = World::new().await;
    for _ in 0..210 {
        assert_eq!(world.post(&json!({ "nothing": "known" })).await.0, 200);
    }
    world.clock.advance(SignedDuration::from_hours(31 * 24));
    world.bridge.worker.forget_bodies().await;
    assert_eq!(world.kept.number("SELECT count(*) FROM bodies"), 0);
}

/// Found by a reader: a cloud event is known by its own id, and was taken for a repeat when it was replayed.
#[tokio::test]
async fn a_replay_is_no_repeat_even_where_a_body_names_its_delivery() {
    let sources = "  events:\n    kind: cloudevents\n    verify: { bearer: a-token-for-events }".to_owned();
    let world = World::with(Options { sources, ..Options::default() }).await;
    let sample = warroom::source::SourceKind::CloudEvents.sample(world.clock.now(), "one");
    let post = async || -> Value {
        let url = format!("http://{}/hooks/events", world.public);
        let mut request = world.http.post(url).bearer_auth("a-token-for-events").body(sample.body.clone());
        for (name, value) in &sample.headers {
            request = request.header(*name, value);
        }
        request.send().await.unwrap().json().await.unwrap()
    };
    let first = post().await;
    assert_eq!(first["incidents"][0]["outcome"], "opened", "{first}");
    assert_eq!(post().await["outcome"], "repeated");
    let receipt = first["receipt"].as_str().unwrap();
    let (status, again) = world.replay(receipt).await;
    assert_eq!((status, &again["replays"]), (200, &json!(receipt)), "{again}");
    assert_ne!(again["receipt"], first["receipt"]);
    assert_eq!(again["incidents"][0]["outcome"], "repeated", "the same incident: {again}");
}

/// The alert of [`firing`], which began later.
fn firing_since(name: &str, since: &str) -> Value {
    let mut body = firing(name);
    body["alerts"][0]["startsAt"] = json!(since);
    body
}

/// Found by a reader: the incident stayed open, its room was locked, and everything that came after was told there.
#[tokio::test]
async fn after_an_operators_close_what_begins_anew_opens_another_room() {
    let world = World::new().await;
    let id = world.fire("Down").await;
    world.pass(60).await;
    assert_eq!(world.act(&id, "close", None).await.0, 202);
    world.pass(60).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Closed);
    let outcome = async |body: &Value| world.post(body).await.1["incidents"][0].clone();

    // Whoever closed it knows that this fires.
    let repeat = outcome(&firing("Down")).await;
    assert_eq!((&repeat["id"], &repeat["outcome"]), (&json!(id), &json!("repeated")), "{repeat}");
    assert_eq!(outcome(&resolved("Down")).await["outcome"], "resolved");
    let anew = outcome(&firing_since("Down", "2026-03-02T10:20:00Z")).await;
    assert_eq!((&anew["id"], &anew["outcome"]), (&json!("INCIDENT-2"), &json!("opened")), "{anew}");
    world.pass(60).await;
    assert_eq!(world.room("INCIDENT-2").await.phase.name(), PhaseName::Live);
}

/// Found by a reader: an alert that was silenced before it ended is never told to be over, and its next outbreak
/// was a repeat.
#[tokio::test]
async fn an_outbreak_whose_end_was_never_told_does_not_hide_the_next_one() {
    let world = World::new().await;
    world.fire("Down").await;
    world.pass(60).await;
    world.clock.advance(SignedDuration::from_hours(9 * 24));
    let since = world.clock.now().to_string();
    let (_, answer) = world.post(&firing_since("Down", &since)).await;
    let anew = &answer["incidents"][0];
    assert_eq!((&anew["id"], &anew["outcome"]), (&json!("INCIDENT-2"), &json!("opened")), "{anew}");
    world.pass(120).await;
    assert_eq!(world.room("INCIDENT-2").await.phase.name(), PhaseName::Live);
    assert_eq!(world.room("INCIDENT-1").await.phase.name(), PhaseName::Closed, "with its last words");
    assert_eq!(world.post(&firing_since("Down", &since)).await.1["incidents"][0]["outcome"], "repeated");
}
