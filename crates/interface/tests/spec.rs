//! Tests that SPEC.md, the code and the tests name the same checks, error codes and fields.

#![allow(clippy::restriction, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use serde::Serialize;
use serde::de::DeserializeOwned;
use waxseal_interface::{
    AcceptedEntry, Appeal, AppealTaken, AskBundles, AskRosters, BlobState, Bundles, Challenge,
    DecisionNotice, DecisionNotices, DeviceBundle, EntryReceipt, ErrorBody, ErrorCode, GroupLeave,
    GroupMismatch, GroupNews, GroupRosters, Leave, Mismatch, PreKeys, PreKeysLeft, Register,
    RelayCard, ReportState, ReportTaken, RosterClaim, RosterConflict, SealingKeyPair, Session,
    SignIn, StrangerChallenge, TargetBundle, WholeGroup,
};
use waxseal_reporting::vault::ModerationKeyPair;
use waxseal_vectors::checks;

const SPECIFICATION: &str = include_str!("../SPEC.md");

#[test]
fn every_check_is_in_the_specification_in_the_code_and_in_the_name_of_a_test() {
    checks::assert_checks_agree(
        Path::new(env!("CARGO_MANIFEST_DIR")),
        (120..=121).chain(460..=461).chain(600..=603),
    );
}

#[test]
fn every_error_code_has_its_status_in_the_specification() {
    let code = include_str!("../src/error.rs");
    let variants = code.split("pub enum ErrorCode {").nth(1).unwrap();
    let variants = variants.split("\n}").next().unwrap();
    let lines = variants.lines().map(str::trim);
    let names = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    let names: Vec<_> = names.filter(|name| *name != "Other,").collect();
    let rows: Vec<_> = rows("## Errors\n", "\n## ").collect();
    for [code, status, transient, _] in &rows {
        let code: ErrorCode = serde_json::from_str(&code.replace('`', "\"")).unwrap();
        assert_ne!(code, ErrorCode::Other);
        assert_eq!(code.status().to_string(), *status, "{code:?}");
        assert_eq!(code.is_transient(), *transient == "yes", "{code:?}");
        assert!(names.contains(&format!("{code:?},").as_str()), "{code:?}");
    }
    let codes: BTreeSet<_> = rows.iter().map(|[code, ..]| *code).collect();
    assert_eq!((codes.len(), rows.len()), (names.len(), names.len()));
}

#[test]
fn every_body_has_the_fields_of_the_specification() {
    let (relay, rng) = (SigningKey::from_bytes(&[1; 32]), &mut rand::rng());
    let sealing = SealingKeyPair::generate(rng);
    let moderation = ModerationKeyPair::generate(rng);
    let card = RelayCard::sign("eu", &relay, sealing.public(), moderation.public_key(), 30);
    let (challenge, name) = (vec![2; 64], "alice".to_owned());
    let register = Register {
        name: name.clone(),
        device: 1,
        identity: [3; 64],
        sealed_delivery_key: vec![4; 1_168],
        challenge: challenge.clone(),
        proof: [5; 64],
        roster: Some(vec![6; 600]),
    };
    let sign_in = SignIn {
        name: name.clone(),
        device: 1,
        challenge: challenge.clone(),
        proof: [5; 64],
    };
    let leave = Leave {
        name: name.clone(),
        device: 1,
        challenge: challenge.clone(),
        proof: [5; 64],
    };
    let pre_keys = PreKeys {
        base: vec![6; 2],
        one_time: vec![vec![7; 2]],
        replace: false,
    };
    let error = ErrorBody {
        error: ErrorCode::Busy,
        message: String::new(),
        retry_after_secs: Some(1),
        check: Some(2),
        claim: Some(3),
        relay_time_ms: Some(4),
        mismatch: Some(Box::default()),
        conflict: Some(Box::new(RosterConflict { roster: vec![6] })),
        group_news: Some(Box::default()),
        group_mismatch: Some(Box::default()),
        challenge: StrangerChallenge::new("https://relay.example".to_owned()).map(Box::new),
        promise: Some(vec![5; 300]),
    };
    let device_bundle = DeviceBundle {
        device: 2,
        base: vec![6; 2],
        one_time: None,
        held_back: true,
    };
    let target_bundle = TargetBundle {
        name: name.clone(),
        bundle: device_bundle.clone(),
    };
    let ask_bundles = AskBundles {
        name: name.clone(),
        devices: vec![2],
    };
    let bundles = Bundles {
        roster: vec![6],
        devices: vec![device_bundle.clone()],
    };
    let mismatch = Mismatch {
        rosters: vec![vec![6]],
        bundles: vec![target_bundle.clone()],
    };
    let conflict = RosterConflict { roster: vec![6] };
    let session = Session {
        token: "t".to_owned(),
        expires_at_ms: 1,
        mark: Some([1; 40]),
    };
    let taken = ReportTaken {
        report_id: "0".repeat(32),
        duplicate: false,
        missing_blobs: vec![1],
        promise: Some(vec![5; 300]),
    };
    let blob_state = BlobState {
        received: 1,
        len: 2,
        kept_until_ms: 3,
    };
    compare("RelayCard", card, "");
    compare("Challenge", Challenge { challenge }, "");
    compare("Register", register, "roster");
    compare("SignIn", sign_in, "");
    compare("Leave", leave, "");
    compare("Session", session, "mark");
    compare("PreKeysLeft", PreKeysLeft { one_time_left: 1 }, "");
    compare("PreKeys", pre_keys, "replace");
    compare("ReportTaken", taken, "missing_blobs promise");
    compare_decisions();
    compare("BlobState", blob_state, "");
    compare("AskBundles", ask_bundles, "devices");
    compare("Bundles", bundles, "");
    compare("DeviceBundle", device_bundle, "held_back");
    compare("TargetBundle", target_bundle, "held_back");
    compare("Mismatch", mismatch, "");
    compare("RosterConflict", conflict, "");
    compare_groups();
    let optional = "retry_after_secs check claim relay_time_ms mismatch conflict group_news \
                    group_mismatch challenge promise";
    compare("ErrorBody", error, optional);
    for (state, text) in [
        (ReportState::Waiting, "\"waiting\""),
        (ReportState::Unreadable, "\"unreadable\""),
        (ReportState::Ended, "\"ended\""),
    ] {
        assert_eq!(serde_json::to_string(&state).unwrap(), text);
        assert!(SPECIFICATION.contains(&format!("`{text}`")), "{text}");
    }
}

