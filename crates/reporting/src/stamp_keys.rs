//! Holds the relay's stamp keys: one per epoch, derived from a one-way chain of roots.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::address::DeviceAddress;
use crate::codec::{Reader, len8, put_short};
use crate::conversation::Audience;
use crate::fanout::AuthenticFanout;
use crate::franking::FrankingTag;
use crate::labels;
use crate::mac;
use crate::secret::Secret;
use crate::stamp::{Claim, Stamp, StampContext, epoch_of};
use crate::timestamp::Timestamp;
use crate::wire::{self, DecodeError, VERSION};

/// Maximum number of epochs between the oldest kept root and the newest stamp: messages of a year
/// and a month can be verified. Bounds the work that one stamp or claim can cost, and forces the
/// provider to destroy old keys eventually.
pub const MAX_EPOCHS_KEPT: u32 = 400;

/// Maximum number of epochs that one call of [`StampKeys::destroy_before`] can destroy: a hundred
/// years. Bounds the work of one call.
pub const MAX_EPOCHS_DESTROYED: u32 = 36_525;

/// How far a stamp's time may be ahead of the intake's clock, in milliseconds: five minutes,
/// because the clocks of a provider differ a little.
pub const MAX_CLOCK_SKEW_MS: u64 = 300_000;

/// Maximum length of a region's name, in bytes. 64 bytes are enough for a name. Bounds the input of
/// each epoch key's derivation and the length of an export.
pub const MAX_REGION_LEN: usize = 64;

/// The keys with which a relay stamps and an intake verifies, from the oldest kept epoch on. They
/// never leave the provider.
///
/// The state is one root, that of the oldest kept epoch, from which every later root and key
/// follows. Time moves it in two ways. Once a day, [`advance_to`](Self::advance_to) caches the keys
/// up to tomorrow's. [`destroy_before`](Self::destroy_before) replaces the root by a later one; the
/// epochs before it can then never be stamped or verified again.
///
/// ```text
/// K_e      = HKDF-Expand(root_e, "waxseal/1/stamp-epoch-key" || e be32 || len u8 || region, 32)
/// root_e+1 = HKDF-Expand(root_e, "waxseal/1/stamp-next-root" || e be32, 32)
/// stamp    = HMAC-SHA-256(K_e, "waxseal/1/stamp-mac" || tag || context)
///
/// new(first) --advance_to(now)--> keys of first..=now+1 cached
///            --destroy_before(e)--> root_e; everything before it is destroyed
/// ```
///
/// Stamping and verifying take `&self`, keep nothing per message and may run on many threads. Later
/// keys than those cached are derived when needed, in at most [`MAX_EPOCHS_KEPT`] steps per stamp,
/// per claim or per report.
///
/// # Security
/// Anyone who holds a root can make stamps for its epoch and all later ones. A root that leaks
/// makes every such stamp deniable, so keep roots only where stamps are made and checked. Destroy
/// old exports and backups too, or destroying a key achieves nothing.
pub struct StampKeys {
    region: String,
    oldest_epoch: u32,
    root: Root,
    /// Cached keys, from that of `oldest_epoch` on.
    epoch_keys: Vec<EpochKey>,
    /// The root of the first epoch whose key is not cached.
    next_root: Root,
}

#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Root(Secret);

#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct EpochKey(Secret);

impl Root {
    fn next(&self, epoch: u32) -> Self {
        let info: [&[u8]; 2] = [labels::STAMP_NEXT_ROOT, &epoch.to_be_bytes()];
        let root = mac::expand(mac::keyed(self.0.as_bytes()), &info);
        Self(Secret::from_bytes(&root))
    }

    fn epoch_key(&self, epoch: u32, region: &str) -> EpochKey {
        let region = region.as_bytes();
        let info: [&[u8]; 4] = [
            labels::STAMP_EPOCH_KEY,
            &epoch.to_be_bytes(),
            &[len8(region)],
            region,
        ];
        let key = mac::expand(mac::keyed(self.0.as_bytes()), &info);
        EpochKey(Secret::from_bytes(&key))
    }
}

