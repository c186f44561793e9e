//! What the gateway tells by itself: who is believed, what it changes, and that nothing depends on it.

use serde_json::{Value, json};
use warroom::clock::{Clock, SignedDuration};
use warroom::room::{PhaseName, SeatState};
use warroom::sandbox::{
    Engine, EventStyle, Fault, FaultKind, LidKnowledge, Operation, Person, Privacy, Setup,
};
use warroom::store::Happening;

use crate::harness::{ADA, BEN, CLEO, DAN, Options, SECOND_ID, World};

mod proving;

/// The secret in the address that Wawp is told to call.
pub(crate) const SECRET: &str = "the-events-secret-of-the-tests";
/// The key of its signature.
pub(crate) const KEY: &str = "the-events-key-of-the-tests";
pub(crate) const BOTH: &str = "{ secret: the-events-secret-of-the-tests, hmac: the-events-key-of-the-tests }";

async fn world_on(engine: Engine) -> World {
    let world = World::with(Options { engine, events: BOTH, ..Options::default() }).await;
    tell_to(&world);
    world
}

/// Lets the sandbox know where its events go.
pub(crate) fn tell_to(world: &World) {
    let url = format!("http://{}/hooks/gateway/main?secret={SECRET}", world.public);
    let hooks = json!([{ "url": url, "events": ["*"], "is_active": 1, "hmac": { "key": KEY } }]);
    world.sandbox.set_webhooks(Setup::INSTANCE_ID, hooks);
}

/// Posts what is due at the sandbox, and does what that causes; returns the statuses.
pub(crate) async fn deliver(world: &World) -> Vec<u16> {
    let mut statuses = Vec::new();
    for event in world.sandbox.due_events() {
        let mut request = world.http.post(&event.url).body(event.body);
        for (name, value) in event.headers {
            request = request.header(name, value);
        }
        let status = request.send().await.unwrap().status().as_u16();
        world.sandbox.event_answered(event.ticket, Some(status));
        statuses.push(status);
    }
    world.work().await;
    statuses
}

/// Lets time pass second by second, with every event at its moment.
async fn pass_telling(world: &World, seconds: i64) {
    for _ in 0..seconds {
        deliver(world).await;
        world.pass(1).await;
    }
    deliver(world).await;
}

/// Texts of the room that tell of somebody's leaving.
fn departures(world: &World, id: &str) -> Vec<String> {
    let group = world.group(id);
    group.texts().into_iter().filter(|t| t.contains("*Left:*")).map(str::to_owned).collect()
}

fn reads(world: &World) -> usize {
    let is_read = |op: Option<Operation>| op == Some(Operation::ListParticipants);
    world.sandbox.calls().iter().filter(|call| is_read(call.operation)).count()
}

/// What the timeline holds of notices, by their names.
async fn told(world: &World, id: &str) -> Vec<&'static str> {
    let name = |what: &Happening| match what {
        Happening::Notice { notice, .. } => Some(notice.name()),
        _ => None,
    };
    world.dossier(id).await.timeline.iter().filter_map(|entry| name(&entry.what)).collect()
}

#[tokio::test]
async fn somebody_who_joins_by_the_link_is_in_at_once_in_every_shape() {
    let wawp = EventStyle { as_wawp_documents: true, ..EventStyle::default() };
    let styles = [
        EventStyle::default(),
        wawp,
        EventStyle { in_lists: true, nameless: true, ..EventStyle::default() },
        EventStyle { twice: true, backwards: true, ..wawp },
    ];
    for engine in Engine::ALL {
        for style in styles {
            let world = world_on(engine).await;
            world.sandbox.set_event_style(style);
            world.sandbox.set_person(BEN, Person::with_privacy(Privacy::SilentlyAbsent));
            let id = world.fire("Down").await;
            pass_telling(&world, 25).await;
            assert_eq!(world.seats(&id).await["ben"], "invited by link", "{engine}");
            let before = reads(&world);
            world.sandbox.join_by_link(BEN, &world.group(&id).invite_link).unwrap();
            assert!(deliver(&world).await.iter().all(|status| *status == 200));
            // These name the hidden id alone, and nobody had a reason to look it up before.
            let is_known = match engine {
                Engine::Webjs => true,
                Engine::Noweb => !style.as_wawp_documents,
                Engine::Gows => false,
            };
            if !is_known {
                assert_eq!(reads(&world), before, "{engine}: not more than one look for all that come");
                world.pass(4).await;
            }
            assert_eq!(world.seats(&id).await["ben"], "in", "{engine} {style:?}");
            assert_eq!(reads(&world), before + usize::from(!is_known), "{engine} {style:?}");
            assert!(told(&world, &id).await.contains(&"joined"), "{engine}: the timeline says so");
            world.assert_sound(&id).await;
        }
    }
}

