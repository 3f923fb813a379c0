//! Writes the messages of a batch.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;

use postgres::{Client, Error};

use super::{Sends, State, Written};
use crate::limits::MAX_QUEUED_IN_ALL;
use crate::store::postgres::Shared;
use crate::store::queue::Room;
use crate::store::sending::Way;

/// A recipient's row, which is locked.
struct Inbox {
    next: i64,
    queued: (i64, i64),
}

/// The columns of what is written.
#[derive(Default)]
struct Columns {
    recipients: Vec<i64>,
    numbers: Vec<i64>,
    senders: Vec<i64>,
    epochs: Vec<i64>,
    stamped: Vec<Vec<u8>>,
    accepts: Vec<i64>,
    /// What each device sent.
    sent: HashMap<i64, Sent>,
}

/// What a device sent.
struct Sent {
    /// When its newest message was accepted.
    at: i64,
    /// When its last message before the batch was.
    before: Option<i64>,
    /// Its highest mark.
    mark: Option<Vec<u8>>,
}

impl Sends {
    /// Writes the messages that have room. Returns the places of those that were written. `None` if
    /// a message of one of the devices was taken elsewhere meanwhile, or this relay may not stamp.
    pub(super) fn write(
        &self,
        client: &mut Client,
        shared: &Shared,
        (accounts, state): (&[i64], &State),
        stamped: Vec<(usize, Way, Option<i64>, Written)>,
    ) -> Result<Option<BTreeSet<usize>>, Error> {
        let to = stamped.iter().flat_map(|(_, way, _, written)| {
            let to = written.to.iter();
            to.map(move |(recipient, ..)| (*recipient, way.account))
        });
        let pairs: BTreeSet<(i64, i64)> = to.collect();
        let recipients: BTreeSet<i64> = pairs.iter().map(|(recipient, _)| *recipient).collect();
        let recipients: Vec<i64> = recipients.into_iter().collect();
        let mut inboxes = HashMap::new();
        for row in client.query(&self.inboxes, &[&recipients])? {
            let inbox = Inbox {
                next: row.try_get(1)?,
                queued: (row.try_get(2)?, row.try_get(3)?),
            };
            inboxes.insert(row.try_get::<_, i64>(0)?, inbox);
        }
        // Whoever changes a roster takes the queues of its account first. So what is read from here
        // on stays until the commit.
        let later = self.state(client, accounts)?;
        if !self.may_commit(client, &stamped)? {
            return Ok(None);
        }
        let (of, by): (Vec<i64>, Vec<i64>) = pairs.iter().copied().unzip();
        let mut shares: HashMap<(i64, i64), (i64, i64)> = HashMap::new();
        for row in client.query(&self.shares, &[&of, &by])? {
            let pair = (row.try_get(0)?, row.try_get(1)?);
            shares.insert(pair, (row.try_get(2)?, row.try_get(3)?));
        }
        let mut free = MAX_QUEUED_IN_ALL.saturating_sub(shared.all_bytes.load(Ordering::Relaxed));
        let (mut columns, mut taken) = (Columns::default(), BTreeSet::new());
        let mut added: HashMap<(i64, i64), (i64, i64)> = HashMap::new();
        let mut left: BTreeSet<i64> = BTreeSet::new();
        for (place, way, last, written) in stamped {
            let has_room = written.to.iter().all(|(recipient, stamped, _)| {
                let Some(inbox) = inboxes.get(recipient) else {
                    return false; // its first message makes the row
                };
                let pair = (*recipient, way.account);
                let of_one = shares.get(&pair).copied().unwrap_or_default();
                let queued = inbox.queued;
                let room = Room {
                    free,
                    queued,
                    of_one,
                };
                room.check(stamped.len()).is_ok()
            });
            // If an earlier message of the device goes the slow way, so do its later ones.
            let holds = has_room && state.holds_for(&way, &later);
            if !holds || left.contains(&way.device) {
                left.insert(way.device);
                continue;
            }
            let sent = columns.sent.get(&way.device);
            let before = sent.map_or(last, |sent| sent.before);
            let earlier = sent.and_then(|sent| sent.mark.clone());
            let at = i64::try_from(written.accepted_at.as_millis()).unwrap_or(i64::MAX);
            let mark = higher(earlier, written.mark);
            columns.sent.insert(way.device, Sent { at, before, mark });
            for (recipient, stamped, accepts) in written.to {
                let Some(inbox) = inboxes.get_mut(&recipient) else {
                    continue;
                };
                let len = i64::try_from(stamped.len()).unwrap_or(i64::MAX);
                let pair = (recipient, way.account);
                for (messages, bytes) in [
                    &mut inbox.queued,
                    shares.entry(pair).or_default(),
                    added.entry(pair).or_default(),
                ] {
                    (*messages, *bytes) = (*messages + 1, *bytes + len);
                }
                free -= len;
                columns.recipients.push(recipient);
                columns.numbers.push(inbox.next);
                inbox.next += 1;
                columns.senders.push(way.account);
                columns.epochs.push(written.epoch.into());
                columns.stamped.push(stamped);
                columns.accepts.push(accepts.into());
            }
            taken.insert(place);
        }
        if taken.is_empty() {
            return Ok(Some(taken));
        }
        self.store(client, &columns, &inboxes, &added)
            .map(|is_stored| is_stored.then_some(taken))
    }

