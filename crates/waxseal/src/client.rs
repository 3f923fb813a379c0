//! The client: one device's account and conversations, and the records of both in the store.
//!
//! Each file of `client/` is one step of a message's journey: `delivery_key`, `prekeys`, `contact`,
//! `send`, `outbox`, `receive`, `history`, `report`. The steps share two files: `peers` caches
//! recently used peers, and `state` reads and writes records.

mod contact;
mod delivery_key;
mod history;
mod outbox;
mod peers;
mod prekeys;
mod receive;
mod report;
mod send;
mod state;

use rand_core::CryptoRng;
use waxseal_core::limits::ACCOUNT_PROOF_LEN;
use waxseal_core::{IdentityKey, IdentityKeyPair, PreKeys};
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, FrankingTag};
use zeroize::Zeroizing;

pub use self::contact::ConversationHealth;
use self::delivery_key::DeliveryKeys;
pub use self::history::{Direction, Message};
pub use self::outbox::Waiting;
use self::peers::{OLDEST_SESSIONS, Peers};
pub use self::receive::Received;
pub use self::report::{OutgoingReport, ReportId};
pub use self::send::{Draft, Outgoing};
use crate::error::{OpenAccountError, StateError};
use crate::records::{self, AccountRecord, CountersRecord};
use crate::store::{Key, Store, Transaction};

/// One device of one account, with its conversations.
///
/// A client is a view of its [`Store`]. It keeps the identity and the delivery keys in memory, and
/// caches the prekeys and the sessions of recently used peers, identical to what the store holds.
/// Everything else is read from the store by the call that needs it. Each call that changes
/// something commits one transaction before it returns. A call that fails has changed nothing,
/// unless its error says otherwise.
///
/// # Calls and their order
///
/// A device is created once and opened at each later start. The provider must have the device's
/// prekeys before a stranger can write to it. A conversation begins with [`start`](Self::start) or
/// with the peer's first message; from then on both sides send and receive in any order. A received
/// message can be reported at once, and a sent message after its receipt was confirmed.
///
/// | step | calls, in this order |
/// |---|---|
/// | account | [`create`] once, then [`open`] at each start |
/// | key, if [due] | [`renew_delivery_key`], register, [`confirm_delivery_key`] |
/// | prekeys | [`publish_prekeys`], upload, [`confirm_prekeys`]; weekly [`rotate_prekeys`] |
/// | contact | [`start`]; after a warning [`accept_identity`] |
/// | send | [`send`], upload, [`confirm`] |
/// | receive | [`receive`], show, acknowledge |
/// | delete | [`delete_message`] |
/// | report | [`draft_report`], show the preview, [`report`], upload, [`confirm_report`] |
/// | report an account | [`draft_account_report`], then as above |
///
/// Each step may change what the calls in its row return, and nothing else. Accepting an identity
/// also sets [`conversation_health`] back.
///
/// | step | changes |
/// |---|---|
/// | account | the empty store; [`open`] changes none of what these calls return |
/// | key | [`delivery_key`], [`outbox`], [`pending_reports`] |
/// | prekeys | [`one_time_prekeys_left`] |
/// | contact | [`peers`], [`has_session`], [`peer_identity`], [`safety_number`], [`waiting`] |
/// | send | [`messages`], [`next_ordinal`], [`outbox`], [`waiting`], [`conversation_health`] |
/// | receive | [`messages`], [`next_ordinal`], [`conversation_health`] |
/// | receive, if the message begins a session | also what a contact and a prekey step change |
/// | delete | [`messages`], [`outbox`] |
/// | report | [`pending_reports`]; a draft changes nothing |
///
/// [`create`]: Self::create
/// [`open`]: Self::open
/// [due]: Self::is_delivery_key_due
/// [`renew_delivery_key`]: Self::renew_delivery_key
/// [`confirm_delivery_key`]: Self::confirm_delivery_key
/// [`delivery_key`]: Self::delivery_key
/// [`publish_prekeys`]: Self::publish_prekeys
/// [`confirm_prekeys`]: Self::confirm_prekeys
/// [`rotate_prekeys`]: Self::rotate_prekeys
/// [`start`]: Self::start
/// [`accept_identity`]: Self::accept_identity
/// [`send`]: Self::send
/// [`confirm`]: Self::confirm
/// [`receive`]: Self::receive
/// [`delete_message`]: Self::delete_message
/// [`draft_report`]: Self::draft_report
/// [`draft_account_report`]: Self::draft_account_report
/// [`report`]: Self::report
/// [`confirm_report`]: Self::confirm_report
/// [`one_time_prekeys_left`]: Self::one_time_prekeys_left
/// [`peers`]: Self::peers
/// [`has_session`]: Self::has_session
/// [`peer_identity`]: Self::peer_identity
/// [`safety_number`]: Self::safety_number
/// [`messages`]: Self::messages
/// [`next_ordinal`]: Self::next_ordinal
/// [`outbox`]: Self::outbox
/// [`waiting`]: Self::waiting
/// [`conversation_health`]: Self::conversation_health
/// [`pending_reports`]: Self::pending_reports
///
/// Calls that take `&self` only read. After a failed commit, the peer or the prekeys that the call
/// changed are dropped from the cache and read again, so the same client can go on.
///
/// # Security
/// Restoring an old copy of the store repeats message keys. Move a store, never copy it, and never
/// open it in two processes at once (an application and its notification extension): both would use
/// the same message key.
pub struct Client<S> {
    store: S,
    me: DeviceAddress,
    identity: IdentityKeyPair,
    delivery_keys: DeliveryKeys,
    /// The prekeys, read from the store when first needed. If a commit that changes them fails,
    /// they are dropped, so memory never runs ahead of the store.
    prekeys: Option<PreKeys>,
    peers: Peers,
    /// Whether it is known that no message of an earlier version waits in the outbox.
    is_outbox_current: bool,
}

