//! The reviewer's calls.

use ureq::http::Method;

use super::{JSON, RelayClient, checked_report_id};
use crate::error::ClientError;
use crate::reviewer_messages::{Rejected, ReportList, ReviewerSignIn, SealedKey, reviewer_context};
use crate::session::{Caller, ReviewerSession};

impl RelayClient {
    /// Signs the reviewer in.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn reviewer_sign_in(
        &self,
        relay_key: &[u8; 32],
        prove: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<ReviewerSession, ClientError> {
        let challenge = self.challenge(relay_key)?;
        let sign_in = ReviewerSignIn {
            proof: prove(&reviewer_context(relay_key, &challenge)),
            challenge,
        };
        let guest = Caller::Guest(relay_key);
        let session = self.json(Method::POST, "/v1/reviewer/sessions", guest, &sign_in)?;
        Ok(ReviewerSession {
            session,
            relay_key: *relay_key,
        })
    }

    /// Fetches the acceptance keys, with which the vault checks that the intake accepted a report.
    /// They are sealed to the vault, and the vault checks the relay's signature: pass them on.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn acceptance_keys(&self, reviewer: &ReviewerSession) -> Result<SealedKey, ClientError> {
        self.get("/v1/review/key", Caller::Reviewer(reviewer))
    }

    /// Lists at most 100 reports that come after number `after`. With 0, the list begins with the
    /// first report. The relay records that the reviewer listed them.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn reports(
        &self,
        reviewer: &ReviewerSession,
        after: u64,
    ) -> Result<ReportList, ClientError> {
        let path = format!("/v1/review/reports?after={after}");
        self.get(&path, Caller::Reviewer(reviewer))
    }

    /// Fetches an encoded accepted report. The relay records that the reviewer opened it.
    ///
    /// # Errors
    /// [`ClientError`]; [`NoSuchReport`](waxseal_interface::ErrorCode::NoSuchReport) also once the
    /// content is deleted.
    pub fn accepted_report(
        &self,
        reviewer: &ReviewerSession,
        report_id: &str,
    ) -> Result<Vec<u8>, ClientError> {
        let path = format!("/v1/review/reports/{}", checked_report_id(report_id)?);
        self.call(Method::GET, &path, Caller::Reviewer(reviewer), None)
    }

    /// Tells the relay that a report failed in review. Its messages can then be reported again. The
    /// relay deletes the report's content, unless a later review can still succeed: with another
    /// moderation key (82), or after an update (97). With 82, the reporter's app learns that the
    /// report is unreadable, and seals it again.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn report_rejected(
        &self,
        reviewer: &ReviewerSession,
        report_id: &str,
        check: u8,
    ) -> Result<(), ClientError> {
        let report_id = checked_report_id(report_id)?;
        let path = format!("/v1/review/reports/{report_id}/rejected");
        let body = serde_json::to_vec(&Rejected { check }).map_err(|_| ClientError::Malformed)?;
        self.send_body(Method::POST, &path, Caller::Reviewer(reviewer), JSON, &body)?;
        Ok(())
    }

    /// Tells the relay that the review of a report has ended. The relay deletes the report's
    /// content, so that the reporting account has room again. Its messages stay reported.
    ///
    /// # Errors
    /// [`ClientError`]; [`NoSuchReport`](waxseal_interface::ErrorCode::NoSuchReport).
    pub fn close_report(
        &self,
        reviewer: &ReviewerSession,
        report_id: &str,
    ) -> Result<(), ClientError> {
        let report_id = checked_report_id(report_id)?;
        let path = format!("/v1/review/reports/{report_id}/closed");
        self.send_body(Method::POST, &path, Caller::Reviewer(reviewer), JSON, b"")?;
        Ok(())
    }
}
