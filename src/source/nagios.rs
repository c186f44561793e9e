//! Nagios, Icinga 2, Naemon and Checkmk, which have no webhook of their own: what a notification command sends.
//!
//! Fields are called like Nagios' macros, in any case and with or without underscores; they come as a form,
//! which `curl --data-urlencode` quotes safely, or as JSON, flat or nested as Icinga 2 names things
//! (`host.name`, `check_result.state`). Fields that are no macros become labels.
//!
//! The key is host and service and not the problem's number: that is 0 at recovery, Icinga 2 has none, and a
//! new problem of the same check inside the quiet time belongs to the same room.

use std::collections::BTreeMap;

use http::HeaderName;
use secrecy::SecretString;
use serde_json::Value;

use super::flat::Flat;
use super::labels::{labels_of, links_of};
use super::wire::{lines_of, moment, needed};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind, Severity};
use crate::clock::Timestamp;
use crate::signature::{Encoding, Scheme, VerifiedBody, form};

pub(super) const TOOL: Tool = Tool {
    name: "nagios",
    title: "Nagios, Icinga 2, Naemon, Checkmk",
    proof: "what your notification command sends: a bearer token, or an HMAC signature",
    hmac: Some(sign),
    parse,
    sample,
};

/// GitHub's form, which a script can make with openssl.
fn sign(secrets: Vec<SecretString>) -> Scheme {
    Scheme::Hmac {
        secrets,
        header: HeaderName::from_static("x-hub-signature-256"),
        encoding: Encoding::Hex,
        prefix: Some("sha256=".to_owned()),
        timestamp: None,
    }
}

/// A notification's fields by the macro's name in small letters, without underscores and dots.
struct Fields(BTreeMap<String, String>);

impl Fields {
    fn new(flat: &Flat) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in &flat.0 {
            let value = value.trim();
            // A macro that has no value here may stay as it was written.
            let is_unfilled = value.len() > 2 && value.starts_with('$') && value.ends_with('$');
            if !is_unfilled {
                fields.entry(plain(name)).or_insert_with(|| value.to_owned());
            }
        }
        Self(fields)
    }

    fn any(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.0.get(*name)).map(String::as_str)
    }
}

fn plain(name: &str) -> String {
    let name = ["nagios_", "notify_", "icinga_"].iter().find_map(|p| name.strip_prefix(p)).unwrap_or(name);
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let flat = Flat::from_json_or_form(body.body())?;
    let fields = Fields::new(&flat);
    let kind = needed(fields.any(&["notificationtype"]), "notification_type")?.to_ascii_uppercase();
    let state = match kind.as_str() {
        "PROBLEM" => AlertState::Firing,
        "ACKNOWLEDGEMENT" => AlertState::Acknowledged,
        "RECOVERY" => AlertState::Resolved,
        "CUSTOM" => return Ok(Parsed::ignored("a message written by hand")),
        other if other.starts_with("FLAPPING") || other.starts_with("DOWNTIME") => {
            return Ok(Parsed::ignored("about flapping or a downtime, which is no new state"));
        }
        _ => return Err(NotUnderstood::new("`notification_type` is none of Nagios'")),
    };
    let host = needed(fields.any(&["hostname", "host"]), "host_name")?;
    let service = fields.any(&["servicedesc", "servicename", "service"]);
    let word = match service {
        Some(_) => fields.any(&["servicestate", "checkresultstate", "status", "state"]),
        None => fields.any(&["hoststate", "checkresultstate", "status", "state"]),
    };
    let payload = match service {
        Some(service) => format!("service/{host}/{service}"),
        None => format!("host/{host}"),
    };
    let what = match service {
        Some(service) => format!("{service} on {host}"),
        None => host.to_owned(),
    };
    let is_over = state == AlertState::Resolved;
    let time = |names: &[&str]| fields.any(names).and_then(|text| moment(&Value::from(text)));
    let since = time(&["lastservicestatechange", "lasthoststatechange", "laststatechange"]);
    // The check that has just been made, again at each repeat.
    let changed_at = since.or_else(|| time(&["checkresultexecutionend"]));
    let author = fields.any(&["notificationauthor", "notificationauthorname", "ackauthor"]);
    let output = match service {
        Some(_) => fields.any(&["serviceoutput", "checkresultoutput", "output"]),
        None => fields.any(&["hostoutput", "checkresultoutput", "output"]),
    };
    let comment = fields.any(&["notificationcomment", "ackcomment"]);
    let draft = Draft {
        id: payload.clone(),
        title: word.filter(|_| !is_over).map_or(what.clone(), |word| format!("{what} is {word}")),
        summary: lines_of([
            output,
            fields.any(&["longserviceoutput", "longhostoutput", "longoutput"]),
            comment,
        ]),
        labels: labels(&flat, &fields, host, service, word),
        links: links_of([
            (LinkKind::Source, fields.any(&["url"])),
            (LinkKind::Runbook, fields.any(&["servicenotesurl", "hostnotesurl", "notesurl"])),
            (LinkKind::Dashboard, fields.any(&["serviceactionurl", "hostactionurl", "actionurl"])),
        ]),
        assignees: author
            .filter(|_| state == AlertState::Acknowledged)
            .map(ToOwned::to_owned)
            .into_iter()
            .collect(),
        started_at: changed_at.filter(|_| !is_over),
        ended_at: changed_at.filter(|_| is_over),
        happened_at: changed_at,
        outbreak_at: since.filter(|_| state == AlertState::Firing),
        ..Draft::default()
    };
    // A custom variable says it better than the state, if there is one. Checkmk has a field of that name which
    // says `OK`.
    let own = fields.any(&["severity", "servicesev", "hostsev", "serviceseverity", "hostseverity"]);
    let own = own.and_then(|text| Some((text, super::severity::usual_meaning(text)?)));
    let (severity, meaning) = match own {
        Some((text, meaning)) => (Some(text), Some(meaning)),
        None => (word, word.and_then(meaning)),
    };
    let key = source.key(&payload);
    Ok(Parsed::Alerts(vec![source.alert_of(draft, key, state, severity, meaning)]))
}

