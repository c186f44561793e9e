//! Letters: queued, taken one at a time at a gentle pace, and what came of each.
//!
//! The pace is judged in the transaction that writes the intent, together with what rooms have sent, so it holds
//! across restarts and replicas.

use rusqlite::{Connection, params};

use super::consents;
use super::rows::{Doc, Stored, all, execute, first, legible, millis, moment, write};
use crate::clock::{SignedDuration, Timestamp, later, new_token};
use crate::consent::letter::{Delivery, Tried};
use crate::consent::{Consent, Letter, LetterKind};
use crate::jid::Jid;
use crate::pacing::{MINUTE, one_more};
use crate::room::clock_set::CLOCK_SKEW;
use crate::store::{LetterAsk, LetterTurn, LetterWay, Posted};

/// Letters looked at in one turn.
const AT_ONCE: i64 = 100;
/// A room that wakes within this time comes first.
const ROOMS_FIRST: SignedDuration = SignedDuration::from_secs(5);
/// How long the receipt for a word gives way to rooms: with many of them there is always one.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);
/// When it is looked again whether rooms are done.
const ROOMS_GAP: SignedDuration = SignedDuration::from_secs(3);
/// When a letter is looked at again whose number does not work.
const NO_NUMBER: SignedDuration = SignedDuration::from_secs(30);

/// Letters in the hand of a process that is gone are due at once, to be looked for.
pub(super) fn free_all(db: &Connection) -> Stored<()> {
    execute(
        db,
        "UPDATE letters SET due_at = 0, token = NULL WHERE token IS NOT NULL AND due_at IS NOT NULL",
        [],
    )?;
    Ok(())
}

/// Puts a letter into the queue.
pub(super) fn queue(
    db: &Connection,
    (jid, person): (&Jid, &str),
    kind: LetterKind,
    (text, instance): (String, Option<&str>),
    now: Timestamp,
) -> Stored<()> {
    let mut letter = Letter::new(jid.clone(), person, kind, text, now);
    letter.instance = instance.map(str::to_owned);
    execute(
        db,
        "INSERT INTO letters (jid, kind, made_at, due_at, instance, doc) VALUES (?1, ?2, ?3, ?3, ?4, ?5)",
        params![jid.to_string(), kind.as_str(), millis(now), instance, write("letter", &letter)?],
    )?;
    Ok(())
}

fn put(db: &Connection, id: i64, letter: &Letter, token: Option<&str>) -> Stored<()> {
    execute(
        db,
        "UPDATE letters SET due_at = ?2, token = ?3, instance = ?4, doc = ?5 WHERE id = ?1",
        params![id, letter.due_at().map(millis), token, letter.instance, write("letter", letter)?],
    )?;
    Ok(())
}

/// Whether a letter of this kind is on its way.
pub(super) fn is_waiting(db: &Connection, jid: &Jid, kind: LetterKind) -> Stored<bool> {
    let sql = "SELECT 1 FROM letters WHERE jid = ?1 AND kind = ?2 AND due_at IS NOT NULL";
    Ok(first(db, sql, params![jid.to_string(), kind.as_str()], |_| Ok(()))?.is_some())
}

/// Whether one was queued since `since`, whatever became of it.
pub(super) fn was_made_since(db: &Connection, jid: &Jid, kind: LetterKind, since: Timestamp) -> Stored<bool> {
    let sql = "SELECT 1 FROM letters WHERE jid = ?1 AND kind = ?2 AND made_at > ?3";
    Ok(first(db, sql, params![jid.to_string(), kind.as_str(), millis(since)], |_| Ok(()))?.is_some())
}

pub(super) fn newest(db: &Connection, jid: &Jid, kind: LetterKind) -> Stored<Option<Letter>> {
    let sql = "SELECT doc FROM letters WHERE jid = ?1 AND kind = ?2 ORDER BY id DESC LIMIT 1";
    let doc = first(db, sql, params![jid.to_string(), kind.as_str()], |r| r.get::<_, Doc>(0))?;
    doc.map_or(Ok(None), |doc| legible(db, "letter", jid.masked(), doc))
}

/// The person has decided otherwise: what was not sent yet is not sent.
pub(super) fn drop_unsent(db: &Connection, jid: &Jid, now: Timestamp) -> Stored<()> {
    let waiting = all(
        db,
        "SELECT id, doc FROM letters WHERE jid = ?1 AND due_at IS NOT NULL",
        [jid.to_string()],
        |r| Ok((r.get::<_, i64>(0)?, r.get::<_, Doc>(1)?)),
    )?;
    for (id, doc) in waiting {
        let Some(mut letter) = legible_or_never(db, id, doc)? else { continue };
        if letter.sends == 0 {
            give_up(db, id, &mut letter, "the person has answered meanwhile", now)?;
        }
    }
    Ok(())
}

/// A letter that cannot be read is never due again.
fn legible_or_never(db: &Connection, id: i64, doc: Doc) -> Stored<Option<Letter>> {
    let letter = legible(db, "letter", id, doc)?;
    if letter.is_none() {
        execute(db, "UPDATE letters SET due_at = NULL, token = NULL WHERE id = ?1", [id])?;
    }
    Ok(letter)
}

