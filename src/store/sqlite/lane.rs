//! One thread with one connection: jobs queue up, and those that wait together are committed together.
//!
//! A commit costs an fsync, so many jobs share one. Each job runs in its own savepoint: one that fails takes
//! back only its own writes. Nobody is answered before the commit has returned.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use crate::store::StoreError;

/// Jobs committed together at most.
const BATCH: usize = 256;
/// Jobs waiting at most; more than that wait outside, where the receiver's time limit finds them.
const QUEUE: usize = 1024;

type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Returns also why it failed, if it did.
type Job = Box<dyn FnOnce(&Connection) -> (Option<StoreError>, Reply) + Send>;

/// A thread that owns a connection.
pub(super) struct Lane {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lane")
    }
}

impl Lane {
    /// Starts the thread. `begin` opens its transactions: `BEGIN IMMEDIATE` for a writer.
    pub(super) fn start(
        name: &str,
        connection: Connection,
        begin: &'static str,
    ) -> Result<Self, std::io::Error> {
        let (jobs, mut inbox) = mpsc::channel::<Job>(QUEUE);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Some(first) = inbox.blocking_recv() {
                let mut batch = vec![first];
                while batch.len() < BATCH {
                    match inbox.try_recv() {
                        Ok(job) => batch.push(job),
                        Err(_) => break,
                    }
                }
                run(&connection, begin, batch);
            }
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `job` in the next transaction and returns when that is committed.
    pub(super) async fn call<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (tell, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = in_savepoint(connection, job);
            let failure = result.as_ref().err().cloned();
            let reply = Box::new(move |committed: Result<(), StoreError>| {
                // Whoever asked may have gone away; what is committed stays committed.
                let _ = tell.send(committed.and(result));
            });
            (failure, reply)
        });
        let gone = || StoreError::Unavailable("its thread has ended".to_owned());
        self.jobs.as_ref().ok_or_else(gone)?.send(job).await.map_err(|_closed| gone())?;
        answer.await.map_err(|_closed| gone())?
    }
}

/// Ends the thread after what is queued, so that a file can be opened again right after.
impl Drop for Lane {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, begin: &str, batch: Vec<Job>) {
    if !connection.is_autocommit() {
        // A rollback that failed before must not make every later transaction fail.
        let _ = connection.execute_batch("ROLLBACK");
    }
    // The first thing that went wrong for all of them; what follows from it explains nothing.
    let mut broken = connection.execute_batch(begin).map_err(unavailable).err();
    let replies: Vec<Reply> = batch
        .into_iter()
        .map(|job| {
            let (failure, reply) = job(connection);
            if broken.is_none() && connection.is_autocommit() {
                // A disk that fails in the middle ends the whole transaction, not the job's part alone.
                broken = failure.or_else(|| Some(no_transaction()));
            }
            reply
        })
        .collect();
    let committed = match broken {
        None => connection.execute_batch("COMMIT").map_err(|error| {
            let _ = connection.execute_batch("ROLLBACK");
            unavailable(error)
        }),
        Some(error) => Err(error),
    };
    if let Err(error) = &committed {
        error!(%error, jobs = replies.len(), "a transaction failed; nothing of it is stored");
    }
    for reply in replies {
        reply(committed.clone());
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    // Without a transaction around it a savepoint would commit by itself, unbatched but not wrong; it is
    // refused all the same, because its reply will say that the batch failed.
    if connection.is_autocommit() {
        return Err(no_transaction());
    }
    connection.execute_batch("SAVEPOINT job").map_err(unavailable)?;
    let result = catch_unwind(AssertUnwindSafe(|| job(connection)))
        .unwrap_or_else(|_| Err(StoreError::Unavailable("a transaction broke off".to_owned())));
    let end = if result.is_ok() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
    let ended = connection.execute_batch(end).map_err(unavailable);
    let result = result?;
    ended.map(|()| result)
}

fn no_transaction() -> StoreError {
    StoreError::Unavailable("no transaction could be begun".to_owned())
}

/// A database error in our words.
#[expect(clippy::needless_pass_by_value, reason = "it is used as a function in `map_err`")]
pub(super) fn unavailable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_shares_a_transaction_that_broke_off_hears_what_went_wrong_first() {
        let connection = Connection::open_in_memory().unwrap();
        let lane = Lane::start("test", connection, "BEGIN IMMEDIATE").unwrap();
        let (begun, has_begun) = oneshot::channel();
        let (go_on, waiting) = std::sync::mpsc::channel();
        let first = lane.call(move |_| {
            begun.send(()).unwrap();
            waiting.recv().unwrap();
            Ok(())
        });
        // While that one is at work these two queue up, and share the next transaction.
        let others = async {
            has_begun.await.unwrap();
            let full = lane.call(|db| {
                db.execute_batch("ROLLBACK").unwrap();
                Err::<(), _>(StoreError::Unavailable("the disk is full".to_owned()))
            });
            let innocent = lane.call(|_| Ok(()));
            let release = async { go_on.send(()).unwrap() };
            tokio::join!(full, innocent, release)
        };
        let (first, (full, innocent, ())) = tokio::join!(first, others);
        let why = StoreError::Unavailable("the disk is full".to_owned());
        assert_eq!((first, full, innocent), (Ok(()), Err(why.clone()), Err(why)));
        assert_eq!(lane.call(|_| Ok(7)).await, Ok(7), "the next transaction is none of its business");
    }
}