impl StampKeys {
    /// Draws a root for the epoch of `now`.
    ///
    /// # Errors
    /// [`StampKeysError`] if the region's name or the time is out of bounds.
    pub fn generate(
        region: &str,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, StampKeysError> {
        let mut root = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *root);
        Self::new(
            &root,
            epoch_of(now).ok_or(StampKeysError::EpochOutOfReach)?,
            region,
        )
    }

    /// Makes the keys from `root`, 32 random bytes, which is the root of `first_epoch`.
    ///
    /// # Errors
    /// [`StampKeysError::Region`] if the region's name is longer than [`MAX_REGION_LEN`].
    pub fn new(root: &[u8; 32], first_epoch: u32, region: &str) -> Result<Self, StampKeysError> {
        if region.len() > MAX_REGION_LEN {
            return Err(StampKeysError::Region);
        }
        Ok(Self {
            region: region.to_owned(),
            oldest_epoch: first_epoch,
            root: Root(Secret::from_bytes(root)),
            epoch_keys: Vec::new(),
            next_root: Root(Secret::from_bytes(root)),
        })
    }

    /// The oldest epoch whose stamps can still be made and verified.
    pub fn oldest_epoch(&self) -> u32 {
        self.oldest_epoch
    }

    /// Caches the keys up to the epoch after that of `now`, so that stamping costs one MAC. Call it
    /// once a day.
    ///
    /// # Errors
    /// [`StampKeysError::EpochOutOfReach`] if `now` is before the oldest epoch or more than
    /// [`MAX_EPOCHS_KEPT`] after it.
    pub fn advance_to(&mut self, now: Timestamp) -> Result<(), StampKeysError> {
        let ahead = self.distance(now).ok_or(StampKeysError::EpochOutOfReach)?;
        let wanted = usize::try_from(ahead)
            .unwrap_or(usize::MAX)
            .saturating_add(2);
        while self.epoch_keys.len() < wanted {
            let index = u32::try_from(self.epoch_keys.len()).unwrap_or(u32::MAX);
            let Some(epoch) = self.oldest_epoch.checked_add(index) else {
                break;
            };
            let key = self.next_root.epoch_key(epoch, &self.region);
            self.epoch_keys.push(key);
            self.next_root = self.next_root.next(epoch);
        }
        Ok(())
    }

    /// Stamps a message for which its device asked, once for all devices that get it. `accepted_at`
    /// comes from [`next_accepted_at`](crate::relay::next_accepted_at).
    ///
    /// # Errors
    /// [`StampKeysError::EpochOutOfReach`] if there is no key for this time: it was destroyed, or
    /// no key has been destroyed for [`MAX_EPOCHS_KEPT`] days.
    pub fn stamp(
        &self,
        fanout: &AuthenticFanout,
        accepted_at: Timestamp,
    ) -> Result<Claim, StampKeysError> {
        let (tag, sender) = (fanout.tag(), fanout.sender());
        self.stamp_tag(tag, sender, fanout.audience(), accepted_at)
    }

    /// Stamps a bare tag. Not public: a relay stamps only what a device asked for.
    pub(crate) fn stamp_tag(
        &self,
        tag: &FrankingTag,
        sender: &DeviceAddress,
        audience: &Audience,
        now: Timestamp,
    ) -> Result<Claim, StampKeysError> {
        let epoch = epoch_of(now).ok_or(StampKeysError::EpochOutOfReach)?;
        self.distance(now).ok_or(StampKeysError::EpochOutOfReach)?;
        let context = StampContext {
            sender: sender.clone(),
            audience: audience.clone(),
            accepted_at: now,
            epoch,
        };
        let mut epochs = self.epochs();
        let stamp = mac::hmac(
            epochs.key(epoch).0.as_bytes(),
            &[labels::STAMP, tag.as_bytes(), &context.encode()],
        );
        Ok(Claim {
            tag: *tag,
            context,
            stamp: Stamp::new(stamp),
        })
    }

