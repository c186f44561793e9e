//! Every gateway call of a room's life, going wrong in every way that there is, and a crash on top of it.
//!
//! A call is spoiled at the gateway's face, by its number in the story: the error says what kind it is, and
//! for an unknown outcome whether the effect happened. What a fault may lead to is written in [`Kind::excuse`]; all
//! the rest of the verdict must hold as if nothing had happened.

use std::collections::BTreeMap;
use std::time::Duration;

use warroom::clock::SignedDuration;
use warroom::gateway::{GatewayError, Refusal};
use warroom::incident::IncidentId;
use warroom::room::PhaseName;
use warroom::sandbox::{Effect, Engine, Fault, FaultKind, HALF_EMOJI, Operation, Person, Privacy, Quirks};

use crate::gates::{Gates, Mishap, Moment};
use crate::harness::{ADA, BEN, DAN, ONE_PERSON, Options, World};
use crate::place::Place;
use crate::sweep::{stride, sweep};
use crate::verdict::{Ending, Excuse, verdict};

/// Every way in which a call can go wrong.
pub(crate) const KINDS: [Kind; 14] = [
    Kind::NotSent,
    Kind::Throttled,
    Kind::ThrottledFor(Duration::from_secs(20)),
    Kind::LostBefore,
    Kind::LostAfter,
    Kind::SessionDown,
    Kind::Gone,
    Kind::Refused(Refusal::Credentials),
    Kind::Refused(Refusal::Plan),
    Kind::Refused(Refusal::SubjectTooLong),
    Kind::Refused(Refusal::TextTooLong),
    Kind::Refused(Refusal::Forbidden),
    Kind::Refused(Refusal::Invalid),
    Kind::Refused(Refusal::Unsupported),
];

/// Every so manieth case is run if nobody asks for more.
const SAMPLE: usize = 499;

/// The kinds that lead to different next moves, for the longer sweeps.
const CHIEF: [Kind; 8] = [
    Kind::NotSent,
    Kind::ThrottledFor(Duration::from_secs(20)),
    Kind::LostBefore,
    Kind::LostAfter,
    Kind::SessionDown,
    Kind::Gone,
    Kind::Refused(Refusal::Plan),
    Kind::Refused(Refusal::Invalid),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    NotSent,
    Throttled,
    ThrottledFor(Duration),
    LostBefore,
    LostAfter,
    SessionDown,
    Gone,
    Refused(Refusal),
}

impl Kind {
    pub(crate) fn mishap(self) -> Mishap {
        let detail = "so it was told".to_owned();
        let (moment, error) = match self {
            Self::NotSent => (Moment::Before, GatewayError::NotSent { detail }),
            Self::Throttled => (Moment::Before, GatewayError::Throttled { retry_after: None, detail }),
            Self::ThrottledFor(wait) => {
                (Moment::Before, GatewayError::Throttled { retry_after: Some(wait), detail })
            }
            Self::LostBefore => (Moment::Before, GatewayError::Unknown { detail }),
            Self::LostAfter => (Moment::After, GatewayError::Unknown { detail }),
            Self::SessionDown => (Moment::Before, GatewayError::SessionDown { detail }),
            Self::Gone => (Moment::Before, GatewayError::Gone { detail }),
            Self::Refused(reason) => (Moment::Before, GatewayError::Refused { reason, detail }),
        };
        Mishap { moment, error }
    }

    /// What it may lead to when it strikes `call`.
    fn excuse(self, call: &str) -> Excuse {
        let no_groups = matches!(self, Self::Refused(Refusal::Credentials | Refusal::Plan));
        let may_not_create = no_groups && call == "create_group";
        Excuse {
            given_up: may_not_create,
            untold: may_not_create && self == Self::Refused(Refusal::Credentials),
            ..Excuse::default()
        }
    }
}

/// One story: calls that go wrong, by number, and gates at which the process dies.
#[derive(Debug, Clone)]
struct Case {
    faults: Vec<(usize, Kind)>,
    stops: Vec<usize>,
}

/// What came of it, and what was passed on the way.
#[derive(Debug)]
struct Told {
    ending: Ending,
    gates: usize,
    calls: Vec<&'static str>,
}

