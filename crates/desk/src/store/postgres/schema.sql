-- The tables of a desk in PostgreSQL, version 4. They are in a schema of their own, waxseal_desk.
--
-- Times end in _ms and are milliseconds since the Unix epoch. Days are days since then. Identifiers
-- (16 bytes), digests and public keys (32 bytes) are bytea. Officers are named by their public key.
-- Numbers of reasons, purposes, measures and kinds are those of the log's SPEC. In texts, a zero
-- byte is written as \0 and a backslash as \\, because PostgreSQL keeps no zero byte in a text.
-- A released statement never changes.

-- The version of the tables. One row.
CREATE TABLE format (version BIGINT NOT NULL);

-- The log. Rows are only added. Erasing sets salt and detail to NULL; the entry stays.
CREATE TABLE entries (
    log_index BIGINT NOT NULL PRIMARY KEY, -- 0, 1, 2, and so on without a gap
    kind BIGINT NOT NULL, -- kind of event
    day BIGINT NOT NULL,
    number BYTEA NOT NULL CHECK (octet_length(number) = 16), -- of the report, the case or the grant
    entry BYTEA NOT NULL, -- the public bytes
    salt BYTEA, -- private: opens the digest in the entry, together with the detail
    detail BYTEA
);
CREATE INDEX entries_by_number ON entries (number, log_index);

-- The tree of the log, in tiles of up to 256 hashes (C2SP tlog-tiles).
CREATE TABLE tiles (
    level BIGINT NOT NULL,
    tile_index BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (level, tile_index)
);

-- Signed checkpoints of the log, with the cosignatures collected so far.
CREATE TABLE checkpoints (
    size BIGINT NOT NULL PRIMARY KEY, -- number of entries
    note BYTEA NOT NULL,
    made_at_ms BIGINT NOT NULL,
    is_complete BIGINT NOT NULL -- 1: cosigned by the vault and by enough witnesses
);
CREATE INDEX checkpoints_complete ON checkpoints (size) WHERE is_complete = 1;

-- Leaves that were promised to reporters and wait for the batch of their day.
CREATE TABLE pending (
    leaf_hash BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(leaf_hash) = 32),
    day BIGINT NOT NULL,
    entry BYTEA NOT NULL,
    salt BYTEA NOT NULL,
    detail BYTEA NOT NULL
);
CREATE INDEX pending_by_day ON pending (day, leaf_hash);

-- Reports that the intake took, accepted or rejected.
CREATE TABLE reports (
    id BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    digest BYTEA NOT NULL UNIQUE CHECK (octet_length(digest) = 32), -- of the report as it was sent
    accepted_digest BYTEA, -- of contents.accepted; grants name it; NULL if rejected
    number BYTEA NOT NULL UNIQUE CHECK (octet_length(number) = 16), -- in the log
    promise BYTEA NOT NULL, -- what the reporter got
    reason BIGINT, -- NULL until the vault has told it
    rejected BIGINT, -- the check that rejected it
    received_day BIGINT NOT NULL,
    received_at_ms BIGINT NOT NULL,
    case_id BYTEA, -- cases.id
    reporter BYTEA, -- keyed hash of the account, to count distinct reporters
    is_erased BIGINT NOT NULL, -- 1: the row in contents was erased
    reporter_account TEXT COLLATE "C" -- who is told of a decision; NULL: rejected or erased
);
CREATE INDEX reports_of_case ON reports (case_id, received_at_ms, id) WHERE case_id IS NOT NULL;
CREATE INDEX reports_by_reporter ON reports (case_id, reporter) WHERE reporter IS NOT NULL;
CREATE INDEX reports_unsorted ON reports (received_at_ms, id)
    WHERE reason IS NULL AND rejected IS NULL;
CREATE INDEX reports_kept ON reports (received_at_ms, id)
    WHERE is_erased = 0 AND rejected IS NULL;

-- What the reports say. Only the vault can open it. Erasing removes the row.
CREATE TABLE contents (
    report_id BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(report_id) = 16), -- reports.id
    accepted BYTEA NOT NULL
);

