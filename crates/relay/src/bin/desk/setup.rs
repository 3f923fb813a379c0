//! `init` and `pin`: sets a desk up in a folder.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand_core::Rng as _;
use waxseal_log::entry::PolicyPublicKey;
use waxseal_log::keys::LogKeys;
use waxseal_log::limits::MAX_KEYS_LEN;
use waxseal_log::note::{Signer, Verifier};
use waxseal_relay::{ReviewerKey, system_rng};
use zeroize::Zeroizing;

use crate::database::DatabaseOptions;
use crate::files::{Folder, Result, create, failed, replace, text};

#[derive(clap::Args)]
pub struct InitOptions {
    /// The folder to make
    #[arg(long, value_name = "DIR")]
    folder: std::path::PathBuf,
    /// The name of the log, such as provider.example/desk
    #[arg(long, value_name = "NAME")]
    origin: String,
    /// The public key of policies, made by `desk policy keygen`
    #[arg(long, value_name = "FILE.pub")]
    policy_key: std::path::PathBuf,
    /// The key of a witness of the log. Can be given several times
    #[arg(long, value_name = "NAME+ID+KEY")]
    witness: Vec<Verifier>,
    /// Number of witnesses that must cosign
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    quorum: usize,
    #[command(flatten)]
    database: DatabaseOptions,
}

/// Draws the desk's keys.
pub fn init(options: &InitOptions) -> Result<()> {
    let folder = Folder::new(&options.folder);
    let policy = policy_key(&options.policy_key)?;
    let mut rng = system_rng();
    let log = Signer::generate(&options.origin, &mut rng)?;
    if options.quorum > options.witness.len() {
        return Err("the quorum is larger than the number of witnesses".into());
    }
    let witnesses = options.witness.iter();
    let witnesses: String = witnesses.map(|key| format!("witness {key}\n")).collect();
    let keys = format!(
        "log {}\n{witnesses}quorum {}\npolicy {}\n",
        log.verifier(),
        options.quorum,
        STANDARD.encode(policy.as_bytes())
    );
    let reviewer = ReviewerKey::generate(&mut rng);
    let mut secret = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut *secret);

    folder.make()?;
    // A desk that exists keeps its key: this file is the first one, and is never replaced.
    create(&folder.path("log.key"), 0o600, log.seed())?;
    create(&folder.path("secret"), 0o600, &*secret)?;
    create(&folder.path("reviewer.key"), 0o600, &reviewer.export())?;
    let public = serde_json::to_vec_pretty(&reviewer.public())?;
    create(&folder.path("reviewer.key.pub"), 0o644, &public)?;
    create(&folder.path("keys"), 0o644, keys.as_bytes())?;
    if let Some(url) = &options.database.database {
        folder.use_database(url)?;
    }
    println!("The desk is in {}.", options.folder.display());
    println!("Give these keys of its log to the vault:\n\n{keys}");
    Ok(())
}

#[derive(clap::Args)]
pub struct PinOptions {
    /// The desk's folder
    #[arg(long, value_name = "DIR")]
    folder: std::path::PathBuf,
    /// The keys of the log with the line of the vault, as `waxseal-desk vault init` writes them
    #[arg(long, value_name = "FILE")]
    keys: std::path::PathBuf,
}

/// Takes the keys of the log with the vault's line.
pub fn pin(options: &PinOptions) -> Result<()> {
    let folder = Folder::new(&options.folder);
    let text = text(&options.keys, MAX_KEYS_LEN)?;
    let keys: LogKeys = text
        .parse()
        .map_err(|error| failed(&options.keys, &error))?;
    if folder.log(keys.origin())?.verifier() != *keys.log() {
        let why = "names the key of another log than this desk's";
        return Err(format!("{} {why}", options.keys.display()).into());
    }
    if keys.policy().is_none() {
        return Err(format!("{} has no policy key", options.keys.display()).into());
    }
    replace(&folder.path("keys"), 0o644, keys.to_string().as_bytes())?;
    println!("The desk has these keys:\n\n{keys}");
    Ok(())
}

/// Reads a FILE.pub of `desk policy keygen`.
fn policy_key(path: &Path) -> Result<PolicyPublicKey> {
    let read = text(path, 64)?;
    let key = STANDARD.decode(read.trim_end()).ok();
    let key = key.and_then(|bytes| PolicyPublicKey::from_bytes(bytes.as_slice().try_into().ok()?));
    key.ok_or_else(|| format!("{} was not made by `desk policy keygen`", path.display()).into())
}
