//! The pinned keys of the provider, and its card.

use waxseal_interface::{
    AskedRequest, CardError, HttpAnswer, ModerationKeyChange, PinnedKeys, RelayCard,
};
use waxseal_reporting::Timestamp;

use super::{Courier, Event, Trouble};
use crate::error::StateError;
use crate::records::CourierRecord;
use crate::store::Store;

impl<S: Store> Courier<S> {
    /// Pins the keys of the provider, if the application knows them. Without this call, the keys
    /// that the relay shows first are pinned, and [`Event::Pinned`] names them.
    ///
    /// Call it before [`next`](Self::next) while [`pinned`](Self::pinned) is `None`. It replaces
    /// what is pinned, so later calls forget that a moderation key was told already.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn pin(&mut self, keys: &PinnedKeys) -> Result<(), StateError<S::Error>> {
        let record = CourierRecord {
            relay_key: keys.relay_key.to_vec(),
            moderation_fingerprint: keys.moderation_fingerprint.clone(),
            ..self.record.clone()
        };
        self.put(record)
    }

    /// The keys of the provider that are pinned. `None` before the first contact.
    pub fn pinned(&self) -> Option<PinnedKeys> {
        Some(PinnedKeys {
            relay_key: self.relay_key()?,
            moderation_fingerprint: self.record.moderation_fingerprint.clone(),
        })
    }

    pub(super) fn relay_key(&self) -> Option<[u8; 32]> {
        self.record.relay_key.as_slice().try_into().ok()
    }

    /// Pins or checks the keys on a card. Returns whether it is the relay's.
    pub(super) fn take_card(
        &mut self,
        card: RelayCard,
        now: Timestamp,
    ) -> Result<bool, StateError<S::Error>> {
        let change = match check_card(self.pinned().as_ref(), &card) {
            Ok(change) => change,
            Err(CardError::OtherRelay { fingerprint }) => {
                self.tell_trouble(Trouble::OtherRelay { fingerprint });
                return Ok(false);
            }
            Err(_) => return Ok(false),
        };
        let is_first = self.record.relay_key.is_empty();
        self.put(CourierRecord {
            relay_key: card.relay_key.to_vec(),
            moderation_fingerprint: card.moderation_fingerprint(),
            verify_days: card.verify_days,
            ..self.record.clone()
        })?;
        if is_first {
            self.tell(Event::Pinned {
                relay: card.relay_fingerprint(),
                moderation: card.moderation_fingerprint(),
            });
        }
        if let Some(change) = change {
            self.tell(Event::ModerationKeyChanged(change));
        }
        self.card = Some((card, now));
        Ok(true)
    }
}

/// Checks that a card is signed, and by the pinned relay if there is one.
pub(super) fn check_card(
    pinned: Option<&PinnedKeys>,
    card: &RelayCard,
) -> Result<Option<ModerationKeyChange>, CardError> {
    match pinned {
        Some(pinned) => pinned.check(card),
        None => card.verify().map(|()| None),
    }
}

/// Whether the relay that a card names made this answer. Its signature on the card alone does not
/// say when: a card of before has an earlier moderation key. The key of an error in place of the
/// card may not be known yet.
pub(super) fn is_card_authentic(
    relay_key: Option<[u8; 32]>,
    asked: &AskedRequest,
    answer: &HttpAnswer,
) -> bool {
    let Ok(card) = answer.json::<RelayCard>() else {
        return false;
    };
    // Nothing of another relay's card is used, so it does not matter who sent it.
    let is_other = relay_key.is_some_and(|key| key != card.relay_key);
    let header = |name| answer.header(name);
    let (status, body) = (answer.status, &answer.body);
    is_other || asked.is_authentic(&card.relay_key, None, header, status, body)
}
