//! A server that tests start, cut off, kill and start again.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::sleep;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use rustix::process::{Pid, Signal, kill_process};

use crate::programs::Programs;

/// A PostgreSQL server of its own, which is stopped and erased on drop.
///
/// It listens on 127.0.0.1 and on a socket in its folder, trusts everyone who connects, and syncs
/// every commit to the disk.
pub struct Server {
    programs: Programs,
    folder: tempfile::TempDir,
    port: u16,
    databases: AtomicU32,
    process: Mutex<Option<Child>>,
}

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);
/// The superuser of the server.
const OWNER: &str = "waxseal";
/// The server that the tests of this process share.
static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());

impl Server {
    /// Starts a server. `None`, with a line that says so, if this machine has no PostgreSQL, unless
    /// `WAXSEAL_POSTGRES=1` demands it.
    ///
    /// # Panics
    /// If PostgreSQL is there and does not start.
    pub fn start() -> Option<Self> {
        let programs = Programs::find()?;
        let folder = tempfile::tempdir().unwrap();
        programs.hand_over(folder.path());
        let made = programs
            .command("initdb")
            .args([
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
            ])
            .arg(format!("--username={OWNER}"))
            .arg(folder.path().join("data"))
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "initdb failed: {said}");
        let server = Self {
            programs,
            folder,
            port: free_port(),
            databases: AtomicU32::new(0),
            process: Mutex::new(None),
        };
        server.restart();
        Some(server)
    }

    /// The server that all tests of this process share, and which none of them kills. It stops when
    /// the last of them drops it.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn shared() -> Option<Arc<Self>> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    /// Makes a new, empty database, and gives its URL.
    ///
    /// # Panics
    /// If the server does not run.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let mut client = Client::connect(&self.url("postgres"), NoTls).unwrap();
        client
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .unwrap();
        self.url(&name)
    }

    /// The folder with the server's socket.
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// The port, of TCP and in the name of the socket. It stays the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The numbers of the server's processes: its own, and those of the ones it has started. None
    /// while it does not run.
    pub fn processes(&self) -> Vec<u32> {
        let Some(server) = self.process().as_ref().map(Child::id) else {
            return Vec::new();
        };
        let started = children(pid(server)).into_iter();
        let started = started.filter_map(|process| process.as_raw_nonzero().get().try_into().ok());
        started.chain([server]).collect()
    }

    /// Ends every connection to the server, in the middle of what it does. Gives how many there
    /// were. The server goes on.
    ///
    /// # Panics
    /// If the server does not run.
    pub fn cut_connections(&self) -> i64 {
        let mut client = Client::connect(&self.url("postgres"), NoTls).unwrap();
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        client.query_one(sql, &[]).unwrap().get(0)
    }

    /// Kills the server and its backends by SIGKILL, as a power failure would. What was synced stays.
    pub fn kill(&self) {
        let Some(mut process) = self.process().take() else {
            return;
        };
        let server = pid(process.id());
        // A stopped server starts no further backend while they are listed.
        let _ = kill_process(server, Signal::STOP);
        let backends = children(server);
        for process in backends.into_iter().chain([server]) {
            let _ = kill_process(process, Signal::KILL);
        }
        process.wait().unwrap();
    }

    /// Starts the server again after [`kill`](Self::kill), and waits until it answers.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&self) {
        let mut process = self.process();
        assert!(process.is_none(), "the server runs");
        let began = Instant::now();
        // A backend that is still ending holds the shared memory, and then the server does not
        // start.
        let mut child = self.spawn();
        while let Err(error) = Client::connect(&self.url("postgres"), NoTls) {
            if began.elapsed() > PATIENCE {
                let _ = child.kill();
                panic!("PostgreSQL does not start: {error}\n{}", self.log());
            }
            sleep(Duration::from_millis(20));
            if child.try_wait().unwrap().is_some() {
                child = self.spawn();
            }
        }
        *process = Some(child);
    }

    fn spawn(&self) -> Child {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .unwrap();
        let port = self.port;
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", self.folder.path().display()),
            format!("port={port}"),
            "fsync=on".to_owned(),
            "synchronous_commit=on".to_owned(),
            "max_connections=200".to_owned(),
            "shared_buffers=32MB".to_owned(),
        ];
        let mut command = self.programs.command("postgres");
        command.arg("-D").arg(self.folder.path().join("data"));
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://{OWNER}@127.0.0.1:{}/{database}", self.port)
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill(); // nothing of it is needed any more
    }
}

/// A port that nothing listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn pid(number: u32) -> Pid {
    let number = i32::try_from(number).ok();
    number.and_then(Pid::from_raw).expect("a process's number")
}

/// The children of a process. Where there is no `/proc`, nothing: backends end by themselves soon
/// after their server.
fn children(parent: Pid) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_child = |process: &fs::DirEntry| {
        let stat = fs::read_to_string(process.path().join("stat")).ok()?;
        // `pid (name) state ppid ...`, and the name can hold anything.
        let (_, rest) = stat.rsplit_once(')')?;
        let parent_pid: i32 = rest.split_whitespace().nth(1)?.parse().ok()?;
        let number = process.file_name().to_str()?.parse().ok()?;
        (parent_pid == parent.as_raw_nonzero().get()).then(|| Pid::from_raw(number))?
    };
    processes.filter_map(|process| is_child(&process)).collect()
}
