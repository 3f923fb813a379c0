//! `verify-receipt`.

use waxseal_log::entry::{Day, Detail, Entry, Event, PolicyKey};
use waxseal_log::promise::Promise;
use waxseal_log::receipt::{Receipt, Role};
use waxseal_log::report::ReportDigest;

use super::published::Published;
use super::world::{ACCOUNT, DAY, World, noon};
use super::{Ran, run};

/// Publishes the log, with the files of a reporter.
fn reporter(world: &World, receipt: &Receipt) -> Published {
    let published = world.publish();
    published.write("promise", &world.promise.encode());
    published.write("receipt", &receipt.encode().unwrap());
    published
}

fn read(published: &Published, more: &[&str]) -> Ran {
    let arguments = [
        "verify-receipt",
        "receipt",
        "--promise",
        "promise",
        "--keys",
        "keys",
    ];
    run(published.root(), &[&arguments[..], more].concat())
}

#[test]
fn the_reporter_reads_what_happened_day_by_day() {
    let world = World::new();
    let ran = read(&reporter(&world, &world.of_reporter(13)), &[])
        .good()
        .says("the report that the provider took in on 2024-10-04 12:00:00 UTC")
        .says("It shows the log of 2024-10-17 12:00:00 UTC, which had 712 entries.")
        .says("The time to appeal against the decision of 2024-10-06 ended at 2024-11-06 12:00:00 UTC")
        .says("give the published log with --log")
        .says("Good      nothing is missing, and nothing contradicts");
    let story = "\
2024-10-04  The report arrived.
2024-10-04  A machine sorted it. Its reason is harassment.
2024-10-05  An officer opened it to examine the report.
2024-10-05  An officer opened it to examine the report.
2024-10-06  The case was decided: harassment. The account was suspended.
            It took 2 days. Reports of the case were opened 2 times before.
            Rule:
              | 3.1 threats
            Reasons:
              | The messages threaten a person.
2024-10-06  A notice of the decision was sent to you.
2024-10-06  A notice of the decision was sent to the reported account.
2024-10-07  An appeal by the reported account arrived.
2024-10-08  The appeal was decided, after 1 day. The decision was reversed.
            Reasons:
              | The account was mistaken for another one.
";
    ran.says(story);
}

#[test]
fn promise_and_keys_are_found_next_to_the_receipt() {
    let world = World::new();
    let published = reporter(&world, &world.of_reporter(13));
    let receipt = world.of_reporter(13).encode().unwrap();
    published.write("mine.receipt", &receipt);
    let alone = ["verify-receipt", "mine.receipt"];
    run(published.root(), &alone).unusable("give the promise with --promise");
    published.write("mine.promise", &world.promise.encode());
    run(published.root(), &alone)
        .good()
        .says("keys, not pinned")
        .says("2024-10-04  The report arrived.");
    // Keys and promises that are named come first.
    published.write("mine.promise", b"no promise");
    let named = ["--promise", "promise", "--keys", "keys"];
    run(published.root(), &[&alone[..], &named].concat()).good();
    published.write("keys", b"no keys");
    run(published.root(), &alone).unusable("keys");
}

#[test]
fn the_account_reads_what_was_decided() {
    let world = World::new();
    let published = world.publish();
    published.write("receipt", &world.of_account(13).encode().unwrap());
    let arguments = |name| ["verify-receipt", "receipt", "--log", ".", "--account", name];
    run(published.root(), &arguments(ACCOUNT))
        .good()
        .says("decisions against the account \"mallory\"")
        .says("A notice of the decision was sent to you.")
        .says("An appeal by you arrived.")
        .does_not_say("The report arrived");
    run(published.root(), &arguments("alice")).wrong(157, "decision 107 is not about this reader");
}

#[test]
fn an_early_receipt_says_what_is_still_missing() {
    let world = World::new();
    read(&reporter(&world, &world.of_reporter(0)), &[])
        .good()
        .says("It shows no opening of the content.\n")
        .says("It shows no decision.");
    let before_arrival = world.receipt(Role::Reporter, &[], 0);
    read(&reporter(&world, &before_arrival), &[])
        .good()
        .says("The log does not show the report yet. The provider promised it by 2024-10-07 00:00");
    read(&reporter(&world, &world.of_reporter(3)), &[])
        .good()
        .says("An appeal is not decided yet.");
}

#[test]
fn a_broken_promise_is_said() {
    let world = World::new();
    let empty = world.receipt(Role::Reporter, &[], 6);
    let words = "the promise is broken: the report should be in the log by now";
    read(&reporter(&world, &empty), &[]).wrong(157, words);
    // The published log does not have the entry either.
    let mut other = world.clone();
    let report = ReportDigest::of(b"a report that was never logged");
    let now_ms = noon(DAY) * 1_000;
    other.promise = Promise::make(&world.log, &report, None, now_ms, &mut other.rng).unwrap();
    read(&reporter(&other, &empty), &["--log", "."])
        .wrong(157, words)
        .wrong(
            159,
            "the promise for day 20000 is broken: its leaf is not in the log",
        );
}

