//! The lane of messages between two accounts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use postgres::Error;
use waxseal_interface::ErrorCode;
use waxseal_reporting::Timestamp;

use super::{BEGIN, Lane};
use crate::errors::Refusal;
use crate::store::postgres::busy;
use crate::store::postgres::filling::{Coming, Content, Filling, Sent, taking};
use crate::store::postgres::lanes::sends::known::Known;
use crate::store::postgres::statements::Prepared;
use crate::store::processes::{By, MAY_COMMIT};
use crate::store::sending::{Facts, Way};

/// A message that waits for the lane.
pub trait Sending: Send {
    fn way(&self) -> Way;
    /// Whether someone waits for the answer.
    fn is_wanted(&self) -> bool;
    /// Stamps the message, if it is plain. Returns what is written.
    fn stamp(&mut self, facts: &Facts<'_>) -> Option<Written>;
    /// Answers, after the commit.
    fn answer(self: Box<Self>);
    fn go_slowly(self: Box<Self>);
    fn refuse(self: Box<Self>, refusal: Refusal);
}

/// What is written for one message.
pub struct Written {
    pub by: By,
    pub accepted_at: Timestamp,
    pub mark: Option<Vec<u8>>,
    /// The recipients, each with what it gets and whether it gets a token with it.
    pub to: Vec<(i64, Vec<u8>, bool)>,
    pub epoch: u32,
}

/// What becomes of a message.
#[derive(Clone)]
enum Fate {
    Taken,
    Refused(Refusal),
    /// It is not plain.
    Slow,
    /// An account had changed. It is tried once more.
    Again,
    /// It must wait for a lock.
    Held,
}

#[derive(Default)]
pub struct Sends {
    known: Known,
}

/// The senders, if they are still there, with the times at which their last messages were accepted.
const SENDERS: &str = "SELECT id, accepted_at_ms FROM device
     WHERE id = ANY($1) AND number >= 0 AND has_left = 0 ORDER BY id FOR NO KEY UPDATE";

impl Lane for Sends {
    type Request = Box<dyn Sending>;

    const MAX_BATCH: usize = 512;

    const CHANGES: bool = true;

    fn run(
        &mut self,
        db: &Prepared,
        requests: &mut Vec<Self::Request>,
        mut held: Option<&mut Vec<Self::Request>>,
    ) -> Result<(), Error> {
        let mut slow = Vec::new();
        let mut done = self.turn(db, requests, &mut slow, held.as_deref_mut());
        if done.is_ok() && !requests.is_empty() {
            done = db
                .run(BEGIN)
                .and_then(|()| self.turn(db, requests, &mut slow, held));
        }
        requests.append(&mut slow);
        done
    }

    fn is_wanted(request: &Self::Request) -> bool {
        request.is_wanted()
    }

    fn row(request: &Self::Request) -> i64 {
        request.way().peer
    }

    fn len(request: &Self::Request) -> usize {
        request.way().len
    }

    fn go_slowly(request: Self::Request) {
        request.go_slowly();
    }

    fn refuse(request: Self::Request) {
        request.refuse(busy());
    }
}

impl Sends {
    /// Takes messages in one transaction. Leaves those whose accounts had changed.
    fn turn(
        &mut self,
        db: &Prepared,
        requests: &mut Vec<Box<dyn Sending>>,
        slow: &mut Vec<Box<dyn Sending>>,
        waiting: Option<&mut Vec<Box<dyn Sending>>>,
    ) -> Result<(), Error> {
        let waits = waiting.is_none();
        let ways: Vec<Way> = requests.iter().map(|request| request.way()).collect();
        let accounts: BTreeSet<i64> = ways
            .iter()
            .flat_map(|way| [way.account, way.peer])
            .collect();
        let accounts: Vec<i64> = accounts.into_iter().collect();
        self.known.read(db, &accounts)?;
        let recipients = ways.iter().flat_map(|way| self.known.recipients(way));
        let recipients: BTreeSet<i64> = recipients.collect();
        let recipients: Vec<i64> = recipients.into_iter().collect();
        let mut filling = Filling::of(db, &recipients, waits)?;
        let senders: BTreeSet<i64> = ways.iter().map(|way| way.device).collect();
        let senders: Vec<i64> = senders.into_iter().collect();
        let mut last: HashMap<i64, Option<i64>> = HashMap::new();
        for row in db.ask(&taking(SENDERS, waits), &[&senders])? {
            last.insert(row.try_get(0)?, row.try_get(1)?);
        }
        // Whoever changes a roster takes the queues and the devices of its account first.
        // So an account that is as it was stays so until the commit.
        let changed = self.known.forget_changed(db, &accounts)?;

        let mut fates = Vec::with_capacity(requests.len());
        let mut stamped = Vec::with_capacity(requests.len());
        let mut held: HashMap<i64, Fate> = HashMap::new();
        for (request, way) in requests.iter_mut().zip(&ways) {
            let is_free = waits
                || last.contains_key(&way.device)
                    && self.known.recipients(way).all(|row| filling.has(row));
            let is_changed = changed.contains(&way.account) || changed.contains(&way.peer);
            let written = match held.get(&way.device) {
                Some(fate) => Err(fate.clone()),
                None if !is_free => Err(Fate::Held),
                None if is_changed => Err(Fate::Again),
                None => self.stamp(request.as_mut(), way, &mut last),
            };
            // If a message of the device is not taken here, its later ones do not overtake it.
            if let Err(fate) = &written {
                held.insert(way.device, fate.clone());
            }
            fates.push(written.as_ref().err().cloned());
            stamped.push(written.ok());
        }
        if !may_commit(db, &stamped)? {
            stamped.fill_with(|| None); // the slow way says why
        }
        let taken = take(db, &mut filling, &self.known, (&ways, stamped), &mut fates)?;
        filling.write(db, &taken)?;
        db.run("COMMIT")?;

        let (mut answered, mut left) = (Vec::with_capacity(requests.len()), Vec::new());
        let all = std::mem::take(requests);
        for (request, fate) in all.into_iter().zip(fates) {
            match fate {
                Some(Fate::Again) => requests.push(request),
                Some(Fate::Held) => left.push(request),
                Some(Fate::Slow) | None => slow.push(request),
                Some(fate) => answered.push((request, fate)),
            }
        }
        if let Some(waiting) = waiting {
            waiting.append(&mut left);
        }
        for (request, fate) in answered {
            match fate {
                Fate::Refused(refusal) => request.refuse(refusal),
                _ => request.answer(),
            }
        }
        Ok(())
    }

