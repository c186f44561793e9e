//! One room's whole life, with the process dying at every point at which it can, and at every two.
//!
//! A life ends at a gate: everything in memory is dropped, only the store's file and the gateway's groups
//! stay. The next life opens the file, takes what the last one had leased, and the story goes on. At the end
//! there must be one group, each message once, everybody accounted for, the room closed and its link dead.
//! The loop finds the number of gates by itself; that number is asserted, so a new step shows in review.

use warroom::clock::SignedDuration;
use warroom::gateway::GatewayError;
use warroom::incident::IncidentId;

use crate::gates::{Gates, Mishap, Moment};
use crate::place::Place;
use crate::sweep::{Swept, stride, sweep};
use crate::verdict::{Excuse, verdict};

/// The number of gates in a clean life.
const GATES: usize = 92;

/// Tells the story with lives ending at `stops`; returns how many gates it passed.
async fn run(stops: &[usize]) -> (usize, Vec<String>) {
    let place = Place::new().await;
    let gates = Gates::new(stops, &[]);
    let lives = place.tell_all(&gates).await;
    let (_, mut violations) = verdict(&place, &format!("crash at {stops:?}"), Excuse::default()).await;
    // The last gates of one story can be missing in another, so that a stop is not always reached.
    if lives > stops.len() + 1 || (stops.len() == 1 && lives != 2) {
        violations.push(format!("crash at {stops:?}: {lives} lives"));
    }
    (gates.count(), violations)
}

/// Ends a life at each gate; returns how many gates each of these stories passed.
fn crash_at_each_gate() -> Swept<usize> {
    let clean = sweep(&[()], async |()| run(&[]).await);
    assert_eq!(clean.results, [GATES], "{:?}", clean.violations);
    let gates: Vec<usize> = (0..GATES).collect();
    sweep(&gates, async |gate| run(&[*gate]).await)
}

#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn a_room_survives_a_crash_at_every_gate_of_its_life() {
    crash_at_each_gate().conclude(&format!("crash at each of {GATES} gates"));
}

/// `WARROOM_PAIRS=all cargo test --release --test it -- --ignored crash::pairs --nocapture` runs all of them; without
/// the variable it is a sample.
#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn pairs_of_crashes_are_survived_as_well() {
    let stride = stride("WARROOM_PAIRS", 197);
    // A story with a crash has more gates than one without, so the second gate is looked for in that one.
    let after_one: Vec<usize> = if stride == 1 { crash_at_each_gate().results } else { vec![GATES; GATES] };
    let second = |first: usize| (first + 1..after_one[first]).map(move |second| (first, second));
    let pairs: Vec<(usize, usize)> = (0..GATES).flat_map(second).collect();
    let chosen: Vec<(usize, usize)> = pairs.iter().copied().step_by(stride).collect();
    let swept = sweep(&chosen, async |(first, second)| run(&[*first, *second]).await);
    swept.conclude(&format!("crash at two of {GATES} gates, 1 in {stride} of {} pairs", pairs.len()));
}

/// A create whose answer is lost, a list that shows the new group late, and a crash. Settling outlasts the lag,
/// so the group is still found; where the list lags by more than that, a second group is made, and the first
/// one is recorded: by the sweep after another settling, or by the last one at the end of the incident.
#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn a_list_that_lags_hides_no_group_for_good() {
    let stride = stride("WARROOM_PAIRS", 31);
    let settle = 45;
    let lags = [10, settle - 1, settle + 10, 2 * settle - 1, 10 * settle];
    let cases: Vec<(usize, i64)> =
        (0..GATES).flat_map(|gate| lags.map(|lag| (gate, lag))).step_by(stride).collect();
    let swept = sweep(&cases, async |(gate, lag)| {
        let place = Place::new().await;
        assert_eq!(place.loaded.config.rooms.settle, SignedDuration::from_secs(settle));
        place.sandbox.set_list_lag(SignedDuration::from_secs(*lag));
        let lost = GatewayError::Unknown { detail: "lost".to_owned() };
        let gates = Gates::new(&[*gate], &[(0, Mishap { moment: Moment::After, error: lost })]);
        place.tell_all(&gates).await;
        let excuse = Excuse { second_group: *lag >= settle, ..Excuse::default() };
        let (ending, violations) =
            verdict(&place, &format!("a lag of {lag} s and a crash at {gate}"), excuse).await;
        (ending.groups, violations)
    });
    let two = swept.results.iter().filter(|groups| **groups > 1).count();
    swept.conclude(&format!("a list that lags up to 10 × settle, crash at {GATES} gates: two groups {two}"));
}

/// Where the two crashes fall on the same invitation, it is not sent a third time: the seat says why.
#[tokio::test]
async fn an_invitation_that_is_lost_twice_is_given_up_and_the_room_is_told() {
    let (place, gates) = (Place::new().await, Gates::new(&[], &[]));
    place.tell_all(&gates).await;
    let sends = gates.calls().into_iter().enumerate().filter(|(_, call)| *call == "send_text");
    let [_, (invite, _), ..] = sends.collect::<Vec<_>>()[..] else { panic!("more than one message") };

    let lost = Mishap { moment: Moment::Before, error: GatewayError::Unknown { detail: "lost".to_owned() } };
    // The second try comes after two looks that do not find the first.
    let gates = Gates::new(&[], &[(invite, lost.clone()), (invite + 3, lost)]);
    let place = Place::new().await;
    place.tell_all(&gates).await;
    let (_, violations) = verdict(&place, "lost twice", Excuse::default()).await;
    assert!(violations.is_empty(), "{violations:?}");
    let tried = ["send_text", "recent_own_messages", "recent_own_messages", "send_text"];
    assert_eq!(gates.calls()[invite..=invite + 3], tried);
    let room = place.open().dossier(IncidentId(1)).await.unwrap().unwrap().room.unwrap();
    assert_eq!(room.seats[1].words(), "the invitation could not be delivered");
    let said = place.sandbox.groups()[0].texts().concat();
    assert!(said.contains("the invitation did not get through"), "{said}");
}
