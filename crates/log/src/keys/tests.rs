//! Tests of the keys of a log.

use super::*;
use crate::entry::PolicyKey;
use crate::note::{Cosigner, Signer};

fn log() -> Signer {
    Signer::from_seed("log.example/1", &[1; 32]).unwrap()
}

fn cosigner(name: &str, byte: u8) -> Cosigner {
    Cosigner::from_seed(name, &[byte; 32]).unwrap()
}

fn vault() -> Cosigner {
    cosigner("vault.example", 2)
}

fn witnesses() -> [Cosigner; 3] {
    [3, 4, 5].map(|byte| cosigner("witness.example", byte))
}

fn keys(quorum: usize) -> LogKeys {
    let witnesses = witnesses().iter().map(Cosigner::verifier).collect();
    let policy = Some(PolicyKey::from_seed(&[6; 32]).public_key());
    LogKeys::new(
        log().verifier(),
        vault().verifier(),
        witnesses,
        quorum,
        policy,
    )
    .unwrap()
}

fn checkpoint() -> Note {
    let checkpoint = Checkpoint::new("log.example/1", 0, TreeHash::of_nothing());
    checkpoint.unwrap().sign(&log()).unwrap()
}

/// Adds a cosignature that is valid for the note's text.
fn cosign(note: &mut Note, cosigner: &Cosigner, time: u64) {
    let signature = cosigner.cosign(note.text(), time);
    note.add(signature).unwrap();
}

/// A checkpoint that the vault and two witnesses cosigned.
fn cosigned() -> Note {
    let mut note = checkpoint();
    cosign(&mut note, &vault(), 100);
    let [first, _, third] = witnesses();
    cosign(&mut note, &third, 103);
    cosign(&mut note, &first, 101);
    note
}

#[test]
fn a_checkpoint_with_all_signatures_verifies() {
    let verified = keys(2).verify(&cosigned()).unwrap();
    assert_eq!((verified.size(), verified.vault_time()), (0, 100));
    assert_eq!(verified.root(), &TreeHash::of_nothing());
    assert_eq!(verified.witness_times(), [101, 103]);
    assert_eq!(verified.checkpoint().origin(), keys(2).origin());
    // Signatures of unknown keys do not matter, even bad ones.
    let mut note = cosigned();
    note.add(cosigner("unknown.example", 9).cosign("other\n", 1))
        .unwrap();
    assert!(keys(2).verify(&note).is_ok());
}

#[test]
fn chk139_checkpoint_of_another_log_is_refused() {
    let keys = keys(0);
    let by_another = Signer::from_seed("log.example/1", &[9; 32]).unwrap();
    let checkpoint = Checkpoint::new("log.example/1", 0, TreeHash::of_nothing()).unwrap();
    let mut note = checkpoint.sign(&by_another).unwrap();
    cosign(&mut note, &vault(), 100);
    assert_eq!(keys.verify(&note), Err(CheckpointError::NotOfTheLog));
    // The log's own key under a checkpoint that names another origin.
    let other = Checkpoint::new("log.example/2", 0, TreeHash::of_nothing()).unwrap();
    let mut note = Note::sign(other.to_string(), &log()).unwrap();
    cosign(&mut note, &vault(), 100);
    assert_eq!(keys.verify(&note), Err(CheckpointError::OtherOrigin));
    let mut note = Note::sign("log.example/1\nno size\n".to_owned(), &log()).unwrap();
    cosign(&mut note, &vault(), 100);
    assert_eq!(keys.verify(&note), Err(CheckpointError::Malformed));
    let altered = cosigned().to_string().replace("/1\n0\n", "/1\n1\n");
    let altered = Note::decode(altered.as_bytes()).unwrap();
    let bad = CheckpointError::Note(NoteError::BadSignature);
    assert_eq!(keys.verify(&altered), Err(bad));
}

#[test]
fn chk140_checkpoint_without_the_vault_is_refused() {
    let mut note = checkpoint();
    for witness in witnesses() {
        cosign(&mut note, &witness, 101);
    }
    assert_eq!(keys(3).verify(&note), Err(CheckpointError::NotOfTheVault));
    // The vault itself needs only the others.
    let witnessed = keys(3).verify_for_vault(&note).unwrap();
    assert_eq!(witnessed.witness_times(), [101; 3]);
    assert_eq!((witnessed.size(), witnessed.checkpoint().size()), (0, 0));
    assert_eq!(witnessed.root(), &TreeHash::of_nothing());
    cosign(&mut note, &cosigner("vault.example", 9), 100);
    assert_eq!(keys(3).verify(&note), Err(CheckpointError::NotOfTheVault));
    note.add(vault().cosign("other\n", 100)).unwrap();
    let bad = CheckpointError::Note(NoteError::BadSignature);
    assert_eq!(keys(3).verify(&note), Err(bad));
}

