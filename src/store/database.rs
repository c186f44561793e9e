//! What a database has to do: run each transaction as a whole.

use std::any::Any;
use std::fmt;

use async_trait::async_trait;

use super::error::Stored;
use super::tx::Statements;

/// What a transaction found, of whatever type it is.
pub type Found = Box<dyn Any + Send>;

/// What is done in a transaction.
pub type Body = Box<dyn FnMut(&dyn Statements) -> Stored<Found> + Send>;

/// Where transactions are run.
#[async_trait]
pub trait Database: fmt::Debug + Send + Sync {
    /// Runs a transaction and returns what it found once it is committed. Its body may be run again, after all that it
    /// wrote was taken back. Dropped before it was begun, it is never run.
    async fn run(&self, transaction: Transaction) -> Stored<Found>;

    /// Wakes the other processes that share it, soon.
    fn wake_others(&self) {}

    /// Waits until another one has made something due.
    async fn woken(&self) {
        std::future::pending::<()>().await;
    }
}

/// A transaction that waits to be run.
pub struct Transaction {
    /// Which of the store's it is.
    pub name: &'static str,
    /// What it does to what is stored.
    pub access: Access,
    /// Who asks for it.
    pub asker: Asker,
    /// What is done in it.
    pub body: Body,
    /// What is done right after the commit, whether somebody still waits for the answer or not.
    pub committed: Box<dyn FnOnce(&mut Found) + Send>,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transaction").field(&self.name).finish()
    }
}

/// What a transaction does to what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It only looks.
    Read,
    /// It may change something, and is on disk once it is answered.
    Write,
    /// It may change something that nobody outside is told of: it is kept if the process dies, and may be lost when the
    /// database's machine does. Then it is as if it had not been done yet.
    WriteBehind,
}

/// Who asks for a transaction. Askers take turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asker {
    /// The program itself, which waits for as long as it takes.
    Ourselves,
    /// The hooks of a monitoring tool, whose sender gives up after a while.
    Source(String),
}
