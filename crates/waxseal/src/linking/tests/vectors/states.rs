//! Makes `link_states.json`: the steps of a link from stored states, with the sessions.

use waxseal_core::IdentityKeyPair;
use waxseal_reporting::Timestamp;

use super::*;
use crate::linking::{LINK_LIFETIME_MS, LinkDigits, LinkSlot, NewDevice, Offer};

fn now_of(input: Input<'_>) -> Timestamp {
    Timestamp::from_millis(input.get("now_ms").number())
}

fn new_device_of(input: Input<'_>) -> NewDevice {
    let bytes = input.get("new_device").bytes();
    let new = NewDevice::import(&bytes).unwrap();
    assert_eq!(*new.export(), bytes);
    new
}

fn manager_of(input: Input<'_>) -> (Offer, IdentityKeyPair) {
    let bytes = input.get("offer").bytes();
    let offer = Offer::import(&bytes).unwrap();
    assert_eq!(*offer.export(), bytes);
    (offer, IdentityKeyPair::import(&input.get("identity").bytes()).unwrap())
}

pub(super) fn open_offer(input: Input<'_>) -> Outcome {
    let mut new = new_device_of(input);
    let before = new.export();
    let opened = new.open_offer(&input.get("message").bytes(), now_of(input), &mut rng(0));
    if opened.is_err() {
        assert_eq!(*new.export(), *before);
    }
    let offered = opened.map_err(refused)?;
    assert_eq!(new.message().unwrap().0, LinkSlot::Reveal);
    Ok(json!({
        "account": offered.me.account.as_str(), "number": offered.me.device.0,
        "account_key": hex(offered.account_key.to_bytes()), "first": new.first_digits().unwrap(),
    }))
}

pub(super) fn take_reveal(input: Input<'_>) -> Outcome {
    let (mut offer, identity) = manager_of(input);
    let message = input.get("message").bytes();
    let digits = offer.take_reveal(&identity, &message, now_of(input), &mut rng(0)).map_err(refused)?;
    Ok(json!({ "first": digits.first() }))
}

pub(super) fn accept(input: Input<'_>) -> Outcome {
    let mut new = new_device_of(input);
    let typed = LinkDigits::parse(input.get("digits").text()).unwrap();
    new.accept(&typed, now_of(input), &mut rng(0)).map_err(refused)?;
    assert_eq!(new.message().unwrap().0, LinkSlot::Answer);
    Ok(json!({}))
}

pub(super) fn take_answer(input: Input<'_>) -> Outcome {
    let (mut offer, identity) = manager_of(input);
    let message = input.get("message").bytes();
    let entry = offer.take_answer(&identity, &message, now_of(input)).map_err(refused)?;
    Ok(json!({ "number": entry.id, "identity": hex(entry.identity), "proof": hex(entry.proof) }))
}

pub(super) fn take_welcome(input: Input<'_>) -> Outcome {
    let mut new = new_device_of(input);
    new.take_welcome(&input.get("roster").bytes()).map_err(refused)?;
    assert!(new.is_welcome());
    Ok(json!({}))
}

#[test]
fn states() {
    let mut file = Vectors::new(
        CRATE,
        "link_states.json",
        "The steps of a link from stored states, with the sessions. SPEC.md, “Linking”.",
        "a link between two devices whose random bytes are from a seeded generator",
    );
    let late = after(LINK_LIFETIME_MS + 1).as_millis();
    let mut link = Link::new(34);
    let offer = json!({ "new_device": hex(&*link.new.export()), "message": hex(link.offer.message()), "now_ms": NOW.as_millis() });
    file.passes("state-offer", "the new device opens the offer", "open_offer", offer.clone());
    link.open_offer().unwrap();
    let opened = hex(&*link.new.export());
    file.fails("state-offer-again", "the same offer again", "open_offer", with(&offer, "new_device", opened.clone()), 350);
    file.fails("state-offer-late", "ten minutes and a millisecond later", "open_offer", with(&offer, "now_ms", late), 356);
    file.fails("state-offer-slot", "an offer with the slot of a reveal", "open_offer", changed(&offer, "message", |m| m[1] = 2), 349);

    let identity = hex(&*link.account.identity.export());
    let reveal = json!({ "offer": hex(&*link.offer.export()), "identity": identity, "message": hex(link.message(LinkSlot::Reveal)), "now_ms": NOW.as_millis() });
    file.passes("state-reveal", "the manager opens the reveal", "take_reveal", reveal.clone());
    file.fails("state-reveal-late", "ten minutes and a millisecond later", "take_reveal", with(&reveal, "now_ms", late), 356);
    let mut dishonest = Link::new(34);
    dishonest.new.replace_opening([0; 16]);
    dishonest.open_offer().unwrap();
    file.fails("state-reveal-other", "the new device reveals another x", "take_reveal", with(&reveal, "message", hex(dishonest.message(LinkSlot::Reveal))), 352);

    let digits = link.take_reveal().unwrap().shown().to_string();
    let typed = json!({ "new_device": opened, "digits": digits, "now_ms": NOW.as_millis() });
    file.passes("state-typed", "the user typed the digits", "accept", typed.clone());
    let first: u16 = digits[..4].parse().unwrap();
    let wrong = format!("{:04}{}", (first + 1) % 10_000, &digits[4..]);
    file.fails("state-typed-wrong", "first digits that are one too high", "accept", with(&typed, "digits", wrong), 353);
    file.fails("state-typed-late", "ten minutes and a millisecond later", "accept", with(&typed, "now_ms", late), 356);

    let shown = hex(&*link.offer.export());
    let before = NewDevice::import(&link.new.export()).unwrap();
    link.accept(&digits).unwrap();
    let answer = with(&with(&reveal, "offer", shown), "message", hex(link.message(LinkSlot::Answer)));
    file.passes("state-answer", "the manager takes the answer", "take_answer", answer.clone());
    file.fails("state-answer-late", "ten minutes and a millisecond later", "take_answer", with(&answer, "now_ms", late), 356);
    let honest = std::mem::replace(&mut link.new, before);
    let last: u16 = digits[5..].parse().unwrap();
    link.accept(&format!("{}{:04}", &digits[..4], (last + 1) % 10_000)).unwrap();
    file.fails("state-answer-wrong", "last digits that are one too high", "take_answer", with(&answer, "message", hex(link.message(LinkSlot::Answer))), 354);

    link.new = honest;
    let entry = link.take_answer().unwrap();
    let welcome = json!({ "new_device": hex(&*link.new.export()), "roster": hex(link.account.add(entry).encode()) });
    file.passes("state-welcome", "the signed roster that lists the new device", "take_welcome", welcome.clone());
    file.fails("state-welcome-same", "the roster that was offered", "take_welcome", with(&welcome, "roster", hex(link.account.roster.signed().encode())), 358);
    file.finish();
}
