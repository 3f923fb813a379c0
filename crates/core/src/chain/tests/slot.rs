//! Key slots and MAC slots.

use super::*;
use crate::SessionSet;
use crate::tests::support::Device;

#[test]
fn a_key_slot_travels_in_a_session_and_is_bound_to_the_body() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let mut bobs = (bob.identity, bob.prekeys, bob.memory);
    let bundle = crate::PreKeyBundle::decode(&bob.base, None).unwrap();
    let mut to_bob = SessionSet::initiate(&alice.identity, bundle, &mut rng(3)).unwrap();

    let target = *bobs.0.public();
    let mut chain = OwnChain::start(alice.identity.public(), &CONTEXT, 1, 0, &mut rng(4));
    let message = chain.seal(&CLAIMS, b"text", b"ad", [&target]).unwrap();
    let ad = ChainKeys::associated_data(&message.body, b"ad");
    let slot = keys(&message, 0).encode();
    assert_eq!(slot.len(), CHAIN_KEYS_LEN);
    let slot = to_bob.encrypt(&slot, &ad, &mut rng(5)).unwrap();

    let other = ChainKeys::associated_data(&message.body, b"other");
    let (identity, prekeys, memory) = (&bobs.0, &mut bobs.1, &mut bobs.2);
    assert!(SessionSet::accept(identity, prekeys, memory, &slot, &other).is_err());
    let (sessions, keys) = SessionSet::accept(identity, prekeys, memory, &slot, &ad).unwrap();
    let mut chains = PeerChains::new(sessions.peer(), &CONTEXT);
    let keys = ChainKeys::decode(&keys).unwrap();
    assert_eq!(keys.number(), 1);
    assert_eq!(
        text(chains.open_with_keys(&message.body, keys, b"ad", 1)),
        b"text"
    );
}

#[test]
fn the_associated_data_of_a_key_slot_depend_on_body_and_associated_data() {
    let of = ChainKeys::associated_data;
    let genuine = of(b"body", b"ad");
    assert_eq!(genuine.len(), 29 + 64);
    for other in [
        of(b"bodya", b"d"),
        of(b"body", b""),
        of(b"", b"ad"),
        of(b"ad", b"body"),
    ] {
        assert_ne!(genuine, other);
    }
}

#[test]
fn encoded_keys_are_read_whole_and_of_their_version_only() {
    let mut group = Group::new();
    let message = group.seal(b"");
    let (keys, pending) = (keys(&message, 0).encode(), message.pending.export());
    assert_eq!((keys.len(), pending.len()), (105, 69));
    for len in 0..105 {
        assert!(ChainKeys::decode(&keys[..len]).is_err());
        assert!(PendingKeys::import(&pending[..len.min(68)]).is_err());
    }
    let longer = |bytes: &[u8]| [bytes, &[0]].concat();
    assert!(ChainKeys::decode(&longer(&keys)).is_err());
    assert!(PendingKeys::import(&longer(&pending)).is_err());
    let other_version = |bytes: &[u8]| [[2].as_slice(), &bytes[1..]].concat();
    assert!(ChainKeys::decode(&other_version(&keys)).is_err());
    assert!(PendingKeys::import(&other_version(&pending)).is_err());
}

#[test]
fn chk374_a_mac_slot_is_for_one_device_one_body_and_one_sender() {
    let mut group = Group::begun();
    let (message, other) = (group.seal(b"text"), group.seal(b"text"));
    let refused = |group: &mut Group, slot: &[u8; 16], ad: &[u8]| {
        let bob = &mut group.peers[0];
        let refused = unchanged_by_refusal(bob, |bob| bob.open(&message.body, slot, ad, 1));
        assert_eq!(refused.err(), Some(ChainOpenError::Unauthenticated));
    };
    let genuine = mac(&message, 0);
    for bit in 0..128 {
        let mut slot = genuine;
        slot[bit / 8] ^= 1 << (bit % 8);
        refused(&mut group, &slot, b"ad");
    }
    refused(&mut group, &mac(&message, 1), b"ad");
    refused(&mut group, &mac(&other, 0), b"ad");
    refused(&mut group, &genuine, b"da");
    assert_eq!(text(group.open(0, &message)), b"text");
}

