-- The tables of a desk, version 1.
--
-- Times end in _ms and are milliseconds since the Unix epoch. Days are days since then. Identifiers
-- (16 bytes), digests and public keys (32 bytes) are blobs. Officers are named by their public key.
-- Numbers of reasons, purposes, measures and kinds are those of the log's SPEC. SQLite stores the
-- text of each statement and compares it at each start, so a released statement never changes.

-- The log. Rows are only added. Erasing sets salt and detail to NULL; the entry stays.
CREATE TABLE entries (
    log_index INTEGER NOT NULL PRIMARY KEY, -- 0, 1, 2, and so on without a gap
    kind INTEGER NOT NULL, -- kind of event
    day INTEGER NOT NULL,
    number BLOB NOT NULL CHECK (length(number) = 16), -- of the report, the case or the grant
    entry BLOB NOT NULL, -- the public bytes
    salt BLOB, -- private: opens the digest in the entry, together with the detail
    detail BLOB
) STRICT;
CREATE INDEX entries_by_number ON entries (number, log_index);

-- The tree of the log, in tiles of up to 256 hashes (C2SP tlog-tiles).
CREATE TABLE tiles (
    level INTEGER NOT NULL,
    tile_index INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (level, tile_index)
) STRICT;

-- Signed checkpoints of the log, with the cosignatures collected so far.
CREATE TABLE checkpoints (
    size INTEGER NOT NULL PRIMARY KEY, -- number of entries
    note BLOB NOT NULL,
    made_at_ms INTEGER NOT NULL,
    is_complete INTEGER NOT NULL -- 1: cosigned by the vault and by enough witnesses
) STRICT;
CREATE INDEX checkpoints_complete ON checkpoints (size) WHERE is_complete = 1;

-- Leaves that were promised to reporters and wait for the batch of their day.
CREATE TABLE pending (
    leaf_hash BLOB NOT NULL PRIMARY KEY CHECK (length(leaf_hash) = 32),
    day INTEGER NOT NULL,
    entry BLOB NOT NULL,
    salt BLOB NOT NULL,
    detail BLOB NOT NULL
) STRICT;
CREATE INDEX pending_by_day ON pending (day, leaf_hash);

-- Reports that the intake took, accepted or rejected.
CREATE TABLE reports (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32), -- of the report as it was sent
    accepted_digest BLOB, -- of contents.accepted; grants name it; NULL if rejected
    number BLOB NOT NULL UNIQUE CHECK (length(number) = 16), -- in the log
    promise BLOB NOT NULL, -- what the reporter got
    reason INTEGER, -- NULL until the vault has told it
    rejected INTEGER, -- the check that rejected it
    received_day INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    case_id BLOB, -- cases.id
    reporter BLOB, -- keyed hash of the account, to count distinct reporters
    is_erased INTEGER NOT NULL -- 1: the row in contents was erased
) STRICT;
CREATE INDEX reports_of_case ON reports (case_id, received_at_ms, id) WHERE case_id IS NOT NULL;
CREATE INDEX reports_by_reporter ON reports (case_id, reporter) WHERE reporter IS NOT NULL;
CREATE INDEX reports_unsorted ON reports (received_at_ms, id)
    WHERE reason IS NULL AND rejected IS NULL;
CREATE INDEX reports_kept ON reports (received_at_ms, id)
    WHERE is_erased = 0 AND rejected IS NULL;

-- What the reports say. Only the vault can open it. Erasing removes the row.
CREATE TABLE contents (
    report_id BLOB NOT NULL PRIMARY KEY CHECK (length(report_id) = 16), -- reports.id
    accepted BLOB NOT NULL
) STRICT;

