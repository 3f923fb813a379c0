//! Measures a handshake, from a published prekey bundle to a session on both sides.
//!
//! `cargo bench -p waxseal-benches --bench handshake`

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use waxseal_benches::systems::{Pair, Ratchet};
use waxseal_core::{PreKeyBundle, SessionSet};

fn handshake(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("handshake");
    let (mut ratchet, bundle) = Ratchet::strangers();
    let (base, one_time) = &bundle;
    let decode = || PreKeyBundle::decode(base, one_time.as_deref()).expect("a genuine bundle");
    group.bench_function("bundle", |bencher| bencher.iter(|| black_box(decode())));

    let mut rng = rand::rng();
    group.bench_function("initiate", |bencher| {
        let identity = &ratchet.devices[0].identity;
        bencher.iter_batched(
            decode,
            |bundle| SessionSet::initiate(identity, bundle, &mut rng).expect("a good bundle"),
            BatchSize::SmallInput,
        );
    });

    ratchet.start(&bundle);
    let first = ratchet.seal(0, &[7; 64]);
    let kept = ratchet.devices[1].prekeys.export();
    group.bench_function("accept", |bencher| {
        bencher.iter_batched(
            || waxseal_core::PreKeys::import(&kept).expect("an export"),
            |mut prekeys| {
                let recipient = &mut ratchet.devices[1];
                recipient.sessions = None;
                recipient.memory = waxseal_core::ReplayMemory::new();
                std::mem::swap(&mut recipient.prekeys, &mut prekeys);
                assert!(recipient.decrypt(&first).is_ok(), "the first message opens");
                prekeys
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, handshake);
criterion_main!(benches);
