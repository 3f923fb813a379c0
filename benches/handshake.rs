//! From a published bundle to a session on both sides.
//!
//! `cargo bench -p waxseal-benches --bench handshake`

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use waxseal_benches::systems::{Pair, Ratchet};
use waxseal_core::{PreKeyBundle, Sessions};

fn handshake(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("handshake");
    let (mut devices, upload) = Ratchet::strangers();
    let one_time = upload.one_time.first().map(Vec::as_slice);
    let decode = || PreKeyBundle::decode(&upload.base, one_time).expect("a genuine bundle");
    group.bench_function("bundle", |bencher| bencher.iter(|| black_box(decode())));

    let mut rng = rand::rng();
    group.bench_function("initiate", |bencher| {
        let identity = &devices.identity[0];
        bencher.iter_batched(
            decode,
            |bundle| Sessions::initiate(identity, bundle, &mut rng).expect("a good bundle"),
            BatchSize::SmallInput,
        );
    });

    devices.start(&upload);
    let first = devices.seal(0, &[7; 64]);
    let kept = devices.prekeys[1].export();
    group.bench_function("accept", |bencher| {
        bencher.iter_batched(
            || waxseal_core::PreKeys::import(&kept).expect("an export"),
            |mut prekeys| {
                devices.sessions[1] = None;
                std::mem::swap(&mut devices.prekeys[1], &mut prekeys);
                assert!(devices.open(1, &first), "the first message opens");
                prekeys
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, handshake);
criterion_main!(benches);