fn give_up(db: &Connection, id: i64, letter: &mut Letter, why: &str, now: Timestamp) -> Stored<()> {
    letter.delivery = Delivery::GivenUp { why: why.to_owned(), at: now };
    put(db, id, letter, None)
}

/// When letters were handed over through a number, for its pace.
pub(super) fn handed_over(
    db: &Connection,
    instance: &str,
    since: Timestamp,
    now: Timestamp,
) -> Stored<Vec<Timestamp>> {
    // What was begun by a clock that was ahead was begun by now at the latest. Written down, because read as now
    // each time it would keep everything else waiting until the clock is there again.
    execute(
        db,
        "UPDATE letters SET paced_at = ?2 WHERE instance = ?1 AND paced_at > ?3",
        params![instance, millis(now), millis(later(now, CLOCK_SKEW))],
    )?;
    let moments = all(
        db,
        "SELECT paced_at FROM letters WHERE instance = ?1 AND paced_at > ?2",
        params![instance, millis(since)],
        |r| r.get::<_, i64>(0),
    )?;
    Ok(moments.into_iter().map(|at| moment(at).min(now)).collect())
}

/// Takes the next letter for which there is something to do now, and writes down that it is being done.
pub(super) fn begin(db: &Connection, ask: &LetterAsk, now: Timestamp) -> Stored<LetterTurn> {
    // A moment far ahead was written by a clock that was put back since.
    execute(
        db,
        "UPDATE letters SET due_at = ?1 WHERE due_at > ?2",
        [millis(now), millis(later(now, SignedDuration::from_hours(48)))],
    )?;
    let due = all(
        db,
        "SELECT id, made_at, doc FROM letters WHERE due_at <= ?1
         ORDER BY kind = 'introduction', due_at, id LIMIT ?2",
        params![millis(now), AT_ONCE],
        |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, Doc>(2)?)),
    )?;
    let mut soonest: Option<Timestamp> = None;
    let mut wait = |until: Timestamp| soonest = Some(soonest.map_or(until, |at: Timestamp| at.min(until)));
    for (id, made_at, doc) in due {
        let Some(mut letter) = legible_or_never(db, id, doc)? else { continue };
        let looks = letter.is_to_be_looked_for();
        if !looks && let Some(why) = is_pointless(&letter, &consents::of(db, &letter.to)?) {
            give_up(db, id, &mut letter, why, now)?;
            continue;
        }
        let mut taken = None;
        for way in ask.ways.iter().filter(|way| fits(&letter, way, ask)) {
            match if looks { Ok(()) } else { may_send(db, &letter, way, moment(made_at), now)? } {
                Ok(()) => {
                    taken = Some(way);
                    break;
                }
                Err(until) => wait(until),
            }
        }
        let Some(way) = taken else {
            wait(later(now, NO_NUMBER));
            continue;
        };
        if letter.text.is_empty() {
            letter.text = match letter.kind {
                LetterKind::Stopped => ask.stopped.to(&letter.to).to_owned(),
                LetterKind::Question => ask.question.to(&letter.to).to_owned(),
                LetterKind::Started | LetterKind::Introduction => ask.started.to(&letter.to).to_owned(),
            };
        }
        letter.begin(&way.name, ask.until, now);
        let token = new_token();
        put(db, id, &letter, Some(&token))?;
        if !looks {
            execute(db, "UPDATE letters SET paced_at = ?2 WHERE id = ?1", params![id, millis(now)])?;
        }
        let chat = consents::address(db, &letter.to)?;
        return Ok(LetterTurn::Go(Box::new(Posted { id, token, looks, letter, chat })));
    }
    let later_ones = first(db, "SELECT min(due_at) FROM letters WHERE due_at > ?1", [millis(now)], |r| {
        r.get::<_, Option<i64>>(0)
    })?;
    if let Some(at) = later_ones.flatten() {
        wait(moment(at));
    }
    Ok(LetterTurn::Wait(soonest))
}

/// Why nobody would want this letter any more.
fn is_pointless(letter: &Letter, consent: &Consent) -> Option<&'static str> {
    let stopped = consent.stopped().is_some();
    match letter.kind {
        LetterKind::Introduction | LetterKind::Started | LetterKind::Question if stopped => {
            Some("the person said STOP")
        }
        LetterKind::Introduction if consent.is_acquainted() => Some("the person has written meanwhile"),
        LetterKind::Stopped if !stopped => Some("the person said START"),
        LetterKind::Introduction | LetterKind::Started | LetterKind::Stopped | LetterKind::Question => None,
    }
}

/// Whether a letter can go this way: back where it began, or where the person wrote to, unless that number is
/// not ours any more. Nobody is asked by a number that would not hear the answer.
fn fits(letter: &Letter, way: &LetterWay, ask: &LetterAsk) -> bool {
    if letter.kind == LetterKind::Introduction && !letter.is_to_be_looked_for() && !way.hears {
        return false;
    }
    match &letter.instance {
        Some(own) if letter.sends > 0 || ask.known.contains(own) => *own == way.name,
        Some(_) | None => true,
    }
}

