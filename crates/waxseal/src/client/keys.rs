//! Keys: under which key of the store each kind of record is. A store does not know the kinds.
//!
//! | record | table | row |
//! |---|---|---|
//! | account of this device | `a` | only |
//! | prekeys with private halves, except one-time ones | `k` | only |
//! | one-time prekey with its private half | `1` | id, 4 bytes |
//! | replay memory of a sender | `h` | identity, 64 bytes |
//! | one-time prekeys not confirmed yet | `u` | only |
//! | counters of all conversations | `c` | only |
//! | layout of the store | `f` | only |
//! | contact | `n` | `account` |
//! | device of a contact | `d account` | number of the device |
//! | page of skipped keys of device 0 | `s account` | id, 44 bytes |
//! | page of skipped keys of another device | `s account device` | id, 44 bytes |
//! | conversation | `v` | `00 conversation` |
//! | message | `m conversation` | ordinal |
//! | where the message with a tag is | `i conversation` | tag, 32 bytes |
//! | envelope not confirmed yet | `o` | number |
//! | message that expires or is wiped | `e` | time in ms be44, place be20 |
//! | records of views | see `view` | |
//! | history that is being deleted | `x` | `conversation` |
//! | last messages of a deleted conversation | `j conversation` | only |
//! | report not confirmed yet | `r` | id, 16 bytes |
//! | evidence that a report needs, of a message that is deleted | `X id` | tag, 32 bytes |
//! | request of an account that is not accepted | `R` | `account` |
//! | promise about a report, with its last receipt | `2` | number in the log, 16 bytes |
//! | last receipt about this account in a case | `3` | number in the log, 16 bytes |
//! | decision of which the provider told, with an appeal | `9` | leaf hash, 32 bytes |
//! | account to which something is still to be said | `z` | `account` |
//! | delivery that did not open | `q account` | tag, 32 bytes |
//! | message that a device of the account could not open | `w account` | device, tag: 36 bytes |
//! | message that the peer has not confirmed | `t account` | tag, 32 bytes |
//! | message that waits for a session | `g conversation` | ordinal |
//! | receipt still to be sent | `y account` | kind, tag: 33 bytes |
//! | secret half of the own account key | `0` | only |
//! | notice about an account | `4` | kind, `account` |
//! | where a message was sent that others ask for by its tag alone | `5` | tag, 32 bytes |
//! | link under way, on either side | `L` | only |
//! | newest roster that this device signed | `S` | only |
//! | numbers of the sync, and what own devices lack | `A` | only |
//! | item that own devices share | `B` | kind, subject: at most 162 bytes |
//! | item that own devices are still to be told | `C` | as before |
//! | item of another own device that is still to be carried out | `D` | as before |
//! | history that is given to an own device | `F` | only |
//! | where a chunk of it begins | `G` | number |
//! | history that is taken from an own device | `H` | only |
//! | records of groups | see `group` | |
//! | what the courier knows of the provider | `b` | only |
//! | delivery that the courier left with the provider | `l` | number |
//! | file whose upload has not ended | `U` | id, 16 bytes |
//! | in layout 1: peer | `p` | `account` |
//! | in layout 1: where the message with a tag is | `i account tag` | only |
//!
//! `account` is preceded by its length, one byte. `conversation` is the `account` of its only peer,
//! or `00` and the id of a group, 32 bytes. It is part of the key of a message's place, so that a
//! third party cannot occupy another sender's tag.

#[cfg(feature = "courier")]
mod courier;
mod group;
mod promise;
mod requests;
mod view;

use waxseal_core::{IdentityKey, export::OneTimeId, export::PageId};
use waxseal_reporting::{AccountId, DeviceId, FrankingTag};

#[cfg(feature = "courier")]
pub(super) use self::courier::{all_kept, courier, decision, decisions, kept, upload};
pub(super) use self::group::{
    all_group_targets, all_invited, all_peer_chains, authorities, authority, chain_recipients,
    group, group_edit, group_edits, group_notice, group_targets, group_tell, group_tells, groups,
    invited, own_chain, peer_chains, withheld,
};
pub(super) use self::promise::{account_receipt, account_receipts, promise, promises};
pub(super) use self::requests::{all_reported, reported, request, requests};
pub(super) use self::view::{all_unread, fold, folds, reference, references, unread};
use crate::conversation::Conversation;
use crate::error::Damage;
use crate::store::{Key, Row, Table};

pub(super) fn account() -> Key {
    only(b"a")
}

pub(super) fn prekeys() -> Key {
    only(b"k")
}

pub(super) fn one_time_prekeys() -> Table {
    Table::new(b"1")
}

