//! Draws the keys of a vault, and pins those of its log.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use sha2::{Digest as _, Sha256};
use waxseal_desk::vault::VaultSecrets;
use waxseal_desk::vault::process::VaultFolder;
use waxseal_log::keys::LogKeys;
use waxseal_log::limits::MAX_KEYS_LEN;
use waxseal_log::note::Verifier;
use waxseal_reporting::intake::AcceptanceKey;
use waxseal_reporting::vault::ModerationKeyPair;
use zeroize::Zeroizing;

use super::failed;
use crate::files::{given, shown};
use crate::problem::{Outcome, Unusable};

/// Length of an acceptance key in bytes.
const ACCEPTANCE_LEN: usize = 32;

/// The files of a vault's set-up that are not in its folder.
pub struct Files<'a> {
    /// The keys of the log, without the line of the vault.
    pub keys: &'a Path,
    /// The acceptance key, which is made if it does not exist.
    pub acceptance: &'a Path,
    /// Where the public moderation key goes.
    pub public: &'a Path,
    /// Where the keys of the log go, with the line of the vault.
    pub pinned: Option<&'a Path>,
}

/// Sets a vault up in a new folder.
pub fn init(folder: &Path, name: &str, files: &Files<'_>) -> Result<Outcome, Unusable> {
    let Files {
        keys,
        acceptance,
        public,
        pinned,
    } = *files;
    let mut rng = UnwrapErr(SysRng);
    let text = given(keys, MAX_KEYS_LEN)?;
    for made in [Some(public), pinned].into_iter().flatten() {
        if made.exists() {
            return Err(Unusable(format!("{} exists already", shown(made))));
        }
    }
    let moderation = ModerationKeyPair::generate(&mut rng);
    let public_key = moderation.public_key().clone();
    let acceptance_key = acceptance_key(acceptance, &mut rng)?;
    let secrets = VaultSecrets::new(moderation, acceptance_key, &mut rng);
    let cosigner = secrets
        .cosigner(name)
        .map_err(|error| failed(&shown(keys), &error))?;
    let keys = with_vault(keys, &text, &cosigner.verifier())?;
    let created = VaultFolder::new(folder).create(&keys, &secrets);
    created.map_err(|error| failed(&shown(folder), &error))?;
    create(public, 0o644, &public_key.encode())?;
    if let Some(pinned) = pinned {
        create(pinned, 0o644, keys.to_string().as_bytes())?;
    }

    let mut out = String::new();
    let _ = writeln!(
        out,
        "The vault is in {}. Only its owner may read it.",
        shown(folder)
    );
    let _ = writeln!(
        out,
        "Apps seal reports to {}, moderation key {}.",
        shown(public),
        fingerprint(&public_key.encode())
    );
    let _ = writeln!(
        out,
        "The intake accepts reports with {}.",
        shown(acceptance)
    );
    let _ = writeln!(out, "Publish these keys of the log:\n\n{keys}");
    Ok(Outcome::of_text(out))
}

/// A key as apps show it: the first 16 bytes of its SHA-256, in groups of four hex digits.
fn fingerprint(key: &[u8]) -> String {
    let digest = Sha256::digest(key);
    let pairs = digest.chunks(2).take(8);
    let groups: Vec<String> = pairs
        .map(|pair| pair.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    groups.join(" ")
}

/// Pins other keys of the log, or the same ones if the vault's state is lost.
pub fn pin(folder: &Path, keys: &Path) -> Result<Outcome, Unusable> {
    let text = given(keys, MAX_KEYS_LEN)?;
    let text = String::from_utf8(text).map_err(|_| not_text(&shown(keys)))?;
    let pinned: LogKeys = text.parse().map_err(|error| failed(&shown(keys), &error))?;
    let done = VaultFolder::new(folder).pin(&pinned);
    done.map_err(|error| failed(&shown(folder), &error))?;
    let words = "has these keys now, and reads the log from its first entry";
    Ok(Outcome::of_text(format!(
        "The vault in {} {words}:\n\n{pinned}",
        shown(folder)
    )))
}

fn not_text(name: &str) -> Unusable {
    Unusable(format!("{name} is not text"))
}

/// Adds the vault's key to the keys of its log.
fn with_vault(file: &Path, text: &[u8], vault: &Verifier) -> Result<LogKeys, Unusable> {
    let name = shown(file);
    let text = core::str::from_utf8(text).map_err(|_| not_text(&name))?;
    if text.lines().any(|line| line.starts_with("vault ")) {
        let why = "names a vault already; give the keys without the line `vault`";
        return Err(Unusable(format!("{name} {why}")));
    }
    // The vault's key is the second line.
    let (log, rest) = text.split_once('\n').unwrap_or((text, ""));
    let keys = format!("{log}\nvault {vault}\n{rest}").parse();
    keys.map_err(|error| failed(&name, &error))
}

/// The acceptance key in a file, which is made if it does not exist.
fn acceptance_key(file: &Path, rng: &mut UnwrapErr<SysRng>) -> Result<AcceptanceKey, Unusable> {
    if !file.exists() {
        let key = AcceptanceKey::generate(rng);
        create(file, 0o600, &*key.to_bytes())?;
        return Ok(key);
    }
    let bytes = Zeroizing::new(given(file, ACCEPTANCE_LEN)?);
    let bytes: Result<[u8; ACCEPTANCE_LEN], _> = bytes.as_slice().try_into();
    let bytes = bytes.map_err(|_| Unusable(format!("{} is no acceptance key", shown(file))))?;
    Ok(AcceptanceKey::from_bytes(bytes))
}

/// Makes a file that does not exist yet.
fn create(file: &Path, mode: u32, bytes: &[u8]) -> Result<(), Unusable> {
    let create = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(file)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    create().map_err(|error| failed(&shown(file), &error))
}
