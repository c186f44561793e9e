//! How rooms behave, what they are called and what is said in them.

use std::collections::BTreeMap;

use crate::alert::Severity;
use crate::clock::SignedDuration;
use crate::config::gateway::GatewaySettings;
use crate::config::item::Item;
use crate::config::section::Section;
use crate::config::server::seconds;
use crate::config::translations::{Translated, language, translations};
use crate::message::{self, Composer};
use crate::room::policy::{NotOptedIn, Policy};
use crate::roster::Language;

/// Texts that replace the built-in ones, by the template's name.
pub type Texts = BTreeMap<String, String>;

/// The templates that may be replaced.
pub const TEMPLATES: [&str; 15] = [
    "welcome",
    "guest",
    "description",
    "presence",
    "quorum",
    "update",
    "resolved",
    "stale",
    "reopened",
    "invite",
    "reminder",
    "brief",
    "quiet",
    "last_words",
    "pointer",
];

/// The texts that belong to no room, and so can be replaced in the config only.
pub const LETTERS: [&str; 4] = ["opt_in_request", "stop_taken", "start_taken", "stop_question"];

/// What a room is called unless the config says otherwise.
pub const USUAL_NAME: &str = message::ROOM_NAME;

/// What the composer calls the template of a room's name.
const NAME: &str = "name";

const SEVERITIES: [(&str, Severity); 5] = [
    ("sev1", Severity::Sev1),
    ("sev2", Severity::Sev2),
    ("sev3", Severity::Sev3),
    ("sev4", Severity::Sev4),
    ("sev5", Severity::Sev5),
];

/// Who speaks in every message.
pub(super) fn operator(root: &Section<'_>) -> Option<String> {
    let item = root.get("operator");
    if item.is_none() && root.is_sound() {
        root.context.warning(
            root.span.clone(),
            "`operator` is missing, so people do not read who writes to them",
            "your company or team, as people know it: `operator: \"Acme Operations\"`",
        );
    }
    item?.line().map(str::to_owned)
}

pub(super) fn severity(item: &Item<'_>) -> Option<Severity> {
    item.choice(&SEVERITIES)
}

pub(super) fn rooms(
    root: &Section<'_>,
    gateway: Option<&GatewaySettings>,
) -> (Policy, String, Option<Language>) {
    let mut usual = Policy::default();
    if let Some(gateway) = gateway {
        usual.settle = gateway.settle;
        usual.lease = gateway.lease;
        usual.failover_after = gateway.failover_after;
        usual.fallback_webhook = gateway.fallback_webhook.is_some();
        usual.call_timeout = SignedDuration::try_from(gateway.call_timeout).unwrap_or(usual.call_timeout);
    }
    let Some(item) = root.get("rooms") else {
        return (usual, USUAL_NAME.to_owned(), None);
    };
    item.section(|s| {
        let name = s.get("name").and_then(|i| name(&i));
        let not_opted_in =
            [("invite", NotOptedIn::Invite), ("add", NotOptedIn::Add), ("leave_out", NotOptedIn::LeaveOut)];
        let policy = Policy {
            open_at: s.get("open_at").and_then(|i| severity(&i)).unwrap_or(usual.open_at),
            close_after: s.duration("close_after", seconds(0)..=seconds(30 * 86_400), usual.close_after),
            stale_after: s.duration("stale_after", seconds(3600)..=seconds(30 * 86_400), usual.stale_after),
            not_opted_in: s
                .get("not_opted_in")
                .and_then(|i| i.choice(&not_opted_in))
                .unwrap_or(usual.not_opted_in),
            chat_history_counts: s.truth("chat_history_counts", usual.chat_history_counts),
            share_when_over_budget: s.truth("share_when_over_budget", usual.share_when_over_budget),
            second_admin: s.truth("second_admin", usual.second_admin),
            second_number: s.truth("second_number", usual.second_number),
            lock_settings: s.truth("lock_settings", usual.lock_settings),
            update_interval: s.duration(
                "update_interval",
                seconds(10)..=seconds(3600),
                usual.update_interval,
            ),
            leave_after: s.get("leave_after").and_then(|i| i.duration(seconds(3600)..=seconds(31_536_000))),
            create_attempts: s.number("create_attempts", 1..=10, usual.create_attempts),
            phase_deadline: s.duration("phase_deadline", seconds(60)..=seconds(86_400), usual.phase_deadline),
            ..usual
        };
        let language = s.get("language").and_then(|i| language(&i));
        (policy, name.unwrap_or_else(|| USUAL_NAME.to_owned()), language)
    })
}

/// The id comes first and stands alone, because a lost group is found again by it.
fn name(item: &Item<'_>) -> Option<String> {
    let text = item.line()?;
    let tight: String = text.split("}}").next().unwrap_or_default().split_whitespace().collect();
    let rest = text.split_once("}}").map(|(_, rest)| rest);
    let stands_alone = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    if tight != "INCIDENT-{{id" || !stands_alone {
        item.error_with(
            "must begin with `INCIDENT-{{ id }}` and a blank: a room whose creation got lost is found again by that",
            format!("write `{USUAL_NAME}`"),
        );
        return None;
    }
    template(item, NAME, text)
}

/// A text that renders: it is tried on made-up incidents, full ones and bare ones.
fn template(item: &Item<'_>, key: &str, text: &str) -> Option<String> {
    let (room_name, texts) = if key == NAME {
        (text, Texts::new())
    } else {
        (USUAL_NAME, Texts::from([(key.to_owned(), text.to_owned())]))
    };
    let problems = match Composer::new(room_name, &texts, message::Settings::default()) {
        Ok(composer) => {
            for tight in composer.tight() {
                item.warning(
                    format!("is long: {}", tight.why),
                    "shorten it, so that the long parts of an alert find room beside it",
                );
            }
            composer.check()
        }
        Err(problems) => problems,
    };
    for problem in &problems {
        let place = problem.line.map(|line| format!("line {line} of the text: ")).unwrap_or_default();
        item.error_with(format!("does not render: {place}{}", problem.why), problem.hint);
    }
    problems.is_empty().then(|| text.to_owned())
}

pub(super) fn messages(root: &Section<'_>) -> (Texts, Translated) {
    let Some(item) = root.get("messages") else {
        return (Texts::new(), Translated::default());
    };
    item.section(|s| {
        let mut all = texts(s, &TEMPLATES);
        all.extend(texts(s, &LETTERS));
        (all, translations(s))
    })
}

/// Those of the templates called `keys` that a section replaces.
pub(super) fn texts(s: &Section<'_>, keys: &[&'static str]) -> Texts {
    keys.iter()
        .copied()
        .filter_map(|key| {
            let item = s.get(key)?;
            Some((key.to_owned(), message_text(&item, key)?))
        })
        .collect()
}

pub(super) fn message_text(item: &Item<'_>, key: &str) -> Option<String> {
    if !item.is_map() {
        let text = item.text()?;
        return template(item, key, text);
    }
    let file = item.section(|s| s.need("file", "write the text itself, or `{ file: PATH }`"))?;
    let text = file.file_text(file.text()?)?;
    template(&file, key, &text)
}
