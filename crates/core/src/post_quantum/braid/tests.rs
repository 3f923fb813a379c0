#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use super::*;
use crate::tests::support::rng;

fn pair() -> [Braid; 2] {
    let seed = PqSeed::from_bytes(&[1; 32]);
    [true, false].map(|is_initiator| Braid::new(&seed, is_initiator))
}

fn send(braid: &mut Braid) -> (u64, Piece) {
    let outgoing = braid.next_to_send(&mut rng(1));
    let (epoch, piece) = (braid.epoch(), outgoing.piece);
    braid.commit_sent(outgoing);
    (epoch, piece)
}

/// Exchanges messages in turn until `side` would send a piece of `kind`.
fn until(pair: &mut [Braid; 2], side: usize, kind: Kind) {
    for _ in 0..100 {
        if pair[side].next_to_send(&mut rng(1)).piece.kind == kind {
            return;
        }
        for from in [side, 1 - side] {
            let (epoch, piece) = send(&mut pair[from]);
            pair[1 - from].receive(epoch, &piece);
        }
    }
    panic!("never sent");
}

fn export(braid: &Braid) -> Vec<u8> {
    let mut writer = crate::codec::Writer::new(crate::codec::SESSION_VERSION, MAX_BRAID_EXPORT_LEN);
    braid.write(&mut writer);
    writer.finish().to_vec()
}

/// Delivers the pieces of a part that the peer has forged.
fn deliver<const N: usize>(to: &mut Braid, epoch: u64, kind: Kind, message: &[Chunk; N]) {
    for index in 0..u16::try_from(N).unwrap() {
        to.receive(epoch, &piece(kind, message, index));
    }
}

/// Asserts that the braid has stopped for good, for this reason, and that it sends only chunks that
/// belong to no part.
fn assert_stopped(braid: &mut Braid, reason: PostQuantumStop) {
    assert_eq!(braid.stopped(), Some(reason));
    let before = export(braid);
    for epoch in 0..9 {
        assert!(braid.receive(epoch, &NOTHING).is_none());
    }
    assert_eq!(send(braid).1, NOTHING);
    assert_eq!(export(braid), before);
}

#[test]
fn chk43_forged_key_header_stops_the_braid() {
    let mut pair = pair();
    deliver(&mut pair[1], 1, Kind::Header, &[[9; 32]; 3]);
    assert_stopped(&mut pair[1], PostQuantumStop::HeaderNotAuthentic);
}

#[test]
fn chk44_key_vector_of_another_header_stops_the_braid() {
    for kind in [Kind::Key, Kind::KeyAcknowledging] {
        let mut pair = pair();
        until(&mut pair, 1, Kind::First);
        send(&mut pair[1]);
        deliver(&mut pair[1], 1, kind, &[[9; 32]; 36]);
        assert_stopped(&mut pair[1], PostQuantumStop::KeyMismatch);
    }
}

#[test]
fn chk45_altered_ciphertext_stops_the_braid() {
    let mut pair = pair();
    until(&mut pair, 0, Kind::KeyAcknowledging);
    deliver(&mut pair[0], 1, Kind::Second, &[[9; 32]; 5]);
    assert_stopped(&mut pair[0], PostQuantumStop::CiphertextNotAuthentic);
    assert_eq!(pair[0].epoch(), 1);
}

#[test]
fn chk42_an_epoch_that_cannot_be_reached_stops_the_braid() {
    for ahead in [1, 2, 1_000, u64::MAX - 1] {
        let mut pair = pair();
        until(&mut pair, 1, Kind::First);
        pair[1].receive(1 + ahead, &NOTHING);
        assert_stopped(&mut pair[1], PostQuantumStop::EpochAhead);
    }
    let mut pair = pair();
    until(&mut pair, 1, Kind::Second);
    pair[1].receive(3, &NOTHING);
    assert_stopped(&mut pair[1], PostQuantumStop::EpochAhead);
}

#[test]
fn inconsistent_and_superfluous_chunks_change_nothing() {
    let mut pair = pair();
    until(&mut pair, 0, Kind::Key);
    let (epoch, key) = send(&mut pair[0]);
    pair[1].receive(epoch, &key);
    let before = export(&pair[1]);
    // Deliver a different chunk with an index that has arrived, chunks of complete or unexpected
    // parts, and chunks of an earlier epoch.
    let other = Piece {
        chunk: [9; 32],
        ..key
    };
    assert!(pair[1].receive(epoch, &other).is_none());
    for kind in [
        Kind::Nothing,
        Kind::Header,
        Kind::Acknowledgement,
        Kind::First,
        Kind::Second,
    ] {
        assert!(pair[1].receive(epoch, &Piece { kind, ..other }).is_none());
        assert!(
            pair[1]
                .receive(epoch - 1, &Piece { kind, ..other })
                .is_none()
        );
    }
    assert_eq!(export(&pair[1]), before);
    until(&mut pair, 1, Kind::Header);
    assert_eq!(pair[1].epoch(), 2, "the epoch completes nevertheless");
}

#[test]
fn every_state_is_exported_and_nothing_else_is_read() {
    let mut pair = pair();
    let mut seen = std::collections::BTreeSet::new();
    for count in 0..1_200 {
        // First one side has long turns, then the other, so that key and ciphertext become complete
        // in either order.
        let turn = match count {
            0..400 => 45,
            400..800 => 25,
            _ => 5,
        };
        let from = usize::from(count % 50 >= turn);
        let (epoch, piece) = send(&mut pair[from]);
        if count % 3 != 0 {
            pair[1 - from].receive(epoch, &piece);
        }
        for braid in &mut pair {
            let bytes = export(braid);
            seen.insert(bytes[1 + 8 + 64]);
            let read = |bytes: &[u8]| {
                let mut reader =
                    crate::codec::Reader::new(crate::codec::SESSION_VERSION, bytes, 9_000)?;
                let braid = Braid::read(&mut reader)?;
                reader.finish().map(|()| braid)
            };
            assert!(read(&bytes[..bytes.len() - 1]).is_err());
            assert!(read(&[bytes.as_slice(), &[0]].concat()).is_err());
            let mut unknown = bytes.clone();
            unknown[1 + 8 + 64] = 12;
            assert!(read(&unknown).is_err());
            *braid = read(&bytes).unwrap();
        }
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        (0..=10).collect::<Vec<_>>()
    );
}

#[test]
fn every_reason_to_stop_is_exported() {
    let [mut braid, _] = pair();
    for reason in [
        PostQuantumStop::HeaderNotAuthentic,
        PostQuantumStop::KeyMismatch,
        PostQuantumStop::CiphertextNotAuthentic,
        PostQuantumStop::EpochAhead,
    ] {
        braid.state = State::Stopped(reason);
        let bytes = export(&braid);
        let mut reader =
            crate::codec::Reader::new(crate::codec::SESSION_VERSION, &bytes, 9_000).unwrap();
        assert_eq!(Braid::read(&mut reader).unwrap().stopped(), Some(reason));
    }
}

#[test]
fn sending_changes_nothing_until_it_is_committed() {
    let mut pair = pair();
    for count in 0..300 {
        let from = count % 2;
        let before = export(&pair[from]);
        pair[from].next_to_send(&mut rng(9));
        assert_eq!(export(&pair[from]), before);
        let (epoch, piece) = send(&mut pair[from]);
        pair[1 - from].receive(epoch, &piece);
    }
}
