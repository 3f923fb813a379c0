//! Messages between two accounts, of which there are far more than of all else. What one needs to
//! know and writes is so little that PostgreSQL takes many of them at once.

use std::sync::Arc;

use waxseal_interface::MARK_LEN;
use waxseal_reporting::Timestamp;
use waxseal_roster::Pinned;

use crate::store::devices::Listed;
use crate::store::processes::By;
use crate::store::queue::Message;

/// Who sends to whom, by their rows.
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "SQLite has no lanes")
)]
#[derive(Clone, Copy)]
pub struct Way {
    pub device: i64,
    pub account: i64,
    pub peer: i64,
}

/// An account, as far as a message to it or from it must fit.
#[derive(Clone)]
pub struct Party {
    pub newest: Arc<Pinned>,
    pub listed: Vec<Listed>,
}

/// What is known when a message is taken.
pub struct Facts<'a> {
    /// When the last message of the sender was accepted.
    pub last: Option<Timestamp>,
    pub own: &'a Party,
    pub peer: &'a Party,
}

/// A message that was stamped, with what is written with it.
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "SQLite has no lanes")
)]
pub struct Stamped<T> {
    pub by: By,
    pub accepted_at: Timestamp,
    pub mark: Option<[u8; MARK_LEN]>,
    pub messages: Vec<Message>,
    pub answer: T,
}
