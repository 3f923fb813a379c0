//! Forwarding: a message goes to other conversations, with a count that each forward raises.

use rand_core::CryptoRng;
use waxseal_reporting::message::Content;
use waxseal_reporting::{FrankingTag, Timestamp};

use super::view::{MessageView, OFTEN_FORWARDED, ViewState};
use super::{Client, Draft, Outgoing};
use crate::conversation::Conversation;
use crate::error::{ForwardError, SendError};
use crate::store::Store;

/// Maximum number of conversations to which one call forwards a message. A rumour then needs
/// people who pass it on by hand.
pub const MAX_FORWARDED_TO: usize = 5;

/// Maximum number of conversations to which one call forwards a message that was forwarded
/// [often](crate::view::OFTEN_FORWARDED).
pub const MAX_OFTEN_FORWARDED_TO: usize = 1;

/// To how many conversations one call forwards a message. An application can lower the numbers, and
/// never raise them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardLimits {
    conversations: usize,
    conversations_when_often: usize,
}

impl Default for ForwardLimits {
    /// [`MAX_FORWARDED_TO`] and [`MAX_OFTEN_FORWARDED_TO`].
    fn default() -> Self {
        Self {
            conversations: MAX_FORWARDED_TO,
            conversations_when_often: MAX_OFTEN_FORWARDED_TO,
        }
    }
}

impl ForwardLimits {
    /// Limits that are lower: to how many conversations one call forwards a message, and to how
    /// many if it was forwarded often. A higher number counts as the maximum.
    pub fn lower(conversations: usize, conversations_when_often: usize) -> Self {
        Self {
            conversations: conversations.min(MAX_FORWARDED_TO),
            conversations_when_often: conversations_when_often.min(MAX_OFTEN_FORWARDED_TO),
        }
    }

    /// Maximum number of conversations for a message that was forwarded this often before.
    pub fn of(&self, forward_count: u8) -> usize {
        match forward_count >= OFTEN_FORWARDED {
            true => self.conversations_when_often,
            false => self.conversations,
        }
    }
}

impl<S: Store> Client<S> {
    /// Forwards a message to other conversations: its present text, or what the application made,
    /// with its attachments. Its forward count is one higher. Returns what became of each
    /// conversation, in their order. Post what was sealed, as after [`send`](Self::send).
    ///
    /// All checks come before anything is sealed. Then each conversation has a transaction of its
    /// own, like a call of `send`: if this is interrupted, some have the message.
    ///
    /// The attached files stay where they are at the provider. So the provider can see that two
    /// messages have the same file.
    #[cfg_attr(
        feature = "courier",
        doc = "[`Courier::forward_file`](crate::Courier::forward_file) seals a file again instead."
    )]
    ///
    /// # Errors
    /// [`ForwardError`]. Then nothing was sent.
    ///
    /// # Security
    /// The count is committed to, and a report shows it. A modified client can lie about it, and
    /// anyone can copy a text. The limits slow down people, not programs.
    #[expect(
        clippy::type_complexity,
        reason = "a result for each conversation, and one for all"
    )]
    pub fn forward(
        &mut self,
        from: impl Into<Conversation>,
        id: &FrankingTag,
        to: &[Conversation],
        limits: ForwardLimits,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Result<Outgoing, SendError<S::Error>>>, ForwardError<S::Error>> {
        let draft = self.forward_draft(from, id, to, limits, now)?;
        let each = to.iter().map(|to| self.send(to, draft.clone(), now, rng));
        Ok(each.collect())
    }

    /// The message as it is forwarded to these conversations.
    pub(crate) fn forward_draft(
        &self,
        from: impl Into<Conversation>,
        id: &FrankingTag,
        to: &[Conversation],
        limits: ForwardLimits,
        now: Timestamp,
    ) -> Result<Draft, ForwardError<S::Error>> {
        let view = self.view(from, id, now)?;
        let view = view.ok_or(ForwardError::NoSuchMessage)?;
        if *view.state() != ViewState::Shown {
            return Err(ForwardError::NotShown);
        }
        // CHK-591: what the user has not accepted is not passed on.
        if view.is_request() {
            return Err(ForwardError::Request);
        }
        let count = view.forward_count();
        // CHK-590: one call forwards to few conversations, and to fewer what was forwarded often.
        let max = limits.of(count);
        if to.len() > max {
            return Err(ForwardError::TooMany { max });
        }
        forwarded(&view).ok_or(ForwardError::Kind)
    }

    /// The message as it is forwarded to one conversation without its only file, which is sealed
    /// again.
    #[cfg(feature = "courier")]
    pub(crate) fn forward_without_file(
        &self,
        from: impl Into<Conversation>,
        id: &FrankingTag,
        to: &Conversation,
        limits: ForwardLimits,
        now: Timestamp,
    ) -> Result<Draft, ForwardError<S::Error>> {
        let to = std::slice::from_ref(to);
        let draft = self.forward_draft(from, id, to, limits, now)?;
        draft.without_file().ok_or(ForwardError::OneFile)
    }
}

/// The message as one that is forwarded, with its present text. `None` if its kind is not
/// forwarded.
fn forwarded(view: &MessageView) -> Option<Draft> {
    let content = match (view.text(), view.message()?.content()) {
        (Some(text), Content::Text(_)) => Content::Text(text.to_owned()),
        (_, content @ Content::Application { .. }) => content.clone(),
        _ => return None,
    };
    // CHK-592: each forward raises the count.
    let count = view.forward_count().saturating_add(1);
    let draft = Draft::new(content).forwarded(count);
    let files = view.attachments().iter().cloned();
    Some(files.fold(draft, Draft::attach))
}
