//! A desk that someone took over: it has the right keys, checks nothing, and answers with hostile
//! text wherever there is text.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use waxseal_desk::grant::{Grant, GrantTerms, GrantedReport};
use waxseal_desk::ids::{AcceptedDigest, CaseId, GrantId, VaultId};
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::policy::{Officer, Policy, PolicyTerms, Roles, Rule};
use waxseal_log::entry::{PolicyKey, Purpose};
use waxseal_log::keys::LogKeys;
use waxseal_log::note::{Cosigner, Signer};
use waxseal_relay::desk::{
    AppealItem, Appeals, CaseDetail, CaseItem, DecisionItem, DeskCard, Done, Entries, EntryItem,
    ExportItem, Exports, GrantItem, Grants, Hex, HoldItem, OpeningItem, QueuePage, ReportItem,
    SeriesPoint, Transparency,
};
use waxseal_reporting::file::{FileKey, seal};
use waxseal_reporting::{BlobId, Timestamp};

use crate::hostile::{name, polyglot, texts};

pub const CASE: Hex<16> = Hex([0xca; 16]);
pub const GRANT: Hex<16> = Hex([0x67; 16]);
pub const REPORT: Hex<16> = Hex([0x12; 16]);

/// What the desk answers with.
pub struct EvilDesk {
    pub url: String,
    pub world: Arc<Evil>,
}

