//! Puts messages into queues, as many at once as there are, with few statements.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;

use postgres::Error;
use waxseal_interface::ErrorCode;

use crate::errors::Refusal;
use crate::limits::{MAX_QUEUED_BYTES_OF_ONE, MAX_QUEUED_OF_ONE};
use crate::store::postgres::statements::Prepared;
use crate::store::queue::pushing::{Batch, Body, Pushed};
use crate::store::queue::room::Room;

/// A longer queue is counted by its senders. In a shorter one, no sender has as much as one may
/// have.
const LONG: i64 = 1_000;
const LONG_BYTES: i64 = 4 << 20;
const _: () = assert!(LONG <= MAX_QUEUED_OF_ONE && LONG_BYTES <= MAX_QUEUED_BYTES_OF_ONE);

/// Takes the locks of queues, in ascending order of their devices: whoever takes several does so.
const TAKE: &str =
    "SELECT recipient, next, messages, bytes, is_long, lost_from_ms, lost_to_ms, body_bytes
     FROM inbox WHERE recipient = ANY($1) ORDER BY recipient FOR NO KEY UPDATE";

const COUNT: &str = "INSERT INTO share (recipient, sender, messages, bytes)
     SELECT recipient, sender, count(*), sum(length(stamped) + body_len) FROM queue
     WHERE recipient = ANY($1) GROUP BY recipient, sender";

const SHARES: &str = "SELECT s.recipient, s.sender, s.messages, s.bytes
     FROM unnest($1::bigint[], $2::bigint[]) AS w (recipient, sender),
         LATERAL (SELECT * FROM share s
             WHERE s.recipient = w.recipient AND s.sender = w.sender LIMIT 1) s";

const WRITE: &str = "WITH came AS (
         INSERT INTO queue (recipient, number, sender, epoch, stamped, accepts, body, body_len)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[],
             $6::bigint[], $7::bigint[], $8::bigint[])
     ), of_one AS (
         INSERT INTO share AS s (recipient, sender, messages, bytes)
         SELECT * FROM unnest($9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])
         ON CONFLICT (recipient, sender) DO UPDATE
             SET messages = s.messages + excluded.messages, bytes = s.bytes + excluded.bytes
     ), of_all AS (
         UPDATE inbox SET next = w.next, messages = w.messages, bytes = w.bytes,
             is_long = w.is_long, lost_from_ms = w.lost_from_ms, lost_to_ms = w.lost_to_ms,
             body_bytes = w.body_bytes
         FROM unnest($13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[],
                 $18::bigint[], $19::bigint[], $23::bigint[])
             AS w (recipient, next, messages, bytes, is_long, lost_from_ms, lost_to_ms, body_bytes)
         WHERE inbox.recipient = w.recipient
     )
     UPDATE device SET accepted_at_ms = w.at,
         mark = CASE WHEN w.mark IS NULL OR substr(device.mark, 1, 8) >= substr(w.mark, 1, 8)
             THEN device.mark ELSE w.mark END
     FROM unnest($20::bigint[], $21::bigint[], $22::bytea[]) AS w (id, at, mark)
     WHERE device.id = w.id";

