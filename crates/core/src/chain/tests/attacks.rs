//! What insiders, thieves and outsiders try on a chain. The numbers of rows are those of the
//! design's table of attacks, those of items the design's decisions on groups.

use super::*;
use crate::chain::header::SealedBody;

/// What someone makes who has these keys, and not the key of any recipient: the body of message
/// `n`, as the owner would make it.
fn forged(group: &Group, key: &ChainKey, n: u32, plaintext: &[u8]) -> ChainMessage {
    let number = group.chain.number();
    let mut forged = OwnChain::start(&group.alice, &CONTEXT, number, 0, &mut rng(99));
    forged.key = ChainKey::from_bytes(key.as_bytes());
    forged.header_key = group.chain.header_key.duplicate();
    forged.n = n;
    let given = group.others.iter().map(|other| (other.to_bytes(), 0));
    forged.recipients = given.collect();
    forged
        .seal(&CLAIMS, plaintext, b"ad", &group.others)
        .unwrap()
}

/// The key that Alice shares with a recipient, as a thief of her state derives it.
fn auth_key(group: &Group, of: usize) -> AuthKey {
    group.chain.root.key_for(&group.others[of].to_bytes())
}

fn refused(
    group: &mut Group,
    of: usize,
    body: &[u8],
    slot: &[u8; CHAIN_MAC_LEN],
) -> ChainOpenError {
    let refused =
        unchanged_by_refusal(&mut group.peers[of], |peer| peer.open(body, slot, b"ad", 1));
    refused.err().expect("must not open")
}

#[test]
fn row_30_a_member_with_the_chain_makes_no_message_of_its_owner() {
    let mut group = Group::begun();
    let genuine = group.seal(b"genuine");
    let carols = ChainKey::from_bytes(group.peers[1].chains[0].key.as_bytes());
    let forged = forged(&group, &carols, 1, b"forged");
    // Carol guesses the slot for Bob, copies that of a real message, or makes one with her own key.
    let with_own = slot_of(&group.peers[1].chains[0].auth_key, &forged.body);
    for slot in [[0; 16], mac(&forged, 0), mac(&genuine, 0), with_own] {
        let error = refused(&mut group, 0, &forged.body, &slot);
        assert_eq!(error, ChainOpenError::Unauthenticated);
    }
    // The body is as good as Alice's: only the slot keeps it out.
    let slot = slot_of(&auth_key(&group, 0), &forged.body);
    let opened = group.peers[0].open(&forged.body, &slot, b"ad", 1);
    assert_eq!(text(opened), b"forged");
}

#[test]
fn row_31_a_body_altered_under_the_shared_message_key_opens_for_nobody() {
    let mut group = Group::begun();
    let before = ChainKey::from_bytes(group.peers[1].chains[0].key.as_bytes());
    let genuine = group.seal(b"genuine");
    // Carol has the key of this very message, and the relay gives her Bob's slot.
    let altered = forged(&group, &before, 1, b"altered");
    let error = refused(&mut group, 0, &altered.body, &mac(&genuine, 0));
    assert_eq!(error, ChainOpenError::Unauthenticated);
    assert_eq!(text(group.open(0, &genuine)), b"genuine");
}

#[test]
fn row_32_the_text_of_another_does_not_open_under_a_later_number_of_its_chain() {
    let mut group = Group::begun();
    let genuine = group.seal(b"genuine");
    assert_eq!(text(group.open(0, &genuine)), b"genuine");
    assert_eq!(text(group.open(1, &genuine)), b"genuine");
    let next = ChainKey::from_bytes(group.peers[1].chains[0].key.as_bytes());
    let again = forged(&group, &next, 2, b"genuine");
    let error = refused(&mut group, 0, &again.body, &mac(&genuine, 0));
    assert_eq!(error, ChainOpenError::Unauthenticated);
    let error = refused(&mut group, 0, &genuine.body, &mac(&genuine, 0));
    assert_eq!(error, ChainOpenError::AlreadyReceived);
}