#[test]
fn chk141_checkpoint_with_too_few_witnesses_is_refused() {
    let few = CheckpointError::TooFewWitnesses {
        found: 2,
        quorum: 3,
    };
    assert_eq!(keys(3).verify(&cosigned()), Err(few));
    assert_eq!(keys(3).verify_for_vault(&cosigned()), Err(few));
    // Two cosignatures of one witness are one.
    let [first, ..] = witnesses();
    let again = first.cosign(cosigned().text(), 102);
    let twice = format!("{}{again}\n", cosigned());
    let twice = Note::decode(twice.as_bytes()).unwrap();
    assert_eq!(keys(3).verify(&twice), Err(few));
    assert_eq!(keys(2).verify(&twice).unwrap().witness_times(), [102, 103]);
    let mut bad = cosigned();
    bad.add(first.cosign("other\n", 101)).unwrap();
    let error = CheckpointError::Note(NoteError::BadSignature);
    assert_eq!(keys(0).verify(&bad), Err(error));
}

#[test]
fn the_file_of_keys_round_trips() {
    for keys in [keys(0), keys(3)] {
        assert_eq!(keys.to_string().parse(), Ok(keys));
    }
    let (log, vault) = (log().verifier(), vault().verifier());
    let keys = LogKeys::new(log.clone(), vault.clone(), Vec::new(), 0, None).unwrap();
    assert_eq!(
        keys.to_string(),
        format!("log {log}\nvault {vault}\nquorum 0\n")
    );
    assert_eq!(keys.to_string().parse(), Ok(keys.clone()));
    assert_eq!(
        (keys.log(), keys.vault(), keys.policy()),
        (&log, &vault, None)
    );
    assert_eq!((keys.witnesses(), keys.quorum()), (&[][..], 0));
}

#[test]
fn chk142_keys_that_cannot_be_used_together_are_refused() {
    let of = |log: &Verifier, vault: &Verifier, witnesses: &[Verifier], quorum, policy| {
        LogKeys::new(
            log.clone(),
            vault.clone(),
            witnesses.to_vec(),
            quorum,
            policy,
        )
    };
    let (log, vault) = (log().verifier(), vault().verifier());
    let witnesses = witnesses().map(|witness| witness.verifier());
    let other = Err(KeysError::OtherAlgorithm);
    assert_eq!(of(&vault, &vault, &[], 0, None), other);
    assert_eq!(of(&log, &log, &[], 0, None), other);
    assert_eq!(of(&log, &vault, std::slice::from_ref(&log), 0, None), other);
    assert_eq!(
        of(&log, &vault, &witnesses, 4, None),
        Err(KeysError::Quorum)
    );
    let twice = Err(KeysError::Twice);
    assert_eq!(
        of(&log, &vault, std::slice::from_ref(&vault), 1, None),
        twice
    );
    let [first, ..] = &witnesses;
    assert_eq!(
        of(&log, &vault, &[first.clone(), first.clone()], 2, None),
        twice
    );
    // One key under two names could count as two witnesses.
    let renamed = Verifier::new("other.example", Algorithm::Cosignature, first.key()).unwrap();
    assert_eq!(of(&log, &vault, &[first.clone(), renamed], 2, None), twice);
    let policy = PolicyPublicKey::from_bytes(log.key());
    assert_eq!(of(&log, &vault, &[], 0, policy), twice);
    let witness = |byte| cosigner("witness.example", byte).verifier();
    let most: Vec<_> = (10..24).map(witness).collect();
    assert!(of(&log, &vault, &most, 14, None).is_ok());
    let more: Vec<_> = (10..25).map(witness).collect();
    assert_eq!(
        of(&log, &vault, &more, 1, None),
        Err(KeysError::TooManyWitnesses)
    );
    let promise = Signer::from_seed("waxseal.promise/1", &[1; 32]).unwrap();
    let malformed = Err(KeysError::Malformed);
    assert_eq!(of(&promise.verifier(), &vault, &[], 0, None), malformed);
}

#[test]
fn a_file_of_keys_of_another_form_is_refused() {
    let text = keys(2).to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 7);
    let malformed = Err::<LogKeys, _>(KeysError::Malformed);
    for without in [0, 1, 5] {
        let mut lines = lines.clone();
        lines.remove(without);
        assert_eq!((lines.join("\n") + "\n").parse(), malformed, "{without}");
    }
    for at in 0..6 {
        let mut lines = lines.clone();
        lines.swap(at, 6);
        assert_eq!((lines.join("\n") + "\n").parse(), malformed, "{at}");
    }
    assert_eq!(text.trim_end().parse(), malformed);
    assert_eq!(format!("{text}\n").parse(), malformed);
    assert_eq!(format!("{text}more 1\n").parse(), malformed);
    assert_eq!(text.replace("quorum 2", "quorum 02").parse(), malformed);
    assert_eq!(text.replace("policy ", "policy  ").parse(), malformed);
    assert_eq!(
        "a".repeat(MAX_KEYS_LEN + 1).parse(),
        Err::<LogKeys, _>(KeysError::TooLong)
    );
    let key = text
        .replacen("witness.example+", "witness.example+0", 1)
        .parse::<LogKeys>();
    assert_eq!(key, Err(KeysError::Key(VerifierError::Malformed)));
}
