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
    use bip0039::English;
    use rand::RngExt as _;

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
        let legal = "legal winner thank year wave sausage worth useful ".repeat(2)
            + "legal winner thank year wave sausage worth title";
        let letter = "letter advice cage absurd amount doctor acoustic avoid ".repeat(2)
            + "letter advice cage absurd amount doctor acoustic bless";
        for (byte, words) in [
            (0, "abandon ".repeat(23) + "art"),
            (0x7f, legal),
            (0x80, letter),
            (0xff, "zoo ".repeat(23) + "vote"),
        ] {
            let secret = RecoverySecret::from_bytes(&[byte; 32]);
            assert_eq!(*secret.to_words(), words);
        }
    }

    #[test]
    fn every_secret_reads_back_from_its_words() {
        let mut bytes = [0; 32];
        for _ in 0..200 {
            rand::rng().fill(&mut bytes);
            let words = RecoverySecret::from_bytes(&bytes).to_words();
            assert_eq!(
                *RecoverySecret::from_words(&words).unwrap().to_bytes(),
                bytes
            );
        }
        // The list is in alphabetical order, and no word is longer than 8 letters.
        assert!(English::words().is_sorted());
        assert!(English::words().iter().all(|word| word.len() <= 8));
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
        let long = format!("{rest} abandoned");
        assert_eq!(refused(&long), WordsError::UnknownWord);
        assert_eq!(refused(&"abandon ".repeat(24)), WordsError::Checksum);
    }
}
