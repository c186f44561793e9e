-- One row that is written to see whether the disk still takes anything.
CREATE TABLE pulse (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    at INTEGER NOT NULL
);

INSERT INTO pulse VALUES (0, 0);
