//! Tests what a forger's report of files can try.

use super::*;
use crate::attachment::{self, Stage};
use crate::blobs;
use crate::codec;
use crate::file::FileRoot;
use crate::padding;

fn repadded(padded: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut plain = padded[..padding::unpadded_len(padded).unwrap()].to_vec();
    change(&mut plain);
    padding::pad(&mut plain);
    plain
}

/// 1,024 chunks in all, and one more.
#[test]
fn chk489_a_report_shows_at_most_1024_chunks() {
    let mut world = World::new(3);
    let key = FileKey::from_bytes([1; 32]);
    let shape = FileShape::new(1 << 30).unwrap();
    let root = FileRoot::from_bytes([7; 32]);
    let descriptor = FileDescriptor::new(shape, root, "", "", "").unwrap();
    let file = FileAttachment::new(descriptor, key, None);
    let say = |world: &mut World| {
        let header = world.header(true);
        let text = Content::Text(String::new());
        let payload = Payload::with_attachments(header, text, vec![file.clone().into()]);
        world
            .send(true, &payload.unwrap())
            .opened
            .evidence()
            .clone()
    };
    let (one, two) = (say(&mut world), say(&mut world));
    let chunks = |count: u32| Disclosure::Chunks {
        parts: vec![],
        chunks: (0..count).map(|index| (2, index)).collect(),
    };
    let mut draft = ReportDraft::new(world.bob.clone(), Reason::Spam);
    let refused = draft.add(&one, chunks(1_025)).unwrap_err();
    assert_eq!(refused, DraftError::TooManyChunks);
    draft.add(&one, chunks(1_000)).unwrap();
    assert_eq!(
        draft.add(&two, chunks(25)).unwrap_err(),
        DraftError::TooManyChunks
    );
    draft.add(&two, chunks(24)).unwrap();
    let report = world.seal_report(&draft);
    let verified = world.verify(report).unwrap();
    assert_eq!(verified.messages().len(), 2);

    // A forger's report with one more.
    let (all, some): (Vec<_>, Vec<_>) =
        ((0..1_024).map(|index| (2, index)).collect(), vec![(2, 0)]);
    let shown = |chunks| Shown {
        parts: PartSet::HEADER.with(2),
        chunks,
    };
    let claims = [one.claim().clone(), two.claim().clone()];
    for (second, verifies) in [(&[][..], true), (&some[..], false)] {
        let messages = [(&one, shown(&all[..])), (&two, shown(second))];
        let openings = openings::encode(Reason::Spam, "", messages.into_iter());
        let report = world.forge(&claims, &openings);
        let expected = (!verifies).then_some(Rejection::MalformedOpenings);
        assert_eq!(world.verify(report).err(), expected);
    }
    let more: Vec<_> = (0..1_025).map(|index| (2, index)).collect();
    let messages = [(&one, shown(&more[..]))];
    let openings = openings::encode(Reason::Spam, "", messages.into_iter());
    let report = world.forge(&claims[..1], &openings);
    assert_eq!(
        world.verify(report).unwrap_err(),
        Rejection::MalformedOpenings
    );
}

#[test]
fn chk489_chunks_out_of_order_or_form_are_refused() {
    let mut sent = Sent::new();
    let good = sent.openings(&[2, 6], &[(2, 0), (2, 3), (6, 0)]);
    assert_eq!(sent.forged(&good, &[]), Ok(()));
    let malformed = |sent: &mut Sent, change: fn(&mut Vec<u8>)| {
        let forged = repadded(&good, change);
        assert_eq!(sent.forged(&forged, &[]), Err(Rejection::MalformedOpenings));
    };
    const ENTRY: usize = 37;
    malformed(&mut sent, |plain| {
        let at = plain.len() - 3 * ENTRY;
        plain[at..].rotate_left(ENTRY); // order of parts
    });
    malformed(&mut sent, |plain| {
        let at = plain.len() - 3 * ENTRY;
        plain[at..at + 2 * ENTRY].rotate_left(ENTRY); // order of indices
    });
    malformed(&mut sent, |plain| {
        let at = plain.len() - 3 * ENTRY;
        plain.copy_within(at..at + ENTRY, at + ENTRY); // twice
    });
    malformed(&mut sent, |plain| {
        let at = plain.len() - 3 * ENTRY - 1;
        plain[at] = 2; // the count
    });
    malformed(&mut sent, |plain| {
        let at = plain.len() - 3 * ENTRY - 1;
        plain[at] = 0;
        plain.truncate(at + 1); // none
    });
    malformed(&mut sent, |plain| {
        plain.pop();
    });
    malformed(&mut sent, |plain| plain.push(0));
}

