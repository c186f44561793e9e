//! A number that is banned in the middle of its rooms, and all of them at once: the rooms go on under another
//! number, or wait and go on by themselves, and nobody is left without a word.

use std::collections::BTreeSet;

use warroom::room::{PhaseName, Stage};
use warroom::sandbox::{BANNED, Fault, FaultKind, GroupView, Operation};

use crate::harness::{ADA, BEN, CLEO, DAN, Options, SECOND_DIGITS, World, alertmanager};
use crate::verdict::{Said, said};

pub(crate) mod fallback_webhook;
mod source_troubles;
mod switching;

fn two_numbers() -> Options {
    Options {
        second_number: true,
        // Rooms are made with the number that has most left: the first one.
        second_rooms_per_hour: Some(2),
        rooms: "  close_after: 5m\n  update_interval: 10s".to_owned(),
        ..Options::default()
    }
}

/// Lets time pass as `serve` does it, which asks the numbers how they are twice a minute.
async fn pass(world: &World, seconds: i64) {
    let mut left = seconds;
    while left > 0 {
        world.bridge.worker.ask_sessions().await;
        let some = left.min(30);
        world.pass(some).await;
        left -= some;
    }
}

fn ban(world: &World, instance: &str) {
    world.sandbox.set_session(instance, BANNED);
}

fn metric(world: &World, line: &str) -> bool {
    world.bridge.worker.metrics.render().lines().any(|l| l == line)
}

/// Each kind of message that was said in a group, in order; none of them twice.
fn kinds(group: &GroupView) -> Vec<Said> {
    let kinds: Vec<Said> = group.texts().iter().map(|text| said(text).expect(text)).collect();
    let different: BTreeSet<Said> = kinds.iter().copied().collect();
    assert_eq!(kinds.len(), different.len(), "said twice: {kinds:?}");
    kinds
}

fn is_admin(group: &GroupView, digits: &str) -> bool {
    group.members.iter().any(|m| m.digits == digits && m.admin)
}

#[tokio::test]
async fn a_number_banned_in_the_middle_of_three_rooms_loses_none_of_them() {
    let world = World::with(two_numbers()).await;
    world.bridge.worker.ask_sessions().await;
    let mut ids = Vec::new();
    for name in ["Checkout", "Login", "Search"] {
        ids.push(world.fire(name).await);
    }
    pass(&world, 120).await;
    for id in &ids {
        let (room, group) = (world.room(id).await, world.group(id));
        assert_eq!(room.instance.as_deref(), Some("main"));
        assert!(room.is_complete() && is_admin(&group, SECOND_DIGITS), "{room:#?}");
        assert!(matches!(room.standby[0].stage, Stage::Ready { .. }), "{:?}", room.standby);
    }

    // The ban falls on the very message that tells a change.
    world.sandbox.add_fault(Fault::on(Operation::SendText, FaultKind::Ban));
    world.post(&alertmanager("Checkout", "firing", "warning")).await;
    pass(&world, 30).await;
    assert_eq!(world.updates(&ids[0]), 0, "it waits for its number at first");
    let fourth = world.fire("Payments").await;
    pass(&world, 60).await;
    assert_eq!(world.updates(&ids[0]), 1, "{:#?}", world.room(&ids[0]).await);
    for id in &ids {
        assert_eq!(world.room(id).await.instance.as_deref(), Some("second"), "{id}");
    }
    let room = world.room(&fourth).await;
    assert!(
        room.instance.as_deref() == Some("second") && room.is_complete(),
        "a new one opens there: {room:#?}"
    );

    for name in ["Checkout", "Login", "Search", "Payments"] {
        world.resolve(name).await;
    }
    pass(&world, 600).await;
    for id in ids.iter().chain([&fourth]) {
        let (room, group) = (world.room(id).await, world.group(id));
        assert_eq!(room.phase.name(), PhaseName::Closed, "{room:#?}");
        assert!(group.announce && group.locked && group.subject.contains("closed: "), "{id}");
        let kinds = kinds(&group);
        assert_eq!(
            (kinds.first(), kinds.last()),
            (Some(&Said::Welcome), Some(&Said::LastWords)),
            "{kinds:?}"
        );
        world.assert_sound(id).await;
    }
    assert_eq!(world.sandbox.groups().len(), 4, "no second group");
    for digits in [ADA, BEN, CLEO, DAN] {
        assert_eq!(world.sandbox.chat(digits).len(), 0, "nobody was told 1:1");
    }
    assert!(metric(&world, r#"warroom_instance_alarms_total{instance="main"} 1"#), "one alarm");
    assert!(metric(&world, r#"warroom_instance_alarms_total{instance="second"} 0"#));
    assert!(metric(&world, "warroom_room_switches_total 3"));
}
