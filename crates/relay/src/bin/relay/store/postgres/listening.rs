//! A connection on which a relay hears from the others, and learns whether the database is there.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Error, NoTls};
use tokio::sync::mpsc;

use super::Shared;
use crate::store::news::{Ear, News};

/// How often the database is asked how much waits in all queues.
const ASK: Duration = Duration::from_secs(1);

/// How long is waited for news, at most. A relay that stops waits for it.
const PATIENCE: Duration = Duration::from_millis(200);

/// Maximum number of news in one notification, which PostgreSQL limits to 8,000 bytes.
const AT_ONCE: usize = 180;

impl Shared {
    /// Listens until the database is closed.
    pub(super) fn listen(&self) {
        while !self.is_closed.load(Ordering::Relaxed) {
            self.set_asked(true);
            let connected = self.config.connect(NoTls);
            let heard = connected.and_then(|client| self.hear(client));
            if let Err(error) = heard {
                if !self.is_lost.swap(true, Ordering::Relaxed) {
                    self.losses.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(%error, "PostgreSQL is lost: requests are refused");
                }
                self.set_asked(false);
                std::thread::sleep(PATIENCE);
            }
        }
    }

    /// Hears what the others tell, until the connection ends.
    fn hear(&self, mut client: Client) -> Result<(), Error> {
        client.batch_execute("SET statement_timeout = '2s'; LISTEN waxseal")?;
        // Only from here on is everything heard.
        if let Some(ear) = self.ear() {
            ear.hear(News::Missed);
        }
        let mut asked: Option<Instant> = None;
        while !self.is_closed.load(Ordering::Relaxed) {
            if asked.is_none_or(|at| at.elapsed() >= ASK) {
                asked = Some(Instant::now());
                self.set_asked(true);
                let all = "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM inbox";
                let bytes = client.query_one(all, &[])?.try_get(0)?;
                self.all_bytes.store(bytes, Ordering::Relaxed);
                self.ask_for_lost(&mut client)?;
                self.set_asked(false);
                if self.is_lost.swap(false, Ordering::Relaxed) {
                    tracing::info!("PostgreSQL is there");
                }
            }
            let mut notifications = client.notifications();
            let mut notifications = notifications.timeout_iter(PATIENCE);
            while let Some(notification) = notifications.next()? {
                self.take(notification.payload());
            }
        }
        Ok(())
    }

    /// Notes that an answer is waited for, or that it is there.
    fn set_asked(&self, is_asked: bool) {
        let asked_at = self.asked_at.lock();
        let mut asked_at = asked_at.unwrap_or_else(PoisonError::into_inner);
        *asked_at = is_asked.then(Instant::now);
    }

    /// Asks for the next number of each device that is connected here: news of its messages may
    /// have been lost.
    fn ask_for_lost(&self, client: &mut Client) -> Result<(), Error> {
        let Some(ear) = self.ear() else {
            return Ok(());
        };
        let connected = ear.connected();
        if connected.is_empty() {
            return Ok(());
        }
        let next = "SELECT recipient, next FROM inbox WHERE recipient = ANY($1)";
        for row in client.query(next, &[&connected])? {
            ear.next_number(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(())
    }

    fn take(&self, payload: &str) {
        if let Some(ear) = self.ear() {
            News::read(payload).for_each(|news| ear.hear(news));
        }
    }

    fn ear(&self) -> Option<Arc<dyn Ear>> {
        let ear = self.ear.read().unwrap_or_else(PoisonError::into_inner);
        ear.clone()
    }

    /// Tells the others what is sent here, until there is no more.
    pub(super) fn tell(self: &Arc<Self>, mut news: mpsc::Receiver<News>) {
        let (mut batch, mut connected) = (Vec::new(), None);
        while news.blocking_recv_many(&mut batch, AT_ONCE) > 0 {
            if self.is_lost.load(Ordering::Relaxed) {
                batch.clear(); // the others find it in the database
                continue;
            }
            let mut payload = String::new();
            batch.drain(..).for_each(|news| news.write(&mut payload));
            let client = connected
                .take()
                .map_or_else(|| self.config.connect(NoTls), Ok);
            // If it fails, the others find it in the database.
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
