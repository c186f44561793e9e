//! Sending letters: one is taken at a time, within the pace, and what came of it is written down.

use std::collections::BTreeMap;

use super::error::Stored;
use super::letters::{self, give_up};
use super::tx::{Tx, values};
use super::{Store, consents, pace};
use crate::clock::{SignedDuration, Timestamp, later, new_token};
use crate::consent::letter::Tried;
use crate::consent::{Consent, Letter, LetterKind};
use crate::jid::Jid;
use crate::pacing::{Budget, Private, one_more};

/// Letters looked at in one turn.
const AT_ONCE: i64 = 100;
/// A room that wakes within this time comes first.
const ROOMS_FIRST: SignedDuration = SignedDuration::from_secs(5);
/// How long a receipt for STOP or START gives way to rooms: with many rooms one is always busy.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);
/// When it is looked again whether rooms are done.
const ROOMS_GAP: SignedDuration = SignedDuration::from_secs(3);
/// When a letter is looked at again whose number does not work.
const NO_NUMBER: SignedDuration = SignedDuration::from_secs(30);

/// What letters may go by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterAsk {
    /// The numbers that work, in order of preference.
    pub ways: Vec<LetterWay>,
    /// All numbers of the config.
    pub known: Vec<String>,
    /// The receipt for a STOP.
    pub stopped: Worded,
    /// The receipt for a START.
    pub started: Worded,
    /// The question whether a sentence was meant as a STOP.
    pub question: Worded,
    /// Until when nobody else touches the letter that is taken.
    pub until: Timestamp,
}

/// The words of a receipt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Worded {
    /// What most people read.
    pub usual: String,
    /// What those read who have a translation.
    pub translated: BTreeMap<Jid, String>,
}

impl Worded {
    /// What this person reads.
    #[must_use]
    pub fn to(&self, jid: &Jid) -> &str {
        self.translated.get(jid).unwrap_or(&self.usual)
    }
}

/// A number that letters may go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterWay {
    /// Its name in the config.
    pub name: String,
    /// What it may do.
    pub budget: Budget,
    /// Whether it can hear a STOP: otherwise it asks nobody.
    pub hears: bool,
}

/// Whether there is a letter to see to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterTurn {
    /// Yes.
    Go(Box<Posted>),
    /// Not before this moment, or not at all for now.
    Wait(Option<Timestamp>),
}

/// A letter in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Its row.
    pub id: i64,
    /// Proof that it is in this hand.
    pub token: String,
    /// It is to be looked for, and not sent.
    pub looks: bool,
    /// The letter.
    pub letter: Letter,
    /// The id that it is sent to: the network may have the person under another one than the roster.
    pub chat: Jid,
}

impl Store {
    /// Takes the next letter that may be sent or looked for now, and writes down that it is.
    pub async fn begin_letter(&self, ask: LetterAsk, now: Timestamp) -> Stored<LetterTurn> {
        self.write("begin_letter", move |tx| begin(tx, &ask, now)).await
    }

    /// Writes down what came of it; the letter as it is now, unless somebody else has taken it over.
    pub async fn finish_letter(
        &self,
        posted: Posted,
        tried: Tried,
        now: Timestamp,
    ) -> Stored<Option<Letter>> {
        self.write("finish_letter", move |tx| finish(tx, &posted, &tried, now)).await
    }
}

/// Takes the next letter for which there is something to do now, and writes down that it is being done.
fn begin(tx: &Tx<'_>, ask: &LetterAsk, now: Timestamp) -> Stored<LetterTurn> {
    let due = tx.all(
        "SELECT id, made_at, doc FROM letters WHERE due_at <= ?1
         ORDER BY CASE WHEN kind = 'opt_in_request' THEN 1 ELSE 0 END, due_at, id LIMIT ?2",
        values![now, AT_ONCE],
        |r| {
            let id: i64 = r.get(0)?;
            Ok((id, r.get(1)?, tx.legible("letter", id, r.doc(2))))
        },
    )?;
    let mut soonest: Option<Timestamp> = None;
    let mut wait = |until: Timestamp| soonest = Some(soonest.map_or(until, |at: Timestamp| at.min(until)));
    for (id, made_at, letter) in due {
        let Some(mut letter) = letters::or_never(tx, id, letter)? else { continue };
        let looks = letter.is_to_be_looked_for();
        if !looks && let Some(why) = is_pointless(&letter, &consents::of(tx, &letter.to)?) {
            give_up(tx, id, &mut letter, why, now)?;
            continue;
        }
        let mut taken = None;
        for way in ask.ways.iter().filter(|way| fits(&letter, way, ask)) {
            match if looks { Ok(()) } else { may_send(tx, &letter, way, made_at, now)? } {
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
                LetterKind::Started | LetterKind::OptInRequest => ask.started.to(&letter.to).to_owned(),
            };
        }
        letter.begin(&way.name, ask.until, now);
        let token = new_token();
        letters::put(tx, id, &letter, Some(&token))?;
        if !looks {
            tx.run("UPDATE letters SET paced_at = ?2 WHERE id = ?1", values![id, now])?;
        }
        let chat = consents::address(tx, &letter.to)?;
        return Ok(LetterTurn::Go(Box::new(Posted { id, token, looks, letter, chat })));
    }
    let later_ones =
        tx.first("SELECT min(due_at) FROM letters WHERE due_at > ?1", values![now], |r| r.get(0))?;
    if let Some(at) = later_ones.flatten() {
        wait(at);
    }
    Ok(LetterTurn::Wait(soonest))
}

