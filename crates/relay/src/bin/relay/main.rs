//! A relay. It accepts sealed messages, stamps them without reading them, and delivers them. It
//! also accepts reports for the reviewer.
//!
//! Read `messages.rs` first, then `targets.rs`, `rosters.rs`, `deliveries.rs`, `reports.rs` and
//! `reviewer.rs`. All SQL is in `store.rs` and its folder. `desk.rs` and the files of `desk/` are
//! for a relay that hands reports on to a desk.

#![allow(
    unreachable_pub,
    missing_docs,
    clippy::arithmetic_side_effects,
    reason = "a program, not a library"
)]

mod accounts;
mod answers;
mod blobs;
mod budgets;
mod cache;
mod connected;
mod counts;
mod deliveries;
mod desk;
mod entries;
mod errors;
mod extract;
#[cfg(test)]
mod fixture;
mod group_messages;
mod group_rosters;
mod group_targets;
mod keeping;
mod keys;
mod leave;
mod limits;
mod mailboxes;
mod messages;
mod network;
mod operations;
mod prekeys;
mod process;
#[cfg(feature = "postgres")]
mod relays;
mod reports;
mod reseals;
mod restored;
mod reviewer;
mod rosters;
mod routes;
mod serve;
mod state;
mod store;
mod strangers;
mod targets;
mod time;
mod tls;
mod tokens;

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tracing_subscriber::EnvFilter;

use crate::blobs::options::BlobOptions;
use crate::desk::options::DeskOptions;
use crate::serve::Stopping;
use crate::state::{Place, Relay, Room, Vault};
use crate::store::options::StoreOptions;
use crate::strangers::options::StrangerOptions;
use crate::tls::TlsOptions;

/// Maximum time that open requests, deliveries and the relay's own work get to finish once the
/// relay is told to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// Maximum number of connections that read the metrics.
const MAX_SCRAPERS: usize = 8;

/// How often the relay records how much time has passed, and cleans up.
const TIME_INTERVAL: Duration = Duration::from_secs(60);

/// A Waxseal relay: delivers messages it cannot read, and passes reports it cannot read to the
/// reviewer.
///
/// Keeps its keys and its database in DIR, which no other relay may use. DIR/root.key holds all
/// secrets but the TLS key. Prints "listening on URL" when it is ready, and logs to stderr
/// (RUST_LOG=debug logs more). SIGTERM or ctrl-c stops it.
///
/// If the relay is reached over a network, give it a TLS certificate, or put a TLS proxy in front
/// of it. Behind a proxy, all clients have the proxy's address, and no header is trusted for
/// another.
#[derive(Parser)]
#[command(after_help = "Example, from the Waxseal workspace:
  cargo run --release -p waxseal-relay --bin vault -- --key vault.key keygen
  cargo run --release -p waxseal-relay --bin review -- --key review.key keygen
  cargo run --release -p waxseal-relay --bin relay -- --data relay-data --vault-key vault.key.pub --reviewer-key review.key.pub
  cargo run --release -p waxseal-chat -- --home alice --relay http://127.0.0.1:7600 register alice")]
struct Options {
    /// The address to listen on; with port 0, the relay picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7600")]
    listen: SocketAddr,
    /// The folder for keys and messages; created if it does not exist
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The vault's public keys, made by `vault keygen`; all reports are sealed to this vault. Not
    /// with a desk
    #[arg(long, value_name = "FILE.pub", required_unless_present = "desk")]
    vault_key: Option<PathBuf>,
    /// Public keys that the vault had before, and still opens reports with (`vault serve
    /// --old-key`). Reports that apps sealed to them are still accepted. Can be given several times
    #[arg(long, value_name = "FILE.pub")]
    old_vault_key: Vec<PathBuf>,
    /// The reviewer's public key, made by `review keygen`; only this reviewer can fetch reports.
    /// With a desk, the public key that `desk init` made
    #[arg(long, value_name = "FILE.pub")]
    reviewer_key: PathBuf,
    /// Take the clock's time as right, however far it is from the time that the relay has recorded.
    /// Use it once, after checking the clock, when the log asks for it
    #[arg(long)]
    trust_clock: bool,
    /// The database is from a backup that lacks what came after it. Tells all devices that messages
    /// may be lost, and gives no number again. Use it once, while no other relay runs
    #[arg(long)]
    restored: bool,
    /// A name for this relay among those of a database that several share; without one, a number
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Take the relay with this name out of the database. Its stamp keys then count as destroyed:
    /// destroy its root.key and all copies of it, which no other relay uses any more. Takes half a
    /// minute, and fails if that relay runs. Use it once. Can be given several times
    #[arg(long, value_name = "NAME", requires = "database")]
    forget_process: Vec<String>,
    /// Serve /metrics, /health and /ready on this address of the machine. What it counts tells when
    /// devices write, so it is not served to those who reach the relay
    #[arg(long, value_name = "ADDR")]
    metrics_listen: Option<SocketAddr>,
    /// After SIGTERM, go on for this long while /ready answers 503, so that a load balancer sends
    /// clients elsewhere. A second SIGTERM ends the wait
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    drain: u64,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    desk: DeskOptions,
    #[command(flatten)]
    blobs: BlobOptions,
    #[command(flatten)]
    strangers: StrangerOptions,
    #[command(flatten)]
    tls: TlsOptions,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();

