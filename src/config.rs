//! `warroom.yaml` and `roster.yaml`: read, checked, and every problem told at once.
//!
//! [`load`] reads both files. Actors: a source text knows lines and columns and what must not be shown; the
//! YAML module makes a tree of it; sections of the tree are decoded by hand, each by its own file below this
//! one, noting [`Finding`]s and going on. Nothing is handed out unless there is no error at all.
//!
//! This is also the one place that reads the environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::alert::Severity;
use crate::jid::Jid;
use crate::room::policy::Policy;
use crate::roster::Roster;
use crate::source::Source;

mod budget;
mod clients;
mod deputies;
mod desk;
mod events;
pub mod finding;
mod gateway;
mod handout;
pub mod in_force;
mod item;
mod people;
mod quantity;
mod quorum;
mod roles;
mod rooms;
mod rotations;
mod routes;
pub mod schema;
mod second_way;
mod secret;
mod section;
mod server;
mod source_text;
mod sources;
mod teams;
mod translations;
mod verify;
mod words;
mod yaml;

pub use finding::{Colours, Excerpt, Finding, Findings, Level};
pub use gateway::{CredentialPlace, GatewayKind, GatewaySettings, Instance};
pub use in_force::{Exchange, RosterInForce, Standing};
pub use quantity::{duration as read_duration, show as show_duration};
pub use rooms::{TEMPLATES, Texts, USUAL_NAME};
pub use second_way::SecondWaySettings;
pub use secret::UNSET;
pub use server::{Log, LogFormat, Server, StoreAddress};
pub use translations::Translations;
pub use verify::describe as describe_verifier;

use desk::Desk;
use item::Item;
use section::Section;
use source_text::SourceText;
use translations::Translated;
use words::reason;
use yaml::Node;

/// Everything that `warroom.yaml` says.
#[derive(Debug, Clone)]
pub struct Config {
    /// The two listeners.
    pub server: Server,
    /// Where things are kept.
    pub store: StoreAddress,
    /// The chat provider and the linked numbers.
    pub gateway: GatewaySettings,
    /// The monitoring tools by name; at least one.
    pub sources: BTreeMap<String, Source>,
    /// How rooms behave.
    pub rooms: Policy,
    /// Template of a room's name; begins with `INCIDENT-{{ id }}`.
    pub room_name: String,
    /// Templates that replace the built-in ones.
    pub messages: Texts,
    /// Texts for one person in their language.
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
    /// Where the roster was read from.
    pub roster_path: PathBuf,
    /// SHA-256 of the config's text, in hex.
    pub config_hash: String,
    /// SHA-256 of the roster's text, in hex.
    pub roster_hash: String,
}

/// What to think of an environment variable that is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// An error: we are about to use it.
    Serve,
    /// A warning: the files may be checked where the secrets are not. Such a value is replaced by one that
    /// nobody can guess.
    Check,
}

/// The process's environment, as [`load`] takes it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads the config at `path` and the roster it names. The error holds every problem of both files.
pub fn load(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    strictness: Strictness,
) -> Result<Loaded, Findings> {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let source = open(path);
    let desk = Desk::new(source.text(), folder, env, strictness);
    let read = source.parse(&desk).map(|root| section_of(&desk, &root, |s| read(s, folder)));
    // A config that cannot be read still has a roster, most likely at the usual place.
    let (config, roster_path, open_at, translated) = match read {
        Some(read) => (read.config, read.roster_path, read.open_at, read.translated),
        None => (None, folder.join(USUAL_ROSTER), Policy::default().open_at, Translated::default()),
    };
    let ours = config.as_ref().map(|config| config.gateway.phones()).unwrap_or_default();
    let (roster, roster_source, roster_findings) = read_roster(&roster_path, open_at, &ours);
    if let Some(roster) = &roster {
        translated.check(roster, &desk);
    }
    let mut findings = desk.into_findings();
    findings.extend(roster_findings);
    let findings = Findings::sorted(findings, &[source.text(), roster_source.text()]);
    match (config, roster) {
        (Some(config), Some(roster)) if !findings.has_errors() => Ok(Loaded {
            config,
            roster,
            warnings: findings,
            config_path: path.to_owned(),
            roster_path,
            config_hash: source.hash(),
            roster_hash: roster_source.hash(),
        }),
        _ => Err(findings),
    }
}

