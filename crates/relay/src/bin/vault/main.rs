//! The vault: holds the keys that open reports, and opens accepted reports for the reviewers, who
//! hold none of them.
//!
//! Read `open` in this file first: it checks what a reviewer passes on from the relay.

#![allow(unreachable_pub, missing_docs, reason = "a program, not a library")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output")]

#[path = "../review/files.rs"]
mod files;
#[path = "../review/reach.rs"]
mod reach;
#[path = "../review/text.rs"]
mod text;

use std::error::Error;
use std::fs::{self, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ed25519_dalek::{Signature, VerifyingKey};
use rustix::fs::Mode;
use rustix::process::umask;
use waxseal_interface::report_id_text;
use waxseal_relay::{
    OpenRequest, VaultError, VaultKeys, acceptance_context, answer_reviewer, system_rng,
    unseal_acceptance_keys,
};
use waxseal_reporting::vault::{ModerationKeyPair, Unseal, UnsealError, UnsealedReport, Vault};

use crate::reach::RelayOptions;
use crate::text::printable;

/// Opens the reports that a Waxseal relay accepted, for reviewers who hold no key.
///
/// FILE holds the moderation key, which opens reports, and the key to which the relay seals its
/// acceptance key. Run the vault as a user of its own, so that reviewers cannot read FILE. They ask
/// over a Unix socket. At its first start the vault fetches the relay's key and pins it in
/// FILE.relay. Compare the fingerprint that it prints with the one that the relay logs.
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
    /// Open reports for reviewers until stopped; prints "serving on PATH" when ready. The relay is
    /// asked only if no relay key is pinned yet
    Serve {
        /// The socket to make; only the user who runs the vault can use it, or also a --group
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
        /// The number of the reviewers' group. Its members can then use the socket, and cannot read
        /// FILE
        #[arg(long, value_name = "GID")]
        group: Option<u32>,
        #[command(flatten)]
        relay: RelayOptions,
        /// A key file of before, for reports that were sealed to its moderation key; also one that
        /// an earlier version's `review keygen` made
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
        Command::Serve {
            socket,
            group,
            relay,
            old_key,
        } => {
            let old = old_key.iter().map(|path| read_old(path));
            let holder = Holder {
                keys: read(&options.key)?,
                old: old.collect::<Result<_, _>>()?,
                relay_key: relay_key(&options.key, relay)?,
            };
            serve(socket, *group, &holder)
        }
    }
}

fn read(path: &Path) -> Result<VaultKeys, Box<dyn Error>> {
    let keys = VaultKeys::import(&files::read_secret(path)?);
    keys.ok_or_else(|| format!("{} was not made by `vault keygen`", path.display()).into())
}

/// The moderation key of an old key file. Before there was a vault, `review keygen` wrote it first:
/// `moderation key pair 33 || reviewer key 32 || sealing key 32`.
fn read_old(path: &Path) -> Result<ModerationKeyPair, Box<dyn Error>> {
    const REVIEWERS_FILE_LEN: usize = 97;
    let bytes = files::read_secret(path)?;
    match bytes.split_at_checked(33) {
        Some((pair, _)) if bytes.len() == REVIEWERS_FILE_LEN => {
            Ok(ModerationKeyPair::import(pair)?)
        }
        _ => Ok(read(path)?.moderation),
    }
}

/// The relay's key: the pinned one, or that of the relay at this address, which is then pinned.
///
/// A reviewer must not choose it: the holder of the relay's key decides which reports count as
/// accepted.
fn relay_key(path: &Path, relay: &RelayOptions) -> Result<[u8; 32], Box<dyn Error>> {
    if let Some(pinned) = files::pinned(path)? {
        return Ok(pinned);
    }
    let card = relay.client().and_then(|relay| Ok(relay.card()?));
    let url = &relay.relay;
    let card = card.map_err(|error| {
        format!("no relay key is pinned, and {url} gives none: {error}. Start the relay first, or give --relay")
    })?;
    files::pin(path, &card.relay_key)?;
    Ok(card.relay_key)
}

/// Answers one reviewer after the other, one request per connection.
fn serve(path: &Path, group: Option<u32>, holder: &Holder) -> Result<(), Box<dyn Error>> {
    let listener = bind(path)?;
    if let Some(group) = group {
        chown(path, None, Some(group))?;
        fs::set_permissions(path, Permissions::from_mode(0o660))?;
    }
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

/// The keys, and the relay's key that was pinned.
struct Holder {
    keys: VaultKeys,
    old: Vec<ModerationKeyPair>,
    relay_key: [u8; 32],
}

impl Holder {
    /// Opens an accepted report. The reviewer passed all of it on, so nothing of it is trusted: the
    /// acceptance keys must be signed by the pinned relay for this vault, and the report must be
    /// accepted under them.
    fn open(&self, request: &OpenRequest) -> Result<UnsealedReport, VaultError> {
        let not_opened = |reason: String| VaultError::NotOpened(reason);
        if request.relay_key != self.relay_key {
            let reason = "another relay than the one whose key the vault pinned";
            return Err(not_opened(reason.to_owned()));
        }
        let sealed = &request.acceptance_keys;
        let context = acceptance_context(&self.keys.sealing.public().to_bytes(), &sealed.sealed);
        VerifyingKey::from_bytes(&self.relay_key)
            .and_then(|key| key.verify_strict(&context, &Signature::from_bytes(&sealed.signature)))
            .map_err(|_| not_opened("the relay did not sign the acceptance keys".to_owned()))?;
        let acceptance_keys = unseal_acceptance_keys(&self.keys.sealing, &sealed.sealed)
            .map_err(|error| not_opened(error.to_string()))?;
        let mut vault = Vault::new(copy(&self.keys.moderation)?, acceptance_keys.present);
        if let Some(old) = acceptance_keys.old {
            vault = vault.with_old_acceptance_key(old);
        }
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

/// A moderation key again, for a [`Vault`], which owns its keys.
fn copy(key: &ModerationKeyPair) -> Result<ModerationKeyPair, VaultError> {
    ModerationKeyPair::import(&key.export())
        .map_err(|error| VaultError::NotOpened(error.to_string()))
}
