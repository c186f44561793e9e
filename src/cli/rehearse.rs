//! `warroom rehearse`: recorded incidents against the old roster and the new one, each at its own time, and
//! who would be called differently. Made for a review of a change of the roster.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{ConfigFile, Failure, NO, load, runtime, stances};
use crate::alert::Severity;
use crate::clock::{SignedDuration, Timestamp, later};
use crate::config::{self, Colours, Config, Level, Loaded, StoreAddress, Strictness, Surroundings};
use crate::consent::Stances;
use crate::incident::Incident;
use crate::roster::rehearsal::{Change, Difference};
use crate::roster::{Roster, Subject, Summons};
use crate::store::IncidentQuery;

/// What to rehearse.
#[derive(Debug, Args)]
pub struct Options {
    /// The roster to compare with, a file or a folder: the one before the change. The new one is the config's
    #[arg(long, value_name = "PATH", required_unless_present = "export")]
    against: Option<PathBuf>,
    /// Incidents of the store that opened this long ago or later
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = read_length)]
    since: SignedDuration,
    /// Incidents from a file instead: a JSON object a line, as `--export` prints them; `-` for stdin
    #[arg(long, value_name = "FILE", conflicts_with = "since")]
    file: Option<PathBuf>,
    /// Prints the store's incidents as JSON lines for `--file`, and compares nothing
    #[arg(long, conflicts_with_all = ["against", "file"])]
    export: bool,
    /// For programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// What of an incident decides who is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    /// What the answer calls it.
    #[serde(default)]
    incident: String,
    /// When it opened.
    at: Timestamp,
    severity: Severity,
    source: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    assignees: Vec<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    incident: &'a str,
    at: Timestamp,
    severity: Severity,
    route: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_route: Option<&'a str>,
    reaches_nobody: bool,
    #[serde(flatten)]
    difference: Difference,
}

/// Exit code 1 if an incident bad enough for a room would reach nobody.
pub(super) fn run(options: &Options, now: Timestamp, out: &mut dyn Write) -> Result<u8, Failure> {
    let loaded = load(&options.config.config, Strictness::Check)?;
    let recorded = match &options.file {
        Some(path) => read_file(path)?,
        None => read_store(&loaded.config, later(now, -options.since))?,
    };
    if options.export {
        for incident in &recorded {
            let line = serde_json::to_string(incident).map_err(io::Error::other)?;
            writeln!(out, "{line}")?;
        }
        return Ok(0);
    }
    let Some(against) = &options.against else { return Err(Failure::wrong("`--against` is missing")) };
    let surroundings = Surroundings { open_at: loaded.config.rooms.open_at, ours: &[], sources: None, now };
    let (old, findings) = config::load_what_can_be_read(against, &surroundings).map_err(|findings| {
        Failure::no(format!("{}\nthe roster to compare with cannot be read", findings.draw(Colours::No)))
    })?;
    // A change that mends a roster is compared with the broken one.
    let errors: Vec<String> =
        findings.iter().filter(|f| f.severity == Level::Error).map(|f| f.draw(Colours::No)).collect();
    if !errors.is_empty() {
        let mut notes = anstream::stderr();
        writeln!(notes, "{}", errors.join("\n"))?;
        writeln!(notes, "the roster to compare with has these errors; what can be read of it is compared")?;
    }
    let stances = stances(&loaded.config.store).map_err(|error| Failure::no(error.to_string()))?;
    compare(&loaded, &old, &recorded, &stances, options.json, out)
}

fn compare(
    loaded: &Loaded,
    old: &Roster,
    recorded: &[Recorded],
    stances: &Stances,
    json: bool,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let rooms = &loaded.config.rooms;
    let summons: Vec<(&Recorded, Summons, Summons)> = recorded
        .iter()
        .filter(|incident| incident.severity.is_at_least(rooms.open_at))
        .map(|incident| (incident, incident.summon(old), incident.summon(&loaded.roster)))
        .collect();
    let answers: Vec<Answer<'_>> = summons
        .iter()
        .map(|(incident, before, after)| Answer {
            incident: &incident.incident,
            at: incident.at,
            severity: incident.severity,
            route: &after.route,
            old_route: (before.route != after.route).then_some(before.route.as_str()),
            reaches_nobody: reaches_nobody(after, stances),
            difference: Difference::between(before, after),
        })
        .collect();
    if json {
        let text = serde_json::to_string_pretty(&answers).map_err(io::Error::other)?;
        writeln!(out, "{text}")?;
    } else {
        for answer in &answers {
            draw(answer, out)?;
        }
        let different = answers.iter().filter(|a| !a.difference.is_empty()).count();
        let nobody = answers.iter().filter(|a| a.reaches_nobody).count();
        writeln!(
            out,
            "{} incident{} of {} and worse rehearsed, {different} would call other people, {nobody} nobody",
            answers.len(),
            if answers.len() == 1 { "" } else { "s" },
            rooms.open_at
        )?;
    }
    Ok(if answers.iter().any(|a| a.reaches_nobody) { NO } else { 0 })
}

