//! Copies what is committed from the log into the file, away from the thread that commits.
//!
//! The writer would do it itself every thousand pages, and whoever waits for that commit would wait for two syncs
//! and hundreds of scattered writes more.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tracing::warn;

/// Between two looks at the log.
const GAP: Duration = Duration::from_millis(500);
/// Pages in the log (64 MiB) from which on it is begun anew, for which the writer has to wait a moment.
const LONG_LOG: i64 = 16_384;
/// Pages (4 MiB) that are worth copying: the first commit after all of a log was copied takes two syncs instead of one.
const WORTH_COPYING: i64 = 1024;

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
    // Pages in the log, and how many of them are copied.
    let run = |how| db.query_row(how, [], |r| Ok((r.get::<_, i64>(1)?, r.get::<_, i64>(2)?)));
    let (all, copied) = run("PRAGMA wal_checkpoint(NOOP)")?;
    if all - copied >= WORTH_COPYING && run("PRAGMA wal_checkpoint(PASSIVE)")?.0 > LONG_LOG {
        run("PRAGMA wal_checkpoint(RESTART)")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_log_is_left_alone_and_a_long_one_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let db = Connection::open(folder.path().join("store.db")).unwrap();
        let log = || {
            let state = |r: &rusqlite::Row<'_>| Ok((r.get::<_, i64>(1)?, r.get::<_, i64>(2)?));
            db.query_row("PRAGMA wal_checkpoint(NOOP)", [], state).unwrap()
        };
        let begin =
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE bodies (body BLOB)";
        db.execute_batch(begin).unwrap();
        checkpoint(&db).unwrap();
        assert!(matches!(log(), (1.., 0)), "{:?}", log());
        db.execute("INSERT INTO bodies VALUES (zeroblob(5000000))", []).unwrap();
        checkpoint(&db).unwrap();
        let (all, copied) = log();
        assert!(all > WORTH_COPYING && copied == all, "{copied} of {all}");
    }
}
