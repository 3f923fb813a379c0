//! What a report needs to be opened: its moderation key, and the acceptance of the intake, which no
//! key of a reviewer can make up.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::process::{Command, Output};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use waxseal_interface::{ErrorCode, ReportState, parse_report_id};
use waxseal_relay::{OpenRequest, VaultError, VaultKeys, ask_vault};
use waxseal_reporting::Rejection;
use waxseal_reporting::intake::ReportId;
use waxseal_reporting::reviewer::review;
use world::{Device, VaultProcess, World, code, now};

fn open(world: &World, report_id: &str) -> Output {
    review_command(world, &["open", report_id, "--json"])
}

fn review_command(world: &World, command: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_review"))
        .args(["--relay", world.url(), "--key", "review.key"])
        .args(command)
        .current_dir(world.dir.path())
        .output()
        .unwrap()
}

#[test]
fn after_a_rotation_a_report_under_the_old_key_is_neither_rejected_nor_used_up() {
    let mut world = World::new();
    let (mut alice, mut bob) = (world.device("alice"), world.device("bob"));
    alice.send(&bob.me, "waits").unwrap();
    alice.send(&bob.me, "on its way").unwrap();
    let messages = bob.receive();
    let old = world.vault.moderation.public_key().clone();
    let waiting = bob.report(&old, &[&messages[0].1]);
    let waiting = bob.client.report(bob.session(), &waiting).unwrap();

    let keys = VaultKeys::generate(&mut rand::rng());
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(world.dir.path().join(name), bytes).unwrap();
    };
    write("vault.key", &keys.export());
    write(
        "vault.key.pub",
        &serde_json::to_vec(&keys.public()).unwrap(),
    );
    world.vault = keys;
    world.relay.take().unwrap().kill();
    world.start();
    bob.use_relay_of(&world);
    let present = world.vault.moderation.public_key();
    let card = bob.client.card().unwrap();
    assert_eq!(card.moderation_key, present.encode());

    // This vault was not given the old key. The report stays where it is, for one that has it.
    let _vault = VaultProcess::start(&world);
    let opened = open(&world, &waiting.report_id);
    assert!(!opened.status.success());
    let opened: Value = serde_json::from_slice(&opened.stdout).unwrap();
    let check = Rejection::OtherModerationKey.check();
    assert_eq!(opened["rejected"]["check"], check);
    let listed = world.client().reports(&world.reviewer(), 0).unwrap();
    assert_eq!(listed.reports[0].rejected, None);

    // What still arrives under the old key counts as not reported: the app seals it again.
    let late = bob.report(&old, &[&messages[1].1]);
    let late = bob.client.report(bob.session(), &late);
    assert_eq!(code(late), ErrorCode::OtherModerationKey);
    let again = bob.report(present, &[&messages[1].1]);
    let again = bob.client.report(bob.session(), &again).unwrap();
    assert!(!again.duplicate);
    let opened = open(&world, &again.report_id);
    assert!(opened.status.success());
    let opened: Value = serde_json::from_slice(&opened.stdout).unwrap();
    assert_eq!(opened["messages"][0]["text"], "on its way");
}

/// The app had the old key when it sealed the report, and the vault still has it.
#[test]
fn what_arrives_under_an_old_key_is_accepted_while_the_vault_holds_it() {
    let mut world = World::new();
    let (mut alice, mut bob) = (world.device("alice"), world.device("bob"));
    alice.send(&bob.me, "on its way").unwrap();
    let messages = bob.receive();
    let report = bob.report(world.vault.moderation.public_key(), &[&messages[0].1]);
    let old = world.replace_vault_keys();
    world.relay.take().unwrap().kill();
    world.start_with_old_key(&old);
    bob.use_relay_of(&world);
    let card = bob.client.card().unwrap();
    assert_eq!(
        card.moderation_key,
        world.vault.moderation.public_key().encode(),
        "new reports are for the new key"
    );
    let taken = bob.client.report(bob.session(), &report).unwrap();
    let vault = VaultProcess::start_with(&world, &["--old-key", "old.key"]);
    assert!(vault.open(&world, &taken.report_id).is_ok());
    let strange = VaultKeys::generate(&mut rand::rng());
    let strange = bob.report(strange.moderation.public_key(), &[&messages[0].1]);
    let strange = bob.client.report(bob.session(), &strange);
    assert_eq!(code(strange), ErrorCode::OtherModerationKey);
}

