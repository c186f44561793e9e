//! Prometheus Alertmanager's webhook, body version 4, and version 3 of the installations that never moved.
//!
//! One body is one group of alerts as `group_by` makes them; firing and resolved ones come together, and the
//! whole group is sent again whenever it changes and every `repeat_interval`. The envelope's `status` says
//! "firing" if any member fires, so members are believed before it. Grafana sends the same shape with more
//! fields and reads it with [`alerts_of`].

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::labels::shared;
use super::wire::{Moment, Text, Texts, hash_of, read};
use super::{IncidentPer, NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{Alert, AlertState, DedupKey, Draft, LinkKind, is_web_address};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "alertmanager",
    title: "Prometheus Alertmanager",
    proof: "a bearer token or a password",
    // A feature request at Alertmanager's (issue 4248); until then bearer or basic.
    hmac: None,
    parse,
    sample,
};

/// A group as it is sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Body {
    receiver: Text,
    status: Text,
    alerts: Option<Vec<Member>>,
    group_labels: Texts,
    common_labels: Texts,
    common_annotations: Texts,
    #[serde(rename = "externalURL")]
    external_url: Text,
    /// Text, a number in version 3.
    group_key: Text,
    /// How many were cut by `max_alerts`.
    truncated_alerts: Text,
}

/// One alert of a group.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Member {
    status: Text,
    pub(super) labels: Texts,
    pub(super) annotations: Texts,
    starts_at: Moment,
    ends_at: Moment,
    #[serde(rename = "generatorURL")]
    generator_url: Text,
    /// Absent in version 3.
    fingerprint: Text,
    /// Grafana only, as the next two.
    #[serde(rename = "silenceURL")]
    pub(super) silence_url: Text,
    #[serde(rename = "dashboardURL")]
    pub(super) dashboard_url: Text,
    #[serde(rename = "panelURL")]
    pub(super) panel_url: Text,
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    alerts_of(&read(body.body())?, source, |_, draft| draft)
}

/// The alerts of a group; `finish_draft` adds what a relative of Alertmanager says beyond it.
pub(super) fn alerts_of(
    group: &Body,
    source: &Source,
    finish_draft: impl Fn(&Member, Draft) -> Draft,
) -> Result<Parsed, NotUnderstood> {
    let Some(members) = &group.alerts else {
        return Err(NotUnderstood::new("`alerts` is missing"));
    };
    let shared = Shared::of(group, members.len(), source);
    let parsed = Parsed::gather(members.iter().enumerate().map(|(place, member)| {
        let state = group.state_of(member).ok_or_else(|| {
            NotUnderstood::new(format!("`alerts[{place}].status` is neither firing nor resolved"))
        })?;
        let draft = finish_draft(member, shared.draft(member, state));
        Ok(shared.alert(member, draft, state, source))
    }));
    parsed.map(|mut parsed| {
        let (alerts, is_list) = match &mut parsed {
            // A member that cannot be read may still be firing, like one that was cut.
            Parsed::Partly { alerts, .. } => (alerts, false),
            // All of the group that is not silenced comes each time.
            Parsed::Alerts(alerts) if shared.key.is_some() && !shared.is_cut => (alerts, true),
            Parsed::Alerts(_) | Parsed::Ignored { .. } => return parsed,
        };
        for alert in alerts {
            alert.truncated |= !is_list;
            alert.is_listed = is_list;
        }
        parsed
    })
}

impl Body {
    fn state_of(&self, member: &Member) -> Option<AlertState> {
        let status = member.status.as_deref().or(self.status.as_deref())?;
        if status.eq_ignore_ascii_case("firing") {
            Some(AlertState::Firing)
        } else if status.eq_ignore_ascii_case("resolved") {
            Some(AlertState::Resolved)
        } else {
            None
        }
    }

    /// The group's key, which stays the same over repeats and the resolve. Bodies made by hand or by a template
    /// may have none; then what the group is made of stands for it. Nothing if each alert has its own.
    fn key(&self, source: &Source) -> Option<DedupKey> {
        let group = match (source.incident_per, self.group_key.as_deref()) {
            (IncidentPer::Group, Some(group_key)) => group_key.to_owned(),
            (IncidentPer::Group, None) if !self.group_labels.0.is_empty() => {
                format!("{}:{}", self.receiver.as_deref().unwrap_or_default(), hash_of(&self.group_labels.0))
            }
            (IncidentPer::Group, None) | (IncidentPer::Alert, _) => return None,
        };
        Some(self.own_key(&group, source))
    }

    /// The client that all its alerts are about.
    fn client(&self) -> Option<&str> {
        let mut clients = self.alerts.iter().flatten().map(|member| member.labels.get("client"));
        let first = clients.next()??;
        clients.all(|other| other == Some(first)).then_some(first)
    }

    /// Several Alertmanagers may call one source, and mean different trouble by equal names: they differ by their
    /// addresses, or where these are the same, by the client of all their alerts. Those of one cluster are recognised
    /// by their alerts' fingerprints.
    fn own_key(&self, payload: &str, source: &Source) -> DedupKey {
        let address = self.external_url.as_deref().unwrap_or_default();
        match self.client() {
            Some(client) => source.key(&format!("{address}/{client}/{payload}")),
            None => source.key(&format!("{address}/{payload}")),
        }
    }
}

/// What the alerts of a group have in common, found out once and cut to what each of them may have.
struct Shared<'a> {
    group: &'a Body,
    key: Option<DedupKey>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    external_url: Option<&'a str>,
    is_cut: bool,
}

