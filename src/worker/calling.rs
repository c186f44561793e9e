//! Calls under way, by linked number.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many calls are under way through each number.
#[derive(Debug, Default)]
pub struct Calling(Mutex<BTreeMap<String, usize>>);

/// A call under way, for as long as this lives.
#[derive(Debug)]
pub(super) struct Call<'a> {
    calling: &'a Calling,
    number: String,
}

impl Calling {
    /// Counts one more, unless there are `most`.
    pub(super) fn begin(&self, number: &str, most: usize) -> Option<Call<'_>> {
        let mut counts = self.counts();
        let count = counts.entry(number.to_owned()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Call { calling: self, number: number.to_owned() })
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.calling.counts().get_mut(&self.number) {
            *count = count.saturating_sub(1);
        }
    }
}
