//! Tests of notes, with the examples that Go's package `note` and a public log published.

use super::*;

/// The key and note of the documentation of `golang.org/x/mod/sumdb/note`.
const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SEED: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n";
const LINE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZ\
    SNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

/// A checkpoint of the checksum database of Go, and its key.
const GO_VKEY: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
const GO_NOTE: &str = "go.sum database tree\n15067302\n\
    gJyioq6dwR9n+NjEWORfYmH+ubeYm3kH42BBQ0bTpYI=\n\n\
    \u{2014} sum.golang.org Az3grp1rvWOs5NKlr/xR4GLN/CDyzzakmt1o61uSxYKpK1SerqOP2ClbX/peKUZjYnyomH5X\
    z7GZG3TpB7OeKn4E2ww=\n\
    \u{2014} test.example.com qTGhC/xIPQ0AXKHK6Y+9ypRfuvMZWPjRXM8NiOg5M1WREn07VQXyuIXM3NRNav3ieVFLUqDR\
    K77PWDmL6w8w84UqeAw=\n";

fn signer(name: &str, byte: u8) -> Signer {
    Signer::from_seed(name, &[byte; 32]).unwrap()
}

fn cosigner(name: &str, byte: u8) -> Cosigner {
    Cosigner::from_seed(name, &[byte; 32]).unwrap()
}

#[test]
fn the_published_example_is_signed_and_verified() {
    use base64::Engine as _;
    let seed = base64::engine::general_purpose::STANDARD.decode(SEED);
    let seed: [u8; 32] = seed.unwrap()[1..].try_into().unwrap();
    let signer = Signer::from_seed("PeterNeumann", &seed).unwrap();
    assert_eq!(signer.seed(), &seed);
    assert_eq!(signer.verifier().to_string(), VKEY);
    let note = Note::sign(TEXT.to_owned(), &signer).unwrap();
    assert_eq!(note.to_string(), format!("{TEXT}\n{LINE}\n"));
    let key: Verifier = VKEY.parse().unwrap();
    assert_eq!(key.to_string(), VKEY);
    assert_eq!(
        Note::decode(&note.encode()).unwrap().signed_by(&key),
        Ok(())
    );
}

#[test]
fn a_checkpoint_of_a_public_log_verifies() {
    let note = Note::decode(GO_NOTE.as_bytes()).unwrap();
    assert_eq!(note.signed_by(&GO_VKEY.parse().unwrap()), Ok(()));
    assert_eq!(note.signatures().len(), 2); // one of a key that we do not know
    assert_eq!(note.to_string(), GO_NOTE);
    assert_eq!(
        note.signed_by(&VKEY.parse().unwrap()),
        Err(NoteError::NotSigned)
    );
}

#[test]
fn cosignatures_carry_their_time() {
    let (log, witness) = (signer("log.example", 1), cosigner("witness.example", 2));
    let mut note = Note::sign("text\n".to_owned(), &log).unwrap();
    let key = witness.verifier();
    assert_eq!(note.cosigned_by(&key), Err(NoteError::NotSigned));
    let earlier = witness.cosign("text\n", 1_700_000_000);
    note.add(earlier.clone()).unwrap();
    assert_eq!(note.cosigned_by(&key), Ok(1_700_000_000));
    // A later one takes its place.
    note.add(witness.cosign("text\n", 1_800_000_000)).unwrap();
    assert_eq!(note.signatures().len(), 2);
    assert_eq!(note.cosigned_by(&key), Ok(1_800_000_000));
    // If a note has both, the later one counts, in any order.
    let both = format!("{note}{earlier}\n");
    let both = Note::decode(both.as_bytes()).unwrap();
    assert_eq!(both.cosigned_by(&key), Ok(1_800_000_000));
    // A cosignature is no signature of the log, nor the reverse.
    assert_eq!(note.signed_by(&key), Err(NoteError::NotSigned));
    assert_eq!(note.cosigned_by(&log.verifier()), Err(NoteError::NotSigned));
    assert_eq!(note.signed_by(&log.verifier()), Ok(()));
}

