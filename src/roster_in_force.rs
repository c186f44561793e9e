//! The roster in force, and how a changed one takes its place while the bridge runs: whole, or not at all.
//!
//! Incidents that open read the roster through [`RosterInForce::reader`], one whole roster each; rooms that
//! are there keep the people they have. What changed is found by the file's content, so a mounted volume
//! that swaps symbolic links is noticed like an editor that writes in place.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::alert::Severity;
use crate::clock::Timestamp;
use crate::config::{Findings, Level, Loaded, StoreAddress, Surroundings, hash_of_roster, load_roster};
use crate::consent::{Acquaintance, Stances};
use crate::jid::Jid;
use crate::roster::Roster;
use crate::store::{StoreError, postgres, sqlite};
use crate::telemetry::Metrics;

/// What the store knows of people's answers; nothing if it cannot be asked.
#[must_use]
pub fn known_consents(store: &StoreAddress) -> Stances {
    known_people(store).map(|known| Stances::of(&known)).unwrap_or_default()
}

/// Everybody whom a store knows. One that is not there, or from before consents were kept, knows nobody.
pub fn known_people(store: &StoreAddress) -> Result<Vec<Acquaintance>, StoreError> {
    let known = match store {
        StoreAddress::Sqlite(path) => sqlite::look_at_consents(path)?,
        StoreAddress::Postgres(address) => postgres::look_at_consents(address)?,
    };
    Ok(known.unwrap_or_default())
}

/// How often a file that changes while it is read is read anew, where somebody waits for the answer.
const LOOKS: usize = 3;

/// The roster in force.
pub struct RosterInForce {
    path: PathBuf,
    open_at: Severity,
    /// Our own linked numbers, as far as the config says them: nobody in a roster can be one of them.
    ours: Vec<Jid>,
    /// The names of the sources.
    sources: Vec<String>,
    /// Who knows what people have answered.
    store: StoreAddress,
    /// Held while the file is read and checked: one at a time.
    reading: Mutex<()>,
    roster: watch::Sender<Arc<Roster>>,
    status: Mutex<RosterStatus>,
}

/// Which roster is in force, and what came of the last try to reload it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RosterStatus {
    /// SHA-256 of the text in force, or of its files' names and texts, in hex.
    pub hash: String,
    /// Since when it is in force.
    pub since: Timestamp,
    /// SHA-256 of the file as it was when last looked at; empty if it could not be read.
    #[serde(skip)]
    seen: String,
    /// Whether that was not acted upon yet.
    #[serde(skip)]
    waits: bool,
    /// What is wrong with the file as it is now, if that keeps it from being taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<RejectedRoster>,
}

/// A roster that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedRoster {
    /// When it was first seen like this.
    pub at: Timestamp,
    /// Every error, on a line each: file, line, column, what and a hint.
    pub problems: Vec<String>,
}

/// What came of looking at the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadOutcome {
    /// It says what was in force already.
    Same,
    /// It was taken.
    Taken,
    /// It has errors; the roster that was in force stays.
    Refused,
}

impl RosterStatus {
    /// Enough of the hash to tell two rosters apart.
    #[must_use]
    pub fn short(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
    }
}

impl ReloadOutcome {
    /// The name in labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Taken => "taken",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Debug for RosterInForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RosterInForce").field("path", &self.path).finish_non_exhaustive()
    }
}

impl RosterInForce {
    /// The roster that was loaded with the config, in force since `now`.
    #[must_use]
    pub fn of(loaded: &Loaded, now: Timestamp) -> Self {
        let hash = loaded.roster_hash.clone();
        let status = RosterStatus { seen: hash.clone(), waits: false, hash, since: now, refused: None };
        Self {
            path: loaded.roster_path.clone(),
            open_at: loaded.config.rooms.open_at,
            ours: loaded.config.gateway.phones(),
            sources: loaded.config.sources.keys().cloned().collect(),
            store: loaded.config.store.clone(),
            reading: Mutex::new(()),
            roster: watch::channel(Arc::new(loaded.roster.clone())).0,
            status: Mutex::new(status),
        }
    }

    /// Where the roster in force can be read at any moment, as one whole.
    #[must_use]
    pub fn reader(&self) -> watch::Receiver<Arc<Roster>> {
        self.roster.subscribe()
    }

    /// The file, or the folder of files.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which roster is in force.
    #[must_use]
    pub fn status(&self) -> RosterStatus {
        self.known().clone()
    }

    /// Puts a roster in force that was not read from the file.
    pub fn put(&self, roster: Roster) {
        self.roster.send_replace(Arc::new(roster));
    }

