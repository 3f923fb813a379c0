//! Subjects: what facts are about, as bytes. A fact's subject is the name of its row in the store.

use waxseal_reporting::{AccountId, FrankingTag};

use super::codec::{put_account, put_short};
use crate::conversation::Conversation;

/// The types of the entries in a sync record that are facts.
pub(super) const TRUST: u8 = 1;
pub(super) const BLOCKED: u8 = 2;
pub(super) const READ: u8 = 3;
pub(super) const MESSAGE_DELETED: u8 = 4;
pub(super) const CONVERSATION_DELETED: u8 = 5;
pub(super) const SETTING: u8 = 6;
pub(super) const DECIDED: u8 = 12; // 7 to 11 are entries that are no facts

/// Which account key a contact has.
pub(crate) fn trust(account: &AccountId) -> Vec<u8> {
    of_account(TRUST, account)
}

/// The account of the subject that [`trust`] made. `None` if it is another subject.
pub(crate) fn trusted(subject: &[u8]) -> Option<AccountId> {
    match subject {
        [TRUST, _, account @ ..] => AccountId::new(str::from_utf8(account).ok()?).ok(),
        _ => None,
    }
}

/// Whether an account is blocked.
pub(crate) fn blocked(account: &AccountId) -> Vec<u8> {
    of_account(BLOCKED, account)
}

/// What the user decided about the request of an account.
pub(crate) fn decided(account: &AccountId) -> Vec<u8> {
    of_account(DECIDED, account)
}

/// How far a conversation was read.
pub(crate) fn read(conversation: &Conversation) -> Vec<u8> {
    of_conversation(READ, conversation)
}

/// Whether a message was deleted.
pub(super) fn message(conversation: &Conversation, id: &FrankingTag) -> Vec<u8> {
    let mut subject = of_conversation(MESSAGE_DELETED, conversation);
    subject.extend_from_slice(id.as_bytes());
    subject
}

/// Until when a conversation was deleted.
pub(crate) fn conversation(conversation: &Conversation) -> Vec<u8> {
    of_conversation(CONVERSATION_DELETED, conversation)
}

/// The value of the setting with this name.
pub(crate) fn setting(name: &str) -> Vec<u8> {
    let mut subject = vec![SETTING];
    put_short(&mut subject, name.as_bytes());
    subject
}

fn of_account(kind: u8, account: &AccountId) -> Vec<u8> {
    let mut subject = vec![kind];
    put_account(&mut subject, account);
    subject
}

fn of_conversation(kind: u8, conversation: &Conversation) -> Vec<u8> {
    [vec![kind], conversation.to_name()].concat()
}