-- Cases: what was reported about one account.
CREATE TABLE cases (
    id BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    number BYTEA NOT NULL UNIQUE CHECK (octet_length(number) = 16), -- in the log
    account TEXT COLLATE "C", -- the reported account; NULL once erased
    reason BIGINT NOT NULL,
    severity BIGINT NOT NULL, -- the higher, the graver
    first_report_at_ms BIGINT NOT NULL,
    last_report_at_ms BIGINT NOT NULL,
    reports BIGINT NOT NULL, -- how many
    reporters BIGINT NOT NULL, -- how many distinct ones
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('open', 'waiting', 'decided', 'closed')),
    officer BYTEA, -- to whom the case is assigned
    assigned_until_ms BIGINT, -- from then on the case is free again
    is_held BIGINT NOT NULL, -- 1: a hold forbids to erase its content
    -- Ascending, as a page of the queue needs them.
    severity_rank BIGINT GENERATED ALWAYS AS (-severity) STORED,
    reporters_rank BIGINT GENERATED ALWAYS AS (-reporters) STORED
);
CREATE INDEX cases_of_account ON cases (account, first_report_at_ms, id);
-- The queue, in three orders, of all cases and of those with one reason. The last columns let a
-- filter skip cases without reading them.
CREATE INDEX queue_by_age ON cases
    (status, first_report_at_ms, id, officer, assigned_until_ms);
CREATE INDEX queue_by_severity ON cases
    (status, severity_rank, first_report_at_ms, id, officer, assigned_until_ms);
CREATE INDEX queue_by_reporters ON cases
    (status, reporters_rank, first_report_at_ms, id, officer, assigned_until_ms);
CREATE INDEX queue_of_reason_by_age ON cases
    (status, reason, first_report_at_ms, id, officer, assigned_until_ms);
CREATE INDEX queue_of_reason_by_severity ON cases
    (status, reason, severity_rank, first_report_at_ms, id, officer, assigned_until_ms);
CREATE INDEX queue_of_reason_by_reporters ON cases
    (status, reason, reporters_rank, first_report_at_ms, id, officer, assigned_until_ms);

-- Grants: who may open which reports, why, how often and until when.
CREATE TABLE grants (
    id BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    digest BYTEA NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
    number BYTEA NOT NULL CHECK (octet_length(number) = 16), -- in the log
    case_id BYTEA NOT NULL, -- cases.id
    purpose BIGINT NOT NULL,
    signed BYTEA NOT NULL, -- the grant with its signatures
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('requested', 'approved', 'denied', 'expired')),
    requester BYTEA NOT NULL, -- the officer who asked
    approver BYTEA, -- the officer who approved or denied
    requested_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    max_openings BIGINT NOT NULL,
    openings BIGINT NOT NULL, -- how many are in the log
    review_until_ms BIGINT, -- emergencies: when another officer has to have reviewed it
    review BIGINT, -- emergencies: 1 justified, 2 not justified
    is_overdue BIGINT NOT NULL -- emergencies: 1 if the log says that the review is overdue
);
CREATE INDEX grants_of_case ON grants (case_id, requested_at_ms, id);
CREATE INDEX grants_requested ON grants (requested_at_ms, id) WHERE state = 'requested';
CREATE INDEX grants_in_force ON grants (expires_at_ms, id) WHERE state IN ('requested', 'approved');
CREATE INDEX grants_to_review ON grants (review_until_ms, id)
    WHERE review IS NULL AND review_until_ms IS NOT NULL;
CREATE INDEX grants_not_overdue ON grants (review_until_ms, id)
    WHERE review IS NULL AND review_until_ms IS NOT NULL AND is_overdue = 0;

