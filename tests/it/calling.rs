//! Whom a roster with teams, clients and people's roles calls: one roster, a table of situations.

use std::collections::BTreeMap;

use warroom::alert::Severity;
use warroom::config;
use warroom::consent::Stances;
use warroom::roster::{Roster, Subject, Summons};

const ROSTER: &str = r#"
people:
  ada: { name: Ada, phone: "+15550100101", opted_in: true, email: ada@ops.example, roles: [ commander, specialist ] }
  ben: { name: Ben, phone: "+15550100102", opted_in: true, email: ben@ops.example, roles: [ specialist ] }
  cho:
    name: Cho
    phone: "+15550100103"
    opted_in: true
    email: cho@ops.example
    stand_in: dan
    absences: [ { from: 2026-02-02 00:00, until: 2026-02-07 00:00 } ]
    timezone: Europe/Berlin
  dan: { name: Dan, phone: "+15550100104", opted_in: true, email: dan@ops.example, roles: [ scribe ] }
  eli: { name: Eli, phone: "+15550100105", opted_in: true, email: eli@ops.example, roles: [ commander, database ] }
  fay: { name: Fay, phone: "+15550100106", opted_in: true, email: fay@ops.example, roles: [ commander ] }
  gil: { name: Gil, phone: "+15550100107", opted_in: true }
  hal: { name: Hal, phone: "+15550100108", opted_in: true }
  # Away in the third week of her rotation.
  ida:
    name: Ida
    phone: "+15550100109"
    opted_in: true
    timezone: Europe/Berlin
    roles: [ commander, specialist ]
    absences: [ { from: 2026-01-19 00:00, until: 2026-01-26 00:00 } ]
rotations:
  # ada from 5 January, ben from the 12th, ida from the 19th, and so on.
  platform: { timezone: Europe/Berlin, start: 2026-01-05 09:00, shift_length: 1 week, people: [ ada, ben, ida ] }
teams:
  payments: { name: Payments, people: [ ben, cho, dan ] }
  duty: { people: [ rotation:platform ] }
  leads: { people: [ fay, eli ] }
clients:
  acme:
    name: Acme GmbH
    also: [ "ACME-Prod", "Acme Inc." ]
    invite: { client: [ gil ], account manager: [ hal ] }
    runbook: https://runbooks.example/acme
  globex:
    invite: { commander: [ gil ], client: [ team:payments ] }
  initech:
    invite: { account manager: [ rotation:platform ], specialist: [ team:duty ] }
routes:
  - name: payments
    match: 'service = payments'
    invite: { commander: [ fay ], specialist: [ team:payments ], scribe: [ team:payments ] }
    runbook: https://runbooks.example/payments
  - name: duty
    match: 'service = duty'
    invite: { specialist: [ team:duty ], commander: [ team:duty ] }
    quorum: { roles: [ commander ], otherwise: [ team:payments ] }
  - { name: discreet, match: 'service = discreet', clients: false, invite: { commander: [ fay ] } }
  - { name: leaderless, match: 'service = leaderless', invite: { specialist: [ ben ] } }
  - { name: nobody, match: 'service = nobody', invite: { client: [] } }
  - { name: first, match: 'service = two', continue: true, invite: { commander: [ fay ] } }
  - { name: second, match: 'service = two', clients: false, invite: { specialist: [ team:payments ] } }
  - { name: gil alone, match: 'service = gil', invite: { specialist: [ gil ] } }
fallback:
  invite: { commander: [ team:leads ] }
"#;

/// A week of ada, one of ben, one of ida, who is away then, and one of ada in which cho is away.
const ADAS: &str = "2026-01-06T12:00:00Z";
const BENS: &str = "2026-01-13T12:00:00Z";
const IDAS: &str = "2026-01-20T12:00:00Z";
const CHO_AWAY: &str = "2026-02-03T12:00:00Z";

fn roster() -> Roster {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.yaml");
    std::fs::write(&path, ROSTER).unwrap();
    let now = "2026-01-05T12:00:00Z".parse().unwrap();
    let surroundings = config::Surroundings { open_at: Severity::Sev1, ours: &[], sources: None, now };
    match config::load_roster(&path, &surroundings, Stances::default()) {
        Ok((roster, ..)) => roster,
        Err(findings) => panic!("{}", findings.draw(config::Colours::No)),
    }
}

fn summon(labels: &[(&str, &str)], assignees: &[&str], at: &str) -> Summons {
    let labels: BTreeMap<String, String> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let assignees: Vec<String> = assignees.iter().map(|a| format!("{a}@ops.example")).collect();
    let subject = Subject {
        labels: &labels,
        source: "pager",
        severity: Severity::Sev1,
        title: "checkout is down",
        assignees: &assignees,
    };
    roster().summon(&subject, at.parse().unwrap())
}

fn people(summons: &Summons) -> Vec<String> {
    summons.stakeholders.iter().map(|s| format!("{}: {} ({})", s.person, s.role, s.why)).collect()
}

