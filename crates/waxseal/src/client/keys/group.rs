//! Keys of the records of groups.
//!
//! | record | table | row |
//! |---|---|---|
//! | group | `6` | `00 id` |
//! | secret key of a group's admins | `7` | `00 id` |
//! | change of a group that waits for the provider | `8` | `00 id` |
//! | account that was invited to a group | `I 00 id` | `account` |
//! | what an account is to be told of a group | `J` | `00 id account` |
//! | notice about a group | `4` | kind, `00 id` |

use waxseal_reporting::AccountId;
use waxseal_roster::group::GroupId;

use super::{name_of, notices, of_conversation};
use crate::conversation::Conversation;
use crate::store::{Key, Row, Table};

pub(in crate::client) fn groups() -> Table {
    Table::new(b"6")
}

pub(in crate::client) fn group(group: &GroupId) -> Key {
    Key::new(groups(), Row::Name(name_of_group(group)))
}

pub(in crate::client) fn authorities() -> Table {
    Table::new(b"7")
}

pub(in crate::client) fn authority(group: &GroupId) -> Key {
    Key::new(authorities(), Row::Name(name_of_group(group)))
}

pub(in crate::client) fn group_edits() -> Table {
    Table::new(b"8")
}

pub(in crate::client) fn group_edit(group: &GroupId) -> Key {
    Key::new(group_edits(), Row::Name(name_of_group(group)))
}

pub(in crate::client) fn all_invited(group: &GroupId) -> Table {
    of_conversation(b'I', &group.into())
}

pub(in crate::client) fn invited(group: &GroupId, account: &AccountId) -> Key {
    Key::new(all_invited(group), Row::Name(name_of(account)))
}

pub(in crate::client) fn group_tells() -> Table {
    Table::new(b"J")
}

pub(in crate::client) fn group_tell(group: &GroupId, account: &AccountId) -> Key {
    let name = [name_of_group(group), name_of(account)].concat();
    Key::new(group_tells(), Row::Name(name))
}

pub(in crate::client) fn group_notice(kind: u8, group: &GroupId) -> Key {
    let name = [vec![kind], name_of_group(group)].concat();
    Key::new(notices(), Row::Name(name))
}

fn name_of_group(group: &GroupId) -> Vec<u8> {
    Conversation::from(group).to_name()
}
