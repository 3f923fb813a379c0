use super::*;

#[test]
fn a_folder_keeps_its_number_and_has_another_one_than_others() {
    let [one, other] = [0, 1].map(|_| tempfile::tempdir().unwrap());
    let open = |dir: &tempfile::TempDir| Process::open(dir.path(), None, true).unwrap().me;
    let (first, again, second) = (open(&one), open(&one), open(&other));
    assert_eq!((first.number, &first.name), (again.number, &again.name));
    assert_ne!(first.run, again.run);
    assert_ne!(first.number, second.number);
    for damaged in ["", "x", "8000000000000000", "00112233445566778899"] {
        fs::write(one.path().join(FILE), damaged).unwrap();
        assert!(Process::open(one.path(), None, true).is_err(), "{damaged}");
    }
}

#[test]
fn a_relay_is_alive_for_a_minute_after_it_said_something_new() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::open(dir.path(), Some("me"), true).unwrap();
    let at = |monotonic_ms| Reading {
        wall_ms: 5,
        monotonic_ms,
    };
    let note = |others: &[(u64, u64)], ms| {
        let counts = Confirmed::Counts(others.to_vec());
        process.note(&counts, at(ms)).unwrap();
    };
    assert_eq!(process.alive(at(0)), 1);
    note(&[(1, 10), (2, 10)], 0);
    assert_eq!(process.alive(at(60_000)), 3);
    note(&[(1, 11), (2, 10)], 30_000);
    assert_eq!(process.alive(at(60_001)), 2);
    note(&[(2, 10)], 70_000);
    assert_eq!(process.alive(at(70_000)), 1);
}
