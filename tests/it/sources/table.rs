//! One table of everything: each tool in each of its moods, and what is made of it.
//!
//! `cargo test --test it -- sources::table --nocapture` prints it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use warroom::alert::{Alert, AlertState, SeverityOrigin};
use warroom::source::{Parsed, SourceKind};

use super::{Sent, fixtures_of, read, source};

/// The moods in which every tool is shown, in this order; its own traps follow.
const MOODS: [&str; 6] = ["firing", "resolved", "several", "unknown_fields", "broken", "test_button"];

/// Keys are long; which are the same is what matters.
fn letter(key: &str, seen: &mut BTreeMap<String, usize>) -> String {
    let next = seen.len();
    let place = *seen.entry(key.to_owned()).or_insert(next);
    format!("key {}", place + 1)
}

fn cell(alert: &Alert, keys: &mut BTreeMap<String, usize>) -> String {
    let state = match alert.state {
        AlertState::Firing => "firing",
        AlertState::Acknowledged => "acknowledged",
        AlertState::Resolved => "resolved",
    };
    let origin = match alert.severity_origin {
        SeverityOrigin::Unmapped => " (unmapped)",
        SeverityOrigin::Field | SeverityOrigin::Rule => "",
    };
    let cut = if alert.truncated { " cut" } else { "" };
    format!("{}{origin} {state}{cut} {}", alert.severity, letter(alert.key.as_str(), keys))
}

fn row(kind: SourceKind, sent: &Sent, keys: &mut BTreeMap<String, usize>) -> String {
    let mut cells = |alerts: &[Alert]| {
        let cells: Vec<String> = alerts.iter().map(|alert| cell(alert, keys)).collect();
        cells.join(" + ")
    };
    match read(&source(kind), sent) {
        Ok(Parsed::Alerts(alerts)) => cells(&alerts),
        Ok(Parsed::Partly { alerts, unread }) => format!("{} + not understood: {unread}", cells(&alerts)),
        Ok(Parsed::Ignored { reason }) => format!("ignored: {reason}"),
        Err(why) => format!("not understood: {why}"),
    }
}

#[test]
fn every_tool_in_every_mood() {
    let mut table = String::new();
    for kind in SourceKind::ALL {
        let fixtures = fixtures_of(kind);
        let own: BTreeSet<&str> =
            fixtures.keys().map(String::as_str).filter(|name| !MOODS.contains(name)).collect();
        let mut keys = BTreeMap::new();
        writeln!(table, "{kind}: {}, {}", kind.title(), kind.proof()).unwrap();
        for mood in MOODS.into_iter().chain(own) {
            let read = match fixtures.get(mood) {
                Some(sent) => row(kind, sent, &mut keys),
                None => "(it has none)".to_owned(),
            };
            writeln!(table, "  {mood:<24} {read}").unwrap();
        }
    }
    println!("{table}");
    insta::assert_snapshot!("table", table);
}
