//! Runs the decoders of `waxseal-log` on any bytes, and an audit and a receipt of a hostile
//! provider that has all keys.
//!
//! Asserts that nothing panics, that each value has one encoding, and that audit and receipt tell
//! what the entries say.

use std::sync::LazyLock;

use waxseal_log::audit::Audit;
use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::counts::Counts;
use waxseal_log::entry::{Day, Detail, Entry, Event, PolicyKey};
use waxseal_log::keys::LogKeys;
use waxseal_log::limits::MAX_FINDINGS_OF_KIND;
use waxseal_log::link::Link;
use waxseal_log::note::{Cosigner, Note, Signer, Verifier};
use waxseal_log::promise::{Promise, PromisedReport};
use waxseal_log::receipt::{Expected, Item, Receipt, Role, Told};
use waxseal_log::report::ReportDigest;
use waxseal_log::tiles::{decode_bundle, encode_bundle};
use waxseal_log::tree::{Frontier, TreeHash};
use waxseal_log::witness::{AddCheckpoint, Witness, read_answer};

use crate::{NOW, rng};

/// The sealed report of the reporter who gets the receipt.
pub(crate) const SEALED: &[u8] = b"a sealed report";
/// The account that gets the receipt.
pub(crate) const ACCOUNT: &[u8] = b"mallory";

/// All keys of a log, which a hostile provider has.
pub(crate) struct Provider {
    pub(crate) log: Signer,
    pub(crate) vault: Cosigner,
    pub(crate) witness: Cosigner,
    pub(crate) policy: PolicyKey,
    pub(crate) keys: LogKeys,
    pub(crate) promise: Promise,
    promised: PromisedReport,
}

pub(crate) static PROVIDER: LazyLock<Provider> = LazyLock::new(|| {
    let log = Signer::from_seed("log.example", &[1; 32]).unwrap();
    let vault = Cosigner::from_seed("vault.example", &[2; 32]).unwrap();
    let witness = Cosigner::from_seed("witness.example", &[3; 32]).unwrap();
    let policy = PolicyKey::from_seed(&[4; 32]);
    let (cosigned, public) = (vec![witness.verifier()], Some(policy.public_key()));
    let keys = LogKeys::new(log.verifier(), vault.verifier(), cosigned, 1, public).unwrap();
    let (report, now) = (ReportDigest::of(SEALED), NOW.as_millis());
    let promise = Promise::make(&log, &report, None, now, &mut rng(1)).unwrap();
    let promised = promise.verify(keys.log(), &report, now).unwrap();
    Provider {
        log,
        vault,
        witness,
        policy,
        keys,
        promise,
        promised,
    }
});

impl Provider {
    /// The checkpoint of a tree, signed by all.
    pub(crate) fn checkpoint(&self, size: u64, root: TreeHash, secs: u64) -> Note {
        let checkpoint = Checkpoint::new("log.example", size, root).unwrap();
        let mut note = checkpoint.sign(&self.log).unwrap();
        for cosigner in [&self.vault, &self.witness] {
            let signature = cosigner.cosign(note.text(), secs);
            note.add(signature).unwrap();
        }
        note
    }
}

/// Asserts that a decoded value encodes to the same bytes again.
macro_rules! one_encoding {
    ($bytes:ident, $decoded:expr, $value:ident => $encoded:expr) => {
        if let Ok($value) = $decoded {
            assert_eq!(&$encoded[..], $bytes, "the value has a second encoding");
        }
    };
}

