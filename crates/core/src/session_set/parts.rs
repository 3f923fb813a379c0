//! Incremental export: after each message only the parts that changed are written.

use core::fmt;

use zeroize::Zeroizing;

use super::{MAX_SESSIONS, SessionSet};
use crate::codec::{Reader, SESSION_VERSION};
use crate::error::DecodeError;
use crate::session::{MAX_SESSION_STATE_LEN, Session};
use crate::skipped::{Form, MAX_PAGE_LEN, PageChange, PageId};

/// The parts of a [`SessionSet`] to write. Store all of them in one transaction, or none.
pub struct SessionSetParts {
    /// Secret bytes of everything except the skipped keys. They replace the stored state.
    ///
    /// # Size
    /// 28 bytes, and each session as in [`Session::export`] without its skipped keys.
    pub state: Zeroizing<Vec<u8>>,
    /// Pages of skipped keys that changed. Apply them in this order.
    pub pages: Vec<PageChange>,
}

impl fmt::Debug for SessionSetParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSetParts")
            .field("pages", &self.pages)
            .finish_non_exhaustive()
    }
}

impl SessionSet {
    /// Exports the state, and the pages of skipped keys that changed since the last call.
    ///
    /// The first call returns all pages, also for a set read by [`SessionSet::import`]. Remove any
    /// earlier pages from storage then.
    ///
    /// Each change is returned once. If storing fails, discard this set and continue with what
    /// [`SessionSet::import_parts`] reads from storage.
    #[must_use = "each change is returned once"]
    pub fn export_parts(&mut self) -> SessionSetParts {
        let state = self.write(Form::Parts);
        let left = core::mem::take(&mut self.left_pages);
        // A peer can start again under the base key of an evicted session. Removals come first, so
        // that the new page is written after the old one is removed.
        let mut pages: Vec<_> = left.into_iter().map(removed).collect();
        for session in self.all_mut() {
            pages.append(&mut session.take_page_changes());
        }
        SessionSetParts { state, pages }
    }

    /// Reads the last state that [`SessionSet::export_parts`] returned, and all stored pages, in
    /// any order.
    ///
    /// # Errors
    /// [`DecodeError`] for any other bytes, also if a page is missing or belongs to none of the
    /// sessions.
    pub fn import_parts(
        state: &[u8],
        pages: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<Self, DecodeError> {
        let max = 29 + MAX_SESSIONS * MAX_SESSION_STATE_LEN;
        let mut sessions = Self::read(state, max, Form::Parts)?;
        for page in pages {
            let mut reader = Reader::new(SESSION_VERSION, page.as_ref(), MAX_PAGE_LEN)?;
            let base_key: &[u8; 32] = reader.array()?;
            let mut all = sessions.all_mut();
            // CHK-47: each page belongs to a session that is held.
            all.find(|session| session.base_key().as_bytes() == base_key)
                .ok_or(DecodeError::Malformed)?
                .read_page(reader)?;
        }
        for session in sessions.all_mut() {
            session.finish_pages()?;
        }
        Ok(sessions)
    }

    /// Destroys the sessions. Returns the names of their stored pages, which storage must remove.
    #[must_use = "storage must remove these pages"]
    pub fn destroy(mut self) -> Vec<PageId> {
        let mut pages = core::mem::take(&mut self.left_pages);
        for session in self.all() {
            pages.extend(session.kept_pages());
        }
        pages
    }

    /// Length of all pages of skipped keys together in bytes. 0 if no message is missing.
    ///
    /// # Size
    /// 45 bytes per page, and 76 per key.
    #[must_use]
    pub fn pages_len(&self) -> usize {
        let lens = self.all().map(Session::pages_len);
        lens.fold(0, usize::saturating_add)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.others.iter_mut().chain([&mut self.sending])
    }
}

fn removed(id: PageId) -> PageChange {
    PageChange { id, bytes: None }
}
