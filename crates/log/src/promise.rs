//! Promises that the log will contain the entry about a report.
//!
//! The intake answers an accepted or rejected report with a promise, because the entry itself is
//! appended later, in a daily batch. The client keeps the promise. If the entry does not come, the
//! signed note in the promise is evidence against the provider, and names no user.
//!
//! ```
//! # use waxseal_log::{note::Signer, promise::Promise, report::ReportDigest};
//! # let (rng, now_ms, sealed) = (&mut rand::rng(), 1_728_000_000_000, b"a sealed report");
//! # let log = Signer::generate("desk.example/log", rng)?;
//! let report = ReportDigest::of(sealed);
//! let promise = Promise::make(&log, &report, None, now_ms, rng)?; // the provider, which keeps it
//!
//! let answer = Promise::decode(&promise.encode())?; // the reporter's client
//! let promised = answer.verify(&log.verifier(), &report, now_ms)?;
//! assert!(!promised.is_overdue(now_ms));
//! assert!(promised.is_overdue(now_ms + 3 * 86_400_000));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand_core::CryptoRng;

use crate::codec::{Reader, decimal, put_medium, put_short};
use crate::entry::{Day, Detail, Entry, Event, Number};
use crate::labels;
use crate::limits::{MAX_PROMISE_LEN, PROMISE_DAYS};
use crate::merkle::TreeHash;
use crate::note::{Note, NoteError, Signer, Verifier};
use crate::report::{ReportDetail, ReportDigest};

/// The answer to a report: a signed note that the log will contain its entry, and what the entry
/// says.
///
/// ```text
/// 01 || medium(note) || short(entry) || salt 32 || medium(detail)
/// ```
///
/// The note alone is the evidence. Entry and detail show the holder what the note is about; they
/// need not be shown to anyone else. The text of the note:
///
/// ```text
/// waxseal.promise/1
/// <origin of the log>
/// <day, decimal>
/// <leaf hash of the entry, base64>
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Promise {
    note: Note,
    entry: Entry,
    detail: Detail,
}

impl Promise {
    /// Promises the entry about a report, and signs the note with the log key.
    ///
    /// `rejected` is the number of the check that rejected the report, if one did. Answer the same
    /// report again with the promise that was made first.
    ///
    /// # Errors
    /// Never, with the key of a log.
    pub fn make(
        log: &Signer,
        report: &ReportDigest,
        rejected: Option<u8>,
        accepted_at_ms: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, PromiseError> {
        let detail = ReportDetail {
            report: *report,
            accepted_at_ms,
        };
        let day = detail.day();
        let detail = detail.encode(rng).map_err(|_| PromiseError::Malformed)?;
        let entry = Entry {
            day,
            number: report.number(),
            event: match rejected {
                None => Event::ReportReceived,
                Some(check) => Event::ReportRejected { check },
            },
            digest: detail.digest(),
        };
        let promised = PromisedLeaf {
            day,
            leaf_hash: entry.leaf_hash(),
        };
        Ok(Self {
            note: Note::sign(promised.text(log.verifier().name()), log)?,
            entry,
            detail,
        })
    }

    /// The signed note: the evidence.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// The entry that the log must append.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The detail of the entry.
    pub fn detail(&self) -> &Detail {
        &self.detail
    }

    /// Encodes the promise, to answer a client or to keep it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![1];
        put_medium(&mut out, &self.note.encode());
        put_short(&mut out, &self.entry.encode());
        out.extend_from_slice(self.detail.salt());
        put_medium(&mut out, self.detail.bytes());
        out
    }

    /// Decodes a promise. It is not verified.
    ///
    /// # Errors
    /// [`PromiseError::TooLong`], [`UnknownVersion`](PromiseError::UnknownVersion) or
    /// [`Malformed`](PromiseError::Malformed).
    pub fn decode(bytes: &[u8]) -> Result<Self, PromiseError> {
        // CHK-148: a promise has its bounds, its version and its form.
        if bytes.len() > MAX_PROMISE_LEN {
            return Err(PromiseError::TooLong);
        }
        let mut reader = Reader::new(bytes);
        if reader.u8() != Some(1) {
            return Err(PromiseError::UnknownVersion);
        }
        Self::read(reader).ok_or(PromiseError::Malformed)
    }

    fn read(mut reader: Reader<'_>) -> Option<Self> {
        let note = Note::decode(reader.medium()?).ok()?;
        let entry = Entry::decode(reader.short()?).ok()?;
        let salt = reader.array()?;
        let detail = Detail::from_parts(salt, reader.medium()?.to_vec()).ok()?;
        reader.finish()?;
        Some(Self {
            note,
            entry,
            detail,
        })
    }

