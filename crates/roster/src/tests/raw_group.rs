//! Groups for tests: states, entries and chains with any fields. Their signatures and hashes are
//! genuine unless a test spoils them.

use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};

use super::support::{Device, NOW, account_key};
use crate::group::{
    AuthorityChain, AuthoritySeed, GroupError, GroupId, GroupLog, GroupOp, GroupState, Role,
    SignedEntry,
};
use crate::{AccountKey, Roster, RosterDraft, labels};

/// The seed of an authority that is made from one byte.
pub(crate) fn seed(byte: u8) -> AuthoritySeed {
    AuthoritySeed::from_bytes(&[byte; 32])
}

/// Key of an account, by its name: 32 bytes of the first letter are its secret.
pub(crate) fn key_of(account: &str) -> AccountKey {
    account_key(account.as_bytes()[0]).public()
}

/// Adds an account under its key.
pub(crate) fn add(account: &str, role: Role) -> GroupOp {
    GroupOp::add(account, role, key_of(account))
}

/// A group whose first authority is made of 01, after two entries: Alice made it, and added the
/// admin Bob and the member Carol.
pub(crate) struct Book {
    pub(crate) first: SignedEntry,
    pub(crate) second: SignedEntry,
    pub(crate) log: GroupLog,
}

impl Book {
    pub(crate) fn new() -> Self {
        let first = [add("alice", Role::Admin)];
        let first = seed(1).create_group("alice", &first, NOW).unwrap();
        let mut log = GroupLog::first(&first, &id()).unwrap();
        let second = [add("bob", Role::Admin), add("carol", Role::Member)];
        let second = seed(1).sign_entry(log.state(), "alice", &second, None, NOW + 1);
        let second = second.unwrap();
        log.take(&second).unwrap();
        Self { first, second, log }
    }

    pub(crate) fn state(&self) -> &GroupState {
        self.log.state()
    }
}

/// Id of the group.
pub(crate) fn id() -> GroupId {
    GroupId::of_authority(&seed(1).public())
}

/// Signs the next entry of Alice and takes it.
pub(crate) fn go_on(log: &mut GroupLog, by: u8, ops: &[GroupOp], next: Option<u8>) -> SignedEntry {
    let next = next.map(|byte| seed(byte).public());
    let entry = seed(by).sign_entry(log.state(), "alice", ops, next.as_ref(), NOW + 2);
    let entry = entry.unwrap();
    log.take(&entry).unwrap();
    entry
}

/// Reads a chain of the group.
pub(crate) fn read_chain(bytes: &[u8]) -> Result<AuthorityChain, GroupError> {
    AuthorityChain::decode(bytes, &id())
}

/// A roster of devices with ids from 1, the first of which is the manager. The account's key is
/// made of a byte.
pub(crate) fn roster_of(account: &str, key: u8, devices: &[u8]) -> Roster {
    let key = account_key(key);
    let devices: Vec<_> = devices.iter().map(|seed| Device::new(*seed)).collect();
    let manager = key.delegate(account, 1, &[devices[0].identity()]).unwrap();
    let entry = |n: u32, device: &Device| device.entry(account, &key.public(), n);
    let first = entry(1, &devices[0]);
    let mut draft = RosterDraft::first(account, manager, first, NOW).unwrap();
    for (n, device) in (2..).zip(&devices[1..]) {
        draft.add(entry(n, device)).unwrap();
    }
    devices[0].finish(draft, account)
}

/// A member as it is written.
#[derive(Clone)]
pub(crate) struct RawMember {
    pub(crate) account: Vec<u8>,
    pub(crate) role: u8,
    pub(crate) key: [u8; 32],
    pub(crate) since: u64,
}

impl RawMember {
    pub(crate) fn new(account: &str, role: u8, since: u64) -> Self {
        Self {
            account: account.into(),
            role,
            key: key_of(account).to_bytes(),
            since,
        }
    }
}

/// A state as it is written.
#[derive(Clone)]
pub(crate) struct RawState {
    pub(crate) version_byte: u8,
    pub(crate) group: [u8; 32],
    pub(crate) version: u64,
    pub(crate) authority: [u8; 32],
    pub(crate) policy: u8,
    pub(crate) members: Vec<RawMember>,
    /// Written after the last member.
    pub(crate) tail: Vec<u8>,
}

impl RawState {
    /// The state of the group after two entries.
    pub(crate) fn of_book() -> Self {
        Self {
            version_byte: 1,
            group: id().to_bytes(),
            version: 2,
            authority: seed(1).public().to_bytes(),
            policy: 0,
            members: vec![
                RawMember::new("alice", 2, 1),
                RawMember::new("bob", 2, 2),
                RawMember::new("carol", 1, 2),
            ],
            tail: Vec::new(),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.version_byte];
        out.extend(self.group);
        out.extend(self.version.to_be_bytes());
        out.extend(self.authority);
        out.push(self.policy);
        out.extend(u16::try_from(self.members.len()).unwrap().to_be_bytes());
        for member in &self.members {
            out.push(u8::try_from(member.account.len()).unwrap());
            out.extend(&member.account);
            out.push(member.role);
            out.extend(member.key);
            out.extend(member.since.to_be_bytes());
        }
        out.extend(&self.tail);
        out
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(labels::GROUP_STATE);
        hash.update(self.encode());
        hash.finalize().into()
    }