#[test]
fn row_33_a_chain_that_is_passed_on_as_ones_own_opens_nothing() {
    let mut group = Group::begun();
    let carols = &group.peers[1].chains[0];
    // Carol gives Bob the keys of Alice's chain in her session with him.
    let stolen = ChainKeys {
        number: 1,
        n: 1,
        key: ChainKey::from_bytes(carols.key.as_bytes()),
        header_key: carols.header_key.duplicate(),
        auth_key: AuthKey::from_bytes(carols.auth_key.as_bytes()),
    };
    let message = group.seal(b"text");
    let carol = group.others[1];
    let mut of_carol = PeerChains::new(&carol, &CONTEXT);
    let refused = unchanged_by_refusal(&mut of_carol, |peer| {
        peer.open_with_keys(&message.body, stolen, b"ad", 1)
    });
    assert_eq!(refused.err(), Some(ChainOpenError::Unauthenticated));
}

#[test]
fn row_35_a_key_slot_that_rewinds_a_known_chain_is_ignored() {
    let mut group = Group::begun();
    let old = keys_of(&mut group, b"old");
    let latest = group.seal(b"latest");
    assert_eq!(text(group.open(0, &latest)), b"latest");
    assert_eq!(text(group.open(0, &old)), b"old");
    let again = group.open(0, &old);
    assert_eq!(again.err(), Some(ChainOpenError::AlreadyReceived));
    // The chain key in the slot would open all once more.
    let rewinding = keys(&old, 0);
    let refused = unchanged_by_refusal(&mut group.peers[0], |bob| {
        bob.open_with_keys(&old.body, rewinding, b"ad", 1)
    });
    assert_eq!(refused.err(), Some(ChainOpenError::AlreadyReceived));
    let again = group.open(0, &latest);
    assert_eq!(again.err(), Some(ChainOpenError::AlreadyReceived));
    let next = group.seal(b"next");
    assert_eq!(text(group.open(0, &next)), b"next");
}

#[test]
fn row_36_slots_and_bodies_that_were_swapped_do_not_open() {
    let mut group = Group::begun();
    let (one, two) = (group.seal(b"one"), group.seal(b"two"));
    for (body, slot) in [
        (&one.body, mac(&one, 1)),
        (&one.body, mac(&two, 0)),
        (&two.body, mac(&one, 0)),
    ] {
        let error = refused(&mut group, 0, body, &slot);
        assert_eq!(error, ChainOpenError::Unauthenticated);
    }
    let (given_one, given_two) = (keys_of(&mut group, b"three"), keys_of(&mut group, b"four"));
    let refused = unchanged_by_refusal(&mut group.peers[0], |bob| {
        bob.open_with_keys(&given_two.body, keys(&given_one, 0), b"ad", 1)
    });
    assert_eq!(refused.err(), Some(ChainOpenError::ContradictoryKeys));
    for (message, expected) in [(&one, b"one"), (&two, b"two")] {
        assert_eq!(text(group.open(0, message)), expected);
    }
}

#[test]
fn row_37_a_message_opens_once_and_a_slot_is_for_one_number() {
    let mut group = Group::begun();
    let (one, two) = (group.seal(b"text"), group.seal(b"text"));
    assert_eq!(text(group.open(0, &one)), b"text");
    let error = refused(&mut group, 0, &one.body, &mac(&one, 0));
    assert_eq!(error, ChainOpenError::AlreadyReceived);
    let error = refused(&mut group, 0, &two.body, &mac(&one, 0));
    assert_eq!(error, ChainOpenError::Unauthenticated);
    assert_eq!(text(group.open(0, &two)), b"text");
}

#[test]
fn row_39_a_thief_of_the_senders_state_is_not_heard_after_it_began_another_chain() {
    let mut group = Group::begun();
    let mut stolen =
        OwnChain::import(&group.chain.export().state, &recipients(&mut group)).unwrap();
    group.renew();
    let renewed = group.seal(b"renewed");
    assert_eq!(text(open(&mut group.peers[0], &renewed, 0, 20)), b"renewed");
    let injected = stolen.seal(&CLAIMS, b"injected", b"ad", &group.others);
    let injected = injected.unwrap();
    let refused = open(&mut group.peers[0], &injected, 0, 21);
    assert_eq!(refused.err(), Some(ChainOpenError::ChainLeft));
    // Carol did not see the other chain yet.
    assert_eq!(
        text(open(&mut group.peers[1], &injected, 1, 21)),
        b"injected"
    );
}

