//! What a relay does as time passes: it records proven time, destroys stamp keys along it, says so
//! to the other relays of its database, and deletes what nobody can get any more.

use std::error::Error;
use std::time::Duration;

use waxseal_reporting::Timestamp;
use waxseal_reporting::relay::EPOCH_MS;

use crate::blobs::expiry::expire_all;
use crate::desk::expiry as desk_expiry;
use crate::errors::Refusal;
use crate::process::{Past, compare};
use crate::state::Relay;
use crate::store::processes::{self, Peers, Said};
use crate::store::queue::{bodies, destroyed};
use crate::store::{Connection, budgets, proven, removed, slots};
use crate::strangers::expiry;
use crate::time::{MAX_BEHIND_MS, Others};

impl Relay {
    /// Takes the clock's time as proven, as the operator asked.
    pub async fn trust_clock(&self) -> Result<(), Box<dyn Error>> {
        let (before, clock_ms) = (self.time.proven(), self.time.reading().wall_ms);
        let now = Timestamp::from_millis(clock_ms);
        let peers = self.peers().await?;
        let is_back = clock_ms.saturating_add(MAX_BEHIND_MS) < before.at_ms;
        // CHK-709: only a relay that is alone sets proven time back or makes new stamp keys.
        if (is_back || self.keys.begin_after(now)) && !peers.others.is_empty() {
            return Err(format!(
                "the clock is behind proven time, which all relays share. If the clock is right, \
                 stop the relays {}, take them out with --forget-process, and copy root.key to \
                 them before they start again",
                peers.names().join(", ")
            )
            .into());
        }
        // CHK-710: see `compare`.
        if clock_ms > before.at_ms && matches!(compare(&peers, clock_ms), Others::Differ { .. }) {
            return Err(format!(
                "most clocks of the other relays ({}) and of the database do not agree with this \
                 relay's clock, which would move the time of all: set the clock, or start without \
                 --trust-clock",
                peers.names().join(", ")
            )
            .into());
        }
        self.time.trust_clock();
        if self.keys.begin_after(now) {
            let anew = self.store.run(proven::begin_anew).await;
            anew.map_err(failed)?;
        }
        self.keys.reach_back_to(now)
    }

