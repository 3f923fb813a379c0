use waxseal_reporting::file::FileRoot;

use super::*;

#[test]
fn bytes_that_no_step_waits_for_change_nothing() {
    let blob = BlobId::from_bytes([1; 32]);
    let shape = FileShape::new(1).unwrap();
    let root = FileRoot::from_bytes([1; 32]);
    let location = FileDescriptor::blob_location(&blob);
    let wanted = Wanted {
        conversation: crate::AccountId::new("bob").unwrap().into(),
        message: FrankingTag::from_bytes([1; 32]),
        attachment: 0,
        descriptor: FileDescriptor::new(shape, root, "", "", &location).unwrap(),
        key: FileKey::from_bytes([1; 32]),
        blob,
    };
    let target = Box::new(tempfile::tempfile().unwrap());
    let mut download = Downloading::new(DownloadId(0), wanted, target);
    download.write(b"x").unwrap();
    download.compare_some().unwrap();
    download.take_tags(b"x").unwrap();
    assert!(matches!(download.step, Step::Finding));
}
