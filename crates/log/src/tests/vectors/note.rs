//! Makes `note.json`: keys, notes, checkpoints and their signatures.

use super::*;
use crate::checkpoint::Checkpoint;
use crate::keys::LogKeys;
use crate::note::{Algorithm, Cosigner, Signer, Verifier};

pub(super) fn decode_vkey(input: Input<'_>) -> Outcome {
    let vkey: Verifier = input.get("vkey").text().parse().map_err(refused)?;
    assert_eq!(vkey.to_string(), input.get("vkey").text());
    let algorithm = match vkey.algorithm() {
        Algorithm::Note => 1,
        Algorithm::Cosignature => 4,
    };
    Ok(json!({ "name": vkey.name(), "algorithm": algorithm, "public_key": hex(vkey.key()), "key_id": hex(vkey.id()) }))
}

pub(super) fn decode_note(input: Input<'_>) -> Outcome {
    let bytes = input.get("bytes").bytes();
    let note = Note::decode(&bytes).map_err(refused)?;
    assert_eq!(note.encode(), bytes);
    let signers: Vec<_> = note.signatures().iter().map(|one| json!({ "name": one.name(), "key_id": hex(one.id()) })).collect();
    Ok(json!({ "text": note.text(), "signatures": signers }))
}

pub(super) fn decode_checkpoint(input: Input<'_>) -> Outcome {
    let text = input.get("text").text();
    let checkpoint = Checkpoint::decode(text).map_err(refused)?;
    assert_eq!(checkpoint.to_string(), text);
    Ok(json!({
        "origin": checkpoint.origin(), "size": checkpoint.size(), "root": hash_hex(checkpoint.root()),
        "lines": checkpoint.extensions(),
    }))
}

pub(super) fn decode_keys(input: Input<'_>) -> Outcome {
    let text = input.get("keys").text();
    let keys: LogKeys = text.parse().map_err(refused)?;
    assert_eq!(keys.to_string(), text);
    Ok(json!({
        "origin": keys.origin(), "quorum": keys.quorum(), "witnesses": keys.witnesses().len(),
        "policy_key": keys.policy().map(|key| hex(key.as_bytes())),
    }))
}

pub(super) fn verify_checkpoint(input: Input<'_>) -> Outcome {
    let keys: LogKeys = input.get("keys").text().parse().map_err(refused)?;
    let checkpoint = keys.verify(&note_of(input.get("note"))?).map_err(refused)?;
    Ok(json!({
        "size": checkpoint.size(), "root": hash_hex(checkpoint.root()), "vault_time": checkpoint.vault_time(),
        "witness_times": checkpoint.witness_times(),
    }))
}

#[test]
fn notes() {
    let mut file = Vectors::new(
        CRATE,
        "note.json",
        "Keys, notes, checkpoints and their signatures. SPEC.md, “Notes”, “Checkpoints”, “Keys of a log”.",
        "log key of the seed 32 x 11, vault 32 x 22, witnesses 32 x 31, 32 and 33, policy key 32 x 44",
    );
    vkeys(&mut file);
    forms(&mut file);
    checkpoints(&mut file);
    files_of_keys(&mut file);
    signatures(&mut file);
    file.finish();
}

fn vkeys(file: &mut Vectors) {
    let world = World::new();
    let (log, vault) = (world.log.verifier().to_string(), world.vault.verifier().to_string());
    file.passes("vkey-log", "a key for notes", "decode_vkey", json!({ "vkey": log }));
    file.passes("vkey-vault", "a key for cosignatures", "decode_vkey", json!({ "vkey": vault }));
    let mut fails = |id: &str, comment: &str, vkey: String| {
        file.fails(id, comment, "decode_vkey", json!({ "vkey": vkey }), 146);
    };
    let (name, rest) = log.split_once('+').unwrap();
    let (id, key) = rest.split_once('+').unwrap();
    fails("vkey-name", "the id of another name", format!("x{log}"));
    fails("vkey-id", "another id", format!("{name}+00000000+{key}"));
    fails("vkey-id-upper", "the id in capitals", format!("{name}+{}+{key}", id.to_uppercase()));
    fails("vkey-no-name", "no name", format!("+{id}+{key}"));
    fails("vkey-space", "a name with a space", format!("a b+{id}+{key}"));
    fails("vkey-parts", "two parts", format!("{name}+{id}"));
    fails("vkey-base64", "the key is not base64", format!("{name}+{id}+{key}="));
    fails("vkey-short", "a key of 29 bytes", format!("{name}+{id}+{}", &key[..40]));
    fails("vkey-empty", "no text", String::new());
    // Algorithm 06 is ML-DSA-44, which this version does not know.
    fails("vkey-algorithm", "an unknown algorithm", format!("{name}+{id}+B{}", &key[1..]));
    fails("vkey-newline", "a newline at the end", format!("{log}\n"));
    fails("vkey-weak", "a key of small order", vkey_of("weak", &[1]));
    fails("vkey-canonical", "a key that is not in its canonical form", vkey_of("twice", &{
        let mut key = [0xff; 32];
        (key[0], key[31]) = (0xee, 0x7f);
        key
    }));
}

