use super::*;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

#[test]
fn times_are_those_of_the_calendar() {
    let known = [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_799_999, "2000-02-29T23:59:59.999Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (1_800_000_000_000, "2027-01-15T08:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (LAST_MS, "9999-12-31T23:59:59.999Z"),
        (u64::MAX, "9999-12-31T23:59:59.999Z"),
    ];
    for (ms, text) in known {
        assert_eq!(date_time(at(ms)), text);
    }
}

#[test]
fn each_day_follows_the_one_before() {
    let mut before = date(at(0));
    for day in 1..60_000 {
        let next = date(at(day * DAY_MS));
        assert!(next > before, "{before} {next}");
        before = next;
    }
    assert_eq!(before, "2134-04-10");
}

#[test]
fn only_dates_of_the_calendar_within_the_range_are_dates() {
    for text in ["2000-01-01", "2024-02-29", "2027-12-31", "2038-01-01"] {
        assert!(is_date(text), "{text}");
    }
    let wrong = [
        "",
        "2027",
        "2027-01",
        "2027-01-15-01",
        "2027-1-15",
        "2027-01-32",
        "2027-00-10",
        "2027-13-01",
        "2025-02-29",
        "2027-04-31",
        "1999-12-31",
        "2038-01-02",
        "+027-01-15",
        "2027-01-1a",
        "2027-01-15 ",
        "２０２７-01-15",
        "2027-01-00",
    ];
    for text in wrong {
        assert!(!is_date(text), "{text}");
    }
}
