//! Waits until everything arrived, and tells what does not.

use waxseal::Outgoing;

use crate::Result;
use crate::relay::{RESEND_MS, World};
use crate::support::linking::time;

/// Time after which everything must have arrived on a calm network.
const SETTLE_MS: u64 = 4 * 3_600_000;

impl World {
    /// Runs on a calm network until nothing waits any more.
    pub fn settle(&mut self) -> Result<()> {
        self.network.is_calm = true;
        let until = self.network.now_ms() + SETTLE_MS;
        let mut waits = Some(String::new());
        while waits.is_some() && self.network.now_ms() < until {
            self.run(RESEND_MS)?;
            waits = self.waits()?;
        }
        if let Some(what) = waits {
            self.wrong(format!("after four hours without faults, {what}"));
        }
        self.network.is_calm = false;
        Ok(())
    }

    /// What still waits, if anything does.
    fn waits(&self) -> Result<Option<String>> {
        let now = time(self.network.now_ms());
        for (number, device) in self.people.devices.iter().enumerate() {
            if device.is_removed {
                continue;
            }
            let is_shown = |id| device.shown.contains_key(id);
            let what = if device.upkeep_ms.is_some_and(|at| at <= now.as_millis()) {
                "upkeep"
            } else if !device.expected.iter().all(is_shown) {
                "a message"
            } else if device
                .client
                .outbox(None, usize::MAX, now)?
                .items
                .iter()
                .any(|out| !self.is_refused(out))
            {
                "a receipt"
            } else {
                continue;
            };
            return Ok(Some(format!("device {number} waits for {what}")));
        }
        let queued = self.queue.keys().next();
        Ok(queued.map(|(to, _)| format!("the relay keeps something for device {to}")))
    }

    /// Whether the relay refuses this for good: it was sealed again for a device that was removed.
    /// A courier takes it out of the outbox then.
    fn is_refused(&self, outgoing: &Outgoing) -> bool {
        let target = outgoing.again_for.as_ref();
        let target = target.and_then(|target| self.people.find(target));
        target.is_some_and(|target| self.people.devices[target].is_removed)
    }

    /// Expects a message no more on the devices that could not open it, if its author was removed
    /// before it could seal the message again.
    pub fn give_up(&mut self, author: usize) {
        if !self.people.devices[author].is_removed {
            return;
        }
        for (to, by, id) in &self.unopened {
            let device = &mut self.people.devices[*to];
            if *by == author && !device.shown.contains_key(id) && device.expected.remove(id) {
                self.outcome.given_up += 1;
            }
        }
    }
}
