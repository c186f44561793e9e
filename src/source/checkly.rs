//! Checkly: webhook alert channels, whose body is a template of the user's. Fields are called like Checkly's
//! variables, in either case.
//!
//! `x-checkly-signature` covers the body only; the time that comes beside it is not signed and so not looked
//! at. A check has no severity: its tags say one, for its failures. A degraded check answers, slowly.

use http::HeaderName;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::flat::Flat;
use super::labels::{labels_of, links_of};
use super::severity::usual_meaning;
use super::tags::Tags;
use super::wire::{lines_of, moment, needed};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind, Severity};
use crate::clock::Timestamp;
use crate::signature::{Encoding, Scheme, VerifiedBody};

pub(super) const TOOL: Tool =
    Tool { name: "checkly", title: "Checkly", proof: "an HMAC signature", hmac: Some(sign), parse, sample };

fn sign(secrets: Vec<SecretString>) -> Scheme {
    Scheme::Hmac {
        secrets,
        header: HeaderName::from_static("x-checkly-signature"),
        encoding: Encoding::Hex,
        prefix: None,
        timestamp: None,
    }
}

/// What an alert type says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Failing,
    Degraded,
    /// A certificate runs out; nothing tells of its end.
    Certificate,
    Recovered,
}

impl Kind {
    fn of(alert_type: &str) -> Option<Self> {
        match alert_type.to_ascii_uppercase().strip_prefix("ALERT_")? {
            // One of the two tables of the documentation says `ALERT_FAIL`.
            "FAILURE" | "FAIL" | "FAILURE_REMAIN" | "DEGRADED_FAILURE" => Some(Self::Failing),
            "DEGRADED" | "DEGRADED_REMAIN" | "FAILURE_DEGRADED" => Some(Self::Degraded),
            "SSL" => Some(Self::Certificate),
            "RECOVERY" | "DEGRADED_RECOVERY" => Some(Self::Recovered),
            _ => None,
        }
    }

    /// The text that rules see, and what it means.
    fn severity(self, tags: &Tags) -> (Option<String>, Option<Severity>) {
        match self {
            Self::Failing => match tags.severity() {
                Some(tag) => (Some(tag.clone()), usual_meaning(&tag)),
                None => (Some("failure".to_owned()), None),
            },
            Self::Degraded => (Some("degraded".to_owned()), Some(Severity::Sev3)),
            Self::Certificate => (Some("certificate".to_owned()), Some(Severity::Sev4)),
            Self::Recovered => {
                let tag = tags.severity();
                let meaning = tag.as_deref().and_then(usual_meaning);
                (tag, meaning)
            }
        }
    }
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let flat = Flat::from_json(body.body())?;
    let kind = Kind::of(needed(flat.get("alert_type"), "alert_type")?)
        .ok_or_else(|| NotUnderstood::new("`alert_type` is none of Checkly's"))?;
    let id = needed(flat.get("check_id"), "check_id")?;
    let name = flat.any(&["check_name", "alert_title", "event"]).unwrap_or(id);
    let (payload, title) = match kind {
        Kind::Failing => (id.to_owned(), format!("{name} is failing")),
        Kind::Degraded => (id.to_owned(), format!("{name} is degraded")),
        Kind::Certificate => (format!("{id}/certificate"), format!("The certificate of {name} runs out")),
        Kind::Recovered => (id.to_owned(), name.to_owned()),
    };
    let state = if kind == Kind::Recovered { AlertState::Resolved } else { AlertState::Firing };
    let tags = tags(&flat);
    let mut labels = labels_of([
        ("check", Some(name)),
        ("check_type", flat.get("check_type")),
        ("group", flat.get("group_name")),
        ("location", flat.any(&["run_location", "region"])),
        ("status_code", flat.get("api_check_response_status_code")),
    ]);
    tags.label(&mut labels);
    let certificate = flat.get("ssl_days_remaining").map(|days| {
        format!("{} is valid for {days} days", flat.get("ssl_check_domain").unwrap_or("The certificate"))
    });
    let at = flat.get("started_at").and_then(|text| moment(&Value::from(text)));
    // Of a check that fails on, this is the latest run and not the first.
    let goes_on = flat.get("alert_type").is_some_and(|kind| kind.to_ascii_uppercase().ends_with("_REMAIN"));
    let is_over = state == AlertState::Resolved;
    let was_well = flat.get("alert_type").is_some_and(|kind| {
        ["ALERT_FAILURE", "ALERT_FAIL", "ALERT_DEGRADED"].iter().any(|new| kind.eq_ignore_ascii_case(new))
    });
    let draft = Draft {
        id: payload.clone(),
        title,
        summary: lines_of([
            flat.get("check_error_message"),
            flat.get("api_check_response_status_text")
                .filter(|_| matches!(kind, Kind::Failing | Kind::Degraded)),
            certificate.as_deref().filter(|_| kind == Kind::Certificate),
        ]),
        labels,
        links: links_of([
            (LinkKind::Source, flat.any(&["result_link", "link"])),
            (LinkKind::Runbook, flat.get("runbook_url")),
        ]),
        started_at: at.filter(|_| !is_over && !goes_on),
        ended_at: at.filter(|_| is_over),
        happened_at: at,
        outbreak_at: at.filter(|_| !is_over && was_well),
        ..Draft::default()
    };
    let (severity, meaning) = kind.severity(&tags);
    let key = source.key(&payload);
    Ok(Parsed::Alerts(vec![source.alert_of(draft, key, state, severity.as_deref(), meaning)]))
}

/// One text with commas, or a list.
fn tags(flat: &Flat) -> Tags {
    match flat.get("tags") {
        Some(list) => Tags::from_list(list),
        None => Tags::from_list(&flat.list("tags").join(",")),
    }
}

/// The template of its page, filled in.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let kind = if state == AlertState::Resolved { "ALERT_RECOVERY" } else { "ALERT_FAILURE" };
    json!({
        "alert_type": kind,
        "check_id": dedup,
        "check_name": "Checkout API",
        "check_type": "API",
        "group_name": "Shop",
        "run_location": "Frankfurt",
        "started_at": now.to_string(),
        "result_link": "https://app.checkly.example/checks/checkout",
        "check_result_id": format!("{dedup}-{}", now.as_millisecond()),
        "tags": "sev1,client:acme,environment:production,service:checkout",
    })
    .into()
}
