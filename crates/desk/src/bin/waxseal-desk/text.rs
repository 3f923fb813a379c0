//! Makes text from outside safe to print on a terminal.

/// Escapes the characters that would control the terminal or reverse the direction of the text, and
/// those that are invisible.
pub fn printable(text: &str) -> String {
    let escaped = |c: char| match controls_terminal(c) {
        true => c.escape_unicode().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// The lines of a text, each safe to print.
pub fn printable_lines(text: &str) -> Vec<String> {
    text.lines().map(printable).collect()
}

/// Whether a terminal would act on this character or show nothing, instead of showing it.
fn controls_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}'
            | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A number with commas between groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len().rem_euclid(3);
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at.rem_euclid(3) == first {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number and what it counts: `1 entry`, `2 entries`.
pub fn counted(number: u64, one: &str, more: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { more }
    )
}
