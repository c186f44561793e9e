//! One thread with one connection: jobs wait in queues, and those that wait together are committed together.
//!
//! A commit costs an fsync, so many jobs share one. A job that fails takes back the whole transaction, and the
//! others are run again without it. Nobody is answered before the commit has returned. The [`Connection`] is that of
//! any database.
//!
//! What may be [written behind](Access::WriteBehind) waits for no disk. It is committed with what does, or alone without
//! an fsync if nothing else waits: the next one writes all of the log before it.
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

use tokio::sync::oneshot;
use tracing::error;

use super::database::{Access, Asker, Found, Transaction};
use super::error::{StoreError, Stored};
use super::tx::Statements;

/// A database as the thread sees it that owns a connection to it.
pub(super) trait Connection: Statements {
    /// Begins a transaction, whose commit waits for the disk unless it is all [written behind](Access::WriteBehind);
    /// one that is still open is taken back before.
    fn begin(&self, access: Access) -> Stored<()>;

    /// Waits for the answers to what was sent without waiting.
    fn settle(&self) -> Stored<()> {
        Ok(())
    }

    /// Commits the transaction, after the answers to what was sent without waiting.
    fn commit(&self) -> Result<(), NotCommitted>;

    /// Takes the transaction back.
    fn roll_back(&self);

    /// How many rows were changed since it was opened.
    fn changes(&self) -> u64;
}

/// A transaction that was not committed, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotCommitted {
    /// A statement of it had failed: it certainly was not.
    Spoilt(StoreError),
    /// It may have been.
    Unknown(StoreError),
}

impl NotCommitted {
    /// Why.
    pub(super) fn error(self) -> StoreError {
        match self {
            Self::Spoilt(error) | Self::Unknown(error) => error,
        }
    }
}

/// Jobs that change something, committed together at most.
pub(super) const BATCH: usize = 256;
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

    /// Whether it may be committed without waiting for the disk.
    fn is_behind(&self) -> bool {
        self.transaction.access == Access::WriteBehind
    }

    /// Runs it, possibly once more after its writes were taken back.
    fn run(&mut self, statements: &dyn Statements) -> Stored<()> {
        let found = catch_unwind(AssertUnwindSafe(|| (self.transaction.body)(statements)))
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

    /// Whether all that waits may be committed without waiting for the disk.
    fn is_all_behind(&self) -> bool {
        self.queues.iter().flat_map(|(_, queue)| queue).all(Job::is_behind)
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

    /// Whether a transaction that begins with this job is all written behind.
    fn access_with(&self, first: &Job) -> Access {
        if first.is_behind() && !self.lock().is_all_behind() {
            Access::Write
        } else {
            first.transaction.access
        }
    }

    /// The next job for a transaction. What is written behind is left as soon as something waits for the disk.
    fn try_next(&self, access: Access) -> Option<Job> {
        let mut waiting = self.lock();
        if access == Access::WriteBehind && !waiting.is_all_behind() { None } else { waiting.pop() }
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
    /// Starts the thread, which runs up to `batch` jobs in one transaction.
    pub(super) fn start<C: Connection + Send + 'static>(
        name: &str,
        connection: C,
        batch: usize,
    ) -> Result<Self, std::io::Error> {
        let inbox = Arc::new(Inbox::default());
        let commits = Arc::new(AtomicU64::new(0));
        let (theirs, counted) = (Arc::clone(&inbox), Arc::clone(&commits));
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut is_away = false;
            while let Some(first) = theirs.next() {
                let access = theirs.access_with(&first);
                let begun = run(&connection, access, (first, batch), || theirs.try_next(access), &counted);
                if let Err(error) = &begun
                    && !is_away
                {
                    error!(%error, "no transaction can be begun");
                }
                is_away = begun.is_err();
            }
        })?;
        Ok(Self { inbox, commits, thread: Some(thread) })
    }

    /// How many transactions have changed something and waited for the disk.
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

