//! The root key file: holds all secrets of the relay. It is always replaced as a whole.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use ed25519_dalek::SigningKey;
use hmac::{Hmac, Mac};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use waxseal_interface::SealingKeyPair;
use waxseal_relay::{AcceptanceKeys, system_rng};
use waxseal_reporting::intake::AcceptanceKey;
use waxseal_reporting::relay::{DeliveryKey, EPOCH_MS, StampKeys, StampKeysError};
use waxseal_reporting::{DeviceAddress, Timestamp};
use zeroize::Zeroizing;

/// A stamp can be verified on the day it was made and this many days after. Then its key is
/// destroyed, and a message that was not reported can no longer be reported or proved to be sent.
pub const VERIFY_DAYS: u32 = 30;

/// Maximum number of days for which stamp keys are kept while the relay is new. Covers a clock that
/// is a year ahead when the relay is first started, and leaves 30 days of downtime within the 400
/// that [`StampKeys`] reach.
pub const LONGEST_KEPT_DAYS: u32 = 370;

/// No relay was started before 2025. A clock that says so was never set.
const FIRST_START: Timestamp = Timestamp::from_millis(1_735_689_600_000);

/// The name of the region that this relay serves. The stamp keys are derived for this region.
pub const REGION: &str = "example";
const FILE: &str = "root.key";
/// The file name of the database. The database is created after the keys, so if it exists and the
/// root key file does not, that file was lost.
pub const DATABASE: &str = "relay.sqlite";
/// The name of the folder with the blobs.
pub const BLOBS: &str = "blobs";
const VERSION: u8 = 2;
const DIGEST: &[u8] = b"waxseal/1/relay/root-key-digest";

const LATER_ACCEPTANCE: &[u8] = b"waxseal/1/relay/acceptance-key-after-version-1";

/// The version in which reviewers held the acceptance key.
const VERSION_1: u8 = 1;

/// The version byte, six keys, and an export of [`StampKeys`] of at most 102 bytes.
const MAX_FILE_LEN: u64 = 1 + 5 * 32 + 1 + 32 + 102;

pub struct Keys {
    dir: PathBuf,
    /// Signs the relay's card. Clients pin this key.
    pub relay: SigningKey,
    /// Opens the delivery keys that clients seal to the relay.
    pub sealing: SealingKeyPair,
    /// Authenticates session tokens.
    pub token: Zeroizing<[u8; 32]>,
    /// Encrypts delivery keys in the database.
    store: Zeroizing<[u8; 32]>,
    /// Authenticate accepted reports, so that the vault knows which ones the intake accepted.
    pub acceptance: AcceptanceKeys,
    stamp: RwLock<StampKeys>,
    /// The day for which they were prepared, or 0.
    prepared_on: AtomicU64,
    /// Held while the file is replaced.
    writing: Mutex<()>,
}

impl Keys {
    /// Whether there is a root key file in `dir`.
    pub fn are_in(dir: &Path) -> bool {
        dir.join(FILE).exists()
    }

    /// Reads the root key file in `dir`. Creates one if there is none and no database either.
    pub fn open(dir: &Path, now: Timestamp) -> Result<Self, Box<dyn std::error::Error>> {
        let path = dir.join(FILE);
        let keys = match File::open(&path) {
            Ok(file) => {
                if file.metadata()?.permissions().mode() & 0o077 != 0 {
                    return Err(format!(
                        "other users can access {}: run chmod 600 on it",
                        path.display()
                    )
                    .into());
                }
                let mut bytes = Zeroizing::new(Vec::with_capacity(512));
                file.take(MAX_FILE_LEN + 1).read_to_end(&mut bytes)?;
                let keys = Self::decode(dir, &bytes)
                    .ok_or_else(|| format!("{} is not a root key file", path.display()))?;
                if bytes.first() == Some(&VERSION_1) {
                    keys.write(&keys.stamp())?;
                    tracing::warn!("new acceptance key: the one before was known to reviewers");
                }
                keys
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if dir.join(DATABASE).exists() {
                    return Err(
                        format!("{} is missing: restore it from a backup", path.display()).into(),
                    );
                }
                let keys = Self::generate(dir, now)?;
                keys.write(&keys.stamp())?;
                keys
            }
            Err(error) => return Err(error.into()),
        };
        Ok(keys)
    }

    fn generate(dir: &Path, now: Timestamp) -> Result<Self, Box<dyn std::error::Error>> {
        if now < FIRST_START {
            return Err("the clock says a year before 2025: set it, then start the relay".into());
        }
        let rng = &mut system_rng();
        Ok(Self {
            dir: dir.to_owned(),
            relay: SigningKey::from_bytes(&random(rng)),
            sealing: SealingKeyPair::generate(rng),
            token: random(rng),
            store: random(rng),
            acceptance: AcceptanceKeys {
                present: AcceptanceKey::generate(rng),
                old: None,
            },
            stamp: RwLock::new(stamp_keys(now)?),
            prepared_on: AtomicU64::new(0),
            writing: Mutex::default(),
        })
    }

