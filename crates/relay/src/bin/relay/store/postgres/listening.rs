//! The connections on which a relay hears from the others and tells them. It tells itself a number
//! every second: if that does not come back, the database counts as lost, or something between
//! them does not pass on what is told.
//!
//! All hear what concerns all, on the channel `waxseal`. Each hears on a channel of its own what
//! waits for the devices that are connected to it. Nobody is told of a device that is not
//! connected.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Error, Statement};
use tokio::sync::mpsc;
use waxseal_relay::system_rng;

use super::failure::Said;
use super::session::Access;
use super::{SILENT, Shared};
use crate::keys::random;
use crate::store::news::{Ear, News};

/// How often a relay tells itself a number.
const BEAT: Duration = Duration::from_secs(1);

/// How long is waited for news, at most. A relay that stops waits for it.
const PATIENCE: Duration = Duration::from_millis(200);

/// Maximum number of news in one notification, which PostgreSQL limits to 8,000 bytes.
const AT_ONCE: usize = 180;

/// How long is waited for the first number on a connection. The connection that tells it may have
/// to be made first, to a server of which others are asked before.
pub(super) const FIRST: Duration = Duration::from_secs(30);

/// How often the log says that the queue of PostgreSQL for notifications fills up.
const FULL_LOGGED: Duration = Duration::from_secs(60);

/// How full that queue may be without a word in the log.
const MAX_FULL: f64 = 0.1;

/// What wakes the thread that tells.
pub enum Told {
    News(News),
    /// A connection of a device has ended.
    Ended {
        device: i64,
        number: i64,
    },
    /// A beat is in its place.
    Beat,
}

/// What a relay tells itself, in the same texts as news, in which it is `b` and two numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Drawn for each connection that listens.
    listener: u64,
    number: u64,
}

impl Beat {
    fn write(self, text: &mut String) {
        let Self { listener, number } = self;
        text.push_str(&format!("b{listener}.{number} "));
    }

    /// Reads all beats in a text.
    fn read(text: &str) -> impl Iterator<Item = Self> + '_ {
        text.split_ascii_whitespace().filter_map(|word| {
            let (listener, number) = word.strip_prefix('b')?.split_once('.')?;
            let (listener, number) = (listener.parse().ok()?, number.parse().ok()?);
            Some(Self { listener, number })
        })
    }
}

/// Why nothing is heard.
enum Unheard {
    Failed(Error),
    Silent,
}

impl From<Error> for Unheard {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => Said(error).fmt(f),
            Self::Silent => f.write_str(
                "what is told by NOTIFY does not come back. It hangs, or there is a pooler that \
                 does not pass it on",
            ),
        }
    }
}

/// What a relay tells itself on one connection.
struct Beats {
    last: Beat,
    /// When those were told that have not come back.
    told: VecDeque<(u64, Instant)>,
    /// When the newest was told that came back. At first, when the connection began.
    heard_at: Instant,
    /// Whether one came back.
    is_heard: bool,
}

impl Beats {
    fn new() -> Self {
        Self {
            last: Beat {
                listener: u64::from_be_bytes(*random(&mut system_rng())),
                number: 0,
            },
            told: VecDeque::new(),
            heard_at: Instant::now(),
            is_heard: false,
        }
    }

    /// Whether none came back for too long.
    fn is_silent(&self) -> bool {
        let patience = if self.is_heard { SILENT } else { FIRST };
        self.heard_at.elapsed() > patience
    }

    /// The next one, if it is time for it.
    fn next(&mut self) -> Option<Beat> {
        let newest = self.told.back().map(|(_, at)| *at);
        let newest = newest.or((self.last.number > 0).then_some(self.heard_at));
        if newest.is_some_and(|at| at.elapsed() < BEAT) {
            return None;
        }
        self.last.number += 1;
        self.told.push_back((self.last.number, Instant::now()));
        Some(self.last)
    }

    /// Takes one that came back. Returns whether it is of this connection.
    fn hear(&mut self, beat: Beat) -> bool {
        if beat.listener != self.last.listener {
            return false;
        }
        let mut is_known = false;
        while let Some((number, at)) = self.told.front().copied()
            && number <= beat.number
        {
            self.told.pop_front();
            (self.heard_at, is_known) = (at, true);
        }
        self.is_heard |= is_known;
        is_known
    }
}

