//! Mailboxes: where two devices that share a secret leave bytes for one another, for ten minutes.

/// Maximum length in bytes of what is put into a slot of a mailbox. Holds a part of a message
/// history of 64 KiB with its overhead, and everything that linking a device needs.
pub const MAX_MAILBOX_LEN: usize = 98_304;

/// A mailbox as text: 32 lower-case hex digits.
pub fn mailbox_text(mailbox: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*mailbox))
}

/// Reads a mailbox from 32 lower-case hex digits. Returns `None` for anything else.
pub fn parse_mailbox(text: &str) -> Option<[u8; 16]> {
    let mailbox = u128::from_str_radix(text, 16).ok()?.to_be_bytes();
    (mailbox_text(&mailbox) == text).then_some(mailbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_32_lower_case_hex_digits_are_a_mailbox() {
        let mailbox = [0x0a; 16];
        let text = mailbox_text(&mailbox);
        assert_eq!(text, "0a".repeat(16));
        assert_eq!(parse_mailbox(&text), Some(mailbox));
        for other in [
            &text[1..],
            &format!("{text}0"),
            &text.replace('a', "g"),
            &text.replace('a', "A"),
            &format!("+{}", &text[1..]),
            "",
        ] {
            assert_eq!(parse_mailbox(other), None, "{other}");
        }
    }
}
