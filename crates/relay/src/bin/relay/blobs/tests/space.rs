//! The space of all.

use std::time::{Duration, Instant};

use super::*;
use crate::store::values::values;

#[tokio::test]
async fn announced_blobs_take_no_space_of_others_and_reporters_have_some_of_their_own() {
    let mut world = World::at(NOW);
    world.blobs.of_all = 16 << 20;
    let relay = world.open().await;
    let (whole, len) = (content(1 << 20), 1 << 20);
    let id = |n: u8| BlobId::from_bytes([n; 32]);
    let mut devices = Vec::new();
    for n in 0..20 {
        let device = device(&relay, &format!("account{n}")).await;
        put_part(&relay, &device, id(n), 0, len, b"x")
            .await
            .unwrap();
        devices.push(device);
    }
    // Together they announced more than there is room for, and what arrives takes room.
    let mut ended = 0;
    let mut put_rest = async |n: u8| {
        let rest = put_part(&relay, &devices[usize::from(n)], id(n), 1, len, &whole[1..]).await;
        ended += usize::from(rest.is_ok());
        rest
    };
    for n in 0..13 {
        assert!(put_rest(n).await.unwrap().is_complete());
    }
    assert_eq!(put_rest(13).await, Err(ErrorCode::RelayFull));
    assert_eq!(
        state_of(&relay, &devices[13], id(13))
            .await
            .unwrap()
            .received,
        1
    );
    let new = put_part(&relay, &devices[14], id(99), 0, len, b"x").await;
    assert_eq!(new, Err(ErrorCode::RelayFull));
    // A reporter's copy has room, though its account has none.
    let lost = BlobId::from_bytes([100; 32]);
    assert_eq!(held::report(&relay, &devices[0], 1, &[lost]).await, [0]);
    put_all(&relay, &devices[0], lost, &whole[..200 << 10]).await;
    assert!(held::is_held(&relay, 1, lost).await);
    // Once others are deleted, the upload goes on.
    world.run(&relay, 31 * DAY).await;
    relay.clean_up().await.unwrap();
    assert_eq!(
        count(
            &relay,
            "SELECT CAST(sum(bytes) AS BIGINT) FROM stored WHERE account = -1"
        )
        .await,
        200 << 10
    );
    put_all(&relay, &devices[13], id(13), &whole).await;
}

#[tokio::test]
async fn only_a_first_part_begins_a_blob() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    let state = put_part(&relay, &alice, first(), 3, 6, b"led")
        .await
        .unwrap();
    assert_eq!((state.received, state.len), (0, 6));
    assert_eq!(count(&relay, "SELECT count(*) FROM blob").await, 0);
    let gone = state_of(&relay, &alice, first()).await;
    assert_eq!(gone, Err(ErrorCode::NoSuchBlob));
    put_all(&relay, &alice, first(), b"sealed").await;
}

#[tokio::test]
async fn a_report_of_an_account_that_holds_much_is_stored_at_once() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (_, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    // 6,400 blobs are held for bob, and some more are there for all.
    let id_of = |n: u16| {
        let mut id = [0; 32];
        id[30..].copy_from_slice(&n.to_be_bytes());
        id
    };
    for first in (1..=6_500_u16).step_by(500) {
        let fill = relay.store.run(move |db| {
            for n in first..first + 500 {
                db.execute(
                    "INSERT INTO blob (public_id, place, account, len, received, kept_until_ms)
                         VALUES (?1, 0, 1, 9, 9, 99999999999999)",
                    values![id_of(n)],
                )?;
            }
            Ok(())
        });
        fill.await.unwrap();
    }
    let hold = relay.store.run(|db| {
        db.execute(
            "INSERT INTO report (id, public_id, digest, reporter, accepted_at_ms, messages, accepted)
                 VALUES (9, 'r9', ?1, 'r', 1, 1, ?1)",
            values![[0_u8; 1]],
        )?;
        db.execute(
            "INSERT INTO blob_hold SELECT 9, id, 2, public_id, id FROM blob WHERE id <= 6400",
            &[],
        )
    });
    hold.await.unwrap();
    assert_eq!(bob.account, 2);
    let named: Vec<_> = (6_401..6_465)
        .map(|n| BlobId::from_bytes(id_of(n)))
        .collect();
    // What the account holds is summed once for a report, and not for each blob that it names.
    let began = Instant::now();
    assert!(held::report(&relay, &bob, 1, &named[..1]).await.is_empty());
    let one = began.elapsed();
    let began = Instant::now();
    assert!(held::report(&relay, &bob, 2, &named[1..]).await.is_empty());
    let many = began.elapsed();
    assert!(
        many < 10 * one + Duration::from_millis(100),
        "{one:?} {many:?}"
    );
}
