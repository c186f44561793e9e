//! Every monitoring tool's fixtures, read by its parser.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue};
use insta::assert_json_snapshot;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use warroom::alert::{Alert, AlertState, Severity};
use warroom::clock::Timestamp;
use warroom::signature::{RawHook, Scheme, VerifiedBody, Verifier, verify};
use warroom::source::{FieldPaths, IncidentPer, NotUnderstood, Parsed, Sample, Source, SourceKind, parse};

use fields::checks;

mod fields;
mod real_bodies;

fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn source(kind: SourceKind) -> Source {
    Source::new("test", kind, Verifier::new(Scheme::Insecure))
}

/// What is sent: a body, and the headers that tell how to read it, if a tool has such.
///
/// A fixture whose name ends in `.http` begins with them, up to a blank line; every other one is all body.
#[derive(Debug, Clone, Default)]
struct Sent {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sent {
    fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.trim().as_bytes()).unwrap();
        self.headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
        self
    }

    fn from_file(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        if path.extension().is_none_or(|ending| ending != "http") {
            return Self { headers: HeaderMap::new(), body: bytes };
        }
        let blank = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
        let head = std::str::from_utf8(&bytes[..blank]).unwrap();
        head.lines().fold(
            Self { headers: HeaderMap::new(), body: bytes[blank + 2..].to_vec() },
            |sent, line| {
                let (name, value) = line.split_once(':').unwrap();
                sent.header(name, value)
            },
        )
    }

    /// Another body under the same headers.
    fn with_body(&self, body: &[u8]) -> Self {
        Self { headers: self.headers.clone(), body: body.to_vec() }
    }
}

impl From<&Sent> for Sent {
    fn from(sent: &Sent) -> Self {
        sent.clone()
    }
}

impl From<&[u8]> for Sent {
    fn from(body: &[u8]) -> Self {
        Self { headers: HeaderMap::new(), body: body.to_vec() }
    }
}

impl From<&Vec<u8>> for Sent {
    fn from(body: &Vec<u8>) -> Self {
        Self::from(body.as_slice())
    }
}

impl From<Sample> for Sent {
    fn from(sample: Sample) -> Self {
        let empty = Self { headers: HeaderMap::new(), body: sample.body.into_bytes() };
        sample.headers.iter().fold(empty, |sent, (name, value)| sent.header(name, value))
    }
}

fn verified(source: &Source, sent: impl Into<Sent>) -> VerifiedBody {
    let Sent { headers, body } = sent.into();
    let hook = RawHook { source: source.name.clone(), headers, query: None, body: body.into() };
    verify(hook, &source.verifier, now()).unwrap()
}

fn read(source: &Source, sent: impl Into<Sent>) -> Result<Parsed, NotUnderstood> {
    parse(&verified(source, sent), source, now())
}

fn alerts(source: &Source, sent: impl Into<Sent>) -> Vec<Alert> {
    match read(source, sent).unwrap() {
        Parsed::Alerts(alerts) => alerts,
        other => panic!("{other:?}"),
    }
}

fn fixtures_of(kind: SourceKind) -> BTreeMap<String, Sent> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(kind.as_str());
    fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, Sent::from_file(&path))
        })
        .collect()
}

fn fixture(kind: SourceKind, name: &str) -> Sent {
    fixtures_of(kind).remove(name).unwrap()
}

fn outcome(result: Result<Parsed, NotUnderstood>) -> Value {
    match result {
        Ok(Parsed::Alerts(alerts)) => json!({ "alerts": alerts }),
        Ok(Parsed::Partly { alerts, unread }) => json!({ "alerts": alerts, "unread": unread.why }),
        Ok(Parsed::Ignored { reason }) => json!({ "ignored": reason }),
        Err(e) => json!({ "not_understood": e.why }),
    }
}

#[test]
fn every_kind_has_the_fixtures_that_prove_it() {
    let folders: BTreeSet<String> =
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
    let kinds: BTreeSet<String> = SourceKind::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(folders, kinds);
    for kind in SourceKind::ALL {
        let fixtures = fixtures_of(kind);
        for wanted in ["firing", "resolved", "several", "unknown_fields", "broken"] {
            assert!(fixtures.contains_key(wanted), "{kind} has no {wanted}");
        }
        assert!(read(&source(kind), &fixtures["broken"]).is_err(), "{kind}");
    }
}

