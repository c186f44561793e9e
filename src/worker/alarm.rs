//! One alarm when a linked number goes down, one line when it works again.
//!
//! What is known comes from three sides: every call that is made, a question every half minute, and the
//! provider's own notices. Whoever learns it first tells it here, and it is said once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tracing::{debug, error, info, warn};

use super::health::{Asked, Health, Reason};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{GatewayError, Session};
use crate::room::clock_set::CLOCK_SKEW;
use crate::telemetry::{InstanceLabels, Metrics};

/// Older than this, what was told of a session says nothing about how it is.
const NEWS: SignedDuration = SignedDuration::from_mins(10);

/// Knows how the numbers are, and says what changes.
#[derive(Debug)]
pub struct Alarm {
    /// Which numbers are rested.
    pub health: Arc<Health>,
    metrics: Arc<Metrics>,
    wake_worker: Arc<Notify>,
    /// The newest state that the provider told, by its own clock.
    told_at: Mutex<BTreeMap<String, Timestamp>>,
}

impl Alarm {
    /// An alarm that counts in `metrics` and wakes the worker when a number works again.
    #[must_use]
    pub fn new(health: Arc<Health>, metrics: Arc<Metrics>, wake_worker: Arc<Notify>) -> Self {
        Self { health, metrics, wake_worker, told_at: Mutex::default() }
    }

    /// Takes in what the provider told of a number's session at `at`. A repeat, and what is older than what
    /// was told already, says nothing; nor does what is too old or from the future: somebody plays it back, or
    /// its clock is wrong, and how the number is now we ask every half minute.
    pub fn hear(&self, number: &str, session: &Session, at: Timestamp, now: Timestamp) {
        if later(at, NEWS) < now || at > later(now, CLOCK_SKEW) {
            debug!(gateway.instance = number, %at, "what was told of a number is not of now");
            return;
        }
        let at = at.min(now);
        let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        if told_at.get(number).is_some_and(|known| at <= *known) {
            return;
        }
        told_at.insert(number.to_owned(), at);
        drop(told_at);
        let down = match session {
            // A phone that is linked says nothing about a token or a plan that is refused.
            Session::Working { .. }
                if self.health.unwell(number).is_some_and(|rest| rest.reason != Reason::Down) =>
            {
                return;
            }
            Session::Working { .. } => None,
            Session::Down(detail) => Some(GatewayError::SessionDown { detail: detail.clone() }),
        };
        self.note(number, Asked::Session, down.as_ref(), now);
    }

    /// Takes in how a call through `number` went.
    pub fn note(&self, number: &str, asked: Asked, failure: Option<&GatewayError>, now: Timestamp) {
        let labels = InstanceLabels { instance: number.to_owned() };
        let up = self.metrics.instances_up.get_or_create(&labels);
        let Some(failure) = failure else {
            up.set(1);
            if let Some(rest) = self.health.note_success(number, asked, now) {
                info!(gateway.instance = number, since = %rest.since, "the number works again");
                self.wake_worker.notify_one();
            }
            return;
        };
        let Some(rest) = self.health.note_failure(number, asked, failure, now) else { return };
        up.set(i64::from(rest.reason.is_about_groups()));
        self.metrics.alarms.get_or_create(&labels).inc();
        match rest.reason {
            Reason::Throttled => warn!(
                gateway.instance = number, why = rest.words, until = %rest.until,
                "the provider wants no more groups of this number for now"
            ),
            Reason::NoGroups => error!(
                gateway.instance = number,
                why = rest.words,
                "the plan of this number makes no groups: people are told one by one"
            ),
            Reason::Down => error!(
                gateway.instance = number,
                why = rest.words,
                "the number does not work: link its phone again; rooms wait for it, or go on through another"
            ),
            Reason::Unreachable => error!(
                gateway.instance = number,
                why = rest.words,
                "the provider cannot be reached for this number: check address, network and the provider's status; rooms wait for it, or go on through another"
            ),
            Reason::NotAccepted => error!(
                gateway.instance = number,
                why = rest.words,
                "the provider does not accept the number: check token, instance and plan"
            ),
        }
    }
}
