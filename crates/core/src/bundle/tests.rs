use super::*;
use crate::tests::support::Device;

fn edit_base(bytes: &[u8], change: impl FnOnce(&mut wire::SignedPreKeys)) -> Vec<u8> {
    let mut decoded: wire::SignedPreKeys = wire::decode(bytes, 4_000).unwrap();
    change(&mut decoded);
    wire::encode(&decoded)
}

fn edit_one_time(bytes: &[u8], change: impl FnOnce(&mut wire::OneTimePreKeys)) -> Vec<u8> {
    let mut decoded: wire::OneTimePreKeys = wire::decode(bytes, 4_000).unwrap();
    change(&mut decoded);
    wire::encode(&decoded)
}

fn decode(base: &[u8], one_time: Option<&[u8]>) -> Result<(), BundleError> {
    PreKeyBundle::decode(base, one_time).map(|_| ())
}

#[test]
fn bundle_decodes_with_and_without_one_time_prekeys() {
    let bob = Device::new(1);
    assert_eq!(bob.base.len(), 1_806);
    assert_eq!(bob.one_time[0].len(), 1_674);
    let bundle = bob.bundle(Some(0));
    assert_eq!(bundle.identity(), bob.identity.public());
    assert!(bundle.has_one_time_prekeys());
    assert!(!bob.bundle(None).has_one_time_prekeys());
}

#[test]
fn chk10_identity_without_its_certificate_is_rejected() {
    let (bob, mallory) = (Device::new(1), Device::new(2));
    // Combine Bob's signing key with Mallory's X25519 key.
    let theirs = mallory.identity.public().to_bytes();
    let base = edit_base(&bob.base, |base| {
        base.identity[32..].copy_from_slice(&theirs[32..])
    });
    assert_eq!(decode(&base, None), Err(BundleError::InvalidCertificate));
}

#[test]
fn chk11_altered_signed_set_is_rejected() {
    let (bob, mallory) = (Device::new(1), Device::new(2));
    let other: wire::SignedPreKeys = wire::decode(&mallory.base, 4_000).unwrap();
    let invalid = Err(BundleError::InvalidSignedPreKeys);
    assert_eq!(
        decode(&edit_base(&bob.base, |base| base.id += 1), None),
        invalid
    );
    assert_eq!(
        decode(&edit_base(&bob.base, |base| base.signature[5] ^= 1), None),
        invalid
    );
    let prekey = other.signed_prekey;
    assert_eq!(
        decode(
            &edit_base(&bob.base, |base| base.signed_prekey = prekey),
            None
        ),
        invalid
    );
    let kem = other.last_resort_kem_prekey;
    assert_eq!(
        decode(
            &edit_base(&bob.base, |base| base.last_resort_kem_prekey = kem),
            None
        ),
        invalid
    );
}

#[test]
fn chk12_altered_or_foreign_one_time_set_is_rejected() {
    let (bob, mallory) = (Device::new(1), Device::new(2));
    let invalid = Err(BundleError::InvalidOneTimePreKeys);
    let one_time = &bob.one_time[0];
    assert_eq!(
        decode(&bob.base, Some(&edit_one_time(one_time, |set| set.id += 1))),
        invalid
    );
    assert_eq!(decode(&bob.base, Some(&mallory.one_time[0])), invalid);
    let other: wire::OneTimePreKeys = wire::decode(&bob.one_time[1], 4_000).unwrap();
    assert_eq!(
        decode(
            &bob.base,
            Some(&edit_one_time(one_time, |set| set.kem_prekey = other.kem_prekey))
        ),
        invalid
    );
}

#[test]
fn keys_of_one_kind_cannot_pass_for_another() {
    // Offer the last-resort key, with its own signature, as a one-time key.
    let bob = Device::new(1);
    let base: wire::SignedPreKeys = wire::decode(&bob.base, 4_000).unwrap();
    let swapped = edit_one_time(&bob.one_time[0], |set| {
        set.id = base.id;
        set.one_time_prekey = base.signed_prekey;
        set.kem_prekey = base.last_resort_kem_prekey;
        set.signature = base.signature;
    });
    assert_eq!(
        decode(&bob.base, Some(&swapped)),
        Err(BundleError::InvalidOneTimePreKeys)
    );
}

#[test]
fn chk05_chk06_chk08_unacceptable_keys_in_a_bundle_are_rejected() {
    let bob = Device::new(1);
    let key_error = |error: crate::errors::KeyError| Err(BundleError::Decode(error.into()));
    let base = edit_base(&bob.base, |base| base.signed_prekey = vec![0; 32]);
    assert_eq!(
        decode(&base, None),
        key_error(crate::errors::KeyError::SmallOrder)
    );
    let base = edit_base(&bob.base, |base| base.signed_prekey[31] |= 0x80);
    assert_eq!(
        decode(&base, None),
        key_error(crate::errors::KeyError::NotCanonical)
    );
    let base = edit_base(&bob.base, |base| {
        base.last_resort_kem_prekey[..2].fill(0xff)
    });
    assert_eq!(
        decode(&base, None),
        key_error(crate::errors::KeyError::InvalidKemKey)
    );
}

#[test]
fn truncated_and_lengthened_bundles_are_rejected() {
    let bob = Device::new(1);
    for len in (0..bob.base.len()).step_by(7) {
        assert!(decode(&bob.base[..len], None).is_err());
    }
    for len in (0..bob.one_time[0].len()).step_by(7) {
        assert!(decode(&bob.base, Some(&bob.one_time[0][..len])).is_err());
    }
    assert!(decode(&[bob.base.as_slice(), &[0]].concat(), None).is_err());
    let long = vec![1; MAX_BUNDLE_PART_LEN + 1];
    let too_long = DecodeError::TooLong {
        len: MAX_BUNDLE_PART_LEN + 1,
        max: MAX_BUNDLE_PART_LEN,
    };
    assert_eq!(decode(&long, None), Err(BundleError::Decode(too_long)));
}

#[test]
fn debug_shows_public_parts_only() {
    let bob = Device::new(1);
    let expected = format!(
        "PreKeyBundle {{ identity: {:?}, signed_prekey_id: 1, one_time_prekey_id: Some(1), .. }}",
        bob.identity.public()
    );
    assert_eq!(format!("{:?}", bob.bundle(Some(0))), expected);
}
