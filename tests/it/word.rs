//! Twenty seconds after the 2xx nobody is left without a word, whatever creating the group does.
//!
//! Virtual time throughout: a call that hangs moves the clock itself.

use warroom::clock::{Clock, SignedDuration, Timestamp};
use warroom::gateway::{GatewayError, Refusal};
use warroom::room::{PhaseName, SeatState};
use warroom::sandbox::{
    CallRecord, Effect, Engine, Fault, FaultKind, LidKnowledge, Operation, Person, Privacy, Reach, Setup,
};

use crate::events::{BOTH, deliver, tell_to};
use crate::failover::fallback_webhook::Receiver;
use crate::harness::{ADA, BEN, CLEO, DAN, Options, World};
use crate::odd_gateway::{Odd, OddGateway};
use crate::sweep::sweep;

/// The promise.
const IN_TIME: SignedDuration = SignedDuration::from_secs(20);
/// What the calls are named that only ask.
const READS: [&str; 6] =
    ["session", "find_groups", "members", "invite_link", "recent_own_messages", "is_reachable"];

/// How the provider fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// It refuses connections.
    Refused,
    /// Packets are lost: connecting takes its time and then fails.
    Blackholed,
    /// Its name does not resolve.
    NoName,
    /// 5xx to everything; nothing is done.
    Errors,
    /// 5xx to everything, but the group is made.
    ErrorsAfterwards,
    /// It takes connections and never answers.
    Hangs,
    /// Only creating hangs.
    CreateHangs,
    /// Creating fails in a way that says nothing.
    CreateUnknown,
    /// Creating never gets through.
    CreateNotSent,
    /// The group is made and nothing can be said in it.
    NoWelcome,
    /// The group is made and nobody can tell who is in it: every list fails.
    ListFails,
    /// Every list hangs.
    ListHangs,
}

impl Trouble {
    const ALL: [Self; 12] = [
        Self::Refused,
        Self::Blackholed,
        Self::NoName,
        Self::Errors,
        Self::ErrorsAfterwards,
        Self::Hangs,
        Self::CreateHangs,
        Self::CreateUnknown,
        Self::CreateNotSent,
        Self::NoWelcome,
        Self::ListFails,
        Self::ListHangs,
    ];

    /// What happens to a call.
    fn strikes(self, call: &'static str) -> Option<Odd> {
        let not_sent = |why: &str| GatewayError::NotSent { detail: why.to_owned() };
        let unknown = |why: &str| GatewayError::Unknown { detail: why.to_owned() };
        let lost = |why: &str| if READS.contains(&call) { not_sent(why) } else { unknown(why) };
        let long = SignedDuration::from_secs(30);
        match self {
            Self::Refused => Some(Odd::Before(not_sent("could not connect (connection refused)"))),
            Self::Blackholed => {
                let connecting = SignedDuration::from_secs(5);
                Some(Odd::Late(connecting, not_sent("connecting took too long")))
            }
            Self::NoName => Some(Odd::Before(not_sent("could not connect"))),
            Self::ErrorsAfterwards if call == "create_group" => Some(Odd::After(lost("504: a page"))),
            Self::Errors | Self::ErrorsAfterwards => Some(Odd::Before(lost("502: a page"))),
            Self::Hangs => Some(Odd::Late(long, lost("no answer within the time limit"))),
            Self::CreateHangs if call == "create_group" => Some(Odd::Late(long, lost("no answer"))),
            Self::CreateUnknown if call == "create_group" => Some(Odd::Before(lost("CreateGroupError"))),
            Self::CreateNotSent if call == "create_group" => Some(Odd::Before(not_sent("no connection"))),
            Self::NoWelcome if call == "send_to_group" => Some(Odd::Before(lost("500: odd"))),
            Self::ListFails if call == "members" => Some(Odd::Before(not_sent("500: odd"))),
            Self::ListHangs if call == "members" => Some(Odd::Late(long, not_sent("no answer"))),
            _ => None,
        }
    }

    /// Whether a number can write to people.
    fn leaves_a_way(self) -> bool {
        !matches!(
            self,
            Self::Refused
                | Self::Blackholed
                | Self::NoName
                | Self::Errors
                | Self::ErrorsAfterwards
                | Self::Hangs
        )
    }
}

