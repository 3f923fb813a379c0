-- SQLite stores the text of each statement, and with it the comments inside. Changing those changes
-- the database.

-- Once an account is registered, only its prekeys and its accepted time change.
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE, -- "Bob" is not another account than "bob"
    device INTEGER NOT NULL,
    identity BLOB NOT NULL,
    delivery_key BLOB NOT NULL, -- sealed under the root key file
    base BLOB,
    accepted_at_ms INTEGER -- of the last message that the device sent; NULL before the first
) STRICT;

-- A row stays after its part was handed out, so that a part uploaded twice is not handed out twice.
CREATE TABLE one_time (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL REFERENCES account,
    digest BLOB NOT NULL,
    part BLOB, -- NULL once it was handed out
    UNIQUE (account, digest)
) STRICT;
CREATE INDEX one_time_left ON one_time (account, id) WHERE part IS NOT NULL;
CREATE INDEX one_time_spent ON one_time (account, id) WHERE part IS NULL;

CREATE TABLE queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    recipient INTEGER NOT NULL REFERENCES account,
    sender INTEGER NOT NULL REFERENCES account,
    epoch INTEGER NOT NULL,
    stamped BLOB NOT NULL -- a StampedEnvelope: the delivery's MAC is made when it is handed out
) STRICT;
CREATE INDEX queue_recipient ON queue (recipient, id);
CREATE INDEX queue_epoch ON queue (epoch);

-- Number and size of the queued messages of one sender for one recipient: (recipient, sender).
-- The totals are (recipient, 0) for all senders, and (0, 0) for all queues.
CREATE TABLE share (
    recipient INTEGER NOT NULL,
    sender INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (recipient, sender)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER queue_grows AFTER INSERT ON queue BEGIN
    INSERT INTO share VALUES
        (new.recipient, new.sender, 1, length(new.stamped)),
        (new.recipient, 0, 1, length(new.stamped)),
        (0, 0, 1, length(new.stamped))
        ON CONFLICT DO UPDATE SET messages = messages + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER queue_shrinks AFTER DELETE ON queue BEGIN
    UPDATE share SET messages = messages - 1, bytes = bytes - length(old.stamped)
        WHERE (recipient, sender) IN (VALUES (old.recipient, old.sender), (old.recipient, 0), (0, 0));
    DELETE FROM share WHERE recipient = old.recipient AND messages = 0;
END;

CREATE TABLE report (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL, -- of the report as it came in
    reporter TEXT NOT NULL,
    accepted_at_ms INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    -- under the acceptance key; what was reported is sealed to the moderation key
    accepted BLOB NOT NULL,
    total_bytes INTEGER NOT NULL, -- of all reports up to this one
    rejected INTEGER -- the check it failed in review
) STRICT;
CREATE INDEX report_digest ON report (digest);
CREATE TABLE nullifier (
    nullifier BLOB PRIMARY KEY,
    report INTEGER NOT NULL REFERENCES report
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
