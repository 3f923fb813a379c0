//! Grants that do not hold.

use waxseal_log::entry::{Event, PolicyDigest, PolicyKey, Purpose};
use waxseal_reporting::Timestamp;

use crate::grant::{Grant, GrantError, GrantTerms, SignedGrant};
use crate::officer::OfficerKey;
use crate::policy::{Policy, Roles};
use crate::tests::world::{HOUR, World, terms};
use crate::vault::VaultError;

/// A grant with a change is refused with this error: at the challenge, and, if the change is made
/// after a challenge, at the opening. Without the change it opens.
fn refused(purpose: Purpose, change: impl Fn(&World, &mut GrantTerms), error: GrantError) {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let good = world.terms(purpose, &[(&waiting, 1)]);
    let mut bad = good.clone();
    change(&world, &mut bad);
    let (good, bad) = (world.sign(good), world.sign(bad));
    assert_refused(&mut world, &waiting, &good, &bad, error);
}

fn assert_refused(
    world: &mut World,
    waiting: &crate::tests::world::Waiting,
    good: &SignedGrant,
    bad: &SignedGrant,
    error: GrantError,
) {
    let error = VaultError::Grant(error);
    assert_eq!(world.challenge(bad, waiting).unwrap_err(), error);
    let mut request = world.prepare(good, waiting).unwrap();
    request.grant = bad.clone();
    assert_eq!(world.vault.open(&request, world.now).unwrap_err(), error);
    request.grant = good.clone();
    world.vault.open(&request, world.now).unwrap();
}

#[test]
fn chk169_a_grant_for_another_log_is_refused() {
    let change = |_: &World, terms: &mut GrantTerms| terms.origin = "other.example/log".to_owned();
    refused(Purpose::UserReport, change, GrantError::OtherLog);
}

#[test]
fn chk170_a_grant_for_another_vault_is_refused() {
    let change = |_: &World, terms: &mut GrantTerms| terms.vault = World::other_vault();
    refused(Purpose::UserReport, change, GrantError::OtherVault);
}

#[test]
fn chk171_a_grant_under_another_policy_is_refused() {
    let change = |_: &World, terms: &mut GrantTerms| {
        terms.policy = PolicyDigest::from_bytes([9; 32]);
    };
    refused(Purpose::UserReport, change, GrantError::OtherPolicy);
}

#[test]
fn chk171_a_grant_under_the_policy_of_before_is_refused() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let mut next = terms(&world.officers);
    next.version = 2;
    world.publish(Policy::new(next).unwrap());
    world.follow().unwrap();
    assert_eq!(world.challenge(&grant, &waiting), Err(VaultError::NoPolicy));
    world.adopt();
    let error = world.challenge(&grant, &waiting).unwrap_err();
    assert_eq!(error, VaultError::Grant(GrantError::OtherPolicy));
    let grant = world.grant(&waiting);
    world.open(&grant, &waiting).unwrap();
}

#[test]
fn chk172_a_request_of_a_foreign_officer_or_of_one_without_the_role_is_refused() {
    let foreign = |_: &World, terms: &mut GrantTerms| {
        terms.requester = OfficerKey::from_seed(&[1; 32]).id();
    };
    refused(Purpose::UserReport, foreign, GrantError::Requester);
    let decides = |world: &World, terms: &mut GrantTerms| terms.requester = world.officers[3].id();
    refused(Purpose::UserReport, decides, GrantError::Requester);
}

#[test]
fn chk172_an_officer_whom_a_later_policy_removed_is_refused() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let mut next = terms(&world.officers);
    next.version = 2;
    let removed = world.officers[0].id();
    next.officers.retain(|officer| officer.id != removed);
    world.publish(Policy::new(next).unwrap());
    world.follow().unwrap();
    world.adopt();
    let grant = world.grant(&waiting);
    let error = world.challenge(&grant, &waiting).unwrap_err();
    assert_eq!(error, VaultError::Grant(GrantError::Requester));
    let mut terms = grant.grant().terms().clone();
    terms.requester = world.officers[1].id();
    let grant = world.sign(terms);
    world.open(&grant, &waiting).unwrap();
}

