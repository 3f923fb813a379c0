use super::*;

const MINUTE: u64 = MAX_REQUEST_SKEW_MS;
const NOW: u64 = 100 * MINUTE;

fn take(nonces: &mut Nonces, nonce: u8, at_ms: u64, now_ms: u64) -> Result<(), NotTaken> {
    nonces.take(([1; 32], [nonce; 16]), at_ms, now_ms, MAX_OF_OFFICER)
}

#[test]
fn chk621_a_request_that_is_not_of_now_is_refused() {
    let mut nonces = Nonces::new(0);
    for (nonce, at, expected) in [
        (1, NOW - MINUTE, Ok(())),
        (2, NOW - MINUTE - 1, Err(NotTaken::Replayed)),
        (3, NOW + MINUTE, Ok(())),
        (4, NOW + MINUTE + 1, Err(NotTaken::Replayed)),
    ] {
        assert_eq!(take(&mut nonces, nonce, at, NOW), expected, "{nonce}");
    }
    // A server that has just started knows no nonce of before.
    let mut fresh = Nonces::new(NOW);
    assert_eq!(take(&mut fresh, 1, NOW, NOW), Err(NotTaken::Replayed));
    assert_eq!(take(&mut fresh, 1, NOW + 1, NOW), Ok(()));
}

#[test]
fn chk622_each_request_is_taken_once_also_if_the_clock_steps_back() {
    let mut nonces = Nonces::new(0);
    assert_eq!(take(&mut nonces, 1, NOW, NOW), Ok(()));
    assert_eq!(take(&mut nonces, 1, NOW, NOW), Err(NotTaken::Replayed));
    // The time is signed too, but the same nonce at another time is refused as well.
    assert_eq!(take(&mut nonces, 1, NOW + 1, NOW), Err(NotTaken::Replayed));
    // Another key has nonces of its own.
    assert_eq!(nonces.take(([2; 32], [1; 16]), NOW, NOW, 1), Ok(()));

    // Later, the nonces are forgotten. The clock that steps back does not bring the requests back.
    let later = NOW + 2 * MINUTE;
    assert_eq!(take(&mut nonces, 9, later, later), Ok(()));
    assert_eq!(nonces.known.len(), 1);
    assert_eq!(take(&mut nonces, 1, NOW, NOW), Err(NotTaken::Replayed));
    assert_eq!(take(&mut nonces, 9, later, later), Err(NotTaken::Replayed));
}

#[test]
fn one_key_takes_no_room_of_others() {
    let mut nonces = Nonces::new(0);
    let mut take = |key: u8, number: u64, now_ms: u64| {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&number.to_be_bytes());
        let taken = nonces.take(([key; 32], nonce), now_ms, now_ms, MAX_OF_OFFICER);
        (taken, nonces.known.len())
    };
    let max = MAX_OF_OFFICER as u64;
    for number in 0..max {
        assert_eq!(take(1, number, NOW).0, Ok(()));
    }
    assert_eq!(take(1, max, NOW).0, Err(NotTaken::TooMany));
    assert_eq!(take(2, max, NOW).0, Ok(()));
    assert_eq!(take(1, max, NOW + 2 * MINUTE), (Ok(()), 1));
    assert_eq!(nonces.of_key.len(), 1);
}