#[test]
fn chk118_chunks_of_no_shown_file_are_refused() {
    let mut sent = Sent::new();
    let refused = Err(Rejection::ChunkOfNoFile { message: 0 });
    let good = sent.openings(&[2], &[(2, 4)]);
    assert_eq!(sent.forged(&good, &[]), Ok(()));
    // The descriptor is withheld, or the key is shown.
    let withheld = sent.openings(&[1], &[(2, 4)]);
    assert_eq!(sent.forged(&withheld, &[]), refused);
    let whole = sent.openings(&[2, 3], &[(2, 4)]);
    assert_eq!(sent.forged(&whole, &[]), refused);
    // A chunk that the file does not have, and parts that are no descriptors.
    for (part, index) in [
        (2, 5u32),
        (2, u32::MAX),
        (0, 0),
        (1, 0),
        (3, 0),
        (5, 0),
        (9, 0),
        (255, 0),
    ] {
        let forged = repadded(&good, |plain| {
            let at = plain.len() - 37;
            plain[at] = part;
            plain[at + 1..at + 5].copy_from_slice(&index.to_be_bytes());
        });
        assert_eq!(
            sent.forged(&forged, &[]),
            refused,
            "part {part}, index {index}"
        );
    }
    assert_eq!(Rejection::ChunkOfNoFile { message: 0 }.check(), 118);
}

/// A reporter who shows a chunk under another key shows nothing: the chunk does not open.
#[test]
fn a_chunk_key_of_the_reporters_choice_opens_nothing() {
    let mut sent = Sent::new();
    let good = sent.openings(&[2], &[(2, 4)]);
    let forged = repadded(&good, |plain| *plain.last_mut().unwrap() ^= 1);
    let claims = [sent.message.claim.clone()];
    let report = sent.world.forge(&claims, &forged);
    let verified = sent.world.verify(report).unwrap();
    let file = &verified.messages()[0].files()[0];
    let opened = file.open(&mut Cursor::new(&sent.blob), &mut Cursor::new(Vec::new()));
    assert!(matches!(opened, Err(OpenFileError::Altered)));
}

#[test]
fn chk119_blob_that_is_not_that_of_a_shown_file_is_refused() {
    let mut sent = Sent::new();
    let openings = sent.openings(&[2, 5], &[(2, 4)]);
    let named = |part, blob| ReportedBlob::new(0, part, blob);
    assert_eq!(sent.forged(&openings, &[named(2, BLOB)]), Ok(()));
    let refused = Err(Rejection::OtherBlob { message: 0 });
    for blobs in [
        &[named(2, SMALL_BLOB)][..],
        &[named(6, SMALL_BLOB)], // the descriptor is withheld
        &[named(3, BLOB)],
        &[named(5, BLOB)],
        &[named(31, BLOB)],
        &[named(2, BLOB), named(6, SMALL_BLOB)],
    ] {
        assert_eq!(sent.forged(&openings, blobs), refused);
    }
    // Of a file whose descriptor alone is shown, the provider need not keep the blob.
    let descriptor = sent.openings(&[2, 4], &[]);
    assert_eq!(sent.forged(&descriptor, &[]), Ok(()));
    assert_eq!(sent.forged(&descriptor, &[named(2, BLOB)]), refused);
    assert_eq!(Rejection::OtherBlob { message: 0 }.check(), 119);
}

