//! Blobs that reports name.

use super::*;
use crate::store::values::values;

/// Stores a report of an account, and holds the blobs that it names.
pub async fn report(relay: &Arc<Relay>, of: &Arc<Device>, id: i64, blobs: &[BlobId]) -> Vec<usize> {
    let (account, blobs, room) = (of.account, blobs.to_vec(), relay.blobs.room);
    let hold = move |db: &Connection| {
        db.execute(
            "INSERT INTO report (id, public_id, digest, reporter, accepted_at_ms, messages, accepted)
             VALUES (?1, ?2, ?3, 'r', 1, 1, ?3)",
            values![id, format!("r{id}"), [1; 1]],
        )?;
        holds::hold(db, id, account, &blobs, &room)
    };
    relay.store.run(hold).await.unwrap()
}

async fn release(relay: &Arc<Relay>, id: i64) {
    let release = move |db: &Connection| crate::store::holds::release(db, id);
    relay.store.run(release).await.unwrap();
    relay.clean_up().await.unwrap();
}

/// Whether the blob is held for the report, and can be read for it.
pub async fn is_held(relay: &Arc<Relay>, id: i64, blob: BlobId) -> bool {
    let find = move |db: &Connection| holds::of_report(db, id, &blob);
    let Some(row) = relay.store.run(find).await.unwrap() else {
        return false;
    };
    let len = usize::try_from(row.len).unwrap();
    let load = relay.blobs.shown.begin(REVIEWER, &Leave::default()).await;
    read(relay, load.unwrap(), &row, Range { at: 0, len })
        .await
        .is_ok()
}

#[tokio::test]
async fn a_blob_whose_time_is_over_stays_for_its_report_and_is_gone_for_all_others() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let other = BlobId::from_bytes([1; 32]);
    put_all(&relay, &alice, first(), b"sealed").await;
    put_all(&relay, &alice, other, b"sealed").await;
    assert!(report(&relay, &bob, 1, &[first()]).await.is_empty());
    // Until then, it is there for all.
    assert!(get(&relay, &alice, first(), 0, 6).await.is_ok());
    world.run(&relay, 31 * DAY).await;
    relay.clean_up().await.unwrap();
    // The sender sees no difference between the blob that was reported and the other.
    for blob in [first(), other] {
        for device in [&alice, &bob] {
            let gone = state_of(&relay, device, blob).await;
            assert_eq!(gone, Err(ErrorCode::NoSuchBlob));
            let gone = get(&relay, device, blob, 0, 6).await;
            assert_eq!(gone, Err(ErrorCode::NoSuchBlob));
        }
        let again = put_part(&relay, &alice, blob, 0, 6, b"others").await;
        assert_eq!(again, Err(ErrorCode::BlobTaken));
    }
    let of_alice = "SELECT count(*) FROM stored WHERE account = 1";
    assert_eq!(count(&relay, of_alice).await, 0);
    assert!(is_held(&relay, 1, first()).await && !is_held(&relay, 1, other).await);
    // A later report of someone who could know of it learns nothing either.
    assert_eq!(report(&relay, &alice, 2, &[first(), other]).await, [0, 1]);
    drop(relay);
    let relay = world.open().await;
    assert!(is_held(&relay, 1, first()).await);
    release(&relay, 1).await;
    assert!(!is_held(&relay, 1, first()).await);
    assert!(files(&relay).await.is_empty());
    let bytes = "SELECT CAST(sum(bytes) AS BIGINT) FROM stored";
    assert_eq!(count(&relay, bytes).await, 0);
}

#[tokio::test]
async fn a_blob_whose_review_ends_in_its_time_stays_until_its_time_is_over() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    put_all(&relay, &alice, first(), b"sealed").await;
    report(&relay, &bob, 1, &[first(), first()]).await;
    report(&relay, &alice, 2, &[first()]).await;
    release(&relay, 1).await;
    assert!(get(&relay, &bob, first(), 0, 6).await.is_ok());
    assert!(is_held(&relay, 2, first()).await);
    world.run(&relay, 31 * DAY).await;
    relay.clean_up().await.unwrap();
    assert!(is_held(&relay, 2, first()).await);
    release(&relay, 2).await;
    assert!(files(&relay).await.is_empty());
}