#[test]
fn one_key_has_another_id_for_each_algorithm_and_name() {
    let key = *signer("a.example", 1).verifier().key();
    let ids = [
        Verifier::new("a.example", Algorithm::Note, &key)
            .unwrap()
            .id(),
        Verifier::new("a.example", Algorithm::Cosignature, &key)
            .unwrap()
            .id(),
        Verifier::new("b.example", Algorithm::Note, &key)
            .unwrap()
            .id(),
    ];
    assert!(ids[0] != ids[1] && ids[0] != ids[2]);
}

#[test]
fn keys_with_unusable_names_or_points_are_refused() {
    let key = *signer("a.example", 1).verifier().key();
    let new = |name: &str, key: &[u8; 32]| Verifier::new(name, Algorithm::Note, key);
    for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b", &"a".repeat(256)] {
        assert_eq!(new(name, &key), Err(VerifierError::Name), "{name:?}");
        assert!(Signer::from_seed(name, &[1; 32]).is_err());
        assert!(Cosigner::from_seed(name, &[1; 32]).is_err());
    }
    assert!(new(&"a".repeat(255), &key).is_ok());
    assert_eq!(new("a", &[0; 32]), Err(VerifierError::Key)); // of small order
    assert_eq!(new("a", &[2; 32]), Err(VerifierError::Key)); // no point
    assert_eq!(new("a", &[0xff; 32]), Err(VerifierError::Key)); // not canonical
}

#[test]
fn chk146_vkey_of_another_form_is_refused() {
    let parse = |vkey: &str| vkey.parse::<Verifier>();
    let malformed = Err(VerifierError::Malformed);
    assert_eq!(parse(""), malformed);
    assert_eq!(parse("PeterNeumann+c74f20a3"), malformed);
    assert_eq!(parse(&VKEY.replace("c74f20a3", "c74f20a4")), malformed);
    assert_eq!(parse(&VKEY.replace("c74f20a3", "C74F20A3")), malformed);
    assert_eq!(parse(&VKEY.replace("Peter", "Petra")), malformed);
    assert_eq!(parse(&format!("{VKEY} ")), malformed);
    assert_eq!(parse("a+00000000+AQ=="), malformed);
    let unknown = VerifierError::UnknownAlgorithm { byte: 6 };
    assert_eq!(parse("a+00000000+BgAA"), Err(unknown));
}

#[test]
fn chk136_note_of_another_form_is_refused() {
    let note = format!("{TEXT}\n{LINE}\n");
    assert!(Note::decode(note.as_bytes()).is_ok());
    let malformed = [
        String::new(),
        TEXT.to_owned(),
        format!("{TEXT}\n"),
        format!("{TEXT}\n\n"),
        format!("{TEXT}{LINE}\n"),
        format!("{TEXT}\n{LINE}"),
        format!("{TEXT}\n{LINE}\n\n"),
        format!("{TEXT}\n{LINE} \n"),
        format!("\n\n{LINE}\n").split_off(1),
        note.replace('\u{2014}', "-"),
        note.replace("PeterNeumann ", ""),
        note.replace("PeterNeumann", "Peter+Neumann"),
        note.replace("AM=", "AN="), // base64 with bits left over
        note.replace("AM=", "AM"),
        note.replace("you", "y\tu"),
        note.replace("you", "y\ru"),
        format!("{TEXT}\n\u{2014} a AAAAAA==\n"), // an id without a signature
    ];
    for note in malformed {
        let decoded = Note::decode(note.as_bytes());
        assert_eq!(decoded, Err(NoteError::Malformed), "{note:?}");
    }
    let mut invalid = note.clone().into_bytes();
    invalid[0] = 0xff;
    assert_eq!(Note::decode(&invalid), Err(NoteError::Malformed));
    for text in ["", "text", "te\txt\n"] {
        let signed = Note::sign(text.to_owned(), &signer("a", 1));
        assert_eq!(signed, Err(NoteError::Malformed));
    }
}

