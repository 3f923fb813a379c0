//! Pages of the queue. Each order has an index, so a page reads little more than its own cases.

use super::Database;
use super::columns::{Column as _, Value, int};
use super::rows::many;
use crate::store::error::StoreError;
use crate::store::limits::MAX_PAGE;
use crate::store::queue::{Assigned, Order, Page, Query};

/// The page that a query asks for.
pub(crate) fn page(db: &dyn Database, query: &Query) -> Result<Page, StoreError> {
    // The index is named, because the order must not depend on what SQLite guesses about sizes.
    // PostgreSQL knows them.
    let (index, first) = match (query.order, query.reason.is_some()) {
        (Order::Age, false) => ("queue_by_age", ""),
        (Order::Age, true) => ("queue_of_reason_by_age", ""),
        (Order::Severity, false) => ("queue_by_severity", "severity_rank, "),
        (Order::Severity, true) => ("queue_of_reason_by_severity", "severity_rank, "),
        (Order::Reporters, false) => ("queue_by_reporters", "reporters_rank, "),
        (Order::Reporters, true) => ("queue_of_reason_by_reporters", "reporters_rank, "),
    };
    let order = format!("{first}first_report_at_ms, id");
    let mut tail = format!("{} WHERE status = ?", db.by_index(index));
    let mut params = vec![query.status.write()];
    if let Some(reason) = &query.reason {
        tail.push_str(" AND reason = ?");
        params.push(reason.write());
    }
    let now = query.now_ms.write();
    match &query.assigned {
        None => {}
        Some(Assigned::Free) => {
            tail.push_str(" AND (assigned_until_ms IS NULL OR assigned_until_ms <= ?)");
            params.push(now);
        }
        Some(Assigned::To(officer)) => {
            tail.push_str(" AND officer = ? AND assigned_until_ms > ?");
            params.extend([officer.write(), now]);
        }
    }
    let place = query.after.map(|at| {
        let rank = i64::from(at.rank).saturating_sub(offset(query.order));
        (
            Value::Integer(rank),
            Value::Integer(int(at.first_report_at_ms)),
            at.id,
        )
    });
    if let Some((rank, time, id)) = &place {
        if first.is_empty() {
            tail.push_str(&format!(" AND ({order}) > (?, ?)"));
        } else {
            tail.push_str(&format!(" AND ({order}) > (?, ?, ?)"));
            params.push(rank.clone());
        }
        params.extend([time.clone(), id.write()]);
    }
    tail.push_str(&format!(" ORDER BY {order}"));
    let limit = query.limit.min(MAX_PAGE);
    let cases = many(db, &tail, &params, limit.saturating_add(1))?;
    Ok(Page::new(query.order, cases, limit))
}

/// The difference between the rank in a cursor, which is not negative, and the one in SQL.
fn offset(order: Order) -> i64 {
    match order {
        Order::Age => 0,
        Order::Severity => i64::from(u8::MAX),
        Order::Reporters => i64::from(u32::MAX),
    }
}
