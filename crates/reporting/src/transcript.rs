//! Order and gaps: what the senders' numbers and "last seen" tags say about a report of several messages.
//!
//! The relay's accepted time orders the messages. Sequence numbers and tags are the senders' words, each
//! committed in its message: they are shown beside that order and never make a report fail.

use crate::address::DeviceAddress;
use crate::franking::FrankingTag;

/// Where a verified message stands among the others of its report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Position {
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

/// What one message brings to the transcript: who sent it, and what its sender says of its place.
pub(crate) struct Entry<'a> {
    pub(crate) sender: &'a DeviceAddress,
    pub(crate) sequence: u64,
    pub(crate) last_seen: Option<&'a FrankingTag>,
    pub(crate) tag: &'a FrankingTag,
}

/// The position of each message, given all of them in the order the relay accepted them.
pub(crate) fn positions(entries: &[Entry<'_>]) -> Vec<Position> {
    let positions = entries.iter().enumerate();
    positions
        .map(|(index, entry)| position(entries, index, entry))
        .collect()
}

fn position(entries: &[Entry<'_>], index: usize, entry: &Entry<'_>) -> Position {
    let mut position = Position::default();

    let earlier = entries.iter().take(index);
    let of_device = earlier.filter(|other| other.sender == entry.sender);
    let sequences = of_device.map(|other| other.sequence);
    if sequences.clone().any(|other| other == entry.sequence) {
        position
            .contradictions
            .push(Contradiction::SequenceRepeated);
    }
    if sequences.clone().any(|other| other > entry.sequence) {
        position
            .contradictions
            .push(Contradiction::SequenceRunsBack);
    }
    if position.contradictions.is_empty() {
        // All earlier numbers are lower; the highest is the one before.
        position.gap_before = sequences
            .max()
            .map(|before| entry.sequence.saturating_sub(before).saturating_sub(1));
    }

    if let Some(tag) = entry.last_seen {
        let seen = entries.iter().position(|other| other.tag == tag);
        position.last_seen = seen.map_or(LastSeen::NotInReport, LastSeen::InReport);
        if seen.is_some_and(|seen| seen >= index) {
            position.contradictions.push(Contradiction::LastSeenLater);
        }
    }
    position
}

#[cfg(test)]
mod tests;
