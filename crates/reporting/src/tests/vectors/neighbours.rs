//! Adds vectors that fail for inputs next to the right ones: MACs and tags that another
//! implementation could make by mistake, and formats with one byte or field more or less.

use sha2::{Digest, Sha256};

use super::delivery::{DELIVERY_KEY, tag};
use super::*;
use crate::franking::{Commitment, FrankingKey};
use crate::tests::world::{bytes_of, device};
use crate::{codec, mac, parts, wire};

/// The id of a vector, what is wrong in it, its input, and the check that refuses it.
pub(super) type Row<'a> = (&'a str, &'a str, Value, u16);

pub(super) fn all_fail<const N: usize>(file: &mut Vectors, operation: &str, rows: [Row<'_>; N]) {
    for (id, comment, input, check) in rows {
        file.fails(id, comment, operation, input, check);
    }
}

/// Decodes the wire message in a field of an input, changes it and encodes it again.
pub(super) fn edit<M: prost::Message + Default>(input: &Value, name: &str, change: impl FnOnce(&mut M)) -> Value {
    let bytes = harness::unhex(input[name].as_str().unwrap());
    let mut message: M = wire::decode(&bytes, usize::MAX).unwrap();
    change(&mut message);
    with(input, name, hex(wire::encode(&message)))
}

/// The fields that a MAC is over. Each method changes a copy of them and makes the MAC.
pub(super) struct Fields<'a> {
    pub(super) key: &'a [u8; 32],
    pub(super) fields: Vec<&'a [u8]>,
}

impl Fields<'_> {
    pub(super) fn mac(&self) -> Vec<u8> {
        mac::hmac(self.key, &self.fields).to_vec()
    }

    /// With this in place of field `at`.
    pub(super) fn put(&self, at: usize, field: &[u8]) -> Vec<u8> {
        let mut fields = self.fields.clone();
        fields[at] = field;
        Fields { key: self.key, fields }.mac()
    }

    pub(super) fn swap(&self, one: usize, other: usize) -> Vec<u8> {
        let mut fields = self.fields.clone();
        fields.swap(one, other);
        Fields { key: self.key, fields }.mac()
    }
}

/// The same label with version 1 in it.
pub(super) fn version_1(label: &[u8]) -> Vec<u8> {
    let label = std::str::from_utf8(label).unwrap();
    label.replace("/2/", "/1/").into_bytes()
}

/// Inputs of `open_delivery`. `good` is a message of Alice's for Bob, which Alice's device posted
/// as `posted`.
pub(super) fn deliveries(file: &mut Vectors, good: &Value, posted: &Value) {
    let posted = with(good, "delivery", posted.clone());
    let change = |change: fn(&mut wire::Delivery)| edit(good, "delivery", change);
    let under = |mac: Vec<u8>| edit(good, "delivery", |delivery: &mut wire::Delivery| delivery.delivery_mac = mac);
    let decoded: wire::Delivery = wire::decode(&harness::unhex(good["delivery"].as_str().unwrap()), usize::MAX).unwrap();
    let digest = Sha256::digest(&decoded.ciphertext);
    let right = Fields {
        key: &DELIVERY_KEY,
        fields: vec![labels::DELIVERY, &decoded.franking_tag, &decoded.stamp_context, &decoded.stamp, &digest],
    };
    assert_eq!(&under(right.mac()), good);
    all_fail(file, "open_delivery", [
        ("delivery-label-missing", "the MAC without its label", under(right.put(0, b"")), 64),
        ("delivery-label-version-1", "the MAC under a label of version 1", under(right.put(0, &version_1(labels::DELIVERY))), 64),
        ("delivery-label-fanout", "the MAC under the label of fanout MACs", under(right.put(0, labels::FANOUT)), 64),
        ("delivery-without-tag", "the MAC without the tag", under(right.put(1, b"")), 64),
        ("delivery-without-context", "the MAC without the context", under(right.put(2, b"")), 64),
        ("delivery-without-stamp", "the MAC without the stamp", under(right.put(3, b"")), 64),
        ("delivery-without-digest", "the MAC without the digest of the ciphertext", under(right.put(4, b"")), 64),
        ("delivery-whole-ciphertext", "the MAC over the ciphertext in place of its digest", under(right.put(4, &decoded.ciphertext)), 64),
        ("delivery-context-first", "the MAC over the context before the tag", under(right.swap(1, 2)), 64),
        ("delivery-digest-first", "the MAC over the digest before the stamp", under(right.swap(3, 4)), 64),
        ("delivery-stamp-33", "a stamp of 33 bytes", change(|d| d.stamp.push(0)), 54),
        ("delivery-context-cut", "a context without its last byte", change(|d| { d.stamp_context.pop(); }), 54),
        ("delivery-ciphertext-shorter", "the ciphertext without its last byte", change(|d| { d.ciphertext.pop(); }), 64),
        ("delivery-stamp-and-mac-exchanged", "stamp and MAC in each other's field", change(|d| core::mem::swap(&mut d.stamp, &mut d.delivery_mac)), 64),
        ("delivery-posted", "a posted fanout in place of a delivery", posted.clone(), 52),
        ("delivery-posted-version-2", "the same with version 02", changed(&posted, "delivery", |p| p[0] = 2), 54),
    ]);
}

