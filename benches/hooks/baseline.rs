//! What a durable receiver cannot do without: prove the body, read it, and answer once it is on disk.
//!
//! For each body a row that is unique by its digest, the incident that it belongs to, and a row for whoever acts on it
//! later: `SQLite`, WAL, `synchronous = FULL`, one thread that writes, and one commit for all that has come while the
//! one before was made.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode};
use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use warroom::clock::{Clock, SystemClock};

use crate::requests::SECRET;

const MOST_AT_ONCE: usize = 256;

const TABLES: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE receipts (
        id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, received_at INTEGER NOT NULL, body BLOB NOT NULL
    );
    CREATE TABLE incidents (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, state TEXT NOT NULL, severity TEXT NOT NULL,
        title TEXT NOT NULL, changed_at INTEGER NOT NULL
    );
    CREATE TABLE outbox (id INTEGER PRIMARY KEY, incident INTEGER NOT NULL, receipt INTEGER NOT NULL);";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    group_key: String,
    status: String,
    alerts: Vec<Alert>,
}

#[derive(Debug, Deserialize)]
struct Alert {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

struct Hook {
    notification: Notification,
    body: Bytes,
    answer: oneshot::Sender<i64>,
}

/// Runs for ever.
pub(crate) async fn serve(address: SocketAddr, path: &Path) {
    let (hooks, mut inbox) = mpsc::channel::<Hook>(1024);
    let store = Connection::open(path).unwrap();
    store.execute_batch(TABLES).unwrap();
    std::thread::spawn(move || {
        while let Some(first) = inbox.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < MOST_AT_ONCE
                && let Ok(more) = inbox.try_recv()
            {
                batch.push(more);
            }
            store.execute_batch("BEGIN IMMEDIATE").unwrap();
            let receipts: Vec<i64> = batch.iter().map(|hook| write(&store, hook).unwrap()).collect();
            store.execute_batch("COMMIT").unwrap();
            for (hook, receipt) in batch.into_iter().zip(receipts) {
                // Whoever asked may have gone.
                let _ = hook.answer.send(receipt);
            }
        }
    });
    let router = Router::new().route("/hooks/{source}", post(take)).with_state(Arc::new(hooks));
    axum::serve(TcpListener::bind(address).await.unwrap(), router).await.unwrap();
}

async fn take(
    State(hooks): State<Arc<mpsc::Sender<Hook>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, StatusCode> {
    let signature = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok());
    let signature = signature.and_then(|text| hex::decode(text.strip_prefix("sha256=")?).ok());
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&body);
    mac.verify_slice(&signature.unwrap_or_default()).map_err(|_wrong| StatusCode::UNAUTHORIZED)?;
    let notification = serde_json::from_slice(&body).map_err(|_unread| StatusCode::BAD_REQUEST)?;
    let (answer, committed) = oneshot::channel();
    hooks.send(Hook { notification, body, answer }).await.map_err(|_gone| StatusCode::SERVICE_UNAVAILABLE)?;
    let receipt = committed.await.map_err(|_gone| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(json!({ "receipt": receipt })))
}

/// One that came before is known by its digest, and does nothing again.
fn write(store: &Connection, hook: &Hook) -> rusqlite::Result<i64> {
    let digest = Sha256::digest(&hook.body);
    let now = SystemClock.now().as_millisecond();
    let mut insert = store
        .prepare_cached("INSERT OR IGNORE INTO receipts (digest, received_at, body) VALUES (?1, ?2, ?3)")?;
    if insert.execute(params![&digest[..], now, &hook.body[..]])? == 0 {
        let mut known = store.prepare_cached("SELECT id FROM receipts WHERE digest = ?1")?;
        return known.query_row([&digest[..]], |row| row.get(0));
    }
    let receipt = store.last_insert_rowid();
    let Notification { group_key, status, alerts } = &hook.notification;
    let first = alerts.first();
    let severity = first.and_then(|alert| alert.labels.get("severity")).map_or("", String::as_str);
    let title = first.and_then(|alert| alert.annotations.get("summary")).map_or("", String::as_str);
    let mut upsert = store.prepare_cached(
        "INSERT INTO incidents (key, state, severity, title, changed_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (key) DO UPDATE SET state = ?2, severity = ?3, title = ?4, changed_at = ?5 RETURNING id",
    )?;
    let incident: i64 =
        upsert.query_row(params![group_key, status, severity, title, now], |row| row.get(0))?;
    store
        .prepare_cached("INSERT INTO outbox (incident, receipt) VALUES (?1, ?2)")?
        .execute([incident, receipt])?;
    Ok(receipt)
}
