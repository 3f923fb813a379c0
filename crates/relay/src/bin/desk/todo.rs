//! What the relay is still to be told of reports: that the vault rejected one, or that its content
//! was erased.
//!
//! Each is a file, so that a crash loses none. It is written before the row changes, and the relay
//! is told only what the row says. To tell it twice does no harm.

use std::fs;
use std::path::PathBuf;

use waxseal_desk::sorting::is_to_wait;
use waxseal_desk::store::{ReportRow, Store as _};
use waxseal_interface::{ErrorCode, report_id_text};
use waxseal_relay::desk::Hex;
use waxseal_reporting::intake::ReportId;

use crate::errors::Refusal;
use crate::files::{Folder, Result, replace};
use crate::relay::RelayCalls;
use crate::state::Server;

/// The folder of these files. Their names are `REPORT.rejected-CHECK` and `REPORT.closed`.
pub struct Todo(PathBuf);

/// What the relay is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Rejected(u8),
    Closed,
}

impl Todo {
    pub fn open(folder: &Folder) -> Result<Self> {
        let path = folder.path("to-relay");
        fs::create_dir_all(&path).map_err(|error| crate::files::failed(&path, &error))?;
        Ok(Self(path))
    }

    /// The vault rejected this report.
    pub fn reject(&self, id: &ReportId, check: u8) {
        self.write(&format!("{}.rejected-{check}", Hex(*id.as_bytes())));
    }

    /// The content of this report was erased.
    pub fn close(&self, id: &ReportId) {
        self.write(&format!("{}.closed", Hex(*id.as_bytes())));
    }

    fn write(&self, name: &str) {
        if let Err(error) = replace(&self.0.join(name), 0o600, b"") {
            tracing::error!(
                error = error.to_string(),
                "the relay is not told of a report"
            );
        }
    }

    /// Tells the relay.
    pub fn work(&self, server: &Server) {
        let Some(relay_key) = server.relay_key.get() else {
            return;
        };
        let Ok(files) = fs::read_dir(&self.0) else {
            return;
        };
        for file in files.flatten() {
            let name = file.file_name();
            let Some((id, what)) = name.to_str().and_then(read) else {
                continue;
            };
            let row = server.readers.read_now(|desk| {
                let row = desk.store().report(id.as_bytes())?;
                server.folder.check_place(desk.store())?;
                Ok(row)
            });
            match is_so(row, what) {
                Ok(true) if !tell(&server.relay, relay_key, &id, what) => return,
                Ok(_) => {
                    let _ = fs::remove_file(file.path());
                }
                // The store does not say. The file stays until it does.
                Err(refusal) => {
                    tracing::warn!(
                        error = refusal.message,
                        "the relay was not told of a report"
                    );
                    return;
                }
            }
        }
    }
}

fn read(name: &str) -> Option<(ReportId, What)> {
    let (id, what) = name.split_once('.')?;
    let id: Hex<16> = id.parse().ok()?;
    let what = match what.strip_prefix("rejected-") {
        Some(check) => What::Rejected(check.parse().ok()?),
        None if what == "closed" => What::Closed,
        None => return None,
    };
    Some((ReportId::from_bytes(id.0), what))
}

/// Whether the store says so too. `row` is what it has of the report.
fn is_so(
    row: std::result::Result<Option<ReportRow>, Refusal>,
    what: What,
) -> std::result::Result<bool, Refusal> {
    Ok(row?.is_some_and(|row| says(&row, what)))
}

fn says(row: &ReportRow, what: What) -> bool {
    // CHK-629: the relay is told what the store says. A report that waits for another key or a
    // later version stays unsorted.
    match what {
        What::Rejected(check) if is_to_wait(check) => {
            row.reason.is_none() && row.rejected.is_none()
        }
        What::Rejected(check) => row.rejected == Some(check),
        What::Closed => row.is_erased,
    }
}

/// Returns whether the relay knows now.
fn tell(relay: &RelayCalls, relay_key: &[u8; 32], id: &ReportId, what: What) -> bool {
    let id = report_id_text(id);
    let told = relay.ask(relay_key, |client, session| match what {
        What::Rejected(check) => client.report_rejected(session, &id, check),
        What::Closed => client.close_report(session, &id),
    });
    match told {
        Ok(()) => true,
        // The relay has deleted it.
        Err(error) if error.code() == Some(ErrorCode::NoSuchReport) => true,
        Err(error) => {
            tracing::warn!(%error, "the relay was not told of a report");
            false
        }
    }
}

#[cfg(test)]
mod tests;
