use super::*;

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_has_its_name_when_it_is_whole_and_not_before() {
    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("cat.jpg");
    let mut target = SavedFile::create(&destination).unwrap();
    target.write_all(b"meow, and more").unwrap();
    assert_eq!(names(directory.path()), [".cat.jpg.part"]);
    target.finish(4).unwrap();
    assert_eq!(names(directory.path()), ["cat.jpg"]);
    assert_eq!(fs::read(&destination).unwrap(), b"meow");
    target.finish(4).unwrap();
    target.discard().unwrap(); // the whole file stays
    assert_eq!(fs::read(&destination).unwrap(), b"meow");
    let again = SavedFile::create(&destination).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
}

#[test]
fn what_was_written_before_is_found_again_or_discarded() {
    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("cat.jpg");
    let mut target = SavedFile::create(&destination).unwrap();
    target.write_all(b"me").unwrap();
    drop(target);
    let mut target = SavedFile::create(&destination).unwrap();
    let mut there = String::new();
    target.read_to_string(&mut there).unwrap();
    assert_eq!(there, "me");
    target.discard().unwrap();
    assert!(names(directory.path()).is_empty());
}

#[test]
fn nothing_is_replaced_that_came_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("cat.jpg");
    let mut target = SavedFile::create(&destination).unwrap();
    target.write_all(b"meow").unwrap();
    fs::write(&destination, b"mine").unwrap();
    let error = target.finish(4).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&destination).unwrap(), b"mine");
    fs::remove_file(&destination).unwrap();
    target.finish(4).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), b"meow");
}

#[test]
fn two_targets_do_not_write_to_one_destination() {
    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("cat.jpg");
    let target = SavedFile::create(&destination).unwrap();
    let same = directory.path().join(".").join("cat.jpg");
    let second = SavedFile::create(same).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::ResourceBusy);
    drop(target);
    SavedFile::create(&destination).unwrap();
}

/// The name of a variable with which the test below runs itself as another process.
const DESTINATION: &str = "WAXSEAL_TEST_DESTINATION";

#[cfg(unix)]
#[test]
fn two_processes_do_not_write_to_one_destination() {
    if let Some(destination) = std::env::var_os(DESTINATION) {
        let error = SavedFile::create(destination).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceBusy);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("cat.jpg");
    let elsewhere = || {
        let test = "files::saved::tests::two_processes_do_not_write_to_one_destination";
        let mut process = std::process::Command::new(std::env::current_exe().unwrap());
        process
            .args(["--exact", test])
            .env(DESTINATION, &destination);
        let output = process.output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            told.contains("1 passed") || told.contains("1 failed"),
            "{told}"
        );
        output.status.success()
    };
    let target = SavedFile::create(&destination).unwrap();
    assert!(elsewhere());
    drop(target);
    assert!(!elsewhere()); // it is free, so that the other process gets it
}

#[cfg(unix)]
#[test]
fn two_names_of_one_part_are_one_target() {
    // As on a file system that does not tell `Cat.jpg` from `cat.jpg`.
    let directory = tempfile::tempdir().unwrap();
    let [one, other] = ["cat.jpg", "Cat.jpg"].map(|name| directory.path().join(name));
    let target = SavedFile::create(one).unwrap();
    let [from, to] = [".cat.jpg.part", ".Cat.jpg.part"].map(|name| directory.path().join(name));
    fs::hard_link(from, to).unwrap();
    let error = SavedFile::create(other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceBusy);
    drop(target);
}

#[cfg(unix)]
#[test]
fn a_file_that_another_target_finished_meanwhile_is_not_written_to() {
    // Opened by its first name, and locked after the other target let go of it.
    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("cat.jpg");
    let mut target = SavedFile::create(&destination).unwrap();
    let part = directory.path().join(".cat.jpg.part");
    let opened = File::open(&part).unwrap();
    assert_eq!(lock(&opened).unwrap_err().kind(), ErrorKind::ResourceBusy);
    target.finish(0).unwrap();
    drop(target);
    lock(&opened).unwrap();
    assert!(!is_at(&opened, &part).unwrap());
    assert!(is_at(&opened, &destination).unwrap());
}

#[cfg(unix)]
#[test]
fn a_directory_that_could_not_be_made_durable_is_asked_again() {
    let directory = tempfile::tempdir().unwrap();
    let [downloads, moved] = ["downloads", "moved"].map(|name| directory.path().join(name));
    fs::create_dir(&downloads).unwrap();
    let mut target = SavedFile::create(downloads.join("cat.jpg")).unwrap();
    target.finish(0).unwrap();
    fs::rename(&downloads, &moved).unwrap();
    for _ in 0..2 {
        let error = target.finish(0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    fs::rename(&moved, &downloads).unwrap();
    target.finish(0).unwrap();
}

#[cfg(unix)]
#[test]
fn a_second_name_that_a_crash_left_goes() {
    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("cat.jpg");
    let part = directory.path().join(".cat.jpg.part");
    fs::write(&destination, b"meow").unwrap();
    fs::hard_link(&destination, &part).unwrap();
    let create = || SavedFile::create(&destination).unwrap_err().kind();
    assert_eq!(create(), ErrorKind::AlreadyExists);
    assert_eq!(names(directory.path()), ["cat.jpg"]);
    assert_eq!(fs::read(&destination).unwrap(), b"meow");
    // The part of another file stays.
    fs::write(&part, b"woof").unwrap();
    assert_eq!(create(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&part).unwrap(), b"woof");
}

#[test]
fn a_destination_without_a_name_or_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for destination in ["/", "..", ""] {
        let error = SavedFile::create(destination).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{destination}");
    }
    let nowhere = directory.path().join("none").join("cat.jpg");
    let error = SavedFile::create(nowhere).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_the_part_or_the_destination_is_not_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("cat.jpg");
    let other = directory.path().join("other");
    fs::write(&other, b"mine").unwrap();
    symlink(&other, directory.path().join(".cat.jpg.part")).unwrap();
    let error = SavedFile::create(&destination).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    symlink("nowhere", directory.path().join("dog.jpg")).unwrap();
    let error = SavedFile::create(directory.path().join("dog.jpg")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&other).unwrap(), b"mine");
    let mut target = SavedFile::create(directory.path().join("bird.jpg")).unwrap();
    target.finish(0).unwrap();
    let mode = fs::metadata(directory.path().join("bird.jpg")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
}

#[cfg(unix)]
#[test]
fn a_whole_file_that_was_moved_away_is_not_written_to() {
    let directory = tempfile::tempdir().unwrap();
    let (destination, moved) = ["cat.jpg", "moved.jpg"]
        .map(|name| directory.path().join(name))
        .into();
    // The process stopped between the two names, and the user moved the file.
    fs::write(&moved, b"meow").unwrap();
    fs::hard_link(&moved, directory.path().join(".cat.jpg.part")).unwrap();
    let mut target = SavedFile::create(&destination).unwrap();
    target.write_all(b"woof").unwrap();
    target.finish(4).unwrap();
    assert_eq!(fs::read(&moved).unwrap(), b"meow");
    assert_eq!(fs::read(&destination).unwrap(), b"woof");
}

#[test]
fn a_target_prints_no_path() {
    let directory = tempfile::tempdir().unwrap();
    let target = SavedFile::create(directory.path().join("cat.jpg")).unwrap();
    let text = format!("{target:?}");
    assert_eq!(text, "SavedFile { is_finished: false, .. }");
}
