//! The world of the tests.

use std::io;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use waxseal_log::decision::DecisionDetail;
use waxseal_log::entry::{Entry, Event, Kind, Measure, PolicyKey, Purpose, ReasonCode};
use waxseal_log::keys::LogKeys;
use waxseal_log::note::{Cosigner, Note, Signer};
use waxseal_log::tree::TreeHash;
use waxseal_log::witness::{AddCheckpoint, Witness};
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::{AcceptanceKey, ReportId};
use waxseal_reporting::reporter::Reason;
use waxseal_reporting::vault::ModerationKeyPair;
use zeroize::Zeroizing;

use super::reports::{Intake, Reported};
use super::shared::Shared;
use crate::decision::Decision;
use crate::desk::{Desk, DeskSetup};
use crate::error::{DeskError, Refused};
use crate::grant::{Grant, GrantTerms, GrantedReport};
use crate::ids::{AcceptedDigest, CaseId, GrantId};
use crate::officer::{Act, OfficerKey, Signed};
use crate::policy::{Officer, Policy, PolicyTerms, Roles, Rule};
use crate::sorting::Sorting;
use crate::store::{MemoryStore, Store};
use crate::vault::{LocalVault, Memory, Vault, VaultSecrets, View};

pub(crate) const HOUR: u64 = 3_600_000;
pub(crate) const DAY: u64 = 24 * HOUR;
/// Noon of day 20,000 since the Unix epoch.
const NOON: u64 = 20_000 * DAY + 12 * HOUR;
pub(crate) const ORIGIN: &str = "provider.example/desk";

/// The vault's memory: the last state that it saved.
#[derive(Clone, Default)]
pub(crate) struct Saved(pub(crate) Option<Vec<u8>>);

impl Memory for Saved {
    fn save(&mut self, state: &[u8]) -> io::Result<()> {
        self.0 = Some(state.to_vec());
        Ok(())
    }
}

/// The officers, each with one role.
pub(crate) struct Officers {
    pub(crate) ask: OfficerKey,
    pub(crate) approve: OfficerKey,
    pub(crate) decide: OfficerKey,
    /// Decides too.
    pub(crate) decide_too: OfficerKey,
    pub(crate) appeals: OfficerKey,
    pub(crate) review: OfficerKey,
}

impl Officers {
    fn new(rng: &mut ChaCha20Rng) -> Self {
        let mut key = || OfficerKey::generate(rng);
        Self {
            ask: key(),
            approve: key(),
            decide: key(),
            decide_too: key(),
            appeals: key(),
            review: key(),
        }
    }

    fn listed(&self) -> Vec<Officer> {
        let listed = [
            (&self.ask, Roles::ASK),
            (&self.approve, Roles::APPROVE.and(Roles::APPEALS)),
            (&self.decide, Roles::DECIDE.and(Roles::APPEALS)),
            (&self.decide_too, Roles::DECIDE),
            (&self.appeals, Roles::APPEALS),
            (&self.review, Roles::REVIEW),
        ];
        let officer = |(key, roles): (&OfficerKey, Roles)| Officer {
            id: key.id(),
            name: "officer".into(),
            roles,
        };
        listed.into_iter().map(officer).collect()
    }
}

pub(crate) struct World {
    pub(crate) intake: Intake,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) now: Timestamp,
    pub(crate) store: Shared,
    pub(crate) desk: Desk<Shared>,
    pub(crate) vault: LocalVault<Saved, ChaCha20Rng>,
    pub(crate) witness: Witness,
    witnessed: u64,
    pub(crate) keys: LogKeys,
    log_seed: [u8; 32],
    secrets: VaultSecrets,
    pub(crate) policy_key: PolicyKey,
    pub(crate) officers: Officers,
    pub(crate) policy: Policy,
}

fn rule(two_persons: bool, review_hours: u16) -> Rule {
    Rule {
        allowed: true,
        two_persons,
        max_openings: 10,
        max_hours: 48,
        review_hours,
    }
}

impl World {
    /// A desk with a policy in force, which the vault has adopted.
    pub(crate) fn new() -> Self {
        Self::on(MemoryStore::new())
    }

