//! A link step by step, and each of its checks.

use waxseal_core::IdentityKeyPair;
use waxseal_roster::{AccountKeyPair, proof_context};

use super::support::{Account, Link, NOW, after, rng};
use crate::linking::{LINK_LIFETIME_MS, LinkDigits, LinkSlot, LinkingError, NewDevice, Offer};

#[test]
fn a_new_device_joins_the_account_after_its_user_typed_the_digits() {
    let mut link = Link::new(1);
    let offered = link.open_offer().unwrap();
    assert_eq!(
        (offered.me.account.as_str(), offered.me.device.0),
        ("alice", 2)
    );
    assert_eq!(&offered.account_key, link.account.roster.account_key());
    assert_eq!(link.new.offered(), Some(offered));

    let digits = link.take_reveal().unwrap();
    link.accept(&digits.shown()).unwrap();
    let entry = link.take_answer().unwrap();
    assert_eq!(entry.identity, link.new.identity().to_bytes());
    assert!(!link.new.is_welcome());

    let signed = link.account.add(entry).encode();
    link.new.take_welcome(&signed).unwrap();
    assert!(link.new.is_welcome());
    assert_eq!(link.new.message(), None);
}

#[test]
fn each_message_stays_the_same_until_the_next_step() {
    let mut link = Link::new(2);
    assert_eq!(link.message(LinkSlot::Bundle), link.new.bundle());
    link.open_offer().unwrap();
    let reveal = link.message(LinkSlot::Reveal);
    assert_eq!(link.message(LinkSlot::Reveal), reveal);
    let digits = link.take_reveal().unwrap();
    assert_eq!(*link.offer.digits().unwrap().shown(), *digits.shown());
    link.accept(&digits.shown()).unwrap();
    let answer = link.message(LinkSlot::Answer);
    assert_eq!(link.message(LinkSlot::Answer), answer);
}

#[test]
fn chk348_prekeys_that_the_code_does_not_commit_to_are_refused() {
    let mut rng = rng(3);
    let account = Account::new("alice", &mut rng);
    let [one, other] = [(); 2].map(|()| NewDevice::generate(NOW, &mut rng).unwrap());
    let scanned = (&one.code(), other.bundle());
    let refused = Offer::make(
        &account.identity,
        &account.roster,
        2,
        scanned,
        NOW,
        &mut rng,
    );
    assert_eq!(refused.err(), Some(LinkingError::OtherBundle));
}

#[test]
fn chk350_only_the_first_offer_is_opened() {
    let mut link = Link::new(4);
    let other = link.account.offer(&link.new, &mut link.rng).unwrap();
    link.open_offer().unwrap();
    let before = link.new.export();
    for message in [other.message(), link.offer.message()] {
        let refused = link.new.open_offer(message, NOW, &mut link.rng);
        assert_eq!(refused, Err(LinkingError::WrongStep));
    }
    assert_eq!(*link.new.export(), *before);
}

#[test]
fn chk351_an_offer_by_a_device_that_is_no_manager_is_refused() {
    let mut link = Link::new(5);
    // Neither can make such an offer with this library, so the manager's identity is exchanged.
    let stranger = IdentityKeyPair::generate(&mut link.rng);
    let scanned = (&link.new.code(), link.new.bundle());
    let rng = &mut link.rng;
    let refused = Offer::make(&stranger, &link.account.roster, 2, scanned, NOW, rng);
    assert_eq!(refused.err(), Some(LinkingError::NotManager));
    let unchecked = Offer::make_by_any(&stranger, &link.account.roster, 2, scanned, NOW, rng);
    refuse_offer(&mut link, unchecked.unwrap(), &LinkingError::NotManager);
}

#[test]
fn chk351_a_number_that_is_not_above_those_of_the_roster_is_refused() {
    let mut link = Link::new(6);
    let scanned = (&link.new.code(), link.new.bundle());
    let account = &link.account;
    let offer = Offer::make(
        &account.identity,
        &account.roster,
        1,
        scanned,
        NOW,
        &mut link.rng,
    );
    refuse_offer(&mut link, offer.unwrap(), &LinkingError::NumberTaken);
}

fn refuse_offer(link: &mut Link, offer: Offer, error: &LinkingError) {
    let before = link.new.export();
    link.offer = offer;
    assert_eq!(link.open_offer().as_ref(), Err(error));
    assert_eq!(
        *link.new.export(),
        *before,
        "a refused offer changed the device"
    );
}

#[test]
fn chk352_no_digits_are_shown_before_the_commitment_is_opened() {
    let mut link = Link::new(7);
    link.new.replace_opening([0; 16]);
    link.open_offer().unwrap();
    assert_eq!(link.take_reveal().err(), Some(LinkingError::Commitment));
    assert!(link.offer.digits().is_none());
    assert_eq!(link.take_reveal().err(), Some(LinkingError::Over));
}

