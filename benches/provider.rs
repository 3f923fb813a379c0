//! Measures the provider's relay, on one thread and on all threads of the machine.
//!
//! `cargo bench -p waxseal-benches --bench provider`

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use waxseal_benches::provider::Relay;

fn provider(criterion: &mut Criterion) {
    let relay = Relay::new();
    let claim = relay.stamp();
    let steps: [(&str, &(dyn Fn() + Sync)); 3] = [
        ("stamp", &|| drop(black_box(relay.stamp()))),
        ("verify", &|| relay.verify(&claim)),
        ("relay", &|| drop(black_box(relay.relay()))),
    ];
    let mut group = criterion.benchmark_group("provider");
    group.throughput(Throughput::Elements(1));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    for (name, step) in steps {
        group.bench_function(format!("{name}/1 thread"), |bencher| bencher.iter(step));
        group.bench_function(format!("{name}/{threads} threads"), |bencher| {
            bencher.iter_custom(|rounds| {
                let each = rounds.div_ceil(threads as u64);
                let started = Instant::now();
                thread::scope(|scope| {
                    for _ in 0..threads {
                        scope.spawn(|| (0..each).for_each(|_| step()));
                    }
                });
                started.elapsed()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, provider);
criterion_main!(benches);
