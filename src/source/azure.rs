//! Azure Monitor's action groups, common alert schema; the metric alerts that older action groups send without
//! it are understood too.
//!
//! Azure counts severities from 0: `Sev0` is critical and `Sev1` is an error, which elsewhere is the second
//! worst. So what leaves this file is the word that Azure has for the number, and the number is the label
//! `azure_severity`.
//!
//! A stateless rule tells no end and fires under another `alertId` each time, so a condition is its rule, what the
//! rule looks at and the dimensions that it splits by.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::labels::{labels_of, links_of, name_environment};
use super::several::{Event, one_or_several};
use super::wire::{Leaves, Moment, Text, Texts, part, read, text};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "azure",
    title: "Azure Monitor",
    proof: "a password or a token in its address (Entra ID's signed tokens are not checked)",
    hmac: None,
    parse,
    sample,
};

const COMMON: &str = "azureMonitorCommonAlertSchema";

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Essentials {
    alert_id: Text,
    alert_rule: Text,
    severity: Text,
    signal_type: Text,
    monitor_condition: Text,
    monitoring_service: Text,
    #[serde(rename = "alertTargetIDs")]
    targets: Leaves,
    configuration_items: Leaves,
    fired_date_time: Moment,
    resolved_date_time: Moment,
    description: Text,
    target_resource_type: Text,
    target_resource_group: Text,
    investigation_link: Text,
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    one_or_several(read(body.body())?, |event| read_one(event, source))
}

fn read_one(mut event: Value, source: &Source) -> Result<Event, NotUnderstood> {
    let data = event.get_mut("data").map(Value::take).unwrap_or_default();
    match event.get("schemaId").and_then(Value::as_str) {
        Some(COMMON) => common(data, source),
        Some("AzureMonitorMetricAlert") => older(data, source),
        // Classic metric alerts have no envelope.
        None if event.get("context").is_some_and(|context| context.get("conditionType").is_some()) => {
            older(event, source)
        }
        Some(_) => Err(not_common()),
        None => Err(NotUnderstood::new("`schemaId` is missing: is the common alert schema switched on?")),
    }
}

fn not_common() -> NotUnderstood {
    NotUnderstood::new("another schema: switch the common alert schema on in the action group")
}

fn common(mut data: Value, source: &Source) -> Result<Event, NotUnderstood> {
    let essentials = data.get_mut("essentials").map(Value::take).unwrap_or_default();
    let essentials: Essentials = part(essentials, "`data.essentials`")?;
    let alert_id = essentials.alert_id.as_deref();
    let alert_id = alert_id.ok_or_else(|| NotUnderstood::new("`data.essentials.alertId` is missing"))?;
    let state = match essentials.monitor_condition.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("fired") => AlertState::Firing,
        Some("resolved") => AlertState::Resolved,
        Some(_) => return Err(NotUnderstood::new("`data.essentials.monitorCondition` is none of Azure's")),
        None => return Err(NotUnderstood::new("`data.essentials.monitorCondition` is missing")),
    };
    let custom: Texts = take(&mut data, "customProperties");
    let context = data.get("alertContext").unwrap_or(&Value::Null);
    let key = essentials.rule_and_targets().unwrap_or_else(|| alert_id.to_owned());
    let results = context.pointer("/condition/allOf/0/linkToSearchResultsUI").and_then(text);
    let (runbook, dashboard) = (link_in(&custom, "runbook"), link_in(&custom, "dashboard"));
    let draft = Draft {
        id: format!("{key}{}", dimensions(context)),
        title: essentials.alert_rule.0.clone().unwrap_or_default(),
        summary: summary(essentials.description.as_deref(), context),
        labels: essentials.labels(&custom),
        links: links_of([
            (LinkKind::Source, essentials.investigation_link.as_deref()),
            (LinkKind::Runbook, runbook),
            (LinkKind::Dashboard, dashboard),
            (LinkKind::Source, results.as_deref()),
        ]),
        started_at: essentials.fired_date_time.0,
        ended_at: essentials.resolved_date_time.0.filter(|_| state == AlertState::Resolved),
        happened_at: match state {
            AlertState::Resolved => essentials.resolved_date_time.0,
            AlertState::Firing | AlertState::Acknowledged => essentials.fired_date_time.0,
        },
        outbreak_at: essentials.fired_date_time.0,
        test: essentials.is_test(),
        ..Draft::default()
    };
    let severity = essentials.severity.as_deref().map(word_for);
    Ok(source.alert(draft, source.key(&key), state, severity).into())
}

