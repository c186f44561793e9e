//! What the operator writes: the shipped files, and every way in which such files can be wrong.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;
use warroom::alert::Severity;
use warroom::cli::{check, who};
use warroom::clock::Timestamp;
use warroom::config::{self, Colours, Findings, Loaded, StoreAddress, Strictness};
use warroom::signature::Scheme;

const GOOD_CONFIG: &str = "\
gateway:
  instances:
    - id: instance-1
      access_token: token-of-instance-one
sources:
  prometheus:
    kind: alertmanager
    verify: { bearer: bearer-token-0123456789 }
";

const GOOD_ROSTER: &str = "\
people:
  mei: { name: Mei Tanaka, phone: \"+15550100103\", introduced: true }
fallback:
  invite: { commander: mei }
";

fn now() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

/// Both files in a folder of their own.
struct Files(TempDir);

impl Files {
    fn new(config: &str, roster: &str) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write("warroom.yaml", config);
        files.write("roster.yaml", roster);
        files
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("warroom.yaml")
    }

    fn load(&self, strictness: Strictness) -> Result<Loaded, Findings> {
        config::load(&self.config(), &set, strictness)
    }

    /// Text for comparing, without the folder that differs from run to run.
    fn tidy(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.0.path().display()), "")
    }

    /// All findings on one line each.
    fn findings(&self) -> Vec<String> {
        let findings = match self.load(Strictness::Serve) {
            Ok(loaded) => loaded.warnings,
            Err(findings) => findings,
        };
        findings.iter().map(|f| self.tidy(&f.to_string())).collect()
    }

    fn check(&self) -> (u8, String) {
        let mut out = Vec::new();
        let code = check::run(&self.config(), &set, now(), Colours::No, &mut out).unwrap();
        (code, self.tidy(&String::from_utf8(out).unwrap()))
    }
}

/// The environment of these tests.
fn set(name: &str) -> Option<String> {
    match name {
        "SET_TOKEN" => Some("a-token-from-the-environment".to_owned()),
        "EMPTY_TOKEN" => Some(String::new()),
        _ => None,
    }
}

/// What `config` instead of the good one leads to.
fn config_says(config: &str) -> Vec<String> {
    Files::new(config, GOOD_ROSTER).findings()
}

/// What `roster` instead of the good one leads to.
fn roster_says(roster: &str) -> Vec<String> {
    Files::new(GOOD_CONFIG, roster).findings()
}

/// The good config with something else in it.
fn with(from: &str, to: &str) -> String {
    assert!(GOOD_CONFIG.contains(from), "{from}");
    GOOD_CONFIG.replacen(from, to, 1)
}

#[track_caller]
fn assert_only(found: &[String], expected: &str) {
    assert_eq!(found, [expected]);
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/warroom.yaml")
}

#[test]
fn the_good_files_of_these_tests_have_no_findings() {
    assert_eq!(
        Files::new(GOOD_CONFIG, GOOD_ROSTER).findings(),
        Vec::<String>::new()
    );
}

#[test]
fn the_shipped_files_can_be_checked_with_nothing_set() {
    let mut out = Vec::new();
    let code = check::run(&shipped(), &|_| None, now(), Colours::No, &mut out).unwrap();
    let folder = format!("{}/", shipped().parent().unwrap().display());
    insta::assert_snapshot!(String::from_utf8(out).unwrap().replace(&folder, ""));
    assert_eq!(code, 0);
}

#[test]
fn the_shipped_files_serve_once_their_secrets_are_set_and_not_before() {
    // Standard Webhooks takes base64 only.
    let set = |name: &str| Some(format!("whsec_{}", hex_of(name)));
    let loaded = config::load(&shipped(), &set, Strictness::Serve).unwrap();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert_eq!(loaded.config.sources.len(), 4);

    let refused = config::load(&shipped(), &|_| None, Strictness::Serve).unwrap_err();
    assert_eq!(refused.len(), 7, "{refused}");
    assert!(refused.iter().all(|f| f.message.contains("is not set")));
}

fn hex_of(name: &str) -> String {
    let hex: String = name.bytes().map(|b| format!("{b:02x}")).collect();
    hex.repeat(4).chars().take(64).collect()
}

