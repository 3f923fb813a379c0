//! Runs the programs as people do, on loopback: a relay, a vault, the reviewer's command, and chat
//! clients with a home folder each.
//!
//! When the world is dropped, all its processes are killed. Its folder is removed unless the test
//! failed.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]
#![allow(clippy::restriction, reason = "tests")]

mod database;
pub mod desk;
mod keys;
pub mod talk;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::database::Database;

/// Maximum time to wait for a process to end. Only a defect or a very busy machine reaches it.
const TIMEOUT: Duration = Duration::from_secs(240);
/// Pause between two checks whether a process has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(3);

/// The relay's arguments, but for its address.
const RELAY: [&str; 6] = [
    "--data",
    "relay-data",
    "--vault-key",
    "vault.key.pub",
    "--reviewer-key",
    "review.key.pub",
];
const VAULT: [&str; 5] = ["--key", "vault.key", "serve", "--socket", "vault.sock"];

/// A running process, which another thread may kill. `None` while there is none.
#[derive(Default)]
struct Slot(Mutex<Option<Child>>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Kills the process with SIGKILL. Returns `false` if there was none.
    fn kill(&self) -> bool {
        let mut slot = self.lock();
        let Some(child) = slot.as_mut() else {
            return false;
        };
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        true
    }
}

/// The status and output of a process that has ended.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Whether a signal ended the process.
    pub fn was_killed(&self) -> bool {
        self.status.code().is_none()
    }

    /// The output of a process that succeeded. Panics if it failed.
    pub fn output(self) -> String {
        assert!(
            self.status.success(),
            "{}\n{}\n{}",
            self.status,
            self.stdout,
            self.stderr
        );
        self.stdout
    }

    /// Each line of the output, parsed as JSON.
    pub fn objects(self) -> Vec<Value> {
        lines_of(&self.output())
    }
}

/// What the reviewer's command prints with `--json`: one object per line, or one array.
pub fn objects_of(output: &str) -> Vec<Value> {
    match serde_json::from_str(output) {
        Ok(Value::Array(objects)) => objects,
        Ok(object) => vec![object],
        Err(_) => lines_of(output),
    }
}

