//! First contact: to how many accounts that gave it no token an account may write, and the tokens
//! that it gets.

use rusqlite::{Connection, params};
use waxseal_interface::{ContactHeaders, ContactPass, ContactToken, ErrorCode, STRANGERS_A_DAY};
use waxseal_reporting::AccountId;
use waxseal_reporting::relay::{EPOCH_MS, StampedEnvelope};

use crate::errors::Refusal;
use crate::state::{Account, Device, Relay};
use crate::strangers::expiry::DAY_MS;

/// Maximum number of passes that one account uses within 24 hours. With all of them, it can write
/// to 1,000 strangers. Bounds the rows that the operator's page can cause.
const MAX_PASSES: usize = 19;

/// How far ahead of the relay's clock a message may be accepted, see `queue::next_accepted_at`.
const AHEAD_MS: u64 = 600_000;

/// What an accepted message costs its sender.
pub enum Cost {
    Nothing,
    /// One stranger of the sender's budget, and a pass if the budget is used up.
    Stranger {
        from: i64,
        to: i64,
        at_ms: u64,
        pass: Option<ContactPass>,
    },
}

/// Whether an account may write to another now, and what that costs. Changes nothing.
pub fn check(
    db: &Connection,
    relay: &Relay,
    from: &Device,
    to: &Account,
    contact: &ContactHeaders,
) -> Result<Cost, Refusal> {
    let (writer, acceptor) = (&from.me.account, &to.name);
    // CHK-604: the recipient gave a token, or is the sender itself. Otherwise it is a stranger.
    if to.id == from.account || has_token(relay, contact.token, writer, acceptor) {
        return Ok(Cost::Nothing);
    }
    // CHK-608: the hours are those of proven time.
    let now_ms = relay.time.proven().at_ms;
    let budget = Budget::read(db, from.account, now_ms)?;
    if budget.is_spared || budget.knows(db, to.id)? {
        return Ok(Cost::Nothing);
    }
    let cost = |pass| Cost::Stranger {
        from: from.account,
        to: to.id,
        at_ms: now_ms,
        pass,
    };
    // CHK-605: no more strangers count than the budget has room for.
    if budget.counted < STRANGERS_A_DAY {
        return Ok(cost(None));
    }
    match budget.usable(db, relay, writer, contact.pass)? {
        Some(pass) => Ok(cost(Some(pass))),
        None => Err(Refusal {
            challenge: relay.strangers.challenge.clone().map(Box::new),
            ..Refusal::retry_after(ErrorCode::StrangerBudget, budget.wait_secs(db)?)
        }),
    }
}

fn has_token(
    relay: &Relay,
    token: Option<ContactToken>,
    writer: &AccountId,
    acceptor: &AccountId,
) -> bool {
    let day = |at_ms: u64| u32::try_from(at_ms / EPOCH_MS).unwrap_or(u32::MAX);
    let oldest = day(relay.time.proven().at_ms);
    let newest = day(relay.now().as_millis().saturating_add(AHEAD_MS));
    token.is_some_and(|token| {
        let key = &relay.contacts;
        key.is_valid(&token, writer, acceptor, oldest, newest)
    })
}

impl Cost {
    /// Counts the message, in the transaction that stamps it.
    pub fn count(self, db: &Connection) -> Result<(), Refusal> {
        let Self::Stranger {
            from,
            to,
            at_ms,
            pass,
        } = self
        else {
            return Ok(());
        };
        if let Some(pass) = pass {
            db.prepare(
                "INSERT INTO pass (pass, account, at_ms, expires_at_ms) VALUES (?, ?, ?, ?)",
            )?
            .execute(params![pass.as_bytes(), from, at_ms, pass.expires_at_ms()])?;
            db.prepare("UPDATE stranger SET is_paid = 1 WHERE account = ?")?
                .execute([from])?;
        }
        db.prepare(
            "INSERT INTO stranger (account, other, at_ms, is_paid) VALUES (?, ?, ?, 0)
             ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms, is_paid = 0",
        )?
        .execute(params![from, to, at_ms])?;
        Ok(())
    }
}

