//! The outbox: what exports send waits here until its target takes it.
//!
//! ```text
//!              export            taken
//!   (nothing) ────────► waiting ────────► taken
//!                        │   ▲
//!                  later └───┘ ────────► given up
//!                                refused, too many tries, or the case was erased
//! ```
//!
//! [`Desk::export`] writes the entry `exported`, with the digest of what leaves, and the bytes
//! themselves in one step. So nothing leaves without an entry, and no entry lacks its bytes.
//!
//! After a crash an export is still due, and is sent again: with the same bytes, and under the same
//! identifier, by which the target can tell that it has it already.

use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use waxseal_log::entry::{Event, Number};
use waxseal_reporting::Timestamp;

use crate::case::MAX_OF_CASE;
use crate::desk::{Batch, Desk, detail};
use crate::error::{DeskError, Refused};
use crate::export::Form;
use crate::export::coop::{Callback, NamedItem};
use crate::ids::{CaseId, OfficerId};
use crate::policy::Roles;
use crate::records::{export_digest, export_meta};
use crate::store::limits::{MAX_ANSWER_LEN, MAX_EXPORT_LEN, MAX_LISTED, MAX_TEXT_LEN};
use crate::store::{
    CallbackList, CallbackRow, CaseStatus, Change, ExportList, ExportRow, ExportState, Key,
    OutboxRow, Store,
};

/// How often an export is tried: over 68.5 hours, with [`pause_ms`] between tries.
pub const MAX_TRIES: u32 = 20;
/// Maximum number of exports of a case. Bounds what an erasure changes at once.
pub const MAX_EXPORTS: usize = 100;

/// An export that an officer asks for.
#[derive(Clone, Copy, Debug)]
pub struct NewExport<'a> {
    /// The case.
    pub case: CaseId,
    /// In which form.
    pub form: Form,
    /// Who asks.
    pub officer: OfficerId,
    /// What leaves, byte for byte.
    pub body: &'a [u8],
}

/// What came of one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The target has it.
    Taken,
    /// The target does not answer, or is busy. Try again later.
    Later,
    /// The target does not want it, and will not.
    Refused,
}

/// How long to wait after this many tries: one minute, then twice as long each time, at most six
/// hours.
pub fn pause_ms(tries: u32) -> u64 {
    let minutes = 1_u64.checked_shl(tries.saturating_sub(1)).unwrap_or(360);
    minutes.min(360).saturating_mul(60_000)
}

impl<S: Store> Desk<S> {
    /// Enters an export and puts it into the outbox. Returns its identifier, which is the number of
    /// its entry.
    ///
    /// # Errors
    /// [`Refused::NotAllowed`] if the officer may not decide cases, [`Refused::NoCase`],
    /// [`Refused::Erased`], [`Refused::TooLong`] if the body or the list of exports is too long,
    /// [`Refused::AlreadyStated`], or the store's.
    pub fn export(
        &mut self,
        export: &NewExport<'_>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<[u8; 16], DeskError> {
        // CHK-680: an officer of the policy in force who may decide asks for it.
        if !self.in_force()?.has_roles(&export.officer, Roles::DECIDE) {
            return Err(Refused::NotAllowed.into());
        }
        let case_id = *export.case.as_bytes();
        let case = self.store.case(&case_id)?.ok_or(Refused::NoCase)?;
        if case.status == CaseStatus::Closed {
            return Err(Refused::Erased.into());
        }
        let listed = self
            .store
            .exports(&ExportList::OfCase(case_id), MAX_LISTED)?;
        if export.body.len() > MAX_EXPORT_LEN || listed.len() >= MAX_EXPORTS {
            return Err(Refused::TooLong.into());
        }
        // CHK-697: there is one statement of reasons for a decision.
        let is_there = |row: &ExportRow| row.state != ExportState::GivenUp;
        if export.form == Form::Dsa
            && self
                .statements(&case_id, self.log_size())?
                .iter()
                .any(is_there)
        {
            return Err(Refused::AlreadyStated.into());
        }
        let (number, target) = (Number::generate(rng), export.form.target());
        let id = *number.as_bytes();
        let digest = export_digest(export.body);
        let mut batch = self.begin(now);
        let detail = detail(digest.to_vec(), rng)?;
        let logged = batch.log(number, Event::Exported { target }, detail);
        batch.add(export_meta(&export.case, target, now, &number, &digest));
        batch.add(ExportRow {
            id,
            case_id,
            form: export.form.number(),
            officer: *export.officer.as_bytes(),
            log_index: logged.index,
            made_at_ms: now.as_millis(),
            state: ExportState::Waiting,
            tries: 0,
            next_try_at_ms: Some(now.as_millis()),
            ended_at_ms: None,
            answer: String::new(),
        });
        let body = export.body.to_vec();
        batch.add(OutboxRow {
            export_id: id,
            body,
        });
        // The case is as it was read: it was not erased meanwhile.
        batch.change(Change::unchanged(case));
        self.commit(batch)?;
        Ok(id)
    }

