//! The monitoring tools: which may call, how each proves itself and how it is read.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::alert::AlertState;
use crate::config::gateway::is_name;
use crate::config::item::Item;
use crate::config::rooms::severity;
use crate::config::section::Section;
use crate::config::verify::verifier;
use crate::config::words::shortened;
use crate::config::yaml::Value;
use crate::source::field_path::Path;
use crate::source::severity::{SeverityRule, SeverityRules};
use crate::source::{FieldPaths, IncidentPer, Source, SourceKind, StateField};

/// The path below `/hooks/` that belongs to the gateway's own events.
const RESERVED: &str = "gateway";

/// The sources that could be read; each problem of the others is a finding.
pub(super) fn sources(root: &Section<'_>, listen: SocketAddr) -> BTreeMap<String, Source> {
    let hint = "say who may report incidents: `prometheus: { kind: alertmanager, verify: { bearer: { env: NAME } } }`";
    let Some(item) = root.need("sources", hint) else {
        return BTreeMap::new();
    };
    if matches!(&item.node.value, Value::Map(entries) if entries.is_empty()) {
        item.error_with("is empty: nobody could report an incident", hint);
    }
    let exposed = !listen.ip().is_loopback();
    item.named()
        .into_iter()
        .filter_map(|(name, item)| {
            check_name(&item, name);
            let source = item.section(|s| source(s, name, exposed))?;
            Some((name.to_owned(), source))
        })
        .collect()
}

fn check_name(item: &Item<'_>, name: &str) {
    let at = |message: String, hint: &str| {
        item.context.error_with(item.key_span.clone(), message, hint);
    };
    if name == RESERVED {
        at(
            format!("a source cannot be called `{RESERVED}`"),
            "/hooks/gateway/… is for the gateway's own events",
        );
    } else if !is_name(name) {
        at(
            format!("`{}` cannot be a source's name", shortened(name)),
            "it becomes a part of the address: small letters, digits and hyphens",
        );
    }
}

fn source(s: &Section<'_>, name: &str, exposed: bool) -> Option<Source> {
    let kinds: Vec<(&str, SourceKind)> = SourceKind::ALL.iter().map(|k| (k.as_str(), *k)).collect();
    let kind = s.need("kind", "which monitoring tool it is").and_then(|i| i.choice(&kinds));
    let verifier = s
        .need("verify", "how the sender proves itself: nothing unverified opens a room")
        .and_then(|i| verifier(&i, kind, exposed));
    if kind == Some(SourceKind::CloudEvents)
        && let Some(item) = s.get("verify")
        && verifier.as_ref().is_some_and(|verifier| !verifier.covers_headers())
    {
        item.warning(
            "covers the body alone, so events in binary mode, whose attributes are headers, are not read",
            "have them sent in structured mode, or prove the whole request: `bearer`, `basic` or `header`",
        );
    }
    let rules = s.get("severity").map(|i| i.section(severity_rules)).unwrap_or_default();
    let incident_per = s
        .get("incident_per")
        .and_then(|i| i.choice(&[("group", IncidentPer::Group), ("alert", IncidentPer::Alert)]))
        .unwrap_or_default();
    let fields = s.get("fields").and_then(|item| {
        if kind.is_some_and(|kind| !kind.reads_fields()) {
            item.error_with(
                "is only for `kind: generic` and `kind: cloudevents`",
                "this tool's own fields are known",
            );
            item.section(field_paths);
            return None;
        }
        item.section(field_paths)
    });
    let group_by = s.get("group_by").map(|item| {
        if kind.is_some_and(|kind| kind != SourceKind::Prometheus) {
            item.error_with("is only for `kind: prometheus`", "other tools group by themselves");
        }
        item.list(true).iter().filter_map(|i| i.text().map(str::to_owned)).collect::<Vec<_>>()
    });
    let open_tests = s.truth("open_tests", false);
    Some(Source {
        severity: rules,
        incident_per,
        group_by: group_by.unwrap_or_default(),
        fields,
        open_tests,
        ..Source::new(name, kind?, verifier?)
    })
}

fn severity_rules(s: &Section<'_>) -> SeverityRules {
    let rules = s.get("rules").map(|i| i.list(false)).unwrap_or_default();
    let rules = rules
        .iter()
        .filter_map(|item| {
            item.section(|s| {
                let matchers =
                    s.need("match", "what must hold, such as `[ 'severity = page' ]`").map(|i| i.matchers());
                let is =
                    s.need("is", "the severity that it then is, such as `sev1`").and_then(|i| severity(&i));
                Some(SeverityRule { matchers: matchers?, is: is? })
            })
        })
        .collect();
    let usual = SeverityRules::default();
    SeverityRules { rules, unmapped: s.get("unmapped").and_then(|i| severity(&i)).unwrap_or(usual.unmapped) }
}

fn field_paths(s: &Section<'_>) -> Option<FieldPaths> {
    let at = |key| s.get(key).and_then(|i| path(&i));
    let key =
        s.need("key", "where the id is that stays the same from firing to resolved").and_then(|i| path(&i));
    let state = s
        .need("state", "where it says whether it fires: `{ path: status, firing: [down], resolved: [up] }`")
        .and_then(|i| i.section(state));
    let labels = s
        .get("labels")
        .map(|item| {
            item.named()
                .into_iter()
                .filter_map(|(name, item)| Some((name.to_owned(), path(&item)?)))
                .collect()
        })
        .unwrap_or_default();
    let (each, condition, severity) = (at("each"), at("condition"), at("severity"));
    let (title, description, url) = (at("title"), at("description"), at("url"));
    let (started_at, test) = (at("started_at"), at("test"));
    Some(FieldPaths {
        each,
        key: key?,
        condition,
        state: state?,
        severity,
        title,
        description,
        url,
        started_at,
        labels,
        test,
    })
}

fn state(s: &Section<'_>) -> Option<StateField> {
    let path = s.need("path", "where the state is").and_then(|i| path(&i));
    let words = |key| {
        let items = s.get(key).map(|i| i.list(true)).unwrap_or_default();
        items.iter().filter_map(|i| i.text().map(str::to_owned)).collect::<Vec<_>>()
    };
    let (firing, acknowledged, resolved) = (words("firing"), words("acknowledged"), words("resolved"));
    let states = [
        ("firing", AlertState::Firing),
        ("acknowledged", AlertState::Acknowledged),
        ("resolved", AlertState::Resolved),
    ];
    let otherwise = s.get("otherwise").and_then(|i| i.choice(&states));
    if s.is_sound() && firing.is_empty() && otherwise != Some(AlertState::Firing) {
        s.context.error_with(
            s.span.clone(),
            format!("`{}` says in no words that something fires", s.path),
            "add `firing: [ … ]`",
        );
    }
    Some(StateField { path: path?, firing, acknowledged, resolved, otherwise })
}

fn path(item: &Item<'_>) -> Option<Path> {
    let text = item.text()?;
    match text.parse() {
        Ok(path) => Some(path),
        Err(e) => {
            item.error_with(format!("is not a path: {e}"), "such as `check.url` or `/check/url`");
            None
        }
    }
}
