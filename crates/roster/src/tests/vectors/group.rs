//! Makes `group.json`: ids, states, entries and proofs of groups, and seeds of their authority.

use super::*;
use crate::group::{AuthorityChain, AuthorityKey, AuthoritySeed, GroupId, GroupOp, GroupState, Role, SignedEntry};

fn group_of(input: Input<'_>) -> GroupId {
    GroupId::from_bytes(input.get("group").array())
}

pub(super) fn entry_of(input: Input<'_>) -> Result<SignedEntry, String> {
    let bytes = input.get("entry").bytes();
    let entry = SignedEntry::decode(&bytes).map_err(refused)?;
    assert_eq!(entry.encode(), bytes);
    Ok(entry)
}

pub(super) fn chain_of(input: Input<'_>, group: &GroupId) -> Result<AuthorityChain, String> {
    let bytes = input.get("chain").bytes();
    let chain = AuthorityChain::decode(&bytes, group).map_err(refused)?;
    assert_eq!(chain.encode(), bytes);
    Ok(chain)
}

fn told(state: &GroupState) -> Value {
    json!({ "state": hex(state.encode()), "hash": hex(state.hash()), "version": state.version() })
}

pub(super) fn group_id(input: Input<'_>) -> Outcome {
    let key = AuthorityKey::from_bytes(&input.get("authority").array()).map_err(refused)?;
    Ok(json!({ "group": hex(GroupId::of_authority(&key).to_bytes()) }))
}

pub(super) fn decode_state(input: Input<'_>) -> Outcome {
    let bytes = input.get("state").bytes();
    let state = GroupState::decode(&bytes).map_err(refused)?;
    assert_eq!(state.encode(), bytes);
    let role = |role| if role == Role::Admin { 2 } else { 1 };
    let members = state.members().iter().take(4).map(|member| json!({
        "account": member.account(), "role": role(member.role()),
        "account_key": hex(member.account_key().to_bytes()), "since": member.since(),
    }));
    Ok(json!({
        "group": hex(state.group().to_bytes()), "version": state.version(), "authority": hex(state.authority().to_bytes()),
        "policy": u8::from(state.policy().admins_write), "count": state.members().len(),
        "first_members": members.collect::<Vec<_>>(), "hash": hex(state.hash()),
    }))
}

pub(super) fn found_group(input: Input<'_>) -> Outcome {
    Ok(told(&entry_of(input)?.found(&group_of(input)).map_err(refused)?))
}

pub(super) fn apply_entry(input: Input<'_>) -> Outcome {
    let state = GroupState::decode(&input.get("state").bytes()).map_err(refused)?;
    Ok(told(&state.apply(&entry_of(input)?).map_err(refused)?))
}

pub(super) fn decode_chain(input: Input<'_>) -> Outcome {
    let chain = chain_of(input, &group_of(input))?;
    Ok(json!({ "authority": hex(chain.authority().to_bytes()), "version": chain.version() }))
}

pub(super) fn prove_state(input: Input<'_>) -> Outcome {
    let chain = chain_of(input, &group_of(input))?;
    let state = chain.prove(&input.get("state").bytes(), &entry_of(input)?);
    Ok(told(&state.map_err(refused)?))
}

pub(super) fn group_seed(input: Input<'_>) -> Outcome {
    let state = GroupState::decode(&input.get("state").bytes()).map_err(refused)?;
    let seed = AuthoritySeed::of_state(&input.get("authority_seed").array(), &state).map_err(refused)?;
    Ok(json!({ "authority": hex(seed.public().to_bytes()) }))
}

/// The state before, and the third entry after a change, signed again.
fn entry(change: impl FnOnce(&mut RawEntry)) -> Value {
    json!({ "state": hex(RawState::of_book().encode()), "entry": hex(RawEntry::changed(change)) })
}

/// The first entry after a change, signed again.
fn first(change: impl FnOnce(&mut RawEntry)) -> Value {
    let mut raw = RawEntry::first();
    change(&mut raw);
    json!({ "group": hex(id().to_bytes()), "entry": hex(raw.encode()) })
}

