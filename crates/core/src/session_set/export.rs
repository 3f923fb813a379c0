//! [`SessionSet`] as versioned bytes.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::{MAX_SESSIONS, SessionSet};
use crate::codec::{Reader, Writer};
use crate::error::DecodeError;
use crate::session::{MAX_SESSION_EXPORT_LEN, Session};
use crate::skipped::Form;

impl SessionSet {
    /// Secret bytes for this device's storage, wiped on drop: 28 bytes and its sessions; see [`Session::export`]. To store them after
    /// each message, [`SessionSet::export_parts`] gives less.
    #[must_use]
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        self.write(Form::Whole)
    }

    /// Reads what [`SessionSet::export`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else.
    pub fn import(bytes: &[u8]) -> Result<Self, DecodeError> {
        let max = 29 + MAX_SESSIONS * MAX_SESSION_EXPORT_LEN;
        Self::read(bytes, max, Form::Whole)
    }

    pub(super) fn write(&self, form: Form) -> Zeroizing<Vec<u8>> {
        let sessions = self.others.iter().chain([&self.sending]);
        let mut writer = Writer::new(
            sessions
                .clone()
                .map(|session| session.export_len(form))
                .fold(28, usize::saturating_add),
        );
        writer.u32(self.selection);
        writer.u64(self.dropped_steps);
        writer.u64(self.dropped_epochs);
        writer.u32(self.left_age);
        writer.count(self.count());
        for session in sessions {
            session.write(&mut writer, form);
        }
        writer.finish()
    }

    pub(super) fn read(bytes: &[u8], max: usize, form: Form) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, max)?;
        let selection = reader.u32()?;
        let dropped_steps = reader.u64()?;
        let dropped_epochs = reader.u64()?;
        let left_age = reader.u32()?;
        let mut others = Vec::new();
        for _ in 0..reader.count(MAX_SESSIONS, 1)? {
            others.push(Session::read(&mut reader, form)?);
        }
        reader.finish()?;
        let sending = others.pop().ok_or(DecodeError::Malformed)?;
        if others
            .iter()
            .any(|session| session.peer() != sending.peer())
        {
            return Err(DecodeError::Malformed);
        }
        // Pages name their session by its base key.
        let base_keys = others.iter().chain([&sending]).map(Session::base_key);
        if base_keys.collect::<BTreeSet<_>>().len() != others.len().saturating_add(1) {
            return Err(DecodeError::Malformed);
        }
        Ok(Self {
            sending,
            others,
            selection,
            dropped_steps,
            dropped_epochs,
            left_age,
            left_pages: Vec::new(),
        })
    }
}
