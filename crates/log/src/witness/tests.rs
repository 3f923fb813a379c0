//! Tests of the witness protocol, between a log in memory and a witness.

use super::*;
use crate::merkle::tests::leaves;
use crate::note::{Note, Signer};
use crate::proof::prove_consistency;
use crate::tests::rfc6962::root_of;
use crate::tiles::tests::Memory;

fn log() -> Signer {
    Signer::from_seed("log.example/1", &[1; 32]).unwrap()
}

fn cosigner() -> Cosigner {
    Cosigner::from_seed("witness.example/w1", &[2; 32]).unwrap()
}

fn witness() -> Witness {
    Witness::new(cosigner(), vec![log().verifier()]).unwrap()
}

/// The log's checkpoint at a size.
fn checkpoint(size: u64) -> Note {
    let root = root_of(&leaves(size));
    let checkpoint = Checkpoint::new("log.example/1", size, root);
    checkpoint.unwrap().sign(&log()).unwrap()
}

fn request(old: u64, size: u64) -> AddCheckpoint {
    AddCheckpoint {
        old,
        proof: prove_consistency(old, size, &Memory::of_tree(size)).unwrap(),
        note: checkpoint(size),
    }
}

/// Asserts a refusal, and that the witness remembers what it did before.
fn assert_refused(witness: &mut Witness, body: &[u8], refusal: Refusal) {
    let before = witness.export();
    assert_eq!(witness.add(body, 1_700_000_000), Err(refusal));
    assert_eq!(witness.export(), before);
}

#[test]
fn a_witness_follows_a_log_that_grows() {
    let mut witness = witness();
    let mut old = 0;
    for size in [0, 1, 77, 77, 256, 300] {
        let request = request(old, size);
        let line = witness
            .add(&request.encode(), 1_700_000_000 + size)
            .unwrap();
        let body = format!("{line}\n");
        let answer = read_answer(200, body.as_bytes(), &request.note, &witness.verifier());
        assert_eq!(answer, Ok(Answer::Cosigned(line.clone())));
        let mut note = request.note;
        note.add(line).unwrap();
        let time = note.cosigned_by(&cosigner().verifier());
        assert_eq!(time, Ok(1_700_000_000 + size));
        // It remembers across a restart.
        witness = Witness::import(cosigner(), &witness.export()).unwrap();
        old = size;
    }
}

#[test]
fn the_body_of_a_request_has_the_form_of_the_specification() {
    let request = request(77, 300);
    let text = String::from_utf8(request.encode()).unwrap();
    let (head, note) = text.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("old 77"));
    assert_eq!(lines.count(), request.proof.len());
    assert_eq!(note, request.note.to_string());
    assert_eq!(AddCheckpoint::decode(text.as_bytes()), Ok(request));
}

#[test]
fn chk143_request_of_another_form_or_about_another_log_is_refused() {
    let mut witness = witness();
    let body = String::from_utf8(request(0, 300).encode()).unwrap();
    let hash = "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n";
    for malformed in [
        String::new(),
        "old 0\n".to_owned(),
        body.replace("old 0", "old 00"),
        body.replace("old 0", "old -1"),
        body.replace("old 0", "new 0"),
        body.replacen("\n\n", "\n", 1),
        body.replacen("\n\n", "\nAAAA\n\n", 1),
        body.replacen("\n\n", &format!("\n{}\n", hash.repeat(64)), 1),
        body.replace("\n300\n", "\n0300\n"),
        "a".repeat(crate::limits::MAX_ADD_CHECKPOINT_LEN + 1),
    ] {
        assert_refused(&mut witness, malformed.as_bytes(), Refusal::Malformed);
    }
    // A proof of the longest length is read, and then found wrong.
    let longest = body.replacen("\n\n", &format!("\n{}\n", hash.repeat(63)), 1);
    assert_refused(&mut witness, longest.as_bytes(), Refusal::Inconsistent);
    // The old size is larger than the checkpoint.
    let mut larger = request(0, 300);
    larger.old = 301;
    assert_refused(&mut witness, &larger.encode(), Refusal::Malformed);

    let root = root_of(&leaves(300));
    let unknown = Checkpoint::new("log.example/2", 300, root).unwrap();
    let signer = Signer::from_seed("log.example/2", &[1; 32]).unwrap();
    let mut other = request(0, 300);
    other.note = unknown.sign(&signer).unwrap();
    assert_refused(&mut witness, &other.encode(), Refusal::UnknownLog);
    let signer = Signer::from_seed("log.example/1", &[9; 32]).unwrap();
    let known = Checkpoint::new("log.example/1", 300, root).unwrap();
    other.note = known.sign(&signer).unwrap();
    assert_refused(&mut witness, &other.encode(), Refusal::NotSigned);
    let altered = body.replace("\n300\n", "\n301\n");
    assert_refused(&mut witness, altered.as_bytes(), Refusal::NotSigned);
}

