//! What `warroom.yaml` may say, but for how sources prove themselves.

use warroom::cli::check;
use warroom::config::{self, Colours, StoreAddress, Strictness};

use super::{Files, GOOD_CONFIG, GOOD_ROSTER, assert_only, config_says, now, set, with};

#[test]
fn an_empty_config_says_what_it_needs() {
    let found = config_says("");
    let keys: Vec<bool> = ["gateway", "sources"]
        .iter()
        .map(|key| found.iter().any(|f| f.contains(&format!("`{key}` is missing"))))
        .collect();
    assert_eq!(keys, [true, true], "{found:#?}");
    assert_eq!(found.len(), 3, "and who speaks: {found:#?}");
}

#[test]
fn who_speaks_is_asked_for() {
    let without = GOOD_CONFIG.replace("operator: Acme Operations\n", "");
    assert_only(
        &config_says(&without),
        "warroom.yaml:1:1: warning: `operator` is missing, so people do not read who writes to them (your company or team, as people know it: `operator: \"Acme Operations\"`)",
    );
    assert!(config_says(&format!("{without}operator: \" \"\n"))[0].contains("`operator` is empty"));
    let loaded = Files::new(GOOD_CONFIG, GOOD_ROSTER).load(Strictness::Serve).unwrap();
    assert_eq!(loaded.config.operator.as_deref(), Some("Acme Operations"));
}

#[test]
fn everything_has_a_default_but_the_number_and_the_sources() {
    let files = Files::new(GOOD_CONFIG, GOOD_ROSTER);
    let loaded = files.load(Strictness::Serve).unwrap();
    let config = &loaded.config;
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:8080");
    assert!(config.server.admin.ip().is_loopback());
    assert_eq!(config.store, StoreAddress::Sqlite(files.0.path().join("warroom.db")));
    assert_eq!(config.rooms, warroom::room::policy::Policy::default());
    assert_eq!(config.room_name, config::USUAL_NAME);
    assert_eq!(config.gateway.instances[0].budget, warroom::pacing::Budget::default());
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
        "warroom.yaml:1:21: `server.max_body` must be from 256KiB (PagerDuty's largest body) to 64MiB (leave it out for 1MiB)",
    );
    assert_only(
        &server("body_timeout: 0s"),
        "warroom.yaml:1:25: `server.body_timeout` must be from 1s to 5m, not `0s` (the shortest is 1s)",
    );
    assert!(server("max_body: 2097152").is_empty());
}

#[test]
fn proxies_are_addresses_or_networks_and_never_everybody() {
    let server = |text: &str| config_says(&format!("server: {{ {text} }}\n{GOOD_CONFIG}"));
    let token = ", admin_token: { env: SET_TOKEN }";
    let with = |text: &str| server(&format!("{text}{token}"));
    assert!(with("trusted_proxies: [ 10.0.0.7, 10.1.0.0/16, \"fd00::/8\" ]").is_empty());
    assert!(with("trusted_proxies: 10.0.0.7, forwarded_header: X-Real-IP").is_empty());
    for (text, wrong) in [
        ("trusted_proxies: [ proxy.example ]", "is not an address or a network: `proxy.example`"),
        ("trusted_proxies: [ 0.0.0.0/0 ]", "is everybody"),
        ("trusted_proxies: [ 10.0.0.7 ], forwarded_header: Forwarded", "holds more than addresses"),
        ("trusted_proxies: [ 10.0.0.7 ], forwarded_header: \"X Y\"", "is not a header's name"),
    ] {
        let findings = with(text);
        assert_eq!(findings.len(), 1, "{text}: {findings:?}");
        assert!(findings[0].contains(wrong), "{text}: {findings:?}");
    }
    // Whoever runs a proxy may run it before the console too.
    let findings = server("trusted_proxies: [ 10.0.0.7 ]");
    assert!(findings.len() == 1 && findings[0].contains("`server.admin_token` is missing"), "{findings:?}");
}

