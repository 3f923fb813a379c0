//! The recovery secret as 24 English words. (BIP-39, “Generating the mnemonic”)
//!
//! The list of words is that of the crate `bip0039`. Its own reader leaves what a user typed in
//! memory if a word is wrong, so the bits are taken apart here.

use bip0039::English;
use sha2::{Digest, Sha256};
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
        let mut text = Zeroizing::new(String::with_capacity(MAX_WORDS_LEN));
        let bytes = with_checksum(&self.0);
        for part in bytes.as_chunks::<PART_LEN>().0 {
            let mut bits = Zeroizing::new([0; 16]);
            for (to, from) in bits.iter_mut().rev().zip(part.iter().rev()) {
                *to = *from;
            }
            let bits = Zeroizing::new(u128::from_be_bytes(*bits));
            for shift in SHIFTS {
                let index = usize::try_from(bits.wrapping_shr(shift) & MASK);
                let word = index.ok().and_then(|index| English::words().get(index));
                if !text.is_empty() {
                    text.push(' ');
                }
                // The list has a word for each number of 11 bits.
                text.push_str(word.copied().unwrap_or_default());
            }
        }
        text
    }

    /// Reads 24 words. Case does not matter, nor how much space is around the words.
    ///
    /// # Errors
    /// [`WordsError`] if the text is not 24 words of the list, or their checksum is wrong.
    pub fn from_words(text: &str) -> Result<Self, WordsError> {
        // CHK-283: 24 words of the list, whose checksum is right.
        if text.len() > MAX_TEXT_LEN || text.split_whitespace().count() != WORDS {
            return Err(WordsError::Count);
        }
        let mut bytes = Zeroizing::new([0; WITH_CHECKSUM_LEN]);
        let mut words = text.split_whitespace();
        for part in bytes.as_chunks_mut::<PART_LEN>().0 {
            let mut bits = Zeroizing::new(0_u128);
            for word in words.by_ref().take(SHIFTS.len()) {
                *bits = bits.wrapping_shl(11) | number(word).ok_or(WordsError::UnknownWord)?;
            }
            let bits = Zeroizing::new(bits.to_be_bytes());
            for (to, from) in part.iter_mut().rev().zip(bits.iter().rev()) {
                *to = *from;
            }
        }
        let secret = bytes.first_chunk().ok_or(WordsError::Count)?;
        if *with_checksum(secret) != *bytes {
            return Err(WordsError::Checksum);
        }
        Ok(Self::from_bytes(secret))
    }
}

/// The secret, then the first byte of its hash.
fn with_checksum(secret: &[u8; 32]) -> Zeroizing<[u8; WITH_CHECKSUM_LEN]> {
    let mut bytes = Zeroizing::new([0; WITH_CHECKSUM_LEN]);
    let hash = Sha256::digest(secret);
    for (to, from) in bytes.iter_mut().zip(secret.iter().chain(&hash)) {
        *to = *from;
    }
    bytes
}

/// Number of a word in the list, whose words are in alphabetical order.
fn number(word: &str) -> Option<u128> {
    // The longest word has 8 letters. A longer one is not copied.
    let mut lower = Zeroizing::new([0; 8]);
    let lower = lower.get_mut(..word.len())?;
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    let words = English::words();
    let index = words.binary_search_by(|other| other.as_bytes().cmp(lower));
    index.ok().and_then(|index| u128::try_from(index).ok())
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

/// Number of words.
const WORDS: usize = 24;
/// Longest text of all words: 8 letters each, and the spaces between them.
const MAX_WORDS_LEN: usize = 215;
/// The secret and its checksum, in bytes.
const WITH_CHECKSUM_LEN: usize = 33;
/// A third of it: 88 bits, which are 8 words of 11 bits.
const PART_LEN: usize = 11;
/// Where the bits of each word of a third begin.
const SHIFTS: [u32; 8] = [77, 66, 55, 44, 33, 22, 11, 0];
/// The bits of one word.
const MASK: u128 = 0x7ff;
