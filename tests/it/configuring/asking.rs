//! `warroom who`: the roster's answer without an incident.

use std::sync::Arc;
use warroom::alert::Severity;
use warroom::cli::who;
use warroom::config::{Colours, StoreAddress, Strictness};
use warroom::consent::Verdict;
use warroom::gateway::Whom;
use warroom::store::sqlite::Sqlite;
use warroom::store::{Heard, Store};

use super::{Files, GOOD_CONFIG, GOOD_ROSTER, now, question, set, shipped};

fn ask(labels: &[(&str, &str)], severity: Severity, json: bool) -> String {
    let question = who::Question {
        labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        severity,
        assignees: Vec::new(),
        at: now(),
        now: now(),
        render: false,
        json,
    };
    let mut out = Vec::new();
    let code = who::run(&shipped(), &|_| None, &question, Colours::No, &mut out).unwrap();
    assert_eq!(code, 0);
    String::from_utf8(out).unwrap()
}

#[test]
fn who_is_called_and_why() {
    insta::assert_snapshot!(ask(&[("client", "acme"), ("environment", "production")], Severity::Sev1, false));
}

#[test]
fn who_says_that_a_lesser_severity_opens_no_room() {
    let answer = ask(&[("client", "other")], Severity::Sev2, false);
    assert!(answer.contains("route    fallback (no route matched)"), "{answer}");
    assert!(answer.contains("severity sev2 opens no room"), "{answer}");
}

#[test]
fn a_program_gets_the_same_answer_without_full_numbers() {
    let answer: serde_json::Value = serde_json::from_str(&ask(
        &[("client", "acme"), ("environment", "production")],
        Severity::Sev1,
        true,
    ))
    .unwrap();
    assert_eq!(answer["route"], "acme production");
    assert_eq!(answer["opens_a_room"], true);
    assert_eq!(answer["people"][0]["role"], "commander");
    assert_eq!(answer["people"][0]["number"], "…03");
    assert_eq!(answer["size"], 20);
    let quorum = &answer["quorum"];
    assert_eq!((&quorum["within"], &quorum["step"]), (&"5m".into(), &"2m".into()));
    assert_eq!(quorum["roles"][0]["role"], "commander");
    assert_eq!(quorum["roles"][0]["stand_ins"][0]["person"], "jonas");
    assert_eq!(quorum["otherwise"][0]["person"], "noor");
    assert!(!answer.to_string().contains("1555010"));
}

#[test]
fn who_with_wrong_files_shows_what_is_wrong() {
    let files = Files::new("nonsense: 1\n", GOOD_ROSTER);
    let question = question(&[], false);
    let mut out = Vec::new();
    let code = who::run(&files.config(), &set, &question, Colours::No, &mut out).unwrap();
    assert_eq!(code, 1);
    assert!(String::from_utf8(out).unwrap().contains("unknown key `nonsense`"));
    let mut out = Vec::new();
    let question = who::Question { json: true, ..question };
    assert_eq!(who::run(&files.config(), &set, &question, Colours::No, &mut out).unwrap(), 1);
    let findings: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert!(findings.to_string().contains("unknown key `nonsense`"), "{findings}");
}

#[test]
fn who_marks_people_by_what_they_answered_themselves() {
    let files = Files::new(GOOD_CONFIG, GOOD_ROSTER);
    let StoreAddress::Sqlite(path) = files.load(Strictness::Serve).unwrap().config.store else { panic!() };
    let roster = files.load(Strictness::Serve).unwrap().roster;
    let ask = |json: bool| {
        let mut out = Vec::new();
        assert_eq!(who::run(&files.config(), &set, &question(&[], json), Colours::No, &mut out).unwrap(), 0);
        String::from_utf8(out).unwrap()
    };
    let before = ask(false);
    assert!(!before.contains("STOP") && !path.exists(), "{before}");
    let called: serde_json::Value = serde_json::from_str(&ask(true)).unwrap();
    let key = called["people"][0]["person"].as_str().unwrap().to_owned();
    let heard = Heard {
        id: None,
        from: Whom { phone: Some(roster.people[&key].jid.clone()), hidden: None },
        person: Some(key.clone()),
        verdict: Verdict::Stop,
        at: now(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = Store::over(Arc::new(Sqlite::open(&path).unwrap()));
    runtime.block_on(store.take_answers("main", vec![heard], now())).unwrap();
    drop(store);
    let after = ask(false);
    assert!(after.contains(&format!("({key}, ")) && after.contains("said STOP on 2026-"), "{after}");
    let called: serde_json::Value = serde_json::from_str(&ask(true)).unwrap();
    assert_eq!(called["people"][0]["stopped"], now().to_string());
}

#[test]
fn what_the_people_would_read_can_be_seen_before() {
    let labels = [("client", "acme"), ("environment", "production"), ("title", "Checkout answers 502")];
    let question = who::Question {
        labels: labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        severity: Severity::Sev1,
        assignees: vec!["noor@ops.example".to_owned()],
        at: now(),
        now: now(),
        render: true,
        json: false,
    };
    let mut out = Vec::new();
    assert_eq!(who::run(&shipped(), &|_| None, &question, Colours::No, &mut out).unwrap(), 0);
    let said = String::from_utf8(out).unwrap();
    assert!(said.contains("name\n  | INCIDENT-1 | Checkout answers 502"), "{said}");
    assert!(said.contains("first message\n  | "), "{said}");
    assert!(said.contains("Mei Tanaka"), "{said}");
    assert!(said.contains("description\n  | "), "{said}");
}
