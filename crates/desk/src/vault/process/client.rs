//! The desk's side: asks a vault in another process.

use std::io;
use std::time::Duration;

use waxseal_log::note::NoteSignature;
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::ReportId;
use zeroize::Zeroizing;

use super::frame::{Deadline, MAX_CONNECTION_SECS};
use super::stream::Endpoint;
use crate::grant::SignedGrant;
use crate::ids::AcceptedDigest;
use crate::vault::requests::{Answer, MAX_ANSWER_LEN, Request};
use crate::vault::{Challenge, OpenRequest, Sorted, Status, VaultCalls, VaultError, View};

/// Asks the vault of another process. It goes by its own clock, not by `now`.
#[derive(Clone, Debug)]
pub struct VaultClient {
    endpoint: Endpoint,
}

impl VaultClient {
    /// A client of the vault at this endpoint. Connects with each call.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    fn ask(&self, request: &Request) -> Result<Answer, VaultError> {
        let answer = self.exchange(&request.encode());
        let answer = answer.map_err(|_| VaultError::Unreachable)?;
        match Answer::decode(&answer) {
            Ok(Answer::Refused(error)) => Err(error),
            Ok(answer) => Ok(answer),
            Err(_) => Err(VaultError::Unreachable),
        }
    }

    fn exchange(&self, request: &[u8]) -> io::Result<Zeroizing<Vec<u8>>> {
        let deadline = Deadline::new();
        let timeout = Duration::from_secs(MAX_CONNECTION_SECS);
        let mut stream = self.endpoint.connect(timeout)?;
        deadline.write(&mut stream, request)?;
        deadline.read(&mut stream, MAX_ANSWER_LEN)
    }
}

impl VaultCalls for VaultClient {
    fn status(&mut self) -> Result<Status, VaultError> {
        match self.ask(&Request::Status)? {
            Answer::Status(status) => Ok(status),
            _ => Err(VaultError::Unreachable),
        }
    }

    fn follow(
        &mut self,
        entries: &[Vec<u8>],
        note: &[u8],
        _: Timestamp,
    ) -> Result<NoteSignature, VaultError> {
        let (entries, note) = (entries.to_vec(), note.to_vec());
        match self.ask(&Request::Follow { note, entries })? {
            Answer::Follow(cosignature) => Ok(cosignature),
            _ => Err(VaultError::Unreachable),
        }
    }

    fn adopt(&mut self, document: &[u8]) -> Result<(), VaultError> {
        let document = document.to_vec();
        match self.ask(&Request::Adopt { document })? {
            Answer::Adopt => Ok(()),
            _ => Err(VaultError::Unreachable),
        }
    }

    fn challenge(
        &mut self,
        grant: &SignedGrant,
        report: &AcceptedDigest,
        _: Timestamp,
    ) -> Result<Challenge, VaultError> {
        let (grant, report) = (grant.clone(), *report);
        match self.ask(&Request::Challenge { grant, report })? {
            Answer::Challenge(challenge) => Ok(challenge),
            _ => Err(VaultError::Unreachable),
        }
    }

    fn open(&mut self, request: &OpenRequest, _: Timestamp) -> Result<View, VaultError> {
        match self.ask(&Request::Open(request.clone()))? {
            Answer::Open(view) => Ok(*view),
            _ => Err(VaultError::Unreachable),
        }
    }

    fn sort(&mut self, id: &ReportId, accepted: &[u8], _: Timestamp) -> Result<Sorted, VaultError> {
        let (id, accepted) = (*id, accepted.to_vec());
        match self.ask(&Request::Sort { id, accepted })? {
            Answer::Sort(sorted) => Ok(sorted),
            _ => Err(VaultError::Unreachable),
        }
    }
}
