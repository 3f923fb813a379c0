use super::*;

const PART: [u8; PART_LEN] = {
    let mut part = [9; PART_LEN];
    part[4] = 6;
    part
};

fn sealed() -> (
    HeaderKey,
    HeaderAd,
    [u8; NONCE_LEN],
    [u8; SEALED_HEADER_LEN],
) {
    let key = HeaderKey::from_bytes(&[1; 32]);
    let ad = HeaderAd::new(&SessionAd([2; 32]));
    let header = Header {
        dh: [3; 32],
        pn: 0x0102_0304,
        n: 0x0506_0708,
        selection: 0x090a_0b0c,
        post_quantum: HeaderPart::from_bytes(&PART).unwrap(),
    };
    let nonce = [4; NONCE_LEN];
    let sealed = seal(&key, &nonce, &ad, &header.to_bytes()).unwrap();
    (key, ad, nonce, sealed.try_into().unwrap())
}

#[test]
fn header_round_trips_at_fixed_offsets() {
    let (key, ad, nonce, sealed) = sealed();
    let header = open(&key, &nonce, &ad, &sealed).unwrap();
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
fn chk18_header_opens_under_its_key_nonce_and_session_only() {
    let (key, ad, nonce, sealed) = sealed();
    assert!(open(&HeaderKey::from_bytes(&[9; 32]), &nonce, &ad, &sealed).is_none());
    assert!(open(&key, &[5; NONCE_LEN], &ad, &sealed).is_none());
    assert!(open(&key, &nonce, &HeaderAd::new(&SessionAd([9; 32])), &sealed).is_none());
    for bit in 0..sealed.len() * 8 {
        let mut altered = sealed;
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&key, &nonce, &ad, &altered).is_none(), "bit {bit}");
    }
}
