//! The store in one `SQLite` file: write-ahead log, `synchronous = FULL`, one writer.
//!
//! Actors: the *writer* lane, which groups commits; the *reader* lane, which serves pages and the API without waiting
//! for it; the *checkpoints*, which copy the log into the file beside both; the *lock*, which keeps a second bridge
//! off. Several connections may use one file: leases and immediate transactions keep them apart.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, params};
use tracing::warn;

use self::accept::Replay;
use self::checkpoint::Checkpoints;
use self::lane::{Asker, Lane, unavailable};
use self::rows::{Doc, Stored, all, first, legible, moment, read};
use super::source_trouble::{Sighting, SourceTrouble};
use super::{
    Acceptance, Accepted, Aside, Asking, Began, Dossier, Entry, Finished, Gathered, Happening, Heard,
    Hearing, IncidentQuery, IncidentState, Intent, Introduced, Introducing, Lease, LetterAsk, LetterTurn,
    Posted, Receipt, ReceiptId, Slots, Store, StoreError, StoredHook, Summary, Unnamed, WishTaken,
};
use crate::clock::{SignedDuration, Timestamp};
use crate::consent::letter::Tried;
use crate::consent::{Acquaintance, Letter, Standing};
use crate::gateway::Notice;
use crate::incident::{IncidentId, Rules};
use crate::jid::{GroupId, Jid};
use crate::pacing::{Creation, Made};
use crate::room::{Event, Room, Wish};

mod accept;
mod briefs;
mod certificates;
mod checkpoint;
mod consents;
mod hearing;
mod hosts;
mod lane;
mod letters;
mod lock;
mod orphans;
mod outbreaks;
mod queue;
mod rows;
mod source_troubles;
mod steps;
mod waking;

/// The tables. Version 0.1 has no installations: a file with any other schema is refused.
const SCHEMA: &[&str] = &[
    include_str!("migrations/0001_begin.sqlite.sql"),
    include_str!("migrations/0002_consent.sqlite.sql"),
    include_str!("migrations/0003_upkeep.sqlite.sql"),
];

/// The first version without a bug that can corrupt the write-ahead log (3.7.0 to 3.51.2 have it).
const OLDEST_SQLITE: i32 = 3_051_003;

/// Statements kept compiled, which is more than there are: compiling one takes longer than running it.
const STATEMENTS: usize = 256;

/// Incidents listed when nobody says how many.
const LISTED: usize = 100;

/// A store in one file.
#[derive(Debug)]
pub struct Sqlite {
    writer: Lane,
    reader: Lane,
    _checkpoints: Checkpoints,
    /// Given back last.
    _lock: Option<File>,
}

impl Sqlite {
    /// Opens `path` for this process alone, making the file where there is none. Refused while another process
    /// has it open so; what a process that died had leased is free at once.
    pub fn open_alone(path: &Path) -> Result<Self, StoreError> {
        make_private(path).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let lock = lock::take(path)?;
        let connections = connect(path)?;
        steps::free_all(&connections.writer)?;
        letters::free_all(&connections.writer)?;
        Self::start(connections, Some(lock))
    }

    /// Opens `path` beside others that may have it open, making the file where there is none.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        make_private(path).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        Self::start(connect(path)?, None)
    }

    fn start(connections: Connections, lock: Option<File>) -> Result<Self, StoreError> {
        let Connections { writer, reader, checkpoints } = connections;
        let no_thread = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let start = |name, connection: Connection, begin| {
            connection.set_prepared_statement_cache_capacity(STATEMENTS);
            Lane::start(name, connection, begin).map_err(no_thread)
        };
        Ok(Self {
            writer: start("store-writer", writer, "BEGIN IMMEDIATE")?,
            reader: start("store-reader", reader, "BEGIN")?,
            _checkpoints: Checkpoints::start(checkpoints).map_err(no_thread)?,
            _lock: lock,
        })
    }

    /// How many transactions have changed something since the store was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// The moves of a room as journalled, for replaying.
    pub async fn moves(&self, id: IncidentId) -> Result<Vec<(Timestamp, Event)>, StoreError> {
        self.reader
            .call(move |db| {
                all(
                    db,
                    "SELECT at, event FROM journal
                     WHERE incident = ?1 AND event IS NOT NULL ORDER BY id",
                    [id.0],
                    |r| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?)),
                )?
                .into_iter()
                .map(|(at, event)| Ok((moment(at), read("event", &event)?)))
                .collect()
            })
            .await
    }
}

