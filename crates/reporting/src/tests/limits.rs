//! Tests the limits: the largest value of each kind is exactly as long as its limit and is
//! accepted; one more byte is refused.

use crate::envelope::check_ciphertext;
use crate::franked::MAX_PLAINTEXT_LEN;
use crate::openings::MAX_PADDED_OPENINGS_LEN;
use crate::tests::all::*;
use crate::tests::world::*;

/// A device whose account name has the maximum length.
fn longest(letter: &str) -> DeviceAddress {
    device(&letter.repeat(MAX_ACCOUNT_LEN), u32::MAX)
}

/// The longest message between accounts with the longest names.
fn largest() -> (Claim, Envelope, SentMessage) {
    let mut rng = rng(1);
    let (alice, bob) = (longest("a"), longest("b"));
    let to = Audience::Direct(bob.account);
    let conversation = to.conversation(&alice.account);
    let mut header = PayloadHeader::new(0, NOON);
    header.last_seen = Some(FrankingTag::from_bytes([1; 32]));
    header.reply_to = Some(FrankingTag::from_bytes([2; 32]));
    // The other bytes are the count, two lengths, a header of 86 bytes and the kind of content.
    let room = MAX_PAYLOAD_LEN - 1 - 2 * 4 - 86 - 1;
    let text = |len| Payload::text(header.clone(), "x".repeat(len));
    assert_eq!(text(room + 1).unwrap_err(), PayloadError::TooLong);
    let payload = text(room).unwrap();
    let channel = &mut ToyChannel::new(1);
    let sealed = seal(channel, &alice, &conversation, &payload, &mut rng).unwrap();
    let keys = StampKeys::generate("eu", NOON, &mut rng).unwrap();
    let claim = keys
        .stamp_tag(sealed.sent.tag(), &alice, &to, NOON)
        .unwrap();
    (claim, sealed.envelope, sealed.sent)
}

#[test]
fn the_largest_messages_are_as_long_as_their_limits() {
    let (claim, envelope, sent) = largest();
    assert_eq!(claim.context().encode().len(), MAX_CONTEXT_LEN);
    assert_eq!(sent.encode().len(), MAX_SENT_LEN);
    assert!(SentMessage::decode(&sent.encode()).is_ok());
    // The toy channel adds a counter and a tag.
    assert_eq!(envelope.ciphertext().len(), MAX_PLAINTEXT_LEN + 8 + 16);
    let evidence = Evidence::unverified(claim, sent).encode();
    assert_eq!(evidence.len(), MAX_EVIDENCE_LEN);
    assert!(Evidence::decode(&evidence).is_ok());
    let too_long = |max| DecodeError::TooLong { len: max + 1, max };
    let refused = Evidence::decode(&[1; MAX_EVIDENCE_LEN + 1]).unwrap_err();
    assert_eq!(refused, too_long(MAX_EVIDENCE_LEN));
    let refused = SentMessage::decode(&[1; MAX_SENT_LEN + 1]).unwrap_err();
    assert_eq!(refused, too_long(MAX_SENT_LEN));
}

#[test]
fn ciphertexts_end_at_their_limit() {
    let (claim, _, _) = largest();
    let key = DeliveryKey::from_bytes([3; 32]);
    let of_len = |len| Envelope::new(*claim.tag(), vec![1; len]);
    let delivery = |len| deliver(&claim, of_len(len), &key).encode();
    let (sender, audience) = (&claim.context().sender, &claim.context().audience);
    let posted = |len| {
        let none = RosterStamp::default();
        let mut fanout = Fanout::new(*claim.tag(), none, none);
        fanout
            .insert(false, DeviceId(1), Some(of_len(len)))
            .unwrap();
        fanout.post(&key, sender, audience, NOON)
    };
    let stamped = |len| [&[2], claim.encode().split_at(1).1, &vec![1; len]].concat();
    let target = longest("b");
    let again = |len| of_len(len).post_again(&claim, &key, sender, &target, NOON);
    assert_eq!(again(MAX_CIPHERTEXT_LEN).len(), MAX_POSTED_RESEAL_LEN);
    assert_eq!(stamped(MAX_CIPHERTEXT_LEN).len(), MAX_STAMPED_LEN);
    assert_eq!(of_len(MAX_CIPHERTEXT_LEN).encode().len(), MAX_ENVELOPE_LEN);
    assert_eq!(claim.encode().len(), MAX_STORED_CLAIM_LEN);
    assert!(check_ciphertext(&[]).is_err());
    for len in [1, MAX_CIPHERTEXT_LEN] {
        let envelope = of_len(len).encode();
        assert!(envelope.len() <= MAX_ENVELOPE_LEN);
        assert!(PostedFanout::decode(&posted(len)).is_ok());
        assert!(PostedReseal::decode(&again(len)).is_ok());
        assert!(StampedEnvelope::decode(&stamped(len)).is_ok());
        assert!(stamped(len).len() <= MAX_STAMPED_LEN);
        assert!(Envelope::decode(&envelope).is_ok());
        assert!(delivery(len).len() <= MAX_DELIVERY_LEN);
        assert!(Delivery::decode(&delivery(len)).is_ok());
    }
    for more in [1, 2, 10] {
        let len = MAX_CIPHERTEXT_LEN + more;
        let too_long = |max| DecodeError::TooLong {
            len: max + more,
            max,
        };
        let envelope = Envelope::decode(&of_len(len).encode());
        assert_eq!(envelope.unwrap_err(), too_long(MAX_ENVELOPE_LEN));
        let posted = PostedFanout::decode(&posted(len));
        assert_eq!(posted.unwrap_err(), DecodeError::Malformed);
        let again = PostedReseal::decode(&again(len));
        assert_eq!(again.unwrap_err(), too_long(MAX_POSTED_RESEAL_LEN));
        let stamped = StampedEnvelope::decode(&stamped(len));
        assert_eq!(stamped.unwrap_err(), too_long(MAX_STAMPED_LEN));
        let delivery = Delivery::decode(&delivery(len));
        assert_eq!(delivery.unwrap_err(), DecodeError::Malformed);
    }
    let receipt = Receipt::new(&claim, &key).encode();
    assert!(receipt.len() <= MAX_RECEIPT_LEN);
    assert!(Receipt::decode(&receipt).is_ok());
}

