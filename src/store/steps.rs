//! Steps of a room: an intent begins each within the number's pace, and its outcome is written with the next change of
//! the room.

use std::sync::atomic::Ordering;

use super::error::Stored;
use super::journal::{self, Intent};
use super::leases::Lease;
use super::outcomes::{Finished, finish, put_room, write_done};
use super::rooms::{self, WishTaken};
use super::tx::{Tx, values, write};
use super::{Access, Asker, Store, briefs, consents, duplicates, pace, queue, shared_rooms};
use crate::clock::Timestamp;
use crate::incident::IncidentId;
use crate::pacing::Pace;
use crate::room::{Event, Room, Urgency, Wish};

/// What a room is called that is set aside because work on it broke off.
const BROKEN: &str = "work on a room";

/// Whether a step may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Began {
    /// Yes; the id of the journalled intent.
    Yes(i64),
    /// Not before this moment.
    Throttled(Timestamp),
    /// Somebody whom it would reach has said STOP since the room was read.
    Stopped,
    /// Somebody else has the room now.
    LeaseLost,
}

impl Store {
    /// Writes an intent, if the lease still holds and the number's pace allows it.
    pub async fn begin_step(&self, lease: &Lease, intent: Intent, now: Timestamp) -> Stored<Began> {
        let is_creation = matches!(intent.pace, Pace::Creation { .. });
        // In a bad night most of those who ask have to wait, and to note that waits for no disk.
        if is_creation && lease.done.is_empty() && self.is_spent.load(Ordering::Relaxed) {
            let intent = intent.clone();
            let put_off = move |tx: &Tx<'_>, lease: &Lease| objection(tx, lease, &intent, now);
            let lost = Some(Began::LeaseLost);
            if let Some(began) = self.with_lease_behind("put_off", lease, now, lost, put_off).await? {
                return Ok(began);
            }
        }
        let begin = move |tx: &Tx<'_>, lease: &Lease| begin(tx, lease, &intent, now);
        let began = self.with_lease("begin_step", lease, now, Began::LeaseLost, begin).await?;
        if is_creation {
            self.is_spent.store(matches!(began, Began::Throttled(_)), Ordering::Relaxed);
        }
        Ok(began)
    }

    /// Writes [what was done](Lease::done) with the room it led to, as every method with a lease does. If the lease
    /// was lost meanwhile, it is filed as stray instead and a group made by it becomes a duplicate.
    pub async fn finish_steps(&self, lease: &Lease, now: Timestamp) -> Stored<Finished> {
        let finish = move |tx: &Tx<'_>, lease: &Lease| finish(tx, &lease.room, now);
        self.with_lease("finish_steps", lease, now, Finished::Stray, finish).await
    }

    /// Writes a room that has taken in its notices.
    pub async fn put_room(&self, lease: &Lease, room: Room, now: Timestamp) -> Stored<Finished> {
        let finish = move |tx: &Tx<'_>, _: &Lease| finish(tx, &room, now);
        self.with_lease("put_room", lease, now, Finished::Stray, finish).await
    }

    /// Writes a move that needed no call.
    pub async fn note(&self, lease: &Lease, room: Room, event: Event, now: Timestamp) -> Stored<Finished> {
        let note = move |tx: &Tx<'_>, lease: &Lease| note(tx, lease, &room, &event, now);
        self.with_lease("note", lease, now, Finished::Stray, note).await
    }

