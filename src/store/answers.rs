//! What people answer about being called, and opt-in requests that ask them.

use super::consents::{self, Person, put, row, whose};
use super::error::Stored;
use super::notices::is_known;
use super::tx::{Tx, read, values, write};
use super::{Store, letters, rooms};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::consent::{Change, Consent, LetterKind, Verdict};
use crate::gateway::Whom;
use crate::incident::IncidentId;
use crate::jid::Jid;

/// Seconds between the first two lookups of a hidden id; each further one waits twice as long.
const NAME_GAP: i64 = 30;
/// The longest wait between two lookups, in seconds.
const LONGEST_NAME_GAP: i64 = 6 * 3600;
/// How often a hidden id is looked up that said neither STOP nor START.
const TRIES_FOR_A_HELLO: i64 = 10;
/// Answers looked up at once.
const NAMED_AT_ONCE: i64 = 10;
/// Only one receipt for the same word is sent within this time.
const RECEIPTS_APART: SignedDuration = SignedDuration::from_hours(24);

/// What somebody wrote about being called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The provider's id of the event.
    pub id: Option<String>,
    /// Who wrote it, as far as the provider said.
    pub from: Whom,
    /// Their key in the roster, if they are in it.
    pub person: Option<String>,
    /// What it says.
    pub verdict: Verdict,
    /// When it was written, by the provider's clock.
    pub at: Timestamp,
}

/// What came of answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenAnswers {
    /// Answers of people who are on record now.
    pub people: usize,
    /// Answers that the provider delivered before.
    pub repeated: usize,
    /// Answers of which only a hidden id is known so far.
    pub unnamed: usize,
    /// Rooms that have to know.
    pub rooms: usize,
    /// Who stopped or came back, with their key in the roster.
    pub changes: Vec<(Jid, String, Change)>,
}

/// An answer of which only a hidden id is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnamed {
    /// The id.
    pub hidden: Jid,
    /// The linked number that was written to.
    pub instance: String,
    /// Tries to find out whose it is.
    pub tries: i64,
}

/// Whom to ask whether they may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// Whom, with the words for each.
    pub people: Vec<AskedPerson>,
    /// Also those who were asked before and did not answer.
    pub again: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// One person who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedPerson {
    /// Where they are reached.
    pub jid: Jid,
    /// Key in the roster.
    pub person: String,
    /// The words.
    pub text: String,
}

/// Whether a person is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Key in the roster.
    pub person: String,
    /// Why not, if not.
    pub objection: Option<String>,
}

impl Store {
    /// Takes in what people wrote to `instance` about being called. When this returns `Ok`, all of it is on disk.
    pub async fn take_answers(
        &self,
        instance: &str,
        answers: Vec<Heard>,
        now: Timestamp,
    ) -> Stored<TakenAnswers> {
        let instance = instance.to_owned();
        self.write("take_answers", move |tx| take_all(tx, &instance, &answers, now)).await
    }

    /// Answers of which only a hidden id is known and that are to be looked up now.
    pub async fn to_name(&self, now: Timestamp) -> Stored<Vec<Unnamed>> {
        self.write("to_name", move |tx| to_name(tx, now)).await
    }

    /// Records whose hidden id it is; `person` is their key in the roster, if they are in it.
    pub async fn name(
        &self,
        hidden: Jid,
        jid: Jid,
        person: Option<String>,
        now: Timestamp,
    ) -> Stored<TakenAnswers> {
        self.write("name", move |tx| name(tx, &hidden, (&jid, person.as_deref()), now)).await
    }

    /// Queues opt-in requests, or says whom they would go to.
    pub async fn ask_opt_in(&self, asking: Asking, now: Timestamp) -> Stored<Vec<Asked>> {
        self.write("ask_opt_in", move |tx| ask_opt_in(tx, &asking, now)).await
    }
}