/// Unknown is neither good nor bad: a plug-in could not tell.
fn meaning(state: &str) -> Option<Severity> {
    match state.to_ascii_uppercase().as_str() {
        "CRITICAL" | "DOWN" => Some(Severity::Sev1),
        "WARNING" | "UNREACHABLE" => Some(Severity::Sev3),
        _ => None,
    }
}

/// Parts of the names of fields that are said elsewhere, or say nothing about who is concerned.
const NO_LABELS: [&str; 18] = [
    "notification",
    "output",
    "comment",
    "author",
    "time",
    "date",
    "perfdata",
    "execution",
    "state",
    "problemid",
    "attempt",
    "pager",
    "contact",
    "address",
    "group",
    "url",
    "sentat",
    "event",
];

/// Names of fields that have a label already.
const LABELLED: [&str; 6] = ["hostname", "host", "servicedesc", "servicename", "service", "status"];

fn labels(
    flat: &Flat,
    fields: &Fields,
    host: &str,
    service: Option<&str>,
    state: Option<&str>,
) -> BTreeMap<String, String> {
    let mut labels = labels_of([
        ("host", Some(host)),
        ("service", service),
        ("state", state),
        ("address", fields.any(&["hostaddress", "address"])),
        ("hostgroups", fields.any(&["hostgroupnames", "hostgroups"])),
        ("servicegroups", fields.any(&["servicegroupnames", "servicegroups"])),
    ]);
    for (name, value) in &flat.0 {
        let is_nested = name.contains('.');
        let bare = plain(name);
        let passes = !is_nested
            && !LABELLED.contains(&bare.as_str())
            && !NO_LABELS.iter().any(|part| bare.contains(part))
            && fields.0.contains_key(&bare);
        if passes {
            labels.entry(name.clone()).or_insert_with(|| value.trim().to_owned());
        }
    }
    labels
}

/// The form that the command of its page sends.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let (kind, word, output) = match state {
        AlertState::Firing => ("PROBLEM", "CRITICAL", "connect: refused"),
        AlertState::Acknowledged => ("ACKNOWLEDGEMENT", "CRITICAL", "connect: refused"),
        AlertState::Resolved => ("RECOVERY", "OK", "HTTP OK: 200"),
    };
    let fields = [
        ("notification_type", kind),
        ("host_name", "shop-1"),
        ("host_state", "UP"),
        ("service_desc", &format!("checkout {dedup}")),
        ("service_state", word),
        ("service_output", output),
        ("service_notes_url", "https://runbooks.example/checkout"),
        ("last_service_state_change", &now.as_second().to_string()),
        ("client", "acme"),
        ("environment", "production"),
        ("sent_at", &now.as_millisecond().to_string()),
    ];
    let body: Vec<String> = fields.iter().map(|(name, value)| form::pair(name, value)).collect();
    Sample {
        headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
        body: body.join("&"),
    }
}
