//! Tests of `shape.rs`.

#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use super::*;
use crate::padding;

/// Sizes at and around each boundary: of blocks, of Padmé, of chunks and of levels of the tree.
pub(in super::super) fn sizes() -> Vec<u64> {
    let mut sizes = vec![
        0, 1, 63, 64, 65, 127, 128, 1_023, 1_024, 1_025, 1_088, 1_089,
    ];
    for chunks in [1, 2, 3, 5] {
        let end = chunks * CHUNK;
        sizes.extend([end - 1, end, end + 1]);
    }
    sizes.extend([4, 8, 9, 16, 17].map(|chunks| chunks * CHUNK));
    sizes
}

#[test]
fn chk480_file_has_at_most_4_gib() {
    let longest = FileShape::new(MAX_FILE_LEN).unwrap();
    assert_eq!(longest.sealed_len(), MAX_FILE_LEN);
    assert_eq!(longest.chunk_count(), MAX_CHUNKS);
    assert_eq!(longest.top_level(), 16);
    assert_eq!(longest.tags_len(), 2 * 1_024 * 1_024);
    assert_eq!(longest.chunk_len(65_535), CHUNK_LEN);
    assert_eq!(longest.content_len(65_535), CHUNK_LEN);
    assert_eq!(longest.chunk_len(65_536), 0);
    // 65,536 tags and as many nodes, without the top and one more.
    assert_eq!(longest.blob_len(), MAX_FILE_LEN + (131_072 - 2) * 32);
    for longer in [MAX_FILE_LEN + 1, u64::MAX] {
        assert_eq!(FileShape::new(longer), Err(FileTooLong));
    }
    // The longest file whose last chunk is shorter.
    let shorter = FileShape::new(MAX_FILE_LEN - 1).unwrap();
    assert_eq!(shorter.sealed_len(), MAX_FILE_LEN);
    assert_eq!(shorter.content_len(65_535), CHUNK_LEN - 1);
}

#[test]
fn chunks_make_up_the_sealed_length() {
    for size in sizes() {
        let shape = FileShape::new(size).unwrap();
        let (mut sealed, mut content) = (0, 0);
        for index in 0..shape.chunk_count() {
            assert_eq!(shape.chunk_offset(index), sealed, "{size}");
            assert!((1..=CHUNK_LEN).contains(&shape.chunk_len(index)), "{size}");
            assert!(shape.content_len(index) <= shape.chunk_len(index), "{size}");
            sealed += shape.chunk_len(index) as u64;
            content += shape.content_len(index) as u64;
        }
        assert_eq!((sealed, content), (shape.sealed_len(), size));
        for beyond in [shape.chunk_count(), u32::MAX] {
            assert_eq!(shape.chunk_len(beyond), 0);
            assert_eq!(shape.content_len(beyond), 0);
            assert_eq!(shape.path_offsets(beyond), None);
        }
    }
}

#[test]
fn sealed_length_is_that_of_a_padded_message_without_its_first_byte() {
    for size in sizes().into_iter().filter(|size| *size > 0) {
        let as_message = padding::padded_len(size as usize - 1);
        let shape = FileShape::new(size).unwrap();
        assert_eq!(shape.sealed_len(), as_message as u64);
    }
    for (size, sealed) in [(0, 64), (64, 64), (65, 128), (1_024, 1_024), (1_025, 1_088)] {
        assert_eq!(FileShape::new(size).unwrap().sealed_len(), sealed);
    }
}

#[test]
fn padding_can_fill_whole_chunks() {
    // Above 2 GiB, sizes are rounded up to a multiple of 64 MiB, which are 1,024 chunks.
    let shape = FileShape::new((1 << 31) + 1).unwrap();
    assert_eq!(shape.chunk_count(), 32_768 + 1_024);
    assert_eq!(shape.content_len(32_768), 1);
    assert_eq!(shape.content_len(32_769), 0);
    assert_eq!(shape.chunk_len(33_791), CHUNK_LEN);
}

#[test]
fn blob_is_little_longer_than_its_chunks() {
    for size in sizes() {
        let shape = FileShape::new(size).unwrap();
        let more = shape.blob_len() - shape.sealed_len();
        let (chunks, levels) = (u64::from(shape.chunk_count()), u64::from(shape.top_level()));
        assert!(more <= 64 * chunks + 32 * levels, "{size}: {more}");
        assert!(more >= 32 * chunks);
        assert_eq!(more, shape.stored_nodes() as u64 * 32);
    }
}

#[test]
fn paths_are_within_the_tree() {
    for size in sizes() {
        let shape = FileShape::new(size).unwrap();
        for index in 0..shape.chunk_count() {
            let offsets = shape.path_offsets(index).unwrap();
            assert!((1..=17).contains(&offsets.len()));
            assert_eq!(offsets[0], shape.tags_offset() + u64::from(index) * 32);
            let end = offsets.iter().max().unwrap() + 32;
            assert!(end <= shape.blob_len());
        }
    }
    // Three chunks: the third has no sibling at level 0, and the first two share one at level 1.
    let shape = FileShape::new(3 * CHUNK).unwrap();
    let (tags, above) = (shape.tags_offset(), shape.tags_offset() + 96);
    assert_eq!(
        shape.path_offsets(0).unwrap(),
        [tags, tags + 32, above + 32]
    );
    assert_eq!(
        shape.path_offsets(1).unwrap(),
        [tags + 32, tags, above + 32]
    );
    assert_eq!(shape.path_offsets(2).unwrap(), [tags + 64, above]);
    assert_eq!(shape.blob_len(), above + 64);
}
