//! A provider with a log, witnesses, officers, a vault, and reports from Bob about Alice.

mod reports;

use std::io;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::entry::{Day, Detail, Digest, Entry, Event, Number, PolicyKey, Purpose};
use waxseal_log::keys::LogKeys;
use waxseal_log::note::{Cosigner, Note, Signer};
use waxseal_log::tree::{Frontier, TreeHash};
use waxseal_reporting::intake::{AcceptanceKey, AcceptedReport, ReportId};
use waxseal_reporting::relay::{DeliveryKey, StampKeys};
use waxseal_reporting::vault::ModerationKeyPair;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};

use crate::grant::{Grant, GrantTerms, GrantedReport, SignedGrant};
use crate::ids::{AcceptedDigest, CaseId, GrantId, VaultId};
use crate::officer::OfficerKey;
use crate::policy::{Officer, Policy, PolicyTerms, Roles, Rule};
use crate::vault::{
    Challenge, Memory, OpenRequest, OpeningDetail, Vault, VaultError, VaultSecrets, View, digest_of,
};

pub(crate) const ORIGIN: &str = "log.example/desk";
pub(crate) const HOUR: u64 = 3_600_000;
/// Noon of day 20,000.
pub(crate) const NOON: u64 = 20_000 * 24 * HOUR + 12 * HOUR;

/// Keeps every state that was saved, and fails when told to.
#[derive(Default)]
pub(crate) struct Saved {
    pub(crate) states: Vec<Vec<u8>>,
    pub(crate) fails: bool,
}

impl Memory for Saved {
    fn save(&mut self, state: &[u8]) -> io::Result<()> {
        if self.fails {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.states.push(state.to_vec());
        Ok(())
    }
}

/// A report that waits, as the desk has it.
#[derive(Clone)]
pub(crate) struct Waiting {
    pub(crate) id: ReportId,
    pub(crate) accepted: Vec<u8>,
}

impl Waiting {
    pub(crate) fn digest(&self) -> AcceptedDigest {
        AcceptedDigest::of(&self.accepted)
    }

    /// The number that all entries about the report have.
    pub(crate) fn number(&self) -> Number {
        digest_of(&AcceptedReport::report_of(&self.accepted).unwrap()).number()
    }
}

pub(crate) struct World {
    pub(crate) rng: ChaCha20Rng,
    pub(crate) now: Timestamp,
    pub(crate) log: Signer,
    pub(crate) witnesses: [Cosigner; 2],
    pub(crate) policy_key: PolicyKey,
    pub(crate) secrets: VaultSecrets,
    pub(crate) keys: LogKeys,
    /// The first asks, the second asks and approves, the third approves, and the fourth decides.
    pub(crate) officers: [OfficerKey; 4],
    pub(crate) policy: Policy,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) vault: Vault,
    pub(crate) memory: Saved,
    stamp_keys: StampKeys,
    bob_key: DeliveryKey,
    pub(crate) moderation: ModerationKeyPair,
    pub(crate) acceptance: AcceptanceKey,
    sequence: u64,
}

pub(crate) fn device(name: &str) -> DeviceAddress {
    DeviceAddress::new(AccountId::new(name).unwrap(), DeviceId(1))
}

pub(crate) fn copy(key: &ModerationKeyPair) -> ModerationKeyPair {
    ModerationKeyPair::import(&key.export()).unwrap()
}

pub(crate) fn terms(officers: &[OfficerKey; 4]) -> PolicyTerms {
    let roles = [
        Roles::ASK,
        Roles::ASK.and(Roles::APPROVE),
        Roles::APPROVE,
        Roles::DECIDE,
    ];
    let officers = officers.iter().zip(roles).map(|(key, roles)| Officer {
        id: key.id(),
        name: format!("officer {}", roles.bits()),
        roles,
    });
    let rule = |two_persons, review_hours| Rule {
        allowed: true,
        two_persons,
        max_openings: 3,
        max_hours: 48,
        review_hours,
    };
    PolicyTerms {
        version: 1,
        origin: ORIGIN.to_owned(),
        officers: officers.collect(),
        rules: [
            rule(false, 0),
            rule(false, 0),
            rule(true, 0),
            rule(false, 0),
            Rule::FORBIDDEN,
            rule(false, 24),
            rule(true, 0),
        ],
        appeal_days: 180,
        text: "Staff open reports to decide them.".to_owned(),
    }
}

