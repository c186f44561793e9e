//! Errors as callers see them: `application/problem+json` (RFC 9457) with a stable `code`.
//!
//! The status is chosen by what the caller should do next; the text says what is wrong without helping
//! somebody who guesses at secrets.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// What went wrong, from a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// No such route, source, incident or room.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// A signature or secret is missing, wrong or stale: one answer for all three.
    Unauthorized,
    /// The body is larger than `server.max_body`.
    BodyTooLarge,
    /// The body did not arrive in time.
    BodyTooSlow,
    /// The body broke off.
    BodyBroken,
    /// It could not be committed; come again.
    Unavailable,
    /// The request makes no sense as it is.
    BadRequest,
    /// It cannot be done from where the room is.
    Conflict,
    /// A page of another site asked for a change.
    CrossSite,
    /// It is shown only to whoever has logged in, and this listener asks for no login.
    NeedsLogin,
    /// The request is addressed to a name that is not this machine's own.
    WrongHost,
    /// The body is not of the type that is understood here.
    UnsupportedMediaType,
    /// Something stored cannot be read or shown; coming again will not help.
    Internal,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl Problem {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "There is nothing here"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Not with this method")
            }
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "Not verified"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large"),
            Self::BodyTooSlow => {
                (StatusCode::REQUEST_TIMEOUT, "body_too_slow", "The body did not arrive in time")
            }
            Self::BodyBroken => (StatusCode::BAD_REQUEST, "body_broken", "The body broke off"),
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available right now; send it again")
            }
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad_request", "The request makes no sense"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "Not possible from here"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "cross_site", "Another site may not ask for this"),
            Self::NeedsLogin => (StatusCode::FORBIDDEN, "needs_login", "Not without a login"),
            Self::WrongHost => (StatusCode::FORBIDDEN, "wrong_host", "Not under this name"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body is not JSON")
            }
            Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something stored cannot be read")
            }
        }
    }

    /// The status it is answered with.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.parts().0
    }

    /// Its name for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.parts().1
    }

    /// The answer with one sentence more.
    #[must_use]
    pub fn with(self, detail: &str) -> Response {
        self.answer(Some(detail))
    }

    fn answer(self, detail: Option<&str>) -> Response {
        let (status, code, title) = self.parts();
        let body = Body { kind: "about:blank", title, status: status.as_u16(), code, detail };
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            // Honeycomb, for one, repeats a 503 only if it is told when.
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
            // What is left of the body is not read.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.answer(None)
    }
}
