//! Fan-out: one message is sealed for each device of the peer and for each other device of the own
//! account.

use rand_core::CryptoRng;
use waxseal_core::errors::EncryptError;
use waxseal_core::{IdentityKey, IdentityKeyPair};
use waxseal_reporting::recipient::{Refusal, refusal_associated_data};
use waxseal_reporting::relay::Envelope;
use waxseal_reporting::sender::{Fanout, RosterStamp, SealError, SentControl, SentMessage, Slot};
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, FrankingTag, Timestamp};
use waxseal_roster::{DeviceEntry, Roster};

use super::peers::Peer;
use super::times::RosterTime;
use super::{Client, keys};
use crate::channel::{Preamble, RosterClaim, SessionSealer, with_preamble};
use crate::error::{SendError, StateError};
use crate::records::OwnSentRecord;
use crate::store::{Store, Transaction};

/// The accounts of a message: the own one, and the peer's.
pub(super) struct Pair {
    pub(super) own: Peer,
    /// `None` for a note to the own devices.
    pub(super) peer: Option<Peer>,
    account: AccountId,
}

/// Why a message was sealed for no device of the peer.
#[derive(Debug)]
pub(super) enum Unsealed {
    /// This store has no account key yet.
    NoAccountKey,
    /// This device was removed from its account.
    Removed,
    /// There are two rosters of one version, of the peer or of the own account.
    Conflict,
    /// There is no session with any device.
    NoSession,
    /// No session can send.
    Session(SealError<EncryptError>),
}

impl<E: std::error::Error> From<Unsealed> for SendError<E> {
    fn from(error: Unsealed) -> Self {
        match error {
            Unsealed::NoAccountKey => Self::NoAccountKey,
            Unsealed::Removed => Self::Removed,
            Unsealed::Conflict => Self::RosterConflict,
            Unsealed::NoSession => Self::NoSession,
            Unsealed::Session(error) => Self::Session(error),
        }
    }
}

