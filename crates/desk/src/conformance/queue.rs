//! The queue: each order with each filter, compared with a plain sort.

use std::cmp::Reverse;

use super::samples::{added, case, hash};
use super::{Problem, ensure};
use crate::store::limits::MAX_PAGE;
use crate::store::{Assigned, CaseRow, CaseStatus, Change, Cursor, Order, Query, Store};

const NOW: u64 = 1_000;

/// Cases with few different values, so that many are equal in an order.
fn cases() -> Vec<CaseRow> {
    let statuses = [CaseStatus::Open, CaseStatus::Waiting, CaseStatus::Decided];
    let cases = (0..90_u32).map(|n| {
        let mixed = n.wrapping_mul(2_654_435_761);
        let pick = |shift: u32, of: u32| mixed.wrapping_shr(shift).checked_rem(of).unwrap_or(0);
        let small = |number: u32| u8::try_from(number).unwrap_or_default();
        let status = statuses.get(pick(4, 5) as usize).copied();
        let is_assigned = pick(8, 3) > 0;
        CaseRow {
            reason: small(pick(12, 3)),
            severity: small(pick(16, 3)).saturating_mul(127),
            first_report_at_ms: pick(20, 7).into(),
            reporters: pick(24, 4).saturating_mul(u32::MAX / 4),
            status: status.unwrap_or(CaseStatus::Open),
            officer: is_assigned.then(|| hash(pick(9, 2))),
            // In force, just over, or long over.
            assigned_until_ms: is_assigned.then(|| NOW.saturating_add(1).saturating_sub(n.into())),
            ..case(n)
        }
    });
    cases.collect()
}

/// What a query should list, without its position and limit.
fn expected(cases: &[CaseRow], query: &Query) -> Vec<CaseRow> {
    let is_free = |case: &CaseRow| case.assigned_until_ms.is_none_or(|until| until <= NOW);
    let mut listed: Vec<_> = cases.to_vec();
    listed.retain(|case| case.status == query.status);
    listed.retain(|case| query.reason.is_none_or(|reason| case.reason == reason));
    listed.retain(|case| match query.assigned {
        None => true,
        Some(Assigned::Free) => is_free(case),
        Some(Assigned::To(officer)) => !is_free(case) && case.officer == Some(officer),
    });
    listed.sort_by_key(|case| (case.first_report_at_ms, case.id));
    match query.order {
        Order::Age => {}
        Order::Severity => listed.sort_by_key(|case| Reverse(case.severity)),
        Order::Reporters => listed.sort_by_key(|case| Reverse(case.reporters)),
    }
    listed
}

/// All cases of a query, page by page.
fn pages(store: &dyn Store, mut query: Query) -> Result<Vec<CaseRow>, Problem> {
    let mut listed = Vec::new();
    loop {
        let page = store.queue(&query)?;
        ensure(
            page.cases.len() <= query.limit,
            "a page has at most so many cases",
        )?;
        listed.extend(page.cases);
        ensure(listed.len() <= 100, "pages end")?;
        let Some(next) = page.next else {
            return Ok(listed);
        };
        query.after = Cursor::from_bytes(&next.to_bytes());
        ensure(query.after == Some(next), "a cursor survives its encoding")?;
    }
}

pub(super) fn queue(store: &mut dyn Store) -> Result<(), Problem> {
    let cases = cases();
    store.apply(&added(cases.clone()))?;
    let statuses = [CaseStatus::Open, CaseStatus::Waiting, CaseStatus::Closed];
    let reasons = [None, Some(0), Some(2), Some(9)];
    let officers = [0, 1, 2].map(|n| Some(Assigned::To(hash(n))));
    let assigned = [&[None, Some(Assigned::Free)], officers.as_slice()].concat();
    for (order, status) in Order::ALL
        .into_iter()
        .flat_map(|order| statuses.map(|status| (order, status)))
    {
        for (reason, assigned) in reasons.into_iter().flat_map(|reason| {
            let assigned = assigned.iter();
            assigned.map(move |assigned| (reason, *assigned))
        }) {
            for limit in [1, 7, MAX_PAGE] {
                let query = Query {
                    reason,
                    status,
                    assigned,
                    ..Query::open(order, NOW, limit)
                };
                let wanted = expected(&cases, &query);
                ensure(
                    pages(store, query)? == wanted,
                    "a queue has its cases in its order",
                )?;
            }
        }
    }
    let few = expected(&cases, &Query::open(Order::Age, NOW, 0)).len();
    let exact = store.queue(&Query::open(Order::Age, NOW, few))?;
    ensure(
        exact.cases.len() == few && exact.next.is_none(),
        "a full last page is the last",
    )
}

pub(super) fn moved(store: &mut dyn Store) -> Result<(), Problem> {
    let (first, second) = (case(1), case(2));
    store.apply(&added([first.clone(), second.clone()]))?;
    let list = |store: &dyn Store, order| -> Result<Vec<CaseRow>, Problem> {
        Ok(store.queue(&Query::open(order, NOW, 10))?.cases)
    };
    let graver = CaseRow {
        severity: 200,
        reporters: 9,
        ..second.clone()
    };
    store.apply(&[Change::swap(second, graver.clone())])?;
    let by_age = list(store, Order::Age)?;
    ensure(
        by_age == [first.clone(), graver.clone()],
        "the older case comes first",
    )?;
    for order in [Order::Severity, Order::Reporters] {
        let listed = list(store, order)?;
        ensure(
            listed == [graver.clone(), first.clone()],
            "the graver case comes first",
        )?;
    }
    let closed = CaseRow {
        status: CaseStatus::Closed,
        ..first.clone()
    };
    store.apply(&[Change::swap(first, closed)])?;
    ensure(
        list(store, Order::Severity)? == [graver],
        "a closed case leaves the open queue",
    )
}
