//! `serve`: opens the desk and runs it until it is stopped.

use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use waxseal_desk::desk::Desk;
use waxseal_desk::publish::{Delay, Published};
use waxseal_desk::store::Store as _;
use waxseal_desk::vault::process::{Endpoint, VaultClient};

use crate::asks::{Rounds, Wake};
use crate::clock::now;
use crate::database::DatabaseOptions;
use crate::export_targets::Targets;
use crate::files::{Folder, Result};
use crate::health::{Health, Metrics};
use crate::keeper::{self, Keeper};
use crate::mark::{self, Mark};
use crate::nonces::Nonces;
use crate::office::Office;
use crate::opened::Opened;
use crate::readers::Readers;
use crate::relay::{RelayCalls, RelayOptions};
use crate::room::Rooms;
use crate::rounds;
use crate::serve::{Stopping, serve};
use crate::state::Server;
use crate::tls::TlsOptions;
use crate::todo::Todo;
use crate::witnesses::{WitnessArgument, Witnesses};
use crate::{outbox, routes};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Maximum number of connections.
const MAX_CONNECTIONS: usize = 1_024;
/// Maximum number of connections that read the metrics.
const MAX_SCRAPERS: usize = 8;

#[derive(clap::Args)]
pub struct ServeOptions {
    /// The desk's folder
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// The vault's socket
    #[arg(long, value_name = "PATH")]
    vault: PathBuf,
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    relay: RelayOptions,
    /// The address to listen on; with port 0, the desk picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7700")]
    listen: SocketAddr,
    /// Where a witness of the log is asked. Can be given several times
    #[arg(long, value_name = "NAME+ID+KEY=URL")]
    witness: Vec<WitnessArgument>,
    /// Days for which a case is kept after its last decision. Then its content is erased
    #[arg(long, value_name = "DAYS", default_value_t = 180)]
    keep_days: u32,
    /// Hours for which entries of the log stay private. Less than seven days tells which report of
    /// these days an entry is about
    #[arg(long, value_name = "HOURS", default_value_t = 168)]
    publish_after: u32,
    /// Serve /metrics on this address of the machine. What it counts tells when someone is
    /// reported, so it is not served to those who reach the desk
    #[arg(long, value_name = "ADDR")]
    metrics_listen: Option<SocketAddr>,
    /// Listen on an address of the network without TLS, for a TLS proxy in front of the desk
    #[arg(long)]
    plain_http: bool,
    #[command(flatten)]
    tls: TlsOptions,
}

pub fn run(options: &ServeOptions) -> Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run_desk(options))
}

