//! Alters blobs of sealed files, and asserts that nothing but the file opens from them.

use std::io::{Cursor, Seek, SeekFrom, Write};
use std::sync::LazyLock;

use waxseal_reporting::file::{
    ChunkPath, FileDescriptor, FileKey, FileOpener, FileShape, FileTree, MAX_FILE_LEN, NODE_LEN,
    open, open_shown, seal,
};

/// Sizes of the files: at the ends of blocks and chunks, and with an odd number of chunks.
const SIZES: [usize; 12] = [
    0, 1, 64, 65, 1_024, 1_025, 65_535, 65_536, 65_537, 131_072, 131_073, 330_000,
];

/// A file with its blob.
struct Sealed {
    content: Vec<u8>,
    key: FileKey,
    file: FileDescriptor,
    blob: Vec<u8>,
}

static FILES: LazyLock<Vec<Sealed>> = LazyLock::new(|| {
    let sealed = |(number, size): (u8, usize)| {
        let content: Vec<u8> = (0..=250).cycle().take(size).collect();
        let (key, mut blob) = (FileKey::from_bytes([number; 32]), Vec::new());
        let root = seal(&mut &content[..], size as u64, &key, &mut blob).unwrap();
        let shape = FileShape::new(size as u64).unwrap();
        assert_eq!(blob.len() as u64, shape.blob_len());
        let file = FileDescriptor::new(shape, root, "image/png", "a", "").unwrap();
        Sealed {
            content,
            key,
            file,
            blob,
        }
    };
    (0..).zip(SIZES).map(sealed).collect()
});

/// Reads a size, or a file and what is done to its blob. The first byte says which.
pub fn files(input: &[u8]) {
    match input.split_first() {
        Some((0, rest)) => shape(rest),
        Some((1, rest)) => altered(rest),
        Some((_, rest)) => foreign(rest),
        None => {}
    }
}

/// Asserts that chunks and nodes of a file of any size are in its blob, without gaps.
fn shape(bytes: &[u8]) {
    let Some((size, rest)) = bytes.split_first_chunk() else {
        return;
    };
    let size = u64::from_be_bytes(*size);
    let Ok(shape) = FileShape::new(size) else {
        assert!(size > MAX_FILE_LEN);
        return;
    };
    assert!(size <= MAX_FILE_LEN && shape.sealed_len() >= size);
    let last = shape.chunk_count() - 1;
    let end = shape.chunk_offset(last) + shape.chunk_len(last) as u64;
    assert_eq!(end, shape.sealed_len());
    assert_eq!(shape.chunk_len(last + 1), 0);
    let tags_end = shape.tags_offset() + shape.tags_len() as u64;
    assert!(tags_end <= shape.blob_len());
    let index = rest
        .first_chunk()
        .map_or(0, |index| u32::from_be_bytes(*index));
    match shape.path_offsets(index) {
        Some(offsets) => {
            assert!(index <= last && offsets.len() <= 17);
            let node = NODE_LEN as u64;
            let ends = offsets.iter().map(|offset| offset + node);
            assert!(ends.max() <= Some(shape.blob_len()));
            assert!(offsets.iter().all(|offset| *offset >= shape.tags_offset()));
        }
        None => assert!(index > last),
    }
}

/// Alters a blob as the input says, and opens it in every way.
fn altered(input: &[u8]) {
    let Some((which, edits)) = input.split_first() else {
        return;
    };
    let sealed = &FILES[usize::from(*which) % FILES.len()];
    let mut blob = sealed.blob.clone();
    for edit in edits.chunks_exact(6).take(8) {
        change(&mut blob, edit);
    }
    whole(sealed, &blob);
    chunks(sealed, &blob);
}

/// One change of a blob.
fn change(blob: &mut Vec<u8>, edit: &[u8]) {
    let place = u32::from_be_bytes([0, edit[1], edit[2], edit[3]]) as usize;
    let place = place % blob.len().max(1);
    let len = usize::from(edit[4]) * 256;
    match edit[0] % 6 {
        0 => blob[place..]
            .iter_mut()
            .take(1)
            .for_each(|byte| *byte ^= edit[5]),
        1 => blob.truncate(place.max(1)),
        2 => blob.extend_from_slice(&[edit[5]; 3]),
        3 => {
            // Chunks change places.
            let other = usize::from(edit[5]) * 65_536;
            let (one, chunk) = (place / 65_536 * 65_536, 65_536);
            if one != other && one.max(other) + chunk <= blob.len() {
                for at in 0..chunk {
                    blob.swap(one + at, other + at);
                }
            }
        }
        4 => {
            let from = blob.get(place..place + len).map(<[u8]>::to_vec);
            let start = usize::from(edit[5]) * 32;
            if let Some((from, to)) = from.zip(blob.get_mut(start..start + len)) {
                to.copy_from_slice(&from);
            }
        }
        _ => blob
            .iter_mut()
            .skip(place)
            .take(len)
            .for_each(|byte| *byte = 0),
    }
}

