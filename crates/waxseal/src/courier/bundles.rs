//! Rosters and prekeys of other devices, fetched when a session or a delivery needs them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand_core::CryptoRng;
use waxseal_interface::{AskBundles, Bundles as Answered, ErrorCode, Request as Call};
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};

use super::next::Aim;
use super::pause::{is_ahead, is_off, later};
use super::{Courier, Event};
use crate::client::{
    Bundles as Found, DeviceBundle, NotDelivered, Notice, RosterChange, WantedBundles,
};
use crate::conversation::Conversation;
use crate::error::{StartError, StateError, TakeRosterError};
use crate::store::Store;

/// How long after a failure the prekeys of an account are asked for again: ten minutes.
const PUT_OFF_MS: u64 = 600_000;

/// How long after a failure the roster of an account is asked for again: an hour, as often as one
/// that was fetched.
const ROSTER_OFF_MS: u64 = 3_600_000;

/// How long the upkeep waits for everything that the relay has for this device: a minute.
const AWAY_MS: u64 = 60_000;

/// Maximum number of notices that are looked at. There is at most one of each kind for an account.
const MAX_NOTICES: usize = 256;

/// Maximum number of devices without prekeys that are remembered.
const MAX_BARE: usize = 1_024;

/// Of how many accounts and groups it is remembered that deliveries wait at the relay. It delivers
/// those of others with the next connection.
const MAX_UNKNOWN: usize = 1_024;

/// What is to be fetched of others.
#[derive(Default)]
pub(super) struct Bundles {
    wanted: VecDeque<WantedBundles>,
    rosters: VecDeque<AccountId>,
    /// Accounts of which no prekeys are asked for before a time.
    put_off: BTreeMap<AccountId, Timestamp>,
    /// Accounts of which no roster is asked for before a time.
    rosters_off: BTreeMap<AccountId, Timestamp>,
    /// Devices that have published no prekeys, and until when they are not asked for.
    bare: BTreeMap<DeviceAddress, Timestamp>,
    /// Accounts of whose unknown devices deliveries wait at the relay, and groups of whose newer
    /// states.
    unknown: BTreeSet<Conversation>,
    /// Notices that were told.
    told: Vec<Notice>,
}

impl Bundles {
    /// Has prekeys fetched, if they are not put off.
    pub(super) fn want(&mut self, wanted: &WantedBundles) {
        let mut all = self.wanted.iter_mut();
        match all.find(|one| one.account == wanted.account) {
            None => self.wanted.push_back(wanted.clone()),
            // An empty list is all devices.
            Some(known) if known.devices.is_empty() || wanted.devices.is_empty() => {
                known.devices.clear();
            }
            Some(known) => {
                known.devices.extend_from_slice(&wanted.devices);
                known.devices.sort_unstable();
                known.devices.dedup();
            }
        }
    }

    /// Has the prekeys of all devices of an account fetched.
    pub(super) fn want_all(&mut self, account: &AccountId) {
        self.want(&WantedBundles {
            account: account.clone(),
            devices: Vec::new(),
        });
    }

    /// Has the roster of an account fetched, if it is not put off.
    pub(super) fn want_roster(&mut self, account: &AccountId) {
        if !self.rosters.contains(account) {
            self.rosters.push_back(account.clone());
        }
    }

    /// Has the roster of an account fetched now, and all notices about it told again.
    pub(super) fn check(&mut self, account: &AccountId) {
        self.forget(account);
        self.want_roster(account);
    }

    /// Notes that deliveries wait at the relay, of an unknown device of this account or of a newer
    /// state of this group.
    pub(super) fn note_unknown(&mut self, of: Conversation) {
        if self.unknown.len() < MAX_UNKNOWN {
            self.unknown.insert(of);
        }
    }

    /// Forgets that an account was put off, and what was told of it.
    pub(super) fn forget(&mut self, account: &AccountId) {
        self.put_off.remove(account);
        self.rosters_off.remove(account);
        self.bare.retain(|device, _| device.account != *account);
        self.told.retain(|notice| notice.account() != Some(account));
    }

    fn put_off(&mut self, account: &AccountId, now: Timestamp) {
        self.put_off.insert(account.clone(), later(now, PUT_OFF_MS));
    }

    fn put_roster_off(&mut self, account: &AccountId, now: Timestamp) {
        self.rosters_off
            .insert(account.clone(), later(now, ROSTER_OFF_MS));
    }

    /// Whether the roster of an account is asked for now.
    pub(super) fn is_asking(&self, account: &AccountId, now: Timestamp) -> bool {
        self.rosters.contains(account) && !is_off(&self.rosters_off, account, now, ROSTER_OFF_MS)
    }