#[test]
fn chk173_a_purpose_that_the_policy_does_not_allow_is_refused() {
    let change = |world: &World, terms: &mut GrantTerms| {
        terms.purpose = Purpose::QualityAudit;
        terms.approver = Some(world.officers[2].id());
    };
    refused(Purpose::UserReport, change, GrantError::PurposeNotAllowed);
}

#[test]
fn chk174_a_missing_approver_is_refused() {
    let change = |_: &World, terms: &mut GrantTerms| terms.approver = None;
    refused(Purpose::LegalRequest, change, GrantError::ApproverMissing);
}

#[test]
fn chk175_an_officer_cannot_approve_an_own_request() {
    let change = |world: &World, terms: &mut GrantTerms| {
        terms.requester = world.officers[1].id();
        terms.approver = Some(world.officers[1].id());
    };
    refused(Purpose::LegalRequest, change, GrantError::SamePerson);
}

#[test]
fn chk176_an_approver_without_the_role_is_refused() {
    let change = |world: &World, terms: &mut GrantTerms| {
        terms.approver = Some(world.officers[3].id());
    };
    refused(Purpose::LegalRequest, change, GrantError::Approver);
    // Also where the policy would not need an approver.
    refused(Purpose::UserReport, change, GrantError::Approver);
}

#[test]
fn chk177_a_lifetime_or_a_count_beyond_the_policy_is_refused() {
    let long = |_: &World, terms: &mut GrantTerms| {
        terms.expires = Timestamp::from_millis(terms.requested.as_millis() + 48 * HOUR + 1);
    };
    refused(Purpose::UserReport, long, GrantError::BeyondPolicy);
    let often = |_: &World, terms: &mut GrantTerms| terms.max_openings = 4;
    refused(Purpose::UserReport, often, GrantError::BeyondPolicy);
    // At the limit it opens.
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let mut terms = world.terms(Purpose::UserReport, &[(&waiting, 1)]);
    terms.expires = Timestamp::from_millis(terms.requested.as_millis() + 48 * HOUR);
    let grant = world.sign(terms);
    world.open(&grant, &waiting).unwrap();
}

#[test]
fn chk178_a_grant_that_an_officer_did_not_sign_is_refused() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let terms = world.terms(Purpose::LegalRequest, &[(&waiting, 1)]);
    let good = world.sign(terms.clone());
    let grant = || Grant::new(terms.clone()).unwrap();
    let [asks, _, approves, _] = &world.officers;
    let requested = grant().sign_as_requester(asks);
    let approved = grant().sign_as_approver(approves);
    let forged = [
        (grant().sign_as_requester(approves), approved),
        (requested, grant().sign_as_approver(asks)),
        // A signature in the other role does not count.
        (grant().sign_as_approver(asks), approved),
        (requested, grant().sign_as_requester(approves)),
        ([0; 64], approved),
    ];
    for (requested, approved) in forged {
        let bad = SignedGrant::new(grant(), requested, Some(approved)).unwrap();
        let error = world.challenge(&bad, &waiting).unwrap_err();
        assert_eq!(error, VaultError::Grant(GrantError::NotSigned));
    }
    // The signatures of another grant do not count either.
    let mut other = terms.clone();
    other.max_openings = 2;
    let other = Grant::new(other).unwrap();
    let bad = SignedGrant::new(other, requested, Some(approved)).unwrap();
    assert_refused(&mut world, &waiting, &good, &bad, GrantError::NotSigned);
}

