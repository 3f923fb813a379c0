//! Signed notes, and the keys that sign and check them. (C2SP signed-note, tlog-cosignature)

mod signature;
mod signer;
#[cfg(test)]
mod tests;
mod verifier;

use core::fmt;

use thiserror::Error;

pub use signature::NoteSignature;
pub use signer::{Cosigner, Signer};
pub use verifier::{Algorithm, Verifier, VerifierError};

use crate::limits::{MAX_NOTE_LEN, MAX_NOTE_SIGNATURES};

/// A text with signatures. A text means nothing before a signature was checked.
///
/// ```text
/// text, one or more lines
///
/// — name base64(key id 4 || signature)
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Signs a text, which must end with a newline.
    ///
    /// # Errors
    /// [`NoteError`] if the text is not one of a note.
    pub fn sign(text: String, signer: &Signer) -> Result<Self, NoteError> {
        if !is_text(&text) {
            return Err(NoteError::Malformed);
        }
        let signatures = vec![signer.sign(&text)];
        let note = Self { text, signatures };
        note.check_len()?;
        Ok(note)
    }

    /// Adds a signature, in place of an earlier one of the same key. Does not check it.
    ///
    /// # Errors
    /// [`NoteError`] if the note would be too long or have too many signatures. It is then
    /// unchanged.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        let mut note = self.clone();
        note.signatures.retain(|other| !other.same_key(&signature));
        note.signatures.push(signature);
        if note.signatures.len() > MAX_NOTE_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        note.check_len()?;
        *self = note;
        Ok(())
    }

    /// Decodes a note. Checks no signature.
    ///
    /// # Errors
    /// [`NoteError`] if the bytes are not a note.
    pub fn decode(bytes: &[u8]) -> Result<Self, NoteError> {
        // CHK-136: at most 64 KiB and 32 signatures, in the form of a signed note.
        if bytes.len() > MAX_NOTE_LEN {
            return Err(NoteError::TooLong);
        }
        let note = core::str::from_utf8(bytes).map_err(|_| NoteError::Malformed)?;
        // The last empty line ends the text; its newline belongs to the text.
        let (text, lines) = note
            .rfind("\n\n")
            .and_then(|end| note.split_at_checked(end.checked_add(1)?))
            .ok_or(NoteError::Malformed)?;
        let lines = lines
            .strip_prefix('\n')
            .and_then(|lines| lines.strip_suffix('\n'))
            .ok_or(NoteError::Malformed)?;
        if !is_text(text) {
            return Err(NoteError::Malformed);
        }
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == MAX_NOTE_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(NoteSignature::decode(line).ok_or(NoteError::Malformed)?);
        }
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The note's bytes, as they are published.
    pub fn encode(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }

    /// The signed text, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, checked or not.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Checks that this key signed the text.
    ///
    /// # Errors
    /// [`NoteError::NotSigned`] if the note has no signature of this key, or the key only
    /// cosigns. [`NoteError::BadSignature`] if a signature of this key does not verify.
    pub fn signed_by(&self, key: &Verifier) -> Result<(), NoteError> {
        match key.algorithm() {
            Algorithm::Note => self.check(key).map(|_| ()),
            Algorithm::Cosignature => Err(NoteError::NotSigned),
        }
    }

    /// Checks that this key cosigned the text; returns the time of the cosignature, in seconds
    /// since 1970-01-01, UTC. If there are several, the last time counts.
    ///
    /// # Errors
    /// [`NoteError::NotSigned`] if the note has no cosignature of this key, or the key does not
    /// cosign. [`NoteError::BadSignature`] if a cosignature of this key does not verify.
    pub fn cosigned_by(&self, key: &Verifier) -> Result<u64, NoteError> {
        match key.algorithm() {
            Algorithm::Note => Err(NoteError::NotSigned),
            Algorithm::Cosignature => self.check(key),
        }
    }

    /// Checks all signatures of a key; returns the largest time, or 0 for signatures without time.
    fn check(&self, key: &Verifier) -> Result<u64, NoteError> {
        let mut last = None;
        for signature in &self.signatures {
            if key.made(signature) {
                // CHK-137: no signature of a known key may fail.
                let time = key
                    .check(&self.text, signature)
                    .ok_or(NoteError::BadSignature)?;
                last = last.max(Some(time));
            }
        }
        last.ok_or(NoteError::NotSigned)
    }

    fn check_len(&self) -> Result<(), NoteError> {
        if self.encode().len() > MAX_NOTE_LEN {
            return Err(NoteError::TooLong);
        }
        Ok(())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            writeln!(f, "{signature}")?;
        }
        Ok(())
    }
}

/// Whether a text can be that of a note: it ends with a newline, and has no other control
/// characters.
fn is_text(text: &str) -> bool {
    text.ends_with('\n') && !text.bytes().any(|byte| byte < 0x20 && byte != b'\n')
}

/// The note is unusable, or a key did not sign it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoteError {
    /// The note is longer than [`MAX_NOTE_LEN`].
    #[error("the note is longer than 64 KiB")]
    TooLong,
    /// The note has more than [`MAX_NOTE_SIGNATURES`] signatures.
    #[error("the note has more than 32 signatures")]
    TooManySignatures,
    /// The bytes do not have the form of a note.
    #[error("the note is malformed")]
    Malformed,
    /// The key did not sign the note.
    #[error("the note has no signature of this key")]
    NotSigned,
    /// A signature of a known key does not verify. Refuse the whole note.
    #[error("a signature of a known key does not verify; refuse the note")]
    BadSignature,
}
