//! The reviewer's command, from making the keys to a report that does not verify.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};

use ed25519_dalek::Signer;
use serde_json::Value;
use waxseal_interface::parse_report_id;
use waxseal_relay::{
    AcceptanceKeys, OpenRequest, VaultError, VaultPublicKeys, acceptance_context, ask_vault,
    seal_acceptance_keys,
};
use waxseal_reporting::AccountId;
use waxseal_reporting::intake::AcceptanceKey;
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::reporter::{Disclosure, Reason, ReportDraft};
use waxseal_reporting::vault::UnsealedReport;
use world::junk::with_junk_openings;
use world::{Device, VaultProcess, World};

fn review(world: &World, key: &Path, command: &[&str]) -> Output {
    let mut review = Command::new(env!("CARGO_BIN_EXE_review"));
    review
        .args(["--relay", world.url(), "--key"])
        .arg(key)
        .args(command)
        .current_dir(world.dir.path());
    review.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn evidence(device: &Device) -> Vec<Evidence> {
    device
        .receive()
        .into_iter()
        .map(|(_, evidence)| evidence)
        .collect()
}

#[test]
fn keygen_writes_two_files_and_overwrites_none() {
    let world = World::new();
    let key = world.dir.path().join("other.key");
    let made = review(&world, &key, &["keygen"]);
    assert!(made.status.success());
    let (secret, public) = (
        std::fs::read(&key).unwrap(),
        world.dir.path().join("other.key.pub"),
    );
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let public = std::fs::read(public).unwrap();
    let public: waxseal_relay::ReviewerPublicKey = serde_json::from_slice(&public).unwrap();
    assert!(text(&made.stdout).contains(&public.reviewer_fingerprint()));

    assert!(!review(&world, &key, &["keygen"]).status.success());
    assert_eq!(std::fs::read(&key).unwrap(), secret);
    // A reviewer whose keys the relay was not started with is refused and gets nothing.
    let refused = review(&world, &key, &["list", "--json"]);
    assert!(!refused.status.success() && refused.stdout.is_empty());
}

#[test]
fn a_report_is_listed_opened_and_refused_if_it_does_not_verify() {
    let world = World::new();
    let _vault = VaultProcess::start(&world);
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let unsafe_text = "three \u{1b}[2J \u{9b}2J \u{202e}";
    for text in ["one", "two", unsafe_text, "four"] {
        alice.send(&bob.me, text).unwrap();
    }
    let evidence = evidence(&bob);
    let key = world.vault.moderation.public_key();
    let mut draft = ReportDraft::new(bob.me.clone(), Reason::Threat);
    draft.note("see the third").unwrap();
    draft.add(&evidence[0], Disclosure::Whole).unwrap();
    draft.add(&evidence[2], Disclosure::Whole).unwrap();
    draft.add(&evidence[3], Disclosure::Parts(vec![0])).unwrap();
    let report = draft
        .seal(&bob.delivery_key, key, &mut rand::rng())
        .unwrap();
    let taken = bob.client.report(bob.session(), &report.encode()).unwrap();

    let mod_key = world.dir.path().join("review.key");
    let listed = review(&world, &mod_key, &["list", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["report_id"], taken.report_id.as_str());
    assert_eq!(listed["messages"], 3);
    let opened = review(&world, &mod_key, &["open", &taken.report_id, "--json"]);
    assert!(opened.status.success());
    assert!(!text(&opened.stdout).contains(['\u{1b}', '\u{9b}', '\u{202e}']));
    let opened: Value = serde_json::from_slice(&opened.stdout).unwrap();
    assert_eq!(opened["report_id"], taken.report_id.as_str());
    assert_eq!(
        (&opened["reason"], &opened["verified"]),
        (&"threat".into(), &true.into())
    );
    assert_eq!(opened["note"], "see the third");
    let message = &opened["messages"][1];
    assert_eq!(message["from"], "alice");
    assert_eq!(message["text"], unsafe_text);
    assert_eq!(
        (&message["sequence"], &message["gap_before"]),
        (&2.into(), &1.into())
    );
    assert!(message["accepted_at_ms"].as_u64().unwrap() > 0);
    let withheld = &opened["messages"][2];
    assert_eq!(
        (&withheld["text"], &withheld["redacted_parts"]),
        (&Value::Null, &serde_json::json!([1]))
    );
    let shown = review(&world, &mod_key, &["open", &taken.report_id]);
    let shown = text(&shown.stdout);
    assert!(
        shown.contains("1 message(s) of this sender not shown")
            && shown.contains("alice, content withheld by the reporter")
    );
    assert!(
        !shown.contains(['\u{1b}', '\u{9b}', '\u{202e}']),
        "reported text cannot control the terminal"
    );

    // The claims in this report are genuine, but the sealed openings, which reveal the content,
    // were altered. The intake cannot know that; the reviewer must reject the report.
    let one = bob.report(key, &[&evidence[1]]);
    let junk = with_junk_openings(&bob, &one);
    let taken = bob.client.report(bob.session(), &junk).unwrap();
    let opened = review(&world, &mod_key, &["open", &taken.report_id, "--json"]);
    assert!(!opened.status.success());
    let opened: Value = serde_json::from_slice(&opened.stdout).unwrap();
    assert_eq!(
        (&opened["verified"], &opened["messages"]),
        (&false.into(), &serde_json::json!([]))
    );
    assert_eq!(opened["rejected"]["check"], 83);
    // The rejected report does not count, so the message can be reported.
    assert!(!bob.client.report(bob.session(), &one).unwrap().duplicate);
    assert!(
        !review(&world, &mod_key, &["open", &"0".repeat(32)])
            .status
            .success()
    );

    // The reviewer does not trust another relay at the same address.
    std::fs::write(world.dir.path().join("review.key.relay"), [7; 32]).unwrap();
    let refused = review(&world, &mod_key, &["list"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("ANOTHER RELAY KEY"));
}

#[test]
fn a_report_about_an_account_is_taken_once_and_shown_without_messages() {
    let world = World::new();
    let _vault = VaultProcess::start(&world);
    let bob = world.device("bob");
    let key = world.vault.moderation.public_key();
    // A modified client names what would look like a line of the command on a terminal.
    let name = format!("a1ice{:47}verified: false", "");
    let a1ice = AccountId::new(&name).unwrap();
    let draft = ReportDraft::about_account(bob.me.clone(), a1ice, Reason::Impersonation);
    let mut draft = draft.unwrap();
    draft.note("not Alice").unwrap();
    let submit = || {
        let report = draft.seal(&bob.delivery_key, key, &mut rand::rng());
        let report = report.unwrap().encode();
        bob.client.report(bob.session(), &report).unwrap()
    };
    let (taken, again) = (submit(), submit());
    assert!(!taken.duplicate && again.duplicate);
    assert_eq!(taken.report_id, again.report_id);

    let mod_key = world.dir.path().join("review.key");
    let run = |command: &[&str]| {
        let output = review(&world, &mod_key, command);
        assert!(output.status.success());
        text(&output.stdout).to_owned()
    };
    let listed = run(&["list"]);
    assert!(listed.contains("an account, no messages, reported by bob at"));
    let listed: Value = serde_json::from_str(&run(&["list", "--json"])).unwrap();
    assert_eq!(listed["messages"], 0);
    let opened: Value = serde_json::from_str(&run(&["open", &taken.report_id, "--json"])).unwrap();
    assert_eq!(opened["about_account"], name);
    assert_eq!(opened["messages"], serde_json::json!([]));
    assert_eq!(opened["note"], "not Alice");
    let shown = run(&["open", &taken.report_id]);
    assert!(shown.contains("note: not Alice\nabout account, no messages:\n      | a1ice "));
    assert!(shown.lines().all(|line| line.len() < 80), "{shown}");

    // Once its review has ended, the account can be reported again.
    run(&["close", &taken.report_id]);
    let later = submit();
    assert!(!later.duplicate && later.report_id != taken.report_id);
}

#[test]
fn the_vault_opens_what_the_intake_accepted_under_this_id_and_nothing_else() {
    let world = World::new();
    let vault = VaultProcess::start(&world);
    let mode = vault.socket.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    alice.send(&bob.me, "one").unwrap();
    alice.send(&bob.me, "two").unwrap();
    let key = world.vault.moderation.public_key();
    let ids: Vec<String> = evidence(&bob)
        .iter()
        .map(|evidence| {
            let report = bob.report(key, &[evidence]);
            bob.client.report(bob.session(), &report).unwrap().report_id
        })
        .collect();
    assert!(vault.open(&world, &ids[0]).is_ok());

    let (client, reviewer) = (world.client(), world.reviewer());
    let request = |id: &str| OpenRequest {
        relay_key: client.card().unwrap().relay_key,
        acceptance_keys: client.acceptance_keys(&reviewer).unwrap(),
        id: parse_report_id(id).unwrap(),
        accepted: client.accepted_report(&reviewer, id).unwrap(),
    };
    let refused = |request: &OpenRequest, reason: &str| {
        let error = ask_vault(&vault.socket, request).unwrap_err();
        assert!(
            matches!(&error, VaultError::NotOpened(why) if why.contains(reason)),
            "{error}, not {reason}"
        );
    };
    // A reviewer who chooses the acceptance key, or the relay, could invent accepted reports.
    let mut other = request(&ids[0]);
    let own = AcceptanceKeys {
        present: AcceptanceKey::generate(&mut rand::rng()),
        old: None,
    };
    let to = world.vault.sealing.public();
    other.acceptance_keys.sealed = seal_acceptance_keys(to, &own, &mut rand::rng()).unwrap();
    refused(&other, "did not sign");
    let relay = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let context = acceptance_context(&to.to_bytes(), &other.acceptance_keys.sealed);
    other.acceptance_keys.signature = relay.sign(&context).to_bytes();
    other.relay_key = relay.verifying_key().to_bytes();
    refused(&other, "another relay");
    let mut altered = request(&ids[0]);
    *altered.accepted.last_mut().unwrap() ^= 1;
    refused(&altered, "did not accept");
    altered.accepted.clear();
    refused(&altered, "");

    // Someone with the relay's database exchanges two entries of the queue.
    let db = rusqlite::Connection::open(world.dir.path().join("data/relay.sqlite")).unwrap();
    db.execute_batch(
        "UPDATE report SET accepted = (SELECT accepted FROM report WHERE id = 2) WHERE id = 1",
    )
    .unwrap();
    drop(db);
    refused(&request(&ids[0]), "under another id");
    let key = world.dir.path().join("review.key");
    let opened = review(&world, &key, &["open", &ids[0], "--json"]);
    assert!(!opened.status.success() && opened.stdout.is_empty());
    assert!(text(&opened.stderr).contains("under another id"));
    let listed = client.reports(&reviewer, 0).unwrap().reports;
    assert_eq!(listed[0].rejected, None, "the reporter is not at fault");
    assert!(review(&world, &key, &["open", &ids[1]]).status.success());
    assert!(
        !review(&world, &key, &["open", "--vault", "none.sock", &ids[1]])
            .status
            .success()
    );
}

#[test]
fn reports_that_waited_while_the_vaults_key_was_replaced_still_open() {
    let mut world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    alice.send(&bob.me, "before").unwrap();
    let report = bob.report(world.vault.moderation.public_key(), &[&evidence(&bob)[0]]);
    let id = bob.client.report(bob.session(), &report).unwrap().report_id;

    world.relay.take().unwrap().kill();
    let old = world.replace_vault_keys();
    // Before there was a vault, the reviewer's file held the moderation key, and two other keys.
    let of_reviewer = [old.moderation.export().as_slice(), &[7; 64]].concat();
    std::fs::write(world.dir.path().join("old.key"), old.export()).unwrap();
    std::fs::write(world.dir.path().join("old-review.key"), of_reviewer).unwrap();
    world.start();
    for (keys, is_opened) in [
        (&[][..], false),
        (&["--old-key", "old.key"][..], true),
        (&["--old-key", "old-review.key"][..], true),
    ] {
        let vault = VaultProcess::start_with(&world, keys);
        let opened = vault.open(&world, &id);
        match (opened, is_opened) {
            (Ok(report), true) => assert_eq!(review_of(report), "before"),
            (Err(VaultError::Rejected { check: 82, .. }), false) => {}
            (other, _) => panic!("{keys:?}: {:?}", other.err()),
        }
    }
}

fn review_of(report: UnsealedReport) -> String {
    let verified = waxseal_reporting::reviewer::review(report).unwrap();
    let content = verified.messages()[0].content().unwrap();
    content.as_text().unwrap().to_owned()
}

#[test]
fn the_vaults_keygen_overwrites_nothing_and_its_socket_has_one_vault() {
    let world = World::new();
    let dir = world.dir.path();
    let vault = |arguments: &[&str]| {
        let mut vault = Command::new(env!("CARGO_BIN_EXE_vault"));
        vault.current_dir(dir).args(arguments).output().unwrap()
    };
    let made = vault(&["--key", "new.key", "keygen"]);
    assert!(made.status.success());
    let public = std::fs::read(dir.join("new.key.pub")).unwrap();
    let public: VaultPublicKeys = serde_json::from_slice(&public).unwrap();
    assert!(text(&made.stdout).contains(&public.moderation_fingerprint()));
    let secret = dir.join("new.key");
    let mode = secret.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(&secret).unwrap();
    assert!(!vault(&["--key", "new.key", "keygen"]).status.success());
    assert_eq!(std::fs::read(&secret).unwrap(), before);

    let serving = VaultProcess::start(&world);
    let second = vault(&["--key", "vault.key", "serve", "--socket", "vault.sock"]);
    assert!(text(&second.stderr).contains("another vault serves"));
    let over_a_file = vault(&["--key", "vault.key", "serve", "--socket", "vault.key"]);
    assert!(text(&over_a_file.stderr).contains("is not a socket"));
    drop(serving);
    // The socket of a vault that was killed stays behind, and the next one takes its place.
    assert!(dir.join("vault.sock").exists());
    drop(VaultProcess::start(&world));
    let group = rustix::process::getgid().as_raw();
    let shared = VaultProcess::start_with(&world, &["--group", &group.to_string()]);
    let socket = shared.socket.metadata().unwrap();
    assert_eq!(
        (socket.permissions().mode() & 0o777, socket.gid()),
        (0o660, group)
    );
    drop(shared);
    let fresh = ["--key", "new.key", "serve", "--socket", "new.sock"];
    let unpinned = vault(&[&fresh[..], &["--relay", "http://127.0.0.1:1"]].concat());
    assert!(text(&unpinned.stderr).contains("no relay key is pinned"));
    assert!(
        !dir.join("new.sock").exists(),
        "no reviewer chooses the relay"
    );
    let wrong = vault(&["--key", "review.key", "serve", "--socket", "other.sock"]);
    assert!(text(&wrong.stderr).contains("was not made by `vault keygen`"));
}
