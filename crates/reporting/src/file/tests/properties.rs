//! Tests properties of files with random sizes, places and alterations.

use proptest::prelude::*;

use super::*;

/// Sizes near a boundary of the layout, and any others.
fn any_size() -> impl Strategy<Value = u64> {
    let near = |at: u64| at.saturating_sub(2)..=at + 2;
    let boundaries: Vec<_> = sizes()
        .into_iter()
        .filter(|size| *size <= 300_000)
        .collect();
    prop_oneof![
        prop::sample::select(boundaries).prop_flat_map(near),
        0..200_000u64,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_file_of_any_size_opens_as_a_whole_and_at_any_place(
        size in any_size(), place: prop::sample::Index, key: [u8; 32],
    ) {
        let key = FileKey::from_bytes(key);
        let sealed = Sealed::of(content(size), &key);
        let mut saved = Vec::new();
        let len = open(&sealed.file, &key, &mut Cursor::new(&sealed.blob), &mut saved).unwrap();
        prop_assert_eq!(len, size);
        prop_assert!(saved == sealed.content);

        let index = place.index(sealed.shape().chunk_count() as usize) as u32;
        let opener = FileOpener::new(&sealed.file, &key, sealed.tags()).unwrap();
        let mut chunk = sealed.chunk(index);
        prop_assert_eq!(opener.open(index, &mut chunk).unwrap(), sealed.content_of(index));
        prop_assert!(opener.holds(index, sealed.content_of(index)));
        let mut chunk = sealed.chunk(index);
        let (path, chunk_key) = (sealed.path(index), key.chunk_key(index));
        let shown = open_shown(&sealed.file, index, &chunk_key, &path, &mut chunk);
        prop_assert_eq!(shown.unwrap(), sealed.content_of(index));
    }

    #[test]
    fn no_altered_blob_opens(
        size in any_size(), place: prop::sample::Index, xor in 1u8..,
    ) {
        let sealed = Sealed::new(size);
        // Opening the whole file reads chunks and tags. The other nodes are for single chunks, and
        // the next property alters them.
        let read = sealed.shape().tags_offset() as usize + sealed.shape().tags_len();
        let mut altered = sealed.blob.clone();
        let at = place.index(read);
        altered[at] ^= xor;
        let mut saved = Vec::new();
        let opened = open(&sealed.file, &key(), &mut Cursor::new(altered), &mut saved);
        prop_assert!(matches!(opened, Err(OpenFileError::Altered)));
        prop_assert!(sealed.content.starts_with(&saved));
        prop_assert!(saved.len() <= at, "bytes after the altered one came out");
    }

    #[test]
    fn a_blob_with_other_nodes_above_the_tags_opens_whole_and_by_chunks(
        size in any_size(), place: prop::sample::Index, byte: u8,
    ) {
        let sealed = Sealed::new(size);
        let mut altered = sealed.blob.clone();
        let above = sealed.shape().tags_offset() as usize + sealed.shape().tags_len();
        altered[above..].fill(byte);
        prop_assert!(opened(&sealed.file, &altered).unwrap() == sealed.content);
        let index = place.index(sealed.shape().chunk_count() as usize) as u32;
        let mut chunk = sealed.chunk(index);
        let mut shown = ShownChunks::new(&sealed.file);
        let chunk_key = key().chunk_key(index);
        let content = shown.open(index, &chunk_key, &mut Cursor::new(altered), &mut chunk);
        prop_assert_eq!(content.unwrap(), sealed.content_of(index));
    }
}

proptest! {
    #[test]
    fn layouts_of_any_size_add_up(size: u64, index: u32) {
        let Ok(shape) = FileShape::new(size) else {
            prop_assert!(size > MAX_FILE_LEN);
            return Ok(());
        };
        prop_assert!(size <= MAX_FILE_LEN);
        check_layout(shape, size, index)?;
    }

    #[test]
    fn layouts_of_files_add_up(size in 0..=MAX_FILE_LEN, index in 0..MAX_CHUNKS) {
        check_layout(FileShape::new(size).unwrap(), size, index)?;
    }
}

fn check_layout(shape: FileShape, size: u64, index: u32) -> Result<(), TestCaseError> {
    prop_assert_eq!(shape.size_bytes(), size);
    prop_assert!(shape.sealed_len() >= size.max(64));
    // Padmé adds at most 12 %, and a small file is rounded up to a multiple of 64.
    prop_assert!(shape.sealed_len() <= size + size / 8 + 64);
    let chunks = u64::from(shape.chunk_count());
    prop_assert!((chunks - 1) * 65_536 < shape.sealed_len());
    prop_assert!(shape.sealed_len() <= chunks * 65_536);
    prop_assert!(shape.blob_len() - shape.sealed_len() <= 64 * chunks + 32 * 16);
    prop_assert_eq!(shape.tags_len() as u64, chunks * 32);
    let within = index < shape.chunk_count();
    prop_assert_eq!(shape.chunk_len(index) > 0, within);
    prop_assert!(shape.content_len(index) <= shape.chunk_len(index));
    let offsets = shape.path_offsets(index);
    prop_assert_eq!(offsets.is_some(), within);
    for offset in offsets.unwrap_or_default() {
        prop_assert!(offset >= shape.tags_offset() && offset + 32 <= shape.blob_len());
    }
    Ok(())
}
