//! What someone makes and reads who has keys of a member's device, and no client.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use waxseal::core::errors::ChainOpenError;
use waxseal::core::{ChainClaims, IdentityKey, OwnChain, PeerChains};
use waxseal::reporting::message::{Content, Payload, PayloadHeader};
use waxseal::reporting::recipient::{
    AuthenticDelivery, GroupCiphertext, OpenError, OpeningGroupChannel, open_any_in_group,
};
use waxseal::reporting::relay::{Delivery, GroupSlot, PostedGroup, StampedGroup};
use waxseal::reporting::sender::{
    GroupFanout, GroupStamp, SealedForGroup, SealingGroupChannel, SentMessage,
};
use waxseal::reporting::{ConversationId, Timestamp};
use waxseal::roster::SignedRoster;
use waxseal::{DeviceAddress, FrankingTag, GroupId};
use waxseal_world::{QueuedGroup, snapshot};
use zeroize::Zeroizing;

use crate::support::{Device, first};
use crate::talk::Talk;

/// What the root of a forged chain is: someone else's is not known.
const ROOT: [u8; 32] = [0x5a; 32];

/// The identity of a device, as the provider's newest roster of its account lists it.
pub(super) fn identity(talk: &Talk, device: &DeviceAddress) -> IdentityKey {
    let roster = SignedRoster::decode(&talk.net.world.roster(&device.account)).unwrap();
    let roster = roster.verify(device.account.as_str()).unwrap();
    let entry = roster.device(device.device.0).unwrap();
    IdentityKey::from_bytes(&entry.identity).unwrap()
}

/// What a sender in this group claims to know.
pub(super) fn claims(talk: &Talk) -> ChainClaims {
    let state = talk.net.world.group_log(&talk.group).unwrap().state();
    ChainClaims {
        version: state.version(),
        state_hash: state.hash(),
        roster: [0; 24],
    }
}

/// The MAC slot that someone makes who has the key of a recipient.
pub(super) fn mac_slot(key: &[u8; 32], body: &[u8], associated_data: &[u8]) -> [u8; 16] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(b"waxseal/2/core/chain-mac");
    mac.update(&Sha256::digest(body));
    mac.update(&Sha256::digest(associated_data));
    *mac.finalize().into_bytes().first_chunk().unwrap()
}

/// The chains of one device, as another one keeps them.
#[derive(Clone)]
pub(super) struct Stolen {
    export: Vec<u8>,
    pub(super) chains: Vec<StolenChain>,
}

/// One of these chains.
#[derive(Clone)]
pub(super) struct StolenChain {
    pub(super) number: u32,
    pub(super) key: [u8; 32],
    pub(super) header_key: [u8; 32],
    /// What the sender shares with the device that this was stolen from.
    pub(super) auth_key: [u8; 32],
    /// The message whose key it is.
    pub(super) n: u32,
}

impl Stolen {
    /// Takes the chains of `of` out of the store of another device.
    pub(super) fn from(client: &Device, group: &GroupId, of: &DeviceAddress) -> Option<Self> {
        let name = of.account.as_str().as_bytes();
        let mut row = vec![0x0a, u8::try_from(name.len()).unwrap()];
        row.extend(name);
        row.extend([0x10, u8::try_from(of.device.0).unwrap()]);
        let start = [&[1], &group.to_bytes()[..]].concat();
        let records = snapshot(client);
        let mut rows = records.iter().filter_map(|(key, value)| {
            let has_name = value.windows(row.len()).any(|window| window == row);
            let is_row = key.table.as_bytes()[0] == b'N' && has_name;
            let at = value.windows(33).position(|window| window == start)?;
            is_row.then(|| value[at..].to_vec())
        });
        rows.next().map(Self::of)
    }

    fn of(export: Vec<u8>) -> Self {
        // 01 || context 32 || owner 64 || count be32, then for each chain: number be32 || three
        // keys || n be32 || time be64 || count be32 || count x 36
        PeerChains::import(&export).unwrap();
        let number = |at: usize| u32::from_be_bytes(*export[at..].first_chunk().unwrap());
        let key = |at: usize| *export[at..].first_chunk().unwrap();
        let (mut at, mut chains) = (101, Vec::new());
        for _ in 0..number(97) {
            chains.push(StolenChain {
                number: number(at),
                key: key(at + 4),
                header_key: key(at + 36),
                auth_key: key(at + 68),
                n: number(at + 100),
            });
            let skipped = usize::try_from(number(at + 112)).unwrap();
            at += 116 + skipped * 36;
        }
        Self { export, chains }
    }