#[test]
fn every_fixture_is_read_as_written_down() {
    for kind in SourceKind::ALL {
        for (name, body) in fixtures_of(kind) {
            assert_json_snapshot!(format!("{kind}_{name}"), outcome(read(&source(kind), &body)));
        }
    }
}

#[test]
fn the_end_of_an_incident_has_the_key_and_ids_of_its_beginning() {
    for kind in SourceKind::ALL {
        let begins = alerts(&source(kind), fixture(kind, "firing"));
        let ends = alerts(&source(kind), fixture(kind, "resolved"));
        let who =
            |alerts: &[Alert]| -> Vec<_> { alerts.iter().map(|a| (a.key.clone(), a.id.clone())).collect() };
        assert_eq!(who(&begins), who(&ends), "{kind}");
        assert!(begins.iter().all(|a| a.state == AlertState::Firing), "{kind}");
        assert!(begins.iter().all(|a| a.severity == Severity::Sev1 && a.started_at.is_some()), "{kind}");
        assert!(ends.iter().all(|a| a.state == AlertState::Resolved), "{kind}");
        assert!(begins.iter().all(|a| a.key.as_str().starts_with(&format!("{kind}:1:"))));
    }
}

#[test]
fn everything_said_about_an_incident_shares_its_key() {
    for (kind, begin, others) in [
        (SourceKind::Grafana, "legacy_firing", &["legacy_resolved", "legacy_no_data"][..]),
        (SourceKind::Grafana, "firing", &["several", "version_4"]),
        (
            SourceKind::Pagerduty,
            "firing",
            &["acknowledged", "priority_missing", "priority_updated", "reopened"],
        ),
        (SourceKind::Generic, "firing", &["acknowledged"]),
        (SourceKind::Alertmanager, "firing", &["several", "truncated"]),
    ] {
        let key = &alerts(&source(kind), fixture(kind, begin))[0].key;
        for other in others {
            for alert in alerts(&source(kind), fixture(kind, other)) {
                assert_eq!(&alert.key, key, "{kind} {other}");
            }
        }
    }
}

