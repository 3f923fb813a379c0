//! Reports on their way to the desk: each accepted one until the desk has promised its entry.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use waxseal_interface::parse_report_id;
use waxseal_log::entry::Number;
use waxseal_log::promise::Promise;
use waxseal_log::report::ReportDigest;
use waxseal_relay::desk::{DeskClient, DeskError, Hex, RefusedReport};
use waxseal_relay::system_rng;
use waxseal_reporting::intake::AcceptedReport;

use super::client::Desk;
use crate::errors::Refusal;
use crate::state::Relay;
use crate::store::{Connection, reports};

/// Maximum number of reports that one turn hands on.
const AT_ONCE: usize = 100;

/// Maximum number of reports that one turn looks at.
const LOOKED_AT: i64 = 10_000;

/// The desk's promise about the report in this row: the one that is kept, or the one that the desk
/// makes now. `None` if it does not answer in time, and if the promise is about another report than
/// the one with this number.
pub async fn promise(relay: &Arc<Relay>, id: i64, number: &Number) -> Option<Vec<u8>> {
    let desk = relay.desk().ok()?;
    let kept = relay.store.run(move |db| reports::promise(db, id));
    let promise = match kept.await.ok()? {
        Some(promise) => promise,
        None => hand_on(relay, desk, id).await.ok()??,
    };
    let is_about = Promise::decode(&promise).is_ok_and(|of| of.entry().number == *number);
    is_about.then_some(promise)
}

/// The desk's promise about a report that the intake refused by this check. `None` if the desk does
/// not answer in time.
pub async fn promise_of_refused(
    relay: &Arc<Relay>,
    digest: ReportDigest,
    check: u8,
) -> Option<Vec<u8>> {
    let desk = relay.desk().ok()?;
    let refused = RefusedReport {
        digest: Hex(*digest.as_bytes()),
        check,
    };
    let now = relay.clock();
    let post = move |client: &DeskClient, key: &SigningKey| {
        client.post_json(key, "/v1/intake/refused", &refused, now, &mut system_rng())
    };
    let answer = desk.ask(&desk.quick, post).await;
    match answer.and_then(|promise| about(promise, &digest)) {
        Ok(promise) => Some(promise),
        Err(error) => {
            tracing::warn!(%error, "the desk did not promise to log a refused report");
            None
        }
    }
}

/// Hands on reports that the desk has not answered yet, the oldest first, and goes on in the next
/// turn where this one ended. A report that the desk refuses waits longer each time.
pub async fn hand_on_all(relay: &Arc<Relay>, desk: &Desk) {
    let after = desk.turns.after();
    let read = relay
        .store
        .run(move |db| reports::without_promise(db, after, LOOKED_AT));
    let Ok(waiting) = read.await else {
        return;
    };
    let is_end = i64::try_from(waiting.len()).is_ok_and(|len| len < LOOKED_AT);
    let due: Vec<_> = waiting
        .iter()
        .filter(|id| desk.turns.is_due(**id))
        .collect();
    for id in due.iter().take(AT_ONCE) {
        match hand_on(relay, desk, **id).await {
            Ok(_) => desk.turns.answered(**id),
            Err(DeskError::Link(_)) => return,
            Err(_) => desk.turns.refused(**id),
        }
        desk.turns.go_on(**id);
    }
    match due.len() > AT_ONCE {
        true => {}
        false if is_end => desk.turns.begin_again(),
        false => waiting
            .last()
            .into_iter()
            .for_each(|id| desk.turns.go_on(*id)),
    }
}

/// Hands a report on, and keeps the desk's promise. `None` if it is not there any more.
///
/// After a crash, the report is handed on again, and the desk answers the same promise.
async fn hand_on(relay: &Arc<Relay>, desk: &Desk, id: i64) -> Result<Option<Vec<u8>>, DeskError> {
    let handed = async {
        let shared = relay.clone();
        let read = relay.store.run(move |db| read_report(db, &shared, id));
        let Some((digest, accepted)) = read.await.map_err(|_| DeskError::Malformed)? else {
            return Ok(None);
        };
        let now = relay.clock();
        let post = move |client: &DeskClient, key: &SigningKey| {
            client.post(key, "/v1/intake/accepted", accepted, now, &mut system_rng())
        };
        let promise = desk.ask(&desk.quick, post).await?;
        let promise = about(promise, &digest)?;
        let kept = promise.clone();
        let keep = relay.store.run(move |db| {
            // The desk has the report. The relay keeps the row, and the blobs that it names.
            reports::keep_promise(db, id, &kept)?;
            reports::promise(db, id)
        });
        keep.await.map_err(|_| DeskError::Malformed)
    };
    let handed = handed.await;
    if let Err(error) = &handed {
        tracing::warn!(%error, "a report waits to be handed on to the desk");
    }
    handed
}

/// The report in this row as the desk takes it, with its digest. `None` if its content was deleted.
fn read_report(
    db: &Connection,
    relay: &Relay,
    id: i64,
) -> Result<Option<(ReportDigest, Vec<u8>)>, Refusal> {
    let (public_id, accepted) = reports::content(db, id)?;
    if accepted.is_empty() {
        return Ok(None);
    }
    let damaged = || Refusal::internal(&"a stored report does not decode");
    let public_id = parse_report_id(&public_id).ok_or_else(damaged)?;
    let key = relay.acceptance_key();
    // Reports of the time before the desk are authenticated for another vault.
    let own = &relay.keys.acceptance;
    let keys = [key, &own.present].into_iter().chain(&own.old);
    let mut read = keys.filter_map(|key| AcceptedReport::decode(&accepted, key, &public_id).ok());
    let report = read.next().ok_or_else(damaged)?;
    let digest = ReportDigest::of(&report.report().without_mac());
    Ok(Some((digest, report.encode(key))))
}

/// Refuses a promise about another report than the one with this digest.
fn about(promise: Vec<u8>, digest: &ReportDigest) -> Result<Vec<u8>, DeskError> {
    let number = digest.number();
    match Promise::decode(&promise) {
        Ok(decoded) if decoded.entry().number == number => Ok(promise),
        _ => Err(DeskError::Malformed),
    }
}
