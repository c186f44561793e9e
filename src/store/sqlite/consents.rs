//! Who wants to be called: answers taken in, introductions queued, and what rooms have to know of their people.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::hearing::is_known;
use super::lane::unavailable;
use super::letters;
use super::rows::{self, Doc, Stored, all, execute, first, legible, millis, read, write};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::consent::{Acquaintance, Change, Consent, LetterKind, Stances, Standing, Verdict};
use crate::incident::IncidentId;
use crate::jid::Jid;
use crate::room::Room;
use crate::store::{Asking, Heard, Introduced, Introducing, Unnamed};

/// Between the first two tries to find out whose hidden id it is; each further one waits longer.
const NAME_GAP: i64 = 30;
/// The longest wait between two of them, in seconds: it is never given up.
const LONGEST_NAME_GAP: i64 = 6 * 3600;
/// Tries to find out who wrote something that decides nothing.
const TRIES_FOR_A_HELLO: i64 = 10;
/// Answers looked up at once.
const NAMED_AT_ONCE: i64 = 10;
/// Several receipts for the same word within this time would only be noise.
const RECEIPTS_APART: SignedDuration = SignedDuration::from_hours(24);

/// A person's row.
struct Row {
    person: String,
    consent: Consent,
}

fn row(db: &Connection, jid: &Jid) -> Stored<Option<Row>> {
    first(db, "SELECT person, standing, doc FROM consents WHERE jid = ?1", [jid.to_string()], |r| {
        Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?, r.get::<_, Doc>(2)?))
    })?
    .map(|(person, standing, doc)| Ok(Row { person, consent: consent(db, jid, &standing, doc)? }))
    .transpose()
}

/// What a row says of a person. Of one that cannot be read the STOP counts, which has a column of its own.
fn consent(db: &Connection, jid: &Jid, standing: &str, doc: Doc) -> Stored<Consent> {
    let said = legible(db, "consent", jid.masked(), doc)?;
    let stopped_at = (standing == Standing::Stop.as_str()).then_some(Timestamp::UNIX_EPOCH);
    Ok(said.unwrap_or(Consent { stopped_at, ..Consent::default() }))
}

/// What is known of a person, which may be nothing.
pub(super) fn of(db: &Connection, jid: &Jid) -> Stored<Consent> {
    Ok(row(db, jid)?.map(|row| row.consent).unwrap_or_default())
}

/// Keeps the id by which the network has a person, with what was said from there while nobody knew whose it is.
pub(super) fn put_alias(db: &Connection, jid: &Jid, person: &str, alias: &Jid, now: Timestamp) -> Stored<()> {
    let mut consent = of(db, jid)?;
    if let Some(nobodys) = row(db, alias)?.filter(|row| row.person.is_empty()) {
        consent.merge(&nobodys.consent, now);
        execute(db, "DELETE FROM consents WHERE jid = ?1", [alias.to_string()])?;
    }
    put(db, jid, (person, None), &consent)?;
    execute(db, "UPDATE consents SET alias = ?2 WHERE jid = ?1", [jid.to_string(), alias.to_string()])?;
    Ok(())
}

/// The id by which a person is written to.
pub(super) fn address(db: &Connection, jid: &Jid) -> Stored<Jid> {
    let alias = first(db, "SELECT alias FROM consents WHERE jid = ?1", [jid.to_string()], |r| {
        r.get::<_, Option<String>>(0)
    })?;
    Ok(alias.flatten().and_then(|alias| alias.parse().ok()).unwrap_or_else(|| jid.clone()))
}

/// Writes what is known of a person. A key or a hidden id that is known stays if there is no newer one.
pub(super) fn put(
    db: &Connection,
    jid: &Jid,
    (person, hidden): (&str, Option<&Jid>),
    consent: &Consent,
) -> Stored<()> {
    execute(
        db,
        "INSERT INTO consents (jid, person, hidden, standing, doc) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (jid) DO UPDATE SET
             person = CASE WHEN ?2 = '' THEN person ELSE ?2 END,
             hidden = coalesce(?3, hidden), standing = ?4, doc = ?5",
        params![
            jid.to_string(),
            person,
            hidden.map(ToString::to_string),
            consent.standing().as_str(),
            write("consent", consent)?
        ],
    )?;
    Ok(())
}

