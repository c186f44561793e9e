//! Bodies that are not quite what they should be, each read as what it evidently is once its proof holds.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::log_lines::Captured;
use super::{Answer, Delivery, mac};
use crate::harness::{Options, TOKEN, World, firing};

const KEY: &str = "the-key-of-the-signer";

/// Kinds of which there is a source of that name, proven by a bearer token.
const KINDS: [&str; 14] = [
    "alertmanager",
    "azure",
    "datadog",
    "dynatrace",
    "elastic",
    "generic",
    "goalert",
    "honeycomb",
    "nagios",
    "pagerduty",
    "pingdom",
    "splunk_on_call",
    "uptime_kuma",
    "zabbix",
];

async fn world() -> World {
    let mut sources = String::new();
    for kind in KINDS {
        let name = kind.replace('_', "-");
        writeln!(sources, "  {name}: {{ kind: {kind}, verify: {{ bearer: {TOKEN} }} }}").unwrap();
    }
    writeln!(sources, "  signer: {{ kind: generic, verify: {{ hmac: {KEY} }} }}").unwrap();
    writeln!(
        sources,
        "  sentry:\n    kind: sentry\n    verify: {{ bearer: {TOKEN} }}\n    severity:\n      rules:\n        - match: [ 'type = \"7001\"', 'priority = \"75\"' ]\n          is: sev1"
    )
    .unwrap();
    World::with(Options { sources, ..Options::default() }).await
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn signed(body: &[u8]) -> (&'static str, String) {
    ("x-hub-signature-256", format!("sha256={}", hex::encode(mac(KEY.as_bytes(), &[body]))))
}

impl World {
    async fn give(&self, to: &str, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        let mut headers: Vec<_> = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        headers.push(("authorization", format!("Bearer {TOKEN}")));
        self.take(&Delivery { to: to.to_owned(), headers, query: None, body: body.into() }).await
    }

    /// The title of the incident that a body opens.
    async fn opens(&self, to: &str, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) -> String {
        let answer = self.give(to, headers, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["incidents"][0]["outcome"], "opened", "{to}: {answer:?}");
        self.dossier(&answer.incident()).await.incident.title
    }
}

fn utf16(text: &str, mark: &[u8], unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    mark.iter().copied().chain(text.encode_utf16().flat_map(unit)).collect()
}

fn own(key: &str, title: &str) -> String {
    format!(r#"{{"event":"triggered","dedup_key":"{key}","severity":1,"title":"{title}"}}"#)
}

#[tokio::test]
async fn text_that_no_json_may_hold_is_read_as_it_was_meant() {
    let world = world().await;
    let group = firing("Queue").to_string();
    let cases: [(&str, String, &str); 12] = [
        ("alertmanager", group.replace("Queue is broken", r"queue \ud83d"), "queue \u{fffd}"),
        ("generic", own("s1", r"shop \udd25 down"), "shop \u{fffd} down"),
        ("pagerduty", r#"{"event":{"id":"E","event_type":"incident.triggered","occurred_at":"2026-03-02T09:59:00Z","data":{"id":"Q1","type":"incident","title":"tills \ud83c","priority":{"summary":"P1"},"status":"triggered"}}}"#.to_owned(), "tills \u{fffd}"),
        ("dynatrace", "{\"State\":\"OPEN\",\"PID\":\"9_3V2\",\"ProblemTitle\":\"Login is gone\",\"ProblemSeverity\":\"AVAILABILITY\",\"ProblemDetailsText\":\"one\n\ttwo\"}".to_owned(), "Login is gone"),
        ("generic", own("c1", "raw\ttab"), "raw tab"),
        ("generic", own("c2", "line\r\nbreak"), "line break"),
        ("zabbix", r#"{"event_id":"81","event_value":"1","event_severity":"Disaster","event_name":"C:\Export\Old is full"}"#.to_owned(), r"C:\Export\Old is full"),
        ("generic", own("e1", r"it\'s \\srv\dfs"), r"it's \srv\dfs"),
        ("generic", own("e2", r"100\% used"), r"100\% used"),
        ("generic", own("n1", r#"none","value":NaN,"x":""#), "none"),
        ("generic", own("n2", r#"no end","limit":Infinity,"low":-Infinity,"x":""#), "no end"),
        ("generic", own("n3", r#"gap","value":,"x":"",""#).replace(r#","""#, ","), "gap"),
    ];
    for (to, body, title) in cases {
        assert_eq!(world.opens(to, &[], body.clone()).await, title, "{body}");
    }
    for kind in ["alertmanager", "pagerduty", "dynatrace", "zabbix"] {
        let line = format!("warroom_hooks_read_leniently_total{{source=\"{kind}\"}}");
        assert_eq!(world.metric(&line), 1, "{line}");
    }
    assert_eq!(world.metric("warroom_hooks_read_leniently_total{source=\"generic\"}"), 8);
}

#[tokio::test]
async fn encodings_other_than_utf8_are_known_by_what_they_look_like() {
    let world = world().await;
    for (n, body) in [
        utf16(&own("k0", "Störung"), &[0xff, 0xfe], u16::to_le_bytes),
        utf16(&own("k1", "Störung"), &[0xfe, 0xff], u16::to_be_bytes),
        utf16(&own("k2", "Störung"), &[], u16::to_le_bytes),
        own("k3", "Störung").chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect(),
        ["\u{feff}".as_bytes(), own("k4", "Störung").as_bytes(), b"\0"].concat(),
        [own("k5", "Störung").as_bytes(), b"\n\0\0"].concat(),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(world.opens("generic", &[], body).await, "Störung", "{n}");
    }
    let mut elastic =
        br#"{"severity":"critical","rule_id":"r7","alert_id":"q","action_group":"fired","rule_name":"Lager "#
            .to_vec();
    elastic.extend(b"\x84Nord\x93\"}");
    let title = world.opens("elastic", &[], elastic).await;
    assert!(title.contains("Lager „Nord“"), "{title}");
}

#[tokio::test]
async fn several_documents_are_each_taken_in() {
    let world = world().await;
    let lines = format!("{}\n{}\n", own("m1", "first"), own("m2", "second"));
    let groups = format!("{}{}", firing("Left"), firing("Right"));
    let with_one_odd =
        format!("{}\n{{\"event\":\"triggered\"}}\n{}", own("m3", "third"), own("m4", "fourth"));
    for (to, body) in [("generic", lines), ("alertmanager", groups), ("generic", with_one_odd)] {
        let answer = world.give(to, &[], body).await;
        let incidents = answer.json()["incidents"].as_array().unwrap().clone();
        assert_eq!(incidents.len(), 2, "{answer:?}");
        assert!(incidents.iter().all(|incident| incident["outcome"] == "opened"), "{answer:?}");
    }
}

#[tokio::test]
async fn of_one_key_twice_the_last_one_counts() {
    let world = world().await;
    let group = firing("Twice").to_string().replacen('{', r#"{"status":"resolved","alerts":[],"#, 1);
    for (to, body, title) in [
        ("alertmanager", group, "Twice is broken"),
        ("honeycomb", r#"{"id":"h","name":"old","status":"OK","severity":"low","status":"TRIGGERED","severity":"critical","name":"Slow"}"#.to_owned(), "Slow"),
        ("pingdom", r#"{"check_id":9,"check_name":"a","current_state":"UP","importance_level":"HIGH","tags":["sev1"],"current_state":"DOWN","check_name":"Login"}"#.to_owned(), "Login is down"),
        ("goalert", r#"{"Type":"Test","AlertID":6,"Summary":"x","Type":"Alert","Summary":"Line cut","Meta":{"severity":"critical"}}"#.to_owned(), "Line cut"),
        ("dynatrace", r#"{"State":"OPEN","PID":"8_1V2","ProblemTitle":"Pay","ProblemSeverity":"ERROR","ProblemSeverity":"AVAILABILITY","ProblemDetailsJSON":{"title":"v1"},"ProblemDetailsJSONv2":{"impactedEntities":[{"name":"pay-api"}]}}"#.to_owned(), "Pay: pay-api"),
    ] {
        assert_eq!(world.opens(to, &[], body).await, title);
    }
    assert_eq!(world.metric("warroom_hooks_read_leniently_total{source=\"pingdom\"}"), 0, "it is valid JSON");
}

#[tokio::test]
async fn forms_are_read_like_documents() {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let world = world().await;
    let pairs = |fields: &[(&str, &str)]| {
        let mut body = url::form_urlencoded(fields);
        body.pop();
        body
    };
    for (to, headers, body, title) in [
        ("generic", &form[..], pairs(&[("payload", &own("f1", "a=b & c"))]), "a=b & c"),
        ("generic", &[][..], pairs(&[("token", "x"), ("payload", &own("f2", "of no type"))]), "of no type"),
        ("generic", &form[..], format!("payload={}", own("f3", "not encoded + so")), "not encoded + so"),
        ("generic", &form[..], own("f4", "curl says form"), "curl says form"),
        (
            "generic",
            &form[..],
            pairs(&[("event", "triggered"), ("dedup_key", "f5"), ("severity", "1"), ("title", "fields")]),
            "fields",
        ),
        (
            "pagerduty",
            &form[..],
            pairs(&[(
                "payload",
                r#"{"event":{"id":"F","event_type":"incident.triggered","data":{"id":"Q2","type":"incident","title":"tills","priority":{"summary":"P1"},"status":"triggered"}}}"#,
            )]),
            "tills",
        ),
        (
            "nagios",
            &form[..],
            "notification_type=PROBLEM&host_name=db%2001&host_state=DOWN&host_output=k%E4lte".to_owned(),
            "db 01 is DOWN",
        ),
        (
            "splunk-on-call",
            &form[..],
            pairs(&[
                ("incident", "812"),
                ("message_type", "\"CRITICAL\""),
                ("entity_id", "\"pos/7/down\""),
                ("entity_display_name", "\"Pos 7 is down\""),
                ("state_message", "\"\""),
            ]),
            "Pos 7 is down",
        ),
    ] {
        assert_eq!(world.opens(to, headers, body.clone()).await, title, "{body}");
    }
    for (state, outcome) in [("acknowledged", "updated"), ("resolved", "resolved")] {
        let body = pairs(&[("incident_id", "812"), ("incident_state", state), ("entity_id", "pos/7/down")]);
        assert_eq!(world.give("splunk-on-call", &form, body).await.outcome(), outcome);
    }
    let multipart = format!(
        "--zz\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n{}\r\n--zz--\r\n",
        own("f6", "in parts")
    );
    assert_eq!(world.opens("generic", &[], multipart).await, "in parts");
}

/// Just enough of form encoding for a test.
mod url {
    use std::fmt::Write;

    pub(super) fn form_urlencoded(fields: &[(&str, &str)]) -> String {
        let mut form = String::new();
        for (name, value) in fields {
            write!(form, "{name}=").unwrap();
            value.bytes().for_each(|byte| write!(form, "%{byte:02X}").unwrap());
            form.push('&');
        }
        form
    }
}

#[tokio::test]
async fn what_is_packed_is_unpacked_whichever_of_both_was_signed() {
    let world = world().await;
    let gzip = [("content-encoding", "gzip")];
    let group = packed(firing("Packed").to_string().as_bytes());
    assert_eq!(world.opens("alertmanager", &gzip, group).await, "Packed is broken");
    assert_eq!(world.opens("generic", &[], packed(own("g1", "unsaid").as_bytes())).await, "unsaid");
    let form = packed(b"notification_type=PROBLEM&host_name=till&host_state=DOWN");
    assert_eq!(world.opens("nagios", &gzip, form).await, "till is DOWN");

    let plain = own("g2", "signed");
    let send = |body: Vec<u8>, signed: (&'static str, String)| Delivery {
        to: "signer".to_owned(),
        headers: vec![signed, ("content-encoding", "gzip".to_owned())],
        query: None,
        body,
    };
    let bytes = packed(plain.as_bytes());
    let over_the_plain = send(bytes.clone(), signed(plain.as_bytes()));
    assert_eq!(world.take(&over_the_plain).await.outcome(), "opened");
    let bytes = packed(own("g3", "signed").as_bytes());
    let over_the_packed = send(bytes.clone(), signed(&bytes));
    assert_eq!(world.take(&over_the_packed).await.outcome(), "opened");
    for forged in
        [send(bytes.clone(), signed(plain.as_bytes())), send(packed(&vec![b' '; 200 << 20]), signed(b""))]
    {
        world.take(&forged).await.assert_problem(401, "unauthorized");
    }
    let bomb = packed(&vec![b' '; 64 << 20]);
    let answer = world.give("alertmanager", &gzip, bomb).await;
    assert_eq!((answer.status, &answer.json()["outcome"]), (200, &json!("ignored")), "{answer:?}");
    assert!(answer.body.contains("cannot be unpacked"), "{answer:?}");
}

#[tokio::test]
async fn numbers_keep_all_their_digits() {
    let world = world().await;
    let id = |id: &str| format!(r#"{{"event":"triggered","dedup_key":{id},"severity":1}}"#);
    for number in ["36893488147419103232", "36893488147419103233", "1234567890.1234567890123", "7"] {
        assert_eq!(world.give("generic", &[], id(number)).await.outcome(), "opened", "{number}");
    }
    assert_eq!(world.give("generic", &[], id("36893488147419103233")).await.outcome(), "repeated");
    assert_eq!(world.give("generic", &[], id("7.0")).await.outcome(), "repeated", "7.0 is 7");
    let goalert =
        |id: &str| format!(r#"{{"Type":"Alert","AlertID":{id},"Summary":"x","Meta":{{"severity":"sev1"}}}}"#);
    for number in ["99999999999999999991", "99999999999999999992"] {
        assert_eq!(world.give("goalert", &[], goalert(number)).await.outcome(), "opened", "{number}");
    }
    let body = r#"{"event":"triggered","dedup_key":"one","severity":1.0,"title":"one"}"#;
    assert_eq!(world.opens("generic", &[], body).await, "one");
    assert_eq!(world.metric("warroom_hooks_read_leniently_total{source=\"generic\"}"), 0, "it is valid JSON");
}

#[tokio::test]
async fn fields_that_tools_name_in_odd_places_are_found() {
    let world = world().await;
    let datadog = r#"{"title":"[Triggered] Pay is slow","alerttransition":"Triggered","priority":"P1","id":"55","body":"%%%\n[Monitor](https://app.datadoghq.example/monitors#30219?group=host%3Apay) %%%"}"#;
    assert_eq!(world.opens("datadog", &[], datadog).await, "Pay is slow");
    let over = datadog.replace("Triggered", "Recovered").replace(r#""id":"55""#, r#""id":"56""#);
    assert_eq!(world.give("datadog", &[], over).await.outcome(), "resolved");
    let elsewhere = r#"{"title":"[Triggered] Till","alerttransition":"Triggered","priority":"P1","message":"[Monitor](https://app.datadoghq.example/monitors/30220) 12 % errors"}"#;
    let answer = world.give("datadog", &[], elsewhere).await;
    let incident = world.dossier(&answer.incident()).await.incident;
    assert_eq!(incident.labels["monitor_id"], "30220");
    assert!(incident.summary.contains("12 % errors"), "{}", incident.summary);

    let azure = r#"{"schemaId":"azureMonitorCommonAlertSchema","data":{"essentials":{"alertId":"/subscriptions/9c/providers/Microsoft.AlertsManagement/alerts/z9","alertRule":"db full","severity":"Sev0","monitorCondition":"Fired","alertTargetIDs":["/subscriptions/9c/resourcegroups/pay/providers/microsoft.sql/servers/db1/databases/pay"]}}}"#;
    let answer = world.give("azure", &[], azure).await;
    let labels = world.dossier(&answer.incident()).await.incident.labels;
    assert_eq!(labels["resource_type"], "microsoft.sql/servers/databases");
    let extension = azure
        .replace("/databases/pay", "/providers/microsoft.insights/diagnosticSettings/all")
        .replace("alerts/z9", "alerts/z10");
    let answer = world.give("azure", &[], extension).await;
    let labels = world.dossier(&answer.incident()).await.incident.labels;
    assert_eq!(labels["resource_type"], "microsoft.insights/diagnosticsettings");

    let sentry = r#"{"action":"triggered","data":{"event":{"issue_id":"90","level":"error","occurrence":{"type":7001,"priority":75,"issueTitle":"Pay does not answer","subtitle":"three regions","evidenceDisplay":[{"name":"Status","value":"503"}]}}}}"#;
    assert_eq!(
        world.opens("sentry", &[("sentry-hook-resource", "event_alert")], sentry).await,
        "Pay does not answer"
    );
    let incidents = world.store.incidents(warroom::store::IncidentQuery::default()).await.unwrap();
    let incident = incidents.iter().find(|i| i.incident.source == "sentry").unwrap();
    assert!(
        incident.incident.summary.contains("three regions\nStatus: 503"),
        "{}",
        incident.incident.summary
    );
}

#[tokio::test]
async fn it_is_said_once_and_the_stored_body_is_read_the_same_again() {
    let world = world().await;
    let (captured, listening) = Captured::listen();
    for n in 0..5 {
        assert_eq!(world.opens("generic", &[], own(&format!("w{n}"), r"C:\Data")).await, r"C:\Data");
    }
    drop(listening);
    let log = captured.text();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("was read leniently")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("generic") && lines[0].contains("a wrong escape"), "{lines:?}");
    assert!(!lines[0].contains("Data"), "{lines:?}");

    let packed = packed(own("again", "packed").as_bytes());
    let receipt: Value = world.give("generic", &[], packed).await.json();
    let stored =
        world.store.receipt(receipt["receipt"].as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
    let replayed = world.bridge.receiver.replay(&stored).await.unwrap();
    assert_eq!(replayed.incidents[0].id.as_deref(), receipt["incidents"][0]["id"].as_str());
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_address_is_taken() {
    let sources = format!("  am: {{ kind: prometheus, verify: {{ bearer: {TOKEN} }} }}\n");
    let world = World::with(Options { sources, ..Options::default() }).await;
    let body = firing("Slash");
    assert_eq!(world.give("prometheus/", &[], body.to_string()).await.outcome(), "opened");
    let alerts = body["alerts"].to_string();
    assert_eq!(world.give("am/api/v2/alerts/", &[], alerts.clone()).await.status, 200);
    for path in ["prometheus//", "Prometheus", "prometheus/x"] {
        world.give(path, &[], body.to_string()).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn what_begins_and_ends_in_one_body_is_said_to_be_over() {
    let world = world().await;
    for (name, end_at) in [("Blip", 1), ("Blop", 0)] {
        let mut body = firing(name);
        let mut over = body["alerts"][0].clone();
        over["status"] = "resolved".into();
        over["endsAt"] = "2026-03-02T09:59:50Z".into();
        // Senders list them in either order.
        body["alerts"].as_array_mut().unwrap().insert(end_at, over);
        let answer = world.give("alertmanager", &[], body.to_string()).await.json();
        let incident = &answer["incidents"][0];
        assert_eq!(
            (&incident["outcome"], &incident["severity"], &incident["reason"]),
            (&json!("ignored"), &json!("sev1"), &json!("it was over before anybody was called")),
            "{name}"
        );
    }
}
