//! Receiving: each delivery is committed to the store, then shown, then acknowledged. What each error asks for is done.

use std::thread;
use std::time::Duration;

use waxseal::reporting::Delivery;
use waxseal::{AccountId, Advice, Content, Direction, Received};
use waxseal_relay::Event;

use crate::chat::{Chat, now};
use crate::failure::{Failure, IDENTITY_CHANGED, Outcome, TRY_LATER};
use crate::home::Kept;
use crate::identity;
use crate::show;

const DAY_MS: u64 = 24 * 3600 * 1000;
/// Longest wait for the relay's next word. Each wait answers its pings, so that `--follow` may go on for ever.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts to connect.
pub const PAUSE: Duration = Duration::from_millis(500);
/// A delivery that did not open is let go after so many days…
const KEEP_DAYS: u64 = 7;
/// … or when so many others of its sender are kept, or of all: a peer can make messages that never open, which must not cost
/// those of others.
const MAX_KEPT_OF_ONE: usize = 64;
const MAX_KEPT: usize = 2_048;
/// A delivery that looks altered is let go when it came so often.
const MAX_TIMES: u32 = 5;
/// Content that shows nothing: brings a peer that is out of step onto the new session.
const RESTART: &str = "application/vnd.waxseal.chat-restart";

/// Whether the relay may forget a delivery.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Acknowledge,
    Keep,
}

/// Shows what comes in, until the queue is empty or, with `follow`, for ever.
pub fn receive(chat: &mut Chat, follow: bool, json: bool) -> Outcome<()> {
    // Stored before a crash, not shown since.
    show_unseen(chat, json)?;
    loop {
        match fetch(chat, follow, json) {
            Err(failure) if follow && failure.code == TRY_LATER => {
                chat.detail(failure.message);
                chat.print_notices();
                thread::sleep(PAUSE);
            }
            outcome => return outcome,
        }
    }
}

/// Shows what comes in on one connection.
fn fetch(chat: &mut Chat, follow: bool, json: bool) -> Outcome<()> {
    // What the relay does not take now does not hold up what it has for us.
    let mut caught_up = chat.catch_up();
    let mut deliveries = chat.with_session(|relay, session| relay.deliveries(session))?;
    loop {
        match deliveries.next(PATIENCE)? {
            Some(Event::Delivery { id, delivery }) => {
                let verdict = chat.take(id, &delivery)?;
                show_unseen(chat, json)?;
                match verdict {
                    Verdict::Acknowledge => deliveries.acknowledge(id)?,
                    Verdict::Keep => deliveries.keep(id)?,
                }
            }
            Some(Event::CaughtUp) if !follow => break,
            None if !follow => return Err(Failure::with_code(TRY_LATER, "the relay fell silent")),
            None if caught_up.is_err() => caught_up = chat.catch_up(),
            Some(Event::CaughtUp) | None => {}
        }
    }
    deliveries.close();
    if chat.identity_changed {
        let message = "a peer's identity changed: see the warning above";
        return Err(Failure::with_code(IDENTITY_CHANGED, message));
    }
    caught_up
}

/// Prints first, and notes that it was printed after.
fn show_unseen(chat: &mut Chat, json: bool) -> Outcome<()> {
    chat.print_notices();
    for shown in chat.unseen()? {
        let from = shown.from.as_str();
        let line = if json {
            show::json_line(from, None, &shown.message)?
        } else {
            show::line(from, &shown.message)
        };
        show::print(&line)?;
        chat.seen(&shown)?;
    }
    Ok(())
}