#[test]
fn chk490_blobs_out_of_order_or_form_are_refused() {
    let named = |claim, part| ReportedBlob::new(claim, part, BLOB);
    let decode = |blobs: &[ReportedBlob], claims| blobs::decode(&blobs::encode(blobs), claims);
    let good = [named(0, 2), named(0, 31), named(1, 2)];
    assert_eq!(decode(&good, 2).unwrap(), good);
    assert_eq!(decode(&good, 1), None, "a claim that is not there");
    for bad in [
        [named(0, 3), named(0, 2)],
        [named(1, 2), named(0, 2)],
        [named(0, 2), named(0, 2)],
        [named(0, 2), named(0, 32)],
        [named(0, 1), named(0, 2)],
        [named(0, 2), named(0, 255)],
    ] {
        assert_eq!(decode(&bad, 2), None);
    }
    let bytes = blobs::encode(&good);
    for cut in 0..bytes.len() {
        assert_eq!(blobs::decode(&bytes[..cut], 2), None);
    }
    assert_eq!(blobs::decode(&[&bytes[..], &[0]].concat(), 2), None);
    let many: Vec<_> = (0..65).map(|at| named(at / 30, 2 + at % 30)).collect();
    assert_eq!(decode(&many[..64], 30).unwrap().len(), 64);
    assert_eq!(decode(&many, 30), None);
    assert_eq!(blobs::decode(&[0], 30), None, "none");
}

/// Version 02 has no blobs, and version 03 does not go without.
#[test]
fn chk490_a_report_has_blobs_if_its_version_says_so() {
    let mut sent = Sent::new();
    let draft = sent.draft(Disclosure::Whole);
    let with = sent.world.seal_report(&draft).encode();
    let without = {
        let mut draft = sent.draft(Disclosure::Whole);
        draft.without_blobs();
        sent.world.seal_report(&draft).encode()
    };
    assert_eq!((with[0], without[0]), (3, 2));
    for (bytes, version) in [(&with, 1), (&with, 2), (&without, 3)] {
        let mut other = bytes.clone();
        other[0] = version;
        assert_eq!(Report::decode(&other).unwrap_err(), DecodeError::Malformed);
    }
    // All fields of version 03 but the blobs: the MAC follows the openings.
    let named = Report::decode(&with).unwrap().blobs().len() as u8;
    let (start, len) = (with.len() - 34, 1 + 34 * named);
    let blobs = start - 2 - usize::from(len);
    assert_eq!(with[blobs..][..3], [0x2a, len, named], "the field of blobs");
    let cut = [&with[..blobs], &with[start..]].concat();
    assert_eq!(Report::decode(&cut).unwrap_err(), DecodeError::Malformed);
    assert!(Report::decode(&with).is_ok());
}

#[test]
fn chk74_chk83_blobs_are_bound_by_mac_and_seal() {
    let mut sent = Sent::new();
    let draft = sent.draft(Disclosure::Whole);
    let report = sent.world.seal_report(&draft);
    // Another blob in clear, under the MAC of before.
    let bytes = report.encode();
    let at = bytes
        .windows(32)
        .position(|window| window == BLOB.as_bytes())
        .unwrap();
    let mut altered = bytes.clone();
    altered[at] ^= 1;
    let altered = Report::decode(&altered).unwrap();
    let refused = sent.world.verify(altered.clone()).unwrap_err();
    assert_eq!(refused, Rejection::NotFromReporter);
    // And under a MAC of its own: the openings were sealed under the others.
    let altered = altered.under_key(&sent.world.bob_key);
    assert_eq!(
        sent.world.verify(altered).unwrap_err(),
        Rejection::SealBroken
    );
    let last_34 = &bytes[..bytes.len() - 34];
    assert_eq!(report.without_mac(), last_34);
}

