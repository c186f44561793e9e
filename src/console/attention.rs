//! What waits for a person, and what that person can do.
//!
//! Pure. The advice names what is certain and what is not, because that is what decides between "make a new
//! one" and "look first".

use serde::Serialize;

use super::numbers::Numbers;
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::{Incident, State};
use crate::room::{Phase, PhaseName, Progress, Room, SeatState, duplicates};
use crate::store::source_troubles::{SourceTrouble, TroubleKind};
use crate::store::{Duplicate, DuplicateState};

/// A wait longer than this is worth a look.
const LONG_HOLD: SignedDuration = SignedDuration::from_secs(60);
/// An incident without a group for longer than this as well.
const LONG_WITHOUT: SignedDuration = SignedDuration::from_mins(3);

/// One thing that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Attention {
    /// `parked`, `fallback_webhook`, `no_room`, `orphan`, `quorum`, `nobody_in`, `stale`, `no_budget` or `held`; `source`
    /// for what belongs to no incident.
    pub kind: &'static str,
    /// Since when.
    pub since: Timestamp,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub todo: String,
    /// The group in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What can be asked with that group as the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<&'static str>,
}

impl Attention {
    /// What it is about, in front of [`Attention::what`].
    pub(super) fn label(&self) -> &'static str {
        match self.kind {
            "parked" => "Waits for a decision",
            "fallback_webhook" => "Fallback",
            "no_room" => "No group yet",
            "orphan" => "Second group",
            "quorum" => "Role not filled",
            "nobody_in" => "Nobody in",
            "stale" => "No word of it",
            "no_budget" => "Waits for budget",
            "held" => "Held up",
            "source" => "Not taken",
            _ => "To do",
        }
    }

    /// Whether it goes on without anybody.
    pub(super) fn goes_on_by_itself(&self) -> bool {
        self.kind == "no_budget"
    }
}

/// What waits for a person in this incident, the worst first.
pub(super) fn attention(
    incident: &Incident,
    room: Option<&Room>,
    budget_at: Option<Timestamp>,
    duplicates: &[Duplicate],
    numbers: &Numbers,
    now: Timestamp,
) -> Vec<Attention> {
    let Some(room) = room else { return Vec::new() };
    let mut found: Vec<Attention> = Vec::new();
    let stuck = no_number(incident, room, numbers);
    // Neither the budget nor the provider's wait is what keeps a room from being made then.
    let budget_at = budget_at.filter(|_| stuck.is_none());
    found.extend(parked(incident, room));
    let webhook =
        [("numbers-down", "No linked number worked"), ("unreached", "Not everybody could be told 1:1")];
    found.extend(webhook.into_iter().filter(|_| !incident.is_closed()).filter_map(|(reason, why)| {
        fallback_webhook(room.tasks.get(&format!("fallback_webhook {reason}"))?, why)
    }));
    // A room that waits for budget says so itself, and there could be thousands of those.
    let late = || no_room(incident, room, now).filter(|_| budget_at.is_none());
    found.extend(stuck.or_else(late));
    found.extend(duplicates.iter().filter_map(|duplicate| beside(room, duplicate)));
    found.extend(unfilled(room));
    found.extend(deserted(room));
    found.extend(stale(incident, room));
    found.extend(held(room, now));
    found.extend(budget_at.map(|budget_at| queued(room, budget_at)));
    found
}

/// How many of its people were told 1:1 that there is no group.
fn told_alone(room: &Room) -> usize {
    room.seats.iter().filter(|s| room.was_told_alone(&s.who.person)).count()
}

/// A room without a group while no number works: nothing goes on by itself.
fn no_number(incident: &Incident, room: &Room, numbers: &Numbers) -> Option<Attention> {
    let number = numbers.all_down()?;
    let is_pending = matches!(room.phase.name(), PhaseName::Wanted | PhaseName::Unsure | PhaseName::Creating);
    let is_open = matches!(incident.state, State::Open);
    (is_pending && is_open).then(|| Attention {
        kind: "no_room",
        since: incident.opened_at,
        what: format!(
            "None of our numbers works. {} of {} people were told 1:1.",
            told_alone(room),
            room.seats.len()
        ),
        todo: format!("Call the people yourself. {}: {}", number.name, number.todo()),
        group: None,
        actions: Vec::new(),
    })
}

