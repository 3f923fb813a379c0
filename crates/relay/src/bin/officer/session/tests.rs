use waxseal_desk::case::Assignment;
use waxseal_desk::ids::{CaseId, OfficerId};
use waxseal_reporting::Timestamp;

use super::*;

fn act(byte: u8) -> Waiting {
    let assignment = Assignment {
        case: CaseId::from_bytes([byte; 16]),
        officer: OfficerId::from_bytes([1; 32]),
        until: Timestamp::from_millis(1),
    };
    let act = Prepared::Assignment {
        assignment,
        gives_back: false,
    };
    act.into()
}

/// Uses a code, types the number, and enters.
fn enter(sessions: &mut Sessions, code: &str, now: Instant) -> Option<String> {
    let rng = &mut rand::rng();
    let visit = sessions.visit(code, now, rng)?;
    let number = sessions.number(&visit, now)?;
    assert!(sessions.let_in(&number, now));
    sessions.enter(&visit, now, rng)
}

fn entered(now: Instant) -> (Sessions, String) {
    let mut sessions = Sessions::new(now, &mut rand::rng());
    let code = sessions.code().unwrap();
    let cookie = enter(&mut sessions, &code, now).unwrap();
    (sessions, cookie)
}

#[test]
fn chk642_a_code_begins_one_session_within_five_minutes() {
    let (now, rng) = (Instant::now(), &mut rand::rng());
    let mut sessions = Sessions::new(now, rng);
    let code = sessions.code().unwrap();
    for other in ["", "0", &"0".repeat(64), &code.to_uppercase(), &code[1..]] {
        assert!(enter(&mut sessions, other, now).is_none());
    }
    let cookie = enter(&mut sessions, &code, now).unwrap();
    assert!(sessions.resume(&cookie, now).is_some());
    // The same link again begins no session, and does not end the one that it began.
    assert!(enter(&mut sessions, &code, now).is_none());
    assert!(sessions.resume(&cookie, now).is_some());
    // A new code ends the session before once it is used.
    let code = sessions.new_code(now, rng);
    assert!(sessions.resume(&cookie, now).is_some());
    let other = enter(&mut sessions, &code, now).unwrap();
    assert!(sessions.resume(&cookie, now).is_none());
    assert!(sessions.resume(&other, now).is_some());

    let code = sessions.new_code(now, rng);
    assert!(enter(&mut sessions, &code, now + CODE_LIFE).is_none());
    let last = now + CODE_LIFE - Duration::from_millis(1);
    assert!(enter(&mut sessions, &code, last).is_some());
}

#[test]
fn chk654_a_browser_is_let_in_only_with_the_number_that_it_shows() {
    let (now, rng) = (Instant::now(), &mut rand::rng());
    let mut sessions = Sessions::new(now, rng);
    let code = sessions.code().unwrap();
    // Another user of the machine uses the link first. It begins no session alone.
    let visit = sessions.visit(&code, now, rng).unwrap();
    assert!(sessions.enter(&visit, now, rng).is_none());
    // The officer sees no number, and the link is of no use any more.
    assert!(sessions.visit(&code, now, rng).is_none());
    assert!(sessions.was_used(&code));
    // Another number ends the visit, also for the one who knows the number.
    let number = sessions.number(&visit, now).unwrap();
    let other = format!("{:06}", (number.parse::<u32>().unwrap() + 1) % 1_000_000);
    assert!(!sessions.let_in(&other, now));
    assert!(!sessions.let_in(&number, now));
    assert!(sessions.enter(&visit, now, rng).is_none());

    let code = sessions.new_code(now, rng);
    let visit = sessions.visit(&code, now, rng).unwrap();
    let number = sessions.number(&visit, now).unwrap();
    assert!(!sessions.let_in(&number, now + CODE_LIFE));
    let code = sessions.new_code(now, rng);
    let visit = sessions.visit(&code, now, rng).unwrap();
    let number = sessions.number(&visit, now).unwrap();
    assert!(sessions.let_in(&number, now));
    assert!(sessions.enter(&"1".repeat(64), now, rng).is_none());
    assert!(sessions.enter(&visit, now, rng).is_some());
    assert!(sessions.enter(&visit, now, rng).is_none());
}

#[test]
fn chk643_a_session_ends_after_twelve_hours_or_one_without_a_request() {
    let now = Instant::now();
    let (mut sessions, cookie) = entered(now);
    let mut at = now;
    let step = SESSION_IDLE - Duration::from_secs(1);
    while at + step < now + SESSION_LIFE {
        at += step;
        assert!(sessions.resume(&cookie, at).is_some());
    }
    assert!(sessions.resume(&cookie, now + SESSION_LIFE).is_none());
    assert!(sessions.resume(&cookie, at).is_none());

    let (mut sessions, cookie) = entered(now);
    assert!(sessions.resume(&cookie, now + SESSION_IDLE).is_none());
    let (mut sessions, cookie) = entered(now);
    sessions.leave();
    assert!(sessions.resume(&cookie, now).is_none());
}

#[test]
fn chk648_what_was_shown_is_signed_once_and_within_fifteen_minutes() {
    let (now, rng) = (Instant::now(), &mut rand::rng());
    let (mut sessions, _) = entered(now);
    let first = sessions.prepare(act(1), now, rng).unwrap();
    let second = sessions.prepare(act(2), now, rng).unwrap();
    assert!(sessions.take(&"0".repeat(64), now).is_none());
    let taken = sessions.take(&second, now).unwrap();
    assert_eq!(taken.act.case(), Hex([2; 16]));
    assert!(sessions.take(&second, now).is_none());
    assert!(sessions.take(&first, now + PREPARED_LIFE).is_none());

    // What another session prepared is of no use to this one.
    let first = sessions.prepare(act(1), now, rng).unwrap();
    let code = sessions.new_code(now, rng);
    enter(&mut sessions, &code, now).unwrap();
    assert!(sessions.take(&first, now).is_none());

    let first = sessions.prepare(act(0), now, rng).unwrap();
    for _ in 0..MAX_PREPARED {
        sessions.prepare(act(3), now, rng).unwrap();
    }
    assert!(sessions.take(&first, now).is_none());
}
