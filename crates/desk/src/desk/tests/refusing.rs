//! A vault that refuses what it is to sort.

use waxseal_log::note::NoteSignature;
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::ReportId;

use crate::grant::SignedGrant;
use crate::ids::AcceptedDigest;
use crate::vault::{Challenge, OpenRequest, Sorted, Status, VaultCalls, VaultError, View};

/// Refuses each report for this reason, and does nothing else.
pub(crate) struct Refusing(pub(crate) VaultError);

impl VaultCalls for Refusing {
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
        _: &SignedGrant,
        _: &AcceptedDigest,
        _: Timestamp,
    ) -> Result<Challenge, VaultError> {
        Err(VaultError::Unreachable)
    }

    fn open(&mut self, _: &OpenRequest, _: Timestamp) -> Result<View, VaultError> {
        Err(VaultError::Unreachable)
    }

    fn sort(&mut self, _: &ReportId, _: &[u8], _: Timestamp) -> Result<Sorted, VaultError> {
        Err(self.0)
    }
}
