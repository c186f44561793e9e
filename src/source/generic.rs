//! Our own documented JSON, and anybody else's by [`FieldPaths`].
//!
//! Our own, version 1; only `event` and `dedup_key` are needed:
//!
//! ```json
//! { "version": 1, "event": "triggered", "dedup_key": "checkout/5xx", "severity": 1,
//!   "title": "checkout is down", "description": "42 % of requests fail", "service": "checkout",
//!   "started_at": "2026-02-03T10:00:00Z", "url": "https://graphs.example/checkout",
//!   "labels": { "client": "acme" } }
//! ```
//!
//! `event` is `triggered`, `acknowledged` or `resolved`; `dedup_key` has at most 255 characters; `severity` is
//! 1 (worst) to 5 or a word. Also known: `runbook_url`, `dashboard_url`, `ended_at`, `assignees`,
//! `acknowledged_by`, `test`
//! (`true` for a try), `condition` (which one it is, if several share a `dedup_key`) and `id`, which is not
//! used but makes two otherwise equal signed messages different. Several may come as a list, or as `alerts`
//! of an object; one may also come as `data` of a Standard Webhooks envelope, whose `type` then may stand for
//! the event (`incident.triggered`) and `data.id` for the key.
//!
//! Keys are kept apart by source, because unrelated senders count from 1.

use std::collections::BTreeMap;

use http::HeaderName;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::field_path::{Path, json_within};
use super::wire::{Moment, Text, Texts, moment, part, read, text};
use super::{FieldPaths, NotUnderstood, Parsed, Sample, Source, StateField, Tool};
use crate::alert::{Alert, AlertState, Draft, LinkKind, Omitted};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::{Encoding, Scheme, VerifiedBody};

pub(super) const TOOL: Tool = Tool {
    name: "generic",
    title: "anything that posts JSON",
    proof: "an HMAC signature, with a signed time by Standard Webhooks",
    hmac: Some(sign),
    parse,
    sample,
};

/// GitHub's form, which most senders and shell one-liners can make.
fn sign(secrets: Vec<SecretString>) -> Scheme {
    Scheme::Hmac {
        secrets,
        header: HeaderName::from_static("x-hub-signature-256"),
        encoding: Encoding::Hex,
        prefix: Some("sha256=".to_owned()),
        timestamp: None,
    }
}

const LONGEST_KEY: usize = 255;

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let value: Value = read(body.body())?;
    if is_ping(&value) {
        return Ok(Parsed::ignored("a ping"));
    }
    match &source.fields {
        Some(fields) => {
            let items = items_at(value, fields.each.as_ref())?;
            gather(items, |item| by_fields(&item, fields, &BTreeMap::new(), source))
        }
        None => gather(items_of(value), |item| own(item, &BTreeMap::new(), source)),
    }
}

/// GitHub's, when a webhook is set up. Its name stands in a header, which no signature covers; these two stand in
/// no other body.
fn is_ping(value: &Value) -> bool {
    ["zen", "hook_id"].iter().all(|name| value.get(name).is_some())
}

/// One alert in our own JSON; `more` are labels for those names that it does not use itself.
pub(super) fn own(
    item: Value,
    more: &BTreeMap<String, String>,
    source: &Source,
) -> Result<Alert, NotUnderstood> {
    let mut own: Own = part(item, "the alert")?;
    own.labels.add(more);
    own.alert(source)
}

