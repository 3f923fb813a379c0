//! Reading the skipped keys of a peer's device.

use waxseal_core::limits::{MAX_SESSIONS, MAX_SKIPPED_KEYS};
use waxseal_reporting::{AccountId, DeviceId};
use zeroize::Zeroizing;

use super::damaged;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::store::{Listed, Store};

/// Maximum length of all pages of a device's skipped keys: the message keys that the sessions keep
/// for messages that have not arrived. The longest case is one key per page, which takes 121 bytes.
const MAX_SKIPPED_LEN: usize = MAX_SESSIONS * MAX_SKIPPED_KEYS * 121;

/// Pages of skipped keys that one call to the store reads, each of up to five thousand bytes.
const PAGES_AT_ONCE: usize = 32;

impl<S: Store> Client<S> {
    /// Reads the skipped keys of a device, which take `len` bytes together.
    pub(super) fn read_pages(
        &self,
        account: &AccountId,
        device: DeviceId,
        len: u64,
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, StateError<S::Error>> {
        if len > MAX_SKIPPED_LEN as u64 {
            return Err(damaged(account));
        }
        let (mut pages, mut left, mut after) = (Vec::new(), len, None);
        // Each turn goes on after the last page, so the loop ends even on a damaged store.
        while left > 0 {
            let table = keys::skipped_keys(account, device);
            let some = self.store.list(&table, after.as_ref(), PAGES_AT_ONCE);
            let some = some.map_err(|error| match S::is_damage(&error) {
                true => damaged(account),
                false => StateError::Store(error),
            })?;
            after = some.last().map(|page| page.cursor.clone());
            if after.is_none() {
                return Err(damaged(account));
            }
            for Listed { value: page, .. } in some {
                let page = page.ok_or_else(|| damaged(account))?;
                let len = page.len() as u64;
                left = left.checked_sub(len).ok_or_else(|| damaged(account))?;
                pages.push(page);
            }
        }
        Ok(pages)
    }
}