/// Gives Bob another role, or his seat another key.
fn demote(raw: &mut RawEntry) {
    raw.ops = vec![raw_op(3, "bob", &[1])];
    raw.after = RawState::of_book();
    raw.after.members[1].role = 1;
}

fn rekey(raw: &mut RawEntry, account: &str, role: u8, to: &str) {
    let (at, key) = (if account == "bob" { 1 } else { 2 }, key_of(to).to_bytes());
    raw.remove(account);
    raw.ops.push(raw_op(1, account, &[&[role], &key[..]].concat()));
    let member = RawMember { key, ..RawMember::new(account, role, 3) };
    raw.after.members.insert(at, member);
}

/// Entries that do nothing in one of their operations: the state is that before, or after.
fn ops(ops: Vec<Vec<u8>>) -> Value {
    entry(|raw| raw.ops = ops)
}

const AS: &str = "authorities of the seeds 32 x 01, 32 x 02, ...; an account's key of the seed 32 x the first letter of its name; Alice founds the group, then adds the admin Bob and the member Carol";

#[test]
fn groups() {
    let description = "Ids, states and entries of groups. SPEC.md, “Groups”.";
    let mut file = Vectors::new(CRATE, "group.json", description, AS);
    let key = |bytes: [u8; 32]| json!({ "authority": hex(bytes) });
    file.passes("id", "the id of the group whose first authority this is", "group_id", key(seed(1).public().to_bytes()));
    file.fails("id-weak", "a key of small order", "group_id", key([0; 32]), 268);
    states(&mut file);
    first_entries(&mut file);
    entries(&mut file);
    file.finish();
}

fn states(file: &mut Vectors) {
    let state = |change: &dyn Fn(&mut RawState)| json!({ "state": hex(RawState::changed(change)) });
    let good = state(&|_| {});
    let crowd = |count: usize| {
        let mut raw = RawState::crowd(count);
        raw.members.iter_mut().for_each(|member| drop(member.account.drain(..124)));
        json!({ "state": hex(raw.encode()) })
    };
    let decode = "decode_state";
    file.passes("state", "three members, two of them admins", decode, good.clone());
    file.passes("state-policy", "only admins write", decode, state(&|raw| raw.policy = 1));
    file.passes("state-last", "the last version", decode, state(&|raw| raw.version = u64::MAX));
    file.passes("state-since", "a member since this version", decode, state(&|raw| raw.members[0].since = 2));
    file.passes("state-full", "1,024 members", decode, crowd(1_024));
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, decode, bad, check);
    fails("state-empty", "no bytes", with(&good, "state", ""), 392);
    fails("state-too-long", "one byte more than the longest", with(&good, "state", hex(vec![1; 174_157])), 390);
    fails("state-version-byte", "version 02", state(&|raw| raw.version_byte = 2), 391);
    fails("state-short", "the last byte is missing", changed(&good, "state", |bytes| { bytes.pop(); }), 392);
    fails("state-long", "one byte more", state(&|raw| raw.tail.push(0)), 392);
    fails("state-version", "version 0", state(&|raw| { raw.version = 0; raw.members.iter_mut().for_each(|member| member.since = 0); }), 392);
    fails("state-policy-2", "an unknown bit of the policy", state(&|raw| raw.policy = 2), 392);
    fails("state-role-0", "role 0", state(&|raw| raw.members[2].role = 0), 392);
    fails("state-role-3", "an unknown role", state(&|raw| raw.members[2].role = 3), 392);
    fails("state-name", "a name with a control character", state(&|raw| raw.members[2].account.push(0x1f)), 263);
    fails("state-name-empty", "no name", state(&|raw| raw.members[0].account.clear()), 263);
    fails("state-order", "the names descend", state(&|raw| raw.members.swap(0, 1)), 393);
    fails("state-twice", "one account twice", state(&|raw| raw.members.insert(2, RawMember::new("bob", 1, 1))), 393);
    fails("state-since-0", "a member since version 0", state(&|raw| raw.members[2].since = 0), 393);
    fails("state-since-later", "a member since the next version", state(&|raw| raw.members[2].since = 3), 393);
    fails("state-crowd", "1,025 members", crowd(1_025), 393);
    fails("state-no-admin", "no admin", state(&|raw| raw.members.iter_mut().for_each(|member| member.role = 1)), 394);

    let with_seed = |byte: u8| json!({ "state": good["state"], "authority_seed": hex([byte; 32]) });
    file.passes("seed", "the seed of the state's authority", "group_seed", with_seed(1));
    file.fails("seed-other", "another seed", "group_seed", with_seed(2), 406);
}