async fn run_desk(options: &ServeOptions) -> Result<()> {
    let tls = options.tls.read().map_err(|error| error.to_string())?;
    if tls.is_none() && !options.listen.ip().is_loopback() && !options.plain_http {
        let why = "is reached over the network: give --tls-cert and --tls-key, or --plain-http";
        return Err(format!("{} {why}", options.listen).into());
    }
    if let Some(address) = options.metrics_listen.filter(|of| !of.ip().is_loopback()) {
        return Err(format!("--metrics-listen {address} is not an address of this machine").into());
    }
    let folder = Folder::new(&options.folder);
    let _lock = folder.lock()?;
    // Connections to a database are made and waited for in this thread.
    let folder = tokio::task::block_in_place(|| {
        let url = options.database.database.as_ref();
        url.map_or(Ok(()), |url| folder.use_database(url))?;
        take_place(folder)
    })?;
    // The process before may have taken requests up to the time when it let go of the lock.
    let started = now();
    let setup = folder.setup()?;
    let keys = setup.keys.clone();
    let witnesses = Witnesses::new(&keys, &options.witness)?;
    let open =
        || Ok::<_, Box<dyn Error + Send + Sync>>(Desk::open(folder.store()?, folder.setup()?)?);
    let (desk, follower, readers, mark) = tokio::task::block_in_place(|| {
        let desk = Desk::open(folder.store()?, setup)?;
        let mark = match folder.database()? {
            Some(_) => {
                let store = folder.store()?;
                mark::check_clock(now().as_millis(), store.clock()?)?;
                Mark::in_database(store)?
            }
            None => Mark::open(folder.path("requests.mark"))?,
        };
        Ok::<_, Box<dyn Error + Send + Sync>>((desk, open()?, Readers::open(&folder)?, mark))
    })?;
    if let Err(why) = mark::check_floor(now().as_millis(), mark.floor_ms()) {
        tracing::error!("{why}");
    }
    let (office, acting) = Office::start(desk)?;
    let relay_key = OnceLock::new();
    if let Some(pinned) = folder.relay_key()? {
        let _ = relay_key.set(pinned);
    }
    let (rounds, asked) = Rounds::new();
    let (wake, woken) = Wake::new();
    let (outbox, to_send) = Wake::new();
    let server = Arc::new(Server {
        readers: Arc::new(readers),
        folder: folder.clone(),
        keys,
        office,
        vault: VaultClient::new(Endpoint::Socket(options.vault.clone())),
        rounds,
        keeper: wake,
        targets: Targets::read(&folder)?,
        outbox,
        relay_key,
        relay: RelayCalls::new(&options.relay, &folder)?,
        nonces: Mutex::new(Nonces::new(started.as_millis().max(mark.floor_ms()))),
        rooms: Rooms::default(),
        counted: tokio::sync::Mutex::default(),
        mark: Mutex::new(mark),
        health: Health::default(),
        metrics: Metrics::default(),
        openings: Opened::default(),
        stopping: AtomicBool::new(false),
    });
    let keeper = Keeper {
        server: server.clone(),
        todo: Todo::open(&folder)?,
        keep_ms: u64::from(options.keep_days) * DAY_MS,
        delay: Delay {
            ms: u64::from(options.publish_after) * HOUR_MS,
        },
        refused: HashMap::new(),
        has_traces: true,
        published: Published::default(),
    };
    let keeping = spawn("keeper", move || keeper::run(keeper, &woken))?;
    let shared = server.clone();
    let sending = spawn("outbox", move || outbox::run(&shared, &to_send))?;
    let shared = server.clone();
    let following = spawn("rounds", move || {
        rounds::run(&shared, &asked, follower, &witnesses);
    })?;
    let (stop, stopping) = watch::channel(false);
    let stopping = Stopping(stopping);
    let listener = TcpListener::bind(options.listen).await?;
    let mut terminated = signal(SignalKind::terminate())?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let tls = match tls {
        Some(tls) => {
            let (config, tls) = watch::channel(tls);
            let hung_up = signal(SignalKind::hangup())?;
            tokio::spawn(options.tls.clone().read_again(hung_up, config));
            Some(tls)
        }
        None => None,
    };
    println!("listening on {scheme}://{}", listener.local_addr()?);
    std::io::Write::flush(&mut std::io::stdout())?;
    if let Some(address) = options.metrics_listen {
        let listener = TcpListener::bind(address).await?;
        tracing::info!("metrics on http://{}", listener.local_addr()?);
        let router = routes::metrics_router(server.clone());
        tokio::spawn(serve(
            listener,
            router,
            None,
            MAX_SCRAPERS,
            stopping.clone(),
        ));
    }
    let router = routes::router(server.clone());
    let serving = serve(listener, router, tls, MAX_CONNECTIONS, stopping);
    let serving = tokio::spawn(serving);
    tokio::select! {
        _ = terminated.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    tracing::info!("stopping");
    let _ = stop.send(true);
    serving.await?;
    server.stop();
    drop(server);
    for thread in [keeping, following, sending, acting] {
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }
    tracing::info!("stopped");
    Ok(())
}

/// Makes sure that no other server works over the folder's database.
#[cfg(feature = "postgres")]
fn take_place(folder: Folder) -> Result<Folder> {
    let Some(url) = folder.database()? else {
        return Ok(folder);
    };
    let place = crate::database::Place::wait(&url)?;
    let folder = folder.while_stored(place.row());
    place.keep()?;
    Ok(folder)
}

#[cfg(not(feature = "postgres"))]
fn take_place(folder: Folder) -> Result<Folder> {
    Ok(folder)
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(run)
}