    /// Whether the file says something else than when it was last looked at, or another file is there.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        let seen = hash_of_roster(&self.path);
        let mut status = self.known();
        if status.seen == seen {
            return false;
        }
        status.seen = seen;
        true
    }

    /// Looks at the file, and reads it once two looks in a row have seen the same change: whoever writes a file in
    /// place is not done with it when it is seen first.
    pub fn follow(&self, metrics: &Metrics, now: Timestamp) -> Option<ReloadOutcome> {
        let changed = self.has_changed();
        let mut status = self.known();
        let waited = std::mem::replace(&mut status.waits, changed);
        let seen = status.seen.clone();
        drop(status);
        if waited && !changed { self.reload_if(&seen, metrics, now) } else { None }
    }

    /// Reads the file and takes it if there is no error in it.
    pub fn reload(&self, metrics: &Metrics, now: Timestamp) -> ReloadOutcome {
        for _ in 0..LOOKS {
            let seen = hash_of_roster(&self.path);
            if let Some(reload) = self.reload_if(&seen, metrics, now) {
                return reload;
            }
        }
        let problem =
            format!("{}: the file is being written; it is read when that is done", self.path.display());
        warn!("{problem}");
        self.known().refused = Some(RejectedRoster { at: now, problems: vec![problem] });
        metrics.count_roster_reload(ReloadOutcome::Refused.as_str());
        ReloadOutcome::Refused
    }

    /// Reads the file and takes it if there is no error in it; `None` if before or afterwards it is another one
    /// than was `seen`. Reading and checking takes milliseconds, and is done one at a time.
    fn reload_if(&self, seen: &str, metrics: &Metrics, now: Timestamp) -> Option<ReloadOutcome> {
        let _one_at_a_time = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let surroundings =
            Surroundings { open_at: self.open_at, ours: &self.ours, sources: Some(&self.sources), now };
        let loaded = load_roster(&self.path, &surroundings, known_consents(&self.store));
        let mut status = self.known();
        let is_other = loaded.as_ref().is_ok_and(|(_, _, hash)| hash != seen);
        if is_other || hash_of_roster(&self.path) != seen {
            status.waits = true;
            return None;
        }
        let reload = match loaded {
            Ok((roster, _, hash)) if hash == status.hash && self.says_the_same(&roster) => {
                if status.refused.take().is_some() {
                    info!(file = %self.path.display(), "the roster is again what was in force all the time");
                }
                ReloadOutcome::Same
            }
            Ok((roster, warnings, hash)) => {
                for warning in warnings.iter() {
                    warn!(at = warning.position(), "{}", warning.message);
                }
                *status = RosterStatus { seen: hash.clone(), waits: false, hash, since: now, refused: None };
                info!(file = %self.path.display(), roster.hash = status.short(), "a changed roster is in force");
                self.put(roster);
                ReloadOutcome::Taken
            }
            Err(findings) => {
                self.refuse(&mut status, &findings, now);
                ReloadOutcome::Refused
            }
        };
        drop(status);
        self.measure(metrics);
        metrics.count_roster_reload(reload.as_str());
        Some(reload)
    }

    /// Whether the routes' own wording is as it is in force: it may stand in files of its own.
    fn says_the_same(&self, roster: &Roster) -> bool {
        let in_force = self.roster.borrow();
        let wording = |roster: &Roster| {
            let routes = roster.routes.iter().chain([&roster.fallback]);
            routes.map(|route| route.handout.messages.clone()).collect::<Vec<_>>()
        };
        wording(roster) == wording(&in_force)
    }

    /// The roster as metrics.
    pub fn measure(&self, metrics: &Metrics) {
        let status = self.status();
        metrics.set_roster(status.short(), status.since, status.refused.is_none());
    }

    fn refuse(&self, status: &mut RosterStatus, findings: &Findings, now: Timestamp) {
        // What would not have kept it from being taken is no reason here.
        let errors = findings.iter().filter(|finding| finding.severity == Level::Error);
        let problems: Vec<String> = errors.map(ToString::to_string).collect();
        // Looked at every few seconds, a file that stays broken is said once.
        if status.refused.as_ref().is_none_or(|known| known.problems != problems) {
            for problem in &problems {
                error!("{problem}");
            }
            error!(
                file = %self.path.display(), "a changed roster has errors: the one before it stays in force"
            );
            status.refused = Some(RejectedRoster { at: now, problems });
        }
    }

    fn known(&self) -> MutexGuard<'_, RosterStatus> {
        // Every change is one assignment, so whoever broke off left nothing half done.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
