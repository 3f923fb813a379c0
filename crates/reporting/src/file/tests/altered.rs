//! Tests that nothing opens but the file that the root names.

use super::*;

/// Whether a blob opens in any way: as a whole, chunk by chunk, or one chunk by its key.
fn opens(file: &FileDescriptor, blob: &[u8]) -> bool {
    let shape = file.shape();
    let whole = opened(file, blob).is_ok();
    let tags_at = shape.tags_offset() as usize;
    let tags = blob
        .get(tags_at..tags_at + shape.tags_len())
        .unwrap_or_default();
    if let Ok(opener) = FileOpener::new(file, &key(), tags) {
        let all = (0..shape.chunk_count()).all(|index| {
            let at = shape.chunk_offset(index) as usize;
            let mut chunk = blob[at..at + shape.chunk_len(index)].to_vec();
            let opens = opener.open(index, &mut chunk).is_ok();
            assert!(opens || chunk.iter().all(|byte| *byte == 0), "wiped");
            opens
        });
        assert_eq!(all, whole);
    } else {
        assert!(!whole);
    }
    whole
}

/// Whether a chunk opens by its own key.
fn chunk_opens(file: &FileDescriptor, blob: &[u8], index: u32) -> bool {
    let shape = file.shape();
    let Ok(path) = ChunkPath::read(shape, index, &mut Cursor::new(blob)) else {
        return false;
    };
    let at = shape.chunk_offset(index) as usize;
    let mut chunk = blob[at..at + shape.chunk_len(index)].to_vec();
    let opens = open_shown(file, index, &key().chunk_key(index), &path, &mut chunk).is_ok();
    assert!(opens || chunk.iter().all(|byte| *byte == 0), "wiped");
    opens
}

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

#[test]
fn chunks_exchanged_within_a_file_between_files_and_positions_are_refused() {
    let sealed = Sealed::new(4 * 65_536);
    let other = Sealed::of(content(4 * 65_536 - 9), &key());
    let second_key = Sealed::of(sealed.content.clone(), &FileKey::from_bytes([1; 32]));
    let with = |index: usize, from: &Sealed, of: u32| {
        let mut blob = sealed.blob.clone();
        blob[index * 65_536..][..65_536].copy_from_slice(&from.chunk(of)[..65_536]);
        blob
    };
    assert!(opens(&sealed.file, &with(1, &sealed, 1)));
    for (name, blob) in [
        ("within the file", with(1, &sealed, 2)),
        ("of another file in the same place", with(1, &other, 1)),
        ("of another file in another place", with(1, &other, 0)),
        (
            "of the same content under another key",
            with(1, &second_key, 1),
        ),
    ] {
        assert!(!opens(&sealed.file, &blob), "{name}");
        assert!(!chunk_opens(&sealed.file, &blob, 1), "{name}");
    }
    // With its tag: the tree names the tag in its place.
    let mut blob = with(1, &sealed, 2);
    let tags_at = sealed.shape().tags_offset() as usize;
    blob.copy_within(tags_at + 64..tags_at + 96, tags_at + 32);
    assert!(!opens(&sealed.file, &blob));
    assert!(!chunk_opens(&sealed.file, &blob, 1));
}

