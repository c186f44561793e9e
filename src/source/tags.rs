//! Tags, as checkers let people attach them: loose words, some of the form `name:value`.
//!
//! Tools without severities of their own get theirs from here: `sev1`, `P1`, `severity:critical`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::severity::usual_meaning;
use super::wire::text;

/// More of them are of no use to anybody.
const MOST: usize = 64;

/// Tags of one check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tags(Vec<String>);

impl Tags {
    /// From a list with commas, as templates write it.
    pub(super) fn from_list(list: &str) -> Self {
        Self(
            list.split(',').map(str::trim).filter(|tag| !tag.is_empty()).take(MOST).map(Into::into).collect(),
        )
    }

    /// From such a list, a list of texts, or a list of objects that say it in one of the usual fields.
    fn from_value(value: &Value) -> Self {
        let Value::Array(items) = value else {
            return Self::from_list(&text(value).unwrap_or_default());
        };
        Self(items.iter().filter_map(tag_in).take(MOST).collect())
    }

    /// The severity's text, from the first tag that says one with a meaning, else from the first that says one. A
    /// bare word counts only where it can mean nothing else: `page` and `info` are also what people call their
    /// pages.
    pub(super) fn severity(&self) -> Option<String> {
        let mut said = self.0.iter().filter_map(|tag| match halves(tag) {
            Some((name, value)) => named_severity(name, value),
            None => is_severity(tag).then(|| tag.clone()),
        });
        let first = said.next()?;
        let is_clear = |text: &String| usual_meaning(text).is_some();
        Some(if is_clear(&first) { first } else { said.find(is_clear).unwrap_or(first) })
    }

    /// Adds what they say to labels; what is there already stays. All of them stand in `tags`.
    pub(super) fn label(&self, labels: &mut BTreeMap<String, String>) {
        for (name, value) in self.0.iter().filter_map(|tag| halves(tag)) {
            labels.entry(name.to_lowercase()).or_insert_with(|| value.to_owned());
        }
        if !self.0.is_empty() {
            labels.entry("tags".to_owned()).or_insert_with(|| self.0.join(", "));
        }
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self::from_value(&value))
    }
}

/// A bare number is one of severity; that of a priority may count from either end (Kubernetes' is 0 for most).
fn named_severity(name: &str, value: &str) -> Option<String> {
    let is_any = |names: [&str; 2]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
    let is_number = value.bytes().all(|b| b.is_ascii_digit());
    if is_number {
        is_any(["severity", "sev"]).then(|| format!("sev{value}"))
    } else {
        (is_any(["severity", "sev"]) || is_any(["priority", "prio"])).then(|| value.to_owned())
    }
}

fn is_severity(tag: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| tag.bytes().any(|b| kind(&b));
    let is_clear = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    (is_clear || tag.eq_ignore_ascii_case("critical")) && usual_meaning(tag).is_some()
}

/// `name:value` or `name=value`, without the context that Dynatrace puts before (`[AWS]name:value`). An
/// address is no such pair.
fn halves(tag: &str) -> Option<(&str, &str)> {
    let tag = tag.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(tag, |(_, rest)| rest);
    let (name, value) = tag.split_once([':', '='])?;
    let (name, value) = (name.trim(), value.trim());
    let is_name = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
    (is_name && !value.is_empty() && !value.starts_with("//")).then_some((name, value))
}

fn tag_in(item: &Value) -> Option<String> {
    let in_object = || {
        ["stringRepresentation", "name", "slug", "value"].into_iter().find_map(|field| text(item.get(field)?))
    };
    text(item).or_else(in_object).map(|tag| tag.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_severity_is_read_where_it_is_meant() {
        for (list, severity) in [
            ("prod, sev1", Some("sev1")),
            ("P2,shop", Some("P2")),
            ("sev:1", Some("sev1")),
            ("sev:0, x", Some("sev0")),
            ("env:prod,Severity = critical", Some("critical")),
            ("[AWS]priority:P1", Some("P1")),
            ("[Kubernetes]priority:0", None),
            ("prio:1", None),
            ("priority:normal, sev1", Some("sev1")),
            ("priority:normal", Some("normal")),
            ("Critical", Some("Critical")),
            ("page, info, 1, debug, high", None),
            ("product, p10, server1", None),
            ("severity:", None),
            ("", None),
        ] {
            assert_eq!(Tags::from_list(list).severity().as_deref(), severity, "{list}");
        }
    }

    #[test]
    fn pairs_become_labels_and_what_is_known_better_stays() {
        let mut labels = BTreeMap::from([("service".to_owned(), "checkout".to_owned())]);
        Tags::from_list("Client:acme, service:other, https://shop.example/a:b, prod, a b:c")
            .label(&mut labels);
        let found: Vec<(&str, &str)> = labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            found,
            [
                ("client", "acme"),
                ("service", "checkout"),
                ("tags", "Client:acme, service:other, https://shop.example/a:b, prod, a b:c"),
            ]
        );
    }

    #[test]
    fn lists_come_in_several_shapes() {
        for value in [
            json!("a, b:1"),
            json!(["a", "b:1"]),
            json!([{ "name": "a" }, { "stringRepresentation": "b:1" }]),
        ] {
            assert_eq!(Tags::from_value(&value), Tags(vec!["a".to_owned(), "b:1".to_owned()]));
        }
        assert_eq!(Tags::from_value(&json!({ "a": 1 })), Tags::default());
    }
}
