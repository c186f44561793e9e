//! Bodies while they come in: bounded in length, in time, and in how much of all of them is held at once.
//!
//! A signature over a body can only be judged once the body is there, so anybody can make us hold some.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use super::{Refusal, refuse};
use crate::problem::Problem;

/// What bodies may take together, in bytes, unless four of the largest take more.
const TOGETHER: usize = 64 << 20;
/// What is counted, in bytes.
const UNIT: usize = 1024;

/// The room for bodies.
#[derive(Debug, Clone)]
pub struct Bodies {
    longest: usize,
    time: Duration,
    room: Arc<Semaphore>,
}

/// A body in its room.
struct Held {
    bytes: BytesMut,
    _room: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Bodies {
    /// Room for bodies of `longest` bytes that arrive within `time`.
    #[must_use]
    pub fn new(longest: usize, time: Duration) -> Self {
        Self::holding(TOGETHER.max(longest.saturating_mul(4)), longest, time)
    }

    fn holding(together: usize, longest: usize, time: Duration) -> Self {
        let units = together.div_ceil(UNIT).min(Semaphore::MAX_PERMITS);
        Self { longest, time, room: Arc::new(Semaphore::new(units)) }
    }

    /// The whole body, or why it is not waited for. It takes up its room for as long as anybody has it.
    pub(super) async fn read(&self, body: Body) -> Result<Bytes, Refusal> {
        let limited = Limited::new(body, self.longest);
        match tokio::time::timeout(self.time, self.collect(limited)).await {
            Ok(held) => held,
            Err(_elapsed) => Err(refuse("body_too_slow", Problem::BodyTooSlow)),
        }
    }

    async fn collect(&self, mut body: Limited<Body>) -> Result<Bytes, Refusal> {
        let mut bytes = BytesMut::new();
        let mut room: Option<OwnedSemaphorePermit> = None;
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
            let held = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let more = u32::try_from(bytes.len().div_ceil(UNIT).saturating_sub(held)).unwrap_or(u32::MAX);
            let Ok(more) = Arc::clone(&self.room).try_acquire_many_owned(more) else {
                warn!("too many bodies come in at once; a sender is asked to come again");
                return Err(refuse("unavailable", Problem::Unavailable));
            };
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
        }
        Ok(Bytes::from_owner(Held { bytes, _room: room }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(together: usize) -> Bodies {
        Bodies::holding(together, 8 * UNIT, Duration::from_mins(1))
    }

    #[tokio::test]
    async fn what_is_held_at_once_is_bounded_and_comes_free_again() {
        let bodies = bodies(20 * UNIT);
        let body = || Body::from(vec![b'x'; 8 * UNIT]);
        let first = bodies.read(body()).await.unwrap();
        let second = bodies.read(body()).await.unwrap();
        let third = bodies.read(body()).await.unwrap_err();
        assert_eq!((third.word, third.problem), ("unavailable", Problem::Unavailable));
        let small = bodies.read(Body::from(vec![b'x'; 3 * UNIT])).await.unwrap();
        drop(first);
        let third = bodies.read(body()).await.unwrap();
        assert_eq!(third.len(), 8 * UNIT);
        drop((second, third, small));
        assert_eq!(bodies.room.available_permits(), 20);
    }

    #[tokio::test]
    async fn a_refused_body_leaves_nothing_behind() {
        let bodies = bodies(4 * UNIT);
        for length in [5 * UNIT, 8 * UNIT, 9 * UNIT] {
            assert!(bodies.read(Body::from(vec![b'x'; length])).await.is_err());
        }
        assert_eq!(bodies.room.available_permits(), 4);
        assert!(bodies.read(Body::empty()).await.unwrap().is_empty());
    }
}
