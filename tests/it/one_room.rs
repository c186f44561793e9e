//! One incident, one room, whatever lists, events and operators say: a second group is never made because of a
//! list that proves nothing, and one that could not be helped is always on record.

use serde_json::{Value, json};
use warroom::clock::{Clock, SignedDuration};
use warroom::room::PhaseName;
use warroom::sandbox::{
    Engine, Fault, FaultKind, HALF_EMOJI, LidKnowledge, Operation, Person, Privacy, Quirks, Setup,
};

use crate::events::{BOTH, deliver, post, tell_to};
use crate::harness::{ADA, BEN, CLEO, DAN, Options, World};
use crate::sweep::sweep;

const EVERYBODY: [&str; 4] = [ADA, BEN, CLEO, DAN];

fn lost() -> Fault {
    Fault::on(Operation::CreateGroup, FaultKind::InternalError).after_effect()
}

fn always(operation: Operation, kind: FaultKind) -> Fault {
    Fault::on(operation, kind).always()
}

/// Nobody knows whether there is a group: none was made a second time, and everybody was told.
async fn assert_left_to_a_person(world: &World, id: &str, what: &str) {
    let dossier = world.dossier(id).await;
    let room = dossier.room.as_ref().unwrap();
    assert_eq!(room.phase.name(), PhaseName::Parked, "{what}: {:?}", room.phase);
    assert_eq!(world.groups(id).len(), 1, "{what}");
    for digits in EVERYBODY {
        assert!(!world.sandbox.chat(digits).is_empty(), "{what}: {digits} was told nothing");
    }
    world.assert_sound(id).await;
}

async fn act(world: &World, id: &str, action: &str, body: Option<Value>) -> (u16, Value) {
    let request = world.http.post(format!("http://{}/api/rooms/{id}/{action}", world.operator));
    let request = if let Some(body) = body { request.json(&body) } else { request };
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn an_empty_list_proves_nothing() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        world.sandbox.add_fault(lost());
        world.sandbox.add_fault(always(Operation::ListGroups, FaultKind::EmptyList));
        let id = world.fire("Payments").await;
        world.pass(1800).await;
        assert_left_to_a_person(&world, &id, &format!("{engine}")).await;
    }
}

#[tokio::test]
async fn an_empty_list_beside_a_living_room_proves_nothing() {
    let world = World::new().await;
    let other = world.fire("Search").await;
    world.pass(30).await;
    assert!(world.room(&other).await.is_complete());
    world.sandbox.set_quirks(Quirks { elsewhere: vec![], ..Quirks::default() });
    world.sandbox.add_fault(lost());
    world.sandbox.add_fault(always(Operation::ListGroups, FaultKind::EmptyList));
    let id = world.fire("Payments").await;
    world.pass(1800).await;
    assert_left_to_a_person(&world, &id, "empty").await;
}

#[tokio::test]
async fn a_list_without_a_group_that_must_be_in_it_proves_nothing() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        world.fire("Search").await;
        world.pass(30).await;
        // What is listed from now on is other people's groups only.
        world.sandbox.set_list_lag(SignedDuration::from_hours(48));
        world.sandbox.add_fault(lost());
        let id = world.fire("Payments").await;
        world.pass(1800).await;
        assert_left_to_a_person(&world, &id, &format!("{engine}")).await;
    }
}

#[tokio::test]
async fn a_list_that_is_empty_for_some_time_delays_and_nothing_else() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        world.sandbox.add_fault(lost());
        world.sandbox.add_fault(Fault::on(Operation::ListGroups, FaultKind::EmptyList).times(9));
        let id = world.fire("Payments").await;
        world.pass(400).await;
        world.group(&id);
        assert!(world.room(&id).await.is_complete(), "{engine}: {:?}", world.room(&id).await.phase);
        assert_eq!(world.welcomes(&id), 1, "{engine}");
    }
}

#[tokio::test]
async fn groups_without_a_name_in_the_list_are_read_one_by_one() {
    for engine in Engine::ALL {
        let elsewhere = (0..60).map(|n| format!("Group {n}")).collect();
        let world = World::on(engine).await;
        world.sandbox.set_quirks(Quirks { elsewhere, ..Quirks::default() });
        world.sandbox.add_fault(lost());
        world.sandbox.add_fault(always(Operation::ListGroups, FaultKind::Nameless).after_effect());
        let id = world.fire("Payments").await;
        world.pass(120).await;
        world.group(&id);
        let room = world.room(&id).await;
        assert!(room.is_complete(), "{engine}: {:?} {:?}", room.phase, room.tasks);
    }
}

