//! Reports about an account: what a malicious reporter or queue can try.

use crate::report::Subject;
use crate::report::tests::{forge_about, reseal, sections};
use crate::tests::all::*;
use crate::tests::world::*;
use crate::{disclosure, openings};

/// A report of Bob about an account, with any openings.
fn forged(world: &mut World, name: &str, openings: &[u8]) -> Report {
    forge_about(
        &world.bob.clone(),
        &world.bob_key.clone(),
        &Subject::Account(account(name)),
        openings,
        world.moderation.public_key(),
        &mut world.rng,
    )
}

fn no_openings() -> Vec<u8> {
    openings::encode::<disclosure::PartSet>(Reason::Spam, "", core::iter::empty()).to_vec()
}

#[test]
fn chk117_report_about_the_reporters_own_account_is_refused() {
    let mut world = World::new(1);
    let own = forged(&mut world, "bob", &no_openings());
    assert_eq!(world.accept(own).unwrap_err(), Rejection::OwnAccount);
    assert_eq!(Rejection::OwnAccount.check(), 117);
    let other = forged(&mut world, "bobby", &no_openings());
    let verified = world.verify(other).unwrap();
    assert_eq!(verified.about_account(), Some(&account("bobby")));
}

#[test]
fn chk74_altered_byte_of_a_report_about_an_account_is_refused() {
    let mut world = World::new(2);
    let bytes = world.report_account("alice").encode();
    for index in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[index] ^= 0x01;
        if let Ok(altered) = Report::decode(&altered) {
            let refused = world.accept(altered).unwrap_err();
            assert_eq!(refused, Rejection::NotFromReporter, "{index}");
        }
    }
}

#[test]
fn chk80_second_report_of_an_account_by_the_same_account_is_recognised() {
    let mut world = World::new(3);
    let examined = |world: &mut World, name: &str| {
        let report = world.report_account(name);
        examine(report, &world.stamp_keys, &world.bob_key, world.now).unwrap()
    };
    let first = examined(&mut world, "alice");
    let nullifiers = first.nullifiers();
    assert_eq!(nullifiers.len(), 1);
    assert!(first.memberships().is_empty());
    let accepted = first.accept(ID, &[false], &[]).unwrap();
    assert!(accepted.repeated().is_empty());
    let again = examined(&mut world, "alice");
    assert_eq!(again.nullifiers(), nullifiers);
    let refused = again.accept(ID, &[true], &[]).unwrap_err();
    assert_eq!(refused, AcceptError::Rejected(Rejection::AlreadyReported));
    for answers in [&[][..], &[false, false]] {
        let refused = examined(&mut world, "alice").accept(ID, answers, &[]);
        assert_eq!(refused.unwrap_err(), AcceptError::AnswerCount);
    }
    // Another account, or another reporter, makes another nullifier, in whichever order.
    assert_ne!(examined(&mut world, "carol").nullifiers(), nullifiers);
    let (alice, bob) = (account("alice"), account("bob"));
    assert_eq!(nullifiers, [Nullifier::about_account(&alice, &bob)]);
    assert_ne!(nullifiers, [Nullifier::about_account(&bob, &alice)]);
}

/// What was sealed about one account is not shown as a report about another, nor with messages.
#[test]
fn chk83_openings_about_an_account_do_not_open_about_another_or_under_claims() {
    let mut world = World::new(4);
    let message = world.alice_says("hi");
    let about = world.report_account("alice");
    let with_message = world.report(&[message.opened.evidence()]);
    let mut other = world.report_account("carol");
    for (clear, sealed) in [
        (&other, &about),
        (&with_message, &about),
        (&about, &with_message),
    ] {
        let mut mixed = sections(sealed);
        mixed.claims = sections(clear).claims;
        let mixed = reseal(mixed, &world.bob_key);
        assert_eq!(world.verify(mixed).unwrap_err(), Rejection::SealBroken);
    }
    other = other.under_key(&world.bob_key);
    assert!(world.verify(other).is_ok());
}

#[test]
fn chk85_report_about_an_account_with_an_opening_is_refused() {
    let mut world = World::new(5);
    let message = world.alice_says("hi");
    let shown = [(message.opened.evidence(), disclosure::PartSet::all(2))];
    let openings = openings::encode(Reason::Spam, "", shown.into_iter());
    let report = forged(&mut world, "alice", &openings);
    let expected = Rejection::OpeningCount {
        openings: 1,
        claims: 0,
    };
    assert_eq!(world.verify(report).unwrap_err(), expected);
}

#[test]
fn chk116_unsealed_report_about_an_account_has_version_02_and_no_bits() {
    let mut world = World::new(6);
    let report = world.report_account("alice");
    let queued = world.accept(report).unwrap().encode(&world.acceptance_key);
    let bytes = world.vault().open(&ID, &queued).unwrap().encode();
    let read = UnsealedReport::decode(&bytes).unwrap();
    assert_eq!(read.about_account(), Some(&account("alice")));
    assert!(read.claims().is_empty() && read.repeated().is_empty());
    let edits: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes[1] = 1,
        |bytes| bytes[29] = 1,
        |bytes| bytes[33] += 1,
        |bytes| bytes[33] -= 1,
    ];
    for edit in edits {
        let mut altered = bytes.to_vec();
        edit(&mut altered);
        assert!(UnsealedReport::decode(&altered).is_err());
    }
}
