//! Signed rosters with any fields, all signatures of which are genuine unless a test spoils them.

use ed25519_dalek::{Signer, SigningKey};

use super::support::{BOB, Bob, Device, NOW};
use crate::labels;

/// A device as it is written.
#[derive(Clone)]
pub(crate) struct RawDevice {
    pub(crate) id: u32,
    pub(crate) identity: [u8; 64],
    pub(crate) flags: u8,
    pub(crate) since: u32,
    pub(crate) proof: [u8; 64],
}

impl RawDevice {
    /// A device of Bob that agreed.
    pub(crate) fn of_bob(device: &Device, id: u32) -> Self {
        let entry = Bob::new().entry(device, id);
        Self {
            id,
            identity: entry.identity,
            flags: 0,
            since: 1,
            proof: entry.proof,
        }
    }
}

/// A delegation as it is written.
#[derive(Clone)]
pub(crate) struct RawDelegation {
    pub(crate) version: u8,
    pub(crate) account: Vec<u8>,
    pub(crate) key: [u8; 32],
    pub(crate) epoch: u32,
    pub(crate) managers: Vec<[u8; 64]>,
    /// Written after the last manager.
    pub(crate) tail: Vec<u8>,
    /// Seed of the key that signs.
    pub(crate) signed_by: [u8; 32],
}

impl RawDelegation {
    pub(crate) fn of_bob() -> Self {
        let bob = Bob::new();
        let mut managers = bob.managers().to_vec();
        managers.sort_unstable();
        Self {
            version: 1,
            account: BOB.into(),
            key: bob.key.public().to_bytes(),
            epoch: 1,
            managers,
            tail: Vec::new(),
            signed_by: *bob.key.secret().to_bytes(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![self.version, u8::try_from(self.account.len()).unwrap()];
        out.extend(&self.account);
        out.extend(self.key);
        out.extend(self.epoch.to_be_bytes());
        out.push(u8::try_from(self.managers.len()).unwrap());
        out.extend(self.managers.concat());
        out.extend(&self.tail);
        out
    }

    /// The delegation, then its signature.
    pub(crate) fn signed(&self) -> (Vec<u8>, [u8; 64]) {
        let bytes = self.bytes();
        let key = SigningKey::from_bytes(&self.signed_by);
        let signature = key.sign(&[labels::DELEGATION, &bytes].concat()).to_bytes();
        (bytes, signature)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let (bytes, signature) = self.signed();
        [&*bytes, &signature].concat()
    }
}

/// A signed roster as it is written.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) outer_version: u8,
    pub(crate) version_byte: u8,
    pub(crate) account: Vec<u8>,
    pub(crate) key: [u8; 32],
    pub(crate) epoch: u32,
    pub(crate) version: u32,
    pub(crate) previous: [u8; 32],
    pub(crate) at_ms: u64,
    pub(crate) signer: u32,
    pub(crate) devices: Vec<RawDevice>,
    /// Written after the last device.
    pub(crate) tail: Vec<u8>,
    pub(crate) delegation: RawDelegation,
    /// The device that signs.
    pub(crate) signed_by: Device,
}

impl Raw {
    /// Bob's roster of phone, tablet and laptop, signed by the phone.
    pub(crate) fn of_bob() -> Self {
        let bob = Bob::new();
        let devices = [(&bob.phone, 1), (&bob.tablet, 2), (&bob.laptop, 3)];
        Self {
            outer_version: 1,
            version_byte: 1,
            account: BOB.into(),
            key: bob.key.public().to_bytes(),
            epoch: 1,
            version: 2,
            previous: bob.first().hash(),
            at_ms: NOW + 1,
            signer: 1,
            devices: devices
                .map(|(device, id)| RawDevice::of_bob(device, id))
                .to_vec(),
            tail: Vec::new(),
            delegation: RawDelegation::of_bob(),
            signed_by: bob.phone,
        }
    }

    /// The signed bytes of the roster.
    pub(crate) fn roster(&self) -> Vec<u8> {
        let mut out = vec![self.version_byte, u8::try_from(self.account.len()).unwrap()];
        out.extend(&self.account);
        out.extend(self.key);
        out.extend(self.epoch.to_be_bytes());
        out.extend(self.version.to_be_bytes());
        out.extend(self.previous);
        out.extend(self.at_ms.to_be_bytes());
        out.extend(self.signer.to_be_bytes());
        out.push(u8::try_from(self.devices.len()).unwrap());
        for device in &self.devices {
            out.extend(device.id.to_be_bytes());
            out.extend(device.identity);
            out.push(device.flags);
            out.extend(device.since.to_be_bytes());
            out.extend(device.proof);
        }
        out.extend(&self.tail);
        out
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let roster = self.roster();
        let signature = self.signed_by.sign(&roster);
        let (delegation, delegation_signature) = self.delegation.signed();
        let len = |part: &[u8]| u16::try_from(part.len()).unwrap().to_be_bytes();
        let mut out = vec![self.outer_version];
        out.extend(len(&roster));
        out.extend(&roster);
        out.extend(signature);
        out.extend(len(&delegation));
        out.extend(&delegation);
        out.extend(delegation_signature);
        out
    }

    /// Bob's roster after a change, signed anew.
    pub(crate) fn changed(change: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut raw = Self::of_bob();
        change(&mut raw);
        raw.encode()
    }
}
