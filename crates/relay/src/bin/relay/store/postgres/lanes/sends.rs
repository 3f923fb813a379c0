//! The lane of messages between two accounts.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use postgres::{Client, Error, Statement};
use waxseal_reporting::Timestamp;
use waxseal_roster::Pinned;

use super::Lane;
use crate::limits::MAX_QUEUED_IN_ALL;
use crate::store::devices::Listed;
use crate::store::postgres::Shared;
use crate::store::queue::Room;
use crate::store::sending::{Facts, Party, Way};

/// Maximum number of accounts whose rosters a lane keeps.
const MAX_ROSTERS: usize = 10_000;

/// A message that waits for the lane.
pub trait Sending: Send {
    fn way(&self) -> Way;
    /// Stamps the message, if it is plain. Returns what is written.
    fn stamp(&mut self, facts: &Facts<'_>) -> Option<Written>;
    /// Answers, after the commit.
    fn answer(self: Box<Self>);
    fn go_slowly(self: Box<Self>);
    fn refuse(self: Box<Self>);
}

/// What is written for one message.
pub struct Written {
    pub accepted_at: Timestamp,
    pub mark: Option<Vec<u8>>,
    /// The recipients, each with what it gets and whether it gets a token with it.
    pub to: Vec<(i64, Vec<u8>, bool)>,
    pub epoch: u32,
}

pub struct Sends {
    devices: Statement,
    versions: Statement,
    rosters: Statement,
    inboxes: Statement,
    shares: Statement,
    push: Statement,
    count: Statement,
    share: Statement,
    sent: Statement,
    /// The newest rosters of accounts, each with the version of its row.
    known: HashMap<i64, (i64, Arc<Pinned>)>,
}

/// A device's row, as far as sending goes.
struct Row {
    listed: Listed,
    last: Option<i64>,
}

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
    /// Of each sending device: when its newest message was accepted, when the one before the batch
    /// was, and its highest mark.
    sent: HashMap<i64, (i64, Option<i64>, Option<Vec<u8>>)>,
}

impl Lane for Sends {
    type Request = Box<dyn Sending>;

    const MAX_BATCH: usize = 256;

    fn prepare(client: &mut Client) -> Result<Self, Error> {
        Ok(Self {
            devices: client.prepare(
                "SELECT account, number, id, has_left, accepted_at_ms FROM device
                 WHERE account = ANY($1) AND number >= 0",
            )?,
            // A row that was changed has another xmin.
            versions: client
                .prepare("SELECT id, xmin::text::bigint FROM account WHERE id = ANY($1)")?,
            rosters: client.prepare("SELECT id, pinned FROM account WHERE id = ANY($1)")?,
            inboxes: client.prepare(
                "SELECT recipient, next, messages, bytes FROM inbox
                 WHERE recipient = ANY($1) ORDER BY recipient FOR UPDATE",
            )?,
            shares: client.prepare(
                "SELECT s.recipient, s.sender, s.messages, s.bytes
                 FROM unnest($1::bigint[], $2::bigint[]) AS w (recipient, sender),
                     LATERAL (SELECT * FROM share s
                         WHERE s.recipient = w.recipient AND s.sender = w.sender LIMIT 1) s",
            )?,
            push: client.prepare(
                "INSERT INTO queue (recipient, number, sender, epoch, stamped, accepts)
                 SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],
                     $5::bytea[], $6::bigint[])",
            )?,
            count: client.prepare(
                "UPDATE inbox SET next = w.next, messages = w.messages, bytes = w.bytes
                 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
                     AS w (recipient, next, messages, bytes)
                 WHERE inbox.recipient = w.recipient",
            )?,
            share: client.prepare(
                "INSERT INTO share AS s
                 SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
                 UNION ALL SELECT 0, pg_backend_pid() % 64, $5::bigint, $6::bigint
                 ON CONFLICT (recipient, sender) DO UPDATE
                     SET messages = s.messages + excluded.messages,
                         bytes = s.bytes + excluded.bytes",
            )?,
            sent: client.prepare(
                "UPDATE device SET accepted_at_ms = w.at,
                     mark = CASE WHEN w.mark IS NULL
                             OR substr(device.mark, 1, 8) >= substr(w.mark, 1, 8)
                         THEN device.mark ELSE w.mark END
                 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])
                     AS w (id, at, last, mark)
                 WHERE device.id = w.id AND device.accepted_at_ms IS NOT DISTINCT FROM w.last",
            )?,
            known: HashMap::new(),
        })
    }

    fn run(
        &mut self,
        client: &mut Client,
        shared: &Shared,
        requests: &mut Vec<Self::Request>,
    ) -> Result<(), Error> {
        let parties = self.parties(client, requests)?;
        let mut stamped = Vec::with_capacity(requests.len());
        let mut senders: HashMap<i64, Option<i64>> = HashMap::new();
        for (place, request) in requests.iter_mut().enumerate() {
            let way = request.way();
            let (Some(own), Some(peer)) = (parties.get(&way.account), parties.get(&way.peer))
            else {
                continue;
            };
            let last = match senders.get(&way.device) {
                Some(last) => *last,
                None => match own.1.iter().find(|row| row.listed.id == way.device) {
                    Some(row) => row.last,
                    None => continue,
                },
            };
            let facts = Facts {
                last: last.map(|ms| Timestamp::from_millis(u64::try_from(ms).unwrap_or_default())),
                own: &own.0,
                peer: &peer.0,
            };
            if let Some(written) = request.stamp(&facts) {
                let at = i64::try_from(written.accepted_at.as_millis()).unwrap_or(i64::MAX);
                senders.insert(way.device, Some(at));
                stamped.push((place, way, last, written));
            }
        }
        let taken = self.write(client, shared, stamped)?;
        let Some(taken) = taken else {
            // Another relay took a message of the same device meanwhile.
            client.batch_execute("ROLLBACK")?;
            return Ok(());
        };
        client.batch_execute("COMMIT")?;
        let mut place = 0;
        let (answered, left): (Vec<_>, Vec<_>) = requests.drain(..).partition(|_| {
            place += 1;
            taken.contains(&(place - 1))
        });
        *requests = left;
        answered.into_iter().for_each(Sending::answer);
        Ok(())
    }

    fn go_slowly(request: Self::Request) {
        request.go_slowly();
    }

    fn refuse(request: Self::Request) {
        request.refuse();
    }
}

