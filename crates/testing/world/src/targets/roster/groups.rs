//! Runs the decoders of groups on any bytes, and a member who gets entries of a dishonest admin.
//!
//! Asserts that each value has one encoding, that a refused entry changes nothing, that a group
//! always has an admin, that a new authority comes with the removal of an admin, and that each
//! state can be proven by the group's id.

use std::sync::LazyLock;

use ed25519_dalek::{Signer, SigningKey};
use waxseal_roster::group::{
    AuthorityChain, AuthoritySeed, GroupChange, GroupError, GroupId, GroupLog, GroupOp,
    GroupPolicy, GroupState, Role, SignedEntry,
};

use super::{KEY, NOW_MS, one_encoding};

fn seed(byte: u8) -> AuthoritySeed {
    AuthoritySeed::from_bytes(&[byte; 32])
}

/// The public halves of all seeds.
static AUTHORITIES: LazyLock<Vec<[u8; 32]>> = LazyLock::new(|| {
    (0..=255)
        .map(|byte| seed(byte).public().to_bytes())
        .collect()
});

/// Id of the group whose first authority is made of 01.
fn group() -> GroupId {
    GroupId::of_authority(&seed(1).public())
}

/// Name of an account that is made of a byte.
fn name(byte: u8) -> String {
    format!("m{}", byte % 8)
}

fn add(byte: u8, role: Role) -> GroupOp {
    GroupOp::add(&name(byte), role, KEY.public())
}

/// The group after three entries: two admins and a member, and another authority.
pub(crate) fn book() -> (GroupLog, Vec<SignedEntry>) {
    let first = seed(1).create_group(&name(0), &[add(0, Role::Admin)], NOW_MS);
    let mut entries = vec![first.unwrap()];
    let mut log = GroupLog::first(&entries[0], &group()).unwrap();
    let steps = [
        (1, vec![add(1, Role::Admin), add(2, Role::Member)], 1),
        (1, vec![GroupOp::remove(&name(1)), add(3, Role::Admin)], 2),
    ];
    for (by, ops, next) in steps {
        let next = (by != next).then(|| seed(next).public());
        let entry = seed(by).sign_entry(log.state(), &name(0), &ops, next.as_ref(), NOW_MS);
        entries.push(entry.unwrap());
        log.take(&entries[entries.len() - 1]).unwrap();
    }
    (log, entries)
}

pub(super) fn state(bytes: &[u8]) {
    one_encoding!(bytes, GroupState::decode(bytes), state => {
        assert!(state.members().iter().any(|member| member.role() == Role::Admin));
        state.encode()
    });
}

pub(super) fn entry(bytes: &[u8]) {
    one_encoding!(bytes, SignedEntry::decode(bytes), entry => {
        let (mut log, _) = book();
        let _ = log.take(&entry);
        prove(&log);
        entry.encode()
    });
}

pub(super) fn chain(bytes: &[u8]) {
    one_encoding!(bytes, AuthorityChain::decode(bytes, &group()), chain => chain.encode());
}

pub(super) fn log(bytes: &[u8]) {
    one_encoding!(bytes, GroupLog::decode(bytes), log => log.encode());
}

/// A newcomer proves the state, and a stored log is the same.
fn prove(log: &GroupLog) {
    let chain = AuthorityChain::decode(&log.authority_chain().encode(), log.state().group());
    let chain = chain.unwrap();
    let joined = GroupLog::join(&log.state().encode(), log.entry().clone(), chain).unwrap();
    assert_eq!(joined.state(), log.state());
    assert_eq!(&GroupLog::decode(&log.encode()).unwrap(), log);
}

/// An entry with one byte changed, which an authority signs whatever it says.
fn spoiled(entry: &SignedEntry, at: u8, mask: u8, by: u8) -> Option<SignedEntry> {
    let mut bytes = entry.encode();
    let len = bytes.len() - 64;
    bytes[usize::from(at) % len] ^= mask;
    let message = [b"waxseal/1/roster/group-entry", &bytes[..len]].concat();
    let signature = SigningKey::from_bytes(&[by; 32]).sign(&message);
    bytes[len..].copy_from_slice(&signature.to_bytes());
    SignedEntry::decode(&bytes).ok()
}

/// A member takes what an admin signs who knows all seeds, step by step.
pub(super) fn admin(script: &[u8]) {
    let (mut log, mut entries) = book();
    let (mut ops, mut next) = (Vec::new(), None);
    for [action, a, b] in script.as_chunks::<3>().0.iter().take(24) {
        let role = [Role::Member, Role::Admin][usize::from(b % 2)];
        let authority = log.state().authority().to_bytes();
        let by = AUTHORITIES.iter().position(|key| *key == authority);
        let by = u8::try_from(by.unwrap()).unwrap();
        let entry = match action % 8 {
            0 => {
                ops.push(add(*a, role));
                continue;
            }
            1 => {
                ops.push(GroupOp::remove(&name(*a)));
                continue;
            }
            2 => {
                ops.push(GroupOp::role(&name(*a), role));
                continue;
            }
            3 => {
                let admins_write = a % 2 == 0;
                ops.push(GroupOp::Policy(GroupPolicy { admins_write }));
                continue;
            }
            4 => {
                next = Some(seed(*a).public());
                continue;
            }
            5 => Some(entries[usize::from(*a) % entries.len()].clone()),
            6 => {
                let entry = &entries[usize::from(*b) % entries.len()];
                spoiled(entry, *a, b | 1, by)
            }
            _ => {
                let ops = core::mem::take(&mut ops);
                let signed = seed(by).sign_entry(log.state(), &name(*a), &ops, next.as_ref(), 0);
                next = None;
                signed.ok()
            }
        };
        if let Some(entry) = entry {
            take(&mut log, &entry);
            entries.push(entry);
        }
    }
}

/// Takes an entry, and checks what became of the group.
fn take(log: &mut GroupLog, entry: &SignedEntry) {
    let (before, kept) = (log.state().clone(), log.encode());
    match log.take(entry) {
        Ok(GroupChange::Newer { .. }) => {}
        Ok(GroupChange::Same) => assert_eq!(log.entry().state_hash(), entry.state_hash()),
        Err(GroupError::Fork) => assert!(entry.version() <= before.version() + 1),
        _ => {}
    }
    if log.encode() == kept {
        return;
    }
    let state = log.state();
    assert_eq!(state.version(), before.version() + 1);
    assert!(before.is_admin(entry.actor()));
    let is_gone = |name: &str| {
        let now = state.member(name).filter(|now| now.role() == Role::Admin);
        let was = before.member(name).map(|was| was.account_key());
        now.map(|now| now.account_key()) != was
    };
    let mut admins = before
        .members()
        .iter()
        .filter(|one| one.role() == Role::Admin);
    if admins.any(|one| is_gone(one.account())) {
        assert_ne!(state.authority(), before.authority());
    }
    prove(log);
}
