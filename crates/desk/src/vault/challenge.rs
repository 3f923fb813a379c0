//! Challenges: what one opening is bound to, before the log shows it.

use rand_core::CryptoRng;
use waxseal_log::entry::{Day, Detail, DetailTooLong, Entry, Event, Mark, Number, Purpose};
use waxseal_reporting::Timestamp;
use zeroize::Zeroizing;

use super::Vault;
use super::error::VaultError;
use crate::grant::SignedGrant;
use crate::ids::{AcceptedDigest, GrantDigest};
use crate::{hash, labels};

/// Maximum number of challenges that wait. Bounds the vault's memory.
pub const MAX_CHALLENGES: usize = 1_024;
/// How long a challenge waits: ten minutes. In this time a log makes several checkpoints.
pub const MAX_CHALLENGE_MS: u64 = 600_000;

/// What the vault draws for one opening of a grant. The desk enters it in the log.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Ordinal of the opening within the grant, starting at 1.
    pub ordinal: u16,
    /// Names the opening in the public log, where nothing joins it to the grant.
    ///
    /// `HMAC-SHA-256(mark key, grant digest || ordinal be16)[..16]`
    pub mark: Mark,
    /// 32 random bytes. The log shows only a digest of a digest of them.
    pub challenge: [u8; 32],
}

impl core::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Challenge")
            .field("ordinal", &self.ordinal)
            .finish_non_exhaustive()
    }
}

/// The detail of an entry `content_opened`: which opening it is.
///
/// ```text
/// grant digest 32 || report digest 32 || ordinal be16 || challenge digest 32
/// challenge digest = SHA-256("waxseal/desk/1/challenge" || challenge)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpeningDetail {
    /// The grant.
    pub grant: GrantDigest,
    /// The report that is shown.
    pub report: AcceptedDigest,
    /// Ordinal of the opening within the grant, starting at 1.
    pub ordinal: u16,
    /// Digest of the challenge.
    pub challenge: [u8; 32],
}

impl OpeningDetail {
    /// The detail for an opening with this challenge.
    pub fn new(grant: GrantDigest, report: AcceptedDigest, challenge: &Challenge) -> Self {
        Self {
            grant,
            report,
            ordinal: challenge.ordinal,
            challenge: digest(&challenge.challenge),
        }
    }

    /// The 98 bytes that the entry's digest covers, after the salt.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.grant.as_bytes().to_vec();
        out.extend_from_slice(self.report.as_bytes());
        out.extend_from_slice(&self.ordinal.to_be_bytes());
        out.extend_from_slice(&self.challenge);
        out
    }
}

/// A challenge that waits for its entry.
pub(super) struct Pending {
    grant: GrantDigest,
    pub(super) report: AcceptedDigest,
    ordinal: u16,
    mark: Mark,
    purpose: Purpose,
    until: Timestamp,
    /// The first entry with the mark since the challenge was drawn, and how many there are.
    seen: Option<Entry>,
    count: u32,
}

