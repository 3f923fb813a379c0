//! An in-memory relay that speaks the provider interface, for clients that have a courier. A test
//! can have any request fail.

mod accounts;
mod blobs;
mod contacts;
mod deliveries;
mod desk;
mod fault;
mod groups;
mod mailboxes;
mod messages;
mod prekeys;
mod reports;
mod rosters;

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use rand_core::Rng;
use serde_json::to_vec;
use sha2::{Digest, Sha256};
use waxseal::reporting::relay::EPOCH_MS;
use waxseal::{AccountId, DeviceAddress, Timestamp};
use waxseal_interface::{
    AskedRequest, CONTACT_TOKENS_HEADER, ContactHeaders, DIGEST_HEADER, ErrorBody, ErrorCode,
    HttpAnswer, HttpRequest, MARK_HEADER, NONCE_HEADER, RelayCard, SealingKeyPair, account_name,
    decode_mark, decode_tokens,
};

use self::blobs::Blobs;
use self::contacts::Contacts;
use self::deliveries::{Connection, Queue};
pub use self::desk::Desk;
pub use self::fault::{Asked, Fault};
pub use self::reports::TakenReport;
use crate::{NOW, Provider};

/// Number of days after which the relay destroys a stamp key.
const VERIFY_DAYS: u32 = 30;

/// A relay in memory. It answers the routes of the provider interface with a [`Provider`], and
/// authenticates requests, answers and frames as the interface's specification says.
///
/// [`call`](Self::call) and [`connect`](Self::connect) are the relay. [`send`](Self::send) and
/// [`open`](Self::open) are the way there, on which a test can put any [`Fault`].
pub struct Relay {
    /// What stamps, hands out prekeys and takes reports. Its `now` is the relay's clock; set it
    /// with [`set_now`](Self::set_now).
    pub provider: Provider,
    /// How many deliveries may wait for one device.
    pub max_queued: usize,
    /// How many slots of mailboxes may be full.
    pub max_slots: usize,
    /// How many bytes of blobs an account may keep.
    pub blob_quota: u64,
    /// How many bytes of blobs the reports of an account may hold.
    pub hold_quota: u64,
    /// How many more one-time prekeys of each device the relay claims to have than it has. Devices
    /// then make only a few, which takes less time.
    pub claimed_prekeys: usize,
    /// Everything that was asked, in order.
    pub asked: Vec<Asked>,
    /// Requests that were lost on their way to the relay.
    pub lost: Vec<HttpRequest>,
    key: SigningKey,
    sealing: SealingKeyPair,
    challenges: BTreeMap<Vec<u8>, Timestamp>,
    tokens: BTreeMap<String, (DeviceAddress, u64)>,
    /// The registered devices with their identities.
    devices: BTreeMap<DeviceAddress, [u8; 64]>,
    /// Devices that were registered and are gone from the roster.
    removed: BTreeMap<DeviceAddress, [u8; 64]>,
    queues: BTreeMap<DeviceAddress, Queue>,
    mailboxes: BTreeMap<([u8; 16], u8), (Timestamp, Vec<u8>)>,
    blobs: Blobs,
    contacts: Contacts,
    connections: BTreeMap<u64, Connection>,
    reports: Vec<TakenReport>,
    desk: Option<Desk>,
    faults: Faults,
    last_answer: Option<HttpAnswer>,
}

/// Decides what goes wrong with a request.
type Faults = Option<Box<dyn FnMut(&Asked) -> Option<Fault>>>;

/// What a route answers: status, body, and headers of its own.
type Answered = Result<Answer, Box<ErrorBody>>;

/// Status, body and headers.
type Answer = (u16, Vec<u8>, Vec<(String, String)>);

