//! Subjects: what facts are about, as bytes. A fact's subject is the name of its row in the store.

use waxseal_reporting::{AccountId, FrankingTag};

use super::codec::{put_account, put_short};

/// The types of the entries in a sync record that are facts.
pub(super) const TRUST: u8 = 1;
pub(super) const BLOCKED: u8 = 2;
pub(super) const READ: u8 = 3;
pub(super) const MESSAGE_DELETED: u8 = 4;
pub(super) const CONVERSATION_DELETED: u8 = 5;
pub(super) const SETTING: u8 = 6;

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

/// How far a conversation was read.
pub(crate) fn read(peer: &AccountId) -> Vec<u8> {
    of_account(READ, peer)
}

/// Whether a message was deleted.
pub(super) fn message(peer: &AccountId, id: &FrankingTag) -> Vec<u8> {
    let mut subject = of_account(MESSAGE_DELETED, peer);
    subject.extend_from_slice(id.as_bytes());
    subject
}

/// Until when a conversation was deleted.
pub(crate) fn conversation(peer: &AccountId) -> Vec<u8> {
    of_account(CONVERSATION_DELETED, peer)
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
