//! What users write, in all its forms: the blocks of the documents, odd ones that the reader takes, and mistakes.

use serde_json::Value;
use warroom::config::schema::Document;

use super::places::merge;
use super::{base, nothing, read, validator};
use crate::documents;

/// A YAML text as an editor understands it.
#[track_caller]
pub(super) fn json_of(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|e| panic!("{e}:\n{text}"))
}

/// The schema takes it.
#[track_caller]
pub(super) fn takes(document: Document, whole: &Value, name: &str) {
    let validator = validator(document);
    let wrong: Vec<String> =
        validator.iter_errors(whole).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
}

/// The base with the snippet's sections instead of its own.
fn with(document: Document, snippet: &str) -> Value {
    let mut whole = base(document);
    if let Value::Object(sections) = json_of(snippet) {
        for (key, section) in sections {
            whole[key] = section;
        }
    }
    whole
}

#[test]
fn every_block_of_the_documents_is_taken() {
    let pages: Vec<String> = documents::pages().into_values().collect();
    let mut seen = 0;
    for block in pages.iter().flat_map(|page| page.split("\n```yaml\n").skip(1)) {
        let block = block.split("\n```").next().unwrap();
        let Ok(Value::Object(sections)) = serde_saphyr::from_str(block) else { continue };
        let of = |document: Document| {
            let keys = &document.schema()["properties"];
            sections.keys().all(|key| keys.get(key).is_some())
        };
        let Some(document) = Document::ALL.into_iter().find(|document| of(*document)) else { continue };
        seen += 1;
        let mut whole = base(document);
        merge(&mut whole, json_of(block));
        takes(document, &whole, block);
    }
    assert!(seen > 30, "{seen}");
}

const CONFIG: Document = Document::Config;
const ROSTER: Document = Document::Roster;

/// Forms that the examples of the schema do not have.
const TAKEN: &[(Document, &str)] = &[
    (CONFIG, "server:"),
    (CONFIG, "server: { listen: \"[::1]:8080\" }"),
    (CONFIG, "server: { listen: 127.0.0.1:8080, max_body: 524288 }"),
    (
        CONFIG,
        "server: { admin_token: { env: SET_TOKEN }, trusted_proxies: [ 10.0.0.0/8 ], forwarded_header: X-Real-IP }",
    ),
    (CONFIG, "server: { listen: 127.0.0.1:8080, max_body: 512 KiB }"),
    (CONFIG, "server: { listen: 127.0.0.1:8080, stop_grace: 1m30s, header_timeout: 2 seconds }"),
    (CONFIG, "server: { listen: 127.0.0.1:8080, admin_token: 1234567890123456 }"),
    (CONFIG, "store: sqlite:/data/warroom.db"),
    (CONFIG, "store: postgres://user@db.example/warroom"),
    (CONFIG, "store: { file: store.txt }"),
    (CONFIG, "rooms:"),
    (CONFIG, "messages:"),
    (CONFIG, "log:"),
    (CONFIG, "log: { level: \"info,warroom::worker=debug\", format: json }"),
    (CONFIG, "rooms: { open_at: sev2, create_attempts: \"5\", close_after: 0s }"),
    (CONFIG, "rooms: { name: \"INCIDENT-{{id}} {{ title }}\" }"),
    (CONFIG, "rooms: { name: \"INCIDENT-{{ id }}\" }"),
    (CONFIG, "messages: { welcome: \"{{ token }}\", guest: { file: guest.txt } }"),
    (CONFIG, "messages: { translations: { pt-BR: { brief: \"{{ token }} {{ title }}\" } } }"),
    (CONFIG, "messages: { translations: {} }"),
    (CONFIG, "operator: Acme Operations"),
    (CONFIG, "rooms: { language: pt-BR }"),
    (
        CONFIG,
        "gateway: { base_url: \"http://127.0.0.1:9595/\", instances: [ { id: 1234, access_token: 12345678901234567 } ] }",
    ),
    (
        CONFIG,
        "gateway: { instances: [ { id: { file: secret.txt }, access_token: { env: T }, phone: +15550100000 } ] }",
    ),
    (
        CONFIG,
        "gateway: { instances: [ { id: a, access_token: { env: T }, phone: \"+1 (555) 010-0000\", rooms_per_hour: \"4\" } ] }",
    ),
    (
        CONFIG,
        "gateway: { instances: [ { id: a, access_token: { env: T }, events: { secret: [ { env: A }, { env: B } ] } } ] }",
    ),
    (CONFIG, "gateway: { instances: [ { name: 2nd, id: a, access_token: { env: T } } ] }"),
    (CONFIG, "sources: { a: { kind: generic, verify: insecure } }"),
    (CONFIG, "sources: { a: { kind: generic, verify: { bearer: [ { env: A }, { env: B } ] } } }"),
    (CONFIG, "sources: { a: { kind: grafana, verify: { hmac: { env: A } } } }"),
    (
        CONFIG,
        "sources: { a: { kind: grafana, verify: { hmac: { secrets: { env: A }, timestamp_header: X-Time } } } }",
    ),
    (
        CONFIG,
        "sources: { a: { kind: datadog, verify: { hmac: { secrets: [ { env: A } ], header: X-S, prefix: \"\" } } } }",
    ),
    (
        CONFIG,
        "sources: { a: { kind: statuscake, verify: { form_field: { name: Token, secret: { env: A } } } } }",
    ),
    (
        CONFIG,
        "sources: { a: { kind: sns, verify: { sns: { topics: arn:aws:sns:eu-central-1:123456789012:a } } } }",
    ),
    (CONFIG, "sources: { a: { kind: prometheus, group_by: alertname, verify: { bearer: { env: A } } } }"),
    (CONFIG, "sources: { a: { kind: alertmanager, severity: , verify: { bearer: { env: A } } } }"),
    (
        CONFIG,
        "sources: { a: { kind: alertmanager, severity: { rules: [ { match: a = b, is: sev2 } ] }, verify: { bearer: { env: A } } } }",
    ),
    (
        CONFIG,
        "sources: { a: { kind: generic, fields: { key: id, state: { path: s, firing: 1 } }, verify: { bearer: { env: A } } } }",
    ),
    (ROSTER, "rotations: {}"),
    (ROSTER, "teams: {}"),
    (ROSTER, "clients: { globex: }"),
    (ROSTER, "routes: []"),
    (ROSTER, "people: { mei: { name: 42, phone: +15550100103 } }"),
    (ROSTER, "people: { mei: { name: true, jid: \"15550100103:7@s.whatsapp.net\", roles: commander } }"),
    (ROSTER, "people: { mei: { name: Mei, jid: \"15550100103@lid\", absences: [] } }"),
    (
        ROSTER,
        "rotations: { a: { timezone: UTC, start: 2026-01-05T09:00:30, shift_length: 12 hours, people: mei, only: [ daily 00:00-24:00, \"Mon,wed-FRI 08:00 - 12:00\" ] } }",
    ),
    (
        ROSTER,
        "rotations: { a: { timezone: America/Argentina/Buenos_Aires, start: 2026-01-05 09:00, shift_length: 1d, people: [ mei ] } }",
    ),
    (ROSTER, "routes: [ { name: 1, match: 'a!~b', invite: { account manager: mei } } ]"),
    (ROSTER, "routes: [ { name: a, match: [], invite: {} } ]"),
    (
        ROSTER,
        "routes: [ { name: a, match: [ a=b ], invite: { commander: mei }, dashboards: https://a.example, size: \"9\" } ]",
    ),
    (
        ROSTER,
        "routes: [ { name: a, match: [ a=b ], invite: { commander: mei }, messages: , quorum: { roles: commander, otherwise: mei } } ]",
    ),
];