fn first_entries(file: &mut Vectors) {
    let found = "found_group";
    let good = first(|_| {});
    file.passes("first", "Alice founds the group", found, good.clone());
    file.passes("first-more", "with another member and a policy", found, first(|raw| {
        raw.ops.extend([raw_add("carol", 1), vec![4, 1]]);
        raw.after.members.push(RawMember::new("carol", 1, 1));
        raw.after.policy = 1;
    }));
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, found, bad, check);
    fails("first-authority", "another authority founds a group under this id", first(|raw| { raw.hand_over(2); raw.signed_by = 2; }), 395);
    fails("first-group", "asked for another group", with(&good, "group", hex([7; 32])), 396);
    fails("first-signature", "another authority signed", first(|raw| raw.signed_by = 2), 397);
    fails("first-version", "version 2", first(|raw| { raw.version = 2; raw.after.members[0].since = 2; }), 398);
    fails("first-previous", "a state before the first", first(|raw| raw.previous[31] = 1), 398);
    fails("first-actor", "the actor is not added", first(|raw| raw.actor = "bob".into()), 401);
    fails("first-actor-member", "the actor is added as member, and another account as admin", first(|raw| {
        raw.ops = vec![raw_add("alice", 1), raw_add("bob", 2)];
        raw.after.members = vec![RawMember::new("alice", 1, 1), RawMember::new("bob", 2, 1)];
    }), 401);
    fails("first-actor-later", "the actor is not added first", first(|raw| {
        raw.ops.insert(0, raw_add("bob", 2));
        raw.after.members.push(RawMember::new("bob", 2, 1));
    }), 401);
    fails("first-twice", "the actor is added twice", first(|raw| raw.ops.push(raw_add("alice", 2))), 400);
    fails("first-hash", "a bit of the state's hash is flipped", first(|raw| raw.spoil = 1), 403);
}