/// Inputs of `confirm_receipt`. `good` is the receipt of a message of Alice's for Bob.
pub(super) fn receipts(file: &mut Vectors, good: &Value) {
    let change = |change: fn(&mut wire::Receipt)| edit(good, "receipt", change);
    let under = |mac: Vec<u8>| edit(good, "receipt", |receipt: &mut wire::Receipt| receipt.receipt_mac = mac);
    let decoded: wire::Receipt = wire::decode(&harness::unhex(good["receipt"].as_str().unwrap()), usize::MAX).unwrap();
    let right = Fields {
        key: &DELIVERY_KEY,
        fields: vec![labels::RECEIPT, &decoded.franking_tag, &decoded.stamp_context, &decoded.stamp],
    };
    assert_eq!(&under(right.mac()), good);
    all_fail(file, "confirm_receipt", [
        ("receipt-label-missing", "the MAC without its label", under(right.put(0, b"")), 66),
        ("receipt-label-version-1", "the MAC under a label of version 1", under(right.put(0, &version_1(labels::RECEIPT))), 66),
        ("receipt-label-delivery", "the MAC under the label of delivery MACs", under(right.put(0, labels::DELIVERY)), 66),
        ("receipt-without-context", "the MAC without the context", under(right.put(2, b"")), 66),
        ("receipt-without-stamp", "the MAC without the stamp", under(right.put(3, b"")), 66),
        ("receipt-context-first", "the MAC over the context before the tag", under(right.swap(1, 2)), 66),
        ("receipt-stamp-31", "a stamp of 31 bytes", change(|r| { r.stamp.pop(); }), 54),
        ("receipt-stamp-33", "a stamp of 33 bytes", change(|r| r.stamp.push(0)), 54),
        ("receipt-mac-31", "a receipt MAC of 31 bytes: never a prefix", change(|r| { r.receipt_mac.pop(); }), 54),
        ("receipt-mac-33", "a receipt MAC of 33 bytes", change(|r| r.receipt_mac.push(0)), 54),
        ("receipt-mac-stripped", "no receipt MAC", change(|r| r.receipt_mac.clear()), 63),
        ("receipt-context-missing", "no context", change(|r| r.stamp_context.clear()), 54),
        ("receipt-context-cut", "a context without its last byte", change(|r| { r.stamp_context.pop(); }), 54),
        ("receipt-context-extended", "a byte behind the context", change(|r| r.stamp_context.push(0)), 54),
        ("receipt-stamp-and-mac-exchanged", "stamp and MAC in each other's field", change(|r| core::mem::swap(&mut r.stamp, &mut r.receipt_mac)), 66),
        ("receipt-too-long", "442 bytes, one past the most, of whatever", with(good, "receipt", hex(vec![2; MAX_RECEIPT_LEN + 1])), 51),
        ("sent-version-0", "a stored sent message of version 00", changed(good, "sent_message", |s| s[0] = 0), 52),
        ("sent-without-conversation", "a stored sent message without its conversation", changed(good, "sent_message", |s| { s.drain(11..43); }), 92),
    ]);
}

