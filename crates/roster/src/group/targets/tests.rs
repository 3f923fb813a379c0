//! Tests of the devices to which a message to a group goes.

use sha2::{Digest, Sha256};

use super::GroupTargets;
use crate::group::{GroupError, GroupLog, GroupOp, Role};
use crate::limits::{MAX_GROUP_TARGETS, MAX_OPS, MAX_ROSTER_AGE_MS};
use crate::tests::raw_group::{Book, add, go_on, id, roster_of};
use crate::tests::support::{Device, NOW, account_key};
use crate::{Roster, RosterDraft, labels};

/// Two devices of Alice, one of Bob and three of Carol.
fn rosters() -> Vec<Roster> {
    vec![
        roster_of("alice", b'a', &[0x11, 0x12]),
        roster_of("bob", b'b', &[0x21]),
        roster_of("carol", b'c', &[0x31, 0x32, 0x33]),
    ]
}

fn targets(log: &GroupLog, rosters: &[Roster]) -> GroupTargets {
    targets_at(log, rosters, NOW).unwrap()
}

fn targets_at(log: &GroupLog, rosters: &[Roster], now: u64) -> Result<GroupTargets, GroupError> {
    let find = |name: &str| rosters.iter().find(|roster| roster.account() == name);
    log.state().targets(("alice", 1), find, |_| now)
}

fn names(targets: &GroupTargets) -> Vec<(&str, u32)> {
    let targets = targets.targets().iter();
    targets
        .map(|target| (target.account.as_str(), target.device))
        .collect()
}

const ALL: [(&str, u32); 5] = [
    ("alice", 2),
    ("bob", 1),
    ("carol", 1),
    ("carol", 2),
    ("carol", 3),
];

#[test]
fn a_message_goes_to_each_device_of_each_member_but_the_sending_one() {
    let book = Book::new();
    let found = targets(&book.log, &rosters());
    assert_eq!(names(&found), ALL);
    assert!(found.suspended().is_empty() && found.missing().is_empty());
    assert_eq!(found.targets()[1].identity, Device::new(0x21).identity());
    // Who is not in the group neither gets nor sends anything.
    let mut more = rosters();
    more.push(roster_of("dave", b'd', &[0x41]));
    assert_eq!(targets(&book.log, &more), found);
    let sender = book.log.state().targets(("dave", 1), |_| None, |_| NOW);
    assert_eq!(sender.unwrap_err(), GroupError::NotMember);
    let text = format!("{found:?} {:?}", found.targets());
    assert!(!text.contains("carol"), "{text}");
}

#[test]
fn the_digest_covers_state_and_targets() {
    let mut book = Book::new();
    let mut found = targets(&book.log, &rosters());
    let mut input = labels::GROUP_TARGETS.to_vec();
    input.extend(id().to_bytes());
    input.extend(2_u64.to_be_bytes());
    input.extend(book.state().hash());
    for target in found.targets() {
        input.push(u8::try_from(target.account.len()).unwrap());
        input.extend(target.account.as_bytes());
        input.extend(target.device.to_be_bytes());
        input.extend(target.identity);
    }
    assert_eq!(found.digest(), <[u8; 32]>::from(Sha256::digest(&input)));
    let before = found.digest();
    found.retain(|target| target.account != "carol");
    assert_eq!(names(&found), ALL[..2]);
    assert_ne!(found.digest(), before);
    go_on(&mut book.log, 1, &[add("dave", Role::Member)], None);
    let later = targets(&book.log, &rosters());
    assert_eq!(names(&later), ALL);
    assert_ne!(later.digest(), before);
}

