//! The monitoring tools that call us: which there are, how their bodies become [`Alert`]s.
//!
//! [`parse`] takes a [`VerifiedBody`] and what the config says about its [`Source`], and reads it with the
//! file of that [`SourceKind`]. It knows neither the network nor the store. A new tool is one file here, one
//! variant of [`SourceKind`], and one folder of fixtures.
//!
//! A tool's parser says what the body means; [`Source`] turns that into an alert (key, severity, limits), so
//! that these are the same for all.

mod alertmanager;
mod azure;
mod better_stack;
mod checkly;
mod cloudevents;
mod datadog;
pub mod document;
mod dynatrace;
mod elastic;
pub mod field_path;
mod firehydrant;
mod flat;
mod gcp;
mod generic;
mod goalert;
mod grafana;
mod grafana_oncall;
mod honeycomb;
mod incident_io;
mod labels;
mod multipart;
mod nagios;
mod newrelic;
mod opsgenie;
mod pagerduty;
mod pingdom;
mod prometheus;
mod rootly;
mod sentry;
mod several;
pub mod severity;
mod site24x7;
mod sns;
mod splunk_observability;
mod splunk_on_call;
mod statuscake;
mod tags;
mod template;
mod uptime_kuma;
mod wire;
mod zabbix;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use secrecy::SecretString;
use sha2::{Digest, Sha256};

use crate::alert::{
    Alert, AlertState, DedupKey, Draft, Severity, SeverityResolver, Stated, limits, one_line,
};
use crate::clock::Timestamp;
use crate::json::{Oddity, loses_digits};
use crate::signature::{Scheme, VerifiedBody, Verifier};
pub use field_path::{FieldPaths, StateField};
use severity::{Seen, SeverityRules};

/// A monitoring tool whose webhooks are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// Prometheus Alertmanager and what speaks like it (Mimir, `SigNoz`).
    Alertmanager,
    /// Grafana's contact points, and its dashboard alerts of old.
    Grafana,
    /// PagerDuty's V3 webhooks.
    Pagerduty,
    /// Our own documented JSON, or anybody's JSON read by [`FieldPaths`].
    Generic,
    /// Azure Monitor's action groups.
    Azure,
    /// Better Stack's Uptime incidents.
    BetterStack,
    /// Datadog's monitors.
    Datadog,
    /// Elastic's rules, by Kibana's webhook connector.
    Elastic,
    /// Google Cloud Monitoring's webhook channels.
    Gcp,
    /// New Relic's workflows.
    Newrelic,
    /// Opsgenie and Jira Service Management Operations.
    Opsgenie,
    /// Sentry's integration platform.
    Sentry,
    /// Uptime Kuma's notifications.
    UptimeKuma,
    /// Zabbix's webhook media types.
    Zabbix,
    /// Checkly's webhook alert channels.
    Checkly,
    /// Dynatrace's problem notifications.
    Dynatrace,
    /// FireHydrant's incidents.
    FireHydrant,
    /// GoAlert's webhooks.
    GoAlert,
    /// Honeycomb's triggers and burn alerts.
    Honeycomb,
    /// incident.io's incidents.
    IncidentIo,
    /// Nagios, Icinga 2, Naemon and Checkmk, by a notification command.
    Nagios,
    /// Pingdom's checks.
    Pingdom,
    /// Rootly's incidents.
    Rootly,
    /// Site24x7's monitors.
    Site24x7,
    /// Splunk Observability Cloud (`SignalFx`).
    SplunkObservability,
    /// Splunk On-Call (`VictorOps`).
    SplunkOnCall,
    /// StatusCake's tests.
    StatusCake,
    /// Amazon SNS, with CloudWatch's alarms.
    Sns,
    /// Prometheus, vmalert and Grafana, speaking to us as if we were an Alertmanager.
    Prometheus,
    /// Grafana OnCall's outgoing webhooks.
    GrafanaOncall,
    /// CloudEvents 1.0 in all three modes.
    CloudEvents,
}

impl SourceKind {
    /// All of them.
    pub const ALL: [Self; 31] = [
        Self::Alertmanager,
        Self::Grafana,
        Self::Pagerduty,
        Self::Generic,
        Self::Azure,
        Self::BetterStack,
        Self::Datadog,
        Self::Elastic,
        Self::Gcp,
        Self::Newrelic,
        Self::Opsgenie,
        Self::Sentry,
        Self::UptimeKuma,
        Self::Zabbix,
        Self::Checkly,
        Self::Dynatrace,
        Self::FireHydrant,
        Self::GoAlert,
        Self::Honeycomb,
        Self::IncidentIo,
        Self::Nagios,
        Self::Pingdom,
        Self::Rootly,
        Self::Site24x7,
        Self::SplunkObservability,
        Self::SplunkOnCall,
        Self::StatusCake,
        Self::Sns,
        Self::Prometheus,
        Self::GrafanaOncall,
        Self::CloudEvents,
    ];

