//! What one linked number needs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::dialect::Dialect;
use super::dialect::waha::Waha;
use super::dialect::wawp::Wawp;
use crate::clock::Clock;

/// Whose words are spoken.
#[derive(Debug)]
pub enum Provider {
    /// The hosted one.
    Wawp(Wawp),
    /// One's own.
    Waha(Waha),
}

impl Provider {
    pub(super) fn dialect(self) -> Box<dyn Dialect> {
        match self {
            Self::Wawp(wawp) => Box::new(wawp),
            Self::Waha(waha) => Box::new(waha),
        }
    }
}

/// Everything one linked number needs.
pub struct Settings {
    /// What to call the number in logs.
    pub name: String,
    /// Where the API is, without what the provider's paths begin with.
    pub base_url: String,
    /// The provider, with the credentials.
    pub provider: Provider,
    /// Every call ends within this time, however many requests it takes.
    pub call_timeout: Duration,
    /// Between two existence checks.
    pub check_gap: Duration,
    /// Says what time it is, for `Retry-After` dates and the pace of list refreshes.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("call_timeout", &self.call_timeout)
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}
