//! The vault: holds the keys that open reports, and opens accepted reports for the reviewers, who
//! hold none of them.
//!
//! Read `open` in this file first: it checks what a reviewer passes on from the relay.

#![allow(unreachable_pub, missing_docs, reason = "a program, not a library")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output")]

#[path = "../review/files.rs"]
mod files;
#[path = "../review/text.rs"]
mod text;

use std::error::Error;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ed25519_dalek::{Signature, VerifyingKey};
use rustix::fs::Mode;
use rustix::process::umask;
use waxseal_relay::{
    OpenRequest, VaultError, VaultKeys, acceptance_context, answer_reviewer, report_id_text,
    system_rng, unseal_acceptance_key,
};
use waxseal_reporting::vault::{ModerationKeyPair, Unseal, UnsealError, UnsealedReport, Vault};

use crate::text::printable;

/// Opens the reports that a Waxseal relay accepted, for reviewers who hold no key.
///
/// FILE holds the moderation key, which opens reports, and the key to which the relay seals its
/// acceptance key. Reviewers ask over a Unix socket that only the vault's user can use. At the
/// first request the vault pins the relay's key in FILE.relay; write the 32 bytes there beforehand
/// to choose it yourself.
#[derive(Parser)]
#[command(after_help = "Example, from the Waxseal workspace:
  cargo run --release -p waxseal-relay --bin vault -- --key vault.key keygen
  cargo run --release -p waxseal-relay --bin vault -- --key vault.key serve --socket vault.sock")]
struct Options {
    /// The file with the vault's secret keys; FILE.pub holds the public keys for the relay
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make FILE and FILE.pub, and print the moderation key's fingerprint
    Keygen,
    /// Open reports for reviewers until stopped; prints "serving on PATH" when ready
    Serve {
        /// The socket to make; only the user who runs the vault can use it
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
        /// A key file of before, for reports that were sealed to its moderation key
        #[arg(long, value_name = "FILE")]
        old_key: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vault: {}", printable(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    match &options.command {
        Command::Keygen => {
            let keys = VaultKeys::generate(&mut system_rng());
            let public = keys.public();
            files::write_keys(&options.key, &keys.export(), &public)?;
            println!("moderation key {}", public.moderation_fingerprint());
            Ok(())
        }
        Command::Serve { socket, old_key } => {
            let old = old_key.iter().map(|path| read(path));
            let holder = Holder {
                path: options.key.clone(),
                keys: read(&options.key)?,
                old: old.collect::<Result<_, _>>()?,
            };
            serve(socket, &holder)
        }
    }
}

fn read(path: &Path) -> Result<VaultKeys, Box<dyn Error>> {
    let keys = VaultKeys::import(&files::read_secret(path)?);
    keys.ok_or_else(|| format!("{} was not made by `vault keygen`", path.display()).into())
}

/// Answers one reviewer after the other, one request per connection.
fn serve(path: &Path, holder: &Holder) -> Result<(), Box<dyn Error>> {
    let listener = bind(path)?;
    println!("serving on {}", path.display());
    std::io::stdout().flush()?;
    loop {
        let (mut stream, _) = listener.accept()?;
        let answered = answer_reviewer(&mut stream, |request| {
            let opened = holder.open(request);
            let id = report_id_text(&request.id);
            match &opened {
                Ok(_) => eprintln!("opened report {id}"),
                Err(error) => eprintln!("report {id}: {}", printable(&error.to_string())),
            }
            opened
        });
        if let Err(error) = answered {
            eprintln!("a reviewer was not answered: {error}");
        }
    }
}

/// Makes the socket with mode 0600. Takes the place of a socket that no vault serves any more.
fn bind(path: &Path) -> Result<UnixListener, Box<dyn Error>> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    match fs::symlink_metadata(path) {
        Ok(file) if !file.file_type().is_socket() => {
            return Err(format!("{} exists and is not a socket", path.display()).into());
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(format!("another vault serves on {}", path.display()).into());
        }
        Ok(_) => fs::remove_file(path).map_err(failed)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error).into()),
    }
    let before = umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
    let listener = UnixListener::bind(path);
    umask(before);
    Ok(listener.map_err(failed)?)
}

/// The keys, and the file next to which the relay's key is pinned.
struct Holder {
    path: PathBuf,
    keys: VaultKeys,
    old: Vec<VaultKeys>,
}

impl Holder {
    /// Opens an accepted report. The reviewer passed all of it on, so nothing of it is trusted: the
    /// acceptance key must be signed by the pinned relay for this vault, and the report must be
    /// accepted under that key.
    fn open(&self, request: &OpenRequest) -> Result<UnsealedReport, VaultError> {
        let not_opened = |reason: String| VaultError::NotOpened(reason);
        let sealed = &request.acceptance_key;
        let context = acceptance_context(&self.keys.sealing.public().to_bytes(), &sealed.sealed);
        VerifyingKey::from_bytes(&request.relay_key)
            .and_then(|key| key.verify_strict(&context, &Signature::from_bytes(&sealed.signature)))
            .map_err(|_| not_opened("the relay did not sign the acceptance key".to_owned()))?;
        let acceptance_key = unseal_acceptance_key(&self.keys.sealing, &sealed.sealed)
            .map_err(|error| not_opened(error.to_string()))?;
        files::pin(&self.path, &request.relay_key)
            .map_err(|error| not_opened(error.to_string()))?;

        let mut vault = Vault::new(copy(&self.keys)?, acceptance_key);
        for old in &self.old {
            vault = vault.with_old_key(copy(old)?);
        }
        vault
            .open(&request.id, &request.accepted)
            .map_err(|error| match error {
                UnsealError::Rejected(rejection) => VaultError::Rejected {
                    check: rejection.check(),
                    reason: rejection.to_string(),
                },
                error => not_opened(error.to_string()),
            })
    }
}

/// The moderation key again, for a [`Vault`], which owns its keys.
fn copy(keys: &VaultKeys) -> Result<ModerationKeyPair, VaultError> {
    ModerationKeyPair::import(&keys.moderation.export())
        .map_err(|error| VaultError::NotOpened(error.to_string()))
}
