//! Tests of `openings.rs`.

use super::*;
use crate::tests::world::*;

#[test]
fn the_limit_is_what_the_fields_add_up_to() {
    // An opening has the version, n, root key, 32 commitments, set of shown parts, 32 part keys and
    // lengths, and the parts.
    assert_eq!(MAX_OPENING_LEN, 1 + 1 + 32 + 1_024 + 4 + 1_152 + 65_536);
    // A sealed section has the reason, the note with its length, the count, 30 openings with the
    // number of their chunks, and 1,024 chunks of 37 bytes each.
    assert_eq!(MAX_OPENINGS_LEN, 1 + 2_002 + 1 + 2_032_500 + 60 + 37_888);
}

#[test]
fn chk84_openings_out_of_form_are_refused() {
    let mut world = World::new(1);
    let message = world.alice_says("hello").own;
    let padded = encode(
        Reason::Spam,
        "note",
        [(&message, PartSet::all(2))].into_iter(),
    );
    let len = padding::unpadded_len(&padded).unwrap();
    let plain = &padded[..len];
    let repad = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        padding::pad(&mut bytes);
        bytes
    };
    assert!(Openings::parse(Format::V2, &repad(plain)).is_ok());
    assert!(Openings::parse(Format::V2, plain).is_err(), "not padded");
    for cut in 0..len {
        assert!(
            Openings::parse(Format::V2, &repad(&plain[..cut])).is_err(),
            "{cut}"
        );
    }
    assert!(
        Openings::parse(Format::V2, &repad(&[plain, &[0]].concat())).is_err(),
        "a trailing byte"
    );
    let set = 8 + 1 + 1 + 32 + 64;
    let alterations: [(usize, u8, &str); 7] = [
        (0, 0, "reason 0"),
        (0, 17, "reason 17"),
        (3, 0xff, "note not in UTF-8"),
        (7, 2, "an opening missing"),
        (9, 1, "one part"),
        (9, 33, "33 parts"),
        (set, 0x80, "a part that does not exist is shown"),
    ];
    for (index, value, what) in alterations {
        let mut altered = plain.to_vec();
        altered[index] = value;
        assert!(
            Openings::parse(Format::V2, &repad(&altered)).is_err(),
            "{what}"
        );
    }
    let longer = [padded.as_slice(), &[0; 64]].concat();
    assert!(
        Openings::parse(Format::V2, &longer).is_err(),
        "a block too many"
    );
    for (count, whole) in [(0, false), (1, false), (2, true), (32, true), (33, false)] {
        let commitments = vec![7; 32 * usize::from(count)];
        let bytes = [&[1, 0, 0, 1, 2, count][..], &[7; 32], &commitments, &[0; 4]].concat();
        let padded = repad(&bytes);
        assert_eq!(
            Openings::parse(Format::V2, &padded).is_ok(),
            whole,
            "{count} parts"
        );
    }
    let long = "x".repeat(MAX_NOTE_LEN + 1);
    let long = encode(
        Reason::Spam,
        &long,
        [(&message, PartSet::HEADER)].into_iter(),
    );
    assert!(Openings::parse(Format::V2, &long).is_err(), "note too long");
    let many = vec![(&message, PartSet::HEADER); MAX_REPORTED + 1];
    assert!(
        Openings::parse(Format::V2, &encode(Reason::Spam, "", many.into_iter())).is_err(),
        "31 openings"
    );
}

/// Removes the version bytes of two openings of messages of two parts.
fn without_versions(plain: &[u8], second: usize) -> Vec<u8> {
    let mut plain = plain.to_vec();
    plain.remove(second);
    plain.remove(4);
    padding::pad(&mut plain);
    plain
}

#[test]
fn chk97_version_of_an_opening_is_known() {
    let mut world = World::new(2);
    let [one, two] = ["one", "two"].map(|text| world.alice_says(text).own);
    let whole = [(&one, PartSet::all(2)), (&two, PartSet::all(2))];
    let padded = encode(Reason::Spam, "", whole.into_iter());
    let plain = &padded[..padding::unpadded_len(&padded).unwrap()];
    let second = 4 + (plain.len() - 4) / 2;
    assert_eq!((plain[4], plain[second]), (2, 2));
    for (at, version) in [(4, 0), (4, 4), (4, 0xff), (second, 0), (second, 4)] {
        let mut altered = plain.to_vec();
        altered[at] = version;
        padding::pad(&mut altered);
        let refused = Openings::parse(Format::V2, &altered).err();
        let message = usize::from(at == second);
        assert_eq!(refused, Some(Rejection::UnknownOpeningVersion { message }));
        assert_eq!(refused.unwrap().check(), 97);
    }
    // Each opening has a version of its own.
    let mut mixed = plain.to_vec();
    mixed[second] = 1;
    padding::pad(&mut mixed);
    let mixed = Openings::parse(Format::V2, &mixed).unwrap();
    let formats: Vec<_> = mixed.messages.iter().map(Opening::format).collect();
    assert_eq!(formats, [Format::V2, Format::V1]);
    // A report of version 01 has openings without a version. Neither form is read as the other.
    let old = without_versions(plain, second);
    let parsed = Openings::parse(Format::V1, &old).unwrap();
    assert!(parsed.messages.iter().all(|one| one.format() == Format::V1));
    assert!(Openings::parse(Format::V2, &old).is_err());
    assert!(Openings::parse(Format::V1, &padded).is_err());
}