#[tokio::test]
async fn a_group_is_believed_absent_once_all_without_a_name_were_read() {
    for engine in Engine::ALL {
        let elsewhere = (0..60).map(|n| format!("Group {n}")).collect();
        let world = World::on(engine).await;
        world.sandbox.set_quirks(Quirks { elsewhere, ..Quirks::default() });
        world.sandbox.add_fault(Fault::on(Operation::CreateGroup, FaultKind::InternalError));
        world.sandbox.add_fault(always(Operation::ListGroups, FaultKind::Nameless).after_effect());
        let id = world.fire("Payments").await;
        world.pass(600).await;
        world.group(&id);
        assert!(world.room(&id).await.is_complete(), "{engine}: {:?}", world.room(&id).await.phase);
    }
}

#[tokio::test]
async fn a_group_that_never_tells_its_name_is_not_believed_absent() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        world.sandbox.add_fault(lost());
        for call in [Operation::ListGroups, Operation::GetGroup] {
            world.sandbox.add_fault(always(call, FaultKind::Nameless).after_effect());
        }
        let id = world.fire("Payments").await;
        world.pass(1800).await;
        assert_left_to_a_person(&world, &id, &format!("{engine}")).await;
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_read_afresh_proves_nothing_whatever_its_shape() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        world.sandbox.set_quirks(Quirks { list_cache: true, ..Quirks::default() });
        world.sandbox.add_fault(lost());
        world.sandbox.add_fault(always(Operation::RefreshGroups, FaultKind::InternalError));
        world.pass(1).await;
        let id = world.fire("Payments").await;
        world.pass(1800).await;
        assert_left_to_a_person(&world, &id, &format!("{engine}")).await;
    }
}

#[tokio::test]
async fn a_join_event_names_the_group_that_an_empty_list_hides() {
    for engine in Engine::ALL {
        let world = World::with(Options { engine, events: BOTH, ..Options::default() }).await;
        tell_to(&world);
        world.sandbox.add_fault(lost());
        world.sandbox.add_fault(always(Operation::ListGroups, FaultKind::EmptyList));
        let id = world.fire("Payments").await;
        world.pass(2).await;
        deliver(&world).await;
        world.pass(60).await;
        world.group(&id);
        let dossier = world.dossier(&id).await;
        let room = dossier.room.unwrap();
        assert!(room.is_complete(), "{engine}: {:?}", room.phase);
        assert!(dossier.duplicates.is_empty(), "{engine}");
        world.assert_sound(&id).await;
    }
}

/// A join event as an engine tells it, for a group that nobody here made.
async fn told_to_have_joined(world: &World, n: u32, subject: &str) -> String {
    let group = format!("1203630000000077{n:02}@g.us");
    let body = json!({
        "id": format!("evt_join_{n}"),
        "event": "group.v2.join",
        "timestamp": world.clock.now().as_millisecond(),
        "session": "default",
        "me": {"id": format!("{}@c.us", Setup::BOT_DIGITS)},
        "payload": {"group": {"id": group, "subject": subject, "participants": []}},
    });
    assert_eq!(post(world, &body).await, 200);
    group
}

#[tokio::test]
async fn a_second_group_that_is_told_of_is_on_record_whatever_the_phase() {
    let rooms = "  close_after: 5m".to_owned();
    let world = World::with(Options { events: BOTH, rooms, ..Options::default() }).await;
    let id = world.fire("Payments").await;
    world.pass(30).await;
    let mut recorded = vec![told_to_have_joined(&world, 1, &format!("{id} | Payments")).await];
    let on_record = async |recorded: &[String], phase: PhaseName| {
        let dossier = world.dossier(&id).await;
        assert_eq!(dossier.room.unwrap().phase.name(), phase);
        let groups: Vec<String> = dossier.duplicates.iter().map(|o| o.group.to_string()).collect();
        assert_eq!(groups, recorded, "{phase:?}");
        assert!(dossier.duplicates.iter().all(|o| o.instance.as_deref() == Some("main")));
    };
    on_record(&recorded, PhaseName::Live).await;
    world.resolve("Payments").await;
    world.pass(60).await;
    world.sandbox.add_fault(always(Operation::RevokeInviteCode, FaultKind::InternalError));
    world.pass(300).await;
    recorded.push(told_to_have_joined(&world, 2, &format!("{id} | Payments")).await);
    on_record(&recorded, PhaseName::Closing).await;
    world.sandbox.clear_faults();
    world.pass(600).await;
    recorded.push(told_to_have_joined(&world, 3, &format!("{id} | Payments")).await);
    on_record(&recorded, PhaseName::Closed).await;
    told_to_have_joined(&world, 4, &format!("{id}0 | Payments")).await;
    on_record(&recorded, PhaseName::Closed).await;
}

