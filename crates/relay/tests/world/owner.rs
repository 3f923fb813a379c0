//! The owner of an account: makes its account key, and signs its rosters with the identities of its
//! devices, as `waxseal-core` does.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use ed25519_dalek::{Signer, SigningKey};
use waxseal_roster::{AccountKeyPair, DeviceEntry, Roster, RosterDraft, proof_context};

pub struct Owner {
    pub name: String,
    pub key: AccountKeyPair,
}

/// The Ed25519 key, followed by 32 bytes that the relay does not use.
pub fn identity_of(key: &SigningKey) -> [u8; 64] {
    let mut bytes = [9; 64];
    bytes[..32].copy_from_slice(key.verifying_key().as_bytes());
    bytes
}

fn sign(key: &SigningKey, label: &[u8], message: &[u8]) -> [u8; 64] {
    key.sign(&[label, message].concat()).to_bytes()
}

impl Owner {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: AccountKeyPair::generate(&mut rand::rng()),
        }
    }

    /// A device that agrees to be in the account.
    pub fn entry(&self, id: u32, device: &SigningKey) -> DeviceEntry {
        let context = proof_context(&self.name, &self.key.public(), id);
        let proof = sign(device, b"waxseal/2/core/device-proof", &context);
        DeviceEntry::new(id, identity_of(device), proof)
    }

    /// The first roster, with one device, which is the manager.
    pub fn first(&self, id: u32, device: &SigningKey, at_ms: u64) -> Roster {
        let managers = [identity_of(device)];
        let delegation = self.key.delegate(&self.name, 1, &managers).unwrap();
        let draft = RosterDraft::first(&self.name, delegation, self.entry(id, device), at_ms);
        self.finish(draft.unwrap(), device)
    }

    /// The next roster of the same epoch, signed by the device `signer`.
    pub fn next(
        &self,
        roster: &Roster,
        (signer, key): (u32, &SigningKey),
        at_ms: u64,
        change: impl FnOnce(&mut RosterDraft),
    ) -> Roster {
        let mut draft = roster.next(at_ms, signer).unwrap();
        change(&mut draft);
        self.finish(draft, key)
    }

    /// The first roster of the next epoch, in which this device is the only manager and, unless
    /// `change` adds or removes some, the only device that is added.
    pub fn recovered(
        &self,
        roster: &Roster,
        (signer, key): (u32, &SigningKey),
        at_ms: u64,
        change: impl FnOnce(&mut RosterDraft),
    ) -> Roster {
        let managers = [identity_of(key)];
        let epoch = roster.epoch() + 1;
        let delegation = self.key.delegate(&self.name, epoch, &managers).unwrap();
        let mut draft = roster.next_epoch(delegation, at_ms, signer).unwrap();
        change(&mut draft);
        self.finish(draft, key)
    }

    pub fn finish(&self, draft: RosterDraft, key: &SigningKey) -> Roster {
        let signature = sign(key, b"waxseal/2/core/roster", &draft.to_sign());
        draft.sign(signature).verify(&self.name).unwrap()
    }
}
