//! The routes under `/sandbox/` that change people, faults and sessions, and show the whole state.
//! Actors: the page and scripts call them; tests in the same process use the handle instead.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::call::CallRecord;
use super::events::{EventRecord, EventStyle};
use super::fault::{Fault, FaultView};
use super::operation::Operation;
use super::person::Person;
use super::policy::Policy;
use super::quirks::Quirks;
use super::setup::Engine;
use super::view::{Creation, GroupView, PhoneView};
use super::{Sandbox, link::JoinRefused};
use crate::clock::{SignedDuration, Timestamp};

/// How many of the newest calls the state shows.
const CALLS_SHOWN: usize = 40;

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/sandbox/state", get(show_state))
        .route("/sandbox/people/{digits}", put(set_person))
        .route("/sandbox/faults", post(add_fault).delete(clear_faults))
        .route("/sandbox/session/{instance}", put(set_session))
        .route("/sandbox/list-lag", put(set_list_lag))
        .route("/sandbox/quirks", put(set_quirks))
        .route("/sandbox/policy", put(set_policy))
        .route("/sandbox/event-style", put(set_event_style))
        .route("/sandbox/join", post(join))
        .route("/sandbox/leave", post(leave))
        .route("/sandbox/say", post(say))
}

/// One linked number without its token.
#[derive(Debug, Serialize)]
struct InstanceState {
    instance_id: String,
    digits: String,
    name: String,
    status: String,
}

/// Everything that the page shows.
#[derive(Debug, Serialize)]
struct WorldState {
    now: Timestamp,
    engine: Engine,
    instances: Vec<InstanceState>,
    phones: Vec<PhoneView>,
    groups: Vec<GroupView>,
    creations: Vec<Creation>,
    faults: Vec<FaultView>,
    policy: Policy,
    list_lag: SignedDuration,
    quirks: Quirks,
    /// The newest first.
    calls: Vec<CallRecord>,
    /// The last tries to deliver events, the newest first.
    events: Vec<EventRecord>,
    event_style: EventStyle,
    operations: Vec<&'static str>,
}

async fn show_state(State(sandbox): State<Sandbox>) -> Json<impl Serialize> {
    let mut operations: Vec<&'static str> =
        Operation::ROUTES.iter().map(|(operation, ..)| operation.name()).collect();
    operations.dedup();
    Json(sandbox.with(|world, now| {
        WorldState {
            now,
            engine: world.engine,
            instances: world
                .accounts
                .iter()
                .map(|account| InstanceState {
                    instance_id: account.number.instance_id.clone(),
                    digits: account.number.digits.clone(),
                    name: account.number.name.clone(),
                    status: account.status.clone(),
                })
                .collect(),
            phones: world.phones(now),
            groups: world.groups.iter().map(|group| world.group_view(group, now)).collect(),
            creations: world.creations.clone(),
            faults: world.faults.view(),
            policy: world.policy.clone(),
            list_lag: world.list_lag,
            quirks: world.quirks.clone(),
            calls: world.calls.iter().rev().take(CALLS_SHOWN).cloned().collect(),
            events: world.events.records.iter().rev().take(CALLS_SHOWN).cloned().collect(),
            event_style: world.events.style,
            operations,
        }
    }))
}

async fn set_person(
    State(sandbox): State<Sandbox>,
    Path(digits): Path<String>,
    Json(person): Json<Person>,
) -> Response {
    let is_number = (5..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return problem(StatusCode::BAD_REQUEST, "a person is named by 5 to 20 digits");
    }
    sandbox.set_person(&digits, person);
    done()
}

async fn add_fault(State(sandbox): State<Sandbox>, Json(fault): Json<Fault>) -> Response {
    sandbox.add_fault(fault);
    done()
}