    /// Whether no other statement of reasons was made before this one for the same decision.
    ///
    /// # Errors
    /// The store's.
    pub fn is_first_statement(&self, export: &ExportRow) -> Result<bool, DeskError> {
        Ok(self
            .statements(&export.case_id, export.log_index)?
            .is_empty())
    }

    /// The statements of reasons that were made before this index of the log for the decision that
    /// stood then.
    fn statements(&self, case: &[u8; 16], before: u64) -> Result<Vec<ExportRow>, DeskError> {
        let decisions = self.store.decisions(case, MAX_OF_CASE)?;
        let decided = decisions.iter().map(|decision| decision.log_index);
        let decided = decided.filter(|index| *index < before).max().unwrap_or(0);
        let mut exports = self.store.exports(&ExportList::OfCase(*case), MAX_LISTED)?;
        exports.retain(|export| {
            export.form == Form::Dsa.number() && (decided..before).contains(&export.log_index)
        });
        Ok(exports)
    }

    /// Exports that are to be tried now, the earliest first.
    ///
    /// # Errors
    /// The store's.
    pub fn due_exports(&self, now: Timestamp, limit: usize) -> Result<Vec<ExportRow>, DeskError> {
        let list = ExportList::DueBy(now.as_millis());
        Ok(self.store.exports(&list, limit)?)
    }

    /// Enters what came of a try. `answer` is what the target said; it is cut to
    /// [`MAX_ANSWER_LEN`]. Once an export is taken or given up, its bytes are removed.
    ///
    /// # Errors
    /// [`Refused::NoExport`] if no such export waits, or the store's.
    pub fn export_tried(
        &mut self,
        id: &[u8; 16],
        tried: Tried,
        answer: &str,
        now: Timestamp,
    ) -> Result<ExportState, DeskError> {
        let old = self.store.export(id)?;
        // CHK-682: an export ends once, and only one that waits is tried.
        let old = old.filter(|old| old.state == ExportState::Waiting);
        let old = old.ok_or(Refused::NoExport)?;
        let tries = old.tries.saturating_add(1);
        let state = match tried {
            Tried::Taken => ExportState::Taken,
            Tried::Later if tries < MAX_TRIES => ExportState::Waiting,
            Tried::Later | Tried::Refused => ExportState::GivenUp,
        };
        let is_over = state != ExportState::Waiting;
        let next = now.as_millis().saturating_add(pause_ms(tries));
        let new = ExportRow {
            state,
            tries,
            next_try_at_ms: (!is_over).then_some(next),
            ended_at_ms: is_over.then_some(now.as_millis()),
            answer: cut(answer).to_owned(),
            ..old.clone()
        };
        let mut batch = self.begin(now);
        batch.swap(old, new);
        if is_over {
            batch.change(Change::Remove(Key::Outbox(*id)));
        }
        self.commit(batch)?;
        Ok(state)
    }

