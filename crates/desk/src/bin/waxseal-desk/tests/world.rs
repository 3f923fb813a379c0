//! A log with its keys, two weeks of entries and one story, published in a folder.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::decision::{AppealDecisionDetail, AppealDetail, DecisionDetail, NoticeDetail};
use waxseal_log::entry::*;
use waxseal_log::keys::LogKeys;
use waxseal_log::link::{Link, account_commitment, report_commitment, reports_root};
use waxseal_log::note::{Cosigner, Note, Signer};
use waxseal_log::promise::Promise;
use waxseal_log::receipt::{Item, Receipt, Role};
use waxseal_log::report::ReportDigest;
use waxseal_log::tiles::{bundle_path, encode_bundle};
use waxseal_log::tree::{Appender, TreeHash};

use super::published::Published;

/// Name of the log.
pub const ORIGIN: &str = "desk.example/log";
/// The first day, 2024-10-04.
pub const DAY: u32 = 20_000;
/// Number of days. The tiles cover those that are over for seven.
pub const DAYS: u32 = 14;
/// Reports that arrive each day, besides those of the story.
const REPORTS: u32 = 50;
/// The account that the decision is about.
pub const ACCOUNT: &str = "mallory";
/// The story's sealed report.
const SEALED: &[u8] = b"a sealed report";
const CASE: [u8; 16] = [0xca; 16];
const LINK_SALT: [u8; 32] = [0xa1; 32];
const ACCOUNT_SALT: [u8; 32] = [0xa3; 32];

/// Noon of a day, in seconds.
pub fn noon(day: u32) -> u64 {
    u64::from(day) * 86_400 + 43_200
}

/// A log. Its fields may be changed before it is published.
#[derive(Clone)]
pub struct World {
    pub log: Signer,
    pub vault: Cosigner,
    pub witnesses: Vec<Cosigner>,
    pub policy: PolicyKey,
    pub rng: ChaCha20Rng,
    /// The entries with their details.
    pub entries: Vec<(Entry, Detail)>,
    /// The checkpoints: size and day.
    pub checkpoints: Vec<(usize, u32)>,
    pub promise: Promise,
    /// Indices of the entries that the reporter's receipt shows.
    pub of_reporter: Vec<u64>,
    /// Index of the decision.
    pub decision: u64,
    /// Index of the first opening.
    pub opened: u64,
}

impl World {
    pub fn new() -> Self {
        Self::with(
            PolicyKey::from_seed(&[0x44; 32]),
            [1, 2],
            "The messages threaten a person.",
        )
    }

    /// A log whose policy this key signed, and whose openings have these marks.
    pub fn with(signs: PolicyKey, marks: [u8; 2], statement: &str) -> Self {
        let witness = |n: u8| Cosigner::from_seed(&format!("w{n}.example"), &[n; 32]).unwrap();
        let log = Signer::from_seed(ORIGIN, &[0x11; 32]).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(15);
        let report = ReportDigest::of(SEALED);
        let promise = Promise::make(&log, &report, None, noon(DAY) * 1_000, &mut rng).unwrap();
        let mut world = Self {
            log,
            vault: Cosigner::from_seed("desk.example/vault", &[0x22; 32]).unwrap(),
            witnesses: vec![witness(0x31), witness(0x32), witness(0x33)],
            policy: PolicyKey::from_seed(&[0x44; 32]),
            rng,
            entries: Vec::new(),
            checkpoints: Vec::new(),
            promise,
            of_reporter: Vec::new(),
            decision: 0,
            opened: 0,
        };
        for day in 0..DAYS {
            world.day(DAY + day, &signs, marks, statement);
            world.checkpoints.push((world.entries.len(), DAY + day));
        }
        world
    }

