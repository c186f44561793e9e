//! What the API answers, and what it takes.

use super::*;
use crate::console::failed;
use crate::problem::Problem;
use crate::store::StoreError;

#[tokio::test]
async fn incidents_are_listed_newest_first_and_by_state() {
    let desk = Desk::open();
    let first = desk.incident("Checkout is down").await;
    desk.later(1000);
    let second = desk.incident("Search is down").await;
    desk.resolve("Search is down").await;
    let ids = async |path: &str| {
        let json = desk.get(path).await.json();
        let listed = json["incidents"].as_array().unwrap().clone();
        listed.iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("/api/incidents").await, [second.to_string(), first.to_string()]);
    assert_eq!(ids("/api/incidents?limit=1").await, [second.to_string()]);
    assert_eq!(ids("/api/incidents?state=open").await, [first.to_string()]);
    assert_eq!(ids("/api/incidents?state=resolved").await, [second.to_string()]);
    assert!(ids("/api/incidents?state=closed").await.is_empty());
}

#[tokio::test]
async fn a_query_that_is_not_understood_is_refused() {
    let desk = Desk::open();
    for query in ["state=done", "limit=0", "limit=1001", "limit=x", "stat=open"] {
        let reply = desk.get(&format!("/api/incidents?{query}")).await;
        assert_eq!(reply.problem(), (400, "bad_request".into()), "{query}");
    }
}

