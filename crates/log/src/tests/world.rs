//! A log with its keys, its entries and one story, for tests.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::checkpoint::Checkpoint;
use crate::decision::{AppealDecisionDetail, AppealDetail, DecisionDetail, NoticeDetail};
use crate::entry::*;
use crate::keys::LogKeys;
use crate::link::{Link, account_commitment, officer_commitment, report_commitment, reports_root};
use crate::merkle::{Frontier, TreeHash};
use crate::note::{Cosigner, Note, Signer};
use crate::promise::{Promise, PromisedReport};
use crate::receipt::{Item, Receipt, Role};
use crate::report::ReportDigest;
use crate::tests::rfc6962::path;

/// Name of the log.
pub(crate) const ORIGIN: &str = "desk.example/log";
/// The day on which the story begins.
pub(crate) const DAY: u32 = 20_000;
/// The account that the decision is about.
pub(crate) const ACCOUNT: &[u8] = b"mallory";
/// The case.
pub(crate) const CASE: [u8; 16] = [0xca; 16];

/// Noon of a day, in milliseconds.
pub(crate) fn noon_ms(day: u32) -> u64 {
    u64::from(day) * 86_400_000 + 43_200_000
}

/// Noon of a day, in seconds.
pub(crate) fn noon(day: u32) -> u64 {
    noon_ms(day) / 1_000
}

/// A reason that exists.
pub(crate) fn reason(number: u8) -> ReasonCode {
    ReasonCode::from_number(number).unwrap()
}

/// A log with all its keys.
pub(crate) struct World {
    pub(crate) log: Signer,
    pub(crate) vault: Cosigner,
    pub(crate) witnesses: Vec<Cosigner>,
    pub(crate) policy: PolicyKey,
    pub(crate) rng: ChaCha20Rng,
    /// The entries with their details.
    pub(crate) entries: Vec<(Entry, Detail)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let witness = |n: u8| Cosigner::from_seed(&format!("w{n}.example"), &[n; 32]).unwrap();
        Self {
            log: Signer::from_seed(ORIGIN, &[0x11; 32]).unwrap(),
            vault: Cosigner::from_seed("desk.example/vault", &[0x22; 32]).unwrap(),
            witnesses: vec![witness(0x31), witness(0x32), witness(0x33)],
            policy: PolicyKey::from_seed(&[0x44; 32]),
            rng: ChaCha20Rng::seed_from_u64(15),
            entries: Vec::new(),
        }
    }

    /// The pinned keys: two of three witnesses must cosign.
    pub(crate) fn keys(&self) -> LogKeys {
        let witnesses = self.witnesses.iter().map(Cosigner::verifier).collect();
        let policy = Some(self.policy.public_key());
        LogKeys::new(
            self.log.verifier(),
            self.vault.verifier(),
            witnesses,
            2,
            policy,
        )
        .unwrap()
    }

    /// Appends an entry about `bytes`; returns its index.
    pub(crate) fn append(&mut self, day: u32, number: Number, event: Event, bytes: &[u8]) -> u64 {
        let detail = Detail::new(bytes.to_vec(), &mut self.rng).unwrap();
        self.append_with(day, number, event, detail)
    }

    pub(crate) fn append_with(
        &mut self,
        day: u32,
        number: Number,
        event: Event,
        detail: Detail,
    ) -> u64 {
        let entry = Entry {
            day: Day(day),
            number,
            event,
            digest: detail.digest(),
        };
        self.entries.push((entry, detail));
        self.entries.len() as u64 - 1
    }

    /// Promises a report, and appends its entry.
    pub(crate) fn report(&mut self, day: u32, sealed: &[u8], rejected: Option<u8>) -> Promise {
        let promise = self.promise(day, sealed, rejected);
        self.entries
            .push((*promise.entry(), promise.detail().clone()));
        promise
    }

    pub(crate) fn promise(&mut self, day: u32, sealed: &[u8], rejected: Option<u8>) -> Promise {
        let digest = ReportDigest::of(sealed);
        Promise::make(&self.log, &digest, rejected, noon_ms(day), &mut self.rng).unwrap()
    }

    /// What the reporter makes of a promise.
    pub(crate) fn promised(&self, promise: &Promise, sealed: &[u8]) -> PromisedReport {
        let now_ms = promise.entry().day.start_ms();
        promise
            .verify(&self.log.verifier(), &ReportDigest::of(sealed), now_ms)
            .unwrap()
    }

    pub(crate) fn leaves(&self) -> Vec<TreeHash> {
        self.entries
            .iter()
            .map(|(entry, _)| entry.leaf_hash())
            .collect()
    }

    /// The checkpoint over the first `size` entries, signed by the log only.
    pub(crate) fn signed(&self, size: usize) -> Note {
        let mut frontier = Frontier::new();
        self.leaves()[..size]
            .iter()
            .for_each(|leaf| frontier.push(*leaf));
        let checkpoint = Checkpoint::new(ORIGIN, size as u64, frontier.root()).unwrap();
        checkpoint.sign(&self.log).unwrap()
    }

    /// The same, cosigned by two witnesses and the vault at this time.
    pub(crate) fn checkpoint(&self, size: usize, secs: u64) -> Note {
        let mut note = self.signed(size);
        for cosigner in self.witnesses[..2].iter().chain([&self.vault]) {
            note.add(cosigner.cosign(note.text(), secs)).unwrap();
        }
        note
    }

    /// The item for an entry, proven against the whole log.
    pub(crate) fn item(&self, index: u64, with_detail: bool) -> Item {
        let at = usize::try_from(index).unwrap();
        let (entry, detail) = &self.entries[at];
        Item {
            index,
            entry: *entry,
            proof: path(at, &self.leaves()),
            detail: with_detail.then(|| detail.clone()),
            link: None,
        }
    }
}

