//! The pace of a number's messages: those of rooms and the letters count together.
//!
//! It is judged in the transaction that writes the intent, so it holds across restarts and replicas.

use super::error::Stored;
use super::tx::{Tx, values};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::pacing::{MINUTE, Private, one_more};

/// Whether one more message may go out through a number now; if not, from when on.
pub(super) fn one_more_message(
    tx: &Tx<'_>,
    instance: &str,
    (most_per_minute, private): (u32, Option<Private>),
    now: Timestamp,
) -> Stored<Result<(), Timestamp>> {
    let said = |window: SignedDuration, private: bool| said(tx, instance, later(now, -window), private);
    let mut checks = vec![one_more(&said(MINUTE, false)?, most_per_minute, MINUTE, now)];
    if let Some(Private { most_per_minute, gap }) = private {
        checks.push(one_more(&said(MINUTE, true)?, most_per_minute, MINUTE, now));
        checks.push(one_more(&said(gap, true)?, 1, gap, now));
    }
    Ok(checks.into_iter().filter_map(Result::err).max().map_or(Ok(()), Err))
}

/// When messages were handed over through a number, or private ones only. All letters are private.
fn said(tx: &Tx<'_>, instance: &str, since: Timestamp, private: bool) -> Stored<Vec<Timestamp>> {
    tx.all(
        "SELECT paced_at FROM journal
         WHERE kind = 'intent' AND instance = ?1 AND step = 'say' AND paced_at > ?2
           AND spent = 1 AND private >= ?3
         UNION ALL SELECT paced_at FROM letters WHERE instance = ?1 AND paced_at > ?2",
        values![instance, since, private],
        |r| r.get(0),
    )
}
