//! How much of everything a client gets.
//!
//! Addresses are those of the connections: behind a proxy all clients have the proxy's, and it must limit them itself.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use waxseal_relay::{ErrorCode, MAX_PREKEY_LEN, MAX_PREKEYS_UPLOADED};
use waxseal_reporting::{AccountId, MAX_ENVELOPE_LEN, MAX_REPORT_LEN};

use crate::errors::Refusal;

/// Most bytes of a small JSON body: a registration has 2 KB.
pub const MAX_JSON_LEN: usize = 8 << 10;
/// Most bytes of a prekey upload: base64 in JSON.
pub const MAX_UPLOAD_LEN: usize = (MAX_PREKEYS_UPLOADED + 1) * (MAX_PREKEY_LEN * 4 / 3 + 8) + 64;
/// Most bytes of a body of Waxseal's own, by route.
pub const MAX_MESSAGE_LEN: usize = MAX_ENVELOPE_LEN;
pub const MAX_REPORT_BODY_LEN: usize = MAX_REPORT_LEN;

/// Most accounts. All are kept in memory, some 500 bytes each.
pub const MAX_ACCOUNTS: usize = 100_000;

/// Most one-time parts an account has to hand out.
pub const MAX_ONE_TIME: usize = 200;
/// Most one-time parts remembered after they were handed out: five times what a device keeps the secrets of.
pub const MAX_SPENT: usize = 1_000;

/// Most messages and bytes in one account's queue, and how much of that one sender may take.
pub const MAX_QUEUED: i64 = 40_000;
pub const MAX_QUEUED_BYTES: i64 = 128 << 20;
pub const MAX_QUEUED_OF_ONE: i64 = 10_000;
pub const MAX_QUEUED_BYTES_OF_ONE: i64 = 16 << 20;
/// Most bytes in all queues.
pub const MAX_QUEUED_IN_ALL: i64 = 8 << 30;

/// Most bytes of reports kept.
pub const MAX_REPORTS_BYTES: i64 = 16 << 30;

/// A body costs one request more for each so many bytes.
const BYTES_A_REQUEST: usize = 16 << 10;

/// A WebSocket costs so many requests more: there are fewer of them.
const REQUESTS_A_CONNECTION: f64 = 4.0;

/// What clients may ask for, over time.
pub struct Limits {
    /// Requests of an account; large bodies count as several.
    accounts: Buckets<AccountId>,
    /// Requests without a token, of an address.
    peers: Buckets<IpAddr>,
    /// New accounts, of an address.
    registrations: Buckets<IpAddr>,
    /// Reports of an account.
    reports: Buckets<AccountId>,
    reviewer: Buckets<()>,
    /// One-time parts of one account (second) taken by another (first): nobody drains anybody.
    one_time: Buckets<(AccountId, AccountId)>,
}

impl Limits {
    pub fn new() -> Self {
        Self {
            accounts: Buckets::new(1_000.0, 200.0),
            peers: Buckets::new(1_000.0, 100.0),
            registrations: Buckets::new(300.0, 0.1),
            reports: Buckets::new(1_000.0, 0.1),
            reviewer: Buckets::new(1_000.0, 20.0),
            one_time: Buckets::new(5.0, 1.0 / 600.0),
        }
    }

    pub fn account(&self, account: &AccountId, body_len: usize) -> Result<(), Refusal> {
        let cost = 1.0 + (body_len / BYTES_A_REQUEST) as f64;
        self.accounts.take(account, cost, Instant::now())
    }

    pub fn connection(&self, account: &AccountId) -> Result<(), Refusal> {
        let now = Instant::now();
        self.accounts.take(account, REQUESTS_A_CONNECTION, now)
    }

    pub fn peer(&self, peer: IpAddr) -> Result<(), Refusal> {
        self.peers.take(&network(peer), 1.0, Instant::now())
    }

    pub fn registration(&self, peer: IpAddr) -> Result<(), Refusal> {
        self.registrations.take(&network(peer), 1.0, Instant::now())
    }

    pub fn report(&self, account: &AccountId) -> Result<(), Refusal> {
        self.reports.take(account, 1.0, Instant::now())
    }

    pub fn reviewer(&self) -> Result<(), Refusal> {
        self.reviewer.take(&(), 1.0, Instant::now())
    }

    pub fn one_time(&self, of: &AccountId, to: &AccountId) -> bool {
        let pair = (to.clone(), of.clone());
        self.one_time.take(&pair, 1.0, Instant::now()).is_ok()
    }
}

/// A subscriber of IPv6 has a /64 and counts as one.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(peer) => IpAddr::V6(Ipv6Addr::from(u128::from(peer) >> 64 << 64)),
        peer => peer,
    }
}

/// A token bucket: so many requests at once, and so many a second in the long run.
#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

/// A bucket a key, for a bounded number of keys: a full bucket need not be kept.
struct Buckets<K> {
    burst: f64,
    a_second: f64,
    table: Mutex<Table<K>>,
}

struct Table<K> {
    buckets: HashMap<K, Bucket>,
    swept_at: Option<Instant>,
}

/// Most buckets of one kind.
const MAX_BUCKETS: usize = 100_000;

/// How often a full table is looked through for buckets that are full again.
const SWEEP: Duration = Duration::from_secs(1);

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new(burst: f64, a_second: f64) -> Self {
        let table = Table {
            buckets: HashMap::new(),
            swept_at: None,
        };
        Self {
            burst,
            a_second,
            table: Mutex::new(table),
        }
    }

    /// Takes `cost` tokens, or says how long to wait for them.
    fn take(&self, key: &K, cost: f64, now: Instant) -> Result<(), Refusal> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let table = &mut *table;
        if !table.buckets.contains_key(key) && table.buckets.len() >= MAX_BUCKETS {
            if table
                .swept_at
                .is_none_or(|at| now.duration_since(at) >= SWEEP)
            {
                table.swept_at = Some(now);
                table
                    .buckets
                    .retain(|_, bucket| self.level(bucket, now) < self.burst);
            }
            if table.buckets.len() >= MAX_BUCKETS {
                return Err(Refusal::retry_after(ErrorCode::TooManyRequests, 5));
            }
        }
        let bucket = table.buckets.entry(key.clone()).or_insert(Bucket {
            tokens: self.burst,
            filled_at: now,
        });
        let level = self.level(bucket, now);
        // What costs more than a whole bucket waits for a whole bucket.
        let cost = cost.min(self.burst);
        if level < cost {
            let wait = ((cost - level) / self.a_second).ceil() as u64;
            return Err(Refusal::retry_after(
                ErrorCode::TooManyRequests,
                wait.max(1),
            ));
        }
        *bucket = Bucket {
            tokens: level - cost,
            filled_at: now,
        };
        Ok(())
    }

    fn level(&self, bucket: &Bucket, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(bucket.filled_at);
        (bucket.tokens + passed.as_secs_f64() * self.a_second).min(self.burst)
    }
}

#[cfg(test)]
mod tests;
