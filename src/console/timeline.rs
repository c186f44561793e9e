//! A timeline as people read it: hook → moves → calls → outcomes.
//!
//! The journal keeps events, not phases, so the phase after each move is found by replaying them through the
//! state machine; where a journal does not replay, no phase is claimed.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::gateway::{NoticeKind, Session, Whom};
use crate::room::Note;
use crate::room::{EscalationStep, Event, Phase, Seat};
use crate::store::{Entry, Happening};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    /// When it began.
    pub at: Timestamp,
    /// `hook`, `call`, `move`, `notice`, `covered`, `stray`, `asked` or `refused`.
    pub kind: &'static str,
    /// The source, the step, the event, or what the gateway told.
    pub what: String,
    /// `opened` … for a hook; `ok`, the error's class, `abandoned` or `no answer yet` for a call; the phase after a move.
    pub outcome: &'static str,
    /// In words.
    pub detail: String,
    /// The linked number of a call or a notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The receipt of a hook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// When the call came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl Row {
    /// What happened, for reading.
    pub(super) fn words(&self) -> String {
        if self.kind == "hook" { self.what.clone() } else { self.what.replace('_', " ") }
    }

    /// `good`, `bad` or `plain`, for colouring.
    pub(super) fn tone(&self) -> &'static str {
        match (self.kind, self.outcome) {
            ("call", "ok") | ("move", "live") => "good",
            ("call", "no answer yet") => "plain",
            ("call" | "stray" | "refused", _) | ("move", "parked" | "unsure") => "bad",
            _ => "plain",
        }
    }
}

/// The lines of a timeline, oldest first.
pub(super) fn rows(timeline: &[Entry], seats: &[Seat]) -> Vec<Row> {
    let mut phase = timeline.first().map(|e| Phase::Wanted { since: e.at, not_before: e.at });
    timeline
        .iter()
        .map(|entry| {
            let began = matches!(&entry.what, Happening::Call { step, .. } if step == "create");
            if began {
                phase = phase.take().and_then(|p| p.after(&Event::Began, entry.at).ok());
            }
            if let Happening::Moved { event } = &entry.what {
                phase = phase.take().and_then(|p| p.after(event, entry.at).ok());
            }
            row(entry, phase.as_ref(), seats)
        })
        .collect()
}

fn row(entry: &Entry, phase: Option<&Phase>, seats: &[Seat]) -> Row {
    let plain = |kind, what: &str, outcome, detail: String| Row {
        at: entry.at,
        kind,
        what: what.to_owned(),
        outcome,
        detail,
        instance: None,
        receipt: None,
        ended_at: None,
    };
    match &entry.what {
        Happening::Hook { receipt, source, outcome } => Row {
            receipt: Some(receipt.to_string()),
            ..plain("hook", source, outcome.as_str(), String::new())
        },
        Happening::Call { step, instance, outcome, ended_at } => {
            let (word, detail) = outcome.as_ref().map_or(("no answer yet", String::new()), told);
            Row { instance: Some(instance.clone()), ended_at: *ended_at, ..plain("call", step, word, detail) }
        }
        Happening::Moved { event } => {
            plain("move", event.name(), phase.map_or("", |p| p.name().as_str()), words(event))
        }
        Happening::Notice { instance, notice } => Row {
            instance: Some(instance.clone()),
            ..plain("notice", notice.name(), "told", notice_words(notice, seats))
        },
        Happening::Stray { step, outcome } => {
            let (word, detail) = told(outcome);
            plain("stray", step, word, detail)
        }
        Happening::Covered { step, how } => plain("covered", step, "covered", how.clone()),
        Happening::Asked { what } => plain("asked", "an operator", "asked", what.clone()),
        Happening::Refused { why } => plain("refused", "operator's wish", "refused", why.clone()),
    }
}

fn told(note: &Note) -> (&'static str, String) {
    match note {
        Note::Ok { what } => ("ok", what.clone()),
        Note::Failed { error } => (error.class(), error.to_string()),
        Note::Abandoned => {
            ("abandoned", "the worker went away before the answer; the next one looked".to_owned())
        }
    }
}

/// What the gateway told, for people.
fn notice_words(notice: &NoticeKind, seats: &[Seat]) -> String {
    let all = |who: &[Whom]| who.iter().map(|whom| name(whom, seats)).collect::<Vec<_>>().join(", ");
    match notice {
        NoticeKind::Joined { who, .. } => format!("WhatsApp tells that {} joined", all(who)),
        NoticeKind::Left { who, .. } => format!("WhatsApp tells that {} left", all(who)),
        NoticeKind::WeJoined { group, .. } => format!("WhatsApp tells that our number is in {group}"),
        NoticeKind::WeLeft { .. } => {
            "WhatsApp tells that our number is out of the group; a read decides".to_owned()
        }
        NoticeKind::Renamed { subject, .. } => format!("somebody named the group \u{201c}{subject}\u{201d}"),
        NoticeKind::Changed { .. } => "something about the people changed; the members are read".to_owned(),
        NoticeKind::Session { session: Session::Working { .. } } => "the number works again".to_owned(),
        NoticeKind::Session { session: Session::Down(state) } => format!("the number is down: {state}"),
        NoticeKind::Undelivered { .. } => "a message of ours could not be sent after all".to_owned(),
        NoticeKind::Message { .. } => "a message of ours was seen in the room".to_owned(),
    }
}

