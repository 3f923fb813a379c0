//! Reviews an unsealed report: proves what its messages said, without any key.

mod file;
mod folded;

use core::fmt;

use zeroize::Zeroizing;

use crate::accepted::ReportId;
use crate::address::{AccountId, DeviceAddress};
use crate::attachment::{Attachment, Stage};
use crate::content::Content;
use crate::conversation::{Audience, ConversationId};
use crate::fold::Folded;
use crate::format::Format;
use crate::franking::FrankingTag;
use crate::open::sent_time_agrees;
use crate::openings::{Opening, Openings};
use crate::payload::PayloadHeader;
use crate::reason::Reason;
use crate::rejection::Rejection;
use crate::stamp::Claim;
use crate::timestamp::Timestamp;
use crate::transcript::{Contradiction, Entry, LastSeen, Position, Transcript};
use crate::unseal::UnsealedReport;
use crate::wire::VERSION_3;
pub use file::{FileAccess, VerifiedFile};
pub use folded::ForwardCount;

/// Checks every opening of an unsealed report against its claim. A report about an account has
/// neither.
///
/// # Errors
/// [`Rejection`] for the first check that fails. No content is returned then.
pub fn review(report: UnsealedReport) -> Result<VerifiedReport, Rejection> {
    let version = match report.report_version() {
        VERSION_3 => Some(Format::V2),
        version => Format::from_version(version),
    };
    let version = version.ok_or(Rejection::MalformedOpenings)?;
    let openings = Openings::parse(version, report.openings())?;
    let claims = report.claims();
    // CHK-85: there is one opening for each claim.
    if openings.messages.len() != claims.len() {
        return Err(Rejection::OpeningCount {
            openings: openings.messages.len(),
            claims: claims.len(),
        });
    }
    let mut messages = Vec::with_capacity(claims.len());
    for (index, (claim, opening)) in claims.iter().zip(&openings.messages).enumerate() {
        let repeated = report.repeated().get(index).copied().unwrap_or_default();
        let mut message = VerifiedMessage::verify(index, claim, opening, repeated)?;
        let blobs = report.blobs().iter().filter(|named| named.claim == index);
        file::name_blobs(index, &mut message.files, blobs)?;
        messages.push(message);
    }
    let transcript = Transcript::new(&messages.iter().map(entry).collect::<Vec<_>>());
    let mut messages: Vec<_> = messages.into_iter().map(Some).collect();
    let mut in_order = Vec::with_capacity(messages.len());
    for (index, position) in transcript.positions {
        if let Some(mut message) = messages.get_mut(index).and_then(Option::take) {
            message.position = position;
            in_order.push(message);
        }
    }
    if !transcript.clock_stepped_back {
        folded::compare_forwards(&mut in_order);
    }
    Ok(VerifiedReport {
        id: *report.id(),
        reporter: report.reporter().clone(),
        accepted_at: report.accepted_at(),
        about: report.about_account().cloned(),
        reason: openings.reason,
        note: Zeroizing::new(openings.note.to_owned()),
        folded: folded::folded(&in_order),
        messages: in_order,
        clock_stepped_back: transcript.clock_stepped_back,
    })
}

/// Collects what the transcript needs to know about a message.
fn entry(message: &VerifiedMessage) -> Entry<'_> {
    Entry {
        sender: message.sender(),
        accepted_at: message.accepted_at(),
        sequence: message.sequence(),
        last_seen: message.header.last_seen.as_ref(),
        tag: message.tag(),
    }
}

/// A report in which every message is proven: the relay stamped it, and its sender wrote what is
/// shown.
///
/// Only [`review`] makes it, from an [`UnsealedReport`]: there is no other constructor, no public
/// field, no decoder and no `Default`. It never changes. Everything that decides about a report
/// should take this type and nothing else.
///
/// A report [about an account](Self::about_account) has no messages. It proves only who reports
/// which account, and what the reporter says of it.
///
/// # Security
/// For a message that the reporter sent, nothing proves that the peer could read it. The relay
/// stamps tags without seeing the content, so a reporter can send a stamped tag with a ciphertext
/// that the peer cannot open. Rely on the reporter's own messages only as far as the peer's
/// messages confirm them, by [`last_seen`](VerifiedMessage::last_seen) or
/// [`reply_to`](PayloadHeader::reply_to).
pub struct VerifiedReport {
    id: ReportId,
    reporter: DeviceAddress,
    accepted_at: Timestamp,
    about: Option<AccountId>,
    reason: Reason,
    note: Zeroizing<String>,
    messages: Vec<VerifiedMessage>,
    folded: Folded,
    clock_stepped_back: bool,
}

