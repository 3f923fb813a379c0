//! Checks of changes that do not depend on what is stored. Every store makes them first.

use super::change::{Change, Condition, Key, Row, with_row, with_rows};
use super::error::StoreError;
use super::limits::{
    MAX_ACCOUNT_LEN, MAX_ANSWER_LEN, MAX_CHANGES, MAX_CONTENT_LEN, MAX_DETAIL_LEN, MAX_ENTRY_LEN,
    MAX_EXPORT_LEN, MAX_NAME_LEN, MAX_NOTE_LEN, MAX_POLICY_LEN, MAX_SIGNED_LEN, MAX_TEXT_LEN,
    MAX_TILE_LEN, MAX_VALUE_LEN, MIN_ENTRY_LEN,
};
use super::rows::{
    AppealRow, CallbackRow, CaseRow, CheckpointRow, ContentRow, DecisionRow, EntryRow, ExportRow,
    ExportState, FetchRow, GrantRow, HoldRow, KeyEpochRow, LegalRow, MetaRow, NoticeRow,
    OpeningRow, OutboxRow, PendingRow, PolicyRow, ReportRow, TileRow, header,
};
use super::stored::Stored;

/// Checks all changes of one call.
pub(super) fn check(changes: &[Change]) -> Result<(), StoreError> {
    ensure(changes.len() <= MAX_CHANGES, "more than 65,536 changes")?;
    changes.iter().try_for_each(check_one)
}

fn check_one(change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Expect(Condition::LogSize(_)) => Ok(()),
        Change::Expect(Condition::Unchanged(row)) | Change::Add(row) => {
            with_row!(row, row => row.check())
        }
        Change::Expect(Condition::Checkpoint { size, row }) => {
            check_numbers([*size])?;
            row.as_ref().map_or(Ok(()), Bounded::check)
        }
        Change::Expect(Condition::NoUndecidedCase(account)) => check_account(account),
        Change::Append(entry) => entry.check(),
        Change::Tile(tile) => tile.check(),
        Change::Checkpoint(checkpoint) => checkpoint.check(),
        Change::Swap { old, new } => check_swap(old, new),
        Change::Remove(Key::Meta(name)) => check_name(name),
        Change::Remove(Key::Pending(_) | Key::Content(_) | Key::Detail(_) | Key::Outbox(_)) => {
            Ok(())
        }
    }
}

fn check_swap(old: &Row, new: &Row) -> Result<(), StoreError> {
    with_rows!((old, new), old, new => {
        ensure(old.key() == new.key(), "a swap between two keys")?;
        old.check()?;
        new.check()
    }, Err(StoreError::Invalid("a swap between two tables")))
}

fn ensure(fits: bool, problem: &'static str) -> Result<(), StoreError> {
    if fits {
        Ok(())
    } else {
        Err(StoreError::Invalid(problem))
    }
}

fn check_account(account: &str) -> Result<(), StoreError> {
    ensure(
        account.len() <= MAX_ACCOUNT_LEN,
        "an account's name is too long",
    )
}

fn check_name(name: &str) -> Result<(), StoreError> {
    ensure(
        name.len() <= MAX_NAME_LEN,
        "the name of a small value is too long",
    )
}

fn check_signed(signed: &[u8]) -> Result<(), StoreError> {
    ensure(
        signed.len() <= MAX_SIGNED_LEN,
        "what was signed is too long",
    )
}

fn check_texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<(), StoreError> {
    let mut texts = texts.into_iter();
    ensure(
        texts.all(|text| text.len() <= MAX_TEXT_LEN),
        "a text is too long",
    )
}

/// SQLite has signed integers of 64 bits.
fn check_numbers(numbers: impl IntoIterator<Item = u64>) -> Result<(), StoreError> {
    let mut numbers = numbers.into_iter();
    ensure(
        numbers.all(|number| i64::try_from(number).is_ok()),
        "a number is too large",
    )
}

fn check_entry(entry: &[u8], detail: Option<&[u8]>) -> Result<(), StoreError> {
    let len = MIN_ENTRY_LEN..=MAX_ENTRY_LEN;
    ensure(
        len.contains(&entry.len()),
        "an entry has not 54 to 256 bytes",
    )?;
    let detail_fits = detail.is_none_or(|detail| detail.len() <= MAX_DETAIL_LEN);
    ensure(detail_fits, "the detail of an entry is too long")
}

/// A row whose sizes can be checked.
pub(super) trait Bounded {
    /// Checks lengths, and that numbers fit a column.
    fn check(&self) -> Result<(), StoreError>;
}

impl Bounded for EntryRow {
    fn check(&self) -> Result<(), StoreError> {
        check_entry(&self.entry, self.detail.as_deref())?;
        let fields = Some((self.kind, self.day, self.number));
        ensure(
            header(&self.entry) == fields,
            "the fields of a row are not those of its entry",
        )?;
        let both = self.salt.is_some() == self.detail.is_some();
        ensure(
            both,
            "an entry has a salt without a detail, or a detail without a salt",
        )?;
        check_numbers([self.log_index])
    }
}

impl Bounded for TileRow {
    fn check(&self) -> Result<(), StoreError> {
        let hashes = self.bytes.chunks_exact(32);
        let whole = !self.bytes.is_empty() && hashes.remainder().is_empty();
        ensure(
            whole && self.bytes.len() <= MAX_TILE_LEN,
            "a tile has not 1 to 256 hashes",
        )?;
        check_numbers([self.tile_index])
    }
}