    /// Encodes the root key file:
    ///
    /// ```text
    /// 02 || relay 32 || sealing 32 || token 32 || store 32 || acceptance 32
    ///    || 00, or 01 || old acceptance 32
    ///    || stamp keys
    /// ```
    fn encode(&self, stamp: &StampKeys) -> Zeroizing<Vec<u8>> {
        // Reserves all the space at once: a vector that grows leaves copies of secrets in memory.
        let mut out = Zeroizing::new(Vec::with_capacity(512));
        self.encode_lasting(&mut out);
        out.extend_from_slice(&stamp.export());
        out
    }

    /// Encodes all but the stamp keys.
    fn encode_lasting(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(self.relay.as_bytes());
        out.extend_from_slice(&*self.sealing.to_bytes());
        out.extend_from_slice(&*self.token);
        out.extend_from_slice(&*self.store);
        out.extend_from_slice(&*self.acceptance.present.to_bytes());
        out.push(u8::from(self.acceptance.old.is_some()));
        if let Some(old) = &self.acceptance.old {
            out.extend_from_slice(&*old.to_bytes());
        }
    }

    /// The digest of all secrets that do not change over time. The database keeps it. It tells
    /// nothing about them, because each has 32 random bytes.
    pub fn digest(&self) -> [u8; 32] {
        let mut lasting = Zeroizing::new(Vec::with_capacity(512));
        self.encode_lasting(&mut lasting);
        Sha256::new_with_prefix(DIGEST)
            .chain_update(&*lasting)
            .finalize()
            .into()
    }

    /// Reads the file. Version 01 has one acceptance key, which reviewers held. It becomes the old
    /// one. The new one follows from the other secrets, so that it is the same whenever the same
    /// file is read, also one from a backup.
    fn decode(dir: &Path, bytes: &[u8]) -> Option<Self> {
        let (version, bytes) = bytes.split_first()?;
        let (relay, bytes) = bytes.split_first_chunk()?;
        let (sealing, bytes) = bytes.split_first_chunk()?;
        let (token, bytes) = bytes.split_first_chunk()?;
        let (store, bytes) = bytes.split_first_chunk()?;
        let (acceptance, bytes) = bytes.split_first_chunk()?;
        let acceptance = AcceptanceKey::from_bytes(*acceptance);
        let (acceptance, stamp) = match (*version, bytes.split_first()) {
            (VERSION_1, _) => {
                let present = AcceptanceKey::from_bytes(later_acceptance(store));
                let old = Some(acceptance);
                (AcceptanceKeys { present, old }, bytes)
            }
            (VERSION, Some((0, stamp))) => {
                let (present, old) = (acceptance, None);
                (AcceptanceKeys { present, old }, stamp)
            }
            (VERSION, Some((1, bytes))) => {
                let (old, stamp) = bytes.split_first_chunk()?;
                let (present, old) = (acceptance, Some(AcceptanceKey::from_bytes(*old)));
                (AcceptanceKeys { present, old }, stamp)
            }
            _ => return None,
        };
        Some(Self {
            dir: dir.to_owned(),
            relay: SigningKey::from_bytes(relay),
            sealing: SealingKeyPair::from_bytes(sealing).ok()?,
            token: Zeroizing::new(*token),
            store: Zeroizing::new(*store),
            acceptance,
            stamp: RwLock::new(StampKeys::import(stamp).ok()?),
            prepared_on: AtomicU64::new(0),
            writing: Mutex::default(),
        })
    }

