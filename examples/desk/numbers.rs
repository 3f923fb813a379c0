//! The desk's own count of the numbers in the transparency report, from the tables of its database
//! and not from the log.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use waxseal_log::entry::{
    AppealOutcome, KeyKind, LegalBasis, LegalOutcome, Measure, Purpose, ReviewOutcome, Side, Target,
};

use crate::{DAY_MS, Result};

/// Numbers by their names, as `Counts::rows` names them.
pub type Numbers = BTreeMap<String, u64>;

/// Counts the tables.
pub fn count(store: &Path) -> Result<Numbers> {
    let db = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut count = Count {
        db,
        numbers: Numbers::new(),
    };
    count.reports()?;
    count.grants()?;
    count.outcomes()?;
    count.registers()?;
    Ok(count.numbers)
}

struct Count {
    db: Connection,
    numbers: Numbers,
}

impl Count {
    fn reports(&mut self) -> Result<()> {
        self.one("entries", "SELECT count(*) FROM entries")?;
        let received = "SELECT count(*) FROM reports WHERE accepted_digest IS NOT NULL";
        self.one("reports_received", received)?;
        self.by(
            "reports_rejected",
            "SELECT rejected, count(*) FROM reports WHERE accepted_digest IS NULL GROUP BY 1",
            |check| Some(check.to_string()),
        )?;
        self.by(
            "reports_sorted",
            "SELECT reason, count(*) FROM reports WHERE reason IS NOT NULL GROUP BY 1",
            |reason| Some(reason.to_string()),
        )?;
        self.by(
            "openings",
            "SELECT purpose, count(*) FROM openings JOIN grants ON grant_digest = digest GROUP BY 1",
            purpose,
        )?;
        self.by(
            "openings_per_report",
            "SELECT times, count(*) FROM (SELECT count(grant_digest) AS times FROM reports
             LEFT JOIN openings ON report_id = id WHERE accepted_digest IS NOT NULL GROUP BY id)
             GROUP BY 1",
            |times| Some(times.to_string()),
        )
    }

    fn grants(&mut self) -> Result<()> {
        let grants = [
            ("grants_requested", "1"),
            (
                "grants_approved",
                "approver IS NOT NULL AND state <> 'denied'",
            ),
            ("grants_denied", "state = 'denied'"),
            ("grants_expired", "state = 'expired'"),
        ];
        for (name, which) in grants {
            let sql = format!("SELECT purpose, count(*) FROM grants WHERE {which} GROUP BY 1");
            self.by(name, &sql, purpose)?;
        }
        self.by(
            "emergencies_reviewed",
            "SELECT review, count(*) FROM grants WHERE review IS NOT NULL GROUP BY 1",
            |code| name(code, ReviewOutcome::from_number),
        )?;
        let overdue = "SELECT count(*) FROM grants WHERE is_overdue = 1";
        self.one("emergencies_overdue", overdue)
    }

    fn outcomes(&mut self) -> Result<()> {
        self.by(
            "decisions",
            "SELECT reason * 256 + measure, count(*) FROM decisions GROUP BY 1",
            |code| {
                let measure = name(code % 256, Measure::from_number)?;
                Some(format!("{}.{measure}", code / 256))
            },
        )?;
        self.days(
            "days_to_decision",
            "SELECT first_report_at_ms, decided_at_ms FROM decisions JOIN cases ON id = case_id",
        )?;
        let side = |code| name(code, Side::from_number);
        let sent = "SELECT side, count(*) FROM notices WHERE sent_at_ms IS NOT NULL GROUP BY 1";
        self.by("notices", sent, side)?;
        self.by(
            "appeals_filed",
            "SELECT side, count(*) FROM appeals GROUP BY 1",
            side,
        )?;
        self.by(
            "appeals_decided",
            "SELECT outcome, count(*) FROM appeals WHERE outcome IS NOT NULL GROUP BY 1",
            |code| name(code, AppealOutcome::from_number),
        )?;
        self.days(
            "days_to_appeal_decision",
            "SELECT filed_at_ms, decided_at_ms FROM appeals WHERE outcome IS NOT NULL",
        )
    }

    fn registers(&mut self) -> Result<()> {
        self.by(
            "exports",
            "SELECT hex(substr(value, 17, 1)) + 0, count(*) FROM meta WHERE name LIKE 'export/%'
             GROUP BY 1",
            |code| name(code, Target::from_number),
        )?;
        self.by(
            "legal_requests",
            "SELECT basis, count(*) FROM legal_requests GROUP BY 1",
            |code| name(code, LegalBasis::from_number),
        )?;
        self.by(
            "legal_answers",
            "SELECT outcome, count(*) FROM legal_requests WHERE outcome IS NOT NULL GROUP BY 1",
            |code| name(code, LegalOutcome::from_number),
        )?;
        let ones = [
            ("legal_items", "coalesce(sum(items), 0) FROM legal_requests"),
            ("holds_placed", "count(*) FROM holds"),
            (
                "holds_lifted",
                "count(*) FROM holds WHERE lifted_at_ms IS NOT NULL",
            ),
            ("policies_published", "count(*) FROM policies"),
            ("files_fetched", "count(*) FROM fetches"),
            (
                "contents_erased",
                "count(*) FROM cases WHERE status = 'closed'",
            ),
        ];
        for (number, sql) in ones {
            self.one(number, &format!("SELECT {sql}"))?;
        }
        let key = |code| name(code, KeyKind::from_number);
        self.by(
            "keys_created",
            "SELECT key_kind, count(*) FROM key_epochs GROUP BY 1",
            key,
        )?;
        self.by(
            "keys_destroyed",
            "SELECT key_kind, count(*) FROM key_epochs WHERE destroyed_at_ms IS NOT NULL
             GROUP BY 1",
            key,
        )
    }

    fn one(&mut self, name: &str, sql: &str) -> Result<()> {
        let number = self.db.query_row(sql, [], |row| row.get::<_, i64>(0))?;
        self.numbers.insert(name.to_owned(), u64::try_from(number)?);
        Ok(())
    }

    fn by(&mut self, of: &str, sql: &str, key: impl Fn(u64) -> Option<String>) -> Result<()> {
        for (code, number) in self.pairs(sql)? {
            let key = key(code).ok_or_else(|| format!("{of} has an unknown code {code}"))?;
            self.numbers.insert(format!("{of}.{key}"), number);
        }
        Ok(())
    }

    /// Median, maximum and sum of the days between two times, counted by their dates.
    fn days(&mut self, of: &str, sql: &str) -> Result<()> {
        let times = self.pairs(sql)?.into_iter();
        let mut days: Vec<_> = times
            .map(|(from, to)| to / DAY_MS - from / DAY_MS)
            .collect();
        days.sort_unstable();
        let Some(maximum) = days.last() else {
            return Ok(());
        };
        let statistics = [
            ("median", days[(days.len() - 1) / 2]),
            ("maximum", *maximum),
            ("total", days.iter().sum()),
        ];
        for (name, number) in statistics {
            self.numbers.insert(format!("{of}.{name}"), number);
        }
        Ok(())
    }

    fn pairs(&self, sql: &str) -> Result<Vec<(u64, u64)>> {
        let mut statement = self.db.prepare(sql)?;
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        let mut pairs = Vec::new();
        for row in rows {
            let (one, other) = row?;
            pairs.push((u64::try_from(one)?, u64::try_from(other)?));
        }
        Ok(pairs)
    }
}

fn purpose(code: u64) -> Option<String> {
    name(code, Purpose::from_number)
}

fn name<T: ToString>(code: u64, from_number: fn(u8) -> Option<T>) -> Option<String> {
    Some(from_number(u8::try_from(code).ok()?)?.to_string())
}
