//! Refusing: this device asks the author of what did not open to seal it again.
//!
//! A refusal is sealed to the identities of the author's devices, without a session. Each device
//! ignores what it did not send. The relay sees a tag and a length, and cannot make one up. A peer
//! that the user accepted is asked at once, and again while the message does not come. A stranger
//! gets one refusal, after some minutes, and few strangers get one in a day. The others wait for
//! the next day.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use waxseal_reporting::recipient::Refusal;
use waxseal_reporting::{AccountId, FrankingTag, Timestamp};
use waxseal_roster::group::GroupId;

use super::times::since;
use super::unopened::MAX_UNOPENED;
use super::upkeep::Upkeep;
use super::{Client, Outgoing, keys, tag_of};
use crate::error::StateError;
use crate::records::{
    self, CountersRecord, NoteRecord, UnopenedRecord, UpkeepRecord, take_secret_bytes,
};
use crate::store::{Store, Transaction};

/// Maximum number of messages that one refusal names.
const MAX_TAGS: usize = 64;

/// How many refusals name a message that does not come again.
const MAX_REFUSALS: u32 = 3;

/// How long after a refusal the next one goes out, in milliseconds: one hour, then six.
const PAUSES_MS: [u64; 2] = [3_600_000, 6 * 3_600_000];

/// How long a message that did not open is asked for: seven days.
const MAX_AGE_MS: u64 = 7 * 24 * 3_600_000;

/// How long after its refusal a stranger gets no other one, whatever opened meanwhile: a second one
/// would say that it did. Six days, so that what did not open meanwhile, and is kept for seven, is
/// asked for after it.
const STRANGERS_PAUSE_MS: u64 = 6 * 24 * 3_600_000;

/// Minimum and maximum time before a stranger gets its refusal, in milliseconds. The time is random
/// in between, so that it does not tell when this device was online.
const STRANGERS_DELAY_MS: (u64, u64) = (60_000, 600_000);

/// Maximum number of strangers that get a refusal in a day. The provider counts each as an account
/// that this one writes to of itself, and strangers must not use up what its user may write. A
/// fifth of the reference relay's budget.
const MAX_STRANGERS_A_DAY: u32 = 10;

const DAY_MS: u64 = 24 * 3_600_000;

