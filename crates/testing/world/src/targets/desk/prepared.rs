//! Keys, a policy, two reports and three grants, with which every run starts.

use std::sync::LazyLock;

use waxseal::reporting::intake::{AcceptanceKey, ReportId};
use waxseal::reporting::reporter::{Report, ReportDraft};
use waxseal::reporting::vault::ModerationKeyPair;
use waxseal::{Content, Disclosure, Draft, Reason, Timestamp};
use waxseal_desk::grant::{Grant, GrantTerms, GrantedReport, SignedGrant};
use waxseal_desk::ids::{AcceptedDigest, CaseId, GrantId, VaultId};
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::policy::{Officer, Policy, PolicyTerms, Roles, Rule};
use waxseal_desk::vault::VaultSecrets;
use waxseal_log::entry::{Day, Digest, Entry, Event, Number, PolicyKey, Purpose};
use waxseal_log::keys::LogKeys;
use waxseal_log::note::{Cosigner, Signer};

use crate::{NOW, Provider, account, address, rng};

/// The log's origin.
pub(super) const ORIGIN: &str = "log.example";

/// What every run starts with.
pub(super) struct Prepared {
    pub(super) log: Signer,
    pub(super) witness: Cosigner,
    pub(super) secrets: Vec<u8>,
    pub(super) keys: LogKeys,
    pub(super) policy: Policy,
    pub(super) published: Vec<u8>,
    pub(super) reports: [(ReportId, Vec<u8>); 2],
    pub(super) grants: Vec<SignedGrant>,
}

pub(super) static PREPARED: LazyLock<Prepared> = LazyLock::new(|| {
    let rng = &mut rng(15);
    let acceptance = AcceptanceKey::generate(rng);
    let moderation = ModerationKeyPair::generate(rng);
    let reports = ["first", "second"].map(|text| report(text, &moderation, &acceptance));
    let copy = ModerationKeyPair::import(&moderation.export()).unwrap();
    let secrets = VaultSecrets::new(copy, acceptance, rng);
    let log = log();
    let witness = Cosigner::generate("witness.example", rng).unwrap();
    let policy_key = PolicyKey::generate(rng);
    let vault = secrets.cosigner("vault.example").unwrap().verifier();
    let keys = LogKeys::new(
        log.verifier(),
        vault,
        vec![witness.verifier()],
        1,
        Some(policy_key.public_key()),
    )
    .unwrap();
    let officer = OfficerKey::generate(rng);
    let policy = policy(&officer);
    let published = Entry {
        day: Day::of_ms(NOW.as_millis()),
        number: Number::from_bytes([0; 16]),
        event: Event::PolicyPublished(policy_key.publish(ORIGIN, 1, policy.digest())),
        digest: Digest::from_bytes([0; 32]),
    };
    let grants = (0..3).map(|number| grant(number, &officer, &policy, &keys, &reports));
    Prepared {
        grants: grants.collect(),
        published: published.encode(),
        secrets: secrets.export().to_vec(),
        log,
        witness,
        keys,
        policy,
        reports,
    }
});

/// The log's key.
pub(super) fn log() -> Signer {
    Signer::from_seed(ORIGIN, &[7; 32]).unwrap()
}

/// A report of one message, as the intake accepted it.
fn report(
    text: &str,
    moderation: &ModerationKeyPair,
    acceptance: &AcceptanceKey,
) -> (ReportId, Vec<u8>) {
    let (mut provider, mut alice, mut bob) = Provider::of_two();
    let draft = Draft::new(Content::Text(text.to_owned()));
    let id = provider.exchange(&mut alice, &mut bob, draft);
    let message = bob.message(&account("alice"), &id).unwrap().unwrap();
    let mut draft = ReportDraft::new(address("bob"), Reason::Spam);
    draft
        .add(message.evidence().unwrap(), Disclosure::Whole)
        .unwrap();
    let key = provider.key(&address("bob"));
    let report: Report = draft
        .seal(&key, moderation.public_key(), &mut rng(1))
        .unwrap();
    let accepted = provider.examine(&report.encode()).unwrap();
    (*accepted.id(), accepted.encode(acceptance))
}

fn policy(officer: &OfficerKey) -> Policy {
    let rule = Rule {
        allowed: true,
        two_persons: false,
        max_openings: 2,
        max_hours: 1,
        review_hours: 0,
    };
    let forbidden = Rule::FORBIDDEN;
    Policy::new(PolicyTerms {
        version: 1,
        origin: ORIGIN.to_owned(),
        officers: vec![Officer {
            id: officer.id(),
            name: "officer".to_owned(),
            roles: Roles::ASK,
        }],
        rules: [rule, rule, forbidden, rule, forbidden, forbidden, forbidden],
        appeal_days: 1,
        text: String::new(),
    })
    .unwrap()
}

/// Three grants: of both reports, of the first one, and one that is longer than the policy allows.
fn grant(
    number: u8,
    officer: &OfficerKey,
    policy: &Policy,
    keys: &LogKeys,
    reports: &[(ReportId, Vec<u8>); 2],
) -> SignedGrant {
    let hours = if number == 2 { 2 } else { 1 };
    let named = if number == 1 { 1 } else { 2 };
    let reports = reports
        .iter()
        .take(named)
        .map(|(_, accepted)| GrantedReport {
            digest: AcceptedDigest::of(accepted),
            messages: 1,
        });
    let grant = Grant::new(GrantTerms {
        id: GrantId::from_bytes([number; 16]),
        origin: ORIGIN.to_owned(),
        vault: VaultId::from_bytes(*keys.vault().key()),
        case: CaseId::from_bytes([7; 16]),
        purpose: Purpose::UserReport,
        policy: policy.digest(),
        requester: officer.id(),
        approver: None,
        requested: NOW,
        expires: Timestamp::from_millis(NOW.as_millis() + hours * 3_600_000),
        max_openings: 2,
        reports: reports.collect(),
    });
    let grant = grant.unwrap();
    let signature = grant.sign_as_requester(officer);
    SignedGrant::new(grant, signature, None).unwrap()
}
