//! Signed rosters as they travel: read and bounded, but not verified.

use core::fmt;

use crate::account::AccountName;
use crate::account_key::AccountKey;
use crate::codec::{Reader, put_medium, put_short};
use crate::delegation::{SignedDelegation, VERSION, header, version};
use crate::device::{DEVICE_LEN, DeviceEntry, signing_half};
use crate::error::RosterError;
use crate::limits::{MAX_DEVICES, MAX_SIGNED_ROSTER_LEN};

#[cfg(test)]
mod tests;

/// A roster with its signature and delegation, as devices and relays exchange it. Unverified.
///
/// [`verify`](Self::verify) turns it into a [`Roster`](crate::Roster).
///
/// ```text
/// roster        = 01 || len u8 || account || account key 32 || epoch be32 || version be32
///                 || previous 32 || at be64 (ms) || signer be32
///                 || count u8 (1 to 8) || count x device 137, ids ascending
/// signed roster = 01 || len be16 || roster || signature 64
///                 || len be16 || delegation || signature 64
/// ```
///
/// # Size
/// 500 bytes for one device, one manager and a name of 12 bytes; 137 for each further device. At
/// most [`MAX_SIGNED_ROSTER_LEN`].
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRoster {
    pub(crate) body: Body,
    pub(crate) signature: [u8; 64],
    pub(crate) delegation: SignedDelegation,
}

impl SignedRoster {
    /// Reads a signed roster. Checks its form, and no signature.
    ///
    /// # Errors
    /// [`RosterError`] if the bytes do not have the form of a signed roster.
    pub fn decode(bytes: &[u8]) -> Result<Self, RosterError> {
        // CHK-260: longer bytes than a signed roster can have are refused unread.
        if bytes.len() > MAX_SIGNED_ROSTER_LEN {
            return Err(RosterError::TooLong);
        }
        // CHK-261: the version comes first and must be known.
        version(bytes)?;
        let mut reader = Reader::new(bytes);
        let fields = |reader: &mut Reader<'_>| {
            reader.u8()?;
            let roster = reader.medium()?.to_vec();
            let signature = reader.array()?;
            Some((
                roster,
                signature,
                reader.medium()?.to_vec(),
                reader.array()?,
            ))
        };
        let (roster, signature, delegation, delegation_signature) =
            fields(&mut reader).ok_or(RosterError::Malformed)?;
        // CHK-262: whole, without further bytes.
        reader.finish().ok_or(RosterError::Malformed)?;
        Ok(Self {
            body: Body::parse(roster)?,
            signature,
            delegation: SignedDelegation::parse(&delegation, delegation_signature)?,
        })
    }

    /// Name of the account that the roster says it is of. Unverified.
    #[must_use]
    pub fn account(&self) -> &str {
        self.body.account.as_str()
    }

    /// The bytes that [`decode`](Self::decode) reads.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_medium(&mut out, &self.body.bytes);
        out.extend_from_slice(&self.signature);
        put_medium(&mut out, self.delegation.bytes());
        out.extend_from_slice(self.delegation.signature());
        out
    }
}

impl fmt::Debug for SignedRoster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRoster")
            .field("epoch", &self.body.epoch)
            .field("version", &self.body.version)
            .field("devices", &self.body.devices)
            .finish_non_exhaustive()
    }
}

/// A roster without signatures: the bytes that are signed, and what they say.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) account: AccountName,
    pub(crate) account_key: AccountKey,
    pub(crate) epoch: u32,
    pub(crate) version: u32,
    pub(crate) previous: [u8; 32],
    pub(crate) at_ms: u64,
    pub(crate) signer: u32,
    pub(crate) devices: Vec<DeviceEntry>,
}

impl Body {
    /// Reads a roster without verifying anything.
    fn parse(bytes: Vec<u8>) -> Result<Self, RosterError> {
        // CHK-261: the version comes first and must be known.
        version(&bytes)?;
        let (account, mut reader) = header(&bytes)?;
        let mut body = Self {
            bytes: Vec::new(),
            account,
            account_key: AccountKey::of_unchecked(reader.array().ok_or(RosterError::Malformed)?),
            epoch: reader.u32().ok_or(RosterError::Malformed)?,
            version: reader.u32().ok_or(RosterError::Malformed)?,
            previous: reader.array().ok_or(RosterError::Malformed)?,
            at_ms: reader.u64().ok_or(RosterError::Malformed)?,
            signer: reader.u32().ok_or(RosterError::Malformed)?,
            devices: Vec::new(),
        };
        let count = usize::from(reader.u8().ok_or(RosterError::Malformed)?);
        // CHK-265: 1 to 8 devices with ascending ids, and no identity twice.
        if count == 0 || count > MAX_DEVICES {
            return Err(RosterError::Devices);
        }
        body.devices.reserve_exact(count);
        for _ in 0..count {
            let device = DeviceEntry::read(&mut reader).ok_or(RosterError::Malformed)?;
            if body.devices.last().is_some_and(|last| last.id >= device.id)
                || body.has_identity(&device.identity)
            {
                return Err(RosterError::Devices);
            }
            body.devices.push(device);
        }
        // CHK-262: whole, without further bytes, and epochs and versions start at 1.
        reader.finish().ok_or(RosterError::Malformed)?;
        if body.epoch == 0 || body.version == 0 {
            return Err(RosterError::Malformed);
        }
        // CHK-266: each device is listed since a version from 1 to this one.
        if !body
            .devices
            .iter()
            .all(|device| (1..=body.version).contains(&device.since))
        {
            return Err(RosterError::Since);
        }
        body.bytes = bytes;
        Ok(body)
    }

    /// Writes the bytes that a manager signs.
    pub(crate) fn encode(&mut self) {
        let mut out = vec![VERSION];
        put_short(&mut out, self.account.as_bytes());
        out.extend_from_slice(self.account_key.as_bytes());
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.previous);
        out.extend_from_slice(&self.at_ms.to_be_bytes());
        out.extend_from_slice(&self.signer.to_be_bytes());
        // A roster has at most 8 devices.
        out.push(u8::try_from(self.devices.len()).unwrap_or(u8::MAX));
        out.reserve_exact(self.devices.len().saturating_mul(DEVICE_LEN));
        for device in &self.devices {
            device.put(&mut out);
        }
        self.bytes = out;
    }

    pub(crate) fn device(&self, id: u32) -> Option<&DeviceEntry> {
        self.devices.iter().find(|device| device.id == id)
    }

    /// Whether a device has the Ed25519 key of this identity.
    pub(crate) fn has_identity(&self, identity: &[u8; 64]) -> bool {
        let key = signing_half(identity);
        let mut keys = self
            .devices
            .iter()
            .map(|device| signing_half(&device.identity));
        keys.any(|other| other == key)
    }
}
