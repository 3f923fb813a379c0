//! [`SessionSet`] in parts, for who stores them after each message: what a message costs does not grow with the skipped keys.

use core::fmt;

use zeroize::Zeroizing;

use super::{MAX_SESSIONS, SessionSet};
use crate::codec::Reader;
use crate::error::DecodeError;
use crate::session::{MAX_SESSION_STATE_LEN, Session};
use crate::skipped::{Form, MAX_PAGE_LEN, PageChange, PageId};

/// What [`SessionSet::export_parts`] gives: to be stored together, or not at all.
pub struct SessionSetParts {
    /// Secret bytes of all but the skipped keys: 28, and each session as in [`Session::export`] without them.
    pub state: Zeroizing<Vec<u8>>,
    /// Pages of skipped keys that changed, to be applied in this order.
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
    /// What [`SessionSet::export`] gives, in parts: the state, and of the skipped keys only the pages that changed since this was last
    /// called. The first time, and with sessions that [`SessionSet::import`] read, those are all: what was stored of earlier pages is to be
    /// removed then.
    ///
    /// What is taken is not given again. If it could not be stored, go on with what [`SessionSet::import_parts`] reads from the store.
    #[must_use = "what changed is not given again"]
    pub fn export_parts(&mut self) -> SessionSetParts {
        let state = self.write(Form::Parts);
        let left = core::mem::take(&mut self.left_pages);
        // A peer can start again under the base key of a session that gave way: then its page is removed, and put anew.
        let mut pages: Vec<_> = left.into_iter().map(removed).collect();
        for session in self.all_mut() {
            pages.append(&mut session.take_page_changes());
        }
        SessionSetParts { state, pages }
    }

    /// Reads the last state that [`SessionSet::export_parts`] gave, and all pages there are, in any order.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else: also if a page is missing, or is none of these sessions.
    pub fn import_parts(
        state: &[u8],
        pages: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<Self, DecodeError> {
        let max = 29 + MAX_SESSIONS * MAX_SESSION_STATE_LEN;
        let mut sessions = Self::read(state, max, Form::Parts)?;
        for page in pages {
            let mut reader = Reader::new(page.as_ref(), MAX_PAGE_LEN)?;
            let base_key: &[u8; 32] = reader.array()?;
            let mut all = sessions.all_mut();
            // CHK-47: no page of a session that is not held.
            all.find(|session| session.base_key().as_bytes() == base_key)
                .ok_or(DecodeError::Malformed)?
                .read_page(reader)?;
        }
        for session in sessions.all_mut() {
            session.finish_pages()?;
        }
        Ok(sessions)
    }

    /// Destroys the sessions; names the pages that were stored of them, which are to be removed.
    #[must_use = "pages that stay are of no session"]
    pub fn destroy(self) -> Vec<PageId> {
        let mut pages = self.left_pages;
        for session in self.others.iter().chain([&self.sending]) {
            pages.extend(session.kept_pages());
        }
        pages
    }

    /// Bytes of all pages of skipped keys together: 45 each, and 76 for each key. 0 if no message is missing.
    #[must_use]
    pub fn pages_len(&self) -> usize {
        let sessions = self.others.iter().chain([&self.sending]);
        sessions
            .map(Session::pages_len)
            .fold(0, usize::saturating_add)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.others.iter_mut().chain([&mut self.sending])
    }
}

fn removed(id: PageId) -> PageChange {
    PageChange { id, bytes: None }
}
