//! The operator listener: metrics, API and pages.

use std::sync::Arc;

use axum::Router;
use secrecy::SecretString;

use crate::clock::Clock;
use crate::store::Store;
use crate::telemetry::Metrics;

/// What the operator listener stands on.
#[derive(Debug)]
pub struct Console {
    /// The memory.
    pub store: Arc<dyn Store>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What an operator must show, if anything.
    pub token: Option<SecretString>,
    /// Rung when an operator asked for something.
    pub bell: Arc<tokio::sync::Notify>,
}

/// The operator listener's routes.
pub fn router(console: Arc<Console>) -> Router {
    Router::new().with_state(console)
}
