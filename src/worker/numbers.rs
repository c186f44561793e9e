//! Our linked numbers: who they are, how they are, and which of them makes a call.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use tracing::warn;

use super::{Number, SESSION_GAP, Worker};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{GatewayError, Own, Session};
use crate::number::{Asked, Health, Sign};
use crate::room::{By, Numbers, OurNumber, Room, Task};
use crate::store::{Lease, StoreError};

/// The longest that an answer to the question how a number is may take.
const SESSION_WAIT: SignedDuration = SignedDuration::from_secs(10);

impl Worker {
    /// Asks every number once how it is. A session that went down is one alarm; one that came back wakes
    /// what waited for it. Of several replicas one asks, and the others read what it was told.
    pub async fn ask_sessions(&self) {
        self.show_budgets().await;
        if !self.has_duty("sessions", SESSION_GAP + SESSION_GAP).await {
            return self.alarm.show().await.unwrap_or_else(|error| self.store_failed(&error));
        }
        // At once: a provider that hangs for one number must not keep the others from being asked.
        let asked = self.numbers.iter().map(|number| self.session_of(number));
        for (number, session) in self.numbers.iter().zip(join_all(asked).await) {
            let sign = match session {
                Ok(session) => Sign::Session(session),
                Err(error) => Sign::Failed(Asked::Session, error),
            };
            if let Some((before, after)) = self.note_sign(number, sign).await
                && let (Some(said), Some(own)) = (&number.phone, &after.own)
                && before.own != after.own
                && *said != own.phone
            {
                warn!(
                    gateway.instance = number.name,
                    "the provider says that another phone number is linked than the config does"
                );
            }
        }
    }

    /// How one number is; no answer for so long is one too.
    async fn session_of(&self, number: &Number) -> Result<Session, GatewayError> {
        let until = later(self.clock.now(), SESSION_WAIT);
        tokio::select! {
            biased;
            session = number.gateway.session() => session,
            () = self.clock.sleep_until(until) => {
                Err(GatewayError::NotSent { detail: "no answer to the question how the number is".to_owned() })
            }
        }
    }

    /// Notes a sign of how a number is. What cannot be written now shows again with the next call.
    pub(super) async fn note_sign(&self, number: &Number, sign: Sign) -> Option<(Health, Health)> {
        let noted = self.alarm.note(&number.name, sign, self.clock.now()).await;
        noted.inspect_err(|error| self.store_failed(error)).ok()
    }

    /// Whether nobody answered for a number and it is not known yet what that means.
    pub(super) async fn is_in_doubt(&self) -> bool {
        let known = self.store.numbers().await.unwrap_or_default();
        self.numbers.iter().any(|number| known.get(&number.name).is_some_and(Health::is_in_doubt))
    }

    /// All numbers as rooms see them, the healthiest first.
    pub(super) fn numbers_now(&self, known: &BTreeMap<String, Health>, now: Timestamp) -> Numbers {
        let as_seen = |number: &&Number| {
            let health = known.get(&number.name);
            OurNumber {
                name: number.name.clone(),
                own: own_of(number, health),
                loss: health.and_then(|health| health.loss(self.policy.failover_after)),
                resting_until: health.and_then(|health| Some(health.resting(false, now)?.until)),
                last_down_at: health.and_then(Health::last_down_at),
            }
        };
        Numbers(self.by_health(known).iter().map(as_seen).collect())
    }

    pub(super) fn by_health(&self, known: &BTreeMap<String, Health>) -> Vec<&Number> {
        let mut numbers: Vec<&Number> = self.numbers.iter().collect();
        numbers.sort_by_key(|n| known.get(&n.name).is_some_and(Health::goes_last));
        numbers
    }

    /// The room's number, or the first one before it has any. `None` when the config does not have it any more.
    pub(super) fn number_of(&self, room: &Room) -> Option<&Number> {
        match &room.instance {
            Some(name) => self.named(name),
            None => self.numbers.first(),
        }
    }

    pub(super) fn named(&self, name: &str) -> Option<&Number> {
        self.numbers.iter().find(|n| n.name == *name)
    }

    /// The numbers a step may go through: any for a new group and for what is told 1:1 without one, a certain
    /// one for the rest. Those known to be well come first, then those with most left of their budget.
    pub(super) async fn candidates(
        &self,
        lease: &Lease,
        step: &Task,
        now: Timestamp,
    ) -> Result<Vec<&Number>, StoreError> {
        let room = &lease.room;
        let own = self.number_of(room);
        // Only the number that said it can find it, and nobody else may say it again.
        if let Task::LookForMessage { message, .. } | Task::Say { message, .. } = step
            && message.is_private()
            && let Some(said) = room.tasks.unknown_message(message)
        {
            let sender = said.instance.as_deref();
            return Ok(sender.map_or(own, |name| self.named(name)).into_iter().collect());
        }
        Ok(match step.kind().by {
            // It is left by the number that made it.
            By::Beside(group) => {
                let duplicate = lease.wanted.duplicates.iter().find(|o| o.group == *group);
                let named = duplicate.and_then(|o| o.instance.as_deref()).and_then(|name| self.named(name));
                named.or(own).into_iter().collect()
            }
            By::Number(name) => self.named(name).into_iter().collect(),
            By::Any if matches!(step, Task::Create { .. }) => self.by_budget(lease, now).await?,
            By::Any => self.by_health(&lease.wanted.numbers),
            By::Room => own.into_iter().collect(),
            By::Webhook => Vec::new(),
        })
    }
}

/// What the config says counts, and what the provider says completes it.
fn own_of(number: &Number, health: Option<&Health>) -> Option<Own> {
    let told = health.and_then(|health| health.own.clone());
    let Some(phone) = number.phone.clone() else { return told };
    Some(Own { hidden: told.filter(|own| own.phone == phone).and_then(|own| own.hidden), phone })
}
