//! How our numbers are, for the head of every page: what does not work comes first, and what is called
//! working has answered lately.

use std::collections::BTreeMap;

use crate::clock::{SignedDuration, Timestamp, later};
use crate::number::{Health, Outage, Reason};

/// A number is asked every half minute; after three missed answers nobody knows how it is.
const ANSWERED_LATELY: SignedDuration = SignedDuration::from_secs(90);

/// All our numbers, those that need somebody first.
#[derive(Debug, Clone)]
pub(super) struct Numbers(Vec<NumberView>);

/// One number.
#[derive(Debug, Clone)]
pub(super) struct NumberView {
    pub name: String,
    pub state: NumberState,
    /// When it answered last.
    pub answered_at: Option<Timestamp>,
}

/// Whether a number works.
#[derive(Debug, Clone)]
pub(super) enum NumberState {
    /// Nothing goes through it.
    Down {
        outage: Outage,
    },
    /// It did not answer lately, for better or worse.
    Unknown,
    /// It makes no groups for now; messages go on.
    Restricted {
        outage: Outage,
    },
    Working,
}

impl NumberState {
    fn of(health: &Health, now: Timestamp) -> Self {
        match health.outage.clone() {
            Some(outage) if outage.reason.is_about_groups() => Self::Restricted { outage },
            Some(outage) => Self::Down { outage },
            None if health.answered_at.is_some_and(|at| later(at, ANSWERED_LATELY) >= now) => Self::Working,
            None => Self::Unknown,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Down { .. } => 0,
            Self::Unknown => 1,
            Self::Restricted { .. } => 2,
            Self::Working => 3,
        }
    }
}

impl Numbers {
    pub(super) fn of(names: &[String], known: &BTreeMap<String, Health>, now: Timestamp) -> Self {
        let mut numbers: Vec<NumberView> = names
            .iter()
            .map(|name| {
                let health = known.get(name).cloned().unwrap_or_default();
                let state = NumberState::of(&health, now);
                NumberView { name: name.clone(), state, answered_at: health.answered_at }
            })
            .collect();
        numbers.sort_by_key(|number| number.state.rank());
        Self(numbers)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &NumberView> {
        self.0.iter()
    }

    /// Whether what is shown of a room of this number is known to be so now.
    pub(super) fn works(&self, instance: Option<&String>) -> bool {
        let its_own = |number: &&NumberView| instance.is_none_or(|name| *name == number.name);
        self.0.iter().filter(its_own).any(NumberView::works)
    }

    /// What to do about the numbers, if none of them works.
    pub(super) fn all_down(&self) -> Option<&NumberView> {
        self.0.first().filter(|_| self.0.iter().all(|n| matches!(n.state, NumberState::Down { .. })))
    }
}

impl NumberView {
    fn works(&self) -> bool {
        matches!(self.state, NumberState::Working | NumberState::Restricted { .. })
    }

    pub(super) fn class(&self) -> &'static str {
        match self.state {
            NumberState::Down { .. } => "down",
            NumberState::Unknown => "unknown",
            NumberState::Restricted { .. } => "restricted",
            NumberState::Working => "working",
        }
    }

    /// The provider's words for what is wrong, and since when.
    pub(super) fn outage(&self) -> Option<&Outage> {
        match &self.state {
            NumberState::Down { outage } | NumberState::Restricted { outage } => Some(outage),
            NumberState::Unknown | NumberState::Working => None,
        }
    }

    /// What is wrong, in words; nothing when it works.
    pub(super) fn what(&self) -> &'static str {
        match &self.state {
            NumberState::Working => "",
            NumberState::Unknown => "did not answer lately",
            NumberState::Down { outage } if needs_linking(outage) => "is not linked to a phone any more",
            NumberState::Down { outage } if outage.reason == Reason::NotAccepted => {
                "is not accepted by the provider"
            }
            NumberState::Down { outage } if outage.reason == Reason::Unreachable => {
                "gets no answer: the provider cannot be reached"
            }
            NumberState::Down { .. } => "does not work",
            NumberState::Restricted { outage } if outage.reason == Reason::NoGroups => {
                "can make no groups: its plan has none"
            }
            NumberState::Restricted { .. } => "may make no new groups for now",
        }
    }

    /// What somebody can do about it; nothing when it works.
    pub(super) fn todo(&self) -> &'static str {
        match &self.state {
            NumberState::Working => "",
            NumberState::Unknown => "See in the log whether the provider answers at all.",
            NumberState::Down { outage } if needs_linking(outage) => {
                "Open this number at the provider and scan its QR code with the phone. Until then nothing is \
                 sent or read through it; call the people of its rooms yourself."
            }
            NumberState::Down { outage } if outage.reason == Reason::NotAccepted => {
                "See at the provider whether the access token and the plan are still good."
            }
            NumberState::Down { outage } if outage.reason == Reason::Unreachable => {
                "See whether the provider is up and whether this machine reaches it (address, DNS, proxy, \
                 firewall); call the people of its rooms yourself until it does."
            }
            NumberState::Down { .. } => {
                "See at the provider whether its session runs, and restart it there; call the people of its \
                 rooms yourself until it does."
            }
            NumberState::Restricted { outage } if outage.reason == Reason::NoGroups => {
                "Change the plan at the provider, or link another number."
            }
            NumberState::Restricted { .. } => {
                "Messages still go out. Do not make groups by hand with it: that prolongs the restriction."
            }
        }
    }
}

/// Whether the words of the provider say that a phone must be linked again.
fn needs_linking(outage: &Outage) -> bool {
    let words = outage.words.to_lowercase().replace('_', " ");
    ["scan qr", "logged out"].iter().any(|sign| words.contains(sign))
}
