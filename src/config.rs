//! `warroom.yaml` and `roster.yaml`: read, checked, and every problem told at once.
//!
//! [`load`] reads both files. Actors: a source text knows lines and columns and what must not be shown; the
//! YAML module makes a tree of it; sections of the tree are decoded by hand, each by its own file below this
//! one, noting [`Finding`]s and going on. Nothing is handed out unless there is no error at all.
//!
//! This is also the one place that reads the environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::alert::Severity;
use crate::clock::{SignedDuration, Timestamp};
use crate::consent::Stances;
use crate::jid::Jid;
use crate::room::policy::Policy;
use crate::roster::{Language, Roster};
use crate::source::Source;

mod ahead;
mod away;
mod budget;
mod chains;
mod clients;
mod config_file;
mod deputies;
mod effective;
mod events;
mod fallback_webhook;
mod files;
pub mod finding;
mod gateway;
mod handout;
mod item;
mod keys;
mod known;
mod load_context;
mod matching;
mod merge;
mod messages;
mod names;
mod people;
mod quantity;
mod quorum;
pub mod reference;
mod roles;
mod rooms;
mod roster_file;
mod rotations;
mod routes;
pub mod schema;
mod secret;
mod server;
mod source_text;
mod sources;
mod suggestions;
mod teams;
mod unwilling;
mod values;
mod verify;
mod words;
mod yaml;

pub use fallback_webhook::FallbackWebhookSettings;
pub use finding::{Colours, Excerpt, Finding, Findings, Level};
pub use gateway::{CredentialPlace, GatewayKind, GatewaySettings, Instance};
pub use messages::{Texts, Translations, USUAL_NAME, templates};
pub use quantity::{duration as read_duration, show as show_duration};
pub use secret::UNSET;
pub use server::{Log, LogFormat, Server, StoreAddress, parse_store};
pub use verify::describe as describe_verifier;

use config_file::{CONFIG, read, usual_roster};
use files::Opened;
use item::{Item, Section};
use keys::Map;
use load_context::LoadContext;
use messages::Translated;
use roster_file::{ROSTER, roster};
use schema::Document;
use yaml::Node;

/// Everything that `warroom.yaml` says.
#[derive(Debug, Clone)]
pub struct Config {
    /// The two listeners.
    pub server: Server,
    /// Where things are kept.
    pub store: StoreAddress,
    /// How long the bodies of hooks are kept there.
    pub keep_bodies: SignedDuration,
    /// Who speaks in every message; a neutral name stands in where it is absent.
    pub operator: Option<String>,
    /// The chat provider and the linked numbers.
    pub gateway: GatewaySettings,
    /// The monitoring tools by name; at least one.
    pub sources: BTreeMap<String, Source>,
    /// How rooms behave.
    pub rooms: Policy,
    /// Template of a room's name; begins with `INCIDENT-{{ id }}`.
    pub room_name: String,
    /// The language of rooms whose route has none, and of people without one.
    pub language: Option<Language>,
    /// Templates that replace the built-in ones.
    pub messages: Texts,
    /// Templates of one language.
    pub translations: Translations,
    /// How we log.
    pub log: Log,
}

/// Config and roster without an error in them.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What `warroom.yaml` says.
    pub config: Config,
    /// What `roster.yaml` says.
    pub roster: Roster,
    /// What works, but probably not as meant.
    pub warnings: Findings,
    /// Where the config was read from.
    pub config_path: PathBuf,
    /// Where the roster was read from: a file, or a folder of files.
    pub roster_path: PathBuf,
    /// SHA-256 of the config's text, in hex.
    pub config_hash: String,
    /// SHA-256 of the roster's text, or of the names and texts of its files, in hex.
    pub roster_hash: String,
}

/// What to think of an environment variable that is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness<'a> {
    /// An error: we are about to use it.
    Serve,
    /// A warning: the files may be checked where the secrets are not. Such a value is replaced by one that
    /// nobody can guess.
    Check,
    /// An error in this part of the config, such as `sources.prometheus`; elsewhere as for [`Self::Check`], and
    /// files of secrets need not be there either.
    Only(&'a str),
}

/// The process's environment, as [`load`] takes it. What is no UTF-8 in it is replaced by U+FFFD, which no secret
/// holds.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// What a roster is held against: parts of the config, and the moment from which its turns are looked ahead.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The severity that opens a room.
    pub open_at: Severity,
    /// Our own linked numbers as far as the config says them: nobody in a roster can be one of them.
    pub ours: &'a [Jid],
    /// The names of the sources, if they are known.
    pub sources: Option<&'a [String]>,
    /// The present moment.
    pub now: Timestamp,
}

/// Reads the config at `path` without the roster, for whoever does not need one: it may be broken just now.
pub fn load_config(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    strictness: Strictness<'_>,
) -> Result<Config, Findings> {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let source = Opened::file(path);
    let context = LoadContext::new(source.text(), folder, env, strictness);
    let config = source
        .parse(&context)
        .and_then(|root| section_of(&context, &root, &CONFIG, |s| read(s, folder)).config);
    let findings = Findings::sorted(context.into_findings(), &[source.text()]);
    match config {
        Some(config) if !findings.has_errors() => Ok(config),
        _ => Err(findings),
    }
}

