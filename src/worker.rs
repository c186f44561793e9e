//! The worker: takes rooms that are due and brings each as far as it goes now.
//!
//! Lease → one step → outcome, until there is nothing to do; then the room sleeps until a moment written in
//! its row. The worker keeps nothing in memory that a restart would miss: it asks the store what is due,
//! woken by the receiver's signal, by a timer, or by nothing but its own slow heartbeat.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Fuse, FusedFuture};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::clock::{Clock, SignedDuration, Timestamp, later};
use crate::gateway::fallback_webhook::FallbackWebhook;
use crate::gateway::{Gateway, GatewayError, Refusal};
use crate::jid::{ChatId, GroupId, Jid};
use crate::message::Composer;
use crate::number::{Asked, Health, Sign};
use crate::pacing::Budget;
use crate::room::{
    Also, Answer, By, Context, Event, Next, Note, OpenDuplicate, Phase, Policy, Room, Seat, Task, deadline,
    plan,
};
use crate::roster::Roster;
use crate::store::{Alias, Began, Due, Finished, Intent, Lease, Slots, StepOutcome, Store, StoreError};
use crate::telemetry::{CallLabels, Metrics, MoveLabels};

use self::alarm::Alarm;
use self::calling::Calling;
use self::escalation::about_escalation;
use self::handover::Handover;
use self::over_budget::{PutOff, resting};
use self::perform::perform;

pub mod alarm;
pub mod calling;
mod escalation;
pub mod handover;
mod letters;
mod notices;
pub mod numbers;
mod over_budget;
mod perform;
mod source_troubles;
mod webhook;

/// Rooms worked on at the same time for each number, and calls under way through one of them.
const AT_ONCE: usize = 16;
/// Least time between two looks into the store for what is due.
const LOOK_GAP: Duration = Duration::from_millis(20);
/// The same while nothing that can wait is taken, so that it is not looked at all the time.
const CROWDED_GAP: Duration = Duration::from_millis(200);
/// When a room asks again whose number has as many calls under way as it may.
const BUSY_GAP: SignedDuration = SignedDuration::from_secs(1);
/// Without any signal the store is asked this often, because a signal can be lost with its sender.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often an outcome is offered to a store that does not take it: for about ten seconds in all.
const OUTCOME_TRIES: u32 = 10;
/// Between the first two of these; each further one waits longer.
const OUTCOME_GAP: Duration = Duration::from_millis(200);
/// How long a room is left alone that needs a number which the config does not have any more.
const NO_NUMBER_GAP: SignedDuration = SignedDuration::from_mins(10);
/// How long a room sleeps at most because another number than its own is resting.
const OTHER_NUMBER_GAP: SignedDuration = SignedDuration::from_secs(60);
/// A room that the provider makes wait longer than this is worth a word in the log.
const LONG_HOLD: SignedDuration = SignedDuration::from_secs(60);
/// How long a room is left alone whose record contradicts itself.
const ODD_GAP: SignedDuration = SignedDuration::from_secs(60);
/// Between two questions how the numbers are.
const SESSION_GAP: SignedDuration = SignedDuration::from_secs(30);
/// How soon it is asked again when nobody answered for a number.
const DOUBT_GAP: Duration = Duration::from_secs(3);
/// Bodies emptied in one transaction.
const FORGOTTEN_AT_ONCE: usize = 100;
/// For how long one replica does that for all, unless it goes on.
const FORGETTING: SignedDuration = SignedDuration::from_mins(1);
/// Between two of these.
const FORGETTING_GAP: Duration = Duration::from_millis(20);
/// After a store failure.
const STORE_GAP: Duration = Duration::from_secs(1);
/// How long a room rests whose transaction failed.
const STORE_REST: SignedDuration = SignedDuration::from_secs(1);

/// One linked number, ready to be called.
#[derive(Debug, Clone)]
pub struct Number {
    /// Its name in the config.
    pub name: String,
    /// The way to it.
    pub gateway: Arc<dyn Gateway>,
    /// What it may do.
    pub budget: Budget,
    /// Its phone number, where the config says it.
    pub phone: Option<Jid>,
    /// Whether the provider tells us what people write to it: only then can it hear a STOP.
    pub hears: bool,
}

