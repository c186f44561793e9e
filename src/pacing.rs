//! How often we may call: a number's budget of new groups, and the gaps between its messages.

use crate::clock::SignedDuration;

/// What one linked number may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// New groups in any hour.
    pub rooms_per_hour: u32,
    /// Messages in any minute, 1:1 ones included.
    pub messages_per_minute: u32,
    /// Least time between two 1:1 messages, so that a number does not look like a spammer.
    pub one_to_one_gap: SignedDuration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { rooms_per_hour: 6, messages_per_minute: 30, one_to_one_gap: SignedDuration::from_secs(1) }
    }
}
