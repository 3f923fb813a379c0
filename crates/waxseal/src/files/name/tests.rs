use proptest::prelude::*;

use super::*;

#[test]
fn what_a_sender_claims_becomes_a_harmless_name() {
    for (claimed, name) in [
        ("cat.jpg", "cat.jpg"),
        ("Überraschung 猫.png", "Überraschung 猫.png"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        ("../", "file"),
        ("/", "file"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd/", "passwd"),
        ("a/..", "a"),
        ("C:\\temp\\cat.jpg", "cat.jpg"),
        ("C:cat.jpg", "C_cat.jpg"),
        ("cat.jpg:stream", "cat.jpg_stream"),
        (".profile", "profile"),
        ("...profile. . ", "profile"),
        ("-rf", "_rf"),
        ("--rf", "_-rf"),
        ("~root", "_root"),
        ("~", "_"),
        ("cat.jpg~", "cat.jpg_"),
        ("cat.jpg~. ", "cat.jpg_"),
        ("a\nb\tc\r\0d", "a b c d"),
        ("photo.jpg          .exe", "photo.jpg .exe"),
        ("photo\u{202e}gpj.exe", "photogpj.exe"),
        ("\u{2066}a\u{2069}\u{200b}b\u{feff}", "ab"),
        ("\u{200f}.\u{200f}hidden", "hidden"),
        ("\u{200b}", "file"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("nul .txt", "_nul .txt"),
        ("LPT1", "_LPT1"),
        ("com¹.log", "_com¹.log"),
        ("comma.txt", "comma.txt"),
        ("com10", "com10"),
        ("conin$", "_conin$"),
        ("what?*<>|\".txt", "what______.txt"),
    ] {
        assert_eq!(safe_name(claimed), name, "{claimed:?}");
    }
}

#[test]
fn a_long_name_keeps_its_ending_and_a_whole_last_character() {
    let long = format!("{}.tar.gz", "猫".repeat(200));
    let name = safe_name(&long);
    assert!(name.len() <= MAX_SAFE_NAME_LEN && name.len() > MAX_SAFE_NAME_LEN - 3);
    assert!(name.ends_with("猫.gz"), "{name}");
    let fits = "x".repeat(MAX_SAFE_NAME_LEN);
    assert_eq!(safe_name(&fits), fits);
    assert_eq!(safe_name(&format!("{fits}x")), fits);
    let ending = format!("a.{}", "x".repeat(MAX_SAFE_NAME_LEN));
    assert_eq!(safe_name(&ending).len(), MAX_SAFE_NAME_LEN);
}

proptest! {
    #[test]
    fn a_safe_name_is_one_visible_component_and_stays_as_it_is(claimed in any::<String>()) {
        let name = safe_name(&claimed);
        prop_assert!(!name.is_empty() && name.len() <= MAX_SAFE_NAME_LEN);
        prop_assert!(!name.contains(['/', '\\', ':', '\0']));
        prop_assert!(!name.starts_with(['.', ' ', '-', '~']) && !name.ends_with(['.', ' ', '~']));
        prop_assert!(!name.chars().any(|c| c.is_control() || is_invisible(c)));
        prop_assert!(!is_device(&name));
        let path = std::path::Path::new(&name);
        prop_assert_eq!(path.components().count(), 1);
        prop_assert_eq!(safe_name(&name), name.clone());
    }

    #[test]
    fn a_long_safe_name_stays_as_it_is(
        stem in "[a-z. ~-]{180,260}",
        ending in "[.]?[a-z. ~]{0,20}",
    ) {
        let name = safe_name(&format!("{stem}{ending}"));
        prop_assert!(name.len() <= MAX_SAFE_NAME_LEN);
        prop_assert_eq!(safe_name(&name), name.clone());
    }
}
