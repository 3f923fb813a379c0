//! Adds to `franking.json`, `report.json` and `review.json`: files that are sealed in chunks as
//! attachments, and what reports show of them.

use super::report::{claim, to, to_accept};
use super::review::{Message, claims, input as shown, section};
use super::unseal::{SECRET, sealed_naming};
use super::*;
use crate::blobs;
use crate::file::{FileDescriptor, FileKey, FileRoot, FileShape};
use crate::franked::Franked;
use crate::franking::FrankingKey;
use crate::parts::encode_parts;
use crate::tests::world::{account, bytes_of, device};
use crate::{codec, mac, wire};

const BLOB: BlobId = BlobId::from_bytes([0xb1; 32]);

/// The parts of a file of five chunks, with a preview.
fn file_parts() -> [Vec<u8>; 3] {
    let shape = FileShape::new(5 * 65_536).unwrap();
    let location = FileDescriptor::blob_location(&BLOB);
    let root = FileRoot::from_bytes([0xf0; 32]);
    let descriptor = FileDescriptor::new(shape, root, "image/jpeg", "Fahrräder.jpg", &location);
    let preview = FilePreview::new("image/webp", b"small").unwrap();
    let file = FileAttachment::new(descriptor.unwrap(), FileKey::from_bytes([0x6b; 32]), Some(preview));
    let bytes = bytes_of(|out| Attachment::from(file).put(out));
    let mut reader = codec::Reader::new(&bytes);
    core::array::from_fn(|_| reader.long().unwrap().to_vec())
}

fn text_with(parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let parts = parts.iter().map(|part| part.to_vec()).collect();
    [franking::text("look"), parts].concat()
}

/// What a recipient makes of messages with files.
pub(super) fn payloads(file: &mut Vectors, committed: &dyn Fn(&[Vec<u8>]) -> Value) {
    let [descriptor, key, preview] = &file_parts();
    let (d, k, p) = (&descriptor[..], &key[..], &preview[..]);
    let mut passes = |id: &str, comment: &str, parts: &[&[u8]]| {
        file.passes(&format!("open-file-{id}"), comment, "open_payload", committed(&text_with(parts)));
    };
    passes("preview", "a file with a preview", &[d, k, p]);
    passes("two", "two files, the second with a preview, and an unknown scheme", &[d, k, d, k, p, &[9]]);
    let mut fails = |id: &str, comment: &str, parts: &[&[u8]], check| {
        file.fails(&format!("file-{id}"), comment, "open_payload", committed(&text_with(parts)), check);
    };
    fails("without-key", "a descriptor as the last part", &[d], 488);
    fails("key-alone", "a key without a descriptor", &[k], 488);
    fails("key-first", "the key before the descriptor", &[k, d], 488);
    fails("two-keys", "two keys after a descriptor", &[d, k, k], 488);
    fails("preview-alone", "a preview without a file", &[p], 488);
    fails("preview-first", "the preview between descriptor and key", &[d, p, k], 488);
    fails("two-previews", "two previews of one file", &[d, k, p, p], 488);
    fails("preview-apart", "an unknown attachment between key and preview", &[d, k, &[9], p], 488);
    fails("key-apart", "an unknown attachment between descriptor and key", &[d, &[9], k], 488);
    fails("descriptor-cut", "a descriptor without its last byte", &[&d[..d.len() - 1], k], 60);
    fails("descriptor-extended", "a byte behind the descriptor", &[&[d, &[0]].concat(), k], 60);
    fails("descriptor-4-gib-1", "a size of 4 GiB and a byte", &[&[&[1, 0, 0, 0, 1, 0, 0, 0, 1], &d[9..]].concat(), k], 60);
    fails("descriptor-name-control", "a line feed in the name", &[&replaced(d, b"Fahrr", b"Fah\nr"), k], 60);
    fails("descriptor-name-not-utf8", "a name that is not UTF-8", &[&replaced(d, "ä".as_bytes(), &[0xff, 0x61]), k], 60);
    fails("descriptor-media-space", "a space in the media type", &[&replaced(d, b"image/j", b"image j"), k], 60);
    fails("descriptor-location-not-ascii", "a location that is not ASCII", &[&replaced(d, b"blob:b1", "bl\u{f6}:b1".as_bytes()), k], 60);
    fails("key-cut", "a key of 31 bytes", &[d, &k[..32]], 60);
    fails("key-extended", "a key of 33 bytes", &[d, &[k, &[0]].concat()], 60);
    fails("preview-empty", "a preview without a picture", &[d, k, &p[..p.len() - 5]], 60);
    fails("preview-16385", "a picture of 16,385 bytes, one past the most", &[d, k, &[&p[..p.len() - 5], &[0x47; 16_385]].concat()], 60);
    fails("preview-media-cut", "a preview's media type that is shorter than its length says", &[d, k, &[3, 9, b'i']], 60);
}

