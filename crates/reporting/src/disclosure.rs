//! Chooses how much of a message a report shows.

use crate::evidence::Evidence;

/// Maximum number of chunks of files that a report shows, those of all messages together: 64 MiB.
/// Show a file as a whole if they do not suffice.
pub const MAX_SHOWN_CHUNKS: usize = 1_024;

/// How much of one message a report shows. Its header (part 0) is always shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disclosure {
    /// Every part. A reviewer can open each file as a whole.
    Whole,
    /// The header and the parts with these numbers: 1 is the content, 2 and up are the attachments.
    ///
    /// Without its key, which is the part after it, the descriptor of a file opens nothing of the
    /// file. The key of a file is never shown without its descriptor: the draft adds that.
    Parts(Vec<usize>),
    /// The header, the parts with these numbers, and chunks of files whose keys stay withheld.
    ///
    /// Each chunk has the number of the part with its file's descriptor, and its index in the file.
    /// The descriptors of these files are shown as well. Chunks of a file whose key is among the
    /// parts are left out, since the whole file is shown.
    Chunks {
        /// Numbers of parts, as in [`Parts`](Self::Parts).
        parts: Vec<usize>,
        /// Chunks: number of the descriptor's part, and index of the chunk.
        chunks: Vec<(usize, u32)>,
    },
}

/// What a draft shows of a message: existing parts, and existing chunks of files whose keys are
/// withheld, in ascending order.
#[derive(Clone)]
pub(crate) struct Chosen {
    pub(crate) parts: PartSet,
    pub(crate) chunks: Vec<(u8, u32)>,
}

/// Why a message does not have what was chosen.
pub(crate) enum NotThere {
    Part(usize),
    File(usize),
    Chunk(usize, u32),
}

impl Chosen {
    /// Compares what is chosen with what the message has.
    pub(crate) fn new(evidence: &Evidence, disclosure: &Disclosure) -> Result<Self, NotThere> {
        let (parts, chunks): (&[usize], &[(usize, u32)]) = match disclosure {
            Disclosure::Whole => {
                return Ok(Self {
                    parts: PartSet::all(evidence.part_count()),
                    chunks: Vec::new(),
                });
            }
            Disclosure::Parts(parts) => (parts, &[]),
            Disclosure::Chunks { parts, chunks } => (parts, chunks),
        };
        let missing = parts.iter().find(|part| **part >= evidence.part_count());
        if let Some(part) = missing {
            return Err(NotThere::Part(*part));
        }
        let mut set = parts.iter().copied().fold(PartSet::HEADER, PartSet::with);
        let attachments = evidence.numbered_attachments();
        let files: Vec<_> = attachments
            .iter()
            .filter_map(|(part, attachment)| Some((*part, attachment.file()?)))
            .collect();
        for (part, _) in &files {
            if set.contains(part.saturating_add(1)) {
                set = set.with(*part); // a key is shown with its descriptor
            }
        }
        let mut chosen = Vec::new();
        for (part, index) in chunks {
            let mut of_part = files.iter().filter(|(of, _)| of == part);
            let (_, file) = of_part.next().ok_or(NotThere::File(*part))?;
            if *index >= file.descriptor().shape().chunk_count() {
                return Err(NotThere::Chunk(*part, *index));
            }
            set = set.with(*part);
            if !set.contains(part.saturating_add(1)) {
                chosen.push((u8::try_from(*part).unwrap_or(u8::MAX), *index));
            }
        }
        chosen.sort_unstable();
        chosen.dedup();
        Ok(Self {
            parts: set,
            chunks: chosen,
        })
    }

    /// Whether it opens content of the file with this descriptor: all of it, or some chunks.
    pub(crate) fn opens(&self, descriptor: usize) -> bool {
        let key = self.parts.contains(descriptor.saturating_add(1));
        key || self.chunks_of(descriptor).next().is_some()
    }

    /// The shown chunks of the file with this descriptor.
    pub(crate) fn chunks_of(&self, descriptor: usize) -> impl Iterator<Item = u32> {
        let chunks = self.chunks.iter();
        chunks
            .filter(move |(part, _)| usize::from(*part) == descriptor)
            .map(|(_, index)| *index)
    }

    pub(crate) fn shown(&self) -> Shown<'_> {
        Shown {
            parts: self.parts,
            chunks: &self.chunks,
        }
    }
}

/// What a report shows of a message.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) parts: PartSet,
    /// Part of the descriptor, and index of the chunk, in ascending order.
    pub(crate) chunks: &'a [(u8, u32)],
}

impl From<PartSet> for Shown<'_> {
    fn from(parts: PartSet) -> Self {
        Self { parts, chunks: &[] }
    }
}

/// The set of a message's shown parts: bit i stands for part i.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartSet(u32);

impl PartSet {
    /// The header alone, which is always shown.
    pub(crate) const HEADER: Self = Self(1);

    /// Parts 0 to `count` - 1.
    pub(crate) fn all(count: usize) -> Self {
        (0..count).fold(Self(0), Self::with)
    }

    pub(crate) fn with(self, index: usize) -> Self {
        Self(self.0 | Self::bit(index))
    }

    pub(crate) fn contains(self, index: usize) -> bool {
        self.0 & Self::bit(index) != 0
    }

    /// The set as it is written on the wire.
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    /// Reads a set; `None` if it contains a part that a message of `count` parts does not have.
    pub(crate) fn from_bits(bits: u32, count: usize) -> Option<Self> {
        (bits & !Self::all(count).0 == 0).then_some(Self(bits))
    }

    fn bit(index: usize) -> u32 {
        u32::try_from(index)
            .ok()
            .and_then(|index| 1u32.checked_shl(index))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
