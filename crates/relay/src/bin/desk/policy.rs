//! `policy`: makes, signs and publishes the access policy.

mod document;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use waxseal_desk::desk::Desk;
use waxseal_desk::policy::{MAX_POLICY_LEN, Policy};
use waxseal_log::entry::{PolicyKey, PublishedPolicy};
use waxseal_relay::system_rng;

use crate::clock::now;
use crate::files::{Folder, Result, create, failed, read, seed, text, with_suffix};
use document::{Document, OfficerArgument};

/// Maximum length in bytes of the document that a person edits.
const MAX_DOCUMENT_LEN: usize = 1 << 20;
/// How long publishing goes on trying while the server writes.
const MAX_TRIES: Duration = Duration::from_secs(10);

#[derive(clap::Subcommand)]
pub enum PolicyCommand {
    /// Make the policy key, FILE, and FILE.pub. Keep FILE offline: it says who is an officer
    Keygen {
        /// The file to make
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Write a policy with sensible rules, as a JSON document to edit
    New {
        /// The file to make
        #[arg(long, value_name = "FILE.json")]
        out: PathBuf,
        /// The name of the log
        #[arg(long, value_name = "NAME")]
        origin: String,
        /// An officer: name, public key and roles out of ask, approve, decide, appeals, review
        #[arg(long, value_name = "NAME:KEY:ROLE,ROLE")]
        officer: Vec<OfficerArgument>,
    },
    /// Sign a policy document
    Sign {
        /// The policy key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The document
        #[arg(long, value_name = "FILE.json")]
        policy: PathBuf,
        /// The file to make, which `publish` takes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Put a signed policy into force, also while the server runs
    Publish {
        /// The desk's folder
        #[arg(long, value_name = "DIR")]
        folder: PathBuf,
        /// The signed policy
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
    },
}

pub fn run(command: &PolicyCommand) -> Result<()> {
    match command {
        PolicyCommand::Keygen { key } => {
            let secret = PolicyKey::generate(&mut system_rng());
            let public = STANDARD.encode(secret.public_key().as_bytes());
            create(key, 0o600, secret.seed())?;
            create(
                &with_suffix(key, "pub"),
                0o644,
                format!("{public}\n").as_bytes(),
            )?;
            println!("policy key {public}");
            Ok(())
        }
        PolicyCommand::New {
            out,
            origin,
            officer,
        } => {
            let document = Document::sensible(origin, officer);
            document.policy()?;
            let mut text = serde_json::to_vec_pretty(&document)?;
            text.push(b'\n');
            create(out, 0o644, &text)
        }
        PolicyCommand::Sign { key, policy, out } => {
            let document = text(policy, MAX_DOCUMENT_LEN)?;
            let document: Document =
                serde_json::from_str(&document).map_err(|error| failed(policy, &error))?;
            let made = document.policy()?;
            let key = PolicyKey::from_seed(&*seed(key)?);
            let published = key.publish(made.origin(), made.version(), made.digest());
            let mut signed = made.encode().to_vec();
            signed.extend_from_slice(&published.signature);
            create(out, 0o644, &signed)?;
            println!("signed version {} for {}", made.version(), made.origin());
            Ok(())
        }
        PolicyCommand::Publish { folder, policy } => publish(&Folder::new(folder), policy),
    }
}

/// Enters a signed policy in the log. If the server writes at the same time, tries again.
fn publish(folder: &Folder, path: &std::path::Path) -> Result<()> {
    let bytes = read(path, MAX_POLICY_LEN.saturating_add(64))?;
    let (document, signature) = bytes
        .split_last_chunk::<64>()
        .ok_or_else(|| format!("{} was not made by `desk policy sign`", path.display()))?;
    let policy = Policy::decode(document).map_err(|error| failed(path, &error))?;
    let published = PublishedPolicy {
        version: policy.version(),
        digest: policy.digest(),
        signature: *signature,
    };
    let mut desk = Desk::open(folder.store()?, folder.setup()?)?;
    let began = Instant::now();
    loop {
        match desk.publish_policy(&policy, &published, now(), &mut system_rng()) {
            Ok(()) => break,
            Err(error) if error.is_conflict() && began.elapsed() < MAX_TRIES => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(error.into()),
        }
    }
    println!("version {} is in force", policy.version());
    Ok(())
}