/// Whether somebody has had a word by `until`: in the group once it was told what it is for, or 1:1.
fn has_word(world: &World, id: &str, digits: &str, until: Timestamp) -> bool {
    let in_group = world.groups(id).iter().any(|group| {
        let told = group.messages.iter().any(|m| m.at <= until && m.text.contains("This group was made"));
        told && group.members.iter().any(|m| m.digits == digits && m.since <= until)
    });
    in_group || world.sandbox.chat(digits).iter().any(|message| message.at <= until)
}

fn called_by(receiver: &Receiver, id: &str, until: Timestamp) -> bool {
    let at = |body: &serde_json::Value| body["at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    receiver
        .got()
        .iter()
        .any(|(status, _, body)| *status == 200 && body["incident"]["id"] == id && at(body) <= until)
}

async fn tell(trouble: Trouble, engine: Engine, second_number: bool) {
    let label = format!("{trouble:?}, {engine}, two numbers: {second_number}");
    let (receiver, gateway) = Receiver::start(&[]).await;
    let options = Options { gateway, engine, second_number, call_timeout: "30s", ..Options::default() };
    let mut world = World::with(options).await;
    receiver.watch(&world);
    OddGateway::before(&mut world, move |call, _| trouble.strikes(call));
    let id = world.fire("Down").await;
    let until = world.clock.now() + IN_TIME;
    world.pass(20).await;
    world.bridge.worker.ask_sessions().await;
    world.pass(120).await;
    let called = called_by(&receiver, &id, until);
    for digits in [ADA, BEN, CLEO, DAN] {
        let told = has_word(&world, &id, digits, until);
        assert!(told || called, "{label}: {digits} has no word: {:#?}", world.room(&id).await);
        assert!(
            told || !trouble.leaves_a_way(),
            "{label}: {digits} could be told: {:#?}",
            world.room(&id).await
        );
        let times = world.sandbox.chat(digits).len();
        assert!(times <= 2, "{label}: {digits} was written to {times} times");
    }
    // The provider is well again: one group, or each further one recorded.
    let fine = OddGateway::before(&mut world, |_, _| None);
    world.pass(300).await;
    assert!(fine.count("create_group") <= 3, "{label}");
    let (groups, orphans) = (world.groups(&id).len(), world.dossier(&id).await.duplicates.len());
    assert!(groups <= 1 || groups == orphans + 1, "{label}: {groups} groups, {orphans} recorded");
    world.assert_sound(&id).await;
}

#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn whatever_creating_does_everybody_has_a_word_in_time() {
    let mut cases = Vec::new();
    for trouble in Trouble::ALL {
        for engine in Engine::ALL {
            cases.extend([false, true].map(|second_number| (trouble, engine, second_number)));
        }
    }
    let swept = sweep(&cases, async |&(trouble, engine, second_number)| {
        tell(trouble, engine, second_number).await;
        ((), Vec::new())
    });
    swept.conclude("troubles with creating, each engine, one number and two");
}

/// Nobody knows whether the group was made, and the list of groups is empty, nameless or fails.
#[tokio::test]
async fn whatever_the_list_of_groups_says_after_a_lost_create_everybody_has_a_word_in_time() {
    for engine in Engine::ALL {
        for second_number in [false, true] {
            for list in [FaultKind::EmptyList, FaultKind::Nameless, FaultKind::InternalError] {
                let label = format!("{engine}, {list:?}, two numbers: {second_number}");
                let world = World::with(Options { engine, second_number, ..Options::default() }).await;
                let lost = Fault::on(Operation::CreateGroup, FaultKind::InternalError);
                world.sandbox.add_fault(lost.after_effect());
                world.sandbox.add_fault(Fault::on(Operation::ListGroups, list).always().after_effect());
                let id = world.fire("Down").await;
                let until = world.clock.now() + IN_TIME;
                world.pass(60).await;
                for digits in [ADA, BEN, CLEO, DAN] {
                    let told = has_word(&world, &id, digits, until);
                    assert!(told, "{label}: {digits}: {:#?}", world.room(&id).await);
                }
                world.sandbox.clear_faults();
                world.pass(300).await;
                let (groups, orphans) = (world.groups(&id).len(), world.dossier(&id).await.duplicates.len());
                assert_eq!(groups, orphans + 1, "{label}: {groups} groups, {orphans} recorded");
                world.assert_sound(&id).await;
            }
        }
    }
}

