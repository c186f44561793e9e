//! The same delivery twice: by the sender's retry, by a proxy, by somebody who has captured it.

use futures_util::future::join_all;
use warroom::clock::{Clock, SignedDuration};

use super::{SENDERS, world};

#[tokio::test]
async fn the_same_delivery_again_is_repeated_and_says_nothing_new() {
    let world = world().await;
    for sender in &SENDERS {
        let delivery = sender.fire(world.clock.now(), sender.name);
        let first = world.take(&delivery).await;
        world.pass(60).await;
        let (groups, said) = (world.sandbox.groups().len(), world.everything_said());
        for _ in 0..2 {
            let again = world.take(&delivery).await;
            assert_eq!(again.outcome(), "repeated", "{}", sender.name);
            assert_eq!(again.incident(), first.incident(), "{}", sender.name);
            if sender.signs {
                let (receipt, before) = (again.json(), first.json());
                assert_eq!(receipt["outcome"], "repeated", "{}: {receipt}", sender.name);
                assert_eq!(receipt["receipt"], before["receipt"], "{}: no second receipt", sender.name);
            }
            world.pass(60).await;
        }
        assert_eq!(
            (world.sandbox.groups().len(), world.everything_said()),
            (groups, said),
            "{}",
            sender.name
        );
    }
    assert_eq!(world.sandbox.groups().len(), SENDERS.len());
    assert_eq!(world.sandbox.creations().len(), SENDERS.len());
}

#[tokio::test]
async fn a_captured_delivery_opens_no_second_room_after_the_end() {
    let world = world().await;
    for sender in SENDERS.iter().filter(|s| s.signs) {
        let captured = sender.fire(world.clock.now(), sender.name);
        let id = world.take(&captured).await.incident();
        world.pass(20).await;
        let end = sender.resolve(world.clock.now(), sender.name);
        assert_eq!(world.take(&end).await.outcome(), "resolved", "{}", sender.name);
        world.pass(90).await;
        assert!(world.dossier(&id).await.incident.is_closed(), "{}", sender.name);

        let (groups, incidents, said) =
            (world.sandbox.groups().len(), world.incidents().await, world.everything_said());
        // Still fresh by its time, where it has one.
        assert_eq!(world.take(&captured).await.outcome(), "repeated", "{}", sender.name);
        assert_eq!(world.take(&end).await.outcome(), "repeated", "{}", sender.name);
        world.pass(60).await;
        // And long afterwards.
        world.clock.advance(SignedDuration::from_hours(72));
        let late = world.take(&captured).await;
        if sender.times {
            late.assert_problem(401, "unauthorized");
        } else {
            assert_eq!(late.outcome(), "repeated", "{}", sender.name);
        }
        world.pass(60).await;
        assert_eq!(world.sandbox.groups().len(), groups, "{}: no further group", sender.name);
        assert_eq!(world.incidents().await, incidents, "{}: no further incident", sender.name);
        assert_eq!(world.everything_said(), said, "{}: nothing said", sender.name);
    }
}

#[tokio::test]
async fn a_captured_end_does_not_end_what_fires_again() {
    let world = world().await;
    for sender in SENDERS.iter().filter(|s| s.signs) {
        let id = world.take(&sender.fire(world.clock.now(), sender.name)).await.incident();
        world.pass(20).await;
        let end = sender.resolve(world.clock.now(), sender.name);
        assert_eq!(world.take(&end).await.outcome(), "resolved", "{}", sender.name);
        world.pass(20).await;
        let again = world.take(&sender.fire(world.clock.now(), sender.name)).await;
        assert_eq!(
            (again.outcome(), again.incident()),
            ("updated".to_owned(), id.clone()),
            "{}",
            sender.name
        );
        world.pass(20).await;

        assert_eq!(world.take(&end).await.outcome(), "repeated", "{}", sender.name);
        world.pass(120).await;
        let incident = world.dossier(&id).await.incident;
        assert_eq!(incident.firing_count(), 1, "{}: it still fires", sender.name);
        assert!(incident.closes_at().is_none() && !incident.is_closed(), "{}", sender.name);
    }
}

#[tokio::test]
async fn copies_that_come_at_the_same_time_make_one_room() {
    let world = world().await;
    for sender in &SENDERS {
        let delivery = sender.fire(world.clock.now(), sender.name);
        let answers = join_all((0..12).map(|_| world.take(&delivery))).await;
        let opened = answers.iter().filter(|a| a.outcome() == "opened").count();
        let repeated = answers.iter().filter(|a| a.outcome() == "repeated").count();
        assert_eq!((opened, repeated), (1, 11), "{}", sender.name);
        assert!(answers.iter().all(|a| a.incident() == answers[0].incident()), "{}", sender.name);
        world.pass(20).await;
        world.group(&answers[0].incident());
    }
    assert_eq!(world.sandbox.creations().len(), SENDERS.len());
}
