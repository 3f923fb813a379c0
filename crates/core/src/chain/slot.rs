//! A slot is what one recipient of a message on a chain gets in addition to the body.

use hmac::digest::FixedOutput;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{AuthKey, AuthRoot};
use crate::codec::{Reader, Writer};
use crate::error::DecodeError;
use crate::header_key::{HeaderKey, keyed};
use crate::identity::IDENTITY_KEY_LEN;
use crate::kdf::ChainKey;
use crate::labels;
use crate::secret::{Secret, with_wiped_stack};

/// Length of a MAC slot in bytes: the first half of an HMAC-SHA-256.
pub const CHAIN_MAC_LEN: usize = 16;
/// Length of encoded [`ChainKeys`] in bytes.
pub const CHAIN_KEYS_LEN: usize = 1 + 4 + 4 + 3 * 32;
/// Length of exported [`PendingKeys`] in bytes.
const PENDING_LEN: usize = 1 + 32 + 4 + 32;
/// Version byte of [`ChainKeys`] and of [`PendingKeys`].
const SLOT_VERSION: u8 = 0x01;

/// What one recipient gets in addition to the body.
pub enum ChainSlot {
    /// The recipient does not have the chain yet. Encrypt the keys in the session with it.
    Key(ChainKeys),
    /// The recipient has the chain. The MAC shows it that the sender made this body.
    Mac([u8; CHAIN_MAC_LEN]),
}

/// The keys of a chain for one recipient, from one message on.
///
/// They travel as the plaintext of a message in the session of the two devices, under
/// [`ChainKeys::associated_data`].
///
/// # Size
/// 105 bytes when encoded:
///
/// | offset | bytes | field |
/// |---:|---:|---|
/// | 0 | 1 | version 01 |
/// | 1 | 4 | number of the chain, big-endian |
/// | 5 | 4 | number of the message, big-endian |
/// | 9 | 32 | chain key of that message |
/// | 41 | 32 | header key of the chain |
/// | 73 | 32 | key that the sender shares with this recipient |
pub struct ChainKeys {
    pub(super) number: u32,
    pub(super) n: u32,
    pub(super) key: ChainKey,
    pub(super) header_key: HeaderKey,
    pub(super) auth_key: AuthKey,
}

impl ChainKeys {
    /// The associated data under which the keys travel in a session. They bind the keys to the body
    /// and to the body's associated data.
    #[must_use]
    pub fn associated_data(body: &[u8], associated_data: &[u8]) -> Vec<u8> {
        // label || SHA-256(body) || SHA-256(caller's associated data)
        let digests = [body, associated_data].map(|bytes| <[u8; 32]>::from(Sha256::digest(bytes)));
        [labels::CHAIN_KEY_SLOT, &digests.concat()].concat()
    }

    /// Encodes the keys. The bytes are secret: encrypt them in the session, and nowhere else.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::new(SLOT_VERSION, CHAIN_KEYS_LEN);
        writer.u32(self.number);
        writer.u32(self.n);
        writer.bytes(self.key.as_bytes());
        writer.bytes(self.header_key.as_bytes());
        writer.bytes(self.auth_key.as_bytes());
        writer.finish()
    }

    /// Decodes the plaintext of a key slot.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not the keys of a chain.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(SLOT_VERSION, bytes, CHAIN_KEYS_LEN)?;
        let keys = Self {
            number: reader.u32()?,
            n: reader.u32()?,
            key: ChainKey::from_bytes(reader.array()?),
            header_key: HeaderKey::from_bytes(reader.array()?),
            auth_key: AuthKey::from_bytes(reader.array()?),
        };
        reader.finish()?;
        Ok(keys)
    }

    /// Number of the chain among those of its owner.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether header key and recipient's key are these, compared in constant time.
    pub(super) fn are_of(&self, header_key: &HeaderKey, auth_key: &AuthKey) -> bool {
        let header = self.header_key.as_bytes().ct_eq(header_key.as_bytes());
        (header & self.auth_key.as_bytes().ct_eq(auth_key.as_bytes())).into()
    }
}

/// The place of a sealed message in its chain. With it, devices that join before the message is
/// accepted get key slots for it, see [`OwnChain::add_target`](super::OwnChain::add_target).
///
/// # Security
/// It opens this message and all later ones of the chain. Keep it next to the sealed message only
/// until the provider has accepted that message.
///
/// # Size
/// 69 bytes when exported: version 01, hash of the chain's name 32, number of the message be32,
/// chain key 32.
pub struct PendingKeys {
    /// The hash of the chain's name.
    pub(super) ad: [u8; 32],
    pub(super) n: u32,
    pub(super) key: ChainKey,
}

