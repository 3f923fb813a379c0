//! Makes `witness.json`: cosignatures and the witness protocol.

use super::*;
use crate::note::{Cosigner, Verifier};
use crate::proof::prove_consistency;
use crate::tests::rfc6962::root_of;
use crate::tiles::{ReadTiles, tile_width};
use crate::witness::{AddCheckpoint, Answer, Witness};

pub(super) fn cosign(input: Input<'_>) -> Outcome {
    let cosigner = cosigner_of(input);
    let signature = cosigner.cosign(input.get("text").text(), input.get("time_secs").number());
    Ok(json!({ "line": signature.to_string(), "vkey": cosigner.verifier().to_string() }))
}

fn cosigner_of(input: Input<'_>) -> Cosigner {
    Cosigner::from_seed(input.get("name").text(), &input.get("seed").array()).unwrap()
}

pub(super) fn add_checkpoint(input: Input<'_>) -> Outcome {
    // 01 || count be16 || for each log: length be16 || vkey || size be64 || root 32
    let mut witness = Witness::import(cosigner_of(input), &input.get("state").bytes()).unwrap();
    let before = witness.export();
    match witness.add(&input.get("body").bytes(), input.get("time_secs").number()) {
        Ok(signature) => Ok(json!({ "line": signature.to_string(), "state": hex(witness.export()) })),
        Err(refusal) => {
            assert_eq!(witness.export(), before);
            Err(refused(refusal))
        }
    }
}

pub(super) fn read_answer(input: Input<'_>) -> Outcome {
    let vkey: Verifier = input.get("vkey").text().parse().map_err(refused)?;
    let (status, body) = (input.get("status").number(), input.get("body").bytes());
    match crate::witness::read_answer(status, &body, &note_of(input.get("note"))?, &vkey) {
        Ok(Answer::Cosigned(signature)) => Ok(json!({ "line": signature.to_string() })),
        Ok(Answer::OtherSize(size)) => Ok(json!({ "size": size })),
        Err(error) => Err(refused(error)),
    }
}

/// The tiles of a small log.
struct Tiles(Vec<TreeHash>);

impl ReadTiles for Tiles {
    type Error = core::convert::Infallible;

    fn hashes(&self, level: u8, index: u64, width: u16) -> Result<Vec<u8>, Self::Error> {
        assert_eq!(width, tile_width(self.0.len() as u64, level, index));
        Ok(self.0.iter().flat_map(|hash| *hash.as_bytes()).collect())
    }
}

#[test]
fn witnesses() {
    let mut file = Vectors::new(
        CRATE,
        "witness.json",
        "Cosignatures and the witness protocol. SPEC.md, “Notes”, “Witnesses”.",
        "the log of the story, witness key of the seed 32 x 31",
    );
    let world = Story::new().world;
    let text = world.signed(3).text().to_owned();
    let key = json!({ "name": "w49.example", "seed": hex([0x31; 32]), "text": text, "time_secs": noon(DAY) });
    file.passes("cosign", "a cosignature", "cosign", key.clone());
    file.passes("cosign-0", "a cosignature without a time", "cosign", with(&key, "time_secs", 0));
    requests(&mut file, &world);
    answers(&mut file, &world);
    file.finish();
}