/// What a source sent that could not be taken, so that nobody was called for it.
pub(super) fn source_trouble(trouble: &SourceTrouble) -> Attention {
    let SourceTrouble { seen, since, last_at } = trouble;
    let times = match seen.times {
        1 => String::new(),
        times => format!(" {times} times, the last at {}", last_at.strftime("%F %H:%M UTC")),
    };
    let (name, why, kilobytes) = (&seen.source, &seen.why, seen.bytes.div_ceil(1024));
    let (what, todo) = match seen.kind {
        TroubleKind::NotUnderstood => (
            format!("`{name}` sent what was not understood{times}: {why} ({kilobytes} KiB)."),
            "Nobody was called for it. Put the payload's template right at the sender; `warroom replay` takes in a \
             receipt once more.",
        ),
        TroubleKind::TooLarge => (
            format!("`{name}` sent more than may be sent{times} ({kilobytes} KiB)."),
            "Nobody was called for it, and it is not sent again. Let the tool send smaller groups.",
        ),
        TroubleKind::TooLargeUnproven => (
            format!("Somebody sent more to `{name}` than may be sent{times} ({kilobytes} KiB)."),
            "It proved nothing and may be a stranger's. If it is the tool's, let it send less, or prove itself by its \
             head, or raise `server.max_body`.",
        ),
        TroubleKind::NoSuchSource => (
            format!("Somebody posted to `{name}`{times}, which is the address of no source."),
            "If it is a tool of yours, compare the address there with the names under `sources:`.",
        ),
    };
    Attention { kind: "source", since: *since, what, todo: todo.to_owned(), group: None, actions: Vec::new() }
}

/// A room that waits for a number's budget of new groups.
fn queued(room: &Room, budget_at: Timestamp) -> Attention {
    let told = told_alone(room);
    Attention {
        kind: "no_budget",
        since: phase_since(&room.phase).0,
        what: format!(
            "The numbers' budget of new groups is used up; a group is made at about {}. {told} of {} people \
             were told 1:1.",
            budget_at.strftime("%F %H:%M UTC"),
            room.seats.len()
        ),
        todo: "It goes on by itself. If this happens often, link another number.".to_owned(),
        group: None,
        actions: Vec::new(),
    }
}

/// Several that wait for budget become one entry: they wait for the same, and could be thousands.
pub(super) fn gather_queued<T>(entries: Vec<T>, item: fn(&mut T) -> &mut Attention) -> Vec<T> {
    let (mut rest, mut queued) = (Vec::new(), Vec::new());
    for mut entry in entries {
        if item(&mut entry).kind == "no_budget" { queued.push(entry) } else { rest.push(entry) }
    }
    let more = queued.len().saturating_sub(1);
    // Listed newest first, so the last one waits longest.
    if let Some(mut oldest) = queued.pop() {
        if more > 0 {
            let item = item(&mut oldest);
            item.what = format!("{} {more} more incidents wait behind this one.", item.what);
        }
        rest.push(oldest);
    }
    rest
}

/// A group beside the room that is not closed, until it is.
fn beside(room: &Room, duplicate: &Duplicate) -> Option<Attention> {
    let Duplicate { group, how, .. } = duplicate;
    let phase = room.phase.name();
    let can_close = duplicates::is_possible(&room.phase);
    let mut actions = Vec::new();
    if duplicate.state == DuplicateState::Open {
        if matches!(phase, PhaseName::Parked | PhaseName::Live) {
            actions.push("adopt");
        }
        if can_close {
            actions.push("close");
        }
    }
    let todo = match (duplicate.state, phase) {
        (DuplicateState::Closed, _) => return None,
        (DuplicateState::Closing, _) => "It is being closed: nothing to do.",
        (DuplicateState::Open, PhaseName::Parked) => {
            "If people are in it, adopt it as the room. Otherwise put the room right first; then it can be closed."
        }
        (DuplicateState::Open, _) if can_close => {
            "Close it: its people are told where the room is, and our number leaves it. While the room is live \
             this group can also take its place: adopt it."
        }
        (DuplicateState::Open, _) => "Wait until the room is there; then close this one.",
    };
    let trouble =
        duplicate.trouble.as_ref().map(|why| format!(" It could not be left: {why}.")).unwrap_or_default();
    Some(Attention {
        kind: "orphan",
        since: duplicate.found_at,
        what: format!("The group {group} {how}, but is not the room.{trouble}"),
        todo: todo.to_owned(),
        group: Some(group.to_string()),
        actions,
    })
}

fn parked(incident: &Incident, room: &Room) -> Option<Attention> {
    let Phase::Parked { from, why, since } = &room.phase else { return None };
    let id = incident.id;
    let mut todo = match from.name() {
        PhaseName::Unsure | PhaseName::Creating => format!(
            "A group may exist. Look on the linked phone for one named {id}. If it is there, use it; if not, \
             try again: it is looked for once more before a new one is made."
        ),
        PhaseName::Live => "Try again to go on with the same group, use another one, or close it.".to_owned(),
        PhaseName::Closing => "The last steps did not work. Try again, or close it as it is.".to_owned(),
        PhaseName::Wanted | PhaseName::Closed | PhaseName::Skipped | PhaseName::Parked => {
            "No group was made. Mend what keeps it and try again, use a group that you made by hand, or give \
             up and call the people yourself."
                .to_owned()
        }
    };
    let alone = told_alone(room);
    if alone > 0 {
        todo = format!("{alone} of {} people were told 1:1 that there is no group. {todo}", room.seats.len());
    }
    let group = from.group().map(ToString::to_string);
    let last = room.last_failure.as_ref().filter(|last| !why.contains(last.as_str()));
    let last = last.map(|last| format!(" The last error: {}", sentence(last))).unwrap_or_default();
    let what = format!("{}{last}", sentence(why));
    Some(Attention { kind: "parked", since: *since, what, todo, group, actions: Vec::new() })
}