/// The vkey of a public key, which may be an invalid one.
fn vkey_of(name: &str, start: &[u8]) -> String {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};
    let mut key = vec![1; 33];
    key[1..].fill(0);
    key[1..=start.len()].copy_from_slice(start);
    let mut hash = Sha256::new_with_prefix(name);
    hash.update(b"\n");
    hash.update(&key);
    let id: [u8; 32] = hash.finalize().into();
    format!("{name}+{}+{}", hex(&id[..4]), base64::engine::general_purpose::STANDARD.encode(key))
}

fn forms(file: &mut Vectors) {
    let world = World::new();
    let mut note = world.signed(0);
    note.add(world.vault.cosign(note.text(), 1)).unwrap();
    let text = note.to_string();
    let input = |text: &str| json!({ "bytes": hex(text) });
    file.passes("note", "a note with two signatures", "decode_note", input(&text));
    let many = |count: usize| {
        let line = text.lines().nth(4).unwrap();
        let lines = format!("{line}\n").repeat(count);
        format!("{}\n{lines}", note.text())
    };
    file.passes("note-32", "32 signatures", "decode_note", input(&many(32)));
    let empty = text.replace("example/log\n0\n", "example/log\n\n0\n");
    file.passes("note-empty-line", "a text with an empty line", "decode_note", input(&empty));
    let padded = |len: usize| {
        let padding = "a".repeat(len - text.len() - 1);
        format!("{padding}\n{text}")
    };
    file.passes("note-longest", "65,536 bytes", "decode_note", input(&padded(65_536)));
    let mut fails = |id: &str, comment: &str, bad: Value| file.fails(id, comment, "decode_note", bad, 136);
    fails("note-too-long", "65,537 bytes", input(&padded(65_537)));
    fails("note-33", "33 signatures", input(&many(33)));
    fails("note-0", "no signatures", input(&many(0)));
    fails("note-nothing", "no bytes", input(""));
    fails("note-end", "no newline at the end", input(text.trim_end()));
    fails("note-after", "an empty line at the end", input(&format!("{text}\n")));
    fails("note-no-text", "no text", input(text.split_at(note.text().len()).1));
    fails("note-control", "a tab in the text", input(&text.replace("\n0\n", "\n0\t\n")));
    fails("note-return", "lines that end as on Windows", input(&text.replace('\n', "\r\n")));
    fails("note-dash", "a hyphen in place of the dash", input(&text.replace('\u{2014}', "-")));
    fails("note-base64", "a signature that is not base64", input(&text.replacen("log ", "log =", 1)));
    let short = format!("{}\n\u{2014} name AAAAAA==\n", note.text());
    fails("note-short", "a signature of no bytes", input(&short));
    let space = format!("{}\n\u{2014} two names AAAAAAA=\n", note.text());
    fails("note-name", "a name with a space", input(&space));
    let plus = format!("{}\n\u{2014} na+me AAAAAAA=\n", note.text());
    fails("note-plus", "a name with a plus", input(&plus));
    fails("note-utf8", "bytes that are not UTF-8", flipped(&input(&text), "bytes", 3, 0x80));
}

