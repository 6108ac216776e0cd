-- The journal: operations as they stand, and the audit log of how they came to it.

CREATE TABLE journal (
    name TEXT PRIMARY KEY,  -- 'id': random, tells this journal from every other
    value TEXT NOT NULL
) STRICT;

CREATE TABLE write_operations (
    id TEXT PRIMARY KEY,
    connection TEXT NOT NULL,
    kind TEXT NOT NULL,
    number TEXT NOT NULL,
    arguments TEXT NOT NULL,
    payload TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    client TEXT NOT NULL,
    protocol TEXT NOT NULL,
    session TEXT NOT NULL,
    question TEXT,
    order_digest TEXT NOT NULL,
    content_digest TEXT NOT NULL,
    vendor TEXT NOT NULL,
    items TEXT NOT NULL,
    state TEXT NOT NULL,
    proposed_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    declined_at REAL,        -- when a form was answered with a no; the question stays open elsewhere
    sent_at REAL,
    counts_from REAL,        -- from when the age after the send counts
    watched_until REAL,
    foreign_since REAL,
    settled_at REAL,
    outcome TEXT,
    is_untold INTEGER NOT NULL,  -- 1: a late effect that no answer has told yet
    last_event TEXT NOT NULL
) STRICT;

-- By the index of what is live: by any other, each write would read every operation that there ever was.
CREATE VIEW live_operations AS
    SELECT * FROM write_operations INDEXED BY one_live_operation
    WHERE state IN ('PROPOSED', 'APPROVED', 'SENT', 'WATCHED', 'UNKNOWN');

-- One live operation per order: whoever comes second finds it, and cannot add another.
CREATE UNIQUE INDEX one_live_operation ON write_operations (connection, number)
    WHERE state IN ('PROPOSED', 'APPROVED', 'SENT', 'WATCHED', 'UNKNOWN');
CREATE INDEX by_call ON write_operations (connection, kind, number, settled_at);
CREATE INDEX by_content ON write_operations (connection, content_digest, settled_at);
CREATE INDEX by_vendor ON write_operations (connection, vendor) WHERE state IN ('SENT', 'WATCHED', 'UNKNOWN');
CREATE INDEX by_settlement ON write_operations (connection, kind, settled_at);
CREATE INDEX by_time ON write_operations (session, proposed_at);
CREATE INDEX untold ON write_operations (connection) WHERE is_untold = 1;

CREATE TABLE audit_log (
    place INTEGER PRIMARY KEY,
    operation_id TEXT NOT NULL,  -- '' for what concerns the journal itself
    at REAL NOT NULL,
    event TEXT NOT NULL,
    detail TEXT NOT NULL,
    row TEXT NOT NULL,       -- digest of the operation's row after the event
    previous TEXT NOT NULL,  -- hash of the event before
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX by_operation ON audit_log (operation_id, place);

CREATE TRIGGER audit_log_is_not_edited BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER audit_log_is_not_cut BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'append only'); END;

-- Which sets of credentials are known to lead to which connection.
CREATE TABLE connections (
    erp TEXT NOT NULL,
    address TEXT NOT NULL,
    company TEXT NOT NULL,      -- '' where it is not set
    credentials TEXT NOT NULL,
    connection TEXT NOT NULL,
    since REAL NOT NULL,
    PRIMARY KEY (erp, address, company, credentials)
) STRICT;

-- A vendor's token that all processes of one user share, because a new one ends the former.
CREATE TABLE shared_tokens (
    connection TEXT PRIMARY KEY,
    token TEXT NOT NULL,
    ends_at REAL NOT NULL
) STRICT;

-- The ERP credentials of single people, encrypted by a key that the journal does not hold.
CREATE TABLE erp_credentials (
    connection TEXT NOT NULL,
    person TEXT NOT NULL,       -- issuer and subject
    sealed TEXT NOT NULL,
    given_at REAL NOT NULL,
    PRIMARY KEY (connection, person)
) STRICT;

PRAGMA user_version = 5;
