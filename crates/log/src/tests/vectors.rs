//! Makes and checks the vectors in `tests/vectors/*.json`: known answers for other implementations,
//! passing and failing. `tests/vectors/README.md` says how to read them.
//!
//! `WAXSEAL_REGENERATE=1 cargo test -p waxseal-log vectors` rewrites them from the code. If a byte
//! changes, the format has changed.

use core::fmt::Debug;

use serde_json::{Value, json};
use waxseal_vectors::harness::{
    self, Crate, Input, Outcome, Vectors, changed, flipped, hex, refused, with,
};

use crate::labels;
use crate::merkle::TreeHash;
use crate::note::Note;
use crate::tests::world::*;

// These modules hold one test vector per line.
#[rustfmt::skip]
mod audit;
#[rustfmt::skip]
mod entry;
#[rustfmt::skip]
mod note;
#[rustfmt::skip]
mod promise;
#[rustfmt::skip]
mod receipt;
#[rustfmt::skip]
mod tree;
#[rustfmt::skip]
mod witness;

const CRATE: Crate = Crate {
    folder: env!("CARGO_MANIFEST_DIR"),
    run,
    checks_of,
};

/// The checks for which an error's variant stands. `Malformed` stands for all checks of form.
fn checks_of(variant: &str) -> &'static [u16] {
    match variant {
        "TooLong" => &[130, 136, 142, 148, 153],
        "TooManySignatures" => &[136],
        "UnknownVersion" => &[130, 132, 148, 153, 158],
        "UnknownKind" => &[130, 158],
        "Malformed" => &[130, 132, 136, 138, 142, 143, 146, 148, 153, 158],
        "OtherDetail" => &[131, 155],
        "DetailTooLong" => &[131],
        "BundleError" => &[133],
        "ProofError" => &[134, 135],
        "BadSignature" | "NotCosigned" => &[137],
        "NotSigned" => &[137, 143, 149],
        "NotOfTheLog" | "OtherOrigin" => &[139],
        "NotOfTheVault" => &[140],
        "TooFewWitnesses" => &[141],
        "OtherAlgorithm" | "TooManyWitnesses" | "Quorum" | "Twice" => &[142],
        "Name" | "Key" | "UnknownAlgorithm" => &[146],
        "UnknownLog" => &[143],
        "Conflict" => &[144],
        "Inconsistent" => &[145],
        "OtherText" => &[149],
        "OtherEntry" => &[150],
        "OtherReport" => &[151],
        "InTheFuture" => &[152],
        "NotIncluded" => &[154],
        "ForeignEntry" | "OtherRole" => &[156],
        "OtherRoot" | "OtherSize" => &[158],
        "NotThePolicyKey" => &[159],
        _ => &[],
    }
}

/// Runs an operation of the vectors by its name.
fn run(operation: &str, input: Input<'_>) -> Outcome {
    match operation {
        "decode_entry" => entry::decode_entry(input),
        "check_detail" => entry::check_detail(input),
        "report_digest" => entry::report_digest(input),
        "commitments" => entry::commitments(input),
        "check_policy" => entry::check_policy(input),
        "tree" => tree::tree(input),
        "decode_frontier" => tree::decode_frontier(input),
        "tile_path" => tree::tile_path(input),
        "decode_bundle" => tree::decode_bundle(input),
        "verify_inclusion" => tree::verify_inclusion(input),
        "verify_consistency" => tree::verify_consistency(input),
        "decode_vkey" => note::decode_vkey(input),
        "decode_note" => note::decode_note(input),
        "decode_checkpoint" => note::decode_checkpoint(input),
        "decode_keys" => note::decode_keys(input),
        "verify_checkpoint" => note::verify_checkpoint(input),
        "cosign" => witness::cosign(input),
        "add_checkpoint" => witness::add_checkpoint(input),
        "read_answer" => witness::read_answer(input),
        "verify_promise" => promise::verify_promise(input),
        "verify_receipt" => receipt::verify_receipt(input),
        "compare_receipts" => receipt::compare_receipts(input),
        "audit" => audit::audit(input),
        _ => panic!("no operation {operation}"),
    }
}

/// The labels that an operation uses.
fn labels_of(operation: &str) -> Vec<&'static [u8]> {
    match operation {
        "check_detail" => vec![labels::DETAIL],
        "report_digest" => vec![labels::REPORT, labels::NUMBER],
        "commitments" => vec![labels::ACCOUNT, labels::REPORT_LINK, labels::OFFICER],
        "check_policy" => vec![labels::POLICY],
        "cosign" => vec![labels::COSIGNATURE],
        "verify_promise" => vec![labels::PROMISE],
        _ => vec![],
    }
}

#[test]
fn vectors_cover_every_label_and_every_check_that_bytes_can_break() {
    let labels = include_str!("../labels.rs").split("b\"").skip(1);
    let labels = labels.filter_map(|rest| rest.split('"').next());
    let labels: Vec<String> = labels.map(|label| label.replace("\\n", "\n")).collect();
    let labels: Vec<&[u8]> = labels.iter().map(|label| label.as_bytes()).collect();
    let without = [
        (
            147,
            "it refuses nothing; compare_receipts in receipt.json tells what contradicts",
        ),
        (
            157,
            "it refuses nothing; verify_receipt in receipt.json tells what contradicts",
        ),
    ];
    harness::assert_coverage(CRATE.folder, 130..=159, &without, &labels, labels_of);
}

fn hash_of(input: Input<'_>) -> TreeHash {
    TreeHash::from_bytes(input.array())
}

fn hashes_of(inputs: Vec<Input<'_>>) -> Vec<TreeHash> {
    inputs.into_iter().map(hash_of).collect()
}

fn hash_hex(hash: &TreeHash) -> String {
    hex(hash.as_bytes())
}

fn note_of(input: Input<'_>) -> Result<Note, String> {
    Note::decode(input.text().as_bytes()).map_err(refused)
}

/// A contradiction or a finding: its name, and the numbers in it.
fn found(what: &impl Debug) -> String {
    let text = format!("{what:?}");
    let mut words = text.split(|character: char| !character.is_alphanumeric());
    let name = words.next().unwrap().to_owned();
    let numbers = words.filter(|word| word.parse::<u64>().is_ok());
    numbers.fold(name, |text, number| format!("{text} {number}"))
}
