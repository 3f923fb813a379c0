//! Tests of `franking.rs`.

use super::*;
use crate::parts::encode_parts;

fn commit(key: u8, parts: &[&[u8]]) -> Commitment {
    let encoded = encode_parts(parts.iter().copied());
    Commitment::new(
        &FrankingKey::from_bytes([key; 32]),
        &Parts::parse(&encoded).unwrap(),
    )
}

#[test]
fn the_tag_depends_on_key_parts_order_number_and_borders() {
    let tag = commit(1, &[b"ab", b"c"]).tag();
    assert!(tag.matches(&commit(1, &[b"ab", b"c"]).tag()));
    let others: [(u8, &[&[u8]]); 6] = [
        (2, &[b"ab", b"c"]),
        (1, &[b"a", b"bc"]),
        (1, &[b"c", b"ab"]),
        (1, &[b"ab", b"c", b""]),
        (1, &[b"ab", b"d"]),
        (1, &[b"abc", b""]),
    ];
    for (key, parts) in others {
        assert!(!tag.matches(&commit(key, parts).tag()), "{parts:?}");
    }
}

#[test]
fn a_part_key_opens_its_own_place_alone() {
    let commitment = commit(1, &[b"same", b"same"]);
    let [(key_0, part_0), (key_1, part_1)] = &commitment.parts[..] else {
        panic!()
    };
    assert_ne!(part_0, part_1, "equal parts have unequal commitments");
    assert_eq!(commit_part(key_0, 0, b"same"), *part_0);
    assert_ne!(
        commit_part(key_0, 1, b"same"),
        *part_0,
        "the commitment covers the part's number"
    );
    assert_ne!(commit_part(key_1, 0, b"same"), *part_0);
}

/// Published commitments over protobuf covered selected fields only, so what a token vouched for
/// depended on a list of fields.
#[test]
fn broken_artefact_commitment_over_selected_fields_every_byte_is_committed() {
    let parts: [&[u8]; 3] = [&[1; 54], b"\x01text", &[9; 107]];
    let tag = commit(1, &parts).tag();
    for part in 0..parts.len() {
        for byte in 0..parts[part].len() {
            let mut altered: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
            altered[part][byte] ^= 1;
            let altered: Vec<&[u8]> = altered.iter().map(Vec::as_slice).collect();
            assert!(
                !tag.matches(&commit(1, &altered).tag()),
                "part {part} byte {byte}"
            );
        }
    }
}

#[test]
fn debug_shows_no_tag() {
    assert_eq!(
        format!("{:?}", FrankingTag::from_bytes([1; 32])),
        "FrankingTag(..)"
    );
}
