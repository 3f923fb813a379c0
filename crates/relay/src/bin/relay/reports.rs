//! Reports: the relay accepts each report once, without reading it, and stores it for the reviewer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use waxseal_relay::{ErrorCode, ReportTaken, report_id_text};
use waxseal_reporting::Rejection;
use waxseal_reporting::intake::{AcceptError, Examined, Nullifier, ReportId, examine};
use waxseal_reporting::reporter::Report;

use crate::errors::Refusal;
use crate::extract::{BinaryBody, Device};
use crate::limits::{MAX_REPORT_BODY_LEN, MAX_REPORTS_BYTES};
use crate::state::{Account, Relay, now};

pub async fn submit(
    State(relay): State<Arc<Relay>>,
    device: Device,
    BinaryBody(bytes): BinaryBody<MAX_REPORT_BODY_LEN>,
) -> Result<(StatusCode, Json<ReportTaken>), Refusal> {
    let reporter = device.account;
    relay.limits.report(&reporter.me.account)?;
    let report = Report::decode(&bytes).map_err(|_| ErrorCode::Malformed)?;
    if *report.reporter() != reporter.me {
        return Err(ErrorCode::NotYourReport.into());
    }
    let digest = Sha256::digest(&bytes);
    // First step: all that needs no database.
    let examined = check(&relay, report, &reporter);
    let (database, relay) = (&relay.database, relay.clone());
    let taken = database
        .run(move |db| take(db, &relay, examined, &reporter, digest.as_slice()))
        .await?;
    let status = match taken.duplicate {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    Ok((status, Json(taken)))
}

fn check(relay: &Relay, report: Report, reporter: &Account) -> Result<Examined, Refusal> {
    // This relay's vault could not open the report. The app must fetch the card and seal the
    // report again.
    if report.moderation_key() != relay.moderation_key.id() {
        return Err(ErrorCode::OtherModerationKey.into());
    }
    let stamp_keys = relay.keys.stamp();
    examine(report, &stamp_keys, &reporter.delivery_key, now()).map_err(refused)
}

fn refused(rejection: Rejection) -> Refusal {
    Refusal {
        check: Some(rejection.check()),
        ..ErrorCode::ReportRefused.into()
    }
}

/// Second step: looks up what was reported before, and stores the report. The database thread takes
/// one report after another, so if two arrive at once, the second is checked against the first.
fn take(
    db: &Connection,
    relay: &Relay,
    examined: Result<Examined, Refusal>,
    reporter: &Account,
    digest: &[u8],
) -> Result<ReportTaken, Refusal> {
    let same = db
        .prepare("SELECT public_id FROM report WHERE digest = ?")?
        .query_row([digest], |row| row.get(0))
        .optional()?;
    // A report that was taken before stays taken, whatever would be said of it now.
    if let Some(report_id) = same {
        return Ok(ReportTaken {
            report_id,
            duplicate: true,
        });
    }
    let examined = examined?;
    let nullifiers = examined.nullifiers();
    let mut is_known = db.prepare("SELECT 1 FROM nullifier WHERE nullifier = ?")?;
    let known = nullifiers.iter();
    let known = known.map(|nullifier| is_known.exists([nullifier.as_bytes()]));
    let known: Vec<bool> = known.collect::<Result<_, _>>()?;
    // This relay has no groups, so no one was a member.
    let members = vec![false; examined.memberships().len()];
    let report_id = ReportId::generate(&mut rand::rng());
    let accepted = match examined.accept(report_id, &known, &members) {
        Ok(accepted) => accepted,
        Err(AcceptError::Rejected(Rejection::AlreadyReported)) => {
            return reported_before(db, nullifiers.first());
        }
        Err(AcceptError::Rejected(rejection)) => return Err(refused(rejection)),
        Err(error) => return Err(Refusal::internal(&error)),
    };

    let bytes = accepted.encode(&relay.keys.acceptance);
    let before: i64 = db
        .prepare("SELECT total_bytes FROM report ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let total_bytes = before.saturating_add(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    if total_bytes > MAX_REPORTS_BYTES {
        return Err(Refusal::retry_after(ErrorCode::RelayFull, 3_600));
    }
    let report_id = report_id_text(&report_id);
    let at_ms = accepted.accepted_at().as_millis();
    db.prepare(
        "INSERT INTO report (public_id, digest, reporter, accepted_at_ms, messages, accepted, total_bytes)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        report_id,
        digest,
        reporter.me.account.as_str(),
        i64::try_from(at_ms).unwrap_or(i64::MAX),
        accepted.report().claims().len(),
        bytes,
        total_bytes,
    ])?;
    let id = db.last_insert_rowid();
    for nullifier in nullifiers {
        // A nullifier marks a message as reported by this account. If an earlier report added the
        // same nullifier, it stays with that report.
        db.prepare("INSERT OR IGNORE INTO nullifier (nullifier, report) VALUES (?, ?)")?
            .execute(params![nullifier.as_bytes(), id])?;
    }
    Ok(ReportTaken {
        report_id,
        duplicate: false,
    })
}

/// Finds the earlier report in which this account already reported the first of these messages.
fn reported_before(db: &Connection, first: Option<&Nullifier>) -> Result<ReportTaken, Refusal> {
    let first = first.ok_or(ErrorCode::Malformed)?;
    let report_id = db
        .prepare(
            "SELECT public_id FROM report JOIN nullifier ON report.id = nullifier.report WHERE nullifier = ?",
        )?
        .query_row([first.as_bytes()], |row| row.get(0))?;
    Ok(ReportTaken {
        report_id,
        duplicate: true,
    })
}