    fn tool(self) -> &'static Tool {
        match self {
            Self::Alertmanager => &alertmanager::TOOL,
            Self::Grafana => &grafana::TOOL,
            Self::Pagerduty => &pagerduty::TOOL,
            Self::Generic => &generic::TOOL,
            Self::Azure => &azure::TOOL,
            Self::BetterStack => &better_stack::TOOL,
            Self::Datadog => &datadog::TOOL,
            Self::Elastic => &elastic::TOOL,
            Self::Gcp => &gcp::TOOL,
            Self::Newrelic => &newrelic::TOOL,
            Self::Opsgenie => &opsgenie::TOOL,
            Self::Sentry => &sentry::TOOL,
            Self::UptimeKuma => &uptime_kuma::TOOL,
            Self::Zabbix => &zabbix::TOOL,
            Self::Checkly => &checkly::TOOL,
            Self::Dynatrace => &dynatrace::TOOL,
            Self::FireHydrant => &firehydrant::TOOL,
            Self::GoAlert => &goalert::TOOL,
            Self::Honeycomb => &honeycomb::TOOL,
            Self::IncidentIo => &incident_io::TOOL,
            Self::Nagios => &nagios::TOOL,
            Self::Pingdom => &pingdom::TOOL,
            Self::Rootly => &rootly::TOOL,
            Self::Site24x7 => &site24x7::TOOL,
            Self::SplunkObservability => &splunk_observability::TOOL,
            Self::SplunkOnCall => &splunk_on_call::TOOL,
            Self::StatusCake => &statuscake::TOOL,
            Self::Sns => &sns::TOOL,
            Self::Prometheus => &prometheus::TOOL,
            Self::GrafanaOncall => &grafana_oncall::TOOL,
            Self::CloudEvents => &cloudevents::TOOL,
        }
    }

    /// The name used in config, keys and labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.tool().name
    }

    /// The tool's own name, for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.tool().title
    }

    /// The strongest proof that this tool can send, for people.
    #[must_use]
    pub fn proof(self) -> &'static str {
        self.tool().proof
    }

    /// How this tool signs when told to sign with these secrets and nothing else is configured; `None` for a
    /// tool that cannot sign.
    #[must_use]
    pub fn default_hmac(self, secrets: Vec<SecretString>) -> Option<Scheme> {
        self.tool().hmac.map(|scheme| scheme(secrets))
    }

    /// Whether bodies of this kind can be read by configured [`FieldPaths`].
    #[must_use]
    pub fn reads_fields(self) -> bool {
        matches!(self, Self::Generic | Self::CloudEvents)
    }

    /// A request as this tool would send it at `now` for a Severity-1 condition that has just begun. Those
    /// with the same `dedup` concern the same condition.
    #[must_use]
    pub fn sample(self, now: Timestamp, dedup: &str) -> Sample {
        (self.tool().sample)(AlertState::Firing, now, dedup)
    }

    /// The request that ends the condition of [`Self::sample`] with the same `dedup`.
    #[must_use]
    pub fn sample_resolved(self, now: Timestamp, dedup: &str) -> Sample {
        (self.tool().sample)(AlertState::Resolved, now, dedup)
    }
}

/// What the file of a tool provides; each has one, called `TOOL`.
struct Tool {
    /// The name used in config, keys and labels.
    name: &'static str,
    /// The tool's own name, for people.
    title: &'static str,
    /// The strongest proof that it can send, for people.
    proof: &'static str,
    /// How it signs when it is given secrets and nothing else is said; `None` if it cannot sign.
    hmac: Option<fn(Vec<SecretString>) -> Scheme>,
    /// What a body means.
    parse: fn(&VerifiedBody, &Source) -> Result<Parsed, NotUnderstood>,
    /// A request about a Severity-1 condition in the given state.
    sample: fn(AlertState, Timestamp, &str) -> Sample,
}

/// A request as a tool would send it, without its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Headers that tell how to read the body; JSON if there is no `content-type` among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl From<serde_json::Value> for Sample {
    fn from(body: serde_json::Value) -> Self {
        Self { headers: Vec::new(), body: body.to_string() }
    }
}

impl From<Sample> for Vec<u8> {
    fn from(sample: Sample) -> Self {
        sample.body.into_bytes()
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SourceKind {
    type Err = UnknownSourceKind;

    fn from_str(text: &str) -> Result<Self, UnknownSourceKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownSourceKind)
    }
}

/// A text that names no source kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such kind of source")]
pub struct UnknownSourceKind;

