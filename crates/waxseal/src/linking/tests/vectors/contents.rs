//! Makes `link.json`: the messages of a link, their contents, and the digits.

use waxseal_core::IdentityKeyPair;
use waxseal_reporting::Timestamp;
use waxseal_roster::{AccountKey, LinkBundle, LinkCode, proof_context};

use super::*;
use crate::linking::digits::LinkDigits;
use crate::linking::messages::{
    AnswerContent, LinkMessage, LinkSlot, MAX_LINK_MESSAGE_LEN, OfferContent, associated_data,
};
use crate::linking::{LINK_LIFETIME_MS, check_time, manager, new_device};

fn slot_of(input: Input<'_>) -> LinkSlot {
    match input.get("slot").number::<u8>() {
        1 => LinkSlot::Offer,
        2 => LinkSlot::Reveal,
        3 => LinkSlot::Answer,
        slot => panic!("no message in a session has slot {slot}"),
    }
}

fn bundle_of(input: Input<'_>) -> LinkBundle {
    LinkBundle::decode(&input.get("bundle").bytes()).unwrap()
}

pub(super) fn fetch_bundle(input: Input<'_>) -> Outcome {
    let code = LinkCode::decode(&input.get("code").bytes()).unwrap();
    let bundle = manager::fetched(&code, &input.get("bundle").bytes()).map_err(refused)?;
    Ok(json!({ "base": hex(bundle.base()), "one_time": hex(bundle.one_time()), "mailbox": hex(code.mailbox()) }))
}

pub(super) fn message_data(input: Input<'_>) -> Outcome {
    let data = associated_data(&input.get("secret").array(), slot_of(input), &input.get("nonce").array());
    Ok(json!({ "associated_data": hex(data) }))
}

pub(super) fn read_message(input: Input<'_>) -> Outcome {
    let bytes = input.get("message").bytes();
    let message = LinkMessage::decode(&bytes, slot_of(input)).map_err(refused)?;
    assert_eq!(LinkMessage::encode(slot_of(input), &message.nonce, message.ciphertext), bytes);
    Ok(json!({ "nonce": hex(message.nonce), "session_message": hex(message.ciphertext) }))
}

pub(super) fn read_offer(input: Input<'_>) -> Outcome {
    let bytes = input.get("content").bytes();
    let offer = OfferContent::decode(&bytes).map_err(refused)?;
    assert_eq!(offer.encode().unwrap(), bytes);
    Ok(json!({ "account": offer.account.as_str(), "number": offer.device, "roster": hex(&offer.roster) }))
}

pub(super) fn show_digits(input: Input<'_>) -> Outcome {
    let x = manager::revealed(&bundle_of(input), &input.get("content").bytes()).map_err(refused)?;
    let first = manager::first_digits(&input.get("session_digest").array(), &x).unwrap();
    let digits = LinkDigits::new(first, input.get("drawn").number()).unwrap();
    Ok(json!({ "digits": *digits.shown() }))
}

pub(super) fn check_typed(input: Input<'_>) -> Outcome {
    let typed = LinkDigits::parse(input.get("digits").text()).unwrap();
    let (digest, x) = (input.get("session_digest").array(), input.get("x").array());
    new_device::check_typed(&typed, &digest, &x).map_err(refused)?;
    Ok(json!({ "last": typed.last() }))
}

pub(super) fn judge_answer(input: Input<'_>) -> Outcome {
    let shown = LinkDigits::parse(input.get("digits").text()).unwrap();
    let account_key = AccountKey::from_bytes(&input.get("account_key").array()).unwrap();
    let account = (input.get("account").text(), &account_key);
    let device = (input.get("number").number(), input.get("identity").array());
    let content = input.get("content").bytes();
    let entry = manager::answered(&content, &shown, account, device).map_err(refused)?;
    Ok(json!({ "proof": hex(entry.proof) }))
}

pub(super) fn in_time(input: Input<'_>) -> Outcome {
    let now = Timestamp::from_millis(input.get("now_ms").number());
    check_time(input.get("began_ms").number(), now).map_err(refused)?;
    Ok(json!({}))
}

