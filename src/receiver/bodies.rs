//! Bodies while they come in: bounded in length, in time, and in how much of all of them is held at once.
//!
//! A signature over a body can only be judged once the body is there, so anybody can make us hold some. Strangers
//! share one amount by their addresses; whoever has proven himself shares another with the other sources.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Refusal, refuse};
use crate::fair_share::{Exhausted, FairShare, Holder, Share};
use crate::peer::Peer;
use crate::problem::Problem;
use crate::source::document::is_packed;

/// What bodies of strangers may take together, in bytes, unless four of the largest take more.
const OF_STRANGERS: usize = 32 << 20;
/// What those of one address may, unless two of the largest take more.
const OF_ONE_ADDRESS: usize = 8 << 20;
/// What bodies of senders who have proven themselves may take together, unless four of the largest take more.
const OF_THE_PROVEN: usize = 64 << 20;
/// The most that a sender may send who has proven himself by his head, unless `server.max_body` is more: an
/// Alertmanager's group is soon larger than a mebibyte, and what is refused is not sent again.
const LONGEST_OF_THE_PROVEN: usize = crate::source::document::MOST;
/// What is counted, in bytes; whoever sends less than this within [`PATIENCE`] counts as idle.
const UNIT: usize = 16 << 10;
/// A stranger's body that has not grown for so long gives way to others.
const PATIENCE: Duration = Duration::from_secs(1);

/// A longer body is read alone: what it says takes some twelve times its length for a moment.
const LARGE: usize = 1 << 20;
/// How long a large body waits for the one before it.
const TURN: Duration = Duration::from_secs(3);

/// The room for bodies.
#[derive(Debug, Clone)]
pub struct Bodies {
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

/// A body, which takes up its room for as long as this lives.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Bytes,
    share: Share,
}

impl Bodies {
    /// Room for bodies of `longest` bytes that arrive within `time`.
    #[must_use]
    pub fn new(longest: usize, time: Duration) -> Self {
        let amount = |usual: usize, times: usize| usual.max(longest.saturating_mul(times)).div_ceil(UNIT);
        let strangers = FairShare::new(amount(OF_STRANGERS, 4), amount(OF_ONE_ADDRESS, 2), PATIENCE);
        let of_the_proven = amount(OF_THE_PROVEN, 4);
        // Whoever has proven himself gives way only to a source with much less under way.
        let proven = FairShare::new(of_the_proven, of_the_proven / 2, Duration::MAX);
        Self { longest, large: Arc::new(Semaphore::new(1)), time, strangers, proven }
    }

    /// The most bytes that a sender may send.
    pub(super) fn longest(&self, sender: Sender<'_>) -> usize {
        match sender {
            Sender::Stranger(_) => self.longest,
            Sender::Proven(_) => self.longest.max(LONGEST_OF_THE_PROVEN),
        }
    }

    /// The whole body, or why it is not waited for.
    pub(super) async fn read(&self, body: Body, sender: Sender<'_>) -> Result<Held, Refusal> {
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
            Err(_elapsed) => return Err(refuse("body_too_slow", Problem::BodyTooSlow)),
        };
        Ok(Held { bytes, share })
    }

    /// The right to read a body, for as long as that takes: of large ones, and of those that may unfold to large ones,
    /// one is read at a time.
    pub(super) async fn turn(&self, body: &[u8]) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        if body.len() <= LARGE && !is_packed(body) {
            return Ok(None);
        }
        match tokio::time::timeout(TURN, Arc::clone(&self.large).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(Some(turn)),
            Ok(Err(_)) | Err(_) => Err(crowded(Exhausted)),
        }
    }

    /// The body counts as its source's from now on.
    pub(super) fn prove(&self, held: &mut Held, source: &str) -> Result<(), Refusal> {
        let units = held.bytes.len().div_ceil(UNIT);
        held.share = self.proven.take(Holder::Source(source.to_owned()), units).map_err(crowded)?;
        Ok(())
    }
}

impl Held {
    /// Does something with the body, unless it has to give way to others first.
    pub(super) async fn keep<T>(&self, work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
        while_held(&self.share, work).await
    }
}

async fn while_held<T>(share: &Share, work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    tokio::select! {
        biased;
        done = work => done,
        () = share.given_way() => Err(crowded(Exhausted)),
    }
}

fn crowded(_: Exhausted) -> Refusal {
    refuse("crowded", Problem::Unavailable)
}

async fn collect(mut body: Limited<Body>, share: &Share) -> Result<Bytes, Refusal> {
    let mut bytes = BytesMut::new();
    let mut units = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() {
                refuse("body_too_large", Problem::BodyTooLarge)
            } else {
                refuse("body_broken", Problem::BodyBroken)
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

    fn bodies() -> Bodies {
        Bodies::new(LONGEST, Duration::from_mins(1))
    }

    fn body() -> Body {
        Body::from(vec![b'x'; LONGEST])
    }

    #[tokio::test]
    async fn one_address_holds_a_part_and_one_source_half_and_it_comes_free_again() {
        let bodies = bodies();
        let peer = Peer::direct(IpAddr::from([192, 0, 2, 1]));
        for (sender, most) in [
            (Sender::Stranger(Some(&peer)), OF_ONE_ADDRESS / LONGEST),
            (Sender::Proven("shop"), OF_THE_PROVEN / 2 / LONGEST),
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