#[test]
fn limits_are_what_the_specification_adds_up_to() {
    assert_eq!(MAX_CONTEXT_LEN, 275);
    assert_eq!(MAX_PLAINTEXT_LEN, 67_584);
    assert_eq!(MAX_CIPHERTEXT_LEN, 75_776);
    assert_eq!(MAX_ENVELOPE_LEN, 75_809);
    assert_eq!(MAX_POSTED_FANOUT_LEN, 1_212_660);
    assert_eq!(MAX_POSTED_RESEAL_LEN, 76_307);
    assert_eq!(MAX_CONTROL_LEN, 4_096);
    assert_eq!(MAX_REFUSAL_LEN, 2_688);
    assert_eq!(MAX_STAMPED_LEN, 76_118);
    assert_eq!(MAX_STORED_CLAIM_LEN, 342);
    assert_eq!(MAX_RECEIPT_LEN, 441);
    assert_eq!(MAX_DELIVERY_LEN, 76_217);
    assert_eq!(MAX_SENT_LEN, 65_734);
    assert_eq!(MAX_EVIDENCE_LEN, 65_910);
    assert_eq!(MAX_PADDED_OPENINGS_LEN, 2_097_152);
    assert_eq!(MAX_REPORT_LEN, 2_110_926);
    assert_eq!(MAX_ACCEPTED_LEN, 2_110_991);
    assert_eq!(MAX_UNSEALED_LEN, 2_109_729);
}

#[test]
fn a_reports_sealed_section_ends_at_its_limit() {
    let mut world = World::new(1);
    let delivered = world.alice_says("hush");
    let mut draft = ReportDraft::new(world.bob.clone(), Reason::Spam);
    draft
        .add(delivered.opened.evidence(), Disclosure::Whole)
        .unwrap();
    let report = draft.seal(
        &world.bob_key,
        world.moderation.public_key(),
        &mut world.rng,
    );
    let report = report.unwrap().encode();
    let sections: wire::Report = wire::decode(&report, MAX_REPORT_LEN).unwrap();
    let decode = |len| {
        let mut report = sections.clone();
        report.sealed_openings = vec![1; len];
        Report::decode(&wire::encode(&report)).map(|_| ())
    };
    let max = MAX_PADDED_OPENINGS_LEN + 16;
    for len in [1, max] {
        assert_eq!(decode(len), Ok(()));
    }
    for len in [0, max + 1, max + 2] {
        assert_eq!(decode(len), Err(DecodeError::Malformed));
    }
    // This report has the maximum number of claims, each of the maximum length.
    let (claim, _, _) = largest();
    let mut largest = sections;
    largest.claims.clear();
    longest("c").put(&mut largest.claims);
    largest.claims.push(30);
    for _ in 0..30 {
        claim.put(&mut largest.claims);
    }
    largest.sealed_openings = vec![1; max];
    let largest = wire::encode(&largest);
    assert_eq!(Report::decode(&largest).unwrap().claims().len(), 30);
    // The limit allows 64 blobs, and a few more bytes for field numbers and lengths than they take.
    let without_blobs = MAX_REPORT_LEN - (1 + 64 * 34);
    assert!((without_blobs - 64..=without_blobs).contains(&largest.len()));
}