    /// The other relays of the database.
    pub async fn peers(&self) -> Result<Peers, &'static str> {
        let me = self.process.me.clone();
        if !me.is_shared {
            return Ok(Peers::default());
        }
        let peers = self
            .store
            .run_first(move |db| processes::peers(db, me.number));
        peers.await.map_err(failed)
    }

    /// Takes out a relay that is gone for good, as the operator asked: its stamp keys are not
    /// waited for. It must say nothing for `silence`.
    pub async fn forget_process(
        &self,
        name: &str,
        silence: Duration,
    ) -> Result<(), Box<dyn Error>> {
        let peers = self.peers().await?;
        let others = peers.names().join(", ");
        let mut peers = peers.others.into_iter();
        let Some(other) = peers.find(|other| other.name == name) else {
            return Err(format!("there is no other relay {name}. The others are: {others}").into());
        };
        tokio::time::sleep(silence).await;
        let forgotten = self
            .store
            .run(move |db| processes::forget(db, &other))
            .await;
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
    /// over, the queues of removed devices, and messages of destroyed epochs. Goes on after a
    /// failure, and returns the first one.
    pub async fn clean_up(&self) -> Result<(), Refusal> {
        let proven = self.time.proven();
        let at_ms = i64::try_from(proven.at_ms).unwrap_or(i64::MAX);
        let shared_ms = self.shared_ms();
        let slots = self.sweep(move |db| slots::expire(db, shared_ms)).await;
        let strangers = self.sweep(move |db| expiry::expire(db, proven.at_ms));
        let strangers = strangers.await;
        let notices = self.sweep(move |db| desk_expiry::expire(db, at_ms)).await;
        let bodies = bodies::sweep_all(&self.store).await;
        let budgets = self.sweep_budgets().await;
        let removed = removed::delete_all(&self.store).await;
        let dropped = self.drop_destroyed().await;
        // At the end, because the store of blobs may be slow.
        let blobs = expire_all(self).await;
        let all = slots.and(strangers).and(notices).and(bodies);
        all.and(budgets).and(blobs).and(removed).and(dropped)
    }

    /// Runs a job until it says that there is no more to clean up. One relay at a time does. It
    /// waits for no locks, and sees what others have changed meanwhile.
    async fn sweep(
        &self,
        job: impl Fn(&Connection) -> Result<bool, Refusal> + Clone + Send + 'static,
    ) -> Result<(), Refusal> {
        let alone = move |db: &Connection| Ok(db.sweeps_alone()? && job(db)?);
        while self.store.run(alone.clone()).await? {}
        Ok(())
    }

    async fn sweep_budgets(&self) -> Result<(), Refusal> {
        while self.store.run(budgets::sweep).await? {}
        Ok(())
    }

    /// Drops the messages whose keys are destroyed long since. What is left after a failure is
    /// dropped in the next round.
    async fn drop_destroyed(&self) -> Result<(), Refusal> {
        let before = self.process.dropped_before();
        let dropped = destroyed::drop_all(&self.store, before).await?;
        if dropped > 0 {
            tracing::info!(before, dropped, "messages of destroyed epochs dropped");
        }
        Ok(())
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
    /// next destruction, a day later. Then the relay drops them when it cleans up: there may be
    /// very many, and it waits for none of them.
    async fn move_time(&self) -> Result<(), Box<dyn Error>> {
        self.process.check_went_on()?;
        let kept_from = self.keys.stamp().oldest_epoch();
        let others = compare(&self.peers().await?, self.time.reading().wall_ms);
        let proven = self.time.advance(kept_from, others);
        let (is_set_back, me) = (self.time.is_set_back(), self.process.me.clone());
        let past = self.process.recorded.past();
        // One that runs would also undo what another one set back since it was taken out.
        let may_begin_anew = !self.process.has_entered() || is_set_back;
        let record = move |db: &Connection| {
            if went_back(db, &past, may_begin_anew)? {
                return Ok(None);
            }
            let is_alone = !me.is_shared || processes::peers(db, me.number)?.others.is_empty();
            let recorded = proven::record(db, &proven, is_set_back && is_alone)?;
            let destroyed = proven::drop_before(db)?;
            Ok(Some((recorded, destroyed, proven::mark(db)?)))
        };
        let recorded = self.store.run_first(record).await.map_err(failed)?;
        let (recorded, destroyed, mark) = recorded.ok_or_else(|| self.process.go_back())?;
        if let Some(mark) = mark {
            self.process.recorded.record(mark);
        }
        self.time.record(&recorded);

        let mut oldest = self.time.proven().oldest_epoch();
        if self.process.me.is_shared {
            oldest = oldest.max(destroyed);
        }
        if kept_from < oldest {
            self.keys.destroy_before(oldest)?;
            tracing::info!(oldest, "old epochs destroyed");
            if destroyed < oldest {
                self.process.drop_before(destroyed);
            }
        }
        self.keys.advance(self.now()).map_err(|error| {
            format!("{error}: set the clock or, if it is right, start the relay with --trust-clock")
        })?;
        self.confirm().await
    }

    /// Says that this relay is there. If others have proven more time, destroys first what they
    /// destroy.
    pub async fn beat(&self) -> Result<(), Box<dyn Error>> {
        self.process.check_went_on()?;
        // This relay itself may set proven time back meanwhile, unless it is kept from moving it.
        let still = self.process.moving.try_lock().ok();
        let is_set_back = still.is_none() || self.time.is_set_back();
        let past = self.process.recorded.past(); // before, since it may rise meanwhile
        let may_begin_anew = !self.process.has_entered() || is_set_back;
        let load = move |db: &Connection| {
            let went_back = went_back(db, &past, may_begin_anew)?;
            Ok((proven::load(db)?, went_back))
        };
        let (recorded, went_back) = self.store.run_first(load).await.map_err(failed)?;
        drop(still);
        if went_back {
            return Err(self.process.go_back().into());
        }
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
        let only = self.process.saying.lock().await;
        let (at, proven) = (self.time.reading(), self.time.proven());
        let known_ms = self.process.recorded.say(at.wall_ms);
        let said = Said {
            seen_ms: at.wall_ms,
            destroyed_before: self.keys.stamp().oldest_epoch(),
            steady_ms: proven.steady_ms,
            clock_ms: proven.clock_ms,
        };
        let (me, has_entered) = (self.process.me.clone(), self.process.has_entered());
        let confirmed = self.store.run_first(move |db| match has_entered {
            true => processes::confirm(db, &me, &said, &known_ms),
            false => processes::enter(db, &me, &said),
        });
        let confirmed = confirmed.await.map_err(failed)?;
        self.process.note(confirmed, at)?;
        drop(only);
        self.process.warn_of_silent(at);
        self.limits.divide(self.process.alive(at));
        Ok(())
    }
}

/// Whether the database went back in time, by what this relay knows of it. One that may begin anew
/// takes another line as it is.
pub fn went_back(db: &Connection, past: &Past, may_begin_anew: bool) -> Result<bool, Refusal> {
    let mark = proven::mark(db)?;
    let went_back = |mark| past.is_after(mark) || !may_begin_anew && past.is_later_than(mark);
    Ok(mark.is_some_and(went_back))
}

fn failed(_: Refusal) -> &'static str {
    "the database failed"
}

#[cfg(test)]
mod tests;
