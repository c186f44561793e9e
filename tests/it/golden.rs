//! Who would be called: one roster, many situations, and for each the people that its rules give, worked out by
//! hand. The rule paths are in the snapshot beside it.
//!
//! The clocks in 2026: Berlin is put forward on 29 March at 01:00 UTC and back on 25 October at 01:00 UTC; New
//! York on 8 March at 07:00 and on 1 November at 06:00; Lord Howe, by half an hour, back on 4 April at 15:00 and
//! forward on 3 October at 15:30; Kolkata never.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use warroom::alert::Severity;
use warroom::config::{self, Colours, Surroundings};
use warroom::consent::Stances;
use warroom::roster::{Roster, Subject, Summons};

/// Labels as `name=value`, and `severity`, `source`, `title` and `assigned` beside them; when; who, in order.
type Situation = (&'static str, &'static str, &'static str);

#[rustfmt::skip]
const SITUATIONS: &[Situation] = &[
    // Berlin: 02:30 does not come on 29 March, so the turn begins as the clocks jump.
    ("on=berlin", "2026-03-28T01:29:59Z", "ada commander"),
    ("on=berlin", "2026-03-28T01:30:00Z", "ben commander"),
    ("on=berlin", "2026-03-29T00:59:59Z", "ben commander"),
    ("on=berlin", "2026-03-29T01:00:00Z", "ada commander"),
    ("on=berlin", "2026-03-30T00:29:59Z", "ada commander"),
    ("on=berlin", "2026-03-30T00:30:00Z", "ben commander"),
    // It comes twice on 25 October: both are called for that hour, who came last first.
    ("on=berlin", "2026-10-25T00:29:59Z", "ben commander"),
    ("on=berlin", "2026-10-25T00:30:00Z", "ada commander"),
    ("on=berlin", "2026-10-25T01:29:59Z", "ada commander"),
    ("on=berlin", "2026-10-25T01:30:00Z", "ada commander"),
    // New York: 02:30 does not come on 8 March, 01:30 comes twice on 1 November, and not the other way round.
    ("on=new-york-late", "2026-03-08T06:59:59Z", "cho commander"),
    ("on=new-york-late", "2026-03-08T07:00:00Z", "dan commander"),
    ("on=new-york-early", "2026-03-08T06:29:59Z", "cho commander"),
    ("on=new-york-early", "2026-03-08T06:30:00Z", "dan commander"),
    ("on=new-york-early", "2026-11-01T05:29:59Z", "cho commander"),
    ("on=new-york-early", "2026-11-01T05:30:00Z", "dan commander"),
    ("on=new-york-early", "2026-11-01T06:29:59Z", "dan commander"),
    ("on=new-york-early", "2026-11-01T06:30:00Z", "dan commander"),
    ("on=new-york-late", "2026-11-01T07:29:59Z", "cho commander"),
    ("on=new-york-late", "2026-11-01T07:30:00Z", "dan commander"),
    // Lord Howe: half an hour, 01:45 twice on 5 April there, no 02:15 on 4 October.
    ("on=lord-howe-early", "2026-04-04T14:44:59Z", "eli commander"),
    ("on=lord-howe-early", "2026-04-04T14:45:00Z", "fay commander"),
    ("on=lord-howe-early", "2026-04-04T15:14:59Z", "fay commander"),
    ("on=lord-howe-early", "2026-04-04T15:15:00Z", "fay commander"),
    ("on=lord-howe-late", "2026-10-03T15:29:59Z", "eli commander"),
    ("on=lord-howe-late", "2026-10-03T15:30:00Z", "fay commander"),
    // Kolkata, half an hour off and never changed, on the days when others are.
    ("on=kolkata", "2026-03-28T18:29:59Z", "hal commander"),
    ("on=kolkata", "2026-03-28T18:30:00Z", "gil commander"),
    ("on=kolkata", "2026-10-24T18:29:59Z", "hal commander"),
    ("on=kolkata", "2026-10-24T18:30:00Z", "gil commander"),
    // Before the first turn begins, the first person is on duty.
    ("on=berlin", "2025-12-31T12:00:00Z", "ada commander"),
    // Layers: on working days by day, else the one below; and the fallback where no layer has anybody.
    ("on=support", "2026-07-01T06:59:59Z", "kai commander"),
    ("on=support", "2026-07-01T07:00:00Z", "jon commander"),
    ("on=support", "2026-07-01T15:59:59Z", "jon commander"),
    ("on=support", "2026-07-01T16:00:00Z", "kai commander"),
    ("on=support", "2026-07-04T10:00:00Z", "kai commander"),
    ("on=support", "2026-07-08T10:00:00Z", "ivy commander"),
    ("on=desk", "2026-07-01T10:00:00Z", "lea commander"),
    ("on=desk", "2026-07-05T10:00:00Z", "max commander"),
    // Overrides, of which the last that covers a moment counts.
    ("on=berlin", "2026-12-24T07:59:59Z", "ada commander"),
    ("on=berlin", "2026-12-24T08:00:00Z", "kai commander"),
    ("on=berlin", "2026-12-25T06:00:00Z", "lea commander"),
    ("on=berlin", "2026-12-25T11:00:00Z", "kai commander"),
    ("on=berlin", "2026-12-27T08:00:00Z", "ben commander"),
    // Absences: the next in the rotation, the stand-in, and the person all the same if nobody else is there.
    ("on=berlin", "2026-05-11T12:00:00Z", "ada commander"),
    ("on=berlin", "2026-05-13T12:00:00Z", "ben commander"),
    ("on=new-york-late", "2026-05-11T12:00:00Z", "lea commander"),
    ("on=kolkata", "2026-06-02T12:00:00Z", "hal commander"),
    // Routes: the first that matches, `continue`, severities, patterns over the whole value, absent labels.
    ("service=shop", "2026-07-01T10:00:00Z", "max commander; lea commander; jon specialist; kai scribe"),
    ("service=shop severity=sev2", "2026-07-01T10:00:00Z", "lea commander; jon specialist; kai scribe"),
    ("service=cart", "2026-07-01T10:00:00Z", "lea commander; jon specialist"),
    ("service=shopping", "2026-07-01T10:00:00Z", "lea commander; eli specialist"),
    ("service=pay", "2026-07-01T10:00:00Z", "max commander; kai specialist; lea specialist; gil specialist"),
    ("service=pay environment=staging", "2026-07-01T10:00:00Z", "lea commander"),
    ("service=pay environment=staging title=a-drill-only", "2026-07-01T10:00:00Z", "lea commander; eli specialist"),
    ("service=x source=other", "2026-07-01T10:00:00Z", "fay commander"),
    // Assignees whom the roster knows, in whatever case; a first role of their own, unless it leads.
    ("service=cart assigned=ADA@ops.example", "2026-07-01T10:00:00Z", "lea commander; jon specialist; ada assignee"),
    ("service=cart assigned=jon@ops.example", "2026-07-01T10:00:00Z", "lea commander; jon specialist"),
    ("service=cart assigned=kai@ops.example", "2026-07-01T10:00:00Z", "lea commander; jon specialist; kai specialist"),
    ("service=cart assigned=who@else.example", "2026-07-01T10:00:00Z", "lea commander; jon specialist"),
    // A client's people, whatever the route.
    ("service=cart client=Acme", "2026-07-01T10:00:00Z", "lea commander; jon specialist; ivy client"),
    ("client=acme", "2026-07-05T10:00:00Z", "max commander; eli specialist; ivy client"),
    // The fallback, where no route matches, and where one calls nobody.
    ("service=unknown", "2026-07-01T10:00:00Z", "lea commander; eli specialist"),
    ("service=empty", "2026-07-05T10:00:00Z", "max commander; eli specialist"),
];

fn roster() -> Roster {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden.yaml");
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let surroundings = Surroundings { open_at: Severity::Sev1, ours: &[], sources: None, now };
    match config::load_roster(&path, &surroundings, Stances::default()) {
        Ok((roster, ..)) => roster,
        Err(findings) => panic!("{}", findings.draw(Colours::No)),
    }
}

fn summon(roster: &Roster, situation: &str, at: &str) -> Summons {
    let mut labels: BTreeMap<String, String> = situation
        .split(' ')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let assignees: Vec<String> = labels.remove("assigned").into_iter().collect();
    let severity = match labels.remove("severity").as_deref() {
        None => Severity::Sev1,
        Some("sev2") => Severity::Sev2,
        Some(other) => panic!("{other}"),
    };
    let source = labels.remove("source").unwrap_or_else(|| "pager".to_owned());
    let title = labels.remove("title").unwrap_or_else(|| "it is down".to_owned());
    let subject =
        Subject { labels: &labels, source: &source, severity, title: &title, assignees: &assignees };
    roster.summon(&subject, at.parse().unwrap())
}

#[test]
fn everybody_is_called_whom_the_rules_give_and_nobody_else() {
    let roster = roster();
    let mut told = String::new();
    let mut wrong = Vec::new();
    for (situation, at, expected) in SITUATIONS {
        let summons = summon(&roster, situation, at);
        let people: Vec<String> =
            summons.stakeholders.iter().map(|s| format!("{} {}", s.person, s.role)).collect();
        if people.join("; ") != *expected {
            wrong.push(format!("{situation} at {at}: {}, not {expected}", people.join("; ")));
        }
        writeln!(told, "{situation}, {at}: {} ({})", summons.route, summons.rule).unwrap();
        for one in &summons.stakeholders {
            writeln!(told, "    {} {}: {}", one.person, one.role, one.why).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(SITUATIONS.len() >= 60);
    insta::assert_snapshot!(told);
}
