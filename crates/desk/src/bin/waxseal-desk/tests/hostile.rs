//! Folders that someone made to harm the command: it must end soon, without a panic.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use waxseal_log::entry::PolicyKey;

use super::published::Published;
use super::world::{DAY, World, noon};
use super::{Ran, run};

/// Runs the check, and asserts that it ended soon.
fn verify(published: &Published) -> Ran {
    let start = Instant::now();
    let ran = run(published.root(), &["verify-log", "."]);
    assert!(start.elapsed() < Duration::from_secs(20));
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

#[test]
fn an_empty_folder_is_unusable() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["verify-log", "."])
        .unusable("keys is missing. Is this the public folder of a log?");
    run(folder.path(), &["verify-log", "nowhere"]).unusable("nowhere cannot be read");
    let published = World::new().publish();
    published.remove("checkpoint");
    verify(&published).unusable("checkpoint is missing. Is this the public folder of a log?");
}

#[test]
fn a_file_in_place_of_the_folder_is_unusable() {
    let published = World::new().publish();
    run(published.root(), &["verify-log", "keys"]).unusable("keys is not a folder");
}

#[test]
fn a_broken_file_of_keys_is_unusable() {
    let published = World::new().publish();
    let keys = published.read("keys");
    for (broken, words) in [
        (b"".to_vec(), "the file of keys is malformed"),
        (
            keys[..keys.len() - 1].to_vec(),
            "the file of keys is malformed",
        ),
        (keys[5..].to_vec(), "the file of keys is malformed"),
        (vec![0xff; 100], "keys is not text"),
        (vec![b'x'; 20_000], "the file of keys is longer than 16 KiB"),
        (
            String::from_utf8(keys.clone())
                .unwrap()
                .replace("quorum 2", "quorum 4")
                .into_bytes(),
            "the quorum is larger than the number of witnesses",
        ),
    ] {
        published.write("keys", &broken);
        verify(&published).unusable(words);
    }
}

#[test]
fn an_enormous_size_costs_nothing() {
    let world = World::new();
    for archived in [false, true] {
        let published = world.publish();
        let size = (1u64 << 63) - 1;
        let note = world
            .cosigned(world.signed(size, world.root(5)), noon(DAY + 13))
            .encode();
        published.write("checkpoint", &note);
        if archived {
            published.write(&format!("checkpoints/{size}"), &note);
            // It claims no more than that its entries are not published yet.
            let words = "9,223,372,036,854,775,445 entries are not in the tiles yet";
            verify(&published).good().says(words);
        } else {
            let words = "over 9,223,372,036,854,775,807 entries is not in checkpoints/";
            verify(&published).wrong(232, words);
        }
    }
}

#[test]
fn names_that_are_no_sizes_and_no_tiles_are_ignored() {
    let published = World::new().publish();
    for name in [
        "00",
        "+1",
        "-1",
        "1e3",
        "9223372036854775808",
        "99999999999999999999",
        "x",
    ] {
        published.write(&format!("checkpoints/{name}"), b"x");
    }
    for name in [
        "0000",
        "x00",
        "xabc",
        "999.q",
        "x000/999",
        "1",
        "９９９",
        "999.p/256",
        "998.p/0",
    ] {
        published.write(&format!("tile/entries/{name}"), b"x");
        published.write(&format!("tile/0/{name}"), b"x");
    }
    verify(&published).good();
}

#[test]
fn a_tile_of_a_large_index_shows_that_others_are_missing() {
    let published = World::new().publish();
    published.write("tile/entries/x999/x999/999", b"x");
    verify(&published).wrong(233, "tile/entries/001 is missing: entry 362 is not there");
    let published = World::new().publish();
    published.write("tile/0/x999/x999/x999/x999/x999/999.p/3", b"x");
    verify(&published).wrong(233, "tile/entries/001 is missing: entry 362 is not there");
}

#[test]
fn links_are_not_followed() {
    for path in [
        "tile/entries/000",
        "tile/0/000",
        "checkpoints/107",
        "keys",
        "checkpoint",
    ] {
        let published = World::new().publish();
        published.remove(path);
        symlink(published.path(path), published.path(path)).unwrap();
        verify(&published).unusable("is not a regular file");
        published.remove_link(path);
        symlink("/dev/zero", published.path(path)).unwrap();
        verify(&published).unusable("is not a regular file");
    }
}

