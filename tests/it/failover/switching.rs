//! The change-over itself: crashes at its gates, two workers, numbers that cannot come in, numbers that have
//! another name.

use std::cell::Cell;
use std::sync::Arc;

use warroom::app::{Bridge, link_numbers};
use warroom::clock::{Clock, SignedDuration, later};
use warroom::gateway::{GatewayError, Refusal};
use warroom::room::PhaseName;
use warroom::roster_in_force::RosterInForce;
use warroom::sandbox::{
    Api, BANNED, Engine, Fault, FaultKind, LidKnowledge, Operation, Person, Privacy, Setup,
};

use super::{ban, is_admin, kinds, pass, two_numbers};
use crate::gates::{Gate, Gates};
use crate::harness::{
    ADA, BEN, CLEO, DAN, Options, SECOND_DIGITS, SECOND_ID, World, alertmanager, api as api_under_test,
    beginning,
};
use crate::odd_gateway::{Odd, OddGateway};
use crate::place::{Place, Process};
use crate::sweep::{stride, sweep};
use crate::verdict::{Excuse, verdict};

/// How the first number is banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ban {
    /// While nothing happens in the room.
    Quietly,
    /// After a message went out whose answer was lost: only the other number can tell that it is there.
    InTheMiddle,
}

/// When the ban comes, in seconds from the beginning; the end of the incident is told at 600.
const QUIETLY: i64 = 120;
const IN_THE_MIDDLE: i64 = 590;
const END: i64 = 3000;

struct Story {
    place: Place,
    ban: Ban,
    is_banned: Cell<bool>,
    /// Gates passed when the ban came.
    gates_before: Cell<usize>,
}

impl Story {
    async fn new(ban: Ban) -> Self {
        let place = Place::with_two_numbers().await;
        Self { place, ban, is_banned: Cell::new(false), gates_before: Cell::new(0) }
    }

    fn strike(&self, seconds: i64, gates: &Gates) {
        let due = match self.ban {
            Ban::Quietly => QUIETLY,
            Ban::InTheMiddle => IN_THE_MIDDLE,
        };
        if seconds < due || self.is_banned.replace(true) {
            return;
        }
        self.gates_before.set(gates.count());
        match self.ban {
            Ban::Quietly => self.place.sandbox.set_session(Setup::INSTANCE_ID, BANNED),
            Ban::InTheMiddle => {
                let lost = Fault::on(Operation::SendText, FaultKind::Reset).after_effect();
                self.place.sandbox.add_fault(lost);
                self.place.sandbox.add_fault(Fault::on(Operation::ListMessages, FaultKind::Ban));
            }
        }
    }

    /// Goes on with the story where it stands, with the numbers asked twice a minute.
    async fn tell(&self, processes: &[&Process], gates: &Gates) {
        for at in (0..=END).step_by(30) {
            let moment = later(beginning(), SignedDuration::from_secs(at));
            if moment < self.place.clock.now() {
                continue;
            }
            for process in processes {
                self.place.pass_until(moment, process).await;
            }
            self.strike(at, gates);
            for process in processes {
                process.bridge.worker.ask_sessions().await;
            }
            self.place.post_what_is_due(processes[0]).await;
        }
    }

    async fn tell_all(&self, gates: &Arc<Gates>) -> usize {
        let mut lives = 1;
        loop {
            let gate: Arc<dyn Gate> = gates.clone();
            let process = self.place.start(&gate);
            let alone = [&process];
            tokio::select! {
                () = self.tell(&alone, gates) => return lives,
                () = gates.fallen() => {}
            }
            drop(process);
            lives += 1;
            self.place.clock.advance(self.place.lease());
        }
    }

    async fn verdict(&self, label: &str) -> Vec<String> {
        let (ending, mut violations) = verdict(&self.place, label, Excuse::default()).await;
        if ending.groups != 1 || ending.phase != PhaseName::Closed {
            violations.push(format!("{label}: {ending:?}"));
        }
        let group = self.place.sandbox.groups().remove(0);
        if !is_admin(&group, SECOND_DIGITS) {
            violations.push(format!("{label}: the second number is no admin"));
        }
        violations
    }
}

