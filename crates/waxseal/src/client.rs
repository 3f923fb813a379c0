//! The client: one device's account and conversations, and the records of both in the store.
//!
//! Each file of `client/` is one step of a message's journey: `delivery_key`, `prekeys`, `contact`,
//! `send`, `outbox`, `receive`, `history`, `due`, `delete`, `report`. A message that does not open
//! goes on: `unopened` notes it, `refuse` asks its author for it, the author's `refused` notes
//! that, and `again` seals it again. `receipts` tells what arrived, `awaited` waits for that, and
//! `upkeep` does all of it. After a report, `promise` keeps what the provider promised, and `told`
//! verifies its receipts and compares them with the `kept_receipt`. `set_back` notices that the
//! store is an older copy. The steps share four files: `peers` caches recently used peers, `state`
//! reads and writes records, `page` lists them, `keys` names them.
//!
//! An account has several devices: `rosters` says which, `devices` has what the provider hands out
//! of them, `fanout` seals for each, `retarget` follows changes, `touch` keeps sessions fresh, and
//! `notices` tells. `link` adds a device, `join` makes it a client, `edit_roster` signs rosters.
//! `group` has the groups.
//!
//! `requests` bounds what accounts can cause that the user has not accepted, `nudges` has what to
//! tell of them, and `forward` passes messages on.

mod again;
mod awaited;
mod calls;
mod contact;
mod convert;
#[cfg(feature = "courier")]
pub(crate) mod courier;
mod delete;
mod delivery_key;
mod devices;
mod due;
mod edit_roster;
mod expired;
mod fanout;
mod forward;
mod group;
mod history;
mod hold;
mod join;
mod kept_receipt;
mod keys;
mod link;
mod notes;
mod notices;
mod nudges;
mod outbox;
mod own;
mod page;
mod peer_state;
mod peers;
mod prekeys;
mod promise;
mod receipts;
mod receive;
mod recent;
mod refuse;
mod refused;
mod report;
mod requests;
mod reset;
mod retarget;
mod rosters;
mod send;
mod set_back;
mod state;
mod status;
mod sync;
mod synced;
mod times;
mod told;
mod touch;
mod unopened;
mod upkeep;
mod view;

use std::sync::atomic::{AtomicBool, AtomicU64};

use rand_core::CryptoRng;
use waxseal_core::{IdentityKeyPair, PreKeys};
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{DeviceAddress, FrankingTag, Timestamp};

pub use self::contact::ConversationHealth;
use self::delivery_key::DeliveryKeys;
pub use self::devices::{Bundles, DeviceBundle, Mismatch, Started, WantedBundles};
pub use self::due::{Due, Expiry, REPORT_GRACE_MS};
pub use self::edit_roster::{Rebased, Welcome};
pub use self::forward::{ForwardLimits, MAX_FORWARDED_TO, MAX_OFTEN_FORWARDED_TO};
use self::group::Groups;
pub use self::group::{
    AcceptedEntry, GroupInfo, GroupMember, GroupMismatch, GroupNews, GroupStanding, GroupStep,
    GroupUpdate, OutgoingEntry, Recreated, WholeGroup,
};
pub use self::history::{Direction, Message};
pub use self::kept_receipt::KeptReceipt;
pub use self::link::LinkUnderWay;
pub use self::notices::Notice;
pub use self::nudges::Nudge;
pub use self::outbox::Waiting;
pub use self::page::{DamagedRow, Page};
pub use self::peer_state::PeerState;
use self::peers::Peers;
pub use self::promise::{KeptPromise, PromiseState};
pub use self::receive::{MAX_RECEIVED_AT_ONCE, Received};
pub use self::report::{OutgoingReport, ReportId};
pub use self::requests::{
    MAX_ALL_REQUESTS_BYTES, MAX_REQUEST_BYTES, MAX_REQUEST_MESSAGES, MAX_REQUESTS, REQUEST_DAYS,
    Request,
};
pub use self::rosters::RosterChange;
pub use self::send::{Draft, Outgoing};
pub use self::set_back::SetBack;
pub use self::status::{NotDelivered, Status};
pub use self::sync::{HistoryChunk, HistoryExport, HistoryImport, HistoryProgress, Leaving};
pub use self::synced::Synced;
pub use self::upkeep::Upkeep;
pub use self::view::{ForwardLabel, MessageView, OFTEN_FORWARDED, ViewReaction, ViewState};
use crate::error::{Damage, OpenAccountError, StateError};
use crate::records::{self, AccountRecord};
use crate::store::{Store, Transaction};

