//! Times the stores with 100,000 cases, and appends to the log. Prints figures:
//!
//! ```text
//! cargo test --release -p waxseal-desk --test queue -- --ignored --nocapture
//! ```
#![expect(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may panic and print"
)]

use std::time::{Duration, Instant};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use waxseal_desk::store::{
    Assigned, CaseRow, CaseStatus, Change, CheckpointRow, Condition, ContentRow, EntryRow,
    MemoryStore, Order, PendingRow, Query, ReportRow, Store, TileRow,
};

const CASES: u32 = 100_000;
const NOW: u64 = 1_000_000_000;
const LONGEST: Duration = Duration::from_millis(50);

fn bytes<const N: usize>(rng: &mut ChaCha20Rng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// A case of a busy desk: most are open, a third of them assigned to one of ten officers.
fn case(n: u32, rng: &mut ChaCha20Rng) -> CaseRow {
    let first_report_at_ms = rng.random_range(0..NOW);
    let is_assigned = rng.random_ratio(1, 3);
    CaseRow {
        id: bytes(rng),
        number: bytes(rng),
        account: Some(format!("account-{n}")),
        reason: rng.random_range(1..=16),
        severity: rng.random_range(0..5),
        first_report_at_ms,
        last_report_at_ms: first_report_at_ms,
        reports: 1,
        reporters: rng.random_range(1..20),
        status: match rng.random_range(0..20) {
            0 => CaseStatus::Waiting,
            1 => CaseStatus::Decided,
            2 => CaseStatus::Closed,
            _ => CaseStatus::Open,
        },
        officer: is_assigned.then(|| [rng.random_range(0..10); 32]),
        assigned_until_ms: is_assigned.then(|| rng.random_range(NOW / 2..NOW * 2)),
        is_held: false,
    }
}

fn fill(store: &mut dyn Store, rng: &mut ChaCha20Rng) {
    let cases: Vec<_> = (0..CASES).map(|n| Change::add(case(n, rng))).collect();
    for some in cases.chunks(1_000) {
        store.apply(some).unwrap();
    }
}

/// The slowest of three.
fn time(mut run: impl FnMut()) -> Duration {
    let times = (0..3).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    times.max().unwrap()
}

fn called(assigned: Option<Assigned>) -> &'static str {
    match assigned {
        None => "any officer",
        Some(Assigned::Free) => "free",
        Some(Assigned::To([3, ..])) => "one officer",
        Some(Assigned::To(_)) => "officer without cases",
    }
}

/// Every order with every filter: the first page, and one after 8,000 cases.
fn time_queue(name: &str, store: &dyn Store) {
    let assigned = [None, Some(Assigned::Free), Some(Assigned::To([3; 32]))];
    let nobody = Some(Assigned::To([77; 32])); // matches nothing, so the whole index is searched
    let statuses = [CaseStatus::Open, CaseStatus::Decided];
    let mut slowest = Duration::ZERO;
    for order in Order::ALL {
        for reason in [None, Some(7), Some(99)] {
            for assigned in assigned.into_iter().chain([nobody]) {
                let mut here = Duration::ZERO;
                for status in statuses {
                    let query = Query {
                        reason,
                        status,
                        assigned,
                        ..Query::open(order, NOW, 50)
                    };
                    let mut half_way = query.clone();
                    for _ in 0..40 {
                        let page = store
                            .queue(&Query {
                                limit: 200,
                                ..half_way.clone()
                            })
                            .unwrap();
                        half_way.after = page.next.or(half_way.after);
                    }
                    for query in [query, half_way] {
                        here = here.max(time(|| drop(store.queue(&query).unwrap())));
                    }
                }
                println!(
                    "{name}: {order:?}, reason {reason:?}, {}: {here:.1?}",
                    called(assigned)
                );
                assert!(here < LONGEST, "a page took {here:?}");
                slowest = slowest.max(here);
            }
        }
    }
    println!("{name}: slowest page of {CASES} cases: {slowest:.1?}");
}

