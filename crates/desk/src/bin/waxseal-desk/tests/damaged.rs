//! Damaged logs: each must fail, and the output must say what is wrong.

use waxseal_log::entry::PolicyKey;
use waxseal_log::note::{Note, Signer};
use waxseal_log::tiles::{bundle_path, decode_bundle, encode_bundle};

use super::published::Published;
use super::world::{DAY, DAYS, World, noon};
use super::{Ran, run};

fn verify(published: &Published) -> Ran {
    run(published.root(), &["verify-log", "."])
}

/// Rewrites the bundle that the tiles' first 256 entries are in.
fn change_entries(published: &Published, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let path = bundle_path(0, 256);
    let bytes = published.read(&path);
    let entries = decode_bundle(&bytes, 256).unwrap();
    let mut entries: Vec<Vec<u8>> = entries.into_iter().map(<[u8]>::to_vec).collect();
    change(&mut entries);
    published.write(&path, &encode_bundle(&entries));
}

/// Publishes another world's tiles under the checkpoints of this one.
fn publish_entries_of(other: &World, world: &World) -> Published {
    let (published, altered) = (world.publish(), other.publish());
    published.remove("tile");
    std::fs::rename(altered.path("tile"), published.path("tile")).unwrap();
    published
}

#[test]
fn a_good_folder_is_good() {
    let world = World::new();
    verify(&world.publish())
        .good()
        .says("They prove nothing unless you compare them")
        .says("log      desk.example/log+")
        .says("362 entries and 7 checkpoints, up to the checkpoint over 362")
        .says("Newest    the checkpoint over 712")
        .says("350 entries are not in the tiles yet")
        .says("Good");
}

#[test]
fn pinned_keys_are_not_said_to_prove_nothing() {
    let published = World::new().publish();
    let elsewhere = tempfile::tempdir().unwrap();
    let pinned = elsewhere.path().join("pinned");
    std::fs::copy(published.path("keys"), &pinned).unwrap();
    let pinned = pinned.to_str().unwrap();
    let arguments = ["verify-log", ".", "--keys", pinned];
    run(published.root(), &arguments)
        .good()
        .says("pinned by")
        .does_not_say("prove nothing")
        .does_not_say("other keys");
    published.change("keys", |keys| {
        let text = String::from_utf8(keys.clone()).unwrap();
        *keys = text.replace("quorum 2", "quorum 1").into_bytes();
    });
    run(published.root(), &arguments)
        .good()
        .says("The folder's file `keys` has other keys");
    published.remove("keys");
    run(published.root(), &arguments).good();
}

#[test]
fn pinned_keys_of_another_log_refuse_the_folder() {
    let published = World::new().publish();
    let mut other = World::new();
    other.log = Signer::from_seed("other.example/log", &[0x99; 32]).unwrap();
    published.write("pinned", other.keys().to_string().as_bytes());
    run(published.root(), &["verify-log", ".", "--keys", "pinned"])
        .wrong(139, "checkpoint: the log did not sign the checkpoint");
}

#[test]
fn an_altered_entry_is_named() {
    let published = World::new().publish();
    change_entries(&published, |entries| *entries[100].last_mut().unwrap() ^= 1);
    verify(&published)
        .wrong(234, "tile/0/000 has another hash than that of entry 100")
        .wrong(
            158,
            "the entries are not those that the checkpoint over 107 entries",
        );
}

#[test]
fn an_entry_that_is_none_is_named() {
    let published = World::new().publish();
    change_entries(&published, |entries| entries[100][0] = 2);
    verify(&published).wrong(130, "tile/entries/000: entry 100: the entry has version 2");
    change_entries(&published, |entries| entries[100] = vec![1; 250]);
    verify(&published).wrong(130, "entry 100: the entry is malformed");
}

#[test]
fn a_dropped_entry_is_noticed() {
    let published = World::new().publish();
    change_entries(&published, |entries| {
        entries.remove(100);
    });
    verify(&published).wrong(133, "tile/entries/000 does not hold exactly 256 entries");
    // The attacker makes all tiles again, and cannot sign.
    let world = World::new();
    let mut other = world.clone();
    let dropped = other.entries.remove(usize::try_from(other.opened).unwrap());
    other.entries.push(dropped);
    verify(&publish_entries_of(&other, &world)).wrong(
        158,
        "the entries are not those that the checkpoint over 107 entries",
    );
}

#[test]
fn swapped_entries_are_noticed() {
    let world = World::new();
    let mut other = world.clone();
    other.entries.swap(10, 11);
    verify(&publish_entries_of(&other, &world)).wrong(
        158,
        "the entries are not those that the checkpoint over 53 entries",
    );
    let published = world.publish();
    change_entries(&published, |entries| entries.swap(10, 11));
    verify(&published).wrong(234, "hash than that of entry 10");
}

