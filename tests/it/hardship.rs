//! Rooms before a gateway that does not get better, and other hard luck.

use std::time::Duration;

use warroom::clock::{Clock, SignedDuration};
use warroom::gateway::{GatewayError, Refusal};
use warroom::room::{PhaseName, Wish};
use warroom::sandbox::{Engine, Fault, FaultKind, LidKnowledge, Operation, Person, Privacy, Setup};

use crate::harness::{ADA, BEN, CLEO, DAN, ONE_PERSON, Options, World, alertmanager};
use crate::odd_gateway::{Odd, OddGateway};

fn unknown() -> GatewayError {
    GatewayError::Unknown { detail: "500: odd".to_owned() }
}

fn refused(reason: Refusal) -> GatewayError {
    GatewayError::Refused { reason, detail: "odd".to_owned() }
}

fn gone() -> GatewayError {
    GatewayError::Gone { detail: "404: odd".to_owned() }
}

async fn bounded(work: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(20), work)
        .await
        .expect("it calls again and again without a pause");
}

#[tokio::test]
async fn a_welcome_that_can_never_be_confirmed_is_not_said_for_ever() {
    let world = World::new().await;
    world.sandbox.add_fault(Fault::on(Operation::SendText, FaultKind::InternalError).after_effect().always());
    world.sandbox.add_fault(Fault::on(Operation::ListMessages, FaultKind::InternalError).always());
    let id = world.fire("Down").await;
    world.pass(3600).await;
    let said = world.welcomes(&id);
    assert!(said <= 3, "{said} welcomes in an hour");
    assert!(world.room(&id).await.is_complete());
}

#[tokio::test]
async fn a_welcome_lost_once_and_then_refused_is_left_to_a_person() {
    let mut world = World::new().await;
    OddGateway::before(&mut world, |call, nth| match (call, nth) {
        ("send_to_group", 0) => Some(Odd::Before(unknown())),
        ("send_to_group", _) => Some(Odd::Before(refused(Refusal::Forbidden))),
        _ => None,
    });
    let id = world.fire("Down").await;
    world.pass(3600).await;
    let room = world.room(&id).await;
    assert_eq!(room.phase.name(), PhaseName::Parked, "{:?}", room.tasks);
}

#[tokio::test]
async fn a_chat_that_is_not_found_while_a_lost_welcome_is_looked_for_is_not_asked_without_a_pause() {
    let mut world = World::new().await;
    let odd = OddGateway::before(&mut world, |call, nth| match (call, nth) {
        ("send_to_group", 0) => Some(Odd::After(unknown())),
        ("recent_own_messages", _) => Some(Odd::Before(gone())),
        _ => None,
    });
    let id = world.fire("Down").await;
    bounded(world.pass(60)).await;
    assert!(odd.count("recent_own_messages") < 10);
    assert!(world.room(&id).await.is_briefed());
}

#[tokio::test]
async fn a_wait_of_no_time_at_all_is_still_a_wait() {
    let world = World::new().await;
    let patience = FaultKind::TooManyRequests { retry_after: Some(0) };
    world.sandbox.add_fault(Fault::on(Operation::CreateGroup, patience).always());
    world.fire("Down").await;
    bounded(world.pass(30)).await;
    assert!(world.sandbox.calls().len() < 100, "{}", world.sandbox.calls().len());
}

#[tokio::test]
async fn one_room_that_breaks_the_program_does_not_stop_the_others() {
    let mut world = World::new().await;
    OddGateway::before(&mut world, |call, nth| {
        assert!(!(call == "create_group" && nth == 0), "a mistake in the program");
        None
    });
    world.fire("Broken").await;
    world.fire("Sound").await;
    world.work().await;
    assert_eq!(world.sandbox.groups().len(), 1);
    assert!(world.bridge.worker.metrics.render().contains("warroom_rooms_broken_total 1"));
    // It is taken up again in a minute, and looks first whether there is a group.
    world.pass(180).await;
    assert_eq!(world.sandbox.groups().len(), 2);
}

