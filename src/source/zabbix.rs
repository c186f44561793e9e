//! Zabbix: a webhook media type whose script and parameters are those of config/, and scripts of others that
//! send the same macros under other names.
//!
//! `{EVENT.NSEVERITY}` counts upwards, 5 being the worst, so it is turned into Zabbix's own words; words come as
//! they are, because an administrator can rename them. `{EVENT.ID}` is the problem's, in its updates and its
//! recovery too.

use std::collections::BTreeMap;

use http::HeaderName;
use jiff::civil::DateTime;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::field_path::json_within;
use super::labels::{add, links_of};
use super::several::{Event, one_or_several};
use super::template::Template;
use super::wire::{Leaves, read, text};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::{Encoding, Scheme, VerifiedBody};

pub(super) const TOOL: Tool = Tool {
    name: "zabbix",
    title: "Zabbix",
    proof: "an HMAC signature, made by the media type's script",
    hmac: Some(sign),
    parse,
    sample,
};

/// GitHub's form, which our script makes with Zabbix's `hmac`.
fn sign(secrets: Vec<SecretString>) -> Scheme {
    Scheme::Hmac {
        secrets,
        header: HeaderName::from_static("x-hub-signature-256"),
        encoding: Encoding::Hex,
        prefix: Some("sha256=".to_owned()),
        timestamp: None,
    }
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    one_or_several(read(body.body())?, |event| alert(event, source))
}

/// A macro that has no value stays as it stands, `{EVENT.RECOVERY.ID}`, or becomes `*UNKNOWN*`.
fn is_unset(text: &str) -> bool {
    let is_macro = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"._-$#".contains(&b))
    };
    text == "*UNKNOWN*"
        || text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).is_some_and(is_macro)
}

fn alert(event: Value, source: &Source) -> Result<Event, NotUnderstood> {
    let body = Template::new(event, is_unset)?;
    let host = body.first(&["host_name", "hostname", "host"]);
    let trigger = body.first(&["event_name", "trigger", "trigger_name", "alert_subject"]);
    let is_test = is_test(&body);
    let key = match (body.first(&["event_id"]), &trigger) {
        _ if is_test => "test".to_owned(),
        (Some(id), _) => id,
        // Scripts without the event's id: what fires on which host is the best there is.
        (None, Some(trigger)) => format!("trigger/{}/{trigger}", host.as_deref().unwrap_or_default()),
        (None, None) => return Err(NotUnderstood::new("`event_id` is missing")),
    };
    let state = match state_of(&body) {
        Err(_) if is_test => AlertState::Firing,
        state => state?,
    };
    let has_id = body.first(&["event_id"]).is_some();
    let times = ["event", "event_update", "event_recovery"].map(|what| time_of(&body, what));
    let links = [
        (LinkKind::Source, body.first(&["url", "link", "event_url"])),
        (LinkKind::Runbook, body.first(&["runbook_url", "trigger_url"])),
        (LinkKind::Dashboard, body.first(&["dashboard_url"])),
    ];
    let draft = Draft {
        id: key.clone(),
        title: trigger.unwrap_or_else(|| "Zabbix calls".to_owned()),
        summary: summary(&body),
        labels: labels(&body),
        links: links_of(links.iter().map(|(kind, url)| (*kind, url.as_deref()))),
        started_at: time_of(&body, "event"),
        ended_at: time_of(&body, "event_recovery").filter(|_| state == AlertState::Resolved),
        happened_at: times.into_iter().flatten().max(),
        outbreak_at: time_of(&body, "event"),
        ended_for_good: has_id && !is_test,
        test: is_test,
        ..Draft::default()
    };
    let severity = severity(&body);
    let key = source.key(&key);
    Ok(source.alert(draft, key, state, severity.as_deref()).into())
}

/// The *Test* of a media type sends the parameters as they are written, macros and all.
fn is_test(body: &Template) -> bool {
    body.value("event_id").and_then(text).is_some_and(|id| id.trim() == "{EVENT.ID}")
}

fn state_of(body: &Template) -> Result<AlertState, NotUnderstood> {
    let value = body.first(&["event_value", "status", "trigger_status", "event_status"]);
    let value = value.ok_or_else(|| NotUnderstood::new("`event_value` is missing"))?;
    let yes = |names: &[&str]| {
        body.first(names).is_some_and(|t| ["1", "yes", "true"].iter().any(|yes| t.eq_ignore_ascii_case(yes)))
    };
    match value.trim().to_ascii_lowercase().as_str() {
        "1" | "problem" if yes(&["event_ack_status", "acknowledged"]) => Ok(AlertState::Acknowledged),
        "1" | "problem" => Ok(AlertState::Firing),
        "0" | "ok" | "resolved" => Ok(AlertState::Resolved),
        _ => Err(NotUnderstood::new("`event_value` is neither 1 nor 0")),
    }
}