#[test]
fn contents() {
    let mut file = Vectors::new(
        CRATE,
        "link.json",
        "Messages of a link, their contents, and the digits. SPEC.md, “Linking”.",
        "secret of the code 16 x 5e; x 16 x 0c; nonces 16 x 4e; session digest 32 x d1; base 48 x ba, one-time 32 x 07; rosters and identities from a seeded generator",
    );
    bundles(&mut file);
    messages(&mut file);
    offers(&mut file);
    digits(&mut file);
    answers(&mut file);
    times(&mut file);
    file.finish();
}

fn made_bundle() -> Vec<u8> {
    LinkBundle::new(vec![0xba; 48], vec![7; 32], &[0x0c; 16]).unwrap().encode()
}

fn bundles(file: &mut Vectors) {
    let bundle = made_bundle();
    let code = LinkCode::new(&bundle, &[0x5e; 16]);
    let good = json!({ "code": hex(&*code.encode()), "bundle": hex(&bundle) });
    file.passes("bundle", "the bundle of a scanned code", "fetch_bundle", good.clone());
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "fetch_bundle", input, 348);
    };
    let other = |base: u8, one_time: usize, x: u8| {
        let bundle = LinkBundle::new(vec![base; 48], vec![7; one_time], &[x; 16]).unwrap();
        with(&good, "bundle", hex(bundle.encode()))
    };
    fails("bundle-base", "other prekeys", other(0xbb, 32, 0x0c));
    fails("bundle-no-one-time", "the one-time prekeys are left out", other(0xba, 0, 0x0c));
    fails("bundle-commitment", "a commitment to another x", other(0xba, 32, 0x0d));
    fails("bundle-first-bit", "one bit of the version", flipped(&good, "bundle", 0, 1));
    fails("bundle-last-bit", "one bit of the commitment", flipped(&good, "bundle", -1, 1));
    fails("bundle-extended", "a byte after the bundle", changed(&good, "bundle", |b| b.push(0)));
    fails("bundle-cut", "the last byte is missing", changed(&good, "bundle", |b| { b.pop(); }));
    fails("bundle-empty", "no bytes at all", with(&good, "bundle", ""));
    fails("bundle-code-digest", "one bit of the digest in the code", flipped(&good, "code", 1, 1));
}

fn messages(file: &mut Vectors) {
    for slot in 1..=3 {
        let input = json!({ "secret": hex([0x5e; 16]), "slot": slot, "nonce": hex([0x4e; 16]) });
        file.passes(&format!("data-{slot}"), "the associated data in this slot", "message_data", input);
    }
    let message = |slot: LinkSlot| LinkMessage::encode(slot, &[0x4e; 16], b"sealed");
    for (id, slot) in [("offer", LinkSlot::Offer), ("reveal", LinkSlot::Reveal), ("answer", LinkSlot::Answer)] {
        let input = json!({ "slot": slot.number(), "message": hex(message(slot)) });
        file.passes(&format!("message-{id}"), "a message in its slot", "read_message", input);
    }
    let good = json!({ "slot": 2, "message": hex(message(LinkSlot::Reveal)) });
    let of_len = |len: usize| changed(&good, "message", |m| m.resize(len, 0xc7));
    file.passes("message-longest", "8,192 bytes, the most", "read_message", of_len(MAX_LINK_MESSAGE_LEN));
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "read_message", input, 349);
    };
    let version = |version: u8| changed(&good, "message", |m| m[0] = version);
    let slot = |slot: u8| changed(&good, "message", |m| m[1] = slot);
    fails("message-too-long", "8,193 bytes, one past the most", of_len(MAX_LINK_MESSAGE_LEN + 1));
    fails("message-empty", "no bytes at all", of_len(0));
    fails("message-version-only", "a version and no more bytes", of_len(1));
    fails("message-cut-in-nonce", "cut within the nonce", of_len(17));
    fails("message-version-0", "version 00", version(0));
    fails("message-version-2", "version 02", version(2));
    fails("message-slot-0", "the slot of the bundle", slot(0));
    fails("message-slot-1", "the manager's offer, sent back", slot(1));
    fails("message-slot-3", "an answer in place of the reveal", slot(3));
    fails("message-slot-4", "the slot of the welcome", slot(4));
    fails("message-slot-130", "the slot with its highest bit set", slot(0x82));
}

