//! Compares the table of checks in a crate's SPEC.md with its code and its tests.
//!
//! The table, the code and the tests must name the same checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// One row of the table of checks in SPEC.md.
struct Row {
    number: u16,
    code: BTreeSet<String>,
    tests: Vec<String>,
}

/// The specification and the source files of a crate, which are compared.
struct Sources {
    specification: String,
    /// Text of each file under `src`, by its path relative to `src`.
    files: BTreeMap<String, String>,
    /// Text of each file under `tests`, if there is such a folder.
    integration_tests: BTreeMap<String, String>,
}

impl Sources {
    /// Reads the crate in the folder `root`.
    fn read(root: &Path) -> Self {
        let (mut files, mut integration_tests) = (BTreeMap::new(), BTreeMap::new());
        collect(&root.join("src"), "", &mut files);
        let folder = root.join("tests");
        if folder.is_dir() {
            collect(&folder, "", &mut integration_tests);
        }
        let specification = fs::read_to_string(root.join("SPEC.md")).unwrap();
        Self {
            specification,
            files,
            integration_tests,
        }
    }

    /// Rows of the table in the section "Checks". Its columns are number, description, files and
    /// tests.
    fn table(&self) -> Vec<Row> {
        let (_, section) = self.specification.split_once("\n## Checks\n").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| CHK-"));
        rows.map(|line| {
            let columns: Vec<_> = line.split('|').map(str::trim).collect();
            let [_, number, words, code, tests, _] = columns[..] else {
                panic!("a row without four columns: {line}");
            };
            assert!(!words.is_empty(), "{number} has no description");
            let list = |column: &str| column.split(", ").map(str::to_owned).collect::<Vec<_>>();
            Row {
                number: number["CHK-".len()..].parse().unwrap(),
                code: list(code).into_iter().collect(),
                tests: list(tests),
            }
        })
        .collect()
    }

    /// For each check, the source files whose comments name the check. Test files do not count.
    fn places(&self) -> BTreeMap<u16, BTreeSet<String>> {
        let mut places: BTreeMap<u16, BTreeSet<String>> = BTreeMap::new();
        let code = self.files.iter().filter(|(file, _)| !is_test(file));
        for (file, text) in code {
            let comments = text
                .lines()
                .filter(|line| line.trim_start().starts_with("//"));
            for number in comments.flat_map(|line| numbers(line, "CHK-")) {
                places.entry(number).or_default().insert(file.clone());
            }
        }
        places
    }

    /// Names of all `#[test]` functions in the files under `src` and `tests`.
    fn tests(&self) -> Vec<String> {
        let mut found = Vec::new();
        for text in self.files.values().chain(self.integration_tests.values()) {
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
                    found.extend(rest.split(['(', '<']).next().map(str::to_owned));
                }
                // Other attributes and comments may follow `#[test]` before the function.
                is_test = line == "#[test]"
                    || (is_test && (line.starts_with("#[") || line.starts_with("//")));
            }
        }
        found
    }
}

/// Reads every `.rs` file below `folder` into `files`, under its path with `prefix` in front.
fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

/// Whether a file holds tests or code that only tests use.
fn is_test(file: &str) -> bool {
    let support = [
        "tests",
        "vectors",
        "wycheproof",
        "test_",
        "properties",
        "salamander",
    ];
    file.split('/')
        .any(|part| support.iter().any(|name| part.starts_with(name)))
}

/// The number of two or three digits after each occurrence of `mark`.
fn numbers(text: &str, mark: &str) -> BTreeSet<u16> {
    text.split(mark)
        .skip(1)
        .filter_map(|rest| {
            let digits = rest.find(|character: char| !character.is_ascii_digit());
            let digits = rest.get(..digits.unwrap_or(rest.len()))?;
            digits.parse().ok().filter(|_| digits.len() >= 2)
        })
        .collect()
}

/// Asserts that the table, the code and the tests of a crate name exactly the checks `specified`.
///
/// The code must name each check in the files that the table lists, and in no others. Each test in
/// the table must exist exactly once and have the number of its check in its name.
pub fn assert_checks_agree(crate_root: &Path, specified: impl IntoIterator<Item = u16>) {
    let sources = Sources::read(crate_root);
    let table = sources.table();
    let in_table: Vec<_> = table.iter().map(|row| row.number).collect();
    assert_eq!(
        in_table,
        specified.into_iter().collect::<Vec<_>>(),
        "checks in the table of SPEC.md"
    );

    let places = sources.places();
    let in_code: Vec<_> = places.keys().copied().collect();
    assert_eq!(in_code, in_table, "checks named in the code");
    for row in &table {
        assert_eq!(
            row.code, places[&row.number],
            "files that name CHK-{}",
            row.number
        );
    }

    let tests = sources.tests();
    let in_tests: BTreeSet<_> = tests.iter().flat_map(|name| numbers(name, "chk")).collect();
    assert_eq!(
        in_tests,
        in_table.into_iter().collect(),
        "checks in names of tests"
    );
    for row in &table {
        for test in &row.tests {
            assert_eq!(
                tests.iter().filter(|name| *name == test).count(),
                1,
                "number of tests called {test}"
            );
            let found = numbers(test, "chk");
            assert!(
                found.contains(&row.number),
                "the name of {test} lacks CHK-{}",
                row.number
            );
        }
    }
}
