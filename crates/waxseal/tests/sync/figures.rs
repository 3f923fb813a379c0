//! What a long history costs. `cargo test --release -p waxseal --test sync -- --ignored
//! --nocapture`

use std::time::Instant;

use waxseal::sync::history::RequestId;
use waxseal::{Client, MAX_RECEIVED_AT_ONCE, SqliteStore, Store, StoreKey};
use waxseal_world::account;

use super::support::{Net, bob};

/// Peak memory of this process since [`reset_peak`], in MB.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kb = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kb.unwrap_or_default() / 1_024.0
}

fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn count(client: &Client<impl Store>) -> usize {
    let (mut count, mut after) = (0, None);
    loop {
        let page = client.messages(&bob(), after, 500).unwrap();
        count += page.items.len();
        after = page.next;
        if after.is_none() {
            return count;
        }
    }
}

/// `WAXSEAL_HISTORY` is the number of messages, 100,000 by default.
#[test]
#[ignore = "takes minutes"]
fn a_history_of_100_000_messages_takes_bounded_memory() {
    let messages =
        std::env::var("WAXSEAL_HISTORY").map_or(100_000, |number| number.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let key = StoreKey::generate(&mut rand::rng());
        SqliteStore::open(folder.path().join(name), &key).unwrap()
    };
    let mut net = Net::new();
    let mut phone = net.provider.register_in(open("phone"), "alice");
    let mut other = net.provider.register("bob");
    let alice = account("alice");
    net.start(&mut other, &alice);
    let roster = net.provider.roster(&bob());
    phone.take_roster(&bob(), &roster, net.now()).unwrap();
    let start = Instant::now();
    let me = phone.me().clone();
    let mut sent = 0;
    while sent < messages {
        let mut batch = Vec::new();
        for _ in 0..MAX_RECEIVED_AT_ONCE.min(messages - sent) {
            sent += 1;
            let text =
                format!("Message {sent}, of about the length that people write to each other.");
            let now = net.now();
            let one = other
                .send(&alice, text.as_str(), now, &mut net.provider.rng)
                .unwrap();
            let (delivery, receipt) = net.provider.relay_as(other.me(), &me, &one.envelope);
            other.confirm(&alice, &receipt).unwrap();
            batch.push(delivery);
        }
        let mut rest = batch.as_slice();
        while !rest.is_empty() {
            let results = phone.receive_many(rest.iter().map(Vec::as_slice)).unwrap();
            assert!(results.iter().all(Result::is_ok));
            rest = &rest[results.len()..];
        }
    }
    println!(
        "{messages} messages were made in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    drop(other);
    let mut laptop = net.link(&mut phone, open("laptop"));
    let now = net.now();
    let rng = &mut rand::rng();
    let request: RequestId = laptop.ask_history(now, rng).unwrap();
    net.agree(&mut phone, &mut laptop, request);

    let (mut giving, mut taking) = (0.0, 0.0);
    let (mut bytes, mut number, mut peaks) = (0, 0, (0.0_f64, 0.0_f64));
    let idle = {
        reset_peak();
        peak_mb()
    };
    loop {
        reset_peak();
        let start = Instant::now();
        let chunk = phone.history_chunk(number, rng).unwrap();
        giving += start.elapsed().as_secs_f64();
        peaks.0 = peaks.0.max(peak_mb() - idle);
        bytes += chunk.bytes.len();
        number += 1;
        reset_peak();
        let start = Instant::now();
        let progress = laptop.import_history(&chunk.bytes).unwrap();
        taking += start.elapsed().as_secs_f64();
        peaks.1 = peaks.1.max(peak_mb() - idle);
        if progress.is_done {
            assert_eq!(progress.taken, u64::try_from(messages).unwrap());
            assert_eq!(progress.refused, 0);
            break;
        }
    }
    println!(
        "given in {giving:.1} s, taken in {taking:.1} s, {number} chunks, {bytes} bytes, \
         {:.0} bytes a message; peak above {idle:.0} MB: {:.1} MB and {:.1} MB",
        f64::from(u32::try_from(bytes).unwrap()) / f64::from(u32::try_from(messages).unwrap()),
        peaks.0,
        peaks.1,
    );
    assert_eq!(count(&laptop), messages);
    // No more than a few chunks, however long the history is.
    assert!(peaks.0 < 16.0 && peaks.1 < 16.0, "{peaks:?}");
}