/// Mistakes that an editor shows at once.
const REFUSED: &[(Document, &str)] = &[
    (CONFIG, "server: { listen: 8080 }"),
    (CONFIG, "server: { trusted_proxies: [ proxy.example ] }"),
    (CONFIG, "server: { max_body: 1 }"),
    (CONFIG, "server: { max_body: 1 mile }"),
    (CONFIG, "server: { stop_grace: 30 }"),
    (CONFIG, "server: { stop_grace: 5 fortnights }"),
    (CONFIG, "store: mysql://user@db.example/warroom"),
    (CONFIG, "rooms: { open_at: sev0 }"),
    (CONFIG, "rooms: { share_when_over_budget: \"yes\" }"),
    (CONFIG, "rooms: { create_attempts: 11 }"),
    (CONFIG, "rooms: { not_opted_in: ask }"),
    (CONFIG, "rooms: { name: \"{{ title }}\" }"),
    (CONFIG, "operator: [ x ]"),
    (CONFIG, "rooms: { language: german }"),
    (CONFIG, "messages: { farewell: x }"),
    (CONFIG, "messages: { welcome: [ x ] }"),
    (CONFIG, "messages: { translations: { german_de: {} } }"),
    (CONFIG, "messages: { translations: { de: { farewell: x } } }"),
    (CONFIG, "gateway: { instances: [] }"),
    (CONFIG, "gateway: { instances: [ { id: a } ] }"),
    (CONFIG, "gateway: { kind: telegram, instances: [ { id: a, access_token: { env: T } } ] }"),
    (CONFIG, "gateway: { instances: [ { id: a, access_token: { env: T, file: secret.txt } } ] }"),
    (CONFIG, "gateway: { instances: [ { id: a, access_token: { variable: T } } ] }"),
    (CONFIG, "gateway: { instances: [ { name: Main, id: a, access_token: { env: T } } ] }"),
    (
        CONFIG,
        "gateway: { instances: [ { id: a, access_token: { env: T }, events: { algorithm: sha256 } } ] }",
    ),
    (CONFIG, "sources: {}"),
    (CONFIG, "sources: { gateway: { kind: generic, verify: { bearer: { env: A } } } }"),
    (CONFIG, "sources: { My Tool: { kind: generic, verify: { bearer: { env: A } } } }"),
    (CONFIG, "sources: { a: { kind: generic } }"),
    (CONFIG, "sources: { a: { kind: nagois, verify: { bearer: { env: A } } } }"),
    (CONFIG, "sources: { a: { kind: generic, verify: none } }"),
    (CONFIG, "sources: { a: { kind: generic, verify: {} } }"),
    (CONFIG, "sources: { a: { kind: generic, verify: { bearer: [] } } }"),
    (CONFIG, "sources: { a: { kind: generic, verify: { bearer: { env: A }, hmac: { env: B } } } }"),
    (CONFIG, "sources: { a: { kind: grafana, group_by: alertname, verify: { bearer: { env: A } } } }"),
    (
        CONFIG,
        "sources: { a: { kind: grafana, fields: { key: id, state: { path: s, firing: x } }, verify: { bearer: { env: A } } } }",
    ),
    (ROSTER, "people: {}"),
    (ROSTER, "people: { mei: { name: Mei } }"),
    (ROSTER, "people: { mei: { name: Mei, phone: \"0155501001\" } }"),
    (ROSTER, "people: { mei: { name: Mei, phone: \"+15550100103\", jid: \"15550100103@c.us\" } }"),
    (ROSTER, "people: { mei: { name: Mei, jid: \"15550100103@g.us\" } }"),
    (ROSTER, "people: { mei: { name: Mei, phone: \"+15550100103\", opted_in: \"no\" } }"),
    (ROSTER, "people: { mei: { name: Mei, phone: \"+15550100103\", roles: [] } }"),
    (ROSTER, "people: { mei: { name: Mei, phone: \"+15550100103\", language: german } }"),
    (ROSTER, "people: { mei: { name: Mei, phone: \"+15550100103\", email: mei } }"),
    (ROSTER, "rotations: { a: { timezone: UTC } }"),
    (ROSTER, "rotations: { a: { timezone: UTC, layers: [] } }"),
    (ROSTER, "rotations: { a: { timezone: UTC, start: 2026-01-05, shift_length: 1 week, people: [ mei ] } }"),
    (
        ROSTER,
        "rotations: { a: { timezone: UTC, start: 2026-01-05 09:00, shift_length: weekly, people: [ mei ] } }",
    ),
    (
        ROSTER,
        "rotations: { a: { timezone: UTC, start: 2026-01-05 09:00, shift_length: 1 week, people: [] } }",
    ),
    (ROSTER, "routes: [ { invite: { commander: mei } } ]"),
    (ROSTER, "routes: [ { name: a } ]"),
    (ROSTER, "routes: [ { name: a, match: client, invite: { commander: mei } } ]"),
    (ROSTER, "routes: [ { name: a, invite: { \"a, b\": mei } } ]"),
    (ROSTER, "routes: [ { name: a, invite: { commander: mei }, size: 1 } ]"),
    (ROSTER, "routes: [ { name: a, invite: { commander: mei }, runbook: ftp://a.example } ]"),
    (ROSTER, "routes: [ { name: a, invite: { commander: mei }, call: \"tel:+15550100\" } ]"),
    (ROSTER, "routes: [ { name: a, invite: { commander: mei }, dashboards: [ { title: x } ] } ]"),
    (ROSTER, "routes: [ { name: a, invite: { commander: mei }, quorum: { roles: [] } } ]"),
    (ROSTER, "routes: { acme: { invite: { commander: mei } } }"),
    (ROSTER, "fallback: { name: x, invite: { commander: mei } }"),
];

