//! From a verified alert to a briefed room, and on to its end.

use serde_json::json;
use warroom::clock::{Clock, SignedDuration};
use warroom::room::{PhaseName, SeatState, Wish};
use warroom::sandbox::{Effect, Engine, Fault, FaultKind, LidKnowledge, Operation, Person, Privacy, Setup};
use warroom::store::WishTaken;

use crate::harness::{ADA, BEN, CLEO, DAN, Options, SECOND_ID, World, alertmanager, firing, resolved};

#[tokio::test]
async fn an_alert_becomes_one_briefed_room_on_every_engine() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        let id = world.fire("Down").await;
        world.pass(20).await;

        let group = world.group(&id);
        assert!(group.subject.starts_with("INCIDENT-1 | Down is broken"), "{}", group.subject);
        for digits in [ADA, BEN, CLEO, DAN] {
            assert!(group.has(digits), "{engine}: {digits}");
        }
        assert!(group.texts()[0].contains("INCIDENT-1"), "{engine}: the welcome is the first message");
        assert!(group.texts()[1].contains("Everybody is here"), "{engine}: {:?}", group.texts());
        assert_eq!(group.texts().len(), 2, "{engine}: {:?}", group.texts());
        assert!(group.description.contains("INCIDENT-1"), "{engine}");
        let room = world.room(&id).await;
        assert_eq!(room.phase.name(), PhaseName::Live);
        assert!(room.is_complete(), "{engine}: {room:#?}");
        assert!(room.seats.iter().all(|s| matches!(s.state, SeatState::In { .. })), "{engine}");
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn a_person_kept_out_by_privacy_holds_a_link_and_nobody_else_does() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        world.sandbox.set_person(BEN, Person { privacy: Privacy::SilentlyAbsent, ..Person::default() });
        let id = world.fire("Down").await;
        world.pass(20).await;
        let seats = world.seats(&id).await;
        assert_eq!(seats["ben"], "invited by link", "{engine}: {seats:?}");
        assert_eq!(world.links_of(BEN), 1, "{engine}");
        for digits in [ADA, CLEO, DAN] {
            assert_eq!(world.links_of(digits), 0, "{engine}");
        }
    }
}

#[tokio::test]
async fn every_privacy_setting_ends_in_the_right_seat_on_every_engine() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        let person = |privacy| Person { privacy, ..Person::default() };
        world.sandbox.set_person(BEN, person(Privacy::Refuses403));
        world.sandbox.set_person(CLEO, person(Privacy::NotOnWhatsapp404));
        world.sandbox.set_person(DAN, person(Privacy::SilentlyAbsent));
        let id = world.fire("Down").await;
        world.pass(60).await;
        let seats = world.seats(&id).await;
        let expected = [
            ("ada", "in"),
            ("ben", "invited by link"),
            ("cleo", "not on WhatsApp"),
            ("dan", "invited by link"),
        ];
        for (person, words) in expected {
            assert_eq!(seats[person], words, "{engine}: {seats:?}");
        }
        // WEBJS sends a private invitation by itself to somebody who refuses; ours would be the second.
        let ours = usize::from(engine != Engine::Webjs);
        assert_eq!(world.links_of(BEN), ours, "{engine}");
        assert_eq!(world.links_of(DAN), 1, "{engine}");
        assert_eq!((world.links_of(ADA), world.links_of(CLEO)), (0, 0), "{engine}");
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn somebody_who_blocked_us_or_left_is_not_written_to() {
    for engine in [Engine::Webjs, Engine::Gows] {
        let world = World::on(engine).await;
        let person = |privacy| Person { privacy, ..Person::default() };
        world.sandbox.set_person(BEN, person(Privacy::Blocked401));
        world.sandbox.set_person(CLEO, person(Privacy::RecentlyLeft408));
        world.sandbox.set_person(DAN, person(Privacy::GroupInviteOnly417));
        let id = world.fire("Down").await;
        world.pass(60).await;
        let seats = world.seats(&id).await;
        assert_eq!(seats["ben"], "has blocked this number", "{engine}");
        assert_eq!(seats["cleo"], "left a short while ago", "{engine}");
        assert_eq!(seats["dan"], "invited by link", "{engine}");
        assert_eq!((world.links_of(BEN), world.links_of(CLEO)), (0, 0), "{engine}");
    }
}