#[test]
fn chk353_wrong_first_digits_end_the_link_on_the_new_device() {
    let (mut link, digits) = Link::shown(8);
    let (first, last) = digits.split_at(4);
    let first = (first.parse::<u16>().unwrap() + 1) % 10_000;
    let wrong = format!("{first:04}{last}");
    assert_eq!(link.accept(&wrong), Err(LinkingError::WrongDigits));
    assert_eq!(link.accept(&digits), Err(LinkingError::Over));
    assert_eq!(link.new.message(), None);
}

#[test]
fn chk354_wrong_last_digits_end_the_link_on_the_manager() {
    let (mut link, digits) = Link::shown(9);
    let (first, last) = digits.split_at(4);
    let last = (last.trim().parse::<u16>().unwrap() + 1) % 10_000;
    link.accept(&format!("{first}{last:04}")).unwrap();
    assert_eq!(link.take_answer(), Err(LinkingError::WrongDigits));
    assert_eq!(link.take_answer(), Err(LinkingError::Over));
}

#[test]
fn chk355_a_proof_for_another_account_key_or_number_or_of_another_device_is_refused() {
    let mut rng = rng(10);
    let key = AccountKeyPair::generate(&mut rng).public();
    for (seed, case) in (20..).zip(0..4) {
        let (mut link, digits) = Link::shown(seed);
        let right = *link.account.roster.account_key();
        let proof = match case {
            0 => link.new.prove(&proof_context("alice", &key, 2)),
            1 => link.new.prove(&proof_context("alice", &right, 3)),
            2 => link.new.prove(&proof_context("mallory", &right, 2)),
            _ => {
                let other = IdentityKeyPair::generate(&mut rng);
                other.prove_device(&proof_context("alice", &right, 2))
            }
        };
        let typed = LinkDigits::parse(&digits).unwrap();
        link.new.answer_with(&typed, proof, &mut rng);
        assert_eq!(link.take_answer(), Err(LinkingError::Proof), "case {case}");
        assert_eq!(link.take_answer(), Err(LinkingError::Over));
    }
}

#[test]
fn chk356_after_ten_minutes_nothing_is_taken() {
    let late = after(LINK_LIFETIME_MS + 1);
    let mut link = Link::new(11);
    let message = link.offer.message().to_vec();
    let refused = link.new.open_offer(&message, late, &mut link.rng);
    assert_eq!(refused, Err(LinkingError::Expired));
    let at = after(LINK_LIFETIME_MS);
    link.new.open_offer(&message, at, &mut link.rng).unwrap();

    let reveal = link.message(LinkSlot::Reveal);
    let (offer, manager) = (&mut link.offer, &link.account.identity);
    let refused = offer.take_reveal(manager, &reveal, late, &mut link.rng);
    assert_eq!(refused.err(), Some(LinkingError::Expired));
    let digits = offer
        .take_reveal(manager, &reveal, at, &mut link.rng)
        .unwrap();

    let refused = link.new.accept(&digits, late, &mut link.rng);
    assert_eq!(refused, Err(LinkingError::Expired));
    link.new.accept(&digits, at, &mut link.rng).unwrap();

    let answer = link.message(LinkSlot::Answer);
    let (offer, manager) = (&mut link.offer, &link.account.identity);
    assert!(offer.waits(at) && !offer.waits(late));
    assert_eq!(
        offer.take_answer(manager, &answer, late),
        Err(LinkingError::Expired)
    );
    offer.take_answer(manager, &answer, at).unwrap();
    assert!(!offer.waits(at));
}

#[test]
fn chk358_only_a_newer_roster_of_the_account_that_lists_the_device_welcomes_it() {
    let mut link = Link::answered(12);
    let entry = link.take_answer().unwrap();
    let before = link.new.export();
    let mut rng = rng(13);
    let same_name = Account::new("alice", &mut rng);
    let other_name = Account::new("mallory", &mut rng);

    let old = link.account.roster.signed().encode();
    assert_eq!(link.new.take_welcome(&old), Err(LinkingError::NotWelcome));
    let other_key = same_name.roster.signed().encode();
    assert_eq!(
        link.new.take_welcome(&other_key),
        Err(LinkingError::NotWelcome)
    );
    let other = other_name.roster.signed().encode();
    assert!(matches!(
        link.new.take_welcome(&other),
        Err(LinkingError::Roster(_))
    ));
    assert!(matches!(
        link.new.take_welcome(b"x"),
        Err(LinkingError::Roster(_))
    ));
    assert_eq!(*link.new.export(), *before);

    let signed = link.account.add(entry);
    link.new.take_welcome(&signed.encode()).unwrap();
    assert_eq!(
        link.new.take_welcome(&signed.encode()),
        Err(LinkingError::WrongStep)
    );
}

#[test]
fn an_account_is_not_offered_to_a_device_that_it_lists() {
    let mut link = Link::answered(14);
    let entry = link.take_answer().unwrap();
    let signed = link.account.add(entry);
    link.account.roster = signed.verify("alice").unwrap();
    let refused = link.account.offer(&link.new, &mut link.rng);
    assert_eq!(refused.err(), Some(LinkingError::Listed));
}
