//! The JSON bodies about groups: entries, states, and what a sender lacks.
//!
//! Entries and states are bytes here: a relay and a client read them with `waxseal-roster`.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};
use waxseal_reporting::ConversationId;
use waxseal_reporting::relay::DeliveryKey;

use crate::b64;
use crate::message::b64_list;
use crate::roster::MAX_ROSTER_LEN;

#[cfg(test)]
mod tests;

/// Maximum length in bytes of a signed entry of a group.
pub const MAX_ENTRY_LEN: usize = 10_771;

/// Maximum length in bytes of an encoded state of a group.
pub const MAX_GROUP_STATE_LEN: usize = 174_156;

/// Maximum length in bytes of an encoded authority chain.
pub const MAX_AUTHORITY_CHAIN_LEN: usize = 1_048_576;

/// Maximum number of entries in one answer. Whoever lacks more gets the whole state.
pub const MAX_ENTRIES: usize = 64;

/// Maximum number of members whose rosters one request asks for.
pub const MAX_ROSTERS_ASKED: usize = 64;

/// Maximum number of members of a group.
pub const MAX_MEMBERS: usize = 1_024;

const ENTRY_RECEIPT: &[u8] = b"waxseal/1/relay/entry-receipt";
const GROUP_LEAVE: &[u8] = b"waxseal/1/relay/group-leave";

/// A group's id as text: 64 lower-case hex digits.
pub fn group_text(group: &ConversationId) -> String {
    let (first, second) = group.as_bytes().split_at(16);
    let number = |half: &[u8]| half.try_into().map_or(0, u128::from_be_bytes);
    format!("{:032x}{:032x}", number(first), number(second))
}

/// Reads a group's id from 64 lower-case hex digits. Returns `None` for anything else.
pub fn parse_group(text: &str) -> Option<ConversationId> {
    let (first, second) = text.split_at_checked(32)?;
    let half = |text| u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes);
    let bytes = [half(first)?, half(second)?].concat().try_into().ok()?;
    let group = ConversationId::from_bytes(bytes);
    (group_text(&group) == text).then_some(group)
}

/// The relay's word on when it accepted an entry of a group. It answers `PUT /v1/groups/{group}`.
///
/// The time is above that of every message that the relay accepted at the version before.
///
/// ```text
/// mac = HMAC-SHA-256(K_delivery, "waxseal/1/relay/entry-receipt" || group 32
///           || SHA-256(signed entry) || accepted at be64)
/// ```
///
/// ```
/// # use waxseal_interface::EntryReceipt;
/// # use waxseal_reporting::{ConversationId, relay::DeliveryKey};
/// # let (key, group) = (DeliveryKey::generate(&mut rand::rng()), ConversationId::group(b"g"));
/// let receipt = EntryReceipt::new(&key, &group, b"signed entry", 1_790_000_000_000);
/// assert!(receipt.is_authentic(&key, &group, b"signed entry"));
/// assert!(!receipt.is_authentic(&key, &group, b"other entry"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryReceipt {
    /// When the relay accepted the entry, in milliseconds since the Unix epoch.
    pub accepted_at_ms: u64,
    /// The MAC under the delivery key of the device that gets it.
    #[serde(with = "b64")]
    pub mac: [u8; 32],
}

impl EntryReceipt {
    /// The relay's step: makes the receipt for the device with this delivery key.
    pub fn new(
        key: &DeliveryKey,
        group: &ConversationId,
        entry: &[u8],
        accepted_at_ms: u64,
    ) -> Self {
        let mac = entry_mac(key, group, entry, accepted_at_ms);
        Self {
            accepted_at_ms,
            mac: mac.finalize().into_bytes().into(),
        }
    }

    /// The device's step: whether the relay accepted this entry at this time.
    pub fn is_authentic(&self, key: &DeliveryKey, group: &ConversationId, entry: &[u8]) -> bool {
        // CHK-460: the receipt's MAC covers the group, the signed entry and the accepted time.
        let mac = entry_mac(key, group, entry, self.accepted_at_ms);
        mac.verify_slice(&self.mac).is_ok()
    }
}

impl fmt::Debug for EntryReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryReceipt")
            .field("accepted_at_ms", &self.accepted_at_ms)
            .finish_non_exhaustive()
    }
}

fn entry_mac(
    key: &DeliveryKey,
    group: &ConversationId,
    entry: &[u8],
    accepted_at_ms: u64,
) -> Hmac<Sha256> {
    let (digest, at) = (Sha256::digest(entry), accepted_at_ms.to_be_bytes());
    hmac(key, &[ENTRY_RECEIPT, group.as_bytes(), &digest, &at])
}

/// An entry of a group, with the relay's word on when it accepted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedEntry {
    /// The signed entry, encoded: at most [`MAX_ENTRY_LEN`] bytes.
    #[serde(
        serialize_with = "b64::serialize",
        deserialize_with = "at_most::<_, MAX_ENTRY_LEN>"
    )]
    pub entry: Vec<u8>,
    /// When the relay accepted it.
    #[serde(flatten)]
    pub receipt: EntryReceipt,
}

