//! The last step to the wire: a true answer as it is, or spoilt in the way a fault says.
//! Actors: the API face makes a [`Delivery`]; [`deliver`] waits if it must and makes the HTTP answer.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::call::Call;
use super::fault::FaultKind;
use super::operation::Operation;
use super::quirks::nameless;
use super::reply::{Content, Reply, exception, plain, session_down};
use crate::clock::{SignedDuration, Timestamp};

/// In how many pieces a slow answer comes.
const DRIPS: usize = 16;

/// How the bytes of an answer travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Travel {
    Whole,
    /// Not one byte arrives.
    Cut,
    /// The connection breaks in the middle of the body.
    CutShort,
    /// A little at a time over this long.
    Drip(SignedDuration),
}

/// An answer and the way it travels.
#[derive(Debug)]
pub(super) struct Delivery {
    reply: Reply,
    travel: Travel,
    /// The caller is assumed to have given up before this arrives.
    is_silent: bool,
}

impl Delivery {
    pub(super) fn of(reply: Reply) -> Self {
        Self { reply, travel: Travel::Whole, is_silent: false }
    }

    /// The status that a record shows.
    pub(super) fn status(&self) -> Option<u16> {
        (!self.is_silent && self.travel != Travel::Cut).then_some(self.reply.status)
    }

    /// The answer of a call that a fault struck; `done` is the true answer where the work was done.
    pub(super) fn struck(kind: &FaultKind, done: Option<Reply>, call: &Call, now: Timestamp) -> Self {
        let truth = done.unwrap_or_else(|| proxy_page(504, "Gateway Time-out"));
        let whole = |reply: Reply| Self::of(reply);
        match kind {
            FaultKind::Nothing => whole(truth),
            FaultKind::Hang { wait } => {
                let mut reply = proxy_page(504, "Gateway Time-out");
                reply.wait = *wait;
                Self {
                    is_silent: true,
                    ..Self::of(reply)
                }
            }
            FaultKind::Reset => Self {
                travel: Travel::Cut,
                ..Self::of(truth)
            },
            FaultKind::CutShort => Self {
                travel: Travel::CutShort,
                ..Self::of(truth)
            },
            FaultKind::SlowDrip { wait } => Self {
                travel: Travel::Drip(*wait),
                ..Self::of(truth)
            },
            FaultKind::InternalError => whole(
                Reply::json(json!({"status": 500, "message": "Internal Server Error - Unexpected Failure", "error": "Internal Server Error"}))
                    .with_status(500),
            ),
            FaultKind::UpstreamError => whole(plain(500, "wawp_upstream_error", "The engine did not answer.")),
            FaultKind::BadGateway => whole(proxy_page(502, "Bad Gateway")),
            FaultKind::Unavailable { retry_after } => {
                let mut reply = proxy_page(503, "Service Temporarily Unavailable");
                reply.retry_after = *retry_after;
                whole(reply)
            }
            FaultKind::EmptyList => whole(Reply::json(json!([]))),
            FaultKind::Nameless => whole(match truth.content {
                Content::Json(body) => Reply { content: Content::Json(nameless(body)), ..truth },
                _ => truth,
            }),
            FaultKind::SaysDone => whole(Reply::json(json!({"status": 200}))),
            FaultKind::GatewayTimeout => whole(proxy_page(504, "Gateway Time-out")),
            FaultKind::ErrorInside200 => {
                whole(plain(200, "wawp_upstream_error", "The engine did not answer."))
            }
            FaultKind::SuccessFalse => whole(Reply::json(json!({"success": false, "message": "Something went wrong"}))),
            FaultKind::QueueTicket => whole(Reply::json(
                json!({"status": "queued", "job_id": format!("job_{}", now.as_millisecond())}),
            )),
            FaultKind::EngineErrorLine => whole(Reply::text(match call.operation {
                Operation::CreateGroup => "CreateGroupError: An unknown error occupied while creating a group",
                Operation::AddParticipants => "AddParticipantsError: An unknown error occupied while adding",
                _ => "EvaluationError: An unknown error occupied",
            })),
            FaultKind::TruncatedJson => {
                let (body, _) = truth.body();
                let half: String = body.chars().take(body.chars().count() / 2).collect();
                whole(Reply::new(200, Content::BrokenJson(format!("{{{}", half.trim_start_matches('{')))))
            }
            FaultKind::EmptyBody => whole(Reply::empty()),
            FaultKind::BareFalse => whole(Reply::text("false")),
            FaultKind::BadRequestXml => whole(Reply::new(
                400,
                Content::Xml(
                    "<?xml version=\"1.0\"?><error><code>invalid_param</code><message>Invalid Parameter Format</message></error>"
                        .to_owned(),
                ),
            )),
            FaultKind::BadRequestText => whole(
                Reply::text("Invalid Parameter Format").with_status(400),
            ),
            FaultKind::TooManyRequests { retry_after } => {
                let mut reply = plain(429, "rate_limited", "Too many requests for this instance.");
                reply.retry_after = *retry_after;
                whole(reply)
            }
            FaultKind::RateOverlimit => whole(exception(call, 429, "rate-overlimit", now)),
            FaultKind::Ban => whole(session_down(&call.instance_id, "FAILED")),
            FaultKind::SessionDown { status, wait } => {
                let mut reply = session_down(&call.instance_id, status);
                reply.wait = *wait;
                whole(reply)
            }
        }
    }
}

fn proxy_page(status: u16, title: &str) -> Reply {
    let page = format!(
        "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n<center><h1>{status} {title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    Reply::new(status, Content::Html(page))
}

/// Waits as long as the answer says and puts it on the wire.
pub(super) async fn deliver(delivery: Delivery) -> Response {
    let Delivery { reply, travel, .. } = delivery;
    if reply.wait.is_positive() {
        tokio::time::sleep(reply.wait.unsigned_abs()).await;
    }
    let (text, content_type) = reply.body();
    let mut response = Response::new(body(text, travel));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if let Some(seconds) = reply.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A stream that fails makes hyper drop the connection, which is as real as a fault gets.
fn body(text: String, travel: Travel) -> Body {
    let broken = || Err::<Bytes, io::Error>(io::ErrorKind::ConnectionReset.into());
    match travel {
        Travel::Whole => Body::from(text),
        Travel::Cut => Body::from_stream(stream::iter([broken()])),
        Travel::CutShort => {
            let half: Bytes = text.into_bytes().into_iter().collect::<Bytes>();
            let half = half.slice(..half.len() / 2);
            // The pause lets the first half leave before the connection breaks.
            let parts = stream::iter([Ok(half)]).chain(stream::once(async move {
                tokio::task::yield_now().await;
                broken()
            }));
            Body::from_stream(parts)
        }
        Travel::Drip(over) => {
            let bytes = Bytes::from(text);
            let step = bytes.len().div_ceil(DRIPS).max(1);
            let pause = over.unsigned_abs() / u32::try_from(DRIPS).unwrap_or(1);
            let parts: Vec<Bytes> = (0..bytes.len())
                .step_by(step)
                .map(|start| bytes.slice(start..bytes.len().min(start + step)))
                .collect();
            Body::from_stream(stream::iter(parts).then(move |part| drip(part, pause)))
        }
    }
}

async fn drip(part: Bytes, pause: Duration) -> Result<Bytes, io::Error> {
    tokio::time::sleep(pause).await;
    Ok(part)
}
