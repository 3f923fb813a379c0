//! Tests of `reseal.rs`.

use super::*;
use crate::tests::all::*;
use crate::tests::world::*;

mod more;

/// A message of Alice's to Bob that was delivered, and her envelope of the same message, sealed
/// again for Bob's other device.
struct Again {
    world: World,
    first: Delivered,
    envelope: Envelope,
    target: DeviceAddress,
    /// Both ends of the channel to the other device.
    channel: (ToyChannel, ToyChannel),
}

impl Again {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        let first = world.alice_says("hello");
        let mut channel = (ToyChannel::new(9), ToyChannel::new(9));
        let sent = first.own.sent().unwrap();
        let envelope = sent.seal_for(&mut channel.0, &mut world.rng).unwrap();
        let target = device("bob", 8);
        Self {
            world,
            first,
            envelope,
            target,
            channel,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let (key, alice) = (&self.world.alice_key, &self.world.alice);
        self.envelope
            .post_again(&self.first.claim, key, alice, &self.target, self.world.now)
    }

    fn posted(&self) -> PostedReseal {
        PostedReseal::decode(&self.bytes()).unwrap()
    }

    /// Posts under these and authenticates them as a message of Alice's.
    fn with(&self, claim: &Claim, target: &DeviceAddress) -> Result<(), ResealError> {
        let (key, alice) = (&self.world.alice_key, &self.world.alice);
        let bytes = self
            .envelope
            .post_again(claim, key, alice, target, self.world.now);
        self.authenticate(PostedReseal::decode(&bytes).unwrap())
            .map(|_| ())
    }

    fn authenticate(&self, posted: PostedReseal) -> Result<AuthenticReseal, ResealError> {
        let world = &self.world;
        posted.authenticate(&world.alice_key, &world.alice, &world.stamp_keys, world.now)
    }

    fn stamp(&self, sender: &DeviceAddress, audience: &Audience, at: Timestamp) -> Claim {
        let keys = &self.world.stamp_keys;
        keys.stamp_tag(self.first.own.tag(), sender, audience, at)
            .unwrap()
    }
}

fn after(time: Timestamp, ms: u64) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_add(ms))
}

/// The message has the same tag. It opens at the other device with the later time, can be reported
/// from there, and its author's receipt authenticates too.
#[test]
fn a_message_that_is_sealed_again_opens_and_can_be_reported() {
    let mut again = Again::new(1);
    let reseal = again.authenticate(again.posted()).unwrap();
    assert_eq!(reseal.tag(), again.first.own.tag());
    assert_eq!(reseal.sender(), &again.world.alice);
    assert_eq!(reseal.target(), &again.target);
    assert_eq!(reseal.audience(), &Audience::Direct(account("bob")));
    assert_eq!(reseal.first_accepted_at(), again.first.own.accepted_at());
    assert_eq!(reseal.ciphertext(), again.envelope.ciphertext());
    let later = after(again.world.now, 500);
    let claim = again.world.stamp_keys.stamp_again(&reseal, later).unwrap();
    let stamped = StampedEnvelope::resealed(claim.clone(), reseal).unwrap();
    let stamped = StampedEnvelope::decode(&stamped.encode()).unwrap();

    let key = DeliveryKey::from_bytes([8; 32]);
    let delivery = Delivery::decode(&stamped.deliver(&key).encode()).unwrap();
    let delivery = delivery.authenticate(&key, &again.target).unwrap();
    let opened = open(&mut again.channel.1, &delivery).unwrap();
    assert_eq!(opened.content(), again.first.opened.content());
    assert_eq!(opened.tag(), again.first.opened.tag());
    assert_eq!(opened.accepted_at(), later);

    let receipt = Receipt::new(&claim, &again.world.alice_key);
    let sent = again.first.own.sent().unwrap();
    let own = receipt.authenticate(&again.world.alice_key, &sent).unwrap();
    assert_eq!(own.accepted_at(), later);
    again.world.now = later;
    for evidence in [opened.evidence(), &own] {
        let report = again.world.report(&[evidence]);
        let verified = again.world.verify(report).unwrap();
        assert_eq!(verified.messages()[0].accepted_at(), later);
    }
}

