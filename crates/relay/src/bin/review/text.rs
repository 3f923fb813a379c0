//! Makes text and JSON from outside safe to print on a terminal.

/// Escapes the characters that would control the terminal or reverse the direction of the text.
pub fn printable(text: &str) -> String {
    let escaped = |c: char| match controls_terminal(c) {
        true => c.escape_unicode().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// Escapes control characters, as `printable` does, in JSON on one line. The JSON strings decode to
/// the same text.
pub fn printable_json(value: &impl serde::Serialize) -> serde_json::Result<String> {
    // Such characters occur only inside the strings of JSON.
    let escaped = |c: char| match controls_terminal(c) {
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    };
    Ok(serde_json::to_string(value)?.chars().map(escaped).collect())
}

fn controls_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
