#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use proptest::prelude::*;
use proptest::sample::subsequence;

use super::*;

/// Multiplies by the schoolbook method for polynomials. The code under test is compared with it.
fn slow_multiply(a: u16, b: u16) -> u16 {
    let mut product = 0_u32;
    for bit in 0..16 {
        if b >> bit & 1 == 1 {
            product ^= u32::from(a) << bit;
        }
    }
    for bit in (16..32).rev() {
        if product >> bit & 1 == 1 {
            product ^= 0x1_100b << (bit - 16);
        }
    }
    u16::try_from(product).unwrap()
}

/// Computes one symbol of chunk `at` by solving for the coefficients with Gaussian elimination. It
/// shares nothing with the code under test.
fn slow_value(points: &[(u16, u16)], at: u16) -> u16 {
    let n = points.len();
    let power = |x: u16, exponent: usize| (0..exponent).fold(1, |y, _| slow_multiply(y, x));
    let mut rows: Vec<Vec<u16>> = points
        .iter()
        .map(|(x, y)| (0..n).map(|i| power(*x, i)).chain([*y]).collect())
        .collect();
    for column in 0..n {
        let pivot = (column..n).find(|row| rows[*row][column] != 0).unwrap();
        rows.swap(column, pivot);
        // a^(2^16 - 2) = ((a^2 * a)^2 * a)^2 ..
        let a = rows[column][column];
        let squared = |y| slow_multiply(y, y);
        let inverse = squared((0..14).fold(a, |y, _| slow_multiply(squared(y), a)));
        for value in &mut rows[column] {
            *value = slow_multiply(*value, inverse);
        }
        let pivot = rows[column].clone();
        for (index, row) in rows.iter_mut().enumerate() {
            let factor = row[column];
            if index != column {
                for (value, pivot) in row.iter_mut().zip(&pivot) {
                    *value ^= slow_multiply(factor, *pivot);
                }
            }
        }
    }
    (0..n).fold(0, |sum, i| sum ^ slow_multiply(rows[i][n], power(at, i)))
}

fn message<const N: usize>(seed: u64) -> [Chunk; N] {
    let mut rng = crate::tests::support::rng(seed);
    [(); N].map(|()| {
        let mut chunk = [0; CHUNK_LEN];
        rng.fill_bytes(&mut chunk);
        chunk
    })
}

/// Adds chunks with these indices in this order, and asserts that only the last one completes the
/// message.
fn collect<const N: usize>(message: &[Chunk; N], indices: &[u16]) {
    let mut collector = Collector::<N>::new();
    let (last, first) = indices.split_last().unwrap();
    for index in first {
        let chunk = encode(message, *index);
        assert!(collector.add(*index, &chunk).is_none());
        assert!(
            collector.add(*index, &[0xaa; CHUNK_LEN]).is_none(),
            "the first one stays"
        );
        collector = Collector::from_chunks(collector.chunks().to_vec()).unwrap();
    }
    let rebuilt = collector.add(*last, &encode(message, *last)).unwrap();
    assert!(*rebuilt == *message);
}

#[test]
fn field_has_inverses_and_the_published_polynomial() {
    assert_eq!(double(0x8000), 0x100b);
    assert_eq!(invert(0), 0);
    for a in (1..=u16::MAX).step_by(11) {
        assert_eq!(multiply(a, invert(a)), 1);
    }
}

#[test]
fn the_first_chunks_are_the_message_itself() {
    let message = message::<36>(1);
    for (index, chunk) in (0..).zip(&message) {
        assert_eq!(&encode(&message, index), chunk);
    }
    collect(&message, &(0..36).collect::<Vec<_>>());
    collect(&message, &(36..72).collect::<Vec<_>>());
    collect(&message, &(65_500..=65_535).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn multiplication_is_that_of_polynomials(a: u16, b: u16, c: u16) {
        prop_assert_eq!(multiply(a, b), slow_multiply(a, b));
        prop_assert_eq!(multiply(a, b ^ c), multiply(a, b) ^ multiply(a, c));
        let sum = Symbols::weighted_sum(vec![(b, Symbols([a; 16])), (c, Symbols([b; 16]))]);
        prop_assert_eq!(sum.0, [slow_multiply(a, b) ^ slow_multiply(b, c); 16]);
    }

    #[test]
    fn sixteen_at_once_are_as_one_by_one(a: [u16; 16], b: [u16; 16]) {
        let product = Symbols(a).times(Symbols(b));
        let others = Symbols(a).products_of_others();
        let inverted = Symbols(a).inverted();
        for place in 0..16 {
            prop_assert_eq!(product.0[place], slow_multiply(a[place], b[place]));
            prop_assert_eq!(inverted.0[place], invert(a[place]));
            let rest = (0..16).filter(|other| *other != place);
            prop_assert_eq!(others.0[place], rest.fold(1, |y, other| slow_multiply(y, a[other])));
        }
    }

    #[test]
    fn chunks_are_values_of_the_polynomials(seed: u64, at: u16) {
        let message = message::<5>(seed);
        let chunk = encode(&message, at);
        for lane in 0..16 {
            let symbol = |chunk: &Chunk| u16::from_be_bytes([chunk[2 * lane], chunk[2 * lane + 1]]);
            let points: Vec<_> = (0..).zip(&message).map(|(x, chunk)| (x, symbol(chunk))).collect();
            prop_assert_eq!(symbol(&chunk), slow_value(&points, at));
        }
    }

    #[test]
    fn any_sufficient_chunks_in_any_order_give_the_message(
        seed: u64,
        three in subsequence((0..50_u16).collect::<Vec<_>>(), 3).prop_shuffle(),
        five in subsequence((0..9_u16).collect::<Vec<_>>(), 5).prop_shuffle(),
        thirty in prop::collection::hash_set(any::<u16>(), 30),
        thirty_six in subsequence((0..80_u16).collect::<Vec<_>>(), 36).prop_shuffle(),
    ) {
        collect(&message::<3>(seed), &three);
        collect(&message::<5>(seed), &five);
        collect(&message::<30>(seed), &thirty.into_iter().collect::<Vec<_>>());
        collect(&message::<36>(seed), &thirty_six);
    }

    #[test]
    fn stored_chunks_must_be_few_and_ascending(indices in prop::collection::vec(0..8_u16, 0..6)) {
        let chunks: Vec<_> = indices.iter().map(|index| (*index, [0; CHUNK_LEN])).collect();
        let valid = indices.len() < 5 && indices.is_sorted_by(|a, b| a < b);
        prop_assert_eq!(Collector::<5>::from_chunks(chunks).is_some(), valid);
    }
}

#[test]
fn a_chunk_collected_twice_is_not_taken_back() {
    let twice = vec![(3, [1; CHUNK_LEN]), (3, [1; CHUNK_LEN])];
    assert!(Collector::<5>::from_chunks(twice).is_none());
}