-- Cases: what was reported about one account.
CREATE TABLE cases (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    number BLOB NOT NULL UNIQUE CHECK (length(number) = 16), -- in the log
    account TEXT, -- the reported account; NULL once erased
    reason INTEGER NOT NULL,
    severity INTEGER NOT NULL, -- the higher, the graver
    first_report_at_ms INTEGER NOT NULL,
    last_report_at_ms INTEGER NOT NULL,
    reports INTEGER NOT NULL, -- how many
    reporters INTEGER NOT NULL, -- how many distinct ones
    status TEXT NOT NULL CHECK (status IN ('open', 'waiting', 'decided', 'closed')),
    officer BLOB, -- to whom the case is assigned
    assigned_until_ms INTEGER, -- from then on the case is free again
    is_held INTEGER NOT NULL, -- 1: a hold forbids to erase its content
    severity_rank INTEGER AS (-severity) VIRTUAL, -- ascending, as a page of the queue needs it
    reporters_rank INTEGER AS (-reporters) VIRTUAL
) STRICT;
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
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    number BLOB NOT NULL CHECK (length(number) = 16), -- in the log
    case_id BLOB NOT NULL, -- cases.id
    purpose INTEGER NOT NULL,
    signed BLOB NOT NULL, -- the grant with its signatures
    state TEXT NOT NULL CHECK (state IN ('requested', 'approved', 'denied', 'expired')),
    requester BLOB NOT NULL, -- the officer who asked
    approver BLOB, -- the officer who approved or denied
    requested_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    max_openings INTEGER NOT NULL,
    openings INTEGER NOT NULL, -- how many are in the log
    review_until_ms INTEGER, -- emergencies: when another officer has to have reviewed it
    review INTEGER, -- emergencies: 1 justified, 2 not justified
    is_overdue INTEGER NOT NULL -- emergencies: 1 if the log says that the review is overdue
) STRICT;
CREATE INDEX grants_of_case ON grants (case_id, requested_at_ms, id);
CREATE INDEX grants_requested ON grants (requested_at_ms, id) WHERE state = 'requested';
CREATE INDEX grants_in_force ON grants (expires_at_ms, id) WHERE state IN ('requested', 'approved');
CREATE INDEX grants_to_review ON grants (review_until_ms, id)
    WHERE review IS NULL AND review_until_ms IS NOT NULL;
CREATE INDEX grants_not_overdue ON grants (review_until_ms, id)
    WHERE review IS NULL AND review_until_ms IS NOT NULL AND is_overdue = 0;

-- Openings: each report that was shown to an officer, once per row.
CREATE TABLE openings (
    grant_digest BLOB NOT NULL CHECK (length(grant_digest) = 32), -- grants.digest
    ordinal INTEGER NOT NULL, -- 1, 2, and so on under one grant
    report_digest BLOB NOT NULL, -- reports.accepted_digest
    report_id BLOB NOT NULL, -- reports.id
    case_id BLOB NOT NULL, -- cases.id
    officer BLOB NOT NULL, -- who looked
    log_index INTEGER NOT NULL, -- entries.log_index
    logged_at_ms INTEGER NOT NULL,
    shown_at_ms INTEGER, -- NULL: logged, and never shown
    PRIMARY KEY (grant_digest, ordinal)
) STRICT;
CREATE INDEX openings_under_grant ON openings (grant_digest, log_index);
CREATE INDEX openings_of_report ON openings (report_id, log_index);
CREATE INDEX openings_of_case ON openings (case_id, log_index);
CREATE INDEX openings_not_shown ON openings (log_index) WHERE shown_at_ms IS NULL;

-- Decisions.
CREATE TABLE decisions (
    leaf_hash BLOB NOT NULL PRIMARY KEY CHECK (length(leaf_hash) = 32),
    log_index INTEGER NOT NULL, -- entries.log_index
    case_id BLOB NOT NULL, -- cases.id
    officer BLOB NOT NULL, -- who decided
    reason INTEGER NOT NULL,
    measure INTEGER NOT NULL,
    openings INTEGER NOT NULL, -- in the case, before the decision
    decided_at_ms INTEGER NOT NULL,
    appeal_until_ms INTEGER NOT NULL,
    signed BLOB NOT NULL -- the decision with its statement of reasons and the signature
) STRICT;
CREATE INDEX decisions_of_case ON decisions (case_id, log_index);

