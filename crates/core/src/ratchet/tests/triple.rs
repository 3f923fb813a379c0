//! The two ratchets together. Neither half alone reveals a message, and a peer that breaks its
//! post-quantum half does not break the messages.
#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use super::*;
use crate::SessionSet;
use crate::post_quantum::PostQuantumStop;
use crate::wire;

/// Copies a session into an attacker's hands.
fn copy(session: &Session) -> Session {
    Session::import(&session.export()).unwrap()
}

/// Alice's and Bob's sessions after `turns` of ping-pong.
fn after(turns: usize) -> (Session, Session) {
    let (.., mut to_bob, mut to_alice) = established();
    let mut rng = rng(60);
    for _ in 0..turns {
        let message = to_bob.encrypt(b"ping", b"", &mut rng).unwrap();
        to_alice.decrypt(&message, b"").unwrap();
        let message = to_alice.encrypt(b"pong", b"", &mut rng).unwrap();
        to_bob.decrypt(&message, b"").unwrap();
    }
    (to_bob, to_alice)
}

/// Lets two attackers try each message that goes to `receiver`. Each has broken one ratchet and
/// knows all its secrets at all times, but no secret of the other ratchet.
fn break_halves(sender: &mut Session, receiver: &mut Session, turns: usize) {
    let mut rng = rng(61);
    for _ in 0..turns {
        for _ in 0..3 {
            let message = sender.encrypt(b"secret", b"", &mut rng).unwrap();
            // X25519 is broken: the attacker knows every secret of the Double Ratchet, header keys
            // included, and none of the post-quantum ratchet.
            let mut knows_x25519 = copy(receiver);
            knows_x25519.ratchet_mut().post_quantum.forget_secrets();
            assert_refused(&mut knows_x25519, &message, DecryptError::Unauthenticated);
            // ML-KEM is broken: the attacker knows every secret of the post-quantum ratchet. Here
            // it is even given the header keys.
            let mut knows_ml_kem = copy(receiver);
            knows_ml_kem.ratchet_mut().forget_x25519_secrets();
            assert_refused(&mut knows_ml_kem, &message, DecryptError::Unauthenticated);
            // An attacker that knows both halves reads the message, so nothing else stopped the two
            // above.
            assert_eq!(*copy(receiver).decrypt(&message, b"").unwrap(), b"secret");
            receiver.decrypt(&message, b"").unwrap();
        }
        let reply = receiver.encrypt(b"reply", b"", &mut rng).unwrap();
        sender.decrypt(&reply, b"").unwrap();
    }
}

impl Ratchet {
    /// Overwrites every secret that comes from Diffie–Hellman and leads to message keys. Header
    /// keys stay.
    fn forget_x25519_secrets(&mut self) {
        let other = || ChainKey::from_bytes(&[0xee; 32]);
        self.root = RootKey::from_bytes(&[0xee; 32]);
        if let Some(chain) = &mut self.sending {
            chain.key = other();
        }
        if let Some(chain) = &mut self.receiving {
            chain.key = other();
        }
    }
}

#[test]
fn neither_half_alone_gives_a_message() {
    // The halves are broken before the first epoch, in the middle of one, and after several.
    for turns in [0, 20, 100] {
        let (mut to_bob, mut to_alice) = after(turns);
        break_halves(&mut to_bob, &mut to_alice, 2);
        break_halves(&mut to_alice, &mut to_bob, 2);
    }
}

#[test]
fn epochs_advance_messages_are_of_one_size_and_the_state_stays_small() {
    let (mut to_bob, mut to_alice) = after(0);
    let mut rng = rng(62);
    let mut sizes = Vec::new();
    for _ in 0..300 {
        let message = to_bob.encrypt(&[7; 64], b"", &mut rng).unwrap();
        assert_eq!(message.len(), 64 + 120);
        to_alice.decrypt(&message, b"").unwrap();
        sizes.extend([&to_bob, &to_alice].map(|session| session.export().len()));
        let message = to_alice.encrypt(&[7; 64], b"", &mut rng).unwrap();
        assert_eq!(message.len(), 64 + 120);
        to_bob.decrypt(&message, b"").unwrap();
    }
    sizes.sort_unstable();
    // The largest possible state holds every chain, and all but one chunk of a key vector.
    assert!(sizes[sizes.len() - 1] <= 2_085);
    let (median, largest) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
    assert_eq!((median, largest), (1_371, 2_083));
    assert_eq!((to_bob.pq_epochs(), to_alice.pq_epochs()), (6, 6));
}

#[test]
fn an_import_is_as_good_as_the_session_it_came_from() {
    let (mut to_bob, mut to_alice) = after(0);
    for turn in 0..200 {
        core::mem::swap(&mut to_bob, &mut to_alice);
        // The import derives again what was not exported, and sends the same bytes.
        let mut imported = copy(&to_bob);
        let message = to_bob.encrypt(b"x", b"", &mut rng(turn)).unwrap();
        assert_eq!(
            imported.encrypt(b"x", b"", &mut rng(turn)).unwrap(),
            message
        );
        assert_eq!(imported.export(), to_bob.export());
        to_alice.decrypt(&message, b"").unwrap();
    }
    assert!(to_bob.pq_epochs() >= 2);
}

