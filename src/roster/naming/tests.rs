use std::collections::BTreeMap;

use super::*;
use crate::jid::Jid;
use crate::roster::{Handout, Layer, Route, Team, USUAL_SIZE};

fn people() -> BTreeMap<String, Person> {
    let people: [(&str, &[&str]); 4] =
        [("ada", &["commander", "specialist"]), ("ben", &["specialist"]), ("cho", &[]), ("dan", &["scribe"])];
    let person = |(n, (key, roles)): (usize, (&str, &[&str]))| Person {
        key: key.to_owned(),
        name: key.to_owned(),
        jid: Jid::from_phone(&format!("+1555010010{n}")).unwrap(),
        email: None,
        timezone: None,
        opted_in: true,
        stand_in: None,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        absences: Vec::new(),
        language: None,
    };
    people.into_iter().enumerate().map(person).map(|p| (p.key.clone(), p)).collect()
}

fn rotation(name: &str, people: &[&str], hours: Vec<crate::roster::Hours>) -> (String, Rotation) {
    let layer = Layer {
        name: String::new(),
        start: "2026-01-05T09:00".parse().unwrap(),
        shift_length: jiff::SignedDuration::from_hours(168),
        people: people.iter().map(|p| (*p).to_owned()).collect(),
        hours,
    };
    (name.to_owned(), Rotation::of(name, "Europe/Berlin", vec![layer]).unwrap())
}

fn invitee(text: &str) -> Invitee {
    match text.split_once(':') {
        Some(("rotation", name)) => Invitee::Rotation(name.to_owned()),
        Some((_, name)) => Invitee::Team(name.to_owned()),
        None => Invitee::Person(text.to_owned()),
    }
}

fn roster(teams: &[(&str, &[&str])]) -> Roster {
    let mornings = crate::roster::Hours { days: [true; 7], from: 8 * 3600, length: 4 * 3600 };
    let team = |(key, members): &(&str, &[&str])| {
        let people = members.iter().map(|m| invitee(m)).collect();
        ((*key).to_owned(), Team { key: (*key).to_owned(), name: (*key).to_owned(), people })
    };
    Roster {
        people: people(),
        rotations: BTreeMap::from([
            rotation("both", &["ada", "ben"], Vec::new()),
            rotation("mornings", &["ada", "cho"], vec![mornings]),
        ]),
        teams: teams.iter().map(team).collect(),
        clients: BTreeMap::new(),
        routes: Vec::new(),
        fallback: Route {
            name: FALLBACK.to_owned(),
            matchers: Vec::new(),
            goes_on: false,
            invite: Vec::new(),
            runbook: None,
            quorum: None,
            size: USUAL_SIZE,
            important: false,
            clients: true,
            deputies: Vec::new(),
            handout: Handout::default(),
        },
    }
}

#[test]
fn how_surely_somebody_is_given() {
    let roster = roster(&[
        ("singles", &["ben", "dan"]),
        ("anybody", &["cho"]),
        ("turns", &["rotation:both"]),
        ("early", &["rotation:mornings"]),
        ("backed", &["rotation:both", "ada"]),
    ]);
    for (text, role, expected) in [
        ("dan", "commander", Giving::Always), // Whoever is named by a route is called, with a remark.
        ("rotation:both", "commander", Giving::Always),
        ("rotation:mornings", "commander", Giving::AtTimes),
        ("team:singles", "commander", Giving::Nobody),
        ("team:singles", "specialist", Giving::Always),
        ("team:singles", "scribe", Giving::Always),
        ("team:anybody", "whatever", Giving::Always),
        ("team:turns", "specialist", Giving::Always),
        ("team:turns", "commander", Giving::AtTimes), // Not in ben's weeks.
        ("team:turns", "scribe", Giving::Nobody),
        ("team:early", "commander", Giving::AtTimes), // Only in the mornings.
        ("team:backed", "commander", Giving::Always),
        ("team:unknown", "commander", Giving::Always),
    ] {
        assert_eq!(roster.gives(&invitee(text), role), expected, "{text} as {role}");
    }
}

#[test]
fn a_team_stands_for_those_who_may_have_the_role() {
    let roster = roster(&[("all", &["ada", "ben", "cho", "dan", "rotation:both"])]);
    let everybody = |text: &str, role: &str| -> Vec<String> {
        roster.everybody(&invitee(text), role).into_iter().map(str::to_owned).collect()
    };
    assert_eq!(everybody("team:all", "commander"), ["ada", "cho"]);
    assert_eq!(everybody("team:all", "specialist"), ["ada", "ben", "cho"]);
    assert_eq!(everybody("team:all", "client"), ["cho"]);
    assert_eq!(everybody("rotation:both", "client"), ["ada", "ben"], "the roster's own choice");
    let whom = invitee("team:all");
    assert_eq!(roster.members(&whom, "client"), [&invitee("cho")]);
    assert_eq!(roster.members(&whom, "commander").len(), 3, "ada, cho, and the rotation in ada's weeks");
}

#[test]
fn how_many_are_called_counts_each_person_and_each_rotation_once() {
    let roster = roster(&[("all", &["ada", "ben", "cho", "dan", "rotation:both"])]);
    let most = |invites: &[(&str, &[&str])]| {
        let invites: Vec<Invite> = invites
            .iter()
            .map(|(role, whom)| Invite {
                role: (*role).to_owned(),
                whom: whom.iter().map(|w| invitee(w)).collect(),
            })
            .collect();
        roster.most_called(&invites)
    };
    assert_eq!(most(&[("client", &["team:all"])]), (1, 1));
    assert_eq!(most(&[("specialist", &["team:all"])]), (3, 4));
    assert_eq!(most(&[("specialist", &["team:all"]), ("scribe", &["team:all", "dan"])]), (4, 5));
    assert_eq!(most(&[("specialist", &["team:all", "rotation:both", "rotation:mornings"])]), (3, 5));
}
