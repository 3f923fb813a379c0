//! Chains: the channel over which a device sends to a group. One body goes to all devices, and a
//! short slot to each.
//!
//! ```text
//! key slot = preamble || message of the session with the keys of the chain
//! associated data = ChainKeys::associated_data(body, associated data of the message)
//!                       || "waxseal/1/preamble" || ..
//! ```
//!
//! A key slot is a message of the session between sender and recipient, and begins with a preamble
//! like any other. A MAC slot has no preamble: the header of the body says which roster of its own
//! account the sender goes by.

use rand_core::CryptoRng;
use waxseal_core::errors::{ChainOpenError, ChainSealError, DecryptError};
use waxseal_core::limits::CHAIN_MAC_LEN;
use waxseal_core::{
    ChainClaims, ChainKeys, ChainSlot, IdentityKey, OwnChain, PeerChains, PendingKeys,
};
use waxseal_reporting::Timestamp;
use waxseal_reporting::limits::{MAX_GROUP_SLOTS_LEN, MAX_KEY_SLOT_LEN};
use waxseal_reporting::recipient::{GroupCiphertext, OpeningChannel, OpeningGroupChannel};
use waxseal_reporting::sender::{GroupSlot, SealedForGroup, SealingGroupChannel};
use zeroize::Zeroizing;

use super::SessionOpener;

/// Bytes that are left for the kinds of all slots, at two bits for each of 4,096.
const KINDS_LEN: usize = 2 + 1_024;

/// A device that gets a slot.
pub(crate) struct ChainTarget {
    /// Its identity. `None` if it does not get the chain, because there is no session with it.
    pub(crate) identity: Option<IdentityKey>,
    /// Whether its slot stays empty although it has the chain.
    pub(crate) is_blank: bool,
}

/// The sessions in which key slots travel.
pub(crate) trait KeySlots {
    /// Encrypts the keys of a chain for the target at this place. `None` if no session can.
    fn seal_keys(
        &mut self,
        at: usize,
        keys: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Option<Vec<u8>>;
}

/// Seals a message on a chain. Borrows the chain for one message.
pub(crate) struct ChainSealer<'a, K> {
    pub(crate) chain: &'a mut OwnChain,
    pub(crate) claims: ChainClaims,
    /// In the order of the slots.
    pub(crate) targets: &'a [ChainTarget],
    pub(crate) sessions: &'a mut K,
    /// What makes further key slots for the message, and their associated data. `None` before it is
    /// sealed.
    pub(crate) pending: Option<(PendingKeys, Vec<u8>)>,
    /// Whether a device that counts as having the chain did not get it.
    pub(crate) is_incomplete: bool,
}

impl<'a, K: KeySlots> ChainSealer<'a, K> {
    pub(crate) fn new(
        chain: &'a mut OwnChain,
        claims: ChainClaims,
        targets: &'a [ChainTarget],
        sessions: &'a mut K,
    ) -> Self {
        Self {
            chain,
            claims,
            targets,
            sessions,
            pending: None,
            is_incomplete: false,
        }
    }
}

impl<K: KeySlots> SealingGroupChannel for ChainSealer<'_, K> {
    type Error = ChainSealError;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<SealedForGroup, ChainSealError> {
        let given = self.targets.iter().filter_map(|one| one.identity.as_ref());
        let sealed = self
            .chain
            .seal(&self.claims, plaintext, associated_data, given)?;
        let keys_ad = ChainKeys::associated_data(&sealed.body, associated_data);
        self.pending = Some((sealed.pending, keys_ad.clone()));
        let mut made = sealed.slots.into_iter();
        let macs = self.targets.len().saturating_mul(CHAIN_MAC_LEN);
        let mut room = MAX_GROUP_SLOTS_LEN.saturating_sub(KINDS_LEN);
        room = room.saturating_sub(macs);
        let mut slots = Vec::with_capacity(self.targets.len());
        for (at, target) in self.targets.iter().enumerate() {
            let made = target.identity.as_ref().and_then(|_| made.next());
            let slot = match made {
                None => GroupSlot::Empty,
                Some(ChainSlot::Mac(mac)) => GroupSlot::Mac(mac),
                Some(ChainSlot::Key(keys)) => {
                    // All slots together have a maximum length. Devices for which there is no room
                    // ask for the message.
                    let has_room = room >= MAX_KEY_SLOT_LEN.saturating_add(2);
                    let keys = keys.encode();
                    let sealed = match has_room {
                        true => self.sessions.seal_keys(at, &keys, &keys_ad, rng),
                        false => None,
                    };
                    match sealed.filter(|slot| slot.len() <= MAX_KEY_SLOT_LEN) {
                        Some(slot) => GroupSlot::Key(slot),
                        None => {
                            self.is_incomplete = true;
                            GroupSlot::Empty
                        }
                    }
                }
            };
            let slot = if target.is_blank {
                GroupSlot::Empty
            } else {
                slot
            };
            room = room.saturating_sub(match &slot {
                GroupSlot::Key(slot) => slot.len().saturating_add(2),
                _ => 0,
            });
            slots.push(slot);
        }
        Ok(SealedForGroup {
            body: sealed.body,
            slots,
        })
    }
}

/// Why a message to a group did not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenInGroupError {
    #[error(transparent)]
    Chain(#[from] ChainOpenError),
    #[error(transparent)]
    Session(#[from] DecryptError),
}

/// Opens what one device sends to a group, on its chains and the sessions with it.
///
/// If a key slot opens and its body does not, the session has changed nevertheless. The caller
/// drops it then, and reads it from the store again: see `is_changed`.
pub(crate) struct ChainOpener<'a> {
    pub(crate) chains: &'a mut PeerChains,
    pub(crate) session: SessionOpener<'a>,
    /// What the sender claims to know. `None` if the message was sealed again for this device.
    pub(crate) claims: Option<ChainClaims>,
    /// Whether the chains or the session changed.
    pub(crate) is_changed: bool,
}

impl<'a> ChainOpener<'a> {
    pub(crate) fn new(chains: &'a mut PeerChains, session: SessionOpener<'a>) -> Self {
        Self {
            chains,
            session: session.with_preamble(),
            claims: None,
            is_changed: false,
        }
    }
}

impl OpeningGroupChannel for ChainOpener<'_> {
    type Error = OpenInGroupError;

    fn decrypt(
        &mut self,
        ciphertext: GroupCiphertext<'_>,
        associated_data: &[u8],
        accepted_at: Timestamp,
    ) -> Result<Zeroizing<Vec<u8>>, OpenInGroupError> {
        let accepted_ms = accepted_at.as_millis();
        let opened = match ciphertext {
            GroupCiphertext::Mac { mac, body } => {
                self.chains.open(body, mac, associated_data, accepted_ms)?
            }
            GroupCiphertext::Key { keys, body } => {
                let keys_ad = ChainKeys::associated_data(body, associated_data);
                let keys = self.session.decrypt(keys, &keys_ad)?;
                self.is_changed = true;
                let keys = ChainKeys::decode(&keys).map_err(ChainOpenError::from)?;
                self.chains
                    .open_with_keys(body, keys, associated_data, accepted_ms)?
            }
            GroupCiphertext::Pairwise(ciphertext) => {
                let plaintext = self.session.decrypt(ciphertext, associated_data)?;
                self.is_changed = true;
                return Ok(plaintext);
            }
        };
        self.is_changed = true;
        self.claims = Some(opened.claims);
        Ok(opened.plaintext)
    }
}

#[cfg(test)]
mod tests;