#[test]
fn an_unsealed_report_carries_its_blobs() {
    let mut sent = Sent::new();
    let draft = sent.draft(Disclosure::Whole);
    let report = sent.world.seal_report(&draft);
    let queued = sent.world.accept(report).unwrap();
    assert_eq!(queued.report().blobs().len(), 2);
    let queued = queued.encode(&sent.world.acceptance_key);
    let unsealed = sent.world.vault().open(&ID, &queued).unwrap();
    assert_eq!((unsealed.report_version(), unsealed.blobs().len()), (3, 2));
    let bytes = unsealed.encode();
    let read = UnsealedReport::decode(&bytes).unwrap();
    assert_eq!(read.blobs(), unsealed.blobs());
    assert_eq!(*read.encode(), *bytes);
    let at = bytes
        .windows(32)
        .position(|window| window == BLOB.as_bytes())
        .unwrap();
    // The count, the claim and the part are before the first id.
    for (back, value) in [(3, 0), (3, 65), (2, 1), (1, 1), (1, 32)] {
        let mut altered = bytes.to_vec();
        altered[at - back] = value;
        let refused = UnsealedReport::decode(&altered).err();
        assert_eq!(refused, Some(DecodeError::Malformed), "{back} {value}");
    }
}

/// What a recipient would have refused is unknown to a reviewer, as far as it is shown.
#[test]
fn chk90_chk488_parts_of_a_file_out_of_order_are_unknown_in_a_review() {
    let (large, _) = attach(b"x", 1, BLOB, true);
    let bytes = bytes_of(|out| large.put(out));
    let mut reader = codec::Reader::new(&bytes);
    let known = [1, 2, 3].map(|_| reader.long().unwrap().to_vec());
    let read = |stage, schemes: &[Option<usize>]| {
        let parts = schemes.iter().map(|scheme| match (*scheme)? {
            9 => Some(&[9][..]),
            known_one => Some(&known[known_one - 1][..]),
        });
        attachment::read(format::Format::V2, stage, false, parts).map(attachment::shown)
    };
    let files = |stage, schemes: &[_]| Some(read(stage, schemes)?.files.len());
    let unknown = |schemes: &[_]| {
        let attachments = read(Stage::Committed, schemes).unwrap().attachments;
        let unknown = attachments.iter().filter(
            |(_, one)| matches!(one, Attachment::Unknown(unknown) if unknown.scheme() != 9),
        );
        unknown.count()
    };
    let (file, key, preview, other, hidden) = (Some(1), Some(2), Some(3), Some(9), None);
    for (good, count) in [
        (&[file, key, preview][..], 1),
        (&[file, hidden, preview], 1),
        (&[hidden, key, hidden], 0),
        (&[hidden, hidden, preview], 0),
        (&[file, hidden, file, key], 2),
    ] {
        assert_eq!(files(Stage::Delivered, good), Some(count));
        assert_eq!(files(Stage::Committed, good), Some(count));
        assert_eq!(unknown(good), 0);
    }
    for (bad, count, unknowns) in [
        (&[file][..], 0, 1),
        (&[key], 0, 1),
        (&[other, key], 0, 1),
        (&[file, other], 0, 1),
        (&[file, preview], 0, 2),
        (&[key, preview], 0, 2),
        (&[hidden, preview], 0, 1),
        (&[file, key, hidden, preview, preview], 1, 1),
        (&[other, hidden, preview, key], 0, 1),
        (&[preview, hidden], 0, 1),
        (&[file, file], 0, 2),
        (&[file, file, key], 1, 1),
    ] {
        assert_eq!(files(Stage::Delivered, bad), None, "{bad:?}");
        assert_eq!(files(Stage::Committed, bad), Some(count), "{bad:?}");
        assert_eq!(unknown(bad), unknowns, "{bad:?}");
    }
}