    /// Replaces the file. After a crash, either the old or the new file is there, and it is
    /// complete.
    fn write(&self, stamp: &StampKeys) -> io::Result<()> {
        let (path, new) = (self.dir.join(FILE), self.dir.join("root.key.new"));
        if let Err(error) = fs::remove_file(&new)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&self.encode(stamp))?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(&self.dir)?.sync_all()
    }

    /// The stamp keys, which make and verify stamps. Nobody holds them while it waits for the
    /// database: whoever changes them waits for it, and then all others wait too.
    pub fn stamp(&self) -> RwLockReadGuard<'_, StampKeys> {
        self.stamp.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prepares the stamp keys of today and tomorrow, unless they are there.
    pub fn advance(&self, now: Timestamp) -> Result<(), StampKeysError> {
        let day = now.as_millis() / EPOCH_MS;
        if self.prepared_on.load(Ordering::Acquire) == day {
            return Ok(());
        }
        self.stamp_mut(|stamp| {
            stamp.advance_to(now)?;
            self.prepared_on.store(day, Ordering::Release);
            Ok(())
        })
    }

    /// Whether the existing stamp keys begin after `now`: they were made by a clock that was far
    /// ahead.
    pub fn begin_after(&self, now: Timestamp) -> bool {
        u64::from(self.stamp().oldest_epoch()) > now.as_millis() / EPOCH_MS
    }

    /// Makes new stamp keys if the existing ones begin after `now`. Messages stamped with the
    /// earlier keys can no longer be reported.
    pub fn reach_back_to(&self, now: Timestamp) -> Result<(), Box<dyn std::error::Error>> {
        let _only = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.begin_after(now) {
            return Ok(());
        }
        let stamp = stamp_keys(now)?;
        self.write(&stamp)?;
        self.stamp_mut(|keys| {
            *keys = stamp;
            self.prepared_on.store(0, Ordering::Release);
        });
        tracing::warn!("new stamp keys: messages stamped before cannot be reported any more");
        Ok(())
    }

    /// Destroys the stamp keys of every epoch before this one, first on disk and then in memory.
    pub fn destroy_before(&self, epoch: u32) -> Result<(), Box<dyn std::error::Error>> {
        let _only = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stamp().oldest_epoch() >= epoch {
            return Ok(()); // destroyed meanwhile
        }
        let mut later = StampKeys::import(&self.stamp().export())?;
        later.destroy_before(epoch)?;
        self.write(&later)?;
        self.stamp_mut(|stamp| stamp.destroy_before(epoch))?;
        Ok(())
    }

    fn stamp_mut<T>(&self, change: impl FnOnce(&mut StampKeys) -> T) -> T {
        change(&mut self.stamp.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Encrypts a delivery key for the database and binds it to its device:
    /// `nonce 24 || ciphertext 48`.
    #[expect(clippy::expect_used, reason = "32 bytes are never too long")]
    pub fn seal(&self, key: &DeliveryKey, of: &DeviceAddress) -> Vec<u8> {
        let nonce = *random::<24>(&mut system_rng());
        let sealed = self
            .cipher()
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: &*key.to_bytes(),
                    aad: &device_bytes(of),
                },
            )
            .expect("32 bytes are never too long");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Decrypts what [`seal`](Self::seal) encrypted. Returns `None` if the bytes are damaged, or if
    /// they were encrypted under another root key file or for another device.
    pub fn open_sealed(&self, sealed: &[u8], of: &DeviceAddress) -> Option<DeliveryKey> {
        let (nonce, sealed) = sealed.split_first_chunk::<24>()?;
        let payload = Payload {
            msg: sealed,
            aad: &device_bytes(of),
        };
        let key = self.cipher().decrypt(&XNonce::from(*nonce), payload).ok()?;
        let key = Zeroizing::new(key);
        Some(DeliveryKey::from_bytes(key.as_slice().try_into().ok()?))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.store).into())
    }
}

/// The acceptance key that follows one which reviewers held. They do not know the key of the store.
#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn later_acceptance(store: &[u8; 32]) -> [u8; 32] {
    // HKDF needs no extraction here: the key is random.
    let mut mac = Hmac::<Sha256>::new_from_slice(store).expect("HMAC takes keys of any length");
    mac.update(LATER_ACCEPTANCE);
    mac.finalize().into_bytes().into()
}

/// Draws stamp keys for today, and for the days before on which the clock may turn out to be.
fn stamp_keys(now: Timestamp) -> Result<StampKeys, StampKeysError> {
    let back = u64::from(LONGEST_KEPT_DAYS) * EPOCH_MS;
    let first = Timestamp::from_millis(now.as_millis().saturating_sub(back));
    StampKeys::generate(REGION, first, &mut system_rng())
}

/// Draws random bytes.
pub fn random<const LEN: usize>(rng: &mut impl CryptoRng) -> Zeroizing<[u8; LEN]> {
    let mut bytes = Zeroizing::new([0; LEN]);
    rng.fill_bytes(&mut *bytes);
    bytes
}

fn device_bytes(of: &DeviceAddress) -> Vec<u8> {
    [&of.device.0.to_be_bytes(), of.account.as_str().as_bytes()].concat()
}

/// Creates `dir` if needed and locks it. No other relay can use it while the returned file is open.
pub fn lock(dir: &Path) -> Result<File, Box<dyn std::error::Error>> {
    fs::create_dir_all(dir)?;
    fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    let file = File::create(dir.join("lock"))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| format!("another relay is using {}", dir.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests;
