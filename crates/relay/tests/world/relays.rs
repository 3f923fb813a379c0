//! Several relays in their own processes, over one PostgreSQL.

use std::process::Command;
use std::sync::{Mutex, MutexGuard};

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
    database: String,
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
        let (server, world) = (Server::start()?, World::without_relay());
        let folder = world.dir.path().join("blobs");
        let relays = Self {
            running: Mutex::default(),
            urls: Mutex::default(),
            world,
            database: server.database(),
            blobs: blobs.unwrap_or_else(|| folder.to_str().unwrap().to_owned()),
            server,
        };
        for at in 0..count {
            if at > 0 {
                let data = |at| relays.world.dir.path().join(format!("data-{at}"));
                std::fs::create_dir(data(at)).unwrap();
                std::fs::copy(data(0).join("root.key"), data(at).join("root.key")).unwrap();
            }
            relays.running().push(None);
            relays.urls.lock().unwrap().push(String::new());
            relays.restart(at);
        }
        Some(relays)
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_relay"));
        command.args(["--database", &self.database, "--database-connections", "4"]);
        command.args(["--blobs", &self.blobs]);
        command.env("AWS_ACCESS_KEY_ID", waxseal_s3::ACCESS_KEY);
        command.env("AWS_SECRET_ACCESS_KEY", waxseal_s3::SECRET_KEY);
        let data = format!("data-{at}");
        let relay = RelayProcess::start_in(command, self.world.dir.path(), &data);
        self.urls.lock().unwrap()[at].clone_from(&relay.url);
        self.running()[at] = Some(relay);
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
