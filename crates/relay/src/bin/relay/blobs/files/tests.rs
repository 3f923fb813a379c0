//! What any store of files does: a folder, and a real server that speaks S3 where there is one.

use std::io::ErrorKind;

use super::folder::Folder;
use super::s3::tests::store;
use super::*;

fn folder() -> (tempfile::TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    let files = Folder::open(&dir.path().join("blobs")).unwrap();
    (dir, files)
}

/// Runs a test over each store.
fn each(test: impl Fn(&dyn Files)) {
    let (_dir, folder) = folder();
    test(&folder);
    if let Some((_server, s3)) = store("blobs") {
        test(&s3);
    }
}

fn names(files: &dyn Files) -> Vec<String> {
    let pages = files.list().unwrap().collect::<io::Result<Vec<_>>>();
    let mut names: Vec<_> = pages.unwrap().into_iter().flatten().collect();
    names.sort_unstable();
    names
}

#[test]
fn a_file_is_read_as_it_was_written() {
    each(|files| {
        let whole: Vec<u8> = (0..1_100_000_u32)
            .map(|i| (i * 7 + i / 251) as u8)
            .collect();
        let (name, empty) = (draw(), draw());
        files.put(&name, &whole).unwrap();
        files.put(&empty, b"").unwrap();
        assert_eq!(
            (files.len(&name).unwrap(), files.len(&empty).unwrap()),
            (1_100_000, 0)
        );
        for (at, len) in [(0, 1_100_000), (0, 1), (1_099_999, 1), (500_000, 70_000)] {
            assert!(files.read(&name, at as u64, len).unwrap() == whole[at..at + len]);
        }
        for (at, len) in [(1_099_999, 2), (1_100_000, 1), (5_000_000, 3)] {
            let short = files.read(&name, at, len).unwrap_err();
            assert_eq!(short.kind(), ErrorKind::UnexpectedEof, "{short}");
        }
    });
}

#[test]
fn a_file_that_is_not_there_is_told_from_a_store_that_is_not_there() {
    each(|files| {
        let name = draw();
        assert_eq!(files.len(&name).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(
            files.read(&name, 0, 1).unwrap_err().kind(),
            ErrorKind::NotFound
        );
        files.put(&name, b"sealed").unwrap();
        files.remove(&name).unwrap();
        files.remove(&name).unwrap();
        assert_eq!(files.len(&name).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn all_files_are_listed_a_page_after_another() {
    each(|files| {
        assert!(names(files).is_empty());
        let mut all: Vec<String> = (0..1_050).map(|_| draw()).collect();
        all.extend([draw_mark(), "7".to_owned()]);
        for name in &all {
            files.put(name, b"x").unwrap();
        }
        all.sort_unstable();
        assert_eq!(names(files), all);
        assert!(files.list().unwrap().count() >= 2);
    });
}

#[test]
fn only_names_that_relays_give_are_listed() {
    let (dir, files) = folder();
    let drawn = draw();
    let upper = format!("AB{}", &drawn[2..]);
    for name in [
        "1", "20", "03", "+4", "x", "1.part", "store-1", &drawn, &upper,
    ] {
        std::fs::write(dir.path().join("blobs").join(name), b"").unwrap();
    }
    let mut ours = vec!["1".to_owned(), "20".to_owned(), drawn];
    ours.sort_unstable();
    assert_eq!(names(&files), ours);
}

#[test]
fn a_file_is_never_replaced_in_a_folder() {
    let (_dir, files) = folder();
    let name = draw();
    files.put(&name, b"sealed").unwrap();
    let again = files.put(&name, b"others").unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    assert_eq!(files.read(&name, 0, 6).unwrap(), b"sealed");
}

#[test]
fn a_full_disk_is_an_error_of_its_kind() {
    let files = Folder::open(std::path::Path::new("/proc")).unwrap();
    let full = files.put(&draw(), b"abc").unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
}

#[test]
fn a_folder_that_is_hidden_goes_on() {
    let (dir, files) = folder();
    let (name, later) = (draw(), draw());
    files.put(&name, b"sealed").unwrap();
    // Another folder comes to be at its path, as when a disk is unmounted.
    let [here, away] = ["blobs", "away"].map(|name| dir.path().join(name));
    std::fs::rename(&here, &away).unwrap();
    std::fs::create_dir(&here).unwrap();
    assert_eq!(files.read(&name, 0, 6).unwrap(), b"sealed");
    assert_eq!(files.len(&name).unwrap(), 6);
    files.put(&later, b"more").unwrap();
    assert!(away.join(&later).exists());
    files.remove(&name).unwrap();
    assert!(!away.join(&name).exists());
    assert_eq!(names(&files), [later]);
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 0);
}

#[test]
fn a_place_is_the_same_however_it_is_written() {
    let (dir, files) = folder();
    let same = |path: &str| Folder::open(&dir.path().join(path)).unwrap().place();
    for path in ["blobs/", "./blobs", ".//blobs/."] {
        assert_eq!(same(path), files.place());
    }
    assert_ne!(same("other"), files.place());
    if let Some((server, s3)) = store("blobs") {
        let place = s3.place();
        assert!(place.ends_with("/blobs/of/relays/"), "{place}");
        assert!(
            server
                .url("blobs", "")
                .contains(place.split('/').nth(2).unwrap())
        );
    }
}
