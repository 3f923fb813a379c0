//! Measures relays as their users see them: messages through HTTP and WebSockets, each stamped,
//! stored and delivered, while servers are killed if asked for.

mod accepting;
mod device;
mod http;
mod load;
mod outcome;
mod processor;
mod servers;
mod store;
mod trouble;
mod verdict;

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

pub use self::outcome::Outcome;
pub use self::store::alone as store_alone;
pub use self::verdict::{Sent, Shown, Verdict, percentile_ms};

use self::device::{Device, other};
use self::load::{Contact, Phase, Recipient, Sender, Shared};
use self::servers::Servers;
use self::trouble::Kills;
use crate::clock::CpuInstant;

/// What to load, and for how long.
#[derive(Args, Clone, Debug)]
pub struct RelayOptions {
    /// Keep everything in PostgreSQL instead of SQLite.
    #[arg(long)]
    pub postgres: bool,
    /// How many relays share the database. More than one needs --postgres.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub relays: usize,
    /// How long the clock runs.
    #[arg(long, value_name = "S", default_value_t = 10)]
    pub seconds: u64,
    /// How many devices send. As many receive.
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub senders: usize,
    /// Kill relays and the database at random times: 100 and 9 in 90 seconds.
    #[arg(long)]
    pub kill: bool,
    /// Measure the store alone, without HTTP, stamps and deliveries.
    #[arg(long, conflicts_with_all = ["relays", "senders", "kill"])]
    pub store: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

impl RelayOptions {
    fn engine(&self) -> &'static str {
        match self.postgres {
            true => "postgres",
            false => "sqlite",
        }
    }
}

/// To how many recipients a device sends, in turn, so that each recipient has as many senders.
const CONTACTS: usize = 4;

/// How long nothing may come before the recipients connect again, and before the rest is lost.
const QUIET: Duration = Duration::from_secs(10);

/// Loads relays, and checks what became of every message.
///
/// # Errors
/// A server does not start, a relay refuses what it should not, or no relay answers for a minute.
pub fn run(options: &RelayOptions) -> io::Result<Outcome> {
    if options.relays == 0 || options.senders == 0 || options.seconds == 0 {
        return Err(other("give at least one relay, one sender and one second"));
    }
    if options.relays > 1 && !options.postgres {
        return Err(other("only --postgres is for several relays"));
    }
    allow_files(options.senders)?;
    let servers = Arc::new(Servers::start(options.postgres, options.relays)?);
    let shared = Arc::new(Shared::new(servers.ports()));
    // One thread, which leaves the rest of the machine to the servers.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (senders, recipients) = runtime.block_on(register(options, &shared))?;
    servers.start_others()?;
    runtime.block_on(load(options, &servers, &shared, senders, recipients))
}

/// Registers all devices at the first relay. Each recipient accepts its senders, as people do who
/// write to each other.
async fn register(
    options: &RelayOptions,
    shared: &Shared,
) -> io::Result<(Vec<Sender>, Vec<Recipient>)> {
    let count = options.senders;
    let port = shared.ports[0].load(Relaxed);
    let mut recipients = Vec::new();
    for number in 0..count {
        let device = Device::register(number, port).await?;
        recipients.push(Recipient { number, device });
    }
    let mut senders = Vec::new();
    for number in 0..count {
        let device = Device::register(count + number, port).await?;
        let mut contacts = Vec::new();
        for contact in number..number + CONTACTS.min(count) {
            let contact = &mut recipients[contact % count];
            contact.accept(&device.me.account, port).await?;
            contacts.push(Contact {
                number: contact.number,
                account: contact.device.me.account.clone(),
                token: None,
            });
        }
        let mut sender = Sender {
            number,
            device,
            contacts,
        };
        sender.take_tokens(port).await?;
        senders.push(sender);
    }
    Ok((senders, recipients))
}

