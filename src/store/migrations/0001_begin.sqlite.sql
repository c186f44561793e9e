-- Moments are milliseconds since 1970 in UTC. Documents are JSON, read and written whole.

CREATE TABLE receipts (
    id          TEXT PRIMARY KEY,
    source      TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    replay_key  TEXT,
    headers     TEXT NOT NULL,             -- those that say how the body is to be read
    body        BLOB NOT NULL,
    answer      TEXT NOT NULL
) WITHOUT ROWID;

CREATE UNIQUE INDEX receipts_by_replay_key ON receipts (source, replay_key) WHERE replay_key IS NOT NULL;

CREATE TABLE incidents (
    number    INTEGER PRIMARY KEY,
    key       TEXT NOT NULL,
    state     TEXT NOT NULL,
    resolved_at INTEGER,                   -- with closes_at, for clocks that are put back
    closes_at INTEGER,
    doc       TEXT NOT NULL
);

-- At most one incident of a key is not closed: this is what makes two of them impossible.
CREATE UNIQUE INDEX incidents_by_key ON incidents (key) WHERE state <> 'closed';
CREATE INDEX incidents_by_close ON incidents (closes_at) WHERE closes_at IS NOT NULL;
CREATE INDEX incidents_by_end ON incidents (resolved_at) WHERE resolved_at IS NOT NULL;

CREATE TABLE alerts (
    incident INTEGER NOT NULL REFERENCES incidents (number),
    id       TEXT NOT NULL,
    doc      TEXT NOT NULL,
    PRIMARY KEY (incident, id)
) WITHOUT ROWID;

CREATE TABLE news (
    incident INTEGER NOT NULL REFERENCES incidents (number),
    seq      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    receipt  TEXT NOT NULL,
    doc      TEXT NOT NULL,
    PRIMARY KEY (incident, seq)
) WITHOUT ROWID;

-- Which hook touched which incident, for the timeline.
CREATE TABLE hooks (
    incident INTEGER NOT NULL REFERENCES incidents (number),
    receipt  TEXT NOT NULL,
    source   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    outcome  TEXT NOT NULL,
    PRIMARY KEY (incident, at, receipt)
) WITHOUT ROWID;

CREATE TABLE rooms (
    incident    INTEGER PRIMARY KEY REFERENCES incidents (number),
    phase       TEXT NOT NULL,
    doc         TEXT NOT NULL,
    wish        TEXT,
    wake_at     INTEGER,
    touched_at  INTEGER,                   -- as in the document, for clocks that are put back
    stirred     INTEGER NOT NULL DEFAULT 0,
    lease_token TEXT,
    lease_until INTEGER
);

CREATE INDEX rooms_by_wake ON rooms (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX rooms_by_touch ON rooms (touched_at) WHERE wake_at IS NOT NULL;

CREATE TABLE journal (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    incident INTEGER NOT NULL REFERENCES incidents (number),
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL,                -- intent, event, stray, refused, asked
    step     TEXT,                         -- bounded name, for pacing
    key      TEXT,                         -- what exactly, for people
    instance TEXT,
    private  INTEGER NOT NULL DEFAULT 0,   -- a message to one person
    spent    INTEGER NOT NULL DEFAULT 1,   -- 0 when the call certainly did nothing
    event    TEXT,
    note     TEXT,
    ended_at INTEGER,
    paced_at INTEGER                       -- when it counts for the pace; not after now
);

CREATE INDEX journal_by_incident ON journal (incident, id);
CREATE INDEX journal_by_pace ON journal (instance, step, paced_at) WHERE kind = 'intent';

CREATE TABLE orphans (
    group_id   TEXT PRIMARY KEY,
    incident   INTEGER NOT NULL REFERENCES incidents (number),
    instance   TEXT,
    found_at   INTEGER NOT NULL,
    how        TEXT NOT NULL,
    state      TEXT NOT NULL,              -- open, closing, closed
    changed_at INTEGER,
    trouble    TEXT
) WITHOUT ROWID;

CREATE INDEX orphans_by_incident ON orphans (incident);
