//! Scenarios of header keys, message keys and the keys of refusals.

use waxseal_leaks::taint;

use super::{all, established, two};

pub(super) fn refusals() {
    let (mut alice, mut bob, mut rng) = two(1);
    let [to, from] = [&alice, &bob].map(|device| *device.identity.public());
    alice.mark_keys();
    bob.mark_keys();
    let mut content = [7; 100];
    taint::secret(&mut content);
    let sealed = bob
        .identity
        .seal_refusal(&to, &content, b"ad", &mut rng)
        .expect("seals");
    taint::public(&sealed);
    let opened = alice.identity.open_refusal(&sealed, b"ad").expect("opens");
    taint::public(&opened.content);
    assert!(opened.from == from && *opened.content == [7; 100]);
    for position in [sealed.len() - 1, sealed.len() - 20] {
        let mut altered = sealed.clone();
        altered[position] ^= 1;
        assert!(alice.identity.open_refusal(&altered, b"ad").is_err());
    }
}

pub(super) fn header_trial() {
    let (mut alice, mut bob, mut rng) = established(1);
    // Alice loses a message in each of three chains. Bob keeps the header keys of these chains, so
    // he has more keys to try on a forgery.
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
        // Flips a bit of the header's ciphertext, of its MAC, or of the body's tag. The MAC covers
        // the ciphertext and the body's tag, so no header key fits any more.
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
        // The first of these three messages begins a chain, so its header key comes from secrets.
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
            let (prekeys, memory) = (&mut bob.prekeys, &mut bob.memory);
            let opened = sessions.decrypt(&bob.identity, prekeys, memory, &message, ad);
            taint::answer(opened.is_ok())
        };
        assert!(!open(b"other associated data"));
        assert!(open(&ad));
    }
}
