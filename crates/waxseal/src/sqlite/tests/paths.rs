//! Tests at which paths a store can be, and which users can read it.

use super::*;

#[test]
fn paths_that_cannot_be_stores_are_errors() {
    let folder = Folder::filled();
    let open = |path: PathBuf| SqliteStore::open(path, &key()).map(drop);
    for path in [
        folder.0.path().to_path_buf(),
        folder.0.path().join("missing").join("store"),
        folder.path().join("below a file"),
        PathBuf::new(),
        PathBuf::from("with\0zero"),
    ] {
        let error = open(path.clone()).unwrap_err();
        assert!(
            matches!(error, SqliteError::Failed(_)),
            "{path:?}: {error:?}"
        );
    }
    // Names that have a special meaning for SQLite are plain file names here.
    for name in [":memory:", "file:x?mode=memory"] {
        let path = folder.0.path().join(name);
        open(path.clone()).unwrap();
        assert!(path.is_file(), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_store_is_the_store() {
    let (folder, elsewhere) = (Folder::filled_and_killed(), Folder::new());
    std::os::unix::fs::symlink(folder.path(), elsewhere.path()).unwrap();
    let before = folder.files();
    let error = elsewhere.fails(&StoreKey::from_bytes([8; 32]));
    assert!(matches!(error, SqliteError::WrongKey));
    assert!(folder.files() == before);
    let store = elsewhere.open();
    assert!(is_filled(&store));
    assert!(matches!(folder.fails(&key()), SqliteError::InUse));
}

#[cfg(unix)]
#[test]
fn a_read_only_file_is_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::filled();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o400)).unwrap();
    if OpenOptions::new().append(true).open(folder.path()).is_ok() {
        return; // the superuser can write even a read-only file
    }
    assert!(matches!(folder.fails(&key()), SqliteError::Failed(_)));
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_a_new_store() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let mut store = folder.open();
    fill(&mut store);
    for (path, _) in folder.files() {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}
