//! Tests of `openings.rs`.

use super::*;
use crate::tests::world::*;

#[test]
fn the_limit_is_what_the_fields_add_up_to() {
    // An opening has n, root key, 32 commitments, set of shown parts, 32 part keys and lengths, and
    // the parts.
    assert_eq!(MAX_OPENING_LEN, 1 + 32 + 1_024 + 4 + 1_152 + 65_536);
    // A sealed section has the reason, the note with its length, the count, and 30 openings.
    assert_eq!(MAX_OPENINGS_LEN, 1 + 2_002 + 1 + 2_032_470);
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
    assert!(Openings::parse(&repad(plain)).is_some());
    assert!(Openings::parse(plain).is_none(), "not padded");
    for cut in 0..len {
        assert!(Openings::parse(&repad(&plain[..cut])).is_none(), "{cut}");
    }
    assert!(
        Openings::parse(&repad(&[plain, &[0]].concat())).is_none(),
        "a trailing byte"
    );
    let set = 8 + 1 + 32 + 64;
    let alterations: [(usize, u8, &str); 7] = [
        (0, 0, "reason 0"),
        (0, 17, "reason 17"),
        (3, 0xff, "note not in UTF-8"),
        (7, 2, "an opening missing"),
        (8, 1, "one part"),
        (8, 33, "33 parts"),
        (set, 0x80, "a part that does not exist is shown"),
    ];
    for (index, value, what) in alterations {
        let mut altered = plain.to_vec();
        altered[index] = value;
        assert!(Openings::parse(&repad(&altered)).is_none(), "{what}");
    }
    let longer = [padded.as_slice(), &[0; 64]].concat();
    assert!(Openings::parse(&longer).is_none(), "a block too many");
    for (count, whole) in [(0, false), (1, false), (2, true), (32, true), (33, false)] {
        let commitments = vec![7; 32 * usize::from(count)];
        let bytes = [&[1, 0, 0, 1, count][..], &[7; 32], &commitments, &[0; 4]].concat();
        let padded = repad(&bytes);
        assert_eq!(Openings::parse(&padded).is_some(), whole, "{count} parts");
    }
    let long = "x".repeat(MAX_NOTE_LEN + 1);
    let long = encode(
        Reason::Spam,
        &long,
        [(&message, PartSet::HEADER)].into_iter(),
    );
    assert!(Openings::parse(&long).is_none(), "note too long");
    let many = vec![(&message, PartSet::HEADER); MAX_REPORTED + 1];
    assert!(
        Openings::parse(&encode(Reason::Spam, "", many.into_iter())).is_none(),
        "31 openings"
    );
}
