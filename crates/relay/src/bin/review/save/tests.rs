use super::*;

#[test]
fn a_file_has_its_name_once_it_is_whole_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (out, part) = (dir.path().join("out"), dir.path().join("out.part"));
    let mut saved = NewFile::create(&out).unwrap();
    saved.file.write_all(b"some").unwrap();
    // A run that is killed here leaves this.
    assert!(!out.exists() && part.exists());
    assert!(NewFile::create(&out).is_err());
    drop(saved);
    assert!(!out.exists() && !part.exists());

    let mut saved = NewFile::create(&out).unwrap();
    saved.file.write_all(b"all").unwrap();
    saved.end(5).unwrap();
    assert_eq!(fs::read(&out).unwrap(), b"all\0\0");
    assert!(!part.exists());
    assert!(NewFile::create(&out).is_err());

    fs::remove_file(&out).unwrap();
    let saved = NewFile::create(&out).unwrap();
    fs::write(&out, b"another's").unwrap();
    assert!(saved.end(0).is_err());
    assert_eq!(fs::read(&out).unwrap(), b"another's");
    assert!(!part.exists());
}
