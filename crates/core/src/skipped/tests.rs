use super::*;
use crate::codec::{Reader, SESSION_VERSION, Writer};
use crate::error::DecodeError;

mod model;

fn missing(numbers: core::ops::Range<u32>, opened: u64) -> Missing {
    let mut missing = Missing::new(0, numbers, opened);
    missing.seeds().flatten().for_each(|seed| *seed = [7; 32]);
    missing
        .post_quantum()
        .flatten()
        .for_each(|key| *key = [9; 32]);
    missing
}

fn chain(number: u64) -> EarlierChain {
    EarlierChain {
        number,
        header_key: HeaderKey::from_bytes(&[8; 32]),
    }
}

const MAX_KEYS: u32 = 4_000;

#[test]
fn chk31_the_eleventh_chain_drops_the_oldest_with_its_seeds() {
    let mut skipped = SkippedKeys::new();
    for number in 1..=10 {
        skipped.store(number, missing(0..2, 0));
        skipped.close(chain(number));
        skipped.prune(0);
    }
    assert_eq!(skipped.len(), (20, MAX_SKIPPED_CHAINS));
    assert!(skipped.get(1, 0).is_some());
    skipped.store(11, missing(0..2, 0));
    skipped.close(chain(11));
    skipped.prune(0);
    assert_eq!(skipped.len(), (20, MAX_SKIPPED_CHAINS));
    assert!(skipped.get(1, 0).is_none());
    assert!(skipped.get(2, 0).is_some());
}

#[test]
fn chk32_one_seed_too_many_drops_the_oldest() {
    let mut skipped = SkippedKeys::new();
    skipped.store(1, missing(0..MAX_KEYS, 0));
    skipped.prune(0);
    assert_eq!(skipped.len().0, MAX_SKIPPED_KEYS);
    skipped.store(1, missing(MAX_KEYS..MAX_KEYS + 1, 0));
    skipped.prune(0);
    assert_eq!(skipped.len().0, MAX_SKIPPED_KEYS);
    assert!(skipped.get(1, 0).is_none());
    assert!(skipped.get(1, 1).is_some());
    assert!(skipped.get(1, MAX_KEYS).is_some());
}

#[test]
fn chk33_a_seed_is_given_up_after_its_age() {
    let mut skipped = SkippedKeys::new();
    skipped.store(1, missing(0..1, 5));
    skipped.close(chain(1));
    skipped.prune(5 + MAX_SKIPPED_AGE);
    assert_eq!(skipped.len(), (1, 1));
    skipped.prune(5 + MAX_SKIPPED_AGE + 1);
    assert_eq!(
        skipped.len(),
        (0, 0),
        "the chain's header key outlives its last skipped key"
    );
}

#[test]
fn a_chain_that_lacks_nothing_is_forgotten() {
    let mut skipped = SkippedKeys::new();
    skipped.close(chain(1));
    assert_eq!(skipped.len(), (0, 0));
    skipped.store(2, missing(3..5, 0));
    skipped.close(chain(2));
    skipped.remove(2, 4);
    assert_eq!(skipped.len(), (1, 1));
    skipped.remove(2, 3);
    assert_eq!(skipped.len(), (0, 0));
}

#[test]
fn an_export_with_a_chain_that_lacks_nothing_is_refused() {
    let mut skipped = SkippedKeys::new();
    skipped.store(1, missing(0..1, 0));
    skipped.close(chain(1));
    let mut writer = Writer::new(SESSION_VERSION, skipped.export_len(Form::Whole));
    skipped.write(&mut writer, Form::Whole);
    let bytes = writer.finish();
    assert_eq!(bytes.len(), skipped.export_len(Form::Whole) + 1);
    let read = |chain, opened| {
        let reader = &mut Reader::new(SESSION_VERSION, &bytes, 1_000).unwrap();
        let received = Received {
            chain,
            n: 9,
            opened,
        };
        SkippedKeys::read(reader, Form::Whole, received).map(|read| read.len())
    };
    assert_eq!(read(2, 1), Ok((1, 1)));
    // Chain 1 is the current chain, so it cannot be an earlier one as well.
    assert_eq!(read(1, 1), Err(DecodeError::NotCanonical));
    // A key can only be stored once a message has been opened.
    assert_eq!(read(2, 0), Err(DecodeError::NotCanonical));
    let mut empty = SkippedKeys::new();
    empty.chains.push(chain(1));
    let mut writer = Writer::new(SESSION_VERSION, 100);
    empty.write(&mut writer, Form::Whole);
    let bytes = writer.finish();
    let reader = &mut Reader::new(SESSION_VERSION, &bytes, 1_000).unwrap();
    assert!(SkippedKeys::read(reader, Form::Whole, received(2, 0)).is_err());
}

/// A session that has received up to message `n` of `chain`, and has opened 100 messages.
fn received(chain: u64, n: u32) -> Received {
    Received {
        chain,
        n,
        opened: 100,
    }
}

#[test]
fn chk47_keys_that_a_session_cannot_have_are_not_read() {
    let read = |keys: &[(u64, u32, u64)], received| {
        let mut skipped = SkippedKeys::new();
        for (chain, n, opened) in keys {
            skipped.store(*chain, missing(*n..*n + 1, *opened));
        }
        let bytes = model::export(&skipped);
        let reader = &mut Reader::new(SESSION_VERSION, &bytes, 1_000).unwrap();
        SkippedKeys::read(reader, Form::Whole, received).map(|read| read.len().0)
    };
    assert_eq!(read(&[(1, 3, 99), (1, 70, 99)], received(1, 71)), Ok(2));
    let refused = Err(DecodeError::NotCanonical);
    assert_eq!(
        read(&[(1, 3, 0), (1, 70, 0)], received(1, 70)),
        refused,
        "not skipped yet"
    );
    assert_eq!(
        read(&[(1, 3, 0), (1, 70, 100)], received(1, 71)),
        refused,
        "not stored yet"
    );
    assert_eq!(
        read(&[(1, 3, 8), (1, 70, 7)], received(1, 71)),
        refused,
        "a younger key before an older one"
    );
    assert_eq!(
        read(&[(1, 3, 8), (1, 4, 7)], received(1, 71)),
        refused,
        "a younger key before an older one in one page"
    );
    assert_eq!(
        read(&[(1, 3, 0)], received(2, 71)),
        refused,
        "the chain is not held"
    );
    assert_eq!(
        read(&[(2, 3, 0)], received(1, 71)),
        refused,
        "the chain is yet to come"
    );
    assert_eq!(
        read(&[(0, 0, 0)], received(0, 0)),
        refused,
        "there is no chain 0"
    );
}

#[test]
fn a_stored_page_that_goes_twice_between_two_calls_is_removed() {
    let mut skipped = SkippedKeys::new();
    skipped.store(1, missing(0..2, 0));
    assert_eq!(skipped.take_changes(&[4; 32]).len(), 1);
    // The first two arrive, and the page goes. The third is skipped, and the page comes back. The
    // third arrives too, and the page is gone again.
    skipped.remove(1, 0);
    skipped.remove(1, 1);
    skipped.store(1, missing(2..3, 0));
    skipped.remove(1, 2);
    let changes = skipped.take_changes(&[4; 32]);
    assert!(matches!(&changes[..], [gone] if gone.bytes.is_none()));
}
