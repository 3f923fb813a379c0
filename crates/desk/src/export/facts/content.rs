//! What an officer was shown and lets go along, as bytes.

use waxseal_reporting::intake::ReportId;

use crate::codec::{Reader, put_long};
use crate::format::{DecodeError, VERSION, versioned};
use crate::vault::View;

/// Maximum length of the content that goes along with an export: 4 MiB.
pub const MAX_CONTENT_LEN: usize = 4 << 20;

/// A report as it was shown to an officer.
pub struct ShownReport {
    /// The report.
    pub report: ReportId,
    /// What was shown.
    pub view: View,
}

/// Writes what goes along: `01 || count u8 || each: report 16 || long(view)`; nothing at all if it
/// is empty.
pub fn encode_content(shown: &[ShownReport]) -> zeroize::Zeroizing<Vec<u8>> {
    let mut out = zeroize::Zeroizing::new(Vec::new());
    if shown.is_empty() {
        return out;
    }
    out.push(VERSION);
    out.push(u8::try_from(shown.len()).unwrap_or(u8::MAX));
    for one in shown {
        out.extend_from_slice(one.report.as_bytes());
        put_long(&mut out, &one.view.encode());
    }
    out
}

/// Reads what goes along. A report is there once.
///
/// # Errors
/// [`DecodeError`].
pub fn decode_content(bytes: &[u8]) -> Result<Vec<ShownReport>, DecodeError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let mut reader = Reader::new(versioned(bytes, MAX_CONTENT_LEN)?);
    let mut shown: Vec<ShownReport> = Vec::new();
    let count = reader.u8().ok_or(DecodeError::Malformed)?;
    for _ in 0..count {
        let id = reader.array().map(ReportId::from_bytes);
        let (report, view) = id.zip(reader.long()).ok_or(DecodeError::Malformed)?;
        let view = View::decode(view)?;
        if shown.iter().any(|one| one.report == report) {
            return Err(DecodeError::Malformed);
        }
        shown.push(ShownReport { report, view });
    }
    reader.finish().ok_or(DecodeError::Malformed)?;
    if shown.is_empty() {
        return Err(DecodeError::Malformed);
    }
    Ok(shown)
}
