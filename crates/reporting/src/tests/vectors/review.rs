//! Makes `review.json`, and its vectors for openings against their claims.

use super::unseal::ID;
use super::*;
use crate::format::Format;
use crate::franking::{Commitment, FrankingKey, Origin};
use crate::parts::{Parts, encode_parts};
use crate::tests::world::{account, device};
use crate::{codec, padding};

/// The unsealed report of these claims and openings, of this version.
fn unsealed(version: u8, claims: &[u8], blobs: Option<Vec<u8>>, openings: &[u8]) -> Vec<u8> {
    let mut bytes = vec![2, version];
    bytes.extend_from_slice(&ID);
    bytes.extend_from_slice(&NOON.as_millis().to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    codec::put_long(&mut bytes, claims);
    if let Some(blobs) = blobs {
        codec::put_medium(&mut bytes, &blobs);
    }
    bytes.extend_from_slice(openings);
    bytes
}

/// Reviews the openings of an unsealed report of this version.
pub(super) fn review_openings(input: Input<'_>) -> Outcome {
    let version = input.get("report_version").number();
    let blobs = input.optional("blobs").map(|blobs| blobs.bytes());
    let bytes = unsealed(version, &input.get("claims").bytes(), blobs, &input.get("openings").bytes());
    let verified = review(UnsealedReport::decode(&bytes).map_err(refused)?).map_err(refused)?;
    let message = |message: &VerifiedMessage| {
        let shown = message.parts().iter().enumerate();
        let shown: serde_json::Map<_, _> = shown
            .filter_map(|(index, part)| match part {
                VerifiedPart::Shown(part) => Some((index.to_string(), hex(&**part).into())),
                VerifiedPart::Withheld => None,
            })
            .collect();
        let mut seen = json!({
            "tag_names_sender": message.tag_names_sender(),
            "header": franking::header_json(message.header()), "parts": message.parts().len(), "shown": shown,
        });
        if !message.files().is_empty() {
            seen["files"] = message.files().iter().map(file_json).collect();
        }
        seen
    };
    let messages: Vec<_> = verified.messages().iter().map(message).collect();
    let mut shown = json!({ "reason": verified.reason().number(), "note": verified.note(), "messages": messages });
    if let Some(account) = verified.about_account() {
        shown["account"] = account.as_str().into();
    }
    Ok(shown)
}

fn file_json(file: &VerifiedFile) -> Value {
    let mut seen = json!({
        "part": file.part(), "size": file.descriptor().size_bytes(), "root": hex(file.descriptor().root().as_bytes()),
        "preview": file.preview().map(|preview| hex(preview.picture())), "blob": file.blob().map(|blob| hex(blob.as_bytes())),
        "key": null, "chunks": [],
    });
    match file.access() {
        FileAccess::Descriptor => {}
        FileAccess::Whole(key) => seen["key"] = hex(key.as_bytes()).into(),
        FileAccess::Chunks(chunks) => {
            let chunks = chunks.iter().map(|(index, key)| json!({ "index": index, "key": hex(key.as_bytes()) }));
            seen["chunks"] = chunks.collect();
        }
    }
    seen
}

/// One message with its commitment.
pub(super) struct Message {
    format: Format,
    tag: FrankingTag,
    pub(super) parts: Vec<Vec<u8>>,
    commitment: Commitment,
}

impl Message {
    pub(super) fn new(key: u8, parts: Vec<Vec<u8>>) -> Self {
        Self::of(Format::V2, key, parts)
    }

    pub(super) fn of(format: Format, key: u8, parts: Vec<Vec<u8>>) -> Self {
        let encoded = encode_parts(parts.iter().map(Vec::as_slice));
        let key = FrankingKey::from_bytes([key; 32]);
        let commitment = Commitment::new(&key, &Parts::parse(&encoded).unwrap());
        let origin = Origin { format, sender: &device("alice", 1), conversation: franking::conversation() };
        Self { format, tag: commitment.tag(&origin), parts, commitment }
    }

    /// An opening with its version that shows the parts with these bits.
    pub(super) fn opening(&self, shown: u32) -> Vec<u8> {
        [vec![self.format.version()], self.opening_1(shown)].concat()
    }

    /// An opening without its version, as in a report of version 01.
    pub(super) fn opening_1(&self, shown: u32) -> Vec<u8> {
        let mut out = vec![u8::try_from(self.parts.len()).unwrap()];
        out.extend_from_slice(&*self.commitment.root_key);
        for (_, commitment) in &self.commitment.parts {
            out.extend_from_slice(commitment);
        }
        out.extend_from_slice(&shown.to_be_bytes());
        for (index, (part, (key, _))) in self.parts.iter().zip(&self.commitment.parts).enumerate() {
            if shown >> index & 1 == 1 {
                out.extend_from_slice(&**key);
                codec::put_long(&mut out, part);
            }
        }
        out
    }
}

/// Two messages from Alice to Bob.
pub(super) fn messages() -> [Message; 2] {
    [Message::new(0x4b, franking::text("Hello, world")), Message::new(0x4c, franking::text("again"))]
}

pub(super) fn claims(messages: &[Message], audience: &Audience) -> String {
    let mut out = Vec::new();
    device("bob", 7).put(&mut out);
    out.push(u8::try_from(messages.len()).unwrap());
    let keys = StampKeys::new(&[0x52; 32], 19_990, "eu").unwrap();
    for (after, message) in (0..).zip(messages) {
        let time = Timestamp::from_millis(NOON.as_millis() + after);
        let claim = keys.stamp_tag(&message.tag, &device("alice", 1), audience, time).unwrap();
        claim.put(&mut out);
    }
    hex(out)
}

/// The padded plaintext of a sealed section.
pub(super) fn section(reason: u8, note: &[u8], openings: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![reason];
    codec::put_medium(&mut out, note);
    out.push(u8::try_from(openings.len()).unwrap());
    out.extend(openings.concat());
    padding::pad(&mut out);
    out
}

pub(super) fn input(messages: &[Message], openings: &[Vec<u8>]) -> Value {
    let bob = Audience::Direct(account("bob"));
    json!({
        "report_version": 2, "claims": claims(messages, &bob),
        "openings": hex(section(1, b"a note", openings)),
    })
}

#[test]
fn reviews() {
    let mut file = Vectors::new(
        CRATE,
        "review.json",
        "Moderation keys, sealed sections, and openings against the claims they were sealed under. SPEC.md, “Wire messages”, “Derivations”, “Checks”.",
        "moderation key from the seed 32 x 5d; messages with franking keys 32 x 4b and 32 x 4c, stamped with the keys of stamp.json",
    );
    unseal::moderation_keys(&mut file);
    unseal::sealing(&mut file);
    opening(&mut file);
    forms(&mut file);
    commitments(&mut file);
    committed_but_wrong(&mut file);
    formats::later_versions(&mut file);
    formats::format_1(&mut file);
    transcript::transcripts(&mut file);
    about::reviews(&mut file);
    attached::reviews(&mut file);
    file.finish();
}

fn opening(file: &mut Vectors) {
    let all = messages();
    let [one, two] = &all;
    let passes = [
        ("review-whole", "both messages whole", [one.opening(0b11), two.opening(0b11)]),
        ("review-headers", "of both the header alone: the content stays hidden", [one.opening(0b01), two.opening(0b01)]),
    ];
    for (id, comment, openings) in passes {
        file.passes(id, comment, "review_openings", input(&all, &openings));
    }
    let bob = Audience::Direct(account("bob"));
    let longest = section(16, &[b'n'; 2_000], &[one.opening(0b11), two.opening(0b11)]);
    let longest = json!({ "report_version": 2, "claims": claims(&all, &bob), "openings": hex(longest) });
    file.passes("review-note-2000", "the last reason, a note of 2,000 bytes, the most", "review_openings", longest);
    file.fails("review-one-missing", "one opening for two claims", "review_openings", input(&all, &[one.opening(0b11)]), 85);
    let three = [one.opening(0b11), two.opening(0b11), two.opening(0b11)];
    file.fails("review-one-more", "three openings for two claims", "review_openings", input(&all, &three), 85);
    file.fails("review-none", "no openings for two claims", "review_openings", input(&all, &[]), 85);
    file.fails("review-header-withheld", "the content without the header", "review_openings", input(&all, &[one.opening(0b10), two.opening(0b11)]), 88);
    file.fails("review-nothing-shown", "nothing is shown of the second", "review_openings", input(&all, &[one.opening(0b11), two.opening(0)]), 88);
}

fn forms(file: &mut Vectors) {
    let all = messages();
    let [one, two] = &all;
    let openings = [one.opening(0b11), two.opening(0b11)];
    let good = input(&all, &openings);
    let mut fails = |id: &str, comment: &str, bytes: Vec<u8>| {
        file.fails(id, comment, "review_openings", with(&good, "openings", hex(bytes)), 84);
    };
    let padded = |bytes: &[u8]| { let mut bytes = bytes.to_vec(); padding::pad(&mut bytes); bytes };
    let whole = section(1, b"a note", &openings);
    let plain = &whole[..whole.iter().rposition(|byte| *byte != 0).unwrap()];
    fails("openings-empty", "no bytes at all", vec![]);
    fails("openings-unpadded", "without padding", plain.to_vec());
    fails("openings-block-more", "64 zeros too many behind the padding", [whole.as_slice(), &[0; 64]].concat());
    fails("openings-extended", "a byte behind the last opening", padded(&[plain, &[0]].concat()));
    fails("openings-cut", "the last byte of the last opening is missing", padded(&plain[..plain.len() - 1]));
    fails("openings-reason-0", "a reason 0", section(0, b"", &openings));
    fails("openings-reason-17", "a reason 17, one past the last", section(17, b"", &openings));
    fails("openings-note-2001", "a note of 2,001 bytes, one past the most", section(1, &[b'n'; 2_001], &openings));
    fails("openings-note-not-utf8", "a note that is not UTF-8", section(1, &[0xff], &openings));
    fails("openings-31", "31 openings, one past the most", section(1, b"", &vec![openings[0].clone(); 31]));
    let second = |change: &dyn Fn(&mut Vec<u8>)| { let mut two = openings[1].clone(); change(&mut two); section(1, b"", &[openings[0].clone(), two]) };
    fails("openings-count-1", "a message of one part", second(&|o| o[1] = 1));
    fails("openings-count-33", "a message of 33 parts", second(&|o| { o[1] = 33; o.splice(34..34, [0; 31 * 32]); }));
    fails("openings-shown-past", "the bit of a part 2 in a message of two", second(&|o| o[2 + 32 + 64 + 3] |= 4));
    fails("openings-shown-top-bit", "the bit of part 31 in a message of two", second(&|o| o[2 + 32 + 64] |= 0x80));
    fails("openings-part-length", "a part longer than what is left", second(&|o| o[2 + 32 + 64 + 4 + 32] = 0xff));
    let mut version = |id: &str, comment: &str, openings: Vec<u8>| {
        file.fails(id, comment, "review_openings", with(&good, "openings", hex(openings)), 97);
    };
    version("opening-version-0", "the second opening has version 0", second(&|o| o[0] = 0));
    version("opening-version-4", "the second opening has version 4", second(&|o| o[0] = 4));
    version("opening-version-first", "the first opening has version 255", { let mut one = openings[0].clone(); one[0] = 0xff; section(1, b"", &[one, openings[1].clone()]) });
    file.fails("openings-without-versions", "openings without a version in a report of version 02", "review_openings", with(&good, "openings", hex(section(1, b"", &[one.opening_1(0b11), two.opening_1(0b11)]))), 84);
}

fn commitments(file: &mut Vectors) {
    let all = messages();
    let [one, two] = &all;
    let mut fails = |id: &str, comment: &str, first: Vec<u8>, check| {
        let input = input(&all, &[first, two.opening(0b11)]);
        file.fails(id, comment, "review_openings", input, check);
    };
    let edit = |at: usize| { let mut opening = one.opening(0b11); opening[at] ^= 1; opening };
    fails("opening-root-key", "one bit of the root key", edit(2), 86);
    fails("opening-first-commitment", "one bit of the first commitment", edit(34), 86);
    fails("opening-second-commitment", "one bit of the second commitment", edit(66), 86);
    fails("opening-of-the-other", "the opening of the other message", two.opening(0b11), 86);
    let mut swapped = one.opening(0b11);
    swapped[34..98].rotate_left(32);
    fails("opening-commitments-swapped", "the two commitments swapped", swapped, 86);
    let extra = Message::new(0x4b, [one.parts.as_slice(), &[vec![]]].concat());
    fails("opening-other-version", "the other version: a tag of format 01 does not name its sender", { let mut o = one.opening(0b11); o[0] = 1; o }, 86);
    fails("opening-part-more", "a part more than was committed to", extra.opening(0b011), 86);
    fails("opening-header-key", "one bit of the header's key", edit(102), 87);
    fails("opening-header-bit", "one bit of the header's sequence number", edit(102 + 32 + 4 + 8), 87);
    fails("opening-text-bit", "the last bit of the text", { let mut o = one.opening(0b11); *o.last_mut().unwrap() ^= 1; o }, 87);
    let mut shorter = one.opening(0b11);
    shorter.pop();
    let at = shorter.len() - 12 - 1;
    shorter[at] -= 1;
    fails("opening-text-shorter", "the last letter left out, the length with it", shorter, 87);
    // Swaps the two parts, each together with its key. Review must fail, because the commitment to
    // a part also covers the part's number.
    let (key_0, key_1) = (&one.commitment.parts[0].0, &one.commitment.parts[1].0);
    let mut exchanged = one.opening(0)[..98].to_vec();
    exchanged.extend_from_slice(&3_u32.to_be_bytes());
    for (key, part) in [(key_1, &one.parts[1]), (key_0, &one.parts[0])] {
        exchanged.extend_from_slice(&**key);
        codec::put_long(&mut exchanged, part);
    }
    fails("opening-parts-exchanged", "the two parts in each other's place, each with its key", exchanged, 87);
    let both = [two.opening(0b11), one.opening(0b11)];
    file.fails("openings-swapped", "the two openings in the other order", "review_openings", input(&all, &both), 86);
}

fn committed_but_wrong(file: &mut Vectors) {
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut Vec<Vec<u8>>), check| {
        let mut parts = franking::text("Hello, world");
        change(&mut parts);
        let message = Message::new(0x4b, parts);
        let shown = (1 << message.parts.len()) - 1;
        let opening = message.opening(shown);
        file.fails(id, comment, "review_openings", input(&[message], &[opening]), check);
    };
    fails("header-flag-unknown", "a header with an unknown flag, committed to", &|p| p[0][0] = 4, 90);
    fails("header-cut", "a header of 21 bytes, committed to", &|p| { p[0].pop(); }, 90);
    fails("header-extended", "a byte after the header, committed to", &|p| p[0].push(0), 90);
    fails("extensions-descend", "extensions in descending order, committed to", &|p| p[0].extend([0, 2, 0, 0, 0, 1, 0, 0]), 90);
    fails("extensions-repeated", "two extensions of one type, committed to", &|p| p[0].extend([0, 1, 0, 0, 0, 1, 0, 0]), 90);
    fails("extensions-1025", "extensions of 1,025 bytes, committed to", &|p| p[0].extend([&[0, 1, 3, 0xfd], [7; 1_021].as_slice()].concat()), 90);
    fails("extension-cut", "an extension that is shorter than its length says, committed to", &|p| p[0].extend([0, 1, 0, 2, 7]), 90);
    fails("critical-not-utf8", "text that is not UTF-8 under an unknown critical extension, committed to", &|p| { p[0].extend([0x80, 0, 0, 0]); p[1].push(0xff); }, 90);
    fails("critical-attachment-cut", "an attachment of scheme 0 and no more, under an unknown critical extension, committed to", &|p| { p[0].extend([0x80, 0, 0, 0]); p.push(vec![0]); }, 90);
    fails("attachment-empty", "an attachment of no bytes, committed to", &|p| p.push(vec![]), 90);
    fails("content-empty", "content of no bytes, committed to", &|p| p[1].clear(), 90);
    fails("content-not-utf8", "text that is not UTF-8, committed to", &|p| p[1].push(0xff), 90);
    fails("attachment-cut", "an attachment of one byte, committed to", &|p| p.push(vec![0]), 90);
    let message = Message::new(0x4b, franking::text("Hello, world"));
    let opening = section(1, b"", &[message.opening(0b11)]);
    let group = Audience::Group(ConversationId::group(b"chess club"));
    let input = json!({ "report_version": 2, "claims": claims(&[message], &group), "openings": hex(opening) });
    file.fails("stamped-in-another", "stamped in a group, written for the direct conversation", "review_openings", input, 86);
}
