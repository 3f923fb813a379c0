//! Blobs at the relay in memory, as the specification of the provider interface says.

use waxseal::DeviceAddress;
use waxseal::reporting::BlobId;
use waxseal_interface::{BlobState, ErrorCode, MAX_BLOB_LEN, MAX_BLOB_PART_LEN, Request};

use super::{DAY_MS, Town, at};

const BLOB: BlobId = BlobId::from_bytes([7; 32]);

fn put(at: u64, of: u64, bytes: &[u8]) -> Request {
    Request::PutBlob {
        blob: BLOB,
        at,
        of,
        bytes: bytes.to_vec(),
    }
}

fn get(at: u64, len: usize) -> Request {
    Request::Blob {
        blob: BLOB,
        at,
        len,
    }
}

fn received(town: &mut Town, me: &DeviceAddress, request: &Request) -> Result<u64, ErrorCode> {
    let answer = town.of(me, request).map_err(|body| body.error)?;
    let state: BlobState = serde_json::from_slice(&answer).unwrap();
    Ok(state.received)
}

#[test]
fn a_blob_is_put_in_parts_and_what_is_there_is_never_replaced() {
    let (mut town, alice, bob) = (Town::new(), at("alice", 1), at("bob", 1));
    let put = |town: &mut Town, at, bytes| received(town, &alice, &put(at, 10, bytes));
    assert_eq!(put(&mut town, 3, b"later"), Ok(0)); // begins the blob, and leaves no gap
    assert_eq!(put(&mut town, 0, b"abcd"), Ok(4));
    assert_eq!(put(&mut town, 0, b"xxxx"), Ok(4));
    assert_eq!(put(&mut town, 2, b"xxef"), Ok(6));
    assert_eq!(put(&mut town, 7, b"xxx"), Ok(6));
    assert_eq!(put(&mut town, 6, b"ghijk"), Err(ErrorCode::Malformed));
    // Only its account sees an unfinished one.
    let state = Request::BlobState(BLOB);
    assert_eq!(received(&mut town, &alice, &state), Ok(6));
    assert_eq!(
        received(&mut town, &bob, &state),
        Err(ErrorCode::NoSuchBlob)
    );
    assert_eq!(
        town.of(&alice, &get(0, 1)).unwrap_err().error,
        ErrorCode::NoSuchBlob
    );
    assert_eq!(put(&mut town, 6, b"ghij"), Ok(10));
    assert_eq!(received(&mut town, &bob, &state), Ok(10));
    assert_eq!(town.of(&bob, &get(2, 5)).unwrap(), b"cdefg");
    for range in [get(0, 11), get(10, 1), get(0, 0), get(u64::MAX, 1)] {
        let error = town.of(&bob, &range).unwrap_err().error;
        assert_eq!(error, ErrorCode::Malformed);
    }
}

#[test]
fn lengths_owners_and_quotas_of_blobs_are_checked() {
    let (mut town, alice, bob) = (Town::new(), at("alice", 1), at("bob", 1));
    town.relay.blob_quota = 100;
    let longest = vec![0; MAX_BLOB_PART_LEN + 1];
    for (request, code) in [
        (put(0, MAX_BLOB_LEN + 1, b"x"), ErrorCode::Malformed),
        (put(0, 0, b""), ErrorCode::Malformed),
        (put(0, 10, b""), ErrorCode::Malformed),
        (put(0, 1 << 21, &longest), ErrorCode::Malformed),
        (put(u64::MAX, 10, b"x"), ErrorCode::Malformed),
        (put(0, 101, b"x"), ErrorCode::BlobQuota),
    ] {
        assert_eq!(received(&mut town, &alice, &request), Err(code));
    }
    assert_eq!(received(&mut town, &alice, &put(0, 100, b"x")), Ok(1));
    for (who, request) in [(&bob, put(0, 100, b"x")), (&alice, put(0, 99, b"x"))] {
        assert_eq!(
            received(&mut town, who, &request),
            Err(ErrorCode::BlobTaken)
        );
    }
}

#[test]
fn a_blob_goes_after_its_time_and_its_id_stays_taken() {
    let (mut town, alice) = (Town::new(), at("alice", 1));
    assert_eq!(received(&mut town, &alice, &put(0, 2, b"ab")), Ok(2));
    let later = |town: &mut Town, ms| {
        let now = town.relay.provider.now.as_millis() + ms;
        town.relay.set_now(waxseal::Timestamp::from_millis(now));
        town.register(&alice, None).unwrap(); // for another token
    };
    later(&mut town, 29 * DAY_MS);
    assert_eq!(town.relay.blob_ids(), [BLOB]);
    later(&mut town, 2 * DAY_MS);
    let state = Request::BlobState(BLOB);
    assert_eq!(
        received(&mut town, &alice, &state),
        Err(ErrorCode::NoSuchBlob)
    );
    assert_eq!(
        received(&mut town, &alice, &put(0, 2, b"ab")),
        Err(ErrorCode::BlobTaken)
    );
}
