//! Makes `franking.json`: commitments, and payloads as a recipient opens them.

use zeroize::Zeroizing;

use super::*;
use crate::format::Format;
use crate::franking::{Commitment, FrankingKey, Origin};
use crate::franked::Franked;
use crate::parts::{Parts, encode_parts};
use crate::tests::world::{account, bytes_of, device, header_1};
use crate::{open, padding};

#[rustfmt::skip]
mod contents;

fn parts_of(input: Input<'_>) -> (FrankingKey, Vec<u8>) {
    let parts: Vec<_> = input.list("parts").iter().map(|part| part.bytes()).collect();
    let encoded = encode_parts(parts.iter().map(Vec::as_slice));
    (FrankingKey::from_bytes(input.get("franking_key").array()), encoded)
}

/// The tag of a message of format 01.
pub(super) fn commit_1(input: Input<'_>) -> Outcome {
    let (key, encoded) = parts_of(input);
    let tag = Franked::new(&key, &encoded).tag_1();
    Ok(json!({ "franking_tag": hex(tag.as_bytes()) }))
}

pub(super) fn commit(input: Input<'_>) -> Outcome {
    let (key, encoded) = parts_of(input);
    let commitment = Commitment::new(&key, &Parts::parse(&encoded).unwrap());
    let sender = sender_of(input.get("sender"));
    let origin = Origin { format: Format::V2, sender: &sender, conversation: conversation_of(input) };
    Ok(json!({
        "root_key": hex(*commitment.root_key),
        "part_keys": commitment.parts.iter().map(|(key, _)| hex(**key)).collect::<Vec<_>>(),
        "part_commitments": commitment.parts.iter().map(|(_, c)| hex(c)).collect::<Vec<_>>(),
        "franking_tag": hex(commitment.tag(&origin).as_bytes()),
        "plaintext": hex(Franked::new(&key, &encoded).padded()),
    }))
}

pub(super) fn header_json(header: &PayloadHeader) -> Value {
    json!({
        "sequence": header.sequence,
        "sent_ms": header.sent_at.as_millis(),
        "forwards": header.forward_count,
        "expires_after_secs": header.expires_after_secs,
        "last_seen": header.last_seen.map(|tag| hex(tag.as_bytes())),
        "reply_to": header.reply_to.map(|tag| hex(tag.as_bytes())),
        "extensions": header.extensions.iter().map(|(kind, value)| {
            json!({ "number": kind, "value": hex(value) })
        }).collect::<Vec<_>>(),
    })
}

fn attachment_json(attachment: &Attachment) -> Value {
    match attachment {
        Attachment::WholeFile(file) => json!({
            "scheme": 0,
            "size": file.size_bytes(),
            "ciphertext_digest": hex(file.ciphertext_digest()),
            "plaintext_digest": hex(file.plaintext_digest()),
            "key": hex(file.key().as_bytes()),
            "media_type": file.media_type(),
            "location": file.location(),
        }),
        Attachment::File(file) => json!({
            "scheme": 1,
            "size": file.descriptor().size_bytes(),
            "root": hex(file.descriptor().root().as_bytes()),
            "media_type": file.descriptor().media_type(),
            "name": file.descriptor().name(),
            "location": file.descriptor().location(),
            "blob": file.descriptor().blob().map(|blob| hex(blob.as_bytes())),
            "key": hex(file.key().as_bytes()),
            "preview": file.preview().map(|preview| json!({
                "media_type": preview.media_type(), "picture": hex(preview.picture()),
            })),
        }),
        Attachment::Unknown(unknown) => json!({
            "scheme": unknown.scheme(), "description_len": unknown.description_len(),
        }),
    }
}

pub(super) fn open_payload(input: Input<'_>) -> Outcome {
    let plaintext = Zeroizing::new(input.get("plaintext").bytes());
    let (sender, conversation) = (sender_of(input.get("sender")), conversation_of(input));
    let (parsed, franked) =
        open::check(plaintext, &tag_of(input), &sender, &conversation).map_err(refused)?;
    Ok(json!({
        "franking_key": hex(&franked.as_bytes()[..32]),
        "header": header_json(parsed.header()),
        "content": formats::content_json(parsed.content()),
        "attachments": parsed.attachments().iter().map(attachment_json).collect::<Vec<_>>(),
    }))
}

