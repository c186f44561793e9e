-- Moments are milliseconds since 1970 in UTC; yes and no are 1 and 0. Documents are JSON, read and written whole.

-- One row per accepted hook, kept for good: by its replay hash a delivery that comes twice is known.
CREATE TABLE receipts (
    id          INTEGER PRIMARY KEY,       -- grows with time
    source      TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    replay      INTEGER,                   -- 64 bits of a hash of source and delivery, and of how it was read if it did nothing
    answer      TEXT NOT NULL
);

CREATE UNIQUE INDEX receipts_by_replay ON receipts (replay) WHERE replay IS NOT NULL;

-- What came, for as long as it is kept.
CREATE TABLE bodies (
    receipt INTEGER PRIMARY KEY,
    headers TEXT NOT NULL,                 -- those that say how the body is to be read
    body    BLOB NOT NULL
);

-- Signers' certificates by their address, so that a restart need not ask for them.
CREATE TABLE certificates (
    address    TEXT PRIMARY KEY,
    pem        BLOB NOT NULL,
    fetched_at INTEGER NOT NULL
) WITHOUT ROWID;

-- What sources sent that nobody was called for, because it could not be taken.
CREATE TABLE source_troubles (
    kind      TEXT NOT NULL,
    source    TEXT NOT NULL,               -- what stood in the address, if it is no source's
    why       TEXT NOT NULL,
    bytes     INTEGER NOT NULL,
    times     INTEGER NOT NULL,
    since     INTEGER NOT NULL,
    last_at   INTEGER NOT NULL,
    called_at INTEGER,                     -- when the fallback webhook was told last
    PRIMARY KEY (kind, source)
) WITHOUT ROWID;

CREATE TABLE incidents (
    number    INTEGER PRIMARY KEY,
    key       TEXT NOT NULL,
    state     TEXT NOT NULL,               -- open, resolved, closed; unreadable once its document is not
    look_at   INTEGER,                     -- when time alone changes it: the quiet time ends, its source is silent
    doc       TEXT NOT NULL
);

-- At most one incident of a key is not closed: this is what makes two of them impossible.
CREATE UNIQUE INDEX incidents_by_key ON incidents (key) WHERE state IN ('open', 'resolved');
CREATE INDEX incidents_by_state ON incidents (state, number) WHERE state <> 'closed';
CREATE INDEX incidents_by_age ON incidents (key, number) WHERE state = 'closed';
CREATE INDEX incidents_by_look ON incidents (look_at) WHERE look_at IS NOT NULL;

