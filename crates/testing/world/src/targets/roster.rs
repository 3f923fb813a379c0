//! Runs the decoders of `waxseal-roster` on any bytes, a peer that gets rosters of a thief who has
//! a manager's key, and a member of a group that gets entries of a dishonest admin.
//!
//! Asserts that nothing panics, that each value has one encoding, that an id stands for one device
//! within an epoch, and that the account can always be recovered.

pub(crate) mod groups;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ed25519_dalek::{Signer, SigningKey};
use waxseal_roster::{
    AccountKeyPair, Change, DeviceEntry, LinkBundle, LinkCode, Pinned, RecoverySecret, RosterDraft,
    SignedDelegation, SignedRoster, proof_context,
};

/// Name of the account.
pub(crate) const NAME: &str = "bob";

/// Some time, in milliseconds.
const NOW_MS: u64 = 1_790_000_000_000;

/// The account's key.
pub(crate) static KEY: LazyLock<AccountKeyPair> =
    LazyLock::new(|| RecoverySecret::from_bytes(&[0xb0; 32]).key_pair());

/// A device, which signs as `IdentityKeyPair` of `waxseal-core` does.
pub(crate) struct Device(SigningKey);

impl Device {
    pub(crate) fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    pub(crate) fn identity(&self) -> [u8; 64] {
        let mut identity = [9; 64];
        identity[..32].copy_from_slice(self.0.verifying_key().as_bytes());
        identity
    }

    pub(crate) fn sign(&self, roster: &[u8]) -> [u8; 64] {
        let message = [b"waxseal/2/core/roster", roster].concat();
        self.0.sign(&message).to_bytes()
    }

    pub(crate) fn entry(&self, id: u32) -> DeviceEntry {
        let context = proof_context(NAME, &KEY.public(), id);
        let message = [b"waxseal/2/core/device-proof", &*context].concat();
        DeviceEntry::new(id, self.identity(), self.0.sign(&message).to_bytes())
    }
}

/// The first roster of the account, with one device.
pub(crate) fn first() -> SignedRoster {
    let phone = Device::new(1);
    let delegation = KEY.delegate(NAME, 1, &[phone.identity()]).unwrap();
    let draft = RosterDraft::first(NAME, delegation, phone.entry(1), NOW_MS).unwrap();
    let signature = phone.sign(&draft.to_sign());
    draft.sign(signature)
}

/// Asserts that a decoded value encodes to the same bytes again.
macro_rules! one_encoding {
    ($bytes:ident, $decoded:expr, $value:ident => $encoded:expr) => {
        if let Ok($value) = $decoded {
            assert_eq!(&$encoded[..], $bytes, "the value has a second encoding");
        }
    };
}

use one_encoding;

/// Runs a decoder, or a script of a thief or admin. The first byte of the input chooses which.
pub fn roster(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    match kind % 13 {
        0 => one_encoding!(bytes, SignedDelegation::decode(bytes), signed => signed.encode()),
        1 => one_encoding!(bytes, SignedRoster::decode(bytes), signed => {
            let encoded = signed.encode();
            if let Ok(roster) = signed.verify(NAME) {
                assert!(roster.device(roster.signer()).is_some());
                assert!(roster.counting(u64::MAX).count() <= roster.managers().len());
            }
            encoded
        }),
        2 => one_encoding!(bytes, Pinned::decode(bytes), pinned => pinned.encode()),
        3 => one_encoding!(bytes, LinkCode::decode(bytes), code => code.encode()),
        4 => {
            if let Ok(text) = core::str::from_utf8(bytes)
                && let Ok(code) = LinkCode::from_text(text)
            {
                assert_eq!(*code.to_text(), text.trim());
            }
        }
        5 => one_encoding!(bytes, LinkBundle::decode(bytes), bundle => bundle.encode()),
        6 => {
            if let Ok(text) = core::str::from_utf8(bytes)
                && let Ok(secret) = RecoverySecret::from_words(text)
            {
                let words = secret.to_words();
                let same = words
                    .split(' ')
                    .eq(text.to_ascii_lowercase().split_whitespace());
                assert!(same, "the words have a second meaning");
            }
        }
        7 => thief(bytes),
        8 => groups::state(bytes),
        9 => groups::entry(bytes),
        10 => groups::chain(bytes),
        11 => groups::log(bytes),
        _ => groups::admin(bytes),
    }
}

/// What a thief of the phone's key writes into its rosters. The account's key makes the delegations
/// of later epochs, whose only manager is the phone again.
struct Written {
    epoch: u32,
    version: u32,
    /// Ids and seeds of the devices.
    devices: BTreeMap<u32, u8>,
    at_ms: u64,
}

