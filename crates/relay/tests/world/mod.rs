//! A relay in its own process, and devices that talk to it. They seal with a channel that does not
//! encrypt, so that these tests need no ratchet.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

pub mod contact;
pub mod conversation;
pub mod crowd;
pub mod device;
pub mod family;
pub mod honest;
pub mod junk;
pub mod owner;
pub mod proxy;
#[cfg(feature = "postgres")]
pub mod relays;
pub mod socket;
pub mod tls;
#[cfg(feature = "postgres")]
pub mod traffic;

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;
use waxseal_interface::{ErrorCode, parse_report_id};
use waxseal_relay::{
    ClientError, OpenRequest, RelayClient, ReviewerKey, ReviewerSession, VaultError, VaultKeys,
    ask_vault,
};
use waxseal_reporting::Timestamp;
use waxseal_reporting::recipient::OpeningChannel;
use waxseal_reporting::sender::SealingChannel;
use waxseal_reporting::vault::UnsealedReport;
use zeroize::Zeroizing;

pub use device::{Device, Sent, bundle, fanout};

/// Opens the relay's database. The relay waits while this connection holds the write lock.
pub fn database(world: &World) -> Connection {
    Connection::open(world.dir.path().join("data/relay.sqlite")).unwrap()
}

/// The number that a query of the relay's database returns.
pub fn count(world: &World, sql: &str) -> i64 {
    let count = database(world).query_row(sql, [], |row| row.get(0));
    count.unwrap()
}

/// A device of each of these accounts.
pub fn devices<const N: usize>(world: &World, names: [&str; N]) -> [Device; N] {
    names.map(|name| world.device(name))
}

/// Maximum time that a test waits for something it expects.
pub const SOON: Duration = Duration::from_secs(20);

pub struct World {
    pub dir: TempDir,
    pub vault: VaultKeys,
    pub reviewer: ReviewerKey,
    pub relay: Option<RelayProcess>,
}

pub struct RelayProcess {
    child: Child,
    pub url: String,
}

impl World {
    /// Makes a folder with the keys of vault and reviewer, and starts a relay in it.
    pub fn new() -> Self {
        let mut world = Self::without_relay();
        world.start();
        world
    }

    /// Makes a folder with the keys of vault and reviewer.
    pub fn without_relay() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let vault = VaultKeys::generate(&mut rand::rng());
        let reviewer = ReviewerKey::generate(&mut rand::rng());
        let write =
            |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        write_vault_keys(dir.path(), &vault);
        write("review.key", &reviewer.export());
        write(
            "review.key.pub",
            &serde_json::to_vec(&reviewer.public()).unwrap(),
        );
        Self {
            dir,
            vault,
            reviewer,
            relay: None,
        }
    }

    /// Makes the vault other keys. Returns the ones before.
    pub fn replace_vault_keys(&mut self) -> VaultKeys {
        let fresh = VaultKeys::generate(&mut rand::rng());
        write_vault_keys(self.dir.path(), &fresh);
        std::mem::replace(&mut self.vault, fresh)
    }

    pub fn start(&mut self) {
        self.relay = Some(RelayProcess::start(self.dir.path()));
    }

    /// Starts the relay with further options.
    pub fn start_with(&mut self, options: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_relay"));
        command.args(options);
        self.relay = Some(RelayProcess::start_with(command, self.dir.path()));
    }

    /// Kills the relay, as a crash would, and starts it with further options.
    pub fn restart_with(&mut self, options: &[&str]) {
        self.relay.take().unwrap().kill();
        self.start_with(options);
    }

    /// Starts the relay with the key that the vault had before, which is written to `old.key` too.
    pub fn start_with_old_key(&mut self, old: &VaultKeys) {
        let (dir, public) = (self.dir.path(), serde_json::to_vec(&old.public()).unwrap());
        std::fs::write(dir.join("old.key"), old.export()).unwrap();
        std::fs::write(dir.join("old.key.pub"), public).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_relay"));
        command.arg("--old-vault-key").arg(dir.join("old.key.pub"));
        self.relay = Some(RelayProcess::start_with(command, dir));
    }

    pub fn url(&self) -> &str {
        &self.relay.as_ref().unwrap().url
    }

    /// The relay's address as `HOST:PORT`.
    pub fn address(&self) -> &str {
        self.url().split_once("://").unwrap().1
    }

    pub fn client(&self) -> RelayClient {
        RelayClient::new(self.url()).unwrap()
    }

    /// Signs the reviewer in.
    pub fn reviewer(&self) -> ReviewerSession {
        let (client, key) = (self.client(), &self.reviewer);
        let relay_key = client.card().unwrap().relay_key;
        client
            .reviewer_sign_in(&relay_key, |context| key.prove(context))
            .unwrap()
    }

    /// Makes a device and registers it.
    pub fn device(&self, name: &str) -> Device {
        let mut device = Device::new(name, self.client());
        device.register().unwrap();
        device
    }
}

fn write_vault_keys(dir: &Path, vault: &VaultKeys) {
    let public = serde_json::to_vec(&vault.public()).unwrap();
    std::fs::write(dir.join("vault.key"), vault.export()).unwrap();
    std::fs::write(dir.join("vault.key.pub"), public).unwrap();
}

