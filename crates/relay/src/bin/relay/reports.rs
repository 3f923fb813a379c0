//! Reports: the relay accepts each report once, without reading it, and stores it for the reviewer.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use sha2::{Digest, Sha256};
use waxseal_interface::{ErrorCode, ReportState, ReportTaken, report_id_text};
use waxseal_log::report::ReportDigest;
use waxseal_relay::system_rng;
use waxseal_reporting::intake::{AcceptError, Examined, Nullifier, ReportId, examine};
use waxseal_reporting::relay::StampError;
use waxseal_reporting::reporter::Report;
use waxseal_reporting::{BlobId, Rejection};

use crate::blobs::holds;
use crate::errors::Refusal;
use crate::extract::{BinaryBody, Caller};
use crate::limits::{
    MAX_REPORT_BODY_LEN, MAX_REPORTS_A_DAY, MAX_REPORTS_BYTES, MAX_REPORTS_BYTES_OF_ONE,
    MAX_REPORTS_OF_ONE, MIN_REPORTERS,
};
use crate::reviewer::may_succeed_later;
use crate::state::{Device, Relay};
use crate::store::{Connection, members, reports};
use crate::{budgets, desk};

/// How long a reporter is told to wait when there is no room for its report.
const FULL_RETRY_SECS: u64 = 3_600;

/// One day, in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// How long a reporter is told to wait when the relay's clock seems to be wrong.
const TOO_EARLY_RETRY_SECS: u64 = 600;

