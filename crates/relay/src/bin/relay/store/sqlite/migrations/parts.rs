//! The change with which a blob consists of files that are never changed.

/// A blob of before is one file, which is named by the number of its row.
pub const PARTS: &str = "CREATE TABLE blob_part (
         blob INTEGER NOT NULL,
         start INTEGER NOT NULL,
         len INTEGER NOT NULL,
         name TEXT NOT NULL UNIQUE,
         PRIMARY KEY (blob, start)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE blob_loose (
         name TEXT PRIMARY KEY,
         until_ms INTEGER NOT NULL,
         is_doomed INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX blob_loose_age ON blob_loose (until_ms);
     CREATE TABLE blob_ended (blob INTEGER PRIMARY KEY) STRICT;
     CREATE TABLE blob_store (
         id INTEGER PRIMARY KEY CHECK (id = 1),
         name TEXT NOT NULL
     ) STRICT;
     INSERT INTO blob_part
         SELECT id, 0, received, CAST(id AS TEXT) FROM blob WHERE received > 0;";