const FRANKING_KEY: [u8; 32] = [0x4b; 32];

fn conversation_of(input: Input<'_>) -> ConversationId {
    ConversationId::from_bytes(input.get("conversation").array())
}

/// Adds sender and conversation to an input.
fn from_alice(mut input: Value) -> Value {
    input["sender"] = sender_json(&device("alice", 1));
    input["conversation"] = hex(conversation().as_bytes()).into();
    input
}

pub(super) fn conversation() -> ConversationId {
    ConversationId::direct(&account("alice"), &account("bob"))
}

fn header() -> PayloadHeader {
    PayloadHeader::new(3, Timestamp::from_millis(NOON.as_millis() - 250))
}

/// The parts of a payload.
pub(super) fn parts(content: Content, attachments: Vec<Attachment>) -> Vec<Vec<u8>> {
    let mut header = header();
    if !attachments.is_empty() {
        header.last_seen = Some(FrankingTag::from_bytes([0x5e; 32]));
        header.reply_to = Some(FrankingTag::from_bytes([0x7e; 32]));
        header.forward_count = 2;
        header.expires_after_secs = 86_400;
    }
    let payload = Payload::with_attachments(header, content, attachments).unwrap();
    let franked = payload.franked(&FrankingKey::from_bytes(FRANKING_KEY));
    franked.parts().iter().map(<[u8]>::to_vec).collect()
}

pub(super) fn text(text: &str) -> Vec<Vec<u8>> {
    parts(Content::Text(text.to_owned()), vec![])
}

/// The parts of a text in format 01, which has the conversation in its header.
pub(super) fn text_1(text: &str, conversation: ConversationId) -> Vec<Vec<u8>> {
    vec![header_1(conversation, &header()), [&[1], text.as_bytes()].concat()]
}

/// The parts of a payload whose header has these extensions.
fn extended(extensions: &[(u16, &[u8])], attachments: Vec<Attachment>) -> Vec<Vec<u8>> {
    let mut header = header();
    header.extensions = Extensions::unassigned(extensions).unwrap();
    let payload = Payload::with_attachments(header, Content::Text("Hello, world".into()), attachments).unwrap();
    let franked = payload.franked(&FrankingKey::from_bytes(FRANKING_KEY));
    franked.parts().iter().map(<[u8]>::to_vec).collect()
}

fn attachment() -> Attachment {
    let key = AttachmentKey::from_bytes([0x6b; 32]);
    WholeFile::new("image/png", b"picture", b"cipher", key, "blob/1").unwrap().into()
}

/// The input of `open_payload` for any parts, under the tag that commits to them.
fn committed(parts: &[Vec<u8>]) -> Value {
    let key = FrankingKey::from_bytes(FRANKING_KEY);
    let encoded = encode_parts(parts.iter().map(Vec::as_slice));
    sealed(&[key.as_bytes().as_slice(), &encoded].concat())
}

/// The input of `open_payload` for any unpadded bytes. If they are not parts, the tag is arbitrary.
fn sealed(unpadded: &[u8]) -> Value {
    let franked = Franked::from_bytes(unpadded);
    let tag = franked.map_or([0x54; 32], |franked| {
        *franked.tag_from(&device("alice", 1), conversation()).as_bytes()
    });
    let mut plaintext = unpadded.to_vec();
    padding::pad(&mut plaintext);
    from_alice(json!({ "plaintext": hex(plaintext), "franking_tag": hex(tag) }))
}

#[test]
fn franking() {
    let mut file = Vectors::new(
        CRATE,
        "franking.json",
        "Commitments to a payload's parts, the padded plaintext, and what a recipient makes of a plaintext. SPEC.md, “Payload”, “Derivations”.",
        "franking key 32 x 4b; tags, keys and digests are single bytes repeated or the SHA-256 of short texts",
    );
    passing(&mut file);
    padding_and_parts(&mut file);
    commitments(&mut file);
    contents::contents(&mut file);
    attachments(&mut file);
    attached::payloads(&mut file, &committed);
    file.finish();
}

