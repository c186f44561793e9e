//! The monitoring tools: which may call, how each proves itself and how it is read.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::alert::{AlertState, Severity};
use crate::config::item::{Item, Section};
use crate::config::keys::{Form, Named, SCALAR, TEXT, Text, keys};
use crate::config::values::{MATCHERS, SEVERITY, is_name};
use crate::config::verify::{VERIFIER, verifier};
use crate::config::words::shortened;
use crate::config::yaml::Value;
use crate::source::field_path::Path;
use crate::source::severity::{SeverityRule, SeverityRules};
use crate::source::{FieldPaths, IncidentPer, Source, SourceKind, StateField};

/// The path below `/hooks/` that belongs to the gateway's own events.
const RESERVED: &str = "gateway";

keys! {
    /// A monitoring tool.
    SOURCE = "source"
    rules r#"{ "allOf": [
        { "if": { "properties": { "kind": { "not": { "enum": ["generic", "cloudevents"] } } }, "required": ["kind"] },
          "then": { "not": { "required": ["fields"] } } },
        { "if": { "properties": { "kind": { "not": { "const": "prometheus" } } }, "required": ["kind"] },
          "then": { "not": { "required": ["group_by"] } } }
    ] }"#
    such_as [
        "{ kind: generic, verify: { bearer: { env: WEBHOOK_TOKEN } } }",
        "{ kind: prometheus, verify: { bearer: { env: WEBHOOK_TOKEN } } }",
        "{ kind: pagerduty, verify: { bearer: { env: WEBHOOK_TOKEN } } }"
    ] {
        /// Which monitoring tool it is; `warroom sources` lists them.
        kind: Form::Word(|| SourceKind::ALL.map(SourceKind::as_str).to_vec()), needed;
        /// How the caller proves itself: nothing unverified opens a room.
        verify: VERIFIER, needed, such_as "{ bearer: { env: WEBHOOK_TOKEN } }";
        /// How its severities are read.
        severity: Form::Map(&SEVERITY_RULES);
        /// One incident per group of alerts as the tool groups them, or per single alert.
        incident_per: Form::Word(|| vec!["group", "alert"]), usual "group";
        /// Where to look in a body; for `kind: generic` and `kind: cloudevents`.
        fields: Form::Map(&FIELDS);
        /// Only for `kind: prometheus`: alerts that are equal in these labels share an incident.
        group_by: Form::Some(&TEXT, 0), such_as "[ alertname ]";
        /// Whether the tool's test button opens a real room.
        open_tests: Form::Bool, usual "false";
    }
    /// How the severities of a source are read.
    SEVERITY_RULES = "severity rules" {
        /// Your own rules come first, the first that holds decides.
        rules: Form::List(&Form::Map(&RULE), 0);
        /// What an alert is that says nothing of its severity.
        unmapped: SEVERITY, usual "sev3";
    }
    /// A rule about severities.
    RULE = "severity rule" {
        /// What must hold of the alert's labels, `severity`, `title` and `source`.
        match: MATCHERS, needed, such_as "[ 'severity = page' ]";
        /// The severity that it then is.
        is: SEVERITY, needed;
    }
    /// Where to look in a body.
    FIELDS = "fields" {
        /// Where the list of alerts is, if there are several in a body.
        each: PATH, such_as "alerts";
        /// Where the id is that stays the same from firing to resolved.
        key: PATH, needed, such_as "check.id";
        /// Where it says which condition it is, if one id has several.
        condition: PATH, such_as "check.condition";
        /// Where it says whether it fires.
        state: Form::Map(&STATE), needed, such_as "{ path: status, firing: [ down ], resolved: [ up ] }";
        /// Where it says how bad it is.
        severity: PATH, such_as "check.severity";
        /// Where it says what is broken.
        title: PATH, such_as "check.title";
        /// Where it says more.
        description: PATH, such_as "check.description";
        /// Where the link to the tool is.
        url: PATH, such_as "/check/url";
        /// Where it says since when.
        started_at: PATH, such_as "check.since";
        /// Labels for matchers, each with the place of its value.
        labels: Form::Named(&LABELS);
        /// Where it says that this is only a test.
        test: PATH, such_as "test";
    }
    /// Where a body says whether the alert fires, and in which words.
    STATE = "state" such_as [ "{ path: status, firing: [ down ], resolved: [ up ] }" ] {
        /// Where the state is.
        path: PATH, needed, such_as "status";
        /// The words that mean that it fires.
        firing: Form::Some(&TEXT, 0), such_as "[ down ]";
        /// The words that mean that somebody has taken it.
        acknowledged: Form::Some(&TEXT, 0), such_as "[ seen ]";
        /// The words that mean that it is over.
        resolved: Form::Some(&TEXT, 0), such_as "[ up ]";
        /// What any other word means.
        otherwise: Form::Word(|| vec!["firing", "acknowledged", "resolved"]);
    }
}

