use waxseal_relay::desk::Open;

use super::*;

fn act(byte: u8) -> Prepared {
    Prepared::Open {
        case: Hex([byte; 16]),
        open: Open {
            grant: Hex([1; 16]),
            report: Hex([2; 16]),
        },
    }
}

fn entered(now: Instant) -> (Sessions, String) {
    let mut sessions = Sessions::new(now, &mut rand::rng());
    let code = sessions.code().unwrap();
    let cookie = sessions.enter(&code, now, &mut rand::rng()).unwrap();
    (sessions, cookie)
}

#[test]
fn chk642_a_code_begins_one_session_within_five_minutes() {
    let (now, rng) = (Instant::now(), &mut rand::rng());
    let mut sessions = Sessions::new(now, rng);
    let code = sessions.code().unwrap();
    for other in ["", "0", &"0".repeat(64), &code.to_uppercase(), &code[1..]] {
        assert!(sessions.enter(other, now, rng).is_none());
    }
    let cookie = sessions.enter(&code, now, rng).unwrap();
    assert!(sessions.resume(&cookie, now).is_some());
    // The same link again begins no session, and does not end the one that it began.
    assert!(sessions.enter(&code, now, rng).is_none());
    assert!(sessions.resume(&cookie, now).is_some());
    // A new code ends the session before once it is used.
    let code = sessions.new_code(now, rng);
    assert!(sessions.resume(&cookie, now).is_some());
    let other = sessions.enter(&code, now, rng).unwrap();
    assert!(sessions.resume(&cookie, now).is_none());
    assert!(sessions.resume(&other, now).is_some());

    let code = sessions.new_code(now, rng);
    assert!(sessions.enter(&code, now + CODE_LIFE, rng).is_none());
    let last = now + CODE_LIFE - Duration::from_millis(1);
    assert!(sessions.enter(&code, last, rng).is_some());
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
    assert_eq!(taken.case(), Hex([2; 16]));
    assert!(sessions.take(&second, now).is_none());
    assert!(sessions.take(&first, now + PREPARED_LIFE).is_none());

    // What another session prepared is of no use to this one.
    let first = sessions.prepare(act(1), now, rng).unwrap();
    let code = sessions.new_code(now, rng);
    sessions.enter(&code, now, rng).unwrap();
    assert!(sessions.take(&first, now).is_none());

    let first = sessions.prepare(act(0), now, rng).unwrap();
    for _ in 0..MAX_PREPARED {
        sessions.prepare(act(3), now, rng).unwrap();
    }
    assert!(sessions.take(&first, now).is_none());
}
