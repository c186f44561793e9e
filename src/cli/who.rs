//! `warroom who`: a dry run of the roster. Which route, which people in which role, and why.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::alert::{DedupKey, Severity};
use crate::cli::check;
use crate::clock::{Timestamp, wall_moment};
use crate::config::{self, Colours, Loaded, Strictness};
use crate::consent::Stances;
use crate::gateway::InviteLink;
use crate::incident::{Incident, IncidentId, State};
use crate::message::{Composer, Wording};
use crate::room::{Also, Room, Why};
use crate::roster::{Dashboard, Subject, Summons};

mod called;

use called::{Called, Needed, needed};

/// The incident that is asked about.
#[derive(Debug, Clone)]
pub struct Question {
    /// As a monitoring tool would report them; `source` and `title` are taken from here if they are among
    /// them.
    pub labels: BTreeMap<String, String>,
    /// How bad it is.
    pub severity: Severity,
    /// Whom the monitoring tool has assigned, by e-mail address.
    pub assignees: Vec<String>,
    /// When.
    pub at: Timestamp,
    /// The present moment: what the files are checked by.
    pub now: Timestamp,
    /// Whether to show what these people would read.
    pub render: bool,
    /// Whether a program reads the answer.
    pub json: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    at: String,
    severity: Severity,
    opens_a_room: bool,
    route: &'a str,
    rule: &'a str,
    /// Whom the incident concerns, by its label `client`.
    client: Option<&'a str>,
    runbook: Option<&'a str>,
    dashboards: &'a [Dashboard],
    call: Option<&'a str>,
    /// The most people in the room; those further down are not called.
    size: usize,
    people: Vec<Called<'a>>,
    quorum: Option<Needed<'a>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    texts: Option<Texts>,
}

/// What the people called would read.
#[derive(Serialize)]
struct Texts {
    subject: String,
    welcome: String,
    description: String,
    /// For one person of each language that is written in.
    one_to_one: Vec<OneToOne>,
}

/// What one person would read 1:1.
#[derive(Serialize)]
struct OneToOne {
    person: String,
    text: &'static str,
    language: String,
    says: String,
}

/// Answers `question` by the config at `path` and its roster. The exit code is 0, or 1 if the files have
/// errors, which are then written instead, as `check` writes them.
pub fn run(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    question: &Question,
    colours: Colours,
    out: &mut dyn Write,
) -> io::Result<u8> {
    let loaded = match config::load(path, env, Strictness::Check, question.now) {
        Ok(loaded) => loaded,
        Err(findings) if question.json => {
            check::write_json(&findings, out)?;
            return Ok(1);
        }
        Err(findings) => {
            writeln!(out, "{}", findings.draw(colours))?;
            writeln!(out, "{}", findings.summary())?;
            return Ok(1);
        }
    };
    let text = |name: &str| question.labels.get(name).map_or("", String::as_str);
    let subject = Subject {
        labels: &question.labels,
        source: text("source"),
        severity: question.severity,
        title: text("title"),
        assignees: &question.assignees,
    };
    let summons = loaded.roster.summon(&subject, question.at);
    let stances = super::stances(&loaded.config.store).map_err(io::Error::other)?;
    let mut answer = answer(&loaded, question, &summons, &stances);
    if question.render {
        answer.texts = Some(texts(&loaded, question, &summons)?);
    }
    if question.json {
        let json = serde_json::to_string_pretty(&answer).map_err(io::Error::other)?;
        writeln!(out, "{json}")?;
    } else {
        explain(&answer, &loaded, out)?;
    }
    Ok(0)
}

fn answer<'a>(loaded: &Loaded, question: &Question, summons: &'a Summons, stances: &Stances) -> Answer<'a> {
    Answer {
        at: question.at.to_string(),
        severity: question.severity,
        opens_a_room: question.severity.is_at_least(loaded.config.rooms.open_at),
        route: &summons.route,
        rule: &summons.rule,
        client: summons.client.as_deref(),
        runbook: summons.runbook.as_deref(),
        dashboards: &summons.handout.dashboards,
        call: summons.handout.call.as_deref(),
        size: summons.size,
        people: summons.stakeholders.iter().map(|who| Called::of(who, stances)).collect(),
        quorum: summons.quorum.as_ref().map(|required| needed(required, stances)),
        texts: None,
    }
}

/// What the people would read of an incident with this number.
const NUMBER: i64 = 1;

fn texts(loaded: &Loaded, question: &Question, summons: &Summons) -> io::Result<Texts> {
    let text = |name: &str, usual: &str| question.labels.get(name).map_or(usual, String::as_str).to_owned();
    let mut firing = [0; 5];
    if let Some(one) =
        Severity::ALL.iter().position(|s| *s == question.severity).and_then(|n| firing.get_mut(n))
    {
        *one = 1;
    }
    let incident = Incident {
        id: IncidentId(NUMBER),
        key: DedupKey::new("who", 1, "dry run"),
        source: text("source", "a source"),
        state: State::Open,
        severity: question.severity,
        worst: question.severity,
        title: text("title", "What broke"),
        summary: String::new(),
        labels: question.labels.clone(),
        links: Vec::new(),
        assignees: question.assignees.clone(),
        started_at: question.at,
        opened_at: question.at,
        changed_at: question.at,
        heard_at: question.at,
        look_at: None,
        stale_since: None,
        end_reason: None,
        unseen: 0,
        firing,
        acknowledged: false,
        truncated: false,
        has_room: true,
    };
    let composer = crate::app::compose(&loaded.config).map_err(io::Error::other)?;
    let room = Room::wanted(&incident, summons.clone(), question.at);
    let longest = crate::gateway::waha::LIMITS.longest_subject;
    Ok(Texts {
        subject: composer.subject(&incident, Some(&room), longest),
        welcome: composer.welcome(&incident, &room, question.at),
        description: composer.description(&incident, &room, question.at),
        one_to_one: one_to_one(&composer, &incident, &room, question.at),
    })
}

