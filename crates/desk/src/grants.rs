//! Grants at the desk: officers ask for them, approve and deny them, and they expire.

use rand_core::CryptoRng;
use waxseal_log::entry::{Event, Number, Purpose};
use waxseal_reporting::Timestamp;

use crate::acts::MAX_ACT_AHEAD_MS;
use crate::case::MAX_OF_CASE;
use crate::codec::{Reader, put_long};
use crate::desk::{Batch, Desk, detail};
use crate::error::{DeskError, Refused};
use crate::grant::{Grant, GrantDenial, GrantError, SignedGrant};
use crate::ids::{GrantId, VaultId};
use crate::officer::Signed;
use crate::store::{CaseStatus, GrantList, GrantRow, GrantState, Store};

pub(crate) const HOUR_MS: u64 = 3_600_000;

impl<S: Store> Desk<S> {
    /// Enters a grant that an officer asks for. If it names no approver, it is in force at once.
    ///
    /// # Errors
    /// [`Refused::Grant`] if it is not within the policy in force, [`Refused::NotOfCase`] if a
    /// report in it is not of its case, [`Refused`] for the other checks, or the store's.
    pub fn request_grant(
        &mut self,
        grant: &Grant,
        signature: &[u8; 64],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        let signed = self.check_request(grant, signature, now)?;
        let (terms, alone) = (grant.terms(), grant.terms().approver.is_none());
        self.check_reports(grant)?;
        let review_hours = self.in_force()?.rule(terms.purpose).review_hours;
        let review_ms = u64::from(review_hours).saturating_mul(HOUR_MS);
        let row = GrantRow {
            id: *terms.id.as_bytes(),
            digest: *grant.digest().as_bytes(),
            number: *terms.id.as_bytes(),
            case_id: *terms.case.as_bytes(),
            purpose: terms.purpose.number(),
            signed,
            state: if alone {
                GrantState::Approved
            } else {
                GrantState::Requested
            },
            requester: *terms.requester.as_bytes(),
            approver: None,
            requested_at_ms: now.as_millis(),
            expires_at_ms: terms.expires.as_millis(),
            max_openings: terms.max_openings,
            openings: 0,
            review_until_ms: (review_ms > 0).then(|| now.as_millis().saturating_add(review_ms)),
            review: None,
            is_overdue: false,
        };
        let mut batch = self.begin(now);
        let event = Event::GrantRequested {
            purpose: terms.purpose,
        };
        log_grant(&mut batch, &row, event, rng)?;
        batch.add(row);
        self.commit(batch)
    }

    /// Approves a grant with the signature of the officer that it names.
    ///
    /// # Errors
    /// [`Refused::NoGrant`], [`Refused::GrantDecided`] if it does not wait for an approval,
    /// [`Refused::Grant`] if it does not hold now, or the store's.
    pub fn approve_grant(
        &mut self,
        id: &GrantId,
        signature: &[u8; 64],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        let old = self.waiting_grant(id)?;
        let (grant, requested) = read_requested(&old.signed)?;
        let approver = grant.terms().approver;
        let signed = SignedGrant::new(grant, requested, Some(*signature));
        let signed = signed.map_err(|_| Refused::Damaged("grant"))?;
        // CHK-214: the approval is by the officer that the grant names, and all of it holds now
        // (checks 169 to 179).
        let verified = signed.verify(self.in_force()?, &self.vault_id(), now);
        verified.map_err(Refused::Grant)?;
        let mut batch = self.begin(now);
        let purpose = signed.grant().terms().purpose;
        log_grant(&mut batch, &old, Event::GrantApproved { purpose }, rng)?;
        let new = GrantRow {
            state: GrantState::Approved,
            signed: signed.encode(),
            approver: approver.map(|approver| *approver.as_bytes()),
            ..old.clone()
        };
        batch.swap(old, new);
        self.commit(batch)
    }

    /// Denies a grant.
    ///
    /// # Errors
    /// [`Refused::NoGrant`], [`Refused::GrantDecided`] if it does not wait for an approval,
    /// [`Refused::SameOfficer`] if the requester denies it, [`Refused`] for the checks of the act,
    /// or the store's.
    pub fn deny_grant(
        &mut self,
        signed: &Signed<GrantDenial>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        let denial = self.authorise(signed, now)?;
        let row = self.store.grant_with_digest(denial.grant.as_bytes())?;
        let id = GrantId::from_bytes(row.ok_or(Refused::NoGrant)?.id);
        let old = self.waiting_grant(&id)?;
        if old.requester == *signed.officer().as_bytes() {
            return Err(Refused::SameOfficer.into());
        }
        let mut batch = self.begin(now);
        let purpose = purpose(&old)?;
        log_grant(&mut batch, &old, Event::GrantDenied { purpose }, rng)?;
        self.keep_act(&mut batch, "denial", &old.id, signed)?;
        let new = GrantRow {
            state: GrantState::Denied,
            review_until_ms: None,
            approver: Some(*signed.officer().as_bytes()),
            ..old.clone()
        };
        batch.swap(old, new);
        self.commit(batch)
    }

