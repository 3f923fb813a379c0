//! A group, and messages to exactly the devices of its members. Its channel does not encrypt.

use std::convert::Infallible;

use rand_core::CryptoRng;
use waxseal_interface::{EntryReceipt, Event};
use waxseal_relay::ClientError;
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::recipient::{Evidence, GroupCiphertext, OpeningGroupChannel, open_in_group};
use waxseal_reporting::relay::{Delivery, Receipt};
use waxseal_reporting::sender::{
    GroupFanout, GroupSlot, GroupStamp, SealedForGroup, SealingGroupChannel, SentMessage, seal,
};
use waxseal_reporting::{ConversationId, DeviceAddress, Timestamp};
use waxseal_roster::Roster;
use waxseal_roster::group::{
    AuthoritySeed, GroupId, GroupLog, GroupOp, GroupTargets, Role, SignedEntry,
};
use zeroize::Zeroizing;

use super::{Device, NoChannel, SOON, now};

/// A group, as its admins know it.
pub struct Crowd {
    pub id: ConversationId,
    pub seed: AuthoritySeed,
    pub log: GroupLog,
}

/// Adds the account of a device.
pub fn adding(device: &Device, role: Role) -> GroupOp {
    GroupOp::add(&device.owner.name, role, device.owner.key.public())
}

/// Removes the account of a device.
pub fn removing(device: &Device) -> GroupOp {
    GroupOp::remove(&device.owner.name)
}

impl Crowd {
    /// A group that is not founded yet, with its first entry.
    pub fn draft(admin: &Device, members: &[&Device]) -> (Self, SignedEntry) {
        let seed = AuthoritySeed::generate(&mut rand::rng());
        let mut ops = vec![adding(admin, Role::Admin)];
        ops.extend(members.iter().map(|member| adding(member, Role::Member)));
        let first = seed.create_group(&admin.owner.name, &ops, now().as_millis());
        let (first, id) = (first.unwrap(), GroupId::of_authority(&seed.public()));
        let crowd = Self {
            id: ConversationId::from_bytes(id.to_bytes()),
            log: GroupLog::first(&first, &id).unwrap(),
            seed,
        };
        (crowd, first)
    }

    /// Founds a group.
    pub fn found(admin: &Device, members: &[&Device]) -> Self {
        let (crowd, first) = Self::draft(admin, members);
        crowd.put(admin, &first).unwrap();
        crowd
    }

    pub fn put(&self, by: &Device, entry: &SignedEntry) -> Result<EntryReceipt, ClientError> {
        by.client.put_group(by.session(), &self.id, &entry.encode())
    }

    /// The next entry.
    pub fn entry(&self, actor: &Device, ops: &[GroupOp]) -> SignedEntry {
        let (state, at_ms) = (self.log.state(), now().as_millis());
        let entry = self
            .seed
            .sign_entry(state, &actor.owner.name, ops, None, at_ms);
        entry.unwrap()
    }

    /// Signs and posts the next entry.
    pub fn change(&mut self, actor: &Device, ops: &[GroupOp]) -> EntryReceipt {
        let entry = self.entry(actor, ops);
        let receipt = self.put(actor, &entry).unwrap();
        self.log.take(&entry).unwrap();
        receipt
    }

    /// The devices to which a message of a device goes, by these rosters.
    pub fn targets(&self, by: &Device, rosters: &[&Roster]) -> GroupTargets {
        let roster = |name: &str| {
            let mut rosters = rosters.iter();
            rosters.find(|roster| roster.account() == name).copied()
        };
        let sender = (by.owner.name.as_str(), by.me.device.0);
        let now_ms = now().as_millis();
        let state = self.log.state();
        state.targets(sender, roster, |_| now_ms).unwrap()
    }

    /// Seals a message for these devices.
    pub fn seal(&self, by: &Device, to: &GroupTargets, text: &str) -> (SentMessage, GroupFanout) {
        let payload = Payload::text(PayloadHeader::new(0, now()), text).unwrap();
        let rng = &mut rand::rng();
        let sealed = seal(&mut NoChannel, &by.me, &self.id, &payload, rng).unwrap();
        let state = self.log.state();
        let stamp = GroupStamp::new(state.version(), state.hash(), to.digest());
        let identities = to.targets().iter().map(|target| target.identity);
        let mut channel = Slots(identities.map(|identity| mac(&identity)).collect());
        let fanout = sealed.sent.seal_for_group(&mut channel, stamp, rng);
        (sealed.sent, fanout.unwrap())
    }

