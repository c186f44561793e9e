//! One process per store: a lock beside the file, which the system frees when its holder dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::store::error::{StoreError, Stored};

/// Takes the lock of the store at `path` for as long as the returned file is open.
///
/// Not on the store itself: closing any handle of a file drops the locks that `SQLite` holds on it.
pub(super) fn take(path: &Path) -> Stored<File> {
    let failed = |error: std::io::Error| StoreError::Unavailable(format!("its lock: {error}"));
    // Two links to one file are one store.
    let mut name = std::fs::canonicalize(path).map_err(failed)?.into_os_string();
    name.push("-lock");
    let lock =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(name).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