/// Takes in what people wrote about being called.
fn take_all(tx: &Tx<'_>, instance: &str, answers: &[Heard], now: Timestamp) -> Stored<TakenAnswers> {
    let mut came = TakenAnswers::default();
    for heard in answers {
        let phone = match (&heard.from.phone, &heard.from.hidden) {
            (Some(phone), _) => Some(whose(tx, phone)?.unwrap_or_else(|| phone.clone())),
            (None, Some(hidden)) => whose(tx, hidden)?,
            (None, None) => continue,
        };
        if let Some(id) = &heard.id
            && is_known(tx, instance, id, now)?
        {
            came.repeated += 1;
            continue;
        }
        let mut said = Consent::default();
        said.hear(heard.verdict, heard.at, now);
        match (phone, &heard.from.hidden) {
            (Some(phone), hidden) => {
                // Another chat of the same person may have been waiting for its name.
                let waited = hidden.as_ref().map(|hidden| take_unnamed(tx, hidden)).transpose()?.flatten();
                if let Some(waited) = waited {
                    said.merge(&waited, now);
                }
                let who = (heard.person.as_deref().unwrap_or_default(), hidden.as_ref());
                take(tx, &phone, who, (&said, instance), now, &mut came)?;
                if heard.verdict == Verdict::Unclear {
                    ask_back(tx, &phone, instance, now)?;
                }
            }
            (None, Some(hidden)) => {
                wait_for_name(tx, hidden, instance, &said, now)?;
                came.unnamed += 1;
            }
            (None, None) => {}
        }
    }
    Ok(came)
}

/// Takes in what one person said, and does what follows from it.
fn take(
    tx: &Tx<'_>,
    jid: &Jid,
    (person, hidden): (&str, Option<&Jid>),
    (said, instance): (&Consent, &str),
    now: Timestamp,
    came: &mut TakenAnswers,
) -> Stored<()> {
    let row = row(tx, jid)?;
    let is_known = !person.is_empty() || row.is_some();
    // Of strangers only the STOP or START is kept, for when they are called one day.
    let decides = said.stopped_at.is_some() || said.started_at.is_some();
    if !is_known && !decides {
        return Ok(());
    }
    let rooms = rooms_with(tx, jid)?;
    let is_ours = is_known || !rooms.is_empty();
    let (known_as, mut consent) = row.map(|row| (row.key, row.consent)).unwrap_or_default();
    let change = consent.merge(said, now);
    put(tx, jid, (person, hidden), &consent)?;
    came.people += 1;
    let person = if person.is_empty() { known_as.as_str() } else { person };
    let receipt = match change {
        Change::Nothing => return Ok(()),
        Change::Stopped => LetterKind::Stopped,
        Change::Lifted => LetterKind::Started,
    };
    came.changes.push((jid.clone(), person.to_owned(), change));
    letters::drop_unsent(tx, jid, now)?;
    if is_ours && !letters::was_made_since(tx, jid, receipt, later(now, -RECEIPTS_APART))? {
        letters::queue(tx, (jid, person), receipt, (String::new(), Some(instance)), now)?;
    }
    for room in rooms {
        rooms::changed(tx, room, now)?;
        came.rooms += 1;
    }
    Ok(())
}

/// Asks somebody who is called whether a sentence was meant as a STOP, once a day at most.
fn ask_back(tx: &Tx<'_>, jid: &Jid, instance: &str, now: Timestamp) -> Stored<()> {
    let Some(Person { key: person, consent }) = row(tx, jid)? else { return Ok(()) };
    let kind = LetterKind::Question;
    if consent.stopped().is_some() || letters::was_made_since(tx, jid, kind, later(now, -RECEIPTS_APART))? {
        return Ok(());
    }
    letters::queue(tx, (jid, &person), kind, (String::new(), Some(instance)), now)
}

fn wait_for_name(tx: &Tx<'_>, hidden: &Jid, instance: &str, said: &Consent, now: Timestamp) -> Stored<()> {
    let mut all = unnamed(tx, hidden)?.unwrap_or_default();
    all.merge(said, now);
    tx.run(
        "INSERT INTO unnamed (hidden, instance, due_at, doc) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (hidden) DO UPDATE SET instance = ?2, tries = 0, due_at = ?3, doc = ?4",
        values![hidden.to_string(), instance, now, write("consent", &all)?],
    )
}

fn unnamed(tx: &Tx<'_>, hidden: &Jid) -> Stored<Option<Consent>> {
    let sql = "SELECT doc FROM unnamed WHERE hidden = ?1";
    let said = tx.first(sql, values![hidden.to_string()], |r| {
        Ok(tx.legible("answer without a name", hidden.masked(), r.doc(0)))
    })?;
    Ok(said.flatten())
}

