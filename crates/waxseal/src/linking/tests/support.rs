//! An account with a manager, a device that wants to join it, and the steps between them.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use waxseal_core::IdentityKeyPair;
use waxseal_reporting::Timestamp;
use waxseal_roster::{
    AccountKeyPair, DeviceEntry, Roster, RosterDraft, SignedRoster, proof_context,
};

use crate::linking::{LinkDigits, LinkSlot, LinkingError, NewDevice, Offer, Offered};

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Some milliseconds after [`NOW`].
pub(super) fn after(ms: u64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis().saturating_add(ms))
}

pub(super) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// An account, on its only device, which manages it.
pub(super) struct Account {
    pub(super) identity: IdentityKeyPair,
    pub(super) roster: Roster,
}

impl Account {
    pub(super) fn new(name: &str, rng: &mut ChaCha20Rng) -> Self {
        let identity = IdentityKeyPair::generate(rng);
        let key = AccountKeyPair::generate(rng);
        let delegation = key
            .delegate(name, 1, &[identity.public().to_bytes()])
            .unwrap();
        let proof = identity.prove_device(&proof_context(name, &key.public(), 1));
        let entry = DeviceEntry::new(1, identity.public().to_bytes(), proof);
        let draft = RosterDraft::first(name, delegation, entry, NOW.as_millis()).unwrap();
        let roster = sign(&identity, draft).verify(name).unwrap();
        Self { identity, roster }
    }

    /// Offers the account to a device.
    pub(super) fn offer(
        &self,
        new: &NewDevice,
        rng: &mut ChaCha20Rng,
    ) -> Result<Offer, LinkingError> {
        let scanned = (&new.code(), new.bundle());
        Offer::make(&self.identity, &self.roster, 2, scanned, NOW, rng)
    }

    /// Signs the next roster, with one more device.
    pub(super) fn add(&self, entry: DeviceEntry) -> SignedRoster {
        let mut draft = self.roster.next(NOW.as_millis(), 1).unwrap();
        draft.add(entry).unwrap();
        sign(&self.identity, draft)
    }
}

fn sign(identity: &IdentityKeyPair, draft: RosterDraft) -> SignedRoster {
    let signature = identity.sign_roster(&draft.to_sign());
    draft.sign(signature)
}

/// A link between two honest devices, step by step.
pub(super) struct Link {
    pub(super) account: Account,
    pub(super) new: NewDevice,
    pub(super) offer: Offer,
    pub(super) rng: ChaCha20Rng,
}

impl Link {
    /// The account is offered.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let account = Account::new("alice", &mut rng);
        let new = NewDevice::generate(NOW, &mut rng).unwrap();
        let offer = account.offer(&new, &mut rng).unwrap();
        Self {
            account,
            new,
            offer,
            rng,
        }
    }

    pub(super) fn open_offer(&mut self) -> Result<Offered, LinkingError> {
        let message = self.offer.message().to_vec();
        self.new.open_offer(&message, NOW, &mut self.rng)
    }

    /// What the new device puts into this slot now.
    pub(super) fn message(&self, slot: LinkSlot) -> Vec<u8> {
        let (at, message) = self.new.message().unwrap();
        assert_eq!(at, slot);
        message.to_vec()
    }

    pub(super) fn take_reveal(&mut self) -> Result<LinkDigits, LinkingError> {
        let reveal = self.message(LinkSlot::Reveal);
        self.offer
            .take_reveal(&self.account.identity, &reveal, NOW, &mut self.rng)
    }

    pub(super) fn accept(&mut self, typed: &str) -> Result<(), LinkingError> {
        let typed = LinkDigits::parse(typed).unwrap();
        self.new.accept(&typed, NOW, &mut self.rng)
    }

    pub(super) fn take_answer(&mut self) -> Result<DeviceEntry, LinkingError> {
        let answer = self.message(LinkSlot::Answer);
        self.offer.take_answer(&self.account.identity, &answer, NOW)
    }

    /// The manager shows the digits.
    pub(super) fn shown(seed: u64) -> (Self, String) {
        let mut link = Self::new(seed);
        link.open_offer().unwrap();
        let digits = link.take_reveal().unwrap().shown().to_string();
        (link, digits)
    }

    /// The new device answered.
    pub(super) fn answered(seed: u64) -> Self {
        let (mut link, digits) = Self::shown(seed);
        link.accept(&digits).unwrap();
        link
    }
}
