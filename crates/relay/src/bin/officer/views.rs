//! Opened views, in memory only. The vault shows a report once for each opening, so a page that is
//! loaded again must not need another one.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use waxseal_desk::vault::View;
use waxseal_relay::desk::Hex;
use zeroize::Zeroizing;

/// How long a view is kept: one hour.
pub const VIEW_LIFE: Duration = Duration::from_secs(3_600);
/// Maximum number of views that are kept. The oldest one is closed for a new one.
const MAX_VIEWS: usize = 64;
/// Maximum number of bytes of files that are kept for one view.
pub const MAX_FILES_LEN: usize = 256 << 20;

/// An opened report.
pub struct Opened {
    pub case: Hex<16>,
    pub grant: Hex<16>,
    pub report: Hex<16>,
    pub view: View,
    at: Instant,
    files: Mutex<BTreeMap<(u8, u8), Arc<Fetched>>>,
}

/// A file that was fetched and verified, by message and part.
pub struct Fetched {
    /// The media type, if the bytes are those of a picture that browsers show.
    pub picture: Option<&'static str>,
    pub bytes: Zeroizing<Vec<u8>>,
    /// Number of bytes that the reporter showed. All others are zeros.
    pub shown: u64,
}

impl Opened {
    pub fn new(
        case: Hex<16>,
        (grant, report): (Hex<16>, Hex<16>),
        view: View,
        now: Instant,
    ) -> Self {
        Self {
            case,
            grant,
            report,
            view,
            at: now,
            files: Mutex::default(),
        }
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<(u8, u8), Arc<Fetched>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file that was fetched.
    pub fn file(&self, place: (u8, u8)) -> Option<Arc<Fetched>> {
        self.files().get(&place).cloned()
    }

    /// Keeps a file. `false` if there is no room for it.
    pub fn keep(&self, place: (u8, u8), file: Fetched) -> bool {
        let mut files = self.files();
        let kept = files.values().map(|file| file.bytes.len());
        let len = kept.fold(file.bytes.len(), usize::saturating_add);
        if len > MAX_FILES_LEN {
            return false;
        }
        files.insert(place, Arc::new(file));
        true
    }

    /// How long it is still kept.
    pub fn left(&self, now: Instant) -> Duration {
        VIEW_LIFE.saturating_sub(now.saturating_duration_since(self.at))
    }
}

/// All views that are kept.
#[derive(Default)]
pub struct Views(Vec<Arc<Opened>>);

impl Views {
    /// Keeps a view.
    pub fn keep(&mut self, opened: Opened) {
        self.close(&opened.grant, &opened.report);
        if self.0.len() >= MAX_VIEWS {
            self.0.remove(0);
        }
        self.0.push(Arc::new(opened));
    }

    /// The view of a report under a grant.
    pub fn get(&mut self, grant: &Hex<16>, report: &Hex<16>, now: Instant) -> Option<Arc<Opened>> {
        self.close_old(now);
        let is = |opened: &&Arc<Opened>| opened.grant == *grant && opened.report == *report;
        self.0.iter().find(is).cloned()
    }

    /// Closes a view.
    pub fn close(&mut self, grant: &Hex<16>, report: &Hex<16>) {
        let is = |opened: &Arc<Opened>| opened.grant == *grant && opened.report == *report;
        self.0.retain(|opened| !is(opened));
    }

    /// Closes the views that were opened an hour ago.
    pub fn close_old(&mut self, now: Instant) {
        self.0.retain(|opened| !opened.left(now).is_zero());
    }

    /// Closes all views.
    pub fn close_all(&mut self) {
        self.0.clear();
    }

    /// The views of a case.
    pub fn of_case(&self, case: &Hex<16>) -> Vec<Arc<Opened>> {
        let views = self.0.iter().filter(|opened| opened.case == *case);
        views.cloned().collect()
    }

    /// Whether there is one of this report under this grant.
    pub fn has(&self, grant: &Hex<16>, report: &Hex<16>) -> bool {
        let mut views = self.0.iter();
        views.any(|opened| opened.grant == *grant && opened.report == *report)
    }
}

#[cfg(test)]
mod tests;