impl Bounded for CheckpointRow {
    fn check(&self) -> Result<(), StoreError> {
        ensure(self.note.len() <= MAX_NOTE_LEN, "a checkpoint is too long")?;
        check_numbers([self.size, self.made_at_ms])
    }
}

impl Bounded for PendingRow {
    fn check(&self) -> Result<(), StoreError> {
        check_entry(&self.entry, Some(&self.detail))?;
        let day = header(&self.entry).map(|(_, day, _)| day);
        ensure(
            day == Some(self.day),
            "the day of a leaf is not that of its entry",
        )
    }
}

impl Bounded for ReportRow {
    fn check(&self) -> Result<(), StoreError> {
        check_signed(&self.promise)?;
        let account = self.reporter_account.as_deref();
        account.map_or(Ok(()), check_account)?;
        check_numbers([self.received_at_ms])
    }
}

impl Bounded for ContentRow {
    fn check(&self) -> Result<(), StoreError> {
        ensure(
            self.accepted.len() <= MAX_CONTENT_LEN,
            "a report is too long",
        )
    }
}

impl Bounded for CaseRow {
    fn check(&self) -> Result<(), StoreError> {
        self.account.as_deref().map_or(Ok(()), check_account)?;
        let assigned = self.officer.is_some() == self.assigned_until_ms.is_some();
        ensure(
            assigned,
            "an assignment has an officer and an end, or neither",
        )?;
        let times = [self.first_report_at_ms, self.last_report_at_ms];
        check_numbers(times.into_iter().chain(self.assigned_until_ms))
    }
}

impl Bounded for GrantRow {
    fn check(&self) -> Result<(), StoreError> {
        check_signed(&self.signed)?;
        let times = [self.requested_at_ms, self.expires_at_ms];
        check_numbers(times.into_iter().chain(self.review_until_ms))
    }
}

impl Bounded for OpeningRow {
    fn check(&self) -> Result<(), StoreError> {
        let numbers = [self.log_index, self.logged_at_ms];
        check_numbers(numbers.into_iter().chain(self.shown_at_ms))
    }
}

impl Bounded for DecisionRow {
    fn check(&self) -> Result<(), StoreError> {
        check_signed(&self.signed)?;
        check_numbers([self.log_index, self.decided_at_ms, self.appeal_until_ms])
    }
}

impl Bounded for NoticeRow {
    fn check(&self) -> Result<(), StoreError> {
        ensure(self.body.len() <= MAX_TEXT_LEN, "a notice is too long")?;
        let later = self.sent_at_ms.into_iter().chain(self.log_index);
        check_numbers(later.chain([self.made_at_ms]))
    }
}

impl Bounded for AppealRow {
    fn check(&self) -> Result<(), StoreError> {
        check_texts(&self.text)?;
        self.signed.as_deref().map_or(Ok(()), check_signed)?;
        let numbers = [self.log_index, self.filed_at_ms];
        check_numbers(numbers.into_iter().chain(self.decided_at_ms))
    }
}

impl Bounded for LegalRow {
    fn check(&self) -> Result<(), StoreError> {
        check_texts([&self.authority, &self.asked])?;
        check_texts(self.produced.iter().chain(&self.not_held))?;
        check_numbers([self.received_at_ms].into_iter().chain(self.answered_at_ms))
    }
}

impl Bounded for HoldRow {
    fn check(&self) -> Result<(), StoreError> {
        check_texts([&self.statement])?;
        check_numbers([self.placed_at_ms].into_iter().chain(self.lifted_at_ms))
    }
}

impl Bounded for PolicyRow {
    fn check(&self) -> Result<(), StoreError> {
        ensure(
            self.document.len() <= MAX_POLICY_LEN,
            "a policy is too long",
        )?;
        check_numbers([self.log_index, self.published_at_ms])
    }
}

impl Bounded for KeyEpochRow {
    fn check(&self) -> Result<(), StoreError> {
        ensure(
            self.public.len() <= MAX_VALUE_LEN,
            "a public key is too long",
        )?;
        let numbers = [self.epoch, self.created_at_ms];
        check_numbers(numbers.into_iter().chain(self.destroyed_at_ms))
    }
}

impl Bounded for ExportRow {
    fn check(&self) -> Result<(), StoreError> {
        ensure(self.answer.len() <= MAX_ANSWER_LEN, "an answer is too long")?;
        let is_waiting = self.state == ExportState::Waiting;
        let fits =
            self.next_try_at_ms.is_some() == is_waiting && self.ended_at_ms.is_none() == is_waiting;
        ensure(
            fits,
            "an export waits for its next try, or has ended, and not both",
        )?;
        let times = self.next_try_at_ms.into_iter().chain(self.ended_at_ms);
        check_numbers(times.chain([self.log_index, self.made_at_ms]))
    }
}

impl Bounded for OutboxRow {
    fn check(&self) -> Result<(), StoreError> {
        ensure(self.body.len() <= MAX_EXPORT_LEN, "an export is too long")
    }
}

impl Bounded for FetchRow {
    fn check(&self) -> Result<(), StoreError> {
        check_numbers([self.log_index, self.fetched_at_ms, self.handed_out])
    }
}

impl Bounded for CallbackRow {
    fn check(&self) -> Result<(), StoreError> {
        ensure(self.body.len() <= MAX_TEXT_LEN, "a callback is too long")?;
        check_numbers([self.received_at_ms])
    }
}

impl Bounded for MetaRow {
    fn check(&self) -> Result<(), StoreError> {
        check_name(&self.name)?;
        ensure(
            self.value.len() <= MAX_VALUE_LEN,
            "a small value is too long",
        )
    }
}
