//! SHA-256 under a label, HMAC-SHA-256, and Ed25519 signatures that are checked strictly.

use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// `SHA-256(label || fields...)`.
pub(crate) fn digest(label: &[u8], fields: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(label);
    for field in fields {
        hash.update(field);
    }
    hash.finalize().into()
}

/// `HMAC-SHA-256(key, fields...)`.
pub(crate) fn mac(key: &[u8; 32], fields: &[&[u8]]) -> [u8; 32] {
    keyed(key, fields).finalize().into_bytes().into()
}

/// Compares all 32 bytes of a MAC in constant time.
pub(crate) fn verify_mac(key: &[u8; 32], fields: &[&[u8]], expected: &[u8; 32]) -> bool {
    keyed(key, fields).verify_slice(expected).is_ok()
}

fn keyed(key: &[u8; 32], fields: &[&[u8]]) -> Hmac<Sha256> {
    // HMAC pads a short key with zeros to the hash's block size (RFC 2104).
    let mut block = Zeroizing::new([0u8; 64]);
    for (padded, byte) in block.iter_mut().zip(key) {
        *padded = *byte;
    }
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for field in fields {
        mac.update(field);
    }
    mac
}

/// Whether these bytes are the one encoding of an Ed25519 key that is not of small order.
pub(crate) fn is_key(bytes: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(bytes)
        .is_ok_and(|key| !key.is_weak() && key.to_edwards().compress().as_bytes() == bytes)
}

/// Whether the holder of this key signed exactly this message.
pub(crate) fn is_signed(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = Signature::from_bytes(signature);
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}