/// Each commented key of the shipped file shows the value that counts without it: taking the marks away
/// changes nothing.
#[test]
fn the_commented_defaults_of_the_shipped_config_are_the_defaults() {
    let text = fs::read_to_string(shipped()).unwrap();
    let keys = [
        "max_body",
        "header_timeout",
        "body_timeout",
        "stop_grace",
        "credentials",
        "create_path",
        "lease",
        "messages_per_minute",
        "one_to_one_gap",
        "unmapped",
        "incident_per",
        "open_tests",
        "strangers",
        "second_admin",
        "lock_settings",
        "create_attempts",
        "phase_deadline",
    ];
    let mut uncommented = text.clone();
    for key in keys {
        let commented = format!("# {key}: ");
        assert_eq!(text.matches(&commented).count(), 1, "{key}");
        uncommented = uncommented.replace(&commented, &format!("{key}: "));
    }
    let roster = fs::read_to_string(shipped().with_file_name("roster.yaml")).unwrap();
    let before = Files::new(&text, &roster).load(Strictness::Check).unwrap();
    let after = Files::new(&uncommented, &roster).load(Strictness::Check).unwrap();
    assert_eq!(before.config.rooms, after.config.rooms);
    assert_eq!(
        format!("{:?}", before.config.server),
        format!("{:?}", after.config.server)
    );
    let instance = |l: &Loaded| l.config.gateway.instances[0].budget;
    assert_eq!(instance(&before), instance(&after));
    let gateway = |l: &Loaded| {
        let g = &l.config.gateway;
        (
            g.credentials,
            g.create_path.clone(),
            g.call_timeout,
            g.settle,
            g.lease,
        )
    };
    assert_eq!(gateway(&before), gateway(&after));
    let source = |l: &Loaded| {
        let s = &l.config.sources["prometheus"];
        (s.severity.clone(), s.incident_per, s.open_tests)
    };
    assert_eq!(source(&before), source(&after));
}

