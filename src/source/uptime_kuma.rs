//! Uptime Kuma's webhook notifications, as JSON or as `multipart/form-data`.
//!
//! A monitor is up or down and has no severity; its tags stand in: one named `severity`, and the others as
//! labels. With neither heartbeat nor monitor come the test button and notices about certificates and domains
//! that will expire, which have no end and so are no incidents.

use std::collections::BTreeMap;

use http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};

use super::alertmanager::severity_in;
use super::labels::{add, labels_of, name_environment};
use super::several::{Event, one_or_several};
use super::tags::Tags;
use super::wire::{Part, Text, moment, part, read};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "uptime_kuma",
    title: "Uptime Kuma",
    proof: "a bearer token or another header",
    hmac: None,
    parse,
    sample,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    heartbeat: Part<Option<Heartbeat>>,
    monitor: Part<Option<Monitor>>,
    msg: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Heartbeat {
    #[serde(rename = "monitorID")]
    monitor_id: Text,
    status: Text,
    time: Text,
    msg: Text,
    last_down_time: Text,
    /// Whether the state is another one than before.
    important: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Monitor {
    id: Text,
    name: Text,
    path_name: Text,
    description: Text,
    #[serde(rename = "type")]
    kind: Text,
    url: Text,
    hostname: Text,
    tags: Part<Vec<Tag>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tag {
    name: Text,
    value: Text,
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    one_or_several(read(body.body())?, |event| read_one(event, source))
}

fn read_one(event: Value, source: &Source) -> Result<Event, NotUnderstood> {
    let body: Body = part(event, "the body")?;
    let (Some(beat), Some(monitor)) = (body.heartbeat.0, body.monitor.0) else {
        return notice(body.msg.as_deref(), source);
    };
    let id = monitor.id.as_deref().or(beat.monitor_id.as_deref());
    let id = id.ok_or_else(|| NotUnderstood::new("`monitor.id` is missing"))?;
    let state = match beat.status.as_deref() {
        Some("0") => AlertState::Firing,
        Some("1") => AlertState::Resolved,
        Some("2" | "3") => return Ok(Event::Nothing("a monitor that is pending or in maintenance")),
        Some(_) => return Err(NotUnderstood::new("`heartbeat.status` is none of Uptime Kuma's")),
        None => return Err(NotUnderstood::new("`heartbeat.status` is missing")),
    };
    let labels = monitor.labels();
    // A tag of that name, else a bare one such as `sev1`.
    let bare = || Tags::from_list(labels.get("tags")?).severity();
    let severity = severity_in(&labels).map(ToOwned::to_owned).or_else(bare);
    let said = [beat.msg.as_deref(), monitor.description.as_deref()];
    let draft = Draft {
        id: id.to_owned(),
        title: monitor.name.0.clone().or(body.msg.0).unwrap_or_default(),
        summary: said.into_iter().flatten().collect::<Vec<_>>().join("\n"),
        labels,
        started_at: match state {
            AlertState::Resolved => beat.last_down_time.as_deref().and_then(in_utc),
            AlertState::Firing | AlertState::Acknowledged => beat.time.as_deref().and_then(in_utc),
        },
        ended_at: beat.time.as_deref().and_then(in_utc).filter(|_| state == AlertState::Resolved),
        happened_at: beat.time.as_deref().and_then(in_utc),
        outbreak_at: beat.time.as_deref().and_then(in_utc).filter(|_| {
            state == AlertState::Firing
                && beat.important.as_deref().is_some_and(|yes| yes == "true" || yes == "1")
        }),
        ..Draft::default()
    };
    let key = source.key(id);
    Ok(source.alert(draft, key, state, severity.as_deref()).into())
}

/// Nothing but a text: `{name of the notification} Testing` is the test button.
fn notice(msg: Option<&str>, source: &Source) -> Result<Event, NotUnderstood> {
    let msg = msg.ok_or_else(|| NotUnderstood::new("`heartbeat`, `monitor` and `msg` are missing"))?;
    if !msg.trim_end().ends_with("Testing") {
        return Ok(Event::Nothing("a notice without a monitor, such as of a certificate that will expire"));
    }
    let draft = Draft { id: "test".to_owned(), title: msg.to_owned(), test: true, ..Draft::default() };
    Ok(source.alert(draft, source.key("test"), AlertState::Firing, None).into())
}

/// `2026-02-03 01:42:13.564`, in UTC without saying so.
fn in_utc(time: &str) -> Option<Timestamp> {
    moment(&Value::String(format!("{}Z", time.trim()))).or_else(|| moment(&Value::String(time.to_owned())))
}

impl Monitor {
    fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        for tag in &self.tags.0 {
            match (tag.name.as_deref(), tag.value.as_deref()) {
                (Some(name), Some(value)) => add(&mut labels, name, value),
                (Some(name), None) => add(&mut labels, "tags", name),
                _ => {}
            }
        }
        // Only the host: an address may hold a password.
        let uri = self.url.as_deref().and_then(|url| url.parse::<Uri>().ok());
        let host = self.hostname.as_deref().or_else(|| uri.as_ref()?.host());
        labels.extend(labels_of([
            ("monitor", self.name.as_deref()),
            ("path", self.path_name.as_deref()),
            ("type", self.kind.as_deref()),
            ("host", host),
        ]));
        name_environment(&mut labels);
        labels
    }
}

/// A monitor that is down, with tags for severity and place.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let is_over = state == AlertState::Resolved;
    let began_at = if is_over { later(now, SignedDuration::from_mins(-10)) } else { now };
    let time = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string();
    let tag = |name: &str, value: &str| json!({ "name": name, "value": value, "color": "#DC2626" });
    let mut heartbeat = json!({
        "monitorID": dedup,
        "status": i32::from(is_over),
        "time": time(now),
        "msg": if is_over { "200 - OK" } else { "Request failed with status code 503" },
        "important": true,
        "duration": 60,
        "timezone": "Europe/Berlin",
        "timezoneOffset": "+01:00",
    });
    if let (true, Value::Object(fields)) = (is_over, &mut heartbeat) {
        fields.insert("lastDownTime".to_owned(), json!(time(began_at)));
    }
    json!({
        "heartbeat": heartbeat,
        "monitor": {
            "id": dedup,
            "name": "Checkout",
            "pathName": "production / Checkout",
            "url": "https://checkout.example/health",
            "type": "http",
            "interval": 60,
            "tags": [
                tag("severity", "1"),
                tag("client", "acme"),
                tag("environment", "production"),
                tag("service", "checkout"),
            ],
        },
        "msg": if is_over { "[Checkout] [✅ Up] 200 - OK" } else { "[Checkout] [🔴 Down] Request failed" },
    })
    .into()
}
