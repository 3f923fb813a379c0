//! The keys of a log that others pin: of the log, the vault, the witnesses and the policy.

use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::codec::decimal;
use crate::entry::PolicyPublicKey;
use crate::limits::{MAX_KEYS_LEN, MAX_WITNESSES};
use crate::merkle::TreeHash;
use crate::note::{Algorithm, Note, NoteError, Verifier, VerifierError};

#[cfg(test)]
mod tests;

/// The public keys of a log. Anyone who checks the log or a receipt pins them.
///
/// Its text form is the file `keys` in the log's folder. [`Display`](fmt::Display) writes it, and
/// [`FromStr`] reads it. The last line is optional.
///
/// ```text
/// log <vkey>
/// vault <vkey>
/// witness <vkey>
/// quorum <number>
/// policy <base64 of 32 bytes>
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKeys {
    log: Verifier,
    vault: Verifier,
    witnesses: Vec<Verifier>,
    quorum: usize,
    policy: Option<PolicyPublicKey>,
}

impl LogKeys {
    /// Joins the keys of a log. The name of the log's key is the log's origin.
    ///
    /// # Errors
    /// [`KeysError`] if a key is for another purpose or occurs twice, if there are more than
    /// [`MAX_WITNESSES`] witnesses, or if the quorum is larger than their number.
    pub fn new(
        log: Verifier,
        vault: Verifier,
        witnesses: Vec<Verifier>,
        quorum: usize,
        policy: Option<PolicyPublicKey>,
    ) -> Result<Self, KeysError> {
        // CHK-142: each key once and for its own purpose, and a quorum that can be reached.
        let cosigners = || witnesses.iter().chain([&vault]);
        if log.algorithm() != Algorithm::Note
            || cosigners().any(|key| key.algorithm() != Algorithm::Cosignature)
        {
            return Err(KeysError::OtherAlgorithm);
        }
        if witnesses.len() > MAX_WITNESSES {
            return Err(KeysError::TooManyWitnesses);
        }
        if quorum > witnesses.len() {
            return Err(KeysError::Quorum);
        }
        let mut keys: Vec<&[u8; 32]> = cosigners().chain([&log]).map(Verifier::key).collect();
        keys.extend(policy.as_ref().map(PolicyPublicKey::as_bytes));
        let all = cosigners().chain([&log]);
        let mut ids: Vec<_> = all.map(|key| (key.name(), key.id())).collect();
        if has_twice(&mut keys) || has_twice(&mut ids) {
            return Err(KeysError::Twice);
        }
        // The origin is the name of the log's key, so the name must be usable as an origin.
        Checkpoint::new(log.name(), 0, TreeHash::of_nothing()).map_err(|_| KeysError::Malformed)?;
        Ok(Self {
            log,
            vault,
            witnesses,
            quorum,
            policy,
        })
    }

    /// The log's origin, which is the name of its key.
    pub fn origin(&self) -> &str {
        self.log.name()
    }

    /// The log's key.
    pub fn log(&self) -> &Verifier {
        &self.log
    }

    /// The vault's key.
    pub fn vault(&self) -> &Verifier {
        &self.vault
    }

    /// The witnesses' keys.
    pub fn witnesses(&self) -> &[Verifier] {
        &self.witnesses
    }

    /// Number of witnesses that must cosign a checkpoint.
    pub fn quorum(&self) -> usize {
        self.quorum
    }

    /// The key that signs policies, if it is known.
    pub fn policy(&self) -> Option<&PolicyPublicKey> {
        self.policy.as_ref()
    }

    /// Checks that the log signed a checkpoint, and that the vault and enough witnesses cosigned
    /// it.
    ///
    /// # Errors
    /// [`CheckpointError`] if the note is not such a checkpoint.
    pub fn verify(&self, note: &Note) -> Result<VerifiedCheckpoint, CheckpointError> {
        let witnessed = self.verify_for_vault(note)?;
        // CHK-140: the vault cosigned the checkpoint.
        let vault_time = note.cosigned_by(&self.vault).map_err(|error| match error {
            NoteError::NotSigned => CheckpointError::NotOfTheVault,
            error => error.into(),
        })?;
        Ok(VerifiedCheckpoint {
            witnessed,
            vault_time,
        })
    }

    /// Checks what [`verify`](Self::verify) checks, without the vault's own cosignature. For the
    /// vault, which cosigns afterwards.
    ///
    /// # Errors
    /// [`CheckpointError`] if the note is not a checkpoint that the log signed and enough witnesses
    /// cosigned.
    pub fn verify_for_vault(&self, note: &Note) -> Result<WitnessedCheckpoint, CheckpointError> {
        // CHK-139: the log signed the checkpoint, and the checkpoint is of this log.
        let checkpoint = of_log(&self.log, note)?;
        let mut witness_times = Vec::new();
        for witness in &self.witnesses {
            match note.cosigned_by(witness) {
                Ok(time) => witness_times.push(time),
                Err(NoteError::NotSigned) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // CHK-141: a quorum of different witnesses cosigned the checkpoint.
        if witness_times.len() < self.quorum {
            return Err(CheckpointError::TooFewWitnesses {
                found: witness_times.len(),
                quorum: self.quorum,
            });
        }
        Ok(WitnessedCheckpoint {
            checkpoint,
            witness_times,
        })
    }
}

/// Sorts values, and says whether one occurs twice.
fn has_twice<T: Ord>(values: &mut [T]) -> bool {
    values.sort_unstable();
    values
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a == b))
}