/// Inputs of `confirm_receipt` for a message that was stored in format 01.
pub(super) fn sent_1(file: &mut Vectors, good: &Value) {
    // `01`, sender, franking key, count of parts, length of the header, header.
    let header = 1 + 10 + 32 + 1 + 4;
    all_fail(file, "confirm_receipt", [
        ("sent-1-cut", "a stored sent message of version 01 without its last byte", changed(good, "sent_message", |s| { s.pop(); }), 92),
        ("sent-1-extended", "a byte behind a stored sent message of version 01", changed(good, "sent_message", |s| s.push(0)), 92),
        ("sent-1-flags", "a header of format 01 with an unknown flag", changed(good, "sent_message", |s| s[header] = 4), 92),
        ("sent-1-extension", "a header of format 01 with an extension", changed(good, "sent_message", |s| {
            s[header - 1] += 4;
            s.splice(header + 54..header + 54, [0, 1, 0, 0]);
        }), 92),
        ("sent-1-text-bit", "another text than was sent, in format 01", flipped(good, "sent_message", -1, 1), 67),
    ]);
}

/// Inputs of `import_stamped`, `import_claim` and `decode_envelope`.
pub(super) fn stored(file: &mut Vectors, stamped: &Value, claim: &Value) {
    let of_stamped = |change: &dyn Fn(&mut Vec<u8>)| changed(stamped, "stamped", change);
    all_fail(file, "import_stamped", [
        ("stamped-empty", "no bytes at all", of_stamped(&|s| s.clear()), 115),
        ("stamped-version-0", "version 00", of_stamped(&|s| s[0] = 0), 52),
        ("stamped-version-3", "version 03", of_stamped(&|s| s[0] = 3), 52),
        ("stamped-cut-in-tag", "cut within the tag", of_stamped(&|s| s.truncate(32)), 115),
        ("stamped-context-longer", "a context that takes a byte of the stamp", of_stamped(&|s| s[34] += 1), 115),
        ("stamped-audience", "an audience of kind 3", of_stamped(&|s| s[45] = 3), 115),
        ("stamped-ciphertext-75777", "a ciphertext of 75,777 bytes, one past the most", of_stamped(&|s| {
            s.truncate(s.len() - 10);
            s.resize(s.len() + MAX_CIPHERTEXT_LEN + 1, 0xc7);
        }), 115),
    ]);
    let of_claim = |change: &dyn Fn(&mut Vec<u8>)| changed(claim, "claim", change);
    all_fail(file, "import_claim", [
        ("claim-empty", "no bytes at all", of_claim(&|c| c.clear()), 115),
        ("claim-version-0", "version 00", of_claim(&|c| c[0] = 0), 52),
        ("claim-version-3", "version 03", of_claim(&|c| c[0] = 3), 52),
        ("claim-cut-in-tag", "cut within the tag", of_claim(&|c| c.truncate(32)), 115),
        ("claim-context-cut", "a context that its length does not hold", of_claim(&|c| c[34] -= 1), 115),
        ("claim-context-longer", "a context that takes a byte of the stamp", of_claim(&|c| c[34] += 1), 115),
        ("claim-audience", "an audience of kind 0", of_claim(&|c| c[45] = 0), 115),
    ]);
    let envelope = json!({ "envelope": hex(Envelope::new(tag(), b"ciphertext".to_vec()).encode()) });
    let of_envelope = |change: &dyn Fn(&mut Vec<u8>)| changed(&envelope, "envelope", change);
    all_fail(file, "decode_envelope", [
        ("envelope-empty", "no bytes at all", of_envelope(&|e| e.clear()), 115),
        ("envelope-version-0", "version 00", of_envelope(&|e| e[0] = 0), 52),
        ("envelope-version-alone", "a version and no more bytes", of_envelope(&|e| e.truncate(1)), 115),
    ]);
}

