//! `LISTEN` and `NOTIFY` among the replicas: one that has made work due wakes the others.
//!
//! Nothing depends on it: everybody looks every few seconds anyway, and at once after a connection was lost. A
//! committing `NOTIFY` waits for every other one, so there are few.

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::{Notify, mpsc};
use tokio_postgres::AsyncMessage;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::address::Address;
use crate::store::error::{StoreError, Stored};

/// Between two notifications of one replica.
const GAP: Duration = Duration::from_millis(100);
/// Before the next try to connect.
const RETRY: Duration = Duration::from_secs(1);

/// The thread that sends and hears them.
pub(super) struct Notifications {
    send: Arc<Notify>,
    heard: Arc<Notify>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Notifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notifications")
    }
}

impl Notifications {
    pub(super) fn start(address: Address) -> Stored<Self> {
        let failed = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (send, heard, stop) =
            (Arc::new(Notify::new()), Arc::new(Notify::new()), CancellationToken::new());
        let (its_send, its_heard, its_stop) = (Arc::clone(&send), Arc::clone(&heard), stop.clone());
        let thread = std::thread::Builder::new().name("store-notifications".to_owned()).spawn(move || {
            runtime.block_on(async {
                while !its_stop.is_cancelled() {
                    tokio::select! {
                        ended = exchange(&address, &its_send, &its_heard) => {
                            debug!(error = ?ended.err(), "the other replicas are not heard; they are soon again");
                        }
                        () = its_stop.cancelled() => return,
                    }
                    tokio::select! { () = tokio::time::sleep(RETRY) => {} () = its_stop.cancelled() => {} }
                }
            });
        });
        Ok(Self { send, heard, stop, thread: Some(thread.map_err(failed)?) })
    }

    /// Wakes the others, soon.
    pub(super) fn send(&self) {
        self.send.notify_one();
    }

    /// Waits until another one has something for us, or may have had while nobody listened.
    pub(super) async fn heard(&self) {
        self.heard.notified().await;
    }
}

impl Drop for Notifications {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Sends and hears until the connection ends.
#[expect(clippy::disallowed_methods, reason = "the connection's own half runs beside")]
async fn exchange(address: &Address, send: &Notify, heard: &Notify) -> Stored<()> {
    let lost = |error: tokio_postgres::Error| super::link::unavailable(&error);
    let (client, mut connection) = address.config().connect(address.tls()?).await.map_err(lost)?;
    let (told, mut messages) = mpsc::unbounded_channel();
    // The connection answers the client only while it is polled.
    tokio::spawn(async move {
        let mut all = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = all.next().await {
            if told.send(message).is_err() {
                return;
            }
        }
    });
    let sql = "SELECT pg_backend_pid(), 'warroom_' || (hashtext(current_schema())::bigint + 2147483648)";
    let row = client.query_one(sql, &[]).await.map_err(lost)?;
    let (own, channel): (i32, String) = (row.get(0), row.get(1));
    client.batch_execute(&format!("LISTEN {channel}")).await.map_err(lost)?;
    heard.notify_one();
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Some(AsyncMessage::Notification(by)) if by.process_id() != own => heard.notify_one(),
                Some(_) => {}
                None => return Ok(()),
            },
            () = send.notified() => {
                client.batch_execute(&format!("NOTIFY {channel}")).await.map_err(lost)?;
                tokio::time::sleep(GAP).await;
            }
        }
    }
}