/// Takes in what people wrote about being called.
pub(super) fn hear(db: &Connection, instance: &str, answers: &[Heard], now: Timestamp) -> Stored<Introduced> {
    let mut came = Introduced::default();
    for heard in answers {
        let phone = match (&heard.from.phone, &heard.from.hidden) {
            (Some(phone), _) => Some(whose(db, phone)?.unwrap_or_else(|| phone.clone())),
            (None, Some(hidden)) => whose(db, hidden)?,
            (None, None) => continue,
        };
        if let Some(id) = &heard.id
            && is_known(db, instance, id, now)?
        {
            came.repeated += 1;
            continue;
        }
        let mut said = Consent::default();
        said.hear(heard.verdict, heard.at, now);
        match (phone, &heard.from.hidden) {
            (Some(phone), hidden) => {
                // Another chat of the same person may have been waiting for its name.
                let waited = hidden.as_ref().map(|hidden| take_unnamed(db, hidden)).transpose()?.flatten();
                if let Some(waited) = waited {
                    said.merge(&waited, now);
                }
                let who = (heard.person.as_deref().unwrap_or_default(), hidden.as_ref());
                take(db, &phone, who, (&said, instance), now, &mut came)?;
                if heard.verdict == Verdict::Unclear {
                    ask_back(db, &phone, instance, now)?;
                }
            }
            (None, Some(hidden)) => {
                wait_for_name(db, hidden, instance, &said, now)?;
                came.unnamed += 1;
            }
            (None, None) => {}
        }
    }
    Ok(came)
}

/// Takes in what one person said, and does what follows from it.
fn take(
    db: &Connection,
    jid: &Jid,
    (person, hidden): (&str, Option<&Jid>),
    (said, instance): (&Consent, &str),
    now: Timestamp,
    came: &mut Introduced,
) -> Stored<()> {
    let row = row(db, jid)?;
    let is_known = !person.is_empty() || row.is_some();
    // What strangers write is nobody's business here, but their STOP counts for whenever they are called.
    let decides = said.stopped_at.is_some() || said.started_at.is_some();
    if !is_known && !decides {
        return Ok(());
    }
    let rooms = rooms_with(db, jid)?;
    let is_ours = is_known || !rooms.is_empty();
    let (known_as, mut consent) = row.map(|row| (row.person, row.consent)).unwrap_or_default();
    let change = consent.merge(said, now);
    put(db, jid, (person, hidden), &consent)?;
    came.people += 1;
    let person = if person.is_empty() { known_as.as_str() } else { person };
    let receipt = match change {
        Change::Nothing => return Ok(()),
        Change::Stopped => LetterKind::Stopped,
        Change::Lifted => LetterKind::Started,
    };
    came.changes.push((jid.clone(), person.to_owned(), change));
    letters::drop_unsent(db, jid, now)?;
    if is_ours && !letters::was_made_since(db, jid, receipt, later(now, -RECEIPTS_APART))? {
        letters::queue(db, (jid, person), receipt, (String::new(), Some(instance)), now)?;
    }
    for room in rooms {
        rows::stir(db, room, now)?;
        came.rooms += 1;
    }
    Ok(())
}

/// Asks somebody who is called whether a sentence was meant as a STOP, once a day at most.
fn ask_back(db: &Connection, jid: &Jid, instance: &str, now: Timestamp) -> Stored<()> {
    let Some(Row { person, consent }) = row(db, jid)? else { return Ok(()) };
    let kind = LetterKind::Question;
    if consent.stopped().is_some() || letters::was_made_since(db, jid, kind, later(now, -RECEIPTS_APART))? {
        return Ok(());
    }
    letters::queue(db, (jid, &person), kind, (String::new(), Some(instance)), now)
}

/// The roster's id that a hidden id, or one in another form, is known to belong to.
fn whose(db: &Connection, id: &Jid) -> Stored<Option<Jid>> {
    let sql = "SELECT jid FROM consents WHERE hidden = ?1 OR alias = ?1";
    let jid = first(db, sql, [id.to_string()], |r| r.get::<_, String>(0))?;
    Ok(jid.and_then(|jid| jid.parse().ok()))
}

