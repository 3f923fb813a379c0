//! The authenticator, which ties the epochs of the post-quantum ratchet to the handshake and to
//! each other. (ML-KEM Braid, “Authenticator”)

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::kem::{FirstPart, KeyHeader, SecondPart};
use super::secrets::{EpochKey, PqSeed};
use crate::codec::{Reader, Writer};
use crate::error::DecodeError;
use crate::secret::Secret;
use crate::{kdf, labels};

/// Length of a MAC in bytes.
pub(crate) const MAC_LEN: usize = 32;

/// A MAC does not verify: the peer did not make this key header or ciphertext for this epoch, or
/// the two sides do not agree on all earlier secrets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAuthentic;

/// Makes and checks the MACs over the key headers and ciphertexts of the braid, which is the key
/// agreement of the post-quantum ratchet.
///
/// Both sides start with the same authenticator, from the handshake, and update it with the secret
/// of each epoch. So a MAC verifies only if both sides agree on all earlier secrets. The
/// authenticator that includes epoch `e` checks the ciphertext of epoch `e` and the key header of
/// epoch `e + 1`.
///
/// It holds two secrets of 32 bytes: `root` leads to the next authenticator, `mac` is the key of
/// the MACs.
pub(crate) struct Authenticator {
    root: Secret<32>,
    mac: Secret<32>,
}

impl Authenticator {
    pub(crate) fn new(seed: &PqSeed) -> Self {
        // Derives the first root and MAC key from the handshake's secret:
        // root || MAC key = HKDF(salt = zeros, ikm = seed, info)
        Self::from_output(&kdf::hkdf(
            &[0; 32],
            seed.as_bytes(),
            labels::PQ_AUTHENTICATOR_START,
        ))
    }

    /// The next authenticator, which includes the secret of `epoch`.
    pub(crate) fn update(&self, epoch: u64, key: &EpochKey) -> Self {
        // Derives the next root and MAC key from the current root and the epoch's key:
        // root' || MAC key' = HKDF(salt = root, ikm = epoch key, info = label || be64(epoch))
        let info = [labels::PQ_AUTHENTICATOR, &epoch.to_be_bytes()].concat();
        Self::from_output(&kdf::hkdf(self.root.as_bytes(), key.as_bytes(), &info))
    }

    fn from_output(output: &[u8; 64]) -> Self {
        Self {
            root: Secret::from_bytes(&kdf::block32(output, 0)),
            mac: Secret::from_bytes(&kdf::block32(output, 1)),
        }
    }

    fn header(&self, epoch: u64, header: &KeyHeader) -> Hmac<Sha256> {
        // The MAC covers label || be64(epoch) || header.
        self.mac(labels::PQ_HEADER_MAC, epoch, &[header])
    }

    fn ciphertext(&self, epoch: u64, first: &FirstPart, second: &SecondPart) -> Hmac<Sha256> {
        // The MAC covers label || be64(epoch) || first part || second part.
        let parts = [first.as_flattened(), second.as_flattened()];
        self.mac(labels::PQ_CIPHERTEXT_MAC, epoch, &parts)
    }

    fn mac(&self, label: &[u8], epoch: u64, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut block = Zeroizing::new([0; 64]);
        for (to, from) in block.iter_mut().zip(self.mac.as_bytes()) {
            *to = *from;
        }
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(label);
        mac.update(&epoch.to_be_bytes());
        for part in parts {
            mac.update(part);
        }
        mac
    }

    pub(crate) fn sign_header(&self, epoch: u64, header: &KeyHeader) -> [u8; MAC_LEN] {
        self.header(epoch, header).finalize().into_bytes().into()
    }

    pub(crate) fn verify_header(
        &self,
        epoch: u64,
        header: &KeyHeader,
        mac: &[u8; MAC_LEN],
    ) -> Result<(), NotAuthentic> {
        // CHK-43: the peer made this key header, for this epoch.
        let expected = self.header(epoch, header);
        expected.verify_slice(mac).map_err(|_| NotAuthentic)
    }

    pub(crate) fn sign_ciphertext(
        &self,
        epoch: u64,
        first: &FirstPart,
        second: &SecondPart,
    ) -> [u8; MAC_LEN] {
        let mac = self.ciphertext(epoch, first, second);
        mac.finalize().into_bytes().into()
    }

    pub(crate) fn verify_ciphertext(
        &self,
        epoch: u64,
        first: &FirstPart,
        second: &SecondPart,
        mac: &[u8; MAC_LEN],
    ) -> Result<(), NotAuthentic> {
        // CHK-45: the peer made both parts of this ciphertext, for this epoch, and both sides
        // derived the same secret.
        let expected = self.ciphertext(epoch, first, second);
        expected.verify_slice(mac).map_err(|_| NotAuthentic)
    }

    pub(crate) const EXPORT_LEN: usize = 64;

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.bytes(self.root.as_bytes());
        writer.bytes(self.mac.as_bytes());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            root: Secret::from_bytes(reader.array()?),
            mac: Secret::from_bytes(reader.array()?),
        })
    }
}

#[cfg(test)]
mod tests;