#[tokio::test]
async fn a_hidden_id_that_can_be_looked_up_is_in_and_of_one_that_cannot_nobody_claims_to_know() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        let hidden = |lid, privacy| Person { lid, privacy, ..Person::default() };
        world.sandbox.set_person(BEN, hidden(LidKnowledge::LookupOnly, Privacy::Ok));
        world.sandbox.set_person(CLEO, hidden(LidKnowledge::LidOnly, Privacy::Ok));
        world.sandbox.set_person(DAN, hidden(LidKnowledge::LidOnly, Privacy::SilentlyAbsent));
        let id = world.fire("Down").await;
        world.pass(60).await;
        let seats = world.seats(&id).await;
        assert_eq!(seats["ada"], "in", "{engine}");
        assert_eq!(seats["ben"], "in", "{engine}: the mapping tells");
        // One nameless row, two people it could be: neither is taken for absent.
        assert_eq!(
            (seats["cleo"].as_str(), seats["dan"].as_str()),
            ("cannot tell", "cannot tell"),
            "{engine}"
        );
        // But one of them is out and has had no word: both get it.
        for (digits, links) in [(ADA, 0), (BEN, 0), (CLEO, 1), (DAN, 1)] {
            assert_eq!(world.links_of(digits), links, "{engine}: {digits}");
        }
    }
}

#[tokio::test]
async fn when_all_nameless_rows_are_accounted_for_everybody_is_in() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        for digits in [ADA, BEN, CLEO, DAN] {
            let person = Person { lid: LidKnowledge::LidOnly, ..Person::default() };
            world.sandbox.set_person(digits, person);
        }
        let id = world.fire("Down").await;
        world.pass(60).await;
        let seats = world.seats(&id).await;
        assert!(seats.values().all(|s| s == "in"), "{engine}: {seats:?}");
    }
}

#[tokio::test]
async fn somebody_who_shows_up_late_is_in_and_gets_no_link() {
    let world = World::new().await;
    let late = Privacy::AppearsLate(SignedDuration::from_secs(4));
    world.sandbox.set_person(BEN, Person { privacy: late, ..Person::default() });
    let id = world.fire("Down").await;
    world.pass(60).await;
    assert_eq!(world.seats(&id).await["ben"], "in");
    assert_eq!(world.links_of(BEN), 0);
}

#[tokio::test]
async fn somebody_who_joins_by_the_link_is_in() {
    let world = World::on(Engine::Gows).await;
    world.sandbox.set_person(BEN, Person { privacy: Privacy::Refuses403, ..Person::default() });
    let id = world.fire("Down").await;
    world.pass(30).await;
    assert_eq!(world.seats(&id).await["ben"], "invited by link");
    let link = world.group(&id).invite_link;
    world.sandbox.join_by_link(BEN, &link).unwrap();
    world.pass(120).await;
    assert_eq!(world.seats(&id).await["ben"], "in");
}

#[tokio::test]
async fn the_room_hears_what_changes_once_and_its_end() {
    let options = Options { rooms: "  close_after: 10m".to_owned(), ..Options::default() };
    let world = World::with(options).await;
    let id = world.fire("Down").await;
    world.pass(60).await;
    for _ in 0..3 {
        let (_, again) = world.post(&firing("Down")).await;
        assert_eq!(again["incidents"][0]["outcome"], "repeated");
        world.pass(60).await;
    }
    assert_eq!(world.updates(&id), 0, "repeats say nothing");
    let (_, worse) = world.post(&alertmanager("Down", "firing", "warning")).await;
    assert_eq!(worse["incidents"][0]["outcome"], "updated");
    world.pass(300).await;
    assert_eq!(world.updates(&id), 1);
    world.resolve("Down").await;
    world.pass(300).await;
    assert_eq!(world.updates(&id), 2);
    // Back within the quiet time: same room, and it is told.
    world.fire("Down").await;
    world.pass(300).await;
    assert_eq!(world.updates(&id), 3);
    world.resolve("Down").await;
    world.pass(20 * 60).await;
    assert_eq!(world.updates(&id), 4);

    let group = world.group(&id);
    assert!(group.announce, "locked at the end");
    assert!(group.texts().last().unwrap().contains("· closed"), "{:#?}", group.texts());
    assert!(group.subject.contains("over"), "{}", group.subject);
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Closed);
    world.assert_sound(&id).await;
    // After the end the same alert is a new incident with a new room.
    let next = world.fire("Down").await;
    assert_ne!(next, id);
    world.pass(60).await;
    assert_eq!(world.sandbox.groups().len(), 2);
}