/// The member list as the engines spoil it over HTTP.
#[tokio::test]
async fn people_whom_no_list_shows_get_the_link_in_time() {
    let empty = || FaultKind::EmptyBody;
    let broken = || FaultKind::TruncatedJson;
    let failing = || FaultKind::InternalError;
    for engine in Engine::ALL {
        for kind in [empty(), broken(), failing()] {
            let label = format!("{engine}, {kind:?}");
            let world = World::on(engine).await;
            for list in [Operation::ListParticipants, Operation::ListParticipantsV2, Operation::GetGroup] {
                world.sandbox.add_fault(Fault::on(list, kind.clone()).always());
            }
            world.sandbox.set_person(BEN, Person { privacy: Privacy::Refuses403, ..Person::default() });
            let id = world.fire("Down").await;
            let until = world.clock.now() + IN_TIME;
            world.pass(60).await;
            for digits in [ADA, BEN, CLEO, DAN] {
                assert!(
                    has_word(&world, &id, digits, until),
                    "{label}: {digits}: {:#?}",
                    world.room(&id).await
                );
            }
            assert_eq!(world.links_of(BEN), 1, "{label}: {:?}", world.sandbox.chat(BEN));
            let room = world.room(&id).await;
            let invented = room.seats.iter().filter(|s| matches!(s.state, SeatState::In { .. })).count();
            assert_eq!(invented, 0, "{label}: nobody is said to be in whom no list showed");
        }
    }
}

/// A refusal is certain by itself: no list has to be read first.
#[tokio::test]
async fn who_is_refused_at_creation_gets_the_link_at_once() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        for list in [Operation::ListParticipants, Operation::ListParticipantsV2] {
            world.sandbox.add_fault(Fault::on(list, FaultKind::EmptyBody).always());
        }
        world.sandbox.set_person(DAN, Person { privacy: Privacy::Refuses403, ..Person::default() });
        let id = world.fire("Down").await;
        let until = world.clock.now() + SignedDuration::from_secs(5);
        world.pass(5).await;
        // Only the engine that says so at creation can be believed so early.
        let says = world.room(&id).await.seats[3].said.is_some();
        let has_link = world.sandbox.chat(DAN).iter().any(|m| m.at <= until);
        assert_eq!(has_link, says, "{engine}");
        world.pass(30).await;
        assert_eq!(world.links_of(DAN), 1, "{engine}");
    }
}

const STRANGERS: &str = r#"
people:
  ada:  { name: Ada Obi,   phone: "+15550100001", opted_in: true }
  ben:  { name: Ben Cho,   phone: "+15550100002" }
  cleo: { name: Cleo Diaz, phone: "+15550100003" }
  dan:  { name: Dan Eze,   phone: "+15550100004" }
routes: []
fallback:
  invite: { commander: [ ada ], specialist: [ ben, cleo ], client: [ dan ] }
"#;

/// Who can certainly not be written to is not written to again, nobody takes it for delivered, and the room is told.
#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn what_certainly_did_not_arrive_is_not_repeated_and_not_taken_for_delivered() {
    let mut cases = Vec::new();
    for engine in Engine::ALL {
        let reaches = [Reach::Locked463, Reach::NoLid, Reach::FailsAfterwards];
        cases.extend(reaches.map(|reach| (engine, reach)));
    }
    let swept = sweep(&cases, async |&(engine, reach)| {
        let label = format!("{engine}, {reach:?}");
        let options = Options { engine, roster: STRANGERS.to_owned(), events: BOTH, ..Options::default() };
        let world = World::with(options).await;
        tell_to(&world);
        for digits in [BEN, CLEO, DAN] {
            world.sandbox.set_person(digits, Person { reach, ..Person::default() });
        }
        let id = world.fire("Down").await;
        world.pass(8).await;
        deliver(&world).await;
        world.pass(300).await;
        let seats = world.seats(&id).await;
        for person in ["ben", "cleo", "dan"] {
            assert_eq!(seats[person], "the invitation could not be delivered", "{label}: {seats:?}");
        }
        let texts = |call: &&CallRecord| {
            call.operation == Some(Operation::SendText)
                && call.chat_id.as_ref().is_some_and(|chat| !chat.ends_with("@g.us") && !chat.contains(ADA))
        };
        let sends = world.sandbox.calls().iter().filter(texts).count();
        // The lock holds for all strangers: the others are not even tried.
        let most = if reach == Reach::Locked463 { 1 } else { 3 };
        assert_eq!(sends, most, "{label}");
        let told = world.group(&id).texts().join("\n");
        assert!(told.contains("could not be delivered"), "{label}: {told}");
        world.assert_sound(&id).await;
        // What came back from several strangers is the lock too, only told later.
        world.fire("Login").await;
        world.pass(120).await;
        let more = world.sandbox.calls().iter().filter(texts).count() - sends;
        assert!(reach == Reach::NoLid || more == 0, "{label}: {more}");
        ((), Vec::new())
    });
    swept.conclude("strangers who cannot be written to, each engine");
}

