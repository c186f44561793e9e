//! `warroom sources`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use warroom::cli::sources;
use warroom::config::Colours;
use warroom::source::SourceKind;

fn listed(config: Option<&Path>, json: bool) -> (u8, String) {
    let mut out = Vec::new();
    let code =
        sources::run(config, &|_| None, json, Colours::No, "2026-03-01T10:00:00Z".parse().unwrap(), &mut out)
            .unwrap();
    (code, String::from_utf8(out).unwrap())
}

#[test]
fn every_kind_is_listed_with_what_it_can_prove() {
    let (code, text) = listed(None, false);
    assert_eq!(code, 0);
    insta::assert_snapshot!("kinds", text);
    let (_, json) = listed(None, true);
    let listing: Value = serde_json::from_str(&json).unwrap();
    let kinds: BTreeSet<&str> =
        listing["kinds"].as_array().unwrap().iter().map(|kind| kind["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, SourceKind::ALL.iter().map(|kind| kind.as_str()).collect());
    assert!(listing.get("configured").is_none());
}

#[test]
fn with_a_config_its_sources_are_listed_without_their_secrets() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("warroom.yaml");
    let shipped =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/roster.yaml")).unwrap();
    std::fs::write(folder.path().join("roster.yaml"), shipped).unwrap();
    let config = "server: { listen: 127.0.0.1:8080, admin: 127.0.0.1:9090 }
roster: roster.yaml
gateway: { kind: wawp, instances: [ { id: abc, access_token: tok } ] }
sources:
  aws:
    kind: sns
    verify:
      sns:
        topics: [ 'arn:aws:sns:eu-central-1:123456789012:sev1' ]
        raw: { query: { name: token, secret: hidden-one } }
  prom: { kind: prometheus, verify: { bearer: [ hidden-two, hidden-three ] } }
";
    std::fs::write(&path, config).unwrap();
    let (code, text) = listed(Some(&path), false);
    assert_eq!(code, 0, "{text}");
    let configured = text.split("\n\n").nth(1).unwrap();
    insta::assert_snapshot!("configured", configured);
    let (_, json) = listed(Some(&path), true);
    assert!(![&text, &json].iter().any(|text| text.contains("hidden")), "{text}{json}");
    assert_eq!(
        serde_json::from_str::<Value>(&json).unwrap()["configured"][1]["path"],
        "/hooks/prom/api/v2/alerts"
    );
    std::fs::write(&path, "sources: {}\n").unwrap();
    let (code, text) = listed(Some(&path), false);
    assert_eq!(code, 1, "{text}");
}
