use std::fs;
use std::path::{Path, PathBuf};

/// The source files of the relay in a folder and those below, without tests.
fn files(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        if path.is_dir() && !is_test {
            files(&path, found);
        } else if !is_test && path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

fn all() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(Path::new("src/bin/relay"), &mut found);
    assert!(found.len() > 60, "the files are elsewhere");
    found
}

#[test]
fn sql_is_in_the_store_alone_and_only_the_folder_of_an_engine_has_its_dialect() {
    // What one engine alone understands, or what engines do not understand alike.
    const OF_ONE: [&str; 9] = [
        "OR IGNORE",
        "OR REPLACE",
        "rowid",
        "COLLATE",
        "PRAGMA",
        "iif(",
        "x''",
        "NOT has_",
        "NOT is_",
    ];
    let mut of_store = 0;
    for (path, text) in all() {
        let module = path.with_extension("");
        let in_store = module.starts_with("src/bin/relay/store");
        if !in_store {
            assert!(!text.contains("rusqlite"), "{path:?}");
            for verb in ["\"SELECT ", "\"INSERT INTO ", "\"UPDATE ", "\"DELETE FROM "] {
                assert!(!text.contains(verb), "{path:?} has SQL");
            }
            continue;
        }
        if module.starts_with("src/bin/relay/store/sqlite") {
            continue;
        }
        of_store += 1;
        for words in OF_ONE {
            assert!(!text.contains(words), "{path:?} has {words}");
        }
        // Parameters have numbers.
        for (at, _) in text.match_indices(" = ?").chain(text.match_indices("(?")) {
            let next = text[at..]
                .split('?')
                .nth(1)
                .and_then(|rest| rest.chars().next());
            assert!(next.is_some_and(|next| next.is_ascii_digit()), "{path:?}");
        }
    }
    assert!(of_store > 15, "the store is elsewhere");
}
