//! Tests that nothing opens but the file that the root names.

use super::*;

#[test]
fn chk484_altered_byte_of_a_chunk_is_refused() {
    for size in [0, 1, 100, 70_000] {
        let sealed = Sealed::new(size);
        let end = sealed.shape().sealed_len() as usize;
        let places = [0, 1, 63, size as usize / 2, 65_535, 65_536, end - 1];
        for at in places.into_iter().filter(|at| *at < end) {
            let mut altered = sealed.blob.clone();
            altered[at] ^= 0x10;
            assert!(!opens(&sealed.file, &altered), "{size}: byte {at}");
            let index = (at / 65_536) as u32;
            assert!(!chunk_opens(&sealed.file, &altered, index));
            let other = 1 - index;
            if other < sealed.shape().chunk_count() {
                assert!(
                    chunk_opens(&sealed.file, &altered, other),
                    "the other chunk opens"
                );
            }
        }
    }
}

#[test]
fn chk482_altered_tag_is_refused() {
    let sealed = Sealed::new(5 * 65_536);
    let tags = sealed.tags();
    for at in [0, 31, 32, 96, 159] {
        let mut altered = tags.to_vec();
        altered[at] ^= 1;
        let refused = FileOpener::new(&sealed.file, &key(), &altered).unwrap_err();
        assert_eq!(refused, ChunkError::Altered);
    }
    for other in [&tags[..128], &tags[..159], &[tags, &[0; 32]].concat(), &[]] {
        let refused = FileOpener::new(&sealed.file, &key(), other).unwrap_err();
        assert_eq!(refused, ChunkError::OtherLength);
    }
    // A tag is in its place.
    let mut swapped = tags.to_vec();
    swapped[..64].rotate_left(32);
    let refused = FileOpener::new(&sealed.file, &key(), &swapped).unwrap_err();
    assert_eq!(refused, ChunkError::Altered);
}

#[test]
fn chk483_altered_or_foreign_path_is_refused() {
    let sealed = Sealed::new(5 * 65_536);
    let other = Sealed::of(content(5 * 65_536 - 1), &key());
    for index in 0..5 {
        let offsets = sealed.shape().path_offsets(index).unwrap();
        for at in offsets {
            let mut altered = sealed.blob.clone();
            altered[at as usize + 7] ^= 1;
            assert!(!chunk_opens(&sealed.file, &altered, index));
        }
        let open_with = |key: ChunkKey, path: &ChunkPath| {
            let mut chunk = sealed.chunk(index);
            open_shown(&sealed.file, index, &key, path, &mut chunk).is_ok()
        };
        let own = || key().chunk_key(index);
        assert!(open_with(own(), &sealed.path(index)));
        let next = (index + 1) % 5;
        assert!(
            !open_with(own(), &sealed.path(next)),
            "path of another chunk"
        );
        assert!(
            !open_with(own(), &other.path(index)),
            "path of another file"
        );
        assert!(
            !open_with(key().chunk_key(next), &sealed.path(index)),
            "another key"
        );
    }
}

#[test]
fn chk481_chunk_of_another_length_is_refused() {
    let sealed = Sealed::new(65_536 + 65);
    let opener = sealed.opener();
    let last = sealed.chunk(1);
    for (index, mut chunk) in [
        (0, sealed.chunk(0)[1..].to_vec()),
        (1, last[..last.len() - 1].to_vec()),
        (1, [&last[..], &[0]].concat()),
        (1, Vec::new()),
        (2, last.clone()),
        (2, Vec::new()),
        (u32::MAX, last.clone()),
    ] {
        let path = sealed.path(index.min(1));
        let mut again = chunk.clone();
        let refused = opener.open(index, &mut chunk).unwrap_err();
        assert_eq!(refused, ChunkError::OtherLength);
        assert!(chunk.iter().all(|byte| *byte == 0), "wiped");
        let chunk_key = key().chunk_key(index);
        let refused = open_shown(&sealed.file, index, &chunk_key, &path, &mut again).unwrap_err();
        assert_eq!(refused, ChunkError::OtherLength);
        assert!(again.iter().all(|byte| *byte == 0), "wiped");
    }
}

#[test]
fn chk481_truncated_or_extended_blob_is_refused_unread() {
    for size in [0, 100, 65_536, 200_000] {
        let sealed = Sealed::new(size);
        let len = sealed.blob.len();
        for other in [0, len / 2, len - 32, len - 1] {
            let refused = opened(&sealed.file, &sealed.blob[..other]).unwrap_err();
            assert!(matches!(refused, OpenFileError::OtherLength));
        }
        for more in [1, 32, 65_536] {
            let longer = [&sealed.blob[..], &vec![0; more]].concat();
            let refused = opened(&sealed.file, &longer).unwrap_err();
            assert!(matches!(refused, OpenFileError::OtherLength));
        }
    }
}

