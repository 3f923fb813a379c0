//! Tests of checkpoints.

use super::*;

const TEXT: &str =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

#[test]
fn the_example_of_the_specification_round_trips() {
    let checkpoint = Checkpoint::decode(TEXT).unwrap();
    assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
    assert_eq!(checkpoint.size(), 20_852_163);
    assert!(checkpoint.extensions().is_empty());
    assert_eq!(checkpoint.to_string(), TEXT);
    let made = Checkpoint::new(checkpoint.origin(), 20_852_163, *checkpoint.root());
    assert_eq!(made, Ok(checkpoint));
    let extended = format!("{TEXT}one\ntwo\n");
    let checkpoint = Checkpoint::decode(&extended).unwrap();
    assert_eq!(checkpoint.extensions(), ["one", "two"]);
    assert_eq!(checkpoint.to_string(), extended);
}

#[test]
fn chk138_checkpoint_of_another_form_is_refused() {
    let with_size = |size: &str| TEXT.replace("20852163", size);
    let malformed = [
        String::new(),
        "\n".to_owned(),
        TEXT.trim_end().to_owned(),
        TEXT.replace("example.com/behind-the-sofa", ""),
        TEXT.replace("example.com/behind-the-sofa", &"a".repeat(256)),
        TEXT.replace("example.com/behind-the-sofa", "waxseal.promise/1"),
        TEXT.replace("20852163\n", ""),
        with_size(""),
        with_size("020852163"),
        with_size("00"),
        with_size("+1"),
        with_size("-1"),
        with_size(" 1"),
        with_size("1e3"),
        with_size("9223372036854775808"),
        with_size("99999999999999999999"),
        TEXT.replace("q2I=", "q2J="),
        TEXT.replace("q2I=", "q2I"),
        TEXT.replace("q2I=", ""),
        TEXT.replace("CsUY", ""),
        format!("{TEXT}\n"),
        format!("{TEXT}one\n\ntwo\n"),
        format!("{TEXT}one\u{7f}\n"),
    ];
    for text in malformed {
        let decoded = Checkpoint::decode(&text);
        assert_eq!(decoded, Err(CheckpointError::Malformed), "{text:?}");
    }
    assert!(Checkpoint::decode(&with_size("9223372036854775807")).is_ok());
    assert!(Checkpoint::decode(&with_size("0")).is_ok());
    let root = TreeHash::of_nothing();
    for origin in ["", "a\nb", "waxseal.promise/1"] {
        assert!(Checkpoint::new(origin, 0, root).is_err());
    }
    assert!(Checkpoint::new("a", MAX_TREE_SIZE + 1, root).is_err());
}

#[test]
fn only_the_key_of_the_log_signs_its_checkpoint() {
    let signer = Signer::from_seed("log.example", &[1; 32]).unwrap();
    let checkpoint = Checkpoint::new("log.example", 0, TreeHash::of_nothing()).unwrap();
    let note = checkpoint.sign(&signer).unwrap();
    assert_eq!(note.text(), checkpoint.to_string());
    assert_eq!(note.signed_by(&signer.verifier()), Ok(()));
    let other = Signer::from_seed("other.example", &[1; 32]).unwrap();
    assert_eq!(checkpoint.sign(&other), Err(CheckpointError::OtherOrigin));
}
