//! Honeycomb: webhook recipients of triggers and burn alerts, with the default body or one like it.
//!
//! Nothing in the default body means a severity; a template may add `severity`, as its page shows. One
//! trigger is one incident, however many of its groups are over the line.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::labels::{labels_of, links_of};
use super::wire::{Many, Moment, Text, Texts, lines_of, needed, read};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::Timestamp;
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "honeycomb",
    title: "Honeycomb",
    proof: "a shared secret in a header",
    hmac: None,
    parse,
    sample,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Notice {
    /// Absent in older bodies.
    id: Text,
    name: Text,
    status: Text,
    is_test: Text,
    severity: Text,
    summary: Text,
    description: Text,
    trigger_description: Text,
    alert_type: Text,
    environment: Text,
    result_groups_triggered: Many<Group>,
    result_url: Text,
    trigger_url: Text,
    runbook_url: Text,
    labels: Texts,
    /// Only in templates; of the change that is told.
    timestamp: Moment,
}

/// One line of the trigger's result.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Group {
    group: Texts,
    result: Text,
}

/// Groups told in the summary.
const TOLD: usize = 5;

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let notice: Notice = read(body.body())?;
    let state = match needed(notice.status.as_deref(), "status")?.to_ascii_uppercase().as_str() {
        "TRIGGERED" => AlertState::Firing,
        "OK" | "RESOLVED" => AlertState::Resolved,
        _ => return Err(NotUnderstood::new("`status` is none of Honeycomb's")),
    };
    let id = needed(notice.id.as_deref().or(notice.name.as_deref()), "id")?;
    let title = notice.name.as_deref().or(notice.summary.as_deref()).unwrap_or(id);
    let groups: Vec<String> =
        notice.result_groups_triggered.0.iter().filter_map(Group::told).take(TOLD).collect();
    let lines = [notice.description.as_deref(), notice.trigger_description.as_deref()];
    let draft = Draft {
        id: id.to_owned(),
        title: title.to_owned(),
        summary: lines_of(lines.into_iter().chain(groups.iter().map(|group| Some(group.as_str())))),
        labels: notice.labels(),
        links: links_of([
            (LinkKind::Source, notice.trigger_url.as_deref()),
            (LinkKind::Dashboard, notice.result_url.as_deref()),
            (LinkKind::Runbook, notice.runbook_url.as_deref()),
        ]),
        started_at: notice.timestamp.0.filter(|_| state == AlertState::Firing),
        ended_at: notice.timestamp.0.filter(|_| state == AlertState::Resolved),
        happened_at: notice.timestamp.0,
        outbreak_at: notice.timestamp.0.filter(|_| {
            // Other triggers tell each time that they look.
            state == AlertState::Firing && notice.alert_type.as_deref() == Some("on_change")
        }),
        test: notice.is_test.as_deref() == Some("true"),
        ..Draft::default()
    };
    Ok(Parsed::Alerts(vec![source.alert(draft, source.key(id), state, notice.severity.as_deref())]))
}

impl Notice {
    /// Environment and dataset are only in the addresses of the default body.
    fn labels(&self) -> BTreeMap<String, String> {
        let address = self.trigger_url.as_deref().or(self.result_url.as_deref());
        let after = |word: &str| {
            address?.split_once(word)?.1.split(['/', '?']).next().filter(|found| !found.is_empty())
        };
        let mut labels = labels_of([
            ("environment", self.environment.as_deref().or_else(|| after("/environments/"))),
            ("dataset", after("/datasets/")),
            ("alert_type", self.alert_type.as_deref()),
        ]);
        let given = self.labels.0.iter();
        // Several groups would contradict each other.
        let grouped = match self.result_groups_triggered.0.as_slice() {
            [only] => Some(only.group.0.iter()),
            _ => None,
        };
        for (name, value) in given.chain(grouped.into_iter().flatten()) {
            labels.entry(name.clone()).or_insert_with(|| value.clone());
        }
        labels
    }
}

impl Group {
    fn told(&self) -> Option<String> {
        let result = self.result.as_deref()?;
        let of: Vec<String> = self.group.0.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        (!of.is_empty()).then(|| format!("{}: {result}", of.join(", ")))
    }
}

/// A trigger as the template of its page tells it.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let is_over = state == AlertState::Resolved;
    let group = json!({ "Group": { "service": "checkout" }, "Result": if is_over { 0.1 } else { 42.5 } });
    json!({
        "id": dedup,
        "name": "Checkout answers with errors",
        "status": if is_over { "OK" } else { "TRIGGERED" },
        "severity": "critical",
        "summary": "Triggered: Checkout answers with errors",
        "description": "Currently greater than threshold value (5) for service:checkout (value 42.5)",
        "environment": "production",
        "labels": { "client": "acme", "service": "checkout" },
        "result_groups_triggered": if is_over { json!([]) } else { json!([group]) },
        "result_url": "https://ui.honeycomb.example/acme/environments/production/datasets/shop/result/42",
        "trigger_url": "https://ui.honeycomb.example/acme/environments/production/datasets/shop/triggers/42",
        "is_test": false,
        "timestamp": now.to_string(),
    })
    .into()
}