/// Reads the roster alone, for taking over a changed one while running. `open_at` is the severity that
/// opens a room, `ours` are the linked numbers as far as the config says them. Answers with the roster, what is odd about it, and the SHA-256 of its text.
pub fn load_roster(
    path: &Path,
    open_at: Severity,
    ours: &[Jid],
) -> Result<(Roster, Findings, String), Findings> {
    let (roster, source, findings) = read_roster(path, open_at, ours);
    let findings = Findings::sorted(findings, &[source.text()]);
    match roster {
        Some(roster) if !findings.has_errors() => Ok((roster, findings, source.hash())),
        _ => Err(findings),
    }
}

const USUAL_ROSTER: &str = "roster.yaml";

/// What could be made of the config, whole only if there is no error among the findings.
struct Read {
    config: Option<Config>,
    roster_path: PathBuf,
    open_at: Severity,
    translated: Translated,
}

fn read(root: &Section<'_>, folder: &Path) -> Read {
    let server = server::server(root);
    let store = server::store(root, folder);
    let roster = root.text("roster").unwrap_or(USUAL_ROSTER);
    let gateway = gateway::gateway(root);
    let sources = sources::sources(root, server.listen);
    let (rooms, room_name) = rooms::rooms(root, gateway.as_ref());
    let (messages, translated) = rooms::messages(root);
    let log = server::log(root);
    Read {
        roster_path: folder.join(roster),
        open_at: rooms.open_at,
        config: gateway.map(|gateway| Config {
            server,
            store,
            gateway,
            sources,
            rooms,
            room_name,
            messages,
            translations: translated.texts.clone(),
            log,
        }),
        translated,
    }
}

fn read_roster(path: &Path, open_at: Severity, ours: &[Jid]) -> (Option<Roster>, Opened, Vec<Finding>) {
    let source = open(path);
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let nothing = |_: &str| None;
    let desk = Desk::new(source.text(), folder, &nothing, Strictness::Serve);
    let roster =
        source.parse(&desk).map(|root| section_of(&desk, &root, |s| people::roster(s, open_at, ours)));
    let findings = desk.into_findings();
    (roster, source, findings)
}

/// The whole document as a section.
fn section_of<'a, T>(desk: &'a Desk<'a>, root: &'a Node, read: impl FnOnce(&Section<'a>) -> T) -> T {
    let item = Item { desk, path: String::new(), key_span: 0..0, node: root };
    item.section(read)
}

/// A file's text, or why there is none.
struct Opened {
    text: SourceText,
    problem: Option<(String, Option<String>)>,
}

fn open(path: &Path) -> Opened {
    let name = path.display().to_string();
    let read = std::fs::read(path).map(String::from_utf8);
    let (text, problem) = match read {
        Ok(Ok(text)) => (text, None),
        Ok(Err(_)) => (String::new(), Some(("this file is not UTF-8 text".to_owned(), None))),
        Err(e) => {
            let hint = (e.kind() == std::io::ErrorKind::NotFound)
                .then(|| "paths in the config are relative to the config file".to_owned());
            let message = format!("this file cannot be read: {}", reason(&e));
            (String::new(), Some((message, hint)))
        }
    };
    Opened { text: SourceText::new(name, text), problem }
}

impl Opened {
    fn text(&self) -> &SourceText {
        &self.text
    }

    /// The tree, unless the file could not be read or is not well-formed; both are findings.
    fn parse(&self, desk: &Desk<'_>) -> Option<Node> {
        if let Some((message, hint)) = &self.problem {
            desk.whole_file(Level::Error, message.clone(), hint.clone());
            return None;
        }
        desk.parse()
    }

    fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.text.text().as_bytes()))
    }
}