/// Numbers as they are dialled, their digits, and the form in which the network has them.
const OTHER_FORMS: [(&str, &str, &str); 3] = [
    ("+55 47 9 9000 0009", "5547990000009", "554790000009"),
    ("+52 1 55 1000 0001", "5215510000001", "525510000001"),
    ("+54 9 11 2000 0002", "5491120000002", "541120000002"),
];

/// Ada, and Caio with this number.
fn with_caio(dialled: &str) -> String {
    format!(
        r#"
people:
  ada:  {{ name: Ada Obi, phone: "+15550100001", opted_in: true }}
  caio: {{ name: Caio Reis, phone: "{dialled}", opted_in: true }}
routes: []
fallback:
  invite: {{ commander: [ ada ], specialist: [ caio ] }}
"#
    )
}

/// Somebody whose number is registered in another form than it is dialled in is one person everywhere.
#[tokio::test]
async fn a_number_that_is_registered_in_another_form_is_the_same_person_everywhere() {
    for (engine, (dialled, digits, registered)) in Engine::ALL.into_iter().zip(OTHER_FORMS) {
        let roster = with_caio(dialled);
        for dialled_is_found in [true, false] {
            let label = format!("{engine}, {digits}, found: {dialled_is_found}");
            let options = Options { engine, roster: roster.clone(), events: BOTH, ..Options::default() };
            let world = World::with(options).await;
            tell_to(&world);
            let person =
                Person { registered_as: Some(registered.to_owned()), dialled_is_found, ..Person::default() };
            world.sandbox.set_person(digits, person);
            let id = world.fire("Down").await;
            world.pass(120).await;
            let (seat, room) = (world.seats(&id).await["caio"].clone(), world.room(&id).await);
            assert!(world.sandbox.chat(digits).is_empty(), "{label}: nothing arrives there");
            if dialled_is_found {
                assert_eq!(seat, "in", "{label}: {room:#?}");
                assert!(world.sandbox.chat(registered).is_empty(), "{label}: who is in gets no link");
            } else {
                assert_eq!(seat, "invited by link", "{label}: {room:#?}");
                assert_eq!(world.links_of(registered), 1, "{label}");
            }
            // The next one knows it from the start.
            let next = world.fire("Login").await;
            world.pass(30).await;
            assert_eq!(world.seats(&next).await["caio"], "in", "{label}");
            let checks = |call: &&CallRecord| call.operation == Some(Operation::CheckExists);
            assert_eq!(world.sandbox.calls().iter().filter(checks).count(), 1, "{label}: asked once");
            // A STOP from there is this person's.
            let ours = format!("{}@c.us", Setup::default().instances[0].digits);
            world.sandbox.say(registered, &ours, "stop");
            deliver(&world).await;
            world.pass(60).await;
            let words = world.seats(&world.fire("Payments").await).await["caio"].clone();
            assert_eq!(words, "asked", "{label}: before anybody looks");
            world.pass(30).await;
            let last = world.sandbox.groups().len();
            assert!(last >= 2, "{label}");
            let stopped = world.seats("INCIDENT-3").await["caio"].clone();
            assert!(stopped.starts_with("said STOP"), "{label}: {stopped}");
            let receipts: Vec<_> = world.sandbox.chat(registered);
            assert!(receipts.iter().any(|m| m.text.contains("will not be called")), "{label}: {receipts:?}");
        }
    }
}

/// A STOP from another form of the number than the roster has is this person's, also before anybody was called.
#[tokio::test]
async fn a_stop_from_another_form_of_the_number_comes_before_the_first_room() {
    for lid in [LidKnowledge::KnownMapping, LidKnowledge::LookupOnly] {
        for (engine, (dialled, digits, registered)) in Engine::ALL.into_iter().zip(OTHER_FORMS) {
            let label = format!("{engine}, {digits}, {lid:?}");
            let roster = with_caio(dialled);
            let options = Options { engine, roster, events: BOTH, ..Options::default() };
            let world = World::with(options).await;
            tell_to(&world);
            let registered_as = Some(registered.to_owned());
            let person = Person { registered_as, dialled_is_found: true, lid, ..Person::default() };
            world.sandbox.set_person(digits, person);
            world.sandbox.set_person(registered, Person { lid, ..Person::default() });
            let ours = format!("{}@c.us", Setup::default().instances[0].digits);
            world.sandbox.say(registered, &ours, "stop");
            deliver(&world).await;
            world.pass(120).await;
            let receipts = world.sandbox.chat(registered);
            assert!(receipts.iter().any(|m| m.text.contains("will not be called")), "{label}: {receipts:?}");
            let id = world.fire("Down").await;
            world.pass(60).await;
            let seat = world.seats(&id).await["caio"].clone();
            assert!(seat.starts_with("said STOP"), "{label}: {seat}");
            assert!(!world.group(&id).has(registered) && world.links_of(registered) == 0, "{label}");
        }
    }
}

