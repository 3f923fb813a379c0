//! Drafts a report: the user chooses and previews its messages, or the account that it is about,
//! then the device seals it.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::address::{AccountId, DeviceAddress};
use crate::blobs::{MAX_REPORTED_BLOBS, ReportedBlob};
use crate::delivery::DeliveryKey;
use crate::disclosure::{Chosen, Disclosure, MAX_SHOWN_CHUNKS, NotThere};
use crate::evidence::Evidence;
use crate::franking::FrankingTag;
use crate::moderation::ModerationPublicKey;
use crate::openings::{self, MAX_NOTE_LEN, MAX_REPORTED};
use crate::preview::Preview;
use crate::reason::Reason;
use crate::report::{Report, Subject, is_participant};
use crate::timestamp::Timestamp;

/// A report that the user is putting together on the reporter's device.
///
/// The draft collects a reason, a note and messages. [`note`](Self::note), [`add`](Self::add) and
/// [`remove`](Self::remove) change it; [`preview`](Self::preview) and [`seal`](Self::seal) only
/// read it. [`about_account`](Self::about_account) makes a draft that names an account and has no
/// messages. Nothing leaves the device before it is sealed, and a sealed report does not follow
/// later changes of the draft.
///
/// ```text
/// new --note, add--> draft --preview--> shown to the user --seal--> Report
/// about_account --note--> draft --preview--> shown to the user --seal--> Report
/// ```
#[derive(Clone)]
pub struct ReportDraft {
    reporter: DeviceAddress,
    about: Option<AccountId>,
    reason: Reason,
    note: Zeroizing<String>,
    /// Empty in a report about an account. Sorted as the claims of a report are.
    messages: Vec<(Evidence, Chosen)>,
    names_blobs: bool,
}

impl ReportDraft {
    /// An empty draft. `reporter` is the address under which the provider knows this device.
    pub fn new(reporter: DeviceAddress, reason: Reason) -> Self {
        Self {
            reporter,
            about: None,
            reason,
            note: Zeroizing::default(),
            messages: Vec::new(),
            names_blobs: true,
        }
    }

    /// A draft about an account, without any message, such as for a profile that poses as someone
    /// else and has sent nothing. It takes a note and no messages.
    ///
    /// # Errors
    /// [`DraftError::OwnAccount`] if the account is the reporter's own.
    pub fn about_account(
        reporter: DeviceAddress,
        account: AccountId,
        reason: Reason,
    ) -> Result<Self, DraftError> {
        if account == reporter.account {
            return Err(DraftError::OwnAccount);
        }
        Ok(Self {
            about: Some(account),
            ..Self::new(reporter, reason)
        })
    }

    /// Sets the reporter's note to the reviewer.
    ///
    /// # Errors
    /// [`DraftError::NoteTooLong`] if the note is longer than [`MAX_NOTE_LEN`]. The draft is then
    /// unchanged.
    pub fn note(&mut self, note: &str) -> Result<&mut Self, DraftError> {
        if note.len() > MAX_NOTE_LEN {
            return Err(DraftError::NoteTooLong);
        }
        self.note = Zeroizing::new(note.to_owned());
        Ok(self)
    }

    /// Adds a message, received or the reporter's own. Messages may be added in any order.
    ///
    /// # Errors
    /// [`DraftError`] if the message cannot be in this report. The draft is then unchanged.
    pub fn add(
        &mut self,
        evidence: &Evidence,
        disclosure: Disclosure,
    ) -> Result<&mut Self, DraftError> {
        if self.about.is_some() {
            return Err(DraftError::AboutAccount);
        }
        if self.messages.len() >= MAX_REPORTED {
            return Err(DraftError::TooManyMessages);
        }
        if self
            .messages
            .first()
            .is_some_and(|(first, _)| first.conversation() != evidence.conversation())
        {
            return Err(DraftError::OtherConversation);
        }
        if !is_participant(&self.reporter, evidence.claim()) {
            return Err(DraftError::NotAParticipant);
        }
        let chosen = Chosen::new(evidence, &disclosure).map_err(|missing| match missing {
            NotThere::Part(index) => DraftError::NoSuchPart { index },
            NotThere::File(part) => DraftError::NoSuchFile { part },
            NotThere::Chunk(part, index) => DraftError::NoSuchChunk { part, index },
        })?;
        let chunks = self.messages.iter().map(|(_, other)| other.chunks.len());
        if chunks.fold(chosen.chunks.len(), usize::saturating_add) > MAX_SHOWN_CHUNKS {
            return Err(DraftError::TooManyChunks);
        }
        let mut tags = self.messages.iter().map(|(other, _)| other.tag());
        if tags.any(|tag| tag == evidence.tag()) {
            return Err(DraftError::AddedBefore);
        }
        let order = evidence.claim().order();
        let place = self
            .messages
            .partition_point(|(other, _)| other.claim().order() < order);
        self.messages.insert(place, (evidence.clone(), chosen));
        Ok(self)
    }

    /// Names no blobs in the report, so that the provider does not keep them for it.
    ///
    /// Otherwise the report names in clear the blobs of all files of which it shows content, the
    /// first [`MAX_REPORTED_BLOBS`] of them. The provider then knows which blobs the messages are
    /// about. Without it, a reviewer can open a file only as long as the relay keeps it anyway.
    pub fn without_blobs(&mut self) -> &mut Self {
        self.names_blobs = false;
        self
    }