fn entries(file: &mut Vectors) {
    let apply = "apply_entry";
    let good = entry(|_| {});
    file.passes("entry", "Alice adds the member Dave", apply, good.clone());
    file.passes("entry-bob", "another admin acts", apply, entry(|raw| raw.actor = "bob".into()));
    file.passes("entry-remove", "a member is removed", apply, entry(|raw| raw.remove("carol")));
    file.passes("entry-authority", "the authority changes without need", apply, entry(|raw| raw.hand_over(2)));
    file.passes("entry-remove-admin", "an admin is removed, and the authority changes", apply, entry(|raw| { raw.remove("bob"); raw.hand_over(2); }));
    file.passes("entry-remove-self", "the actor removes itself", apply, entry(|raw| { raw.remove("alice"); raw.hand_over(2); }));
    file.passes("entry-demote", "an admin becomes a member, and the authority changes", apply, entry(|raw| { demote(raw); raw.hand_over(2); }));
    file.passes("entry-promote", "a member becomes an admin", apply, entry(|raw| {
        raw.ops = vec![raw_op(3, "carol", &[2])];
        raw.after = RawState::of_book();
        raw.after.members[2].role = 2;
    }));
    file.passes("entry-rekey", "a member is added again under another account key", apply, entry(|raw| rekey(raw, "carol", 1, "eve")));
    file.passes("entry-several", "a policy, a removal, and an addition at the front", apply, entry(|raw| {
        raw.remove("carol");
        raw.ops.extend([vec![4, 1], raw_add("aaron", 2)]);
        raw.after.policy = 1;
        raw.after.members.insert(0, RawMember::new("aaron", 2, 3));
    }));
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, apply, bad, check);
    fails("entry-empty", "no bytes", with(&good, "entry", ""), 392);
    fails("entry-too-long", "one byte more than the longest", with(&good, "entry", hex(vec![1; 10_772])), 390);
    fails("entry-version-byte", "version 02", entry(|raw| raw.version_byte = 2), 391);
    fails("entry-short", "the last byte is missing", changed(&good, "entry", |bytes| { bytes.pop(); }), 392);
    fails("entry-long", "one byte more, which is signed", entry(|raw| raw.tail.push(0)), 392);
    fails("entry-version-0", "version 0", entry(|raw| raw.version = 0), 392);
    fails("entry-op-0", "operation 00", ops(vec![raw_op(0, "dave", &[])]), 392);
    fails("entry-op-5", "an unknown operation", ops(vec![raw_op(5, "dave", &[])]), 392);
    fails("entry-role", "an unknown role", ops(vec![raw_add("dave", 3)]), 392);
    fails("entry-policy", "an unknown bit of the policy", ops(vec![vec![4, 2]]), 392);
    fails("entry-actor-name", "an actor's name with a NUL", entry(|raw| raw.actor.push(0)), 263);
    fails("entry-op-name", "a name that is not UTF-8", ops(vec![vec![2, 1, 0xff]]), 263);
    fails("entry-group", "of another group", entry(|raw| raw.group = [7; 32]), 396);
    fails("entry-foreign", "another key signed", entry(|raw| raw.signed_by = 9), 397);
    fails("entry-next-signs", "the next authority signed", entry(|raw| { raw.hand_over(2); raw.signed_by = 2; }), 397);
    fails("entry-label", "signed under the label of states", entry(|raw| raw.label = labels::GROUP_STATE), 397);
    fails("entry-signature", "a bit of the signature is flipped", flipped(&good, "entry", -1, 1), 397);
    fails("entry-at", "a bit of the time is flipped", flipped(&good, "entry", 80, 1), 397);
    fails("entry-same", "the version of the state", entry(|raw| { raw.version = 2; raw.after.members[3].since = 2; }), 398);
    fails("entry-skips", "a version is left out", entry(|raw| { raw.version = 4; raw.after.members[3].since = 4; }), 398);
    fails("entry-previous", "a bit of the hash before is flipped, and signed", entry(|raw| raw.previous[0] ^= 1), 398);
    fails("entry-no-ops", "no operation", ops(vec![]), 399);
    fails("entry-65-ops", "65 operations", ops(vec![vec![4, 1]; 65]), 399);
    fails("entry-add-known", "adds a member again", ops(vec![raw_add("bob", 2)]), 400);
    fails("entry-add-key", "adds a member again, under another account key", ops(vec![raw_op(1, "carol", &[&[1], &key_of("eve").to_bytes()[..]].concat())]), 400);
    fails("entry-remove-unknown", "removes an account that is not in the group", ops(vec![raw_op(2, "dave", &[])]), 400);
    fails("entry-role-unknown", "gives a role to an account that is not in the group", ops(vec![raw_op(3, "dave", &[2])]), 400);
    fails("entry-role-same", "gives a member the role that it has", ops(vec![raw_op(3, "carol", &[1])]), 400);
    fails("entry-policy-same", "sets the policy that holds", ops(vec![vec![4, 0]]), 400);
    fails("entry-policy-back", "sets a policy and sets it back", ops(vec![vec![4, 1], vec![4, 0]]), 400);
    fails("entry-twice", "adds an account and removes it", ops(vec![raw_add("dave", 1), raw_op(2, "dave", &[])]), 400);
    fails("entry-role-twice", "adds an account and gives it another role", ops(vec![raw_add("dave", 1), raw_op(3, "dave", &[2])]), 400);
    fails("entry-again", "removes a member and adds it under the same account key", entry(|raw| rekey(raw, "carol", 2, "carol")), 400);
    fails("entry-again-twice", "adds a member again under another account key, twice", entry(|raw| {
        rekey(raw, "carol", 1, "eve");
        raw.ops.extend([raw_op(2, "carol", &[]), raw_add("carol", 1)]);
    }), 400);
    fails("entry-actor", "the actor is a member", entry(|raw| raw.actor = "carol".into()), 401);
    fails("entry-actor-new", "the actor adds itself", entry(|raw| raw.actor = "dave".into()), 401);
    fails("entry-stays", "an admin is removed, and the authority stays", entry(|raw| raw.remove("bob")), 402);
    fails("entry-stays-demote", "an admin becomes a member, and the authority stays", entry(demote), 402);
    fails("entry-stays-self", "the actor removes itself, and the authority stays", entry(|raw| raw.remove("alice")), 402);
    fails("entry-stays-rekey", "an admin is added again under another account key, and the authority stays", entry(|raw| rekey(raw, "bob", 2, "eve")), 402);
    fails("entry-no-admin", "no admin is left", entry(|raw| {
        raw.ops = vec![raw_op(2, "alice", &[]), raw_op(2, "bob", &[])];
        raw.after.members = vec![RawMember::new("carol", 1, 2)];
        raw.hand_over(2);
    }), 394);
    fails("entry-key", "a new member's key is of small order", entry(|raw| {
        raw.ops = vec![raw_op(1, "dave", &[&[1][..], &[0; 32]].concat())];
        raw.after.members[3].key = [0; 32];
    }), 268);
    fails("entry-authority-key", "the next authority is of small order", entry(|raw| raw.authority = [0; 32]), 268);
    fails("entry-hash", "a bit of the state's hash is flipped, and signed", entry(|raw| raw.spoil = 0x80), 403);
    fails("entry-hash-since", "the hash is of a state that says another `since`", entry(|raw| raw.after.members[3].since = 2), 403);
    let mut crowd = RawState::crowd(1_023);
    crowd.members.iter_mut().for_each(|member| drop(member.account.drain(..124)));
    crowd.members.push(RawMember::new("alice", 2, 1));
    let full = crowd.encode();
    crowd.members.push(RawMember::new("dave", 1, 3));
    let mut too_many = RawEntry::of_book();
    let full_state = GroupState::decode(&full).unwrap();
    (too_many.previous, too_many.after) = (full_state.hash(), crowd);
    let too_many = json!({ "state": hex(full), "entry": hex(too_many.encode()) });
    fails("entry-crowd", "a member more than 1,024", too_many, 393);
}

