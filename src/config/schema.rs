//! JSON Schema of `warroom.yaml` and `roster.yaml`, for editors that complete and check.
//!
//! The files are read by hand, so their schema is written by hand too: one line a key. Tests hold it against the
//! reader: it has exactly the keys that the reader asks for, what it gives as defaults are the defaults, and it
//! refuses nothing that the reader takes (but for blanks around a quoted word). It lets some mistakes pass, such
//! as a person who does not exist; `warroom check` finds those.

use serde_json::Value;

mod gateway;
mod roster;
mod shape;
mod sources;
mod warroom;

/// One of the two files that users write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// `warroom.yaml`.
    Config,
    /// `roster.yaml`.
    Roster,
}

impl Document {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Config, Self::Roster];

    /// Its JSON Schema.
    #[must_use]
    pub fn schema(self) -> Value {
        match self {
            Self::Config => warroom::schema(),
            Self::Roster => roster::schema(),
        }
    }
}