fn lines_of(output: &str) -> Vec<Value> {
    let lines = output.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// A folder with a relay's data, the keys of vault and reviewer, and a home for each account.
pub struct World {
    folder: PathBuf,
    address: SocketAddr,
    relay: Slot,
    vault: Slot,
    reviewer: Slot,
    desk: Slot,
    clients: Vec<(&'static str, Slot)>,
    /// `None` if the relay has SQLite.
    database: Option<Database>,
}

impl World {
    /// A world with a relay, at which these accounts are registered.
    pub fn registered(name: &str, accounts: &[&'static str]) -> Self {
        let world = Self::new(name, accounts);
        world.make_keys();
        world.start_relay();
        for (at, account) in accounts.iter().enumerate() {
            world.chat(at, &["register", account]).output();
        }
        world
    }

    /// Makes an empty folder and finds a port for the relay.
    pub fn new(name: &str, accounts: &[&'static str]) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = folder.join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        // Finds a free port, which the relay uses again after each restart.
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap();
        let clients = accounts.iter().map(|account| (*account, Slot::default()));
        let clients = clients.collect();
        Self {
            folder,
            address,
            relay: Slot::default(),
            vault: Slot::default(),
            reviewer: Slot::default(),
            desk: Slot::default(),
            clients,
            database: None,
        }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The folder in which all programs run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The home folder of an account.
    pub fn home(&self, account: usize) -> PathBuf {
        self.folder.join(self.clients[account].0)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Starts the relay with its port and its data, and waits until it is ready.
    pub fn start_relay(&self) {
        match &self.database {
            Some(database) => self.start_next_relay(database),
            None => drop(self.serve("relay", &RELAY)),
        }
    }

    /// Starts a program that keeps running, the relay or the vault, and waits for the line that it
    /// prints when it is ready. Returns that line.
    pub fn serve(&self, name: &str, arguments: &[&str]) -> String {
        let address = self.address.to_string();
        let url = self.url();
        let (slot, before, after) = match name {
            "relay" => (&self.relay, vec!["--listen", &address], Vec::new()),
            "waxseal-desk" => (&self.vault, Vec::new(), Vec::new()),
            "desk" => (&self.desk, Vec::new(), vec!["--relay", &url]),
            "vault" => (&self.vault, Vec::new(), vec!["--relay", &url]),
            other => panic!("{other} does not keep running"),
        };
        let printed = self.folder.join(format!("{name}.out"));
        let log = self.folder.join(format!("{name}.log"));
        let log = fs::File::options().append(true).create(true).open(log);
        let mut command = self.command(name, &[&before, arguments, &after].concat());
        command
            .stdin(Stdio::null())
            .stdout(fs::File::create(&printed).unwrap())
            .stderr(log.unwrap());
        *slot.lock() = Some(command.spawn().unwrap());
        let started = Instant::now();
        loop {
            let line = fs::read_to_string(&printed).unwrap();
            if line.ends_with('\n') {
                return line;
            }
            let ended = slot.lock().as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{name} ended: {}", self.log(name));
            let in_time = started.elapsed() < TIMEOUT;
            assert!(in_time, "{name} does not start: {}", self.log(name));
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Makes the keys of the vault and of the reviewer.
    pub fn make_keys(&self) {
        let vault = ["--key", "vault.key", "keygen"];
        self.run_program("vault", &vault).output();
        self.review(&["keygen"]).output();
    }

    /// Starts the vault, and waits until it is ready. It runs as long as the world.
    pub fn start_vault(&self) {
        self.serve("vault", &VAULT);
    }

    /// Makes it look as if the account's queue were full.
    pub fn fill_queue(&self, account: &str) {
        self.relay.kill();
        let db = rusqlite::Connection::open(self.folder.join("relay-data/relay.sqlite")).unwrap();
        let filled = db.execute(
            "INSERT INTO share SELECT id, 0, 1000000, 0 FROM account WHERE name = ?",
            [account],
        );
        assert_eq!(filled.unwrap(), 1);
        drop(db);
        self.start_relay();
    }

    /// Replaces the relay by another one at the same address.
    pub fn replace_relay(&self) {
        self.relay.kill();
        fs::rename(
            self.folder.join("relay-data"),
            self.folder.join("other-data"),
        )
        .unwrap();
        self.start_relay();
    }

    pub fn relay_log(&self) -> String {
        self.log("relay")
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(format!("{name}.log"))).unwrap_or_default()
    }

    /// Kills the relay.
    pub fn kill_relay(&self) -> bool {
        self.relay.kill()
    }

    /// Kills the process that an account is running.
    pub fn kill_client(&self, account: usize) -> bool {
        self.clients[account].1.kill()
    }

    /// Kills the vault.
    pub fn kill_vault(&self) -> bool {
        self.vault.kill()
    }

    /// Kills the reviewer's command.
    pub fn kill_reviewer(&self) -> bool {
        self.reviewer.kill()
    }

    /// Runs the reviewer's command until it ends or is killed. One runs at a time.
    pub fn review(&self, arguments: &[&str]) -> Ended {
        let relay = self.url();
        let arguments = [&["--relay", &relay, "--key", "review.key"], arguments].concat();
        self.run(&mut self.command("review", &arguments), &self.reviewer, "")
    }

    /// Runs the reviewer's command with `--json`.
    pub fn review_objects(&self, arguments: &[&str]) -> Vec<Value> {
        objects_of(&self.review(arguments).output())
    }

    /// Runs the chat of an account until it ends or is killed.
    pub fn chat(&self, account: usize, arguments: &[&str]) -> Ended {
        self.chat_lines(account, arguments, "")
    }

    /// Runs the chat of an account with `input` as its standard input. Without a command, the chat
    /// is interactive.
    pub fn chat_lines(&self, account: usize, arguments: &[&str], input: &str) -> Ended {
        let (name, slot) = &self.clients[account];
        let relay = self.url();
        let arguments = [&["--home", name, "--relay", &relay], arguments].concat();
        self.run(&mut self.command("chat", &arguments), slot, input)
    }

    /// Runs a program to its end.
    pub fn run_program(&self, name: &str, arguments: &[&str]) -> Ended {
        self.run_program_lines(name, arguments, "")
    }

    /// Runs a program to its end, with `input` as its standard input.
    pub fn run_program_lines(&self, name: &str, arguments: &[&str], input: &str) -> Ended {
        self.run(&mut self.command(name, arguments), &Slot::default(), input)
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary(name));
        command.args(arguments).current_dir(&self.folder);
        command
    }

    fn run(&self, command: &mut Command, slot: &Slot, input: &str) -> Ended {
        let pipes = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        *slot.lock() = Some(child);
        thread::scope(|scope| {
            // Writing fails if the process was killed.
            scope.spawn(move || drop(stdin.write_all(input.as_bytes())));
            let stdout = scope.spawn(move || text_of(&mut stdout));
            let stderr = scope.spawn(move || text_of(&mut stderr));
            let started = Instant::now();
            let mut in_time = true;
            let status = loop {
                if let Some(status) = slot.lock().as_mut().unwrap().try_wait().unwrap() {
                    break status;
                }
                if in_time && started.elapsed() > TIMEOUT {
                    in_time = false;
                    slot.kill();
                }
                thread::sleep(POLL_INTERVAL);
            };
            *slot.lock() = None;
            let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
            assert!(
                in_time,
                "{command:?} did not end in time\n{stdout}\n{stderr}"
            );
            Ended {
                status,
                stdout,
                stderr,
            }
        })
    }
}

/// A program that runs until it is dropped.
pub struct Server {
    child: Child,
    /// What it printed first.
    pub line: String,
}

impl Server {
    /// Starts a program in the folder of a world, and waits for its first line.
    pub fn start(world: &World, name: &str, arguments: &[&str]) -> Self {
        let log = world.folder.join(format!("{name}.log"));
        let log = fs::File::options().append(true).create(true).open(log);
        let mut command = world.command(name, arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(log.unwrap()).spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "{name} ended: {}", world.log(name));
        Self { child, line }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.relay.kill();
        self.vault.kill();
        self.reviewer.kill();
        self.desk.kill();
        for (_, slot) in &self.clients {
            slot.kill();
        }
        if thread::panicking() {
            eprintln!("the test's folder: {}", self.folder.display());
        } else {
            drop(fs::remove_dir_all(&self.folder));
        }
    }
}

fn text_of(pipe: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    drop(pipe.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the path of a program, in the same folder as the chat. Builds the program if it is not
/// there: `cargo test --workspace` has built it, but `cargo test -p waxseal-chat` has not.
fn binary(name: &str) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let chat = Path::new(env!("CARGO_BIN_EXE_chat"));
    let profile = chat.parent().unwrap();
    let binary = profile.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let _building = BUILDING.lock().unwrap();
    if !binary.exists() {
        let mut build = Command::new(env!("CARGO"));
        let package = match name {
            "waxseal-desk" => name,
            _ => "waxseal-relay",
        };
        build
            .args(["build", "--package", package, "--bin", name])
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success());
    }
    binary
}
