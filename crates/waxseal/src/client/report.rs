//! Reporting: draft, preview, seal, and keep the report until the provider has it.

use rand_core::CryptoRng;
use waxseal_reporting::file::MAX_CHUNKS;
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::reporter::{
    Disclosure, DraftError, ModerationPublicKey, PreviewFile, PreviewFileOpens, PreviewMessage,
    Reason, Report, ReportDraft,
};
use waxseal_reporting::{AccountId, Audience, FrankingTag};
use waxseal_roster::group::GroupId;

use super::page::Page;
use super::{Client, keys};
use crate::conversation::Conversation;
use crate::error::{ReportError, StateError};
use crate::records::{self, DraftRecord, ReportRecord, ShownRecord};
use crate::store::{Cursor, Store, Transaction};

/// How many chunks a part of a message can have: the factor of parts in a record of shown chunks.
const CHUNKS_OF_PART: u32 = MAX_CHUNKS;

/// Identifies a report on this device until it is confirmed. 16 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportId([u8; 16]);

impl ReportId {
    /// The 16 bytes, for the application's own notes about the report.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub(super) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// A sealed report on its way to the provider's intake.
#[derive(Clone)]
pub struct OutgoingReport {
    /// The report's identifier on this device.
    pub id: ReportId,
    /// The encoded report, to upload to the provider's intake. Empty if it was
    /// [kept](Client::keep_report) and not sealed yet.
    pub report: Vec<u8>,
}

impl std::fmt::Debug for OutgoingReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutgoingReport")
            .field("report_len", &self.report.len())
            .finish_non_exhaustive()
    }
}

impl<S: Store> Client<S> {
    /// Drafts a report of messages of a conversation. Each message comes with the choice of the
    /// parts to show.
    ///
    /// Nothing leaves the device. Show [`ReportDraft::preview`] to the user, add a note, then call
    /// [`Client::report`].
    ///
    /// # Errors
    /// * [`ReportError::NoSuchMessage`] for a message that is not stored.
    /// * [`ReportError::NotStamped`] for a message that this device sent and whose receipt is not
    ///   confirmed yet.
    /// * [`ReportError::Draft`] if the messages cannot be in one report.
    pub fn draft_report(
        &self,
        conversation: impl Into<Conversation>,
        reason: Reason,
        messages: impl IntoIterator<Item = (FrankingTag, Disclosure)>,
    ) -> Result<ReportDraft, ReportError<S::Error>> {
        let (conversation, messages) = (conversation.into(), Vec::from_iter(messages));
        self.look(|client| client.read_draft(&conversation, reason, &messages, None))
    }

    fn read_draft(
        &self,
        conversation: &Conversation,
        reason: Reason,
        messages: &[(FrankingTag, Disclosure)],
        report: Option<ReportId>,
    ) -> Result<ReportDraft, ReportError<S::Error>> {
        let mut draft = ReportDraft::new(self.me.clone(), reason);
        for (id, disclosure) in messages {
            if let Some(evidence) = self.reported_evidence(report, id)? {
                draft.add(&evidence, disclosure.clone())?;
                continue;
            }
            let message = self.message_at(conversation, self.search(conversation, id)?)?;
            let message = message.ok_or(ReportError::NoSuchMessage)?;
            let evidence = message.evidence().ok_or(ReportError::NotStamped)?;
            draft.add(evidence, disclosure.clone())?;
        }
        Ok(draft)
    }

    /// Drafts a report about an account that shows no messages, such as a profile that poses as
    /// someone else and has sent nothing.
    ///
    /// Nothing leaves the device. Show [`ReportDraft::preview`] to the user, add a note, then call
    /// [`Client::report`].
    ///
    /// # Errors
    /// [`ReportError::Draft`] if the account is this device's own.
    pub fn draft_account_report(
        &self,
        account: &AccountId,
        reason: Reason,
    ) -> Result<ReportDraft, ReportError<S::Error>> {
        let reporter = self.me.clone();
        let draft = ReportDraft::about_account(reporter, account.clone(), reason)?;
        Ok(draft)
    }

    /// Seals a draft that the user agreed to, and returns the report for the provider's intake.
    ///
    /// The report stays in the [report outbox](Client::pending_reports) until
    /// [`Client::confirm_report`] is called. After a crash or a broken connection, send it again
    /// from there; the intake counts the report once. The draft is kept with it: if the provider
    /// has another moderation key by then, call [`Client::reseal_report`].
    pub fn report(
        &mut self,
        draft: &ReportDraft,
        moderation_key: &ModerationPublicKey,
        rng: &mut impl CryptoRng,
    ) -> Result<OutgoingReport, ReportError<S::Error>> {
        self.run(|client| {
            let (outgoing, record) = client.new_report(draft, Some(moderation_key), rng)?;
            client.put_report(outgoing, &record, draft)
        })
    }

