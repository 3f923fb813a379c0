//! Makes and checks the vectors in `tests/vectors/*.json`: known answers for other implementations,
//! passing and failing. `tests/vectors/README.md` says how to read them.
//!
//! `WAXSEAL_REGENERATE=1 cargo test -p waxseal-roster vectors` rewrites them from the code. If a
//! byte changes, the format has changed.

use serde_json::{Value, json};
use waxseal_vectors::harness::{
    self, Crate, Input, Outcome, Vectors, changed, flipped, hex, refused, with,
};

use super::raw::{Raw, RawDelegation, RawDevice};
use super::raw_group::{
    Book, RawEntry, RawMember, RawState, add, go_on, id, key_of, raw_add, raw_op, roster_of, seed,
};
use super::support::{BOB, Bob, Device, NOW, account_key};
use crate::group::GroupLog;
use crate::labels;

// These modules hold one test vector per line.
#[rustfmt::skip]
mod delegation;
#[rustfmt::skip]
mod group;
#[rustfmt::skip]
mod group_log;
#[rustfmt::skip]
mod link;
#[rustfmt::skip]
mod pinned;
#[rustfmt::skip]
mod roster;

const CRATE: Crate = Crate {
    folder: env!("CARGO_MANIFEST_DIR"),
    run,
    checks_of,
};

/// The checks for which an error's variant stands.
fn checks_of(variant: &str) -> &'static [u16] {
    match variant {
        "TooLong" => &[260, 390],
        "UnknownVersion" => &[261, 391],
        "Malformed" => &[262, 392],
        "AccountName" => &[263],
        "Managers" => &[264],
        "Devices" => &[265],
        "Since" => &[266],
        "OtherAccount" => &[267],
        "InvalidKey" => &[268],
        "OtherDelegation" => &[269],
        "DelegationSignature" => &[270],
        "UnknownSigner" => &[271],
        "NotManager" => &[272],
        "RosterSignature" => &[273],
        "DeviceProof" => &[274],
        "OtherAccountKey" => &[275],
        "ManagersChanged" => &[276],
        "Conflict" => &[277],
        "TooFar" => &[278],
        "IdUsed" => &[279],
        "OtherBundle" => &[281],
        "OtherBytes" => &[282],
        "Members" => &[393],
        "NoAdmin" => &[394],
        "OtherAuthority" => &[395],
        "OtherGroup" => &[396],
        "Signature" => &[397],
        "NotNext" | "OtherPrevious" => &[398],
        "Ops" => &[399],
        "OpDoesNotFit" => &[400],
        "Actor" => &[401],
        "SameAuthority" => &[402],
        "StateHash" => &[403],
        "Chain" => &[404],
        "OtherState" => &[405],
        "OtherSeed" => &[406],
        "Fork" => &[409],
        _ => &[],
    }
}

/// Runs an operation of the vectors by its name.
fn run(operation: &str, input: Input<'_>) -> Outcome {
    match operation {
        "account_key" => delegation::account_key(input),
        "recovery_secret" => delegation::recovery_secret(input),
        "decode_delegation" => delegation::decode_delegation(input),
        "verify_roster" => roster::verify_roster(input),
        "decode_pinned" => pinned::decode_pinned(input),
        "take" => pinned::take(input),
        "counting" => pinned::counting(input),
        "decode_link_code" => link::decode_link_code(input),
        "read_link_text" => link::read_link_text(input),
        "decode_link_bundle" => link::decode_link_bundle(input),
        "fits" => link::fits(input),
        "link_digits" => link::link_digits(input),
        "group_id" => group::group_id(input),
        "decode_state" => group::decode_state(input),
        "found_group" => group::found_group(input),
        "apply_entry" => group::apply_entry(input),
        "group_seed" => group::group_seed(input),
        "decode_chain" => group::decode_chain(input),
        "prove_state" => group::prove_state(input),
        "decode_log" => group_log::decode_log(input),
        "take_entry" => group_log::take_entry(input),
        "take_state" => group_log::take_state(input),
        "group_targets" => group_log::group_targets(input),
        _ => panic!("no operation {operation}"),
    }
}

/// The labels that an operation uses.
fn labels_of(operation: &str) -> Vec<&'static [u8]> {
    match operation {
        "decode_delegation" => vec![labels::DELEGATION],
        "verify_roster" => vec![labels::ROSTER, labels::DEVICE_PROOF, labels::ROSTER_HASH],
        "decode_link_code" => vec![labels::LINK_MAILBOX],
        "fits" => vec![labels::LINK_BUNDLE],
        "link_digits" => vec![labels::LINK_COMMITMENT, labels::LINK_DIGITS],
        "group_id" => vec![labels::CONVERSATION_GROUP, labels::GROUP_AUTHORITY],
        "decode_state" => vec![labels::GROUP_STATE],
        "apply_entry" => vec![labels::GROUP_ENTRY],
        "group_targets" => vec![labels::GROUP_TARGETS],
        _ => vec![],
    }
}

#[test]
fn vectors_cover_every_label_and_every_check_that_bytes_can_break() {
    let labels = include_str!("../labels.rs").split("b\"").skip(1);
    let labels = labels.filter_map(|rest| rest.split('"').next());
    let labels: Vec<&[u8]> = labels.map(str::as_bytes).collect();
    let without = [
        (
            280,
            "it refuses nothing; counting tells which devices count",
        ),
        (
            283,
            "the list of words is that of BIP-39, whose vectors a unit test has",
        ),
        (
            407,
            "it refuses nothing; group_targets tells who is suspended",
        ),
        (408, "it takes 4,097 devices, which a unit test has"),
    ];
    harness::assert_coverage(
        CRATE.folder,
        (260..=283).chain(390..=409),
        &without,
        &labels,
        labels_of,
    );
}
