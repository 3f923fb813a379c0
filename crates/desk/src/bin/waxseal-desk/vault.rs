//! `vault`: sets up a vault, pins the keys of its log, and runs it as a process of its own.

mod init;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use lexopt::{Arg, ValueExt as _};
use waxseal_desk::vault::LocalVault;
use waxseal_desk::vault::process::{Endpoint, VaultFolder, serve};
use waxseal_reporting::Timestamp;

use crate::files::shown;
use crate::problem::{Outcome, Unusable};
use crate::text::printable;
use crate::usage::{VAULT, refuse};

/// The command line.
#[derive(Default)]
struct Arguments {
    /// `init` or `pin`.
    step: Option<String>,
    folder: Option<PathBuf>,
    socket: Option<PathBuf>,
    listen: Option<SocketAddr>,
    name: Option<String>,
    keys: Option<PathBuf>,
    acceptance: Option<PathBuf>,
    public: Option<PathBuf>,
    pinned: Option<PathBuf>,
}

pub fn run(mut parser: lexopt::Parser) -> Result<Outcome, Unusable> {
    let mut arguments = Arguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("folder") => arguments.folder = Some(parser.value()?.into()),
            Arg::Long("socket") => arguments.socket = Some(parser.value()?.into()),
            Arg::Long("listen") => arguments.listen = Some(parser.value()?.parse()?),
            Arg::Long("name") => arguments.name = Some(parser.value()?.string()?),
            Arg::Long("keys") => arguments.keys = Some(parser.value()?.into()),
            Arg::Long("acceptance") => arguments.acceptance = Some(parser.value()?.into()),
            Arg::Long("public") => arguments.public = Some(parser.value()?.into()),
            Arg::Long("pinned") => arguments.pinned = Some(parser.value()?.into()),
            Arg::Long("help") | Arg::Short('h') => return Ok(VAULT.show()),
            Arg::Value(step) if arguments.step.is_none() && (step == "init" || step == "pin") => {
                arguments.step = Some(step.string()?);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let step = arguments.step.take();
    match (step.as_deref(), arguments) {
        (
            Some("pin"),
            Arguments {
                folder: Some(folder),
                keys: Some(keys),
                name: None,
                acceptance: None,
                public: None,
                pinned: None,
                socket: None,
                listen: None,
                ..
            },
        ) => init::pin(&folder, &keys),
        (Some("pin"), _) => Err(refuse(&VAULT, "keys are pinned with --folder and --keys")),
        (
            Some(_),
            Arguments {
                folder: Some(folder),
                name: Some(name),
                keys: Some(keys),
                acceptance: Some(acceptance),
                public: Some(public),
                pinned,
                socket: None,
                listen: None,
                ..
            },
        ) => {
            let files = init::Files {
                keys: &keys,
                acceptance: &acceptance,
                public: &public,
                pinned: pinned.as_deref(),
            };
            init::init(&folder, &name, &files)
        }
        (Some(_), _) => Err(refuse(
            &VAULT,
            "a vault is set up with --folder, --name, --keys, --acceptance and --public",
        )),
        (
            None,
            Arguments {
                folder: Some(folder),
                socket,
                listen,
                name: None,
                keys: None,
                acceptance: None,
                public: None,
                pinned: None,
                ..
            },
        ) => match (socket, listen) {
            (Some(path), None) => run_vault(folder, &Endpoint::Socket(path)),
            (None, Some(address)) => run_vault(folder, &Endpoint::Port(address)),
            _ => Err(refuse(&VAULT, "give either --socket or --listen")),
        },
        _ => Err(refuse(
            &VAULT,
            "a vault runs with --folder, and --socket or --listen",
        )),
    }
}

/// Answers until the process is ended.
fn run_vault(folder: PathBuf, endpoint: &Endpoint) -> Result<Outcome, Unusable> {
    let name = shown(&folder);
    let opened = VaultFolder::new(folder).open();
    let (vault, memory) = opened.map_err(|error| failed(&name, &error))?;
    let place = |endpoint: &Endpoint| match endpoint {
        Endpoint::Socket(path) => shown(path),
        Endpoint::Port(address) => address.to_string(),
    };
    let listener = endpoint
        .listen()
        .map_err(|error| failed(&place(endpoint), &error))?;
    let endpoint = listener
        .endpoint()
        .map_err(|error| failed(&place(endpoint), &error))?;
    let mut out = std::io::stdout();
    // The vault runs without a reader of its output too.
    let _ = writeln!(out, "serving on {}", place(&endpoint)).and_then(|()| out.flush());
    let vault = LocalVault::new(vault, memory, UnwrapErr(SysRng));
    let ended = serve(&listener, vault, now, &AtomicBool::new(false));
    ended.map_err(|error| failed(&place(&endpoint), &error))?;
    Ok(Outcome::of_text(String::new()))
}

/// The time of this computer. Before 1970 it is 0, and then no witness's cosignature is in time.
fn now() -> Timestamp {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

fn failed(what: &str, error: &impl std::fmt::Display) -> Unusable {
    Unusable(format!("{what}: {}", printable(&error.to_string())))
}