#[test]
fn chk374_a_fellow_recipient_who_has_the_chain_makes_no_message_of_its_owner() {
    let mut group = Group::begun();
    // Carol has the chain key, and seals with it as Alice would.
    let carols = &group.peers[1].chains[0];
    let mut forged = OwnChain::start(&group.alice, &CONTEXT, 1, 0, &mut rng(99));
    forged.key = ChainKey::from_bytes(carols.key.as_bytes());
    forged.header_key = carols.header_key.duplicate();
    forged.n = carols.n;
    forged.recipients = group.chain.recipients.clone();
    let forged = forged
        .seal(&CLAIMS, b"forged", b"ad", &group.others)
        .unwrap();
    assert_eq!(
        group.open(0, &forged).err(),
        Some(ChainOpenError::Unauthenticated)
    );
    // Carol shares a key with Alice. Bob refuses a slot that was made under it.
    let key = &group.peers[1].chains[0].auth_key;
    let slot = slot_of(key, &forged.body);
    let refused = group.peers[0].open(&forged.body, &slot, b"ad", 1);
    assert_eq!(refused.err(), Some(ChainOpenError::Unauthenticated));
    // But it is one of her own: messages are deniable.
    assert_eq!(
        text(group.peers[1].open(&forged.body, &slot, b"ad", 1)),
        b"forged"
    );
}

#[test]
fn chk378_another_key_under_a_known_number_is_refused() {
    let mut group = Group::begun();
    let mut other = OwnChain::start(&group.alice, &CONTEXT, 1, 0, &mut rng(77));
    let message = other.seal(&CLAIMS, b"other", b"ad", &group.others).unwrap();
    let contradictory = Some(ChainOpenError::ContradictoryKeys);
    assert_eq!(group.open(0, &message).err(), contradictory);
    // Each of the two keys alone is refused, too.
    let own = |group: &Group| {
        let chain = &group.peers[0].chains[0];
        let auth = AuthKey::from_bytes(chain.auth_key.as_bytes());
        (chain.header_key.duplicate(), auth)
    };
    let mut one = keys(&message, 0);
    one.auth_key = own(&group).1;
    let next = group.seal(b"next");
    let two = group
        .chain
        .add_target(&next.pending, &identity(50))
        .unwrap();
    assert!(two.are_of(&own(&group).0, &two.auth_key));
    for (keys, body) in [(one, &message.body), (two, &next.body)] {
        let bob = &mut group.peers[0];
        let refused = unchanged_by_refusal(bob, |bob| bob.open_with_keys(body, keys, b"ad", 1));
        assert_eq!(refused.err(), contradictory);
    }
}

#[test]
fn chk379_keys_of_another_message_are_refused() {
    let mut group = Group::new();
    let one = group.seal(b"one");
    let two = group.seal(b"two");
    let refused = unchanged_by_refusal(&mut group.peers[0], |bob| {
        bob.open_with_keys(&two.body, keys(&one, 0), b"ad", 1)
    });
    assert_eq!(refused.err(), Some(ChainOpenError::ContradictoryKeys));
}

/// Makes the sender give Bob the chain once more with the next message.
fn seal_with_keys_again(group: &mut Group, plaintext: &[u8]) -> ChainMessage {
    group.chain.recipients.remove(&group.others[0].to_bytes());
    group.chain.macs = None;
    group.seal(plaintext)
}

#[test]
fn chk380_a_key_slot_never_rewinds_a_chain() {
    let mut group = Group::begun();
    let missed = seal_with_keys_again(&mut group, b"missed");
    let skipped = seal_with_keys_again(&mut group, b"skipped");
    let latest = group.seal(b"latest");
    assert_eq!(text(group.open(0, &latest)), b"latest");
    // The chain is further now. The key slot still opens its message, with the key that was kept.
    assert_eq!(text(group.open(0, &skipped)), b"skipped");
    assert_eq!(
        group.open(0, &skipped).err(),
        Some(ChainOpenError::AlreadyReceived)
    );
    // Nothing opens with a chain key of the slot's own.
    let before = group.peers[0].export();
    let mut other = keys(&missed, 0);
    other.key = ChainKey::from_bytes(&[1; 32]);
    assert_eq!(
        text(group.peers[0].open_with_keys(&missed.body, other, b"ad", 1)),
        b"missed"
    );
    assert_eq!(group.peers[0].chains[0].n, 4);
    assert_ne!(group.peers[0].export(), before);
    assert!(group.peers[0].chains[0].skipped.is_empty());
    let again = group.open(0, &latest);
    assert_eq!(again.err(), Some(ChainOpenError::AlreadyReceived));
}