    /// Checks that a claim's stamp is one this relay made.
    ///
    /// # Errors
    /// [`StampError`] for the first check that fails.
    pub fn verify(&self, claim: &Claim, now: Timestamp) -> Result<(), StampError> {
        self.epochs().verify(claim, now)
    }

    /// Starts verifying several claims. If their epochs ascend, as in a report, each root is
    /// derived once.
    pub(crate) fn epochs(&self) -> Epochs<'_> {
        Epochs {
            keys: self,
            derived: None,
        }
    }

    /// The key of an epoch, if it is cached.
    fn cached_key(&self, epoch: u32) -> Option<&EpochKey> {
        let ahead = epoch.checked_sub(self.oldest_epoch)?;
        self.epoch_keys.get(usize::try_from(ahead).ok()?)
    }

    /// The first epoch whose key is not cached.
    fn next_epoch(&self) -> u32 {
        let cached = u32::try_from(self.epoch_keys.len()).unwrap_or(u32::MAX);
        self.oldest_epoch.saturating_add(cached)
    }

    /// Destroys the keys of every epoch before `epoch`. From then on no one, not even the provider,
    /// can verify a message of those days. Does nothing if those keys are already destroyed.
    ///
    /// # Errors
    /// [`StampKeysError::EpochOutOfReach`] if `epoch` is more than [`MAX_EPOCHS_DESTROYED`] after
    /// the oldest epoch. Nothing is destroyed then.
    pub fn destroy_before(&mut self, epoch: u32) -> Result<(), StampKeysError> {
        let steps = epoch.saturating_sub(self.oldest_epoch);
        if steps > MAX_EPOCHS_DESTROYED {
            return Err(StampKeysError::EpochOutOfReach);
        }
        for passed in self.oldest_epoch..self.oldest_epoch.saturating_add(steps) {
            self.root = self.root.next(passed);
        }
        let gone = usize::try_from(steps).unwrap_or(usize::MAX);
        self.epoch_keys.drain(..gone.min(self.epoch_keys.len()));
        self.oldest_epoch = self.oldest_epoch.saturating_add(steps);
        if self.epoch_keys.is_empty() {
            self.next_root = self.root.clone();
        }
        Ok(())
    }

    /// Exports the oldest kept root with its epoch and the region, for the provider's key store:
    /// `01 || epoch be32 || root 32 || len u8 || region`.
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.region.len().saturating_add(38)));
        out.push(VERSION);
        out.extend_from_slice(&self.oldest_epoch.to_be_bytes());
        out.extend_from_slice(self.root.0.as_bytes());
        put_short(&mut out, self.region.as_bytes());
        out
    }

    /// Restores the keys from an [`export`](Self::export).
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not an export.
    pub fn import(bytes: &[u8]) -> Result<Self, DecodeError> {
        let body = wire::versioned(bytes, 38 + MAX_REGION_LEN)?;
        // CHK-72: exported stamp keys are complete.
        Self::read(body).ok_or(DecodeError::Malformed)
    }

    fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let oldest_epoch = reader.u32()?;
        let root = Zeroizing::new(reader.array()?);
        let region = core::str::from_utf8(reader.short()?).ok()?;
        reader.finish()?;
        Self::new(&root, oldest_epoch, region).ok()
    }

    /// Number of epochs from the oldest one to that of `time`, or `None` if the epoch of `time` has
    /// no kept key.
    fn distance(&self, time: Timestamp) -> Option<u32> {
        let ahead = epoch_of(time)?.checked_sub(self.oldest_epoch)?;
        (ahead <= MAX_EPOCHS_KEPT).then_some(ahead)
    }
}

/// Derives keys that are not cached, root by root along the chain, and goes on from the last root.
pub(crate) struct Epochs<'a> {
    keys: &'a StampKeys,
    /// The last epoch that was derived.
    derived: Option<Derived>,
}