#[tokio::test]
async fn a_reporter_uploads_what_is_gone_for_the_review_alone() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    put_all(&relay, &alice, first(), b"sealed").await;
    world.run(&relay, 31 * DAY).await;
    relay.clean_up().await.unwrap();
    let taken = Err(ErrorCode::BlobTaken);
    assert_eq!(
        put_part(&relay, &bob, first(), 0, 6, b"sealed").await,
        taken
    );
    assert_eq!(report(&relay, &bob, 1, &[first()]).await, [0]);
    // Only the reporter may, and only under this id.
    assert_eq!(
        put_part(&relay, &alice, first(), 0, 6, b"sealed").await,
        taken
    );
    let begun = put_part(&relay, &bob, first(), 0, 6, b"sea").await.unwrap();
    assert_eq!(begun.received, 3);
    assert_eq!(state_of(&relay, &bob, first()).await.unwrap(), begun);
    assert!(!is_held(&relay, 1, first()).await);
    let ended = put_part(&relay, &bob, first(), 3, 6, b"led").await.unwrap();
    assert!(ended.is_complete());
    assert!(is_held(&relay, 1, first()).await);
    // Nobody fetches it, not even under the sender's id.
    for device in [&alice, &bob] {
        let gone = get(&relay, device, first(), 0, 6).await;
        assert_eq!(gone, Err(ErrorCode::NoSuchBlob));
    }
    let gone = state_of(&relay, &alice, first()).await;
    assert_eq!(gone, Err(ErrorCode::NoSuchBlob));
    // The answer may have been lost.
    let again = put_part(&relay, &bob, first(), 3, 6, b"led").await.unwrap();
    assert!(again.is_complete());
    // It takes no space of the reporter's own blobs, and goes with the review.
    let of_bob = "SELECT count(*) FROM stored WHERE account = 2";
    assert_eq!(count(&relay, of_bob).await, 0);
    world.run(&relay, 31 * DAY).await;
    relay.clean_up().await.unwrap();
    assert!(is_held(&relay, 1, first()).await);
    release(&relay, 1).await;
    assert!(files(&relay).await.is_empty());
    assert_eq!(
        put_part(&relay, &bob, first(), 0, 6, b"sealed").await,
        taken
    );
}

#[tokio::test]
async fn a_blob_that_was_unfinished_is_held_once_it_is_complete() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    put_part(&relay, &alice, first(), 0, 6, b"sea")
        .await
        .unwrap();
    assert_eq!(report(&relay, &bob, 1, &[first()]).await, [0]);
    // The reporter's copy does not disturb the sender's upload.
    put_part(&relay, &bob, first(), 0, 6, b"s").await.unwrap();
    put_part(&relay, &alice, first(), 3, 6, b"led")
        .await
        .unwrap();
    assert!(is_held(&relay, 1, first()).await);
    assert_eq!(get(&relay, &bob, first(), 0, 6).await.unwrap(), b"sealed");
    // The rest of the copy is of no use any more.
    put_part(&relay, &bob, first(), 1, 6, b"ealed")
        .await
        .unwrap();
    relay.clean_up().await.unwrap();
    assert_eq!(files(&relay).await.len(), 1);
}

#[tokio::test]
async fn the_reports_of_an_account_hold_as_much_as_its_quota_and_each_blob_once() {
    let mut world = World::at(NOW);
    world.blobs.of_account = 200 << 10;
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let id = |n: u8| BlobId::from_bytes([n; 32]);
    let long = content(100 << 10);
    put_all(&relay, &alice, id(1), &long).await;
    put_all(&relay, &alice, id(2), &long).await;
    let carol = device(&relay, "carol").await;
    put_all(&relay, &carol, id(3), &long).await;
    let missing = report(&relay, &bob, 1, &[id(1), id(1), id(2), id(3)]).await;
    assert_eq!(missing, [3]);
    // The same blob counts once, also in another report, and another account has its own room.
    assert!(report(&relay, &bob, 2, &[id(2)]).await.is_empty());
    assert!(report(&relay, &alice, 3, &[id(3)]).await.is_empty());
    // There is no room for a copy of it either.
    let more = put_part(&relay, &bob, id(3), 0, 100 << 10, &long).await;
    assert_eq!(more, Err(ErrorCode::BlobQuota));
    let lacks = move |db: &Connection| holds::missing(db, 1, &[id(3), id(1), id(9)]);
    assert_eq!(relay.store.run(lacks).await.unwrap(), [0]);
    release(&relay, 2).await;
    release(&relay, 1).await;
    assert!(report(&relay, &bob, 4, &[id(3)]).await.is_empty());
}

#[tokio::test]
async fn a_blob_that_is_not_held_is_not_there_for_its_reporter_until_it_is() {
    let mut world = World::at(NOW);
    world.blobs.of_account = 100 << 10;
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let carol = device(&relay, "carol").await;
    let (long, len) = (content(60 << 10), 60 << 10);
    let second = BlobId::from_bytes([1; 32]);
    put_all(&relay, &alice, first(), &long).await;
    put_all(&relay, &carol, second, &long).await;
    // Bob's reports have room for one of the two, which both are there for all.
    assert!(report(&relay, &bob, 1, &[first()]).await.is_empty());
    assert_eq!(report(&relay, &bob, 2, &[second]).await, [0]);
    let state = state_of(&relay, &bob, second).await;
    assert_eq!(state, Err(ErrorCode::NoSuchBlob));
    let full = put_part(&relay, &bob, second, 0, len, &long).await;
    assert_eq!(full, Err(ErrorCode::BlobQuota));
    assert!(!is_held(&relay, 2, second).await);
    // For others, and for the sender, nothing is different.
    for device in [&alice, &carol] {
        assert!(
            state_of(&relay, device, second)
                .await
                .unwrap()
                .is_complete()
        );
    }
    release(&relay, 1).await;
    let taken = put_part(&relay, &bob, second, 0, len, &long).await;
    assert!(taken.unwrap().is_complete());
    assert!(is_held(&relay, 2, second).await);
    assert!(state_of(&relay, &bob, second).await.unwrap().is_complete());
    // No second copy was made, and the blob stays for the review.
    assert_eq!(files(&relay).await.len(), 2);
    world.run(&relay, 31 * DAY).await;
    relay.clean_up().await.unwrap();
    assert!(is_held(&relay, 2, second).await);
}

