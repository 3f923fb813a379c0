//! Blobs: uploaded in parts that may be lost or repeated, fetched by ranges, and bounded.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::time::Instant;

use waxseal_interface::{BlobState, ErrorCode, MAX_BLOB_LEN, MAX_BLOB_PART_LEN};
use waxseal_relay::{ClientError, RelayClient};
use waxseal_reporting::BlobId;
use world::family::Family;
use world::{Device, RelayProcess, SOON, World, code, count, database, raw, request};

/// The blob of most tests.
fn first() -> BlobId {
    BlobId::from_bytes([0xab; 32])
}

fn put(
    device: &Device,
    blob: &BlobId,
    at: u64,
    of: usize,
    bytes: &[u8],
) -> Result<BlobState, ClientError> {
    let client = &device.client;
    client.put_blob(device.session(), blob, at, of as u64, bytes)
}

fn get(device: &Device, blob: &BlobId, at: u64, len: usize) -> Result<Vec<u8>, ClientError> {
    device.client.blob(device.session(), blob, at, len)
}

fn state(device: &Device, blob: &BlobId) -> Result<BlobState, ClientError> {
    device.client.blob_state(device.session(), blob)
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
}

/// Uploads in parts of this length, from where the relay's bytes end.
fn upload(device: &Device, blob: &BlobId, whole: &[u8], part: usize) {
    let mut at = 0;
    while at < whole.len() {
        let end = whole.len().min(at + part);
        let state = put(device, blob, at as u64, whole.len(), &whole[at..end]).unwrap();
        at = state.received as usize;
    }
}

fn fetch(device: &Device, blob: &BlobId, len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < len {
        let part = MAX_BLOB_PART_LEN.min(len - bytes.len());
        bytes.extend(get(device, blob, bytes.len() as u64, part).unwrap());
    }
    bytes
}