async fn run(case: &Case) -> (Told, Vec<String>) {
    let place = Place::new().await;
    let mishaps: Vec<(usize, Mishap)> =
        case.faults.iter().map(|(number, kind)| (*number, kind.mishap())).collect();
    let gates = Gates::new(&case.stops, &mishaps);
    place.tell_all(&gates).await;
    let calls = gates.calls();
    let struck = case.faults.iter().filter_map(|(number, kind)| Some((calls.get(*number)?, kind)));
    let mut excuse = Excuse::default();
    for (call, kind) in struck.clone() {
        let one = kind.excuse(call);
        excuse.given_up |= one.given_up;
        excuse.untold |= one.untold;
    }
    // A group that is refused with all people and with one alone is never made.
    let refused =
        struck.clone().filter(|(call, kind)| matches!((**call, kind), ("create_group", Kind::Refused(_))));
    excuse.given_up |= refused.count() > 1;
    let label = format!("{:?}, crash at {:?}", struct_words(struck), case.stops);
    let (ending, violations) = verdict(&place, &label, excuse).await;
    (Told { ending, gates: gates.count(), calls }, violations)
}

fn struct_words<'a>(struck: impl Iterator<Item = (&'a &'static str, &'a Kind)>) -> Vec<String> {
    struck.map(|(call, kind)| format!("{kind:?} on {call}")).collect()
}

fn count(endings: impl Iterator<Item = Ending>) -> String {
    let mut phases: BTreeMap<&str, usize> = BTreeMap::new();
    for ending in endings {
        *phases.entry(ending.phase.as_str()).or_default() += 1;
    }
    format!("{phases:?}")
}

/// The calls of a story without a fault.
fn clean() -> Told {
    let mut swept = sweep(&[Case { faults: vec![], stops: vec![] }], run);
    assert!(swept.violations.is_empty(), "{:?}", swept.violations);
    swept.results.remove(0)
}

#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn any_call_can_go_wrong_in_any_way() {
    // Not a divisor of the number of kinds, so that a sample holds all of them.
    // They are few, so a hundredth of what is left out elsewhere is left out; an odd number meets all kinds.
    let stride = (stride("WARROOM_FAULTS", SAMPLE) / 100) | 1;
    let calls = clean().calls.len();
    let kinds = || KINDS.into_iter();
    let cases: Vec<Case> = (0..calls)
        .flat_map(|call| kinds().map(move |kind| Case { faults: vec![(call, kind)], stops: vec![] }))
        .step_by(stride)
        .collect();
    let swept = sweep(&cases, run);
    let endings = count(swept.results.iter().map(|told| told.ending));
    let kinds = KINDS.len();
    swept.conclude(&format!("1 in {stride} of {calls} calls × {kinds} kinds of fault, ending {endings}"));
}

/// Fault and crash together, and two faults together. `WARROOM_FAULTS=all cargo test --release --test it --
/// --ignored faults:: --nocapture` runs every combination; without the variable it is a sample.
#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn a_fault_and_a_crash_are_survived_together() {
    let stride = stride("WARROOM_FAULTS", SAMPLE);
    let clean = clean();
    let faults: Vec<(usize, Kind)> =
        (0..clean.calls.len()).flat_map(|call| CHIEF.into_iter().map(move |kind| (call, kind))).collect();
    let crashes = faults
        .iter()
        .flat_map(|fault| (0..clean.gates).map(move |gate| Case { faults: vec![*fault], stops: vec![gate] }));
    let cases: Vec<Case> = crashes.collect();
    let chosen: Vec<Case> = cases.iter().step_by(stride).cloned().collect();
    let swept = sweep(&chosen, run);
    let endings = count(swept.results.iter().map(|told| told.ending));
    let all = cases.len();
    swept.conclude(&format!("a fault and a crash, 1 in {stride} of {all} combinations, ending {endings}"));
}

#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn two_faults_are_survived_together() {
    let stride = stride("WARROOM_FAULTS", 401);
    let calls = clean().calls.len();
    let mut cases = Vec::new();
    for first in 0..calls {
        for second in first + 1..=calls {
            for (one, other) in CHIEF.into_iter().flat_map(|one| CHIEF.map(|other| (one, other))) {
                cases.push(Case { faults: vec![(first, one), (second, other)], stops: vec![] });
            }
        }
    }
    let chosen: Vec<Case> = cases.iter().step_by(stride).cloned().collect();
    let swept = sweep(&chosen, run);
    let endings = count(swept.results.iter().map(|told| told.ending));
    let all = cases.len();
    swept.conclude(&format!("two faults, 1 in {stride} of {all} combinations, ending {endings}"));
}