/// Inputs of `check_answer`. `good` is the answer `answer` to a request with the body `request`.
pub(super) fn answers(file: &mut Vectors, good: &Value) {
    let digest = Sha256::digest("request");
    let fields = |key| Fields {
        key,
        fields: vec![labels::ANSWER, b"\x04POST", b"\x00\x0f/bundles?of=bob", &digest, &[0x4e; 16], &[0, 200], b"\x00\x00\x00\x06answer"],
    };
    let right = fields(&DELIVERY_KEY);
    let under = |mac: Vec<u8>| with(good, "answer_mac", hex(mac));
    assert_eq!(&under(right.mac()), good);
    all_fail(file, "check_answer", [
        ("answer-label-missing", "the MAC without its label", under(right.put(0, b"")), 112),
        ("answer-label-version-1", "the MAC under a label of version 1", under(right.put(0, &version_1(labels::ANSWER))), 112),
        ("answer-label-fanout", "the MAC under the label of fanout MACs, which go the other way", under(right.put(0, labels::FANOUT)), 112),
        ("answer-method-without-length", "the MAC over the method without its length", under(right.put(1, b"POST")), 112),
        ("answer-path-without-length", "the MAC over the path without its length", under(right.put(2, b"/bundles?of=bob")), 112),
        ("answer-path-without-query", "the MAC over the path without its query", under(right.put(2, b"\x00\x08/bundles")), 112),
        ("answer-whole-request", "the MAC over the request's body in place of its digest", under(right.put(3, b"request")), 112),
        ("answer-without-nonce", "the MAC without the nonce", under(right.put(4, b"")), 112),
        ("answer-status-4", "the MAC over a status of 4 bytes", under(right.put(5, &[0, 0, 0, 200])), 112),
        ("answer-body-without-length", "the MAC over the body without its length", under(right.put(6, b"answer")), 112),
        ("answer-path-first", "the MAC over the path before the method", under(right.swap(1, 2)), 112),
        ("answer-nonce-first", "the MAC over the nonce before the digest", under(right.swap(3, 4)), 112),
        ("answer-body-longer", "with a byte more in the body", with(good, "body", hex("answer\0")), 112),
        ("answer-method-lower-case", "to a request of the same method in small letters", with(good, "method", "post"), 112),
    ]);
}