#[test]
fn a_resolve_beside_something_cut_or_unread_is_marked_as_incomplete() {
    let source = source(SourceKind::Alertmanager);
    let cut = alerts(&source, fixture(SourceKind::Alertmanager, "truncated"));
    assert!(cut.iter().all(|a| a.truncated && a.state == AlertState::Resolved));
    let body = fixture(SourceKind::Alertmanager, "unknown_status");
    match read(&source, &body).unwrap() {
        Parsed::Partly { alerts, .. } => assert!(alerts.iter().all(|alert| alert.truncated)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unknown_extra_fields_change_nothing_that_matters() {
    for kind in SourceKind::ALL {
        let known = alerts(&source(kind), fixture(kind, "firing"));
        let unknown = alerts(&source(kind), fixture(kind, "unknown_fields"));
        assert_eq!(known.len(), unknown.len());
        for (known, unknown) in known.iter().zip(&unknown) {
            assert_eq!(
                (&known.key, &known.id, &known.title, known.state),
                (&unknown.key, &unknown.id, &unknown.title, unknown.state)
            );
        }
    }
}

#[test]
fn reading_the_same_body_twice_gives_the_same() {
    for kind in SourceKind::ALL {
        for (name, body) in fixtures_of(kind) {
            assert_eq!(read(&source(kind), &body), read(&source(kind), &body), "{kind} {name}");
        }
    }
}

#[test]
fn a_test_button_opens_nothing_unless_it_shall() {
    for (kind, name) in [
        (SourceKind::Grafana, "test_button"),
        (SourceKind::Grafana, "legacy_test_button"),
        (SourceKind::Generic, "test_button"),
    ] {
        let body = fixture(kind, name);
        assert!(matches!(read(&source(kind), &body), Ok(Parsed::Ignored { .. })), "{kind}");
        let open = Source { open_tests: true, ..source(kind) };
        assert!(alerts(&open, &body).iter().all(|alert| alert.test));
    }
    let ping = fixture(SourceKind::Pagerduty, "test_button");
    let open = Source { open_tests: true, ..source(SourceKind::Pagerduty) };
    assert!(matches!(read(&open, &ping), Ok(Parsed::Ignored { .. })));
}

#[test]
fn samples_to_send_are_read_back_as_a_severity_1_that_begins_now() {
    for kind in SourceKind::ALL {
        let source = source(kind);
        let [begin] = &alerts(&source, kind.sample(now(), "first"))[..] else { panic!("{kind}") };
        assert_eq!(
            (begin.state, begin.severity, begin.started_at),
            (AlertState::Firing, Severity::Sev1, Some(now())),
            "{kind}"
        );
        let end = &alerts(&source, kind.sample_resolved(now(), "first"))[0];
        assert_eq!(
            (&end.key, &end.id, end.state, end.ended_at),
            (&begin.key, &begin.id, AlertState::Resolved, Some(now())),
            "{kind}"
        );
        let other = &alerts(&source, kind.sample(now(), "second"))[0];
        assert_ne!(other.key, begin.key, "{kind}");
    }
}

#[test]
fn one_incident_per_alert_gives_each_its_own_key() {
    for kind in [SourceKind::Alertmanager, SourceKind::Grafana] {
        let body = fixture(kind, "several");
        let keys = |source: &Source| -> BTreeSet<_> {
            alerts(source, &body).into_iter().map(|alert| alert.key).collect()
        };
        assert_eq!(keys(&source(kind)).len(), 1, "{kind}");
        let each = Source { incident_per: IncidentPer::Alert, ..source(kind) };
        assert_eq!(keys(&each).len(), 3, "{kind}");
    }
}

#[test]
fn a_group_keeps_its_key_when_its_members_change() {
    let source = source(SourceKind::Alertmanager);
    let one = alerts(&source, fixture(SourceKind::Alertmanager, "firing"));
    let three = alerts(&source, fixture(SourceKind::Alertmanager, "several"));
    assert!(three.iter().all(|alert| alert.key == one[0].key));
}

#[test]
fn generic_keys_of_different_sources_stay_apart() {
    let body = fixture(SourceKind::Generic, "firing");
    let other = Source { name: "other".to_owned(), ..source(SourceKind::Generic) };
    assert_ne!(alerts(&source(SourceKind::Generic), &body)[0].key, alerts(&other, &body)[0].key);
}

#[test]
fn a_senders_clock_that_runs_ahead_does_not_reach_us() {
    let body = br#"{"event": "resolved", "dedup_key": "k", "started_at": "2027-01-01T00:00:00Z", "ended_at": 1900000000}"#;
    let alert = &alerts(&source(SourceKind::Generic), body.as_slice())[0];
    assert_eq!((alert.started_at, alert.ended_at), (Some(now()), Some(now())));
}

#[test]
fn times_are_read_as_tools_write_them() {
    let began = |time: &str| {
        let body = format!(r#"{{"event": "triggered", "dedup_key": "k", "started_at": {time}}}"#);
        alerts(&source(SourceKind::Generic), body.as_bytes())[0].started_at
    };
    let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    for time in [
        r#""2026-02-03T10:00:00Z""#,
        r#""2026-02-03T12:00:00+02:00""#,
        r#""2026-02-03T12:00:00.000+0200""#,
        r#""2026-02-03T12:00:00+0200""#,
        r#""2026-02-03 10:00:00Z""#,
        "1770112800",
        r#""1770112800""#,
        "1770112800000",
        "1770112800000000",
        "1770112800000000000",
    ] {
        assert_eq!(began(time), at("2026-02-03T10:00:00Z"), "{time}");
    }
    assert_eq!(began("1770112800.25"), at("2026-02-03T10:00:00.25Z"));
    for time in [
        "null",
        "0",
        "-1",
        r#""""#,
        r#""0001-01-01T00:00:00Z""#,
        r#""2026-02-03 10:00:00""#,
        r#""soon""#,
        "[1]",
        "1e300",
        r#""1770112800.x""#,
    ] {
        assert_eq!(began(time), None, "{time}");
    }
}

#[test]
fn deep_long_and_senseless_bodies_are_refused_quickly() {
    let deep = "[".repeat(1_000_000);
    let deep_closed = format!("{deep}{}", "]".repeat(1_000_000));
    let inside = format!(r#"{{"alerts": {deep_closed}, "event": {deep_closed}}}"#);
    let in_text = format!(r#"{{"a": {}}}"#, Value::String("[".repeat(500_000)));
    let garbage: Vec<u8> =
        (0..1_048_576_u32).map(|i| u8::try_from(i.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
    for kind in SourceKind::ALL {
        let source = source(kind);
        for body in [
            deep.as_bytes(),
            deep_closed.as_bytes(),
            inside.as_bytes(),
            &garbage,
            b"",
            b"null",
            b"\"text\"",
            b"7",
            b"{}",
            b"{\"alerts\": null}",
        ] {
            assert!(read(&source, body).is_err(), "{kind}");
        }
        assert!(read(&source, in_text.as_bytes()).is_err(), "{kind}");
    }
    let by_path = Source {
        fields: Some(FieldPaths { each: Some("a.0".parse().unwrap()), ..checks() }),
        ..source(SourceKind::Generic)
    };
    assert!(read(&by_path, in_text.as_bytes()).is_err());
}

#[test]
fn a_list_without_alerts_is_nothing_to_act_upon() {
    for (kind, body) in [
        (SourceKind::Alertmanager, r#"{"alerts": []}"#),
        (SourceKind::Grafana, r#"{"alerts": []}"#),
        (SourceKind::Generic, "[]"),
        (SourceKind::Generic, r#"{"alerts": []}"#),
    ] {
        assert!(matches!(read(&source(kind), body.as_bytes()), Ok(Parsed::Ignored { .. })), "{kind}");
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let mut body = b"\xef\xbb\xbf".to_vec();
    body.extend(fixture(SourceKind::Generic, "firing").body);
    assert_eq!(alerts(&source(SourceKind::Generic), &body).len(), 1);
}

fn any_fixture() -> impl Strategy<Value = (Source, Sent)> {
    let mut all: Vec<(SourceKind, Sent)> = Vec::new();
    for kind in SourceKind::ALL {
        all.extend(fixtures_of(kind).into_values().map(|body| (kind, body)));
    }
    (prop::sample::select(all), any::<[bool; 3]>()).prop_map(|((kind, body), [per_alert, tests, paths])| {
        let mut source = source(kind);
        source.open_tests = tests;
        if per_alert {
            source.incident_per = IncidentPer::Alert;
        }
        if paths && kind == SourceKind::Generic {
            source.fields = Some(checks());
        }
        (source, body)
    })
}

/// Puts `with` in the place of the `nth` node of a document, counted from its root.
fn replace(value: &mut Value, nth: &mut usize, with: &Value) -> bool {
    if *nth == 0 {
        value.clone_from(with);
        return true;
    }
    *nth -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| replace(item, nth, with)),
        Value::Object(fields) => fields.values_mut().any(|field| replace(field, nth, with)),
        _ => false,
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

const MARK: &str = "b0dy-t3xt";

proptest! {
    #[test]
    fn cut_and_damaged_bodies_never_panic(
        (source, sent) in any_fixture(),
        cut in any::<Index>(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
    ) {
        let _ = read(&source, sent.with_body(&sent.body[..cut.index(sent.body.len() + 1)]));
        let mut damaged = sent;
        for (place, byte) in damage {
            let place = place.index(damaged.body.len());
            damaged.body[place] = byte;
        }
        prop_assert_eq!(read(&source, &damaged), read(&source, &damaged));
    }

    #[test]
    fn whatever_stands_anywhere_is_read_or_named_but_never_repeated(
        (source, sent) in any_fixture(),
        place in any::<Index>(),
        with in prop::sample::select(vec![
            json!(MARK), json!([MARK]), json!({ MARK: MARK }), json!({ "type": MARK, "data": { "id": MARK } }),
            json!(null), json!(true), json!(-1), json!(1e300), json!(u64::MAX), json!([[[]]]), json!(""), json!({}),
            json!(format!("[{{\"{MARK}\": 1}}]")),
        ]),
    ) {
        let Ok(mut document) = serde_json::from_slice::<Value>(&sent.body) else {
            return Ok(());
        };
        let mut nth = place.index(count(&document));
        prop_assert!(replace(&mut document, &mut nth, &with));
        let said = match read(&source, sent.with_body(document.to_string().as_bytes())) {
            Ok(Parsed::Alerts(alerts)) => {
                prop_assert!(!alerts.is_empty());
                String::new()
            }
            Ok(Parsed::Partly { alerts, unread }) => {
                prop_assert!(!alerts.is_empty());
                unread.why
            }
            Ok(Parsed::Ignored { reason }) => reason,
            Err(e) => e.why,
        };
        prop_assert!(!said.contains(MARK), "{}", said);
    }
}