/// What the intake writes for a report, in one call: content, row, pending leaf, and its case.
fn time_intake(name: &str, store: &mut dyn Store, rng: &mut ChaCha20Rng) {
    let reports = 1_000;
    let start = Instant::now();
    for n in 0..reports {
        let (id, number): ([u8; 16], [u8; 16]) = (bytes(rng), bytes(rng));
        let digest: [u8; 32] = bytes(rng);
        assert!(store.report_with_digest(&digest).unwrap().is_none());
        let entry = [&[1, 1][..], &20_000_u32.to_be_bytes(), &number, &digest].concat();
        let leaf = PendingRow::new(digest, entry, digest, vec![0; 40]).unwrap();
        let report = ReportRow {
            id,
            digest,
            accepted_digest: Some(digest),
            number,
            promise: vec![0; 300],
            reason: None,
            rejected: None,
            received_day: 20_000,
            received_at_ms: NOW,
            case_id: None,
            reporter: None,
            reporter_account: None,
            is_erased: false,
        };
        let accepted = vec![0; 8_000];
        store
            .apply(&[
                Change::add(leaf),
                Change::add(report.clone()),
                Change::add(ContentRow {
                    report_id: id,
                    accepted,
                }),
            ])
            .unwrap();

        // The vault tells the reason: the report joins the case of its account.
        let account = format!("account-{}", 97 * n);
        let case = store.undecided_case(&account).unwrap();
        let Some(case) = case else { continue };
        let reporter = bytes(rng);
        let is_new = !store.has_reported(&case.id, &reporter).unwrap();
        let sorted = ReportRow {
            reason: Some(7),
            case_id: Some(case.id),
            reporter: Some(reporter),
            ..report.clone()
        };
        let joined = CaseRow {
            reports: case.reports + 1,
            reporters: case.reporters + u32::from(is_new),
            last_report_at_ms: NOW,
            ..case.clone()
        };
        store
            .apply(&[Change::swap(report, sorted), Change::swap(case, joined)])
            .unwrap();
    }
    let took = start.elapsed();
    let minute = f64::from(reports) / took.as_secs_f64() * 60.0;
    println!("{name}: {reports} reports taken in one by one: {took:.1?}, {minute:.0} a minute");
    assert!(minute > 1_000.0);
}

/// Batches of 100 entries, each with its tiles and a checkpoint, in one call each.
fn time_appends(name: &str, store: &mut dyn Store, rng: &mut ChaCha20Rng) {
    let (batches, per_batch) = (100_u64, 100_u64);
    let mut tiles: Vec<Vec<u8>> = vec![Vec::new()];
    let start = Instant::now();
    for batch in 0..batches {
        let mut changes = vec![Change::Expect(Condition::LogSize(batch * per_batch))];
        let first_tile = tiles.len() - 1;
        for index in batch * per_batch..(batch + 1) * per_batch {
            let number: [u8; 16] = bytes(rng);
            let hash: [u8; 32] = bytes(rng);
            let entry = [
                &[1, 4][..],
                &20_000_u32.to_be_bytes(),
                &number,
                &hash,
                &[0; 17],
            ]
            .concat();
            let entry = EntryRow::new(index, entry, hash, vec![0; 98]).unwrap();
            changes.push(Change::Append(entry));
            if tiles.last().unwrap().len() == 8_192 {
                tiles.push(Vec::new());
            }
            tiles.last_mut().unwrap().extend_from_slice(&hash);
        }
        for (tile_index, tile) in tiles.iter().enumerate().skip(first_tile) {
            let (tile_index, bytes) = (tile_index as u64, tile.clone());
            let upper = vec![1; 32 * (1 + tile_index as usize)];
            changes.push(Change::Tile(TileRow {
                level: 0,
                tile_index,
                bytes,
            }));
            changes.push(Change::Tile(TileRow {
                level: 1,
                tile_index: 0,
                bytes: upper,
            }));
        }
        changes.push(Change::Checkpoint(CheckpointRow {
            size: (batch + 1) * per_batch,
            note: vec![0; 600],
            made_at_ms: NOW,
            is_complete: false,
        }));
        store.apply(&changes).unwrap();
    }
    let took = start.elapsed();
    let entries = batches * per_batch;
    let second = entries as f64 / took.as_secs_f64();
    println!(
        "{name}: {entries} entries in batches of {per_batch}: {took:.1?}, {second:.0} a second"
    );
    assert!(second > 1_000.0);
}

fn time_all(name: &str, store: &mut dyn Store) {
    let rng = &mut ChaCha20Rng::seed_from_u64(15);
    let start = Instant::now();
    fill(store, rng);
    println!("{name}: {CASES} cases added in {:.1?}", start.elapsed());
    time_queue(name, store);
    time_intake(name, store, rng);
    time_appends(name, store, rng);
}

#[test]
#[ignore = "times the release build"]
fn memory_lists_a_page_in_50_ms() {
    time_all("memory", &mut MemoryStore::new());
}

#[cfg(feature = "sqlite")]
#[test]
#[ignore = "times the release build"]
fn sqlite_lists_a_page_in_50_ms() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk");
    time_all(
        "sqlite",
        &mut waxseal_desk::store::SqliteStore::open(path).unwrap(),
    );
}

#[cfg(feature = "postgres")]
#[test]
#[ignore = "times the release build"]
fn postgresql_lists_a_page_in_50_ms() {
    let Some(server) = waxseal_postgres::Server::shared() else {
        return;
    };
    let url = server.database();
    time_all(
        "postgresql",
        &mut waxseal_desk::store::PostgresStore::open(&url).unwrap(),
    );
}