#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn a_crash_at_every_gate_from_the_ban_on_neither_repeats_nor_loses_anything() {
    for (how, usual) in [(Ban::Quietly, 5), (Ban::InTheMiddle, 5)] {
        let clean = sweep(&[()], async |()| {
            let (story, gates) = (Story::new(how).await, Gates::new(&[], &[]));
            story.tell_all(&gates).await;
            let violations = story.verdict("no crash").await;
            ((story.gates_before.get(), gates.count()), violations)
        });
        let (before, all) = clean.results[0];
        clean.conclude(&format!("{how:?}, no crash"));
        assert!(all > before + 20, "{before} of {all} gates lie before the ban");
        let gates: Vec<usize> = (before..all).step_by(stride("WARROOM_PAIRS", usual)).collect();
        let swept = sweep(&gates, async |gate| {
            let (story, gates) = (Story::new(how).await, Gates::new(&[*gate], &[]));
            story.tell_all(&gates).await;
            ((), story.verdict(&format!("{how:?}, crash at {gate}")).await)
        });
        swept.conclude(&format!("banned {how:?}, crash at the gates {before} to {all}"));
    }
}

#[tokio::test]
async fn two_workers_switch_one_room_once() {
    for how in [Ban::Quietly, Ban::InTheMiddle] {
        let (story, gates) = (Story::new(how).await, Gates::new(&[], &[]));
        let gate: Arc<dyn Gate> = gates.clone();
        let (one, other) = (story.place.start(&gate), story.place.start(&gate));
        story.tell(&[&one, &other], &gates).await;
        let violations = story.verdict("two workers").await;
        assert!(violations.is_empty(), "{violations:#?}");
        let switches = |process: &Process| {
            let text = process.bridge.worker.metrics.render();
            let line =
                text.lines().find(|l| l.starts_with("warroom_room_switches_total")).unwrap().to_owned();
            line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()
        };
        assert_eq!(switches(&one) + switches(&other), 1);
    }
}

#[tokio::test]
async fn a_number_that_cannot_be_added_comes_in_by_the_link() {
    for engine in Engine::ALL {
        let world = World::with(Options { engine, ..two_numbers() }).await;
        world.sandbox.set_person(SECOND_DIGITS, Person::with_privacy(Privacy::Refuses403));
        world.bridge.worker.ask_sessions().await;
        let id = world.fire("Down").await;
        pass(&world, 120).await;
        let room = world.room(&id).await;
        assert!(is_admin(&world.group(&id), SECOND_DIGITS), "{engine}: {:?}", room.standby);
        ban(&world, Setup::INSTANCE_ID);
        pass(&world, 120).await;
        assert_eq!(world.room(&id).await.instance.as_deref(), Some("second"), "{engine}");
    }
}

#[tokio::test]
async fn rooms_go_on_from_one_provider_to_the_other() {
    let other = Api::ALL.into_iter().find(|api| *api != api_under_test());
    for engine in Engine::ALL {
        let world = World::with(Options { engine, second_api: other, ..two_numbers() }).await;
        world.bridge.worker.ask_sessions().await;
        let mut ids = Vec::new();
        for name in ["Down", "Slow", "Full"] {
            ids.push(world.fire(name).await);
        }
        pass(&world, 120).await;
        ban(&world, Setup::INSTANCE_ID);
        pass(&world, 150).await;
        for (id, name) in ids.iter().zip(["Down", "Slow", "Full"]) {
            assert_eq!(world.room(id).await.instance.as_deref(), Some("second"), "{engine} {id}");
            world.resolve(name).await;
        }
        pass(&world, 600).await;
        for id in &ids {
            assert_eq!(world.groups(id).len(), 1, "{engine} {id}");
            assert_eq!(world.room(id).await.phase.name(), PhaseName::Closed, "{engine} {id}");
        }
    }
}

#[tokio::test]
async fn a_second_number_that_cannot_come_in_harms_nobody_and_is_shown() {
    let world = World::with(two_numbers()).await;
    for operation in [Operation::AddParticipants, Operation::JoinGroup] {
        world.sandbox.add_fault(Fault::on(operation, FaultKind::BareFalse).always());
    }
    world.bridge.worker.ask_sessions().await;
    let id = world.fire("Down").await;
    pass(&world, 1200).await;
    let room = world.room(&id).await;
    assert!(room.is_complete(), "{room:#?}");
    assert_eq!(room.standby[0].stage.as_str(), "given_up");
    let calls = world.sandbox.calls();
    let tries = calls.iter().filter(|c| c.operation == Some(Operation::AddParticipants)).count();
    assert!(tries <= 8, "{tries}");
    let timeline = format!("{:?}", world.dossier(&id).await.timeline);
    assert!(timeline.contains("add_number second") && timeline.contains("join_number second"));

    // Banned without a standby: people hear why it is quiet, once, and the room waits for its number.
    ban(&world, Setup::INSTANCE_ID);
    world.post(&alertmanager("Down", "firing", "warning")).await;
    pass(&world, 50).await;
    assert_eq!(world.sandbox.chat(ADA).len(), 0, "not at once");
    pass(&world, 600).await;
    for digits in [ADA, BEN, CLEO, DAN] {
        let chat = world.sandbox.chat(digits);
        assert_eq!(chat.len(), 1, "{digits}: {chat:?}");
        assert!(chat[0].text.contains("have stopped"), "{}", chat[0].text);
    }
    assert_eq!(world.updates(&id), 0);
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    pass(&world, 60).await;
    assert_eq!(world.updates(&id), 1, "it goes on by itself");
    assert_eq!(world.sandbox.chat(ADA).len(), 1);
    assert_eq!(world.groups(&id).len(), 1);
}

