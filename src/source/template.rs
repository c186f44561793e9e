//! Bodies whose template the tool's user writes.
//!
//! Such a tool has variables and no schema, so what a field is called is a convention: ours in docs/sources,
//! and the names that templates of others use for the same variables. Users may put `labels` of their own into
//! their template, which then win over everything else of that name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::NotUnderstood;
use super::labels::{labels_of, labels_of_tags, name_environment};
use super::wire::{Leaves, Texts, moment, text};
use crate::clock::Timestamp;

/// One body, as an object of leaves.
#[derive(Debug)]
pub(super) struct Template {
    fields: BTreeMap<String, Value>,
    /// Whether a text is what a variable looks like that the tool did not replace.
    is_unset: fn(&str) -> bool,
}

impl Template {
    pub(super) fn new(body: Value, is_unset: fn(&str) -> bool) -> Result<Self, NotUnderstood> {
        match body {
            Value::Object(fields) => Ok(Self { fields: fields.into_iter().collect(), is_unset }),
            _ => Err(NotUnderstood::new("the body is no JSON object")),
        }
    }

    /// The first of these fields that has a text.
    pub(super) fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| {
            let found = text(self.fields.get(*name)?)?;
            (!(self.is_unset)(found.trim())).then_some(found)
        })
    }

    /// Every text in the body itself.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> {
        self.fields.values().filter_map(text)
    }

    /// The first of these fields that has a leaf, or a list of leaves.
    pub(super) fn many(&self, names: &[&str]) -> Leaves {
        let found = names.iter().map(|name| {
            let mut many = self.fields.get(*name).map(Leaves::from).unwrap_or_default();
            many.0.retain(|text| !(self.is_unset)(text.trim()));
            many
        });
        found.into_iter().find(|many| !many.0.is_empty()).unwrap_or_default()
    }

    /// The first of these fields that has a time.
    pub(super) fn moment(&self, names: &[&str]) -> Option<Timestamp> {
        names.iter().find_map(|name| moment(self.fields.get(*name)?))
    }

    /// Whether the field is there, with whatever value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// A field as it stands.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// Labels from `tags`, from the fields of the pairs, and from the user's own `labels`; later ones win.
    pub(super) fn labels(&self, tags: &Leaves, fields: &[(&str, &[&str])]) -> BTreeMap<String, String> {
        let mut labels = labels_of_tags(tags.separated());
        let fields: Vec<_> = fields.iter().map(|(label, names)| (*label, self.first(names))).collect();
        labels.extend(labels_of(fields.iter().map(|(label, value)| (*label, value.as_deref()))));
        let own: Texts = self
            .fields
            .get("labels")
            .and_then(|value| serde_json::from_value(value.clone()).ok())
            .unwrap_or_default();
        labels.extend(own.0.into_iter().filter(|(_, value)| !(self.is_unset)(value.trim())));
        name_environment(&mut labels);
        labels
    }
}
