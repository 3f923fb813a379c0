//! [`Sessions`] as versioned bytes.

use zeroize::Zeroizing;

use super::{MAX_SESSIONS, Sessions};
use crate::codec::{Reader, Writer};
use crate::error::DecodeError;
use crate::session::{MAX_SESSION_EXPORT_LEN, Session};

impl Sessions {
    /// Secret bytes for this device's storage, wiped on drop: 28 bytes and its sessions; see [`Session::export`].
    #[must_use]
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let sessions = self.others.iter().chain([&self.sending]);
        let mut writer = Writer::new(
            sessions
                .clone()
                .map(Session::export_len)
                .fold(28, usize::saturating_add),
        );
        writer.u32(self.selection);
        writer.u64(self.dropped_steps);
        writer.u64(self.dropped_epochs);
        writer.u32(self.left_age);
        writer.count(self.count());
        for session in sessions {
            session.write(&mut writer);
        }
        writer.finish()
    }

    /// Reads what [`Sessions::export`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn import(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, 29 + MAX_SESSIONS * MAX_SESSION_EXPORT_LEN)?;
        let selection = reader.u32()?;
        let dropped_steps = reader.u64()?;
        let dropped_epochs = reader.u64()?;
        let left_age = reader.u32()?;
        let mut others = Vec::new();
        for _ in 0..reader.count(MAX_SESSIONS, 1)? {
            others.push(Session::read(&mut reader)?);
        }
        reader.finish()?;
        let sending = others.pop().ok_or(DecodeError::Malformed)?;
        if others
            .iter()
            .any(|session| session.peer() != sending.peer())
        {
            return Err(DecodeError::Malformed);
        }
        Ok(Self {
            sending,
            others,
            selection,
            dropped_steps,
            dropped_epochs,
            left_age,
        })
    }
}