#[tokio::test]
async fn a_copy_that_is_complete_is_held() {
    let mut world = World::at(NOW);
    world.blobs.of_account = 150 << 10;
    let relay = world.open().await;
    let bob = device(&relay, "bob").await;
    let (long, len) = (content(100 << 10), 100 << 10);
    let second = BlobId::from_bytes([1; 32]);
    assert_eq!(report(&relay, &bob, 1, &[first(), second]).await, [0, 1]);
    // Two unfinished copies have room for one.
    put_part(&relay, &bob, first(), 0, len, &long[..10])
        .await
        .unwrap();
    let full = put_part(&relay, &bob, second, 0, len, &long[..10]).await;
    assert_eq!(full, Err(ErrorCode::BlobQuota));
    drop(relay);
    // The operator gives the second one room, and takes it back.
    world.blobs.of_account = 300 << 10;
    let relay = world.open().await;
    put_part(&relay, &bob, second, 0, len, &long[..10])
        .await
        .unwrap();
    drop(relay);
    world.blobs.of_account = 150 << 10;
    let relay = world.open().await;
    for _ in 0..2 {
        let full = put_part(&relay, &bob, second, 10, len, &long[10..]).await;
        assert_eq!(full, Err(ErrorCode::BlobQuota));
        relay.clean_up().await.unwrap();
        assert_eq!(state_of(&relay, &bob, second).await.unwrap().received, 10);
    }
    release(&relay, 1).await;
    assert_eq!(report(&relay, &bob, 2, &[second]).await, [0]);
    let ended = put_part(&relay, &bob, second, 10, len, &long[10..]).await;
    assert!(ended.unwrap().is_complete());
    relay.clean_up().await.unwrap();
    assert!(is_held(&relay, 2, second).await);
}

#[tokio::test]
async fn a_blob_whose_file_is_lost_is_missing_after_the_start_and_its_reporter_uploads_it_again() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let id = |n: u8| BlobId::from_bytes([n; 32]);
    for n in 1..=150 {
        put_all(&relay, &alice, id(n), b"sealed").await;
    }
    assert!(report(&relay, &bob, 1, &[id(1), id(2)]).await.is_empty());
    let unfinished = id(151);
    put_part(&relay, &alice, unfinished, 0, 6, b"sea")
        .await
        .unwrap();
    // One file is gone, one has lost bytes, and all from the 81st on are gone.
    let blobs = world.dir.path().join("blobs");
    std::fs::write(blobs.join(file(&relay, 2, 0).await), b"seale").unwrap();
    for n in (81..=150).chain([1]) {
        std::fs::remove_file(blobs.join(file(&relay, n, 0).await)).unwrap();
    }
    drop(relay);
    let relay = world.open().await;
    assert_eq!(count(&relay, "SELECT count(*) FROM blob").await, 79);
    relay.clean_up().await.unwrap();
    assert_eq!(files(&relay).await.len(), 79);
    assert_eq!(get(&relay, &bob, id(3), 0, 6).await.unwrap(), b"sealed");
    assert_eq!(
        state_of(&relay, &alice, unfinished).await.unwrap().received,
        3
    );
    let lacks = move |db: &Connection| holds::missing(db, 1, &[id(1), id(2)]);
    assert_eq!(relay.store.run(lacks).await.unwrap(), [0, 1]);
    // Nobody but the reporter puts anything in its place.
    let taken = put_part(&relay, &alice, id(1), 0, 6, b"others").await;
    assert_eq!(taken, Err(ErrorCode::BlobTaken));
    put_all(&relay, &bob, id(1), b"sealed").await;
    assert!(is_held(&relay, 1, id(1)).await);
    assert_eq!(report(&relay, &bob, 2, &[id(2)]).await, [0]);
}

#[tokio::test]
async fn a_relay_whose_blobs_are_all_gone_deletes_none_until_it_is_told_that_they_are_lost() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    let blob = BlobId::from_bytes([1; 32]);
    put_all(&relay, &alice, blob, b"sealed").await;
    let here = world.dir.path().join("blobs");
    let name = file(&relay, 1, 0).await;
    let [from, to] = [&here, world.dir.path()].map(|dir| dir.join(&name));
    std::fs::rename(&from, &to).unwrap();
    let refused = start::remove_lost(&relay, false).await;
    assert!(refused.unwrap_err().to_string().contains("--blobs-lost"));
    std::fs::rename(&to, &from).unwrap();
    start::remove_lost(&relay, false).await.unwrap();
    assert_eq!(get(&relay, &alice, blob, 0, 6).await.unwrap(), b"sealed");
    std::fs::remove_file(from).unwrap();
    start::remove_lost(&relay, true).await.unwrap();
    assert_eq!(count(&relay, "SELECT count(*) FROM blob").await, 0);
}