    /// Keeps a draft that the user agreed to while no moderation key is known, for example without
    /// a network. Seal it with [`Client::reseal_report`] once the key is there.
    ///
    /// # Errors
    /// [`ReportError::Draft`] if the draft has no messages and is about no account.
    pub fn keep_report(
        &mut self,
        draft: &ReportDraft,
        rng: &mut impl CryptoRng,
    ) -> Result<OutgoingReport, ReportError<S::Error>> {
        self.run(|client| {
            let (outgoing, record) = client.new_report(draft, None, rng)?;
            client.put_report(outgoing, &record, draft)
        })
    }

    /// A report that is sealed, or kept unsealed while no moderation key is known.
    pub(super) fn new_report(
        &self,
        draft: &ReportDraft,
        moderation_key: Option<&ModerationPublicKey>,
        rng: &mut impl CryptoRng,
    ) -> Result<(OutgoingReport, ReportRecord), ReportError<S::Error>> {
        let preview = draft.preview();
        if preview.messages().is_empty() && preview.about_account().is_none() {
            return Err(DraftError::Empty.into());
        }
        let report = match moderation_key {
            Some(key) => draft.seal(self.delivery_key(), key, rng)?.encode(),
            None => Vec::new(),
        };
        let id = ReportId::draw(rng);
        let record = self.report_record(id, &report, draft);
        Ok((OutgoingReport { id, report }, record))
    }

    /// Seals a report of the outbox again, from its draft, to another moderation key. It keeps its
    /// id, and the earlier bytes are gone. Until this returns, the earlier ones are kept.
    ///
    /// # Errors
    /// As [`Client::kept_draft`].
    pub fn reseal_report(
        &mut self,
        id: ReportId,
        moderation_key: &ModerationPublicKey,
        rng: &mut impl CryptoRng,
    ) -> Result<OutgoingReport, ReportError<S::Error>> {
        let draft = self.kept_draft(id)?;
        self.seal_draft(id, &draft, moderation_key, rng)
    }

    /// Seals a draft as the report with this id, in place of what the report was before.
    pub(crate) fn seal_draft(
        &mut self,
        id: ReportId,
        draft: &ReportDraft,
        moderation_key: &ModerationPublicKey,
        rng: &mut impl CryptoRng,
    ) -> Result<OutgoingReport, ReportError<S::Error>> {
        self.run(|client| {
            let report = draft
                .seal(client.delivery_key(), moderation_key, rng)?
                .encode();
            let record = client.report_record(id, &report, draft);
            client.put_report(OutgoingReport { id, report }, &record, draft)
        })
    }

    /// Returns the draft of a report in the outbox, with its messages as they are stored.
    ///
    /// # Errors
    /// * [`ReportError::NoDraft`] if no such report waits, or if it has no draft that can be read.
    /// * [`ReportError::NoSuchMessage`] if an earlier version kept the report, and a message of it
    ///   was deleted since.
    pub fn kept_draft(&self, id: ReportId) -> Result<ReportDraft, ReportError<S::Error>> {
        self.look(|client| client.read_kept_draft(id))
    }

    fn read_kept_draft(&self, id: ReportId) -> Result<ReportDraft, ReportError<S::Error>> {
        let record: Option<ReportRecord> = match self.get_record(&keys::report(&id.0)) {
            Err(StateError::Damaged(_)) => None,
            record => record?,
        };
        let record = record.and_then(|record| record.draft);
        let record = record.ok_or(ReportError::NoDraft)?;
        let (about, reason, messages) = chosen_of(&record).ok_or(ReportError::NoDraft)?;
        let mut draft = match about.account() {
            Some(account) if messages.is_empty() => self.draft_account_report(account, reason)?,
            _ => self.read_draft(&about, reason, &messages, Some(id))?,
        };
        draft.note(&record.note)?;
        if record.without_blobs {
            draft.without_blobs();
        }
        Ok(draft)
    }

    fn put_report(
        &mut self,
        outgoing: OutgoingReport,
        record: &ReportRecord,
        draft: &ReportDraft,
    ) -> Result<OutgoingReport, ReportError<S::Error>> {
        let mut transaction = Transaction::default();
        transaction.put_report_whole(&outgoing, record, draft);
        self.commit(transaction)?;
        Ok(outgoing)
    }

    fn report_record(&self, id: ReportId, report: &[u8], draft: &ReportDraft) -> ReportRecord {
        ReportRecord {
            id: id.0.to_vec(),
            report: report.to_vec(),
            draft: Some(self.draft_record(draft)),
            ..ReportRecord::default()
        }
    }

