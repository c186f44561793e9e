//! How the gateway's own events are proven.

use warroom::config::Strictness;
use warroom::signature::{Digest, Scheme};

use super::{Files, GOOD_CONFIG, GOOD_ROSTER, config_says};

/// The good config with these `events` for its first number.
fn with_events(events: &str) -> String {
    GOOD_CONFIG.replacen("      access_token:", &format!("      events: {events}\n      access_token:"), 1)
}

fn schemes(events: &str) -> Vec<Scheme> {
    let files = Files::new(&with_events(events), GOOD_ROSTER);
    let loaded = files.load(Strictness::Serve).unwrap_or_else(|e| panic!("{e}"));
    loaded.config.gateway.instances[0].events.iter().map(|v| v.scheme.clone()).collect()
}

#[test]
fn a_secret_in_the_address_a_signature_or_both_can_be_asked_for() {
    let one = "0123456789abcdef0123";
    assert!(
        matches!(&schemes(&format!("{{ secret: {one} }}"))[..], [Scheme::Query { name, secrets }] if name == "secret" && secrets.len() == 1)
    );
    assert!(matches!(
        &schemes(&format!("{{ hmac: [ {one}, {one}2 ] }}"))[..],
        [Scheme::Waha { secrets, algorithm: Digest::Sha512 }] if secrets.len() == 2
    ));
    assert!(matches!(
        &schemes(&format!("{{ hmac: {one}, algorithm: sha256, secret: {one} }}"))[..],
        [Scheme::Query { .. }, Scheme::Waha { algorithm: Digest::Sha256, .. }]
    ));
    let files = Files::new(GOOD_CONFIG, GOOD_ROSTER);
    let loaded = files.load(Strictness::Serve).unwrap();
    assert!(loaded.config.gateway.instances[0].events.is_empty(), "nothing is taken unless it is asked for");
}

#[test]
fn what_cannot_work_is_a_finding() {
    for (events, finding) in [
        ("{}", "events` is empty"),
        ("{ algorithm: sha512 }", "needs `hmac`"),
        ("{ hmac: 0123456789abcdef0123, algorithm: md5 }", "must be `sha512` or `sha256`"),
        ("{ secret: [] }", "is an empty list"),
        ("{ secrte: 0123456789abcdef0123 }", "secrte"),
        ("{ secret: short }", "is shorter than 16"),
        ("a-secret-at-the-wrong-place", "must be a map"),
    ] {
        let found = config_says(&with_events(events));
        assert!(found.iter().any(|f| f.contains(finding)), "{events}: {found:#?}");
        assert!(!format!("{found:?}").contains("0123456789abcdef0123"), "{found:#?}");
        assert!(!format!("{found:?}").contains("a-secret-at-the-wrong-place"), "{found:#?}");
    }
}