struct Derived {
    epoch: u32,
    root: Root,
    key: EpochKey,
}

impl Epochs<'_> {
    /// Checks a claim's stamp, as [`StampKeys::verify`] does.
    pub(crate) fn verify(&mut self, claim: &Claim, now: Timestamp) -> Result<(), StampError> {
        let context = &claim.context;
        // CHK-68: the epoch is the epoch of the accepted time.
        if epoch_of(context.accepted_at) != Some(context.epoch) {
            return Err(StampError::OtherEpoch);
        }
        // CHK-70: the accepted time is not in the future. Clocks may differ by five minutes.
        if context.accepted_at.as_millis() > now.as_millis().saturating_add(MAX_CLOCK_SKEW_MS) {
            return Err(StampError::InTheFuture);
        }
        // CHK-69: the epoch's key is kept: neither destroyed nor out of reach.
        self.keys
            .distance(context.accepted_at)
            .ok_or(StampError::EpochUnknown)?;
        let key = self.key(context.epoch);
        // CHK-71: the stamp is the MAC over this tag and this context.
        let fields: [&[u8]; 3] = [labels::STAMP, claim.tag.as_bytes(), &context.encode()];
        if !mac::verify(key.0.as_bytes(), &fields, claim.stamp.as_bytes()) {
            return Err(StampError::NotOurs);
        }
        Ok(())
    }

    /// The key of an epoch. The caller checked the epoch's distance, which bounds the derivations.
    fn key(&mut self, epoch: u32) -> &EpochKey {
        if let Some(key) = self.keys.cached_key(epoch) {
            return key;
        }
        let (start, root) = match self.derived.take() {
            Some(before) if before.epoch <= epoch => (before.epoch, before.root),
            _ => (self.keys.next_epoch(), self.keys.next_root.clone()),
        };
        let root = (start..epoch).fold(root, |root, passed| root.next(passed));
        let key = root.epoch_key(epoch, &self.keys.region);
        &self.derived.insert(Derived { epoch, root, key }).key
    }
}

impl fmt::Debug for StampKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StampKeys")
            .field("region", &self.region)
            .field("oldest_epoch", &self.oldest_epoch)
            .finish_non_exhaustive()
    }
}

/// Why the stamp keys cannot do what was asked. The provider's operator has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StampKeysError {
    /// The region's name is longer than [`MAX_REGION_LEN`]. Shorten it.
    #[error("a region's name is at most 64 bytes")]
    Region,
    /// The epoch was destroyed, or is too far after the oldest kept epoch. In the second case,
    /// destroy old epochs.
    #[error("no stamp key within reach for this epoch")]
    EpochOutOfReach,
}

/// Why a claim's stamp was refused. The claim cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StampError {
    /// The epoch is not the epoch of the accepted time.
    #[error("the epoch is not that of the accepted time")]
    OtherEpoch,
    /// The accepted time is more than five minutes ahead of the intake's clock.
    #[error("accepted in the future")]
    InTheFuture,
    /// There is no key for this epoch: it was destroyed, is before the relay's first epoch, or is
    /// more than [`MAX_EPOCHS_KEPT`] after the oldest kept one.
    #[error("no stamp key for this epoch")]
    EpochUnknown,
    /// The relay did not make this stamp over this tag and context.
    #[error("not a stamp of this relay")]
    NotOurs,
}

#[cfg(test)]
impl StampKeys {
    /// The root and the key of an epoch, for the test vectors.
    pub(crate) fn root_and_key(&self, epoch: u32) -> ([u8; 32], [u8; 32]) {
        let root = (self.oldest_epoch..epoch).fold(self.root.clone(), |root, e| root.next(e));
        let key = root.epoch_key(epoch, &self.region);
        (*root.0.as_bytes(), *key.0.as_bytes())
    }
}

#[cfg(test)]
mod tests;
