//! A real server that speaks S3 for tests, in a temporary folder.
//!
//! ```
//! let Some(server) = waxseal_s3::Server::start() else {
//!     return; // there is no such server on this machine
//! };
//! assert!(server.url("blobs", "a/prefix").starts_with("s3://blobs/a/prefix?endpoint=http://"));
//! ```
//!
//! It is `s3s-fs`, which keeps objects in a folder and verifies the signature of each call.
//! `.ci/s3` installs it. Where it is missing, tests say so and pass, unless `WAXSEAL_S3=1` demands
//! it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail by a panic, and says what it skips"
)]

use std::env;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The name of the only key that the server knows.
pub const ACCESS_KEY: &str = "waxseal";
/// The secret with which calls are signed.
pub const SECRET_KEY: &str = "a secret of tests";

/// How long the server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server of its own, which is stopped and erased on drop. It listens on 127.0.0.1, and has a
/// bucket `blobs`.
pub struct Server {
    program: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    process: Mutex<Option<Child>>,
}

impl Server {
    /// Starts a server. `None`, with a line that says so, if this machine has none, unless
    /// `WAXSEAL_S3=1` demands it.
    ///
    /// # Panics
    /// If the program is there and does not start.
    pub fn start() -> Option<Self> {
        let Some(program) = program() else {
            let demanded = env::var("WAXSEAL_S3").is_ok_and(|value| value == "1");
            assert!(!demanded, "WAXSEAL_S3=1, and there is no s3s-fs");
            eprintln!("SKIPPED: there is no s3s-fs on this machine; .ci/s3 installs it");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("objects/blobs")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let server = Self {
            program,
            folder,
            port: port.unwrap().port(),
            process: Mutex::new(None),
        };
        server.restart();
        Some(server)
    }

    /// What a relay takes as `--blobs`, for a bucket and a prefix in it.
    pub fn url(&self, bucket: &str, prefix: &str) -> String {
        format!("s3://{bucket}/{prefix}?endpoint={}", self.endpoint())
    }

    /// The address of the server.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Kills the server.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill(&self) {
        let mut process = self.process().take().expect("it runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Starts the server that was killed, with what it had, and waits until it answers.
    ///
    /// # Panics
    /// If it does not answer in time.
    pub fn restart(&self) {
        let log = self.folder.path().join("log");
        let said = File::options().create(true).append(true).open(&log);
        let child = Command::new(&self.program)
            .args(["--host", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY])
            .arg(self.folder.path().join("objects"))
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said.unwrap())
            .spawn()
            .unwrap();
        *self.process() = Some(child);
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let said = fs::read_to_string(&log).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "s3s-fs does not answer: {said}");
            sleep(Duration::from_millis(20));
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process().take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The program: from the PATH, or else where `.ci/s3` installs it, in the folder `tools` of the
/// target folder that this test was built in.
fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let this = env::current_exe().ok()?;
    folders.extend(this.ancestors().map(|folder| folder.join("tools/bin")));
    let programs = folders.into_iter().map(|folder| folder.join("s3s-fs"));
    programs.into_iter().find(|program| program.is_file())
}