#[tokio::test]
async fn a_number_that_comes_back_is_the_next_standby() {
    let world = World::with(two_numbers()).await;
    world.bridge.worker.ask_sessions().await;
    let id = world.fire("Down").await;
    pass(&world, 120).await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "SCAN_QR_CODE");
    pass(&world, 150).await;
    assert_eq!(world.room(&id).await.instance.as_deref(), Some("second"));
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    pass(&world, 90).await;
    let room = world.room(&id).await;
    assert_eq!((room.standby[0].instance.as_str(), room.standby[0].stage.as_str()), ("main", "ready"));
    ban(&world, SECOND_ID);
    pass(&world, 150).await;
    assert_eq!(world.room(&id).await.instance.as_deref(), Some("main"), "and back again");
    world.resolve("Down").await;
    pass(&world, 600).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Closed);
    kinds(&world.group(&id));
}

#[tokio::test]
async fn all_our_numbers_leave_a_group_that_is_long_over() {
    all_leave(None).await;
}

/// Found by a reader: the room's own number went, and the other one was not asked to again.
#[tokio::test]
async fn a_number_that_could_not_leave_at_once_leaves_later() {
    all_leave(Some(Fault::on(Operation::LeaveGroup, FaultKind::InternalError))).await;
}

async fn all_leave(fault: Option<Fault>) {
    let rooms = "  close_after: 5m\n  leave_after: 1h".to_owned();
    let world = World::with(Options { rooms, ..two_numbers() }).await;
    world.bridge.worker.ask_sessions().await;
    let id = world.fire("Down").await;
    pass(&world, 60).await;
    assert!(world.group(&id).has(SECOND_DIGITS));
    if let Some(fault) = fault {
        world.sandbox.add_fault(fault);
    }
    world.resolve("Down").await;
    world.pass(5000).await;
    let group = world.group(&id);
    assert!(!group.has(SECOND_DIGITS) && !group.has(Setup::BOT_DIGITS), "{:?}", group.members);
    assert!(world.store.next_wake().await.unwrap().is_none());
}

#[tokio::test]
async fn our_own_numbers_are_no_guests_and_no_strangers() {
    for engine in Engine::ALL {
        let world = World::with(Options { engine, ..two_numbers() }).await;
        // Rows show hidden ids that nobody maps, and one person is said to be in and is not.
        for digits in [ADA, CLEO, DAN, SECOND_DIGITS] {
            world.sandbox.set_person(digits, Person { lid: LidKnowledge::LidOnly, ..Person::default() });
        }
        let away =
            Person { lid: LidKnowledge::LidOnly, privacy: Privacy::SilentlyAbsent, ..Person::default() };
        world.sandbox.set_person(BEN, away);
        world.bridge.worker.ask_sessions().await;
        let id = world.fire("Down").await;
        pass(&world, 300).await;
        assert!(is_admin(&world.group(&id), SECOND_DIGITS), "{engine}: {:?}", world.room(&id).await.standby);
        assert_ne!(world.seats(&id).await["ben"], "in", "{engine}");
    }
}

/// The same bridge with other numbers in its config.
fn relink(world: &mut World, change: impl FnOnce(&mut Vec<warroom::config::Instance>)) {
    change(&mut world.loaded.config.gateway.instances);
    let clock: Arc<dyn Clock> = world.clock.clone();
    let numbers = link_numbers(&world.loaded.config, &clock).unwrap();
    let roster = RosterInForce::of(&world.loaded, clock.now());
    world.bridge =
        Bridge::assemble(&world.loaded.config, roster, world.store.clone(), numbers, clock).unwrap();
}

