//! What the operator writes: the shipped files, and every way in which such files can be wrong.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;
use warroom::alert::Severity;
use warroom::cli::{check, who};
use warroom::clock::Timestamp;
use warroom::config::{self, Colours, Findings, Loaded, Strictness};

mod ahead;
mod asking;
mod broken;
mod events;
mod handouts;
mod rosters;
mod scale;
mod schema;
mod settings;
mod several;
mod silent;
mod slips;
mod teams;
mod verifying;

const GOOD_CONFIG: &str = "\
gateway:
  instances:
    - id: instance-1
      access_token: token-of-instance-one
sources:
  prometheus:
    kind: alertmanager
    verify: { bearer: bearer-token-0123456789 }
operator: Acme Operations
";

const GOOD_ROSTER: &str = "\
people:
  mei: { name: Mei Tanaka, phone: \"+15550100103\", opted_in: true }
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
        config::load(&self.config(), &set, strictness, now())
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
        let code = check::run(&self.config(), &set, now(), check::Form::Text(Colours::No), &mut out).unwrap();
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

/// `warroom who` about a Severity 1 with these labels, now.
fn question(labels: &[(&str, &str)], json: bool) -> who::Question {
    who::Question {
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        severity: Severity::Sev1,
        assignees: Vec::new(),
        at: now(),
        now: now(),
        render: false,
        json,
    }
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/warroom.yaml")
}

#[test]
fn the_good_files_of_these_tests_have_no_findings() {
    assert_eq!(Files::new(GOOD_CONFIG, GOOD_ROSTER).findings(), Vec::<String>::new());
}

#[test]
fn the_shipped_files_can_be_checked_with_nothing_set() {
    let mut out = Vec::new();
    let code = check::run(&shipped(), &|_| None, now(), check::Form::Text(Colours::No), &mut out).unwrap();
    let folder = format!("{}/", shipped().parent().unwrap().display());
    insta::assert_snapshot!(String::from_utf8(out).unwrap().replace(&folder, ""));
    assert_eq!(code, 0);
}

#[test]
fn the_shipped_files_serve_once_their_secrets_are_set_and_not_before() {
    // Standard Webhooks takes base64 only.
    let set = |name: &str| Some(format!("whsec_{}", hex_of(name)));
    let loaded = config::load(&shipped(), &set, Strictness::Serve, now()).unwrap();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert_eq!(loaded.config.sources.len(), 4);

    let refused = config::load(&shipped(), &|_| None, Strictness::Serve, now()).unwrap_err();
    assert_eq!(refused.len(), 7, "{refused}");
    assert!(refused.iter().all(|f| f.message.contains("is not set")));
}

fn hex_of(name: &str) -> String {
    hex::encode(name).repeat(4).chars().take(64).collect()
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
        "keep_bodies",
        "credentials",
        "create_path",
        "lease",
        "messages_per_minute",
        "one_to_one_gap",
        "unmapped",
        "incident_per",
        "open_tests",
        "not_opted_in",
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
    assert_eq!(format!("{:?}", before.config.server), format!("{:?}", after.config.server));
    let instance = |l: &Loaded| l.config.gateway.instances[0].budget;
    assert_eq!(instance(&before), instance(&after));
    let gateway = |l: &Loaded| {
        let g = &l.config.gateway;
        (g.credentials, g.create_path.clone(), g.call_timeout, g.settle, g.lease)
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
store: postgres://warroom:hunter2-hunter2-hunter2@db/warroom?sslmode=prefer
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
  amira: { name: Amira Haddad, phone: 0171 555 0123, timezone: Asia/Duabi, opted_in: true }
  jonas: { name: Jonas Weber, phone: 15550100102 }
  mei: { name: Mei Tanaka, phone: \"+15550100103\", jid: \"15550100103@c.us\" }
  sam: { name: Sam Okafor, phone: \"+15550100104\" }
  lea: { name: Lea Martin, jid: \"15550100104@c.us\" }
rotations:
  platform:
    timezone: Europe/Berlin
    start: 2026-01-05
    shift_length: 5 fortnights
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
    for secret in ["hunter2", "misspelt-key", "very-secret", "short,", "555 0123", "5550100103", "5550100104"]
    {
        assert!(!drawn.contains(secret), "{secret} is shown");
    }
    let lines = files.findings();
    assert!(
        lines.iter().all(|l| l.starts_with("warroom.yaml:") || l.starts_with("roster.yaml")),
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
    assert!(!drawn.contains("plain-secret") && !drawn.contains("0.0.0.0"), "{drawn}");
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
    assert_eq!(files.findings()[0], "warroom.yaml: this file is not UTF-8 text (save it as UTF-8)");
    assert_only(
        &config_says("- 1\n"),
        "warroom.yaml:1:1: this file must be a map, not a list (write `key: value`, each on a line of its own below, indented)",
    );
}

const SECRETS: [&str; 3] = ["Zq9-token-of-the-instance", "Zq8-bearer-of-the-source", "Zq7-admin"];

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

#[test]
fn a_program_is_told_each_finding_with_its_place() {
    let files = Files::new(GOOD_CONFIG, &GOOD_ROSTER.replace("commander: mei", "commander: mee"));
    let mut out = Vec::new();
    let code = check::run(&files.config(), &set, now(), check::Form::Json, &mut out).unwrap();
    assert_eq!(code, 1);
    let told: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let [finding] = &told.as_array().unwrap()[..] else { panic!("{told:#}") };
    assert!(finding["file"].as_str().unwrap().ends_with("roster.yaml"), "{finding:#}");
    assert_eq!((&finding["severity"], &finding["line"]), (&"error".into(), &4.into()), "{finding:#}");
    assert_eq!(finding["hint"], "did you mean `mei`?");
    assert!(finding["column"].as_u64().unwrap() > 1 && finding["text"].is_string(), "{finding:#}");

    let mut out = Vec::new();
    let good = Files::new(GOOD_CONFIG, GOOD_ROSTER);
    let code = check::run(&good.config(), &set, now(), check::Form::Json, &mut out).unwrap();
    assert_eq!((code, String::from_utf8(out).unwrap().trim()), (0, "[]"));
}
