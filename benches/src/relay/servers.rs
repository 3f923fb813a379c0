//! The servers of a run, in a temporary folder: relays, each a process of its own, and PostgreSQL.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use waxseal_postgres::Server;
use waxseal_relay::{ReviewerKey, VaultKeys};

use super::device::other;
use super::processor;

/// Where the relays listen, by their numbers: ports of 127.0.0.1, or 0 while one does not run.
pub(super) type Ports = Arc<[AtomicU16]>;

pub(super) struct Servers {
    // The relays end before the database does, and the folder goes last.
    relays: Vec<Relay>,
    database: Option<Database>,
    ports: Ports,
    program: PathBuf,
    folder: TempDir,
}

struct Relay {
    process: Mutex<Option<Child>>,
    /// The processor time of its processes that were killed.
    spent: Mutex<Duration>,
}

struct Database {
    server: Server,
    url: String,
    /// The processor time of its processes that were killed.
    spent: Mutex<Duration>,
}

impl Servers {
    /// Builds the relay, makes the keys, and starts PostgreSQL and the first of the relays.
    pub(super) fn start(postgres: bool, relays: usize) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let vault = VaultKeys::generate(&mut rand::rng()).public();
        let reviewer = ReviewerKey::generate(&mut rand::rng()).public();
        fs::write(folder.path().join("vault.pub"), serde_json::to_vec(&vault)?)?;
        fs::write(
            folder.path().join("review.pub"),
            serde_json::to_vec(&reviewer)?,
        )?;
        let program = build()?;
        let database = match postgres {
            true => Some(Database::start()?),
            false => None,
        };
        let servers = Self {
            relays: (0..relays).map(|_| Relay::new()).collect(),
            database,
            ports: (0..relays).map(|_| AtomicU16::new(0)).collect(),
            program,
            folder,
        };
        servers.start_relay(0)?;
        Ok(servers)
    }

    /// Starts the other relays, with the root key of the first.
    pub(super) fn start_others(&self) -> io::Result<()> {
        for number in 1..self.relays.len() {
            fs::create_dir(self.data(number))?;
            let key = |number| self.data(number).join("root.key");
            fs::copy(key(0), key(number))?;
            self.start_relay(number)?;
        }
        Ok(())
    }

    pub(super) fn ports(&self) -> Ports {
        self.ports.clone()
    }

    pub(super) fn has_database(&self) -> bool {
        self.database.is_some()
    }

    /// Starts a relay, and waits until it is ready.
    pub(super) fn start_relay(&self, number: usize) -> io::Result<()> {
        let at = |name: &str| self.folder.path().join(name);
        let mut log = File::options();
        let log = log.create(true).append(true).open(self.log(number))?;
        let mut command = Command::new(&self.program);
        command.args(["--listen", "127.0.0.1:0"]);
        for (option, value) in [
            ("--data", self.data(number)),
            ("--vault-key", at("vault.pub")),
            ("--reviewer-key", at("review.pub")),
        ] {
            command.arg(option).arg(value);
        }
        if let Some(database) = &self.database {
            command.args(["--database", &database.url]);
            command.arg("--blobs").arg(at("blobs"));
        }
        let mut child = command
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let port = line.trim().rsplit_once(':').map(|(_, port)| port.parse());
        let Some(Ok(port)) = port else {
            child.wait()?;
            let last = self.last_words(number);
            return Err(other(format!("relay {number} does not start: {last}")));
        };
        *locked(&self.relays[number].process) = Some(child);
        self.ports[number].store(port, Ordering::Relaxed);
        Ok(())
    }

    /// Fails if a relay has ended by itself.
    pub(super) fn check_running(&self) -> io::Result<()> {
        for (number, relay) in self.relays.iter().enumerate() {
            if let Some(child) = locked(&relay.process).as_mut() {
                self.check(number, child)?;
            }
        }
        Ok(())
    }

    fn check(&self, number: usize, child: &mut Child) -> io::Result<()> {
        match child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(other(format!(
                "relay {number} ended by itself, {status}: {}",
                self.last_words(number)
            ))),
        }
    }

    fn last_words(&self, number: usize) -> String {
        let log = fs::read_to_string(self.log(number)).unwrap_or_default();
        log.lines().last().unwrap_or_default().to_owned()
    }

    /// Kills a relay by SIGKILL. Fails if it has ended by itself.
    pub(super) fn kill_relay(&self, number: usize) -> io::Result<()> {
        self.ports[number].store(0, Ordering::Relaxed);
        let relay = &self.relays[number];
        if let Some(mut child) = locked(&relay.process).take() {
            self.check(number, &mut child)?;
            child.kill()?;
            // Until it is waited for, the system keeps how much time it took.
            *locked(&relay.spent) += processor::time_of(child.id());
            child.wait()?;
        }
        Ok(())
    }

    /// Kills the database with all its processes by SIGKILL.
    pub(super) fn kill_database(&self) {
        if let Some(Database { server, spent, .. }) = &self.database {
            *locked(spent) += running(server);
            server.kill();
        }
    }

    /// Starts the database again, and waits until it answers.
    pub(super) fn start_database(&self) {
        if let Some(database) = &self.database {
            database.server.restart();
        }
    }

    /// The processor time of all relays so far, and of the database.
    pub(super) fn spent(&self) -> [Duration; 2] {
        let of_relay = |relay: &Relay| {
            let running = locked(&relay.process);
            let running = running.as_ref().map(|child| processor::time_of(child.id()));
            running.unwrap_or_default() + *locked(&relay.spent)
        };
        let of_database =
            |database: &Database| running(&database.server) + *locked(&database.spent);
        [
            self.relays.iter().map(of_relay).sum(),
            self.database.as_ref().map(of_database).unwrap_or_default(),
        ]
    }

    /// What the relays warned of, without lines that are alike but for their beginnings.
    pub(super) fn warnings(&self) -> Vec<String> {
        let logs = 0..self.relays.len();
        let logs = logs.map(|number| fs::read_to_string(self.log(number)).unwrap_or_default());
        let mut lines: Vec<_> = logs
            .flat_map(|log| log.lines().map(without_time).collect::<Vec<_>>())
            .collect();
        lines.sort_unstable();
        lines.dedup();
        lines
    }

    fn log(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("relay-{number}.log"))
    }

    fn data(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("relay-{number}"))
    }
}

