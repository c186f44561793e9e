//! How sources prove themselves, and where secrets come from.

use secrecy::ExposeSecret;
use warroom::config::{Loaded, Strictness};
use warroom::signature::{Before, Scheme};

use super::{Files, GOOD_CONFIG, GOOD_ROSTER, config_says, with};

#[test]
fn unverified_sources_are_refused_where_anybody_can_reach_them() {
    let insecure = with("{ bearer: bearer-token-0123456789 }", "insecure");
    assert!(config_says(&insecure)[0].contains("is `insecure`, which is refused"));
    let near = format!("server: {{ listen: \"127.0.0.1:8080\" }}\n{insecure}");
    assert_eq!(config_says(&near), Vec::<String>::new());
    let none = with("    verify: { bearer: bearer-token-0123456789 }\n", "");
    assert!(config_says(&none)[0].contains("`sources.prometheus` needs `verify`"));
    let empty = with("{ bearer: bearer-token-0123456789 }", "{}");
    assert!(config_says(&empty)[0].contains("`sources.prometheus.verify` is empty"));
}

#[test]
fn every_way_to_verify_is_understood() {
    let secret = "0123456789abcdef0123";
    let signed = format!(
        "{{ secrets: [{secret}], header: X-Sig, encoding: base64, prefix: \"v0=\", timestamp_header: X-Time, separator: \".\", tolerance: 1m }}"
    );
    let scheme = |kind: &str, verify: &str| {
        let config = with("{ bearer: bearer-token-0123456789 }", verify)
            .replace("kind: alertmanager", &format!("kind: {kind}"));
        let loaded =
            Files::new(&config, GOOD_ROSTER).load(Strictness::Serve).unwrap_or_else(|e| panic!("{e}"));
        loaded.config.sources["prometheus"].verifier.clone()
    };
    assert!(
        matches!(scheme("alertmanager", &format!("{{ bearer: [{secret}, {secret}2] }}")).scheme, Scheme::Bearer { secrets } if secrets.len() == 2)
    );
    assert!(
        matches!(scheme("alertmanager", &format!("{{ basic: {{ user: am, password: {secret} }} }}")).scheme, Scheme::Basic { user, .. } if user == "am")
    );
    assert!(
        matches!(scheme("generic", &format!("{{ header: {{ name: X-Token, secret: {secret} }} }}")).scheme, Scheme::Header { name, .. } if name == "x-token")
    );
    assert!(
        matches!(scheme("generic", &format!("{{ query: {{ name: token, secret: {secret} }} }}")).scheme, Scheme::Query { name, .. } if name == "token")
    );
    assert!(matches!(scheme("pagerduty", &format!("{{ hmac: {secret} }}")).scheme, Scheme::PagerDuty { .. }));
    assert!(
        matches!(scheme("grafana", &format!("{{ hmac: {secret} }}")).scheme, Scheme::Hmac { header, prefix: None, timestamp: None, .. } if header == "x-grafana-alerting-signature")
    );
    assert!(
        matches!(scheme("generic", &format!("{{ hmac: {secret} }}")).scheme, Scheme::Hmac { header, prefix: Some(prefix), .. } if header == "x-hub-signature-256" && prefix == "sha256=")
    );
    let timed =
        format!("{{ hmac: {{ secrets: [{secret}], timestamp_header: X-Grafana-Alerting-Timestamp }} }}");
    assert!(
        matches!(scheme("grafana", &timed).scheme, Scheme::Hmac { header, timestamp: Some(time), .. } if header == "x-grafana-alerting-signature" && time.before == Before::Body(":".to_owned()))
    );
    let own = scheme("alertmanager", &format!("{{ hmac: {signed} }}"));
    assert_eq!(own.tolerance, warroom::clock::SignedDuration::from_mins(1));
    assert!(
        matches!(own.scheme, Scheme::Hmac { header, prefix: Some(prefix), timestamp: Some(time), .. } if header == "x-sig" && prefix == "v0=" && time.before == Before::Body(".".to_owned()))
    );
    let keyed = format!(
        "{{ hmac: {{ secrets: [{secret}], header: X-Sig, timestamp_header: X-Time, timestamp_before: secret }} }}"
    );
    assert!(
        matches!(scheme("generic", &keyed).scheme, Scheme::Hmac { timestamp: Some(time), .. } if time.before == Before::Secret)
    );
    let items = format!("{{ hmac: {{ secrets: [{secret}], header: X-Sig, signature_item: v0 }} }}");
    assert!(
        matches!(scheme("generic", &items).scheme, Scheme::HmacItems { header, time, signature, separator, .. } if header == "x-sig" && time == "t" && signature == "v0" && separator == ".")
    );
    // What a tool does otherwise than most stays when only the rest is spelled out.
    let items = format!("{{ hmac: {{ secrets: [{secret}], signature_item: v1 }} }}");
    assert!(
        matches!(scheme("rootly", &items).scheme, Scheme::HmacItems { header, separator, .. } if header == "x-rootly-signature" && separator.is_empty())
    );
    assert!(
        matches!(scheme("generic", &format!("{{ form_field: {{ name: Token, secret: {secret} }} }}")).scheme, Scheme::FormField { name, .. } if name == "Token")
    );
    assert!(matches!(
        scheme("generic", "{ standard_webhooks: whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM= }").scheme,
        Scheme::StandardWebhooks { .. }
    ));
}