/// A message that was shown before schemes 1 to 3 were known, and its stamp.
fn shown_before() -> (Franked, Claim) {
    let parts = text_with(&[&[1, 0], &[2; 33]]);
    let franked = Franked::new(&FrankingKey::from_bytes([0x4b; 32]), &encode_parts(parts.iter().map(Vec::as_slice)));
    let tag = franked.tag_from(&device("alice", 1), franking::conversation());
    let claim = report::keys().stamp_tag(&tag, &device("alice", 1), &to("bob"), NOON).unwrap();
    (franked, claim)
}

/// Evidence of that message.
pub(super) fn evidence(file: &mut Vectors) {
    let (franked, claim) = shown_before();
    let mut out = vec![2];
    claim.put(&mut out);
    out.extend_from_slice(franked.as_bytes());
    file.passes("evidence-file-form", "a descriptor out of form, and a key without one: they are unknown", "import_evidence", json!({ "evidence": hex(out) }));
}

/// The same message, kept by its sender.
pub(super) fn receipts(file: &mut Vectors) {
    let (franked, claim) = shown_before();
    let mut sent = vec![2];
    device("alice", 1).put(&mut sent);
    sent.extend_from_slice(franking::conversation().as_bytes());
    sent.extend_from_slice(franked.as_bytes());
    let receipt = Receipt::new(&claim, &DeliveryKey::from_bytes([0x44; 32])).encode();
    let input = json!({ "delivery_key": hex([0x44; 32]), "receipt": hex(receipt), "sent_message": hex(sent) });
    file.passes("sent-file-form", "a sent message with a descriptor out of form, and a key without one", "confirm_receipt", input);
}

/// Replaces bytes by as many others.
fn replaced(part: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let at = part.windows(old.len()).position(|window| window == old).unwrap();
    let mut part = part.to_vec();
    part[at..at + new.len()].copy_from_slice(new);
    part
}

/// An opening of version 3 of a message with a file in parts 2 to 4.
fn chunks(message: &Message, parts: u32, chunks: &[(u8, u32)]) -> Vec<u8> {
    let mut opening = message.opening(parts);
    opening[0] = 3;
    opening.extend_from_slice(&u16::try_from(chunks.len()).unwrap().to_be_bytes());
    for (part, index) in chunks {
        opening.push(*part);
        opening.extend_from_slice(&index.to_be_bytes());
        opening.extend_from_slice(FileKey::from_bytes([0x6b; 32]).chunk_key(*index).as_bytes());
    }
    opening
}

/// The blobs section that names the file's blob for this claim and part.
fn named(claim: usize, part: usize, blob: BlobId) -> ReportedBlob {
    ReportedBlob::new(claim, part, blob)
}

