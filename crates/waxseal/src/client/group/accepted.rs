//! Entries as the provider hands them out, with its word on when it accepted them.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use waxseal_reporting::Timestamp;
use waxseal_reporting::relay::DeliveryKey;
use waxseal_roster::group::{GroupId, SignedEntry};

use crate::error::GroupNewsError;
use crate::labels;

/// An entry of a group, with the provider's word on when it accepted the entry.
///
/// ```text
/// mac = HMAC-SHA-256(K_delivery, "waxseal/1/relay/entry-receipt" || group 32
///           || SHA-256(signed entry) || accepted at be64)
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AcceptedEntry {
    /// The signed entry.
    pub entry: Vec<u8>,
    /// When the provider accepted it.
    pub accepted_at: Timestamp,
    /// The MAC under this device's delivery key.
    pub mac: [u8; 32],
}

impl AcceptedEntry {
    /// The provider's step: says to a device when it accepted an entry of a group.
    pub fn new(key: &DeliveryKey, group: &GroupId, entry: Vec<u8>, accepted_at: Timestamp) -> Self {
        let mac = entry_mac(key, group, &entry, accepted_at).finalize();
        Self {
            entry,
            accepted_at,
            mac: mac.into_bytes().into(),
        }
    }

    /// Reads the entry, if the provider vouches for it.
    pub(super) fn authenticate<E: std::error::Error>(
        &self,
        key: &DeliveryKey,
        group: &GroupId,
    ) -> Result<SignedEntry, GroupNewsError<E>> {
        // CHK-430: the provider says under the delivery key when it accepted the entry.
        let mac = entry_mac(key, group, &self.entry, self.accepted_at);
        if mac.verify_slice(&self.mac).is_err() {
            return Err(GroupNewsError::NotAuthentic);
        }
        Ok(SignedEntry::decode(&self.entry)?)
    }
}

impl std::fmt::Debug for AcceptedEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AcceptedEntry")
            .field("accepted_at", &self.accepted_at)
            .finish_non_exhaustive()
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn entry_mac(key: &DeliveryKey, group: &GroupId, entry: &[u8], at: Timestamp) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(&*key.to_bytes());
    let mut mac = mac.expect("HMAC takes keys of any length");
    mac.update(labels::ENTRY_RECEIPT);
    mac.update(&group.to_bytes());
    mac.update(&Sha256::digest(entry));
    mac.update(&at.as_millis().to_be_bytes());
    mac
}
