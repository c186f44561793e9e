//! HMAC-SHA256 with several keys, and the signed time: what all signing schemes share.

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use super::{Rejected, sole_text};
use crate::clock::{SignedDuration, Timestamp};

/// Digits of a signed time; twelve are enough for thirty thousand years.
const LONGEST_TIME: usize = 12;

/// One MAC per key over `parts` one after the other. An empty key makes none.
pub(super) fn macs<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = K>, parts: &[&[u8]]) -> Vec<Hmac<Sha256>> {
    keys.into_iter()
        .filter(|key| !key.as_ref().is_empty())
        .filter_map(|key| Hmac::<Sha256>::new_from_slice(key.as_ref()).ok())
        .map(|mut mac| {
            for part in parts {
                mac.update(part);
            }
            mac
        })
        .collect()
}

/// Whether any signature fits any key; all pairs are tried, each in constant time.
pub(super) fn any_matches(macs: &[Hmac<Sha256>], signatures: &[Vec<u8>]) -> bool {
    let mut matches = false;
    for mac in macs {
        for signature in signatures {
            matches |= mac.clone().verify_slice(signature).is_ok();
        }
    }
    matches
}

/// The signature of `parts` under one key.
pub(super) fn signature(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    macs([key], parts).pop().map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default()
}

/// A replay key from signed material; `kind` keeps keys of different recipes apart.
pub(super) fn replay_key(kind: &str, parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    hash.update(kind.as_bytes());
    hash.update([0]);
    for part in parts {
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// A sending time as it was signed.
pub(super) struct SignedTime<'h> {
    /// The header's text: this is what was signed, not a number written anew.
    pub(super) text: &'h str,
    seconds: i64,
}

impl<'h> SignedTime<'h> {
    /// Reads a header of Unix seconds. Only digits pass: `+5` and ` 5` would be the same number, but not the
    /// same signed text.
    pub(super) fn read(headers: &'h HeaderMap, name: &HeaderName) -> Result<Self, Rejected> {
        Self::parse(sole_text(headers, name)?)
    }

    /// The same of a text.
    pub(super) fn parse(text: &'h str) -> Result<Self, Rejected> {
        if text.is_empty() || text.len() > LONGEST_TIME || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Rejected::Malformed);
        }
        let seconds = text.parse().map_err(|_invalid| Rejected::Malformed)?;
        Ok(Self { text, seconds })
    }

    /// Whether it is no further from `now` than `tolerance`, either way.
    pub(super) fn check_fresh(&self, now: Timestamp, tolerance: SignedDuration) -> Result<(), Rejected> {
        if now.as_second().abs_diff(self.seconds) <= tolerance.as_secs().unsigned_abs() {
            Ok(())
        } else {
            Err(Rejected::Stale)
        }
    }
}
