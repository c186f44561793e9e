//! `warroom check`: every problem of config and roster at once; what is in force.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::config::{self, Colours, Findings, Level, Loaded, StoreAddress, Strictness};
use crate::consent::Stances;
use crate::roster_in_force::known_people;

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text(Colours),
    /// For programs: every finding, and nothing else.
    Json,
    /// What is in force, as YAML without secrets.
    Effective(Colours),
}

/// A finding for programs. Its line comes with secrets and numbers covered, as for people.
#[derive(Serialize)]
struct FindingJson<'a> {
    severity: &'static str,
    file: &'a str,
    line: usize,
    column: usize,
    message: &'a str,
    hint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

fn as_json(findings: &Findings) -> Vec<FindingJson<'_>> {
    let all = findings.iter().map(|finding| FindingJson {
        severity: match finding.severity {
            Level::Error => "error",
            Level::Warning => "warning",
        },
        file: &finding.file,
        line: finding.line,
        column: finding.column,
        message: &finding.message,
        hint: &finding.hint,
        text: finding.excerpt.as_ref().map(|excerpt| excerpt.text.as_str()),
    });
    all.collect()
}

/// Findings for programs.
pub(super) fn write_json(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    let json = serde_json::to_string_pretty(&as_json(findings)).map_err(io::Error::other)?;
    writeln!(out, "{json}")
}

/// Checks the config at `path` and its roster and writes what came of it. From `now` on gaps are looked for. Answers with the exit code: 0 if it can be used, warnings or not; 1 if there is an error.
pub fn run(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    now: Timestamp,
    form: Form,
    out: &mut dyn Write,
) -> io::Result<u8> {
    // A store that is not there, or from before consents were kept, says nothing.
    let people = RefCell::new(Ok(Vec::new()));
    let known = |store: &StoreAddress| {
        *people.borrow_mut() = known_people(store);
        people.borrow().as_deref().map(Stances::of).unwrap_or_default()
    };
    let loaded = config::load_knowing(path, env, Strictness::Check, now, &known);
    let people = people.into_inner();
    let colours = match form {
        Form::Text(colours) | Form::Effective(colours) => colours,
        Form::Json => {
            let findings = loaded.as_ref().map_or_else(|findings| findings, |loaded| &loaded.warnings);
            write_json(findings, out)?;
            return Ok(u8::from(findings.has_errors()));
        }
    };
    match loaded {
        Err(findings) => {
            writeln!(out, "{}", findings.draw(colours))?;
            writeln!(out, "{}", findings.summary())?;
            Ok(1)
        }
        Ok(loaded) if matches!(form, Form::Effective(_)) => {
            write!(out, "{}", config::effective(&loaded.config_path, &loaded.roster_path))?;
            Ok(0)
        }
        Ok(loaded) => {
            if let Err(error) = &people {
                writeln!(out, "the store could not be asked who wants to be called: {error}\n")?;
            }
            understood(&loaded, out)?;
            if loaded.warnings.is_empty() {
                writeln!(out, "\nno problems")?;
            } else {
                writeln!(out, "\n{}", loaded.warnings.draw(colours))?;
                writeln!(out, "no errors, {}", loaded.warnings.summary())?;
            }
            Ok(0)
        }
    }
}

/// What there is, in a few lines; `--effective` shows all of it, `warroom oncall` who is on duty.
fn understood(loaded: &Loaded, out: &mut dyn Write) -> io::Result<()> {
    let Loaded { config, roster, .. } = loaded;
    let names: Vec<&str> = config.sources.keys().map(String::as_str).collect();
    writeln!(out, "config   {}", loaded.config_path.display())?;
    writeln!(out, "roster   {}", loaded.roster_path.display())?;
    writeln!(out, "sources  {}", names.join(", "))?;
    let parts = [
        (roster.people.len(), "person", "people"),
        (roster.rotations.len(), "rotation", "rotations"),
        (roster.teams.len(), "team", "teams"),
        (roster.clients.len(), "client", "clients"),
        (roster.routes.len(), "route", "routes"),
    ];
    let parts = parts.iter().filter(|(n, ..)| *n > 0);
    let parts: Vec<String> =
        parts.map(|(n, one, many)| format!("{n} {}", if *n == 1 { one } else { many })).collect();
    writeln!(out, "people   {}", parts.join(", "))
}
