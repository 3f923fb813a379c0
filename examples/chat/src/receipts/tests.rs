//! What is shown of a report that the provider refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use waxseal::courier::{ReceiptAbout, ReceiptNews};
use waxseal::log::receipt::Role;
use waxseal::{Client, MemoryStore, Timestamp};
use waxseal_world::{Log, NOW, Provider, account};

use super::*;

const DAY_MS: u64 = 86_400_000;

/// Bob's promise that the log will show the refusal, by check 69, and what it shows some days
/// later.
fn refused(log_shows_it: bool) -> (Client<MemoryStore>, Timestamp) {
    let (mut world, _, mut bob) = Provider::of_two();
    let mut log = Log::new("desk.example/log");
    let draft = bob.draft_account_report(&account("mallory"), waxseal::Reason::Scam);
    let key = world.moderation.public_key();
    let report = bob.report(&draft.unwrap(), key, &mut world.rng).unwrap();
    let promise = log.promise(&report.report, Some(69), NOW, &mut world.rng);
    let keys = log.keys();
    bob.keep_promise(&report, &promise.encode(), &keys, NOW)
        .unwrap();
    let later = Timestamp::from_millis(NOW.as_millis() + 4 * DAY_MS);
    if log_shows_it {
        let index = log.append_promised(&promise);
        let receipt = log.receipt(Role::Reporter, &[index], later);
        bob.verify_receipt(&receipt, &keys).unwrap();
    }
    (bob, later)
}

fn listed(log_shows_it: bool) -> Receipts {
    let (bob, later) = refused(log_shows_it);
    let promise = bob.promises(None, 9, later).unwrap().items.remove(0);
    let entry = Entry {
        told: promise.receipt().map(|receipt| receipt.told().clone()),
        is_contradicted: false,
        promise: Some(promise),
    };
    Receipts {
        entries: vec![entry],
        appeals: Vec::new(),
    }
}

#[test]
fn a_refused_report_is_shown_with_its_reason_and_whether_the_log_has_it() {
    let why = "refused, because nobody can verify a message of that time (check 69)";
    let shown = listed(true);
    let lines = story::lines(&shown, &shown.entries[0]);
    assert!(lines[0].contains(why), "{lines:?}");
    assert!(lines[0].ends_with("; in the log"), "{lines:?}");
    assert!(
        lines[1].starts_with("  the log shows the refusal of 2"),
        "{lines:?}"
    );
    let json = json::text(&shown, &shown.entries[0]).unwrap();
    assert!(json.contains(r#""state":"included","check":69"#), "{json}");
    let promise = shown.entries[0].promise.as_ref().unwrap();
    let news = ReceiptNews {
        about: ReceiptAbout::Report {
            id: promise.report(),
            number: promise.number(),
        },
        told: shown.entries[0].told.clone().unwrap(),
    };
    let expected = format!("the log shows about your report: {why}");
    assert_eq!(story::news(&news), [expected]);

    let hidden = listed(false);
    let lines = story::lines(&hidden, &hidden.entries[0]);
    assert!(lines[0].contains(why), "{lines:?}");
    assert!(lines[0].contains("; NOT IN THE LOG"), "{lines:?}");
    let json = json::text(&hidden, &hidden.entries[0]).unwrap();
    assert!(json.contains(r#""state":"overdue","check":69"#), "{json}");
}
