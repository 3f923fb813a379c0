//! Tests of `padding.rs`.

use super::*;

#[test]
fn every_small_length_round_trips_and_pads_to_a_multiple_of_64() {
    for len in 0..5_000 {
        // The hard case is content that ends in bytes that look like padding.
        for last in [0x80, 0x00, 0x01] {
            let mut content = vec![last; len];
            pad(&mut content);
            assert_eq!(content.len() % 64, 0);
            assert_eq!(unpadded_len(&content), Some(len));
            assert!(content.len() <= 1_024 || content.len() * 100 <= (len + 1) * 112);
        }
    }
}

#[test]
fn lengths_are_those_of_the_table() {
    let table = [
        (0, 64),
        (63, 64),
        (64, 128),
        (1_022, 1_024),
        (1_023, 1_024),
        (1_024, 1_088),
        (2_047, 2_048),
        (2_048, 2_176),
        (10_000, 10_240),
        (65_568, 67_584),
    ];
    for (len, padded) in table {
        assert_eq!(padded_len(len), padded, "{len}");
    }
}

#[test]
fn chk56_padding_other_than_the_canonical_one_is_refused() {
    let mut padded = vec![7; 10];
    pad(&mut padded);
    assert_eq!(unpadded_len(&padded), Some(10));
    let longer = [padded.clone(), vec![0; 64]].concat();
    assert_eq!(unpadded_len(&longer), None, "a block more");
    assert_eq!(unpadded_len(&padded[..63]), None, "a byte less");
    assert_eq!(
        unpadded_len(&[padded.clone(), vec![0]].concat()),
        None,
        "a byte more"
    );
    padded[10] = 0x81;
    assert_eq!(unpadded_len(&padded), None, "another mark");
    padded[10] = 0;
    assert_eq!(unpadded_len(&padded), None, "no mark");
    assert_eq!(unpadded_len(&[0; 64]), None);
    assert_eq!(unpadded_len(&[]), None);
}
