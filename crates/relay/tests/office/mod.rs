//! A desk, its vault and a witness as the processes that they are, officers with keys, and an
//! intake that brings reports as the relay does.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

pub mod calls;
pub mod intake;
pub mod processes;
pub mod raw;
pub mod targets;
pub mod witness;

use std::process::Command;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use waxseal_desk::desk::{Desk, DeskSetup};
use waxseal_desk::officer::{Act, OfficerKey, Signed};
use waxseal_desk::store::{PostgresStore, SqliteStore, Store};
use waxseal_interface::http::Link;
use waxseal_interface::{HttpAnswer, HttpRequest};
use waxseal_log::keys::LogKeys;
use waxseal_log::note::Signer;
use waxseal_relay::desk::{
    CaseDetail, CaseItem, DeskCard, DeskClient, DeskCode, DeskError, Done, QueuePage, read_json,
};

pub use calls::{grant_id, on_appeal};
pub use processes::{Process, desk, good, waxseal_desk};
pub use waxseal_relay::desk::Hex;
use waxseal_reporting::Timestamp;

use intake::Intake;
use witness::WitnessServer;

pub const ORIGIN: &str = "provider.example/desk";
/// Maximum time that a test waits for something it expects.
pub const SOON: Duration = Duration::from_secs(30);

pub fn now() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_millis(since.as_millis() as u64)
}

/// The officers, as the contract of most desks has them.
pub struct Officers {
    /// May ask and decide.
    pub alice: OfficerKey,
    /// May do everything.
    pub bob: OfficerKey,
    /// May do everything, so that bob is not alone.
    pub carol: OfficerKey,
}

/// A desk in a folder.
pub struct Office {
    pub dir: TempDir,
    pub officers: Officers,
    /// Stands for the relay.
    pub relay: SigningKey,
    pub intake: Intake,
    pub keys: LogKeys,
    pub witness: WitnessServer,
    relay_url: String,
    /// The URL of the database, unless it is in the folder.
    database: Option<String>,
    vault: Option<Process>,
    desk: Option<Process>,
    url: String,
    metrics: String,
}

const ALL: &str = "ask,approve,decide,appeals,review";

impl Office {
    /// Sets a desk up as its operator does, and starts vault and desk. No relay runs: reports are
    /// brought with the relay's key.
    pub fn new() -> Self {
        Self::set_up("http://127.0.0.1:1", true, None)
    }

    /// The desk of a relay that will run at this address.
    pub fn of_relay(url: &str) -> Self {
        Self::set_up(url, false, None)
    }

    /// Like [`new`](Self::new), with the rows in a PostgreSQL database.
    pub fn over(database: String) -> Self {
        Self::set_up("http://127.0.0.1:1", true, Some(database))
    }

    fn set_up(relay_url: &str, is_pinned: bool, database: Option<String>) -> Self {
        let mut rng = rand::rng();
        let dir = tempfile::tempdir().unwrap();
        let officers = Officers {
            alice: OfficerKey::generate(&mut rng),
            bob: OfficerKey::generate(&mut rng),
            carol: OfficerKey::generate(&mut rng),
        };
        let witness = WitnessServer::start();
        let key = witness.key.to_string();
        desk(dir.path(), &["policy", "keygen", "--key", "policy.key"]);
        let init = ["init", "--folder", "desk", "--origin", ORIGIN];
        let more = ["--policy-key", "policy.key.pub", "--witness", &key];
        let mut options = [&init[..], &more, &["--quorum", "1"]].concat();
        options.extend(database.iter().flat_map(|url| ["--database", url]));
        desk(dir.path(), &options);
        let vault = ["vault", "init", "--folder", "vault"];
        let name = ["--name", "provider.example/vault", "--keys", "desk/keys"];
        let acceptance = ["--acceptance", "acceptance.key"];
        let made = ["--public", "moderation.pub", "--pinned", "keys"];
        let all = [&vault[..], &name, &acceptance, &made].concat();
        good(Command::new(waxseal_desk()).args(all), dir.path());
        desk(dir.path(), &["pin", "--folder", "desk", "--keys", "keys"]);
        let relay = SigningKey::from_bytes(&rand::random());
        if is_pinned {
            let pinned = format!("{}\n", Hex(relay.verifying_key().to_bytes()));
            std::fs::write(dir.path().join("desk/relay.pinned"), pinned).unwrap();
        }
        let keys = std::fs::read_to_string(dir.path().join("keys")).unwrap();
        let mut office = Self {
            intake: Intake::new(dir.path()),
            keys: keys.parse().unwrap(),
            dir,
            officers,
            relay,
            witness,
            relay_url: relay_url.to_owned(),
            database,
            vault: None,
            desk: None,
            url: String::new(),
            metrics: String::new(),
        };
        office.witness.serve(office.keys.log().clone());
        office.publish_policy(&[("alice", "ask,decide"), ("bob", ALL), ("carol", ALL)]);
        office.start_vault();
        office.start();
        office
    }

