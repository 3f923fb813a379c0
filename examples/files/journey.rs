//! The way of one file: sent, saved, altered, reported.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use waxseal::courier::{Event, FileFailure, NewFile};
use waxseal::files::SavedFile;
use waxseal::reporting::file::{FileKey, open, seal};
use waxseal::reporting::message::FileAttachment;
use waxseal::{Attachment, Draft, Message};

use crate::arguments::Arguments;
use crate::compare::is_same;
use crate::outcome::Outcome;
use crate::phone::name_of;
use crate::town::Town;
use crate::{Result, alter, memory, reports};

/// Sends every file, prints what came of it, and returns whether everything is as it should be.
pub fn all(arguments: &Arguments) -> Result<bool> {
    let folder = tempfile::tempdir()?;
    let made_up;
    let files = match arguments.files.as_slice() {
        [] => {
            made_up = make_up(folder.path())?;
            &made_up
        }
        files => files,
    };
    let mut holds = true;
    for (number, file) in (0..).zip(files) {
        let seed = arguments.seed.wrapping_add(number * 16);
        let mut outcome =
            one(file, seed).map_err(|error| format!("{}: {error}", file.display()))?;
        outcome.judge();
        outcome.print(file, arguments.json);
        holds &= outcome.wrong.is_empty();
    }
    Ok(holds)
}

/// Writes some small files.
fn make_up(folder: &Path) -> Result<Vec<PathBuf>> {
    let sizes = [0, 1, 65_536, 65_537, 3_000_000];
    let files = sizes.map(|size| {
        let path = folder.join(format!("{size} bytes.bin"));
        let bytes = (0..size).map(|at: u64| (at.wrapping_mul(0x9e37_79b9) >> 13) as u8);
        fs::write(&path, bytes.collect::<Vec<u8>>()).map(|()| path)
    });
    Ok(files.into_iter().collect::<io::Result<_>>()?)
}

/// Sends one file.
fn one(path: &Path, seed: u64) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let mut town = Town::new(seed, folder.path())?;
    memory::forget_peak();
    let is_upload_resumed = send(&mut town, path)?;
    let (message, file) = arrived(&mut town)?;
    let (saved, is_download_resumed) = save(&mut town, &message, &folder)?;
    let peak_memory_bytes = memory::peak_bytes();
    let wire_bytes = town.sender.wire_bytes + town.recipient.wire_bytes;
    let lost = town.sender.lost + town.recipient.lost;
    let resumed = lost + u64::from(is_upload_resumed) + u64::from(is_download_resumed);
    let bytes = file.descriptor().size_bytes();
    let mut saved = File::open(saved)?;
    let has_all = saved.metadata()?.len() == bytes;
    let identical = has_all && is_same(&mut saved, &mut File::open(path)?, 0..bytes)?;

    let (whole, part) = reports::both(&mut town, &message)?;
    let blob = file.descriptor().blob().ok_or("it is a relay's blob")?;
    let mut blob = File::open(town.relay.blob_file(&blob).ok_or("it keeps it")?)?;
    let whole = reports::file_of(&town, whole)?;
    let part = reports::file_of(&town, part)?;
    let (altered_tried, altered_accepted) = alter::all(&file, &mut blob, path, [whole, part])?;
    let (seal_time, open_time) = speed(path, &file, &mut blob)?;
    Ok(Outcome {
        bytes,
        wire_bytes,
        resumed,
        seal_mb_s: mb_s(bytes, seal_time),
        open_mb_s: mb_s(bytes, open_time),
        peak_memory_bytes,
        identical,
        report_whole_verified: reports::shows_whole(whole, &mut blob, path)?,
        report_part_verified: reports::shows_part(part, &mut blob, path)?,
        altered_tried,
        altered_accepted,
        wrong: Vec::new(),
    })
}