impl Written {
    /// A signed roster, whatever it says.
    fn encode(&self) -> Vec<u8> {
        let phone = Device::new(1);
        let mut roster = vec![1, u8::try_from(NAME.len()).unwrap()];
        roster.extend(NAME.bytes());
        roster.extend(KEY.public().to_bytes());
        roster.extend(self.epoch.to_be_bytes());
        roster.extend(self.version.to_be_bytes());
        roster.extend([7; 32]);
        roster.extend(self.at_ms.to_be_bytes());
        let signer = self.devices.iter().find(|(_, seed)| **seed == 1);
        roster.extend(signer.map_or(0, |(id, _)| *id).to_be_bytes());
        roster.push(u8::try_from(self.devices.len()).unwrap());
        for (id, seed) in &self.devices {
            let entry = Device::new(*seed).entry(*id);
            roster.extend(id.to_be_bytes());
            roster.extend(entry.identity);
            roster.push(0);
            roster.extend(1_u32.to_be_bytes());
            roster.extend(entry.proof);
        }
        let mut out = vec![1];
        out.extend(u16::try_from(roster.len()).unwrap().to_be_bytes());
        out.extend(&roster);
        out.extend(phone.sign(&roster));
        let delegation = KEY.delegate(NAME, self.epoch, &[phone.identity()]);
        let delegation = delegation.unwrap().encode();
        let (delegation, signature) = delegation.split_last_chunk::<64>().unwrap();
        out.extend(u16::try_from(delegation.len()).unwrap().to_be_bytes());
        out.extend(delegation);
        out.extend(signature);
        out
    }

    /// Changes what is written, as three bytes say.
    fn step(&mut self, [action, a, b]: [u8; 3]) {
        let last = self.devices.keys().next_back().copied().unwrap_or(0);
        let nth = usize::from(a) % self.devices.len().max(1);
        let nth = self.devices.keys().nth(nth).copied();
        match action % 8 {
            0 => drop(
                self.devices
                    .insert(last.saturating_add(1 + u32::from(b)), a),
            ),
            1 => drop(self.devices.insert(u32::from(b), a)),
            2 => drop(nth.and_then(|id| self.devices.remove(&id))),
            3 => {
                if let Some(id) = nth {
                    self.devices.insert(id, b);
                }
            }
            4 => self.version = self.version.saturating_add(u32::from(a) * u32::from(b)),
            5 => self.version = self.version.saturating_sub(u32::from(a)).max(1),
            6 => {
                self.epoch = (self.epoch + u32::from(a % 3))
                    .saturating_sub(u32::from(b % 2))
                    .max(1);
                self.version = 1;
            }
            _ => self.at_ms = self.at_ms.wrapping_add(u64::from(a) << (b % 64)),
        }
        self.version = self.version.saturating_add(1);
    }
}

/// A peer takes what a thief signs, step by step.
fn thief(script: &[u8]) {
    let mut pinned = Pinned::first(first().verify(NAME).unwrap());
    let mut written = Written {
        epoch: 1,
        version: 1,
        devices: BTreeMap::from([(1, 1)]),
        at_ms: NOW_MS,
    };
    // Which device an id stood for, and whether it was removed, in the epoch of the pinned roster.
    let mut seen = BTreeMap::from([(1, (Device::new(1).identity(), false))]);
    for step in script.as_chunks::<3>().0.iter().take(24) {
        written.step(*step);
        if !(1..=8).contains(&written.devices.len()) {
            written.devices = BTreeMap::from([(1, 1)]);
        }
        // A roster without its signer, or with one identity twice, is refused before.
        let signed = SignedRoster::decode(&written.encode());
        let Ok(roster) = signed.and_then(|signed| signed.verify(NAME)) else {
            continue;
        };
        let (before, known) = (pinned.encode(), pinned.roster().stamp());
        if !matches!(pinned.take(roster.clone()), Ok(Change::Newer { .. })) {
            assert_eq!(
                pinned.encode(),
                before,
                "a refused or older roster changed the state"
            );
            continue;
        }
        assert!(roster.stamp() > known && pinned.roster() == &roster);
        if roster.epoch() > known.epoch {
            seen.clear();
        }
        for device in roster.devices() {
            let was = seen.insert(device.id, (device.identity, false));
            let fits = was.is_none_or(|was| was == (device.identity, false));
            assert!(fits, "an id came back, or stands for another device");
        }
        for (id, (_, removed)) in &mut seen {
            *removed = roster.device(*id).is_none();
        }
        let largest = seen.keys().next_back().copied();
        assert_eq!(pinned.next_id(), largest.and_then(|id| id.checked_add(1)));
        assert_eq!(Pinned::decode(&pinned.encode()).unwrap(), pinned);
    }
    recover(pinned);
}

/// The account's owner names another manager. Whatever the thief signed, the peer takes it.
fn recover(mut pinned: Pinned) {
    let tablet = Device::new(0xee);
    let known = pinned.roster().clone();
    let delegation = KEY.delegate(NAME, known.epoch() + 1, &[tablet.identity()]);
    let id = (1..).find(|id| known.device(*id).is_none()).unwrap();
    let mut draft = known.next_epoch(delegation.unwrap(), NOW_MS, id).unwrap();
    for device in known.devices() {
        draft.remove(device.id).unwrap();
    }
    draft.add(tablet.entry(id)).unwrap();
    let signature = tablet.sign(&draft.to_sign());
    let recovered = draft.sign(signature).verify(NAME).unwrap();
    let change = pinned.take(recovered).unwrap();
    assert!(matches!(change, Change::Newer { .. }));
}
