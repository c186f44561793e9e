//! Who is in the room, who is not, and why.

use super::{Measure, SHORT, Words, list_or_none, one};
use crate::message::catalog::{Catalog, Safe};
use crate::message::phrase::Phrase;
use crate::room::seat::Refused;
use crate::room::{Room, SeatState};

/// What texts can say of the people in the room, by what is known of them.
pub(super) fn about(catalog: &Catalog, room: &Room, measure: Measure) -> Words {
    let name = |name: &str| catalog.foreign(&one(name, SHORT));
    let those = |wanted: fn(&SeatState) -> bool| {
        let seats = room.seats.iter().filter(|s| wanted(&s.state));
        let names: Vec<Safe> = seats.map(|s| name(&s.who.name)).collect();
        list_or_none(catalog, &names, measure.people)
    };
    let missing = room.seats.iter().filter_map(|s| match s.state {
        SeatState::Refused { why } => {
            let why = refused(catalog, why);
            Some(catalog.say(Phrase::WithRole, &[("name", &name(&s.who.name)), ("role", &why)]))
        }
        _ => None,
    });
    let invited = room.seats.iter().filter_map(|s| match &s.state {
        SeatState::Invited { .. } => Some(name(&s.who.name)),
        SeatState::Replaced { by, .. } => {
            let by = catalog.say(Phrase::SeatReplaced, &[("by", &name(by))]);
            Some(catalog.say(Phrase::WithRole, &[("name", &name(&s.who.name)), ("role", &by)]))
        }
        _ => None,
    });
    let list = |each: Vec<Safe>| list_or_none(catalog, &each, measure.people);
    Words::from([
        (
            "arriving",
            those(|s| {
                !matches!(s, SeatState::In { .. } | SeatState::Left { .. } | SeatState::Refused { .. })
            }),
        ),
        ("absent", those(|s| matches!(s, SeatState::Refused { .. }))),
        ("here", those(|s| matches!(s, SeatState::In { .. }))),
        ("asked_in", those(|s| matches!(s, SeatState::Wanted | SeatState::Asked))),
        ("invited", list(invited.collect())),
        ("left", those(|s| matches!(s, SeatState::Left { .. }))),
        ("unclear", those(|s| matches!(s, SeatState::CannotTell { .. }))),
        ("missing", list(missing.collect())),
    ])
}

/// What is known of somebody's being there.
pub(super) fn seat(catalog: &Catalog, state: &SeatState) -> Safe {
    let phrase = match state {
        SeatState::Wanted | SeatState::Asked => Phrase::SeatAsked,
        SeatState::In { .. } => Phrase::SeatIn,
        SeatState::Invited { .. } => Phrase::SeatInvited,
        SeatState::Left { .. } => Phrase::SeatLeft,
        SeatState::Refused { why } => return refused(catalog, *why),
        SeatState::CannotTell { .. } => Phrase::SeatUnclear,
        SeatState::Replaced { by, .. } => {
            return catalog.say(Phrase::SeatReplaced, &[("by", &catalog.foreign(&one(by, SHORT)))]);
        }
    };
    catalog.words(phrase)
}

fn refused(catalog: &Catalog, why: Refused) -> Safe {
    catalog.words(match why {
        Refused::NotOnNetwork => Phrase::NotOnNetwork,
        Refused::Blocked => Phrase::Blocked,
        Refused::LeftRecently => Phrase::LeftRecently,
        Refused::Full => Phrase::Full,
        Refused::Stranger => Phrase::Stranger,
        Refused::Undeliverable => Phrase::Undeliverable,
        Refused::OverSize => Phrase::OverSize,
        Refused::NotNeeded => Phrase::NotNeeded,
        Refused::Stopped { .. } => Phrase::Stopped,
    })
}
