//! Names the two formats in which messages were committed to, stored and reported.

use crate::wire::{VERSION, VERSION_2};

/// The format of one message, or of one report.
///
/// Only format 02 is written. Messages that were stored or reported in format 01 are still read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Format 01: the conversation is in the header, and the tag does not name its sender.
    V1,
    /// Format 02: sender and conversation are inputs of the tag.
    V2,
}

impl Format {
    /// Every format that is read, by its version byte.
    pub(crate) const KNOWN: [u8; 2] = [VERSION, VERSION_2];

    /// The format with this version byte.
    pub(crate) fn from_version(version: u8) -> Option<Self> {
        match version {
            VERSION => Some(Self::V1),
            VERSION_2 => Some(Self::V2),
            _ => None,
        }
    }

    /// Its version byte.
    pub(crate) fn version(self) -> u8 {
        match self {
            Self::V1 => VERSION,
            Self::V2 => VERSION_2,
        }
    }
}