/// Checks that a log signed a checkpoint of its own.
pub(crate) fn of_log(log: &Verifier, note: &Note) -> Result<Checkpoint, CheckpointError> {
    note.signed_by(log).map_err(|error| match error {
        NoteError::NotSigned => CheckpointError::NotOfTheLog,
        error => error.into(),
    })?;
    let checkpoint = Checkpoint::decode(note.text())?;
    if checkpoint.origin() != log.name() {
        return Err(CheckpointError::OtherOrigin);
    }
    Ok(checkpoint)
}

/// A checkpoint that the log signed and enough witnesses cosigned. Only [`LogKeys`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessedCheckpoint {
    checkpoint: Checkpoint,
    witness_times: Vec<u64>,
}

impl WitnessedCheckpoint {
    /// The checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.checkpoint.size()
    }

    /// Root of the tree.
    pub fn root(&self) -> &TreeHash {
        self.checkpoint.root()
    }

    /// When each witness cosigned, in seconds since 1970-01-01, UTC.
    pub fn witness_times(&self) -> &[u64] {
        &self.witness_times
    }
}

/// A checkpoint that the log signed, and the vault and enough witnesses cosigned. Only [`LogKeys`]
/// makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    witnessed: WitnessedCheckpoint,
    vault_time: u64,
}

impl VerifiedCheckpoint {
    /// The checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.witnessed.checkpoint
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.witnessed.size()
    }

    /// Root of the tree.
    pub fn root(&self) -> &TreeHash {
        self.witnessed.root()
    }

    /// When the vault cosigned, in seconds since 1970-01-01, UTC.
    pub fn vault_time(&self) -> u64 {
        self.vault_time
    }

    /// When each witness cosigned, in seconds since 1970-01-01, UTC.
    pub fn witness_times(&self) -> &[u64] {
        &self.witnessed.witness_times
    }
}

/// The file `keys`.
impl fmt::Display for LogKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "log {}\nvault {}", self.log, self.vault)?;
        for witness in &self.witnesses {
            writeln!(f, "witness {witness}")?;
        }
        writeln!(f, "quorum {}", self.quorum)?;
        if let Some(policy) = &self.policy {
            writeln!(f, "policy {}", STANDARD.encode(policy.as_bytes()))?;
        }
        Ok(())
    }
}

/// Reads the file `keys`.
impl FromStr for LogKeys {
    type Err = KeysError;

    fn from_str(text: &str) -> Result<Self, KeysError> {
        if text.len() > MAX_KEYS_LEN {
            return Err(KeysError::TooLong);
        }
        let mut lines = text
            .strip_suffix('\n')
            .ok_or(KeysError::Malformed)?
            .split('\n')
            .peekable();
        let mut field = |name: &str| {
            let line = lines.next_if(|line| line.starts_with(name))?;
            line.strip_prefix(name)
        };
        let log = field("log ").ok_or(KeysError::Malformed)?.parse()?;
        let vault = field("vault ").ok_or(KeysError::Malformed)?.parse()?;
        let mut witnesses = Vec::new();
        while let Some(witness) = field("witness ") {
            witnesses.push(witness.parse()?);
        }
        let quorum = field("quorum ")
            .and_then(decimal)
            .and_then(|quorum| usize::try_from(quorum).ok())
            .ok_or(KeysError::Malformed)?;
        let policy = match field("policy ") {
            None => None,
            Some(key) => Some(policy_key(key).ok_or(KeysError::Malformed)?),
        };
        if lines.next().is_some() {
            return Err(KeysError::Malformed);
        }
        Self::new(log, vault, witnesses, quorum, policy)
    }
}

fn policy_key(text: &str) -> Option<PolicyPublicKey> {
    let bytes = STANDARD.decode(text).ok()?;
    PolicyPublicKey::from_bytes(bytes.as_slice().try_into().ok()?)
}

/// The keys of a log cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The file is longer than [`MAX_KEYS_LEN`].
    #[error("the file of keys is longer than 16 KiB")]
    TooLong,
    /// A line is missing, out of order or unknown.
    #[error("the file of keys is malformed")]
    Malformed,
    /// A key in the file cannot be read.
    #[error(transparent)]
    Key(#[from] VerifierError),
    /// The log's key must be one for notes, and all others must be for cosignatures.
    #[error("a key is for another algorithm than its role needs")]
    OtherAlgorithm,
    /// There are more than [`MAX_WITNESSES`] witnesses.
    #[error("there are more than 14 witnesses")]
    TooManyWitnesses,
    /// The quorum is larger than the number of witnesses.
    #[error("the quorum is larger than the number of witnesses")]
    Quorum,
    /// One key occurs twice. Each role has a key of its own.
    #[error("a key occurs twice; each role needs a key of its own")]
    Twice,
}
