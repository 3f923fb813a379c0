//! The reviewer's calls.

use serde::Serialize;
use waxseal_interface::{HttpAnswer, HttpRequest, report_id_text};
use waxseal_reporting::BlobId;

use super::{RelayClient, checked_report_id};
use crate::error::ClientError;
use crate::reviewer_messages::{
    Rejected, ReportBlobs, ReportList, ReviewerSignIn, SealedKey, reviewer_context,
};
use crate::session::{Caller, ReviewerSession};
use crate::system_rng::system_rng;

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
        let answer = self.post(guest, "/v1/reviewer/sessions".to_owned(), Some(&sign_in))?;
        Ok(ReviewerSession {
            session: answer.json()?,
            relay_key: *relay_key,
        })
    }

    /// Fetches the acceptance keys, with which the vault checks that the intake accepted a report.
    /// They are sealed to the vault, and the vault checks the relay's signature: pass them on.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn acceptance_keys(&self, reviewer: &ReviewerSession) -> Result<SealedKey, ClientError> {
        let answer = self.get(reviewer, "/v1/review/key".to_owned())?;
        Ok(answer.json()?)
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
        let answer = self.get(reviewer, format!("/v1/review/reports?after={after}"))?;
        Ok(answer.json()?)
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
        let answer = self.get(reviewer, path_of(report_id, "")?)?;
        Ok(answer.into_body()?)
    }

    /// Asks which blobs a report names, and which of them the relay keeps for its review.
    ///
    /// # Errors
    /// [`ClientError`]; [`NoSuchReport`](waxseal_interface::ErrorCode::NoSuchReport).
    pub fn report_blobs(
        &self,
        reviewer: &ReviewerSession,
        report_id: &str,
    ) -> Result<ReportBlobs, ClientError> {
        let answer = self.get(reviewer, path_of(report_id, "/blobs")?)?;
        Ok(answer.json()?)
    }

    /// Fetches `len` bytes of a blob that a report names, from `at` on. They are unverified: the
    /// verified message that describes the file opens them. The relay records that the reviewer
    /// fetched the blob.
    ///
    /// # Errors
    /// [`ClientError`]; [`NoSuchBlob`](waxseal_interface::ErrorCode::NoSuchBlob) also if the report
    /// does not name the blob.
    pub fn reported_blob(
        &self,
        reviewer: &ReviewerSession,
        report_id: &str,
        blob: &BlobId,
        at: u64,
        len: usize,
    ) -> Result<Vec<u8>, ClientError> {
        let after = format!("/blobs/{}?at={at}&len={len}", blob.to_text());
        let answer = self.get(reviewer, path_of(report_id, &after)?)?;
        let bytes = answer.into_body()?;
        match bytes.len() == len {
            true => Ok(bytes),
            false => Err(ClientError::Malformed),
        }
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
        let path = path_of(report_id, "/rejected")?;
        let answer = self.post(Caller::Reviewer(reviewer), path, Some(&Rejected { check }))?;
        answer.into_body()?;
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
        let path = path_of(report_id, "/closed")?;
        let answer = self.post(Caller::Reviewer(reviewer), path, None::<&()>)?;
        answer.into_body()?;
        Ok(())
    }

    fn get(&self, reviewer: &ReviewerSession, path: String) -> Result<HttpAnswer, ClientError> {
        self.ask_route("GET", path, Caller::Reviewer(reviewer), None)
    }

    fn post(
        &self,
        caller: Caller<'_>,
        path: String,
        body: Option<&impl Serialize>,
    ) -> Result<HttpAnswer, ClientError> {
        let body = body.map(serde_json::to_vec).transpose();
        let body = body.map_err(|_| ClientError::Malformed)?;
        self.ask_route("POST", path, caller, body)
    }

    /// Asks a route that only this relay has. A body is JSON.
    fn ask_route(
        &self,
        method: &'static str,
        path: String,
        caller: Caller<'_>,
        body: Option<Vec<u8>>,
    ) -> Result<HttpAnswer, ClientError> {
        let content_type = body.as_ref().map(|_| "application/json");
        let (body, rng) = (body.unwrap_or_default(), &mut system_rng());
        let (request, asked) =
            HttpRequest::ask(method, path, content_type, body, caller.token(), rng)?;
        self.call(caller, &request, &asked)
    }
}

fn path_of(report_id: &str, after: &str) -> Result<String, ClientError> {
    let id = report_id_text(&checked_report_id(report_id)?);
    Ok(format!("/v1/review/reports/{id}{after}"))
}
