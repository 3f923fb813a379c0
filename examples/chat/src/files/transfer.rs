//! Follows a file on its way, and says why it does not go on.

use waxseal::courier::{Event, FileFailure, Transfer, UploadId};

use super::bar::Bar;
use crate::failure::{Failure, TRY_LATER};
use crate::text::hex;

/// Takes what is told of a transfer. Returns whether the event is that.
pub fn is_about(
    event: &Event,
    transfer: Transfer,
    bar: &mut Bar,
    failed: &mut Option<FileFailure>,
) -> bool {
    match event {
        Event::FileProgress {
            transfer: told,
            done,
            of,
        } if *told == transfer => bar.show(*done, *of),
        Event::FileFailed {
            transfer: told,
            why,
        } if *told == transfer => *failed = Some(why.clone()),
        _ => return false,
    }
    true
}

/// Says why a file does not go on, and what to do.
pub fn not_now(why: &FileFailure) -> Failure {
    let again = "run the same command again";
    match why {
        FileFailure::Gone | FileFailure::Altered => Failure::new(why.to_string()),
        FileFailure::Quota
        | FileFailure::Lost
        | FileFailure::Target(_)
        | FileFailure::Source(_) => {
            Failure::with_code(TRY_LATER, format!("{why}: {again} when that has changed"))
        }
        _ => Failure::new(why.to_string()),
    }
}

pub fn changed(upload: UploadId) -> Failure {
    let id = hex(upload.as_bytes());
    Failure::new(format!(
        "the file changed since it was begun to send it: run `files --cancel {id}`, and send it anew"
    ))
}