impl Relay {
    fn new() -> Self {
        Self {
            process: Mutex::default(),
            spent: Mutex::default(),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(mut child) = locked(&self.process).take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Database {
    fn start() -> io::Result<Self> {
        let server = Server::start();
        let server = server.ok_or_else(|| other("there is no PostgreSQL on this machine"))?;
        let url = server.database();
        Ok(Self {
            server,
            url,
            spent: Mutex::default(),
        })
    }
}

fn running(server: &Server) -> Duration {
    let processes = server.processes().into_iter();
    processes.map(processor::time_of).sum()
}

fn without_time(line: &str) -> String {
    let words = line.split_whitespace().skip(1);
    words.collect::<Vec<_>>().join(" ")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A command of cargo, for the relay and in the profile in which this program was built. A relay
/// with the feature `postgres` uses SQLite too, so one build serves both.
pub(super) fn cargo(command: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(cargo);
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    cargo.args([
        command,
        "--locked",
        "--package=waxseal-relay",
        "--bin=relay",
    ]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo
}

/// Builds the relay. Returns where its program is.
fn build() -> io::Result<PathBuf> {
    let mut build = cargo("build");
    build.arg("--message-format=json-render-diagnostics");
    let built = build.stderr(Stdio::inherit()).output()?;
    let messages = String::from_utf8_lossy(&built.stdout);
    let program = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    });
    program.ok_or_else(|| other("the relay does not build"))
}
