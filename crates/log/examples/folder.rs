//! Keeps a log in a folder: appends entries, publishes tiles, and signs, witnesses and archives
//! checkpoints.
//!
//! ```text
//! cargo run -p waxseal-log --example folder -- DIR [ENTRIES]
//! ```
//!
//! The folder is what a provider publishes: `keys`, `checkpoint`, `checkpoints/<size>`, `tile/…`.

use std::error::Error;
use std::fs;
use std::io;
use std::path::PathBuf;

use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::entry::{Day, Detail, Entry, Event, Number, PolicyKey, Purpose, ReasonCode};
use waxseal_log::keys::LogKeys;
use waxseal_log::note::{Cosigner, Note, Signer};
use waxseal_log::proof::prove_consistency;
use waxseal_log::tiles::{ReadTiles, bundle_path, encode_bundle, hash_tile_path};
use waxseal_log::tree::Appender;
use waxseal_log::witness::{AddCheckpoint, Answer, Witness, read_answer};

const ORIGIN: &str = "log.example/1";
/// 2026-11-28, in seconds since 1970-01-01.
const START_SECS: u64 = 1_795_824_000;

/// A log in a folder.
struct Folder(PathBuf);

impl Folder {
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)
    }
}

impl ReadTiles for Folder {
    type Error = io::Error;

    fn hashes(&self, level: u8, index: u64, width: u16) -> io::Result<Vec<u8>> {
        // A partial tile may already have been deleted in favour of the full one.
        fs::read(self.0.join(hash_tile_path(level, index, width)))
            .or_else(|_| fs::read(self.0.join(hash_tile_path(level, index, 256))))
    }
}

/// The secret keys, each of which has another holder in production.
struct Secrets {
    log: Signer,
    vault: Cosigner,
    witness: Witness,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: folder DIR [ENTRIES]")?;
    let count: usize = arguments.next().as_deref().unwrap_or("5000").parse()?;
    let folder = Folder(folder.into());
    let rng = &mut rand::rng();

    let log = Signer::generate(ORIGIN, rng)?;
    let vault = Cosigner::generate("vault.example/1", rng)?;
    let witness = Cosigner::generate("witness.example/1", rng)?;
    let witness = Witness::new(witness, vec![log.verifier()])?;
    let policy = Some(PolicyKey::generate(rng).public_key());
    let witnesses = vec![witness.verifier()];
    let keys = LogKeys::new(log.verifier(), vault.verifier(), witnesses, 1, policy)?;
    folder.write("keys", keys.to_string().as_bytes())?;
    let mut secrets = Secrets {
        log,
        vault,
        witness,
    };

    let mut entries: Vec<Vec<u8>> = Vec::new();
    // Some batches end where a tile does, or one entry before or after it.
    for size in [1, 255, 256, 257, 1_000, 4_096, count] {
        if (entries.len()..=count).contains(&size) {
            let old = entries.len();
            while entries.len() < size {
                entries.push(entry(entries.len(), rng)?.encode());
            }
            publish(&folder, &keys, &mut secrets, old, &entries)?;
        }
    }
    Ok(())
}

/// An entry: a report is received, sorted and opened.
fn entry(index: usize, rng: &mut impl rand_core::CryptoRng) -> Result<Entry, Box<dyn Error>> {
    let mark = waxseal_log::entry::Mark::from_bytes(*Number::generate(rng).as_bytes());
    let reason = ReasonCode::from_number(2).ok_or("a reason is 1 to 16")?;
    let purpose = Purpose::UserReport;
    let event = match index % 3 {
        0 => Event::ReportReceived,
        1 => Event::ReportSorted { reason },
        _ => Event::ContentOpened { purpose, mark },
    };
    let detail = Detail::new(b"what the entry is about".to_vec(), rng)?;
    Ok(Entry {
        day: Day::of_ms(START_SECS.saturating_mul(1_000)),
        number: Number::generate(rng),
        event,
        digest: detail.digest(),
    })
}

/// Appends the entries from `old` on, and publishes tiles and a checkpoint.
fn publish(
    folder: &Folder,
    keys: &LogKeys,
    secrets: &mut Secrets,
    old: usize,
    entries: &[Vec<u8>],
) -> Result<(), Box<dyn Error>> {
    // Continue the tree in the folder. First store the tiles, then sign.
    let old_size = u64::try_from(old)?;
    let mut appender = Appender::resume(old_size, folder)?;
    for entry in entries.iter().skip(old) {
        appender.append(Entry::decode(entry)?.leaf_hash());
    }
    for tile in appender.take_changed() {
        folder.write(&tile.path(), &tile.bytes)?;
    }
    for (index, bundle) in (0..).zip(entries.chunks(256)).skip(old / 256) {
        let path = bundle_path(index, u16::try_from(bundle.len())?);
        folder.write(&path, &encode_bundle(bundle))?;
    }
    let size = appender.size();
    let mut note = Checkpoint::new(ORIGIN, size, appender.root())?.sign(&secrets.log)?;

    // The witness checks that the log only grew. The vault checks more, and cosigns last.
    let now = START_SECS.saturating_add(size);
    let proof = prove_consistency(old_size, size, folder)?;
    witness(&mut secrets.witness, old_size, proof, &mut note, now)?;
    note.add(secrets.vault.cosign(note.text(), now))?;

    let verified = keys.verify(&Note::decode(&note.encode())?)?;
    folder.write(&format!("checkpoints/{}", verified.size()), &note.encode())?;
    folder.write("checkpoint", &note.encode())?;
    Ok(())
}

/// Asks a witness for its cosignature. In production this is an HTTP request.
fn witness(
    witness: &mut Witness,
    old: u64,
    proof: Vec<waxseal_log::tree::TreeHash>,
    note: &mut Note,
    now_secs: u64,
) -> Result<(), Box<dyn Error>> {
    let body = AddCheckpoint {
        old,
        proof,
        note: note.clone(),
    };
    let (status, body) = match witness.add(&body.encode(), now_secs) {
        Ok(line) => (200, format!("{line}\n")),
        Err(refusal) => (refusal.status(), refusal.body()),
    };
    match read_answer(status, body.as_bytes(), note, &witness.verifier())? {
        Answer::Cosigned(line) => Ok(note.add(line)?),
        Answer::OtherSize(size) => Err(format!("the witness last saw size {size}").into()),
    }
}
