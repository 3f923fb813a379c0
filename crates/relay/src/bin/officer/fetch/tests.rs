use waxseal_reporting::file::{CHUNK_LEN, seal};

use super::*;

/// A file of three chunks, its key and its blob.
fn sealed() -> (FileDescriptor, FileKey, Vec<u8>, Vec<u8>) {
    let rng = &mut rand::rng();
    let content: Vec<u8> = (0..CHUNK_LEN * 2 + 100)
        .map(|place| (place % 251) as u8)
        .collect();
    let size = u64::try_from(content.len()).unwrap();
    let (key, mut blob) = (FileKey::generate(rng), Vec::new());
    let root = seal(&mut &content[..], size, &key, &mut blob).unwrap();
    let shape = FileShape::new(size).unwrap();
    let location = FileDescriptor::blob_location(&BlobId::generate(rng));
    let file = FileDescriptor::new(shape, root, "image/png", "a.png", &location).unwrap();
    (file, key, content, blob)
}

#[test]
fn chk650_a_file_is_shown_only_if_each_byte_is_one_that_the_message_names() {
    let (file, key, content, blob) = sealed();
    let (opened, shown) = whole(&file, key.as_bytes(), &mut blob.clone()).unwrap();
    assert_eq!(
        (opened.as_slice(), shown),
        (&content[..], file.size_bytes())
    );
    // Padding apart, no byte of the chunks and their tags can differ.
    for place in [0, CHUNK_LEN, content.len() - 1] {
        let mut altered = blob.clone();
        altered[place] ^= 1;
        assert!(whole(&file, key.as_bytes(), &mut altered).is_none());
    }
    assert!(whole(&file, &[7; 32], &mut blob.clone()).is_none());

    let chunk = |index| (index, Zeroizing::new(*key.chunk_key(index).as_bytes()));
    let (opened, shown) = pieces(&file, &[chunk(1)], &mut blob.clone()).unwrap();
    assert_eq!(shown, u64::try_from(CHUNK_LEN).unwrap());
    assert_eq!(
        opened[CHUNK_LEN..2 * CHUNK_LEN],
        content[CHUNK_LEN..2 * CHUNK_LEN]
    );
    let others = opened[..CHUNK_LEN].iter().chain(&opened[2 * CHUNK_LEN..]);
    assert!(others.into_iter().all(|byte| *byte == 0));
    let mut altered = blob.clone();
    altered[CHUNK_LEN] ^= 1;
    assert!(pieces(&file, &[chunk(1)], &mut altered).is_none());
    assert!(pieces(&file, &[(0, chunk(1).1)], &mut blob.clone()).is_none());
    assert!(pieces(&file, &[chunk(9)], &mut blob.clone()).is_none());
}