/// The snippet with the other sections that a document needs, as YAML for the reader: what editors and the
/// reader make of a bare `+1555…` differs.
fn yaml_of(document: Document, snippet: &str) -> String {
    let mut sections = base(document);
    if let (Value::Object(sections), Value::Object(own)) = (&mut sections, json_of(snippet)) {
        sections.retain(|key, _| !own.contains_key(key));
    }
    let sections = sections.as_object().into_iter().flatten();
    let lines: Vec<String> = sections.map(|(key, section)| format!("{key}: {section}")).collect();
    format!("{}\n{snippet}\n", lines.join("\n"))
}

#[test]
fn what_the_reader_takes_the_schema_takes() {
    let mut wrong = Vec::new();
    for (document, snippet) in TAKEN {
        if let Err(findings) = read(*document, &yaml_of(*document, snippet)) {
            wrong.push(format!("the reader refuses {snippet}: {findings}"));
        }
        if let Err(e) = validator(*document).validate(&with(*document, snippet)) {
            wrong.push(format!("the schema refuses {snippet}: {e}"));
        }
    }
    nothing(&wrong);
}

#[test]
fn what_the_schema_refuses_the_reader_refuses() {
    let mut wrong = Vec::new();
    for (document, snippet) in REFUSED {
        if validator(*document).is_valid(&with(*document, snippet)) {
            wrong.push(format!("the schema takes {snippet}"));
        }
        if read(*document, &yaml_of(*document, snippet)).is_ok() {
            wrong.push(format!("the reader takes {snippet}"));
        }
    }
    nothing(&wrong);
}
