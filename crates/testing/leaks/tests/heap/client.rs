//! Two clients with the in-memory store have a conversation and make a report, and both are
//! dropped. After that, none of their secrets may be in memory.

use waxseal::core::{PreKeyUpload, SessionSet};
use waxseal::reporting::Audience;
use waxseal::reporting::relay::{PostedFanout, Receipt, StampKeys, StampedEnvelope};
use waxseal::reporting::vault::ModerationKeyPair;
use waxseal::store::{Key, Row, Table};
use waxseal::view::REPORT_GRACE_MS;
use waxseal::{
    AccountId, Bundles, Client, DeliveryKey, DeviceAddress, DeviceBundle, DeviceId, Disclosure,
    Draft, FrankingTag, MemoryStore, Reason, Received, Store as _, Timestamp,
};
use waxseal_leaks::layout::Fields;
use waxseal_leaks::secrets::{Recorder, Secrets};

use super::{HEAP, add_fields, add_sessions, assert_gone};

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// A client, the delivery key that it shares with its provider, and the prekeys that it published.
struct Device {
    client: Box<Client<MemoryStore>>,
    key: DeliveryKey,
    upload: PreKeyUpload,
}

impl Device {
    fn new(name: &str, rng: &mut Recorder) -> Self {
        rng.call(&format!("delivery key of {name}"));
        let key = DeliveryKey::generate(rng);
        let me = DeviceAddress::new(AccountId::new(name).unwrap(), DeviceId(1));
        rng.call(&format!("identity or first prekeys of {name}"));
        let client = Client::create(MemoryStore::new(), me, key.clone(), NOW, rng);
        let mut client = Box::new(client.unwrap());
        rng.call(&format!("prekeys of {name}"));
        let upload = client.publish_prekeys(95, rng).unwrap();
        client.confirm_prekeys(&upload).unwrap();
        Self {
            client,
            key,
            upload,
        }
    }

    fn account(&self) -> AccountId {
        self.client.me().account.clone()
    }

    /// Opens a new client on the same store, as after a restart.
    fn restart(self) -> Self {
        let store = self.client.into_store();
        Self {
            client: Box::new(Client::open(store).unwrap()),
            ..self
        }
    }
}

/// Alice starts a session with Bob, and Bob learns Alice's roster.
fn meet(alice: &mut Device, bob: &mut Device, one_time: Option<Vec<u8>>, rng: &mut Recorder) {
    let roster = |device: &Device| {
        let roster = device.client.own_roster().unwrap().unwrap();
        roster.signed().encode()
    };
    let bundles = Bundles {
        roster: roster(bob),
        devices: vec![DeviceBundle {
            device: DeviceId(1),
            base: bob.upload.base.clone(),
            one_time,
        }],
    };
    let started = alice.client.start(&bob.account(), &bundles, NOW, rng);
    assert!(started.unwrap().unusable.is_empty());
    let roster = roster(alice);
    bob.client
        .take_roster(&alice.account(), &roster, NOW)
        .unwrap();
}

fn deliver(from: &mut Device, to: &mut Device, stamp_keys: &StampKeys, rng: &mut Recorder) {
    send(from, to, "hi".into(), stamp_keys, rng);
}

fn send(
    from: &mut Device,
    to: &mut Device,
    draft: Draft,
    stamp_keys: &StampKeys,
    rng: &mut Recorder,
) -> FrankingTag {
    rng.call(&format!(
        "drawn by {} to send",
        from.client.me().account.as_str()
    ));
    let sent = from.client.send(to.account(), draft, NOW, rng).unwrap();
    let audience = Audience::Direct(to.account());
    let posted = PostedFanout::decode(&sent.envelope).unwrap();
    let posted = posted.authenticate(&from.key, from.client.me(), &audience, NOW);
    let posted = posted.unwrap();
    let claim = stamp_keys.stamp(&posted, NOW).unwrap();
    let receipt = Receipt::new(&claim, &from.key).encode();
    from.client.confirm(to.account(), &receipt).unwrap();
    let stamped = StampedEnvelope::fan_out(claim, posted).unwrap();
    let delivery = stamped[0].1.deliver(&to.key).encode();
    let received = to.client.receive(&delivery).unwrap();
    assert!(matches!(received, Received::Message { .. }));
    sent.id
}