impl Sends {
    /// The accounts of all requests, with the rows of their devices.
    fn parties(
        &mut self,
        client: &mut Client,
        requests: &[Box<dyn Sending>],
    ) -> Result<HashMap<i64, (Party, Vec<Row>)>, Error> {
        let ways = requests.iter().map(|request| request.way());
        let accounts: BTreeSet<i64> = ways.flat_map(|way| [way.account, way.peer]).collect();
        let accounts: Vec<i64> = accounts.into_iter().collect();
        let mut rows: HashMap<i64, Vec<Row>> = HashMap::new();
        for row in client.query(&self.devices, &[&accounts])? {
            let number: i64 = row.try_get(1)?;
            let Ok(number) = u32::try_from(number) else {
                continue;
            };
            let listed = Listed {
                number,
                id: row.try_get(2)?,
                has_left: row.try_get::<_, i64>(3)? != 0,
            };
            let last = row.try_get(4)?;
            rows.entry(row.try_get(0)?)
                .or_default()
                .push(Row { listed, last });
        }
        let mut versions = HashMap::new();
        for row in client.query(&self.versions, &[&accounts])? {
            versions.insert(row.try_get::<_, i64>(0)?, row.try_get::<_, i64>(1)?);
        }
        self.read_rosters(client, &versions)?;
        let parties = rows.into_iter().filter_map(|(account, rows)| {
            let (_, newest) = self.known.get(&account)?;
            let listed = rows.iter().map(|row| row.listed).collect();
            let party = Party {
                newest: newest.clone(),
                listed,
            };
            Some((account, (party, rows)))
        });
        Ok(parties.collect())
    }

    /// Reads the rosters that the lane does not have in these versions.
    fn read_rosters(
        &mut self,
        client: &mut Client,
        versions: &HashMap<i64, i64>,
    ) -> Result<(), Error> {
        if self.known.len() > MAX_ROSTERS {
            self.known.clear();
        }
        let is_known = |account: &i64, version: &i64| {
            let known = self.known.get(account);
            known.is_some_and(|(known, _)| known == version)
        };
        let lacking = versions
            .iter()
            .filter(|(account, version)| !is_known(account, version));
        let lacking: Vec<i64> = lacking.map(|(account, _)| *account).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        for row in client.query(&self.rosters, &[&lacking])? {
            let (account, pinned): (i64, Option<&[u8]>) = (row.try_get(0)?, row.try_get(1)?);
            self.known.remove(&account);
            let pinned = pinned.and_then(|pinned| Pinned::decode(pinned).ok());
            if let (Some(pinned), Some(version)) = (pinned, versions.get(&account)) {
                self.known.insert(account, (*version, Arc::new(pinned)));
            }
        }
        Ok(())
    }

    /// Writes the messages that have room. Returns the places of those that were written. `None` if
    /// a message of one of the devices was taken elsewhere meanwhile.
    fn write(
        &self,
        client: &mut Client,
        shared: &Shared,
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
            if !has_room || left.contains(&way.device) {
                left.insert(way.device);
                continue;
            }
            let sent = columns.sent.get(&way.device);
            let before = sent.map_or(last, |sent| sent.1);
            let earlier = sent.and_then(|sent| sent.2.clone());
            let at = i64::try_from(written.accepted_at.as_millis()).unwrap_or(i64::MAX);
            let mark = higher(earlier, written.mark);
            columns.sent.insert(way.device, (at, before, mark));
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
        let all: (i64, i64) = (messages.iter().sum(), bytes.iter().sum());
        client.execute(&self.share, &[&of, &by, &messages, &bytes, &all.0, &all.1])?;
        let (mut devices, mut at) = (Vec::new(), Vec::new());
        let (mut last, mut marks) = (Vec::new(), Vec::new());
        let mut sent: Vec<_> = columns.sent.iter().collect();
        sent.sort_by_key(|(device, _)| **device);
        for (device, (accepted_at, before, mark)) in sent {
            devices.push(*device);
            at.push(*accepted_at);
            last.push(*before);
            marks.push(mark.clone());
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
