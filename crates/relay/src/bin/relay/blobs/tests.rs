use axum::body::to_bytes;
use waxseal_reporting::relay::EPOCH_MS;

use super::*;
use crate::fixture::{World, caller, device};
use crate::state::Device;
use crate::store::proven;
use crate::time::Proven;

const DAY: u64 = EPOCH_MS;
const NOW: u64 = 21_000 * DAY + DAY / 2;

/// The blob of most tests.
fn first() -> BlobId {
    BlobId::from_bytes([0xab; 32])
}

/// Puts a part.
async fn put_part(
    relay: &Arc<Relay>,
    device: &Arc<Device>,
    blob: BlobId,
    at: u64,
    of: u64,
    bytes: &[u8],
) -> Result<BlobState, ErrorCode> {
    let load = relay
        .blobs
        .parts
        .begin(device.account, &Leave::default())
        .await;
    let uploader = Uploader {
        device: device.clone(),
        load: load.map_err(|refusal| refusal.code)?,
    };
    let query = Ok(Query(PutQuery { at, of }));
    let body = BinaryBody(bytes.to_vec().into());
    let taken = put(
        State(relay.clone()),
        uploader,
        BlobInPath(blob),
        query,
        body,
    );
    taken
        .await
        .map(|state| state.0)
        .map_err(|refusal| refusal.code)
}

/// Puts a whole blob.
async fn put_all(relay: &Arc<Relay>, device: &Arc<Device>, blob: BlobId, bytes: &[u8]) {
    let state = put_part(relay, device, blob, 0, bytes.len() as u64, bytes).await;
    assert!(state.unwrap().is_complete());
}

async fn state_of(
    relay: &Arc<Relay>,
    device: &Arc<Device>,
    blob: BlobId,
) -> Result<BlobState, ErrorCode> {
    let asked = state(
        State(relay.clone()),
        caller(device),
        Extension(Leave::default()),
        BlobInPath(blob),
    );
    asked
        .await
        .map(|state| state.0)
        .map_err(|refusal| refusal.code)
}

async fn get(
    relay: &Arc<Relay>,
    device: &Arc<Device>,
    blob: BlobId,
    at: u64,
    len: usize,
) -> Result<Vec<u8>, ErrorCode> {
    let query = Ok(Query(Range { at, len }));
    let fetched = fetch(
        State(relay.clone()),
        caller(device),
        Extension(Leave::default()),
        BlobInPath(blob),
        query,
    );
    let answer = fetched.await.map_err(|refusal| refusal.code)?;
    let body = answer.into_response().into_body();
    Ok(to_bytes(body, usize::MAX).await.unwrap().to_vec())
}

async fn count(relay: &Relay, sql: &'static str) -> i64 {
    let count = move |db: &Connection| db.only(sql, &[]);
    relay.store.run(count).await.unwrap()
}

async fn execute(relay: &Relay, sql: &'static str) {
    let execute = move |db: &Connection| db.batch(sql);
    relay.store.run(execute).await.unwrap();
}

/// The names of the files that are in the store.
async fn files(relay: &Relay) -> Vec<String> {
    let list = |files: &dyn Files| files.list()?.collect::<io::Result<Vec<_>>>();
    let pages = relay.blobs.with_files(list).await.unwrap();
    let names = pages.into_iter().flatten();
    names.filter(|name| !files::is_mark(name)).collect()
}

/// The file that a blob has at this byte.
async fn file(relay: &Relay, blob: i64, start: u64) -> String {
    let find = move |db: &Connection| parts::covering(db, blob, start, start + 1);
    let parts = relay.store.run(find).await.unwrap();
    parts[0].name.clone()
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
}

