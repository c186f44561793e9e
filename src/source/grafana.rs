//! Grafana: contact points of type webhook (body version 1, which is Alertmanager's with more fields), bodies
//! of version 4 that Mimir sends, and the dashboard alerts of Grafana 8 and older.
//!
//! When a query fails or finds nothing, Grafana sends alerts named `DatasourceError` and `DatasourceNoData`
//! with the rule's name in `rulename`: conditions of their own, which are called by what they concern.

use http::HeaderName;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::alertmanager::{self, Member, alerts_of, severity_in};
use super::wire::{Text, Texts, part, read};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::Timestamp;
use crate::signature::{Encoding, Scheme, VerifiedBody};

pub(super) const TOOL: Tool = Tool {
    name: "grafana",
    title: "Grafana",
    proof: "an HMAC signature, with a signed time if configured",
    hmac: Some(sign),
    parse,
    sample,
};

/// Grafana signs a time only if its own form names a header for it, and proposes none.
fn sign(secrets: Vec<SecretString>) -> Scheme {
    Scheme::Hmac {
        secrets,
        header: HeaderName::from_static("x-grafana-alerting-signature"),
        encoding: Encoding::Hex,
        prefix: None,
        timestamp: None,
    }
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let value: Value = read(body.body())?;
    let has = |name: &str| value.get(name).is_some();
    if has("alerts") {
        alerts_of(&part(value, "the body")?, source, finish_draft)
    } else if has("ruleId") || has("ruleUrl") || has("ruleName") {
        part::<DashboardAlert>(value, "the body")?.parse(source)
    } else {
        Err(NotUnderstood::new("neither `alerts` nor `ruleId` is there: is the payload a custom template?"))
    }
}

fn finish_draft(member: &Member, mut draft: Draft) -> Draft {
    for (kind, url) in [
        (LinkKind::Dashboard, &member.panel_url),
        (LinkKind::Dashboard, &member.dashboard_url),
        (LinkKind::Silence, &member.silence_url),
    ] {
        if let Some(url) = &url.0 {
            draft.links.push((kind, url.clone()));
        }
    }
    draft.end_reason = member.annotations.get("grafana_state_reason").map(why_normal);
    let alertname = draft.labels.get("alertname").map(String::as_str);
    // The contact point's test button sends this pair, with a group key that is new each time.
    draft.test =
        alertname == Some("TestAlert") && draft.labels.get("instance").is_some_and(|i| i == "Grafana");
    let trouble = match alertname {
        Some("DatasourceNoData") => Some("No data for"),
        Some("DatasourceError") => Some("Query failed for"),
        _ => None,
    };
    if let (Some(trouble), Some(rule)) = (trouble, draft.labels.get("rulename")) {
        draft.title = format!("{trouble} {rule}");
    }
    draft
}

/// Grafana calls an alert normal too when nothing has recovered, and says why in an annotation.
fn why_normal(reason: &str) -> String {
    match reason {
        "Paused" => "its rule was paused in Grafana".to_owned(),
        "Updated" => "its rule was changed in Grafana".to_owned(),
        "RuleDeleted" => "its rule was deleted in Grafana".to_owned(),
        "MissingSeries" => "Grafana finds no data for it any more".to_owned(),
        "NoData" => "Grafana's query finds no data, which its rule takes as normal".to_owned(),
        "Error" => "Grafana's query fails, which its rule takes as normal".to_owned(),
        other => format!("Grafana says: {other}"),
    }
}

/// What Grafana 8 and older send for an alert of a dashboard panel.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DashboardAlert {
    state: Text,
    title: Text,
    message: Text,
    rule_id: Text,
    rule_name: Text,
    rule_url: Text,
    org_id: Text,
    tags: Texts,
    eval_matches: Option<Vec<Match>>,
}

/// A series that crossed the threshold.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Match {
    metric: Text,
    value: Text,
}

impl DashboardAlert {
    fn parse(self, source: &Source) -> Result<Parsed, NotUnderstood> {
        let state = match self.state.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("alerting" | "no_data") => AlertState::Firing,
            Some("ok") => AlertState::Resolved,
            Some("paused" | "pending") => {
                return Ok(Parsed::ignored("the rule is paused or pending"));
            }
            Some(_) => return Err(NotUnderstood::new("`state` is none of Grafana's")),
            None => return Err(NotUnderstood::new("`state` is missing")),
        };
        let payload = match (self.rule_id.as_deref(), self.rule_url.as_deref()) {
            (Some(id), _) => format!("rule/{}/{id}", self.org_id.as_deref().unwrap_or("1")),
            (None, Some(url)) => format!("rule/{url}"),
            (None, None) => return Err(NotUnderstood::new("`ruleId` and `ruleUrl` are missing")),
        };
        let title = self.rule_name.as_deref().or(self.title.as_deref());
        let mut labels = self.tags.0.clone();
        if let Some(name) = &self.rule_name.0 {
            labels.entry("alertname".to_owned()).or_insert(name.clone());
        }
        let severity = severity_in(&self.tags.0).map(ToOwned::to_owned);
        let draft = Draft {
            id: payload.clone(),
            title: title.unwrap_or_default().to_owned(),
            summary: self.summary(),
            labels,
            links: self.rule_url.0.iter().map(|url| (LinkKind::Source, url.clone())).collect(),
            test: self.is_test(),
            ..Draft::default()
        };
        let key = source.key(&payload);
        Ok(Parsed::Alerts(vec![source.alert(draft, key, state, severity.as_deref())]))
    }

    fn summary(&self) -> String {
        let mut lines: Vec<String> = self.message.0.iter().cloned().collect();
        for found in self.eval_matches.iter().flatten().take(5) {
            if let (Some(metric), Some(value)) = (found.metric.as_deref(), found.value.as_deref()) {
                lines.push(format!("{metric}: {value}"));
            }
        }
        lines.join("\n")
    }

    /// The notification channel's test button: no field says so, but these texts are fixed.
    fn is_test(&self) -> bool {
        self.rule_name.as_deref() == Some("Test rule")
            && self.title.as_deref().is_some_and(|t| t.ends_with("Test notification"))
    }
}

/// A group of one alert as a contact point sends it.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let mut member = alertmanager::sample_member(state, now, dedup);
    if let Value::Object(fields) = &mut member {
        fields.insert("values".to_owned(), json!({ "A": 0.42 }));
        fields.insert("valueString".to_owned(), json!("[ var='A' labels={service=checkout} value=0.42 ]"));
        for (name, url) in [
            ("silenceURL", "https://grafana.example/alerting/silence/new?service=checkout"),
            ("dashboardURL", "https://grafana.example/d/checkout"),
            ("panelURL", "https://grafana.example/d/checkout?viewPanel=1"),
        ] {
            fields.insert(name.to_owned(), json!(url));
        }
    }
    let is_over = state == AlertState::Resolved;
    json!({
        "version": "1",
        "orgId": 1,
        "groupKey": format!("{{}}/{{severity=\"critical\"}}:{{alertname=\"CheckoutDown\", sample=\"{dedup}\"}}"),
        "truncatedAlerts": 0,
        "status": alertmanager::status(state),
        "state": if is_over { "ok" } else { "alerting" },
        "title": format!("[{}] CheckoutDown", if is_over { "RESOLVED" } else { "FIRING:1" }),
        "message": "Checkout answers with errors",
        "receiver": "warroom",
        "groupLabels": { "alertname": "CheckoutDown", "sample": dedup },
        "commonLabels": alertmanager::sample_labels(dedup),
        "commonAnnotations": {},
        "externalURL": "https://grafana.example/",
        "alerts": [member],
    })
    .into()
}
