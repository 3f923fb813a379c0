//! The witness protocol, without its transport: a small witness, and the client's reading of its
//! answers. (C2SP tlog-witness)

mod client;
mod request;
mod state;
#[cfg(test)]
mod tests;

use thiserror::Error;

pub use client::{Answer, AnswerError, read_answer};
pub use request::{AddCheckpoint, AddCheckpointError};
pub use state::WitnessStateError;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::keys::of_log;
use crate::limits::MAX_WITNESSED_LOGS;
use crate::merkle::TreeHash;
use crate::note::{Algorithm, Cosigner, NoteSignature, Verifier};
use crate::proof::verify_consistency;

/// Cosigns the checkpoints of logs that only grow.
///
/// For each log, it remembers the last checkpoint that it cosigned. It cosigns another one only if
/// its tree continues the last one.
#[derive(Clone, Debug)]
pub struct Witness {
    cosigner: Cosigner,
    logs: Vec<WitnessedLog>,
}

/// What a witness remembers of a log.
#[derive(Clone, Debug)]
struct WitnessedLog {
    key: Verifier,
    size: u64,
    root: TreeHash,
}

impl Witness {
    /// Makes a witness that has seen nothing of these logs yet. A log's origin is the name of its
    /// key.
    ///
    /// # Errors
    /// [`InvalidLogs`] if two have one origin, a key is not one for notes, or there are more than
    /// [`MAX_WITNESSED_LOGS`].
    pub fn new(cosigner: Cosigner, logs: Vec<Verifier>) -> Result<Self, InvalidLogs> {
        let mut origins: Vec<&str> = logs.iter().map(Verifier::name).collect();
        origins.sort_unstable();
        origins.dedup();
        if origins.len() != logs.len()
            || logs.len() > MAX_WITNESSED_LOGS
            || logs.iter().any(|log| log.algorithm() != Algorithm::Note)
        {
            return Err(InvalidLogs);
        }
        let logs = logs.into_iter().map(WitnessedLog::new).collect();
        Ok(Self { cosigner, logs })
    }

    /// The witness's public key.
    pub fn verifier(&self) -> Verifier {
        self.cosigner.verifier()
    }

    /// Answers the body of an `add-checkpoint` request with a cosignature.
    ///
    /// Store [`export`](Self::export) before the cosignature is sent. If storing fails, send
    /// nothing, and start again from what is stored. `now_secs` is the time in seconds since
    /// 1970-01-01, UTC.
    ///
    /// # Errors
    /// [`Refusal`], with which the witness answers instead. Its memory is then unchanged.
    pub fn add(&mut self, body: &[u8], now_secs: u64) -> Result<NoteSignature, Refusal> {
        // CHK-143: a well-formed request about a known log, and the log signed the checkpoint.
        let request = AddCheckpoint::decode(body).map_err(|_| Refusal::Malformed)?;
        let checkpoint = Checkpoint::decode(request.note.text()).map_err(|_| Refusal::Malformed)?;
        let log = self
            .logs
            .iter_mut()
            .find(|log| log.key.name() == checkpoint.origin())
            .ok_or(Refusal::UnknownLog)?;
        of_log(&log.key, &request.note).map_err(|error| match error {
            CheckpointError::Malformed => Refusal::Malformed,
            _ => Refusal::NotSigned,
        })?;
        if request.old > checkpoint.size() {
            return Err(Refusal::Malformed);
        }
        // CHK-144: the request continues the checkpoint that was cosigned last.
        let conflict = Refusal::Conflict { size: log.size };
        if request.old != log.size {
            return Err(conflict);
        }
        if checkpoint.size() == log.size && *checkpoint.root() != log.root {
            return Err(conflict);
        }
        // CHK-145: the tree begins with the tree that was cosigned last.
        verify_consistency(
            log.size,
            &log.root,
            checkpoint.size(),
            checkpoint.root(),
            &request.proof,
        )
        .map_err(|_| Refusal::Inconsistent)?;
        log.size = checkpoint.size();
        log.root = *checkpoint.root();
        Ok(self.cosigner.cosign(request.note.text(), now_secs))
    }
}

impl WitnessedLog {
    fn new(key: Verifier) -> Self {
        let root = TreeHash::of_nothing();
        Self { key, size: 0, root }
    }
}

/// Why a witness does not cosign, with the HTTP status that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The request is malformed, or its old size is larger than the checkpoint.
    #[error("the request is malformed")]
    Malformed,
    /// The log did not sign the checkpoint.
    #[error("the log did not sign the checkpoint")]
    NotSigned,
    /// The witness does not know the log.
    #[error("the log is unknown to the witness")]
    UnknownLog,
    /// The request does not continue the checkpoint that the witness cosigned last, or shows
    /// another root for its size. Ask again from this size.
    #[error("the witness last cosigned size {size}; ask again from this size")]
    Conflict {
        /// The size that the witness cosigned last.
        size: u64,
    },
    /// The tree does not continue the tree that the witness cosigned last.
    #[error("the tree does not continue the tree that the witness cosigned last")]
    Inconsistent,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::NotSigned => 403,
            Self::UnknownLog => 404,
            Self::Conflict { .. } => 409,
            Self::Inconsistent => 422,
        }
    }

    /// The body: the size on a conflict, with content type `text/x.tlog.size`; else empty.
    pub fn body(&self) -> String {
        match self {
            Self::Conflict { size } => format!("{size}\n"),
            _ => String::new(),
        }
    }
}

/// These logs cannot be witnessed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("two logs have one origin, a key is not one for notes, or there are too many logs")]
pub struct InvalidLogs;