/// Sends the file. The sender's process ends in the middle. Returns whether the next one had to go
/// on with the upload.
fn send(town: &mut Town, path: &Path) -> Result<bool> {
    let file = NewFile {
        name: name_of(path),
        media_type: "application/octet-stream".to_owned(),
        preview: None,
        label: path.to_string_lossy().into_owned(),
    };
    let (now, to) = (town.relay.provider.now, town.recipient.account());
    let source = Box::new(File::open(path)?);
    let (courier, rng) = town.sender.courier()?;
    courier.send_file(&to, Draft::from("look"), file, source, now, rng)?;

    // Ends after a part of the file, or with the answer to the only one on its way.
    town.until("a part of the file", |town| {
        let parts = town.relay.asked.iter();
        let parts = parts.filter(|asked| asked.is("PUT", "/v1/blobs/")).count();
        Ok((parts > 0 && is_past_half(&town.sender.events)).then_some(()))
    })?;
    town.sender.restart()?;
    let (courier, _) = town.sender.courier()?;
    let uploads = courier.uploads(None, 8)?.items;
    // If the message is stored already, nothing is left to do.
    let is_resumed = match uploads.as_slice() {
        [upload] => {
            let source = Box::new(File::open(&upload.label)?);
            courier.resume_upload(upload.id, source)?;
            true
        }
        _ => false,
    };
    town.until("the message", |town| {
        let with = town.recipient.account();
        Ok(town.sender.last_message(&with).ok().map(drop))
    })?;
    Ok(is_resumed)
}

/// Whether the courier told of a part that ends behind half of a file.
fn is_past_half(events: &[Event]) -> bool {
    events.iter().any(|event| match event {
        Event::FileProgress { done, of, .. } => done.saturating_mul(2) >= *of,
        Event::FileSent { .. } => true,
        _ => false,
    })
}

/// Waits for the message at its recipient. Returns it with its file.
fn arrived(town: &mut Town) -> Result<(Message, FileAttachment)> {
    let with = town.sender.account();
    let message = town.until("the message", |town| {
        Ok(town.recipient.last_message(&with).ok())
    })?;
    let file = message.attachments().iter().find_map(Attachment::file);
    let file = file.ok_or("the message has a file")?.clone();
    Ok((message, file))
}

/// Saves the file. The recipient's process ends in the middle. Returns where the file is, and
/// whether the next process had to go on with it.
fn save(town: &mut Town, message: &Message, folder: &TempDir) -> Result<(PathBuf, bool)> {
    let path = folder.path().join("saved");
    begin(town, message, &path)?;
    town.until("a part of the file", |town| {
        Ok((is_past_half(&town.recipient.events) || path.exists()).then_some(()))
    })?;
    town.recipient.restart()?;
    town.recipient.events.clear();
    if path.exists() {
        return Ok((path, false)); // it has only one part
    }
    begin(town, message, &path)?;
    town.until("the file", |town| {
        for event in std::mem::take(&mut town.recipient.events) {
            match event {
                Event::FileSaved { .. } => return Ok(Some(())),
                Event::FileFailed { why, .. } => return failed(why),
                _ => {}
            }
        }
        Ok(None)
    })?;
    Ok((path, true))
}

fn begin(town: &mut Town, message: &Message, path: &Path) -> Result<()> {
    let with = town.sender.account();
    let target = Box::new(SavedFile::create(path)?);
    let (courier, _) = town.recipient.courier()?;
    courier.accept_contact(&with)?;
    courier.save_file(&with, message.id(), 0, target)?;
    Ok(())
}

fn failed(why: FileFailure) -> Result<Option<()>> {
    Err(why.to_string().into())
}

/// How long it takes to seal the file, and to open its blob, without a network.
fn speed(path: &Path, file: &FileAttachment, blob: &mut File) -> Result<(Duration, Duration)> {
    let (mut source, size) = (File::open(path)?, file.descriptor().size_bytes());
    let began = Instant::now();
    seal(
        &mut source,
        size,
        &FileKey::from_bytes([7; 32]),
        &mut io::sink(),
    )?;
    let sealed = began.elapsed();
    let began = Instant::now();
    open(file.descriptor(), file.key(), blob, &mut io::sink())?;
    Ok((sealed, began.elapsed()))
}

fn mb_s(bytes: u64, time: Duration) -> f64 {
    let mb_s = bytes as f64 / 1e6 / time.as_secs_f64().max(1e-9);
    (mb_s * 10.0).round() / 10.0
}
