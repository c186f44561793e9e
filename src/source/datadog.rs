//! Datadog's webhooks integration.
//!
//! The body is a template of the user's over Datadog's variables: that of its page in docs, or one with the
//! names that are usual for the same variables. Datadog's own default template says neither which monitor it was
//! nor what happened, and is refused with a hint.
//!
//! A monitor is one incident, each of its groups (`$ALERT_SCOPE`) one condition of it, so that a monitor over
//! forty hosts makes one room; `incident_per: alert` makes one of each.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::labels::{labels_of, links_of};
use super::several::{Event, one_or_several};
use super::template::Template;
use super::wire::read;
use super::{IncidentPer, NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::Timestamp;
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "datadog",
    title: "Datadog",
    proof: "a bearer token or another header",
    hmac: None,
    parse,
    sample,
};

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    one_or_several(read(body.body())?, |event| alert(event, source))
}

/// A variable that does not apply is sent as it stands in the template: `$HOSTNAME`, `$TAGS[team]`.
fn is_unset(text: &str) -> bool {
    text.strip_prefix('$').is_some_and(|rest| {
        let name = rest.split('[').next().unwrap_or_default();
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    })
}

/// What `$ALERT_TRANSITION` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transition {
    Begun,
    Warned,
    Repeated,
    Recovered,
}

impl Transition {
    /// Compared loosely, because Datadog's spellings have changed (`Recovered`, `Warn Recovered`).
    fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        match text.as_str() {
            _ if text.contains("recover") => Some(Self::Recovered),
            "triggered" | "no data" => Some(Self::Begun),
            "warn" | "re-warn" => Some(Self::Warned),
            "re-triggered" | "re-no data" | "renotify" => Some(Self::Repeated),
            _ => None,
        }
    }
}

fn alert(event: Value, source: &Source) -> Result<Event, NotUnderstood> {
    let body = Template::new(event, is_unset)?;
    let monitor = body.first(&["monitor_id", "alert_id", "cycle_key", "alert_cycle_key", "aggreg_key"]);
    let linked = body.texts().find_map(|text| monitor_in(&text));
    let monitor = monitor.or_else(|| linked.clone());
    let monitor = monitor.ok_or_else(|| {
        NotUnderstood::new("`monitor_id` is missing: the payload of docs/sources/datadog.md has it")
    })?;
    let transition = body.first(&["transition", "alert_transition", "alerttransition"]).ok_or_else(|| {
        NotUnderstood::new("`transition` is missing: the payload of docs/sources/datadog.md has it")
    })?;
    if ["null", "muted", "unmuted"].iter().any(|odd| transition.trim().eq_ignore_ascii_case(odd)) {
        return Ok(Event::Nothing("a transition that does not change the state"));
    }
    let transition = Transition::read(&transition)
        .ok_or_else(|| NotUnderstood::new("`transition` is none of Datadog's"))?;
    let state = if transition == Transition::Recovered { AlertState::Resolved } else { AlertState::Firing };
    let title = body.first(&["title", "event_title", "alert_title"]).unwrap_or_default();
    let date = body.moment(&["date_ms", "date", "last_updated_ms", "last_updated"]);
    let scope = body.first(&["scope", "scopes", "alert_scope"]).unwrap_or_default();
    let severity = severity(&body, transition);
    let (source_link, snapshot) = (body.first(&["link", "url"]), body.first(&["snapshot"]));
    let runbook = body.first(&["runbook_url", "runbook"]);
    let draft = Draft {
        id: scope.clone(),
        title: without_marks(&title).to_owned(),
        summary: without_markdown_fences(
            &body.first(&["text", "body", "event_msg", "message"]).unwrap_or_default(),
        ),
        labels: labels(&body, linked.as_deref()),
        links: links_of([
            (LinkKind::Source, source_link.as_deref()),
            (LinkKind::Runbook, runbook.as_deref()),
            (LinkKind::Dashboard, snapshot.as_deref()),
        ]),
        started_at: date.filter(|_| matches!(transition, Transition::Begun | Transition::Warned)),
        ended_at: date.filter(|_| state == AlertState::Resolved),
        happened_at: date,
        outbreak_at: date.filter(|_| transition == Transition::Begun),
        test: marks(&title).any(|mark| mark.eq_ignore_ascii_case("test")),
        ..Draft::default()
    };
    let key = match source.incident_per {
        IncidentPer::Group => source.key(&monitor),
        IncidentPer::Alert => source.key(&format!("{monitor}/{scope}")),
    };
    Ok(source.alert(draft, key, state, severity.as_deref()).into())
}

