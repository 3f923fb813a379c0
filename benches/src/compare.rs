//! Implements the command `compare`, which gives every system the same work and measures it.

use std::hint::black_box;

use crate::clock::time;
use crate::measure::{Effort, Run};
use crate::results::{Amount, Heap, Results, contestants};
use crate::systems::{Pair, SYSTEMS, System, exchange, send};
use crate::{SIZES, allocations, committing, devices, files, groups, provider};

/// Numbers of skipped keys that the recipient stores while it opens messages in order.
pub const STORED: [usize; 4] = [0, 40, 1_000, 4_000];

/// Message counters that a forger writes into a header, if the system does not encrypt counters.
pub const COUNTERS: [u64; 4] = [0, 500, 1_000, 2_000];

/// Maximum number of messages that [`lacking`] skips at once. Every system here allows this many.
const MAX_JUMP: usize = 2_000;

/// Waxseal drops a skipped key after this many opened messages.
const MAX_AGE: u32 = 20_000;

/// Number of messages whose heap use is measured, to take the median.
const HEAP_BURST: usize = 16;

/// Measures all operations, or only those whose names begin with `only`.
#[must_use]
pub fn all(effort: Effort, only: Option<&str>) -> Results {
    let mut results = Results::only(only);
    handshake(&mut results, effort);
    for size in SIZES {
        messages(&mut results, effort, size);
    }
    skipping(&mut results, effort);
    forged(&mut results, effort);
    state(&mut results, effort);
    committing::contests(&mut results, effort, &committing::SIZES);
    files::contests(&mut results, effort, &files::SIZES);
    provider::contests(&mut results, effort);
    devices::contests(&mut results, effort);
    groups::contests(&mut results, effort);
    for system in &SYSTEMS {
        if results.wants("bytes") {
            bytes(&mut results, system);
        }
        if results.wants("heap") {
            heap(&mut results, system);
        }
    }
    results
}

fn handshake(results: &mut Results, effort: Effort) {
    let contestants = contestants(|system| {
        Some(Box::new(|repeats| {
            (0..repeats)
                .map(|_| {
                    let strangers = system.strangers();
                    time(|| strangers.meet(&[7; 64]))
                })
                .sum()
        }))
    });
    results.contest("handshake", 64, effort, contestants);
}

fn messages(results: &mut Results, effort: Effort, size: usize) {
    let label = size as u64;
    let plaintext = vec![7; size];
    let turn = |seals: bool| {
        contestants(|system| {
            let (mut pair, plaintext) = (system.pair(), plaintext.clone());
            let mut from = 0;
            Some(Box::new(move |repeats| {
                (0..repeats)
                    .map(|_| {
                        from = 1 - from;
                        let mut sealed = Vec::new();
                        let sealing = time(|| sealed = pair.seal(from, &plaintext));
                        let arrived = pair.relay(from, sealed);
                        let opening = time(|| assert!(pair.open(1 - from, &arrived)));
                        if seals { sealing } else { opening }
                    })
                    .sum()
            }))
        })
    };
    results.contest("pingpong_seal", label, effort, turn(true));
    results.contest("pingpong_open", label, effort, turn(false));
    let burst = |seals: bool| {
        contestants(|system| {
            let (mut pair, plaintext) = (system.pair(), plaintext.clone());
            Some(Box::new(move |repeats| {
                open_chain(&mut *pair);
                let mut sealed = Vec::with_capacity(repeats as usize);
                let sealing = time(|| {
                    sealed.extend((0..repeats).map(|_| pair.seal(0, &plaintext)));
                });
                let arrived: Vec<_> = sealed
                    .into_iter()
                    .map(|sealed| pair.relay(0, sealed))
                    .collect();
                let opening = time(|| open_all(&mut *pair, &arrived));
                if seals { sealing } else { opening }
            }))
        })
    };
    results.contest("burst_seal", label, effort, burst(true));
    results.contest("burst_open", label, effort, burst(false));
}

/// Exchanges an answer from side 1, and then the first message of side 0's next chain. Both take a
/// Diffie–Hellman step, so the messages that side 0 sends after them take none.
fn open_chain(pair: &mut dyn Pair) {
    exchange(pair, 1, b"hello");
    exchange(pair, 0, b"hello");
}

fn open_all(pair: &mut dyn Pair, arrived: &[Vec<u8>]) {
    for message in arrived {
        assert!(pair.open(1, message), "a genuine message opens");
    }
}

/// A pair whose second side has not received `count` messages of its receiving chain, and stores
/// their skipped keys.
#[must_use]
pub fn lacking(system: &System, count: usize) -> Box<dyn Pair> {
    let mut pair = system.pair();
    open_chain(&mut *pair);
    let mut missing = count;
    while missing > 0 {
        let skipped = missing.min(MAX_JUMP);
        for _ in 0..skipped {
            black_box(pair.seal(0, b"lost"));
        }
        exchange(&mut *pair, 0, b"hello");
        missing -= skipped;
    }
    pair
}

