//! Tests of `labels.rs`. They read the labels from the source, so that no label can be forgotten.

const SOURCE: &str = include_str!("../labels.rs");

#[test]
fn labels_are_distinct_versioned_and_prefix_free() {
    let labels: Vec<&str> = SOURCE
        .split("b\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(labels.len(), SOURCE.matches("const ").count());
    for (i, label) in labels.iter().enumerate() {
        let versioned = ["waxseal/1/", "waxseal/2/", "waxseal/3/"];
        assert!(
            versioned.iter().any(|start| label.starts_with(start)),
            "{label}"
        );
        for (j, other) in labels.iter().enumerate() {
            assert!(
                i == j || !other.starts_with(label),
                "{label} is a prefix of {other}"
            );
        }
    }
}

#[test]
fn no_label_is_written_outside_labels_rs() {
    let src = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("labels.rs") && !path.ends_with("labels/tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(!text.contains("b\"waxseal/"), "{}", path.display());
            }
        }
    }
}