#[tokio::test]
async fn a_group_that_is_told_of_after_the_room_was_parked_is_on_record() {
    let world = World::with(Options { events: BOTH, ..Options::default() }).await;
    world.sandbox.add_fault(lost());
    world.sandbox.add_fault(always(Operation::ListGroups, FaultKind::EmptyList));
    let id = world.fire("Payments").await;
    world.pass(1800).await;
    assert_left_to_a_person(&world, &id, "before").await;
    let group = told_to_have_joined(&world, 1, &format!("{id} | Payments")).await;
    let calls = world.sandbox.calls().len();
    world.pass(60).await;
    assert_eq!(world.sandbox.calls().len(), calls, "a parked room calls nothing");
    let dossier = world.dossier(&id).await;
    assert_eq!(dossier.room.unwrap().phase.name(), PhaseName::Parked);
    assert_eq!(dossier.duplicates[0].group.to_string(), group);
}

#[tokio::test]
async fn the_number_that_was_asked_first_is_looked_through_although_another_one_made_the_room() {
    for engine in Engine::ALL {
        let options = Options { engine, second_number: true, ..Options::default() };
        let world = World::with(options).await;
        world.bridge.worker.ask_sessions().await;
        // The list of the first number shows the group only when the second one has made the room.
        world.sandbox.set_list_lag(SignedDuration::from_secs(60));
        world.sandbox.add_fault(lost());
        let id = world.fire("Payments").await;
        world.pass(80).await;
        let room = world.room(&id).await;
        let asked: Vec<&str> = room.asked.iter().map(|ask| ask.instance.as_str()).collect();
        assert_eq!(asked, ["main", "second"], "{engine}");
        world.pass(300).await;
        let groups = world.groups(&id);
        let dossier = world.dossier(&id).await;
        let [ghost] = &dossier.duplicates[..] else {
            panic!("{engine}: {:?} of {}", dossier.duplicates, groups.len())
        };
        assert_eq!((groups.len(), ghost.instance.as_deref()), (2, Some("main")), "{engine}");
        let ghost = ghost.group.to_string();
        let (status, answer) = act(&world, &id, "close", Some(json!({ "group": ghost }))).await;
        assert_eq!(status, 202, "{answer}");
        world.pass(60).await;
        let left = world.groups(&id).into_iter().find(|g| g.id == ghost).unwrap();
        assert!(!left.has(Setup::BOT_DIGITS), "{engine}: the first number is still in it");
    }
}

#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn one_person_who_breaks_every_create_keeps_only_themselves_out() {
    let mut cases = Vec::new();
    for engine in Engine::ALL {
        cases.extend(EVERYBODY.map(|breaking| (engine, breaking)));
    }
    let swept = sweep(&cases, async |&(engine, breaking)| {
        let world = World::on(engine).await;
        world.sandbox.set_person(breaking, Person { breaks_creates: true, ..Person::default() });
        let id = world.fire("Payments").await;
        world.pass(600).await;
        let group = world.group(&id);
        assert!(!group.has(breaking), "{engine} {breaking}");
        let room = world.room(&id).await;
        assert!(room.is_complete(), "{engine} {breaking}: {:?}", room.phase);
        assert!(room.asked.len() <= 3, "{engine} {breaking}");
        assert!(room.asked.windows(2).all(|two| two[1].people.len() < two[0].people.len()));
        for digits in EVERYBODY.into_iter().filter(|digits| !group.has(digits)) {
            assert_eq!(world.links_of(digits), 1, "{engine}: {digits} has no link");
        }
        ((), Vec::new())
    });
    swept.conclude("somebody whose presence breaks every create, each engine");
}

