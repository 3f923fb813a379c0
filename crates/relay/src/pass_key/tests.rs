use std::fs;
use std::os::unix::fs::PermissionsExt;

use waxseal_reporting::AccountId;

use super::*;

#[test]
fn a_key_file_is_made_once_for_its_user_alone_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pass.key");
    assert!(read_pass_key(&path).is_err());
    write_pass_key(&path).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let alice = AccountId::new("alice").unwrap();
    let pass = read_pass_key(&path).unwrap().pass(&alice, 8).unwrap();
    // A second one does not replace it.
    assert!(write_pass_key(&path).is_err());
    assert!(read_pass_key(&path).unwrap().is_valid(&pass, &alice, 7));
    let bytes = fs::read(&path).unwrap();
    let other = dir.path().join("other.key");
    write_pass_key(&other).unwrap();
    assert!(!read_pass_key(&other).unwrap().is_valid(&pass, &alice, 7));
    for bad in [&bytes[..31], &[bytes.as_slice(), b"\n"].concat(), b""] {
        fs::write(&path, bad).unwrap();
        let error = read_pass_key(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