/// Inputs of `open_payload`. `good` is a text of Alice's for Bob under its tag, and `committed`
/// puts any parts under a tag that commits to them.
pub(super) fn payloads(file: &mut Vectors, good: &Value, committed: &dyn Fn(&[Vec<u8>]) -> Value) {
    let parts = franking::text("Hello, world");
    let encoded = parts::encode_parts(parts.iter().map(Vec::as_slice));
    let commitment = Commitment::new(&FrankingKey::from_bytes([0x4b; 32]), &parts::Parts::parse(&encoded).unwrap());
    let commitments: Vec<u8> = commitment.parts.iter().flat_map(|(_, commitment)| commitment.iter().copied()).collect();
    let (alice, conversation) = (bytes_of(|out| device("alice", 1).put(out)), franking::conversation());
    let right = Fields {
        key: &commitment.root_key,
        fields: vec![labels::FRANKING_TAG, &alice, conversation.as_bytes(), &[2], &commitments],
    };
    let under = |tag: Vec<u8>| with(good, "franking_tag", hex(tag));
    assert_eq!(&under(right.mac()), good);
    let exchanged = [&commitments[32..], &commitments[..32]].concat();
    all_fail(file, "open_payload", [
        ("tag-label-missing", "the tag without its label", under(right.put(0, b"")), 61),
        ("tag-label-version-1", "the tag under the label of version 1, over sender and conversation", under(right.put(0, labels::FRANKING_TAG_1)), 61),
        ("tag-without-sender", "the tag without the sender", under(right.put(1, b"")), 61),
        ("tag-without-device", "the tag over the sender's account without its device", under(right.put(1, b"\x05alice")), 61),
        ("tag-without-length", "the tag over the sender without the length of its account", under(right.put(1, b"alice\0\0\0\x01")), 61),
        ("tag-without-conversation", "the tag without the conversation", under(right.put(2, b"")), 61),
        ("tag-without-count", "the tag without the number of parts", under(right.put(3, b"")), 61),
        ("tag-commitments-exchanged", "the tag over the commitments in the other order", under(right.put(4, &exchanged)), 61),
        ("tag-conversation-first", "the tag over the conversation before the sender", under(right.swap(1, 2)), 61),
    ]);
    let header = &parts[0];
    let extended = |extensions: &[u8]| committed(&[[header.as_slice(), extensions].concat(), parts[1].clone()]);
    let old = franking::text_1("Hello, world", conversation);
    let past = [&[0x80, 1, 3, 0xfd], [7; 1_021].as_slice()].concat();
    all_fail(file, "open_payload", [
        ("header-of-format-1", "the header of format 01 under a tag of format 02", committed(&old), 94),
        ("parts-exchanged", "the content before the header, under a tag that commits to them so", committed(&[parts[1].clone(), parts[0].clone()]), 58),
        ("extension-type-cut", "one byte of an extension's type after a whole extension", extended(&[0, 1, 0, 0, 0]), 94),
        ("extension-length-cut", "one byte of an extension's length", extended(&[0, 1, 0]), 94),
        ("extension-length-huge", "an extension whose length is ffff", extended(&[0, 1, 0xff, 0xff]), 94),
        ("extension-length-swapped", "an extension whose length is little-endian", extended(&[0, 1, 1, 0, 7]), 94),
        ("extensions-critical-repeated", "two critical extensions of one type", extended(&[0x80, 1, 0, 0, 0x80, 1, 0, 0]), 94),
        ("extensions-critical-descend", "two critical extensions in descending order of their types", extended(&[0x80, 2, 0, 0, 0x80, 1, 0, 0]), 94),
        ("extensions-repeated-apart", "two extensions of one type, with another between", extended(&[0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0]), 94),
        ("extensions-descend-last", "the third of three extensions has the type between the others", extended(&[0, 1, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0]), 94),
        ("extensions-critical-1025", "critical extensions of 1,025 bytes, one past the most", extended(&past), 94),
    ]);
    let passes = [
        ("open-kind-0", "content of kind 0, which is unknown", vec![vec![0]]),
        ("open-scheme-255", "an attachment of scheme 255 and no more bytes", vec![vec![1], vec![255]]),
    ];
    for (id, comment, rest) in passes {
        let parts = [std::slice::from_ref(header), &rest[..]].concat();
        file.passes(id, comment, "open_payload", committed(&parts));
    }
}

/// Inputs of `import_evidence`: `good` of format 02, and `old` of format 01.
pub(super) fn evidence(file: &mut Vectors, good: &Value, old: &Value) {
    // Version, tag, length and bytes of the context, stamp, franking key, count of parts, length of
    // the header.
    let header = 1 + 32 + 2 + 27 + 32 + 32 + 1 + 4;
    let with_extension = |input: &Value, header_len: usize| changed(input, "evidence", |e| {
        e[header - 1] += 4;
        e.splice(header + header_len..header + header_len, [0, 1, 0, 0]);
    });
    all_fail(file, "import_evidence", [
        ("evidence-empty", "no bytes at all", with(good, "evidence", ""), 73),
        ("evidence-version-0", "version 00", changed(good, "evidence", |e| e[0] = 0), 52),
        ("evidence-extension", "an extension that was not committed to", with_extension(good, 22), 73),
        ("evidence-flags", "a header with an unknown flag", changed(good, "evidence", |e| e[header] = 4), 73),
        ("evidence-1-cut", "the last byte is missing, in format 01", changed(old, "evidence", |e| { e.pop(); }), 73),
        ("evidence-1-extended", "a byte behind the parts, in format 01", changed(old, "evidence", |e| e.push(0)), 73),
        ("evidence-1-extension", "a header of format 01 with an extension", with_extension(old, 54), 73),
        ("evidence-1-tag-bit", "one bit of the tag, in format 01", flipped(old, "evidence", 1, 1), 73),
        ("evidence-1-key-bit", "one bit of the franking key, in format 01", flipped(old, "evidence", 1 + 32 + 2 + 27 + 32, 1), 73),
    ]);
    file.passes("evidence-1-device", "another device of the sender: a tag of format 01 does not name it, and only the stamp shows the change", "import_evidence", flipped(old, "evidence", 1 + 32 + 2 + 9, 2));
}

