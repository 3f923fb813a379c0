//! Holds: orders to keep the content of a case.

use rand_core::CryptoRng;
use waxseal_log::entry::{Event, Number};
use waxseal_reporting::Timestamp;

use crate::acts::read_text;
use crate::case::MAX_OF_CASE;
use crate::codec::{Reader, put_medium};
use crate::desk::{Desk, detail};
use crate::error::{DeskError, Refused};
use crate::ids::CaseId;
use crate::officer::{Act, ActKind, Signed};
use crate::store::{CaseRow, HoldRow, Store};

/// Maximum length of the statement of a hold, in bytes.
pub const MAX_HOLD_STATEMENT_LEN: usize = 4_000;

/// An officer places a hold on a case, or lifts one.
///
/// The body of the act is `id 16 || case 16 || lift u8 || 00, or 01 and legal request 16 ||
/// medium(statement)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The hold. Drawn by the officer who places it.
    pub id: Number,
    /// The case.
    pub case: CaseId,
    /// Whether this lifts the hold.
    pub lift: bool,
    /// The legal request that demands it.
    pub request: Option<Number>,
    /// Why.
    pub statement: String,
}

impl Act for Hold {
    const KIND: ActKind = ActKind::Hold;

    fn encode(&self) -> Vec<u8> {
        let mut out = self.id.as_bytes().to_vec();
        out.extend_from_slice(self.case.as_bytes());
        out.push(u8::from(self.lift));
        out.push(u8::from(self.request.is_some()));
        if let Some(request) = &self.request {
            out.extend_from_slice(request.as_bytes());
        }
        put_medium(&mut out, self.statement.as_bytes());
        out
    }

    fn decode(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let hold = Self {
            id: Number::from_bytes(reader.array()?),
            case: CaseId::from_bytes(reader.array()?),
            lift: reader.flag()?,
            request: match reader.flag()? {
                true => Some(Number::from_bytes(reader.array()?)),
                false => None,
            },
            statement: read_text(reader.medium()?, MAX_HOLD_STATEMENT_LEN)?,
        };
        reader.finish()?;
        Some(hold)
    }
}

impl<S: Store> Desk<S> {
    /// Places a hold on a case, or lifts one. A case can have several. Its content is kept until
    /// all are lifted.
    ///
    /// # Errors
    /// [`Refused::NoCase`], [`Refused::NoRequest`], [`Refused::Hold`] if a hold with this number
    /// exists already, or is not there to be lifted, [`Refused`] for the checks of the act, or the
    /// store's.
    pub fn hold(
        &mut self,
        signed: &Signed<Hold>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        let act = self.authorise(signed, now)?;
        let case = self
            .store
            .case(act.case.as_bytes())?
            .ok_or(Refused::NoCase)?;
        let before = self.store.hold(act.id.as_bytes())?;
        let holds = self.store.holds(&case.id, MAX_OF_CASE)?;
        let mut batch = self.begin(now);
        let event = if act.lift {
            // CHK-223: a hold is placed once, on a case that it names, and lifted once.
            let is = |hold: &HoldRow| hold.case_id == case.id && hold.lifted_at_ms.is_none();
            let old = before.filter(is).ok_or(Refused::Hold)?;
            let new = HoldRow {
                lifted_at_ms: Some(now.as_millis()),
                ..old.clone()
            };
            batch.swap(old, new);
            Event::HoldLifted
        } else {
            // Its id names nothing else in the log.
            let is_taken = before.is_some() || self.is_number_taken(act.id.as_bytes())?;
            if is_taken || holds.len() >= MAX_OF_CASE {
                return Err(Refused::Hold.into());
            }
            if let Some(request) = &act.request {
                self.store
                    .legal_request(request.as_bytes())?
                    .ok_or(Refused::NoRequest)?;
            }
            batch.add(hold_row(&act, signed, now));
            Event::HoldPlaced
        };
        batch.log(act.id, event, detail(case.id.to_vec(), rng)?);
        let others = |hold: &HoldRow| hold.id != *act.id.as_bytes() && hold.lifted_at_ms.is_none();
        let is_held = !act.lift || holds.iter().any(others);
        let new = CaseRow {
            is_held,
            ..case.clone()
        };
        batch.swap(case, new);
        let kind = if act.lift { "lift" } else { "hold" };
        self.keep_act(&mut batch, kind, act.id.as_bytes(), signed)?;
        self.commit(batch)
    }
}

fn hold_row(act: &Hold, signed: &Signed<Hold>, now: Timestamp) -> HoldRow {
    HoldRow {
        id: *act.id.as_bytes(),
        number: *act.id.as_bytes(),
        case_id: *act.case.as_bytes(),
        legal_id: act.request.map(|request| *request.as_bytes()),
        statement: act.statement.clone(),
        officer: *signed.officer().as_bytes(),
        placed_at_ms: now.as_millis(),
        lifted_at_ms: None,
    }
}

#[cfg(test)]
mod tests;
