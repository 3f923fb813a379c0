//! Messages: stamped once, and delivered to each device.

use waxseal::errors::ReceiveError;
use waxseal::reporting::relay::{
    AuthenticFanout, AuthenticReseal, Envelope, PostError, PostedFanout, PostedReseal, Receipt,
    ResealError, StampedEnvelope, next_accepted_at,
};
use waxseal::reporting::sender::{Fanout, RosterStamp};
use waxseal::reporting::{Audience, ConversationId};
use waxseal::{
    AccountId, Client, DeviceAddress, DeviceId, Draft, FrankingTag, GroupId, Mismatch, Received,
    Store, Timestamp,
};

use super::Provider;

/// Why the relay did not stamp a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostRefused {
    /// The fanout MAC, the time of posting or the slots are wrong.
    Post(PostError),
    /// The roster of its account does not list the sending device.
    Removed,
    /// The message is not for exactly the devices of the newest rosters of both accounts. See
    /// [`Provider::mismatch`].
    Mismatch,
}

impl std::fmt::Display for PostRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl From<PostError> for PostRefused {
    fn from(error: PostError) -> Self {
        Self::Post(error)
    }
}

impl Provider {
    /// What the relay does with a posted message. Returns (delivery, receipt), of which the
    /// delivery is that of the device `to`.
    ///
    /// # Panics
    /// If the relay refuses the message, or it is not for this device.
    #[must_use]
    pub fn relay_as(
        &self,
        from: &DeviceAddress,
        to: &DeviceAddress,
        posted: &[u8],
    ) -> (Vec<u8>, Vec<u8>) {
        self.post(from, to, posted).unwrap()
    }

    /// What the relay does with a posted message. Returns (delivery, receipt), of which the
    /// delivery is that of the device `to`.
    ///
    /// # Errors
    /// [`PostRefused`] as for [`stamp`](Self::stamp).
    ///
    /// # Panics
    /// If the message is not for this device.
    pub fn post(
        &self,
        from: &DeviceAddress,
        to: &DeviceAddress,
        posted: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), PostRefused> {
        let (stamped, receipt) = self.fan_out(from, &to.account, posted)?;
        let stamped = for_device(stamped, to);
        Ok((self.deliver(to, &stamped.encode()), receipt))
    }

    /// Stamps a posted message. Returns what the relay's queue keeps for the device `to`.
    ///
    /// # Errors
    /// [`PostRefused`] as for [`fan_out`](Self::fan_out).
    ///
    /// # Panics
    /// If the message is not for this device.
    pub fn stamp(
        &self,
        from: &DeviceAddress,
        to: &DeviceAddress,
        posted: &[u8],
    ) -> Result<StampedEnvelope, PostRefused> {
        let (stamped, _) = self.fan_out(from, &to.account, posted)?;
        Ok(for_device(stamped, to))
    }