/// Sends a message as a peer with modified code would: with altered post-quantum bytes in the
/// header, under valid keys.
fn with_part(session: &mut Session, change: impl FnOnce(&mut [u8; PART_LEN])) -> Vec<u8> {
    let mut rng = rng(64);
    let ad = *session.ad();
    let ratchet = session.ratchet_mut();
    if ratchet.sending.is_none() {
        let step = ratchet.sending_step(&mut rng).unwrap();
        ratchet.root = step.root;
        ratchet.dh = step.dh;
        ratchet.next_sending_header = step.next_header;
        ratchet.sending = Some(step.chain);
    }
    let (part, key, outgoing, post_quantum_chain) =
        ratchet.post_quantum.next_to_send(&mut rng).into_parts();
    let mut part = part.to_bytes();
    change(&mut part);
    let chain = ratchet.sending.as_mut().unwrap();
    let (seed, next) = chain.key.step();
    let header = Header {
        dh: *ratchet.dh.public().as_bytes(),
        pn: ratchet.previous_sent,
        n: chain.n,
        selection: 0,
        post_quantum: HeaderPart::from_bytes(&part).unwrap(),
    }
    .to_bytes();
    let mut body = b"text".to_vec();
    assert!(
        MessageKey::derive(&seed, &key, &body_ad(&ad, &header, b""))
            .seal(&mut body)
            .is_ok()
    );
    let tag = header::tag_of(&body).unwrap();
    let header = header::seal(&chain.header_key, &ad, tag, &header);
    chain.key = next;
    chain.n += 1;
    ratchet
        .post_quantum
        .commit_sent(outgoing, post_quantum_chain);
    wire::encode(&wire::Message {
        handshake: None,
        header,
        body,
    })
}

#[test]
fn chk41_message_with_an_impossible_counter_or_epoch_is_refused() {
    for (offset, value) in [(1, 9), (3, 9), (0, 0x40), (2, 0xff)] {
        let (mut to_bob, mut to_alice) = after(3);
        let message = with_part(&mut to_bob, |part| part[offset] = value);
        assert_refused(&mut to_alice, &message, DecryptError::Misplaced);
    }
}

#[test]
fn whatever_a_peer_puts_into_its_chunks_messages_go_on() {
    for spoiled in 0..6_u8 {
        let (mut to_bob, mut to_alice) = after(0);
        let mut rng = rng(65);
        for turn in 0..200_u32 {
            let message = with_part(&mut to_bob, |part| {
                // Alter every chunk of one kind, or (for 0) claim another kind for every piece.
                if part[4] == spoiled {
                    part[38] ^= 1;
                }
                if spoiled == 0 {
                    part[4] = u8::try_from(turn % 7).unwrap();
                }
            });
            assert_eq!(*to_alice.decrypt(&message, b"").unwrap(), b"text");
            let message = to_alice.encrypt(b"text", b"", &mut rng).unwrap();
            assert_eq!(*to_bob.decrypt(&message, b"").unwrap(), b"text");
        }
        // Kind 4 is an acknowledgement, whose chunk carries nothing.
        let expected = match spoiled {
            1 => Some(PostQuantumStop::HeaderNotAuthentic),
            2 | 3 => Some(PostQuantumStop::KeyMismatch),
            5 => Some(PostQuantumStop::CiphertextNotAuthentic),
            4 => None,
            _ => to_alice.pq_stopped(),
        };
        assert_eq!(to_alice.pq_stopped(), expected, "kind {spoiled}");
        assert_eq!(to_alice.pq_epochs() > 2, spoiled == 4, "kind {spoiled}");
        assert!(Session::import(&to_alice.export()).unwrap().pq_stopped() == expected);
    }
}

#[test]
fn only_what_has_opened_is_taken_in() {
    let (mut to_bob, mut to_alice) = after(10);
    let message = to_bob.encrypt(b"x", b"", &mut rng(1)).unwrap();
    // The header is genuine, so it opens and yields its chunk. The altered body does not open.
    let altered = crate::tests::support::edit(&message, |message| message.body[0] ^= 1);
    assert_refused(&mut to_alice, &altered, DecryptError::Unauthenticated);
    to_alice.decrypt(&message, b"").unwrap();
    assert_refused(&mut to_alice, &message, DecryptError::AlreadyReceived);
}

#[test]
fn one_message_of_a_thief_stops_the_braid_and_only_its_recipient_sees_it() {
    // SPEC.md, “Stopped”: anyone who copies a state can do this, just as the peer can.
    let (mut to_bob, mut to_alice) = after(0);
    let mut rng = rng(66);
    // The chain has already begun, so the forged message does not introduce a ratchet key of the
    // thief.
    let message = to_bob.encrypt(b"x", b"", &mut rng).unwrap();
    to_alice.decrypt(&message, b"").unwrap();
    let mut thief = copy(&to_bob);
    // The thief forges a single chunk of the key header, in a message that takes the number of a
    // genuine one.
    let forged = with_part(&mut thief, |part| part[38] ^= 1);
    to_alice.decrypt(&forged, b"").unwrap();
    let lost = to_bob.encrypt(b"lost", b"", &mut rng).unwrap();
    assert_refused(&mut to_alice, &lost, DecryptError::AlreadyReceived);
    for _ in 0..200 {
        let message = to_bob.encrypt(b"ping", b"", &mut rng).unwrap();
        to_alice.decrypt(&message, b"").unwrap();
        let message = to_alice.encrypt(b"pong", b"", &mut rng).unwrap();
        to_bob.decrypt(&message, b"").unwrap();
    }
    let stopped = Some(PostQuantumStop::HeaderNotAuthentic);
    assert_eq!(
        [&to_alice, &to_bob].map(Session::pq_stopped),
        [stopped, None]
    );
    assert_eq!([&to_alice, &to_bob].map(Session::pq_epochs), [0, 0]);
    let sessions = [to_alice, to_bob].map(|session| SessionSet::of(session, 1));
    assert_eq!(
        sessions.map(|sessions| sessions.pq_stopped()),
        [stopped, None]
    );
}