    /// The blobs that the report names.
    fn blobs(&self) -> Vec<ReportedBlob> {
        if !self.names_blobs {
            return Vec::new();
        }
        let mut blobs = Vec::new();
        for (claim, (evidence, chosen)) in self.messages.iter().enumerate() {
            for (part, attachment) in evidence.numbered_attachments() {
                let file = attachment.file();
                let blob = file.and_then(|file| file.descriptor().blob());
                if let Some(blob) = blob.filter(|_| chosen.opens(part)) {
                    blobs.push(ReportedBlob::new(claim, part, blob));
                }
            }
        }
        blobs.truncate(MAX_REPORTED_BLOBS);
        blobs
    }

    /// Takes out the messages that the provider cannot verify any more, and returns their tags. The
    /// others can still be reported.
    ///
    /// See [`Evidence::reportable_until`] for `verify_days`.
    pub fn remove_too_old(&mut self, verify_days: u32, now: Timestamp) -> Vec<FrankingTag> {
        self.remove_if(|evidence| evidence.reportable_until(verify_days) < now)
    }

    /// Takes out a message, for example one that the provider refused. Returns whether it was
    /// there.
    pub fn remove(&mut self, tag: &FrankingTag) -> bool {
        !self.remove_if(|evidence| evidence.tag() == tag).is_empty()
    }

    /// The evidence of the messages in the draft.
    pub fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        self.messages.iter().map(|(evidence, _)| evidence)
    }

    fn remove_if(&mut self, mut removes: impl FnMut(&Evidence) -> bool) -> Vec<FrankingTag> {
        let mut removed = Vec::new();
        self.messages.retain(|(evidence, _)| {
            let goes = removes(evidence);
            if goes {
                removed.push(*evidence.tag());
            }
            !goes
        });
        removed
    }

    /// Shows exactly what the provider will learn from this report, so that the user can agree.
    pub fn preview(&self) -> Preview {
        Preview::new(
            self.reporter.clone(),
            self.about.clone(),
            self.reason,
            self.note.clone(),
            &self.messages,
            &self.blobs(),
        )
    }

    /// Seals the report: reason, note and what is shown are encrypted to the moderation key. The
    /// reporter's address, the claims or the account that the report is about, the blobs of shown
    /// files, and the moderation key's fingerprint stay in clear.
    ///
    /// `delivery_key` is the key that this device shares with the provider.
    ///
    /// # Errors
    /// [`DraftError::Empty`] if no message was added and the report is about no account;
    /// [`DraftError::ModerationKey`] if nothing can be sealed to the moderation key.
    pub fn seal(
        &self,
        delivery_key: &DeliveryKey,
        moderation_key: &ModerationPublicKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Report, DraftError> {
        let subject = match &self.about {
            Some(account) => Subject::Account(account.clone()),
            None if self.messages.is_empty() => return Err(DraftError::Empty),
            None => {
                let claims = self.messages.iter();
                let claims = claims.map(|(evidence, _)| evidence.claim().clone());
                Subject::Messages(claims.collect())
            }
        };
        let messages = self
            .messages
            .iter()
            .map(|(evidence, chosen)| (evidence, chosen.shown()));
        let openings = openings::encode(self.reason, &self.note, messages);
        Report::seal(
            &self.reporter,
            subject,
            self.blobs(),
            &openings,
            delivery_key,
            moderation_key,
            rng,
        )
        .ok_or(DraftError::ModerationKey)
    }
}

impl fmt::Debug for ReportDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportDraft")
            .field("reason", &self.reason)
            .field("messages", &self.messages.len())
            .finish_non_exhaustive()
    }
}

/// Why a report cannot be put together. The draft is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The note is longer than [`MAX_NOTE_LEN`]. Shorten it.
    #[error("the note is longer than 2,000 bytes")]
    NoteTooLong,
    /// The report already has [`MAX_REPORTED`] messages. Put further ones in another report.
    #[error("a report has at most 30 messages")]
    TooManyMessages,
    /// The message is from another conversation than those already in the report. Put it in another
    /// report.
    #[error("a report is about one conversation")]
    OtherConversation,
    /// The reporter neither sent nor received the message, so they cannot report it.
    #[error("only a participant can report a message")]
    NotAParticipant,
    /// The message has no part with this number. Choose one below
    /// [`part_count`](Evidence::part_count).
    #[error("the message has no part {index}")]
    NoSuchPart {
        /// The number that was asked for.
        index: usize,
    },
    /// No part with this number is the descriptor of a file that is sealed in chunks. Take the
    /// numbers from [`numbered_attachments`](Evidence::numbered_attachments).
    #[error("part {part} is not the descriptor of a file")]
    NoSuchFile {
        /// The number that was asked for.
        part: usize,
    },
    /// The file has no chunk with this index. Choose one below its number of chunks.
    #[error("the file of part {part} has no chunk {index}")]
    NoSuchChunk {
        /// Number of the part with the file's descriptor.
        part: usize,
        /// The index that was asked for.
        index: u32,
    },
    /// The report would show more than [`MAX_SHOWN_CHUNKS`] chunks. Show the whole file, or fewer.
    #[error("a report shows at most 1,024 chunks of files")]
    TooManyChunks,
    /// The message is already in the report, under this stamp or another. Keep it once.
    #[error("the message is already in the report")]
    AddedBefore,
    /// The report has no messages. Add at least one.
    #[error("the report has no messages")]
    Empty,
    /// The report is about an account, so it has no messages. Put the message in a report of its
    /// own.
    #[error("a report about an account has no messages")]
    AboutAccount,
    /// The account is the reporter's own. Name another account.
    #[error("no one can report their own account")]
    OwnAccount,
    /// Nothing can be sealed to the moderation key. Fetch another one.
    #[error("the moderation key is unusable")]
    ModerationKey,
}

#[cfg(test)]
mod tests;