#[tokio::test]
async fn a_hidden_id_that_nobody_can_map_is_looked_up_a_few_seconds_later() {
    for engine in Engine::ALL {
        let world = world_on(engine).await;
        let ben =
            Person { privacy: Privacy::SilentlyAbsent, lid: LidKnowledge::LookupOnly, ..Person::default() };
        world.sandbox.set_person(BEN, ben);
        let id = world.fire("Down").await;
        // The look-up fails as long as the link is not out, so that nobody knows the hidden id.
        world.sandbox.add_fault(Fault::on(Operation::LidOfNumber, FaultKind::InternalError).times(6));
        pass_telling(&world, 25).await;
        assert_eq!(world.links_of(BEN), 1, "{engine}");
        world.sandbox.clear_faults();
        world.sandbox.join_by_link(BEN, &world.group(&id).invite_link).unwrap();
        pass_telling(&world, 12).await;
        assert_eq!(world.seats(&id).await["ben"], "in", "{engine}");
    }
}

#[tokio::test]
async fn somebody_who_leaves_is_told_of_once_and_left_alone() {
    for engine in Engine::ALL {
        let world = world_on(engine).await;
        let id = world.fire("Down").await;
        pass_telling(&world, 20).await;
        world.sandbox.leave(BEN, &world.group(&id).id);
        pass_telling(&world, 5).await;
        assert_eq!(world.seats(&id).await["ben"], "left", "{engine}");
        let said = departures(&world, &id);
        assert_eq!(said.len(), 1, "{engine}: {said:?}");
        assert!(said[0].contains("*Left:* Ben Cho (specialist)"), "{}", said[0]);
        world.pass(3 * 3600).await;
        assert_eq!(departures(&world, &id).len(), 1, "{engine}: once");
        assert_eq!(world.links_of(BEN), 0, "{engine}: no link");
        assert!(!world.group(&id).has(BEN), "{engine}: not added again");
        // Somebody gives them the link, and they are back.
        world.sandbox.join_by_link(BEN, &world.group(&id).invite_link).unwrap();
        pass_telling(&world, 5).await;
        assert_eq!(world.seats(&id).await["ben"], "in", "{engine}");
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn departures_are_told_together_with_the_news_and_no_oftener() {
    let world = world_on(Engine::Gows).await;
    let id = world.fire("Down").await;
    pass_telling(&world, 20).await;
    let group = world.group(&id).id;
    world.sandbox.leave(BEN, &group);
    pass_telling(&world, 5).await;
    world.sandbox.leave(CLEO, &group);
    pass_telling(&world, 5).await;
    assert_eq!(departures(&world, &id).len(), 1, "the second has to wait for the interval");
    world.resolve("Down").await;
    world.pass(5 * 60).await;
    let said = departures(&world, &id);
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(
        said[1].contains("· update ") && said[1].contains("*Left:* Cleo Diaz (account manager)"),
        "{}",
        said[1]
    );
}

#[tokio::test]
async fn somebody_who_leaves_before_the_room_is_told_who_is_here_is_in_that_message() {
    let world = world_on(Engine::Noweb).await;
    let id = world.fire("Down").await;
    pass_telling(&world, 6).await;
    world.sandbox.leave(DAN, &world.group(&id).id);
    pass_telling(&world, 30).await;
    let said = departures(&world, &id);
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("who is here") && said[0].contains("*Left:* Dan Eze (client)"), "{}", said[0]);
}

#[tokio::test]
async fn a_leave_that_no_event_told_is_found_by_reading() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        let id = world.fire("Down").await;
        world.pass(60).await;
        world.sandbox.leave(BEN, &world.group(&id).id);
        world.pass(20 * 60).await;
        assert_eq!(world.seats(&id).await["ben"], "left", "{engine}");
        assert_eq!((departures(&world, &id).len(), world.links_of(BEN)), (1, 0), "{engine}");
        assert!(!world.group(&id).has(BEN), "{engine}");
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn whoever_may_be_a_nameless_row_has_not_left() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        for digits in [ADA, BEN, CLEO, DAN] {
            let hidden = Person { lid: LidKnowledge::LidOnly, ..Person::default() };
            world.sandbox.set_person(digits, hidden);
        }
        let id = world.fire("Down").await;
        world.pass(60).await;
        world.sandbox.leave(BEN, &world.group(&id).id);
        world.pass(3600).await;
        let seats = world.seats(&id).await;
        assert!(
            seats.values().all(|words| words == "in"),
            "{engine}: one of four, nobody knows who: {seats:?}"
        );
        assert_eq!(departures(&world, &id), Vec::<String>::new(), "{engine}");
    }
}