/// A STOP from an id that nobody could tell to be this person's counts from the moment at which that is known.
#[tokio::test]
async fn a_stop_from_an_id_of_nobodys_is_the_persons_whose_id_it_turns_out_to_be() {
    let roster = r#"
people:
  ada:  { name: Ada Obi, phone: "+15550100001", opted_in: true }
  caio: { name: Caio Reis, phone: "+55 47 9 9000 0009", opted_in: true }
routes: []
fallback:
  invite: { commander: [ ada ], specialist: [ caio ] }
"#;
    let registered = "554711110007";
    let world = World::with(Options { roster: roster.to_owned(), events: BOTH, ..Options::default() }).await;
    tell_to(&world);
    let registered_as = Some(registered.to_owned());
    let person = Person { registered_as, dialled_is_found: false, ..Person::default() };
    world.sandbox.set_person("5547990000009", person);
    let ours = format!("{}@c.us", Setup::default().instances[0].digits);
    world.sandbox.say(registered, &ours, "stop");
    deliver(&world).await;
    world.pass(30).await;
    let id = world.fire("Down").await;
    world.pass(60).await;
    let seat = world.seats(&id).await["caio"].clone();
    assert!(seat.starts_with("said STOP"), "{seat}");
    assert_eq!(world.links_of(registered), 0);
}

/// Whoever hears of it 1:1 first still comes into the group when there is one.
#[tokio::test]
async fn a_create_that_answers_late_is_found_and_its_people_told_once() {
    let mut world = World::new().await;
    OddGateway::before(&mut world, |call, nth| {
        let late = SignedDuration::from_secs(25);
        let error = GatewayError::Unknown { detail: "no answer".to_owned() };
        (call == "create_group" && nth == 0).then_some(Odd::Late(late, error))
    });
    let id = world.fire("Down").await;
    world.pass(15).await;
    for digits in [ADA, BEN, CLEO, DAN] {
        let chat = world.sandbox.chat(digits);
        assert_eq!(chat.len(), 1, "{chat:?}");
        assert!(chat[0].text.contains("nobody can tell yet whether the group was made"), "{}", chat[0].text);
    }
    world.pass(300).await;
    assert!(world.room(&id).await.is_complete(), "{:#?}", world.room(&id).await);
    assert_eq!(world.groups(&id).len(), 1);
    for digits in [ADA, BEN, CLEO, DAN] {
        // The second create asks fewer people, because the first was lost with all of them: the others get the link.
        let (told, links) = (world.sandbox.chat(digits).len(), world.links_of(digits));
        assert_eq!(told, 1 + links, "not told twice");
        assert!(links <= 1, "{digits}");
    }
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn an_incident_that_is_over_wakes_nobody() {
    let lost = || GatewayError::Unknown { detail: "no answer".to_owned() };
    let not_sent = || GatewayError::NotSent { detail: "no connection".to_owned() };
    let refused = || GatewayError::Refused { reason: Refusal::Forbidden, detail: "odd".to_owned() };
    for case in ["create unknown, nobody can look", "no welcome", "welcome refused", "no link", "no list"] {
        let mut world = World::new().await;
        world.sandbox.set_person(BEN, Person { privacy: Privacy::Refuses403, ..Person::default() });
        OddGateway::before(&mut world, move |call, _| match (case, call) {
            ("create unknown, nobody can look", "create_group") => Some(Odd::Before(lost())),
            ("create unknown, nobody can look", "find_groups")
            | ("no welcome", "send_to_group")
            | ("no link", "invite_link")
            | ("no list", "members") => Some(Odd::Before(not_sent())),
            ("welcome refused", "send_to_group") => Some(Odd::Before(refused())),
            _ => None,
        });
        world.fire("Down").await;
        world.pass(1).await;
        let over_at = world.clock.now();
        world.resolve("Down").await;
        world.pass(25 * 60).await;
        for digits in [ADA, BEN, CLEO, DAN] {
            let chat = world.sandbox.chat(digits);
            let late = chat.iter().filter(|m| m.at > over_at).count();
            assert_eq!(late, 0, "{case}: {digits}: {chat:?}");
        }
    }
}

/// A deadline is a moment that is stored: a process that starts again and again does not begin it anew.
#[tokio::test]
async fn a_process_that_starts_again_and_again_reaches_its_deadlines() {
    let (receiver, gateway) = Receiver::start(&[]).await;
    let mut world = World::with(Options { gateway, ..Options::default() }).await;
    receiver.watch(&world);
    let refused = |_: &'static str, _: usize| {
        Some(Odd::Before(GatewayError::NotSent { detail: "could not connect".to_owned() }))
    };
    OddGateway::before(&mut world, refused);
    let id = world.fire("Down").await;
    let fired_at = world.clock.now();
    for _ in 0..60 {
        world.bridge.worker.ask_sessions().await;
        world.pass(40).await;
        // All that the process knew is gone.
        OddGateway::before(&mut world, refused);
    }
    assert!(called_by(&receiver, &id, fired_at + IN_TIME));
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Parked, "{:#?}", world.room(&id).await);
}

