//! Rooms before a gateway that does not get better, and other hard luck.

use std::time::Duration;

use warroom::gateway::{GatewayError, Refusal};
use warroom::room::PhaseName;
use warroom::sandbox::{Fault, FaultKind, Operation};

use crate::harness::World;
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
    assert_eq!(room.phase.name(), PhaseName::Parked, "{:?} {:?}", room.saying, room.troubles);
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
    // The broken one is taken up again when its lease is over.
    world.pass(300).await;
    assert_eq!(world.sandbox.groups().len(), 2);
}