impl VerifiedReport {
    /// The id under which the intake accepted the report.
    pub fn id(&self) -> &ReportId {
        &self.id
    }

    /// The reporting device.
    pub fn reporter(&self) -> &DeviceAddress {
        &self.reporter
    }

    /// When the intake accepted the report.
    pub fn accepted_at(&self) -> Timestamp {
        self.accepted_at
    }

    /// The account that the report is about, if it shows no messages. Nothing in such a report
    /// proves what that account did.
    pub fn about_account(&self) -> Option<&AccountId> {
        self.about.as_ref()
    }

    /// The reason the reporter gave.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The reporter's note.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// The conversation to which all messages belong. `None` if the report is about an account.
    pub fn conversation(&self) -> Option<ConversationId> {
        self.messages
            .first()
            .map(|message| message.claim.conversation())
    }

    /// The messages in the order of the conversation, 1 to 30. Empty if the report is about an
    /// account.
    ///
    /// The relay's accepted times give the order. Messages of one millisecond are in the order of
    /// their sender's numbers, and of what each sender had seen. A tie that is left is no
    /// contradiction; it is shown by account and device. See also
    /// [`clock_stepped_back`](Self::clock_stepped_back).
    pub fn messages(&self) -> &[VerifiedMessage] {
        &self.messages
    }

    /// Whether the relay's times step back by more than five minutes, against a device's numbers or
    /// against what a sender had seen. The relay's clock was wrong, a message was sealed again
    /// after later ones, or a sender chose such numbers.
    ///
    /// The messages are then in the order of the numbers, and of what each sender had seen. Show
    /// the accepted time of each message, and say that they do not agree with this order.
    pub fn clock_stepped_back(&self) -> bool {
        self.clock_stepped_back
    }
}

impl fmt::Debug for VerifiedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedReport")
            .field("reason", &self.reason)
            .field("messages", &self.messages.len())
            .finish_non_exhaustive()
    }
}

/// One message of a verified report.
pub struct VerifiedMessage {
    claim: Claim,
    format: Format,
    repeated: bool,
    header: PayloadHeader,
    content: Option<Zeroizing<Content>>,
    attachments: Vec<(usize, Attachment)>,
    files: Vec<VerifiedFile>,
    parts: Vec<VerifiedPart>,
    position: Position,
    forwards: ForwardCount,
}

/// One part of a verified message.
#[derive(Clone, PartialEq, Eq)]
pub enum VerifiedPart {
    /// The exact bytes that the sender committed to.
    Shown(Zeroizing<Vec<u8>>),
    /// The reporter chose not to show this part.
    Withheld,
}

impl fmt::Debug for VerifiedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shown(part) => write!(f, "Shown({} bytes)", part.len()),
            Self::Withheld => f.write_str("Withheld"),
        }
    }
}

impl VerifiedMessage {
    fn verify(
        index: usize,
        claim: &Claim,
        opening: &Opening<'_>,
        repeated: bool,
    ) -> Result<Self, Rejection> {
        // CHK-86: the opening yields the tag of its own claim.
        if !opening.tag(claim).matches(claim.tag()) {
            return Err(Rejection::OtherTag { message: index });
        }
        // CHK-87: every shown part matches the commitment with its number.
        if !opening.shown_parts_match() {
            return Err(Rejection::OtherPart { message: index });
        }
        // CHK-88: the header is shown.
        let header = opening.parts().next().flatten();
        let header = header.ok_or(Rejection::HeaderWithheld { message: index })?;
        let (format, malformed) = (
            opening.format(),
            Rejection::MalformedPart { message: index },
        );
        let (header, written_for) = PayloadHeader::decode(format, header).ok_or(malformed)?;
        let mut content = None;
        let mut parts = Vec::with_capacity(opening.parts().len());
        for (place, part) in opening.parts().enumerate() {
            let Some(part) = part else {
                parts.push(VerifiedPart::Withheld);
                continue;
            };
            // CHK-90: a shown part is what its number demands.
            if place == 1 {
                let read = header.read_content(Stage::Committed, part);
                content = Some(Zeroizing::new(read.ok_or(malformed)?));
            }
            parts.push(VerifiedPart::Shown(Zeroizing::new(part.to_vec())));
        }
        // CHK-90: the same for attachments. What may have been unknown to the recipient is no
        // reason to reject.
        let attached = header.read_parts(format, Stage::Committed, opening.parts().skip(2));
        let shown = attached.ok_or(malformed)?;
        let files = file::verify(index, shown.files, opening.chunks())?;
        // CHK-89: a message of format 01 was written for the conversation it was stamped in.
        if written_for.is_some_and(|written_for| written_for != claim.conversation()) {
            return Err(Rejection::OtherConversation { message: index });
        }
        Ok(Self {
            claim: claim.clone(),
            format,
            repeated,
            forwards: ForwardCount::Claimed(header.forward_count),
            header,
            content,
            attachments: shown.attachments,
            files,
            parts,
            position: Position::default(),
        })
    }

