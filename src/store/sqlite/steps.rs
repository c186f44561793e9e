//! Leases, intents and outcomes.

use rusqlite::{Connection, named_params, params};

use super::orphans;
use super::rows::{self, Doc, Stored, all, execute, first, millis, moment, write};
use super::{briefs, consents, hosts, letters, queue};
use crate::clock::{SignedDuration, Timestamp, later, new_token};
use crate::incident::{Incident, IncidentId, Rules, State, pass_time};
use crate::pacing::{MINUTE, Pace, Private, one_more};
use crate::room::clock_set::CLOCK_SKEW;
use crate::room::{Event, Inputs, Note, Room, Urgency, Wish};
use crate::store::{Alias, Began, Finished, Intent, Lease, Slots, StepOutcome, StoreError, WishTaken};

/// When something that cannot be read is tried again: another version of the program may be able to.
const AGAIN: SignedDuration = SignedDuration::from_mins(10);
/// What a room is called that is set aside because work on it broke off.
const BROKEN: &str = "work on a room";

/// Missing alerts of an incident that are read at once.
const MISSING_AT_ONCE: usize = 1000;
/// Between two looks at them.
const SOON: SignedDuration = SignedDuration::from_secs(1);

/// Frees what was leased by a process that is gone.
pub(super) fn free_all(db: &Connection) -> Stored<()> {
    execute(db, "UPDATE rooms SET lease_token = NULL, lease_until = NULL WHERE lease_until IS NOT NULL", [])?;
    // What the dead process meant to look at later is looked at now: its people have waited for the restart.
    execute(
        db,
        "UPDATE rooms SET wake_at = 0 WHERE urgency <= ?1 AND wake_at IS NOT NULL",
        [Urgency::Unbriefed as i64],
    )?;
    Ok(())
}

