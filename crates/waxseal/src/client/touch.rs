//! Touch: a device that only receives from another device of its account sends something after a
//! while, so that the sessions recover if one of the two was copied.
//!
//! Devices of peers need none: in an accepted conversation each device answers with receipts.

use waxseal_reporting::Timestamp;

use super::times::since;
use super::upkeep::Upkeep;
use super::{Client, keys};
use crate::error::StateError;
use crate::store::{Store, Transaction};

/// How long a device only receives from another one of its account: seven days.
const TOUCH_MS: u64 = 7 * 24 * 3_600_000;

impl<S: Store> Client<S> {
    /// Tells the own devices the own roster, if one of them wrote seven days ago and this device
    /// sealed nothing for it since.
    pub(super) fn touch_own_devices(
        &mut self,
        now: Timestamp,
        upkeep: &mut Upkeep,
    ) -> Result<(), StateError<S::Error>> {
        let me = self.me.account.clone();
        let unanswered = self.look_at_peer(&me, |own| {
            let roster = own.roster()?;
            let devices = own.devices.iter();
            let listed = devices.filter(|(id, _)| roster.device(id.0).is_some());
            let waiting = listed.filter(|(_, device)| device.can_send());
            let times = waiting.map(|(_, device)| device.record.unanswered_ms);
            times.filter(|at_ms| *at_ms != 0).min()
        });
        let unanswered_ms = match unanswered {
            Err(StateError::Damaged(_)) => None,
            unanswered => unanswered?.flatten(),
        };
        let Some(unanswered_ms) = unanswered_ms else {
            return Ok(());
        };
        if since(unanswered_ms, now).is_none_or(|age| age < TOUCH_MS) {
            upkeep.again_at(unanswered_ms.saturating_add(TOUCH_MS));
            return Ok(());
        }
        let mut record = self.upkeep_or_new(&me)?;
        (record.tells_roster, record.told_ms) = (true, 0);
        let mut transaction = Transaction::default();
        transaction.put_record(keys::upkeep(&me), &record);
        self.commit(transaction)
    }
}
