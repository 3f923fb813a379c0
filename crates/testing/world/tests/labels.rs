//! Compares the labels of all crates. They are read from the crates' sources, so that the test
//! forgets none.

/// No label is a prefix of any other, in the same crate or in another. So keys for different
/// purposes never coincide.
#[test]
fn no_label_of_any_crate_is_a_prefix_of_another() {
    let sources = [
        include_str!("../../../core/src/labels.rs"),
        include_str!("../../../log/src/labels.rs"),
        include_str!("../../../reporting/src/labels.rs"),
        include_str!("../../../waxseal/src/labels.rs"),
    ];
    let labels: Vec<&str> = sources
        .iter()
        .flat_map(|source| source.split("b\"waxseal/").skip(1))
        .filter_map(|rest| rest.split_once('"'))
        .filter(|(_, rest)| rest.starts_with(';')) // a constant's value, not a string in a test
        .map(|(label, _)| label)
        .collect();
    assert!(labels.len() > 30 && labels.contains(&"1/store/values"));
    for (i, label) in labels.iter().enumerate() {
        for (j, other) in labels.iter().enumerate() {
            assert!(
                i == j || !other.starts_with(label),
                "{label} is a prefix of {other}"
            );
        }
    }
}