#[test]
fn row_40_a_thief_makes_no_earlier_message_for_a_member_who_was_off_line() {
    let mut group = Group::begun();
    let missed = group.seal(b"missed");
    group.seal(b"after");
    // The thief has all of Alice's state, and Bob's key with it, but not the key of message 1.
    let stolen = ChainKey::from_bytes(group.chain.key.as_bytes());
    let forged = forged(&group, &stolen, 1, b"forged");
    let slot = slot_of(&auth_key(&group, 0), &forged.body);
    let error = refused(&mut group, 0, &forged.body, &slot);
    assert_eq!(error, ChainOpenError::Unauthenticated);
    assert_eq!(text(group.open(0, &missed)), b"missed");
}

#[test]
fn row_41_a_header_far_ahead_costs_no_step_of_the_chain() {
    let mut group = Group::begun();
    let next = group.peers[0].chains[0].n;
    for ahead in [2_001, 24_000, u32::MAX - 1 - next] {
        // An insider makes it, so header and slot are right. No key was derived for the body.
        let far = forged(
            &group,
            &ChainKey::from_bytes(&[3; 32]),
            next + ahead,
            b"far",
        );
        let slot = slot_of(&auth_key(&group, 0), &far.body);
        let error = refused(&mut group, 0, &far.body, &slot);
        assert_eq!(error, ChainOpenError::JumpTooFar { ahead, max: 2_000 });
    }
    // An outsider has no header that opens.
    let error = refused(&mut group, 0, &[4; 200], &[0; 16]);
    assert_eq!(error, ChainOpenError::UnknownChain);
}

#[test]
fn row_42_a_chain_of_one_group_opens_nothing_in_another() {
    let mut group = Group::new();
    let message = group.seal(b"text");
    let mut elsewhere = PeerChains::new(&group.alice, &[8; CHAIN_CONTEXT_LEN]);
    let refused = unchanged_by_refusal(&mut elsewhere, |peer| {
        peer.open_with_keys(&message.body, keys(&message, 0), b"ad", 1)
    });
    assert_eq!(refused.err(), Some(ChainOpenError::Unauthenticated));
    assert_eq!(text(group.open(0, &message)), b"text");
}

#[test]
fn item_01_a_chain_is_known_by_its_number_and_no_other_key_comes_under_it() {
    let mut group = Group::begun();
    let mut other = OwnChain::start(&group.alice, &CONTEXT, 1, 0, &mut rng(77));
    let other = other.seal(&CLAIMS, b"other", b"ad", &group.others).unwrap();
    assert_eq!(keys(&other, 0).number(), 1);
    let refused = group.open(0, &other);
    assert_eq!(refused.err(), Some(ChainOpenError::ContradictoryKeys));
    group.renew();
    let next = group.seal(b"next");
    assert_eq!(keys(&next, 0).number(), 2);
    assert_eq!(text(group.open(0, &next)), b"next");
}

#[test]
fn item_10_a_key_slot_far_ahead_moves_a_chain_forward_and_not_back() {
    let mut group = Group::begun();
    let lost: Vec<_> = (0..2_001).map(|_| group.seal(b"lost")).collect();
    let forward = keys_of(&mut group, b"forward");
    assert_eq!(text(group.open(0, &forward)), b"forward");
    let given_up = group.open(0, &lost[2_000]);
    assert_eq!(given_up.err(), Some(ChainOpenError::AlreadyReceived));
}

