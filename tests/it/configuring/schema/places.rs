//! All places of a schema: its maps, its keys and its values, each with whole documents that lead there.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// A name for what the user names freely; it fits sources, people, roles and labels.
const ANY: &str = "x1";
/// The same for languages.
const ANY_LANGUAGE: &str = "de";

/// One place of a schema.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a schema says or does not say of a place, each by itself"
)]
pub(super) struct Place {
    /// As in `sources.x1.verify.bearer`.
    pub(super) path: String,
    /// If this is a map with known keys only: which.
    pub(super) keys: Option<BTreeSet<String>>,
    /// Its default, its examples and the words that it may be.
    pub(super) values: Vec<Value>,
    /// What counts if it is absent.
    pub(super) usual: Option<Value>,
    /// Whether it is the value of a known key.
    pub(super) is_key: bool,
    /// Whether it has a description.
    pub(super) says: bool,
    /// Whether it is `true` or `false`.
    pub(super) is_truth: bool,
    /// Whether there are places within it.
    pub(super) leads_on: bool,
    /// Of a map: values that may stand here, to which a key can be added.
    contents: Vec<Value>,
    ways: Vec<Way>,
}

impl Place {
    /// Whole documents with that value here.
    pub(super) fn holding(&self, value: &Value) -> impl Iterator<Item = Value> {
        self.ways.iter().map(|way| way.lead_to(Some(value.clone())))
    }

    /// Whole documents with nothing here.
    pub(super) fn without(&self) -> impl Iterator<Item = Value> {
        self.ways.iter().map(|way| way.lead_to(None))
    }

    /// Whole documents with one more key in this map.
    pub(super) fn holding_one_more_key(&self, key: &str) -> Vec<Value> {
        let with_key = |content: &Value| {
            let mut content = content.clone();
            content[key] = json!(true);
            content
        };
        self.contents
            .iter()
            .map(with_key)
            .flat_map(|content| self.holding(&content).take(1).collect::<Vec<_>>())
            .collect()
    }
}

/// One step from a value into a value within it.
#[derive(Clone)]
enum Step {
    /// Under this key, beside what else is in the map.
    Key(String, Value),
    /// In a list of one.
    Item,
}

/// How a whole document is made that has something at one place.
#[derive(Clone)]
struct Way {
    whole: Value,
    steps: Vec<Step>,
}

impl Way {
    fn on(&self, step: Step) -> Self {
        let mut way = self.clone();
        way.steps.push(step);
        way
    }

    fn lead_to(&self, value: Option<Value>) -> Value {
        let made = self.steps.iter().rev().fold(value, |value, step| match step {
            Step::Key(key, beside) => {
                let mut map = beside.as_object().cloned().unwrap_or_default();
                match value {
                    Some(value) => map.insert(key.clone(), value),
                    None => map.remove(key),
                };
                Some(Value::Object(map))
            }
            Step::Item => Some(Value::Array(value.into_iter().collect())),
        });
        let mut whole = self.whole.clone();
        if let Some(made) = made {
            merge(&mut whole, made);
        }
        whole
    }
}

pub(super) fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// All places of `schema`; `whole` is a document that it takes.
pub(super) fn places(schema: &Value, whole: &Value) -> Vec<Place> {
    let mut walk = Walk { schema, found: Vec::new() };
    walk.enter(schema, "", &[Way { whole: whole.clone(), steps: Vec::new() }], false);
    walk.found
}

struct Walk<'s> {
    schema: &'s Value,
    found: Vec<Place>,
}

impl Walk<'_> {
    /// The node with what its `$ref` says; what stands beside the `$ref` wins.
    fn resolved(&self, node: &Value) -> Map<String, Value> {
        let own = node.as_object().cloned().unwrap_or_default();
        let Some(target) = own.get("$ref").and_then(Value::as_str) else { return own };
        let target = self.schema.pointer(target.trim_start_matches('#')).unwrap();
        let mut all = self.resolved(target);
        all.extend(own);
        all
    }

    fn enter(&mut self, node: &Value, path: &str, ways: &[Way], is_key: bool) {
        let node = self.resolved(node);
        let list = |keyword: &str| node.get(keyword).and_then(Value::as_array).cloned().unwrap_or_default();
        let examples = list("examples");
        let properties = node.get("properties").and_then(Value::as_object).cloned();
        let free = node.get("additionalProperties").filter(|form| form.is_object()).cloned();
        let branches: Vec<Value> = list("anyOf").into_iter().filter(is_form).collect();
        let contents = if examples.is_empty() { vec![json!({})] } else { examples.clone() };
        let mut values = examples;
        values.extend(list("enum"));
        values.extend(node.get("const").cloned());
        values.extend(node.get("default").cloned());
        self.found.push(Place {
            path: path.to_owned(),
            keys: properties.as_ref().map(|keys| keys.keys().cloned().collect()),
            values,
            usual: node.get("default").cloned(),
            is_key,
            says: node.contains_key("description"),
            is_truth: node.get("type") == Some(&json!("boolean")),
            leads_on: !branches.is_empty() || free.is_some() || node.contains_key("items"),
            contents: contents.clone(),
            ways: ways.to_vec(),
        });
        for (key, form) in properties.iter().flatten() {
            let steps = contents.iter().map(|content| Step::Key(key.clone(), content.clone()));
            let on = branch(ways, steps);
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.enter(form, &path, &on, true);
        }
        if let Some(form) = free {
            let name = if path.ends_with("translations") { ANY_LANGUAGE } else { ANY };
            // Deputies stand for roles that are invited.
            let name = if path.ends_with("deputies") { "commander" } else { name };
            let on = branch(ways, [Step::Key(name.to_owned(), json!({}))]);
            self.enter(&form, &format!("{path}.{name}"), &on, false);
        }
        if let Some(form) = node.get("items") {
            self.enter(form, &format!("{path}[0]"), &branch(ways, [Step::Item]), false);
        }
        for form in &branches {
            self.enter(form, path, ways, false);
        }
    }
}

/// Whether this says what a value looks like, not only which keys go together.
fn is_form(form: &Value) -> bool {
    let only_keys = |key: &String| matches!(key.as_str(), "required" | "not");
    !form.as_object().is_some_and(|form| form.keys().all(only_keys))
}

fn branch(ways: &[Way], steps: impl IntoIterator<Item = Step>) -> Vec<Way> {
    let steps: Vec<Step> = steps.into_iter().collect();
    ways.iter().flat_map(|way| steps.iter().map(|step| way.on(step.clone()))).collect()
}