/// What each thread has.
struct Connections {
    writer: Connection,
    reader: Connection,
    checkpoints: Connection,
}

fn connect(path: &Path) -> Result<Connections, StoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        let why = format!("SQLite {} can corrupt its log; 3.51.3 is needed", rusqlite::version());
        return Err(StoreError::Unavailable(why));
    }
    let mut writer = Connection::open(path).map_err(unavailable)?;
    settle_in(&writer)?;
    is_new(&writer)?;
    prepare(&writer)?;
    lay_out(&mut writer)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(path, flags).map_err(unavailable)?;
    settle_in(&reader)?;
    let checkpoints = Connection::open(path).map_err(unavailable)?;
    settle_in(&checkpoints)?;
    Ok(Connections { writer, reader, checkpoints })
}

/// What the store at `path` knows of people, read beside a bridge that may be using it. Changes and makes
/// nothing; `None` if there is no such store, or it is from before consents were kept.
pub fn look_at_consents(path: &Path) -> Result<Option<Vec<Acquaintance>>, StoreError> {
    consents::look(path)
}

/// A new file is for its owner only: it holds people's names, numbers and what monitoring tools said.
/// `SQLite` gives its log the permissions of the file.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        Ok(_) => {}
        Err(_is_there) => {
            let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                warn!(path = %path.display(), mode = format!("{mode:o}"), "others on this machine may read the store: chmod 600");
            }
        }
    }
    Ok(())
}

/// How long another process may hold the file before we give up.
const BUSY: std::time::Duration = std::time::Duration::from_secs(5);

/// What every connection needs: no temporary files, for which a read-only root has no place, and a memory of what it
/// could not read.
fn settle_in(db: &Connection) -> Stored<()> {
    db.busy_timeout(BUSY).map_err(unavailable)?;
    // Else a statement is compiled anew for each value that an index might be chosen by.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(unavailable)?;
    db.execute_batch(
        "PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -32000;
         CREATE TEMP TABLE aside (what TEXT, whose TEXT, why TEXT, PRIMARY KEY (what, whose)) WITHOUT ROWID;",
    )
    .map_err(unavailable)
}

fn prepare(db: &Connection) -> Stored<()> {
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 67108864;",
    )
    .map_err(unavailable)
}

/// What the schema is known by: a number made of its text, so that no change of it goes unnoticed (FNV-1a).
const fn schema_version() -> i64 {
    let (mut hash, mut n) = (0x811c_9dc5_u32, 0);
    while n < SCHEMA.len() {
        let (text, mut at) = (SCHEMA[n].as_bytes(), 0);
        while at < text.len() {
            hash = (hash ^ text[at] as u32).wrapping_mul(0x0100_0193);
            at += 1;
        }
        n += 1;
    }
    // SQLite keeps 31 bits of it; 0 is what a new file has.
    ((hash & 0x7fff_ffff) | 1) as i64
}

/// Whether a file is new. Refuses one that is not ours as it is now, before anything of it is changed.
fn is_new(db: &Connection) -> Stored<bool> {
    let known = schema_version();
    let number = |sql| db.query_row(sql, [], |r| r.get::<_, i64>(0)).map_err(unavailable);
    match (number("PRAGMA user_version")?, number("SELECT count(*) FROM sqlite_schema")?) {
        (0, 0) => Ok(true),
        (0, _) => Err(StoreError::Foreign),
        (found, _) if found == known => Ok(false),
        (found, _) => Err(StoreError::Version { found, known }),
    }
}