#[tokio::test]
async fn a_list_says_less_but_nothing_else_than_the_whole() {
    let desk = Desk::open();
    let id = desk.live("Checkout is down").await;
    let list = desk.get("/api/incidents").await.json();
    let listed = list["incidents"][0].as_object().unwrap();
    let whole = desk.get(&format!("/api/incidents/{id}")).await.json();
    for (name, value) in listed.iter().filter(|(name, _)| *name != "room") {
        assert_eq!(whole[name], *value, "{name}");
    }
    for (name, value) in listed["room"].as_object().unwrap() {
        assert_eq!(whole["room"][name], *value, "room.{name}");
    }
    assert_eq!(listed["room"]["seats"].as_array().unwrap().len(), PEOPLE.len());
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of them are the answer")]
async fn an_incident_in_full() {
    let desk = Desk::open();
    let id = desk.live("Checkout is down").await;
    let mut json = desk.get(&format!("/api/incidents/{id}")).await.json();
    assert_eq!(desk.get(&format!("/api/incidents/{}", id.0)).await.json(), json, "by its bare number");
    assert!(json["timeline"][0]["receipt"].is_string());
    json["timeline"][0]["receipt"] = "(its id is random)".into();
    insta::assert_json_snapshot!(json, @r#"
    {
      "acknowledged": false,
      "assignees": [
        "ines@ops.example"
      ],
      "attention": [],
      "changed_at": "2026-03-01T10:00:00Z",
      "closed_at": null,
      "closes_at": null,
      "firing": 1,
      "id": "INCIDENT-1",
      "labels": {
        "client": "acme",
        "region": "eu-1"
      },
      "links": [
        {
          "kind": "dashboard",
          "url": "https://grafana.example/d/checkout?from=now-1h"
        }
      ],
      "opened_at": "2026-03-01T10:00:00Z",
      "orphans": [],
      "resolved_at": null,
      "room": {
        "actions": [
          "close"
        ],
        "briefed_at": "2026-03-01T10:00:00.68Z",
        "chores": [],
        "group": "120363000000000001@g.us",
        "guest_of": null,
        "has_link": true,
        "held_until": null,
        "instance": "number-1",
        "messages": [
          {
            "at": "2026-03-01T10:00:00.68Z",
            "text": "*SEV1* INCIDENT-1: Checkout is down\nJoin at (invite link), or call …01.",
            "to": "room",
            "what": "welcome"
          },
          {
            "at": "2026-03-01T10:00:02.04Z",
            "text": "Please join: (invite link)",
            "to": "Priya Raman",
            "what": "invite"
          }
        ],
        "phase": "live",
        "read_at": "2026-03-01T10:00:01.36Z",
        "route": "acme production",
        "rule": "client = acme",
        "runbook": "https://runbooks.example/acme",
        "seats": [
          {
            "has_written": false,
            "look_at": null,
            "name": "Ines Duarte",
            "opted_in": true,
            "person": "p0",
            "phone": "…01",
            "role": "commander",
            "since": "2026-03-01T10:00:01.02Z",
            "state": "in",
            "told_alone": false,
            "why": "commander of route acme production",
            "words": "in"
          },
          {
            "has_written": false,
            "look_at": "2026-03-01T10:10:01.36Z",
            "name": "Tomas Novak",
            "opted_in": true,
            "person": "p1",
            "phone": "…02",
            "role": "specialist",
            "since": null,
            "state": "cannot_tell",
            "told_alone": false,
            "why": "specialist of route acme production",
            "words": "cannot tell"
          },
          {
            "has_written": false,
            "look_at": null,
            "name": "Priya Raman",
            "opted_in": false,
            "person": "p2",
            "phone": "…03",
            "role": "client",
            "since": "2026-03-01T10:00:02.04Z",
            "state": "invited",
            "told_alone": false,
            "why": "client of route acme production",
            "words": "invited by link"
          },
          {
            "has_written": false,
            "look_at": null,
            "name": "Kofi Mensah",
            "opted_in": true,
            "person": "p3",
            "phone": "…04",
            "role": "account manager",
            "since": null,
            "state": "refused",
            "told_alone": false,
            "why": "account manager of route acme production",
            "words": "not on WhatsApp"
          }
        ],
        "since": "2026-03-01T10:00:00.34Z",
        "standby": [],
        "subject": "INCIDENT-1 | Checkout is down",
        "troubles": [],
        "unconfirmed": null,
        "why": null
      },
      "second_groups": 0,
      "severity": "sev1",
      "source": "prometheus",
      "stale_since": null,
      "started_at": "2026-03-01T10:00:00Z",
      "state": "open",
      "summary": "Checkout answers 502 for most buyers.\nQuestions to …77.",
      "timeline": [
        {
          "at": "2026-03-01T10:00:00Z",
          "detail": "",
          "kind": "hook",
          "outcome": "opened",
          "receipt": "(its id is random)",
          "what": "prometheus"
        },
        {
          "at": "2026-03-01T10:00:00Z",
          "detail": "120363000000000001@g.us",
          "ended_at": "2026-03-01T10:00:00.34Z",
          "instance": "number-1",
          "kind": "call",
          "outcome": "ok",
          "what": "create"
        },
        {
          "at": "2026-03-01T10:00:00.34Z",
          "detail": "the group was made: 120363000000000001@g.us",
          "kind": "move",
          "outcome": "live",
          "what": "made"
        },
        {
          "at": "2026-03-01T10:00:00.34Z",
          "detail": "true_3EB0A1",
          "ended_at": "2026-03-01T10:00:00.68Z",
          "instance": "number-1",
          "kind": "call",
          "outcome": "ok",
          "what": "say welcome"
        },
        {
          "at": "2026-03-01T10:00:00.68Z",
          "detail": "4 members, 0 refused",
          "ended_at": "2026-03-01T10:00:01.02Z",
          "instance": "number-1",
          "kind": "call",
          "outcome": "ok",
          "what": "read_members"
        },
        {
          "at": "2026-03-01T10:00:01.02Z",
          "detail": "4 members, 0 refused",
          "ended_at": "2026-03-01T10:00:01.36Z",
          "instance": "number-1",
          "kind": "call",
          "outcome": "ok",
          "what": "read_members"
        },
        {
          "at": "2026-03-01T10:00:01.36Z",
          "detail": "link",
          "ended_at": "2026-03-01T10:00:01.7Z",
          "instance": "number-1",
          "kind": "call",
          "outcome": "ok",
          "what": "get_link"
        },
        {
          "at": "2026-03-01T10:00:01.7Z",
          "detail": "true_3EB0A1",
          "ended_at": "2026-03-01T10:00:02.04Z",
          "instance": "number-1",
          "kind": "call",
          "outcome": "ok",
          "what": "say invite p2"
        }
      ],
      "title": "Checkout is down",
      "truncated": false,
      "wish": null,
      "worst": "sev1"
    }
    "#);
}

#[tokio::test]
async fn a_parked_room_says_why_and_what_it_takes() {
    let desk = Desk::open();
    let id = desk.parked("Checkout is down").await;
    let json = desk.get(&format!("/api/incidents/{id}")).await.json();
    assert_eq!(json["room"]["phase"], "parked");
    assert_eq!(json["room"]["why"], "the plan makes no groups");
    assert_eq!(json["room"]["actions"], serde_json::json!(["resume", "adopt", "new-group", "cancel"]));
    assert_eq!(json["attention"][0]["kind"], "parked");
}

#[tokio::test]
async fn a_second_group_is_shown_and_can_be_closed_or_adopted() {
    let desk = Desk::open();
    let id = desk.doubled("Checkout is down").await;
    let json = desk.get(&format!("/api/incidents/{id}")).await.json();
    assert_eq!(json["room"]["group"], GROUP);
    assert_eq!(json["orphans"][0]["group"], OTHER_GROUP);
    assert_eq!(json["attention"][0]["kind"], "orphan");
    assert_eq!(json["attention"][0]["group"], OTHER_GROUP);
    assert_eq!(json["attention"][0]["actions"], serde_json::json!(["adopt", "close"]));
    let listed = desk.get("/api/incidents").await.json();
    assert_eq!(listed["incidents"][0]["second_groups"], 1);
    assert!(desk.get("/metrics").await.text.contains("\nwarroom_orphans 1\n"));

    let stranger = r#"{"group":"120363000000000077@g.us"}"#;
    let path = format!("/api/rooms/{id}/close");
    assert_eq!(desk.post_json(&path, stranger).await.problem(), (409, "conflict".into()));
    assert!(!desk.was_rung());
    let reply = desk.post_json(&path, &format!(r#"{{"group":"{OTHER_GROUP}"}}"#)).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    assert!(desk.was_rung());
    let json = desk.get(&format!("/api/incidents/{id}")).await.json();
    assert_eq!((&json["orphans"][0]["state"], &json["wish"]), (&"closing".into(), &Value::Null));
    assert_eq!(json["attention"][0].get("actions"), None, "it is under way");
    let asked = json["timeline"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&asked["kind"], asked["detail"].as_str().unwrap().contains(OTHER_GROUP)),
        (&"asked".into(), true)
    );
}

#[tokio::test]
async fn a_wish_is_stored_and_the_bell_is_rung() {
    let desk = Desk::open();
    let live = desk.live("Checkout is down").await;
    let parked = desk.parked("Search is down").await;
    let adopted = Wish::Resume { group: Some(group(OTHER_GROUP)) };
    let body = format!(r#"{{"group":"{OTHER_GROUP}"}}"#);
    for (id, action, body, wish) in [
        (live, "close", "", Wish::Cancel),
        (live, "cancel", "{}", Wish::Cancel),
        (parked, "resume", "", Wish::Resume { group: None }),
        (parked, "adopt", &body, adopted),
        (parked, "cancel", "", Wish::Cancel),
    ] {
        let path = format!("/api/rooms/{id}/{action}");
        let reply = if body.is_empty() { desk.post(&path).await } else { desk.post_json(&path, body).await };
        assert_eq!(reply.status, 202, "{action}: {}", reply.text);
        let told = reply.json();
        assert_eq!(
            (told["incident"].as_str(), told["action"].as_str()),
            (Some(&*id.to_string()), Some(action))
        );
        assert!(desk.was_rung(), "{action}");
        assert_eq!(desk.wish(id).await, Some(wish), "{action}");
    }
}

#[tokio::test]
async fn what_is_not_possible_is_a_conflict_and_leaves_no_wish() {
    let desk = Desk::open();
    let id = desk.live("Checkout is down").await;
    let body = format!(r#"{{"group":"{OTHER_GROUP}"}}"#);
    for reply in [
        desk.post(&format!("/api/rooms/{id}/resume")).await,
        desk.post_json(&format!("/api/rooms/{id}/adopt"), &body).await,
    ] {
        assert_eq!(reply.problem(), (409, "conflict".into()));
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("cannot take `resume`") || detail.contains("only a recorded second group"));
    }
    assert_eq!(desk.wish(id).await, None);
    assert!(!desk.was_rung());
}

#[tokio::test]
async fn an_adoption_names_a_group_in_json() {
    let desk = Desk::open();
    let id = desk.parked("Checkout is down").await;
    let path = format!("/api/rooms/{id}/adopt");
    assert_eq!(desk.post(&path).await.problem(), (400, "bad_request".into()));
    let long = format!(r#"{{"group":"{}"}}"#, "1".repeat(5000));
    for (body, status) in [
        ("{}", 400),
        ("not json", 400),
        (r#"{"group":"15550100101@c.us"}"#, 400),
        (r#"{"group":"120363000000000002@g.us","x":1}"#, 400),
        (&long, 413),
    ] {
        assert_eq!(desk.post_json(&path, body).await.problem().0, status, "{body}");
    }
    let good = format!(r#"{{"group":"{OTHER_GROUP}"}}"#);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        let request = Request::post(&path).header("host", "localhost").header("content-type", kind);
        let reply = desk.ask(request.body(Body::from(good.clone())).unwrap()).await;
        assert_eq!(reply.problem(), (415, "unsupported_media_type".into()), "{kind}");
    }
    assert_eq!(desk.wish(id).await, None);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let desk = Desk::open();
    let quiet = Draft { id: "disk".into(), title: "Disk fills up".into(), ..Draft::default() };
    let quiet = desk.hook(quiet, AlertState::Firing, Severity::Sev3).await;
    for path in [
        "/nothing".to_owned(),
        "/api".to_owned(),
        "/api/incidents/99".to_owned(),
        "/api/incidents/INCIDENT-0".to_owned(),
        "/api/incidents/%FF".to_owned(),
        "/files/tests.rs".to_owned(),
        "/files/..%2Fconsole.rs".to_owned(),
    ] {
        assert_eq!(desk.get(&path).await.problem(), (404, "not_found".into()), "{path}");
    }
    for path in [
        "/api/rooms/99/cancel".to_owned(),
        "/api/rooms/x/cancel".to_owned(),
        format!("/api/rooms/{quiet}/delete"),
        format!("/api/rooms/{quiet}/cancel"),
    ] {
        assert_eq!(desk.post(&path).await.problem(), (404, "not_found".into()), "{path}");
    }
    assert_eq!(desk.get("/incidents/99").await.status, 404);
    assert!(desk.get("/incidents/99").await.text.contains("Not found"));
}

#[tokio::test]
async fn a_path_with_another_method_says_so() {
    let desk = Desk::open();
    assert_eq!(desk.post("/api/incidents").await.problem(), (405, "method_not_allowed".into()));
    assert_eq!(desk.get("/api/rooms/1/cancel").await.problem(), (405, "method_not_allowed".into()));
}

#[tokio::test]
async fn a_store_that_fails_is_counted_and_answered_by_what_helps() {
    let desk = Desk::open();
    let away = StoreError::Unavailable("the disk is full".into());
    let broken = StoreError::Corrupt { what: "room", why: "it ends early".into() };
    assert_eq!(failed(&desk.console, &away), Problem::Unavailable, "come again");
    assert_eq!(failed(&desk.console, &broken), Problem::Internal, "coming again is no use");
    assert!(desk.get("/metrics").await.text.contains("warroom_store_failures_total 2"));
}

#[tokio::test]
async fn metrics_come_in_the_form_that_prometheus_wants() {
    let desk = Desk::open();
    desk.console.metrics.strays.inc();
    let reply = desk.get("/metrics").await;
    assert_eq!(reply.headers["content-type"], crate::telemetry::OPEN_METRICS);
    assert!(reply.text.contains("warroom_strays_total 1") && reply.text.ends_with("# EOF\n"));
}
