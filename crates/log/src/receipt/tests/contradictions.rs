//! What a verified receipt contradicts: the promise, itself, an earlier receipt, the whole log.

use super::*;
use crate::entry::{Detail, Entry, Event, Mark};
use crate::promise::Promise;

/// Whether the only contradiction is this one.
fn is_only(told: Result<Told, ReceiptError>, expected: Contradiction) {
    assert_eq!(told.unwrap().contradictions, [expected]);
}

/// Appends an entry about the story's report, and shows it to the reporter.
fn with_report_entry(day: u32, event: Event) -> (Story, u64) {
    let mut story = Story::new();
    let number = story.promise.entry().number;
    let index = story.world.append(day, number, event, b"");
    story.of_reporter.push(index);
    (story, index)
}

/// Appends an entry about the story's case, and shows it to both.
fn with_case_entry(case: [u8; 16], day: u32, event: Event, detail: Detail) -> (Story, u64) {
    let mut story = Story::new();
    let index = story
        .world
        .append_with(day, Number::from_bytes(case), event, detail);
    story.of_reporter.push(index);
    story.of_account.push(index);
    (story, index)
}

/// The reporter's receipt, without the details of the last entries.
fn without_last_detail(story: &Story) -> Receipt {
    let mut receipt = story.of_reporter();
    receipt.items.last_mut().unwrap().detail = None;
    receipt
}

#[test]
fn chk157_promised_report_that_is_not_shown_in_time_breaks_the_promise() {
    let mut story = Story::new();
    story.of_reporter.remove(0);
    is_only(
        as_reporter(&story, &story.of_reporter()),
        Contradiction::PromiseBroken,
    );
    // Before the promise is due, nothing is missing.
    let mut receipt = story.of_reporter();
    let size = story.world.entries.len();
    let due = u64::from(DAY + 3) * 86_400;
    receipt.checkpoint = story.world.checkpoint(size, due - 1);
    assert_eq!(as_reporter(&story, &receipt).unwrap().contradictions, []);
    receipt.checkpoint = story.world.checkpoint(size, due);
    is_only(as_reporter(&story, &receipt), Contradiction::PromiseBroken);
}

#[test]
fn chk157_arrival_that_is_not_as_promised_contradicts() {
    let (story, index) = with_report_entry(DAY + 7, Event::ReportRejected { check: 81 });
    is_only(
        as_reporter(&story, &story.of_reporter()),
        Contradiction::NotAsPromised { index },
    );
}

#[test]
fn chk157_report_that_arrives_or_is_sorted_twice_contradicts() {
    let (story, index) = with_report_entry(DAY + 7, Event::ReportSorted { reason: reason(1) });
    is_only(
        as_reporter(&story, &story.of_reporter()),
        Contradiction::Repeated { index },
    );
    let mut story = Story::new();
    let promise: Promise = story.promise.clone();
    let index = story.world.entries.len() as u64;
    story
        .world
        .entries
        .push((*promise.entry(), promise.detail().clone()));
    story.of_reporter.push(index);
    let told = as_reporter(&story, &story.of_reporter()).unwrap();
    let late = Contradiction::BackDated { index };
    assert_eq!(
        told.contradictions,
        [late, Contradiction::Repeated { index }]
    );
}

#[test]
fn chk157_use_of_a_rejected_report_contradicts() {
    let mut world = World::new();
    let promise = world.report(DAY, SEALED, Some(81));
    let (purpose, mark) = (Purpose::UserReport, Mark::from_bytes([1; 16]));
    let number = promise.entry().number;
    world.append(DAY, number, Event::ContentOpened { purpose, mark }, b"");
    let receipt = Receipt {
        role: Role::Reporter,
        checkpoint: world.checkpoint(2, noon(DAY + 5)),
        items: vec![world.item(0, false), world.item(1, false)],
    };
    let promise = world.promised(&promise, SEALED);
    let told = receipt.verify(&world.keys(), Expected::Report { promise: &promise });
    is_only(told, Contradiction::RejectedYetUsed { index: 1 });
}

