//! Makes the vectors of `delivery.json` for posted envelopes, the relay's queue and answers.

use super::delivery::{DELIVERY_KEY, broken, deliver, stamped, tag};
use super::*;
use crate::wire;

pub(super) fn post(input: Input<'_>) -> Outcome {
    let envelope = Envelope::new(tag_of(input), input.get("ciphertext").bytes());
    let (sender, audience) = (sender_of(input.get("sender")), audience_of(input.get("audience")));
    let now = Timestamp::from_millis(input.get("posted_ms").number());
    let posted = envelope.post(&key(input), &sender, &audience, now);
    let decoded: wire::PostedEnvelope = wire::decode(&posted, MAX_POSTED_LEN).map_err(refused)?;
    Ok(json!({ "device_mac": hex(decoded.device_mac), "posted": hex(posted) }))
}

pub(super) fn accept_posted(input: Input<'_>) -> Outcome {
    let posted = PostedEnvelope::decode(&input.get("posted").bytes()).map_err(refused)?;
    let (sender, audience) = (sender_of(input.get("sender")), audience_of(input.get("audience")));
    let now = Timestamp::from_millis(input.get("now_ms").number());
    let accepted = posted.authenticate(&key(input), &sender, &audience, now).map_err(refused)?;
    Ok(json!({
        "franking_tag": hex(accepted.tag().as_bytes()), "ciphertext": hex(accepted.ciphertext()),
    }))
}

pub(super) fn import_stamped(input: Input<'_>) -> Outcome {
    let bytes = input.get("stamped").bytes();
    let stamped = StampedEnvelope::decode(&bytes).map_err(refused)?;
    assert_eq!(stamped.encode(), bytes);
    let mut claim = claim_json(stamped.claim());
    claim["ciphertext"] = hex(stamped.ciphertext()).into();
    Ok(claim)
}

pub(super) fn import_claim(input: Input<'_>) -> Outcome {
    let bytes = input.get("claim").bytes();
    let claim = Claim::decode(&bytes).map_err(refused)?;
    assert_eq!(claim.encode(), bytes);
    Ok(claim_json(&claim))
}

fn claim_json(claim: &Claim) -> Value {
    json!({
        "franking_tag": hex(claim.tag.as_bytes()), "context": hex(claim.context.encode()),
        "stamp": hex(claim.stamp.as_bytes()),
    })
}

fn answered(input: Input<'_>) -> AnsweredRequest {
    let nonce = RequestNonce::from_bytes(input.get("nonce").array());
    let (method, path) = (input.get("method").text(), input.get("path").text());
    AnsweredRequest::new(method, path, &input.get("request_body").bytes(), &nonce).unwrap()
}

pub(super) fn answer(input: Input<'_>) -> Outcome {
    let status = input.get("status").number();
    let mac = AnswerMac::new(&key(input), &answered(input), status, &input.get("body").bytes());
    Ok(json!({ "answer_mac": hex(mac.as_bytes()) }))
}

pub(super) fn check_answer(input: Input<'_>) -> Outcome {
    let mac = AnswerMac::from_bytes(input.get("answer_mac").array());
    let status = input.get("status").number();
    let checked = mac.verify(&key(input), &answered(input), status, &input.get("body").bytes());
    checked.map_err(refused)?;
    Ok(json!({}))
}

/// The input of `post` for a message from Alice to Bob, posted at noon.
pub(super) fn to_post() -> Value {
    json!({
        "delivery_key": hex(DELIVERY_KEY), "sender": { "account": "alice", "device": 1 },
        "audience": { "direct": "bob" }, "posted_ms": NOON.as_millis(),
        "franking_tag": hex(tag().as_bytes()), "ciphertext": hex("ciphertext"),
    })
}

/// The input of `accept_posted`, at the time of posting.
fn to_accept(posted: &Value, input: &Value) -> Value {
    json!({
        "delivery_key": input["delivery_key"], "sender": input["sender"], "audience": input["audience"],
        "now_ms": input["posted_ms"], "posted": posted["posted"],
    })
}