impl<S: Store> Client<S> {
    /// Asks an account for what did not open. Returns whether nothing is left to ask for, and when
    /// the newest delivery was accepted that did not open since, in milliseconds.
    pub(super) fn refuse(
        &mut self,
        account: &AccountId,
        record: &mut UpkeepRecord,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<(bool, u64), StateError<S::Error>> {
        let table = keys::all_unopened(account);
        let page = self.page(&table, None, MAX_UNOPENED, |_, bytes| {
            let record: UnopenedRecord = records::decode(bytes)?;
            Some((tag_of(&record.id)?, record))
        })?;
        let mut transaction = Transaction::default();
        let given_up_before = record.unopened_ms;
        for row in &page.damaged {
            row.delete_in(&mut transaction);
            record.give_up_unopened(now.as_millis());
        }
        let mut left = Vec::new();
        let can_ask = !page.items.is_empty() && self.knows_roster(account, record)?;
        for (id, noted) in page.items {
            // What was never asked for stays, if it can be: the clock may be wrong.
            let is_tried = noted.refusals > 0 || noted.again > 0 || !can_ask;
            match since(noted.accepted_ms, now) {
                Some(age) if age > MAX_AGE_MS && is_tried => {
                    record.give_up_unopened(noted.accepted_ms);
                    transaction.delete(keys::unopened(account, &id));
                }
                _ => left.push((id, noted)),
            }
        }
        if record.unopened_ms != given_up_before {
            transaction.put_record(keys::upkeep(account), record);
        }
        let is_accepted = self.is_accepted(account)?;
        // The members of a group accepted each other.
        let fellow_in = self.groups_with(account, &left)?;
        let (in_groups, direct): (Vec<_>, Vec<_>) = left
            .iter()
            .cloned()
            .partition(|(_, noted)| is_accepted || fellow_in.contains(&noted.group));
        let counters = self.counters()?;
        let is_stranger =
            in_groups.is_empty() && !direct.is_empty() && !self.is_fellow_now(account, upkeep)?;
        let next_day = counters.next_day_of_refusals(now).filter(|_| is_stranger);
        // CHK-599: a stranger who is over the day's number is asked on the next day.
        if let Some(next_day_ms) = next_day {
            let before = (record.unopened_ms, record.refuse_at_ms);
            left.retain(|(id, noted)| {
                let until_ms = noted.accepted_ms.saturating_add(MAX_AGE_MS);
                let is_old = until_ms < counters.newest_accepted_ms;
                if is_old {
                    record.give_up_unopened(noted.accepted_ms);
                    transaction.delete(keys::unopened(account, id));
                }
                !is_old
            });
            if !record.has_refused {
                record.refuse_at_ms = 0; // so that the next time is random, too
            }
            if (record.unopened_ms, record.refuse_at_ms) != before {
                transaction.put_record(keys::upkeep(account), record);
            }
            upkeep.again_at(next_day_ms);
        }
        let due = match in_groups.is_empty() {
            false => due_again(&in_groups, now, upkeep),
            true if next_day.is_some() => Vec::new(),
            true => self.due_once(account, record, &direct, now, rng, upkeep)?,
        };
        let counters = match is_stranger && !due.is_empty() {
            true => counters.with_refused_stranger(now),
            false => counters,
        };
        let mut outgoing = None;
        if !due.is_empty() {
            outgoing = self.put_refusal(
                account,
                record,
                (due, &fellow_in),
                counters,
                now,
                rng,
                &mut transaction,
                upkeep,
            )?;
        }
        if !transaction.changes().is_empty() {
            self.commit(transaction)?;
        }
        // Only now: what another process kept from being committed must not leave this device.
        upkeep.outgoing.extend(outgoing);
        let newest = left.iter().map(|(_, noted)| noted.accepted_ms).max();
        let newest = newest.unwrap_or_default().max(record.unopened_ms);
        // The record stays, so that the pause is kept.
        let is_done = left.is_empty() && (is_accepted || strangers_pause(record, now).is_none());
        Ok((is_done, newest))
    }

    /// What the one refusal to a stranger names, once its time has come.
    fn due_once(
        &mut self,
        account: &AccountId,
        record: &mut UpkeepRecord,
        left: &[(FrankingTag, UnopenedRecord)],
        now: Timestamp,
        rng: &mut impl CryptoRng,
        upkeep: &mut Upkeep,
    ) -> Result<Vec<(FrankingTag, UnopenedRecord)>, StateError<S::Error>> {
        if left.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(until) = strangers_pause(record, now) {
            upkeep.again_at(until);
            return Ok(Vec::new());
        }
        if record.has_refused {
            (record.has_refused, record.refuse_at_ms) = (false, 0);
        }
        let (least, most) = STRANGERS_DELAY_MS;
        let (now_ms, at) = (now.as_millis(), record.refuse_at_ms);
        // A time that is further ahead was chosen while the clock was wrong.
        if at == 0 || at > now_ms.saturating_add(most) {
            let random = u64::from(rng.next_u32()).checked_rem(most.saturating_sub(least));
            let delay = least.saturating_add(random.unwrap_or_default());
            record.refuse_at_ms = now_ms.saturating_add(delay);
            let mut transaction = Transaction::default();
            transaction.put_record(keys::upkeep(account), record);
            self.commit(transaction)?;
        }
        if record.refuse_at_ms > now_ms {
            upkeep.again_at(record.refuse_at_ms);
            return Ok(Vec::new());
        }
        Ok(oldest(left.to_vec()))
    }

    /// Whether the devices of an account are known, to which a refusal is sealed: from the pinned
    /// roster, or from the one that the provider named for a stranger.
    fn knows_roster(
        &self,
        account: &AccountId,
        record: &UpkeepRecord,
    ) -> Result<bool, StateError<S::Error>> {
        let has_roster = self.look_at_peer(account, |peer| peer.roster().is_some())?;
        Ok(has_roster.unwrap_or(!record.offered.is_empty()))
    }

    /// The groups of these messages in which an account is or was a member with this one.
    fn groups_with(
        &self,
        account: &AccountId,
        left: &[(FrankingTag, UnopenedRecord)],
    ) -> Result<Vec<Vec<u8>>, StateError<S::Error>> {
        let groups: BTreeSet<_> = left.iter().map(|(_, noted)| &noted.group).collect();
        let mut found = Vec::new();
        for group in groups {
            let Ok(id) = <[u8; 32]>::try_from(group.as_slice()) else {
                continue; // it was a direct message
            };
            if self.is_or_was_member(&GroupId::from_bytes(id), account)? {
                found.push(group.clone());
            }
        }
        Ok(found)
    }

    /// Seals a refusal and puts it into the outbox, if the author's devices are known.
    #[expect(clippy::too_many_arguments, reason = "one step of `refuse`")]
    fn put_refusal(
        &mut self,
        account: &AccountId,
        record: &mut UpkeepRecord,
        (due, fellow_in): (Vec<(FrankingTag, UnopenedRecord)>, &[Vec<u8>]),
        counters: CountersRecord,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        transaction: &mut Transaction,
        upkeep: &mut Upkeep,
    ) -> Result<Option<Outgoing>, StateError<S::Error>> {
        if !self.knows_roster(account, record)? {
            if !record.wants_roster {
                record.wants_roster = true;
                transaction.put_record(keys::upkeep(account), record);
            }
            upkeep.rosters.push(account.clone());
            return Ok(None);
        }
        let refusal = Refusal {
            messages: due
                .iter()
                .map(|(id, noted)| (*id, Timestamp::from_millis(noted.accepted_ms)))
                .collect(),
            sessions: Vec::new(),
        };
        let mut due_in = due.iter().map(|(_, noted)| &noted.group);
        let is_in_group = due_in.any(|group| fellow_in.contains(group));
        let content = refusal.encode().map(take_secret_bytes);
        let note = content.map(NoteRecord::of_refusal);
        let mut pair = self.pair_to(account)?;
        let mut sealed = None;
        if let Some(mut note) = note {
            // A stranger would learn from a session that its message was opened.
            note.tells_sessions = is_in_group || self.is_accepted(account)?;
            let fanout = self.seal_note(&mut pair, account, &note, now, rng)?;
            sealed = fanout.map(|fanout| (fanout, note));
        }
        self.keep_pair(pair); // nothing in it changed
        let Some((fanout, note)) = sealed else {
            // This cannot be refused now. It is asked for later, until it is too old.
            return Ok(None);
        };
        for (id, mut noted) in due {
            noted.refusals = noted.refusals.saturating_add(1);
            noted.refused_ms = now.as_millis();
            transaction.put_record(keys::unopened(account, &id), &noted);
        }
        record.has_refused |= !is_in_group;
        transaction.put_record(keys::upkeep(account), record);
        Ok(self.put_note_with(transaction, account, (&fanout, note), counters, now))
    }
}

impl CountersRecord {
    /// Whether the day in which strangers are counted is not over.
    fn is_day_of_refusals(&self, now: Timestamp) -> bool {
        // A day that begins later began while the clock was wrong.
        since(self.refused_since_ms, now).is_some_and(|age| age < DAY_MS)
    }

