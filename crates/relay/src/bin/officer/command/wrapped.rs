//! Prints text from outside so that no line of it can pass for one of this program.

use crate::text::{Piece, pieces};

/// Maximum width of a line of text from outside, in columns. Terminals have at least 80, and do not
/// fold what is shorter.
const WIDTH: usize = 60;

/// Text of a user in lines, each after a bar.
pub fn quoted(text: &str) -> String {
    let shown: String = pieces(text, true).into_iter().map(written).collect();
    let lines = shown.split('\n').flat_map(folded);
    lines.map(|line| format!("    | {line}\n")).collect()
}

/// A name, or other short text from outside, in one line.
pub fn short(text: &str) -> String {
    let shown: String = pieces(text, false).into_iter().map(written).collect();
    let mut lines = folded(&shown).into_iter();
    let first = lines.next().unwrap_or_default();
    match lines.next() {
        Some(_) => format!("{first}[…]"),
        None => first,
    }
}

fn written(piece: Piece) -> String {
    match piece {
        Piece::Text(text) => text,
        Piece::Mark(mark) => format!("[{mark}]"),
    }
}

/// Splits a line into lines that fit. A character that may be wide counts twice.
fn folded(line: &str) -> Vec<String> {
    let (mut lines, mut width) = (vec![String::new()], 0_usize);
    for c in line.chars() {
        let c = if c == '\t' { ' ' } else { c };
        width = width.saturating_add(if c.is_ascii() { 1 } else { 2 });
        if width > WIDTH {
            lines.push(String::new());
            width = if c.is_ascii() { 1 } else { 2 };
        }
        if let Some(last) = lines.last_mut() {
            last.push(c);
        }
    }
    lines
}

#[cfg(test)]
mod tests;