/// What is odd about a provider for a whole story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Oddity {
    ListEmpty,
    /// For the first looks only.
    ListEmptyAtFirst,
    ListNameless,
    /// The groups do not tell their names when they are read one by one either.
    GroupsNameless,
    /// A new group is missing from the list until it is read afresh.
    ListOld,
    /// And it cannot be read afresh.
    ListOldForEver,
    HalfEmoji,
    Disowns,
    PromotesNobody,
    SettingsUndone,
    OnePersonBreaks,
}

impl Oddity {
    const ALL: [Self; 11] = [
        Self::ListEmpty,
        Self::ListEmptyAtFirst,
        Self::ListNameless,
        Self::GroupsNameless,
        Self::ListOld,
        Self::ListOldForEver,
        Self::HalfEmoji,
        Self::Disowns,
        Self::PromotesNobody,
        Self::SettingsUndone,
        Self::OnePersonBreaks,
    ];

    fn befall(self, place: &Place) {
        let sandbox = &place.sandbox;
        let always = |call, kind| sandbox.add_fault(Fault::on(call, kind).always());
        let usual = Quirks::default();
        match self {
            Self::ListEmpty => always(Operation::ListGroups, FaultKind::EmptyList),
            Self::ListEmptyAtFirst => {
                sandbox.add_fault(Fault::on(Operation::ListGroups, FaultKind::EmptyList).times(7));
            }
            Self::ListNameless => {
                sandbox
                    .add_fault(Fault::on(Operation::ListGroups, FaultKind::Nameless).after_effect().always());
            }
            Self::GroupsNameless => {
                for call in [Operation::ListGroups, Operation::GetGroup] {
                    sandbox.add_fault(Fault::on(call, FaultKind::Nameless).after_effect().always());
                }
            }
            Self::ListOld | Self::ListOldForEver => {
                place.clock.advance(SignedDuration::from_secs(1));
                sandbox.set_quirks(Quirks { list_cache: true, ..usual });
                if self == Self::ListOldForEver {
                    always(Operation::RefreshGroups, FaultKind::InternalError);
                }
            }
            Self::HalfEmoji => {
                sandbox.set_quirks(Quirks { elsewhere: vec![format!("kids {HALF_EMOJI}")], ..usual });
            }
            Self::Disowns => {
                sandbox.set_quirks(Quirks { disowns: true, ..usual });
                sandbox.add_fault(Fault::on(Operation::SendText, FaultKind::Reset).after_effect());
            }
            Self::PromotesNobody => always(Operation::PromoteParticipants, FaultKind::SaysDone),
            Self::SettingsUndone => {
                sandbox.add_fault(Fault::on(Operation::SetInfoAdminOnly, FaultKind::SaysDone).times(3));
                sandbox.add_fault(Fault::on(Operation::SetMessagesAdminOnly, FaultKind::SaysDone).times(3));
            }
            Self::OnePersonBreaks => {
                sandbox.set_person(DAN, Person { breaks_creates: true, ..Person::default() });
            }
        }
    }

    /// Whether nobody can ever tell what became of a lost create.
    fn hides_groups(self) -> bool {
        matches!(self, Self::ListEmpty | Self::GroupsNameless | Self::ListOldForEver)
    }
}

/// What becomes of the first create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Create {
    Well,
    LostBefore,
    LostAfter,
}

/// `WARROOM_FAULTS=all` tells the story of each of them; without it, it is a sample.
#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn whatever_is_odd_about_a_provider_there_is_one_room_or_a_person_decides() {
    let mut cases = Vec::new();
    for oddity in Oddity::ALL {
        for create in [Create::LostAfter, Create::LostBefore, Create::Well] {
            cases.extend(
                Engine::ALL.into_iter().flat_map(|e| [(oddity, create, e, 1), (oddity, create, e, 2)]),
            );
        }
    }
    let stride = (stride("WARROOM_FAULTS", SAMPLE) / 100) | 1;
    let chosen: Vec<_> = cases.iter().step_by(stride).copied().collect();
    let swept = sweep(&chosen, async |&(oddity, create, engine, numbers)| {
        let place = if numbers == 2 {
            Place::with_two_numbers_on(engine).await
        } else {
            let place = Place::on(engine).await;
            place.keep_out();
            place
        };
        // Nobody gets a card from the engine beside our own words.
        place.sandbox.set_person(BEN, Person::with_privacy(Privacy::GroupInviteOnly417));
        oddity.befall(&place);
        let lost = Fault::on(Operation::CreateGroup, FaultKind::InternalError);
        match create {
            Create::Well => {}
            Create::LostBefore => place.sandbox.add_fault(lost),
            Create::LostAfter => place.sandbox.add_fault(lost.after_effect()),
        }
        place.tell_all(&Gates::new(&[], &[])).await;
        let cannot_tell = oddity.hides_groups() && create != Create::Well;
        let excuse = Excuse {
            given_up: cannot_tell,
            unseen: cannot_tell,
            one_admin: oddity == Oddity::PromotesNobody,
            ..Excuse::default()
        };
        verdict(&place, &format!("{oddity:?} {create:?} {engine} × {numbers}"), excuse).await
    });
    let endings = count(swept.results.iter().copied());
    let all = cases.len();
    swept.conclude(&format!("1 in {stride} of {all} oddities of a provider, ending {endings}"));
}

