//! Labels and links of a draft, out of the fields and tags of a tool.
//!
//! Tools call the same thing by different names; routes should not have to know which tool reported. So tags
//! written `name:value` become labels of that name, and the usual short form `env` is also `environment`.

use std::collections::BTreeMap;

use crate::alert::{LinkKind, limits, one_line, paragraph};

const MOST_BYTES_OF_A_CHARACTER: usize = 4;

/// Those of the pairs that have a value.
pub(super) fn labels_of<'a>(
    named: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> BTreeMap<String, String> {
    named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect()
}

/// Those of the addresses that are there, in their order.
pub(super) fn links_of<'a>(
    links: impl IntoIterator<Item = (LinkKind, Option<&'a str>)>,
) -> Vec<(LinkKind, String)> {
    links.into_iter().filter_map(|(kind, url)| Some((kind, url?.to_owned()))).collect()
}

/// Labels out of tags: `name:value` and `name=value` by their name (several values of one name with a comma
/// between), the bare ones together as `tags`.
pub(super) fn labels_of_tags<'a>(tags: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for tag in tags {
        let tag = tag.trim();
        match split(tag) {
            Some((name, value)) => add(&mut labels, name, value),
            None if !tag.is_empty() => add(&mut labels, "tags", tag),
            None => {}
        }
    }
    labels
}

/// Adds a value to those that a label has already, unless what it has is cut off anyway: looking through ever
/// more of them would make a body of nothing but tags a stall.
pub(super) fn add(labels: &mut BTreeMap<String, String>, name: &str, value: &str) {
    let values = labels.entry(name.to_owned()).or_default();
    if values.is_empty() {
        value.clone_into(values);
    } else if values.len() <= limits::LABEL_VALUE * MOST_BYTES_OF_A_CHARACTER
        && values.split(", ").all(|known| known != value)
    {
        values.push_str(", ");
        values.push_str(value);
    }
}

/// What all alerts of one body have in common, cut to what each of them may have, and to less if there are very
/// many: each gets a copy, and a megabyte of body must not become gigabytes. The `first` ones go before the others.
pub(super) fn shared(
    texts: &BTreeMap<String, String>,
    first: &[&str],
    among: usize,
) -> BTreeMap<String, String> {
    const MOST_BYTES: usize = 16 << 20;
    let mut left = MOST_BYTES / among.max(1);
    let is_first = |name: &String| first.contains(&name.as_str());
    let in_order = texts
        .iter()
        .filter(|(name, _)| is_first(name))
        .chain(texts.iter().filter(|(name, _)| !is_first(name)));
    let mut kept = BTreeMap::new();
    for (name, value) in in_order.take(limits::LABELS) {
        let (name, value) = (one_line(name, limits::LABEL_NAME), paragraph(value, limits::SUMMARY));
        if let Some(rest) = left.checked_sub(name.len() + value.len()) {
            left = rest;
            kept.insert(name, value);
        }
    }
    kept
}

fn split(tag: &str) -> Option<(&str, &str)> {
    let (name, value) = tag.split_once([':', '='])?;
    let (name, value) = (name.trim(), value.trim());
    let is_name = |c: char| c.is_alphanumeric() || "-_./@".contains(c);
    // `https://…` is an address and no label.
    let is_pair =
        !name.is_empty() && name.chars().all(is_name) && !value.is_empty() && !value.starts_with("//");
    is_pair.then_some((name, value))
}

/// `env`, as several tools and their agents call it, is the environment.
pub(super) fn name_environment(labels: &mut BTreeMap<String, String>) {
    if let Some(env) = labels.get("env").cloned() {
        labels.entry("environment".to_owned()).or_insert(env);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_labels_by_their_name() {
        let labels = labels_of_tags([
            "env:prod",
            "team = payments",
            "vip",
            "https://runbooks.example/a",
            " ",
            "vip",
            "env:eu",
            "a b:c",
            "empty:",
            "kube_app:a:b",
        ]);
        let wanted = [
            ("env", "prod, eu"),
            ("kube_app", "a:b"),
            ("tags", "vip, https://runbooks.example/a, a b:c, empty:"),
            ("team", "payments"),
        ];
        assert_eq!(labels, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn a_megabyte_of_tags_is_one_label_of_bounded_length() {
        let tags: Vec<String> = (0..150_000).map(|n| format!("a:{n}")).collect();
        let labels = labels_of_tags(tags.iter().map(String::as_str));
        assert!(labels["a"].starts_with("0, 1, 2, ") && labels["a"].len() < 4096, "{}", labels["a"].len());
    }

    #[test]
    fn what_many_alerts_share_is_bounded_and_what_matters_is_kept() {
        let mut texts: BTreeMap<String, String> =
            (0..2000).map(|n| (format!("a{n}"), "x".repeat(2000))).collect();
        texts.insert("severity".to_owned(), "critical".to_owned());
        let one = shared(&texts, &["severity"], 1);
        assert_eq!((one.len(), one["severity"].as_str()), (limits::LABELS, "critical"));
        let many = shared(&texts, &["severity"], 50_000);
        let bytes: usize = many.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(many.contains_key("severity") && bytes * 50_000 <= 16 << 20, "{bytes}");
        texts.insert("alertname".to_owned(), "x".repeat(2000));
        assert!(shared(&texts, &["alertname", "severity"], 50_000).contains_key("severity"), "one too long");
    }

    #[test]
    fn env_is_the_environment_unless_that_is_said() {
        let mut labels = labels_of([("env", Some("prod")), ("nothing", None)]);
        name_environment(&mut labels);
        assert_eq!(labels.get("environment").map(String::as_str), Some("prod"));
        let mut labels = labels_of([("env", Some("prod")), ("environment", Some("live"))]);
        name_environment(&mut labels);
        assert_eq!(labels.get("environment").map(String::as_str), Some("live"));
    }
}