    /// Stamps a posted message. Returns what the relay's queues keep, for each device, and the
    /// receipt.
    ///
    /// # Errors
    /// [`PostRefused`] if the fanout MAC or the time of posting is wrong, the sending device was
    /// removed, or the message is not for exactly the devices of both accounts.
    ///
    /// # Panics
    /// If the bytes are not a posted message.
    #[expect(
        clippy::type_complexity,
        reason = "an envelope for each device, and the receipt"
    )]
    pub fn fan_out(
        &self,
        from: &DeviceAddress,
        to: &AccountId,
        posted: &[u8],
    ) -> Result<(Vec<(DeviceAddress, StampedEnvelope)>, Vec<u8>), PostRefused> {
        // The delivery key of a removed device is forgotten.
        if !self.is_listed(from) {
            return Err(PostRefused::Removed);
        }
        let fanout = self.authenticate(from, to, posted)?;
        if !self.is_exact(&fanout) {
            return Err(PostRefused::Mismatch);
        }
        let (mut stamped, receipt) = self.stamp_any(fanout);
        stamped.retain(|(device, _)| !self.has_left(device));
        Ok((stamped, receipt))
    }

    fn authenticate(
        &self,
        from: &DeviceAddress,
        to: &AccountId,
        posted: &[u8],
    ) -> Result<AuthenticFanout, PostError> {
        let posted = PostedFanout::decode(posted).unwrap();
        let audience = Audience::Direct(to.clone());
        posted.authenticate(&self.keys[from], from, &audience, self.now)
    }

    /// Stamps a message for whatever devices it is.
    fn stamp_any(
        &self,
        fanout: AuthenticFanout,
    ) -> (Vec<(DeviceAddress, StampedEnvelope)>, Vec<u8>) {
        let from = fanout.sender().clone();
        let accepted_at = self.next_accepted_at(&from);
        let claim = self.stamp_keys.stamp(&fanout, accepted_at).unwrap();
        let receipt = Receipt::new(&claim, &self.keys[&from]).encode();
        (StampedEnvelope::fan_out(claim, fanout).unwrap(), receipt)
    }

    /// The accounts whose rosters a message names, each with the version that it names: the
    /// recipient's, and the sender's own.
    fn sides(fanout: &AuthenticFanout) -> Vec<(AccountId, RosterStamp)> {
        let own = (fanout.sender().account.clone(), fanout.own_version());
        match fanout.audience() {
            Audience::Direct(peer) if *peer != own.0 => {
                vec![(peer.clone(), fanout.peer_version()), own]
            }
            _ => vec![own],
        }
    }

    /// Whether a message names the newest rosters of both accounts, and is for exactly their
    /// devices. What it says about accounts without a roster is not asked.
    fn is_exact(&self, fanout: &AuthenticFanout) -> bool {
        let (sender, targets) = (fanout.sender(), fanout.targets());
        Self::sides(fanout).iter().all(|(account, named)| {
            let Some(shown) = self.shown(Some(&sender.account), account) else {
                return true;
            };
            let targets = targets.iter().map(|(device, _)| device);
            let targets: Vec<_> = targets
                .filter(|device| device.account == *account && !self.has_left(device))
                .collect();
            let mut sets = [&shown.devices].into_iter().chain(&shown.or);
            *named == shown.stamp
                && sets.any(|set| {
                    targets
                        .iter()
                        .copied()
                        .eq(&self.others(sender, account, set))
                })
        })
    }

    /// What the relay answers to a message that is not for exactly the devices of both accounts:
    /// the rosters that the message does not name, and prekeys of the devices that it leaves out.
    ///
    /// # Panics
    /// If the message is not authentic.
    pub fn mismatch(&mut self, from: &DeviceAddress, to: &AccountId, posted: &[u8]) -> Mismatch {
        let fanout = self.authenticate(from, to, posted).unwrap();
        let targets = fanout.targets();
        let mut mismatch = Mismatch::default();
        for (account, named) in Self::sides(&fanout) {
            let Some(shown) = self.shown(Some(&from.account), &account) else {
                continue;
            };
            if shown.stamp != named {
                mismatch.rosters.push(shown.bytes);
            }
            for device in self.others(from, &account, &shown.devices) {
                if targets.iter().any(|(target, _)| *target == device) {
                    continue;
                }
                if let Some(bundle) = self.device_bundle(&device) {
                    mismatch.bundles.push((account.clone(), bundle));
                }
            }
        }
        mismatch
    }

    /// What the relay does with a message that is sealed again. Returns (delivery, receipt).
    ///
    /// # Errors
    /// [`ResealError`] if the reseal MAC, the time of posting, the claim or the target is wrong.
    ///
    /// # Panics
    /// If the bytes are not a posted reseal.
    pub fn post_again(
        &self,
        from: &DeviceAddress,
        posted: &[u8],
    ) -> Result<(StampedEnvelope, Vec<u8>), ResealError> {
        let reseal = self.authenticate_again(from, PostedReseal::decode(posted).unwrap())?;
        if !self.is_listed(reseal.target()) {
            return Err(ResealError::OtherTarget);
        }
        let claim = self
            .stamp_keys
            .stamp_again(&reseal, self.next_accepted_at(from))
            .unwrap();
        let stamped = StampedEnvelope::resealed(claim, reseal).unwrap();
        let receipt = Receipt::new(stamped.claim(), &self.keys[from]).encode();
        Ok((stamped, receipt))
    }

    /// Checks a message that is sealed again, also one to a group.
    pub(crate) fn authenticate_again(
        &self,
        from: &DeviceAddress,
        posted: PostedReseal,
    ) -> Result<AuthenticReseal, ResealError> {
        let is_member = |group: &ConversationId, account: &AccountId, at: Timestamp| {
            self.is_member_at(&GroupId::from_bytes(*group.as_bytes()), account, at)
        };
        let (key, keys) = (&self.keys[from], &self.stamp_keys);
        posted.authenticate_in_groups(key, from, keys, self.now, is_member)
    }

    /// The devices with these numbers, without the sending one and those that left.
    fn others(
        &self,
        sender: &DeviceAddress,
        account: &AccountId,
        devices: &[u32],
    ) -> Vec<DeviceAddress> {
        let devices = devices.iter().map(|device| DeviceId(*device));
        let devices = devices.map(|device| DeviceAddress::new(account.clone(), device));
        let others = devices.filter(|device| device != sender && !self.has_left(device));
        others.collect()
    }

    pub(super) fn next_accepted_at(&self, from: &DeviceAddress) -> Timestamp {
        let mut last = self.last_accepted.lock().unwrap();
        let accepted_at = next_accepted_at(self.now, last.get(from).copied());
        last.insert(from.clone(), accepted_at);
        accepted_at
    }

    /// Hands out a stamped envelope from the relay's queue, under the device's present key.
    ///
    /// # Panics
    /// If the bytes are not a stamped envelope.
    #[must_use]
    pub fn deliver(&self, to: &DeviceAddress, queued: &[u8]) -> Vec<u8> {
        let stamped = StampedEnvelope::decode(queued).unwrap();
        stamped.deliver(&self.keys[to]).encode()
    }

    /// What a lying relay does: it stamps an envelope for one device that `from` never posted. It
    /// can, because it holds the key with which `from` would make the fanout MAC. Returns
    /// (delivery, receipt).
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn stamp_as(
        &self,
        from: &DeviceAddress,
        to: &DeviceAddress,
        envelope: &Envelope,
    ) -> (Vec<u8>, Vec<u8>) {
        let none = RosterStamp::default();
        let mut fanout = Fanout::new(*envelope.tag(), none, none);
        let is_own = from.account == to.account;
        // Nothing that is stamped names the target, so any number will do.
        let (any, envelope) = (DeviceId(u32::MAX), Some(envelope.clone()));
        fanout.insert(is_own, any, envelope).unwrap();
        let audience = Audience::Direct(to.account.clone());
        let posted = fanout.post(&self.keys[from], from, &audience, self.now);
        let fanout = self.authenticate(from, &to.account, &posted).unwrap();
        let (stamped, receipt) = self.stamp_any(fanout);
        (self.deliver(to, &stamped[0].1.encode()), receipt)
    }

    /// Stamps a message between two clients, as the relay does. Returns (delivery, receipt).
    #[must_use]
    pub fn relay<S: Store, T: Store>(
        &self,
        from: &Client<S>,
        to: &Client<T>,
        envelope: &[u8],
    ) -> (Vec<u8>, Vec<u8>) {
        self.relay_as(from.me(), to.me(), envelope)
    }

    /// Gives a delivery to a client. If the client does not know the sending device, fetches the
    /// roster of its account first.
    ///
    /// # Errors
    /// As [`Client::receive`].
    pub fn receive<S: Store>(
        &mut self,
        to: &mut Client<S>,
        delivery: &[u8],
    ) -> Result<Received, ReceiveError<S::Error>> {
        match to.receive(delivery) {
            Err(ReceiveError::UnknownDevice { device }) => {
                self.show_roster(to, &device.account);
                to.receive(delivery)
            }
            received => received,
        }
    }

    /// Sends one message: one client seals it, the relay stamps it, the sender confirms the receipt
    /// and the recipient opens the message. The clock moves on by one second. Returns the message's
    /// identifier.
    ///
    /// Other devices of the two accounts do not get it.
    pub fn exchange<S: Store, T: Store>(
        &mut self,
        from: &mut Client<S>,
        to: &mut Client<T>,
        draft: impl Into<Draft>,
    ) -> FrankingTag {
        self.now = Timestamp::from_millis(self.now.as_millis() + 1_000);
        let recipient = to.me().account.clone();
        let sent = from
            .send(&recipient, draft, self.now, &mut self.rng)
            .unwrap();
        let (delivery, receipt) = self.relay(from, to, &sent.envelope);
        from.confirm(&recipient, &receipt).unwrap();
        let Received::Message {
            message,
            sent_time_agrees,
            ..
        } = self.receive(to, &delivery).unwrap()
        else {
            panic!("a new message was received as a duplicate")
        };
        assert!(sent_time_agrees);
        assert_eq!(message.id(), &sent.id);
        sent.id
    }
}

/// What the relay keeps for one device.
fn for_device(
    stamped: Vec<(DeviceAddress, StampedEnvelope)>,
    to: &DeviceAddress,
) -> StampedEnvelope {
    let mut stamped = stamped.into_iter();
    let found = stamped.find(|(device, _)| device == to);
    found.expect("a slot for this device").1
}
