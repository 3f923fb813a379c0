//! Scenarios of identities, prekeys, handshakes and sessions.

mod chain;
mod device;
mod keys;

use waxseal_core::{IdentityKeyPair, PreKeys};
use waxseal_leaks::layout::Fields;

pub(crate) use self::device::SecretRng;
use self::device::{all, all_but_header_keys, established, marked, two};
use crate::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "identity",
            secrets: "seed and private key: drawn, imported, used to sign, exported",
            run: identity,
        },
        Scenario {
            name: "prekeys",
            secrets: "private keys and KEM seeds: drawn, imported, published, exported",
            run: prekeys,
        },
        Scenario {
            name: "handshake",
            secrets: "both identities, all prekeys, everything drawn",
            run: handshake,
        },
        Scenario {
            name: "refusals",
            secrets: "both identities, contents",
            run: keys::refusals,
        },
        Scenario {
            name: "header trial of a forgery",
            secrets: "all state of five sessions with earlier chains",
            run: keys::header_trial,
        },
        Scenario {
            name: "headers sealed",
            secrets: "all state, header keys included, everything drawn, plaintexts",
            run: keys::header_sealed,
        },
        Scenario {
            name: "message keys of associated data",
            secrets: "all state except header keys on both sides, plaintexts",
            run: keys::message_keys,
        },
        Scenario {
            name: "messages in turn",
            secrets: "all state except header keys on both sides, everything drawn, plaintexts",
            run: in_turn,
        },
        Scenario {
            name: "late messages",
            secrets: "all state except header keys, skipped keys included",
            run: late,
        },
        Scenario {
            name: "altered body",
            secrets: "all state except header keys",
            run: altered,
        },
        Scenario {
            name: "braid, chunks in order",
            secrets: "all state except header keys, collected chunks included, everything drawn",
            run: || braid(false),
        },
        Scenario {
            name: "braid, chunks lost",
            secrets: "as in the scenario before; the chunks that are lost are decoded from others",
            run: || braid(true),
        },
        Scenario {
            name: "chain sealed",
            secrets: "all state of the sender, header key included, the seed of a chain, plaintexts",
            run: chain::sealed,
        },
        Scenario {
            name: "chain opened",
            secrets: "all state of the recipient except header keys, key slots, skipped keys",
            run: chain::opened,
        },
        Scenario {
            name: "chain, wrong MAC slot",
            secrets: "all state of the recipient except header keys",
            run: chain::wrong_slot,
        },
        Scenario {
            name: "chain, wrong body",
            secrets: "as in the scenario before, and key slots",
            run: chain::wrong_body,
        },
        Scenario {
            name: "chain, wrong header",
            secrets: "all state of the recipient, header keys of three chains included",
            run: chain::wrong_header,
        },
    ]
}

fn identity() {
    let (mut device, _, mut rng) = two(1);
    device.mark_keys();
    let export = device.identity.export();
    assert_eq!(export.len(), 65);
    let fresh = IdentityKeyPair::generate(&mut rng);
    assert_eq!(fresh.public().to_bytes().len(), 64);
}

fn prekeys() {
    let (mut device, _, mut rng) = two(1);
    let identity = IdentityKeyPair::import(&device.identity.export()).expect("its own export");
    let export = device.prekeys.export();
    let export = marked(&export, Fields::of_prekeys(&export), all);
    device.prekeys = PreKeys::import(&export).expect("its own export");
    let made = device.prekeys.replenish(&identity, 2, &mut rng);
    assert_eq!(made.expect("few prekeys").len(), 2);
    device
        .prekeys
        .rotate(&identity, &mut rng)
        .expect("its own identity");
    let upload = device.prekeys.upload(&identity).expect("its own identity");
    assert_eq!(upload.one_time.len(), 5);
    assert!(!device.prekeys.export().is_empty());
}

fn handshake() {
    let (mut alice, mut bob, mut rng) = two(1);
    let bundle = bob.bundle();
    alice.mark_keys();
    bob.mark_keys();
    alice.start(bundle, &mut rng);
    let first = alice.send(&mut rng);
    assert!(bob.receive(&first));
}

fn in_turn() {
    let (mut alice, mut bob, mut rng) = established(1);
    for _ in 0..4 {
        for _ in 0..2 {
            alice.mark();
            bob.mark();
            let message = alice.send(&mut rng);
            assert!(bob.receive(&message));
        }
        core::mem::swap(&mut alice, &mut bob);
    }
}

fn late() {
    let (mut alice, mut bob, mut rng) = established(1);
    let mut late = Vec::new();
    for _ in 0..2 {
        for n in 0..5 {
            alice.mark();
            let message = alice.send(&mut rng);
            if n % 2 == 0 {
                late.push(message);
            } else {
                bob.mark();
                assert!(bob.receive(&message));
            }
        }
        bob.mark();
        let reply = bob.send(&mut rng);
        alice.mark();
        assert!(alice.receive(&reply));
    }
    for message in late.into_iter().rev() {
        bob.mark();
        assert!(bob.receive(&message));
        bob.mark();
        assert!(!bob.receive(&message), "a message opened twice");
    }
}

fn altered() {
    let (mut alice, mut bob, mut rng) = established(1);
    for position in [16, 17, 30, 39] {
        let mut message = alice.send(&mut rng);
        let at = message.len() - position;
        message[at] ^= 0x10;
        bob.mark();
        assert!(!bob.receive(&message));
        alice.mark();
    }
}

fn braid(lossy: bool) {
    let (mut alice, mut bob, mut rng) = established(1);
    let (mut lost, mut number) = (0, 0);
    let mut lose = || {
        number += 1;
        lossy && number % 3 == 0 && {
            lost += 1;
            true
        }
    };
    for _ in 0..if lossy { 150 } else { 100 } {
        alice.mark();
        let message = alice.send(&mut rng);
        if !lose() {
            bob.mark();
            assert!(bob.receive(&message));
        }
        core::mem::swap(&mut alice, &mut bob);
    }
    let epochs = alice.sessions.as_ref().expect("started").pq_epochs();
    assert!(epochs >= 1, "no epoch was completed");
    assert!(lost > 0 || !lossy);
}