fn compare_decisions() {
    let notice = DecisionNotice {
        number: 1,
        decision: [2; 32],
        side: 1,
        report_id: Some("0".repeat(32)),
    };
    let notices = DecisionNotices {
        notices: vec![notice.clone()],
    };
    let appeal = Appeal {
        side: 1,
        report_id: Some("0".repeat(32)),
        text: "It was not me.".to_owned(),
    };
    compare("DecisionNotices", notices, "");
    compare("DecisionNotice", notice, "report_id");
    compare("Appeal", appeal, "report_id");
    compare("AppealTaken", AppealTaken { appeal: [3; 32] }, "");
}

fn compare_groups() {
    let receipt = EntryReceipt {
        accepted_at_ms: 1,
        mac: [2; 32],
    };
    let entry = AcceptedEntry {
        entry: vec![3; 300],
        receipt,
    };
    let whole = WholeGroup {
        state: vec![4],
        authority_chain: vec![5],
    };
    let news = GroupNews {
        entries: vec![entry.clone()],
        whole: Some(whole.clone()),
    };
    let asked = AskRosters {
        names: vec!["alice".to_owned()],
    };
    let rosters = GroupRosters {
        rosters: vec![vec![6]],
    };
    let claim = RosterClaim {
        name: "alice".to_owned(),
        epoch: 0,
        version: 1,
    };
    let mismatch = GroupMismatch {
        news: news.clone(),
        rosters: vec![claim.clone()],
        left: vec!["bob".to_owned()],
    };
    let leave = GroupLeave {
        version: 1,
        mac: [7; 32],
    };
    compare("EntryReceipt", receipt, "");
    compare("AcceptedEntry", entry, "");
    compare("WholeGroup", whole, "");
    compare("GroupNews", news, "whole");
    compare("AskRosters", asked, "");
    compare("GroupRosters", rosters, "");
    compare("RosterClaim", claim, "");
    compare("GroupMismatch", mismatch, "");
    compare("GroupLeave", leave, "");
}

/// Compares the fields of a body with those of its table, and their lengths. A field may be left
/// out exactly if the table calls it optional.
fn compare<T: Serialize + DeserializeOwned>(name: &str, body: T, optional: &str) {
    let body = serde_json::to_value(body).unwrap();
    let body = body.as_object().unwrap();
    let rows: Vec<_> = rows(&format!("\n`{name}`: "), "\n\n`").collect();
    let names: BTreeSet<_> = rows
        .iter()
        .map(|[name, ..]| name.trim_matches('`'))
        .collect();
    assert_eq!(names, body.keys().map(String::as_str).collect(), "{name}");
    for [field, json, len, _] in rows {
        let field = field.trim_matches('`');
        let value = body.get(field).unwrap();
        let is_of_type = match json.split([' ', ',']).next().unwrap() {
            "bytes" if json == "bytes or null" => value.is_null(),
            "bytes" => {
                let bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
                len.contains(" to ") || len.replace(',', "") == bytes.len().to_string()
            }
            "string" => value.is_string(),
            "bool" => value.is_boolean(),
            "u8" | "u32" | "u64" => value.is_u64(),
            "list" => value.is_array(),
            "`Mismatch`" | "`RosterConflict`" | "`GroupNews`" | "`GroupMismatch`"
            | "`WholeGroup`" => value.is_object(),
            _ => false,
        };
        assert!(is_of_type, "{name}.{field} is {json}");
        let mut without = body.clone();
        without.remove(field);
        let is_read = serde_json::from_value::<T>(without.into()).is_ok();
        let is_optional = optional.split(' ').any(|optional| optional == field);
        assert_eq!(is_read, is_optional, "{name}.{field}");
        assert_eq!(json.contains("optional"), is_optional, "{name}.{field}");
    }
}

/// The cells of the rows whose first cell is code, from a heading up to the next.
fn rows(from: &str, to: &str) -> impl Iterator<Item = [&'static str; 4]> {
    let section = SPECIFICATION.split_once(from).unwrap().1;
    let section = section.split(to).next().unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let mut cell = || cells.next().unwrap();
        [cell(), cell(), cell(), cell()]
    })
}