#[test]
fn chk157_mark_that_occurs_twice_contradicts() {
    let (purpose, mark) = (Purpose::UserReport, Mark::from_bytes([1; 16]));
    let (story, index) = with_report_entry(DAY + 7, Event::ContentOpened { purpose, mark });
    is_only(
        as_reporter(&story, &story.of_reporter()),
        Contradiction::MarkTwice { index },
    );
}

#[test]
fn chk157_back_dated_entry_contradicts() {
    let purpose = Purpose::UserReport;
    let event = |n| Event::ContentOpened {
        purpose,
        mark: Mark::from_bytes([n; 16]),
    };
    let (story, index) = with_report_entry(DAY + 5, event(9));
    is_only(
        as_reporter(&story, &story.of_reporter()),
        Contradiction::BackDated { index },
    );
    // One day is for clocks around midnight.
    let (story, _) = with_report_entry(DAY + 6, event(9));
    assert_eq!(
        as_reporter(&story, &story.of_reporter())
            .unwrap()
            .contradictions,
        []
    );
}

/// The story with another event in its decision.
fn decided(openings: u32, days: u32) -> Story {
    let mut story = Story::new();
    let at = story.decision as usize;
    let (reason, measure) = (reason(4), Measure::Suspended);
    story.world.entries.truncate(at);
    let event = Event::Decision {
        reason,
        measure,
        openings,
        days,
    };
    let detail = decision_detail().encode(&mut story.world.rng).unwrap();
    story
        .world
        .append_with(DAY + 3, Number::from_bytes(CASE), event, detail);
    story.of_reporter.truncate(5);
    story
}

#[test]
fn chk157_decision_that_counts_too_little_contradicts() {
    let index = Story::new().decision;
    let story = decided(1, 3);
    let fewer = Contradiction::FewerOpenings {
        index,
        told: 1,
        shown: 2,
    };
    is_only(as_reporter(&story, &story.of_reporter()), fewer);
    let story = decided(2, 1);
    let fewer = Contradiction::FewerDays {
        index,
        told: 1,
        shown: 3,
    };
    is_only(as_reporter(&story, &story.of_reporter()), fewer);
    let story = decided(2, 2);
    assert_eq!(
        as_reporter(&story, &story.of_reporter())
            .unwrap()
            .contradictions,
        []
    );
}

#[test]
fn chk157_decision_about_another_reader_contradicts() {
    let index = Story::new().decision;
    let story = decided(3, 3);
    let mut receipt = story.of_reporter();
    receipt.items.last_mut().unwrap().link = Link::to_report(LINK_SALTS[1], 1, &commitments());
    let told = as_reporter(&story, &receipt).unwrap();
    assert_eq!(
        told.contradictions,
        [Contradiction::NotAboutReader { index }]
    );
    assert_eq!(told.decisions, []);
    let mut story = Story::new();
    story.of_account.truncate(1);
    let expected = Expected::Account { account: b"alice" };
    let told = story.of_account().verify(&story.world.keys(), expected);
    is_only(told, Contradiction::NotAboutReader { index });
}

#[test]
fn chk157_decision_without_its_detail_contradicts_unless_it_was_erased() {
    let index = Story::new().decision;
    let hide = |mut receipt: Receipt| {
        let item = receipt
            .items
            .iter_mut()
            .find(|item| item.index == index)
            .unwrap();
        (item.detail, item.link) = (None, None);
        receipt
    };
    let story = decided(3, 3);
    let told = as_reporter(&story, &hide(story.of_reporter()));
    is_only(told, Contradiction::NoDetail { index });
    let detail = Detail::from_parts([0; 32], Vec::new()).unwrap();
    let (story, _) = with_case_entry(CASE, DAY + 9, Event::ContentErased, detail);
    let told = as_reporter(&story, &hide(story.of_reporter())).unwrap();
    assert_eq!(told.contradictions, []);
    assert_eq!(told.erased, Some(Day(DAY + 9)));
    assert_eq!(told.decisions[0].statement, None);
}

