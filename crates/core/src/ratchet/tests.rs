//! The limits of the ratchet, tested through established sessions. `session/tests.rs` tests what an
//! outsider can do.
#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use super::*;
use crate::error::KeyError;
use crate::post_quantum::{HeaderPart, PART_LEN};
use crate::session::{DecryptError, Session};
use crate::tests::support::{established, rng};

mod gaps;
mod triple;

/// Sends `count` messages and returns the last.
fn last_of(session: &mut Session, count: u32) -> Vec<u8> {
    let mut rng = rng(50);
    (0..count)
        .map(|_| session.encrypt(b"x", b"", &mut rng).unwrap())
        .last()
        .unwrap()
}

fn assert_refused(session: &mut Session, message: &[u8], error: DecryptError) {
    let before = session.export();
    assert_eq!(session.decrypt(message, b""), Err(error));
    assert_eq!(session.export(), before, "the state has changed");
}

#[test]
fn chk16_an_exhausted_chain_sends_nothing() {
    let (.., mut to_bob, mut to_alice) = established();
    let first = last_of(&mut to_bob, 1);
    to_alice.decrypt(&first, b"").unwrap();
    let chain = to_bob.ratchet_mut().sending.as_mut().unwrap();
    chain.n = u32::MAX - 1;
    assert!(to_bob.encrypt(b"last", b"", &mut rng(1)).is_ok());
    let before = to_bob.export();
    assert_eq!(
        to_bob.encrypt(b"one more", b"", &mut rng(1)),
        Err(EncryptError::ChainExhausted)
    );
    assert_eq!(to_bob.export(), before);
}

#[test]
fn chk15_plaintext_and_associated_data_have_limits() {
    let (.., mut to_bob, mut to_alice) = established();
    let (long, ad) = (
        vec![1; MAX_PLAINTEXT_LEN + 1],
        vec![2; MAX_ASSOCIATED_DATA_LEN + 1],
    );
    let before = to_bob.export();
    let too_long = EncryptError::PlaintextTooLong {
        len: long.len(),
        max: MAX_PLAINTEXT_LEN,
    };
    assert_eq!(to_bob.encrypt(&long, b"", &mut rng(1)), Err(too_long));
    let too_long = EncryptError::AssociatedDataTooLong {
        len: ad.len(),
        max: MAX_ASSOCIATED_DATA_LEN,
    };
    assert_eq!(to_bob.encrypt(b"", &ad, &mut rng(1)), Err(too_long));
    assert_eq!(to_bob.export(), before);
    let message = to_bob.encrypt(&long[1..], &ad[1..], &mut rng(1)).unwrap();
    assert!(message.len() <= crate::limits::MAX_MESSAGE_LEN);
    let too_long = DecryptError::AssociatedDataTooLong {
        len: ad.len(),
        max: MAX_ASSOCIATED_DATA_LEN,
    };
    assert_eq!(to_alice.decrypt(&message, &ad), Err(too_long));
    assert_eq!(*to_alice.decrypt(&message, &ad[1..]).unwrap(), long[1..]);
}

#[test]
fn chk23_low_order_or_non_canonical_ratchet_key_is_rejected() {
    // Only the peer itself can send an invalid ratchet key, in a header that it encrypts. The test
    // forges such a header.
    for (bytes, error) in [
        ([0; 32], KeyError::SmallOrder),
        ([0xff; 32], KeyError::NotCanonical),
    ] {
        let (.., mut to_bob, mut to_alice) = established();
        let mut rng = rng(4);
        let step = to_bob.ratchet_mut().sending_step(&mut rng).unwrap();
        let (seed, _) = step.chain.key.step();
        let (part, post_quantum, ..) = to_bob
            .ratchet_mut()
            .post_quantum
            .next_to_send(&mut rng)
            .into_parts();
        let header = Header {
            dh: bytes,
            pn: 1,
            n: 0,
            selection: 0,
            post_quantum: part,
        }
        .to_bytes();
        let ad = *to_bob.ad();
        let mut body = b"x".to_vec();
        assert!(
            MessageKey::derive(&seed, &post_quantum, &body_ad(&ad, &header, b""))
                .seal(&mut body)
                .is_ok()
        );
        let tag = header::tag_of(&body).unwrap();
        let header = header::seal(&step.chain.header_key, &ad, tag, &header);
        let message = crate::message::Message::encode(None, header, body);
        assert_refused(&mut to_alice, &message, DecryptError::InvalidPeerKey(error));
    }
}