#[test]
fn chk234_an_altered_hash_tile_is_named() {
    let published = World::new().publish();
    published.change("tile/0/000", |tile| tile[32 * 7] ^= 1);
    verify(&published).wrong(234, "tile/0/000 has another hash than that of entry 7");
    let published = World::new().publish();
    published.change("tile/1/000.p/1", |tile| tile[0] ^= 1);
    verify(&published).wrong(
        234,
        "tile/1/000.p/1 has another hash 0 than the entries below it",
    );
}

#[test]
fn chk234_a_short_or_long_tile_is_named() {
    for (len, words) in [
        (8_160, "tile/0/000 is too short: 256 hashes have 8192 bytes"),
        (8_191, "tile/0/000 is too short"),
        (0, "tile/0/000 is too short"),
        (8_193, "tile/0/000 is too long"),
        (1_000_000, "tile/0/000 is too long"),
    ] {
        let published = World::new().publish();
        published.change("tile/0/000", |tile| tile.resize(len, 0));
        verify(&published).wrong(234, words);
    }
    let published = World::new().publish();
    published.change("tile/entries/000", |tile| tile.push(0));
    verify(&published).wrong(133, "tile/entries/000 does not hold exactly 256 entries");
    published.change("tile/entries/000", |tile| tile.resize(10_000_000, 0));
    verify(&published).wrong(133, "tile/entries/000 does not hold exactly 256 entries");
}

#[test]
fn chk234_a_partial_tile_with_other_contents_is_named() {
    // The full tile is there too, and a client may have read this one before.
    let published = World::new().publish();
    published.change("tile/0/000.p/53", |tile| tile[32 * 52] ^= 1);
    verify(&published).wrong(
        234,
        "tile/0/000.p/53 has another hash than that of entry 52",
    );
    let published = World::new().publish();
    published.change("tile/entries/000.p/53", |tile| {
        *tile.last_mut().unwrap() ^= 1
    });
    verify(&published).wrong(234, "tile/entries/000.p/53 has other entries than");
}

#[test]
fn partial_tiles_of_earlier_sizes_may_be_missing() {
    let published = World::new().publish();
    published.remove("tile/0/000.p");
    published.remove("tile/entries/000.p");
    verify(&published).good();
}

#[test]
fn chk233_a_missing_tile_is_named() {
    let world = World::new();
    let last = world.covered() - 256;
    for (path, words) in [
        (
            "tile/entries/000",
            "tile/entries/000 is missing: entry 211 is not there",
        ),
        ("tile/0/000", "tile/0/000 is missing"),
        ("tile/1", "tile/1/000.p/1 is missing"),
    ] {
        let published = world.publish();
        published.remove(path);
        verify(&published).wrong(233, words);
    }
    let published = world.publish();
    published.remove(&format!("tile/0/001.p/{last}"));
    verify(&published).wrong(233, &format!("tile/0/001.p/{last} is missing"));
    let published = world.publish();
    published.remove("tile/entries/001.p");
    verify(&published).wrong(233, "tile/entries/001 is missing: entry 256 is not there");
}

#[test]
fn chk233_tiles_that_come_too_late_are_noticed() {
    // Nine days before the newest checkpoint is in time, and ten are not.
    let world = World::new();
    for (drop_from, is_good) in [(4, true), (3, false)] {
        let published = world.publish_tiles(world.checkpoints[drop_from - 1].0);
        match is_good {
            true => verify(&published).good(),
            false => verify(&published).wrong(233, "is more than nine days old, and entry 160"),
        };
    }
}

#[test]
fn entries_that_no_checkpoint_covers_are_noticed() {
    let world = World::new();
    let published = world.publish();
    published.remove(&format!("checkpoints/{}", world.covered()));
    verify(&published).wrong(233, "the tiles have entries from 312 on that no published");
}

#[test]
fn entries_that_are_withheld_behind_the_newest_checkpoint_are_noticed() {
    // The provider publishes no checkpoint between the tiles and the newest one, so none is old.
    let world = World::new();
    let published = world.publish();
    let sizes = world.checkpoints.iter().map(|(size, _)| *size);
    let between = sizes.filter(|size| (363..712).contains(size));
    between.for_each(|size| published.remove(&format!("checkpoints/{size}")));
    verify(&published).wrong(159, "for 168 hours before the checkpoint of size 712");
}

#[test]
fn an_altered_checkpoint_is_refused() {
    let published = World::new().publish();
    published.change("checkpoint", |note| {
        let text = String::from_utf8(note.clone()).unwrap();
        *note = text.replacen("\n712\n", "\n711\n", 1).into_bytes();
    });
    verify(&published).wrong(
        137,
        "checkpoint: a signature of a known key does not verify",
    );
    let published = World::new().publish();
    published.change("checkpoints/107", |note| note.truncate(40));
    verify(&published).wrong(136, "checkpoints/107: the note is malformed");
    let published = World::new().publish();
    published.change("checkpoint", |note| note.resize(70_000, b'x'));
    verify(&published).wrong(136, "checkpoint: the note is longer than 64 KiB");
}

