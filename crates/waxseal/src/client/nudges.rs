//! Nudges: what an application may want to tell its user before an answer, from local facts alone.

use waxseal_reporting::message::Content;

use super::view::OFTEN_FORWARDED;
use super::{Client, Direction, Message};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::store::Store;

/// Number of newest messages of a conversation that are looked at. As many as a
/// [request](super::MAX_REQUEST_MESSAGES) has.
const LOOKED_AT: u64 = 32;

/// Something worth telling the user about a conversation. The application words it, or leaves it.
///
/// Nothing leaves the device because of a nudge: it follows from what the store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Nudge {
    /// No device of this account has written to the other one.
    FirstContact,
    /// This account has not written to the other one, and is in no group with it.
    NoSharedGroup,
    /// A message of a [request](Client::requests) has a link. Nobody knows where it leads.
    LinkInRequest,
    /// One of the newest messages was forwarded [often](crate::view::OFTEN_FORWARDED), as its
    /// sender claims.
    OftenForwarded,
    /// The user declined a request of the account, and has not accepted the account since.
    DeclinedBefore,
}

impl<S: Store> Client<S> {
    /// What is worth telling the user about a conversation, in the order of [`Nudge`]. Looks at the
    /// newest 32 messages.
    ///
    /// ```rust
    /// use waxseal::Nudge;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (mut provider, mut alice, mut bob) = waxseal_world::Provider::of_two();
    /// # provider.exchange(&mut alice, &mut bob, "Look: https://example.com/");
    /// # let alice_id = alice.me().account.clone();
    /// let nudges = bob.nudges(&alice_id)?;
    /// assert!(nudges.contains(&Nudge::FirstContact));
    /// assert!(nudges.contains(&Nudge::LinkInRequest));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StateError`].
    pub fn nudges(
        &self,
        conversation: impl Into<Conversation>,
    ) -> Result<Vec<Nudge>, StateError<S::Error>> {
        let conversation = conversation.into();
        self.look(|client| client.find_nudges(&conversation))
    }

    fn find_nudges(&self, conversation: &Conversation) -> Result<Vec<Nudge>, StateError<S::Error>> {
        let numbering = self.numbering(conversation)?.unwrap_or_default();
        let count = usize::try_from(LOOKED_AT).unwrap_or_default();
        let after = numbering
            .next_ordinal
            .checked_sub(LOOKED_AT.saturating_add(1));
        let messages = self.read_messages(conversation, after, count)?.items;
        let mut found = Vec::new();
        let mut note = |is_so: bool, nudge| found.extend(is_so.then_some(nudge));
        let is_often = |one: &Message| one.header().forward_count >= OFTEN_FORWARDED;
        let received = |one: &&Message| one.direction() == Direction::Received;
        let peer = conversation.account();
        if let Some(peer) = peer.filter(|peer| **peer != self.me.account) {
            let has_written = numbering.has_written()
                || messages
                    .iter()
                    .any(|one| one.direction() == Direction::Sent);
            note(!has_written, Nudge::FirstContact);
            note(!has_written && !self.is_fellow(peer)?, Nudge::NoSharedGroup);
            let mut requests = messages.iter().filter(|one| one.is_request());
            note(requests.any(has_link), Nudge::LinkInRequest);
        }
        note(
            messages.iter().filter(received).any(is_often),
            Nudge::OftenForwarded,
        );
        if let Some(peer) = peer {
            note(self.was_declined(peer)?, Nudge::DeclinedBefore);
        }
        Ok(found)
    }
}

fn has_link(message: &Message) -> bool {
    match message.content() {
        Content::Text(text) => text.split_whitespace().any(is_link),
        Content::Edit { text, .. } => text.split_whitespace().any(is_link),
        Content::Application { body, .. } => {
            let text = String::from_utf8_lossy(body);
            text.split_whitespace().any(is_link)
        }
        _ => false,
    }
}

/// Whether a word looks like a link: it names a scheme, or is a host, with or without a path or a
/// port. Most applications make links of hosts too, so a word that only looks like one counts.
fn is_link(word: &str) -> bool {
    let word = word.trim_matches(|one: char| !one.is_alphanumeric() && one != '/');
    let begins_with = |part: &str| {
        let start = word.get(..part.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(part))
    };
    let host = word.split(['/', ':', '?', '#']).next().unwrap_or_default();
    let (name, end) = host.rsplit_once('.').unwrap_or_default();
    let is_host =
        !name.is_empty() && end.chars().count() >= 2 && end.chars().all(char::is_alphabetic);
    word.contains("://") || begins_with("www.") || is_host
}

#[cfg(test)]
mod tests;
