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

#[test]
fn chk629_the_relay_is_told_what_the_store_says() {
    let waiting = ReportRow {
        id: [1; 16],
        digest: [2; 32],
        accepted_digest: Some([3; 32]),
        number: [4; 16],
        promise: Vec::new(),
        reason: None,
        rejected: None,
        received_day: 0,
        received_at_ms: 0,
        case_id: None,
        reporter: None,
        reporter_account: None,
        is_erased: false,
    };
    let sorted = ReportRow {
        reason: Some(2),
        ..waiting.clone()
    };
    let rejected = ReportRow {
        rejected: Some(84),
        is_erased: true,
        ..waiting.clone()
    };
    let erased = ReportRow {
        is_erased: true,
        ..sorted.clone()
    };
    let all = [
        What::Rejected(82),
        What::Rejected(84),
        What::Rejected(85),
        What::Closed,
    ];
    let of = |row: &ReportRow| all.map(|what| says(row, what));
    assert_eq!(of(&waiting), [true, false, false, false]);
    assert_eq!(of(&sorted), [false; 4]);
    assert_eq!(of(&rejected), [false, true, false, true]);
    assert_eq!(of(&erased), [false, false, false, true]);
    // A store that does not answer says nothing, so the file stays.
    assert!(is_so(Err(Refusal::busy()), What::Closed).is_err());
    assert!(is_so(Ok(Some(erased)), What::Closed).unwrap());
    assert!(!is_so(Ok(None), What::Closed).unwrap());
}
