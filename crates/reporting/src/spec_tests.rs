//! SPEC.md says what the code does: every check of its table is in the code and has its test.

use std::fs;
use std::path::Path;

const SPEC: &str = include_str!("../SPEC.md");

fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries.fold(String::new(), |text, path| {
        let more = if path.is_dir() {
            sources(&path)
        } else {
            fs::read_to_string(path).unwrap()
        };
        text + &more
    })
}

#[test]
fn every_check_is_in_the_code_and_has_its_test() {
    let code = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let (_, table) = SPEC.split_once("## Checks").unwrap();
    let (table, _) = table.split_once("## Limits").unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.contains("CHK"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), 43);
    for (number, row) in (51..).zip(rows) {
        assert_eq!(row[1], number.to_string());
        let comment = format!("// CHK-{number}: ");
        let stated = row[3].split(", ").any(|file| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
            fs::read_to_string(path).unwrap().contains(&comment)
        });
        assert!(stated, "CHK-{number} is not in {}", row[3]);
        assert!(row[4].contains(&format!("chk{number}_")), "{}", row[4]);
        assert!(
            code.contains(&format!("fn {}()", row[4])),
            "no test {}",
            row[4]
        );
    }
}

#[test]
fn every_label_is_in_the_specification() {
    let labels = include_str!("labels.rs");
    for label in labels
        .split("b\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
    {
        assert!(SPEC.contains(&format!("\"{label}\"")), "{label}");
    }
}
