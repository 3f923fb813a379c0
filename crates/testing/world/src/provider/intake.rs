//! The provider's intake and review.

use waxseal::reporting::Rejection;
use waxseal::reporting::intake::{AcceptError, AcceptedReport, ReportId, examine};
use waxseal::reporting::reporter::Report;
use waxseal::reporting::reviewer::{VerifiedReport, review};
use waxseal::reporting::vault::{ModerationKeyPair, Unseal, UnsealError, Vault};

use waxseal::GroupId;

use super::Provider;

/// The id under which the intake accepts every report: the queue never holds two.
const REPORT_ID: ReportId = ReportId::from_bytes([6; 16]);

/// Why a report was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The bytes do not decode as a report.
    Malformed,
    /// The device that the report names as its reporter is not registered.
    UnknownDevice,
    /// A check of the intake or of the review failed.
    Rejected(Rejection),
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<AcceptError> for Refusal {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Rejected(rejection) => rejection.into(),
            other => panic!("the provider answers every look-up: {other}"),
        }
    }
}

impl From<UnsealError> for Refusal {
    fn from(error: UnsealError) -> Self {
        match error {
            UnsealError::Rejected(rejection) => rejection.into(),
            other => panic!("the provider's own queue: {other}"),
        }
    }
}

impl Provider {
    /// Does the work of the intake: checks which device sent the report, that the reported messages
    /// passed through the relay, and that they were not reported before. Does not read the
    /// messages.
    ///
    /// # Errors
    /// [`Refusal`] with the check that failed.
    pub fn examine(&self, report: &[u8]) -> Result<AcceptedReport, Refusal> {
        let report = Report::decode(report).map_err(|_| Refusal::Malformed)?;
        let key = self.keys.get(report.reporter());
        let key = key.ok_or(Refusal::UnknownDevice)?;
        let examined = examine(report, &self.stamp_keys, key, self.now)?;
        let nullifiers = examined.nullifiers();
        let known: Vec<_> = nullifiers
            .iter()
            .map(|nullifier| self.reported.contains(nullifier))
            .collect();
        let members = examined.memberships().into_iter().map(|asked| {
            let group = GroupId::from_bytes(*asked.group.as_bytes());
            self.is_member_at(&group, &asked.member.account, asked.at)
        });
        let members: Vec<_> = members.collect();
        Ok(examined.accept(REPORT_ID, &known, &members)?)
    }

    /// Does the work of intake and review. In between, the accepted report is encoded and decoded,
    /// as in the reviewers' queue. Does not mark the messages as reported.
    ///
    /// # Errors
    /// [`Refusal`] with the check that failed.
    pub fn verify(&self, report: &[u8]) -> Result<VerifiedReport, Refusal> {
        let queued = self.examine(report)?.encode(&self.acceptance_key);
        let key = ModerationKeyPair::import(&self.moderation.export()).unwrap();
        let vault = Vault::new(key, self.acceptance_key.clone());
        Ok(review(vault.open(&REPORT_ID, &queued)?)?)
    }

    /// Does the work of intake and review, and marks the messages as reported.
    ///
    /// # Errors
    /// [`Refusal`] with the check that failed.
    pub fn take_report(&mut self, report: &[u8]) -> Result<VerifiedReport, Refusal> {
        let verified = self.verify(report)?;
        let report = Report::decode(report).map_err(|_| Refusal::Malformed)?;
        self.reported.extend(report.nullifiers());
        Ok(verified)
    }
}