/// What a reviewer makes of reports that show files.
pub(super) fn reviews(file: &mut Vectors) {
    let [descriptor, key, preview] = &file_parts();
    let all = [Message::new(0x4b, text_with(&[descriptor, key, preview, &[9]]))];
    let message = &all[0];
    let two = chunks(message, 0b00101, &[(2, 0), (2, 4)]);
    let mut passes = |id: &str, comment: &str, opening: Vec<u8>| {
        file.passes(&format!("review-file-{id}"), comment, "review_openings", shown(&all, &[opening]));
    };
    passes("whole", "a file with key and preview", message.opening(0b11_1111));
    passes("descriptor", "the descriptor alone", message.opening(0b00101));
    passes("preview", "descriptor and preview, without the key", message.opening(0b10101));
    passes("key", "the key alone, which opens nothing", message.opening(0b01001));
    passes("chunks", "two chunks by their keys", two.clone());
    let most: Vec<_> = (0..5).map(|index| (2, index)).collect();
    passes("all-chunks", "every chunk by its key", chunks(message, 0b00111, &most));
    let mut fails = |id: &str, comment: &str, opening: Vec<u8>, check| {
        file.fails(&format!("review-file-{id}"), comment, "review_openings", shown(&all, &[opening]), check);
    };
    fails("chunks-none", "an opening of version 3 without chunks", chunks(message, 0b00101, &[]), 489);
    fails("chunks-descend", "two chunks in descending order", chunks(message, 0b00101, &[(2, 4), (2, 0)]), 489);
    fails("chunks-twice", "one chunk twice", chunks(message, 0b00101, &[(2, 1), (2, 1)]), 489);
    fails("chunks-parts-descend", "chunks of two parts in descending order", chunks(message, 0b00101, &[(5, 0), (2, 0)]), 489);
    fails("chunks-1025", "1,025 chunks, one past the most", chunks(message, 0b00101, &(0..1_025).map(|index| (2, index)).collect::<Vec<_>>()), 489);
    fails("chunks-cut", "the last byte of the last chunk's key is missing", { let mut opening = two.clone(); opening.pop(); opening }, 84);
    fails("chunks-extended", "a byte behind the last chunk", [&two[..], &[0]].concat(), 84);
    fails("chunk-past", "a chunk that the file does not have", chunks(message, 0b00101, &[(2, 5)]), 118);
    fails("chunk-of-withheld", "a chunk of a file whose descriptor is withheld", chunks(message, 0b00011, &[(2, 0)]), 118);
    fails("chunk-of-whole", "a chunk of a file whose key is shown", chunks(message, 0b01101, &[(2, 0)]), 118);
    fails("chunk-of-header", "a chunk of the header", chunks(message, 0b00101, &[(0, 0)]), 118);
    fails("chunk-of-preview", "a chunk of the preview", chunks(message, 0b10101, &[(4, 0)]), 118);
    fails("chunk-of-unknown", "a chunk of an attachment of unknown scheme", chunks(message, 0b10_0001, &[(5, 0)]), 118);
    fails("chunk-of-no-part", "a chunk of a part that the message does not have", chunks(message, 0b00101, &[(6, 0)]), 118);
    for (id, comment, parts) in [
        ("order", "a preview after a descriptor, committed to: all three are unknown", &[&descriptor[..], preview, key]),
        ("form", "a descriptor, key and preview out of form, committed to: they are unknown", &[&[1, 0], &[2], &[3, 0]]),
    ] {
        let odd = [Message::new(0x4b, text_with(parts))];
        file.passes(&format!("review-file-{id}"), comment, "review_openings", shown(&odd, &[odd[0].opening(0b1_1111)]));
    }

    let naming = |blobs: &[u8], opening: Vec<u8>| {
        let mut input = shown(&all, &[opening]);
        input["report_version"] = 3.into();
        input["blobs"] = hex(blobs).into();
        input
    };
    let good = blobs::encode(&[named(0, 2, BLOB)]);
    file.passes("review-blob", "a blob of a file of which chunks are shown", "review_openings", naming(&good, two.clone()));
    file.passes("review-blob-whole", "a blob of a file that is shown whole", "review_openings", naming(&good, message.opening(0b11_1111)));
    let mut fails = |id: &str, comment: &str, blobs: &[u8], opening: &[u8], check| {
        file.fails(&format!("review-blob-{id}"), comment, "review_openings", naming(blobs, opening.to_vec()), check);
    };
    let other = BlobId::from_bytes([0xb2; 32]);
    fails("another", "another blob than that of the file", &blobs::encode(&[named(0, 2, other)]), &two, 119);
    fails("of-descriptor", "a blob of a file whose descriptor alone is shown", &good, &message.opening(0b00101), 119);
    fails("of-key", "the blob in the place of the key", &blobs::encode(&[named(0, 3, BLOB)]), &two, 119);
    fails("of-withheld", "a blob of a file whose descriptor is withheld", &good, &message.opening(0b00011), 119);
    fails("of-unknown", "a blob of an attachment of unknown scheme", &blobs::encode(&[named(0, 5, BLOB)]), &message.opening(0b10_0001), 119);
    fails("of-no-part", "a blob of a part that the message does not have", &blobs::encode(&[named(0, 31, BLOB)]), &two, 119);
    unsealing(file, claims(&all, &Audience::Direct(account("bob"))), &two, &good);
}

/// A report of version 03 at the vault, and on its way to a reviewer.
fn unsealing(file: &mut Vectors, claims: String, opening: &[u8], blobs: &[u8]) {
    let key = ModerationKeyPair::import(&SECRET).unwrap();
    let openings = section(1, b"", &[opening.to_vec()]);
    let report = sealed_naming(&key, harness::unhex(&claims), blobs.to_vec(), &openings);
    let good = json!({ "moderation_key": hex(SECRET), "report": hex(wire::encode_as(3, &report)) });
    let unsealed = file.passes("unseal-blobs", "a report that names a blob", "unseal", good.clone());
    let mut moved = report;
    *moved.blobs.last_mut().unwrap() ^= 1;
    resign(&mut moved);
    file.fails("unseal-blob-another", "moved under another blob", "unseal", with(&good, "report", hex(wire::encode_as(3, &moved))), 83);
    let good = json!({ "unsealed": unsealed["unsealed"] });
    file.passes("unsealed-blobs", "a report that names a blob, on its way to a reviewer", "import_unsealed", good.clone());
    let at = 34 + harness::unhex(&claims).len(); // the length of the blobs
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut Vec<u8>)| {
        file.fails(&format!("unsealed-blobs-{id}"), comment, "import_unsealed", changed(&good, "unsealed", change), 116);
    };
    fails("none", "the count of blobs is 0", &|u| u[at + 2] = 0);
    fails("claim-past", "a blob of a second claim, where there is one", &|u| u[at + 3] = 1);
    fails("part-1", "a blob of the content", &|u| u[at + 4] = 1);
    fails("cut", "the length of the blobs is one less", &|u| u[at + 1] -= 1);
    fails("version-4", "of a report of version 04", &|u| u[1] = 4);
}