-- Keys whose alerts belong to the incident of another key, because too many began at once.
CREATE TABLE joined (
    key      TEXT PRIMARY KEY,
    incident INTEGER NOT NULL REFERENCES incidents (number),
    source   TEXT NOT NULL,
    route    TEXT NOT NULL,
    at       INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX joined_by_incident ON joined (incident);
CREATE INDEX joined_by_origin ON joined (source, route, at);

CREATE TABLE alerts (
    incident INTEGER NOT NULL REFERENCES incidents (number),
    id       TEXT NOT NULL,
    listed_by TEXT,                        -- while it fires: the key of the complete list that names it
    missing_since INTEGER,                 -- while it is not known to be over: since when that list does not
    doc      TEXT NOT NULL,
    PRIMARY KEY (incident, id)
);

CREATE INDEX alerts_by_list ON alerts (incident, listed_by) WHERE listed_by IS NOT NULL AND missing_since IS NULL;
CREATE INDEX alerts_missing ON alerts (incident, missing_since) WHERE missing_since IS NOT NULL;
-- The same alert under another key, as after the edit of a route.
CREATE INDEX alerts_by_id ON alerts (id);

-- Ends that came before their beginnings, which may still be on their way.
CREATE TABLE ends (
    key TEXT NOT NULL,
    id  TEXT NOT NULL,
    at  INTEGER NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (key, id)
) WITHOUT ROWID;

CREATE INDEX ends_by_age ON ends (at);

CREATE TABLE news (
    incident INTEGER NOT NULL REFERENCES incidents (number),
    seq      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    receipt  INTEGER,                      -- of the hook that told it, if one did
    doc      TEXT NOT NULL,
    PRIMARY KEY (incident, seq)
) WITHOUT ROWID;

-- Which hook changed which incident, for the timeline.
CREATE TABLE hooks (
    incident INTEGER NOT NULL REFERENCES incidents (number),
    receipt  INTEGER NOT NULL,
    source   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    outcome  TEXT NOT NULL,
    PRIMARY KEY (incident, receipt)
) WITHOUT ROWID;

-- What rooms are looked for by. It changes more often than their documents, which are longer.
CREATE TABLE rooms (
    incident    INTEGER PRIMARY KEY REFERENCES incidents (number),
    phase       TEXT NOT NULL,
    group_id    TEXT,                      -- from the document, to find the room of what the gateway tells
    instance    TEXT,                      -- from the document: the linked number
    wish        TEXT,
    wake_at     INTEGER,
    changes      INTEGER NOT NULL DEFAULT 0,    -- how often something came up for it
    changes_seen INTEGER NOT NULL DEFAULT 0,    -- as whoever held it last has seen it
    lease_token TEXT,
    lease_until INTEGER,
    news_read   INTEGER NOT NULL DEFAULT 0,     -- the last piece of news that whoever held it has read
    news_told   INTEGER NOT NULL DEFAULT 0,     -- from the document: through which a message was begun
    -- The rest is in the document too, and here so that it can be looked for.
    source      TEXT NOT NULL,
    route       TEXT NOT NULL,
    opened_at   INTEGER NOT NULL,
    rank        INTEGER NOT NULL DEFAULT 1,     -- 0 for an important route
    hosting     INTEGER NOT NULL DEFAULT 0,     -- whether guests can come in: 0 no, 1 soon, 2 yes
    guest_of    INTEGER,                        -- in whose group it is
    urgency     INTEGER NOT NULL DEFAULT 0,     -- the order in which rooms that are due are taken
    budget_at   INTEGER                         -- while it waits for a number's budget: about when it has one
);

CREATE TABLE room_docs (
    incident INTEGER PRIMARY KEY REFERENCES incidents (number),
    doc      TEXT NOT NULL
);

CREATE INDEX rooms_by_urgency ON rooms (urgency, wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX rooms_by_phase ON rooms (phase) WHERE phase NOT IN ('closed', 'skipped');
CREATE INDEX rooms_by_origin ON rooms (source, route, opened_at);
CREATE INDEX rooms_by_group ON rooms (group_id) WHERE group_id IS NOT NULL;
CREATE INDEX rooms_by_lease ON rooms (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX rooms_by_budget ON rooms (rank, incident) WHERE budget_at IS NOT NULL;
CREATE INDEX rooms_by_route ON rooms (route, hosting, incident) WHERE hosting > 0;
CREATE INDEX rooms_by_host ON rooms (guest_of) WHERE guest_of IS NOT NULL;

-- What the gateway told by itself of a room; the room remembers how far it has heard.
CREATE TABLE notices (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    incident INTEGER NOT NULL REFERENCES incidents (number),
    at       INTEGER NOT NULL,
    instance TEXT NOT NULL,
    doc      TEXT NOT NULL
);

CREATE INDEX notices_by_incident ON notices (incident, id);

-- What it told lately, so that a repeat is known.
CREATE TABLE notices_seen (
    instance TEXT NOT NULL,
    id       TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (instance, id)
) WITHOUT ROWID;

CREATE INDEX notices_seen_by_age ON notices_seen (at);

-- Who has to hear 1:1 of which incident that waits for its group, and in the message of which one they do.
CREATE TABLE briefs (
    id       INTEGER PRIMARY KEY,
    person   TEXT NOT NULL,
    incident INTEGER NOT NULL REFERENCES incidents (number),
    severity INTEGER NOT NULL,
    told_by  INTEGER,                           -- the incident whose message tells of it
    told_at  INTEGER,                           -- when that was known to have ended
    well     INTEGER,                           -- whether it was handed over
    UNIQUE (person, incident)
);

CREATE INDEX briefs_due ON briefs (person, severity, incident) WHERE told_by IS NULL;
CREATE INDEX briefs_on_the_way ON briefs (told_by) WHERE told_by IS NOT NULL AND told_at IS NULL;
CREATE INDEX briefs_by_incident ON briefs (incident);

-- Until when nobody but one room writes to a person.
CREATE TABLE brief_pauses (
    person TEXT PRIMARY KEY,
    until  INTEGER NOT NULL,
    except_for INTEGER                          -- the incident that may
) WITHOUT ROWID;

CREATE TABLE journal (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    incident INTEGER NOT NULL REFERENCES incidents (number),
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL,                -- intent, event, stray, refused, covered, asked
    step     TEXT,                         -- bounded name, for pacing
    key      TEXT,                         -- what exactly, for people
    instance TEXT,
    number   TEXT,                         -- of a new group: whose budget it uses, whatever the number is called
    private  INTEGER NOT NULL DEFAULT 0,   -- a message to one person
    important INTEGER NOT NULL DEFAULT 0,  -- a group for an important route
    spent    INTEGER NOT NULL DEFAULT 1,   -- 0 when the call certainly did nothing
    event    TEXT,
    note     TEXT,
    ended_at INTEGER,
    paced_at INTEGER                       -- when it counts for the pace; not after now
);

CREATE INDEX journal_by_incident ON journal (incident, id);
CREATE INDEX journal_open ON journal (incident) WHERE kind = 'intent' AND ended_at IS NULL;
CREATE INDEX journal_by_number ON journal (number, paced_at) WHERE number IS NOT NULL;
CREATE INDEX journal_by_pace ON journal (instance, step, paced_at) WHERE kind = 'intent';

CREATE TABLE duplicates (
    group_id   TEXT PRIMARY KEY,
    incident   INTEGER NOT NULL REFERENCES incidents (number),
    instance   TEXT,
    found_at   INTEGER NOT NULL,
    how        TEXT NOT NULL,
    state      TEXT NOT NULL,              -- open, closing, closed
    changed_at INTEGER,
    trouble    TEXT
) WITHOUT ROWID;

CREATE INDEX duplicates_by_incident ON duplicates (incident);

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

-- 1:1 messages that belong to no room: opt-in requests, and receipts for STOP and START.
CREATE TABLE letters (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    jid      TEXT NOT NULL,
    kind     TEXT NOT NULL,                -- opt_in_request, stopped, started, question
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

-- One row that is written to see whether the disk still takes anything.
CREATE TABLE pulse (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    at INTEGER NOT NULL,
    ballast BLOB NOT NULL                  -- so that it needs as much of the disk as a hook does
);

INSERT INTO pulse VALUES (0, 0, x'');

-- About the newest moment that was seen, by which a clock that was put back is noticed.
CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    at INTEGER NOT NULL
);

INSERT INTO clock VALUES (0, 0);

-- What is known of our linked numbers, by their names in the config.
CREATE TABLE numbers (
    instance TEXT PRIMARY KEY,
    changes  INTEGER NOT NULL,             -- how often it has changed
    doc      TEXT NOT NULL
) WITHOUT ROWID;
