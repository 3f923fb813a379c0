//! Tests that the search finds the right dependency circles between modules. It runs on small
//! crates, each given as file names with contents.

use crate::circle::circles;
use crate::resolve::Tree;
use std::path::Path;

/// The circles in a crate whose root is `lib.rs`. Each circle is the list of its modules, joined
/// with commas.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let read = |path: &Path| {
        let file = files.iter().find(|(name, _)| Path::new(name) == path);
        file.map(|(_, text)| (*text).to_owned())
    };
    let tree = Tree::new(Path::new("lib.rs"), &read).expect("all files are there");
    let name = |file: &usize| tree.files[*file].module.join("::");
    circles(&tree.files, &tree.edges())
        .iter()
        .map(|circle| circle.iter().map(name).collect::<Vec<_>>().join(","))
        .collect()
}

/// Number of circles in a crate with two modules, `a` and `b`, of these contents.
fn between(a: &str, b: &str) -> usize {
    found(&[("lib.rs", "mod a;\nmod b;\n"), ("a.rs", a), ("b.rs", b)]).len()
}

const A: &str = "use crate::b::B;\npub struct A;\n";
const B: &str = "use crate::a::A;\npub struct B;\n";

#[test]
fn two_modules_that_import_each_other_are_a_circle() {
    assert_eq!(between(A, B), 1);
    assert_eq!(between(A, "pub struct B;"), 0);
}

#[test]
fn each_way_to_name_another_module_counts() {
    for b in [
        "use super::a::A;",
        "pub use crate::a::A;",
        "use crate::{a::{self, A as Other}};",
        "use crate::a; fn f() { a::A; }",
        "use crate::a;",
        "use crate::a::*; fn f(_: A) {}",
        "use crate::*; fn f(_: a::A) {}",
        "fn f(_: crate::a::A) {}",
        "fn f() { super::a::A; }",
        "fn f() { use crate::a::A; }",
        "macro_rules! m { () => { $crate::a::A } }",
        "mod inside { fn f() { super::super::a::A; } }",
        "use crate::a::made_by_a_macro;",
    ] {
        assert_eq!(between(A, &format!("{b}\npub struct B;")), 1, "{b}");
    }
}

#[test]
fn comments_strings_tests_and_other_crates_do_not_count() {
    for b in [
        "// crate::a::A",
        "/* /* */ use crate::a::A; */",
        "const C: &str = \"crate::a::A\";",
        "const C: &str = r#\"\" crate::a::A \"#;",
        "const C: char = '\"'; // crate::a::A \"",
        "const C: u8 = b'\\''; // crate::a::A",
        "fn f<'a>(_: &'a str) {} // crate::a::A",
        "#[cfg(test)]\nmod tests { use crate::a::A; }",
        "#[cfg(test)]\nuse crate::a::{A};",
        "#[cfg(all(test, unix))]\npub(crate) fn f<X, Y>() -> [u8; 3] { crate::a::A }",
        "struct S {\n#[cfg(test)]\nfield: crate::a::A,\n}",
        "fn f() {\n#[cfg(test)]\nlet x = S { field: crate::a::A };\n}",
        "#[test]\nfn f() { crate::a::A; }",
        "mod tests;",
        "use ::a::A;",
        "fn f(_: impl Sized + use<'_>) {}",
        "pub(in crate::a) fn f() {}",
    ] {
        assert_eq!(between(A, &format!("{b}\npub struct B;")), 0, "{b}");
    }
    let after = "#[cfg(test)]\nfn f() {}\nuse crate::a::A;\npub struct B;";
    assert_eq!(between(A, after), 1);
    let not_test = "#[cfg(not(test))]\nuse crate::a::A;\npub struct B;";
    assert_eq!(between(A, not_test), 1);
}

#[test]
fn a_name_leads_to_the_module_that_defines_it() {
    let root = (
        "lib.rs",
        "mod a;\nmod b;\nmod c;\npub use a::A;\npub use b::B;\n",
    );
    let (a, b) = (
        "use crate::B;\npub struct A;",
        "use crate::A;\npub struct B;",
    );
    assert_eq!(
        found(&[root, ("a.rs", a), ("b.rs", b), ("c.rs", "")]),
        ["a,b"]
    );
    // `c` re-exports `B` and needs `A`. `a` imports `B` by way of `c`, so `a` needs `b` and not
    // `c`, and there is no circle.
    let (a, c) = (
        "use crate::c::B;\npub struct A;",
        "pub use crate::b::B;\nuse crate::A;",
    );
    let none: [&str; 0] = [];
    assert_eq!(
        found(&[root, ("a.rs", a), ("b.rs", "pub struct B;"), ("c.rs", c)]),
        none
    );
}

#[test]
fn siblings_that_meet_through_their_parent_are_a_circle() {
    let parent = "mod a;\nmod b;\npub use self::a::A;\npub use self::b::B;\n";
    let a = "use super::B;\npub struct A;";
    let b = "use super::A;\npub struct B;";
    let files = [
        ("lib.rs", "mod p;"),
        ("p.rs", parent),
        ("p/a.rs", a),
        ("p/b.rs", b),
    ];
    assert_eq!(found(&files), ["p::a,p::b"]);
}

#[test]
fn a_module_and_those_below_it_may_use_each_other() {
    let parent = "mod a;\nmod b;\npub struct P;\nfn f() { b::B; }\n";
    let a = "use super::P;\npub struct A;";
    let b = "use super::{P, a::A};\npub struct B;";
    let files = [
        ("lib.rs", "mod p;"),
        ("p.rs", parent),
        ("p/a.rs", a),
        ("p/b.rs", b),
    ];
    assert!(found(&files).is_empty());
}

#[test]
fn a_circle_that_leaves_the_parent_is_one_though_it_passes_it() {
    let parent = "mod a;\npub struct P;\nfn f() { a::A; }\n";
    let a = "use crate::q::Q;\npub struct A;";
    let q = "use crate::p::P;\npub struct Q;";
    let files = [
        ("lib.rs", "mod p;\nmod q;"),
        ("p.rs", parent),
        ("p/a.rs", a),
        ("q.rs", q),
    ];
    assert_eq!(found(&files), ["p,p::a,q"]);
    // If `p` only re-exports `A`, it does not need `p::a`.
    let parent = "mod a;\npub struct P;\npub use a::A;\n";
    let files = [files[0], ("p.rs", parent), files[2], files[3]];
    assert!(found(&files).is_empty());
}

#[test]
fn files_are_found_where_the_language_has_them() {
    let root = ("lib.rs", "mod a;\n#[path = \"other/place.rs\"]\nmod b;");
    assert_eq!(
        found(&[root, ("a/mod.rs", A), ("other/place.rs", B)]),
        ["a,b"]
    );
}
