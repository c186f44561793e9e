//! What was probably meant, as long as finding that out stays cheap.

use std::cell::{Cell, OnceCell};

use crate::config::words::closest;

/// Comparisons of two words for one text. A mistake in each of thousands of lines, each compared with
/// thousands of names, would take minutes; whoever has made so many learns from the first hundred.
const COMPARISONS: usize = 500_000;

/// Looks for words, and knows how much it has looked.
pub(super) struct Suggestions {
    left: Cell<usize>,
    zones: OnceCell<Vec<String>>,
}

impl Default for Suggestions {
    fn default() -> Self {
        Self { left: Cell::new(COMPARISONS), zones: OnceCell::new() }
    }
}

impl Suggestions {
    /// The word that was probably meant; none when too much has been compared already.
    pub(super) fn closest<'w>(&self, text: &str, words: &[&'w str]) -> Option<&'w str> {
        self.left.set(self.left.get().checked_sub(words.len())?);
        closest(text, words)
    }

    /// The same among so many words, which are listed only if they are looked at.
    pub(super) fn closest_of<'w>(
        &self,
        text: &str,
        count: usize,
        words: impl FnOnce() -> Vec<&'w str>,
    ) -> Option<&'w str> {
        if self.left.get() < count { None } else { self.closest(text, &words()) }
    }

    /// The time zone that was probably meant.
    pub(super) fn closest_zone(&self, text: &str) -> Option<String> {
        let zones = self
            .zones
            .get_or_init(|| jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect());
        if let Some(same) = zones.iter().find(|name| name.eq_ignore_ascii_case(text)) {
            return Some(same.clone());
        }
        let words = || zones.iter().map(String::as_str).collect();
        self.closest_of(text, zones.len(), words).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_mistakes_among_many_names_cost_no_more_than_a_few() {
        let names: Vec<String> = (0..5_000).map(|n| format!("person-{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let suggestions = Suggestions::default();
        let found = (0..5_000).filter(|n| suggestions.closest(&format!("persom-{n}"), &names).is_some());
        assert_eq!(found.count(), COMPARISONS / names.len());
    }

    #[test]
    fn a_time_zone_is_found_by_its_letters_in_whatever_case() {
        let suggestions = Suggestions::default();
        assert_eq!(suggestions.closest_zone("europe/berlin").as_deref(), Some("Europe/Berlin"));
        assert_eq!(suggestions.closest_zone("Asia/Duabi").as_deref(), Some("Asia/Dubai"));
        assert_eq!(suggestions.closest_zone("Mars"), None);
    }
}
