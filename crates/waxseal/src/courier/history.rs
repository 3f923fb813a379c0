//! The history that one device of this account gives to another, in mailboxes of the relay.

use rand_core::CryptoRng;
use waxseal_interface::{ErrorBody, ErrorCode, Request as Call};
use waxseal_reporting::{DeviceId, Timestamp};

use super::next::Aim;
use super::pause::later;
use super::stranger::POLL_MS;
use super::{Courier, Event};
use crate::client::Synced;
use crate::error::{HistoryError, StateError};
use crate::store::Store;
use crate::sync::history::{Place, RequestId};

/// How often a mailbox is looked at in which nothing comes: every minute.
const LONGEST_MS: u64 = 60_000;

/// How long the relay keeps a chunk: ten minutes. Chunks that were not fetched are lost after that,
/// and asked for again.
const KEPT_MS: u64 = 600_000;

/// Number of times that the rest of a history is asked for while nothing comes.
const MAX_ASKED: u32 = 6;

/// How far the histories are, as far as it is not in the store.
pub(super) struct Histories {
    /// Whether there may be a chunk to put.
    is_giving: bool,
    /// The next chunk to put. `None` for the one where the round goes on.
    next: Option<u32>,
    put_at: Timestamp,
    /// Whether there may be a chunk to fetch.
    is_taking: bool,
    look_at: Timestamp,
    wait_ms: u64,
    /// When the last chunk came, or was asked for.
    since: Option<Timestamp>,
    asked: u32,
}

impl Default for Histories {
    fn default() -> Self {
        let begin = Timestamp::from_millis(0);
        Self {
            is_giving: true,
            next: None,
            put_at: begin,
            is_taking: true,
            look_at: begin,
            wait_ms: POLL_MS,
            since: None,
            asked: 0,
        }
    }
}

impl Histories {
    /// When something can next be put or fetched.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let longest = later(now, LONGEST_MS);
        let put_at = self.is_giving.then(|| self.put_at.min(longest));
        let look_at = self.is_taking.then(|| self.look_at.min(longest));
        put_at.into_iter().chain(look_at).min()
    }

    /// Goes on with the history that this device gives, where its round is in the store.
    fn give(&mut self) {
        (self.is_giving, self.next) = (true, None);
        self.put_at = Timestamp::from_millis(0);
    }

    /// Looks for the next chunk of the history that this device takes.
    fn take(&mut self) {
        (self.is_taking, self.wait_ms) = (true, POLL_MS);
        (self.look_at, self.since) = (Timestamp::from_millis(0), None);
    }
}

/// Whether a time has come. One that is too far ahead was chosen while the clock was wrong.
fn is_due(at: Timestamp, now: Timestamp) -> bool {
    let left = at.as_millis().saturating_sub(now.as_millis());
    left == 0 || left > LONGEST_MS
}

