-- One row that is written to see whether the disk still takes anything.
CREATE TABLE pulse (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    at INTEGER NOT NULL,
    ballast BLOB NOT NULL                  -- so that it needs as much of the disk as a hook does
);

INSERT INTO pulse VALUES (0, 0, x'');

-- Linked numbers that do not work, since when.
CREATE TABLE outages (
    instance TEXT PRIMARY KEY,
    since    INTEGER NOT NULL
) WITHOUT ROWID;