/// Opens the blob from the beginning. What came out is the beginning of the file.
fn whole(sealed: &Sealed, blob: &[u8]) {
    let mut opened = Vec::new();
    let ended = open(
        &sealed.file,
        &sealed.key,
        &mut Cursor::new(blob),
        &mut opened,
    );
    assert!(sealed.content.starts_with(&opened), "something else opened");
    match ended {
        Ok(size) => assert_eq!(size, opened.len() as u64),
        Err(_) => assert_ne!(blob, sealed.blob, "the blob does not open"),
    }
}

/// Opens each chunk alone: by the tags of all, and by its own key and path.
fn chunks(sealed: &Sealed, blob: &[u8]) {
    let shape = sealed.file.shape();
    let at = |offset: u64, len: usize| {
        let start = usize::try_from(offset).unwrap();
        blob.get(start..start + len).map(<[u8]>::to_vec)
    };
    let tags = at(shape.tags_offset(), shape.tags_len());
    let opener = tags.map(|tags| FileOpener::new(&sealed.file, &sealed.key, &tags));
    for index in 0..shape.chunk_count() {
        let (start, len) = (shape.chunk_offset(index), shape.chunk_len(index));
        let Some(chunk) = at(start, len) else {
            continue;
        };
        let content_at = usize::try_from(start).unwrap().min(sealed.content.len());
        let content = &sealed.content[content_at..][..shape.content_len(index)];
        if let Some(Ok(opener)) = &opener {
            assert!(opener.holds(index, content));
            let mut buffer = chunk.clone();
            match opener.open(index, &mut buffer) {
                Ok(opened) => assert_eq!(opened, content),
                Err(_) => assert!(buffer.iter().all(|byte| *byte == 0), "it is not wiped"),
            }
        }
        let path = ChunkPath::read(shape, index, &mut Cursor::new(blob));
        let Ok(path) = path else {
            continue;
        };
        let (key, mut buffer) = (sealed.key.chunk_key(index), chunk);
        match open_shown(&sealed.file, index, &key, &path, &mut buffer) {
            Ok(opened) => assert_eq!(opened, content),
            Err(_) => assert!(buffer.iter().all(|byte| *byte == 0), "it is not wiped"),
        }
    }
}

/// Seals what the input holds as a file of its own, and opens it under the descriptors and keys of
/// other files. A tree of other content does not seal it again.
fn foreign(content: &[u8]) {
    let (key, mut blob) = (FileKey::from_bytes([77; 32]), Cursor::new(Vec::new()));
    let size = content.len() as u64;
    let root = seal(&mut { content }, size, &key, &mut blob).unwrap();
    let tree = FileTree::of(&mut { content }, size, &key).unwrap();
    assert_eq!(tree.root(), root);
    blob.seek(SeekFrom::Start(0)).unwrap();
    for other in FILES.iter() {
        let mut opened = Vec::new();
        let ended = open(&other.file, &other.key, &mut blob, &mut opened);
        assert!(ended.is_err() && opened.is_empty(), "a foreign file opened");
        if other.content.len() == content.len() && other.content != content {
            let last = tree.shape().chunk_count() - 1;
            let at = usize::try_from(tree.shape().chunk_offset(last)).unwrap();
            let theirs = other.content.get(at..).unwrap_or_default();
            let mut out = Vec::new();
            let sealed = tree.seal_chunk(&key, last, theirs, &mut out);
            assert_eq!(
                sealed.is_ok(),
                content.get(at..).unwrap_or_default() == theirs
            );
        }
    }
    blob.flush().unwrap();
}

/// Seeds: sizes, files with and without changes, and a file of its own.
pub(crate) fn files_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let shape = |size: u64, index: u32| {
        let (size, index) = (size.to_be_bytes(), index.to_be_bytes());
        [&[0][..], &size, &index].concat()
    };
    vec![
        ("shape-one-chunk", shape(65_536, 0)),
        ("shape-odd", shape(5 * 65_536, 4)),
        ("shape-largest", shape(MAX_FILE_LEN, 65_535)),
        ("shape-too-long", shape(MAX_FILE_LEN + 1, 0)),
        ("whole-empty", vec![1, 0]),
        ("whole-odd", vec![1, 11]),
        ("bit-of-a-chunk", vec![1, 9, 0, 0, 1, 0, 0, 4]),
        ("bit-of-a-tag", vec![1, 9, 0, 2, 0, 7, 0, 1]),
        ("cut", vec![1, 8, 1, 1, 0, 0, 0, 0]),
        ("longer", vec![1, 7, 2, 0, 0, 0, 0, 9]),
        ("exchanged", vec![1, 11, 3, 0, 0, 0, 0, 1]),
        ("copied", vec![1, 11, 4, 1, 0, 0, 3, 2]),
        ("zeros", vec![1, 10, 5, 1, 0, 0, 255, 0]),
        ("foreign", [&[2][..], b"a bicycle"].concat()),
    ]
}