#[tokio::test]
async fn what_flaps_a_hundred_times_in_an_hour_is_one_room_and_a_message_per_interval() {
    let world = World::new().await;
    let id = world.fire("Flap").await;
    for _ in 0..50 {
        for (mut body, field) in [(resolved("Flap"), "endsAt"), (firing("Flap"), "startsAt")] {
            body["alerts"][0][field] = json!(world.clock.now().to_string());
            world.post(&body).await;
            world.pass(36).await;
        }
    }
    world.pass(300).await;
    assert_eq!(world.sandbox.groups().len(), 1);
    let hour = 3600 / 300;
    assert!(world.updates(&id) <= hour + 1, "{} messages", world.updates(&id));
    assert!(world.updates(&id) > 1, "people are told that it flaps");
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn long_after_the_end_the_number_leaves_if_the_policy_says_so() {
    let options = Options { rooms: "  close_after: 5m\n  leave_after: 2d".to_owned(), ..Options::default() };
    let world = World::with(options).await;
    let id = world.fire("Down").await;
    world.pass(60).await;
    world.resolve("Down").await;
    world.pass(24 * 3600).await;
    assert!(world.group(&id).has(Setup::BOT_DIGITS));
    world.pass(25 * 3600).await;
    assert!(!world.group(&id).has(Setup::BOT_DIGITS));
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Closed);
}

#[tokio::test]
async fn a_lesser_alert_opens_no_room_until_it_rises() {
    let world = World::new().await;
    let (_, low) = world.post(&alertmanager("Slow", "firing", "warning")).await;
    assert_eq!(low["incidents"][0]["outcome"], "ignored");
    world.pass(60).await;
    assert!(world.sandbox.groups().is_empty());
    let id = world.fire("Slow").await;
    assert_eq!(low["incidents"][0]["id"], id.as_str());
    world.pass(60).await;
    world.group(&id);
}

#[tokio::test]
async fn an_incident_that_ends_before_its_room_is_made_gets_none() {
    let world = World::new().await;
    let id = world.fire("Blip").await;
    world.resolve("Blip").await;
    world.pass(3600).await;
    assert!(world.sandbox.groups().is_empty());
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Skipped);
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn while_the_number_is_down_the_room_waits_and_goes_on_by_itself() {
    let world = World::new().await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "SCAN_QR_CODE");
    let id = world.fire("Down").await;
    world.pass(1800).await;
    let room = world.room(&id).await;
    assert_eq!((room.phase.name(), room.creates), (PhaseName::Wanted, 0), "no attempt is used up");
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    world.pass(60).await;
    assert!(world.room(&id).await.is_complete());
    world.group(&id);
}

#[tokio::test]
async fn the_budget_of_creations_holds_and_the_rest_comes_later() {
    let options = Options {
        rooms: "  share_when_over_budget: false".to_owned(),
        rooms_per_hour: 2,
        ..Options::default()
    };
    let world = World::with(options).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(world.fire(&format!("Down{n}")).await);
    }
    world.pass(3 * 3600).await;
    let made = world.sandbox.creations();
    assert_eq!(made.len(), 5, "all are made in the end");
    for (n, first) in made.iter().enumerate() {
        let hour = SignedDuration::from_hours(1);
        let within = made.iter().skip(n).filter(|c| c.at < first.at + hour).count();
        assert!(within <= 2, "{within} in an hour");
    }
    for id in ids {
        world.group(&id);
    }
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_found_and_not_repeated() {
    for kind in [FaultKind::Reset, FaultKind::BadGateway, FaultKind::EmptyBody, FaultKind::TruncatedJson] {
        for engine in Engine::ALL {
            let world = World::on(engine).await;
            world.sandbox.add_fault(Fault::on(Operation::CreateGroup, kind.clone()).after_effect());
            let id = world.fire("Down").await;
            world.pass(180).await;
            world.group(&id);
            let room = world.room(&id).await;
            assert!(room.is_complete(), "{engine} {kind:?}: {:?}", room.phase);
            assert_eq!(world.welcomes(&id), 1, "{engine} {kind:?}");
        }
    }
}

