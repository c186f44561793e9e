//! CloudEvents 1.0 over HTTP, in all three modes: structured, batch, and binary (attributes as headers).
//!
//! However an event came, it is read as the one object that it would be in structured mode. With configured
//! paths that object is what they start from (`data.alert.id`, `subject`, `type`). Without, `data` is our own
//! JSON, and the attributes stand in for what is missing there: the last word of `type` for the event
//! (`com.example.incident.triggered`), `subject` for the key, `time` for the beginning, the extension `severity`.
//!
//! `source` and `id` together name one event for ever, so an event that comes again is the same one again.
//!
//! A signature covers the body alone, so an event in binary mode counts only under a proof of the whole request.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::field_path::json_within;
use super::generic::{by_fields, items_at, own};
use super::labels::shared;
use super::wire::{read, text};
use super::{NotUnderstood, Parsed, Sample, Source, Tool, generic};
use crate::alert::{Alert, AlertState};
use crate::clock::Timestamp;
use crate::json::value;
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "cloudevents",
    title: "anything that sends CloudEvents 1.0",
    proof: "an HMAC signature if the sender can, else a bearer token",
    hmac: generic::TOOL.hmac,
    parse,
    sample,
};

/// Attributes that are no labels: they are new with each event, or say how to read it.
const NO_LABELS: [&str; 8] =
    ["id", "specversion", "time", "datacontenttype", "dataschema", "data", "data_base64", "traceparent"];

type Event = Map<String, Value>;

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let events = events(body)?;
    let is_list = events.len() > 1;
    Parsed::gather(events.into_iter().enumerate().flat_map(|(place, event)| {
        let read = alerts_of(event, source).unwrap_or_else(|why| vec![Err(why)]);
        let named =
            move |why| if is_list { NotUnderstood::new(format!("event {place}: {why}")) } else { why };
        read.into_iter().map(move |alert| alert.map_err(named))
    }))
}

/// What names this delivery: the sources and ids of its events, which the format promises to be unique.
pub(super) fn delivery(body: &VerifiedBody) -> Option<String> {
    let mut hash = Sha256::new();
    let events = events(body).ok().filter(|events| !events.is_empty())?;
    for event in &events {
        for name in ["source", "id"] {
            let value = event.get(name)?.as_str()?;
            hash.update(format!("{}:{value}", value.len()));
        }
    }
    Some(hex::encode(hash.finalize()))
}

/// The events of a body, each as in structured mode and with `data` in the clear.
fn events(body: &VerifiedBody) -> Result<Vec<Event>, NotUnderstood> {
    if body.header("ce-id").is_some() || body.header("ce-specversion").is_some() {
        return Ok(vec![from_headers(body)]);
    }
    let items = match read(body.body())? {
        Value::Array(items) => items,
        Value::Object(event) => vec![Value::Object(event)],
        _ => return Err(NotUnderstood::new("neither an event nor a batch of them")),
    };
    let events = items.into_iter().map(|item| match item {
        Value::Object(event) => Ok(with_data(event)),
        _ => Err(NotUnderstood::new("the batch holds something that is no event")),
    });
    events.collect()
}

/// Binary mode. Header values are percent-encoded where they are not plain.
fn from_headers(body: &VerifiedBody) -> Event {
    let mut event: Event = body
        .headers_after("ce-")
        .map(|(name, value)| (name.to_owned(), Value::String(unescaped(value))))
        .collect();
    let data = serde_json::from_slice(body.body())
        .unwrap_or_else(|_no_json| Value::String(String::from_utf8_lossy(body.body()).into_owned()));
    event.insert("data".to_owned(), data);
    event
}

/// `data_base64` and JSON inside a text become what they stand for.
fn with_data(mut event: Event) -> Event {
    let encoded = event.remove("data_base64");
    let decoded = encoded.as_ref().and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok());
    if let Some(bytes) = decoded {
        let data = value(&bytes)
            .unwrap_or_else(|_no_json| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        event.insert("data".to_owned(), data);
    }
    if let Some(inner) = event.get("data").and_then(Value::as_str).and_then(json_within) {
        event.insert("data".to_owned(), inner);
    }
    event
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = match tail {
            [high, low, after @ ..] if *first == b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
                digit(*high).zip(digit(*low)).map(|(high, low)| (high * 16 + low, after))
            }
            _ => None,
        };
        let (byte, after) = escape.unwrap_or((*first, tail));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn alerts_of(event: Event, source: &Source) -> Result<Vec<Result<Alert, NotUnderstood>>, NotUnderstood> {
    let has = |name: &str| event.get(name).and_then(text).is_some();
    for name in ["id", "source", "type", "specversion"] {
        if !has(name) {
            return Err(NotUnderstood::new(format!(
                "`{name}` is missing, so this is no CloudEvent; in binary mode it is a header, which counts only \
                 where the proof covers the whole request"
            )));
        }
    }
    if !event.get("specversion").and_then(text).is_some_and(|version| version.starts_with("1.")) {
        return Err(NotUnderstood::new("`specversion` is not 1"));
    }
    let labels = labels_of(&event);
    let Some(fields) = &source.fields else {
        return Ok(vec![own(as_ours(event)?, &labels, source)]);
    };
    let items = items_at(Value::Object(event), fields.each.as_ref())?;
    let labels = shared(&labels, &[], items.len());
    Ok(items.iter().map(|item| by_fields(item, fields, &labels, source)).collect())
}

/// The attributes that say something about the trouble. `source` is a word of our own matchers.
fn labels_of(event: &Event) -> BTreeMap<String, String> {
    let labels =
        event.iter().filter(|(name, _)| !NO_LABELS.contains(&name.as_str())).filter_map(|(name, value)| {
            let name = if name == "source" { "event_source" } else { name };
            Some((name.to_owned(), text(value)?))
        });
    labels.collect()
}

/// Our own JSON, with the attributes standing in for what `data` does not say.
fn as_ours(mut event: Event) -> Result<Value, NotUnderstood> {
    let Some(Value::Object(mut data)) = event.remove("data") else {
        return Err(NotUnderstood::new("`data` is not an object: say with `fields:` where things are"));
    };
    let kind = event.get("type").and_then(text).unwrap_or_default();
    let last_word = kind.rsplit('.').next().unwrap_or_default().to_owned();
    let stand_ins = [
        ("event", Some(Value::String(last_word))),
        ("dedup_key", event.remove("subject").filter(|subject| !subject.is_null())),
        ("severity", event.remove("severity")),
        ("started_at", event.remove("time").filter(|_| kind.ends_with(".triggered"))),
    ];
    for (name, value) in stand_ins {
        if let (Some(value), None | Some(Value::Null)) = (value, data.get(name)) {
            data.insert(name.to_owned(), value);
        }
    }
    Ok(Value::Object(data))
}

/// Our own JSON in a structured event.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let kind = match state {
        AlertState::Firing => "com.example.incident.triggered",
        AlertState::Acknowledged => "com.example.incident.acknowledged",
        AlertState::Resolved => "com.example.incident.resolved",
    };
    let Sample { body, .. } = (generic::TOOL.sample)(state, now, dedup);
    let data: Value = serde_json::from_str(&body).unwrap_or_default();
    let event = json!({
        "specversion": "1.0",
        "id": format!("{dedup}-{}", now.as_millisecond()),
        "source": "/monitoring/checkout",
        "type": kind,
        "subject": dedup,
        "time": now.to_string(),
        "datacontenttype": "application/json",
        "data": data,
    });
    Sample {
        headers: vec![("content-type", "application/cloudevents+json".to_owned())],
        body: event.to_string(),
    }
}
