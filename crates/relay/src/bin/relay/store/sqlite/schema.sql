-- SQLite stores the text of each statement, and with it the comments inside. Changing those changes
-- the database.

CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE, -- "Bob" is not another account than "bob"
    -- what the name looks like; NULL if an earlier account of before looks the same
    skeleton TEXT,
    pinned BLOB, -- the newest roster; NULL for an account of before, until its device publishes one
    -- until when the account may write to any number of strangers, in proven time; NULL if it was
    -- registered since the relay counts them
    spared_until_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX account_skeleton ON account (skeleton);

-- A row for each device that the account's roster lists, whether or not it has registered. An
-- account of before without a roster has one device. A number is never used again for a row, so
-- that what is cached by it belongs to one device.
CREATE TABLE device (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL REFERENCES account,
    number INTEGER NOT NULL, -- the device's number within the account
    identity BLOB NOT NULL,
    delivery_key BLOB, -- sealed under the root key file; NULL until the device registers
    base BLOB,
    accepted_at_ms INTEGER, -- of the last message that the device sent; NULL before the first
    mark BLOB, -- the highest that the device posted; NULL before the first
    lost_from_ms INTEGER, -- between which times messages for the device were dropped; NULL if none
    lost_to_ms INTEGER,
    has_left INTEGER NOT NULL DEFAULT 0, -- 1 once it left by itself; the roster still lists it
    UNIQUE (account, number)
) STRICT;
-- Removed devices whose queue is not deleted yet have a negative number.
CREATE INDEX device_removed ON device (number) WHERE number < 0;

-- A row stays after its part was handed out, so that a part uploaded twice is not handed out twice.
CREATE TABLE one_time (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device INTEGER NOT NULL REFERENCES device,
    digest BLOB NOT NULL,
    part BLOB, -- NULL once it was handed out
    UNIQUE (device, digest)
) STRICT;
CREATE INDEX one_time_left ON one_time (device, id) WHERE part IS NOT NULL;
CREATE INDEX one_time_spent ON one_time (device, id) WHERE part IS NULL;

-- The number of the recipient's next delivery. The row is locked until the message is committed, so
-- a recipient's numbers follow the order of commits, whatever process writes.
CREATE TABLE inbox (
    recipient INTEGER PRIMARY KEY REFERENCES device,
    next INTEGER NOT NULL
) STRICT;
CREATE TABLE queue (
    recipient INTEGER NOT NULL REFERENCES device,
    number INTEGER NOT NULL,
    sender INTEGER NOT NULL REFERENCES account,
    epoch INTEGER NOT NULL,
    -- a StampedEnvelope, or the slot of a group message: the delivery's MAC is made when it is
    -- handed out
    stamped BLOB NOT NULL,
    body INTEGER REFERENCES body, -- NULL if the message is not of a group
    body_len INTEGER NOT NULL DEFAULT 0,
    accepts INTEGER NOT NULL DEFAULT 0, -- 1 if the recipient gets a token for the sender with it
    PRIMARY KEY (recipient, number)
) STRICT;
CREATE INDEX queue_epoch ON queue (epoch);
CREATE INDEX queue_body ON queue (body) WHERE body IS NOT NULL;

-- A StampedGroup: what all devices get alike. It goes with the last of its rows in the queue.
CREATE TABLE body (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stamped BLOB NOT NULL
) STRICT;

