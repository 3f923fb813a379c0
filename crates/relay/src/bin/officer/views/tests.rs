use waxseal_reporting::Timestamp;
use waxseal_reporting::reporter::Reason;

use super::*;

fn opened(byte: u8, now: Instant) -> Opened {
    let view = View {
        reported: None,
        about_account: true,
        reason: Reason::Spam,
        note: Zeroizing::new(String::new()),
        accepted_at: Timestamp::from_millis(1),
        clock_stepped_back: false,
        messages_in_report: 0,
        messages: Vec::new(),
        names: None,
    };
    Opened::new(Hex([9; 16]), (Hex([byte; 16]), Hex([byte; 16])), view, now)
}

fn file(len: usize) -> Fetched {
    Fetched {
        picture: None,
        bytes: Zeroizing::new(vec![0; len]),
        shown: 0,
    }
}

#[test]
fn a_view_is_kept_for_an_hour_or_until_it_is_closed() {
    let now = Instant::now();
    let mut views = Views::default();
    views.keep(opened(1, now));
    views.keep(opened(2, now));
    let last = now + VIEW_LIFE - Duration::from_secs(1);
    let (one, two) = (Hex([1; 16]), Hex([2; 16]));
    assert!(views.get(&one, &one, last).is_some());
    assert!(views.get(&one, &two, last).is_none());
    assert!(views.has(&one, &one) && !views.has(&two, &one));
    views.close(&one, &one);
    assert!(views.get(&one, &one, last).is_none());
    assert!(views.get(&two, &two, now + VIEW_LIFE).is_none());
    assert!(!views.has(&two, &two));
}

#[test]
fn views_and_their_files_are_bounded() {
    let now = Instant::now();
    let mut views = Views::default();
    for byte in 0..=64 {
        views.keep(opened(byte, now));
    }
    assert!(views.get(&Hex([0; 16]), &Hex([0; 16]), now).is_none());
    let last = views.get(&Hex([64; 16]), &Hex([64; 16]), now).unwrap();
    assert!(last.keep((0, 2), file(8)));
    assert!(last.keep((0, 3), file(MAX_FILES_LEN - 8)));
    assert!(!last.keep((1, 2), file(1)));
    assert!(last.file((0, 2)).is_some() && last.file((1, 2)).is_none());
}
