//! What must hold when a story is over, whatever happened in it (DESIGN §5, the invariants).
//!
//! [`verdict`] collects every violation instead of stopping at the first, because a sweep tells thousands of
//! stories and the pattern of what fails says more than one failure.

use std::collections::{BTreeMap, BTreeSet};

use warroom::clock::{Clock, SignedDuration, later};
use warroom::gateway::{GatewayError, Refusal};
use warroom::incident::{IncidentId, Outcome};
use warroom::room::Note;
use warroom::room::seat::Refused;
use warroom::room::{Phase, PhaseName, Seat, SeatState};
use warroom::sandbox::GroupView;
use warroom::store::{Dossier, Entry, Happening, Slots, Store};

use crate::gates::Gates;
use crate::harness::{ADA, BEN, CLEO, DAN};
use crate::place::Place;

/// What a story may do because of what was done to it.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each excuse stands alone")]
pub(crate) struct Excuse {
    /// A second group, if it is recorded.
    pub(crate) second_group: bool,
    /// A message a second time.
    pub(crate) repeat: bool,
    /// The room may be left to a person, or closed without its last steps: the gateway said that the group is
    /// gone, or that this number may not make one.
    pub(crate) given_up: bool,
    /// Nobody could be told 1:1, because the number itself is refused.
    pub(crate) untold: bool,
    /// A group that no list and no event ever showed.
    pub(crate) unseen: bool,
    /// The provider makes nobody an admin.
    pub(crate) one_admin: bool,
}

/// Where the usual story led, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) phase: PhaseName,
    pub(crate) groups: usize,
    pub(crate) orphans: usize,
    /// Messages into groups beyond one of each kind, and links beyond one per person.
    pub(crate) repeats: usize,
}

/// A kind of message in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Said {
    Welcome,
    Presence,
    Update(u32),
    LastWords,
}

/// What a text in a room is.
pub(crate) fn said(text: &str) -> Option<Said> {
    let first = text.lines().next().unwrap_or_default();
    if text.contains("needs you here") || text.contains("Another incident in this group") {
        Some(Said::Welcome)
    } else if first.contains("· who is here") {
        Some(Said::Presence)
    } else if first.contains("· closed") {
        Some(Said::LastWords)
    } else {
        let digits: String =
            first.split("· update ").nth(1)?.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok().map(Said::Update)
    }
}

/// What was said of each incident in a group, in order: other incidents can be guests in it.
pub(crate) fn said_of_each(group: &GroupView) -> BTreeMap<String, Vec<Said>> {
    let mut said_of: BTreeMap<String, Vec<Said>> = BTreeMap::new();
    for text in group.texts() {
        let first = text.lines().next().unwrap_or_default();
        let token = first.split(['*', ' ']).find(|word| word.starts_with("INCIDENT-"));
        if let Some((token, said)) = token.zip(said(text)) {
            said_of.entry(token.to_owned()).or_default().push(said);
        }
    }
    said_of
}

/// Collects violations, each with the invariant that it breaks.
#[derive(Debug, Default)]
pub(crate) struct Violations(pub(crate) Vec<String>);

impl Violations {
    pub(crate) fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }
}

