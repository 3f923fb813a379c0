//! Keys of the records of views.
//!
//! | record | table | row |
//! |---|---|---|
//! | what refers to a message | `Q conversation` | tag, 32 bytes |
//! | message that refers to the one with a tag | `P conversation tag` | ordinal |
//! | message that disappears after it is read | `M conversation` | ordinal |

use waxseal_reporting::FrankingTag;

use super::of_conversation;
use crate::conversation::Conversation;
use crate::store::{Key, Row, Table};

pub(in crate::client) fn folds(conversation: &Conversation) -> Table {
    of_conversation(b'Q', conversation)
}

pub(in crate::client) fn fold(conversation: &Conversation, tag: &FrankingTag) -> Key {
    Key::new(folds(conversation), Row::Name(tag.as_bytes().to_vec()))
}

pub(in crate::client) fn references(conversation: &Conversation, tag: &FrankingTag) -> Table {
    let table = of_conversation(b'P', conversation);
    Table::new([table.as_bytes(), tag.as_bytes()].concat())
}

pub(in crate::client) fn reference(
    conversation: &Conversation,
    tag: &FrankingTag,
    ordinal: u64,
) -> Key {
    Key::new(references(conversation, tag), Row::Number(ordinal))
}

pub(in crate::client) fn all_unread(conversation: &Conversation) -> Table {
    of_conversation(b'M', conversation)
}

pub(in crate::client) fn unread(conversation: &Conversation, ordinal: u64) -> Key {
    Key::new(all_unread(conversation), Row::Number(ordinal))
}
