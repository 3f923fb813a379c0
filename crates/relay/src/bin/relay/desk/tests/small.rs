//! A small desk: the library behind the routes that a relay asks, which verify the signature.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::to_vec;
use waxseal_desk::desk::{Desk, DeskSetup as LogSetup};
use waxseal_desk::request::{BodyDigest, RequestTerms};
use waxseal_desk::store::MemoryStore;
use waxseal_interface::http::Link;
use waxseal_interface::report_id_text;
use waxseal_log::entry::PolicyKey;
use waxseal_log::keys::LogKeys;
use waxseal_log::note::{Cosigner, Signer};
use waxseal_log::report::ReportDigest;
use waxseal_relay::desk::{
    AT_HEADER, AppealFiled, DeskCode, DeskErrorBody, FileAppeal, Hex, KEY_HEADER, NONCE_HEADER,
    NoticeItem, NoticeSent, Notices, RefusedReport, SIGNATURE_HEADER,
};
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::{AcceptanceKey, AcceptedReport, ReportId};
use zeroize::Zeroizing;

use crate::desk::client::DeskSetup;

pub const ORIGIN: &str = "desk.example/log";

/// What the desk has and does.
pub struct State {
    desk: Desk<MemoryStore>,
    acceptance: AcceptanceKey,
    /// Whether it answers nothing.
    pub is_away: bool,
    /// It does not answer what has this in its path.
    pub slow: Option<&'static str>,
    pub relay_key: [u8; 32],
    pub keys: LogKeys,
    /// How many reports were handed on, also those that were before.
    pub handed: usize,
    /// How many reports it refuses before it takes one.
    pub refuses_reports: usize,
    pub notices: Vec<NoticeItem>,
    /// Further parts of notices, the last one first.
    pub parts: Vec<NoticeItem>,
    pub sent: Vec<NoticeSent>,
    pub appeals: Vec<FileAppeal>,
    /// Why it takes no appeal.
    pub refuses: Option<DeskCode>,
    /// Receipts by path and query.
    pub receipts: HashMap<String, Vec<u8>>,
}

#[derive(Clone)]
pub struct SmallDesk(Arc<Mutex<State>>);

