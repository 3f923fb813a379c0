//! Further tests of `reseal.rs`: messages to groups, and what is printed.

use super::*;

/// Posts a message to a group again, of which these accounts are members in these times.
fn in_group(
    again: &Again,
    target: &DeviceAddress,
    members: &[(&str, core::ops::Range<u64>)],
) -> Result<(), ResealError> {
    let (world, group) = (&again.world, ConversationId::group(b"authority"));
    let first = Timestamp::from_millis(world.now.as_millis().saturating_sub(1_000));
    let claim = again.stamp(&world.alice, &Audience::Group(group), first);
    let bytes =
        again
            .envelope
            .post_again(&claim, &world.alice_key, &world.alice, target, world.now);
    let is_member = |asked: &ConversationId, account: &AccountId, at: Timestamp| {
        assert_eq!(*asked, group);
        let mut all = members.iter();
        all.any(|(name, times)| account.as_str() == *name && times.contains(&at.as_millis()))
    };
    let posted = PostedReseal::decode(&bytes).unwrap();
    let (key, stamps) = (&world.alice_key, &world.stamp_keys);
    posted
        .authenticate_in_groups(key, &world.alice, stamps, world.now, is_member)
        .map(|_| ())
}

#[test]
fn chk106_message_to_a_group_is_sealed_again_among_members_only() {
    let again = Again::new(15);
    let now = again.world.now.as_millis();
    let (always, first) = (0..u64::MAX, now - 1_000);
    let (alice, bob) = (("alice", always.clone()), device("bob", 8));
    let good = [alice.clone(), ("bob", always.clone())];
    assert_eq!(in_group(&again, &bob, &good), Ok(()));
    let exactly = [("alice", now..now + 1), ("bob", first..now + 1)];
    assert_eq!(in_group(&again, &bob, &exactly), Ok(()));
    let own = device("alice", 2);
    assert_eq!(in_group(&again, &own, &good), Ok(()));
    let refused = Err(ResealError::OtherTarget);
    assert_eq!(
        in_group(&again, &device("alice", 1), &good),
        refused,
        "the author's device"
    );
    for members in [
        vec![alice.clone()],
        vec![("bob", always.clone())],
        // Bob joined after the message, or has left. The author has left.
        vec![alice.clone(), ("bob", first + 1..u64::MAX)],
        vec![alice, ("bob", 0..now)],
        vec![("alice", 0..now), ("bob", always)],
        vec![],
    ] {
        assert_eq!(in_group(&again, &bob, &members), refused, "{members:?}");
    }
    let later = [("alice", first + 1..u64::MAX)];
    assert_eq!(in_group(&again, &own, &later), refused);
}

#[test]
fn chk54_ciphertext_of_a_message_to_a_group_leaves_room_for_a_byte() {
    let again = Again::new(16);
    let (alice, now) = (&again.world.alice, again.world.now);
    let group = Audience::Group(ConversationId::group(b"authority"));
    let posted = |audience: &Audience, len: usize| {
        let claim = again.stamp(alice, audience, now);
        let envelope = Envelope::new(*claim.tag(), vec![1; len]);
        let key = &again.world.alice_key;
        let bytes = envelope.post_again(&claim, key, alice, &again.target, now);
        PostedReseal::decode(&bytes).map(|_| ())
    };
    assert_eq!(posted(&group, MAX_CIPHERTEXT_LEN - 1), Ok(()));
    assert_eq!(
        posted(&group, MAX_CIPHERTEXT_LEN),
        Err(DecodeError::Malformed)
    );
    let direct = Audience::Direct(again.target.account.clone());
    assert_eq!(posted(&direct, MAX_CIPHERTEXT_LEN), Ok(()));
}

#[test]
fn debug_shows_only_the_length_of_the_ciphertext() {
    let again = Again::new(14);
    let len = again.envelope.ciphertext().len();
    let printed = format!("{:?}", again.posted());
    assert_eq!(
        printed,
        format!("PostedReseal {{ ciphertext_len: {len}, .. }}")
    );
    let printed = format!("{:?}", again.authenticate(again.posted()).unwrap());
    let expected = format!("AuthenticReseal {{ ciphertext_len: {len}, .. }}");
    assert_eq!(printed, expected);
}
