//! A device of a peer: its sessions ready for use, and the rest of its record.

use std::collections::BTreeSet;

use waxseal_core::export::{PageChange, PageId};
use waxseal_core::{SessionId, SessionSet};
use waxseal_reporting::{AccountId, DeviceId};
use zeroize::{Zeroize, Zeroizing};

use super::{Copies, DEVICES_AT_ONCE, EARLIER_VERSION, damaged};
use crate::client::page::number_of;
use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{self, DeviceRecord, take_secret_bytes};
use crate::store::{Cursor, Store, Transaction};

/// One device of a peer, with the sessions that this device has with it.
pub(in crate::client) struct Device {
    /// `None` before the first session, after a changed account key was accepted, and if the stored
    /// sessions have an earlier version.
    pub(in crate::client) sessions: Option<SessionSet>,
    /// The record without its sessions.
    pub(in crate::client) record: DeviceRecord,
    /// How often the store was set back, as the device noticed.
    restarts: u64,
    /// The sessions on which nothing is sealed any more, because the store was set back.
    pub(super) left: Vec<SessionId>,
    /// Whether the stored sessions have an earlier version. The next write deletes them.
    pub(super) has_earlier: bool,
    /// Stored pages of sessions with an earlier version. The next write deletes them.
    earlier_pages: Vec<PageId>,
    /// Whether the store may have another record than this.
    pub(super) is_changed: bool,
    /// Bytes that the record and the skipped keys take in the store, and the ids of earlier pages
    /// in memory.
    pub(super) len: usize,
}

impl Device {
    /// A device without sessions.
    pub(super) fn new(restarts: u64) -> Self {
        Self {
            sessions: None,
            record: DeviceRecord::default(),
            restarts,
            left: Vec::new(),
            has_earlier: false,
            earlier_pages: Vec::new(),
            is_changed: true,
            len: 0,
        }
    }

    /// Writes the record, and the pages of skipped keys that changed. Deletes pages of an earlier
    /// version.
    ///
    /// The sessions return each changed page only once. So if the transaction is not committed,
    /// this device must be dropped and read again.
    pub(super) fn put(
        &mut self,
        account: &AccountId,
        id: DeviceId,
        copies: &Copies<'_>,
        transaction: &mut Transaction,
    ) {
        for page in self.earlier_pages.drain(..) {
            transaction.delete(keys::page(account, id, &page));
        }
        self.has_earlier = false;
        let mut skipped_len = 0;
        let mut record = self.record.clone();
        if let Some(sessions) = &mut self.sessions {
            let parts = sessions.export_parts();
            for PageChange { id: page, bytes } in parts.pages {
                let key = keys::page(account, id, &page);
                match bytes {
                    Some(bytes) => transaction.put(key, bytes),
                    None => transaction.delete(key),
                }
            }
            record.sessions = take_secret_bytes(parts.state);
            skipped_len = sessions.pages_len();
        }
        record.restarts = self.restarts;
        record.left = self.left_in_store();
        record.skipped_len = u64::try_from(skipped_len).unwrap_or(u64::MAX);
        record.account_key = copies.account_key.to_vec();
        record.next_sequence = copies.next_sequence;
        record.next_ordinal = copies.next_ordinal;
        let bytes = records::encode(&record);
        self.len = bytes.len().saturating_add(skipped_len);
        self.is_changed = false;
        transaction.put(keys::device(account, id), bytes);
    }

    /// Destroys the sessions in memory, and deletes their skipped keys in `transaction`.
    ///
    /// The record in the store still holds the sessions until it is written again or deleted.
    pub(super) fn destroy_sessions(
        &mut self,
        account: &AccountId,
        id: DeviceId,
        transaction: &mut Transaction,
    ) {
        let pages = self.sessions.take().map(SessionSet::destroy);
        let pages = pages
            .into_iter()
            .flatten()
            .chain(self.earlier_pages.drain(..));
        for page in pages {
            transaction.delete(keys::page(account, id, &page));
        }
        self.left.clear();
        self.is_changed = true;
    }
}

/// The sessions of a stored device on which nothing is sealed any more.
fn left_of(sessions: Option<&SessionSet>, device: &DeviceRecord, restarts: u64) -> Vec<SessionId> {
    let is_current = device.restarts == restarts;
    if is_current && device.left.is_empty() {
        return Vec::new();
    }
    let ids = sessions.into_iter().flat_map(SessionSet::ids);
    let was_left = |id: &SessionId| device.left.iter().any(|left| left == id.as_bytes());
    ids.filter(|id| !is_current || was_left(id)).collect()
}

/// Returns the ids of pages of skipped keys, or `None` if one of them does not have the earlier
/// version.
fn ids_of_earlier(pages: &[Zeroizing<Vec<u8>>]) -> Option<Vec<PageId>> {
    let ids = pages.iter().map(|page| match page.first() {
        Some(&EARLIER_VERSION) => PageId::of_page(page).ok(),
        _ => None,
    });
    ids.collect()
}

impl<S: Store> Client<S> {
    /// The numbers of the devices of a peer that have a record, damaged or not, and of the device
    /// of which an earlier version kept skipped keys.
    pub(in crate::client) fn device_numbers(
        &self,
        peer: &AccountId,
    ) -> Result<BTreeSet<DeviceId>, StateError<S::Error>> {
        let (table, mut after) = (keys::devices(peer), None::<Cursor>);
        let mut found = BTreeSet::from([DeviceId(0)]);
        loop {
            let rows = self.store.list(&table, after.as_ref(), DEVICES_AT_ONCE);
            let rows = rows.map_err(StateError::Store)?;
            let numbers = rows.iter().filter_map(|row| number_of(&row.cursor));
            found.extend(numbers.filter_map(|number| Some(DeviceId(number.try_into().ok()?))));
            match rows.last() {
                Some(last) => after = Some(last.cursor.clone()),
                None => return Ok(found),
            }
        }
    }

    /// Makes a device of its stored record and pages.
    pub(super) fn device_of(
        &self,
        account: &AccountId,
        id: DeviceId,
        bytes: &[u8],
        restarts: u64,
    ) -> Result<Device, StateError<S::Error>> {
        let record: Option<DeviceRecord> = records::decode(bytes);
        let mut record = record.ok_or_else(|| damaged(account))?;
        let pages = self.read_pages(account, id, record.skipped_len)?;
        let (mut has_earlier, mut earlier_pages) = (false, Vec::new());
        let sessions = match record.sessions.as_slice() {
            [] if pages.is_empty() => None,
            [EARLIER_VERSION, ..] => {
                has_earlier = true;
                earlier_pages = ids_of_earlier(&pages).ok_or_else(|| damaged(account))?;
                None
            }
            state => {
                let sessions = SessionSet::import_parts(state, &pages);
                Some(sessions.map_err(|_| damaged(account))?)
            }
        };
        let left = left_of(sessions.as_ref(), &record, restarts);
        let skipped_len = sessions.as_ref().map_or(0, SessionSet::pages_len);
        let ids_len = earlier_pages.len().saturating_mul(size_of::<PageId>());
        record.sessions.zeroize();
        Ok(Device {
            sessions,
            record,
            restarts,
            left,
            has_earlier,
            earlier_pages,
            is_changed: has_earlier,
            len: bytes
                .len()
                .saturating_add(skipped_len)
                .saturating_add(ids_len),
        })
    }
}
