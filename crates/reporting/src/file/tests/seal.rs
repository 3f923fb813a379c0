//! Tests of sealing: sources that change, sinks that fail, and chunks that are sealed again.

use super::*;

/// Reads at most a few bytes at a time, and is interrupted now and then.
struct Slow<'a> {
    rest: &'a [u8],
    interrupted: bool,
}

impl Read for Slow<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = buf.len().min(997);
        self.rest.read(&mut buf[..len])
    }
}

/// Fails after some bytes.
struct Failing(usize);

impl Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = buf.len().min(self.0);
        if len == 0 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.0 -= len;
        Ok(len)
    }
}

impl io::Write for Failing {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let len = buf.len().min(self.0);
        if len == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0 -= len;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn sealing_is_deterministic_and_takes_any_source() {
    for size in [0, 1, 65_537, 1_100_000] {
        let sealed = Sealed::new(size);
        let mut blob = Vec::new();
        let mut slow = Slow {
            rest: &sealed.content,
            interrupted: false,
        };
        let root = seal(&mut slow, size, &key(), &mut blob).unwrap();
        assert_eq!(&root, sealed.file.root());
        assert!(blob == sealed.blob);
    }
}

#[test]
fn chunk_by_chunk_gives_the_same_blob() {
    for size in sizes() {
        let sealed = Sealed::new(size);
        let mut sealer = FileSealer::new(size, key()).unwrap();
        let mut blob = b"before".to_vec();
        for index in 0..sealed.shape().chunk_count() {
            assert_eq!(sealer.next_index(), index);
            sealer
                .seal_next(sealed.content_of(index), &mut blob)
                .unwrap();
        }
        let tree = sealer.finish().unwrap();
        assert_eq!(&tree.root(), sealed.file.root());
        blob.extend_from_slice(tree.as_bytes());
        assert!(blob[6..] == sealed.blob, "{size}");
    }
}

#[test]
fn chunks_out_of_bounds_are_not_sealed() {
    let size = 65_537;
    let sealed = Sealed::new(size);
    let mut sealer = FileSealer::new(size, key()).unwrap();
    let mut out = b"before".to_vec();
    for len in [0, 65_535, 65_537] {
        let refused = sealer.seal_next(&vec![1; len], &mut out);
        assert_eq!(refused, Err(SealChunkError::OtherLength));
    }
    assert_eq!((sealer.next_index(), &out[..]), (0, &b"before"[..]));
    sealer.seal_next(sealed.content_of(0), &mut out).unwrap();
    let missing = FileSealer::new(size, key()).unwrap().finish().unwrap_err();
    assert_eq!(missing, SealChunkError::ChunksMissing);
    sealer.seal_next(sealed.content_of(1), &mut out).unwrap();
    let beyond = sealer.seal_next(&[], &mut out);
    assert_eq!(beyond, Err(SealChunkError::NoSuchChunk));
    assert_eq!(&sealer.finish().unwrap().root(), sealed.file.root());
    assert_eq!(
        FileSealer::new(MAX_FILE_LEN + 1, key()).unwrap_err(),
        FileTooLong
    );
}

#[test]
fn chk486_source_that_is_shorter_or_longer_than_its_size_is_refused() {
    for size in [0u64, 1, 64, 65_536, 65_537, 1_048_576, 1_048_577] {
        for (len, longer) in [
            (size.saturating_sub(1), false),
            (size / 2, false),
            (size + 1, true),
        ] {
            if len == size {
                continue;
            }
            let content = content(len);
            let mut blob = Vec::new();
            let refused = [
                seal(&mut &content[..], size, &key(), &mut blob).unwrap_err(),
                FileTree::of(&mut &content[..], size, &key()).unwrap_err(),
            ];
            for refused in refused {
                match (longer, refused) {
                    (true, SealFileError::SourceLonger) | (false, SealFileError::SourceShorter) => {
                    }
                    (_, other) => panic!("{size}: {len} bytes: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn chk480_longer_file_is_refused_before_it_is_read() {
    let mut source = Failing(0);
    let refused = seal(&mut source, MAX_FILE_LEN + 1, &key(), &mut io::sink());
    assert!(matches!(refused, Err(SealFileError::TooLong(FileTooLong))));
}

#[test]
fn failures_of_source_and_sink_are_told_apart() {
    let size = 200_000;
    let content = content(size);
    for after in [0, 1, 65_536, 199_999] {
        let refused = seal(&mut Failing(after), size, &key(), &mut io::sink());
        assert!(matches!(
            refused,
            Err(SealFileError::Source(error)) if error.kind() == io::ErrorKind::ConnectionReset
        ));
    }
    let blob_len = FileShape::new(size).unwrap().blob_len() as usize;
    for after in [0, 65_537, blob_len - 1] {
        let refused = seal(&mut &content[..], size, &key(), &mut Failing(after)).unwrap_err();
        assert!(matches!(
            refused,
            SealFileError::Sink(error) if error.kind() == io::ErrorKind::StorageFull
        ));
    }
    let mut just_enough = Failing(blob_len);
    assert!(seal(&mut &content[..], size, &key(), &mut just_enough).is_ok());
}

#[test]
fn chk487_chunk_that_changed_is_not_sealed_again() {
    let sealed = Sealed::new(3 * 65_536 - 100);
    let tree = FileTree::of(&mut &sealed.content[..], sealed.file.size_bytes(), &key()).unwrap();
    let mut out = b"before".to_vec();
    for index in [2, 0, 1] {
        let content = sealed.content_of(index);
        let mut again = Vec::new();
        tree.seal_chunk(&key(), index, content, &mut again).unwrap();
        assert!(again == sealed.chunk(index));
        for at in [0, content.len() - 1] {
            let mut changed = content.to_vec();
            changed[at] ^= 1;
            let refused = tree.seal_chunk(&key(), index, &changed, &mut out);
            assert_eq!(refused, Err(SealChunkError::Changed));
        }
        let other_key = FileKey::from_bytes([1; 32]);
        let refused = tree.seal_chunk(&other_key, index, content, &mut out);
        assert_eq!(refused, Err(SealChunkError::Changed));
        let refused = tree.seal_chunk(&key(), index, &content[1..], &mut out);
        assert_eq!(refused, Err(SealChunkError::OtherLength));
    }
    // The content of another chunk is another content.
    let refused = tree.seal_chunk(&key(), 0, sealed.content_of(1), &mut out);
    assert_eq!(refused, Err(SealChunkError::Changed));
    let refused = tree.seal_chunk(&key(), 4, &[], &mut out);
    assert_eq!(refused, Err(SealChunkError::NoSuchChunk));
    assert_eq!(out, b"before");
}

/// One changed bit makes another key stream in its chunk, and leaves the other chunks as they were.
#[test]
fn a_changed_file_never_meets_one_key_stream_twice() {
    let sealed = Sealed::new(3 * 65_536);
    let mut changed = sealed.content.clone();
    changed[65_536] ^= 1;
    let changed = Sealed::of(changed, &key());
    assert!(changed.file.root() != sealed.file.root());
    for index in 0..3 {
        let (one, other) = (sealed.chunk(index), changed.chunk(index));
        if index == 1 {
            // Under one key stream, all but the first byte would be the same.
            let same = one.iter().zip(&other).filter(|(one, other)| one == other);
            assert!(same.count() < 1_000);
        } else {
            assert!(one == other);
        }
    }
}

/// Two chunks of one content have two key streams, in one file and in two.
#[test]
fn equal_chunks_are_not_seen_to_be_equal() {
    let sealed = Sealed::of(vec![7; 3 * 65_536], &key());
    assert!(sealed.chunk(0) != sealed.chunk(1));
    assert!(sealed.chunk(1) != sealed.chunk(2));
    let other = Sealed::of(vec![7; 3 * 65_536], &FileKey::from_bytes([1; 32]));
    assert!(sealed.chunk(0) != other.chunk(0));
}

#[test]
fn keys_of_files_and_chunks_differ() {
    let mut rng = rand::rng();
    let (one, other) = (FileKey::generate(&mut rng), FileKey::generate(&mut rng));
    assert_ne!(one.as_bytes(), other.as_bytes());
    let keys = [one.chunk_key(0), one.chunk_key(1), other.chunk_key(0)];
    assert_ne!(keys[0].as_bytes(), keys[1].as_bytes());
    assert_ne!(keys[0].as_bytes(), keys[2].as_bytes());
    let again = ChunkKey::from_bytes(*keys[1].as_bytes());
    assert_eq!(again.as_bytes(), one.clone().chunk_key(1).as_bytes());
}
