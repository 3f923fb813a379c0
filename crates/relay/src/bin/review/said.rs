//! Shows text of others so that it cannot imitate the lines of the tool.

use crate::text::printable;

/// Maximum number of columns of a line with text of someone else. Terminals have 80.
const MAX_COLUMNS: usize = 78;

/// Puts text of someone else after the tool's own words. Text that does not fit on their line
/// follows on lines of its own, which all begin with `indent` and a bar. The terminal then breaks
/// no line, and no text can pass for a line of the tool.
pub fn said(words: &str, text: &str, indent: &str) -> String {
    let text = printable(text);
    let columns = |c: char| if c.is_ascii() { 1 } else { 2 };
    let width = |text: &str| text.chars().map(columns).sum::<usize>();
    if width(words).saturating_add(width(&text)) <= MAX_COLUMNS {
        return format!("{words}{text}");
    }
    let start = format!("\n{indent}| ");
    let mut out = words.trim_end().to_owned();
    let mut used = MAX_COLUMNS;
    for c in text.chars() {
        let wide = columns(c);
        if used.saturating_add(wide) > MAX_COLUMNS {
            out.push_str(&start);
            used = width(&start);
        }
        used = used.saturating_add(wide);
        out.push(c);
    }
    out
}
