//! Every tool's parser: no panic, the same twice, and nothing over its limit.

use warroom::alert::{Alert, limits};
use warroom::clock::Timestamp;
use warroom::signature::{Scheme, Verifier, verify};
use warroom::source::{FieldPaths, IncidentPer, Parsed, Source, SourceKind, StateField, delivery_key, parse};

use crate::input::hook;

/// Reads the input as `kind` (or as anybody's JSON for `fields`) in all the ways that a config can ask for.
pub fn check(kind: &str, bytes: &[u8]) {
    let (kind, fields) = match kind {
        "fields" => (SourceKind::Generic, Some(paths())),
        name => (name.parse().expect("a kind of source"), None),
    };
    let now: Timestamp = "2026-06-01T12:00:00Z".parse().expect("a time");
    for per in [IncidentPer::Group, IncidentPer::Alert] {
        let source = Source {
            incident_per: per,
            fields: fields.clone(),
            open_tests: true,
            ..Source::new("fuzz", kind, Verifier::new(Scheme::Insecure))
        };
        let body = verify(hook(bytes), &source.verifier, now).expect("nothing is checked");
        let read = parse(&body, &source, now);
        assert_eq!(read, parse(&body, &source, now), "the same body means the same");
        let _ = delivery_key(&body, &source);
        match read {
            Ok(Parsed::Alerts(alerts) | Parsed::Partly { alerts, .. }) => {
                assert!(!alerts.is_empty());
                alerts.iter().for_each(|alert| check_limits(alert, kind, now));
            }
            Ok(Parsed::Ignored { reason }) => assert!(!reason.is_empty()),
            Err(why) => assert!(!why.why.is_empty()),
        }
    }
}

fn check_limits(alert: &Alert, kind: SourceKind, now: Timestamp) {
    let is_within =
        |text: &str, most: usize| assert!(text.chars().count() <= most, "{} > {most}", text.len());
    assert!(alert.key.as_str().starts_with(&format!("{kind}:1:")) && alert.key.as_str().len() <= 160);
    assert!(!alert.id.is_empty() && alert.id.len() <= limits::ID);
    is_within(&alert.title, limits::TITLE);
    is_within(&alert.summary, limits::SUMMARY);
    assert!(!alert.title.contains(['\n', '\r', '\0']), "a title is one line");
    assert!(alert.labels.len() <= limits::LABELS);
    for (name, value) in &alert.labels {
        is_within(name, limits::LABEL_NAME);
        is_within(value, limits::LABEL_VALUE);
    }
    assert!(alert.links.len() <= limits::LINKS);
    for link in &alert.links {
        assert!(link.url.len() <= limits::URL && link.url.starts_with("http"));
    }
    assert!(alert.assignees.len() <= limits::ASSIGNEES);
    assert!(alert.started_at.is_none_or(|at| at <= now) && alert.ended_at.is_none_or(|at| at <= now));
}

fn paths() -> FieldPaths {
    let path = |text: &str| text.parse().expect("a path");
    FieldPaths {
        each: None,
        key: path("check.id"),
        condition: Some(path("check.part.0")),
        state: StateField {
            path: path("event"),
            firing: vec!["check.down".to_owned()],
            acknowledged: vec!["check.muted".to_owned()],
            resolved: vec!["check.up".to_owned()],
            otherwise: None,
        },
        severity: Some(path("/check/level")),
        title: Some(path("check.name")),
        description: Some(path("a.b.c.d.e.f.g.h")),
        url: Some(path("check.url")),
        started_at: Some(path("outage.since")),
        labels: [("client".to_owned(), path("check.owner.client")), ("tags".to_owned(), path("check.tags"))]
            .into(),
        test: Some(path("try")),
    }
}