/// A statement that takes locks, and waits for them, or leaves out the rows that others have.
pub fn taking(take: &'static str, waits: bool) -> Cow<'static, str> {
    match waits {
        true => take.into(),
        false => format!("{take} SKIP LOCKED").into(),
    }
}

/// Takes the locks of queues, for a job.
pub fn take(db: &Prepared, recipients: &[i64]) -> Result<(), Refusal> {
    let taken = db.ask(TAKE, &[&recipients]);
    taken.map(drop).map_err(|error| db.failed(&error))
}

/// Queues what is in a batch, for a job. For a device whose queue is full, it records that a
/// message was dropped. Fails if the relay is full.
pub fn push(db: &Prepared, batch: Batch) -> Result<Pushed, Refusal> {
    let pushed = push_if_there_is_room(db, batch);
    pushed.map_err(|error| db.failed(&error))?
}

fn push_if_there_is_room(db: &Prepared, batch: Batch) -> Result<Result<Pushed, Refusal>, Error> {
    let recipients: Vec<i64> = batch.slots.iter().map(|slot| slot.recipient).collect();
    let body_len = batch.body.as_ref().map_or(0, |body| body.len);
    let mut filling = Filling::of(db, &recipients, true)?;
    let coming = batch.slots.iter().map(|slot| Coming {
        recipient: slot.recipient,
        sender: batch.sender,
        len: slot.stamped.len().saturating_add(body_len),
    });
    let coming: Vec<Coming> = coming.collect();
    filling.expect(db, &coming)?;
    let mut pushed = Pushed::default();
    for (slot, coming) in batch.slots.into_iter().zip(coming) {
        match filling.check(&coming) {
            Ok(()) => {
                let content = Content {
                    epoch: batch.epoch,
                    stamped: slot.stamped,
                    accepts: slot.accepts,
                    body: batch.body.as_ref(),
                };
                filling.add(&coming, content);
                pushed.to.push(slot.recipient);
            }
            Err(refusal) if refusal.code == ErrorCode::QueueFull => {
                filling.lose(slot.recipient, batch.at_ms);
                pushed.full = Some(refusal);
            }
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    filling.write(db, &[])?;
    Ok(Ok(pushed))
}

/// A message that comes into a queue, if it has room.
pub struct Coming {
    pub recipient: i64,
    /// The account that sends it.
    pub sender: i64,
    /// As much as it counts for.
    pub len: usize,
}

/// What of it is stored.
pub struct Content<'a> {
    pub epoch: u32,
    pub stamped: Vec<u8>,
    pub accepts: bool,
    pub body: Option<&'a Body>,
}

/// What a device sent.
pub struct Sent {
    pub device: i64,
    /// When its newest message was accepted.
    pub at_ms: i64,
    /// Its highest mark.
    pub mark: Option<Vec<u8>>,
}

/// Queues whose locks this transaction has, and what comes into them.
pub struct Filling {
    inboxes: BTreeMap<i64, Inbox>,
    /// What waits in long queues, by recipient and sender.
    shares: HashMap<(i64, i64), Share>,
    /// How many bytes are free in the relay. A body takes some of them only once, so it does not
    /// count here until it is stored.
    free: i64,
    came: Came,
}

/// A row of `inbox`.
struct Inbox {
    next: i64,
    queued: (i64, i64),
    /// How many of its bytes are of bodies.
    of_bodies: i64,
    is_long: bool,
    lost: Option<(i64, i64)>,
    is_changed: bool,
}

#[derive(Default)]
struct Share {
    queued: (i64, i64),
    /// How much of it this transaction adds.
    added: (i64, i64),
}

/// The columns of new rows.
#[derive(Default)]
struct Came {
    recipients: Vec<i64>,
    numbers: Vec<i64>,
    senders: Vec<i64>,
    epochs: Vec<i64>,
    stamped: Vec<Vec<u8>>,
    accepts: Vec<i64>,
    bodies: Vec<Option<i64>>,
    body_lens: Vec<i64>,
}

impl Filling {
    /// Takes the locks of queues, and waits for them, or leaves out those that others have.
    pub fn of(db: &Prepared, recipients: &[i64], waits: bool) -> Result<Self, Error> {
        let mut inboxes = BTreeMap::new();
        for row in db.ask(&taking(TAKE, waits), &[&recipients])? {
            let (from, to): (Option<i64>, Option<i64>) = (row.try_get(5)?, row.try_get(6)?);
            let inbox = Inbox {
                next: row.try_get(1)?,
                queued: (row.try_get(2)?, row.try_get(3)?),
                of_bodies: row.try_get(7)?,
                is_long: row.try_get::<_, i64>(4)? != 0,
                lost: from.zip(to),
                is_changed: false,
            };
            inboxes.insert(row.try_get(0)?, inbox);
        }
        let all = db.all_bytes.load(Ordering::Relaxed);
        Ok(Self {
            inboxes,
            shares: HashMap::new(),
            free: db.max_bytes.saturating_sub(all),
            came: Came::default(),
        })
    }

    /// Whether the device has a queue, whose lock this transaction has.
    pub fn has(&self, recipient: i64) -> bool {
        self.inboxes.contains_key(&recipient)
    }

    /// Learns what the senders have in long queues. No more comes than what is given here.
    pub fn expect(&mut self, db: &Prepared, coming: &[Coming]) -> Result<(), Error> {
        let mut more: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for coming in coming {
            add_to(more.entry(coming.recipient).or_default(), coming.len);
        }
        let mut to_count = Vec::new();
        for (recipient, (messages, bytes)) in more {
            if let Some(inbox) = self.inboxes.get_mut(&recipient)
                && !inbox.is_long
                && (inbox.queued.0.saturating_add(messages) > LONG
                    || inbox.queued.1.saturating_add(bytes) > LONG_BYTES)
            {
                (inbox.is_long, inbox.is_changed) = (true, true);
                to_count.push(recipient);
            }
        }
        if !to_count.is_empty() {
            db.ask(COUNT, &[&to_count])?;
        }
        let long = coming
            .iter()
            .filter(|coming| {
                let inbox = self.inboxes.get(&coming.recipient);
                inbox.is_some_and(|inbox| inbox.is_long)
            })
            .map(|coming| ((coming.recipient, coming.sender), Share::default()));
        self.shares = long.collect();
        if self.shares.is_empty() {
            return Ok(());
        }
        let (of, by): (Vec<i64>, Vec<i64>) = self.shares.keys().copied().unzip();
        for row in db.ask(SHARES, &[&of, &by])? {
            let pair = (row.try_get(0)?, row.try_get(1)?);
            let share = self.shares.entry(pair).or_default();
            share.queued = (row.try_get(2)?, row.try_get(3)?);
        }
        Ok(())
    }

    /// Whether a message that was expected has room.
    pub fn check(&self, coming: &Coming) -> Result<(), Refusal> {
        let inbox = self.inboxes.get(&coming.recipient);
        let inbox = inbox.ok_or_else(|| Refusal::internal(&"a device has no queue"))?;
        let share = self.shares.get(&(coming.recipient, coming.sender));
        let room = Room {
            free: self.free,
            queued: inbox.queued,
            of_one: share.map(|share| share.queued).unwrap_or_default(),
        };
        room.check(coming.len)
    }

    /// Adds a message that has room.
    pub fn add(&mut self, coming: &Coming, content: Content<'_>) {
        let Some(inbox) = self.inboxes.get_mut(&coming.recipient) else {
            return;
        };
        let came = &mut self.came;
        came.recipients.push(coming.recipient);
        came.numbers.push(inbox.next);
        came.senders.push(coming.sender);
        came.epochs.push(content.epoch.into());
        came.stamped.push(content.stamped);
        came.accepts.push(content.accepts.into());
        came.bodies.push(content.body.map(|body| body.row));
        let body_len = content.body.map_or(0, |body| body.len);
        came.body_lens.push(signed(body_len));
        inbox.of_bodies = inbox.of_bodies.saturating_add(signed(body_len));
        inbox.next = inbox.next.saturating_add(1);
        inbox.is_changed = true;
        add_to(&mut inbox.queued, coming.len);
        if let Some(share) = self.shares.get_mut(&(coming.recipient, coming.sender)) {
            add_to(&mut share.queued, coming.len);
            add_to(&mut share.added, coming.len);
        }
        let own_len = coming.len.saturating_sub(body_len);
        self.free = self.free.saturating_sub(signed(own_len));
    }

    /// Records that a message was dropped, which was accepted at this time.
    pub fn lose(&mut self, recipient: i64, at_ms: u64) {
        let at_ms = i64::try_from(at_ms).unwrap_or(i64::MAX);
        if let Some(inbox) = self.inboxes.get_mut(&recipient) {
            let (from, to) = inbox.lost.unwrap_or((at_ms, at_ms));
            inbox.lost = Some((from.min(at_ms), to.max(at_ms)));
            inbox.is_changed = true;
        }
    }

    /// Writes what was added, and what devices sent, in ascending order.
    pub fn write(&self, db: &Prepared, sent: &[Sent]) -> Result<(), Error> {
        let changed: Vec<(&i64, &Inbox)> = self.inboxes.iter().collect();
        let changed = changed.into_iter().filter(|(_, inbox)| inbox.is_changed);
        let (mut recipients, mut next, mut is_long) = (Vec::new(), Vec::new(), Vec::new());
        let (mut messages, mut bytes, mut of_bodies) = (Vec::new(), Vec::new(), Vec::new());
        let (mut lost_from, mut lost_to) = (Vec::new(), Vec::new());
        for (recipient, inbox) in changed {
            recipients.push(*recipient);
            next.push(inbox.next);
            messages.push(inbox.queued.0);
            bytes.push(inbox.queued.1);
            of_bodies.push(inbox.of_bodies);
            is_long.push(i64::from(inbox.is_long));
            lost_from.push(inbox.lost.map(|lost| lost.0));
            lost_to.push(inbox.lost.map(|lost| lost.1));
        }
        let (mut of, mut by) = (Vec::new(), Vec::new());
        let (mut more, mut more_bytes) = (Vec::new(), Vec::new());
        for ((recipient, sender), share) in &self.shares {
            if share.added.0 > 0 {
                of.push(*recipient);
                by.push(*sender);
                more.push(share.added.0);
                more_bytes.push(share.added.1);
            }
        }
        if recipients.is_empty() && sent.is_empty() {
            return Ok(());
        }
        let devices: Vec<i64> = sent.iter().map(|sent| sent.device).collect();
        let at: Vec<i64> = sent.iter().map(|sent| sent.at_ms).collect();
        let marks: Vec<Option<&[u8]>> = sent.iter().map(|sent| sent.mark.as_deref()).collect();
        let came = &self.came;
        db.ask(
            WRITE,
            &[
                &came.recipients,
                &came.numbers,
                &came.senders,
                &came.epochs,
                &came.stamped,
                &came.accepts,
                &came.bodies,
                &came.body_lens,
                &of,
                &by,
                &more,
                &more_bytes,
                &recipients,
                &next,
                &messages,
                &bytes,
                &is_long,
                &lost_from,
                &lost_to,
                &devices,
                &at,
                &marks,
                &of_bodies,
            ],
        )?;
        Ok(())
    }
}

/// Adds a message of this length.
fn add_to((messages, bytes): &mut (i64, i64), len: usize) {
    *messages = messages.saturating_add(1);
    *bytes = bytes.saturating_add(signed(len));
}

fn signed(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