/// Reads all items; in a list, reasons say which one.
fn gather(
    items: Vec<Value>,
    read_item: impl Fn(Value) -> Result<Alert, NotUnderstood>,
) -> Result<Parsed, NotUnderstood> {
    let is_list = items.len() > 1;
    Parsed::gather(items.into_iter().enumerate().map(|(place, item)| {
        read_item(item).map_err(
            |e| {
                if is_list { NotUnderstood::new(format!("item {place}: {e}")) } else { e }
            },
        )
    }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Own {
    version: Text,
    event: Text,
    dedup_key: Text,
    condition: Text,
    severity: Text,
    title: Text,
    description: Text,
    service: Text,
    started_at: Moment,
    ended_at: Moment,
    url: Text,
    runbook_url: Text,
    dashboard_url: Text,
    labels: Texts,
    assignees: Option<Vec<Text>>,
    acknowledged_by: Text,
    test: Text,
}

impl Own {
    fn alert(self, source: &Source) -> Result<Alert, NotUnderstood> {
        if self.version.as_deref().is_some_and(|version| version != "1") {
            return Err(NotUnderstood::new("`version` is not 1"));
        }
        let state = match self.event.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("triggered") => AlertState::Firing,
            Some("acknowledged") => AlertState::Acknowledged,
            Some("resolved") => AlertState::Resolved,
            Some(_) => {
                return Err(NotUnderstood::new("`event` is none of triggered, acknowledged, resolved"));
            }
            None => return Err(NotUnderstood::new("`event` is missing")),
        };
        let key = self.dedup_key.0.ok_or_else(|| NotUnderstood::new("`dedup_key` is missing"))?;
        if key.chars().count() > LONGEST_KEY {
            return Err(NotUnderstood::new("`dedup_key` is longer than 255 characters"));
        }
        let mut labels = self.labels.0;
        if let Some(service) = self.service.0 {
            labels.entry("service".to_owned()).or_insert(service);
        }
        let links = [
            (LinkKind::Source, self.url),
            (LinkKind::Runbook, self.runbook_url),
            (LinkKind::Dashboard, self.dashboard_url),
        ];
        let draft = Draft {
            id: self.condition.0.unwrap_or_default(),
            omitted: Omitted { title: self.title.0.is_none(), ..Omitted::default() },
            title: self.title.0.unwrap_or_else(|| key.clone()),
            summary: self.description.0.unwrap_or_default(),
            labels,
            links: links.into_iter().filter_map(|(kind, url)| Some((kind, url.0?))).collect(),
            assignees: self.assignees.into_iter().flatten().filter_map(|name| name.0).collect(),
            taken_by: self.acknowledged_by.0.filter(|_| state == AlertState::Acknowledged),
            started_at: self.started_at.0,
            ended_at: self.ended_at.0.filter(|_| state == AlertState::Resolved),
            happened_at: self.ended_at.0.filter(|_| state == AlertState::Resolved),
            outbreak_at: self.started_at.0,
            test: self.test.as_deref().is_some_and(is_yes),
            ..Draft::default()
        };
        let dedup_key = key_of(source, &key);
        Ok(source.alert(draft, dedup_key, state, self.severity.as_deref()))
    }
}

fn key_of(source: &Source, key: &str) -> crate::alert::DedupKey {
    source.key(key)
}

fn is_yes(text: &str) -> bool {
    ["true", "1", "yes"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}

/// The items of a body in our own JSON.
fn items_of(mut body: Value) -> Vec<Value> {
    if let Value::Array(items) = body {
        return items;
    }
    if let Some(Value::Array(items)) = body.get_mut("alerts") {
        return std::mem::take(items);
    }
    vec![out_of_envelope(body)]
}

/// What is inside `{type, timestamp, data}`, with the envelope's words for what is missing there.
fn out_of_envelope(mut body: Value) -> Value {
    let event = body.get("type").and_then(Value::as_str);
    let event = event.and_then(|kind| kind.rsplit('.').next()).map(ToOwned::to_owned);
    let is_ours = body.get("dedup_key").is_some();
    let (Some(event), Some(Value::Object(data)), false) = (event, body.get_mut("data"), is_ours) else {
        return body;
    };
    let mut data = std::mem::take(data);
    data.entry("event").or_insert(Value::String(event));
    if let Some(id) = data.get("id").cloned() {
        data.entry("dedup_key").or_insert(id);
    }
    Value::Object(data)
}

/// The items of anybody's body.
pub(super) fn items_at(value: Value, each: Option<&Path>) -> Result<Vec<Value>, NotUnderstood> {
    let Some(each) = each else {
        return Ok(match value {
            Value::Array(items) => items,
            other => vec![other],
        });
    };
    let found = each
        .find(&value)
        .ok_or_else(|| NotUnderstood::new(format!("nothing at `{each}`, where the list should be")))?;
    match found.into_owned() {
        Value::Array(items) => Ok(items),
        Value::String(text) => match json_within(&text) {
            Some(Value::Array(items)) => Ok(items),
            _ => Err(NotUnderstood::new(format!("no list at `{each}`"))),
        },
        _ => Err(NotUnderstood::new(format!("no list at `{each}`"))),
    }
}

/// One item of anybody's body; `more` as for [`own`].
pub(super) fn by_fields(
    item: &Value,
    fields: &FieldPaths,
    more: &BTreeMap<String, String>,
    source: &Source,
) -> Result<Alert, NotUnderstood> {
    let text_at = |path: &Option<Path>| path.as_ref().and_then(|path| text(&*path.find(item)?));
    let key = text_at(&Some(fields.key.clone()))
        .ok_or_else(|| NotUnderstood::new(format!("nothing at `{}`, where the key should be", fields.key)))?;
    let state = fields.state.read(item)?;
    let labels =
        fields.labels.iter().filter_map(|(name, path)| Some((name.clone(), texts(&*path.find(item)?)?)));
    let mut labels = Texts(labels.collect());
    labels.add(more);
    let title = text_at(&fields.title);
    let started_at = fields.started_at.as_ref().and_then(|path| moment(&*path.find(item)?));
    let draft = Draft {
        id: text_at(&fields.condition).unwrap_or_default(),
        omitted: Omitted { title: title.is_none(), ..Omitted::default() },
        title: title.unwrap_or_else(|| key.clone()),
        summary: text_at(&fields.description).unwrap_or_default(),
        labels: labels.0,
        links: text_at(&fields.url).map(|url| (LinkKind::Source, url)).into_iter().collect(),
        started_at,
        outbreak_at: started_at,
        test: text_at(&fields.test).is_some_and(|text| is_yes(&text)),
        ..Draft::default()
    };
    let severity = text_at(&fields.severity);
    let dedup_key = key_of(source, &key);
    Ok(source.alert(draft, dedup_key, state, severity.as_deref()))
}

impl StateField {
    fn read(&self, item: &Value) -> Result<AlertState, NotUnderstood> {
        let found = self.path.find(item).and_then(|value| text(&value));
        let is_in = |words: &[String]| {
            let found = found.as_deref().map(str::trim);
            found.is_some_and(|found| words.iter().any(|word| word.to_lowercase() == found.to_lowercase()))
        };
        if is_in(&self.firing) {
            Ok(AlertState::Firing)
        } else if is_in(&self.acknowledged) {
            Ok(AlertState::Acknowledged)
        } else if is_in(&self.resolved) {
            Ok(AlertState::Resolved)
        } else {
            self.otherwise.ok_or_else(|| {
                let path = &self.path;
                NotUnderstood::new(match found {
                    Some(_) => format!("what is at `{path}` is none of the configured states"),
                    None => format!("nothing at `{path}`, where the state should be"),
                })
            })
        }
    }
}

/// A leaf, or a list of leaves one after the other.
fn texts(value: &Value) -> Option<String> {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().filter_map(text).collect();
            (!items.is_empty()).then(|| items.join(", "))
        }
        leaf => text(leaf),
    }
}

/// One alert in our own JSON.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let (event, started_at) = match state {
        AlertState::Firing => ("triggered", now),
        AlertState::Acknowledged => ("acknowledged", now),
        AlertState::Resolved => ("resolved", later(now, SignedDuration::from_mins(-10))),
    };
    json!({
        "version": 1,
        "event": event,
        "id": format!("{dedup}-{}", now.as_millisecond()),
        "dedup_key": dedup,
        "severity": 1,
        "title": "Checkout answers with errors",
        "description": "More than 40 % of the requests to checkout have failed for five minutes.",
        "service": "checkout",
        "started_at": started_at.to_string(),
        "ended_at": (state == AlertState::Resolved).then(|| now.to_string()),
        "url": "https://graphs.example/d/checkout",
        "runbook_url": "https://runbooks.example/checkout",
        "labels": { "client": "acme", "environment": "production" },
    })
    .into()
}
