-- The journal: operations as they stand, and the trail of how they came to it.

CREATE TABLE operations (
    id TEXT PRIMARY KEY,
    meaning TEXT NOT NULL,
    connection TEXT NOT NULL,
    kind TEXT NOT NULL,
    number TEXT NOT NULL,
    arguments TEXT NOT NULL,
    digest TEXT NOT NULL,
    question TEXT,
    intent TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL,
    expires_at REAL NOT NULL,
    sent_at REAL,
    settled_at REAL,
    outcome TEXT,
    last_event TEXT NOT NULL
) STRICT;

-- One live operation per order: whoever comes second finds it, and cannot add another.
CREATE UNIQUE INDEX one_live_operation ON operations (connection, number)
    WHERE state IN ('PROPOSED', 'APPROVED', 'SENT', 'UNKNOWN');
CREATE INDEX by_meaning ON operations (meaning, attempt);
CREATE INDEX by_content ON operations (connection, fingerprint, settled_at);

CREATE TABLE trail (
    place INTEGER PRIMARY KEY,
    operation_id TEXT NOT NULL,
    at REAL NOT NULL,
    event TEXT NOT NULL,
    detail TEXT NOT NULL,
    row TEXT NOT NULL,       -- digest of the operation's row after the event
    previous TEXT NOT NULL,  -- hash of the event before
    hash TEXT NOT NULL
) STRICT;

CREATE TRIGGER trail_is_not_edited BEFORE UPDATE ON trail BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER trail_is_not_cut BEFORE DELETE ON trail BEGIN SELECT RAISE(ABORT, 'append only'); END;

-- A vendor's token that all processes of one user share, because a new one ends the former.
CREATE TABLE tokens (
    connection TEXT PRIMARY KEY,
    token TEXT NOT NULL,
    ends_at REAL NOT NULL
) STRICT;

PRAGMA user_version = 1;
