//! A relay: takes in what senders sealed, stamps it unread, and delivers it; takes reports in for the reviewer.
//!
//! Read `messages.rs` first, then `deliveries.rs`, `reports.rs` and `reviewer.rs`.

#![allow(
    unreachable_pub,
    missing_docs,
    clippy::arithmetic_side_effects,
    reason = "a program, not a library"
)]

mod accounts;
mod database;
mod deliveries;
mod errors;
mod extract;
mod keys;
mod limits;
mod messages;
mod prekeys;
mod relay;
mod reports;
mod reviewer;
mod serve;
mod tokens;

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing_subscriber::EnvFilter;

use crate::relay::Relay;
use crate::serve::Stopping;

/// How long requests and deliveries under way may take once the relay is told to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// How often the relay looks whether a new day has begun.
const EPOCHS_CHECKED: Duration = Duration::from_secs(600);

/// A Waxseal relay: delivers messages it cannot read, and takes reports it cannot read to the reviewer.
///
/// Keeps its keys and its database in DIR, for itself: DIR/root.key is all that is secret. Prints one line, "listening on
/// http://ADDR", when it is ready, and logs to stderr (RUST_LOG=debug for more). SIGTERM or ctrl-c stops it.
///
/// There is no TLS here: put a TLS proxy in front of a relay that is reached over a network.
#[derive(Parser)]
#[command(after_help = "Example:
  review --key mod.key keygen
  relay --listen 127.0.0.1:7600 --data relay-data --moderation-key mod.key.pub
  chat --home alice --relay http://127.0.0.1:7600 register alice")]
struct Options {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7600")]
    listen: SocketAddr,
    /// Where keys and messages are kept; made if it is not there
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Whom reports are for: made by `review keygen`
    #[arg(long, value_name = "FILE.pub")]
    moderation_key: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();

    let path = options.moderation_key.display();
    let file = fs::read(&options.moderation_key).map_err(|error| format!("{path}: {error}"))?;
    let reviewer = serde_json::from_slice(&file)
        .map_err(|_| format!("{path} is not a FILE.pub of `review keygen`"))?;
    let _lock = keys::lock(&options.data)?;
    // Half for connections, a quarter for WebSockets, the rest for everything else.
    let files = raise_file_limit()?;
    let (stop, stopping) = watch::channel(false);
    let stopping = Stopping(stopping);
    let (working, mut done) = mpsc::channel(1);
    let relay = Relay::open(
        &options.data,
        reviewer,
        files / 4,
        stopping.clone(),
        working,
    )
    .await?;
    let relay = Arc::new(relay);
    tracing::info!(
        relay_key = relay.card.relay_fingerprint(),
        moderation_key = relay.card.moderation_fingerprint(),
        max_connections = files / 2,
        "ready"
    );

    let listener = TcpListener::bind(options.listen).await?;
    say_ready(listener.local_addr()?)?;
    let epochs = tokio::spawn(keep_epochs(relay.clone(), stopping.clone()));
    let serving = serve::serve(listener, relay::router(relay.clone()), files / 2, stopping);
    let serving = tokio::spawn(serving);
    asked_to_stop().await?;
    tracing::info!("stopping");
    let _ = stop.send(true);
    serving.await?;
    epochs.await?;

    // When the last request has dropped the relay, its database is closed.
    drop(relay);
    if tokio::time::timeout(STOP_TIMEOUT, done.recv())
        .await
        .is_err()
    {
        tracing::warn!("some requests were cut off");
    }
    tracing::info!("stopped");
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "whoever started the relay waits for this line"
)]
fn say_ready(address: SocketAddr) -> std::io::Result<()> {
    println!("listening on http://{address}");
    std::io::Write::flush(&mut std::io::stdout())
}

/// Asks for as many open files as this process may have, and returns how many that are: 20,000 at most.
fn raise_file_limit() -> std::io::Result<usize> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(20_000);
    if limit.current.is_some_and(|current| current < wanted) {
        let current = Some(wanted);
        setrlimit(Resource::Nofile, Rlimit { current, ..limit })?;
    }
    Ok(usize::try_from(wanted).unwrap_or(usize::MAX))
}

async fn keep_epochs(relay: Arc<Relay>, mut stopping: Stopping) {
    let mut time = tokio::time::interval(EPOCHS_CHECKED);
    loop {
        tokio::select! {
            _ = time.tick() => {}
            () = stopping.wait() => return,
        }
        if let Err(error) = relay.destroy_old_epochs().await {
            tracing::error!(%error, "epochs cannot be kept");
        }
    }
}

async fn asked_to_stop() -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminated.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}