    /// Enters that grants expired, at most 1,000, and returns how many.
    pub(crate) fn expire_grants(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<usize, DeskError> {
        let expired = GrantList::ExpiringBy(now.as_millis());
        let expired = self.store.grants(&expired, MAX_OF_CASE)?;
        let mut batch = self.begin(now);
        for old in &expired {
            let purpose = purpose(old)?;
            log_grant(&mut batch, old, Event::GrantExpired { purpose }, rng)?;
            let new = GrantRow {
                state: GrantState::Expired,
                // What was never in force needs no review.
                review_until_ms: old
                    .review_until_ms
                    .filter(|_| old.state == GrantState::Approved),
                ..old.clone()
            };
            batch.swap(old.clone(), new);
        }
        self.commit(batch)?;
        Ok(expired.len())
    }

    /// Checks all of a requested grant but the approver's signature. Returns what the store keeps:
    /// the grant, and the signatures that it has.
    fn check_request(
        &self,
        grant: &Grant,
        signature: &[u8; 64],
        now: Timestamp,
    ) -> Result<Vec<u8>, DeskError> {
        let terms = grant.terms();
        // CHK-212: all of the grant holds now but the approver's signature (checks 169 to 179).
        let policy = self.in_force()?;
        let approval = terms.approver.map(|_| [0; 64]);
        let signed = SignedGrant::new(grant.clone(), *signature, approval);
        let signed = signed.map_err(|_| Refused::Grant(GrantError::NotSigned))?;
        match signed.verify(policy, &self.vault_id(), now) {
            Ok(()) => {}
            Err(GrantError::NotSigned)
                if terms.approver.is_some() && grant.is_requested(signature) => {}
            Err(error) => return Err(Refused::Grant(error).into()),
        }
        let (requested, now) = (terms.requested.as_millis(), now.as_millis());
        if requested > now.saturating_add(MAX_ACT_AHEAD_MS) {
            return Err(Refused::Grant(GrantError::NotYet).into());
        }
        if now >= terms.expires.as_millis() {
            return Err(Refused::Grant(GrantError::Expired).into());
        }
        if approval.is_none() {
            return Ok(signed.encode());
        }
        let mut out = Vec::new();
        put_long(&mut out, grant.encode());
        out.extend_from_slice(signature);
        Ok(out)
    }

    /// Checks that a grant is for a case that is there, and for reports of that case.
    fn check_reports(&self, grant: &Grant) -> Result<(), DeskError> {
        let terms = grant.terms();
        let case = self
            .store
            .case(terms.case.as_bytes())?
            .ok_or(Refused::NoCase)?;
        if case.status == CaseStatus::Closed {
            return Err(Refused::Erased.into());
        }
        let grants = self
            .store
            .grants(&GrantList::OfCase(case.id), MAX_OF_CASE)?;
        // CHK-213: the grant is new, its id names nothing else in the log, and every report in it
        // is one of its case. A case has at most 1,000 grants.
        let id = terms.id.as_bytes();
        let is_known = self.store.grant(id)?.is_some() || self.is_number_taken(id)?;
        if is_known || grants.len() >= MAX_OF_CASE {
            return Err(Refused::GrantState.into());
        }
        let reports = self.reports_of(&case.id)?;
        let is_of_case = |digest: &[u8; 32]| {
            let mut reports = reports.iter();
            reports.any(|report| report.accepted_digest == Some(*digest) && !report.is_erased)
        };
        if !terms
            .reports
            .iter()
            .all(|report| is_of_case(report.digest.as_bytes()))
        {
            return Err(Refused::NotOfCase.into());
        }
        Ok(())
    }

    /// A grant that waits for its approval.
    fn waiting_grant(&self, id: &GrantId) -> Result<GrantRow, DeskError> {
        let row = self.store.grant(id.as_bytes())?.ok_or(Refused::NoGrant)?;
        // CHK-215: a grant is approved or denied once, while it waits.
        if row.state != GrantState::Requested {
            return Err(Refused::GrantDecided.into());
        }
        Ok(row)
    }

    /// The vault, as grants name it.
    pub fn vault_id(&self) -> VaultId {
        VaultId::from_bytes(*self.setup.keys.vault().key())
    }
}

/// The grant and the requester's signature, as the store keeps them before the approval.
fn read_requested(bytes: &[u8]) -> Result<(Grant, [u8; 64]), DeskError> {
    let read = read_request(bytes).filter(|(grant, _)| {
        let len = grant.encode().len().saturating_add(4 + 64);
        len == bytes.len()
    });
    Ok(read.ok_or(Refused::Damaged("grant"))?)
}

/// The grant and the requester's signature, with which both stored forms begin.
pub(crate) fn read_request(bytes: &[u8]) -> Option<(Grant, [u8; 64])> {
    let mut reader = Reader::new(bytes);
    let grant = Grant::decode(reader.long()?).ok()?;
    Some((grant, reader.array()?))
}

/// Adds an entry about a grant: all of them have its number, and its digest as their detail.
pub(crate) fn log_grant(
    batch: &mut Batch,
    row: &GrantRow,
    event: Event,
    rng: &mut impl CryptoRng,
) -> Result<(), DeskError> {
    batch.log(
        Number::from_bytes(row.number),
        event,
        detail(row.digest.to_vec(), rng)?,
    );
    Ok(())
}

pub(crate) fn purpose(row: &GrantRow) -> Result<Purpose, DeskError> {
    Ok(Purpose::from_number(row.purpose).ok_or(Refused::Damaged("grant"))?)
}

#[cfg(test)]
mod tests;
