//! Receiving: commits the deliveries to the store, then shows their messages, then acknowledges
//! them. If a delivery does not open, follows the advice of the error.

use std::thread;
use std::time::Duration;

use waxseal::errors::ReceiveError;
use waxseal::reporting::relay::Delivery;
use waxseal::{AccountId, Advice, MAX_RECEIVED_AT_ONCE, Received, SqliteError};
use waxseal_interface::Event;
use waxseal_relay::Deliveries;

use crate::chat::{Chat, DAY_MS, age_ms, now};
use crate::failure::{Failure, IDENTITY_CHANGED, Outcome, TRY_LATER};
use crate::home::KeptDelivery;
use crate::identity;
use crate::show;
use crate::text::short;

/// Maximum time to wait for the relay's next event. Each wait answers the relay's pings, so that
/// `--follow` can go on forever.
const EVENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum pause between deliveries that are stored together.
const BATCH_PAUSE: Duration = Duration::from_millis(5);
/// Pause between two attempts to connect.
pub const RECONNECT_PAUSE: Duration = Duration::from_millis(500);
/// Number of days after which a delivery that did not open is given up.
const KEEP_DAYS: u64 = 7;
/// Maximum number of unopened deliveries kept per sender. A peer can make messages that never open,
/// and these must not displace the messages of others.
const MAX_KEPT_OF_ONE: usize = 64;
/// Maximum number of unopened deliveries kept in all.
const MAX_KEPT: usize = 2_048;
/// Number of attempts after which a delivery that looks altered is given up.
const MAX_ATTEMPTS: u32 = 5;

/// What to tell the relay about a delivery: that it may delete it, or that it must keep it and send
/// it again on the next connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Acknowledge,
    Keep,
}

/// Shows the messages that arrive until the queue is empty, or forever with `follow`.
pub fn receive(chat: &mut Chat, follow: bool, json: bool) -> Outcome<()> {
    // Shows messages that were stored but not shown before a crash.
    show_unseen(chat, json)?;
    loop {
        match fetch(chat, follow, json) {
            Err(failure) if follow && failure.code == TRY_LATER => {
                chat.detail(failure.message);
                chat.print_notices();
                thread::sleep(RECONNECT_PAUSE);
            }
            outcome => return outcome,
        }
    }
}

/// Shows the messages that arrive on one connection.
fn fetch(chat: &mut Chat, follow: bool, json: bool) -> Outcome<()> {
    // A failure here must not keep the messages that wait at the relay from arriving.
    let mut caught_up = chat.catch_up();
    let mut deliveries = chat.with_session(|relay, session| relay.deliveries(session))?;
    loop {
        let Arrived { waiting, is_all } = next_arrived(&mut deliveries)?;
        if !waiting.is_empty() {
            let verdicts = chat.take(&waiting)?;
            show_unseen(chat, json)?;
            answer(&mut deliveries, verdicts)?;
        }
        match is_all {
            true if !follow => break,
            false if waiting.is_empty() && !follow => {
                return Err(Failure::with_code(TRY_LATER, "the relay fell silent"));
            }
            false if waiting.is_empty() && caught_up.is_err() => caught_up = chat.catch_up(),
            true => chat.upkeep()?,
            _ => {}
        }
    }
    deliveries.close();
    caught_up = caught_up.and(chat.upkeep());
    if chat.identity_changed {
        let message = "a peer's identity changed: see the warning above";
        return Err(Failure::with_code(IDENTITY_CHANGED, message));
    }
    caught_up
}

/// Deliveries that arrived together, each with the number that the relay gave it.
pub struct Arrived {
    pub waiting: Vec<(u64, Vec<u8>)>,
    /// Whether the relay said that these were all.
    pub is_all: bool,
}

/// Waits for deliveries. Returns those that one transaction can receive, and none if the relay was
/// silent for too long.
pub fn next_arrived(deliveries: &mut Deliveries) -> Outcome<Arrived> {
    let (mut waiting, mut is_all) = (Vec::new(), false);
    while waiting.len() < MAX_RECEIVED_AT_ONCE {
        let wait = match waiting.is_empty() {
            true => EVENT_TIMEOUT,
            false => BATCH_PAUSE,
        };
        match deliveries.next(wait)? {
            Some(Event::Delivery { id, delivery }) => waiting.push((id, delivery)),
            Some(Event::CaughtUp) => {
                is_all = true;
                break;
            }
            None => break,
        }
    }
    Ok(Arrived { waiting, is_all })
}

/// Tells the relay what it may delete.
pub fn answer(deliveries: &mut Deliveries, verdicts: Vec<(u64, Verdict)>) -> Outcome<()> {
    for (id, verdict) in verdicts {
        match verdict {
            Verdict::Acknowledge => deliveries.acknowledge(id)?,
            Verdict::Keep => deliveries.keep(id)?,
        }
    }
    Ok(())
}

/// Prints each new message first, and only then records that it was shown.
fn show_unseen(chat: &mut Chat, json: bool) -> Outcome<()> {
    chat.print_notices();
    for shown in chat.unseen()? {
        let from = shown.from.as_str();
        let line = if json {
            show::json_line(chat, from, None, &shown.message)?
        } else {
            show::line(from, &shown.message)
        };
        show::print(&line)?;
        chat.seen(&shown)?;
    }
    Ok(())
}

