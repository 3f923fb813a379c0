//! A desk that someone took over: it has the right keys, checks nothing, and answers with hostile
//! text wherever there is text.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::{get, post};
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::policy::{Officer, Policy, PolicyTerms, Roles, Rule};
use waxseal_log::entry::PolicyKey;
use waxseal_log::keys::LogKeys;
use waxseal_log::note::{Cosigner, Signer};
use waxseal_relay::desk::{AppealItem, CaseItem, Hex};
use waxseal_reporting::BlobId;
use waxseal_reporting::file::{FileKey, seal};

use crate::evil_answers as answers;
use crate::hostile::{name, polyglot, texts};

pub const CASE: Hex<16> = Hex([0xca; 16]);
/// A grant of the officer's own, which is approved.
pub const GRANT: Hex<16> = Hex([0x67; 16]);
/// A grant that another officer asked for, and that the officer is to approve.
pub const ASKED: Hex<16> = Hex([0x68; 16]);
/// A grant that another officer used alone in an emergency.
pub const EMERGENCY: Hex<16> = Hex([0x69; 16]);
pub const REPORT: Hex<16> = Hex([0x12; 16]);

/// What the desk answers with.
pub struct EvilDesk {
    pub url: String,
    pub world: Arc<Evil>,
}

pub struct Evil {
    pub keys: LogKeys,
    pub policy: Policy,
    policy_key: PolicyKey,
    /// What it shows in place of its policy: the document, and the signature.
    pub other_policy: Mutex<Option<(Vec<u8>, [u8; 64])>>,
    /// Whether it does not answer who it is.
    pub is_silent: AtomicBool,
    /// The messages that its grant names.
    pub granted: AtomicU32,
    /// Whether it tells other things than before under the same names.
    pub is_changed: AtomicBool,
    /// The reports of the case besides the first ones, and the messages of each.
    pub more: Mutex<(u8, u32)>,
    pub begun_ms: u64,
    pub me: OfficerKey,
    pub texts: Vec<(&'static str, String)>,
    pub blob: (BlobId, Vec<u8>, [u8; 32], [u8; 32]),
    /// What it was sent: the route, and the body.
    pub acts: Mutex<Vec<(String, Vec<u8>)>>,
}

pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap().as_millis()).unwrap()
}

impl EvilDesk {
    /// Starts the desk, with this officer in its policy.
    pub fn start(me: &OfficerKey, canary: &str) -> Self {
        let world = Arc::new(Evil::new(me, canary));
        let routes = Router::new()
            .route("/log/keys", get(answers::keys))
            .route("/v1/desk", get(answers::card))
            .route("/v1/queue", get(answers::queue))
            .route("/v1/cases/{id}", get(answers::case))
            .route("/v1/grants", get(answers::grants).post(answers::act))
            .route("/v1/grants/{id}/approval", post(answers::act))
            .route("/v1/appeals", get(answers::appeals))
            .route("/v1/log", get(answers::log))
            .route("/v1/transparency", get(answers::transparency))
            .route("/v1/exports", get(answers::exports))
            .route("/v1/openings", post(answers::open))
            .route("/v1/acts", post(answers::act))
            .route("/v1/reports/{id}/blobs/{blob}", get(answers::blob))
            .with_state(Arc::clone(&world));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, routes).await.unwrap();
            });
        });
        Self {
            url: format!("http://{address}"),
            world,
        }
    }
}

