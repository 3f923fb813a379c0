//! Notices of decisions: each against this account is kept, until it is too old.

use std::collections::BTreeSet;

use waxseal_interface::{DecisionNotice, parse_report_id};
use waxseal_log::tree::TreeHash;
use waxseal_reporting::Timestamp;

use crate::client::{Client, keys};
use crate::error::StateError;
use crate::records::{self, CourierRecord, DecisionRecord};
use crate::store::{Store, Transaction};

/// Maximum number of decisions against this account that are kept. The provider can tell of more
/// than there are.
const MAX_DECISIONS: usize = 1_000;

/// For how long a decision against this account is kept: 400 days from its notice, which is for how
/// long the provider keeps the notice.
const KEPT_MS: u64 = 400 * 24 * 3_600_000;

impl<S: Store> Client<S> {
    /// Takes notices of decisions, and writes what the courier notes of them. Those with a number
    /// of at most `seen` are not new: no receipt is asked for at once.
    ///
    /// A notice for which there is no room is left. It is taken once there is, because all of them
    /// are asked for again each day.
    pub(crate) fn take_decision_notices(
        &mut self,
        notices: &[DecisionNotice],
        seen: u64,
        courier: &CourierRecord,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let reports = notices.iter().filter(|notice| notice.side == 1);
        let reports = reports.filter(|notice| notice.number > seen);
        let reports = reports.filter_map(|notice| parse_report_id(notice.report_id.as_ref()?));
        let reports: BTreeSet<_> = reports.map(|id| *id.as_bytes()).collect();
        self.run(|client| {
            let mut transaction = Transaction::default();
            transaction.put_record(keys::courier(), courier);
            if !reports.is_empty() {
                client.put_due_receipts(&mut transaction, &reports)?;
            }
            let kept = client.expire_decisions(&mut transaction, now)?;
            let mut room = MAX_DECISIONS.saturating_sub(kept);
            for notice in notices.iter().filter(|notice| notice.side == 2) {
                let key = keys::decision(&TreeHash::from_bytes(notice.decision));
                let known: Option<DecisionRecord> = client.readable(&key)?;
                let known = known.unwrap_or_default();
                // CHK-674: a notice takes back no appeal that is kept. It is of the same side, or
                // it says nothing.
                let has_other_side = !known.text.is_empty() && known.side != u32::from(notice.side);
                if known.told_ms != 0 || has_other_side || room == 0 {
                    continue;
                }
                room = room.saturating_sub(1);
                let record = DecisionRecord {
                    decision: notice.decision.to_vec(),
                    side: notice.side.into(),
                    told_ms: now.as_millis().max(1),
                    ..known
                };
                transaction.put_record(key, &record);
            }
            client.commit(transaction)
        })
    }

    /// Puts into a transaction that decisions are deleted which are too old, and returns how many
    /// stay. Those with an appeal stay.
    fn expire_decisions(
        &self,
        transaction: &mut Transaction,
        now: Timestamp,
    ) -> Result<usize, StateError<S::Error>> {
        let table = keys::decisions();
        let page = self.page(&table, None, 2 * MAX_DECISIONS, |_, bytes| {
            let record: DecisionRecord = records::decode(bytes)?;
            let decision: [u8; 32] = record.decision.as_slice().try_into().ok()?;
            let age = now.as_millis().checked_sub(record.told_ms);
            let is_old = record.text.is_empty() && age.is_some_and(|age| age > KEPT_MS);
            Some((TreeHash::from_bytes(decision), is_old))
        })?;
        let mut kept = page.damaged.len();
        for (decision, is_old) in &page.items {
            match is_old {
                true => transaction.delete(keys::decision(decision)),
                false => kept = kept.saturating_add(1),
            }
        }
        Ok(kept)
    }
}
