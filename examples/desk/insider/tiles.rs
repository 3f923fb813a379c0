//! Attacks on the published folder: the insider writes all of its files.

use std::fs;
use std::path::{Path, PathBuf};

use waxseal_log::entry::{Day, Entry};
use waxseal_log::tiles::{bundle_path, encode_bundle, hash_tile_path, tile_width};

use super::facts::Scene;
use super::pen::OtherLog;
use super::{Effect, Try};
use crate::{Result, published};

pub const ATTACKS: &[(&str, Try)] = &[
    ("alter an entry in the tiles", alter),
    ("drop an entry from the tiles", drop_one),
    ("swap two entries in the tiles", swap),
    ("back-date an entry in the tiles", back_date),
    ("alter an entry in the tiles and sign again", alter_and_sign),
    ("alter a hash in the tiles", alter_hash),
];

/// What outsiders say of a copy of the folder with these changes. All tiles fit the entries.
fn changed(
    scene: &Scene<'_>,
    name: &str,
    is_signed_again: bool,
    change: impl FnOnce(&mut Vec<Vec<u8>>) -> Result<()>,
) -> Result<Result<()>> {
    let office = scene.office(&scene.after, true)?;
    let folder = copy(scene, name)?;
    let size = office.desk.log_size();
    let mut entries = published::read_entries(&folder, size)?;
    change(&mut entries)?;
    write(&folder, &entries)?;
    if is_signed_again {
        for file in fs::read_dir(folder.join("checkpoints"))? {
            let path = file?.path();
            let size: usize = path
                .file_name()
                .and_then(|name| name.to_str())
                .ok_or("no name")?
                .parse()?;
            let note = OtherLog::new(&entries[..size]).sign(&office.secrets.log)?;
            fs::write(path, note.encode())?;
        }
    }
    Ok(published::verify(&folder, &office.keys, &[]).map(|_| ()))
}

/// Writes bundles and hash tiles of these entries.
fn write(folder: &Path, entries: &[Vec<u8>]) -> Result<()> {
    for ((level, index), bytes) in OtherLog::new(entries).tiles() {
        let width = u16::try_from(bytes.len() / 32)?;
        write_file(folder.join(hash_tile_path(*level, *index, width)), bytes)?;
    }
    for (index, bundle) in (0..).zip(entries.chunks(256)) {
        let width = tile_width(entries.len() as u64, 0, index);
        write_file(
            folder.join(bundle_path(index, width)),
            &encode_bundle(bundle),
        )?;
    }
    Ok(())
}

fn write_file(path: PathBuf, bytes: &[u8]) -> Result<()> {
    fs::create_dir_all(path.parent().ok_or("no folder")?)?;
    Ok(fs::write(path, bytes)?)
}

fn copy(scene: &Scene<'_>, name: &str) -> Result<PathBuf> {
    let to = scene.folder(&format!("public-{}", name.replace(' ', "-")));
    copy_all(&scene.public, &to)?;
    Ok(to)
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let (file, target) = (file?.path(), to);
        let target = target.join(file.file_name().ok_or("no name")?);
        match file.is_dir() {
            true => copy_all(&file, &target)?,
            false => {
                fs::copy(&file, &target)?;
            }
        }
    }
    Ok(())
}

const OTHER_ROOT: &str = "not those that the checkpoint";

/// Another day than the entry's own.
fn on_day(bytes: &[u8], days: u32) -> Result<Vec<u8>> {
    let entry = Entry::decode(bytes)?;
    let day = Day(entry.day.0 - days);
    Ok(Entry { day, ..entry }.encode())
}

fn middle(entries: &[Vec<u8>]) -> usize {
    entries.len() / 2
}

fn alter(scene: &Scene<'_>) -> Result<Effect> {
    let verified = changed(scene, "alter", false, |entries| {
        let at = middle(entries);
        // The last byte belongs to the digest of what the entry is about.
        let last = entries[at].len() - 1;
        entries[at][last] ^= 1;
        Ok(())
    })?;
    Effect::of_check(verified, OTHER_ROOT)
}

/// A later entry takes its place, so that their number stays.
fn drop_one(scene: &Scene<'_>) -> Result<Effect> {
    let verified = changed(scene, "drop", false, |entries| {
        let at = middle(entries);
        entries.remove(at);
        let last = entries.last().cloned().ok_or("the log is empty")?;
        entries.push(last);
        Ok(())
    })?;
    Effect::of_check(verified, OTHER_ROOT)
}

fn swap(scene: &Scene<'_>) -> Result<Effect> {
    let verified = changed(scene, "swap", false, |entries| {
        let at = middle(entries);
        entries.swap(at, at + 1);
        Ok(())
    })?;
    Effect::of_check(verified, OTHER_ROOT)
}

fn back_date(scene: &Scene<'_>) -> Result<Effect> {
    let verified = changed(scene, "back-date", false, |entries| {
        let at = middle(entries);
        entries[at] = on_day(&entries[at], 1)?;
        Ok(())
    })?;
    Effect::of_check(verified, OTHER_ROOT)
}

/// The log's key signs all checkpoints again. Vault and witnesses do not.
fn alter_and_sign(scene: &Scene<'_>) -> Result<Effect> {
    let verified = changed(scene, "sign", true, |entries| {
        let at = middle(entries);
        entries[at] = on_day(&entries[at], 1)?;
        Ok(())
    })?;
    Effect::of_check(verified, "witnesses cosigned")
}

/// The entries stay, and one hash of a tile becomes another.
fn alter_hash(scene: &Scene<'_>) -> Result<Effect> {
    let office = scene.office(&scene.after, true)?;
    let folder = copy(scene, "hash")?;
    let width = tile_width(office.desk.log_size(), 0, 0);
    let path = folder.join(hash_tile_path(0, 0, width));
    let mut bytes = fs::read(&path)?;
    bytes[40] ^= 1;
    fs::write(path, bytes)?;
    Effect::of_check(
        published::verify(&folder, &office.keys, &[]),
        "other hashes",
    )
}
