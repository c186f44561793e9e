//! One thread with one connection: jobs wait in queues, and those that wait together are committed together.
//!
//! A commit costs an fsync, so many jobs share one. A job that fails takes back the whole transaction, and the
//! others are run again without it. Nobody is answered before the commit has returned.
//!
//! There is one queue per kind of asker, and they take turns: a monitoring tool that sends far more than the
//! others delays itself. A job that nobody waits for any more is dropped before it starts.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;
use tracing::error;

use super::unavailable;
use crate::store::database::{Asker, Found, Transaction};
use crate::store::error::{StoreError, Stored};

/// Jobs committed together at most.
const BATCH: usize = 256;
/// How long jobs are added to a batch: whoever came first waits for the last one.
const LONGEST_BATCH: Duration = Duration::from_millis(20);
/// What has waited longer is refused instead of begun: a sender gives up soon after, and comes again.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A transaction, and whoever waits for what comes of it.
struct Job {
    transaction: Transaction,
    found: Option<Found>,
    tell: oneshot::Sender<Stored<Found>>,
    late_at: Option<Instant>,
}

impl Job {
    /// Whether somebody still waits for it.
    fn is_wanted(&self) -> bool {
        !self.tell.is_closed()
    }

    /// Whether it has waited for so long that it would end too late.
    fn is_late(&self) -> bool {
        self.late_at.is_some_and(|at| at <= Instant::now())
    }

    /// Runs it, possibly once more after its writes were taken back.
    fn run(&mut self, connection: &Connection) -> Stored<()> {
        let found = catch_unwind(AssertUnwindSafe(|| (self.transaction.body)(connection)))
            .unwrap_or_else(|_| Err(StoreError::Unavailable("a transaction broke off".to_owned())))?;
        self.found = Some(found);
        Ok(())
    }

    /// Tells what came of it: why it failed, or what it found.
    fn answer(self, failed: Option<StoreError>) {
        let answer = match (failed, self.found) {
            (Some(error), _) => Err(error),
            (None, None) => Err(StoreError::Unavailable("it was not run".to_owned())),
            (None, Some(mut found)) => {
                (self.transaction.committed)(&mut found);
                Ok(found)
            }
        };
        // Whoever asked may have gone away; what is committed stays committed.
        let _ = self.tell.send(answer);
    }
}

/// What waits, by asker; the first queue's turn is next.
#[derive(Default)]
struct Waiting {
    queues: VecDeque<(Asker, VecDeque<Job>)>,
    is_closed: bool,
}

impl Waiting {
    fn push(&mut self, job: Job) {
        match self.queues.iter_mut().find(|(whose, _)| *whose == job.transaction.asker) {
            Some((_, queue)) => queue.push_back(job),
            None => self.queues.push_back((job.transaction.asker.clone(), VecDeque::from([job]))),
        }
    }

    /// The next job that somebody waits for.
    fn pop(&mut self) -> Option<Job> {
        while let Some((asker, mut queue)) = self.queues.pop_front() {
            let job = queue.pop_front();
            if !queue.is_empty() {
                self.queues.push_back((asker, queue));
            }
            match job {
                Some(job) if job.is_late() => job.answer(Some(StoreError::Busy)),
                Some(job) if job.is_wanted() => return Some(job),
                Some(_) | None => {}
            }
        }
        None
    }
}

/// What waits, and the signal that something does.
#[derive(Default)]
struct Inbox {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_next(&self) -> Option<Job> {
        self.lock().pop()
    }

    /// Waits for a job; `None` once the lane is closed and all are done.
    fn next(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if let Some(job) = waiting.pop() {
                return Some(job);
            }
            if waiting.is_closed {
                return None;
            }
            waiting = self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A thread that owns a connection.
pub(super) struct Lane {
    inbox: Arc<Inbox>,
    commits: Arc<AtomicU64>,
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
        let inbox = Arc::new(Inbox::default());
        let commits = Arc::new(AtomicU64::new(0));
        let (theirs, counted) = (Arc::clone(&inbox), Arc::clone(&commits));
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Some(first) = theirs.next() {
                let changes = connection.total_changes();
                run(&connection, begin, first, || theirs.try_next());
                counted.fetch_add(u64::from(connection.total_changes() > changes), Ordering::Relaxed);
            }
        })?;
        Ok(Self { inbox, commits, thread: Some(thread) })
    }

    /// How many transactions have changed something.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Runs it in one of the next transactions of the file, and returns when that is committed.
    pub(super) async fn run(&self, transaction: Transaction) -> Stored<Found> {
        let (tell, answer) = oneshot::channel();
        let late_at = (transaction.asker != Asker::Ourselves).then(|| Instant::now() + LONGEST_WAIT);
        self.inbox.lock().push(Job { transaction, found: None, tell, late_at });
        self.inbox.came.notify_one();
        answer.await.map_err(|_closed| StoreError::Unavailable("its thread has ended".to_owned()))?
    }
}