    pub(crate) fn on(store: impl Store + 'static) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(15);
        let now = Timestamp::from_millis(NOON);
        let log_seed = [7; 32];
        let log = Signer::from_seed(ORIGIN, &log_seed).unwrap();
        let witness = Cosigner::generate("witness.example/w", &mut rng).unwrap();
        let witness = Witness::new(witness, vec![log.verifier()]).unwrap();
        let intake = Intake::new(now, &mut rng);
        let moderation = ModerationKeyPair::import(&intake.moderation.export()).unwrap();
        let acceptance = AcceptanceKey::from_bytes(*intake.acceptance_key.to_bytes());
        let secrets = VaultSecrets::new(moderation, acceptance, &mut rng);
        let policy_key = PolicyKey::generate(&mut rng);
        let keys = LogKeys::new(
            log.verifier(),
            secrets.cosigner("vault.example/v").unwrap().verifier(),
            vec![witness.verifier()],
            1,
            Some(policy_key.public_key()),
        )
        .unwrap();
        let officers = Officers::new(&mut rng);
        let policy = Policy::new(PolicyTerms {
            version: 1,
            origin: ORIGIN.into(),
            officers: officers.listed(),
            rules: [
                rule(false, 0),
                rule(false, 0),
                rule(true, 0),
                rule(false, 0),
                rule(true, 0),
                rule(false, 24),
                rule(true, 0),
            ],
            appeal_days: 14,
            text: "Officers open what was reported, and nothing else.".into(),
        })
        .unwrap();
        let vault = Vault::new(keys.clone(), &secrets, None).unwrap();
        let vault_rng = ChaCha20Rng::seed_from_u64(16);
        let store = Shared::new(store);
        let desk = Desk::open(store.clone(), setup(&keys, &log_seed)).unwrap();
        let mut world = Self {
            intake,
            rng,
            now,
            store,
            desk,
            vault: LocalVault::new(vault, Saved::default(), vault_rng),
            witness,
            witnessed: 0,
            keys,
            log_seed,
            secrets,
            policy_key,
            officers,
            policy: policy.clone(),
        };
        world.publish(&policy).unwrap();
        world.complete().unwrap();
        world
    }

    /// Another desk on the same store, as after a crash.
    pub(crate) fn reopen(&mut self) {
        self.desk = self.other_desk();
    }

    pub(crate) fn other_desk(&self) -> Desk<Shared> {
        self.desk_on(self.store.clone())
    }

    /// The desk, on another store.
    pub(crate) fn desk_on(&self, store: Shared) -> Desk<Shared> {
        Desk::open(store, setup(&self.keys, &self.log_seed)).unwrap()
    }

    /// The vault starts again, without what it saved.
    pub(crate) fn restart_vault(&mut self) -> LocalVault<Saved, ChaCha20Rng> {
        let vault = Vault::new(self.keys.clone(), &self.secrets, None).unwrap();
        let vault_rng = ChaCha20Rng::seed_from_u64(17);
        let vault = LocalVault::new(vault, Saved::default(), vault_rng);
        std::mem::replace(&mut self.vault, vault)
    }

    pub(crate) fn pass(&mut self, ms: u64) {
        self.now = Timestamp::from_millis(self.now.as_millis() + ms);
    }

    pub(crate) fn publish(&mut self, policy: &Policy) -> Result<(), DeskError> {
        let published = self
            .policy_key
            .publish(ORIGIN, policy.version(), policy.digest());
        self.desk
            .publish_policy(policy, &published, self.now, &mut self.rng)
    }

    /// Signs a checkpoint, and lets the witness cosign it.
    pub(crate) fn witness(&mut self) -> Result<Note, DeskError> {
        let note = self.desk.checkpoint(self.now)?;
        let size = self.desk.log_size();
        let request = AddCheckpoint {
            old: self.witnessed,
            proof: self.desk.consistency(self.witnessed, size)?,
            note: note.clone(),
        };
        let line = self
            .witness
            .add(&request.encode(), self.now.as_millis() / 1_000)
            .unwrap();
        self.witnessed = size;
        self.desk.cosigned(size, &[line])?;
        Ok(note)
    }

    /// Completes a checkpoint over all entries, with the witness and the vault.
    pub(crate) fn complete(&mut self) -> Result<(), DeskError> {
        self.witness()?;
        assert!(self.desk.follow(&mut self.vault, self.now)?);
        Ok(())
    }

    /// `from` sends texts to `to`, who reports them.
    pub(crate) fn reported(&mut self, from: &str, to: &str, reason: Reason) -> Reported {
        let texts = ["You have won!", "Send me your code."];
        self.intake
            .report(from, to, &texts, reason, self.now, &mut self.rng)
    }

    pub(crate) fn take_in(&mut self, reported: &Reported) -> Result<ReportId, DeskError> {
        let (accepted, encoded) = (&reported.accepted, &reported.encoded);
        self.desk
            .take_in(accepted, encoded, self.now, &mut self.rng)?;
        Ok(*accepted.id())
    }

    pub(crate) fn sort(&mut self, id: &ReportId) -> Result<Sorting, DeskError> {
        self.desk.sort(id, &mut self.vault, self.now, &mut self.rng)
    }