impl Relay {
    /// A relay without accounts, whose clock shows [`NOW`].
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut provider = Provider::new(seed);
        let mut secret = [0; 32];
        provider.rng.fill_bytes(&mut secret);
        Self {
            key: SigningKey::from_bytes(&secret),
            sealing: SealingKeyPair::generate(&mut provider.rng),
            contacts: Contacts::new(&secret),
            provider,
            max_queued: 1_000,
            max_slots: 1_000,
            blob_quota: 8 << 30,
            hold_quota: 8 << 30,
            claimed_prekeys: 0,
            asked: Vec::new(),
            lost: Vec::new(),
            challenges: BTreeMap::new(),
            tokens: BTreeMap::new(),
            devices: BTreeMap::new(),
            removed: BTreeMap::new(),
            queues: BTreeMap::new(),
            mailboxes: BTreeMap::new(),
            blobs: Blobs::default(),
            connections: BTreeMap::new(),
            reports: Vec::new(),
            desk: None,
            faults: None,
            last_answer: None,
        }
    }

    /// Sets the relay's clock. Stamp keys that are old enough are destroyed, and so are the
    /// deliveries that they stamped: their devices are told.
    ///
    /// # Panics
    /// If the time is before [`NOW`], or more than a year after it.
    pub fn set_now(&mut self, now: Timestamp) {
        self.provider.now = now;
        let (keys, epoch) = (&mut self.provider.stamp_keys, now.as_millis() / EPOCH_MS);
        let oldest = u32::try_from(epoch).unwrap() - VERIFY_DAYS;
        if oldest > keys.oldest_epoch() {
            keys.destroy_before(oldest).unwrap();
        }
        keys.advance_to(NOW.max(now)).unwrap();
        let oldest = keys.oldest_epoch();
        for queue in self.queues.values_mut() {
            queue.drop_before(oldest);
        }
    }

    /// The relay's card.
    #[must_use]
    pub fn card(&self) -> RelayCard {
        let moderation = self.provider.moderation.public_key();
        RelayCard::sign(
            "test",
            &self.key,
            self.sealing.public(),
            moderation,
            VERIFY_DAYS,
        )
    }

    /// Replaces the moderation key. The intake takes no reports to the earlier one any more.
    pub fn rotate_moderation_key(&mut self) {
        let rng = &mut self.provider.rng;
        self.provider.moderation = waxseal::reporting::vault::ModerationKeyPair::generate(rng);
    }

    /// Loses everything that the relay knows of an account, as when its database was lost.
    pub fn forget(&mut self, account: &AccountId) {
        self.provider.forget(account);
        let is_other = |device: &DeviceAddress| device.account != *account;
        self.provider.keys.retain(|device, _| is_other(device));
        self.devices.retain(|device, _| is_other(device));
        self.removed.retain(|device, _| is_other(device));
        self.queues.retain(|device, _| is_other(device));
        self.connections.retain(|_, one| is_other(&one.me));
    }

    /// Answers a request.
    ///
    /// # Panics
    /// If the request has no nonce or digest: the library always sends both.
    pub fn call(&mut self, request: &HttpRequest) -> HttpAnswer {
        let device = self.device_of(request);
        let answered = match request.path.as_str() {
            "/v1/deliveries" => Err(ErrorCode::Malformed.into_body()), // no handshake
            _ => self.route(request, &device),
        };
        self.authentic(request, device.ok().as_ref(), answered)
    }

    fn route(
        &mut self,
        request: &HttpRequest,
        device: &Result<DeviceAddress, ErrorCode>,
    ) -> Answered {
        let body = &request.body;
        if !body.is_empty() && Sha256::digest(body).as_slice() != asked(request).digest() {
            return Err(ErrorCode::BodyAltered.into_body());
        }
        let parts: Vec<_> = request.path.trim_start_matches('/').split('/').collect();
        match (request.method, parts.as_slice()) {
            ("GET", ["v1", "relay"]) => return json(200, &self.card()),
            ("POST", ["v1", "challenges"]) => return self.challenge(),
            ("POST", ["v1", "accounts"]) => return self.register(&read(body)?),
            ("POST", ["v1", "sessions"]) => return self.sign_in(&read(body)?),
            ("POST", ["v1", "leave"]) => return self.leave(&read(body)?),
            ("PUT", ["v1", "mailboxes", mailbox, slot]) => {
                return self.put_mailbox(mailbox, slot, body);
            }
            ("GET", ["v1", "mailboxes", mailbox, slot]) => return self.mailbox(mailbox, slot),
            _ => {}
        }
        let me = device.clone().map_err(ErrorCode::into_body)?;
        match (request.method, parts.as_slice()) {
            ("GET", ["v1", "prekeys"]) => self.prekeys_left(&me),
            ("PUT", ["v1", "prekeys"]) => self.put_prekeys(&me, read(body)?),
            ("PUT", ["v1", "roster"]) => self.put_roster(&me, body),
            ("GET", ["v1", "accounts", peer, "roster"]) => self.roster(&me, &name(peer)?),
            ("POST", ["v1", "bundles"]) => self.bundles(&me, &read(body)?),
            ("POST", ["v1", "messages", to]) => {
                let contact = ContactHeaders::read(|name| header(request, name));
                let answered = self.post(&me, &name(to)?, body, contact)?;
                self.keep_mark(&me, request);
                Ok(answered)
            }
            ("POST", ["v1", "reseals", to]) => {
                let answered = self.post_again(&me, &name(to)?, body)?;
                self.keep_mark(&me, request);
                Ok(answered)
            }
            ("PUT", ["v1", "groups", group]) => {
                let tokens = header(request, CONTACT_TOKENS_HEADER).map(decode_tokens);
                self.put_group(&me, group, body, &tokens.unwrap_or_default())
            }
            ("GET", ["v1", "groups", group]) => self.group_news(&me, group),
            ("POST", ["v1", "groups", group, "rosters"]) => {
                self.group_rosters(&me, group, &read(body)?)
            }
            ("POST", ["v1", "groups", group, "messages"]) => {
                let answered = self.post_group(&me, group, body)?;
                self.keep_mark(&me, request);
                Ok(answered)
            }
            ("POST", ["v1", "groups", group, "leave"]) => {
                self.leave_group(&me, group, &read(body)?)
            }
            ("PUT", ["v1", "blobs", blob]) => self.put_blob(&me, blob, body),
            ("GET", ["v1", "blobs", blob]) => self.blob_state(&me, blob),
            ("GET", ["v1", "blobs", blob, range]) => self.blob_bytes(blob, range),
            ("POST", ["v1", "reports"]) => self.take_report(&me, body),
            ("GET", ["v1", "reports", id]) => self.report_state(&me, id),
            (method, ["v1", of_desk @ ..]) => self.of_desk(&me, method, of_desk, body),
            _ => Err(ErrorCode::NotFound.into_body()),
        }
    }

    /// Keeps the mark that a device posted along with a message. A header of another form counts as
    /// absent.
    fn keep_mark(&mut self, me: &DeviceAddress, request: &HttpRequest) {
        if let Some(mark) = header(request, MARK_HEADER).and_then(decode_mark) {
            self.provider.keep_mark(me, mark);
        }
    }

    /// The registered device that the request's token names.
    fn device_of(&self, request: &HttpRequest) -> Result<DeviceAddress, ErrorCode> {
        let (me, expires_ms) = self.token_of(request).ok_or(ErrorCode::Unauthorized)?;
        if self.provider.now.as_millis() >= *expires_ms {
            return Err(ErrorCode::TokenExpired);
        }
        match self.devices.contains_key(me) {
            true => Ok(me.clone()),
            false if self.removed.contains_key(me) => Err(ErrorCode::Removed),
            false => Err(ErrorCode::Unauthorized),
        }
    }

    /// Whether a device of this account is registered.
    fn is_account(&self, account: &AccountId) -> bool {
        self.devices.keys().any(|device| device.account == *account)
    }

    fn token_of(&self, request: &HttpRequest) -> Option<&(DeviceAddress, u64)> {
        let token = header(request, "authorization")?.strip_prefix("Bearer ")?;
        self.tokens.get(token)
    }

    /// When the request's token expires.
    fn expiry_of(&self, request: &HttpRequest) -> u64 {
        self.token_of(request)
            .map_or(0, |(_, expires_ms)| *expires_ms)
    }

    /// Authenticates an answer: with a MAC for a device, with the relay's signature for everyone
    /// else.
    fn authentic(
        &self,
        request: &HttpRequest,
        device: Option<&DeviceAddress>,
        answered: Answered,
    ) -> HttpAnswer {
        let (status, body, mut headers) = answered.unwrap_or_else(|body| {
            let bytes = to_vec(&body).unwrap();
            (body.error.status(), bytes, Vec::new())
        });
        let asked = asked(request);
        let (name, value) = match device.and_then(|me| self.provider.keys.get(me)) {
            Some(key) => asked.mac(key, status, &body).unwrap(),
            None => asked.sign(&self.key, status, &body),
        };
        headers.push((name.to_owned(), value));
        HttpAnswer {
            status,
            headers,
            body,
        }
    }

    fn random<const LEN: usize>(&mut self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        self.provider.rng.fill_bytes(&mut bytes);
        bytes
    }
}

fn asked(request: &HttpRequest) -> AskedRequest {
    let [nonce, digest] = [NONCE_HEADER, DIGEST_HEADER].map(|name| header(request, name).unwrap());
    AskedRequest::received(request.method, &request.path, nonce, digest).unwrap()
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let mut headers = request.headers.iter();
    Some(&headers.find(|(header, _)| *header == name)?.1)
}

fn name(text: &str) -> Result<AccountId, Box<ErrorBody>> {
    account_name(text).map_err(|_| ErrorCode::BadName.into_body())
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Box<ErrorBody>> {
    serde_json::from_slice(body).map_err(|_| ErrorCode::Malformed.into_body())
}

fn json(status: u16, body: &impl serde::Serialize) -> Answered {
    Ok((status, to_vec(body).unwrap(), Vec::new()))
}

/// A refusal that says its code and nothing more.
trait IntoBody {
    fn into_body(self) -> Box<ErrorBody>;
}

impl IntoBody for ErrorCode {
    fn into_body(self) -> Box<ErrorBody> {
        Box::new(ErrorBody::of_code(self))
    }
}
