//! Tests that the README's table of checks, the code and the tests name the same checks.

#![allow(clippy::restriction, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Every check of the relay itself.
fn numbers() -> Vec<u16> {
    std::iter::once(122)
        .chain(300..=309)
        .chain(363..=364)
        .chain(462..=477)
        .chain(510..=517)
        .chain(604..=616)
        .chain(620..=625)
        .chain(628..=635)
        .chain(640..=655)
        .chain(660..=667)
        .chain(694..=696)
        .chain(699..=712)
        .chain(716..=716)
        .chain(720..=725)
        .chain(730..=732)
        .collect()
}

/// The text of each file with this ending in a folder and the folders below.
fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            files(&path, found);
        } else if name.ends_with(".rs") {
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_check_is_in_the_readme_in_the_code_and_in_the_name_of_a_test() {
    let (mut code, mut tests) = (Vec::new(), Vec::new());
    files(Path::new("src"), &mut code);
    files(Path::new("tests"), &mut tests);
    let readme = include_str!("../README.md");
    let rows = readme.lines().filter(|line| line.starts_with("| CHK-"));
    let mut seen = Vec::new();
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [check, _, places, test] = cells[..] else {
            panic!("{row}")
        };
        let number: u16 = check["CHK-".len()..].parse().unwrap();
        seen.push(number);
        let named: BTreeSet<_> = code
            .iter()
            .filter(|(_, text)| text.contains(&format!("// {check}:")))
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(named, places.split(", ").collect(), "{check}");
        assert!(test.starts_with(&format!("chk{number}_")), "{check}");
        let has_test = |(_, text): &&(String, String)| text.contains(&format!("fn {test}()"));
        let tests = tests.iter().chain(&code);
        assert_eq!(tests.filter(has_test).count(), 1, "{test}");
    }
    assert_eq!(seen, numbers());
}
