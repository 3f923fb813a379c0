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
    /// The URL of the database, which all use from their next start on.
    pub database: Mutex<String>,
    pub server: Server,
}

impl Relays {
    /// Starts a database and this many relays. `None` if this machine has no PostgreSQL.
    pub fn start(count: usize) -> Option<Self> {
        let server = Server::start()?;
        let relays = Self {
            running: Mutex::default(),
            urls: Mutex::default(),
            world: World::without_relay(),
            database: server.database().into(),
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
        self.restart_with(at, &[]);
    }

    /// Starts a relay that was killed, with further options.
    pub fn restart_with(&self, at: usize, options: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_relay"));
        let database = self.database.lock().unwrap().clone();
        command.args(["--database", &database, "--database-connections", "4"]);
        command.args(options);
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