/// Each chunk has its place in its key: the tag in another place is another one, even if the tree
/// is made for it.
#[test]
fn a_tag_names_the_place_of_its_chunk() {
    let content = [[7; 65_536], [7; 65_536]].concat();
    let sealed = Sealed::of(content, &key());
    let (chunks, tags) = sealed.blob.split_at(2 * 65_536);
    let forged_tags = [&tags[32..64], &tags[..32]].concat();
    let forged = [&chunks[65_536..], &chunks[..65_536], &forged_tags[..]].concat();
    let (nodes, _) = forged_tags.as_chunks();
    let root = tree::root_over(sealed.shape(), nodes).unwrap();
    assert!(!opens(&describe(sealed.shape(), root), &forged));
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

/// A root of the forger's choice over another number of chunks than the size demands.
#[test]
fn a_wrong_count_is_refused() {
    let sealed = Sealed::new(4 * 65_536);
    // The root of the first two chunks, described as that of the whole file.
    let half = Sealed::of(sealed.content[..2 * 65_536].to_vec(), &key());
    let lying = describe(sealed.shape(), *half.file.root());
    assert!(!opens(&lying, &sealed.blob));
    let refused = FileOpener::new(&lying, &key(), half.tags()).unwrap_err();
    assert_eq!(refused, ChunkError::OtherLength);
    // A node of level 1 in the place of a tag: fewer chunks than the size has.
    let (tags, _) = sealed.tags().as_chunks::<32>();
    assert!(tree::root_over(sealed.shape(), &tags[..3]).is_none());
    assert!(FileTree::over(sealed.shape(), tags[..3].to_vec()).is_none());
    assert!(FileTree::over(sealed.shape(), [tags, &tags[..1]].concat()).is_none());
}

/// The odd last node of a level moves up unchanged. Neither doubled nor moved to another place does
/// it give the same root, and no node of one level counts at another one.
#[test]
fn an_odd_node_moved_or_doubled_is_refused() {
    let sealed = Sealed::new(3 * 65_536);
    let four = FileShape::new(4 * 65_536).unwrap();
    let (tags, _) = sealed.tags().as_chunks::<32>();
    let doubled = [tags[0], tags[1], tags[2], tags[2]];
    let doubled = tree::root_over(four, &doubled).unwrap();
    assert!(doubled != *sealed.file.root());
    for order in [[2, 0, 1], [0, 2, 1], [1, 0, 2]] {
        let moved = tree::root_over(sealed.shape(), &order.map(|tag| tags[tag])).unwrap();
        assert!(moved != *sealed.file.root());
    }
    // The path of the odd chunk has one node. With the tags of its neighbours it proves nothing.
    let own = sealed.shape().path_offsets(2).unwrap();
    assert_eq!(own.len(), 2);
    let level_1 = sealed.blob[own[1] as usize..][..32].try_into().unwrap();
    for nodes in [[tags[0], level_1], [tags[1], level_1], [level_1, tags[2]]] {
        let path = ChunkPath::from_nodes(sealed.shape(), 2, &nodes).unwrap();
        let mut chunk = sealed.chunk(2);
        let refused = open_shown(&sealed.file, 2, &key().chunk_key(2), &path, &mut chunk);
        assert_eq!(refused, Err(ChunkError::Altered));
    }
}

/// The tag commits to the key, so the root names one content, whatever the keys. A ciphertext that
/// was made to open under two keys is in `tests/salamander.rs`.
#[test]
fn one_ciphertext_does_not_open_two_ways() {
    let sealed = Sealed::new(200);
    for other in [[0; 32], [0xff; 32]] {
        let other = FileKey::from_bytes(other);
        let opener = FileOpener::new(&sealed.file, &other, sealed.tags()).unwrap();
        let mut chunk = sealed.chunk(0);
        assert_eq!(opener.open(0, &mut chunk), Err(ChunkError::Altered));
        let mut chunk = sealed.chunk(0);
        let shown = open_shown(
            &sealed.file,
            0,
            &other.chunk_key(0),
            &sealed.path(0),
            &mut chunk,
        );
        assert_eq!(shown, Err(ChunkError::Altered));
        // Under the other key, these bytes are another file with another root.
        assert!(!opener.holds(0, &sealed.content));
        let again = FileTree::of(&mut &sealed.content[..], 200, &other).unwrap();
        assert!(again.root() != *sealed.file.root());
    }
}

/// A forger makes a small chunk under a key of its own that decrypts from the same sealed bytes.
#[test]
fn small_chunk_forged_under_another_key_is_refused() {
    let sealed = Sealed::new(1);
    // For any other key there is a plaintext with these sealed bytes under this tag's nonce. Its
    // tag is another one, whatever it is.
    for byte in 0..64 {
        let chunk_key = ChunkKey::from_bytes([byte; 32]);
        let mut chunk = sealed.chunk(0);
        let refused = open_shown(&sealed.file, 0, &chunk_key, &sealed.path(0), &mut chunk);
        assert_eq!(refused, Err(ChunkError::Altered));
    }
}

/// The blob is gone, or another requester gets another one: what opens is the file, or nothing.
#[test]
fn a_file_that_vanishes_or_differs_by_requester_does_not_open_as_another() {
    let sealed = Sealed::new(300);
    let mut other = sealed.content.clone();
    other[0] ^= 1;
    let other = Sealed::of(other, &key());
    assert_eq!(other.blob.len(), sealed.blob.len());
    for blob in [&other.blob[..], &vec![0; sealed.blob.len()]] {
        assert!(!opens(&sealed.file, blob));
    }
    assert!(matches!(
        opened(&sealed.file, &[]),
        Err(OpenFileError::OtherLength)
    ));
    assert!(opens(&sealed.file, &sealed.blob));
}

#[test]
fn two_files_do_not_share_a_root() {
    let mut roots = std::collections::BTreeSet::new();
    let mut files = 0;
    for size in sizes().into_iter().filter(|size| *size <= 65_537) {
        for content in [content(size), vec![0; size as usize]] {
            for key in [key(), FileKey::from_bytes([9; 32])] {
                let sealed = Sealed::of(content.clone(), &key);
                files += 1;
                roots.insert(*sealed.file.root().as_bytes());
            }
        }
    }
    // The file of no bytes was made twice.
    assert_eq!(roots.len(), files - 2);
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
