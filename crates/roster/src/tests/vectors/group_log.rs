//! Makes `group_log.json`: what is kept of a group, and the devices to which messages go.

use super::group::{chain_of, entry_of};
use super::*;
use crate::Roster;
use crate::group::{GroupChange, GroupOp, GroupState, GroupTarget, Role};

fn log_of(input: Input<'_>) -> Result<GroupLog, String> {
    let bytes = input.get("log").bytes();
    let log = GroupLog::decode(&bytes).map_err(refused)?;
    assert_eq!(log.encode(), bytes);
    Ok(log)
}

pub(super) fn decode_log(input: Input<'_>) -> Outcome {
    let log = log_of(input)?;
    Ok(json!({
        "hash": hex(log.state().hash()), "version": log.state().version(),
        "authority_since": log.authority_chain().version(),
    }))
}

fn told(change: GroupChange, log: &GroupLog) -> Value {
    let names = |change: &str| json!({ "change": change, "log": hex(log.encode()) });
    match change {
        GroupChange::Same => names("same"),
        GroupChange::Older => names("older"),
        GroupChange::Gap => names("gap"),
        GroupChange::Newer { added, removed, rekeyed, roles, authority, policy } => json!({
            "change": "newer", "log": hex(log.encode()), "added": added, "removed": removed,
            "rekeyed": rekeyed, "roles": roles, "new_authority": authority, "new_policy": policy,
        }),
    }
}

pub(super) fn take_entry(input: Input<'_>) -> Outcome {
    let mut log = log_of(input)?;
    let change = log.take(&entry_of(input)?).map_err(refused)?;
    Ok(told(change, &log))
}

pub(super) fn take_state(input: Input<'_>) -> Outcome {
    let mut log = log_of(input)?;
    let chain = chain_of(input, &log.state().group().clone())?;
    let change = log.take_state(&input.get("state").bytes(), entry_of(input)?, chain);
    let change = change.map_err(refused)?;
    Ok(told(change, &log))
}

pub(super) fn group_targets(input: Input<'_>) -> Outcome {
    let state = GroupState::decode(&input.get("state").bytes()).map_err(refused)?;
    let rosters: Vec<Roster> = input.list("rosters").into_iter().map(|roster| {
        let signed = crate::SignedRoster::decode(&roster.get("roster").bytes()).unwrap();
        signed.verify(roster.get("account").text()).unwrap()
    }).collect();
    let find = |name: &str| rosters.iter().find(|roster| roster.account() == name);
    let (sender, now) = ((input.get("account").text(), input.get("device").number()), input.get("now_ms").number());
    let found = state.targets(sender, find, |_| now).map_err(refused)?;
    let target = |target: &GroupTarget| json!({ "account": target.account, "id": target.device });
    Ok(json!({
        "targets": found.targets().iter().map(target).collect::<Vec<_>>(), "suspended": found.suspended(),
        "missing": found.missing(), "digest": hex(found.digest()),
    }))
}

fn entry(log: &GroupLog, by: u8, actor: &str, ops: &[GroupOp], next: Option<u8>) -> Vec<u8> {
    let next = next.map(|byte| seed(byte).public());
    seed(by).sign_entry(log.state(), actor, ops, next.as_ref(), NOW + 3).unwrap().encode()
}

