//! Asks the vault outside the thread that acts, and gives that thread the answer.
//!
//! The library calls the vault in the middle of an act. [`Answered`] has the answer already. So no
//! act waits for the vault.

use waxseal_desk::grant::SignedGrant;
use waxseal_desk::ids::AcceptedDigest;
use waxseal_desk::vault::{Challenge, OpenRequest, Sorted, Status, VaultCalls, VaultError, View};
use waxseal_log::note::NoteSignature;
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::ReportId;

/// One answer of the vault.
#[derive(Clone)]
pub enum Answered {
    /// A challenge for this grant and this report.
    Challenge(Box<(SignedGrant, AcceptedDigest, Challenge)>),
    /// What it told about this report, or why it rejected it.
    Sort(ReportId, Result<Sorted, VaultError>),
}

impl VaultCalls for Answered {
    fn status(&mut self) -> Result<Status, VaultError> {
        Err(VaultError::Unreachable)
    }

    fn follow(
        &mut self,
        _: &[Vec<u8>],
        _: &[u8],
        _: Timestamp,
    ) -> Result<NoteSignature, VaultError> {
        Err(VaultError::Unreachable)
    }

    fn adopt(&mut self, _: &[u8]) -> Result<(), VaultError> {
        Err(VaultError::Unreachable)
    }

    fn challenge(
        &mut self,
        grant: &SignedGrant,
        report: &AcceptedDigest,
        _: Timestamp,
    ) -> Result<Challenge, VaultError> {
        match self {
            Self::Challenge(asked) if asked.0 == *grant && asked.1 == *report => {
                Ok(asked.2.clone())
            }
            _ => Err(VaultError::Unreachable),
        }
    }

    fn open(&mut self, _: &OpenRequest, _: Timestamp) -> Result<View, VaultError> {
        Err(VaultError::Unreachable)
    }

    fn sort(&mut self, id: &ReportId, _: &[u8], _: Timestamp) -> Result<Sorted, VaultError> {
        match self {
            Self::Sort(asked, answer) if asked == id => *answer,
            _ => Err(VaultError::Unreachable),
        }
    }
}
