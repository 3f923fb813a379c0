//! Lists of grants and of openings.

use super::samples::{added, grant, hash, id, opening};
use super::{Problem, ensure};
use crate::store::{GrantList, GrantRow, GrantState, OpeningList, OpeningRow, Store};

pub(super) fn grants(store: &mut dyn Store) -> Result<(), Problem> {
    use GrantState::{Approved, Denied, Expired, Requested};
    let of = |n, state, expires_at_ms| GrantRow {
        state,
        expires_at_ms,
        ..grant(n)
    };
    let (late, soon) = (of(1, Requested, 90), of(2, Approved, 50));
    let (denied, expired) = (of(3, Denied, 10), of(4, Expired, 20));
    let urgent = GrantRow {
        review_until_ms: Some(60),
        ..of(5, Approved, 55)
    };
    let overdue = GrantRow {
        review_until_ms: Some(30),
        is_overdue: true,
        ..of(6, Expired, 25)
    };
    let reviewed = GrantRow {
        review: Some(1),
        ..overdue.clone()
    };
    let reviewed = GrantRow {
        id: id(7),
        digest: hash(7),
        requested_at_ms: 7,
        ..reviewed
    };
    let elsewhere = GrantRow {
        case_id: id(2),
        ..of(8, Requested, 95)
    };
    let in_case = [
        late.clone(),
        soon.clone(),
        denied,
        expired,
        urgent.clone(),
        overdue.clone(),
        reviewed,
    ];
    store.apply(&added(in_case.clone()))?;
    store.apply(&added([elsewhere.clone()]))?;
    ensure(
        store.grant_with_digest(&hash(2))? == Some(soon.clone()),
        "a grant is found by digest",
    )?;
    ensure(
        store.grant_with_digest(&hash(9))?.is_none(),
        "an unknown digest has no grant",
    )?;
    let list = |list, limit| store.grants(&list, limit);
    ensure(
        list(GrantList::OfCase(id(1)), 10)? == in_case,
        "grants of a case come by time",
    )?;
    let first = list(GrantList::OfCase(id(1)), 1)?;
    ensure(first == [late.clone()], "a limit counts")?;
    let waiting = list(GrantList::Requested, 10)?;
    ensure(
        waiting == [late.clone(), elsewhere.clone()],
        "requested grants wait",
    )?;
    let expiring = list(GrantList::ExpiringBy(90), 10)?;
    ensure(
        expiring == [soon, urgent.clone(), late],
        "grants in force expire by their time",
    )?;
    ensure(
        list(GrantList::ExpiringBy(49), 10)?.is_empty(),
        "no grant expires before its time",
    )?;
    let to_review = list(GrantList::ToReview, 10)?;
    ensure(
        to_review == [overdue, urgent.clone()],
        "emergencies wait for a review",
    )?;
    ensure(
        list(GrantList::OverdueBy(59), 10)?.is_empty(),
        "a review has time until its deadline",
    )?;
    ensure(
        list(GrantList::OverdueBy(60), 10)? == [urgent],
        "a missed review is told once",
    )
}

pub(super) fn openings(store: &mut dyn Store) -> Result<(), Problem> {
    let of = |n, ordinal, case, shown_at_ms| OpeningRow {
        grant_digest: hash(1),
        ordinal,
        report_id: id(ordinal.into()),
        case_id: id(case),
        shown_at_ms,
        ..opening(n)
    };
    let (second, first) = (of(20, 1, 1, Some(5)), of(10, 2, 1, None));
    let third = OpeningRow {
        grant_digest: hash(2),
        ..of(30, 1, 2, None)
    };
    let all = [second.clone(), first.clone(), third.clone()];
    store.apply(&added(all))?;
    let list = |list, after| store.openings(&list, after, 10);
    let under = list(OpeningList::UnderGrant(hash(1)), None)?;
    ensure(
        under == [first.clone(), second.clone()],
        "openings come in the order of the log",
    )?;
    let after = list(OpeningList::UnderGrant(hash(1)), Some(10))?;
    ensure(
        after == [second.clone()],
        "a page goes on after its last opening",
    )?;
    let of_report = list(OpeningList::OfReport(id(1)), None)?;
    ensure(
        of_report == [second.clone(), third.clone()],
        "openings of a report are listed",
    )?;
    let of_case = list(OpeningList::OfCase(id(1)), None)?;
    ensure(
        of_case == [first.clone(), second],
        "openings of a case are listed",
    )?;
    let not_shown = list(OpeningList::NotShown, None)?;
    ensure(
        not_shown == [first.clone(), third],
        "openings that were not shown are listed",
    )?;
    let limited = store.openings(&OpeningList::NotShown, None, 1)?;
    ensure(limited == [first], "a limit counts")
}