fn wait_for_name(
    db: &Connection,
    hidden: &Jid,
    instance: &str,
    said: &Consent,
    now: Timestamp,
) -> Stored<()> {
    let mut all = unnamed(db, hidden)?.unwrap_or_default();
    all.merge(said, now);
    execute(
        db,
        "INSERT INTO unnamed (hidden, instance, due_at, doc) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (hidden) DO UPDATE SET instance = ?2, tries = 0, due_at = ?3, doc = ?4",
        params![hidden.to_string(), instance, millis(now), write("consent", &all)?],
    )?;
    Ok(())
}

fn unnamed(db: &Connection, hidden: &Jid) -> Stored<Option<Consent>> {
    let sql = "SELECT doc FROM unnamed WHERE hidden = ?1";
    let doc = first(db, sql, [hidden.to_string()], |r| r.get::<_, Doc>(0))?;
    doc.map_or(Ok(None), |doc| legible(db, "answer without a name", hidden.masked(), doc))
}

fn take_unnamed(db: &Connection, hidden: &Jid) -> Stored<Option<Consent>> {
    let said = unnamed(db, hidden)?;
    if said.is_some() {
        execute(db, "DELETE FROM unnamed WHERE hidden = ?1", [hidden.to_string()])?;
    }
    Ok(said)
}

/// Answers whose hidden id is to be looked up now; the next try of each is later.
pub(super) fn to_name(db: &Connection, now: Timestamp) -> Stored<Vec<Unnamed>> {
    let due = all(
        db,
        "SELECT hidden, instance, tries, doc FROM unnamed
         WHERE due_at <= ?1 OR due_at > ?1 + min(?3 << min(tries, 12), ?4) * 1000 ORDER BY due_at LIMIT ?2",
        // None waits longer than its gap, unless a clock was put back since.
        params![millis(now), NAMED_AT_ONCE, NAME_GAP, LONGEST_NAME_GAP],
        |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?, r.get::<_, i64>(2)?, r.get::<_, Doc>(3)?)),
    )?;
    let mut found = Vec::new();
    for (hidden, instance, tries, doc) in due {
        // A STOP or START is never given up; that a stranger once said hello is.
        let says_hello = |said: Consent| said.stopped_at.is_none() && said.started_at.is_none();
        if tries >= TRIES_FOR_A_HELLO && read("consent", doc).is_ok_and(says_hello) {
            let instance = instance.as_str();
            tracing::warn!(gateway.instance = instance, "who wrote there was not found out; it was no STOP");
            execute(db, "DELETE FROM unnamed WHERE hidden = ?1", [&hidden])?;
            continue;
        }
        let gap = (NAME_GAP << tries.clamp(0, 12)).min(LONGEST_NAME_GAP);
        execute(
            db,
            "UPDATE unnamed SET tries = tries + 1, due_at = ?2 WHERE hidden = ?1",
            params![hidden, millis(later(now, SignedDuration::from_secs(gap)))],
        )?;
        if let Ok(jid) = hidden.parse::<Jid>() {
            found.push(Unnamed { hidden: jid, instance, tries });
        }
    }
    Ok(found)
}

/// It was found out whose hidden id it is.
pub(super) fn name(
    db: &Connection,
    hidden: &Jid,
    (jid, person): (&Jid, Option<&str>),
    now: Timestamp,
) -> Stored<Introduced> {
    let mut came = Introduced::default();
    let instance = first(db, "SELECT instance FROM unnamed WHERE hidden = ?1", [hidden.to_string()], |r| {
        r.get::<_, String>(0)
    })?;
    if let (Some(instance), Some(said)) = (instance, take_unnamed(db, hidden)?) {
        let who = (person.unwrap_or_default(), Some(hidden));
        let jid = &whose(db, jid)?.unwrap_or_else(|| jid.clone());
        take(db, jid, who, (&said, &instance), now, &mut came)?;
    }
    Ok(came)
}

/// Queues introductions, or says what would be.
pub(super) fn introduce(db: &Connection, asking: &Asking, now: Timestamp) -> Stored<Vec<Introducing>> {
    let mut answers = Vec::new();
    for one in &asking.people {
        let consent = of(db, &one.jid)?;
        let waits = letters::is_waiting(db, &one.jid, LetterKind::Introduction)?;
        let objection =
            if waits { Some("is in the queue already".to_owned()) } else { consent.objection(asking.again) };
        if objection.is_none() && !asking.dry_run {
            put(db, &one.jid, (&one.person, None), &consent)?;
            let text = (one.text.clone(), None);
            letters::queue(db, (&one.jid, &one.person), LetterKind::Introduction, text, now)?;
        }
        answers.push(Introducing { person: one.person.clone(), objection });
    }
    Ok(answers)
}

