//! The connections on which a relay hears from the others and tells them. It tells itself a number
//! every second: if that does not come back, the database counts as lost, or something between
//! them does not pass on what is told.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Error};
use tokio::sync::mpsc;
use waxseal_relay::system_rng;

use super::failure::Said;
use super::{SILENT, Shared};
use crate::keys::random;
use crate::store::news::{Ear, News};

/// How often a relay tells itself a number.
const BEAT: Duration = Duration::from_secs(1);

/// How long is waited for news, at most. A relay that stops waits for it.
const PATIENCE: Duration = Duration::from_millis(200);

/// Maximum number of news in one notification, which PostgreSQL limits to 8,000 bytes.
const AT_ONCE: usize = 180;

/// What is told.
pub enum Told {
    News(News),
    Beat(Beat),
}

/// What a relay tells itself, in the same texts as news, in which it is `b` and two numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Drawn for each connection that listens.
    listener: u64,
    number: u64,
}

impl Told {
    fn write(&self, text: &mut String) {
        match self {
            Self::News(news) => news.write(text),
            Self::Beat(Beat { listener, number }) => {
                text.push_str(&format!("b{listener}.{number} "))
            }
        }
    }

    fn beat(&self) -> Option<Beat> {
        match self {
            Self::News(_) => None,
            Self::Beat(beat) => Some(*beat),
        }
    }
}

impl Beat {
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
        }
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
        client.batch_execute("LISTEN waxseal")?;
        // Only from here on is everything heard.
        if let Some(ear) = self.ear() {
            ear.hear(News::Missed);
        }
        let mut beats = Beats::new();
        while !self.is_closed.load(Ordering::Relaxed) {
            if let Some(beat) = beats.next() {
                let _ = telling.try_send(Told::Beat(beat));
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
            if beats.heard_at.elapsed() > SILENT {
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
            if !beats.hear(beat) {
                continue;
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
    pub(super) fn tell(&self, mut news: mpsc::Receiver<Told>) {
        let (mut batch, mut connected, mut listener) = (Vec::new(), None, None);
        while news.blocking_recv_many(&mut batch, AT_ONCE) > 0 {
            if let Some(beat) = batch.iter().rev().find_map(Told::beat)
                && listener.replace(beat.listener) != Some(beat.listener)
            {
                connected = None; // it may be one to a server that is no longer the right one
            }
            if self.is_lost.load(Ordering::Relaxed) {
                batch.retain(|told| told.beat().is_some()); // the rest is found in the database
            }
            let mut payload = String::new();
            batch.drain(..).for_each(|told| told.write(&mut payload));
            if payload.is_empty() {
                continue;
            }
            // If it fails, the others find it in the database.
            let client = connected.take().map_or_else(|| self.access.connect(), Ok);
            connected = client.ok().filter(|client: &Client| !client.is_closed());
            if let Some(client) = &mut connected
                && client
                    .execute("SELECT pg_notify('waxseal', $1)", &[&payload])
                    .is_err()
            {
                connected = None;
            }
        }
    }
}

#[cfg(test)]
mod tests;