/// Reads the config at `path` and the roster it names; `now` is when its gaps are looked for from. The error
/// holds every problem of both.
pub fn load(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    strictness: Strictness<'_>,
    now: Timestamp,
) -> Result<Loaded, Findings> {
    load_knowing(path, env, strictness, now, &|_| Stances::default())
}

/// The same, with what a store knows of people's wishes, so that a route which calls somebody who said STOP is a
/// warning, and one that calls somebody who has answered is none. `known` is asked for the config's store.
pub fn load_knowing(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    strictness: Strictness<'_>,
    now: Timestamp,
    known: &dyn Fn(&StoreAddress) -> Stances,
) -> Result<Loaded, Findings> {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let source = Opened::file(path);
    let context = LoadContext::new(source.text(), folder, env, strictness);
    let read = source.parse(&context).map(|root| section_of(&context, &root, &CONFIG, |s| read(s, folder)));
    // A config that cannot be read still has a roster, most likely at the usual place.
    let (config, roster_path, open_at, translated) = match read {
        Some(read) => (read.config, read.roster_path, read.open_at, read.translated),
        None => (None, folder.join(usual_roster()), Policy::default().open_at, Translated::default()),
    };
    let ours = config.as_ref().map(|config| config.gateway.phones()).unwrap_or_default();
    let stances = config.as_ref().map(|config| known(&config.store)).unwrap_or_default();
    let sources: Option<Vec<String>> = config.as_ref().map(|config| config.sources.keys().cloned().collect());
    let surroundings = Surroundings { open_at, ours: &ours, sources: sources.as_deref(), now };
    let (roster, roster_source, roster_findings) = read_roster(&roster_path, &surroundings, stances);
    if let Some(roster) = &roster {
        translated.check(roster, &context);
    }
    let mut findings = context.into_findings();
    findings.extend(roster_findings);
    let findings = Findings::sorted(findings, &[source.text(), roster_source.text()]);
    match (config, roster) {
        (Some(config), Some(roster)) if !findings.has_errors() => Ok(Loaded {
            config,
            roster,
            warnings: findings,
            config_path: path.to_owned(),
            roster_path,
            config_hash: source.hash().to_owned(),
            roster_hash: roster_source.hash().to_owned(),
        }),
        _ => Err(findings),
    }
}

/// Reads the roster alone, a file or a folder of files, for taking over a changed one while running. Answers
/// with the roster, what is odd about it, and its SHA-256: of the file's text, or of the names and texts of
/// the folder's files.
pub fn load_roster(
    path: &Path,
    surroundings: &Surroundings<'_>,
    stances: Stances,
) -> Result<(Roster, Findings, String), Findings> {
    let (roster, source, findings) = read_roster(path, surroundings, stances);
    let findings = Findings::sorted(findings, &[source.text()]);
    match roster {
        Some(roster) if !findings.has_errors() => Ok((roster, findings, source.hash().to_owned())),
        _ => Err(findings),
    }
}

/// Reads as much of a roster as can be read, for comparing with one that was in force under older rules; beside
/// it what is wrong with the rest. The error is of one of which nothing can be read.
pub fn load_what_can_be_read(
    path: &Path,
    surroundings: &Surroundings<'_>,
) -> Result<(Roster, Findings), Findings> {
    let (roster, source, findings) = read_roster(path, surroundings, Stances::default());
    let findings = Findings::sorted(findings, &[source.text()]);
    match roster {
        Some(roster) => Ok((roster, findings)),
        None => Err(findings),
    }
}

/// What is in force by the config at `path` and the roster that it names, as YAML without secrets. Both are taken
/// as they are: whoever asks has loaded them.
#[must_use]
pub fn effective(path: &Path, roster: &Path) -> String {
    let mut out = String::new();
    for (opened, document) in
        [(Opened::file(path), Document::Config), (Opened::file_or_folder(roster), Document::Roster)]
    {
        let nothing = |_: &str| None;
        let context = LoadContext::new(opened.text(), Path::new(""), &nothing, Strictness::Check);
        if !out.is_empty() {
            out.push_str("---\n");
        }
        out.push_str("# ");
        out.push_str(document.keys().title);
        out.push('\n');
        effective::map(document.keys(), opened.parse(&context).as_ref(), 0, &mut out);
    }
    out
}

/// What [`load_roster`] would call the text that is there now.
pub(crate) fn hash_of_roster(path: &Path) -> String {
    Opened::file_or_folder(path).hash().to_owned()
}

fn read_roster(
    path: &Path,
    surroundings: &Surroundings<'_>,
    stances: Stances,
) -> (Option<Roster>, Opened, Vec<Finding>) {
    let source = Opened::file_or_folder(path);
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or_else(|| Path::new("")) };
    let nothing = |_: &str| None;
    let mut context = LoadContext::new(source.text(), folder, &nothing, Strictness::Serve);
    context.stances = stances;
    let roster =
        source.parse(&context).map(|root| section_of(&context, &root, &ROSTER, |s| roster(s, surroundings)));
    let findings = context.into_findings();
    (roster, source, findings)
}

/// The whole document as a section.
fn section_of<'a, T>(
    context: &'a LoadContext<'a>,
    root: &'a Node,
    keys: &'static Map,
    read: impl FnOnce(&Section<'a>) -> T,
) -> T {
    let item = Item { context, path: String::new(), key_span: 0..0, node: root };
    item.section(keys, read)
}
