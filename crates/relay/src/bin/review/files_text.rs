//! Shows a sealed file as text: first what is proven or known, then what its sender claims.

use waxseal_reporting::reviewer::{FileAccess, VerifiedFile};

use crate::kept::Kept;
use crate::said::said;

/// The lines about a file. What the sender chose comes last on its line, with `indent` and a bar if
/// it does not fit, so that no name passes for a line of the tool.
pub fn file_lines(file: &VerifiedFile, kept: &Kept, indent: &str) -> Vec<String> {
    let (descriptor, part) = (file.descriptor(), file.part());
    let size = descriptor.size_bytes();
    let shown = match file.access() {
        FileAccess::Whole(_) => "all of it shown".to_owned(),
        FileAccess::Chunks(chunks) => {
            let count = descriptor.shape().chunk_count();
            format!("{} of its {count} chunks shown", chunks.len())
        }
        _ => "no content shown".to_owned(),
    };
    let blob = match file.blob() {
        Some(blob) if kept.has(&blob) => "the relay keeps it",
        Some(_) => "the relay DOES NOT HAVE it",
        None => "the report does not name its blob",
    };
    let begin = format!("{indent}part {part}: ");
    let claims = |what: &str, claim: &str| said(&format!("{begin}{what}: "), claim, indent);
    let mut lines = vec![
        format!("{begin}file of {size} bytes, {shown}; {blob}"),
        claims("name as its sender claims", descriptor.name()),
        claims("type as its sender claims", descriptor.media_type()),
    ];
    if file.blob().is_none() {
        lines.push(claims("location", descriptor.location()));
    }
    if let Some(preview) = file.preview() {
        let len = preview.picture().len();
        let what = format!("small picture of {len} bytes, type as its sender claims");
        lines.push(claims(&what, preview.media_type()));
    }
    lines
}
