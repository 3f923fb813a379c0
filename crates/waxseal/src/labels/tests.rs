//! Reads the labels from the source text, so that the test cannot miss one.
//!
//! A test of `waxseal-world` compares them with the labels of `waxseal-core` and
//! `waxseal-reporting`.

#[test]
fn labels_are_versioned_and_no_label_is_a_prefix_of_another() {
    let source = include_str!("../labels.rs");
    let labels: Vec<&str> = source
        .split("b\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(labels.len(), source.matches("const ").count());
    for (i, label) in labels.iter().enumerate() {
        assert!(label.starts_with("waxseal/1/"), "{label}");
        for (j, other) in labels.iter().enumerate() {
            assert!(
                i == j || !other.starts_with(label),
                "{label} is a prefix of {other}"
            );
        }
    }
}