#[tokio::test]
async fn a_create_that_did_nothing_is_tried_again_after_two_looks() {
    for kind in [FaultKind::Reset, FaultKind::InternalError, FaultKind::EmptyBody] {
        let world = World::new().await;
        world.sandbox.add_fault(Fault::on(Operation::CreateGroup, kind.clone()));
        let id = world.fire("Down").await;
        world.pass(180).await;
        world.group(&id);
        let room = world.room(&id).await;
        assert!(room.is_complete() && room.was_unsure, "{kind:?}: {:?}", room.phase);
        assert_eq!(room.creates, 2);
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn after_three_lost_creates_people_are_told_one_by_one_and_a_person_decides() {
    let world = World::new().await;
    world.sandbox.add_fault(Fault::on(Operation::CreateGroup, FaultKind::InternalError).always());
    let id = world.fire("Down").await;
    world.pass(600).await;
    let room = world.room(&id).await;
    assert_eq!(room.phase.name(), PhaseName::Parked, "{:?}", room.phase);
    for digits in [ADA, BEN, CLEO, DAN] {
        let told = world.sandbox.chat(digits);
        assert_eq!(told.len(), 1, "{digits}");
        assert!(told[0].text.contains("INCIDENT-1"));
    }
    let calls = world.sandbox.calls().len();
    world.pass(3600).await;
    assert_eq!(world.sandbox.calls().len(), calls, "a parked room makes no calls");

    // An operator says: go on.
    world.sandbox.clear_faults();
    let taken =
        world.store.wish("INCIDENT-1".parse().unwrap(), Wish::Resume { group: None }, world.clock.now());
    assert_eq!(taken.await.unwrap(), WishTaken::Yes);
    world.pass(60).await;
    assert!(world.room(&id).await.is_complete());
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn a_lost_welcome_is_looked_for_and_said_once() {
    for after in [true, false] {
        let world = World::new().await;
        let fault = Fault::on(Operation::SendText, FaultKind::Reset);
        world.sandbox.add_fault(if after { fault.after_effect() } else { fault });
        let id = world.fire("Down").await;
        world.pass(60).await;
        assert_eq!(world.welcomes(&id), 1, "after the effect: {after}");
        assert!(world.room(&id).await.is_complete());
    }
}

#[tokio::test]
async fn a_welcome_is_rather_said_twice_than_not_at_all_when_the_chat_cannot_be_read() {
    let world = World::new().await;
    world.sandbox.add_fault(Fault::on(Operation::SendText, FaultKind::Reset).after_effect());
    world.sandbox.add_fault(Fault::on(Operation::ListMessages, FaultKind::InternalError).always());
    let id = world.fire("Down").await;
    world.pass(120).await;
    assert_eq!(world.welcomes(&id), 2);
    assert!(world.room(&id).await.is_complete());
}

#[tokio::test]
async fn an_old_group_with_the_same_number_is_not_taken_for_the_room() {
    let world = World::new().await;
    // Another installation with the same linked number counted from 1 before.
    let old = World::fire(&world, "Old").await;
    world.pass(30).await;
    let stranger = world.group(&old).id;
    let fresh = World::with_sandbox(&world, Options::default()).await;
    fresh.clock.advance(SignedDuration::from_hours(48));
    fresh.sandbox.add_fault(Fault::on(Operation::CreateGroup, FaultKind::Reset));
    let id = fresh.fire("New").await;
    assert_eq!(id, old, "a new store counts from 1 again");
    fresh.pass(180).await;
    let room = fresh.room(&id).await;
    assert!(room.is_complete(), "{:?}", room.phase);
    assert_ne!(room.phase.group().unwrap().to_string(), stranger);
}

#[tokio::test]
async fn a_second_group_that_turns_up_later_is_told_and_not_used() {
    let world = World::new().await;
    let twice = Fault::on(Operation::CreateGroup, FaultKind::InternalError)
        .with_effect(Effect::Twice(SignedDuration::from_secs(20)));
    world.sandbox.add_fault(twice);
    let id = world.fire("Down").await;
    world.pass(300).await;
    assert_eq!(world.groups(&id).len(), 2);
    let dossier = world.dossier(&id).await;
    assert_eq!(dossier.duplicates.len(), 1, "the other one is recorded");
    assert!(dossier.room.unwrap().is_complete());
    assert_eq!(world.welcomes(&id), 1, "only one of them is the room");
}

#[tokio::test]
async fn a_number_that_goes_down_is_one_alarm_and_is_not_asked_by_every_room() {
    let world = World::new().await;
    let ids = [world.fire("One").await, world.fire("Two").await, world.fire("Three").await];
    world.pass(60).await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "FAILED");
    world.bridge.worker.ask_sessions().await;
    assert!(world.outage("main").await.is_some());
    for name in ["One", "Two", "Three"] {
        world.resolve(name).await;
    }
    let calls = world.sandbox.calls().len();
    world.pass(10).await;
    assert_eq!(world.sandbox.calls().len(), calls, "while it is known to be down nobody calls");
    world.pass(600).await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    world.bridge.worker.ask_sessions().await;
    assert!(world.outage("main").await.is_none());
    world.pass(60).await;
    for id in &ids {
        assert_eq!(world.updates(id), 1, "{id}: told when the number was back");
        world.assert_sound(id).await;
    }
}

#[tokio::test]
async fn a_second_number_makes_the_room_when_the_first_cannot() {
    let world = World::with(Options { second_number: true, ..Options::default() }).await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "SCAN_QR_CODE");
    let id = world.fire("Down").await;
    world.pass(60).await;
    let room = world.room(&id).await;
    assert_eq!(room.instance.as_deref(), Some("second"));
    assert!(room.is_complete(), "{:?}", room.phase);
    world.group(&id);
}

#[tokio::test]
async fn when_the_budget_of_one_number_is_spent_another_makes_the_rooms() {
    let world = World::with(Options { second_number: true, rooms_per_hour: 2, ..Options::default() }).await;
    for n in 0..4 {
        world.fire(&format!("Down{n}")).await;
    }
    world.pass(120).await;
    assert_eq!(world.sandbox.groups().len(), 4, "two each");
    for number in [Setup::INSTANCE_ID, SECOND_ID] {
        let made = world.sandbox.creations().iter().filter(|c| c.instance_id == number).count();
        assert_eq!(made, 2, "{number}");
    }
}

#[tokio::test]
async fn when_the_budget_is_spent_people_are_told_one_by_one_why_and_the_room_comes_later() {
    let options = Options {
        rooms: "  share_when_over_budget: false".to_owned(),
        rooms_per_hour: 1,
        ..Options::default()
    };
    let world = World::with(options).await;
    let first = world.fire("One").await;
    let second = world.fire("Two").await;
    world.pass(60).await;
    assert!(world.room(&first).await.is_complete());
    assert_eq!(world.room(&second).await.phase.name(), PhaseName::Wanted);
    for digits in [ADA, BEN, CLEO, DAN] {
        let told = world.sandbox.chat(digits);
        assert_eq!(told.len(), 1, "{digits}: once");
        assert!(told[0].text.contains(&second), "{}", told[0].text);
        assert!(told[0].text.contains("yours is made at about 11:0"), "{}", told[0].text);
    }
    world.pass(2 * 3600).await;
    assert!(world.room(&second).await.is_complete(), "the room comes as soon as the budget allows");
    assert_eq!(world.sandbox.chat(ADA).len(), 1, "and nobody is told twice");
    world.assert_sound(&second).await;
}

#[tokio::test]
async fn a_number_that_was_down_for_hours_does_not_use_up_the_patience_of_a_lost_create() {
    let world = World::new().await;
    world.sandbox.add_fault(Fault::on(Operation::CreateGroup, FaultKind::Reset).after_effect());
    let id = world.fire("Down").await;
    world.work().await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "FAILED");
    world.bridge.worker.ask_sessions().await;
    world.pass(3 * 3600).await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    world.bridge.worker.ask_sessions().await;
    world.pass(120).await;
    let room = world.room(&id).await;
    assert!(room.is_complete(), "{:?}", room.phase);
    world.group(&id);
}