    /// The message's tag.
    pub fn tag(&self) -> &FrankingTag {
        self.claim.tag()
    }

    /// The sending device, as the relay authenticated it.
    pub fn sender(&self) -> &DeviceAddress {
        &self.claim.context().sender
    }

    /// Whether its tag names its sender.
    ///
    /// If not, the message is of format 01. The relay confirms that [`sender`](Self::sender) sent
    /// it. But another member of the conversation, or anyone who got the message, could have sent
    /// the same tag as their own. A reference to this tag, as in `reply_to`, may therefore mean a
    /// message of someone else.
    pub fn tag_names_sender(&self) -> bool {
        self.format == Format::V2
    }

    /// Whom the message was for, as the relay saw it.
    pub fn audience(&self) -> &Audience {
        &self.claim.context().audience
    }

    /// When the relay accepted the message. Rely on this time.
    pub fn accepted_at(&self) -> Timestamp {
        self.claim.context().accepted_at
    }

    /// When the message was sent, as claimed by its sender.
    pub fn sent_at(&self) -> Timestamp {
        self.header.sent_at
    }

    /// Whether the sender's time is at most five minutes after and seven days before the relay's.
    pub fn sent_time_agrees(&self) -> bool {
        sent_time_agrees(self.sent_at(), self.accepted_at())
    }

    /// The message's ordinal among those of the sending device in this conversation, as claimed by
    /// the sender.
    pub fn sequence(&self) -> u64 {
        self.header.sequence
    }

    /// The header, as claimed by the sender.
    pub fn header(&self) -> &PayloadHeader {
        &self.header
    }

    /// What the message says, if the reporter showed it. Content that this version cannot show is
    /// [`Content::Unknown`].
    pub fn content(&self) -> Option<&Content> {
        self.content.as_deref()
    }

    /// The shown attachments, each with the number of its first part. Not among them are files of
    /// which the report withholds the descriptor or the key.
    pub fn attachments(&self) -> impl ExactSizeIterator<Item = (usize, &Attachment)> {
        self.attachments
            .iter()
            .map(|(part, attachment)| (*part, attachment))
    }

    /// The files that are sealed in chunks and of which the report shows at least the descriptor.
    pub fn files(&self) -> &[VerifiedFile] {
        &self.files
    }

    /// All parts of the message: 0 is the header, 1 the content, 2 and up are the attachments.
    pub fn parts(&self) -> &[VerifiedPart] {
        &self.parts
    }

    /// Whether this reporter had already reported the message.
    pub fn repeated(&self) -> bool {
        self.repeated
    }

    /// How many messages of the sending device are missing between its previous message in this
    /// report and this one. `None` for the device's first message in the report, or if the numbers
    /// contradict each other.
    ///
    /// A device that was set back to an older store goes on at a multiple of 2^32, so a gap of that
    /// size says nothing about missing messages.
    pub fn gap_before(&self) -> Option<u64> {
        self.position.gap_before
    }

    /// The last message from others that the sender had seen, as claimed by the sender.
    pub fn last_seen(&self) -> LastSeen {
        self.position.last_seen
    }

    /// Contradictions between the message's number or references and the relay's order. The sender
    /// or the network may have caused them.
    pub fn contradictions(&self) -> &[Contradiction] {
        &self.position.contradictions
    }
}

impl fmt::Debug for VerifiedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedMessage")
            .field("parts", &self.parts)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
