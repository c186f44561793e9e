//! What is measured, and under which names. Metrics are `warroom_<noun>_<unit>[_total]` with labels whose
//! values are bounded: source names of the config, and words of this program.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tracing::Level;

use crate::clock::Timestamp;

pub mod throttled_log;

#[cfg(test)]
pub(crate) mod capture;

use throttled_log::{Event, ThrottledLog};

/// The media type of [`Metrics::render`]; Prometheus refuses an answer without it.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A hook by source and by what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HookLabels {
    /// The source's name in the config; `unknown` for a path that is none.
    pub source: String,
    /// `accepted`, `repeated`, `ignored`, or why it was turned away.
    pub outcome: &'static str,
}

/// An alert by source and severity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AlertLabels {
    /// The source's name in the config.
    pub source: String,
    /// `sev1` … `sev5`.
    pub severity: &'static str,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabels {
    /// The source's name in the config.
    pub source: String,
}

/// A gateway call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallLabels {
    /// The step's name.
    pub step: &'static str,
    /// `ok`, or the error's class.
    pub outcome: &'static str,
}

/// A linked number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct InstanceLabels {
    /// Its name in the config.
    pub instance: String,
}

/// Something that the gateway told by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct NoticeLabels {
    /// The linked number's name in the config.
    pub instance: String,
    /// What sort of thing.
    pub notice: &'static str,
}

/// What a linked number may still make.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LeftLabels {
    /// Its name in the config.
    pub instance: String,
    /// For which routes: `any`, or only those marked `important`.
    pub routes: &'static str,
}

/// A roster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RosterLabels {
    /// The beginning of the SHA-256 of its text.
    pub hash: String,
}

/// A look at the roster's file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReloadLabels {
    /// `same`, `taken` or `refused`.
    pub outcome: &'static str,
}

/// Where people stand who were asked or have answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ConsentLabels {
    /// `none`, `written`, `yes` or `stop`.
    pub answer: &'static str,
}

/// A refused request of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RefusalLabels {
    /// The problem's code.
    pub reason: &'static str,
}

/// A move of a room.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct MoveLabels {
    /// The phase it moved to.
    pub phase: &'static str,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// What is said of requests that anybody can make.
    pub log: ThrottledLog,
    /// Hooks by outcome.
    pub hooks: Family<HookLabels, Counter>,
    /// Time from the first byte of a hook to its answer.
    pub hook_seconds: Histogram,
    /// Alerts by severity.
    pub alerts: Family<AlertLabels, Counter>,
    /// Hooks that are no valid JSON and were read all the same.
    pub read_leniently: Family<SourceLabels, Counter>,
    /// Alerts whose severity nothing said.
    pub unmapped: Family<SourceLabels, Counter>,
    /// Gateway calls by outcome.
    pub calls: Family<CallLabels, Counter>,
    /// What the gateway told by itself.
    pub notices: Family<NoticeLabels, Counter>,
    /// Moves of rooms.
    pub moves: Family<MoveLabels, Counter>,
    /// Steps put off because a number has to keep its pace.
    pub throttled: Counter,
    /// Outcomes that came after the lease was lost.
    pub strays: Counter,
    /// From the first alert to the welcome in the room.
    pub briefed_seconds: Histogram,
    /// Whether a number works, as far as we know.
    pub instances_up: Family<InstanceLabels, Gauge<i64, AtomicI64>>,
    /// Groups that a number may still make within the hour.
    pub rooms_left: Family<LeftLabels, Gauge<i64, AtomicI64>>,
    /// Times that a number began to fail.
    pub alarms: Family<InstanceLabels, Counter>,
    /// Rooms that went on through another number.
    pub switches: Counter,
    /// The roster in force: one series at 1.
    pub roster: Family<RosterLabels, Gauge<i64, AtomicI64>>,
    /// Since when it is in force, in Unix seconds.
    pub roster_since: Gauge<i64, AtomicI64>,
    /// Whether the file as it is now is the one in force.
    pub roster_sound: Gauge<i64, AtomicI64>,
    /// Looks at the file on request or on change, by outcome.
    pub roster_reloads: Family<ReloadLabels, Counter>,
    /// When the worker last looked for work, in Unix seconds; 0 if it never did.
    pub worker_round: Gauge<i64, AtomicI64>,
    /// Times that work on a room broke off by a mistake in the program.
    pub rooms_broken: Counter,
    /// Rooms a worker holds right now.
    pub leased: Gauge<i64, AtomicI64>,
    /// What was found unreadable, or breaks the work on it; read from the store when asked.
    pub aside: Gauge<i64, AtomicI64>,
    /// Second groups that are not closed; read from the store when asked.
    pub orphans: Gauge<i64, AtomicI64>,
    /// People by what they answered; read from the store when asked.
    pub consents: Family<ConsentLabels, Gauge<i64, AtomicI64>>,
    /// Answers of which only a hidden id is known; read from the store when asked.
    pub unnamed: Gauge<i64, AtomicI64>,
    /// Replicas that share the store and were heard of lately; read from the store when asked.
    pub replicas: Gauge<i64, AtomicI64>,
    /// Different rosters in force among them.
    pub replica_rosters: Gauge<i64, AtomicI64>,
    /// Times that the store did not do what it was asked.
    pub store_failures: Counter<u64, AtomicU64>,
    /// Connections that were closed or not taken because there were too many.
    pub connections_crowded: Counter,
    /// Requests that the operator listener refused, by why.
    pub console_refused: Family<RefusalLabels, Counter>,
}