/// Ends the thread after what is queued, so that a file can be opened again right after.
impl Drop for Lane {
    fn drop(&mut self) {
        self.inbox.lock().is_closed = true;
        self.inbox.came.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs `first`, and what `more` gives within a short time, in one transaction.
fn run(connection: &Connection, begin: &str, first: Job, more: impl Fn() -> Option<Job>) {
    let until = Instant::now() + LONGEST_BATCH;
    let mut done: Vec<Job> = Vec::new();
    let mut next = Some(first);
    if let Err(error) = open(connection, begin) {
        error!(%error, "no transaction could be begun");
        // The file is not to be had: those who wait too must not wait for it one after the other.
        for job in next.into_iter().chain(std::iter::from_fn(more).take(BATCH)) {
            job.answer(Some(error.clone()));
        }
        return;
    }
    while let Some(mut job) = next {
        match job.run(connection) {
            Ok(()) => done.push(job),
            Err(error) => {
                job.answer(Some(error));
                if let Err(error) = again(connection, begin, &mut done) {
                    error!(%error, jobs = done.len(), "a transaction failed; nothing of it is stored");
                    for job in done {
                        job.answer(Some(error.clone()));
                    }
                    return;
                }
            }
        }
        let has_room = done.len() < BATCH && Instant::now() < until;
        next = if has_room { more() } else { None };
    }
    let failed = connection.execute_batch("COMMIT").map_err(unavailable).err();
    if let Some(error) = &failed {
        error!(%error, jobs = done.len(), "a transaction failed; nothing of it is stored");
        let _ = connection.execute_batch("ROLLBACK");
    }
    for job in done {
        job.answer(failed.clone());
    }
}

fn open(connection: &Connection, begin: &str) -> Stored<()> {
    if !connection.is_autocommit() {
        // A rollback that failed before must not make every later transaction fail.
        let _ = connection.execute_batch("ROLLBACK");
    }
    connection.execute_batch(begin).map_err(unavailable)
}

/// Takes back the transaction and runs in a new one what was done in it, leaving out what fails now.
fn again(connection: &Connection, begin: &str, done: &mut Vec<Job>) -> Stored<()> {
    loop {
        open(connection, begin)?;
        let failed = done.iter_mut().enumerate().find_map(|(place, job)| {
            let error = job.run(connection).err()?;
            Some((place, error))
        });
        let Some((place, error)) = failed else { return Ok(()) };
        done.remove(place).answer(Some(error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::Access;
    use crate::store::tx::{Statements, Value};
    use std::sync::mpsc;
    use tokio::task::JoinSet;

    async fn call<T: Send + 'static>(
        lane: &Lane,
        asker: Asker,
        mut body: impl FnMut(&dyn Statements) -> Stored<T> + Send + 'static,
    ) -> Stored<T> {
        let body = Box::new(move |db: &dyn Statements| body(db).map(|found| Box::new(found) as Found));
        let transaction =
            Transaction { name: "test", access: Access::Write, asker, body, committed: Box::new(|_| {}) };
        lane.run(transaction).await.map(|found| *found.downcast().unwrap())
    }

    /// A lane with a table, held up until the returned sender is dropped.
    async fn held_up(jobs: &mut JoinSet<()>) -> (Arc<Lane>, mpsc::Sender<()>) {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE words (word TEXT NOT NULL UNIQUE)").unwrap();
        let lane = Arc::new(Lane::start("test", db, "BEGIN IMMEDIATE").unwrap());
        let (hold, held) = mpsc::channel::<()>();
        let (begun, has_begun) = oneshot::channel();
        let (its, mut begun) = (Arc::clone(&lane), Some(begun));
        jobs.spawn(async move {
            let wait = move |_: &dyn Statements| {
                if let Some(begun) = begun.take() {
                    begun.send(()).unwrap();
                }
                let _ = held.recv();
                Ok(())
            };
            call(&its, Asker::Ourselves, wait).await.unwrap();
        });
        has_begun.await.unwrap();
        (lane, hold)
    }

    async fn words(lane: &Lane) -> Vec<String> {
        let read = |db: &dyn Statements| {
            let mut words = Vec::new();
            db.query("SELECT word FROM words ORDER BY rowid", &[], &mut |row| {
                words.push(row.get(0)?);
                Ok(true)
            })?;
            Ok(words)
        };
        call(lane, Asker::Ourselves, read).await.unwrap()
    }

    /// Queues a word behind what waits.
    async fn queue(lane: &Arc<Lane>, jobs: &mut JoinSet<()>, asker: Asker, word: &'static str) {
        let before = waiting(lane);
        let its = Arc::clone(lane);
        jobs.spawn(async move { drop(say(&its, asker, word).await) });
        while waiting(lane) == before {
            tokio::task::yield_now().await;
        }
    }

    fn waiting(lane: &Lane) -> usize {
        lane.inbox.lock().queues.iter().map(|(_, queue)| queue.len()).sum()
    }

    async fn say(lane: &Lane, asker: Asker, word: &'static str) -> Stored<()> {
        let insert = move |db: &dyn Statements| {
            db.execute("INSERT INTO words VALUES (?1)", &[Value::Text(word)]).map(drop)
        };
        call(lane, asker, insert).await
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_begun() {
        let (mut jobs, mut gone) = (JoinSet::new(), JoinSet::new());
        let (lane, hold) = held_up(&mut jobs).await;
        queue(&lane, &mut gone, Asker::Ourselves, "given up").await;
        gone.shutdown().await;
        queue(&lane, &mut jobs, Asker::Ourselves, "waited for").await;
        drop(hold);
        while jobs.join_next().await.is_some() {}
        assert_eq!(words(&lane).await, ["waited for"]);
    }

    #[tokio::test]
    async fn askers_take_turns() {
        let mut jobs = JoinSet::new();
        let (lane, hold) = held_up(&mut jobs).await;
        let asker = |name: &str| Asker::Source(name.to_owned());
        for word in ["a1", "a2", "a3"] {
            queue(&lane, &mut jobs, asker("a"), word).await;
        }
        queue(&lane, &mut jobs, asker("b"), "b1").await;
        queue(&lane, &mut jobs, Asker::Ourselves, "ours").await;
        drop(hold);
        while jobs.join_next().await.is_some() {}
        assert_eq!(words(&lane).await, ["a1", "b1", "ours", "a2", "a3"]);
    }

    #[tokio::test]
    async fn one_that_fails_takes_nobody_with_it() {
        let mut jobs = JoinSet::new();
        let (lane, hold) = held_up(&mut jobs).await;
        for word in ["one", "two"] {
            queue(&lane, &mut jobs, Asker::Ourselves, word).await;
        }
        let (its, broken) = (Arc::clone(&lane), Asker::Ourselves);
        let twice = tokio::task::unconstrained(async move { say(&its, broken, "one").await });
        let (failed, ()) = tokio::join!(twice, async { drop(hold) });
        assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
        while jobs.join_next().await.is_some() {}
        say(&lane, Asker::Ourselves, "three").await.unwrap();
        assert_eq!(words(&lane).await, ["one", "two", "three"]);
    }

    #[tokio::test]
    async fn whoever_shares_a_transaction_that_broke_off_is_run_again() {
        let mut jobs = JoinSet::new();
        let (lane, hold) = held_up(&mut jobs).await;
        queue(&lane, &mut jobs, Asker::Ourselves, "one").await;
        let its = Arc::clone(&lane);
        let full = async move {
            let fail = |db: &dyn Statements| {
                db.execute("ROLLBACK", &[]).unwrap();
                Err::<(), _>(StoreError::Unavailable("the disk is full".to_owned()))
            };
            call(&its, Asker::Ourselves, fail).await
        };
        let (failed, ()) = tokio::join!(full, async { drop(hold) });
        assert_eq!(failed, Err(StoreError::Unavailable("the disk is full".to_owned())));
        while jobs.join_next().await.is_some() {}
        assert_eq!(words(&lane).await, ["one"]);
    }

    #[tokio::test]
    async fn one_that_breaks_off_is_told_so() {
        let mut jobs = JoinSet::new();
        let (lane, hold) = held_up(&mut jobs).await;
        queue(&lane, &mut jobs, Asker::Ourselves, "one").await;
        drop(hold);
        let broken = call(&lane, Asker::Ourselves, |_| -> Stored<()> { panic!("on purpose") }).await;
        assert!(matches!(broken, Err(StoreError::Unavailable(_))), "{broken:?}");
        while jobs.join_next().await.is_some() {}
        assert_eq!(words(&lane).await, ["one"]);
    }
}