    /// The newest chain.
    pub(super) fn newest(&self) -> &StolenChain {
        self.chains.last().unwrap()
    }
}

impl StolenChain {
    /// The chain as its owner would go on with it, without what it shares with each recipient.
    pub(super) fn go_on(&self, group: &GroupId, owner: &IdentityKey, n: u32) -> OwnChain {
        own_chain(self, &ROOT, (group, owner), n, &[])
    }
}

/// A chain at message `n`, which these devices have from its first message on.
pub(super) fn own_chain(
    chain: &StolenChain,
    root: &[u8; 32],
    (group, owner): (&GroupId, &IdentityKey),
    n: u32,
    recipients: &[IdentityKey],
) -> OwnChain {
    let count = u32::try_from(recipients.len()).unwrap().to_be_bytes();
    let number = chain.number.to_be_bytes();
    let state = [
        &[1],
        &group.to_bytes()[..],
        &owner.to_bytes(),
        &number,
        &[0; 8],
        &chain.key,
        &chain.header_key,
        root,
        &n.to_be_bytes(),
        &count,
    ];
    let mut list = [&[1], &number[..], &count].concat();
    let mut recipients: Vec<_> = recipients.iter().map(IdentityKey::to_bytes).collect();
    recipients.sort();
    for recipient in recipients {
        list.extend(recipient);
        list.extend([0; 4]);
    }
    OwnChain::import(&state.concat(), &list).unwrap()
}

/// The chain on which a device sends, out of its own store: the chain, and its root.
pub(super) fn own_chain_of(
    client: &Device,
    group: &GroupId,
    owner: &IdentityKey,
) -> (StolenChain, [u8; 32]) {
    let start = [&[1], &group.to_bytes()[..], &owner.to_bytes()].concat();
    let records = snapshot(client);
    let mut states = records.iter().filter_map(|(_, value)| {
        let at = value.windows(97).position(|window| window == start)?;
        value.get(at..at + 213).map(<[u8]>::to_vec)
    });
    let state = states.next().expect("it sends on a chain");
    let key = |at: usize| *state[at..].first_chunk().unwrap();
    let number = |at: usize| u32::from_be_bytes(*state[at..].first_chunk().unwrap());
    let chain = StolenChain {
        number: number(97),
        key: key(109),
        header_key: key(141),
        auth_key: [0; 32],
        n: number(205),
    };
    (chain, key(173))
}

/// A message that names its sender, and that nobody sealed.
pub(super) struct Committed {
    pub(super) tag: FrankingTag,
    pub(super) plaintext: Vec<u8>,
    pub(super) associated_data: Vec<u8>,
}

impl Committed {
    /// Anyone can make it, in the name of anyone.
    pub(super) fn new(talk: &mut Talk, sender: &DeviceAddress, text: &str) -> Self {
        Self::of(talk, sender, Content::Text(text.to_owned()))
    }

    pub(super) fn of(talk: &mut Talk, sender: &DeviceAddress, content: Content) -> Self {
        let conversation = ConversationId::from_bytes(talk.group.to_bytes());
        let world = &mut talk.net.world;
        let header = PayloadHeader::new(world.now.as_millis(), world.now);
        let payload = Payload::new(header, content).unwrap();
        let sent = SentMessage::commit(sender, &conversation, &payload, &mut world.rng);
        let mut channel = Taken::default();
        let stamp = GroupStamp::new(1, [0; 32], [0; 32]);
        let _ = sent.seal_for_group(&mut channel, stamp, &mut world.rng);
        Self {
            tag: *sent.tag(),
            plaintext: channel.plaintext,
            associated_data: channel.associated_data,
        }
    }

    /// Its body on a chain.
    pub(super) fn seal(&self, chain: &mut OwnChain, claims: ChainClaims) -> Vec<u8> {
        let sealed = chain.seal(&claims, &self.plaintext, &self.associated_data, []);
        sealed.unwrap().body
    }
}

/// Takes what is to be sealed, and seals nothing.
#[derive(Default)]
struct Taken {
    plaintext: Vec<u8>,
    associated_data: Vec<u8>,
}

