//! Checkpoints: size and root of the tree, as the text of a note. (C2SP tlog-checkpoint)

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::codec::decimal;
use crate::labels;
use crate::limits::{MAX_NAME_LEN, MAX_TREE_SIZE};
use crate::merkle::TreeHash;
use crate::note::{Note, NoteError, Signer};

#[cfg(test)]
mod tests;

/// What a log says about its tree. Unsigned: a note joins it to signatures.
///
/// ```text
/// origin
/// size
/// base64(root)
/// extension lines, if any
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: TreeHash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// Makes the checkpoint of a tree. `origin` names the log: a URL without its scheme.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`] if the origin is empty, longer than 255 bytes, has control
    /// characters, or is the first line of a promise; or if the size is above the limit.
    pub fn new(origin: &str, size: u64, root: TreeHash) -> Result<Self, CheckpointError> {
        Self {
            origin: origin.to_owned(),
            size,
            root,
            extensions: Vec::new(),
        }
        .check()
        .ok_or(CheckpointError::Malformed)
    }

    /// Reads the text of a note, whose signatures the caller has checked or is about to check.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`] if it is not the text of a checkpoint.
    pub fn decode(text: &str) -> Result<Self, CheckpointError> {
        Self::parse(text).ok_or(CheckpointError::Malformed)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let origin = lines.next()?.to_owned();
        let size = decimal(lines.next()?)?;
        let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        Self {
            origin,
            size,
            root: TreeHash::from_bytes(root),
            extensions: lines.map(str::to_owned).collect(),
        }
        .check()
    }

    fn check(self) -> Option<Self> {
        // CHK-138: origin, size and root in their canonical form. A promise is no checkpoint.
        let is_line = |line: &str| !line.is_empty() && !line.contains(char::is_control);
        let promise = self.origin.as_bytes() == labels::PROMISE.trim_ascii_end();
        let valid = is_line(&self.origin)
            && self.origin.len() <= MAX_NAME_LEN
            && !promise
            && self.size <= MAX_TREE_SIZE
            && self.extensions.iter().all(|line| is_line(line));
        valid.then_some(self)
    }

    /// Signs the checkpoint. The name of the log's key is the origin.
    ///
    /// # Errors
    /// [`CheckpointError::OtherOrigin`] if the key has another name.
    ///
    /// # Security
    /// Sign only what was stored first. Two signed checkpoints that are not consistent are proof of
    /// a fork.
    pub fn sign(&self, signer: &Signer) -> Result<Note, CheckpointError> {
        if signer.verifier().name() != self.origin {
            return Err(CheckpointError::OtherOrigin);
        }
        Ok(Note::sign(self.to_string(), signer)?)
    }

    /// Names the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree.
    pub fn root(&self) -> &TreeHash {
        &self.root
    }

    /// Lines after the root, which mean nothing to this crate.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

/// The text that is signed.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = STANDARD.encode(self.root.as_bytes());
        writeln!(f, "{}\n{}\n{root}", self.origin, self.size)?;
        for line in &self.extensions {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

/// A note is not a checkpoint of this log, or lacks a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The note is malformed, or a known key's signature does not verify.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is not that of a checkpoint.
    #[error("the text is not a checkpoint")]
    Malformed,
    /// The checkpoint is of another log.
    #[error("the checkpoint is of another log")]
    OtherOrigin,
    /// The log did not sign the checkpoint.
    #[error("the log did not sign the checkpoint")]
    NotOfTheLog,
    /// The vault did not cosign the checkpoint. Wait for its cosignature. If it never comes, the
    /// log may show you another tree than the vault.
    #[error("the vault did not cosign the checkpoint; wait for its cosignature")]
    NotOfTheVault,
    /// Too few witnesses cosigned the checkpoint.
    #[error(
        "{found} witnesses cosigned the checkpoint, and {quorum} must; ask the witnesses again"
    )]
    TooFewWitnesses {
        /// Number of witnesses that cosigned it.
        found: usize,
        /// Number of witnesses that must.
        quorum: usize,
    },
}