-- What reporters and the account were told about a decision.
CREATE TABLE notices (
    decision BLOB NOT NULL, -- decisions.leaf_hash
    side INTEGER NOT NULL, -- 1 reporters, 2 account
    recipient BLOB NOT NULL, -- cases.id
    body BLOB NOT NULL,
    made_at_ms INTEGER NOT NULL,
    sent_at_ms INTEGER, -- NULL: still to be sent
    log_index INTEGER, -- entries.log_index
    PRIMARY KEY (decision, side, recipient)
) STRICT;
CREATE INDEX notices_of_decision ON notices (decision, made_at_ms, side, recipient);
CREATE INDEX notices_unsent ON notices (made_at_ms, decision, side, recipient)
    WHERE sent_at_ms IS NULL;

-- Appeals against decisions.
CREATE TABLE appeals (
    leaf_hash BLOB NOT NULL PRIMARY KEY CHECK (length(leaf_hash) = 32),
    log_index INTEGER NOT NULL, -- entries.log_index
    decision BLOB NOT NULL, -- decisions.leaf_hash
    case_id BLOB NOT NULL, -- cases.id
    side INTEGER NOT NULL, -- 1 reporter, 2 account
    text TEXT, -- NULL once erased
    filed_at_ms INTEGER NOT NULL,
    outcome INTEGER, -- 1 upheld, 2 reversed; NULL: still to be decided
    officer BLOB, -- who decided the appeal
    decided_at_ms INTEGER,
    signed BLOB -- what that officer signed
) STRICT;
CREATE INDEX appeals_of_case ON appeals (case_id, log_index);
CREATE INDEX appeals_undecided ON appeals (log_index) WHERE outcome IS NULL;

-- The register of legal requests.
CREATE TABLE legal_requests (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    number BLOB NOT NULL CHECK (length(number) = 16), -- in the log
    basis INTEGER NOT NULL,
    authority TEXT NOT NULL, -- who asks, with the reference
    asked TEXT NOT NULL, -- what for
    received_at_ms INTEGER NOT NULL,
    outcome INTEGER, -- 1 produced, 2 partly, 3 refused, 4 not held; NULL: still to be answered
    items INTEGER NOT NULL, -- how many were produced
    produced TEXT,
    not_held TEXT, -- what does not exist at the provider
    officer BLOB, -- who answered
    answered_at_ms INTEGER
) STRICT;
CREATE INDEX legal_requests_by_time ON legal_requests (received_at_ms, id);

-- Holds: the content of the case must not be erased until they are lifted.
CREATE TABLE holds (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    number BLOB NOT NULL CHECK (length(number) = 16), -- in the log
    case_id BLOB NOT NULL, -- cases.id
    legal_id BLOB, -- legal_requests.id
    statement TEXT NOT NULL, -- why
    officer BLOB NOT NULL, -- who placed it
    placed_at_ms INTEGER NOT NULL,
    lifted_at_ms INTEGER -- NULL: still applies
) STRICT;
CREATE INDEX holds_of_case ON holds (case_id, placed_at_ms, id);

-- Versions of the policy.
CREATE TABLE policies (
    version INTEGER NOT NULL PRIMARY KEY,
    document BLOB NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 64), -- by the policy key
    log_index INTEGER NOT NULL, -- entries.log_index
    published_at_ms INTEGER NOT NULL
) STRICT;

-- Epochs of keys: which key was in use when.
CREATE TABLE key_epochs (
    key_kind INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    public BLOB NOT NULL, -- the public key, or the identifier of a secret key
    created_at_ms INTEGER NOT NULL,
    destroyed_at_ms INTEGER, -- NULL: still exists
    PRIMARY KEY (key_kind, epoch)
) STRICT;

-- Small values of the program.
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