/// Works on rooms.
#[derive(Debug)]
pub struct Worker {
    /// The memory.
    pub store: Store,
    /// The ways out, in order of preference; at least one.
    pub numbers: Vec<Number>,
    /// The roster in force, which says whether any route is important.
    pub roster: watch::Receiver<Arc<Roster>>,
    /// The operator's decisions.
    pub policy: Policy,
    /// The words.
    pub composer: Composer,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// When this process began to work.
    pub began_at: Timestamp,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Rung by the receiver when a room has something to do.
    pub wake_worker: Arc<Notify>,
    /// Keeps how the numbers are, and says when one goes down and when it works again.
    pub alarm: Arc<Alarm>,
    /// The calls under way.
    pub calling: Calling,
    /// Rooms that were leased for this worker as they opened.
    pub handover: Arc<Handover>,
    /// How long the bodies of hooks are kept.
    pub keep_bodies: SignedDuration,
    /// Who is told when no number works.
    pub fallback_webhook: Option<Arc<dyn FallbackWebhook>>,
}

/// Why work on a room ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing to do before this moment, or until something comes up.
    Asleep(Option<Timestamp>),
    /// Somebody else has it.
    Lost,
    /// A mistake in the program.
    Broken,
}

impl Worker {
    /// Works until `stop`, finishing the steps in hand. The calls in hand come first: what they are answered is
    /// read while the store is asked what else is due.
    pub async fn run(&self, stop: &CancellationToken) {
        let most = self.slots();
        let (mut in_hand, mut that_can_wait) = (FuturesUnordered::new(), 0);
        let mut looking = std::pin::pin!(Fuse::terminated());
        let mut last_look = Instant::now();
        let mut look_at = last_look;
        while !stop.is_cancelled() {
            self.metrics.worker_round.set(self.clock.now().as_second());
            for lease in self.handover.take() {
                that_can_wait += usize::from(can_wait(&lease));
                in_hand.push(self.tend(lease, stop));
            }
            self.handover.set_free(most.rooms.saturating_sub(in_hand.len()));
            let is_free = looking.is_terminated() && in_hand.len() < most.rooms;
            tokio::select! {
                biased;
                Some(can_wait) = in_hand.next(), if !in_hand.is_empty() => {
                    that_can_wait -= usize::from(can_wait);
                    look_at = look_at.min(last_look + LOOK_GAP);
                }
                found = &mut looking, if !looking.is_terminated() => {
                    let pause = match found {
                        Ok((leases, next)) => {
                            for lease in leases {
                                that_can_wait += usize::from(can_wait(&lease));
                                in_hand.push(self.tend(lease, stop));
                            }
                            let is_crowded = that_can_wait >= most.that_can_wait;
                            self.until_due(next).max(if is_crowded { CROWDED_GAP } else { LOOK_GAP })
                        }
                        Err(error) => {
                            self.store_failed(&error);
                            STORE_GAP
                        }
                    };
                    look_at = look_at.min(Instant::now() + pause);
                }
                () = self.wake_worker.notified() => look_at = look_at.min(last_look + LOOK_GAP),
                () = tokio::time::sleep_until(look_at), if is_free => {
                    last_look = Instant::now();
                    look_at = last_look + HEARTBEAT;
                    looking.set(self.look(most.less(in_hand.len(), that_can_wait)).fuse());
                }
                // The round is seen from outside: it goes on while all slots are taken.
                () = tokio::time::sleep(HEARTBEAT), if !is_free => {}
                () = stop.cancelled() => {}
            }
        }
        // What a look under way has leased is given back.
        if !looking.is_terminated()
            && let Ok((leases, _)) = looking.await
        {
            in_hand.extend(leases.into_iter().map(|lease| self.tend(lease, stop)));
        }
        while in_hand.next().await.is_some() {}
    }