#[test]
fn what_the_receipt_leaves_out_is_named() {
    let world = World::new();
    let mut shown = world.of_reporter.clone();
    let left_out = shown.remove(2);
    let receipt = world.receipt(Role::Reporter, &shown, 6);
    let published = reporter(&world, &receipt);
    read(&published, &[])
        .good()
        .says("Not shown whether the provider left something out");
    read(&published, &["--log", "."]).wrong(
        147,
        &format!("entry {left_out} of the log is left out of the receipt"),
    );
}

#[test]
fn a_whole_receipt_is_compared_with_the_log() {
    let world = World::new();
    read(&reporter(&world, &world.of_reporter(6)), &["--log", "."])
        .good()
        .says("Compared  the receipt with the whole log up to its checkpoint")
        .does_not_say("Not shown whether");
    read(&reporter(&world, &world.of_reporter(13)), &["--log", "."])
        .good()
        .says("with the first 362 of 712 entries of its log");
}

#[test]
fn a_receipt_from_another_log_than_the_published_one_is_noticed() {
    let world = World::new();
    let mut other = world.clone();
    let (last, _) = world.checkpoints[6];
    other.entries.remove(last - 1);
    let receipt = other.of_reporter(6);
    read(&reporter(&world, &receipt), &["--log", "."]).wrong(
        235,
        "the checkpoint in receipt: the log has another root over 362 entries",
    );
}

#[test]
fn an_earlier_receipt_must_still_hold() {
    let world = World::new();
    let published = reporter(&world, &world.of_reporter(6));
    published.write("earlier", &world.of_reporter(3).encode().unwrap());
    read(&published, &["--earlier", "earlier"]).good();
    read(&published, &["--earlier", "earlier", "--log", "."]).good();

    let mut shown = world.of_reporter.clone();
    let dropped = shown.remove(3);
    let receipt = world.receipt(Role::Reporter, &shown, 6);
    published.write("receipt", &receipt.encode().unwrap());
    read(&published, &["--earlier", "earlier"]).wrong(
        147,
        &format!("entry {dropped} was in an earlier receipt and is not shown"),
    );

    published.write("receipt", &world.of_reporter(2).encode().unwrap());
    read(&published, &["--earlier", "earlier"])
        .wrong(147, "the log is smaller than in an earlier receipt");
}

#[test]
fn an_altered_receipt_is_refused() {
    let world = World::new();
    let mut receipt = world.of_reporter(6);
    receipt.items[3].index += 1;
    read(&reporter(&world, &receipt), &[]).wrong(154, "receipt: entry 57 is not in the log");

    let mut receipt = world.of_reporter(6);
    receipt.items[4].detail = receipt.items[5].detail.clone();
    read(&reporter(&world, &receipt), &[]).wrong(
        155,
        "receipt: the detail of entry 107 is not the one in the log",
    );

    let foreign = world.receipt(Role::Reporter, &[1, 5], 6);
    read(&reporter(&world, &foreign), &[]).wrong(156, "receipt: entry 5 is not for this reader");

    let published = reporter(&world, &world.of_reporter(6));
    published.change("receipt", |bytes| bytes.push(0));
    read(&published, &[]).wrong(153, "receipt: the receipt is malformed");
    published.change("receipt", |bytes| bytes.resize(2_000_000, 0));
    read(&published, &[]).wrong(153, "receipt: the receipt is too long");
}

#[test]
fn a_receipt_without_the_vaults_cosignature_is_refused() {
    let world = World::new();
    let mut receipt = world.of_reporter(6);
    let (size, day) = world.checkpoints[6];
    receipt.checkpoint = world.signed(size as u64, world.root(size));
    let text = receipt.checkpoint.text().to_owned();
    for witness in &world.witnesses {
        receipt
            .checkpoint
            .add(witness.cosign(&text, noon(day)))
            .unwrap();
    }
    read(&reporter(&world, &receipt), &[]).wrong(
        140,
        "the checkpoint in receipt: the vault did not cosign the checkpoint",
    );
}

