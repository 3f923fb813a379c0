//! The relay's limits: sizes and counts as constants, requests over time as token buckets.
//!
//! If several relays share a database, most rates are divided by their number: asking the database
//! for each request would cost more than the request. What is [scarce](scarce::Scarce) is counted
//! in the database too, by `budgets.rs`.
//!
//! A client's address is that of its connection. No header is trusted for it. If the relay runs
//! behind a proxy, all clients have the proxy's address, and the proxy must limit them itself.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use waxseal_interface::{MAX_PREKEY_LEN, MAX_PREKEYS_UPLOADED};
use waxseal_reporting::AccountId;
use waxseal_reporting::limits::{
    MAX_GROUP_BODY_LEN, MAX_POSTED_FANOUT_LEN, MAX_POSTED_GROUP_LEN, MAX_REPORT_LEN,
};

use crate::errors::Refusal;
use crate::limits::buckets::Buckets;
use crate::limits::scarce::Scarce;
use crate::limits::takers::Takers;
use crate::network::network;

/// Maximum length in bytes of a small JSON body. The largest, a registration with a roster, has
/// about 5 KB.
pub const MAX_JSON_LEN: usize = 8 << 10;
/// Maximum length in bytes of a list of 64 names in JSON.
pub const MAX_ROSTERS_BODY_LEN: usize = 16 << 10;
/// Maximum length in bytes of a prekey upload, which is base64 in JSON.
pub const MAX_UPLOAD_LEN: usize = (MAX_PREKEYS_UPLOADED + 1) * (MAX_PREKEY_LEN * 4 / 3 + 8) + 64;
/// Maximum length in bytes of a message for all its devices: 1.2 MB.
pub const MAX_MESSAGE_LEN: usize = MAX_POSTED_FANOUT_LEN;
/// Maximum length in bytes of a message to a group. Slots for 4,096 devices fit, if most are MACs.
pub const MAX_GROUP_MESSAGE_LEN: usize = 2 << 20;
const _: () = assert!(MAX_GROUP_BODY_LEN < MAX_GROUP_MESSAGE_LEN);
const _: () = assert!(MAX_GROUP_MESSAGE_LEN <= MAX_POSTED_GROUP_LEN);
/// Maximum length in bytes of a report.
pub const MAX_REPORT_BODY_LEN: usize = MAX_REPORT_LEN;

/// Maximum number of accounts in SQLite, which has all in one file. None is deleted.
pub const MAX_ACCOUNTS: i64 = 100_000;
/// Maximum number of accounts in PostgreSQL. Memory has [some](crate::cache::MAX_CACHED) of them.
pub const MAX_ACCOUNTS_ON_POSTGRES: i64 = 100_000_000;

/// Maximum number of groups in SQLite. None is deleted.
pub const MAX_GROUPS: i64 = 100_000;
/// Maximum number of groups in PostgreSQL.
pub const MAX_GROUPS_ON_POSTGRES: i64 = 10_000_000;

/// Maximum number of one-time parts stored per device. Each is a prekey that is handed out to one
/// peer only.
pub const MAX_ONE_TIME: usize = 200;
/// The last one-time parts of a device are handed out more slowly.
pub const LAST_ONE_TIME: usize = 20;
/// Maximum number of one-time parts whose hash is remembered per device after they were handed out.
/// This is five times the number of parts whose secrets a device keeps.
pub const MAX_SPENT: usize = 1_000;

/// Maximum number of messages in one device's queue.
pub const MAX_QUEUED: i64 = 40_000;
/// Maximum number of bytes in one device's queue.
pub const MAX_QUEUED_BYTES: i64 = 128 << 20;
/// Maximum number of messages of one sending account in one device's queue.
pub const MAX_QUEUED_OF_ONE: i64 = 10_000;
/// Maximum number of bytes of one sending account in one device's queue.
pub const MAX_QUEUED_BYTES_OF_ONE: i64 = 16 << 20;
/// Maximum number of bytes in all queues together.
pub const MAX_QUEUED_IN_ALL: i64 = 8 << 30;
/// One device gets at most the free space divided by this. While the space fills, each further
/// queue gets less, so that the devices of a few accounts cannot fill it.
pub const MIN_RECIPIENTS: i64 = 64;

/// Time for which the content of a mailbox is kept.
pub const MAILBOX_MS: u64 = 600_000;
/// Maximum number of slots of mailboxes that one address fills.
pub const MAX_LODGED_OF_ADDRESS: i64 = 64;
/// Maximum number of bytes in these, 256 more for each slot. Enough to link several devices.
pub const MAX_LODGED_BYTES_OF_ADDRESS: i64 = 1 << 20;
/// Maximum number of slots of mailboxes that one account fills: those of two mailboxes.
pub const MAX_LODGED_OF_ACCOUNT: i64 = 512;
/// Maximum number of bytes in these, 256 more for each slot.
pub const MAX_LODGED_BYTES_OF_ACCOUNT: i64 = 48 << 20;
/// Maximum number of bytes in the mailboxes that addresses fill. They take no space of accounts.
pub const MAX_LODGED_BYTES_OF_ADDRESSES: i64 = 256 << 20;
/// Maximum number of bytes in the mailboxes that accounts fill.
pub const MAX_LODGED_BYTES_OF_ACCOUNTS: i64 = 1 << 30;
/// One address or account gets at most the free space divided by this.
pub const MIN_LODGERS: i64 = 16;