/// What tells the alerts of one rule apart, if anything does.
fn dimensions(context: &Value) -> String {
    let conditions = context.pointer("/condition/allOf").and_then(Value::as_array);
    let dimensions = conditions.into_iter().flatten().filter_map(|one| one.get("dimensions")?.as_array());
    let said = |dimension: &Value, name: &str| dimension.get(name).and_then(text).unwrap_or_default();
    let mut found: Vec<String> = dimensions
        .flatten()
        .map(|one| format!("/{}={}", said(one, "name"), said(one, "value")).to_lowercase())
        .collect();
    found.sort_unstable();
    found.concat()
}

fn take<T: serde::de::DeserializeOwned + Default>(data: &mut Value, name: &str) -> T {
    let value = data.get_mut(name).map(Value::take);
    value.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
}

/// A link among the properties that the user gave to the rule.
fn link_in<'a>(custom: &'a Texts, word: &str) -> Option<&'a str> {
    let mut found = custom.0.iter();
    found.find_map(|(name, url)| name.to_lowercase().contains(word).then_some(url.as_str()))
}

/// Azure's own word for its number.
fn word_for(severity: &str) -> &str {
    let severity = severity.trim();
    let prefix = severity.get(..3).filter(|prefix| prefix.eq_ignore_ascii_case("sev"));
    match prefix.and_then(|_| severity.get(3..)).unwrap_or(severity) {
        "0" => "critical",
        "1" => "error",
        "2" => "warning",
        "3" => "informational",
        "4" => "verbose",
        _ => severity,
    }
}

impl Essentials {
    /// Azure does not always write its ids in the same case.
    fn rule_and_targets(&self) -> Option<String> {
        let (rule, targets) = (self.alert_rule.as_deref()?, self.targets.joined()?);
        Some(format!("{rule}@{targets}").to_lowercase())
    }

    fn labels(&self, custom: &Texts) -> BTreeMap<String, String> {
        let items = self.configuration_items.joined();
        // Azure writes one type in capitals or without, wherever it comes from.
        let resource_type = self.target_resource_type.as_deref().map(str::to_lowercase);
        let resource_type = resource_type.or_else(|| self.type_of_target());
        let mut labels = labels_of([
            ("alert_rule", self.alert_rule.as_deref()),
            ("azure_severity", self.severity.as_deref()),
            ("signal_type", self.signal_type.as_deref()),
            ("monitoring_service", self.monitoring_service.as_deref()),
            ("resource", items.as_deref()),
            ("resource_type", resource_type.as_deref()),
            (
                "resource_group",
                self.target_resource_group.as_deref().or_else(|| self.part_of_target("resourcegroups")),
            ),
            ("subscription", self.part_of_target("subscriptions")),
        ]);
        labels.extend(custom.0.clone());
        name_environment(&mut labels);
        labels
    }

    /// Provider and type of the first target: `…/providers/microsoft.compute/virtualmachines/NAME`. What extends
    /// another resource stands behind that one with a provider of its own.
    fn type_of_target(&self) -> Option<String> {
        let parts: Vec<&str> = self.targets.first()?.split('/').collect();
        let at = parts.iter().rposition(|part| part.eq_ignore_ascii_case("providers"))?;
        let mut parts = parts.into_iter().skip(at + 1);
        let provider = parts.next().filter(|part| !part.is_empty())?;
        let parts: Vec<&str> = parts.collect();
        // A type and a name by turns, as deep as the resource lies.
        let types = parts.chunks(2).filter_map(|pair| pair.first()).filter(|kind| !kind.is_empty());
        // Azure writes ids in any case, and the type by itself in small letters.
        Some(std::iter::once(&provider).chain(types).copied().collect::<Vec<_>>().join("/").to_lowercase())
    }

    /// What follows `name` in the first target's path: `/subscriptions/ID/resourcegroups/NAME/…`.
    fn part_of_target(&self, name: &str) -> Option<&str> {
        let mut parts = self.targets.first()?.split('/');
        parts.find(|part| part.eq_ignore_ascii_case(name))?;
        parts.next().filter(|part| !part.is_empty())
    }

    /// "Test action group" of the portal: rule and resource are called `test-…`, in a subscription of ones or
    /// zeros that nobody has.
    fn is_test(&self) -> bool {
        let is_nobodys = |id: &str| {
            id.len() == 36 && [b'0', b'1'].iter().any(|digit| id.bytes().all(|b| b == *digit || b == b'-'))
        };
        self.alert_rule.as_deref().is_some_and(|rule| rule.starts_with("test-"))
            && self.part_of_target("subscriptions").is_some_and(is_nobodys)
    }
}

