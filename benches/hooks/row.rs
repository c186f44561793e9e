//! What a receiver on PostgreSQL cannot do without: prove the body, and answer once one row of it is committed.
//!
//! Sixteen connections, each request a statement of its own on the next one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio_postgres::{Client, NoTls, Statement};

use crate::requests::SECRET;

const CONNECTIONS: usize = 16;

struct Pool {
    clients: Vec<(Client, Statement)>,
    next: AtomicUsize,
}

/// Runs for ever.
#[expect(clippy::disallowed_methods, reason = "a program of its own, which is no part of the bridge")]
pub(crate) async fn serve(address: SocketAddr, store: &str) {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let (client, connection) = tokio_postgres::connect(store, NoTls).await.unwrap();
        tokio::spawn(async move { connection.await.unwrap() });
        let table = "CREATE TABLE IF NOT EXISTS rows (id BIGSERIAL PRIMARY KEY, body BYTEA NOT NULL)";
        client.batch_execute(table).await.unwrap();
        let insert = client.prepare("INSERT INTO rows (body) VALUES ($1) RETURNING id").await.unwrap();
        clients.push((client, insert));
    }
    let pool = Arc::new(Pool { clients, next: AtomicUsize::new(0) });
    let router = Router::new().route("/hooks/{source}", post(take)).with_state(pool);
    axum::serve(TcpListener::bind(address).await.unwrap(), router).await.unwrap();
}

async fn take(
    State(pool): State<Arc<Pool>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, StatusCode> {
    let signature = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok());
    let signature = signature.and_then(|text| hex::decode(text.strip_prefix("sha256=")?).ok());
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&body);
    mac.verify_slice(&signature.unwrap_or_default()).map_err(|_wrong| StatusCode::UNAUTHORIZED)?;
    let (client, insert) = &pool.clients[pool.next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS];
    let row = client.query_one(insert, &[&&body[..]]).await;
    let row = row.map_err(|_lost| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(json!({ "receipt": row.get::<_, i64>(0) })))
}
