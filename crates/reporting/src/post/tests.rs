//! Tests of `post.rs`.

use super::*;
use crate::conversation::ConversationId;
use crate::delivery::Delivery;
use crate::tests::all::{Receipt, StampedEnvelope};
use crate::tests::world::*;

fn envelope() -> Envelope {
    Envelope::new(FrankingTag::from_bytes([9; 32]), b"ciphertext".to_vec())
}

fn key() -> DeliveryKey {
    DeliveryKey::from_bytes([4; 32])
}

fn to_bob() -> Audience {
    Audience::Direct(account("bob"))
}

fn posted() -> PostedEnvelope {
    let bytes = envelope().post(&key(), &device("alice", 1), &to_bob(), NOON);
    PostedEnvelope::decode(&bytes).unwrap()
}

fn after_noon(ms: u64) -> Timestamp {
    Timestamp::from_millis(NOON.as_millis().saturating_add(ms))
}

#[test]
fn an_envelope_that_its_device_posts_is_authentic() {
    let (alice, bob) = (device("alice", 1), to_bob());
    let authentic = posted().authenticate(&key(), &alice, &bob, NOON).unwrap();
    assert!(authentic.tag().matches(envelope().tag()));
    assert_eq!(authentic.sender(), &alice);
    assert_eq!(authentic.audience(), &bob);
    assert_eq!(authentic.ciphertext(), b"ciphertext");
}

/// Someone with a stolen session token is authenticated as Alice, but has not her delivery key.
#[test]
fn chk110_stolen_session_token_stamps_nothing() {
    let (alice, bob) = (device("alice", 1), to_bob());
    let thief = DeliveryKey::from_bytes([5; 32]);
    let bytes = envelope().post(&thief, &alice, &bob, NOON);
    let posted = PostedEnvelope::decode(&bytes).unwrap();
    let refused = posted.authenticate(&key(), &alice, &bob, NOON);
    assert_eq!(refused.unwrap_err(), PostError::NotAuthentic);
}

#[test]
fn chk110_envelope_moved_to_another_sender_audience_tag_time_or_ciphertext_is_refused() {
    let (alice, bob) = (device("alice", 1), to_bob());
    let direct = ConversationId::direct(&account("alice"), &account("bob"));
    let others = [
        (device("alice", 2), bob.clone()),
        (device("mallory", 1), bob.clone()),
        (alice.clone(), Audience::Direct(account("carol"))),
        (alice.clone(), Audience::Group(direct)),
    ];
    assert!(posted().authenticate(&key(), &alice, &bob, NOON).is_ok());
    for (sender, audience) in others {
        let refused = posted().authenticate(&key(), &sender, &audience, NOON);
        assert_eq!(refused.unwrap_err(), PostError::NotAuthentic);
    }
    let mut altered = [posted(), posted(), posted(), posted()];
    altered[0].envelope = Envelope::new(FrankingTag::from_bytes([8; 32]), b"ciphertext".to_vec());
    altered[1].envelope = Envelope::new(*envelope().tag(), b"ciphertexT".to_vec());
    altered[2].posted_at = after_noon(1);
    altered[3].mac[31] ^= 1;
    for posted in altered {
        let refused = posted.authenticate(&key(), &alice, &bob, NOON);
        assert_eq!(refused.unwrap_err(), PostError::NotAuthentic);
    }
}

#[test]
fn chk110_every_altered_byte_of_a_posted_envelope_is_refused() {
    let (alice, bob) = (device("alice", 1), to_bob());
    let bytes = envelope().post(&key(), &alice, &bob, NOON);
    for index in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[index] ^= 0x01;
        if let Ok(posted) = PostedEnvelope::decode(&altered) {
            let refused = posted.authenticate(&key(), &alice, &bob, NOON);
            assert_eq!(refused.unwrap_err(), PostError::NotAuthentic, "{index}");
        }
    }
    for cut in 0..bytes.len() {
        assert!(PostedEnvelope::decode(&bytes[..cut]).is_err());
    }
}

/// Someone who kept a posted envelope and later steals a token cannot have it stamped as new. Its
/// sender posts the same envelope again at any time.
#[test]
fn chk111_envelope_posted_more_than_ten_minutes_before_or_after_is_refused() {
    let (alice, bob) = (device("alice", 1), to_bob());
    let at = |now| posted().authenticate(&key(), &alice, &bob, now).map(|_| ());
    let before = |ms: u64| Timestamp::from_millis(NOON.as_millis() - ms);
    for now in [before(MAX_POST_SKEW_MS), NOON, after_noon(MAX_POST_SKEW_MS)] {
        assert_eq!(at(now), Ok(()));
    }
    let ends = [Timestamp::from_millis(0), Timestamp::from_millis(u64::MAX)];
    let past = [
        before(MAX_POST_SKEW_MS + 1),
        after_noon(MAX_POST_SKEW_MS + 1),
    ];
    for now in past.into_iter().chain(ends) {
        assert_eq!(at(now), Err(PostError::ClockDiffers));
    }
    let later = after_noon(30 * DAY);
    let again = envelope().post(&key(), &alice, &bob, later);
    let again = PostedEnvelope::decode(&again).unwrap();
    assert!(again.authenticate(&key(), &alice, &bob, later).is_ok());
}

#[test]
fn no_delivery_or_receipt_contains_the_time_of_posting_or_the_device_mac() {
    let (alice, bob) = (device("alice", 1), to_bob());
    let time = Timestamp::from_millis(0x0102_0304_0506_0708);
    let bytes = envelope().post(&key(), &alice, &bob, time);
    let posted = PostedEnvelope::decode(&bytes).unwrap();
    let mac = posted.mac;
    let authentic = posted.authenticate(&key(), &alice, &bob, time).unwrap();
    let claim = World::new(1).stamp_keys.stamp(&authentic, NOON).unwrap();
    let stamped = StampedEnvelope::new(claim, authentic).unwrap();
    let key = DeliveryKey::from_bytes([6; 32]);
    let outputs = [
        stamped.encode(),
        stamped.deliver(&key).encode(),
        stamped.claim().encode(),
        Receipt::new(stamped.claim(), &key).encode(),
    ];
    for bytes in outputs {
        let contains = |field: &[u8]| bytes.windows(field.len()).any(|window| window == field);
        assert!(!contains(&time.as_millis().to_be_bytes()));
        assert!(!contains(&mac));
    }
    assert!(Delivery::decode(&stamped.deliver(&key).encode()).is_ok());
}

#[test]
fn the_digest_of_targets_is_over_their_number_and_addresses() {
    let none = Sha256::digest([labels::TARGETS, &[0; 4]].concat());
    assert_eq!(targets_digest(&[]), *none);
    let two = [
        labels::TARGETS,
        b"\0\0\0\x02\x02al\0\0\0\x01\x02bo\0\0\0\x07",
    ]
    .concat();
    let devices = [device("al", 1), device("bo", 7)];
    assert_eq!(targets_digest(&devices), *Sha256::digest(two));
}

#[test]
fn debug_shows_no_tag_and_no_mac() {
    assert_eq!(
        format!("{:?}", posted()),
        "PostedEnvelope { envelope: Envelope { ciphertext_len: 10, .. }, .. }"
    );
}
