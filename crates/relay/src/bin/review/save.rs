//! `save`: fetches what a report shows of a file, verifies it, and writes it to a file of the
//! reviewer's own choice. It shows nothing of the content.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use waxseal_reporting::reviewer::{FileAccess, VerifiedFile, VerifiedReport};

use crate::Reviewer;
use crate::blob::RemoteBlob;
use crate::open::{Reviewed, reviewed};

/// Which file of a report is saved, as `open` numbers message and part.
pub struct Which<'a> {
    pub report_id: &'a str,
    pub message: usize,
    pub part: usize,
}

/// Saves what a report shows of a file. The new file has the file's whole size; what the report
/// does not show is zeros in it.
pub fn save(
    reviewer: &Reviewer,
    vault: &Path,
    which: &Which<'_>,
    out: &Path,
) -> Result<ExitCode, Box<dyn Error>> {
    let report = match reviewed(reviewer, vault, which.report_id)? {
        Reviewed::Verified(report) => report,
        Reviewed::Rejected(rejected) => {
            println!("{}", rejected.as_text(which.report_id));
            return Ok(ExitCode::FAILURE);
        }
    };
    let file = find(&report, which)?;
    if matches!(file.access(), FileAccess::Descriptor) {
        return Err("the report shows nothing of the content of this file".into());
    }
    let blob = file.blob().ok_or(
        "the report does not name the blob of this file, so the relay gives it to no reviewer",
    )?;
    let shape = file.descriptor().shape();
    let mut blob = RemoteBlob::new(reviewer, which.report_id, blob, shape.blob_len());

    let mut saved = NewFile::create(out)?;
    let opened = file.open(&mut blob, &mut saved.file).map_err(|error| {
        let cause = error.source().map(ToString::to_string);
        cause.map_or(error.to_string(), |cause| format!("{error}: {cause}"))
    });
    let ranges = opened?;
    saved.end(shape.size_bytes())?;
    tell(&ranges, shape.size_bytes());
    Ok(ExitCode::SUCCESS)
}

/// A file that has another name until it is verified to its end. What a killed run leaves is taken
/// for no evidence.
struct NewFile<'a> {
    out: &'a Path,
    part: PathBuf,
    file: File,
}

impl<'a> NewFile<'a> {
    /// Begins a file that nobody else reads. It overwrites nothing.
    fn create(out: &'a Path) -> Result<Self, String> {
        if fs::symlink_metadata(out).is_ok() {
            return Err(failed(out, &ErrorKind::AlreadyExists.into()));
        }
        let mut part = out.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(&part).map_err(|error| failed(&part, &error))?;
        Ok(Self { out, part, file })
    }

    /// Gives the file its length and its name.
    fn end(self, len: u64) -> Result<(), String> {
        let synced = self.file.set_len(len).and_then(|()| self.file.sync_all());
        let named = synced.and_then(|()| match fs::hard_link(&self.part, self.out) {
            // Not every file system has links.
            Err(_) if fs::symlink_metadata(self.out).is_err() => fs::rename(&self.part, self.out),
            linked => linked,
        });
        named.map_err(|error| failed(self.out, &error))
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.part);
    }
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn find<'a>(
    report: &'a VerifiedReport,
    which: &Which<'_>,
) -> Result<&'a VerifiedFile, Box<dyn Error>> {
    let place = which.message.checked_sub(1);
    let message = place.and_then(|place| report.messages().get(place));
    let message = message.ok_or_else(|| format!("the report has no message {}", which.message))?;
    let mut files = message.files().iter();
    let file = files.find(|file| file.part() == which.part);
    let none = || {
        let Which { message, part, .. } = which;
        format!("part {part} of message {message} is not the description of a sealed file")
    };
    Ok(file.ok_or_else(none)?)
}

/// Says which bytes are those of the file. Only numbers are printed, and nothing of the sender's.
fn tell(ranges: &[Range<u64>], size: u64) {
    println!("size: {size} bytes");
    if size == 0 || ranges.contains(&(0..size)) {
        println!("verified: all of it");
        return;
    }
    for Range { start, end } in ranges {
        println!("verified: bytes {start} to {}", end.saturating_sub(1));
    }
    println!("withheld: all other bytes, which are zeros in the saved file");
    let _ = io::stdout().flush();
}

#[cfg(test)]
mod tests;