-- Openings: each report that was shown to an officer, once per row.
CREATE TABLE openings (
    grant_digest BYTEA NOT NULL CHECK (octet_length(grant_digest) = 32), -- grants.digest
    ordinal BIGINT NOT NULL, -- 1, 2, and so on under one grant
    report_digest BYTEA NOT NULL, -- reports.accepted_digest
    report_id BYTEA NOT NULL, -- reports.id
    case_id BYTEA NOT NULL, -- cases.id
    officer BYTEA NOT NULL, -- who looked
    log_index BIGINT NOT NULL, -- entries.log_index
    logged_at_ms BIGINT NOT NULL,
    shown_at_ms BIGINT, -- NULL: logged, and never shown
    view_digest BYTEA, -- of what was shown; NULL: never shown
    PRIMARY KEY (grant_digest, ordinal)
);
CREATE INDEX openings_under_grant ON openings (grant_digest, log_index);
CREATE INDEX openings_of_report ON openings (report_id, log_index);
CREATE INDEX openings_of_case ON openings (case_id, log_index);
CREATE INDEX openings_not_shown ON openings (log_index) WHERE shown_at_ms IS NULL;

-- Decisions.
CREATE TABLE decisions (
    leaf_hash BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(leaf_hash) = 32),
    log_index BIGINT NOT NULL, -- entries.log_index
    case_id BYTEA NOT NULL, -- cases.id
    officer BYTEA NOT NULL, -- who decided
    reason BIGINT NOT NULL,
    measure BIGINT NOT NULL,
    openings BIGINT NOT NULL, -- in the case, before the decision
    decided_at_ms BIGINT NOT NULL,
    appeal_until_ms BIGINT NOT NULL,
    signed BYTEA NOT NULL -- the decision with its statement of reasons and the signature
);
CREATE INDEX decisions_of_case ON decisions (case_id, log_index);

-- What reporters and the account were told about a decision.
CREATE TABLE notices (
    decision BYTEA NOT NULL, -- decisions.leaf_hash
    side BIGINT NOT NULL, -- 1 reporters, 2 account
    recipient BYTEA NOT NULL, -- cases.id
    body BYTEA NOT NULL,
    made_at_ms BIGINT NOT NULL,
    sent_at_ms BIGINT, -- NULL: still to be sent
    log_index BIGINT, -- entries.log_index
    PRIMARY KEY (decision, side, recipient)
);
CREATE INDEX notices_of_decision ON notices (decision, made_at_ms, side, recipient);
CREATE INDEX notices_unsent ON notices (made_at_ms, decision, side, recipient)
    WHERE sent_at_ms IS NULL;

-- Appeals against decisions.
CREATE TABLE appeals (
    leaf_hash BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(leaf_hash) = 32),
    log_index BIGINT NOT NULL, -- entries.log_index
    decision BYTEA NOT NULL, -- decisions.leaf_hash
    case_id BYTEA NOT NULL, -- cases.id
    side BIGINT NOT NULL, -- 1 reporter, 2 account
    text TEXT COLLATE "C", -- NULL once erased
    filed_at_ms BIGINT NOT NULL,
    outcome BIGINT, -- 1 upheld, 2 reversed; NULL: still to be decided
    officer BYTEA, -- who decided the appeal
    decided_at_ms BIGINT,
    signed BYTEA -- what that officer signed
);
CREATE INDEX appeals_of_case ON appeals (case_id, log_index);
CREATE INDEX appeals_undecided ON appeals (log_index) WHERE outcome IS NULL;

-- The register of legal requests.
CREATE TABLE legal_requests (
    id BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    number BYTEA NOT NULL CHECK (octet_length(number) = 16), -- in the log
    basis BIGINT NOT NULL,
    authority TEXT COLLATE "C" NOT NULL, -- who asks, with the reference
    asked TEXT COLLATE "C" NOT NULL, -- what for
    received_at_ms BIGINT NOT NULL,
    outcome BIGINT, -- 1 produced, 2 partly, 3 refused, 4 not held; NULL: still to be answered
    items BIGINT NOT NULL, -- how many were produced
    produced TEXT COLLATE "C",
    not_held TEXT COLLATE "C", -- what does not exist at the provider
    officer BYTEA, -- who answered
    answered_at_ms BIGINT
);
CREATE INDEX legal_requests_by_time ON legal_requests (received_at_ms, id);

