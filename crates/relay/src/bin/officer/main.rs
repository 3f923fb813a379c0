//! The officer's own program: holds the officer's key, and shows pages for the work with reports on
//! this machine alone.
//!
//! Code of a page that came from the desk's server could sign anything with a key in the browser.
//! So the pages come from here, have no script, and the key never leaves this program. Read
//! `pages/confirm.rs` and `pages/sign.rs` first: they show what is signed, and sign it.

#![allow(unreachable_pub, missing_docs, reason = "a program, not a library")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output")]

mod app;
mod checks;
mod clock;
mod command;
mod fetch;
mod fields;
mod files;
mod form;
mod guard;
mod html;
mod page;
mod pages;
mod parts;
mod pictures;
mod prepared;
mod problem;
mod routes;
mod seen;
mod serve;
mod session;
mod terminal;
mod text;
mod views;
mod words;

use std::error::Error;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use waxseal_desk::officer::OfficerKey;
use waxseal_interface::HttpRequest;
use waxseal_interface::http::Link;
use waxseal_log::keys::LogKeys;
use waxseal_relay::desk::{DeskCard, DeskClient, Hex, read_json};
use waxseal_relay::system_rng;

use crate::app::App;
use crate::clock::now;
use crate::command::{Officer, Step};
use crate::seen::SeenPolicy;
use crate::session::Sessions;
use crate::terminal::{listen, say_link};
use crate::views::Views;

/// Maximum time for a request to the desk. An opening waits for the vault and for witnesses.
const PATIENCE: Duration = Duration::from_secs(60);

/// An officer's own program for the work with reports: it holds the key, and shows pages in the
/// browser of this machine. With a command it does one step, and shows no pages.
#[derive(Parser)]
#[command(
    subcommand_precedence_over_arg = true,
    after_help = "Example, from the Waxseal workspace:
  cargo run --release -p waxseal-relay --bin officer -- --key alice.key keygen
  cargo run --release -p waxseal-relay --bin officer -- --key alice.key --desk http://127.0.0.1:7700"
)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    work: Work,
}

#[derive(Subcommand)]
enum Command {
    /// Make FILE, and print the officer's public key for the policy
    Keygen,
    #[command(flatten)]
    Step(Step),
}

