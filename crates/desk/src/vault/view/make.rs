//! Makes the view of a verified report.

use std::collections::BTreeMap;

use waxseal_log::entry::Purpose;
use waxseal_reporting::message::{Attachment, Content};
use waxseal_reporting::relay::Claim;
use waxseal_reporting::reviewer::{
    FileAccess as VerifiedAccess, LastSeen, VerifiedFile, VerifiedMessage, VerifiedPart,
    VerifiedReport,
};
use waxseal_reporting::{AccountId, FrankingTag};
use zeroize::Zeroizing;

use super::{
    AttachedFile, ChunkedFile, FileAccess, Names, Participant, Reference, View, ViewedAttachment,
    ViewedContent, ViewedMessage, ViewedPreview,
};
use crate::hash;
use crate::ids::CaseId;
use crate::vault::reported::reported_account;

/// What decides how much of a report is shown.
pub(in crate::vault) struct Viewer<'a> {
    /// Key of the participants' numbers.
    pub(in crate::vault) key: &'a [u8; 32],
    /// The case for which the numbers hold.
    pub(in crate::vault) case: &'a CaseId,
    /// What the report is opened for.
    pub(in crate::vault) purpose: Purpose,
    /// Bit i: show the message of claim i.
    pub(in crate::vault) messages: u32,
}

impl Viewer<'_> {
    /// The view of a report that has these claims.
    pub(in crate::vault) fn view(&self, report: &VerifiedReport, claims: &[Claim]) -> View {
        let reporter = &report.reporter().account;
        let reported = reported_account(reporter, report.about_account(), claims);
        let mut participants = BTreeMap::new();
        let mut messages = Vec::new();
        for (ordinal, message) in report.messages().iter().enumerate() {
            let Some(claim) = claims.iter().position(|claim| is_of(claim, message)) else {
                continue;
            };
            // CHK-199: a message is shown only if the grant has its bit.
            if self.messages >> claim & 1 == 0 {
                continue;
            }
            let account = &message.sender().account;
            let sender = if reported.as_ref() == Some(account) {
                Participant::Reported
            } else {
                let number = self.number(account);
                participants.insert(number, account.clone());
                Participant::Number(number)
            };
            messages.push(viewed(
                small(ordinal),
                small(claim),
                sender,
                message,
                report,
            ));
        }
        let names = (self.purpose == Purpose::Identify).then(|| Names {
            reporter: report.reporter().account.clone(),
            participants: participants.into_iter().collect(),
        });
        View {
            reported,
            about_account: report.about_account().is_some(),
            reason: report.reason(),
            note: Zeroizing::new(report.note().to_owned()),
            accepted_at: report.accepted_at(),
            clock_stepped_back: report.clock_stepped_back(),
            messages_in_report: small(report.messages().len()),
            messages,
            names,
        }
    }

    fn number(&self, account: &AccountId) -> u32 {
        // number = HMAC(participant key, case || account)[..4]
        let account = account.as_str().as_bytes();
        let [a, b, c, d, ..] = hash::mac(self.key, &[self.case.as_bytes(), account]);
        u32::from_be_bytes([a, b, c, d])
    }
}

/// Whether a claim is that of a message. Sender and time matter too, since in format 01 two senders
/// can send one tag.
fn is_of(claim: &Claim, message: &VerifiedMessage) -> bool {
    let context = claim.context();
    claim.tag() == message.tag()
        && context.sender == *message.sender()
        && context.accepted_at == message.accepted_at()
}

fn viewed(
    ordinal: u8,
    claim: u8,
    sender: Participant,
    message: &VerifiedMessage,
    report: &VerifiedReport,
) -> ViewedMessage {
    let header = message.header();
    let place = |tag: &FrankingTag| {
        let place = report
            .messages()
            .iter()
            .position(|other| other.tag() == tag);
        place.map_or(Reference::NotInReport, |place| {
            Reference::InReport(small(place))
        })
    };
    ViewedMessage {
        ordinal,
        claim,
        sender,
        accepted_at: message.accepted_at(),
        sent_at: message.sent_at(),
        tag_names_sender: message.tag_names_sender(),
        repeated: message.repeated(),
        forward_count: header.forward_count,
        expires_after_secs: header.expires_after_secs,
        reply_to: header.reply_to.as_ref().map_or(Reference::None, place),
        last_seen: match message.last_seen() {
            LastSeen::InReport(place) => Reference::InReport(small(place)),
            LastSeen::NotInReport => Reference::NotInReport,
            _ => Reference::None,
        },
        gap_before: message.gap_before(),
        contradictions: message.contradictions().to_vec(),
        content: message.content().map(|content| content_of(content, place)),
        parts: small(message.parts().len()),
        attachments: attachments_of(message),
    }
}

