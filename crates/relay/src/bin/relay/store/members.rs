//! Who was in a group when. The relay keeps it for the intake, for those who left, and for news to
//! those who were removed. Who gets messages is in the signed state alone.

use waxseal_interface::ErrorCode;
use waxseal_reporting::{AccountId, ConversationId, Timestamp};
use waxseal_roster::Pinned;
use waxseal_roster::group::GroupOp;

use crate::errors::Refusal;
use crate::store::groups::Group;
use crate::store::values::values;
use crate::store::{Connection, accounts};

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
    let newest: Option<(Option<u64>, Option<u64>)> = db.one(
        "SELECT until, left_ms FROM member
         WHERE group_id = ?1 AND account = ?2 ORDER BY since DESC LIMIT 1",
        values![group.row, account],
    )?;
    // CHK-464: the signed state says who is a member, whatever the table says.
    match (newest, group.log.state().is_member(name.as_str())) {
        (Some((None, left_ms)), true) => Ok(Standing::Member {
            has_left: left_ms.is_some(),
        }),
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
                let account = accounts::find(db, account)?.ok_or(ErrorCode::NoSuchAccount)?;
                db.execute(
                    "INSERT INTO member (group_id, account, since, from_ms)
                     VALUES (?1, ?2, ?3, ?4)",
                    values![group, account, version, at.as_millis()],
                )?;
            }
            GroupOp::Remove { account } => {
                let account = accounts::find(db, account)?;
                db.execute(
                    "UPDATE member SET until = ?1, to_ms = ?2
                     WHERE group_id = ?3 AND until IS NULL AND account = ?4",
                    values![version, at.as_millis(), group, account],
                )?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Records that a member left. Nothing more is queued for it.
pub fn leave(db: &Connection, group: i64, account: i64, at: Timestamp) -> Result<(), Refusal> {
    db.execute(
        "UPDATE member SET left_ms = ?1
         WHERE group_id = ?2 AND account = ?3 AND until IS NULL AND left_ms IS NULL",
        values![at.as_millis(), group, account],
    )?;
    Ok(())
}

/// Keeps others from the queues of all members until the transaction ends, so that their rosters
/// and devices stay. Those that came while this waited are taken too.
pub fn take_queues(db: &Connection, group: &Group) -> Result<(), Refusal> {
    let queues = "SELECT recipient FROM inbox WHERE recipient IN (
             SELECT d.id FROM member m JOIN device d ON d.account = m.account
             WHERE group_id = ?1 AND until IS NULL AND number >= 0
         ) ORDER BY recipient";
    db.lock(queues, values![group.row])?;
    db.lock(queues, values![group.row])
}

/// The names of those who left and are not removed yet, in the order in which they left.
pub fn left(db: &Connection, group: &Group) -> Result<Vec<String>, Refusal> {
    db.all(
        "SELECT name FROM member m JOIN account a ON a.id = m.account
         WHERE group_id = ?1 AND until IS NULL AND left_ms IS NOT NULL ORDER BY left_ms",
        values![group.row],
    )
}

/// The names of the members that have a roster, with the newest one of each.
pub fn rosters(db: &Connection, group: &Group) -> Result<Vec<(String, Pinned)>, Refusal> {
    let rows: Vec<(String, Vec<u8>)> = db.all(
        "SELECT name, pinned FROM member m JOIN account a ON a.id = m.account
         WHERE group_id = ?1 AND until IS NULL AND pinned IS NOT NULL",
        values![group.row],
    )?;
    let rows = rows.into_iter().map(|(name, pinned)| {
        let pinned = Pinned::decode(&pinned).map_err(|error| Refusal::internal(&error))?;
        Ok((name, pinned))
    });
    rows.collect()
}

/// A device of a member.
pub struct MemberDevice {
    /// The name of its account.
    pub account: String,
    pub number: u32,
    pub id: i64,
    /// Whether it left its account.
    pub has_left: bool,
}

/// The devices of all members.
pub fn devices(db: &Connection, group: &Group) -> Result<Vec<MemberDevice>, Refusal> {
    let rows: Vec<(String, u32, i64, bool)> = db.all(
        "SELECT name, number, d.id, has_left FROM member m JOIN account a ON a.id = m.account
             JOIN device d ON d.account = a.id
         WHERE group_id = ?1 AND until IS NULL AND number >= 0",
        values![group.row],
    )?;
    let rows = rows
        .into_iter()
        .map(|(account, number, id, has_left)| MemberDevice {
            account,
            number,
            id,
            has_left,
        });
    Ok(rows.collect())
}

/// Whether an account was in a group at a time, for the intake.
pub fn was_member(
    db: &Connection,
    group: &ConversationId,
    account: &AccountId,
    at: Timestamp,
) -> Result<bool, Refusal> {
    // CHK-465: a member from the entry that added it, until it left or was removed.
    let Some(account) = accounts::find(db, account.as_str())? else {
        return Ok(false);
    };
    db.exists(
        "SELECT 1 FROM member m JOIN group_log g ON g.id = m.group_id
         WHERE g.public_id = ?1 AND m.account = ?2 AND from_ms <= ?3
             AND (coalesce(left_ms, to_ms) IS NULL OR coalesce(left_ms, to_ms) > ?3)",
        values![group.as_bytes(), account, millis(at)],
    )
}

/// Whether an account is in a group now, and has not left it.
pub fn is_member(
    db: &Connection,
    group: &ConversationId,
    account: &AccountId,
) -> Result<bool, Refusal> {
    let Some(account) = accounts::find(db, account.as_str())? else {
        return Ok(false);
    };
    db.exists(
        "SELECT 1 FROM member m JOIN group_log g ON g.id = m.group_id
         WHERE g.public_id = ?1 AND m.account = ?2 AND until IS NULL AND left_ms IS NULL",
        values![group.as_bytes(), account],
    )
}

/// Whether two accounts are in one group, which neither left.
pub fn are_fellows(db: &Connection, one: i64, other: i64) -> Result<bool, Refusal> {
    db.exists(
        "SELECT 1 FROM (SELECT group_id FROM member
                 WHERE account = ?1 AND until IS NULL AND left_ms IS NULL LIMIT ?2) g
             JOIN member m ON m.group_id = g.group_id
         WHERE m.account = ?3 AND m.until IS NULL AND m.left_ms IS NULL",
        values![one, MAX_SEARCHED, other],
    )
}

fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}