fn group() -> ConversationId {
    ConversationId::group(b"chess club")
}

fn passing(file: &mut Vectors) {
    let tag = |byte| FrankingTag::from_bytes([byte; 32]);
    let cases = [
        ("text", "text of two parts", text("Hello, world")),
        ("attachment", "empty caption, every field of the header, one attachment",
            parts(Content::Text(String::new()), vec![attachment()])),
        ("padme", "text past 1,024 bytes: padded to the next Padmé length", text(&"long ".repeat(400))),
        ("full-block", "padded to 192 bytes exactly: one byte of padding", text(&"x".repeat(127))),
        ("edit", "an edit, text in UTF-8", parts(Content::Edit { of: tag(0x21), text: "naïve ☂".into() }, vec![])),
        ("deletion", "a deletion", parts(Content::Deletion { of: tag(0x22) }, vec![])),
        ("reaction", "a reaction of 64 bytes, the most", parts(Content::Reaction { to: tag(0x23), reaction: "x".repeat(64) }, vec![])),
        ("application", "an application's own content", parts(Content::Application { kind: "text/x-poll".into(), body: vec![0, 1, 2] }, vec![])),
        ("invitation", "an invitation with a title of 255 bytes, the most", parts(Content::Invitation { group: group(), title: "x".repeat(255) }, vec![])),
        ("acceptance", "the acceptance of an invitation", parts(Content::Acceptance { group: group() }, vec![])),
        ("leave", "a message that the sender leaves", parts(Content::GroupLeave, vec![])),
        ("profile", "a group's title, without a picture", parts(Content::GroupProfile { title: "Schach ☂".into(), picture: vec![] }, vec![])),
        ("profile-longest", "a picture of 32,768 bytes, the most", parts(Content::GroupProfile { title: String::new(), picture: vec![0x47; 32_768] }, vec![])),
        ("timer", "a timer of one day", parts(Content::Timer { after_secs: 86_400 }, vec![])),
        ("timer-off", "a timer of 0 seconds, which is off", parts(Content::Timer { after_secs: 0 }, vec![])),
        ("unknown-kind", "content of kind 11, which is unknown: kept, and not shown", parts(Content::Unknown { kind: 11, body: b"later".into() }, vec![])),
        ("unknown-kind-alone", "content of kind 255 and no more bytes", parts(Content::Unknown { kind: 255, body: vec![] }, vec![])),
        ("unknown-scheme", "an attachment of scheme 4, which is unknown, after one of scheme 0",
            [parts(Content::Text("x".into()), vec![attachment()]), vec![vec![4, 2, 3]]].concat()),
        ("extensions", "two extensions that are not critical: kept and ignored", extended(&[(1, b"later"), (0x7fff, b"")], vec![])),
        ("extensions-longest", "extensions of 1,024 bytes with types and lengths, the most", extended(&[(1, &[7; 500]), (2, &[7; 516])], vec![])),
        ("extension-critical", "a critical extension that is unknown: text and attachment are kept, and shown as unknown",
            extended(&[(1, b""), (0x8000, b"later")], vec![attachment()])),
    ];
    for (id, comment, parts) in cases {
        let hexes: Vec<_> = parts.iter().map(hex).collect();
        let input = from_alice(json!({ "franking_key": hex(FRANKING_KEY), "parts": hexes }));
        let out = file.passes(&format!("commit-{id}"), comment, "commit", input);
        let input = from_alice(json!({ "plaintext": out["plaintext"], "franking_tag": out["franking_tag"] }));
        file.passes(&format!("open-{id}"), comment, "open_payload", input);
    }
    let old: Vec<_> = text_1("Hello, world", conversation()).iter().map(hex).collect();
    let input = json!({ "franking_key": hex(FRANKING_KEY), "parts": old });
    file.passes("commit-1-text", "the tag of a text in format 01", "commit_1", input);
    let most = [text("").remove(0), [&[1], vec![b'x'; 65_504].as_slice()].concat()];
    let most = committed(&most);
    file.passes("open-longest", "parts of 65,536 bytes with their count and lengths, the most", "open_payload", most);
}