/// Everybody of whom anything is known.
pub(super) fn everybody(db: &Connection) -> Stored<Vec<Acquaintance>> {
    let rows = all(db, "SELECT jid, person, standing, doc FROM consents ORDER BY person, jid", [], |r| {
        Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?, r.get::<_, String>(2)?, r.get::<_, Doc>(3)?))
    })?;
    let mut people = Vec::new();
    for (jid, person, standing, doc) in rows {
        let Ok(jid) = jid.parse::<Jid>() else { continue };
        let letter = letters::newest(db, &jid, LetterKind::Introduction)?;
        let consent = consent(db, &jid, &standing, doc)?;
        people.push(Acquaintance { jid, person, consent, letter });
    }
    Ok(people)
}

/// How many people stand where, and how many answers wait for a name.
pub(super) fn count(db: &Connection) -> Stored<(Vec<(Standing, i64)>, i64)> {
    let mut counts = Vec::new();
    for standing in Standing::ALL {
        let sql = "SELECT count(*) FROM consents WHERE standing = ?1";
        let count = first(db, sql, [standing.as_str()], |r| r.get::<_, i64>(0))?;
        counts.push((standing, count.unwrap_or(0)));
    }
    let unnamed = first(db, "SELECT count(*) FROM unnamed", [], |r| r.get::<_, i64>(0))?;
    Ok((counts, unnamed.unwrap_or(0)))
}

/// What a room has to know of its people.
pub(super) fn stances(db: &Connection, room: &Room) -> Stored<Stances> {
    let people: Vec<String> = room.everybody().map(|who| who.jid.to_string()).collect();
    let found = all(
        db,
        "SELECT jid, standing, doc, alias FROM consents WHERE jid IN (SELECT value FROM json_each(?1))",
        [write("list of people", &people)?],
        |r| {
            let (jid, standing) = (r.get::<_, String>(0)?, r.get::<_, String>(1)?);
            Ok((jid, standing, r.get::<_, Doc>(2)?, r.get::<_, Option<String>>(3)?))
        },
    )?;
    let mut stances = Stances::default();
    for (jid, standing, doc, alias) in found {
        if let Ok(jid) = jid.parse::<Jid>() {
            if let Some(alias) = alias.and_then(|alias| alias.parse().ok()) {
                stances.aliases.insert(jid.clone(), alias);
            }
            let consent = consent(db, &jid, &standing, doc)?;
            stances.add(jid, &consent);
        }
    }
    Ok(stances)
}

/// Whether one of these people said STOP.
pub(super) fn has_stopped(db: &Connection, people: &[Jid]) -> Stored<bool> {
    for jid in people {
        let stop = first(
            db,
            "SELECT 1 FROM consents WHERE (jid = ?1 OR alias = ?1) AND standing = 'stop'",
            [jid.to_string()],
            |_| Ok(()),
        )?;
        if stop.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn rooms_with(db: &Connection, jid: &Jid) -> Stored<Vec<IncidentId>> {
    all(
        db,
        "SELECT r.incident FROM rooms r INDEXED BY rooms_by_phase JOIN room_docs d ON d.incident = r.incident
         WHERE r.phase NOT IN ('closed', 'skipped') AND instr(d.doc, ?1) > 0",
        [format!("\"{jid}\"")],
        |r| Ok(IncidentId(r.get(0)?)),
    )
}

/// What a store that may be in use knows of people, without changing or making anything. `None` if there is no
/// store, or one from before consents were kept.
pub(super) fn look(path: &Path) -> Stored<Option<Vec<Acquaintance>>> {
    if !path.is_file() {
        return Ok(None);
    }
    // Without a log beside it nobody has the file open, and reading it as a whole makes none.
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let at_rest = std::fs::metadata(&log).map_or(true, |log| log.len() == 0);
    let escaped: String =
        path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let address = format!("file:{escaped}?mode=ro{}", if at_rest { "&immutable=1" } else { "" });
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(address, flags).map_err(unavailable)?;
    super::settle_in(&db)?;
    let has_table =
        first(&db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'consents'", [], |_| Ok(()))?;
    has_table.map(|()| everybody(&db)).transpose()
}
