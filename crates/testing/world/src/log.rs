//! The transparency log of a provider: it promises an entry for each report, and makes receipts.

use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use waxseal::log::checkpoint::Checkpoint;
use waxseal::log::decision::{AppealDetail, DecisionDetail};
use waxseal::log::entry::{Day, Detail, Entry, Event, Measure, Number, ReasonCode, Side};
use waxseal::log::keys::LogKeys;
use waxseal::log::link::{Link, account_commitment, report_commitment, reports_root};
use waxseal::log::note::{Cosigner, Signer};
use waxseal::log::promise::Promise;
use waxseal::log::receipt::{Item, Receipt, Role};
use waxseal::log::report::ReportDigest;
use waxseal::log::tree::TreeHash;
use waxseal::reporting::reporter::Report;
use waxseal::{AccountId, Timestamp};

use crate::rng;

/// Salt of what joins a decision to its report and to its account.
const LINK_SALT: [u8; 32] = [7; 32];

/// A log with its keys and its entries: small, since each proof is computed from all leaves.
///
/// It does what it is told, so a test can also let it lie. Two logs of one name have the same keys,
/// as if the provider kept two.
#[derive(Clone)]
pub struct Log {
    log: Signer,
    vault: Cosigner,
    witness: Cosigner,
    entries: Vec<(Entry, Detail)>,
}

