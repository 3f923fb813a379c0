//! Several relays in their own processes, over one PostgreSQL.

use std::process::Command;
use std::sync::{Mutex, MutexGuard};

use rcgen::{CertificateParams, KeyPair};
use waxseal_postgres::Server;
use waxseal_relay::RelayClient;

use super::{Device, RelayProcess, World};

/// Relays over one database, with the same root key file.
pub struct Relays {
    /// `None` while it is killed.
    running: Mutex<Vec<Option<RelayProcess>>>,
    /// The newest URL of each.
    urls: Mutex<Vec<String>>,
    world: World,
    /// The URL of the database, which all use from their next start on.
    pub database: Mutex<String>,
    /// Whose certificates of a database the relays take: a file in the folder of the world.
    authority: Option<&'static str>,
    /// The store of blobs that they share.
    blobs: String,
    pub server: Server,
}

impl Relays {
    /// Starts a database and this many relays, which share a folder for blobs. `None` if this
    /// machine has no PostgreSQL.
    pub fn start(count: usize) -> Option<Self> {
        Self::start_over(count, None)
    }

    /// The same over another store of blobs, if one is given.
    pub fn start_over(count: usize, blobs: Option<String>) -> Option<Self> {
        let server = Server::start()?;
        let mut relays = Self::over(server.database(), server);
        if let Some(blobs) = blobs {
            relays.blobs = blobs;
        }
        relays.start_all(count);
        Some(relays)
    }

    /// Starts a database that nobody reaches without TLS, and this many relays. `None` if this
    /// machine has no PostgreSQL.
    pub fn start_over_tls(count: usize) -> Option<Self> {
        let server = Server::start()?;
        let database = server.database();
        let (certificate, key) = certificate();
        server.require_tls(&certificate, &key);
        let database = database.replace("waxseal@127.0.0.1", "waxseal:secret@localhost");
        let mut relays = Self::over(database + "?sslmode=require", server);
        std::fs::write(relays.world.dir.path().join("database.pem"), certificate).unwrap();
        relays.authority = Some("database.pem");
        relays.start_all(count);
        Some(relays)
    }

    fn over(database: String, server: Server) -> Self {
        let world = World::without_relay();
        let blobs = world.dir.path().join("blobs");
        Self {
            running: Mutex::default(),
            urls: Mutex::default(),
            blobs: blobs.to_str().unwrap().to_owned(),
            world,
            database: database.into(),
            authority: None,
            server,
        }
    }

    fn start_all(&self, count: usize) {
        for at in 0..count {
            if at > 0 {
                let data = |at| self.world.dir.path().join(format!("data-{at}"));
                std::fs::create_dir(data(at)).unwrap();
                std::fs::copy(data(0).join("root.key"), data(at).join("root.key")).unwrap();
            }
            self.running().push(None);
            self.urls.lock().unwrap().push(String::new());
            self.restart(at);
        }
    }

    /// What a relay says that does not start, because it knows another authority.
    pub fn refused(&self, at: usize) -> String {
        let mut command = self.command();
        let other = self.world.dir.path().join("other.pem");
        std::fs::write(&other, certificate().0).unwrap();
        command.env("SSL_CERT_FILE", other);
        command.args(["--data", &format!("data-{at}")]);
        command.args([
            "--vault-key",
            "vault.key.pub",
            "--reviewer-key",
            "review.key.pub",
        ]);
        let output = command.current_dir(self.world.dir.path()).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Kills a relay by SIGKILL.
    pub fn kill(&self, at: usize) {
        let relay = self.running()[at].take();
        relay.unwrap().kill();
    }

    /// Stops a relay by SIGTERM. Returns whether it ended in time and without an error.
    pub fn stop(&self, at: usize) -> bool {
        let relay = self.running()[at].take();
        relay.unwrap().stop()
    }

    /// Starts a relay that was killed.
    pub fn restart(&self, at: usize) {
        self.restart_with(at, &[]);
    }

    /// Starts a relay that was killed, with further options.
    pub fn restart_with(&self, at: usize, options: &[&str]) {
        let mut command = self.command();
        command.args(options);
        let data = format!("data-{at}");
        let relay = RelayProcess::start_in(command, self.world.dir.path(), &data);
        self.urls.lock().unwrap()[at].clone_from(&relay.url);
        self.running()[at] = Some(relay);
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_relay"));
        let database = self.database.lock().unwrap().clone();
        command.args(["--database", &database, "--database-connections", "4"]);
        command.args(["--blobs", &self.blobs]);
        command.env("AWS_ACCESS_KEY_ID", waxseal_s3::ACCESS_KEY);
        command.env("AWS_SECRET_ACCESS_KEY", waxseal_s3::SECRET_KEY);
        if let Some(authority) = self.authority {
            command.env("SSL_CERT_FILE", self.world.dir.path().join(authority));
        }
        command
    }

    /// A client of one of the relays.
    pub fn client(&self, at: usize) -> RelayClient {
        RelayClient::new(&self.urls.lock().unwrap()[at]).unwrap()
    }

    /// How many relays there are.
    pub fn count(&self) -> usize {
        self.running().len()
    }

    /// Makes a device and registers it at one of the relays.
    pub fn device(&self, name: &str, at: usize) -> Device {
        let mut device = Device::new(name, self.client(at));
        device.register().unwrap();
        device
    }

    fn running(&self) -> MutexGuard<'_, Vec<Option<RelayProcess>>> {
        self.running.lock().unwrap()
    }
}

/// A certificate of a database on this machine, by nobody else, and its key.
fn certificate() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}