impl Chat {
    /// Takes one delivery. Once this returns [`Verdict::Acknowledge`] it is in the store, or nothing will come of it.
    pub fn take(&mut self, id: u64, delivery: &[u8]) -> Outcome<Verdict> {
        let error = match self.client.receive(delivery) {
            Ok(received) => {
                if let Received::Duplicate { from, .. } = received {
                    self.detail(format!("a message of {} came again", from.as_str()));
                }
                return self.let_go(id);
            }
            Err(error) => error,
        };
        let from = self.sender_of(delivery);
        let name = from.as_ref().map_or("somebody", AccountId::as_str);
        match error.advice() {
            Advice::Drop => {
                self.notice(format!("a message from {name} was dropped: {error}"));
                self.let_go(id)
            }
            Advice::FetchBundle => {
                self.notice(format!(
                    "a message from {name} cannot be opened and is lost: {error}"
                ));
                if let Some(from) = &from {
                    self.start_over(from)?;
                }
                self.let_go(id)
            }
            Advice::RotatePreKeys => {
                self.notice(format!("a message from {name} cannot be opened: {error}"));
                self.rotate_prekeys()?;
                self.let_go(id)
            }
            Advice::WarnIdentityChange => {
                self.warn_once(from.as_ref());
                self.keep(id, name, u32::MAX)
            }
            Advice::DeliverAgain => self.keep(id, name, MAX_TIMES),
            Advice::KeepAndRetry => self.keep(id, name, u32::MAX),
            // The store failed: nothing can be said about the delivery, which comes again.
            _ => Err(error.into()),
        }
    }

    /// Who sent it, by the relay's word; whether that is true is what could not be found out.
    fn sender_of(&self, delivery: &[u8]) -> Option<AccountId> {
        let (key, me) = (self.client.delivery_key(), &self.client.me().account);
        let delivery = Delivery::decode(delivery)
            .ok()?
            .authenticate(key, me)
            .ok()?;
        Some(delivery.claim().context().sender.account.clone())
    }

    /// Leaves a delivery with the relay, which brings it again at the next connection, but not for ever.
    fn keep(&mut self, id: u64, from: &str, max_times: u32) -> Outcome<Verdict> {
        let kept = &mut self.home.memory.kept;
        // Those that the relay has dropped by itself.
        kept.retain(|_, kept| {
            now().as_millis().saturating_sub(kept.since_ms) < 2 * KEEP_DAYS * DAY_MS
        });
        let of_one = kept.values().filter(|kept| kept.from == from).count();
        let full = of_one >= MAX_KEPT_OF_ONE || kept.len() >= MAX_KEPT;
        let full = full && !kept.contains_key(&id);
        let Kept {
            since_ms, times, ..
        } = kept.entry(id).or_insert_with(|| Kept {
            since_ms: now().as_millis(),
            times: 0,
            from: from.to_owned(),
        });
        *times = times.saturating_add(1);
        let days = now().as_millis().saturating_sub(*since_ms) / DAY_MS;
        if *times >= max_times || days >= KEEP_DAYS || full {
            self.notice("a delivery that never opened is given up");
            return self.let_go(id);
        }
        self.home.remember()?;
        Ok(Verdict::Keep)
    }

    fn let_go(&mut self, id: u64) -> Outcome<Verdict> {
        if self.home.memory.kept.remove(&id).is_some() {
            self.home.remember()?;
        }
        Ok(Verdict::Acknowledge)
    }

    /// Starts a new session with a peer that is out of step: one the user talks to, and once a day, since whoever wrote
    /// the message is not authenticated.
    fn start_over(&mut self, peer: &AccountId) -> Outcome<()> {
        let mut talked = false;
        self.each_message(peer, 0, |message| {
            talked |= message.direction() == Direction::Sent
        })?;
        let last = self.home.memory.restarted_at_ms.get(peer.as_str());
        if !talked || last.is_some_and(|last| now().as_millis().saturating_sub(*last) < DAY_MS) {
            return Ok(());
        }
        self.home
            .memory
            .restarted_at_ms
            .insert(peer.as_str().to_owned(), now().as_millis());
        self.home.remember()?;
        self.start(peer)?;
        let (kind, body) = (RESTART.to_owned(), Vec::new());
        self.seal(peer, Content::Application { kind, body })?;
        self.flush_outbox()?;
        self.notice(format!("a new session with {} was started", peer.as_str()));
        Ok(())
    }

    /// The first of several deliveries that tell of a change says it.
    fn warn_once(&mut self, from: Option<&AccountId>) {
        if let Some(from) = from
            && self.warned.insert(from.clone())
        {
            self.identity_changed = true;
            for line in identity::warning(from).lines() {
                self.notice(line);
            }
        }
    }
}

#[cfg(test)]
mod tests;
