//! Orders the messages of a report, and finds gaps and contradictions.
//!
//! The relay's accepted time orders the messages. Within one millisecond, each sender's numbers
//! and "last seen" tags do. The numbers and tags are claimed by the senders, who committed to them.
//! They never make a report fail.
//!
//! A relay gives rising times to each device, except when its clock was ahead and is set back by
//! more than five minutes. A longer step back, against a device's numbers or against what a sender
//! had seen, is therefore taken for such a change of the clock: the numbers and "last seen" tags
//! then order all messages, and no time contradicts them. Messages from before the change stay
//! ahead of later ones by any time, also by less than five minutes.

use crate::accepted_time::MAX_LAST_AHEAD_MS;
use crate::address::DeviceAddress;
use crate::franking::FrankingTag;
use crate::timestamp::Timestamp;

/// What a message's number and "last seen" tag say about its place in the report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
/// messages. Equal times contradict nothing.
///
/// It does not say who caused it. The sender of a message can have it stamped again, at a later
/// time; an answer to it then names a message that was accepted later. A message that did not open
/// and was sealed again has the time of the stamp under which it opened: a number that runs back
/// can be such a message, and so can a step back of the clock. And a step back of the relay's clock
/// is known only if the report has the messages that show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contradiction {
    /// Two messages of one device have the same number.
    SequenceRepeated,
    /// A message has a lower number than a message of the same device that was accepted before.
    /// The message accepted before may be newer, if this one was sealed again after it. Not shown
    /// if the relay's clock stepped back.
    SequenceRunsBack,
    /// The message claims that its sender had seen a message that was accepted later, or itself.
    /// If the relay's clock stepped back, only the second is shown.
    LastSeenLater,
}

/// What the transcript needs to know of one message.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) sender: &'a DeviceAddress,
    pub(crate) accepted_at: Timestamp,
    pub(crate) sequence: u64,
    pub(crate) last_seen: Option<&'a FrankingTag>,
    pub(crate) tag: &'a FrankingTag,
}

impl Entry<'_> {
    /// Whether `self` must come before `later`, as their numbers have it.
    fn numbered_before(&self, later: &Self) -> bool {
        self.sender == later.sender && self.sequence < later.sequence
    }

    /// Whether `self` must come before `later`, since the sender of `later` had seen it.
    fn seen_before(&self, later: &Self) -> bool {
        self.sender != later.sender && later.last_seen == Some(self.tag)
    }

    /// Whether the relay's clock stepped back between `self` and `later`: the messages are in this
    /// order, and the times in the other, by more than five minutes.
    fn steps_back_to(&self, later: &Self) -> bool {
        let (before, after) = (self.accepted_at.as_millis(), later.accepted_at.as_millis());
        before > after.saturating_add(MAX_LAST_AHEAD_MS)
    }

    /// What decides between messages that neither numbers nor tags order. A sender can choose the
    /// tag, which therefore comes last: only messages of one device with one number get that far.
    fn key(&self) -> (Timestamp, &DeviceAddress, &FrankingTag) {
        (self.accepted_at, self.sender, self.tag)
    }
}

/// The order of a report's messages, with each one's position.
pub(crate) struct Transcript {
    /// Index among the entries, and position, in the order in which to show the messages.
    pub(crate) positions: Vec<(usize, Position)>,
    pub(crate) clock_stepped_back: bool,
}

impl Transcript {
    pub(crate) fn new(entries: &[Entry<'_>]) -> Self {
        let clock_stepped_back = entries.iter().any(|one| {
            entries.iter().any(|other| {
                (one.numbered_before(other) || one.seen_before(other)) && one.steps_back_to(other)
            })
        });
        let order = order(entries, clock_stepped_back);
        let in_order: Vec<_> = order
            .iter()
            .filter_map(|index| entries.get(*index).copied())
            .collect();
        let positions = in_order.iter().enumerate();
        let positions =
            positions.map(|(index, entry)| position(&in_order, index, entry, clock_stepped_back));
        Self {
            positions: order.into_iter().zip(positions).collect(),
            clock_stepped_back,
        }
    }
}

/// The indices of the entries in the order in which to show them. It does not depend on the order
/// in which they are given.
fn order(entries: &[Entry<'_>], ignoring_times: bool) -> Vec<usize> {
    let mut left: Vec<(usize, &Entry<'_>)> = entries.iter().enumerate().collect();
    left.sort_by_key(|(_, entry)| entry.key());
    let mut order = Vec::with_capacity(entries.len());
    while let Some(next) = next(&left, ignoring_times) {
        let (index, _) = left.remove(next);
        order.push(index);
    }
    order
}

/// The place of the message to show next among those that are left, which are sorted by their keys.
fn next(left: &[(usize, &Entry<'_>)], ignoring_times: bool) -> Option<usize> {
    let (_, first) = left.first()?;
    let candidates = left
        .iter()
        .take_while(|(_, entry)| ignoring_times || entry.accepted_at == first.accepted_at);
    let numbered = |entry: &Entry<'_>| {
        let mut others = candidates.clone();
        others.any(|(_, other)| other.numbered_before(entry))
    };
    let seen = |entry: &Entry<'_>| {
        let mut others = candidates.clone();
        others.any(|(_, other)| other.seen_before(entry))
    };
    // What senders claim to have seen may go round in a circle. Numbers never do.
    let free = candidates
        .clone()
        .position(|(_, entry)| !numbered(entry) && !seen(entry));
    free.or_else(|| candidates.clone().position(|(_, entry)| !numbered(entry)))
}

/// The position of the entry with this index, among entries that are in order. If times are to be
/// ignored, they contradict nothing.
fn position(
    entries: &[Entry<'_>],
    index: usize,
    entry: &Entry<'_>,
    ignoring_times: bool,
) -> Position {
    let mut position = Position::default();

    let earlier = entries.iter().take(index);
    let mut earlier = earlier.filter(|other| other.sender == entry.sender);
    let previous = earlier.clone().map(|other| other.sequence).max();
    if earlier.any(|other| other.sequence == entry.sequence) {
        position
            .contradictions
            .push(Contradiction::SequenceRepeated);
    }
    if !ignoring_times
        && entries
            .iter()
            .any(|other| entry.numbered_before(other) && entry.accepted_at > other.accepted_at)
    {
        position
            .contradictions
            .push(Contradiction::SequenceRunsBack);
    }
    if position.contradictions.is_empty() {
        // All earlier numbers are lower, so the highest is that of the previous message.
        position.gap_before =
            previous.map(|before| entry.sequence.saturating_sub(before).saturating_sub(1));
    }

    if let Some(tag) = entry.last_seen {
        let seen = entries.iter().position(|other| other.tag == tag);
        position.last_seen = seen.map_or(LastSeen::NotInReport, LastSeen::InReport);
        let seen = seen.and_then(|seen| Some((seen, entries.get(seen)?)));
        if seen.is_some_and(|(seen, other)| {
            seen == index || (!ignoring_times && other.accepted_at > entry.accepted_at)
        }) {
            position.contradictions.push(Contradiction::LastSeenLater);
        }
    }
    position
}

#[cfg(test)]
mod tests;