fn padding_and_parts(file: &mut Vectors) {
    let good = committed(&text("Hello, world"));
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "open_payload", input, check);
    };
    fails("padding-block-more", "64 zeros too many behind the padding", changed(&good, "plaintext", |p| p.extend([0; 64])), 56);
    fails("padding-block-less", "the last zero is missing", changed(&good, "plaintext", |p| { p.pop(); }), 56);
    fails("padding-mark-81", "the padding begins with 81 instead of 80", flip_mark(&good, 0x01), 56);
    fails("padding-mark-gone", "there is no 80", flip_mark(&good, 0x80), 56);
    fails("padding-not-zero", "the last byte of the padding is 01", flipped(&good, "plaintext", -1, 1), 56);
    fails("plaintext-too-long", "69,632 bytes where 67,584 are the most, rightly padded", sealed(&[1; 68_000]), 56);
    fails("plaintext-empty", "no bytes at all", with(&good, "plaintext", ""), 56);
    fails("plaintext-zeros", "64 zeros", with(&good, "plaintext", hex([0; 64])), 56);
    let long = committed(&text(&"long ".repeat(400)));
    fails("padding-not-padme", "padded to a multiple of 64 above 1,024 bytes where Padmé goes further",
        changed(&long, "plaintext", |p| { let at = p.iter().rposition(|b| *b != 0).unwrap() + 1; p.truncate(at.next_multiple_of(64)); }), 56);

    let key = FRANKING_KEY.as_slice();
    let raw = |parts: &[u8]| sealed(&[key, parts].concat());
    let encoded = encode_parts(text("Hello, world").iter().map(Vec::as_slice));
    fails("parts-count-zero", "a count of 0 parts and nothing behind", raw(&[0]), 57);
    fails("parts-count-one", "one part: no content", committed(&text("")[..1]), 57);
    fails("parts-count-33", "33 parts, one past the most", committed(&[text("").as_slice(), &vec![vec![]; 31]].concat()), 57);
    fails("parts-count-more", "the count says 3 and there are 2", raw(&[&[3], &encoded[1..]].concat()), 57);
    fails("parts-trailing", "a byte behind the last part", raw(&[encoded.as_slice(), &[1]].concat()), 57);
    fails("parts-cut", "the last byte of the last part is missing", raw(&encoded[..encoded.len() - 1]), 57);
    fails("parts-length-huge", "a length of ffffffff", raw(&[2, 0xff, 0xff, 0xff, 0xff]), 57);
    fails("parts-key-cut", "31 bytes: not even a franking key", sealed(&[0x4b; 31]), 57);
    let past = [text("").remove(0), [&[1], vec![b'x'; 65_505].as_slice()].concat()];
    fails("parts-too-long", "parts of 65,537 bytes, one past the most", committed(&past), 57);
}

/// Changes the first byte of the padding, which is the mark `0x80`.
fn flip_mark(input: &Value, mask: u8) -> Value {
    changed(input, "plaintext", |plaintext| {
        let at = plaintext.iter().rposition(|byte| *byte != 0).unwrap();
        plaintext[at] ^= mask;
    })
}