/// What a newcomer who works with the provider learns of messages from before, as the specification
/// says: their headers, and nothing of their texts.
#[test]
fn item_13_a_newcomer_reads_headers_of_before_and_no_bodies() {
    let mut group = Group::new();
    let two = group.others[..2].to_vec();
    let before = group.chain.seal(&CLAIMS, b"before", b"ad", &two).unwrap();
    let joined = group.seal(b"joined");
    let given = keys(&joined, 2);
    let dave = &mut group.peers[2];
    let sealed = SealedBody::decode(&before.body).unwrap();
    let (context, owner, number) = (CONTEXT, group.alice.to_bytes(), given.number());
    let name = ChainName {
        context,
        owner,
        number,
    };
    let header = sealed.open_header(&given.header_key, &name.ad());
    assert_eq!(header.unwrap().claims, CLAIMS);
    let slot = slot_of(&given.auth_key, &before.body);
    assert_eq!(
        text(dave.open_with_keys(&joined.body, given, b"ad", 1)),
        b"joined"
    );
    let refused = unchanged_by_refusal(dave, |dave| dave.open(&before.body, &slot, b"ad", 1));
    assert_eq!(refused.err(), Some(ChainOpenError::AlreadyReceived));
}

#[test]
fn item_17_a_mac_slot_covers_body_and_associated_data_and_the_key_of_a_body_its_context() {
    let mut group = Group::begun();
    let message = group.seal(b"text");
    let genuine = mac(&message, 0);
    assert_eq!(genuine, slot_of(&auth_key(&group, 0), &message.body));
    let bob = &mut group.peers[0];
    let refused = unchanged_by_refusal(bob, |bob| bob.open(&message.body, &genuine, b"ae", 1));
    assert_eq!(refused.err(), Some(ChainOpenError::Unauthenticated));
    // A slot over other associated data does not help: the key of the body depends on them.
    let key = auth_key(&group, 0);
    let slot = super::super::slot::MacInput::new(&message.body, b"ae").slot(&keyed(key.as_bytes()));
    let bob = &mut group.peers[0];
    let refused = unchanged_by_refusal(bob, |bob| bob.open(&message.body, &slot, b"ae", 1));
    assert_eq!(refused.err(), Some(ChainOpenError::Unauthenticated));
    assert_eq!(text(group.open(0, &message)), b"text");
}

#[test]
fn item_18_a_copied_chain_is_of_no_use_eight_days_after_its_first_message() {
    let mut group = Group::new();
    let (first, last) = (group.seal(b"first"), group.seal(b"last"));
    let days = 24 * 60 * 60 * 1_000;
    assert_eq!(text(open(&mut group.peers[0], &first, 0, days)), b"first");
    let refused = open(&mut group.peers[0], &last, 0, 9 * days + 1);
    assert_eq!(refused.err(), Some(ChainOpenError::ChainExpired));
    assert_eq!(text(open(&mut group.peers[0], &last, 0, 9 * days)), b"last");
}

/// The key of a body depends on its associated data, so nobody finds two texts that one body opens
/// to under two of them.
#[test]
fn item_19_the_same_text_under_other_associated_data_has_another_key() {
    let mut group = Group::begun();
    let key = ChainKey::from_bytes(group.chain.key.as_bytes());
    let (one, state) = (group.seal(b"text"), group.chain.n - 1);
    let mut again = OwnChain::start(&group.alice, &CONTEXT, 1, 0, &mut rng(97));
    again.key = key;
    again.header_key = group.chain.header_key.duplicate();
    again.n = state;
    again.recipients = group.chain.recipients.clone();
    let other = again.seal(&CLAIMS, b"text", b"other", &group.others);
    let other = other.unwrap();
    let texts = [&one.body, &other.body].map(|body| body[85..89].to_vec());
    assert_ne!(texts[0], texts[1]);
}

/// Makes Alice give Bob the chain once more, with the next message.
fn keys_of(group: &mut Group, plaintext: &[u8]) -> ChainMessage {
    group.chain.recipients.remove(&group.others[0].to_bytes());
    group.chain.macs = None;
    group.seal(plaintext)
}

fn recipients(group: &mut Group) -> Vec<u8> {
    group.chain.is_changed = true;
    group.chain.export().recipients.unwrap()
}