/// Maximum number of blobs that one account keeps.
pub const MAX_BLOBS_OF_ACCOUNT: i64 = 10_000;
/// The least space that a blob counts for, however short it is.
pub const MIN_BLOB_SPACE: i64 = 64 << 10;
/// One account keeps blobs in at most the free space divided by this.
pub const MIN_UPLOADERS: i64 = 8;
/// The space of all blobs divided by this is for the copies of reporters alone.
pub const SHARE_OF_COPIES: i64 = 8;
/// Time for which an unfinished blob is kept after its newest part.
pub const UNFINISHED_BLOB_MS: i64 = 86_400_000;
/// Time for which the id of a deleted blob is remembered.
pub const GONE_BLOB_MS: i64 = 400 * 86_400_000;

/// Maximum number of bytes of reports that wait for review.
pub const MAX_REPORTS_BYTES: i64 = 16 << 30;
/// Maximum number of reports of one account that wait for review.
pub const MAX_REPORTS_OF_ONE: i64 = 100;
/// Maximum number of bytes of reports of one account that wait for review: four of the longest.
pub const MAX_REPORTS_BYTES_OF_ONE: i64 = 8 << 20;
/// One account gets at most the free space divided by this. While the space fills, each further
/// account gets less, so that many accounts cannot fill it either.
pub const MIN_REPORTERS: i64 = 512;
/// Maximum number of reports of one account that are accepted within 24 hours.
pub const MAX_REPORTS_A_DAY: i64 = 100;

/// A body costs one extra request per this many bytes.
const BYTES_PER_REQUEST: usize = 16 << 10;

/// A WebSocket costs this many extra requests, because the relay has room for fewer WebSockets.
const REQUESTS_PER_WEBSOCKET: f64 = 4.0;

/// Limits on what clients may ask for over time.
pub struct Limits {
    /// Requests per account. A large body counts as several.
    accounts: Buckets<AccountId>,
    /// Requests without a token, per address.
    addresses: Buckets<IpAddr>,
    /// New accounts per address.
    registrations: Buckets<IpAddr>,
    /// Sessions per account. Without this limit, a few accounts could answer as many challenges as
    /// the relay remembers. Each relay remembers its own, so none has a part of another's.
    sessions: Buckets<AccountId>,
    /// Reports per account.
    reports: Buckets<AccountId>,
    reviewer: Buckets<()>,
    /// Receipts and appeals for which an account has the desk asked.
    desk: Buckets<AccountId>,
    /// Rosters of other accounts that an account fetches, by its row.
    rosters: Buckets<i64>,
    /// Rosters that an account publishes. The relay verifies up to ten signatures for each.
    roster_changes: Buckets<AccountId>,
    /// Groups that an account founds.
    foundings: Buckets<AccountId>,
    /// Entries that an account posts. The relay verifies a signature and hashes a state for each.
    group_entries: Buckets<AccountId>,
    /// News of groups that an account gets, alone or because its message lacked some.
    group_news: Buckets<AccountId>,
    /// Rosters of fellow members that an account fetches.
    group_rosters: Buckets<AccountId>,
    /// Rosters with prekeys of fellow members that an account gets, by its row, once it has used
    /// up those of strangers.
    fellows: Buckets<i64>,
    /// One-time parts that one account takes from a device of another, by the rows of both.
    takers: Takers,
    /// One-time parts that one device hands out to all accounts, by its row. When this table is
    /// full, the parts of further devices are held back.
    one_time: Buckets<i64>,
    /// The last one-time parts of a device.
    last_one_time: Buckets<i64>,
    /// Bytes of blobs that an account sends and fetches, as requests of 16 KiB. They are apart from
    /// its other requests, so that a file holds up no message.
    blob_bytes: Buckets<AccountId>,
    /// How many relays of the database are alive.
    relays: Arc<AtomicU32>,
}

