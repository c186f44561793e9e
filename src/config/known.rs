//! Which values labels are known to have, and matchers that none of these can meet.

use std::collections::BTreeSet;

use crate::alert::Severity;
use crate::config::Surroundings;
use crate::config::item::{Item, Section};
use crate::config::keys::{Form, Named, TEXT};
use crate::config::words::{one_of, shortened};
use crate::config::yaml::Value;
use crate::matcher::Matcher;
use crate::matcher::implication::Domains;

/// Values shown in a hint.
const SHOWN: usize = 8;
/// Labels that are ours, whatever an alert says.
const OURS: [&str; 3] = ["severity", "source", "title"];

pub(super) static LABELS: Named = Named {
    of: Form::Some(&TEXT, 1),
    names: r#"{ "not": { "enum": ["severity", "source", "title"] } }"#,
    example: "environment",
    least: 0,
};

/// Which values labels are known to have.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Labels that every incident has, with nothing but these values.
    pub(super) always: Domains,
    /// Labels that somebody has listed values of; an alert may have others, or none.
    listed: Domains,
}

impl Known {
    /// The severities, the sources if they are known, and what the roster's `labels` say.
    pub(super) fn read(root: &Section<'_>, surroundings: &Surroundings<'_>) -> Self {
        let mut known = Self::default();
        let severities = Severity::ALL.iter().map(|severity| severity.as_str().to_owned());
        known.always.insert("severity".to_owned(), severities.collect());
        if let Some(sources) = surroundings.sources {
            known.always.insert("source".to_owned(), sources.to_vec());
        }
        for (label, item) in root.get("labels").map(|item| item.named()).unwrap_or_default() {
            if OURS.contains(&label) {
                item.context.error_with(
                    item.key_span.clone(),
                    format!("`{}` is not a label of alerts but our own word", item.path),
                    "its values are known anyway; remove it",
                );
                continue;
            }
            let values = item.list(true);
            if values.is_empty() && matches!(item.node.value, Value::List(_)) {
                item.error_with("lists no value", "list the values that you know, or remove it");
            }
            known.add(label, values.iter().filter_map(Item::text).map(str::to_owned));
        }
        known
    }

    /// Values that `label` is known to have, besides those known already.
    pub(super) fn add(&mut self, label: &str, values: impl Iterator<Item = String>) {
        let known = self.listed.entry(label.to_owned()).or_default();
        known.extend(values);
        let unique: BTreeSet<String> = known.drain(..).collect();
        known.extend(unique);
    }

    /// Says if no known value, or each of them, makes the matcher written at `item` hold. Whether it said so.
    pub(super) fn remark(&self, item: &Item<'_>, matcher: &Matcher) -> bool {
        if matcher.is_never() {
            item.warning(
                if matcher.is_negative() { "excludes nothing" } else { "matches no text at all" },
                "patterns cover the whole value anyway: leave `^` and `$` out",
            );
            return true;
        }
        let always = self.always.get(matcher.name());
        let Some(values) = always.or_else(|| self.listed.get(matcher.name())).filter(|v| !v.is_empty())
        else {
            return false;
        };
        // `environment = ""` asks whether the label is absent, which no list of values says.
        if always.is_none() && matcher.holds(None) != matcher.is_negative() {
            return false;
        }
        let name = matcher.name();
        let holding = values.iter().filter(|value| matcher.holds(Some(value))).count();
        let message = match (matcher.is_negative(), holding) {
            (false, 0) => format!("matches no known value of `{}`", shortened(name)),
            (true, 0) => format!("excludes every known value of `{}`", shortened(name)),
            (true, n) if n == values.len() => {
                format!("excludes no known value of `{}`", shortened(name))
            }
            _ => return false,
        };
        let words: Vec<&str> = values.iter().map(String::as_str).collect();
        let meant = matcher.value().and_then(|value| item.context.closest(value, &words));
        let hint = if let Some(meant) = meant.filter(|_| holding > 0 || !matcher.is_negative()) {
            format!("did you mean `{}`?", shortened(meant))
        } else {
            let shown: Vec<String> = words.iter().take(SHOWN).map(|w| shortened(w)).collect();
            let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
            let more = words.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("known is {}{more}", one_of(&shown))
        };
        item.warning(message, hint);
        true
    }
}
