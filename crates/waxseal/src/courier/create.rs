//! How a courier begins: with a new account, with one that the store holds, or with one that the
//! device joined or recovered.

use std::collections::VecDeque;

use rand_core::CryptoRng;
use waxseal_interface::PinnedKeys;
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{DeviceAddress, Timestamp};

#[cfg(doc)]
use super::Linking;
use super::bundles::Bundles;
use super::desk::Desk;
use super::files::Files;
use super::groups::Groups;
use super::history::Histories;
use super::leave::Step;
use super::link::Link;
use super::outbox::Outbox;
use super::pause::Pause;
use super::reports::Reports;
use super::strangers::Strangers;
use super::stream::Stream;
use super::{Courier, Event};
use crate::client::Client;
use crate::error::{OpenAccountError, StateError};
use crate::store::Store;

impl<S: Store> Courier<S> {
    /// Creates an account with its first device in an empty store. [`next`](Self::next) registers
    /// it with the provider. For a further device of an account, see [`Linking`].
    ///
    /// # Errors
    /// As for [`Client::create`].
    ///
    /// # Security
    /// Pass the system's generator as `rng`, as for [`Client::create`].
    pub fn create(
        store: S,
        me: DeviceAddress,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, OpenAccountError<S::Error>> {
        // This key is replaced when the device is registered.
        let client = Client::create(store, me, DeliveryKey::generate(rng), now, rng)?;
        Ok(Self::of(client)?)
    }

    /// Opens the account of this device, or creates it in an empty store.
    ///
    /// # Errors
    /// As for [`create`](Self::create) and [`open`](Self::open);
    /// [`OpenAccountError::AlreadyExists`] if the store holds another account.
    pub fn open_or_create(
        store: S,
        me: DeviceAddress,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, OpenAccountError<S::Error>> {
        if !Client::has_account(&store)? {
            return Self::create(store, me, now, rng);
        }
        let courier = Self::open(store)?;
        match *courier.client.me() == me {
            true => Ok(courier),
            false => Err(OpenAccountError::AlreadyExists),
        }
    }

    /// Opens the account that a store holds, whether a courier or a [`Client`] created it.
    ///
    /// # Errors
    /// As for [`Client::open`].
    pub fn open(store: S) -> Result<Self, OpenAccountError<S::Error>> {
        Ok(Self::of(Client::open(store)?)?)
    }

    fn of(client: Client<S>) -> Result<Self, StateError<S::Error>> {
        let now = Some(Timestamp::from_millis(0));
        Ok(Self {
            record: client.courier_record()?,
            client,
            is_listening: true,
            card: None,
            token: None,
            token_refused_at: None,
            challenge: None,
            must_register: false,
            is_removed: false,
            has_account_key: false,
            in_flight: None,
            is_compared: false,
            next_id: 0,
            pause: Pause::default(),
            unauthentic: 0,
            relay_ahead_ms: 0,
            seen_at: Timestamp::from_millis(0),
            stream: Stream::default(),
            reconnect: Pause::default(),
            prekeys_at: now,
            are_prekeys_in_doubt: false,
            doubted_at: None,
            left: None,
            away_since: None,
            upkeep_at: now,
            due_at: now,
            publish_at: now,
            conflicts: 0,
            link: Link::default(),
            histories: Histories::default(),
            leave: Step::Look,
            groups: Groups::default(),
            bundles: Bundles::default(),
            outbox: Outbox::default(),
            strangers: Strangers::default(),
            reports: Reports::default(),
            desk: Desk::default(),
            files: Files::default(),
            events: VecDeque::new(),
        })
    }

    /// A courier for a device that joined its account, or recovered it, with what was learnt of the
    /// relay.
    pub(super) fn after_contact(
        client: Client<S>,
        pinned: Option<&PinnedKeys>,
        events: Vec<Event>,
    ) -> Result<Self, StateError<S::Error>> {
        let mut courier = Self::of(client)?;
        if let Some(pinned) = pinned {
            courier.pin(pinned)?;
        }
        courier.events.extend(events);
        Ok(courier)
    }
}