impl Vault {
    /// Checks a grant, and draws a challenge for one opening of a report that it names.
    ///
    /// The opening has the lowest ordinal of the grant whose mark the vault has not read in the log
    /// and for which no challenge waits. So let the vault follow the log first.
    ///
    /// # Errors
    /// [`VaultError`] for the first check that fails. The vault is then unchanged.
    pub fn challenge(
        &mut self,
        signed: &SignedGrant,
        report: &AcceptedDigest,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Challenge, VaultError> {
        self.check_followed(now)?;
        signed.verify(self.policy()?, &self.id, now)?;
        let grant = signed.grant();
        // CHK-191: the grant names the report.
        if grant.report(report).is_none() {
            return Err(VaultError::ReportNotGranted);
        }
        let waits = |pending: &&Pending| pending.until > now;
        let taken: Vec<Mark> = self
            .pending
            .values()
            .filter(waits)
            .map(|one| one.mark)
            .collect();
        if taken.len() >= MAX_CHALLENGES {
            return Err(VaultError::TooManyChallenges);
        }
        let free = (1..=grant.terms().max_openings)
            .map(|ordinal| (ordinal, self.mark(&grant.digest(), ordinal)))
            .find(|(_, mark)| {
                !self.state.marks.contains_key(mark.as_bytes()) && !taken.contains(mark)
            });
        // CHK-192: an opening of the grant is left.
        let (ordinal, mark) = free.ok_or(VaultError::NoOpeningLeft)?;

        let mut challenge = Zeroizing::new([0; 32]);
        rng.fill_bytes(challenge.as_mut_slice());
        let until = Timestamp::from_millis(now.as_millis().saturating_add(MAX_CHALLENGE_MS));
        let pending = Pending {
            grant: grant.digest(),
            report: *report,
            ordinal,
            mark,
            purpose: grant.terms().purpose,
            until,
            seen: None,
            count: 0,
        };
        self.pending.retain(|_, pending| pending.until > now);
        self.pending.insert(digest(&challenge), pending);
        Ok(Challenge {
            ordinal,
            mark,
            challenge: *challenge,
        })
    }

    fn mark(&self, grant: &GrantDigest, ordinal: u16) -> Mark {
        // mark = HMAC(mark key, grant digest || ordinal)[..16]
        let mac = hash::mac(
            self.keys.mark.as_bytes(),
            &[grant.as_bytes(), &ordinal.to_be_bytes()],
        );
        let [mark @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = mac;
        Mark::from_bytes(mark)
    }

    /// Notes that the log shows this opening.
    pub(super) fn see(&mut self, entry: Entry) {
        let Event::ContentOpened { mark, .. } = &entry.event else {
            return;
        };
        if let Some(pending) = self.pending.values_mut().find(|one| one.mark == *mark) {
            pending.count = pending.count.saturating_add(1);
            pending.seen.get_or_insert(entry);
        }
    }

    /// The report that a challenge of this grant is for, if the log shows the entry of the opening.
    pub(super) fn logged(
        &self,
        grant: &GrantDigest,
        challenge: &[u8; 32],
        salt: &[u8; 32],
        now: Timestamp,
    ) -> Result<&Pending, VaultError> {
        // CHK-193: this vault drew the challenge for this grant, less than ten minutes ago and
        // since it started, and did not use it.
        let pending = self
            .pending
            .get(&digest(challenge))
            .filter(|pending| pending.until > now && pending.grant == *grant)
            .ok_or(VaultError::UnknownChallenge)?;
        let entry = pending.seen.as_ref().ok_or(VaultError::NotLogged)?;
        // CHK-195: the log shows the mark once.
        if pending.count != 1 {
            return Err(VaultError::MarkRepeated);
        }
        let detail = pending.detail(challenge, salt);
        let detail = detail.map_err(|_| VaultError::NotLogged)?;
        let event = Event::ContentOpened {
            purpose: pending.purpose,
            mark: pending.mark,
        };
        let (today, day) = (Day::of_ms(now.as_millis()).0, entry.day.0);
        // CHK-194: since the challenge was drawn, the vault has read the entry of exactly this
        // opening, with its purpose, and with today as its day, or the day before or after.
        if entry.event != event || today.abs_diff(day) > 1 || !entry.is_about(&detail) {
            return Err(VaultError::NotLogged);
        }
        Ok(pending)
    }

    /// Uses a challenge up.
    pub(super) fn use_up(&mut self, challenge: &[u8; 32]) {
        self.pending.remove(&digest(challenge));
    }
}

impl Pending {
    /// Whether the entry of this opening has this number.
    pub(super) fn has_number(&self, number: &Number) -> bool {
        let seen = self.seen.as_ref();
        seen.is_some_and(|entry| entry.number == *number)
    }

    fn detail(&self, challenge: &[u8; 32], salt: &[u8; 32]) -> Result<Detail, DetailTooLong> {
        let detail = OpeningDetail {
            grant: self.grant,
            report: self.report,
            ordinal: self.ordinal,
            challenge: digest(challenge),
        };
        Detail::from_parts(*salt, detail.encode())
    }
}

fn digest(challenge: &[u8; 32]) -> [u8; 32] {
    hash::digest(labels::CHALLENGE, &[challenge])
}