#[test]
fn our_own_numbers_and_the_fallback_webhook() {
    let gateway = |text: &str| config_says(&with("gateway:\n", &format!("gateway:\n  {text}\n")));
    let says = |found: &[String], part: &str| {
        assert!(found.len() == 1 && found[0].contains(part), "{part}: {found:#?}");
    };
    let secret = "whsec_c2Vjb25kLXdheS1mb3ItdGhlLXRlc3RzLW9ubHk=";
    let way =
        |url: &str, secret: &str| gateway(&format!("fallback_webhook: {{ url: {url}, secret: {secret} }}"));
    assert!(way("\"https://pager.example/hooks?key=quite-secret\"", secret).is_empty());
    says(&way("pager", secret), "`gateway.fallback_webhook.url` is not a web address");
    says(&way("\"http://pager.example/x\"", secret), "sends names and incidents in clear");
    says(&way("\"https://pager.example\"", "not-base64-at-all-but-long"), "cannot sign");
    says(&gateway("fallback_webhook: { url: \"https://pager.example\" }"), "needs `secret`");
    says(&gateway("failover_after: 1s"), "must be from 10s to 1h");
    let shown = format!("{:?}", way("\"ftp://pager.example/very-hidden-token\"", secret));
    assert!(!shown.contains("very-hidden"), "{shown}");

    let phone = |phone: &str| with("id: instance-1\n", &format!("id: instance-1\n      phone: {phone}\n"));
    assert!(config_says(&phone("\"+15550109999\"")).is_empty());
    says(&config_says(&phone("\"0155\"")), "`gateway.instances[0].phone` is not a phone number");
    says(
        &config_says(&phone("\"+15550100103\"")),
        "roster.yaml:2:35: `people.mei.phone` is one of our own linked numbers",
    );
    let twice =
        "    - { id: instance-2, access_token: token-of-instance-two, phone: \"+15550109999\" }\nsources:";
    says(
        &config_says(&phone("\"+15550109999\"").replace("sources:", twice)),
        "has the `phone` of an earlier instance",
    );
}

#[test]
fn what_is_in_force_is_shown_with_every_default_and_without_secrets() {
    let config = with(
        "sources:",
        "    - { id: instance-2, access_token: { env: SET_TOKEN }, phone: \"+15550109999\" }
  failover_after: 2m
  fallback_webhook: { url: \"https://pager.example/hidden\", secret: whsec_c2Vjb25kLXdheS1mb3ItdGhlLXRlc3RzLW9ubHk= }
rooms: { leave_after: 30d }
sources:
  hooks: { kind: generic, verify: { hmac: { secrets: [ a-secret-that-is-long, { env: SET_TOKEN } ], header: X-Sig } }, fields: { key: id, state: { path: status, firing: [ down ] } } }",
    );
    let files = Files::new(&config, GOOD_ROSTER);
    let mut out = Vec::new();
    let form = check::Form::Effective(Colours::No);
    assert_eq!(check::run(&files.config(), &set, now(), form, &mut out).unwrap(), 0);
    let out = String::from_utf8(out).unwrap();
    for secret in
        ["token-of-instance", "instance-1", "hidden", "whsec_", "a-secret-that", "bearer-token", "5550109999"]
    {
        assert!(!out.contains(secret), "{secret}:\n{out}");
    }
    insta::assert_snapshot!(out);
    // It is what was loaded: read again it means the same, but for what is hidden.
    for part in out.split("---\n") {
        assert!(serde_saphyr::from_str::<serde_json::Value>(part).is_ok(), "{part}");
    }
}

#[test]
fn where_the_store_is_is_shown_unless_a_password_may_stand_in_it() {
    for (store, shown) in [
        ("sqlite:/data/rooms.db", "store: sqlite:/data/rooms.db"),
        ("postgres://ops:hunter2@127.0.0.1:1/rooms", "store: <secret>"),
    ] {
        let files = Files::new(&format!("store: {store}\n{GOOD_CONFIG}"), GOOD_ROSTER);
        let mut out = Vec::new();
        let form = check::Form::Effective(Colours::No);
        assert_eq!(check::run(&files.config(), &set, now(), form, &mut out).unwrap(), 0);
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains(shown) && !out.contains("hunter2"), "{store}: {out}");
    }
}

#[test]
fn the_gateways_rules() {
    let gateway = |text: &str| config_says(&with("gateway:\n", &format!("gateway:\n  {text}\n")));
    let says = |text: &str, part: &str| {
        let found = gateway(text);
        assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:#?}");
    };
    says("settle: 39s", "`settle` (39s) must be at least `call_timeout` (30s) and 10s more");
    says("lease: 59s", "`lease` (59s) must be at least twice `call_timeout` (30s)");
    assert_eq!(gateway("call_timeout: 90s").len(), 2, "both rules, though neither key is written");
    assert!(gateway("settle: 40s").is_empty());
    says("base_url: ftp://x.example", "must be an http or https address");
    says("base_url: wawp", "is not a web address");
    says("base_url: https://user:very-secret@x.example", "must not carry a user");
    says("base_url: http://x.example", "warning: `gateway.base_url` sends the access token in clear");
    assert!(gateway("base_url: http://127.0.0.1:9595").is_empty());
    says("kind: wapp", "did you mean `wawp`?");
    says("credentials: cookie", "must be `mixed`, `query`, `body` or `header`");
    says("create_path: v2/groups", "must be a path");
    says("messages_per_minute: 0", "must be a whole number from 1 to 600");
    let none = with("    - id: instance-1\n      access_token: token-of-instance-one\n", "    []\n");
    assert!(config_says(&none)[0].contains("without a linked number"), "{:?}", config_says(&none));
}

