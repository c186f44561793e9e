//! Log lines that strangers can cause as often as they like: the first at once, then one a minute with a count.
//!
//! Actors: an [`Event`] is one occurrence; [`ThrottledLog`] remembers what it has said in the last minute.
//! Its memory and its lines are bounded whatever comes in, so nobody fills a disk or hides in a flood of lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::{Level, error, warn};

use crate::clock::{SignedDuration, Timestamp, later};

/// How long repeats are counted before they are said.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(1);
/// Sources and reasons of one sentence that are told apart in a window; the rest is counted together.
const KINDS: usize = 16;
/// Addresses that are told apart in one line.
const ADDRESSES: usize = 8;
/// Characters of a name that a stranger may have chosen, and of a reason.
const LONGEST: [usize; 2] = [64, 240];
/// What stands for everything beyond [`KINDS`] and [`ADDRESSES`].
const OTHERS: &str = "others";

/// Something that happened, and may happen again at once.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The sentence; repeats are counted for each sentence, source and reason.
    pub what: &'static str,
    /// `ERROR`, or `WARN` for everything else.
    pub level: Level,
    /// Where it came in: a source's name in the config, or what stood in its place.
    pub source: &'a str,
    /// Why it was not taken, in a word or a sentence.
    pub reason: &'a str,
    /// Who sent it.
    pub peer: Option<IpAddr>,
    /// How long it was, where that matters.
    pub bytes: Option<u64>,
}

/// Says each kind of event at once, and its repeats once a minute.
#[derive(Debug, Default)]
pub struct ThrottledLog(Mutex<BTreeMap<Kind, Repeats>>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    what: &'static str,
    source: String,
    reason: String,
}

/// What has come since the last line.
#[derive(Debug, Clone)]
struct Repeats {
    level: Level,
    since: Timestamp,
    count: u64,
    peers: BTreeMap<IpAddr, u64>,
    longest: Option<u64>,
}

impl Repeats {
    fn none(level: Level, since: Timestamp) -> Self {
        Self { level, since, count: 0, peers: BTreeMap::new(), longest: None }
    }

    fn add(&mut self, event: &Event<'_>) {
        self.count += 1;
        self.longest = self.longest.max(event.bytes);
        if let Some(peer) = event.peer
            && (self.peers.len() < ADDRESSES || self.peers.contains_key(&peer))
        {
            *self.peers.entry(peer).or_default() += 1;
        }
    }

    /// A clock that was put back ends a window too: it must not be silent until the old hour comes again.
    fn is_over(&self, now: Timestamp) -> bool {
        now < self.since || now >= later(self.since, WINDOW)
    }

    /// The addresses; with how often each came, if there are several.
    fn addresses(&self) -> Option<String> {
        let mut text = String::new();
        for (peer, count) in &self.peers {
            let comma = if text.is_empty() { "" } else { ", " };
            let times = if self.peers.len() > 1 { format!(" ({count})") } else { String::new() };
            // Writing to a String cannot fail.
            let _ = write!(text, "{comma}{peer}{times}");
        }
        let named: u64 = self.peers.values().sum();
        if !text.is_empty() && named < self.count {
            let _ = write!(text, ", {OTHERS} ({})", self.count - named);
        }
        (!text.is_empty()).then_some(text)
    }
}

impl ThrottledLog {
    fn kinds(&self) -> MutexGuard<'_, BTreeMap<Kind, Repeats>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says it if nothing of its kind was said within the last minute, and counts it otherwise.
    pub fn note(&self, event: Event<'_>, now: Timestamp) {
        let mut kind = Kind {
            what: event.what,
            source: cut(event.source, LONGEST[0]),
            reason: cut(event.reason, LONGEST[1]),
        };
        let mut kinds = self.kinds();
        let mut lines = Vec::new();
        if !kinds.contains_key(&kind) {
            let alike =
                |kinds: &BTreeMap<Kind, Repeats>| kinds.keys().filter(|k| k.what == event.what).count();
            if alike(&kinds) >= KINDS {
                lines = due(&mut kinds, now);
            }
            if alike(&kinds) >= KINDS {
                OTHERS.clone_into(&mut kind.source);
                OTHERS.clone_into(&mut kind.reason);
            }
        }
        let is_new = !kinds.contains_key(&kind);
        let repeats = kinds.entry(kind.clone()).or_insert_with(|| Repeats::none(event.level, now));
        repeats.add(&event);
        if is_new || repeats.is_over(now) {
            let said = std::mem::replace(repeats, Repeats::none(event.level, now));
            lines.push((kind, said));
        }
        drop(kinds);
        say(&lines);
    }

