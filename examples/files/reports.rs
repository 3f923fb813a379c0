//! Reports of a file: as a whole by its recipient, and in part by its sender.

use std::fs::File;
use std::path::Path;

use waxseal::reporting::file::FileShape;
use waxseal::reporting::reviewer::{FileAccess, VerifiedFile};
use waxseal::{Attachment, Disclosure, Message, Reason};

use crate::Result;
use crate::compare::is_same;
use crate::phone::Phone;
use crate::town::Town;

/// Part of a message that describes its first file.
const DESCRIPTOR: usize = 2;

/// Reports the whole file and some chunks of it. Returns which reports of the relay these are.
pub fn both(town: &mut Town, message: &Message) -> Result<(usize, usize)> {
    let (alice, bob) = (town.sender.account(), town.recipient.account());
    let file = message.attachments().iter().find_map(Attachment::file);
    let shape = file.ok_or("the message has a file")?.descriptor().shape();
    let parts = Disclosure::Chunks {
        parts: vec![1],
        chunks: shown(shape)
            .into_iter()
            .map(|index| (DESCRIPTOR, index))
            .collect(),
    };
    let whole = report(
        town,
        |town| &mut town.recipient,
        message,
        &alice,
        Disclosure::Whole,
    )?;
    let part = report(town, |town| &mut town.sender, message, &bob, parts)?;
    Ok((whole, part))
}

/// The chunks that are shown: the first, one in the middle, and the last that has content.
fn shown(shape: FileShape) -> Vec<u32> {
    let last = (0..shape.chunk_count())
        .rev()
        .find(|index| shape.content_len(*index) > 0);
    let last = last.unwrap_or_default();
    let mut shown = vec![0, last / 2, last];
    shown.dedup();
    shown
}

/// Has one phone report the message. Returns which report of the relay it is.
fn report(
    town: &mut Town,
    who: impl Fn(&mut Town) -> &mut Phone,
    message: &Message,
    with: &waxseal::AccountId,
    disclosure: Disclosure,
) -> Result<usize> {
    let before = town.relay.reports().len();
    let (courier, rng) = who(town).courier()?;
    let chosen = [(*message.id(), disclosure)];
    let draft = courier.client().draft_report(with, Reason::Other, chosen)?;
    courier.report(&draft, rng)?;
    town.until("the report", |town| {
        Ok((town.relay.reports().len() > before).then_some(()))
    })?;
    town.rest()?;
    Ok(before)
}

/// The file of a report, as the provider verified it.
pub fn file_of(town: &Town, report: usize) -> Result<&VerifiedFile> {
    let report = town.relay.reports().get(report);
    let message = report.and_then(|report| report.verified.messages().first());
    let file = message.and_then(|message| message.files().first());
    file.ok_or_else(|| "the report shows no file".into())
}

/// Whether the report opens the whole file and nothing else.
pub fn shows_whole(file: &VerifiedFile, blob: &mut File, path: &Path) -> Result<bool> {
    let mut opened = tempfile::tempfile()?;
    let ranges = file.open(blob, &mut opened)?;
    let size = file.descriptor().size_bytes();
    let is_whole = matches!(file.access(), FileAccess::Whole(_))
        && ranges.as_slice() == std::slice::from_ref(&(0..size));
    Ok(is_whole && file.blob().is_some() && is_same(&mut opened, &mut File::open(path)?, 0..size)?)
}

/// Whether the report opens the chosen chunks and nothing else.
pub fn shows_part(file: &VerifiedFile, blob: &mut File, path: &Path) -> Result<bool> {
    let mut opened = tempfile::tempfile()?;
    let shape = file.descriptor().shape();
    let FileAccess::Chunks(chunks) = file.access() else {
        return Ok(false);
    };
    let indices: Vec<_> = chunks.iter().map(|(index, _)| *index).collect();
    let ranges = file.open(blob, &mut opened)?;
    let opened_bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    let shown_bytes: u64 = indices
        .iter()
        .map(|index| shape.content_len(*index) as u64)
        .sum();
    let mut is_right = indices == shown(shape) && opened_bytes == shown_bytes;
    for range in ranges {
        is_right &= is_same(&mut opened, &mut File::open(path)?, range)?;
    }
    Ok(is_right)
}
