//! One request, one answer, and nothing behind the caller's back.
//!
//! Actors: [`Transport`], which owns the connections; [`Request`], what is sent on them; [`Deadline`], the end of a whole trait call, however many requests it takes. No error of the HTTP client
//! leaves this file: those carry the address, and the address can carry the token.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Url};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::call::CallContext;
use super::classify::Answer;
use super::envelope::seconds;
use super::reply::Reply;
use crate::clock::Timestamp;
use crate::gateway::GatewayError;
use crate::gateway::client::{client, io_cause};

/// A body longer than this is not read to its end; the longest real ones are group lists.
const LONGEST_BODY: usize = 4 * 1024 * 1024;

/// The moment by which a trait call has to answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        let now = Instant::now();
        Self(now.checked_add(limit).unwrap_or(now))
    }

    /// Nothing, once it has passed.
    pub(super) fn left(self) -> Option<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        (left > Duration::from_millis(1)).then_some(left)
    }

    pub(super) fn instant(self) -> Instant {
        self.0
    }

    /// The nearer one.
    pub(super) fn at_most(self, limit: Duration) -> Self {
        Self(self.0.min(Self::after(limit).0))
    }
}

/// What to send.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Below the base address, encoded already.
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(&'static str, HeaderValue)>,
    pub(super) body: Map<String, Value>,
}

impl Request {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Map::new(),
        }
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Self { method: Method::POST, ..Self::get(path) }
    }

    pub(super) fn put(path: impl Into<String>) -> Self {
        Self { method: Method::PUT, ..Self::get(path) }
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(super) fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body.insert(name.to_owned(), value.into());
        self
    }
}

/// Why no client could be made of the settings. None of the texts holds what was set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientNotBuilt {
    /// Not an address of a web server.
    #[error("the gateway's base address is not an http or https address")]
    BaseUrl,
    /// Empty, or with characters that no HTTP header can carry.
    #[error("the gateway's access token or key is empty or holds characters that cannot be sent")]
    Secret,
    /// Empty, or no name.
    #[error("the gateway's instance id or session is empty or no name")]
    Instance,
    /// Not a path.
    #[error("the gateway's create path does not begin with `/`")]
    CreatePath,
    /// The TLS library did not start.
    #[error("the HTTP client could not be set up: {0}")]
    Tls(String),
}

/// The way to one address.
pub(super) struct Transport {
    /// Keeps connections for a moment.
    reads: Client,
    /// Never uses a connection twice: one that is just being closed looks like a lost answer.
    effects: Client,
    base: Url,
}

impl Transport {
    pub(super) fn new(base_url: &str, call_timeout: Duration) -> Result<Self, ClientNotBuilt> {
        let base = Url::parse(base_url).map_err(|_source| ClientNotBuilt::BaseUrl)?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(ClientNotBuilt::BaseUrl);
        }
        let build = |idle_per_host| {
            client(base.scheme(), call_timeout, idle_per_host)
                .map_err(|error| ClientNotBuilt::Tls(error.without_url().to_string()))
        };
        Ok(Self { reads: build(4)?, effects: build(0)?, base })
    }

    /// Where this leads, for `Debug`: host only, because an address can hold a password.
    pub(super) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// Sends one request and reads the answer, whatever its status is.
    pub(super) async fn send(
        &self,
        context: CallContext,
        request: Request,
        deadline: Deadline,
        now: Timestamp,
    ) -> Result<Answer, GatewayError> {
        let Some(left) = deadline.left() else {
            return Err(GatewayError::NotSent { detail: "no time left for this call".to_owned() });
        };
        let client = if context.call.is_read() { &self.reads } else { &self.effects };
        let sent = self.build(client, request).timeout(left).send().await;
        let response = sent.map_err(|error| ambiguous(context, &error))?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), now);
        let (body, whole) = bounded_body(response).await;
        Ok(Answer { status, retry_after, reply: Reply::read(&body), whole })
    }

    fn build(&self, client: &Client, request: Request) -> reqwest::RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), request.path));
        url.set_query(None);
        url.set_fragment(None);
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let has_body = matches!(request.method, Method::POST | Method::PUT);
        let mut builder = client.request(request.method, url);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        if has_body {
            let body = Value::Object(request.body).to_string();
            builder = builder.header(CONTENT_TYPE, "application/json").body(body);
        }
        builder
    }
}

/// The body up to its end, its limit or the call's time limit, and whether that was its end.
async fn bounded_body(mut response: reqwest::Response) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= LONGEST_BODY => body.extend_from_slice(&chunk),
            Ok(None) => return (body, true),
            Ok(Some(_)) | Err(_) => return (body, false),
        }
    }
}

/// What a transport error means: nothing left the machine if there was no connection to send it on.
fn ambiguous(context: CallContext, error: &reqwest::Error) -> GatewayError {
    let cause = io_cause(error).map(|kind| format!(" ({kind})")).unwrap_or_default();
    if error.is_connect() || error.is_builder() {
        let what = if error.is_timeout() { "connecting took too long" } else { "could not connect" };
        return GatewayError::NotSent { detail: format!("{what}{cause}") };
    }
    let what = if error.is_timeout() {
        "no answer within the time limit"
    } else {
        "the connection broke before the answer"
    };
    context.ambiguous(format!("{what}{cause}"))
}

/// `Retry-After`, in seconds or as a date. A date is measured against the answer's own `Date`, if it has
/// one, because the two clocks may differ.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(number) = text.parse::<f64>() {
        return seconds(number);
    }
    let until = http_date(text)?;
    let sent = headers.get(DATE).and_then(|date| http_date(date.to_str().ok()?));
    #[expect(clippy::cast_precision_loss, reason = "a difference of two dates in seconds")]
    let wait = (until.as_second() - sent.unwrap_or(now).as_second()) as f64;
    seconds(wait.max(0.0))
}

fn http_date(text: &str) -> Option<Timestamp> {
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    date.or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wait(retry: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(retry).unwrap());
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_str(date).unwrap());
        }
        let now = "2026-03-01T10:00:00Z".parse().unwrap();
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        assert_eq!(wait("30", None), Some(30));
        assert_eq!(wait(" 1.5 ", None), Some(2));
        assert_eq!(wait("Sun, 01 Mar 2026 10:02:00 GMT", None), Some(120));
        assert_eq!(wait("Sun, 01 Mar 2026 09:00:00 GMT", None), Some(0));
        let theirs = Some("Sun, 01 Mar 2026 09:59:00 GMT");
        assert_eq!(wait("Sun, 01 Mar 2026 10:02:00 GMT", theirs), Some(180));
        assert_eq!(wait("99999999", None), Some(86_400));
        for nonsense in ["-5", "soon", "", "NaN"] {
            assert_eq!(wait(nonsense, None), None, "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_a_wait_of_at_most_a_day_or_none(text in "[ -~]{0,40}") {
            prop_assert!(wait(&text, None).unwrap_or(0) <= 86_400);
        }
    }
}