#[tokio::test]
async fn the_story_is_the_same_with_events_repeated_reordered_or_lost() {
    let mut stories = Vec::new();
    for style in [
        EventStyle::default(),
        EventStyle { twice: true, ..EventStyle::default() },
        EventStyle { backwards: true, ..EventStyle::default() },
        EventStyle { lost: true, ..EventStyle::default() },
    ] {
        let world = world_on(Engine::Gows).await;
        world.sandbox.set_event_style(style);
        world.sandbox.set_person(BEN, Person::with_privacy(Privacy::Refuses403));
        let id = world.fire("Down").await;
        pass_telling(&world, 30).await;
        let group = world.group(&id);
        world.sandbox.join_by_link(BEN, &group.invite_link).unwrap();
        world.sandbox.leave(CLEO, &group.id);
        world.clock.advance(SignedDuration::from_millis(300));
        world.sandbox.leave(BEN, &group.id);
        world.clock.advance(SignedDuration::from_millis(300));
        world.sandbox.join_by_link(CLEO, &group.invite_link).unwrap();
        pass_telling(&world, 10).await;
        world.pass(40 * 60).await;
        let mut seats = world.seats(&id).await;
        if style.lost {
            // Nobody ever saw them come, so nobody can have seen them leave.
            assert_eq!(seats["ben"], "invited by link");
            seats.insert("ben".to_owned(), "left".to_owned());
        }
        stories.push((seats, world.links_of(BEN), world.links_of(CLEO), world.welcomes(&id)));
        world.assert_sound(&id).await;
    }
    assert!(stories.iter().all(|story| *story == stories[0]), "{stories:#?}");
    assert_eq!((stories[0].0["ben"].as_str(), stories[0].0["cleo"].as_str()), ("left", "in"));
}