/// The story: two reports about one account, opened, decided, appealed and reversed.
pub(crate) struct Story {
    pub(crate) world: World,
    pub(crate) promise: Promise,
    /// Indices of the entries by what they are.
    pub(crate) opened: u64,
    pub(crate) decision: u64,
    pub(crate) appeal: u64,
    /// All entries of the reporter's receipt, and all of the account's.
    pub(crate) of_reporter: Vec<u64>,
    pub(crate) of_account: Vec<u64>,
}

/// The sealed report of the story's reporter.
pub(crate) const SEALED: &[u8] = b"a sealed report";
/// The sealed report of another reporter.
pub(crate) const OTHER: &[u8] = b"another sealed report";

pub(crate) const LINK_SALTS: [[u8; 32]; 3] = [[0xa1; 32], [0xa2; 32], [0xa3; 32]];

/// The commitments to the two reports of the case.
pub(crate) fn commitments() -> [[u8; 32]; 2] {
    let one = |salt: usize, sealed| report_commitment(&LINK_SALTS[salt], &ReportDigest::of(sealed));
    [one(0, SEALED), one(1, OTHER)]
}

/// The detail of the story's decision.
pub(crate) fn decision_detail() -> DecisionDetail {
    DecisionDetail {
        case: [0xcc; 16],
        officer: officer_commitment(&[0xa4; 32], &[0x77; 32]),
        policy: [0xb0; 32],
        rule: "3.1 harassment".to_owned(),
        statement: "The messages threaten a person. They are shown in full.".to_owned(),
        appeal_until_ms: noon_ms(DAY + 33),
        account: account_commitment(&LINK_SALTS[2], ACCOUNT),
        reports_root: reports_root(&commitments()),
        reports_count: 2,
    }
}

