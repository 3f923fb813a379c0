//! Seals values and hides names before SQLite sees them.

use std::fmt;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand_core::CryptoRng;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::labels;
use crate::store::{Key, Row, Table};

/// Number of bytes that sealing adds to a value: nonce and authentication tag.
pub(super) const OVERHEAD: usize = NONCE_LEN + 16;

const NONCE_LEN: usize = 24;

/// The key of a [`SqliteStore`](super::SqliteStore): 32 random bytes, kept by the application.
///
/// # Security
/// Keep the key where the platform keeps keys (Keychain, Android Keystore, TPM, a secret service),
/// not next to the store. It is not a password: [`StoreKey::generate`] draws it once, for one
/// store. Without the key, everything in the store is lost.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// Draws a random key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Self([0; 32]);
        rng.fill_bytes(&mut key.0);
        key
    }

    /// Makes the key from its 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the key's 32 bytes, so that the application can keep them.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0)
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreKey").finish_non_exhaustive()
    }
}

/// The two columns under which a record is stored. "MAC" is the first 16 bytes of an HMAC.
///
/// | row | scope, 16 bytes | place |
/// |---|---|---|
/// | [`Row::Only`] | MAC of the table | empty |
/// | [`Row::Number`] | MAC of the table | the number be64, unhidden |
/// | [`Row::Name`] | MAC of the table | MAC of table and name |
///
/// A number is not hidden, so that SQLite can sort by it.
#[derive(PartialEq, Eq)]
pub(super) struct Location {
    pub(super) scope: [u8; 16],
    pub(super) place: Vec<u8>,
}

/// The keys of one store, derived from the application's key and the store's own salt.
///
/// They never change while the store exists. What one store sealed does not open in another, even
/// under the same [`StoreKey`].
pub(super) struct Seal {
    values: XChaCha20Poly1305,
    names: Hmac<Sha256>,
    key_check: [u8; 16],
}

impl Seal {
    pub(super) fn new(key: &StoreKey, salt: &[u8; 32]) -> Self {
        // Derives three values from the application's key, each under its own label:
        // values 32, names 32, key_check 16 = HKDF(salt, key, label)
        let derive = Hkdf::<Sha256>::new(Some(salt), &key.0);
        let mut values = Zeroizing::new([0; 32]);
        expand(&derive, labels::STORE_VALUES, values.as_mut_slice());
        // The buffer is one block of the hash. Its second half stays zero, because HMAC pads a key
        // of 32 bytes with zeros.
        let mut names = Zeroizing::new([0; 64]);
        expand(&derive, labels::STORE_NAMES, names.split_at_mut(32).0);
        let mut key_check = [0; 16];
        expand(&derive, labels::STORE_KEY_CHECK, &mut key_check);
        Self {
            values: XChaCha20Poly1305::new((&*values).into()),
            names: Hmac::new((&*names).into()),
            key_check,
        }
    }

    /// The value by which a store recognises its key. It reveals nothing about the key.
    pub(super) fn key_check(&self) -> &[u8; 16] {
        &self.key_check
    }

    pub(super) fn is_key_of(&self, key_check: &[u8]) -> bool {
        self.key_check.ct_eq(key_check).into()
    }

    pub(super) fn locate(&self, key: &Key) -> Location {
        let place = match &key.row {
            Row::Only => Vec::new(),
            Row::Number(number) => number.to_be_bytes().to_vec(),
            Row::Name(name) => self
                .mac(&[key.table.as_bytes(), name.as_slice()].concat())
                .to_vec(),
        };
        let scope = self.scope(&key.table);
        Location { scope, place }
    }

    /// The scope, or first column, that all records of a table share.
    pub(super) fn scope(&self, table: &Table) -> [u8; 16] {
        self.mac(table.as_bytes())
    }

    /// Hides a name: returns the first 16 bytes of HMAC(names, bytes).
    pub(super) fn mac(&self, bytes: &[u8]) -> [u8; 16] {
        let mut mac = self.names.clone();
        mac.update(bytes);
        let mac: [u8; 32] = mac.finalize().into_bytes().into();
        mac.first_chunk().copied().unwrap_or_default()
    }

    /// Seals a value and binds it to the two columns under which it is stored. Returns
    /// `nonce 24 || AEAD(values, nonce, scope || place, value)`.
    pub(super) fn seal(&self, to: &Location, value: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| SealError)?;
        let mut body = Zeroizing::new(Vec::with_capacity(value.len().saturating_add(OVERHEAD)));
        body.extend_from_slice(value);
        self.values
            .encrypt_in_place((&nonce).into(), &associated_data(to), &mut *body)
            .map_err(|_| SealError)?;
        Ok([nonce.as_slice(), &body].concat())
    }

    /// Opens a value. `None` if this store did not seal it for this place.
    pub(super) fn open(&self, from: &Location, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut value = Zeroizing::new(body.to_vec());
        self.values
            .decrypt_in_place(nonce.into(), &associated_data(from), &mut *value)
            .ok()?;
        Some(value)
    }
}

#[expect(
    clippy::expect_used,
    reason = "the only error is an output of more than 8,160 bytes"
)]
fn expand(derive: &Hkdf<Sha256>, label: &[u8], okm: &mut [u8]) {
    derive.expand(label, okm).expect("the output is short");
}

/// A value could not be sealed: the system gave no randomness, or the value is too long for the
/// cipher.
#[derive(Debug, thiserror::Error)]
#[error("a value could not be sealed")]
pub(super) struct SealError;

fn associated_data(location: &Location) -> Vec<u8> {
    [location.scope.as_slice(), &location.place].concat()
}