fn checkpoints(file: &mut Vectors) {
    let text = World::new().signed(0).text().to_owned();
    let input = |text: &str| json!({ "text": text });
    file.passes("checkpoint", "the checkpoint of the empty log", "decode_checkpoint", input(&text));
    let more = format!("{text}one line\nand another\n");
    file.passes("checkpoint-lines", "extension lines are kept", "decode_checkpoint", input(&more));
    let largest = text.replace("\n0\n", "\n9223372036854775807\n");
    file.passes("checkpoint-largest", "the largest size", "decode_checkpoint", input(&largest));
    let mut fails = |id: &str, comment: &str, bad: String| {
        file.fails(id, comment, "decode_checkpoint", input(&bad), 138);
    };
    fails("checkpoint-size", "a size above 2^63 - 1", text.replace("\n0\n", "\n9223372036854775808\n"));
    fails("checkpoint-zero", "a size with a leading zero", text.replace("\n0\n", "\n00\n"));
    fails("checkpoint-plus", "a size with a sign", text.replace("\n0\n", "\n+0\n"));
    fails("checkpoint-no-size", "no size", text.replace("\n0\n", "\n\n"));
    fails("checkpoint-origin", "no origin", text.replace(ORIGIN, ""));
    fails("checkpoint-origin-256", "an origin of 256 bytes", text.replace(ORIGIN, &"o".repeat(256)));
    fails("checkpoint-promise", "the first line of a promise", text.replace(ORIGIN, "waxseal.promise/1"));
    fails("checkpoint-root", "a root of 31 bytes", text.replace("47DE", ""));
    fails("checkpoint-end", "no newline at the end", text.trim_end().to_owned());
    fails("checkpoint-empty-line", "an empty extension line", format!("{text}\n"));
    fails("checkpoint-short", "no root", text.lines().take(2).map(|line| format!("{line}\n")).collect());
}

fn files_of_keys(file: &mut Vectors) {
    let world = World::new();
    let good = world.keys().to_string();
    let input = |text: &str| json!({ "keys": text });
    file.passes("keys", "three witnesses, of which two must cosign, and a policy key", "decode_keys", input(&good));
    let line = |n: usize| format!("{}\n", good.lines().nth(n).unwrap());
    let policy = good.replace(&line(6), "");
    file.passes("keys-no-policy", "no policy key", "decode_keys", input(&policy));
    let alone = format!("{}{}quorum 0\n", line(0), line(1));
    file.passes("keys-no-witness", "no witnesses", "decode_keys", input(&alone));
    let witness = |n: u8| Cosigner::from_seed(&format!("x{n}.example"), &[n; 32]).unwrap().verifier();
    let many = |count: u8| {
        let witnesses: String = (100..100 + count).map(|n| format!("witness {}\n", witness(n))).collect();
        format!("{}{}{witnesses}quorum 1\n", line(0), line(1))
    };
    file.passes("keys-14", "14 witnesses", "decode_keys", input(&many(14)));
    let mut fails = |id: &str, comment: &str, bad: String| file.fails(id, comment, "decode_keys", input(&bad), 142);
    fails("keys-15", "15 witnesses", many(15));
    fails("keys-quorum", "more than there are witnesses", good.replace("quorum 2", "quorum 4"));
    fails("keys-quorum-zero", "a quorum with a leading zero", good.replace("quorum 2", "quorum 02"));
    fails("keys-twice", "a witness twice", good.replace(&line(3), &line(2)));
    fails("keys-vault-witness", "the vault as a witness", good.replace(&line(2), &line(1).replace("vault ", "witness ")));
    fails("keys-log-vault", "the log's key for the vault", good.replace(&line(1), &line(0).replacen("log ", "vault ", 1)));
    fails("keys-vault-log", "the vault's key for the log", good.replace(&line(0), &line(1).replacen("vault ", "log ", 1)));
    fails("keys-no-log", "no key of the log", good.replace(&line(0), ""));
    fails("keys-no-vault", "no key of the vault", good.replace(&line(1), ""));
    fails("keys-no-quorum", "no quorum", good.replace(&line(5), ""));
    fails("keys-order", "the vault first", format!("{}{}quorum 0\n", line(1), line(0)));
    fails("keys-unknown", "an unknown line", format!("{good}more\n"));
    fails("keys-end", "no newline at the end", good.trim_end().to_owned());
    fails("keys-policy", "a policy key of 31 bytes", good.replace(&line(6), &format!("policy {}\n", "A".repeat(40))));
    fails("keys-empty", "no text", String::new());
    fails("keys-long", "longer than 16,384 bytes", format!("{good}{}", "a".repeat(16_384)));
    let promise = Signer::from_seed("waxseal.promise/1", &[0x11; 32]).unwrap().verifier();
    fails("keys-promise", "a log with the name of a promise", good.replace(&line(0), &format!("log {promise}\n")));
}