#[tokio::test]
async fn a_session_that_goes_down_is_one_alarm_and_one_that_is_up_again_goes_on_at_once() {
    let world = world_on(Engine::Webjs).await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "SCAN_QR_CODE");
    deliver(&world).await;
    let rest = world.outage("main").await.expect("known without asking");
    assert_eq!((rest.times, rest.words.as_str()), (1, "SCAN_QR_CODE"));
    let calls = world.sandbox.calls().len();
    let id = world.fire("Down").await;
    world.pass(5).await;
    assert_eq!(world.sandbox.calls().len(), calls, "nobody tries");
    let room = world.room(&id).await;
    assert_eq!((room.phase.name(), room.creates), (PhaseName::Wanted, 0));
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    deliver(&world).await;
    assert!(world.outage("main").await.is_none());
    assert!(world.room(&id).await.is_briefed(), "at once, although it was to wait for ten seconds more");
    pass_telling(&world, 20).await;
    assert!(world.room(&id).await.is_complete());
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn a_room_in_the_middle_of_its_work_waits_for_the_session_without_using_attempts() {
    let world = world_on(Engine::Gows).await;
    let id = world.fire("Down").await;
    pass_telling(&world, 20).await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "FAILED");
    // The room finds out by itself, before anybody is told.
    world.resolve("Down").await;
    world.work().await;
    assert!(world.outage("main").await.is_some());
    deliver(&world).await;
    world.clock.advance(SignedDuration::from_secs(3));
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    deliver(&world).await;
    assert_eq!(world.updates(&id), 1, "told at once when the number was back");
    assert!(world.room(&id).await.tasks.iter().all(|(_, progress)| progress.trouble.is_none()));
}

#[tokio::test]
async fn an_older_state_of_the_session_that_comes_late_says_nothing() {
    let world = world_on(Engine::Webjs).await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "FAILED");
    world.clock.advance(SignedDuration::from_secs(1));
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    world.sandbox.set_event_style(EventStyle { backwards: true, twice: true, ..EventStyle::default() });
    deliver(&world).await;
    assert!(world.outage("main").await.is_none());
}