pub(super) fn one_time_prekey(id: &OneTimeId) -> Key {
    Key::new(one_time_prekeys(), Row::Name(id.to_bytes().to_vec()))
}

pub(super) fn replay_memories() -> Table {
    Table::new(b"h")
}

pub(super) fn replay_memory(sender: &IdentityKey) -> Key {
    Key::new(replay_memories(), Row::Name(sender.to_bytes().to_vec()))
}

pub(super) fn prekey_upload() -> Key {
    only(b"u")
}

pub(super) fn counters() -> Key {
    only(b"c")
}

pub(super) fn layout() -> Key {
    only(b"f")
}

pub(super) fn contacts() -> Table {
    Table::new(b"n")
}

pub(super) fn contact(peer: &AccountId) -> Key {
    Key::new(contacts(), Row::Name(name_of(peer)))
}

pub(super) fn device(peer: &AccountId, device: DeviceId) -> Key {
    Key::new(devices(peer), Row::Number(device.0.into()))
}

pub(super) fn devices(peer: &AccountId) -> Table {
    of_account(b'd', peer)
}

pub(super) fn conversations() -> Table {
    Table::new(b"v")
}

pub(super) fn conversation(conversation: &Conversation) -> Key {
    let name = [vec![0], conversation.to_name()].concat();
    Key::new(conversations(), Row::Name(name))
}

/// The skipped keys of a device. An earlier version kept those of the only device, whatever its
/// number, where those of device 0 are.
pub(super) fn skipped_keys(peer: &AccountId, device: DeviceId) -> Table {
    let table = of_account(b's', peer);
    match device {
        DeviceId(0) => table,
        DeviceId(number) => Table::new([table.as_bytes(), &number.to_be_bytes()].concat()),
    }
}

pub(super) fn page(peer: &AccountId, device: DeviceId, page: &PageId) -> Key {
    let name = page.as_bytes().to_vec();
    Key::new(skipped_keys(peer, device), Row::Name(name))
}

pub(super) fn messages(conversation: &Conversation) -> Table {
    of_conversation(b'm', conversation)
}

pub(super) fn message(conversation: &Conversation, ordinal: u64) -> Key {
    Key::new(messages(conversation), Row::Number(ordinal))
}

pub(super) fn indices(conversation: &Conversation) -> Table {
    of_conversation(b'i', conversation)
}

pub(super) fn index(conversation: &Conversation, tag: &FrankingTag) -> Key {
    Key::new(indices(conversation), Row::Name(tag.as_bytes().to_vec()))
}

pub(super) fn outbox() -> Table {
    Table::new(b"o")
}

pub(super) fn envelope(number: u64) -> Key {
    Key::new(outbox(), Row::Number(number))
}

pub(super) fn due_messages() -> Table {
    Table::new(b"e")
}

pub(super) fn due_message(number: u64) -> Key {
    Key::new(due_messages(), Row::Number(number))
}

pub(super) fn deletions() -> Table {
    Table::new(b"x")
}

pub(super) fn deletion(conversation: &Conversation) -> Key {
    Key::new(deletions(), Row::Name(conversation.to_name()))
}

pub(super) fn recent(conversation: &Conversation) -> Key {
    Key::new(of_conversation(b'j', conversation), Row::Only)
}

pub(super) fn reports() -> Table {
    Table::new(b"r")
}

pub(super) fn report(id: &[u8; 16]) -> Key {
    Key::new(reports(), Row::Name(id.to_vec()))
}

pub(super) fn upkeeps() -> Table {
    Table::new(b"z")
}

pub(super) fn upkeep(peer: &AccountId) -> Key {
    Key::new(upkeeps(), Row::Name(name_of(peer)))
}

pub(super) fn all_unopened(peer: &AccountId) -> Table {
    of_account(b'q', peer)
}

pub(super) fn unopened(peer: &AccountId, tag: &FrankingTag) -> Key {
    Key::new(all_unopened(peer), Row::Name(tag.as_bytes().to_vec()))
}

pub(super) fn all_asked(peer: &AccountId) -> Table {
    of_account(b'w', peer)
}

pub(super) fn asked(peer: &AccountId, device: DeviceId, tag: &FrankingTag) -> Key {
    let name = [&device.0.to_be_bytes(), tag.as_bytes().as_slice()].concat();
    Key::new(all_asked(peer), Row::Name(name))
}

pub(super) fn link() -> Key {
    only(b"L")
}

pub(super) fn signing() -> Key {
    only(b"S")
}

pub(super) fn account_secret() -> Key {
    only(b"0")
}

pub(super) fn notices() -> Table {
    Table::new(b"4")
}

pub(super) fn notice(kind: u8, account: &AccountId) -> Key {
    let name = [vec![kind], name_of(account)].concat();
    Key::new(notices(), Row::Name(name))
}

