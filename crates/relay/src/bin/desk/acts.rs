//! What officers sign: grants, approvals, and all other acts. The library checks each against the
//! policy in force.
//!
//! An act can be sent again, as a new request, if the answer was lost. What it does is done once:
//! the second time the answer is `conflict` or `refused`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use rand_core::CryptoRng;
use waxseal_desk::appeal::AppealDecision;
use waxseal_desk::case::Assignment;
use waxseal_desk::decision::Decision;
use waxseal_desk::desk::Desk;
use waxseal_desk::emergency::EmergencyReview;
use waxseal_desk::grant::{Grant, GrantDenial};
use waxseal_desk::hold::Hold;
use waxseal_desk::ids::{GrantId, OfficerId};
use waxseal_desk::legal::LegalAnswer;
use waxseal_desk::officer::{Act, ActKind, Signed};
use waxseal_desk::store::Store as _;
use waxseal_desk::{DeskError, Refused};
use waxseal_log::entry::Entry;
use waxseal_log::tree::TreeHash;
use waxseal_relay::desk::{Done, Hex};
use waxseal_relay::system_rng;
use waxseal_reporting::Timestamp;

use crate::errors::Refusal;
use crate::files::AnyStore;
use crate::signed::{FromOfficer, Id};
use crate::state::Server;

/// `POST /v1/grants`: `long(grant) || signature 64`.
pub async fn request_grant(
    State(server): State<Arc<Server>>,
    asked: FromOfficer,
) -> Result<Json<Done>, Refusal> {
    let (grant, signature) = read_grant(&asked.body).ok_or_else(Refusal::malformed)?;
    check_officer(&asked.officer, &grant.terms().requester)?;
    let done = server.office.act(move |desk, now| {
        desk.request_grant(&grant, &signature, now, &mut system_rng())?;
        done(desk, true)
    });
    Ok(Json(done.await?))
}

fn read_grant(body: &[u8]) -> Option<(Grant, [u8; 64])> {
    let (len, rest) = body.split_first_chunk::<4>()?;
    let (grant, signature) = rest.split_last_chunk::<64>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    let grant = Some(grant).filter(|grant| grant.len() == len)?;
    Some((Grant::decode(grant).ok()?, *signature))
}

/// `POST /v1/grants/{id}/approval`: signature 64.
pub async fn approve_grant(
    State(server): State<Arc<Server>>,
    Id(id): Id<16>,
    asked: FromOfficer,
) -> Result<Json<Done>, Refusal> {
    let signature: Result<[u8; 64], _> = asked.body[..].try_into();
    let signature = signature.map_err(|_| Refusal::malformed())?;
    let id = GrantId::from_bytes(id);
    let officer = asked.officer;
    let done = server.office.act(move |desk, now| {
        let row = desk.store().grant(id.as_bytes())?;
        // The library checks that the signature is that of the named approver. Whoever asks must be
        // that officer too.
        let named = row.as_ref().and_then(|row| approver(&row.signed));
        if row.is_some() && named != Some(officer) {
            return Err(Refused::SameOfficer.into());
        }
        desk.approve_grant(&id, &signature, now, &mut system_rng())?;
        done(desk, true)
    });
    Ok(Json(done.await?))
}

/// The officer whom a stored grant names to approve it.
fn approver(signed: &[u8]) -> Option<OfficerId> {
    let (len, rest) = signed.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    Grant::decode(rest.get(..len)?).ok()?.terms().approver
}

