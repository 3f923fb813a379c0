use rand::SeedableRng;
use rand::rngs::StdRng;

use super::MARK_LEN;
use crate::IdentityKeyPair;

fn identity(seed: u64) -> IdentityKeyPair {
    IdentityKeyPair::generate(&mut StdRng::seed_from_u64(seed))
}

#[test]
fn a_mark_says_its_counter_to_the_identity_that_made_it() {
    let own = identity(1);
    for counter in [0, 1, 1 << 32, u64::MAX] {
        let mark = own.mark(counter);
        assert_eq!(mark[..8], counter.to_be_bytes());
        assert_eq!(own.verify_mark(&mark), Some(counter));
        let stored = IdentityKeyPair::import(&own.export()).unwrap();
        assert_eq!(stored.mark(counter), mark, "a mark is deterministic");
    }
}

#[test]
fn chk99_a_mark_with_an_altered_bit_or_of_another_identity_does_not_verify() {
    let (own, other) = (identity(1), identity(2));
    let mark = own.mark(7);
    assert_eq!(other.verify_mark(&mark), None);
    for bit in 0..MARK_LEN * 8 {
        let mut altered = mark;
        altered[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(own.verify_mark(&altered), None, "bit {bit}");
    }
    let mut moved = own.mark(8);
    moved[8..].copy_from_slice(&mark[8..]);
    assert_eq!(own.verify_mark(&moved), None);
    assert_eq!(own.verify_mark(&[0; MARK_LEN]), None);
}
