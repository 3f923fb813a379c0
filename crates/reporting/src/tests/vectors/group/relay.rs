//! Adds to `group.json`: what the relay keeps, and deliveries.

use super::super::delivery::{deliver, open_delivery, stamped};
use super::*;

pub(super) fn at_the_relay(file: &mut Vectors) {
    let claim = stamped(json!({ "group": club() }));
    let with_slot = |slot: Value| {
        let mut input = claim.clone();
        input["number"] = slot["number"].clone();
        input["slot"] = slot["slot"].clone();
        input["body"] = hex("body").into();
        input
    };
    let mac = with_slot(mac_slot(0xaa));
    let made = file.passes("deliver-mac", "the body with a MAC slot", "deliver_group", mac.clone());
    file.passes("deliver-key", "the body with a key slot", "deliver_group", with_slot(slot(2, [0xb1; 17])));
    file.passes("deliver-empty", "an empty slot: a delivery without a ciphertext", "deliver_group", with_slot(slot(0, "")));
    file.passes("deliver-longest", "the longest key slot and the longest body", "deliver_group",
        with(&with_slot(slot(2, [0xb1; 4_000])), "body", hex([0x47; MAX_GROUP_BODY_LEN])));

    let kept = json!({ "stored": made["stored"] });
    file.passes("stamped-group", "the body at the relay", "import_stamped_group", kept.clone());
    let change = |change: fn(&mut Vec<u8>)| changed(&kept, "stored", change);
    let direct = stamped(json!({ "direct": "bob" }));
    let direct = [&[4], &claim_of(Input::of(&direct)).unwrap().encode()[1..], b"body"].concat();
    all_fail(file, "import_stamped_group", [
        ("stamped-group-empty", "no bytes at all", json!({ "stored": "" }), 414),
        ("stamped-group-version-2", "version 02, that of stamped envelopes", change(|s| s[0] = 2), 52),
        ("stamped-group-cut", "the claim is cut", change(|s| s.truncate(s.len() - 5)), 414),
        ("stamped-group-no-body", "no body", change(|s| s.truncate(s.len() - 4)), 414),
        ("stamped-group-direct", "a claim to an account", json!({ "stored": hex(direct) }), 414),
        ("stamped-group-body-long", "a body of 71,681 bytes, one past the most", change(|s| s.resize(s.len() + 71_677, 0xc7)), 414),
        ("stamped-group-too-long", "71,926 bytes, one past the most, of whatever", json!({ "stored": hex(vec![4; MAX_STAMPED_GROUP_LEN + 1]) }), 51),
    ]);

    let slot_of = |bytes: &[u8]| json!({ "stored_slot": hex(bytes) });
    let (key, mac) = ([&[2][..], &[0xb1; 17]].concat(), [&[1][..], &[0xaa; 16]].concat());
    for (id, comment, bytes) in [
        ("slot-empty", "an empty slot", &[0][..]),
        ("slot-mac", "a MAC slot", &mac),
        ("slot-key", "a key slot of 17 bytes, the least", &key),
    ] {
        file.passes(id, comment, "import_group_slot", slot_of(bytes));
    }
    for (id, comment, bytes) in [
        ("slot-none", "no bytes at all", &[][..]),
        ("slot-empty-long", "an empty slot with a byte", &[0, 0]),
        ("slot-mac-15", "a MAC of 15 bytes", &mac[..16]),
        ("slot-mac-17", "a MAC of 17 bytes", &[&mac[..], &[0]].concat()),
        ("slot-key-16", "a key slot of 16 bytes", &key[..17]),
        ("slot-key-4001", "a key slot of 4,001 bytes, one past the most", &[&[2][..], &[0xb1; 4_001]].concat()),
        ("slot-kind-3", "a slot of kind 3", &[&[3], &key[1..]].concat()),
    ] {
        file.fails(id, comment, "import_group_slot", slot_of(bytes), 411);
    }
    deliveries(file, &claim);
}

fn deliveries(file: &mut Vectors, claim: &Value) {
    let delivered = |ciphertext: &[u8]| {
        let made = {
            let mut input = claim.clone();
            input["ciphertext"] = hex(ciphertext).into();
            deliver(Input::of(&input)).unwrap()
        };
        json!({
            "delivery_key": hex(DELIVERY_KEY), "account": "bob", "device": 7, "groups": [club()],
            "delivery": made["delivery"],
        })
    };
    let mac = [&[1, 0, 16][..], &[0xaa; 16]].concat();
    let key = [&[2, 0, 17][..], &[0xb1; 17]].concat();
    let with_body = |slot: &[u8]| delivered(&[slot, b"body"].concat());
    let good = with_body(&mac);
    file.passes("split-authentic", "a delivery with a MAC slot, before it is taken apart", "open_delivery", good.clone());
    assert!(open_delivery(Input::of(&good)).is_ok());
    for (id, comment, input) in [
        ("split-mac", "a MAC slot and a body", good),
        ("split-key", "a key slot and a body", with_body(&key)),
        ("split-again", "a message that was sealed again for this device", delivered(b"\x03ciphertext")),
        ("split-body-longest", "a body of 71,680 bytes, the most", delivered(&[&mac[..], &[0x47; MAX_GROUP_BODY_LEN]].concat())),
    ] {
        file.passes(id, comment, "split_group", input);
    }
    all_fail(file, "split_group", [
        ("split-empty", "no ciphertext", delivered(b""), 294),
        ("split-kind-0", "an empty slot with a body", with_body(&[0, 0, 0]), 415),
        ("split-kind-4", "kind 4", with_body(&[&[4], &mac[1..]].concat()), 415),
        ("split-mac-15", "a MAC of 15 bytes", with_body(&[&[1, 0, 15][..], &[0xaa; 15]].concat()), 415),
        ("split-mac-17", "a MAC of 17 bytes", with_body(&[&[1, 0, 17][..], &[0xaa; 17]].concat()), 415),
        ("split-key-16", "a key slot of 16 bytes", with_body(&[&[2, 0, 16][..], &[0xb1; 16]].concat()), 415),
        ("split-key-4001", "a key slot of 4,001 bytes, one past the most", with_body(&[&[2, 0x0f, 0xa1][..], &[0xb1; 4_001]].concat()), 415),
        ("split-slot-cut", "a slot that its length does not hold", delivered(&[1, 0, 16, 0xaa]), 415),
        ("split-no-body", "no body", delivered(&mac), 415),
        ("split-body-long", "a body of 71,681 bytes, one past the most", delivered(&[&mac[..], &[0xc7; MAX_GROUP_BODY_LEN + 1]].concat()), 415),
        ("split-again-empty", "a message that was sealed again, of no bytes", delivered(&[3]), 415),
    ]);
}
