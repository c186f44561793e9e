//! Says among the replicas of a shared store that this one is there, for as long as it has work in hand, and hears
//! when another one has made work due.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use super::{Work, listener};
use crate::clock::Clock;
use crate::roster_in_force::RosterInForce;
use crate::store::{PRESENT_EVERY, Store, StoreError};

/// How often a replica that starts tries to be heard of: its database may be away or busy for a while.
const TRIES: u32 = 5;
/// Between two of these.
const TRY_GAP: Duration = Duration::from_secs(1);

/// The presence of this process.
#[derive(Debug)]
pub(super) struct Presence {
    tasks: TaskTracker,
    ends: CancellationToken,
}

impl Presence {
    /// Says it for the first time.
    pub(super) async fn begin(
        store: &Store,
        roster: &RosterInForce,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let mut tries = 0;
        while store.is_shared()
            && let Err(error) = store.say_present(roster.status().hash, clock.now()).await
        {
            tries += 1;
            if tries == TRIES {
                return Err(error);
            }
            tokio::time::sleep(TRY_GAP).await;
        }
        Ok(Self { tasks: TaskTracker::new(), ends: CancellationToken::new() })
    }

    /// Says it again and again, until the [end](Self::end). The worker is woken when something is free or due.
    pub(super) fn keep(
        &self,
        (store, roster, clock): (Store, Arc<RosterInForce>, Arc<dyn Clock>),
        wake_worker: Arc<Notify>,
        supervised: impl FnOnce(Work) -> Work,
    ) {
        if !store.is_shared() {
            return;
        }
        let (ends, hears) = (self.ends.clone(), store.clone());
        let wake = Arc::clone(&wake_worker);
        let hear = async move {
            loop {
                hears.woken().await;
                wake.notify_one();
            }
        };
        let say = async move {
            let gap = Duration::try_from(PRESENT_EVERY).unwrap_or_default();
            while tokio::time::timeout(gap, ends.cancelled()).await.is_err() {
                match store.say_present(roster.status().hash, clock.now()).await {
                    Ok(0) => {}
                    Ok(gone) => {
                        warn!(replicas = gone, "a replica is gone; its rooms go on here or elsewhere");
                        wake_worker.notify_one();
                    }
                    Err(error) => error!(%error, "the other replicas do not hear that this one is there"),
                }
            }
        };
        let work = async move {
            tokio::select! { () = say => {} () = hear => {} }
        };
        listener::spawn(&self.tasks, supervised(Box::pin(work)));
    }

    /// Leaves, once nothing is in hand any more.
    pub(super) async fn end(&self, store: &Store) {
        self.ends.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if store.is_shared()
            && let Err(error) = store.leave().await
        {
            warn!(%error, "the other replicas find out by themselves that this one has ended");
        }
    }
}
