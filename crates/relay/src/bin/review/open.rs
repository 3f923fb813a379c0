//! `open`: has the vault open a report, verifies it and shows it. Shows nothing of a report that
//! does not verify.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use waxseal_interface::parse_report_id;
use waxseal_relay::{OpenRequest, VaultError, ask_vault};
use waxseal_reporting::Rejection;
use waxseal_reporting::reviewer::{VerifiedReport, review};

use crate::Reviewer;
use crate::json::printable_json;
use crate::kept::Kept;
use crate::show_json::as_json;
use crate::show_text::show;
use crate::text::printable;

/// What became of a report that was opened.
pub enum Reviewed {
    Verified(Box<VerifiedReport>),
    Rejected(Rejected),
}

/// Opens a report. Prints the reason and returns failure if the report does not verify.
pub fn open(
    reviewer: &Reviewer,
    vault: &Path,
    report_id: &str,
    json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    match reviewed(reviewer, vault, report_id)? {
        Reviewed::Verified(verified) => {
            let kept = Kept::of(reviewer, report_id, &verified)?;
            match json {
                true => println!("{}", printable_json(&as_json(report_id, &verified, &kept))?),
                false => show(report_id, &verified, &kept),
            }
            Ok(ExitCode::SUCCESS)
        }
        Reviewed::Rejected(rejected) => {
            match json {
                true => println!("{}", printable_json(&rejected.as_json(report_id))?),
                false => println!("{}", rejected.as_text(report_id)),
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Has the vault open a report and verifies it. Tells the relay if it does not verify.
pub fn reviewed(
    reviewer: &Reviewer,
    vault: &Path,
    report_id: &str,
) -> Result<Reviewed, Box<dyn Error>> {
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
    let rejected = match reviewed {
        Ok(verified) => return Ok(Reviewed::Verified(Box::new(verified))),
        Err(rejected) => rejected,
    };
    // A report sealed to another moderation key is not marked as rejected, because that is not the
    // reporter's fault, and the vault may get the key.
    if rejected.check == Rejection::OtherModerationKey.check() {
        eprintln!(
            "review: give the vault its earlier key files (--old-key), or if they are lost, run \
             `review unreadable`: the reporter's app then seals the report again"
        );
    } else {
        relay.report_rejected(session, report_id, rejected.check)?;
    }
    Ok(Reviewed::Rejected(rejected))
}

/// Why a report does not verify: the vault's finding, or the reviewer's own.
pub struct Rejected {
    check: u8,
    reason: String,
}

impl Rejected {
    pub fn as_text(&self, report_id: &str) -> String {
        let (check, reason) = (self.check, printable(&self.reason));
        format!("report {report_id}\nverified: false\nreason: CHK-{check}, {reason}")
    }

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
