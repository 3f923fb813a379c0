//! Test vectors for other implementations: the files `tests/vectors/*.json` of this crate. Their
//! `README.md` says how to read them.
//!
//! `WAXSEAL_REGENERATE=1 cargo test -p waxseal-core vectors` rewrites the files from the code. If a
//! byte changes, the format has changed.
#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]
#![expect(clippy::type_complexity, reason = "tables of vectors")]

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use serde_json::{Value, json};
pub(crate) use waxseal_vectors::harness::{
    self, Crate, Input, Outcome, Vectors, changed, flipped, hex, refused, with,
};

use crate::codec::Writer;
use crate::dh::DhKeyPair;
use crate::kem::KemSeed;
use crate::{IdentityKey, IdentityKeyPair, PreKeys, chain, labels, post_quantum};

// These files have one test vector per line.
#[rustfmt::skip]
mod conversation;
#[rustfmt::skip]
mod derivations;
#[rustfmt::skip]
mod handshake;
#[rustfmt::skip]
mod keys;
#[rustfmt::skip]
mod prekeys;
#[rustfmt::skip]
mod refusal;
#[rustfmt::skip]
mod safety_number;

pub(crate) const CRATE: Crate = Crate {
    folder: env!("CARGO_MANIFEST_DIR"),
    run,
    checks_of,
};

/// Numbers of the checks that can fail with this error variant.
fn checks_of(variant: &str) -> &'static [u16] {
    match variant {
        "TooLong" => &[1, 14],
        "UnknownVersion" => &[2],
        "Malformed" => &[3, 14],
        "NotCanonical" => &[4, 5, 9, 23],
        "SmallOrder" => &[6, 9, 23],
        "InvalidKemKey" => &[8],
        "NotOnCurve" => &[9, 29],
        "InvalidSignature" => &[10, 46],
        "InvalidCertificate" => &[10],
        "InvalidSignedPreKeys" => &[11],
        "InvalidOneTimePreKeys" => &[12],
        "OwnIdentity" => &[17, 370],
        "Unauthenticated" => &[18, 19, 24, 30, 48, 100, 373, 374, 375],
        "RepeatedTarget" => &[370],
        "RecipientLeft" => &[371],
        "ChainExhausted" => &[372],
        "UnknownChain" => &[373],
        "ContradictoryKeys" => &[378, 379],
        "ChainLeft" => &[384],
        "ChainExpired" => &[385],
        "AlreadyReceived" => &[21, 376, 380, 381, 383],
        "JumpTooFar" => &[22, 377],
        "UnknownPreKey" => &[25, 26],
        "ReplayedInitialMessage" => &[27],
        "ReplayMemoryFull" => &[28],
        "NotInPrimeOrderGroup" => &[29],
        "IdentityChanged" => &[34],
        "Mismatch" => &[37],
        "InvalidAccountId" => &[38],
        "Misplaced" => &[41],
        "EpochAhead" => &[42],
        "HeaderNotAuthentic" => &[43],
        "NotAuthentic" => &[43, 45],
        "KeyMismatch" => &[44],
        "MarkRefused" => &[99],
        _ => &[],
    }
}

