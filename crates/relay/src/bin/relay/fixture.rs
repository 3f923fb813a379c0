//! A relay in a test: with clocks that the test moves, and devices that need no network.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::State;
use axum::response::IntoResponse;
use ed25519_dalek::SigningKey;
use rand_core::CryptoRng;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use waxseal_interface::{ContactHeaders, PassKey, ReportTaken, StrangerChallenge};
use waxseal_relay::{ReviewerKey, VaultKeys};
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::relay::{DeliveryKey, Receipt};
use waxseal_reporting::reporter::{Disclosure, Reason, ReportDraft};
use waxseal_reporting::sender::{Fanout, RosterStamp, SealingChannel, seal};
use waxseal_reporting::{AccountId, Audience, DeviceAddress, DeviceId};
use waxseal_roster::Pinned;
use zeroize::Zeroizing;

use crate::blobs::files::folder::Folder;
use crate::blobs::options::{self, BlobRoom, Wishes};
use crate::desk::client::DeskSetup;
use crate::errors::Refusal;
use crate::extract::{AccountName, BinaryBody, Caller, Contact, Mark};
use crate::keys::{BLOBS, DATABASE};
use crate::serve::Stopping;
use crate::state::{Device, OpenedAt, Place, Relay, Room, Vault};
use crate::store::options::StoreOptions;
use crate::store::{Connection, accounts, devices};
use crate::strangers::options::Strangers;
use crate::time::Reading;
use crate::{blobs, messages, reports};

#[path = "../../../tests/world/owner.rs"]
pub mod owner;

use owner::{Owner, identity_of};

/// The clocks of a test. Only the test moves them, so no test waits.
#[derive(Clone, Default)]
pub struct Clocks(Arc<(AtomicU64, AtomicU64)>);

impl Clocks {
    pub fn at(wall_ms: u64) -> Self {
        let clocks = Self::default();
        clocks.set(wall_ms);
        clocks
    }

    pub fn read(&self) -> Reading {
        Reading {
            wall_ms: self.0.0.load(Ordering::SeqCst),
            monotonic_ms: self.0.1.load(Ordering::SeqCst),
        }
    }

    pub fn reader(&self) -> impl Fn() -> Reading + Send + Sync + 'static {
        let clocks = self.clone();
        move || clocks.read()
    }

    /// Sets the clock. No time passes.
    pub fn set(&self, wall_ms: u64) {
        self.0.0.store(wall_ms, Ordering::SeqCst);
    }

    /// Lets time pass on both clocks.
    pub fn pass(&self, ms: u64) {
        self.0.0.fetch_add(ms, Ordering::SeqCst);
        self.0.1.fetch_add(ms, Ordering::SeqCst);
    }
}

/// The key of the passes that the relay takes.
pub const PASS_KEY: [u8; 32] = [9; 32];

/// The keys of vault and reviewer, and a folder in which the relay can be opened again.
pub struct World {
    pub dir: TempDir,
    pub clocks: Clocks,
    /// The room for blobs of a relay that is opened next.
    pub blobs: BlobRoom,
    /// Where a relay that is opened next has its blobs, if not in its folder.
    pub files: options::Place,
    /// What is looked at when a relay is opened.
    pub wishes: Wishes,
    /// If the database of a relay that is opened next is from a backup: see `check_database`.
    pub restored: Option<Duration>,
    /// The desk of a relay that is opened next.
    pub desk: Option<DeskSetup>,
    /// The name of a relay that is opened next.
    pub name: Option<String>,
    database: StoreOptions,
    /// Runs as long as the world does.
    server: Option<Arc<waxseal_postgres::Server>>,
    vault: Arc<VaultKeys>,
    reviewer: Arc<ReviewerKey>,
}

/// With `WAXSEAL_TEST_DATABASE=postgres`, the relay is tested over PostgreSQL.
pub fn database() -> (StoreOptions, Option<Arc<waxseal_postgres::Server>>) {
    let wanted = std::env::var("WAXSEAL_TEST_DATABASE");
    if wanted.as_deref() != Ok("postgres") {
        return (StoreOptions::default(), None);
    }
    // A blocking client cannot run on a thread that runs tasks.
    let made = std::thread::spawn(|| {
        let server = waxseal_postgres::Server::shared()?;
        Some((server.database(), server))
    });
    match made.join().unwrap() {
        Some((database, server)) => {
            let options = StoreOptions {
                database: Some(database),
                database_connections: 4,
                ..StoreOptions::default()
            };
            (options, Some(server))
        }
        None => (StoreOptions::default(), None),
    }
}