#[test]
fn chk103_reseal_with_another_device_target_claim_time_or_ciphertext_is_refused() {
    let again = Again::new(2);
    assert!(again.authenticate(again.posted()).is_ok());
    let change = |change: fn(&mut PostedReseal)| {
        let mut posted = again.posted();
        change(&mut posted);
        posted
    };
    let altered = [
        change(|p| p.target.device = DeviceId(9)),
        change(|p| p.target.account = account("carol")),
        change(|p| p.claim.tag = FrankingTag::from_bytes([7; 32])),
        change(|p| p.claim.context.sender.device = DeviceId(2)),
        change(|p| p.claim.context.audience = Audience::Direct(account("carol"))),
        change(|p| p.claim.context.accepted_at = NOON),
        change(|p| p.claim.context.epoch ^= 1),
        change(|p| p.claim.stamp = Stamp::new([0; 32])),
        change(|p| p.posted_at = NOON),
        change(|p| p.ciphertext[0] ^= 1),
        change(|p| p.ciphertext.push(0)),
        change(|p| p.mac[31] ^= 1),
    ];
    for posted in altered {
        let refused = again.authenticate(posted).unwrap_err();
        assert_eq!(refused, ResealError::NotAuthentic);
    }
    let world = &again.world;
    for (key, sender) in [
        (&world.bob_key, &world.alice),
        (&world.alice_key, &world.bob),
        (&world.alice_key, &device("alice", 2)),
    ] {
        let keys = &world.stamp_keys;
        let refused = again.posted().authenticate(key, sender, keys, world.now);
        assert_eq!(refused.unwrap_err(), ResealError::NotAuthentic);
    }
}

#[test]
fn chk103_every_altered_byte_of_a_posted_reseal_is_refused() {
    let again = Again::new(3);
    let bytes = again.bytes();
    for index in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[index] ^= 0x01;
        if let Ok(posted) = PostedReseal::decode(&altered) {
            let refused = again.authenticate(posted).unwrap_err();
            assert_eq!(refused, ResealError::NotAuthentic, "{index}");
        }
    }
    for cut in 0..bytes.len() {
        assert!(PostedReseal::decode(&bytes[..cut]).is_err(), "{cut}");
    }
}

/// The MAC with which the same message was posted is no reseal MAC.
#[test]
fn chk103_fanout_mac_of_the_same_message_is_refused() {
    let again = Again::new(4);
    let (world, to) = (&again.world, Audience::Direct(account("bob")));
    let none = RosterStamp::default();
    let mut fanout = Fanout::new(*again.envelope.tag(), none, none);
    let envelope = Some(again.envelope.clone());
    fanout.insert(false, DeviceId(7), envelope).unwrap();
    let posted = fanout.post(&world.alice_key, &world.alice, &to, world.now);
    assert!(PostedReseal::decode(&posted).is_err());
    let (_, posted): (_, wire::PostedFanout) =
        wire::decode_as(&posted, usize::MAX, &[VERSION_3]).unwrap();
    let mut reseal = again.posted();
    reseal.mac = posted.fanout_mac.try_into().unwrap();
    let refused = again.authenticate(reseal).unwrap_err();
    assert_eq!(refused, ResealError::NotAuthentic);
}

#[test]
fn chk111_reseal_posted_more_than_ten_minutes_before_or_after_is_refused() {
    let mut again = Again::new(5);
    let posted = again.posted();
    let now = again.world.now;
    let before = Timestamp::from_millis(now.as_millis() - MAX_POST_SKEW_MS);
    for at in [now, after(now, MAX_POST_SKEW_MS)] {
        again.world.now = at;
        assert!(again.authenticate(posted.clone()).is_ok());
    }
    // Ten minutes before, the first stamp is still in the future.
    again.world.now = before;
    let refused = again.authenticate(posted.clone()).unwrap_err();
    assert_eq!(refused, ResealError::InTheFuture);
    let past = [
        Timestamp::from_millis(before.as_millis() - 1),
        after(now, MAX_POST_SKEW_MS + 1),
        Timestamp::from_millis(0),
        Timestamp::from_millis(u64::MAX),
    ];
    for at in past {
        again.world.now = at;
        let refused = again.authenticate(posted.clone()).unwrap_err();
        assert_eq!(refused, ResealError::ClockDiffers);
    }
}