/// Roles that must be filled, that nobody fills, and for which nobody is left to ask.
fn unfilled(room: &Room) -> Option<Attention> {
    let short_of = room.short_of();
    let since = short_of.iter().map(|(_, since)| *since).min()?;
    let roles: Vec<&str> = short_of.iter().map(|(role, _)| *role).collect();
    (room.phase.name() == PhaseName::Live).then(|| Attention {
        kind: "quorum",
        since,
        what: format!("Nobody is there for: {}. All stand-ins were asked.", roles.join(", ")),
        todo: "Call somebody who can take it; whoever was invited holds a link to the room.".to_owned(),
        group: None,
        actions: Vec::new(),
    })
}

/// That the fallback webhook was called, and whether that worked.
fn fallback_webhook(progress: &Progress, why: &str) -> Option<Attention> {
    let since = progress.state.ended_at()?;
    let what = match progress.given_up() {
        None => format!("{why}; the fallback webhook was told."),
        Some(failure) => format!("{why}, and the fallback webhook could not be told either: {failure}."),
    };
    let todo = "Call the people of this incident yourself, and see to the linked numbers.".to_owned();
    Some(Attention { kind: "fallback_webhook", since, what, todo, group: None, actions: Vec::new() })
}

/// An incident that goes on without a group for longer than a group takes.
fn no_room(incident: &Incident, room: &Room, now: Timestamp) -> Option<Attention> {
    let (state, todo) = match room.phase.name() {
        PhaseName::Wanted => (
            "There is no group yet.",
            "See in the timeline and on the linked numbers what keeps it; it is made as soon as one of them can. \
             Call the people yourself until then.",
        ),
        PhaseName::Unsure | PhaseName::Creating => (
            "Nobody knows yet whether there is a group.",
            "It is looked for by itself. Call the people yourself until it is found.",
        ),
        PhaseName::Live | PhaseName::Closing | PhaseName::Closed | PhaseName::Skipped | PhaseName::Parked => {
            return None;
        }
    };
    let is_late = matches!(incident.state, State::Open) && later(incident.opened_at, LONG_WITHOUT) <= now;
    let told = told_alone(room);
    is_late.then(|| Attention {
        kind: "no_room",
        since: incident.opened_at,
        what: format!("{state} {told} of {} people were told 1:1.", room.seats.len()),
        todo: todo.to_owned(),
        group: None,
        actions: Vec::new(),
    })
}

/// A room that the provider makes wait for longer than a minute.
fn held(room: &Room, now: Timestamp) -> Option<Attention> {
    let until = room.throttled_until().filter(|until| later(now, LONG_HOLD) < *until)?;
    Some(Attention {
        kind: "held",
        since: now,
        what: format!("The provider makes this room wait until {}.", until.strftime("%H:%M UTC")),
        todo: "Nothing, if that is soon enough; otherwise tell the people in it yourself.".to_owned(),
        group: None,
        actions: Vec::new(),
    })
}

/// An incident of which its source says nothing any more, with a room that people sit in.
fn stale(incident: &Incident, room: &Room) -> Option<Attention> {
    let since = incident
        .stale_since
        .filter(|_| incident.state == State::Open && room.phase.name() == PhaseName::Live)?;
    Some(Attention {
        kind: "stale",
        since,
        what: format!("{} has said nothing of it since {}.", incident.source, since.strftime("%F %H:%M UTC")),
        todo: "See there whether it is over: the end of what was silenced, deleted or never sent is not told. If it \
               is, close the room."
            .to_owned(),
        group: None,
        actions: Vec::new(),
    })
}

/// A room that was read back and holds nobody who was wanted.
fn deserted(room: &Room) -> Option<Attention> {
    let somebody =
        room.seats.iter().any(|s| matches!(s.state, SeatState::In { .. } | SeatState::CannotTell { .. }));
    let is_deserted =
        room.phase.name() == PhaseName::Live && room.read_at.is_some() && !somebody && !room.seats.is_empty();
    is_deserted.then(|| Attention {
        kind: "nobody_in",
        since: phase_since(&room.phase).0,
        what: "The room is live, but none of the wanted people is in it.".to_owned(),
        todo: "Call them; those invited hold a link to it.".to_owned(),
        group: None,
        actions: Vec::new(),
    })
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

/// Since when a phase holds and, for a parked room, why.
pub(super) fn phase_since(phase: &Phase) -> (Timestamp, Option<&str>) {
    match phase {
        Phase::Wanted { since, .. }
        | Phase::Unsure { since, .. }
        | Phase::Live { since, .. }
        | Phase::Closing { since, .. }
        | Phase::Closed { since, .. }
        | Phase::Skipped { since } => (*since, None),
        Phase::Creating { asked_at } => (*asked_at, None),
        Phase::Parked { since, why, .. } => (*since, Some(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_become_sentences() {
        assert_eq!(sentence("three creates are used up"), "Three creates are used up.");
        assert_eq!(sentence("Why?"), "Why?");
        assert_eq!(sentence(""), ".");
    }
}
