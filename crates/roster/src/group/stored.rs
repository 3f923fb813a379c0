//! Stores what is kept of a group.

use super::entry::SignedEntry;
use super::form;
use super::log::GroupLog;
use super::proof::AuthorityChain;
use super::state::GroupState;
use crate::codec::{put_long, put_medium};
use crate::delegation::VERSION;
use crate::error::GroupError;
use crate::limits::{MAX_GROUP_LOG_LEN, MAX_RECENT_STATES};

#[cfg(test)]
mod tests;

impl GroupLog {
    /// Writes the log, to store it.
    ///
    /// ```text
    /// 01 || len be32 || state || len be16 || signed entry || len be32 || authority chain
    /// || count u8 (0 to 64) || count x hash 32
    /// ```
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_long(&mut out, &self.state.encode());
        put_medium(&mut out, &self.entry.encode());
        put_long(&mut out, &self.chain.encode());
        // At most 64 hashes are kept.
        out.push(u8::try_from(self.recent.len()).unwrap_or(u8::MAX));
        for hash in &self.recent {
            out.extend_from_slice(hash);
        }
        out
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`GroupError`] for anything else.
    ///
    /// # Security
    /// Only for one's own storage: it trusts that the signatures were verified before.
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupError> {
        let mut reader = form::open(bytes, MAX_GROUP_LOG_LEN)?;
        // CHK-392: whole, without further bytes, and the parts belong together.
        let malformed = GroupError::Malformed;
        let state = reader.long().ok_or(malformed)?;
        let entry = reader.medium().ok_or(malformed)?;
        let chain = reader.long().ok_or(malformed)?;
        let count = reader.u8().ok_or(malformed)?;
        let mut recent = Vec::new();
        for _ in 0..count {
            recent.push(reader.array().ok_or(GroupError::Malformed)?);
        }
        reader.finish().ok_or(GroupError::Malformed)?;
        let log = Self {
            state: GroupState::decode(state)?,
            entry: SignedEntry::decode(entry)?,
            chain: AuthorityChain::restore(chain)?,
            recent,
        };
        match log.is_possible() {
            true => Ok(log),
            false => Err(GroupError::Malformed),
        }
    }

    fn is_possible(&self) -> bool {
        let (state, entry, chain) = (&self.state, &self.entry, &self.chain);
        let (version, last) = (state.version(), self.recent.last());
        chain.group() == state.group()
            && chain.authority() == state.authority()
            && chain.version() <= version
            && entry.group() == state.group()
            && entry.version() == version
            && entry.state_hash() == state.hash()
            && self.recent.len() <= MAX_RECENT_STATES
            && u64::try_from(self.recent.len()).is_ok_and(|count| count < version)
            && last.is_none_or(|hash| *hash == entry.previous())
    }
}
