//! The table of checks in SPEC.md, the code and the tests name the same checks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail by a panic"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn sources(folder: &Path, found: &mut Vec<(bool, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((
                path.ends_with("tests.rs") || folder.ends_with("tests"),
                fs::read_to_string(&path).unwrap(),
            ));
        }
    }
}

/// The two digits after each occurrence of `mark`.
fn numbers(text: &str, mark: &str) -> BTreeSet<u8> {
    text.split(mark)
        .skip(1)
        .filter_map(|rest| rest.get(..2)?.parse().ok())
        .collect()
}

#[test]
fn every_check_is_in_the_specification_in_the_code_and_in_the_name_of_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let collect = |tests: bool, line_begins: &str, mark: &str| {
        let chosen = files.iter().filter(|(is_test, _)| *is_test == tests);
        chosen
            .flat_map(|(_, text)| text.lines())
            .filter(|line| line.trim_start().starts_with(line_begins))
            .flat_map(|line| numbers(line, mark))
            .collect::<BTreeSet<_>>()
    };
    let specification = fs::read_to_string(root.join("SPEC.md")).unwrap();
    let specified = numbers(&specification, "| CHK-");
    assert_eq!(specified, (1..=46).collect());
    assert_eq!(collect(false, "//", "CHK-"), specified, "code");
    assert_eq!(collect(true, "fn chk", "chk"), specified, "tests");

    // And each is at every place that the table names.
    for row in specification.lines().filter(|l| l.starts_with("| CHK-")) {
        let columns: Vec<_> = row.split('|').map(str::trim).collect();
        for module in columns[3].split(", ").map(|name| name.trim_matches('`')) {
            let path = root.join("src").join(module).with_extension("rs");
            let code = fs::read_to_string(path).unwrap();
            assert!(code.contains(columns[1]), "{} in {module}", columns[1]);
        }
    }
}
