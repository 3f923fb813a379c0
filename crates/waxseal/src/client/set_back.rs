//! Set back: a device whose store is an older copy learns it from the mark that its provider keeps,
//! and starts over.
//!
//! # Why nothing is used twice, and nothing is lost but what was lost with the store
//!
//! The *earlier line* is what the device did after the copy was made.
//!
//! - **Message keys.** The earlier line may have used the next keys of each sending chain. So
//!   nothing is sealed on a session of the copy: no message, no receipt, no message sealed again.
//!   This still holds when the peer's first answer makes such a session the chosen one again.
//!   Refusals do not name these sessions, so that the peer seals again on another one.
//! - **The outbox of the copy.** Its entries are posted as they are. They were sealed before the
//!   copy was made, so the earlier line posted the same bytes or nothing, and used later keys
//!   itself. A peer that has a message recognises it by its tag. A peer that does not have it
//!   kept the key for the gap, or asks for it.
//! - **What was sealed after the copy was restored and before this was noticed.** The peer may
//!   have opened another message in the same place. It then asks for this one, which is sealed
//!   again. Receipts in such a place are lost. These messages, and those that were held meanwhile,
//!   can have numbers that the earlier line used.
//! - **What is on its way.** It opens on the sessions of the copy, unless the earlier line had
//!   moved them on. Then the peer is asked for it.
//! - **Numbers.** The counter of the mark is the number of the next outbox entry. It jumps to the
//!   next multiple of 2^32, and so tells how often the device started over. The numbers of each
//!   conversation go on at the same multiple, with the next message to the peer.

use rand_core::CryptoRng;
use waxseal_core::PreKeys;
use waxseal_core::limits::MARK_LEN;
use waxseal_reporting::Timestamp;

use super::peers::Peers;
use super::prekeys::put_prekeys;
use super::{Client, keys};
use crate::error::StateError;
use crate::records::{CountersRecord, NUMBERS};
use crate::store::{Store, Transaction};

/// The store is older than what this device once posted: it comes from a backup, or a disk lost
/// what was written last.
///
/// What the device sent and received since is not in the store. Nothing is sealed any more on the
/// sessions in it, and all prekeys were replaced. Conversations go on by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetBack {
    /// How often this device noticed a set-back, with this one.
    pub times: u64,
    /// When it was noticed.
    pub noticed_at: Timestamp,
}

impl<S: Store> Client<S> {
    /// The mark to post with each message, so that the provider can say later how far this device
    /// had come. It has 40 bytes.
    ///
    /// The provider keeps the mark with the highest counter, and returns it when the device signs
    /// in: pass it to [`check_mark`](Self::check_mark). The counter tells the provider about how
    /// many envelopes this device posted, which it knows.
    pub fn mark(&self) -> Result<[u8; MARK_LEN], StateError<S::Error>> {
        self.look(|client| Ok(client.identity.mark(client.counters()?.next_outbox)))
    }

    /// Compares the store with the mark that the provider returned. Call it at each sign-in, before
    /// anything is sent.
    ///
    /// `None` if the store is not older than the mark, or if this device did not make the mark:
    /// nothing changed. Otherwise the store was set back. This call then replaces all prekeys,
    /// destroys the old ones, and makes sure that nothing is sealed any more on the sessions in the
    /// store. Do the following:
    ///
    /// 1. Upload what [`publish_prekeys(0, rng)`](Self::publish_prekeys) returns, in place of all
    ///    that the provider has, and [confirm](Self::confirm_prekeys) it. Until then, this call
    ///    returns the same result again, also after a crash.
    /// 2. Tell the user that messages since the backup are missing here.
    /// 3. Go on as usual. [`has_session`](Self::has_session) says `false` for each peer:
    ///    [`start`](Self::start) a session before the next message to it. What is on its way still
    ///    opens, or [`upkeep`](Self::upkeep) asks for it. What waits in the [outbox](Self::outbox)
    ///    is posted as it is.
    ///
    /// # Errors
    /// [`StateError`]. Either nothing changed, or the next call returns the set-back.
    ///
    /// # Security
    /// The provider can withhold a mark: then the set-back goes unnoticed. It cannot make one. An
    /// older mark has no effect. A set-back also goes unnoticed if this device sealed as many
    /// envelopes since the copy was restored as it had posted since the copy was made. So seal
    /// nothing before the first sign-in after a restore, upkeep included. If the record of the
    /// counters is damaged, the counter may fall, and the next mark then counts as a set-back,
    /// which does no harm.
    pub fn check_mark(
        &mut self,
        mark: &[u8; MARK_LEN],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<SetBack>, StateError<S::Error>> {
        let posted = self.identity.verify_mark(mark);
        let (set_back, is_new) = self.run(|client| {
            let mut counters = client.counters()?;
            let higher = posted.filter(|posted| *posted > counters.next_outbox);
            // Only a thief of the identity makes marks so high that no numbers follow.
            let first =
                higher.and_then(|posted| (posted / NUMBERS).checked_add(1)?.checked_mul(NUMBERS));
            if let Some(first) = first {
                counters.next_outbox = first;
                counters.set_back_ms = now.as_millis().max(1);
                client.start_over(&counters, rng)?;
            }
            let set_back = (counters.set_back_ms != 0).then_some(SetBack {
                times: counters.restarts(),
                noticed_at: Timestamp::from_millis(counters.set_back_ms),
            });
            Ok::<_, StateError<S::Error>>((set_back, first.is_some()))
        })?;
        if is_new {
            // Nothing opens with the old prekeys any more, so nothing can be replayed. What a crash
            // leaves here only takes room.
            self.run(|client| client.delete_rows(&keys::replay_memories()))?;
        }
        Ok(set_back)
    }

    /// Replaces the prekeys and writes the counters, in one transaction. The peers follow when they
    /// are next read: their sessions are of an earlier restart than the counters.
    fn start_over(
        &mut self,
        counters: &CountersRecord,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        let mut prekeys = PreKeys::generate(&self.identity, rng);
        let mut account = self.account_record()?;
        account.restarts = counters.restarts();
        self.prekeys = None;
        self.peers = Peers::default();
        let mut transaction = Transaction::default();
        // Their numbers are given out again, so they go in the same transaction.
        self.delete_each(&keys::one_time_prekeys(), &mut transaction)?;
        put_prekeys(&mut prekeys, &mut transaction);
        transaction.delete(keys::prekey_upload());
        transaction.put_record(keys::account(), &account);
        transaction.put_record(keys::counters(), counters);
        self.put_state_wanted(&mut transaction)?;
        self.commit(transaction)?;
        self.prekeys = Some(prekeys);
        Ok(())
    }
}
