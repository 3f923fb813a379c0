//! Tests of `evidence.rs`.

use super::*;
use crate::seal::SentMessage;
use crate::tests::world::*;

#[test]
fn evidence_and_sent_messages_round_trip() {
    let mut world = World::new(1);
    let delivered = world.alice_says("hello");
    for evidence in [delivered.opened.evidence(), &delivered.own] {
        let bytes = evidence.encode();
        let again = Evidence::decode(&bytes).unwrap();
        assert_eq!(*again.encode(), *bytes);
        assert_eq!(again.content().unwrap().as_text(), Some("hello"));
        assert!(bytes.len() <= "hello".len() + 230, "{}", bytes.len());
    }
    assert!(format!("{:?}", delivered.own).starts_with("Evidence { claim: Claim {"));
}

#[test]
fn chk73_evidence_of_another_message_is_refused() {
    let mut world = World::new(2);
    let bytes = world.alice_says("hello").own.encode();
    let stamp = bytes.len() - world_tail();
    for index in 0..bytes.len() {
        let mut altered = bytes.to_vec();
        altered[index] ^= 0x01;
        // The device cannot recognise a wrong time, epoch or stamp. The provider can.
        let unknown = stamp - 12 - 32..stamp;
        assert_eq!(
            Evidence::decode(&altered).is_ok(),
            unknown.contains(&index),
            "{index}"
        );
    }
    for cut in 0..bytes.len() {
        assert!(Evidence::decode(&bytes[..cut]).is_err());
    }
    assert!(Evidence::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
    // The claim is about another conversation. Its tag matches the message, but the header does
    // not.
    let mut elsewhere = world.alice_says("hello").own;
    elsewhere.claim.context.audience = Audience::Direct(account("carol"));
    assert!(Evidence::decode(&elsewhere.encode()).is_err());
}

/// Length of the franking key and the parts of "hello".
fn world_tail() -> usize {
    32 + 1 + 4 + 22 + 4 + 6
}

#[test]
fn chk92_stored_sent_message_out_of_form_is_refused() {
    let mut world = World::new(3);
    let payload = Payload::text(world.header(true), "hello").unwrap();
    let (_, sent) = world.seal(true, &payload);
    let bytes = sent.encode();
    let again = SentMessage::decode(&bytes).unwrap();
    assert!(again.tag().matches(sent.tag()));
    for cut in 0..bytes.len() {
        assert!(SentMessage::decode(&bytes[..cut]).is_err());
    }
    assert!(SentMessage::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
    // The message is a deletion of 5 bytes, which no recipient accepts. The tag is computed from
    // that content, so it matches.
    let mut malformed = bytes.to_vec();
    let kind = malformed.len() - "hello".len() - 1;
    malformed[kind] = 3;
    assert!(SentMessage::decode(&malformed).is_err());
    // The other version and an unknown one.
    for (version, refused) in [
        (1, DecodeError::Malformed),
        (3, DecodeError::UnknownVersion { version: 3 }),
        (0, DecodeError::UnknownVersion { version: 0 }),
    ] {
        let mut other = bytes.to_vec();
        other[0] = version;
        assert_eq!(SentMessage::decode(&other).unwrap_err(), refused);
    }
    assert_eq!(again.sender(), &world.alice);
    assert_eq!(again.conversation(), &world.conversation());
    assert!(again.tag_names_sender());
    assert_eq!(*again.encode(), *bytes);
}