#[test]
fn chk19_no_second_receiving_step_before_our_own() {
    // Here the peer takes two ratchet steps without hearing from us, which no honest peer can do.
    let (.., mut to_bob, mut to_alice) = established();
    let first = last_of(&mut to_bob, 1);
    to_alice.decrypt(&first, b"").unwrap();
    to_bob.ratchet_mut().sending = None;
    let second = last_of(&mut to_bob, 1);
    assert_refused(&mut to_alice, &second, DecryptError::Unauthenticated);
}

#[test]
fn chk21_skipped_messages_of_both_chains_open_later_and_once() {
    let (.., mut to_bob, mut to_alice) = established();
    let mut rng = rng(7);
    let mut send =
        |session: &mut Session, text: &[u8]| session.encrypt(text, b"", &mut rng).unwrap();
    let a = send(&mut to_bob, b"a");
    let b = send(&mut to_bob, b"b");
    let c = send(&mut to_bob, b"c");
    to_alice.decrypt(&b, b"").unwrap();
    let reply = send(&mut to_alice, b"reply");
    to_bob.decrypt(&reply, b"").unwrap();
    let d = send(&mut to_bob, b"d");
    let e = send(&mut to_bob, b"e");
    assert_eq!(*to_alice.decrypt(&e, b"").unwrap(), b"e");
    // Still missing are a and c of the previous chain, and d of this chain.
    assert_eq!(to_alice.ratchet_mut().skipped.len(), (3, 1));
    assert_eq!(*to_alice.decrypt(&c, b"").unwrap(), b"c");
    // The key of c is gone. Its chain still lacks a, so its header key is kept.
    assert_refused(&mut to_alice, &c, DecryptError::AlreadyReceived);
    for (message, text) in [(&d, b"d"), (&a, b"a")] {
        assert_eq!(*to_alice.decrypt(message, b"").unwrap(), text);
    }
    assert_eq!(to_alice.ratchet_mut().skipped.len(), (0, 0));
    for message in [&d, &e] {
        assert_refused(&mut to_alice, message, DecryptError::AlreadyReceived);
    }
    // The earlier chain is complete, so even its header key is gone.
    assert_refused(&mut to_alice, &a, DecryptError::Unauthenticated);
}

#[test]
fn chk20_a_recipient_without_a_receiving_chain_opens_nothing_on_it() {
    let (.., mut to_bob, mut to_alice) = established();
    let first = last_of(&mut to_bob, 1);
    let ratchet = to_alice.ratchet_mut();
    let chain = ratchet.receiving.take().unwrap();
    // This header claims that the receiving chain's key opened it, but there is no such chain.
    let located = Located {
        matched: open::HeaderMatch::Current,
        header: Header {
            dh: [9; 32],
            pn: 0,
            n: chain.n,
            selection: 0,
            post_quantum: HeaderPart::from_bytes(&[0; PART_LEN]).unwrap(),
        },
    };
    let result = ratchet
        .open(&SessionAd([0; 32]), located, vec![0; 32], b"")
        .map(|_| ());
    assert_eq!(result, Err(OpenError::Unauthenticated));
    drop(first);
}

impl Ratchet {
    /// Takes the steps of messages that are lost, without making them. They belong to the sending
    /// chain, which must have begun.
    pub(crate) fn lose(&mut self, count: u32) {
        let chain = self.sending.as_mut().unwrap();
        for _ in 0..count {
            chain.key.advance(None);
            self.post_quantum.lose_one();
        }
        chain.n += count;
    }

    /// Whether the next message sent begins a chain.
    pub(crate) fn begins_chain(&self) -> bool {
        self.sending.is_none()
    }

    /// Header keys of this side's current and next sending chain, for messages that the vectors
    /// forge.
    pub(crate) fn header_keys(&self) -> [HeaderKey; 2] {
        let current = &self.sending.as_ref().unwrap().header_key;
        [current.duplicate(), self.next_sending_header.duplicate()]
    }
}

impl Located {
    /// The decrypted header, for the test vectors.
    pub(crate) fn header(&self) -> Header {
        self.header
    }
}