    /// The client's step: checks that the promise is about its report, and binds the provider.
    ///
    /// `log` is the pinned key of the log. `report` is the digest of the report that the client
    /// sent. `now_ms` is the client's clock.
    ///
    /// # Errors
    /// [`PromiseError`] says what is wrong. Treat the answer as if it had no promise: tell the
    /// user, and report to the provider again later.
    pub fn verify(
        &self,
        log: &Verifier,
        report: &ReportDigest,
        now_ms: u64,
    ) -> Result<PromisedReport, PromiseError> {
        let promised = PromisedLeaf::verify(&self.note, log)?;
        let rejected = match self.entry.event {
            Event::ReportReceived => None,
            Event::ReportRejected { check } => Some(check),
            _ => return Err(PromiseError::OtherEntry),
        };
        // CHK-150: the note promises this entry, which says that a report arrived.
        if self.entry.leaf_hash() != promised.leaf_hash || self.entry.day != promised.day {
            return Err(PromiseError::OtherEntry);
        }
        // CHK-151: the entry is about this report, on the day on which it was accepted.
        let detail = ReportDetail::decode(&self.detail)
            .filter(|_| self.entry.is_about(&self.detail))
            .filter(|detail| detail.report == *report && detail.day() == self.entry.day)
            .filter(|_| self.entry.number == report.number())
            .ok_or(PromiseError::OtherReport)?;
        // CHK-152: the day is at most one day ahead of the client's clock. A promise of a later
        // day would never be overdue.
        if promised.day.0 > Day::of_ms(now_ms).0.saturating_add(1) {
            return Err(PromiseError::InTheFuture);
        }
        Ok(PromisedReport {
            report: *report,
            number: self.entry.number,
            rejected,
            accepted_at_ms: detail.accepted_at_ms,
            promised,
        })
    }
}

impl fmt::Debug for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise")
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

/// What the signed note of a promise says: this leaf, for this day.
///
/// Anyone can verify it, compare it with the published log, and learns no user from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromisedLeaf {
    /// The day of the entry.
    pub day: Day,
    /// Leaf hash of the entry.
    pub leaf_hash: TreeHash,
}

impl PromisedLeaf {
    /// Verifies the note of a promise with the key of the log, whose name is the log's origin.
    ///
    /// # Errors
    /// [`PromiseError::Note`] if the log did not sign the note. [`PromiseError::OtherText`] if its
    /// text is no promise of this log.
    pub fn verify(note: &Note, log: &Verifier) -> Result<Self, PromiseError> {
        // CHK-149: the log's key signed the note, and its text is a promise for this log.
        note.signed_by(log)?;
        Self::of_text(note.text(), log.name()).ok_or(PromiseError::OtherText)
    }

    /// The text of the note. The text and the values determine each other.
    fn text(&self, origin: &str) -> String {
        let line = String::from_utf8_lossy(labels::PROMISE);
        let (day, leaf) = (self.day.0, STANDARD.encode(self.leaf_hash.as_bytes()));
        format!("{line}{origin}\n{day}\n{leaf}\n")
    }

    fn of_text(text: &str, origin: &str) -> Option<Self> {
        let mut lines = text.lines().skip(2);
        let day = Day(decimal(lines.next()?)?.try_into().ok()?);
        let leaf_hash = TreeHash::from_bytes(STANDARD.decode(lines.next()?).ok()?.try_into().ok()?);
        let promised = Self { day, leaf_hash };
        (promised.text(origin) == text).then_some(promised)
    }

    /// When the entry must be in the log, in milliseconds since the Unix epoch: two days after the
    /// promise's day ended.
    pub fn due_at_ms(&self) -> u64 {
        Day(self.day.0.saturating_add(PROMISE_DAYS)).end_ms()
    }

    /// Whether the entry must be in the log by now. If it is not, the promise is broken.
    pub fn is_overdue(&self, now_ms: u64) -> bool {
        now_ms >= self.due_at_ms()
    }
}

/// A verified promise: what the provider said about this report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromisedReport {
    pub(crate) report: ReportDigest,
    pub(crate) number: Number,
    pub(crate) rejected: Option<u8>,
    pub(crate) accepted_at_ms: u64,
    pub(crate) promised: PromisedLeaf,
}

impl PromisedReport {
    /// Digest of the report.
    pub fn report(&self) -> &ReportDigest {
        &self.report
    }

    /// The number that all entries about the report have.
    pub fn number(&self) -> Number {
        self.number
    }

    /// Number of the check that rejected the report, or `None` if the intake accepted it.
    pub fn rejected(&self) -> Option<u8> {
        self.rejected
    }

    /// When the intake answered, in milliseconds since the Unix epoch.
    pub fn accepted_at_ms(&self) -> u64 {
        self.accepted_at_ms
    }

    /// The promised leaf and its day.
    pub fn leaf(&self) -> &PromisedLeaf {
        &self.promised
    }

    /// Whether the entry must be in the log by now. Ask the provider for a receipt then.
    pub fn is_overdue(&self, now_ms: u64) -> bool {
        self.promised.is_overdue(now_ms)
    }
}

/// Why a promise does not bind the provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PromiseError {
    /// The promise is longer than any promise. Ask the provider again.
    #[error("the promise is too long")]
    TooLong,
    /// A later version wrote it. Update this software.
    #[error("unknown version of a promise")]
    UnknownVersion,
    /// The bytes are no promise. Ask the provider again.
    #[error("the promise is malformed")]
    Malformed,
    /// The pinned log key did not sign the note. Compare the pinned key.
    #[error("the promise's note: {0}")]
    Note(#[from] NoteError),
    /// The note is no promise of this log. Compare the pinned origin.
    #[error("the note promises nothing for this log")]
    OtherText,
    /// The note promises another entry than the one that came with it.
    #[error("the note promises another entry")]
    OtherEntry,
    /// The entry is about another report, or another day.
    #[error("the promise is about another report")]
    OtherReport,
    /// The day is more than a day ahead of this device's clock. Check the clock.
    #[error("the promise is for a later day")]
    InTheFuture,
}

#[cfg(test)]
mod tests;
