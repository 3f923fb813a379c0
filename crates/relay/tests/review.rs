//! The reviewer's command, from making the keys to a report that does not verify.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::reporter::{Disclosure, Reason, ReportDraft};
use world::{Device, World};

fn review(world: &World, key: &Path, command: &[&str]) -> Output {
    let mut review = Command::new(env!("CARGO_BIN_EXE_review"));
    review
        .args(["--relay", world.url(), "--key"])
        .arg(key)
        .args(command);
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
    let public: waxseal_relay::ReviewerPublicKeys = serde_json::from_slice(&public).unwrap();
    assert!(text(&made.stdout).contains(&public.moderation_fingerprint()));

    assert!(!review(&world, &key, &["keygen"]).status.success());
    assert_eq!(std::fs::read(&key).unwrap(), secret);
    // A reviewer whose keys the relay was not started with is refused and gets nothing.
    let refused = review(&world, &key, &["list", "--json"]);
    assert!(!refused.status.success() && refused.stdout.is_empty());
}

#[test]
fn a_report_is_listed_opened_and_refused_if_it_does_not_verify() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let unsafe_text = "three \u{1b}[2J \u{9b}2J \u{202e}";
    for text in ["one", "two", unsafe_text, "four"] {
        alice.send(&bob.me, text).unwrap();
    }
    let evidence = evidence(&bob);
    let key = world.reviewer.moderation.public_key();
    let mut draft = ReportDraft::new(bob.me.clone(), Reason::Threat);
    draft.note("see the third").unwrap();
    draft.add(&evidence[0], Disclosure::Whole).unwrap();
    draft.add(&evidence[2], Disclosure::Whole).unwrap();
    draft.add(&evidence[3], Disclosure::Parts(vec![0])).unwrap();
    let report = draft
        .seal(&bob.delivery_key, key, &mut rand::rng())
        .unwrap();
    let taken = bob.client.report(bob.session(), &report.encode()).unwrap();

    let mod_key = world.dir.path().join("mod.key");
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
    assert!(shown.contains("1 message(s) of this sender not shown") && shown.contains("[withheld"));
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

    // Pins another key, as if another relay now answered at this address. The reviewer's command
    // must refuse the relay.
    std::fs::write(world.dir.path().join("mod.key.relay"), [7; 32]).unwrap();
    let refused = review(&world, &mod_key, &["list"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("ANOTHER RELAY KEY"));
}

/// Alters the sealed openings of a report, which reveal its content, and computes the reporter's
/// MAC again, as a dishonest reporter could.
fn with_junk_openings(reporter: &Device, report: &[u8]) -> Vec<u8> {
    // The report is 01 and then fields 1 to 5, each as tag, length (varint) and bytes. The last
    // field is the MAC.
    let (mut sections, mut rest) = (Vec::new(), &report[1..]);
    while !rest.is_empty() {
        let (mut len, mut at) = (0, 1);
        loop {
            len |= usize::from(rest[at] & 0x7f) << (7 * (at - 1));
            at += 1;
            if rest[at - 1] < 0x80 {
                break;
            }
        }
        sections.push(rest[at..at + len].to_vec());
        rest = &rest[at + len..];
    }
    *sections[3].last_mut().unwrap() ^= 1;
    let key = reporter.delivery_key.to_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(&*key).unwrap();
    mac.update(b"waxseal/1/reporter-mac");
    for section in &sections[..4] {
        mac.update(&u32::try_from(section.len()).unwrap().to_be_bytes());
        mac.update(section);
    }
    // The report ends with `.. sealed openings || 2a 20 MAC`. Flips one bit of the sealed openings
    // and appends the new MAC.
    let mut junk = report[..report.len() - 34].to_vec();
    *junk.last_mut().unwrap() ^= 1;
    junk.extend_from_slice(&[0x2a, 0x20]);
    junk.extend_from_slice(&mac.finalize().into_bytes());
    junk
}
