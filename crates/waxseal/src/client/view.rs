//! Views: what a message shows, with its edits, its deletion and the reactions to it.
//!
//! | step | file |
//! |---|---|
//! | what one message shows | `message.rs` |
//! | what a message that is stored means for others | `stored.rs` |
//! | the timer of a conversation | `timer.rs` |
//! | what refers to one message, whatever the order | `folded.rs` |
//! | what messages of an earlier version mean | `earlier.rs` |
//! | whether a draft can count | `sending.rs` |
//! | from when on a message disappears | `due/reading.rs` |
//! | what happens then | `due/expire.rs` |

mod earlier;
mod folded;
mod message;
mod sending;
mod stored;
mod timer;

use waxseal_reporting::fold::{Author, Reference, ReferenceKind, Role};
use waxseal_reporting::message::Content;
use waxseal_reporting::{AccountId, FrankingTag, Timestamp};
use zeroize::Zeroizing;

use self::folded::Base;
use self::message::Shown;
pub use self::message::{ForwardLabel, MessageView, OFTEN_FORWARDED, ViewReaction, ViewState};
pub(super) use self::stored::Stored;
use super::page::{DamagedRow, Page};
use super::{Client, Message, keys, tag_of};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::records::{FoldRecord, IndexRecord, RefersRecord};
use crate::store::{Cursor, Store};