#[test]
fn a_verifier_that_cannot_work_is_an_error() {
    let verify = |text: &str| config_says(&with("{ bearer: bearer-token-0123456789 }", text));
    let says = |text: &str, part: &str| {
        let found = verify(text);
        assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:#?}");
    };
    says("{ hmac: 0123456789abcdef0123 }", "alertmanager does not sign its requests");
    says("{ hmac: { secrets: [ 0123456789abcdef0123 ] } }", "needs `header`");
    says("{ hmac: { secrets: [ 0123456789abcdef0123 ], timestamp_item: t } }", "needs `header`");
    says(
        "{ hmac: { secrets: [ 0123456789abcdef0123 ], header: X-Sig, timestamp_item: t, signature_item: t } }",
        "two different names",
    );
    says("{ standard_webhooks: \"not base64, not at all\" }", "whsec_");
    // It may be a public key that lost its `whpk_`, and then everybody could sign.
    says("{ standard_webhooks: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= }", "is not `whsec_`");
    says("{ bearer: [] }", "is an empty list");
    says("{ bearer: \"\" }", "is empty");
    says("{ bearer: { env: EMPTY_TOKEN } }", "EMPTY_TOKEN is set to nothing");
    says("{ bearer: { env: NOT_SET } }", "the environment variable NOT_SET is not set");
    says("{ bearer: { env: my-secret-itself } }", "is not the name of an environment variable");
    says("{ bearer: { env: SET_TOKEN, file: x } }", "names both `env` and `file`");
    says("{ header: { name: \"no good\", secret: 0123456789abcdef0123 } }", "is not a header's name");
    says("{ bearer: { my-secret-by-mistake } }", "must be a secret");
    says("{ tocken: 0123456789abcdef0123 }", "unknown key `tocken`");
    says("yes-please", "does not say how the sender proves itself");
    says("{ bearer: short }", "is shorter than 16 characters");
    says("{ bearer: \"0123456789abc\\ndef0123\" }", "control character");
}

#[test]
fn secrets_come_from_the_environment_or_a_file_with_one_line_break_less() {
    let config = GOOD_CONFIG
        .replace("token-of-instance-one", "{ file: token.txt }")
        .replace("instance-1", "{ env: SET_TOKEN }");
    let files = Files::new(&config, GOOD_ROSTER);
    files.write("token.txt", "from-a-file-0123456789\r\n");
    let instance = files.load(Strictness::Serve).unwrap().config.gateway.instances.remove(0);
    assert_eq!(instance.access_token.expose_secret(), "from-a-file-0123456789");
    assert_eq!(instance.id, "a-token-from-the-environment");
    files.write("token.txt", "two\nlines-of-a-secret\n");
    assert!(files.findings()[0].contains("line break"));
    files.write("token.txt", "\n");
    assert!(files.findings()[0].contains("is empty"));
}

#[test]
fn while_checking_an_unset_secret_is_replaced_by_one_that_nobody_can_guess() {
    let config = GOOD_CONFIG.replace("token-of-instance-one", "{ env: NOT_SET }");
    let files = Files::new(&config, GOOD_ROSTER);
    let token = |l: Loaded| l.config.gateway.instances[0].access_token.expose_secret().to_owned();
    let one = token(files.load(Strictness::Check).unwrap());
    let other = token(files.load(Strictness::Check).unwrap());
    assert!(one.len() >= 32 && one != other);
    assert!(files.load(Strictness::Serve).is_err());
}
