//! One alarm when a linked number goes down, one line when it works again.
//!
//! What is known comes from three sides: every call that is made, a question every half minute, and the
//! provider's own notices. Whoever learns something tells it here; it is written down, and said once.

use std::sync::Arc;

use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::clock::{SignedDuration, Timestamp};
use crate::number::{Health, Outage, Reason, Sign};
use crate::store::{Store, Stored};
use crate::telemetry::{InstanceLabels, Metrics};

/// Keeps how the numbers are, and says what changes.
#[derive(Debug)]
pub struct Alarm {
    store: Store,
    metrics: Arc<Metrics>,
    wake_worker: Arc<Notify>,
    /// How long a number may fail before its rooms go on without it.
    failover_after: SignedDuration,
}

impl Alarm {
    /// An alarm that counts in `metrics` and wakes the worker when a number works again.
    #[must_use]
    pub fn new(
        store: Store,
        metrics: Arc<Metrics>,
        wake_worker: Arc<Notify>,
        failover_after: SignedDuration,
    ) -> Self {
        Self { store, metrics, wake_worker, failover_after }
    }

    /// Notes a sign of how `number` is; returns what was known of it before and what is known now.
    pub async fn note(&self, number: &str, sign: Sign, now: Timestamp) -> Stored<(Health, Health)> {
        let (before, after) = self.store.note_number(number, sign, self.failover_after, now).await?;
        self.show_one(number, &after);
        if let Some(outage) = after.begun_since(&before) {
            self.metrics.alarms.get_or_create(&InstanceLabels { instance: number.to_owned() }).inc();
            tell(number, outage);
        }
        match &before.outage {
            Some(outage) if after.outage.is_none() => {
                info!(gateway.instance = number, since = %outage.since, "the number works again");
                self.wake_worker.notify_one();
            }
            _ if before.own != after.own => self.wake_worker.notify_one(),
            Some(_) | None => {}
        }
        Ok((before, after))
    }

    /// Shows in the metrics how the numbers are, whoever learnt it.
    pub async fn show(&self) -> Stored<()> {
        for (number, health) in self.store.numbers().await? {
            self.show_one(&number, &health);
        }
        Ok(())
    }

    fn show_one(&self, number: &str, health: &Health) {
        let works = health.loss(self.failover_after).is_none();
        let labels = InstanceLabels { instance: number.to_owned() };
        self.metrics.instances_up.get_or_create(&labels).set(i64::from(works));
    }
}

fn tell(number: &str, outage: &Outage) {
    let why = outage.words.as_str();
    match outage.reason {
        Reason::Throttled => warn!(
            gateway.instance = number, why, until = %outage.until,
            "the provider wants no more groups of this number for now"
        ),
        Reason::NoGroups => error!(
            gateway.instance = number,
            why, "the plan of this number makes no groups: people are told one by one"
        ),
        Reason::Down => error!(
            gateway.instance = number,
            why,
            "the number does not work: link its phone again; rooms wait for it, or go on through another"
        ),
        Reason::Unreachable => error!(
            gateway.instance = number,
            why,
            "the provider cannot be reached for this number: check address, network and the provider's status; rooms wait for it, or go on through another"
        ),
        Reason::NotAccepted => error!(
            gateway.instance = number,
            why, "the provider does not accept the number: check token, instance and plan"
        ),
    }
}
