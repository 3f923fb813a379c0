//! Groups: the log of each, its times, and its entries.

use waxseal_reporting::relay::next_accepted_at;
use waxseal_reporting::{ConversationId, Timestamp};
use waxseal_roster::group::{GroupId, GroupLog, SignedEntry};

use crate::errors::Refusal;
use crate::limits::{MAX_GROUPS, MAX_GROUPS_ON_POSTGRES};
use crate::store::Connection;
use crate::store::values::values;

/// Maximum number of entries that are kept of a group. Whoever lacks more gets the whole state.
const MAX_KEPT_ENTRIES: u64 = 1_024;

/// A group: its newest state with all that proves it, and its times.
pub struct Group {
    pub row: i64,
    pub log: GroupLog,
    /// When the newest entry or leave was accepted.
    changed: Timestamp,
    /// The same, or the time of the newest message.
    newest: Timestamp,
}

/// The id under which the roster's crate knows a group.
pub fn roster_id(group: &ConversationId) -> GroupId {
    GroupId::from_bytes(*group.as_bytes())
}

impl Group {
    /// Reads a group. `None` if it was not founded.
    ///
    /// A state that is not the one of its entry makes this fail: nobody gets anything of it.
    pub fn find(db: &Connection, group: &ConversationId) -> Result<Option<Self>, Refusal> {
        let row: Option<(i64, Vec<u8>, u64, u64)> = db.one(
            "SELECT id, log, changed_ms, newest_ms
             FROM group_log JOIN group_time ON group_id = id WHERE public_id = ?1",
            values![group.as_bytes()],
        )?;
        let Some((row, log, changed_ms, newest_ms)) = row else {
            return Ok(None);
        };
        // CHK-462: the stored state is the one that its entry names, and is of this group.
        let log = GroupLog::decode(&log).map_err(|error| Refusal::internal(&error))?;
        if *log.state().group() != roster_id(group) {
            return Err(Refusal::internal(&"the log is of another group"));
        }
        Ok(Some(Self {
            row,
            log,
            changed: Timestamp::from_millis(changed_ms),
            newest: Timestamp::from_millis(newest_ms),
        }))
    }

    /// Reads a group like [`find`](Self::find), and keeps others from its entries, leaves and
    /// messages until the transaction ends. This comes before the locks of queues.
    pub fn take(db: &Connection, group: &ConversationId) -> Result<Option<Self>, Refusal> {
        let times = "SELECT group_id FROM group_time
             WHERE group_id = (SELECT id FROM group_log WHERE public_id = ?1)";
        db.lock(times, values![group.as_bytes()])?;
        Self::find(db, group)
    }

    /// Stores a new group, with the entry that founds it. `None` if it was founded meanwhile.
    pub fn found(
        db: &Connection,
        group: &ConversationId,
        log: GroupLog,
        at: Timestamp,
    ) -> Result<Option<Self>, Refusal> {
        let row: Option<i64> = db.one(
            "INSERT INTO group_log (public_id, log) VALUES (?1, ?2)
             ON CONFLICT DO NOTHING RETURNING id",
            values![group.as_bytes(), log.encode()],
        )?;
        let Some(row) = row else {
            return Ok(None);
        };
        db.execute(
            "INSERT INTO group_time (group_id, changed_ms, newest_ms) VALUES (?1, ?2, ?2)",
            values![row, at.as_millis()],
        )?;
        let founded = Self {
            row,
            log,
            changed: at,
            newest: at,
        };
        founded.keep_entry(db, at)?;
        Ok(Some(founded))
    }

    /// Stores the log after its next entry.
    pub fn advance(
        &mut self,
        db: &Connection,
        log: GroupLog,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        let keep = "UPDATE group_log SET log = ?1 WHERE id = ?2";
        db.execute(keep, values![log.encode(), self.row])?;
        self.log = log;
        self.keep_entry(db, at)?;
        self.keep_change(db, at)
    }

    fn keep_entry(&self, db: &Connection, at: Timestamp) -> Result<(), Refusal> {
        let (entry, version) = (self.log.entry(), self.log.state().version());
        db.execute(
            "INSERT INTO group_entry (group_id, version, entry, accepted_at_ms)
             VALUES (?1, ?2, ?3, ?4)",
            values![self.row, version, entry.encode(), at.as_millis()],
        )?;
        let too_old = version.saturating_sub(MAX_KEPT_ENTRIES);
        let forget = "DELETE FROM group_entry WHERE group_id = ?1 AND version <= ?2";
        db.execute(forget, values![self.row, too_old])?;
        Ok(())
    }

    /// The time of the next entry or leave: above those of all messages and entries so far.
    pub fn next_change(&self, clock: Timestamp) -> Timestamp {
        // CHK-463: an entry is accepted after every message at the version before.
        next_accepted_at(clock, Some(self.newest))
    }

    /// The clock by which a message is accepted: after the newest entry and leave.
    pub fn clock(&self, clock: Timestamp) -> Timestamp {
        next_accepted_at(clock, Some(self.changed))
    }

    /// Stores when an entry or leave was accepted.
    pub fn keep_change(&mut self, db: &Connection, at: Timestamp) -> Result<(), Refusal> {
        (self.changed, self.newest) = (at, at);
        self.keep_times(db)
    }

    /// Stores when a message was accepted. If the group's times were far ahead of the clock, they
    /// are not any more.
    pub fn keep_message(
        &mut self,
        db: &Connection,
        clock: Timestamp,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        self.newest = match self.next_change(clock) > self.newest {
            true => self.newest.max(at),
            false => at,
        };
        self.keep_times(db)
    }

    fn keep_times(&self, db: &Connection) -> Result<(), Refusal> {
        let (changed_ms, newest_ms) = (self.changed.as_millis(), self.newest.as_millis());
        let keep = "UPDATE group_time SET changed_ms = ?1, newest_ms = ?2 WHERE group_id = ?3";
        db.execute(keep, values![changed_ms, newest_ms, self.row])?;
        Ok(())
    }

    /// When the relay accepted this very entry, if it did.
    pub fn accepted_at(
        &self,
        db: &Connection,
        entry: &SignedEntry,
    ) -> Result<Option<u64>, Refusal> {
        db.one(
            "SELECT accepted_at_ms FROM group_entry
             WHERE group_id = ?1 AND version = ?2 AND entry = ?3",
            values![self.row, entry.version(), entry.encode()],
        )
    }

    /// At most `max` of the entries after a version up to another, oldest first, with their
    /// accepted times.
    pub fn entries(
        &self,
        db: &Connection,
        after: u64,
        up_to: u64,
        max: usize,
    ) -> Result<Vec<(Vec<u8>, u64)>, Refusal> {
        // A client may name any version, and databases have no numbers above this one.
        let [after, up_to] =
            [after, up_to].map(|version| i64::try_from(version).unwrap_or(i64::MAX));
        db.all(
            "SELECT entry, accepted_at_ms FROM group_entry
             WHERE group_id = ?1 AND version > ?2 AND version <= ?3 ORDER BY version LIMIT ?4",
            values![self.row, after, up_to, max],
        )
    }

    /// Whether there is the maximum number of groups. None is deleted, so they are counted only
    /// once the highest id is that high.
    pub fn are_full(db: &Connection) -> Result<bool, Refusal> {
        let max = match db.is_shared() {
            true => MAX_GROUPS_ON_POSTGRES,
            false => MAX_GROUPS,
        };
        db.has_rows("group_log", max)
    }
}