#[test]
fn chk381_a_key_slot_beyond_the_gap_moves_the_chain_forward() {
    let mut group = Group::begun();
    let skipped = group.seal(b"skipped");
    let second = group.seal(b"second");
    assert_eq!(text(group.open(0, &second)), b"second");
    let lost: Vec<_> = (0..=MAX_CHAIN_GAP).map(|_| group.seal(b"lost")).collect();
    let forward = seal_with_keys_again(&mut group, b"forward");
    assert_eq!(text(group.open(0, &forward)), b"forward");
    // What lies between is given up; what was skipped before still opens, and the chain goes on.
    for lost in [&lost[0], &lost[2_000]] {
        assert_eq!(
            group.open(0, lost).err(),
            Some(ChainOpenError::AlreadyReceived)
        );
    }
    assert_eq!(text(group.open(0, &skipped)), b"skipped");
    let next = group.seal(b"next");
    assert_eq!(text(group.open(0, &next)), b"next");

    // One message nearer, the chain steps over the missing messages, and they still open.
    let mut group = Group::begun();
    let lost: Vec<_> = (0..MAX_CHAIN_GAP).map(|_| group.seal(b"late")).collect();
    let ahead = seal_with_keys_again(&mut group, b"ahead");
    assert_eq!(text(group.open(0, &ahead)), b"ahead");
    assert_eq!(text(group.open(0, &lost[0])), b"late");
}

#[test]
fn chk387_a_pending_message_is_extended_on_its_own_chain_only() {
    let mut group = Group::new();
    let two = group.others[..2].to_vec();
    let message = group.chain.seal(&CLAIMS, b"text", b"ad", &two).unwrap();
    let pending = PendingKeys::import(&message.pending.export()).unwrap();
    let extend = |chain: &mut OwnChain, target: &IdentityKey| {
        not_sealed(chain, |chain| chain.add_target(&pending, target))
    };
    // It has the chain already.
    let error = extend(&mut group.chain, &two[0]);
    assert_eq!(error, ChainSealError::NotExtensible);
    // Neither the next chain nor one of this number in another context has the message.
    let mut next = group.chain.next(0, &mut rng(5)).unwrap();
    let mut elsewhere = OwnChain::start(&group.alice, &[8; 32], 1, 0, &mut rng(6));
    for chain in [&mut next, &mut elsewhere] {
        chain.seal(&CLAIMS, b"text", b"ad", &two).unwrap();
        let error = extend(chain, &group.others[2]);
        assert_eq!(error, ChainSealError::NotExtensible);
    }
    // An older state of the chain does not know the message.
    let mut older = OwnChain::start(&group.alice, &CONTEXT, 1, 0, &mut rng(10));
    assert_eq!(
        extend(&mut older, &group.others[2]),
        ChainSealError::NotExtensible
    );

    let keys = group.chain.add_target(&pending, &group.others[2]).unwrap();
    assert_eq!(group.chain.given_at(&group.others[2]), Some(0));
    let opened = group.peers[2].open_with_keys(&message.body, keys, b"ad", 1);
    assert_eq!(text(opened), b"text");
    // The next message has a MAC slot for it.
    let next = group.seal(b"next");
    assert_eq!(text(group.open(2, &next)), b"next");
}

/// A provider could hold a message back while it accepts the later ones. If the keys of that
/// message went to a device that joins then, it would read what was accepted before it joined.
#[test]
fn chk387_keys_that_open_later_messages_are_given_to_nobody() {
    let mut group = Group::new();
    let two = group.others[..2].to_vec();
    let mut seal = || group.chain.seal(&CLAIMS, b"text", b"ad", &two).unwrap();
    let (held_back, accepted) = (seal(), seal());
    let carol = group.others[2];
    let error = not_sealed(&mut group.chain, |chain| {
        chain.add_target(&held_back.pending, &carol)
    });
    assert_eq!(error, ChainSealError::NotExtensible);
    let added = group.chain.add_target(&accepted.pending, &carol);
    assert!(added.is_ok(), "the newest message");
}
