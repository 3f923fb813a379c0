use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::check;
use super::samples::{self, added, checkpoint, entry, full_rows, hash, id, read, rows};
use crate::store::{Change, Condition, Key, MemoryStore, Order, Query, ReportList, Store};

#[test]
fn the_store_in_memory_conforms() {
    check(|| Ok(MemoryStore::new()), Ok).unwrap();
}

/// A change of few rows, so that many conflict.
fn any_change(rng: &mut ChaCha20Rng) -> Change {
    let n = rng.random_range(0..4);
    let all = [rows(n), full_rows(n)].concat();
    let mut row = || all.choose(rng).unwrap().clone();
    let (row, other) = (row(), row());
    let old = [rows(n), full_rows(n)].concat();
    let same = |row| move |other: &&_| std::mem::discriminant(*other) == row;
    let kind = std::mem::discriminant(&row);
    let new: Vec<_> = old.iter().filter(same(kind)).collect();
    let new = (*new.choose(rng).unwrap()).clone();
    match rng.random_range(0..21) {
        0..6 => Change::Add(row),
        6..11 => Change::Swap { old: row, new },
        11 => Change::Expect(Condition::Unchanged(other)),
        12 => Change::Expect(Condition::NoUndecidedCase("mallory".into())),
        13 => Change::Checkpoint(checkpoint(n.into())),
        20 => Change::Expect(Condition::Checkpoint {
            size: n.into(),
            row: Some(checkpoint(n.into())),
        }),
        14 => Change::Tile(samples::tile(n)),
        15 => Change::Append(entry(n)),
        16 => Change::Remove(Key::Pending(hash(n))),
        17 => Change::Remove(Key::Content(id(n))),
        18 => Change::Remove(Key::Detail(n.into())),
        _ => Change::Remove(Key::Meta(n.to_string())),
    }
}

/// All that can be read of the rows that [`any_change`] changes.
fn seen(store: &dyn Store) -> String {
    let all_rows = (0..4).flat_map(rows);
    let rows: Vec<_> = all_rows.map(|row| read(store, &row).unwrap()).collect();
    let queues = Order::ALL.map(|order| store.queue(&Query::open(order, 0, 9)).unwrap());
    let (digests, numbers): (Vec<_>, Vec<_>) = (0..4)
        .map(|n| {
            let digest = store.report_with_digest(&hash(n)).unwrap();
            (digest, store.entries_with(&id(n), 9).unwrap())
        })
        .unzip();
    let unsorted = store.reports(&ReportList::Unsorted, None, 9).unwrap();
    let accounts = store.cases_of("mallory", 9).unwrap();
    let log = (
        store.entries(0, 9).unwrap(),
        store.checkpoints(0, 9).unwrap(),
    );
    let tiles: Vec<_> = (0..4).map(|n| store.tile(0, n).unwrap()).collect();
    format!("{rows:?}{queues:?}{digests:?}{numbers:?}{unsorted:?}{accounts:?}{log:?}{tiles:?}")
}

/// Applies changes to a store in memory and to the ones that `create` makes.
fn both_answer_alike<S: Store>(mut create: impl FnMut(usize) -> S) {
    let rng = &mut ChaCha20Rng::seed_from_u64(15);
    let (mut applied, mut refused) = (0, 0);
    for round in 0..20_usize {
        let (mut one, mut other) = (MemoryStore::new(), create(round));
        let start = added(rows(0));
        one.apply(&start).unwrap();
        other.apply(&start).unwrap();
        for _ in 0..40 {
            let changes: Vec<_> = (0..rng.random_range(1..5))
                .map(|_| any_change(rng))
                .collect();
            let answers = [one.apply(&changes), other.apply(&changes)];
            let [memory, database] = answers.map(|answer| format!("{answer:?}"));
            assert_eq!(memory, database, "{changes:?}");
            assert_eq!(seen(&one), seen(&other), "{changes:?}");
            if memory == "Ok(())" {
                applied += 1
            } else {
                refused += 1
            }
        }
    }
    assert!(
        applied > 100 && refused > 100,
        "{applied} applied, {refused} refused"
    );
}

#[test]
fn a_store_behind_a_box_answers_alike() {
    both_answer_alike(|_| Box::new(MemoryStore::new()) as Box<dyn Store>);
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::cell::Cell;

    use super::{both_answer_alike, check};
    use crate::store::SqliteStore;

    #[test]
    fn the_store_in_sqlite_conforms() {
        let folder = tempfile::tempdir().unwrap();
        let number = Cell::new(0_u32);
        let open = || SqliteStore::open(folder.path().join(number.get().to_string()));
        check(
            || {
                number.set(number.get() + 1);
                open()
            },
            |store| {
                drop(store);
                open()
            },
        )
        .unwrap();
    }

    #[test]
    fn the_stores_in_memory_and_in_sqlite_answer_alike() {
        let folder = tempfile::tempdir().unwrap();
        let path = |round: usize| folder.path().join(round.to_string());
        both_answer_alike(|round| SqliteStore::open(path(round)).unwrap());
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::cell::RefCell;

    use waxseal_postgres::Server;

    use super::{both_answer_alike, check};
    use crate::store::PostgresStore;

    #[test]
    fn the_store_in_postgresql_conforms() {
        let Some(server) = Server::shared() else {
            return;
        };
        let url = RefCell::new(String::new());
        let open = || PostgresStore::open(&url.borrow());
        check(
            || {
                *url.borrow_mut() = server.database();
                open()
            },
            |store| {
                drop(store);
                open()
            },
        )
        .unwrap();
    }

    #[test]
    fn the_stores_in_memory_and_in_postgresql_answer_alike() {
        let Some(server) = Server::shared() else {
            return;
        };
        both_answer_alike(|_| PostgresStore::open(&server.database()).unwrap());
    }
}
