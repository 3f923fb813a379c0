use super::*;

#[test]
fn a_file_says_what_its_name_says_and_others_are_left_alone() {
    let id = ReportId::from_bytes([10; 16]);
    let hex = "0a".repeat(16);
    let dir = tempfile::tempdir().unwrap();
    let todo = Todo::open(&Folder::new(dir.path())).unwrap();
    todo.reject(&id, 84);
    todo.close(&id);
    todo.close(&id);
    let mut names: Vec<_> = fs::read_dir(dir.path().join("to-relay"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [format!("{hex}.closed"), format!("{hex}.rejected-84")]
    );
    assert_eq!(read(&names[0]), Some((id, What::Closed)));
    assert_eq!(read(&names[1]), Some((id, What::Rejected(84))));
    for other in [
        "",
        ".closed",
        "0a.closed",
        &format!("{hex}.closed.new"),
        &hex,
    ] {
        assert_eq!(read(other), None, "{other}");
    }
}