#[test]
fn circles_of_links_end() {
    let published = World::new().publish();
    symlink(
        published.path("tile/entries"),
        published.path("tile/entries/x001"),
    )
    .unwrap();
    symlink(".", published.path("tile/0/x002")).unwrap();
    symlink("..", published.path("checkpoints/up")).unwrap();
    verify(&published).good();
    for folder in ["checkpoints", "tile"] {
        let published = World::new().publish();
        published.remove(folder);
        symlink(folder, published.path(folder)).unwrap();
        verify(&published).unusable("is a link");
    }
}

#[test]
fn links_between_folders_do_not_multiply_the_tiles() {
    let published = World::new().publish();
    for level in ["entries", "0"] {
        let first = published.path(&format!("tile/{level}/000"));
        for index in 1..1_000 {
            let other = published.path(&format!("tile/{level}/{index:03}"));
            fs::hard_link(&first, other).unwrap();
        }
        // With x000 to x999, the index could have any length: 10^18 tiles of 1,000 files.
        for group in 1..10 {
            symlink(".", published.path(&format!("tile/{level}/x{group:03}"))).unwrap();
        }
    }
    verify(&published).unusable("tile/entries/x001 is a link");
}

#[test]
fn a_pipe_is_not_opened() {
    let published = World::new().publish();
    published.remove("tile/entries/000");
    let pipe = published.path("tile/entries/000");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    verify(&published).unusable("is not a regular file");
}

#[test]
fn folders_in_place_of_files_and_files_in_place_of_folders_end_the_check() {
    for path in [
        "tile/entries/000",
        "tile/0/000",
        "checkpoints/107",
        "keys",
        "checkpoint",
    ] {
        let published = World::new().publish();
        published.remove(path);
        fs::create_dir(published.path(path)).unwrap();
        verify(&published).unusable("is not a regular file");
    }
    for path in [
        "checkpoints",
        "tile",
        "tile/0",
        "tile/entries",
        "tile/1/000.p",
    ] {
        let published = World::new().publish();
        published.remove(path);
        published.write(path, b"x");
        verify(&published).unusable("cannot be read");
    }
}

#[test]
fn too_many_names_in_a_folder_end_the_check() {
    let published = World::new().publish();
    for number in 0..1_100 {
        published.write(&format!("tile/0/000.p/{number}x"), b"");
    }
    verify(&published).unusable("tile/0/000.p has more than 1024 files");
}

#[test]
fn only_a_hundred_problems_are_shown() {
    let world = World::new();
    let published = world.publish();
    for size in 1_000..1_150 {
        published.write(&format!("checkpoints/{size}"), b"x");
    }
    let ran = verify(&published).wrong(136, "checkpoints/1000: the note is malformed");
    assert_eq!(
        ran.err.lines().filter(|line| line.ends_with(')')).count(),
        100
    );
    assert!(
        ran.err.ends_with("WRONG: 51 more problems are not shown\n"),
        "{}",
        ran.err
    );
}

#[test]
fn many_problems_do_not_hide_a_broken_rule() {
    let world = World::with(PolicyKey::from_seed(&[0x44; 32]), [1, 1], "Reasons.");
    let published = world.publish();
    for size in 1_000..1_150 {
        published.write(&format!("checkpoints/{size}"), b"x");
    }
    verify(&published)
        .wrong(136, "the note is malformed")
        .wrong(159, "has the mark of an earlier opening");
}

#[test]
fn names_from_outside_are_escaped() {
    let world = World::new();
    let published = world.publish();
    let inner = published.path("a\u{1b}[2Jb\u{202e}");
    fs::create_dir(&inner).unwrap();
    let inner = inner.to_str().unwrap();
    let ran = run(published.root(), &["verify-log", inner]).unusable("a\\u{1b}[2Jb\\u{202e}");
    assert!(!ran.err.contains('\u{1b}'));
    let ran = run(published.root(), &["\u{1b}[2J"]).unusable("no such command");
    assert!(!ran.err.contains('\u{1b}'));
    let ran = run(published.root(), &["verify-log", ".", "\u{1b}[2J"]).unusable("unexpected");
    assert!(!ran.err.contains('\u{1b}'));
}
