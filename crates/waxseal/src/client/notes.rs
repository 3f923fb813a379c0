//! Notes: what devices tell each other without showing it. A note is a refusal or a control
//! message, and goes to the same devices as a message.

use rand_core::CryptoRng;
use waxseal_reporting::recipient::Refusal;
use waxseal_reporting::sender::{Control, Fanout, SentControl};
use waxseal_reporting::{AccountId, Audience, FrankingTag, Timestamp};
use zeroize::Zeroizing;

use super::fanout::{Pair, Sealing, Unsealed};
use super::group::control_of_group;
use super::{Client, Outgoing, keys, tag_of};
use crate::error::StateError;
use crate::records::{CountersRecord, NoteRecord, OutboxRecord};
use crate::store::{Store, Transaction};

impl<S: Store> Client<S> {
    /// Seals a note for all devices that it is for. `None` if it cannot be sealed, or if there is
    /// nobody to seal it for.
    ///
    /// A note has another tag each time that it is sealed, which no one knows before the relay
    /// takes it.
    pub(super) fn seal_note(
        &self,
        pair: &mut Pair,
        account: &AccountId,
        note: &NoteRecord,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Fanout>, StateError<S::Error>> {
        let sealed: Result<Fanout, Unsealed> = match Refusal::decode(&note.refusal) {
            Some(refusal) => {
                let tag = FrankingTag::random(rng);
                let sealing = Sealing::Refusal {
                    tag,
                    refusal: &refusal,
                    tells_sessions: note.tells_sessions,
                };
                self.seal_for_all(pair, tag, &sealing, now, rng)?
            }
            None => {
                let conversation = Audience::Direct(account.clone()).conversation(&self.me.account);
                let control = control_of(note, pair);
                let sent = SentControl::commit(&self.me, &conversation, &control, rng);
                let Some(sent) = sent else {
                    return Ok(None); // its records are bounded where it is made
                };
                self.seal_for_all(pair, *sent.tag(), &Sealing::Control(&sent), now, rng)?
            }
        };
        Ok(sealed.ok())
    }

    /// Puts a sealed note into the outbox. `None` if the numbers of the outbox are used up.
    pub(super) fn put_note(
        &self,
        transaction: &mut Transaction,
        recipient: &AccountId,
        fanout: &Fanout,
        note: NoteRecord,
        now: Timestamp,
    ) -> Result<Option<Outgoing>, StateError<S::Error>> {
        let counters = self.counters()?;
        Ok(self.put_note_with(transaction, recipient, (fanout, note), counters, now))
    }

    /// Puts a note into the outbox, and writes these counters with the number after its own.
    pub(super) fn put_note_with(
        &self,
        transaction: &mut Transaction,
        recipient: &AccountId,
        (fanout, note): (&Fanout, NoteRecord),
        mut counters: CountersRecord,
        now: Timestamp,
    ) -> Option<Outgoing> {
        let number = counters.next_outbox;
        counters.next_outbox = number.checked_add(1)?;
        let entry = OutboxRecord {
            is_note: true,
            note: Some(note),
            ..OutboxRecord::new(number, recipient, fanout)
        };
        transaction.put_record(keys::counters(), &counters);
        transaction.put_record(keys::envelope(number), &entry);
        Some(self.posted(recipient, fanout, now))
    }
}

/// The control message of a note, with the newest own roster if it tells that.
fn control_of(note: &NoteRecord, pair: &Pair) -> Control {
    let tags = |tags: &[Vec<u8>]| tags.iter().filter_map(|tag| tag_of(tag)).collect();
    let roster = pair.own.roster().filter(|_| note.has_roster);
    let sync = (!note.sync.is_empty()).then(|| Zeroizing::new(note.sync.clone()));
    let mut control = Control {
        delivered: tags(&note.delivered),
        opened: tags(&note.opened),
        roster: roster.map(|roster| roster.signed().encode()),
        sync,
        ..Control::default()
    };
    if let Some(group) = &note.group {
        control_of_group(group, &mut control);
    }
    control
}