fn requests(file: &mut Vectors, world: &World) {
    let leaves = world.leaves();
    let state = |size: usize, root: &TreeHash| {
        let vkey = world.log.verifier().to_string();
        let mut out = vec![1, 0, 1];
        out.extend((vkey.len() as u16).to_be_bytes());
        out.extend(vkey.as_bytes());
        out.extend((size as u64).to_be_bytes());
        out.extend(root.as_bytes());
        hex(out)
    };
    let request = |old: u64, new: usize| {
        let proof = prove_consistency(old, new as u64, &Tiles(leaves[..new].to_vec())).unwrap();
        AddCheckpoint { old, proof, note: world.signed(new) }
    };
    let input = |size: usize, request: &AddCheckpoint| json!({
        "name": "w49.example", "seed": hex([0x31; 32]), "time_secs": noon(DAY),
        "state": state(size, &root_of(&leaves[..size])), "body": hex(request.encode()),
    });
    let add = "add_checkpoint";
    for (old, new) in [(0, 0), (0, 5), (3, 11), (8, 15), (11, 11)] {
        let good = input(old as usize, &request(old, new));
        file.passes(&format!("add-{old}-{new}"), "a log that grew", add, good);
    }
    let good = request(3, 11);
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, add, bad, check);
    let body = |change: fn(String) -> String| {
        let text = String::from_utf8(good.encode()).unwrap();
        with(&input(3, &good), "body", hex(change(text)))
    };
    fails("add-empty", "no body", body(|_| String::new()), 143);
    fails("add-old", "no old size", body(|text| text.replacen("old 3\n", "", 1)), 143);
    fails("add-old-zero", "an old size with a leading zero", body(|text| text.replacen("old 3", "old 03", 1)), 143);
    fails("add-hash", "a hash of 31 bytes", body(|text| text.replacen('=', "A", 1)), 143);
    fails("add-no-end", "no empty line after the proof", body(|text| text.replacen("\n\n", "\n", 1)), 143);
    fails("add-long", "longer than 69,632 bytes", body(|text| format!("{}{}", "a".repeat(69_632), text)), 143);
    let many = AddCheckpoint { proof: vec![leaves[0]; 64], ..good.clone() };
    fails("add-64", "64 hashes", input(3, &many), 143);
    let large = AddCheckpoint { old: 12, ..good.clone() };
    fails("add-old-large", "an old size that is larger than the checkpoint", input(3, &large), 143);
    let unknown = crate::note::Signer::from_seed("other.example", &[0x11; 32]).unwrap();
    let unknown = Note::sign(good.note.text().replace(ORIGIN, "other.example"), &unknown).unwrap();
    fails("add-unknown", "an unknown log", input(3, &AddCheckpoint { note: unknown, ..good.clone() }), 143);
    let other = crate::note::Signer::from_seed(ORIGIN, &[0x12; 32]).unwrap();
    let other = Note::sign(good.note.text().to_owned(), &other).unwrap();
    fails("add-unsigned", "signed by another key", input(3, &AddCheckpoint { note: other, ..good.clone() }), 143);
    fails("add-stale", "a proof from an older size than the witness's", input(5, &good), 144);
    fails("add-ahead", "a proof from a newer size than the witness's", input(2, &good), 144);
    fails("add-same", "the same size with another root", with(&input(11, &request(11, 11)), "state", state(11, &leaves[0])), 144);
    fails("add-fork", "a log that does not continue", with(&input(3, &good), "state", state(3, &leaves[0])), 145);
    let short = AddCheckpoint { proof: good.proof[1..].to_vec(), ..good.clone() };
    fails("add-short", "a hash is missing", input(3, &short), 145);
}

fn answers(file: &mut Vectors, world: &World) {
    let note = world.signed(11);
    let witness = &world.witnesses[0];
    let line = format!("{}\n", witness.cosign(note.text(), noon(DAY)));
    let input = |status: u16, body: &str| json!({
        "status": status, "body": hex(body), "note": note.to_string(), "vkey": witness.verifier().to_string(),
    });
    let read = "read_answer";
    file.passes("answer", "a cosignature", read, input(200, &line));
    let other = world.witnesses[1].cosign(note.text(), noon(DAY));
    file.passes("answer-two", "two cosignatures, one of a key that was not asked", read, input(200, &format!("{other}\n{line}")));
    file.passes("answer-size", "the size of which the witness knows", read, input(409, "7\n"));
    let mut fails = |id: &str, comment: &str, bad: Value| file.fails(id, comment, read, bad, 137);
    fails("answer-other", "a cosignature of another witness", input(200, &format!("{other}\n")));
    let elsewhere = witness.cosign(world.signed(10).text(), noon(DAY));
    fails("answer-elsewhere", "a cosignature of another checkpoint", input(200, &format!("{elsewhere}\n")));
}