#[test]
fn the_instances_rules() {
    let second = |text: &str| config_says(&with("sources:\n", &format!("    - {{ {text} }}\nsources:\n")));
    let says = |text: &str, part: &str| {
        let found = second(text);
        assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:#?}");
    };
    says("id: instance-1, access_token: another-token-0123", "is the id of an earlier instance");
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
    says("id: instance-2, access_token: another-token-0123, name: My Phone", "is not a name");
    let budget = |text: &str, part: &str| {
        says(&format!("id: instance-2, access_token: another-token-0123, {text}"), part);
    };
    budget("rooms_reserved: 6", "`rooms_reserved` (6) must be less than `rooms_per_hour` (6)");
    budget("rooms_per_hour: 1, rooms_reserved: 1", "must be less than `rooms_per_hour` (1)");
    budget("rooms_burst: 0", "must be a whole number from 1 to 60");
    budget("rooms_burst: 4, rooms_gap: 20m", "4 times `rooms_gap` (20m) is more than an hour");
    budget("rooms_gap: 2h", "`gateway.instances[1].rooms_gap`");
}

#[test]
fn what_is_not_written_of_a_budget_fits_what_is() {
    let budget_of = |text: &str| {
        let config = with("sources:\n", &format!("      {text}\nsources:\n"));
        let files = Files::new(&config, GOOD_ROSTER);
        files.load(Strictness::Serve).unwrap().config.gateway.instances[0].budget
    };
    let (one, many) = (budget_of("rooms_per_hour: 1"), budget_of("rooms_burst: 60"));
    assert_eq!((one.rooms_per_hour, one.rooms_reserved), (1, 0));
    assert_eq!(many.rooms_gap, warroom::clock::SignedDuration::from_mins(1));
    assert_eq!(budget_of("rooms_per_hour: 5").rooms_reserved, 1);
}

#[test]
fn the_sources_rules() {
    let says = |config: String, part: &str| {
        let found = config_says(&config);
        assert!(found.len() == 1 && found[0].contains(part), "{found:#?}");
    };
    says(with("prometheus:", "gateway:"), "a source cannot be called `gateway`");
    says(with("prometheus:", "Prometheus:"), "cannot be a source's name");
    says(with("kind: alertmanager", "kind: pigeon"), "`sources.prometheus.kind` must be");
    says(with("    kind: alertmanager\n", ""), "needs `kind`");
    says(
        with("    kind: alertmanager\n", "    kind: alertmanager\n    incident_per: room\n"),
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
        with("    kind: alertmanager\n", "    kind: alertmanager\n    severity: { unmapped: sev9 }\n"),
        "must be `sev1`",
    );
    says(
        with(
            "    kind: alertmanager\n",
            "    kind: alertmanager\n    severity: { rules: [ { match: [ 'a = b' ] } ] }\n",
        ),
        "needs `is`",
    );
    let nobody = GOOD_CONFIG.split("sources:").next().unwrap().to_owned() + "sources: {}\noperator: Acme\n";
    says(nobody, "nobody could report an incident");
}