/// So is the beginning of an outage: those in a living room are told of it although no process lives for a minute.
#[tokio::test]
async fn an_outage_goes_on_over_restarts() {
    let (receiver, gateway) = Receiver::start(&[]).await;
    let mut world = World::with(Options { gateway, ..Options::default() }).await;
    receiver.watch(&world);
    let id = world.fire("Down").await;
    world.pass(300).await;
    let refused = |_: &'static str, _: usize| {
        Some(Odd::Before(GatewayError::NotSent { detail: "could not connect".to_owned() }))
    };
    for _ in 0..5 {
        OddGateway::before(&mut world, refused);
        for _ in 0..4 {
            world.bridge.worker.ask_sessions().await;
            world.pass(10).await;
        }
    }
    assert_eq!(receiver.got().len(), 1, "once, although several processes saw it: {:#?}", receiver.got());
    assert_eq!(receiver.got()[0].2["incident"]["id"], id);
    // It works again, and nothing is left of it.
    OddGateway::before(&mut world, |_, _| None);
    world.bridge.worker.ask_sessions().await;
    world.pass(60).await;
    assert!(world.outage("main").await.is_none());
}

#[tokio::test]
async fn a_room_whose_process_was_away_for_an_hour_looks_before_it_gives_up() {
    let world = World::new().await;
    let lost = Fault::on(Operation::CreateGroup, FaultKind::InternalError).with_effect(Effect::Done);
    world.sandbox.add_fault(lost);
    let id = world.fire("Down").await;
    world.work().await;
    world.clock.advance(SignedDuration::from_hours(1));
    world.pass(120).await;
    assert!(world.room(&id).await.is_complete(), "{:#?}", world.room(&id).await);
    assert_eq!(world.groups(&id).len(), 1);
}

/// A provider that cannot be reached is an outage like a ban: one alarm, not up, and the other number takes over.
#[tokio::test]
async fn a_provider_that_cannot_be_reached_for_one_number_is_that_numbers_outage() {
    let (receiver, gateway) = Receiver::start(&[]).await;
    let world = World::with(Options { gateway, second_number: true, ..Options::default() }).await;
    receiver.watch(&world);
    for engine_answers in [FaultKind::BadGateway, FaultKind::Reset] {
        world.sandbox.clear_faults();
        world.sandbox.add_fault(Fault::on(Operation::SessionInfo, engine_answers.clone()).always());
        for _ in 0..3 {
            world.bridge.worker.ask_sessions().await;
            world.clock.advance(SignedDuration::from_secs(5));
        }
        let metrics = world.bridge.worker.metrics.render();
        let is_down = |name: &str| {
            let line = format!(r#"warroom_instance_up{{instance="{name}"}} 0"#);
            metrics.lines().any(|l| l == line)
        };
        assert!(is_down("main") && is_down("second"), "{engine_answers:?}: {metrics}");
        world.sandbox.clear_faults();
        world.bridge.worker.ask_sessions().await;
        let metrics = world.bridge.worker.metrics.render();
        assert!(metrics.lines().any(|l| l == r#"warroom_instance_up{instance="main"} 1"#), "{metrics}");
    }
}
