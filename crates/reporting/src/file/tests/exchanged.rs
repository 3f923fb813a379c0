//! Tests that no chunk, tag, key or file stands in for another one.

use super::*;

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