#[test]
fn chk144_request_that_does_not_continue_is_refused() {
    let mut witness = witness();
    witness.add(&request(0, 77).encode(), 1).unwrap();
    let conflict = Refusal::Conflict { size: 77 };
    assert_refused(&mut witness, &request(0, 300).encode(), conflict);
    assert_refused(&mut witness, &request(76, 300).encode(), conflict);
    assert_refused(&mut witness, &request(78, 300).encode(), conflict);
    assert_refused(&mut witness, &request(0, 76).encode(), conflict); // rolled back
    // Another tree of the same size.
    let fork = Checkpoint::new("log.example/1", 77, TreeHash::of_nothing()).unwrap();
    let mut request = request(77, 77);
    request.note = fork.sign(&log()).unwrap();
    assert_refused(&mut witness, &request.encode(), conflict);
}

#[test]
fn chk145_request_with_a_forked_tree_is_refused() {
    let mut witness = witness();
    witness.add(&request(0, 77).encode(), 1).unwrap();
    let mut forked = leaves(300);
    forked[5] = TreeHash::of_nothing();
    let fork = Checkpoint::new("log.example/1", 300, root_of(&forked)).unwrap();
    let mut other = request(77, 300);
    other.note = fork.sign(&log()).unwrap();
    assert_refused(&mut witness, &other.encode(), Refusal::Inconsistent);
    let mut other = request(77, 300);
    other.proof.pop();
    assert_refused(&mut witness, &other.encode(), Refusal::Inconsistent);
    assert!(witness.add(&request(77, 300).encode(), 1).is_ok());
}

#[test]
fn each_refusal_has_the_status_of_the_specification() {
    let statuses = [
        (Refusal::Malformed, 400, ""),
        (Refusal::NotSigned, 403, ""),
        (Refusal::UnknownLog, 404, ""),
        (Refusal::Conflict { size: 77 }, 409, "77\n"),
        (Refusal::Inconsistent, 422, ""),
    ];
    let key = cosigner().verifier();
    for (refusal, status, body) in statuses {
        assert_eq!((refusal.status(), refusal.body().as_str()), (status, body));
        let answer = read_answer(status, body.as_bytes(), &checkpoint(1), &key);
        match refusal {
            Refusal::Conflict { size } => assert_eq!(answer, Ok(Answer::OtherSize(size))),
            _ => assert_eq!(answer, Err(AnswerError::Refused { status })),
        }
    }
}

#[test]
fn an_answer_without_a_valid_cosignature_is_refused() {
    let (note, key) = (checkpoint(5), cosigner().verifier());
    let read = |status, body: &str| read_answer(status, body.as_bytes(), &note, &key);
    let line = cosigner().cosign(note.text(), 1);
    let unknown = Cosigner::from_seed("other", &[9; 32]).unwrap();
    let unknown = unknown.cosign(note.text(), 1);
    let answer = read(200, &format!("{unknown}\n{line}\n"));
    assert_eq!(answer, Ok(Answer::Cosigned(line.clone())));
    let not = Err(AnswerError::NotCosigned);
    assert_eq!(read(200, &format!("{unknown}\n")), not);
    assert_eq!(
        read(200, &format!("{}\n", cosigner().cosign("other\n", 1))),
        not
    );
    let malformed = Err(AnswerError::Malformed);
    assert_eq!(read(200, ""), malformed);
    assert_eq!(read(200, &line.to_string()), malformed);
    assert_eq!(read(200, &format!("more\n\n{line}\n")), malformed);
    assert_eq!(
        read(200, &"a".repeat(crate::limits::MAX_NOTE_LEN + 1)),
        malformed
    );
    for body in [
        "",
        "77",
        "077\n",
        "a\n",
        "99999999999999999999999999999999\n",
    ] {
        assert_eq!(read(409, body), malformed);
    }
    assert_eq!(read(500, "x"), Err(AnswerError::Refused { status: 500 }));
}

#[test]
fn memory_of_a_witness_that_is_altered_is_refused() {
    let mut witness = witness();
    witness.add(&request(0, 77).encode(), 1).unwrap();
    let bytes = witness.export();
    let import = |bytes: &[u8]| Witness::import(cosigner(), bytes).map(|_| ());
    assert_eq!(import(&bytes), Ok(()));
    for end in 0..bytes.len() {
        assert_eq!(import(&bytes[..end]), Err(WitnessStateError), "{end}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(import(&longer), Err(WitnessStateError));
    let mut version = bytes.clone();
    version[0] = 2;
    assert_eq!(import(&version), Err(WitnessStateError));
    let mut count = bytes.clone();
    count[1] = 0xff;
    assert_eq!(import(&count), Err(WitnessStateError));
    assert!(Witness::new(cosigner(), vec![log().verifier(); 2]).is_err());
    assert!(Witness::new(cosigner(), vec![cosigner().verifier()]).is_err());
}