impl<S> std::fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("identity", self.identity.public())
            .finish_non_exhaustive()
    }
}

impl<S: Store> Client<S> {
    /// Creates the account of this device in an empty store, with a fresh identity.
    ///
    /// `me` is the account and device as the provider authenticates them. `delivery_key` is agreed
    /// with the provider when the device is registered.
    ///
    /// # Errors
    /// [`OpenAccountError::AlreadyExists`] if the store holds an account: use [`Client::open`].
    ///
    /// # Security
    /// Pass the system's generator as `rng`. A generator in memory is copied by a fork, and both
    /// processes would then create the same identity.
    pub fn create(
        store: S,
        me: DeviceAddress,
        delivery_key: DeliveryKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, OpenAccountError<S::Error>> {
        let existing = store.get(&Key::Account).map_err(StateError::Store)?;
        if existing.is_some() {
            return Err(OpenAccountError::AlreadyExists);
        }
        let identity = IdentityKeyPair::generate(rng);
        let prekeys = PreKeys::generate(&identity, rng);
        let record = AccountRecord {
            account: me.account.as_str().to_owned(),
            device: me.device.0,
            identity: take_secret_bytes(identity.export()),
            delivery_key: delivery_key.to_bytes().to_vec(),
            next_delivery_key: Vec::new(),
            delivery_key_since_ms: 0,
        };
        let keys = DeliveryKeys::of(&record).ok_or(StateError::Damaged)?;
        let mut client = Self::new(store, me, identity, keys);
        let mut transaction = Transaction::default();
        transaction.put_record(Key::Account, &record);
        transaction.put(Key::PreKeys, prekeys.export());
        let counters = CountersRecord {
            oldest_sessions: OLDEST_SESSIONS,
            ..CountersRecord::default()
        };
        transaction.put_record(Key::Counters, &counters);
        client.commit(transaction)?;
        Ok(client)
    }

    /// Opens the account that a store holds.
    ///
    /// The first time that this version opens a store of an earlier one, it deletes the sessions
    /// that are no longer read. Otherwise this only reads.
    ///
    /// # Errors
    /// [`OpenAccountError::NoAccount`] if the store holds no account: use [`Client::create`].
    pub fn open(store: S) -> Result<Self, OpenAccountError<S::Error>> {
        let bytes = store.get(&Key::Account).map_err(StateError::Store)?;
        let bytes = bytes.ok_or(OpenAccountError::NoAccount)?;
        let record: AccountRecord = records::decode(&bytes).ok_or(StateError::Damaged)?;
        let (me, identity, keys) = parse(&record).ok_or(StateError::Damaged)?;
        let mut client = Self::new(store, me, identity, keys);
        client.delete_earlier_sessions()?;
        Ok(client)
    }

    fn new(
        store: S,
        me: DeviceAddress,
        identity: IdentityKeyPair,
        delivery_keys: DeliveryKeys,
    ) -> Self {
        Self {
            store,
            me,
            identity,
            delivery_keys,
            prekeys: None,
            peers: Peers::default(),
            is_outbox_current: false,
        }
    }

    /// This device's address: its account and its number.
    pub fn me(&self) -> &DeviceAddress {
        &self.me
    }

    /// This device's public identity.
    pub fn identity(&self) -> &IdentityKey {
        self.identity.public()
    }

    /// Proves to the provider that this device holds its identity, to register or to log in.
    ///
    /// The proof is a signature of 64 bytes.
    ///
    /// # Security
    /// `context` names the provider, the account, the purpose, and a fresh challenge from the
    /// provider, each preceded by its length. Never pass content of messages. See
    /// [`IdentityKeyPair::prove_account`].
    pub fn prove_account(&self, context: &[u8]) -> [u8; ACCOUNT_PROOF_LEN] {
        self.identity.prove_account(context)
    }

    /// The store, for reading. Only the client's own calls write to it.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Ends the client and returns its store.
    pub fn into_store(self) -> S {
        self.store
    }
}

fn parse(record: &AccountRecord) -> Option<(DeviceAddress, IdentityKeyPair, DeliveryKeys)> {
    let account = AccountId::new(&record.account).ok()?;
    let identity = IdentityKeyPair::import(&record.identity).ok()?;
    Some((
        DeviceAddress::new(account, DeviceId(record.device)),
        identity,
        DeliveryKeys::of(record)?,
    ))
}

/// Takes the bytes of an exported secret without copying them, for a record that wipes itself.
fn take_secret_bytes(mut secret: Zeroizing<Vec<u8>>) -> Vec<u8> {
    std::mem::take(&mut *secret)
}

fn tag_of(bytes: &[u8]) -> Option<FrankingTag> {
    bytes.try_into().ok().map(FrankingTag::from_bytes)
}