fn severity(body: &Template) -> Option<String> {
    let number = body.first(&["event_nseverity", "nseverity"]);
    let word = match number.as_deref().map(str::trim) {
        Some("5") => "disaster",
        Some("4") => "high",
        Some("3") => "average",
        Some("2") => "warning",
        Some("1") => "information",
        Some("0") => "not classified",
        // A bare number of another field would be read as if 1 were the worst.
        _ => {
            let word = body.first(&["event_severity", "severity", "trigger_severity"])?;
            return word.trim().parse::<u8>().is_err().then_some(word);
        }
    };
    Some(word.to_owned())
}

fn summary(body: &Template) -> String {
    let lines = [
        body.first(&["operational_data", "event_opdata", "item"]),
        body.first(&["trigger_description"]),
        body.first(&["event_update_message"]).map(|message| format!("Update: {message}")),
    ];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

fn labels(body: &Template) -> BTreeMap<String, String> {
    let mut labels = body.labels(
        &Leaves::default(),
        &[
            ("host", &["host_name", "hostname", "host"]),
            ("host_group", &["host_groups", "trigger_hostgroup_name"]),
            ("trigger_id", &["trigger_id"]),
            ("event_severity", &["event_severity", "severity"]),
        ],
    );
    for (name, value) in tags(body) {
        // What the script's own `labels` and the fields say comes first.
        if !labels.contains_key(&name) || name == "tags" {
            add(&mut labels, &name, &value);
        }
    }
    super::labels::name_environment(&mut labels);
    labels
}

/// `{EVENT.TAGSJSON}` is a list of objects inside a text, `{EVENT.TAGS}` is `name:value, name:value`.
fn tags(body: &Template) -> BTreeMap<String, String> {
    let Some(found) = body.value("event_tags").or_else(|| body.value("event_tags_json")) else {
        return BTreeMap::new();
    };
    let within = found.as_str().and_then(json_within);
    let Some(items) = within.as_ref().unwrap_or(found).as_array() else {
        let separated = text(found).filter(|text| !is_unset(text.trim())).unwrap_or_default();
        return super::labels::labels_of_tags(separated.split(','));
    };
    let mut labels = BTreeMap::new();
    for item in items {
        let said = |name: &str| item.get(name).and_then(text);
        match (said("tag"), said("value")) {
            (Some(tag), Some(value)) => add(&mut labels, &tag, &value),
            (Some(tag), None) => add(&mut labels, "tags", &tag),
            _ => {}
        }
    }
    labels
}

/// Date and time come apart, with dots and in the server's own zone, which the script has to name.
fn time_of(body: &Template, what: &str) -> Option<Timestamp> {
    let field = |part: &str| body.first(&[&format!("{what}_{part}")]);
    if let Some(at) = body.moment(&[&format!("{what}_timestamp")]) {
        return Some(at);
    }
    let zone = crate::roster::zone(body.first(&["timezone"])?.trim())?;
    let text = format!("{} {}", field("date")?.trim().replace('.', "-"), field("time")?.trim());
    let at = text.parse::<DateTime>().ok()?.to_zoned(zone).ok()?.timestamp();
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

/// A problem of severity Disaster, by our script.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let is_over = state == AlertState::Resolved;
    let began_at = if is_over { later(now, SignedDuration::from_mins(-10)) } else { now };
    json!({
        "event_id": dedup,
        "event_value": if is_over { "0" } else { "1" },
        "event_update_status": if state == AlertState::Acknowledged { "1" } else { "0" },
        "event_ack_status": if state == AlertState::Acknowledged { "Yes" } else { "No" },
        "event_nseverity": "5",
        "event_severity": "Disaster",
        "event_name": "Checkout answers with errors",
        "event_timestamp": began_at.as_millisecond().to_string(),
        "event_recovery_timestamp": if is_over { now.as_millisecond().to_string() } else { String::new() },
        "event_tags": r#"[{"tag":"client","value":"acme"},{"tag":"environment","value":"production"},{"tag":"service","value":"checkout"}]"#,
        "event_opdata": "Errors: 57 %",
        "trigger_id": "4242",
        "host_name": "checkout-1",
        "url": format!("https://zabbix.example/tr_events.php?triggerid=4242&eventid={dedup}"),
        "sent_at": now.to_string(),
    })
    .into()
}