impl PendingKeys {
    /// Exports the keys. The bytes are secret.
    #[must_use]
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::new(SLOT_VERSION, PENDING_LEN);
        writer.bytes(&self.ad);
        writer.u32(self.n);
        writer.bytes(self.key.as_bytes());
        writer.finish()
    }

    /// Reads what [`PendingKeys::export`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not such an export.
    pub fn import(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(SLOT_VERSION, bytes, PENDING_LEN)?;
        let keys = Self {
            ad: *reader.array()?,
            n: reader.u32()?,
            key: ChainKey::from_bytes(reader.array()?),
        };
        reader.finish()?;
        Ok(keys)
    }
}

impl AuthRoot {
    /// Derives the key that the sender shares with one recipient.
    pub(super) fn key_for(&self, recipient: &[u8; IDENTITY_KEY_LEN]) -> AuthKey {
        let mut key = Secret::from_bytes(&[0; 32]);
        with_wiped_stack(|| put_key(recipient, &mut key, keyed(self.as_bytes())));
        AuthKey(key)
    }
}

/// Derives the key for one recipient, with the HMAC that has taken in the root.
fn put_key(recipient: &[u8; IDENTITY_KEY_LEN], key: &mut Secret<32>, mut root: Hmac<Sha256>) {
    // K_i = HMAC(R, label || recipient's identity)
    root.update(labels::CHAIN_AUTH_KEY);
    root.update(recipient);
    root.finalize_into(key.as_mut_bytes().into());
}

/// HMACs that have taken in the keys shared with the recipients of a chain, in their order. They
/// save five of eight hash compressions for each MAC slot. They are as secret as the keys, are
/// wiped on drop and never exported.
pub(super) struct RecipientMacs(Vec<Hmac<Sha256>>);

impl RecipientMacs {
    pub(super) fn derive<'a>(
        root: &AuthRoot,
        recipients: impl ExactSizeIterator<Item = &'a [u8; IDENTITY_KEY_LEN]>,
    ) -> Self {
        let mut key = Secret::from_bytes(&[0; 32]);
        // It never grows, which would leave copies behind.
        let mut macs = Vec::with_capacity(recipients.len());
        with_wiped_stack(|| {
            let root = keyed(root.as_bytes());
            macs.extend(recipients.map(|recipient| {
                put_key(recipient, &mut key, root.clone());
                keyed(key.as_bytes())
            }));
        });
        Self(macs)
    }
}

/// What the MAC slots of one message cover: `label || SHA-256(body) || SHA-256(caller's AD)`.
pub(super) struct MacInput {
    body: [u8; 32],
    caller_ad: [u8; 32],
}

impl MacInput {
    pub(super) fn new(body: &[u8], caller_ad: &[u8]) -> Self {
        Self {
            body: Sha256::digest(body).into(),
            caller_ad: Sha256::digest(caller_ad).into(),
        }
    }

    /// The MAC, with an HMAC that has taken in a recipient's key.
    fn mac(&self, mut mac: Hmac<Sha256>) -> Hmac<Sha256> {
        mac.update(labels::CHAIN_MAC);
        mac.update(&self.body);
        mac.update(&self.caller_ad);
        mac
    }

    /// Makes the MAC slot with an HMAC that has taken in a recipient's key.
    pub(super) fn slot(&self, key: &Hmac<Sha256>) -> [u8; CHAIN_MAC_LEN] {
        let mac = self.mac(key.clone()).finalize().into_bytes();
        let mut slot = [0; CHAIN_MAC_LEN];
        slot.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
        slot
    }

    /// Makes the MAC slots for all recipients, in their order. The stack is wiped once, before the
    /// slots are moved to where there is room for longer ones.
    pub(super) fn slots(&self, keys: &RecipientMacs) -> Vec<[u8; CHAIN_MAC_LEN]> {
        with_wiped_stack(|| keys.0.iter().map(|key| self.slot(key)).collect())
    }

    /// Whether the sender made this slot, compared in constant time.
    pub(super) fn verify(&self, key: &AuthKey, slot: &[u8; CHAIN_MAC_LEN]) -> bool {
        with_wiped_stack(|| self.mac(keyed(key.as_bytes())).verify_truncated_left(slot)).is_ok()
    }
}