/// Everything that is shown from part 2 on, in the order of the parts.
fn attachments_of(message: &VerifiedMessage) -> Vec<(u8, ViewedAttachment)> {
    let mut viewed: Vec<(u8, ViewedAttachment)> = Vec::new();
    for (part, bytes) in message.parts().iter().enumerate().skip(2) {
        let mut files = message.files().iter();
        let mut attachments = message.attachments();
        let number = small(part);
        let attachment = if let Some(file) = files.find(|file| file.part() == part) {
            ViewedAttachment::Chunked(chunked(file))
        } else if let Some((_, one)) = attachments.find(|(first, _)| *first == part) {
            attachment_of(one)
        } else if let VerifiedPart::Shown(bytes) = bytes {
            if viewed.iter().any(|(first, one)| one.covers(*first, number)) {
                continue; // key or preview of a file
            }
            // A key or a preview whose descriptor is withheld.
            ViewedAttachment::Unknown {
                scheme: bytes.first().copied().unwrap_or_default(),
                description_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            }
        } else {
            continue;
        };
        viewed.push((number, attachment));
    }
    viewed
}

fn chunked(file: &VerifiedFile) -> ChunkedFile {
    let descriptor = file.descriptor();
    ChunkedFile {
        size_bytes: descriptor.size_bytes(),
        root: *descriptor.root().as_bytes(),
        media_type: descriptor.media_type().to_owned(),
        name: Zeroizing::new(descriptor.name().to_owned()),
        location: descriptor.location().to_owned(),
        named: file.blob().is_some(),
        access: match file.access() {
            VerifiedAccess::Whole(key) => FileAccess::Whole(Zeroizing::new(*key.as_bytes())),
            VerifiedAccess::Chunks(chunks) => {
                let chunks = chunks.iter();
                let keys = chunks.map(|(index, key)| (*index, Zeroizing::new(*key.as_bytes())));
                FileAccess::Chunks(keys.collect())
            }
            // Also what a later version of `waxseal-reporting` adds.
            _ => FileAccess::Descriptor,
        },
        preview: file.preview().map(|preview| ViewedPreview {
            media_type: preview.media_type().to_owned(),
            picture: Zeroizing::new(preview.picture().to_vec()),
        }),
    }
}

fn content_of(content: &Content, place: impl Fn(&FrankingTag) -> Reference) -> ViewedContent {
    let text = |text: &str| Zeroizing::new(text.to_owned());
    match content {
        Content::Text(said) => ViewedContent::Text(text(said)),
        Content::Edit { of, text: said } => ViewedContent::Edit {
            of: place(of),
            text: text(said),
        },
        Content::Deletion { of } => ViewedContent::Deletion { of: place(of) },
        Content::Reaction { to, reaction } => ViewedContent::Reaction {
            to: place(to),
            reaction: text(reaction),
        },
        Content::Application { kind, body } => ViewedContent::Application {
            kind: kind.clone(),
            body: Zeroizing::new(body.clone()),
        },
        Content::Unknown { kind, body } => ViewedContent::Unknown {
            kind: *kind,
            body: Zeroizing::new(body.clone()),
        },
        // Kinds about groups, timers, and those that a later version of `waxseal-reporting` adds.
        other => {
            let (kind, body) = other.to_raw();
            ViewedContent::Unknown { kind, body }
        }
    }
}

fn attachment_of(attachment: &Attachment) -> ViewedAttachment {
    match attachment {
        Attachment::WholeFile(file) => ViewedAttachment::File(AttachedFile {
            size_bytes: file.size_bytes(),
            ciphertext_digest: *file.ciphertext_digest(),
            plaintext_digest: *file.plaintext_digest(),
            key: Zeroizing::new(*file.key().as_bytes()),
            media_type: file.media_type().to_owned(),
            location: file.location().to_owned(),
        }),
        Attachment::Unknown(unknown) => ViewedAttachment::Unknown {
            scheme: unknown.scheme(),
            description_len: u32::try_from(unknown.description_len()).unwrap_or(u32::MAX),
        },
        // Forms that a later version of `waxseal-reporting` adds.
        _ => ViewedAttachment::Unknown {
            scheme: u8::MAX,
            description_len: 0,
        },
    }
}

/// A place in a report or in a message, which has at most 30 messages or 32 parts.
fn small(place: usize) -> u8 {
    u8::try_from(place).unwrap_or(u8::MAX)
}