impl Story {
    pub(crate) fn new() -> Self {
        let mut world = World::new();
        let case = Number::from_bytes(CASE);
        let policy = world
            .policy
            .publish(ORIGIN, 1, PolicyDigest::from_bytes([0xb0; 32]));
        let own = Number::from_bytes([1; 16]);
        world.append(DAY, own, Event::PolicyPublished(policy), b"policy");
        let other = world.report(DAY, OTHER, None);
        let promise = world.report(DAY, SEALED, None);
        let number = promise.entry().number;
        let sorted = Event::ReportSorted { reason: reason(4) };
        world.append(DAY, number, sorted, b"sorted");
        world.append(DAY, other.entry().number, sorted, b"sorted");
        let grant = Number::from_bytes([2; 16]);
        let purpose = Purpose::UserReport;
        world.append(DAY + 1, grant, Event::GrantRequested { purpose }, b"grant");
        world.append(DAY + 1, grant, Event::GrantApproved { purpose }, b"grant");
        let mark = |n| Mark::from_bytes([n; 16]);
        let open = |n| Event::ContentOpened {
            purpose,
            mark: mark(n),
        };
        let opened = world.append(DAY + 1, number, open(1), b"opening 1");
        world.append(DAY + 2, number, open(2), b"opening 2");
        world.append(DAY + 2, other.entry().number, open(3), b"opening 3");
        let decided = Event::Decision {
            reason: reason(4),
            measure: Measure::Suspended,
            openings: 3,
            days: 3,
        };
        let detail = decision_detail().encode(&mut world.rng).unwrap();
        let decision = world.append_with(DAY + 3, case, decided, detail);
        let leaf = world.entries.last().unwrap().0.leaf_hash();
        for side in [Side::Reporter, Side::Account] {
            let detail = NoticeDetail {
                decision: leaf,
                side,
            };
            let detail = detail.encode(&mut world.rng).unwrap();
            world.append_with(DAY + 3, case, Event::NoticeSent { side }, detail);
        }
        let detail = AppealDetail {
            decision: leaf,
            text_digest: [0xb7; 32],
        };
        let detail = detail.encode(&mut world.rng).unwrap();
        let side = Side::Account;
        let appeal = world.append_with(DAY + 5, case, Event::AppealFiled { side }, detail);
        let detail = AppealDecisionDetail {
            appeal: world.entries.last().unwrap().0.leaf_hash(),
            statement: "The account was mistaken for another one.".to_owned(),
            officer: officer_commitment(&[0xa5; 32], &[0x78; 32]),
        };
        let detail = detail.encode(&mut world.rng).unwrap();
        let reversed = Event::AppealDecided {
            outcome: AppealOutcome::Reversed,
            days: 2,
        };
        world.append_with(DAY + 7, case, reversed, detail);
        let case_entries = decision..=decision + 4;
        Self {
            world,
            promise,
            opened,
            decision,
            appeal,
            of_reporter: [2, 3, opened, opened + 1]
                .into_iter()
                .chain(case_entries.clone())
                .collect(),
            of_account: case_entries.collect(),
        }
    }

    pub(crate) fn promised(&self) -> PromisedReport {
        self.world.promised(&self.promise, SEALED)
    }

    /// The receipt with these entries, against the whole log on day 10 of the story.
    pub(crate) fn receipt(&self, role: Role, indices: &[u64]) -> Receipt {
        let size = self.world.entries.len();
        let mut items: Vec<Item> = indices
            .iter()
            .map(|index| self.world.item(*index, *index >= self.decision))
            .collect();
        let is_decision = |item: &&mut Item| matches!(item.entry.event, Event::Decision { .. });
        for item in items.iter_mut().filter(is_decision) {
            item.link = Some(match role {
                Role::Reporter => Link::to_report(LINK_SALTS[0], 0, &commitments()).unwrap(),
                Role::Account => Link::Account {
                    salt: LINK_SALTS[2],
                },
            });
        }
        Receipt {
            role,
            checkpoint: self.world.checkpoint(size, noon(DAY + 10)),
            items,
        }
    }

    pub(crate) fn of_reporter(&self) -> Receipt {
        self.receipt(Role::Reporter, &self.of_reporter)
    }

    pub(crate) fn of_account(&self) -> Receipt {
        self.receipt(Role::Account, &self.of_account)
    }
}
