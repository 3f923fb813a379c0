//! Measures how long a device takes to receive what waited while it was offline, on a disk whose
//! commits take four milliseconds: one delivery a transaction, and 64.
//!
//! `cargo bench -p waxseal-benches --bench backlog -- [DELIVERIES]`

use std::convert::Infallible;
use std::thread::sleep;
use std::time::{Duration, Instant};

use waxseal::store::{Cursor, Key, Listed, Table, Transaction};
use waxseal::{Client, MAX_RECEIVED_AT_ONCE, MemoryStore, Received, Store};
use waxseal_world::{NOW, Provider, account, snapshot};
use zeroize::Zeroizing;

const COMMIT: Duration = Duration::from_millis(4);

/// A store in memory whose commits take as long as a disk's.
struct Slow(MemoryStore);

impl Store for Slow {
    type Error = Infallible;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Infallible> {
        self.0.get(key)
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Infallible> {
        self.0.list(table, after, limit)
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Infallible> {
        sleep(COMMIT);
        self.0.commit(transaction)
    }

    fn is_damage(error: &Infallible) -> bool {
        match *error {}
    }
}

fn main() {
    let count = std::env::args().filter_map(|arg| arg.parse().ok()).next();
    let count: usize = count.unwrap_or(50_000);
    let (mut provider, mut alice, bob) = Provider::of_two();
    let before = snapshot(&bob);
    let deliveries: Vec<Vec<u8>> = (0..count)
        .map(|_| {
            let rng = &mut provider.rng;
            let sent = alice.send(account("bob"), "A text of usual length.", NOW, rng);
            provider
                .relay(&alice, &bob, &sent.expect("seals").envelope)
                .0
        })
        .collect();
    // One by one takes minutes, and as long for each: a tenth is enough.
    let alone = deliveries.len().div_ceil(10);
    for (name, size, deliveries) in [
        ("one a transaction", 1, &deliveries[..alone]),
        ("64 a transaction", MAX_RECEIVED_AT_ONCE, &deliveries[..]),
    ] {
        let store = Slow(MemoryStore::from_records(before.clone()));
        let mut bob = Client::open(store).expect("a client's records");
        let begin = Instant::now();
        let mut shown = 0;
        for part in deliveries.chunks(size) {
            let results = bob.receive_many(part.iter().map(Vec::as_slice));
            let results = results.expect("a store in memory");
            let new = |one: &&Result<Received, _>| matches!(one, Ok(Received::Message { .. }));
            shown += results.iter().filter(new).count();
        }
        assert_eq!(shown, deliveries.len());
        let each = begin.elapsed() / u32::try_from(shown).expect("a count");
        let all = each * u32::try_from(count).expect("a count");
        println!(
            "{name}: {each:?} each, {:.1} s for {count}",
            all.as_secs_f64()
        );
    }
}