pub(super) fn postings(file: &mut Vectors) {
    let input = to_post();
    let posted = file.passes("post", "a message of Alice's for Bob", "post", input.clone());
    let good = to_accept(&posted, &input);
    file.passes("posted", "the same as the relay takes it", "accept_posted", good.clone());
    let club = with(&input, "audience", json!({ "group": hex(ConversationId::group(b"chess club").as_bytes()) }));
    let in_club = file.passes("post-group", "a message of Alice's for a group", "post", club.clone());
    file.passes("posted-group", "the same as the relay takes it", "accept_posted", to_accept(&in_club, &club));
    let longest = with(&input, "ciphertext", hex(vec![0xc7; MAX_CIPHERTEXT_LEN]));
    let most = post(Input::of(&longest)).unwrap();
    file.passes("posted-longest", "a ciphertext of 75,776 bytes, the most", "accept_posted", to_accept(&most, &longest));
    for (id, comment, at) in [
        ("posted-early", "ten minutes before the relay's clock, the most", NOON.as_millis() + 600_000),
        ("posted-late", "ten minutes after the relay's clock, the most", NOON.as_millis() - 600_000),
    ] {
        file.passes(id, comment, "accept_posted", with(&good, "now_ms", at));
    }

    let bytes = harness::unhex(posted["posted"].as_str().unwrap());
    let ciphertext = &bytes[bytes.len() - 12..];
    for (id, comment, bytes, check) in broken(&bytes, ciphertext) {
        file.fails(&format!("posted-{id}"), comment, "accept_posted", with(&good, "posted", hex(bytes)), check);
    }
    let edit = |change: fn(&mut wire::PostedEnvelope)| {
        let mut decoded: wire::PostedEnvelope = wire::decode(&bytes, usize::MAX).unwrap();
        change(&mut decoded);
        with(&good, "posted", hex(wire::encode(&decoded)))
    };
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "accept_posted", input, check);
    };
    fails("posted-too-long", "75,860 bytes, one past the most, of whatever", with(&good, "posted", hex(vec![2; MAX_POSTED_LEN + 1])), 51);
    fails("posted-time-7", "a time of 7 bytes", edit(|p| { p.posted_at.pop(); }), 54);
    fails("posted-time-9", "a time of 9 bytes", edit(|p| p.posted_at.push(0)), 54);
    fails("posted-time-missing", "no time", edit(|p| p.posted_at.clear()), 54);
    fails("posted-mac-31", "a device MAC of 31 bytes: never a prefix", edit(|p| { p.device_mac.pop(); }), 54);
    fails("posted-mac-missing", "no device MAC", edit(|p| p.device_mac.clear()), 54);
    fails("posted-ciphertext-missing", "no ciphertext", edit(|p| p.ciphertext.clear()), 54);
    fails("posted-tag-bit", "one bit of the tag", edit(|p| p.franking_tag[0] ^= 1), 110);
    fails("posted-time-bit", "one bit of the time", edit(|p| p.posted_at[7] ^= 1), 110);
    fails("posted-mac-bit", "one bit of the MAC", edit(|p| p.device_mac[31] ^= 1), 110);
    fails("posted-ciphertext-bit", "one bit of the ciphertext", edit(|p| p.ciphertext[0] ^= 1), 110);
    fails("posted-another-key", "the key of another device", flipped(&good, "delivery_key", 0, 1), 110);
    fails("posted-sender", "in the name of another account", with(&good, "sender", json!({ "account": "mallory", "device": 1 })), 110);
    fails("posted-device", "in the name of another device of the account", with(&good, "sender", json!({ "account": "alice", "device": 2 })), 110);
    fails("posted-audience", "for another account", with(&good, "audience", json!({ "direct": "carol" })), 110);
    fails("posted-audience-group", "for a group with the id of the direct conversation", with(&good, "audience", json!({ "group": hex(ConversationId::direct(&AccountId::new("alice").unwrap(), &AccountId::new("bob").unwrap()).as_bytes()) })), 110);
    fails("posted-too-early", "600,001 ms before the relay's clock, one past the most", with(&good, "now_ms", NOON.as_millis() + 600_001), 111);
    fails("posted-too-late", "600,001 ms after the relay's clock, one past the most", with(&good, "now_ms", NOON.as_millis() - 600_001), 111);
    fails("posted-at-the-end", "posted in the last millisecond that there is", {
        let end = with(&input, "posted_ms", u64::MAX);
        with(&to_accept(&post(Input::of(&end)).unwrap(), &end), "now_ms", NOON.as_millis())
    }, 111);
    neighbours::postings(file, &good);
}

