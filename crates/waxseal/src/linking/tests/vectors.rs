//! Makes and checks the vectors in `tests/vectors/*.json`: known answers for other implementations,
//! passing and failing. `tests/vectors/README.md` says how to read them.
//!
//! `WAXSEAL_REGENERATE=1 cargo test -p waxseal --lib vectors` rewrites them from the code. If a
//! byte changes, the format has changed.

use serde_json::{Value, json};
use waxseal_vectors::harness::{
    self, Crate, Input, Outcome, Vectors, changed, flipped, hex, refused, with,
};

use super::support::{Account, Link, NOW, after, rng};
use crate::labels;

// These modules hold one test vector per line.
#[rustfmt::skip]
mod contents;
#[rustfmt::skip]
mod rosters;
#[rustfmt::skip]
mod states;

const CRATE: Crate = Crate {
    folder: env!("CARGO_MANIFEST_DIR"),
    run,
    checks_of,
};

/// The checks for which an error's variant stands. Any error of a roster stands for the check that
/// the roster verifies.
fn checks_of(variant: &str) -> &'static [u16] {
    match variant {
        "OtherBundle" => &[348],
        "TooLong" | "UnknownVersion" | "WrongSlot" => &[349],
        "Malformed" => &[349, 351],
        "WrongStep" => &[350],
        "NotManager" | "Listed" | "Full" | "NumberTaken" => &[351],
        "RosterSignature" | "DeviceProof" => &[351],
        "OtherAccount" => &[351, 358],
        "Commitment" => &[352],
        "WrongDigits" => &[353, 354],
        "Proof" => &[355],
        "Expired" => &[356],
        "NotWelcome" => &[358],
        _ => &[],
    }
}

fn run(operation: &str, input: Input<'_>) -> Outcome {
    match operation {
        "fetch_bundle" => contents::fetch_bundle(input),
        "message_data" => contents::message_data(input),
        "read_message" => contents::read_message(input),
        "read_offer" => contents::read_offer(input),
        "show_digits" => contents::show_digits(input),
        "check_typed" => contents::check_typed(input),
        "judge_answer" => contents::judge_answer(input),
        "in_time" => contents::in_time(input),
        "judge_offer" => rosters::judge_offer(input),
        "judge_welcome" => rosters::judge_welcome(input),
        "open_offer" => states::open_offer(input),
        "take_reveal" => states::take_reveal(input),
        "accept" => states::accept(input),
        "take_answer" => states::take_answer(input),
        "take_welcome" => states::take_welcome(input),
        _ => panic!("no operation {operation}"),
    }
}

/// The labels that an operation uses.
fn labels_of(operation: &str) -> Vec<&'static [u8]> {
    match operation {
        "message_data" => vec![labels::LINK_MESSAGE],
        _ => vec![],
    }
}

#[test]
fn vectors_cover_the_label_and_every_check_of_a_link_that_bytes_can_break() {
    let without = [
        (357, "it refuses a second link of the caller, not bytes"),
        (359, "it is about what a device signed before, not bytes"),
        (
            360,
            "it refuses a secret that a user typed, which `waxseal-roster` has vectors of",
        ),
    ];
    let all = [labels::LINK_MESSAGE];
    harness::assert_coverage(CRATE.folder, 348..=360, &without, &all, labels_of);
}
