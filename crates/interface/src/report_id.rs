//! Report ids as text.

use waxseal_reporting::intake::ReportId;

/// A report's id as text: 32 lower-case hex digits.
pub fn report_id_text(id: &ReportId) -> String {
    format!("{:032x}", u128::from_be_bytes(*id.as_bytes()))
}

/// Reads a report's id from 32 hex digits. Returns `None` for anything else.
pub fn parse_report_id(text: &str) -> Option<ReportId> {
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u128::from_str_radix(text, 16).ok()?;
    Some(ReportId::from_bytes(number.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_32_hex_digits_are_a_report_id() {
        let id = ReportId::from_bytes([0x0a; 16]);
        let text = report_id_text(&id);
        assert_eq!(text, "0a".repeat(16));
        assert_eq!(parse_report_id(&text), Some(id));
        for other in [
            &text[1..],
            &format!("{text}0"),
            &text.replace('a', "g"),
            &format!("+{}", &text[1..]),
            "",
        ] {
            assert_eq!(parse_report_id(other), None, "{other}");
        }
    }
}
