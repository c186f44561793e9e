//! Site24x7: a webhook integration with the default body.
//!
//! There is no id of a monitor or an outage among the fields, but the address of the monitor's dashboard holds
//! one. Down is its worst status, then critical, then trouble.

use serde_json::{Value, json};

use super::flat::Flat;
use super::labels::{labels_of, links_of};
use super::severity::usual_meaning;
use super::tags::Tags;
use super::wire::{lines_of, moment, needed};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind, Severity};
use crate::clock::Timestamp;
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "site24x7",
    title: "Site24x7",
    proof: "a bearer token, a password or another header",
    hmac: None,
    parse,
    sample,
};

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let flat = Flat::from_json(body.body())?;
    let word = needed(flat.get("status"), "STATUS")?;
    let state = match word.to_ascii_uppercase().as_str() {
        "DOWN" | "CRITICAL" | "TROUBLE" => AlertState::Firing,
        "UP" => AlertState::Resolved,
        "MAINTENANCE" | "SUSPENDED" | "CONFIGURATION ERROR" | "DISCOVERY" => {
            return Ok(Parsed::ignored("a status that says nothing about an outage"));
        }
        _ => return Err(NotUnderstood::new("`STATUS` is none of Site24x7's")),
    };
    let link = flat.get("monitor_dashboard_link");
    let id = link.and_then(monitor_in).or_else(|| flat.any(&["monitor_id", "monitorid", "monitorname"]));
    let id = needed(id, "MONITORNAME")?;
    let name = flat.any(&["monitorname", "monitorurl"]).unwrap_or(id);
    let is_over = state == AlertState::Resolved;
    let tags = Tags::from_list(flat.any(&["tags", "monitor_tags"]).unwrap_or_default());
    let mut labels = labels_of([
        ("check", Some(name)),
        ("check_type", flat.get("monitortype")),
        ("groups", flat.get("monitor_groupname")),
        ("locations", flat.get("failed_locations")),
        ("url", flat.get("monitorurl")),
        ("status", Some(word)),
    ]);
    tags.label(&mut labels);
    let failed = flat.get("failed_locations").map(|places| format!("Failed from {places}"));
    let at = ["incident_time_iso", "outage_time_unix_format"]
        .into_iter()
        .find_map(|name| moment(&Value::from(flat.get(name)?)));
    let draft = Draft {
        id: id.to_owned(),
        title: if is_over { name.to_owned() } else { format!("{name} is {}", spoken(word)) },
        // `REASON` says which setting of theirs sent it.
        summary: lines_of([flat.get("incident_reason"), failed.as_deref()]),
        labels,
        links: links_of([
            (LinkKind::Source, flat.get("rca_link")),
            (LinkKind::Dashboard, link),
            (LinkKind::Dashboard, flat.get("monitorurl")),
        ]),
        started_at: at.filter(|_| !is_over),
        ended_at: at.filter(|_| is_over),
        happened_at: at,
        outbreak_at: flat
            .get("outage_time_unix_format")
            .and_then(|text| moment(&Value::from(text)))
            .filter(|_| !is_over),
        ..Draft::default()
    };
    let (severity, meaning) = match tags.severity() {
        Some(tag) => {
            let said = usual_meaning(&tag).or_else(|| meaning(word));
            (tag, said)
        }
        None => (word.to_owned(), meaning(word)),
    };
    let key = source.key(id);
    Ok(Parsed::Alerts(vec![source.alert_of(draft, key, state, Some(&severity), meaning)]))
}

/// `…/monitors/<id>/Summary`.
fn monitor_in(link: &str) -> Option<&str> {
    link.split_once("/monitors/")?.1.split(['/', '?']).next().filter(|id| !id.is_empty())
}

fn spoken(status: &str) -> &'static str {
    match status.to_ascii_uppercase().as_str() {
        "DOWN" => "down",
        "CRITICAL" => "critical",
        _ => "in trouble",
    }
}

fn meaning(status: &str) -> Option<Severity> {
    match status.to_ascii_uppercase().as_str() {
        "DOWN" | "CRITICAL" => Some(Severity::Sev1),
        "TROUBLE" => Some(Severity::Sev3),
        _ => None,
    }
}

/// A website that is down.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let is_over = state == AlertState::Resolved;
    json!({
        "MONITORNAME": "Checkout",
        "MONITORTYPE": "URL",
        "MONITORURL": "https://checkout.acme.example/",
        "MONITOR_GROUPNAME": "acme, production",
        "MONITOR_DASHBOARD_LINK": format!("https://www.site24x7.example/app/client#/home/monitors/{dedup}/Summary"),
        "STATUS": if is_over { "UP" } else { "DOWN" },
        "INCIDENT_REASON": if is_over { "OK" } else { "Internal Server Error" },
        "FAILED_LOCATIONS": if is_over { "" } else { "Frankfurt-DE,Dubai-AE" },
        "INCIDENT_TIME_ISO": now.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string(),
        "OUTAGE_TIME_UNIX_FORMAT": now.as_millisecond().to_string(),
        "RCA_LINK": format!("https://www.site24x7.example/rca.do?id={dedup}"),
        "TAGS": "client:acme,environment:production,service:checkout",
    })
    .into()
}