/// Runs the operation of this name.
pub(crate) fn run(operation: &str, input: Input<'_>) -> Outcome {
    match operation {
        "x25519_public_key" => keys::x25519_public_key(input),
        "ed25519_public_key" => keys::ed25519_public_key(input),
        "ml_kem_1024_public_key" => keys::ml_kem_1024_public_key(input),
        "x25519" => keys::x25519(input),
        "identity" => keys::identity(input),
        "verify_identity" => keys::verify_identity(input),
        "prove_account" => keys::prove_account(input),
        "prove_device" => keys::prove_device(input),
        "sign_roster" => keys::sign_roster(input),
        "verify_account_proof" => keys::verify_account_proof(input),
        "mark" => keys::mark(input),
        "verify_mark" => keys::verify_mark(input),
        "signed_prekeys" => prekeys::signed_prekeys(input),
        "one_time_prekeys" => prekeys::one_time_prekeys(input),
        "decode_bundle" => prekeys::decode_bundle(input),
        "encapsulate" => handshake::encapsulate(input),
        "pqxdh_secrets" => handshake::pqxdh_secrets(input),
        "initiate" => handshake::initiate(input),
        "decode_message" => handshake::decode_message(input),
        "accept" => handshake::accept(input),
        "accept_then" => handshake::accept_then(input),
        "root_step" => derivations::root_step(input),
        "chain_step" => derivations::chain_step(input),
        "message_key" => derivations::message_key(input),
        "seal_body" => derivations::seal_body(input),
        "open_body" => derivations::open_body(input),
        "header_keys" => derivations::header_keys(input),
        "seal_header" => derivations::seal_header(input),
        "open_header" => derivations::open_header(input),
        "conversation" => conversation::conversation(input),
        "seal_refusal" => refusal::seal_refusal(input),
        "open_refusal" => refusal::open_refusal(input),
        "session_id" => refusal::session_id(input),
        "session_digest" => refusal::session_digest(input),
        "chain_start" | "chain_auth_key" | "chain_seal" | "chain_key_slot" | "chain_open" => {
            chain::tests::vectors::run(operation, input)
        }
        "safety_number" => safety_number::safety_number(input),
        "compare_scanned" => safety_number::compare_scanned(input),
        _ => post_quantum::tests::vectors::run(operation, input),
    }
}

/// The labels that an operation uses in its derivations.
fn labels_of(operation: &str) -> Vec<&'static [u8]> {
    match operation {
        "identity" => vec![labels::IDENTITY_CERTIFICATE],
        "prove_account" => vec![labels::ACCOUNT_PROOF],
        "prove_device" => vec![labels::DEVICE_PROOF],
        "sign_roster" => vec![labels::ROSTER],
        "mark" => vec![labels::MARK],
        "signed_prekeys" => vec![labels::SIGNED_PREKEYS],
        "one_time_prekeys" => vec![labels::ONE_TIME_PREKEYS],
        "accept" => vec![
            labels::PQXDH,
            labels::PQXDH_POST_QUANTUM,
            labels::HANDSHAKE_DIGEST,
            labels::SESSION_AD,
        ],
        "root_step" => vec![labels::ROOT_STEP],
        "message_key" => vec![labels::MESSAGE_KEY],
        "header_keys" => vec![labels::HEADER_ENCRYPTION, labels::HEADER_AUTHENTICATION],
        "seal_header" => vec![labels::HEADER_MAC],
        "pq_start" => vec![labels::PQ_START, labels::PQ_AUTHENTICATOR_START],
        "pq_epoch" => vec![
            labels::PQ_EPOCH_KEY,
            labels::PQ_EPOCH_CHAINS,
            labels::PQ_AUTHENTICATOR,
        ],
        "header_mac" => vec![labels::PQ_HEADER_MAC],
        "ciphertext_mac" => vec![labels::PQ_CIPHERTEXT_MAC],
        "seal_refusal" => vec![labels::REFUSAL],
        "session_id" => vec![labels::SESSION_ID],
        "session_digest" => vec![labels::SESSION_DIGEST],
        "chain_start" => vec![labels::CHAIN_AD, labels::CHAIN_START],
        "chain_auth_key" => vec![labels::CHAIN_AUTH_KEY],
        "chain_seal" => vec![
            labels::CHAIN_MESSAGE,
            labels::CHAIN_HEADER_MAC,
            labels::CHAIN_MAC,
        ],
        "chain_key_slot" => vec![labels::CHAIN_KEY_SLOT],
        "safety_number" => vec![labels::FINGERPRINT_START, labels::FINGERPRINT_STEP],
        _ => vec![],
    }
}