fn offers(file: &mut Vectors) {
    let content = |name: &[u8], roster: usize| {
        let len = u16::try_from(roster).unwrap().to_be_bytes();
        let name = [&[u8::try_from(name.len()).unwrap()], name].concat();
        json!({ "content": hex([&name[..], &[1, 2, 3, 4], &len, &vec![0xc7; roster]].concat()) })
    };
    let good = content(b"alice", 3);
    file.passes("offer", "an account, a number, and a roster that is not verified yet", "read_offer", good.clone());
    file.passes("offer-longest", "a name of 128 bytes and a roster of 4,096, the most", "read_offer", content(&[b'a'; 128], 4_096));
    file.passes("offer-shortest", "a name of one byte and no roster", "read_offer", content(b"a", 0));
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "read_offer", input, 349);
    };
    let change = |change: fn(&mut Vec<u8>)| changed(&good, "content", change);
    fails("offer-empty", "no bytes at all", change(Vec::clear));
    fails("offer-no-name", "a name of no bytes", content(b"", 3));
    fails("offer-name-129", "a name of 129 bytes, one past the most", content(&[b'a'; 129], 3));
    fails("offer-name-control", "a name with a control character", content(b"ali\x7fce", 3));
    fails("offer-name-not-utf-8", "a name that is not UTF-8", content(b"ali\xffce", 3));
    fails("offer-name-longer", "a length of the name that takes a byte of the number", change(|c| c[0] = 6));
    fails("offer-cut-in-number", "cut within the number", change(|c| c.truncate(9)));
    fails("offer-cut-in-length", "cut within the length of the roster", change(|c| c.truncate(11)));
    fails("offer-cut", "the last byte is missing", change(|c| { c.pop(); }));
    fails("offer-extended", "a byte after the roster", change(|c| c.push(0)));
    fails("offer-roster-4097", "a roster of 4,097 bytes, one past the most", content(b"alice", 4_097));
}

fn digits(file: &mut Vectors) {
    let good = json!({ "bundle": hex(made_bundle()), "content": hex([0x0c; 16]), "session_digest": hex([0xd1; 32]), "drawn": 7 });
    let shown = file.passes("digits", "the manager opens the commitment and shows the digits", "show_digits", good.clone());
    file.passes("digits-drawn-0", "the lowest number drawn", "show_digits", with(&good, "drawn", 0));
    file.passes("digits-drawn-9999", "the highest number drawn", "show_digits", with(&good, "drawn", 9_999));
    file.passes("digits-other-session", "the digest of another session", "show_digits", flipped(&good, "session_digest", 31, 1));
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "show_digits", input, check);
    };
    fails("reveal-empty", "no bytes at all", with(&good, "content", ""), 349);
    fails("reveal-15", "x without its last byte", changed(&good, "content", |c| { c.pop(); }), 349);
    fails("reveal-17", "a byte after x", changed(&good, "content", |c| c.push(0)), 349);
    fails("reveal-first-bit", "one bit of x", flipped(&good, "content", 0, 1), 352);
    fails("reveal-last-bit", "another bit of x", flipped(&good, "content", 15, 0x80), 352);
    fails("reveal-zeros", "zeros in place of x", with(&good, "content", hex([0; 16])), 352);
    fails("reveal-other-commitment", "one bit of the commitment", flipped(&good, "bundle", -1, 1), 352);

    let digits = shown["digits"].as_str().unwrap();
    let typed = json!({ "digits": digits, "session_digest": hex([0xd1; 32]), "x": hex([0x0c; 16]) });
    file.passes("typed", "the user typed what the manager shows", "check_typed", typed.clone());
    let other_last = format!("{} 9999", &digits[..4]);
    file.passes("typed-other-last", "other last digits, which the new device does not know", "check_typed", with(&typed, "digits", other_last));
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "check_typed", input, 353);
    };
    let first: u16 = digits[..4].parse().unwrap();
    let with_first = |first: u16| with(&typed, "digits", format!("{:04} 0007", first % 10_000));
    fails("typed-one-more", "first digits that are one too high", with_first(first + 1));
    fails("typed-one-less", "first digits that are one too low", with_first(first + 9_999));
    fails("typed-halves-swapped", "the two halves in the other order", with(&typed, "digits", format!("0007 {first:04}")));
    fails("typed-other-session", "the digits of another session", flipped(&typed, "session_digest", 0, 1));
    fails("typed-other-x", "the digits of another x", flipped(&typed, "x", 0, 1));
}

