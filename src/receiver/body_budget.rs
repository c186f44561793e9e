//! Bodies while they come in: bounded in length, in time, and in how much of all of them is held at once.
//!
//! A signature over a body can only be checked once the body is there, so anybody can make us hold some. Unproven
//! senders share one amount, with a limit per address; proven sources share another.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{HookRejection, reject};
use crate::fair_share::{Exhausted, FairShare, Holder, Share};
use crate::peer::Peer;
use crate::problem::Problem;
use crate::source::document::is_packed;

/// Bytes of all unproven bodies together, unless four of the largest are more.
const UNPROVEN_TOTAL: usize = 32 << 20;
/// Bytes of unproven bodies from one address, unless two of the largest are more.
const UNPROVEN_PER_ADDRESS: usize = 8 << 20;
/// Bytes of all proven bodies together, unless four of the largest are more.
const PROVEN_TOTAL: usize = 64 << 20;
/// The largest body of a sender whose head is proof enough, unless `server.max_body` is more: an Alertmanager's group
/// is soon larger than a mebibyte, and what is refused is not sent again.
const PROVEN_MAX_BODY: usize = crate::source::document::MOST;
/// What is counted, in bytes; whoever sends less than this within [`IDLE_TIMEOUT`] counts as idle.
const UNIT: usize = 16 << 10;
/// A stranger's body that has not grown for so long gives way to others.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// A longer body is read alone: what it says takes some twelve times its length for a moment.
const LARGE: usize = 1 << 20;
/// How long a large body waits for the one before it.
const LARGE_BODY_WAIT: Duration = Duration::from_secs(3);

/// How much of bodies may be held at once.
#[derive(Debug, Clone)]
pub struct BodyBudget {
    longest: usize,
    large: Arc<Semaphore>,
    time: Duration,
    strangers: Arc<FairShare>,
    proven: Arc<FairShare>,
}

/// Whose body it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sender<'a> {
    /// Somebody who has proven nothing yet.
    Stranger(Option<&'a Peer>),
    /// A source whose head was proof enough.
    Proven(&'a str),
}

/// A body that counts against the budget for as long as this lives.
#[derive(Debug)]
pub(super) struct BufferedBody {
    pub(super) bytes: Bytes,
    share: Share,
}

impl BodyBudget {
    /// Room for bodies of `longest` bytes that arrive within `time`.
    #[must_use]
    pub fn new(longest: usize, time: Duration) -> Self {
        let amount = |usual: usize, times: usize| usual.max(longest.saturating_mul(times)).div_ceil(UNIT);
        let strangers =
            FairShare::new(amount(UNPROVEN_TOTAL, 4), amount(UNPROVEN_PER_ADDRESS, 2), IDLE_TIMEOUT);
        let of_the_proven = amount(PROVEN_TOTAL, 4);
        // Whoever has proven himself gives way only to a source with much less under way.
        let proven = FairShare::new(of_the_proven, of_the_proven / 2, Duration::MAX);
        Self { longest, large: Arc::new(Semaphore::new(1)), time, strangers, proven }
    }

    /// The most bytes that a sender may send.
    pub(super) fn longest(&self, sender: Sender<'_>) -> usize {
        match sender {
            Sender::Stranger(_) => self.longest,
            Sender::Proven(_) => self.longest.max(PROVEN_MAX_BODY),
        }
    }

    /// The whole body, or why it is not waited for.
    pub(super) async fn read(&self, body: Body, sender: Sender<'_>) -> Result<BufferedBody, HookRejection> {
        let share = match sender {
            Sender::Stranger(peer) => {
                let address = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), Peer::network);
                self.strangers.take(Holder::Address(address), 0)
            }
            Sender::Proven(source) => self.proven.take(Holder::Source(source.to_owned()), 0),
        };
        let share = share.map_err(crowded)?;
        let limited = Limited::new(body, self.longest(sender));
        let read = while_held(&share, collect(limited, &share));
        let bytes = match tokio::time::timeout(self.time, read).await {
            Ok(bytes) => bytes?,
            Err(_elapsed) => return Err(reject("body_too_slow", Problem::BodyTooSlow)),
        };
        Ok(BufferedBody { bytes, share })
    }

    /// The right to read a body, for as long as that takes: of large ones, and of those that may unfold to large ones,
    /// one is read at a time.
    pub(super) async fn turn(&self, body: &[u8]) -> Result<Option<OwnedSemaphorePermit>, HookRejection> {
        if body.len() <= LARGE && !is_packed(body) {
            return Ok(None);
        }
        match tokio::time::timeout(LARGE_BODY_WAIT, Arc::clone(&self.large).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(Some(turn)),
            Ok(Err(_)) | Err(_) => Err(crowded(Exhausted)),
        }
    }

    /// The body counts as its source's from now on.
    pub(super) fn prove(&self, held: &mut BufferedBody, source: &str) -> Result<(), HookRejection> {
        let units = held.bytes.len().div_ceil(UNIT);
        held.share = self.proven.take(Holder::Source(source.to_owned()), units).map_err(crowded)?;
        Ok(())
    }
}