impl Chat {
    /// Takes deliveries, in their order. If the verdict on one is [`Verdict::Acknowledge`], its
    /// message is in the store or is given up.
    pub fn take(&mut self, mut waiting: &[(u64, Vec<u8>)]) -> Outcome<Vec<(u64, Verdict)>> {
        let mut verdicts = Vec::new();
        while !waiting.is_empty() {
            let deliveries = waiting.iter().map(|(_, delivery)| delivery.as_slice());
            let received = self.client.receive_many(deliveries)?;
            let (taken, left) = waiting.split_at(received.len());
            for ((id, delivery), received) in taken.iter().zip(received) {
                verdicts.push((*id, self.judge(*id, delivery, received)?));
            }
            waiting = left;
        }
        Ok(verdicts)
    }

    fn judge(
        &mut self,
        id: u64,
        delivery: &[u8],
        received: Result<Received, ReceiveError<SqliteError>>,
    ) -> Outcome<Verdict> {
        let error = match received {
            Ok(received) => {
                self.tell_of(&received);
                return self.settle(id);
            }
            Err(error) => error,
        };
        let from = self.claimed_sender(delivery);
        let name = from.as_ref().map_or("somebody", AccountId::as_str);
        match error.advice() {
            Advice::Drop => {
                self.notice(format!("a message from {name} was dropped: {error}"));
                self.settle(id)
            }
            Advice::AskAgain => {
                self.detail(format!(
                    "a message from {name} does not open, and is asked for again: {error}"
                ));
                self.settle(id)
            }
            Advice::WarnIdentityChange => {
                self.warn_once(from.as_ref());
                self.keep(id, name, u32::MAX)
            }
            Advice::DeliverAgain => self.keep(id, name, MAX_ATTEMPTS),
            Advice::KeepAndRetry => self.keep(id, name, u32::MAX),
            // What is damaged keeps no one else's messages from arriving.
            advice @ (Advice::ResetPeer | Advice::ResetPreKeys | Advice::DeleteMessage) => {
                self.home.memory.prekeys_damaged |= advice == Advice::ResetPreKeys;
                self.notice_once(format!(
                    "a message from {name} waits, because the store is damaged: run `repair`"
                ));
                self.keep(id, name, u32::MAX)
            }
            // The store failed, so nothing is known about the delivery. The relay delivers it
            // again.
            _ => Err(error.into()),
        }
    }

    fn tell_of(&self, received: &Received) {
        match received {
            Received::Duplicate { from, .. } => {
                self.detail(format!("a message of {} came again", from.as_str()));
            }
            Received::Refused {
                from,
                again,
                not_delivered,
            } => {
                let from = from.as_str();
                if !again.is_empty() {
                    let count = again.len();
                    self.detail(format!("{count} messages to {from} are sealed again"));
                }
                for id in not_delivered {
                    self.notice(format!("message {} to {from} did not arrive", short(id)));
                }
            }
            _ => {}
        }
    }

    /// The sender of a delivery that did not open, as named by the relay. No session has confirmed
    /// it.
    fn claimed_sender(&self, delivery: &[u8]) -> Option<AccountId> {
        let (key, me) = (self.client.delivery_key(), &self.client.me().account);
        let delivery = Delivery::decode(delivery)
            .ok()?
            .authenticate(key, me)
            .ok()?;
        Some(delivery.claim().context().sender.account.clone())
    }

    /// Leaves a delivery with the relay, so that it comes again on the next connection. Gives the
    /// delivery up after `max_attempts`, after [`KEEP_DAYS`], or if too many are kept already.
    fn keep(&mut self, id: u64, from: &str, max_attempts: u32) -> Outcome<Verdict> {
        let kept = &mut self.home.memory.kept;
        // Forgets deliveries that the relay has dropped by itself. If this device's clock was ahead
        // when it kept a delivery, the days count from now.
        kept.retain(|_, kept| match age_ms(kept.since_ms) {
            Some(age_ms) => age_ms < 2 * KEEP_DAYS * DAY_MS,
            None => {
                kept.since_ms = now().as_millis();
                true
            }
        });
        let of_one = kept.values().filter(|kept| kept.from == from).count();
        let full = of_one >= MAX_KEPT_OF_ONE || kept.len() >= MAX_KEPT;
        let full = full && !kept.contains_key(&id);
        let KeptDelivery {
            since_ms, times, ..
        } = kept.entry(id).or_insert_with(|| KeptDelivery {
            since_ms: now().as_millis(),
            times: 0,
            from: from.to_owned(),
        });
        *times = times.saturating_add(1);
        let days = now().as_millis().saturating_sub(*since_ms) / DAY_MS;
        if *times >= max_attempts || days >= KEEP_DAYS || full {
            self.notice("a delivery that never opened is given up");
            return self.settle(id);
        }
        self.home.remember()?;
        Ok(Verdict::Keep)
    }

    /// Forgets that a delivery was kept, and has it acknowledged.
    fn settle(&mut self, id: u64) -> Outcome<Verdict> {
        if self.home.memory.kept.remove(&id).is_some() {
            self.home.remember()?;
        }
        Ok(Verdict::Acknowledge)
    }

    /// Warns that a peer's identity changed. Warns once per peer, however many deliveries show it.
    pub fn warn_once(&mut self, from: Option<&AccountId>) {
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
