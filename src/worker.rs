//! The worker: takes rooms that are due and brings each as far as it goes now.
//!
//! Lease → one step → outcome, until there is nothing to do; then the room sleeps until a moment written in
//! its row. The worker keeps nothing in memory that a restart would miss: it asks the store what is due,
//! woken by the receiver's signal, by a timer, or by nothing but its own slow heartbeat.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::clock::{Clock, SignedDuration, Timestamp, later};
use crate::gateway::{Gateway, GatewayError, Session};
use crate::message::Composer;
use crate::pacing::{Budget, Pace};
use crate::room::progress::Note;
use crate::room::{
    Answer, Event, Ground, Next, Orphaned, Phase, Policy, Room, Step, What, next_step, tell_of_delay,
};
use crate::store::{Began, Finished, Intent, Lease, StepOutcome, Store, StoreError};
use crate::telemetry::{CallLabels, InstanceLabels, Metrics, MoveLabels};

use self::health::{Health, Reason};

pub mod health;

/// Rooms worked on at the same time.
const AT_ONCE: usize = 16;
/// Without any signal the store is asked this often, because a signal can be lost with its sender.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often an outcome is offered to a store that does not take it: for about ten seconds in all.
const OUTCOME_TRIES: u32 = 10;
/// Between the first two of these; each further one waits longer.
const OUTCOME_GAP: Duration = Duration::from_millis(200);
/// How long a room is left alone whose record contradicts itself.
const ODD_GAP: SignedDuration = SignedDuration::from_secs(60);
/// A room that has to wait longer than this for a number is told to its people 1:1.
const LONG_DELAY: SignedDuration = SignedDuration::from_secs(60);
/// Between two questions how the numbers are.
const SESSION_GAP: Duration = Duration::from_secs(30);
/// After a store failure.
const STORE_GAP: Duration = Duration::from_secs(1);

/// One linked number, ready to be called.
#[derive(Debug, Clone)]
pub struct Number {
    /// Its name in the config.
    pub name: String,
    /// The way to it.
    pub gateway: Arc<dyn Gateway>,
    /// What it may do.
    pub budget: Budget,
}

/// Works on rooms.
#[derive(Debug)]
pub struct Worker {
    /// The memory.
    pub store: Arc<dyn Store>,
    /// The ways out, in order of preference; at least one.
    pub numbers: Vec<Number>,
    /// The operator's decisions.
    pub policy: Policy,
    /// The words.
    pub composer: Composer,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Rung by the receiver when a room has something to do.
    pub bell: Arc<Notify>,
    /// Which numbers are rested.
    pub health: Health,
}

/// Why work on a room ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing to do before this moment, or until something comes up.
    Asleep(Option<Timestamp>),
    /// Somebody else has it.
    Lost,
}