async fn load(
    options: &RelayOptions,
    servers: &Arc<Servers>,
    shared: &Arc<Shared>,
    senders: Vec<Sender>,
    recipients: Vec<Recipient>,
) -> io::Result<Outcome> {
    let mut receiving = JoinSet::new();
    for recipient in recipients {
        let (number, shared) = (recipient.number, shared.clone());
        receiving.spawn(async move { (number, recipient.receive(&shared).await) });
    }
    let connecting = async {
        while shared.connected.load(Relaxed) < options.senders {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let connected = timeout(Duration::from_secs(60), connecting).await;
    connected.map_err(|_| other("the recipients cannot connect"))?;
    let mut greeting = JoinSet::new();
    for sender in senders {
        let shared = shared.clone();
        greeting.spawn(async move { sender.greet(&shared).await });
    }
    let senders: Vec<Sender> = joined(greeting).await?;
    if !shared.settle(QUIET).await {
        return Err(other("a message of before the clock was lost"));
    }

    let length = Duration::from_secs(options.seconds);
    let (before, client) = (spent(servers).await?, CpuInstant::now());
    shared.began.get_or_init(Instant::now);
    let mut sending = JoinSet::new();
    for sender in senders {
        let shared = shared.clone();
        sending.spawn(async move { sender.send(&shared).await });
    }
    let trouble = options.kill.then(|| {
        let servers = servers.clone();
        spawn_blocking(move || trouble::make(&servers, length))
    });
    sleep(length).await;
    let (after, client) = (spent(servers).await?, client.elapsed());
    // A server that was killed may take long to start, so the load stays for the rest of the kills.
    let kills = match trouble {
        Some(trouble) => trouble.await??,
        None => Kills::default(),
    };
    shared.phase.send_replace(Phase::Receiving);
    let sent: Vec<Vec<Sent>> = joined(sending).await?;
    shared.settle(QUIET).await;
    servers.check_running()?;
    let missing = || shared.accepted.load(Relaxed) - shared.shown.load(Relaxed);
    let were_missing = missing();
    for phase in [Phase::CatchingUp, Phase::ReceivingAgain] {
        shared.caught_up.store(0, Relaxed);
        shared.phase.send_replace(phase);
        shared.settle(QUIET).await;
        let catching_up = async {
            while shared.caught_up.load(Relaxed) < options.senders {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let caught_up = timeout(Duration::from_secs(60), catching_up).await;
        caught_up.map_err(|_| other("the recipients do not get all that is left for them"))?;
    }
    let after_reconnect = were_missing - missing();
    shared.phase.send_replace(Phase::Ended);
    let mut shown = vec![Vec::new(); options.senders];
    while let Some(received) = receiving.join_next().await {
        let (number, of_one) = received?;
        shown[number] = of_one;
    }
    let refused = shared
        .refused
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let end = u64::try_from(length.as_micros()).map_err(other)?;
    Ok(Outcome {
        options: options.clone(),
        verdict: Verdict::new(&sent.concat(), &shown, end),
        twice: shared.twice.load(Relaxed),
        unacknowledged: shared.unacknowledged.load(Relaxed),
        after_reconnect,
        broken: shared.broken.load(Relaxed),
        refused: refused.clone(),
        kills_relay: kills.relay,
        kills_database: kills.database,
        spent: [after[0] - before[0], after[1] - before[1], client],
        warnings: servers.warnings(),
    })
}

/// The processor time of the servers. The load goes on meanwhile.
async fn spent(servers: &Arc<Servers>) -> io::Result<[Duration; 2]> {
    let servers = servers.clone();
    Ok(spawn_blocking(move || servers.spent()).await?)
}

/// What tasks return, or the first error.
async fn joined<T: 'static>(mut tasks: JoinSet<io::Result<T>>) -> io::Result<Vec<T>> {
    let mut all = Vec::with_capacity(tasks.len());
    while let Some(done) = tasks.join_next().await {
        all.push(done??);
    }
    Ok(all)
}

/// Has this process open as many files as its connections need, if the system allows it.
fn allow_files(senders: usize) -> io::Result<()> {
    let wanted = u64::try_from(2 * senders + 200).map_err(other)?;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let current = Some(wanted);
        setrlimit(Resource::Nofile, Rlimit { current, ..limit })?;
    }
    Ok(())
}
