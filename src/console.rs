//! The operator listener: metrics, API and pages.
//!
//! Actors: [`Console`], what it stands on; the *guard*, which every request passes first; the *view*, from
//! which both the API's answers and the pages are made, so that they cannot tell different stories. All of
//! it comes from the store; the gateway is never asked. An operator's action is stored as a wish and done by
//! the worker, which is the only one who moves rooms.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http::header;
use secrecy::SecretString;
use tracing::error;

use crate::clock::{Clock, Timestamp};
use crate::message::Composer;
use crate::problem::Problem;
use crate::receiver::Receiver;
use crate::roster_in_force::RosterInForce;
use crate::store::{Store, StoreError};
use crate::telemetry::{Metrics, OPEN_METRICS};

mod action;
mod api;
mod attention;
mod guard;
mod moment;
mod numbers;
mod page;
mod people;
mod redaction;
mod replicas;
mod timeline;
mod view;

use numbers::Numbers;
use replicas::Replicas;

#[cfg(test)]
mod tests;

/// What the operator listener stands on.
#[derive(Debug)]
pub struct Console {
    /// The memory.
    pub store: Store,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What an operator must show, if anything; without it only loopback names are answered.
    pub token: Option<SecretString>,
    /// Takes in stored hooks once more.
    pub receiver: Arc<Receiver>,
    /// Rung when an operator asked for something.
    pub wake_worker: Arc<tokio::sync::Notify>,
    /// The roster in force.
    pub roster: Arc<RosterInForce>,
    /// The words.
    pub composer: Composer,
    /// The names of our numbers.
    pub numbers: Vec<String>,
}

/// The operator listener's routes.
pub fn router(console: Arc<Console>) -> Router {
    let mut router = Router::new();
    for (path, method) in routes() {
        router = router.route(path, method);
    }
    router
        .fallback(|| async { Problem::NotFound })
        .method_not_allowed_fallback(|| async { Problem::MethodNotAllowed })
        .layer(from_fn_with_state(console.clone(), guard::guard))
        .with_state(console)
}

/// Every path there is; the API's description is held against it.
fn routes() -> [(&'static str, MethodRouter<Arc<Console>>); 15] {
    [
        ("/", get(page::home)),
        ("/incidents/{id}", get(page::incident)),
        ("/people", get(page::people)),
        ("/files/{name}", get(page::file)),
        ("/metrics", get(metrics)),
        ("/api/incidents", get(api::list)),
        ("/api/incidents/{id}", get(api::show)),
        ("/api/incidents/{id}/phones", post(api::phones)),
        ("/api/rooms/{id}/{action}", post(api::act)),
        ("/api/people", get(people::list)),
        ("/api/opt-in-requests", post(people::ask)),
        ("/api/replicas", get(replicas::list)),
        ("/api/receipts/{receipt}/replay", post(api::replay)),
        ("/api/openapi.json", get(api::openapi)),
        ("/-/reload", post(api::reload)),
    ]
}

async fn metrics(State(console): State<Arc<Console>>) -> Response {
    // Read from the store, so that all replicas and a restarted one tell the same.
    match console.store.open_duplicates().await {
        Ok(count) => drop(console.metrics.orphans.set(count)),
        Err(error) => drop(failed(&console, &error)),
    }
    console.metrics.aside.set(i64::try_from(console.store.aside().len()).unwrap_or(i64::MAX));
    match Replicas::of(&console).await {
        Ok(replicas) => console.metrics.show_replicas(replicas.replicas.len(), replicas.rosters()),
        Err(error) => drop(failed(&console, &error)),
    }
    match console.store.count_consents().await {
        Ok((counts, unnamed)) => console.metrics.show_consents(&counts, unnamed),
        Err(error) => drop(failed(&console, &error)),
    }
    ([(header::CONTENT_TYPE, OPEN_METRICS)], console.metrics.render()).into_response()
}

impl Console {
    /// While the store does not answer nobody knows how they are.
    async fn numbers(&self, now: Timestamp) -> Numbers {
        Numbers::of(&self.numbers, &self.store.numbers().await.unwrap_or_default(), now)
    }
}

/// What to answer when the store did not do what it was asked.
fn failed(console: &Console, error: &StoreError) -> Problem {
    console.metrics.store_failures.inc();
    error!(%error, "the console could not read the store");
    match error {
        StoreError::Unavailable(_) | StoreError::Busy => Problem::Unavailable,
        _ => Problem::Internal,
    }
}
