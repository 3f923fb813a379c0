//! Measures the three steps of a report: the reporter seals it, the intake accepts it, and a
//! reviewer opens it.
//!
//! `cargo bench -p waxseal-benches --bench report`

use criterion::{Criterion, criterion_group, criterion_main};
use waxseal_benches::provider::{REPORTED, Reports};

fn report(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("report");
    for count in REPORTED {
        let reports = Reports::new(count);
        group.bench_function(format!("build/{count}"), |bencher| {
            bencher.iter(|| reports.seal().encode());
        });
        let report = reports.seal().encode();
        group.bench_function(format!("intake/{count}"), |bencher| {
            bencher.iter(|| reports.accept(&report));
        });
        let accepted = reports.accept(&report).encode(&reports.acceptance);
        group.bench_function(format!("review/{count}"), |bencher| {
            bencher.iter(|| reports.review(&accepted));
        });
    }
    group.finish();
}

criterion_group!(benches, report);
criterion_main!(benches);
