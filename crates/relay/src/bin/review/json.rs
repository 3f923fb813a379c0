//! Makes JSON with text from outside safe to print on a terminal.

use crate::text::controls_terminal;

/// Escapes control characters, as `printable` does, in JSON on one line. The JSON strings decode to
/// the same text.
pub fn printable_json(value: &impl serde::Serialize) -> serde_json::Result<String> {
    // Such characters occur only inside the strings of JSON.
    let escaped = |c: char| match controls_terminal(c) {
        true => {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            units.map(|unit| format!("\\u{unit:04x}")).collect()
        }
        false => c.to_string(),
    };
    Ok(serde_json::to_string(value)?.chars().map(escaped).collect())
}
