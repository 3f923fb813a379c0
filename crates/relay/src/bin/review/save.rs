//! `save`: fetches what a report shows of a file, verifies it, and writes it to a file of the
//! reviewer's own choice. It shows nothing of the content.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
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

    let failed = |error| format!("{}: {error}", out.display());
    // It overwrites nothing, and nobody else reads it.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut saved = options.open(out).map_err(failed)?;
    let opened = file.open(&mut blob, &mut saved).map_err(|error| {
        let cause = error.source().map(ToString::to_string);
        cause.map_or(error.to_string(), |cause| format!("{error}: {cause}"))
    });
    let ended = opened.and_then(|ranges| {
        let synced = saved
            .set_len(shape.size_bytes())
            .and_then(|()| saved.sync_all());
        synced.map(|()| ranges).map_err(failed)
    });
    match ended {
        Ok(ranges) => tell(&ranges, shape.size_bytes()),
        Err(error) => {
            drop(saved);
            fs::remove_file(out).map_err(failed)?;
            return Err(error.into());
        }
    }
    Ok(ExitCode::SUCCESS)
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
    let _ = std::io::stdout().flush();
}