    /// How many rooms are worked on at the same time. Some of them are kept free of what can wait.
    fn slots(&self) -> Slots {
        let rooms = AT_ONCE * self.numbers.len().max(1);
        Slots { rooms, that_can_wait: rooms / 4 * 3 }
    }

    /// Asks every number how it is, until `stop`.
    pub async fn watch(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            self.ask_sessions().await;
            tokio::select! { () = self.forget_bodies() => {} () = stop.cancelled() => {} }
            let asked_again_at = later(self.clock.now(), SESSION_GAP);
            // Whatever is in doubt is asked sooner, and not without a pause either.
            while !stop.is_cancelled() {
                tokio::select! { () = tokio::time::sleep(DOUBT_GAP) => {} () = stop.cancelled() => {} }
                if self.clock.now() >= asked_again_at || self.is_in_doubt().await {
                    break;
                }
            }
        }
    }

    /// Empties the bodies that are kept no longer: few enough at a time to hold up no hook.
    pub async fn forget_bodies(&self) {
        if !self.has_duty("bodies", FORGETTING).await {
            return;
        }
        let before = later(self.clock.now(), -self.keep_bodies);
        let mut bodies = 0;
        loop {
            match self.store.forget_bodies(before, FORGOTTEN_AT_ONCE).await {
                Ok(some) => {
                    bodies += some;
                    if some < FORGOTTEN_AT_ONCE {
                        break;
                    }
                }
                Err(error) => {
                    self.store_failed(&error);
                    break;
                }
            }
            tokio::time::sleep(FORGETTING_GAP).await;
        }
        if bodies > 0 {
            debug!(bodies, "old webhooks' bodies were emptied");
        }
    }

    /// Whether this process does for so long what one of all replicas does.
    async fn has_duty(&self, duty: &'static str, length: SignedDuration) -> bool {
        let now = self.clock.now();
        let taken = self.store.take_duty(duty, now, later(now, length)).await;
        taken.unwrap_or_else(|error| {
            self.store_failed(&error);
            false
        })
    }

    /// Does everything that is due at this moment, and returns how many rooms were taken. For tests and for
    /// whoever wants to drive the work by hand.
    pub async fn run_until_idle(&self) -> Result<usize, StoreError> {
        let never = CancellationToken::new();
        let mut taken = 0;
        loop {
            self.handover.set_free(self.slots().rooms);
            let mut leases = self.handover.take();
            leases.extend(self.take(self.slots().less(leases.len(), 0)).await?);
            if leases.is_empty() {
                self.write_letters().await?;
                return Ok(taken);
            }
            taken += leases.len();
            let mut in_hand: FuturesUnordered<_> =
                leases.into_iter().map(|lease| self.tend(lease, &never)).collect();
            while in_hand.next().await.is_some() {}
        }
    }

    async fn take(&self, slots: Slots) -> Result<Vec<Lease>, StoreError> {
        let now = self.clock.now();
        self.store.close_quiet(self.policy.rules(), now).await?;
        self.store.lease_rooms(now, slots, self.policy.lease).await
    }

    /// Takes what is due, and says when something else is. The store is asked all at once, so that it is waited
    /// for once only.
    async fn look(&self, slots: Slots) -> Result<(Vec<Lease>, Option<Timestamp>), StoreError> {
        let now = self.clock.now();
        let (closed, leases, next) = tokio::join!(
            self.store.close_quiet(self.policy.rules(), now),
            self.store.lease_rooms(now, slots, self.policy.lease),
            self.store.next_wake()
        );
        // Leases that were taken are not let go because of the rest.
        for error in [closed.err(), next.as_ref().err().cloned()].into_iter().flatten() {
            self.store_failed(&error);
        }
        Ok((leases?, next.ok().flatten()))
    }

    fn until_due(&self, next: Option<Timestamp>) -> Duration {
        let wait =
            |at: Timestamp| Duration::try_from(at.duration_since(self.clock.now())).unwrap_or(Duration::ZERO);
        // A room that another worker holds can look due for a moment.
        next.map_or(HEARTBEAT, wait).min(HEARTBEAT)
    }

    fn store_failed(&self, error: &StoreError) {
        self.metrics.store_failures.inc();
        error!(error = %error, "the store failed; rooms wait until it answers again");
    }

    /// Brings a room as far as it goes now; returns whether that could have waited.
    async fn tend(&self, mut lease: Lease, stop: &CancellationToken) -> bool {
        self.metrics.leased.inc();
        let can_wait = can_wait(&lease);
        let id = lease.room.incident;
        let result = AssertUnwindSafe(self.steps(&mut lease, stop)).catch_unwind().await;
        self.metrics.leased.dec();
        let now = self.clock.now();
        let end = match result {
            Ok(Ok(end)) => end,
            // Whoever comes next reads what was stored.
            Ok(Err(error)) => {
                self.store_failed(&error);
                lease.done.iter_mut().for_each(|done| done.is_tried = true);
                End::Asleep(Some(later(now, STORE_REST)))
            }
            // A mistake in the program that one room brings to light must not end the work on all others.
            Err(_panic) => {
                self.metrics.rooms_broken.inc();
                error!(incident.id = %id, "work on a room broke off; it is tried again in a minute");
                End::Broken
            }
        };
        self.give_back(&mut lease, end, stop).await;
        can_wait
    }

    /// Gives the room back; a store that fails is asked until the lease is over and the room free by itself.
    async fn give_back(&self, lease: &mut Lease, end: End, stop: &CancellationToken) {
        loop {
            let now = self.clock.now();
            let given_back = match end {
                End::Asleep(wake_at) => self.store.release(lease, wake_at, now).await,
                End::Broken => self.store.set_aside(lease, later(now, ODD_GAP), now).await,
                End::Lost => Ok(false),
            };
            let error = match given_back {
                Ok(true) => return,
                Ok(false) => return self.taken_over(lease),
                Err(error) => error,
            };
            self.store_failed(&error);
            lease.done.iter_mut().for_each(|done| done.is_tried = true);
            if self.clock.now() >= lease.until || stop.is_cancelled() {
                return;
            }
            tokio::select! { () = tokio::time::sleep(STORE_GAP) => {} () = stop.cancelled() => {} }
        }
    }

    fn taken_over(&self, lease: &Lease) {
        warn!(incident.id = %lease.room.incident, "another worker has taken the room over");
        for done in &lease.done {
            self.metrics.strays.inc();
            warn!(
                incident.id = %lease.room.incident, gateway.call = done.step.name(),
                "an outcome came after the room was taken over; it is filed as a stray"
            );
        }
    }

    async fn steps(&self, lease: &mut Lease, stop: &CancellationToken) -> Result<End, StoreError> {
        // While no number may write to people, what else there is to do goes on.
        let mut no_private_before = None;
        loop {
            if !self.apply_events(lease).await? {
                return Ok(End::Lost);
            }
            let now = self.clock.now();
            let numbers = self.numbers_now(&lease.wanted.numbers, now);
            let context = Context {
                policy: &self.policy,
                numbers: &numbers,
                no_private_before,
                began_at: self.began_at,
            };
            match plan(&lease.room, &lease.wanted, context, now) {
                Next::Rest => return Ok(End::Asleep(None)),
                Next::Sleep(until) => {
                    let until = no_private_before.map_or(until, |at: Timestamp| at.min(until));
                    return Ok(End::Asleep(Some(until)));
                }
                Next::Note(event) => {
                    if !self.note(lease, event, now).await? {
                        return Ok(End::Lost);
                    }
                }
                Next::Refuse(why) => {
                    lease.room.forget_named_groups();
                    warn!(incident.id = %lease.room.incident, why, "an operator's wish cannot be granted");
                    let finished = self.store.refuse_wish(lease, &why, now).await?;
                    if !refresh(lease, finished) {
                        return Ok(End::Lost);
                    }
                }
                Next::Call(step) => {
                    // A call must end before the lease does, or somebody else could make it a second time.
                    if !self.store.is_present(now) {
                        return Ok(End::Asleep(Some(later(now, STORE_REST))));
                    }
                    if self.is_too_late(lease, now) || stop.is_cancelled() {
                        return Ok(End::Asleep(Some(now)));
                    }
                    // What has had an effect is on disk before anything else is called.
                    if !step.needs_intent() && lease.done.iter().any(|done| done.intent.is_some()) {
                        if !self.settle(lease).await? {
                            return Ok(End::Lost);
                        }
                        continue;
                    }
                    let is_private = step.private().is_some();
                    match self.call(lease, (step, None), context, now).await? {
                        None => {}
                        Some(End::Asleep(Some(until))) if is_private && no_private_before.is_none() => {
                            no_private_before = Some(until);
                        }
                        Some(End::Asleep(Some(until))) => {
                            let word_at = deadline::next_at(&lease.room, &lease.wanted, &self.policy, now);
                            return Ok(End::Asleep(Some(word_at.map_or(until, |at| at.min(until)))));
                        }
                        Some(end) => return Ok(end),
                    }
                }
            }
        }
    }

    /// Whether a call begun now could outlive the lease.
    fn is_too_late(&self, lease: &Lease, now: Timestamp) -> bool {
        later(now, self.policy.call_timeout) >= lease.until || !self.store.is_present(now)
    }

    async fn note(&self, lease: &mut Lease, event: Event, now: Timestamp) -> Result<bool, StoreError> {
        let mut room = lease.room.clone();
        let finished = match room.take(&event, now) {
            Ok(()) => {
                // A second group may have been made through another number than the room.
                let found = |o: &&OpenDuplicate| room.phase.group() == Some(&o.group) && o.instance.is_some();
                if let Event::Found { .. } = event
                    && let Some(duplicate) = lease.wanted.duplicates.iter().find(found)
                {
                    room.instance.clone_from(&duplicate.instance);
                }
                if event == Event::NewGroup {
                    room.rejected.extend(lease.wanted.duplicates.iter().map(|o| o.group.clone()));
                    room.rejected.extend(lease.room.phase.group().cloned());
                }
                // A room that is only parked on the way to another group waits for nobody.
                let waits = !(matches!(event, Event::Spent { .. }) && lease.wanted.wish.is_some());
                let finished = self.store.note(lease, room.clone(), event.clone(), now).await?;
                if matches!(finished, Finished::Yes { .. }) {
                    if waits {
                        self.moved(&room, &event);
                    }
                    lease.room = room;
                }
                finished
            }
            Err(illegal) => {
                warn!(incident.id = %room.incident, error = %illegal, "an operator's wish cannot be granted");
                self.store.refuse_wish(lease, &illegal.to_string(), now).await?
            }
        };
        Ok(refresh(lease, finished))
    }

    /// Makes one call; a message may tell of other incidents too. `Some` when the room is left after it.
    async fn call(
        &self,
        lease: &mut Lease,
        (step, due): (Task, Option<Due>),
        context: Context<'_>,
        now: Timestamp,
    ) -> Result<Option<End>, StoreError> {
        if let Task::CallWebhook(call) = &step {
            return self.call_webhook(lease, call, context, now).await;
        }
        let nothing = Also::default();
        let also = due.as_ref().map_or(&nothing, |due| &due.also);
        let create = matches!(step, Task::Create { .. });
        let mut put_off = PutOff::default();
        let to_stranger = is_to_stranger(&lease.room, &step);
        let is_locked = |lease: &Lease, number: &Number| {
            to_stranger && lease.wanted.numbers.get(&number.name).is_some_and(|health| health.is_locked(now))
        };
        let mut candidates = self.candidates(lease, &step, now).await?;
        if !candidates.iter().all(|number| is_locked(lease, number)) {
            candidates.retain(|number| !is_locked(lease, number));
        }
        for number in candidates {
            if let Some(outage) = resting(lease, &number.name, create, now) {
                put_off.note(number, outage.reason.words(), outage.until);
                continue;
            }
            // A number that hangs must not hold all that the others could do.
            let Some(_calling) = self.calling.begin(&number.name, AT_ONCE) else {
                put_off.note(number, "it has many calls under way", later(now, BUSY_GAP));
                continue;
            };
            let (wanted, limits) = (&lease.wanted, number.gateway.capabilities());
            let words = self.composer.words(&step, &lease.room, wanted, also, limits, now);
            let spoken = (&step, words.as_deref());
            let mut room = lease.room.clone();
            let event = match room.begin(spoken, &number.name, wanted, now) {
                Ok(event) => event,
                Err(illegal) => {
                    error!(incident.id = %room.incident, error = %illegal, "a step does not fit its room");
                    return Ok(Some(End::Asleep(Some(later(now, ODD_GAP)))));
                }
            };
            let intent = if step.needs_intent() {
                let intent = Intent {
                    room: room.clone(),
                    step: step.clone(),
                    instance: number.name.clone(),
                    event,
                    pace: self.pace(number, lease, &step, now),
                    covers: due.as_ref().map(|due| due.through),
                };
                match self.begin(lease, intent, now).await? {
                    Began::Yes(intent) => Some(intent),
                    Began::LeaseLost => return Ok(Some(End::Lost)),
                    Began::Throttled(until) => {
                        put_off.note(number, "its pace is kept", until);
                        continue;
                    }
                    Began::Stopped => {
                        info!(incident.id = %room.incident, gateway.call = step.name(), "somebody said STOP: not called");
                        return self.reconsider(lease).await;
                    }
                }
            } else {
                None
            };
            put_off.tell(&room, &step, number);
            lease.room = room;
            let call = Call { step: &step, words: words.as_deref(), number: &number.name, intent, at: now };
            // The commit may have taken long, and a call must end before the lease does.
            if self.is_too_late(lease, self.clock.now()) {
                let detail = "the lease was about to end before the call".to_owned();
                let answer = Answer::Failed(GatewayError::NotSent { detail });
                return self.finish(lease, call, &answer, context).await;
            }
            if is_locked(lease, number) {
                let detail = "not tried: WhatsApp does not let this number write to strangers now".to_owned();
                let refused = GatewayError::Refused { reason: Refusal::Strangers, detail };
                return self.finish(lease, call, &Answer::Failed(refused), context).await;
            }
            let member_of = match step {
                Task::Look { .. } | Task::Sweep { .. } => self.store.groups_of(&number.name).await?,
                _ => Vec::new(),
            };
            let answer = self.in_time(lease, number, (spoken, member_of), context, now).await;
            self.note_answer(lease, number, &step, &answer).await;
            return self.finish(lease, call, &answer, context).await;
        }
        self.metrics.throttled.inc();
        let until = put_off.until(now);
        info!(
            incident.id = %lease.room.incident, gateway.call = step.name(), until = %until,
            why = put_off.words(), "put off: no number may make this call now"
        );
        if create {
            // Running out is never silent: people hear of the incident before there is a room.
            return self.wait_for_budget(lease, context, until, now).await;
        }
        // A number that is given up meanwhile changes what there is to do.
        let until = context.numbers.next_at(now).map_or(until, |at| until.min(at));
        // What waits for another number than the room's must not keep the room asleep.
        let other =
            matches!(step.kind().by, By::Number(name) if lease.room.instance.as_deref() != Some(name));
        let until = if other { until.min(later(now, OTHER_NUMBER_GAP)) } else { until };
        Ok(Some(End::Asleep(Some(until))))
    }

    async fn finish(
        &self,
        lease: &mut Lease,
        Call { step, words, number, intent, at }: Call<'_>,
        answer: &Answer,
        context: Context<'_>,
    ) -> Result<Option<End>, StoreError> {
        let now = self.clock.now();
        self.count(&lease.room, step, answer);
        let mut room = lease.room.clone();
        let briefed_before = room.is_briefed();
        let made = if let Answer::Created(created) = answer { Some(created.group.clone()) } else { None };
        let effect = match room.finish((step, words), answer, context, now) {
            Ok(effect) => effect,
            Err(illegal) => {
                error!(incident.id = %room.incident, error = %illegal, "an outcome does not fit its room");
                return Ok(Some(End::Asleep(Some(later(now, ODD_GAP)))));
            }
        };
        for duplicate in &effect.duplicates {
            warn!(
                incident.id = %room.incident, group.id = %duplicate,
                "a second group carries this incident's id; adopt it or close it"
            );
        }
        let event = effect.event.clone();
        // What goes beyond the room is read again from the store.
        let is_of_the_room = effect.duplicates.is_empty() && effect.left.is_none() && !effect.unspent;
        lease.done.push(StepOutcome {
            intent,
            step: step.clone(),
            instance: number.to_owned(),
            begun_at: at,
            ended_at: now,
            note: answer.note(),
            effect,
            made,
            aliases: new_aliases(&lease.room, &room),
            is_tried: false,
        });
        let long_hold = |room: &Room| room.throttled_until().filter(|until| later(now, LONG_HOLD) < *until);
        if let Some(until) = long_hold(&room).filter(|_| long_hold(&lease.room).is_none()) {
            warn!(incident.id = %room.incident, until = %until, "the provider makes the room wait");
        }
        lease.room = room;
        if let Some(event) = event {
            self.moved(&lease.room, &event);
        }
        // Unless something came up, it is written together with what comes next.
        let can_wait = is_of_the_room && self.store.has_news(lease).await.is_ok_and(|has_news| !has_news);
        if can_wait {
            lease.wanted.news.retain(|item| item.seq > lease.room.last_news);
        } else if !self.settle(lease).await? {
            return Ok(Some(End::Lost));
        }
        if !briefed_before && lease.room.is_briefed() {
            let since = now.duration_since(lease.wanted.incident.opened_at);
            self.metrics.briefed_seconds.observe(since.as_secs_f64());
            info!(
                incident.id = %lease.room.incident, took_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
                "the room is briefed"
            );
        }
        Ok(None)
    }

    /// Makes the call. While people wait for a word it is not waited for longer than they can: what comes of it is
    /// found out afterwards.
    async fn in_time(
        &self,
        lease: &Lease,
        number: &Number,
        (spoken, member_of): ((&Task, Option<&str>), Vec<GroupId>),
        context: Context<'_>,
        now: Timestamp,
    ) -> Answer {
        let ours = context.numbers.ids();
        let call = perform(number.gateway.as_ref(), spoken, &ours, member_of)
            .map(|result| result.unwrap_or_else(Answer::Failed));
        let Some(until) = deadline::limit(&lease.room, &lease.wanted, &self.policy, now) else {
            return call.await;
        };
        tokio::select! {
            biased;
            answer = call => answer,
            () = self.clock.sleep_until(until) => {
                let detail = "no answer while people wait for a word".to_owned();
                Answer::Failed(if spoken.0.is_read() {
                    GatewayError::NotSent { detail }
                } else {
                    GatewayError::Unknown { detail }
                })
            }
        }
    }

    /// Notes what an answer says of the number, unless that is known.
    async fn note_answer(&self, lease: &mut Lease, number: &Number, step: &Task, answer: &Answer) {
        let asked = match step {
            Task::Create { .. } => Asked::Create,
            step if step.is_read() => Asked::Read,
            _ => Asked::Effect,
        };
        let sign = if let Answer::Failed(error) = answer {
            Sign::Failed(asked, error.clone())
        } else {
            Sign::Worked(asked)
        };
        let known = lease.wanted.numbers.get(&number.name);
        if known.unwrap_or(&Health::default()).is_changed_by(&sign, self.clock.now()) {
            self.note_of(lease, number, sign).await;
        }
    }

    /// Notes a sign of how a number is, which counts for the room in hand at once.
    async fn note_of(&self, lease: &mut Lease, number: &Number, sign: Sign) {
        if let Some((_, after)) = self.note_sign(number, sign).await {
            lease.wanted.numbers.insert(number.name.clone(), after);
        }
    }

    /// Writes an intent, together with what was done before.
    async fn begin(&self, lease: &mut Lease, intent: Intent, now: Timestamp) -> Result<Began, StoreError> {
        let began = self.store.begin_step(lease, intent, now).await?;
        if began != Began::LeaseLost {
            lease.done.clear();
        }
        Ok(began)
    }

    /// Writes what was done, trying again while the lease holds: the effect has happened, and if the store does not
    /// take it now it has to take it later, or the room would look for what is known. False if the lease is lost.
    async fn settle(&self, lease: &mut Lease) -> Result<bool, StoreError> {
        let mut tries = 0;
        loop {
            match self.store.finish_steps(lease, self.clock.now()).await {
                Ok(finished) => return Ok(refresh(lease, finished)),
                Err(error) => {
                    tries += 1;
                    self.store_failed(&error);
                    lease.done.iter_mut().for_each(|done| done.is_tried = true);
                    if tries >= OUTCOME_TRIES || self.clock.now() >= lease.until {
                        return Err(error);
                    }
                    tokio::time::sleep(OUTCOME_GAP * tries).await;
                }
            }
        }
    }

    fn count(&self, room: &Room, step: &Task, answer: &Answer) {
        let outcome = if let Answer::Failed(error) = answer { error.class() } else { "ok" };
        self.metrics.calls.get_or_create(&CallLabels { step: step.name(), outcome }).inc();
        match answer.note() {
            Note::Ok { what } => debug!(
                incident.id = %room.incident, gateway.call = step.name(), outcome = what, "called"
            ),
            Note::Failed { error } => warn!(
                incident.id = %room.incident, gateway.call = step.name(), error.class = error.class(),
                error = %error, "a call failed"
            ),
            Note::Abandoned => {}
        }
    }

    fn moved(&self, room: &Room, event: &Event) {
        if let Event::Escalated { step } = event {
            return about_escalation(room, step);
        }
        if let Event::Switched { instance } = event {
            self.metrics.switches.inc();
            warn!(incident.id = %room.incident, gateway.instance = instance, "the room goes on through another number");
            return;
        }
        let phase = room.phase.name().as_str();
        self.metrics.moves.get_or_create(&MoveLabels { phase }).inc();
        if let Phase::Parked { why, .. } = &room.phase {
            error!(incident.id = %room.incident, room.phase = phase, why, "a person must decide");
        } else {
            info!(incident.id = %room.incident, room.phase = phase, event = event.name(), "the room moved");
        }
    }
}