    /// The state after a change.
    pub(crate) fn changed(change: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut raw = Self::of_book();
        change(&mut raw);
        raw.encode()
    }

    /// The largest number of members with the longest names, and as many admins as given.
    pub(crate) fn crowd(count: usize) -> Self {
        let mut raw = Self::of_book();
        let member = |n: usize| RawMember {
            account: format!("{n:0128}").into(),
            role: 2,
            key: key_of("dave").to_bytes(),
            since: 1,
        };
        raw.members = (0..count).map(member).collect();
        raw
    }
}

/// An operation as it is written.
pub(crate) fn raw_op(kind: u8, account: &str, rest: &[u8]) -> Vec<u8> {
    let len = u8::try_from(account.len()).unwrap();
    [&[kind, len], account.as_bytes(), rest].concat()
}

/// An addition as it is written.
pub(crate) fn raw_add(account: &str, role: u8) -> Vec<u8> {
    raw_op(
        1,
        account,
        &[&[role], &key_of(account).to_bytes()[..]].concat(),
    )
}

/// A signed entry as it is written.
#[derive(Clone)]
pub(crate) struct RawEntry {
    pub(crate) version_byte: u8,
    pub(crate) group: [u8; 32],
    pub(crate) version: u64,
    pub(crate) previous: [u8; 32],
    pub(crate) at_ms: u64,
    pub(crate) actor: Vec<u8>,
    pub(crate) authority: [u8; 32],
    pub(crate) ops: Vec<Vec<u8>>,
    /// The state that the entry makes. Its version and authority are those of the entry.
    pub(crate) after: RawState,
    /// Bits that are flipped in the hash of that state.
    pub(crate) spoil: u8,
    /// Written after the hash.
    pub(crate) tail: Vec<u8>,
    /// Seed of the key that signs.
    pub(crate) signed_by: u8,
    /// Label of the signature.
    pub(crate) label: &'static [u8],
}

impl RawEntry {
    /// The third entry of the group: Alice adds the member Dave.
    pub(crate) fn of_book() -> Self {
        let before = RawState::of_book();
        let mut after = before.clone();
        after.members.push(RawMember::new("dave", 1, 3));
        Self {
            version_byte: 1,
            group: before.group,
            version: 3,
            previous: before.hash(),
            at_ms: NOW + 2,
            actor: "alice".into(),
            authority: before.authority,
            ops: vec![raw_add("dave", 1)],
            after,
            spoil: 0,
            tail: Vec::new(),
            signed_by: 1,
            label: labels::GROUP_ENTRY,
        }
    }

    /// The first entry of the group: Alice makes it.
    pub(crate) fn first() -> Self {
        let mut raw = Self::of_book();
        raw.version = 1;
        raw.previous = [0; 32];
        raw.at_ms = NOW;
        raw.ops = vec![raw_add("alice", 2)];
        raw.after.members = vec![RawMember::new("alice", 2, 1)];
        raw
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut after = self.after.clone();
        (after.version, after.authority) = (self.version, self.authority);
        let mut hash = after.hash();
        hash[31] ^= self.spoil;
        let mut out = vec![self.version_byte];
        out.extend(self.group);
        out.extend(self.version.to_be_bytes());
        out.extend(self.previous);
        out.extend(self.at_ms.to_be_bytes());
        out.push(u8::try_from(self.actor.len()).unwrap());
        out.extend(&self.actor);
        out.extend(self.authority);
        out.push(u8::try_from(self.ops.len()).unwrap());
        out.extend(self.ops.concat());
        out.extend(hash);
        out.extend(&self.tail);
        out
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let bytes = self.bytes();
        let key = SigningKey::from_bytes(&[self.signed_by; 32]);
        let signature = key.sign(&[self.label, &bytes].concat()).to_bytes();
        [&*bytes, &signature].concat()
    }

    pub(crate) fn signed(&self) -> SignedEntry {
        SignedEntry::decode(&self.encode()).unwrap()
    }

    /// The third entry after a change, signed anew.
    pub(crate) fn changed(change: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut raw = Self::of_book();
        change(&mut raw);
        raw.encode()
    }

    /// Removes a member of the state before. The state after lacks it, too.
    pub(crate) fn remove(&mut self, account: &str) {
        self.ops = vec![raw_op(2, account, &[])];
        self.after = RawState::of_book();
        let members = &mut self.after.members;
        members.retain(|member| member.account != account.as_bytes());
    }

    /// Gives the group another authority, after the entry.
    pub(crate) fn hand_over(&mut self, byte: u8) {
        self.authority = seed(byte).public().to_bytes();
    }
}

/// What reading and applying the third entry after a change gives.
pub(crate) fn applied(change: impl FnOnce(&mut RawEntry)) -> Result<GroupState, GroupError> {
    let book = Book::new();
    let entry = SignedEntry::decode(&RawEntry::changed(change))?;
    let before = book.log.encode();
    let mut log = book.log;
    let state = log.state().apply(&entry);
    // The log agrees, and keeps its state if it refuses.
    let taken = log.take(&entry);
    match &state {
        Ok(state) => assert!(taken.is_ok() && log.state() == state),
        Err(_) => assert!(log.encode() == before),
    }
    state
}