/// A file that was cut or extended is another file, also if the blob fits its own size.
#[test]
fn truncation_and_extension_make_another_file() {
    let size = 130_000;
    let sealed = Sealed::new(size);
    for other in [
        sealed.content[..size as usize - 1].to_vec(),
        sealed.content[..65_536].to_vec(),
        [&sealed.content[..], &[0]].concat(),
        [&sealed.content[..], &vec![0; 100_000]].concat(),
    ] {
        let other = Sealed::of(other, &key());
        assert!(other.file.root() != sealed.file.root());
        // A zero more in place of a zero of the padding: the size alone tells the files apart.
        assert!(other.blob == sealed.blob || !opens(&sealed.file, &other.blob));
        // A size that is a lie, with the root of the one and the blob of the other.
        let lying = describe(other.shape(), *sealed.file.root());
        assert!(!opens(&lying, &other.blob));
        let lying = describe(sealed.shape(), *other.file.root());
        assert!(!opens(&lying, &sealed.blob));
    }
}

/// One byte of size more or less within the same sealed length: the root names the size.
#[test]
fn chk482_size_other_than_the_sealed_one_is_refused() {
    let sealed = Sealed::of([&content(99)[..], &[0]].concat(), &key());
    for size in [98, 99, 101, 128] {
        let shape = FileShape::new(size).unwrap();
        assert_eq!(shape.blob_len(), sealed.shape().blob_len());
        let lying = describe(shape, *sealed.file.root());
        assert!(!opens(&lying, &sealed.blob), "{size}");
        assert!(!chunk_opens(&lying, &sealed.blob, 0), "{size}");
    }
}

/// Seals with padding of the forger's choice. The tags are over it, and the root over the tags.
fn with_padding(content: &[u8], padding: impl Fn(&mut [u8])) -> (FileDescriptor, Vec<u8>) {
    let shape = FileShape::new(content.len() as u64).unwrap();
    let mut padded = content.to_vec();
    padded.resize(shape.sealed_len() as usize, 0);
    padding(&mut padded[content.len()..]);
    let (mut blob, mut tags) = (Vec::new(), Vec::new());
    for (index, chunk) in (0..).zip(padded.chunks(CHUNK_LEN)) {
        let mut chunk = chunk.to_vec();
        tags.push(chunk::seal(index, &key().chunk_key(index), &mut chunk));
        blob.extend_from_slice(&chunk);
    }
    let tree = FileTree::over(shape, tags).unwrap();
    blob.extend_from_slice(tree.as_bytes());
    (describe(shape, tree.root()), blob)
}

#[test]
fn chk485_padding_other_than_zeros_is_refused() {
    for size in [0, 1, 63, 65, 1_025, 65_537] {
        let content = content(size);
        let (file, blob) = with_padding(&content, |_| {});
        assert!(opens(&file, &blob), "{size}");
        let last = file.shape().chunk_count() - 1;
        for place in [0, 3, usize::MAX] {
            let (file, blob) = with_padding(&content, |padding| {
                let place = place.min(padding.len() - 1);
                padding[place] = 1;
            });
            assert!(!opens(&file, &blob), "{size}");
            assert!(!chunk_opens(&file, &blob, last), "{size}");
        }
    }
}

/// Padding that fills whole chunks is checked too.
#[test]
fn chk485_chunk_of_padding_alone_has_nothing_but_zeros() {
    let shape = FileShape::new((1 << 31) + 1).unwrap();
    let index = 33_000;
    assert_eq!(
        (shape.content_len(index), shape.chunk_len(index)),
        (0, CHUNK_LEN)
    );
    let chunk_key = key().chunk_key(index);
    for (byte, opens) in [(0, true), (1, false)] {
        let mut chunk = vec![0; CHUNK_LEN];
        chunk[40_000] = byte;
        let tag = chunk::seal(index, &chunk_key, &mut chunk);
        assert_eq!(
            chunk::open(shape, index, &chunk_key, &tag, &mut chunk),
            opens
        );
    }
}

/// What is written before a blob turns out to be altered is the beginning of the file.
#[test]
fn nothing_unverified_comes_out() {
    let size = 3 * 1_048_576;
    let sealed = Sealed::new(size);
    for at in [0, 70_000, 1_048_576 + 5, size as usize - 1] {
        let mut altered = sealed.blob.clone();
        altered[at] ^= 1;
        let mut saved = Vec::new();
        let refused = open(&sealed.file, &key(), &mut Cursor::new(&altered), &mut saved);
        assert!(matches!(refused, Err(OpenFileError::Altered)));
        assert!(saved.len() <= at);
        assert!(sealed.content.starts_with(&saved));
    }
    let mut altered = sealed.blob.clone();
    altered[size as usize] ^= 1; // a tag
    let mut saved = Vec::new();
    let refused = open(&sealed.file, &key(), &mut Cursor::new(&altered), &mut saved);
    assert!(matches!(refused, Err(OpenFileError::Altered)));
    assert_eq!(saved, b"");
}

#[test]
fn a_saved_chunk_that_is_not_the_files_is_not_held() {
    let sealed = Sealed::new(65_536 + 100);
    let opener = sealed.opener();
    assert!(opener.holds(1, sealed.content_of(1)));
    let mut other = sealed.content_of(1).to_vec();
    other[99] ^= 1;
    assert!(!opener.holds(1, &other));
    assert!(!opener.holds(1, &other[..99]));
    assert!(!opener.holds(0, sealed.content_of(1)));
    assert!(!opener.holds(2, b""));
    let padded = [sealed.content_of(1), &[0]].concat();
    assert!(!opener.holds(1, &padded));
}