impl RelayProcess {
    pub fn start(dir: &Path) -> Self {
        Self::start_with(Command::new(env!("CARGO_BIN_EXE_relay")), dir)
    }

    /// Starts a relay as its operator does after checking the clock.
    pub fn start_trusting_its_clock(dir: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_relay"));
        command.arg("--trust-clock");
        Self::start_with(command, dir)
    }

    /// Starts a relay that may open at most `files` files.
    pub fn start_limited(dir: &Path, files: usize) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]);
        shell.arg(env!("CARGO_BIN_EXE_relay"));
        Self::start_with(shell, dir)
    }

    /// Starts a relay whose files may be this long, in blocks of 512 bytes.
    pub fn start_with_short_files(dir: &Path, blocks: usize) -> Self {
        let mut shell = Command::new("sh");
        let limit = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        shell.args(["-c", &limit, env!("CARGO_BIN_EXE_relay")]);
        Self::start_with(shell, dir)
    }

    fn start_with(command: Command, dir: &Path) -> Self {
        Self::start_in(command, dir, "data")
    }

    /// Starts a relay that keeps its own files in this folder of `dir`.
    fn start_in(mut command: Command, dir: &Path, data: &str) -> Self {
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(dir.join(data))
            .arg("--vault-key")
            .arg(dir.join("vault.key.pub"))
            .arg("--reviewer-key")
            .arg(dir.join("review.key.pub"))
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ");
        let url = url
            .unwrap_or_else(|| panic!("the relay did not start: {line:?}"))
            .to_owned();
        Self { child, url }
    }

    /// Kills the relay, as a crash would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops the relay with SIGTERM. Returns whether it ended in time and without an error.
    pub fn stop(self) -> bool {
        self.terminate();
        self.ends()
    }

    /// Sends the relay SIGTERM.
    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Whether the relay ends in time and without an error.
    pub fn ends(mut self) -> bool {
        let began = Instant::now();
        while began.elapsed() < SOON {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The vault in its own process.
pub struct VaultProcess {
    child: Child,
    pub socket: PathBuf,
}

impl VaultProcess {
    /// Starts the vault with the key file of the world's folder.
    pub fn start(world: &World) -> Self {
        Self::start_with(world, &[])
    }

    /// Starts the vault with further arguments.
    pub fn start_with(world: &World, arguments: &[&str]) -> Self {
        let dir = world.dir.path();
        let socket = dir.join("vault.sock");
        let mut child = Command::new(env!("CARGO_BIN_EXE_vault"))
            .arg("--key")
            .arg(dir.join("vault.key"))
            .args(["serve", "--relay", world.url(), "--socket"])
            .arg(&socket)
            .args(arguments)
            .current_dir(dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        assert!(line.starts_with("serving on "), "{line:?}");
        Self { child, socket }
    }

    /// Has the vault open a report, as a reviewer does.
    pub fn open(&self, world: &World, report_id: &str) -> Result<UnsealedReport, VaultError> {
        let (client, reviewer) = (world.client(), world.reviewer());
        let request = OpenRequest {
            relay_key: client.card().unwrap().relay_key,
            acceptance_keys: client.acceptance_keys(&reviewer).unwrap(),
            id: parse_report_id(report_id).unwrap(),
            accepted: client.accepted_report(&reviewer, report_id).unwrap(),
        };
        ask_vault(&self.socket, &request)
    }
}

impl Drop for VaultProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn code<T: std::fmt::Debug>(result: Result<T, ClientError>) -> ErrorCode {
    let error = result.unwrap_err();
    error.code().unwrap_or_else(|| panic!("{error}"))
}

pub fn now() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_millis(since.as_millis() as u64)
}

pub struct NoChannel;

impl SealingChannel for NoChannel {
    type Error = Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl rand_core::CryptoRng,
    ) -> Result<Vec<u8>, Infallible> {
        Ok(plaintext.to_vec())
    }
}

impl OpeningChannel for NoChannel {
    type Error = Infallible;

    fn decrypt(&mut self, ciphertext: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, Infallible> {
        Ok(Zeroizing::new(ciphertext.to_vec()))
    }
}

/// Sends raw bytes that no client would send. Returns the status and the error code of the answer.
pub fn raw(address: &str, request: &[u8]) -> (u16, String) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    // The relay may answer and close the connection before it has read everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let code = body["error"].as_str().unwrap_or_default().to_owned();
    (status.unwrap_or(0), code)
}

/// Sends one request on a new connection. Returns the status and the error code of the answer.
pub fn request(
    world: &World,
    method: &str,
    path: &str,
    token: &str,
    content_type: &str,
    body: &[u8],
) -> (u16, String) {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    if !token.is_empty() {
        request += &format!("authorization: Bearer {token}\r\n");
    }
    if !content_type.is_empty() {
        request += &format!("content-type: {content_type}\r\n");
    }
    request += "\r\n";
    raw(world.address(), &[request.as_bytes(), body].concat())
}
