//! Previews what a report will show, so that the user can agree before anything leaves the device.

use core::fmt;

use zeroize::Zeroizing;

use crate::address::{AccountId, DeviceAddress};
use crate::blob::BlobId;
use crate::blobs::ReportedBlob;
use crate::conversation::Audience;
use crate::disclosure::Chosen;
use crate::evidence::Evidence;
use crate::franking::FrankingTag;
use crate::payload::PayloadHeader;
use crate::reason::Reason;
use crate::timestamp::Timestamp;
use crate::transcript::{Entry, Transcript};

/// Everything that the provider will learn from a report.
///
/// The intake sees the reporter and, for each message, the tag, the sender, the audience and the
/// accepted time. It also sees the blobs that the report names. Of a report about an account it
/// sees the reporter and that account. The reviewer sees all of the preview, except the sizes of
/// withheld parts and the files whose descriptors are withheld.
#[derive(Clone)]
pub struct Preview {
    reporter: DeviceAddress,
    about: Option<AccountId>,
    reason: Reason,
    note: Zeroizing<String>,
    messages: Vec<PreviewMessage>,
}

impl Preview {
    pub(crate) fn new(
        reporter: DeviceAddress,
        about: Option<AccountId>,
        reason: Reason,
        note: Zeroizing<String>,
        messages: &[(Evidence, Chosen)],
        blobs: &[ReportedBlob],
    ) -> Self {
        let entries: Vec<_> = messages
            .iter()
            .map(|(evidence, _)| entry(evidence))
            .collect();
        let order = Transcript::new(&entries).positions.into_iter();
        let messages = order
            .filter_map(|(index, _)| Some((index, messages.get(index)?)))
            .map(|(claim, (evidence, chosen))| PreviewMessage::new(evidence, chosen, claim, blobs))
            .collect();
        Self {
            reporter,
            about,
            reason,
            note,
            messages,
        }
    }

    /// The reporting device, shown to the intake and the reviewer.
    pub fn reporter(&self) -> &DeviceAddress {
        &self.reporter
    }

    /// The account that the report is about, shown to the intake and the reviewer. `None` if the
    /// report shows messages.
    pub fn about_account(&self) -> Option<&AccountId> {
        self.about.as_ref()
    }

    /// The reason, shown to the reviewer.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The note, shown to the reviewer.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// The messages in the order in which the reviewer sees them.
    pub fn messages(&self) -> &[PreviewMessage] {
        &self.messages
    }
}

/// Collects what the transcript needs to know about a message.
fn entry(evidence: &Evidence) -> Entry<'_> {
    Entry {
        sender: evidence.sender(),
        accepted_at: evidence.accepted_at(),
        sequence: evidence.sequence(),
        last_seen: evidence.header().last_seen.as_ref(),
        tag: evidence.tag(),
    }
}

impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preview")
            .field("messages", &self.messages.len())
            .finish_non_exhaustive()
    }
}

/// One message of a [`Preview`].
#[derive(Clone)]
pub struct PreviewMessage {
    tag: FrankingTag,
    sender: DeviceAddress,
    audience: Audience,
    accepted_at: Timestamp,
    header: PayloadHeader,
    parts: Vec<PreviewPart>,
    files: Vec<PreviewFile>,
}

impl PreviewMessage {
    fn new(evidence: &Evidence, chosen: &Chosen, claim: usize, blobs: &[ReportedBlob]) -> Self {
        let parts = evidence
            .franked()
            .parts()
            .iter()
            .enumerate()
            .map(|(index, part)| PreviewPart {
                index,
                size_bytes: part.len(),
                shown: chosen.parts.contains(index),
            });
        let attachments = evidence.numbered_attachments().into_iter();
        let files = attachments.filter_map(|(part, attachment)| {
            let file = attachment.file()?;
            let mut named = blobs.iter();
            let named = named.find(|named| (named.claim, named.part) == (claim, part));
            Some(PreviewFile {
                part,
                size_bytes: file.descriptor().size_bytes(),
                opens: PreviewFileOpens::new(chosen, part),
                blob: named.map(|named| named.blob),
            })
        });
        Self {
            tag: *evidence.tag(),
            sender: evidence.sender().clone(),
            audience: evidence.audience().clone(),
            accepted_at: evidence.accepted_at(),
            header: evidence.header().clone(),
            parts: parts.collect(),
            files: files.collect(),
        }
    }

    /// The message's tag, by which the device finds the message.
    pub fn tag(&self) -> &FrankingTag {
        &self.tag
    }

    /// The device that sent the message.
    pub fn sender(&self) -> &DeviceAddress {
        &self.sender
    }

    /// Whom the message was for.
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// When the relay accepted the message.
    pub fn accepted_at(&self) -> Timestamp {
        self.accepted_at
    }

    /// The message's header, part 0, which is always shown.
    pub fn header(&self) -> &PayloadHeader {
        &self.header
    }

    /// The message's parts. The reviewer learns of a withheld part only that it exists.
    pub fn parts(&self) -> &[PreviewPart] {
        &self.parts
    }

    /// The message's files that are sealed in chunks, and what the reviewer can open of each.
    pub fn files(&self) -> &[PreviewFile] {
        &self.files
    }
}

impl fmt::Debug for PreviewMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreviewMessage")
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

/// One part of a [`PreviewMessage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreviewPart {
    /// Number of the part: 0 is the header, 1 the content, 2 and up are the attachments.
    pub index: usize,
    /// Size of the part, in bytes.
    pub size_bytes: usize,
    /// Whether the reviewer will see it.
    pub shown: bool,
}

/// One file of a [`PreviewMessage`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreviewFile {
    /// Number of the part with its descriptor.
    pub part: usize,
    /// Size of the file, in bytes.
    pub size_bytes: u64,
    /// What the reviewer can open of it.
    pub opens: PreviewFileOpens,
    /// The blob that the provider learns from the report and keeps for it. `None` if the report
    /// does not name it.
    pub blob: Option<BlobId>,
}

/// What a reviewer can open of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PreviewFileOpens {
    /// Nothing of its content.
    Nothing,
    /// The chunks with these indices, in ascending order.
    Chunks(Vec<u32>),
    /// All of it.
    Whole,
}

impl PreviewFileOpens {
    fn new(chosen: &Chosen, part: usize) -> Self {
        if chosen.parts.contains(part.saturating_add(1)) {
            return Self::Whole;
        }
        let chunks: Vec<_> = chosen.chunks_of(part).collect();
        if chunks.is_empty() {
            Self::Nothing
        } else {
            Self::Chunks(chunks)
        }
    }
}
