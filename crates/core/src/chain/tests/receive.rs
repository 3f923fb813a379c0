//! Headers, numbers and chains of the receiving side.

use super::*;
use crate::chain::header::ChainHeader;
use crate::error::DecodeError;

/// Opens a body with a MAC slot that the owner of the chain made for Bob and this body.
fn open_as_sent(group: &mut Group, body: &[u8]) -> Opened {
    let key = group.chain.root.key_for(&group.others[0].to_bytes());
    let slot = slot_of(&key, body);
    unchanged_by_refusal(&mut group.peers[0], |bob| bob.open(body, &slot, b"ad", 1))
}

#[test]
fn chk14_a_chain_body_without_header_or_tag_is_refused() {
    let mut group = Group::begun();
    let message = group.seal(b"");
    for len in 0..message.body.len() {
        let refused = open_as_sent(&mut group, &message.body[..len]);
        let malformed = ChainOpenError::Malformed(DecodeError::Malformed);
        assert_eq!(refused.err(), Some(malformed), "cut at {len}");
    }
    for version in [0, 1, 2, 3, 5, 0xff] {
        let mut body = message.body.clone();
        body[0] = version;
        let unknown = ChainOpenError::Malformed(DecodeError::UnknownVersion { version });
        assert_eq!(open_as_sent(&mut group, &body).err(), Some(unknown));
    }
    let longer = vec![4; MAX_CHAIN_BODY_LEN + 1];
    let refused = open_as_sent(&mut group, &longer).err();
    assert!(matches!(
        refused,
        Some(ChainOpenError::Malformed(DecodeError::TooLong { .. }))
    ));
    assert_eq!(text(open_as_sent(&mut group, &message.body)), b"");
}

#[test]
fn chk373_a_header_opens_on_its_chain_and_with_its_tag_only() {
    let mut group = Group::begun();
    let message = group.seal(b"text");
    let tag = message.body.len() - 16;
    for at in (1..85).chain(tag..message.body.len()) {
        for bit in 0..8 {
            let mut body = message.body.clone();
            body[at] ^= 1 << bit;
            let refused = open_as_sent(&mut group, &body);
            assert_eq!(
                refused.err(),
                Some(ChainOpenError::UnknownChain),
                "byte {at}"
            );
        }
    }
    assert_eq!(text(group.open(0, &message)), b"text");
}

#[test]
fn chk373_a_chain_belongs_to_its_owner_context_and_number() {
    let mut group = Group::new();
    let message = group.seal(b"text");
    // A recipient that passes Alice's chain on as its own, and a chain in another context.
    let (bob, alice) = (group.others[0], group.alice);
    for (owner, context) in [(bob, CONTEXT), (alice, [8; 32])] {
        let mut peer = PeerChains::new(&owner, &context);
        assert!(peer.are_of(&owner, &context) && !peer.are_of(&alice, &CONTEXT));
        let refused = open(&mut peer, &message, 1, 1);
        assert_eq!(refused.err(), Some(ChainOpenError::Unauthenticated));
    }
    let mut renumbered = keys(&message, 1);
    renumbered.number = 2;
    let carol = &mut group.peers[1];
    let refused = unchanged_by_refusal(carol, |carol| {
        carol.open_with_keys(&message.body, renumbered, b"ad", 1)
    });
    assert_eq!(refused.err(), Some(ChainOpenError::Unauthenticated));
    assert_eq!(text(group.open(1, &message)), b"text");
}

#[test]
fn chk375_a_body_opens_unaltered_and_with_its_associated_data_only() {
    let mut group = Group::begun();
    let message = group.seal(b"text");
    for bit in 0..4 * 8 {
        let mut body = message.body.clone();
        body[85 + bit / 8] ^= 1 << (bit % 8);
        let refused = open_as_sent(&mut group, &body);
        assert_eq!(
            refused.err(),
            Some(ChainOpenError::Unauthenticated),
            "bit {bit}"
        );
    }
    // Bob's slot is over other associated data, so only the body's key tells.
    let key = group.chain.root.key_for(&group.others[0].to_bytes());
    let slot =
        super::super::slot::MacInput::new(&message.body, b"other").slot(&keyed(key.as_bytes()));
    let refused = unchanged_by_refusal(&mut group.peers[0], |bob| {
        bob.open(&message.body, &slot, b"other", 1)
    });
    assert_eq!(refused.err(), Some(ChainOpenError::Unauthenticated));
    assert_eq!(text(group.open(0, &message)), b"text");
}

