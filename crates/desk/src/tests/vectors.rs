//! Makes and checks the vectors in `tests/vectors/*.json`: known answers for other implementations,
//! passing and failing. `tests/vectors/README.md` says how to read them.
//!
//! `WAXSEAL_REGENERATE=1 cargo test -p waxseal-desk vectors` rewrites them from the code. If a byte
//! changes, the format has changed.
#![expect(clippy::type_complexity, reason = "tables of vectors")]

use serde_json::{Value, json};
use waxseal_vectors::harness::{self, Crate, Input, Outcome, Vectors, changed, flipped, hex, with};

use crate::labels;

// These modules hold one test vector per line.
#[rustfmt::skip]
mod acts;
#[rustfmt::skip]
mod documents;
#[rustfmt::skip]
mod forms;
#[rustfmt::skip]
mod vault;

const CRATE: Crate = Crate {
    folder: env!("CARGO_MANIFEST_DIR"),
    run,
    checks_of,
};

/// The checks for which an error's variant stands. `Malformed` stands for all checks of form.
fn checks_of(variant: &str) -> &'static [u16] {
    match variant {
        "TooLong" => &[160],
        "UnknownVersion" => &[161],
        "Malformed" => &[162, 165, 168, 181],
        "OfficerKey" => &[163],
        // The purpose of a rule that is too lax.
        "UserReport" | "LegalRequest" | "QualityAudit" | "Identify" | "Emergency" => &[164],
        "NotSigned" => &[166, 178],
        "OtherOfficer" => &[167],
        "OtherLog" => &[169],
        "OtherVault" => &[170],
        "OtherPolicy" => &[171],
        "Requester" => &[172],
        "PurposeNotAllowed" => &[173],
        "ApproverMissing" => &[174],
        "SamePerson" => &[175],
        "Approver" => &[176],
        "BeyondPolicy" => &[177],
        "NotYet" | "Expired" => &[179],
        "OtherState" => &[180],
        "NotOfTheLog" | "TooFewWitnesses" => &[182],
        "WitnessAhead" => &[183],
        "Older" => &[184],
        "OtherEntries" => &[185],
        "UnknownEntry" => &[186],
        "OtherDocument" => &[187, 188],
        "NoPolicy" => &[187, 189],
        "NotFollowed" => &[190],
        "ReportNotGranted" => &[191],
        "NoOpeningLeft" => &[192],
        "UnknownChallenge" => &[193],
        "NotLogged" => &[194],
        "MarkRepeated" => &[195],
        "OtherReport" => &[196],
        "NotAccepted" | "Rejected" => &[197],
        "MessagesNotGranted" => &[198],
        "OtherNumber" => &[230],
        _ => panic!("no check for {variant}"),
    }
}

fn run(operation: &str, input: Input<'_>) -> Outcome {
    match operation {
        "body" => acts::body(input),
        "desk_secret" => acts::desk_secret(input),
        "desk_digests" => acts::desk_digests(input),
        "policy" => documents::policy(input),
        "act" => documents::act(input),
        "grant" => documents::grant(input),
        "verify_grant" => documents::verify_grant(input),
        "derive" => forms::derive(input),
        "opening" => forms::opening(input),
        "pseudonym" => forms::pseudonym(input),
        "view_digest" => forms::view_digest(input),
        "signed_request" => forms::signed_request(input),
        "webhook" => forms::webhook(input),
        "secrets" => forms::secrets(input),
        "state" => forms::state(input),
        "request" => forms::request(input),
        "answer" => forms::answer(input),
        "view" => forms::view(input),
        "vault" => vault::vault(input),
        _ => panic!("no operation {operation}"),
    }
}

/// The labels that an operation uses.
fn labels_of(operation: &str) -> Vec<&'static [u8]> {
    match operation {
        "desk_secret" => vec![labels::SALT, labels::REPORTER],
        "desk_digests" => vec![
            labels::LEGAL_REQUEST,
            labels::KEY_EPOCH,
            labels::EXPORT,
            labels::SIGNED_ACT,
            labels::ERASED,
        ],
        "policy" => vec![labels::POLICY],
        "act" => vec![labels::ACT],
        "grant" => vec![labels::GRANT],
        "verify_grant" => vec![labels::GRANT_SIGNATURE],
        "derive" => vec![labels::MARK_KEY, labels::PARTICIPANT_KEY],
        "opening" => vec![labels::ACCEPTED, labels::CHALLENGE],
        "pseudonym" => vec![labels::PSEUDONYM],
        "view_digest" => vec![labels::VIEW],
        "signed_request" => vec![labels::REQUEST],
        "state" => vec![labels::SETUP, labels::STATE_KEY],
        _ => vec![],
    }
}

#[test]
fn vectors_cover_every_label_and_every_check_that_bytes_can_break() {
    let labels = include_str!("../labels.rs").split("b\"").skip(1);
    let labels: Vec<&[u8]> = labels
        .filter_map(|rest| rest.split('"').next())
        .map(str::as_bytes)
        .collect();
    let without = [(
        199,
        "it refuses nothing; open-second in vault.json shows what a view leaves out",
    )];
    harness::assert_coverage(CRATE.folder, 160..=199, &without, &labels, labels_of);
}
