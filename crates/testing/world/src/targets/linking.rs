//! Gives both sides of a link messages that the relay altered, and messages of a dishonest device.
//!
//! Asserts that a refused message leaves either side as it was or ends the link, and that nothing
//! but the genuine messages, the typed digits included, links a device.

use std::sync::LazyLock;

use rand_core::Rng;
use waxseal::core::{IdentityKeyPair, PreKeyBundle, PreKeys, ReplayMemory, SessionSet};
use waxseal::linking::{LinkBundle, LinkCode, LinkDigits, LinkingError, NewDevice, Offer};
use waxseal_roster::{AccountKeyPair, DeviceEntry, Roster, RosterDraft, proof_context};

use super::edit::edit;
use crate::{NOW, rng};

const LABEL: &[u8] = b"waxseal/1/link/message";

/// A manager, a device that it links, and what both put into the mailbox.
struct Prepared {
    manager: IdentityKeyPair,
    roster: Roster,
    code: LinkCode,
    bundle: Vec<u8>,
    /// The new device after each of its steps: waiting, offered, answered.
    new: [Vec<u8>; 3],
    /// The manager's offer after each step: offered, shown.
    offers: [Vec<u8>; 2],
    offer: Vec<u8>,
    reveal: Vec<u8>,
    answer: Vec<u8>,
    digits: String,
    entry: DeviceEntry,
    welcome: Vec<u8>,
}

static PREPARED: LazyLock<Prepared> = LazyLock::new(|| {
    let rng = &mut rng(1);
    let manager = IdentityKeyPair::generate(rng);
    let roster = roster_of("alice", &manager, rng);
    let mut new = NewDevice::generate(NOW, rng).unwrap();
    let (code, bundle) = (new.code(), new.bundle().to_vec());
    let waiting = new.export().to_vec();
    let mut offer = Offer::make(&manager, &roster, 2, (&code, &bundle), NOW, rng).unwrap();
    let offered = offer.export().to_vec();
    new.open_offer(offer.message(), NOW, rng).unwrap();
    let (opened, reveal) = (new.export().to_vec(), new.message().unwrap().1.to_vec());
    let digits = offer.take_reveal(&manager, &reveal, NOW, rng).unwrap();
    let shown = offer.export().to_vec();
    new.accept(&digits, NOW, rng).unwrap();
    let (answered, answer) = (new.export().to_vec(), new.message().unwrap().1.to_vec());
    let entry = offer.take_answer(&manager, &answer, NOW).unwrap();
    let mut draft = roster.next(NOW.as_millis(), 1).unwrap();
    draft.add(entry.clone()).unwrap();
    let signature = manager.sign_roster(&draft.to_sign());
    let welcome = draft.sign(signature).encode();
    Prepared {
        offer: offer.message().to_vec(),
        manager,
        roster,
        code,
        bundle,
        new: [waiting, opened, answered],
        offers: [offered, shown],
        reveal,
        answer,
        digits: digits.shown().to_string(),
        entry,
        welcome,
    }
});

fn roster_of(
    account: &str,
    manager: &IdentityKeyPair,
    rng: &mut impl rand_core::CryptoRng,
) -> Roster {
    let key = AccountKeyPair::generate(rng);
    let identity = manager.public().to_bytes();
    let delegation = key.delegate(account, 1, &[identity]).unwrap();
    let proof = manager.prove_device(&proof_context(account, &key.public(), 1));
    let entry = DeviceEntry::new(1, identity, proof);
    let draft = RosterDraft::first(account, delegation, entry, NOW.as_millis()).unwrap();
    let signature = manager.sign_roster(&draft.to_sign());
    draft.sign(signature).verify(account).unwrap()
}

/// Runs the target on an input. The first byte chooses who gets what, the others are edits of a
/// genuine message, or the content of a dishonest one.
pub fn linking(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else {
        return;
    };
    match choice % 11 {
        0 => offer(rest),
        1 => reveal(rest),
        2 => answer(rest),
        3 => welcome(rest),
        4 => bundle(rest),
        5 => typed(rest),
        6 => exports(rest),
        7 => dishonest_offer(rest),
        8 => dishonest_device(rest, 2),
        9 => dishonest_device(rest, 3),
        _ => code(rest),
    }
}

fn new(step: usize) -> NewDevice {
    NewDevice::import(&PREPARED.new[step]).unwrap()
}

fn manager(step: usize) -> Offer {
    Offer::import(&PREPARED.offers[step]).unwrap()
}

fn offer(edits: &[u8]) {
    let message = edit(&PREPARED.offer, edits);
    for step in 0..3 {
        let mut new = new(step);
        let opened = new.open_offer(&message, NOW, &mut rng(2));
        assert_eq!(opened.is_ok(), step == 0 && message == PREPARED.offer);
        assert!(opened.is_ok() || *new.export() == PREPARED.new[step]);
    }
}