/// Runs a decoder, an audit or a receipt. The first byte of the input chooses which.
pub fn log(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    match kind % 12 {
        0 => one_encoding!(bytes, Entry::decode(bytes), entry => entry.encode()),
        1 => one_encoding!(bytes, Frontier::decode(bytes), frontier => {
            assert_eq!(frontier.size() == 0, frontier.root() == TreeHash::of_nothing());
            frontier.encode()
        }),
        2 => {
            if let Some((width, bytes)) = bytes.split_first() {
                let entries = decode_bundle(bytes, u16::from(*width));
                one_encoding!(bytes, entries, entries => encode_bundle(&entries));
            }
        }
        3 => note(bytes),
        4 => {
            if let Ok(vkey) = core::str::from_utf8(bytes) {
                let key = vkey.parse::<Verifier>();
                one_encoding!(bytes, key, key => key.to_string().into_bytes());
            }
        }
        5 => {
            if let Ok(text) = core::str::from_utf8(bytes) {
                let keys = text.parse::<LogKeys>();
                one_encoding!(bytes, keys, keys => keys.to_string().into_bytes());
            }
        }
        6 => witness(bytes),
        7 => {
            let restored = Witness::import(PROVIDER.witness.clone(), bytes);
            one_encoding!(bytes, restored, witness => witness.export());
        }
        8 => {
            let note = PROVIDER.checkpoint(0, TreeHash::of_nothing(), 0);
            let key = PROVIDER.witness.verifier();
            for status in [200, 409] {
                let _ = read_answer(status, bytes, &note, &key);
            }
        }
        9 => promise(bytes),
        10 => receipt(bytes),
        _ => audit(bytes),
    }
}

fn note(bytes: &[u8]) {
    let Ok(note) = Note::decode(bytes) else {
        return;
    };
    assert_eq!(note.encode(), bytes, "the note has a second encoding");
    if let Ok(checkpoint) = Checkpoint::decode(note.text()) {
        assert_eq!(checkpoint.to_string(), note.text());
    }
    let _ = PROVIDER.keys.verify(&note);
}

fn witness(body: &[u8]) {
    if let Ok(request) = AddCheckpoint::decode(body) {
        assert_eq!(request.encode(), body, "the request has a second encoding");
    }
    let logs = vec![PROVIDER.log.verifier()];
    let mut witness = Witness::new(PROVIDER.witness.clone(), logs).unwrap();
    let before = witness.export();
    if witness.add(body, 0).is_err() {
        assert_eq!(
            witness.export(),
            before,
            "a refused request changed the witness"
        );
    }
}

fn promise(bytes: &[u8]) {
    let Ok(promise) = Promise::decode(bytes) else {
        return;
    };
    assert_eq!(promise.encode(), bytes, "the promise has a second encoding");
    let (log, report) = (PROVIDER.keys.log(), ReportDigest::of(SEALED));
    if let Ok(told) = promise.verify(log, &report, NOW.as_millis()) {
        assert_eq!(told, PROVIDER.promised, "only one promise was made");
    }
}

fn verify(receipt: &Receipt) -> Option<Told> {
    let promise = &PROVIDER.promised;
    let expected = match receipt.role {
        Role::Reporter => Expected::Report { promise },
        Role::Account => Expected::Account { account: ACCOUNT },
    };
    receipt.verify(&PROVIDER.keys, expected).ok()
}

/// Decodes a receipt. Then proves its entries in a log of the provider's, and shows it again.
fn receipt(bytes: &[u8]) {
    let Ok(mut receipt) = Receipt::decode(bytes) else {
        return;
    };
    assert_eq!(
        receipt.encode().as_deref(),
        Some(bytes),
        "the receipt has a second encoding"
    );
    let _ = verify(&receipt);
    // A log that holds nothing else than what the receipt shows.
    receipt.items.truncate(64);
    for (index, item) in (0..).zip(&mut receipt.items) {
        item.index = index;
        if let Some(detail) = &item.detail {
            item.entry.digest = detail.digest();
        }
    }
    let leaves: Vec<_> = receipt
        .items
        .iter()
        .map(|item| item.entry.leaf_hash())
        .collect();
    for (index, item) in receipt.items.iter_mut().enumerate() {
        item.proof = path(index, &leaves);
    }
    receipt.checkpoint = PROVIDER.checkpoint(leaves.len() as u64, root(&leaves), u64::MAX >> 1);
    let Some(told) = verify(&receipt) else {
        return;
    };
    let kinds = |is: fn(&Event) -> bool| {
        let shown = receipt.items.iter().filter(|item| is(&item.entry.event));
        shown.count()
    };
    assert_eq!(
        told.openings.len(),
        kinds(|event| matches!(event, Event::ContentOpened { .. }))
    );
    assert!(told.decisions.len() <= kinds(|event| matches!(event, Event::Decision { .. })));
    assert!(told.contradictions.len() <= 2 * receipt.items.len() + 1);
    assert_eq!(told.contradicts(&told), []);
    let entries: Vec<Entry> = receipt.items.iter().map(|item: &Item| item.entry).collect();
    assert_eq!(told.missing_from(&entries), []);
}