/// A story in which the first `call` is refused for a reason, or otherwise fails.
async fn with_fault_on(call: &str, kind: Kind) -> Place {
    let number = {
        let (place, gates) = (Place::new().await, Gates::new(&[], &[]));
        place.tell_all(&gates).await;
        gates.calls().iter().position(|c| *c == call).expect("such a call is made")
    };
    let (place, gates) = (Place::new().await, Gates::new(&[], &[(number, kind.mishap())]));
    place.tell_all(&gates).await;
    place
}

#[tokio::test]
async fn a_plan_that_allows_no_groups_still_reaches_everybody_one_by_one() {
    let place = with_fault_on("create_group", Kind::Refused(Refusal::Plan)).await;
    for digits in [ADA, BEN, DAN] {
        let told = place.sandbox.chat(digits);
        assert_eq!(told.len(), 1, "{digits}: {told:?}");
        assert!(told[0].text.contains("INCIDENT-1"), "{}", told[0].text);
    }
    let room = place.open().dossier(IncidentId(1)).await.unwrap().unwrap().room.unwrap();
    assert_eq!(room.phase.name(), PhaseName::Parked, "then a person decides");
}

/// Ten incidents, each with its own trouble while its group is made.
fn ten_troubles() -> [(&'static str, FaultKind, Effect); 10] {
    let soon = SignedDuration::from_secs(5);
    // Longer than a call may take.
    let hang = FaultKind::Hang { wait: SignedDuration::from_secs(4) };
    [
        ("500 before", FaultKind::InternalError, Effect::None),
        ("500 after", FaultKind::InternalError, Effect::Done),
        ("reset before", FaultKind::Reset, Effect::None),
        ("reset after", FaultKind::Reset, Effect::Done),
        ("hang after", hang, Effect::Done),
        ("502 page", FaultKind::BadGateway, Effect::None),
        ("queue ticket", FaultKind::QueueTicket, Effect::Later(soon)),
        ("truncated JSON", FaultKind::TruncatedJson, Effect::Done),
        ("empty body", FaultKind::EmptyBody, Effect::Done),
        ("rate-overlimit", FaultKind::RateOverlimit, Effect::None),
    ]
}

#[tokio::test]
async fn ten_kinds_of_trouble_at_once_make_ten_briefed_rooms() {
    // A number that the provider throttles rests for a minute, in which an incident could go into an open room.
    let rooms = "  share_when_over_budget: false".to_owned();
    let roster = ONE_PERSON.to_owned();
    let options = Options { call_timeout: "2s", rooms_per_hour: 20, rooms, roster, ..Options::default() };
    let world = World::with(options).await;
    for (n, (_, kind, effect)) in (1..).zip(ten_troubles()) {
        let fault = Fault::on(Operation::CreateGroup, kind).with_effect(effect);
        world.sandbox.add_fault(fault.only(&format!("INCIDENT-{n} |")));
    }
    let mut ids = Vec::new();
    for (what, _, _) in ten_troubles() {
        ids.push(world.fire(what).await);
    }
    world.pass(600).await;
    assert!(world.sandbox.faults().iter().all(|fault| fault.struck == 1), "{:#?}", world.sandbox.faults());
    for (id, (what, _, _)) in ids.iter().zip(ten_troubles()) {
        let groups = world.groups(id);
        assert_eq!(groups.len(), 1, "{what}: one room");
        assert_eq!(world.welcomes(id), 1, "{what}: briefed once");
        let room = world.room(id).await;
        assert!(room.is_complete(), "{what}: {room:#?}");
        assert!(world.dossier(id).await.duplicates.is_empty(), "{what}");
        world.assert_sound(id).await;
    }
    println!("10 kinds of trouble at once: {} groups, each briefed", world.sandbox.groups().len());
}
