//! Tests that the table of checks in SPEC.md, the code and the tests name the same checks, and that
//! SPEC.md lists every label.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail by a panic"
)]

// One set of rules for both crates; it is a file of the repository, not of the other crate's library.
#[path = "../../core/tests/checks/rules.rs"]
mod rules;

use std::path::Path;

#[test]
fn every_check_is_in_the_specification_in_the_code_and_in_the_name_of_a_test() {
    rules::assert_checks_agree(Path::new(env!("CARGO_MANIFEST_DIR")), 51..=93);
}

#[test]
fn every_label_is_in_the_specification() {
    let specification = include_str!("../SPEC.md");
    let labels = include_str!("../src/labels.rs").split("b\"").skip(1);
    for label in labels.filter_map(|rest| rest.split('"').next()) {
        assert!(specification.contains(&format!("\"{label}\"")), "{label}");
    }
}
