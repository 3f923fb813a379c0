//! A relay whose database comes from a backup.

use std::error::Error;

use crate::state::Relay;
use crate::store::restored;

impl Relay {
    /// Tells all devices that messages since the backup may be lost, and goes on with numbers that
    /// were not given since, as the operator asked. May be repeated. Call this before the relay
    /// takes requests.
    pub async fn restored(&self) -> Result<(), Box<dyn Error>> {
        let failed = |_| "the database failed";
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
