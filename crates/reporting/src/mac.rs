//! HMAC-SHA-256 with 32-byte keys, and HKDF-Expand for the single block that this crate needs.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// An HMAC with its key loaded. Cloning it saves hashing the key's two blocks again.
pub(crate) type HmacSha256 = Hmac<Sha256>;

/// Starts an HMAC with a 32-byte key.
pub(crate) fn keyed(key: &[u8; 32]) -> HmacSha256 {
    // HMAC pads a short key with zeros to the hash's block size (RFC 2104). Passing the padded
    // block gives the same MAC.
    let mut block = Zeroizing::new([0u8; 64]);
    for (padded, byte) in block.iter_mut().zip(key) {
        *padded = *byte;
    }
    HmacSha256::new((&*block).into())
}

/// Feeds the fields in order and returns the 32-byte MAC.
pub(crate) fn finish(mut mac: HmacSha256, fields: &[&[u8]]) -> [u8; 32] {
    for field in fields {
        mac.update(field);
    }
    mac.finalize().into_bytes().into()
}

/// `HMAC-SHA-256(key, fields...)`.
pub(crate) fn hmac(key: &[u8; 32], fields: &[&[u8]]) -> [u8; 32] {
    finish(keyed(key), fields)
}

/// Compares all 32 bytes of a MAC in constant time.
pub(crate) fn verify(key: &[u8; 32], fields: &[&[u8]], expected: &[u8; 32]) -> bool {
    let mut mac = keyed(key);
    for field in fields {
        mac.update(field);
    }
    mac.verify_slice(expected).is_ok()
}

/// `HKDF-Expand(prk, info, 32)`, RFC 5869. For one block of output it is `HMAC(prk, info || 0x01)`.
pub(crate) fn expand(prk: HmacSha256, info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut mac = prk;
    for field in info {
        mac.update(field);
    }
    mac.update(&[0x01]);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod wycheproof;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expand_is_hkdf_expand() {
        let prk = [7u8; 32];
        let mut expected = [0u8; 32];
        hkdf::Hkdf::<Sha256>::from_prk(&prk)
            .unwrap()
            .expand(b"label and more", &mut expected)
            .unwrap();
        assert_eq!(*expand(keyed(&prk), &[b"label", b" and more"]), expected);
    }

    #[test]
    fn hmac_matches_rfc_4231_case_2_style_padding() {
        // The dependency's two constructors, from a key block and from a slice, agree.
        let key = [0x0b; 32];
        let mut mac = HmacSha256::new_from_slice(&key).unwrap();
        mac.update(b"Hi There");
        let expected: [u8; 32] = mac.finalize().into_bytes().into();
        assert_eq!(hmac(&key, &[b"Hi ", b"There"]), expected);
        assert!(verify(&key, &[b"Hi There"], &expected));
        assert!(!verify(&key, &[b"Hi there"], &expected));
    }
}
