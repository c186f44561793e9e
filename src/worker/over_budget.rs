//! What is done while a room's group has to wait, and what each number still has to give.

use tracing::{debug, info};

use super::{End, NO_NUMBER_GAP, Number, Worker};
use crate::clock::{Timestamp, later};
use crate::number::{Health, Outage};
use crate::pacing::{Creation, Pace};
use crate::room::{BudgetFallback, Context, Room, Task, budget_fallback, tell_of_delay};
use crate::store::{Gathered, Lease, StoreError};
use crate::telemetry::LeftLabels;

/// The numbers that a step was tried with, and what each of them says.
#[derive(Debug, Default)]
pub(super) struct PutOff {
    until: Option<Timestamp>,
    reasons: Vec<String>,
}

impl PutOff {
    /// `number` may not make the call before `until`.
    pub(super) fn note(&mut self, number: &Number, why: &str, until: Timestamp) {
        self.until = Some(self.until.map_or(until, |earliest| earliest.min(until)));
        self.reasons.push(format!("{}: {why} until {until}", number.name));
    }

    /// When the first of them may.
    pub(super) fn until(&self, now: Timestamp) -> Timestamp {
        self.until.unwrap_or_else(|| later(now, NO_NUMBER_GAP))
    }

    /// Why each was passed over.
    pub(super) fn words(&self) -> String {
        self.reasons.join("; ")
    }

    /// Tells the log which numbers were passed over before `taken` made the call.
    pub(super) fn tell(&self, room: &Room, step: &Task, taken: &Number) {
        if !self.reasons.is_empty() {
            info!(
                incident.id = %room.incident, gateway.call = step.name(), gateway.instance = taken.name,
                why = self.words(), "another number makes this call"
            );
        }
    }
}

impl Worker {
    /// All numbers for a new group: those known to be well first, then those with most left of their budget.
    pub(super) async fn by_budget(&self, lease: &Lease, now: Timestamp) -> Result<Vec<&Number>, StoreError> {
        let mut numbers: Vec<(bool, u32, &Number)> = Vec::new();
        for number in &self.numbers {
            let left = if self.numbers.len() > 1 {
                self.left(number, lease.room.summons.important, now).await?
            } else {
                0
            };
            let goes_last = lease.wanted.numbers.get(&number.name).is_some_and(Health::goes_last);
            numbers.push((goes_last, left, number));
        }
        numbers.sort_by_key(|(unwell, left, _)| (*unwell, std::cmp::Reverse(*left)));
        Ok(numbers.into_iter().map(|(_, _, number)| number).collect())
    }

    /// What `number` may make. Nothing is kept back while no route is important.
    fn creation(&self, number: &Number) -> Creation {
        let creation = number.budget.creation(self.policy.call_timeout);
        let reserved = if self.roster.borrow().has_important() { creation.reserved } else { 0 };
        Creation { reserved, ..creation }
    }

    async fn left(&self, number: &Number, important: bool, now: Timestamp) -> Result<u32, StoreError> {
        let creation = self.creation(number);
        let made = self.store.creations(creation, now).await?;
        Ok(creation.left(&made, important, now))
    }

    /// Shows what each number has left.
    pub(super) async fn show_budgets(&self) {
        let now = self.clock.now();
        for number in &self.numbers {
            for (routes, important) in [("any", false), ("important", true)] {
                match self.left(number, important, now).await {
                    Ok(left) => {
                        let labels = LeftLabels { instance: number.name.clone(), routes };
                        self.metrics.rooms_left.get_or_create(&labels).set(i64::from(left));
                    }
                    Err(error) => return self.store_failed(&error),
                }
            }
        }
    }

    /// The pace that `step` has to keep.
    pub(super) fn pace(&self, number: &Number, lease: &Lease, step: &Task, now: Timestamp) -> Pace {
        let important = lease.room.summons.important;
        match step {
            Task::Create { .. } => {
                let able = self.numbers.iter().filter(|n| resting(lease, &n.name, true, now).is_none());
                Pace::Creation {
                    creation: self.creation(number),
                    important,
                    numbers: u32::try_from(able.count()).unwrap_or(1),
                }
            }
            Task::Say { message, .. } => number.budget.message(message.is_private(), important),
            _ => Pace::Free,
        }
    }

    /// The group of this room has to wait until `turn`: does what there is to do meanwhile. `Some` when the room
    /// is left after it.
    pub(super) async fn wait_for_budget(
        &self,
        lease: &mut Lease,
        context: Context<'_>,
        turn: Timestamp,
        now: Timestamp,
    ) -> Result<Option<End>, StoreError> {
        if let Some(host) = &lease.wanted.host
            && resting(lease, &host.instance, false, now).is_some()
        {
            debug!(incident.id = %lease.room.incident, host = %host.incident, "its number does not work");
            lease.wanted.host = None;
        }
        let (people, until) = match budget_fallback(&lease.room, &lease.wanted, context, turn, now) {
            BudgetFallback::Wait(until) => return Ok(Some(End::Asleep(Some(until)))),
            BudgetFallback::Fold(event) => {
                let done = self.note(lease, event, now).await?;
                return Ok((!done).then_some(End::Lost));
            }
            BudgetFallback::Tell { people, until } => (people, until),
        };
        let Gathered::Yes(gathering) = self.store.gather(lease, people, now).await? else {
            return Ok(Some(End::Lost));
        };
        lease.room = gathering.room;
        lease.done.clear();
        let until = gathering.again_at.map_or(until, |at| at.min(until));
        if let Some(due) = gathering.due
            && let Some(step) = tell_of_delay(&lease.room, &lease.wanted, context, (&due.person, turn), now)
        {
            return Box::pin(self.call(lease, (step, Some(due)), context, now)).await;
        }
        Ok(Some(End::Asleep(Some(until))))
    }
}

/// The outage because of which a number is left alone now; `create` if a group is to be made.
pub(super) fn resting<'a>(
    lease: &'a Lease,
    number: &str,
    create: bool,
    now: Timestamp,
) -> Option<&'a Outage> {
    lease.wanted.numbers.get(number)?.resting(create, now)
}
