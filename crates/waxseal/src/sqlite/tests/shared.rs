//! Tests several `SqliteStore`s on one file.

use super::*;

fn shared(folder: &Folder) -> SqliteStore {
    SqliteStore::open_shared(folder.path(), &key()).unwrap()
}

#[test]
fn shared_stores_notice_each_others_commits() {
    let folder = Folder::new();
    crate::conformance::check_shared(|| {
        let _ = fs::remove_file(folder.path());
        Ok((shared(&folder), shared(&folder)))
    })
    .unwrap();
}

#[test]
fn a_store_is_shared_or_used_alone() {
    let folder = Folder::filled();
    let alone = folder.open();
    drop(alone);
    let first = shared(&folder);
    let second = shared(&folder);
    assert!(matches!(folder.fails(&key()), SqliteError::InUse));
    assert!(is_filled(&first) && is_filled(&second));
    drop((first, second));
    assert!(is_filled(&folder.open()));
}

#[test]
fn compacting_returns_the_space_and_erases_the_log() {
    for is_shared in [false, true] {
        let folder = Folder::new();
        let mut store = match is_shared {
            true => shared(&folder),
            false => folder.open(),
        };
        fill(&mut store);
        let key = Key::new(Table::new("r"), Row::Name(vec![1]));
        put(&mut store, key.clone(), &[1; 1_000_000]);
        let mut transaction = Transaction::default();
        transaction.delete(key);
        store.commit(transaction).unwrap();
        store.compact().unwrap();
        let len = |name: &str| fs::metadata(folder.0.path().join(name)).map_or(0, |it| it.len());
        assert!(len("store") < 50_000, "{}", len("store"));
        assert_eq!(len("store-wal"), 0);
        store.refresh().unwrap();
        assert!(is_filled(&store));
        drop(store);
        assert!(is_filled(&folder.open()));
    }
}

#[test]
fn a_process_that_reads_its_own_file_still_notices_others() {
    // On POSIX systems a process loses its locks on a file when it closes the file.
    const PATH: &str = "WAXSEAL_TEST_SHARED_STORE";
    if let Some(path) = std::env::var_os(PATH) {
        let mut store = SqliteStore::open_shared(path, &key()).unwrap();
        put(&mut store, single("c"), b"by another process");
        return;
    }
    let folder = Folder::filled();
    let mut store = shared(&folder);
    put(&mut store, single("c"), b"mine");
    drop(fs::read(folder.path()).unwrap());
    let this_test = std::thread::current().name().map(str::to_owned).unwrap();
    let other = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &this_test])
        .env(PATH, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&other.stdout);
    assert!(
        other.status.success() && said.contains("1 passed"),
        "{said}"
    );

    let read = store.get(&single("c")).unwrap_err();
    assert!(matches!(read, SqliteError::Stale));
    let mut transaction = Transaction::default();
    transaction.put(single("c"), Zeroizing::new(b"over it".to_vec()));
    assert!(matches!(store.commit(transaction), Err(SqliteError::Stale)));
    let before = store.seen.as_ref().unwrap().get();
    assert_ne!(store.refresh().unwrap(), before.cast_unsigned());
    let read = store.get(&single("c")).unwrap().unwrap();
    assert_eq!(read.as_slice(), b"by another process");
    put(&mut store, single("u"), b"mine again");
    drop(store);
    let store = shared(&folder);
    assert!(is_filled(&store));
    let read = store.get(&single("u")).unwrap().unwrap();
    assert_eq!(read.as_slice(), b"mine again");
}
