//! What lists hold, and in which order.

use super::samples::{
    added, appeal, case, decision, hash, hold, id, key_epoch, legal, notice, policy, report,
};
use super::{Problem, ensure};
use crate::store::{
    AppealList, AppealRow, CaseRow, CaseStatus, DecisionRow, HoldRow, KeyEpochRow, LegalRow,
    NoticeList, NoticeRow, ReportList, ReportRow, Store,
};

pub(super) fn reports(store: &mut dyn Store) -> Result<(), Problem> {
    let at = |n, time| ReportRow {
        received_at_ms: time,
        ..report(n)
    };
    let sorted = |n, time, of, by| ReportRow {
        reason: Some(2),
        case_id: Some(id(of)),
        reporter: Some(hash(by)),
        ..at(n, time)
    };
    let rejected = ReportRow {
        rejected: Some(40),
        ..at(6, 3)
    };
    let erased = ReportRow {
        is_erased: true,
        ..sorted(7, 1, 2, 9)
    };
    let given_up = ReportRow {
        is_erased: true,
        ..at(11, 4)
    };
    let (first, second, third) = (
        sorted(3, 10, 1, 8),
        sorted(1, 20, 1, 9),
        sorted(2, 20, 1, 8),
    );
    let all = [
        at(4, 30),
        at(5, 5),
        rejected.clone(),
        erased.clone(),
        given_up,
        third.clone(),
        second.clone(),
        first.clone(),
    ];
    store.apply(&added(all))?;
    ensure(
        store.report_with_digest(&hash(6))? == Some(rejected),
        "a report is found by digest",
    )?;
    ensure(
        store.report_with_number(&id(7))? == Some(erased),
        "a report is found by number",
    )?;
    ensure(
        store.report_with_number(&id(8))?.is_none(),
        "an unknown number has no report",
    )?;

    let of_case = ReportList::OfCase(id(1));
    let in_case = [first.clone(), second.clone(), third.clone()];
    ensure(
        store.reports(&of_case, None, 10)? == in_case,
        "reports of a case come by time",
    )?;
    ensure(
        Some(store.reports(&of_case, None, 2)?.as_slice()) == in_case.get(..2),
        "a limit counts",
    )?;
    let page = store.reports(&of_case, Some((20, id(1))), 10)?;
    ensure(
        page == [third.clone()],
        "a page goes on among reports of the same time",
    )?;
    let page = store.reports(&of_case, Some((15, id(0))), 10)?;
    ensure(
        Some(page.as_slice()) == in_case.get(1..),
        "a page goes on after any position",
    )?;

    let unsorted = store.reports(&ReportList::Unsorted, None, 10)?;
    ensure(
        unsorted == [at(5, 5), at(4, 30)],
        "unsorted reports are accepted ones by time",
    )?;
    let page = store.reports(&ReportList::Unsorted, Some((5, id(5))), 10)?;
    ensure(page == [at(4, 30)], "a page of unsorted reports goes on")?;

    let kept = store.reports(&ReportList::KeptBefore(30), None, 10)?;
    ensure(
        kept == [at(5, 5), first, second, third.clone()],
        "kept reports are older than the time",
    )?;
    let page = store.reports(&ReportList::KeptBefore(30), Some((20, id(1))), 10)?;
    ensure(page == [third], "a page of kept reports goes on")?;

    ensure(
        store.has_reported(&id(1), &hash(8))?,
        "a reporter of the case is known",
    )?;
    ensure(
        !store.has_reported(&id(2), &hash(8))?,
        "a reporter counts for the case alone",
    )?;
    ensure(
        !store.has_reported(&id(1), &hash(7))?,
        "an unknown reporter is not known",
    )
}

pub(super) fn cases(store: &mut dyn Store) -> Result<(), Problem> {
    let of = |account: &str, n, status| CaseRow {
        account: Some(account.into()),
        status,
        ..case(n)
    };
    let (old, new) = (
        of("ann", 1, CaseStatus::Waiting),
        of("ann", 2, CaseStatus::Open),
    );
    let decided = of("ann", 3, CaseStatus::Decided);
    let other = of("anna", 4, CaseStatus::Closed);
    let all = [
        old.clone(),
        new.clone(),
        decided.clone(),
        other.clone(),
        case(5),
    ];
    store.apply(&added(all))?;
    ensure(
        store.case_with_number(&id(3))? == Some(decided.clone()),
        "a case is found by number",
    )?;
    ensure(
        store.case_with_number(&id(6))?.is_none(),
        "an unknown number has no case",
    )?;
    let undecided = store.undecided_case("ann")?;
    ensure(
        undecided == Some(new.clone()),
        "the newest undecided case is found",
    )?;
    ensure(
        store.undecided_case("anna")?.is_none(),
        "a closed case is not undecided",
    )?;
    ensure(
        store.undecided_case("an")?.is_none(),
        "an account is its whole name",
    )?;
    let listed = store.cases_of("ann", 10)?;
    ensure(
        listed == [decided.clone(), new, old],
        "cases of an account come newest first",
    )?;
    ensure(store.cases_of("ann", 1)? == [decided], "a limit counts")?;
    ensure(
        store.cases_of("anna", 10)? == [other],
        "an account has its own cases only",
    )
}

