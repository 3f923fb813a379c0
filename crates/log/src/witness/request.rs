//! The body of an `add-checkpoint` request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::codec::decimal;
use crate::limits::{MAX_ADD_CHECKPOINT_LEN, MAX_WITNESS_PROOF_HASHES};
use crate::merkle::TreeHash;
use crate::note::Note;

/// A request to cosign a checkpoint.
///
/// ```text
/// old <size>
/// base64(hash), one line for each hash of the proof
///
/// the note
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness cosigned last, as the log remembers it; 0 if it never did.
    pub old: u64,
    /// Consistency proof from the old size to the checkpoint.
    pub proof: Vec<TreeHash>,
    /// The checkpoint, signed by the log.
    pub note: Note,
}

impl AddCheckpoint {
    /// The body.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = format!("old {}\n", self.old);
        for hash in &self.proof {
            body.push_str(&STANDARD.encode(hash.as_bytes()));
            body.push('\n');
        }
        body.push_str(&format!("\n{}", self.note));
        body.into_bytes()
    }

    /// Decodes a body. Checks neither signature nor proof.
    ///
    /// # Errors
    /// [`AddCheckpointError`] if it is malformed, too long, or has more than
    /// [`MAX_WITNESS_PROOF_HASHES`] hashes.
    pub fn decode(body: &[u8]) -> Result<Self, AddCheckpointError> {
        if body.len() > MAX_ADD_CHECKPOINT_LEN {
            return Err(AddCheckpointError);
        }
        let body = core::str::from_utf8(body).map_err(|_| AddCheckpointError)?;
        Self::parse(body).ok_or(AddCheckpointError)
    }

    fn parse(body: &str) -> Option<Self> {
        let (old, mut rest) = body.split_once('\n')?;
        let old = decimal(old.strip_prefix("old ")?)?;
        let mut proof = Vec::new();
        loop {
            let (line, next) = rest.split_once('\n')?;
            rest = next;
            if line.is_empty() {
                break;
            }
            if proof.len() == MAX_WITNESS_PROOF_HASHES {
                return None;
            }
            let hash = STANDARD.decode(line).ok()?.try_into().ok()?;
            proof.push(TreeHash::from_bytes(hash));
        }
        let note = Note::decode(rest.as_bytes()).ok()?;
        Some(Self { old, proof, note })
    }
}

/// The body is not an `add-checkpoint` request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the body is not an add-checkpoint request")]
pub struct AddCheckpointError;