    pub fn post(&self, by: &Device, fanout: &GroupFanout) -> Result<Vec<u8>, ClientError> {
        let posted = fanout.post(&by.delivery_key, &by.me, now());
        by.client.send_to_group(by.session(), &self.id, &posted)
    }

    /// Sends a text to all devices of the members with these rosters.
    pub fn send(
        &self,
        by: &Device,
        rosters: &[&Roster],
        text: &str,
    ) -> Result<Evidence, ClientError> {
        let (sent, fanout) = self.seal(by, &self.targets(by, rosters), text);
        let receipt = Receipt::decode(&self.post(by, &fanout)?).unwrap();
        Ok(receipt.authenticate(&by.delivery_key, &sent).unwrap())
    }

    /// Sends a text to accounts of one device each.
    pub fn say(&self, by: &Device, to: &[&Device], text: &str) -> Result<Evidence, ClientError> {
        let rosters = to.iter().chain([&by]);
        let rosters: Vec<_> = rosters
            .map(|device| device.roster.as_ref().unwrap())
            .collect();
        self.send(by, &rosters, text)
    }
}

/// When the relay accepted a message, in milliseconds.
pub fn accepted_ms(evidence: &Evidence) -> u64 {
    evidence.claim().context().accepted_at.as_millis()
}

/// Receives and acknowledges all that waits for a device, from groups alone.
pub fn heard(device: &Device) -> Vec<(String, Evidence)> {
    let (mut deliveries, mut heard) = (device.connect(), Vec::new());
    loop {
        match deliveries.next(SOON).unwrap().unwrap() {
            Event::CaughtUp => break,
            Event::Delivery { id, delivery, .. } => {
                heard.push(opened(device, &delivery));
                deliveries.acknowledge(id).unwrap();
            }
            Event::QueueExpired { .. } => panic!("nothing was dropped"),
        }
    }
    deliveries.close();
    heard
}

/// The texts that wait for a device.
pub fn texts(device: &Device) -> Vec<String> {
    heard(device).into_iter().map(|(text, _)| text).collect()
}

/// Opens a delivery to a group. Returns its text, and the evidence to report it with.
pub fn opened(device: &Device, delivery: &[u8]) -> (String, Evidence) {
    let delivery = Delivery::decode(delivery).unwrap();
    let key = &device.delivery_key;
    let delivery = delivery.authenticate_in_groups(key, &device.me, |_| true);
    let mut channel = Slots(vec![mac(&device.identity_bytes())]);
    let opened = open_in_group(&mut channel, &delivery.unwrap()).unwrap();
    let text = opened.content().as_text().unwrap_or_default().to_owned();
    (text, opened.evidence().clone())
}

/// A channel whose slots show for whom they are.
struct Slots(Vec<[u8; 16]>);

fn mac(identity: &[u8; 64]) -> [u8; 16] {
    *identity.first_chunk().unwrap()
}

impl SealingGroupChannel for Slots {
    type Error = Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<SealedForGroup, Infallible> {
        Ok(SealedForGroup {
            body: plaintext.to_vec(),
            slots: self.0.iter().map(|mac| GroupSlot::Mac(*mac)).collect(),
        })
    }
}

impl OpeningGroupChannel for Slots {
    type Error = Infallible;

    fn decrypt(
        &mut self,
        ciphertext: GroupCiphertext<'_>,
        _: &[u8],
        _: Timestamp,
    ) -> Result<Zeroizing<Vec<u8>>, Infallible> {
        match ciphertext {
            GroupCiphertext::Mac { mac, body } => {
                assert_eq!(*mac, self.0[0], "the slot of another device");
                Ok(Zeroizing::new(body.to_vec()))
            }
            GroupCiphertext::Pairwise(ciphertext) => Ok(Zeroizing::new(ciphertext.to_vec())),
            GroupCiphertext::Key { .. } => panic!("no key slots were sealed"),
        }
    }
}
