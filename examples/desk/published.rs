//! Reads the public folder as an outsider does, with nothing but the pinned keys.

use std::fs;
use std::path::Path;

use waxseal_log::audit::Audit;
use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::counts::Counts;
use waxseal_log::entry::{Day, Entry};
use waxseal_log::keys::LogKeys;
use waxseal_log::note::Note;
use waxseal_log::promise::PromisedLeaf;
use waxseal_log::tiles::{bundle_path, decode_bundle, hash_tile_path, tile_width};
use waxseal_log::tree::{Appender, TreeHash};

use crate::Result;

/// What an outsider knows after reading the whole log.
pub struct Published {
    pub entries: Vec<Entry>,
    pub counts: Counts,
    pub checkpoints: usize,
    /// Broken rules, in words.
    pub findings: Vec<String>,
}

/// Verifies a public folder: every entry, every archived checkpoint, and every tile.
///
/// `promises` are those that reporters showed.
///
/// # Errors
/// The folder is not what log, vault and witnesses signed.
pub fn verify(folder: &Path, keys: &LogKeys, promises: &[PromisedLeaf]) -> Result<Published> {
    if fs::read_to_string(folder.join("keys"))? != keys.to_string() {
        return Err("the folder has other keys than the pinned ones".into());
    }
    let mut notes = Vec::new();
    for file in fs::read_dir(folder.join("checkpoints"))? {
        let note = Note::decode(&fs::read(file?.path())?)?;
        notes.push((Checkpoint::decode(note.text())?.size(), note));
    }
    notes.sort_by_key(|(size, _)| *size);
    let (size, _) = notes.last().ok_or("there is no checkpoint")?;
    let entries = read_entries(folder, *size)?;

    let mut audit = Audit::new(keys.clone(), Counts::new(Day(0), Day(u32::MAX)));
    for promised in promises {
        audit.expect_promise(*promised);
    }
    let (mut decoded, mut tree) = (Vec::new(), Appender::new());
    let mut next = notes.iter().peekable();
    for bytes in &entries {
        decoded.push(audit.entry(bytes)?);
        tree.append(TreeHash::of_leaf(bytes));
        if let Some((_, note)) = next.next_if(|(size, _)| *size == audit.size()) {
            audit.checkpoint(note)?;
        }
    }
    if next.next().is_some() {
        return Err("a checkpoint is over more entries than there are".into());
    }
    for tile in tree.take_changed() {
        let path = hash_tile_path(tile.level, tile.index, tile.width());
        if fs::read(folder.join(&path))? != tile.bytes {
            return Err(format!("{path} has other hashes than the entries").into());
        }
    }
    Ok(Published {
        counts: audit.counts().clone(),
        findings: audit.findings().iter().map(ToString::to_string).collect(),
        checkpoints: notes.len(),
        entries: decoded,
    })
}

/// The entries of a folder, as bytes.
pub fn read_entries(folder: &Path, size: u64) -> Result<Vec<Vec<u8>>> {
    let mut entries = Vec::new();
    for index in 0..size.div_ceil(256) {
        let width = tile_width(size, 0, index);
        let path = bundle_path(index, width);
        let bytes = fs::read(folder.join(&path)).map_err(|error| format!("{path}: {error}"))?;
        entries.extend(
            decode_bundle(&bytes, width)?
                .iter()
                .map(|entry| entry.to_vec()),
        );
    }
    Ok(entries)
}
