//! Attacks on a link: each ends without a device in the roster.

use super::support::{Account, Link, NOW, after, rng};
use crate::linking::{LINK_LIFETIME_MS, LinkSlot, LinkingError, NewDevice, Offer};

/// The last four digits, with one added.
fn other_last(digits: &str) -> String {
    let (first, last) = digits.split_at(4);
    let last = last.trim().parse::<u16>().unwrap().wrapping_add(1) % 10_000;
    format!("{first}{last:04}")
}

#[test]
fn row_16_a_device_behind_a_phishing_page_does_not_join_without_the_digits() {
    // The victim scanned the code of the attacker's device. That device computes the first four
    // digits, but the last four are on the victim's screen alone.
    let (mut link, digits) = Link::shown(1);
    link.accept(&other_last(&digits)).unwrap();
    assert_eq!(link.take_answer(), Err(LinkingError::WrongDigits));
    // There is one attempt.
    assert_eq!(link.take_answer(), Err(LinkingError::Over));
    assert!(!link.offer.waits(NOW));
}

#[test]
fn row_16_the_last_digits_are_in_no_message() {
    let mut link = Link::new(2);
    link.open_offer().unwrap();
    let reveal = link.message(LinkSlot::Reveal);
    let stored = link.offer.export();
    let shown = [3, 4].map(|seed| {
        let mut offer = Offer::import(&stored).unwrap();
        let manager = &link.account.identity;
        let digits = offer
            .take_reveal(manager, &reveal, NOW, &mut rng(seed))
            .unwrap();
        assert_eq!(
            offer.message(),
            link.offer.message(),
            "the offer is all that it sends"
        );
        digits.shown().to_string()
    });
    let [one, other] = shown.each_ref().map(|digits| digits.split_at(4));
    assert_eq!(one.0, other.0);
    assert_ne!(one.1, other.1);
}

#[test]
fn row_17_another_manager_that_photographed_the_code_does_not_get_the_device() {
    let (mut link, _) = Link::shown(5);
    // Mallory offered first, and the device opened her offer. Alice's offer is not opened, so her
    // phone shows no digits.
    let (mallory, mut rng) = (Account::new("mallory", &mut rng(6)), rng(7));
    let mut victim = NewDevice::generate(NOW, &mut rng).unwrap();
    let first = mallory.offer(&victim, &mut rng).unwrap();
    let mut alices = link.account.offer(&victim, &mut rng).unwrap();
    let offered = victim.open_offer(first.message(), NOW, &mut rng).unwrap();
    assert_eq!(offered.me.account.as_str(), "mallory");
    let refused = victim.open_offer(alices.message(), NOW, &mut rng);
    assert_eq!(refused, Err(LinkingError::WrongStep));
    let (_, reveal) = victim.message().unwrap();
    let (reveal, manager) = (reveal.to_vec(), &link.account.identity);
    let refused = alices.take_reveal(manager, &reveal, NOW, &mut rng);
    assert!(matches!(refused, Err(LinkingError::Session(_))));

    // Digits of any other link of Alice's do not fit Mallory's session.
    let digits = link.offer.digits().unwrap().clone();
    assert_eq!(
        victim.accept(&digits, NOW, &mut rng),
        Err(LinkingError::WrongDigits)
    );
    assert_eq!(victim.message(), None);
    link.accept(&digits.shown()).unwrap();
}

#[test]
fn row_17_digits_cannot_be_ground_before_the_reveal_and_no_offer_is_opened_after_it() {
    // Two devices with the same keys and the same code's secret, which were offered the same
    // session: only what they committed to differs.
    let mut link = Link::new(8);
    let stored = link.new.export();
    let digits = [[1; 16], [2; 16]].map(|opening| {
        let mut new = NewDevice::import(&stored).unwrap();
        new.replace_opening(opening);
        new.open_offer(link.offer.message(), NOW, &mut link.rng)
            .unwrap();
        new.first_digits().unwrap()
    });
    assert_ne!(
        digits[0], digits[1],
        "what was not revealed yet decides the digits"
    );

    // After the reveal, Mallory could search for an offer with the right digits.
    link.open_offer().unwrap();
    let mallory = Account::new("mallory", &mut link.rng);
    let late = mallory.offer(&link.new, &mut link.rng).unwrap();
    let refused = link.new.open_offer(late.message(), NOW, &mut link.rng);
    assert_eq!(refused, Err(LinkingError::WrongStep));
}