#[test]
fn clients_leave_nothing_behind() {
    let from = HEAP.used();
    let mut rng = Recorder::new("stamp root", 31);
    let stamp_keys = Box::new(StampKeys::generate("eu", NOW, &mut rng).unwrap());
    rng.call("moderation key");
    let moderation = Box::new(ModerationKeyPair::generate(&mut rng));
    let mut alice = Device::new("alice", &mut rng);
    let mut bob = Device::new("bob", &mut rng);
    rng.call("drawn by alice to start");
    let one_time = bob.upload.one_time.pop();
    meet(&mut alice, &mut bob, one_time, &mut rng);
    let mut secrets = Secrets::new();
    for _ in 0..3 {
        deliver(&mut alice, &mut bob, &stamp_keys, &mut rng);
        deliver(&mut bob, &mut alice, &stamp_keys, &mut rng);
        alice = alice.restart();
        for device in [&alice, &bob] {
            let store = device.client.store();
            let state = store.get(&Key::new(Table::new(b"k"), Row::Only)).unwrap();
            let one_time = store.list(&Table::new(b"1"), None, 200).unwrap();
            let one_time = one_time.into_iter().filter_map(|row| row.value);
            let whose = device.client.me().account.as_str();
            for part in state.into_iter().chain(one_time) {
                add_fields(&mut secrets, whose, &part, Fields::of_prekey_part(&part));
            }
        }
    }
    bob.client.rotate_prekeys(&mut rng).unwrap();
    rng.call("next delivery key of alice");
    alice.key = alice.client.renew_delivery_key(&mut rng).unwrap();
    alice.client.confirm_delivery_key(&alice.key, NOW).unwrap();
    let messages = bob.client.messages(alice.account(), None, 10);
    let messages = messages.unwrap().items;
    let shown = messages
        .iter()
        .map(|message| (*message.id(), Disclosure::Whole));
    let draft = bob
        .client
        .draft_report(alice.account(), Reason::Spam, shown)
        .unwrap();
    rng.call("drawn to report");
    bob.client
        .report(&draft, moderation.public_key(), &mut rng)
        .unwrap();
    drop((draft, messages, alice, bob, stamp_keys, moderation));
    secrets.extend(&rng.drawn());
    assert_gone(&secrets, from);
}

#[test]
fn forgotten_contacts_leave_nothing_while_the_clients_live() {
    let from = HEAP.used();
    let mut rng = Recorder::new("stamp root", 32);
    let stamp_keys = Box::new(StampKeys::generate("eu", NOW, &mut rng).unwrap());
    let mut alice = Device::new("alice", &mut rng);
    let mut bob = Device::new("bob", &mut rng);
    meet(&mut alice, &mut bob, None, &mut rng);
    let mut secrets = Secrets::new();
    for _ in 0..3 {
        deliver(&mut alice, &mut bob, &stamp_keys, &mut rng);
        deliver(&mut bob, &mut alice, &stamp_keys, &mut rng);
    }
    for (device, peer) in [(&alice, "bob"), (&bob, "alice")] {
        // record = 01 || 0a || length, 7 bits in each byte || sessions || ...
        let name = [&[peer.len() as u8], peer.as_bytes()].concat();
        let key = Key::new(Table::new([b"d", &name[..]].concat()), Row::Number(1));
        let record = device.client.store().get(&key).unwrap().unwrap();
        let start = 2
            + record[2..]
                .iter()
                .position(|byte| byte & 0x80 == 0)
                .unwrap()
            + 1;
        let bytes = record[2..start].iter().rev();
        let len = bytes.fold(0, |len, byte| len << 7 | usize::from(byte & 0x7f));
        let pages: [&[u8]; 0] = [];
        let sessions = SessionSet::import_parts(&record[start..start + len], pages).unwrap();
        let whose = device.client.me().account.as_str();
        add_sessions(&mut secrets, whose, &sessions);
    }
    alice.client.forget_contact(&bob.account()).unwrap();
    bob.client.forget_contact(&alice.account()).unwrap();
    assert_gone(&secrets, from);
    drop((alice, bob));
}

