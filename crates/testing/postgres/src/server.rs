//! A server that tests start, cut off, kill and start again.

use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
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
    pub(crate) programs: Programs,
    pub(crate) folder: tempfile::TempDir,
    port: u16,
    databases: AtomicU32,
    process: Mutex<Option<Child>>,
}

/// How long a server may take to start or to stop.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The superuser of the server.
pub(crate) const OWNER: &str = "waxseal";
/// The server that the tests of this process share.
static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());

impl Server {
    /// Starts a server. `None`, with a line that says so, if this machine has no PostgreSQL, unless
    /// `WAXSEAL_POSTGRES=1` or `WAXSEAL_TEST_DATABASE=postgres` demands it.
    ///
    /// # Panics
    /// If PostgreSQL is there and does not start.
    pub fn start() -> Option<Self> {
        let server = Self::in_new_folder()?;
        let folder = &server.folder;
        let made = server
            .programs
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
        server.restart();
        Some(server)
    }

    /// A server without data, which does not run.
    pub(crate) fn in_new_folder() -> Option<Self> {
        let programs = Programs::find()?;
        let folder = tempfile::tempdir().unwrap();
        programs.hand_over(folder.path());
        Some(Self {
            programs,
            folder,
            port: free_port(),
            databases: AtomicU32::new(0),
            process: Mutex::new(None),
        })
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
        let sql = format!("CREATE DATABASE {name}");
        self.admin().batch_execute(&sql).unwrap();
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
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        self.admin().query_one(sql, &[]).unwrap().get(0)
    }

    /// Lets nobody connect by TCP without TLS and the password `secret` from then on. Certificate
    /// and key are PEM.
    ///
    /// # Panics
    /// If the server does not run.
    pub fn require_tls(&self, certificate: &str, key: &str) {
        let data = self.folder.path().join("data");
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = data.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            self.programs.hand_over(&path);
        }
        let rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        fs::write(data.join("pg_hba.conf"), rules).unwrap();
        let mut admin = self.admin();
        for sql in [
            "SET password_encryption = 'scram-sha-256'",
            &format!("ALTER ROLE {OWNER} PASSWORD 'secret'"),
            "ALTER SYSTEM SET ssl = on",
            "SELECT pg_reload_conf()",
        ] {
            admin.batch_execute(sql).unwrap();
        }
        // The server reads its settings soon after it is told to.
        let began = Instant::now();
        while Client::connect(&self.url("postgres"), NoTls).is_ok() {
            assert!(began.elapsed() < PATIENCE, "the server asks for no TLS");
            sleep(Duration::from_millis(20));
        }
    }

    /// Whether the server runs. One that ended by itself does not.
    ///
    /// # Panics
    /// If the system does not say so.
    pub fn runs(&self) -> bool {
        let mut process = self.process();
        let process = process.as_mut();
        process.is_some_and(|process| process.try_wait().unwrap().is_none())
    }

    /// Kills the server and its backends by SIGKILL. What was synced stays.
    pub fn kill(&self) {
        let runs = self.runs();
        let Some(mut process) = self.process().take().filter(|_| runs) else {
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

    /// Stops the server and its backends without ending them, as a disk that hangs would. Nothing
    /// is answered, and no connection ends, until [`thaw`](Self::thaw).
    ///
    /// # Panics
    /// If the server does not run.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets the server go on after [`freeze`](Self::freeze).
    ///
    /// # Panics
    /// If the server does not run.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends a signal to the server, then to its backends.
    fn signal(&self, signal: Signal) {
        let process = self.process();
        let server = pid(process.as_ref().expect("the server runs").id());
        let _ = kill_process(server, signal);
        for backend in children(server) {
            let _ = kill_process(backend, signal);
        }
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
        while let Err(error) = self.connect() {
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

    /// Like [`restart`](Self::restart), as a standby that only reads. It follows no other server.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart_as_standby(&self) {
        let path = self.folder.path().join("data/standby.signal");
        fs::write(&path, "").unwrap();
        self.programs.hand_over(&path);
        self.restart();
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

    /// A superuser's connection, by the socket.
    fn connect(&self) -> Result<Client, postgres::Error> {
        let mut config = Client::configure();
        config.host_path(self.folder.path()).port(self.port);
        config.user(OWNER).dbname("postgres").connect(NoTls)
    }

    pub(crate) fn admin(&self) -> Client {
        self.connect().unwrap()
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