impl BufferedBody {
    /// Does something with the body, unless it has to give way to others first.
    pub(super) async fn keep<T>(
        &self,
        work: impl Future<Output = Result<T, HookRejection>>,
    ) -> Result<T, HookRejection> {
        while_held(&self.share, work).await
    }
}

async fn while_held<T>(
    share: &Share,
    work: impl Future<Output = Result<T, HookRejection>>,
) -> Result<T, HookRejection> {
    tokio::select! {
        biased;
        done = work => done,
        () = share.given_way() => Err(crowded(Exhausted)),
    }
}

fn crowded(_: Exhausted) -> HookRejection {
    reject("crowded", Problem::Unavailable)
}

async fn collect(mut body: Limited<Body>, share: &Share) -> Result<Bytes, HookRejection> {
    let mut bytes = BytesMut::new();
    let mut units = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() {
                reject("body_too_large", Problem::BodyTooLarge)
            } else {
                reject("body_broken", Problem::BodyBroken)
            }
        })?;
        let Ok(data) = frame.into_data() else { continue };
        bytes.extend_from_slice(&data);
        let more = bytes.len().div_ceil(UNIT) - units;
        if more > 0 {
            share.grow(more).map_err(crowded)?;
            units += more;
        }
    }
    Ok(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: usize = 8 * UNIT;

    fn bodies() -> BodyBudget {
        BodyBudget::new(LONGEST, Duration::from_mins(1))
    }

    fn body() -> Body {
        Body::from(vec![b'x'; LONGEST])
    }

    #[tokio::test]
    async fn one_address_holds_a_part_and_one_source_half_and_it_comes_free_again() {
        let bodies = bodies();
        let peer = Peer::direct(IpAddr::from([192, 0, 2, 1]));
        for (sender, most) in [
            (Sender::Stranger(Some(&peer)), UNPROVEN_PER_ADDRESS / LONGEST),
            (Sender::Proven("shop"), PROVEN_TOTAL / 2 / LONGEST),
        ] {
            let mut held = Vec::new();
            for _ in 0..most {
                held.push(bodies.read(body(), sender).await.unwrap());
            }
            let refused = bodies.read(body(), sender).await.unwrap_err();
            assert_eq!((refused.word, refused.problem), ("crowded", Problem::Unavailable), "{sender:?}");
            for other in [Sender::Stranger(None), Sender::Proven("other")] {
                assert_eq!(bodies.read(body(), other).await.unwrap().bytes.len(), LONGEST);
            }
            held.pop();
            assert!(bodies.read(body(), sender).await.is_ok());
        }
        assert_eq!((bodies.strangers.taken(), bodies.proven.taken()), (0, 0));
    }

    #[tokio::test]
    async fn a_body_that_is_proven_takes_no_room_of_strangers_any_more() {
        let bodies = bodies();
        let mut held = bodies.read(body(), Sender::Stranger(None)).await.unwrap();
        bodies.prove(&mut held, "shop").unwrap();
        assert_eq!((bodies.strangers.taken(), bodies.proven.taken()), (0, 8));
    }

    #[tokio::test]
    async fn large_bodies_are_read_one_after_another_and_small_ones_beside_them() {
        let bodies = bodies();
        let large = vec![b' '; LARGE + 1];
        let turn = bodies.turn(&large).await.unwrap();
        assert!(turn.is_some() && bodies.turn(b"{}").await.unwrap().is_none());
        for other in [&large[..], b"\x1f\x8bpacked"] {
            let waiting = tokio::time::timeout(Duration::from_millis(20), bodies.turn(other)).await;
            assert!(waiting.is_err(), "it waits");
        }
        let ((), next) = tokio::join!(async { drop(turn) }, bodies.turn(&large));
        assert!(next.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_refused_body_leaves_nothing_behind() {
        let bodies = bodies();
        let long = Body::from(vec![b'x'; LONGEST + 1]);
        let refused = bodies.read(long, Sender::Stranger(None)).await.unwrap_err();
        assert_eq!(refused.problem, Problem::BodyTooLarge);
        assert!(bodies.read(Body::empty(), Sender::Stranger(None)).await.unwrap().bytes.is_empty());
        assert_eq!(bodies.strangers.taken(), 0);
    }
}
