//! First contact: to how many accounts that gave it no token an account may write, and the tokens
//! that it gets.

pub mod expiry;
pub mod options;

use waxseal_interface::{
    ContactHeaders, ContactPass, ContactToken, ErrorCode, FELLOWS_A_DAY, STRANGERS_A_DAY,
};
use waxseal_reporting::AccountId;
use waxseal_reporting::relay::StampedEnvelope;
use waxseal_roster::group::GroupOp;

use crate::errors::Refusal;
use crate::state::{Account, Device, Relay};
use crate::store::strangers::{Counted, Within};
use crate::store::{Connection, accounts, members, strangers};
use crate::strangers::expiry::{DAY_MS, KEPT_MS};

/// Maximum number of passes that one account uses within 24 hours. With all of them, it can write
/// to 1,000 strangers. Bounds the rows that the operator's page can cause.
const MAX_PASSES: usize = 19;

/// Maximum number of rows that an account writes within 24 hours while it pays nothing: as many as
/// one that pays with all passes. If it writes to more, these may have to pay to answer.
const MAX_SPARED: usize = (MAX_PASSES + 1) * STRANGERS_A_DAY;

/// How far ahead of the relay's clock the epoch of a token may begin. A token that was handed out
/// shortly before proven time was set back stays valid.
const AHEAD_MS: u64 = 600_000;

/// What an accepted message costs its sender.
pub enum Cost {
    Nothing,
    /// A row that says that the sender wrote to the recipient.
    Row {
        from: i64,
        to: i64,
        at_ms: u64,
        counts: Counts,
    },
}

/// For what a row counts, for 24 hours.
pub enum Counts {
    /// For the budget of strangers. With a pass, earlier strangers no longer count.
    Stranger(Option<ContactPass>),
    /// For the fellow members of groups.
    Fellow,
    /// For nothing, because the sender is spared.
    Spared,
}

/// Whether an account may write to another now, and what that costs. Changes nothing. The job has
/// the lock of the sender's account.
pub fn check(
    db: &Connection,
    relay: &Relay,
    from: &Device,
    to: &Account,
    contact: &ContactHeaders,
) -> Result<Cost, Refusal> {
    cost(db, relay, from, (to.id, &to.name), contact)
}

/// Counts the accounts that an entry adds to a group, in the transaction that takes it. `tokens`
/// has one for each of them that gave one, in the entry's order.
pub fn count_added(
    db: &Connection,
    relay: &Relay,
    by: &Device,
    ops: &[GroupOp],
    tokens: &[Option<ContactToken>],
) -> Result<(), Refusal> {
    let added = ops.iter().filter_map(|op| match op {
        GroupOp::Add { account, .. } => Some(account),
        _ => None,
    });
    let tokens = tokens.iter().copied().chain(std::iter::repeat(None));
    accounts::take(db, [by.account; 2])?;
    for (account, token) in added.zip(tokens) {
        let to = accounts::find(db, account)?.ok_or(ErrorCode::NoSuchAccount)?;
        let name = AccountId::new(account).map_err(|_| ErrorCode::NoSuchAccount)?;
        let contact = ContactHeaders {
            token,
            ..ContactHeaders::default()
        };
        // CHK-614: to add an account costs what a message to it costs.
        cost(db, relay, by, (to, &name), &contact)?.count(db)?;
    }
    Ok(())
}

/// Whether a message costs nothing, whatever the database says.
pub fn is_free(relay: &Relay, from: &Device, to: &Account, contact: &ContactHeaders) -> bool {
    // CHK-604: the recipient gave a token, or is the sender itself. Otherwise it is a stranger.
    to.id == from.account || has_token(relay, contact.token, &from.me.account, &to.name)
}

