use super::check;
use crate::store::MemoryStore;

#[test]
fn the_store_in_memory_conforms() {
    check(|| Ok(MemoryStore::new()), Ok).unwrap();
}

#[cfg(feature = "sqlite")]
#[test]
fn the_store_in_sqlite_conforms() {
    use crate::store::SqliteStore;

    let folder = tempfile::tempdir().unwrap();
    let mut stores = 0_u32;
    let path = |n: u32| folder.path().join(n.to_string());
    let mut count = || {
        stores = stores.saturating_add(1);
        stores
    };
    let last = std::cell::Cell::new(0);
    check(
        || {
            last.set(count());
            SqliteStore::open(path(last.get()))
        },
        |store| {
            drop(store);
            SqliteStore::open(path(last.get()))
        },
    )
    .unwrap();
}
