//! Limits of a number and states of its session.

use super::*;

#[tokio::test]
async fn the_creation_budget_is_enforced_and_creations_are_counted() {
    let bench = Bench::new(Setup {
        policy: Policy {
            creations_per_hour: Some(2),
            creation_lock: SignedDuration::from_hours(24),
            ..Policy::default()
        },
        ..Setup::default()
    });
    bench.made("INCIDENT-1", &[ADA]).await;
    bench.made("INCIDENT-2", &[ADA]).await;
    let answer = bench.create("INCIDENT-3", &[ADA]).await;
    assert_eq!(answer.json()["exception"]["data"], 429);
    bench.pass(7200);
    assert_eq!(bench.create("INCIDENT-3", &[ADA]).await.status, 500);
    bench.pass(86_400);
    bench.made("INCIDENT-3", &[ADA]).await;
    assert_eq!(bench.sandbox.creations().len(), 3);
}

#[tokio::test]
async fn sends_over_the_cap_get_a_429_with_retry_after() {
    let bench = Bench::new(Setup {
        policy: Policy { sends_per_minute: Some(1), ..Policy::default() },
        ..Setup::default()
    });
    let body = text_to(&format!("{ADA}@c.us"), "hi");
    bench.call("POST", "/v2/send/text", body.clone()).await;
    let answer = bench.call("POST", "/v2/send/text", body).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers["retry-after"], "60");
    assert_eq!(bench.sandbox.chat(ADA).len(), 1);
}

#[tokio::test]
async fn a_session_that_is_not_working_answers_422_until_it_works_again() {
    let bench = Bench::with_engine(Engine::Webjs);
    bench.sandbox.set_session(Setup::INSTANCE_ID, "FAILED");
    let answer = bench.create("INCIDENT-1", &[ADA]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.json()["status"], "FAILED");
    assert_eq!(answer.json()["expected"], json!(["WORKING"]));
    assert_eq!(bench.get("/v2/session/info").await.json()["status"], "FAILED");
    bench.call("POST", "/v2/session/restart", Value::Null).await;
    bench.made("INCIDENT-1", &[ADA]).await;

    bench.sandbox.set_session(Setup::INSTANCE_ID, "SCAN_QR_CODE");
    bench.call("POST", "/v2/session/restart", Value::Null).await;
    let info = bench.get("/v2/session/info").await.json();
    assert_eq!((&info["status"], &info["me"]), (&json!("SCAN_QR_CODE"), &Value::Null));
    bench.sandbox.set_session(Setup::INSTANCE_ID, UNLINKED);
    let answer = bench.get("/v2/groups").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (404, &json!("invalid_session")));
}

#[tokio::test]
async fn a_banned_number_stays_so_and_its_groups_go_on_under_another_admin() {
    let bench = Bench::with_engine(Engine::Webjs);
    let id = bench.made("INCIDENT-1", &[ADA]).await;
    bench.sandbox.add_fault(Fault::on(Operation::SendText, FaultKind::Ban));
    let words = json!({"chatId": id, "message": "hello"});
    let answer = bench.call("POST", "/v2/send/text", words.clone()).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (422, &json!("FAILED")));
    for path in ["restart", "stop", "logout", "start"] {
        bench.call("POST", &format!("/v2/session/{path}"), Value::Null).await;
    }
    let info = bench.get("/v2/session/info").await.json();
    assert_eq!((&info["status"], &info["me"]), (&json!("FAILED"), &Value::Null));
    assert_eq!(bench.call("POST", "/v2/send/text", words).await.status.as_u16(), 422);
    bench.sandbox.say(ADA, &id, "we go on");
    assert_eq!(bench.sandbox.groups()[0].texts(), ["we go on"]);
    bench.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    assert_eq!(bench.get("/v2/session/info").await.json()["status"], "WORKING");
}

#[tokio::test]
async fn webhook_settings_replace_the_whole_list() {
    let bench = Bench::with_engine(Engine::Webjs);
    let hooks = json!([{"url": "https://bridge.example/hooks", "events": ["message"], "is_active": 1}]);
    bench.call("POST", "/v2/session/webhook", json!({"webhooks": hooks})).await;
    assert_eq!(bench.get("/v2/session/webhook").await.json()["webhooks"], hooks);
}
