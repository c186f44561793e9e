-- Who wants to be called. One row per person by their phone-number id, kept whatever the roster says later.
CREATE TABLE consents (
    jid      TEXT PRIMARY KEY,
    person   TEXT NOT NULL DEFAULT '',     -- key in the roster when last heard of
    hidden   TEXT,                         -- the hidden id, once it is known
    alias    TEXT,                         -- the id by which the network has them, where it is another one
    standing TEXT NOT NULL,                -- from the document: none, written, yes, stop
    doc      TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX consents_by_hidden ON consents (hidden) WHERE hidden IS NOT NULL;
CREATE INDEX consents_by_alias ON consents (alias) WHERE alias IS NOT NULL;

-- 1:1 messages that belong to no room: introductions, and receipts for STOP and START.
CREATE TABLE letters (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    jid      TEXT NOT NULL,
    kind     TEXT NOT NULL,                -- introduction, stopped, started, question
    made_at  INTEGER NOT NULL,
    due_at   INTEGER,                      -- when there is something to do about it; never once it is over
    token    TEXT,                         -- of whoever works on it
    instance TEXT,
    paced_at INTEGER,                      -- when it was last handed over, for the pace; not after now
    doc      TEXT NOT NULL
);

CREATE INDEX letters_by_due ON letters (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX letters_by_person ON letters (jid, kind, id);
CREATE INDEX letters_by_pace ON letters (instance, paced_at) WHERE paced_at IS NOT NULL;

-- Answers of which only a hidden id is known so far. They stay until it is found out whose they are.
CREATE TABLE unnamed (
    hidden   TEXT PRIMARY KEY,
    instance TEXT NOT NULL,
    tries    INTEGER NOT NULL DEFAULT 0,
    due_at   INTEGER NOT NULL,
    doc      TEXT NOT NULL
) WITHOUT ROWID;
