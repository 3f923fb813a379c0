//! Tests of `unseal.rs`.

use super::*;
use crate::labels;
use crate::report::tests::{reseal_as, sections};
use crate::tests::all::*;
use crate::tests::world::*;

fn accepted(world: &mut World) -> Vec<u8> {
    let message = world.alice_says("one");
    let report = world.report(&[message.opened.evidence()]);
    world.accept(report).unwrap().encode(&world.acceptance_key)
}

#[test]
fn a_vault_with_old_keys_opens_what_was_sealed_to_them() {
    let mut world = World::new(1);
    let waiting = accepted(&mut world);
    let before = ModerationKeyPair::import(&world.moderation.export()).unwrap();
    let present = ModerationKeyPair::generate(&mut world.rng);
    let other = ModerationKeyPair::generate(&mut world.rng);
    let vault = Vault::new(present, world.acceptance_key.clone()).with_old_key(other);
    let refused = vault.open(&ID, &waiting).unwrap_err();
    assert_eq!(
        refused,
        UnsealError::Rejected(Rejection::OtherModerationKey)
    );
    let vault = vault.with_old_key(before);
    assert!(vault.public_key().id() != world.moderation.public_key().id());
    let verified = review(vault.open(&ID, &waiting).unwrap()).unwrap();
    assert_eq!(verified.messages().len(), 1);
    assert_eq!(*verified.id(), ID);
}

#[test]
fn the_vault_opens_only_the_accepted_report_that_was_asked_for() {
    let mut world = World::new(2);
    let waiting = accepted(&mut world);
    let vault = world.vault();
    let refused = vault.open(&ReportId::from_bytes([9; 16]), &waiting);
    assert_eq!(
        refused.unwrap_err(),
        UnsealError::Accepted(AcceptedError::OtherReport)
    );
    world.acceptance_key = AcceptanceKey::generate(&mut world.rng);
    assert_eq!(
        world.vault().open(&ID, &waiting).unwrap_err(),
        UnsealError::Accepted(AcceptedError::NotAccepted)
    );
    assert!(vault.open(&ID, &waiting).is_ok());
}

/// Reviewers of before version 02 held the old acceptance key, so it accepts nothing newer.
#[test]
fn chk81_the_old_acceptance_key_accepts_reports_of_version_01_and_no_others() {
    let mut world = World::new(6);
    let second = accepted(&mut world);
    let old = AcceptanceKey::generate(&mut world.rng);
    let under = |key: &AcceptanceKey, version: u8| {
        let (fields, _) = second.split_last_chunk::<32>().unwrap();
        let (label, fields) = match version {
            1 => (labels::ACCEPTANCE_1, [&[1], &fields[17..]].concat()),
            _ => (labels::ACCEPTANCE, fields.to_vec()),
        };
        let mac = mac::hmac(&key.to_bytes(), &[label, &fields]);
        [fields, mac.to_vec()].concat()
    };
    let present = world.acceptance_key.clone();
    assert_eq!(under(&present, 2), second);
    let moderation = || ModerationKeyPair::import(&world.moderation.export()).unwrap();
    let only = Vault::new(moderation(), present.clone());
    let both = Vault::new(moderation(), present.clone()).with_old_acceptance_key(old.clone());
    for (key, version, by_only, by_both) in [
        (&present, 2, true, true),
        (&present, 1, true, false),
        (&old, 2, false, false),
        (&old, 1, false, true),
    ] {
        let waiting = under(key, version);
        assert_eq!(only.open(&ID, &waiting).is_ok(), by_only, "{version}");
        assert_eq!(both.open(&ID, &waiting).is_ok(), by_both, "{version}");
    }
    assert!(both.open(&ID, &[]).is_err());
}

/// A report of version 01 is sealed and authenticated under the labels of version 01, so neither
/// passes for the other.
#[test]
fn chk83_report_of_version_01_opens_under_its_own_label_only() {
    let mut world = World::new(3);
    let message = world.alice_says("one");
    let sealed_as = |label: &[u8], world: &mut World| {
        let report = world.report(&[message.opened.evidence()]);
        let mut sections = sections(&report);
        let openings = openings::encode(
            Reason::Spam,
            "",
            [(message.opened.evidence(), disclosure::PartSet::all(2))].into_iter(),
        );
        let public = world.moderation.public_key();
        let sealed = public.seal(label, &openings, &sections.claims, &mut world.rng);
        (sections.encapsulated_key, sections.sealed_openings) = sealed.unwrap();
        sections
    };
    for (label, version) in [(labels::REPORT_OPENINGS_1, 1), (labels::REPORT_OPENINGS, 2)] {
        let sections = sealed_as(label, &mut world);
        for as_version in [1, 2] {
            let report = reseal_as(as_version, sections.clone(), &world.bob_key);
            let queued = world.accept(report).unwrap().encode(&world.acceptance_key);
            let opened = world.vault().open(&ID, &queued);
            if as_version == version {
                assert_eq!(opened.unwrap().report_version(), version);
            } else {
                assert_eq!(
                    opened.unwrap_err(),
                    UnsealError::Rejected(Rejection::SealBroken)
                );
            }
        }
    }
}

#[test]
fn chk116_unsealed_report_out_of_form_is_refused() {
    let mut world = World::new(4);
    let unsealed = world.vault().open(&ID, &accepted(&mut world)).unwrap();
    let bytes = unsealed.encode();
    let section = 34..34 + unsealed.section.len();
    assert!(UnsealedReport::decode(&bytes).is_ok());
    for cut in 0..section.end {
        assert!(UnsealedReport::decode(&bytes[..cut]).is_err(), "{cut}");
    }
    type Edit = fn(&mut Vec<u8>);
    let edits: [Edit; 6] = [
        |bytes| bytes[1] = 0,
        |bytes| bytes[1] = 3,
        |bytes| bytes[29] = 2,
        |bytes| bytes[26] = 0x80,
        |bytes| bytes[33] += 1,
        |bytes| bytes[33] -= 1,
    ];
    for edit in edits {
        let mut altered = bytes.to_vec();
        edit(&mut altered);
        let refused = UnsealedReport::decode(&altered).unwrap_err();
        assert_eq!(refused, DecodeError::Malformed);
    }
    let of_len = |len: usize| {
        let mut bytes = bytes[..section.end].to_vec();
        bytes.resize(section.end + len, 1);
        UnsealedReport::decode(&bytes).map(|_| ())
    };
    assert_eq!(of_len(MAX_PADDED_OPENINGS_LEN), Ok(()));
    assert_eq!(
        of_len(MAX_PADDED_OPENINGS_LEN + 1),
        Err(DecodeError::Malformed)
    );
}

#[test]
fn debug_shows_no_content_and_no_key() {
    let mut world = World::new(5);
    let vault = world.vault();
    let unsealed = vault.open(&ID, &accepted(&mut world)).unwrap();
    let shown = format!("{vault:?} {unsealed:?}");
    assert!(shown.starts_with("Vault { .. } UnsealedReport { id: ReportId("));
    assert!(shown.ends_with("claims: 1, .. }"));
}