    /// Publishes a policy with these officers and roles, as the holder of the policy key does.
    pub fn publish_policy(&self, officers: &[(&str, &str)]) {
        self.publish_edited(officers, |text| text);
    }

    /// Publishes a policy that a person edited further.
    pub fn publish_edited(&self, officers: &[(&str, &str)], edit: impl Fn(String) -> String) {
        let dir = self.dir.path();
        let version = (1..).find(|number| !dir.join(format!("policy-{number}.json")).exists());
        let version = version.unwrap();
        let (json, signed) = (
            format!("policy-{version}.json"),
            format!("policy-{version}.signed"),
        );
        let mut arguments = vec!["policy", "new", "--out", &json, "--origin", ORIGIN];
        let officers: Vec<_> = officers
            .iter()
            .map(|(name, roles)| format!("{name}:{}:{roles}", Hex(*self.key(name).id().as_bytes())))
            .collect();
        for officer in &officers {
            arguments.extend(["--officer", officer]);
        }
        desk(dir, &arguments);
        // A person edits the document.
        let text = std::fs::read_to_string(dir.join(&json)).unwrap();
        let text = text.replace("\"version\": 1", &format!("\"version\": {version}"));
        std::fs::write(dir.join(&json), edit(text)).unwrap();
        let sign = ["policy", "sign", "--key", "policy.key", "--policy", &json];
        desk(dir, &[&sign[..], &["--out", &signed]].concat());
        desk(
            dir,
            &["policy", "publish", "--folder", "desk", "--policy", &signed],
        );
    }

    fn key(&self, name: &str) -> &OfficerKey {
        match name {
            "alice" => &self.officers.alice,
            "bob" => &self.officers.bob,
            _ => &self.officers.carol,
        }
    }

    pub fn start_vault(&mut self) {
        let mut command = Command::new(waxseal_desk());
        let command = command.args(["vault", "--folder", "vault", "--socket", "vault.sock"]);
        let (vault, _) = Process::start(command.current_dir(self.dir.path()), "serving on ");
        self.vault = Some(vault);
    }

    /// Has the vault stand still, or go on.
    pub fn freeze_vault(&self, is_frozen: bool) {
        self.vault.as_ref().unwrap().freeze(is_frozen);
    }

    pub fn stop_vault(&mut self) {
        self.vault.take().unwrap().kill();
    }

    /// Starts the desk's server.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// Starts the desk's server with further options.
    pub fn start_with(&mut self, options: &[&str]) {
        let (mut command, metrics) = self.command("desk", options);
        let (desk, url) = Process::start(&mut command, "listening on ");
        (self.desk, self.url) = (Some(desk), url);
        self.metrics = metrics;
    }

    /// The command of a server with this folder, and where it will serve its metrics.
    pub fn command(&self, folder: &str, options: &[&str]) -> (Command, String) {
        let witness = format!("{}={}", self.witness.key, self.witness.url);
        // A port that is free.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let metrics = free.local_addr().unwrap().to_string();
        drop(free);
        let mut command = Command::new(env!("CARGO_BIN_EXE_desk"));
        command
            .args(["serve", "--folder", folder, "--vault", "vault.sock"])
            .args(["--relay", &self.relay_url, "--listen", "127.0.0.1:0"])
            .args(["--publish-after", "0", "--witness", &witness])
            .args(["--metrics-listen", &metrics])
            .args(options)
            .env(
                "RUST_LOG",
                std::env::var("DESK_LOG").unwrap_or("error".into()),
            )
            .current_dir(self.dir.path());
        (command, format!("http://{metrics}"))
    }

    /// Asks this server from then on.
    pub fn take_over(&mut self, desk: Process, url: String, metrics: String) {
        (self.desk, self.url, self.metrics) = (Some(desk), url, metrics);
    }

    pub fn desk(&mut self) -> Process {
        self.desk.take().unwrap()
    }