-- Holds: the content of the case must not be erased until they are lifted.
CREATE TABLE holds (
    id BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    number BYTEA NOT NULL CHECK (octet_length(number) = 16), -- in the log
    case_id BYTEA NOT NULL, -- cases.id
    legal_id BYTEA, -- legal_requests.id
    statement TEXT COLLATE "C" NOT NULL, -- why
    officer BYTEA NOT NULL, -- who placed it
    placed_at_ms BIGINT NOT NULL,
    lifted_at_ms BIGINT -- NULL: still applies
);
CREATE INDEX holds_of_case ON holds (case_id, placed_at_ms, id);

-- Versions of the policy.
CREATE TABLE policies (
    version BIGINT NOT NULL PRIMARY KEY,
    document BYTEA NOT NULL,
    signature BYTEA NOT NULL CHECK (octet_length(signature) = 64), -- by the policy key
    log_index BIGINT NOT NULL, -- entries.log_index
    published_at_ms BIGINT NOT NULL
);

-- Epochs of keys: which key was in use when.
CREATE TABLE key_epochs (
    key_kind BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    public BYTEA NOT NULL, -- the public key, or the identifier of a secret key
    created_at_ms BIGINT NOT NULL,
    destroyed_at_ms BIGINT, -- NULL: still exists
    PRIMARY KEY (key_kind, epoch)
);

-- Small values of the program.
CREATE TABLE meta (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

-- Exports: data about cases that left, or is to leave, the provider.
CREATE TABLE exports (
    id BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16), -- number of the entry in the log
    case_id BYTEA NOT NULL, -- cases.id
    form BIGINT NOT NULL, -- 1 Coop report, 2 Coop appeal, 3 Osprey, 4 CyberTip, 5 DSA, 6 webhook
    officer BYTEA NOT NULL, -- who asked for it
    log_index BIGINT NOT NULL, -- entries.log_index
    made_at_ms BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'taken', 'given_up')),
    tries BIGINT NOT NULL,
    next_try_at_ms BIGINT, -- NULL: taken or given up
    ended_at_ms BIGINT, -- NULL: waiting
    answer TEXT COLLATE "C" NOT NULL -- what the target said last
);
CREATE INDEX exports_by_time ON exports (log_index);
CREATE INDEX exports_of_case ON exports (case_id, log_index);
CREATE INDEX exports_due ON exports (next_try_at_ms, id) WHERE state = 'waiting';

-- What exports send, until it is taken or given up.
CREATE TABLE outbox (
    export_id BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(export_id) = 16), -- exports.id
    body BYTEA NOT NULL
);

-- Files that officers fetched, each once for an opening.
CREATE TABLE fetches (
    grant_digest BYTEA NOT NULL CHECK (octet_length(grant_digest) = 32), -- openings.grant_digest
    ordinal BIGINT NOT NULL, -- openings.ordinal
    blob BYTEA NOT NULL CHECK (octet_length(blob) = 32),
    report_id BYTEA NOT NULL, -- reports.id
    log_index BIGINT NOT NULL, -- entries.log_index
    fetched_at_ms BIGINT NOT NULL,
    handed_out BIGINT NOT NULL, -- how many bytes, from its start without a gap
    PRIMARY KEY (grant_digest, ordinal, blob)
);
CREATE INDEX fetches_of_report ON fetches (report_id, log_index);
CREATE INDEX fetches_of_blob ON fetches (blob, log_index);

-- What targets said later. Nothing follows from it by itself; officers read it.
CREATE TABLE callbacks (
    digest BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32),
    case_id BYTEA, -- cases.id
    body BYTEA NOT NULL, -- empty once erased
    received_at_ms BIGINT NOT NULL
);
CREATE INDEX callbacks_by_time ON callbacks (received_at_ms, digest);
CREATE INDEX callbacks_of_case ON callbacks (case_id, received_at_ms, digest)
    WHERE case_id IS NOT NULL;
