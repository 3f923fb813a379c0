//! Breaks conversations in eight ways, and shows that nothing stays undecryptable.
//!
//! `cargo run --release --example recovery -- [--seed N] [--json]`
//!
//! Each way is a condition that people meet: a new phone, lost sessions, a restored backup. Two
//! real clients talk through a relay in this process, over a network that loses, repeats and
//! reorders. The exit code is 0 only if every message was shown once. Messages that the relay
//! itself dropped or that were skipped must count as not delivered at their sender, and no others.

mod support {
    pub mod lossy;
    pub mod provider;
}

use std::process::ExitCode;

use serde_json::json;
use support::lossy::{DAY_MS, HOUR_MS, Lossy, MINUTE_MS};
use waxseal::{Client, MemoryStore, Timestamp};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const ALICE: usize = 0;
const BOB: usize = 1;
/// More messages than a session keeps keys for.
const MANY: usize = 2_100;

type Scenario = (&'static str, fn(&mut Lossy));

/// The name of each scenario and what happens in it. Afterwards, time passes.
const SCENARIOS: [Scenario; 8] = [
    ("peer reinstalled and only reads", reinstalled),
    ("first messages on prekeys that are gone", gone_prekeys),
    ("in flight when a session breaks", in_flight),
    ("both ends out of step", out_of_step),
    ("device set back to an older store", set_back),
    ("the relay dropped 2,100 messages, then 2,100 skipped", gap),
    ("late by more than ten turns", late),
    (
        "sealed before an identity change was accepted",
        identity_change,
    ),
];

fn reinstalled(net: &mut Lossy) {
    net.reinstall(BOB);
    write(net, ALICE, 23);
}

fn gone_prekeys(net: &mut Lossy) {
    let bob = net.account(BOB);
    let bundles = net.provider.bundles(&bob).expect("he published some");
    for _ in 0..3 {
        let upload = net.phones[BOB]
            .rotate_prekeys(&mut net.rng)
            .expect("in memory");
        net.provider.publish(&bob, upload.base, upload.one_time);
    }
    let alice = &mut net.phones[ALICE];
    alice
        .start(&bob, &bundles, net.now, &mut net.rng)
        .expect("the bundle is genuine");
    write(net, ALICE, 50);
}

fn in_flight(net: &mut Lossy) {
    write(net, ALICE, 40);
    net.turn(ALICE);
    net.lose_sessions(BOB);
}

fn out_of_step(net: &mut Lossy) {
    write(net, ALICE, 20);
    write(net, BOB, 20);
    net.lose_sessions(ALICE);
    net.lose_sessions(BOB);
}

fn set_back(net: &mut Lossy) {
    let records = net.phones[ALICE].store().records();
    let old: Vec<_> = records
        .map(|(key, value)| (key.clone(), value.to_vec()))
        .collect();
    for _ in 0..5 {
        write(net, ALICE, 1);
        write(net, BOB, 1);
        net.arrive();
    }
    let store = MemoryStore::from_records(old);
    net.phones[ALICE] = Client::open(store).expect("it is a store");
    write(net, ALICE, 10);
    write(net, BOB, 10);
}

fn gap(net: &mut Lossy) {
    // Bob accepted Alice after her first message. So she is told that this one arrived.
    write(net, ALICE, 1);
    net.pass(HOUR_MS);
    write(net, ALICE, MANY);
    net.turn(ALICE);
    net.drop_queue(BOB);
    net.pass(MINUTE_MS);
    net.drop_queue(BOB);
    write(net, ALICE, 10);
    net.pass(HOUR_MS);
    net.skips = Some(BOB);
    write(net, ALICE, MANY);
    net.pass(HOUR_MS);
    net.skips = None;
    write(net, ALICE, 10);
}

fn late(net: &mut Lossy) {
    for _ in 0..30 {
        write(net, ALICE, 10);
        // What is on its way now arrives after the next turns.
        let held = net.hold(BOB);
        for _ in 0..12 {
            write(net, BOB, 1);
            net.pass(MINUTE_MS);
            write(net, ALICE, 1);
            net.pass(MINUTE_MS);
        }
        net.release(BOB, held);
    }
}

fn identity_change(net: &mut Lossy) {
    write(net, ALICE, 5);
    net.reinstall(BOB);
    net.accept_identity(ALICE);
}

fn write(net: &mut Lossy, from: usize, count: usize) {
    for number in 0..count {
        net.send(from, &format!("{number}"));
    }
}

fn main() -> ExitCode {
    let (mut seed, mut is_json) = (1, false);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--json" => is_json = true,
            "--seed" => {
                let value = words.next().and_then(|value| value.parse().ok());
                seed = value.expect("--seed takes a number");
            }
            _ => {
                eprintln!("usage: recovery [--seed N] [--json]");
                return ExitCode::from(2);
            }
        }
    }
    let mut results = Vec::new();
    let (mut lost_in_all, mut twice_in_all, mut holds) = (0, 0, true);
    for (name, breaks) in SCENARIOS {
        let mut net = Lossy::new(seed, START);
        breaks(&mut net);
        for _ in 0..12 {
            net.pass(2 * HOUR_MS);
        }
        // After eight days, what did not arrive counts as lost.
        write(&mut net, ALICE, 1);
        write(&mut net, BOB, 1);
        for _ in 0..9 {
            net.pass(DAY_MS);
        }
        let shown = net.shown();
        let sent = net.sent.len();
        let seen = sent - shown.get(&0).unwrap_or(&0);
        let lost = sent - seen - net.skipped;
        let twice: usize = shown.range(2..).map(|(_, count)| count).sum();
        // Only the relay may lose messages. Their sender sees each of them, and each that was
        // skipped, as not delivered, and no other.
        let (told, told_wrongly) = net.not_delivered();
        holds &= twice == 0 && told_wrongly == 0;
        holds &= lost == 0 || name.contains("dropped");
        holds &= told == lost + net.skipped;
        lost_in_all += lost;
        twice_in_all += twice;
        results.push(json!({
            "name": name, "sent": sent, "shown": seen, "lost": lost, "shown_twice": twice,
            "skipped": net.skipped, "not_delivered": told + told_wrongly,
            "restarts_a": net.restarts[ALICE], "restarts_b": net.restarts[BOB],
            "reportable": net.reportable(),
        }));
    }
    if is_json {
        let all = json!({
            "scenarios": results, "lost": lost_in_all, "shown_twice": twice_in_all,
        });
        println!("{all}");
    } else {
        print_table(&results);
    }
    ExitCode::from(u8::from(!holds))
}

fn print_table(results: &[serde_json::Value]) {
    let columns = [
        "sent",
        "shown",
        "skipped",
        "lost",
        "shown_twice",
        "not_delivered",
        "restarts_a",
        "restarts_b",
        "reportable",
    ];
    print!("{:<54}", "scenario");
    for column in columns {
        print!("{column:>14}");
    }
    println!();
    for result in results {
        print!("{:<54}", result["name"].as_str().unwrap_or_default());
        for column in columns {
            print!("{:>14}", result[column].to_string());
        }
        println!();
    }
}
