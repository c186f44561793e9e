//! CloudWatch alarms as Amazon SNS delivers them: in its envelope, raw, or as Lambda's records hand them on.
//!
//! CloudWatch has no severity; it is read from where teams write it (see [`severity_of`]). An alarm without
//! enough data is neither broken nor over: whoever wants to be called for it tells CloudWatch to treat missing
//! data as breaching.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::field_path::json_within;
use super::severity::usual_meaning;
use super::wire::{Moment, Text, part, read};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{Alert, AlertState, Draft, LinkKind};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::{SnsAction, VerifiedBody};

pub(super) const TOOL: Tool = Tool {
    name: "sns",
    title: "Amazon SNS with CloudWatch alarms",
    proof: "Amazon's RSA signature, of the topics that you allow",
    // Amazon's key is not ours to configure: `verify: { sns: … }`.
    hmac: None,
    parse,
    sample,
};

/// SNS's envelope. Under Amazon's signature the body is its signed members and nothing else.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Envelope {
    #[serde(rename = "Type")]
    kind: Text,
    topic_arn: Text,
    message: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Alarm {
    #[serde(rename = "AlarmName")]
    name: Text,
    #[serde(rename = "AlarmDescription")]
    description: Text,
    #[serde(rename = "AlarmArn")]
    arn: Text,
    #[serde(rename = "AWSAccountId")]
    account: Text,
    new_state_value: Text,
    old_state_value: Text,
    new_state_reason: Text,
    state_change_time: Moment,
    /// A name for people, such as `EU (Ireland)`; the code is part of the ARN.
    region: Text,
    trigger: Option<Trigger>,
    /// Composite alarms have these instead of a trigger.
    triggering_children: Option<Vec<Child>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Trigger {
    metric_name: Text,
    namespace: Text,
    dimensions: Option<Vec<Dimension>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Dimension {
    #[serde(alias = "Name")]
    name: Text,
    #[serde(alias = "Value")]
    value: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Child {
    arn: Text,
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let mut value: Value = read(body.body())?;
    if let Some(Value::Array(records)) = value.get_mut("Records").map(Value::take) {
        return Parsed::gather(records.into_iter().enumerate().map(|(place, mut record)| {
            let name = format!("`Records[{place}].Sns`");
            let envelope = record.get_mut("Sns").map(Value::take).unwrap_or_default();
            let envelope: Envelope = part(envelope, &name)?;
            match envelope.alert(source)? {
                Ok(alert) => Ok(alert),
                Err(reason) => Err(NotUnderstood::new(format!("{name}: {reason}"))),
            }
        }));
    }
    if value.get("AlarmName").is_some() {
        let topic = body.header("x-amz-sns-topic-arn").map(ToOwned::to_owned);
        let alarm: Alarm = part(value, "the alarm")?;
        return alarm.alert(topic.as_deref(), source).map(alone);
    }
    let envelope: Envelope = part(value, "the envelope")?;
    match envelope.kind.as_deref() {
        Some("Notification") => envelope.alert(source).map(alone),
        Some("SubscriptionConfirmation") => Ok(Parsed::ignored(match body.action() {
            Some(SnsAction::ConfirmSubscription { .. }) => "the topic's subscription was confirmed",
            _ => "a topic's subscription wants to be confirmed, which only `verify: { sns: … }` does",
        })),
        Some("UnsubscribeConfirmation") => {
            Ok(Parsed::ignored("UNSUBSCRIBED: no alert will come from this topic any more"))
        }
        Some(_) => Err(NotUnderstood::new("`Type` is none of SNS's")),
        None => Err(NotUnderstood::new("neither `AlarmName` nor `Type` is there")),
    }
}

/// An alarm in a state, or why there is nothing to act upon.
type Read = Result<Alert, &'static str>;

fn alone(read: Read) -> Parsed {
    match read {
        Ok(alert) => Parsed::Alerts(vec![alert]),
        Err(reason) => Parsed::ignored(reason),
    }
}

impl Envelope {
    fn alert(self, source: &Source) -> Result<Read, NotUnderstood> {
        let message = self.message.as_deref().ok_or_else(|| NotUnderstood::new("`Message` is missing"))?;
        let Some(message) = json_within(message).filter(|message| message.get("AlarmName").is_some()) else {
            return Ok(Err("a message that is no CloudWatch alarm"));
        };
        part::<Alarm>(message, "`Message`")?.alert(self.topic_arn.as_deref(), source)
    }
}

impl Alarm {
    fn alert(self, topic: Option<&str>, source: &Source) -> Result<Read, NotUnderstood> {
        let name = self.name.as_deref().ok_or_else(|| NotUnderstood::new("`AlarmName` is missing"))?;
        let state = match self.new_state_value.as_deref() {
            Some("ALARM") => AlertState::Firing,
            Some("OK") => AlertState::Resolved,
            Some("INSUFFICIENT_DATA") => {
                return Ok(Err("an alarm without enough data, which is neither broken nor over"));
            }
            Some(_) => return Err(NotUnderstood::new("`NewStateValue` is none of CloudWatch's")),
            None => return Err(NotUnderstood::new("`NewStateValue` is missing")),
        };
        // Messages of old have no ARN.
        let payload = match self.arn.as_deref() {
            Some(arn) => arn.to_owned(),
            None => [self.account.as_deref(), self.region.as_deref(), Some(name)]
                .map(Option::unwrap_or_default)
                .join("/"),
        };
        let was_well = self.old_state_value.as_deref().is_some_and(|old| old != "ALARM");
        let description = self.description.as_deref().unwrap_or_default();
        let severity = severity_of(name, description, topic);
        let draft = Draft {
            id: payload.clone(),
            title: name.to_owned(),
            summary: self.summary(),
            labels: self.labels(topic),
            links: self.links(),
            started_at: self.state_change_time.0.filter(|_| state == AlertState::Firing),
            ended_at: self.state_change_time.0.filter(|_| state == AlertState::Resolved),
            happened_at: self.state_change_time.0,
            outbreak_at: self.state_change_time.0.filter(|_| state == AlertState::Firing && was_well),
            ..Draft::default()
        };
        let key = source.key(&payload);
        Ok(Ok(source.alert(draft, key, state, severity.as_deref())))
    }

    fn summary(&self) -> String {
        let children: Vec<&str> = self
            .triggering_children
            .iter()
            .flatten()
            .filter_map(|child| child.arn.as_deref()?.split(":alarm:").nth(1))
            .take(10)
            .collect();
        let children =
            (!children.is_empty()).then(|| format!("Because of the alarms: {}", children.join(", ")));
        [self.description.as_deref(), self.new_state_reason.as_deref(), children.as_deref()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The fields of `arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME`.
    fn arn_fields(&self) -> Vec<&str> {
        self.arn.as_deref().unwrap_or_default().splitn(7, ':').collect()
    }

    fn labels(&self, topic: Option<&str>) -> BTreeMap<String, String> {
        let arn = self.arn_fields();
        let trigger = self.trigger.as_ref();
        let dimensions = trigger.and_then(|trigger| trigger.dimensions.as_deref()).unwrap_or_default();
        let mut labels: BTreeMap<String, String> = dimensions
            .iter()
            .filter_map(|dimension| Some((dimension.name.0.clone()?, dimension.value.0.clone()?)))
            .collect();
        let own = [
            ("alertname", self.name.as_deref()),
            ("description", self.description.as_deref()),
            ("account", self.account.as_deref().or_else(|| arn.get(4).copied())),
            ("region", arn.get(3).copied().or(self.region.as_deref())),
            ("namespace", trigger.and_then(|trigger| trigger.namespace.as_deref())),
            ("metric", trigger.and_then(|trigger| trigger.metric_name.as_deref())),
            ("topic", topic.and_then(|arn| arn.rsplit(':').next())),
        ];
        labels.extend(own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))));
        labels
    }

    /// The alarm in Amazon's console, and the first address of the description, where teams put the runbook.
    fn links(&self) -> Vec<(LinkKind, String)> {
        let description = self.description.as_deref().unwrap_or_default();
        let runbook = description
            .split_whitespace()
            .find(|word| word.starts_with("https://") || word.starts_with("http://"))
            .map(|url| (LinkKind::Runbook, url.trim_end_matches(['.', ',', ')', '>']).to_owned()));
        let console = match self.arn_fields().as_slice() {
            [_, "aws", _, region, _, _, name] => Some((
                LinkKind::Source,
                format!(
                    "https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#alarmsV2:alarm/{}",
                    escaped(name)
                ),
            )),
            _ => None,
        };
        console.into_iter().chain(runbook).collect()
    }
}

/// For a place in an address.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// What teams agree upon, because CloudWatch has no field for it: `severity: …` or `severity=…` as words of the
/// description; else `sev1` to `sev5` or `p1` to `p5` as a word of the alarm's name; else the same in the name
/// of the topic.
fn severity_of(name: &str, description: &str, topic: Option<&str>) -> Option<String> {
    let topic = topic.and_then(|arn| arn.rsplit(':').next()).unwrap_or_default();
    said_in(description).or_else(|| level_in(name)).or_else(|| level_in(topic))
}

fn said_in(description: &str) -> Option<String> {
    let lower = description.to_lowercase();
    let (mut before, rest) = lower.split_once("severity")?;
    // Of all places where the word stands: the first that has a meaning, else the first that says something.
    let mut said = rest.split("severity").filter_map(|after| {
        let is_word = !std::mem::replace(&mut before, after).ends_with(char::is_alphanumeric);
        let after = after.trim_start().strip_prefix([':', '=']).filter(|_| is_word)?.trim_start();
        let word: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '-').collect();
        (!word.is_empty()).then_some(word)
    });
    let first = said.next()?;
    let is_clear = |word: &String| usual_meaning(word).is_some();
    Some(if is_clear(&first) { first } else { said.find(is_clear).unwrap_or(first) })
}

fn level_in(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric()).peekable();
    while let Some(word) = words.next() {
        let level = match word {
            // `sev-1`
            "sev" => words.peek().copied().unwrap_or_default(),
            _ => word.strip_prefix("sev").or_else(|| word.strip_prefix('p')).unwrap_or_default(),
        };
        if matches!(level, "0" | "1" | "2" | "3" | "4" | "5") {
            return Some(format!("sev{level}"));
        }
    }
    None
}

