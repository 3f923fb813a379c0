//! Retargeting: the relay says that a message is for other devices, and it is sealed for those.

use rand_core::CryptoRng;
use waxseal_reporting::sender::Fanout;
use waxseal_reporting::{AccountId, FrankingTag, Timestamp};
use waxseal_roster::{Roster, SignedRoster};

use super::devices::Mismatch;
use super::fanout::{Pair, Sealing};
use super::outbox::waiting_sent;
use super::peers::Peer;
use super::rosters::NotTaken;
use super::send::Outgoing;
use super::status::NotDelivered;
use super::{Client, keys};
use crate::conversation::Conversation;
use crate::error::{RetargetError, SendError, StateError};
use crate::records::{MessageRecord, OutboxRecord};
use crate::store::{Store, Transaction};

/// How often one message is sealed for the devices that the relay names. After that it counts as
/// not delivered.
pub(super) const MAX_ROUNDS: u32 = 3;

/// Maximum number of rosters and bundles of an answer that are looked at: more than two accounts
/// have.
const MAX_NEWS: usize = 32;

impl<S: Store> Client<S> {
    /// Seals a message of the outbox for the devices that it is for now, after the relay answered
    /// that they are others. Returns the same message, to post again. For a message to a group,
    /// call [`retarget_in_group`](Self::retarget_in_group).
    ///
    /// The relay has stamped nothing, and queued nothing. The message keeps its identifier, and
    /// what was sealed for devices that stay. A device whose bundle is unusable gets no key. A
    /// refusal or receipts get another identifier.
    ///
    /// # Errors
    /// [`RetargetError::TooManyRounds`] after three rounds: the message is out of the outbox, and
    /// counts as [not delivered](NotDelivered::Targets). [`RetargetError::Roster`] if an account
    /// key changed, or a roster is refused: the message stays.
    pub fn retarget(
        &mut self,
        conversation: impl Into<Conversation>,
        id: &FrankingTag,
        mismatch: &Mismatch,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, RetargetError<S::Error>> {
        self.retarget_as(&conversation.into(), id, (mismatch, true), now, rng)
    }

    /// Seals a message of the outbox for those devices that it leaves
    /// [without](field@Outgoing::without) a key, and with which there is a session by now. Returns
    /// the same message, to post in its place. Does not count as a round of
    /// [`retarget`](Self::retarget).
    ///
    /// # Errors
    /// As for [`retarget`](Self::retarget).
    pub fn complete(
        &mut self,
        conversation: impl Into<Conversation>,
        id: &FrankingTag,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, RetargetError<S::Error>> {
        let conversation = conversation.into();
        if let Some(group) = conversation.group() {
            return self.complete_in_group(group, id, now, rng);
        }
        let nothing = (&Mismatch::default(), false);
        self.retarget_as(&conversation, id, nothing, now, rng)
    }

    fn retarget_as(
        &mut self,
        conversation: &Conversation,
        id: &FrankingTag,
        (mismatch, is_round): (&Mismatch, bool),
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, RetargetError<S::Error>> {
        let recipient = conversation.account().ok_or(SendError::NoGroup)?;
        self.run(|client| {
            let number = client.number_in_outbox(id)?.ok_or(RetargetError::NotSent)?;
            let entry: Option<OutboxRecord> = client.readable(&keys::envelope(number))?;
            let entry = entry.filter(|entry| entry.conversation().as_ref() == Some(conversation));
            let mut entry = entry.ok_or(RetargetError::NotSent)?;
            let fanout = Fanout::decode(&entry.envelope);
            let mut fanout = fanout.map_err(|_| RetargetError::NotSent)?;
            // CHK-320: a message is sealed for other devices three times at most.
            if is_round && entry.rounds >= MAX_ROUNDS {
                client.give_up_targets(conversation, id, &entry)?;
                return Err(RetargetError::TooManyRounds);
            }
            entry.rounds = entry.rounds.saturating_add(is_round.into());
            let mut transaction = Transaction::default();
            let mut pair = client.pair_to(recipient)?;
            let learnt_ms = client.learnt_ms(now)?;
            let before = pair.rosters();
            let refused = client.take_news(&mut pair, mismatch, learnt_ms, &mut transaction)?;
            if let Some(not_taken) = refused {
                // The round counts, and what is to be told stays.
                pair.put_stored(&client.me, &mut transaction);
                transaction.put_record(keys::envelope(number), &entry);
                client.commit(transaction)?;
                return Err(RetargetError::Roster(not_taken.into()));
            }
            pair.forget_replaced(&mut fanout, &before);
            client.start_named(&mut pair, mismatch, now, rng);
            let filled = client.fill_again(
                &mut pair,
                recipient,
                (&mut entry, fanout),
                now,
                &mut transaction,
                rng,
            );
            if let Err(RetargetError::Send(_)) = filled {
                // The round counts: otherwise each one would cost prekeys, for ever.
                transaction.put_record(keys::envelope(number), &entry);
            } else if filled.is_err() {
                return filled;
            }
            pair.put_stored(&client.me, &mut transaction);
            client.commit(transaction)?;
            client.keep_pair(pair);
            filled
        })
    }

    /// The own account and a recipient, who may be one without a contact.
    pub(super) fn pair_to(&mut self, recipient: &AccountId) -> Result<Pair, StateError<S::Error>> {
        match self.take_pair(recipient)? {
            Some(pair) => Ok(pair),
            None => {
                let stranger = self.new_peer(recipient)?;
                self.pair_with(recipient, stranger)
            }
        }
    }

    /// Takes the rosters of an answer: of the recipient, and of the own account. Returns the first
    /// one that is refused, if any.
    fn take_news(
        &self,
        pair: &mut Pair,
        mismatch: &Mismatch,
        learnt_ms: u64,
        transaction: &mut Transaction,
    ) -> Result<Option<NotTaken>, StateError<S::Error>> {
        for bytes in mismatch.rosters.iter().take(MAX_NEWS) {
            let Ok(signed) = SignedRoster::decode(bytes) else {
                continue;
            };
            for is_own in [false, true] {
                let account = match is_own {
                    true => self.me.account.clone(),
                    false => pair.account().clone(),
                };
                let Ok(roster) = signed.clone().verify(account.as_str()) else {
                    continue;
                };
                let known = pair.side(is_own);
                if account != self.me.account && known.is_unpinned() {
                    known.offer(roster);
                    break;
                }
                let taken = self.take_verified(known, &account, &roster, learnt_ms, transaction)?;
                if let Err(not_taken) = taken {
                    return Ok(Some(not_taken));
                }
                break;
            }
        }
        Ok(None)
    }

    /// Starts sessions with the devices that the message left out. Those with which there is one go
    /// on with it. A bundle that is unusable costs only its device.
    fn start_named(
        &self,
        pair: &mut Pair,
        mismatch: &Mismatch,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) {
        for (account, bundle) in mismatch.bundles.iter().take(MAX_NEWS) {
            let is_own = *account == self.me.account;
            if !is_own && account != pair.account() || is_own && bundle.device == self.me.device {
                continue;
            }
            let side = pair.side(is_own);
            let device = side.devices.get(&bundle.device);
            if side.is_unpinned() || device.is_some_and(|device| device.can_send()) {
                continue;
            }
            if side
                .start_session(bundle, &self.identity, false, now, rng)
                .is_err()
            {
                side.note_unusable(bundle.device, now);
            }
        }
    }

    /// Seals an entry of the outbox for the devices that it lacks, and writes it.
    fn fill_again(
        &self,
        pair: &mut Pair,
        recipient: &AccountId,
        (entry, mut fanout): (&mut OutboxRecord, Fanout),
        now: Timestamp,
        transaction: &mut Transaction,
        rng: &mut impl CryptoRng,
    ) -> Result<Outgoing, RetargetError<S::Error>> {
        if let Some(note) = entry.note.clone().filter(|_| entry.is_note) {
            let sealed = self.seal_note(pair, recipient, &note, now, rng)?;
            fanout = sealed.ok_or(SendError::NoSession)?;
        } else {
            let id = *fanout.tag();
            let to = &Conversation::from(recipient);
            let index = self.search(to, &id)?.unwrap_or_default();
            let ordinal = index.ordinal.ok_or(RetargetError::NotSent)?;
            let message: Option<MessageRecord> = self.get_record(&keys::message(to, ordinal))?;
            let sent = message.as_ref().and_then(waiting_sent);
            let sent = sent.filter(|sent| *sent.tag() == id);
            let sent = sent.ok_or(RetargetError::NotSent)?;
            let (by, sealing) = ((&self.me, &self.identity), Sealing::Message(&sent));
            let time = self.roster_time(now)?;
            let filled = pair.fill(&mut fanout, by, &sealing, time, rng);
            filled.map_err(SendError::from)?;
            self.note_own_sent(transaction, &fanout, recipient);
        }
        entry.id = fanout.tag().as_bytes().to_vec();
        entry.envelope = fanout.encode();
        transaction.put_record(keys::envelope(entry.ordinal), entry);
        Ok(self.posted(recipient, &fanout, now))
    }

    /// Takes a message out of the outbox for which the relay named other devices again and again.
    pub(super) fn give_up_targets(
        &mut self,
        conversation: &Conversation,
        id: &FrankingTag,
        entry: &OutboxRecord,
    ) -> Result<(), StateError<S::Error>> {
        let mut transaction = Transaction::default();
        self.note_given_up(conversation, Some(entry.ordinal), &mut transaction)?;
        transaction.delete(keys::envelope(entry.ordinal));
        if entry
            .note
            .as_ref()
            .is_some_and(|note| !note.sync.is_empty())
        {
            // The own devices get it with all the rest.
            let mut sync = self.sync_record()?;
            sync.note_all_lacking();
            sync.forget_leave_note(entry.ordinal);
            transaction.put_record(keys::sync(), &sync);
        }
        let index = self.search(conversation, id)?;
        if let Some(mut index) = index.filter(|_| !entry.is_note) {
            if let Some(ordinal) = index.ordinal {
                let message: Option<MessageRecord> =
                    self.readable(&keys::message(conversation, ordinal))?;
                if let Some(mut message) = message {
                    message.not_delivered = NotDelivered::Targets.number();
                    transaction.put_message(conversation, &message);
                }
            }
            index.outbox = None;
            self.put_index(&mut transaction, conversation, *id, &index);
        }
        self.commit(transaction)
    }
}

impl Pair {
    /// The rosters of both accounts: the peer's, and the own one.
    fn rosters(&self) -> [Option<Roster>; 2] {
        let peer = self.peer.as_ref().and_then(Peer::roster);
        [peer.cloned(), self.own.roster().cloned()]
    }

    /// Removes what was sealed for devices whose number has another identity now.
    fn forget_replaced(&self, fanout: &mut Fanout, before: &[Option<Roster>; 2]) {
        let after = self.rosters();
        fanout.retain(|slot| {
            let [old, new] = [before, &after].map(|[peer, own]| {
                let roster = if slot.own { own } else { peer };
                let entry = roster
                    .as_ref()
                    .and_then(|roster| roster.device(slot.device.0));
                entry.map(|entry| entry.identity)
            });
            old == new
        });
    }
}
