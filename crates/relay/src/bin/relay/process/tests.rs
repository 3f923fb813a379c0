use super::*;
use crate::store::processes::{Other, Peers};
use crate::store::proven::Mark;
use crate::time::Others;

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

/// Relays that say that it is `wall_ms` so many milliseconds ago, by the clock of a database.
fn said(database_ms: u64, others: &[(u64, u64)]) -> Peers {
    let others = others.iter().enumerate();
    let others = others.map(|(at, (seen_ms, ago_ms))| Other {
        number: at as u64,
        name: format!("relay {at}"),
        seen_ms: *seen_ms,
        said_ms: database_ms - ago_ms,
    });
    Peers {
        others: others.collect(),
        clock_ms: Some(database_ms),
    }
}

#[test]
fn a_relay_is_alive_for_a_minute_and_silent_after_ten() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::open(dir.path(), Some("me"), true).unwrap();
    let at = |monotonic_ms| Reading {
        wall_ms: 5,
        monotonic_ms,
    };
    let note = |others: &[(u64, u64)], ms| {
        let counts = Confirmed::Counts(said(1_000_000_000, others));
        process.note(counts, at(ms)).unwrap();
    };
    assert_eq!(process.alive(at(0)), 1);
    assert_eq!(process.silence(at(9)), (vec![], 0));
    note(&[(1, 0), (2, 30_000)], 0);
    assert_eq!(process.alive(at(30_000)), 3);
    assert_eq!(process.alive(at(60_000)), 2);
    note(&[(2, 60_001)], 70_000);
    assert_eq!(process.alive(at(70_000)), 1);
    assert_eq!(process.silence(at(70_000)), (vec![], 60_001));
    note(&[(1, 1), (2, 600_000)], 70_000);
    let silent = vec!["relay 1".to_owned()];
    assert_eq!(process.silence(at(70_001)), (silent, 600_001));
    // The log names it once a day.
    for (now_ms, warned_ms) in [
        (70_001, 70_001),
        (86_400_000, 70_001),
        (86_470_001, 86_470_001),
    ] {
        process.warn_of_silent(at(now_ms));
        assert_eq!(process.state().warned_ms, Some(warned_ms));
    }
    note(&[], 86_480_000);
    process.warn_of_silent(at(86_480_000));
    assert_eq!(process.state().warned_ms, None);
}

#[test]
fn chk710_most_clocks_must_agree_within_ten_seconds() {
    const NOW: u64 = 1_790_000_000_000;
    const APART: u64 = 10_000;
    let agrees = |others: &[(u64, u64)], wall_ms| {
        !matches!(compare(&said(NOW, others), wall_ms), Others::Differ { .. })
    };
    // Alone, a relay goes by its own clock.
    assert!(agrees(&[], NOW + 86_400_000));
    assert_eq!(compare(&Peers::default(), NOW), Others::Alone);
    // Of two, the database's decides.
    for (wall_ms, agree) in [
        (NOW + APART, true),
        (NOW + APART + 1, false),
        (NOW - APART, true),
    ] {
        assert_eq!(
            agrees(&[(NOW + 86_400_000 * 40, 0)], wall_ms),
            agree,
            "{wall_ms}"
        );
    }
    // Or the other's, whose clock went on since.
    let ahead = NOW + 86_400_000;
    assert!(agrees(&[(ahead - 50_000, 50_000)], ahead));
    assert!(!agrees(&[(ahead - 50_000 - APART - 1, 50_000)], ahead));
    // One that is silent does not count.
    assert!(!agrees(&[(ahead - 60_001, 60_001)], ahead));
    assert!(agrees(&[(ahead, 0), (NOW, 60_001)], ahead));
    // Of many, half of the others and the database.
    assert!(!agrees(&[(ahead, 0), (NOW, 0)], ahead));
    assert!(agrees(&[(ahead, 0), (ahead, 0), (NOW, 0)], ahead));
    assert!(!agrees(&[(u64::MAX, 0), (0, 0)], u64::MAX - APART));
    // If they do not agree, the median of all counts, and none of two.
    for (others, wall_ms, median_ms) in [
        (vec![(NOW, 70_000)], ahead, None),
        (vec![(NOW, 0)], ahead, Some(NOW)),
        (vec![(ahead + 2 * APART, 0)], ahead, Some(ahead)),
        (vec![(ahead - 60_000, 0), (0, 0)], ahead, Some(NOW)),
        (
            vec![(ahead, 0), (NOW + 60_000, 0)],
            ahead,
            Some(NOW + 60_000),
        ),
    ] {
        let compared = compare(&said(NOW, &others), wall_ms);
        assert_eq!(compared, Others::Differ { median_ms });
    }
}

#[test]
fn chk712_a_relay_whose_clock_is_far_from_most_stamps_nothing() {
    const NOW: u64 = 1_790_000_000_000;
    let dir = tempfile::tempdir().unwrap();
    let process = Process::open(dir.path(), Some("me"), true).unwrap();
    let check = |others: &[(u64, u64)], wall_ms| {
        let at = Reading {
            wall_ms,
            monotonic_ms: 0,
        };
        let counts = Confirmed::Counts(said(NOW, others));
        process.note(counts, at).unwrap();
        assert_eq!(process.check(at).is_ok(), !process.is_clock_off());
        process.is_clock_off()
    };
    for (wall_ms, is_off) in [
        (NOW + 300_000, false),
        (NOW + 300_001, true),
        (NOW - 300_000, false),
        (NOW - 300_001, true),
    ] {
        assert_eq!(check(&[(NOW, 0)], wall_ms), is_off, "{wall_ms}");
    }
    let ahead = NOW + 72_000_000;
    assert!(!check(&[], ahead), "it is alone");
    assert!(!check(&[(NOW, 60_001)], ahead), "the other one is silent");
    assert!(!check(&[(ahead, 0)], ahead), "the other one agrees");
}

#[test]
fn a_folder_knows_the_lines_of_proven_time_and_a_file_of_before_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Recorded::open(dir.path());
    let mark = |line, at_ms| Mark { line, at_ms };
    assert!(!open().past().is_after(mark(7, 0)), "it knows none");
    open().record(mark(7, 100));
    open().record(mark(8, 50));
    let past = open().past();
    assert!(!past.is_after(mark(8, 50)) && past.is_after(mark(8, 49)));
    assert!(past.is_after(mark(7, 1_000)), "it was on a later line");
    assert!(!past.is_after(mark(9, 1)), "a line that began since");
    let file = dir.path().join("recorded");
    fs::write(&file, "100").unwrap();
    let past = open().past();
    assert!(past.is_after(mark(0, 99)) && !past.is_after(mark(0, 100)));
    for damaged in ["", "x", "100 x"] {
        fs::write(&file, damaged).unwrap();
        assert!(!open().past().is_after(mark(0, 0)), "{damaged}");
    }
}