    /// Drops an operator's wish that cannot be granted from where the room is.
    pub async fn refuse_wish(&self, lease: &Lease, why: &str, now: Timestamp) -> Stored<Finished> {
        let why = why.to_owned();
        let refuse = move |tx: &Tx<'_>, lease: &Lease| {
            journal::line(tx, lease.room.incident, "refused", None, &why, now)?;
            clear_wish(tx, lease)?;
            finish(tx, &lease.room, now)
        };
        self.with_lease("refuse_wish", lease, now, Finished::Stray, refuse).await
    }

    /// Gives the room back, to be woken at `wake_at`, or at once if something came up meanwhile. False if somebody
    /// else has it.
    pub async fn release(&self, lease: &Lease, wake_at: Option<Timestamp>, now: Timestamp) -> Stored<bool> {
        let release = move |tx: &Tx<'_>, lease: &Lease| release(tx, lease, wake_at, now);
        let is_ours = self.with_lease_behind("release", lease, now, false, release).await?;
        if is_ours {
            self.asides.remove(BROKEN, &lease.room.incident.to_string());
        }
        Ok(is_ours)
    }

    /// Gives a room back on which work breaks off, to be tried again at `wake_at`; until it has gone well it is among
    /// what is set aside.
    pub async fn set_aside(&self, lease: &Lease, wake_at: Timestamp, now: Timestamp) -> Stored<bool> {
        let release = move |tx: &Tx<'_>, lease: &Lease| release(tx, lease, Some(wake_at), now);
        let is_ours = self.with_lease("set_aside", lease, now, false, release).await?;
        let why = "work on it broke off, by a mistake in the program: see the log";
        self.asides.add(BROKEN, &lease.room.incident.to_string(), why);
        Ok(is_ours)
    }

    /// Stores what an operator asks of a room.
    pub async fn wish(&self, id: IncidentId, wish: Wish, now: Timestamp) -> Stored<WishTaken> {
        self.write("wish", move |tx| take_wish(tx, id, &wish, now)).await
    }

    /// Writes what was done, and then what `body` says, unless the lease is lost.
    pub(super) fn with_lease<T, F>(
        &self,
        name: &'static str,
        lease: &Lease,
        now: Timestamp,
        lost: T,
        body: F,
    ) -> impl Future<Output = Stored<T>>
    where
        T: Clone + Send + 'static,
        F: FnMut(&Tx<'_>, &Lease) -> Stored<T> + Send + 'static,
    {
        self.in_lease((name, Access::Write), lease, now, lost, body)
    }

    /// The same, of what is simply done again if it is lost. What was done outside never is.
    pub(super) fn with_lease_behind<T, F>(
        &self,
        name: &'static str,
        lease: &Lease,
        now: Timestamp,
        lost: T,
        body: F,
    ) -> impl Future<Output = Stored<T>>
    where
        T: Clone + Send + 'static,
        F: FnMut(&Tx<'_>, &Lease) -> Stored<T> + Send + 'static,
    {
        let access = if lease.done.is_empty() { Access::WriteBehind } else { Access::Write };
        self.in_lease((name, access), lease, now, lost, body)
    }

    fn in_lease<T, F>(
        &self,
        (name, access): (&'static str, Access),
        lease: &Lease,
        now: Timestamp,
        lost: T,
        mut body: F,
    ) -> impl Future<Output = Stored<T>>
    where
        T: Clone + Send + 'static,
        F: FnMut(&Tx<'_>, &Lease) -> Stored<T> + Send + 'static,
    {
        let lease = lease.clone();
        let body = move |tx: &Tx<'_>| {
            if write_done(tx, &lease, now)? { body(tx, &lease) } else { Ok(lost.clone()) }
        };
        self.run(name, access, Asker::Ourselves, body, |_: &mut T| {})
    }
}

/// Why a step cannot begin now.
fn objection(tx: &Tx<'_>, lease: &Lease, intent: &Intent, now: Timestamp) -> Stored<Option<Began>> {
    // Somebody may have said STOP since the room was read.
    if consents::has_stopped(tx, intent.step.kind().people)? {
        return Ok(Some(Began::Stopped));
    }
    let person = briefs::addressee(&intent.step);
    if let Some(person) = person
        && let Err(until) = briefs::may_write(tx, intent, person, now)?
    {
        return Ok(Some(Began::Throttled(until)));
    }
    let throttled = in_pace(tx, lease, intent, now)?.err();
    if let (Some(until), Some(person)) = (throttled, person) {
        briefs::claim(tx, intent, person, until)?;
    }
    Ok(throttled.map(Began::Throttled))
}

fn begin(tx: &Tx<'_>, lease: &Lease, intent: &Intent, now: Timestamp) -> Stored<Began> {
    if let Some(began) = objection(tx, lease, intent, now)? {
        return Ok(began);
    }
    let id = journal::begin(tx, intent, now)?;
    put_room(tx, &intent.room, now)?;
    if let Some(person) = briefs::addressee(&intent.step) {
        briefs::begin(tx, intent, person, now)?;
    }
    Ok(Began::Yes(id))
}

fn in_pace(tx: &Tx<'_>, lease: &Lease, intent: &Intent, now: Timestamp) -> Stored<Result<(), Timestamp>> {
    Ok(match intent.pace {
        Pace::Free => Ok(()),
        Pace::Creation { creation, important, numbers } => {
            let made = queue::creations(tx, &creation, now)?;
            let mut taken = made.clone();
            if !important {
                taken.extend(queue::important_first(tx, now)?);
            }
            match creation.one_more(&taken, important, now) {
                Ok(()) => Ok(()),
                Err(_) => Err(queue::enter(tx, &lease.room, (&creation, important, numbers), &made, now)?),
            }
        }
        Pace::Message { most_per_minute, private } => {
            pace::one_more_message(tx, &intent.instance, (most_per_minute, private), now)?
        }
    })
}

fn note(tx: &Tx<'_>, lease: &Lease, room: &Room, event: &Event, now: Timestamp) -> Stored<Finished> {
    if !shared_rooms::has_place(tx, event)? {
        let Finished::Yes { wanted, changes } = finish(tx, &lease.room, now)? else {
            return Ok(Finished::Stray);
        };
        return Ok(Finished::NotNow { wanted, changes });
    }
    journal::moved(tx, room.incident, event, now)?;
    duplicates::settle(tx, Some(&lease.room), room, Some(event), now)?;
    // After any other move the wish stays, to be granted from the new phase.
    if lease.wanted.wish.as_ref().is_some_and(|wish| wish.event() == *event) {
        clear_wish(tx, lease)?;
    }
    finish(tx, room, now)
}

/// Drops the wish that was granted or refused, unless a newer one has come meanwhile.
fn clear_wish(tx: &Tx<'_>, lease: &Lease) -> Stored<()> {
    if let Some(wish) = &lease.wanted.wish {
        tx.run(
            "UPDATE rooms SET wish = NULL WHERE incident = ?1 AND wish = ?2",
            values![lease.room.incident, write("wish", wish)?],
        )?;
    }
    Ok(())
}

fn release(tx: &Tx<'_>, lease: &Lease, wake_at: Option<Timestamp>, now: Timestamp) -> Stored<bool> {
    let urgency = lease.room.urgency(&lease.wanted);
    tx.run(
        "UPDATE rooms SET lease_token = NULL, lease_until = NULL,
                wake_at = CASE WHEN changes = ?3 THEN CAST(?4 AS BIGINT) ELSE ?5 END, changes_seen = ?3,
                urgency = CASE WHEN changes = ?3 THEN CAST(?6 AS BIGINT) ELSE ?7 END
         WHERE incident = ?1 AND lease_token = ?2",
        values![
            lease.room.incident,
            lease.token,
            lease.changes,
            wake_at,
            now,
            urgency as i64,
            urgency.min(Urgency::News) as i64
        ],
    )?;
    Ok(true)
}

fn take_wish(tx: &Tx<'_>, id: IncidentId, wish: &Wish, now: Timestamp) -> Stored<WishTaken> {
    let Some(room) = rooms::of(tx, id)? else { return Ok(WishTaken::NoSuchRoom) };
    if let Err(illegal) = wish.fits(&room.phase, now) {
        return Ok(WishTaken::No(illegal.to_string()));
    }
    if let Some(why) = duplicates::objection(tx, &room, wish)? {
        return Ok(WishTaken::No(why));
    }
    journal::line(tx, id, "asked", None, &wish.words(), now)?;
    tx.run("UPDATE rooms SET wish = ?2 WHERE incident = ?1", values![id, write("wish", wish)?])?;
    rooms::changed(tx, id, now)?;
    Ok(WishTaken::Yes)
}