/// Why nobody would want this letter any more.
fn is_pointless(letter: &Letter, consent: &Consent) -> Option<&'static str> {
    let stopped = consent.stopped().is_some();
    match letter.kind {
        LetterKind::OptInRequest | LetterKind::Started | LetterKind::Question if stopped => {
            Some("the person said STOP")
        }
        LetterKind::OptInRequest if consent.is_acquainted() => Some("the person has written meanwhile"),
        LetterKind::Stopped if !stopped => Some("the person said START"),
        LetterKind::OptInRequest | LetterKind::Started | LetterKind::Stopped | LetterKind::Question => None,
    }
}

/// Whether a letter can go this way: back where it began, or where the person wrote to, unless that number is
/// not ours any more. Nobody is asked by a number that would not hear the answer.
fn fits(letter: &Letter, way: &LetterWay, ask: &LetterAsk) -> bool {
    if letter.kind == LetterKind::OptInRequest && !letter.is_to_be_looked_for() && !way.hears {
        return false;
    }
    match &letter.instance {
        Some(own) if letter.sends > 0 || ask.known.contains(own) => *own == way.name,
        Some(_) | None => true,
    }
}

fn may_send(
    tx: &Tx<'_>,
    letter: &Letter,
    way: &LetterWay,
    made_at: Timestamp,
    now: Timestamp,
) -> Stored<Result<(), Timestamp>> {
    let has_waited = !(later(now, -PATIENCE)..=now).contains(&made_at);
    let gives_way = letter.kind == LetterKind::OptInRequest || !has_waited;
    if gives_way && is_busy(tx, &way.name, now)? {
        return Ok(Err(later(now, ROOMS_GAP)));
    }
    let budget = &way.budget;
    let private = Private { most_per_minute: budget.private_per_minute(), gap: budget.one_to_one_gap };
    let paced = pace::one_more_message(tx, &way.name, (budget.messages_per_minute, Some(private)), now)?;
    if letter.kind != LetterKind::OptInRequest {
        return Ok(paced);
    }
    let gap = budget.ask_gap;
    let asked = tx.all(
        "SELECT paced_at FROM letters WHERE instance = ?1 AND kind = 'opt_in_request' AND paced_at > ?2",
        values![way.name, later(now, -gap)],
        |r| r.get(0),
    )?;
    let until = paced.err().max(one_more(&asked, 1, gap, now).err());
    Ok(until.map_or(Ok(()), Err))
}

/// Whether a room of this number, or one that may become its, has something to do now or in a moment.
fn is_busy(tx: &Tx<'_>, instance: &str, now: Timestamp) -> Stored<bool> {
    tx.any(
        "SELECT 1 FROM rooms WHERE (wake_at <= ?1 OR lease_until > ?2) AND coalesce(instance, ?3) = ?3 LIMIT 1",
        values![later(now, ROOMS_FIRST), now, instance],
    )
}

/// Writes down what came of a try, unless somebody else has the letter by now.
fn finish(tx: &Tx<'_>, posted: &Posted, tried: &Tried, now: Timestamp) -> Stored<Option<Letter>> {
    let sql = "SELECT doc FROM letters WHERE id = ?1 AND token = ?2";
    let found =
        tx.first(sql, values![posted.id, posted.token], |r| Ok(tx.legible("letter", posted.id, r.doc(0))))?;
    let Some(letter) = found else { return Ok(None) };
    let Some(mut letter) = letters::or_never(tx, posted.id, letter)? else { return Ok(None) };
    if posted.chat != letter.to && !posted.chat.is_hidden() {
        consents::put_alias(tx, &letter.to, &letter.person, &posted.chat, now)?;
    }
    let sends = letter.sends;
    let handed_over = letter.finish(tried, now);
    letters::put(tx, posted.id, &letter, None)?;
    if letter.sends < sends && letter.kind != LetterKind::OptInRequest {
        // It certainly did nothing, so the pace does not count it. An opt-in request keeps its place: a provider
        // that fails or asks for patience must not be handed the whole queue at once.
        tx.run("UPDATE letters SET paced_at = NULL WHERE id = ?1", values![posted.id])?;
    }
    // Somebody whose chat cannot be read may have got the opt-in request, and is not asked again.
    let may_be_there = matches!(tried, Tried::Looked(Err(_))) && letter.due_at().is_none();
    let asked = handed_over.or_else(|| may_be_there.then(String::new));
    if let Some(message_id) = asked
        && letter.kind == LetterKind::OptInRequest
    {
        let mut consent = consents::of(tx, &letter.to)?;
        consent.asked_at = Some(now);
        consent.asked_by.clone_from(&letter.instance);
        consent.message_id = Some(message_id).filter(|id| !id.is_empty());
        consents::put(tx, &letter.to, (&letter.person, None), &consent)?;
    }
    Ok(Some(letter))
}