fn cost(
    db: &Connection,
    relay: &Relay,
    from: &Device,
    (to, acceptor): (i64, &AccountId),
    contact: &ContactHeaders,
) -> Result<Cost, Refusal> {
    let writer = &from.me.account;
    // CHK-604: the recipient gave a token, or is the sender itself. Otherwise it is a stranger.
    if to == from.account || has_token(relay, contact.token, writer, acceptor) {
        return Ok(Cost::Nothing);
    }
    // CHK-608: the hours are those of proven time.
    let now_ms = relay.time.proven().at_ms;
    // CHK-606: the same stranger counts once within 24 hours.
    // CHK-612: an account that wrote to the sender, at a cost or while it was spared, is no
    // stranger to it. Otherwise others could use up its budget with messages that its devices
    // answer by themselves.
    if strangers::wrote(db, from.account, to, within(now_ms, DAY_MS))?
        || strangers::wrote(db, to, from.account, within(now_ms, KEPT_MS))?
    {
        return Ok(Cost::Nothing);
    }
    let budget = Budget::read(db, from.account, now_ms)?;
    let row = |counts| Cost::Row {
        from: from.account,
        to,
        at_ms: now_ms,
        counts,
    };
    if budget.is_spared {
        return Ok(match budget.rows < MAX_SPARED {
            true => row(Counts::Spared),
            false => Cost::Nothing,
        });
    }
    // CHK-613: fellow members of a group count on their own, up to their number.
    if budget.fellows < FELLOWS_A_DAY && members::are_fellows(db, from.account, to)? {
        return Ok(row(Counts::Fellow));
    }
    // CHK-605: no more strangers count than the budget has room for.
    if budget.counted < STRANGERS_A_DAY {
        return Ok(row(Counts::Stranger(None)));
    }
    let has_room = budget.passes < MAX_PASSES;
    let pass = match has_room {
        true => usable(db, relay, writer, contact.pass)?,
        false => None,
    };
    if pass.is_some() {
        return Ok(row(Counts::Stranger(pass)));
    }
    // An account that cannot use a pass is not told to get one.
    let challenge = relay.strangers.challenge.clone().filter(|_| has_room);
    Err(Refusal {
        challenge: challenge.map(Box::new),
        ..Refusal::retry_after(ErrorCode::StrangerBudget, budget.wait_secs(db)?)
    })
}

/// The time within so many milliseconds before now.
fn within(now_ms: u64, ms: u64) -> Within {
    Within {
        after_ms: now_ms.saturating_sub(ms),
        up_to_ms: now_ms,
    }
}

/// The pass, if it is valid for this account now, and was not used.
fn usable(
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
    let is_used = strangers::is_used(db, &pass)?;
    Ok((is_valid && !is_used).then_some(pass))
}

fn has_token(
    relay: &Relay,
    token: Option<ContactToken>,
    writer: &AccountId,
    acceptor: &AccountId,
) -> bool {
    let oldest = day(relay.time.proven().at_ms);
    let newest = day(relay.now().as_millis().saturating_add(AHEAD_MS));
    token.is_some_and(|token| {
        let key = &relay.contacts;
        key.is_valid(&token, writer, acceptor, oldest, newest)
    })
}

/// The day since the Unix epoch.
fn day(at_ms: u64) -> u32 {
    u32::try_from(at_ms / DAY_MS).unwrap_or(u32::MAX)
}

impl Cost {
    /// Counts the message, in the transaction that stamps it.
    pub fn count(self, db: &Connection) -> Result<(), Refusal> {
        let Self::Row {
            from,
            to,
            at_ms,
            counts,
        } = self
        else {
            return Ok(());
        };
        if let Counts::Stranger(Some(pass)) = &counts {
            strangers::pay(db, from, pass, at_ms)?;
        }
        let is_paid = matches!(counts, Counts::Spared);
        let is_fellow = matches!(counts, Counts::Fellow);
        strangers::record(db, from, to, at_ms, (is_paid, is_fellow))
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
    /// How many fellow members of groups count: those to which it wrote within 24 hours.
    fellows: usize,
    /// To how many accounts it wrote within 24 hours, whatever they count for.
    rows: usize,
    /// How many passes it used within 24 hours.
    passes: usize,
}

impl Budget {
    fn read(db: &Connection, account: i64, now_ms: u64) -> Result<Self, Refusal> {
        let count = |what| strangers::count(db, account, what, within(now_ms, DAY_MS));
        // CHK-609: an account of before pays nothing for 14 days.
        let spared_until_ms = accounts::spared_until(db, account)?;
        Ok(Self {
            account,
            now_ms,
            is_spared: spared_until_ms.is_some_and(|until_ms| now_ms < until_ms),
            counted: count(Counted::Strangers)?,
            fellows: count(Counted::Fellows)?,
            rows: count(Counted::Rows)?,
            passes: count(Counted::Passes)?,
        })
    }

    /// How many seconds pass until the first stranger no longer counts.
    fn wait_secs(&self, db: &Connection) -> Result<u64, Refusal> {
        let first = strangers::first(db, self.account, within(self.now_ms, DAY_MS))?;
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
    // CHK-616: the token is of the day of proven time. One of a clock that is ahead would not be
    // valid once the clock is right.
    let day = day(relay.time.proven().at_ms);
    let sender = &stamped.claim().context().sender.account;
    relay.contacts.token(day, recipient, sender)
}

#[cfg(test)]
mod tests;
