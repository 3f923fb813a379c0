//! Tests that SPEC.md, the code and the tests name the same checks, error codes and labels.

#![allow(clippy::restriction, reason = "tests")]

use std::path::Path;

use waxseal_interface::ErrorCode;
use waxseal_vectors::checks;

const SPECIFICATION: &str = include_str!("../SPEC.md");

#[test]
fn every_check_is_in_the_specification_in_the_code_and_in_the_name_of_a_test() {
    checks::assert_checks_agree(Path::new(env!("CARGO_MANIFEST_DIR")), 120..=121);
}

#[test]
fn every_error_code_is_in_the_specification() {
    let code = include_str!("../src/error.rs");
    let variants = code.split("pub enum ErrorCode {").nth(1).unwrap();
    let variants = variants.split("\n}").next().unwrap();
    let lines = variants.lines().map(str::trim);
    let names = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    let mut codes = 0;
    for name in names.filter(|name| *name != "Other,") {
        let mut snake = String::new();
        for c in name.trim_end_matches(',').chars() {
            if c.is_ascii_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        }
        assert!(SPECIFICATION.contains(&format!("`{snake}`")), "{snake}");
        let code: ErrorCode = serde_json::from_str(&format!("\"{snake}\"")).unwrap();
        assert_ne!(code, ErrorCode::Other, "{name}");
        codes += 1;
    }
    assert!(codes > 30);
}

#[test]
fn every_label_is_in_the_specification() {
    let sources = [
        include_str!("../src/answer.rs"),
        include_str!("../src/card.rs"),
        include_str!("../src/frame.rs"),
        include_str!("../src/proof.rs"),
        include_str!("../src/sealing.rs"),
    ];
    let mut labels = 0;
    for rest in sources
        .iter()
        .flat_map(|text| text.split("b\"waxseal/").skip(1))
    {
        let label = format!("waxseal/{}", rest.split('"').next().unwrap());
        assert!(SPECIFICATION.contains(&label), "{label}");
        labels += 1;
    }
    assert_eq!(labels, 8);
}