fn signatures(file: &mut Vectors) {
    let world = World::new();
    let keys = world.keys().to_string();
    let good = world.checkpoint(0, 1_728_000_000);
    let input = |note: &Note| json!({ "keys": keys, "note": note.to_string() });
    let verify = "verify_checkpoint";
    file.passes("signed", "signed by the log, cosigned by the vault and two witnesses", verify, input(&good));
    let text = good.text().to_owned();
    // Each with all signatures except some.
    let without = |names: &[&str]| {
        let mut note = world.signed(0);
        for cosigner in world.witnesses.iter().take(2).chain([&world.vault]) {
            if !names.contains(&cosigner.verifier().name()) {
                note.add(cosigner.cosign(&text, 1_728_000_000)).unwrap();
            }
        }
        note
    };
    let mut more = good.clone();
    more.add(world.witnesses[2].cosign(&text, 1_728_000_060)).unwrap();
    more.add(Cosigner::from_seed("unknown.example", &[9; 32]).unwrap().cosign(&text, 7)).unwrap();
    file.passes("signed-more", "three witnesses, and a key that is not known", verify, input(&more));
    let other = |name: &str| Cosigner::from_seed(name, &[9; 32]).unwrap().cosign(&text, 7);
    let mut same_name = good.clone();
    same_name.add(other("w49.example")).unwrap();
    file.passes("signed-name", "a key with the name of a witness and another id", verify, input(&same_name));
    file.fails("signed-vault", "no cosignature of the vault", verify, input(&without(&["desk.example/vault"])), 140);
    let mut vault = without(&["desk.example/vault"]);
    vault.add(other("desk.example/vault")).unwrap();
    file.fails("signed-vault-other", "another key with the vault's name", verify, input(&vault), 140);
    file.fails("signed-one-witness", "one witness", verify, input(&without(&["w50.example"])), 141);
    file.fails("signed-no-witness", "no witness", verify, input(&without(&["w49.example", "w50.example"])), 141);
    let unsigned = |note: &Note| with(&input(note), "note", lines_without(note, ORIGIN));
    file.fails("signed-not", "no signature of the log", verify, unsigned(&good), 139);
    let elsewhere = Note::sign(text.replace(ORIGIN, "other.example"), &world.log).unwrap();
    file.fails("signed-origin", "the checkpoint of another log, signed by this log's key", verify, input(&elsewhere), 139);
    let promise = Note::sign(format!("{}x\n", text.replace(ORIGIN, "waxseal.promise/1")), &world.log).unwrap();
    file.fails("signed-promise", "a promise, signed by the log's key", verify, input(&promise), 138);
    // A wrong signature of a known key refuses the note, even if all others are right.
    let changed = good.to_string().replace("\n0\n", "\n1\n");
    file.fails("signed-changed", "another size than was signed", verify, with(&input(&good), "note", changed), 137);
    for (id, name) in [("log", ORIGIN), ("vault", "desk.example/vault"), ("witness", "w50.example")] {
        let bad = with(&input(&more), "note", with_bad_signature(&more, name));
        file.fails(&format!("signed-bad-{id}"), "one wrong bit in this signature", verify, bad, 137);
    }
    let bad = with(&input(&more), "note", with_bad_signature(&more, "w51.example"));
    file.fails("signed-bad-spare", "a wrong signature of a witness that is not needed", verify, bad, 137);
    let mut far = without(&["desk.example/vault"]);
    far.add(world.vault.cosign(&text, 1 << 63)).unwrap();
    file.fails("signed-time", "a time above 2^63 - 1", verify, input(&far), 137);
    file.fails("signed-form", "not a note", verify, with(&input(&good), "note", text.clone()), 136);
}

/// The note without the signatures of the key with this name.
fn lines_without(note: &Note, name: &str) -> String {
    let start = format!("\u{2014} {name} ");
    let lines = note.to_string();
    lines.split_inclusive('\n').filter(|line| !line.starts_with(&start)).collect()
}

/// The note with one changed bit in the last bytes of this key's signature.
pub(super) fn with_bad_signature(note: &Note, name: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let start = format!("\u{2014} {name} ");
    let change = |line: &str| match line.strip_prefix(&start) {
        None => line.to_owned(),
        Some(signature) => {
            let mut bytes = STANDARD.decode(signature.trim_end()).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            format!("{start}{}\n", STANDARD.encode(bytes))
        }
    };
    note.to_string().split_inclusive('\n').map(change).collect()
}
