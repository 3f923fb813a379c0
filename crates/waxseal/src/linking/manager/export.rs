//! Export and import of an [`Offer`], so that a link survives a crash of the manager.

use waxseal_core::{IdentityKey, SessionSet};
use waxseal_reporting::AccountId;
use waxseal_roster::{AccountKey, LinkBundle};
use zeroize::Zeroizing;

use super::{Offer, Stage};
use crate::linking::LinkDigits;
use crate::records::{self, DigitsRecord, OfferRecord};

impl Offer {
    /// Exports the offer as secret bytes for this device's storage. They are wiped on drop.
    #[must_use]
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let (sessions, digits) = match &self.stage {
            Stage::Offered(sessions) => (sessions.export().to_vec(), None),
            Stage::Shown(sessions, digits) => (sessions.export().to_vec(), Some(digits)),
            Stage::Over => (Vec::new(), None),
        };
        records::encode(&OfferRecord {
            secret: self.secret.to_vec(),
            made_at_ms: self.made_at_ms,
            account: self.account.as_str().to_owned(),
            account_key: self.account_key.to_bytes().to_vec(),
            device: self.device,
            identity: self.identity.to_bytes().to_vec(),
            bundle: self.bundle.encode(),
            message: self.message.clone(),
            sessions,
            digits: digits.map(|digits| DigitsRecord {
                first: digits.first().into(),
                last: digits.last().into(),
            }),
        })
    }

    /// Reads what [`Offer::export`] wrote. `None` for any other bytes.
    #[must_use]
    pub fn import(bytes: &[u8]) -> Option<Self> {
        let record: OfferRecord = records::decode(bytes)?;
        let stage = match (record.sessions.as_slice(), &record.digits) {
            ([], _) => Stage::Over,
            (bytes, digits) => {
                let sessions = Box::new(SessionSet::import(bytes).ok()?);
                match digits {
                    None => Stage::Offered(sessions),
                    Some(digits) => {
                        let first = digits.first.try_into().ok()?;
                        let last = digits.last.try_into().ok()?;
                        Stage::Shown(sessions, LinkDigits::new(first, last)?)
                    }
                }
            }
        };
        let secret = record.secret.as_slice().try_into().ok()?;
        let account_key = record.account_key.as_slice().try_into().ok()?;
        Some(Self {
            secret: Zeroizing::new(secret),
            made_at_ms: record.made_at_ms,
            account: AccountId::new(&record.account).ok()?,
            account_key: AccountKey::from_bytes(account_key).ok()?,
            device: record.device,
            identity: IdentityKey::from_bytes(&record.identity).ok()?,
            bundle: LinkBundle::decode(&record.bundle).ok()?,
            message: record.message.clone(),
            stage,
        })
    }
}
