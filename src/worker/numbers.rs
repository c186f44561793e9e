//! Our linked numbers: who they are, how they are, and which of them makes a call.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use tracing::{info, warn};

use super::health::{Asked, Turn};
use super::{Number, Worker};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{GatewayError, Own, Session};
use crate::room::{By, Numbers, OurNumber, Room, Task};
use crate::store::{Lease, StoreError};

/// The longest that an answer to the question how a number is may take.
const SESSION_WAIT: SignedDuration = SignedDuration::from_secs(10);

/// The ids of our numbers, by their names in the config, as far as the provider has told.
#[derive(Debug, Default)]
pub struct OwnIds(Mutex<BTreeMap<String, Own>>);

/// The provider has told an id that was not known.
struct News {
    /// The config says another one.
    contradicts: bool,
}

impl OwnIds {
    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Own>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the config says counts, and what the provider says completes it.
    fn of(&self, number: &Number) -> Option<Own> {
        let told = self.known().get(&number.name).cloned();
        let Some(phone) = number.phone.clone() else { return told };
        Some(Own { hidden: told.filter(|own| own.phone == phone).and_then(|own| own.hidden), phone })
    }

    /// Keeps what is new.
    fn learn(&self, number: &Number, own: &Own) -> Option<News> {
        let before = self.known().insert(number.name.clone(), own.clone());
        (before.as_ref() != Some(own))
            .then(|| News { contradicts: number.phone.as_ref().is_some_and(|phone| *phone != own.phone) })
    }
}

impl Worker {
    /// Asks every number once how it is. A session that went down is one alarm; one that came back wakes
    /// what waited for it.
    pub async fn ask_sessions(&self) {
        self.show_budgets().await;
        // At once: a provider that hangs for one number must not keep the others from being asked.
        let asked = self.numbers.iter().map(|number| self.session_of(number));
        for (number, session) in self.numbers.iter().zip(join_all(asked).await) {
            match session {
                Ok(Session::Working { own }) => {
                    if let Some(News { contradicts }) = own.and_then(|own| self.own_ids.learn(number, &own)) {
                        // A room may have waited for a second number that is known only now.
                        self.health.note_known(&number.name);
                        if contradicts {
                            warn!(
                                gateway.instance = number.name,
                                "the provider says that another phone number is linked than the config does"
                            );
                        }
                    }
                    self.note_health(number, Asked::Session, None);
                }
                Ok(Session::Down(detail)) => {
                    let down = GatewayError::SessionDown { detail };
                    self.note_health(number, Asked::Session, Some(&down));
                }
                Err(error) => self.note_health(number, Asked::Session, Some(&error)),
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

    pub(super) fn note_health(&self, number: &Number, asked: Asked, failure: Option<&GatewayError>) {
        self.alarm.note(&number.name, asked, failure, self.clock.now());
    }

    /// Keeps since when numbers do not work, and wakes the rooms of those that were given up or came back since the
    /// last time.
    pub(super) async fn tell_rooms(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        if !self.health.remembers() {
            self.health.remember(self.store.outages().await?, now);
        }
        for number in &self.numbers {
            if let Some(since) = self.health.to_keep(&number.name) {
                self.store.put_outage(&number.name, since).await?;
                self.health.kept(&number.name, since);
            }
        }
        for turn in self.health.turns(self.policy.failover_after, now) {
            let (Turn::Lost(name) | Turn::Back(name)) = &turn;
            let rooms = self.store.wake_rooms(name, now).await?;
            self.health.told(&turn);
            match &turn {
                Turn::Lost(name) => warn!(
                    gateway.instance = name,
                    rooms,
                    "the number is given up for now: its rooms go on through another number where one is in them"
                ),
                Turn::Back(name) => info!(gateway.instance = name, rooms, "rooms go on with the number"),
            }
        }
        Ok(())
    }

    /// All numbers as rooms see them, the healthiest first.
    pub(super) fn numbers_now(&self) -> Numbers {
        let as_seen = |number: &&Number| OurNumber {
            name: number.name.clone(),
            own: self.own_ids.of(number),
            loss: self.health.loss(&number.name, self.policy.failover_after),
        };
        Numbers(self.by_health().iter().map(as_seen).collect())
    }

    pub(super) fn by_health(&self) -> Vec<&Number> {
        let mut numbers: Vec<&Number> = self.numbers.iter().collect();
        numbers.sort_by_key(|n| self.health.goes_last(&n.name));
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
            By::Any if matches!(step, Task::Create { .. }) => self.by_budget(room, now).await?,
            By::Any => self.by_health(),
            By::Room => own.into_iter().collect(),
            By::Webhook => Vec::new(),
        })
    }
}
