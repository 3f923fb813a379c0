use super::LinkDigits;

#[test]
fn eight_digits_are_read_with_spaces_and_hyphens() {
    for typed in [
        "00420007",
        "0042 0007",
        " 0042-0007 ",
        "0 0 4 2 0 0 0 7",
        "0042\u{a0}0007",
    ] {
        let digits = LinkDigits::parse(typed).unwrap();
        assert_eq!((digits.first(), digits.last()), (42, 7), "{typed:?}");
        assert_eq!(*digits.shown(), "0042 0007");
    }
}

#[test]
fn anything_but_eight_digits_is_no_attempt() {
    let long = " ".repeat(100) + "12345678";
    for typed in [
        "",
        "1234567",
        "123456789",
        "1234567a",
        "１２３４５６７８",
        "+1234567",
        &long,
    ] {
        assert!(LinkDigits::parse(typed).is_none(), "{typed:?}");
    }
    assert!(LinkDigits::new(10_000, 0).is_none());
    assert!(LinkDigits::new(0, 10_000).is_none());
}

#[test]
fn debug_shows_no_digits() {
    let digits = LinkDigits::parse("12345678").unwrap();
    assert_eq!(format!("{digits:?}"), "LinkDigits { .. }");
}