impl<S: Store> Client<S> {
    /// Lists what up to `limit` messages of a conversation show, in the order of
    /// [`messages`](Self::messages). Edits, deletions and reactions are not in the list: they
    /// change the messages that they are about. So a page can have fewer than `limit` views, or
    /// none, and there is more as long as it has a `next`.
    ///
    /// An edit or a deletion counts if it came from the account that wrote the message, under the
    /// same account key, from any of its devices. Only a text can be edited. A deletion is final.
    /// Of edits, and of the reactions of one account, the newest counts by the order in which its
    /// author sent them. So the devices of an account show the same, in whatever order messages
    /// arrive.
    ///
    /// Pass the present time as `now`, by which messages expire. Each view costs a bounded number
    /// of reads, whatever others send.
    ///
    /// ```rust
    /// # use waxseal::Draft;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (mut provider, mut alice, mut bob) = waxseal_world::Provider::of_two();
    /// # let alice_id = alice.me().account.clone();
    /// let id = provider.exchange(&mut alice, &mut bob, "Lunch at noon?");
    /// provider.exchange(&mut alice, &mut bob, Draft::edit(id, "Lunch at one?"));
    /// provider.exchange(&mut bob, &mut alice, Draft::react(id, "👍"));
    /// let views = bob.views(&alice_id, None, 10, provider.now)?.items;
    /// assert_eq!(views[0].text(), Some("Lunch at one?"));
    /// assert!(views[0].is_edited() && views[0].reactions().len() == 1);
    /// assert_eq!(views.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StateError`]. A damaged record costs only the view of its message, and is listed in
    /// [`damaged`](field@Page::damaged).
    pub fn views(
        &self,
        conversation: impl Into<Conversation>,
        after: Option<u64>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<MessageView, u64>, StateError<S::Error>> {
        let conversation = &conversation.into();
        self.look(|client| {
            let messages = client.read_messages(conversation, after, limit)?;
            let mut page = Page {
                items: Vec::with_capacity(messages.items.len()),
                damaged: messages.damaged,
                next: messages.next,
            };
            for message in messages.items {
                if Reference::of(message.content()).is_some() {
                    continue;
                }
                let ordinal = message.ordinal();
                match client.view_of(conversation, message, now) {
                    Ok(view) => page.items.push(view),
                    Err(StateError::Damaged(_)) => {
                        let table = keys::messages(conversation);
                        page.damaged
                            .push(DamagedRow::new(&table, Cursor::Number(ordinal)));
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(page)
        })
    }

    /// What one message shows. `None` if it is not in this conversation, was deleted from this
    /// device, or is itself an edit, a deletion or a reaction.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn view(
        &self,
        conversation: impl Into<Conversation>,
        id: &FrankingTag,
        now: Timestamp,
    ) -> Result<Option<MessageView>, StateError<S::Error>> {
        let conversation = &conversation.into();
        self.look(|client| {
            let index = client.index(conversation, id)?;
            let message = client.message_at(conversation, index)?;
            let message = message.filter(|one| Reference::of(one.content()).is_none());
            message
                .map(|message| client.view_of(conversation, message, now))
                .transpose()
        })
    }

    /// The newest edits of a message that count, at most
    /// [ten](waxseal_reporting::fold::MAX_EDITS), the oldest first. Empty if the message is not
    /// shown. Each of them is a message that can be reported, as is the original.
    ///
    /// [`messages`](Self::messages) lists all edits, also those before the newest ten. They are
    /// kept and can be reported as long as the message that they edit: ten further edits do not
    /// hide what was shown.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn edits(
        &self,
        conversation: impl Into<Conversation>,
        id: &FrankingTag,
        now: Timestamp,
    ) -> Result<Vec<Message>, StateError<S::Error>> {
        let conversation = &conversation.into();
        self.look(|client| {
            let index = client.index(conversation, id)?;
            let Some(message) = client.message_at(conversation, index)? else {
                return Ok(Vec::new());
            };
            let (fold, index) = client.fold_for(conversation, &message)?;
            if state_of(&fold, &index, now) != ViewState::Shown {
                return Ok(Vec::new());
            }
            let edits = fold.edits.iter();
            let read = edits.map(|edit| client.edit_of(conversation, &message, edit));
            read.filter_map(Result::transpose).collect()
        })
    }

    /// Whether a message is here, was not deleted by its author, and has not expired, as far as
    /// [`expire`](Self::expire) did what is due.
    #[cfg(feature = "courier")]
    pub(crate) fn is_shown(
        &self,
        conversation: &Conversation,
        id: &FrankingTag,
    ) -> Result<bool, StateError<S::Error>> {
        self.look(|client| {
            let index = client.index(conversation, id)?;
            let Some(message) = client.message_at(conversation, index)? else {
                return Ok(false);
            };
            let (fold, index) = client.fold_for(conversation, &message)?;
            Ok(fold.deletion().is_none() && !index.wipes)
        })
    }

    fn view_of(
        &self,
        conversation: &Conversation,
        message: Message,
        now: Timestamp,
    ) -> Result<MessageView, StateError<S::Error>> {
        let (fold, index) = self.fold_for(conversation, &message)?;
        let state = state_of(&fold, &index, now);
        let mut view = MessageView {
            id: *message.id(),
            ordinal: message.ordinal(),
            author: message.sender().clone(),
            direction: message.direction(),
            accepted_at: message.accepted_at(),
            status: message.status(),
            expires_at: index.expires_at(),
            from_removed_device: fold.deletion().is_some_and(|one| one.from_removed_device),
            state,
            shown: None,
        };
        // CHK-562: a message that was deleted or has expired shows nothing.
        if view.state == ViewState::Shown {
            let edit = self.newest_edit(conversation, &message, &fold)?;
            // CHK-572: what is shown says that a removed device wrote it, whichever message it is.
            view.from_removed_device = edit.as_ref().unwrap_or(&message).is_from_removed_device();
            let edited = edit.and_then(|edit| match edit.content() {
                Content::Edit { text, .. } => Some(Zeroizing::new(text.clone())),
                _ => None,
            });
            view.shown = Some(Shown {
                edited,
                edit_count: fold.edit_count(),
                reactions: reactions_of(&fold),
                message,
            });
        }
        Ok(view)
    }

    /// What counts for a message, and where it is.
    fn fold_for(
        &self,
        conversation: &Conversation,
        message: &Message,
    ) -> Result<(FoldRecord, IndexRecord), StateError<S::Error>> {
        let key = keys::fold(conversation, message.id());
        let mut fold: FoldRecord = self.get_record(&key)?.unwrap_or_default();
        // CHK-560: what refers to a message counts by the rules, whatever the record holds.
        fold.keep_counting(&base_of(message));
        let index = self.index(conversation, message.id())?;
        Ok((fold, index.unwrap_or_default()))
    }

    /// The newest edit that can be read.
    fn newest_edit(
        &self,
        conversation: &Conversation,
        message: &Message,
        fold: &FoldRecord,
    ) -> Result<Option<Message>, StateError<S::Error>> {
        for edit in fold.edits.iter().rev() {
            if let Some(edit) = self.edit_of(conversation, message, edit)? {
                return Ok(Some(edit));
            }
        }
        Ok(None)
    }

    /// The edit of a message that a record names. `None` if it is damaged or gone.
    fn edit_of(
        &self,
        conversation: &Conversation,
        message: &Message,
        edit: &RefersRecord,
    ) -> Result<Option<Message>, StateError<S::Error>> {
        let key = keys::message(conversation, edit.ordinal);
        let record = self.readable(&key)?;
        let edit = record
            .and_then(|record| self.message_of(record))
            .filter(|one| {
                let reference = Reference::of(one.content());
                let is_edit = reference
                    .is_some_and(|one| one.kind == ReferenceKind::Edit && one.to == *message.id());
                is_edit && tag_of(&edit.id).as_ref() == Some(one.id())
            });
        // CHK-589: also an edit comes without previews.
        let is_request = self.is_request(conversation)?;
        Ok(edit.map(|edit| edit.of_request(is_request)))
    }
}

/// What a message is to those that refer to it.
fn base_of(message: &Message) -> Base {
    let account = message.sender().account.clone();
    Base {
        id: *message.id(),
        role: Role::of(message.content()),
        author: match message.account_key() {
            Some(key) => Author::with_key(account, *key),
            None => Author::new(account),
        },
    }
}

fn state_of(fold: &FoldRecord, index: &IndexRecord, now: Timestamp) -> ViewState {
    if let Some(by) = fold.deletion().and_then(RefersRecord::address) {
        return ViewState::Deleted { by };
    }
    match index.expires_at() {
        Some(at) if now >= at => ViewState::Expired,
        _ => ViewState::Shown,
    }
}

fn reactions_of(fold: &FoldRecord) -> Vec<ViewReaction> {
    let given = fold.reactions.iter().filter(|one| !one.reaction.is_empty());
    let mut reactions: Vec<_> = given
        .filter_map(|one| {
            Some(ViewReaction {
                account: AccountId::new(&one.account).ok()?,
                reaction: Zeroizing::new(one.reaction.clone()),
            })
        })
        .collect();
    reactions.sort_by(|one, other| one.account.cmp(&other.account));
    reactions
}
