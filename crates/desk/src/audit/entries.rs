//! Finds the row of an entry, and checks that it says what the entry says.

use sha2::{Digest as _, Sha256};
use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::decision::{AppealDecisionDetail, AppealDetail};
use waxseal_log::entry::{Day, Detail, Entry, Event, PublishedPolicy};
use waxseal_log::note::Note;
use waxseal_log::promise::Promise;
use waxseal_log::tree::TreeHash;

use super::Auditor;
use crate::case::MAX_OF_CASE;
use crate::codec::Reader;
use crate::error::DeskError;
use crate::grant::SignedGrant;
use crate::ids::AcceptedDigest;
use crate::legal::request_digest;
use crate::policy::Policy;
use crate::records::epoch_digest;
use crate::store::limits::MAX_LISTED;
use crate::store::{
    AppealList, CaseStatus, EntryRow, GrantRow, GrantState, NoticeList, ReportRow, Store,
};

impl<S: Store> Auditor<'_, S> {
    /// The root of a checkpoint that the log signed.
    pub(super) fn root_of(&self, note: &Note) -> Option<TreeHash> {
        note.signed_by(self.desk.setup.keys.log()).ok()?;
        Some(*Checkpoint::decode(note.text()).ok()?.root())
    }

    /// The policy that an entry puts into force: document and signature are right, and it is newer
    /// than the one before (check 204).
    pub(super) fn published(
        &self,
        index: u64,
        published: &PublishedPolicy,
    ) -> Result<Option<Policy>, DeskError> {
        let keys = &self.desk.setup.keys;
        let row = self.desk.store.policy(published.version)?;
        let row = row.filter(|row| row.log_index == index && row.signature == published.signature);
        let policy = row.and_then(|row| Policy::decode(&row.document).ok());
        let is_signed = keys
            .policy()
            .is_some_and(|key| published.verify(keys.origin(), key).is_ok());
        let is_newer = |policy: &Policy| {
            let old = self.policy.as_ref();
            old.is_none_or(|old| old.version() < policy.version())
        };
        Ok(policy
            .filter(|policy| is_signed && policy.digest() == published.digest && is_newer(policy)))
    }

    /// Whether the detail of an entry may be gone: those with statements go with their case.
    pub(super) fn may_be_erased(&self, entry: &Entry) -> Result<bool, DeskError> {
        let case = self.desk.store.case_with_number(entry.number.as_bytes())?;
        let is_erased = case.is_some_and(|case| case.status == CaseStatus::Closed);
        let has_text = matches!(
            entry.event,
            Event::Decision { .. } | Event::AppealDecided { .. }
        );
        Ok(is_erased && has_text)
    }

    /// Whether a row says what an entry says. Checks the signatures of acts as well.
    pub(super) fn has_row(
        &mut self,
        row: &EntryRow,
        entry: &Entry,
        detail: Option<&Detail>,
    ) -> Result<bool, DeskError> {
        let bytes = detail.map(Detail::bytes).unwrap_or_default();
        let store = &self.desk.store;
        let number = entry.number.as_bytes();
        Ok(match &entry.event {
            Event::ReportReceived | Event::ReportRejected { .. } => {
                let report = store.report_with_number(number)?;
                report.is_some_and(|report| {
                    promised(&report) == Some(entry.leaf_hash()) && is_kept(&report, &entry.event)
                })
            }
            Event::ReportSorted { reason } => {
                let report = store.report_with_number(number)?;
                report.is_some_and(|report| {
                    report.reason == Some(reason.number()) && report.digest == bytes
                })
            }
            Event::ContentOpened { .. } => self.has_opening(row, entry, bytes)?,
            Event::GrantRequested { purpose }
            | Event::GrantApproved { purpose }
            | Event::GrantDenied { purpose }
            | Event::GrantExpired { purpose } => {
                let grant = store.grant(number)?.filter(|grant| grant.digest == bytes);
                let grant = grant.filter(|grant| grant.purpose == purpose.number());
                self.has_grant(entry, grant)?
            }
            Event::EmergencyReviewed { outcome } => {
                let grant = store.grant(number)?.filter(|grant| grant.digest == bytes);
                self.review_is_signed(grant.as_ref(), *outcome)?;
                grant.is_some_and(|grant| grant.review == Some(outcome.number()))
            }
            Event::EmergencyOverdue => {
                let grant = store.grant(number)?.filter(|grant| grant.digest == bytes);
                grant.is_some_and(|grant| grant.is_overdue)
            }
            Event::Decision { .. } => self.has_decision(row, entry, detail)?,
            Event::NoticeSent { side } => {
                let decision = bytes.first_chunk().copied().unwrap_or_default();
                let notices = store.notices(&NoticeList::OfDecision(decision), 2)?;
                let mut notices = notices.iter();
                notices.any(|one| {
                    one.side == side.number()
                        && one.recipient == *number
                        && one.log_index == Some(row.log_index)
                })
            }
            Event::AppealFiled { side } => {
                let said = detail.and_then(AppealDetail::decode);
                let appeal = store.appeal(entry.leaf_hash().as_bytes())?;
                appeal.zip(said).is_some_and(|(appeal, said)| {
                    let digest = |text: &String| said.text_digest == *Sha256::digest(text);
                    appeal.log_index == row.log_index
                        && appeal.case_id == *number
                        && appeal.side == side.number()
                        && appeal.decision == *said.decision.as_bytes()
                        && appeal.text.as_ref().is_none_or(digest)
                })
            }
            Event::AppealDecided { outcome, days } => {
                let said = detail.and_then(AppealDecisionDetail::decode);
                let appeals = store.appeals(&AppealList::OfCase(*number), None, MAX_OF_CASE)?;
                let is = |leaf: &[u8; 32]| {
                    said.as_ref()
                        .is_none_or(|said| said.appeal.as_bytes() == leaf)
                };
                let mut appeals = appeals.into_iter();
                let appeal = appeals.find(|appeal| {
                    is(&appeal.leaf_hash) && appeal.outcome == Some(outcome.number())
                });
                self.appeal_is_signed(row.log_index, appeal.as_ref(), said.as_ref())?;
                match appeal {
                    Some(appeal) => {
                        let index = row.log_index;
                        let again = said.is_some() && self.is_decided(number, &appeal, index)?;
                        !again && self.days_since(appeal.log_index)? == Some(*days)
                    }
                    None => false,
                }
            }
            Event::Exported { target } => self.has_export(row, entry, *target, bytes)?,
            Event::FileFetched => self.has_fetch(row, bytes)?,
            Event::LegalRequestReceived { basis } => {
                let request = store.legal_request(number)?;
                request.is_some_and(|request| {
                    request.basis == basis.number() && request_digest(&request) == bytes
                })
            }
            Event::LegalRequestAnswered { outcome, items } => {
                let request = store.legal_request(number)?;
                self.answer_is_signed(number, bytes)?;
                request.is_some_and(|request| {
                    request.outcome == Some(outcome.number()) && request.items == *items
                })
            }
            Event::HoldPlaced | Event::HoldLifted => {
                let lift = entry.event == Event::HoldLifted;
                let hold = store.hold(number)?.filter(|hold| hold.case_id == bytes);
                self.hold_is_signed(hold.as_ref(), lift)?;
                hold.is_some_and(|hold| hold.lifted_at_ms.is_some() || !lift)
            }
            Event::KeyEpochCreated { key } => {
                self.created.insert(bytes.to_vec()) && self.has_epoch(key.number(), bytes, false)?
            }
            Event::KeyEpochDestroyed { key } => {
                self.destroyed.insert(bytes.to_vec())
                    && self.has_epoch(key.number(), bytes, true)?
            }
            Event::PolicyPublished(published) => {
                bytes == published.digest.as_bytes()
                    && self.published(row.log_index, published)?.is_some()
            }
            Event::ContentErased => match store.case_with_number(number)? {
                Some(case) => self.is_erasure(row, &case, bytes)?,
                None => false,
            },
        })
    }

    /// Whether an opening is as its entry says, under a grant that officers signed.
    fn has_opening(
        &mut self,
        row: &EntryRow,
        entry: &Entry,
        bytes: &[u8],
    ) -> Result<bool, DeskError> {
        let mut reader = Reader::new(bytes);
        let said = reader
            .array::<32>()
            .zip(reader.array::<32>())
            .zip(reader.u16());
        let Some(((grant, report), ordinal)) = said else {
            return Ok(false);
        };
        let store = &self.desk.store;
        let Some(grant) = store.grant_with_digest(&grant)? else {
            return Ok(false);
        };
        let opening = store.opening(&grant.digest, ordinal)?;
        let numbered = store.report_with_number(entry.number.as_bytes())?;
        let is_row = opening.as_ref().is_some_and(|opening| {
            opening.log_index == row.log_index
                && opening.report_digest == report
                && opening.officer == grant.requester
                && opening.case_id == grant.case_id
                && (1..=grant.max_openings).contains(&ordinal)
                && Day::of_ms(opening.logged_at_ms) == entry.day
                && numbered.is_some_and(|numbered| {
                    numbered.id == opening.report_id && numbered.case_id == Some(grant.case_id)
                })
        });
        if let Some(opening) = &opening {
            self.grant_is_signed(&grant, opening.logged_at_ms)?;
        }
        let granted = AcceptedDigest::from_bytes(report);
        let signed = SignedGrant::decode(&grant.signed);
        let is_row = is_row && signed.is_ok_and(|signed| signed.grant().report(&granted).is_some());
        Ok(is_row)
    }

    /// Whether a grant went through the step that an entry says.
    fn has_grant(&mut self, entry: &Entry, grant: Option<GrantRow>) -> Result<bool, DeskError> {
        let Some(grant) = grant else {
            return Ok(false);
        };
        Ok(match entry.event {
            Event::GrantRequested { .. } => {
                self.request_is_signed(&grant);
                Day::of_ms(grant.requested_at_ms) == entry.day && self.has_review_time(&grant)
            }
            Event::GrantApproved { .. } => {
                self.grant_is_signed(&grant, grant.requested_at_ms)?;
                grant.approver.is_some() && grant.state != GrantState::Denied
            }
            Event::GrantDenied { .. } => {
                self.denial_is_signed(&grant)?;
                grant.state == GrantState::Denied
            }
            _ => grant.state == GrantState::Expired,
        })
    }

    fn has_epoch(&self, kind: u8, digest: &[u8], destroyed: bool) -> Result<bool, DeskError> {
        let mut after = None;
        loop {
            let page = self.desk.store.key_epochs(kind, after, MAX_LISTED)?;
            let Some(last) = page.last() else {
                return Ok(false);
            };
            after = Some(last.epoch);
            let mut rows = page.iter();
            if let Some(row) = rows.find(|row| epoch_digest(row) == digest) {
                return Ok(row.destroyed_at_ms.is_some() || !destroyed);
            }
        }
    }
}

/// Whether a report is rejected as its entry says. One that the intake accepted can be rejected by
/// the vault; then it has no reason, no case and no content.
fn is_kept(report: &ReportRow, event: &Event) -> bool {
    match (event, report.rejected) {
        (Event::ReportRejected { check }, rejected) => {
            rejected == Some(*check) && report.accepted_digest.is_none()
        }
        (_, None) => report.accepted_digest.is_some(),
        (_, Some(_)) => report.is_erased && report.reason.is_none() && report.case_id.is_none(),
    }
}

/// The leaf that a report was promised.
pub(super) fn promised(report: &ReportRow) -> Option<TreeHash> {
    let promise = Promise::decode(&report.promise).ok()?;
    Some(promise.entry().leaf_hash())
}