    /// Keeps what a target said later about a case. Returns whether it is new. Nothing follows from
    /// it: officers read it, and decide. Of what names no case that is there, only the digest is
    /// kept: no erasure would ever find it.
    ///
    /// The caller must have verified who said it.
    ///
    /// # Errors
    /// [`Refused::TooLong`], or the store's.
    pub fn called_back(
        &mut self,
        case: Option<CaseId>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<bool, DeskError> {
        if body.is_empty() || body.len() > MAX_TEXT_LEN {
            return Err(Refused::TooLong.into());
        }
        let digest: [u8; 32] = Sha256::digest(body).into();
        // CHK-692: what was said before is not kept again, also after its text was erased.
        if self.store.callback(&digest)?.is_some() {
            return Ok(false);
        }
        let mut batch = self.begin(now);
        let mut kept = Vec::new();
        // CHK-698: what is kept of a callback is erased with its case.
        if let Some(case) = &case {
            let case = self.store.case(case.as_bytes())?.ok_or(Refused::NoCase)?;
            if case.status != CaseStatus::Closed {
                kept.extend_from_slice(body);
            }
            batch.change(Change::unchanged(case));
        }
        batch.add(CallbackRow {
            digest,
            case_id: case.map(|case| *case.as_bytes()),
            body: kept,
            received_at_ms: now.as_millis(),
        });
        self.commit(batch)?;
        Ok(true)
    }

    /// The case that a callback of Coop is about, if it names one: by a message that was sent, by
    /// an account, or by an appeal.
    ///
    /// # Errors
    /// The store's.
    pub fn case_of_callback(&self, callback: &Callback) -> Result<Option<CaseId>, DeskError> {
        let id = match callback {
            Callback::Action { item, .. } => match item {
                NamedItem::Message { report, id } => match self.store.report(report)? {
                    Some(row) => row.case_id,
                    None => self.newest_case(id)?,
                },
                NamedItem::Other(account) => self.newest_case(account)?,
            },
            Callback::Appeal { appeal, .. } => {
                let appeal = self.store.appeal(appeal.as_bytes())?;
                appeal.map(|appeal| appeal.case_id)
            }
        };
        Ok(id.map(CaseId::from_bytes))
    }

    fn newest_case(&self, account: &str) -> Result<Option<[u8; 16]>, DeskError> {
        let newest = self.store.cases_of(account, 1)?.pop();
        Ok(newest.map(|case| case.id))
    }

    /// Erases what exports and callbacks say about a case. What waits is given up.
    pub(crate) fn erase_exports(
        &self,
        batch: &mut Batch,
        case: &[u8; 16],
    ) -> Result<(), DeskError> {
        for old in self.store.exports(&ExportList::OfCase(*case), MAX_LISTED)? {
            let mut new = ExportRow {
                answer: String::new(),
                ..old.clone()
            };
            if old.state == ExportState::Waiting {
                new.state = ExportState::GivenUp;
                new.next_try_at_ms = None;
                new.ended_at_ms = Some(batch.now.as_millis());
                batch.change(Change::Remove(Key::Outbox(old.id)));
            }
            batch.swap(old, new);
        }
        for old in self
            .store
            .callbacks(&CallbackList::OfCase(*case), MAX_LISTED)?
        {
            let new = CallbackRow {
                body: Vec::new(),
                ..old.clone()
            };
            batch.swap(old, new);
        }
        Ok(())
    }
}

/// The start of an answer.
fn cut(answer: &str) -> &str {
    let mut len = answer.len().min(MAX_ANSWER_LEN);
    while !answer.is_char_boundary(len) {
        len = len.saturating_sub(1);
    }
    answer.get(..len).unwrap_or_default()
}

#[cfg(test)]
mod tests;
