//! What a witness remembers, as bytes to be stored.

use thiserror::Error;

use super::{Witness, WitnessedLog};
use crate::codec::{Reader, put_medium};
use crate::limits::{MAX_TREE_SIZE, MAX_WITNESSED_LOGS};
use crate::merkle::TreeHash;
use crate::note::{Cosigner, Verifier};

/// Version byte of a witness's memory.
const VERSION: u8 = 0x01;

impl Witness {
    /// What the witness remembers, without its secret key.
    ///
    /// ```text
    /// 01 || count be16 || for each log: length be16 || vkey || size be64 || root 32
    /// ```
    pub fn export(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        let count = u16::try_from(self.logs.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        for log in &self.logs {
            put_medium(&mut out, log.key.to_string().as_bytes());
            out.extend_from_slice(&log.size.to_be_bytes());
            out.extend_from_slice(log.root.as_bytes());
        }
        out
    }

    /// Restores a witness from what it exported last.
    ///
    /// # Errors
    /// [`WitnessStateError`] if the bytes are not such an export.
    pub fn import(cosigner: Cosigner, bytes: &[u8]) -> Result<Self, WitnessStateError> {
        let mut reader = Reader::new(bytes);
        if reader.u8() != Some(VERSION) {
            return Err(WitnessStateError);
        }
        let logs = read(reader).ok_or(WitnessStateError)?;
        let keys = logs.iter().map(|log| log.key.clone()).collect();
        let witness = Self::new(cosigner, keys).map_err(|_| WitnessStateError)?;
        Ok(Self { logs, ..witness })
    }
}

fn read(mut reader: Reader<'_>) -> Option<Vec<WitnessedLog>> {
    let count = usize::from(reader.u16()?);
    if count > MAX_WITNESSED_LOGS {
        return None;
    }
    let mut logs = Vec::new();
    for _ in 0..count {
        let vkey = core::str::from_utf8(reader.medium()?).ok()?;
        let key: Verifier = vkey.parse().ok()?;
        let size = reader.u64()?;
        let root = TreeHash::from_bytes(reader.array()?);
        if size > MAX_TREE_SIZE {
            return None;
        }
        logs.push(WitnessedLog { key, size, root });
    }
    reader.finish()?;
    Some(logs)
}

/// The bytes are not what a witness exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the bytes are not an exported witness; restore the last export")]
pub struct WitnessStateError;