/// A chain as it is written.
pub(super) fn chain(first: u8, changes: &[Vec<u8>]) -> Vec<u8> {
    let len = u16::try_from(changes.len()).unwrap().to_be_bytes();
    let mut out = [&[1], &seed(first).public().to_bytes()[..], &len].concat();
    for change in changes {
        out.extend(u16::try_from(change.len()).unwrap().to_be_bytes());
        out.extend(change);
    }
    out
}

/// An entry that changes the authority.
fn hand_over(version: u64, by: u8, to: u8) -> Vec<u8> {
    RawEntry::changed(|raw| {
        raw.version = version;
        raw.signed_by = by;
        raw.hand_over(to);
    })
}

#[test]
fn authorities() {
    let description = "Proofs of a group's authority, and states that they prove. SPEC.md, “Groups”.";
    let mut file = Vectors::new(CRATE, "group_authority.json", description, AS);
    let (decode, input) = ("decode_chain", |bytes: Vec<u8>| json!({ "group": hex(id().to_bytes()), "chain": hex(bytes) }));
    let good = input(chain(1, &[hand_over(3, 1, 2), hand_over(9, 2, 3)]));
    file.passes("chain-new", "the authority never changed", decode, input(chain(1, &[])));
    file.passes("chain", "two changes", decode, good.clone());
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, decode, bad, check);
    fails("chain-too-long", "one byte more than the longest", input(vec![1; 1_048_577]), 390);
    fails("chain-version", "version 02", flipped(&good, "chain", 0, 3), 391);
    fails("chain-short", "the last byte is missing", changed(&good, "chain", |bytes| { bytes.pop(); }), 392);
    fails("chain-long", "one byte more", changed(&good, "chain", |bytes| bytes.push(0)), 392);
    fails("chain-entry-version", "version 02 of an entry", input(chain(1, &[RawEntry::changed(|raw| { raw.version_byte = 2; raw.hand_over(2); })])), 391);
    fails("chain-other", "another first authority", input(chain(2, &[])), 395);
    fails("chain-weak", "the first authority is of small order", changed(&good, "chain", |bytes| bytes[1..33].fill(0)), 268);
    fails("chain-group", "an entry of another group", input(chain(1, &[RawEntry::changed(|raw| { raw.group = [7; 32]; raw.hand_over(2); })])), 396);
    fails("chain-signed", "the new authority signed its own entry", input(chain(1, &[hand_over(3, 2, 2)])), 397);
    fails("chain-former", "a former authority signed", input(chain(1, &[hand_over(3, 1, 2), hand_over(4, 1, 3)])), 397);
    fails("chain-gap", "a change is missing", input(chain(1, &[hand_over(3, 2, 3)])), 397);
    fails("chain-same", "an entry that changes nothing", input(chain(1, &[hand_over(3, 1, 1)])), 404);
    fails("chain-order", "versions descend", input(chain(1, &[hand_over(4, 1, 2), hand_over(3, 2, 3)])), 404);
    fails("chain-twice", "two changes of one version", input(chain(1, &[hand_over(3, 1, 2), hand_over(3, 2, 3)])), 404);
    fails("chain-first", "a change in version 1", input(chain(1, &[hand_over(1, 1, 2)])), 404);
    fails("chain-back", "the first authority comes back", input(chain(1, &[hand_over(3, 1, 2), hand_over(4, 2, 1)])), 404);
    fails("chain-back-later", "a later authority comes back", input(chain(1, &[hand_over(3, 1, 2), hand_over(4, 2, 3), hand_over(5, 3, 2)])), 404);

    let prove = "prove_state";
    let proof = |log: &GroupLog| json!({
        "group": hex(id().to_bytes()), "chain": hex(log.authority_chain().encode()),
        "state": hex(log.state().encode()), "entry": hex(log.entry().encode()),
    });
    let mut book = Book::new();
    let early = proof(&book.log);
    let new = GroupLog::first(&book.first, &id()).unwrap();
    file.passes("prove-first", "the first state", prove, proof(&new));
    file.passes("prove", "the first authority signed the newest entry", prove, early.clone());
    go_on(&mut book.log, 1, &[GroupOp::remove("bob")], Some(2));
    let change = proof(&book.log);
    file.passes("prove-change", "the newest entry changed the authority", prove, change.clone());
    go_on(&mut book.log, 2, &[GroupOp::remove("carol")], None);
    let good = proof(&book.log);
    file.passes("prove-later", "the second authority signed the newest entry", prove, good.clone());
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, prove, bad, check);
    fails("prove-stale", "the state before", with(&good, "state", change["state"].clone()), 405);
    fails("prove-stale-entry", "state and entry of before the authority changed", with(&early, "chain", good["chain"].clone()), 405);
    fails("prove-short", "the chain lacks the change", with(&good, "chain", early["chain"].clone()), 405);
    let mut twin = RawEntry::of_book();
    twin.remove("bob");
    twin.hand_over(2);
    twin.at_ms += 1;
    fails("prove-twin", "another entry than the chain's last, of its version and state", with(&change, "entry", hex(twin.encode())), 405);
    let mut ghost = RawState::of_book();
    ghost.members.push(RawMember::new("ghost", 2, 2));
    fails("prove-ghost", "a ghost in the state", with(&early, "state", hex(ghost.encode())), 405);
    let mut other = RawEntry::of_book();
    other.after = RawState::of_book();
    fails("prove-version", "the entry says another version than the state", with(&early, "entry", hex(other.encode())), 405);
    fails("prove-group", "the entry is of another group", with(&early, "entry", hex(RawEntry::changed(|raw| { raw.group = [7; 32]; raw.version = 2; raw.after = RawState::of_book(); }))), 396);
    fails("prove-signature", "a bit of the signature is flipped", flipped(&good, "entry", -1, 1), 397);
    let first_by_others = { let mut raw = RawEntry::first(); raw.actor = "bob".into(); raw.encode() };
    fails("prove-founder", "a first entry that breaks a rule", with(&proof(&new), "entry", hex(first_by_others)), 401);
    let mut weak = RawEntry::of_book();
    weak.after.members[3].key = [0; 32];
    let mut state = weak.after.clone();
    state.version = 3;
    let weak = with(&with(&early, "entry", hex(weak.encode())), "state", hex(state.encode()));
    fails("prove-weak", "a member's key is of small order", weak, 268);
    file.finish();
}