/// The input is a list of `len u8 || entry`. An entry of length 0 is a checkpoint, one day later.
fn audit(mut bytes: &[u8]) {
    let everything = Counts::new(Day(0), Day(u32::MAX));
    let mut audit = Audit::new(PROVIDER.keys.clone(), everything);
    let (mut frontier, mut entries) = (Frontier::new(), 0);
    let mut secs = NOW.as_millis() / 1_000;
    audit.expect_promise(*PROVIDER.promised.leaf());
    while let Some((len, rest)) = bytes.split_first() {
        let (entry, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        bytes = rest;
        if !entry.is_empty() {
            if audit.entry(entry).is_ok() {
                frontier.push(TreeHash::of_leaf(entry));
                entries += 1;
            }
            continue;
        }
        secs += 86_400;
        let (size, root) = (frontier.size(), frontier.root());
        let forged = PROVIDER.checkpoint(size, TreeHash::of_leaf(root.as_bytes()), secs);
        audit.checkpoint(&forged).unwrap_err();
        audit
            .checkpoint(&PROVIDER.checkpoint(size + 1, root, secs))
            .unwrap_err();
        audit
            .checkpoint(&PROVIDER.checkpoint(size, root, secs))
            .unwrap();
        assert_eq!(audit.last_checkpoint().unwrap().size(), size);
    }
    assert_eq!((audit.size(), audit.counts().entries), (entries, entries));
    // There are fewer than 16 kinds.
    assert!(audit.findings().len() <= 16 * MAX_FINDINGS_OF_KIND);
    let openings: u64 = audit.counts().openings.values().sum();
    let by_report = audit.counts().openings_per_report();
    let openings_of = |(openings, reports): (&u64, &u64)| openings * reports;
    assert_eq!(openings, by_report.iter().map(openings_of).sum::<u64>());
    let (median, maximum) = {
        let days = &audit.counts().days_to_decision;
        (days.median(), days.maximum())
    };
    assert!(median <= maximum);
    assert!(
        audit
            .counts()
            .rows()
            .iter()
            .all(|(name, _)| !name.is_empty())
    );
}

/// The path from a leaf to the root. RFC 6962, “Merkle Audit Paths”.
pub(crate) fn path(index: usize, leaves: &[TreeHash]) -> Vec<TreeHash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut path, sibling) = match index.checked_sub(left.len()) {
        None => (path(index, left), right),
        Some(index) => (path(index, right), left),
    };
    path.push(root(sibling));
    path
}

/// The root over leaf hashes.
pub(crate) fn root(leaves: &[TreeHash]) -> TreeHash {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

/// A detail of these bytes, with a fixed salt.
pub(crate) fn detail(bytes: &[u8]) -> Detail {
    Detail::from_parts([5; 32], bytes.to_vec()).unwrap()
}

/// The link of a reporter's receipt: the report is the only one of its case.
pub(crate) fn link(commitment: [u8; 32]) -> Link {
    Link::to_report([6; 32], 0, &[commitment]).unwrap()
}