#[test]
fn logs() {
    let mut file = Vectors::new(
        CRATE,
        "group_log.json",
        "What is kept of a group, and the devices to which messages go. SPEC.md, “Groups”.",
        "as group.json; then Bob is removed, and the authority of the seed 32 x 02 adds Dave",
    );
    let book = Book::new();
    let mut log = book.log.clone();
    let removal = go_on(&mut log, 1, &[GroupOp::remove("bob")], Some(2));
    let third = log.clone();
    go_on(&mut log, 2, &[add("dave", Role::Member)], None);
    let stored = |log: &GroupLog| json!({ "log": hex(log.encode()) });
    let good = stored(&log);
    file.passes("log", "after four entries", "decode_log", good.clone());
    file.passes("log-first", "after the first entry", "decode_log", stored(&GroupLog::first(&book.first, &id()).unwrap()));
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, "decode_log", bad, check);
    fails("log-empty", "no bytes", with(&good, "log", ""), 392);
    fails("log-too-long", "one byte more than the longest", with(&good, "log", hex(vec![1; 1_235_564])), 390);
    fails("log-version", "version 02", flipped(&good, "log", 0, 3), 391);
    fails("log-short", "the last byte is missing", changed(&good, "log", |bytes| { bytes.pop(); }), 392);
    fails("log-long", "one byte more", changed(&good, "log", |bytes| bytes.push(0)), 392);
    fails("log-previous", "the newest hash is not that before the entry", flipped(&good, "log", -1, 1), 392);
    let state_len = log.state().encode().len();
    // The hash of the state is that in the entry.
    fails("log-state", "another account key in the state", flipped(&good, "log", isize::try_from(5 + state_len - 20).unwrap(), 1), 392);

    let take = |log: &GroupLog, entry: Vec<u8>| json!({ "log": hex(log.encode()), "entry": hex(entry) });
    file.passes("take-next", "the next entry", "take_entry", take(&book.log, removal.encode()));
    let rich = [
        add("frank", Role::Admin), GroupOp::remove("carol"), GroupOp::add("carol", Role::Admin, key_of("eve")),
        GroupOp::Policy(crate::group::GroupPolicy { admins_write: true }),
    ];
    file.passes("take-rich", "several changes, and another authority", "take_entry", take(&log, entry(&log, 2, "alice", &rich, Some(3))));
    file.passes("take-same", "the newest entry", "take_entry", take(&log, log.entry().encode()));
    file.passes("take-older", "an entry of before", "take_entry", take(&log, book.second.encode()));
    file.passes("take-gap", "entries between are missing", "take_entry", take(&book.log, log.entry().encode()));
    let other = entry(&book.log, 1, "bob", &[add("eve", Role::Member)], None);
    let twin = entry(&book.log, 1, "bob", &[GroupOp::remove("alice")], Some(4));
    let mut elsewhere = book.log.clone();
    elsewhere.take(&crate::group::SignedEntry::decode(&other).unwrap()).unwrap();
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, "take_entry", bad, check);
    fails("take-group", "an entry of another group", take(&log, RawEntry::changed(|raw| raw.group = [7; 32])), 396);
    fails("take-fork", "another entry of the newest version", take(&third, other.clone()), 409);
    fails("take-fork-older", "another state of an earlier version", take(&log, other.clone()), 409);
    fails("take-fork-authority", "another change of the authority", take(&log, twin), 409);
    fails("take-fork-time", "the newest entry with another time", take(&book.log, {
        let mut raw = RawEntry::of_book();
        raw.version = 2;
        raw.previous = book.first.state_hash();
        raw.ops = vec![raw_add("bob", 2), raw_add("carol", 1)];
        raw.after = RawState::of_book();
        raw.at_ms = NOW + 9;
        raw.encode()
    }), 409);
    let after = {
        let mut raw = RawEntry::of_book();
        raw.previous[0] ^= 1;
        raw.encode()
    };
    fails("take-fork-next", "the next entry follows another state, and the authority signed it", take(&book.log, after), 409);
    fails("take-forged", "another entry of the newest version that nobody signed", flipped(&take(&third, other.clone()), "entry", -1, 1), 397);
    let old = {
        let mut raw = RawEntry::of_book();
        raw.version = 5;
        raw.previous = log.state().hash();
        raw.encode()
    };
    fails("take-former", "the former authority signs the next entry", take(&log, old), 397);
    let back = entry(&log, 2, "alice", &[GroupOp::remove("dave")], Some(1));
    fails("take-back", "the authority of before comes back", take(&log, back), 404);

    let whole = |log: &GroupLog, of: &GroupLog| json!({
        "log": hex(log.encode()), "state": hex(of.state().encode()), "entry": hex(of.entry().encode()),
        "chain": hex(of.authority_chain().encode()),
    });
    file.passes("state-newer", "two versions further, with another authority", "take_state", whole(&book.log, &log));
    file.passes("state-same", "the known state", "take_state", whole(&log, &log));
    file.passes("state-older", "a state of before", "take_state", whole(&log, &book.log));
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, "take_state", bad, check);
    fails("state-fork", "another state of the newest version", whole(&third, &elsewhere), 409);
    fails("state-fork-next", "the next state of a fork", whole(&third, &{ let mut log = elsewhere.clone(); go_on(&mut log, 1, &[add("mallory", Role::Admin)], None); log }), 409);
    fails("state-fork-older", "an earlier state of a fork", whole(&log, &elsewhere), 409);
    fails("state-fork-later", "a later state under the authority of before", whole(&third, &{
        let mut log = elsewhere.clone();
        for name in ["m1", "m2", "m3"] { go_on(&mut log, 1, &[add(name, Role::Member)], None); }
        log
    }), 409);
    fails("state-unproven", "the chain lacks a change", with(&whole(&book.log, &log), "chain", hex(book.log.authority_chain().encode())), 405);
    targets(&mut file, &book);
    file.finish();
}

fn targets(file: &mut Vectors, book: &Book) {
    let roster = |account: &str, key: u8, devices: &[u8]| {
        let roster = roster_of(account, key, devices);
        json!({ "account": account, "roster": hex(roster.signed().encode()) })
    };
    let alice = roster("alice", b'a', &[0x11, 0x12]);
    let bob = roster("bob", b'b', &[0x21]);
    let carol = roster("carol", b'c', &[0x31, 0x32, 0x33]);
    let input = |rosters: &[&Value], account: &str, device: u32, now: u64| json!({
        "state": hex(book.state().encode()), "rosters": rosters, "account": account, "device": device, "now_ms": now,
    });
    let mut passes = |id: &str, comment: &str, input: Value| drop(file.passes(id, comment, "group_targets", input));
    let all = [&alice, &bob, &carol];
    passes("targets", "all devices but the sending one", input(&all, "alice", 1, NOW));
    passes("targets-carol", "the second device of another member sends", input(&all, "carol", 2, NOW));
    passes("targets-missing", "the roster of a member is not known", input(&all[..2], "alice", 1, NOW));
    passes("targets-suspended", "a member's roster is under another account key", input(&[&alice, &bob, &roster("carol", b'x', &[0x31])], "alice", 1, NOW));
    passes("targets-old", "60 days and a millisecond later, managers alone count", input(&all, "alice", 1, NOW + 60 * 86_400_000 + 1));
    passes("targets-twice", "a device that is also in an account before", input(&[&alice, &bob, &roster("carol", b'c', &[0x31, 0x21, 0x11])], "alice", 1, NOW));
}
