//! Sending: starts a session if there is none, seals the message into the outbox, and sends the
//! outbox to the relay.

use std::collections::BTreeSet;

use waxseal::{AccountId, Advice, Draft, FrankingTag, NotDelivered, Outgoing};
use waxseal_interface::{Bundle, ErrorCode};
use waxseal_relay::system_rng;

use crate::chat::{Chat, now};
use crate::failure::{Failure, IDENTITY_CHANGED, Outcome, TRY_LATER};
use crate::identity;
use crate::text::short;

/// Number of envelopes to read from the outbox at once.
const BATCH: usize = 16;
/// Maximum number of messages of an earlier version to seal again at once.
const MAX_WAITING: usize = 1_000;

/// Sends a text and prints that the relay has it.
pub fn send(chat: &mut Chat, peer: &str, text: &str) -> Outcome<()> {
    deliver(chat, peer, text)?;
    // The message was sent. If anything else fails, it can wait for the next command.
    if let Err(failure) = chat.catch_up() {
        chat.notice(failure.message);
    }
    Ok(())
}

/// Seals a text and sends it to the relay, after the messages that were waiting.
pub fn deliver(chat: &mut Chat, peer: &str, text: &str) -> Outcome<()> {
    let peer = chat.peer(peer)?;
    if text.is_empty() {
        return Err(Failure::new("nothing to send"));
    }
    let sealed = chat.seal(&peer, text)?;
    let id = short(&sealed);
    let flushed = chat.flush_outbox();
    // Asks the store whether this message was sent. Other messages may still wait because their
    // recipients' queues are full.
    let message = chat.client.message(&peer, &sealed)?;
    let is_sent = message.map(|message| message.accepted_at().is_some());
    match (is_sent, flushed) {
        (Some(true), _) => {
            println!("sent {id} to {}", peer.as_str());
            Ok(())
        }
        (Some(false), Err(failure)) if failure.code == TRY_LATER => {
            let message = format!("message {id} waits in the outbox: {}", failure.message);
            Err(Failure::with_code(TRY_LATER, message))
        }
        (_, Err(failure)) => Err(failure),
        (_, Ok(())) => Err(Failure::new(format!("message {id} was not sent"))),
    }
}

impl Chat {
    /// Seals a message to `peer` into the outbox, where it survives an interruption.
    pub fn seal(&mut self, peer: &AccountId, message: impl Into<Draft>) -> Outcome<FrankingTag> {
        if !self.client.has_session(peer)? {
            self.start(peer)?;
        }
        let sent = self.client.send(peer, message, now(), &mut system_rng())?;
        Ok(sent.id)
    }

    /// Starts a session with `peer` from the prekey bundle that the relay hands out.
    pub fn start(&mut self, peer: &AccountId) -> Outcome<()> {
        let bundle = self.with_session(|relay, session| relay.bundle(session, peer))?;
        self.tell_of_missing_one_time(peer, &bundle);
        let one_time = bundle.one_time.as_deref();
        match self
            .client
            .start(peer, &bundle.base, one_time, &mut system_rng())
        {
            Err(error) if error.advice() == Advice::WarnIdentityChange => {
                self.identity_changed = true;
                Err(Failure::with_code(
                    IDENTITY_CHANGED,
                    identity::warning(peer),
                ))
            }
            outcome => Ok(outcome?),
        }
    }

    /// Tells the user that a session starts without a one-time prekey. Until the peer answers, its
    /// messages can be read by someone who steals the peer's keys later.
    pub fn tell_of_missing_one_time(&mut self, peer: &AccountId, bundle: &Bundle) {
        if bundle.one_time.is_none() {
            let why = match bundle.held_back {
                true => "too many were asked for",
                false => "none is left",
            };
            self.notice(format!(
                "no one-time prekey of {} ({why}): until they answer, someone who steals their \
                 keys could read what you send",
                peer.as_str()
            ));
        }
    }