pub(super) fn own_sent(tag: &FrankingTag) -> Key {
    Key::new(Table::new(b"5"), Row::Name(tag.as_bytes().to_vec()))
}

pub(super) fn all_awaited(peer: &AccountId) -> Table {
    of_account(b't', peer)
}

pub(super) fn awaited(peer: &AccountId, tag: &FrankingTag) -> Key {
    Key::new(all_awaited(peer), Row::Name(tag.as_bytes().to_vec()))
}

pub(super) fn receipts(peer: &AccountId) -> Table {
    of_account(b'y', peer)
}

pub(super) fn receipt(peer: &AccountId, is_opened: bool, tag: &FrankingTag) -> Key {
    let name = [&[u8::from(is_opened)], tag.as_bytes().as_slice()].concat();
    Key::new(receipts(peer), Row::Name(name))
}

pub(super) fn all_held(conversation: &Conversation) -> Table {
    of_conversation(b'g', conversation)
}

pub(super) fn held(conversation: &Conversation, ordinal: u64) -> Key {
    Key::new(all_held(conversation), Row::Number(ordinal))
}

pub(super) fn sync() -> Key {
    only(b"A")
}

pub(super) fn items() -> Table {
    Table::new(b"B")
}

pub(super) fn item(subject: &[u8]) -> Key {
    Key::new(items(), Row::Name(subject.to_vec()))
}

pub(super) fn items_to_tell() -> Table {
    Table::new(b"C")
}

pub(super) fn item_to_tell(subject: &[u8]) -> Key {
    Key::new(items_to_tell(), Row::Name(subject.to_vec()))
}

pub(super) fn items_to_apply() -> Table {
    Table::new(b"D")
}

pub(super) fn item_to_apply(subject: &[u8]) -> Key {
    Key::new(items_to_apply(), Row::Name(subject.to_vec()))
}

pub(super) fn export() -> Key {
    only(b"F")
}

pub(super) fn chunk_starts() -> Table {
    Table::new(b"G")
}

pub(super) fn chunk_start(number: u32) -> Key {
    Key::new(chunk_starts(), Row::Number(number.into()))
}

pub(super) fn import() -> Key {
    only(b"H")
}

pub(super) fn uploads() -> Table {
    Table::new(b"U")
}

pub(super) fn earlier_peers() -> Table {
    Table::new(b"p")
}

pub(super) fn earlier_peer(peer: &AccountId) -> Key {
    Key::new(earlier_peers(), Row::Name(name_of(peer)))
}

pub(super) fn earlier_index(peer: &AccountId, tag: &FrankingTag) -> Key {
    let table = [of_account(b'i', peer).as_bytes(), tag.as_bytes()].concat();
    Key::new(Table::new(table), Row::Only)
}

/// What is damaged if the record under this key is.
pub(super) fn damage(key: &Key) -> Damage {
    let (family, rest) = key.table.as_bytes().split_first().unwrap_or((&0, &[]));
    let name: &[u8] = match (family, &key.row) {
        (b'k' | b'1' | b'h', _) => return Damage::PreKeys,
        (b'2' | b'3' | b'9', _) => return Damage::Promise,
        (b'U', _) => return Damage::Upload,
        (b'n' | b'p' | b'x' | b'z' | b'R' | b'6' | b'7' | b'8' | b'J', Row::Name(name)) => name,
        (b'v', Row::Name(name)) => name.get(1..).unwrap_or_default(),
        (
            b'd' | b'g' | b's' | b'm' | b'i' | b'j' | b'q' | b't' | b'w' | b'y' | b'I' | b'K'
            | b'E' | b'N' | b'T' | b'Q' | b'P' | b'M',
            _,
        ) => rest,
        _ => return Damage::Account,
    };
    let named = Conversation::split_name(name).map(|(named, _)| named);
    match (family, named) {
        (_, None) => Damage::Account,
        (b'm' | b'i' | b'Q' | b'P' | b'M', Some(conversation)) => Damage::Message(conversation),
        (_, Some(Conversation::Direct(account))) => Damage::Peer(account),
        (_, Some(Conversation::Group(group))) => Damage::Group(group),
    }
}

fn only(table: &[u8]) -> Key {
    Key::new(Table::new(table), Row::Only)
}

fn of_account(family: u8, account: &AccountId) -> Table {
    Table::new([vec![family], name_of(account)].concat())
}

fn of_conversation(family: u8, conversation: &Conversation) -> Table {
    Table::new([vec![family], conversation.to_name()].concat())
}

fn name_of(account: &AccountId) -> Vec<u8> {
    Conversation::from(account).to_name()
}