#[tokio::test]
async fn one_room_that_cannot_be_read_does_not_stop_the_others() {
    let world = World::new().await;
    let broken = world.fire("Broken").await;
    let number: i64 = broken.strip_prefix("INCIDENT-").unwrap().parse().unwrap();
    world.kept.execute(&format!("UPDATE room_docs SET doc = '{{}}' WHERE incident = {number}"));
    let sound = world.fire("Sound").await;
    world.work().await;
    assert_eq!(world.groups(&sound).len(), 1);
}

#[tokio::test]
async fn one_not_found_about_a_new_group_is_not_its_end() {
    for call in ["send_to_group", "describe", "members"] {
        let mut world = World::new().await;
        OddGateway::before(&mut world, move |c, nth| (c == call && nth == 0).then(|| Odd::Before(gone())));
        let id = world.fire("Down").await;
        world.pass(120).await;
        let room = world.room(&id).await;
        assert!(room.is_complete(), "{call}: {:?}", room.phase);
    }
}

#[tokio::test]
async fn a_stranger_who_is_to_be_left_out_is_neither_added_nor_written_to() {
    let roster = r#"
people:
  ada: { name: Ada Obi, phone: "+15550100001", opted_in: true }
  ben: { name: Ben Cho, phone: "+15550100002" }
routes:
  - name: everything
    match: [ 'alertname =~ ".+"' ]
    invite: { commander: [ ada ], specialist: [ ben ] }
fallback:
  invite: { commander: [ ada ] }
"#;
    let options = Options {
        roster: roster.to_owned(),
        rooms: "  not_opted_in: leave_out".to_owned(),
        ..Options::default()
    };
    let world = World::with(options).await;
    let id = world.fire("Down").await;
    world.pass(60).await;
    assert!(!world.group(&id).has(BEN));
    assert_eq!(world.sandbox.chat(BEN).len(), 0, "{:?}", world.sandbox.chat(BEN));
    assert_eq!(world.seats(&id).await["ben"], "never opted in with this number");
    assert!(world.room(&id).await.is_complete());
}

#[tokio::test]
async fn when_the_plan_forbids_groups_people_are_told_one_by_one() {
    let mut world = World::new().await;
    OddGateway::before(&mut world, |call, _| {
        (call == "create_group").then(|| Odd::Before(refused(Refusal::Plan)))
    });
    let id = world.fire("Down").await;
    world.pass(600).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Parked);
    for digits in [ADA, BEN, CLEO, DAN] {
        assert_eq!(world.sandbox.chat(digits).len(), 1, "{digits}");
    }
}

#[tokio::test]
async fn when_the_welcome_is_refused_people_are_told_one_by_one() {
    let mut world = World::new().await;
    OddGateway::before(&mut world, |call, _| {
        (call == "send_to_group").then(|| Odd::Before(refused(Refusal::Forbidden)))
    });
    let id = world.fire("Down").await;
    world.pass(600).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Parked);
    for digits in [ADA, BEN, CLEO, DAN] {
        assert_eq!(world.sandbox.chat(digits).len(), 1, "{digits}");
    }
}

#[tokio::test]
async fn a_group_that_an_operator_names_is_briefed_like_a_new_one() {
    let mut world = World::on(Engine::Gows).await;
    world.sandbox.set_person(BEN, Person { privacy: Privacy::Refuses403, ..Person::default() });
    // Somebody makes a group; here another bridge with the same number does.
    let other = World::with_sandbox(&world, Options::default()).await;
    other.fire("Other").await;
    other.pass(60).await;
    let adopted = other.sandbox.groups()[0].id.clone();

    OddGateway::before(&mut world, |call, nth| {
        // The welcome and who is here are said, then the group is gone.
        (call == "send_to_group" && (2..5).contains(&nth)).then(|| Odd::Before(gone()))
    });
    let id = world.fire("Down").await;
    world.pass(60).await;
    let links = world.links_of(BEN);
    world.post(&alertmanager("Down", "firing", "warning")).await;
    world.pass(60).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Parked);

    let wish = Wish::Resume { group: Some(adopted.parse().unwrap()) };
    world.store.wish(id.parse().unwrap(), wish, world.clock.now()).await.unwrap();
    world.pass(120).await;
    let room = world.room(&id).await;
    assert_eq!(room.phase.group().unwrap().to_string(), adopted);
    let group = world.sandbox.groups().into_iter().find(|g| g.id == adopted).unwrap();
    let welcomes = group.texts().iter().filter(|t| t.contains("needs you here")).count();
    assert_eq!(welcomes, 2, "its own, and ours: {:#?}", group.texts());
    assert_eq!(world.links_of(BEN), links + 1, "the link that Ben holds leads to the group that is gone");
    assert!(room.is_complete());
}

