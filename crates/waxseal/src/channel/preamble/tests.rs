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
        let preamble = Preamble { sender, recipient };
        let bytes = preamble.encode();
        assert_eq!(bytes.len(), PREAMBLE_LEN);
        let ciphertext = [&bytes[..], b"message"].concat();
        let (read, own, rest) = Preamble::split(&ciphertext).unwrap();
        assert_eq!((read, own, rest), (preamble, &bytes[..], &b"message"[..]));
    }
}

#[test]
fn a_preamble_has_the_bytes_that_the_specification_shows() {
    let preamble = Preamble {
        sender: Some(claim(0xaa)),
        recipient: None,
    };
    let expected = [&[1, 0, 0, 0, 2, 0, 0, 1, 2][..], &[0xaa; 16], &[0; 24]].concat();
    assert_eq!(preamble.encode(), expected);
}

#[test]
fn chk310_a_ciphertext_without_a_whole_preamble_of_this_version_is_refused() {
    let whole = Preamble {
        sender: Some(claim(7)),
        recipient: None,
    };
    let mut bytes = whole.encode();
    assert!(Preamble::split(&bytes).is_some());
    assert!(Preamble::split(&bytes[..PREAMBLE_LEN - 1]).is_none());
    assert!(Preamble::split(&[]).is_none());
    for version in [0, 2, 3] {
        bytes[0] = version;
        assert!(Preamble::split(&bytes).is_none());
    }
}