    /// The entries of a day: those of the story, then reports.
    fn day(&mut self, day: u32, signs: &PolicyKey, marks: [u8; 2], statement: &str) {
        let case = Number::from_bytes(CASE);
        let report = self.promise.entry().number;
        let purpose = Purpose::UserReport;
        let open = |n: u8| Event::ContentOpened {
            purpose,
            mark: Mark::from_bytes([n; 16]),
        };
        match day - DAY {
            0 => {
                let policy = signs.publish(ORIGIN, 1, PolicyDigest::from_bytes([0xb0; 32]));
                let own = Number::from_bytes([1; 16]);
                self.append(day, own, Event::PolicyPublished(policy));
                let (entry, detail) = (*self.promise.entry(), self.promise.detail().clone());
                self.shown(|world| world.entries.push((entry, detail)));
                let reason = ReasonCode::from_number(4).unwrap();
                self.shown(|world| world.append(day, report, Event::ReportSorted { reason }));
            }
            1 => {
                let grant = Number::from_bytes([2; 16]);
                self.append(day, grant, Event::GrantRequested { purpose });
                self.append(day, grant, Event::GrantApproved { purpose });
                self.opened = self.entries.len() as u64;
                self.shown(|world| world.append(day, report, open(marks[0])));
                self.shown(|world| world.append(day, report, open(marks[1])));
            }
            2 => self.decide(day, case, statement),
            3 => {
                let decision = self.leaf(self.decision);
                let detail = AppealDetail {
                    decision,
                    text_digest: [0xb7; 32],
                };
                let side = Side::Account;
                let detail = detail.encode(&mut self.rng).unwrap();
                self.shown(|world| {
                    world.append_with(day, case, Event::AppealFiled { side }, detail)
                });
            }
            4 => {
                let appeal = self.leaf(*self.of_reporter.last().unwrap());
                let detail = AppealDecisionDetail {
                    appeal,
                    statement: "The account was mistaken for another one.".to_owned(),
                    officer: [0xa5; 32],
                };
                let outcome = AppealOutcome::Reversed;
                let event = Event::AppealDecided { outcome, days: 1 };
                let detail = detail.encode(&mut self.rng).unwrap();
                self.shown(|world| world.append_with(day, case, event, detail));
            }
            _ => {}
        }
        for number in 0..REPORTS {
            let mut id = [0xee; 16];
            id[..4].copy_from_slice(&(day * 1_000 + number).to_be_bytes());
            self.append(day, Number::from_bytes(id), Event::ReportReceived);
        }
    }

    fn decide(&mut self, day: u32, case: Number, statement: &str) {
        self.decision = self.entries.len() as u64;
        let event = Event::Decision {
            reason: ReasonCode::from_number(4).unwrap(),
            measure: Measure::Suspended,
            openings: 2,
            days: 2,
        };
        let detail = DecisionDetail {
            case: [0xcc; 16],
            officer: [0xa4; 32],
            policy: [0xb0; 32],
            rule: "3.1 threats".to_owned(),
            statement: statement.to_owned(),
            appeal_until_ms: noon(DAY + 33) * 1_000,
            account: account_commitment(&ACCOUNT_SALT, ACCOUNT.as_bytes()),
            reports_root: reports_root(&[commitment()]),
            reports_count: 1,
        };
        let detail = detail.encode(&mut self.rng).unwrap();
        self.shown(|world| world.append_with(day, case, event, detail));
        let decision = self.leaf(self.decision);
        for side in [Side::Reporter, Side::Account] {
            let detail = NoticeDetail { decision, side };
            let detail = detail.encode(&mut self.rng).unwrap();
            self.shown(|world| world.append_with(day, case, Event::NoticeSent { side }, detail));
        }
    }

    /// Appends one entry that the reporter's receipt shows.
    fn shown(&mut self, append: impl FnOnce(&mut Self)) {
        self.of_reporter.push(self.entries.len() as u64);
        append(self);
    }

    fn append(&mut self, day: u32, number: Number, event: Event) {
        let detail = Detail::new(b"detail".to_vec(), &mut self.rng).unwrap();
        self.append_with(day, number, event, detail);
    }

    fn append_with(&mut self, day: u32, number: Number, event: Event, detail: Detail) {
        let (day, digest) = (Day(day), detail.digest());
        let entry = Entry {
            day,
            number,
            event,
            digest,
        };
        self.entries.push((entry, detail));
    }

    fn leaf(&self, index: u64) -> TreeHash {
        self.entries[index as usize].0.leaf_hash()
    }