    /// Notes which of the devices that were asked for have published no prekeys.
    fn note_bare(&mut self, wanted: &WantedBundles, found: &Found, now: Timestamp) {
        let is_found = |device: &DeviceId| found.devices.iter().any(|one| one.device == *device);
        self.bare
            .retain(|_, until| is_ahead(*until, now, PUT_OFF_MS));
        for device in wanted.devices.iter().filter(|device| !is_found(device)) {
            if self.bare.len() < MAX_BARE {
                let device = DeviceAddress::new(wanted.account.clone(), *device);
                self.bare.insert(device, later(now, PUT_OFF_MS));
            }
        }
    }

    /// Leaves out what is put off. `None` if nothing is left.
    pub(super) fn askable(&self, wanted: WantedBundles, now: Timestamp) -> Option<WantedBundles> {
        if is_off(&self.put_off, &wanted.account, now, PUT_OFF_MS) {
            return None;
        }
        let WantedBundles { account, devices } = wanted;
        let is_all = devices.is_empty();
        let mut devices = devices;
        devices.retain(|device| {
            let device = DeviceAddress::new(account.clone(), *device);
            !is_off(&self.bare, &device, now, PUT_OFF_MS)
        });
        (is_all || !devices.is_empty()).then_some(WantedBundles { account, devices })
    }

    /// When something can next be fetched.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let at = |off: &BTreeMap<AccountId, Timestamp>, account: &AccountId| {
            let at = off.get(account).copied();
            at.unwrap_or(Timestamp::from_millis(0))
        };
        let wanted = self
            .wanted
            .iter()
            .map(|one| at(&self.put_off, &one.account));
        let rosters = self.rosters.iter().map(|one| at(&self.rosters_off, one));
        wanted.chain(rosters).min()
    }
}

/// The request for prekeys. If `is_extra`, a message goes without them if there are none.
pub(super) fn ask(wanted: WantedBundles, is_extra: bool) -> (Aim, Call) {
    let call = Call::Bundles(AskBundles {
        name: wanted.account.as_str().to_owned(),
        devices: wanted.devices.iter().map(|device| device.0).collect(),
    });
    (Aim::Bundles { wanted, is_extra }, call)
}

/// Prekeys of a device, as the client takes them.
pub(super) fn bundle_of(bundle: waxseal_interface::DeviceBundle) -> DeviceBundle {
    DeviceBundle {
        device: DeviceId(bundle.device),
        base: bundle.base,
        one_time: bundle.one_time,
    }
}

impl<S: Store> Courier<S> {
    /// Calls the client's upkeep when it is due, and notes what is to be fetched for it.
    pub(super) fn keep_up(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        if self.upkeep_time().is_none_or(|at| at > now) {
            return Ok(());
        }
        // For what it seals, also if the store fails later.
        self.outbox.look_again();
        let upkeep = self.client.upkeep(now, rng)?;
        self.upkeep_at = upkeep.again_at;
        for (to, id) in upkeep.lost {
            let reason = NotDelivered::Lost;
            self.tell(Event::NotDelivered { to, id, reason });
        }
        for wanted in &upkeep.bundles {
            self.bundles.want(wanted);
        }
        for account in &upkeep.rosters {
            self.bundles.want_roster(account);
        }
        for (group, _) in &upkeep.groups {
            self.groups.want_news(group);
        }
        for group in &upkeep.group_rosters {
            self.groups.want_members(group);
        }
        for group in &upkeep.left_groups {
            self.want_left(group);
        }
        self.groups.look_again();
        self.settle_unknown(now)?;
        self.tell_notices()
    }

    /// When the upkeep is next called. First everything that waits is received, because what has
    /// not opened may have come again. Without a connection, that is waited for only a while.
    pub(super) fn upkeep_time(&self) -> Option<Timestamp> {
        let at = self.upkeep_at?;
        match self.is_listening && !self.stream.is_caught_up() {
            true => Some(at.max(later(self.away_since?, AWAY_MS))),
            false => Some(at),
        }
    }

    pub(super) fn choose_bundle(&mut self, now: Timestamp) -> Option<(Aim, Call)> {
        let bundles = &mut self.bundles;
        let off = &bundles.rosters_off;
        let mut rosters = bundles.rosters.iter();
        if let Some(at) = rosters.position(|one| !is_off(off, one, now, ROSTER_OFF_MS)) {
            let account = bundles.rosters.remove(at)?;
            return Some((Aim::Roster(account.clone()), Call::Roster(account)));
        }
        let off = &bundles.put_off;
        let mut wanted = bundles.wanted.iter();
        let at = wanted.position(|one| !is_off(off, &one.account, now, PUT_OFF_MS))?;
        bundles.wanted.remove(at).map(|wanted| ask(wanted, false))
    }