impl Worker {
    /// Works until `stop`, finishing the steps in hand.
    pub async fn run(&self, stop: &CancellationToken) {
        let mut in_hand = FuturesUnordered::new();
        loop {
            // Registered before looking, so that a bell rung in between is not missed.
            let rung = self.bell.notified();
            let free = AT_ONCE.saturating_sub(in_hand.len());
            let mut pause = HEARTBEAT;
            if !stop.is_cancelled() && free > 0 {
                match self.take(free).await {
                    Ok(leases) => {
                        in_hand.extend(leases.into_iter().map(|lease| self.tend(lease, stop)));
                        pause = self.until_due().await.min(HEARTBEAT);
                    }
                    Err(error) => {
                        self.store_failed(&error);
                        pause = STORE_GAP;
                    }
                }
            }
            if stop.is_cancelled() {
                while in_hand.next().await.is_some() {}
                return;
            }
            tokio::select! {
                Some(()) = in_hand.next(), if !in_hand.is_empty() => {}
                () = rung => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Asks every number how it is, until `stop`.
    pub async fn watch(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            self.ask_sessions().await;
            tokio::select! { () = tokio::time::sleep(SESSION_GAP) => {} () = stop.cancelled() => {} }
        }
    }

    /// Asks every number once how it is. A session that went down is one alarm; one that came back wakes
    /// what waited for it.
    pub async fn ask_sessions(&self) {
        for number in &self.numbers {
            match number.gateway.session().await {
                Ok(Session::Working) => self.note_health(number, false, None),
                Ok(Session::Down(detail)) => {
                    let down = GatewayError::SessionDown { detail };
                    self.note_health(number, false, Some(&down));
                }
                Err(error) => self.note_health(number, false, Some(&error)),
            }
        }
    }

    fn note_health(&self, number: &Number, create: bool, failure: Option<&GatewayError>) {
        let up = self.metrics.instances_up.get_or_create(&InstanceLabels { instance: number.name.clone() });
        match failure {
            None => {
                up.set(1);
                if let Some(rest) = self.health.note_success(&number.name, create, self.clock.now()) {
                    info!(gateway.instance = number.name, since = %rest.since, "the number works again");
                    self.bell.notify_one();
                }
            }
            Some(error) => {
                let now = self.clock.now();
                let Some(rest) = self.health.note_failure(&number.name, create, error, now) else { return };
                up.set(i64::from(rest.reason.is_about_groups()));
                match rest.reason {
                    Reason::Throttled => warn!(
                        gateway.instance = number.name, why = rest.words, until = %rest.until,
                        "the provider wants no more groups of this number for now"
                    ),
                    Reason::NoGroups => error!(
                        gateway.instance = number.name,
                        why = rest.words,
                        "the plan of this number makes no groups: people are told one by one"
                    ),
                    Reason::Down => error!(
                        gateway.instance = number.name,
                        why = rest.words,
                        "the number does not work: link its phone again; rooms wait for it"
                    ),
                    Reason::NotAccepted => error!(
                        gateway.instance = number.name,
                        why = rest.words,
                        "the provider does not accept the number: check token, instance and plan"
                    ),
                }
            }
        }
    }

    /// Does everything that is due at this moment, and returns how many rooms were taken. For tests and for
    /// whoever wants to drive the work by hand.
    pub async fn run_until_idle(&self) -> Result<usize, StoreError> {
        let never = CancellationToken::new();
        let mut taken = 0;
        loop {
            let leases = self.take(AT_ONCE).await?;
            if leases.is_empty() {
                return Ok(taken);
            }
            taken += leases.len();
            let mut in_hand: FuturesUnordered<_> =
                leases.into_iter().map(|lease| self.tend(lease, &never)).collect();
            while in_hand.next().await.is_some() {}
        }
    }

    async fn take(&self, limit: usize) -> Result<Vec<Lease>, StoreError> {
        let now = self.clock.now();
        self.store.close_quiet(now).await?;
        self.store.lease_rooms(now, limit, self.policy.lease).await
    }

    async fn until_due(&self) -> Duration {
        match self.store.next_wake().await {
            Ok(Some(at)) => Duration::try_from(at.duration_since(self.clock.now())).unwrap_or(Duration::ZERO),
            Ok(None) | Err(_) => HEARTBEAT,
        }
        // A room that another worker holds can look due for a moment.
        .max(Duration::from_millis(20))
    }

    fn store_failed(&self, error: &StoreError) {
        self.metrics.store_failures.inc();
        error!(error = %error, "the store failed; rooms wait until it answers again");
    }

    async fn tend(&self, mut lease: Lease, stop: &CancellationToken) {
        self.metrics.leased.inc();
        let id = lease.room.incident;
        let result = AssertUnwindSafe(self.steps(&mut lease, stop)).catch_unwind().await;
        self.metrics.leased.dec();
        // A mistake in the program that one room brings to light must not end the work on all others.
        let Ok(result) = result else {
            error!(incident.id = %id, "work on a room broke off; it goes on when the lease has run out");
            return;
        };
        let released = match result {
            Ok(End::Asleep(wake_at)) => self.store.release(&lease, wake_at, self.clock.now()).await,
            Ok(End::Lost) => {
                warn!(incident.id = %lease.room.incident, "another worker has taken the room over");
                Ok(())
            }
            // The lease runs out by itself, and whoever comes next reads what was stored.
            Err(error) => Err(error),
        };
        if let Err(error) = released {
            self.store_failed(&error);
        }
    }

    async fn steps(&self, lease: &mut Lease, stop: &CancellationToken) -> Result<End, StoreError> {
        loop {
            let now = self.clock.now();
            let ground = Ground {
                policy: &self.policy,
                composer: &self.composer,
                capabilities: self.number_of(&lease.room).gateway.capabilities(),
                well_since: self.health.well_since(&self.number_of(&lease.room).name).min(now),
            };
            match next_step(&lease.room, &lease.wanted, ground, now) {
                Next::Rest => return Ok(End::Asleep(None)),
                Next::Sleep(until) => return Ok(End::Asleep(Some(until))),
                Next::Note(event) => {
                    if !self.note(lease, event, now).await? {
                        return Ok(End::Lost);
                    }
                }
                Next::Call(step) => {
                    // A call must end before the lease does, or somebody else could make it a second time.
                    if self.is_too_late(lease, now) || stop.is_cancelled() {
                        return Ok(End::Asleep(Some(now)));
                    }
                    if let Some(end) = self.call(lease, step, ground, now).await? {
                        return Ok(end);
                    }
                }
            }
        }
    }

    /// Whether a call begun now could outlive the lease.
    fn is_too_late(&self, lease: &Lease, now: Timestamp) -> bool {
        later(now, self.policy.call_timeout) >= lease.until
    }

    async fn note(&self, lease: &mut Lease, event: Event, now: Timestamp) -> Result<bool, StoreError> {
        let mut room = lease.room.clone();
        if event == Event::ClockSet {
            warn!(incident.id = %room.incident, "the clock was put back; what the room waits for is due now");
        }
        let finished = match room.take(&event, now) {
            Ok(()) => {
                // A second group may have been made through another number than the room.
                let adopted = |o: &&Orphaned| room.phase.group() == Some(&o.group) && o.instance.is_some();
                if let Some(orphan) = lease.wanted.orphans.iter().find(adopted) {
                    room.instance.clone_from(&orphan.instance);
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

    /// Makes one call. `Some` when the room is left after it.
    async fn call(
        &self,
        lease: &mut Lease,
        step: Step,
        ground: Ground<'_>,
        now: Timestamp,
    ) -> Result<Option<End>, StoreError> {
        let create = matches!(step, Step::Create { .. });
        let mut earliest: Option<Timestamp> = None;
        let mut put_off = |until: Timestamp| earliest = Some(earliest.map_or(until, |e| e.min(until)));
        for number in self.candidates(lease, &step) {
            if let Some(rest) = self.health.resting(&number.name, create, now) {
                put_off(rest.until);
                continue;
            }
            let mut room = lease.room.clone();
            let event = match room.begin(&step, &number.name, &lease.wanted, now) {
                Ok(event) => event,
                Err(illegal) => {
                    error!(incident.id = %room.incident, error = %illegal, "a step does not fit its room");
                    return Ok(Some(End::Asleep(Some(later(now, ODD_GAP)))));
                }
            };
            let intent = Intent {
                room: room.clone(),
                step: step.clone(),
                instance: number.name.clone(),
                event,
                pace: self.pace(number, &step),
            };
            match self.store.begin_step(lease, intent, now).await? {
                Began::LeaseLost => return Ok(Some(End::Lost)),
                Began::Throttled(until) => put_off(until),
                Began::Yes(intent) => {
                    lease.room = room;
                    // The commit may have taken long, and a call must end before the lease does.
                    if self.is_too_late(lease, self.clock.now()) {
                        let detail = "the lease was about to end before the call".to_owned();
                        let answer = Answer::Failed(GatewayError::NotSent { detail });
                        return self.finish(lease, intent, &step, &answer, ground).await;
                    }
                    let answer = perform(number.gateway.as_ref(), &step).await;
                    let failure = if let Answer::Failed(error) = &answer { Some(error) } else { None };
                    self.note_health(number, create, failure);
                    return self.finish(lease, intent, &step, &answer, ground).await;
                }
            }
        }
        self.metrics.throttled.inc();
        let until = earliest.unwrap_or_else(|| later(now, SignedDuration::from_secs(1)));
        info!(
            incident.id = %lease.room.incident, gateway.call = step.name(), until = %until,
            "put off: no number may make this call now"
        );
        if create && later(now, LONG_DELAY) < until {
            // Running out is never silent: people hear of the incident before there is a room.
            let at = until.strftime("%H:%M UTC");
            let why =
                format!("WhatsApp lets this service make only a few groups an hour; yours is made by {at}");
            if let Some(brief) = tell_of_delay(&lease.room, &lease.wanted, ground, &why, now) {
                return Box::pin(self.call(lease, brief, ground, now)).await;
            }
        }
        Ok(Some(End::Asleep(Some(until))))
    }

    async fn finish(
        &self,
        lease: &mut Lease,
        intent: i64,
        step: &Step,
        answer: &Answer,
        ground: Ground<'_>,
    ) -> Result<Option<End>, StoreError> {
        let now = self.clock.now();
        self.count(&lease.room, step, answer);
        let mut room = lease.room.clone();
        let briefed_before = room.is_briefed();
        let made = if let Answer::Created(created) = answer { Some(created.group.clone()) } else { None };
        let effect = match room.finish(step, answer, ground, now) {
            Ok(effect) => effect,
            Err(illegal) => {
                error!(incident.id = %room.incident, error = %illegal, "an outcome does not fit its room");
                return Ok(Some(End::Asleep(Some(later(now, ODD_GAP)))));
            }
        };
        for orphan in &effect.orphans {
            warn!(
                incident.id = %room.incident, group.id = %orphan,
                "a second group carries this incident's id; adopt it or close it"
            );
        }
        let event = effect.event.clone();
        let outcome = StepOutcome { intent, room: room.clone(), note: answer.note(), effect, made };
        // The effect has happened: if the store does not take it now, it has to take it later, or the
        // room would look for what is already known.
        let finished = self.insist(lease, outcome).await?;
        if finished == Finished::Stray {
            self.metrics.strays.inc();
            warn!(
                incident.id = %room.incident, gateway.call = step.name(),
                "an outcome came after the room was taken over; it is filed as a stray"
            );
            return Ok(Some(End::Lost));
        }
        lease.room = room;
        if let Some(event) = event {
            self.moved(&lease.room, &event);
        }
        if !refresh(lease, finished) {
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

    /// Stores an outcome, trying again while the lease holds.
    async fn insist(&self, lease: &Lease, outcome: StepOutcome) -> Result<Finished, StoreError> {
        let mut tries = 0;
        loop {
            match self.store.finish_step(lease, outcome.clone(), self.clock.now()).await {
                Ok(finished) => return Ok(finished),
                Err(error) => {
                    tries += 1;
                    self.store_failed(&error);
                    if tries >= OUTCOME_TRIES || self.clock.now() >= lease.until {
                        return Err(error);
                    }
                    tokio::time::sleep(OUTCOME_GAP * tries).await;
                }
            }
        }
    }

    /// The number a room is made with, or the first one before it is.
    fn number_of(&self, room: &Room) -> &Number {
        room.instance
            .as_ref()
            .and_then(|name| self.numbers.iter().find(|n| n.name == *name))
            .or(self.numbers.first())
            .unwrap_or_else(|| unreachable!("the config refuses to be without a number"))
    }

    /// The numbers a step may go through: any for a new group, the room's own for the rest.
    fn candidates(&self, lease: &Lease, step: &Step) -> Vec<&Number> {
        let room = &lease.room;
        let orphan = step.orphan().and_then(|group| lease.wanted.orphans.iter().find(|o| o.group == *group));
        if let Some(name) = orphan.and_then(|orphan| orphan.instance.as_ref())
            && let Some(number) = self.numbers.iter().find(|n| n.name == *name)
        {
            return vec![number];
        }
        match step {
            // Those that are known to be well first, in the order of the config.
            Step::Create { .. } | Step::Say { what: What::Brief { .. }, .. }
                if room.phase.group().is_none() =>
            {
                let mut numbers: Vec<&Number> = self.numbers.iter().collect();
                numbers.sort_by_key(|n| self.health.unwell(&n.name).is_some());
                numbers
            }
            _ => vec![self.number_of(room)],
        }
    }

    fn pace(&self, number: &Number, step: &Step) -> Pace {
        match step {
            Step::Create { .. } => number.budget.creation(self.policy.call_timeout),
            Step::Say { what, .. } => number.budget.message(what.is_private()),
            _ => Pace::Free,
        }
    }

    fn count(&self, room: &Room, step: &Step, answer: &Answer) {
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
        if *event == Event::ClockSet {
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

/// Takes what is wanted now into the lease; false when the lease is lost.
fn refresh(lease: &mut Lease, finished: Finished) -> bool {
    match finished {
        Finished::Yes { wanted, stirred } => {
            lease.wanted = *wanted;
            lease.stirred = stirred;
            true
        }
        Finished::Stray => false,
    }
}

/// Makes the call that `step` stands for.
async fn perform(gateway: &dyn Gateway, step: &Step) -> Answer {
    let result: Result<Answer, GatewayError> = match step {
        Step::Create { subject, people } => gateway.create_group(subject, people).await.map(Answer::Created),
        Step::Look { token } | Step::Sweep { token } => gateway.find_groups(token).await.map(Answer::Groups),
        Step::Say { chat, text, .. } => gateway.send_text(chat, text).await.map(Answer::Sent),
        Step::LookForMessage { chat, .. } => gateway.recent_own_messages(chat).await.map(Answer::Messages),
        Step::Describe { group, text } => gateway.describe(group, text).await.map(|()| Answer::Done),
        Step::ReadMembers { group, wanted } => gateway.members(group, wanted).await.map(Answer::Members),
        Step::GetLink { group } => gateway.invite_link(group).await.map(Answer::Link),
        Step::CheckReachable { jid, .. } => gateway.is_reachable(jid).await.map(Answer::Reachable),
        Step::LockSettings { group } => gateway.lock_settings(group).await.map(|()| Answer::Done),
        Step::Promote { group, jid, .. } => gateway.promote(group, jid).await.map(|()| Answer::Done),
        Step::RevokeLink { group } => gateway.revoke_link(group).await.map(|()| Answer::Done),
        Step::Rename { group, subject } => gateway.rename(group, subject).await.map(|()| Answer::Done),
        Step::Leave { group } => gateway.leave(group).await.map(|()| Answer::Done),
        Step::LockMessages { group } => gateway.lock_messages(group).await.map(|()| Answer::Done),
        Step::RenameOrphan { group, subject } => gateway.rename(group, subject).await.map(|()| Answer::Done),
        Step::LeaveOrphan { group } => gateway.leave(group).await.map(|()| Answer::Done),
    };
    result.unwrap_or_else(Answer::Failed)
}
