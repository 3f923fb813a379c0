//! Reports: the relay accepts each report once, without reading it, and stores it for the reviewer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use waxseal_relay::{ErrorCode, ReportTaken};
use waxseal_reporting::intake::{IntakeRecords, Nullifier, accept};
use waxseal_reporting::reporter::Report;
use waxseal_reporting::{ConversationId, DeviceAddress, Rejection, Timestamp};

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
    let (database, relay) = (&relay.database, relay.clone());
    let taken = database
        .run(move |db| take(db, &relay, report, &reporter, digest.as_slice()))
        .await?;
    let status = match taken.duplicate {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    Ok((status, Json(taken)))
}

/// Checks and stores a report. The database thread takes one report after another, so if two arrive
/// at once, the second is checked against the first.
fn take(
    db: &Connection,
    relay: &Relay,
    report: Report,
    reporter: &Account,
    digest: &[u8],
) -> Result<ReportTaken, Refusal> {
    let same = db
        .prepare("SELECT public_id FROM report WHERE digest = ?")?
        .query_row([digest], |row| row.get(0))
        .optional()?;
    if let Some(report_id) = same {
        return Ok(ReportTaken {
            report_id,
            duplicate: true,
        });
    }
    // This relay's reviewer could not open the report. The app must fetch the card and seal the
    // report again.
    if report.moderation_key() != relay.moderation_key.id() {
        return Err(ErrorCode::OtherModerationKey.into());
    }
    let first = report.claims().first();
    let first = first.map(|claim| Nullifier::new(claim, &reporter.me.account));
    let mut records = Records { db, failure: None };
    let accepted = accept(
        report,
        &relay.keys.stamp(),
        &reporter.delivery_key,
        now(),
        &mut records,
    );
    if let Some(failure) = records.failure {
        return Err(failure.into());
    }
    let accepted = match accepted {
        Ok(accepted) => accepted,
        Err(Rejection::AlreadyReported) => return reported_before(db, first),
        Err(rejection) => {
            return Err(Refusal {
                check: Some(rejection.check()),
                ..ErrorCode::ReportRefused.into()
            });
        }
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
    let report_id = format!("{:032x}", rand::random::<u128>());
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
    for nullifier in accepted.nullifiers() {
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
fn reported_before(db: &Connection, first: Option<Nullifier>) -> Result<ReportTaken, Refusal> {
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

struct Records<'a> {
    db: &'a Connection,
    /// The answers of [`IntakeRecords`] cannot say "the database failed", so the error is kept here
    /// and checked after the intake.
    failure: Option<rusqlite::Error>,
}

impl IntakeRecords for Records<'_> {
    fn was_reported(&mut self, nullifier: &Nullifier) -> bool {
        let found = self
            .db
            .prepare("SELECT 1 FROM nullifier WHERE nullifier = ?")
            .and_then(|mut known| known.exists([nullifier.as_bytes()]));
        found.unwrap_or_else(|error| {
            self.failure = Some(error);
            true
        })
    }

    fn is_member(&mut self, _: &ConversationId, _: &DeviceAddress, _: Timestamp) -> bool {
        false // This relay has no groups.
    }
}
