//! What a lying provider shows in place of the newest rosters.

use std::collections::HashMap;

use waxseal::core::{IdentityKeyPair, PreKeys};
use waxseal::reporting::sender::RosterStamp;
use waxseal::{AccountId, DeviceAddress, DeviceId};
use waxseal_roster::{DeviceEntry, proof_context};

use super::Provider;

/// Which roster the provider shows of an account, and to whom: to one account, or to all.
#[derive(Default)]
pub(super) struct Lies(HashMap<(AccountId, Option<AccountId>), Vec<u8>>);

/// A roster that the provider shows and goes by. It need not verify.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) bytes: Vec<u8>,
    pub(crate) stamp: RosterStamp,
    pub(crate) devices: Vec<u32>,
    /// What counts as well while the roster is about to be too old: other sets of devices.
    pub(crate) or: Vec<Vec<u32>>,
}

impl Shown {
    /// Whether the roster counts a device.
    pub(crate) fn lists(&self, device: DeviceId) -> bool {
        let mut sets = [&self.devices].into_iter().chain(&self.or);
        sets.any(|set| set.contains(&device.0))
    }
}

/// For how long around the day on which a roster becomes too old the provider takes messages to all
/// devices, and to the managers alone.
const TOLERANCE_MS: u64 = 2 * 86_400_000;

/// Length of an entry of a roster: id, identity, flags, version, proof.
const ENTRY_LEN: usize = 4 + 64 + 1 + 4 + 64;

impl Provider {
    /// From now on, the provider shows these bytes as the newest roster of an account, and takes
    /// messages for the devices that they list: to one account, or to everyone who sees no other.
    pub fn lie(&mut self, viewer: Option<&AccountId>, account: &AccountId, roster: Vec<u8>) {
        let key = (account.clone(), viewer.cloned());
        self.lies.0.insert(key, roster);
    }

    /// From now on, the provider shows the present roster of an account, whatever comes: to one
    /// account, or to everyone who sees no other.
    pub fn freeze(&mut self, viewer: Option<&AccountId>, account: &AccountId) {
        let roster = self.roster_for(viewer, account);
        self.lie(viewer, account, roster);
    }

    /// From now on, the provider lists one more device in the roster of an account: a device of its
    /// own, with prekeys and a device proof. All that it cannot make is the manager's signature.
    /// Returns the device's address.
    ///
    /// # Panics
    /// If the account has no roster.
    pub fn add_ghost(&mut self, viewer: Option<&AccountId>, account: &AccountId) -> DeviceAddress {
        let (roster, key) = (self.roster_for(viewer, account), self.account_key(account));
        let identity = IdentityKeyPair::generate(&mut self.rng);
        let id = read(&roster).unwrap().devices.into_iter().max().unwrap() + 1;
        let proof = identity.prove_device(&proof_context(account.as_str(), &key, id));
        let entry = DeviceEntry::new(id, identity.public().to_bytes(), proof);
        self.lie(viewer, account, with_ghost(&roster, &entry));
        let ghost = DeviceAddress::new(account.clone(), DeviceId(id));
        self.register_device(&ghost);
        let prekeys = PreKeys::generate(&identity, &mut self.rng);
        self.publish_of(&ghost, &prekeys.upload(&identity).unwrap());
        ghost
    }

    /// The provider tells no lies about rosters any more.
    pub fn be_honest(&mut self) {
        self.lies.0.clear();
    }

    /// The roster of an account that `viewer` sees.
    pub(crate) fn shown_to(&self, viewer: Option<&AccountId>, account: &AccountId) -> Shown {
        self.shown(viewer, account)
            .expect("an account with a roster")
    }

    /// The roster of an account that `viewer` sees. `None` if the account has none.
    pub(crate) fn shown(&self, viewer: Option<&AccountId>, account: &AccountId) -> Option<Shown> {
        let lie = |viewer: Option<&AccountId>| self.lies.0.get(&(account.clone(), viewer.cloned()));
        let lie = viewer
            .and_then(|viewer| lie(Some(viewer)))
            .or_else(|| lie(None));
        if let Some(bytes) = lie {
            return read(bytes);
        }
        let roster = self.newest_roster(account)?;
        let counting = |now_ms| roster.counting(now_ms).map(|device| device.id).collect();
        let now_ms = self.now.as_millis();
        Some(Shown {
            bytes: roster.signed().encode(),
            stamp: RosterStamp::new(roster.epoch(), roster.version()),
            devices: counting(now_ms),
            or: [now_ms - TOLERANCE_MS, now_ms + TOLERANCE_MS]
                .map(counting)
                .to_vec(),
        })
    }
}

/// Reads a signed roster, and does not verify it:
///
/// ```text
/// 01 || be16 len || roster || ..
/// roster = 01 || len u8 || account || account key 32 || epoch be32 || version be32 || previous 32
///     || at be64 || signer be32 || count u8 || count x (id be32 || ..)
/// ```
fn read(bytes: &[u8]) -> Option<Shown> {
    let roster = bytes.get(3..)?;
    let rest = roster.get(2 + usize::from(*roster.get(1)?) + 32..)?;
    let (epoch, rest) = rest.split_first_chunk()?;
    let (version, rest) = rest.split_first_chunk()?;
    let (count, entries) = rest.get(32 + 8 + 4..)?.split_first()?;
    let entries = entries.chunks_exact(ENTRY_LEN).take((*count).into());
    let ids = entries.filter_map(|entry| Some(u32::from_be_bytes(*entry.first_chunk()?)));
    Some(Shown {
        bytes: bytes.to_vec(),
        stamp: RosterStamp::new(u32::from_be_bytes(*epoch), u32::from_be_bytes(*version)),
        devices: ids.collect(),
        or: Vec::new(),
    })
}

/// A signed roster with one more device, in the next version, under the old signature.
fn with_ghost(bytes: &[u8], ghost: &DeviceEntry) -> Vec<u8> {
    let mut shown = read(bytes).unwrap();
    let name = usize::from(bytes[4]);
    let version = 3 + 2 + name + 32 + 4;
    let count = version + 4 + 32 + 8 + 4;
    let end = count + 1 + ENTRY_LEN * shown.devices.len();
    let bytes = &mut shown.bytes;
    let mut entry = ghost.id.to_be_bytes().to_vec();
    entry.extend(ghost.identity);
    entry.push(0);
    entry.extend((shown.stamp.version + 1).to_be_bytes());
    entry.extend(ghost.proof);
    bytes.splice(end..end, entry);
    bytes[count] += 1;
    bytes[version..version + 4].copy_from_slice(&(shown.stamp.version + 1).to_be_bytes());
    let len = u16::from_be_bytes([bytes[1], bytes[2]]) + u16::try_from(ENTRY_LEN).unwrap();
    bytes[1..3].copy_from_slice(&len.to_be_bytes());
    shown.bytes
}
