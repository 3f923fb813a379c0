//! Implements the cost model. It lists the primitives that an operation must call by its
//! specification, measures what they cost on this machine, and compares their sum with the
//! operation's cost.

use crate::compare;
use crate::measure::{Cost, Effort};
use crate::primitives;
use crate::results::{Results, micros};

/// The lower bound of an operation's cost: what its primitives alone cost.
pub struct Bound {
    pub operation: &'static str,
    pub size: u64,
    pub variant: &'static str,
    /// The primitives that the operation calls: (number of calls, name of the primitive).
    pub calls: Vec<(f64, &'static str)>,
}

/// Number of messages, of both sides together, in one epoch of the post-quantum ratchet, if the
/// sides write in turn. (waxseal-core, SPEC.md, “Pace”)
const MESSAGES_PER_EPOCH: f64 = 87.0;

/// Number of blocks that SHA-256 processes for 4,096 bytes.
const SHA_256_BLOCKS: f64 = 65.0;

/// Number of bytes that a receipt MAC covers: label, tag, context, stamp. A delivery MAC also
/// covers the digest of the ciphertext.
const DELIVERY_FIELDS: usize = 20 + 32 + 45 + 32;

/// The lower bounds of all operations that have one.
#[must_use]
pub fn bounds() -> Vec<Bound> {
    let mut bounds = Vec::new();
    let mut bound = |operation, size, variant, calls| {
        bounds.push(Bound {
            operation,
            size,
            variant,
            calls,
        });
    };
    bound("handshake", 64, "ratchet", handshake());
    for (size, plain, padded) in [(64, 0, 1), (1_024, 2, 3), (65_536, 4, 5)] {
        let (seal, open, _) = primitives::BODIES[plain];
        let (padded_seal, padded_open, padded_len) = primitives::BODIES[padded];
        let franked = |mut calls: Vec<_>, more: Vec<_>| {
            calls.extend(more);
            calls
        };
        let mut delivery = mac(DELIVERY_FIELDS + 32);
        delivery.extend(hash(padded_len + 120));
        let checked = franked(commitment(size), delivery);
        let mut committed = commitment(size);
        committed.push((1.0, "random 32"));

        let size = size as u64;
        bound("burst_seal", size, "ratchet", message(seal, "header seal"));
        bound("burst_open", size, "ratchet", message(open, "header open"));
        bound("pingpong_seal", size, "ratchet", turn_seal(seal));
        bound("pingpong_open", size, "ratchet", turn_open(open));
        let sealing = message(padded_seal, "header seal");
        bound(
            "burst_seal",
            size,
            "franked",
            franked(sealing, committed.clone()),
        );
        let opening = message(padded_open, "header open");
        bound(
            "burst_open",
            size,
            "franked",
            franked(opening, checked.clone()),
        );
        bound(
            "pingpong_seal",
            size,
            "franked",
            franked(turn_seal(padded_seal), committed),
        );
        bound(
            "pingpong_open",
            size,
            "franked",
            franked(turn_open(padded_open), checked),
        );
    }
    let mut skip = message("AEAD open 64", "header open");
    skip.push((2_000.0, "chain step: two HMACs of one key"));
    bound("skip_1000", 64, "ratchet", skip);
    for count in compare::STORED {
        let in_order = message("AEAD open 64", "header open");
        bound("open_with_skipped", count as u64, "ratchet", in_order);
    }
    for counter in compare::COUNTERS {
        let look = vec![(1.0, "header MAC, kept key")];
        bound("forged_header", counter, "ratchet", look);
    }
    bound("stamp", 64, "stamp", mac(20 + 32 + 45));
    let mut relay = mac(20 + 32 + 45);
    // Device MAC and delivery MAC each cover the digest of the ciphertext.
    relay.extend(mac(20 + 10 + 5 + 32 + 8 + 16 + 32 + 32));
    relay.extend(mac(DELIVERY_FIELDS + 32));
    relay.extend(of_each(2, hash(192 + 120)));
    relay.extend(mac(DELIVERY_FIELDS));
    bound("stamp", 64, "relay", relay);
    bound("verify_stamp", 64, "verify", mac(20 + 32 + 45));
    for count in [1, 5, 30] {
        bound("report_seal", count, "report", report_seal(count));
        bound("report_review", count, "report", report_review(count));
    }
    bounds
}

/// Lists the primitives of a handshake with its first message, on both sides.
fn handshake() -> Vec<(f64, &'static str)> {
    vec![
        // Each side computes four shared secrets for the handshake and one for its first root step.
        (10.0, "X25519"),
        // The initiator makes its base key and its first ratchet key. The recipient computes the
        // public half of its one-time prekey.
        (3.0, "X25519 of the base point"),
        (1.0, "X25519 key in the prime-order group"),
        // The signatures of two certificates and of two sets of prekeys are verified.
        (2.0, "Ed25519 verify 68"),
        (2.0, "Ed25519 verify 1650"),
        // Each side decodes the other's identity.
        (2.0, "Ed25519 key decode"),
        (2.0, "ML-KEM-1024 validate"),
        (1.0, "ML-KEM-1024 encapsulate"),
        // The recipient keeps only a seed and generates its key pair again.
        (1.0, "ML-KEM-1024 generate"),
        (1.0, "ML-KEM-1024 decapsulate"),
        // For the first message, the initiator makes the post-quantum ratchet's first key pair.
        (1.0, "ML-KEM-768 generate"),
        // Each side hashes the transcript of 1.8 KB, and about as many bytes of other input.
        (2.0 * 57.0 / SHA_256_BLOCKS, "SHA-256 4096"),
        (6.0, "HKDF 96"),
        (2.0, "HKDF 64"),
        (2.0, "HKDF 32"),
        (4.0, "chain step: two HMACs of one key"),
        (2.0, "HKDF 44"),
        (1.0, "AEAD seal 64"),
        (1.0, "AEAD open 64"),
        (1.0, "header seal"),
        (1.0, "header open"),
    ]
}

/// Lists the primitives of a message: one step in the chain of each of the two ratchets, the
/// derivation of the message's key, and encryption or decryption of body and header.
fn message(body: &'static str, header: &'static str) -> Vec<(f64, &'static str)> {
    vec![
        (2.0, "chain step: two HMACs of one key"),
        // The message's key depends on a hash of the associated data, which is at least two blocks.
        (2.0 / SHA_256_BLOCKS, "SHA-256 4096"),
        (1.0, "HKDF 44"),
        (1.0, body),
        (1.0, header),
    ]
}

/// Lists the primitives of sealing a message that makes the sending half of a Diffie–Hellman step.
fn turn_seal(body: &'static str) -> Vec<(f64, &'static str)> {
    let mut calls = message(body, "header seal");
    calls.extend([
        (1.0, "random 32"),
        (1.0, "X25519 of the base point"),
        (1.0, "X25519"),
        (1.0, "HKDF 96"),
    ]);
    calls.extend(epoch());
    calls
}

/// Lists the primitives of opening a message that makes the receiving half of a Diffie–Hellman
/// step.
fn turn_open(body: &'static str) -> Vec<(f64, &'static str)> {
    let mut calls = message(body, "header open");
    calls.extend([(1.0, "X25519"), (1.0, "HKDF 96")]);
    calls.extend(epoch());
    calls
}

/// Lists a message's share of the primitives in an epoch of the post-quantum ratchet. Sealing and
/// opening each count half of the share.
fn epoch() -> Vec<(f64, &'static str)> {
    let share = 0.5 / MESSAGES_PER_EPOCH;
    vec![
        (share, "ML-KEM-768 generate"),
        (share, "ML-KEM-768 encapsulate, both parts"),
        (share, "ML-KEM-768 decapsulate"),
    ]
}

/// Lists the primitives of an HMAC over `len` bytes.
fn mac(len: usize) -> Vec<(f64, &'static str)> {
    let blocks = (len + 9).div_ceil(64) as f64;
    vec![
        (1.0, "HMAC 30, fresh key"),
        ((blocks - 1.0) / SHA_256_BLOCKS, "SHA-256 4096"),
    ]
}

/// Lists the primitives of a SHA-256 over `len` bytes.
fn hash(len: usize) -> Vec<(f64, &'static str)> {
    let blocks = (len + 9).div_ceil(64) as f64;
    vec![(blocks / SHA_256_BLOCKS, "SHA-256 4096")]
}

/// HMAC and SHA-256 calls of a commitment to a message of two parts. It derives three keys (the
/// root key and two part keys), commits to each part, and makes the tag.
fn commitment(text: usize) -> Vec<(f64, &'static str)> {
    let mut calls = vec![
        (3.0, "HMAC 30, kept key"),
        (2.0 / SHA_256_BLOCKS, "SHA-256 4096"),
    ];
    calls.extend(mac(22 + 5 + 22));
    calls.extend(mac(22 + 5 + 1 + text));
    calls.extend(mac(20 + 10 + 32 + 1 + 64));
    calls
}

/// Lists the primitives of sealing a report: one X-Wing encapsulation, and for each message one
/// commitment and the encryption of 192 bytes. Two MACs over the whole report are left out.
fn report_seal(count: u64) -> Vec<(f64, &'static str)> {
    let mut calls = vec![
        (1.0, "X25519"),
        (1.0, "X25519 of the base point"),
        (1.0, "ML-KEM-768 encapsulate, both parts"),
    ];
    calls.extend(of_each(count, commitment(64)));
    calls.extend(of_each(count, vec![(1.0, "AEAD seal 192")]));
    calls
}

/// Lists the primitives of reviewing a report: one X-Wing decapsulation from a seed, and for each
/// message one commitment and the decryption of 192 bytes.
fn report_review(count: u64) -> Vec<(f64, &'static str)> {
    let mut calls = vec![
        (1.0, "X25519"),
        (1.0, "X25519 of the base point"),
        (1.0, "ML-KEM-768 generate"),
        (1.0, "ML-KEM-768 decapsulate"),
    ];
    calls.extend(of_each(count, commitment(64)));
    calls.extend(of_each(count, vec![(1.0, "AEAD open 192")]));
    calls
}

fn of_each(count: u64, calls: Vec<(f64, &'static str)>) -> Vec<(f64, &'static str)> {
    let times = count as f64;
    calls
        .into_iter()
        .map(|(number, name)| (number * times, name))
        .collect()
}

/// The primitives and the measurements of one run.
pub struct Model {
    pub primitives: Vec<(&'static str, Cost)>,
    pub results: Results,
}

/// Measures the primitives and all operations.
#[must_use]
pub fn measure(effort: Effort) -> Model {
    Model {
        primitives: primitives::measure(effort),
        results: compare::all(effort, None),
    }
}

impl Model {
    /// The cost of a bound, in nanoseconds.
    ///
    /// # Panics
    /// If one of the bound's primitives was not measured.
    #[must_use]
    pub fn cost(&self, bound: &Bound) -> f64 {
        let cost = |name: &str| {
            let found = self.primitives.iter().find(|(known, _)| *known == name);
            let (_, cost) = found.unwrap_or_else(|| panic!("{name} was not measured"));
            cost.median
        };
        bound
            .calls
            .iter()
            .map(|(number, name)| number * cost(name))
            .sum()
    }

    /// Formats all primitives and bounds as tables in Markdown.
    #[must_use]
    pub fn to_tables(&self) -> String {
        let mut out = format!("{}\n\n", crate::machine::line());
        out += "| primitive | median µs | min µs | spread |\n|---|---:|---:|---:|\n";
        for (name, cost) in &self.primitives {
            out += &format!(
                "| {name} | {:.3} | {:.3} | {:.0} % |\n",
                cost.median / 1_000.0,
                cost.min / 1_000.0,
                cost.spread * 100.0
            );
        }
        out += "\n| operation | size | variant | bound µs | measured µs | ratio | above 1.3 |\n|---|---:|---|---:|---:|---:|---|\n";
        for bound in bounds() {
            let least = self.cost(&bound);
            let measured = self
                .results
                .median(bound.operation, bound.size, bound.variant);
            let Some(measured) = measured else { continue };
            let ratio = measured / least;
            out += &format!(
                "| {} | {} | {} | {} | {} | {ratio:.2} | {} |\n",
                bound.operation,
                bound.size,
                bound.variant,
                micros(least),
                micros(measured),
                if ratio > 1.3 { "yes" } else { "" },
            );
        }
        out
    }
}