    /// Stamps a message, if it is plain.
    fn stamp(
        &self,
        request: &mut dyn Sending,
        way: &Way,
        last: &mut HashMap<i64, Option<i64>>,
    ) -> Result<Written, Fate> {
        let at = last.get_mut(&way.device).ok_or(Fate::Slow)?;
        let party = |account| self.known.party(account).ok_or(Fate::Slow);
        let millis = |ms| Timestamp::from_millis(u64::try_from(ms).unwrap_or_default());
        let facts = Facts {
            last: at.map(millis),
            own: party(way.account)?,
            peer: party(way.peer)?,
        };
        let written = request.stamp(&facts).ok_or(Fate::Slow)?;
        *at = Some(signed(written.accepted_at));
        Ok(written)
    }
}

/// Whether this relay may commit what it stamped.
fn may_commit(db: &Prepared, stamped: &[Option<Written>]) -> Result<bool, Error> {
    let by = stamped.iter().flatten().map(|written| written.by);
    // CHK-711: see `check_in`.
    let Some(by) = by.min_by_key(|by| by.oldest) else {
        return Ok(true);
    };
    let id = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (number, run, oldest) = (id(by.number), id(by.run), i64::from(by.oldest));
    let there = db.ask(MAY_COMMIT, &[&number, &run, &oldest])?;
    Ok(!there.is_empty())
}

/// Puts messages into the queues that have room, and says what becomes of each. Returns what the
/// devices sent.
fn take(
    db: &Prepared,
    filling: &mut Filling,
    known: &Known,
    (ways, stamped): (&[Way], Vec<Option<Written>>),
    fates: &mut [Option<Fate>],
) -> Result<Vec<Sent>, Error> {
    let each = |way: &Way, written: &Written| {
        let to = written.to.iter().map(|(recipient, stamped, _)| Coming {
            recipient: *recipient,
            sender: way.account,
            len: stamped.len(),
        });
        to.collect::<Vec<_>>()
    };
    let coming = ways.iter().zip(&stamped);
    let coming = coming.flat_map(|(way, written)| written.iter().flat_map(|one| each(way, one)));
    filling.expect(db, &coming.collect::<Vec<_>>())?;
    let mut sent: BTreeMap<i64, Sent> = BTreeMap::new();
    let mut left = BTreeSet::new();
    for ((way, written), fate) in ways.iter().zip(stamped).zip(fates) {
        let Some(written) = written else {
            continue;
        };
        let coming = each(way, &written);
        // What has no queue here is not plain, and no later one of the device overtakes it.
        if left.contains(&way.device) || !coming.iter().all(|one| filling.has(one.recipient)) {
            left.insert(way.device);
            continue;
        }
        if let Err(refusal) = room(filling, known, way, &coming) {
            *fate = Some(Fate::Refused(refusal));
            continue;
        }
        let (at_ms, epoch) = (signed(written.accepted_at), written.epoch);
        for (coming, (recipient, stamped, accepts)) in coming.iter().zip(written.to) {
            let content = Content {
                epoch,
                stamped,
                accepts,
                body: None,
            };
            match filling.check(coming) {
                Ok(()) => filling.add(coming, content),
                Err(_) => filling.lose(recipient, written.accepted_at.as_millis()),
            }
        }
        let before = sent.remove(&way.device).and_then(|sent| sent.mark);
        let now = Sent {
            device: way.device,
            at_ms,
            mark: higher(before, written.mark),
        };
        sent.insert(way.device, now);
        *fate = Some(Fate::Taken);
    }
    Ok(sent.into_values().collect())
}

/// Whether the relay has room for a message, and a device of the recipient. One that has none is
/// told later that a message was dropped.
fn room(filling: &Filling, known: &Known, way: &Way, coming: &[Coming]) -> Result<(), Refusal> {
    let (mut full, mut is_delivered) = (None, false);
    for one in coming {
        match filling.check(one) {
            Ok(()) => is_delivered |= known.has(way.peer, one.recipient),
            Err(refusal) if refusal.code == ErrorCode::QueueFull => full = Some(refusal),
            Err(refusal) => return Err(refusal),
        }
    }
    match full {
        Some(refusal) if !is_delivered => Err(refusal),
        _ => Ok(()),
    }
}

/// The mark with the higher counter, which is its first 8 bytes.
fn higher(one: Option<Vec<u8>>, other: Option<Vec<u8>>) -> Option<Vec<u8>> {
    match (one, other) {
        (Some(one), Some(other)) if one.get(..8) >= other.get(..8) => Some(one),
        (one, other) => other.or(one),
    }
}

fn signed(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

mod known;