impl Evil {
    fn new(me: &OfficerKey, canary: &str) -> Self {
        let rng = &mut rand::rng();
        let log = Signer::generate("provider.example/desk", rng).unwrap();
        let vault = Cosigner::generate("provider.example/vault", rng).unwrap();
        let policy_key = PolicyKey::generate(rng);
        let key = Some(policy_key.public_key());
        let keys = LogKeys::new(log.verifier(), vault.verifier(), vec![], 0, key).unwrap();
        let texts = texts(canary);
        let all = Roles::from_bits(31).unwrap();
        let officer = |id, text: &str| Officer {
            id,
            name: name(text, 255),
            roles: all,
        };
        let mut officers = vec![officer(me.id(), "alice")];
        for (_, text) in texts.iter().filter(|(_, text)| !text.is_empty()).take(12) {
            officers.push(officer(OfficerKey::generate(rng).id(), text));
        }
        let rule = Rule {
            allowed: true,
            two_persons: false,
            max_openings: 10,
            max_hours: 48,
            review_hours: 0,
        };
        let mut rules = [Rule {
            two_persons: true,
            ..rule
        }; 7];
        rules[0] = rule;
        let text: String = texts.iter().map(|(_, text)| format!("{text}\n")).collect();
        let policy = Policy::new(PolicyTerms {
            version: 3,
            origin: keys.origin().to_owned(),
            officers,
            rules,
            appeal_days: 14,
            text: text.chars().take(4_000).collect(),
        });
        let picture = polyglot();
        let (file_key, mut sealed) = (FileKey::generate(rng), Vec::new());
        let len = u64::try_from(picture.len()).unwrap();
        let root = seal(&mut &picture[..], len, &file_key, &mut sealed).unwrap();
        let blob = BlobId::generate(rng);
        Self {
            keys,
            policy: policy.unwrap(),
            policy_key,
            other_policy: Mutex::default(),
            is_silent: AtomicBool::default(),
            granted: AtomicU32::new(0x3fff_ffff),
            is_changed: AtomicBool::default(),
            more: Mutex::default(),
            begun_ms: now_ms(),
            me: me.clone(),
            texts,
            blob: (blob, sealed, *root.as_bytes(), *file_key.as_bytes()),
            acts: Mutex::default(),
        }
    }

    /// The signature of the policy key on a policy.
    pub fn signed(&self, policy: &Policy) -> [u8; 64] {
        let (version, digest) = (policy.version(), policy.digest());
        let published = self.policy_key.publish(self.keys.origin(), version, digest);
        published.signature
    }

    /// What it shows as its policy.
    pub fn shown_policy(&self) -> (Vec<u8>, [u8; 64]) {
        let other = self.other_policy.lock().unwrap().clone();
        other.unwrap_or_else(|| (self.policy.encode().to_vec(), self.signed(&self.policy)))
    }

    /// A text, which is another one after a change.
    pub fn text(&self, place: usize) -> String {
        let place = place + usize::from(self.is_changed.load(Ordering::SeqCst));
        self.texts[place % self.texts.len()].1.clone()
    }

    pub fn officers(&self) -> Vec<Hex<32>> {
        let officers = self.policy.terms().officers.iter();
        officers
            .map(|officer| Hex(*officer.id.as_bytes()))
            .collect()
    }

    pub fn item(&self, place: usize) -> CaseItem {
        let id = if place == 0 {
            CASE
        } else {
            Hex([u8::try_from(place).unwrap(); 16])
        };
        let officers = self.officers();
        CaseItem {
            id,
            account: Some(self.text(place)),
            reason: u8::try_from(place % 16 + 1).unwrap(),
            severity: u8::try_from(place % 4 + 1).unwrap(),
            first_report_at_ms: now_ms() - 86_400_000,
            last_report_at_ms: now_ms() - 3_600_000,
            reports: 7,
            reporters: 3,
            status: if place == 0 {
                "open".to_owned()
            } else {
                self.text(place + 1)
            },
            officer: Some(officers[place % officers.len()]),
            assigned_until_ms: Some(now_ms() + 3_600_000),
            is_held: true,
        }
    }

    pub fn appeal(&self, place: usize, decided: bool) -> AppealItem {
        AppealItem {
            leaf: Hex([7; 32]),
            log_index: 9,
            decision: Hex([6; 32]),
            case: CASE,
            side: 2,
            text: Some(self.text(place)),
            filed_at_ms: now_ms(),
            outcome: decided.then_some(1),
            statement: decided.then(|| self.text(place + 1)),
            officer: decided.then(|| self.officers()[0]),
            decided_at_ms: decided.then(now_ms),
        }
    }
}
