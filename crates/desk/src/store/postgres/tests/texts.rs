//! Texts with every character are kept, and texts are ordered by their bytes.

use proptest::prelude::*;

use super::super::PostgresStore;
use super::super::database::{escaped, unescaped};
use super::super::session::numbered;
use super::database;
use crate::store::{Change, MetaRow, Store as _};

proptest! {
    #[test]
    fn every_text_has_one_form_without_zero_bytes(text in r"[\\0\x00a-c]{0,12}") {
        let form = escaped(&text);
        prop_assert!(!form.contains('\0'));
        prop_assert_eq!(unescaped(&form).unwrap(), &*text);
    }

    #[test]
    fn what_can_be_read_is_what_was_written(form in r"[\\0a-c]{0,12}") {
        if let Some(text) = unescaped(&form) {
            prop_assert_eq!(escaped(&text), &*form);
        }
    }
}

#[test]
fn names_with_any_character_are_kept_apart() {
    let Some((_server, url)) = database() else {
        return;
    };
    let mut store = PostgresStore::open(&url).unwrap();
    let names = [
        "a\0b", "a\\0b", "a\\\\0b", "A", "a", "ä", "a\u{308}", "💡", "?", "$1", "",
    ];
    let row = |name: &str| MetaRow {
        name: name.into(),
        value: name.as_bytes().to_vec(),
    };
    let added: Vec<_> = names.iter().map(|name| Change::add(row(name))).collect();
    store.apply(&added).unwrap();
    for name in names {
        assert_eq!(store.meta(name).unwrap(), Some(row(name)));
    }
}

#[test]
fn question_marks_are_numbered() {
    assert_eq!(numbered("a = ? AND b = ?"), "a = $1 AND b = $2");
    assert_eq!(numbered("LIMIT 1"), "LIMIT 1");
}
