//! Tools that say everything once and hardly anything afterwards: what the first body said stays true.

use reqwest::StatusCode;
use serde_json::{Value, json};
use warroom::alert::Severity;
use warroom::incident::Incident;

use crate::harness::{ADA, BEN, Options, World};

const SECRET: &str = "a-secret-for-follow-ups";

const SOURCES: &str = "  goalert:
    kind: goalert
    verify: { bearer: a-secret-for-follow-ups }
  opsgenie:
    kind: opsgenie
    verify: { bearer: a-secret-for-follow-ups }
    severity: { rules: [ { match: [ 'client = initech' ], is: sev1 } ] }
  sentry:
    kind: sentry
    verify: { bearer: a-secret-for-follow-ups }
";

const ROSTER: &str = r#"
people:
  ada: { name: Ada Obi, phone: "+15550100001", introduced: true }
  ben: { name: Ben Cho, phone: "+15550100002", introduced: true }
routes:
  - name: acme
    match: [ 'client = acme' ]
    invite: { commander: [ ben ] }
fallback:
  invite: { commander: [ ada ] }
"#;

async fn world() -> World {
    let options = Options { sources: SOURCES.to_owned(), roster: ROSTER.to_owned(), ..Options::default() };
    World::with(options).await
}

impl World {
    /// What became of the only incident of a body, and its name.
    async fn tell(&self, source: &str, body: &Value) -> (String, String) {
        let request = self.http.post(format!("http://{}/hooks/{source}", self.public)).bearer_auth(SECRET);
        let response = request.json(body).send().await.unwrap();
        let (status, receipt) = (response.status(), response.json::<Value>().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{receipt}");
        let only = &receipt["incidents"][0];
        (only["outcome"].as_str().unwrap().to_owned(), only["id"].as_str().unwrap_or_default().to_owned())
    }

    async fn incident(&self, id: &str) -> Incident {
        self.dossier(id).await.incident
    }
}

#[tokio::test]
async fn goalert_tells_of_an_alert_once_and_then_only_its_number() {
    let world = world().await;
    let begin = json!({
        "AppName": "GoAlert", "Type": "Alert", "AlertID": 1, "Summary": "Checkout is down", "Details": "502s",
        "ServiceID": "s", "ServiceName": "checkout", "Meta": { "severity": "critical", "client": "acme" },
    });
    let (outcome, id) = world.tell("goalert", &begin).await;
    assert_eq!(outcome, "opened");
    let status =
        |entry: &str| json!({ "AppName": "GoAlert", "Type": "AlertStatus", "AlertID": 1, "LogEntry": entry });
    assert_eq!(world.tell("goalert", &status("Acknowledged by Jonas (Web)")).await.0, "updated");
    let incident = world.incident(&id).await;
    assert_eq!((incident.severity, incident.title.as_str()), (Severity::Sev1, "Checkout is down"));
    assert_eq!((incident.summary.as_str(), incident.labels["client"].as_str()), ("502s", "acme"));
    assert!(incident.acknowledged);
    assert_eq!(world.tell("goalert", &status("Closed by Jonas (Web)")).await, ("resolved".to_owned(), id));
    let unmapped = world.bridge.receiver.metrics.render();
    assert!(!unmapped.contains("warroom_alerts_unmapped_total{source=\"goalert\"}"), "no page was missed");
}
