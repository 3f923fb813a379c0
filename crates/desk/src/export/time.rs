//! Times as text: ISO 8601 and RFC 3339, in UTC.

use waxseal_reporting::Timestamp;

const DAY_MS: u64 = 86_400_000;
/// The last millisecond of the year 9999. Later times are written as this one.
const LAST_MS: u64 = 253_402_300_799_999;

/// A date, such as `2027-01-15`.
pub(super) fn date(time: Timestamp) -> String {
    let (year, month, day) = civil(time.as_millis().min(LAST_MS) / DAY_MS);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A time, such as `2027-01-15T08:00:00.000Z`.
pub(super) fn date_time(time: Timestamp) -> String {
    let ms = time.as_millis().min(LAST_MS) % DAY_MS;
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let (seconds, rest) = (ms / 1_000 % 60, ms % 1_000);
    format!(
        "{}T{hours:02}:{minutes:02}:{seconds:02}.{rest:03}Z",
        date(time)
    )
}

/// Whether this is a date from 2000-01-01 to 2038-01-01, as the DSA Transparency Database takes it.
pub(super) fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut part = |len: usize| {
        let part = parts.next().filter(|part| part.len() == len)?;
        let is_digits = part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| is_digits)
    };
    let Some(((year, month), day)) = part(4).zip(part(2)).zip(part(2)) else {
        return false;
    };
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => 0,
    };
    parts.next().is_none()
        && (1..=days).contains(&day)
        && (2_000..=2_038).contains(&year)
        && text <= "2038-01-01"
}

/// Year, month and day of a day since 1970-01-01, which is not after the year 9999.
///
/// Gregorian years of 400 years are alike, and begin with March here, so that a leap day is last.
fn civil(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days.saturating_add(719_468);
    let (era, day) = (days / ERA, days % ERA);
    let leap_days = (day / 1_460)
        .saturating_add(day / 146_096)
        .saturating_sub(day / 36_524);
    let year_of_era = day.saturating_sub(leap_days) / 365;
    let before = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era / 4)
        .saturating_sub(year_of_era / 100);
    let day_of_year = day.saturating_sub(before);
    let from_march = day_of_year.saturating_mul(5).saturating_add(2) / 153;
    let first = from_march.saturating_mul(153).saturating_add(2) / 5;
    let day = day_of_year.saturating_sub(first).saturating_add(1);
    let month = if from_march < 10 {
        from_march.saturating_add(3)
    } else {
        from_march.saturating_sub(9)
    };
    let year = year_of_era.saturating_add(era.saturating_mul(400));
    let year = if month <= 2 {
        year.saturating_add(1)
    } else {
        year
    };
    (year, month, day)
}

#[cfg(test)]
mod tests;