    fn draft_record(&self, draft: &ReportDraft) -> DraftRecord {
        let preview = draft.preview();
        let conversation = preview.messages().first().map(|message| {
            let sender = &message.sender().account;
            match message.audience() {
                Audience::Direct(recipient) if *sender == self.me.account => recipient.into(),
                Audience::Direct(_) => sender.into(),
                Audience::Group(id) => GroupId::from_bytes(*id.as_bytes()).into(),
            }
        });
        let shown = |message: &PreviewMessage| {
            let parts = message.parts().iter().filter(|part| part.shown);
            ShownRecord {
                id: message.tag().as_bytes().to_vec(),
                parts: parts
                    .filter_map(|part| part.index.try_into().ok())
                    .collect(),
                chunks: message.files().iter().flat_map(chunks_of).collect(),
            }
        };
        // A draft that opens no file names no blobs either way.
        let mut files = preview.messages().iter().flat_map(PreviewMessage::files);
        let about = || preview.about_account().map(Conversation::from);
        let about = conversation.or_else(about).map(|about| about.to_record());
        let (account, group) = about.unwrap_or_default();
        DraftRecord {
            account,
            group,
            reason: preview.reason().number().into(),
            note: preview.note().to_owned(),
            messages: preview.messages().iter().map(shown).collect(),
            without_blobs: files.all(|file| file.blob.is_none()),
        }
    }

    /// Lists up to `limit` reports that were sealed or kept and not yet confirmed, after
    /// `after`.
    ///
    /// Each report has up to [`MAX_REPORT_LEN`](waxseal_reporting::limits::MAX_REPORT_LEN) bytes.
    /// Its MAC is made for this call, under the present delivery key.
    pub fn pending_reports(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<OutgoingReport>, StateError<S::Error>> {
        self.look(|client| {
            let key = client.stored_delivery_key()?;
            client.page(&keys::reports(), after, limit, |_, bytes| {
                outgoing_of(bytes, &key)
            })
        })
    }

    /// Forgets a report that the intake has accepted, or refused for good.
    pub fn confirm_report(&mut self, id: ReportId) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let mut transaction = Transaction::default();
            transaction.delete(keys::report(&id.0));
            client.delete_uploads_for(id, &mut transaction)?;
            client.delete_each(&keys::all_reported(&id.0), &mut transaction)?;
            client.commit(transaction)
        })
    }
}

impl ReportId {
    fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        Self(id)
    }
}

/// Conversation or reported account, reason, and messages with what to show of them.
type Chosen = (Conversation, Reason, Vec<(FrankingTag, Disclosure)>);

/// The shown chunks of a file, as a record has them.
fn chunks_of(file: &PreviewFile) -> Vec<u32> {
    let (PreviewFileOpens::Chunks(chunks), Ok(part)) = (&file.opens, u32::try_from(file.part))
    else {
        return Vec::new();
    };
    let first = part.saturating_mul(CHUNKS_OF_PART);
    let chunks = chunks.iter();
    chunks.map(|index| first.saturating_add(*index)).collect()
}

fn chosen_of(record: &DraftRecord) -> Option<Chosen> {
    let shown = |message: &ShownRecord| {
        let id = FrankingTag::from_bytes(message.id.as_slice().try_into().ok()?);
        let parts = message.parts.iter().map(|part| usize::try_from(*part).ok());
        let parts = parts.collect::<Option<_>>()?;
        let chunks = message.chunks.iter().map(|chunk| {
            let part = usize::try_from(chunk / CHUNKS_OF_PART).ok()?;
            Some((part, chunk % CHUNKS_OF_PART))
        });
        let chunks: Vec<_> = chunks.collect::<Option<_>>()?;
        let disclosure = match chunks.is_empty() {
            true => Disclosure::Parts(parts),
            false => Disclosure::Chunks { parts, chunks },
        };
        Some((id, disclosure))
    };
    let about = Conversation::of_record(&record.account, &record.group)?;
    let reason = Reason::from_number(record.reason.try_into().ok()?)?;
    let messages = record.messages.iter().map(shown).collect::<Option<_>>()?;
    Some((about, reason, messages))
}

pub(super) fn outgoing_of(bytes: &[u8], key: &DeliveryKey) -> Option<OutgoingReport> {
    let ReportRecord { id, report, .. } = records::decode(bytes)?;
    Some(OutgoingReport {
        id: ReportId(id.try_into().ok()?),
        report: match Report::decode(&report) {
            Ok(report) => report.under_key(key).encode(),
            Err(_) => report, // the intake refuses it, which lets the application forget it
        },
    })
}
