//! Opens a report for an opening that the log shows, and tells the reason of any report.

use core::fmt;

use waxseal_log::report::ReportDigest;
use waxseal_reporting::intake::{AcceptedReport, ReportId};
use waxseal_reporting::limits::MAX_ACCEPTED_LEN;
use waxseal_reporting::relay::Claim;
use waxseal_reporting::reporter::{Reason, Report};
use waxseal_reporting::reviewer::review;
use waxseal_reporting::vault::{Unseal as _, UnsealError, UnsealedReport};
use waxseal_reporting::{Rejection, Timestamp};

use super::Vault;
use super::error::VaultError;
use super::view::{View, Viewer};
use crate::format;
use crate::grant::SignedGrant;
use crate::ids::AcceptedDigest;

/// What the desk brings to open a report.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenRequest {
    /// The grant.
    pub grant: SignedGrant,
    /// The id under which the intake accepted the report.
    pub id: ReportId,
    /// The challenge that the vault drew.
    pub challenge: [u8; 32],
    /// The salt of the entry's detail.
    pub salt: [u8; 32],
    /// The encoded accepted report.
    pub accepted: Vec<u8>,
}

impl fmt::Debug for OpenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenRequest")
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

/// What the vault tells about a report without a grant, so that it can be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sorted {
    /// The reason that the reporter gave.
    pub reason: Reason,
    /// Number of messages in the report. 0 if it is about an account.
    pub messages: u8,
}

impl Vault {
    /// Shows the granted messages of a report, once, if the log shows the entry of this opening.
    ///
    /// The challenge is used up before anything is decrypted, whether or not the report then passes
    /// its checks.
    ///
    /// # Errors
    /// [`VaultError`] for the first check that fails. Nothing of the report is shown then. Unless
    /// the variant says otherwise, the challenge still waits.
    pub fn open(&mut self, request: &OpenRequest, now: Timestamp) -> Result<View, VaultError> {
        check_len(&request.accepted)?;
        self.check_followed(now)?;
        request.grant.verify(self.policy()?, &self.id, now)?;
        let grant = request.grant.grant();
        let digest = AcceptedDigest::of(&request.accepted);
        let pending = self.logged(&grant.digest(), &request.challenge, &request.salt, now)?;
        // CHK-196: the accepted report is the one that the challenge was drawn for.
        if pending.report != digest {
            return Err(VaultError::OtherReport);
        }
        // CHK-230: the entry has the number of this report, so that its reporter finds it.
        let report = AcceptedReport::report_of(&request.accepted);
        let report = report.map_err(|_| VaultError::Malformed)?;
        if !pending.has_number(&digest_of(&report).number()) {
            return Err(VaultError::OtherNumber);
        }
        let granted = grant.report(&digest).ok_or(VaultError::ReportNotGranted)?;
        self.use_up(&request.challenge);

        let unsealed = self.unseal(&request.id, &request.accepted)?;
        let claims = unsealed.claims().to_vec();
        // CHK-198: each granted message is in the report, and at least one is granted; or the
        // report is about an account, and no message is granted.
        let beyond = granted
            .messages
            .checked_shr(count(&claims))
            .unwrap_or_default();
        if beyond != 0 || (granted.messages == 0) != claims.is_empty() {
            return Err(VaultError::MessagesNotGranted);
        }
        let report = review(unsealed).map_err(rejected)?;
        let viewer = Viewer {
            key: self.keys.participant.as_bytes(),
            case: &grant.terms().case,
            purpose: grant.terms().purpose,
            messages: granted.messages,
        };
        Ok(viewer.view(&report, &claims))
    }

    /// Tells the reason of an accepted report and the number of its messages, and nothing else.
    /// This needs no grant. The report passes all its checks first.
    ///
    /// # Errors
    /// [`VaultError`]. [`VaultError::Rejected`] names the check of a report that fails.
    pub fn sort(
        &self,
        id: &ReportId,
        accepted: &[u8],
        now: Timestamp,
    ) -> Result<Sorted, VaultError> {
        check_len(accepted)?;
        self.check_followed(now)?;
        let report = review(self.unseal(id, accepted)?).map_err(rejected)?;
        Ok(Sorted {
            reason: report.reason(),
            messages: u8::try_from(report.messages().len()).unwrap_or(u8::MAX),
        })
    }

    /// Checks that the intake accepted a report under this id, and opens its seal.
    fn unseal(&self, id: &ReportId, accepted: &[u8]) -> Result<UnsealedReport, VaultError> {
        // CHK-197: the intake accepted exactly these bytes under this id, with one of the
        // acceptance keys, and the report passes the checks 82 to 90 and 97.
        for vault in &self.vaults {
            match vault.open(id, accepted) {
                Ok(unsealed) => return Ok(unsealed),
                Err(UnsealError::Rejected(rejection)) => return Err(rejected(rejection)),
                // Another acceptance key may be the right one.
                Err(_) => {}
            }
        }
        Err(VaultError::NotAccepted)
    }
}

fn check_len(accepted: &[u8]) -> Result<(), VaultError> {
    format::within(accepted, MAX_ACCEPTED_LEN).map_err(|_| VaultError::Malformed)
}

fn rejected(rejection: Rejection) -> VaultError {
    VaultError::Rejected {
        check: rejection.check(),
    }
}

fn count(claims: &[Claim]) -> u32 {
    u32::try_from(claims.len()).unwrap_or(u32::MAX)
}

/// Digest of a report, by which promises and the log name it.
pub fn digest_of(report: &Report) -> ReportDigest {
    ReportDigest::of(&report.without_mac())
}
