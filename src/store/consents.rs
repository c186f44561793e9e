//! Who wants to be called: one row per person, kept whatever the roster says later.

use super::error::Stored;
use super::tx::{Tx, values, write};
use super::{Store, letters};
use crate::clock::Timestamp;
use crate::consent::{Acquaintance, Consent, LetterKind, Stances, Standing};
use crate::jid::Jid;
use crate::room::Room;

/// A person's row.
pub(super) struct Person {
    pub(super) key: String,
    pub(super) consent: Consent,
}

impl Store {
    /// Everybody of whom it is known whether they want to be called, or who was asked.
    pub async fn acquaintances(&self) -> Stored<Vec<Acquaintance>> {
        self.read("acquaintances", everybody).await
    }

    /// How many people stand where, and how many answers wait for a name.
    pub async fn count_consents(&self) -> Stored<(Vec<(Standing, i64)>, i64)> {
        self.read("count_consents", count).await
    }
}

pub(super) fn row(tx: &Tx<'_>, jid: &Jid) -> Stored<Option<Person>> {
    let sql = "SELECT person, standing, doc FROM consents WHERE jid = ?1";
    tx.first(sql, values![jid.to_string()], |r| {
        Ok(Person { key: r.get(0)?, consent: consent(tx, jid, &r.get::<String>(1)?, r.doc(2)) })
    })
}

/// What a row says of a person. The STOP has a column of its own, so it counts even if the document cannot be read.
fn consent(tx: &Tx<'_>, jid: &Jid, standing: &str, doc: &[u8]) -> Consent {
    let stopped_at = (standing == Standing::Stop.as_str()).then_some(Timestamp::UNIX_EPOCH);
    let stopped = || Consent { stopped_at, ..Consent::default() };
    tx.legible("consent", jid.masked(), doc).unwrap_or_else(stopped)
}

/// What is known of a person, which may be nothing.
pub(super) fn of(tx: &Tx<'_>, jid: &Jid) -> Stored<Consent> {
    Ok(row(tx, jid)?.map(|row| row.consent).unwrap_or_default())
}

/// Keeps the id by which the network knows a person, with what was said from there before that was known.
pub(super) fn put_alias(tx: &Tx<'_>, jid: &Jid, person: &str, alias: &Jid, now: Timestamp) -> Stored<()> {
    let mut consent = of(tx, jid)?;
    if let Some(nobodys) = row(tx, alias)?.filter(|row| row.key.is_empty()) {
        consent.merge(&nobodys.consent, now);
        tx.run("DELETE FROM consents WHERE jid = ?1", values![alias.to_string()])?;
    }
    put(tx, jid, (person, None), &consent)?;
    tx.run("UPDATE consents SET alias = ?2 WHERE jid = ?1", values![jid.to_string(), alias.to_string()])
}

/// The id by which a person is written to.
pub(super) fn address(tx: &Tx<'_>, jid: &Jid) -> Stored<Jid> {
    let alias = tx.first("SELECT alias FROM consents WHERE jid = ?1", values![jid.to_string()], |r| {
        r.get::<Option<String>>(0)
    })?;
    Ok(alias.flatten().and_then(|alias| alias.parse().ok()).unwrap_or_else(|| jid.clone()))
}

/// Writes what is known of a person. A known key or hidden id stays unless a new one is given.
pub(super) fn put(
    tx: &Tx<'_>,
    jid: &Jid,
    (person, hidden): (&str, Option<&Jid>),
    consent: &Consent,
) -> Stored<()> {
    tx.run(
        "INSERT INTO consents (jid, person, hidden, standing, doc) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (jid) DO UPDATE SET
             person = CASE WHEN ?2 = '' THEN consents.person ELSE ?2 END,
             hidden = coalesce(?3, consents.hidden), standing = ?4, doc = ?5",
        values![
            jid.to_string(),
            person,
            hidden.map(ToString::to_string),
            consent.standing().as_str(),
            write("consent", consent)?
        ],
    )
}

/// The roster's id of the person who is known under a hidden id or an alias.
pub(super) fn whose(tx: &Tx<'_>, id: &Jid) -> Stored<Option<Jid>> {
    let sql = "SELECT jid FROM consents WHERE hidden = ?1 OR alias = ?1";
    let jid = tx.first(sql, values![id.to_string()], |r| r.get::<String>(0))?;
    Ok(jid.and_then(|jid| jid.parse().ok()))
}

/// Everybody of whom anything is known.
pub(super) fn everybody(tx: &Tx<'_>) -> Stored<Vec<Acquaintance>> {
    let rows = tx.some("SELECT jid, person, standing, doc FROM consents ORDER BY person, jid", &[], |r| {
        let Ok(jid) = r.get::<String>(0)?.parse::<Jid>() else { return Ok(None) };
        let consent = consent(tx, &jid, &r.get::<String>(2)?, r.doc(3));
        Ok(Some((jid, r.get(1)?, consent)))
    })?;
    let with_letter = |(jid, person, consent)| {
        let letter = letters::newest(tx, &jid, LetterKind::OptInRequest)?;
        Ok(Acquaintance { jid, person, consent, letter })
    };
    rows.into_iter().map(with_letter).collect()
}

fn count(tx: &Tx<'_>) -> Stored<(Vec<(Standing, i64)>, i64)> {
    let count = |standing: Standing| {
        let sql = "SELECT count(*) FROM consents WHERE standing = ?1";
        Ok((standing, tx.count(sql, values![standing.as_str()])?))
    };
    let counts = Standing::ALL.into_iter().map(count).collect::<Stored<_>>()?;
    Ok((counts, tx.count("SELECT count(*) FROM unnamed", &[])?))
}

/// What a room has to know of its people.
pub(super) fn stances(tx: &Tx<'_>, room: &Room) -> Stored<Stances> {
    let mut stances = Stances::default();
    for who in room.everybody() {
        let jid = &who.jid;
        let sql = "SELECT standing, doc, alias FROM consents WHERE jid = ?1";
        let found = tx.first(sql, values![jid.to_string()], |r| {
            Ok((consent(tx, jid, &r.get::<String>(0)?, r.doc(1)), r.get::<Option<String>>(2)?))
        })?;
        let Some((consent, alias)) = found else { continue };
        if let Some(alias) = alias.and_then(|alias| alias.parse().ok()) {
            stances.aliases.insert(jid.clone(), alias);
        }
        stances.add(jid.clone(), &consent);
    }
    Ok(stances)
}

/// Whether one of these people said STOP.
pub(super) fn has_stopped(tx: &Tx<'_>, people: &[Jid]) -> Stored<bool> {
    let sql = "SELECT 1 FROM consents WHERE (jid = ?1 OR alias = ?1) AND standing = 'stop'";
    for jid in people {
        if tx.any(sql, values![jid.to_string()])? {
            return Ok(true);
        }
    }
    Ok(false)
}