/// Reports of version 03 at the intake.
pub(super) fn reports(file: &mut Vectors) {
    let report = |blobs: Vec<u8>| {
        let mut claims = bytes_of(|out| device("bob", 7).put(out));
        claims.push(2);
        claim(0x11, "alice", to("bob"), 0).put(&mut claims);
        claim(0x22, "bob", to("alice"), 1_000).put(&mut claims);
        let sealed = report::seal(claims, vec![0x5e; 64]);
        let mut report = wire::ReportWithBlobs {
            claims: sealed.claims, moderation_key_fingerprint: sealed.moderation_key_fingerprint,
            encapsulated_key: sealed.encapsulated_key, sealed_openings: sealed.sealed_openings,
            blobs, reporter_mac: vec![],
        };
        resign(&mut report);
        wire::encode_as(3, &report)
    };
    let blob = |byte| BlobId::from_bytes([byte; 32]);
    let three = [named(0, 2, blob(1)), named(0, 31, blob(2)), named(1, 2, blob(1))];
    let good = to_accept(&report(blobs::encode(&three)));
    let accepted = file.passes("accept-blobs", "a report that names three blobs, two of them the same", "accept", good.clone());
    let queued = json!({ "accepted": accepted["accepted"], "acceptance_key": good["acceptance_key"], "id": good["id"] });
    file.passes("queued-blobs", "the same in the queue", "import_accepted", queued);
    let many: Vec<_> = (0..60).map(|at| named(at / 30, 2 + at % 30, blob(3))).collect();
    let most = [&[64], &blobs::encode(&many)[1..]].concat();
    file.passes("accept-60-blobs", "a blob of each attachment of both messages", "accept", to_accept(&report(blobs::encode(&many))));
    let mut fails = |id: &str, comment: &str, section: Vec<u8>, check| {
        file.fails(&format!("blobs-{id}"), comment, "accept", to_accept(&report(section)), check);
    };
    fails("none", "a count of 0 blobs", vec![0], 490);
    fails("count-past", "a count of 64 and 60 blobs", most, 490);
    fails("65", "65 blobs, one past the most", [&[65], [0u8; 34].repeat(65).as_slice()].concat(), 490);
    fails("cut", "the last byte of the last blob is missing", { let mut b = blobs::encode(&three); b.pop(); b }, 490);
    fails("extended", "a byte behind the last blob", [&blobs::encode(&three)[..], &[0]].concat(), 490);
    let entries = |entries: &[ReportedBlob]| blobs::encode(entries);
    fails("claims-descend", "blobs of two claims in descending order", entries(&[named(1, 2, BLOB), named(0, 2, BLOB)]), 490);
    fails("parts-descend", "blobs of two parts in descending order", entries(&[named(0, 3, BLOB), named(0, 2, BLOB)]), 490);
    fails("repeated", "two blobs of one part", entries(&[named(0, 2, BLOB), named(0, 2, blob(2))]), 490);
    fails("claim-past", "a blob of a third claim, where there are two", entries(&[named(2, 2, BLOB)]), 490);
    fails("part-1", "a blob of the content", entries(&[named(0, 1, BLOB)]), 490);
    fails("part-32", "a blob of part 32, one past the last", entries(&[named(0, 32, BLOB)]), 490);
    fails("absent", "no blobs in version 03", vec![], 490);
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut Vec<u8>), check| {
        file.fails(&format!("blobs-{id}"), comment, "accept", changed(&good, "report", change), check);
    };
    fails("mac-bit", "the last bit of the last blob, under the MAC of another", &|report| { let at = report.len() - 35; report[at] ^= 1; }, 74);
    fails("as-2", "a report of version 03 with the version byte 02", &|report| report[0] = 2, 53);
}

/// Makes the reporter MAC of a report of version 03 again.
pub(super) fn resign(report: &mut wire::ReportWithBlobs) {
    let mut message = labels::REPORTER_3.to_vec();
    for section in [&report.claims, &report.moderation_key_fingerprint, &report.encapsulated_key, &report.sealed_openings, &report.blobs] {
        codec::put_long(&mut message, section);
    }
    report.reporter_mac = mac::hmac(&[0x44; 32], &[&message]).to_vec();
}
