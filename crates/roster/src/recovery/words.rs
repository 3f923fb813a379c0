//! The recovery secret as 24 English words.

use bip0039::{English, Mnemonic};
use thiserror::Error;
use zeroize::Zeroizing;

use super::RecoverySecret;
use crate::limits::MAX_TEXT_LEN;

impl RecoverySecret {
    /// Writes the secret as 24 lower-case English words, with one space between them. (BIP-39)
    ///
    /// The last word holds a checksum. The text is wiped on drop.
    #[must_use]
    pub fn to_words(&self) -> Zeroizing<String> {
        // 32 bytes always have words.
        let words = Mnemonic::<English>::from_entropy(self.0.as_slice()).ok();
        Zeroizing::new(words.map(Mnemonic::into_phrase).unwrap_or_default())
    }

    /// Reads 24 words. Case does not matter, nor how much space is around the words.
    ///
    /// # Errors
    /// [`WordsError`] if the text is not 24 words of the list, or their checksum is wrong.
    pub fn from_words(text: &str) -> Result<Self, WordsError> {
        if text.len() > MAX_TEXT_LEN {
            return Err(WordsError::Count);
        }
        let mut words = Zeroizing::new(String::with_capacity(text.len()));
        let mut count = 0_usize;
        for word in text.split_whitespace() {
            if count > 0 {
                words.push(' ');
            }
            // Every word of the list is ASCII, so another word stays one that is not in the list.
            words.extend(word.chars().map(|character| character.to_ascii_lowercase()));
            count = count.saturating_add(1);
        }
        // CHK-283: 24 words of the list, whose checksum is right.
        if count != 24 {
            return Err(WordsError::Count);
        }
        let words =
            Mnemonic::<English>::from_phrase(words.as_str()).map_err(|error| match error {
                bip0039::Error::UnknownWord(_) => WordsError::UnknownWord,
                bip0039::Error::InvalidChecksum => WordsError::Checksum,
                _ => WordsError::Count,
            })?;
        let bytes = words.entropy().first_chunk().ok_or(WordsError::Count)?;
        Ok(Self::from_bytes(bytes))
    }
}

/// The text is not the words of a recovery secret. Ask the user to compare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WordsError {
    /// There must be 24 words.
    #[error("a recovery secret has 24 words")]
    Count,
    /// A word is not in the list.
    #[error("a word is not in the list; compare the spelling")]
    UnknownWord,
    /// All words are in the list, but one is wrong or they are in another order.
    #[error("a word is wrong, or the words are in another order")]
    Checksum,
}