/// Two creates were lost, so the third asks one person alone, and a group of nobody is refused. WEBJS answers that
/// with the same error as whatever went wrong.
#[tokio::test]
async fn somebody_without_an_account_who_is_asked_alone_keeps_nobody_out() {
    for engine in [Engine::Noweb, Engine::Gows] {
        let world = World::on(engine).await;
        world.sandbox.set_person(CLEO, Person::with_privacy(Privacy::NotOnWhatsapp404));
        world.sandbox.add_fault(Fault::on(Operation::CreateGroup, FaultKind::InternalError).times(2));
        let id = world.fire("Payments").await;
        world.pass(600).await;
        let room = world.room(&id).await;
        assert!(room.is_complete(), "{engine}: {:?}", room.phase);
        assert!(world.group(&id).has(DAN), "{engine}");
        for digits in [ADA, BEN] {
            assert_eq!(world.links_of(digits), 1, "{engine}: {digits} has no link");
        }
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn another_incidents_living_group_cannot_be_taken() {
    let world = World::new().await;
    let other = world.fire("Search").await;
    world.pass(30).await;
    let theirs = world.group(&other).id;
    world.sandbox.add_fault(lost());
    world.sandbox.add_fault(always(Operation::ListGroups, FaultKind::EmptyList));
    let id = world.fire("Payments").await;
    world.pass(1800).await;
    let (status, answer) = act(&world, &id, "adopt", Some(json!({ "group": theirs }))).await;
    assert_eq!(status, 409, "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains(&other), "{answer}");
}

#[tokio::test]
async fn a_group_that_cannot_be_read_is_not_taken_and_a_new_one_can_be_made() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        world.sandbox.add_fault(lost());
        world.sandbox.add_fault(always(Operation::ListGroups, FaultKind::EmptyList));
        let id = world.fire("Payments").await;
        world.pass(1800).await;
        let nowhere = json!({ "group": "120363000000088888@g.us" });
        let (status, answer) = act(&world, &id, "adopt", Some(nowhere)).await;
        assert_eq!(status, 202, "{answer}");
        world.pass(60).await;
        let dossier = world.dossier(&id).await;
        assert_eq!((dossier.room.unwrap().phase.name(), dossier.wish), (PhaseName::Parked, None), "{engine}");
        let told = serde_json::to_string(&dossier.timeline).unwrap();
        assert!(told.contains("none of our numbers can read it"), "{engine}: {told}");

        // The group that there is can be named and read.
        let made = world.group(&id).id;
        let (status, answer) = act(&world, &id, "adopt", Some(json!({ "group": made }))).await;
        assert_eq!(status, 202, "{answer}");
        world.pass(60).await;
        assert!(world.room(&id).await.is_complete(), "{engine}: {:?}", world.room(&id).await.phase);
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn an_operator_who_knows_better_has_a_new_group_made() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        world.sandbox.add_fault(lost());
        world.sandbox.add_fault(always(Operation::ListGroups, FaultKind::EmptyList));
        let id = world.fire("Payments").await;
        world.pass(1800).await;
        let (status, answer) = act(&world, &id, "new-group", None).await;
        assert_eq!(status, 202, "{answer}");
        world.sandbox.clear_faults();
        world.pass(300).await;
        let dossier = world.dossier(&id).await;
        let room = dossier.room.unwrap();
        assert!(room.is_complete(), "{engine}: {:?}", room.phase);
        assert_eq!(world.groups(&id).len(), 2, "{engine}");
        assert_eq!(dossier.duplicates.len(), 1, "{engine}: the one that was made before is on record");
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn a_group_whose_number_was_put_out_is_replaced_by_a_new_one_on_request() {
    let world = World::with(Options { events: BOTH, ..Options::default() }).await;
    tell_to(&world);
    let id = world.fire("Payments").await;
    world.pass(30).await;
    deliver(&world).await;
    let first = world.group(&id).id;
    world.sandbox.leave(Setup::BOT_DIGITS, &first);
    deliver(&world).await;
    world.pass(60).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Parked);
    let (status, answer) = act(&world, &id, "new-group", None).await;
    assert_eq!(status, 202, "{answer}");
    world.pass(60).await;
    let dossier = world.dossier(&id).await;
    let room = dossier.room.unwrap();
    assert!(room.is_complete() && room.phase.group().unwrap().to_string() != first, "{:?}", room.phase);
    assert_eq!(dossier.duplicates[0].group.to_string(), first);
}

#[tokio::test]
async fn what_our_number_said_is_its_own_although_the_list_disowns_it() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        world.sandbox.set_quirks(Quirks { disowns: true, ..Quirks::default() });
        world.sandbox.set_person(BEN, Person { privacy: Privacy::Refuses403, ..Person::default() });
        world
            .sandbox
            .add_fault(Fault::on(Operation::SendText, FaultKind::GatewayTimeout).after_effect().times(2));
        let id = world.fire("Payments").await;
        world.pass(300).await;
        assert_eq!(world.welcomes(&id), 1, "{engine}");
        assert!(world.room(&id).await.is_complete(), "{engine}");
    }
}