    /// Says what has been counted for a minute, so that the end of a flood is in the log too.
    pub fn report(&self, now: Timestamp) {
        let lines = due(&mut self.kinds(), now);
        say(&lines);
    }
}

/// Takes out what is to be said now, and forgets what did not come again.
fn due(kinds: &mut BTreeMap<Kind, Repeats>, now: Timestamp) -> Vec<(Kind, Repeats)> {
    let mut lines = Vec::new();
    kinds.retain(|kind, repeats| {
        if !repeats.is_over(now) {
            return true;
        }
        let came_again = repeats.count > 0;
        if came_again {
            let next = Repeats::none(repeats.level, now);
            lines.push((kind.clone(), std::mem::replace(repeats, next)));
        }
        came_again
    });
    lines
}

fn say(lines: &[(Kind, Repeats)]) {
    for (Kind { what, source, reason }, said) in lines {
        let (peer, times, bytes) = (said.addresses(), said.count, said.longest);
        let (source, reason) = (source.as_str(), reason.as_str());
        if said.level == Level::ERROR {
            error!(source.name = source, reason, peer.address = peer, times, bytes, "{what}");
        } else {
            warn!(source.name = source, reason, peer.address = peer, times, bytes, "{what}");
        }
    }
}

fn cut(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    fn event(source: &str, last: u8) -> Event<'_> {
        let peer = Some(IpAddr::from([192, 0, 2, last]));
        Event { what: "it was refused", level: Level::WARN, source, reason: "wrong", peer, bytes: None }
    }

    /// What was written, a line each.
    fn lines_of(story: impl FnOnce(&ThrottledLog)) -> Vec<String> {
        let log = ThrottledLog::default();
        let captured = crate::telemetry::capture::lines(|| story(&log));
        captured.into_iter().filter(|line| line.contains("it was refused")).collect()
    }

    #[test]
    fn the_first_is_said_at_once_and_the_rest_once_a_minute_with_a_count() {
        let lines = lines_of(|log| {
            for n in 0..30_000 {
                log.note(event("shop", 7), at(n / 1000));
            }
            log.report(at(59));
            log.report(at(60));
            log.report(at(120));
            log.note(event("shop", 8), at(500));
        });
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].contains("192.0.2.7") && lines[0].ends_with("times=1"), "{lines:?}");
        assert!(lines[1].contains("times=29999"), "{lines:?}");
        assert!(lines[2].contains("192.0.2.8"), "{lines:?}");
    }

    #[test]
    fn somebody_in_a_crowd_is_named_at_the_end_of_the_minute() {
        let lines = lines_of(|log| {
            for last in [1, 1, 1, 2, 3, 1] {
                log.note(event("shop", last), at(0));
            }
            log.note(event("other", 9), at(1));
            log.report(at(61));
        });
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[2].contains("192.0.2.1 (3), 192.0.2.2 (1), 192.0.2.3 (1)"), "{lines:?}");
    }

    #[test]
    fn names_and_addresses_of_a_strangers_choice_do_not_make_more_lines() {
        let lines = lines_of(|log| {
            for n in 0..50_000_u32 {
                let last = u8::try_from(n % 200).unwrap();
                log.note(event(&format!("{n}{}", "x".repeat(500)), last), at(i64::from(n) / 1000));
            }
            log.report(at(120));
            log.report(at(180));
            assert!(log.kinds().is_empty(), "what does not come again is forgotten");
        });
        assert!(lines.len() <= 2 * KINDS + 2, "{}", lines.len());
        assert!(lines.iter().all(|line| line.len() < 600), "{lines:?}");
        assert!(lines.last().unwrap().contains("others"), "{lines:?}");
    }

    #[test]
    fn a_clock_that_is_put_back_does_not_silence_it() {
        let lines = lines_of(|log| {
            log.note(event("shop", 7), at(10_000));
            log.note(event("shop", 7), at(0));
        });
        assert_eq!(lines.len(), 2, "{lines:?}");
    }
}
