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

/// Most columns of a line from outside. With what marks it, it fits a terminal of 80 columns: the
/// terminal itself would begin the next line without a mark.
const MAX_COLUMNS: usize = 60;

/// The lines of a text, each safe to print and not too long.
pub fn printable_lines(text: &str) -> Vec<String> {
    text.lines()
        .flat_map(|line| wrapped(&printable(line)))
        .collect()
}

/// Divides a line after spaces, or within a word that is too long.
fn wrapped(line: &str) -> Vec<String> {
    // Some characters take two columns.
    let columns = |c: char| if c.is_ascii() { 1usize } else { 2 };
    let mut lines = Vec::new();
    let mut last = String::new();
    for c in line.chars() {
        let width: usize = last.chars().chain([c]).map(columns).sum();
        if width > MAX_COLUMNS {
            let word = last.rfind(' ').map(|at| at.saturating_add(1));
            let rest = last.split_off(word.unwrap_or(last.len()));
            lines.push(core::mem::replace(&mut last, rest));
        }
        last.push(c);
    }
    lines.push(last);
    lines
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