#[test]
fn chk104_claim_that_the_relay_did_not_stamp_is_refused() {
    let mut again = Again::new(6);
    let good = again.first.claim.clone();
    assert_eq!(again.with(&good, &again.target), Ok(()));
    let change = |change: fn(&mut Claim)| {
        let mut claim = good.clone();
        change(&mut claim);
        claim
    };
    let audience = Audience::Direct(account("bob"));
    let alice = again.world.alice.clone();
    let elsewhere = StampKeys::generate("eu", NOON, &mut again.world.rng).unwrap();
    let other = again.world.alice_says("another message").claim;
    let (tag, now) = (*good.tag(), again.world.now);
    let wrong = [
        change(|claim| claim.stamp = Stamp::new([0; 32])),
        change(|claim| claim.context.accepted_at = NOON),
        change(|claim| claim.context.epoch += 1),
        // A stamp of another provider, and one of another message.
        elsewhere.stamp_tag(&tag, &alice, &audience, now).unwrap(),
        other,
    ];
    for claim in wrong {
        let refused = again.with(&claim, &again.target);
        assert_eq!(refused, Err(ResealError::NotStamped));
    }
}

/// The relay's clock was set back. Nothing is wrong with the message, so the author asks again.
#[test]
fn chk104_claim_with_a_time_that_the_clock_has_not_reached_waits() {
    let mut again = Again::new(15);
    let (alice, now) = (again.world.alice.clone(), again.world.now);
    let audience = Audience::Direct(account("bob"));
    let claim = again.stamp(&alice, &audience, after(now, MAX_CLOCK_SKEW_MS + 1));
    let refused = again.with(&claim, &again.target);
    assert_eq!(refused, Err(ResealError::InTheFuture));
    again.world.now = after(now, 1);
    assert_eq!(again.with(&claim, &again.target), Ok(()));
}

#[test]
fn chk104_claim_whose_key_was_destroyed_is_too_old() {
    let mut again = Again::new(7);
    let good = again.first.claim.clone();
    let epoch = good.context().epoch;
    again.world.stamp_keys.destroy_before(epoch).unwrap();
    assert_eq!(again.with(&good, &again.target), Ok(()));
    again.world.stamp_keys.destroy_before(epoch + 1).unwrap();
    let refused = again.with(&good, &again.target);
    assert_eq!(refused, Err(ResealError::TooOld));
}

/// Only the author has a message delivered again: not someone who received it, and no other device
/// of the author.
#[test]
fn chk105_claim_to_a_message_of_another_device_is_refused() {
    let mut again = Again::new(8);
    let to_alice = Audience::Direct(account("alice"));
    let bobs = again.world.bob_says("mine").claim;
    let audience = Audience::Direct(account("bob"));
    let now = again.world.now;
    let wrong = [
        again.stamp(&again.world.bob, &to_alice, now),
        again.stamp(&device("alice", 2), &audience, now),
        again.stamp(&device("mallory", 1), &audience, now),
    ];
    for claim in wrong {
        assert_eq!(again.world.stamp_keys.verify(&claim, now), Ok(()));
        let refused = again.with(&claim, &again.target);
        assert_eq!(refused, Err(ResealError::NotStamped));
    }
    // Bob cannot have Alice's message stamped as his, with the claim to one of his own either.
    let (bob, key) = (&again.world.bob, &again.world.bob_key);
    let bytes = again
        .envelope
        .post_again(&bobs, key, bob, &again.target, now);
    let posted = PostedReseal::decode(&bytes).unwrap();
    let refused = posted.authenticate(key, bob, &again.world.stamp_keys, now);
    assert_eq!(refused.unwrap_err(), ResealError::NotStamped);
}