impl<S: Store> Courier<S> {
    /// Asks the other devices of this account for the history, or for the rest of it.
    /// [`Event::History`] tells how far it came.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn ask_history(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<RequestId, StateError<S::Error>> {
        let request = self.client.ask_history(now, rng)?;
        self.histories.take();
        self.histories.asked = 0;
        self.upkeep_at = Some(now);
        Ok(request)
    }

    /// Gives the history to a device that asked for it, see [`Synced::HistoryWanted`]. The user
    /// must have agreed, knowing that the device is theirs.
    ///
    /// # Errors
    /// As for [`Client::offer_history`](crate::Client::offer_history).
    pub fn give_history(
        &mut self,
        device: DeviceId,
        request: RequestId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), HistoryError<S::Error>> {
        self.client.offer_history(device, request, now, rng)?;
        self.give_chunks();
        self.upkeep_at = Some(now);
        Ok(())
    }

    /// Begins to put chunks. Ignores what the relay answers to one on its way: it is of another
    /// round, and says nothing of this one.
    fn give_chunks(&mut self) {
        let is_chunk = |aim: &Aim| matches!(aim, Aim::PutChunk(_));
        self.in_flight.take_if(|flight| is_chunk(&flight.aim));
        self.histories.give();
    }

    /// Goes on with a history after what another device told.
    pub(super) fn histories_go_on(&mut self, changes: &[Synced]) {
        for change in changes {
            match change {
                Synced::HistoryResumed => self.give_chunks(),
                Synced::HistoryOffered => self.histories.take(),
                _ => {}
            }
        }
    }

    pub(super) fn choose_chunk(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        if let Some(chosen) = self.choose_given(now, rng)? {
            return Ok(Some(chosen));
        }
        self.choose_taken(now, rng)
    }

    fn choose_given(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        if !self.histories.is_giving || !is_due(self.histories.put_at, now) {
            return Ok(None);
        }
        let Some(export) = self.client.history_export()? else {
            self.histories.is_giving = false;
            return Ok(None);
        };
        let number = self.histories.next.unwrap_or(export.at);
        let chunk = match self.client.history_chunk(number, rng) {
            Ok(chunk) => chunk,
            Err(HistoryError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            // After the last one. The other device says when it has all of them.
            Err(_) => {
                self.histories.is_giving = false;
                return Ok(None);
            }
        };
        let Place { mailbox, slot } = chunk.place;
        let call = Call::PutMailbox {
            mailbox,
            slot,
            content: chunk.bytes,
        };
        Ok(Some((Aim::PutChunk(number), call)))
    }

    /// The relay has a chunk.
    pub(super) fn take_put_chunk(&mut self, number: u32) {
        if self.histories.next.is_none_or(|next| next == number) {
            self.histories.next = number.checked_add(1);
        }
    }

    fn choose_taken(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        if !self.histories.is_taking || !is_due(self.histories.look_at, now) {
            return Ok(None);
        }
        let import = self.client.history_import()?;
        let Some(place) = import.and_then(|import| import.place) else {
            self.histories.is_taking = false; // until it is offered
            return Ok(None);
        };
        let since = *self.histories.since.get_or_insert(now);
        if now.as_millis().abs_diff(since.as_millis()) > KEPT_MS {
            if self.histories.asked >= MAX_ASKED {
                self.histories.is_taking = false; // until the application asks
                return Ok(None);
            }
            self.histories.asked = self.histories.asked.saturating_add(1);
            self.histories.since = Some(now);
            self.client.ask_history(now, rng)?;
            self.upkeep_at = Some(now);
        }
        let Place { mailbox, slot } = place;
        Ok(Some((Aim::Chunk, Call::Mailbox { mailbox, slot })))
    }

    /// Takes a chunk of the history.
    pub(super) fn take_chunk(
        &mut self,
        chunk: &[u8],
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        match self.client.import_history(chunk) {
            Ok(progress) => {
                self.histories.take();
                self.histories.asked = 0;
                if progress.is_done {
                    self.histories.is_taking = false;
                    self.upkeep_at = Some(now); // the other device is told
                }
                self.due_at = Some(now);
                self.tell(Event::History(progress));
            }
            Err(HistoryError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            // What is in a slot is never replaced. Another round has other mailboxes.
            Err(_) => self.nothing_came(now),
        }
        Ok(())
    }

    /// Looks again later.
    fn nothing_came(&mut self, now: Timestamp) {
        self.histories.look_at = later(now, self.histories.wait_ms);
        self.histories.wait_ms = self.histories.wait_ms.saturating_mul(2).min(LONGEST_MS);
    }

    /// The relay refused to store or to hand out a chunk.
    pub(super) fn chunk_refused(&mut self, aim: &Aim, body: &ErrorBody, now: Timestamp) {
        match (body.error, aim) {
            // It was put there before. Its other bytes are of no use to anyone.
            (ErrorCode::SlotTaken, Aim::PutChunk(number)) => self.take_put_chunk(*number),
            (_, Aim::PutChunk(_)) => self.histories.put_at = later(now, LONGEST_MS),
            _ => self.nothing_came(now),
        }
    }
}
