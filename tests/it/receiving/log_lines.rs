//! Nothing that is said in the log is nobody's business: one long story, good and bad, at every level.

use std::io::Write;
use std::sync::{Arc, Mutex};

use warroom::clock::Clock;
use warroom::sandbox::{Fault, FaultKind, Operation, Person, Privacy, Setup};

use super::{SENDERS, options};
use crate::events;
use crate::harness::{ADA, BEN, CLEO, DAN, Options, TOKEN, World, firing};

/// What the current thread logs.
#[derive(Clone, Default)]
pub(super) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Listens until both that it returns with it are dropped.
    pub(super) fn listen() -> (Self, impl Sized) {
        let captured = Self::default();
        let writer = captured.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        // Tracing decides once whether anybody listens to a line. With one listener alone it asks the thread that
        // comes first, which may be another test's; with two it asks both.
        let second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
        let listening = tracing::subscriber::set_default(subscriber);
        tracing::callsite::rebuild_interest_cache();
        (captured, (listening, second))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Every way a room can go, with everything that must stay unsaid. Returns that.
async fn story() -> Vec<String> {
    let world = World::with(Options { call_timeout: "1s", events: events::BOTH, ..options() }).await;
    events::tell_to(&world);
    let now = world.clock.now();
    let mut unsaid: Vec<String> =
        [TOKEN, Setup::ACCESS_TOKEN, Setup::INSTANCE_ID, ADA, BEN, CLEO, DAN].map(str::to_owned).into();
    unsaid.extend([events::SECRET, events::KEY].map(str::to_owned));
    // What samples and alerts say; the words occur nowhere in this program's own lines.
    unsaid.extend(
        ["Checkout answers", "40 %", "graphs.example", "runbooks.example", "is broken"].map(str::to_owned),
    );
    world.sandbox.set_person(BEN, Person::with_privacy(Privacy::SilentlyAbsent));
    world.sandbox.set_person(CLEO, Person::with_privacy(Privacy::Refuses403));
    for sender in &SENDERS {
        let (right, wrong) = (sender.fire(now, sender.name), sender.secret("guessed"));
        let forged = sender.send(right.body.clone(), &wrong, now);
        let odd = sender.send("these words are no JSON", &sender.new_secret(), now);
        for delivery in [&right, &right, &forged, &odd] {
            world.take(delivery).await;
            unsaid.extend(delivery.headers.iter().map(|(_, v)| v.clone()).filter(|v| v.len() > 10));
        }
        unsaid.extend([sender.new_secret(), sender.old_secret(), wrong, "these words".to_owned()]);
    }
    world.sandbox.add_fault(Fault::on(Operation::CreateGroup, FaultKind::InternalError).after_effect());
    world.sandbox.add_fault(Fault::on(Operation::SendText, FaultKind::Reset).times(2));
    world
        .sandbox
        .add_fault(Fault::on(Operation::CreateGroup, FaultKind::TooManyRequests { retry_after: None }));
    world.sandbox.add_fault(Fault::on(Operation::CreateGroup, FaultKind::EngineErrorLine));
    world.pass(300).await;
    for group in world.sandbox.groups() {
        world.sandbox.join_by_link(BEN, &group.invite_link).unwrap();
        world.sandbox.say(ADA, &group.id, "Checkout answers again");
        world.sandbox.leave(DAN, &group.id);
    }
    events::deliver(&world).await;
    let guessed = format!("http://{}/hooks/gateway/main?secret=guessed-by-a-stranger", world.public);
    assert_eq!(world.http.post(guessed).body("{}").send().await.unwrap().status(), 401);
    unsaid.push("guessed-by-a-stranger".to_owned());
    world.sandbox.set_session(Setup::INSTANCE_ID, "FAILED");
    events::deliver(&world).await;
    world.fire("Down").await;
    world.pass(120).await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    world.pass(1200).await;
    for sender in &SENDERS {
        world.take(&sender.resolve(world.clock.now(), sender.name)).await;
    }
    world.resolve("Down").await;
    world.pass(600).await;
    // A store that is gone: the file under it is taken away by a table that is.
    world.kept.execute("DROP TABLE receipts");
    let (status, _) = world.post(&firing("Lost")).await;
    assert_eq!(status, 503);
    let links = world.sandbox.groups().into_iter().map(|g| g.invite_link);
    unsaid.extend(links.filter_map(|link| link.rsplit('/').next().map(str::to_owned)));
    assert!(world.sandbox.groups().len() > 5, "the story has happened: {}", world.sandbox.groups().len());
    assert!(world.links_of(BEN) > 0, "somebody holds a link");
    unsaid
}

#[tokio::test]
async fn the_log_of_a_whole_story_names_no_secret_no_words_and_no_number() {
    let (captured, listening) = Captured::listen();
    let unsaid = story().await;
    drop(listening);

    let log = captured.text();
    assert!(log.contains("a hook was accepted") && log.contains("turned away"), "{log}");
    assert!(log.contains("the room is briefed") && log.contains("a call failed"), "{log}");
    assert!(log.contains("a hook could not be stored"), "{log}");
    assert!(
        log.contains("the gateway told something") && log.contains("was turned away unverified"),
        "{log}"
    );
    assert!(log.contains("the number does not work"), "{log}");
    for secret in &unsaid {
        let line = log.lines().find(|line| line.contains(secret.as_str()));
        assert!(line.is_none(), "`{secret}` is in the log: {}", line.unwrap_or_default());
    }
}
