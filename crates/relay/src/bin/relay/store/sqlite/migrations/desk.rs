//! The change with which a relay knows a desk.

/// Reports have the desk's promise, and accounts are told of decisions.
pub const DESK: &str = "ALTER TABLE report ADD COLUMN promise BLOB;
     CREATE INDEX report_unpromised ON report (id)
         WHERE promise IS NULL AND closed = 0 AND rejected IS NULL;
     CREATE TABLE notice (
         number INTEGER PRIMARY KEY AUTOINCREMENT,
         account TEXT NOT NULL,
         decision BLOB NOT NULL,
         side INTEGER NOT NULL,
         report TEXT NOT NULL,
         at_ms INTEGER NOT NULL,
         UNIQUE (account, decision, side, report)
     ) STRICT;
     CREATE INDEX notice_account ON notice (account, number);
     CREATE INDEX notice_age ON notice (at_ms);";
