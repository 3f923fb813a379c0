//! Tests of `franking.rs`.

use super::*;
use crate::parts::encode_parts;
use crate::tests::world::device;

fn club() -> ConversationId {
    ConversationId::group(b"chess club")
}

/// The tag of these parts from Alice in the chess club.
fn tag(key: u8, parts: &[&[u8]]) -> FrankingTag {
    tag_from(Format::V2, &device("alice", 1), club(), key, parts)
}

fn tag_from(
    format: Format,
    sender: &DeviceAddress,
    conversation: ConversationId,
    key: u8,
    parts: &[&[u8]],
) -> FrankingTag {
    commit(key, parts).tag(&Origin {
        format,
        sender,
        conversation,
    })
}

fn commit(key: u8, parts: &[&[u8]]) -> Commitment {
    let encoded = encode_parts(parts.iter().copied());
    Commitment::new(
        &FrankingKey::from_bytes([key; 32]),
        &Parts::parse(&encoded).unwrap(),
    )
}

#[test]
fn the_tag_depends_on_key_parts_order_number_and_borders() {
    let first = tag(1, &[b"ab", b"c"]);
    assert!(first.matches(&tag(1, &[b"ab", b"c"])));
    let others: [(u8, &[&[u8]]); 6] = [
        (2, &[b"ab", b"c"]),
        (1, &[b"a", b"bc"]),
        (1, &[b"c", b"ab"]),
        (1, &[b"ab", b"c", b""]),
        (1, &[b"ab", b"d"]),
        (1, &[b"abc", b""]),
    ];
    for (key, parts) in others {
        assert!(!first.matches(&tag(key, parts)), "{parts:?}");
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
    let first = tag(1, &parts);
    for part in 0..parts.len() {
        for byte in 0..parts[part].len() {
            let mut altered: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
            altered[part][byte] ^= 1;
            let altered: Vec<&[u8]> = altered.iter().map(Vec::as_slice).collect();
            assert!(!first.matches(&tag(1, &altered)), "part {part} byte {byte}");
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

/// Account and device are fixed by their lengths, so no two senders give the same bytes.
#[test]
fn the_tag_names_account_device_and_conversation() {
    let parts: &[&[u8]] = &[b"header", b"text"];
    let from =
        |sender: &DeviceAddress, conversation| tag_from(Format::V2, sender, conversation, 1, parts);
    let alice = device("alice", 0x6262_6262);
    let first = from(&alice, club());
    assert!(first.matches(&from(&alice, club())));
    let others = [
        (device("alicf", 0x6262_6262), club()),
        (device("alic", 0x6562_6262), club()),
        (device("aliceb", 0x6262_6262), club()),
        (device("alice", 0x6262_6263), club()),
        (device("alice", 0), club()),
        (device("bob", 0x6262_6262), club()),
        (alice.clone(), ConversationId::group(b"chess clud")),
        (alice.clone(), ConversationId::from_bytes([0; 32])),
    ];
    for (sender, conversation) in others {
        assert!(!first.matches(&from(&sender, conversation)), "{sender:?}");
    }
}

#[test]
fn a_tag_of_one_format_is_none_of_the_other() {
    let parts: &[&[u8]] = &[b"header", b"text"];
    let of = |format, name| tag_from(format, &device(name, 1), club(), 1, parts);
    assert!(!of(Format::V1, "alice").matches(&of(Format::V2, "alice")));
    // A tag of format 01 is the same for every sender.
    assert!(of(Format::V1, "alice").matches(&of(Format::V1, "bob")));
    assert!(!of(Format::V2, "alice").matches(&of(Format::V2, "bob")));
}

/// A reporter chooses the commitments of an opening. Without the account's length, 32 bytes of a
/// long account could pass for a conversation, and a commitment for what follows.
#[test]
fn the_tag_marks_where_the_account_ends() {
    let mut conversation = [b'v'; 32];
    conversation[0] = 3;
    let long = device(&"a".repeat(33), 0x6464_6464);
    let two = [[b'x'; 32], [b'y'; 32]];
    let short = device("a", 0x6161_6161);
    let moved = [[b'a'; 28].as_slice(), b"dddd"].concat();
    let mut first = [b'v'; 32];
    first[31] = 2;
    let three = [first, two[0], two[1]];
    let of = |sender: &DeviceAddress, conversation, commitments: &[PartCommitment]| {
        let origin = Origin {
            format: Format::V2,
            sender,
            conversation: ConversationId::from_bytes(conversation),
        };
        super::tag(&[9; 32], &origin, commitments.iter())
    };
    let (one, other) = (
        of(&long, conversation, &two),
        of(&short, moved.try_into().unwrap(), &three),
    );
    assert!(!one.matches(&other));
}