pub async fn submit(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    BinaryBody(bytes): BinaryBody<MAX_REPORT_BODY_LEN>,
) -> Result<(StatusCode, Json<ReportTaken>), Refusal> {
    let reporter = caller.device;
    budgets::report(&relay, &reporter.me.account).await?;
    let report = Report::decode(&bytes).map_err(|_| ErrorCode::Malformed)?;
    if *report.reporter() != reporter.me {
        return Err(ErrorCode::NotYourReport.into());
    }
    let digest = Sha256::digest(&bytes);
    // The MAC does not count: it changes with the device's delivery key.
    let in_log = ReportDigest::of(&report.without_mac());
    let blobs: Vec<_> = report.blobs().iter().map(|named| named.blob).collect();
    // First step: all that needs no database.
    let examined = check(&relay, report, &reporter);
    let shared = relay.clone();
    let taken = relay
        .store
        .run(move |db| take(db, &shared, &examined, &reporter, digest.as_slice(), &blobs))
        .await;
    let (id, mut taken) = match taken {
        Ok(taken) => taken,
        Err(refusal) => return Err(with_promise(&relay, refusal, in_log).await),
    };
    // The report is taken, whether or not the desk answers.
    taken.promise = desk::promise(&relay, id, &in_log.number()).await;
    let status = match taken.duplicate {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    Ok((status, Json(taken)))
}

/// Adds the desk's promise to the refusal of a report that a check refused. A report has one
/// answer at the desk, by its digest. So there is no promise if the check decides nothing about it.
async fn with_promise(relay: &Arc<Relay>, refusal: Refusal, report: ReportDigest) -> Refusal {
    // The MAC is not in the digest: the same report with the right one can be accepted.
    let by_digest = |check: &u8| *check != Rejection::NotFromReporter.check();
    let promise = match (refusal.code, refusal.check.filter(by_digest)) {
        (ErrorCode::ReportRefused, Some(check)) => {
            desk::promise_of_refused(relay, report, check).await
        }
        _ => None,
    };
    Refusal { promise, ..refusal }
}

/// Tells a reporter what became of its report.
pub async fn state(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    Path(report_id): Path<String>,
) -> Result<Json<ReportState>, Refusal> {
    let reporter = caller.device.me.account.as_str().to_owned();
    let state = relay.store.run(move |db| {
        let state = reports::state(db, &report_id, &reporter)?;
        let reports::State {
            rejected,
            is_closed,
            is_deleted,
        } = state.ok_or(ErrorCode::NoSuchReport)?;
        // The relay has no content of a report that the desk has taken.
        let is_rejected = rejected.is_some_and(|check| !may_succeed_later(check));
        let has_ended = is_closed || is_deleted || is_rejected;
        Ok(match (rejected, has_ended) {
            (Some(check), _) if check == Rejection::OtherModerationKey.check() => {
                ReportState::Unreadable
            }
            (_, true) => ReportState::Ended,
            (_, false) => ReportState::Waiting,
        })
    });
    Ok(Json(state.await?))
}

/// First step. Returns also the epoch of the oldest stamp keys that were there meanwhile.
fn check(relay: &Relay, report: Report, reporter: &Device) -> Result<(Examined, u32), Refusal> {
    // This relay's vault could not open the report. The app must fetch the card and seal the
    // report again.
    if !relay.has_moderation_key(report.moderation_key()) {
        return Err(ErrorCode::OtherModerationKey.into());
    }
    // CHK-705: a relay that may not stamp may have keys that count as destroyed.
    relay.process.check(relay.time.reading())?;
    let stamp_keys = relay.keys.stamp();
    let examined = examine(report, &stamp_keys, &reporter.delivery_key, relay.now());
    Ok((examined.map_err(refused)?, stamp_keys.oldest_epoch()))
}

fn refused(rejection: Rejection) -> Refusal {
    // The reporter did nothing wrong: the relay's clock was ahead, or is behind now.
    if let Rejection::Stamp {
        cause: StampError::InTheFuture,
        ..
    } = rejection
    {
        return Refusal::retry_after(ErrorCode::ReportTooEarly, TOO_EARLY_RETRY_SECS);
    }
    let claim = match rejection {
        Rejection::Stamp {
            claim,
            cause: StampError::EpochUnknown,
        } => Some(claim),
        _ => None,
    };
    Refusal {
        check: Some(rejection.check()),
        claim,
        ..ErrorCode::ReportRefused.into()
    }
}

/// Second step: looks up what was reported before, and stores the report. Returns its row, or that
/// of the report before. The database takes one report after another, so if two arrive at once, the
/// second is checked against the first.
fn take(
    db: &Connection,
    relay: &Relay,
    examined: &Result<(Examined, u32), Refusal>,
    reporter: &Device,
    digest: &[u8],
    blobs: &[BlobId],
) -> Result<(i64, ReportTaken), Refusal> {
    let same = reports::same(db, digest)?;
    // A report that was taken before stays taken, whatever would be said of it now.
    if let Some(same) = same {
        return duplicate(db, same, blobs);
    }
    let (examined, oldest_epoch) = examined.clone()?;
    // CHK-711: keys can be destroyed between the two steps.
    relay.process.check_in(db, oldest_epoch)?;
    let nullifiers = examined.nullifiers();
    let known = nullifiers.iter();
    let known = known.map(|nullifier| reports::is_known(db, nullifier.as_bytes()));
    let known: Vec<bool> = known.collect::<Result<_, _>>()?;
    // The reporter was a member of the group when each message was accepted.
    let members = examined.memberships();
    let members = members.iter().map(|membership| {
        let account = &membership.member.account;
        members::was_member(db, &membership.group, account, membership.at)
    });
    let members: Vec<bool> = members.collect::<Result<_, _>>()?;
    let report_id = ReportId::generate(&mut system_rng());
    let accepted = match examined.accept(report_id, &known, &members) {
        Ok(accepted) => accepted,
        Err(AcceptError::Rejected(Rejection::AlreadyReported)) => {
            return reported_before(db, nullifiers.first(), blobs);
        }
        Err(AcceptError::Rejected(rejection)) => return Err(refused(rejection)),
        Err(error) => return Err(Refusal::internal(&error)),
    };

    let bytes = accepted.encode(relay.acceptance_key());
    let report_id = report_id_text(&report_id);
    let at_ms = i64::try_from(accepted.accepted_at().as_millis()).unwrap_or(i64::MAX);
    check_room(db, reporter.me.account.as_str(), bytes.len(), at_ms)?;
    let report = reports::Accepted {
        public_id: &report_id,
        digest,
        reporter: reporter.me.account.as_str(),
        at_ms,
        messages: accepted.report().claims().len(),
        content: &bytes,
    };
    let nullifiers = nullifiers
        .iter()
        .map(|nullifier| nullifier.as_bytes().as_slice());
    let id = reports::accept(db, &report, nullifiers)?;
    let room = &relay.blobs.room;
    let missing_blobs = holds::hold(db, id, reporter.account, blobs, room)?;
    let taken = ReportTaken {
        report_id,
        duplicate: false,
        missing_blobs,
        promise: None,
    };
    Ok((id, taken))
}

/// Checks the limits: no account can fill the space for reports, and neither can many.
fn check_room(db: &Connection, reporter: &str, len: usize, now_ms: i64) -> Result<(), Refusal> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let (_, all_bytes) = reports::waiting(db, "")?;
    let free = MAX_REPORTS_BYTES.saturating_sub(all_bytes);
    if len > free {
        return Err(Refusal::retry_after(ErrorCode::RelayFull, FULL_RETRY_SECS));
    }
    let (count, bytes) = reports::waiting(db, reporter)?;
    let most_bytes = MAX_REPORTS_BYTES_OF_ONE.min(free / MIN_REPORTERS);
    // Reports that were accepted while the clock was ahead do not count.
    let today = reports::count_between(db, reporter, now_ms.saturating_sub(DAY_MS), now_ms)?;
    if count >= MAX_REPORTS_OF_ONE
        || bytes.saturating_add(len) > most_bytes
        || today >= MAX_REPORTS_A_DAY
    {
        return Err(Refusal::retry_after(
            ErrorCode::TooManyReports,
            FULL_RETRY_SECS,
        ));
    }
    Ok(())
}

/// Finds the earlier report in which this account already reported the first of these messages, or
/// this account.
fn reported_before(
    db: &Connection,
    first: Option<&Nullifier>,
    blobs: &[BlobId],
) -> Result<(i64, ReportTaken), Refusal> {
    let first = first.ok_or(ErrorCode::Malformed)?;
    let earlier = reports::first_with(db, first.as_bytes())?;
    duplicate(db, earlier, blobs)
}

/// What is said of a report that was taken before: number and id.
fn duplicate(
    db: &Connection,
    (id, report_id): (i64, String),
    blobs: &[BlobId],
) -> Result<(i64, ReportTaken), Refusal> {
    let taken = ReportTaken {
        report_id,
        duplicate: true,
        missing_blobs: holds::missing(db, id, blobs)?,
        promise: None,
    };
    Ok((id, taken))
}

#[cfg(test)]
mod tests;