/// Inputs of `accept`. `good` is a report of version 02.
pub(super) fn reports(file: &mut Vectors, good: &Value) {
    let decoded: wire::Report = wire::decode(&harness::unhex(good["report"].as_str().unwrap()), usize::MAX).unwrap();
    let long = |field: &[u8]| bytes_of(|out| codec::put_long(out, field));
    let sections = [&decoded.claims, &decoded.moderation_key_fingerprint, &decoded.encapsulated_key, &decoded.sealed_openings].map(|section| long(section));
    let [claims, fingerprint, encapsulated, sealed] = &sections;
    let right = Fields { key: &DELIVERY_KEY, fields: vec![labels::REPORTER, claims, fingerprint, encapsulated, sealed] };
    let under = |mac: Vec<u8>| edit(good, "report", |report: &mut wire::Report| report.reporter_mac = mac);
    assert_eq!(&under(right.mac()), good);
    all_fail(file, "accept", [
        ("reporter-label-missing", "the MAC without its label", under(right.put(0, b"")), 74),
        ("reporter-label-version-1", "the MAC under the label of version 1", under(right.put(0, labels::REPORTER_1)), 74),
        ("reporter-without-claims", "the MAC without the claims", under(right.put(1, b"")), 74),
        ("reporter-without-fingerprint", "the MAC without the fingerprint", under(right.put(2, b"")), 74),
        ("reporter-without-encapsulated", "the MAC without the encapsulated key", under(right.put(3, b"")), 74),
        ("reporter-without-sealed", "the MAC without the sealed openings", under(right.put(4, b"")), 74),
        ("reporter-fingerprint-first", "the MAC over the fingerprint before the claims", under(right.swap(1, 2)), 74),
        ("report-mac-33", "a reporter MAC of 33 bytes", under([right.mac(), vec![0]].concat()), 54),
    ]);
}

/// Inputs of `import_accepted`. `good` is an accepted report of version 02.
pub(super) fn queue(file: &mut Vectors, good: &Value) {
    let bytes = harness::unhex(good["accepted"].as_str().unwrap());
    let accepted = &bytes[..bytes.len() - 32];
    let key = [0xac; 32];
    let right = Fields { key: &key, fields: vec![labels::ACCEPTANCE, &accepted[..1], &accepted[1..17], &accepted[17..]] };
    let under = |mac: Vec<u8>| with(good, "accepted", hex([accepted, &mac].concat()));
    assert_eq!(&under(right.mac()), good);
    all_fail(file, "import_accepted", [
        ("queued-label-missing", "the MAC without its label", under(right.put(0, b"")), 81),
        ("queued-label-version-1", "the MAC under the label of version 1", under(right.put(0, labels::ACCEPTANCE_1)), 81),
        ("queued-without-version", "the MAC without the version", under(right.put(1, b"")), 81),
        ("queued-without-id", "the MAC without the id", under(right.put(2, b"")), 81),
        ("queued-id-first", "the MAC over the id before the version", under(right.swap(1, 2)), 81),
    ]);
}

/// Inputs of `import_unsealed`. `good` is of a report with two claims.
pub(super) fn unsealed(file: &mut Vectors, good: &Value) {
    let change = |change: &dyn Fn(&mut Vec<u8>)| changed(good, "unsealed", change);
    all_fail(file, "import_unsealed", [
        ("unsealed-empty", "no bytes at all", change(&|u| u.clear()), 116),
        ("unsealed-version-0", "version 00", change(&|u| u[0] = 0), 52),
        ("unsealed-version-byte-3", "version 03", change(&|u| u[0] = 3), 52),
        ("unsealed-cut-in-id", "cut within the id", change(&|u| u.truncate(17)), 116),
        ("unsealed-without-id", "no id", change(&|u| { u.drain(2..18); }), 116),
        ("unsealed-claims-longer", "the length of the claims is one more", change(&|u| u[33] += 1), 116),
        ("unsealed-claims-none", "a count of no claims", change(&|u| u[34 + 8] = 0), 116),
    ]);
}
