use super::*;
use crate::desk::tests::world::{World, refused};

fn request() -> LegalRequest {
    LegalRequest {
        basis: LegalBasis::CourtOrder,
        authority: "Court of Example, 12/34".into(),
        asked: "All messages of mallory.".into(),
    }
}

fn answer(request: Number) -> LegalAnswer {
    LegalAnswer {
        request,
        outcome: LegalOutcome::Partly,
        items: 1,
        produced: "One reported message.".into(),
        not_held: "Messages that no one reported: the provider cannot read them.".into(),
    }
}

#[test]
fn chk222_a_legal_request_is_answered_once() {
    let mut world = World::new();
    let number = world
        .desk
        .legal_request(&request(), world.now, &mut world.rng)
        .unwrap();
    let signed = world.sign(&answer(number), &world.officers.decide);
    world
        .desk
        .answer_request(&signed, world.now, &mut world.rng)
        .unwrap();
    let last = Event::LegalRequestAnswered {
        outcome: LegalOutcome::Partly,
        items: 1,
    };
    assert_eq!(world.events().last(), Some(&last));
    let row = world
        .store
        .legal_request(number.as_bytes())
        .unwrap()
        .unwrap();
    assert!(row.not_held.unwrap().contains("cannot read"));

    let again = world
        .desk
        .answer_request(&signed, world.now, &mut world.rng);
    assert!(again.as_ref().is_err_and(DeskError::is_conflict));
    assert_eq!(refused(again), Refused::AlreadyAnswered);
    let unknown = world.sign(&answer(Number::from_bytes([1; 16])), &world.officers.decide);
    let refusal = world
        .desk
        .answer_request(&unknown, world.now, &mut world.rng);
    assert_eq!(refused(refusal), Refused::NoRequest);
    world.is_sound();
}

#[test]
fn a_request_and_an_answer_have_their_limits() {
    let mut world = World::new();
    let longest = LegalRequest {
        authority: "a".repeat(MAX_AUTHORITY_LEN),
        asked: "b".repeat(MAX_ASKED_LEN),
        ..request()
    };
    world
        .desk
        .legal_request(&longest, world.now, &mut world.rng)
        .unwrap();
    let longer = LegalRequest {
        asked: "b".repeat(MAX_ASKED_LEN + 1),
        ..request()
    };
    let refusal = world.desk.legal_request(&longer, world.now, &mut world.rng);
    assert_eq!(refused(refusal), Refused::TooLong);

    let mut longest = answer(Number::from_bytes([1; 16]));
    longest.produced = "p".repeat(MAX_ANSWER_LEN);
    longest.not_held = "n".repeat(MAX_ANSWER_LEN);
    assert_eq!(
        LegalAnswer::decode(&longest.encode()),
        Some(longest.clone())
    );
    longest.not_held.push('n');
    assert_eq!(LegalAnswer::decode(&longest.encode()), None);
}
