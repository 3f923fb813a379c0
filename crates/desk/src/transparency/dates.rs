//! Dates of the calendar for days of the log.

use waxseal_log::entry::Day;

/// Days from 0000-03-01 to 1970-01-01.
const BEFORE_1970: u64 = 719_468;
/// Days of 400 years.
const ERA_DAYS: u64 = 146_097;

/// The date of a day, such as `2026-01-31`.
pub fn date(day: Day) -> String {
    let (year, month, day) = calendar(day.0.into());
    format!("{year:04}-{month:02}-{day:02}")
}

/// The date and time of a number of seconds since 1970-01-01, such as `2026-01-31 12:00:00 UTC`.
pub fn date_and_time(secs: u64) -> String {
    let part = |unit: u64, most: u64| {
        let whole = secs.checked_div(unit).unwrap_or_default();
        whole.checked_rem(most).unwrap_or_default()
    };
    // Later than year 11 million, all is the last day that the log can name.
    let day = date(Day::of_ms(secs.saturating_mul(1_000)));
    let (hours, minutes, secs) = (part(3_600, 24), part(60, 60), part(1, 60));
    format!("{day} {hours:02}:{minutes:02}:{secs:02} UTC")
}

/// The day with a date such as `2026-01-31`; `None` if it is no date from 1970 to 9999.
pub fn day(date: &str) -> Option<Day> {
    let bytes = date.as_bytes();
    let is_date = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !is_date {
        return None;
    }
    let mut parts = date.split('-');
    let mut part = || parts.next()?.parse::<u64>().ok();
    let (year, month, day) = (part()?, part()?, part()?);
    if year < 1970 || !(1..=12).contains(&month) {
        return None;
    }
    let found = day_number(year, month, day)?;
    // A day that the month does not have would be one of the next month.
    (calendar(found.into()) == (year, month, day)).then_some(Day(found))
}

/// Year, month and day of a number of days since 1970-01-01.
///
/// Years begin in March here, so that the leap day is the last one. (Howard Hinnant, “chrono-
/// Compatible Low-Level Date Algorithms”, `civil_from_days`)
fn calendar(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(BEFORE_1970);
    let (era, day) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let leap_days = day.div_euclid(1_460);
    let no_leap_days = day.div_euclid(36_524);
    let eras = day.div_euclid(146_096);
    let year_of_era = day
        .saturating_sub(leap_days)
        .saturating_add(no_leap_days)
        .saturating_sub(eras)
        .div_euclid(365);
    let day_of_year = day.saturating_sub(days_before(year_of_era));
    // Months from March: 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31 days, and the rest.
    let month = day_of_year
        .saturating_mul(5)
        .saturating_add(2)
        .div_euclid(153);
    let day = day_of_year.saturating_sub(month_start(month));
    let from_january = month.saturating_add(2).rem_euclid(12);
    let year = era.saturating_mul(400).saturating_add(year_of_era);
    let year = year.saturating_add(u64::from(month >= 10));
    (year, from_january.saturating_add(1), day.saturating_add(1))
}

/// Number of days since 1970-01-01. (`days_from_civil`)
fn day_number(year: u64, month: u64, day: u64) -> Option<u32> {
    let year = year.checked_sub(u64::from(month <= 2))?;
    let month = month.checked_add(9)?.rem_euclid(12);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let days = era
        .checked_mul(ERA_DAYS)?
        .checked_add(days_before(year_of_era))?
        .checked_add(month_start(month))?
        .checked_add(day.checked_sub(1)?)?
        .checked_sub(BEFORE_1970)?;
    u32::try_from(days).ok()
}

/// Days of the years before a year of an era.
fn days_before(year: u64) -> u64 {
    let leap_years = year
        .div_euclid(4)
        .saturating_sub(year.div_euclid(100))
        .saturating_add(year.div_euclid(400));
    year.saturating_mul(365).saturating_add(leap_years)
}

/// Days before a month, counted from March.
fn month_start(month: u64) -> u64 {
    month.saturating_mul(153).saturating_add(2).div_euclid(5)
}