impl World {
    pub fn at(wall_ms: u64) -> Self {
        let (database, server) = database();
        Self {
            dir: tempfile::tempdir().unwrap(),
            clocks: Clocks::at(wall_ms),
            blobs: BlobRoom {
                of_account: 8 << 30,
                of_all: 100 << 30,
                kept_ms: 30 * 86_400_000,
            },
            files: None,
            wishes: Wishes {
                are_lost: false,
                check: true,
            },
            restored: None,
            desk: None,
            name: None,
            database,
            server,
            vault: VaultKeys::generate(&mut rand::rng()).into(),
            reviewer: ReviewerKey::generate(&mut rand::rng()).into(),
        }
    }

    /// Whether its relays are over PostgreSQL.
    #[cfg(feature = "postgres")]
    pub fn is_on_postgres(&self) -> bool {
        self.database.database.is_some()
    }

    /// A folder with the same root key, for another relay of the same database. Its clocks are its
    /// own. `None` without PostgreSQL: then no other relay can use the database.
    pub fn beside(&self, name: &str) -> Option<Self> {
        self.database.database.as_ref()?;
        let beside = Self {
            dir: tempfile::tempdir().unwrap(),
            clocks: Clocks(Arc::new((
                AtomicU64::new(self.clocks.read().wall_ms),
                AtomicU64::new(7),
            ))),
            blobs: self.blobs,
            files: self.files.clone().or_else(|| {
                let folder = Folder::open(&self.dir.path().join(BLOBS)).unwrap();
                Some(Arc::new(folder))
            }),
            wishes: self.wishes,
            restored: None,
            desk: self.desk.clone(),
            name: Some(name.to_owned()),
            database: self.database.clone(),
            server: self.server.clone(),
            vault: self.vault.clone(),
            reviewer: self.reviewer.clone(),
        };
        let [from, to] = [self, &beside].map(|world| world.dir.path().join("root.key"));
        std::fs::copy(from, to).unwrap();
        Some(beside)
    }

    /// Opens the relay, as `main` does.
    pub async fn open(&self) -> Arc<Relay> {
        let relay = self.try_open().await.unwrap();
        relay.keep_time().await.unwrap();
        Arc::new(relay)
    }

    /// The database is lost: the next relay has an empty one. A database that can be shared takes
    /// no blobs of another one.
    pub fn lose_database(&mut self) {
        match self.database.database {
            Some(_) => {
                std::fs::remove_dir_all(self.dir.path().join("blobs")).unwrap();
                (self.database, self.server) = database();
            }
            None => std::fs::remove_file(self.dir.path().join(DATABASE)).unwrap(),
        }
    }

    pub async fn try_open(&self) -> Result<Relay, Box<dyn std::error::Error>> {
        let stopping = Stopping(watch::channel(false).1);
        let vault = match &self.desk {
            None => Vault::of_reviewer(&self.vault.public(), &[])?,
            Some(desk) => Vault {
                moderation_key: self.vault.moderation.public_key().clone(),
                old_moderation_keys: Vec::new(),
                opened_at: OpenedAt::Desk(desk.clone()),
            },
        };
        let room = Room {
            sockets: 10,
            blobs: self.blobs,
            strangers: Strangers {
                challenge: StrangerChallenge::new("https://relay.example".to_owned()),
                passes: Some(PassKey::from_bytes(Zeroizing::new(PASS_KEY))),
            },
        };
        let place = Place {
            dir: self.dir.path(),
            database: &self.database,
            name: self.name.as_deref(),
            blobs: self.files.clone(),
        };
        let relay = Relay::open(
            place,
            self.clocks.reader(),
            vault,
            self.reviewer.public(),
            room,
            stopping,
            mpsc::channel(1).0,
        )
        .await?;
        relay.check_database(self.restored).await?;
        blobs::start::check(&relay, self.wishes).await?;
        Ok(relay)
    }

    /// Lets the relay run, record the time every hour, and clean up at the end.
    pub async fn run(&self, relay: &Relay, ms: u64) {
        const STEP: u64 = 3_600_000;
        for _ in 0..ms / STEP {
            self.clocks.pass(STEP);
            relay.keep_time().await.unwrap();
        }
        relay.clean_up().await.unwrap();
    }
}