fn reveal(edits: &[u8]) {
    let message = edit(&PREPARED.reveal, edits);
    for step in 0..2 {
        let mut offer = manager(step);
        let taken = offer.take_reveal(&PREPARED.manager, &message, NOW, &mut rng(2));
        assert_eq!(taken.is_ok(), step == 0 && message == PREPARED.reveal);
        assert!(taken.is_ok() || *offer.export() == PREPARED.offers[step]);
    }
}

fn answer(edits: &[u8]) {
    let message = edit(&PREPARED.answer, edits);
    for step in 0..2 {
        let mut offer = manager(step);
        match offer.take_answer(&PREPARED.manager, &message, NOW) {
            Ok(entry) => {
                assert!(step == 1 && message == PREPARED.answer && entry == PREPARED.entry);
            }
            Err(_) => assert_eq!(*offer.export(), PREPARED.offers[step]),
        }
    }
}

fn welcome(edits: &[u8]) {
    let message = edit(&PREPARED.welcome, edits);
    for step in 0..3 {
        let mut new = new(step);
        let taken = new.take_welcome(&message);
        assert_eq!(taken.is_ok(), step == 2 && message == PREPARED.welcome);
        assert!(taken.is_ok() || *new.export() == PREPARED.new[step]);
    }
}

fn bundle(edits: &[u8]) {
    let bundle = edit(&PREPARED.bundle, edits);
    let prepared = &*PREPARED;
    let make = |code: &LinkCode| {
        let (manager, roster) = (&prepared.manager, &prepared.roster);
        Offer::make(manager, roster, 2, (code, &bundle), NOW, &mut rng(2))
    };
    match make(&prepared.code) {
        Ok(_) => assert_eq!(bundle, prepared.bundle),
        Err(error) => assert_eq!(error, LinkingError::OtherBundle),
    }
    // A dishonest device's code commits to whatever its bundle is.
    let _ = make(&LinkCode::new(&bundle, &[7; 16]));
    if let Ok(decoded) = LinkBundle::decode(&bundle) {
        assert_eq!(decoded.encode(), bundle, "the bundle has a second encoding");
    }
}

fn typed(bytes: &[u8]) {
    let Some(digits) = str::from_utf8(bytes).ok().and_then(LinkDigits::parse) else {
        return;
    };
    let is_right = *digits.shown() == PREPARED.digits;
    let mut new = new(1);
    if new.accept(&digits, NOW, &mut rng(2)).is_err() {
        assert!(digits.shown()[..4] != PREPARED.digits[..4]);
        assert!(new.message().is_none(), "the link is over");
        return;
    }
    let answer = new.message().unwrap().1.to_vec();
    let mut offer = manager(1);
    let taken = offer.take_answer(&PREPARED.manager, &answer, NOW);
    assert_eq!(taken.is_ok(), is_right);
    assert!(!offer.waits(NOW), "there is one attempt");
}

fn exports(edits: &[u8]) {
    for export in &PREPARED.new {
        if let Some(mut new) = NewDevice::import(&edit(export, edits)) {
            let rng = &mut rng(2);
            let _ = (new.code(), new.offered(), new.export());
            let _ = new.open_offer(&PREPARED.offer, NOW, rng);
            let _ = new.accept(&LinkDigits::parse(&PREPARED.digits).unwrap(), NOW, rng);
            let _ = new.take_welcome(&PREPARED.welcome);
        }
    }
    for export in &PREPARED.offers {
        if let Some(mut offer) = Offer::import(&edit(export, edits)) {
            let _ = (offer.digits().is_some(), offer.export());
            let _ = offer.take_reveal(&PREPARED.manager, &PREPARED.reveal, NOW, &mut rng(2));
            let _ = offer.take_answer(&PREPARED.manager, &PREPARED.answer, NOW);
        }
    }
}

/// Seals a content as a dishonest device does, which has the session's keys.
fn seal(sessions: &mut SessionSet, secret: &[u8; 16], slot: u8, content: &[u8]) -> Vec<u8> {
    let rng = &mut rng(3);
    let mut nonce = [0; 16];
    rng.fill_bytes(&mut nonce);
    let ad = [LABEL, secret, &[slot], &nonce].concat();
    let sealed = sessions.encrypt(content, &ad, rng).unwrap();
    [&[1, slot][..], &nonce, &sealed].concat()
}