/// Gives a new file its tables.
fn lay_out(db: &mut Connection) -> Stored<()> {
    let transaction =
        db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(unavailable)?;
    if is_new(&transaction)? {
        for part in SCHEMA {
            transaction.execute_batch(part).map_err(unavailable)?;
        }
        transaction.pragma_update(None, "user_version", schema_version()).map_err(unavailable)?;
    }
    transaction.commit().map_err(unavailable)
}

#[async_trait]
impl Store for Sqlite {
    async fn accept(&self, hook: Acceptance) -> Result<Accepted, StoreError> {
        let asker = Asker::Source(hook.source.clone());
        let replay = hook.replay_key.as_deref().map(|key| Replay::of(&hook.source, key, &hook.reading));
        let hand_over = hook.hand_over.as_ref().map(|(_, hand_over)| Arc::clone(hand_over));
        // Also when nobody waits for the answer any more.
        let committed = move |accepted: &mut Accepted| {
            if let Some(hand_over) = hand_over {
                hand_over(std::mem::take(&mut accepted.leases));
            }
        };
        self.writer.call_for(asker, move |db| accept::accept(db, &hook, replay), committed).await
    }

    async fn lease_rooms(
        &self,
        now: Timestamp,
        slots: Slots,
        lease_for: SignedDuration,
    ) -> Result<Vec<Lease>, StoreError> {
        self.writer.call(move |db| steps::lease_rooms(db, now, slots, lease_for)).await
    }

    async fn begin_step(&self, lease: &Lease, intent: Intent, now: Timestamp) -> Result<Began, StoreError> {
        let lease = lease.clone();
        self.writer.call(move |db| steps::begin_step(db, &lease, &intent, now)).await
    }

    async fn finish_steps(&self, lease: &Lease, now: Timestamp) -> Result<Finished, StoreError> {
        let lease = lease.clone();
        self.writer.call(move |db| steps::finish_steps(db, &lease, now)).await
    }

    async fn stirred(&self, id: IncidentId) -> Result<i64, StoreError> {
        self.reader.call(move |db| steps::stirred(db, id)).await
    }

    async fn note(
        &self,
        lease: &Lease,
        room: Room,
        event: Event,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        let lease = lease.clone();
        self.writer.call(move |db| steps::note(db, &lease, &room, &event, now)).await
    }

    async fn earlier_receipt(
        &self,
        source: &str,
        replay_key: &str,
        reading: &str,
    ) -> Result<Option<Receipt>, StoreError> {
        let replay = Replay::of(source, replay_key, reading);
        self.reader.call(move |db| accept::earlier_receipt(db, replay)).await
    }

    async fn certificates(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.reader.call(certificates::kept).await
    }

    async fn keep_certificate(
        &self,
        address: &str,
        certificate: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let address = address.to_owned();
        self.writer.call(move |db| certificates::keep(db, &address, &certificate, now)).await
    }

    async fn refuse_wish(&self, lease: &Lease, why: &str, now: Timestamp) -> Result<Finished, StoreError> {
        let (lease, why) = (lease.clone(), why.to_owned());
        self.writer.call(move |db| steps::refuse_wish(db, &lease, &why, now)).await
    }

    async fn hear(
        &self,
        instance: &str,
        notices: Vec<Notice>,
        now: Timestamp,
    ) -> Result<Hearing, StoreError> {
        let instance = instance.to_owned();
        self.writer.call(move |db| hearing::hear(db, &instance, &notices, now)).await
    }

    async fn hear_answers(
        &self,
        instance: &str,
        answers: Vec<Heard>,
        now: Timestamp,
    ) -> Result<Introduced, StoreError> {
        let instance = instance.to_owned();
        self.writer.call(move |db| consents::hear(db, &instance, &answers, now)).await
    }

    async fn to_name(&self, now: Timestamp) -> Result<Vec<Unnamed>, StoreError> {
        self.writer.call(move |db| consents::to_name(db, now)).await
    }

    async fn name(
        &self,
        hidden: Jid,
        jid: Jid,
        person: Option<String>,
        now: Timestamp,
    ) -> Result<Introduced, StoreError> {
        self.writer.call(move |db| consents::name(db, &hidden, (&jid, person.as_deref()), now)).await
    }

