//! Touch: a device that only receives from another device of its account sends something after a
//! while, so that the sessions recover if one of the two was copied.
//!
//! Devices of peers need no touch: in an accepted conversation each device answers with receipts.

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
        let time = self.roster_time(now)?;
        let unanswered = self.look_at_peer(&me, |own| {
            let counting: Vec<_> = time.counting(own.roster()?).map(|entry| entry.id).collect();
            let devices = own.devices.iter();
            let counted = devices.filter(|(id, _)| counting.contains(&id.0));
            let waiting = counted.filter(|(_, device)| device.can_send());
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
        let mut transaction = Transaction::default();
        self.put_roster_to_tell(&mut transaction)?;
        self.commit(transaction)
    }

    /// Notes that the own devices are to be told the own roster, without a pause.
    pub(super) fn put_roster_to_tell(
        &self,
        transaction: &mut Transaction,
    ) -> Result<(), StateError<S::Error>> {
        let me = &self.me.account;
        let mut record = self.upkeep_or_new(me)?;
        (record.tells_roster, record.told_ms) = (true, 0);
        transaction.put_record(keys::upkeep(me), &record);
        Ok(())
    }
}
