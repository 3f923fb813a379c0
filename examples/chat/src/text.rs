//! What others wrote, made fit for a terminal; ids and times as people read them.

use waxseal::{FrankingTag, Timestamp};

/// Whether a character steers the terminal, or turns the text around it.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text on one line that cannot move the cursor, change colours, or look like another line: escapes are shown.
pub fn printable(text: &str) -> String {
    let shown = |c: char| {
        if steers(c) {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(shown).collect()
}

/// JSON on one line with the same characters escaped: the text in it stays what it was.
pub fn printable_json(json: &str) -> String {
    // Outside of strings JSON has none of them.
    let shown = |c: char| {
        if steers(c) {
            format!("\\u{:04x}", u32::from(c))
        } else {
            c.to_string()
        }
    };
    json.chars().map(shown).collect()
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The beginning of a message's id: enough to name it by.
pub fn short(id: &FrankingTag) -> String {
    hex(id.as_bytes().first_chunk::<4>().unwrap_or(&[0; 4]))
}

/// A time as `2026-11-22 07:01:14 UTC`.
pub fn utc(time: Timestamp) -> String {
    let seconds = time.as_millis() / 1000;
    let (mut year, mut day) = (1970, seconds / 86_400);
    let days_in = |year: u64| {
        let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
        365 + u64::from(leap)
    };
    // Bounded: a sender may claim any time.
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
    fn nothing_steers_the_terminal() {
        let nasty = "\u{1b}[2J\r\n\u{9b}31m\u{202e}evil\u{7f}";
        assert_eq!(
            printable(nasty),
            r"\u{1b}[2J\r\n\u{9b}31m\u{202e}evil\u{7f}"
        );
        let value = serde_json::json!({ "text": nasty });
        let line = printable_json(&value.to_string());
        assert!(!line.chars().any(steers));
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read, value);
        assert_eq!(printable("Grüße 👋"), "Grüße 👋");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
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