    if let Some(address) = options.metrics_listen.filter(|of| !of.ip().is_loopback()) {
        return Err(format!("--metrics-listen {address} is not an address of this machine").into());
    }
    let vault = match (options.desk.read()?, &options.vault_key) {
        (Some(vault), _) => vault,
        (None, Some(present)) => {
            let old = options.old_vault_key.iter();
            let old: Result<Vec<_>, _> = old.map(|path| public_file(path, "vault")).collect();
            Vault::of_reviewer(&public_file(present, "vault")?, &old?)?
        }
        (None, None) => return Err("give --vault-key or --desk".into()),
    };
    let reviewer = public_file(&options.reviewer_key, "review")?;
    let tls = options.tls.read()?;
    let _lock = keys::lock(&options.data)?;
    // Half of the file descriptors are for connections, a quarter for WebSockets, and the rest for
    // everything else.
    let files = raise_file_limit()?;
    let (stop, stopping) = watch::channel(false);
    let stopping = Stopping(stopping);
    let (working, mut done) = mpsc::channel(1);
    let room = Room {
        sockets: files / 4,
        blobs: options.blobs.room(),
        strangers: options.strangers.read()?,
    };
    let place = Place {
        dir: &options.data,
        database: &options.store,
        name: options.name.as_deref(),
        blobs: options.blobs.place()?,
    };
    let relay = Relay::open(
        place,
        time::system_clocks(),
        vault,
        reviewer,
        room,
        stopping.clone(),
        working,
    )
    .await?;
    // Before anything is removed.
    let restored = options.restored.then_some(process::STOPPED);
    relay.check_database(restored).await?;
    blobs::start::check(&relay, options.blobs.wishes()).await?;
    // To trust its clock, a relay may have to be alone.
    for name in &options.forget_process {
        relay.forget_process(name, process::SILENCE).await?;
    }
    if options.trust_clock {
        relay.trust_clock().await?;
    }
    relay.keep_time().await?;
    let relay = Arc::new(relay);
    #[cfg(feature = "postgres")]
    let changed = relays::hear(&relay);
    tracing::info!(
        relay_key = relay.card.relay_fingerprint(),
        moderation_key = relay.card.moderation_fingerprint(),
        max_connections = files / 2,
        "ready"
    );

