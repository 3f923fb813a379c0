//! Order and gaps: what the senders' numbers and "last seen" tags say about a report of several messages.
//!
//! The relay's accepted time orders the messages. Sequence numbers and tags are the senders' words, each
//! committed in its message: they are shown beside that order and never make a report fail.

use crate::account::DeviceAddress;
use crate::review::VerifiedMessage;

/// Where a verified message stands among the others of its report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub(crate) gap_before: Option<u64>,
    pub(crate) last_seen: LastSeen,
    pub(crate) contradictions: Vec<Contradiction>,
}

/// The message of the others that a message's sender had last seen when sending it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LastSeen {
    /// The sender names none.
    #[default]
    None,
    /// The message with this index in the report.
    InReport(usize),
    /// A message that is not in the report.
    NotInReport,
}

/// A number or reference that does not fit the order in which the relay accepted the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contradiction {
    /// Two messages of one device have the same number.
    SequenceRepeated,
    /// A message has a lower number than one of the same device accepted before it.
    SequenceRunsBack,
    /// The message says its sender had seen one that was accepted later, or itself.
    LastSeenLater,
}

/// Places messages that stand in the order the relay accepted them.
pub(crate) fn place(messages: &mut [VerifiedMessage]) {
    let places: Vec<Place> = (0..messages.len())
        .filter_map(|index| place_one(messages, index))
        .collect();
    for (message, place) in messages.iter_mut().zip(places) {
        message.place = place;
    }
}

fn place_one(messages: &[VerifiedMessage], index: usize) -> Option<Place> {
    let message = messages.get(index)?;
    let earlier = messages.get(..index)?;
    let mut place = Place::default();

    let sequence = message.sequence();
    let sequences = || of_device(earlier, message.sender()).map(VerifiedMessage::sequence);
    if sequences().any(|other| other == sequence) {
        place.contradictions.push(Contradiction::SequenceRepeated);
    }
    if sequences().any(|other| other > sequence) {
        place.contradictions.push(Contradiction::SequenceRunsBack);
    }
    if place.contradictions.is_empty() {
        // All earlier numbers are lower; the highest is the one before.
        place.gap_before = sequences()
            .max()
            .map(|before| sequence.saturating_sub(before).saturating_sub(1));
    }

    if let Some(tag) = &message.header().last_seen {
        let seen = messages.iter().position(|other| other.tag() == tag);
        place.last_seen = seen.map_or(LastSeen::NotInReport, LastSeen::InReport);
        if seen.is_some_and(|seen| seen >= index) {
            place.contradictions.push(Contradiction::LastSeenLater);
        }
    }
    Some(place)
}

fn of_device<'a>(
    messages: &'a [VerifiedMessage],
    device: &DeviceAddress,
) -> impl Iterator<Item = &'a VerifiedMessage> {
    messages
        .iter()
        .filter(move |message| message.sender() == device)
}

#[cfg(test)]
mod tests;