pub(super) fn outcomes(store: &mut dyn Store) -> Result<(), Problem> {
    let (first, second) = (decision(1), decision(2));
    let other = DecisionRow {
        case_id: id(2),
        ..decision(3)
    };
    store.apply(&added([second.clone(), other, first.clone()]))?;
    let listed = store.decisions(&id(1), 10)?;
    ensure(
        listed == [first.clone(), second],
        "decisions of a case come in the log's order",
    )?;
    ensure(store.decisions(&id(1), 1)? == [first], "a limit counts")?;

    let sent = NoticeRow {
        sent_at_ms: Some(9),
        ..notice(1)
    };
    let other = NoticeRow {
        decision: hash(2),
        ..notice(3)
    };
    let to_account = NoticeRow {
        side: 2,
        ..notice(2)
    };
    store.apply(&added([
        other.clone(),
        to_account.clone(),
        notice(2),
        sent.clone(),
    ]))?;
    let listed = store.notices(&NoticeList::OfDecision(hash(1)), 10)?;
    ensure(
        listed == [sent, notice(2), to_account.clone()],
        "notices of a decision are listed",
    )?;
    let unsent = store.notices(&NoticeList::Unsent, 10)?;
    ensure(
        unsent == [notice(2), to_account, other],
        "notices that were not sent are listed",
    )?;
    ensure(
        store.notices(&NoticeList::Unsent, 1)? == [notice(2)],
        "a limit counts",
    )?;

    let decided = AppealRow {
        outcome: Some(1),
        ..appeal(1)
    };
    let other = AppealRow {
        case_id: id(2),
        ..appeal(3)
    };
    store.apply(&added([other.clone(), appeal(2), decided.clone()]))?;
    let of_case = AppealList::OfCase(id(1));
    let listed = store.appeals(&of_case, None, 10)?;
    ensure(
        listed == [decided, appeal(2)],
        "appeals of a case come in the log's order",
    )?;
    ensure(
        store.appeals(&of_case, Some(1), 10)? == [appeal(2)],
        "a page of appeals goes on",
    )?;
    let undecided = store.appeals(&AppealList::Undecided, None, 10)?;
    ensure(
        undecided == [appeal(2), other.clone()],
        "undecided appeals are listed",
    )?;
    let page = store.appeals(&AppealList::Undecided, Some(2), 10)?;
    ensure(page == [other], "a page of undecided appeals goes on")
}

pub(super) fn register(store: &mut dyn Store) -> Result<(), Problem> {
    let same_time = LegalRow {
        received_at_ms: 2,
        ..legal(1)
    };
    store.apply(&added([legal(3), legal(2), same_time.clone()]))?;
    let listed = store.legal_requests(None, 10)?;
    ensure(
        listed == [same_time, legal(2), legal(3)],
        "legal requests come by time",
    )?;
    let page = store.legal_requests(Some((2, id(1))), 1)?;
    ensure(page == [legal(2)], "a page of legal requests goes on")?;

    let lifted = HoldRow {
        lifted_at_ms: Some(9),
        ..hold(1)
    };
    let other = HoldRow {
        case_id: id(2),
        ..hold(3)
    };
    store.apply(&added([hold(2), other, lifted.clone()]))?;
    ensure(
        store.holds(&id(1), 10)? == [lifted.clone(), hold(2)],
        "holds of a case come by time",
    )?;
    ensure(store.holds(&id(1), 1)? == [lifted], "a limit counts")?;

    store.apply(&added([policy(2), policy(10), policy(9)]))?;
    ensure(
        store.newest_policy()? == Some(policy(10)),
        "the highest version is the newest",
    )?;

    let other = KeyEpochRow {
        key_kind: 3,
        ..key_epoch(4)
    };
    store.apply(&added([key_epoch(10), key_epoch(9), other]))?;
    let listed = store.key_epochs(2, None, 10)?;
    ensure(
        listed == [key_epoch(9), key_epoch(10)],
        "epochs of a key come in their order",
    )?;
    ensure(
        store.key_epochs(2, Some(9), 1)? == [key_epoch(10)],
        "a page of epochs goes on",
    )
}