impl World {
    /// A world whose vault has followed the log and adopted the policy.
    pub(crate) fn new() -> Self {
        let mut world = Self::empty();
        world.publish(world.policy.clone());
        world.follow().unwrap();
        world.adopt();
        world
    }

    /// A world with an empty log.
    pub(crate) fn empty() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(15);
        let now = Timestamp::from_millis(NOON);
        let log = Signer::generate(ORIGIN, &mut rng).unwrap();
        let witnesses =
            ["one.example", "two.example"].map(|name| Cosigner::generate(name, &mut rng).unwrap());
        let policy_key = PolicyKey::generate(&mut rng);
        let moderation = ModerationKeyPair::generate(&mut rng);
        let acceptance = AcceptanceKey::generate(&mut rng);
        let secrets = VaultSecrets::new(copy(&moderation), acceptance.clone(), &mut rng);
        let vault_name = "log.example/vault";
        let keys = LogKeys::new(
            log.verifier(),
            secrets.cosigner(vault_name).unwrap().verifier(),
            witnesses.iter().map(Cosigner::verifier).collect(),
            2,
            Some(policy_key.public_key()),
        )
        .unwrap();
        let officers = [(); 4].map(|()| OfficerKey::generate(&mut rng));
        let mut stamp_keys = StampKeys::generate("eu", now, &mut rng).unwrap();
        stamp_keys.advance_to(now).unwrap();
        Self {
            policy: Policy::new(terms(&officers)).unwrap(),
            vault: Vault::new(keys.clone(), &secrets, None).unwrap(),
            memory: Saved::default(),
            bob_key: DeliveryKey::generate(&mut rng),
            entries: Vec::new(),
            sequence: 0,
            now,
            log,
            witnesses,
            policy_key,
            secrets,
            keys,
            officers,
            stamp_keys,
            moderation,
            acceptance,
            rng,
        }
    }

    pub(crate) fn pass(&mut self, ms: u64) {
        self.now = Timestamp::from_millis(self.now.as_millis() + ms);
    }

    /// Starts the vault again, with the state that it saved last.
    pub(crate) fn restart(&mut self) {
        let state = self.memory.states.last().cloned();
        self.restart_with(state.as_deref());
    }

    pub(crate) fn restart_with(&mut self, state: Option<&[u8]>) {
        self.vault = Vault::new(self.keys.clone(), &self.secrets, state).unwrap();
    }

    pub(crate) fn append(&mut self, event: Event, digest: Digest) -> Entry {
        let number = Number::generate(&mut self.rng);
        self.append_with(number, event, digest)
    }

    pub(crate) fn append_with(&mut self, number: Number, event: Event, digest: Digest) -> Entry {
        let entry = Entry {
            day: Day::of_ms(self.now.as_millis()),
            number,
            event,
            digest,
        };
        self.entries.push(entry.encode());
        entry
    }

    pub(crate) fn publish(&mut self, policy: Policy) {
        let (version, digest) = (policy.version(), policy.digest());
        let published = self.policy_key.publish(ORIGIN, version, digest);
        self.append(
            Event::PolicyPublished(published),
            Digest::from_bytes([0; 32]),
        );
        self.policy = policy;
    }

    pub(crate) fn adopt(&mut self) {
        let document = self.policy.encode().to_vec();
        self.vault.adopt(&document).unwrap();
    }

    /// A checkpoint over the first `size` entries, with the signature of the log alone.
    pub(crate) fn checkpoint(&self, size: usize) -> Note {
        let mut frontier = Frontier::new();
        for entry in &self.entries[..size] {
            frontier.push(TreeHash::of_leaf(entry));
        }
        let checkpoint = Checkpoint::new(ORIGIN, frontier.size(), frontier.root()).unwrap();
        checkpoint.sign(&self.log).unwrap()
    }

    /// A checkpoint over the first `size` entries, which all witnesses cosign now.
    pub(crate) fn witnessed(&self, size: usize) -> Note {
        let mut note = self.checkpoint(size);
        for witness in &self.witnesses {
            let cosignature = witness.cosign(note.text(), self.now.as_millis() / 1_000);
            note.add(cosignature).unwrap();
        }
        note
    }

    /// What the vault has not read yet.
    pub(crate) fn unread(&self) -> Vec<Vec<u8>> {
        let read = usize::try_from(self.vault.status().size).unwrap();
        self.entries[read.min(self.entries.len())..].to_vec()
    }

    pub(crate) fn follow(&mut self) -> Result<(), VaultError> {
        let note = self.witnessed(self.entries.len());
        self.follow_with(&self.unread(), &note)
    }

    pub(crate) fn follow_with(
        &mut self,
        entries: &[Vec<u8>],
        note: &Note,
    ) -> Result<(), VaultError> {
        let note = note.encode();
        let cosignature = self
            .vault
            .follow(entries, &note, self.now, &mut self.memory)?;
        let mut note = Note::decode(&note).unwrap();
        note.add(cosignature).unwrap();
        self.keys.verify(&note).unwrap();
        Ok(())
    }

    /// A grant of the first officer for these reports, with these bits each.
    pub(crate) fn terms(&mut self, purpose: Purpose, reports: &[(&Waiting, u32)]) -> GrantTerms {
        let mut id = [0; 16];
        rand_core::Rng::fill_bytes(&mut self.rng, &mut id);
        let two = self.policy.rule(purpose).two_persons;
        GrantTerms {
            id: GrantId::from_bytes(id),
            origin: ORIGIN.to_owned(),
            vault: *self.vault.id(),
            case: CaseId::from_bytes([0xca; 16]),
            purpose,
            policy: self.policy.digest(),
            requester: self.officers[0].id(),
            approver: two.then(|| self.officers[2].id()),
            requested: self.now,
            expires: Timestamp::from_millis(self.now.as_millis() + 24 * HOUR),
            max_openings: 3,
            reports: reports
                .iter()
                .map(|(waiting, messages)| GrantedReport {
                    digest: waiting.digest(),
                    messages: *messages,
                })
                .collect(),
        }
    }

    /// The grant with the signatures of the officers whom it names.
    pub(crate) fn sign(&self, terms: GrantTerms) -> SignedGrant {
        let grant = Grant::new(terms).unwrap();
        let key = |id| {
            let known = self.officers.iter().find(|key| key.id() == id);
            known.unwrap_or(&self.officers[0])
        };
        let requester = grant.sign_as_requester(key(grant.terms().requester));
        let approver = grant.terms().approver;
        let approver = approver.map(|id| grant.sign_as_approver(key(id)));
        SignedGrant::new(grant, requester, approver).unwrap()
    }

    pub(crate) fn grant(&mut self, waiting: &Waiting) -> SignedGrant {
        let terms = self.terms(Purpose::UserReport, &[(waiting, 1)]);
        self.sign(terms)
    }

    pub(crate) fn challenge(
        &mut self,
        grant: &SignedGrant,
        waiting: &Waiting,
    ) -> Result<Challenge, VaultError> {
        let digest = waiting.digest();
        self.vault
            .challenge(grant, &digest, self.now, &mut self.rng)
    }

    /// Appends the entry of an opening, and returns the salt of its detail.
    pub(crate) fn log_opening(
        &mut self,
        grant: &SignedGrant,
        waiting: &Waiting,
        challenge: &Challenge,
    ) -> [u8; 32] {
        let detail = OpeningDetail::new(grant.grant().digest(), waiting.digest(), challenge);
        let detail = Detail::new(detail.encode(), &mut self.rng).unwrap();
        let event = Event::ContentOpened {
            purpose: grant.grant().terms().purpose,
            mark: challenge.mark,
        };
        self.append_with(waiting.number(), event, detail.digest());
        *detail.salt()
    }

    pub(crate) fn request(
        grant: &SignedGrant,
        waiting: &Waiting,
        challenge: &Challenge,
        salt: [u8; 32],
    ) -> OpenRequest {
        OpenRequest {
            grant: grant.clone(),
            id: waiting.id,
            challenge: challenge.challenge,
            salt,
            accepted: waiting.accepted.clone(),
        }
    }

    /// All steps of an opening up to the last one.
    pub(crate) fn prepare(
        &mut self,
        grant: &SignedGrant,
        waiting: &Waiting,
    ) -> Result<OpenRequest, VaultError> {
        let challenge = self.challenge(grant, waiting)?;
        let salt = self.log_opening(grant, waiting, &challenge);
        self.follow()?;
        Ok(Self::request(grant, waiting, &challenge, salt))
    }

    /// All steps of an opening.
    pub(crate) fn open(
        &mut self,
        grant: &SignedGrant,
        waiting: &Waiting,
    ) -> Result<View, VaultError> {
        let request = self.prepare(grant, waiting)?;
        self.vault.open(&request, self.now)
    }

    pub(crate) fn other_vault() -> VaultId {
        VaultId::from_bytes([3; 32])
    }
}
