//! The part of `franking.json` about headers and contents out of form.

use super::*;

/// The input of `open_payload` with a given first or second part, under a tag that commits to it.
fn with_part(at: usize, part: Vec<u8>) -> Value {
    let mut parts = text("");
    parts[at] = part;
    committed(&parts)
}

pub(super) fn contents(file: &mut Vectors) {
    let header = text("").remove(0);
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "open_payload", input, check);
    };
    fails("header-empty", "a header of no bytes", with_part(0, vec![]), 58);
    fails("header-cut", "a header of 21 bytes", with_part(0, header[..21].to_vec()), 58);
    fails("header-flag-unknown", "bit 2 of the flags", with_part(0, [&[4], &header[1..]].concat()), 58);
    fails("header-flag-without-tag", "the flag of last_seen, and no tag", with_part(0, [&[1], &header[1..]].concat()), 58);
    let extended = |extensions: &[u8]| with_part(0, [header.as_slice(), extensions].concat());
    fails("header-extended", "a byte after the header", extended(&[0]), 94);
    fails("header-tag-without-flag", "a tag after the header without its flag", extended(&[0x5e; 32]), 94);
    fails("extension-cut", "an extension whose value is shorter than its length says", extended(&[0, 1, 0, 2, 7]), 94);
    fails("extension-trailing", "a byte after the last extension", extended(&[0, 1, 0, 1, 7, 0]), 94);
    fails("extensions-repeated", "two extensions of one type", extended(&[0, 1, 0, 0, 0, 1, 0, 0]), 94);
    fails("extensions-descend", "two extensions in descending order of their types", extended(&[0, 2, 0, 0, 0, 1, 0, 0]), 94);
    fails("extensions-critical-first", "a critical extension before one that is not", extended(&[0x80, 1, 0, 0, 0, 2, 0, 0]), 94);
    let past = [&[0, 1, 3, 0xfd], [7; 1_021].as_slice()].concat();
    fails("extensions-1025", "extensions of 1,025 bytes, one past the most", extended(&past), 94);
    let critical = |part: Vec<u8>| {
        committed(&[[header.as_slice(), &[0x80, 0, 0, 0]].concat(), part])
    };
    fails("critical-not-utf8", "text that is not UTF-8, with an unknown critical extension", critical(vec![1, 0xff]), 59);

    let tag = [0x21; 32];
    let edit = |text: &[u8]| [&[2], tag.as_slice(), text].concat();
    let reaction = |text: &[u8]| [&[4], tag.as_slice(), text].concat();
    let application = |kind: &[u8]| [&[5, u8::try_from(kind.len()).unwrap()], kind, b"body"].concat();
    let cases = [
        ("content-empty", "content of no bytes", vec![]),
        ("text-not-utf8", "text that is not UTF-8", vec![1, 0xff]),
        ("invitation-cut", "an invitation with a group of 31 bytes", [&[6][..], &[0x21; 31]].concat()),
        ("invitation-not-utf8", "an invitation whose title is not UTF-8", [&[6][..], &[0x21; 32], &[0xff]].concat()),
        ("invitation-256", "a title of 256 bytes, one past the most", [&[6][..], &[0x21; 32], &[b'x'; 256]].concat()),
        ("acceptance-cut", "an acceptance with a group of 31 bytes", [&[7][..], &[0x21; 31]].concat()),
        ("acceptance-extended", "a byte after the group of an acceptance", [&[7][..], &[0x21; 33]].concat()),
        ("leave-extended", "a byte after the kind of a leave", vec![8, 0]),
        ("profile-empty", "a profile without the length of its title", vec![9]),
        ("profile-cut", "a title that is shorter than its length says", vec![9, 2, b'x']),
        ("profile-not-utf8", "a group's title that is not UTF-8", vec![9, 1, 0xff]),
        ("profile-picture-long", "a picture of 32,769 bytes, one past the most", [&[9, 0][..], &[0xc7; 32_769]].concat()),
        ("timer-empty", "a timer of no bytes", vec![10]),
        ("timer-cut", "a timer of three bytes", vec![10, 0, 1, 0x51]),
        ("timer-extended", "a byte after a timer", vec![10, 0, 1, 0x51, 0x80, 0]),
        ("text-surrogate", "a surrogate in the text", vec![1, 0xed, 0xa0, 0x80]),
        ("edit-tag-cut", "an edit with 31 bytes of tag", edit(b"")[..32].to_vec()),
        ("edit-not-utf8", "an edit whose text is not UTF-8", edit(&[0xc0, 0x80])),
        ("deletion-cut", "a deletion with 31 bytes of tag", [&[3], &tag[1..]].concat()),
        ("deletion-extended", "a byte behind a deletion", [&[3], tag.as_slice(), &[0]].concat()),
        ("reaction-65", "a reaction of 65 bytes, one past the most", reaction(&[b'x'; 65])),
        ("reaction-not-utf8", "a reaction that is not UTF-8", reaction(&[0x80])),
        ("application-kind-empty", "an application's content without a kind", application(b"")),
        ("application-kind-129", "a kind of 129 bytes, one past the most", application(&[b'k'; 129])),
        ("application-kind-space", "a kind with a space", application(b"a b")),
        ("application-kind-cut", "a kind that is shorter than its length says", vec![5, 9, b'k']),
    ];
    for (id, comment, part) in cases {
        fails(id, comment, with_part(1, part), 59);
    }
}
