//! Letters: 1:1 messages that belong to no room, queued until each is [taken](super::posting).

use super::error::Stored;
use super::tx::{Tx, values, write};
use crate::clock::Timestamp;
use crate::consent::letter::Delivery;
use crate::consent::{Letter, LetterKind};
use crate::jid::Jid;

/// Makes the letters due at once that a process which is gone took with tokens of this pattern, to be looked for.
pub(super) fn free(tx: &Tx<'_>, tokens: &str) -> Stored<()> {
    let sql = "UPDATE letters SET due_at = 0, token = NULL WHERE token LIKE ?1 AND due_at IS NOT NULL";
    tx.run(sql, values![tokens])
}

/// Puts a letter into the queue.
pub(super) fn queue(
    tx: &Tx<'_>,
    (jid, person): (&Jid, &str),
    kind: LetterKind,
    (text, instance): (String, Option<&str>),
    now: Timestamp,
) -> Stored<()> {
    let mut letter = Letter::new(jid.clone(), person, kind, text, now);
    letter.instance = instance.map(str::to_owned);
    tx.run(
        "INSERT INTO letters (jid, kind, made_at, due_at, instance, doc) VALUES (?1, ?2, ?3, ?3, ?4, ?5)",
        values![jid.to_string(), kind.as_str(), now, instance, write("letter", &letter)?],
    )
}

pub(super) fn put(tx: &Tx<'_>, id: i64, letter: &Letter, token: Option<&str>) -> Stored<()> {
    tx.run(
        "UPDATE letters SET due_at = ?2, token = ?3, instance = ?4, doc = ?5 WHERE id = ?1",
        values![id, letter.due_at(), token, letter.instance, write("letter", letter)?],
    )
}

/// Whether a letter of this kind is on its way.
pub(super) fn is_waiting(tx: &Tx<'_>, jid: &Jid, kind: LetterKind) -> Stored<bool> {
    let sql = "SELECT 1 FROM letters WHERE jid = ?1 AND kind = ?2 AND due_at IS NOT NULL";
    tx.any(sql, values![jid.to_string(), kind.as_str()])
}

/// Whether one was queued since `since`, whatever became of it.
pub(super) fn was_made_since(tx: &Tx<'_>, jid: &Jid, kind: LetterKind, since: Timestamp) -> Stored<bool> {
    let sql = "SELECT 1 FROM letters WHERE jid = ?1 AND kind = ?2 AND made_at > ?3";
    tx.any(sql, values![jid.to_string(), kind.as_str(), since])
}

pub(super) fn newest(tx: &Tx<'_>, jid: &Jid, kind: LetterKind) -> Stored<Option<Letter>> {
    let sql = "SELECT doc FROM letters WHERE jid = ?1 AND kind = ?2 ORDER BY id DESC LIMIT 1";
    let letter = tx.first(sql, values![jid.to_string(), kind.as_str()], |r| {
        Ok(tx.legible("letter", jid.masked(), r.doc(0)))
    })?;
    Ok(letter.flatten())
}

/// Gives up what was not sent yet to a person who has answered meanwhile.
pub(super) fn drop_unsent(tx: &Tx<'_>, jid: &Jid, now: Timestamp) -> Stored<()> {
    let sql = "SELECT id, doc FROM letters WHERE jid = ?1 AND due_at IS NOT NULL";
    let waiting = tx.all(sql, values![jid.to_string()], |r| {
        let id = r.get(0)?;
        Ok((id, tx.legible("letter", id, r.doc(1))))
    })?;
    for (id, letter) in waiting {
        let Some(mut letter) = or_never(tx, id, letter)? else { continue };
        if letter.sends == 0 {
            give_up(tx, id, &mut letter, "the person has answered meanwhile", now)?;
        }
    }
    Ok(())
}

/// A letter that cannot be read is never due again.
pub(super) fn or_never(tx: &Tx<'_>, id: i64, letter: Option<Letter>) -> Stored<Option<Letter>> {
    if letter.is_none() {
        tx.run("UPDATE letters SET due_at = NULL, token = NULL WHERE id = ?1", values![id])?;
    }
    Ok(letter)
}

pub(super) fn give_up(tx: &Tx<'_>, id: i64, letter: &mut Letter, why: &str, now: Timestamp) -> Stored<()> {
    letter.delivery = Delivery::GivenUp { why: why.to_owned(), at: now };
    put(tx, id, letter, None)
}