#[test]
fn topics_of_sns_and_groups_of_prometheus() {
    let verify = |text: &str| {
        let at = GOOD_CONFIG.find("    verify:").unwrap();
        let line = GOOD_CONFIG[at..].lines().next().unwrap();
        with(line, &format!("    verify: {text}")).replace("kind: alertmanager", "kind: sns")
    };
    let topic = "arn:aws:sns:eu-central-1:123456789012:sev1";
    let good = verify(&format!(
        "{{ sns: {{ topics: [ '{topic}' ], raw: {{ basic: {{ user: sns, password: s }} }} }} }}"
    ));
    let loaded = Files::new(&good, GOOD_ROSTER).load(Strictness::Serve).unwrap_or_else(|e| panic!("{e}"));
    let verifier = &loaded.config.sources["prometheus"].verifier;
    assert_eq!(verifier.tolerance.as_mins(), 65);
    assert!(warroom::config::describe_verifier(verifier).contains(topic));
    for (text, part) in [
        ("{ sns: {} }", "needs `topics`"),
        ("{ sns: { topics: [] } }", "no topic is allowed"),
        ("{ sns: { topics: sev1 } }", "must be a topic's ARN"),
        ("{ sns: { topics: [ 'arn:aws:sns:*:*:*' ] } }", "must be a topic's ARN"),
        ("{ sns: { topics: TOPIC, raw: { bearer: s } } }", "unknown key `bearer`"),
        ("{ sns: { topics: TOPIC, raw: {} } }", "needs one of `basic`, `query` or `header`"),
        ("{ sns: { topics: TOPIC, raw: { query: { name: t, secret: '' } } } }", "empty"),
        ("{ sns: { topics: TOPIC, tolerance: 2d } }", "tolerance"),
        ("{ hmac: s }", "sns does not sign"),
    ] {
        let found = config_says(&verify(&text.replace("TOPIC", &format!("'{topic}'"))));
        assert!(found.iter().any(|line| line.contains(part)), "{text}: {found:#?}");
    }
    let group = |kind: &str| {
        with("kind: alertmanager", &format!("kind: {kind}\n    group_by: [ alertname, cluster ]"))
    };
    let loaded = Files::new(&group("prometheus"), GOOD_ROSTER).load(Strictness::Serve).unwrap();
    assert_eq!(loaded.config.sources["prometheus"].group_by, ["alertname", "cluster"]);
    let found = config_says(&group("alertmanager"));
    assert!(found.len() == 1 && found[0].contains("is only for `kind: prometheus`"), "{found:#?}");
}

#[test]
fn fields_of_a_generic_source() {
    let fields = |text: &str| with("kind: alertmanager", &format!("kind: generic\n    fields: {text}"));
    let good = fields(
        "{ each: checks, key: id, state: { path: status, firing: [down], resolved: up, otherwise: firing }, title: name, labels: { client: /tags/client } }",
    );
    let loaded = Files::new(&good, GOOD_ROSTER).load(Strictness::Serve).unwrap_or_else(|e| panic!("{e}"));
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
    says("rooms: { name: \"{{ title }}\" }", "must begin with `INCIDENT-{{ id }}`");
    says("rooms: { name: \"INCIDENT-{{ id }}{{ title }}\" }", "must begin with `INCIDENT-{{ id }}`");
    says(
        "rooms: { name: \"INCIDENT-{{ id }} {{ title\" }",
        "does not render: line 1 of the text: syntax error",
    );
    says("messages: { welcome: \"{{ titel }}\" }", "does not render: line 1 of the text");
    assert!(extra("rooms: { name: \"INCIDENT-{{id}}\" }").is_empty());
    says("rooms: { not_opted_in: ignore }", "must be `invite`, `add` or `leave_out`");
    says("rooms: { close_after: 30 }", "the unit is missing: `30s`, `30m` or `30h`?");
    says("rooms: { create_attempts: 1.5 }", "must be a whole number from 1 to 10, not `1.5`");
    says("rooms: { lock_settings: no }", "write false");
    says("messages: { welcom: x }", "did you mean `welcome`?");
    says("messages: { invite: 'Please come.' }", "is missing (write `{{ link }}` where people should find");
    says("messages: { welcome: \"{{ token }} {{ 'long ' * 2000 }}\" }", "is cut off (shorten it");
    says("messages: { welcome: '{{ title|reverse }}' }", "is unknown (there are `upper`");
    says("messages: { welcome: '{{ person.nmae }}' }", "`person` is not known here");
    says("messages: { brief: '{{ person.nmae }}' }", "undefined value (look at the name behind the dot");
    says("messages: { welcome: { file: gone.txt } }", "there is no such file");
    says("log: { format: xml }", "must be `text` or `json`");
    says("log: { level: \"warroom=loud\" }", "is not a log level");
    says("store: mysql://x", "is not a store");
    says("roster: [a]", "must be a text, not a list");
    says("rooms:\n  open_at: sev2\n  open_at: sev3", "`rooms.open_at` is given twice");
    says("rooster: roster.yaml", "unknown key `rooster` (did you mean `roster`?)");
}

#[test]
fn wording_of_ones_own_is_read_from_text_or_file() {
    let config = format!(
        "{GOOD_CONFIG}messages: {{ welcome: \"Hello {{{{ title }}}}\", last_words: {{ file: bye.txt }} }}\n"
    );
    let files = Files::new(&config, GOOD_ROSTER);
    files.write("bye.txt", "Bye\n");
    let messages = files.load(Strictness::Serve).unwrap().config.messages;
    assert_eq!(messages["welcome"], "Hello {{ title }}");
    assert_eq!(messages["last_words"], "Bye\n");
}