/// A whole state of a group, for whoever lacks too many entries.
///
/// # Security
/// It is unverified. `GroupLog` of `waxseal-roster` verifies it by the entry and the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeGroup {
    /// The encoded state: at most [`MAX_GROUP_STATE_LEN`] bytes.
    #[serde(
        serialize_with = "b64::serialize",
        deserialize_with = "at_most::<_, MAX_GROUP_STATE_LEN>"
    )]
    pub state: Vec<u8>,
    /// The encoded authority chain: at most [`MAX_AUTHORITY_CHAIN_LEN`] bytes.
    #[serde(
        serialize_with = "b64::serialize",
        deserialize_with = "at_most::<_, MAX_AUTHORITY_CHAIN_LEN>"
    )]
    pub authority_chain: Vec<u8>,
}

/// `GET /v1/groups/{group}?after=N`: what happened in a group after version N.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupNews {
    /// The entries after version N, oldest first: at most [`MAX_ENTRIES`]. With `whole`, only the
    /// entry that made the state.
    #[serde(deserialize_with = "few::<_, _, MAX_ENTRIES>")]
    pub entries: Vec<AcceptedEntry>,
    /// The newest state, if there are more than [`MAX_ENTRIES`] entries after version N. A former
    /// member gets none: it gets the first entries, and asks again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<WholeGroup>,
}

/// `POST /v1/groups/{group}/rosters`: asks for the rosters of members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskRosters {
    /// Names of accounts that are members: at most [`MAX_ROSTERS_ASKED`].
    #[serde(deserialize_with = "few::<_, _, MAX_ROSTERS_ASKED>")]
    pub names: Vec<String>,
}

/// The answer to [`AskRosters`]: the newest signed rosters of those accounts that are members and
/// have one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRosters {
    /// Encoded signed rosters. Each names its account.
    #[serde(serialize_with = "b64_list::serialize", deserialize_with = "rosters")]
    pub rosters: Vec<Vec<u8>>,
}

/// What an [`ErrorBody`](crate::ErrorBody) says with
/// [`ErrorCode::GroupMismatch`](crate::ErrorCode::GroupMismatch): what the sender of a message to a
/// group lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMismatch {
    /// What happened in the group after the version that the message names.
    pub news: GroupNews,
    /// The versions of the newest rosters of all members that have one. The sender asks for the
    /// rosters that it lacks.
    #[serde(deserialize_with = "few::<_, _, MAX_MEMBERS>")]
    pub rosters: Vec<RosterClaim>,
    /// Names of the members that left and are not removed yet, in the order in which they left. A
    /// message may leave out the first of them, as many as it likes.
    #[serde(deserialize_with = "few::<_, _, MAX_MEMBERS>")]
    pub left: Vec<String>,
}

/// Which roster of an account is the newest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterClaim {
    /// The account's name.
    pub name: String,
    /// Epoch of its newest roster.
    pub epoch: u32,
    /// Version of its newest roster.
    pub version: u32,
}

impl fmt::Debug for RosterClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RosterClaim({}, {})", self.epoch, self.version)
    }
}

/// `POST /v1/groups/{group}/leave`: the account leaves the group at once.
///
/// ```text
/// mac = HMAC-SHA-256(K_delivery, "waxseal/1/relay/group-leave" || group 32 || version be64)
/// ```
///
/// The version makes it of no use once the account was removed and added again.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLeave {
    /// The version of the newest state that the device knows.
    pub version: u64,
    /// The MAC under the device's delivery key.
    #[serde(with = "b64")]
    pub mac: [u8; 32],
}

impl GroupLeave {
    /// The device's step: asks to leave the group. `version` is that of the newest state that the
    /// device knows.
    pub fn new(key: &DeliveryKey, group: &ConversationId, version: u64) -> Self {
        let mac = leave_mac(key, group, version);
        Self {
            version,
            mac: mac.finalize().into_bytes().into(),
        }
    }

    /// The relay's step: whether the device with this delivery key asks for this.
    pub fn is_authentic(&self, key: &DeliveryKey, group: &ConversationId) -> bool {
        // CHK-461: a device leaves a group only under its delivery key. A token is not enough.
        let mac = leave_mac(key, group, self.version);
        mac.verify_slice(&self.mac).is_ok()
    }
}

impl fmt::Debug for GroupLeave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupLeave")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

fn leave_mac(key: &DeliveryKey, group: &ConversationId, version: u64) -> Hmac<Sha256> {
    hmac(
        key,
        &[GROUP_LEAVE, group.as_bytes(), &version.to_be_bytes()],
    )
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn hmac(key: &DeliveryKey, fields: &[&[u8]]) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(&*key.to_bytes());
    let mut mac = mac.expect("HMAC takes keys of any length");
    fields.iter().for_each(|field| mac.update(field));
    mac
}

/// Reads bytes of at most `MAX` from base64.
fn at_most<'de, D: Deserializer<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<Vec<u8>, D::Error> {
    let bytes: Vec<u8> = b64::deserialize(deserializer)?;
    match bytes.len() <= MAX {
        true => Ok(bytes),
        false => Err(D::Error::custom("too long")),
    }
}

/// Reads a list of at most `MAX` elements.
fn few<'de, D: Deserializer<'de>, T: Deserialize<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list = Vec::deserialize(deserializer)?;
    match list.len() <= MAX {
        true => Ok(list),
        false => Err(D::Error::custom("too many")),
    }
}

/// Reads the rosters of one answer.
fn rosters<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
    let list = b64_list::deserialize(deserializer)?;
    let fits = |roster: &Vec<u8>| roster.len() <= MAX_ROSTER_LEN;
    match list.len() <= MAX_ROSTERS_ASKED && list.iter().all(fits) {
        true => Ok(list),
        false => Err(D::Error::custom("too many or too long")),
    }
}
