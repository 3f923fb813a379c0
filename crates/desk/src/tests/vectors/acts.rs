//! Makes `acts.json`: what officers sign at the desk, and what the desk derives and digests.

use waxseal_vectors::harness::refused;

use super::*;
use crate::appeal::AppealDecision;
use crate::case::Assignment;
use crate::decision::{Decision, Salt, salt};
use crate::emergency::EmergencyReview;
use crate::hash;
use crate::hold::Hold;
use crate::intake::reporter_hash;
use crate::legal::{LegalAnswer, request_digest};
use crate::officer::Act;
use crate::records::{epoch_digest, export_digest};
use crate::store::{KeyEpochRow, LegalRow};

/// Reads the body of an act of this kind.
pub(super) fn body(input: Input<'_>) -> Outcome {
    fn read<T: Act>(body: &[u8]) -> Outcome {
        let act = T::decode(body).ok_or(crate::DecodeError::Malformed).map_err(refused)?;
        assert_eq!(act.encode(), body);
        Ok(json!({ "role": T::KIND.role().bits() }))
    }
    let body = input.get("body").bytes();
    match input.get("kind").number::<u8>() {
        4 => read::<Decision>(&body),
        5 => read::<AppealDecision>(&body),
        6 => read::<EmergencyReview>(&body),
        7 => read::<Assignment>(&body),
        8 => read::<LegalAnswer>(&body),
        9 => read::<Hold>(&body),
        kind => panic!("no kind {kind}"),
    }
}

/// What the desk derives from its secret.
pub(super) fn desk_secret(input: Input<'_>) -> Outcome {
    let (secret, case) = (input.get("desk_secret").array(), input.get("case").array());
    let index: u32 = input.get("index").number();
    Ok(json!({
        "account_salt": hex(salt(&secret, &case, Salt::Account)),
        "report_salt": hex(salt(&secret, &case, Salt::Report(index))),
        "decider_salt": hex(salt(&secret, &case, Salt::Decider(index))),
        "appeal_decider_salt": hex(salt(&secret, &case, Salt::AppealDecider(index))),
        "reporter": hex(reporter_hash(&secret, input.get("account").text())),
    }))
}

/// The digests that are details of entries.
pub(super) fn desk_digests(input: Input<'_>) -> Outcome {
    let number = input.get("number").array();
    let request = LegalRow {
        id: number,
        number,
        basis: input.get("basis").number(),
        authority: input.get("authority").text().into(),
        asked: input.get("asked").text().into(),
        received_at_ms: input.get("at").number(),
        outcome: None,
        items: 0,
        produced: None,
        not_held: None,
        officer: None,
        answered_at_ms: None,
    };
    let epoch = KeyEpochRow {
        key_kind: input.get("key_kind").number(),
        epoch: input.get("epoch").number(),
        public: input.get("public").bytes(),
        created_at_ms: 0,
        destroyed_at_ms: None,
    };
    let bytes = input.get("bytes").bytes();
    Ok(json!({
        "legal_request": hex(request_digest(&request)),
        "key_epoch": hex(epoch_digest(&epoch)),
        "export": hex(export_digest(&bytes)),
        "signed_act": hex(hash::digest(labels::SIGNED_ACT, &[&bytes])),
        "erased": hex(hash::digest(labels::ERASED, &[&bytes])),
    }))
}

fn bodies(file: &mut Vectors) {
    let text = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat();
    let decision = [&[0xca; 16][..], &[0xd1; 32], &[2, 4], b"\x032.1", &text("It is fraud.")].concat();
    let appeal = [&[0xa1; 32][..], &[1], &text("Upheld.")].concat();
    let review = [&[0x6d; 32][..], &[1], &text("A life.")].concat();
    let assignment = [&[0xca; 16][..], &[0x0f; 32], &1_800_000_000_000u64.to_be_bytes()].concat();
    let answer = [&[0x1e; 16][..], &[2], &1u32.to_be_bytes(), &text("One."), &text("The rest.")].concat();
    let hold = [&[0x40; 16][..], &[0xca; 16], &[0, 1], &[0x1e; 16], &text("Keep.")].concat();
    let lift = [&[0x40; 16][..], &[0xca; 16], &[1, 0], &text("")].concat();
    let acts = [
        ("decision", 4, decision), ("appeal", 5, appeal), ("review", 6, review), ("assignment", 7, assignment),
        ("answer", 8, answer), ("hold", 9, hold), ("lift", 9, lift),
    ];
    let of = |name: &str| {
        let (_, kind, body) = acts.iter().find(|(other, ..)| *other == name).unwrap();
        json!({ "kind": kind, "body": hex(body) })
    };
    for (name, ..) in &acts {
        file.passes(&format!("body-{name}"), "the body of an act", "body", of(name));
    }
    let mut fails = |id: &str, comment: &str, act: &str, change: &dyn Fn(&mut Vec<u8>)| {
        file.fails(id, comment, "body", changed(&of(act), "body", change), 165);
    };
    for (name, ..) in &acts {
        fails(&format!("body-{name}-extended"), "a byte follows", name, &|body| body.push(0));
        fails(&format!("body-{name}-cut"), "the last byte is missing", name, &|body| { body.pop(); });
    }
    fails("body-decision-reason-17", "reason 17", "decision", &|body| body[48] = 17);
    fails("body-decision-measure-7", "measure 7", "decision", &|body| body[49] = 7);
    fails("body-decision-no-rule", "an empty rule", "decision", &|body| { body.splice(50..54, [0]); });
    fails("body-decision-no-reasons", "an empty statement", "decision", &|body| { body.truncate(54); body.extend([0, 0]); });
    fails("body-decision-long", "a statement of 3,601 bytes", "decision", &|body| { body.truncate(54); body.extend(3_601u16.to_be_bytes()); body.resize(56 + 3_601, b's'); });
    fails("body-decision-utf8", "a rule that is not UTF-8", "decision", &|body| body[51] = 0xff);
    fails("body-appeal-outcome-3", "outcome 3", "appeal", &|body| body[32] = 3);
    fails("body-appeal-no-reasons", "an empty statement", "appeal", &|body| { body.truncate(33); body.extend([0, 0]); });
    fails("body-review-outcome-0", "outcome 0", "review", &|body| body[32] = 0);
    fails("body-answer-outcome-5", "outcome 5", "answer", &|body| body[16] = 5);
    fails("body-answer-long", "4,001 bytes were produced", "answer", &|body| { body.truncate(21); body.extend(4_001u16.to_be_bytes()); body.resize(23 + 4_001, b'p'); body.extend([0, 0]); });
    fails("body-hold-lift-2", "lift is 02", "hold", &|body| body[32] = 2);
    fails("body-hold-request-2", "the flag of the request is 02", "hold", &|body| body[33] = 2);
}

#[test]
fn acts_vectors() {
    let mut file = Vectors::new(CRATE, "acts.json", "What officers sign at the desk, and what the desk derives and digests. SPEC.md, “Cases and acts”.", "none");
    bodies(&mut file);
    file.passes("desk-secret", "salts of commitments, and the hash of a reporter", "desk_secret", json!({ "desk_secret": hex([0x5e; 32]), "case": hex([0xca; 16]), "index": 2, "account": "bob" }));
    file.passes("desk-digests", "digests that are details", "desk_digests", json!({
        "number": hex([0x1e; 16]), "basis": 1, "authority": "Court", "asked": "All messages", "at": 1_800_000_000_000u64,
        "key_kind": 1, "epoch": 7, "public": hex(b"eu/7"), "bytes": hex(b"any bytes"),
    }));
    file.finish();
}