#[tokio::test]
async fn a_number_with_another_name_finds_its_rooms_again() {
    let mut world = World::new().await;
    let id = world.fire("Down").await;
    pass(&world, 60).await;
    relink(&mut world, |instances| instances[0].name = "renamed".to_owned());
    world.post(&alertmanager("Down", "firing", "warning")).await;
    pass(&world, 30).await;
    let room = world.room(&id).await;
    assert_eq!((room.instance.as_deref(), world.updates(&id)), (Some("renamed"), 1), "{room:#?}");
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn a_number_that_is_no_member_does_not_act_for_one_that_is_gone_from_the_config() {
    let mut world =
        World::with(Options { rooms: "  second_number: false".to_owned(), ..two_numbers() }).await;
    let id = world.fire("Down").await;
    pass(&world, 60).await;
    relink(&mut world, |instances| drop(instances.remove(0)));
    world.post(&alertmanager("Down", "firing", "warning")).await;
    pass(&world, 120).await;
    let room = world.room(&id).await;
    assert_eq!(room.phase.name(), PhaseName::Parked, "{room:#?}");
    assert!(format!("{:?}", room.phase).contains("`main` is not in the config any more"));
    let calls = world.sandbox.calls();
    let touched = |c: &&warroom::sandbox::CallRecord| {
        c.instance_id.as_deref() == Some(SECOND_ID)
            && c.chat_id.as_deref().is_some_and(|chat| chat.contains("@g.us"))
    };
    let touched: Vec<_> = calls.iter().filter(touched).map(|c| c.operation.unwrap()).collect();
    assert!(touched.iter().all(|op| *op == Operation::ListParticipants), "{touched:?}");
    assert_eq!(world.sandbox.chat(ADA).len(), 1, "people are told 1:1");
}

#[tokio::test]
async fn when_nobody_can_look_whether_a_group_was_made_people_are_told_and_no_second_one_is_made() {
    let world = World::with(two_numbers()).await;
    world.bridge.worker.ask_sessions().await;
    world.sandbox.add_fault(Fault::on(Operation::CreateGroup, FaultKind::Reset).after_effect());
    world.sandbox.add_fault(Fault::on(Operation::ListGroups, FaultKind::Ban));
    let id = world.fire("Down").await;
    pass(&world, 120).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Unsure);
    for digits in [ADA, BEN, CLEO, DAN] {
        assert_eq!(world.sandbox.chat(digits).len(), 1, "{digits}");
    }
    pass(&world, 1000).await;
    let room = world.room(&id).await;
    assert_eq!(room.phase.name(), PhaseName::Parked, "{room:#?}");
    assert_eq!((world.sandbox.chat(ADA).len(), world.sandbox.groups().len()), (1, 1));
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn a_number_that_comes_back_in_time_finds_the_group_that_nobody_could_look_for() {
    let world = World::with(two_numbers()).await;
    world.bridge.worker.ask_sessions().await;
    world.sandbox.add_fault(Fault::on(Operation::CreateGroup, FaultKind::Reset).after_effect());
    world.sandbox.add_fault(Fault::on(Operation::ListGroups, FaultKind::Ban));
    let id = world.fire("Down").await;
    pass(&world, 300).await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    pass(&world, 120).await;
    assert!(world.room(&id).await.is_complete(), "{:#?}", world.room(&id).await);
    assert_eq!(world.sandbox.groups().len(), 1);
}

#[tokio::test]
async fn credentials_that_are_not_accepted_are_waited_for_like_a_session() {
    let mut world = World::new().await;
    OddGateway::before(&mut world, |call, nth| {
        let detail = "401".to_owned();
        let refused = GatewayError::Refused { reason: Refusal::Credentials, detail };
        (call == "create_group" && nth < 3).then_some(Odd::Before(refused))
    });
    let id = world.fire("Down").await;
    world.pass(60).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Wanted);
    world.pass(1200).await;
    let room = world.room(&id).await;
    assert!(room.is_complete() && room.creates == 1, "{room:#?}");
}

#[tokio::test]
async fn a_very_long_wait_is_cut_and_shown() {
    let world = World::new().await;
    let patience = FaultKind::TooManyRequests { retry_after: Some(20_000) };
    world.sandbox.add_fault(Fault::on(Operation::SendText, patience).always());
    let id = world.fire("Down").await;
    world.pass(30).await;
    assert!(!world.room(&id).await.is_briefed());
    let url = format!("http://{}/api/incidents/{id}", world.operator);
    let shown: serde_json::Value = world.http.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["attention"][0]["kind"], "held", "{}", shown["attention"]);
    world.sandbox.clear_faults();
    world.pass(900).await;
    assert!(world.room(&id).await.is_briefed(), "a quarter of an hour at most");
}
