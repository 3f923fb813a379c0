//! Scenarios of the keys of headers and of message keys.

use waxseal_leaks::taint;

use super::{all, established};

pub(super) fn header_trial() {
    let (mut alice, mut bob, mut rng) = established(1);
    // Skips a message in several chains, so that there are more header keys to try.
    for _ in 0..3 {
        let _lost = alice.send(&mut rng);
        let message = alice.send(&mut rng);
        bob.unmark();
        assert!(bob.receive(&message));
        bob.unmark();
        let reply = bob.send(&mut rng);
        alice.unmark();
        assert!(alice.receive(&reply));
        alice.unmark();
    }
    bob.unmark();
    let (mut stranger, _, _) = established(11);
    let mut forgeries = vec![stranger.send(&mut rng)];
    for position in 0..16 {
        // Flips a bit of the header's ciphertext or MAC, or of the body's tag, all of which the MAC
        // covers.
        let mut forgery = alice.send(&mut rng);
        let len = forgery.len();
        if position % 2 == 0 {
            forgery[5 + position * 6] ^= 1;
        } else {
            forgery[len - 16 + position] ^= 1;
        }
        forgeries.push(forgery);
    }
    bob.mark_sessions(all);
    for forgery in forgeries {
        assert!(!bob.receive(&forgery));
    }
}

pub(super) fn header_sealed() {
    let (mut alice, mut bob, mut rng) = established(1);
    for _ in 0..4 {
        // The first of them begins a chain, so its header keys are derived from secrets too.
        let messages = [0, 1, 2].map(|_| {
            alice.mark_sessions(all);
            alice.send(&mut rng)
        });
        for message in messages {
            bob.unmark();
            assert!(bob.receive(&message));
        }
        alice.unmark();
        core::mem::swap(&mut alice, &mut bob);
    }
}

pub(super) fn message_keys() {
    let (mut alice, mut bob, mut rng) = established(1);
    for len in [0, 1, 12, 13, 64, 1_024] {
        let ad = vec![7; len];
        alice.mark();
        let mut text = [9; 40];
        taint::secret(&mut text);
        let sessions = alice.sessions.as_mut().expect("started");
        let message = sessions.encrypt(&text, &ad, &mut rng).expect("encrypts");
        taint::public(&message);
        let mut open = |ad: &[u8]| {
            bob.mark();
            let sessions = bob.sessions.as_mut().expect("started");
            let opened = sessions.decrypt(&bob.identity, &mut bob.prekeys, &message, ad);
            taint::answer(opened.is_ok())
        };
        assert!(!open(b"other associated data"));
        assert!(open(&ad));
    }
}
