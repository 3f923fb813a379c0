//! The change with which a database knows the relays that use it.

/// Each relay has a row, and the database knows the root key that all have. The relay that was
/// there has a row under 0, with what it knew of its clocks, until it enters under its number.
pub const PROCESSES: &str = "CREATE TABLE process (
         number INTEGER PRIMARY KEY,
         run INTEGER NOT NULL,
         name TEXT NOT NULL UNIQUE,
         version INTEGER NOT NULL,
         seen_ms INTEGER NOT NULL,
         said_ms INTEGER NOT NULL,
         destroyed_before INTEGER NOT NULL,
         steady_ms INTEGER NOT NULL,
         clock_ms INTEGER NOT NULL
     ) STRICT;
     CREATE TABLE relay_key (
         id INTEGER PRIMARY KEY CHECK (id = 1),
         digest BLOB NOT NULL
     ) STRICT;
     INSERT INTO process
         SELECT 0, 0, '', 0, clock_ms, 0, drop_before, steady_ms, clock_ms FROM proven;
     ALTER TABLE proven DROP COLUMN steady_ms;
     ALTER TABLE proven DROP COLUMN clock_ms;";
