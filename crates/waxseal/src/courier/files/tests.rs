use waxseal_interface::MAX_BLOB_PART_LEN;
use waxseal_reporting::file::FileShape;

use super::part_len::PartLen;
use super::upload::end_of_part;

#[test]
fn parts_grow_while_they_are_quick_and_shrink_when_they_are_slow_or_fail() {
    let mut part = PartLen::default();
    assert_eq!(part.get(), 262_144);
    part.succeeded(999);
    assert_eq!(part.get(), 524_288);
    part.succeeded(1_000);
    part.succeeded(4_000);
    assert_eq!(part.get(), 524_288);
    (0..9).for_each(|_| part.succeeded(0));
    assert_eq!(part.get(), MAX_BLOB_PART_LEN);
    part.succeeded(4_001);
    assert_eq!(part.get(), 524_288);
    (0..9).for_each(|_| part.failed());
    assert_eq!(part.get(), 65_536);
}

#[test]
fn parts_that_are_too_large_are_not_tried_again() {
    let mut part = PartLen::default();
    assert!(part.too_large());
    (0..9).for_each(|_| part.succeeded(0));
    assert_eq!(part.get(), 131_072);
    assert!(part.too_large());
    assert!(!part.too_large());
    assert_eq!(part.get(), 65_536);
}

#[test]
fn a_part_ends_with_a_chunk_or_with_the_blob() {
    let shape = FileShape::new(1_000_000).unwrap();
    assert_eq!(end_of_part(shape, 0, 262_144), 262_144);
    assert_eq!(end_of_part(shape, 70_000, 262_144), 327_680);
    // The chunks end in the middle of this part.
    assert!(shape.sealed_len() < 1_048_576);
    assert_eq!(end_of_part(shape, 786_432, 262_144), shape.blob_len());
    let large = FileShape::new(1 << 32).unwrap();
    let nodes = large.tags_offset() + 7;
    assert_eq!(end_of_part(large, nodes, 65_536), nodes + 65_536);
    // Parts of any length lead from the beginning to the end.
    for (shape, most) in [(shape, 65_536), (shape, 131_072), (large, 1 << 20)] {
        let mut at = 0;
        while at < shape.blob_len() {
            let end = end_of_part(shape, at, most);
            assert!(end > at && end - at <= most as u64);
            at = end;
        }
        assert_eq!(at, shape.blob_len());
    }
}