    let listener = TcpListener::bind(options.listen).await?;
    // From here on SIGTERM stops the relay in order.
    let mut terminated = signal(SignalKind::terminate())?;
    let tls = match tls {
        Some(tls) => {
            let (config, tls) = watch::channel(tls);
            let hung_up = signal(SignalKind::hangup())?;
            tokio::spawn(options.tls.read_again(hung_up, config));
            Some(tls)
        }
        None => None,
    };
    say_ready(tls.is_some(), listener.local_addr()?)?;
    let time = tokio::spawn(keep_time(relay.clone(), stopping.clone()));
    let beating = tokio::spawn(beat(relay.clone(), stopping.clone()));
    let cleaning = tokio::spawn(clean_up(relay.clone(), stopping.clone()));
    #[cfg(feature = "postgres")]
    let checking = relays::check_connections(relay.clone(), changed, stopping.clone());
    #[cfg(feature = "postgres")]
    let checking = tokio::spawn(checking);
    let at_desk = tokio::spawn(desk::work(relay.clone(), stopping.clone()));
    // The operator can ask until the last connection has ended.
    let (served, measuring) = watch::channel(false);
    if let Some(address) = options.metrics_listen {
        let listener = TcpListener::bind(address).await?;
        tracing::info!("metrics on http://{}", listener.local_addr()?);
        tokio::spawn(serve::serve(
            listener,
            operations::router(relay.clone()),
            None,
            MAX_SCRAPERS,
            Stopping(measuring),
        ));
    }
    let router = routes::router(relay.clone());
    let serving = tokio::spawn(serve::serve(listener, router, tls, files / 2, stopping));
    tokio::select! {
        asked = asked_to_stop(&mut terminated) => asked?,
        why = relay.process.ended() => return Err(why.into()),
    }
    relay.counts.drain();
    tracing::info!("stopping");
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(options.drain)) => {}
        asked = asked_to_stop(&mut terminated) => asked?, // for the second time
    }
    let _ = stop.send(true);
    let stopped = async {
        serving.await?;
        time.await?;
        beating.await?;
        cleaning.await?;
        at_desk.await?;
        #[cfg(feature = "postgres")]
        checking.await?;
        let _ = served.send(true);
        // The database is closed once the last request has dropped its reference to the relay. It
        // waits for its threads, so that a task must not do it.
        std::thread::spawn(move || drop(relay));
        done.recv().await;
        Ok::<_, tokio::task::JoinError>(())
    };
    match tokio::time::timeout(STOP_TIMEOUT, stopped).await {
        Ok(stopped) => stopped?,
        Err(_) => tracing::warn!("some requests were cut off"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// Reads a FILE.pub that this command's `keygen` made.
fn public_file<T: serde::de::DeserializeOwned>(
    path: &Path,
    command: &str,
) -> Result<T, Box<dyn Error>> {
    let shown = path.display();
    let file = fs::read(path).map_err(|error| format!("{shown}: {error}"))?;
    Ok(serde_json::from_slice(&file)
        .map_err(|_| format!("{shown} is not a FILE.pub of `{command} keygen`"))?)
}

#[expect(
    clippy::print_stdout,
    reason = "the process that started the relay waits for this line"
)]
fn say_ready(is_tls: bool, address: SocketAddr) -> std::io::Result<()> {
    let scheme = if is_tls { "https" } else { "http" };
    println!("listening on {scheme}://{address}");
    std::io::Write::flush(&mut std::io::stdout())
}

/// Raises the number of files this process may open as far as the system allows, to 20,000 at most.
/// Returns the new limit, or 20,000 if the limit was higher already.
fn raise_file_limit() -> std::io::Result<usize> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(20_000);
    if limit.current.is_some_and(|current| current < wanted) {
        let current = Some(wanted);
        setrlimit(Resource::Nofile, Rlimit { current, ..limit })?;
    }
    Ok(usize::try_from(wanted).unwrap_or(usize::MAX))
}

async fn keep_time(relay: Arc<Relay>, mut stopping: Stopping) {
    let mut time = tokio::time::interval(TIME_INTERVAL);
    loop {
        tokio::select! {
            _ = time.tick() => {}
            () = stopping.wait() => return,
        }
        if let Err(error) = relay.keep_time().await {
            tracing::error!(%error, "time could not be recorded");
            time.reset_after(process::BEAT); // the relay is not ready until it is
        }
    }
}

/// Cleans up, which may take longer than time may go unrecorded.
async fn clean_up(relay: Arc<Relay>, mut stopping: Stopping) {
    let mut turns = tokio::time::interval(TIME_INTERVAL);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let cleaning = async {
        loop {
            turns.tick().await;
            // A failure is in the log already, and the next turn goes on. So does a later start.
            let _ = relay.clean_up().await;
        }
    };
    tokio::select! {
        () = cleaning => {}
        () = stopping.wait() => {}
    }
}

/// Confirms every few seconds, if there may be other relays.
async fn beat(relay: Arc<Relay>, mut stopping: Stopping) {
    if !relay.process.me.is_shared {
        return;
    }
    let mut beats = tokio::time::interval(process::BEAT);
    let mut is_failing = false;
    loop {
        tokio::select! {
            _ = beats.tick() => {}
            () = stopping.wait() => return,
        }
        let beat = relay.beat().await;
        match &beat {
            Err(error) if !is_failing => {
                tracing::error!(%error, "not confirmed: messages are refused until it is");
            }
            Ok(()) if is_failing => tracing::info!("confirmed again"),
            _ => {}
        }
        is_failing = beat.is_err();
    }
}

async fn asked_to_stop(terminated: &mut Signal) -> std::io::Result<()> {
    tokio::select! {
        _ = terminated.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}
