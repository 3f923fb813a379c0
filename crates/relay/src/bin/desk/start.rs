//! `serve`: opens the desk and runs it until it is stopped.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use waxseal_desk::desk::Desk;

use crate::clock::now;
use crate::files::{Folder, Result};
use crate::nonces::Nonces;
use crate::office::Office;
use crate::readers::Readers;
use crate::routes;
use crate::serve::{Stopping, serve};
use crate::state::Server;
use crate::tls::TlsOptions;

/// Maximum number of connections.
const MAX_CONNECTIONS: usize = 1_024;

#[derive(clap::Args)]
pub struct ServeOptions {
    /// The desk's folder
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// The vault's socket
    #[arg(long, value_name = "PATH")]
    vault: PathBuf,
    /// The address of the relay. Its key is pinned at the first start
    #[arg(long, value_name = "URL")]
    relay: String,
    /// The address to listen on; with port 0, the desk picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7700")]
    listen: SocketAddr,
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
    let folder = Folder::new(&options.folder);
    let setup = folder.setup()?;
    let keys = setup.keys.clone();
    let desk = Desk::open(folder.store()?, setup)?;
    let (office, thread) = Office::start(desk)?;
    let relay_key = OnceLock::new();
    if let Some(pinned) = folder.relay_key()? {
        let _ = relay_key.set(pinned);
    }
    let server = Arc::new(Server {
        readers: Arc::new(Readers::open(&folder)?),
        folder,
        keys,
        office,
        relay_key,
        nonces: Mutex::new(Nonces::new(now().as_millis())),
    });
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
    drop(server);
    let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    tracing::info!("stopped");
    Ok(())
}