impl Shared {
    /// Listens until the database is closed.
    pub(super) fn listen(&self, telling: &mpsc::Sender<Told>) {
        while !self.is_closed.load(Ordering::Relaxed) {
            let connected = self.access.connect().map_err(Unheard::from);
            if let Err(why) = connected.and_then(|client| self.hear(client, telling)) {
                if !self.is_lost.swap(true, Ordering::Relaxed) {
                    self.losses.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(%why, "PostgreSQL is lost: requests are refused");
                }
                std::thread::sleep(PATIENCE);
            }
        }
    }

    /// Hears what the others tell, until the connection ends or nothing is heard.
    fn hear(&self, mut client: Client, telling: &mpsc::Sender<Told>) -> Result<(), Unheard> {
        // PostgreSQL keeps what a session has not read. It ends one that reads nothing any more.
        let listen = format!("LISTEN waxseal; LISTEN waxseal_{}", self.relay);
        client.batch_execute(&listen)?;
        self.listeners.fetch_add(1, Ordering::Relaxed);
        let mut beats = Beats::new();
        while !self.is_closed.load(Ordering::Relaxed) {
            if let Some(beat) = beats.next() {
                *self.beat.lock().unwrap_or_else(PoisonError::into_inner) = Some(beat);
                // Where there is no room, the thread that tells is awake.
                let _ = telling.try_send(Told::Beat);
            }
            let mut notifications = client.notifications();
            let mut notifications = notifications.timeout_iter(PATIENCE);
            let began = Instant::now();
            while let Some(notification) = notifications.next()? {
                self.take(notification.payload(), &mut beats);
                if began.elapsed() > PATIENCE {
                    break;
                }
            }
            if beats.is_silent() {
                return Err(Unheard::Silent);
            }
        }
        Ok(())
    }

    fn take(&self, payload: &str, beats: &mut Beats) {
        if let Some(ear) = self.ear() {
            News::read(payload).for_each(|news| ear.hear(news));
        }
        for beat in Beat::read(payload) {
            let is_first = !beats.is_heard;
            if !beats.hear(beat) {
                continue;
            }
            // Everything was heard since the connection began, and no request was taken.
            if let Some(ear) = self.ear().filter(|_| is_first) {
                ear.hear(News::Missed);
            }
            let heard_at = self.heard_at.lock();
            *heard_at.unwrap_or_else(PoisonError::into_inner) = beats.heard_at;
            if self.is_lost.swap(false, Ordering::Relaxed) {
                tracing::info!("PostgreSQL is there");
            }
        }
    }

    pub(super) fn ear(&self) -> Option<Arc<dyn Ear>> {
        let ear = self.ear.read().unwrap_or_else(PoisonError::into_inner);
        ear.clone()
    }

    /// Tells the others what is sent here, until there is no more.
    pub(super) fn tell(&self, mut told: mpsc::Receiver<Told>) {
        let (mut batch, mut connected, mut listener) = (Vec::new(), None, None);
        let mut full_at = None;
        while told.blocking_recv_many(&mut batch, AT_ONCE) > 0 {
            let beat = self.beat.lock();
            let beat = beat.unwrap_or_else(PoisonError::into_inner).take();
            let (mut own, mut all, mut queued) = (String::new(), String::new(), Vec::new());
            let mut ended = (Vec::new(), Vec::new());
            if let Some(beat) = beat {
                if listener.replace(beat.listener) != Some(beat.listener) {
                    connected = None; // it may be one to a server that is no longer the right one
                }
                beat.write(&mut own);
                self.try_connecting();
            }
            for told in batch.drain(..) {
                // What is not told while the database is lost is found in it.
                if self.is_lost.load(Ordering::Relaxed) {
                    continue;
                }
                match told {
                    Told::News(News::Queued(device)) => queued.push(device),
                    Told::News(news) => news.write(&mut all),
                    Told::Ended { device, number } => {
                        ended.0.push(device);
                        ended.1.push(number);
                    }
                    Told::Beat => {}
                }
            }
            if own.is_empty() && all.is_empty() && queued.is_empty() && ended.0.is_empty() {
                continue;
            }
            // If it fails, the others find it in the database.
            let teller = connected
                .take()
                .filter(|teller: &Teller| !teller.is_closed());
            let teller = teller.map_or_else(|| Teller::connect(&self.access), Ok);
            connected = teller.ok().and_then(|mut teller| {
                let full = teller.tell((self.relay, &own), &all).ok()?;
                log_full(full, &mut full_at);
                // It may have to wait for the table, and then nobody is told.
                let _ = teller.tell_of_queued(&queued);
                let _ = teller.end(&ended);
                Some(teller)
            });
        }
    }
}