/// The name, or as little of the number as tells people apart.
fn name(whom: &Whom, seats: &[Seat]) -> String {
    let seat = seats.iter().find(|seat| seat.is(whom)).map(|seat| seat.who.name.clone());
    let masked = || {
        whom.phone.as_ref().or(whom.hidden.as_ref()).map(|jid| format!("somebody else ({})", jid.masked()))
    };
    seat.or_else(masked).unwrap_or_else(|| "somebody".to_owned())
}

/// What an event means, for people.
fn words(event: &Event) -> String {
    match event {
        Event::Began => "asked for a group".to_owned(),
        Event::Made { group } => format!("the group was made: {group}"),
        Event::NotSent { retry_at } => format!("nothing was made; next try at {retry_at}"),
        Event::Lost { look_at } => format!("not known whether a group was made; looked for at {look_at}"),
        Event::Refused { why } => format!("it can never be made: {why}"),
        Event::Found { group } => format!("found the group: {group}"),
        Event::Absent { believe_at, .. } => format!("found no group; certain from {believe_at}"),
        Event::Folded { into, .. } => {
            format!("its group has to wait, so it shares the room of {into}")
        }
        Event::Unhosted { why } => format!("it waits for a group again: {why}"),
        Event::Ended => "the incident is over".to_owned(),
        Event::Gone { why } => format!("the group is gone: {why}"),
        Event::Spent { why } => format!("given up: {why}"),
        Event::Finished => "all last steps are done".to_owned(),
        Event::Escalated { step } => decided(step),
        Event::Switched { instance } => {
            format!("its number does not work: the room goes on through `{instance}`")
        }
        Event::Cancel => "an operator ended it".to_owned(),
        Event::NewGroup => "an operator says: make a new group".to_owned(),
        Event::Resume { group: None } => "an operator says: go on".to_owned(),
        Event::ClockSet => "the clock was put back; what the room waits for is due now".to_owned(),
        Event::Resume { group: Some(group) } => format!("an operator says: {group} is the room"),
    }
}

/// What was decided about those who must be there.
fn decided(step: &EscalationStep) -> String {
    match step {
        EscalationStep::Remind { role, people } => {
            format!("nobody came as {role}: {} reminded once", people.join(", "))
        }
        EscalationStep::StandIn { role, person } => {
            format!("nobody came as {role}: {person} is asked to stand in")
        }
        EscalationStep::Unsure { roles } => {
            format!("nobody can tell whether anybody is there as {}: the room is asked", roles.join(", "))
        }
        EscalationStep::Short { roles, tell } => {
            let told = if tell.is_empty() { "nobody else".to_owned() } else { tell.join(", ") };
            format!("nobody is left to ask as {}: the room is told, and {told}", roles.join(", "))
        }
        EscalationStep::Reached => "everybody needed is there after all".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::Outcome;
    use crate::store::ReceiptId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    fn call(second: i64, step: &str, outcome: Option<Note>) -> Entry {
        let what = Happening::Call { step: step.into(), instance: "one".into(), outcome, ended_at: None };
        Entry { at: at(second), what }
    }

    fn moved(second: i64, event: Event) -> Entry {
        Entry { at: at(second), what: Happening::Moved { event } }
    }

    #[test]
    fn the_phase_after_a_move_comes_from_replaying() {
        let group = "120363000000000001@g.us".parse().unwrap();
        let hook = Happening::Hook { receipt: ReceiptId(1), source: "s".into(), outcome: Outcome::Opened };
        let story = [
            Entry { at: at(0), what: hook },
            call(1, "create", Some(Note::Ok { what: "made".into() })),
            moved(2, Event::Made { group }),
            moved(3, Event::Gone { why: "removed".into() }),
        ];
        let told: Vec<_> = rows(&story, &[]).iter().map(|r| (r.kind, r.outcome, r.tone())).collect();
        assert_eq!(
            told,
            [
                ("hook", "opened", "plain"),
                ("call", "ok", "good"),
                ("move", "live", "good"),
                ("move", "parked", "bad")
            ]
        );
    }

    #[test]
    fn a_journal_that_does_not_replay_claims_no_phase() {
        let story = [moved(0, Event::Finished), moved(1, Event::Ended)];
        assert!(rows(&story, &[]).iter().all(|r| r.outcome.is_empty()));
    }

    #[test]
    fn a_call_without_an_answer_says_so() {
        let row = rows(&[call(0, "create", None)], &[]).remove(0);
        assert_eq!((row.outcome, row.tone()), ("no answer yet", "plain"));
        let row = rows(&[call(0, "create", Some(Note::Abandoned))], &[]).remove(0);
        assert_eq!((row.outcome, row.tone()), ("abandoned", "bad"));
    }
}
