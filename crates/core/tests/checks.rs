//! The table of checks in SPEC.md, the code and the tests must name the same checks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail by a panic"
)]

use std::path::Path;

use waxseal_vectors::checks;

#[test]
fn every_check_is_in_the_specification_in_the_code_and_in_the_name_of_a_test() {
    let checks = (1..=50).chain([99, 100]).chain(370..=387);
    checks::assert_checks_agree(Path::new(env!("CARGO_MANIFEST_DIR")), checks);
}