#[test]
fn a_report_whose_key_is_lost_is_reported_again_by_its_reporter_alone() {
    let mut world = World::new();
    let (mut alice, mut bob) = (world.device("alice"), world.device("bob"));
    alice.send(&bob.me, "unreadable").unwrap();
    let message = bob.receive().remove(0).1;
    let report = bob.report(world.vault.moderation.public_key(), &[&message]);
    let lost = bob.client.report(bob.session(), &report).unwrap();
    world.replace_vault_keys();
    world.relay.take().unwrap().kill();
    world.start();
    alice.use_relay_of(&world);
    bob.use_relay_of(&world);
    let state = |device: &Device| {
        device
            .client
            .report_state(device.session(), &lost.report_id)
    };
    assert_eq!(state(&bob).unwrap(), ReportState::Waiting);
    assert_eq!(code(state(&alice)), ErrorCode::NoSuchReport);
    let _vault = VaultProcess::start(&world);
    let opened = open(&world, &lost.report_id);
    assert!(String::from_utf8_lossy(&opened.stderr).contains("review unreadable"));
    assert_eq!(state(&bob).unwrap(), ReportState::Waiting);

    let given_up = review_command(&world, &["unreadable", &lost.report_id]);
    assert!(given_up.status.success());
    assert_eq!(state(&bob).unwrap(), ReportState::Unreadable);
    let present = world.vault.moderation.public_key();
    let again = bob.report(present, &[&message]);
    let again = bob.client.report(bob.session(), &again).unwrap();
    assert!(!again.duplicate);
    assert!(open(&world, &again.report_id).status.success());
    let closed = review_command(&world, &["close", &again.report_id]);
    assert!(closed.status.success());
    let ended = bob.client.report_state(bob.session(), &again.report_id);
    assert_eq!(ended.unwrap(), ReportState::Ended);
    assert!(
        !review_command(&world, &["close", &"0".repeat(32)])
            .status
            .success()
    );
    assert!(
        !review_command(&world, &["unreadable", &"0".repeat(32)])
            .status
            .success()
    );
}

/// `02 || id 16 || accepted be64 || repeated be32 || long(report) || MAC 32`, with the MAC over
/// everything before it. Made by someone with this key.
fn accepted_under(key: &[u8], id: &ReportId, report: &[u8]) -> Vec<u8> {
    let (at, len) = (now().as_millis().to_be_bytes(), report.len() as u32);
    let fields = [
        &[2],
        &id.as_bytes()[..],
        &at,
        &[0; 4],
        &len.to_be_bytes(),
        report,
    ]
    .concat();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(b"waxseal/2/acceptance-mac");
    mac.update(&fields);
    [fields, mac.finalize().into_bytes().to_vec()].concat()
}

/// A reviewer has its own key, everything that the relay hands out to reviewers, and the vault's
/// socket. It knows a device that makes any report with it.
#[test]
fn no_key_of_a_reviewer_makes_an_accepted_report() {
    let world = World::new();
    let vault = VaultProcess::start(&world);
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    alice.send(&bob.me, "genuine").unwrap();
    alice.send(&bob.me, "never reported").unwrap();
    let messages = bob.receive();
    let key = world.vault.moderation.public_key();
    let genuine = bob.report(key, &[&messages[0].1]);
    let id = bob
        .client
        .report(bob.session(), &genuine)
        .unwrap()
        .report_id;
    let not_taken = bob.report(key, &[&messages[1].1]);

    let (client, reviewer) = (world.client(), world.reviewer());
    let id = parse_report_id(&id).unwrap();
    let genuine = client.accepted_report(&reviewer, &waxseal_interface::report_id_text(&id));
    let sealed = client.acceptance_keys(&reviewer).unwrap();
    let ask = |accepted: Vec<u8>, id: ReportId| {
        let request = OpenRequest {
            relay_key: client.card().unwrap().relay_key,
            acceptance_keys: sealed.clone(),
            id,
            accepted,
        };
        ask_vault(&vault.socket, &request)
    };
    let other_id = ReportId::from_bytes([9; 16]);
    let secret = std::fs::read(world.dir.path().join("review.key")).unwrap();
    let own: Vec<&[u8]> = vec![
        &[0; 32],
        &[7; 32],
        &secret,
        &sealed.sealed,
        &sealed.signature,
        &sealed.sealed[sealed.sealed.len() - 32..],
    ];
    for key in own {
        for id in [id, other_id] {
            let made_up = ask(accepted_under(key, &id, &not_taken), id).unwrap_err();
            let VaultError::NotOpened(reason) = made_up else {
                panic!("{made_up}")
            };
            assert!(reason.contains("did not accept"), "{reason}");
        }
    }
    // Nor does a genuine one pass under another id, or with another report or time in it.
    let genuine = genuine.unwrap();
    assert!(ask(genuine.clone(), id).is_ok());
    assert!(matches!(
        ask(genuine.clone(), other_id),
        Err(VaultError::NotOpened(_))
    ));
    let (fields, mac) = genuine.split_last_chunk::<32>().unwrap();
    for at in [0, 1, 16, 17, 25, 29, 33, fields.len() - 1] {
        let mut altered = fields.to_vec();
        altered[at] ^= 1;
        let altered = [&altered[..], mac].concat();
        assert!(
            matches!(ask(altered, id), Err(VaultError::NotOpened(_))),
            "{at}"
        );
    }
    let exchanged = accepted_under(&[0; 32], &id, &not_taken);
    let exchanged = [&exchanged[..exchanged.len() - 32], mac].concat();
    assert!(matches!(ask(exchanged, id), Err(VaultError::NotOpened(_))));

    // With the relay's acceptance key the same bytes pass: it is what the reviewer lacks. The file
    // is `01 || relay 32 || sealing 32 || token 32 || store 32 || acceptance 32 || stamp keys`.
    let root = std::fs::read(world.dir.path().join("data/root.key")).unwrap();
    let made_up = ask(
        accepted_under(&root[129..161], &other_id, &not_taken),
        other_id,
    );
    let verified = review(made_up.unwrap()).unwrap();
    assert_eq!(
        verified.messages()[0].content().unwrap().as_text(),
        Some("never reported")
    );
}
