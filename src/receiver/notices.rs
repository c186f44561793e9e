//! `POST /hooks/gateway/{instance}`: what the chat provider tells by itself.
//!
//! Limit, verify, read, commit, answer, like every other hook; but nothing of the body is kept. What is
//! verified is answered 200 whatever it says, because the provider repeats everything else for half a minute.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use tracing::{debug, error, info, warn};

use super::{Receiver, Refusal, refuse};
use crate::clock::Timestamp;
use crate::gateway::{Notice, NoticeKind, Unread};
use crate::problem::Problem;
use crate::signature::{RawHook, Rejected, VerifiedBody, Verifier, verify};
use crate::telemetry::NoticeLabels;

/// What counts its hooks: no source can be called so.
const COUNTED_AS: &str = "gateway";

/// How the events of one linked number are proven and read.
#[derive(Debug, Clone)]
pub struct Told {
    /// What each must prove, all of it; at least one thing.
    pub proofs: Vec<Verifier>,
    /// Reads a body; the provider's file knows how.
    pub read: fn(&[u8]) -> Result<Vec<Notice>, Unread>,
}

pub(super) async fn hook(
    State(receiver): State<Arc<Receiver>>,
    Path(instance): Path<String>,
    request: Request,
) -> Response {
    let begun = Instant::now();
    let Some(told) = receiver.told.get(&instance).filter(|told| !told.proofs.is_empty()) else {
        receiver.metrics.count_hook("unknown", "unknown_source", begun.elapsed());
        return Problem::NotFound.into_response();
    };
    let (outcome, response) = match receiver.take_notices(&instance, told, request).await {
        Ok(taken) => {
            let outcome = if taken > 0 { "accepted" } else { "ignored" };
            (outcome, (StatusCode::OK, Json(json!({ "notices": taken }))).into_response())
        }
        Err(refusal) => (refusal.word, refusal.problem.into_response()),
    };
    receiver.metrics.count_hook(COUNTED_AS, outcome, begun.elapsed());
    response
}

/// Checks a request against everything that it must prove.
fn verify_all(hook: RawHook, proofs: &[Verifier], now: Timestamp) -> Result<VerifiedBody, Rejected> {
    let (last, others) = proofs.split_last().ok_or(Rejected::Missing)?;
    for proof in others {
        verify(hook.clone(), proof, now)?;
    }
    verify(hook, last, now)
}

/// Whether anybody here has use for it; of what other people write nobody has.
fn is_of_use(notice: &Notice) -> bool {
    match &notice.what {
        NoticeKind::Message { from_me, .. } => *from_me,
        NoticeKind::Joined { .. }
        | NoticeKind::Left { .. }
        | NoticeKind::WeJoined { .. }
        | NoticeKind::WeLeft { .. }
        | NoticeKind::Renamed { .. }
        | NoticeKind::Changed { .. }
        | NoticeKind::Session { .. } => true,
    }
}

impl Receiver {
    /// Takes in one delivery; returns how many notices of use were in it.
    async fn take_notices(&self, instance: &str, told: &Told, request: Request) -> Result<usize, Refusal> {
        let (head, body) = request.into_parts();
        let body = self.read(body).await?;
        let hook = RawHook {
            source: COUNTED_AS.to_owned(),
            headers: head.headers,
            query: head.uri.query().map(str::to_owned),
            body,
        };
        let now = self.clock.now();
        let verified = verify_all(hook, &told.proofs, now).map_err(|why| {
            let reason = why.as_str();
            warn!(gateway.instance = instance, reason, "an event of the gateway was turned away unverified");
            refuse(reason, Problem::Unauthorized)
        })?;
        let mut notices = match (told.read)(verified.body()) {
            Ok(notices) => notices,
            Err(why) => {
                warn!(gateway.instance = instance, reason = %why, "an event of the gateway was not understood");
                return Ok(0);
            }
        };
        notices.retain(is_of_use);
        if notices.is_empty() {
            return Ok(0);
        }
        for notice in &notices {
            let labels = NoticeLabels { instance: instance.to_owned(), notice: notice.what.name() };
            self.metrics.notices.get_or_create(&labels).inc();
            // Before the rooms that wait for it are woken.
            if let NoticeKind::Session { session } = &notice.what {
                self.alarm.hear(instance, session, notice.at.unwrap_or(now), now);
            }
        }
        let taken = notices.len();
        let committed = tokio::time::timeout(self.commit_timeout, self.store.hear(instance, notices, now));
        match committed.await {
            Ok(Ok(hearing)) => {
                if hearing.rooms > 0 {
                    self.bell.notify_one();
                    info!(gateway.instance = instance, rooms = hearing.rooms, "the gateway told something");
                } else {
                    debug!(gateway.instance = instance, "the gateway told what concerns no room");
                }
                Ok(taken)
            }
            Ok(Err(error)) => {
                self.metrics.store_failures.inc();
                error!(gateway.instance = instance, error = %error, "an event of the gateway could not be stored");
                Err(refuse("unavailable", Problem::Unavailable))
            }
            // It may be committed all the same; told again, it will be known.
            Err(_elapsed) => {
                self.metrics.store_failures.inc();
                error!(gateway.instance = instance, "the store did not take an event of the gateway in time");
                Err(refuse("unavailable", Problem::Unavailable))
            }
        }
    }
}
