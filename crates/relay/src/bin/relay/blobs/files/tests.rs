use super::*;

fn files() -> (tempfile::TempDir, Files) {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::open(&dir.path().join("blobs")).unwrap();
    (dir, files)
}

#[test]
fn bytes_are_appended_where_they_end_and_what_a_crash_left_is_cut_off() {
    let (dir, files) = files();
    assert!(files.append(7, 0, b"abc").unwrap());
    assert!(files.append(7, 3, b"def").unwrap());
    // The relay crashed before its database knew of "def" and a torn rest.
    fs::write(dir.path().join("blobs/7"), b"abcdef and more").unwrap();
    assert!(files.append(7, 3, b"D").unwrap());
    assert_eq!(fs::read(dir.path().join("blobs/7")).unwrap(), b"abcD");
    assert_eq!(files.read(7, 1, 3).unwrap(), b"bcD");
    let behind = files.read(7, 2, 3).unwrap_err();
    assert_eq!(behind.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_file_that_has_lost_bytes_is_not_appended_to() {
    let (dir, files) = files();
    assert!(!files.append(7, 3, b"def").unwrap());
    assert!(files.list().unwrap().is_empty());
    fs::write(dir.path().join("blobs/7"), b"ab").unwrap();
    assert!(!files.append(7, 3, b"def").unwrap());
    assert_eq!(fs::read(dir.path().join("blobs/7")).unwrap(), b"ab");
}

#[test]
fn a_full_disk_is_an_error_of_its_kind() {
    let (dir, files) = files();
    std::os::unix::fs::symlink("/dev/full", dir.path().join("blobs/7")).unwrap();
    let full = files.append(7, 0, b"abc").unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
}

#[test]
fn only_the_files_of_blobs_are_listed_and_a_file_is_removed_once() {
    let (dir, files) = files();
    for name in ["1", "20", "03", "+4", "x", "1.part"] {
        fs::write(dir.path().join("blobs").join(name), b"").unwrap();
    }
    let mut found = files.list().unwrap();
    found.sort_unstable();
    assert_eq!(found, [1, 20]);
    files.remove(20).unwrap();
    files.remove(20).unwrap();
    assert_eq!(files.list().unwrap(), [1]);
    assert_eq!(files.len(20).unwrap_err().kind(), ErrorKind::NotFound);
}
