//! Devices and accounts for tests. A device signs as `waxseal-core` does.

use ed25519_dalek::{Signer, SigningKey};

use crate::labels;
use crate::{
    AccountKey, AccountKeyPair, DeviceEntry, RecoverySecret, Roster, RosterDraft, SignedRoster,
    proof_context,
};

/// Some time, in milliseconds.
pub(crate) const NOW: u64 = 1_790_000_000_000;

/// A device with its identity.
#[derive(Clone)]
pub(crate) struct Device {
    key: SigningKey,
    dh: [u8; 32],
}

impl Device {
    /// The device whose keys are made from one byte.
    pub(crate) fn new(seed: u8) -> Self {
        Self {
            key: SigningKey::from_bytes(&[seed; 32]),
            dh: [seed; 32],
        }
    }

    pub(crate) fn identity(&self) -> [u8; 64] {
        let key = self.key.verifying_key().to_bytes();
        [key, self.dh].concat().try_into().unwrap()
    }

    /// `IdentityKeyPair::prove_device`
    pub(crate) fn prove(&self, context: &[u8]) -> [u8; 64] {
        self.sign_with(labels::DEVICE_PROOF, context)
    }

    /// `IdentityKeyPair::sign_roster`
    pub(crate) fn sign(&self, roster: &[u8]) -> [u8; 64] {
        self.sign_with(labels::ROSTER, roster)
    }

    pub(crate) fn sign_with(&self, label: &[u8], message: &[u8]) -> [u8; 64] {
        self.key.sign(&[label, message].concat()).to_bytes()
    }

    /// The device agrees to be in an account.
    pub(crate) fn entry(&self, account: &str, key: &AccountKey, id: u32) -> DeviceEntry {
        let proof = self.prove(&proof_context(account, key, id));
        DeviceEntry::new(id, self.identity(), proof)
    }

    /// Signs a draft and verifies it.
    pub(crate) fn finish(&self, draft: RosterDraft, account: &str) -> Roster {
        self.signed(draft).verify(account).unwrap()
    }

    pub(crate) fn signed(&self, draft: RosterDraft) -> SignedRoster {
        let signature = self.sign(&draft.to_sign());
        draft.sign(signature)
    }
}

/// Key pair of an account, made from one byte.
pub(crate) fn account_key(seed: u8) -> AccountKeyPair {
    RecoverySecret::from_bytes(&[seed; 32]).key_pair()
}

/// Bob's account, whose managers are his phone and his tablet.
pub(crate) struct Bob {
    pub(crate) key: AccountKeyPair,
    pub(crate) phone: Device,
    pub(crate) tablet: Device,
    pub(crate) laptop: Device,
}

pub(crate) const BOB: &str = "bob";

impl Bob {
    pub(crate) fn new() -> Self {
        Self {
            key: account_key(0xb0),
            phone: Device::new(1),
            tablet: Device::new(2),
            laptop: Device::new(3),
        }
    }

    pub(crate) fn managers(&self) -> [[u8; 64]; 2] {
        [self.phone.identity(), self.tablet.identity()]
    }

    pub(crate) fn entry(&self, device: &Device, id: u32) -> DeviceEntry {
        device.entry(BOB, &self.key.public(), id)
    }

    /// Version 1: the phone, with id 1.
    pub(crate) fn first(&self) -> Roster {
        self.phone.finish(self.first_draft(), BOB)
    }

    pub(crate) fn first_draft(&self) -> RosterDraft {
        let delegation = self.key.delegate(BOB, 1, &self.managers()).unwrap();
        RosterDraft::first(BOB, delegation, self.entry(&self.phone, 1), NOW).unwrap()
    }

    /// Version 2: phone, tablet and laptop, with ids 1 to 3.
    pub(crate) fn three(&self) -> Roster {
        let mut draft = self.first().next(NOW + 1, 1).unwrap();
        draft.add(self.entry(&self.tablet, 2)).unwrap();
        draft.add(self.entry(&self.laptop, 3)).unwrap();
        self.phone.finish(draft, BOB)
    }

    /// The next version, signed by the phone after a change.
    pub(crate) fn next(&self, roster: &Roster, change: impl FnOnce(&mut RosterDraft)) -> Roster {
        let mut draft = roster.next(roster.at_ms() + 1, 1).unwrap();
        change(&mut draft);
        self.phone.finish(draft, BOB)
    }
}

/// The only passing way from bytes to a roster.
pub(crate) fn read(bytes: &[u8]) -> Result<Roster, crate::RosterError> {
    SignedRoster::decode(bytes)?.verify(BOB)
}