-- Number and size of the queued messages of one sending account for one receiving device:
-- (recipient, sender). The totals are (recipient, 0) for all senders, and (0, 0) for all queues. A
-- body counts for each device, and once in the total of all.
CREATE TABLE share (
    recipient INTEGER NOT NULL,
    sender INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (recipient, sender)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER queue_grows AFTER INSERT ON queue BEGIN
    INSERT INTO share VALUES
        (new.recipient, new.sender, 1, length(new.stamped) + new.body_len),
        (new.recipient, 0, 1, length(new.stamped) + new.body_len),
        (0, 0, 1, length(new.stamped))
        ON CONFLICT DO UPDATE SET messages = messages + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER queue_shrinks AFTER DELETE ON queue BEGIN
    UPDATE share SET messages = messages - 1, bytes = bytes - length(old.stamped) - old.body_len
        WHERE recipient = old.recipient AND sender IN (old.sender, 0);
    UPDATE share SET messages = messages - 1, bytes = bytes - length(old.stamped)
        WHERE recipient = 0 AND sender = 0;
    DELETE FROM share
        WHERE recipient = old.recipient AND sender IN (old.sender, 0) AND messages = 0;
    DELETE FROM body WHERE id = old.body AND NOT EXISTS (SELECT 1 FROM queue WHERE body = old.body);
END;
CREATE TRIGGER body_grows AFTER INSERT ON body BEGIN
    INSERT INTO share VALUES (0, 0, 0, length(new.stamped))
        ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER body_shrinks AFTER DELETE ON body BEGIN
    UPDATE share SET bytes = bytes - length(old.stamped) WHERE recipient = 0 AND sender = 0;
END;

-- What is in the slots of mailboxes, for ten minutes. `owner` is "a:" and an address, or "d:" and
-- an account.
CREATE TABLE mailbox (
    mailbox BLOB NOT NULL,
    slot INTEGER NOT NULL,
    owner TEXT NOT NULL,
    put_at_ms INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (mailbox, slot)
) STRICT;
CREATE INDEX mailbox_age ON mailbox (put_at_ms);

-- Number of slots and their size, 256 bytes more for each: of one owner, and in all of the owners
-- that are addresses ("a:") and accounts ("d:").
CREATE TABLE lodged (
    owner TEXT PRIMARY KEY,
    slots INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER mailbox_grows AFTER INSERT ON mailbox BEGIN
    INSERT INTO lodged VALUES
        (new.owner, 1, length(new.content) + 256),
        (substr(new.owner, 1, 2), 1, length(new.content) + 256)
        ON CONFLICT DO UPDATE SET slots = slots + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER mailbox_shrinks AFTER DELETE ON mailbox BEGIN
    UPDATE lodged SET slots = slots - 1, bytes = bytes - length(old.content) - 256
        WHERE owner IN (old.owner, substr(old.owner, 1, 2));
    DELETE FROM lodged WHERE owner = old.owner AND slots = 0;
END;

-- The strangers to which an account wrote within 7 days: accounts that gave it no token. They count
-- for 24 hours.
CREATE TABLE stranger (
    account INTEGER NOT NULL REFERENCES account,
    other INTEGER NOT NULL REFERENCES account,
    at_ms INTEGER NOT NULL, -- in proven time
    is_paid INTEGER NOT NULL, -- 1 if it does not count: a pass came later, or the account is spared
    is_fellow INTEGER NOT NULL, -- 1 if it counts as a fellow member of a group
    PRIMARY KEY (account, other)
) STRICT, WITHOUT ROWID;
CREATE INDEX stranger_age ON stranger (at_ms);

-- The passes that were used, until they expired.
CREATE TABLE pass (
    pass BLOB PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES account,
    at_ms INTEGER NOT NULL, -- when it was used, in proven time
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pass_account ON pass (account, at_ms);
CREATE INDEX pass_age ON pass (at_ms);

-- One row: proven time, along which stamp keys are destroyed.
CREATE TABLE proven (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at_ms INTEGER NOT NULL,
    began_ms INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    drop_before INTEGER NOT NULL, -- the epoch before which all relays have destroyed their keys
    line INTEGER NOT NULL DEFAULT 0 -- drawn anew when the time is set back, or comes from a backup
) STRICT;

-- The relays that use the database. On SQLite, there is one.
CREATE TABLE process (
    number INTEGER PRIMARY KEY, -- drawn for the relay's folder
    run INTEGER NOT NULL, -- drawn when it started
    name TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL, -- of the newest tables that it knows
    seen_ms INTEGER NOT NULL, -- its clock when it said something last
    said_ms INTEGER NOT NULL, -- the database's clock then, if it has one
    destroyed_before INTEGER NOT NULL, -- the epoch before which it has destroyed its stamp keys
    steady_ms INTEGER NOT NULL, -- for how long its clocks have agreed
    clock_ms INTEGER NOT NULL -- its clock when it moved proven time last
) STRICT;

-- One row: the digest of the root key, which all relays of the database have.
CREATE TABLE relay_key (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    digest BLOB NOT NULL
) STRICT;

CREATE TABLE report (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL, -- of the report as it came in
    reporter TEXT NOT NULL,
    accepted_at_ms INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    -- under the acceptance key; what was reported is sealed to the moderation key
    accepted BLOB NOT NULL, -- empty once the review has ended
    rejected INTEGER, -- the check it failed in review
    closed INTEGER NOT NULL DEFAULT 0, -- 1 once the reviewer closed it
    promise BLOB -- of the desk; NULL until it has answered
) STRICT;
CREATE INDEX report_digest ON report (digest);
CREATE INDEX report_day ON report (reporter, accepted_at_ms);
CREATE INDEX report_unpromised ON report (id)
    WHERE promise IS NULL AND closed = 0 AND rejected IS NULL;

-- Number and size of the reports of one account that wait for review. The total of all is ''.
CREATE TABLE waiting (
    reporter TEXT PRIMARY KEY,
    reports INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER report_waits AFTER INSERT ON report BEGIN
    INSERT INTO waiting VALUES
        (new.reporter, 1, length(new.accepted)),
        ('', 1, length(new.accepted))
        ON CONFLICT DO UPDATE SET reports = reports + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER report_ends AFTER UPDATE OF accepted ON report
        WHEN length(old.accepted) > 0 AND length(new.accepted) = 0 BEGIN
    UPDATE waiting SET reports = reports - 1, bytes = bytes - length(old.accepted)
        WHERE reporter IN (old.reporter, '');
    DELETE FROM waiting WHERE reporter = old.reporter AND reports = 0;
END;
CREATE TABLE nullifier (
    nullifier BLOB NOT NULL,
    report INTEGER NOT NULL REFERENCES report,
    PRIMARY KEY (nullifier, report)
) STRICT, WITHOUT ROWID;
CREATE INDEX nullifier_report ON nullifier (report);

-- Each time the reviewer listed the reports or opened one. No row is ever changed or removed.
CREATE TABLE look (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    reviewer TEXT NOT NULL, -- the key's fingerprint
    report INTEGER REFERENCES report -- NULL: the list
) STRICT;
CREATE INDEX look_report ON look (report);
CREATE TRIGGER look_stays BEFORE UPDATE ON look BEGIN SELECT RAISE(ABORT, 'the record of looks is final'); END;
CREATE TRIGGER look_remains BEFORE DELETE ON look BEGIN SELECT RAISE(ABORT, 'the record of looks is final'); END;

-- Groups. The times are apart from the log, because each message changes them.
CREATE TABLE group_log (
    id INTEGER PRIMARY KEY,
    public_id BLOB NOT NULL UNIQUE, -- the group's id
    log BLOB NOT NULL -- a GroupLog: newest state, its entry, authority chain, hashes of before
) STRICT;
CREATE TABLE group_time (
    group_id INTEGER PRIMARY KEY REFERENCES group_log,
    changed_ms INTEGER NOT NULL, -- accepted time of the newest entry or leave
    newest_ms INTEGER NOT NULL -- the same, or of the newest message
) STRICT;
CREATE TABLE group_entry (
    group_id INTEGER NOT NULL REFERENCES group_log,
    version INTEGER NOT NULL,
    entry BLOB NOT NULL,
    accepted_at_ms INTEGER NOT NULL,
    PRIMARY KEY (group_id, version)
) STRICT;

-- When an account was in a group, for the intake: from the entry that added it to the one that
-- removed it. Who gets messages is in the signed state alone.
CREATE TABLE member (
    group_id INTEGER NOT NULL REFERENCES group_log,
    account INTEGER NOT NULL REFERENCES account,
    since INTEGER NOT NULL, -- version of the entry that added it
    from_ms INTEGER NOT NULL,
    until INTEGER, -- version of the entry that removed it; NULL until then
    to_ms INTEGER,
    left_ms INTEGER, -- when it left by itself; NULL until then
    PRIMARY KEY (group_id, account, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_account ON member (account, group_id) WHERE until IS NULL;

-- Sealed files. Their bytes are in the store of blobs, in the files that `blob_part` names.
CREATE TABLE blob (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given again
    public_id BLOB NOT NULL,
    -- 0: any device may fetch it; an account: what that account uploaded for the review of its
    -- report; the negative of `id`: kept for a review after its time was over
    place INTEGER NOT NULL,
    account INTEGER NOT NULL, -- in whose space it is; 0 if only reports hold it
    len INTEGER NOT NULL,
    received INTEGER NOT NULL, -- so many bytes are in the store
    kept_until_ms INTEGER, -- NULL if it is kept until a review ends
    UNIQUE (public_id, place)
) STRICT;
CREATE INDEX blob_age ON blob (kept_until_ms);
CREATE INDEX blob_unfinished ON blob (kept_until_ms) WHERE received < len;

-- The files of a blob, one after another. What a file has is never changed.
CREATE TABLE blob_part (
    blob INTEGER NOT NULL, -- of `blob`, or of `blob_ended`
    start INTEGER NOT NULL, -- the first byte of the blob that it has
    len INTEGER NOT NULL,
    name TEXT NOT NULL UNIQUE,
    PRIMARY KEY (blob, start)
) STRICT, WITHOUT ROWID;
-- Files of no blob. They are about to be written, or to be removed.
CREATE TABLE blob_loose (
    name TEXT PRIMARY KEY,
    until_ms INTEGER NOT NULL, -- from then on it is removed
    is_doomed INTEGER NOT NULL -- 1: it may be gone already, and gets into no blob
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_loose_age ON blob_loose (until_ms);
-- Deleted blobs whose files are not removed yet.
CREATE TABLE blob_ended (blob INTEGER PRIMARY KEY) STRICT;
-- The name of the store of blobs, if it is not the folder `blobs` of the only relay.
CREATE TABLE blob_store (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL
) STRICT;

-- Number and size of the blobs of one account. A short one counts for 64 KiB. The total is -1: in
-- it, an unfinished one counts for twice what is there of it.
CREATE TABLE stored (
    account INTEGER PRIMARY KEY,
    blobs INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
CREATE TRIGGER blob_comes AFTER INSERT ON blob BEGIN
    INSERT INTO stored VALUES (new.account, 1, max(new.len, 65536)),
        (-1, 1, max(min(new.len, 2 * new.received), 65536))
        ON CONFLICT DO UPDATE SET blobs = blobs + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER blob_grows AFTER UPDATE OF received ON blob BEGIN
    UPDATE stored SET bytes = bytes - max(min(old.len, 2 * old.received), 65536)
            + max(min(new.len, 2 * new.received), 65536)
        WHERE account = -1;
END;
CREATE TRIGGER blob_moves AFTER UPDATE OF account ON blob WHEN old.account <> new.account BEGIN
    UPDATE stored SET blobs = blobs - 1, bytes = bytes - max(old.len, 65536)
        WHERE account = old.account;
    DELETE FROM stored WHERE account = old.account AND blobs = 0;
    INSERT INTO stored VALUES (new.account, 1, max(new.len, 65536))
        ON CONFLICT DO UPDATE SET blobs = blobs + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER blob_goes AFTER DELETE ON blob BEGIN
    UPDATE stored SET blobs = blobs - 1, bytes = bytes - max(old.len, 65536)
        WHERE account = old.account;
    UPDATE stored SET blobs = blobs - 1, bytes = bytes - max(min(old.len, 2 * old.received), 65536)
        WHERE account = -1;
    DELETE FROM stored WHERE account = old.account AND blobs = 0;
END;

-- The ids of blobs that were complete and are deleted, so that nobody puts others in their place.
CREATE TABLE blob_gone (
    public_id BLOB PRIMARY KEY,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_gone_age ON blob_gone (until_ms);

-- The blobs that a report names, until its review ends.
CREATE TABLE blob_hold (
    report INTEGER NOT NULL REFERENCES report,
    number INTEGER NOT NULL, -- in the report's list
    account INTEGER NOT NULL REFERENCES account, -- that reported
    public_id BLOB NOT NULL,
    blob INTEGER REFERENCES blob, -- NULL while it is missing
    PRIMARY KEY (report, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_hold_account ON blob_hold (account, blob);
CREATE INDEX blob_hold_id ON blob_hold (public_id, account);
CREATE INDEX blob_hold_blob ON blob_hold (blob) WHERE blob IS NOT NULL;

-- Each time the reviewer signed in and fetched a blob of a report. No row is ever changed or
-- removed.
CREATE TABLE blob_look (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    reviewer TEXT NOT NULL, -- the key's fingerprint
    report INTEGER NOT NULL REFERENCES report,
    public_id BLOB NOT NULL,
    session_ms INTEGER NOT NULL, -- when the token of the sign-in expires
    UNIQUE (report, public_id, reviewer, session_ms)
) STRICT;
CREATE TRIGGER blob_look_stays BEFORE UPDATE ON blob_look BEGIN SELECT RAISE(ABORT, 'the record of looks is final'); END;
CREATE TRIGGER blob_look_remains BEFORE DELETE ON blob_look BEGIN SELECT RAISE(ABORT, 'the record of looks is final'); END;

-- Of which decisions an account was told.
CREATE TABLE notice (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    decision BLOB NOT NULL, -- leaf hash of its entry in the log
    side INTEGER NOT NULL, -- 1 for a reporter, 2 for the account that was decided against
    report TEXT NOT NULL, -- id of the reporter's report; empty for the account
    at_ms INTEGER NOT NULL, -- proven time
    UNIQUE (account, decision, side, report)
) STRICT;
CREATE INDEX notice_account ON notice (account, number);
CREATE INDEX notice_age ON notice (at_ms);