/// The monitor's number in the links that Datadog writes into every text: `…/monitors#NUMBER`, `…/monitors/NUMBER`.
fn monitor_in(text: &str) -> Option<String> {
    text.match_indices("/monitors").find_map(|(at, word)| {
        let rest = text.get(at + word.len()..)?.strip_prefix(['#', '/'])?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..digits).filter(|digits| !digits.is_empty()).map(ToOwned::to_owned)
    })
}

/// The monitor's priority, `P1` to `P5`. A monitor that only warns is less than its priority says, which is
/// meant for its alerts. `normal` and `low` are of `$PRIORITY`, an event's priority, which means something else.
fn severity(body: &Template, transition: Transition) -> Option<String> {
    let warns = transition == Transition::Warned
        || transition == Transition::Repeated
            && body.first(&["alert_type", "alerttype"]).is_some_and(|t| t.eq_ignore_ascii_case("warning"));
    if warns {
        return Some("warning".to_owned());
    }
    ["priority", "alert_priority", "severity"].iter().find_map(|name| {
        let text = body.first(&[name])?;
        let is_of_event = ["normal", "low"].iter().any(|word| text.trim().eq_ignore_ascii_case(word));
        (!is_of_event).then_some(text)
    })
}

fn labels(body: &Template, linked: Option<&str>) -> BTreeMap<String, String> {
    let mut tags = body.many(&["tags"]);
    // The group's own tags beside the monitor's.
    tags.0.extend(body.many(&["scope", "scopes", "alert_scope"]).0);
    let mut labels = labels_of([("monitor_id", linked)]);
    labels.extend(body.labels(
        &tags,
        &[
            ("monitor_id", &["monitor_id", "alert_id"]),
            ("priority", &["priority", "alert_priority", "severity"]),
            ("transition", &["transition", "alert_transition", "alerttransition"]),
            ("host", &["hostname", "host"]),
            ("scope", &["scope", "scopes", "alert_scope"]),
        ],
    ));
    labels
}

/// Splits `[P1] [Triggered on {host:a}] Checkout is slow` into what the brackets hold and the rest.
fn first_mark(title: &str) -> Option<(&str, &str)> {
    title.trim_start().strip_prefix('[')?.split_once(']')
}

fn marks(mut title: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (mark, rest) = first_mark(title)?;
        title = rest;
        Some(mark.trim())
    })
}

/// The title without what Datadog puts before it, which changes from event to event.
fn without_marks(title: &str) -> &str {
    let mut rest = title.trim_end();
    while let Some((mark, after)) = first_mark(rest) {
        let mark = mark.trim().to_lowercase();
        let is_priority = matches!(mark.as_bytes(), [b'p', b'1'..=b'5']);
        let begins = ["triggered", "re-triggered", "warn", "re-warn", "no data", "re-no data", "recovered"];
        let is_datadogs =
            is_priority || mark == "test" || mark == "renotify" || begins.iter().any(|b| mark.starts_with(b));
        if !is_datadogs || after.trim_start().is_empty() {
            break;
        }
        rest = after;
    }
    rest.trim_start()
}

/// Markdown comes between lines of `%%%`; `@webhook-…` addresses the message and says nothing to people.
fn without_markdown_fences(text: &str) -> String {
    text.lines()
        .filter(|line| line.trim() != "%%%")
        .map(|line| {
            let words = line.split(' ').filter(|word| !word.starts_with("@webhook-"));
            words.collect::<Vec<_>>().join(" ")
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// A monitor of priority P1, by the template of its page.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let (transition, alert_type) = match state {
        AlertState::Resolved => ("Recovered", "success"),
        AlertState::Firing | AlertState::Acknowledged => ("Triggered", "error"),
    };
    let date = now.as_millisecond().to_string();
    json!({
        "event_id": format!("{dedup}-{date}"),
        "monitor_id": dedup,
        "cycle_key": format!("cycle-{dedup}"),
        "transition": transition,
        "alert_type": alert_type,
        "priority": "P1",
        "scope": "service:checkout",
        "title": format!("[P1] [{transition} on {{service:checkout}}] Checkout answers with errors"),
        "text": "More than 40 % of the requests to checkout have failed for five minutes.",
        "tags": "client:acme,env:production,monitor,service:checkout",
        "hostname": "$HOSTNAME",
        "link": "https://datadog.example/event/event?id=1",
        "snapshot": "$SNAPSHOT",
        "date_ms": date,
        "org_id": "1001",
    })
    .into()
}