/// What shares an incident, for tools that send alerts in groups (Alertmanager, Grafana).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncidentPer {
    /// All alerts of one group, as the tool's own grouping says.
    #[default]
    Group,
    /// Each alert has its own.
    Alert,
}

/// One configured source.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its key under `sources:`, which is also its path.
    pub name: String,
    /// Which tool it is.
    pub kind: SourceKind,
    /// What its requests must prove.
    pub verifier: Verifier,
    /// How its severities are read.
    pub severity: SeverityRules,
    /// What shares an incident.
    pub incident_per: IncidentPer,
    /// The labels that alerts of one incident have in common; only for [`SourceKind::Prometheus`], where none
    /// means its usual ones.
    pub group_by: Vec<String>,
    /// Where to look in a body that is not our own JSON; only for kinds that [read by fields](
    /// SourceKind::reads_fields).
    pub fields: Option<FieldPaths>,
    /// Whether the tool's test button opens a room like a real alert.
    pub open_tests: bool,
}

impl Source {
    /// A source with everything else at its default.
    #[must_use]
    pub fn new(name: &str, kind: SourceKind, verifier: Verifier) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            verifier,
            severity: SeverityRules::default(),
            incident_per: IncidentPer::default(),
            group_by: Vec::new(),
            fields: None,
            open_tests: false,
        }
    }

    /// The key of what this kind of source calls `payload`. The source's name is part of it: two
    /// Alertmanagers of different clusters have equal group keys for different trouble.
    fn key(&self, payload: &str) -> DedupKey {
        /// Recipes of payloads are all in their first version.
        const RECIPE: u32 = 1;
        DedupKey::new(self.kind.as_str(), RECIPE, &format!("{}/{payload}", self.name))
    }

    /// Decides the severity, applies all limits, makes the alert. `severity` is the text of the field that
    /// means it in this tool, if it was there.
    fn alert(&self, draft: Draft, key: DedupKey, state: AlertState, severity: Option<&str>) -> Alert {
        self.alert_of(draft, key, state, severity, severity.and_then(severity::usual_meaning))
    }

    /// As [`Self::alert`], for a tool in which that text has a meaning of its own. Rules still see the text.
    fn alert_of(
        &self,
        draft: Draft,
        key: DedupKey,
        state: AlertState,
        severity: Option<&str>,
        meaning: Option<Severity>,
    ) -> Alert {
        let seen = Seen { labels: &draft.labels, title: &draft.title, source: &self.name, severity };
        let decided = self.severity.decide(&seen, meaning);
        let text = severity.map(|text| one_line(text, limits::LABEL_VALUE));
        Alert { stated: Stated { text, meaning }, ..draft.finish(key, state, decided) }
    }

    /// Everything in config and program that a body's meaning depends on, as 64 hexadecimal digits: what did
    /// nothing under one reading may do something under another.
    #[must_use]
    pub fn reading(&self, open_at: Severity) -> String {
        let Self { name: _, kind, verifier: _, severity, incident_per, group_by, fields, open_tests } = self;
        let program = env!("CARGO_PKG_VERSION");
        let all = (program, kind, severity, incident_per, group_by, fields, open_tests, open_at);
        hex::encode(Sha256::digest(format!("{all:?}")))
    }

    /// Decides severities of its alerts anew, once more is known of them than one body says.
    #[must_use]
    pub fn severity_resolver(&self) -> Arc<SeverityResolver> {
        let (name, rules) = (self.name.clone(), self.severity.clone());
        Arc::new(move |alert: &Alert| {
            let severity = alert.stated.text.as_deref();
            let seen = Seen { labels: &alert.labels, title: &alert.title, source: &name, severity };
            rules.decide(&seen, alert.stated.meaning)
        })
    }
}

/// What a body turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// Alerts, at least one.
    Alerts(Vec<Alert>),
    /// Alerts, at least one, beside something that was not understood. Acting on nothing because of one odd
    /// item would lose a page.
    Partly {
        /// What was understood.
        alerts: Vec<Alert>,
        /// Why the first of the others was not.
        unread: NotUnderstood,
    },
    /// Understood, and nothing to act upon: a ping, an event type that is none of ours, a test button.
    Ignored {
        /// Why, without text from the body.
        reason: String,
    },
}

impl Parsed {
    fn ignored(reason: impl Into<String>) -> Self {
        Self::Ignored { reason: reason.into() }
    }

    /// From the items of one body, each understood or not.
    fn gather(items: impl IntoIterator<Item = Result<Alert, NotUnderstood>>) -> Result<Self, NotUnderstood> {
        let mut alerts = Vec::new();
        let mut unread = None;
        for item in items {
            match item {
                Ok(alert) => alerts.push(alert),
                Err(why) => {
                    unread.get_or_insert(why);
                }
            }
        }
        match (alerts.is_empty(), unread) {
            (true, None) => Ok(Self::ignored("there are no alerts in the body")),
            (true, Some(unread)) => Err(unread),
            (false, None) => Ok(Self::Alerts(alerts)),
            (false, Some(unread)) => Ok(Self::Partly { alerts, unread }),
        }
    }

