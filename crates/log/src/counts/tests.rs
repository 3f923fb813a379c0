use super::*;
use crate::tests::world::*;

fn count_story(from: u32, to: u32) -> Counts {
    let mut counts = Counts::new(Day(from), Day(to));
    Story::new()
        .world
        .entries
        .iter()
        .for_each(|(entry, _)| counts.add(entry));
    counts
}

#[test]
fn the_story_is_counted() {
    let rows: Vec<_> = count_story(DAY, DAY + 7).rows();
    let expected = [
        ("entries", 15),
        ("reports_received", 2),
        ("reports_sorted.4", 2),
        ("openings.user_report", 3),
        ("openings_per_report.1", 1),
        ("openings_per_report.2", 1),
        ("grants_requested.user_report", 1),
        ("grants_approved.user_report", 1),
        ("emergencies_overdue", 0),
        ("decisions.4.suspended", 1),
        ("days_to_decision.median", 3),
        ("days_to_decision.maximum", 3),
        ("days_to_decision.total", 3),
        ("notices.reporter", 1),
        ("notices.account", 1),
        ("appeals_filed.account", 1),
        ("appeals_decided.reversed", 1),
        ("days_to_appeal_decision.median", 2),
        ("days_to_appeal_decision.maximum", 2),
        ("days_to_appeal_decision.total", 2),
        ("legal_items", 0),
        ("holds_placed", 0),
        ("holds_lifted", 0),
        ("policies_published", 1),
        ("contents_erased", 0),
        ("files_fetched", 0),
    ];
    let expected = expected.map(|(name, number)| (name.to_owned(), number));
    assert_eq!(rows, expected);
}

#[test]
fn first_and_last_day_count_and_no_others() {
    let counts = count_story(DAY + 1, DAY + 2);
    assert_eq!(counts.entries, 5);
    assert_eq!(counts.openings[&Purpose::UserReport], 3);
    assert_eq!((counts.reports_received, counts.policies_published), (0, 0));
    assert_eq!(count_story(DAY + 3, DAY + 2).entries, 0);
    // On the first day, both reports arrived and neither was opened.
    assert_eq!(
        count_story(DAY, DAY).openings_per_report(),
        BTreeMap::from([(0, 2)])
    );
}

#[test]
fn every_kind_is_counted_in_one_row_of_its_own() {
    let purpose = Purpose::Identify;
    let (key, outcome) = (KeyKind::Stamp, LegalOutcome::Partly);
    let events = [
        (Event::ReportRejected { check: 81 }, "reports_rejected.81"),
        (Event::GrantDenied { purpose }, "grants_denied.identify"),
        (Event::GrantExpired { purpose }, "grants_expired.identify"),
        (
            Event::EmergencyReviewed {
                outcome: ReviewOutcome::NotJustified,
            },
            "emergencies_reviewed.not_justified",
        ),
        (Event::EmergencyOverdue, "emergencies_overdue"),
        (
            Event::Exported {
                target: Target::Ncmec,
            },
            "exports.ncmec",
        ),
        (
            Event::LegalRequestReceived {
                basis: LegalBasis::Warrant,
            },
            "legal_requests.warrant",
        ),
        (
            Event::LegalRequestAnswered { outcome, items: 0 },
            "legal_answers.partly",
        ),
        (Event::HoldPlaced, "holds_placed"),
        (Event::HoldLifted, "holds_lifted"),
        (Event::KeyEpochCreated { key }, "keys_created.stamp"),
        (Event::KeyEpochDestroyed { key }, "keys_destroyed.stamp"),
        (Event::ContentErased, "contents_erased"),
        (Event::FileFetched, "files_fetched"),
    ];
    let mut world = World::new();
    for (event, name) in events {
        let mut counts = Counts::new(Day(DAY), Day(DAY));
        world.append(DAY, Number::from_bytes([1; 16]), event, b"");
        counts.add(&world.entries.last().unwrap().0);
        let mut rows = counts.rows();
        rows.retain(|(_, number)| *number > 0);
        assert_eq!(rows, [("entries".to_owned(), 1), (name.to_owned(), 1)]);
    }
}

#[test]
fn items_of_legal_answers_add_up_without_overflow() {
    let mut counts = Counts::new(Day(DAY), Day(DAY));
    let mut world = World::new();
    let (outcome, items) = (LegalOutcome::Produced, u32::MAX);
    let event = Event::LegalRequestAnswered { outcome, items };
    world.append(DAY, Number::from_bytes([1; 16]), event, b"");
    counts.add(&world.entries[0].0);
    counts.add(&world.entries[0].0);
    assert_eq!(counts.legal_items, 2 * u64::from(u32::MAX));
}

#[test]
fn the_median_is_the_smallest_that_covers_half() {
    let days = |all: &[u32]| {
        let mut days = Days::default();
        all.iter().for_each(|one| days.add(*one));
        (days.median(), days.maximum(), days.total(), days.count())
    };
    assert_eq!(days(&[]), (None, None, 0, 0));
    assert_eq!(days(&[7]), (Some(7), Some(7), 7, 1));
    assert_eq!(days(&[9, 1]), (Some(1), Some(9), 10, 2));
    assert_eq!(days(&[3, 9, 1]), (Some(3), Some(9), 13, 3));
    assert_eq!(days(&[4, 1, 2, 3]), (Some(2), Some(4), 10, 4));
    assert_eq!(
        days(&[0, 0, u32::MAX]),
        (Some(0), Some(u32::MAX), u64::from(u32::MAX), 3)
    );
}
