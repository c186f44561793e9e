//! That somebody left: one short line, by itself or at the end of something that is said anyway.

use super::length::fit;
use super::phrase::Phrase;
use super::scene::{Scene, operator};
use super::{Composer, head};

/// People named at most.
const NAMED: usize = 12;

/// "Left: Ben Cho (specialist)", for those in the scene who left.
pub(super) fn departures(scene: &Scene<'_>) -> Option<String> {
    let seats = scene.room?.seats.iter().filter(|s| scene.leavers.contains(&s.who.person));
    let names: Vec<_> = seats.map(|s| scene.catalog.with_role(&s.who.name, &s.who.role)).collect();
    let names = (!names.is_empty()).then(|| scene.catalog.list(&names, NAMED))?;
    Some(scene.catalog.say(Phrase::Left, &[("names", &names)]).0)
}

impl Composer {
    /// Those who left, in a message of its own.
    pub(super) fn departed(&self, scene: &Scene<'_>) -> String {
        let line = departures(scene).unwrap_or_default();
        // The moment keeps it apart from an earlier message about the same people.
        let at = scene.now.map(|now| scene.moment_in_words(now).0).unwrap_or_default();
        let operator = operator(scene.catalog, &self.settings).0;
        let text = format!("{}\n{line}\n{at} · {operator}", head(scene));
        fit(&text, self.settings.limits.longest_text)
    }
}
