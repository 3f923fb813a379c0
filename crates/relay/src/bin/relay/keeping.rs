//! What a relay does as time passes: it records proven time, destroys stamp keys along it, says so
//! to the other relays of its database, and deletes what nobody can get any more.

use std::error::Error;
use std::time::Duration;

use waxseal_reporting::Timestamp;
use waxseal_reporting::relay::EPOCH_MS;

use crate::blobs::expiry::expire_all;
use crate::desk::expiry as desk_expiry;
use crate::errors::Refusal;
use crate::state::Relay;
use crate::store::processes::{self, Said};
use crate::store::queue::bodies;
use crate::store::{Connection, budgets, proven, queue, removed, slots};
use crate::strangers::expiry;
use crate::time::MAX_BEHIND_MS;

impl Relay {
    /// Takes the clock's time as proven, as the operator asked.
    pub async fn trust_clock(&self) -> Result<(), Box<dyn Error>> {
        let (before, clock_ms) = (self.time.proven(), self.time.reading().wall_ms);
        let now = Timestamp::from_millis(clock_ms);
        if clock_ms.saturating_add(MAX_BEHIND_MS) < before.at_ms || self.keys.begin_after(now) {
            // CHK-709: only a relay that is alone sets proven time back or makes new stamp keys.
            let others = self.others().await?;
            if !others.is_empty() {
                return Err(format!(
                    "the clock is behind proven time, which all relays share. If the clock is \
                     right, stop the relays {}, take them out with --forget-process, and copy \
                     root.key to them before they start again",
                    others.join(", ")
                )
                .into());
            }
        }
        self.time.trust_clock();
        if self.keys.begin_after(now) {
            let anew = self.store.run(proven::begin_anew).await;
            anew.map_err(failed)?;
        }
        self.keys.reach_back_to(now)
    }

