//! A link goes on after either side was stored and read again.

use super::support::{Link, NOW};
use crate::linking::{LinkingError, NewDevice, Offer};

impl Link {
    fn crash(&mut self) {
        let (new, offer) = (self.new.export(), self.offer.export());
        self.new = NewDevice::import(&new).unwrap();
        self.offer = Offer::import(&offer).unwrap();
        assert_eq!(*self.new.export(), *new);
        assert_eq!(*self.offer.export(), *offer);
    }
}

#[test]
fn a_link_survives_a_crash_after_each_step() {
    let mut link = Link::new(1);
    let code = link.new.code().to_text();
    link.crash();
    assert_eq!(link.new.code().to_text(), code);
    link.open_offer().unwrap();
    link.crash();
    let digits = link.take_reveal().unwrap();
    link.crash();
    assert_eq!(*link.offer.digits().unwrap().shown(), *digits.shown());
    link.accept(&digits.shown()).unwrap();
    link.crash();
    let entry = link.take_answer().unwrap();
    link.crash();
    assert!(!link.offer.waits(NOW));
    let signed = link.account.add(entry);
    link.new.take_welcome(&signed.encode()).unwrap();
    link.crash();
    assert!(link.new.is_welcome());
}

#[test]
fn a_link_that_is_over_stays_over() {
    let (mut link, digits) = Link::shown(2);
    let (first, last) = digits.split_at(4);
    let first = (first.parse::<u16>().unwrap() + 1) % 10_000;
    link.accept(&format!("{first:04}{last}")).unwrap_err();
    link.crash();
    assert_eq!(link.accept(&digits), Err(LinkingError::Over));
}

#[test]
fn damaged_exports_are_not_read() {
    let (link, _) = Link::shown(3);
    let (new, offer) = (link.new.export(), link.offer.export());
    for len in 0..offer.len() {
        let _ = Offer::import(&offer[..len]); // must not panic
        let _ = NewDevice::import(&new[..len.min(new.len())]);
    }
    for bytes in [&offer[..1], &[], &[2, 0], &new] {
        assert!(Offer::import(bytes).is_none());
    }
    for bytes in [&new[..1], &[], &[2, 0], &offer] {
        assert!(NewDevice::import(bytes).is_none());
    }
}
