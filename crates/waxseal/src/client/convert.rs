//! Conversion: what an earlier version of this crate stored is laid out anew when it is opened.

use super::{Client, keys};
use crate::error::{OpenAccountError, StateError};
use crate::records::{
    self, ContactRecord, ConversationRecord, DeviceRecord, EarlierPeerRecord, LAYOUT, LayoutRecord,
};
use crate::store::{Store, Transaction};

/// Peers that one transaction converts, each of up to 21 kB.
const PEERS_AT_ONCE: usize = 16;

impl<S: Store> Client<S> {
    /// Brings the store to the present layout, if it has an earlier one.
    ///
    /// Each peer is converted in the transaction that deletes its earlier record. So an interrupted
    /// conversion goes on at the next start. A peer whose record is damaged keeps it, and is known
    /// by it as damaged. Messages, the outbox and reports stay where they are.
    pub(super) fn convert(&mut self) -> Result<(), OpenAccountError<S::Error>> {
        match self.get_record::<LayoutRecord>(&keys::layout()) {
            Ok(Some(layout)) if layout.layout > LAYOUT => return Err(OpenAccountError::Newer),
            Ok(Some(layout)) => {
                self.has_earlier = layout.has_earlier;
                return Ok(());
            }
            // A damaged record is written again. The conversion then finds nothing to convert.
            Ok(None) | Err(StateError::Damaged(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let mut after = None;
        loop {
            let peers = keys::earlier_peers();
            let page = self.page(&peers, after.as_ref(), PEERS_AT_ONCE, |cursor, bytes| {
                Some((cursor.clone(), records::decode(bytes)?))
            })?;
            let mut transaction = Transaction::default();
            for (cursor, peer) in page.items {
                if put_peer(&mut transaction, &peer).is_some() {
                    transaction.delete_at(peers.clone(), cursor);
                }
            }
            self.commit(transaction)?;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.has_earlier = true;
        let layout = LayoutRecord {
            layout: LAYOUT,
            has_earlier: true,
        };
        let mut transaction = Transaction::default();
        transaction.put_record(keys::layout(), &layout);
        Ok(self.commit(transaction)?)
    }
}

/// Writes a peer as contact, device and conversation. `None` if it names no account.
fn put_peer(transaction: &mut Transaction, peer: &EarlierPeerRecord) -> Option<()> {
    let account = waxseal_reporting::AccountId::new(&peer.account).ok()?;
    let contact = ContactRecord {
        account: peer.account.clone(),
        identity: peer.identity.clone(),
    };
    let conversation = ConversationRecord {
        account: peer.account.clone(),
        next_sequence: peer.next_sequence,
        last_seen: peer.last_seen.clone(),
        next_ordinal: peer.next_ordinal,
    };
    let device = DeviceRecord {
        sessions: peer.sessions.clone(),
        skipped_len: peer.skipped_len,
        identity: peer.identity.clone(),
        next_sequence: peer.next_sequence,
        next_ordinal: peer.next_ordinal,
    };
    transaction.put_record(keys::contact(&account), &contact);
    transaction.put_record(keys::conversation(&account), &conversation);
    transaction.put_record(keys::device(&account), &device);
    Some(())
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;
