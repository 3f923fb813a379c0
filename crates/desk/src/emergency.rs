//! Reviews of emergency grants, which one officer may use alone.

use rand_core::CryptoRng;
use waxseal_log::entry::{Event, ReviewOutcome};
use waxseal_reporting::Timestamp;

use crate::acts::read_text;
use crate::case::MAX_OF_CASE;
use crate::codec::{Reader, put_medium};
use crate::desk::Desk;
use crate::error::{DeskError, Refused};
use crate::grants::log_grant;
use crate::ids::GrantDigest;
use crate::officer::{Act, ActKind, Signed};
use crate::store::{GrantList, GrantRow, Store};

/// Maximum length of the statement of a review, in bytes.
pub const MAX_REVIEW_LEN: usize = 4_000;

/// An officer reviews the use of an emergency grant.
///
/// The body of the act is `grant digest 32 || outcome u8 || medium(statement)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmergencyReview {
    /// The grant.
    pub grant: GrantDigest,
    /// Whether there was an emergency.
    pub outcome: ReviewOutcome,
    /// Why.
    pub statement: String,
}

impl Act for EmergencyReview {
    const KIND: ActKind = ActKind::EmergencyReview;

    fn encode(&self) -> Vec<u8> {
        let mut out = self.grant.as_bytes().to_vec();
        out.push(self.outcome.number());
        put_medium(&mut out, self.statement.as_bytes());
        out
    }

    fn decode(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let review = Self {
            grant: GrantDigest::from_bytes(reader.array()?),
            outcome: ReviewOutcome::from_number(reader.u8()?)?,
            statement: read_text(reader.medium()?, MAX_REVIEW_LEN)?,
        };
        reader.finish()?;
        Some(review)
    }
}

impl<S: Store> Desk<S> {
    /// Enters the review of an emergency grant, also after its time.
    ///
    /// # Errors
    /// [`Refused::NoGrant`], [`Refused::Review`] if the grant is not to be reviewed or was reviewed
    /// before, [`Refused::SameOfficer`] if the reviewer asked for it or approved it, [`Refused`]
    /// for the checks of the act, or the store's.
    pub fn review_emergency(
        &mut self,
        signed: &Signed<EmergencyReview>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), DeskError> {
        let review = self.authorise(signed, now)?;
        let old = self.store.grant_with_digest(review.grant.as_bytes())?;
        let old = old.ok_or(Refused::NoGrant)?;
        let officer = Some(*signed.officer().as_bytes());
        // CHK-217: an emergency grant is reviewed once, by another officer than those who used it.
        if old.review_until_ms.is_none() || old.review.is_some() {
            return Err(Refused::Review.into());
        }
        if Some(old.requester) == officer || old.approver == officer {
            return Err(Refused::SameOfficer.into());
        }
        let mut batch = self.begin(now);
        let event = Event::EmergencyReviewed {
            outcome: review.outcome,
        };
        log_grant(&mut batch, &old, event, rng)?;
        self.keep_act(&mut batch, "review", &old.id, signed)?;
        let new = GrantRow {
            review: Some(review.outcome.number()),
            ..old.clone()
        };
        batch.swap(old, new);
        self.commit(batch)
    }

    /// Enters that reviews are overdue, at most 1,000, and returns how many.
    pub(crate) fn flag_overdue(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<usize, DeskError> {
        let overdue = GrantList::OverdueBy(now.as_millis());
        let overdue = self.store.grants(&overdue, MAX_OF_CASE)?;
        let mut batch = self.begin(now);
        for old in &overdue {
            log_grant(&mut batch, old, Event::EmergencyOverdue, rng)?;
            let new = GrantRow {
                is_overdue: true,
                ..old.clone()
            };
            batch.swap(old.clone(), new);
        }
        self.commit(batch)?;
        Ok(overdue.len())
    }
}

#[cfg(test)]
mod tests;
