//! Notices of decisions: fetched from the desk, and kept for the accounts that are told.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use waxseal_relay::desk::{DeskClient, DeskError, NoticeItem, NoticeSent, Notices, read_json};
use waxseal_relay::system_rng;

use super::client::Desk;
use super::proven_ms;
use crate::errors::Refusal;
use crate::state::Relay;
use crate::store::{Connection, notices};

/// The number of the side of an account that was decided against.
pub const ACCOUNT: u8 = 2;

/// Maximum number of parts in which a notice comes.
const MAX_PARTS: usize = 10_000;

/// Fetches the keys of the log, and the notices that wait at the desk. One that cannot be kept
/// keeps no others back.
pub async fn fetch(relay: &Arc<Relay>, desk: &Desk) {
    let fetched = async {
        desk.fetch_keys(relay.clock()).await?;
        let notices = desk.get("/v1/notices".to_owned(), relay.clock()).await?;
        let Notices { notices } = read_json(&notices)?;
        for notice in notices {
            match take(relay, desk, notice).await {
                Err(error @ DeskError::Link(_)) => return Err(error),
                Err(error) => tracing::warn!(%error, "a notice could not be fetched"),
                Ok(()) => {}
            }
        }
        Ok::<_, DeskError>(())
    };
    if let Err(error) = fetched.await {
        tracing::warn!(%error, "the desk's notices could not be fetched");
    }
}

/// Keeps a notice for everyone who is told, and then tells the desk that it is kept.
async fn take(relay: &Arc<Relay>, desk: &Desk, notice: NoticeItem) -> Result<(), DeskError> {
    let (decision, side) = (notice.decision, notice.side);
    let at_ms = proven_ms(relay);
    let mut next = Some(notice);
    for _ in 0..MAX_PARTS {
        let Some(part) = next.take() else {
            break;
        };
        if (part.decision, part.side) != (decision, side) {
            return Err(DeskError::Malformed);
        }
        let after = part.next;
        let store = relay.store.run(move |db| keep(db, &part, at_ms));
        store.await.map_err(|_| DeskError::Malformed)?;
        if let Some(after) = after {
            let path = format!("/v1/notices/{decision}?after={after}");
            next = Some(read_json(&desk.get(path, relay.clock()).await?)?);
        }
    }
    // CHK-664: the desk enters a notice as sent only once everyone who is told has it.
    if next.is_some() {
        return Err(DeskError::Malformed);
    }
    let now = relay.now();
    let sent = NoticeSent { decision, side };
    let post = move |client: &DeskClient, key: &SigningKey| {
        client.post_json(key, "/v1/notices/sent", &sent, now, &mut system_rng())
    };
    desk.ask(&desk.patient, post).await.map(drop)
}

/// Writes a row for each account that is told. Of a notice that comes again, nothing is written.
fn keep(db: &Connection, notice: &NoticeItem, at_ms: i64) -> Result<(), Refusal> {
    let NoticeItem {
        decision,
        side,
        accounts,
        reports,
        next: _,
    } = notice;
    let is_account = *side == ACCOUNT;
    if !is_account && accounts.len() != reports.len() {
        return Err(Refusal::internal(
            &"a notice whose reports do not fit its accounts",
        ));
    }
    for (at, account) in accounts.iter().enumerate() {
        let report = reports.get(at).filter(|_| !is_account);
        let report = report.map_or_else(String::new, ToString::to_string);
        notices::keep(db, account, &decision.0, *side, &report, at_ms)?;
    }
    Ok(())
}
