//! A relay whose database comes from a backup.

use std::error::Error;
use std::time::Duration;

use crate::keeping::went_back;
use crate::state::Relay;
use crate::store::{processes, proven, restored};

impl Relay {
    /// Refuses a database that went back in time since this relay ran, unless the operator says
    /// that it is [restored](Self::restored), and the others must say nothing for so long. Call
    /// this before anything is removed: what the database lacks is not lost yet.
    pub async fn check_database(&self, restored: Option<Duration>) -> Result<(), Box<dyn Error>> {
        if let Some(silence) = restored {
            return self.restored(silence).await;
        }
        let past = self.process.recorded.past();
        let went_back = self.store.run(move |db| went_back(db, &past, true));
        match went_back.await.map_err(|_| "the database failed")? {
            true => Err(self.process.go_back().into()),
            false => Ok(()),
        }
    }

    /// Tells all devices that messages since the backup may be lost, and goes on with numbers that
    /// were not given since, as the operator asked. The other relays must say nothing for
    /// `silence`, and are taken out: those that still exist enter again. May be repeated. Call this
    /// before the relay takes requests.
    pub async fn restored(&self, silence: Duration) -> Result<(), Box<dyn Error>> {
        let failed = |_| "the database failed";
        let before = self.peers().await?;
        if self.process.me.is_shared {
            tokio::time::sleep(silence).await;
        }
        let others = self.peers().await?;
        if others.others != before.others {
            let why = "another relay of the database runs: stop all others first";
            return Err(why.into());
        }
        let from_ms = self.store.run(restored::complete_until).await;
        let from_ms = from_ms.map_err(failed)?;
        let between = (from_ms, self.now().as_millis().max(from_ms));
        let skipped = self.store.run(restored::skip_rows).await;
        skipped.map_err(failed)?;
        let mut after = Some(0);
        while let Some(last) = after {
            let next = self.store.run(move |db| restored::tell(db, last, between));
            after = next.await.map_err(failed)?;
        }
        let number = self.process.me.number;
        let forgotten = self.store.run(move |db| {
            processes::forget_others(db, number)?;
            // Relays that know a later time of the line before begin anew.
            proven::begin_line(db)?;
            proven::mark(db)
        });
        if let Some(mark) = forgotten.await.map_err(failed)? {
            self.process.recorded.record(mark);
        }
        if !others.others.is_empty() {
            let names = others.names().join(", ");
            tracing::warn!(
                names,
                "these relays are taken out until they start again. Destroy root.key of those that \
                 do not, and every copy of it"
            );
        }
        tracing::warn!(
            from_ms,
            to_ms = between.1,
            "the database is from a backup: devices are told that messages may be lost"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests;
