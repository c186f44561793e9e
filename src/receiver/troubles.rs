//! What came and could not be taken. Nobody is called for it, so it is an error in the log and waits for a person in
//! the console; strangers can cause some of it, so both are bounded.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use tracing::{Level, error};

use super::Receiver;
use super::body_budget::Sender;
use crate::clock::{SignedDuration, Timestamp, later};
use crate::json::Oddity;
use crate::source::Source;
use crate::store::source_troubles::{Sighting, TroubleKind};
use crate::telemetry::SourceLabels;
use crate::telemetry::throttled_log::Event;

/// Between two notes in the store of one kind and source.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Kinds and sources that are told apart.
const MOST: usize = 64;
/// What stands for all others.
const OTHERS: &str = "others";
/// Characters of an address that a stranger chose.
const LONGEST_NAME: usize = 64;

/// What was noted lately, and how often it has come since.
#[derive(Debug, Default)]
pub struct Troubles(Mutex<BTreeMap<(TroubleKind, String), Noted>>);

#[derive(Debug)]
struct Noted {
    at: Timestamp,
    since: u64,
}

impl Troubles {
    /// Counts one; its name and how many there are, if they are to be noted now.
    fn count(&self, kind: TroubleKind, source: &str, now: Timestamp) -> Option<(String, u64)> {
        let is_over = |noted: &Noted| now < noted.at || now >= later(noted.at, NOTED_EVERY);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (kind, source.to_owned());
        if all.len() >= MOST && !all.contains_key(&key) {
            all.retain(|_, noted| !is_over(noted));
            if all.len() >= MOST {
                OTHERS.clone_into(&mut key.1);
            }
        }
        let Some(noted) = all.get_mut(&key) else {
            all.insert(key.clone(), Noted { at: now, since: 0 });
            return Some((key.1, 1));
        };
        noted.since += 1;
        is_over(noted).then(|| {
            noted.at = now;
            (key.1, std::mem::take(&mut noted.since))
        })
    }
}

impl Receiver {
    /// What was read all the same.
    pub(super) fn note_oddities(&self, source: &Source, oddities: &[Oddity], now: Timestamp) {
        if oddities.is_empty() {
            return;
        }
        self.metrics.read_leniently.get_or_create(&SourceLabels { source: source.name.clone() }).inc();
        let reason = oddities.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        self.note(
            Level::WARN,
            "a hook is no valid JSON and was read leniently: put its template right",
            source,
            &reason,
            now,
        );
    }

    /// A verified body that is not understood, or not all of it. What is noted of it is committed with its receipt.
    pub(super) fn not_understood(&self, source: &str, why: &str, bytes: usize, now: Timestamp) -> Sighting {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let what = "a verified hook was not understood; it is kept, and nobody is called for it";
        // Where in the body it broke differs from one to the next; the console shows it.
        let reason = why.split(" (line").next().unwrap_or(why);
        let event = Event { what, level: Level::ERROR, source, reason, peer: None, bytes: Some(bytes) };
        self.metrics.log.note(event, now);
        let kind = TroubleKind::NotUnderstood;
        Sighting { kind, source: source.to_owned(), why: why.to_owned(), bytes, times: 1 }
    }

    /// A body that is too large: of `said` bytes, if its head says how many.
    pub(super) async fn too_large(
        &self,
        source: &str,
        sender: Sender<'_>,
        said: Option<u64>,
        now: Timestamp,
    ) {
        let most = u64::try_from(self.body_budget.longest(sender)).unwrap_or(u64::MAX);
        let bytes = said.unwrap_or(most.saturating_add(1));
        let (kind, peer) = match sender {
            Sender::Proven(_) => (TroubleKind::TooLarge, None),
            Sender::Stranger(peer) => (TroubleKind::TooLargeUnproven, peer.map(|peer| peer.client)),
        };
        let what = "a body is too large and was refused: nobody is called for it";
        let reason = "more than may be sent";
        let event = Event { what, level: Level::ERROR, source, reason, peer, bytes: Some(bytes) };
        self.metrics.log.note(event, now);
        self.note_trouble(kind, source, reason, bytes, now).await;
    }

    /// A request for an address that is no source's.
    pub(super) async fn no_such_source(&self, path: &str, peer: Option<IpAddr>, now: Timestamp) {
        let source: String = path.chars().filter(char::is_ascii_graphic).take(LONGEST_NAME).collect();
        let what = "a request for an address that is no source's: nobody is called for it";
        let reason = "no such source";
        let event = Event { what, level: Level::ERROR, source: &source, reason, peer, bytes: None };
        self.metrics.log.note(event, now);
        self.note_trouble(TroubleKind::NoSuchSource, &source, reason, 0, now).await;
    }

    async fn note_trouble(&self, kind: TroubleKind, source: &str, why: &str, bytes: u64, now: Timestamp) {
        let Some((source, times)) = self.troubles.count(kind, source, now) else { return };
        let seen = Sighting { kind, source, why: why.to_owned(), bytes, times };
        let noted = tokio::time::timeout(self.commit_timeout, self.store.note_source_trouble(seen, now));
        // It is in the log, and noted again a minute later if it goes on.
        if let Ok(Err(error)) = noted.await {
            self.metrics.store_failures.inc();
            error!(error = %error, "what could not be taken was not noted either");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_noted_once_a_minute_with_how_often_it_came_and_the_memory_is_bounded() {
        let troubles = Troubles::default();
        let at = |seconds| later(Timestamp::UNIX_EPOCH, SignedDuration::from_secs(seconds));
        let kind = TroubleKind::NoSuchSource;
        let count = |name: &str, seconds| troubles.count(kind, name, at(seconds)).map(|(_, times)| times);
        assert_eq!([0, 1, 59].map(|seconds| count("a", seconds)), [Some(1), None, None]);
        assert_eq!([60, 61, 120].map(|seconds| count("a", seconds)), [Some(3), None, Some(2)]);
        assert_eq!(count("a", -50), Some(1), "the clock was put back");
        for n in 0..1000 {
            troubles.count(kind, &n.to_string(), at(200));
        }
        assert_eq!(troubles.0.lock().unwrap().len(), MOST + 1, "and the others");
        assert_eq!(troubles.count(kind, "b", at(201)), None, "one of the others");
        assert_eq!(troubles.count(kind, "b", at(300)), Some(("b".to_owned(), 1)));
    }
}
