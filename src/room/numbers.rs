//! Our linked numbers as a room sees them: who they are, which of them work, and which are lost.
//!
//! Actors: [`Numbers`], made afresh by the worker before each decision.

use crate::clock::Timestamp;
use crate::gateway::Own;
use crate::jid::{GroupId, Jid};
use crate::number::Loss;

/// Whose number makes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    /// Any number.
    Any,
    /// The room's own.
    Room,
    /// This one and no other.
    Number(&'a str),
    /// The number that is in this group beside the room.
    Beside(&'a GroupId),
    /// None: it goes to the fallback webhook.
    Webhook,
}

/// One of our linked numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OurNumber {
    /// Its name in the config.
    pub name: String,
    /// Its own ids, where they are known.
    pub own: Option<Own>,
    /// That it does not work, if so.
    pub loss: Option<Loss>,
    /// Until when it is left alone, because it does not work.
    pub resting_until: Option<Timestamp>,
    /// When it was last known not to work.
    pub last_down_at: Option<Timestamp>,
}

/// All of our linked numbers, the healthiest first. An empty list knows nothing and claims nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers(pub Vec<OurNumber>);

impl Numbers {
    fn get(&self, name: &str) -> Option<&OurNumber> {
        self.0.iter().find(|n| n.name == name)
    }

    /// Whether the config still has a number by this name.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.0.is_empty() || self.get(name).is_some()
    }

    /// That a number does not work, if so.
    #[must_use]
    pub fn loss(&self, name: &str) -> Option<Loss> {
        self.get(name)?.loss
    }

    /// Until when a number is left alone, if it is.
    #[must_use]
    pub fn resting_until(&self, name: &str) -> Option<Timestamp> {
        self.get(name)?.resting_until
    }

    /// When a number was last known not to work.
    #[must_use]
    pub fn last_down_at(&self, name: &str) -> Option<Timestamp> {
        self.get(name)?.last_down_at
    }

    /// Whether a number works, as far as is known.
    #[must_use]
    pub fn works(&self, name: &str) -> bool {
        self.knows(name) && self.loss(name).is_none()
    }

    /// Whether a number is not waited for any more.
    #[must_use]
    pub fn is_lost(&self, name: &str, now: Timestamp) -> bool {
        !self.knows(name) || self.loss(name).is_some_and(|loss| loss.believed_at <= now)
    }

    /// The numbers that work, without `own`.
    pub fn others<'a>(&'a self, own: Option<&'a str>) -> impl Iterator<Item = &'a OurNumber> {
        self.0.iter().filter(move |n| n.loss.is_none() && Some(n.name.as_str()) != own)
    }

    /// From when on all numbers are lost, if none works.
    #[must_use]
    pub fn all_lost_at(&self) -> Option<Timestamp> {
        let all: Option<Vec<Timestamp>> = self.0.iter().map(|n| Some(n.loss?.believed_at)).collect();
        all?.into_iter().max()
    }

    /// The next moment at which a number that does not work is given up.
    #[must_use]
    pub fn next_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.iter().filter_map(|n| Some(n.loss?.believed_at)).filter(|at| *at > now).min()
    }

    /// Every id by which one of our numbers may show in a chat or a list.
    #[must_use]
    pub fn ids(&self) -> Vec<Jid> {
        let owns = self.0.iter().filter_map(|n| n.own.as_ref());
        owns.flat_map(|own| std::iter::once(&own.phone).chain(&own.hidden)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    fn number(name: &str, loss: Option<i64>) -> OurNumber {
        let loss = loss.map(|s| Loss { since: at(s), believed_at: at(s + 60) });
        OurNumber { name: name.to_owned(), own: None, loss, resting_until: None, last_down_at: None }
    }

    #[test]
    fn a_number_is_lost_only_after_its_time() {
        let numbers = Numbers(vec![number("one", Some(0)), number("two", None)]);
        assert!(!numbers.works("one") && !numbers.is_lost("one", at(59)) && numbers.is_lost("one", at(60)));
        assert_eq!((numbers.next_at(at(0)), numbers.next_at(at(60))), (Some(at(60)), None));
        assert_eq!(numbers.all_lost_at(), None, "the other one works");
        let both = Numbers(vec![number("one", Some(0)), number("two", Some(9))]);
        assert_eq!(both.all_lost_at(), Some(at(69)));
    }

    #[test]
    fn a_name_that_the_config_does_not_have_is_lost_and_an_empty_list_claims_nothing() {
        assert!(Numbers(vec![number("one", None)]).is_lost("old", at(0)));
        let nothing = Numbers::default();
        assert!(nothing.works("old") && !nothing.is_lost("old", at(0)) && nothing.all_lost_at().is_none());
    }
}