    /// From the documents of one body. One that cannot be read takes nothing from the others.
    fn join(documents: impl IntoIterator<Item = Result<Self, NotUnderstood>>) -> Result<Self, NotUnderstood> {
        let (mut alerts, mut idle, mut unread) = (Vec::new(), None, None);
        for document in documents {
            match document {
                Ok(Self::Alerts(more)) => alerts.extend(more),
                Ok(Self::Partly { alerts: more, unread: why }) => {
                    alerts.extend(more);
                    unread.get_or_insert(why);
                }
                Ok(Self::Ignored { reason }) => {
                    idle.get_or_insert(reason);
                }
                Err(why) => {
                    unread.get_or_insert(why);
                }
            }
        }
        match (alerts.is_empty(), unread, idle) {
            (false, None, _) => Ok(Self::Alerts(alerts)),
            (false, Some(unread), _) => Ok(Self::Partly { alerts, unread }),
            (true, Some(unread), _) => Err(unread),
            (true, None, idle) => {
                Ok(Self::Ignored { reason: idle.unwrap_or_else(|| "the body is empty".to_owned()) })
            }
        }
    }

    /// A sender's clock that runs ahead must not make incidents that begin or end in the future.
    fn not_after(mut self, now: Timestamp) -> Self {
        if let Self::Alerts(alerts) | Self::Partly { alerts, .. } = &mut self {
            for alert in alerts {
                alert.started_at = alert.started_at.map(|at| at.min(now));
                alert.ended_at = alert.ended_at.map(|at| at.min(now));
            }
        }
        self
    }

    fn without_tests(self) -> Self {
        let (mut alerts, unread) = match self {
            Self::Alerts(alerts) => (alerts, None),
            Self::Partly { alerts, unread } => (alerts, Some(unread)),
            ignored @ Self::Ignored { .. } => return ignored,
        };
        alerts.retain(|alert| !alert.test);
        match (alerts.is_empty(), unread) {
            (true, _) => Self::ignored("a test of the connection, and `open_tests` is off"),
            (false, None) => Self::Alerts(alerts),
            (false, Some(unread)) => Self::Partly { alerts, unread },
        }
    }
}

/// Why a verified body could not be read. It names fields and places, never what stood there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotUnderstood {
    /// One line without a full stop.
    pub why: String,
}

impl NotUnderstood {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

/// What identifies this very delivery: the name that the tool gives to each by contract, where the proof covers
/// one, so that a retry with a new signature is known too; else [`VerifiedBody::replay_key`].
#[must_use]
pub fn delivery_key(body: &VerifiedBody, source: &Source) -> Option<String> {
    let named = match source.kind {
        SourceKind::CloudEvents => cloudevents::delivery(body),
        _ => None,
    };
    named.or_else(|| body.replay_key())
}

/// Reads a verified body as its source's tool means it.
pub fn parse(body: &VerifiedBody, source: &Source, now: Timestamp) -> Result<Parsed, NotUnderstood> {
    read(body, source, now).parsed
}

/// What a body says, and how it had to be read.
#[derive(Debug)]
pub struct Read {
    /// What it says.
    pub parsed: Result<Parsed, NotUnderstood>,
    /// What was not as it should be and was read all the same.
    pub oddities: Vec<Oddity>,
}

/// Reads a verified body: as it stands if that is possible, or else as what it evidently is.
#[must_use]
pub fn read(body: &VerifiedBody, source: &Source, now: Timestamp) -> Read {
    let parse = source.kind.tool().parse;
    let as_it_stands = parse(body, source);
    let is_done = as_it_stands.is_ok() && !loses_digits(body.body());
    let documents = if is_done { None } else { Some(document::documents(body)) };
    let (parsed, oddities) = match documents {
        // What can be read as it stands is read again only for the digits of its numbers.
        Some(Ok(found)) if as_it_stands.is_err() || found.oddities.is_empty() => {
            (Parsed::join(found.bodies.iter().map(|body| parse(body, source))), found.oddities)
        }
        Some(Err(why)) if as_it_stands.is_err() => (Err(why), Vec::new()),
        _ => (as_it_stands, Vec::new()),
    };
    let parsed = parsed.map(|parsed| {
        let parsed = parsed.not_after(now);
        if source.open_tests { parsed } else { parsed.without_tests() }
    });
    let oddities = if parsed.is_ok() { oddities } else { Vec::new() };
    Read { parsed, oddities }
}