/// `POST /v1/acts`: a signed act of any other kind.
pub async fn act(
    State(server): State<Arc<Server>>,
    asked: FromOfficer,
) -> Result<Json<Done>, Refusal> {
    let FromOfficer { officer, body } = asked;
    let kind = body.get(1).copied().unwrap_or_default();
    let is = |of: &ActKind| of.number() == kind;
    let kind = ActKind::ALL.into_iter().find(is);
    let (server, officer) = (&server, &officer);
    let done = match kind.ok_or_else(Refusal::malformed)? {
        ActKind::GrantDenial => {
            let denial = read::<GrantDenial>(&body, officer)?;
            let deny = move |desk: &mut _, now, rng: &mut _| {
                Desk::deny_grant(desk, &denial, now, rng).map(|()| None)
            };
            carry_out(server, deny, true).await
        }
        ActKind::Decision => {
            let decision = read::<Decision>(&body, officer)?;
            let decide = move |desk: &mut _, now, rng: &mut _| {
                Desk::decide(desk, &decision, now, rng).map(Some)
            };
            carry_out(server, decide, true).await
        }
        ActKind::AppealDecision => {
            let decision = read::<AppealDecision>(&body, officer)?;
            let decide = move |desk: &mut _, now, rng: &mut _| {
                Desk::decide_appeal(desk, &decision, now, rng).map(|_| None)
            };
            carry_out(server, decide, true).await
        }
        ActKind::EmergencyReview => {
            let review = read::<EmergencyReview>(&body, officer)?;
            let review = move |desk: &mut _, now, rng: &mut _| {
                Desk::review_emergency(desk, &review, now, rng).map(|()| None)
            };
            carry_out(server, review, true).await
        }
        ActKind::Assignment => {
            let assignment = read::<Assignment>(&body, officer)?;
            let assign = move |desk: &mut _, now, _: &mut _| {
                Desk::assign(desk, &assignment, now).map(|()| None)
            };
            carry_out(server, assign, false).await
        }
        ActKind::LegalAnswer => {
            let answer = read::<LegalAnswer>(&body, officer)?;
            let answer = move |desk: &mut _, now, rng: &mut _| {
                Desk::answer_request(desk, &answer, now, rng).map(|()| None)
            };
            carry_out(server, answer, true).await
        }
        ActKind::Hold => {
            let hold = read::<Hold>(&body, officer)?;
            let hold = move |desk: &mut _, now, rng: &mut _| {
                Desk::hold(desk, &hold, now, rng).map(|()| None)
            };
            carry_out(server, hold, true).await
        }
        _ => Err(Refusal::malformed()),
    };
    Ok(Json(done?))
}

fn read<T: Act>(body: &[u8], officer: &OfficerId) -> Result<Signed<T>, Refusal> {
    let signed = Signed::<T>::decode(body).map_err(|_| Refusal::malformed())?;
    check_officer(officer, signed.officer())?;
    Ok(signed)
}

fn check_officer(asks: &OfficerId, signed: &OfficerId) -> Result<(), Refusal> {
    // CHK-630: an act is that of the officer who asks.
    match asks == signed {
        true => Ok(()),
        false => Err(Refusal::not_signed()),
    }
}

type Rng = Box<dyn CryptoRng>;

async fn carry_out(
    server: &Server,
    act: impl Fn(&mut Desk<AnyStore>, Timestamp, &mut Rng) -> Result<Option<TreeHash>, DeskError>
    + Send
    + 'static,
    has_entry: bool,
) -> Result<Done, Refusal> {
    let done = server.office.act(move |desk, now| {
        let mut rng: Rng = Box::new(system_rng());
        let leaf = act(desk, now, &mut rng)?;
        let mut done = done(desk, has_entry)?;
        if let Some(leaf) = leaf {
            done.leaf = Some(Hex(*leaf.as_bytes()));
        }
        Ok(done)
    });
    done.await
}

/// What an act has done: its entry is the last one.
fn done(desk: &Desk<AnyStore>, has_entry: bool) -> Result<Done, DeskError> {
    let log_size = desk.log_size();
    let last = match log_size.checked_sub(1).filter(|_| has_entry) {
        Some(last) => desk.store().entry(last)?,
        None => None,
    };
    let entry = last.and_then(|row| Entry::decode(&row.entry).ok());
    let leaf = entry.map(|entry| Hex(*entry.leaf_hash().as_bytes()));
    Ok(Done { log_size, leaf })
}
