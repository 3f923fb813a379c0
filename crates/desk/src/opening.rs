//! Openings: a report is shown to an officer, once, after the log says so.
//!
//! | step | call | after a crash before the next step |
//! |---|---|---|
//! | 1 | [`Desk::begin_opening`] logs the opening | logged, not shown |
//! | 2 | [`Desk::checkpoint`] signs the log | logged, not shown |
//! | 3 | [`Desk::cosigned`] adds the witnesses' cosignatures | logged, not shown |
//! | 4 | [`Desk::finish_opening`] lets the vault follow and open | logged, perhaps not shown |
//!
//! A challenge is in the memory of the vault and of the caller only. So an opening that was
//! interrupted stays as it is, and the officer begins another one.

use core::fmt;

use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use waxseal_log::entry::{Event, Number};
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::ReportId;

use crate::desk::{Desk, detail};
use crate::error::{DeskError, Refused};
use crate::grant::SignedGrant;
use crate::grants::purpose;
use crate::ids::{AcceptedDigest, GrantId};
use crate::store::{ContentRow, GrantRow, GrantState, OpeningRow, ReportRow, Store};
use crate::vault::{OpenRequest, OpeningDetail, VaultCalls, View};
use crate::{hash, labels};

/// An opening that is logged and not shown yet. It belongs to the vault that drew its challenge,
/// and holds for ten minutes.
pub struct Opening {
    row: OpeningRow,
    grant: SignedGrant,
    challenge: [u8; 32],
    salt: [u8; 32],
}

impl Opening {
    /// The row of the opening.
    pub fn row(&self) -> &OpeningRow {
        &self.row
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("log_index", &self.row.log_index)
            .finish_non_exhaustive()
    }
}

impl<S: Store> Desk<S> {
    /// Logs an opening of a report under a grant, with a challenge of the vault.
    ///
    /// # Errors
    /// [`Refused::NoGrant`], [`Refused::GrantState`] if the grant is not in force,
    /// [`Refused::NotOfCase`] if the report was erased or is not in the grant, the vault's, or the
    /// store's.
    pub fn begin_opening(
        &mut self,
        grant: &GrantId,
        report: &ReportId,
        vault: &mut impl VaultCalls,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Opening, DeskError> {
        let (old, report, _) = self.to_open(grant, report, now)?;
        let digest = report.accepted_digest.ok_or(Refused::NotOfCase)?;
        let signed = SignedGrant::decode(&old.signed).map_err(|_| Refused::Damaged("grant"))?;
        let digest = AcceptedDigest::from_bytes(digest);
        let challenge = vault.challenge(&signed, &digest, now)?;
        let opening = OpeningDetail::new(signed.grant().digest(), digest, &challenge);
        let detail = detail(opening.encode(), rng)?;
        let salt = *detail.salt();
        let event = Event::ContentOpened {
            purpose: purpose(&old)?,
            mark: challenge.mark,
        };
        let mut batch = self.begin(now);
        self.append_leaf_of(&mut batch, &report, rng)?;
        let logged = batch.log(Number::from_bytes(report.number), event, detail);
        let row = OpeningRow {
            grant_digest: old.digest,
            ordinal: challenge.ordinal,
            report_digest: *digest.as_bytes(),
            report_id: report.id,
            case_id: old.case_id,
            officer: old.requester,
            log_index: logged.index,
            logged_at_ms: now.as_millis(),
            shown_at_ms: None,
            view_digest: None,
        };
        batch.add(row.clone());
        let new = GrantRow {
            openings: old.openings.saturating_add(1),
            ..old.clone()
        };
        batch.swap(old, new);
        self.commit(batch)?;
        Ok(Opening {
            row,
            grant: signed,
            challenge: challenge.challenge,
            salt,
        })
    }

    /// Lets the vault follow the log, opens the report, and enters that it was shown, with a digest
    /// of what was shown.
    ///
    /// The newest checkpoint must cover the opening, and enough witnesses must have cosigned it.
    /// Otherwise the vault refuses, and the call can be repeated after the witnesses' cosignatures.
    ///
    /// # Errors
    /// The vault's, or the store's. Nothing is shown then.
    pub fn finish_opening(
        &mut self,
        opening: &Opening,
        vault: &mut impl VaultCalls,
        now: Timestamp,
    ) -> Result<View, DeskError> {
        let id = ReportId::from_bytes(opening.row.report_id);
        let grant = opening.grant.grant().terms().id;
        let (_, _, content) = self.to_open(&grant, &id, now)?;
        if !self.is_followed(opening.row.log_index, vault)? {
            self.follow(vault, now)?;
        }
        let request = OpenRequest {
            grant: opening.grant.clone(),
            id,
            challenge: opening.challenge,
            salt: opening.salt,
            accepted: content.accepted,
        };
        let view = vault.open(&request, now)?;
        let mut batch = self.begin(now);
        let new = OpeningRow {
            shown_at_ms: Some(now.as_millis()),
            view_digest: Some(view_digest(&request.accepted, &view.encode())),
            ..opening.row.clone()
        };
        batch.swap(opening.row.clone(), new);
        self.commit(batch)?;
        Ok(view)
    }

    /// Whether the vault has read an entry under a complete checkpoint.
    ///
    /// If it has, it need not follow again: many openings can share one checkpoint.
    fn is_followed(&self, index: u64, vault: &mut impl VaultCalls) -> Result<bool, DeskError> {
        let status = vault.status()?;
        Ok(status.followed.is_some()
            && status.adopted
            && status.size > index
            && self.followed > index)
    }

    /// What an opening needs: a grant in force, and a report with its content.
    fn to_open(
        &self,
        grant: &GrantId,
        report: &ReportId,
        now: Timestamp,
    ) -> Result<(GrantRow, ReportRow, ContentRow), DeskError> {
        let grant = self
            .store
            .grant(grant.as_bytes())?
            .ok_or(Refused::NoGrant)?;
        // CHK-216: the grant is in force, and the report is one of its case whose content is there.
        // The vault checks all else.
        if !is_in_force(&grant, now) {
            return Err(Refused::GrantState.into());
        }
        let row = self.store.report(report.as_bytes())?;
        let row = row.filter(|row| row.case_id == Some(grant.case_id));
        let content = self.store.content(report.as_bytes())?;
        let (row, content) = row.zip(content).ok_or(Refused::NotOfCase)?;
        Ok((grant, row, content))
    }
}

/// Whether officers can open under a grant.
pub(crate) fn is_in_force(grant: &GrantRow, now: Timestamp) -> bool {
    grant.state == GrantState::Approved && now.as_millis() < grant.expires_at_ms
}

/// Digest of what was shown of a report:
/// `SHA-256("waxseal/desk/1/view" || SHA-256(accepted report) || view)`.
///
/// Once the accepted report is erased, nobody can find out by the digest what was shown.
pub(crate) fn view_digest(accepted: &[u8], view: &[u8]) -> [u8; 32] {
    let accepted = Sha256::digest(accepted);
    hash::digest(labels::VIEW, &[&accepted, view])
}

#[cfg(test)]
mod tests;