/// One device of one account, with its conversations.
///
/// A client is a view of its [`Store`]. It keeps the identity and the delivery keys in memory, and
/// caches the prekeys, the sessions of recently used peers, and the groups in use with the devices
/// of their members, identical to what the store holds. Everything else is read from the store by
/// the call that needs it. Each call that changes something commits one transaction before it
/// returns; one that deletes a conversation commits several. A call that fails has changed nothing,
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
/// | sign-in | [`check_mark`]; if the store was set back, prekeys as above |
/// | contact | [`start`]; after a warning [`accept_identity`] |
/// | send | [`missing`], [`send`], upload with the [`mark`], [`confirm`]; [`retarget`] |
/// | receive | [`receive`], show, acknowledge |
/// | keep up | [`upkeep`]; [`take_roster`], [`restart`] as it says; post the [`outbox`] |
/// | show | [`views`], [`opened`], [`mark_read`]; [`expire`] when it says |
/// | decide | [`requests`], [`nudges`]; [`accept_contact`], [`decline`], [`block`] |
/// | delete | [`delete_message`], [`delete_conversation`], [`forget_contact`] |
/// | report | [`draft_report`], show the preview, [`report`], upload, [`confirm_report`] |
/// | report an account | [`draft_account_report`], then as above |
/// | answer | [`keep_promise`]; [`verify_receipt`]; at last [`forget_promise`] |
///
/// Each step may change what the calls in its row return, and nothing else. Accepting an account
/// key also sets [`conversation_health`] back.
///
/// | step | changes |
/// |---|---|
/// | account | the empty store; [`open`] converts a store of an earlier version |
/// | key | [`delivery_key`], [`outbox`], [`pending_reports`] |
/// | prekeys | [`one_time_prekeys_left`] |
/// | sign-in, if the store was set back | [`one_time_prekeys_left`], [`has_session`], [`mark`] |
/// | contact | [`peers`], [`devices`], [`has_session`], [`peer_account_key`], [`safety_number`] |
/// | send | [`messages`], [`next_ordinal`], [`outbox`], [`waiting`], [`conversation_health`] |
/// | receive | [`messages`], [`next_ordinal`], [`conversation_health`] |
/// | receive, if the message begins a session | also what a contact and a prekey step change |
/// | keep up | [`outbox`], [`messages`], [`peer_state`]; [`restart`] also as [`start`] |
/// | show, delete | [`views`], [`messages`], [`outbox`] |
/// | delete, if the contact is forgotten | also what a contact step changes |
/// | decide | [`requests`], [`peer_state`]; [`decline`] and [`block`] also as [`forget_contact`] |
/// | report | [`pending_reports`]; a draft changes nothing |
/// | answer | [`promises`], [`account_receipts`] |
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
/// [`mark`]: Self::mark
/// [`check_mark`]: Self::check_mark
/// [`receive`]: Self::receive
/// [`upkeep`]: Self::upkeep
/// [`take_roster`]: Self::take_roster
/// [`retarget`]: Self::retarget
/// [`missing`]: Self::missing
/// [`restart`]: Self::restart
/// [`peer_state`]: Self::peer_state
/// [`views`]: Self::views
/// [`opened`]: Self::opened
/// [`mark_read`]: Self::mark_read
/// [`expire`]: Self::expire
/// [`requests`]: Self::requests
/// [`nudges`]: Self::nudges
/// [`accept_contact`]: Self::accept_contact
/// [`decline`]: Self::decline
/// [`block`]: Self::block
/// [`delete_message`]: Self::delete_message
/// [`delete_conversation`]: Self::delete_conversation
/// [`forget_contact`]: Self::forget_contact
/// [`draft_report`]: Self::draft_report
/// [`draft_account_report`]: Self::draft_account_report
/// [`report`]: Self::report
/// [`confirm_report`]: Self::confirm_report
/// [`keep_promise`]: Self::keep_promise
/// [`verify_receipt`]: Self::verify_receipt
/// [`forget_promise`]: Self::forget_promise
/// [`promises`]: Self::promises
/// [`account_receipts`]: Self::account_receipts
/// [`one_time_prekeys_left`]: Self::one_time_prekeys_left
/// [`peers`]: Self::peers
/// [`has_session`]: Self::has_session
/// [`peer_account_key`]: Self::peer_account_key
/// [`devices`]: Self::devices
/// [`safety_number`]: Self::safety_number
/// [`messages`]: Self::messages
/// [`next_ordinal`]: Self::next_ordinal
/// [`outbox`]: Self::outbox
/// [`waiting`]: Self::waiting
/// [`conversation_health`]: Self::conversation_health
/// [`pending_reports`]: Self::pending_reports
///
/// Calls that take `&self` only read. After a failed commit the same client can go on: what the
/// call changed is read again.
///
/// # Security
/// A store that is set back to an older copy never encrypts two messages under one key stream, but
/// messages may be shown a second time. With the provider's [mark](Self::check_mark) the device
/// notices it and starts over. Without the mark, the next messages do not open until [`upkeep`] has
/// mended that. Move a store, never copy it.
///
/// # Several processes
/// An application and its notification extension open one store with
#[cfg_attr(
    feature = "sqlite",
    doc = "[`SqliteStore::open_shared`](crate::SqliteStore::open_shared)."
)]
#[cfg_attr(not(feature = "sqlite"), doc = "`SqliteStore::open_shared`.")]
/// Each has a client of its own. A call during which the other process commits starts over by
/// itself, and nothing of the lost attempt leaves the device. Each delivery is received by one of
/// them; the other gets [`Received::Duplicate`] and reads the message from the store.
pub struct Client<S> {
    store: S,
    me: DeviceAddress,
    identity: IdentityKeyPair,
    delivery_keys: DeliveryKeys,
    /// The prekeys, read from the store when first needed. If a commit that changes them fails,
    /// they are dropped, so memory never runs ahead of the store.
    prekeys: Option<PreKeys>,
    peers: Peers,
    groups: Groups,
    /// Whether it is known that no message of an earlier version waits in the outbox.
    is_outbox_current: bool,
    /// Whether the store had an earlier layout, so that a record may be at its earlier key.
    has_earlier: bool,
    /// Whether another process committed since the peers and the prekeys were cached.
    is_behind: AtomicBool,
    /// What the store said when it was refreshed last.
    seen: AtomicU64,
}