async fn clear_faults(State(sandbox): State<Sandbox>) -> Response {
    sandbox.clear_faults();
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionChange {
    status: String,
}

async fn set_session(
    State(sandbox): State<Sandbox>,
    Path(instance): Path<String>,
    Json(change): Json<SessionChange>,
) -> Response {
    if sandbox.with(|world, now| world.set_session(&instance, &change.status, now)) {
        done()
    } else {
        problem(StatusCode::NOT_FOUND, "no such instance")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LagChange {
    by: SignedDuration,
}

async fn set_list_lag(State(sandbox): State<Sandbox>, Json(change): Json<LagChange>) -> Response {
    sandbox.set_list_lag(change.by);
    done()
}

async fn set_quirks(State(sandbox): State<Sandbox>, Json(quirks): Json<Quirks>) -> Response {
    sandbox.set_quirks(quirks);
    done()
}

async fn set_policy(State(sandbox): State<Sandbox>, Json(policy): Json<Policy>) -> Response {
    sandbox.set_policy(policy);
    done()
}

async fn set_event_style(State(sandbox): State<Sandbox>, Json(style): Json<EventStyle>) -> Response {
    sandbox.set_event_style(style);
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tap {
    digits: String,
    link: String,
}

async fn join(State(sandbox): State<Sandbox>, Json(tap): Json<Tap>) -> Response {
    match sandbox.join_by_link(&tap.digits, &tap.link) {
        Ok(group_id) => Json(json!({"group_id": group_id})).into_response(),
        Err(refused) => {
            let status = match refused {
                JoinRefused::Revoked | JoinRefused::Expired => StatusCode::GONE,
                JoinRefused::Unknown | JoinRefused::NoAccount => StatusCode::NOT_FOUND,
                JoinRefused::Full => StatusCode::CONFLICT,
            };
            problem(status, &refused.to_string())
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Leaving {
    digits: String,
    group_id: String,
}

async fn leave(State(sandbox): State<Sandbox>, Json(leaving): Json<Leaving>) -> Response {
    if sandbox.with(|world, now| world.leave(&leaving.digits, &leaving.group_id, now)) {
        done()
    } else {
        problem(StatusCode::CONFLICT, "not a member of this group")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    digits: String,
    chat_id: String,
    text: String,
}

async fn say(State(sandbox): State<Sandbox>, Json(words): Json<Words>) -> Response {
    if sandbox.with(|world, now| world.say(&words.digits, &words.chat_id, &words.text, now)) {
        done()
    } else {
        problem(StatusCode::CONFLICT, "this person cannot write there")
    }
}

fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

fn problem(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({"error": error}))).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::{Body, to_bytes};
    use http::Request;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;
    use crate::clock::TestClock;
    use crate::sandbox::{FaultKind, Privacy, Setup, Target};

    const ADA: &str = "15550100001";

    fn sandbox() -> Sandbox {
        let clock = TestClock::at("2026-03-02T09:00:00Z".parse().unwrap());
        Sandbox::new(Setup::default(), Arc::new(clock))
    }

    async fn call(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let response = sandbox.router().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    fn group_with(sandbox: &Sandbox, digits: &str) -> GroupView {
        sandbox.with(|world, now| {
            let asked = [format!("{digits}@c.us")];
            world.create_group(Setup::INSTANCE_ID, "INCIDENT-1", &asked, now).unwrap();
        });
        sandbox.groups().remove(0)
    }

    #[tokio::test]
    async fn people_and_faults_are_set_from_outside_and_show_in_the_state() {
        let sandbox = sandbox();
        let person = r#"{"name":"Ada","privacy":"refuses_403"}"#;
        let path = format!("/sandbox/people/{ADA}");
        assert_eq!(call(&sandbox, "PUT", &path, person).await.0, 204);
        let fault = r#"{"call":"*","kind":"reset","times":3}"#;
        assert_eq!(call(&sandbox, "POST", "/sandbox/faults", fault).await.0, 204);

        let (_, state) = call(&sandbox, "GET", "/sandbox/state", "").await;
        assert_eq!(state["phones"][0]["settings"]["privacy"], "refuses_403");
        assert_eq!(state["faults"][0]["fault"]["times"], 3);
        assert!(!state.to_string().contains(Setup::ACCESS_TOKEN));
        assert_eq!(call(&sandbox, "DELETE", "/sandbox/faults", "").await.0, 204);
        assert!(sandbox.faults().is_empty());
    }

    #[tokio::test]
    async fn nonsense_is_refused() {
        let sandbox = sandbox();
        let cases = [
            ("PUT", "/sandbox/people/ada", "{}", 400),
            ("PUT", "/sandbox/people/15550100001", r#"{"privacy":"shy"}"#, 422),
            ("POST", "/sandbox/faults", r#"{"call":"dance","kind":"reset"}"#, 422),
            ("PUT", "/sandbox/session/NOBODY", r#"{"status":"FAILED"}"#, 404),
            ("POST", "/sandbox/join", r#"{"digits":"15550100001","link":"x"}"#, 404),
            ("POST", "/sandbox/say", r#"{"digits":"1","chat_id":"x","text":"t"}"#, 409),
            ("POST", "/sandbox/leave", r#"{"digits":"1","group_id":"x"}"#, 409),
        ];
        for (method, path, body, status) in cases {
            assert_eq!(call(&sandbox, method, path, body).await.0, status, "{path}");
        }
    }

    #[tokio::test]
    async fn joining_leaving_and_saying_work_from_outside() {
        let sandbox = sandbox();
        let group = group_with(&sandbox, "15550100002");
        let tap = json!({"digits": ADA, "link": group.invite_link}).to_string();
        assert_eq!(call(&sandbox, "POST", "/sandbox/join", &tap).await.1["group_id"], group.id);
        let words = json!({"digits": ADA, "chat_id": group.id, "text": "on it"}).to_string();
        assert_eq!(call(&sandbox, "POST", "/sandbox/say", &words).await.0, 204);
        assert_eq!(sandbox.groups()[0].texts(), ["on it"]);
        let leaving = json!({"digits": ADA, "group_id": group.id}).to_string();
        assert_eq!(call(&sandbox, "POST", "/sandbox/leave", &leaving).await.0, 204);
        assert!(!sandbox.groups()[0].has(ADA));
    }

    #[tokio::test]
    async fn a_phone_shows_only_the_time_of_its_owners_membership() {
        let sandbox = sandbox();
        let group = group_with(&sandbox, "15550100002");
        sandbox.say("15550100002", &group.id, "before");
        sandbox.with(|world, now| {
            let later = now + SignedDuration::from_secs(1);
            world.join_by_link(ADA, &group.invite_link, later).unwrap();
            world.say(ADA, &group.id, "after", later);
            let texts: Vec<String> = world
                .phones(later)
                .into_iter()
                .filter(|phone| phone.digits == ADA)
                .flat_map(|phone| phone.chats)
                .flat_map(|chat| chat.messages)
                .map(|message| message.text)
                .collect();
            let joined = format!("+{ADA} joined using this group's invite link");
            assert_eq!(texts, [joined.as_str(), "after"]);
        });
    }

    #[tokio::test]
    async fn settings_from_outside_are_the_ones_the_handle_sees() {
        let sandbox = sandbox();
        call(&sandbox, "PUT", "/sandbox/list-lag", r#"{"by":"20s"}"#).await;
        call(&sandbox, "PUT", "/sandbox/policy", r#"{"creations_per_hour":2}"#).await;
        let fault = r#"{"call":"/v2/groups","kind":{"hang":{"wait":"5ms"}}}"#;
        call(&sandbox, "POST", "/sandbox/faults", fault).await;
        sandbox.with(|world, _| {
            assert_eq!(world.list_lag, SignedDuration::from_secs(20));
            assert_eq!(world.policy.creations_per_hour, Some(2));
        });
        let fault = sandbox.faults().remove(0).fault;
        assert_eq!(fault.call, Target::Route("/v2/groups"));
        let wait = SignedDuration::from_millis(5);
        assert_eq!(fault.kind, FaultKind::Hang { wait });
        sandbox.set_person(ADA, Person::with_privacy(Privacy::SilentlyAbsent));
        let (_, state) = call(&sandbox, "GET", "/sandbox/state", "").await;
        assert_eq!(state["phones"][0]["settings"]["privacy"], "silently_absent");
    }
}