impl Limits {
    pub fn new() -> Self {
        let relays = Arc::new(AtomicU32::new(1));
        Self {
            accounts: Buckets::divided(1_000.0, 200.0, &relays),
            addresses: Buckets::divided(1_000.0, 100.0, &relays),
            registrations: Buckets::of(Scarce::Registrations.rate()),
            sessions: Buckets::new(100.0, 1.0),
            reports: Buckets::of(Scarce::Reports.rate()),
            reviewer: Buckets::divided(1_000.0, 20.0, &relays),
            desk: Buckets::of(Scarce::Desk.rate()),
            rosters: Buckets::divided(1_000.0, 1.0, &relays),
            roster_changes: Buckets::of(Scarce::RosterChanges.rate()),
            foundings: Buckets::of(Scarce::Foundings.rate()),
            group_entries: Buckets::of(Scarce::GroupEntries.rate()),
            group_news: Buckets::divided(500.0, 1.0, &relays),
            group_rosters: Buckets::divided(4_096.0, 20.0, &relays),
            fellows: Buckets::divided(4_096.0, 10.0, &relays),
            takers: Takers::default(),
            one_time: Buckets::of(Scarce::OneTime.rate()),
            last_one_time: Buckets::of(Scarce::LastOneTime.rate()),
            blob_bytes: Buckets::divided(16_384.0, 2_048.0, &relays),
            relays,
        }
    }

    /// Takes how many relays of the database are alive. Each then gives its part of what an account
    /// or an address may ask for over time.
    pub fn divide(&self, relays: u32) {
        self.relays.store(relays, Ordering::Relaxed);
    }

    pub fn account(&self, account: &AccountId, body_len: usize) -> Result<(), Refusal> {
        let cost = 1.0 + (body_len / BYTES_PER_REQUEST) as f64;
        self.accounts.take(account, cost, Instant::now())
    }

    /// Counts a message for several devices as this many messages, 1,000 at most. One of them was
    /// counted with its request. Each further device is as much work as another message.
    pub fn targets(&self, account: &AccountId, count: usize) -> Result<(), Refusal> {
        match count.saturating_sub(1) {
            0 => Ok(()),
            more => self.accounts.owe(account, more as f64, Instant::now()),
        }
    }

    pub fn websocket(&self, account: &AccountId) -> Result<(), Refusal> {
        let now = Instant::now();
        self.accounts.take(account, REQUESTS_PER_WEBSOCKET, now)
    }

    /// Counts bytes of a blob that an account sends or fetches.
    pub fn blob_bytes(&self, account: &AccountId, len: usize) -> Result<(), Refusal> {
        let cost = len.div_ceil(BYTES_PER_REQUEST) as f64;
        self.blob_bytes.take(account, cost, Instant::now())
    }

    pub fn address(&self, address: IpAddr, body_len: usize) -> Result<(), Refusal> {
        let cost = 1.0 + (body_len / BYTES_PER_REQUEST) as f64;
        self.addresses.take(&network(address), cost, Instant::now())
    }

    pub fn registration(&self, address: IpAddr) -> Result<(), Refusal> {
        self.registrations
            .take(&network(address), 1.0, Instant::now())
    }

    pub fn session(&self, account: &AccountId) -> Result<(), Refusal> {
        self.sessions.take(account, 1.0, Instant::now())
    }

    pub fn report(&self, account: &AccountId) -> Result<(), Refusal> {
        self.reports.take(account, 1.0, Instant::now())
    }

    pub fn reviewer(&self) -> Result<(), Refusal> {
        self.reviewer.take(&(), 1.0, Instant::now())
    }

    pub fn desk(&self, account: &AccountId) -> Result<(), Refusal> {
        self.desk.take(account, 1.0, Instant::now())
    }

    /// Whether the account `to` may see the roster of the account `of`. Its own costs nothing.
    pub fn roster(&self, to: i64, of: i64) -> Result<(), Refusal> {
        match to == of {
            true => Ok(()),
            false => self.rosters.take(&to, 1.0, Instant::now()),
        }
    }

    pub fn roster_change(&self, account: &AccountId) -> Result<(), Refusal> {
        self.roster_changes.take(account, 1.0, Instant::now())
    }

    /// Counts an entry of this version, the first of a group also as a founding.
    pub fn group_entry(&self, account: &AccountId, version: u64) -> Result<(), Refusal> {
        if version == 1 {
            self.foundings.take(account, 1.0, Instant::now())?;
        }
        self.group_entries.take(account, 1.0, Instant::now())
    }

    pub fn group_news(&self, account: &AccountId) -> Result<(), Refusal> {
        self.group_news.take(account, 1.0, Instant::now())
    }

    pub fn group_rosters(&self, account: &AccountId, count: usize) -> Result<(), Refusal> {
        self.group_rosters
            .take(account, count as f64, Instant::now())
    }

    /// Whether the account `to` may see the roster of a fellow member.
    pub fn fellow(&self, to: i64) -> Result<(), Refusal> {
        self.fellows.take(&to, 1.0, Instant::now())
    }

    /// Whether the account `to` may take another one-time part of the device `of`, which has `left`
    /// parts left. Neither one account nor many can use up the parts of a device at once.
    pub fn one_time(&self, of: i64, to: i64, left: usize, now: Instant) -> bool {
        left > 0
            && self.takers.take(to, of, now)
            && self.one_time.take(&of, 1.0, now).is_ok()
            && (left > LAST_ONE_TIME || self.last_one_time.take(&of, 1.0, now).is_ok())
    }
}

mod buckets;
pub mod once;
pub mod scarce;
mod takers;
#[cfg(test)]
mod tests;