#[test]
fn chk376_each_message_opens_once_in_any_order() {
    let mut group = Group::begun();
    let messages: Vec<_> = (0..5).map(|_| group.seal(b"text")).collect();
    for at in [3, 0, 4, 2, 1] {
        assert_eq!(text(group.open(0, &messages[at])), b"text");
        for again in [3, at] {
            let refused = group.open(0, &messages[again]);
            assert_eq!(refused.err(), Some(ChainOpenError::AlreadyReceived));
        }
    }
    assert!(group.peers[0].chains[0].skipped.is_empty());
}

#[test]
fn chk377_the_longest_gap_opens_and_one_more_is_refused() {
    let mut group = Group::begun();
    for _ in 0..MAX_CHAIN_GAP {
        group.seal(b"lost");
    }
    let at_limit = group.seal(b"at the limit");
    let beyond = group.seal(b"beyond");
    let too_far = ChainOpenError::JumpTooFar {
        ahead: 2_001,
        max: 2_000,
    };
    assert_eq!(group.open(0, &beyond).err(), Some(too_far));
    assert_eq!(text(group.open(0, &at_limit)), b"at the limit");
    assert_eq!(text(group.open(0, &beyond)), b"beyond");
}

#[test]
fn chk377_the_last_number_of_a_chain_is_refused() {
    let mut group = Group::new();
    group.chain.n = u32::MAX - 1;
    let last = group.seal(b"last");
    assert_eq!(text(group.open(0, &last)), b"last");
    // Made by a sender that does not keep to the limit.
    group.chain.n = 0;
    group.chain.recipients.clear();
    let message = group.seal(b"text");
    let mut keys = keys(&message, 0);
    keys.n = u32::MAX;
    let ad = group.chain.name.ad();
    let header = ChainHeader {
        n: u32::MAX,
        claims: CLAIMS,
    };
    let tag: &[u8; 16] = message.body.last_chunk().unwrap();
    let key = &group.chain.header_key;
    let header = header::seal(key, &ad, tag, &header.to_bytes());
    let body = [[4].as_slice(), &header, &message.body[85..]].concat();
    let refused = unchanged_by_refusal(&mut group.peers[1], |carol| {
        carol.open_with_keys(&body, keys, b"ad", 1)
    });
    assert!(matches!(
        refused,
        Err(ChainOpenError::JumpTooFar {
            ahead: u32::MAX,
            ..
        })
    ));
}

#[test]
fn chk382_the_fourth_chain_gives_up_the_oldest() {
    let mut group = Group::begun();
    let late = group.seal(b"late");
    let mut firsts = Vec::new();
    for number in 2..=4 {
        group.renew();
        firsts.push(group.seal(b"first"));
        let second = group.seal(b"second");
        assert_eq!(second.n, 1);
        assert_eq!(text(group.open(0, &firsts[firsts.len() - 1])), b"first");
        assert_eq!(group.peers[0].numbers().last(), Some(number));
    }
    assert!(group.peers[0].numbers().eq([2, 3, 4]));
    assert_eq!(
        group.open(0, &late).err(),
        Some(ChainOpenError::UnknownChain)
    );
    // Carol, who has not seen the newer chains, still opens it.
    assert_eq!(text(group.open(1, &late)), b"late");
}

#[test]
fn chk382_a_key_slot_of_an_older_chain_opens_its_own_message_only() {
    let mut group = Group::new();
    let (first, second) = (group.seal(b"first"), group.seal(b"second"));
    for _ in 2..=4 {
        group.renew();
        let message = group.seal(b"text");
        assert_eq!(text(group.open(0, &message)), b"text");
    }
    assert_eq!(text(group.open(0, &first)), b"first");
    assert!(group.peers[0].numbers().eq([2, 3, 4]));
    assert_eq!(
        group.open(0, &second).err(),
        Some(ChainOpenError::UnknownChain)
    );
}

#[test]
fn chk383_one_skipped_key_too_many_gives_up_the_oldest() {
    let mut group = Group::begun();
    let oldest = group.seal(b"oldest");
    let next = group.seal(b"next");
    for _ in 0..MAX_CHAIN_SKIPPED_KEYS - 2 {
        group.seal(b"lost");
    }
    let message = group.seal(b"text");
    assert_eq!(text(group.open(0, &message)), b"text");
    assert_eq!(
        group.peers[0].chains[0].skipped.len(),
        MAX_CHAIN_SKIPPED_KEYS
    );
    // The full state is read, and the oldest key is still there.
    let mut full = PeerChains::import(&group.peers[0].export()).unwrap();
    assert_eq!(text(open(&mut full, &oldest, 0, 1)), b"oldest");
    group.seal(b"lost");
    let message = group.seal(b"text");
    assert_eq!(text(group.open(0, &message)), b"text");
    assert_eq!(
        group.open(0, &oldest).err(),
        Some(ChainOpenError::AlreadyReceived)
    );
    assert_eq!(text(group.open(0, &next)), b"next");
}
