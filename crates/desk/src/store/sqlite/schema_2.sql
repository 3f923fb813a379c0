-- The tables that version 2 adds to those of version 1.

-- Exports: data about cases that left, or is to leave, the provider.
CREATE TABLE exports (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16), -- number of the entry in the log
    case_id BLOB NOT NULL, -- cases.id
    form INTEGER NOT NULL, -- 1 Coop report, 2 Coop appeal, 3 Osprey, 4 CyberTip, 5 DSA, 6 webhook
    officer BLOB NOT NULL, -- who asked for it
    log_index INTEGER NOT NULL, -- entries.log_index
    made_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'taken', 'given_up')),
    tries INTEGER NOT NULL,
    next_try_at_ms INTEGER, -- NULL: taken or given up
    ended_at_ms INTEGER, -- NULL: waiting
    answer TEXT NOT NULL -- what the target said last
) STRICT;
CREATE INDEX exports_by_time ON exports (log_index);
CREATE INDEX exports_of_case ON exports (case_id, log_index);
CREATE INDEX exports_due ON exports (next_try_at_ms, id) WHERE state = 'waiting';

-- What exports send, until it is taken or given up.
CREATE TABLE outbox (
    export_id BLOB NOT NULL PRIMARY KEY CHECK (length(export_id) = 16), -- exports.id
    body BLOB NOT NULL
) STRICT;

-- Files that officers fetched, each once for an opening.
CREATE TABLE fetches (
    grant_digest BLOB NOT NULL CHECK (length(grant_digest) = 32), -- openings.grant_digest
    ordinal INTEGER NOT NULL, -- openings.ordinal
    blob BLOB NOT NULL CHECK (length(blob) = 32),
    report_id BLOB NOT NULL, -- reports.id
    log_index INTEGER NOT NULL, -- entries.log_index
    fetched_at_ms INTEGER NOT NULL,
    PRIMARY KEY (grant_digest, ordinal, blob)
) STRICT;
CREATE INDEX fetches_of_report ON fetches (report_id, log_index);

-- What targets said later. Nothing follows from it by itself; officers read it.
CREATE TABLE callbacks (
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    case_id BLOB, -- cases.id
    body BLOB NOT NULL, -- empty once erased
    received_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX callbacks_by_time ON callbacks (received_at_ms, digest);
CREATE INDEX callbacks_of_case ON callbacks (case_id, received_at_ms, digest)
    WHERE case_id IS NOT NULL;
