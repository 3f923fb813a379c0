//! Controls of the sweep: it finds secrets that are in memory, and none that were wiped.

use waxseal_leaks::secrets::Secrets;
use zeroize::Zeroizing;

use super::HEAP;

/// A pattern that occurs nowhere else in the process, made without a copy on the heap.
fn pattern(seed: u8) -> [u8; 32] {
    core::array::from_fn(|i| seed ^ (i as u8).wrapping_mul(37).wrapping_add(11))
}

fn known(pattern: &[u8; 32]) -> Secrets {
    let mut secrets = Secrets::new();
    secrets.add("pattern", pattern);
    secrets
}

#[test]
fn freed_memory_that_was_not_wiped_is_found() {
    let (from, pattern) = (HEAP.used(), pattern(1));
    let secrets = known(&pattern);
    assert_eq!(secrets.sweep(&HEAP, from), []);
    drop(pattern.to_vec());
    assert_eq!(
        secrets.sweep(&HEAP, from),
        [("pattern".to_owned(), 2)],
        "both halves of the pattern are found"
    );
}

#[test]
fn live_memory_is_looked_at_too() {
    let (from, pattern) = (HEAP.used(), pattern(2));
    let live = Box::new(pattern);
    assert_eq!(known(&pattern).sweep(&HEAP, from).len(), 1);
    drop(live);
}

#[test]
fn what_growing_leaves_behind_is_found() {
    let (from, pattern) = (HEAP.used(), pattern(3));
    let mut growing = Zeroizing::new(Vec::with_capacity(32));
    growing.extend_from_slice(&pattern);
    growing.extend_from_slice(&[0; 64]);
    drop(growing);
    assert_eq!(known(&pattern).sweep(&HEAP, from).len(), 1);
}

#[test]
fn what_moving_out_leaves_behind_is_found() {
    let (from, pattern) = (HEAP.used(), pattern(4));
    let mut map = std::collections::BTreeMap::from([(1, Zeroizing::new(pattern))]);
    drop(map.remove(&1));
    assert_eq!(known(&pattern).sweep(&HEAP, from).len(), 1);
}

#[test]
fn a_copy_that_is_half_wiped_is_found_wherever_it_lies() {
    let (from, pattern) = (HEAP.used(), pattern(5));
    let mut shifted = vec![0; 3];
    shifted.extend_from_slice(&pattern);
    shifted[3..20].fill(0);
    drop(shifted);
    let found = known(&pattern).sweep(&HEAP, from);
    assert_eq!(found, [], "15 of 32 bytes are left, less than a window");
    let mut shifted = vec![0; 5];
    shifted.extend_from_slice(&pattern);
    shifted[5..20].fill(0);
    drop(shifted);
    assert_eq!(known(&pattern).sweep(&HEAP, from).len(), 1);
}

#[test]
fn wiped_memory_is_not_found() {
    let (from, pattern) = (HEAP.used(), pattern(6));
    let mut wiped = Zeroizing::new(Vec::with_capacity(32));
    wiped.extend_from_slice(&pattern);
    drop(wiped);
    assert_eq!(known(&pattern).sweep(&HEAP, from), []);
}

#[test]
fn memory_across_the_pieces_of_a_sweep_is_found() {
    let (from, pattern) = (HEAP.used(), pattern(7));
    let secrets = known(&pattern);
    // A sweep reads memory in pieces of 16 KiB. These blocks have different lengths and fill more
    // than two pieces, so that some copies of the pattern lie across two pieces.
    for gap in 0..1_100 {
        let mut block = vec![0_u8; 32 + gap % 7];
        block[..32].copy_from_slice(&pattern);
    }
    assert_eq!(
        secrets.sweep(&HEAP, from),
        [("pattern".to_owned(), 2 * 1_100)]
    );
}