const PATH: Form = Form::Text(&Text {
    name: "path",
    says: "Keys with dots between them, or a JSON Pointer.",
    pattern: "[\\s\\S]*\\S[\\s\\S]*",
    types: SCALAR,
    example: "check.id",
});

static LABELS: Named = Named { of: PATH, names: "{}", example: "client", least: 0 };

pub(super) static SOURCES: Named = Named {
    of: Form::Map(&SOURCE),
    names: r#"{ "pattern": "^[a-z0-9][a-z0-9-]{0,63}$", "not": { "const": "gateway" } }"#,
    example: "prometheus",
    least: 1,
};

/// The sources that could be read; each problem of the others is a finding.
pub(super) fn sources(root: &Section<'_>, listen: SocketAddr) -> BTreeMap<String, Source> {
    let Some(item) = root.need("sources") else {
        return BTreeMap::new();
    };
    if matches!(&item.node.value, Value::Map(entries) if entries.is_empty()) {
        let hint =
            "say who may report: `prometheus: { kind: alertmanager, verify: { bearer: { env: NAME } } }`";
        item.error_with("is empty: nobody could report an incident", hint);
    }
    let exposed = !listen.ip().is_loopback();
    item.named()
        .into_iter()
        .filter_map(|(name, item)| {
            check_name(&item, name);
            let source = item.section(&SOURCE, |s| source(s, name, exposed))?;
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
    s.need("kind");
    let kind = s.choice("kind", &SourceKind::ALL);
    let verifier = s.need("verify").and_then(|i| verifier(&i, kind, exposed));
    if kind == Some(SourceKind::CloudEvents)
        && let Some(item) = s.get("verify")
        && verifier.as_ref().is_some_and(|verifier| !verifier.covers_headers())
    {
        item.warning(
            "covers the body alone, so events in binary mode, whose attributes are headers, are not read",
            "have them sent in structured mode, or prove the whole request: `bearer`, `basic` or `header`",
        );
    }
    let rules = s.section("severity", &SEVERITY_RULES, severity_rules);
    let incident_per =
        s.choice("incident_per", &[IncidentPer::Group, IncidentPer::Alert]).unwrap_or_default();
    let fields = s.get("fields").and_then(|item| {
        if kind.is_some_and(|kind| !kind.reads_fields()) {
            item.error_with(
                "is only for `kind: generic` and `kind: cloudevents`",
                "this tool's own fields are known",
            );
            item.section(&FIELDS, field_paths);
            return None;
        }
        item.section(&FIELDS, field_paths)
    });
    let group_by = s.get("group_by").map(|item| {
        if kind.is_some_and(|kind| kind != SourceKind::Prometheus) {
            item.error_with("is only for `kind: prometheus`", "other tools group by themselves");
        }
        item.list(true).iter().filter_map(|i| i.text().map(str::to_owned)).collect::<Vec<_>>()
    });
    let open_tests = s.truth("open_tests");
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
            item.section(&RULE, |s| {
                let matchers = s.need("match").map(|i| i.matchers());
                let is = s.need("is").and_then(|_| s.choice("is", &Severity::ALL));
                Some(SeverityRule { matchers: matchers?, is: is? })
            })
        })
        .collect();
    let usual = SeverityRules::default();
    SeverityRules { rules, unmapped: s.choice("unmapped", &Severity::ALL).unwrap_or(usual.unmapped) }
}

fn field_paths(s: &Section<'_>) -> Option<FieldPaths> {
    let at = |key| s.get(key).and_then(|i| path(&i));
    let key = s.need("key").and_then(|i| path(&i));
    let state = s.need("state").and_then(|i| i.section(&STATE, state));
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
    let path = s.need("path").and_then(|i| path(&i));
    let words = |key| {
        let items = s.get(key).map(|i| i.list(true)).unwrap_or_default();
        items.iter().filter_map(|i| i.text().map(str::to_owned)).collect::<Vec<_>>()
    };
    let (firing, acknowledged, resolved) = (words("firing"), words("acknowledged"), words("resolved"));
    let states = [AlertState::Firing, AlertState::Acknowledged, AlertState::Resolved];
    let otherwise = s.choice("otherwise", &states);
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
