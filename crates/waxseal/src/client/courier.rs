//! What the courier keeps in the client's store.

pub(crate) mod decisions;
mod notices;
pub(crate) mod promises;
mod tokens;
pub(crate) mod uploads;

use waxseal_reporting::intake::ReportId as SubmittedId;
use waxseal_reporting::{FrankingTag, Timestamp};
use waxseal_roster::group::GroupId;

use super::report::outgoing_of;
use super::{Client, GroupStanding, OutgoingReport, Page, ReportId, keys};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{self, CourierRecord, KeptRecord, ReportRecord};
use crate::store::{Cursor, Store, Transaction};

/// Where a report is that the provider accepted.
pub(crate) struct Submitted {
    pub(crate) id: SubmittedId,
    pub(crate) at_ms: u64,
    pub(crate) asked_ms: u64,
    /// Whether the promise is kept, or there is none to wait for.
    pub(crate) has_promise: bool,
    pub(crate) promise_asked_ms: u64,
}

impl<S: Store> Client<S> {
    /// What the courier knows of the provider. Nothing if it was never written. A damaged record is
    /// an error: without the pinned key, another relay could take this one's place.
    pub(crate) fn courier_record(&self) -> Result<CourierRecord, StateError<S::Error>> {
        self.look(|client| Ok(client.get_record(&keys::courier())?.unwrap_or_default()))
    }

    pub(crate) fn put_courier_record(
        &mut self,
        record: &CourierRecord,
    ) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let mut transaction = Transaction::default();
            transaction.put_record(keys::courier(), record);
            client.commit(transaction)
        })
    }

    /// Takes an envelope out of the outbox that the provider refused for good, whatever it is.
    pub(crate) fn take_out(
        &mut self,
        conversation: &Conversation,
        id: &FrankingTag,
    ) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let Some(number) = client.number_in_outbox(id)? else {
                return Ok(());
            };
            let mut transaction = Transaction::default();
            transaction.delete(keys::envelope(number));
            let mut sync = client.sync_record()?;
            if sync.forget_leave_note(number) {
                transaction.put_record(keys::sync(), &sync);
            }
            let index = client.index(conversation, id)?;
            if let Some(mut index) = index.filter(|index| index.outbox == Some(number)) {
                index.outbox = None;
                client.put_index(&mut transaction, conversation, *id, &index);
            }
            client.commit(transaction)
        })
    }

    /// Whether a message still waits in the outbox.
    pub(crate) fn waits_in_outbox(
        &self,
        conversation: &Conversation,
        id: &FrankingTag,
    ) -> Result<bool, StateError<S::Error>> {
        self.look(|client| {
            let index = client.index(conversation, id)?.unwrap_or_default();
            client.is_in_outbox(&index)
        })
    }

    /// Version of the newest known state of a group. 0 if none is known.
    pub(crate) fn group_version(&self, group: &GroupId) -> Result<u64, StateError<S::Error>> {
        self.look(|client| Ok(client.take_group(group)?.map_or(0, |known| known.version())))
    }

    /// How this account stands to a group. `None` if it has nothing to do with it.
    pub(crate) fn group_standing(
        &self,
        group: &GroupId,
    ) -> Result<Option<GroupStanding>, StateError<S::Error>> {
        self.look(|client| Ok(client.take_group(group)?.map(|known| known.standing())))
    }

    /// The deliveries that were left with the provider, at most `limit`.
    pub(crate) fn kept(&self, limit: usize) -> Result<Page<KeptRecord>, StateError<S::Error>> {
        self.look(|client| {
            client.page(&keys::all_kept(), None, limit, |_, bytes| {
                records::decode(bytes)
            })
        })
    }

    /// Writes and deletes records of such deliveries.
    pub(crate) fn change_kept(
        &mut self,
        put: &[KeptRecord],
        deleted: &[u64],
    ) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let mut transaction = Transaction::default();
            for number in deleted {
                transaction.delete(keys::kept(*number));
            }
            for record in put {
                transaction.put_record(keys::kept(record.number), record);
            }
            client.commit(transaction)
        })
    }

    /// Lists the reports like [`pending_reports`](Self::pending_reports), each with where it is.
    #[expect(clippy::type_complexity, reason = "a page of pairs")]
    pub(crate) fn reports_with_state(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<(OutgoingReport, Option<Submitted>)>, StateError<S::Error>> {
        self.look(|client| {
            let key = client.stored_delivery_key()?;
            client.page(&keys::reports(), after, limit, |_, bytes| {
                let record: ReportRecord = records::decode(bytes)?;
                Some((outgoing_of(bytes, &key)?, submitted_of(&record)))
            })
        })
    }

    /// Changes the record of a report, if it is there.
    fn change_report(
        &mut self,
        id: ReportId,
        change: impl Fn(&mut ReportRecord),
    ) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let record: Option<ReportRecord> = client.readable(&keys::report(id.as_bytes()))?;
            let Some(mut record) = record else {
                return Ok(());
            };
            change(&mut record);
            let mut transaction = Transaction::default();
            transaction.put_record(keys::report(id.as_bytes()), &record);
            client.commit(transaction)
        })
    }

    /// Notes that the provider was asked what became of a report.
    pub(crate) fn note_asked(
        &mut self,
        id: ReportId,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        self.change_report(id, |record| record.asked_ms = now.as_millis())
    }
}

fn submitted_of(record: &ReportRecord) -> Option<Submitted> {
    let id = record.submitted_as.as_slice().try_into().ok()?;
    Some(Submitted {
        id: SubmittedId::from_bytes(id),
        at_ms: record.submitted_ms,
        asked_ms: record.asked_ms,
        has_promise: record.has_promise,
        promise_asked_ms: record.promise_asked_ms,
    })
}