fn skipping(results: &mut Results, effort: Effort) {
    let contestants_of_skip = contestants(|system| {
        let mut pair = system.pair();
        open_chain(&mut *pair);
        let before = pair.export(1);
        for _ in 0..1_000 {
            black_box(pair.seal(0, &[7; 64]));
        }
        let arrived = send(&mut *pair, 0, &[7; 64]);
        Some(Box::new(move |repeats| {
            (0..repeats)
                .map(|_| {
                    pair.import(1, &before);
                    time(|| assert!(pair.open(1, &arrived), "the message after the gap opens"))
                })
                .sum()
        }))
    });
    results.contest("skip_1000", 64, effort, contestants_of_skip);
    for count in STORED {
        let contestants =
            contestants(|system| (count <= system.keeps).then(|| in_order(lacking(system, count))));
        results.contest("open_with_skipped", count as u64, effort, contestants);
    }
}

/// Measures opening messages in order while skipped keys are stored. Goes back to the earlier state
/// before those keys are old enough to be dropped.
pub fn in_order(mut pair: Box<dyn Pair>) -> Run<'static> {
    let before = [pair.export(0), pair.export(1)];
    let mut opened = 0;
    Box::new(move |repeats| {
        if opened > MAX_AGE / 2 {
            opened = 0;
            for (side, state) in before.iter().enumerate() {
                pair.import(side, state);
            }
        }
        opened += repeats;
        let arrived: Vec<_> = (0..repeats)
            .map(|_| send(&mut *pair, 0, &[7; 64]))
            .collect();
        time(|| open_all(&mut *pair, &arrived))
    })
}

fn forged(results: &mut Results, effort: Effort) {
    for counter in COUNTERS {
        let contestants = contestants(|system| {
            let mut pair = system.pair();
            open_chain(&mut *pair);
            let genuine = send(&mut *pair, 0, &[7; 64]);
            let forged = pair.forge(&genuine, counter);
            Some(Box::new(move |repeats| {
                time(|| {
                    for _ in 0..repeats {
                        assert!(!pair.open(1, &forged), "a forgery does not open");
                    }
                })
            }))
        });
        results.contest("forged_header", counter, effort, contestants);
    }
}

fn state(results: &mut Results, effort: Effort) {
    for count in [0, 1_000] {
        let exporting = contestants(|system| {
            let takes_part = system.exports && count <= system.keeps;
            let pair = takes_part.then(|| lacking(system, count))?;
            Some(Box::new(move |repeats| {
                time(|| (0..repeats).for_each(|_| drop(black_box(pair.export(1)))))
            }))
        });
        results.contest("export", count as u64, effort, exporting);
        let importing = contestants(|system| {
            let takes_part = system.exports && count <= system.keeps;
            let mut pair = takes_part.then(|| lacking(system, count))?;
            let state = pair.export(1);
            Some(Box::new(move |repeats| {
                time(|| (0..repeats).for_each(|_| pair.import(1, &state)))
            }))
        });
        results.contest("import", count as u64, effort, importing);
    }
}

fn bytes(results: &mut Results, system: &System) {
    let mut note = |what: String, bytes: usize| {
        results.bytes.push(Amount {
            what,
            system: system.name,
            variant: system.variant,
            bytes: bytes as u64,
        });
    };
    let (first, bundle) = system.strangers().first_message(&[7; 64]);
    note("prekey bundle".to_owned(), bundle);
    note("first message of 64, overhead".to_owned(), first - 64);
    let mut pair = system.pair();
    for size in SIZES {
        let sealed = pair.seal(0, &vec![7; size]);
        let overhead = sealed.len().saturating_sub(size);
        note(format!("message of {size}, overhead"), overhead);
        let delivered = pair.relay(0, sealed).len().saturating_sub(size);
        if delivered != overhead {
            note(format!("delivery of {size}, overhead"), delivered);
        }
    }
    if system.exports {
        note("state".to_owned(), lacking(system, 0).export(1).len());
        if system.keeps >= 1_000 {
            note(
                "state, 1000 skipped keys".to_owned(),
                lacking(system, 1_000).export(1).len(),
            );
        }
    }
}

fn heap(results: &mut Results, system: &System) {
    let mut pair = system.pair();
    for size in SIZES {
        open_chain(&mut *pair);
        let plaintext = vec![7; size];
        let mut taken = [Vec::new(), Vec::new()];
        for _ in 0..HEAP_BURST {
            let (sealed, sealing) = allocations::count(|| pair.seal(0, &plaintext));
            let arrived = pair.relay(0, sealed);
            let (_, opening) = allocations::count(|| pair.open(1, &arrived));
            for (taken, allocated) in taken.iter_mut().zip([sealing, opening]) {
                taken.push(allocated);
            }
        }
        for (operation, mut taken) in ["burst_seal", "burst_open"].into_iter().zip(taken) {
            taken.sort_unstable_by_key(|allocated| (allocated.count, allocated.bytes));
            results.heap.push(Heap {
                operation,
                size: size as u64,
                system: system.name,
                variant: system.variant,
                allocated: taken[HEAP_BURST / 2],
            });
        }
    }
}