#[test]
fn chk407_devices_under_another_account_key_get_nothing() {
    let mut book = Book::new();
    let mut all = rosters();
    all[2] = roster_of("carol", b'x', &[0x31, 0x66]);
    let found = targets(&book.log, &all);
    assert_eq!(names(&found), ALL[..2]);
    assert_eq!(found.suspended(), ["carol"]);
    // Until an admin adds the member again.
    let again = GroupOp::add("carol", Role::Member, account_key(b'x').public());
    go_on(&mut book.log, 1, &[GroupOp::remove("carol"), again], None);
    let found = targets(&book.log, &all);
    assert_eq!(names(&found), ALL[..4]);
    assert!(found.suspended().is_empty());
}

#[test]
fn a_member_without_a_roster_is_named() {
    let book = Book::new();
    let found = targets(&book.log, &rosters()[..2]);
    assert_eq!(found.missing(), ["carol"]);
    // A roster of another account does not count.
    let all = rosters();
    let find = |name: &str| match name {
        "carol" => Some(&all[1]),
        name => all.iter().find(|roster| roster.account() == name),
    };
    let found = book.log.state().targets(("alice", 1), find, |_| NOW);
    assert_eq!(found.unwrap().missing(), ["carol"]);
}

#[test]
fn an_old_roster_counts_for_its_managers() {
    let book = Book::new();
    let later = NOW + MAX_ROSTER_AGE_MS + 1;
    let found = targets_at(&book.log, &rosters(), later).unwrap();
    // Alice's manager is the sending device.
    assert_eq!(names(&found), [("bob", 1), ("carol", 1)]);
}

#[test]
fn a_device_of_two_accounts_gets_a_message_once() {
    let book = Book::new();
    let mut all = rosters();
    // Carol's second device is Bob's, and her third is the sending one: both agreed.
    all[2] = roster_of("carol", b'c', &[0x31, 0x21, 0x11]);
    assert_eq!(names(&targets(&book.log, &all)), ALL[..3]);
}

/// A roster of 8 devices that nobody signed.
fn crowd(account: &str, number: u32) -> Roster {
    let mut draft = {
        let key = account_key(b'z');
        let device = Device::new(1);
        let manager = key.delegate(account, 1, &[device.identity()]).unwrap();
        let first = device.entry(account, &key.public(), 1);
        RosterDraft::first(account, manager, first, NOW).unwrap()
    };
    let body = draft.body_mut();
    let first = body.devices[0].clone();
    body.devices = (1..=8_u32)
        .map(|id| {
            let mut device = first.clone();
            device.id = id;
            device.identity[..4].copy_from_slice(&number.to_be_bytes());
            device.identity[4..8].copy_from_slice(&id.to_be_bytes());
            device
        })
        .collect();
    Roster::of_verified(draft.sign([0; 64]))
}

#[test]
fn chk408_more_targets_than_the_limit_are_refused() {
    let mut log = Book::new().log;
    let mut all = rosters();
    for batch in 0..8_u32 {
        let numbers = (0..u32::try_from(MAX_OPS).unwrap()).map(|n| 64 * batch + n);
        let names = numbers.map(|number| (format!("z{number}"), number));
        let names: Vec<_> = names.collect();
        let key = account_key(b'z').public();
        let adds = names.iter();
        let adds = adds.map(|(name, _)| GroupOp::add(name, Role::Member, key));
        go_on(&mut log, 1, &adds.collect::<Vec<_>>(), None);
        all.extend(names.iter().map(|(name, number)| crowd(name, *number)));
    }
    // 512 accounts with 8 devices each are 4,096 targets, next to those of Alice, Bob and Carol.
    let refused = targets_at(&log, &all, NOW).unwrap_err();
    assert_eq!(refused, GroupError::TooManyTargets);
    all[2] = roster_of("carol", b'x', &[0x31]);
    all[1] = roster_of("bob", b'x', &[0x21]);
    let refused = targets_at(&log, &all, NOW).unwrap_err();
    assert_eq!(refused, GroupError::TooManyTargets);
    all[0] = roster_of("alice", b'a', &[0x11]);
    let most = targets(&log, &all);
    assert_eq!(most.targets().len(), MAX_GROUP_TARGETS);
    assert_eq!(most.suspended(), ["bob", "carol"]);
}
