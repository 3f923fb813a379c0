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

use std::path::Path;

use waxseal_vectors::checks;

#[test]
fn every_check_is_in_the_specification_in_the_code_and_in_the_name_of_a_test() {
    checks::assert_checks_agree(
        Path::new(env!("CARGO_MANIFEST_DIR")),
        (160..=235)
            .chain(626..=627)
            .chain(680..=693)
            .chain(697..=698)
            .chain(717..=717),
    );
}

#[test]
fn every_label_is_in_the_specification() {
    let specification = include_str!("../SPEC.md");
    let labels = include_str!("../src/labels.rs").split("b\"").skip(1);
    for label in labels.filter_map(|rest| rest.split('"').next()) {
        assert!(specification.contains(&format!("\"{label}\"")), "{label}");
    }
}