/// Looks at a place after the usual story.
pub(crate) async fn verdict(place: &Place, label: &str, excuse: Excuse) -> (Ending, Vec<String>) {
    let mut bad = Violations::default();
    let store = place.open();
    let id = IncidentId(1);
    for receipt in place.receipts.take() {
        let stored = store.receipt(receipt.parse().unwrap()).await.unwrap().is_some();
        bad.expect(stored, || format!("I1: receipt {receipt} was answered and is not stored"));
    }
    let dossier = store.dossier(id).await.unwrap().expect("I1: what was accepted is stored");
    let room = dossier.room.as_ref().expect("a room was wanted");

    // I6, I5
    let replayed = replay(&store, &dossier).await;
    bad.expect(replayed.as_ref() == Ok(&room.phase), || format!("I6: {replayed:?} but {:?}", room.phase));
    let wake = store.next_wake().await.unwrap();
    bad.expect(wake.is_none(), || format!("I5: due at {wake:?} in {:?}", room.phase));
    let far = later(place.clock.now(), SignedDuration::from_hours(24 * 365));
    let leased = store.lease_rooms(far, Slots::any(10), SignedDuration::from_secs(1)).await.unwrap();
    bad.expect(leased.is_empty(), || "I5: somebody could still lease it".to_owned());
    let open = |entry: &&Entry| matches!(entry.what, Happening::Call { outcome: None, .. });
    let open = dossier.timeline.iter().find(open);
    bad.expect(open.is_none(), || format!("I5: an open intent: {open:?}"));

    let groups = place.sandbox.groups();
    check_groups(&dossier, &groups, excuse, &mut bad);
    let own = groups.iter().find(|g| room.phase.group().is_some_and(|own| own.as_str() == g.id));
    let ending = match room.phase.name() {
        PhaseName::Closed | PhaseName::Skipped => true,
        PhaseName::Parked => excuse.given_up,
        _ => false,
    };
    bad.expect(ending, || format!("it ended in {:?}", room.phase));
    let mut repeats = links(place, BEN).len().saturating_sub(1) + links(place, DAN).len().saturating_sub(1);
    for group in &groups {
        repeats += check_messages(group, excuse, &mut bad);
    }
    match own {
        Some(group) => {
            check_seats(place, group, &dossier, excuse, &mut bad);
            if !excuse.given_up {
                check_end(place, group, &dossier, excuse, &mut bad);
            }
        }
        // Nobody made a group: everybody was told so, once.
        None => {
            for digits in [ADA, BEN, DAN] {
                let told = place.sandbox.chat(digits).len();
                let fine = told == 1 || (told == 0 && excuse.untold) || (told > 1 && excuse.repeat);
                bad.expect(fine, || format!("I3: no group, and {digits} was told {told} times"));
            }
        }
    }
    if room.phase.name() == PhaseName::Parked {
        let calls = place.sandbox.calls().len();
        place.clock.advance(SignedDuration::from_hours(2));
        let gates: std::sync::Arc<dyn crate::gates::Gate> = Gates::new(&[], &[]);
        place.start(&gates).work().await;
        bad.expect(place.sandbox.calls().len() == calls, || "I8: a parked room called".to_owned());
    }
    let ending =
        Ending { phase: room.phase.name(), groups: groups.len(), orphans: dossier.duplicates.len(), repeats };
    (ending, bad.0.into_iter().map(|violation| format!("{label}: {violation}")).collect())
}

/// The phase that the journal tells, or where it breaks off.
pub(crate) async fn replay(store: &Store, dossier: &Dossier) -> Result<Phase, String> {
    let opens = |entry: &&Entry| matches!(entry.what, Happening::Hook { outcome: Outcome::Opened, .. });
    let opened = dossier.timeline.iter().find(opens).ok_or("nothing opened it")?.at;
    let mut phase = Phase::Wanted { since: opened, not_before: opened };
    for (at, event) in store.moves(dossier.incident.id).await.unwrap() {
        phase = phase.after(&event, at).map_err(|illegal| illegal.to_string())?;
    }
    Ok(phase)
}

/// I2: every group is the room or is recorded.
fn check_groups(dossier: &Dossier, groups: &[GroupView], excuse: Excuse, bad: &mut Violations) {
    let there: BTreeSet<&str> = groups.iter().map(|g| g.id.as_str()).collect();
    let own = dossier.room.as_ref().and_then(|r| r.phase.group());
    let orphans: BTreeSet<&str> = dossier.duplicates.iter().map(|o| o.group.as_str()).collect();
    let mut known = orphans.clone();
    known.extend(own.map(warroom::jid::GroupId::as_str));
    bad.expect(there == known || excuse.unseen, || format!("I2: groups {there:?}, known {known:?}"));
    bad.expect(own.is_none_or(|own| !orphans.contains(own.as_str())), || "I2: the room is an orphan".into());
    let most = if excuse.second_group { usize::MAX } else { 1 };
    bad.expect(there.len() <= most, || format!("I2: {} groups", there.len()));
    let least = usize::from(!excuse.given_up);
    bad.expect(there.len() >= least, || "I2: no group".to_owned());
}

/// I4: each kind of message in its order, once. Returns how many were said again.
fn check_messages(group: &GroupView, excuse: Excuse, bad: &mut Violations) -> usize {
    let texts = group.texts();
    let kinds: Vec<Option<Said>> = texts.iter().map(|text| said(text)).collect();
    bad.expect(kinds.iter().all(Option::is_some), || format!("I4: what is this? {texts:#?}"));
    let kinds: Vec<Said> = kinds.into_iter().flatten().collect();
    let different: BTreeSet<Said> = kinds.iter().copied().collect();
    let repeats = kinds.len() - different.len();
    bad.expect(repeats == 0 || excuse.repeat, || format!("I4: said twice: {kinds:?}"));
    let first_is_welcome = kinds.first().is_none_or(|kind| *kind == Said::Welcome);
    bad.expect(first_is_welcome, || format!("I4: the welcome is not first: {kinds:?}"));
    let mut firsts: Vec<Said> = Vec::new();
    for kind in kinds {
        if !firsts.contains(&kind) {
            firsts.push(kind);
        }
    }
    let order = |said: &Said| match said {
        Said::Welcome => 0,
        Said::Presence | Said::Update(_) => 1,
        Said::LastWords => 2,
    };
    bad.expect(firsts.is_sorted_by_key(order), || format!("I4: out of order: {firsts:?}"));
    repeats
}

