//! Which replicas share the store, and whether all have the same roster in force.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use super::api::answer;
use super::redaction::Redaction;
use super::{Console, failed};
use crate::store::{ReplicaSeen, StoreError};

/// Those that were heard of lately.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Replicas {
    pub(super) replicas: Vec<ReplicaSeen>,
}

impl Replicas {
    pub(super) async fn of(console: &Console) -> Result<Self, StoreError> {
        if !console.store.is_shared() {
            return Ok(Self::default());
        }
        Ok(Self { replicas: console.store.replicas(console.clock.now()).await? })
    }

    /// How many different rosters are in force.
    pub(super) fn rosters(&self) -> usize {
        self.replicas.iter().map(|replica| &replica.roster).collect::<BTreeSet<_>>().len()
    }
}

pub(super) async fn list(State(console): State<Arc<Console>>) -> Response {
    match Replicas::of(&console).await {
        Ok(replicas) => answer(StatusCode::OK, &Redaction::default(), &replicas),
        Err(error) => failed(&console, &error).into_response(),
    }
}
