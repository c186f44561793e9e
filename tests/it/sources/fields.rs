//! Bodies that are not our own JSON, read by configured paths.

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use warroom::alert::AlertState;
use warroom::source::{FieldPaths, Parsed, Source, SourceKind, StateField};

use super::{alerts, outcome, read, source};

pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Paths for bodies like those of a website checker.
pub(super) fn checks() -> FieldPaths {
    FieldPaths {
        each: None,
        key: "check.id".parse().unwrap(),
        condition: None,
        state: StateField {
            path: "event".parse().unwrap(),
            firing: words(&["check.down"]),
            acknowledged: words(&["check.muted"]),
            resolved: words(&["check.up"]),
            otherwise: None,
        },
        severity: Some("/check/level".parse().unwrap()),
        title: Some("check.name".parse().unwrap()),
        description: Some("outage.error".parse().unwrap()),
        url: Some("check.url".parse().unwrap()),
        started_at: Some("outage.since".parse().unwrap()),
        labels: [
            ("client".to_owned(), "check.owner.client".parse().unwrap()),
            ("tags".to_owned(), "check.tags".parse().unwrap()),
            ("absent".to_owned(), "check.nothing".parse().unwrap()),
        ]
        .into(),
        test: Some("try".parse().unwrap()),
    }
}

fn by_fields(fields: FieldPaths) -> Source {
    Source { fields: Some(fields), ..source(SourceKind::Generic) }
}

fn check(event: &str) -> Value {
    json!({
        "event": event,
        "check": {
            "id": 8812, "name": "Shop front page", "url": "https://shop.acme.example/", "level": "P1",
            "owner.client": "acme", "tags": ["shop", 7, null],
        },
        "outage": { "error": "502 Bad Gateway", "since": 1_772_618_400 },
    })
}

#[test]
fn anybodys_json_is_read_by_configured_paths() {
    let body = json!([check("check.down"), check("CHECK.UP"), check("check.muted")]).to_string();
    assert_json_snapshot!("fields", outcome(read(&by_fields(checks()), body.as_bytes())));
    let alone = check("check.down").to_string();
    assert_eq!(alerts(&by_fields(checks()), alone.as_bytes()).len(), 1);
}

#[test]
fn the_list_may_be_anywhere_even_inside_a_text() {
    let fields = FieldPaths { each: Some("payload.checks".parse().unwrap()), ..checks() };
    let list = json!([check("check.down"), check("check.down")]);
    for body in [
        json!({ "payload": { "checks": list } }),
        json!({ "payload.checks": list }),
        json!({ "payload": json!({ "checks": list }).to_string() }),
        json!({ "payload": { "checks": list.to_string() } }),
    ] {
        let body = body.to_string();
        assert_eq!(alerts(&by_fields(fields.clone()), body.as_bytes()).len(), 2, "{body}");
    }
    for (body, why) in [
        (json!({}), "nothing at `payload.checks`, where the list should be"),
        (json!({ "payload": { "checks": "x" } }), "no list at `payload.checks`"),
        (json!({ "payload": { "checks": {} } }), "no list at `payload.checks`"),
    ] {
        let error = read(&by_fields(fields.clone()), body.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.why, why);
    }
}

#[test]
fn a_state_is_never_guessed() {
    let odd = check("check.odd").to_string();
    let why = read(&by_fields(checks()), odd.as_bytes()).unwrap_err().why;
    assert_eq!(why, "what is at `event` is none of the configured states");
    let mut absent = check("x");
    absent["event"] = Value::Null;
    let absent = absent.to_string();
    let why = read(&by_fields(checks()), absent.as_bytes()).unwrap_err().why;
    assert_eq!(why, "nothing at `event`, where the state should be");
    let mut lenient = checks();
    lenient.state.otherwise = Some(AlertState::Firing);
    for body in [odd, absent] {
        assert_eq!(alerts(&by_fields(lenient.clone()), body.as_bytes())[0].state, AlertState::Firing);
    }
}

#[test]
fn one_odd_item_does_not_cost_the_others() {
    let mut keyless = check("check.down");
    keyless["check"]["id"] = json!({});
    let body = json!([check("check.down"), keyless, check("check.odd")]).to_string();
    match read(&by_fields(checks()), body.as_bytes()).unwrap() {
        Parsed::Partly { alerts, unread } => {
            assert_eq!(alerts.len(), 1);
            assert_eq!(unread.why, "item 1: nothing at `check.id`, where the key should be");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn booleans_and_numbers_can_be_states_and_test_marks() {
    let mut fields = checks();
    fields.state = StateField {
        path: "down".parse().unwrap(),
        firing: words(&["true", "1"]),
        acknowledged: vec![],
        resolved: words(&["FALSE", "0"]),
        otherwise: None,
    };
    for (down, state) in [
        (json!(true), AlertState::Firing),
        (json!("1"), AlertState::Firing),
        (json!(0), AlertState::Resolved),
        (json!(false), AlertState::Resolved),
    ] {
        let mut body = check("x");
        body["down"] = down;
        let body = body.to_string();
        assert_eq!(alerts(&by_fields(fields.clone()), body.as_bytes())[0].state, state);
    }
    let mut body = check("check.down");
    body["try"] = json!("YES");
    assert!(matches!(read(&by_fields(checks()), body.to_string().as_bytes()), Ok(Parsed::Ignored { .. })));
}
