//! Bodies of tools that send one event at a time, and lists of them.
//!
//! None of these tools sends lists by itself, but templates can be written so, and queues and proxies in between
//! gather. A list is read item by item; one that cannot be read costs none of the others.

use serde_json::Value;

use super::{NotUnderstood, Parsed};
use crate::alert::Alert;

/// What one event turned out to be.
#[derive(Debug)]
pub(super) enum Event {
    /// It says something about a condition.
    Alert(Box<Alert>),
    /// It is understood and says nothing to act upon; why, without text from the body.
    Nothing(&'static str),
}

impl From<Alert> for Event {
    fn from(alert: Alert) -> Self {
        Self::Alert(Box::new(alert))
    }
}

/// Reads a body that is one event, or a list of events.
pub(super) fn one_or_several(
    body: Value,
    read_one: impl Fn(Value) -> Result<Event, NotUnderstood>,
) -> Result<Parsed, NotUnderstood> {
    let Value::Array(items) = body else {
        return Ok(match read_one(body)? {
            Event::Alert(alert) => Parsed::Alerts(vec![*alert]),
            Event::Nothing(reason) => Parsed::ignored(reason),
        });
    };
    let mut idle = None;
    let mut read = Vec::new();
    for (place, item) in items.into_iter().enumerate() {
        match read_one(item) {
            Ok(Event::Alert(alert)) => read.push(Ok(*alert)),
            Ok(Event::Nothing(reason)) => idle = idle.or(Some(reason)),
            Err(e) => read.push(Err(NotUnderstood::new(format!("item {place}: {e}")))),
        }
    }
    match idle {
        Some(reason) if read.is_empty() => Ok(Parsed::ignored(reason)),
        _ => Parsed::gather(read),
    }
}