#[tokio::test]
async fn a_room_whose_number_was_removed_waits_for_a_person() {
    for engine in Engine::ALL {
        let world = world_on(engine).await;
        let id = world.fire("Down").await;
        pass_telling(&world, 20).await;
        world.sandbox.leave(Setup::BOT_DIGITS, &world.group(&id).id);
        pass_telling(&world, 2).await;
        let room = world.room(&id).await;
        assert_eq!(room.phase.name(), PhaseName::Parked, "{engine}: {:?}", room.phase);
        assert!(format!("{:?}", room.phase).contains("no longer in the group"), "{engine}");
        let calls = world.sandbox.calls().len();
        world.pass(3600).await;
        assert_eq!(world.sandbox.calls().len(), calls, "{engine}: a parked room makes no calls");
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn a_forged_or_stale_word_that_we_are_out_is_not_believed() {
    let world = world_on(Engine::Gows).await;
    let id = world.fire("Down").await;
    pass_telling(&world, 20).await;
    let group = world.group(&id).id;
    let status = post(&world, &json!({"event": "group.v2.leave", "payload": {"group": {"id": group}}})).await;
    assert_eq!(status, 200);
    pass_telling(&world, 20).await;
    let room = world.room(&id).await;
    assert_eq!((room.phase.name(), room.ousted_at), (PhaseName::Live, None), "the list says otherwise");
}

/// Posts an event of our own making, rightly proven.
pub(crate) async fn post(world: &World, event: &Value) -> u16 {
    use warroom::signature::{Digest, Scheme, Verifier, sign};
    let body = event.to_string();
    let verifier = Verifier::new(Scheme::Waha { secrets: vec![KEY.into()], algorithm: Digest::Sha512 });
    let signed = sign(&verifier, body.as_bytes(), "", world.clock.now()).unwrap();
    let url = format!("http://{}/hooks/gateway/main?secret={SECRET}", world.public);
    let status = world.http.post(url).headers(signed.headers).body(body).send().await.unwrap().status();
    world.work().await;
    status.as_u16()
}

#[tokio::test]
async fn an_unsure_room_looks_at_once_when_its_group_is_heard_of() {
    let world = world_on(Engine::Gows).await;
    world.sandbox.add_fault(Fault::on(Operation::CreateGroup, FaultKind::Reset).after_effect());
    // The first look does not see it yet.
    world.sandbox.set_list_lag(SignedDuration::from_secs(3));
    let id = world.fire("Down").await;
    world.pass(2).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Unsure);
    world.clock.advance(SignedDuration::from_secs(2));
    deliver(&world).await;
    let room = world.room(&id).await;
    assert_eq!(room.phase.name(), PhaseName::Live, "without waiting for the next look: {:?}", room.phase);
    pass_telling(&world, 60).await;
    assert_eq!(world.welcomes(&id), 1);
    world.group(&id);
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn a_lost_message_that_is_heard_of_is_not_looked_for() {
    let world = world_on(Engine::Gows).await;
    world.sandbox.add_fault(Fault::on(Operation::SendText, FaultKind::Reset).after_effect());
    let id = world.fire("Down").await;
    world.work().await;
    assert!(!world.room(&id).await.is_briefed());
    deliver(&world).await;
    assert!(world.room(&id).await.is_briefed());
    pass_telling(&world, 20).await;
    let looked = world.sandbox.calls().iter().any(|c| c.operation == Some(Operation::ListMessages));
    assert!(!looked, "the event was proof enough");
    assert_eq!(world.welcomes(&id), 1);
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn a_new_name_is_shown_and_what_people_write_is_not_kept() {
    let world = world_on(Engine::Gows).await;
    let id = world.fire("Down").await;
    pass_telling(&world, 20).await;
    let group = world.group(&id).id;
    let update = json!({"event": "group.v2.update", "payload": {"group": {"id": group, "subject": "INCIDENT-1 | Card payments"}}});
    post(&world, &update).await;
    world.sandbox.say(ADA, &group, "very private words");
    deliver(&world).await;
    let url = format!("http://{}/api/incidents/{id}", world.operator);
    let shown: Value = world.http.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["room"]["subject"], "INCIDENT-1 | Card payments");
    let named = |row: &&Value| row["kind"] == "notice" && row["what"] == "renamed";
    let row = shown["timeline"].as_array().unwrap().iter().find(named).expect("the timeline says so");
    assert!(row["detail"].as_str().unwrap().contains("Card payments"), "{row}");
    assert!(!world.kept.holds("very private words"), "nothing of it is stored");
}

#[tokio::test]
async fn the_same_event_does_nothing_a_second_time() {
    let world = world_on(Engine::Gows).await;
    let id = world.fire("Down").await;
    pass_telling(&world, 20).await;
    let leave = |event: &str| {
        json!({"id": event, "timestamp": world.clock.now().as_millisecond(), "event": "group.v2.participants",
            "payload": {"type": "leave", "group": {"id": world.group(&id).id}, "participants": ["15550100001@c.us"]}})
    };
    let event = leave("evt_once");
    for _ in 0..3 {
        assert_eq!(post(&world, &event).await, 200);
    }
    assert_eq!(told(&world, &id).await.iter().filter(|name| **name == "left").count(), 1);
    assert!(matches!(world.room(&id).await.seats[0].state, SeatState::Left { .. }));
}

#[tokio::test]
async fn two_numbers_tell_of_their_own_sessions() {
    let world = World::with(Options { events: BOTH, second_number: true, ..Options::default() }).await;
    tell_to(&world);
    let url = format!("http://{}/hooks/gateway/second?secret={SECRET}", world.public);
    world.sandbox.set_webhooks(SECOND_ID, json!([{ "url": url, "events": ["*"] }]));
    world.sandbox.set_session(SECOND_ID, "FAILED");
    assert_eq!(deliver(&world).await, [404], "no events are taken for this one");
    assert!(world.outage("second").await.is_none());
}

#[tokio::test]
async fn when_the_second_admin_leaves_somebody_else_becomes_one() {
    let world = world_on(Engine::Gows).await;
    let id = world.fire("Down").await;
    pass_telling(&world, 20).await;
    let admins = || {
        let members = world.group(&id).members;
        let digits = members.into_iter().filter(|m| m.admin).map(|m| m.digits);
        digits.filter(|digits| digits != Setup::BOT_DIGITS).collect::<Vec<_>>()
    };
    assert_eq!(admins(), [ADA]);
    world.clock.advance(SignedDuration::from_secs(1));
    world.sandbox.leave(ADA, &world.group(&id).id);
    pass_telling(&world, 5).await;
    assert_eq!(admins(), [BEN]);
    world.assert_sound(&id).await;
}
