//! Pingdom: the webhook of a check's state change.
//!
//! A check is up or down and has an importance, high or low, which its tags go before. Pingdom can prove
//! nothing: the secret stands in the address.

use serde::Deserialize;
use serde_json::json;

use super::labels::{labels_of, links_of};
use super::severity::usual_meaning;
use super::tags::Tags;
use super::wire::{Moment, Part, Text, lines_of, needed, read};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::Timestamp;
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool =
    Tool { name: "pingdom", title: "Pingdom", proof: "a secret in the address", hmac: None, parse, sample };

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Change {
    check_id: Text,
    check_name: Text,
    check_type: Text,
    check_params: Part<Params>,
    tags: Tags,
    current_state: Text,
    previous_state: Text,
    importance_level: Text,
    /// Its twin `state_changed_utc_time` has no zone.
    state_changed_timestamp: Moment,
    description: Text,
    long_description: Text,
    first_probe: Part<Probe>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Params {
    hostname: Text,
    full_url: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Probe {
    location: Text,
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let change: Change = read(body.body())?;
    let word = needed(change.current_state.as_deref(), "current_state")?;
    let state = match word.to_ascii_uppercase().as_str() {
        // Transaction checks have words of their own.
        "DOWN" | "FAILING" => AlertState::Firing,
        "UP" | "SUCCESS" => AlertState::Resolved,
        "UNCONFIRMED_DOWN" | "UNKNOWN" | "PAUSED" => {
            return Ok(Parsed::ignored("a state that is neither up nor down"));
        }
        _ => return Err(NotUnderstood::new("`current_state` is none of Pingdom's")),
    };
    let id = needed(change.check_id.as_deref(), "check_id")?;
    let params = &change.check_params.0;
    let name = change.check_name.as_deref().or(params.hostname.as_deref()).unwrap_or(id);
    let is_over = state == AlertState::Resolved;
    let title = if is_over { name.to_owned() } else { format!("{name} is {}", word.to_lowercase()) };
    let mut labels = labels_of([
        ("check", Some(name)),
        ("check_type", change.check_type.as_deref()),
        ("host", params.hostname.as_deref()),
        ("importance", change.importance_level.as_deref()),
        ("previous_state", change.previous_state.as_deref()),
        ("probe", change.first_probe.0.location.as_deref()),
    ]);
    change.tags.label(&mut labels);
    let short = change.description.as_deref();
    let long = change.long_description.as_deref().filter(|long| short != Some(*long));
    let at = change.state_changed_timestamp.0;
    let was_well = change
        .previous_state
        .as_deref()
        .is_some_and(|before| ["up", "success"].iter().any(|well| before.eq_ignore_ascii_case(well)));
    let page = format!("https://my.pingdom.com/reports/uptime#check={id}");
    let draft = Draft {
        id: id.to_owned(),
        title,
        summary: lines_of([short, long]),
        labels,
        links: links_of([
            (LinkKind::Source, Some(page.as_str())),
            (LinkKind::Dashboard, params.full_url.as_deref()),
        ]),
        started_at: at.filter(|_| !is_over),
        ended_at: at.filter(|_| is_over),
        happened_at: at,
        outbreak_at: at.filter(|_| !is_over && was_well),
        ..Draft::default()
    };
    let said = [change.tags.severity(), change.importance_level.0];
    // A tag that means nothing hides nothing; rules see it all the same.
    let meaning = said.iter().flatten().find_map(|text| usual_meaning(text));
    let severity = said.iter().flatten().next().map(String::as_str);
    Ok(Parsed::Alerts(vec![source.alert_of(draft, source.key(id), state, severity, meaning)]))
}

/// A check with the tag `sev1`.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let (before, after, text) = match state {
        AlertState::Resolved => ("DOWN", "UP", "OK"),
        AlertState::Firing | AlertState::Acknowledged => ("UP", "DOWN", "HTTP Error 503"),
    };
    json!({
        "version": 1,
        "check_id": dedup,
        "check_name": "Checkout",
        "check_type": "HTTP",
        "check_params": {
            "hostname": "checkout.acme.example",
            "full_url": "https://checkout.acme.example/",
            "port": 443,
            "encryption": true,
        },
        "tags": ["sev1", "client:acme", "environment:production", "service:checkout"],
        "previous_state": before,
        "current_state": after,
        "importance_level": "HIGH",
        "state_changed_timestamp": now.as_second(),
        "description": text,
        "long_description": text,
        "first_probe": { "ip": "203.0.113.7", "ipv6": "", "location": "Frankfurt, Germany" },
        "second_probe": {},
    })
    .into()
}
