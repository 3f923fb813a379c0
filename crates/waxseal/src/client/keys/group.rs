//! Keys of the records of groups.
//!
//! | record | table | row |
//! |---|---|---|
//! | group | `6` | `00 id` |
//! | secret key of a group's admins | `7` | `00 id` |
//! | change of a group that waits for the provider | `8` | `00 id` |
//! | account that was invited to a group | `I 00 id` | `account` |
//! | what an account is to be told of a group | `J` | `00 id account` |
//! | chain on which this device sends to a group | `K 00 id` | only |
//! | devices that have that chain | `E 00 id` | only |
//! | chains of another device | `N 00 id` | `account`, number of the device |
//! | devices that messages to a group were for | `T 00 id` | digest, 32 bytes |
//! | message to a group that was withheld | `i 00 id` | tag, `account` of the sender |
//! | notice about a group | `4` | kind, `00 id` |

use waxseal_reporting::{AccountId, DeviceAddress, FrankingTag};
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

pub(in crate::client) fn own_chain(group: &GroupId) -> Key {
    Key::new(of_conversation(b'K', &group.into()), Row::Only)
}

pub(in crate::client) fn chain_recipients(group: &GroupId) -> Key {
    Key::new(of_conversation(b'E', &group.into()), Row::Only)
}

pub(in crate::client) fn all_peer_chains(group: &GroupId) -> Table {
    of_conversation(b'N', &group.into())
}

pub(in crate::client) fn peer_chains(group: &GroupId, device: &DeviceAddress) -> Key {
    let number = device.device.0.to_be_bytes();
    let name = [name_of(&device.account).as_slice(), &number].concat();
    Key::new(all_peer_chains(group), Row::Name(name))
}

pub(in crate::client) fn all_group_targets(group: &GroupId) -> Table {
    of_conversation(b'T', &group.into())
}

pub(in crate::client) fn group_targets(group: &GroupId, digest: &[u8]) -> Key {
    Key::new(all_group_targets(group), Row::Name(digest.to_vec()))
}

pub(in crate::client) fn withheld(group: &GroupId, tag: &FrankingTag, sender: &AccountId) -> Key {
    let name = [tag.as_bytes().as_slice(), &name_of(sender)].concat();
    Key::new(super::indices(&group.into()), Row::Name(name))
}

fn name_of_group(group: &GroupId) -> Vec<u8> {
    Conversation::from(group).to_name()
}