    /// A case with one report about `mallory`.
    pub(crate) fn case(&mut self) -> (CaseId, ReportId) {
        let reported = self.reported("mallory", "bob", Reason::Scam);
        let id = self.take_in(&reported).unwrap();
        let Sorting::Case(case) = self.sort(&id).unwrap() else {
            panic!("not sorted");
        };
        (case, id)
    }

    pub(crate) fn sign<T: Act>(&self, act: &T, key: &OfficerKey) -> Signed<T> {
        Signed::sign(act, ORIGIN, key, self.now).unwrap()
    }

    /// What a grant for all messages of a report says.
    pub(crate) fn terms(
        &mut self,
        case: CaseId,
        report: &ReportId,
        purpose: Purpose,
    ) -> GrantTerms {
        let row = self.store.report(report.as_bytes()).unwrap().unwrap();
        let two = self.policy.rule(purpose).two_persons;
        let mut id = [0; 16];
        rand_core::Rng::fill_bytes(&mut self.rng, &mut id);
        GrantTerms {
            id: GrantId::from_bytes(id),
            origin: ORIGIN.into(),
            vault: self.desk.vault_id(),
            case,
            purpose,
            policy: self.policy.digest(),
            requester: self.officers.ask.id(),
            approver: two.then(|| self.officers.approve.id()),
            requested: self.now,
            expires: Timestamp::from_millis(self.now.as_millis() + 12 * HOUR),
            max_openings: 2,
            reports: vec![GrantedReport {
                digest: AcceptedDigest::from_bytes(row.accepted_digest.unwrap()),
                messages: 0b11,
            }],
        }
    }

    pub(crate) fn request(&mut self, terms: &GrantTerms) -> Result<GrantId, DeskError> {
        let grant = Grant::new(terms.clone()).unwrap();
        let signature = grant.sign_as_requester(&self.officers.ask);
        self.desk
            .request_grant(&grant, &signature, self.now, &mut self.rng)?;
        Ok(terms.id)
    }

    /// A grant in force, which one officer asked for alone.
    pub(crate) fn grant(&mut self, case: CaseId, report: &ReportId) -> GrantId {
        let terms = self.terms(case, report, Purpose::UserReport);
        self.request(&terms).unwrap()
    }

    /// Opens a report, step by step.
    pub(crate) fn open(&mut self, grant: &GrantId, report: &ReportId) -> Result<View, DeskError> {
        let (now, desk) = (self.now, &mut self.desk);
        let opening = desk.begin_opening(grant, report, &mut self.vault, now, &mut self.rng)?;
        self.witness()?;
        self.desk.finish_opening(&opening, &mut self.vault, now)
    }

    pub(crate) fn decision(&self, case: CaseId) -> Decision {
        Decision {
            case,
            policy: self.policy.digest(),
            reason: ReasonCode::from_number(2).unwrap(),
            measure: Measure::Suspended,
            rule: "2.1 Fraud".into(),
            statement: "The messages ask for a code.".into(),
        }
    }

    pub(crate) fn decide(&mut self, case: CaseId) -> Result<TreeHash, DeskError> {
        let signed = self.sign(&self.decision(case), &self.officers.decide);
        self.desk.decide(&signed, self.now, &mut self.rng)
    }

    /// The kinds of all entries.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.events().iter().map(Event::kind).collect()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let rows = self.store.entries(0, 1_000).unwrap();
        rows.iter()
            .map(|row| Entry::decode(&row.entry).unwrap().event)
            .collect()
    }

    /// The detail of the last decision.
    pub(crate) fn decided(&self) -> DecisionDetail {
        let rows = self.store.entries(0, 1_000).unwrap();
        let row = rows.iter().rfind(|row| row.kind == Kind::Decision.number());
        let detail = crate::receipts::detail_of(row.unwrap()).unwrap();
        DecisionDetail::decode(&detail).unwrap()
    }

    /// Asserts that the audit finds nothing.
    pub(crate) fn is_sound(&self) {
        let audited = self.desk.audit().unwrap();
        assert_eq!(audited.findings, []);
        assert_eq!(audited.entries, self.desk.log_size());
    }
}

fn setup(keys: &LogKeys, log_seed: &[u8; 32]) -> DeskSetup {
    DeskSetup {
        log: Signer::from_seed(ORIGIN, log_seed).unwrap(),
        keys: keys.clone(),
        secret: Zeroizing::new([9; 32]),
    }
}

/// Why the desk refused.
pub(crate) fn refused<T>(result: Result<T, DeskError>) -> Refused {
    match result {
        Err(DeskError::Refused(refused)) => refused,
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("not refused"),
    }
}
