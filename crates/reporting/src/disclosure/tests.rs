//! Tests of `disclosure.rs`.

use super::*;

#[test]
fn part_sets_hold_32_parts() {
    assert!(PartSet::all(32).contains(31));
    assert!(!PartSet::all(32).contains(32));
    assert!(!PartSet::HEADER.with(40).contains(40));
}