/// A link as it could be, for texts that need one.
const LINK: &str = "https://chat.whatsapp.com/EXAMPLE";

/// Every text for one person, once for each language in which it is said to any of the people called.
fn one_to_one(composer: &Composer, incident: &Incident, room: &Room, at: Timestamp) -> Vec<OneToOne> {
    let link = InviteLink(LINK.to_owned());
    // A reminder names the link that the room has by then.
    let linked = Room { link: Some(link.clone()), ..room.clone() };
    let why = Why::GivenUp { reason: "no group could be made".to_owned() };
    let mut told: Vec<OneToOne> = Vec::new();
    for seat in &linked.seats {
        let texts = [
            (Wording::Invite, composer.invite(incident, &linked, seat, &link, at)),
            (Wording::Reminder, composer.reminder(incident, &linked, seat, at)),
            (Wording::Brief, composer.brief(incident, room, seat, (&why, &Also::default()), at)),
            (Wording::Quiet, composer.quiet(incident, &linked, seat, at)),
        ];
        for (wording, says) in texts {
            let language = composer.language_of(wording, room, seat.who.language.as_ref());
            let text = wording.as_str();
            if told.iter().all(|known| (known.text, &known.language) != (text, &language)) {
                told.push(OneToOne { person: seat.who.person.clone(), text, language, says });
            }
        }
    }
    told
}

fn explain(answer: &Answer<'_>, loaded: &Loaded, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "at       {}", answer.at)?;
    writeln!(out, "route    {} ({})", answer.route, answer.rule)?;
    if let Some(client) = answer.client {
        writeln!(out, "client   {client}")?;
    }
    let open_at = loaded.config.rooms.open_at;
    let verdict = if answer.opens_a_room { "opens a room" } else { "opens no room" };
    writeln!(out, "severity {} {verdict} (rooms.open_at is {open_at})", answer.severity)?;
    if let Some(runbook) = answer.runbook {
        writeln!(out, "runbook  {runbook}")?;
    }
    for Dashboard { title, url } in answer.dashboards {
        let title = title.as_ref().map_or_else(String::new, |title| format!("{title}, "));
        writeln!(out, "look at  {title}{url}")?;
    }
    if let Some(call) = answer.call {
        writeln!(out, "call     {call}")?;
    }
    writeln!(out, "people")?;
    for (place, p) in answer.people.iter().enumerate() {
        if place == answer.size {
            writeln!(out, "not called, because a room holds {}", answer.size)?;
        }
        writeln!(out, "  {}: {}", p.role, p.words())?;
        writeln!(out, "    {}", p.why)?;
    }
    if let Some(quorum) = &answer.quorum {
        explain_quorum(quorum, out)?;
    }
    if let Some(texts) = &answer.texts {
        for (name, text) in
            [("name", &texts.subject), ("first message", &texts.welcome), ("description", &texts.description)]
        {
            quote(name, text, out)?;
        }
        for one in &texts.one_to_one {
            quote(&format!("1:1 to {} ({}, {})", one.person, one.text, one.language), &one.says, out)?;
        }
    }
    Ok(())
}

fn quote(name: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{name}")?;
    for line in text.lines() {
        writeln!(out, "  | {line}")?;
    }
    Ok(())
}

fn explain_quorum(quorum: &Needed<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "must be there within {}, each step after that {}", quorum.within, quorum.step)?;
    for chain in &quorum.roles {
        let Some(first) = chain.stand_ins.first() else {
            writeln!(out, "  {}: nobody stands in", chain.role)?;
            continue;
        };
        writeln!(out, "  {}: then {}", chain.role, first.words())?;
        writeln!(out, "    {}", first.why)?;
        for next in chain.stand_ins.iter().skip(1) {
            writeln!(out, "    then {}", next.words())?;
            writeln!(out, "      {}", next.why)?;
        }
    }
    for last in &quorum.otherwise {
        writeln!(out, "  told last: {}", last.words())?;
        writeln!(out, "    {}", last.why)?;
    }
    Ok(())
}

/// Reads `name=value`.
pub fn read_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, _)) if name.trim() == "severity" => {
            Err("the severity is no label here: use `--severity sev3`".to_owned())
        }
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("a label is written `name=value`".to_owned()),
    }
}

/// Reads a moment: RFC 3339, or a date and a time in UTC such as `2026-03-01 10:00`.
pub fn read_moment(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    wall_moment(text)
        .and_then(|civil| civil.to_zoned(TimeZone::UTC).ok())
        .map(|zoned| zoned.timestamp())
        .ok_or_else(|| {
            "a moment is written `2026-03-01T10:00:00+01:00`, or `2026-03-01 10:00` in UTC".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_with_an_offset_or_in_utc() {
        for text in
            ["2026-03-01T10:00:00Z", "2026-03-01T11:00:00+01:00", "2026-03-01 10:00", "2026-03-01T10:00"]
        {
            assert_eq!(read_moment(text).unwrap().to_string(), "2026-03-01T10:00:00Z", "{text}");
        }
        for text in
            ["", "2026-03-01", "tomorrow", "10:00", "2026-02-30 10:00", "2026-03-01 10:00[America/New_York]"]
        {
            assert!(read_moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn labels_are_split_at_the_first_sign() {
        assert_eq!(read_label("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
        assert!(read_label("a").is_err());
        assert!(read_label("severity = sev3").is_err(), "it would decide nothing");
        assert!(read_label("=b").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_moment_or_not(text in "\\PC{0,30}") {
            let _ = read_moment(&text);
            let _ = read_label(&text);
        }
    }
}
