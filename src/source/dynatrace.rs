//! Dynatrace's problem notifications by custom webhook.
//!
//! The body is a template of the user's, in which `{ProblemDetailsJSONv2}` may stand alone or beside the plain
//! placeholders; both forms are read, and what either says counts. `{ProblemSeverity}` is a category of
//! trouble and not a rank, so that a tag such as `sev:1` goes before it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::labels::{labels_of, links_of};
use super::severity::usual_meaning;
use super::tags::Tags;
use super::wire::{Many, Moment, Part, Text, lines_of, listed, moment, needed, part, read};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind, Severity};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "dynatrace",
    title: "Dynatrace",
    proof: "a bearer token, a password or another header",
    hmac: None,
    parse,
    sample,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Notification {
    #[serde(rename = "State")]
    state: Text,
    /// For people, and used again after a while.
    #[serde(rename = "ProblemID")]
    display_id: Text,
    #[serde(rename = "PID")]
    id: Text,
    #[serde(rename = "ProblemTitle")]
    title: Text,
    #[serde(rename = "ProblemImpact")]
    impact: Text,
    #[serde(rename = "ProblemSeverity")]
    category: Text,
    #[serde(rename = "ProblemURL")]
    url: Text,
    #[serde(rename = "ImpactedEntity")]
    impacted: Text,
    #[serde(rename = "ImpactedEntities")]
    entities: Many<Entity>,
    #[serde(rename = "Tags")]
    tags: Tags,
    #[serde(rename = "ProblemDetailsText")]
    text: Text,
    #[serde(rename = "ProblemDetails")]
    details: Part<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entity {
    #[serde(rename = "type")]
    kind: Text,
    name: Text,
}

/// A problem of the Problems API v2.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    problem_id: Text,
    display_id: Text,
    title: Text,
    impact_level: Text,
    severity_level: Text,
    /// `CLOSED` where the placeholder says `RESOLVED`.
    status: Text,
    impacted_entities: Many<DetailedEntity>,
    management_zones: Many<Named>,
    entity_tags: Tags,
    start_time: Moment,
    /// -1 while the problem is open.
    end_time: Moment,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DetailedEntity {
    entity_id: Part<EntityId>,
    name: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EntityId {
    #[serde(rename = "type")]
    kind: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    name: Text,
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let mut value: Value = read(body.body())?;
    // The placeholder's two versions, and the name that either may be given.
    let details = ["ProblemDetails", "ProblemDetailsJSONv2", "ProblemDetailsJSON"].iter().find_map(|name| {
        value.get(*name).filter(|details| details.as_object().is_some_and(|d| !d.is_empty())).cloned()
    });
    if let (Some(details), Some(fields)) = (details, value.as_object_mut()) {
        fields.insert("ProblemDetails".to_owned(), details);
    }
    let notification: Notification = if value.get("problemId").is_some() {
        Notification { details: Part(part(value, "the body")?), ..Notification::default() }
    } else {
        part(value, "the body")?
    };
    notification.parse(source)
}

impl Notification {
    fn parse(self, source: &Source) -> Result<Parsed, NotUnderstood> {
        let details = &self.details.0;
        let word = needed(self.state.as_deref().or(details.status.as_deref()), "State")?.to_ascii_uppercase();
        let is_merged = word == "MERGED";
        let state = match word.as_str() {
            "OPEN" => AlertState::Firing,
            // What was merged goes on under the other problem's id; nothing more is heard of this one.
            "RESOLVED" | "CLOSED" | "MERGED" => AlertState::Resolved,
            _ => return Err(NotUnderstood::new("`State` is none of Dynatrace's")),
        };
        let id = self.id.as_deref().or(details.problem_id.as_deref());
        let display_id = self.display_id.as_deref().or(details.display_id.as_deref());
        let id = needed(id.or(display_id), "PID")?;
        let category = self.category.as_deref().or(details.severity_level.as_deref());
        let (severity, meaning) = match self.tags.severity().or_else(|| details.entity_tags.severity()) {
            // `priority:normal` says nothing; rules see it all the same.
            Some(tag) => {
                let said = usual_meaning(&tag).or_else(|| category.and_then(meaning));
                (Some(tag), said)
            }
            None => (category.map(ToOwned::to_owned), category.and_then(meaning)),
        };
        let draft = Draft {
            id: id.to_owned(),
            title: self.title(),
            summary: lines_of([self.impacted.as_deref(), self.text.as_deref()]),
            labels: self.labels(category, display_id),
            links: links_of([(LinkKind::Source, self.url.as_deref())]),
            started_at: details.start_time.0,
            ended_at: details.end_time.0.filter(|_| state == AlertState::Resolved),
            happened_at: details.end_time.0.filter(|_| state == AlertState::Resolved),
            outbreak_at: details.start_time.0.or_else(|| begun_at(id)),
            ended_for_good: is_merged,
            end_reason: is_merged.then(|| "merged into another problem at Dynatrace".to_owned()),
            // The test button fills in these numbers.
            test: id == "99999999" || display_id == Some("999"),
            ..Draft::default()
        };
        let key = source.key(id);
        Ok(Parsed::Alerts(vec![source.alert_of(draft, key, state, severity.as_deref(), meaning)]))
    }

    /// The impacted entities, by type and name.
    fn entities(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        let plain = self.entities.0.iter().map(|e| (e.kind.as_deref(), e.name.as_deref()));
        let detailed = self.details.0.impacted_entities.0.iter();
        let detailed = detailed.map(|e| (e.entity_id.0.kind.as_deref(), e.name.as_deref()));
        let use_plain = !self.entities.0.is_empty();
        plain
            .filter(move |_| use_plain)
            .chain(detailed.filter(move |_| !use_plain))
            .filter_map(|(kind, name)| Some((kind, name?)))
    }

    /// "Failure rate increase" alone does not say what broke.
    fn title(&self) -> String {
        let title = self.title.as_deref().or(self.details.0.title.as_deref()).unwrap_or_default();
        match self.entities().next() {
            Some((_, name)) if !title.contains(name) => format!("{title}: {name}"),
            _ => title.to_owned(),
        }
    }

    fn labels(
        &self,
        category: Option<&str>,
        display_id: Option<&str>,
    ) -> std::collections::BTreeMap<String, String> {
        let details = &self.details.0;
        let of_type = |wanted: &[&str]| {
            self.entities().find(|(kind, _)| kind.is_some_and(|k| wanted.contains(&k))).map(|(_, name)| name)
        };
        let entities = listed(self.entities().map(|(_, name)| name));
        let zones = listed(details.management_zones.0.iter().filter_map(|zone| zone.name.as_deref()));
        let mut labels = labels_of([
            ("category", category),
            ("impact_level", self.impact.as_deref().or(details.impact_level.as_deref())),
            ("problem", display_id),
            ("entities", entities.as_deref()),
            ("service", of_type(&["SERVICE", "APPLICATION", "MOBILE_APPLICATION", "CUSTOM_APPLICATION"])),
            ("host", of_type(&["HOST"])),
            ("management_zones", zones.as_deref()),
        ]);
        self.tags.label(&mut labels);
        details.entity_tags.label(&mut labels);
        labels
    }
}

/// What a category says about rank, in the order in which Dynatrace itself shows them.
/// The second part of a problem's id is when it began: `-7738361456728905949_1775948280000V2`.
fn begun_at(id: &str) -> Option<Timestamp> {
    let digits: String = id.rsplit_once('_')?.1.chars().take_while(char::is_ascii_digit).collect();
    moment(&Value::from(digits)).filter(|_| id.ends_with("V2"))
}

fn meaning(category: &str) -> Option<Severity> {
    match category {
        "AVAILABILITY" => Some(Severity::Sev1),
        "ERROR" => Some(Severity::Sev2),
        "PERFORMANCE" | "RESOURCE_CONTENTION" => Some(Severity::Sev3),
        _ => None,
    }
}

/// A service that is not there any more.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let is_over = state == AlertState::Resolved;
    let began_at = if is_over { later(now, SignedDuration::from_mins(-10)) } else { now };
    let entity = json!({
        "entityId": { "id": "SERVICE-000000000000002A", "type": "SERVICE" },
        "name": "checkout",
    });
    json!({
        "State": if is_over { "RESOLVED" } else { "OPEN" },
        "ProblemID": "P-2602042",
        "PID": dedup,
        "ProblemTitle": "Service unavailable",
        "ProblemImpact": "SERVICE",
        "ProblemSeverity": "AVAILABILITY",
        "ProblemURL": "https://acme.live.dynatrace.example/#problems/problemdetails;pid=42",
        "ImpactedEntity": "Service unavailable on Web service checkout",
        "Tags": "environment:production, client:acme",
        "ProblemDetails": {
            "problemId": dedup,
            "displayId": "P-2602042",
            "title": "Service unavailable",
            "impactLevel": "SERVICES",
            "severityLevel": "AVAILABILITY",
            "status": if is_over { "CLOSED" } else { "OPEN" },
            "impactedEntities": [entity],
            "managementZones": [{ "id": "42", "name": "Shop" }],
            "entityTags": [],
            "startTime": began_at.as_millisecond(),
            "endTime": if is_over { now.as_millisecond() } else { -1 },
        },
    })
    .into()
}
