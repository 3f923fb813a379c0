//! Finds gaps and contradictions in a report of several messages, from the senders' sequence
//! numbers and "last seen" tags.
//!
//! The relay's accepted time orders the messages. Sequence numbers and tags are claimed by the
//! senders, who committed to them. They are shown alongside that order and never make a report
//! fail.

use crate::address::DeviceAddress;
use crate::franking::FrankingTag;

/// What a message's number and "last seen" tag say about its place in the report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Position {
    pub(crate) gap_before: Option<u64>,
    pub(crate) last_seen: LastSeen,
    pub(crate) contradictions: Vec<Contradiction>,
}

/// The last message from others that a sender had seen when sending, as claimed by the sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LastSeen {
    /// The sender names no message.
    #[default]
    None,
    /// The message with this index in the report.
    InReport(usize),
    /// A message that is not in the report.
    NotInReport,
}

/// A sequence number or reference that contradicts the order in which the relay accepted the
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contradiction {
    /// Two messages of one device have the same number.
    SequenceRepeated,
    /// A message has a lower number than an earlier message of the same device.
    SequenceRunsBack,
    /// The message claims that its sender had seen a message that was accepted later, or itself.
    LastSeenLater,
}

/// What the transcript needs to know of one message.
pub(crate) struct Entry<'a> {
    pub(crate) sender: &'a DeviceAddress,
    pub(crate) sequence: u64,
    pub(crate) last_seen: Option<&'a FrankingTag>,
    pub(crate) tag: &'a FrankingTag,
}

/// Finds the position of each message. The entries are in the order in which the relay accepted
/// them.
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
        // All earlier numbers are lower, so the highest is that of the previous message.
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