#[tokio::test]
async fn what_the_welcome_tells_is_not_told_again_as_news() {
    let world = World::new().await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "SCAN_QR_CODE");
    let id = world.fire("Down").await;
    world.pass(60).await;
    for _ in 0..3 {
        world.resolve("Down").await;
        world.pass(60).await;
        world.fire("Down").await;
        world.pass(60).await;
    }
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    world.pass(120).await;
    let told = |part: &str| world.group(&id).texts().iter().filter(|t| t.contains(part)).count();
    assert_eq!((told("needs you here"), told("update")), (1, 0), "{:#?}", world.group(&id).texts());
    world.resolve("Down").await;
    world.pass(60).await;
    assert_eq!(told("update"), 1, "what comes after it is told");
}

#[tokio::test]
async fn somebody_last_seen_as_cannot_tell_and_then_missing_still_gets_a_link() {
    let mut world = World::on(Engine::Gows).await;
    world.sandbox.set_person(BEN, Person { privacy: Privacy::SilentlyAbsent, ..Person::default() });
    // The planned reads fail; the later ones work.
    OddGateway::before(&mut world, |call, nth| {
        let failed = GatewayError::NotSent { detail: "odd".to_owned() };
        (call == "members" && nth < 15).then_some(Odd::Before(failed))
    });
    let id = world.fire("Down").await;
    world.pass(2 * 3600).await;
    assert_eq!(world.seats(&id).await["ben"], "invited by link");
    assert_eq!(world.links_of(BEN), 1);
}

#[tokio::test]
async fn somebody_missing_is_not_taken_to_be_the_row_of_our_own_number() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        // Rows show hidden ids only, and who we are cannot be asked.
        world.sandbox.add_fault(Fault::on(Operation::SessionInfo, FaultKind::InternalError).always());
        for digits in [ADA, CLEO, DAN, "15550100000"] {
            world.sandbox.set_person(digits, Person { lid: LidKnowledge::LidOnly, ..Person::default() });
        }
        let away =
            Person { lid: LidKnowledge::LidOnly, privacy: Privacy::SilentlyAbsent, ..Person::default() };
        world.sandbox.set_person(BEN, away);
        let id = world.fire("Down").await;
        world.pass(120).await;
        assert_ne!(world.seats(&id).await["ben"], "in", "{engine}");
    }
}

#[tokio::test]
async fn a_room_does_not_hang_in_closing_for_ever() {
    let options = Options { rooms: "  close_after: 5m".to_owned(), ..Options::default() };
    let world = World::with(options).await;
    let id = world.fire("Down").await;
    world.pass(60).await;
    world.resolve("Down").await;
    world.pass(60).await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "STOPPED");
    world.pass(600).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Closing);
    world.clock.advance(SignedDuration::from_hours(24));
    world.pass(60).await;
    let room = world.room(&id).await;
    assert_eq!(room.phase.name(), PhaseName::Parked, "{:?}", room.phase);
}

#[tokio::test]
async fn ten_lost_creates_at_once_are_ten_rooms_and_nobody_is_told_otherwise() {
    for engine in Engine::ALL {
        let roster = ONE_PERSON.to_owned();
        let options = Options { engine, rooms_per_hour: 60, roster, ..Options::default() };
        let world = World::with(options).await;
        world.sandbox.add_fault(Fault::on(Operation::CreateGroup, FaultKind::Reset).times(10));
        let mut ids = Vec::new();
        for n in 0..10 {
            ids.push(world.fire(&format!("Down{n}")).await);
        }
        world.pass(600).await;
        for id in ids {
            let room = world.room(&id).await;
            assert!(room.is_complete(), "{engine} {id}: {:?}", room.phase);
        }
    }
}
