//! What sources sent that nobody was called for, because it could not be taken.

use crate::clock::{SignedDuration, Timestamp};

/// How long a trouble is shown after it was seen last.
pub const SHOWN_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Between two calls of the fallback webhook about one source.
pub const CALL_GAP: SignedDuration = SignedDuration::from_hours(1);
/// How long whoever takes a call has for it.
pub const RETRY_GAP: SignedDuration = SignedDuration::from_mins(1);

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TroubleKind {
    /// A verified body that says nothing that is understood, or only in part.
    NotUnderstood,
    /// A body that is larger than may be sent, of a sender whose head has proven him.
    TooLarge,
    /// The same, of somebody who has proven nothing.
    TooLargeUnproven,
    /// An address that is no source's.
    NoSuchSource,
}

impl TroubleKind {
    const ALL: [Self; 4] = [Self::NotUnderstood, Self::TooLarge, Self::TooLargeUnproven, Self::NoSuchSource];

    /// A short fixed name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotUnderstood => "not_understood",
            Self::TooLarge => "too_large",
            Self::TooLargeUnproven => "too_large_unproven",
            Self::NoSuchSource => "no_such_source",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Something that was seen, once or as often as it came since it was written down last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What was wrong.
    pub kind: TroubleKind,
    /// The source's name in the config; what stood in the address if there is none.
    pub source: String,
    /// Why, without anything of the body.
    pub why: String,
    /// How long the body was.
    pub bytes: u64,
    /// How often.
    pub times: u64,
}

/// All sightings of one kind and source, up to a day apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTrouble {
    /// The newest, with the number of all.
    pub seen: Sighting,
    /// When the first of them was.
    pub since: Timestamp,
    /// When the newest was.
    pub last_at: Timestamp,
}