pub(super) fn lease_rooms(
    db: &Connection,
    now: Timestamp,
    slots: Slots,
    lease_for: SignedDuration,
) -> Stored<Vec<Lease>> {
    let free_at = (millis(now), millis(later(later(now, lease_for), CLOCK_SKEW)));
    let (mut due, mut can_wait): (Vec<i64>, usize) = (Vec::new(), slots.that_can_wait);
    for urgency in Urgency::ALL {
        let left = slots.rooms.saturating_sub(due.len());
        let limit = if urgency.can_wait() { left.min(can_wait) } else { left };
        let found = due_rooms(db, urgency, limit, free_at)?;
        can_wait -= if urgency.can_wait() { found.len() } else { 0 };
        due.extend(found);
    }
    if due.is_empty() {
        let limit = slots.rooms.min(slots.that_can_wait);
        due = rooms_of_the_future(db, limit, millis(later(now, CLOCK_SKEW)), free_at)?;
    }
    let until = later(now, lease_for);
    let mut leases = Vec::new();
    for number in due {
        match readable(db, IncidentId(number)) {
            Ok((room, wanted, stirred)) => {
                rows::has_read(db, &wanted)?;
                let token = take_over(db, number, until, now)?;
                leases.push(Lease { room, wanted, token, until, stirred, done: Vec::new() });
            }
            // One room that cannot be read must not keep all others waiting.
            Err(error @ StoreError::Corrupt { .. }) => {
                rows::set_aside(db, "room", &IncidentId(number).to_string(), &error.to_string())?;
                execute(
                    db,
                    "UPDATE rooms SET wake_at = ?2 WHERE incident = ?1",
                    params![number, millis(later(now, AGAIN))],
                )?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(leases)
}

/// Leases a room that was written in this transaction.
pub(super) fn lease_new(db: &Connection, room: Room, until: Timestamp) -> Stored<Lease> {
    let (wanted, stirred) = rows::wanted(db, &room)?;
    rows::has_read(db, &wanted)?;
    let token = new_token();
    execute(
        db,
        "UPDATE rooms SET lease_token = ?2, lease_until = ?3 WHERE incident = ?1",
        params![room.incident.0, token, millis(until)],
    )?;
    Ok(Lease { room, wanted, token, until, stirred, done: Vec::new() })
}

/// Rooms of this urgency that are due and free, those first that have waited longest. A lease that ends later than
/// `skewed` was taken by a clock that was ahead.
fn due_rooms(db: &Connection, urgency: Urgency, limit: usize, (now, skewed): (i64, i64)) -> Stored<Vec<i64>> {
    all(
        db,
        "SELECT incident FROM rooms
         WHERE urgency = ?1 AND wake_at <= ?2 AND (lease_until IS NULL OR lease_until <= ?2 OR lease_until > ?3)
         ORDER BY wake_at, incident LIMIT ?4",
        params![urgency as i64, now, skewed, i64::try_from(limit).unwrap_or(i64::MAX)],
        |r| r.get(0),
    )
}

/// Rooms that were written down by a clock that was ahead.
fn rooms_of_the_future(
    db: &Connection,
    limit: usize,
    ahead: i64,
    (now, skewed): (i64, i64),
) -> Stored<Vec<i64>> {
    all(
        db,
        "SELECT incident FROM rooms
         WHERE wake_at IS NOT NULL AND touched_at > ?1
           AND (lease_until IS NULL OR lease_until <= ?2 OR lease_until > ?3)
         ORDER BY wake_at, incident LIMIT ?4",
        params![ahead, now, skewed, i64::try_from(limit).unwrap_or(i64::MAX)],
        |r| r.get(0),
    )
}

fn readable(db: &Connection, id: IncidentId) -> Stored<(Room, Inputs, i64)> {
    let missing = || StoreError::Corrupt { what: "room", why: "it is not there".to_owned() };
    let mut room = rows::room(db, id)?.ok_or_else(missing)?;
    let (wanted, stirred) = rows::wanted(db, &room)?;
    // Another number may look after the host's group by now.
    if let (Some(_), Some(host)) = (room.guest_of, &wanted.host) {
        room.instance = Some(host.instance.clone());
    }
    Ok((room, wanted, stirred))
}

/// Gives the room to whoever asks now; returns the token that proves it.
fn take_over(db: &Connection, number: i64, until: Timestamp, now: Timestamp) -> Stored<String> {
    let token = new_token();
    execute(
        db,
        "UPDATE rooms SET lease_token = ?2, lease_until = ?3 WHERE incident = ?1",
        params![number, token, millis(until)],
    )?;
    // Whoever held the room before is gone: its intents without an outcome will hardly get one.
    execute(
        db,
        "UPDATE journal SET note = ?2, ended_at = ?3
         WHERE incident = ?1 AND kind = 'intent' AND ended_at IS NULL",
        params![number, write("note", &Note::Abandoned)?, millis(now)],
    )?;
    Ok(token)
}

pub(super) fn holds(db: &Connection, lease: &Lease) -> Stored<bool> {
    let token =
        first(db, "SELECT lease_token FROM rooms WHERE incident = ?1", [lease.room.incident.0], |r| {
            r.get::<_, Option<String>>(0)
        })?;
    Ok(token.flatten().as_deref() == Some(lease.token.as_str()))
}

pub(super) fn put_room(db: &Connection, room: &Room, now: Timestamp) -> Stored<()> {
    let before = hosts::before(db, room.incident)?;
    execute(
        db,
        "UPDATE rooms SET phase = ?2, hosting = ?3, guest_of = ?4, group_id = ?5, touched_at = ?6, instance = ?7,
                news_told = ?8
         WHERE incident = ?1",
        params![
            room.incident.0,
            room.phase.name().as_str(),
            hosts::code(room.hosting()),
            hosts::counted_guest(room),
            room.phase.group().map(crate::jid::GroupId::as_str),
            room.touched_at.map(millis),
            room.instance,
            room.news_told()
        ],
    )?;
    let doc = write("room", room)?;
    execute(db, "UPDATE room_docs SET doc = ?2 WHERE incident = ?1", params![room.incident.0, doc])?;
    hosts::tell(db, room, before, now)
}

fn journal_event(db: &Connection, id: IncidentId, event: &Event, now: Timestamp) -> Stored<()> {
    execute(
        db,
        "INSERT INTO journal (incident, at, kind, event, spent) VALUES (?1, ?2, 'event', ?3, 0)",
        params![id.0, millis(now), write("event", event)?],
    )?;
    Ok(())
}

pub(super) fn begin_step(db: &Connection, lease: &Lease, intent: &Intent, now: Timestamp) -> Stored<Began> {
    if !write_done(db, lease, now)? {
        return Ok(Began::LeaseLost);
    }
    // The last line: whoever said STOP since the room was read is not reached by anything begun now.
    if consents::has_stopped(db, intent.step.kind().people)? {
        return Ok(Began::Stopped);
    }
    let person = briefs::addressee(&intent.step);
    if let Some(person) = person
        && let Err(until) = briefs::may_write(db, intent, person, now)?
    {
        return Ok(Began::Throttled(until));
    }
    if let Err(until) = in_pace(db, lease, intent, now)? {
        if let Some(person) = person {
            briefs::claim(db, intent, person, until, now)?;
        }
        return Ok(Began::Throttled(until));
    }
    let event = intent.event.as_ref().map(|e| write("event", e)).transpose()?;
    let number = match intent.pace {
        Pace::Creation { creation, .. } => Some(creation.number.to_string()),
        Pace::Free | Pace::Message { .. } => None,
    };
    execute(
        db,
        "INSERT INTO journal
         (incident, at, kind, step, key, instance, number, private, important, event, paced_at)
         VALUES (:incident, :at, 'intent', :step, :key, :instance, :number, :private, :important, :event, :at)",
        named_params! {
            ":incident": intent.room.incident.0,
            ":at": millis(now),
            ":step": intent.step.name(),
            ":key": intent.step.key(),
            ":instance": intent.instance,
            ":number": number,
            ":private": intent.step.private().is_some(),
            ":important": intent.room.summons.important,
            ":event": event,
        },
    )?;
    let id = db.last_insert_rowid();
    put_room(db, &intent.room, now)?;
    if let Some(person) = person {
        briefs::carry(db, intent, person, now)?;
    }
    Ok(Began::Yes(id))
}

fn in_pace(db: &Connection, lease: &Lease, intent: &Intent, now: Timestamp) -> Stored<Result<(), Timestamp>> {
    // What was begun by a clock that was ahead was begun by now at the latest.
    execute(
        db,
        "UPDATE journal SET paced_at = ?3
         WHERE kind = 'intent' AND instance = ?1 AND step = ?2 AND paced_at > ?4",
        params![intent.instance, intent.step.name(), millis(now), millis(later(now, CLOCK_SKEW))],
    )?;
    let since = |step: &str, window: SignedDuration, private: bool| {
        all(
            db,
            "SELECT paced_at FROM journal
             WHERE kind = 'intent' AND instance = ?1 AND step = ?2 AND paced_at > ?3
               AND spent = 1 AND private >= ?4",
            params![intent.instance, step, millis(later(now, -window)), private],
            |r| r.get::<_, i64>(0),
        )
        .map(|moments| moments.into_iter().map(moment).collect::<Vec<_>>())
    };
    // Letters are messages too, and all of them are private.
    let said = |window: SignedDuration, private: bool| -> Stored<Vec<Timestamp>> {
        let mut moments = since("say", window, private)?;
        moments.extend(letters::handed_over(db, &intent.instance, later(now, -window), now)?);
        Ok(moments)
    };
    Ok(match intent.pace {
        Pace::Free => Ok(()),
        Pace::Creation { creation, important, numbers } => {
            let made = queue::creations(db, &creation, now)?;
            let mut taken = made.clone();
            if !important {
                taken.extend(queue::important_first(db, now)?);
            }
            match creation.one_more(&taken, important, now) {
                Ok(()) => Ok(()),
                Err(_) => Err(queue::enter(db, &lease.room, (&creation, important, numbers), &made, now)?),
            }
        }
        Pace::Message { most_per_minute, private } => {
            let mut checks = vec![one_more(&said(MINUTE, false)?, most_per_minute, MINUTE, now)];
            if let Some(Private { most_per_minute, gap }) = private {
                checks.push(one_more(&said(MINUTE, true)?, most_per_minute, MINUTE, now));
                checks.push(one_more(&said(gap, true)?, 1, gap, now));
            }
            checks.into_iter().filter_map(Result::err).max().map_or(Ok(()), Err)
        }
    })
}

pub(super) fn finish_steps(db: &Connection, lease: &Lease, now: Timestamp) -> Stored<Finished> {
    if write_done(db, lease, now)? { finish(db, &lease.room, now) } else { Ok(Finished::Stray) }
}

pub(super) fn stirred(db: &Connection, id: IncidentId) -> Stored<i64> {
    let stirred = first(db, "SELECT stirred FROM rooms WHERE incident = ?1", [id.0], |r| r.get(0))?;
    stirred.ok_or_else(|| StoreError::Corrupt { what: "room", why: "it is not there".to_owned() })
}

/// Writes what was done and is not written yet. False if somebody else holds the room.
pub(super) fn write_done(db: &Connection, lease: &Lease, now: Timestamp) -> Stored<bool> {
    let holds = holds(db, lease)?;
    for outcome in &lease.done {
        match outcome.intent {
            Some(intent) if holds && !is_open(db, intent)? => continue,
            None if outcome.is_tried && is_written(db, lease.room.incident, outcome)? => continue,
            Some(intent) => end_intent(db, intent, outcome)?,
            None => add_call(db, lease.room.incident, outcome)?,
        }
        if holds {
            take_effect(db, lease, outcome, now)?;
        } else {
            stray(db, lease.room.incident, outcome, now)?;
        }
    }
    if holds && !lease.done.is_empty() {
        write_room(db, &lease.room, now)?;
    }
    Ok(holds)
}

/// While the lease holds nobody else ends the intent: an outcome whose commit was answered with an error is here
/// already, and is not written a second time.
fn is_open(db: &Connection, intent: i64) -> Stored<bool> {
    let open = first(db, "SELECT 1 FROM journal WHERE id = ?1 AND ended_at IS NULL", [intent], |_| Ok(()))?;
    Ok(open.is_some())
}

/// The same for a call without an intent.
fn is_written(db: &Connection, id: IncidentId, outcome: &StepOutcome) -> Stored<bool> {
    let written = first(
        db,
        "SELECT 1 FROM journal WHERE incident = ?1 AND at = ?2 AND ended_at = ?3 AND key = ?4 AND kind = 'intent'",
        params![id.0, millis(outcome.begun_at), millis(outcome.ended_at), outcome.step.key()],
        |_| Ok(()),
    )?;
    Ok(written.is_some())
}

fn end_intent(db: &Connection, intent: i64, outcome: &StepOutcome) -> Stored<()> {
    execute(
        db,
        "UPDATE journal SET note = ?2, ended_at = ?3, spent = ?4 WHERE id = ?1",
        params![intent, write("note", &outcome.note)?, millis(outcome.ended_at), !outcome.effect.unspent],
    )?;
    Ok(())
}

fn add_call(db: &Connection, id: IncidentId, outcome: &StepOutcome) -> Stored<()> {
    execute(
        db,
        "INSERT INTO journal (incident, at, kind, step, key, instance, note, ended_at, spent)
         VALUES (?1, ?2, 'intent', ?3, ?4, ?5, ?6, ?7, 0)",
        params![
            id.0,
            millis(outcome.begun_at),
            outcome.step.name(),
            outcome.step.key(),
            outcome.instance,
            write("note", &outcome.note)?,
            millis(outcome.ended_at)
        ],
    )?;
    Ok(())
}

fn take_effect(db: &Connection, lease: &Lease, outcome: &StepOutcome, now: Timestamp) -> Stored<()> {
    let id = lease.room.incident;
    if let Some(event) = &outcome.effect.event {
        journal_event(db, id, event, outcome.ended_at)?;
    }
    for Alias { person, jid, alias } in &outcome.aliases {
        consents::put_alias(db, jid, person, alias, now)?;
    }
    for group in &outcome.effect.orphans {
        orphans::put(db, id, group, Some(&outcome.instance), "carries the id of this incident", now)?;
    }
    if let Some(end) = &outcome.effect.left {
        orphans::end(db, end, now)?;
    }
    Ok(())
}

/// The room is somebody else's by now: what came back is kept beside it, never dropped.
fn stray(db: &Connection, id: IncidentId, outcome: &StepOutcome, now: Timestamp) -> Stored<()> {
    execute(
        db,
        "INSERT INTO journal (incident, at, kind, key, note, spent) VALUES (?1, ?2, 'stray', ?3, ?4, 0)",
        params![id.0, millis(now), outcome.step.key(), write("note", &outcome.note)?],
    )?;
    if let Some(group) = &outcome.made {
        let room = rows::legible_room(db, id)?;
        if room.as_ref().and_then(|r| r.phase.group()) != Some(group) {
            let how = "was made after another worker had taken over";
            orphans::put(db, id, group, Some(&outcome.instance), how, now)?;
        }
        rows::stir(db, id, now)?;
    }
    Ok(())
}

/// Writes the room. A group once filed as an orphan can turn out to be the room.
fn write_room(db: &Connection, room: &Room, now: Timestamp) -> Stored<()> {
    put_room(db, room, now)?;
    briefs::settle(db, room, now)?;
    orphans::settle(db, None, room, None, now)
}

/// Writes the room and reads what is wanted of it now.
pub(super) fn finish(db: &Connection, room: &Room, now: Timestamp) -> Stored<Finished> {
    write_room(db, room, now)?;
    let (wanted, stirred) = rows::wanted(db, room)?;
    rows::has_read(db, &wanted)?;
    Ok(Finished::Yes { wanted: Box::new(wanted), stirred })
}

pub(super) fn note(
    db: &Connection,
    lease: &Lease,
    room: &Room,
    event: &Event,
    now: Timestamp,
) -> Stored<Finished> {
    if !write_done(db, lease, now)? {
        return Ok(Finished::Stray);
    }
    if !hosts::has_place(db, event)? {
        let Finished::Yes { wanted, stirred } = finish(db, &lease.room, now)? else {
            return Ok(Finished::Stray);
        };
        return Ok(Finished::NotNow { wanted, stirred });
    }
    journal_event(db, room.incident, event, now)?;
    orphans::settle(db, Some(&lease.room), room, Some(event), now)?;
    // Any other move leaves the wish standing, so that it is granted from where the room goes.
    if lease.wanted.wish.as_ref().is_some_and(|wish| wish.event() == *event) {
        clear_wish(db, lease)?;
    }
    finish(db, room, now)
}

pub(super) fn refuse_wish(db: &Connection, lease: &Lease, why: &str, now: Timestamp) -> Stored<Finished> {
    if !write_done(db, lease, now)? {
        return Ok(Finished::Stray);
    }
    execute(
        db,
        "INSERT INTO journal (incident, at, kind, note, spent) VALUES (?1, ?2, 'refused', ?3, 0)",
        params![lease.room.incident.0, millis(now), write("reason", &why)?],
    )?;
    clear_wish(db, lease)?;
    finish(db, &lease.room, now)
}

/// The wish that was granted or refused is gone, unless a newer one has come meanwhile.
fn clear_wish(db: &Connection, lease: &Lease) -> Stored<()> {
    if let Some(wish) = &lease.wanted.wish {
        execute(
            db,
            "UPDATE rooms SET wish = NULL WHERE incident = ?1 AND wish = ?2",
            params![lease.room.incident.0, write("wish", wish)?],
        )?;
    }
    Ok(())
}

pub(super) fn release(
    db: &Connection,
    lease: &Lease,
    wake_at: Option<Timestamp>,
    now: Timestamp,
) -> Stored<bool> {
    if !write_done(db, lease, now)? {
        return Ok(false);
    }
    execute(
        db,
        "UPDATE rooms SET lease_token = NULL, lease_until = NULL,
                wake_at = CASE WHEN stirred = ?3 THEN ?4 ELSE ?5 END, seen = ?3,
                urgency = CASE WHEN stirred = ?3 THEN ?6 ELSE min(?6, ?7) END
         WHERE incident = ?1 AND lease_token = ?2",
        params![
            lease.room.incident.0,
            lease.token,
            lease.stirred,
            wake_at.map(millis),
            millis(now),
            lease.room.urgency(&lease.wanted) as i64,
            Urgency::News as i64
        ],
    )?;
    let sql = "DELETE FROM temp.aside WHERE what = ?1 AND whose = ?2";
    execute(db, sql, [BROKEN, &lease.room.incident.to_string()])?;
    Ok(true)
}

/// Gives a room back on which work broke off. It is not among what is set aside any more once it has slept well.
pub(super) fn set_aside(db: &Connection, lease: &Lease, wake_at: Timestamp, now: Timestamp) -> Stored<bool> {
    let is_ours = release(db, lease, Some(wake_at), now)?;
    let why = "work on it broke off, by a mistake in the program: see the log";
    rows::set_aside(db, BROKEN, &lease.room.incident.to_string(), why)?;
    Ok(is_ours)
}

pub(super) fn close_quiet(db: &Connection, rules: Rules, now: Timestamp) -> Stored<usize> {
    let docs = all(
        db,
        "SELECT number, doc FROM incidents WHERE look_at <= ?1 OR resolved_at > ?2",
        [millis(now), millis(later(now, CLOCK_SKEW))],
        |r| Ok((IncidentId(r.get(0)?), r.get::<_, Doc>(1)?)),
    )?;
    let mut closed = 0;
    for (id, doc) in docs {
        let Some(incident) = rows::legible_incident(db, id, doc)? else {
            continue;
        };
        if let Some(sooner) = incident.clock_was_set(now) {
            rows::change_incident(db, &incident, &sooner)?;
            rows::stir(db, sooner.id, now)?;
        } else if let Some(over) = incident.close_if_quiet(now) {
            rows::change_incident(db, &incident, &over)?;
            rows::stir(db, over.id, now)?;
            closed += 1;
        } else if incident.look_at.is_some_and(|at| at <= now) {
            be_silent(db, &incident, rules, now)?;
        }
    }
    Ok(closed)
}

/// Nothing was heard of an open incident for a while.
fn be_silent(db: &Connection, incident: &Incident, rules: Rules, now: Timestamp) -> Stored<()> {
    let missing = rows::missing_alerts(db, incident.id, now, MISSING_AT_ONCE)?;
    let are_more = missing.len() == MISSING_AT_ONCE;
    let mut passed = pass_time(incident, &missing.into_iter().collect(), rules, now);
    // What went missing one by one in a flood is not looked at one by one.
    let soonest = later(now, SOON);
    let look_at = passed.incident.look_at.map(|at| at.max(soonest));
    passed.incident.look_at = if are_more { Some(soonest) } else { look_at };
    rows::change_incident(db, incident, &passed.incident)?;
    for (id, alert) in &passed.alerts {
        rows::put_alert(db, incident.id, id, alert, false)?;
    }
    if let Some(news) = &passed.news {
        let is_new = rows::add_news(db, incident.id, None, news, now)?;
        if passed.incident.state != State::Open {
            queue::leave(db, incident.id, now)?;
        }
        if is_new {
            rows::stir(db, incident.id, now)?;
        }
    }
    Ok(())
}

pub(super) fn next_wake(db: &Connection) -> Stored<Option<Timestamp>> {
    let soonest = |sql| Ok(first(db, sql, [], |r| r.get::<_, Option<i64>>(0))?.flatten());
    // Each by its own index: thousands of rooms can wait, and this is asked after every step.
    let free = Urgency::ALL.into_iter().map(|urgency| {
        let sql =
            "SELECT wake_at FROM rooms WHERE urgency = ?1 AND wake_at IS NOT NULL AND lease_until IS NULL
                   ORDER BY wake_at LIMIT 1";
        first(db, sql, [urgency as i64], |r| r.get::<_, i64>(0))
    });
    let free = free.collect::<Stored<Vec<_>>>()?.into_iter().flatten().min();
    let leased = soonest(
        "SELECT min(max(wake_at, lease_until)) FROM rooms WHERE lease_until IS NOT NULL AND wake_at IS NOT NULL",
    )?;
    let quiet = soonest("SELECT min(look_at) FROM incidents WHERE look_at IS NOT NULL")?;
    Ok([free, leased, quiet].into_iter().flatten().min().map(moment))
}

pub(super) fn wish(db: &Connection, id: IncidentId, wish: &Wish, now: Timestamp) -> Stored<WishTaken> {
    let Some(room) = rows::room(db, id)? else { return Ok(WishTaken::NoSuchRoom) };
    if let Err(illegal) = wish.fits(&room.phase, now) {
        return Ok(WishTaken::No(illegal.to_string()));
    }
    if let Some(why) = orphans::objection(db, &room, wish)? {
        return Ok(WishTaken::No(why));
    }
    orphans::asked(db, id, &wish.words(), now)?;
    execute(db, "UPDATE rooms SET wish = ?2 WHERE incident = ?1", params![id.0, write("wish", wish)?])?;
    rows::stir(db, id, now)?;
    Ok(WishTaken::Yes)
}