fn may_send(
    db: &Connection,
    letter: &Letter,
    way: &LetterWay,
    made_at: Timestamp,
    now: Timestamp,
) -> Stored<Result<(), Timestamp>> {
    let has_waited = !(later(now, -PATIENCE)..=now).contains(&made_at);
    let gives_way = letter.kind == LetterKind::Introduction || !has_waited;
    if gives_way && is_busy(db, &way.name, now)? {
        return Ok(Err(later(now, ROOMS_GAP)));
    }
    let budget = &way.budget;
    let said = |window: SignedDuration, private: bool| -> Stored<Vec<Timestamp>> {
        let mut moments: Vec<Timestamp> = all(
            db,
            "SELECT paced_at FROM journal
             WHERE kind = 'intent' AND instance = ?1 AND step = 'say' AND paced_at > ?2
               AND spent = 1 AND private >= ?3",
            params![way.name, millis(later(now, -window)), private],
            |r| r.get::<_, i64>(0),
        )?
        .into_iter()
        .map(|at| moment(at).min(now))
        .collect();
        moments.extend(handed_over(db, &way.name, later(now, -window), now)?);
        Ok(moments)
    };
    let mut checks = vec![
        one_more(&said(MINUTE, false)?, budget.messages_per_minute, MINUTE, now),
        one_more(&said(MINUTE, true)?, budget.private_per_minute(), MINUTE, now),
        one_more(&said(budget.one_to_one_gap, true)?, 1, budget.one_to_one_gap, now),
    ];
    if letter.kind == LetterKind::Introduction {
        let gap = budget.introduce_gap;
        let introduced = all(
            db,
            "SELECT paced_at FROM letters WHERE instance = ?1 AND kind = 'introduction' AND paced_at > ?2",
            params![way.name, millis(later(now, -gap))],
            |r| r.get::<_, i64>(0),
        )?;
        let moments: Vec<Timestamp> = introduced.into_iter().map(|at| moment(at).min(now)).collect();
        checks.push(one_more(&moments, 1, gap, now));
    }
    let until = checks.into_iter().filter_map(Result::err).max();
    Ok(until.map_or(Ok(()), Err))
}

/// Whether a room of this number, or one that may become its, has something to do now or in a moment.
fn is_busy(db: &Connection, instance: &str, now: Timestamp) -> Stored<bool> {
    let busy = first(
        db,
        "SELECT 1 FROM rooms
         WHERE (wake_at <= ?1 OR (lease_until > ?2 AND lease_until < ?3))
           AND coalesce(instance, ?4) = ?4 LIMIT 1",
        params![
            millis(later(now, ROOMS_FIRST)),
            millis(now),
            // Nobody holds a room that long: a clock was put back.
            millis(later(now, CLOCK_SKEW)) + 3_600_000,
            instance
        ],
        |_| Ok(()),
    )?;
    Ok(busy.is_some())
}

/// Writes down what came of a try, unless somebody else has the letter by now.
pub(super) fn finish(
    db: &Connection,
    posted: &Posted,
    tried: &Tried,
    now: Timestamp,
) -> Stored<Option<Letter>> {
    let doc = first(
        db,
        "SELECT doc FROM letters WHERE id = ?1 AND token = ?2",
        params![posted.id, posted.token],
        |r| r.get::<_, Doc>(0),
    )?;
    let Some(doc) = doc else { return Ok(None) };
    let Some(mut letter) = legible_or_never(db, posted.id, doc)? else { return Ok(None) };
    if posted.chat != letter.to && !posted.chat.is_hidden() {
        consents::put_alias(db, &letter.to, &letter.person, &posted.chat, now)?;
    }
    let sends = letter.sends;
    let handed_over = letter.finish(tried, now);
    put(db, posted.id, &letter, None)?;
    if letter.sends < sends && letter.kind != LetterKind::Introduction {
        // It certainly did nothing, so the pace does not count it. An introduction keeps its place: a provider
        // that fails or asks for patience must not be handed the whole queue at once.
        execute(db, "UPDATE letters SET paced_at = NULL WHERE id = ?1", [posted.id])?;
    }
    // Who may have got one, because the chat cannot be read, is not written to again unasked.
    let may_be_there = matches!(tried, Tried::Looked(Err(_))) && letter.due_at().is_none();
    let asked = handed_over.or_else(|| may_be_there.then(String::new));
    if let Some(message_id) = asked
        && letter.kind == LetterKind::Introduction
    {
        let mut consent = consents::of(db, &letter.to)?;
        consent.asked_at = Some(now);
        consent.asked_by.clone_from(&letter.instance);
        consent.message_id = Some(message_id).filter(|id| !id.is_empty());
        consents::put(db, &letter.to, (&letter.person, None), &consent)?;
    }
    Ok(Some(letter))
}
