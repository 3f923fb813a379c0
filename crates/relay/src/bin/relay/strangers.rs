//! First contact: to how many accounts that gave it no token an account may write, and the tokens
//! that it gets.

use std::path::PathBuf;

use clap::Args;
use rusqlite::{Connection, params};
use waxseal_interface::{
    ContactHeaders, ContactPass, ContactToken, ErrorCode, PassKey, STRANGERS_A_DAY,
    StrangerChallenge,
};
use waxseal_relay::read_pass_key;
use waxseal_reporting::AccountId;
use waxseal_reporting::relay::{EPOCH_MS, StampedEnvelope};

use crate::errors::Refusal;
use crate::state::{Account, Device, Relay};

/// Time for which a stranger counts.
const DAY_MS: u64 = 86_400_000;

/// Maximum number of passes that one account uses within 24 hours. With all of them, it can write
/// to 1,000 strangers. Bounds the rows that the operator's page can cause.
const MAX_PASSES: usize = 19;

/// How far ahead of the relay's clock a message may be accepted, see `queue::next_accepted_at`.
const AHEAD_MS: u64 = 600_000;

/// Maximum number of rows that one job deletes.
const BATCH: usize = 1_000;

/// What a user can do who has written to as many strangers as allowed.
#[derive(Args)]
pub struct StrangerOptions {
    /// What users are told who have written to as many new contacts as allowed in a day: where they
    /// get a pass for more, such as a URL
    #[arg(long, value_name = "TEXT", value_parser = challenge)]
    stranger_challenge: Option<StrangerChallenge>,
    /// The key of the passes, made by `pass keygen`. Without it, the relay accepts no passes
    #[arg(long, value_name = "FILE", requires = "stranger_challenge")]
    pass_key: Option<PathBuf>,
}

impl StrangerOptions {
    /// Reads the key file.
    pub fn read(&self) -> Result<Strangers, Box<dyn std::error::Error>> {
        let passes = self.pass_key.as_deref().map(|path| {
            read_pass_key(path).map_err(|error| format!("{}: {error}", path.display()))
        });
        Ok(Strangers {
            challenge: self.stranger_challenge.clone(),
            passes: passes.transpose()?,
        })
    }
}

fn challenge(text: &str) -> Result<StrangerChallenge, &'static str> {
    StrangerChallenge::new(text.to_owned())
        .ok_or("not a text of 1 to 2048 bytes without control characters")
}

/// What the operator set.
#[derive(Default)]
pub struct Strangers {
    pub challenge: Option<StrangerChallenge>,
    pub passes: Option<PassKey>,
}

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

/// Deletes strangers and passes that no longer count, and those of a proven time that was set back.
/// Returns whether there may be more.
pub fn expire(db: &Connection, proven_ms: u64) -> Result<bool, Refusal> {
    let gone = format!("(at_ms <= ?1 - {DAY_MS} OR at_ms > ?1 + {DAY_MS})");
    let mut deleted = 0;
    for sql in [
        format!(
            "DELETE FROM stranger WHERE (account, other) IN
                 (SELECT account, other FROM stranger WHERE {gone} LIMIT ?2)"
        ),
        // A pass is remembered until it expired, so that it is not used twice.
        format!(
            "DELETE FROM pass WHERE pass IN
                 (SELECT pass FROM pass WHERE {gone} AND expires_at_ms <= ?1 LIMIT ?2)"
        ),
    ] {
        deleted = deleted.max(db.prepare(&sql)?.execute(params![proven_ms, BATCH])?);
    }
    Ok(deleted == BATCH)
}

#[cfg(test)]
mod tests;