    /// When the next stranger may get a refusal. `None` if one may get it today.
    fn next_day_of_refusals(&self, now: Timestamp) -> Option<u64> {
        let is_over = self.refused_strangers >= MAX_STRANGERS_A_DAY;
        let next_day_ms = self.refused_since_ms.saturating_add(DAY_MS);
        (is_over && self.is_day_of_refusals(now)).then_some(next_day_ms)
    }

    /// Counts a stranger that gets a refusal.
    fn with_refused_stranger(mut self, now: Timestamp) -> Self {
        if !self.is_day_of_refusals(now) {
            (self.refused_since_ms, self.refused_strangers) = (now.as_millis(), 0);
        }
        self.refused_strangers = self.refused_strangers.saturating_add(1);
        self
    }
}

/// Until when a stranger that was refused is not refused again. `None` if it may be.
fn strangers_pause(record: &UpkeepRecord, now: Timestamp) -> Option<u64> {
    let (now_ms, at) = (now.as_millis(), record.refuse_at_ms);
    let until = at.saturating_add(STRANGERS_PAUSE_MS);
    // A time that is further ahead was chosen while the clock was wrong.
    let is_plausible = at <= now_ms.saturating_add(STRANGERS_DELAY_MS.1);
    (record.has_refused && is_plausible && now_ms < until).then_some(until)
}

/// What a refusal to an accepted peer names now.
fn due_again(
    left: &[(FrankingTag, UnopenedRecord)],
    now: Timestamp,
    upkeep: &mut Upkeep,
) -> Vec<(FrankingTag, UnopenedRecord)> {
    let mut due = Vec::new();
    for (id, noted) in left {
        if noted.refusals >= MAX_REFUSALS {
            continue;
        }
        let made = usize::try_from(noted.refusals).unwrap_or(usize::MAX);
        let pause = made.checked_sub(1).and_then(|made| PAUSES_MS.get(made));
        match (pause, since(noted.refused_ms, now)) {
            (Some(pause), Some(age)) if age < *pause => {
                upkeep.again_at(noted.refused_ms.saturating_add(*pause));
            }
            // The first refusal; a time that is still to come counts as never.
            _ => due.push((*id, noted.clone())),
        }
    }
    if due.len() > MAX_TAGS {
        upkeep.again_at(now.as_millis());
    }
    oldest(due)
}

/// The oldest of these, as many as one refusal can name.
fn oldest(mut due: Vec<(FrankingTag, UnopenedRecord)>) -> Vec<(FrankingTag, UnopenedRecord)> {
    due.sort_by_key(|(id, noted)| (noted.accepted_ms, *id.as_bytes()));
    due.truncate(MAX_TAGS);
    due
}
