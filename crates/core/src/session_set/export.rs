//! Export and import of a whole [`SessionSet`], as versioned bytes.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::{MAX_SESSIONS, SessionSet};
use crate::codec::{Reader, SESSION_VERSION, Writer};
use crate::error::DecodeError;
use crate::session::{MAX_SESSION_EXPORT_LEN, Session};
use crate::skipped::Form;

impl SessionSet {
    /// Exports all sessions as secret bytes for this device's storage. They are wiped on drop.
    ///
    /// To store them after each message, use [`SessionSet::export_parts`], which writes less.
    ///
    /// # Size
    /// 28 bytes, and each session as in [`Session::export`].
    #[must_use]
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        self.write(Form::Whole)
    }

    /// Reads what [`SessionSet::export`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for any other bytes.
    pub fn import(bytes: &[u8]) -> Result<Self, DecodeError> {
        let max = 29 + MAX_SESSIONS * MAX_SESSION_EXPORT_LEN;
        Self::read(bytes, max, Form::Whole)
    }

    pub(super) fn write(&self, form: Form) -> Zeroizing<Vec<u8>> {
        let sessions = self.all();
        let mut writer = Writer::new(
            SESSION_VERSION,
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
        let mut reader = Reader::new(SESSION_VERSION, bytes, max)?;
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
        // Pages name their session by its base key, so no two sessions may share one.
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