#[test]
fn a_promise_that_does_not_bind_is_refused() {
    let world = World::new();
    let published = reporter(&world, &world.of_reporter(6));
    published.change("promise", |bytes| bytes.push(0));
    read(&published, &[]).wrong(148, "promise: the promise is malformed");
    let mut other = world.clone();
    other.log = waxseal_log::note::Signer::from_seed("desk.example/log", &[0x99; 32]).unwrap();
    let report = ReportDigest::of(b"a sealed report");
    let make = |world: &World, at_ms, rng: &mut _| {
        Promise::make(&world.log, &report, None, at_ms, rng)
            .unwrap()
            .encode()
    };
    let forged = make(&other, noon(DAY) * 1_000, &mut other.rng.clone());
    published.write("promise", &forged);
    read(&published, &[]).wrong(149, "promise's note");
    // A promise for the year 2399.
    let late = make(&world, noon(DAY * 8) * 1_000, &mut other.rng);
    published.write("promise", &late);
    read(&published, &[]).wrong(152, "promise: the promise is for a later day");
}

#[test]
fn whom_the_receipt_is_for_is_said() {
    let world = World::new();
    let published = reporter(&world, &world.of_reporter(6));
    let with = |more: &[&str]| {
        let arguments = ["verify-receipt", "receipt", "--keys", "keys"];
        run(published.root(), &[&arguments[..], more].concat())
    };
    with(&[]).unusable("this receipt is for who reported: give the promise with --promise");
    with(&["--account", "mallory"]).unusable("this receipt is for who reported");
    with(&["--account", "mallory", "--promise", "promise"])
        .unusable("give either --promise or --account");
    published.write("receipt", &world.of_account(6).encode().unwrap());
    with(&["--promise", "promise"]).unusable("this receipt is for who was decided against");
    published.write("receipt", b"");
    with(&[]).unusable("this is no receipt");
}

#[test]
fn a_long_line_of_a_statement_cannot_pass_for_the_programs_words() {
    // The terminal would begin a line with what follows the spaces or the wide characters.
    for padding in [" ".repeat(64), "\u{65e5}".repeat(32), "-".repeat(300)] {
        let statement = format!("{padding}Good      nothing is missing, and nothing contradicts");
        let world = World::with(PolicyKey::from_seed(&[0x44; 32]), [1, 2], &statement);
        let ran = read(&reporter(&world, &world.of_reporter(6)), &[]).good();
        let mut lines = ran.out.lines().filter(|line| line.contains("  | "));
        let columns = |c: char| if c.is_ascii() { 1 } else { 2 };
        assert!(lines.all(|line| line.chars().map(columns).sum::<usize>() < 80));
        let shown: String = ran.out.split("  | ").collect();
        assert!(shown.contains("nothing is missing"), "{}", ran.out);
    }
}

#[test]
fn a_decision_without_its_reasons_is_not_said_to_be_proven() {
    let mut world = World::new();
    let detail = Detail::new(b"detail".to_vec(), &mut world.rng).unwrap();
    let erased = Entry {
        day: Day(DAY + 14),
        number: world.entries[world.decision as usize].0.number,
        event: Event::ContentErased,
        digest: detail.digest(),
    };
    let index = world.entries.len() as u64;
    world.entries.push((erased, detail));
    world.checkpoints.push((world.entries.len(), DAY + 14));
    let shown = [&world.of_reporter[..2], &[world.decision, index]].concat();
    let mut receipt = world.receipt(Role::Reporter, &shown, 14);
    for item in &mut receipt.items {
        (item.detail, item.link) = (None, None);
    }
    read(&reporter(&world, &receipt), &[])
        .good()
        .says("The reasons are not shown, since the content was erased.\n")
        .says("So nothing proves that this decision is about you.\n");
}

#[test]
fn entries_after_an_old_receipt_are_said() {
    let world = World::new();
    let old = reporter(&world, &world.of_reporter(0));
    // Two openings. The receipt does not say which decision is about the report.
    read(&old, &["--log", "."]).good().says(
        "the log has 2 more entries about it after the receipt's checkpoint: ask for a newer",
    );
    let old = reporter(&world, &world.of_reporter(3));
    read(&old, &["--log", "."])
        .good()
        .says("the log has 1 more entry about it after");
    let new = reporter(&world, &world.of_reporter(6));
    read(&new, &["--log", "."])
        .good()
        .does_not_say("after the receipt's checkpoint");
}

#[test]
fn a_statement_cannot_write_on_the_terminal_or_pass_for_the_programs_words() {
    let statement = "\u{1b}[2J\u{202e}\r\nGood      nothing is missing\u{7}";
    let world = World::with(PolicyKey::from_seed(&[0x44; 32]), [1, 2], statement);
    let ran = read(&reporter(&world, &world.of_reporter(6)), &[])
        .good()
        .says("  | \\u{1b}[2J\\u{202e}\n")
        .says("  | Good      nothing is missing\\u{7}\n");
    assert!(!ran.out.contains(['\u{1b}', '\u{202e}', '\u{7}', '\r']));
}