impl SealingGroupChannel for Taken {
    type Error = std::convert::Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        _: &mut impl rand::CryptoRng,
    ) -> Result<SealedForGroup, Self::Error> {
        self.plaintext = plaintext.to_vec();
        self.associated_data = associated_data.to_vec();
        let slots = vec![GroupSlot::Empty];
        Ok(SealedForGroup {
            body: vec![0; 200],
            slots,
        })
    }
}

/// What a relay stamps that helps someone: this tag and body as of this device, with this slot.
pub(super) fn stamped(
    talk: &Talk,
    (sender, tag): (&DeviceAddress, &FrankingTag),
    body: &[u8],
    slot: GroupSlot,
    at: Timestamp,
) -> QueuedGroup {
    stamped_in(talk, &talk.group, (sender, tag), body, slot, at)
}

/// The same in any conversation.
pub(super) fn stamped_in(
    talk: &Talk,
    group: &GroupId,
    (sender, tag): (&DeviceAddress, &FrankingTag),
    body: &[u8],
    slot: GroupSlot,
    at: Timestamp,
) -> QueuedGroup {
    // 04 || tag || group || version || state hash || digest || long(body) || one empty slot
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    let fields: [&[u8]; 10] = [
        &[4],
        tag.as_bytes(),
        &group.to_bytes(),
        &1_u64.to_be_bytes(),
        &[0; 32],
        &[0; 32],
        &len,
        body,
        &[0, 1],
        &[0],
    ];
    let fanout = GroupFanout::decode(&fields.concat()).unwrap();
    let world = &talk.net.world;
    let (key, now) = (world.key(sender), world.now);
    let posted = PostedGroup::decode(&fanout.post(&key, sender, now)).unwrap();
    let posted = posted.authenticate(&key, sender, now).unwrap();
    let targeted = posted.for_targets(vec![first("anyone")], &[0; 32]).unwrap();
    let claim = world.stamp_keys.stamp_group(&targeted, at).unwrap();
    let (stamped, _) = StampedGroup::fan_out(claim, targeted).unwrap();
    QueuedGroup { stamped, slot }
}

/// Reads with keys that were stolen. It checks nothing and forgets nothing.
struct Reader(Stolen);

impl OpeningGroupChannel for Reader {
    type Error = ChainOpenError;

    fn decrypt(
        &mut self,
        ciphertext: GroupCiphertext<'_>,
        associated_data: &[u8],
        _: Timestamp,
    ) -> Result<Zeroizing<Vec<u8>>, ChainOpenError> {
        let (GroupCiphertext::Mac { body, .. } | GroupCiphertext::Key { body, .. }) = ciphertext
        else {
            return Err(ChainOpenError::UnknownChain);
        };
        for chain in &self.0.chains {
            // It makes its own slot, for a time at which all chains counted.
            let slot = mac_slot(&chain.auth_key, body, associated_data);
            let mut chains = PeerChains::import(&self.0.export).unwrap();
            if let Ok(opened) = chains.open(body, &slot, associated_data, 0) {
                return Ok(opened.plaintext);
            }
        }
        Err(ChainOpenError::UnknownChain)
    }
}

/// A message as the relay hands it out to a device.
pub(super) fn delivered(
    talk: &Talk,
    device: &DeviceAddress,
    queued: &QueuedGroup,
) -> AuthenticDelivery {
    let delivery = talk.net.world.deliver_group(device, queued);
    let key = talk.net.world.key(device);
    let delivery = Delivery::decode(&delivery).unwrap();
    delivery
        .authenticate_in_groups(&key, device, |_| true)
        .unwrap()
}

/// Whether someone with all keys of a device reads a message, whatever the relay hands out.
pub(super) fn reads(talk: &Talk, device: &DeviceAddress, queued: &QueuedGroup) -> bool {
    let any = QueuedGroup {
        stamped: queued.stamped.clone(),
        slot: GroupSlot::Mac([0; 16]),
    };
    let delivery = delivered(talk, device, &any);
    let from = &delivery.claim().context().sender;
    let stolen = Stolen::from(&talk.net.clients[device], &talk.group, from);
    stolen.is_some_and(|stolen| {
        let opened = open_any_in_group(&mut Reader(stolen), &delivery);
        matches!(opened, Ok(_) | Err(OpenError::Withheld(_)))
    })
}