impl SmallDesk {
    /// Starts the desk, and tells how a relay reaches it.
    pub async fn start() -> (Self, DeskSetup) {
        let rng = &mut rand::rng();
        let log = Signer::generate(ORIGIN, rng).unwrap();
        let vault = Cosigner::generate("desk.example/vault", rng).unwrap();
        let policy = PolicyKey::generate(rng).public_key();
        let keys = LogKeys::new(log.verifier(), vault.verifier(), vec![], 0, Some(policy));
        let keys = keys.unwrap();
        let setup = LogSetup {
            log,
            keys: keys.clone(),
            secret: Zeroizing::new([7; 32]),
        };
        let acceptance = AcceptanceKey::generate(rng);
        let state = State {
            desk: Desk::open(MemoryStore::new(), setup).unwrap(),
            acceptance: acceptance.clone(),
            is_away: false,
            slow: None,
            relay_key: [0; 32],
            keys,
            handed: 0,
            refuses_reports: 0,
            notices: Vec::new(),
            parts: Vec::new(),
            sent: Vec::new(),
            appeals: Vec::new(),
            refuses: None,
            receipts: HashMap::new(),
        };
        let small = Self(Arc::new(Mutex::new(state)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = small.clone();
        let router = Router::new().fallback(async move |request| shared.answer(request).await);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let setup = DeskSetup {
            link: Link::new(&url).unwrap(),
            origin: ORIGIN.to_owned(),
            acceptance,
            interval: Duration::from_secs(1),
        };
        (small, setup)
    }

    /// Reads or changes what the desk has.
    pub fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn answer(&self, request: Request<Body>) -> Response {
        let path = request.uri().path();
        let is_slow = |state: &mut State| state.slow.is_some_and(|part| path.contains(part));
        if self.with(|state| state.is_away || is_slow(state)) {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        let (head, body) = request.into_parts();
        let body = to_bytes(body, 4 << 20).await.unwrap();
        let path = head.uri.path_and_query().unwrap().as_str();
        self.with(|state| {
            if !state.is_signed(head.method.as_str(), path, &head.headers, &body) {
                return refused(DeskCode::NotSigned);
            }
            let at = read_at(&head.headers).unwrap();
            state.route(head.method.as_str(), path, &body, at)
        })
    }
}

fn refused(error: DeskCode) -> Response {
    let message = "no".to_owned();
    let body = to_vec(&DeskErrorBody { error, message }).unwrap();
    (StatusCode::CONFLICT, body).into_response()
}

fn read_at(headers: &HeaderMap) -> Option<Timestamp> {
    let at = headers.get(AT_HEADER)?.to_str().ok()?.parse().ok()?;
    Some(Timestamp::from_millis(at))
}

fn hex<const N: usize>(headers: &HeaderMap, name: &str) -> Option<[u8; N]> {
    let hex: Hex<N> = headers.get(name)?.to_str().ok()?.parse().ok()?;
    Some(hex.0)
}

impl State {
    fn is_signed(&self, method: &str, path: &str, headers: &HeaderMap, body: &[u8]) -> bool {
        let read = || {
            let terms = RequestTerms {
                origin: ORIGIN,
                method,
                path,
                at: read_at(headers)?,
                nonce: hex(headers, NONCE_HEADER)?,
                body: BodyDigest::of(body),
            };
            let (key, signature) = (hex(headers, KEY_HEADER)?, hex(headers, SIGNATURE_HEADER)?);
            Some(key == self.relay_key && terms.is_signed_by(&key, &signature))
        };
        read() == Some(true)
    }

    fn route(&mut self, method: &str, path: &str, body: &[u8], now: Timestamp) -> Response {
        let rng = &mut rand::rng();
        let parts: Vec<_> = path.trim_start_matches('/').split(['/', '?']).collect();
        match (method, parts.as_slice()) {
            ("GET", ["v1", "log-keys"]) => self.keys.to_string().into_response(),
            ("POST", ["v1", "intake", "accepted"]) => {
                self.handed += 1;
                if self.refuses_reports > 0 {
                    self.refuses_reports -= 1;
                    return refused(DeskCode::Refused);
                }
                let id = ReportId::from_bytes(body[1..17].try_into().unwrap());
                let accepted = AcceptedReport::decode(body, &self.acceptance, &id).unwrap();
                let promise = self.desk.take_in(&accepted, body, now, rng).unwrap();
                promise.encode().into_response()
            }
            ("POST", ["v1", "intake", "refused"]) => {
                let refused: RefusedReport = serde_json::from_slice(body).unwrap();
                let digest = ReportDigest::from_bytes(refused.digest.0);
                let promise = self.desk.refuse(&digest, refused.check, now, rng).unwrap();
                promise.encode().into_response()
            }
            ("GET", ["v1", "notices"]) => {
                let notices = self.notices.clone();
                to_vec(&Notices { notices }).unwrap().into_response()
            }
            ("GET", ["v1", "notices", _, _]) => match self.parts.pop() {
                Some(part) => to_vec(&part).unwrap().into_response(),
                None => refused(DeskCode::Busy),
            },
            ("POST", ["v1", "notices", "sent"]) => {
                let sent: NoticeSent = serde_json::from_slice(body).unwrap();
                let is_open = |notice: &NoticeItem| {
                    (notice.decision, notice.side) != (sent.decision, sent.side)
                };
                self.notices.retain(is_open);
                self.sent.push(sent);
                "{}".into_response()
            }
            ("POST", ["v1", "decisions", _, "appeals"]) => {
                if let Some(code) = self.refuses {
                    return refused(code);
                }
                self.appeals.push(serde_json::from_slice(body).unwrap());
                let leaf = Hex([8; 32]);
                to_vec(&AppealFiled { leaf }).unwrap().into_response()
            }
            ("GET", _) => match self.receipts.get(path) {
                Some(receipt) => receipt.clone().into_response(),
                None => refused(DeskCode::NotCosigned),
            },
            _ => refused(DeskCode::NotFound),
        }
    }
}

/// The path of the receipt for a reporter.
pub fn receipt_path(id: &ReportId) -> String {
    format!("/v1/reports/{}/receipt", report_id_text(id))
}