/// I3: everybody is accounted for, in the store and in truth.
fn check_seats(place: &Place, group: &GroupView, dossier: &Dossier, excuse: Excuse, bad: &mut Violations) {
    let Some(room) = &dossier.room else { return };
    let settled = room.seats.iter().all(Seat::is_settled);
    bad.expect(settled || excuse.given_up, || format!("I3: not settled: {:#?}", room.seats));
    for (digits, seat) in [ADA, BEN, CLEO, DAN].into_iter().zip(&room.seats) {
        let is_in = group.has(digits);
        let links = links(place, digits).len();
        let says_in = matches!(seat.state, SeatState::In { .. });
        bad.expect(!says_in || is_in, || format!("I3: {digits} is said to be in and is not"));
        bad.expect(links <= 1 || (excuse.repeat && links == 2), || format!("I4: {links} links for {digits}"));
        let reached = is_in || links > 0 || digits == CLEO || excuse.given_up;
        let reached = reached || (is_undeliverable(seat) && was_lost_twice(dossier, &seat.who.person));
        let reached = reached || (was_over(seat) && was_not_sent(dossier));
        bad.expect(reached, || format!("I3: {digits} is neither in nor invited: {seat:?}"));
    }
    let refused = matches!(room.seats[2].state, SeatState::Refused { .. });
    bad.expect(refused || excuse.given_up, || format!("I3: nobody by that number: {:?}", room.seats[2]));
}

fn is_undeliverable(seat: &Seat) -> bool {
    matches!(seat.state, SeatState::Refused { why: Refused::Undeliverable })
}

/// Whether the incident was over before the person came: nobody is woken then.
fn was_over(seat: &Seat) -> bool {
    matches!(seat.state, SeatState::Refused { why: Refused::NotNeeded })
}

/// Whether the provider would not take a message from this number at all, so that it was left alone for minutes: only
/// then can somebody still wait for his invitation when the incident is over.
fn was_not_sent(dossier: &Dossier) -> bool {
    let is_left_alone = |error: &GatewayError| {
        matches!(
            error,
            GatewayError::SessionDown { .. }
                | GatewayError::Refused { reason: Refusal::Plan | Refusal::Credentials, .. }
        )
    };
    dossier.timeline.iter().any(|entry| match &entry.what {
        Happening::Call { step, outcome: Some(Note::Failed { error }), .. } => {
            step.starts_with("say ") && is_left_alone(error)
        }
        _ => false,
    })
}

/// Whether two invitations to a person were begun and none of them is known to have arrived: a third is not
/// sent, because a number that repeats itself looks like spam (DESIGN §5, rule 6).
fn was_lost_twice(dossier: &Dossier, person: &str) -> bool {
    let invite = format!("say invite {person}");
    let lost = |entry: &&Entry| match &entry.what {
        Happening::Call { step, outcome, .. } => {
            *step == invite && !matches!(outcome, None | Some(Note::Ok { .. }))
        }
        _ => false,
    };
    dossier.timeline.iter().filter(lost).count() == 2
}

/// What a room looks like when it is over.
fn check_end(place: &Place, group: &GroupView, dossier: &Dossier, excuse: Excuse, bad: &mut Violations) {
    let kinds: BTreeSet<Said> = group.texts().iter().filter_map(|text| said(text)).collect();
    let wanted = [Said::Welcome, Said::Presence, Said::Update(1), Said::LastWords];
    bad.expect(kinds.into_iter().eq(wanted), || format!("I4: only {:#?}", group.texts()));
    bad.expect(group.announce, || "everybody can still write".to_owned());
    bad.expect(group.locked, || "everybody can still change the name".to_owned());
    bad.expect(group.subject.contains("closed: "), || format!("the name does not tell: {}", group.subject));
    bad.expect(!group.description.is_empty(), || "no description".to_owned());
    let has_second = group.members.iter().any(|m| m.admin && m.digits != group.creator);
    bad.expect(has_second || excuse.one_admin, || {
        format!("no second admin: {:?} {:?}", group.members, dossier.room.as_ref().map(|r| &r.tasks))
    });
    for link in links(place, BEN) {
        let dead = place.sandbox.join_by_link(BEN, &link).is_err();
        bad.expect(dead, || "the link still works".to_owned());
    }
}

/// The links that a person got 1:1.
pub(crate) fn links(place: &Place, digits: &str) -> Vec<String> {
    let messages = place.sandbox.chat(digits);
    let link = |text: &str| {
        text.split_whitespace().find(|word| word.contains("chat.whatsapp.com")).map(str::to_owned)
    };
    messages.iter().filter_map(|message| link(&message.text)).collect()
}