/// A manager that offers any content.
fn dishonest_offer(content: &[u8]) {
    let prepared = &*PREPARED;
    let bundle = LinkBundle::decode(&prepared.bundle).unwrap();
    let prekeys = PreKeyBundle::decode(bundle.base(), Some(bundle.one_time())).unwrap();
    let mut sessions = SessionSet::initiate(&prepared.manager, prekeys, &mut rng(2)).unwrap();
    let message = seal(&mut sessions, prepared.code.secret(), 1, content);
    let mut new = new(0);
    match new.open_offer(&message, NOW, &mut rng(2)) {
        Ok(offered) => {
            assert_eq!(&offered.account_key, prepared.roster.account_key());
            assert!(offered.me.device.0 > 1);
        }
        Err(_) => assert_eq!(*new.export(), prepared.new[0]),
    }
}

/// A new device that reveals or answers any content.
fn dishonest_device(content: &[u8], slot: u8) {
    let rng = &mut rng(4);
    let identity = IdentityKeyPair::generate(rng);
    let mut prekeys = PreKeys::generate(&identity, rng);
    let opening = [5; 16];
    let base = prekeys.upload(&identity).unwrap().base;
    let bundle = LinkBundle::new(base, Vec::new(), &opening)
        .unwrap()
        .encode();
    let (prepared, code) = (&*PREPARED, LinkCode::new(&bundle, &[6; 16]));
    let (manager, roster) = (&prepared.manager, &prepared.roster);
    let mut offer = Offer::make(manager, roster, 2, (&code, &bundle), NOW, rng).unwrap();
    let (nonce, sealed) = offer.message()[2..].split_first_chunk::<16>().unwrap();
    let ad = [LABEL, code.secret(), &[1], nonce].concat();
    let memory = &mut ReplayMemory::new();
    let accepted = SessionSet::accept(&identity, &mut prekeys, memory, sealed, &ad);
    let (mut sessions, _) = accepted.unwrap();
    if slot == 2 {
        let message = seal(&mut sessions, code.secret(), 2, content);
        let taken = offer.take_reveal(manager, &message, NOW, rng);
        assert_eq!(taken.is_ok(), content == opening);
        assert_eq!(
            taken.is_ok(),
            offer.waits(NOW),
            "a dishonest reveal ends the link"
        );
        return;
    }
    let reveal = seal(&mut sessions, code.secret(), 2, &opening);
    let digits = offer.take_reveal(manager, &reveal, NOW, rng).unwrap();
    let message = seal(&mut sessions, code.secret(), 3, content);
    if offer.take_answer(manager, &message, NOW).is_ok() {
        let last = u16::from_be_bytes([content[0], content[1]]);
        assert!(
            digits.shown().ends_with(&format!(" {last:04}")),
            "wrong digits link a device"
        );
    }
    assert!(!offer.waits(NOW), "there is one attempt");
}

fn code(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes)
        && let Ok(code) = LinkCode::from_text(text)
    {
        let again = LinkCode::from_text(&code.to_text()).unwrap();
        assert_eq!(again.secret(), code.secret());
    }
    if let Ok(code) = LinkCode::decode(bytes) {
        assert_eq!(&code.encode()[..], bytes, "the code has a second encoding");
    }
}

/// Inputs for each kind: a genuine message, or a content that comes close to one.
pub(crate) fn linking_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let prepared = &*PREPARED;
    let flip = [0, 0, 40, 3, 0];
    let account = [&[5_u8][..], b"alice"].concat();
    let roster = prepared.roster.signed().encode();
    let len = u16::try_from(roster.len()).unwrap().to_be_bytes();
    let offered = [&account[..], &2_u32.to_be_bytes(), &len, &roster].concat();
    let seed = |kind: u8, rest: &[u8]| [&[kind][..], rest].concat();
    vec![
        ("offer", seed(0, &[])),
        ("offer-altered", seed(0, &flip)),
        ("reveal", seed(1, &[])),
        ("reveal-altered", seed(1, &flip)),
        ("answer", seed(2, &[])),
        ("answer-altered", seed(2, &flip)),
        ("welcome", seed(3, &[])),
        ("welcome-altered", seed(3, &flip)),
        ("bundle", seed(4, &[])),
        ("bundle-altered", seed(4, &flip)),
        ("digits", seed(5, prepared.digits.as_bytes())),
        ("digits-wrong", seed(5, b"1234-5678")),
        ("export", seed(6, &[])),
        ("export-altered", seed(6, &flip)),
        ("content-of-an-offer", seed(7, &offered)),
        ("content-of-a-reveal", seed(8, &[5; 16])),
        (
            "content-of-an-answer",
            seed(9, &[&[0, 7][..], &[1; 64]].concat()),
        ),
        ("code", seed(10, &prepared.code.encode())),
        ("code-as-text", seed(10, prepared.code.to_text().as_bytes())),
    ]
}