    /// Whether this relay may commit what it stamped.
    fn may_commit(
        &self,
        client: &mut Client,
        stamped: &[(usize, Way, Option<i64>, Written)],
    ) -> Result<bool, Error> {
        let by = stamped.iter().map(|(.., written)| written.by);
        // CHK-711: see `check_in`.
        let Some(by) = by.min_by_key(|by| by.oldest) else {
            return Ok(true);
        };
        let id = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (number, run, oldest) = (id(by.number), id(by.run), i64::from(by.oldest));
        let there = client.query_opt(&self.may_commit, &[&number, &run, &oldest])?;
        Ok(there.is_some())
    }

    /// Writes the columns. Returns `false` if a device sent something else meanwhile.
    fn store(
        &self,
        client: &mut Client,
        columns: &Columns,
        inboxes: &HashMap<i64, Inbox>,
        added: &HashMap<(i64, i64), (i64, i64)>,
    ) -> Result<bool, Error> {
        client.execute(
            &self.push,
            &[
                &columns.recipients,
                &columns.numbers,
                &columns.senders,
                &columns.epochs,
                &columns.stamped,
                &columns.accepts,
            ],
        )?;
        let changed: BTreeSet<i64> = columns.recipients.iter().copied().collect();
        let changed = changed.iter().filter_map(|recipient| {
            let inbox = inboxes.get(recipient)?;
            Some((*recipient, inbox.next, inbox.queued.0, inbox.queued.1))
        });
        let (mut recipients, mut next) = (Vec::new(), Vec::new());
        let (mut messages, mut bytes) = (Vec::new(), Vec::new());
        for inbox in changed {
            recipients.push(inbox.0);
            next.push(inbox.1);
            messages.push(inbox.2);
            bytes.push(inbox.3);
        }
        client.execute(&self.count, &[&recipients, &next, &messages, &bytes])?;
        let (mut of, mut by) = (Vec::new(), Vec::new());
        let (mut messages, mut bytes) = (Vec::new(), Vec::new());
        for ((recipient, sender), (more, len)) in added {
            of.push(*recipient);
            by.push(*sender);
            messages.push(*more);
            bytes.push(*len);
        }
        client.execute(&self.share, &[&of, &by, &messages, &bytes])?;
        let (mut devices, mut at) = (Vec::new(), Vec::new());
        let (mut last, mut marks) = (Vec::new(), Vec::new());
        let mut sent: Vec<_> = columns.sent.iter().collect();
        sent.sort_by_key(|(device, _)| **device);
        for (device, sent) in sent {
            devices.push(*device);
            at.push(sent.at);
            last.push(sent.before);
            marks.push(sent.mark.as_deref());
        }
        let updated = client.execute(&self.sent, &[&devices, &at, &last, &marks])?;
        Ok(usize::try_from(updated) == Ok(devices.len()))
    }
}

/// The mark with the higher counter, which is its first 8 bytes.
fn higher(one: Option<Vec<u8>>, other: Option<Vec<u8>>) -> Option<Vec<u8>> {
    match (one, other) {
        (Some(one), Some(other)) if one.get(..8) >= other.get(..8) => Some(one),
        (one, other) => other.or(one),
    }
}