    /// Takes the roster of an account, a peer's or the own one.
    pub(super) fn take_roster(
        &mut self,
        account: &AccountId,
        roster: &[u8],
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        match self.client.take_roster(account, roster, now) {
            Ok(change) => {
                let is_other = change != RosterChange::Unchanged;
                self.news_came(&account.into(), is_other, now)?;
                self.upkeep_at = Some(now);
                self.outbox.look_again();
            }
            Err(TakeRosterError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            Err(error) => {
                if let TakeRosterError::State(StateError::Damaged(damage)) = error {
                    self.tell(Event::Damaged(damage));
                }
                self.bundles.put_roster_off(account, now);
                self.settle_unknown(now)?;
            }
        }
        self.tell_notices()
    }

    /// Receives again what waits for a roster, or for news of a group. If there are any, the relay
    /// delivers again what it was left with, too.
    pub(super) fn news_came(
        &mut self,
        of: &Conversation,
        is_other: bool,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        self.receive_unknown(of, now)?;
        if is_other && self.bundles.unknown.remove(of) {
            self.stream.close();
        }
        Ok(())
    }

    /// Starts sessions with the devices of an account.
    pub(super) fn take_bundles(
        &mut self,
        (wanted, is_extra): (&WantedBundles, bool),
        answered: Answered,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        let account = &wanted.account;
        let given = answered.devices.iter();
        let given: Vec<_> = given
            .map(|one| (DeviceId(one.device), one.one_time.is_some(), one.held_back))
            .collect();
        let found = Found {
            roster: answered.roster,
            devices: answered.devices.into_iter().map(bundle_of).collect(),
        };
        self.bundles.note_bare(wanted, &found, now);
        match self.client.restart(account, &found, now, rng) {
            Ok(started) => {
                for device in started.devices {
                    let given = given.iter().find(|(one, ..)| *one == device);
                    let (_, has_one_time, held_back) =
                        given.copied().unwrap_or((device, false, false));
                    self.tell(Event::Started {
                        device: DeviceAddress::new(account.clone(), device),
                        has_one_time,
                        held_back,
                    });
                }
                self.look_again();
                self.news_came(&account.into(), true, now)?;
            }
            Err(StartError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            Err(StartError::State(StateError::Damaged(damage))) => {
                self.tell(Event::Damaged(damage));
                self.want_later((wanted, is_extra), now);
            }
            // The upkeep asks again at the right time.
            Err(StartError::TooSoon { .. }) => {}
            Err(_) => self.want_later((wanted, is_extra), now),
        }
        self.tell_notices()
    }

    fn want_later(&mut self, (wanted, is_extra): (&WantedBundles, bool), now: Timestamp) {
        self.bundles.put_off(&wanted.account, now);
        if !is_extra {
            self.bundles.want(wanted);
        }
    }

    /// Tells the notices that were not told yet.
    pub(super) fn tell_notices(&mut self) -> Result<(), StateError<S::Error>> {
        let page = self.client.notices(None, MAX_NOTICES)?;
        for row in &page.damaged {
            self.client.delete_damaged(row)?;
        }
        // One that was dismissed is told again if it comes again.
        self.bundles.told.retain(|told| page.items.contains(told));
        for notice in page.items {
            if !self.bundles.told.contains(&notice) {
                self.bundles.told.push(notice.clone());
                self.tell(Event::Notice(notice));
            }
        }
        Ok(())
    }

    /// The relay refused to hand out a roster.
    pub(super) fn roster_refused(
        &mut self,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        self.bundles.put_roster_off(account, now);
        self.settle_unknown(now)
    }

    /// The relay refused to hand out prekeys.
    pub(super) fn bundles_refused(
        &mut self,
        (wanted, is_extra): (&WantedBundles, bool),
        code: ErrorCode,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let account = &wanted.account;
        if matches!(code, ErrorCode::NoSuchAccount | ErrorCode::BadName) {
            self.bundles.put_off(account, now);
            for id in self.client.held(account)? {
                self.give_up(&account.into(), &id, code)?;
            }
        } else {
            self.bundles.note_bare(wanted, &Found::default(), now);
            self.want_later((wanted, is_extra), now);
        }
        Ok(())
    }
}
