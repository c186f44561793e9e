//! `GET /readyz`: whether a hook that came now would be stored, and its room worked on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use tokio::sync::Mutex;
use tracing::{error, warn};

use super::Receiver;
use crate::clock::{SignedDuration, Timestamp};

/// How long an answer of the store is taken for the next one too: anybody may ask here.
const KEPT: SignedDuration = SignedDuration::from_secs(2);
/// A worker that has not come round for so long stands still; it does every few seconds.
const OVERDUE: SignedDuration = SignedDuration::from_mins(1);

/// What the store last answered to the question whether it takes writes.
#[derive(Debug, Default)]
pub struct Readiness {
    asked: Mutex<Option<(Timestamp, &'static str)>>,
    in_doubt: AtomicBool,
}

impl Readiness {
    /// A hook could not be stored: what the store said before counts no more.
    pub(super) fn doubt(&self) {
        self.in_doubt.store(true, Ordering::Relaxed);
    }
}

pub(super) async fn ready(State(receiver): State<Arc<Receiver>>) -> Response {
    let now = receiver.clock.now();
    let (store, worker) = (receiver.store_state(now).await, receiver.worker_state(now));
    let is_ready = store == "ok" && worker == "ok";
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "config": "ok", "store": store, "worker": worker }))).into_response()
}

impl Receiver {
    /// Asks the store, one question at a time, by a write of its own.
    async fn store_state(&self, now: Timestamp) -> &'static str {
        let mut asked = self.readiness.asked.lock().await;
        let in_doubt = self.readiness.in_doubt.swap(false, Ordering::Relaxed);
        if let Some((at, state)) = *asked
            && !in_doubt
            && at <= now
            && now.duration_since(at) < KEPT
        {
            return state;
        }
        let state = match tokio::time::timeout(self.commit_timeout, self.store.ready(now)).await {
            Ok(Ok(())) => "ok",
            Ok(Err(error)) => {
                // Anybody may ask here, and the reason may name files and hosts.
                warn!(error = %error, "not ready: the store fails");
                "not available"
            }
            Err(_elapsed) => "does not answer in time",
        };
        *asked = Some((now, state));
        state
    }

    fn worker_state(&self, now: Timestamp) -> &'static str {
        let last = self.metrics.worker_round.get();
        // Whoever drives the work by hand has no worker that could stand still.
        if last == 0 || now.as_second().saturating_sub(last) < OVERDUE.as_secs() {
            return "ok";
        }
        error!(seconds = now.as_second().saturating_sub(last), "not ready: the worker stands still");
        "stands still"
    }
}
