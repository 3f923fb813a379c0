//! Why a chunk is not taken.

/// The bytes are not the expected chunk. Nothing changed. Fetch the chunk again, or ask for the
/// history from this chunk on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// The bytes are longer or shorter than any chunk, or its records do not have their form.
    #[error("malformed history chunk")]
    Malformed,
    /// The version byte is unknown. An application of a later version sealed the chunk.
    #[error("history chunk of another version")]
    OtherVersion,
    /// It is another chunk than the next one. Import chunks in their order.
    #[error("not the next history chunk")]
    OtherChunk,
    /// It was not sealed for this history and this place in it.
    #[error("history chunk was not authenticated")]
    Unauthenticated,
}
