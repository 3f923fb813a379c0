//! The register of legal requests: what was asked on which basis, what was produced, and what could
//! not be, because the provider does not have it.

use rand_core::CryptoRng;
use waxseal_log::entry::{Event, LegalBasis, LegalOutcome, Number};
use waxseal_reporting::Timestamp;

use crate::acts::read_text;
use crate::codec::{Reader, put_long, put_medium};
use crate::desk::{Desk, detail};
use crate::error::{DeskError, Refused};
use crate::officer::{Act, ActKind, Signed};
use crate::store::{LegalRow, Store};
use crate::{hash, labels};

/// Maximum length of the name of an authority, with the reference of its request, in bytes.
pub const MAX_AUTHORITY_LEN: usize = 1_024;
/// Maximum length of what an authority asked for, in bytes.
pub const MAX_ASKED_LEN: usize = 16_384;
/// Maximum length of each text of an answer, in bytes.
pub const MAX_ANSWER_LEN: usize = 4_000;

/// What an authority asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalRequest {
    /// On what basis.
    pub basis: LegalBasis,
    /// Who asks, with the reference of the request.
    pub authority: String,
    /// What is asked for.
    pub asked: String,
}

/// An officer answers a legal request.
///
/// The body of the act is `request 16 || outcome u8 || items be32 || medium(produced) ||
/// medium(not held)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalAnswer {
    /// The request.
    pub request: Number,
    /// How it is answered.
    pub outcome: LegalOutcome,
    /// Number of items that were produced.
    pub items: u32,
    /// What was produced.
    pub produced: String,
    /// What could not be produced, because the provider does not have it.
    pub not_held: String,
}

impl Act for LegalAnswer {
    const KIND: ActKind = ActKind::LegalAnswer;

    fn encode(&self) -> Vec<u8> {
        let mut out = self.request.as_bytes().to_vec();
        out.push(self.outcome.number());
        out.extend_from_slice(&self.items.to_be_bytes());
        put_medium(&mut out, self.produced.as_bytes());
        put_medium(&mut out, self.not_held.as_bytes());
        out
    }

    fn decode(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let answer = Self {
            request: Number::from_bytes(reader.array()?),
            outcome: LegalOutcome::from_number(reader.u8()?)?,
            items: reader.u32()?,
            produced: read_text(reader.medium()?, MAX_ANSWER_LEN)?,
            not_held: read_text(reader.medium()?, MAX_ANSWER_LEN)?,
        };
        reader.finish()?;
        Some(answer)
    }
}

impl<S: Store> Desk<S> {
    /// Enters a legal request into the register, and returns its number.
    ///
    /// # Errors
    /// [`Refused::TooLong`], or the store's.
    pub fn legal_request(
        &mut self,
        request: &LegalRequest,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Number, DeskError> {
        if request.authority.len() > MAX_AUTHORITY_LEN || request.asked.len() > MAX_ASKED_LEN {
            return Err(Refused::TooLong.into());
        }
        let number = Number::generate(rng);
        let row = LegalRow {
            id: *number.as_bytes(),
            number: *number.as_bytes(),
            basis: request.basis.number(),
            authority: request.authority.clone(),
            asked: request.asked.clone(),
            received_at_ms: now.as_millis(),
            outcome: None,
            items: 0,
            produced: None,
            not_held: None,
            officer: None,
            answered_at_ms: None,
        };
        let mut batch = self.begin(now);
        let event = Event::LegalRequestReceived {
            basis: request.basis,
        };
        batch.log(number, event, detail(request_digest(&row).to_vec(), rng)?);
        batch.add(row);
        self.commit(batch)?;
        Ok(number)
    }

    /// Enters the answer to a legal request, once.
    ///
    /// # Errors
    /// [`Refused::NoRequest`], [`Refused::AlreadyAnswered`], [`Refused`] for the checks of the act,
    /// or the store's.
    pub fn answer_request(
        &mut self,
        signed: &Signed<LegalAnswer>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        let answer = self.authorise(signed, now)?;
        let id = answer.request.as_bytes();
        let old = self.store.legal_request(id)?.ok_or(Refused::NoRequest)?;
        // CHK-222: a legal request is answered once.
        if old.outcome.is_some() {
            return Err(Refused::AlreadyAnswered.into());
        }
        let mut batch = self.begin(now);
        let event = Event::LegalRequestAnswered {
            outcome: answer.outcome,
            items: answer.items,
        };
        let digest = hash::digest(labels::SIGNED_ACT, &[&signed.encode()]);
        batch.log(answer.request, event, detail(digest.to_vec(), rng)?);
        let new = LegalRow {
            outcome: Some(answer.outcome.number()),
            items: answer.items,
            produced: Some(answer.produced.clone()),
            not_held: Some(answer.not_held.clone()),
            officer: Some(*signed.officer().as_bytes()),
            answered_at_ms: Some(now.as_millis()),
            ..old.clone()
        };
        batch.swap(old, new);
        self.keep_act(&mut batch, "answer", id, signed)?;
        self.commit(batch)
    }
}

/// What the entry `legal_request_received` is about.
///
/// ```text
/// SHA-256("waxseal/desk/1/legal-request" || id 16 || basis u8 || medium(authority) || long(asked)
///     || received be64)
/// ```
pub(crate) fn request_digest(row: &LegalRow) -> [u8; 32] {
    let mut out = row.id.to_vec();
    out.push(row.basis);
    put_medium(&mut out, row.authority.as_bytes());
    put_long(&mut out, row.asked.as_bytes());
    out.extend_from_slice(&row.received_at_ms.to_be_bytes());
    hash::digest(labels::LEGAL_REQUEST, &[&out])
}

#[cfg(test)]
mod tests;
