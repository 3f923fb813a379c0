//! How a log reads a witness's answer.

use thiserror::Error;

use crate::codec::decimal;
use crate::limits::MAX_NOTE_LEN;
use crate::note::{Note, NoteSignature, Verifier};

/// What a witness answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It cosigned. The cosignature was checked; [`Note::add`] adds it to the checkpoint.
    Cosigned(NoteSignature),
    /// It last cosigned this size. Ask again, with a proof from this size.
    OtherSize(u64),
}

/// Reads a witness's answer to a request about a checkpoint.
///
/// Ask again at most once after [`Answer::OtherSize`]: a witness with another root for this size
/// answers so each time.
///
/// # Errors
/// [`AnswerError`] if the witness refused, or its cosignature does not verify.
pub fn read_answer(
    status: u16,
    body: &[u8],
    checkpoint: &Note,
    witness: &Verifier,
) -> Result<Answer, AnswerError> {
    match status {
        200 => cosignature(body, checkpoint, witness).map(Answer::Cosigned),
        409 => size(body)
            .map(Answer::OtherSize)
            .ok_or(AnswerError::Malformed),
        status => Err(AnswerError::Refused { status }),
    }
}

/// Finds the witness's cosignature in the lines of a body, and checks it.
fn cosignature(
    body: &[u8],
    checkpoint: &Note,
    witness: &Verifier,
) -> Result<NoteSignature, AnswerError> {
    if body.len() > MAX_NOTE_LEN {
        return Err(AnswerError::Malformed);
    }
    // The body continues the note. Nothing but its signatures counts here.
    let mut answered = checkpoint.text().as_bytes().to_vec();
    answered.push(b'\n');
    answered.extend_from_slice(body);
    let answered = Note::decode(&answered).map_err(|_| AnswerError::Malformed)?;
    if answered.text() != checkpoint.text() {
        return Err(AnswerError::Malformed);
    }
    // CHK-137: the cosignature verifies.
    answered
        .cosigned_by(witness)
        .map_err(|_| AnswerError::NotCosigned)?;
    answered
        .signatures()
        .iter()
        .find(|line| line.name() == witness.name() && line.id() == witness.id())
        .cloned()
        .ok_or(AnswerError::NotCosigned)
}

fn size(body: &[u8]) -> Option<u64> {
    if body.len() > 32 {
        return None;
    }
    decimal(core::str::from_utf8(body).ok()?.strip_suffix('\n')?)
}

/// The witness did not cosign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The witness refused: 400 for a malformed request, 403 for a missing signature, 404 for an
    /// unknown log, 422 for a tree that does not continue the last one.
    #[error("the witness refused with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// The answer is not one of a witness.
    #[error("the witness's answer is malformed")]
    Malformed,
    /// The answer has no valid cosignature of this witness.
    #[error("the answer has no valid cosignature of this witness")]
    NotCosigned,
}