/// Waits until a query of the relay's database returns 0.
fn wait_for_none(world: &World, sql: &str) {
    let began = Instant::now();
    while count(world, sql) > 0 {
        assert!(began.elapsed() < SOON, "{sql}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_blob_of_many_parts_goes_up_and_down_and_survives_a_crash_in_the_middle() {
    let mut world = World::new();
    let [mut alice, mut bob] = world::devices(&world, ["alice", "bob"]);
    let whole = content(3 * MAX_BLOB_PART_LEN + 12_345);
    upload(&alice, &first(), &whole[..], MAX_BLOB_PART_LEN);
    let other = BlobId::from_bytes([1; 32]);
    put(&alice, &other, 0, whole.len(), &whole[..500_000]).unwrap();
    world.relay.take().unwrap().kill();
    world.start();
    alice.use_relay_of(&world);
    bob.use_relay_of(&world);
    assert_eq!(state(&alice, &other).unwrap().received, 500_000);
    upload(&alice, &other, &whole, 700_001);
    for blob in [first(), other] {
        assert!(state(&bob, &blob).unwrap().is_complete());
        assert!(fetch(&bob, &blob, whole.len()) == whole);
    }
    let db = database(&world);
    let stored = db.query_row(
        "SELECT blobs, bytes FROM stored WHERE account = -1",
        [],
        |row| row.try_into(),
    );
    let stored: (i64, i64) = stored.unwrap();
    assert_eq!(stored, (2, 2 * whole.len() as i64));
}

#[test]
fn chk510_a_part_is_appended_where_the_bytes_end_and_replaces_none() {
    let world = World::new();
    let alice = world.device("alice");
    let received = |at, bytes: &[u8]| put(&alice, &first(), at, 10, bytes).unwrap().received;
    assert_eq!(received(0, b"01234"), 5);
    // Again, as after a lost answer; with other bytes; in part; and behind a gap.
    assert_eq!(received(0, b"01234"), 5);
    assert_eq!(received(0, b"xxxxx"), 5);
    assert_eq!(received(3, b"x"), 5);
    assert_eq!(received(6, b"6789"), 5);
    assert_eq!(received(3, b"xx567"), 8);
    assert_eq!(received(5, b"xxx89"), 10);
    assert_eq!(received(0, b"xxxxxxxxxx"), 10);
    assert_eq!(get(&alice, &first(), 0, 10).unwrap(), b"0123456789");
}

#[test]
fn chk511_a_blob_belongs_to_the_account_that_began_it_and_has_one_length() {
    let world = World::new();
    let family = Family::new(&world, "alice", 2);
    let (alice, tablet, bob) = (&family.devices[0], &family.devices[1], world.device("bob"));
    put(alice, &first(), 0, 6, b"sea").unwrap();
    for of in [5, 7] {
        assert_eq!(
            code(put(alice, &first(), 3, of, b"l")),
            ErrorCode::BlobTaken
        );
    }
    let taken = |device, at, bytes: &[u8]| code(put(device, &first(), at, 6, bytes));
    assert_eq!(taken(&bob, 0, b"others"), ErrorCode::BlobTaken);
    assert_eq!(taken(&bob, 3, b"led"), ErrorCode::BlobTaken);
    assert_eq!(state(alice, &first()).unwrap().received, 3);
    // The other device of the account goes on.
    assert!(put(tablet, &first(), 3, 6, b"led").unwrap().is_complete());
    assert_eq!(taken(&bob, 0, b"sealed"), ErrorCode::BlobTaken);
    assert_eq!(get(&bob, &first(), 0, 6).unwrap(), b"sealed");
}

#[test]
fn chk512_before_it_is_complete_a_blob_is_there_for_its_account_alone() {
    let world = World::new();
    let [alice, bob] = world::devices(&world, ["alice", "bob"]);
    for device in [&alice, &bob] {
        assert_eq!(code(state(device, &first())), ErrorCode::NoSuchBlob);
    }
    put(&alice, &first(), 0, 6, b"seale").unwrap();
    assert_eq!(state(&alice, &first()).unwrap().received, 5);
    assert_eq!(code(state(&bob, &first())), ErrorCode::NoSuchBlob);
    for device in [&alice, &bob] {
        assert_eq!(code(get(device, &first(), 0, 5)), ErrorCode::NoSuchBlob);
    }
    put(&alice, &first(), 5, 6, b"d").unwrap();
    assert_eq!(
        state(&bob, &first()).unwrap(),
        state(&alice, &first()).unwrap()
    );
    assert_eq!(get(&bob, &first(), 0, 6).unwrap(), b"sealed");
}

#[test]
fn chk513_the_id_of_a_deleted_blob_is_given_to_no_other() {
    let mut world = World::new();
    let [mut alice, mut bob] = world::devices(&world, ["alice", "bob"]);
    put(&alice, &first(), 0, 6, b"sealed").unwrap();
    database(&world)
        .execute("UPDATE blob SET kept_until_ms = 1", [])
        .unwrap();
    world.restart_with(&[]);
    wait_for_none(&world, "SELECT count(*) FROM blob");
    for device in [&mut alice, &mut bob] {
        device.use_relay_of(&world);
        assert_eq!(code(state(device, &first())), ErrorCode::NoSuchBlob);
        for bytes in [b"sealed", b"others"] {
            assert_eq!(
                code(put(device, &first(), 0, 6, bytes)),
                ErrorCode::BlobTaken
            );
        }
    }
    let left = world.dir.path().join("data/blobs").read_dir().unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn chk514_an_account_keeps_as_much_as_its_quota() {
    let mut world = World::new();
    let [mut alice, mut bob] = world::devices(&world, ["alice", "bob"]);
    // 1 MiB for an account.
    world.restart_with(&["--blob-quota-gib", "0.0009765625"]);
    alice.use_relay_of(&world);
    bob.use_relay_of(&world);
    let id = |n: u8| BlobId::from_bytes([n; 32]);
    // What is announced counts, and not what is there.
    put(&alice, &id(1), 0, 1 << 19, b"x").unwrap();
    put(&alice, &id(2), 0, 1 << 19, b"x").unwrap();
    let full = put(&alice, &id(3), 0, 1, b"x").unwrap_err();
    assert_eq!(full.code(), Some(ErrorCode::BlobQuota));
    assert!(full.is_transient() && full.retry_after_secs().is_some());
    assert_eq!(code(state(&alice, &id(3))), ErrorCode::NoSuchBlob);
    // What has begun goes on, and another account has its own room.
    assert_eq!(put(&alice, &id(2), 1, 1 << 19, b"y").unwrap().received, 2);
    put(&bob, &id(3), 0, 1 << 20, b"x").unwrap();
    assert_eq!(code(put(&bob, &id(4), 0, 1, b"x")), ErrorCode::BlobQuota);
    world.restart_with(&["--blobs-gib", "0"]);
    alice.use_relay_of(&world);
    assert_eq!(code(put(&alice, &id(5), 0, 1, b"x")), ErrorCode::RelayFull);
    assert_eq!(put(&alice, &id(2), 2, 1 << 19, b"z").unwrap().received, 3);
}

#[test]
fn a_disk_that_is_full_in_the_middle_of_a_part_leaves_the_blob_as_it_was() {
    let mut world = World::new();
    let mut alice = world.device("alice");
    assert!(world.relay.take().unwrap().stop());
    // 1,024,000 bytes: less than a part in full.
    let dir = world.dir.path();
    world.relay = Some(RelayProcess::start_with_short_files(dir, 2_000));
    alice.use_relay_of(&world);
    let whole = content(8 << 20);
    let next = |alice: &Device, at: usize, len: usize| {
        let bytes = &whole[at..at + len];
        put(alice, &first(), at as u64, whole.len(), bytes)
    };
    let mut at = 0;
    while at < 2_800_000 {
        at = next(&alice, at, 700_000).unwrap().received as usize;
    }
    let full = next(&alice, at, MAX_BLOB_PART_LEN).unwrap_err();
    assert_eq!(full.code(), Some(ErrorCode::RelayFull));
    assert!(full.is_transient());
    assert_eq!(state(&alice, &first()).unwrap().received as usize, at);
    let blobs = world.dir.path().join("data/blobs");
    assert_eq!(std::fs::read_dir(blobs).unwrap().count(), 4);
    world.restart_with(&[]);
    alice.use_relay_of(&world);
    upload(&alice, &first(), &whole, MAX_BLOB_PART_LEN);
    assert!(fetch(&alice, &first(), whole.len()) == whole);
}

#[test]
fn ranges_and_parts_at_their_edges() {
    let world = World::new();
    let alice = world.device("alice");
    let whole = content(MAX_BLOB_PART_LEN + 1);
    let part = |at: u64, of: usize, len: usize| put(&alice, &first(), at, of, &whole[..len]);
    for bad in [
        part(0, 0, 1),
        part(0, whole.len(), 0),
        part(1, 4, 4),
        part(u64::MAX, 4, 1),
        part(0, MAX_BLOB_LEN as usize + 1, 1),
    ] {
        assert_eq!(code(bad), ErrorCode::Malformed);
    }
    // A body that is too long is refused before it is read.
    let (path, token) = (
        format!("/v1/blobs/{}?at=0&of=9", "ab".repeat(32)),
        alice.token(),
    );
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: application/octet-stream\r\nauthorization: Bearer {token}\r\n\r\n",
        whole.len()
    );
    let answer = raw(world.address(), head.as_bytes());
    assert_eq!(answer, (413, "too_large".to_owned()));
    assert_eq!(count(&world, "SELECT count(*) FROM blob"), 0);
    // The longest blob is begun.
    let longest = BlobId::from_bytes([1; 32]);
    let begun = put(&alice, &longest, 0, MAX_BLOB_LEN as usize, b"x").unwrap();
    assert_eq!(begun.len, MAX_BLOB_LEN);

    upload(&alice, &first(), &whole, MAX_BLOB_PART_LEN);
    let len = whole.len() as u64;
    let range = |at: u64, len: usize| get(&alice, &first(), at, len);
    assert_eq!(range(0, 1).unwrap(), whole[..1]);
    assert_eq!(range(len - 1, 1).unwrap(), whole[whole.len() - 1..]);
    assert!(range(1, MAX_BLOB_PART_LEN).unwrap() == whole[1..]);
    for (at, len) in [
        (0, 0),
        (len, 0),
        (len, 1),
        (len - 1, 2),
        (u64::MAX, 1),
        (2, MAX_BLOB_PART_LEN),
        (0, MAX_BLOB_PART_LEN + 1),
        (0, usize::MAX),
    ] {
        assert_eq!(code(range(at, len)), ErrorCode::Malformed, "{at} {len}");
    }
}

#[test]
fn paths_that_name_no_blob_and_requests_without_numbers_are_refused() {
    let world = World::new();
    let alice = world.device("alice");
    let (octets, hex, token) = ("application/octet-stream", "ab".repeat(32), alice.token());
    for (method, path, status, error) in [
        ("PUT", format!("{}?at=0&of=1", &hex[1..]), 404, "not_found"),
        (
            "PUT",
            format!("{}?at=0&of=1", hex.to_uppercase()),
            404,
            "not_found",
        ),
        ("PUT", format!("{hex}?at=0"), 400, "malformed"),
        ("PUT", format!("{hex}?at=-1&of=1"), 400, "malformed"),
        ("GET", format!("{hex}0"), 404, "not_found"),
        ("GET", hex.clone(), 404, "no_such_blob"),
        ("GET", format!("{hex}/bytes"), 400, "malformed"),
        (
            "GET",
            format!("{hex}/bytes?at=0&len=1"),
            404,
            "no_such_blob",
        ),
        ("POST", hex.clone(), 405, "method_not_allowed"),
    ] {
        let path = format!("/v1/blobs/{path}");
        let answer = request(&world, method, &path, token, octets, b"x");
        assert_eq!(answer, (status, error.to_owned()), "{path}");
        let answer = request(&world, method, &path, "", octets, b"x");
        let refused = if status == 405 { 405 } else { 401 };
        assert_eq!(answer.0, refused, "{path}");
    }
    let path = format!("/v1/blobs/{hex}?at=0&of=1");
    let answer = request(&world, "PUT", &path, token, "text/plain", b"x");
    assert_eq!(answer, (415, "unsupported_media_type".to_owned()));
}

/// Uploads from many connections at once, as a device does that repeats what it gave up.
#[test]
fn uploads_of_one_blob_from_many_connections_make_one_blob() {
    let world = World::new();
    let alice = world.device("alice");
    let whole = content(2_000_000);
    std::thread::scope(|scope| {
        for part in [100_003, 250_007, 333_331, 64_000] {
            let (alice, whole) = (&alice, &whole);
            let client = RelayClient::new(world.url()).unwrap();
            scope.spawn(move || {
                let mut at = 0;
                while at < whole.len() {
                    let bytes = &whole[at..whole.len().min(at + part)];
                    let of = whole.len() as u64;
                    let state = client.put_blob(alice.session(), &first(), at as u64, of, bytes);
                    at = state.unwrap().received as usize;
                }
            });
        }
    });
    assert!(fetch(&alice, &first(), whole.len()) == whole);
}
