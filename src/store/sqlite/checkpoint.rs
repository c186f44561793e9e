//! Copies what is committed from the log into the file, away from the thread that commits.
//!
//! The writer would do it itself every thousand pages, and whoever waits for that commit would wait for two syncs
//! and hundreds of scattered writes more.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tracing::warn;

/// Between two of them.
const GAP: Duration = Duration::from_millis(500);
/// Pages in the log (64 MiB) from which on it is begun anew, for which the writer has to wait a moment.
const LONG_LOG: i64 = 16_384;

/// The thread that does it, until this is dropped.
#[derive(Debug)]
pub(super) struct Checkpoints {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("store-checkpoint".to_owned()).spawn(move || {
            while stopped.recv_timeout(GAP) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = checkpoint(&connection) {
                    warn!(%error, "the store's log could not be copied into its file; it is tried again");
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn checkpoint(db: &Connection) -> rusqlite::Result<()> {
    let run = |how| db.query_row(how, [], |r| r.get::<_, i64>(1));
    if run("PRAGMA wal_checkpoint(PASSIVE)")? > LONG_LOG {
        run("PRAGMA wal_checkpoint(RESTART)")?;
    }
    Ok(())
}
