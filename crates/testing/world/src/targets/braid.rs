//! Runs the post-quantum ratchet of a session over a lossy network, starting at any point of an
//! epoch.
//!
//! One of the two sides may be hostile: its stored state is then damaged, or made up by someone who
//! holds all its keys. The target asserts that nothing panics, that an honest side's state stays
//! bounded, and that a refused message leaves the recipient's state unchanged. If both sides are
//! honest, no message may be refused and the ratchet may not stop.

use std::sync::LazyLock;

use waxseal_core::Session;
use waxseal_core::errors::DecryptError;

use super::edit::edit_once;
use crate::device::{AD, Device};
use crate::rng;

/// The states of both sides after each message of the first two epochs, in which the sides write in
/// turn.
static PHASES: LazyLock<Vec<[Vec<u8>; 2]>> = LazyLock::new(|| {
    let rng = &mut rng(1);
    let (alice, mut bob) = (Device::new(0, rng), Device::new(0, rng));
    let mut to_bob = Session::initiate(&alice.identity, bob.bundle(), rng).unwrap();
    let first = to_bob.encrypt(b"hello", AD, rng).unwrap();
    let (prekeys, memory) = (&mut bob.prekeys, &mut bob.memory);
    let accepted = Session::accept(&bob.identity, prekeys, memory, &first, AD);
    let (to_alice, _) = accepted.unwrap();
    let mut sides = [to_bob, to_alice];
    let mut phases = Vec::new();
    let mut turn = 1;
    while sides.iter().any(|side| side.pq_epochs() < 2) {
        let message = sides[turn].encrypt(b"", AD, rng).unwrap();
        sides[1 - turn].decrypt(&message, AD).unwrap();
        phases.push([0, 1].map(|side: usize| sides[side].export().to_vec()));
        turn = 1 - turn;
    }
    phases
});

/// Maximum length of a session's export in bytes, by `waxseal-core`'s SPEC.md, plus what 40 lost
/// messages add: each at most 40 bytes for its chain and 84 for its skipped key.
const MAX_LEN: usize = 2_085 + 1_710 + 40 * (40 + 84);

/// Runs the target on an input.
///
/// The first two bytes of the input say at which point of the epochs the run begins. Their highest
/// bit says whether a run of two honest sides ends by waiting for the next epoch. Each action after
/// them takes three bytes; at most 24 are carried out.
pub fn braid(input: &[u8]) {
    let Some((phase, actions)) = input.split_first_chunk() else {
        return;
    };
    let phases = &*PHASES;
    let [high, low] = *phase;
    let waits = high & 0x80 != 0;
    let phase = &phases[usize::from(u16::from_be_bytes([high & 0x7f, low])) % phases.len()];
    let mut sides = [0, 1].map(|side: usize| Session::import(&phase[side]).unwrap());
    let epochs = sides.each_ref().map(Session::pq_epochs);
    let mut hostile = None;
    let rng = &mut rng(2);
    for [kind, a, b] in actions.as_chunks::<3>().0.iter().take(24) {
        let from = usize::from(*a & 1);
        match kind % 4 {
            // One side writes several messages. A message whose bit in `b` is set is lost.
            0 => {
                for number in 0..1 + usize::from(*a >> 1) % 8 {
                    let lost = b >> number & 1 == 1;
                    send(&mut sides, from, lost, hostile, rng);
                }
            }
            // The sides write in turn, starting with `from`.
            1 => {
                for turn in 0..usize::from(*b) % 48 {
                    send(&mut sides, (from + turn) % 2, false, hostile, rng);
                }
            }
            // One side restarts: it exports its state and imports it again.
            2 => {
                let export = sides[from].export();
                sides[from] = Session::import(&export).unwrap();
                assert!(sides[from].export() == export);
            }
            // One side, the same in the whole run, turns hostile: its state may hold anything.
            _ => {
                let hostile = *hostile.get_or_insert(from);
                let mut export = sides[hostile].export().to_vec();
                // An export has the identities first, then the ratchets. What comes at its end
                // depends on the phase of the epoch.
                let place = export.len() * usize::from(*a) / 256;
                let [high, low] = u16::try_from(place).unwrap().to_be_bytes();
                edit_once(&mut export, [*b, high, low, b.rotate_left(3), *a]);
                if let Ok(session) = Session::import(&export) {
                    sides[hostile] = session;
                }
            }
        }
    }
    if hostile.is_none() {
        for (side, epochs) in sides.iter().zip(epochs) {
            assert_eq!(
                side.pq_stopped(),
                None,
                "the ratchet stopped although the peer is honest"
            );
            assert!(side.pq_epochs() >= epochs);
        }
    }
    if hostile.is_none() && waits {
        // Whatever messages were lost, the conversation goes on and the next epoch completes.
        let before = sides.each_ref().map(Session::pq_epochs);
        for turn in 0..180 {
            send(&mut sides, turn % 2, false, hostile, rng);
        }
        for (side, before) in sides.iter().zip(before) {
            assert!(side.pq_epochs() > before, "no epoch was completed");
        }
    }
}

fn send(
    sides: &mut [Session; 2],
    from: usize,
    lost: bool,
    hostile: Option<usize>,
    rng: &mut rand_chacha::ChaCha20Rng,
) {
    let to = 1 - from;
    let Ok(message) = sides[from].encrypt(b"text", AD, rng) else {
        assert_eq!(hostile, Some(from), "an honest session could not send");
        return;
    };
    if lost {
        return;
    }
    let before = sides[to].export();
    match sides[to].decrypt(&message, AD) {
        Ok(text) => assert_eq!(*text, *b"text"),
        Err(error) => {
            assert!(
                hostile.is_some(),
                "an honest peer's message was refused: {error}"
            );
            assert!(
                sides[to].export() == before,
                "a refused message changed the state"
            );
            assert_ne!(error, DecryptError::NoHandshake);
        }
    }
    // The state of a hostile side may have any size. A hostile side can also make its honest peer
    // store skipped keys, at most 4,000.
    if hostile != Some(to) {
        let skipped = if hostile.is_none() { 0 } else { 84 * 4_000 };
        assert!(sides[to].export().len() <= MAX_LEN + 8 * 24 * 84 + skipped);
    }
}
