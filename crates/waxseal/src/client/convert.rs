//! Conversion: opening a store of an earlier version rewrites its records in the present layout.

use waxseal_reporting::{AccountId, DeviceId};

use super::{Client, keys};
use crate::error::{OpenAccountError, StateError};
use crate::records::{
    self, ContactRecord, ConversationRecord, DeviceRecord, EarlierPeerRecord, LAYOUT, LayoutRecord,
};
use crate::store::{Store, Transaction};

/// Peers that one transaction converts, each of up to 21 kB. Their messages are converted before.
const PEERS_AT_ONCE: usize = 16;

impl<S: Store> Client<S> {
    /// Brings a store of layout 2 or 3 to the present layout.
    fn convert_3(&mut self, layout: LayoutRecord) -> Result<(), StateError<S::Error>> {
        self.has_earlier = layout.has_earlier;
        self.fold_all()?;
        let layout = LayoutRecord {
            layout: LAYOUT,
            ..layout
        };
        let mut transaction = Transaction::default();
        transaction.put_record(keys::layout(), &layout);
        self.commit(transaction)
    }

    /// Brings the store to the present layout, if it has an earlier one.
    ///
    /// Each peer is converted in the transaction that deletes its earlier record. So an interrupted
    /// conversion goes on at the next start. A peer whose record is damaged keeps it, and is known
    /// by it as damaged. Messages, the outbox and reports stay where they are. Messages that expire
    /// are listed as due.
    pub(super) fn convert(&mut self) -> Result<(), OpenAccountError<S::Error>> {
        match self.get_record::<LayoutRecord>(&keys::layout()) {
            Ok(Some(layout)) if layout.layout > LAYOUT => return Err(OpenAccountError::Newer),
            Ok(Some(layout)) if layout.layout == LAYOUT => {
                self.has_earlier = layout.has_earlier;
                return Ok(());
            }
            // The contacts of layout 2 are read as they are: an identity, without an account key.
            // Its one device of each contact has the number 0 until a roster says which it is.
            Ok(Some(layout)) => return Ok(self.convert_3(layout)?),
            // A damaged record is written again. The conversion then finds nothing to convert.
            Ok(None) | Err(StateError::Damaged(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.has_earlier = true;
        let mut after = None;
        loop {
            let peers = keys::earlier_peers();
            let page = self.page(&peers, after.as_ref(), PEERS_AT_ONCE, |cursor, bytes| {
                let peer: EarlierPeerRecord = records::decode(bytes)?;
                let account = AccountId::new(&peer.account).ok()?;
                Some((cursor.clone(), account, peer))
            })?;
            let mut transaction = Transaction::default();
            for (cursor, account, peer) in page.items {
                let last_accepted_ms = self.convert_history(&account)?;
                put_peer(&mut transaction, &account, &peer, last_accepted_ms);
                transaction.delete_at(peers.clone(), cursor);
            }
            self.commit(transaction)?;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.fold_all()?;
        let layout = LayoutRecord {
            layout: LAYOUT,
            has_earlier: true,
        };
        let mut transaction = Transaction::default();
        transaction.put_record(keys::layout(), &layout);
        Ok(self.commit(transaction)?)
    }
}

/// Writes a peer as contact, device and conversation.
fn put_peer(
    transaction: &mut Transaction,
    account: &AccountId,
    peer: &EarlierPeerRecord,
    last_accepted_ms: u64,
) {
    let contact = ContactRecord {
        account: peer.account.clone(),
        identity_before: peer.identity.clone(),
        ..ContactRecord::default()
    };
    let conversation = ConversationRecord {
        account: peer.account.clone(),
        next_sequence: peer.next_sequence,
        last_seen: peer.last_seen.clone(),
        next_ordinal: peer.next_ordinal,
        last_accepted_ms,
        ..ConversationRecord::default()
    };
    let device = DeviceRecord {
        sessions: peer.sessions.clone(),
        skipped_len: peer.skipped_len,
        identity: peer.identity.clone(),
        next_sequence: peer.next_sequence,
        next_ordinal: peer.next_ordinal,
        restarts: 0,
        left: Vec::new(),
        account_key: Vec::new(),
        removed_ms: 0,
        restarted_ms: 0,
        restarted_on: Vec::new(),
        had_no_one_time: false,
        unusable_ms: 0,
        unanswered_ms: 0,
        unanswered_keys: 0,
    };
    transaction.put_record(keys::contact(account), &contact);
    transaction.put_record(keys::conversation(&account.into()), &conversation);
    transaction.put_record(keys::device(account, DeviceId(0)), &device);
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;
