//! Prometheus, vmalert and Grafana when they take us for an Alertmanager: a list of alerts at `/api/v2/alerts`.
//!
//! There is no status, no group and no fingerprint. An alert fires until its `endsAt`, which the sender pushes
//! ahead with each repeat (four evaluation intervals in Prometheus); one that is over comes with an `endsAt` in
//! the past. What shares an incident says `group_by`.
//!
//! When the sender itself dies its alerts are never sent again. A real Alertmanager then calls them over as soon
//! as `endsAt` has passed; we do not, because nobody has seen that anything was repaired. Such an incident stays
//! open until the sender is back and says so, or a person closes it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::alertmanager::severity_in;
use super::wire::{Moment, Text, Texts, hash_of, part, read};
use super::{IncidentPer, NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{Alert, AlertState, DedupKey, Draft, LinkKind};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "prometheus",
    title: "Prometheus or vmalert without Alertmanager",
    proof: "a bearer token or a password",
    hmac: None,
    parse,
    sample,
};

/// What shares an incident if the config does not say. Whatever a client must not see of another one keeps them
/// apart; a label that is absent counts as empty.
const USUAL_GROUP: [&str; 4] = ["alertname", "client", "environment", "cluster"];

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Item {
    labels: Texts,
    annotations: Texts,
    starts_at: Moment,
    ends_at: Moment,
    #[serde(rename = "generatorURL")]
    generator_url: Text,
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let items: Vec<Value> = read(body.body())?;
    Parsed::gather(items.into_iter().enumerate().map(|(place, item)| {
        let item: Item = part(item, &format!("item {place}"))?;
        if item.labels.0.is_empty() {
            return Err(NotUnderstood::new(format!("item {place} has no labels")));
        }
        Ok(item.alert(source, body.verified_at()))
    }))
}

impl Item {
    fn alert(self, source: &Source, now: Timestamp) -> Alert {
        let is_over = self.ends_at.0.is_some_and(|at| at <= now);
        let state = if is_over { AlertState::Resolved } else { AlertState::Firing };
        let key = self.key(source);
        let severity = severity_in(&self.labels.0).map(ToOwned::to_owned);
        let first = |names: &[&str]| names.iter().find_map(|name| self.annotations.get(name));
        let links = [
            (LinkKind::Source, self.generator_url.as_deref()),
            (LinkKind::Runbook, first(&["runbook_url", "runbook"])),
            (LinkKind::Dashboard, first(&["dashboard_url", "dashboard"])),
        ];
        let title = first(&["summary", "title"]).or_else(|| self.labels.get("alertname"));
        let draft = Draft {
            id: hash_of(&self.labels.0),
            title: title.unwrap_or_default().to_owned(),
            summary: first(&["description", "message", "details"]).unwrap_or_default().to_owned(),
            links: links.into_iter().filter_map(|(kind, url)| Some((kind, url?.to_owned()))).collect(),
            started_at: self.starts_at.0,
            outbreak_at: self.starts_at.0,
            happened_at: self.ends_at.0.filter(|_| is_over),
            ended_at: self.ends_at.0.filter(|_| is_over),
            labels: self.labels.0,
            ..Draft::default()
        };
        source.alert(draft, key, state, severity.as_deref())
    }

    fn key(&self, source: &Source) -> DedupKey {
        let group: BTreeMap<String, String> = match source.incident_per {
            IncidentPer::Alert => self.labels.0.clone(),
            IncidentPer::Group => {
                let of = |name: &str| (name.to_owned(), self.labels.get(name).unwrap_or_default().to_owned());
                match source.group_by.as_slice() {
                    [] => USUAL_GROUP.iter().map(|name| of(name)).collect(),
                    names => names.iter().map(|name| of(name)).collect(),
                }
            }
        };
        source.key(&hash_of(&group))
    }
}

/// One alert as Prometheus sends it, with four minutes to live.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let (began_at, ends_at) = match state {
        AlertState::Resolved => (later(now, SignedDuration::from_mins(-10)), now),
        AlertState::Firing | AlertState::Acknowledged => (now, later(now, SignedDuration::from_mins(4))),
    };
    json!([{
        "labels": {
            "alertname": format!("CheckoutDown-{dedup}"),
            "severity": "critical",
            "client": "acme",
            "environment": "production",
            "service": "checkout",
        },
        "annotations": {
            "summary": "Checkout answers with errors",
            "description": "More than 40 % of the requests to checkout have failed for five minutes.",
            "runbook_url": "https://runbooks.example/checkout",
        },
        "startsAt": began_at.to_string(),
        "endsAt": ends_at.to_string(),
        "generatorURL": "https://prometheus.example/graph?g0.expr=checkout_errors",
    }])
    .into()
}
