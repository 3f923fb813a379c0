//! A valid delivery, altered: the client shows nothing that was not sent and its store stays as it was.
#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use waxseal::reporting::{Audience, Delivery, Envelope, StampKeys};
use waxseal::{AccountId, Client, DeliveryKey, DeviceId, MemoryStore, Received, Sender, Timestamp};

#[derive(Arbitrary, Debug)]
struct Input {
    /// Which of the prepared deliveries.
    which: u8,
    /// Rebuild the delivery around an altered ciphertext, as a hostile relay would, or alter its bytes.
    is_relay: bool,
    flips: Vec<(u32, u8)>,
    cut: Option<u32>,
}

struct Prepared {
    store: Vec<(Vec<u8>, Vec<u8>)>,
    delivery_key: DeliveryKey,
    stamp_keys: StampKeys,
    alice: Sender,
    bob: Sender,
    /// Envelope and delivery of two messages: a first one, with a handshake, and a later one.
    messages: [(Vec<u8>, Vec<u8>); 2],
}

const NOW: Timestamp = Timestamp(1_795_000_000_000);

static PREPARED: LazyLock<Prepared> = LazyLock::new(|| {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let device = |name| Sender::new(AccountId::new(name).expect("a name"), DeviceId(1));
    let (alice_at, bob_at) = (device("alice"), device("bob"));
    let keys = [DeliveryKey::generate(rng), DeliveryKey::generate(rng)];
    let mut stamp_keys = StampKeys::generate("fuzz", NOW, rng).expect("a short name");
    stamp_keys.advance_to(NOW).expect("now");
    let mut alice =
        Client::create(MemoryStore::new(), alice_at.clone(), keys[0].clone(), rng).expect("empty");
    let mut bob =
        Client::create(MemoryStore::new(), bob_at.clone(), keys[1].clone(), rng).expect("empty");
    let upload = bob.publish_prekeys(0, rng).expect("works");
    alice
        .start(
            &bob_at.account,
            &upload.base,
            upload.one_time.first().map(Vec::as_slice),
            rng,
        )
        .expect("genuine");
    let relay = |envelope: &[u8], from: &Sender, to: &Sender, key: &DeliveryKey| {
        let envelope = Envelope::decode(envelope).expect("genuine");
        let audience = Audience::Direct(to.account.clone());
        let claim = stamp_keys
            .stamp(envelope.tag(), from, &audience, NOW)
            .expect("now");
        Delivery::new(&claim, envelope, key)
            .expect("its own claim")
            .encode()
    };
    let mut send = |alice: &mut Client<MemoryStore>| {
        let envelope = alice
            .send(&bob_at.account, "genuine", NOW, rng)
            .expect("sends")
            .envelope;
        let delivery = relay(&envelope, &alice_at, &bob_at, &keys[1]);
        (envelope, delivery)
    };
    let messages = [send(&mut alice), send(&mut alice)];
    let store = records(&bob);
    drop((alice, bob));
    Prepared {
        store,
        delivery_key: keys[1].clone(),
        stamp_keys,
        alice: alice_at,
        bob: bob_at,
        messages,
    }
});

fn records(client: &Client<MemoryStore>) -> Vec<(Vec<u8>, Vec<u8>)> {
    client
        .store()
        .records()
        .map(|(key, value)| (key.to_vec(), value.to_vec()))
        .collect()
}

fuzz_target!(|input: Input| {
    let prepared = &*PREPARED;
    let store = MemoryStore::from_records(prepared.store.clone());
    let mut bob = Client::open(store).expect("a genuine store");
    let (envelope, delivery) = &prepared.messages[usize::from(input.which) % 2];

    let genuine = if input.is_relay { envelope } else { delivery };
    let mut altered = genuine.clone();
    for &(place, flip) in input.flips.iter().take(8) {
        let place = place as usize % altered.len();
        altered[place] ^= flip;
    }
    if let Some(cut) = input.cut {
        altered.truncate(cut as usize % altered.len());
    }
    let is_genuine = altered == *genuine;
    if input.is_relay {
        let Ok(envelope) = Envelope::decode(&altered) else {
            return;
        };
        let audience = Audience::Direct(prepared.bob.account.clone());
        let claim = prepared
            .stamp_keys
            .stamp(envelope.tag(), &prepared.alice, &audience, NOW)
            .expect("now");
        altered = Delivery::new(&claim, envelope, &prepared.delivery_key)
            .expect("its own claim")
            .encode();
    }
    match bob.receive(&altered) {
        Ok(Received::Message { message, .. }) => {
            assert!(is_genuine, "an altered message was shown");
            assert_eq!(message.text().as_deref(), Some("genuine"));
        }
        Ok(Received::Duplicate { .. }) => panic!("it was never received"),
        Err(_) => {
            assert!(!is_genuine, "a genuine message was refused");
            assert!(
                records(&bob) == prepared.store,
                "a refused delivery changed the store"
            );
        }
    }
});
