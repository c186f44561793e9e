//! How often the disk is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use warroom::receiver;

use crate::harness::{Options, World, listen};
use crate::odd_gateway::OddGateway;

#[tokio::test]
async fn the_welcome_is_sent_after_three_commits_and_everybody_is_accounted_for_after_twelve() {
    let mut world = World::new().await;
    let (store, at_welcome) = (world.opened.clone(), Arc::new(AtomicU64::new(0)));
    let noted = Arc::clone(&at_welcome);
    OddGateway::before(&mut world, move |call, nth| {
        if call == "send_to_group" && nth == 0 {
            noted.store(store.commits(), Ordering::SeqCst);
        }
        None
    });
    // Hooks go to the bridge whose worker calls through it.
    world.public = listen(receiver::router(Arc::clone(&world.bridge.receiver))).await.0;
    world.work().await;
    let before = world.opened.commits();
    let id = world.fire("Payments").await;
    world.work().await;
    let until_welcome = at_welcome.load(Ordering::SeqCst) - before;
    for _ in 0..60 {
        if world.room(&id).await.is_complete() {
            break;
        }
        world.pass(1).await;
    }
    let until_complete = world.opened.commits() - before;
    assert!(world.room(&id).await.is_complete());
    println!(
        "commits until the welcome is sent: {until_welcome}; until everybody is accounted for: {until_complete}"
    );
    assert!(until_welcome <= 3, "{until_welcome}");
    assert!(until_complete <= 12, "{until_complete}");
}

#[tokio::test]
async fn an_incident_that_waits_for_the_budget_waits_for_the_disk_once() {
    let rooms = "  share_when_over_budget: false".to_owned();
    let world = World::with(Options { rooms, rooms_per_hour: 1, ..Options::default() }).await;
    // The first gets the group, and of the second its people are told one by one; then nobody writes to them for a while.
    for name in ["Payments", "Orders"] {
        world.fire(name).await;
        world.pass(10).await;
    }
    let before = world.opened.commits();
    let id = world.fire("Stock").await;
    world.work().await;
    assert_eq!(world.opened.commits() - before, 1, "that it came");
    let room = world.room(&id).await;
    assert!(room.phase.group().is_none(), "{room:?}");
}
