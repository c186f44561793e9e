//! The templates that users are told to paste into their tools, filled in as the tools do it.

use std::fs;
use std::path::Path;

use warroom::alert::{AlertState, LinkKind, Severity};
use warroom::source::SourceKind;

use super::{Sent, alerts, source};

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The block in that language on the page of that kind of source.
fn block(kind: SourceKind, language: &str) -> String {
    let page = file(&format!("docs/sources/{}.md", kind.as_str()));
    let (_, block) = page.split_once(&format!("```{language}\n")).unwrap();
    block.split_once("\n```").unwrap().0.to_owned()
}

/// Longer names first, so that `$DATE` does not eat into `$DATE_POSIX`.
fn filled(template: String, variables: &[(&str, &str)]) -> Sent {
    let mut variables = variables.to_vec();
    variables.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let body = variables.iter().fold(template, |body, (name, value)| {
        assert!(body.contains(name), "{name} is not in the template");
        body.replace(name, value)
    });
    assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{body}");
    Sent::from(body.as_bytes())
}

#[test]
fn datadogs_payload_is_one_that_is_understood() {
    let variables = |transition| {
        [
            ("$ID", "1"),
            ("$ALERT_ID", "42"),
            ("$ALERT_CYCLE_KEY", "5"),
            ("$ALERT_TRANSITION", transition),
            ("$ALERT_TYPE", "error"),
            ("$ALERT_PRIORITY", "P1"),
            ("$ALERT_SCOPE", "service:ledger"),
            ("$EVENT_TITLE", "[P1] [Triggered] Ledger is down"),
            ("$TEXT_ONLY_MSG", "no writes"),
            ("$TAGS", "client:acme,env:production"),
            ("$LINK", "https://datadog.example/e"),
            ("$DATE", "1770112800000"),
        ]
    };
    let source = source(SourceKind::Datadog);
    let begin = &alerts(&source, filled(block(SourceKind::Datadog, "json"), &variables("Triggered")))[0];
    assert_eq!((begin.state, begin.severity), (AlertState::Firing, Severity::Sev1));
    assert_eq!((begin.title.as_str(), begin.summary.as_str()), ("Ledger is down", "no writes"));
    assert_eq!(begin.labels["environment"], "production");
    assert!(!begin.labels.contains_key("host"), "what was not replaced is nothing: {:?}", begin.labels);
    assert_eq!(begin.links.len(), 1);
    let end = &alerts(&source, filled(block(SourceKind::Datadog, "json"), &variables("Recovered")))[0];
    assert_eq!((&end.key, &end.id, end.state), (&begin.key, &begin.id, AlertState::Resolved));
}

