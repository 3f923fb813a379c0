//! Tests of entries and their details.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::limits::MAX_DETAIL_LEN;

/// One event of each kind, in the order of their numbers.
fn events() -> Vec<Event> {
    let purpose = Purpose::Appeal;
    let reason = ReasonCode::from_number(16).unwrap();
    let mark = Mark::from_bytes([7; 16]);
    vec![
        Event::ReportReceived,
        Event::ReportRejected { check: 74 },
        Event::ReportSorted { reason },
        Event::ContentOpened { purpose, mark },
        Event::GrantRequested { purpose },
        Event::GrantApproved { purpose },
        Event::GrantDenied { purpose },
        Event::GrantExpired { purpose },
        Event::EmergencyReviewed {
            outcome: ReviewOutcome::NotJustified,
        },
        Event::EmergencyOverdue,
        Event::Decision {
            reason,
            measure: Measure::None,
            openings: 3,
            days: 70_000,
        },
        Event::NoticeSent {
            side: Side::Account,
        },
        Event::AppealFiled {
            side: Side::Reporter,
        },
        Event::AppealDecided {
            outcome: AppealOutcome::Reversed,
            days: 2,
        },
        Event::Exported {
            target: Target::Webhook,
        },
        Event::LegalRequestReceived {
            basis: LegalBasis::Other,
        },
        Event::LegalRequestAnswered {
            outcome: LegalOutcome::NotHeld,
            items: 0,
        },
        Event::HoldPlaced,
        Event::HoldLifted,
        Event::KeyEpochCreated {
            key: KeyKind::Policy,
        },
        Event::KeyEpochDestroyed {
            key: KeyKind::Stamp,
        },
        Event::PolicyPublished(PublishedPolicy {
            version: 1,
            digest: PolicyDigest::from_bytes([8; 32]),
            signature: [9; 64],
        }),
        Event::ContentErased,
        Event::FileFetched,
    ]
}

fn entry(event: Event) -> Entry {
    Entry {
        day: Day(20_000),
        number: Number::from_bytes([1; 16]),
        event,
        digest: Digest::from_bytes([2; 32]),
    }
}

#[test]
fn every_kind_round_trips_by_its_number() {
    let events = events();
    assert_eq!(events.len(), Kind::ALL.len());
    for (event, kind) in events.into_iter().zip(Kind::ALL) {
        assert_eq!(event.kind(), *kind);
        let entry = entry(event);
        let bytes = entry.encode();
        assert!(bytes.len() <= MAX_ENTRY_LEN, "{kind}");
        assert_eq!(bytes[1], kind.number());
        assert_eq!(Entry::decode(&bytes), Ok(entry));
        assert_eq!(entry.leaf_hash(), TreeHash::of_leaf(&bytes));
    }
}

#[test]
fn an_entry_is_laid_out_as_its_documentation_says() {
    let mut expected = vec![0x01, 12, 0, 0, 0x4e, 0x20];
    expected.extend_from_slice(&[1; 16]);
    expected.push(2);
    expected.extend_from_slice(&[2; 32]);
    let side = Side::Account;
    assert_eq!(entry(Event::NoticeSent { side }).encode(), expected);
}

#[test]
fn numbers_of_choices_are_distinct_and_others_are_unknown() {
    assert!((1..=24).eq(Kind::ALL.iter().map(|kind| kind.number())));
    assert!((0..=6).eq(Measure::ALL.iter().map(|measure| measure.number())));
    for number in 0..=u8::MAX {
        let kind = Kind::from_number(number);
        assert_eq!(
            kind.map(Kind::number),
            (1..=24).contains(&number).then_some(number)
        );
        let purpose = Purpose::from_number(number);
        assert_eq!(purpose.is_some(), (1..=7).contains(&number));
        let reason = ReasonCode::from_number(number);
        assert_eq!(reason.is_some(), (1..=16).contains(&number));
    }
    assert_eq!(Kind::ContentOpened.to_string(), "content_opened");
}

