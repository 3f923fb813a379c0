//! Why a file does not go on.

use std::io;

use waxseal_interface::ErrorCode;

/// Why a file does not go on.
///
/// An upload stays in [`Courier::uploads`](super::super::Courier::uploads): resume or cancel it. A
/// download is over, and what it wrote stays in its target: save the file to the same target again
/// to go on. With [`Target`](Self::Target) the courier keeps the target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileFailure {
    /// The file is not the one any more whose upload began. Cancel the upload, and send the file as
    /// a new one.
    #[error("the file changed")]
    SourceChanged,
    /// The file cannot be read. Resume the upload when it can.
    #[error("the file cannot be read: {0}")]
    Source(io::ErrorKind),
    /// The file cannot be written, for example because the disk is full. Call
    /// [`resume_download`](super::super::Courier::resume_download) when it can, or
    /// [`cancel_download`](super::super::Courier::cancel_download).
    #[error("the file cannot be written: {0}")]
    Target(io::ErrorKind),
    /// The provider does not have the file any more. Ask the sender to send it again.
    #[error("the provider does not have the file any more")]
    Gone,
    /// What the provider has is not the file that the message names. Nothing of it was shown.
    /// Suspect the sender or the provider.
    #[error("this is not the file that the message names")]
    Altered,
    /// The message was deleted or has expired. Delete what is in the target.
    #[error("the message is not shown any more")]
    NotShown,
    /// The provider keeps as many files of this account as it may, or has no room. Resume the
    /// upload later.
    #[error("the provider has no room for the file")]
    Quota,
    /// The provider refuses the file, for this reason.
    #[error("the provider refuses the file: {0:?}")]
    Refused(ErrorCode),
    /// The provider says again and again that it has less of the file than before. Resume the
    /// upload later.
    #[error("the provider does not keep what it received")]
    Lost,
    /// The record of the upload cannot be read. It is among the damaged rows of
    /// [`Courier::uploads`](super::super::Courier::uploads): delete it, and send the file as a new
    /// one.
    #[error("the record of the upload is damaged")]
    Damaged,
    /// The provider has the file, and the message with it cannot be sent, for this reason: this
    /// account may have left the group. Resume the upload to try again.
    #[error("the message cannot be sent: {0}")]
    NotSent(String),
}
