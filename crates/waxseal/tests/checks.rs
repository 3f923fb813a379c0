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
    let specified = (310..=331)
        .chain(340..=362)
        .chain(430..=459)
        .chain(530..=542)
        .chain(560..=578)
        .chain(580..=599)
        .chain(670..=677);
    checks::assert_checks_agree(Path::new(env!("CARGO_MANIFEST_DIR")), specified);
}

#[test]
fn every_label_is_in_the_specification() {
    let specification = include_str!("../SPEC.md");
    let labels = include_str!("../src/labels.rs").split("b\"").skip(1);
    for label in labels.filter_map(|rest| rest.split('"').next()) {
        let is_of_store = label.starts_with("waxseal/1/store/"); // they never leave the device
        let is_listed = specification.contains(&format!("\"{label}\""));
        assert!(is_of_store || is_listed, "{label}");
    }
}