#[tokio::test]
async fn a_blob_is_kept_for_its_days_of_proven_time_and_its_id_for_400_more() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    put_all(&relay, &alice, first(), b"sealed").await;
    let kept_until = state_of(&relay, &bob, first()).await.unwrap().kept_until_ms;
    assert_eq!(kept_until, NOW + 30 * DAY);
    world.run(&relay, 30 * DAY - 1).await;
    relay.clean_up().await.unwrap();
    assert_eq!(get(&relay, &bob, first(), 0, 6).await.unwrap(), b"sealed");
    assert_eq!(files(&relay).await.len(), 1);
    world.run(&relay, 3_600_000).await;
    relay.clean_up().await.unwrap();
    for device in [&alice, &bob] {
        let gone = state_of(&relay, device, first()).await;
        assert_eq!(gone, Err(ErrorCode::NoSuchBlob));
        let gone = get(&relay, device, first(), 0, 6).await;
        assert_eq!(gone, Err(ErrorCode::NoSuchBlob));
    }
    assert!(files(&relay).await.is_empty());
    assert_eq!(
        count(&relay, "SELECT count(DISTINCT account) FROM stored").await,
        1
    );
    let bytes = "SELECT CAST(sum(bytes) AS BIGINT) FROM stored";
    assert_eq!(count(&relay, bytes).await, 0);
    // Nobody puts other bytes in its place, until the id is forgotten.
    let taken = Err(ErrorCode::BlobTaken);
    assert_eq!(
        put_part(&relay, &alice, first(), 0, 6, b"others").await,
        taken
    );
    let room = relay.blobs.room;
    for (day, gone) in [(399, 1), (401, 0)] {
        let proven = Proven::starting_at(NOW + (30 + day) * DAY);
        let now_ms = proven.at_ms as i64;
        let expire = move |db: &Connection| expiry::expire(db, now_ms, &proven, &room);
        relay.store.run(expire).await.unwrap();
        assert_eq!(count(&relay, "SELECT count(*) FROM blob_gone").await, gone);
    }
    put_all(&relay, &bob, first(), b"others").await;
}

#[tokio::test]
async fn an_unfinished_blob_is_kept_for_a_day_after_its_newest_part_and_leaves_its_id_free() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    let begun = put_part(&relay, &alice, first(), 0, 6, b"se")
        .await
        .unwrap();
    assert_eq!((begun.received, begun.kept_until_ms), (2, NOW + DAY));
    world.run(&relay, 20 * 3_600_000).await;
    // A part that arrives again is no newer part.
    let again = put_part(&relay, &alice, first(), 0, 6, b"se")
        .await
        .unwrap();
    assert_eq!(again, begun);
    put_part(&relay, &alice, first(), 2, 6, b"al")
        .await
        .unwrap();
    world.run(&relay, 23 * 3_600_000).await;
    relay.clean_up().await.unwrap();
    assert_eq!(state_of(&relay, &alice, first()).await.unwrap().received, 4);
    world.run(&relay, 3_600_000).await;
    relay.clean_up().await.unwrap();
    let gone = state_of(&relay, &alice, first()).await;
    assert_eq!(gone, Err(ErrorCode::NoSuchBlob));
    assert!(files(&relay).await.is_empty());
    // Nobody but its sender could see it, so the upload can begin anew.
    put_all(&relay, &alice, first(), b"sealed").await;
}

#[tokio::test]
async fn a_clock_that_jumps_deletes_no_blob_early_and_keeps_none_for_longer() {
    for settled in [false, true] {
        let began_ms = if settled { NOW - 100 * DAY } else { NOW };
        let world = World::at(began_ms);
        let relay = world.open().await;
        world.clocks.set(NOW);
        let mut proven = Proven::starting_at(NOW);
        (proven.began_ms, proven.settled) = (began_ms, settled);
        let save = move |db: &Connection| proven::save(db, &proven);
        relay.store.run(save).await.unwrap();
        drop(relay);
        let relay = world.open().await;
        let alice = device(&relay, "alice").await;
        put_all(&relay, &alice, first(), b"before").await;
        let unfinished = BlobId::from_bytes([1; 32]);
        put_part(&relay, &alice, unfinished, 0, 6, b"be")
            .await
            .unwrap();

        world.clocks.pass(60_000);
        world.clocks.set(NOW + 40 * DAY);
        // A new relay has no stamp keys so far ahead, and says so in its log.
        assert_eq!(relay.keep_time().await.is_ok(), settled);
        relay.clean_up().await.unwrap();
        let during = BlobId::from_bytes([2; 32]);
        put_all(&relay, &alice, during, b"during").await;
        let begun = BlobId::from_bytes([3; 32]);
        put_part(&relay, &alice, begun, 0, 6, b"du").await.unwrap();
        let all = [first(), unfinished, during, begun];
        for blob in all {
            state_of(&relay, &alice, blob).await.unwrap();
        }

        for set_to in [NOW - 20 * DAY, NOW + 60_000] {
            world.clocks.set(set_to);
            relay.keep_time().await.unwrap();
            relay.clean_up().await.unwrap();
            // Nor does the operator's word, once the clock is right again.
            if set_to > NOW {
                relay.trust_clock().await.unwrap();
            }
            relay.keep_time().await.unwrap();
            relay.clean_up().await.unwrap();
            for blob in all {
                state_of(&relay, &alice, blob).await.unwrap();
            }
        }
        // What was put while the clock was ahead has its time from now on.
        if settled {
            let now = relay.now().as_millis();
            let kept_until =
                async |blob| state_of(&relay, &alice, blob).await.unwrap().kept_until_ms;
            assert!(kept_until(during).await <= now + 30 * DAY);
            assert!(kept_until(begun).await <= now + DAY);
        }
    }
}