/// The budget of one account.
struct Budget {
    account: i64,
    now_ms: u64,
    /// Whether it pays nothing yet, because it was registered when no device had tokens.
    is_spared: bool,
    /// How many strangers count: those to which it wrote within 24 hours, since its last pass.
    counted: usize,
    /// How many passes it used within 24 hours.
    passes: usize,
}

impl Budget {
    fn read(db: &Connection, account: i64, now_ms: u64) -> Result<Self, Refusal> {
        let count = |of: &str| {
            let sql = format!(
                "SELECT count(*) FROM {of} account = ?1 AND at_ms > ?2 - {DAY_MS} AND at_ms <= ?2"
            );
            db.prepare(&sql)?
                .query_row(params![account, now_ms], |row| row.get(0))
        };
        // CHK-609: an account of before pays nothing for 14 days.
        let spared_until_ms: Option<u64> = db
            .prepare("SELECT spared_until_ms FROM account WHERE id = ?")?
            .query_row([account], |row| row.get(0))?;
        Ok(Self {
            account,
            now_ms,
            is_spared: spared_until_ms.is_some_and(|until_ms| now_ms < until_ms),
            counted: count("stranger WHERE NOT is_paid AND")?,
            passes: count("pass WHERE")?,
        })
    }

    /// Whether the account wrote to this one within 24 hours.
    fn knows(&self, db: &Connection, other: i64) -> Result<bool, Refusal> {
        // CHK-606: the same stranger counts once within 24 hours.
        let sql = format!(
            "SELECT 1 FROM stranger WHERE account = ?1 AND other = ?2
                 AND at_ms > ?3 - {DAY_MS} AND at_ms <= ?3"
        );
        let mut row = db.prepare(&sql)?;
        Ok(row.exists(params![self.account, other, self.now_ms])?)
    }

    /// The pass, if it refills the budget.
    fn usable(
        &self,
        db: &Connection,
        relay: &Relay,
        account: &AccountId,
        pass: Option<ContactPass>,
    ) -> Result<Option<ContactPass>, Refusal> {
        let (Some(key), Some(pass)) = (&relay.strangers.passes, pass) else {
            return Ok(None);
        };
        // CHK-607: a pass is valid for this account now, and was not used.
        let is_valid = key.is_valid(&pass, account, relay.now().as_millis());
        let mut used = db.prepare("SELECT 1 FROM pass WHERE pass = ?")?;
        let is_used = used.exists([pass.as_bytes()])?;
        let is_usable = is_valid && !is_used && self.passes < MAX_PASSES;
        Ok(is_usable.then_some(pass))
    }

    /// How many seconds pass until the first stranger no longer counts.
    fn wait_secs(&self, db: &Connection) -> Result<u64, Refusal> {
        let sql = format!(
            "SELECT min(at_ms) FROM stranger
             WHERE account = ?1 AND NOT is_paid AND at_ms > ?2 - {DAY_MS} AND at_ms <= ?2"
        );
        let first: Option<u64> = db
            .prepare(&sql)?
            .query_row(params![self.account, self.now_ms], |row| row.get(0))?;
        let free_ms = first.unwrap_or(self.now_ms).saturating_add(DAY_MS);
        Ok(free_ms.saturating_sub(self.now_ms).div_ceil(1_000).max(1))
    }
}

/// The token that the recipient of a message gets with it: with the token, it can write to the
/// sender's account.
pub fn token_for(
    relay: &Relay,
    recipient: &AccountId,
    stamped: &StampedEnvelope,
) -> Option<ContactToken> {
    let context = stamped.claim().context();
    let key = &relay.contacts;
    key.token(context.epoch, recipient, &context.sender.account)
}

pub mod expiry;
pub mod options;
#[cfg(test)]
mod tests;
