//! Tests of the recovery secret.

use super::RecoverySecret;

#[test]
fn debug_shows_nothing_secret() {
    let secret = RecoverySecret::from_bytes(&[7; 32]);
    assert_eq!(format!("{secret:?}"), "RecoverySecret { .. }");
    let pair = format!("{:?}", secret.key_pair());
    assert!(pair.starts_with("AccountKeyPair { public: AccountKey(") && pair.ends_with(", .. }"));
}

#[cfg(feature = "words")]
mod words {
    use super::super::{RecoverySecret, WordsError};

    fn words() -> String {
        RecoverySecret::from_bytes(&[7; 32]).to_words().to_string()
    }

    #[test]
    fn words_read_back_whatever_their_case_and_spacing() {
        let words = words();
        assert_eq!(words.split(' ').count(), 24);
        let shouted = format!("  {}\n", words.to_uppercase().replace(' ', " \t\n "));
        for text in [words, shouted] {
            let read = RecoverySecret::from_words(&text).unwrap();
            assert_eq!(*read.to_bytes(), [7; 32]);
        }
    }

    #[test]
    fn words_are_those_of_bip39() {
        let zero = RecoverySecret::from_bytes(&[0; 32]).to_words();
        assert_eq!(*zero, "abandon ".repeat(23) + "art");
    }

    #[test]
    fn chk283_words_that_are_not_24_of_the_list_with_their_checksum_are_refused() {
        let words = words();
        let refused = |text: &str| RecoverySecret::from_words(text).unwrap_err();
        assert_eq!(refused(""), WordsError::Count);
        assert_eq!(
            refused(words.rsplit_once(' ').unwrap().0),
            WordsError::Count
        );
        assert_eq!(refused(&format!("{words} zoo")), WordsError::Count);
        assert_eq!(refused(&" ".repeat(2_000)), WordsError::Count);
        // 12 words with the right checksum are of BIP-39, too.
        let twelve = "abandon ".repeat(11) + "about";
        assert_eq!(refused(&twelve), WordsError::Count);
        let (rest, _) = words.rsplit_once(' ').unwrap();
        assert_eq!(refused(&format!("{rest} waxseal")), WordsError::UnknownWord);
        assert_eq!(refused(&format!("{rest} äpfel")), WordsError::UnknownWord);
        assert_eq!(refused(&"abandon ".repeat(24)), WordsError::Checksum);
    }
}