#[derive(clap::Args)]
struct Work {
    /// The file with the officer's secret key; FILE.desk pins the desk at first use
    #[arg(long, value_name = "FILE", global = true)]
    key: Option<PathBuf>,
    /// The address of the desk, as https://HOST:PORT, or http://HOST:PORT on this machine
    #[arg(long, value_name = "URL", global = true)]
    desk: Option<String>,
    /// Accept only TLS certificates by the authorities in this PEM file
    #[arg(long, value_name = "FILE", global = true)]
    ca: Option<PathBuf>,
    /// Allow http:// to another machine. The network then reads what is opened
    #[arg(long, conflicts_with = "ca", global = true)]
    plain_http: bool,
    /// Where the pages are served, on this machine only
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

fn main() -> ExitCode {
    let Ok(runtime) = tokio::runtime::Runtime::new() else {
        return ExitCode::FAILURE;
    };
    let code = runtime.block_on(run());
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

async fn run() -> ExitCode {
    let Options { command, work } = Options::parse();
    let done = match command {
        Some(Command::Keygen) => work.key().and_then(keygen),
        Some(Command::Step(step)) => do_step(work, step).await,
        None => serve_pages(work).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The error may quote the desk, so it is made safe to print.
            let shown = pages::case::shown_name(&error.to_string());
            eprintln!("officer: {shown}");
            ExitCode::FAILURE
        }
    }
}

fn keygen(path: &Path) -> Result<(), Box<dyn Error>> {
    let key = OfficerKey::generate(&mut system_rng());
    files::write_key(path, &key)?;
    println!("{}", Hex(*key.id().as_bytes()));
    Ok(())
}

/// Does one step, and prints what came of it.
async fn do_step(work: Work, step: Step) -> Result<(), Box<dyn Error>> {
    let done = tokio::task::spawn_blocking(move || {
        let done = reach(&work).and_then(|officer| officer.run(step));
        done.map_err(|error| error.to_string())
    });
    print!("{}", done.await??);
    Ok(std::io::stdout().flush()?)
}

async fn serve_pages(work: Work) -> Result<(), Box<dyn Error>> {
    if !work.listen.ip().is_loopback() {
        return Err("the pages are for this machine alone: listen on 127.0.0.1 or [::1]".into());
    }
    let (app, listener) = {
        let listener = std::net::TcpListener::bind(work.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let app = tokio::task::spawn_blocking(move || {
            open(&work, address).map_err(|error| error.to_string())
        });
        (Arc::new(app.await??), TcpListener::from_std(listener)?)
    };
    // From here on SIGTERM stops the program in order.
    let mut terminated = signal(SignalKind::terminate())?;
    let code = app.sessions().code();
    say_link(&app, &code.unwrap_or_default())?;
    listen(Arc::clone(&app));
    tokio::spawn(close_old_views(Arc::clone(&app)));
    let router = routes::router(Arc::clone(&app));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let serving = tokio::spawn(serve::serve(listener, router, stopped));
    tokio::select! {
        _ = terminated.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    app.close(Views::close_all);
    app.sessions().leave();
    let _ = stop.send(true);
    let _ = serving.await;
    // A request that was under way may have opened a view.
    app.close(Views::close_all);
    Ok(())
}

impl Work {
    fn key(&self) -> Result<&Path, Box<dyn Error>> {
        Ok(self.key.as_deref().ok_or("give --key FILE")?)
    }
}

/// Reads the key, asks the desk who it is, and pins it at first use.
fn reach(work: &Work) -> Result<Officer, Box<dyn Error>> {
    let path = work.key()?;
    let key = files::read_key(path)?;
    let url = work.desk.as_deref().ok_or("give --desk URL")?;
    let link = match &work.ca {
        Some(path) => {
            let pem = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Link::with_ca(url, &pem)?
        }
        None if work.plain_http => Link::with_plain_http(url)?,
        None => Link::new(url)?,
    };
    let (keys, desk) = pinned_desk(path, &key, link.within(PATIENCE))?;
    let seen = SeenPolicy::of(path);
    Ok(Officer {
        key,
        keys,
        desk,
        seen,
    })
}

fn open(work: &Work, listen: SocketAddr) -> Result<App, Box<dyn Error>> {
    let Officer {
        key,
        keys,
        desk,
        seen,
    } = reach(work)?;
    let rng = &mut system_rng();
    let mut base = [0; 16];
    rand_core::Rng::fill_bytes(rng, &mut base);
    Ok(App {
        desk,
        keys,
        seen,
        base: format!("/{}", Hex(base)),
        host: listen.to_string(),
        sessions: Mutex::new(Sessions::new(Instant::now(), rng)),
        views: Mutex::new(Views::default()),
        key,
    })
}

/// The desk, which is the pinned one. The first one is pinned.
fn pinned_desk(
    path: &Path,
    key: &OfficerKey,
    link: Link,
) -> Result<(LogKeys, DeskClient), Box<dyn Error>> {
    let first = files::pinned(path)?;
    let keys = match &first {
        Some(keys) => keys.clone(),
        None => public_keys(&link)?,
    };
    let desk = DeskClient::new(link, keys.origin());
    let body = desk.get(key, "/v1/desk", now(), &mut system_rng());
    let card: DeskCard = read_json(&body?)?;
    files::check_pinned(path, &keys, &card)?;
    if first.is_none() {
        files::pin(path, &keys)?;
        eprintln!(
            "pinned the desk {}, log key {}, policy key {}. Compare them with what your provider \
             says",
            keys.origin(),
            Hex(keys.log().id()),
            keys.policy()
                .map_or("none".to_owned(), |key| Hex(*key.as_bytes()).to_string()),
        );
    }
    Ok((keys, desk))
}

/// The keys of the desk's log, as everyone can fetch them.
fn public_keys(link: &Link) -> Result<LogKeys, Box<dyn Error>> {
    let request = HttpRequest {
        method: "GET",
        path: "/log/keys".to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let answer = link.call(&request)?;
    let keys = std::str::from_utf8(&answer.body).ok();
    let keys = keys.filter(|_| answer.status == 200);
    let keys = keys.and_then(|keys| keys.parse().ok());
    Ok(keys.ok_or("the desk's server does not tell the keys of its log at /log/keys")?)
}

async fn close_old_views(app: Arc<App>) {
    let mut time = tokio::time::interval(Duration::from_secs(30));
    loop {
        time.tick().await;
        let now = Instant::now();
        app.close(|views| views.close_old(now));
        app.sessions().forget_old(now);
    }
}