#[test]
fn chk157_notice_appeal_or_erasure_without_a_decision_contradicts() {
    let detail = || Detail::from_parts([0; 32], Vec::new()).unwrap();
    let side = Side::Reporter;
    for event in [
        Event::NoticeSent { side },
        Event::AppealFiled { side },
        Event::ContentErased,
    ] {
        let (story, index) = with_case_entry([0xcb; 16], DAY + 9, event, detail());
        let told = as_reporter(&story, &without_last_detail(&story));
        is_only(told, Contradiction::WithoutDecision { index });
    }
    // The number is that of the case, and the detail names another decision.
    let decision = TreeHash::from_bytes([9; 32]);
    let other = crate::decision::NoticeDetail { decision, side };
    let other = other.encode(&mut World::new().rng).unwrap();
    let (story, index) = with_case_entry(CASE, DAY + 9, Event::NoticeSent { side }, other);
    is_only(
        as_account(&story, &story.of_account()),
        Contradiction::WithoutDecision { index },
    );
}

#[test]
fn chk157_end_of_an_appeal_that_is_not_open_contradicts() {
    let detail = Detail::from_parts([0; 32], Vec::new()).unwrap();
    let event = Event::AppealDecided {
        outcome: AppealOutcome::Upheld,
        days: 1,
    };
    let (story, index) = with_case_entry(CASE, DAY + 9, event, detail);
    let told = as_reporter(&story, &without_last_detail(&story));
    is_only(told, Contradiction::WithoutAppeal { index });
}

#[test]
fn chk147_entry_of_an_earlier_receipt_must_still_be_there() {
    let mut story = Story::new();
    let earlier = as_reporter(&story, &story.of_reporter()).unwrap();
    assert_eq!(earlier.contradicts(&earlier), []);
    story.of_reporter.retain(|index| *index != story.opened);
    let later = as_reporter(&story, &story.of_reporter()).unwrap();
    let dropped = Contradiction::Dropped {
        index: story.opened,
    };
    assert_eq!(later.contradicts(&earlier), [dropped]);
}

#[test]
fn chk147_older_or_other_log_than_in_an_earlier_receipt_contradicts() {
    let story = Story::new();
    let earlier = as_reporter(&story, &story.of_reporter()).unwrap();
    let older = decided(3, 3);
    let told = as_reporter(&older, &older.of_reporter()).unwrap();
    let found = told.contradicts(&earlier);
    assert_eq!(found[0], Contradiction::OlderCheckpoint);
    // Another log of the same size, in which the last entry differs.
    let mut forked = Story::new();
    let (entry, detail) = forked.world.entries.pop().unwrap();
    let event = Event::AppealDecided {
        outcome: AppealOutcome::Upheld,
        days: 2,
    };
    forked
        .world
        .append_with(entry.day.0, entry.number, event, detail);
    let told = as_reporter(&forked, &forked.of_reporter()).unwrap();
    assert_eq!(
        told.contradicts(&earlier),
        [Contradiction::Forked, Contradiction::Forked]
    );
}

#[test]
fn chk147_entry_of_the_log_that_the_receipt_leaves_out_contradicts() {
    let mut story = Story::new();
    let log = |story: &Story| -> Vec<Entry> {
        story
            .world
            .entries
            .iter()
            .map(|(entry, _)| *entry)
            .collect()
    };
    let told = as_reporter(&story, &story.of_reporter()).unwrap();
    assert_eq!(told.missing_from(&log(&story)), []);
    // The published log may end earlier.
    assert_eq!(told.missing_from(&log(&story)[..5]), []);
    let mut other = log(&story);
    other[story.opened as usize].day = Day(DAY + 2);
    let differs = Contradiction::NotInLog {
        index: story.opened,
    };
    assert_eq!(told.missing_from(&other), [differs]);
    let left_out = [story.opened, story.appeal];
    story
        .of_reporter
        .retain(|index| !left_out.contains(index) && *index < story.appeal + 1);
    let told = as_reporter(&story, &story.of_reporter()).unwrap();
    let found = told.missing_from(&log(&story));
    let expected = [story.opened, story.appeal, story.appeal + 1];
    assert_eq!(
        found,
        expected.map(|index| Contradiction::LeftOut { index })
    );
}
