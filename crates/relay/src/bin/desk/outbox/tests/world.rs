//! A desk in a folder, with targets on this machine.

use std::collections::HashMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use tempfile::TempDir;
use waxseal_desk::desk::Desk;
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::policy::{Officer, Policy, PolicyTerms, Roles, Rule};
use waxseal_desk::store::{CaseRow, CaseStatus, Change, MetaRow, ReportRow, Store as _};
use waxseal_desk::vault::process::{Endpoint, VaultClient};
use waxseal_log::entry::PolicyKey;
use waxseal_log::keys::LogKeys;
use waxseal_log::note::{Cosigner, Signer};
use waxseal_relay::{ReviewerKey, system_rng};

use crate::asks::Rounds;
use crate::asks::Wake;
use crate::clock::now;
use crate::errors::Refusal;
use crate::export_targets::Targets;
use crate::files::Folder;
use crate::health::{Health, Metrics};
use crate::mark::Mark;
use crate::nonces::Nonces;
use crate::office::Office;
use crate::readers::Readers;
use crate::relay::{RelayCalls, RelayOptions};
use crate::state::Server;

pub use waxseal_log::entry::Target;

const ORIGIN: &str = "provider.example/desk";

/// A request that a target got.
#[derive(Clone, Debug)]
pub struct Got {
    /// The line with method and path.
    pub line: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

/// A target: answers each request with the next of these, and the last one from then on.
pub struct Listening {
    pub url: String,
    pub answers: Arc<Mutex<Vec<(u16, &'static str)>>>,
    pub got: Arc<Mutex<Vec<Got>>>,
}

impl Listening {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers = Arc::new(Mutex::new(vec![(201, "{}")]));
        let got = Arc::new(Mutex::new(Vec::new()));
        let (to_answer, to_note) = (answers.clone(), got.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &to_answer, &to_note);
            }
        });
        Self { url, answers, got }
    }
}

