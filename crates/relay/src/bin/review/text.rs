//! Makes text from outside safe to print on a terminal.

/// Escapes the characters that would control the terminal or reverse the direction of the text.
pub fn printable(text: &str) -> String {
    let escaped = |c: char| match controls_terminal(c) {
        true => c.escape_unicode().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// Whether a terminal would act on this character instead of showing it.
pub fn controls_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
