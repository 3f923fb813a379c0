//! Measures what accounts with several devices cost: a message for all devices, rosters, and
//! linking a device.

use std::hint::black_box;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use waxseal::linking::NewDevice;
use waxseal::roster::SignedRoster;
use waxseal::{Client, DeliveryKey, MemoryStore};
use waxseal_world::{NOW, Provider, account};

use crate::clock::time;
use crate::measure::{Effort, Run};
use crate::results::{Contestant, Results, contestants};
use crate::systems::{Fan, Targets};

/// The devices that messages go to: between two accounts with one device each, with two each, and
/// with eight each.
pub const TARGETS: [Targets; 3] = [
    Targets { peer: 1, own: 0 },
    Targets { peer: 2, own: 1 },
    Targets { peer: 8, own: 7 },
];

/// Numbers of devices in a roster.
pub const LISTED: [usize; 3] = [1, 2, 8];

/// Content of the longer messages, in bytes.
const LONG: usize = 4_096;

/// Signatures of a roster, apart from one of each device: the account key's and the manager's.
const SIGNED_ANYWAY: usize = 2;

/// Length of what the peer's signatures are over, in bytes. About that of a device's proof.
const SIGNED_LEN: usize = 100;

/// Adds the rows of accounts with several devices to `compare`.
pub fn contests(results: &mut Results, effort: Effort) {
    for targets in TARGETS {
        let count = targets.count() as u64;
        for (operation, len, seals) in [
            ("fanout_seal", 64, true),
            ("fanout_open", 64, false),
            ("fanout_seal_4096", LONG, true),
        ] {
            if results.wants(operation) {
                let fans = contestants(|system| Some(fanout(system.fan(targets), len, seals)));
                results.contest(operation, count, effort, fans);
            }
        }
    }
    for listed in LISTED {
        if results.wants("roster_verify") {
            verifying(results, effort, listed);
        }
    }
    let linking = contestant(
        "waxseal",
        "client",
        Box::new(|repeats| {
            let once = |_| {
                let (mut provider, mut manager) = account_of_one();
                time(|| drop(black_box(link(&mut manager, &mut provider))))
            };
            (0..repeats).map(once).sum()
        }),
    );
    results.contest("link", 2, effort, vec![linking]);
}

fn contestant<'a>(system: &'static str, variant: &'static str, run: Run<'a>) -> Contestant<'a> {
    Contestant {
        system,
        variant,
        run,
    }
}

/// Measures sealing messages for all devices, or opening them on the first of the peer's devices.
/// All devices open all messages, but only one is timed.
fn fanout(mut fan: Box<dyn Fan>, len: usize, seals: bool) -> Run<'static> {
    let plaintext = vec![7; len];
    Box::new(move |repeats| {
        fan.open_chains();
        let mut sealed = Vec::with_capacity(repeats as usize);
        let sealing = time(|| sealed.extend((0..repeats).map(|_| fan.seal(&plaintext))));
        let arrived: Vec<_> = sealed.into_iter().map(|sealed| fan.relay(sealed)).collect();
        let mut open_all = |target: usize| {
            for message in &arrived {
                let opened = fan.open(target, &message[target]);
                assert!(opened, "a genuine message opens");
            }
        };
        let opening = time(|| open_all(0));
        let others = arrived.first().map_or(0, Vec::len);
        (1..others).for_each(open_all);
        if seals { sealing } else { opening }
    })
}

/// An account with one device, which manages it.
fn account_of_one() -> (Provider, Client<MemoryStore>) {
    let mut provider = Provider::new(7);
    let manager = provider.register_with("alice", 0);
    (provider, manager)
}

fn verifying(results: &mut Results, effort: Effort, listed: usize) {
    let (mut provider, mut manager) = account_of_one();
    for _ in 1..listed {
        provider.link_with(&mut manager, 0);
    }
    let roster = provider.roster(&account("alice"));
    let of_roster = || {
        let signed = SignedRoster::decode(&roster).expect("a roster");
        let verified = signed.verify("alice").expect("a genuine roster");
        assert_eq!(verified.devices().len(), listed);
    };
    let signatures = signatures(listed + SIGNED_ANYWAY);
    let of_peer = || {
        for (key, message, signature) in &signatures {
            let key = VerifyingKey::from_bytes(key).expect("a key");
            let signature = Signature::from_bytes(signature);
            key.verify_strict(message, &signature)
                .expect("a genuine signature");
        }
    };
    let contestants = vec![
        contestant(
            "ed25519-dalek",
            "strict",
            Box::new(|repeats| time(|| (0..repeats).for_each(|_| of_peer()))),
        ),
        contestant(
            "waxseal-roster",
            "verify",
            Box::new(|repeats| time(|| (0..repeats).for_each(|_| of_roster()))),
        ),
    ];
    results.contest("roster_verify", listed as u64, effort, contestants);
}

/// Signatures by this many keys: (key, message, signature).
fn signatures(count: usize) -> Vec<([u8; 32], Vec<u8>, [u8; 64])> {
    let sign = |number: usize| {
        let key = SigningKey::from_bytes(&[number as u8; 32]);
        let message = vec![number as u8; SIGNED_LEN];
        let signature = key.sign(&message).to_bytes();
        (key.verifying_key().to_bytes(), message, signature)
    };
    (1..=count).map(sign).collect()
}

/// Links a device to an account. Does the steps of both devices, and leaves out the provider.
fn link(manager: &mut Client<MemoryStore>, provider: &mut Provider) -> Client<MemoryStore> {
    let rng = &mut provider.rng;
    let mut new = NewDevice::generate(NOW, rng).expect("a new device");
    let offer = manager.offer_link(&new.code(), new.bundle(), NOW, rng);
    let offer = offer.expect("an offer");
    new.open_offer(&offer, NOW, rng).expect("opens");
    let reveal = new.message().expect("the reveal").1.to_vec();
    let digits = manager.link_digits(&reveal, NOW, rng).expect("the digits");
    new.accept(&digits, NOW, rng).expect("the same digits");
    let answer = new.message().expect("the answer").1.to_vec();
    manager.finish_link(&answer, NOW).expect("a roster");
    let welcome = manager.confirm_roster(NOW).expect("a roster");
    let welcome = welcome.expect("a welcome");
    new.take_welcome(&welcome.roster).expect("lists it");
    let key = DeliveryKey::generate(rng);
    let linked = new.into_client(MemoryStore::new(), key, rng);
    linked.expect("a client")
}
