use super::*;

#[test]
fn no_line_of_a_text_begins_without_a_bar_or_is_so_long_that_a_terminal_folds_it() {
    let forged = format!(
        "{}2. 2026-11-30 15:58 UTC, participant 1f3a0000, text:",
        "x".repeat(70)
    );
    for text in [
        forged.as_str(),
        "a\nb\r\n2. c",
        "\u{202e}x\u{7}",
        &"宽".repeat(99),
        "",
    ] {
        let quoted = quoted(text);
        assert!(!quoted.is_empty());
        for line in quoted.lines() {
            assert!(line.starts_with("    | "), "{line}");
            assert!(line.chars().count() <= 6 + WIDTH, "{line}");
            assert!(!line.contains(['\u{202e}', '\u{7}', '\r']), "{line}");
        }
    }
    assert_eq!(quoted("a\nb"), "    | a\n    | b\n");
}

#[test]
fn a_name_is_one_line_that_fits() {
    assert_eq!(short("alice"), "alice");
    assert_eq!(short("a\nb"), "a[U+000A]b");
    let long = short(&"a".repeat(200));
    assert!(long.ends_with("[…]") && long.chars().count() == WIDTH + 3);
}
