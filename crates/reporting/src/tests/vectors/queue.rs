//! Makes the vectors of `delivery.json` for the relay's queue and for answers.

use super::delivery::{DELIVERY_KEY, deliver, stamped};
use super::*;

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
