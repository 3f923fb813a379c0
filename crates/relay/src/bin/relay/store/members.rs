//! Who was in a group when. The relay keeps it for the intake, for those who left, and for news to
//! those who were removed. Who gets messages is in the signed state alone.

use crate::store::Connection;
use rusqlite::{OptionalExtension, params};
use waxseal_reporting::{AccountId, ConversationId, Timestamp};
use waxseal_roster::group::GroupOp;

use crate::errors::Refusal;
use crate::store::groups::Group;
use waxseal_interface::ErrorCode;

/// Maximum number of an account's groups in which a fellow member is looked for.
const MAX_SEARCHED: usize = 1_000;

/// What an account is in a group.
pub enum Standing {
    /// It is in the newest state. Says whether it left by itself.
    Member {
        /// Whether it left, and waits to be removed.
        has_left: bool,
    },
    /// It was removed by the entry of this version.
    Former(u64),
}

/// What an account is in a group. `not_member` if it never was in it.
pub fn standing(
    db: &Connection,
    group: &Group,
    account: i64,
    name: &AccountId,
) -> Result<Standing, Refusal> {
    let newest: Option<(Option<u64>, bool)> = db
        .prepare(
            "SELECT until, left_ms IS NOT NULL FROM member
             WHERE group_id = ? AND account = ? ORDER BY since DESC LIMIT 1",
        )?
        .query_row([group.row, account], |row| row.try_into())
        .optional()?;
    // CHK-464: the signed state says who is a member, whatever the table says.
    match (newest, group.log.state().is_member(name.as_str())) {
        (Some((None, has_left)), true) => Ok(Standing::Member { has_left }),
        (Some((Some(until), _)), false) => Ok(Standing::Former(until)),
        _ => Err(ErrorCode::NotMember.into()),
    }
}

/// Checks that an account is in a group and has not left it.
pub fn check(
    db: &Connection,
    group: &Group,
    account: i64,
    name: &AccountId,
) -> Result<(), Refusal> {
    match standing(db, group, account, name)? {
        Standing::Member { has_left: false } => Ok(()),
        _ => Err(ErrorCode::NotMember.into()),
    }
}

/// Begins and ends the memberships that an entry begins and ends. Each account that it adds is
/// registered.
pub fn change(
    db: &Connection,
    group: i64,
    version: u64,
    ops: &[GroupOp],
    at: Timestamp,
) -> Result<(), Refusal> {
    for op in ops {
        match op {
            GroupOp::Add { account, .. } => {
                let account = row(db, account)?.ok_or(ErrorCode::NoSuchAccount)?;
                db.prepare(
                    "INSERT INTO member (group_id, account, since, from_ms) VALUES (?, ?, ?, ?)",
                )?
                .execute(params![group, account, version, at.as_millis()])?;
            }
            GroupOp::Remove { account } => {
                db.prepare(
                    "UPDATE member SET until = ?1, to_ms = ?2 WHERE group_id = ?3 AND until IS NULL
                         AND account = (SELECT id FROM account WHERE name = ?4 COLLATE BINARY)",
                )?
                .execute(params![version, at.as_millis(), group, account])?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The row of an account. Names are compared byte by byte.
pub fn row(db: &Connection, name: &str) -> Result<Option<i64>, Refusal> {
    let row = db
        .prepare("SELECT id FROM account WHERE name = ?1 AND name = ?1 COLLATE BINARY")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(row)
}

/// Records that a member left. Nothing more is queued for it.
pub fn leave(db: &Connection, group: i64, account: i64, at: Timestamp) -> Result<(), Refusal> {
    db.prepare(
        "UPDATE member SET left_ms = ? WHERE group_id = ? AND account = ? AND until IS NULL
             AND left_ms IS NULL",
    )?
    .execute(params![at.as_millis(), group, account])?;
    Ok(())
}

/// The names of those who left and are not removed yet, in the order in which they left.
pub fn left(db: &Connection, group: &Group) -> Result<Vec<String>, Refusal> {
    let mut rows = db.prepare(
        "SELECT name FROM member JOIN account ON id = account
         WHERE group_id = ? AND until IS NULL AND left_ms IS NOT NULL ORDER BY left_ms",
    )?;
    let rows = rows.query_map([group.row], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether an account was in a group at a time, for the intake.
pub fn was_member(
    db: &Connection,
    group: &ConversationId,
    account: &AccountId,
    at: Timestamp,
) -> Result<bool, Refusal> {
    // CHK-465: a member from the entry that added it, until it left or was removed.
    let was = db
        .prepare(
            "SELECT 1 FROM member m JOIN group_log g ON g.id = m.group_id
                 JOIN account a ON a.id = m.account
             WHERE g.public_id = ?1 AND a.name = ?2 AND a.name = ?2 COLLATE BINARY
                 AND from_ms <= ?3 AND ?3 < coalesce(left_ms, to_ms, ?3 + 1)",
        )?
        .exists(params![group.as_bytes(), account.as_str(), millis(at)])?;
    Ok(was)
}

/// Whether an account is in a group now, and has not left it.
pub fn is_member(
    db: &Connection,
    group: &ConversationId,
    account: &AccountId,
) -> Result<bool, Refusal> {
    let is = db
        .prepare(
            "SELECT 1 FROM member m JOIN group_log g ON g.id = m.group_id
                 JOIN account a ON a.id = m.account
             WHERE g.public_id = ?1 AND a.name = ?2 AND a.name = ?2 COLLATE BINARY
                 AND until IS NULL AND left_ms IS NULL",
        )?
        .exists(params![group.as_bytes(), account.as_str()])?;
    Ok(is)
}

/// Whether two accounts are in one group, which neither left.
pub fn are_fellows(db: &Connection, one: i64, other: i64) -> Result<bool, Refusal> {
    let are = db
        .prepare(
            "SELECT 1 FROM (SELECT group_id FROM member
                     WHERE account = ?1 AND until IS NULL AND left_ms IS NULL LIMIT ?3) g
                 JOIN member m ON m.group_id = g.group_id
             WHERE m.account = ?2 AND m.until IS NULL AND m.left_ms IS NULL",
        )?
        .exists(params![one, other, MAX_SEARCHED])?;
    Ok(are)
}

fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX - 1)
}