#[test]
fn vectors_cover_every_label_and_every_check_that_bytes_can_break() {
    let own_limit = "a limit on what the device itself asks for";
    let kept = "a limit on what is kept: the excess is given up, and nothing is refused";
    let without = [
        (
            7,
            "no key that passes CHK-05 and CHK-06 gives an all-zero output",
        ),
        (13, own_limit),
        (15, own_limit),
        (16, own_limit),
        (
            20,
            "without a chain there is no header key under which a header could open",
        ),
        (31, kept),
        (32, kept),
        (33, kept),
        (
            35,
            "the repeat goes to the existing session: `repeat` in handshake.json passes",
        ),
        (36, kept),
        (39, "nothing is refused: the choice is ignored"),
        (40, kept),
        (
            47,
            "pages are storage of this device, and no other implementation reads them",
        ),
        (49, "the device itself passes another sender's memory"),
        (
            50,
            "parts are storage of this device, and no other implementation reads them",
        ),
        (382, kept),
        (
            386,
            "exports are storage of this device, and no other implementation reads them",
        ),
        (387, own_limit),
    ];
    let checks = (1..=50).chain([99, 100]).chain(370..=387);
    harness::assert_coverage(CRATE.folder, checks, &without, labels::ALL, labels_of);
}

/// A generator that returns the given bytes and fails the test if more are requested.
pub(crate) struct Stated(Vec<u8>);

impl Stated {
    /// Returns these values one after the other.
    pub(crate) fn new(values: &[Vec<u8>]) -> Self {
        Self(values.concat())
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryRng for Stated {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("only `fill_bytes` is expected");
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("only `fill_bytes` is expected");
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        assert!(
            to.len() <= self.0.len(),
            "more random bytes are taken than the vector states"
        );
        to.copy_from_slice(&self.0[..to.len()]);
        self.0.drain(..to.len());
        Ok(())
    }
}

impl TryCryptoRng for Stated {}

/// Builds an identity from its secrets.
fn identity_of(input: Input<'_>) -> IdentityKeyPair {
    let secrets = [
        vec![1],
        input.get("ed25519_seed").bytes(),
        input.get("x25519_private").bytes(),
    ];
    IdentityKeyPair::import(&secrets.concat()).unwrap()
}

/// Builds prekeys from their secrets: signed sets, newest first, and one-time sets.
fn prekeys_of(identity: &IdentityKey, input: Input<'_>) -> PreKeys {
    let signed_set = |writer: &mut Writer, set: Input<'_>| {
        writer.u32(set.get("id").number());
        DhKeyPair::from_secret_bytes(&set.get("prekey_private").array()).write(writer);
        writer.bytes(&set.get("kem_seed").array::<64>());
        writer.count(0);
    };
    let (signed, one_time) = (input.list("signed_prekeys"), input.list("one_time_prekeys"));
    let mut writer = Writer::new(crate::codec::KEYS_VERSION, 4_096);
    writer.bytes(&identity.to_bytes());
    signed_set(&mut writer, signed[0]);
    writer.optional(signed.get(1), |writer, set| signed_set(writer, *set));
    writer.u32(1_000);
    writer.count(one_time.len());
    for set in one_time {
        writer.u32(set.get("id").number());
        writer.bytes(&set.get("prekey_private").array::<32>());
        writer.bytes(&set.get("kem_seed").array::<64>());
    }
    PreKeys::import(&writer.finish()).unwrap()
}

fn secrets(ed25519: u8, x25519: u8) -> Value {
    json!({ "ed25519_seed": hex([ed25519; 32]), "x25519_private": hex([x25519; 32]) })
}

fn alice() -> Value {
    secrets(0xa1, 0xa2)
}

fn bob() -> Value {
    secrets(0xb1, 0xb2)
}

/// Secrets of Bob's device: two signed sets and two one-time sets.
fn bobs_device() -> Value {
    let set = |id: u32, prekey: u8, kem: u8| {
        json!({
            "id": id, "prekey_private": hex([prekey; 32]), "kem_seed": hex([kem; 64]), "remembered": [],
        })
    };
    json!({
        "identity": bob(),
        "signed_prekeys": [set(2, 0xb3, 0xb4), set(1, 0xb5, 0xb6)],
        "one_time_prekeys": [set(7, 0xb7, 0xb8), set(8, 0xb9, 0xba)],
    })
}

fn kem_public_key(seed: u8) -> Vec<u8> {
    KemSeed::from_bytes(&[seed; 64])
        .public_key()
        .as_bytes()
        .to_vec()
}