impl Default for Metrics {
    #[expect(clippy::too_many_lines, reason = "a list: each metric with its name and its words")]
    fn default() -> Self {
        let mut registry = Registry::with_prefix("warroom");
        let metrics = Self {
            log: ThrottledLog::default(),
            hooks: Family::default(),
            hook_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            alerts: Family::default(),
            read_leniently: Family::default(),
            unmapped: Family::default(),
            calls: Family::default(),
            notices: Family::default(),
            moves: Family::default(),
            throttled: Counter::default(),
            strays: Counter::default(),
            briefed_seconds: Histogram::new(exponential_buckets(0.25, 2.0, 14)),
            instances_up: Family::default(),
            rooms_left: Family::default(),
            alarms: Family::default(),
            switches: Counter::default(),
            roster: Family::default(),
            roster_since: Gauge::default(),
            roster_sound: Gauge::default(),
            roster_reloads: Family::default(),
            worker_round: Gauge::default(),
            rooms_broken: Counter::default(),
            leased: Gauge::default(),
            aside: Gauge::default(),
            orphans: Gauge::default(),
            consents: Family::default(),
            unnamed: Gauge::default(),
            replicas: Gauge::default(),
            replica_rosters: Gauge::default(),
            store_failures: Counter::default(),
            connections_crowded: Counter::default(),
            console_refused: Family::default(),
            registry: Registry::default(),
        };
        drop(metrics.console_refused.get_or_create(&RefusalLabels { reason: "unauthorized" }));
        // There from the start at 0, so that the first parked room is an increase to whoever watches.
        drop(metrics.moves.get_or_create(&MoveLabels { phase: "parked" }));
        for outcome in ["same", "taken", "refused"] {
            drop(metrics.roster_reloads.get_or_create(&ReloadLabels { outcome }));
        }
        registry.register("hooks", "Hooks by source and outcome", metrics.hooks.clone());
        registry.register_with_unit(
            "hook",
            "Time to answer a hook",
            Unit::Seconds,
            metrics.hook_seconds.clone(),
        );
        registry.register("alerts", "Alerts by source and severity", metrics.alerts.clone());
        registry.register(
            "hooks_read_leniently",
            "Hooks that are no valid JSON and were read all the same, by source",
            metrics.read_leniently.clone(),
        );
        registry.register(
            "alerts_unmapped",
            "Alerts whose severity was not said or not known, by source",
            metrics.unmapped.clone(),
        );
        registry.register("gateway_calls", "Gateway calls by step and outcome", metrics.calls.clone());
        registry.register(
            "notices",
            "What the gateway told by itself, by number and kind",
            metrics.notices.clone(),
        );
        registry.register("room_moves", "Moves of rooms by the phase they moved to", metrics.moves.clone());
        registry.register(
            "steps_throttled",
            "Steps put off to keep a number's pace",
            metrics.throttled.clone(),
        );
        registry.register("strays", "Outcomes that came after the lease was lost", metrics.strays.clone());
        registry.register_with_unit(
            "room_briefed",
            "From the opening of an incident to its welcome",
            Unit::Seconds,
            metrics.briefed_seconds.clone(),
        );
        registry.register(
            "instance_up",
            "Whether a linked number works (1) or not (0)",
            metrics.instances_up.clone(),
        );
        registry.register(
            "rooms_left",
            "Groups that a linked number may still make within the hour",
            metrics.rooms_left.clone(),
        );
        registry.register(
            "instance_alarms",
            "Times that a linked number began to fail",
            metrics.alarms.clone(),
        );
        registry.register(
            "room_switches",
            "Rooms that went on through another linked number",
            metrics.switches.clone(),
        );
        registry.register(
            "roster",
            "The roster in force, by the beginning of its hash",
            metrics.roster.clone(),
        );
        registry.register_with_unit(
            "roster_since_timestamp",
            "Since when the roster is in force, in Unix time",
            Unit::Seconds,
            metrics.roster_since.clone(),
        );
        registry.register(
            "roster_sound",
            "Whether the roster's file is free of errors (1) or an earlier one stays in force (0)",
            metrics.roster_sound.clone(),
        );
        registry.register(
            "roster_reloads",
            "Looks at the roster's file by outcome",
            metrics.roster_reloads.clone(),
        );
        registry.register_with_unit(
            "worker_round_timestamp",
            "When the worker last looked for work, in Unix time",
            Unit::Seconds,
            metrics.worker_round.clone(),
        );
        registry.register(
            "rooms_broken",
            "Times that work on a room broke off by a mistake in the program",
            metrics.rooms_broken.clone(),
        );
        registry.register("rooms_leased", "Rooms being worked on", metrics.leased.clone());
        registry.register(
            "rows_aside",
            "Stored things that cannot be read, or on which work breaks off; everything else goes on",
            metrics.aside.clone(),
        );
        registry.register(
            "orphans",
            "Groups that carry an incident's id, are not its room and are not closed",
            metrics.orphans.clone(),
        );
        registry.register(
            "consents",
            "People who were asked or have answered, by what they answered",
            metrics.consents.clone(),
        );
        registry.register(
            "answers_unnamed",
            "Answers of people of whom only a hidden id is known so far",
            metrics.unnamed.clone(),
        );
        registry.register(
            "replicas",
            "Replicas that share the store and were heard of lately",
            metrics.replicas.clone(),
        );
        registry.register(
            "replica_rosters",
            "Different rosters in force among them",
            metrics.replica_rosters.clone(),
        );
        registry.register("store_failures", "Failed store transactions", metrics.store_failures.clone());
        registry.register(
            "connections_crowded",
            "Connections that were closed or not taken because there were too many",
            metrics.connections_crowded.clone(),
        );
        registry.register(
            "console_refused",
            "Requests that the operator listener refused, by reason",
            metrics.console_refused.clone(),
        );
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// All metrics as OpenMetrics text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// Shows where people stand.
    pub fn show_consents(&self, counts: &[(crate::consent::Standing, i64)], unnamed: i64) {
        for (standing, count) in counts {
            self.consents.get_or_create(&ConsentLabels { answer: standing.as_str() }).set(*count);
        }
        self.unnamed.set(unnamed);
    }

    /// Shows who shares the store.
    pub fn show_replicas(&self, replicas: usize, rosters: usize) {
        self.replicas.set(i64::try_from(replicas).unwrap_or(i64::MAX));
        self.replica_rosters.set(i64::try_from(rosters).unwrap_or(i64::MAX));
    }

    /// Shows the roster in force.
    pub fn set_roster(&self, hash: &str, since: Timestamp, sound: bool) {
        self.roster.clear();
        self.roster.get_or_create(&RosterLabels { hash: hash.to_owned() }).set(1);
        self.roster_since.set(since.as_second());
        self.roster_sound.set(i64::from(sound));
    }

    /// Counts a look at the roster's file.
    pub fn count_roster_reload(&self, outcome: &'static str) {
        self.roster_reloads.get_or_create(&ReloadLabels { outcome }).inc();
    }

    /// Counts a request that the operator listener refused, and says so once a minute.
    pub fn count_console_refusal(&self, reason: &'static str, peer: Option<IpAddr>, now: Timestamp) {
        self.console_refused.get_or_create(&RefusalLabels { reason }).inc();
        let what = "a request to the operator listener was refused";
        self.log.note(Event { what, level: Level::WARN, source: "console", reason, peer, bytes: None }, now);
    }

    /// Lets an outcome of a source's hooks begin at 0.
    pub fn preset_hook(&self, source: &str, outcome: &'static str) {
        drop(self.hooks.get_or_create(&HookLabels { source: source.to_owned(), outcome }));
    }

    /// Counts a hook.
    pub fn count_hook(&self, source: &str, outcome: &'static str, took: Duration) {
        self.hooks.get_or_create(&HookLabels { source: source.to_owned(), outcome }).inc();
        self.hook_seconds.observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_prefix_unit_and_total() {
        let metrics = Metrics::default();
        metrics.count_hook("prometheus", "accepted", Duration::from_millis(3));
        let text = metrics.render();
        assert!(text.contains(r#"warroom_hooks_total{source="prometheus",outcome="accepted"} 1"#), "{text}");
        assert!(text.contains("warroom_hook_seconds_bucket"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