/// An alarm as raw delivery hands it on; the envelope is Amazon's to sign.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let is_over = state == AlertState::Resolved;
    let (new, old) = if is_over { ("OK", "ALARM") } else { ("ALARM", "OK") };
    let at = if state == AlertState::Acknowledged { later(now, SignedDuration::from_mins(-10)) } else { now };
    json!({
        "AlarmName": format!("checkout-5xx-{dedup}"),
        "AlarmDescription": "severity: sev1. Checkout answers with errors. https://runbooks.example/checkout",
        "AWSAccountId": "123456789012",
        "NewStateValue": new,
        "NewStateReason": "Threshold Crossed: 1 datapoint [42.0] was greater than the threshold (5.0).",
        "StateChangeTime": at.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string(),
        "Region": "EU (Frankfurt)",
        "AlarmArn": format!("arn:aws:cloudwatch:eu-central-1:123456789012:alarm:checkout-5xx-{dedup}"),
        "OldStateValue": old,
        "Trigger": {
            "MetricName": "HTTPCode_Target_5XX_Count",
            "Namespace": "AWS/ApplicationELB",
            "StatisticType": "Statistic",
            "Statistic": "SUM",
            "Unit": null,
            "Dimensions": [{ "value": "app/checkout/0123456789abcdef", "name": "LoadBalancer" }],
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 5.0,
        },
    })
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_is_found_where_teams_write_it() {
        for (name, description, topic, found) in [
            ("checkout", "Severity: Critical, call somebody", None, Some("critical")),
            ("checkout", "errors (severity=sev-1)", None, Some("sev-1")),
            ("p3-checkout", "severity = high", None, Some("high")),
            ("[SEV1] checkout", "", None, Some("sev1")),
            ("prod/P1/checkout", "the severity is yours", None, Some("sev1")),
            ("checkout_sev-2", "", None, Some("sev2")),
            ("checkout", "", Some("arn:aws:sns:eu-central-1:123456789012:alarms-p1"), Some("sev1")),
            ("p99 of checkout", "latency", Some("arn:aws:sns:eu-central-1:1:alarms"), None),
            ("sev1000", "perseverity: sev1", None, None),
            ("checkout", "severity:", None, None),
            ("checkout", "High severity alarm. severity: critical", None, Some("critical")),
            ("checkout", "severity: see below. Severity=sev2", None, Some("sev2")),
            ("checkout", "severity: see below", None, Some("see")),
            ("checkout", ": critical", None, None),
            ("checkout", "severity", None, None),
        ] {
            assert_eq!(severity_of(name, description, topic).as_deref(), found, "{name} {description}");
        }
    }
}