    /// Sends the envelopes in the outbox, oldest first. An envelope that is sent twice still
    /// arrives once.
    ///
    /// The relay takes an envelope within ten minutes of the time at which the client read it from
    /// the outbox. If the relay answers that the clocks differ, the outbox is read again with the
    /// relay's time.
    pub fn flush_outbox(&mut self) -> Outcome<()> {
        self.seal_what_an_earlier_version_left()?;
        match self.flush_once() {
            Err(failure) if failure.refused == Some(ErrorCode::ClockDiffers) => {
                let Some(relay_time) = failure.relay_time_ms else {
                    return Err(failure);
                };
                let ahead = i128::from(relay_time) - i128::from(now().as_millis());
                self.relay_ahead_ms = i64::try_from(ahead).unwrap_or(0);
                self.notice("this device's clock differs from the relay's by minutes: set it");
                self.flush_once()
            }
            outcome => outcome,
        }
    }

    /// Seals messages again that an earlier version of the chat left in the outbox, under a session
    /// with their recipient. Those without one stay, and do not keep others from being sent.
    fn seal_what_an_earlier_version_left(&mut self) -> Outcome<()> {
        let waiting = self.client.waiting(None, MAX_WAITING)?.items;
        let recipients = waiting.into_iter().map(|message| message.recipient);
        for recipient in recipients.collect::<BTreeSet<_>>() {
            if !self.client.has_session(&recipient)?
                && let Err(failure) = self.start(&recipient)
            {
                self.detail(failure.message);
                continue;
            }
            self.client.seal_waiting(&recipient, &mut system_rng())?;
        }
        Ok(())
    }

    fn flush_once(&mut self) -> Outcome<()> {
        if self
            .client
            .outbox(None, 1, self.relay_time())?
            .items
            .is_empty()
        {
            return Ok(());
        }
        self.open_session()?;
        let mut full = BTreeSet::new();
        // Number of envelopes that must wait. They stay in the outbox, before those not tried yet.
        let mut waiting: usize = 0;
        let mut after = None;
        loop {
            let page = self.client.outbox(after, BATCH, self.relay_time())?;
            self.notice_damage(&page.damaged, "messages in the outbox");
            for outgoing in page.items {
                // If one envelope must wait, so must all later ones to the same recipient.
                if full.contains(&outgoing.recipient) || !self.post(&outgoing)? {
                    full.insert(outgoing.recipient);
                    waiting += 1;
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if waiting > 0 {
            let message =
                format!("{waiting} messages wait until their recipients fetch earlier ones");
            return Err(Failure::with_code(TRY_LATER, message));
        }
        Ok(())
    }

    /// Sends one envelope to the relay and stores its receipt. Returns `false` if the envelope must
    /// wait because the recipient's queue is full. Gives up a message that the relay refuses for
    /// good.
    fn post(&mut self, outgoing: &Outgoing) -> Outcome<bool> {
        let Outgoing {
            id,
            recipient,
            envelope,
            is_again,
        } = outgoing;
        let answer = self.with_session(|relay, session| match is_again {
            true => relay.send_again(session, recipient, envelope),
            false => relay.send(session, recipient, envelope),
        });
        let refused = answer.as_ref().err().and_then(|failure| failure.refused);
        match (answer, refused) {
            (Ok(receipt), _) => {
                self.client.confirm(recipient, &receipt)?;
                Ok(true)
            }
            (Err(_), Some(ErrorCode::QueueFull)) => Ok(false),
            // The message was accepted before, so it stays in the history with its evidence.
            (Err(failure), Some(code)) if *is_again && is_final(code) => {
                let reason = match code {
                    ErrorCode::TooOldToReseal => NotDelivered::TooOld,
                    _ => NotDelivered::Refused,
                };
                self.client.give_up(recipient, id, reason)?;
                let (id, to) = (short(id), recipient.as_str());
                self.notice(format!(
                    "message {id} to {to} did not arrive: {}",
                    failure.message
                ));
                Ok(true)
            }
            // The relay says these only of what this device sent: a proxy cannot cause them.
            (Err(failure), Some(ErrorCode::NoSuchAccount | ErrorCode::Malformed)) => {
                let to = recipient.as_str();
                self.client.delete_message(recipient, id)?;
                self.notice(format!(
                    "message {} to {to} is given up: {}",
                    short(id),
                    failure.message
                ));
                Ok(true)
            }
            (Err(failure), _) => Err(failure),
        }
    }
}

/// Whether the relay never takes a message again that it refuses with this code.
fn is_final(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::TooOldToReseal
            | ErrorCode::NotStamped
            | ErrorCode::OtherTarget
            | ErrorCode::NoSuchAccount
            | ErrorCode::Malformed
    )
}