#[test]
fn new_relics_template_is_one_that_is_understood() {
    let variables = |state, acknowledged_at, closed_at| {
        [
            ("{{ json issueId }}", r#""b7a3""#),
            ("{{ json issuePageUrl }}", r#""https://newrelic.example/b7a3""#),
            ("{{ json annotations.title.[0] }}", r#""Ledger is down""#),
            (
                "{{#if annotations.description}}{{ json annotations.description }}{{else}}[]{{/if}}",
                r#"["no writes"]"#,
            ),
            ("{{ json priority }}", r#""CRITICAL""#),
            ("{{ json state }}", state),
            ("{{ json triggerEvent }}", r#""USER_ACTION""#),
            ("{{ json entitiesData.names }}", r#"["ledger"]"#),
            ("{{ createdAt }}", "1770112800000"),
            ("{{ updatedAt }}", "1770113400000"),
            ("{{#if acknowledgedAt}}{{ acknowledgedAt }}{{else}}null{{/if}}", acknowledged_at),
            ("{{#if closedAt}}{{ closedAt }}{{else}}null{{/if}}", closed_at),
            ("{{ json accumulations.policyName }}", r#"["Ledger"]"#),
            ("{{ json accumulations.conditionName }}", r#"["Writes"]"#),
            ("{{ json workflowName }}", r#""warroom""#),
        ]
    };
    let source = source(SourceKind::Newrelic);
    for (state, acknowledged_at, closed_at, wanted) in [
        (r#""ACTIVATED""#, "null", "null", AlertState::Firing),
        (r#""ACTIVATED""#, "1770113000000", "null", AlertState::Acknowledged),
        (r#""CLOSED""#, "1770113000000", "1770113400000", AlertState::Resolved),
    ] {
        let body =
            filled(block(SourceKind::Newrelic, "handlebars"), &variables(state, acknowledged_at, closed_at));
        let alert = &alerts(&source, body)[0];
        assert_eq!((alert.state, alert.severity), (wanted, Severity::Sev1));
        assert_eq!((alert.title.as_str(), alert.summary.as_str()), ("Ledger is down", "no writes"));
        assert_eq!((alert.labels["client"].as_str(), alert.labels["entity"].as_str()), ("acme", "ledger"));
        assert_eq!(alert.ended_at.is_some(), wanted == AlertState::Resolved);
    }
}

#[test]
fn kibanas_body_is_one_that_is_understood_at_both_ends() {
    let variables = |group| {
        [
            ("{{rule.id}}", "6f8a"),
            ("{{rule.name}}", "Ledger is down"),
            ("{{alert.id}}", "ledger-db-1"),
            ("{{alert.actionGroup}}", group),
            ("{{rule.tags}}", "client:acme,env:production"),
            ("{{context.reason}}", "no writes"),
            ("{{rule.url}}", "https://kibana.example/rule"),
            ("{{context.alertDetailsUrl}}", ""),
            ("{{date}}", "2026-02-03T10:00:00.000Z"),
        ]
    };
    let source = source(SourceKind::Elastic);
    let begin = &alerts(&source, filled(block(SourceKind::Elastic, "json"), &variables("threshold met")))[0];
    assert_eq!((begin.state, begin.severity), (AlertState::Firing, Severity::Sev1));
    assert_eq!((begin.labels["client"].as_str(), begin.summary.as_str()), ("acme", "no writes"));
    let end = &alerts(&source, filled(block(SourceKind::Elastic, "json"), &variables("recovered")))[0];
    assert_eq!((&end.key, &end.id, end.state), (&begin.key, &begin.id, AlertState::Resolved));
}

#[test]
fn zabbixs_media_type_sends_what_is_understood() {
    #[derive(serde::Deserialize)]
    struct Parameter {
        name: String,
        value: String,
    }
    #[derive(serde::Deserialize)]
    struct MediaType {
        parameters: Vec<Parameter>,
        script: String,
    }
    #[derive(serde::Deserialize)]
    struct Export {
        media_types: Vec<MediaType>,
    }
    #[derive(serde::Deserialize)]
    struct File {
        zabbix_export: Export,
    }
    let file: File = serde_saphyr::from_str(&file("config/zabbix-media-type.yaml")).unwrap();
    let [media] = &file.zabbix_export.media_types[..] else { panic!("one media type") };
    for line in ["hmac('sha256', secret, text)", "'X-Hub-Signature-256: sha256='", "request.post(to, text)"] {
        assert!(media.script.contains(line), "{line}");
    }
    let value_of = |parameter: &Parameter, is_over: bool| match parameter.name.as_str() {
        "event_id" => "80042".to_owned(),
        "event_value" => (if is_over { "0" } else { "1" }).to_owned(),
        "event_nseverity" => "5".to_owned(),
        "event_name" => "PostgreSQL is down".to_owned(),
        "event_tags" => r#"[{"tag":"client","value":"acme"}]"#.to_owned(),
        "event_ack_status" => "No".to_owned(),
        "event_update_status" => "0".to_owned(),
        "host_name" => "ledger-db-1".to_owned(),
        "runbook_url" => "https://runbooks.example/postgresql".to_owned(),
        // All the others in the state in which a macro without value stays.
        _ => parameter.value.clone(),
    };
    let source = source(SourceKind::Zabbix);
    let read = |is_over| {
        let mut body: serde_json::Map<_, _> = media
            .parameters
            .iter()
            .filter(|parameter| !["to", "secret"].contains(&parameter.name.as_str()))
            .map(|parameter| (parameter.name.clone(), value_of(parameter, is_over).into()))
            .collect();
        body.insert("event_timestamp".to_owned(), "1770112800000".into());
        body.insert(
            "event_recovery_timestamp".to_owned(),
            (if is_over { "1770114000000" } else { "" }).into(),
        );
        alerts(&source, serde_json::Value::Object(body).to_string().as_bytes()).remove(0)
    };
    let (begin, end) = (read(false), read(true));
    assert_eq!((begin.state, begin.severity), (AlertState::Firing, Severity::Sev1));
    assert_eq!((begin.title.as_str(), begin.labels["client"].as_str()), ("PostgreSQL is down", "acme"));
    assert_eq!(begin.links.iter().map(|link| link.kind).collect::<Vec<_>>(), [LinkKind::Runbook]);
    assert_eq!(begin.summary, "");
    assert_eq!((&end.key, end.state, end.started_at), (&begin.key, AlertState::Resolved, begin.started_at));
    assert!(end.ended_at > begin.started_at);
}