#[tokio::test]
async fn parts_that_arrive_at_once_or_again_make_the_same_blob() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    let (whole, of) = (content(10_000), 10_000);
    for round in 0..50_u8 {
        let blob = BlobId::from_bytes([round; 32]);
        // Three uploads of the same file race, with parts of different lengths.
        let upload = async |step: usize| {
            let mut at = 0;
            while at < whole.len() {
                let end = whole.len().min(at + step);
                let part = &whole[at..end];
                let state = put_part(&relay, &alice, blob, at as u64, of, part).await;
                at = state.unwrap().received as usize;
            }
        };
        tokio::join!(upload(997), upload(1_499), upload(3_001));
        assert_eq!(get(&relay, &alice, blob, 0, 10_000).await.unwrap(), whole);
    }
    assert_eq!(count(&relay, "SELECT count(*) FROM blob").await, 50);
}

#[tokio::test]
async fn the_space_of_all_and_the_number_of_one_are_bounded() {
    let mut world = World::at(NOW);
    world.blobs.of_all = 1 << 20;
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let id = |n: u8| BlobId::from_bytes([n; 32]);
    // A short blob counts for 64 KiB, and one account gets an eighth of the free space.
    put_all(&relay, &alice, id(0), b"x").await;
    let more = put_part(&relay, &alice, id(1), 0, 1 << 16, b"x").await;
    assert_eq!(more, Err(ErrorCode::BlobQuota));
    let more = put_part(&relay, &bob, id(2), 0, 1 << 17, b"x").await;
    assert_eq!(more, Err(ErrorCode::BlobQuota));
    let more = put_part(&relay, &bob, id(2), 0, 1 << 20, b"x").await;
    assert_eq!(more, Err(ErrorCode::RelayFull));
    put_part(&relay, &bob, id(2), 0, 1 << 16, b"x")
        .await
        .unwrap();
    assert_eq!(count(&relay, "SELECT count(*) FROM blob").await, 2);
    drop(relay);
    world.blobs.of_all = 100 << 30;
    let relay = world.open().await;
    execute(&relay, "UPDATE stored SET blobs = 10000 WHERE account = 1").await;
    let more = put_part(&relay, &alice, id(1), 0, 1, b"x").await;
    assert_eq!(more, Err(ErrorCode::BlobQuota));
    // What has begun goes on.
    put_part(&relay, &bob, id(2), 1, 1 << 16, b"y")
        .await
        .unwrap();
}

#[tokio::test]
async fn files_have_a_budget_of_their_own() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    let whole = content(1 << 20);
    put_all(&relay, &alice, first(), &whole).await;
    let mut read = 0;
    let refused = loop {
        match get(&relay, &alice, first(), 0, 1 << 20).await {
            Ok(_) => read += 1,
            Err(code) => break code,
        }
        assert!(read < 10_000);
    };
    assert_eq!(refused, ErrorCode::TooManyRequests);
    assert!(read >= 256, "{read}");
    relay.limits.account(&alice.me.account, 1 << 20).unwrap();
}

mod file_parts;
mod held;
mod places;
mod shared;
mod space;
mod starts;