fn answers(file: &mut Vectors) {
    let mut rng = rng(31);
    let (account, other) = (Account::new("alice", &mut rng), Account::new("alice", &mut rng));
    let new = IdentityKeyPair::generate(&mut rng);
    let (key, other_key) = (*account.roster.account_key(), *other.roster.account_key());
    let content = |last: u16, name: &str, key: &AccountKey, number: u32| {
        let proof = new.prove_device(&proof_context(name, key, number));
        hex(&*AnswerContent { last, proof }.encode())
    };
    let good = json!({
        "content": content(7, "alice", &key, 2), "digits": "0042 0007", "account": "alice",
        "account_key": hex(key.to_bytes()), "number": 2, "identity": hex(new.public().to_bytes()),
    });
    file.passes("answer", "the digits that the manager showed, and the device's consent", "judge_answer", good.clone());
    let highest = with(&with(&good, "content", content(9_999, "alice", &key, 2)), "digits", "0042 9999");
    file.passes("answer-highest", "the highest digits", "judge_answer", highest);
    let lowest = with(&with(&good, "content", content(0, "alice", &key, 2)), "digits", "0042 0000");
    file.passes("answer-lowest", "the lowest digits", "judge_answer", lowest);
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "judge_answer", input, check);
    };
    let of = |content: String| with(&good, "content", content);
    fails("answer-empty", "no bytes at all", with(&good, "content", ""), 349);
    fails("answer-cut", "the last byte is missing", changed(&good, "content", |c| { c.pop(); }), 349);
    fails("answer-extended", "a byte after the proof", changed(&good, "content", |c| c.push(0)), 349);
    fails("answer-10000", "a number of five digits", of(content(10_000, "alice", &key, 2)), 349);
    fails("answer-one-more", "digits that are one too high", of(content(8, "alice", &key, 2)), 354);
    fails("answer-one-less", "digits that are one too low", of(content(6, "alice", &key, 2)), 354);
    fails("answer-first-digits", "the first digits in place of the last", of(content(42, "alice", &key, 2)), 354);
    fails("answer-little-endian", "the digits with their bytes in the other order", of(content(0x0700, "alice", &key, 2)), 354);
    fails("answer-other-account", "consent to be in another account", of(content(7, "mallory", &key, 2)), 355);
    fails("answer-other-key", "consent under another account key", of(content(7, "alice", &other_key, 2)), 355);
    fails("answer-other-number", "consent to another number", of(content(7, "alice", &key, 3)), 355);
    fails("answer-other-device", "the consent of another device", with(&good, "identity", hex(account.identity.public().to_bytes())), 355);
    fails("answer-proof-bit", "one bit of the proof", flipped(&good, "content", -1, 1), 355);
}

fn times(file: &mut Vectors) {
    let began = NOW.as_millis();
    let at = |now: u64| json!({ "began_ms": began, "now_ms": now });
    file.passes("time-same", "the millisecond in which the link began", "in_time", at(began));
    file.passes("time-last", "ten minutes later, the most", "in_time", at(began + LINK_LIFETIME_MS));
    file.passes("time-before", "a clock that was set back by ten minutes, the most", "in_time", at(began - LINK_LIFETIME_MS));
    for (id, comment, now) in [
        ("time-late", "a millisecond more than ten minutes later", began + LINK_LIFETIME_MS + 1),
        ("time-set-back", "a clock that was set back by a millisecond more than ten minutes", began - LINK_LIFETIME_MS - 1),
        ("time-zero", "a clock at the start of 1970", 0),
        ("time-end", "the last millisecond that there is", u64::MAX),
    ] {
        file.fails(id, comment, "in_time", at(now), 356);
    }
}
