//! Tests what a sender can do with the blob of a file.

use super::*;

/// The nodes above the tags are checked by no recipient. A sender who uploads others would have a
/// file that is shown and cannot be reported in part.
#[test]
fn chk482_chk483_blob_whose_inner_nodes_are_zeroed_opens_whole_and_each_shown_chunk_too() {
    let mut sent = Sent::new();
    let draft = sent.draft(Disclosure::Chunks {
        parts: vec![],
        chunks: (0..5).map(|index| (2, index)).collect(),
    });
    let [chunks, whole] = [draft, sent.draft(Disclosure::Whole)].map(|draft| sent.verified(&draft));
    let [chunks, whole] = [&chunks, &whole].map(|report| &report.messages()[0].files()[0]);
    let shape = whole.descriptor().shape();
    let tags = shape.tags_offset() as usize..shape.tags_offset() as usize + shape.tags_len();
    let mut zeroed = sent.blob.clone();
    zeroed[tags.end..].fill(0);
    assert!(zeroed != sent.blob);

    for file in [whole, chunks] {
        let mut saved = Cursor::new(Vec::new());
        let ranges = file.open(&mut Cursor::new(&zeroed), &mut saved).unwrap();
        let all = 0..SIZE;
        assert_eq!(ranges, [all]);
        assert!(saved.into_inner() == sent.content);
        for index in 0..5 {
            let at = index as usize * 65_536;
            let sealed = &zeroed[at..][..shape.chunk_len(index)];
            let path = ChunkPath::read(shape, index, &mut Cursor::new(&zeroed)).unwrap();
            let refused = file.open_chunk(index, &path, &mut sealed.to_vec()).err();
            assert_eq!(refused, Some(ChunkError::Altered));
            let path = ChunkPath::from_tags(shape, index, &zeroed[tags.clone()]).unwrap();
            let mut sealed = sealed.to_vec();
            let content = file.open_chunk(index, &path, &mut sealed).unwrap();
            assert_eq!(content, &sent.content[at..][..shape.content_len(index)]);
        }
    }
    // An altered tag is refused still, and the chunk's buffer is wiped.
    zeroed[tags.start] ^= 1;
    for file in [whole, chunks] {
        let mut saved = Cursor::new(Vec::new());
        let refused = file.open(&mut Cursor::new(&zeroed), &mut saved);
        assert!(matches!(refused, Err(OpenFileError::Altered)));
        assert_eq!(saved.into_inner(), b"");
    }
}
