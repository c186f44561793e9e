//! `warroom oncall`: a calendar of who is on duty, as the roster says today.

use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use serde::Serialize;

use super::{Failure, load};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::config::{self, Colours, Strictness, Surroundings};
use crate::roster::{Reassignment, Roster, Rotation, Span, occurrences, reassignments};

/// How long the calendar is if nobody says.
pub(super) const USUAL: SignedDuration = SignedDuration::from_hours(28 * 24);
/// The longest one: more than this nobody reads, and hourly turns would fill gigabytes.
const LONGEST: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Question {
    /// One rotation; all of them if absent.
    pub rotation: Option<String>,
    /// The beginning.
    pub from: Timestamp,
    /// The end; four weeks later if absent.
    pub until: Option<Timestamp>,
    /// An old roster: only what it says otherwise is shown.
    pub against: Option<PathBuf>,
    /// Whether a program reads the answer.
    pub json: bool,
}

#[derive(Serialize)]
struct Changes<'a> {
    rotation: &'a str,
    timezone: &'a str,
    #[serde(rename = "changes")]
    found: Vec<Reassignment>,
}

#[derive(Serialize)]
struct Calendar<'a> {
    rotation: &'a str,
    timezone: &'a str,
    spans: Vec<Span>,
}

/// Answers `question` by the roster of the config at `path`. Exit code 1 if somewhere nobody is on duty, or, against
/// an old roster, if somebody else is on duty at the beginning.
pub fn run(path: &Path, question: &Question, out: &mut dyn Write) -> Result<u8, Failure> {
    let loaded = load(path, Strictness::Check)?;
    let roster = &loaded.roster;
    let until = question.until.unwrap_or_else(|| later(question.from, USUAL));
    if until <= question.from {
        return Err(Failure::wrong("`--to` is not after `--from`"));
    }
    if until.duration_since(question.from) > LONGEST {
        return Err(Failure::wrong("a calendar is ten years long at most"));
    }
    let rotations: Vec<&Rotation> = match &question.rotation {
        Some(name) => vec![roster.rotations.get(name).ok_or_else(|| no_such(name, roster))?],
        None => roster.rotations.values().collect(),
    };
    if let Some(against) = &question.against {
        let surroundings = Surroundings {
            open_at: loaded.config.rooms.open_at,
            ours: &[],
            sources: None,
            now: question.from,
        };
        let (old, _) = config::load_what_can_be_read(against, &surroundings).map_err(|findings| {
            Failure::no(format!("{}\nthe roster to compare with cannot be read", findings.draw(Colours::No)))
        })?;
        return compare(&old, roster, &rotations, question.from..until, question.json, out);
    }
    let calendars: Vec<Calendar<'_>> = rotations
        .into_iter()
        .map(|rotation| Calendar {
            rotation: &rotation.name,
            timezone: &rotation.zone_name,
            spans: roster.calendar(rotation, question.from, until),
        })
        .collect();
    if question.json {
        let json = serde_json::to_string_pretty(&calendars).map_err(io::Error::other)?;
        writeln!(out, "{json}")?;
    } else if calendars.is_empty() {
        writeln!(out, "the roster has no rotations")?;
    } else {
        for (n, calendar) in calendars.iter().enumerate() {
            if n > 0 {
                writeln!(out)?;
            }
            draw(calendar, roster, out)?;
        }
    }
    let gaps = calendars.iter().flat_map(|c| &c.spans).any(|span| span.people.is_empty());
    Ok(u8::from(gaps))
}

/// Shows when somebody else is on duty than by the old roster.
fn compare(
    old: &Roster,
    roster: &Roster,
    rotations: &[&Rotation],
    time: Range<Timestamp>,
    json: bool,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let changes = rotations.iter().map(|rotation| {
        let before = old.rotations.get(&rotation.name);
        let before = before.map(|before| old.calendar(before, time.start, time.end)).unwrap_or_default();
        let now = roster.calendar(rotation, time.start, time.end);
        let changes = reassignments(&before, &now);
        Changes { rotation: &rotation.name, timezone: &rotation.zone_name, found: changes }
    });
    let changes: Vec<Changes<'_>> = changes.filter(|rotation| !rotation.found.is_empty()).collect();
    if json {
        let json = serde_json::to_string_pretty(&changes).map_err(io::Error::other)?;
        writeln!(out, "{json}")?;
    } else if changes.is_empty() {
        writeln!(out, "the same people are on duty")?;
    }
    for rotation in changes.iter().filter(|_| !json) {
        writeln!(out, "{} ({})", rotation.rotation, rotation.timezone)?;
        let zone = TimeZone::get(rotation.timezone).unwrap_or(TimeZone::UTC);
        for Reassignment { from, until, before, now } in &rotation.found {
            let (from, until) = (local(*from, &zone), local(*until, &zone));
            writeln!(out, "  {from} – {until}  {} instead of {}", names(now, roster), names(before, old))?;
        }
    }
    let changes_hands = |rotation: &Changes<'_>| rotation.found.iter().any(|c| c.from == time.start);
    Ok(u8::from(changes.iter().any(changes_hands)))
}

/// People as they are shown.
fn names(keys: &[String], roster: &Roster) -> String {
    let name =
        |key: &String| roster.people.get(key).map_or_else(|| key.clone(), |p| format!("{} ({key})", p.name));
    let names: Vec<String> = keys.iter().map(name).collect();
    if names.is_empty() { "NOBODY".to_owned() } else { names.join(" and ") }
}

fn no_such(name: &str, roster: &Roster) -> Failure {
    let known: Vec<&str> = roster.rotations.keys().map(String::as_str).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Failure::wrong(format!("no rotation `{name}` in the roster; there are: {known}"))
}

fn draw(calendar: &Calendar<'_>, roster: &Roster, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} ({})", calendar.rotation, calendar.timezone)?;
    let zone = TimeZone::get(calendar.timezone).unwrap_or(TimeZone::UTC);
    for span in &calendar.spans {
        let people = names(&span.people, roster);
        writeln!(out, "  {} – {}  {people}", local(span.from, &zone), local(span.until, &zone))?;
    }
    Ok(())
}

/// `Mon 2026-11-23 09:00`; with the offset in an hour that is repeated, which would else name two moments.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    let civil = zone.to_datetime(at);
    let text = civil.strftime("%a %Y-%m-%d %H:%M");
    if occurrences(zone, civil).len() > 1 {
        format!("{text} {}", zone.to_offset(at))
    } else {
        text.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_hour_says_which_of_the_two_is_meant() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let shown = |at: &str| local(at.parse().unwrap(), &zone);
        assert_eq!(shown("2026-10-25T00:30:00Z"), "Sun 2026-10-25 02:30 +02");
        assert_eq!(shown("2026-10-25T01:30:00Z"), "Sun 2026-10-25 02:30 +01");
        assert_eq!(shown("2026-10-25T02:30:00Z"), "Sun 2026-10-25 03:30");
        assert_eq!(shown("2026-03-29T01:00:00Z"), "Sun 2026-03-29 03:00");
    }
}
