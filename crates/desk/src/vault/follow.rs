//! The vault reads the log, entry by entry, up to a checkpoint.

use waxseal_log::checkpoint::CheckpointError;
use waxseal_log::entry::{Day, Entry, Event, PublishedPolicy};
use waxseal_log::keys::WitnessedCheckpoint;
use waxseal_log::note::{Note, NoteSignature};
use waxseal_reporting::Timestamp;

use super::error::VaultError;
use super::state::{MARK_DAYS, MAX_MARKS, State};
use super::{Memory, Vault};

/// Maximum number of entries in one call. Bounds the work for one checkpoint.
pub const MAX_FOLLOWED_ENTRIES: usize = 65_536;
/// How far a witness's time may be ahead of the vault's clock: five minutes.
pub const MAX_WITNESS_AHEAD_MS: u64 = 300_000;
/// How old the newest checkpoint may be when the vault opens: 24 hours.
pub const MAX_FOLLOWED_AGE_MS: u64 = 86_400_000;

impl Vault {
    /// Reads all entries between the last checkpoint and this one, and cosigns this one.
    ///
    /// `entries` are all entries after the first [`Status::size`](super::Status::size), in order.
    /// If the log did not grow, `entries` is empty. `note` is the checkpoint, which the log signed
    /// and the witnesses cosigned.
    ///
    /// An old checkpoint is accepted, so that a vault can catch up in steps. The vault opens
    /// nothing until it has read one that is at most 24 hours old.
    ///
    /// # Errors
    /// [`VaultError`] for the first check that fails. The vault is then unchanged.
    pub fn follow(
        &mut self,
        entries: &[Vec<u8>],
        note: &[u8],
        now: Timestamp,
        memory: &mut impl Memory,
    ) -> Result<NoteSignature, VaultError> {
        if entries.len() > MAX_FOLLOWED_ENTRIES {
            return Err(VaultError::TooManyEntries);
        }
        let note = Note::decode(note).map_err(|_| VaultError::NotOfTheLog)?;
        // CHK-182: the log signed the checkpoint, and enough witnesses cosigned it.
        let checkpoint = self.log.verify_for_vault(&note).map_err(refused)?;
        let time = self.witnessed_at(&checkpoint, now)?;
        let remembered = self.state.frontier.size();
        // CHK-184: the checkpoint is not older than what the vault has read.
        if checkpoint.size() < remembered {
            return Err(VaultError::Older { size: remembered });
        }
        let other = VaultError::OtherEntries { size: remembered };
        let (state, openings) = self.read(entries, &checkpoint, time, now)?.ok_or(other)?;

        memory
            .save(&state.encode(&self.keys))
            .map_err(|_| VaultError::NotSaved)?;

        if self.state.policy != state.policy {
            self.adopted = None;
        }
        self.state = state;
        self.has_followed = true;
        for entry in openings {
            self.see(entry);
        }
        let followed = self.state.followed.unwrap_or(time).max(now);
        let secs = followed.as_millis().checked_div(1_000).unwrap_or_default();
        Ok(self.cosigner.cosign(note.text(), secs))
    }

    /// The latest time that enough witnesses have reached. Without witnesses, the vault's own.
    fn witnessed_at(
        &self,
        checkpoint: &WitnessedCheckpoint,
        now: Timestamp,
    ) -> Result<Timestamp, VaultError> {
        let latest = now.as_millis().saturating_add(MAX_WITNESS_AHEAD_MS);
        let times = checkpoint.witness_times().iter();
        let mut times: Vec<u64> = times
            .map(|secs| secs.saturating_mul(1_000))
            .filter(|time| *time <= latest)
            .collect();
        times.sort_unstable();
        // CHK-183: the times of enough witnesses are at most five minutes ahead. Others do not
        // count, so that one witness alone cannot stop the vault.
        if times.len() < self.log.quorum() {
            return Err(VaultError::WitnessAhead);
        }
        let Some(place) = times.len().checked_sub(self.log.quorum().max(1)) else {
            return Ok(now);
        };
        let time = times.get(place).copied().unwrap_or_default();
        Ok(Timestamp::from_millis(time))
    }

    /// The state after these entries, and the openings among them. `None` if they do not lead to
    /// the checkpoint.
    fn read(
        &self,
        entries: &[Vec<u8>],
        checkpoint: &WitnessedCheckpoint,
        time: Timestamp,
        now: Timestamp,
    ) -> Result<Option<(State, Vec<Entry>)>, VaultError> {
        let remembered = self.state.frontier.size();
        let grown = checkpoint.size().saturating_sub(remembered);
        // CHK-185: the entries are exactly those between what the vault has read and the
        // checkpoint, and yield its root.
        if u64::try_from(entries.len()) != Ok(grown) {
            return Ok(None);
        }
        let mut state = self.state.clone();
        let mut openings = Vec::new();
        let day = |time: Timestamp| Day::of_ms(time.as_millis()).0;
        let read_on = day(now.max(time));
        for (index, bytes) in (remembered..).zip(entries) {
            // CHK-186: every entry has a known form.
            let entry = Entry::decode(bytes).map_err(|_| VaultError::UnknownEntry { index })?;
            state.frontier.push(entry.leaf_hash());
            match &entry.event {
                Event::PolicyPublished(policy) => self.publish(&mut state, policy),
                Event::ContentOpened { mark, .. } => {
                    // Check 194 let it open on the entry's day, or on the day before or after. So a
                    // log of years does not fill the memory of a vault that reads it again.
                    let day = entry.day.0.saturating_add(1).min(read_on);
                    let seen = state.marks.entry(*mark.as_bytes()).or_insert(day);
                    // The same mark with an earlier day does not make the vault forget.
                    *seen = day.max(*seen);
                    openings.push(entry);
                }
                _ => {}
            }
        }
        if state.frontier.root() != *checkpoint.root() {
            return Ok(None);
        }
        state.followed = state.followed.max(Some(time));
        // The witnesses' time, since a clock that was set ahead must not make the vault forget.
        let today = state.followed.map(day).unwrap_or_default();
        state
            .marks
            .retain(|_, seen| seen.saturating_add(MARK_DAYS) >= today);
        if state.marks.len() > MAX_MARKS {
            return Err(VaultError::TooManyMarks);
        }
        Ok(Some((state, openings)))
    }

    /// Puts a published policy in force.
    fn publish(&self, state: &mut State, policy: &PublishedPolicy) {
        let newer = state
            .policy
            .is_none_or(|(version, _)| policy.version > version);
        let signed = |key| policy.verify(self.log.origin(), key).is_ok();
        // CHK-187: a policy comes into force only if the pinned policy key signed it for this log,
        // with a higher version than the one before. Any other is ignored.
        if newer && self.log.policy().is_some_and(signed) {
            state.policy = Some((policy.version, policy.digest));
        }
    }
}

fn refused(error: CheckpointError) -> VaultError {
    let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
    match error {
        CheckpointError::TooFewWitnesses { found, quorum } => VaultError::TooFewWitnesses {
            found: count(found),
            quorum: count(quorum),
        },
        _ => VaultError::NotOfTheLog,
    }
}