/// A call that was made, or was about to be.
#[derive(Clone, Copy)]
struct Call<'a> {
    step: &'a Task,
    words: Option<&'a str>,
    /// The linked number's name in the config.
    number: &'a str,
    /// Its row in the journal, if it needed one.
    intent: Option<i64>,
    at: Timestamp,
}

/// The ids that people are found to have in `after`.
fn new_aliases(before: &Room, after: &Room) -> Vec<Alias> {
    let known = |seat: &Seat| before.seats.iter().find(|s| s.who.person == seat.who.person);
    let is_new = |seat: &&Seat| known(seat).is_none_or(|known| known.alias != seat.alias);
    let alias = |seat: &Seat| {
        let (person, jid) = (seat.who.person.clone(), seat.who.jid.clone());
        Some(Alias { person, jid, alias: seat.alias.clone()? })
    };
    after.seats.iter().filter(is_new).filter_map(alias).collect()
}

/// Whether what is to be done for a room can wait.
fn can_wait(lease: &Lease) -> bool {
    lease.room.urgency(&lease.wanted).can_wait()
}

/// Whether the call would write to somebody who never talked with a number of ours.
fn is_to_stranger(room: &Room, step: &Task) -> bool {
    let Task::Say { chat: ChatId::Person(jid), .. } = step else { return false };
    room.seats.iter().any(|seat| seat.address() == jid && !seat.is_known())
}

/// Takes what is wanted now into the lease; false when the lease is lost.
fn refresh(lease: &mut Lease, finished: Finished) -> bool {
    match finished {
        Finished::Yes { wanted, changes } | Finished::NotNow { wanted, changes } => {
            lease.wanted = *wanted;
            lease.changes = changes;
            lease.done.clear();
            true
        }
        Finished::Stray => false,
    }
}