/// Labels, whom the source has assigned, when, and the people in their order.
type Situation =
    (&'static [(&'static str, &'static str)], &'static [&'static str], &'static str, &'static [&'static str]);

#[rustfmt::skip]
const SITUATIONS: &[Situation] = &[
    // Teams, by role.
    (&[("service", "payments")], &[], ADAS, &[
        "fay: commander (named in route payments)",
        "ben: specialist (team payments, named in route payments)",
        "cho: specialist, scribe (team payments, named in route payments)",
        "dan: scribe (team payments, named in route payments)",
    ]),
    // Dan would stand in for Cho, but is no specialist; as a scribe he is there anyway.
    (&[("service", "payments")], &[], CHO_AWAY, &[
        "fay: commander (named in route payments)",
        "ben: specialist (team payments, named in route payments)",
        "cho: specialist (team payments, named in route payments; Cho is away until 2026-02-07 00:00 Europe/Berlin, but nobody else is there)",
        "dan: scribe (team payments, named in route payments; Cho is away until 2026-02-07 00:00 Europe/Berlin, so Dan instead)",
    ]),
    // A rotation in a team.
    (&[("service", "duty")], &[], ADAS, &[
        "ada: commander, specialist (team duty; rotation platform, week 2, on duty until 2026-01-12 09:00 Europe/Berlin)",
    ]),
    (&[("service", "duty")], &[], BENS, &[
        "ben: specialist (team duty; rotation platform, week 3, on duty until 2026-01-19 09:00 Europe/Berlin)",
    ]),
    // Ida is away: ada follows in both roles, because ben may not lead and she comes first.
    (&[("service", "duty")], &[], IDAS, &[
        "ada: commander, specialist (team duty; rotation platform, week 4, on duty until 2026-01-26 09:00 Europe/Berlin; Ida is away until 2026-01-26 00:00 Europe/Berlin, so Ada instead)",
    ]),
    // Whom the source has assigned: in their first role that does not lead.
    (&[("service", "discreet")], &["ada", "ben", "cho", "dan", "eli"], ADAS, &[
        "fay: commander (named in route discreet)",
        "ada: specialist (assigned by pager)",
        "ben: specialist (assigned by pager)",
        "cho: assignee (assigned by pager)",
        "dan: scribe (assigned by pager)",
        "eli: database (assigned by pager)",
    ]),
    (&[("service", "leaderless")], &["fay"], ADAS, &[
        "ben: specialist (named in route leaderless)",
        "fay: assignee (assigned by pager)",
    ]),
    (&[("service", "leaderless")], &["cho"], CHO_AWAY, &[
        "ben: specialist (named in route leaderless)",
        "dan: scribe (assigned by pager; Cho is away until 2026-02-07 00:00 Europe/Berlin, so Dan instead)",
    ]),
    (&[("service", "payments")], &["ben"], ADAS, &[
        "fay: commander (named in route payments)",
        "ben: specialist (team payments, named in route payments; assigned by pager)",
        "cho: specialist, scribe (team payments, named in route payments)",
        "dan: scribe (team payments, named in route payments)",
    ]),
    // Clients, in any route and in the fallback, whatever the case of the label.
    (&[("client", "acme")], &[], ADAS, &[
        "fay: commander (team leads, named in the fallback)",
        "eli: commander (team leads, named in the fallback)",
        "gil: client (contact of client acme)",
        "hal: account manager (contact of client acme)",
    ]),
    (&[("client", "ACME"), ("service", "leaderless")], &[], ADAS, &[
        "ben: specialist (named in route leaderless)",
        "gil: client (contact of client acme)",
        "hal: account manager (contact of client acme)",
    ]),
    (&[("client", "acme-prod"), ("service", "leaderless")], &["ada"], ADAS, &[
        "ben: specialist (named in route leaderless)",
        "gil: client (contact of client acme)",
        "hal: account manager (contact of client acme)",
        "ada: specialist (assigned by pager)",
    ]),
    (&[("client", " acme INC. "), ("service", "gil")], &[], ADAS, &[
        "gil: specialist, client (named in route gil alone; contact of client acme)",
        "hal: account manager (contact of client acme)",
    ]),
    // What is only like a client, or only in another label, is none.
    (&[("client", "acm"), ("service", "leaderless")], &[], ADAS, &["ben: specialist (named in route leaderless)"]),
    (&[("customer", "acme"), ("service", "leaderless")], &[], ADAS, &["ben: specialist (named in route leaderless)"]),
    (&[("client", ""), ("service", "leaderless")], &[], ADAS, &["ben: specialist (named in route leaderless)"]),
    // A route may want none of them; of several routes one is enough.
    (&[("client", "acme"), ("service", "discreet")], &[], ADAS, &["fay: commander (named in route discreet)"]),
    (&[("client", "acme"), ("service", "two")], &[], ADAS, &[
        "fay: commander (named in route first)",
        "ben: specialist (team payments, named in route second)",
        "cho: specialist (team payments, named in route second)",
    ]),
    // A client is no reason to leave the fallback out.
    (&[("client", "acme"), ("service", "nobody")], &[], ADAS, &[
        "fay: commander (team leads, named in the fallback)",
        "eli: commander (team leads, named in the fallback)",
        "gil: client (contact of client acme)",
        "hal: account manager (contact of client acme)",
    ]),
    // A client's commander leads only where nobody else does.
    (&[("client", "globex"), ("service", "discreet")], &[], ADAS, &["fay: commander (named in route discreet)"]),
    (&[("client", "globex"), ("service", "leaderless")], &[], ADAS, &[
        "gil: commander (contact of client globex)",
        "ben: specialist (named in route leaderless)",
        "cho: client (team payments, contact of client globex)",
    ]),
    (&[("client", "globex")], &[], ADAS, &[
        "fay: commander (team leads, named in the fallback)",
        "eli: commander (team leads, named in the fallback)",
        "gil: client (contact of client globex)",
        "cho: client (team payments, contact of client globex)",
    ]),
    (&[("client", "globex"), ("service", "gil")], &[], ADAS, &[
        "gil: commander, specialist (named in route gil alone; contact of client globex)",
        "cho: client (team payments, contact of client globex)",
    ]),
    // The same where the routes' commander is nobody this week.
    (&[("client", "globex"), ("service", "duty")], &[], BENS, &[
        "gil: commander (contact of client globex)",
        "ben: specialist (team duty; rotation platform, week 3, on duty until 2026-01-19 09:00 Europe/Berlin)",
        "cho: client (team payments, contact of client globex)",
    ]),
    // Rotations and teams of a client.
    (&[("client", "initech"), ("service", "discreet")], &[], ADAS, &["fay: commander (named in route discreet)"]),
    (&[("client", "initech"), ("service", "gil")], &[], BENS, &[
        "gil: specialist (named in route gil alone)",
        "ben: account manager, specialist (contact of client initech; rotation platform, week 3, on duty until 2026-01-19 09:00 Europe/Berlin; contact of client initech; team duty; rotation platform, week 3, on duty until 2026-01-19 09:00 Europe/Berlin)",
    ]),
];

