//! `open`: has the vault open a report, verifies it and shows it. Shows nothing of a report that
//! does not verify.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use waxseal_interface::parse_report_id;
use waxseal_relay::{OpenRequest, VaultError, ask_vault};
use waxseal_reporting::Rejection;
use waxseal_reporting::reviewer::review;

use crate::Reviewer;
use crate::json::printable_json;
use crate::show_json::as_json;
use crate::show_text::show;
use crate::text::printable;

/// Opens a report. Prints the reason and returns failure if the report does not verify.
pub fn open(
    reviewer: &Reviewer,
    vault: &Path,
    report_id: &str,
    json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    let (relay, session) = (&reviewer.relay, &reviewer.session);
    let id = parse_report_id(report_id).ok_or("a report id is 32 hex digits")?;
    // Both are sealed, so they are passed on unread.
    let request = OpenRequest {
        relay_key: reviewer.relay_key,
        acceptance_keys: relay.acceptance_keys(session)?,
        id,
        accepted: relay.accepted_report(session, report_id)?,
    };
    let reviewed = match ask_vault(vault, &request) {
        Ok(unsealed) => review(unsealed).map_err(|rejection| Rejected {
            check: rejection.check(),
            reason: rejection.to_string(),
        }),
        Err(VaultError::Rejected { check, reason }) => Err(Rejected { check, reason }),
        Err(error) => return Err(error.into()),
    };
    match reviewed {
        Ok(verified) if json => println!("{}", printable_json(&as_json(report_id, &verified))?),
        Ok(verified) => show(report_id, &verified),
        Err(rejected) => {
            // A report sealed to another moderation key is not marked as rejected, because that is
            // not the reporter's fault, and the vault may get the key.
            if rejected.check == Rejection::OtherModerationKey.check() {
                eprintln!(
                    "review: give the vault its earlier key files (--old-key), or if they are \
                     lost, run `review unreadable`: the reporter's app then seals the report again"
                );
            } else {
                relay.report_rejected(session, report_id, rejected.check)?;
            }
            if json {
                println!("{}", printable_json(&rejected.as_json(report_id))?);
            } else {
                let (check, reason) = (rejected.check, printable(&rejected.reason));
                println!("report {report_id}\nverified: false\nreason: CHK-{check}, {reason}");
            }
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Why a report does not verify: the vault's finding, or the reviewer's own.
struct Rejected {
    check: u8,
    reason: String,
}

impl Rejected {
    fn as_json(&self, report_id: &str) -> Value {
        json!({
            "report_id": report_id,
            "reason": null,
            "verified": false,
            "rejected": { "check": self.check, "message": self.reason },
            "note": null,
            "about_account": null,
            "messages": [],
        })
    }
}