/// Nobody is called, or only people who said STOP. Of strangers one is added, whatever `rooms.not_opted_in` says.
fn reaches_nobody(summons: &Summons, stances: &Stances) -> bool {
    summons.stakeholders.iter().all(|s| stances.stopped.contains_key(&s.jid))
}

fn draw(answer: &Answer<'_>, out: &mut dyn Write) -> io::Result<()> {
    if answer.reaches_nobody {
        writeln!(out, "{}: NOBODY would be called (route {})", answer.incident, answer.route)?;
    }
    if answer.difference.is_empty() {
        return Ok(());
    }
    let Difference { added, removed, changed } = &answer.difference;
    let one = |sign: char| move |c: &Change| format!("{sign} {} ({})", c.person, c.why);
    let mut parts: Vec<String> = added.iter().map(one('+')).collect();
    parts.extend(removed.iter().map(one('−')));
    parts.extend(changed.iter().map(one('~')));
    let route = answer
        .old_route
        .map_or_else(String::new, |old| format!(" [route {} instead of {old}]", answer.route));
    writeln!(out, "{}: {}{route}", answer.incident, parts.join(", "))
}

impl Recorded {
    fn of(incident: Incident) -> Self {
        Self {
            incident: incident.id.to_string(),
            at: incident.opened_at,
            severity: incident.worst,
            source: incident.source,
            title: incident.title,
            labels: incident.labels,
            assignees: incident.assignees,
        }
    }

    fn summon(&self, roster: &Roster) -> Summons {
        let subject = Subject {
            labels: &self.labels,
            source: &self.source,
            severity: self.severity,
            title: &self.title,
            assignees: &self.assignees,
        };
        roster.summon(&subject, self.at)
    }
}

/// More than any team has in ten years.
const MOST: usize = 1_000_000;

fn read_store(config: &Config, since: Timestamp) -> Result<Vec<Recorded>, Failure> {
    let StoreAddress::Sqlite(path) = &config.store;
    // Opening a store makes one, which would look as if there had never been an incident.
    if !path.exists() {
        return Err(Failure::no(format!(
            "{}: there is no store; name recorded incidents with `--file`",
            path.display()
        )));
    }
    let store = crate::app::open_store(&config.store)?;
    let summaries = runtime()?
        .block_on(store.incidents(IncidentQuery { state: None, limit: MOST }))
        .map_err(|error| Failure::no(error.to_string()))?;
    let mut recorded: Vec<Recorded> =
        summaries.into_iter().map(|s| Recorded::of(s.incident)).filter(|i| i.at >= since).collect();
    recorded.reverse();
    Ok(recorded)
}

fn read_file(path: &Path) -> Result<Vec<Recorded>, Failure> {
    let wrong = |why: String| Failure::wrong(format!("{}: {why}", path.display()));
    let lines: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(io::BufReader::new(std::fs::File::open(path).map_err(|e| wrong(e.to_string()))?))
    };
    let mut recorded = Vec::new();
    for (n, line) in lines.lines().enumerate() {
        let line = line.map_err(|e| wrong(e.to_string()))?;
        if line.trim().is_empty() {
            continue;
        }
        let mut incident: Recorded =
            serde_json::from_str(&line).map_err(|e| wrong(format!("line {}: {e}", n + 1)))?;
        if incident.incident.is_empty() {
            incident.incident = format!("line {}", n + 1);
        }
        recorded.push(incident);
    }
    Ok(recorded)
}

/// `90d`, `12h`, as everywhere in the config.
fn read_length(text: &str) -> Result<SignedDuration, String> {
    config::read_duration(text)
}