    async fn introduce(&self, asking: Asking, now: Timestamp) -> Result<Vec<Introducing>, StoreError> {
        self.writer.call(move |db| consents::introduce(db, &asking, now)).await
    }

    async fn acquaintances(&self) -> Result<Vec<Acquaintance>, StoreError> {
        self.reader.call(consents::everybody).await
    }

    async fn count_consents(&self) -> Result<(Vec<(Standing, i64)>, i64), StoreError> {
        self.reader.call(consents::count).await
    }

    async fn begin_letter(&self, ask: LetterAsk, now: Timestamp) -> Result<LetterTurn, StoreError> {
        self.writer.call(move |db| letters::begin(db, &ask, now)).await
    }

    async fn finish_letter(
        &self,
        posted: Posted,
        tried: Tried,
        now: Timestamp,
    ) -> Result<Option<Letter>, StoreError> {
        self.writer.call(move |db| letters::finish(db, &posted, &tried, now)).await
    }

    async fn heed(&self, lease: &Lease, room: Room, now: Timestamp) -> Result<Finished, StoreError> {
        let lease = lease.clone();
        self.writer.call(move |db| hearing::heed(db, &lease, &room, now)).await
    }

    async fn release(
        &self,
        lease: &Lease,
        wake_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let lease = lease.clone();
        self.writer.call(move |db| steps::release(db, &lease, wake_at, now)).await
    }

    async fn gather(
        &self,
        lease: &Lease,
        people: Vec<String>,
        now: Timestamp,
    ) -> Result<Gathered, StoreError> {
        let lease = lease.clone();
        self.writer.call(move |db| briefs::gather(db, &lease, &people, now)).await
    }

    async fn creations(&self, creation: Creation, now: Timestamp) -> Result<Vec<Made>, StoreError> {
        self.reader.call(move |db| queue::creations(db, &creation, now)).await
    }

    async fn groups_of(&self, instance: &str) -> Result<Vec<GroupId>, StoreError> {
        let instance = instance.to_owned();
        self.reader.call(move |db| orphans::groups_of(db, &instance)).await
    }

    async fn wake_rooms(&self, instance: &str, now: Timestamp) -> Result<usize, StoreError> {
        let instance = instance.to_owned();
        self.writer.call(move |db| waking::wake_rooms(db, &instance, now)).await
    }

    async fn put_outage(&self, instance: &str, since: Option<Timestamp>) -> Result<(), StoreError> {
        let instance = instance.to_owned();
        self.writer.call(move |db| waking::put_outage(db, &instance, since)).await
    }

    async fn outages(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        self.writer.call(waking::outages).await
    }

