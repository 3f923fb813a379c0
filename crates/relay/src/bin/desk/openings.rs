//! Openings: `POST /v1/openings`. The officer who asked for a grant opens a report under it, once.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;
use waxseal_desk::grant::SignedGrant;
use waxseal_desk::ids::{AcceptedDigest, GrantId, OfficerId};
use waxseal_desk::store::{GrantState, Store as _};
use waxseal_desk::vault::VaultCalls as _;
use waxseal_relay::desk::{DeskCode, Open};
use waxseal_relay::system_rng;
use waxseal_reporting::intake::ReportId;

use crate::asks::{Ask, Shown};
use crate::clock::now;
use crate::errors::Refusal;
use crate::opened::{Begun, Key, Turn};
use crate::signed::{FromOfficer, json};
use crate::state::Server;
use crate::vault::Answered;

/// Opens a report. The answer is not stored anywhere: a second request needs a second opening.
pub async fn open(
    State(server): State<Arc<Server>>,
    asked: FromOfficer,
) -> Result<Response, Refusal> {
    let open: Open = json(&asked.body)?;
    let key = (open.grant.0, open.report.0);
    let (signed, digest) = may_open(&server, asked.officer, key).await?;
    let (caller, shown) = oneshot::channel();
    let _waits = match server.openings.begin(key) {
        Begun::ByOther => {
            let message = "the report is being opened under this grant; wait for the answer";
            return Err(Refusal::new(DeskCode::Conflict, message));
        }
        Begun::Waits(turn) => {
            let waits = Waits(server.clone(), key, turn);
            server.rounds.ask(Ask::ShowAgain(key, turn, caller))?;
            waits
        }
        Begun::First(turn) => {
            // It goes on if the caller hangs up, so that an entry of the log is not lost. Another
            // caller can ask once it is there.
            let waits = Waits(server.clone(), key, turn);
            let begin = begin(waits, signed, digest, caller);
            let begun = tokio::spawn(begin).await;
            begun.map_err(|error| Refusal::failed(&error))??
        }
    };
    let shown: Result<Shown, _> = shown.await;
    let view = shown.map_err(|_| Refusal::busy())??;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    // The bytes are wiped once they are sent.
    let body = axum::body::Bytes::from_owner(view);
    Ok((headers, body).into_response())
}

/// The grant, if it is in force and the officer asked for it, and the report as it names it.
async fn may_open(
    server: &Server,
    officer: OfficerId,
    (grant, report): Key,
) -> Result<(SignedGrant, AcceptedDigest), Refusal> {
    let read = server.readers.read(move |desk| {
        let row = desk.store().grant(&grant)?.ok_or_else(Refusal::not_found)?;
        // CHK-625: only the officer who asked for a grant opens under it.
        if row.requester != *officer.as_bytes() {
            let message = "only the officer who asked for a grant opens under it";
            return Err(Refusal::new(DeskCode::Refused, message));
        }
        if row.state != GrantState::Approved {
            let message = "the grant is not in force";
            return Err(Refusal::new(DeskCode::Refused, message));
        }
        let signed = SignedGrant::decode(&row.signed).map_err(|error| Refusal::failed(&error))?;
        let report = desk.store().report(&report)?;
        let digest = report.and_then(|report| report.accepted_digest);
        let digest = AcceptedDigest::from_bytes(digest.ok_or_else(Refusal::not_found)?);
        Ok((signed, digest))
    });
    read.await
}

/// A caller that waits for an opening. Once it is gone, another one can ask.
struct Waits(Arc<Server>, Key, Turn);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.openings.end(&self.1, self.2);
    }
}

async fn begin(
    waits: Waits,
    signed: SignedGrant,
    digest: AcceptedDigest,
    caller: oneshot::Sender<Shown>,
) -> Result<Waits, Refusal> {
    let Waits(server, key, turn) = &waits;
    let begun = enter(server, (*key, *turn), signed, digest, caller).await;
    if begun.is_err() {
        server.openings.forget(key, *turn);
    }
    begun.map(|()| waits)
}

/// Gets a challenge of the vault, and enters the opening in the log.
async fn enter(
    server: &Arc<Server>,
    (key, turn): (Key, Turn),
    signed: SignedGrant,
    digest: AcceptedDigest,
    caller: oneshot::Sender<Shown>,
) -> Result<(), Refusal> {
    let mut vault = server.vault.clone();
    let asked = signed.clone();
    let challenge = tokio::task::spawn_blocking(move || vault.challenge(&asked, &digest, now()));
    let challenge = challenge.await.map_err(|error| Refusal::failed(&error))?;
    let challenge = challenge.map_err(waxseal_desk::DeskError::from)?;
    let answered = Answered::Challenge(Box::new((signed, digest, challenge)));
    let (grant, report) = (GrantId::from_bytes(key.0), ReportId::from_bytes(key.1));
    let opening = server.office.act(move |desk, now| {
        desk.begin_opening(
            &grant,
            &report,
            &mut answered.clone(),
            now,
            &mut system_rng(),
        )
    });
    let opening = Box::new(opening.await?);
    server.rounds.ask(Ask::Show(opening, key, turn, caller))
}
