//! Measures sealing and opening messages with the variants of Waxseal that `compare` measures.
//!
//! `cargo bench -p waxseal-benches --bench message`

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use waxseal_benches::SIZES;
use waxseal_benches::compare::{in_order, lacking};
use waxseal_benches::systems::{SYSTEMS, System, exchange, send};
use waxseal_core::limits::MAX_SKIPPED_KEYS;

fn ours() -> impl Iterator<Item = &'static System> {
    SYSTEMS.iter().filter(|system| system.name == "waxseal")
}

/// Measures messages that one side sends one after the other.
fn burst(criterion: &mut Criterion) {
    for size in SIZES {
        let mut group = criterion.benchmark_group("burst");
        group.throughput(Throughput::Bytes(size as u64));
        let plaintext = vec![7; size];
        for system in ours() {
            let mut pair = system.pair();
            exchange(&mut *pair, 0, b"hello");
            group.bench_function(format!("{}/seal/{size}", system.variant), |bencher| {
                bencher.iter(|| pair.seal(0, &plaintext));
            });
            let mut pair = system.pair();
            exchange(&mut *pair, 0, b"hello");
            group.bench_function(format!("{}/open/{size}", system.variant), |bencher| {
                bencher.iter_custom(|rounds| {
                    let mut opening = Duration::ZERO;
                    for _ in 0..rounds {
                        let arrived = send(&mut *pair, 0, &plaintext);
                        let started = Instant::now();
                        assert!(pair.open(1, &arrived), "a genuine message opens");
                        opening += started.elapsed();
                    }
                    opening
                });
            });
        }
        group.finish();
    }
}

/// Measures messages that the two sides send in turn, one each. Every message takes a
/// Diffie–Hellman step.
fn ping_pong(criterion: &mut Criterion) {
    for size in SIZES {
        let mut group = criterion.benchmark_group("ping-pong");
        let plaintext = vec![7; size];
        for system in ours() {
            let (mut pair, mut from) = (system.pair(), 0);
            group.bench_function(format!("{}/seal+open/{size}", system.variant), |bencher| {
                bencher.iter(|| {
                    exchange(&mut *pair, from, &plaintext);
                    from = 1 - from;
                });
            });
        }
        group.finish();
    }
}

/// Measures opening messages in order while the recipient stores skipped keys, which belong to
/// messages that did not arrive. Also measures exporting and importing the state with those keys.
fn skipped(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("skipped");
    for system in ours() {
        for count in [0, 1_000, MAX_SKIPPED_KEYS] {
            let mut open = in_order(lacking(system, count));
            group.bench_function(format!("{}/open/{count}", system.variant), |bencher| {
                bencher.iter_custom(|rounds| {
                    (0..rounds.div_ceil(64))
                        .map(|_| open(u32::try_from(rounds.min(64)).expect("at most 64")))
                        .sum()
                });
            });
            if !system.exports {
                continue;
            }
            let mut pair = lacking(system, count);
            group.bench_function(format!("{}/export/{count}", system.variant), |bencher| {
                bencher.iter(|| pair.export(1));
            });
            let state = pair.export(1);
            group.bench_function(format!("{}/import/{count}", system.variant), |bencher| {
                bencher.iter(|| pair.import(1, &state));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, burst, ping_pong, skipped);
criterion_main!(benches);
