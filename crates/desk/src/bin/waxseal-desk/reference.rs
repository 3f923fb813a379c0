//! Checkpoints from elsewhere that the log must contain: one that the user kept, or a receipt's.

use std::path::Path;

use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::keys::{LogKeys, VerifiedCheckpoint};
use waxseal_log::limits::MAX_NOTE_LEN;
use waxseal_log::note::Note;
use waxseal_log::tree::TreeHash;

use crate::files::{given, shown};
use crate::meaning;
use crate::problem::{Problems, Unusable};

/// A checkpoint from elsewhere, which the log signed.
pub struct Reference {
    /// Names it in messages.
    pub name: String,
    pub size: u64,
    pub root: TreeHash,
}

/// How a reference relates to the published log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The log has this root at this size.
    Contained,
    /// The tiles do not reach it yet, and the archive has the same checkpoint.
    Archived,
    /// It is larger than the newest published checkpoint.
    Ahead,
    /// It contradicts the log, or the check ended before it. The problems say more.
    Contradicted,
}

impl Reference {
    pub fn of(name: &str, checkpoint: &VerifiedCheckpoint) -> Self {
        Self {
            name: name.to_owned(),
            size: checkpoint.size(),
            root: *checkpoint.root(),
        }
    }

    /// Reads the checkpoint in a file; `None` if it is not one that the log signed. A missing
    /// cosignature is a problem, but what the log signed binds it all the same.
    pub fn read(
        file: &Path,
        keys: &LogKeys,
        problems: &mut Problems,
    ) -> Result<Option<Self>, Unusable> {
        let name = shown(file);
        let note = match Note::decode(&given(file, MAX_NOTE_LEN)?) {
            Ok(note) => note,
            Err(error) => return Err(Unusable(format!("{name}: {error}"))),
        };
        let verified = keys.verify(&note);
        if let Ok(checkpoint) = &verified {
            return Ok(Some(Self::of(&name, checkpoint)));
        }
        if let Err(error) = verified {
            problems.push(meaning::of_checkpoint(&name, &error));
        }
        let signed = note.signed_by(keys.log()).ok();
        let checkpoint = signed.and_then(|()| Checkpoint::decode(note.text()).ok());
        Ok(checkpoint
            .filter(|checkpoint| checkpoint.origin() == keys.origin())
            .map(|checkpoint| Self {
                name,
                size: checkpoint.size(),
                root: *checkpoint.root(),
            }))
    }
}