fn take_unnamed(tx: &Tx<'_>, hidden: &Jid) -> Stored<Option<Consent>> {
    let said = unnamed(tx, hidden)?;
    if said.is_some() {
        tx.run("DELETE FROM unnamed WHERE hidden = ?1", values![hidden.to_string()])?;
    }
    Ok(said)
}

/// Answers whose hidden id is to be looked up now; the next try of each is later.
fn to_name(tx: &Tx<'_>, now: Timestamp) -> Stored<Vec<Unnamed>> {
    let due = tx.all(
        "SELECT hidden, instance, tries, doc FROM unnamed WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2",
        values![now, NAMED_AT_ONCE],
        |r| {
            // The lookup of a STOP or START is never given up.
            let says_hello = |said: Consent| said.stopped_at.is_none() && said.started_at.is_none();
            let is_hello = read("consent", r.doc(3)).is_ok_and(says_hello);
            Ok((r.get::<String>(0)?, r.get::<String>(1)?, r.get::<i64>(2)?, is_hello))
        },
    )?;
    let mut found = Vec::new();
    for (hidden, instance, tries, is_hello) in due {
        if tries >= TRIES_FOR_A_HELLO && is_hello {
            let instance = instance.as_str();
            tracing::warn!(gateway.instance = instance, "who wrote there was not found out; it was no STOP");
            tx.run("DELETE FROM unnamed WHERE hidden = ?1", values![&hidden])?;
            continue;
        }
        let gap = (NAME_GAP << tries.clamp(0, 12)).min(LONGEST_NAME_GAP);
        tx.run(
            "UPDATE unnamed SET tries = tries + 1, due_at = ?2 WHERE hidden = ?1",
            values![hidden, later(now, SignedDuration::from_secs(gap))],
        )?;
        if let Ok(jid) = hidden.parse::<Jid>() {
            found.push(Unnamed { hidden: jid, instance, tries });
        }
    }
    Ok(found)
}

/// Records whose hidden id it is, and takes in what was said from there.
fn name(
    tx: &Tx<'_>,
    hidden: &Jid,
    (jid, person): (&Jid, Option<&str>),
    now: Timestamp,
) -> Stored<TakenAnswers> {
    let mut came = TakenAnswers::default();
    let instance =
        tx.first("SELECT instance FROM unnamed WHERE hidden = ?1", values![hidden.to_string()], |r| {
            r.get::<String>(0)
        })?;
    if let (Some(instance), Some(said)) = (instance, take_unnamed(tx, hidden)?) {
        let who = (person.unwrap_or_default(), Some(hidden));
        let jid = &whose(tx, jid)?.unwrap_or_else(|| jid.clone());
        take(tx, jid, who, (&said, &instance), now, &mut came)?;
    }
    Ok(came)
}

/// Queues opt-in requests, or says what would be.
fn ask_opt_in(tx: &Tx<'_>, asking: &Asking, now: Timestamp) -> Stored<Vec<Asked>> {
    let mut answers = Vec::new();
    for one in &asking.people {
        let consent = consents::of(tx, &one.jid)?;
        let waits = letters::is_waiting(tx, &one.jid, LetterKind::OptInRequest)?;
        let objection =
            if waits { Some("is in the queue already".to_owned()) } else { consent.objection(asking.again) };
        if objection.is_none() && !asking.dry_run {
            put(tx, &one.jid, (&one.person, None), &consent)?;
            let text = (one.text.clone(), None);
            letters::queue(tx, (&one.jid, &one.person), LetterKind::OptInRequest, text, now)?;
        }
        answers.push(Asked { person: one.person.clone(), objection });
    }
    Ok(answers)
}

fn rooms_with(tx: &Tx<'_>, jid: &Jid) -> Stored<Vec<IncidentId>> {
    tx.all(
        "SELECT r.incident FROM rooms r JOIN room_docs d ON d.incident = r.incident
         WHERE r.phase NOT IN ('closed', 'skipped')
           AND r.phase IN ('wanted', 'creating', 'unsure', 'live', 'closing', 'parked')
           AND d.doc LIKE ?1",
        values![format!("%\"{jid}\"%")],
        |r| r.get(0),
    )
}