pub(super) fn queue(file: &mut Vectors) {
    let mut input = stamped(json!({ "direct": "bob" }));
    input["ciphertext"] = hex("ciphertext").into();
    let made = deliver(Input::of(&input)).unwrap();
    let good = json!({ "stamped": made["stamped"] });
    file.passes("stamped", "a stamped envelope in the relay's queue", "import_stamped", good.clone());
    file.passes("stamped-no-ciphertext", "no ciphertext: the message was not sealed for the device", "import_stamped", changed(&good, "stamped", |s| s.truncate(s.len() - 10)));
    let claim = changed(&json!({ "claim": made["stamped"] }), "claim", |c| c.truncate(c.len() - 10));
    file.passes("claim", "a claim in the relay's store", "import_claim", claim.clone());
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "import_stamped", input, check);
    };
    fails("stamped-version-1", "version 01", changed(&good, "stamped", |s| s[0] = 1), 52);
    fails("stamped-cut-in-stamp", "cut within the stamp", changed(&good, "stamped", |s| s.truncate(s.len() - 11)), 115);
    fails("stamped-context-cut", "a context that its length does not hold", changed(&good, "stamped", |s| s[34] -= 1), 115);
    fails("stamped-too-long", "76,119 bytes, one past the most, of whatever", json!({ "stamped": hex(vec![2; MAX_STAMPED_LEN + 1]) }), 51);
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "import_claim", input, check);
    };
    fails("claim-cut", "the last byte is missing", changed(&claim, "claim", |c| { c.pop(); }), 115);
    fails("claim-extended", "a byte behind the stamp", changed(&claim, "claim", |c| c.push(0)), 115);
    fails("claim-version-1", "version 01", changed(&claim, "claim", |c| c[0] = 1), 52);
    fails("claim-too-long", "343 bytes, one past the most, of whatever", json!({ "claim": hex(vec![2; MAX_STORED_CLAIM_LEN + 1]) }), 51);
    neighbours::stored(file, &good, &claim);
}

pub(super) fn answers(file: &mut Vectors) {
    let input = json!({
        "delivery_key": hex(DELIVERY_KEY), "method": "POST", "path": "/bundles?of=bob",
        "request_body": hex("request"), "nonce": hex([0x4e; 16]), "status": 200, "body": hex("answer"),
    });
    let made = file.passes("answer", "an answer to a request with a body", "answer", input.clone());
    let mut good = input.clone();
    good["answer_mac"] = made["answer_mac"].clone();
    file.passes("answer-checked", "the same as the device checks it", "check_answer", good.clone());
    let mut empty = with(&with(&with(&with(&input, "method", ""), "path", ""), "request_body", ""), "body", "");
    empty["status"] = 404.into();
    file.passes("answer-empty", "an error without a body, to a request of which every field is empty", "answer", empty);
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "check_answer", input, 112);
    };
    fails("answer-mac-bit", "one bit of the MAC", flipped(&good, "answer_mac", 31, 1));
    fails("answer-another-device", "the key of another device", flipped(&good, "delivery_key", 0, 1));
    fails("answer-method", "to a request of another method", with(&good, "method", "PUT"));
    fails("answer-path", "to a request of another path", with(&good, "path", "/bundles?of=bab"));
    fails("answer-method-and-path", "a byte moved from the path to the method", with(&with(&good, "method", "POST/"), "path", "bundles?of=bob"));
    fails("answer-request-body", "to a request with another body", with(&good, "request_body", hex("Request")));
    fails("answer-nonce", "to another request for the same: one bit of the nonce", flipped(&good, "nonce", 15, 1));
    fails("answer-status", "with another status", with(&good, "status", 201));
    fails("answer-body", "with another body", with(&good, "body", hex("Answer")));
    fails("answer-body-shorter", "with a shorter body", with(&good, "body", hex("answe")));
    neighbours::answers(file, &good);
}
