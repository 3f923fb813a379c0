//! Seeds of the target: one of each format, and scripts.

use waxseal_desk::export::{ShownReport, encode_content};
use waxseal_desk::grant::GrantDenial;
use waxseal_desk::ids::AcceptedDigest;
use waxseal_desk::officer::{OfficerKey, Signed};
use waxseal_desk::vault::requests::{Answer, Request};
use waxseal_desk::vault::{OpenRequest, VaultError};

use super::prepared::{ORIGIN, PREPARED};
use super::{Insider, SALT};
use crate::NOW;

/// What Coop says of a message.
const ACTION: &[u8] = br#"{"item":{"id":"000102030405060708090a0b0c0d0e0f-1","typeId":"m"},
"action":{"id":"ban"},"policies":[]}"#;
/// What Coop says of an appeal.
const APPEAL: &[u8] = br#"{"item":{"id":"mallory","typeId":"u"},
"appealId":"0505050505050505050505050505050505050505050505050505050505050505",
"appealedBy":{},"appealDecision":"REJECT"}"#;

/// Seeds: one of each format, and scripts.
pub(crate) fn desk_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut insider = Insider::new();
    let grant = PREPARED.grants[0].clone();
    let (id, accepted) = PREPARED.reports[0].clone();
    let report = AcceptedDigest::of(&accepted);
    insider.challenge(0, 0);
    let drawn = &insider.drawn[0];
    let open = OpenRequest {
        grant: grant.clone(),
        challenge: drawn.challenge.challenge,
        salt: SALT,
        id,
        accepted,
    };
    let challenge = drawn.challenge.clone();
    insider.log(0, 0);
    insider.follow(2).unwrap();
    let view = insider.vault.open(&open, insider.now).unwrap();
    let shown = ShownReport {
        report: id,
        view: view.clone(),
    };
    let content = encode_content(&[shown]);
    let denial = GrantDenial {
        grant: grant.grant().digest(),
        reason: "no".to_owned(),
    };
    let officer = OfficerKey::from_seed(&[1; 32]);
    let denial = Signed::sign(&denial, ORIGIN, &officer, NOW).unwrap();
    let status = insider.vault.status();
    let entries = insider.entries.clone();
    let script = |steps: &[[u8; 3]]| [&[7], steps.as_flattened()].concat();
    let seeds: Vec<(&str, Vec<u8>)> = vec![
        ("policy", [&[0], PREPARED.policy.encode()].concat()),
        ("denial", [&[1], &denial.encode()[..]].concat()),
        ("grant", [&[2], &grant.encode()[..]].concat()),
        ("secrets", [&[3], &PREPARED.secrets[..]].concat()),
        (
            "request-follow",
            with(
                4,
                &Request::Follow {
                    note: vec![b'n'],
                    entries,
                }
                .encode(),
            ),
        ),
        (
            "request-challenge",
            with(4, &Request::Challenge { grant, report }.encode()),
        ),
        ("answer-status", with(5, &Answer::Status(status).encode())),
        (
            "answer-challenge",
            with(5, &Answer::Challenge(challenge).encode()),
        ),
        (
            "answer-refused",
            with(5, &Answer::Refused(VaultError::NotLogged).encode()),
        ),
        ("view", with(6, &view.encode())),
        ("content", with(8, &content)),
        ("callback-action", with(9, ACTION)),
        ("callback-appeal", with(9, APPEAL)),
        ("report", with(10, &PREPARED.reports[0].1)),
        (
            "opens",
            script(&[[0, 0, 0], [2, 0, 0], [4, 0, 0], [7, 0, 0], [7, 0, 0]]),
        ),
        ("not-logged", script(&[[0, 0, 0], [4, 0, 0], [7, 0, 0]])),
        (
            "other-entry",
            script(&[[0, 0, 0], [2, 0, 1], [4, 0, 0], [7, 0, 0]]),
        ),
        (
            "twice",
            script(&[[0, 0, 0], [2, 0, 9], [4, 0, 0], [7, 0, 0]]),
        ),
        (
            "set-back",
            script(&[
                [0, 0, 0],
                [2, 0, 0],
                [4, 0, 0],
                [7, 0, 0],
                [10, 1, 0],
                [6, 1, 0],
                [11, 0, 0],
                [0, 0, 0],
                [2, 1, 0],
                [4, 0, 0],
                [7, 1, 0],
            ]),
        ),
        (
            "all-openings",
            script(&[
                [0, 0, 0],
                [2, 0, 0],
                [0, 0, 1],
                [2, 1, 0],
                [4, 0, 0],
                [7, 0, 0],
                [7, 1, 0],
                [0, 0, 0],
                [9, 255, 0],
                [0, 0, 0],
            ]),
        ),
    ];
    seeds
}

fn with(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind], bytes].concat()
}