#[test]
fn chk179_a_grant_opens_only_in_its_time() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let mut terms = world.terms(Purpose::UserReport, &[(&waiting, 1)]);
    let now = world.now.as_millis();
    terms.requested = Timestamp::from_millis(now + 300_001);
    let early = world.sign(terms.clone());
    let error = world.challenge(&early, &waiting).unwrap_err();
    assert_eq!(error, VaultError::Grant(GrantError::NotYet));
    world.pass(1);
    let request = world.prepare(&early, &waiting).unwrap();

    let expires = early.grant().terms().expires;
    let before = Timestamp::from_millis(expires.as_millis() - 1);
    world.now = before;
    world.follow().unwrap();
    world.challenge(&early, &waiting).unwrap();
    world.now = expires;
    let error = world.challenge(&early, &waiting).unwrap_err();
    assert_eq!(error, VaultError::Grant(GrantError::Expired));
    let error = world.vault.open(&request, world.now).unwrap_err();
    assert_eq!(error, VaultError::Grant(GrantError::Expired));
}

#[test]
fn a_challenge_does_not_outlive_its_grant() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let mut terms = world.terms(Purpose::UserReport, &[(&waiting, 1)]);
    terms.expires = Timestamp::from_millis(world.now.as_millis() + 1_000);
    let grant = world.sign(terms);
    let request = world.prepare(&grant, &waiting).unwrap();
    world.pass(1_000);
    let error = world.vault.open(&request, world.now).unwrap_err();
    assert_eq!(error, VaultError::Grant(GrantError::Expired));
}

#[test]
fn chk187_a_policy_that_an_insider_made_is_ignored() {
    let mut world = World::new();
    let insider = OfficerKey::from_seed(&[6; 32]);
    let mut own = terms(&world.officers);
    own.version = 2;
    own.officers[0].id = insider.id();
    own.officers[0].roles = Roles::ASK;
    let own = Policy::new(own).unwrap();
    let key = PolicyKey::generate(&mut world.rng);
    let origin = crate::tests::world::ORIGIN;
    let elsewhere = world.policy_key.publish("other.example", 2, own.digest());
    let lower = world.policy_key.publish(origin, 1, own.digest());
    for published in [key.publish(origin, 2, own.digest()), elsewhere, lower] {
        let digest = waxseal_log::entry::Digest::from_bytes([0; 32]);
        world.append(Event::PolicyPublished(published), digest);
    }
    world.follow().unwrap();
    assert_eq!(
        world.vault.status().policy,
        Some((1, world.policy.digest()))
    );
    assert_eq!(
        world.vault.adopt(own.encode()),
        Err(VaultError::OtherDocument)
    );
    assert!(world.vault.status().adopted);
}

#[test]
fn chk188_a_document_that_was_not_published_is_refused() {
    let mut world = World::empty();
    let document = world.policy.encode().to_vec();
    assert_eq!(world.vault.adopt(&document), Err(VaultError::NoPolicy));
    world.publish(world.policy.clone());
    world.follow().unwrap();
    let mut other = world.policy.terms().clone();
    other.text.push('!');
    let other = Policy::new(other).unwrap();
    assert_eq!(
        world.vault.adopt(other.encode()),
        Err(VaultError::OtherDocument)
    );
    // The policy key signed another version or origin than the document has.
    for (version, origin) in [(2, "log.example/desk"), (3, "other.example")] {
        let mut terms = world.policy.terms().clone();
        terms.origin = origin.to_owned();
        if origin != "log.example/desk" {
            terms.version = version;
        }
        let document = Policy::new(terms).unwrap();
        let published = world
            .policy_key
            .publish("log.example/desk", version, document.digest());
        let digest = waxseal_log::entry::Digest::from_bytes([0; 32]);
        world.append(Event::PolicyPublished(published), digest);
        world.follow().unwrap();
        assert_eq!(
            world.vault.adopt(document.encode()),
            Err(VaultError::OtherDocument)
        );
    }
    assert!(!world.vault.status().adopted);
}

#[test]
fn chk189_without_a_policy_document_nothing_opens() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let request = world.prepare(&grant, &waiting).unwrap();
    world.restart();
    world.follow().unwrap();
    assert_eq!(world.challenge(&grant, &waiting), Err(VaultError::NoPolicy));
    assert_eq!(
        world.vault.open(&request, world.now),
        Err(VaultError::NoPolicy)
    );
    world.adopt();
    world.open(&grant, &waiting).unwrap();
}