#[test]
fn all_mistakes_of_both_files_are_told_at_once() {
    let config = "\
server:
  listn: 0.0.0.0:8080
  admin: 0.0.0.0:9090
  max_body: lots
store: postgres://warroom:hunter2-hunter2-hunter2@db/warroom
gateway:
  kind: wawp
  base_url: https://api.wawp.net
  call_timeout: 30
  settle: 20s
  lease: 40s
  instances:
    - id: instance-1
      access_token: { env: NOT_SET_ANYWHERE }
      rooms_per_hour: 12
    - id: instance-1
      acess_token: misspelt-key-but-a-secret
      access_token: { file: not-there.txt }
sources:
  prometheus:
    kind: alertmanger
    verify: { bearer: \"\" }
  pager:
    kind: pagerduty
    verify: insecure
    severity:
      rules:
        - match: [ 'severity' ]
          is: critical
  Gateway!:
    kind: generic
    verify: { bearer: short, hmac: very-secret-very-secret }
rooms:
  open_at: sev0
  name: \"{{ title }}\"
  open_at: sev1
  second_admin: yes
messages:
  welcome: \"{{ title\"
log: [ text ]
";
    let roster = "\
people:
  amira: { name: Amira Haddad, phone: 0171 555 0123, timezone: Asia/Duabi, introduced: true }
  jonas: { name: Jonas Weber, phone: 15550100102 }
  mei: { name: Mei Tanaka, phone: \"+15550100103\", jid: \"15550100103@c.us\" }
  sam: { name: Sam Okafor, phone: \"+15550100104\" }
  lea: { name: Lea Martin, jid: \"15550100104@c.us\" }
rotations:
  platform:
    timezone: Europe/Berlin
    starts: 2026-01-05
    shift: 5 fortnights
    people: [ jonas, mai ]
    overrides: [ { from: 2026-12-27 09:00, until: 2026-12-24 09:00, person: sam } ]
routes:
  - name: acme
    match: [ 'client =~ \"(\"' ]
    invite:
      commander: [ rotation:platfrom ]
      specialist: [ platform ]
    runbook: wiki/acme
";
    let files = Files::new(config, roster);
    let (code, drawn) = files.check();
    assert_eq!(code, 1);
    insta::assert_snapshot!(drawn);
    for secret in [
        "hunter2",
        "misspelt-key",
        "very-secret",
        "short,",
        "555 0123",
        "5550100103",
        "5550100104",
    ] {
        assert!(!drawn.contains(secret), "{secret} is shown");
    }
    let lines = files.findings();
    assert!(
        lines
            .iter()
            .all(|l| l.starts_with("warroom.yaml:") || l.starts_with("roster.yaml")),
        "{lines:#?}"
    );
}

#[test]
fn a_file_that_is_not_well_formed_is_one_finding_beside_those_of_the_other_file() {
    let broken = "server:\n  listen: \"0.0.0.0:8080\ngateway: { access_token: plain-secret-value }\n";
    let files = Files::new(broken, &GOOD_ROSTER.replace("commander: mei", "commander: mai"));
    let found = files.findings();
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("warroom.yaml:2:"), "{}", found[0]);
    assert!(found[0].contains("not well-formed YAML"), "{}", found[0]);
    assert_eq!(
        found[1],
        "roster.yaml:4:24: `fallback.invite.commander` names `mai`, who is not among `people` (did you mean `mei`?)"
    );
    let (code, drawn) = files.check();
    assert_eq!(code, 1);
    assert!(
        !drawn.contains("plain-secret") && !drawn.contains("0.0.0.0"),
        "{drawn}"
    );
}

#[test]
fn files_that_cannot_be_read_are_findings() {
    let files = Files::new(GOOD_CONFIG, GOOD_ROSTER);
    fs::remove_file(files.0.path().join("roster.yaml")).unwrap();
    assert_only(
        &files.findings(),
        "roster.yaml: this file cannot be read: there is no such file (paths in the config are relative to the config file)",
    );
    fs::write(files.config(), b"\xff\xfe").unwrap();
    assert_eq!(files.findings()[0], "warroom.yaml: this file is not UTF-8 text");
    assert_only(
        &config_says("- 1\n"),
        "warroom.yaml:1:1: this file must be a map, not a list",
    );
}

#[test]
fn an_empty_config_says_what_it_needs() {
    let found = config_says("");
    let keys: Vec<bool> = ["gateway", "sources"]
        .iter()
        .map(|key| found.iter().any(|f| f.contains(&format!("`{key}` is missing"))))
        .collect();
    assert_eq!(keys, [true, true], "{found:#?}");
    assert_eq!(found.len(), 2);
}

#[test]
fn everything_has_a_default_but_the_number_and_the_sources() {
    let files = Files::new(GOOD_CONFIG, GOOD_ROSTER);
    let loaded = files.load(Strictness::Serve).unwrap();
    let config = &loaded.config;
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:8080");
    assert!(config.server.admin.ip().is_loopback());
    assert_eq!(
        config.store,
        StoreAddress::Sqlite(files.0.path().join("warroom.db"))
    );
    assert_eq!(config.rooms, warroom::room::policy::Policy::default());
    assert_eq!(config.room_name, config::USUAL_NAME);
    assert_eq!(
        config.gateway.instances[0].budget,
        warroom::pacing::Budget::default()
    );
    assert_eq!(config.gateway.instances[0].name, "number-1");
    assert_eq!(loaded.config_hash.len(), 64);
}

#[test]
fn addresses_and_listeners() {
    let server = |text: &str| config_says(&format!("server: {{ {text} }}\n{GOOD_CONFIG}"));
    assert_only(
        &server("listen: \":8080\""),
        "warroom.yaml:1:19: `server.listen` is not an address: `:8080` (write `0.0.0.0:8080` for all addresses of this machine)",
    );
    assert_only(
        &server("listen: localhost:8080"),
        "warroom.yaml:1:19: `server.listen` is not an address: `localhost:8080` (write `127.0.0.1:8080`)",
    );
    assert_only(
        &server("admin: 0.0.0.0:9090"),
        "warroom.yaml:1:18: `server.admin` is reachable from outside (0.0.0.0), so it needs a token (add `admin_token: { env: WARROOM_ADMIN_TOKEN }`, or listen on 127.0.0.1)",
    );
    assert!(server("admin: 0.0.0.0:9090, admin_token: { env: SET_TOKEN }").is_empty());
    assert_only(
        &server("max_body: 1KiB"),
        "warroom.yaml:1:21: `server.max_body` must be from 256KiB (PagerDuty's largest body) to 64MiB",
    );
    assert_only(
        &server("body_timeout: 0s"),
        "warroom.yaml:1:25: `server.body_timeout` must be from 1s to 5m, not `0s`",
    );
    assert!(server("max_body: 2097152").is_empty());
}

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
        let loaded = Files::new(&config, GOOD_ROSTER)
            .load(Strictness::Serve)
            .unwrap_or_else(|e| panic!("{e}"));
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
    assert!(matches!(
        scheme("pagerduty", &format!("{{ hmac: {secret} }}")).scheme,
        Scheme::PagerDuty { .. }
    ));
    assert!(
        matches!(scheme("grafana", &format!("{{ hmac: {secret} }}")).scheme, Scheme::Hmac { header, prefix: None, timestamp: None, .. } if header == "x-grafana-alerting-signature")
    );
    assert!(
        matches!(scheme("generic", &format!("{{ hmac: {secret} }}")).scheme, Scheme::Hmac { header, prefix: Some(prefix), .. } if header == "x-hub-signature-256" && prefix == "sha256=")
    );
    let timed =
        format!("{{ hmac: {{ secrets: [{secret}], timestamp_header: X-Grafana-Alerting-Timestamp }} }}");
    assert!(
        matches!(scheme("grafana", &timed).scheme, Scheme::Hmac { header, timestamp: Some(time), .. } if header == "x-grafana-alerting-signature" && time.separator == ":")
    );
    let own = scheme("alertmanager", &format!("{{ hmac: {signed} }}"));
    assert_eq!(own.tolerance, warroom::clock::SignedDuration::from_mins(1));
    assert!(
        matches!(own.scheme, Scheme::Hmac { header, prefix: Some(prefix), timestamp: Some(time), .. } if header == "x-sig" && prefix == "v0=" && time.separator == ".")
    );
    assert!(matches!(
        scheme(
            "generic",
            "{ standard_webhooks: whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM= }"
        )
        .scheme,
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
    says(
        "{ hmac: 0123456789abcdef0123 }",
        "alertmanager does not sign its requests",
    );
    says(
        "{ hmac: { secrets: [ 0123456789abcdef0123 ] } }",
        "needs `header`",
    );
    says("{ standard_webhooks: \"not base64, not at all\" }", "whsec_");
    says("{ bearer: [] }", "is an empty list");
    says("{ bearer: \"\" }", "is empty");
    says(
        "{ bearer: { env: EMPTY_TOKEN } }",
        "EMPTY_TOKEN is set to nothing",
    );
    says(
        "{ bearer: { env: NOT_SET } }",
        "the environment variable NOT_SET is not set",
    );
    says(
        "{ bearer: { env: SET_TOKEN, file: x } }",
        "names both `env` and `file`",
    );
    says(
        "{ header: { name: \"no good\", secret: 0123456789abcdef0123 } }",
        "is not a header's name",
    );
    says("{ bearer: { my-secret-by-mistake } }", "must be a secret");
    says("{ tocken: 0123456789abcdef0123 }", "unknown key `tocken`");
    says("yes-please", "does not say how the sender proves itself");
    says("{ bearer: short }", "is shorter than 16 characters");
    says("{ bearer: \"0123456789abc\\ndef0123\" }", "control character");
}

#[test]
fn secrets_come_from_the_environment_or_a_file_with_one_line_break_less() {
    use secrecy::ExposeSecret;
    let config = GOOD_CONFIG
        .replace("token-of-instance-one", "{ file: token.txt }")
        .replace("instance-1", "{ env: SET_TOKEN }");
    let files = Files::new(&config, GOOD_ROSTER);
    files.write("token.txt", "from-a-file-0123456789\r\n");
    let instance = files
        .load(Strictness::Serve)
        .unwrap()
        .config
        .gateway
        .instances
        .remove(0);
    assert_eq!(instance.access_token.expose_secret(), "from-a-file-0123456789");
    assert_eq!(instance.id, "a-token-from-the-environment");
    files.write("token.txt", "two\nlines-of-a-secret\n");
    assert!(files.findings()[0].contains("line break"));
    files.write("token.txt", "\n");
    assert!(files.findings()[0].contains("is empty"));
}

#[test]
fn while_checking_an_unset_secret_is_replaced_by_one_that_nobody_can_guess() {
    use secrecy::ExposeSecret;
    let config = GOOD_CONFIG.replace("token-of-instance-one", "{ env: NOT_SET }");
    let files = Files::new(&config, GOOD_ROSTER);
    let token = |l: Loaded| {
        l.config.gateway.instances[0]
            .access_token
            .expose_secret()
            .to_owned()
    };
    let one = token(files.load(Strictness::Check).unwrap());
    let other = token(files.load(Strictness::Check).unwrap());
    assert!(one.len() >= 32 && one != other);
    assert!(files.load(Strictness::Serve).is_err());
}

#[test]
fn the_gateways_rules() {
    let gateway = |text: &str| config_says(&with("gateway:\n", &format!("gateway:\n  {text}\n")));
    let says = |text: &str, part: &str| {
        let found = gateway(text);
        assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:#?}");
    };
    says(
        "settle: 39s",
        "`settle` (39s) must be at least `call_timeout` (30s) and 10s more",
    );
    says(
        "lease: 59s",
        "`lease` (59s) must be at least twice `call_timeout` (30s)",
    );
    assert_eq!(
        gateway("call_timeout: 90s").len(),
        2,
        "both rules, though neither key is written"
    );
    assert!(gateway("settle: 40s").is_empty());
    says("base_url: ftp://x.example", "must be an http or https address");
    says("base_url: wawp", "is not a web address");
    says(
        "base_url: https://user:very-secret@x.example",
        "must not carry a user",
    );
    says(
        "base_url: http://x.example",
        "warning: `gateway.base_url` sends the access token in clear",
    );
    assert!(gateway("base_url: http://127.0.0.1:9595").is_empty());
    says("kind: wapp", "did you mean `wawp`?");
    says(
        "credentials: cookie",
        "must be `mixed`, `query`, `body` or `header`",
    );
    says("create_path: v2/groups", "must be a path");
    says("messages_per_minute: 0", "must be a whole number from 1 to 600");
    let none = with(
        "    - id: instance-1\n      access_token: token-of-instance-one\n",
        "    []\n",
    );
    assert!(
        config_says(&none)[0].contains("without a linked number"),
        "{:?}",
        config_says(&none)
    );
}

#[test]
fn the_instances_rules() {
    let second = |text: &str| config_says(&with("sources:\n", &format!("    - {{ {text} }}\nsources:\n")));
    let says = |text: &str, part: &str| {
        let found = second(text);
        assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:#?}");
    };
    says(
        "id: instance-1, access_token: another-token-0123",
        "is the id of an earlier instance",
    );
    says(
        "id: instance-2, access_token: another-token-0123, name: number-1",
        "is the name of an earlier instance",
    );
    says("id: instance-2", "needs `access_token`");
    says(
        "id: instance-2, access_token: another-token-0123, rooms_per_hour: 11",
        "warning: `gateway.instances[1].rooms_per_hour` is more than 10",
    );
    says(
        "id: instance-2, access_token: another-token-0123, rooms_per_hour: 0",
        "must be a whole number from 1 to 60",
    );
    says(
        "id: instance-2, access_token: another-token-0123, name: My Phone",
        "is not a name",
    );
}

#[test]
fn the_sources_rules() {
    let says = |config: String, part: &str| {
        let found = config_says(&config);
        assert!(found.len() == 1 && found[0].contains(part), "{found:#?}");
    };
    says(
        with("prometheus:", "gateway:"),
        "a source cannot be called `gateway`",
    );
    says(with("prometheus:", "Prometheus:"), "cannot be a source's name");
    says(
        with("kind: alertmanager", "kind: nagios"),
        "`sources.prometheus.kind` must be",
    );
    says(with("    kind: alertmanager\n", ""), "needs `kind`");
    says(
        with(
            "    kind: alertmanager\n",
            "    kind: alertmanager\n    incident_per: room\n",
        ),
        "must be `group` or `alert`",
    );
    says(
        with(
            "    kind: alertmanager\n",
            "    kind: alertmanager\n    fields: { key: id, state: { path: s, firing: down } }\n",
        ),
        "is only for `kind: generic`",
    );
    says(
        with(
            "    kind: alertmanager\n",
            "    kind: alertmanager\n    severity: { unmapped: sev9 }\n",
        ),
        "must be `sev1`",
    );
    says(
        with(
            "    kind: alertmanager\n",
            "    kind: alertmanager\n    severity: { rules: [ { match: [ 'a = b' ] } ] }\n",
        ),
        "needs `is`",
    );
    let nobody = GOOD_CONFIG.split("sources:").next().unwrap().to_owned() + "sources: {}\n";
    says(nobody, "nobody could report an incident");
}

#[test]
fn fields_of_a_generic_source() {
    let fields = |text: &str| {
        with(
            "kind: alertmanager",
            &format!("kind: generic\n    fields: {text}"),
        )
    };
    let good = fields(
        "{ each: checks, key: id, state: { path: status, firing: [down], resolved: up, otherwise: firing }, title: name, labels: { client: /tags/client } }",
    );
    let loaded = Files::new(&good, GOOD_ROSTER)
        .load(Strictness::Serve)
        .unwrap_or_else(|e| panic!("{e}"));
    let read = loaded.config.sources["prometheus"].fields.clone().unwrap();
    assert_eq!(read.state.resolved, ["up"]);
    assert_eq!(read.labels["client"].to_string(), "/tags/client");
    let found = config_says(&fields("{ key: a..b, state: { path: s } }"));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("is not a path: a path has an empty step"));
    assert!(found[1].contains("says in no words that something fires"));
}

#[test]
fn rooms_messages_and_log() {
    let extra = |text: &str| config_says(&format!("{GOOD_CONFIG}{text}\n"));
    let says = |text: &str, part: &str| {
        let found = extra(text);
        assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:#?}");
    };
    says(
        "rooms: { name: \"{{ title }}\" }",
        "must begin with `INCIDENT-{{ id }}`",
    );
    says(
        "rooms: { name: \"INCIDENT-{{ id }}{{ title }}\" }",
        "must begin with `INCIDENT-{{ id }}`",
    );
    says(
        "rooms: { name: \"INCIDENT-{{ id }} {{ title\" }",
        "is not a template",
    );
    assert!(extra("rooms: { name: \"INCIDENT-{{id}}\" }").is_empty());
    says(
        "rooms: { strangers: ignore }",
        "must be `invite`, `add` or `leave_out`",
    );
    says(
        "rooms: { close_after: 30 }",
        "the unit is missing: `30s`, `30m` or `30h`?",
    );
    says(
        "rooms: { create_attempts: 1.5 }",
        "must be a whole number from 1 to 10, not `1.5`",
    );
    says("rooms: { lock_settings: no }", "write false");
    says("messages: { welcom: x }", "did you mean `welcome`?");
    says(
        "messages: { welcome: { file: gone.txt } }",
        "there is no such file",
    );
    says("log: { format: xml }", "must be `text` or `json`");
    says("log: { level: \"warroom=loud\" }", "is not a log level");
    says("store: mysql://x", "is not a store");
    says("roster: [a]", "must be a text, not a list");
    says(
        "rooms:\n  open_at: sev2\n  open_at: sev3",
        "`rooms.open_at` is given twice",
    );
    says(
        "rooster: roster.yaml",
        "unknown key `rooster` (did you mean `roster`?)",
    );
}

#[test]
fn wording_of_ones_own_is_read_from_text_or_file() {
    let config = format!(
        "{GOOD_CONFIG}messages: {{ welcome: \"Hello {{{{ title }}}}\", closed: {{ file: bye.txt }} }}\n"
    );
    let files = Files::new(&config, GOOD_ROSTER);
    files.write("bye.txt", "Bye\n");
    let messages = files.load(Strictness::Serve).unwrap().config.messages;
    assert_eq!(messages["welcome"], "Hello {{ title }}");
    assert_eq!(messages["closed"], "Bye\n");
}

#[test]
fn people_and_their_numbers() {
    let person = |text: &str| {
        roster_says(
            &GOOD_ROSTER
                .replace("fallback:", &format!("  sam: {{ {text} }}\nfallback:"))
                .replace("commander: mei", "commander: mei, specialist: sam"),
        )
    };
    let says = |text: &str, part: &str| {
        let found = person(text);
        assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:#?}");
    };
    let known = "introduced: true";
    says(
        &format!("name: Sam, phone: 15550100104, {known}"),
        "write it in quotes with `+` and the country code",
    );
    says(
        &format!("name: Sam, phone: \"0171 5550104\", {known}"),
        "replace the leading zero",
    );
    says(
        &format!("name: Sam, phone: \"0015550100104\", {known}"),
        "write `+` instead of `00`",
    );
    says(
        &format!("name: Sam, phone: \"15550100104@c.us\", {known}"),
        "belongs under `jid`",
    );
    says(
        &format!("name: Sam, jid: \"+15550100104\", {known}"),
        "belongs under `phone`",
    );
    says(&format!("name: Sam, {known}"), "`people.sam` has no number");
    says(
        &format!("phone: \"+15550100104\", {known}"),
        "`people.sam` needs `name`",
    );
    says(
        &format!("name: Sam, phone: \"+15550100104\", jid: \"15550100104@c.us\", {known}"),
        "stands beside `phone`",
    );
    says(
        &format!("name: Sam, jid: \"15550100103@c.us\", {known}"),
        "is the number of `mei` too",
    );
    says(
        &format!("name: Sam, phone: \"+15550100104\", email: sam, {known}"),
        "is not an e-mail address",
    );
    says(
        &format!("name: Sam, phone: \"+15550100104\", timezone: Europe/Berln, {known}"),
        "did you mean `Europe/Berlin`?",
    );
    says(
        "name: Sam, phone: \"+15550100104\"",
        "warning: `fallback` would call people who never wrote to our number: sam",
    );
    // As it stands, unquoted, with its plus sign.
    assert!(person(&format!("name: Sam, phone: +15550100104, {known}")).is_empty());
}

#[test]
fn rotations_and_routes() {
    let rotation = "{ timezone: Europe/Berlin, starts: 2026-01-05 09:00, shift: 1 week, people: [mei] }";
    let with_rotation = |rotation: &str| {
        GOOD_ROSTER
            .replace(
                "fallback:",
                &format!("rotations:\n  platform: {rotation}\nfallback:"),
            )
            .replace("commander: mei", "commander: rotation:platform")
    };
    assert_eq!(roster_says(&with_rotation(rotation)), Vec::<String>::new());
    let says = |roster: String, part: &str| {
        let found = roster_says(&roster);
        assert!(found.len() == 1 && found[0].contains(part), "{found:#?}");
    };
    says(
        with_rotation(&rotation.replace("1 week", "10 minutes")),
        "must be from 1h to 366 days",
    );
    says(
        with_rotation(&rotation.replace("[mei]", "[]")),
        "nobody would ever be on duty",
    );
    says(
        with_rotation(&rotation.replace("09:00", "25:00")),
        "is not a date with a time",
    );
    says(
        with_rotation(&rotation.replace("09:00", "09:00+01:00")),
        "is not a date with a time",
    );
    says(
        with_rotation(&rotation.replace(", shift: 1 week", "")),
        "needs `shift`",
    );
    let route = |text: &str| GOOD_ROSTER.replace("fallback:", &format!("routes:\n{text}fallback:"));
    says(
        route("  - { name: a, match: [ 'x' ], invite: { commander: mei } }\n"),
        "is not a matcher",
    );
    says(
        route("  - { name: a, match: 'x = y', invite: { specialist: mei } }\n"),
        "warning: `a` has no commander",
    );
    says(
        route("  - { name: a, match: 'x = y', invite: {} }\n"),
        "warning: `a` names nobody",
    );
    says(route("  - { name: a, match: 'x = y' }\n"), "needs `invite`");
    says(
        route("  - { name: a, invite: { commander: mei }, runbook: x }\n"),
        "is not a web address",
    );
    says(
        route(
            "  - { name: a, invite: { commander: mei } }\n  - { name: b, match: 'x = y', invite: { commander: mei } }\n",
        ),
        "is never reached: `a` before it has no matchers",
    );
    says(
        route(
            "  - { name: a, match: 'x = y', invite: { commander: mei } }\n  - { name: a, match: 'x = z', invite: { commander: mei } }\n",
        ),
        "is a second route named `a`",
    );
    says(
        GOOD_ROSTER.replace("fallback:\n  invite: { commander: mei }\n", ""),
        "`fallback` is missing",
    );
    says(
        GOOD_ROSTER.replace("commander: mei", "commander: []"),
        "names nobody, but somebody must always be called",
    );
    says(
        GOOD_ROSTER.replace(
            "fallback:",
            "  sam: { name: Sam, phone: \"+15550100104\" }\nfallback:",
        ),
        "warning: `people.sam` is in no rotation",
    );
    let crowd: String = (0..10)
        .map(|n| format!("  p{n}: {{ name: P, phone: \"+155501002{n:02}\", introduced: true }}\n"))
        .collect();
    let all: Vec<String> = (0..10).map(|n| format!("p{n}")).collect();
    says(
        GOOD_ROSTER
            .replace("fallback:", &format!("{crowd}fallback:"))
            .replace(
                "commander: mei",
                &format!("commander: mei, specialist: [{}]", all.join(", ")),
            ),
        "calls up to 11 people",
    );
}

#[test]
fn strangers_are_fine_in_a_route_that_opens_no_room() {
    let stranger = GOOD_ROSTER
        .replace("fallback:", "  sam: { name: Sam, phone: \"+15550100104\" }\nroutes:\n  - { name: minor, match: 'severity =~ \"sev[2-5]\"', invite: { commander: sam } }\nfallback:");
    assert_eq!(roster_says(&stranger), Vec::<String>::new());
    let opens = format!("{GOOD_CONFIG}rooms: {{ open_at: sev2 }}\n");
    assert!(Files::new(&opens, &stranger).findings()[0].contains("never wrote to our number: sam"));
}

#[test]
fn a_changed_roster_is_taken_over_alone() {
    let files = Files::new(GOOD_CONFIG, GOOD_ROSTER);
    let path = files.0.path().join("roster.yaml");
    let (roster, warnings, hash) = config::load_roster(&path, Severity::Sev1).unwrap();
    assert!(warnings.is_empty() && roster.people.contains_key("mei"));
    assert_eq!(hash, files.load(Strictness::Serve).unwrap().roster_hash);
    files.write("roster.yaml", "people: {}\n");
    assert!(
        config::load_roster(&path, Severity::Sev1)
            .unwrap_err()
            .has_errors()
    );
}

fn ask(labels: &[(&str, &str)], severity: Severity, json: bool) -> String {
    let question = who::Question {
        labels: labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        severity,
        at: now(),
        json,
    };
    let mut out = Vec::new();
    let code = who::run(&shipped(), &|_| None, &question, Colours::No, &mut out).unwrap();
    assert_eq!(code, 0);
    String::from_utf8(out).unwrap()
}

#[test]
fn who_is_called_and_why() {
    insta::assert_snapshot!(ask(
        &[("client", "acme"), ("environment", "production")],
        Severity::Sev1,
        false
    ));
}

#[test]
fn who_says_that_a_lesser_severity_opens_no_room() {
    let answer = ask(&[("client", "other")], Severity::Sev2, false);
    assert!(
        answer.contains("route    fallback (no route matched)"),
        "{answer}"
    );
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
    assert!(!answer.to_string().contains("1555010"));
}

#[test]
fn who_with_wrong_files_shows_what_is_wrong() {
    let files = Files::new("nonsense: 1\n", GOOD_ROSTER);
    let question = who::Question {
        labels: [].into(),
        severity: Severity::Sev1,
        at: now(),
        json: false,
    };
    let mut out = Vec::new();
    let code = who::run(&files.config(), &set, &question, Colours::No, &mut out).unwrap();
    assert_eq!(code, 1);
    assert!(String::from_utf8(out).unwrap().contains("unknown key `nonsense`"));
}

const SECRETS: [&str; 3] = [
    "Zq9-token-of-the-instance",
    "Zq8-bearer-of-the-source",
    "Zq7-admin",
];

/// A good config with everything secret written plainly.
fn with_secrets() -> String {
    format!(
        "server:\n  admin_token: {}\ngateway:\n  instances:\n    - id: instance-1\n      access_token: \"{}\"\n\
         sources:\n  prometheus:\n    kind: alertmanager\n    verify: {{ bearer: [ {} ] }}\n",
        SECRETS[2], SECRETS[0], SECRETS[1]
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// However a file is damaged, what is shown of it holds no secret, and it is either taken whole or
    /// refused with a reason.
    #[test]
    fn a_damaged_file_shows_no_secret(
        at in 0.0_f64..1.0,
        cut in 0_usize..12,
        put in "([a-z:{}\\[\\]\"'#&*!|>@%\n \t-]){0,6}",
        in_roster: bool,
    ) {
        let (mut config, mut roster) = (with_secrets(), GOOD_ROSTER.to_owned());
        let text = if in_roster { &mut roster } else { &mut config };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a short text")]
        let from = (text.len() as f64 * at) as usize;
        let to = (from + cut).min(text.len());
        text.replace_range(from..to, &put);
        let files = Files::new(&config, &roster);
        let shown = match files.load(Strictness::Serve) {
            Ok(loaded) => {
                prop_assert!(!loaded.config.sources.is_empty() && !loaded.config.gateway.instances.is_empty());
                prop_assert!(loaded.roster.fallback.invite.iter().any(|i| !i.whom.is_empty()));
                loaded.warnings
            }
            Err(findings) => {
                prop_assert!(findings.has_errors());
                findings
            }
        };
        let shown = format!("{}\n{shown}\n{shown:?}", shown.draw(Colours::No));
        for part in ["token-of-the", "bearer-of-the", "50100103"] {
            prop_assert!(!shown.contains(part), "{part} in {shown}\n---\n{config}");
        }
    }

    #[test]
    fn any_text_is_refused_with_reasons_or_taken_whole(text in "((server|gateway|sources|instances|verify|rooms|kind|people|fallback|name)[:]|[ \\-a-z:{}\\[\\]\"'&*\n]){0,60}") {
        let files = Files::new(&text, &text);
        let findings = files.load(Strictness::Serve).unwrap_err();
        prop_assert!(findings.has_errors());
        let _ = findings.draw(Colours::Yes);
    }
}
