//! Which blobs the relay keeps for the review of a report.

use std::error::Error;

use waxseal_reporting::BlobId;
use waxseal_reporting::reviewer::{VerifiedMessage, VerifiedReport};

use crate::Reviewer;

/// Which blobs the relay keeps for the review of a report.
pub struct Kept(Vec<String>);

impl Kept {
    /// Asks the relay, if the report shows files.
    pub fn of(
        reviewer: &Reviewer,
        report_id: &str,
        report: &VerifiedReport,
    ) -> Result<Self, Box<dyn Error>> {
        let mut files = report.messages().iter().flat_map(VerifiedMessage::files);
        if !files.any(|file| file.blob().is_some()) {
            return Ok(Self(Vec::new()));
        }
        let named = reviewer.relay.report_blobs(&reviewer.session, report_id)?;
        let kept = named.blobs.into_iter().filter(|named| named.is_kept);
        Ok(Self(kept.map(|named| named.blob).collect()))
    }

    pub fn has(&self, blob: &BlobId) -> bool {
        self.0.contains(&blob.to_text())
    }
}
