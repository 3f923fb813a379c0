//! Brings a database of an earlier version up to date.

/// The newest version of the schema.
pub const SCHEMA_VERSION: usize = MIGRATIONS.len() + 1;

/// The changes from each version of the schema to the next, from version 1 on. `schema.sql` is the
/// newest version.
pub const MIGRATIONS: [&str; 19] = [
    // Messages of format 01 in the queue are dropped: no recipient accepts them any more.
    "DELETE FROM queue;
     ALTER TABLE queue RENAME COLUMN delivery TO stamped;
     ALTER TABLE account ADD COLUMN accepted_at_ms INTEGER;",
    // Stamp keys are destroyed along proven time.
    "CREATE TABLE proven (
         id INTEGER PRIMARY KEY CHECK (id = 1),
         at_ms INTEGER NOT NULL,
         began_ms INTEGER NOT NULL,
         settled INTEGER NOT NULL,
         steady_ms INTEGER NOT NULL,
         clock_ms INTEGER NOT NULL,
         drop_before INTEGER NOT NULL
     ) STRICT;",
    // Deliveries are numbered per recipient. A queued one keeps its number, by which its recipient
    // may know it, and later numbers are above all that were ever given.
    "CREATE TABLE inbox (
         recipient INTEGER PRIMARY KEY REFERENCES account,
         next INTEGER NOT NULL
     ) STRICT;
     INSERT INTO inbox SELECT id, coalesce(
         (SELECT seq FROM sqlite_sequence WHERE name = 'queue'), 0) + 1 FROM account;
     CREATE TABLE numbered (
         recipient INTEGER NOT NULL REFERENCES account,
         number INTEGER NOT NULL,
         sender INTEGER NOT NULL REFERENCES account,
         epoch INTEGER NOT NULL,
         stamped BLOB NOT NULL,
         PRIMARY KEY (recipient, number)
     ) STRICT;
     INSERT INTO numbered SELECT recipient, id, sender, epoch, stamped FROM queue;
     DROP TABLE queue;
     ALTER TABLE numbered RENAME TO queue;
     CREATE INDEX queue_epoch ON queue (epoch);
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
     END;",
    // Reports count for their account while they wait for review. The content of rejected ones is
    // deleted, unless a later review can still succeed.
    "ALTER TABLE report DROP COLUMN total_bytes;
     ALTER TABLE report ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;
     UPDATE report SET accepted = x'' WHERE rejected IS NOT NULL AND rejected NOT IN (82, 97);
     CREATE INDEX report_day ON report (reporter, accepted_at_ms);
     CREATE TABLE waiting (
         reporter TEXT PRIMARY KEY,
         reports INTEGER NOT NULL,
         bytes INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     INSERT INTO waiting SELECT reporter, count(*), sum(length(accepted)) FROM report
         WHERE length(accepted) > 0 GROUP BY reporter;
     INSERT INTO waiting SELECT '', count(*), sum(length(accepted)) FROM report
         WHERE length(accepted) > 0 HAVING count(*) > 0;
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
     END;",
    // Each report has its own rows for its messages, so that a rejected one does not release what
    // another one reports too.
    "CREATE TABLE reported (
         nullifier BLOB NOT NULL,
         report INTEGER NOT NULL REFERENCES report,
         PRIMARY KEY (nullifier, report)
     ) STRICT, WITHOUT ROWID;
     INSERT INTO reported SELECT nullifier, report FROM nullifier;
     DROP TABLE nullifier;
     ALTER TABLE reported RENAME TO nullifier;
     CREATE INDEX nullifier_report ON nullifier (report);",
    // Names that look alike are not registered any more. Of those that were, each stays, and the
    // first one keeps others from being added. The expression is that of `name_skeleton`.
    "ALTER TABLE account ADD COLUMN skeleton TEXT;
     CREATE UNIQUE INDEX account_skeleton ON account (skeleton);
     UPDATE OR IGNORE account SET skeleton = replace(replace(replace(replace(
         lower(replace(name, 'I', 'l')), '1', 'l'), '0', 'o'), 'm', 'rn'), 'w', 'vv');",
    // A delivery that leaves the queue changes three rows of `share`. The trigger of before read
    // the whole table for it.
    "DROP TRIGGER queue_shrinks;
     CREATE TRIGGER queue_shrinks AFTER DELETE ON queue BEGIN
         UPDATE share SET messages = messages - 1, bytes = bytes - length(old.stamped)
             WHERE recipient = old.recipient AND sender IN (old.sender, 0);
         UPDATE share SET messages = messages - 1, bytes = bytes - length(old.stamped)
             WHERE recipient = 0 AND sender = 0;
         DELETE FROM share
             WHERE recipient = old.recipient AND sender IN (old.sender, 0) AND messages = 0;
     END;",
    // Devices post marks against set-back.
    "ALTER TABLE account ADD COLUMN mark BLOB;",
    // Accounts have several devices. The device of an account of before has the account's id as its
    // own, so that its queue and prekeys keep their rows. The account has no roster yet.
    "CREATE TABLE device (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         account INTEGER NOT NULL REFERENCES account,
         number INTEGER NOT NULL,
         identity BLOB NOT NULL,
         delivery_key BLOB,
         base BLOB,
         accepted_at_ms INTEGER,
         mark BLOB,
         lost_from_ms INTEGER,
         lost_to_ms INTEGER,
         UNIQUE (account, number)
     ) STRICT;
     INSERT INTO device
         (id, account, number, identity, delivery_key, base, accepted_at_ms, mark)
         SELECT id, id, device, identity, delivery_key, base, accepted_at_ms, mark FROM account;
     ALTER TABLE account DROP COLUMN device;
     ALTER TABLE account DROP COLUMN identity;
     ALTER TABLE account DROP COLUMN delivery_key;
     ALTER TABLE account DROP COLUMN base;
     ALTER TABLE account DROP COLUMN accepted_at_ms;
     ALTER TABLE account DROP COLUMN mark;
     ALTER TABLE account ADD COLUMN pinned BLOB;

     CREATE TABLE parts (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         device INTEGER NOT NULL REFERENCES device,
         digest BLOB NOT NULL,
         part BLOB,
         UNIQUE (device, digest)
     ) STRICT;
     INSERT INTO parts SELECT id, account, digest, part FROM one_time;
     DROP TABLE one_time;
     ALTER TABLE parts RENAME TO one_time;
     CREATE INDEX one_time_left ON one_time (device, id) WHERE part IS NOT NULL;
     CREATE INDEX one_time_spent ON one_time (device, id) WHERE part IS NULL;

     CREATE TABLE numbers (
         recipient INTEGER PRIMARY KEY REFERENCES device,
         next INTEGER NOT NULL
     ) STRICT;
     INSERT INTO numbers SELECT recipient, next FROM inbox;
     DROP TABLE inbox;
     ALTER TABLE numbers RENAME TO inbox;

     CREATE TABLE queued (
         recipient INTEGER NOT NULL REFERENCES device,
         number INTEGER NOT NULL,
         sender INTEGER NOT NULL REFERENCES account,
         epoch INTEGER NOT NULL,
         stamped BLOB NOT NULL,
         PRIMARY KEY (recipient, number)
     ) STRICT;
     INSERT INTO queued SELECT recipient, number, sender, epoch, stamped FROM queue;
     DROP TRIGGER queue_shrinks;
     DROP TABLE queue;
     ALTER TABLE queued RENAME TO queue;
     CREATE INDEX queue_epoch ON queue (epoch);
     CREATE TRIGGER queue_grows AFTER INSERT ON queue BEGIN
         INSERT INTO share VALUES
             (new.recipient, new.sender, 1, length(new.stamped)),
             (new.recipient, 0, 1, length(new.stamped)),
             (0, 0, 1, length(new.stamped))
             ON CONFLICT DO UPDATE SET messages = messages + 1, bytes = bytes + excluded.bytes;
     END;
     CREATE TRIGGER queue_shrinks AFTER DELETE ON queue BEGIN
         UPDATE share SET messages = messages - 1, bytes = bytes - length(old.stamped)
             WHERE recipient = old.recipient AND sender IN (old.sender, 0);
         UPDATE share SET messages = messages - 1, bytes = bytes - length(old.stamped)
             WHERE recipient = 0 AND sender = 0;
         DELETE FROM share
             WHERE recipient = old.recipient AND sender IN (old.sender, 0) AND messages = 0;
     END;

     CREATE TABLE mailbox (
         mailbox BLOB NOT NULL,
         slot INTEGER NOT NULL,
         owner TEXT NOT NULL,
         put_at_ms INTEGER NOT NULL,
         content BLOB NOT NULL,
         PRIMARY KEY (mailbox, slot)
     ) STRICT;
     CREATE INDEX mailbox_age ON mailbox (put_at_ms);
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
     END;",
    // The queue of a removed device is deleted little by little.
    "CREATE INDEX device_removed ON device (number) WHERE number < 0;",
    // A device leaves by itself.
    "ALTER TABLE device ADD COLUMN has_left INTEGER NOT NULL DEFAULT 0;",
    // Groups: messages to them have one body for many devices.
    "ALTER TABLE queue ADD COLUMN body INTEGER REFERENCES body;
     ALTER TABLE queue ADD COLUMN body_len INTEGER NOT NULL DEFAULT 0;
     CREATE INDEX queue_body ON queue (body) WHERE body IS NOT NULL;
     CREATE TABLE body (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         stamped BLOB NOT NULL
     ) STRICT;
     DROP TRIGGER queue_grows;
     DROP TRIGGER queue_shrinks;
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
     CREATE TABLE group_log (
         id INTEGER PRIMARY KEY,
         public_id BLOB NOT NULL UNIQUE,
         log BLOB NOT NULL
     ) STRICT;
     CREATE TABLE group_time (
         group_id INTEGER PRIMARY KEY REFERENCES group_log,
         changed_ms INTEGER NOT NULL,
         newest_ms INTEGER NOT NULL
     ) STRICT;
     CREATE TABLE group_entry (
         group_id INTEGER NOT NULL REFERENCES group_log,
         version INTEGER NOT NULL,
         entry BLOB NOT NULL,
         accepted_at_ms INTEGER NOT NULL,
         PRIMARY KEY (group_id, version)
     ) STRICT;
     CREATE TABLE member (
         group_id INTEGER NOT NULL REFERENCES group_log,
         account INTEGER NOT NULL REFERENCES account,
         since INTEGER NOT NULL,
         from_ms INTEGER NOT NULL,
         until INTEGER,
         to_ms INTEGER,
         left_ms INTEGER,
         PRIMARY KEY (group_id, account, since)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX member_account ON member (account, group_id) WHERE until IS NULL;",
    // Sealed files.
    "CREATE TABLE blob (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         public_id BLOB NOT NULL,
         place INTEGER NOT NULL,
         account INTEGER NOT NULL,
         len INTEGER NOT NULL,
         received INTEGER NOT NULL,
         kept_until_ms INTEGER,
         UNIQUE (public_id, place)
     ) STRICT;
     CREATE INDEX blob_age ON blob (kept_until_ms);
     CREATE INDEX blob_unfinished ON blob (kept_until_ms) WHERE received < len;
     CREATE TABLE stored (
         account INTEGER PRIMARY KEY,
         blobs INTEGER NOT NULL,
         bytes INTEGER NOT NULL
     ) STRICT;
     CREATE TRIGGER blob_comes AFTER INSERT ON blob BEGIN
         INSERT INTO stored VALUES (new.account, 1, max(new.len, 65536)), (-1, 1, max(new.len, 65536))
             ON CONFLICT DO UPDATE SET blobs = blobs + 1, bytes = bytes + excluded.bytes;
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
             WHERE account IN (old.account, -1);
         DELETE FROM stored WHERE account = old.account AND blobs = 0;
     END;
     CREATE TABLE blob_gone (
         public_id BLOB PRIMARY KEY,
         until_ms INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX blob_gone_age ON blob_gone (until_ms);
     CREATE TABLE blob_hold (
         report INTEGER NOT NULL REFERENCES report,
         number INTEGER NOT NULL,
         account INTEGER NOT NULL REFERENCES account,
         public_id BLOB NOT NULL,
         blob INTEGER REFERENCES blob,
         PRIMARY KEY (report, number)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX blob_hold_account ON blob_hold (account, blob);
     CREATE INDEX blob_hold_id ON blob_hold (public_id, account);
     CREATE INDEX blob_hold_blob ON blob_hold (blob) WHERE blob IS NOT NULL;
     CREATE TABLE blob_look (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         at_ms INTEGER NOT NULL,
         reviewer TEXT NOT NULL,
         report INTEGER NOT NULL REFERENCES report,
         public_id BLOB NOT NULL,
         session_ms INTEGER NOT NULL,
         UNIQUE (report, public_id, reviewer, session_ms)
     ) STRICT;
     CREATE TRIGGER blob_look_stays BEFORE UPDATE ON blob_look BEGIN SELECT RAISE(ABORT, 'the record of looks is final'); END;
     CREATE TRIGGER blob_look_remains BEFORE DELETE ON blob_look BEGIN SELECT RAISE(ABORT, 'the record of looks is final'); END;",
    // In the space of all, unfinished files count for what is there of them.
    "DROP TRIGGER blob_comes;
     DROP TRIGGER blob_goes;
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
     CREATE TRIGGER blob_goes AFTER DELETE ON blob BEGIN
         UPDATE stored SET blobs = blobs - 1, bytes = bytes - max(old.len, 65536)
             WHERE account = old.account;
         UPDATE stored SET blobs = blobs - 1, bytes = bytes - max(min(old.len, 2 * old.received), 65536)
             WHERE account = -1;
         DELETE FROM stored WHERE account = old.account AND blobs = 0;
     END;
     UPDATE stored SET bytes =
         (SELECT coalesce(sum(max(min(len, 2 * received), 65536)), 0) FROM blob) WHERE account = -1;",
    // Strangers are counted. The accounts that are there have no tokens yet: they pay nothing for
    // 14 days. If the clock is ahead of proven time, these begin with the clock, because proven
    // time may catch up at once, but at most 7 days later: by itself, it catches up no more.
    "ALTER TABLE account ADD COLUMN spared_until_ms INTEGER;
     UPDATE account SET spared_until_ms = 14 * 86400000 + coalesce(
         (SELECT max(at_ms, min(1000 * unixepoch(), at_ms + 7 * 86400000)) FROM proven),
         1000 * unixepoch());
     ALTER TABLE queue ADD COLUMN accepts INTEGER NOT NULL DEFAULT 0;
     CREATE TABLE stranger (
         account INTEGER NOT NULL REFERENCES account,
         other INTEGER NOT NULL REFERENCES account,
         at_ms INTEGER NOT NULL,
         is_paid INTEGER NOT NULL,
         is_fellow INTEGER NOT NULL,
         PRIMARY KEY (account, other)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX stranger_age ON stranger (at_ms);
     CREATE TABLE pass (
         pass BLOB PRIMARY KEY,
         account INTEGER NOT NULL REFERENCES account,
         at_ms INTEGER NOT NULL,
         expires_at_ms INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX pass_account ON pass (account, at_ms);
     CREATE INDEX pass_age ON pass (at_ms);",
    desk::DESK,
    processes::PROCESSES,
    parts::PARTS,
    // The line of proven time.
    "ALTER TABLE proven ADD COLUMN line INTEGER NOT NULL DEFAULT 0;",
];

mod desk;
mod parts;
mod processes;