#[tokio::test]
async fn a_promotion_that_is_said_to_be_done_and_is_not_is_tried_again_and_then_told() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        world.sandbox.add_fault(always(Operation::PromoteParticipants, FaultKind::SaysDone));
        let id = world.fire("Payments").await;
        world.pass(600).await;
        let promote = |op: Option<Operation>| op == Some(Operation::PromoteParticipants);
        let tried = world.sandbox.calls().iter().filter(|call| promote(call.operation)).count();
        assert_eq!(tried, 3, "{engine}");
        let room = world.room(&id).await;
        let Some(why) = room.tasks.given_up("promote") else { panic!("{engine}: {:?}", room.tasks) };
        assert!(why.contains("the room has one admin"), "{why}");

        let world = World::on(engine).await;
        world.sandbox.add_fault(Fault::on(Operation::PromoteParticipants, FaultKind::SaysDone).times(2));
        let id = world.fire("Payments").await;
        world.pass(600).await;
        assert!(
            world.group(&id).members.iter().any(|m| m.admin && m.digits != Setup::BOT_DIGITS),
            "{engine}"
        );
        let room = world.room(&id).await;
        assert!(room.tasks.done_at("promote").is_some(), "{engine}");
    }
}

#[tokio::test]
async fn a_setting_that_is_said_to_be_done_and_is_not_is_not_believed() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        world.sandbox.add_fault(Fault::on(Operation::SetInfoAdminOnly, FaultKind::SaysDone).times(3));
        let id = world.fire("Payments").await;
        world.pass(120).await;
        assert!(world.group(&id).locked, "{engine}");

        let world = World::on(engine).await;
        world.sandbox.add_fault(always(Operation::SetInfoAdminOnly, FaultKind::SaysDone));
        let id = world.fire("Payments").await;
        world.pass(1200).await;
        let room = world.room(&id).await;
        assert!(room.tasks.given_up("lock_settings").is_some(), "{engine}");
    }
}

#[tokio::test]
async fn the_last_words_claim_only_what_was_done() {
    let end = async |fault: Option<Fault>| {
        let rooms = "  close_after: 5m".to_owned();
        let world = World::with(Options { rooms, ..Options::default() }).await;
        let id = world.fire("Payments").await;
        world.pass(60).await;
        world.resolve("Payments").await;
        if let Some(fault) = fault {
            world.sandbox.add_fault(fault);
        }
        world.pass(3600).await;
        assert_eq!(world.room(&id).await.phase.name(), PhaseName::Closed);
        let group = world.group(&id);
        let texts = group.texts();
        let last = texts.iter().find(|t| t.contains("· closed")).expect("the last words");
        (last.contains("only admins") || last.contains("Only admins"), last.contains("link no longer works"))
    };
    assert_eq!(end(None).await, (true, true));
    let refused = |operation| Some(always(operation, FaultKind::InternalError));
    assert_eq!(end(refused(Operation::RevokeInviteCode)).await, (true, false));
    assert_eq!(end(refused(Operation::SetMessagesAdminOnly)).await, (false, true));
    assert_eq!(end(Some(always(Operation::SetMessagesAdminOnly, FaultKind::SaysDone))).await, (false, true));
}

#[tokio::test]
async fn half_an_emoji_of_somebody_else_hides_nothing() {
    for engine in Engine::ALL {
        let world = World::with(Options { engine, events: BOTH, ..Options::default() }).await;
        tell_to(&world);
        let elsewhere = vec![format!("{HALF_EMOJI} choir"), format!("parents {HALF_EMOJI}")];
        world.sandbox.set_quirks(Quirks { elsewhere, ..Quirks::default() });
        world.sandbox.add_fault(lost());
        let id = world.fire("Payments").await;
        world.pass(10).await;
        let group = world.group(&id).id;
        world.sandbox.say(ADA, &group, &format!("on it {HALF_EMOJI}"));
        world.sandbox.add_fault(Fault::on(Operation::SendText, FaultKind::Reset).after_effect());
        world.resolve("Payments").await;
        world.pass(600).await;
        assert_eq!(world.updates(&id), 1, "{engine}");

        let named = Person { lid: LidKnowledge::KnownMapping, ..Person::named(&format!("Ben {HALF_EMOJI}")) };
        world.sandbox.set_person(BEN, named);
        world.sandbox.say(BEN, &format!("{}@c.us", Setup::BOT_DIGITS), "STOP");
        let statuses = deliver(&world).await;
        assert!(statuses.iter().all(|status| *status == 200), "{engine}");
        let ben = "15550100002@c.us".parse().unwrap();
        let stopped = world.store.acquaintances().await.unwrap();
        assert!(stopped.iter().any(|known| known.jid == ben), "{engine}: the STOP was lost");
    }
}
