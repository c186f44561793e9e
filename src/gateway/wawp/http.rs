//! One request, one answer, and nothing behind the caller's back.
//!
//! Actors: [`Transport`], which owns the connections, the credentials and their place in a request;
//! [`Deadline`], the end of a whole trait call, however many requests it takes. No error of the HTTP client
//! leaves this file: those carry the address, and the address can carry the token.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::call::CallContext;
use super::classify::Answer;
use super::envelope::seconds;
use super::reply::Reply;
use super::{ClientNotBuilt, Credentials};
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

/// What to send, without credentials.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Below the base address, encoded already.
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Map<String, Value>,
}

impl Request {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), query: Vec::new(), body: Map::new() }
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

/// The way to one instance at one address.
pub(super) struct Transport {
    /// Keeps connections for a moment.
    reads: Client,
    /// Never uses a connection twice: one that is just being closed looks like a lost answer.
    effects: Client,
    base: Url,
    instance_id: String,
    token: SecretString,
    token_header: HeaderValue,
    credentials: Credentials,
}

impl Transport {
    pub(super) fn new(
        base_url: &str,
        instance_id: &str,
        token: &SecretString,
        credentials: Credentials,
        call_timeout: Duration,
    ) -> Result<Self, ClientNotBuilt> {
        let base = Url::parse(base_url).map_err(|_source| ClientNotBuilt::BaseUrl)?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(ClientNotBuilt::BaseUrl);
        }
        let mut token_header =
            HeaderValue::from_str(token.expose_secret()).map_err(|_source| ClientNotBuilt::AccessToken)?;
        token_header.set_sensitive(true);
        let build = |idle_per_host| {
            client(base.scheme(), call_timeout, idle_per_host)
                .map_err(|error| ClientNotBuilt::Tls(error.without_url().to_string()))
        };
        Ok(Self {
            reads: build(4)?,
            effects: build(0)?,
            base,
            instance_id: instance_id.to_owned(),
            token: token.clone(),
            token_header,
            credentials,
        })
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
        let sent = self.with_credentials(client, request).timeout(left).send().await;
        let response = sent.map_err(|error| ambiguous(context, &error))?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), now);
        let (body, whole) = bounded_body(response).await;
        Ok(Answer { status, retry_after, reply: Reply::read(&body), whole })
    }

    /// The request with the credentials where this account wants them.
    fn with_credentials(&self, client: &Client, request: Request) -> reqwest::RequestBuilder {
        let has_body = request.method == Method::POST || request.method == Method::PUT;
        let token = self.token.expose_secret();
        let in_query = self.credentials == Credentials::Query || !has_body;
        let in_header = matches!(self.credentials, Credentials::Mixed | Credentials::Header);
        let token_in_header_only = self.credentials == Credentials::Header;

        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), request.path));
        url.set_query(None);
        url.set_fragment(None);
        if in_query || !request.query.is_empty() {
            let mut pairs = url.query_pairs_mut();
            if in_query {
                pairs.append_pair("instance_id", &self.instance_id);
            }
            if in_query && !token_in_header_only {
                pairs.append_pair("access_token", token);
            }
            pairs.extend_pairs(&request.query);
        }
        let mut builder = client.request(request.method, url);
        if in_header {
            builder = builder.header("access-token", self.token_header.clone());
        }
        if has_body {
            let mut body = request.body;
            if !in_query {
                body.insert("instance_id".to_owned(), self.instance_id.clone().into());
            }
            if !in_query && !token_in_header_only {
                body.insert("access_token".to_owned(), token.into());
            }
            builder = builder.header(CONTENT_TYPE, "application/json").body(Value::Object(body).to_string());
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