pub struct Evil {
    keys: LogKeys,
    policy: Policy,
    me: OfficerKey,
    texts: Vec<(&'static str, String)>,
    pub blob: (BlobId, Vec<u8>, [u8; 32], [u8; 32]),
    /// The acts that it was sent.
    pub acts: std::sync::Mutex<Vec<Vec<u8>>>,
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
            .route("/log/keys", get(keys))
            .route("/v1/desk", get(card))
            .route("/v1/queue", get(queue))
            .route("/v1/cases/{id}", get(case))
            .route("/v1/grants", get(grants).post(done))
            .route("/v1/appeals", get(appeals))
            .route("/v1/log", get(log))
            .route("/v1/transparency", get(transparency))
            .route("/v1/exports", get(exports))
            .route("/v1/openings", post(open))
            .route("/v1/acts", post(act))
            .route("/v1/reports/{id}/blobs/{blob}", get(blob))
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
        let key = Some(PolicyKey::generate(rng).public_key());
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
            me: me.clone(),
            texts,
            blob: (blob, sealed, *root.as_bytes(), *file_key.as_bytes()),
            acts: std::sync::Mutex::default(),
        }
    }

    pub fn text(&self, place: usize) -> String {
        self.texts[place % self.texts.len()].1.clone()
    }

    fn officers(&self) -> Vec<Hex<32>> {
        let officers = self.policy.terms().officers.iter();
        officers
            .map(|officer| Hex(*officer.id.as_bytes()))
            .collect()
    }

    fn item(&self, place: usize) -> CaseItem {
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

    fn grant(&self) -> GrantItem {
        let digest = AcceptedDigest::from_bytes([5; 32]);
        let grant = Grant::new(GrantTerms {
            id: GrantId::from_bytes(GRANT.0),
            origin: self.keys.origin().to_owned(),
            vault: VaultId::from_bytes(*self.keys.vault().key()),
            case: CaseId::from_bytes(CASE.0),
            purpose: Purpose::UserReport,
            policy: self.policy.digest(),
            requester: self.me.id(),
            approver: None,
            requested: Timestamp::from_millis(now_ms()),
            expires: Timestamp::from_millis(now_ms() + 3_600_000),
            max_openings: 3,
            reports: vec![GrantedReport {
                digest,
                messages: 7,
            }],
        });
        let grant = grant.unwrap();
        GrantItem {
            id: GRANT,
            digest: Hex(*grant.digest().as_bytes()),
            grant: grant.encode().to_vec(),
            case: CASE,
            purpose: 1,
            state: "approved".to_owned(),
            requester: Hex(*self.me.id().as_bytes()),
            approver: None,
            requested_at_ms: now_ms(),
            expires_at_ms: now_ms() + 3_600_000,
            max_openings: 3,
            openings: 0,
            review_until_ms: Some(now_ms()),
            review: None,
        }
    }

    fn appeal(&self, place: usize, decided: bool) -> AppealItem {
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

type World = State<Arc<Evil>>;

fn json(value: &impl serde::Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap();
    ([("content-type", "application/json")], body).into_response()
}

async fn keys(State(evil): World) -> String {
    evil.keys.to_string()
}

async fn card(State(evil): World) -> impl IntoResponse {
    json(&DeskCard {
        origin: evil.keys.origin().to_owned(),
        vault: Hex(*evil.keys.vault().key()),
        policy: evil.policy.encode().to_vec(),
        keys: evil.keys.to_string(),
        log_size: 12,
        cosigned_size: 8,
        now_ms: now_ms(),
        exports: vec!["coop".to_owned(), evil.text(0)],
    })
}

async fn queue(State(evil): World) -> impl IntoResponse {
    json(&QueuePage {
        cases: (0..evil.texts.len())
            .map(|place| evil.item(place))
            .collect(),
        next: Some(Hex([9; 28])),
    })
}

async fn case(State(evil): World, Path(_): Path<String>) -> impl IntoResponse {
    let report = |id, digest| ReportItem {
        id,
        accepted_digest: Some(Hex(digest)),
        number: Hex([3; 16]),
        reason: Some(5),
        received_at_ms: now_ms(),
        messages: 3,
        is_erased: false,
        blobs: vec![evil.blob.0.to_text(), evil.text(1)],
    };
    let decision = |place| DecisionItem {
        leaf: Hex([6; 32]),
        log_index: 8,
        officer: evil.officers()[place % 4],
        reason: 5,
        measure: 4,
        rule: evil.text(place),
        statement: evil.text(place + 1),
        openings: 2,
        decided_at_ms: now_ms(),
        appeal_until_ms: now_ms(),
        told: vec![1, 2, 9],
    };
    json(&CaseDetail {
        case: evil.item(0),
        reports: vec![report(REPORT, [5; 32]), report(Hex([0x13; 16]), [4; 32])],
        grants: vec![evil.grant()],
        openings: vec![OpeningItem {
            grant_digest: Hex([1; 32]),
            report: REPORT,
            officer: evil.officers()[1],
            log_index: 4,
            logged_at_ms: now_ms(),
            shown_at_ms: None,
        }],
        decisions: (0..evil.texts.len()).map(decision).collect(),
        appeals: (0..evil.texts.len())
            .map(|place| evil.appeal(place, place % 2 == 0))
            .collect(),
        holds: vec![HoldItem {
            id: Hex([8; 16]),
            placed_at_ms: now_ms(),
            lifted_at_ms: None,
        }],
        earlier: (1..5).map(|place| evil.item(place)).collect(),
    })
}

async fn grants(State(evil): World) -> impl IntoResponse {
    let other = GrantItem {
        state: evil.text(2),
        ..evil.grant()
    };
    json(&Grants {
        grants: vec![evil.grant(), other],
    })
}

async fn appeals(State(evil): World) -> impl IntoResponse {
    let appeals = (0..evil.texts.len()).map(|place| evil.appeal(place, false));
    json(&Appeals {
        appeals: appeals.collect(),
    })
}

async fn log(State(evil): World) -> impl IntoResponse {
    let entries = (0..evil.texts.len()).map(|place| EntryItem {
        index: u64::try_from(place).unwrap(),
        day: 20_500,
        kind: evil.text(place),
        number: Hex([3; 16]),
        what: evil.text(place + 1),
        leaf: Hex([7; 32]),
    });
    json(&Entries {
        entries: entries.collect(),
        log_size: 999,
        cosigned_size: 3,
    })
}

#[derive(serde::Deserialize)]
struct Days {
    from: u32,
    to: u32,
}

async fn transparency(State(evil): World, Query(days): Query<Days>) -> impl IntoResponse {
    let csv: String = evil
        .texts
        .iter()
        .map(|(name, text)| format!("{name},{text}\n"))
        .collect();
    let series = (0..60).map(|back| SeriesPoint {
        day: days.to - back,
        reports: back * 37 % 23,
        openings: back * 11 % 9,
        decisions: back * 7 % 5,
        appeals: back % 3,
    });
    let series = series.collect();
    json(&Transparency {
        from: days.from,
        to: days.to,
        csv,
        series,
        log_size: 12,
    })
}

async fn exports(State(evil): World) -> impl IntoResponse {
    let exports = (0..evil.texts.len()).map(|place| ExportItem {
        id: Hex([2; 16]),
        case: CASE,
        target: 1,
        made_at_ms: now_ms(),
        taken_at_ms: None,
        tries: 3,
        answer: evil.text(place),
    });
    json(&Exports {
        exports: exports.collect(),
    })
}

async fn open(State(evil): World) -> impl IntoResponse {
    let opened = evil
        .acts
        .lock()
        .unwrap()
        .iter()
        .filter(|act| act.is_empty())
        .count();
    evil.acts.lock().unwrap().push(Vec::new());
    evil.view(opened * 17).encode().to_vec()
}

async fn act(State(evil): World, body: axum::body::Bytes) -> impl IntoResponse {
    evil.acts.lock().unwrap().push(body.to_vec());
    json(&Done {
        log_size: 13,
        leaf: None,
    })
}

async fn done() -> impl IntoResponse {
    json(&Done {
        log_size: 13,
        leaf: None,
    })
}

#[derive(serde::Deserialize)]
struct Range {
    at: usize,
    len: usize,
}

async fn blob(
    State(evil): World,
    Path((_, blob)): Path<(String, String)>,
    Query(Range { at, len }): Query<Range>,
) -> impl IntoResponse {
    if blob != evil.blob.0.to_text() {
        return StatusCode::NOT_FOUND.into_response();
    }
    evil.blob.1[at..at + len].to_vec().into_response()
}