/// The description, and what was measured.
fn summary(description: Option<&str>, context: &Value) -> String {
    let mut lines: Vec<String> = description.into_iter().map(ToOwned::to_owned).collect();
    let conditions = context.pointer("/condition/allOf").and_then(Value::as_array);
    for condition in conditions.into_iter().flatten().take(5) {
        let said = |name: &str| condition.get(name).and_then(text);
        let what = said("metricName").or_else(|| said("metricMeasureColumn"));
        if let (Some(what), Some(value)) = (what, said("metricValue")) {
            let limit = said("threshold").map(|limit| format!(", threshold {limit}")).unwrap_or_default();
            lines.push(format!("{what}: {value}{limit}"));
        }
    }
    lines.join("\n")
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Older {
    status: Text,
    context: Value,
    properties: Texts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Context {
    timestamp: Moment,
    id: Text,
    name: Text,
    description: Text,
    severity: Text,
    condition: Value,
    resource_group_name: Text,
    resource_name: Text,
    resource_type: Text,
    resource_id: Text,
    subscription_id: Text,
    portal_link: Text,
}

/// A metric alert without the common schema: its id is the rule's, so the resource belongs to the key.
fn older(data: Value, source: &Source) -> Result<Event, NotUnderstood> {
    let older: Older = part(data, "the body")?;
    let context: Context = part(older.context.clone(), "`context`")?;
    let state = match older.status.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("activated") => AlertState::Firing,
        Some("deactivated" | "resolved") => AlertState::Resolved,
        _ => return Err(NotUnderstood::new("`status` is neither Activated nor Deactivated")),
    };
    let rule = context.id.as_deref().ok_or_else(|| NotUnderstood::new("`context.id` is missing"))?;
    let key = format!("{rule}@{}", context.resource_id.as_deref().unwrap_or_default());
    let resource_type = context.resource_type.as_deref().map(str::to_lowercase);
    let mut labels = labels_of([
        ("alert_rule", context.name.as_deref()),
        ("azure_severity", context.severity.as_deref()),
        ("resource", context.resource_name.as_deref()),
        ("resource_type", resource_type.as_deref()),
        ("resource_group", context.resource_group_name.as_deref()),
        ("subscription", context.subscription_id.as_deref()),
    ]);
    labels.extend(older.properties.0.clone());
    name_environment(&mut labels);
    let (runbook, dashboard) =
        (link_in(&older.properties, "runbook"), link_in(&older.properties, "dashboard"));
    let draft = Draft {
        id: key.clone(),
        title: context.name.0.clone().unwrap_or_default(),
        summary: summary(context.description.as_deref(), &json!({ "condition": context.condition })),
        labels,
        links: links_of([
            (LinkKind::Source, context.portal_link.as_deref()),
            (LinkKind::Runbook, runbook),
            (LinkKind::Dashboard, dashboard),
        ]),
        started_at: context.timestamp.0.filter(|_| state == AlertState::Firing),
        ended_at: context.timestamp.0.filter(|_| state == AlertState::Resolved),
        happened_at: context.timestamp.0,
        outbreak_at: context.timestamp.0.filter(|_| state == AlertState::Firing),
        ..Draft::default()
    };
    let severity = context.severity.as_deref().map(word_for);
    Ok(source.alert(draft, source.key(&key), state, severity).into())
}

/// An alert of Sev0.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let is_over = state == AlertState::Resolved;
    let began_at = if is_over { later(now, SignedDuration::from_mins(-10)) } else { now };
    let subscription = "/subscriptions/5a0f0c1e-0000-4000-8000-000000000042";
    json!({
        "schemaId": COMMON,
        "data": {
            "essentials": {
                "alertId": format!("{subscription}/providers/Microsoft.AlertsManagement/alerts/{dedup}"),
                "alertRule": "Checkout answers with errors",
                "severity": "Sev0",
                "signalType": "Metric",
                "monitorCondition": if is_over { "Resolved" } else { "Fired" },
                "monitoringService": "Platform",
                "alertTargetIDs": [
                    format!("{subscription}/resourcegroups/checkout/providers/microsoft.web/sites/{dedup}"),
                ],
                "configurationItems": ["checkout"],
                "originAlertId": format!("origin-{dedup}"),
                "firedDateTime": began_at.to_string(),
                "resolvedDateTime": is_over.then(|| now.to_string()),
                "description": "More than 40 % of the requests to checkout have failed for five minutes.",
                "essentialsVersion": "1.0",
                "alertContextVersion": "1.0",
            },
            "alertContext": {
                "conditionType": "SingleResourceMultipleMetricCriteria",
                "condition": {
                    "windowSize": "PT5M",
                    "allOf": [{
                        "metricName": "Http5xx",
                        "operator": "GreaterThan",
                        "threshold": "40",
                        "timeAggregation": "Average",
                        "metricValue": 57.5,
                    }],
                },
            },
            "customProperties": { "client": "acme", "environment": "production", "service": "checkout" },
        },
    })
    .into()
}