    async fn others(&self) -> Result<Vec<String>, &'static str> {
        let number = self.process.me.number;
        let others = self.store.run(move |db| processes::others(db, number));
        others.await.map_err(failed)
    }

    /// Takes out a relay that is gone for good, as the operator asked: its stamp keys are not
    /// waited for. It must say nothing for `silence`.
    pub async fn forget_process(
        &self,
        name: &str,
        silence: Duration,
    ) -> Result<(), Box<dyn Error>> {
        if name == self.process.me.name {
            return Err("--forget-process is for another relay of the database".into());
        }
        let wanted = name.to_owned();
        let seen = self.store.run(move |db| processes::seen(db, &wanted)).await;
        let Some(seen) = seen.map_err(failed)? else {
            let others = self.others().await?.join(", ");
            return Err(format!("there is no relay {name}. The others are: {others}").into());
        };
        tokio::time::sleep(silence).await;
        let forgotten = self.store.run(move |db| processes::forget(db, seen)).await;
        let epoch = forgotten
            .map_err(failed)?
            .ok_or_else(|| format!("the relay {name} runs: stop it first"))?;
        let days_ago = (self.now().as_millis() / EPOCH_MS).saturating_sub(epoch.into());
        tracing::warn!(
            name,
            epoch,
            days_ago,
            "the relay is taken out. Destroy its root.key and every copy of it: its stamp keys \
             reach back to this day, and what they prove counts as destroyed"
        );
        Ok(())
    }

    /// Deletes what nobody can get any more: the content of mailboxes and the blobs whose time is
    /// over, and the queues of removed devices.
    pub async fn clean_up(&self) -> Result<(), Refusal> {
        let now_ms = i64::try_from(self.now().as_millis()).unwrap_or(i64::MAX);
        let expire = move |db: &Connection| slots::expire(db, now_ms);
        while self.store.run(expire).await? {}
        let proven_ms = self.time.proven().at_ms;
        let expire = move |db: &Connection| expiry::expire(db, proven_ms);
        while self.store.run(expire).await? {}
        let at_ms = i64::try_from(proven_ms).unwrap_or(i64::MAX);
        let expire = move |db: &Connection| desk_expiry::expire(db, at_ms);
        while self.store.run(expire).await? {}
        while self.store.run(budgets::sweep).await? {}
        while self.store.run(bodies::sweep).await? {}
        expire_all(&self.store, &self.blobs, now_ms, self.time.proven()).await?;
        removed::delete_all(&self.store).await
    }

    /// Keeps the time, and notes whether it could.
    pub async fn keep_time(&self) -> Result<(), Box<dyn Error>> {
        let only = self.process.moving.lock().await;
        let kept = self.move_time().await;
        drop(only);
        self.counts.keep_time(kept.is_ok());
        kept
    }

    /// Advances proven time. Destroys the stamp keys that are more than thirty days older, and
    /// prepares those of today and tomorrow. Then the relay may stamp.
    ///
    /// The undelivered messages of a destroyed epoch can no longer be reported. They stay until the
    /// next destruction, a day later, and are dropped then.
    async fn move_time(&self) -> Result<(), Box<dyn Error>> {
        let kept_from = self.keys.stamp().oldest_epoch();
        let proven = self.time.advance(kept_from);
        let (is_set_back, me) = (self.time.is_set_back(), self.process.me.clone());
        let record = move |db: &Connection| {
            let is_alone = !me.is_shared || processes::others(db, me.number)?.is_empty();
            let recorded = proven::record(db, &proven, is_set_back && is_alone)?;
            let destroyed = match me.is_shared {
                true => proven::drop_before(db)?,
                false => 0,
            };
            Ok((recorded, destroyed))
        };
        let (recorded, destroyed) = self.store.run(record).await.map_err(failed)?;
        self.time.record(&recorded);

        let oldest = self.time.proven().oldest_epoch().max(destroyed);
        if kept_from < oldest {
            let dropped = self.drop_destroyed(oldest).await;
            self.keys.destroy_before(oldest)?;
            tracing::info!(oldest, dropped, "old epochs destroyed");
        }
        self.keys.advance(self.now()).map_err(|error| {
            format!("{error}: set the clock or, if it is right, start the relay with --trust-clock")
        })?;
        self.confirm().await
    }

    /// Drops the messages whose keys are destroyed long since. Returns how many there were. What is
    /// left after a failure is dropped a day later.
    async fn drop_destroyed(&self, oldest: u32) -> usize {
        let mut all = 0;
        while let Ok((dropped, true)) = queue::drop_destroyed(&self.store, oldest)
            .await
            .inspect(|(dropped, _)| all += dropped)
        {
            tracing::debug!(dropped, "messages of destroyed epochs");
            // There may be very many. Meanwhile this relay is there, and its keys are those of
            // before.
            if self.process.has_entered() && self.confirm().await.is_err() {
                break;
            }
        }
        all
    }

    /// Says that this relay is there. If others have proven more time, destroys first what they
    /// destroy.
    pub async fn beat(&self) -> Result<(), Box<dyn Error>> {
        let recorded = self.store.run(proven::load).await.map_err(failed)?;
        if let Some(recorded) = recorded.filter(|_| !self.time.is_set_back()) {
            self.time.record(&recorded);
        }
        let kept_from = self.keys.stamp().oldest_epoch();
        match kept_from < self.time.proven().oldest_epoch() {
            true => self.keep_time().await,
            false => self.confirm().await,
        }
    }

    /// Confirms which stamp keys this relay has destroyed.
    async fn confirm(&self) -> Result<(), Box<dyn Error>> {
        let (at, proven) = (self.time.reading(), self.time.proven());
        let said = Said {
            seen_ms: self.now().as_millis(),
            destroyed_before: self.keys.stamp().oldest_epoch(),
            steady_ms: proven.steady_ms,
            clock_ms: proven.clock_ms,
        };
        let (me, has_entered) = (self.process.me.clone(), self.process.has_entered());
        let confirmed = self.store.run(move |db| match has_entered {
            true => processes::confirm(db, &me, &said),
            false => processes::enter(db, &me, &said),
        });
        let confirmed = confirmed.await.map_err(failed)?;
        self.process.note(&confirmed, at)?;
        self.limits.divide(self.process.alive(at));
        Ok(())
    }
}

fn failed(_: Refusal) -> &'static str {
    "the database failed"
}

#[cfg(test)]
mod tests;