/// Runs `first`, and what `more` gives within a short time, in one transaction; says so if none could be begun. One that
/// has changed something and waited for the disk is counted.
fn run<C: Connection>(
    connection: &C,
    access: Access,
    (first, batch): (Job, usize),
    more: impl Fn() -> Option<Job>,
    counted: &AtomicU64,
) -> Stored<()> {
    let changes = connection.changes();
    let until = Instant::now() + LONGEST_BATCH;
    let mut done: Vec<Job> = Vec::new();
    let mut next = Some(first);
    if let Err(error) = connection.begin(access) {
        // The database is not to be had: those who wait too must not wait for it one after the other.
        for job in next.into_iter().chain(std::iter::from_fn(more).take(BATCH)) {
            job.answer(Some(error.clone()));
        }
        return Err(error);
    }
    let mut ran = Ok(());
    while let Some(mut job) = next {
        ran = job.run(connection);
        done.push(job);
        let has_room = ran.is_ok() && done.len() < batch && Instant::now() < until;
        next = if has_room { more() } else { None };
    }
    let committed = match ran.map_err(NotCommitted::Spoilt).and_then(|()| connection.commit()) {
        // Whose statement it was is not known.
        Err(NotCommitted::Spoilt(_)) => {
            let ran = again(connection, access, &mut done).map_err(NotCommitted::Spoilt);
            ran.and_then(|()| connection.commit())
        }
        committed => committed,
    };
    let failed = committed.err().map(NotCommitted::error);
    if let Some(error) = &failed {
        error!(%error, jobs = done.len(), "a transaction failed; nothing of it is stored");
        connection.roll_back();
    }
    let has_waited = access == Access::Write && failed.is_none() && connection.changes() > changes;
    counted.fetch_add(u64::from(has_waited), Ordering::Relaxed);
    for job in done {
        job.answer(failed.clone());
    }
    Ok(())
}

/// Runs in a new transaction what was done in one that failed, leaving out what fails now.
fn again<C: Connection>(connection: &C, access: Access, done: &mut Vec<Job>) -> Stored<()> {
    loop {
        connection.begin(access)?;
        let failed = done.iter_mut().enumerate().find_map(|(place, job)| {
            let error = job.run(connection).and_then(|()| connection.settle()).err()?;
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
    use crate::store::sqlite::in_memory;
    use crate::store::tx::Value;
    use futures_util::FutureExt as _;
    use std::sync::mpsc;
    use tokio::task::JoinSet;

    async fn call<T: Send + 'static>(
        lane: &Lane,
        asker: Asker,
        body: impl FnMut(&dyn Statements) -> Stored<T> + Send + 'static,
    ) -> Stored<T> {
        call_as(lane, Access::Write, asker, body).await
    }

    async fn call_as<T: Send + 'static>(
        lane: &Lane,
        access: Access,
        asker: Asker,
        mut body: impl FnMut(&dyn Statements) -> Stored<T> + Send + 'static,
    ) -> Stored<T> {
        let body = Box::new(move |db: &dyn Statements| body(db).map(|found| Box::new(found) as Found));
        let transaction = Transaction { name: "test", access, asker, body, committed: Box::new(|_| {}) };
        lane.run(transaction).await.map(|found| *found.downcast().unwrap())
    }

    /// A lane with a table, held up until the returned sender is dropped.
    async fn held_up(jobs: &mut JoinSet<()>) -> (Arc<Lane>, mpsc::Sender<()>) {
        let db = in_memory("CREATE TABLE words (word TEXT NOT NULL UNIQUE)");
        let lane = Arc::new(Lane::start("test", db, BATCH).unwrap());
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

    #[tokio::test]
    async fn what_may_be_written_behind_is_written_and_waits_for_the_disk_only_with_others() {
        let mut jobs = JoinSet::new();
        let (lane, hold) = held_up(&mut jobs).await;
        let say_as = |access, word: &'static str| {
            let lane = Arc::clone(&lane);
            let insert = move |db: &dyn Statements| {
                db.execute("INSERT INTO words VALUES (?1)", &[Value::Text(word)]).map(drop)
            };
            async move { call_as(&lane, access, Asker::Ourselves, insert).await }
        };
        for (access, word) in [(Access::WriteBehind, "with"), (Access::Write, "the disk")] {
            let before = waiting(&lane);
            jobs.spawn(say_as(access, word).map(Result::unwrap));
            while waiting(&lane) == before {
                tokio::task::yield_now().await;
            }
        }
        drop(hold);
        while jobs.join_next().await.is_some() {}
        assert_eq!(lane.commits(), 1, "both together");
        say_as(Access::WriteBehind, "alone").await.unwrap();
        assert_eq!(lane.commits(), 1);
        assert_eq!(words(&lane).await, ["with", "the disk", "alone"]);
        say_as(Access::Write, "at last").await.unwrap();
        assert_eq!(lane.commits(), 2);
    }
}