impl Log {
    /// A log without entries. Its keys come from its name, which is its origin.
    ///
    /// # Panics
    /// If the name cannot be an origin.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut seed = [1; 32];
        let bytes = name.bytes().take(32);
        seed.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
        let cosigner = |what: &str, n: u8| {
            let seed = seed.map(|byte| byte ^ n);
            Cosigner::from_seed(&format!("{name}/{what}"), &seed).unwrap()
        };
        Self {
            log: Signer::from_seed(name, &seed).unwrap(),
            vault: cosigner("vault", 0x80),
            witness: cosigner("witness", 0xc0),
            entries: Vec::new(),
        }
    }

    /// The keys that a client pins: of the log, the vault and one witness.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn keys(&self) -> LogKeys {
        let witnesses = vec![self.witness.verifier()];
        let (log, vault) = (self.log.verifier(), self.vault.verifier());
        LogKeys::new(log, vault, witnesses, 1, None).unwrap()
    }

    /// Promises the entry about a sealed report, and does not append it. Other bytes count as a
    /// foreign report.
    ///
    /// # Panics
    /// Never.
    pub fn promise(
        &self,
        sealed: &[u8],
        rejected: Option<u8>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Promise {
        Promise::make(
            &self.log,
            &digest_of(sealed),
            rejected,
            now.as_millis(),
            rng,
        )
        .unwrap()
    }

    /// Appends the promised entry. Returns its index.
    pub fn append_promised(&mut self, promise: &Promise) -> u64 {
        self.push(*promise.entry(), promise.detail().clone())
    }

    /// Appends an entry. Returns its index.
    ///
    /// # Panics
    /// Never.
    pub fn append(&mut self, day: Day, number: Number, event: Event) -> u64 {
        let detail = Detail::new(b"detail".to_vec(), &mut rng(1)).unwrap();
        self.push(entry(day, number, event, &detail), detail)
    }

    /// Appends a decision in the case `case`, which has one report and is about one account.
    /// Returns its index.
    ///
    /// # Panics
    /// Never.
    pub fn decide(&mut self, day: Day, case: u8, account: &AccountId, sealed: &[u8]) -> u64 {
        let case = [case; 16];
        let report = report_commitment(&LINK_SALT, &digest_of(sealed));
        let detail = DecisionDetail {
            case,
            officer: [8; 32],
            policy: [9; 32],
            rule: "2.1".to_owned(),
            statement: "It is a threat.".to_owned(),
            appeal_until_ms: Day(day.0 + 180).end_ms(),
            account: account_commitment(&LINK_SALT, account.as_str().as_bytes()),
            reports_root: reports_root(&[report]),
            reports_count: 1,
        };
        let detail = detail.encode(&mut rng(2)).unwrap();
        let event = Event::Decision {
            reason: ReasonCode::from_number(1).unwrap(),
            measure: Measure::Warning,
            openings: 9,
            days: 1,
        };
        self.push(entry(day, Number::from_bytes(case), event, &detail), detail)
    }

    /// Appends an appeal against the decision at an index, in the same case. Returns its index.
    ///
    /// # Panics
    /// If there is no such entry.
    pub fn appeal(&mut self, day: Day, decision: u64, side: Side, text: &str) -> u64 {
        let decided = self.entries[usize::try_from(decision).unwrap()].0;
        let detail = AppealDetail {
            decision: decided.leaf_hash(),
            text_digest: Sha256::digest(text).into(),
        };
        let detail = detail.encode(&mut rng(3)).unwrap();
        let event = Event::AppealFiled { side };
        self.push(entry(day, decided.number, event, &detail), detail)
    }

    /// The leaf hash of the entry at an index.
    ///
    /// # Panics
    /// If there is no such entry.
    #[must_use]
    pub fn leaf(&self, index: u64) -> TreeHash {
        self.entries[usize::try_from(index).unwrap()].0.leaf_hash()
    }

    fn push(&mut self, entry: Entry, detail: Detail) -> u64 {
        self.entries.push((entry, detail));
        self.entries.len() as u64 - 1
    }

    /// An encoded receipt that shows the entries at these indices. Its checkpoint is over the whole
    /// log, signed and cosigned at the time `now`.
    ///
    /// # Panics
    /// If there are no such entries, or they do not ascend.
    #[must_use]
    pub fn receipt(&self, role: Role, indices: &[u64], now: Timestamp) -> Vec<u8> {
        let leaves: Vec<_> = self.entries.iter().map(|one| one.0.leaf_hash()).collect();
        let (name, size) = (self.log.verifier().name().to_owned(), leaves.len());
        let checkpoint = Checkpoint::new(&name, size as u64, root(&leaves)).unwrap();
        let mut note = checkpoint.sign(&self.log).unwrap();
        let (text, secs) = (note.text().to_owned(), now.as_millis() / 1_000);
        for cosigner in [&self.vault, &self.witness] {
            note.add(cosigner.cosign(&text, secs)).unwrap();
        }
        let item = |index: &u64| {
            let at = usize::try_from(*index).unwrap();
            let (entry, detail) = &self.entries[at];
            let is_decision = matches!(entry.event, Event::Decision { .. });
            let is_appeal = matches!(entry.event, Event::AppealFiled { .. })
                && AppealDetail::decode(detail).is_some();
            let link = match role {
                Role::Reporter => Link::Report {
                    salt: LINK_SALT,
                    index: 0,
                    path: Vec::new(),
                },
                Role::Account => Link::Account { salt: LINK_SALT },
            };
            Item {
                index: *index,
                entry: *entry,
                proof: path(at, &leaves),
                detail: (is_decision || is_appeal).then(|| detail.clone()),
                link: is_decision.then_some(link),
            }
        };
        let receipt = Receipt {
            role,
            checkpoint: note,
            items: indices.iter().map(item).collect(),
        };
        receipt.encode().unwrap()
    }
}

fn digest_of(sealed: &[u8]) -> ReportDigest {
    match Report::decode(sealed) {
        Ok(report) => ReportDigest::of(&report.without_mac()),
        Err(_) => ReportDigest::of(sealed),
    }
}

fn entry(day: Day, number: Number, event: Event, detail: &Detail) -> Entry {
    let digest = detail.digest();
    Entry {
        day,
        number,
        event,
        digest,
    }
}

/// The proof that the leaf at `index` is in the tree over `leaves`. RFC 6962, by its definition.
fn path(index: usize, leaves: &[TreeHash]) -> Vec<TreeHash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut found, sibling) = match index.checked_sub(left.len()) {
        None => (path(index, left), right),
        Some(index) => (path(index, right), left),
    };
    found.push(root(sibling));
    found
}

/// The root over leaf hashes. RFC 6962, by its definition.
fn root(leaves: &[TreeHash]) -> TreeHash {
    match leaves {
        [] => TreeHash::of_nothing(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            TreeHash::of_children(&root(left), &root(right))
        }
    }
}
