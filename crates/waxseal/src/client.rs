//! The client: one device's account, its conversations, and what they leave behind.
//!
//! Each call is one step of a message's journey and commits one transaction: [`Client::publish_prekeys`],
//! [`Client::start`], [`Client::send`], [`Client::confirm`], [`Client::receive`], [`Client::report`].

mod history;
mod peers;
mod prekeys;
mod receive;
mod report;
mod send;

use rand_core::CryptoRng;
use waxseal_core::{
    ACCOUNT_PROOF_LEN, HandshakeError, IdentityKey, IdentityKeyPair, PostQuantumStop, PreKeyBundle,
    PreKeys, SafetyNumber, SessionSet,
};
use waxseal_reporting::{AccountId, DeliveryKey, DeviceAddress, DeviceId, FrankingTag};
use zeroize::Zeroizing;

pub use self::history::{Direction, Message};
use self::peers::{Peer, Peers};
pub use self::receive::Received;
pub use self::report::{OutgoingReport, ReportId};
pub use self::send::{Draft, Outgoing};
use crate::error::{OpenAccountError, PeerError, StartError};
use crate::records::{self, AccountRecord};
use crate::store::{Key, Store, Transaction};

/// One device of one account.
///
/// Holds the identity, the delivery key, the prekeys and the sessions with the peers of late in memory, as the store has them;
/// everything else is read from the store in the call that needs it. Every call commits one transaction or changes nothing.
///
/// # Security
/// Restoring an old copy of the store repeats message keys. Move a store, never copy it, and never open it in two
/// processes at once (an application and its notification extension): they would use one message key twice.
pub struct Client<S> {
    store: S,
    me: DeviceAddress,
    identity: IdentityKeyPair,
    delivery_key: DeliveryKey,
    /// Read when first needed; dropped when a commit failed, so that memory never runs ahead of the store.
    prekeys: Option<PreKeys>,
    peers: Peers,
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
    /// `me` is the account and device as the provider authenticates them; `delivery_key` is agreed with the
    /// provider when the device is registered.
    ///
    /// # Errors
    /// [`OpenAccountError::AlreadyExists`] if the store holds an account: use [`Client::open`].
    pub fn create(
        store: S,
        me: DeviceAddress,
        delivery_key: DeliveryKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, OpenAccountError<S::Error>> {
        if store
            .get(&Key::Account)
            .map_err(OpenAccountError::Store)?
            .is_some()
        {
            return Err(OpenAccountError::AlreadyExists);
        }
        let identity = IdentityKeyPair::generate(rng);
        let prekeys = PreKeys::generate(&identity, rng);
        let record = AccountRecord {
            account: me.account.as_str().to_owned(),
            device: me.device.0,
            identity: field(identity.export()),
            delivery_key: delivery_key.to_bytes().to_vec(),
        };
        let mut client = Self {
            store,
            me,
            identity,
            delivery_key,
            prekeys: None,
            peers: Peers::default(),
        };
        let mut transaction = Transaction::default();
        transaction.put(Key::Account, records::encode(&record));
        transaction.put(Key::PreKeys, prekeys.export());
        client
            .store
            .commit(transaction)
            .map_err(OpenAccountError::Store)?;
        Ok(client)
    }

    /// Opens the account a store holds.
    ///
    /// # Errors
    /// [`OpenAccountError::NoAccount`] if the store is empty: use [`Client::create`].
    pub fn open(store: S) -> Result<Self, OpenAccountError<S::Error>> {
        let bytes = store
            .get(&Key::Account)
            .map_err(OpenAccountError::Store)?
            .ok_or(OpenAccountError::NoAccount)?;
        let record: AccountRecord = records::decode(&bytes).ok_or(OpenAccountError::Damaged)?;
        let account = AccountId::new(&record.account).map_err(|_| OpenAccountError::Damaged)?;
        let me = DeviceAddress::new(account, DeviceId(record.device));
        let identity =
            IdentityKeyPair::import(&record.identity).map_err(|_| OpenAccountError::Damaged)?;
        let delivery_key = record
            .delivery_key
            .as_slice()
            .try_into()
            .map_err(|_| OpenAccountError::Damaged)?;
        let delivery_key = DeliveryKey::from_bytes(delivery_key);
        Ok(Self {
            store,
            me,
            identity,
            delivery_key,
            prekeys: None,
            peers: Peers::default(),
        })
    }

    /// This account and device.
    pub fn me(&self) -> &DeviceAddress {
        &self.me
    }

    /// This device's public identity.
    pub fn identity(&self) -> &IdentityKey {
        self.identity.public()
    }

    /// What the provider and this device authenticate deliveries with: to register again after a registration whose
    /// answer was lost.
    pub fn delivery_key(&self) -> &DeliveryKey {
        &self.delivery_key
    }

    /// Shows the provider that this device holds its identity, to register the account or to log in. 64 bytes.
    ///
    /// # Security
    /// The context names, each behind its length, the provider, the account, the purpose, and a fresh challenge of the
    /// provider. Never pass content of messages. See [`IdentityKeyPair::prove_account`].
    pub fn prove_account(&self, context: &[u8]) -> [u8; ACCOUNT_PROOF_LEN] {
        self.identity.prove_account(context)
    }

    /// The store, for reading: what a call commits is the client's business.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Gives the store back.
    pub fn into_store(self) -> S {
        self.store
    }

    /// Starts a conversation with `peer` from the prekey bundle the provider handed out for it.
    ///
    /// Also the way to start over with a peer whose device lost its state: the identity must be the pinned one. The
    /// peer learns of the new session by the next message to it. Not before each message: see
    /// [`Client::has_session`].
    ///
    /// # Errors
    /// [`StartError::IdentityChanged`] if another identity is pinned for this peer: warn the user, and call
    /// [`Client::accept_identity`] if the user accepts it.
    pub fn start(
        &mut self,
        peer: &AccountId,
        base: &[u8],
        one_time: Option<&[u8]>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StartError<S::Error>> {
        let bundle = PreKeyBundle::decode(base, one_time)?;
        // Not a changed identity that a user could accept.
        if bundle.identity() == self.identity.public() {
            return Err(HandshakeError::OwnIdentity.into());
        }
        let identity = bundle.identity().to_bytes();
        let mut known = match self.take_peer(peer)? {
            Some(known) if known.record.identity != identity => {
                let new = *bundle.identity();
                self.keep_peer(peer, known);
                return Err(StartError::IdentityChanged { new });
            }
            Some(known) => known,
            None => Peer::new(peer),
        };
        known.record.identity = identity.to_vec();
        match &mut known.sessions {
            Some(sessions) => sessions.add_initiated(&self.identity, bundle, rng)?,
            none => *none = Some(SessionSet::initiate(&self.identity, bundle, rng)?),
        }
        let mut transaction = Transaction::default();
        known.put(peer, &mut transaction);
        self.store
            .commit(transaction)
            .map_err(|error| StartError::Peer(PeerError::Store(error)))?;
        self.keep_peer(peer, known);
        Ok(())
    }

    /// Whether a conversation with `peer` can go on without a prekey bundle.
    pub fn has_session(&self, peer: &AccountId) -> Result<bool, PeerError<S::Error>> {
        let has_session = self.look_at_peer(peer, |peer| peer.sessions.is_some())?;
        Ok(has_session.unwrap_or_default())
    }

    /// The identity pinned for `peer` at first contact.
    pub fn peer_identity(&self, peer: &AccountId) -> Result<IdentityKey, PeerError<S::Error>> {
        let identity = self.look_at_peer(peer, Peer::identity)?;
        identity
            .ok_or(PeerError::UnknownPeer)?
            .ok_or(PeerError::Damaged)
    }

    /// The number both users compare to be sure of each other's identity.
    pub fn safety_number(&self, peer: &AccountId) -> Result<SafetyNumber, PeerError<S::Error>> {
        let theirs = self.peer_identity(peer)?;
        let ours = (self.identity.public(), self.me.account.as_str().as_bytes());
        SafetyNumber::new(ours, (&theirs, peer.as_str().as_bytes())).map_err(|_| PeerError::Damaged)
    }

    /// Pins `identity` for `peer` after the user accepted the change; the sessions with the old identity are
    /// destroyed, the messages stay. The next message needs [`Client::start`] or a message from the peer.
    ///
    /// The identity that is pinned already changes nothing: several deliveries may have asked for one change.
    pub fn accept_identity(
        &mut self,
        peer: &AccountId,
        identity: &IdentityKey,
    ) -> Result<(), PeerError<S::Error>> {
        let mut known = self.take_peer(peer)?.unwrap_or_else(|| Peer::new(peer));
        if known.record.identity != identity.to_bytes() {
            known.record.identity = identity.to_bytes().to_vec();
            let mut transaction = Transaction::default();
            known.destroy_sessions(peer, &mut transaction);
            known.put(peer, &mut transaction);
            self.store.commit(transaction).map_err(PeerError::Store)?;
        }
        self.keep_peer(peer, known);
        Ok(())
    }

    /// Sending and receiving DH ratchet steps of the sessions with `peer`: how often the conversation healed.
    pub fn dh_ratchet_steps(&self, peer: &AccountId) -> Result<u64, PeerError<S::Error>> {
        self.look_at_sessions(peer, SessionSet::dh_ratchet_steps)
            .map(Option::unwrap_or_default)
    }

    /// Completed epochs of the post-quantum ratchet of the sessions with `peer`: how often the conversation healed against an attacker
    /// with a quantum computer.
    pub fn pq_epochs(&self, peer: &AccountId) -> Result<u64, PeerError<S::Error>> {
        self.look_at_sessions(peer, SessionSet::pq_epochs)
            .map(Option::unwrap_or_default)
    }

    /// Why the post-quantum ratchet with `peer` goes no further, if it does not: someone sent what no honest device of the peer would.
    /// Only this side knows; [`Client::start`] with a fresh bundle begins a new one.
    pub fn pq_stopped(
        &self,
        peer: &AccountId,
    ) -> Result<Option<PostQuantumStop>, PeerError<S::Error>> {
        self.look_at_sessions(peer, SessionSet::pq_stopped)
            .map(Option::flatten)
    }

    fn look_at_sessions<T>(
        &self,
        peer: &AccountId,
        look: impl FnOnce(&SessionSet) -> T,
    ) -> Result<Option<T>, PeerError<S::Error>> {
        self.look_at_peer(peer, |peer| peer.sessions.as_ref().map(look))?
            .ok_or(PeerError::UnknownPeer)
    }
}

/// An exported secret as the field of a record that zeroizes itself.
fn field(secret: Zeroizing<Vec<u8>>) -> Vec<u8> {
    let mut secret = secret;
    std::mem::take(&mut *secret)
}

fn tag_of(bytes: &[u8]) -> Option<FrankingTag> {
    bytes.try_into().ok().map(FrankingTag::from_bytes)
}
