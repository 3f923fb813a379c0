use super::*;

mod refused;

pub(super) const PART: [u8; PART_LEN] = {
    let mut part = [9; PART_LEN];
    part[4] = 6;
    part
};

pub(super) const TAG: [u8; TAG_LEN] = [4; TAG_LEN];
pub(super) const AD: SessionAd = SessionAd([2; 32]);

pub(super) fn key() -> HeaderKey {
    HeaderKey::from_bytes(&[1; 32])
}

pub(super) fn header() -> Header {
    Header {
        dh: [3; 32],
        pn: 0x0102_0304,
        n: 0x0506_0708,
        selection: 0x090a_0b0c,
        post_quantum: HeaderPart::from_bytes(&PART).unwrap(),
    }
}

pub(super) fn sealed() -> [u8; SEALED_HEADER_LEN] {
    let sealed = seal(&key(), &AD, &TAG, &header().to_bytes());
    sealed.try_into().unwrap()
}

pub(super) fn open(
    key: &HeaderKey,
    ad: &SessionAd,
    tag: &[u8; TAG_LEN],
    sealed: &[u8; SEALED_HEADER_LEN],
) -> Option<Header> {
    SealedHeader::new(ad, tag, sealed)?.open(key)
}

#[test]
fn header_round_trips_at_fixed_offsets() {
    let header = open(&key(), &AD, &TAG, &sealed()).unwrap();
    assert_eq!(
        (header.dh, header.pn, header.n, header.selection),
        ([3; 32], 0x0102_0304, 0x0506_0708, 0x090a_0b0c)
    );
    assert_eq!(
        header.to_bytes()[32..44],
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    );
    assert_eq!(header.to_bytes()[44..], PART);
}

#[test]
fn a_header_key_gives_the_same_keys_before_and_after_its_first_use() {
    let used = key();
    let first = seal(&used, &AD, &TAG, &header().to_bytes());
    let again = seal(&used, &AD, &TAG, &header().to_bytes());
    let duplicate = seal(&used.duplicate(), &AD, &TAG, &header().to_bytes());
    assert_eq!(first, again);
    assert_eq!(first, duplicate);
    assert_eq!(used.as_bytes(), &[1; 32], "the exported bytes stay");
    for _ in 0..2 {
        assert!(open(&used, &AD, &TAG, &sealed()).is_some());
    }
}

/// HMAC-SHA-256 through the general interface, which schedules its key anew each time.
fn hmac(key: &[u8], input: &[u8]) -> [u8; 32] {
    use hmac::KeyInit;
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(input);
    mac.finalize().into_bytes().into()
}

#[test]
fn a_header_is_encrypted_then_authenticated_as_specified() {
    let enc = hmac(&[1; 32], b"waxseal/2/core/header-encryption-key");
    let mac = hmac(&[1; 32], b"waxseal/2/core/header-authentication-key");
    let mut tag = TAG;
    for (at, byte) in tag.iter_mut().enumerate() {
        *byte = u8::try_from(at).unwrap();
    }
    let mut ciphertext = header().to_bytes();
    let nonce: [u8; 12] = tag[..12].try_into().unwrap();
    ChaCha20::new(&enc.into(), &nonce.into()).apply_keystream(&mut ciphertext);
    let covered = [
        b"waxseal/2/core/header-mac".as_slice(),
        &[2; 32],
        &tag,
        &ciphertext,
    ]
    .concat();
    let expected = [&ciphertext, &hmac(&mac, &covered)[..16]].concat();
    assert_eq!(
        seal(&key(), &AD, &tag, &header().to_bytes()),
        expected,
        "enc, mac, nonce, covered bytes"
    );
    // The keystream starts at counter 0: the first bytes are those of RFC 8439's block function.
    let mut keystream = [0; HEADER_LEN];
    ChaCha20::new(&enc.into(), &nonce.into()).apply_keystream(&mut keystream);
    let body: Vec<_> = header()
        .to_bytes()
        .iter()
        .zip(keystream)
        .map(|(a, b)| a ^ b)
        .collect();
    assert_eq!(body, ciphertext);
}
