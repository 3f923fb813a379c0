//! Export and import of a [`NewDevice`], so that a link survives a crash of the new device.

use waxseal_core::{IdentityKeyPair, PreKeys, SessionSet};
use waxseal_roster::SignedRoster;
use zeroize::Zeroizing;

use super::{NewDevice, Stage};
use crate::linking::messages::OfferContent;
use crate::records::{self, NewDeviceRecord};

const WAITING: u32 = 1;
const OFFERED: u32 = 2;
const ANSWERED: u32 = 3;
const WELCOME: u32 = 4;
const OVER: u32 = 5;

impl NewDevice {
    /// Exports the device as secret bytes for its storage. They are wiped on drop.
    #[must_use]
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let mut record = NewDeviceRecord::default();
        record.identity = self.identity.export().to_vec();
        record.secret = self.secret.to_vec();
        record.made_at_ms = self.made_at_ms;
        record.bundle.clone_from(&self.bundle);
        let offer = self.offer().map(OfferContent::encode);
        record.offer = offer.and_then(Result::ok).unwrap_or_default();
        match &self.stage {
            Stage::Waiting { prekeys, opening } => {
                record.step = WAITING;
                record.prekeys = prekeys.export().to_vec();
                record.opening = opening.to_vec();
            }
            Stage::Offered {
                sessions,
                opening,
                reveal,
                ..
            } => {
                record.step = OFFERED;
                record.sessions = sessions.export().to_vec();
                record.opening = opening.to_vec();
                record.message.clone_from(reveal);
            }
            Stage::Answered { answer, .. } => {
                record.step = ANSWERED;
                record.message.clone_from(answer);
            }
            Stage::Welcome { roster, .. } => {
                record.step = WELCOME;
                record.roster = roster.signed().encode();
            }
            Stage::Over => record.step = OVER,
        }
        records::encode(&record)
    }

    /// Reads what [`NewDevice::export`] wrote. `None` for any other bytes.
    #[must_use]
    pub fn import(bytes: &[u8]) -> Option<Self> {
        let record: NewDeviceRecord = records::decode(bytes)?;
        let opening = || Some(Zeroizing::new(record.opening.as_slice().try_into().ok()?));
        let offer = || OfferContent::decode(&record.offer).ok();
        let stage = match record.step {
            WAITING => Stage::Waiting {
                prekeys: Box::new(PreKeys::import(&record.prekeys).ok()?),
                opening: opening()?,
            },
            OFFERED => Stage::Offered {
                offer: offer()?,
                sessions: Box::new(SessionSet::import(&record.sessions).ok()?),
                opening: opening()?,
                reveal: record.message.clone(),
            },
            ANSWERED => Stage::Answered {
                offer: offer()?,
                answer: record.message.clone(),
            },
            WELCOME => {
                let offer = offer()?;
                let signed = SignedRoster::decode(&record.roster).ok()?;
                Stage::Welcome {
                    roster: Box::new(signed.verify(offer.account.as_str()).ok()?),
                    offer,
                }
            }
            OVER => Stage::Over,
            _ => return None,
        };
        let secret = record.secret.as_slice().try_into().ok()?;
        Some(Self {
            identity: IdentityKeyPair::import(&record.identity).ok()?,
            secret: Zeroizing::new(secret),
            made_at_ms: record.made_at_ms,
            bundle: record.bundle.clone(),
            stage,
        })
    }
}
