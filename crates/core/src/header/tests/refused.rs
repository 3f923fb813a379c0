//! What does not open: headers of other keys, sessions and bodies, and altered ones.

use super::*;
use crate::secret::Secret;

#[test]
fn chk18_header_opens_under_its_key_nonce_and_session_only() {
    let sealed = sealed();
    assert!(open(&HeaderKey::from_bytes(&[9; 32]), &AD, &TAG, &sealed).is_none());
    for bit in 0..256 {
        let mut other = [1; 32];
        other[bit / 8] ^= 1 << (bit % 8);
        let other_key = HeaderKey::from_bytes(&other);
        assert!(open(&other_key, &AD, &TAG, &sealed).is_none(), "bit {bit}");
        let mut other = AD;
        other.0[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&key(), &other, &TAG, &sealed).is_none(), "bit {bit}");
    }
    for bit in 0..sealed.len() * 8 {
        let mut altered = sealed;
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&key(), &AD, &TAG, &altered).is_none(), "bit {bit}");
    }
}

#[test]
fn chk18_a_header_is_bound_to_all_bytes_of_its_bodys_tag() {
    let sealed = sealed();
    for bit in 0..TAG_LEN * 8 {
        let mut tag = TAG;
        tag[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&key(), &AD, &tag, &sealed).is_none(), "bit {bit}");
    }
}

/// Seals as the code does, but with keys, label and order as given.
fn sealed_with(keys: &HeaderKeys, covered: impl Fn(&[u8]) -> Vec<u8>) -> [u8; SEALED_HEADER_LEN] {
    let mut ciphertext = header().to_bytes();
    cipher(keys, &TAG, &mut ciphertext);
    let mut mac = keys.mac.clone();
    mac.update(&covered(&ciphertext));
    let mac = mac.finalize().into_bytes();
    [ciphertext.as_slice(), &mac[..MAC_LEN]]
        .concat()
        .try_into()
        .unwrap()
}

fn covered(label: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    [label, AD.as_bytes(), &TAG, ciphertext].concat()
}

#[test]
fn chk18_a_header_authenticated_otherwise_is_refused() {
    let key = key();
    let keys = key.keys();
    let opens = |sealed: &_| open(&key, &AD, &TAG, sealed).is_some();
    let right = sealed_with(keys, |c| covered(labels::HEADER_MAC, c));
    assert_eq!(right, sealed());
    assert!(opens(&right));
    assert!(!opens(&sealed_with(keys, |c| covered(b"", c))));
    assert!(!opens(&sealed_with(keys, |c| covered(
        labels::HEADER_ENCRYPTION,
        c
    ))));
    // Authenticated before it was encrypted.
    let plaintext = header().to_bytes();
    assert!(!opens(&sealed_with(keys, |_| covered(
        labels::HEADER_MAC,
        &plaintext
    ))));
    // The second half of the MAC instead of the first.
    let mut mac = keys.mac.clone();
    mac.update(&covered(labels::HEADER_MAC, &right[..HEADER_LEN]));
    let mut other_half = right;
    other_half[HEADER_LEN..].copy_from_slice(&mac.finalize().into_bytes()[16..]);
    assert!(!opens(&other_half));
}

#[test]
fn chk18_encryption_and_authentication_need_their_own_keys() {
    let (right, wrong) = (key(), HeaderKey::from_bytes(&[9; 32]));
    let mixed = |encryption: &HeaderKey, mac: &HeaderKey| {
        let keys = HeaderKeys {
            encryption: Secret::from_bytes(encryption.keys().encryption.as_bytes()),
            mac: mac.keys().mac.clone(),
        };
        sealed_with(&keys, |c| covered(labels::HEADER_MAC, c))
    };
    let opened = |sealed: &_| open(&right, &AD, &TAG, sealed).map(Header::to_bytes);
    assert_eq!(
        opened(&mixed(&right, &right)),
        Some(header().to_bytes()),
        "the control"
    );
    assert!(opened(&mixed(&right, &wrong)).is_none());
    // Whoever has the MAC key alone gets a header accepted, but does not choose what it says.
    assert_ne!(opened(&mixed(&wrong, &right)), Some(header().to_bytes()));
    assert_ne!(
        right.keys().encryption.as_bytes(),
        right.as_bytes(),
        "the header key itself encrypts nothing"
    );
}