fn answer(
    mut stream: std::net::TcpStream,
    answers: &Mutex<Vec<(u16, &'static str)>>,
    noted: &Mutex<Vec<Got>>,
) {
    let mut bytes = Vec::new();
    let head = loop {
        let mut buffer = [0; 4_096];
        let read = stream.read(&mut buffer).unwrap_or(0);
        if read == 0 {
            return;
        }
        bytes.extend_from_slice(&buffer[..read]);
        if let Some(at) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            break at;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.lines();
    let line = lines.next().unwrap().to_owned();
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let len: usize = headers["content-length"].parse().unwrap();
    let mut body = bytes[head + 4..].to_vec();
    while body.len() < len {
        let mut buffer = [0; 4_096];
        let read = stream.read(&mut buffer).unwrap();
        body.extend_from_slice(&buffer[..read]);
    }
    noted.lock().unwrap().push(Got {
        line,
        headers,
        body,
    });
    let mut answers = answers.lock().unwrap();
    let (status, text) = match answers.len() {
        1 => answers[0],
        _ => answers.remove(0),
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    );
}

pub struct World {
    _dir: TempDir,
    pub server: Arc<Server>,
    pub listening: Listening,
    /// May decide.
    pub decider: OfficerKey,
    /// May not.
    pub asker: OfficerKey,
    keys: LogKeys,
}

impl World {
    pub fn new(targets: &[Target]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().join("desk"));
        folder.make().unwrap();
        let mut rng = system_rng();
        let log = Signer::from_seed(ORIGIN, &[7; 32]).unwrap();
        let vault = Cosigner::generate("provider.example/vault", &mut rng).unwrap();
        let policy_key = PolicyKey::generate(&mut rng);
        let public = Some(policy_key.public_key());
        let keys = LogKeys::new(log.verifier(), vault.verifier(), vec![], 0, public).unwrap();
        private(&folder, "log.key", &[7; 32]);
        private(&folder, "secret", &[9; 32]);
        let reviewer = ReviewerKey::generate(&mut rng);
        private(&folder, "reviewer.key", &reviewer.export());
        fs::write(folder.path("keys"), keys.to_string()).unwrap();
        let mut key = || OfficerKey::generate(&mut rng);
        let (decider, asker) = (key(), key());
        let policy = policy(&[(&decider, Roles::DECIDE), (&asker, Roles::ASK)]);
        let published = policy_key.publish(ORIGIN, policy.version(), policy.digest());
        let mut desk = Desk::open(folder.store().unwrap(), folder.setup().unwrap()).unwrap();
        desk.publish_policy(&policy, &published, now(), &mut rng)
            .unwrap();
        let listening = Listening::new();
        write_targets(&folder, targets, &listening.url);
        let (office, _) = Office::start(desk).unwrap();
        let server = server(&folder, &keys, office);
        Self {
            _dir: dir,
            server,
            listening,
            decider,
            asker,
            keys,
        }
    }

    /// Stops the desk, and starts it again on the same folder.
    pub fn restart(&mut self) {
        self.restart_in(self.server.folder.clone());
    }

    /// The same, while a row is stored.
    pub fn restart_while(&mut self, row: MetaRow) {
        self.restart_in(self.server.folder.clone().while_stored(row));
    }

    fn restart_in(&mut self, folder: Folder) {
        self.server.stop();
        let desk = Desk::open(folder.store().unwrap(), folder.setup().unwrap()).unwrap();
        let (office, _) = Office::start(desk).unwrap();
        self.server = server(&folder, &self.keys, office);
    }

    /// A case of one report about an account.
    pub fn case(&self, account: &str) -> [u8; 16] {
        let id = *account.as_bytes().first_chunk::<1>().unwrap();
        let id = [id[0]; 16];
        let case = CaseRow {
            id,
            number: id,
            account: Some(account.into()),
            reason: 2,
            severity: 2,
            first_report_at_ms: 1_800_000_000_000,
            last_report_at_ms: 1_800_000_000_000,
            reports: 1,
            reporters: 1,
            status: CaseStatus::Open,
            officer: None,
            assigned_until_ms: None,
            is_held: false,
        };
        let report = ReportRow {
            id,
            digest: [id[0]; 32],
            accepted_digest: None,
            number: id,
            promise: vec![1],
            reason: Some(2),
            rejected: None,
            received_day: 20_833,
            received_at_ms: 1_800_000_000_000,
            case_id: Some(id),
            reporter: Some([3; 32]),
            reporter_account: Some("victim".into()),
            is_erased: false,
        };
        let mut store = self.server.folder.store().unwrap();
        store
            .apply(&[Change::add(case), Change::add(report)])
            .unwrap();
        id
    }

    pub fn row(&self, case: &[u8; 16]) -> CaseRow {
        let case = *case;
        self.read(move |desk| Ok(desk.store().case(&case)?))
            .unwrap()
    }

    pub fn read<T>(
        &self,
        read: impl FnOnce(&Desk<crate::files::AnyStore>) -> Result<T, Refusal>,
    ) -> T {
        self.server.readers.read_now(read).unwrap()
    }

    pub fn got(&self) -> Vec<Got> {
        self.listening.got.lock().unwrap().clone()
    }

    /// What the target answers from now on, in this order.
    pub fn answers(&self, answers: &[(u16, &'static str)]) {
        *self.listening.answers.lock().unwrap() = answers.to_vec();
    }
}

/// A file that only its owner may read.
pub fn private(folder: &Folder, name: &str, bytes: &[u8]) {
    let path = folder.path(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn write_targets(folder: &Folder, targets: &[Target], url: &str) {
    private(folder, "coop.key", b"coop-api-key\n");
    private(folder, "dsa.key", b"dsa-token\n");
    private(folder, "webhook.key", &[5; 32]);
    fs::write(folder.path("coop.pem"), crate::coop::tests::KEY).unwrap();
    let one = |target: &Target| match target {
        Target::Coop => format!(
            "\"coop\": {{ \"url\": \"{url}/c\", \"key\": \"coop.key\", \
             \"callback_key\": \"coop.pem\", \"user_type\": \"u\", \
             \"conversation_type\": \"c\", \"message_type\": \"m\" }}"
        ),
        Target::Osprey => "\"osprey\": {}".to_owned(),
        Target::Ncmec => "\"ncmec\": { \"esp_service\": \"Messages\" }".to_owned(),
        Target::Dsa => format!("\"dsa\": {{ \"url\": \"{url}\", \"key\": \"dsa.key\" }}"),
        Target::Webhook => {
            format!("\"webhook\": {{ \"url\": \"{url}/hook\", \"key\": \"webhook.key\" }}")
        }
    };
    let all: Vec<_> = targets.iter().map(one).collect();
    fs::write(
        folder.path("targets.json"),
        format!("{{{}}}", all.join(",")),
    )
    .unwrap();
}

fn policy(officers: &[(&OfficerKey, Roles)]) -> Policy {
    let mut officers: Vec<_> = officers
        .iter()
        .map(|(key, roles)| Officer {
            id: key.id(),
            name: "officer".into(),
            roles: *roles,
        })
        .collect();
    officers.sort_by_key(|officer| officer.id);
    let rule = |two_persons, review_hours| Rule {
        allowed: true,
        two_persons,
        max_openings: 10,
        max_hours: 48,
        review_hours,
    };
    let (one, two) = (rule(false, 0), rule(true, 0));
    Policy::new(PolicyTerms {
        version: 1,
        origin: ORIGIN.into(),
        officers,
        rules: [one, one, two, one, two, rule(false, 24), two],
        appeal_days: 14,
        text: "Officers open what was reported.".into(),
    })
    .unwrap()
}

/// A relay that does not answer.
fn no_relay() -> RelayOptions {
    #[derive(clap::Parser)]
    struct Options {
        #[command(flatten)]
        relay: RelayOptions,
    }
    let arguments = ["desk", "--relay", "http://127.0.0.1:1"];
    <Options as clap::Parser>::parse_from(arguments).relay
}

fn server(folder: &Folder, keys: &LogKeys, office: Office) -> Arc<Server> {
    let (rounds, _) = Rounds::new();
    let (keeper, _) = Wake::new();
    let (outbox, _) = Wake::new();
    Arc::new(Server {
        readers: Arc::new(Readers::open(folder).unwrap()),
        folder: folder.clone(),
        keys: keys.clone(),
        office,
        vault: VaultClient::new(Endpoint::Socket(folder.path("vault.sock"))),
        rounds,
        keeper,
        relay: RelayCalls::new(&no_relay(), folder).unwrap(),
        targets: Targets::read(folder).unwrap(),
        outbox,
        relay_key: OnceLock::new(),
        nonces: Mutex::new(Nonces::new(0)),
        rooms: crate::room::Rooms::default(),
        counted: tokio::sync::Mutex::default(),
        mark: Mutex::new(Mark::open(folder.path("requests.mark")).unwrap()),
        health: Health::default(),
        metrics: Metrics::default(),
        openings: crate::opened::Opened::default(),
        stopping: AtomicBool::new(false),
    })
}
