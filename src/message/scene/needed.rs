//! The words of a message about who must be there.

use minijinja::Value;

use super::{Measure, SHORT, Words, one, plain, some_of, text_or_none};
use crate::room::escalation::Coverage;
use crate::room::{Matter, Room, Seat, SeatState};
use crate::roster::Stakeholder;

/// What a message about who must be there can speak of.
pub(super) fn about(room: &Room, matter: &Matter, measure: Measure) -> Words {
    let name = |person: &str| {
        let seat = room.seats.iter().find(|s| s.who.person == person);
        seat.map_or_else(String::new, |s| one(&s.who.name, SHORT))
    };
    let required = room.summons.quorum.as_ref();
    let list = |each: Vec<String>| text_or_none(&some_of(&each, measure.people, ", "));
    let (mut asked, mut role, mut instead_of) = (Value::from(()), Value::from(()), Value::from(()));
    let mut roles: &[String] = &[];
    match matter {
        Matter::StandIn { person, role: wanted } => {
            asked = plain(&name(person), SHORT);
            role = plain(wanted, SHORT);
            let chain = required.and_then(|r| r.roles.iter().find(|r| r.role == *wanted));
            let stand_in = chain.and_then(|c| c.stand_ins.iter().find(|s| s.who.person == *person));
            let replaced = stand_in.map(|s| s.instead_of.as_str()).filter(|name| !name.is_empty());
            instead_of = replaced.map_or(Value::from(()), |name| plain(name, SHORT));
        }
        Matter::Unsure { roles: of } | Matter::Short { roles: of } => roles = of,
        Matter::Reached => {}
    }
    let in_state = |cover: Coverage| {
        let these = roles.iter().filter(|role| room.coverage(role) == cover);
        list(these.map(|role| one(role, SHORT)).collect())
    };
    // Those who are told last and were called anyway read it in the room.
    let is_told = |who: &&Stakeholder| room.seats.iter().any(|s| s.late && s.who.person == who.person);
    let told = required.iter().flat_map(|r| &r.otherwise).filter(is_told);
    let told = told.map(|who| one(&who.name, SHORT)).collect();
    let needed = required.iter().flat_map(|r| &r.roles).filter_map(|needed| {
        let is_here = |s: &&Seat| s.who.has_role(&needed.role) && matches!(s.state, SeatState::In { .. });
        let seat = room.seats.iter().find(is_here)?;
        Some(one(&format!("{} {}", needed.role, seat.who.name), SHORT))
    });
    Words::from([
        ("asked", asked),
        ("role", role),
        ("instead_of", instead_of),
        ("reached", Value::from(*matter == Matter::Reached)),
        ("nobody_for", in_state(Coverage::Nobody)),
        ("unsure_for", in_state(Coverage::Perhaps)),
        ("told", list(told)),
        ("needed", list(needed.collect())),
    ])
}
