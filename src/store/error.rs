//! Why the store did not do something.

/// What the store answers.
pub type Stored<T> = Result<T, StoreError>;

/// The store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It does not answer, or the disk does not take it: try again.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// More came than it can take, and this has not been begun: try again.
    #[error("the store has more to do than it can; this was not begun")]
    Busy,
    /// A stored document cannot be read.
    #[error("a stored {what} cannot be read: {why}")]
    Corrupt {
        /// Which document.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// It was made by another version.
    #[error(
        "this store was made by another version of the program (schema {found:08x}, not {known:08x}): run that \
         version, or name one that does not exist yet"
    )]
    Version {
        /// In the store.
        found: i64,
        /// Known here.
        known: i64,
    },
    /// It is a database of something else.
    #[error("this is not a store of warroom: name one that does not exist yet")]
    Foreign,
    /// Something is stored already where nothing may be.
    #[error("this database is not empty: name one that holds nothing of warroom yet")]
    NotEmpty,
    /// Another process works with it.
    #[error("another process is using this store: stop it first; one file is for one bridge")]
    InUse,
}
