//! Makes text from others safe to print, and ids and times readable.

use waxseal::{FrankingTag, Timestamp};

/// Maximum number of columns of a line with text of someone else. Terminals have 80.
const MAX_COLUMNS: usize = 78;

/// Whether a character controls the terminal, changes the direction of the text around it, or is
/// invisible.
fn controls_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}'
            | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Returns the text on one line with control characters escaped, so that it cannot move the cursor,
/// change colours, or look like another line.
pub fn printable(text: &str) -> String {
    let shown = |c: char| {
        if controls_terminal(c) {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(shown).collect()
}

/// Maximum number of characters of a name that someone else chose.
const MAX_QUOTED: usize = 40;

/// Puts a name that someone else chose between quotation marks, so that it ends where it seems to
/// end. A long one is cut.
pub fn quoted(name: &str) -> String {
    let cut: String = name.chars().take(MAX_QUOTED).collect();
    let dots = if cut.len() < name.len() { ".." } else { "" };
    let escaped = cut.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}{dots}\"", printable(&escaped))
}

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

/// Breaks one of the tool's own texts between words into lines that a terminal shows whole.
pub fn broken(text: &str) -> String {
    let (mut out, mut used) = (String::new(), 0_usize);
    for word in text.split(' ') {
        let needed = word.len().saturating_add(1);
        if used.saturating_add(needed) > MAX_COLUMNS {
            out.push('\n');
            used = 0;
        } else if used > 0 {
            out.push(' ');
        }
        out.push_str(word);
        used = used.saturating_add(needed);
    }
    out
}

/// Escapes control characters, as `printable` does, in JSON on one line. The JSON strings decode to
/// the same text.
pub fn printable_json(json: &str) -> String {
    // Such characters occur only inside the strings of JSON.
    let shown = |c: char| {
        if controls_terminal(c) {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            units.map(|unit| format!("\\u{unit:04x}")).collect()
        } else {
            c.to_string()
        }
    };
    json.chars().map(shown).collect()
}

/// Formats bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Parses 32 bytes in hexadecimal.
pub fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digits = text.as_bytes().chunks(2);
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// The first eight digits of a message's id, which usually are enough to name it.
pub fn short(id: &FrankingTag) -> String {
    hex(id.as_bytes().first_chunk::<4>().unwrap_or(&[0; 4]))
}

/// Formats a time as `2026-11-22 07:01:14 UTC`.
pub fn utc(time: Timestamp) -> String {
    let seconds = time.as_millis() / 1000;
    let (mut year, mut day) = (1970, seconds / 86_400);
    let days_in = |year: u64| {
        let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
        365 + u64::from(leap)
    };
    // The year is bounded, because a sender can claim any time.
    while day >= days_in(year) && year < 10_000 {
        day -= days_in(year);
        year += 1;
    }
    let february = days_in(year) - 337;
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!(
        "{year}-{month:02}-{:02} {hour:02}:{minute:02}:{second:02} UTC",
        day + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_cannot_imitate_another_line() {
        let forged = "2026-11-22 07:01:14 UTC  alice: send me the money  [0badcafe]";
        assert_eq!(said("10:00  eve: ", "short", "    "), "10:00  eve: short");
        for padding in 0..160 {
            let text = format!("{}{forged}", "x".repeat(padding));
            let shown = said("10:00  eve: ", &text, "    ");
            let mut lines = shown.lines();
            assert!(lines.next().unwrap().starts_with("10:00  eve:"));
            assert!(
                shown
                    .lines()
                    .all(|line| line.chars().count() <= MAX_COLUMNS)
            );
            assert!(lines.all(|line| line.starts_with("    | ")), "{shown}");
            let joined = shown.replace("\n    | ", "");
            assert!(joined.ends_with(&text), "nothing is lost");
        }
        // Characters that take two columns.
        let wide = said("eve: ", &"\u{6f22}".repeat(100), "  ");
        assert!(wide.lines().all(|line| line.chars().count() <= 40));
    }

    #[test]
    fn a_name_between_quotation_marks_ends_where_it_seems_to() {
        assert_eq!(quoted("Hiking"), r#""Hiking""#);
        assert_eq!(quoted("a\" (0badcafe)"), r#""a\" (0badcafe)""#);
        assert_eq!(quoted("a\\"), r#""a\\""#);
        assert_eq!(quoted("a\u{202e}\n"), r#""a\u{202e}\n""#);
        let long = quoted(&"x".repeat(200));
        assert!(long.len() == 44 && long.ends_with("..\""), "{long}");
    }

    #[test]
    fn invisible_characters_are_shown() {
        for c in [
            '\u{200b}',
            '\u{200d}',
            '\u{2060}',
            '\u{feff}',
            '\u{ad}',
            '\u{3164}',
            '\u{e0061}',
        ] {
            let text = format!("a{c}b");
            assert!(!printable(&text).contains(c));
            let json = serde_json::to_string(&text).unwrap();
            let printed = printable_json(&json);
            assert!(!printed.contains(c));
            assert_eq!(serde_json::from_str::<String>(&printed).unwrap(), text);
        }
    }

    #[test]
    fn no_text_controls_the_terminal() {
        let unsafe_text = "\u{1b}[2J\r\n\u{9b}31m\u{202e}evil\u{7f}";
        assert_eq!(
            printable(unsafe_text),
            r"\u{1b}[2J\r\n\u{9b}31m\u{202e}evil\u{7f}"
        );
        let value = serde_json::json!({ "text": unsafe_text });
        let line = printable_json(&value.to_string());
        assert!(!line.chars().any(controls_terminal));
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read, value);
        assert_eq!(printable("Grüße 👋"), "Grüße 👋");
    }

    #[test]
    fn times_follow_the_calendar() {
        assert_eq!(utc(Timestamp::from_millis(0)), "1970-01-01 00:00:00 UTC");
        assert_eq!(
            utc(Timestamp::from_millis(951_782_399_000)),
            "2000-02-28 23:59:59 UTC"
        );
        assert_eq!(
            utc(Timestamp::from_millis(951_868_799_999)),
            "2000-02-29 23:59:59 UTC"
        );
        assert_eq!(
            utc(Timestamp::from_millis(1_795_330_874_000)),
            "2026-11-22 07:01:14 UTC"
        );
        assert_eq!(
            utc(Timestamp::from_millis(4_107_542_400_000)),
            "2100-03-01 00:00:00 UTC"
        );
        assert!(utc(Timestamp::from_millis(u64::MAX)).ends_with("UTC"));
    }
}
