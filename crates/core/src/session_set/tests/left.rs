//! Sessions that were left for another one, and what an attacker can do with a copy of their state.

use super::*;

/// Two parties that have heard each other on a first session, then on a second one, which both have
/// chosen.
fn settled_on_a_second_session() -> (Party, Party, DhPublicKey) {
    let (mut a, mut b) = (Party::new(1), Party::new(2));
    a.start(&b.device, Some(0), 10);
    let first = a.send(b"first");
    b.receive(&first).unwrap();
    let left = b.sends_on();
    let reply = b.send(b"reply");
    a.receive(&reply).unwrap();
    a.start(&b.device, Some(1), 11);
    let second = a.send(b"second");
    b.receive(&second).unwrap();
    let answer = b.send(b"answer");
    a.receive(&answer).unwrap();
    assert_eq!(a.sends_on(), b.sends_on());
    assert_ne!(a.sends_on(), left);
    (a, b, left)
}

/// Forges a message on a session that both have left, from a stolen copy of a party's state.
fn on_the_session_left(copy: &[u8], left: DhPublicKey, selection: u32) -> Vec<u8> {
    let mut stolen = SessionSet::import(copy).unwrap();
    let (index, ()) = stolen
        .find(|session| (*session.base_key() == left).then_some(()))
        .unwrap();
    let session = stolen.get_mut(index).unwrap();
    session
        .encrypt_selected(selection, b"forged", b"", &mut rng(66))
        .unwrap()
}

#[test]
fn chk39_a_session_that_was_left_moves_nobody_back() {
    // A session without new messages takes no steps, so a copy of its state stays valid. Whichever
    // side the copy came from, it must not decide which session the two send on.
    let (mut a, mut b, left) = settled_on_a_second_session();
    let copies = [&a, &b].map(|party| party.sessions.as_ref().unwrap().export());
    let chosen = a.sends_on();
    for (copy, victim) in copies.iter().zip([&mut b, &mut a]) {
        let before = victim.sessions.as_ref().unwrap().selection;
        let forged = on_the_session_left(copy, left, u32::MAX);
        assert_eq!(victim.receive(&forged).unwrap(), b"forged");
        assert_eq!(victim.sends_on(), chosen);
        assert_eq!(victim.sessions.as_ref().unwrap().selection, before);
    }
    // A peer cannot move the selection with a message on the chosen session either.
    let wilful = {
        let sending = &mut a.sessions.as_mut().unwrap().sending;
        sending
            .encrypt_selected(u32::MAX, b"x", b"", &mut rng(1))
            .unwrap()
    };
    b.receive(&wilful).unwrap();
    assert!(b.sessions.as_ref().unwrap().selection < 10);
}

#[test]
fn chk40_sessions_that_were_left_are_given_up_after_their_age() {
    let (mut a, mut b, left) = settled_on_a_second_session();
    let copy = a.sessions.as_ref().unwrap().export();
    let forged = on_the_session_left(&copy, left, 1);
    let mut rng = rng(5);
    let steps = b.sessions.as_ref().unwrap().dh_ratchet_steps();
    for opened in 0..=MAX_LEFT_SESSION_AGE {
        assert_eq!(b.sessions.as_ref().unwrap().count(), 2, "{opened} opened");
        if opened == MAX_LEFT_SESSION_AGE {
            // The number of messages opened survives an export and import.
            let export = b.sessions.as_ref().unwrap().export();
            b.sessions = Some(SessionSet::import(&export).unwrap());
        }
        let message = a.sessions.as_mut().unwrap().encrypt(b"x", b"", &mut rng);
        b.receive(&message.unwrap()).unwrap();
    }
    let sessions = b.sessions.as_ref().unwrap();
    assert_eq!(sessions.count(), 1);
    assert!(
        sessions.dh_ratchet_steps() > steps,
        "steps of dropped sessions still count"
    );
    assert_eq!(b.refused(&forged), DecryptError::Unauthenticated);
    let reply = b.send(b"still here");
    assert_eq!(a.receive(&reply).unwrap(), b"still here");
}

#[test]
fn chk40_the_age_counts_from_the_last_choice() {
    let (mut a, mut b) = (Party::new(1), Party::new(2));
    let age = |party: &mut Party, set| {
        core::mem::replace(&mut party.sessions.as_mut().unwrap().left_age, set)
    };
    a.start(&b.device, Some(0), 10);
    b.start(&a.device, Some(0), 11);
    let (from_a, from_b) = (a.send(b"from a"), b.send(b"from b"));
    let (late_a, late_b) = (a.send(b"late a"), b.send(b"late b"));
    age(&mut a, 7);
    age(&mut b, 7);
    a.receive(&from_b).unwrap();
    b.receive(&from_a).unwrap();
    assert_eq!((age(&mut a, 7), age(&mut b, 7)), (0, 0), "a new session");
    // One of the two now moves to the session of the other.
    let moved = a.sends_on().max(b.sends_on());
    let (mover, stayer, late) = match a.sends_on() == moved {
        true => (&mut b, &mut a, late_a),
        false => (&mut a, &mut b, late_b),
    };
    let answer = stayer.send(b"answer");
    mover.receive(&answer).unwrap();
    assert_eq!((mover.sends_on(), age(mover, 7)), (moved, 0), "a move");
    // A message of the session that was left does not count. A message of the chosen session does.
    mover.receive(&late).unwrap();
    assert_eq!(age(mover, 7), 7);
    let again = stayer.send(b"again");
    mover.receive(&again).unwrap();
    assert_eq!(age(mover, 7), 8);
}

#[test]
fn chk40_the_first_answer_on_the_chosen_session_counts() {
    // The answer confirms the choice. That does not start the count again, so the answer itself
    // counts.
    let (a, _, _) = settled_on_a_second_session();
    assert_eq!(a.sessions.unwrap().left_age, 1);
}

#[test]
fn chk36_starting_over_again_and_again_does_not_cost_the_session_that_works() {
    let (mut a, mut b) = (Party::new(1), Party::new(2));
    a.start(&b.device, Some(0), 10);
    let first = a.send(b"first");
    b.receive(&first).unwrap();
    let reply = b.send(b"reply");
    a.receive(&reply).unwrap();
    let flying = b.send(b"flying");
    for seed in 0..8 {
        a.start(&b.device, None, 20 + seed);
    }
    assert_eq!(a.sessions.as_ref().unwrap().count(), MAX);
    assert_eq!(a.receive(&flying).unwrap(), b"flying");
}