/// Registers the only device of an account, whose keys follow from its name.
pub async fn device(relay: &Relay, name: &str) -> Arc<Device> {
    let me = DeviceAddress::new(AccountId::new(name).unwrap(), DeviceId(1));
    let key = key_of(name);
    let delivery_key = DeliveryKey::from_bytes(key.to_bytes());
    let roster = Owner::new(name).first(1, &key, relay.now().as_millis());
    let (owned, sealed) = (name.to_owned(), relay.keys.seal(&delivery_key, &me));
    let insert = move |db: &Connection| {
        let account = accounts::add(db, &owned, None)?.unwrap();
        devices::keep_roster(db, account, &Pinned::first(roster.clone()))?;
        devices::register(db, account, 1, &identity_of(&key), &sealed)
    };
    assert!(relay.store.run(insert).await.unwrap());
    relay.device(&me).await.unwrap().unwrap()
}

/// The identity of an account's only device.
pub fn key_of(name: &str) -> SigningKey {
    let mut key = [0; 32];
    key[..name.len()].copy_from_slice(name.as_bytes());
    SigningKey::from_bytes(&key)
}

/// The caller of a handler.
pub fn caller(device: &Arc<Device>) -> Caller {
    Caller {
        device: device.clone(),
        expires_at_ms: u64::MAX,
    }
}

/// Posts a message at the relay's time. Returns the evidence that its sender keeps.
pub async fn send(
    relay: &Arc<Relay>,
    from: &Arc<Device>,
    to: &Device,
    text: &str,
) -> Result<Evidence, Refusal> {
    send_with(relay, from, to, text, ContactHeaders::default()).await
}

/// Posts a message, and says this of the recipient.
pub async fn send_with(
    relay: &Arc<Relay>,
    from: &Arc<Device>,
    to: &Device,
    text: &str,
    contact: ContactHeaders,
) -> Result<Evidence, Refusal> {
    beat_if_late(relay).await;
    send_at_once(relay, from, to, text, contact).await
}

/// Clocks of a test move without the beats of the time between.
async fn beat_if_late(relay: &Relay) {
    if relay.process.check(relay.time.reading()).is_err() {
        let _ = relay.beat().await;
    }
}

/// Posts a message without a beat before.
pub async fn send_at_once(
    relay: &Arc<Relay>,
    from: &Arc<Device>,
    to: &Device,
    text: &str,
    contact: ContactHeaders,
) -> Result<Evidence, Refusal> {
    let (now, to) = (relay.now(), to.me.account.clone());
    let audience = Audience::Direct(to.clone());
    let conversation = audience.conversation(&from.me.account);
    let payload = Payload::text(PayloadHeader::new(0, now), text).unwrap();
    let rng = &mut rand::rng();
    let sealed = seal(&mut NoChannel, &from.me, &conversation, &payload, rng).unwrap();
    let first = RosterStamp::new(1, 1);
    let mut fanout = Fanout::new(*sealed.envelope.tag(), first, first);
    let only = fanout.insert(false, DeviceId(1), Some(sealed.envelope));
    only.unwrap();
    let posted = fanout.post(&from.delivery_key, &from.me, &audience, now);
    let state = State(relay.clone());
    let answer = messages::send(
        state,
        caller(from),
        AccountName(to),
        Mark(None),
        Contact(contact),
        BinaryBody(posted.into()),
    );
    let body = answer.await?.into_response().into_body();
    let receipt = Receipt::decode(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
    Ok(receipt
        .authenticate(&from.delivery_key, &sealed.sent)
        .unwrap())
}

/// Reports a message.
pub async fn report(
    relay: &Arc<Relay>,
    reporter: &Arc<Device>,
    evidence: &Evidence,
) -> Result<ReportTaken, Refusal> {
    report_all(relay, reporter, &[evidence]).await
}

/// Reports several messages at once.
pub async fn report_all(
    relay: &Arc<Relay>,
    reporter: &Arc<Device>,
    evidence: &[&Evidence],
) -> Result<ReportTaken, Refusal> {
    beat_if_late(relay).await;
    let mut draft = ReportDraft::new(reporter.me.clone(), Reason::Scam);
    for evidence in evidence {
        draft.add(evidence, Disclosure::Whole).unwrap();
    }
    let sealed = draft.seal(
        &reporter.delivery_key,
        &relay.moderation_key,
        &mut rand::rng(),
    );
    let report = Bytes::from(sealed.unwrap().encode());
    let state = State(relay.clone());
    let taken = reports::submit(state, caller(reporter), BinaryBody(report));
    Ok(taken.await?.1.0)
}

pub struct NoChannel;

impl SealingChannel for NoChannel {
    type Error = Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Infallible> {
        Ok(plaintext.to_vec())
    }
}