impl Shared {
    /// Connects once more, if a thread could not connect. While this relay is not ready, nobody
    /// else tries.
    fn try_connecting(&self) {
        if self.lacks_connections.load(Ordering::Relaxed) && self.access.connect().is_ok() {
            self.lacks_connections.store(false, Ordering::Relaxed);
        }
    }
}

/// The connection that tells.
struct Teller {
    client: Client,
    telling: Statement,
    /// Prepared when they are used first: someone may hold the lock of the table.
    telling_of_queued: Option<Statement>,
    ending: Option<Statement>,
}

impl Teller {
    fn connect(access: &Access) -> Result<Self, Error> {
        let mut client = access.connect_with(BRIEFLY)?;
        Ok(Self {
            telling: client.prepare(TELL)?,
            telling_of_queued: None,
            ending: None,
            client,
        })
    }

    fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Tells a relay and all of them what there is for them. Returns how full the queue of the
    /// server is, up to 1.
    fn tell(&mut self, (relay, own): (i64, &str), all: &str) -> Result<f64, Error> {
        let told = self.client.query(&self.telling, &[&relay, &own, &all])?;
        told.first().map_or(Ok(0.0), |told| told.try_get(1))
    }

    /// Records that these connections of devices have ended. Leaves those out whose rows others
    /// have.
    fn end(&mut self, (devices, numbers): &(Vec<i64>, Vec<i64>)) -> Result<(), Error> {
        if !devices.is_empty() {
            let ending = prepared(&mut self.client, &mut self.ending, END)?;
            self.client.execute(ending, &[devices, numbers])?;
        }
        Ok(())
    }

    /// Tells each relay which of these devices, which are connected to it, have messages.
    fn tell_of_queued(&mut self, devices: &[i64]) -> Result<(), Error> {
        if !devices.is_empty() {
            let telling = &mut self.telling_of_queued;
            let telling = prepared(&mut self.client, telling, TELL_OF_QUEUED)?;
            self.client.query(telling, &[&devices])?;
        }
        Ok(())
    }
}

/// A statement that is prepared once.
fn prepared<'a>(
    client: &mut Client,
    place: &'a mut Option<Statement>,
    sql: &str,
) -> Result<&'a Statement, Error> {
    match place {
        Some(prepared) => Ok(prepared),
        None => Ok(place.insert(client.prepare(sql)?)),
    }
}

/// Whatever a lock of a table may be held for, beats are not kept back by it for long. Nothing that
/// is told must survive.
const BRIEFLY: &str = "SET lock_timeout = '1s'; SET statement_timeout = '2s';
     SET synchronous_commit = off";

const TELL: &str = "SELECT pg_notify(channel, news), pg_notification_queue_usage() FROM (
         VALUES ('waxseal_' || $1::bigint, $2::text), ('waxseal', $3::text)
     ) told (channel, news) WHERE news <> ''";

const TELL_OF_QUEUED: &str = "SELECT pg_notify('waxseal_' || relay, string_agg('q' || id, ' '))
     FROM device WHERE id = ANY($1::bigint[]) AND relay IS NOT NULL GROUP BY relay";

const END: &str = "WITH ended AS (
         SELECT d.id FROM device d
             JOIN unnest($1::bigint[], $2::bigint[]) e (id, number) ON e.id = d.id
         WHERE d.connection = e.number ORDER BY d.id FOR NO KEY UPDATE OF d SKIP LOCKED
     ) UPDATE device SET relay = NULL FROM ended WHERE device.id = ended.id";

/// Logs that the queue of the server fills up, once a minute.
fn log_full(full: f64, logged_at: &mut Option<Instant>) {
    if full > MAX_FULL && logged_at.is_none_or(|at: Instant| at.elapsed() >= FULL_LOGGED) {
        *logged_at = Some(Instant::now());
        tracing::warn!(
            full,
            "the queue of NOTIFY in PostgreSQL fills up: a relay that listens has stopped reading"
        );
    }
}

#[cfg(test)]
mod tests;
