//! Tests of `refusal.rs`.

use super::*;
use crate::tests::all::{DecodeError, MAX_CIPHERTEXT_LEN};
use crate::tests::world::*;

fn refusal(messages: u8, sessions: u8) -> Refusal {
    Refusal {
        messages: (0..messages)
            .map(|i| {
                (
                    FrankingTag::from_bytes([i; 32]),
                    Timestamp::from_millis(i.into()),
                )
            })
            .collect(),
        sessions: (0..sessions).map(|i| [i; 16]).collect(),
    }
}

/// Any bytes, padded as a refusal is.
fn padded(content: &[u8]) -> Vec<u8> {
    let mut out = content.to_vec();
    padding::pad(&mut out);
    out
}

#[test]
fn a_refusal_is_read_as_it_was_written() {
    for (tags, sessions, len) in [
        (1, 0, 64),
        (1, 5, 128),
        (3, 2, 192),
        (64, 5, MAX_REFUSAL_LEN),
    ] {
        let refusal = refusal(tags, sessions);
        let bytes = refusal.encode().unwrap();
        assert_eq!(bytes.len(), len);
        assert_eq!(Refusal::decode(&bytes), Some(refusal));
    }
}

#[test]
fn chk102_refusal_out_of_bounds_is_neither_written_nor_read() {
    for (tags, sessions) in [(0, 0), (0, 1), (65, 0), (255, 0), (1, 6), (64, 6)] {
        assert!(refusal(tags, sessions).encode().is_none());
        let messages_len = 40 * usize::from(tags);
        let content = [
            &[tags][..],
            &vec![7; messages_len],
            &[sessions],
            &vec![8; 16 * usize::from(sessions)],
        ]
        .concat();
        assert_eq!(Refusal::decode(&padded(&content)), None);
    }
    let full = refusal(64, 5).encode().unwrap();
    assert!(Refusal::decode(&full).is_some());
    assert_eq!(full.len(), MAX_REFUSAL_LEN);
    let longer = [full.as_slice(), &[0]].concat();
    assert_eq!(Refusal::decode(&longer), None);
}

#[test]
fn chk102_refusal_cut_extended_or_padded_in_another_way_is_refused() {
    let bytes = refusal(2, 1).encode().unwrap();
    let len = padding::unpadded_len(&bytes).unwrap();
    assert_eq!(len, 1 + 2 * 40 + 1 + 16);
    for cut in 0..len {
        assert_eq!(Refusal::decode(&padded(&bytes[..cut])), None, "{cut}");
        assert_eq!(Refusal::decode(&bytes[..cut]), None, "{cut}");
    }
    let mut extended = bytes[..len].to_vec();
    extended.push(0);
    assert_eq!(Refusal::decode(&padded(&extended)), None);
    assert_eq!(Refusal::decode(&bytes[..len]), None);
    assert_eq!(Refusal::decode(&[&bytes[..], &[0; 64]].concat()), None);
}

#[test]
fn associated_data_name_tag_refuser_and_author() {
    let tag = FrankingTag::from_bytes([9; 32]);
    let data = |tag, refuser: &DeviceAddress, author| {
        refusal_associated_data(tag, refuser, &account(author))
    };
    let good = data(&tag, &device("bo", 7), "al");
    let expected = [
        "waxseal/2/refusal".as_bytes(),
        &[9; 32],
        b"\x02bo\0\0\0\x07\x02al",
    ]
    .concat();
    assert_eq!(good, expected);
    let others = [
        data(&FrankingTag::from_bytes([8; 32]), &device("bo", 7), "al"),
        data(&tag, &device("bo", 8), "al"),
        data(&tag, &device("bp", 7), "al"),
        data(&tag, &device("bo", 7), "am"),
        // The same characters, with the accounts cut in another place.
        data(&tag, &device("b", 7), "oal"),
    ];
    for other in others {
        assert_ne!(other, good);
    }
}

#[test]
fn an_envelope_of_a_refusal_has_a_random_tag_and_a_ciphertext() {
    let mut rng = rng(1);
    let tag = FrankingTag::random(&mut rng);
    assert_ne!(tag, FrankingTag::random(&mut rng));
    for len in [1, MAX_CIPHERTEXT_LEN] {
        let envelope = Envelope::of_refusal(tag, vec![7; len]).unwrap();
        assert_eq!(envelope.tag(), &tag);
        assert_eq!(Envelope::decode(&envelope.encode()).unwrap(), envelope);
    }
    for len in [0, MAX_CIPHERTEXT_LEN + 1] {
        let refused = Envelope::of_refusal(tag, vec![7; len]).unwrap_err();
        assert_eq!(refused, DecodeError::Malformed);
    }
}

#[test]
fn debug_shows_only_numbers() {
    assert_eq!(
        format!("{:?}", refusal(2, 1)),
        "Refusal { messages: 2, sessions: 1 }"
    );
}