#[test]
fn a_checkpoint_of_another_log_is_refused() {
    let world = World::new();
    let mut other = world.clone();
    other.log = Signer::from_seed("other.example/log", &[0x99; 32]).unwrap();
    let text = world
        .signed(712, world.root(712))
        .text()
        .replace("desk.", "other.");
    let note = Note::sign(text, &other.log).unwrap();
    let published = world.publish();
    published.write("checkpoint", &world.cosigned(note, noon(DAY + 13)).encode());
    verify(&published).wrong(139, "the log did not sign the checkpoint");
}

#[test]
fn chk231_exchanged_checkpoints_are_noticed() {
    let published = World::new().publish();
    let other = published.read("checkpoints/160");
    published.write("checkpoints/107", &other);
    verify(&published).wrong(231, "checkpoints/107: the checkpoint is over 160 entries");
}

#[test]
fn chk232_a_fork_between_the_newest_checkpoint_and_the_archive_is_noticed() {
    let world = World::new();
    let published = world.publish();
    let fork = world.cosigned(world.signed(712, world.root(711)), noon(DAY + 13));
    published.write("checkpoint", &fork.encode());
    verify(&published).wrong(
        232,
        "checkpoint and ./checkpoints/712 have different roots over 712 entries",
    );
}

#[test]
fn chk232_a_newest_checkpoint_that_is_not_archived_is_noticed() {
    let published = World::new().publish();
    published.remove("checkpoints/712");
    verify(&published).wrong(
        232,
        "the checkpoint over 712 entries is not in checkpoints/",
    );
}

#[test]
fn chk232_a_log_that_was_rolled_back_is_noticed() {
    let published = World::new().publish();
    let older = published.read("checkpoints/662");
    published.write("checkpoint", &older);
    verify(&published).wrong(
        232,
        "is over 662 entries, and checkpoints/ has one over 712",
    );
}

#[test]
fn a_fork_in_the_archive_is_noticed() {
    let world = World::new();
    let published = world.publish();
    let fork = world.cosigned(world.signed(160, world.root(159)), noon(DAY + 2));
    published.write("checkpoints/160", &fork.encode());
    verify(&published).wrong(158, "checkpoints/160: the entries are not those");
}

#[test]
fn a_missing_cosignature_is_named() {
    let world = World::new();
    for (file, size) in [
        ("checkpoint", 712),
        ("checkpoints/712", 712),
        ("checkpoints/107", 107),
    ] {
        let published = world.publish();
        let mut note = world.signed(size as u64, world.root(size));
        let text = note.text().to_owned();
        note.add(world.witnesses[0].cosign(&text, noon(DAY + 1)))
            .unwrap();
        note.add(world.witnesses[1].cosign(&text, noon(DAY + 1)))
            .unwrap();
        published.write(file, &note.encode());
        let words = format!("{file}: the vault did not cosign the checkpoint");
        verify(&published).wrong(140, &words);

        let mut note = world.signed(size as u64, world.root(size));
        note.add(world.witnesses[0].cosign(&text, noon(DAY + 1)))
            .unwrap();
        note.add(world.vault.cosign(&text, noon(DAY + 1))).unwrap();
        published.write(file, &note.encode());
        let words = format!("{file}: 1 witnesses cosigned the checkpoint, and 2 must");
        verify(&published).wrong(141, &words);
    }
}

#[test]
fn a_mark_that_comes_twice_is_noticed() {
    let world = World::with(PolicyKey::from_seed(&[0x44; 32]), [1, 1], "Reasons.");
    let published = world.publish();
    let second = world.opened + 1;
    verify(&published)
        .wrong(
            159,
            &format!("entry {second} has the mark of an earlier opening"),
        )
        .says("362 entries");
}

#[test]
fn a_policy_of_another_key_is_noticed() {
    let world = World::with(PolicyKey::from_seed(&[0x45; 32]), [1, 2], "Reasons.");
    let words = "the policy in entry 0 is not signed by the policy key";
    verify(&world.publish()).wrong(159, words);
}

#[test]
fn a_vault_that_was_silent_is_noticed() {
    let mut world = World::new();
    world.checkpoints.remove(2);
    let words = "the vault cosigned nothing for 48 hours before the checkpoint of size 211";
    verify(&world.publish()).wrong(159, words);
}

#[test]
fn a_log_in_its_first_week_is_good() {
    let mut world = World::new();
    world.checkpoints.truncate(8);
    let published = world.publish();
    published.remove("tile");
    verify(&published)
        .good()
        .says("no entry: the tiles reach no published checkpoint");
    assert_eq!(DAYS, 14);
}
