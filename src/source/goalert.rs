//! GoAlert: the webhook as a contact method or a channel.
//!
//! It signs nothing, sends no headers of one's own and looks at no answer, so the secret stands in the address
//! and a request that failed is lost. What an alert is about is said once; a new state comes with nothing but the
//! alert's number, as an English sentence (the log entry) and, in newer versions, as a word.

use serde::Deserialize;
use serde_json::json;

use super::labels::{labels_of, links_of};
use super::wire::{Text, Texts, needed, read};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind, Omitted};
use crate::clock::Timestamp;
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool =
    Tool { name: "goalert", title: "GoAlert", proof: "a secret in the address", hmac: None, parse, sample };

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Message {
    #[serde(rename = "Type")]
    kind: Text,
    #[serde(rename = "AlertID")]
    alert_id: Text,
    summary: Text,
    details: Text,
    #[serde(rename = "ServiceID")]
    service_id: Text,
    service_name: Text,
    /// Absent or null in many messages.
    meta: Texts,
    log_entry: Text,
    /// Absent in versions of old.
    alert_state: Text,
    count: Text,
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let message: Message = read(body.body())?;
    match needed(message.kind.as_deref(), "Type")? {
        "Alert" => message.alert(AlertState::Firing, source),
        // The bundle of versions of old: the alert's last entry, and how many came before it.
        "AlertStatus" | "AlertStatusBundle" => match message.state()? {
            Some(state) => message.alert(state, source),
            None => Ok(Parsed::ignored("a log entry that tells no new state")),
        },
        "AlertBundle" => message.bundle(source),
        "Test" => Ok(Parsed::ignored("a test of the connection")),
        "Verification" => Ok(Parsed::ignored("a verification; its code is in the body that was kept")),
        _ => Ok(Parsed::ignored("a message that is about no alert")),
    }
}

/// The sentences are those of GoAlert's alert log; who did it follows.
fn state_in(entry: &str) -> Result<Option<AlertState>, NotUnderstood> {
    let begins = |word: &str| entry.starts_with(word);
    if begins("Closed") {
        Ok(Some(AlertState::Resolved))
    } else if begins("Acknowledged") {
        Ok(Some(AlertState::Acknowledged))
    } else if ["Created", "Escalated", "Escalation requested"].iter().any(|word| begins(word)) {
        Ok(Some(AlertState::Firing))
    } else if ["Notification sent", "No notification sent", "Policy updated", "Suppressed duplicate"]
        .iter()
        .any(|word| begins(word))
    {
        Ok(None)
    } else {
        Err(NotUnderstood::new("`LogEntry` is no known sentence"))
    }
}

impl Message {
    /// The word, if it is a known one, before the sentence.
    fn state(&self) -> Result<Option<AlertState>, NotUnderstood> {
        let word = self.alert_state.as_deref().map(str::to_ascii_lowercase);
        match word.as_deref() {
            Some("unacknowledged" | "triggered") => Ok(Some(AlertState::Firing)),
            Some("acknowledged" | "active") => Ok(Some(AlertState::Acknowledged)),
            Some("closed") => Ok(Some(AlertState::Resolved)),
            _ => state_in(needed(self.log_entry.as_deref(), "LogEntry")?),
        }
    }

    fn alert(self, state: AlertState, source: &Source) -> Result<Parsed, NotUnderstood> {
        let id = needed(self.alert_id.as_deref(), "AlertID")?.to_owned();
        let title = self.summary.as_deref().unwrap_or_default().to_owned();
        Ok(self.become_alert(&id, title, state, source))
    }

    /// Several alerts of a service at once, of which only their number is told. Nothing will tell their end.
    fn bundle(self, source: &Source) -> Result<Parsed, NotUnderstood> {
        let service = needed(self.service_id.as_deref().or(self.service_name.as_deref()), "ServiceID")?;
        let payload = format!("service/{service}");
        let count = self.count.as_deref().filter(|count| count.bytes().all(|b| b.is_ascii_digit()));
        let name = self.service_name.as_deref().unwrap_or("a service");
        let title = format!("{} alerts for {name}", count.unwrap_or("Several"));
        Ok(self.become_alert(&payload, title, AlertState::Firing, source))
    }

    fn become_alert(self, payload: &str, title: String, state: AlertState, source: &Source) -> Parsed {
        let mut labels = labels_of([("service", self.service_name.as_deref())]);
        for (name, value) in &self.meta.0 {
            labels.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let severity = ["severity", "priority", "sev"].into_iter().find_map(|name| self.meta.get(name));
        let runbook = ["runbook_url", "runbook"].into_iter().find_map(|name| self.meta.get(name));
        let acknowledged = self.log_entry.as_deref().filter(|_| state == AlertState::Acknowledged);
        let who = acknowledged.and_then(|entry| entry.strip_prefix("Acknowledged by "));
        let draft = Draft {
            id: payload.to_owned(),
            title,
            summary: self.details.as_deref().unwrap_or_default().to_owned(),
            links: links_of([(LinkKind::Runbook, runbook)]),
            // `(SMS)`, `(Web)`: how they did it.
            assignees: who.map(|who| who.split(" (").next().unwrap_or(who).to_owned()).into_iter().collect(),
            labels,
            // A number is of one alert, which is never opened again.
            ended_for_good: true,
            // No status says how bad it is.
            omitted: Omitted { severity: self.log_entry.as_deref().is_some(), ..Omitted::default() },
            ..Draft::default()
        };
        Parsed::Alerts(vec![source.alert(draft, source.key(payload), state, severity)])
    }
}

/// An alert whose metadata says how bad it is; what follows says nothing but the state.
fn sample(state: AlertState, _now: Timestamp, dedup: &str) -> Sample {
    let (word, entry) = match state {
        AlertState::Firing => {
            return json!({
                "AppName": "GoAlert",
                "Type": "Alert",
                "AlertID": dedup,
                "Summary": "Checkout answers with errors",
                "Details": "More than 40 % of the requests to checkout have failed for five minutes.",
                "ServiceID": "00000000-0000-4000-8000-000000000042",
                "ServiceName": "checkout",
                "Meta": { "severity": "critical", "client": "acme", "environment": "production" },
            })
            .into();
        }
        AlertState::Acknowledged => ("Acknowledged", "Acknowledged by Jonas Weber (Web)"),
        AlertState::Resolved => ("Closed", "Closed by Jonas Weber (Web)"),
    };
    json!({
        "AppName": "GoAlert",
        "Type": "AlertStatus",
        "AlertID": dedup,
        "LogEntry": entry,
        "AlertState": word,
    })
    .into()
}