    /// The pinned keys: two of three witnesses must cosign.
    pub fn keys(&self) -> LogKeys {
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

    /// A checkpoint over a size and a root, signed by the log only.
    pub fn signed(&self, size: u64, root: TreeHash) -> Note {
        Checkpoint::new(ORIGIN, size, root)
            .unwrap()
            .sign(&self.log)
            .unwrap()
    }

    /// Adds the cosignatures of two witnesses and the vault.
    pub fn cosigned(&self, mut note: Note, secs: u64) -> Note {
        let text = note.text().to_owned();
        for cosigner in self.witnesses[..2].iter().chain([&self.vault]) {
            note.add(cosigner.cosign(&text, secs)).unwrap();
        }
        note
    }

    pub fn root(&self, size: usize) -> TreeHash {
        let mut tree = Appender::new();
        for (entry, _) in &self.entries[..size] {
            tree.append(entry.leaf_hash());
        }
        tree.root()
    }

    /// The complete checkpoint over the first entries, of a day.
    pub fn checkpoint(&self, size: usize, day: u32) -> Note {
        self.cosigned(self.signed(size as u64, self.root(size)), noon(day))
    }

    /// Number of entries that the tiles cover.
    pub fn covered(&self) -> usize {
        self.checkpoints[DAYS as usize - 8].0
    }

    /// Publishes the log as the provider would on its last day.
    pub fn publish(&self) -> Published {
        let days = self.checkpoints.len().saturating_sub(8);
        self.publish_tiles(self.checkpoints[days].0)
    }

    /// Publishes the log with the tiles of its first entries.
    pub fn publish_tiles(&self, covered: usize) -> Published {
        let published = Published::new();
        published.write("keys", self.keys().to_string().as_bytes());
        let mut tree = Appender::new();
        let mut written = 0;
        for (size, day) in &self.checkpoints {
            let note = self.checkpoint(*size, *day).encode();
            published.write(&format!("checkpoints/{size}"), &note);
            published.write("checkpoint", &note);
            if *size > covered {
                continue;
            }
            for (entry, _) in &self.entries[written..*size] {
                tree.append(entry.leaf_hash());
            }
            for tile in tree.take_changed() {
                published.write(&tile.path(), &tile.bytes);
            }
            for bundle in written / 256..size.div_ceil(256) {
                let part = &self.entries[bundle * 256..*size.min(&(bundle * 256 + 256))];
                let bytes: Vec<Vec<u8>> = part.iter().map(|(entry, _)| entry.encode()).collect();
                let path = bundle_path(bundle as u64, part.len() as u16);
                published.write(&path, &encode_bundle(&bytes));
            }
            written = *size;
        }
        published
    }

    /// The item for an entry, proven against the first `size` entries.
    fn item(&self, index: u64, size: usize, role: Role) -> Item {
        let (entry, detail) = &self.entries[index as usize];
        let leaves: Vec<TreeHash> = self.entries[..size]
            .iter()
            .map(|(entry, _)| entry.leaf_hash())
            .collect();
        let is_decision = matches!(entry.event, Event::Decision { .. });
        Item {
            index,
            entry: *entry,
            proof: proof(index as usize, &leaves),
            detail: (index >= self.decision).then(|| detail.clone()),
            link: is_decision.then(|| match role {
                Role::Reporter => Link::to_report(LINK_SALT, 0, &[commitment()]).unwrap(),
                Role::Account => Link::Account { salt: ACCOUNT_SALT },
            }),
        }
    }

    /// The receipt with these entries, against the checkpoint of a day of the story.
    pub fn receipt(&self, role: Role, indices: &[u64], day: usize) -> Receipt {
        let (size, day) = self.checkpoints[day];
        let indices = indices.iter().filter(|index| **index < size as u64);
        Receipt {
            role,
            checkpoint: self.checkpoint(size, day),
            items: indices.map(|index| self.item(*index, size, role)).collect(),
        }
    }

    pub fn of_reporter(&self, day: usize) -> Receipt {
        self.receipt(Role::Reporter, &self.of_reporter, day)
    }

    pub fn of_account(&self, day: usize) -> Receipt {
        let of_case = self.of_reporter.iter().copied();
        let of_case: Vec<u64> = of_case.filter(|index| *index >= self.decision).collect();
        self.receipt(Role::Account, &of_case, day)
    }
}

fn commitment() -> [u8; 32] {
    report_commitment(&LINK_SALT, &ReportDigest::of(SEALED))
}

/// The proof that the leaf at `index` is in the tree over `leaves`. RFC 6962, by its definition.
fn proof(index: usize, leaves: &[TreeHash]) -> Vec<TreeHash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut path, sibling) = if index < left.len() {
        (proof(index, left), right)
    } else {
        (proof(index - left.len(), right), left)
    };
    path.push(root(sibling));
    path
}

fn root(leaves: &[TreeHash]) -> TreeHash {
    let mut tree = Appender::new();
    leaves.iter().for_each(|leaf| {
        tree.append(*leaf);
    });
    tree.root()
}