impl<'a> Shared<'a> {
    fn of(group: &'a Body, members: usize, source: &Source) -> Self {
        /// Those that a label's or an annotation's place among very many must not cost.
        const FIRST: [&str; 13] = [
            "alertname",
            "severity",
            "priority",
            "sev",
            "summary",
            "title",
            "description",
            "message",
            "details",
            "runbook_url",
            "runbook",
            "dashboard_url",
            "dashboard",
        ];
        Self {
            group,
            key: group.key(source),
            labels: shared(&group.common_labels.0, &FIRST, members),
            annotations: shared(&group.common_annotations.0, &FIRST, members),
            external_url: group.external_url.as_deref().filter(|url| is_web_address(url)),
            is_cut: group.truncated_alerts.as_deref().is_some_and(|n| n != "0"),
        }
    }

    fn draft(&self, member: &Member, state: AlertState) -> Draft {
        let annotation = |name: &str| {
            let value = member.annotations.get(name);
            value.or_else(|| self.annotations.get(name).map(String::as_str))
        };
        let first = |names: &[&str]| names.iter().find_map(|name| annotation(name));
        let mut labels = self.labels.clone();
        labels.extend(member.labels.0.clone());
        let title = first(&["summary", "title"])
            .or_else(|| labels.get("alertname").map(String::as_str))
            .unwrap_or_default()
            .to_owned();
        let links = [
            (LinkKind::Source, member.generator_url.as_deref()),
            (LinkKind::Runbook, first(&["runbook_url", "runbook"])),
            (LinkKind::Dashboard, first(&["dashboard_url", "dashboard"])),
            (LinkKind::Source, self.external_url),
        ];
        Draft {
            id: member.identity(),
            title,
            summary: first(&["description", "message", "details"]).unwrap_or_default().to_owned(),
            links: links.into_iter().filter_map(|(kind, url)| Some((kind, url?.to_owned()))).collect(),
            labels,
            started_at: member.starts_at.0,
            outbreak_at: member.starts_at.0,
            // A list of what fires has no time of its own, and the same outbreak comes back where Prometheus could
            // not be heard for some minutes.
            happened_at: member.ends_at.0.filter(|_| state == AlertState::Resolved),
            has_fingerprint: true,
            // Alertmanager sets `endsAt` to year 1 while firing, Prometheus may set it to a time to come.
            ended_at: member.ends_at.0.filter(|_| state == AlertState::Resolved),
            truncated: self.is_cut,
            ..Draft::default()
        }
    }

    fn alert(&self, member: &Member, draft: Draft, state: AlertState, source: &Source) -> Alert {
        let severity = severity_in(&draft.labels).map(ToOwned::to_owned);
        let key = self.key.clone().unwrap_or_else(|| self.group.own_key(&member.identity(), source));
        source.alert(draft, key, state, severity.as_deref())
    }
}

impl Member {
    /// The fingerprint is a hash of the label set, the same for firing and resolved.
    fn identity(&self) -> String {
        match self.fingerprint.as_deref() {
            Some(fingerprint) => fingerprint.to_owned(),
            None => hash_of(&self.labels.0),
        }
    }
}

/// Severity is a convention among labels, not a field: `severity`, else `priority`, else `sev`, and the same in
/// any case.
pub(super) fn severity_in(labels: &BTreeMap<String, String>) -> Option<&str> {
    const NAMES: [&str; 3] = ["severity", "priority", "sev"];
    let exact = NAMES.iter().find_map(|name| labels.get(*name));
    let any_case = || {
        NAMES.iter().find_map(|name| {
            let mut labels = labels.iter();
            labels.find_map(|(label, value)| label.eq_ignore_ascii_case(name).then_some(value))
        })
    };
    exact.or_else(any_case).map(String::as_str)
}

/// A group of one alert.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    json!({
        "version": "4",
        "groupKey": format!("{{}}/{{severity=\"critical\"}}:{{alertname=\"CheckoutDown\", sample=\"{dedup}\"}}"),
        "truncatedAlerts": 0,
        "status": status(state),
        "receiver": "warroom",
        "groupLabels": { "alertname": "CheckoutDown", "sample": dedup },
        "commonLabels": sample_labels(dedup),
        "commonAnnotations": {},
        "externalURL": "https://alertmanager.example",
        "alerts": [sample_member(state, now, dedup)],
    })
    .into()
}

/// What samples of the Alertmanager family have as their one alert.
pub(super) fn sample_member(state: AlertState, now: Timestamp, dedup: &str) -> serde_json::Value {
    let labels = sample_labels(dedup);
    let fingerprint: String =
        hash_of(&BTreeMap::from([("sample".to_owned(), dedup.to_owned())])).chars().take(16).collect();
    json!({
        "status": status(state),
        "labels": labels,
        "annotations": {
            "summary": "Checkout answers with errors",
            "description": "More than 40 % of the requests to checkout have failed for five minutes.",
            "runbook_url": "https://runbooks.example/checkout",
            "dashboard_url": "https://graphs.example/d/checkout",
        },
        "startsAt": match state {
            AlertState::Resolved => later(now, SignedDuration::from_mins(-10)),
            AlertState::Firing | AlertState::Acknowledged => now,
        }.to_string(),
        "endsAt": match state {
            AlertState::Resolved => now.to_string(),
            AlertState::Firing | AlertState::Acknowledged => "0001-01-01T00:00:00Z".to_owned(),
        },
        "generatorURL": "https://prometheus.example/graph?g0.expr=checkout_errors",
        "fingerprint": fingerprint,
    })
}

pub(super) fn sample_labels(dedup: &str) -> serde_json::Value {
    json!({
        "alertname": "CheckoutDown",
        "severity": "critical",
        "client": "acme",
        "environment": "production",
        "service": "checkout",
        "sample": dedup,
    })
}

pub(super) fn status(state: AlertState) -> &'static str {
    match state {
        AlertState::Resolved => "resolved",
        AlertState::Firing | AlertState::Acknowledged => "firing",
    }
}
