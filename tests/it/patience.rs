//! What does not get better is brought to an end: no room waits for ever without people hearing of it.

use warroom::clock::{Clock, SignedDuration, TestClock};
use warroom::gateway::GatewayError;
use warroom::room::{Phase, PhaseName};
use warroom::sandbox::{Effect, Engine, Fault, FaultKind, Operation, Person, Privacy, Setup};

use crate::harness::{ADA, BEN, CLEO, DAN, World};
use crate::odd_gateway::{Odd, OddGateway};

fn not_sent() -> GatewayError {
    GatewayError::NotSent { detail: "connection refused".to_owned() }
}

#[tokio::test]
async fn who_cannot_be_added_and_gets_no_link_is_told_1_to_1() {
    let world = World::on(Engine::Gows).await;
    world.sandbox.set_person(BEN, Person { privacy: Privacy::Refuses403, ..Person::default() });
    world.sandbox.add_fault(Fault::on(Operation::GetInviteCode, FaultKind::InternalError).always());
    let id = world.fire("Down").await;
    world.pass(3600).await;
    assert_eq!(world.seats(&id).await["ben"], "the invitation could not be delivered");
    let told = world.sandbox.chat(BEN);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].text.contains("ask somebody in it to add you"), "{}", told[0].text);
    assert!(!told[0].text.contains("no group chat"), "{}", told[0].text);
    for others in [ADA, CLEO, DAN] {
        assert!(world.sandbox.chat(others).is_empty(), "they are in");
    }
    assert!(world.room(&id).await.is_complete());
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn a_link_that_can_be_had_later_is_still_sent() {
    let world = World::on(Engine::Gows).await;
    world.sandbox.set_person(BEN, Person { privacy: Privacy::Refuses403, ..Person::default() });
    world.sandbox.add_fault(Fault::on(Operation::GetInviteCode, FaultKind::InternalError).times(3));
    let id = world.fire("Down").await;
    world.pass(600).await;
    assert_eq!(world.seats(&id).await["ben"], "invited by link");
    assert_eq!((world.links_of(BEN), world.sandbox.chat(BEN).len()), (1, 1));
}

#[tokio::test]
async fn a_room_that_never_gets_its_welcome_tells_everybody_1_to_1_and_waits_for_a_person() {
    let mut world = World::new().await;
    OddGateway::before(&mut world, |call, _| (call == "send_to_group").then(|| Odd::Before(not_sent())));
    let id = world.fire("Down").await;
    world.pass(20).await;
    assert_eq!(world.sandbox.chat(ADA).len(), 1, "told in time");
    world.pass(14 * 60).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Live, "still trying");
    world.pass(5 * 60).await;
    for digits in [ADA, BEN, CLEO, DAN] {
        let told = world.sandbox.chat(digits);
        assert_eq!(told.len(), 1, "{digits}: {told:?}");
        assert!(told[0].text.contains("nothing could be written in it"), "{}", told[0].text);
    }
    let room = world.room(&id).await;
    let Phase::Parked { why, .. } = &room.phase else { panic!("{:?}", room.phase) };
    assert!(why.contains("connection refused"), "{why}");
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn where_nobody_can_be_told_either_a_person_decides_all_the_same() {
    let mut world = World::new().await;
    OddGateway::before(&mut world, |call, _| call.starts_with("send_to").then(|| Odd::Before(not_sent())));
    let id = world.fire("Down").await;
    world.pass(29 * 60).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Live);
    world.pass(3 * 60).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Parked);
}

#[tokio::test]
async fn the_time_in_which_the_number_was_down_does_not_count() {
    let world = World::new().await;
    // The group is made and the answer lost; the session is down when it is looked for.
    let lost = Fault::on(Operation::CreateGroup, FaultKind::InternalError).with_effect(Effect::Done);
    world.sandbox.add_fault(lost);
    let id = world.fire("Down").await;
    world.work().await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "SCAN_QR_CODE");
    world.pass(3600).await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    world.pass(120).await;
    assert!(world.room(&id).await.is_complete(), "{:?}", world.room(&id).await.phase);
    assert_eq!(world.sandbox.chat(ADA).len(), 1, "she had no word for an hour");
}

/// Works for a while as a process does that looks every five seconds, whatever moments are in the rows.
async fn look_often(world: &World, theirs: &TestClock, seconds: i64) {
    for _ in 0..seconds / 5 {
        world.clock.advance(SignedDuration::from_secs(5));
        theirs.advance(SignedDuration::from_secs(5));
        world.work().await;
    }
}

#[tokio::test]
async fn a_clock_put_back_by_hours_keeps_no_room_asleep() {
    let back = SignedDuration::from_hours(3);
    for (what, operation) in [
        ("a create that waits for its next try", Operation::CreateGroup),
        ("a message that waits for its next try", Operation::SendText),
        ("a member list", Operation::ListParticipantsV2),
    ] {
        let (world, theirs) = World::with_a_clock_of_its_own().await;
        world.sandbox.add_fault(Fault::on(operation, FaultKind::TooManyRequests { retry_after: Some(30) }));
        let id = world.fire("Down").await;
        world.work().await;
        world.clock.put_back(back);
        look_often(&world, &theirs, 180).await;
        let room = world.room(&id).await;
        assert!(room.is_complete(), "{what}: {:?} {:?}", room.phase, room.tasks);
        assert_eq!(world.groups(&id).len(), 1, "{what}");
        assert_eq!(world.welcomes(&id), 1, "{what}");
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn a_clock_put_back_while_nobody_knows_makes_no_second_group() {
    let (world, theirs) = World::with_a_clock_of_its_own().await;
    world.sandbox.set_list_lag(SignedDuration::from_secs(40));
    let lost = Fault::on(Operation::CreateGroup, FaultKind::InternalError).with_effect(Effect::Done);
    world.sandbox.add_fault(lost);
    let id = world.fire("Down").await;
    // Absent once: "there is none" is almost believed.
    look_often(&world, &theirs, 30).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Unsure);
    world.clock.put_back(SignedDuration::from_hours(3));
    look_often(&world, &theirs, 300).await;
    assert_eq!(world.groups(&id).len(), 1);
    assert!(world.room(&id).await.is_briefed(), "{:?}", world.room(&id).await.phase);
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn a_lease_from_before_the_clock_was_put_back_holds_nobody_up() {
    let (world, theirs) = World::with_a_clock_of_its_own().await;
    let id = world.fire("Down").await;
    let now = world.clock.now();
    // Whoever leased it is never heard of again.
    let leases = world
        .store
        .lease_rooms(now, warroom::store::Slots::any(10), SignedDuration::from_secs(120))
        .await
        .unwrap();
    assert_eq!(leases.len(), 1);
    world.clock.put_back(SignedDuration::from_hours(3));
    look_often(&world, &theirs, 60).await;
    assert!(world.room(&id).await.is_briefed());
}

#[tokio::test]
async fn a_clock_put_back_in_the_quiet_time_does_not_make_it_longer() {
    let (world, theirs) = World::with_a_clock_of_its_own().await;
    let id = world.fire("Down").await;
    world.pass(60).await;
    world.resolve("Down").await;
    world.pass(60).await;
    world.clock.put_back(SignedDuration::from_hours(3));
    look_often(&world, &theirs, 31 * 60).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Closed);
}