    async fn close_quiet(&self, rules: Rules, now: Timestamp) -> Result<usize, StoreError> {
        self.writer.call(move |db| steps::close_quiet(db, rules, now)).await
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError> {
        self.writer.call(steps::next_wake).await
    }

    async fn record_operator(&self, id: IncidentId, did: &str, now: Timestamp) -> Result<(), StoreError> {
        let did = did.to_owned();
        self.writer.call(move |db| orphans::asked(db, id, &did, now)).await
    }

    async fn wish(&self, id: IncidentId, wish: Wish, now: Timestamp) -> Result<WishTaken, StoreError> {
        self.writer.call(move |db| steps::wish(db, id, &wish, now)).await
    }

    async fn close_orphan(
        &self,
        id: IncidentId,
        group: GroupId,
        now: Timestamp,
    ) -> Result<WishTaken, StoreError> {
        self.writer.call(move |db| orphans::close(db, id, &group, now)).await
    }

    async fn open_orphans(&self) -> Result<i64, StoreError> {
        self.reader.call(orphans::count_open).await
    }

    async fn incidents(&self, query: IncidentQuery) -> Result<Vec<Summary>, StoreError> {
        self.reader
            .call(move |db| {
                let state = query.state.map(|state| match state {
                    IncidentState::Open => "open",
                    IncidentState::Resolved => "resolved",
                    IncidentState::Closed => "closed",
                });
                let limit = if query.limit == 0 { LISTED } else { query.limit };
                // Each by its own index: with an OR all incidents would be read.
                let of_state = match query.state {
                    Some(IncidentState::Open | IncidentState::Resolved) => {
                        "i.state = ?1 AND i.state <> 'closed'"
                    }
                    // Most of them are.
                    Some(IncidentState::Closed) => "+i.state = ?1",
                    None => "?1 IS NULL",
                };
                let sql = &format!(
                    "SELECT i.number, i.doc, d.doc, r.turn_at FROM incidents i
                     LEFT JOIN rooms r ON r.incident = i.number LEFT JOIN room_docs d ON d.incident = i.number
                     WHERE {of_state} ORDER BY i.number DESC LIMIT ?2"
                );
                let rows = all(db, sql, params![state, i64::try_from(limit).unwrap_or(i64::MAX)], |r| {
                    let (incident, room) = (r.get::<_, Doc>(1)?, r.get::<_, Option<Doc>>(2)?);
                    Ok((IncidentId(r.get(0)?), incident, room, r.get::<_, Option<i64>>(3)?))
                })?;
                let mut summaries = Vec::new();
                for (id, incident, room, turn_at) in rows {
                    let room = room.map_or(Ok(None), |doc| legible(db, "room", id, doc))?;
                    let Some(incident) = legible(db, "incident", id, incident)? else { continue };
                    let turn_at = turn_at.map(moment);
                    summaries.push(Summary { incident, room, turn_at, orphans: Vec::new() });
                }
                if let (Some(newest), Some(oldest)) = (summaries.first(), summaries.last()) {
                    for (id, orphan) in orphans::between(db, oldest.incident.id, newest.incident.id)? {
                        if let Some(summary) = summaries.iter_mut().find(|s| s.incident.id == id) {
                            summary.orphans.push(orphan);
                        }
                    }
                }
                Ok(summaries)
            })
            .await
    }

    async fn dossier(&self, id: IncidentId) -> Result<Option<Dossier>, StoreError> {
        self.reader
            .call(move |db| {
                let Some(incident) = rows::incident(db, id)? else { return Ok(None) };
                let room = rows::legible_room(db, id)?;
                let (turn_at, wish) = (queue::turn_of(db, id)?, rows::wish(db, id)?);
                let (orphans, timeline) = (orphans::of(db, id)?, timeline(db, id)?);
                Ok(Some(Dossier { incident, room, turn_at, wish, orphans, timeline }))
            })
            .await
    }

    async fn receipt(&self, id: ReceiptId) -> Result<Option<StoredHook>, StoreError> {
        self.reader
            .call(move |db| {
                let sql = "SELECT r.source, r.received_at, r.answer, b.headers, b.body
                           FROM receipts r LEFT JOIN bodies b ON b.receipt = r.id WHERE r.id = ?1";
                let row = first(db, sql, [id.0], |r| {
                    let (headers, body) = (r.get::<_, Option<Doc>>(3)?, r.get::<_, Option<Vec<u8>>>(4)?);
                    Ok((r.get(0)?, r.get(1)?, r.get::<_, Doc>(2)?, headers, body))
                })?;
                row.map(|(source, at, answer, headers, body)| {
                    Ok(StoredHook {
                        receipt: read("receipt", &answer)?,
                        source,
                        received_at: moment(at),
                        body: body.map(Bytes::from),
                        headers: headers.map_or(Ok(Vec::new()), |headers| read("headers", &headers))?,
                    })
                })
                .transpose()
            })
            .await
    }

    async fn forget_bodies(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let sql = "DELETE FROM bodies WHERE receipt IN
                   (SELECT receipt FROM bodies WHERE receipt < ?1 ORDER BY receipt LIMIT ?2)";
        let params = [ReceiptId::earliest_of(before).0, i64::try_from(limit).unwrap_or(i64::MAX)];
        self.writer.call(move |db| rows::execute(db, sql, params)).await
    }

    async fn set_aside(&self, lease: &Lease, wake_at: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let lease = lease.clone();
        self.writer.call(move |db| steps::set_aside(db, &lease, wake_at, now)).await
    }

    async fn aside(&self) -> Result<Vec<Aside>, StoreError> {
        let mut all = self.writer.call(rows::aside).await?;
        all.extend(self.reader.call(rows::aside).await?);
        all.sort();
        all.dedup_by(|one, other| (&one.what, &one.whose) == (&other.what, &other.whose));
        Ok(all)
    }

    async fn note_source_trouble(&self, seen: Sighting, now: Timestamp) -> Result<(), StoreError> {
        self.writer.call(move |db| source_troubles::note(db, &seen, now)).await
    }

    async fn source_troubles(&self, now: Timestamp) -> Result<Vec<SourceTrouble>, StoreError> {
        self.reader.call(move |db| source_troubles::list(db, now)).await
    }

    async fn take_trouble_call(&self, now: Timestamp) -> Result<Option<SourceTrouble>, StoreError> {
        self.writer.call(move |db| source_troubles::take_call(db, now)).await
    }

    async fn trouble_told(&self, told: &SourceTrouble, now: Timestamp) -> Result<(), StoreError> {
        let told = told.clone();
        self.writer.call(move |db| source_troubles::told(db, &told, now)).await
    }

    async fn ready(&self, now: Timestamp) -> Result<(), StoreError> {
        // As large as a usual hook: a full disk may still take a few bytes.
        let sql = "UPDATE pulse SET at = ?1, ballast = randomblob(16384)";
        self.writer.call(move |db| rows::execute(db, sql, [rows::millis(now)]).map(|_| ())).await
    }
}

/// A journal row as read: when, kind, key, instance, event, note, end.
type JournalRow = (i64, String, Option<String>, Option<String>, Option<Doc>, Option<Doc>, Option<i64>);

fn timeline(db: &Connection, id: IncidentId) -> Stored<Vec<Entry>> {
    let mut entries: Vec<Entry> = accept::hooks(db, id)?
        .into_iter()
        .map(|(at, receipt, source, outcome)| Entry {
            at: moment(at),
            what: Happening::Hook { receipt, source, outcome },
        })
        .collect();
    entries.extend(hearing::told(db, id)?);
    let rows: Vec<JournalRow> = all(
        db,
        "SELECT at, kind, key, instance, event, note, ended_at FROM journal WHERE incident = ?1 ORDER BY id",
        [id.0],
        |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?)),
    )?;
    for row in rows {
        let at = moment(row.0);
        match happening(row) {
            Ok(what) => entries.push(Entry { at, what }),
            Err(error) => rows::set_aside(db, "line of a timeline", &id.to_string(), &error.to_string())?,
        }
    }
    // Stable: what was written first stays first within one moment.
    entries.sort_by_key(|e| e.at);
    Ok(entries)
}

/// What a row of the journal tells.
fn happening((_, kind, key, instance, event, note, ended_at): JournalRow) -> Stored<Happening> {
    let (step, instance) = (key.unwrap_or_default(), instance.unwrap_or_default());
    let said = |doc: Option<Doc>| {
        doc.ok_or_else(|| StoreError::Corrupt { what: "note", why: "it is not there".to_owned() })
    };
    Ok(match kind.as_str() {
        "intent" => Happening::Call {
            step,
            instance,
            outcome: note.map(|note| read("note", note)).transpose()?,
            ended_at: ended_at.map(moment),
        },
        "event" => Happening::Moved { event: read("event", said(event)?)? },
        "stray" => Happening::Stray { step, outcome: read("note", said(note)?)? },
        "covered" => Happening::Covered { step, how: read("note", said(note)?)? },
        "asked" => Happening::Asked { what: read("wish", said(note)?)? },
        _ => Happening::Refused { why: read("reason", said(note)?)? },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn a_new_file_and_its_log_are_for_their_owner_only() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Sqlite::open(&folder.path().join("store.db")).unwrap();
        store.ready(Timestamp::UNIX_EPOCH).await.unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        }
    }
}
