//! Measures franking, which encrypts so that the ciphertext is a commitment, alongside the
//! textbook's constructions and plain ChaCha20-Poly1305.
//!
//! `cargo bench -p waxseal-benches --bench franking`

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use waxseal_benches::committing::SCHEMES;

/// Lengths of the content, from a chat message to a film.
const SIZES: [usize; 6] = [64, 1_024, 65_000, 1 << 20, 8 << 20, 64 << 20];

fn franking(criterion: &mut Criterion) {
    let is_test = std::env::args().any(|argument| argument == "--test");
    for size in SIZES {
        // With `--test`, only the sizes that are fast without optimisation are run.
        if is_test && size > 1 << 20 {
            continue;
        }
        let content = vec![b'x'; size];
        let mut group = criterion.benchmark_group("franking");
        group.throughput(Throughput::Bytes(size as u64));
        group.sampling_mode(SamplingMode::Flat).sample_size(20);
        for scheme in &SCHEMES {
            let name = format!("{}-{}", scheme.system, scheme.variant);
            group.bench_function(format!("{name}/commit/{size}"), |bencher| {
                bencher.iter_with_large_drop(|| scheme.commit(&content));
            });
            let committed = scheme.commit(&content);
            group.bench_function(format!("{name}/verify/{size}"), |bencher| {
                bencher.iter(|| assert!(scheme.verify(&committed)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, franking);
criterion_main!(benches);
