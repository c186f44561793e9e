//! The words of a message about who must be there.

use minijinja::Value;

use super::{Measure, SHORT, Words, list_or_none, one};
use crate::message::catalog::{Catalog, Safe};
use crate::room::escalation::Coverage;
use crate::room::{Matter, Room, Seat, SeatState};
use crate::roster::Stakeholder;

/// What a message about who must be there can speak of.
pub(super) fn about(catalog: &Catalog, room: &Room, matter: &Matter, measure: Measure) -> Words {
    let name = |name: &str| catalog.foreign(&one(name, SHORT));
    let required = room.summons.quorum.as_ref();
    let list = |each: Vec<Safe>| list_or_none(catalog, &each, measure.people);
    let (mut asked, mut role, mut instead_of) = (Value::from(()), Value::from(()), Value::from(()));
    let mut roles: &[String] = &[];
    match matter {
        Matter::StandIn { person, role: wanted } => {
            let seat = room.seats.iter().find(|s| s.who.person == *person);
            asked = Value::from(name(seat.map_or("", |s| &s.who.name)));
            role = Value::from(catalog.role(wanted));
            let chain = required.and_then(|r| r.roles.iter().find(|r| r.role == *wanted));
            let stand_in = chain.and_then(|c| c.stand_ins.iter().find(|s| s.who.person == *person));
            let replaced = stand_in.map(|s| s.instead_of.as_str()).filter(|name| !name.is_empty());
            instead_of = Value::from(replaced.map(|replaced| Value::from(name(replaced))));
        }
        Matter::Unsure { roles: of } | Matter::Short { roles: of } => roles = of,
        Matter::Reached => {}
    }
    let in_state = |cover: Coverage| {
        let these = roles.iter().filter(|role| room.coverage(role) == cover);
        list(these.map(|role| catalog.role(role)).collect())
    };
    // Those who are told last and were called anyway read it in the room.
    let is_told = |who: &&Stakeholder| room.seats.iter().any(|s| s.late && s.who.person == who.person);
    let told = required.iter().flat_map(|r| &r.otherwise).filter(is_told);
    let told = told.map(|who| name(&who.name)).collect();
    let needed = required.iter().flat_map(|r| &r.roles).filter_map(|needed| {
        let is_here = |s: &&Seat| s.who.has_role(&needed.role) && matches!(s.state, SeatState::In { .. });
        let seat = room.seats.iter().find(is_here)?;
        Some(catalog.with_role(&seat.who.name, &needed.role))
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