#[test]
fn notes_of_the_largest_size_are_taken_and_larger_ones_are_not() {
    let of_lines = |lines| format!("{TEXT}\n{}", format!("{LINE}\n").repeat(lines));
    assert!(Note::decode(of_lines(MAX_NOTE_SIGNATURES).as_bytes()).is_ok());
    let many = Note::decode(of_lines(MAX_NOTE_SIGNATURES + 1).as_bytes());
    assert_eq!(many, Err(NoteError::TooManySignatures));

    let overhead = format!("\n\n{LINE}\n").len();
    let of_len = |len| format!("{}\n\n{LINE}\n", "a".repeat(len - overhead));
    assert!(Note::decode(of_len(MAX_NOTE_LEN).as_bytes()).is_ok());
    let long = Note::decode(of_len(MAX_NOTE_LEN + 1).as_bytes());
    assert_eq!(long, Err(NoteError::TooLong));
    let text = format!("{}\n", "a".repeat(MAX_NOTE_LEN));
    let long = Note::sign(text, &signer("a", 1));
    assert_eq!(long, Err(NoteError::TooLong));

    let mut note = Note::sign(TEXT.to_owned(), &signer("log", 1)).unwrap();
    for n in 2..=32 {
        let witness = cosigner("witness", n);
        note.add(witness.cosign(TEXT, 1)).unwrap();
    }
    let before = note.clone();
    let one_more = cosigner("witness", 33).cosign(TEXT, 1);
    assert_eq!(note.add(one_more), Err(NoteError::TooManySignatures));
    assert_eq!(note, before);
    assert!(note.add(cosigner("witness", 32).cosign(TEXT, 2)).is_ok());
}

#[test]
fn chk137_note_with_a_bad_signature_of_a_known_key_is_refused() {
    let (log, witness) = (signer("log.example", 1), cosigner("witness.example", 2));
    let mut note = Note::sign("text\n".to_owned(), &log).unwrap();
    note.add(witness.cosign("text\n", 7)).unwrap();
    let other = note.to_string().replace("text", "test");
    let other = Note::decode(other.as_bytes()).unwrap();
    let bad = NoteError::BadSignature;
    assert_eq!(other.signed_by(&log.verifier()), Err(bad));
    assert_eq!(other.cosigned_by(&witness.verifier()), Err(bad));
    // A good signature does not make up for a bad one of the same key.
    let line = &other.signatures()[0];
    let good = Note::sign(other.text().to_owned(), &log).unwrap();
    let both = Note::decode(format!("{good}{line}\n").as_bytes()).unwrap();
    assert_eq!(both.signed_by(&log.verifier()), Err(bad));
    // A cosignature of another time, of no time, or of a time that C2SP excludes.
    let line = witness.cosign("text\n", 7);
    for change in [
        |bytes: &mut Vec<u8>| bytes[7] ^= 1,
        |bytes: &mut Vec<u8>| bytes.truncate(64),
        |bytes: &mut Vec<u8>| bytes.push(0),
        |bytes: &mut Vec<u8>| bytes.truncate(3),
    ] {
        let mut line = line.clone();
        change(&mut line.bytes);
        note.add(line).unwrap();
        assert_eq!(note.cosigned_by(&witness.verifier()), Err(bad));
    }
    note.add(witness.cosign("text\n", 1 << 63)).unwrap();
    assert_eq!(note.cosigned_by(&witness.verifier()), Err(bad));
}

#[test]
fn secret_keys_are_not_printed() {
    assert_eq!(
        format!("{:?}", signer("a", 1)),
        "Signer { name: \"a\", .. }"
    );
    assert_eq!(
        format!("{:?}", cosigner("b", 1)),
        "Cosigner { name: \"b\", .. }"
    );
}
