//! Answers before they become HTTP, and the many ways in which the real API says no.
//! Actors: the rules return a [`Reply`] or a [`Refused`]; `delivery` puts either on the wire.

use serde_json::{Value, json};

use super::call::Call;
use super::quirks::wire;
use super::setup::{Api, Engine};
use crate::clock::{SignedDuration, Timestamp};

/// The body of an answer with its content type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Json(Value),
    /// JSON by its content type, but not by its text.
    BrokenJson(String),
    Text(String),
    Html(String),
    Xml(String),
    Empty,
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content: Content,
    /// Seconds for `Retry-After`.
    pub(super) retry_after: Option<u64>,
    /// Real time that passes before the answer.
    pub(super) wait: SignedDuration,
}

impl Reply {
    pub(super) fn new(status: u16, content: Content) -> Self {
        Self { status, content, retry_after: None, wait: SignedDuration::ZERO }
    }

    pub(super) fn json(body: Value) -> Self {
        Self::new(200, Content::Json(body))
    }

    pub(super) fn text(body: impl Into<String>) -> Self {
        Self::new(200, Content::Text(body.into()))
    }

    pub(super) fn empty() -> Self {
        Self::new(200, Content::Empty)
    }

    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The bytes of the body and their content type.
    pub(super) fn body(&self) -> (String, Option<&'static str>) {
        match &self.content {
            Content::Json(value) => (wire(value), Some("application/json; charset=utf-8")),
            Content::BrokenJson(text) => (text.clone(), Some("application/json; charset=utf-8")),
            Content::Text(text) => (text.clone(), Some("text/html; charset=utf-8")),
            Content::Html(text) => (text.clone(), Some("text/html")),
            Content::Xml(text) => (text.clone(), Some("application/xml")),
            Content::Empty => (String::new(), None),
        }
    }
}

/// Why a call was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// WhatsApp said no with this code; the engine's exception becomes a 500 around it.
    Upstream { code: u16, message: String },
    /// An error of the engine that has its reason in its words only; a 500 around it.
    Engine(String),
    /// A required field is not there.
    Missing(&'static str),
    /// A field has a wrong form.
    Invalid(String),
    /// Nothing by that name.
    NotFound(String),
    /// This engine cannot do it.
    NotImplemented,
    /// The session is not working.
    SessionDown { session: String, status: String },
    /// No such instance, or its phone dropped the link.
    InvalidSession,
    /// No credentials, or wrong ones.
    Unauthorized(&'static str),
    /// Over one of the API's own limits.
    TooMany { retry_after: Option<u64> },
    /// WEBJS answers some failures with a bare line of text and a 2xx.
    Line(String),
    /// WEBJS answers setters without permission with the bare word `false` and a 2xx.
    BareFalse,
}

impl Refused {
    /// WhatsApp's refusal with its usual wording.
    pub(super) fn upstream(code: u16) -> Self {
        let message = match code {
            400 => "bad-request",
            401 => "not-authorized",
            403 => "forbidden",
            404 => "item-not-found",
            406 => "not-acceptable",
            409 => "conflict",
            410 => "gone",
            419 => "resource-limit",
            429 => "rate-overlimit",
            _ => "internal-server-error",
        };
        Self::Upstream { code, message: message.to_owned() }
    }

    pub(super) fn into_reply(self, call: &Call, engine: Engine, now: Timestamp) -> Reply {
        match self {
            Self::Upstream { code, message } => exception(call, code, &message, now),
            Self::Engine(message) => Reply::json(json!({
                "statusCode": 500,
                "timestamp": now.to_string(),
                "exception": {"message": message, "code": 2, "details": message, "name": "Error"},
            }))
            .with_status(500),
            Self::Unauthorized(_) if call.api() == Api::Waha => {
                Reply::json(json!({"message": "Unauthorized", "statusCode": 401})).with_status(401)
            }
            Self::Missing(field) if call.api() == Api::Waha => {
                Self::Invalid(format!("{field} should not be empty")).into_reply(call, engine, now)
            }
            Self::InvalidSession if call.api() == Api::Waha => {
                let message = format!("Session \"{}\" does not exist", call.instance_id);
                Reply::json(json!({"statusCode": 422, "message": message, "error": "Unprocessable Entity"}))
                    .with_status(422)
            }
            Self::Missing(field) => {
                plain(400, "missing_param", &format!("Missing Required Parameter(s): {field}"))
            }
            Self::Invalid(problem) => {
                Reply::json(json!({"statusCode": 400, "message": [problem], "error": "Bad Request"}))
                    .with_status(400)
            }
            Self::NotFound(message) => {
                Reply::json(json!({"statusCode": 404, "message": message, "error": "Not Found"}))
                    .with_status(404)
            }
            Self::NotImplemented => Reply::json(json!({
                "statusCode": 501,
                "message": format!("The method is not implemented by '{}' engine.", engine.official_name()),
                "error": "Not Implemented",
            }))
            .with_status(501),
            Self::SessionDown { session, status } => session_down(&session, &status),
            Self::InvalidSession => {
                plain(404, "invalid_session", "The session does not exist or its phone is no longer linked.")
            }
            Self::Unauthorized(message) => plain(401, "unauthorized", message),
            Self::TooMany { retry_after } => {
                let mut reply = plain(429, "rate_limited", "Too many requests for this instance.");
                reply.retry_after = retry_after;
                reply
            }
            Self::Line(line) => Reply::text(line),
            Self::BareFalse => Reply::text("false"),
        }
    }
}

/// The API's own error shape: `code` and `message`.
pub(super) fn plain(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(json!({"code": code, "message": message})).with_status(status)
}

/// An unhandled engine error as WAHA reports it; it repeats the whole request, credentials included.
pub(super) fn exception(call: &Call, code: u16, message: &str, now: Timestamp) -> Reply {
    Reply::json(json!({
        "statusCode": 500,
        "timestamp": now.to_string(),
        "exception": {
            "message": message,
            "name": "Error",
            "data": code,
            "stack": format!("Error: {message}\n    at query (/app/engine.js:1:1)"),
        },
        "request": {"path": call.path, "method": call.method, "body": call.body, "query": call.query},
        "version": {"version": "2026.1.1", "tier": "PLUS"},
    }))
    .with_status(500)
}

/// WAHA's answer when it has waited in vain for the session.
pub(super) fn session_down(session: &str, status: &str) -> Reply {
    Reply::json(json!({
        "error": "Session status is not as expected. Try again later or restart the session",
        "session": session,
        "status": status,
        "expected": ["WORKING"],
    }))
    .with_status(422)
}
