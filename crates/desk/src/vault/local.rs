//! The calls that a desk makes, to a vault in this process or in another one.

use rand_core::CryptoRng;
use waxseal_log::note::NoteSignature;
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::ReportId;

use super::challenge::Challenge;
use super::error::VaultError;
use super::open::{OpenRequest, Sorted};
use super::view::View;
use super::{Memory, Status, Vault};
use crate::grant::SignedGrant;
use crate::ids::AcceptedDigest;

/// What a desk asks of a vault. [`LocalVault`] answers in this process, and
/// [`VaultClient`](super::process::VaultClient) asks another one.
///
/// `now` is the caller's time. A vault in another process goes by its own clock.
///
/// # Errors
/// [`VaultError`], for each call. [`VaultError::Unreachable`] comes from another process only: it
/// does not say whether the vault carried the call out.
#[expect(
    missing_docs,
    reason = "`Vault` documents the calls, which have the same names"
)]
pub trait VaultCalls {
    fn status(&mut self) -> Result<Status, VaultError>;

    fn follow(
        &mut self,
        entries: &[Vec<u8>],
        note: &[u8],
        now: Timestamp,
    ) -> Result<NoteSignature, VaultError>;

    fn adopt(&mut self, document: &[u8]) -> Result<(), VaultError>;

    fn challenge(
        &mut self,
        grant: &SignedGrant,
        report: &AcceptedDigest,
        now: Timestamp,
    ) -> Result<Challenge, VaultError>;

    fn open(&mut self, request: &OpenRequest, now: Timestamp) -> Result<View, VaultError>;

    fn sort(
        &mut self,
        id: &ReportId,
        accepted: &[u8],
        now: Timestamp,
    ) -> Result<Sorted, VaultError>;
}

/// A vault in this process, with its memory and its random generator.
#[derive(Debug)]
pub struct LocalVault<M, R> {
    vault: Vault,
    memory: M,
    rng: R,
}

impl<M: Memory, R: CryptoRng> LocalVault<M, R> {
    /// Joins a vault with its memory and a random generator.
    pub fn new(vault: Vault, memory: M, rng: R) -> Self {
        Self { vault, memory, rng }
    }

    /// Takes them apart again.
    pub fn into_parts(self) -> (Vault, M, R) {
        (self.vault, self.memory, self.rng)
    }
}

impl<M: Memory, R: CryptoRng> VaultCalls for LocalVault<M, R> {
    fn status(&mut self) -> Result<Status, VaultError> {
        Ok(self.vault.status())
    }

    fn follow(
        &mut self,
        entries: &[Vec<u8>],
        note: &[u8],
        now: Timestamp,
    ) -> Result<NoteSignature, VaultError> {
        self.vault.follow(entries, note, now, &mut self.memory)
    }

    fn adopt(&mut self, document: &[u8]) -> Result<(), VaultError> {
        self.vault.adopt(document)
    }

    fn challenge(
        &mut self,
        grant: &SignedGrant,
        report: &AcceptedDigest,
        now: Timestamp,
    ) -> Result<Challenge, VaultError> {
        self.vault.challenge(grant, report, now, &mut self.rng)
    }

    fn open(&mut self, request: &OpenRequest, now: Timestamp) -> Result<View, VaultError> {
        self.vault.open(request, now)
    }

    fn sort(
        &mut self,
        id: &ReportId,
        accepted: &[u8],
        now: Timestamp,
    ) -> Result<Sorted, VaultError> {
        self.vault.sort(id, accepted, now)
    }
}
