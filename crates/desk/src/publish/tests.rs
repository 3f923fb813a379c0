use std::collections::BTreeMap;
use waxseal_log::report::ReportDigest;

use waxseal_log::audit::Audit;
use waxseal_log::counts::Counts;
use waxseal_log::entry::Day;
use waxseal_log::note::Note;
use waxseal_log::tiles::decode_bundle;

use super::*;
use crate::desk::tests::world::{DAY, World};

fn files(world: &World, delay: Delay, entries: u64) -> (BTreeMap<String, Vec<u8>>, u64) {
    let published = Published {
        entries,
        checkpoint: 0,
    };
    let files = world.desk.publish(world.now, delay, published).unwrap();
    let size = files.published().entries;
    (files.map(Result::unwrap).collect(), size)
}

/// A log of several tiles.
fn large() -> World {
    let mut world = World::new();
    for number in 0..600u32 {
        let sealed = [number.to_be_bytes(); 10].concat();
        world
            .desk
            .refuse(&ReportDigest::of(&sealed), 77, world.now, &mut world.rng)
            .unwrap();
    }
    world.pass(DAY);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    world.complete().unwrap();
    world
}

#[test]
fn checkpoints_are_public_at_once_and_tiles_after_seven_days() {
    let mut world = large();
    let (early, size) = files(&world, Delay::default(), 0);
    let paths: Vec<_> = early.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        ["checkpoint", "checkpoints/1", "checkpoints/601", "keys"]
    );
    assert_eq!(size, 0);
    assert_eq!(early["checkpoint"], early["checkpoints/601"]);

    world.pass(6 * DAY);
    let (_, size) = files(&world, Delay::default(), 0);
    assert_eq!(size, 1);
    world.pass(DAY);
    let (later, size) = files(&world, Delay::default(), 0);
    assert_eq!(size, 601);
    for path in [
        "tile/0/000",
        "tile/0/002.p/89",
        "tile/1/000.p/2",
        "tile/entries/002.p/89",
    ] {
        assert!(later.contains_key(path), "{path}");
    }
    // What the folder has is not repeated.
    let (rest, size) = files(&world, Delay::default(), 601);
    assert_eq!((rest.len(), size), (4, 601));
    let (rest, _) = files(&world, Delay::default(), 300);
    assert!(!rest.contains_key("tile/0/000") && rest.contains_key("tile/0/001"));
}

#[test]
fn each_checkpoint_has_partial_tiles_of_its_size_until_the_full_ones_are_public() {
    let mut world = large();
    for sealed in [[1; 40], [2; 40]] {
        let (report, now) = (ReportDigest::of(&sealed), world.now);
        world.desk.refuse(&report, 77, now, &mut world.rng).unwrap();
        world.pass(DAY);
        world.desk.upkeep(world.now, &mut world.rng).unwrap();
        world.complete().unwrap();
    }
    let (all, size) = files(&world, Delay { ms: 0 }, 0);
    assert_eq!(size, 603);
    let partial = |path: &&String| path.contains(".p/");
    let paths: Vec<_> = all.keys().filter(partial).map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "tile/0/002.p/89",
            "tile/0/002.p/90",
            "tile/0/002.p/91",
            "tile/1/000.p/2",
            "tile/entries/002.p/89",
            "tile/entries/002.p/90",
            "tile/entries/002.p/91",
        ]
    );
    // What the folder has is not repeated.
    let (rest, _) = files(&world, Delay { ms: 0 }, 601);
    assert!(!rest.contains_key("tile/0/002.p/89") && rest.contains_key("tile/0/002.p/90"));
    assert_eq!(rest.keys().filter(partial).count(), 4);
}

#[test]
fn a_checkpoint_that_the_folder_has_is_left_out_while_its_entries_are_private() {
    let mut world = large();
    let first = world
        .desk
        .publish(world.now, Delay::default(), Published::default());
    let published = first.unwrap().published();
    let expected = Published {
        entries: 0,
        checkpoint: 601,
    };
    assert_eq!(published, expected);
    let paths = |world: &World, published| {
        let files = world.desk.publish(world.now, Delay::default(), published);
        let files = files.unwrap().map(|file| file.unwrap().0);
        files.collect::<Vec<_>>()
    };
    assert_eq!(paths(&world, published), ["keys", "checkpoint"]);
    let (report, now) = (ReportDigest::of(b"one more"), world.now);
    world.desk.refuse(&report, 77, now, &mut world.rng).unwrap();
    world.pass(DAY);
    world.desk.upkeep(world.now, &mut world.rng).unwrap();
    world.complete().unwrap();
    assert_eq!(
        paths(&world, published),
        ["keys", "checkpoints/602", "checkpoint"]
    );
}

#[test]
fn the_public_folder_passes_the_audit_of_outsiders() {
    let world = large();
    let folder = tempfile::tempdir().unwrap();
    let published = world
        .desk
        .publish(world.now, Delay { ms: 0 }, Published::default())
        .unwrap();
    let written = write_folder(folder.path(), published).unwrap();
    assert_eq!(written, 11);
    // What the folder has is not written again. What is damaged is.
    let again = || {
        let published = world
            .desk
            .publish(world.now, Delay { ms: 0 }, Published::default())
            .unwrap();
        write_folder(folder.path(), published).unwrap()
    };
    assert_eq!(again(), 0);
    let tile = folder.path().join("tile/0/000");
    let whole = fs::read(&tile).unwrap();
    let mut damaged = whole.clone();
    damaged[7] ^= 1;
    for bytes in [&damaged[..], &whole[1..], b""] {
        fs::write(&tile, bytes).unwrap();
        assert_eq!((again(), fs::read(&tile).unwrap()), (1, whole.clone()));
    }
    let read = |path: &str| fs::read(folder.path().join(path)).unwrap();
    assert!(!folder.path().join("checkpoint.part").exists());

    let keys = String::from_utf8(read("keys")).unwrap().parse().unwrap();
    let mut audit = Audit::new(keys, Counts::new(Day(0), Day(u32::MAX)));
    for (path, width) in [("000", 256), ("001", 256), ("002.p/89", 89)] {
        for entry in decode_bundle(&read(&format!("tile/entries/{path}")), width).unwrap() {
            audit.entry(entry).unwrap();
            let archived = folder.path().join(format!("checkpoints/{}", audit.size()));
            if let Ok(note) = fs::read(archived) {
                audit.checkpoint(&Note::decode(&note).unwrap()).unwrap();
            }
        }
    }
    assert_eq!(audit.last_checkpoint().unwrap().size(), 601);
    assert_eq!(audit.findings(), []);
}
