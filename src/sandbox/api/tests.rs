//! The simulated API seen from outside: shapes of the engines, people, credentials, faults, time.

mod credentials;
mod faults;
mod groups;
mod limits;
mod people;
mod shapes;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::clock::{SignedDuration, TestClock};
use crate::sandbox::*;

const ADA: &str = "15550100001";
const BEN: &str = "15550100002";
const CLEO: &str = "15550100003";

struct Bench {
    sandbox: Sandbox,
    clock: Arc<TestClock>,
}

struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

impl Bench {
    fn new(setup: Setup) -> Self {
        let quirks = Quirks { elsewhere: Vec::new(), ..setup.quirks };
        let setup = Setup { quirks, ..setup };
        let clock = Arc::new(TestClock::at("2026-03-02T09:00:00Z".parse().unwrap()));
        let sandbox = Sandbox::new(setup, clock.clone());
        Self { sandbox, clock }
    }

    fn with_engine(engine: Engine) -> Self {
        Self::new(Setup::with_engine(engine))
    }

    async fn send(&self, request: Request<Body>) -> Result<Answer, axum::Error> {
        let response = self.sandbox.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await?;
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        })
    }

    async fn try_call(&self, method: &str, path: &str, body: Value) -> Result<Answer, axum::Error> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let uri = format!("{path}{joint}instance_id={}", Setup::INSTANCE_ID);
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("access-token", Setup::ACCESS_TOKEN)
            .header("content-type", "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).unwrap()).await
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.try_call(method, path, body).await.unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, Value::Null).await
    }

    async fn create(&self, subject: &str, people: &[&str]) -> Answer {
        self.call("POST", "/v2/groups", creation(subject, people)).await
    }

    /// Makes a group and returns its id without looking at the engine's shape.
    async fn made(&self, subject: &str, people: &[&str]) -> String {
        let answer = self.create(subject, people).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        self.sandbox.creations().pop().unwrap().group_id
    }

    fn person(&self, digits: &str, privacy: Privacy) {
        self.sandbox.set_person(digits, Person::with_privacy(privacy));
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    fn members(&self, id: &str) -> Vec<String> {
        let groups = self.sandbox.groups();
        let group = groups.iter().find(|group| group.id == id).unwrap();
        group.members.iter().map(|member| member.digits.clone()).collect()
    }

    fn lid(&self, digits: &str) -> String {
        self.sandbox.with(|world, _| world.lid(digits))
    }
}

fn creation(subject: &str, people: &[&str]) -> Value {
    json!({"name": subject, "participants": ids(people)})
}

fn ids(people: &[&str]) -> Vec<Value> {
    people.iter().map(|digits| json!({"id": format!("{digits}@c.us")})).collect()
}

fn text_to(chat_id: &str, text: &str) -> Value {
    json!({"chatId": chat_id, "message": text})
}
