//! What is asked about files, and their names.

use crate::client::courier::uploads::UploadId;

/// How many chunks are read and hashed in one call of `next`: 2 MiB, which takes some milliseconds.
pub(super) const CHUNKS_AT_ONCE: u32 = 32;

/// Names a download, as long as the courier lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DownloadId(pub(super) u64);

/// A file on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transfer {
    /// To the provider.
    Upload(UploadId),
    /// From the provider.
    Download(DownloadId),
}

/// What a request about a blob is for.
#[derive(Clone)]
pub(in crate::courier) enum Asked {
    /// How much of the blob of an upload the relay has.
    UploadState(UploadId),
    /// A part of a blob, up to this place of it.
    Put { upload: UploadId, end: u64 },
    /// Whether the blob of a download is there.
    DownloadState(DownloadId),
    /// This many bytes of the blob of a download, where it goes on.
    Bytes { download: DownloadId, len: usize },
}

impl Asked {
    pub(in crate::courier) fn transfer(&self) -> Transfer {
        match self {
            Self::UploadState(upload) | Self::Put { upload, .. } => Transfer::Upload(*upload),
            Self::DownloadState(download) | Self::Bytes { download, .. } => {
                Transfer::Download(*download)
            }
        }
    }
}