    /// Kills the desk, as a crash would, and starts it again.
    pub fn crash(&mut self) {
        self.desk().kill();
        self.start();
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server's address as `HOST:PORT`.
    pub fn address(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    pub fn link(&self) -> Link {
        Link::new(&self.url).unwrap()
    }

    pub fn client(&self) -> DeskClient {
        DeskClient::new(self.link(), ORIGIN)
    }

    /// Asks without a signature.
    pub fn plain_get(&self, path: &str) -> HttpAnswer {
        let request = HttpRequest {
            method: "GET",
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        self.link().call(&request).unwrap()
    }

    /// What the operator's own address tells.
    pub fn metrics(&self) -> String {
        let request = HttpRequest {
            method: "GET",
            path: "/metrics".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let answer = Link::new(&self.metrics).unwrap().call(&request).unwrap();
        String::from_utf8(answer.body).unwrap()
    }

    /// Asks as an officer for JSON.
    pub fn get<T: DeserializeOwned>(&self, officer: &OfficerKey, path: &str) -> T {
        let body = self.client().get(officer, path, now(), &mut rand::rng());
        read_json(&body.unwrap()).unwrap()
    }

    /// Asks as the relay.
    pub fn relay_get(&self, path: &str) -> Result<Vec<u8>, DeskError> {
        let rng = &mut rand::rng();
        self.client().get(&self.relay, path, now(), rng)
    }

    /// Sends JSON as the relay.
    pub fn relay_post(
        &self,
        path: &str,
        body: &impl serde::Serialize,
    ) -> Result<Vec<u8>, DeskError> {
        let rng = &mut rand::rng();
        self.client().post_json(&self.relay, path, body, now(), rng)
    }

    /// Brings an accepted report as the relay does. Returns the promise.
    pub fn bring(&self, encoded: &[u8]) -> Result<Vec<u8>, DeskError> {
        let (path, rng) = ("/v1/intake/accepted", &mut rand::rng());
        let body = encoded.to_vec();
        self.client().post(&self.relay, path, body, now(), rng)
    }

    /// Sends bytes as an officer.
    pub fn post(
        &self,
        officer: &OfficerKey,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, DeskError> {
        let rng = &mut rand::rng();
        self.client().post(officer, path, body, now(), rng)
    }

    /// Signs an act and sends it.
    pub fn act<T: Act>(&self, officer: &OfficerKey, act: &T) -> Result<Done, DeskError> {
        let signed = Signed::sign(act, ORIGIN, officer, now()).unwrap();
        let done = self.post(officer, "/v1/acts", signed.encode())?;
        read_json(&done)
    }

    /// The desk's store, to look into.
    pub fn desk_store(&self) -> Box<dyn Store> {
        match &self.database {
            Some(url) => Box::new(PostgresStore::open(url).unwrap()),
            None => {
                let path = self.dir.path().join("desk/desk.sqlite");
                Box::new(SqliteStore::open(path).unwrap())
            }
        }
    }

    pub fn queue(&self, officer: &OfficerKey) -> Vec<CaseItem> {
        self.get::<QueuePage>(officer, "/v1/queue").cases
    }

    /// The case about an account, once it is in the queue.
    pub fn case_about(&self, account: &str) -> CaseDetail {
        let about = |item: &&CaseItem| item.account.as_deref() == Some(account);
        let bob = &self.officers.bob;
        let case = wait_for(|| self.queue(bob).iter().find(about).cloned());
        self.get(bob, &format!("/v1/cases/{}", case.id))
    }

    pub fn case(&self, id: Hex<16>) -> CaseDetail {
        self.get(&self.officers.bob, &format!("/v1/cases/{id}"))
    }

    /// Audits the database of a desk that does not run: every row, entry and signature.
    pub fn audit(&self) {
        let folder = self.dir.path().join("desk");
        let seed = |name: &str| -> [u8; 32] {
            let bytes = std::fs::read(folder.join(name)).unwrap();
            bytes.try_into().unwrap()
        };
        let setup = DeskSetup {
            log: Signer::from_seed(ORIGIN, &seed("log.key")).unwrap(),
            keys: self.keys.clone(),
            secret: seed("secret").into(),
        };
        let audit = Desk::open(self.desk_store(), setup)
            .unwrap()
            .audit()
            .unwrap();
        assert_eq!(audit.findings, []);
    }

    /// Waits until the newest checkpoint covers the whole log.
    pub fn settled(&self) -> DeskCard {
        wait_for(|| {
            let card: DeskCard = self.get(&self.officers.bob, "/v1/desk");
            (card.cosigned_size == card.log_size).then_some(card)
        })
    }
}

pub fn code<T: std::fmt::Debug>(result: Result<T, DeskError>) -> DeskCode {
    match result.unwrap_err() {
        DeskError::Refused { code, .. } => code,
        error => panic!("{error}"),
    }
}

/// Tries until there is a value.
pub fn wait_for<T>(mut check: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(began.elapsed() < SOON, "waited for too long");
        std::thread::sleep(Duration::from_millis(50));
    }
}