#[test]
fn row_18_exchanged_prekeys_are_not_those_of_the_code() {
    let mut rng = rng(9);
    let account = Account::new("alice", &mut rng);
    let new = NewDevice::generate(NOW, &mut rng).unwrap();
    let relays = NewDevice::generate(NOW, &mut rng).unwrap();
    let mut altered = new.bundle().to_vec();
    *altered.last_mut().unwrap() ^= 1;
    for bundle in [relays.bundle(), &altered, &[]] {
        let scanned = (&new.code(), bundle);
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
}

#[test]
fn row_19_replayed_messages_are_refused_and_change_nothing() {
    let mut link = Link::answered(10);
    let reveal_again = {
        let mut earlier = Link::new(10);
        earlier.open_offer().unwrap();
        earlier.message(LinkSlot::Reveal)
    };
    let answer = link.message(LinkSlot::Answer);
    let manager = &link.account.identity;

    let before = link.offer.export();
    let refused = link
        .offer
        .take_reveal(manager, &reveal_again, NOW, &mut link.rng);
    assert_eq!(refused.err(), Some(LinkingError::WrongStep));
    // In the slot of an answer, a reveal is no answer.
    let refused = link.offer.take_answer(manager, &reveal_again, NOW);
    assert_eq!(refused, Err(LinkingError::WrongSlot));
    assert_eq!(*link.offer.export(), *before);

    link.offer.take_answer(manager, &answer, NOW).unwrap();
    assert_eq!(
        link.offer.take_answer(manager, &answer, NOW),
        Err(LinkingError::Over)
    );

    // Into another link of the same manager.
    let mut other = Link::shown(11).0;
    let before = other.offer.export();
    let refused = other
        .offer
        .take_answer(&other.account.identity, &answer, NOW);
    assert!(matches!(refused, Err(LinkingError::Session(_))));
    assert_eq!(*other.offer.export(), *before);
}

#[test]
fn row_19_messages_to_another_new_device_are_refused() {
    let mut link = Link::new(12);
    let mut other = NewDevice::generate(NOW, &mut link.rng).unwrap();
    let before = other.export();
    let refused = other.open_offer(link.offer.message(), NOW, &mut link.rng);
    assert!(matches!(refused, Err(LinkingError::Session(_))));
    assert_eq!(*other.export(), *before);
}

#[test]
fn row_19_messages_after_ten_minutes_are_refused_and_change_nothing() {
    let late = after(LINK_LIFETIME_MS + 1);
    let mut link = Link::answered(13);
    let (before, answer) = (link.offer.export(), link.message(LinkSlot::Answer));
    let refused = link
        .offer
        .take_answer(&link.account.identity, &answer, late);
    assert_eq!(refused, Err(LinkingError::Expired));
    assert_eq!(*link.offer.export(), *before);
}

#[test]
fn every_altered_byte_of_a_message_is_refused_and_changes_nothing() {
    let mut link = Link::new(14);
    let offer = link.offer.message().to_vec();
    let before = link.new.export();
    for index in (0..offer.len()).step_by(offer.len() / 40) {
        let mut altered = offer.clone();
        altered[index] ^= 0x40;
        link.new
            .open_offer(&altered, NOW, &mut link.rng)
            .unwrap_err();
        assert_eq!(*link.new.export(), *before, "{index}");
    }
    link.open_offer().unwrap();

    let (reveal, manager) = (link.message(LinkSlot::Reveal), &link.account.identity);
    let before = link.offer.export();
    for index in 0..reveal.len() {
        let mut altered = reveal.clone();
        altered[index] ^= 0x40;
        let refused = link
            .offer
            .take_reveal(manager, &altered, NOW, &mut link.rng);
        assert!(
            refused.is_err() && *link.offer.export() == *before,
            "{index}"
        );
    }
    let digits = link.take_reveal().unwrap();
    link.accept(&digits.shown()).unwrap();

    let (answer, manager) = (link.message(LinkSlot::Answer), &link.account.identity);
    let before = link.offer.export();
    for index in 0..answer.len() {
        let mut altered = answer.clone();
        altered[index] ^= 0x40;
        let refused = link.offer.take_answer(manager, &altered, NOW);
        assert!(
            refused.is_err() && *link.offer.export() == *before,
            "{index}"
        );
    }
    link.take_answer().unwrap();
}
