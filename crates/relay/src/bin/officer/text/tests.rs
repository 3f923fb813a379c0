use super::*;

fn shown(text: &str, lines: bool) -> String {
    let pieces = pieces(text, lines).into_iter();
    pieces
        .map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Mark(mark) => format!("⟨{mark}⟩"),
        })
        .collect()
}

#[test]
fn what_is_invisible_or_turns_the_text_is_shown_by_its_number() {
    assert_eq!(
        shown("invoice\u{202e}gnp.exe", false),
        "invoice⟨U+202E⟩gnp.exe"
    );
    assert_eq!(shown("a\u{200b}b\u{feff}", false), "a⟨U+200B⟩b⟨U+FEFF⟩");
    assert_eq!(shown("a\0b\u{1b}[2J", false), "a⟨U+0000⟩b⟨U+001B⟩[2J");
    assert_eq!(shown("\u{e0041}\u{f8ff}", false), "⟨U+E0041⟩⟨U+F8FF⟩");
}

#[test]
fn line_breaks_stay_only_where_lines_are_wanted() {
    assert_eq!(shown("a\r\nb\tc\rd", true), "a\nb\tc⟨U+000D⟩d");
    assert_eq!(shown("a\r\nb", false), "a⟨U+000D⟩⟨U+000A⟩b");
}

#[test]
fn piles_of_marks_and_long_runs_are_folded() {
    let zalgo = format!("a{}b", "\u{301}".repeat(40));
    assert_eq!(
        shown(&zalgo, true),
        format!("a{}⟨36 more marks⟩b", "\u{301}".repeat(4))
    );
    let emoji = "😀".repeat(5_000);
    assert_eq!(
        shown(&emoji, true),
        format!("{}⟨4936 more times the same⟩", "😀".repeat(64))
    );
    assert_eq!(shown(&"x".repeat(64), true), "x".repeat(64));
    assert_eq!(shown("é สวัสดี قُرْآن", true), "é สวัสดี قُرْآن");
}

#[test]
fn a_joiner_between_emoji_stays_and_any_other_is_shown() {
    assert_eq!(shown("👩\u{200d}👧", true), "👩\u{200d}👧");
    assert_eq!(shown("pay\u{200d}pal", true), "pay⟨U+200D⟩pal");
}
