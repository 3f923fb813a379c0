use super::*;

fn claim(byte: u8) -> RosterClaim {
    RosterClaim {
        stamp: RosterVersion {
            epoch: 2,
            version: 0x0102,
        },
        hash: [byte; 16],
    }
}

#[test]
fn a_preamble_is_read_as_it_was_written() {
    for (sender, recipient) in [
        (Some(claim(7)), Some(claim(9))),
        (Some(claim(7)), None),
        (None, None),
    ] {
        for roster in [None, Some(vec![5; 1]), Some(vec![5; MAX_SIGNED_ROSTER_LEN])] {
            let len = roster.as_ref().map_or(0, |roster| 2 + roster.len());
            let preamble = Preamble {
                sender,
                recipient,
                roster,
            };
            let bytes = preamble.encode(true);
            assert_eq!(bytes.len(), PREAMBLE_LEN + len);
            let ciphertext = [&bytes[..], b"message"].concat();
            let (read, own, rest) = Preamble::split(&ciphertext).unwrap();
            let expected = (preamble.clone(), &bytes[..], &b"message"[..]);
            assert_eq!((read, own, rest), expected);
            // Later messages of the session carry no roster.
            assert_eq!(preamble.encode(false).len(), PREAMBLE_LEN);
        }
    }
}

#[test]
fn a_preamble_has_the_bytes_that_the_specification_shows() {
    let preamble = Preamble {
        sender: Some(claim(0xaa)),
        recipient: None,
        roster: None,
    };
    let expected = [&[1, 0, 0, 0, 2, 0, 0, 1, 2][..], &[0xaa; 16], &[0; 24]].concat();
    assert_eq!(preamble.encode(true), expected);
    let carried = Preamble {
        roster: Some(vec![0xbb; 300]),
        ..preamble
    };
    let expected = [&[2][..], &expected[1..], &[1, 44], &[0xbb; 300]].concat();
    assert_eq!(carried.encode(true), expected);
}

#[test]
fn chk310_a_ciphertext_without_a_whole_preamble_of_this_version_is_refused() {
    let whole = Preamble {
        sender: Some(claim(7)),
        recipient: None,
        roster: None,
    };
    let mut bytes = whole.encode(true);
    assert!(Preamble::split(&bytes).is_some());
    assert!(Preamble::split(&bytes[..PREAMBLE_LEN - 1]).is_none());
    assert!(Preamble::split(&[]).is_none());
    for version in [0, 2, 3] {
        bytes[0] = version;
        assert!(Preamble::split(&bytes).is_none());
    }
    // A roster of no bytes, a part of one, and one that is too long.
    let too_long = u16::try_from(MAX_SIGNED_ROSTER_LEN).unwrap() + 1;
    for (len, rest) in [(0, 100), (100, 99), (too_long, usize::from(too_long))] {
        bytes[0] = WITH_ROSTER;
        let carried = [&bytes[..], &len.to_be_bytes(), &vec![0; rest]].concat();
        assert!(Preamble::split(&carried).is_none(), "{len}");
    }
}

#[test]
fn chk311_the_session_authenticates_claims_and_roster_in_few_bytes() {
    let whole = Preamble {
        sender: Some(claim(7)),
        recipient: None,
        roster: Some(vec![5; MAX_SIGNED_ROSTER_LEN]),
    };
    let of = |preamble: &[u8]| associated_data(b"message", preamble);
    let bytes = whole.encode(true);
    assert!(of(&bytes).len() < 200);
    for place in [0, 1, PREAMBLE_LEN, PREAMBLE_LEN + 2, bytes.len() - 1] {
        let mut altered = bytes.clone();
        altered[place] ^= 1;
        assert_ne!(of(&altered), of(&bytes), "{place}");
    }
    assert_ne!(of(&bytes), of(&whole.encode(false)));
}