#[test]
fn chk130_entry_of_another_form_is_refused() {
    for event in events() {
        let bytes = entry(event).encode();
        for end in 0..bytes.len() {
            assert!(Entry::decode(&bytes[..end]).is_err(), "{event:?} {end}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(Entry::decode(&longer), Err(EntryError::Malformed));
    }
    let mut bytes = entry(Event::ReportReceived).encode();
    bytes[0] = 2;
    let error = EntryError::UnknownVersion { version: 2 };
    assert_eq!(Entry::decode(&bytes), Err(error));
    bytes[0] = 1;
    bytes[1] = 25;
    let error = EntryError::UnknownKind { kind: 25 };
    assert_eq!(Entry::decode(&bytes), Err(error));
    let purpose = Purpose::Identify;
    let mut bytes = entry(Event::GrantDenied { purpose }).encode();
    bytes[22] = 8;
    assert_eq!(Entry::decode(&bytes), Err(EntryError::Malformed));
    assert_eq!(Entry::decode(&[1; 257]), Err(EntryError::TooLong));
}

#[test]
fn chk131_entry_about_another_detail_is_noticed() {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let detail = Detail::new(b"which grant".to_vec(), rng).unwrap();
    let mut entry = entry(Event::HoldPlaced);
    entry.digest = detail.digest();
    assert!(entry.is_about(&detail));
    let other = Detail::from_parts(*detail.salt(), b"which other".to_vec()).unwrap();
    assert!(!entry.is_about(&other));
    let other = Detail::new(b"which grant".to_vec(), rng).unwrap();
    assert!(!entry.is_about(&other));
}

#[test]
fn detail_of_the_longest_length_is_taken_and_one_more_byte_is_not() {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    assert!(Detail::new(vec![0; MAX_DETAIL_LEN], rng).is_ok());
    let longer = Detail::new(vec![0; MAX_DETAIL_LEN + 1], rng);
    assert_eq!(longer, Err(DetailTooLong));
    let detail = Detail::from_parts([3; 32], b"secret".to_vec()).unwrap();
    assert_eq!(format!("{detail:?}"), "Detail { len: 6, .. }");
}

#[test]
fn a_day_begins_and_ends_at_midnight() {
    assert_eq!(Day::of_ms(0), Day(0));
    assert_eq!(Day::of_ms(86_399_999), Day(0));
    assert_eq!(Day::of_ms(86_400_000), Day(1));
    assert_eq!(Day(1).start_ms(), 86_400_000);
    assert_eq!(Day(1).end_ms(), 172_800_000);
    assert_eq!(Day::of_ms(u64::MAX), Day(u32::MAX));
}

#[test]
fn a_policy_is_signed_for_one_log_version_and_document() {
    let key = PolicyKey::from_seed(&[5; 32]);
    let digest = PolicyDigest::from_bytes([6; 32]);
    let policy = key.publish("log.example/1", 3, digest);
    let public = PolicyPublicKey::from_bytes(key.public_key().as_bytes()).unwrap();
    assert_eq!(policy.verify("log.example/1", &public), Ok(()));
    assert_eq!(
        policy.verify("log.example/2", &public),
        Err(NotThePolicyKey)
    );
    let other = PublishedPolicy {
        version: 4,
        ..policy
    };
    assert_eq!(other.verify("log.example/1", &public), Err(NotThePolicyKey));
    let digest = PolicyDigest::from_bytes([7; 32]);
    let other = PublishedPolicy { digest, ..policy };
    assert_eq!(other.verify("log.example/1", &public), Err(NotThePolicyKey));
    let public = PolicyKey::from_seed(&[6; 32]).public_key();
    assert_eq!(
        policy.verify("log.example/1", &public),
        Err(NotThePolicyKey)
    );
    assert_eq!(PolicyPublicKey::from_bytes(&[0; 32]), None); // of small order
    assert!(format!("{key:?}").starts_with("PolicyKey { public_key: PolicyPublicKey("));
    assert!(format!("{key:?}").ends_with("), .. }"));
}

proptest! {
    #[test]
    fn what_decodes_encodes_to_the_same_bytes(
        kind in 0u8..26,
        rest in proptest::collection::vec(any::<u8>(), 40..160),
    ) {
        let mut bytes = vec![1, kind];
        bytes.extend(rest);
        for end in 0..=bytes.len() {
            if let Ok(entry) = Entry::decode(&bytes[..end]) {
                prop_assert_eq!(entry.encode(), &bytes[..end]);
            }
        }
    }
}
