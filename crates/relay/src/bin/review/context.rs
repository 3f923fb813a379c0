//! What a report shows of its messages besides their content: which of them a tag names, which ones
//! a sender had seen, what was withheld, and what contradicts the relay's order.

use waxseal_reporting::FrankingTag;
use waxseal_reporting::fold::{Folded, Outcome, View};
use waxseal_reporting::message::Content;
use waxseal_reporting::reviewer::{
    Contradiction, LastSeen, VerifiedMessage, VerifiedPart, VerifiedReport,
};

/// The messages of a report, in the order in which they are shown. Places count from 0.
pub struct Context<'a> {
    messages: &'a [VerifiedMessage],
    folded: &'a Folded,
}

impl<'a> Context<'a> {
    pub fn of(report: &'a VerifiedReport) -> Self {
        Self {
            messages: report.messages(),
            folded: report.folded(),
        }
    }

    /// The message at this place.
    pub fn message(&self, place: usize) -> Option<&'a VerifiedMessage> {
        self.messages.get(place)
    }

    /// What became of the message at this place.
    pub fn outcome(&self, place: usize) -> Option<Outcome> {
        self.folded.outcomes.get(place).copied()
    }

    /// What changes the message at this place, if it is shown by itself.
    pub fn view(&self, place: usize) -> Option<&'a View> {
        let mut views = self.folded.views.iter();
        views.find(|view| view.message == place)
    }

    /// The message with this tag and its place, if it is in the report.
    pub fn named(&self, tag: &FrankingTag) -> Option<(usize, &'a VerifiedMessage)> {
        let mut messages = self.messages.iter().enumerate();
        messages.find(|(_, message)| message.tag() == tag)
    }

    /// The places of the messages of others that come before this one, and that its sender had not
    /// seen when writing it, as the sender claims. `None` if the message that the sender had seen
    /// last is not in the report.
    pub fn not_seen(&self, place: usize) -> Option<Vec<usize>> {
        let message = self.messages.get(place)?;
        let first = match message.last_seen() {
            LastSeen::None => 0,
            LastSeen::InReport(last) => last.saturating_add(1),
            _ => return None,
        };
        let before = self.messages.iter().enumerate().take(place).skip(first);
        let others = before.filter(|(_, other)| is_other_account(other, message));
        Some(others.map(|(place, _)| place).collect())
    }

    /// Whether a message of another account in the report names this one: as last seen, or as the
    /// message that it answers or refers to. Nothing else shows that anyone could read it.
    pub fn is_seen(&self, message: &VerifiedMessage) -> bool {
        self.messages.iter().any(|other| {
            let header = other.header();
            let about = other.content().and_then(Content::refers_to);
            let named = [header.last_seen.as_ref(), header.reply_to.as_ref(), about];
            is_other_account(other, message) && named.contains(&Some(message.tag()))
        })
    }
}

/// Whether different accounts wrote the two messages.
fn is_other_account(one: &VerifiedMessage, other: &VerifiedMessage) -> bool {
    one.sender().account != other.sender().account
}

/// The numbers of the parts that the reporter withheld. Part 1 is the content; attachments follow.
pub fn withheld_parts(message: &VerifiedMessage) -> Vec<usize> {
    let parts = message.parts().iter().enumerate();
    let withheld = parts.filter(|(_, part)| matches!(part, VerifiedPart::Withheld));
    withheld.map(|(index, _)| index).collect()
}

pub fn contradictions(message: &VerifiedMessage) -> impl Iterator<Item = &'static str> {
    message.contradictions().iter().map(|found| match found {
        Contradiction::SequenceRepeated => "sequence_repeated",
        Contradiction::SequenceRunsBack => "sequence_runs_back",
        Contradiction::LastSeenLater => "last_seen_later",
        _ => "other",
    })
}

/// Bytes as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