#[test]
fn chk106_target_of_another_account_or_of_a_group_is_refused() {
    let again = Again::new(9);
    let good = again.first.claim.clone();
    for target in [
        device("bob", 0),
        device("bob", u32::MAX),
        device("alice", 0),
        device("alice", 2),
    ] {
        assert_eq!(again.with(&good, &target), Ok(()));
    }
    // The author's own device gets no copy.
    for target in [
        device("carol", 8),
        device("alice", 1),
        device("bo", 8),
        device("alicea", 2),
    ] {
        let refused = again.with(&good, &target);
        assert_eq!(refused, Err(ResealError::OtherTarget));
    }
    let (alice, now) = (&again.world.alice, again.world.now);
    for group in [
        again.world.conversation(),
        ConversationId::group(b"chess club"),
    ] {
        let claim = again.stamp(alice, &Audience::Group(group), now);
        for target in [&again.target, &device("alice", 2)] {
            let refused = again.with(&claim, target);
            assert_eq!(refused, Err(ResealError::OtherTarget));
        }
    }
}

#[test]
fn checks_are_made_in_the_order_of_the_specification() {
    let mut again = Again::new(10);
    let epoch = again.first.claim.context().epoch;
    let carol = Audience::Direct(account("carol"));
    let mut claim = again.stamp(&device("alice", 2), &carol, again.world.now);
    let target = again.target.clone();
    let (mallory, now) = (DeliveryKey::from_bytes([1; 32]), again.world.now);
    let post = |again: &Again, claim: &Claim, key| {
        let alice = &again.world.alice;
        let bytes = again.envelope.post_again(claim, key, alice, &target, now);
        PostedReseal::decode(&bytes).unwrap()
    };
    let genuine = again.world.alice_key.clone();
    // Each input breaks every check from its own on.
    let own = again.stamp(&again.world.alice, &carol, now);
    let refused = again.authenticate(post(&again, &own, &genuine));
    assert_eq!(refused.unwrap_err(), ResealError::OtherTarget);
    let refused = again.authenticate(post(&again, &claim, &genuine));
    assert_eq!(refused.unwrap_err(), ResealError::NotStamped);
    claim.context.epoch = epoch;
    again.world.stamp_keys.destroy_before(epoch + 1).unwrap();
    let refused = again.authenticate(post(&again, &claim, &genuine));
    assert_eq!(refused.unwrap_err(), ResealError::TooOld);
    again.world.now = after(now, MAX_POST_SKEW_MS + 1);
    let refused = again.authenticate(post(&again, &claim, &genuine));
    assert_eq!(refused.unwrap_err(), ResealError::ClockDiffers);
    let refused = again.authenticate(post(&again, &claim, &mallory));
    assert_eq!(refused.unwrap_err(), ResealError::NotAuthentic);
}

#[test]
fn a_claim_for_another_message_sender_or_audience_is_not_joined_with_a_reseal() {
    let mut again = Again::new(12);
    let reseal = again.authenticate(again.posted()).unwrap();
    let now = again.world.now;
    let claim = again.world.stamp_keys.stamp_again(&reseal, now).unwrap();
    let mut wrong = [
        again.world.alice_says("another").claim,
        claim.clone(),
        claim.clone(),
    ];
    wrong[1].context.sender = device("alice", 2);
    wrong[2].context.audience = Audience::Direct(account("carol"));
    for claim in wrong {
        let refused = StampedEnvelope::resealed(claim, reseal.clone()).unwrap_err();
        assert_eq!(refused, DeliveryError::OtherMessage);
    }
    assert!(StampedEnvelope::resealed(claim, reseal).is_ok());
}

#[test]
fn no_stamp_is_made_again_at_a_time_without_a_key() {
    let again = Again::new(13);
    let reseal = again.authenticate(again.posted()).unwrap();
    let early = Timestamp::from_millis(0);
    let refused = again.world.stamp_keys.stamp_again(&reseal, early);
    assert_eq!(refused.unwrap_err(), StampKeysError::EpochOutOfReach);
}