fn commitments(file: &mut Vectors) {
    let good = committed(&text("Hello, world"));
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "open_payload", input, check);
    };
    fails("tag-first-bit", "the first bit of the tag", flipped(&good, "franking_tag", 0, 0x80), 61);
    fails("tag-last-bit", "the last bit of the tag", flipped(&good, "franking_tag", -1, 1), 61);
    fails("tag-zeros", "a tag of zeros", with(&good, "franking_tag", hex([0; 32])), 61);
    fails("key-bit", "one bit of the franking key", flipped(&good, "plaintext", 0, 1), 61);
    fails("header-bit", "one bit of the sequence number", flipped(&good, "plaintext", 45, 1), 61);
    fails("text-bit", "one bit of the text", flipped(&good, "plaintext", 68, 1), 61);
    let other = committed(&text("Hello, World"));
    fails("tag-of-another-text", "the tag of a text with another capital", with(&good, "franking_tag", other["franking_tag"].clone()), 61);
    let two = parts(Content::Text("x".into()), vec![attachment(), {
        let key = AttachmentKey::from_bytes([0x6c; 32]);
        WholeFile::new("image/png", b"another", b"cipher", key, "blob/2").unwrap().into()
    }]);
    let swapped = [two[0].clone(), two[1].clone(), two[3].clone(), two[2].clone()];
    fails("attachments-swapped", "two attachments in the other order, under the tag of the right one",
        with(&committed(&swapped), "franking_tag", committed(&two)["franking_tag"].clone()), 61);
    fails("attachment-dropped", "an attachment left out, under the tag that has it",
        with(&committed(&two[..3]), "franking_tag", committed(&two)["franking_tag"].clone()), 61);
    fails("another-conversation", "opened in another conversation than it was written for",
        with(&good, "conversation", hex(ConversationId::group(b"chess club").as_bytes())), 61);
    fails("conversation-bit", "the last bit of the conversation", flipped(&good, "conversation", -1, 1), 61);
    let from = |account: &str, device: u32| with(&good, "sender", json!({ "account": account, "device": device }));
    fails("another-sender", "sent on by the recipient, under the tag of Alice's message", from("bob", 1), 61);
    fails("another-device", "opened as from another device of Alice's", from("alice", 2), 61);
    fails("sender-shorter", "an account that lacks the last letter, with a device that begins with it", from("alic", 0x6500_0000), 61);
    let old = text_1("Hello, world", conversation());
    let tag = Franked::new(&FrankingKey::from_bytes(FRANKING_KEY), &encode_parts(old.iter().map(Vec::as_slice))).tag_1();
    fails("format-1", "a message of format 01 under its own tag", with(&committed(&old), "franking_tag", hex(tag.as_bytes())), 61);
    let tag = Franked::new(&FrankingKey::from_bytes(FRANKING_KEY), &encode_parts(text("Hello, world").iter().map(Vec::as_slice))).tag_1();
    fails("tag-of-format-1", "a message under the tag that format 01 would give it", with(&good, "franking_tag", hex(tag.as_bytes())), 61);
    neighbours::payloads(file, &good, &committed);
}

fn attachments(file: &mut Vectors) {
    let good = bytes_of(|out| attachment().put(out))[4..].to_vec();
    let (fixed, media, location) = (&good[..105], &good[106..115], &good[117..]);
    let join = |media: &[u8], location: &[u8]| {
        let lens = (u8::try_from(media.len()).unwrap(), u16::try_from(location.len()).unwrap());
        [fixed, &[lens.0], media, &lens.1.to_be_bytes(), location].concat()
    };
    assert_eq!(join(media, location), good);
    let cases = [
        ("attachment-empty", "an attachment without a scheme", vec![]),
        ("attachment-scheme-alone", "scheme 0 and no more bytes", vec![0]),
        ("attachment-of-format-1", "an attachment as in format 01, without its scheme", good[1..].to_vec()),
        ("attachment-cut", "the last byte of the location is missing", good[..good.len() - 1].to_vec()),
        ("attachment-extended", "a byte behind the attachment", [good.as_slice(), &[0]].concat()),
        ("attachment-fixed-cut", "cut within the key", good[..100].to_vec()),
        ("attachment-media-128", "a media type of 128 bytes, one past the most", join(&[b'm'; 128], location)),
        ("attachment-location-2049", "a location of 2,049 bytes, one past the most", join(media, &[b'l'; 2_049])),
        ("attachment-media-control", "a line feed in the media type", join(b"image\npng", location)),
        ("attachment-location-not-ascii", "a location that is not ASCII", join(media, "blob/é".as_bytes())),
    ];
    let at_the_limits = join(&[b'm'; 127], &[b'l'; 2_048]);
    let with_attachment = |part: Vec<u8>| committed(&[text("").as_slice(), &[part]].concat());
    file.passes("attachment-longest", "media type and location of their most", "open_payload", with_attachment(at_the_limits));
    file.passes("attachment-bare", "media type and location may be empty", "open_payload", with_attachment(join(b"", b"")));
    for (id, comment, part) in cases {
        file.fails(id, comment, "open_payload", with_attachment(part), 60);
    }
}
