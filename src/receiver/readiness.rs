//! `GET /readyz`: whether a hook that came now would be stored.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use tracing::warn;

use super::Receiver;
use crate::clock::{SignedDuration, Timestamp};

/// How long a hook that could not be stored is held against us, if none has come since.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(60);

/// Whether the last hook could be stored. A disk may have room for the little that a probe writes and none for
/// a hook.
#[derive(Debug, Default)]
pub struct LastCommit(Mutex<Option<Timestamp>>);

impl LastCommit {
    pub(super) fn failed(&self, now: Timestamp) {
        self.set(Some(now));
    }

    pub(super) fn succeeded(&self) {
        self.set(None);
    }

    fn set(&self, failed_at: Option<Timestamp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failed_at;
    }

    fn has_failed(&self, now: Timestamp) -> bool {
        let failed_at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A moment ahead was written before the clock was put back, and says nothing about how long ago it was.
        failed_at.is_some_and(|at| at <= now && now.duration_since(at) < REMEMBERED)
    }
}

pub(super) async fn ready(State(receiver): State<Arc<Receiver>>) -> Response {
    let now = receiver.clock.now();
    let store = match tokio::time::timeout(receiver.commit_timeout, receiver.store.ready(now)).await {
        Ok(Ok(())) if receiver.last_commit.has_failed(now) => "did not take the last hook",
        Ok(Ok(())) => "ok",
        Ok(Err(error)) => {
            // Anybody may ask here, and the reason may name files and hosts.
            warn!(error = %error, "not ready: the store fails");
            "not available"
        }
        Err(_elapsed) => "does not answer in time",
    };
    let status = if store == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "config": "ok", "store": store }))).into_response()
}