/// What is sealed for each device.
pub(super) enum Sealing<'a> {
    Message(&'a SentMessage),
    Control(&'a SentControl),
    Refusal {
        tag: FrankingTag,
        refusal: &'a Refusal,
        /// Whether each device is told the sessions that this device has with it.
        tells_sessions: bool,
    },
}

/// A device that a message is for.
struct Target {
    is_own: bool,
    device: DeviceId,
    identity: [u8; 64],
}

impl Target {
    fn of(entry: &DeviceEntry, is_own: bool) -> Self {
        Self {
            is_own,
            device: DeviceId(entry.id),
            identity: entry.identity,
        }
    }
}

pub(super) fn stamp_of(roster: Option<&Roster>) -> RosterStamp {
    roster.map_or_else(RosterStamp::default, |roster| {
        RosterStamp::new(roster.epoch(), roster.version())
    })
}

impl Pair {
    /// The peer, if the message is not for the own devices alone.
    pub(super) fn peer(&mut self) -> &mut Peer {
        match &mut self.peer {
            Some(peer) => peer,
            None => &mut self.own,
        }
    }

    /// The account that the message is for.
    pub(super) fn account(&self) -> &AccountId {
        &self.account
    }

    /// The own account, or the peer's.
    pub(super) fn side(&mut self, is_own: bool) -> &mut Peer {
        match &mut self.peer {
            Some(peer) if !is_own => peer,
            _ => &mut self.own,
        }
    }

    /// Checks that this device may send to these accounts.
    pub(super) fn check(&self, me: &DeviceAddress) -> Result<(), Unsealed> {
        let roster = self.own.roster().ok_or(Unsealed::NoAccountKey)?;
        // CHK-316: a device that was removed from its account sends nothing.
        if roster.device(me.device.0).is_none() {
            return Err(Unsealed::Removed);
        }
        // CHK-317: nothing is sent while there are two rosters of one version.
        let peer = self.peer.as_ref();
        let has_conflict = peer.is_some_and(|peer| peer.contact.has_conflict);
        if has_conflict || self.own.contact.has_conflict {
            return Err(Unsealed::Conflict);
        }
        match peer {
            Some(peer) if peer.roster().is_none() => Err(Unsealed::NoSession),
            _ => Ok(()),
        }
    }

    /// The devices that a message is for now, those of the peer first.
    fn targets(&self, me: &DeviceAddress, time: RosterTime) -> Vec<Target> {
        let counting = |peer: &Peer, is_own| -> Vec<Target> {
            let roster = peer.roster().into_iter();
            let devices = roster.flat_map(|roster| time.counting(roster));
            devices.map(|entry| Target::of(entry, is_own)).collect()
        };
        let mut targets = match &self.peer {
            Some(peer) => counting(peer, false),
            None => Vec::new(),
        };
        let own = counting(&self.own, true).into_iter();
        targets.extend(own.filter(|target| target.device != me.device));
        targets
    }

    /// Makes the slots of a fanout those of the devices that the message is for now. Slots of these
    /// devices that have a ciphertext stay, except those in `replaced`; the others are sealed.
    ///
    /// A device without a usable session gets an empty slot. So one of them stops nobody.
    pub(super) fn fill(
        &mut self,
        fanout: &mut Fanout,
        by: (&DeviceAddress, &IdentityKeyPair),
        sealing: &Sealing<'_>,
        time: RosterTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Unsealed> {
        let (me, identity) = by;
        self.check(me)?;
        let targets = self.targets(me, time);
        // CHK-318: the slots are those of the devices of both rosters, and no others.
        fanout.retain(|slot| {
            let mut targets = targets.iter();
            targets.any(|target| (target.is_own, target.device) == (slot.own, slot.device))
        });
        let own_roster = self.own.roster();
        let sender = own_roster.map(RosterClaim::of);
        let mine = identity.public().to_bytes();
        let roster = own_roster.and_then(|own| Preamble::carried(own, &mine));
        let (own, peer) = (
            stamp_of(own_roster),
            stamp_of(self.peer.as_ref().and_then(Peer::roster)),
        );
        fanout.name_rosters(own, peer);
        let mut failed = None;
        for target in targets {
            let known = fanout.slot(target.is_own, target.device);
            if known.is_some_and(|slot| !slot.is_empty()) {
                continue;
            }
            let account = self.account.clone();
            let side = self.side(target.is_own);
            let preamble = Preamble {
                sender,
                recipient: side.roster().map(RosterClaim::of),
                roster: roster.clone(),
            };
            let sealed = match sealing {
                Sealing::Refusal {
                    tag,
                    refusal,
                    tells_sessions,
                } => {
                    let mut refusal = Refusal::clone(refusal);
                    if *tells_sessions && let Some(device) = side.devices.get(&target.device) {
                        refusal.sessions = device.common_ids().map(|id| *id.as_bytes()).collect();
                    }
                    seal_refusal(
                        identity, me, &account, &target, tag, &refusal, &preamble, rng,
                    )
                }
                Sealing::Message(_) | Sealing::Control(_) => {
                    match side.seal(target.device, sealing, &preamble, rng) {
                        Some(Ok(envelope)) => Some(envelope),
                        Some(Err(error)) => {
                            failed = Some(error);
                            None
                        }
                        None => None,
                    }
                }
            };
            // Neither fails: the tag is the same, and two accounts have at most 16 devices.
            let _ = fanout.insert(target.is_own, target.device, sealed);
        }
        let is_note_to_own = self.peer.is_none();
        let mut slots = fanout.slots().iter();
        match slots.any(|slot| slot.own == is_note_to_own && !slot.is_empty()) {
            true => Ok(()),
            false => Err(failed.map_or(Unsealed::NoSession, Unsealed::Session)),
        }
    }

    /// Writes both peers, but no contact of an account that is none yet.
    pub(super) fn put_stored(&mut self, me: &DeviceAddress, transaction: &mut Transaction) {
        if self.own.is_stored() {
            self.own.put(&me.account, transaction);
        }
        if let Some(peer) = self.peer.as_mut().filter(|peer| peer.is_stored()) {
            peer.put(&self.account, transaction);
        }
    }

    /// Writes both peers.
    pub(super) fn put(&mut self, me: &DeviceAddress, transaction: &mut Transaction) {
        self.own.put(&me.account, transaction);
        if let Some(peer) = &mut self.peer {
            peer.put(&self.account, transaction);
        }
    }
}

impl Peer {
    /// Seals a message for one device. `None` if there is no session with it that can send.
    fn seal(
        &mut self,
        device: DeviceId,
        sealing: &Sealing<'_>,
        preamble: &Preamble,
        rng: &mut impl CryptoRng,
    ) -> Option<Result<Envelope, SealError<EncryptError>>> {
        if !self.devices.get(&device)?.can_send() {
            return None;
        }
        let sessions = self.device_mut(device).sessions_to_send()?;
        let mut channel = SessionSealer::with_preamble(sessions, preamble);
        match sealing {
            Sealing::Message(sent) => Some(sent.seal_for(&mut channel, rng)),
            Sealing::Control(sent) => Some(sent.seal_for(&mut channel, rng)),
            Sealing::Refusal { .. } => None,
        }
    }
}

/// Seals a refusal to the identity of a device. `None` if the device's key contributes nothing.
#[expect(clippy::too_many_arguments, reason = "everything that it is bound to")]
fn seal_refusal(
    identity: &IdentityKeyPair,
    me: &DeviceAddress,
    author: &AccountId,
    target: &Target,
    tag: &FrankingTag,
    refusal: &Refusal,
    preamble: &Preamble,
    rng: &mut impl CryptoRng,
) -> Option<Envelope> {
    let to = IdentityKey::from_bytes(&target.identity).ok()?;
    let preamble = preamble.encode(false);
    let associated_data = refusal_associated_data(tag, me, author);
    let associated_data = with_preamble(&associated_data, &preamble);
    let content = refusal.encode()?;
    let sealed = identity.seal_refusal(&to, &content, &associated_data, rng);
    Envelope::of_refusal(*tag, [preamble, sealed.ok()?].concat()).ok()
}

/// The devices that a fanout leaves without a ciphertext.
pub(super) fn empty_slots(
    fanout: &Fanout,
    me: &AccountId,
    recipient: &AccountId,
) -> Vec<DeviceAddress> {
    let empty = fanout.slots().iter().filter(|slot| slot.is_empty());
    let address = |slot: &Slot| {
        let account = if slot.own { me } else { recipient };
        DeviceAddress::new(account.clone(), slot.device)
    };
    empty.map(address).collect()
}

impl<S: Store> Client<S> {
    /// Takes the own account and a peer, to seal for their devices. `None` before the first contact
    /// with the peer. For the own account as the peer, the pair has no peer.
    pub(super) fn take_pair(
        &mut self,
        account: &AccountId,
    ) -> Result<Option<Pair>, StateError<S::Error>> {
        let peer = match *account == self.me.account {
            true => None,
            false => match self.take_peer(account)? {
                Some(peer) => Some(peer),
                None => return Ok(None),
            },
        };
        Ok(Some(self.pair_of(account, peer)?))
    }

    /// A pair with a peer that is not in the store.
    pub(super) fn pair_with(
        &mut self,
        account: &AccountId,
        peer: Peer,
    ) -> Result<Pair, StateError<S::Error>> {
        self.pair_of(account, Some(peer))
    }

    fn pair_of(
        &mut self,
        account: &AccountId,
        peer: Option<Peer>,
    ) -> Result<Pair, StateError<S::Error>> {
        let me = self.me.account.clone();
        let own = match self.take_peer(&me)? {
            Some(own) => own,
            None => self.new_peer(&me)?, // a store of an earlier version
        };
        Ok(Pair {
            own,
            peer,
            account: account.clone(),
        })
    }

    /// Caches both peers of a pair, which are identical to what the store holds.
    pub(super) fn keep_pair(&mut self, pair: Pair) {
        if let Some(peer) = pair.peer.filter(Peer::is_stored) {
            self.keep_peer(&pair.account, peer);
        }
        if pair.own.is_stored() {
            let me = self.me.account.clone();
            self.keep_peer(&me, pair.own);
        }
    }

    /// Seals something for all devices that it is for.
    pub(super) fn seal_for_all(
        &self,
        pair: &mut Pair,
        tag: FrankingTag,
        sealing: &Sealing<'_>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Result<Fanout, Unsealed>, StateError<S::Error>> {
        let time = self.roster_time(now)?;
        let mut fanout = Fanout::new(tag, RosterStamp::default(), RosterStamp::default());
        let by = (&self.me, &self.identity);
        let filled = pair.fill(&mut fanout, by, sealing, time, rng);
        Ok(filled.map(|()| fanout))
    }

    /// Notes to whom a message is sent, if other devices of the account get a copy.
    pub(super) fn note_own_sent(
        &self,
        transaction: &mut Transaction,
        fanout: &Fanout,
        recipient: &AccountId,
    ) {
        let own = fanout.slots().iter().filter(|slot| slot.own);
        let devices: Vec<_> = own.map(|slot| slot.device.0).collect();
        if !devices.is_empty() {
            let record = OwnSentRecord::new(&recipient.into(), devices);
            transaction.put_record(keys::own_sent(fanout.tag()), &record);
        }
    }

    /// The time by which the age of rosters counts: by this device's clock, unless it is more than
    /// a day off the provider's.
    pub(super) fn roster_time(&self, now: Timestamp) -> Result<RosterTime, StateError<S::Error>> {
        let counters = self.counters()?;
        let is_clock = !counters.is_clock_off;
        let ms = match is_clock {
            true => now.as_millis(),
            false => counters.newest_sent_ms,
        };
        Ok(RosterTime { ms, is_clock })
    }
}