#[test]
fn messages_that_disappeared_leave_nothing_while_the_clients_live() {
    const TEXTS: [&str; 4] = [
        "q7Vd-first-text-mB2x",
        "Zk4w-second-text-Rj8",
        "u9Xe-reaction-Lp3",
        "hT5n-third-text-Ys6",
    ];
    let from = HEAP.used();
    let mut rng = Recorder::new("stamp root", 33);
    let stamp_keys = Box::new(StampKeys::generate("eu", NOW, &mut rng).unwrap());
    let mut alice = Device::new("alice", &mut rng);
    let mut bob = Device::new("bob", &mut rng);
    meet(&mut alice, &mut bob, None, &mut rng);
    deliver(&mut alice, &mut bob, &stamp_keys, &mut rng);
    deliver(&mut bob, &mut alice, &stamp_keys, &mut rng);

    let text = Draft::from(TEXTS[0]).expires_after_secs(60);
    let expires = send(&mut alice, &mut bob, text, &stamp_keys, &mut rng);
    let edit = Draft::edit(expires, TEXTS[1]);
    send(&mut alice, &mut bob, edit, &stamp_keys, &mut rng);
    let reaction = Draft::react(expires, TEXTS[2]);
    send(&mut bob, &mut alice, reaction, &stamp_keys, &mut rng);
    let deleted = send(&mut alice, &mut bob, TEXTS[3].into(), &stamp_keys, &mut rng);
    for (device, peer) in [(&mut alice, "bob"), (&mut bob, "alice")] {
        let peer = AccountId::new(peer).unwrap();
        let views = device.client.views(&peer, None, 10, NOW).unwrap().items;
        assert_eq!(views[2].text(), Some(TEXTS[1]));
        assert_eq!(*views[2].reactions()[0].reaction, *TEXTS[2]);
        let edits = device.client.edits(&peer, &expires, NOW).unwrap();
        assert_eq!(edits.len(), 1);
        device.client.opened(&peer, &expires, NOW).unwrap();
    }
    let deletion = Draft::delete(deleted);
    send(&mut alice, &mut bob, deletion, &stamp_keys, &mut rng);
    // A report of it waits for the provider, and is done.
    let shown = [(expires, Disclosure::Whole)];
    let draft = bob
        .client
        .draft_report(alice.account(), Reason::Spam, shown)
        .unwrap();
    let kept = bob.client.keep_report(&draft, &mut rng).unwrap();
    drop(draft);
    bob.client.confirm_report(kept.id).unwrap();

    let mut secrets = Secrets::new();
    for (number, text) in TEXTS.iter().enumerate() {
        secrets.add(&format!("text {number}"), text.as_bytes());
    }
    assert!(secrets.sweep(&HEAP, from).len() >= TEXTS.len());
    let expired = Timestamp::from_millis(NOW.as_millis() + 60_000);
    let wiped = Timestamp::from_millis(expired.as_millis() + REPORT_GRACE_MS);
    for device in [&mut alice, &mut bob] {
        assert_eq!(device.client.expire(expired, 10).unwrap().expired.len(), 1);
        assert!(device.client.expire(wiped, 10).unwrap().next.is_none());
    }
    assert_gone(&secrets, from);
    drop((alice, bob));
}