#[test]
fn everybody_is_called_whom_the_situation_calls_for() {
    for (labels, assignees, at, expected) in SITUATIONS {
        let summons = summon(labels, assignees, at);
        assert_eq!(people(&summons), *expected, "{labels:?} {assignees:?} {at}");
    }
}

#[test]
fn the_client_is_named_and_its_runbook_counts_where_the_routes_have_none() {
    let summons = summon(&[("client", "ACME-PROD"), ("service", "leaderless")], &[], ADAS);
    assert_eq!(summons.client.as_deref(), Some("Acme GmbH"));
    assert_eq!(summons.runbook.as_deref(), Some("https://runbooks.example/acme"));
    let summons = summon(&[("client", "acme"), ("service", "payments")], &[], ADAS);
    assert_eq!(summons.runbook.as_deref(), Some("https://runbooks.example/payments"));
    let summons = summon(&[("client", "globex")], &[], ADAS);
    assert_eq!((summons.client.as_deref(), summons.runbook), (Some("globex"), None));
    // Also where none of its people are called: the incident is theirs all the same.
    let summons = summon(&[("client", "acme"), ("service", "discreet")], &[], ADAS);
    assert_eq!((summons.client.as_deref(), summons.contacts_of), (Some("Acme GmbH"), None));
    assert_eq!(summon(&[("service", "payments")], &[], ADAS).client, None);
}

#[test]
fn those_who_may_lead_stand_in_for_a_teams_commander_and_all_of_a_team_are_told_last() {
    let summons = summon(&[("service", "duty")], &[], ADAS);
    let quorum = summons.quorum.unwrap();
    let stand_ins: Vec<(&str, &str)> =
        quorum.roles[0].stand_ins.iter().map(|s| (s.who.person.as_str(), s.who.why.as_str())).collect();
    assert_eq!(stand_ins, [("ida", "stands in for Ada; next in rotation platform")], "ben may not lead");
    let told: Vec<&str> = quorum.otherwise.iter().map(|s| s.person.as_str()).collect();
    assert_eq!(told, ["ben", "cho", "dan"]);
}

#[test]
fn summons_from_before_there_were_clients_are_read() {
    let summons = summon(&[("client", "acme")], &[], ADAS);
    let mut stored = serde_json::to_value(&summons).unwrap();
    stored.as_object_mut().unwrap().remove("client").unwrap();
    stored.as_object_mut().unwrap().remove("contacts_of").unwrap();
    let read: Summons = serde_json::from_value(stored).unwrap();
    assert_eq!(read, Summons { client: None, contacts_of: None, ..summons });
}
