use super::*;

const KEY: Key = ([1; 16], [2; 16]);

#[test]
fn an_opening_is_taken_by_one_caller_at_a_time() {
    let opened = Opened::default();
    let Begun::First(turn) = opened.begin(KEY) else {
        panic!()
    };
    assert_eq!(opened.begin(KEY), Begun::ByOther);
    assert!(matches!(opened.begin(([1; 16], [3; 16])), Begun::First(_)));
    opened.end(&KEY, turn);
    assert_eq!(opened.begin(KEY), Begun::Waits(turn));
    assert_eq!(opened.begin(KEY), Begun::ByOther);
    opened.forget(&KEY, turn);
    assert!(matches!(opened.begin(KEY), Begun::First(_)));
}

#[test]
fn what_ends_late_changes_no_later_opening() {
    let opened = Opened::default();
    let Begun::First(shown) = opened.begin(KEY) else {
        panic!()
    };
    opened.forget(&KEY, shown);
    let Begun::First(turn) = opened.begin(KEY) else {
        panic!()
    };
    assert_ne!(turn, shown);
    opened.end(&KEY, shown);
    opened.forget(&KEY, shown);
    assert_eq!(opened.begin(KEY), Begun::ByOther);
}
