//! Rules about the times at which messages were accepted.

use super::*;

#[test]
fn chk384_nothing_opens_that_was_accepted_after_the_first_message_on_a_newer_chain() {
    let mut group = Group::begun();
    let (late, forged) = (group.seal(b"late"), group.seal(b"forged"));
    group.renew();
    let (first, second) = (group.seal(b"first"), group.seal(b"second"));
    let bob = &mut group.peers[0];
    // The message that opens second was accepted earlier, so it moves the bound back.
    let (at_first, at_second) = (20, 30);
    assert_eq!(text(open(bob, &first, 0, at_second)), b"first");
    assert_eq!(text(open(bob, &second, 0, at_first)), b"second");
    let refused = open(bob, &forged, 0, at_first + 1);
    assert_eq!(refused.err(), Some(ChainOpenError::ChainLeft));
    assert_eq!(text(open(bob, &late, 0, at_first)), b"late");

    // The key slot of an older chain is refused alike, whether or not the chain is held.
    let mut group = Group::new();
    let old = group.seal(b"old");
    group.renew();
    let new = group.seal(b"new");
    let bob = &mut group.peers[0];
    assert_eq!(text(open(bob, &new, 0, 20)), b"new");
    assert_eq!(
        open(bob, &old, 0, 21).err(),
        Some(ChainOpenError::ChainLeft)
    );
    assert_eq!(text(open(bob, &old, 0, 20)), b"old");
}

#[test]
fn chk385_a_chain_expires_eight_days_after_its_first_message() {
    let mut group = Group::new();
    let messages: Vec<_> = (0..4).map(|_| group.seal(b"text")).collect();
    let start = 1_000;
    let bob = &mut group.peers[0];
    assert_eq!(text(open(bob, &messages[0], 0, start)), b"text");
    let refused = open(bob, &messages[1], 0, start + MAX_CHAIN_AGE_MS + 1);
    assert_eq!(refused.err(), Some(ChainOpenError::ChainExpired));
    assert_eq!(
        text(open(bob, &messages[1], 0, start + MAX_CHAIN_AGE_MS)),
        b"text"
    );
    // An earlier time moves the bound back.
    assert_eq!(text(open(bob, &messages[2], 0, start - 1)), b"text");
    let refused = open(bob, &messages[3], 0, start + MAX_CHAIN_AGE_MS);
    assert_eq!(refused.err(), Some(ChainOpenError::ChainExpired));
    assert_eq!(
        text(open(bob, &messages[3], 0, start - 1 + MAX_CHAIN_AGE_MS)),
        b"text"
    );
    // A key slot does not begin the time of a chain that is held again.
    group.chain.recipients.clear();
    let keyed = group.seal(b"text");
    let bob = &mut group.peers[0];
    let refused = open(bob, &keyed, 0, start + MAX_CHAIN_AGE_MS);
    assert_eq!(refused.err(), Some(ChainOpenError::ChainExpired));
    let opened = open(bob, &keyed, 0, start - 1 + MAX_CHAIN_AGE_MS);
    assert_eq!(text(opened), b"text");
}