impl<S> std::fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("identity", self.identity.public())
            .finish_non_exhaustive()
    }
}

impl<S: Store> Client<S> {
    /// Creates an account with its first device in an empty store, with a fresh identity.
    ///
    /// `me` is the account and device as the provider authenticates them. `delivery_key` is agreed
    /// with the provider when the device is registered. Also makes the account key, and the first
    /// [roster](Self::own_roster), which names this device. Give the roster to the provider.
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
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, OpenAccountError<S::Error>> {
        if Self::has_account(&store)? {
            return Err(OpenAccountError::AlreadyExists);
        }
        let identity = IdentityKeyPair::generate(rng);
        let (roster, secret) = rosters::first_roster(&me, &identity, now, rng)?;
        let mut transaction = Transaction::default();
        transaction.put_record(keys::account_secret(), &secret);
        let signing = edit_roster::nothing_pending(&roster);
        let (founder, rosters) = ((store, me, identity), (&roster, &signing));
        Ok(Self::found(
            founder,
            rosters,
            delivery_key,
            transaction,
            rng,
        )?)
    }

    /// Opens the account that a store holds.
    ///
    /// A store of an earlier version of this crate is converted: nothing in it is lost. Sessions go
    /// on, unless their protocol has changed since: then they are deleted, and start over. Never
    /// open the store with the earlier version again. It refuses the file of a `SqliteStore`, but
    /// in any other store it finds no peers, and writes over their messages.
    ///
    /// # Errors
    /// * [`OpenAccountError::NoAccount`] if the store holds no account: use [`Client::create`].
    /// * [`OpenAccountError::Newer`] if a newer version of this crate converted the store.
    pub fn open(store: S) -> Result<Self, OpenAccountError<S::Error>> {
        const DAMAGED: Damage = Damage::Account;
        let Some(bytes) = state::first_get(&store, &keys::account())? else {
            return Err(match Self::has_account(&store)? {
                true => StateError::Damaged(DAMAGED).into(), // its record was lost
                false => OpenAccountError::NoAccount,
            });
        };
        let record: AccountRecord = records::decode(&bytes).ok_or(StateError::Damaged(DAMAGED))?;
        let (me, identity, keys) =
            state::account_of(&record).ok_or(StateError::Damaged(DAMAGED))?;
        let mut client = Self::new(store, me, identity, keys);
        client.run(|client| client.convert())?;
        client.run(|client| client.delete_earlier_sessions())?;
        client.finish_deletions()?;
        client.apply_synced()?;
        Ok(client)
    }

    /// Whether the store holds an account, which [`Client::open`] opens.
    ///
    /// An account that is damaged or lost is one too: a store with its prekeys or its counters is
    /// not empty.
    pub fn has_account(store: &S) -> Result<bool, StateError<S::Error>> {
        for key in [keys::account(), keys::prekeys(), keys::counters()] {
            match state::first_get(store, &key) {
                Ok(None) => {}
                Ok(Some(_)) | Err(StateError::Damaged(_)) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
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
            groups: Groups::default(),
            is_outbox_current: false,
            has_earlier: false,
            is_behind: AtomicBool::new(false),
            seen: AtomicU64::new(0),
        }
    }
}

fn tag_of(bytes: &[u8]) -> Option<FrankingTag> {
    bytes.try_into().ok().map(FrankingTag::from_bytes)
}
